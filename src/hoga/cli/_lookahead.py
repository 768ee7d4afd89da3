"""cli._lookahead: `hoga trade STRATEGY --mode backtest --check-lookahead`: does it decide by what it had seen, and by nothing else?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hoga.cli._output import note, print_json, print_text
from hoga.cli._recorded import time_of

if TYPE_CHECKING:
    from hoga.app.backtest.lookahead import Check, Piece

__all__ = ["run_lookahead"]


def run_lookahead(
    strategy: str,
    symbols: tuple[str, ...],
    config: Path | None,
    settings: list[str] | None,
    data: Path | None,
    *,
    params: Mapping[str, str],
    start: str | None,
    end: str | None,
    bars: Path | None,
    as_json: bool,
) -> int:
    """Exit status 0: the same decisions from every piece, and nothing else was used. Raises as a backtest."""
    from hoga.app.backtest.lookahead import check_lookahead
    from hoga.app.backtest.run import plan_backtest
    from hoga.cli.run import load_for_run, logging_of

    loaded = load_for_run(config, settings, data)
    start_ns, end_ns = time_of("--start", start), time_of("--end", end)
    with logging_of(loaded.program):
        found = check_lookahead(
            lambda from_ns, to_ns: plan_backtest(
                loaded,
                strategy,
                symbols,
                start_ns=start_ns if from_ns is None else from_ns,
                end_ns=end_ns if to_ns is None else to_ns,
                params=params,
                bars=bars,
            ),
            on_run=lambda what: None if as_json else note(what),
            recordings=() if bars is None else (bars,),
        )
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0 if found.ok else 1


def _show(found: Check) -> None:
    for each in found.uses:
        print_text(f"it uses {each}")
    for blind in found.blind:
        print_text(f"not seen: {blind}")
    _tell("run again, the same span", found.again)
    for piece in found.pieces:
        _tell(f"run up to {piece.end}", piece)
    for line in found.lines:
        apart = "not enough bars" if line.apart is None else f"{line.apart * 100:.4f} % apart"
        print_text(f"{line.line} begun at {line.start}: {apart}")
    if found.ok:
        print_text(f"{found.decisions} decisions: each was made by what it had seen")


def _tell(what: str, piece: Piece) -> None:
    print_text(f"{what}: {piece.decisions} decisions, {piece.differences} differences")
    if piece.first is not None:
        for name, said in (("whole", piece.first.journal), ("piece", piece.first.now)):
            print_text(f"  {name}: {'nothing' if said is None else f'{said.kind} {said.fields}'[:200]}")
