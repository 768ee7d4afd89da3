"""cli._verify: `hoga trade STRATEGY --verify JOURNAL`: what was decided is decided again, and what is not the same is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hoga.cli._output import note, print_json, print_text
from hoga.core.errors import ConfigError, ConfigMistake

if TYPE_CHECKING:
    from hoga.app.backtest.proof import Proof
    from hoga.trading.proof import Said

__all__ = ["run_verify"]

_SHOWN = 200


def run_verify(
    strategy: str,
    journal: Path,
    config: Path | None,
    settings: list[str] | None,
    data: Path | None,
    *,
    params: Mapping[str, str],
    as_json: bool,
) -> int:
    """Exit status 0: every decision is the same; 1: not, or it cannot be proven. Raises ConfigError, ArchiveError, OSError."""
    from hoga.app.backtest.archived import frames_of
    from hoga.app.backtest.proof import journal_at, prove, strategies_again
    from hoga.cli.run import load_for_run

    folder = journal_at(journal)
    if folder is None:
        raise ConfigError([ConfigMistake("command line", None, "--verify", str(journal), "a trader's folder, or the journal in it")])
    loaded = load_for_run(config, settings, data) if config is not None or settings else None
    recorded = loaded or load_for_run(None, settings, data or folder.parent)
    found = prove(
        folder,
        strategies_again(strategy, loaded, params),
        archive=frames_of(recorded),
        on_life=lambda life: None if as_json else note(f"life {life}"),
    )
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0 if found.ok else 1


def _show(found: Proof) -> None:
    first = found.first
    counts = f"{found.decisions} decisions of {found.lives} lives decided again, from {found.entries} frames and timers"
    print_text(f"{counts}: {found.differences} differences in {found.records} records")
    if found.archived:
        print_text(f"without a tape, by the frames of the archive: life {', '.join(map(str, found.archived))}")
    for each in found.unproven:
        tail = "its last turn, it was killed" if each.cut else "not looked at" if each.removed else "not proven"
        print_text(f"life {each.life} from entry {each.entry} on ({each.at}): {tail}: {each.why}")
    if (fills := found.fills) is not None and fills.paired:
        text = f"{fills.price_bp_mean:+.2f} bp worse on average, {fills.later_ms_median:+.0f} ms later in the median"
        alone = f"{fills.only_paper} fills on paper only, {fills.only_real} real only"
        print_text(f"the same orders on paper: {fills.paired} fills in pairs, {text}; {alone}")
    if first is None:
        return
    place = first.place
    where = f"life {place.life}, entry {place.entry} of the tape" + (f", event {place.event} after it" if place.event else "")
    print_text(f"first: {where}: {place.of} {place.stream} at {place.at_ns}")
    if place.frame:
        print_text(f"  frame    {place.frame}")
    for what, said in (("then", first.journal), ("now", first.now)):
        print_text(f"  {what:8} {'nothing' if said is None else _told(said, first.differs)[:_SHOWN]}")


def _told(said: Said, differs: tuple[str, ...]) -> str:
    shown = [f"{name}={value}" for name, value in said.fields.items() if name in differs or name in ("id", "sym", "side", "q", "p", "why")]
    return " ".join([said.kind, *shown])
