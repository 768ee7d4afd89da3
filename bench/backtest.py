"""bench.backtest: what a run over the past costs: the whole engine on one core, from recorded zips, and a sweep against single runs.

The days are made of real books where there are some, else of a random walk; quotes and trades are a random walk, twenty a second; deltas
change 36 levels each of a book of a thousand a side, near the market more than far from it. Rates are by the processor time of the one
process that does it. There are two strategies: one that crosses averages of minute bars, and one that looks at every book or quote.
"""

from __future__ import annotations

import gc
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import msgspec

from bench.books import RECORDED, load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.machine import pin_process, rss_peak_bytes
from hoga.app.backtest.run import BACKTEST_FOLDER, backtest, plan_backtest
from hoga.app.backtest.sweep import SweepJob, grid_of, sweep
from hoga.app.config import load_config
from hoga.archive.form.layout import suffix_of
from hoga.archive.form.ledger import LiveEntry, SegmentEntry, encode_entries
from hoga.archive.form.lists import list_name, pack_list
from hoga.archive.form.segment import SegmentBuilder
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.times import MINUTE_NS, day_start_ns, minute_of

__all__ = ["PastPlan", "Swept", "Went", "measure_past", "measure_sweep"]

_DAY = "2026-11-20"
_AGAIN = 3
_VENUE, _SYMBOL = "binance", symbol_names(1)[0]
_A_MINUTE = {"orderbook": 600, "quote": 1_200, "execution": 1_200, "delta": 600}
_CHANGED, _BOOK_LEVELS = 36, 1_000
_CROSS = """
from hoga import Strategy


class Cross(Strategy):
    symbol = "binance:BTCUSDT"
    params = {"fast": 10, "slow": 30, "size": "0.010"}

    def setup(self, m):
        bars = m.bars(self.symbol, "1m", history=200)
        self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)

    def on_bar(self, bar):
        self.target(self.symbol, self.p.size if self.fast > self.slow else 0)
"""
_LEAN = """
from hoga import Strategy


class Lean(Strategy):
    symbol = "binance:BTCUSDT"
    books = 0

    def on_book(self, book):
        self.books += 1
        if self.books % 5_000 == 0:
            self.target(self.symbol, "0.010" if book.ticks.bid_size > book.ticks.ask_size else 0)
"""


class PastPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` of `minutes` minutes; `looks`: at every book, else at bars. `sets`: of a sweep. `core`: where the process is kept."""

    data: str
    kinds: tuple[str, ...]
    minutes: int
    looks: bool = False
    sets: int = 0
    workers: int = 2
    capture: str | None = None
    core: int | None = None


class Went(msgspec.Struct, frozen=True, kw_only=True):
    """`events` of the market in `cpu_s`, the plan's making included; `again_s`: of a second run, from columns that the first one kept."""

    events: int
    cpu_s: float
    again_s: float
    rss_peak: int
    fills: int


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of the clock: all runs, each alone (as a process would do it, without its start), and all sets together."""

    one_s: float
    all_s: float


def measure_past(plan: PastPlan) -> Went:
    """One run, from the day files."""
    pin_process(plan.core)
    root = Path(plan.data)
    path = _prepare(plan, root)
    config = load_config(None, overrides=[], environ={}, data_dir=root)
    gc.collect()
    began = process_time()
    end = backtest(plan_backtest(config, str(path), (), ask=False))
    first_s, began = process_time() - began, process_time()
    backtest(plan_backtest(config, str(path), (), ask=False))
    return Went(events=end.events, cpu_s=first_s, again_s=process_time() - began, rss_peak=rss_peak_bytes(), fills=end.fills)


def measure_sweep(plan: PastPlan) -> Swept:
    """So many runs alone (the first reads text and keeps columns, the others read those), then so many sets, from text too."""
    root = Path(plan.data)
    path = _prepare(plan, root)
    config = load_config(None, overrides=[], environ={}, data_dir=root)
    alone = []
    for _ in range(1 + _AGAIN):
        began = perf_counter()
        backtest(made := plan_backtest(config, str(path), (), ask=False))
        alone.append(perf_counter() - began)
    first_s, *again = alone
    shutil.rmtree(root / BACKTEST_FOLDER)
    shutil.rmtree(made.cache)
    job = SweepJob(
        strategy=str(path), symbols=(), config=None, settings=(), data=root, params={}, start_ns=None, end_ns=None, bars=None, ask=False
    )
    side = max(1, round(plan.sets**0.5))
    texts = [f"fast={','.join(str(3 + each) for each in range(side))}", f"slow={','.join(str(20 + each) for each in range(side))}"]
    sets = grid_of(str(path), texts, plan.sets * 2)
    began = perf_counter()
    sweep(job, sets, workers=plan.workers)
    return Swept(one_s=first_s + median(again) * (len(sets) - 1), all_s=perf_counter() - began)


def _prepare(plan: PastPlan, root: Path) -> Path:
    for kind in plan.kinds:
        day = SeriesDay(root / _VENUE / kind, _SYMBOL, kind, _DAY)
        if kind == "orderbook":
            frames = data_frames(load_books(Path(plan.capture)) if plan.capture else walk_books(2_000), 1, 2_400)
            made = MergePlan(data=plan.data, minutes=plan.minutes, per_minute=_A_MINUTE[kind])
            make_day(made, day, frames[f"{_SYMBOL.lower()}@{RECORDED}"])
        elif kind == "delta":
            _make_deltas(root, plan.minutes)
            merge_day(SeriesDay(root / _VENUE / "snapshot", _SYMBOL, "snapshot", _DAY), venue=_VENUE, archive_format="zip", purge=True)
        else:
            _make_walk(day, plan.minutes)
        merge_day(day, venue=_VENUE, archive_format="zip", purge=True)
    folder = root / _VENUE / "instruments"
    folder.mkdir(parents=True)
    (folder / list_name(_DAY)).write_bytes(pack_list(_listed("0.01" if {"quote", "execution"} >= set(plan.kinds) else "0.00000001")))
    path = root / "strategy.py"
    path.write_text((_LEAN if plan.looks else _CROSS).replace("BTCUSDT", _SYMBOL))
    return path


def _listed(tick: str) -> bytes:
    """The venue's list of instruments, as a recorder keeps it beside each day."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "9000", "stepSize": "0.00000001"},
        {"filterType": "NOTIONAL", "minNotional": "5"},
    ]
    base = _SYMBOL.removesuffix("USDT")
    one = {"symbol": _SYMBOL, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "filters": filters}
    return msgspec.json.encode({"timezone": "UTC", "symbols": [one]})


def _make_walk(day: SeriesDay, minutes: int) -> None:
    """Quotes or trades of a price that walks."""
    rng, price, number, entries = random.Random(1), 61_000.0, 1_000, list[LiveEntry | SegmentEntry]()
    for minute in range(minutes):
        start = day_start_ns(day.day) + minute * MINUTE_NS
        lines = []
        for place in range(_A_MINUTE[day.kind]):
            number += 1
            price = round(price + rng.choice((-0.05, -0.01, 0.0, 0.01, 0.05)), 2)
            at_ns = start + place * 50_000_000 + rng.randrange(40_000_000)
            lines.append(_line(day.kind, at_ns, number, price, rng))
        entries += _sealed(day, minute, lines)
    day.ledger.write_bytes(encode_entries(entries))


def _make_deltas(root: Path, minutes: int) -> None:
    """Deltas of a book of so many levels, and a snapshot once an hour. Changes are more, the nearer to the market."""
    days = {kind: SeriesDay(root / _VENUE / kind, _SYMBOL, kind, _DAY) for kind in ("delta", "snapshot")}
    entries = {kind: list[LiveEntry | SegmentEntry]() for kind in days}
    rng, middle, number = random.Random(1), 6_100_000, 1_000
    sides: tuple[dict[int, str], dict[int, str]] = {}, {}
    for minute in range(minutes):
        start, lines = day_start_ns(_DAY) + minute * MINUTE_NS, list[bytes]()
        for place in range(_A_MINUTE["delta"]):
            middle += rng.choice((-2, -1, 0, 0, 1, 2))
            changed: tuple[dict[int, str], dict[int, str]] = {}, {}
            for sign, side, told in zip((-1, 1), sides, changed, strict=True):
                for price in [price for price in side if (price - middle) * sign <= 0]:
                    told[price] = "0.00000000"  # the market went over it
                told[middle + sign] = f"{rng.randrange(1, 99_999) / 1e5:.8f}"
                while len(told) < _CHANGED // 2:
                    price = middle + sign * (1 + int(abs(rng.gauss(0, _BOOK_LEVELS / 3))))
                    told[price] = "0.00000000" if price in side and rng.random() < 0.5 else f"{rng.randrange(1, 99_999) / 1e5:.8f}"
                side |= told
                for price in [price for price, size in told.items() if size == "0.00000000"]:
                    del side[price]
            number += 1
            at_ns = start + place * 100_000_000 + rng.randrange(40_000_000)
            told_ids = f'"e":"depthUpdate","E":{at_ns // 1_000_000},"s":"{_SYMBOL}","U":{number},"u":{number}'
            lines.append(f'{_head(at_ns)}{told_ids},"b":{_levels(changed[0])},"a":{_levels(changed[1])}}}\n'.encode())
            if place == 10 and minute % 60 == 0:
                bids, asks = (dict(sorted(side.items(), key=lambda each: abs(each[0] - middle))[:_BOOK_LEVELS]) for side in sides)
                body = f'"lastUpdateId":{number},"bids":{_levels(bids)},"asks":{_levels(asks)}}}\n'
                entries["snapshot"] += _sealed(days["snapshot"], minute, [f"{_head(at_ns + 9_000_000)}{body}".encode()])
        entries["delta"] += _sealed(days["delta"], minute, lines)
    for kind, day in days.items():
        day.ledger.write_bytes(encode_entries(entries[kind]))


def _levels(side: Mapping[int, str]) -> str:
    return "[" + ",".join(f'["{price // 100}.{price % 100:02d}000000","{size}"]' for price, size in side.items()) + "]"


def _sealed(day: SeriesDay, minute: int, lines: list[bytes]) -> list[LiveEntry | SegmentEntry]:
    """A minute of lines as sealing leaves it, and what its ledger says."""
    start = day_start_ns(day.day) + minute * MINUTE_NS
    day.folder.mkdir(parents=True, exist_ok=True)
    stem = day.segment_stem(minute_of(start))
    builder = SegmentBuilder("zip")
    for line in lines:
        builder.add(line, 1)
    first, last = (int(lines[at][10:29]) for at in (0, -1))
    channel = {"quote": "bookTicker", "execution": "aggTrade", "delta": "depth@100ms", "snapshot": "snapshot"}[day.kind]
    entry = SegmentEntry(
        journal=f"{minute}.1", file=stem + suffix_of("zip"), minute=minute_of(start), part=1, records=len(lines), bytes=0, crc32=0,
        archive_bytes=0, first_recv_ns=first, last_recv_ns=last, received=len(lines), first_id=None, last_id=None,
        streams=[f"{day.symbol.lower()}@{channel}"],
    )  # fmt: skip
    pieces, facts = builder.build(f"{stem}.jsonl", msgspec.json.encode({"sources": [entry.journal], "entry": entry}), start)
    (day.folder / (stem + suffix_of("zip"))).write_bytes(b"".join(pieces))
    entry = msgspec.structs.replace(entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
    return [entry, LiveEntry(journal=entry.journal, at=1, from_ns=start, to_ns=start + MINUTE_NS)]


def _head(at_ns: int) -> str:
    return f'{{"recvNs":{at_ns},"eventTime":null,"timeSource":null,"latencyMs":null,"epoch":1,"conn":"bench-1",'


def _line(kind: str, at_ns: int, number: int, price: float, rng: random.Random) -> bytes:
    head = _head(at_ns)
    size, other = (f"{rng.randrange(1, 99_999) / 1e4:.8f}" for _ in range(2))
    if kind == "quote":
        return f'{head}"u":{number},"s":"{_SYMBOL}","b":"{price:.8f}","B":"{size}","a":"{price + 0.01:.8f}","A":"{other}"}}\n'.encode()
    ms = at_ns // 1_000_000
    who = "true" if rng.random() < 0.5 else "false"
    said = f'"p":"{price:.8f}","q":"{size}","f":{number},"l":{number},"T":{ms},"m":{who},"M":true}}'
    return f'{head}"e":"aggTrade","E":{ms},"s":"{_SYMBOL}","a":{number},{said}\n'.encode()
