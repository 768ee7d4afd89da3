"""bench.bars: what is demanded of hoga, and whether a figure meets it. Pure.

The bars are those of docs/results/README.md: `required` is what a release must reach, `aim` what it should.
"""

from __future__ import annotations

from enum import StrEnum
from statistics import median

import msgspec

__all__ = ["BARS", "Bar", "Figure", "Verdict", "figure", "of_a_sample", "verdict_of"]


class Verdict(StrEnum):
    """How a figure stands against its bar. `NONE`: there is no bar, it is told for comparison. `SAMPLE`: too little was measured to
    say, as in `--quick`, where start-up and cold caches are most of a figure."""

    AIM = "aim met"
    REQUIRED = "required met"
    MISSED = "missed"
    SAMPLE = "not judged"
    NONE = ""


class Bar(msgspec.Struct, frozen=True):
    """`required` and `aim` in the figure's unit; `at_least`: more is better. `strict`: the bar itself does not pass."""

    required: float
    aim: float
    at_least: bool
    strict: bool = False


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure: the median of its `runs`, each in `unit`. `note` says how it was taken."""

    name: str
    label: str
    unit: str
    median: float
    low: float
    high: float
    runs: list[float]
    required: float | None
    aim: float | None
    verdict: Verdict
    note: str


BARS: dict[str, Bar] = {
    "burst.rate": Bar(300_000, 400_000, at_least=True),
    "tls.rate": Bar(200_000, 250_000, at_least=True),
    "paced.10000.ratio": Bar(1.3, 1.15, at_least=False),
    "streams.lost": Bar(0, 0, at_least=False),
    "streams.lag_p99": Bar(3.0, 2.0, at_least=False, strict=True),
    "consumer.p99": Bar(0.1, 0.05, at_least=False, strict=True),
    "live.p99": Bar(100.0, 50.0, at_least=False),
    "hub.lost": Bar(0, 0, at_least=False),
    "hub.wire_p99": Bar(1.0, 0.5, at_least=False),
    "seal.cost": Bar(4.0, 3.0, at_least=False),
    "merge.splice": Bar(5.0, 10.0, at_least=True),
    "merge.read_back": Bar(600.0, 1_000.0, at_least=True),
    "merge.rss": Bar(100.0, 100.0, at_least=False, strict=True),
    "union.equal": Bar(300_000, 600_000, at_least=True),
    "union.half": Bar(80_000, 200_000, at_least=True),
    "gather.intake": Bar(100_000.0, 300_000.0, at_least=True),
    "relay.cpu": Bar(10.0, 5.0, at_least=False),
    "relay.catch_up": Bar(20.0, 40.0, at_least=True),
    "relay.late_p99": Bar(100.0, 50.0, at_least=False),
    "relayed.sending.more": Bar(1.0, 0.3, at_least=False, strict=True),
    "relayed.away.more": Bar(1.0, 0.3, at_least=False, strict=True),
    "past.zip": Bar(250_000, 400_000, at_least=True),
    "past.zst": Bar(250_000, 400_000, at_least=True),
    "past.parquet": Bar(1_000_000, 1_500_000, at_least=True),
    "past.at": Bar(15.0, 5.0, at_least=False),
    "past.rss": Bar(300.0, 150.0, at_least=False),
    "past.record": Bar(45.0, 36.0, at_least=False),
    "past.converted": Bar(25_000, 60_000, at_least=True),
    "past.events": Bar(40_000, 150_000, at_least=True),
    "replay.error_p50": Bar(1.0, 0.5, at_least=False),
    "replay.error_p99": Bar(5.0, 2.0, at_least=False),
    "replay.rate": Bar(40_000, 100_000, at_least=True),
    "backfill.rows": Bar(1_000_000, 2_500_000, at_least=True),
    "backfill.rss": Bar(500.0, 250.0, at_least=False),
    "tree.seconds": Bar(10.0, 3.0, at_least=False),
    "report.seconds": Bar(30.0, 10.0, at_least=False),
    "report.rss": Bar(150.0, 80.0, at_least=False),
    "backtest.books": Bar(200_000, 300_000, at_least=True),
    "backtest.quotes": Bar(300_000, 600_000, at_least=True),
    "backtest.trades": Bar(300_000, 600_000, at_least=True),
    "backtest.deltas": Bar(25_000, 40_000, at_least=True),
    "backtest.books_again": Bar(1_000_000, 2_000_000, at_least=True),
    "backtest.rss": Bar(300.0, 150.0, at_least=False),
    "backtest.sweep": Bar(5.0, 20.0, at_least=True),
    "trade.order_p99": Bar(25.0, 10.0, at_least=False),
    "usual.times": Bar(5.0, 20.0, at_least=True),
    "paper.p99": Bar(1_000.0, 400.0, at_least=False),
    "trade.panel": Bar(1.0, 0.1, at_least=False),
    "trade.measuring": Bar(1.0, 0.5, at_least=False),
    "trade.event_memory": Bar(0.6, 0.4, at_least=False),
    "trade.bar_memory": Bar(0.6, 0.4, at_least=False),
    "view.seek": Bar(50.0, 15.0, at_least=False),
    "view.drawn": Bar(50.0, 15.0, at_least=False),
    "program.ratio": Bar(6.0, 4.0, at_least=False),
    "program.lost": Bar(0, 0, at_least=False),
    "program.pss": Bar(250.0, 200.0, at_least=False),
    "program.stop": Bar(5.0, 3.0, at_least=False),
    "program.status": Bar(0, 0, at_least=False),
    "sustained.lost": Bar(0, 0, at_least=False),
}
"""Figure name → its bar, in the figure's unit."""


def verdict_of(value: float, bar: Bar | None) -> Verdict:
    """How `value` stands against `bar`."""
    if bar is None:
        return Verdict.NONE
    if _reaches(value, bar.aim, bar):
        return Verdict.AIM
    return Verdict.REQUIRED if _reaches(value, bar.required, bar) else Verdict.MISSED


def figure(name: str, label: str, unit: str, runs: list[float], *, note: str = "") -> Figure:
    """The figure of `runs` (at least one), with its verdict. A burst is judged by its median, like everything."""
    bar = BARS.get(name)
    value = median(runs)
    return Figure(
        name=name,
        label=label,
        unit=unit,
        median=value,
        low=min(runs),
        high=max(runs),
        runs=runs,
        required=bar.required if bar else None,
        aim=bar.aim if bar else None,
        verdict=verdict_of(value, bar),
        note=note,
    )


def of_a_sample(found: Figure) -> Figure:
    """The same figure taken of a little data: only what must be none at all (lost frames, an exit status) is judged."""
    judged = found.required is None or found.required == 0
    return found if judged else msgspec.structs.replace(found, verdict=Verdict.SAMPLE)


def _reaches(value: float, mark: float, bar: Bar) -> bool:
    if bar.strict and value == mark:
        return False
    return value >= mark if bar.at_least else value <= mark
