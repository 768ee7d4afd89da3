"""bench.reading: what it takes to have the past as arrays: `hoga.load` from zip, zst and Parquet, a book at an instant, batches in bounded
memory, a day made Parquet, events for hftbacktest; beside a loop of `json` and `float`, the way it is done without any of it.

The day is of one symbol's books, ten a second. Each job does one thing, so that its memory is its own. Rates are by the processor time of
the one process that does it, so that what else runs on the machine counts as little as can be; a book at an instant is by the clock.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from time import perf_counter, process_time

import msgspec

import hoga
from bench.books import RECORDED, load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.machine import pin_process, rss_peak_bytes
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.convert import convert_day
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.reader import read_blocks
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, day_start_ns
from hoga.runtime.libraries import pyarrow

__all__ = ["Batched", "DayPlan", "Loaded", "Made", "measure_batches", "measure_load", "prepare_day"]

_DAY = "2026-11-20"
_SYMBOL = symbol_names(1)[0]
_NAME = f"binance:{_SYMBOL}"
_INSTANTS = 60
_JSON_LINES = 6_000
_A_MINUTE = 600
_FRAMES = 2_400


class DayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A merged day of `minutes` minutes; `core`: where the process is kept."""

    data: str
    minutes: int
    capture: str | None = None
    core: int | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Records a second: from each form to the float cube (`zip`, `zst`, `parquet`), by json and float (`json`), to Parquet, proven
    (`converted`), to events (`events`). `instants`: ms of `.at(t)` from zip, at moments anywhere in the day. `record_bytes`: of Parquet, a
    record."""

    zip: float
    zst: float
    parquet: float
    json: float
    converted: float
    events: float
    instants: list[float]
    record_bytes: float


class Batched(msgspec.Struct, frozen=True, kw_only=True):
    """`.batches()` over the day: records a second, and the most resident memory of the process, bytes."""

    rate: float
    rss_peak: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A day of so many bytes."""

    bytes: int


def measure_load(plan: DayPlan) -> Loaded:
    """Make the day in each form, and load it from there. Raises OSError."""
    pin_process(plan.core)
    root = Path(plan.data)
    rates = {}
    for form in ("zip", "zst"):
        day = _make(root / form, plan, form)
        rates[form] = _rate(root / form)
    by_json = _json_rate(day)
    pyarrow("parquet")
    began = process_time()
    path = convert_day(day)
    took = process_time() - began
    assert path is not None, "it was none yet"
    rates["parquet"] = _rate(root / "zst")
    records = plan.minutes * _A_MINUTE
    events = _events_rate(root / "zip", plan)
    instants = _instants(root / "zip", plan)
    record_bytes = _record_bytes(root / "capture", plan)
    return Loaded(**rates, json=by_json, converted=records / took, events=events, instants=instants, record_bytes=record_bytes)


def measure_batches(plan: DayPlan) -> Batched:
    """Read the day that `prepare_day` made. Raises OSError."""
    pin_process(plan.core)
    root = Path(plan.data)
    hoga.load(_NAME, Kind.ORDERBOOK, root=root).at(day_start_ns(_DAY) + MINUTE_NS)  # so that nothing is imported later
    began = process_time()
    records = sum(batch.records for batch in hoga.load(_NAME, Kind.ORDERBOOK, root=root).batches())
    return Batched(rate=records / (process_time() - began), rss_peak=rss_peak_bytes())


def prepare_day(plan: DayPlan) -> Made:
    """The day as zip, for a process that shall not have made it. Raises OSError."""
    day = _make(Path(plan.data), plan, "zip")
    return Made(bytes=sum(path.stat().st_size for path in day.archive_paths))


def _make(root: Path, plan: DayPlan, form: str) -> SeriesDay:
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    frames = data_frames(books, 1, min(len(books), _FRAMES))[f"{_SYMBOL.lower()}@{RECORDED}"]
    day = SeriesDay(root / "binance" / "orderbook", _SYMBOL, Kind.ORDERBOOK, _DAY)
    make_day(MergePlan(data=str(root), minutes=plan.minutes), day, frames)
    merge_day(day, venue="binance", archive_format=form, purge=True)
    return day


def _rate(root: Path) -> float:
    """The better of two: the first one reads the files from the disk."""
    rates = []
    for _ in range(2):
        began = process_time()
        records = hoga.load(_NAME, Kind.ORDERBOOK, root=root).numpy().records
        rates.append(records / (process_time() - began))
    return max(rates)


def _record_bytes(root: Path, plan: DayPlan) -> float:
    """Of a day in which no frame comes again, as it does in the long one."""
    short = msgspec.structs.replace(plan, minutes=min(plan.minutes, _FRAMES // _A_MINUTE))
    path = convert_day(_make(root, short, "zst"))
    assert path is not None, "it was none yet"
    return path.stat().st_size / (short.minutes * _A_MINUTE)


def _json_rate(day: SeriesDay) -> float:
    lines: list[bytes] = []
    for block in read_blocks([day]):
        lines += block.text.splitlines()
        if len(lines) >= _JSON_LINES:
            break
    began = process_time()
    for line in lines:
        record = json.loads(line)
        for side in ("bids", "asks"):
            [(float(price), float(size)) for price, size in record[side]]
    return len(lines) / (process_time() - began)


def _events_rate(root: Path, plan: DayPlan) -> float:
    start_ns = day_start_ns(_DAY)
    end_ns = start_ns + min(plan.minutes, 60) * MINUTE_NS
    began = process_time()
    loaded = hoga.load(_NAME, Kind.ORDERBOOK, root=root, start=start_ns, end=end_ns)
    loaded.to_hftbacktest(root / "events.npz")
    took = process_time() - began
    return min(plan.minutes, 60) * _A_MINUTE / took


def _instants(root: Path, plan: DayPlan) -> list[float]:
    loaded = hoga.load(_NAME, Kind.ORDERBOOK, _DAY, root=root)
    chance, found = random.Random(plan.minutes), []
    loaded.at(day_start_ns(_DAY) + MINUTE_NS)  # so that nothing is imported later
    for _ in range(_INSTANTS):
        at = day_start_ns(_DAY) + chance.randrange(MINUTE_NS, plan.minutes * MINUTE_NS)
        began = perf_counter()
        book = loaded.at(at)
        found.append((perf_counter() - began) * 1e3)
        if book is None:
            raise RuntimeError(f"no book at {at}")
    return found
