"""cli._backtest: `hoga trade --mode backtest`: a strategy on what was recorded, with its progress, its verdict and what one must know."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hoga.cli._output import Progress, note, print_text
from hoga.cli._recorded import time_of
from hoga.core.times import SECOND_NS, iso_of

if TYPE_CHECKING:
    from hoga.app.backtest.run import BacktestEnd, BacktestPlan
    from hoga.trading.ports import Tell

__all__ = ["run_backtest"]

_LINES_SHOWN = 10
_FAR_NS = 2**62


def run_backtest(
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
    stop_at_damage: bool,
    dev: bool,
    as_json: bool,
) -> int:
    """Plan it, run it, print what it came to; the exit status."""
    from hoga.app.backtest.run import backtest, plan_backtest
    from hoga.cli.report import end_run
    from hoga.cli.run import load_for_run, logging_of

    loaded = load_for_run(config, settings, data)
    plan = plan_backtest(
        loaded, strategy, symbols, start_ns=time_of("--start", start), end_ns=time_of("--end", end), params=params, bars=bars
    )
    probe = None
    if dev:
        from hoga.app.backtest.probing import Probe

        probe = Probe(each for _, each in plan.strategies)
    with logging_of(loaded.program):
        if not as_json:
            _show(plan)
        lines = _Lines()
        known = plan.extent[0] > 0 and plan.extent[1] < _FAR_NS
        total = max(1, (plan.extent[1] - plan.extent[0]) // SECOND_NS) if known else None
        with Progress("backtest", total=total, unit="s of the recording") as progress:
            pace = _Pace(progress, plan.extent[0] if known else 0)
            ended = backtest(plan, on_progress=pace, on_tell=lines, stop_at_damage=stop_at_damage)
        for use in probe.uses() if probe is not None else ():
            note(f"it uses {use}: a run again, and a proof, may differ by it")
        if not as_json:
            lines.show()
        return end_run(ended, as_json=as_json, verdict=_verdict)


class _Pace:
    """Tells the bar how far it is, and how fast."""

    def __init__(self, progress: Progress, from_ns: int) -> None:
        self._progress = progress
        self._last_ns = from_ns
        self._began_s = time.monotonic()

    def __call__(self, at_ns: int, events: int) -> None:
        self._last_ns = self._last_ns or at_ns
        seconds = (at_ns - self._last_ns) // SECOND_NS
        if seconds > 0:
            self._last_ns += seconds * SECOND_NS
            rate = events / max(1e-9, time.monotonic() - self._began_s)
            self._progress.advance(seconds, detail=f"{rate / 1000:.0f} k events/s")


class _Lines:
    """What the engine tells people: the first of each kind, and how many there were."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def __call__(self, tell: Tell, at_ns: int) -> None:
        if tell.level != "info":
            key = "".join(each for each in tell.text if not each.isdigit())
            self._counts[key] += 1
            self._first.setdefault(key, f"{iso_of(at_ns)} {tell.text}")

    def show(self) -> None:
        """All kinds, the first ten of them."""
        for key, text in list(self._first.items())[:_LINES_SHOWN]:
            more = self._counts[key] - 1
            note(f"{text}{f' (and {more} like it)' if more else ''}")
        if len(self._first) > _LINES_SHOWN:
            note(f"and {len(self._first) - _LINES_SHOWN} other lines; all of them are in the journal")


def _show(plan: BacktestPlan) -> None:
    data = plan.data
    note(f"backtest on {data.grade}: {', '.join(key for key, _ in plan.strategies)}; {_span(plan)}")
    for symbol in plan.limits:
        paper = plan.settings[symbol.partition(":")[0]]
        kinds = (
            ", ".join(each.kind for each in data.recorded.series if each.symbol == symbol)
            or f"candles of {data.interval_ns // SECOND_NS} s"
        )
        note(f"{symbol}: {kinds}; rules {data.rules[symbol].source}; {paper.balance} to begin with, leverage {paper.leverage}")
    for each in data.notes:
        note(each)


def _span(plan: BacktestPlan) -> str:
    """As far as it is known before the data are read."""
    start, end = plan.extent
    return f"{iso_of(start) if start > 0 else 'from the beginning'} to {iso_of(end) if end < _FAR_NS else 'the end'}"


def _verdict(end: BacktestEnd) -> None:
    held = ", ".join(f"{symbol} {quantity}" for symbol, quantity in end.held.items())
    told = f"{end.orders} orders, {end.fills} fills, net {end.pnl} {end.pnl_currency}{f'; held: {held}' if held else ''}"
    print_text(f"{end.verdict} on {end.grade}: {told}")
    for each in end.damage:
        note(f"missing: {each}")
    for each in (*end.holes, *end.steps, *end.changes):
        note(each)
    if end.waits:
        note(f"too little came before its end: no bars are handed out without {', '.join(end.waits)}")
    if end.incident:
        note(f"incident {end.incident}: the journal says what led to it")
    from hoga.runtime.checkout import called

    note(f"next: {called()} audit timeline {end.journal}")
