"""bench.unions: what it costs to make one archive of two collectors'."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import process_time

import msgspec

from bench.books import load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.machine import rss_peak_bytes
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.union.unite import Source, unite_day
from hoga.core.streams import Kind
from hoga.runtime.allocator import keep_freed_memory

__all__ = ["CASES", "UnionPlan", "UnitedCosts", "measure_union"]

_LATE_NS = 800_000
"""So long after the first collector the second one receives a frame."""
CASES = {
    "equal": ((None, None), "both have all", "of the union, by processor time; every minute is copied"),
    "half": ((0, 2), "each lacks a fourth", "half of the records are missing in one; every minute is made anew"),
}
"""Case → (which fourth of the records each collector lacks, what it is called, and a note)."""


class UnionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A day of one symbol as two collectors have it, `minutes` of `per_minute` records; `case` is one of CASES."""

    data: str
    case: str
    minutes: int = 240
    per_minute: int = 600
    capture: str | None = None


class UnitedCosts(msgspec.Struct, frozen=True, kw_only=True):
    """`records` of the union, in `cpu_s` of all threads."""

    records: int
    cpu_s: float
    rss_peak: int


def measure_union(plan: UnionPlan) -> UnitedCosts:
    """Make the two days, unite them."""
    keep_freed_memory()
    root = Path(plan.data)
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    (frames,) = data_frames(books, 1, min(len(books), 2_000)).values()
    symbol = symbol_names(1)[0]
    sources: list[Source] = []
    for name, late_ns, without in zip(("one", "other"), (0, _LATE_NS), CASES[plan.case][0], strict=True):
        day = SeriesDay(root / name / "binance" / Kind.ORDERBOOK, symbol, Kind.ORDERBOOK, "2026-11-20")
        made = MergePlan(
            data=str(day.directory),
            minutes=plan.minutes,
            per_minute=plan.per_minute,
            conn=f"{name}/binance-1",
            late_ns=late_ns,
            without=without,
        )
        make_day(made, day, frames)
        merge_day(day, venue="binance", archive_format="zip", purge=True)
        sources.append(Source(name, day))
    os.sync()
    into = SeriesDay(root / "united" / "binance" / Kind.ORDERBOOK, symbol, Kind.ORDERBOOK, "2026-11-20")
    began = process_time()
    united = unite_day(sources, into, order=["one", "other"])
    cpu = process_time() - began
    wanted = plan.minutes * plan.per_minute
    assert united.records == wanted, (united.records, wanted)
    shutil.rmtree(root)
    return UnitedCosts(records=united.records, cpu_s=cpu, rss_peak=rss_peak_bytes())
