"""bench.reports: what a report costs: a journal read, proven, reckoned, and its page written, whatever its length.

The journal is made here, by the logger itself: round trips with their orders, acknowledgements and fills, and a mark each minute between
them, as a trader's is.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import msgspec

from bench.machine import pin_process, rss_peak_bytes
from bench.trading import bench_rules
from hoga.app.report import REPORT_FILE, read_report, write_report
from hoga.audit.log import AuditLogger, Durability
from hoga.audit.reading import Walk
from hoga.core.times import SECOND_NS
from hoga.runtime.clock import ManualClock
from hoga.trading import records
from hoga.trading.outcome import OutcomeBuilder

__all__ = ["Reported", "ReportedPlan", "measure_report"]

_BEGIN_NS = 1_800_000_000 * SECOND_NS
_MARKS = 12
_RECKONED = 50_000


class ReportedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A journal of about `records` records in the folder `data`. `core`: where it runs."""

    data: str
    records: int
    core: int | None = None


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """`read_s`: the journal, proven and reckoned; `page_s`: the page written; `reckon_s`: of `reckoned` records that are read already."""

    records: int
    read_s: float
    page_s: float
    page_bytes: int
    reckoned: int
    reckon_s: float
    rss_peak: int


def measure_report(plan: ReportedPlan) -> Reported:
    """One journal, one report."""
    pin_process(plan.core)
    folder = Path(plan.data) / "journal"
    _make(folder, plan.records)
    began = perf_counter()
    found = read_report(folder)
    read = perf_counter()
    write_report(found, folder / REPORT_FILE, lang="en")
    written = perf_counter()
    rss = rss_peak_bytes()
    some = [record for record, _ in zip(Walk(folder).records(), range(_RECKONED), strict=False)]
    builder = OutcomeBuilder()
    start = perf_counter()
    for record in some:
        builder.feed(record)
    return Reported(
        records=found.outcome.records,
        read_s=read - began,
        page_s=written - read,
        page_bytes=(folder / REPORT_FILE).stat().st_size,
        reckoned=len(some),
        reckon_s=perf_counter() - start,
        rss_peak=rss,
    )


def _make(folder: Path, count: int) -> None:
    """Round trips until there are so many records."""
    rules = bench_rules()
    symbol, clock = rules.symbol, ManualClock(_BEGIN_NS)
    log = AuditLogger(folder, durability=Durability.REPLAY, clock=clock, about={"mode": "backtest", "grade": "books"})
    log.open()
    log.append("config", records.config(rules).fields, _BEGIN_NS)
    at, written, won = _BEGIN_NS, 2, 0
    while written < count:
        price = 600_000 + written % 997
        for side, quantity in (("B", 10), ("S", 0)):
            id = f"hg-1-1-{written}{side}"
            asked = {
                "id": id,
                "sym": symbol,
                "side": side,
                "q": 10,
                "p": None,
                "type": "market",
                "tif": "ioc",
                "role": "target",
                "st": "bench",
            }
            log.append("order.intent", asked | {"bid": price - 1, "ask": price + 1, "cause": {"src": symbol, "at": at}}, at)
            log.append("order.sent", {"id": id, "sym": symbol}, at)
            log.append("order.ack", {"id": id, "sym": symbol, "state": "LIVE"}, at)
            won += 7 if side == "S" else 0
            sums = [quantity, quantity * price, won, written, 0]
            fill = {"id": id, "sym": symbol, "tid": str(written), "side": side, "q": 10, "p": price, "fee": "0.003", "fee_in": rules.quote}
            log.append("order.fill", fill | {"maker": False, "st": "bench", "sums": sums}, at)
            log.append("order.end", {"id": id, "sym": symbol, "state": "FILLED"}, at)
            written += 5
            for _ in range(_MARKS):
                at += 60 * SECOND_NS
                price += 1
                log.append("mark", {"marks": {symbol: [price, *sums]}, "equity": {rules.venue: [rules.quote, "10000"]}}, at)
            written += _MARKS
        net = 7 - written % 13
        told = {"sym": symbol, "st": "bench", "side": "B", "q": 10, "in": [10, 10 * price], "out": [10, 10 * price + 7], "why": "bench"}
        log.append(
            "round",
            told | {"gross": 7, "fees": 7 - net, "funding": 0, "net": net, "seconds": "1440.000", "best": price, "worst": price},
            at,
        )
        written += 1
    log.append("state", {"what": "end", "left": [], "held": {}}, at)
    log.close()
