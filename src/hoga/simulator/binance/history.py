"""simulator.binance.history: the files of the historical archive, made of a market's own past, and what can be wrong with them. Pure.

A file is a zip with one CSV, `data/<market>/<daily|monthly>/<type>/<SYMBOL>/[<interval>/]<SYMBOL>-<type|interval>-<date>.zip`, and
beside it the same name with `.CHECKSUM`. Defects that are published (wrong rows, a wrong sum) are here; those of a transfer are carried
out by the door. Source: protocol sheet 7.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from hoga.simulator.binance.printer import Printer
from hoga.simulator.clock import SimClock
from hoga.simulator.config import HistoryConfig
from hoga.simulator.engine import DAY_NS, INTERVALS, AggTrade, Bar, DayOfTrades, Engine, Instrument, Past, Trade
from hoga.simulator.faults import FileDefect

__all__ = ["CHECKSUM", "HistoryFile", "HistoryFiles", "HistoryProduct"]

CHECKSUM = ".CHECKSUM"
_EPOCH = date(1970, 1, 1)
_MICROS_FROM = date(2025, 1, 1)
_MS_NS, _US_NS = 1_000_000, 1_000
_WRITTEN = (2026, 1, 1, 0, 0, 0)
_ODD_SUM = "0" * 64
_KEPT_FILES = 4_096

Defects = frozenset[FileDefect]


@dataclass(frozen=True, slots=True)
class HistoryProduct:
    """What is particular to the archive of one of Binance's venues. `market`: its folder. `micros`: times are µs from 2025 on.
    `headers`: the CSV begins with the names of its columns. `best_match`: rows end with isBestMatch, and truth values are capitalised."""

    market: str
    printer: Callable[[Instrument], Printer]
    micros: bool
    headers: bool
    best_match: bool


class HistoryFile(NamedTuple):
    """One published file. `modified`: when, in seconds since 1970."""

    body: bytes
    etag: str
    modified: int


class _Period(NamedTuple):
    """A file's days, as dates: `first` to `last`."""

    first: date
    last: date
    monthly: bool

    @property
    def text(self) -> str:
        return f"{self.first:%Y-%m}" if self.monthly else self.first.isoformat()

    def days(self) -> Iterator[date]:
        for nth in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=nth)


class _Wanted(NamedTuple):
    """What a key names. `kind`: aggTrades, trades or klines; `interval` is "" but for klines."""

    kind: str
    symbol: str
    interval: str
    period: _Period


class HistoryFiles:
    """Every file of one venue. `defects(key)` says what is wrong with the published file of that key (without `.CHECKSUM`)."""

    def __init__(
        self,
        product: HistoryProduct,
        engine: Engine,
        clock: SimClock,
        config: HistoryConfig,
        *,
        seed: int,
        defects: Callable[[str], Defects],
    ) -> None:
        self._product = product
        self._engine = engine
        self._clock = clock
        self._config = config
        self._seed = seed
        self._defects = defects
        self._pasts: dict[str, Past] = {}
        self._made = lru_cache(maxsize=_KEPT_FILES)(self._make)
        self._zipped = lru_cache(maxsize=_KEPT_FILES)(self._zip)  # a file and its sum are made of the same
        self._first_day = _date_of(clock.start_ns) - timedelta(days=config.days)

    def past(self, symbol: str) -> Past:
        """The past of a symbol's market. Raises KeyError for an unknown symbol."""
        if symbol not in self._pasts:
            self._pasts[symbol] = Past(self._engine.market(symbol), seed=self._seed, rows_a_day=self._config.rows_a_day)
        return self._pasts[symbol]

    @property
    def oldest_rest_day(self) -> int:
        """The first day (since 1970) whose trades REST still has."""
        return self._clock.start_ns // DAY_NS - self._config.rest_days

    def keys(self, prefix: str) -> list[str]:
        """Every published key that begins with `prefix`, in the order of their bytes."""
        return sorted(key for key in self._keys(prefix) if key.startswith(prefix))

    def file(self, key: str) -> HistoryFile | None:
        """The file of a key, None when there is none (any more, or yet)."""
        name = key.removesuffix(CHECKSUM)
        wanted = self._wanted(name)
        if wanted is None:
            return None
        defects = self._defects(name)
        if FileDefect.MISSING in defects or (key != name and FileDefect.NO_SUM in defects):
            return None
        return self._made(wanted, defects, key != name)

    # -- names ------------------------------------------------------------------------------------------------------

    def _keys(self, prefix: str) -> Iterator[str]:
        market = self._product.market
        for span, periods in (("daily", self._daily()), ("monthly", self._monthly())):
            for kind in ("aggTrades", "klines", "trades"):
                for symbol in self._engine.instruments:
                    for interval in self._intervals() if kind == "klines" else ("",):
                        folder = "/".join(part for part in (market, span, kind, symbol, interval) if part) + "/"
                        if not (folder.startswith(prefix) or prefix.startswith(folder)):
                            continue
                        for period in periods:
                            yield from self._listed(f"{folder}{symbol}-{interval or kind}-{period.text}.zip")

    def _listed(self, name: str) -> Iterator[str]:
        defects = self._defects(name)
        if FileDefect.MISSING not in defects:
            yield name
            if FileDefect.NO_SUM not in defects:
                yield name + CHECKSUM

    def _intervals(self) -> tuple[str, ...]:
        return tuple(name for name, length_ms in INTERVALS.items() if length_ms and DAY_NS // _MS_NS % length_ms == 0)

    def _published_until(self) -> date:
        """The first day that is not published yet."""
        return _date_of(self._clock.now_ns() - int(self._config.published_after_s * 1e9))

    def _daily(self) -> list[_Period]:
        days = (self._published_until() - self._first_day).days
        found = [self._first_day + timedelta(days=nth) for nth in range(max(0, days))]
        return [_Period(day, day, False) for day in found]

    def _monthly(self) -> list[_Period]:
        months: list[_Period] = []
        first = self._first_day.replace(day=1)
        if first < self._first_day:
            first = _next_month(first)
        while (following := _next_month(first)) <= self._published_until():
            months.append(_Period(first, following - timedelta(days=1), True))
            first = following
        return months

    def _wanted(self, name: str) -> _Wanted | None:
        parts = name.removeprefix(self._product.market + "/").split("/")
        if not name.startswith(self._product.market + "/") or len(parts) not in (4, 5):
            return None
        span, kind, symbol, interval = parts[0], parts[1], parts[2], parts[3] if len(parts) == 5 else ""
        periods = {"daily": self._daily, "monthly": self._monthly}.get(span)
        known = symbol in self._engine.instruments and kind in ("aggTrades", "trades", "klines") and bool(interval) == (kind == "klines")
        if periods is None or not known or (interval and interval not in self._intervals()):
            return None
        for period in periods():
            if parts[-1] == f"{symbol}-{interval or kind}-{period.text}.zip":
                return _Wanted(kind, symbol, interval, period)
        return None

    # -- contents ---------------------------------------------------------------------------------------------------

    def _make(self, wanted: _Wanted, defects: Defects, is_sum: bool) -> HistoryFile | None:
        published = datetime.combine(wanted.period.last + timedelta(days=1), datetime.min.time(), UTC)
        modified = int(published.timestamp() + self._config.published_after_s) + (86_400 * 30 if FileDefect.REPUBLISHED in defects else 0)
        body = self._zipped(wanted, defects)
        if body is None:
            return None
        if is_sum:
            digest = _ODD_SUM if FileDefect.WRONG_SUM in defects else hashlib.sha256(body).hexdigest()
            stem = f"{wanted.symbol}-{wanted.interval or wanted.kind}-{wanted.period.text}.zip"
            body = f"{digest}  {stem}{'' if FileDefect.NO_NEWLINE in defects else chr(10)}".encode()
            modified -= 1
        return HistoryFile(body, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"', modified)

    def _zip(self, wanted: _Wanted, defects: Defects) -> bytes | None:
        lines = self._lines(wanted, defects)
        if lines is None:
            return None
        text = "\n".join(lines).encode() + (b"" if FileDefect.NO_NEWLINE in defects else b"\n")
        if FileDefect.NO_ZIP in defects:
            return text
        stem = f"{wanted.symbol}-{wanted.interval or wanted.kind}-{wanted.period.text}.csv"
        members = [(stem, text)]
        if FileDefect.FOREIGN_MEMBER in defects:
            members.append((f"__MACOSX/._{stem}", b"\x00\x05\x16\x07"))
        if FileDefect.PARENT_NAME in defects:
            members.insert(0, (f"../../{stem}", text))
        if FileDefect.ABSOLUTE_NAME in defects:
            members = [(f"/{stem}", text)]
        if FileDefect.BOMB in defects:
            members = [(stem, text + bytes(self._config.bomb_bytes))]
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in members:
                archive.writestr(zipfile.ZipInfo(name, _WRITTEN), data, zipfile.ZIP_DEFLATED)
        return made.getvalue()

    def _lines(self, wanted: _Wanted, defects: Defects) -> list[str] | None:
        lines: list[str] = []
        left_out = set(list(wanted.period.days())[9:11]) if FileDefect.LACKS_DAYS in defects else set()
        for day in wanted.period.days():
            if day in left_out:
                continue
            shown = day - timedelta(days=1) if FileDefect.WRONG_DAY in defects else day
            traded = self.past(wanted.symbol).trades_of((shown - _EPOCH).days)
            if traded is None:
                return None
            lines += self._day_lines(wanted, traded, shown, defects)
        lines = _spoilt(lines, defects)
        header = self._product.headers
        if (header or FileDefect.HEADER in defects) and FileDefect.NO_HEADER not in defects:
            lines.insert(0, _HEADERS[wanted.kind])
        return lines

    def _day_lines(self, wanted: _Wanted, traded: DayOfTrades, day: date, defects: Defects) -> list[str]:
        printer = self._product.printer(self._engine.instruments[wanted.symbol])
        micros = self._product.micros and day >= _MICROS_FROM
        if FileDefect.MICROS in defects:
            micros = True
        if FileDefect.MILLIS in defects:
            micros = False
        if wanted.kind == "klines":
            return _candles(traded, printer, day, INTERVALS[wanted.interval], micros=micros)
        unit = _US_NS if micros else _MS_NS
        truth = _truth_of(defects, capital=self._product.best_match)
        tail = f",{truth(True)}" if self._product.best_match else ""
        if wanted.kind == "trades":
            return [_trade_line(row, printer, unit, truth) + tail for row in traded.trades]
        return [_aggregate_line(row, printer, unit, truth) + tail for row in traded.aggregates]


_HEADERS = {
    "aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
    "trades": "id,price,qty,quote_qty,time,is_buyer_maker",
    "klines": ("open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"),
}


def _truth_of(defects: Defects, *, capital: bool) -> Callable[[bool], str]:
    if FileDefect.SHOUTED_TRUTH in defects:
        return lambda value: "TRUE" if value else "FALSE"
    if FileDefect.LOWER_TRUTH in defects or not capital:
        return lambda value: "true" if value else "false"
    return str


def _aggregate_line(row: AggTrade, printer: Printer, unit: int, truth: Callable[[bool], str]) -> str:
    ids = f"{row.first_id},{row.last_id}"
    return f"{row.agg_id},{printer.price(row.price)},{printer.size(row.lots)},{ids},{row.time_ns // unit},{truth(row.buyer_is_maker)}"


def _trade_line(row: Trade, printer: Printer, unit: int, truth: Callable[[bool], str]) -> str:
    figures = f"{printer.price(row.price)},{printer.size(row.lots)},{printer.quote(row.price * row.lots)}"
    return f"{row.trade_id},{figures},{row.time_ns // unit},{truth(row.buyer_is_maker)}"


def _candles(traded: DayOfTrades, printer: Printer, day: date, length_ms: int, *, micros: bool) -> list[str]:
    if not traded.trades:
        return []
    start_ms = (day - _EPOCH).days * (DAY_NS // _MS_NS)
    bars = [Bar(at, at + length_ms - 1, 0) for at in range(start_ms, start_ms + DAY_NS // _MS_NS, length_ms)]
    for trade in traded.trades:
        bar = bars[(trade.time_ns // _MS_NS - start_ms) // length_ms]
        bar.add(trade.trade_id, trade.price, trade.lots, taker_buys=not trade.buyer_is_maker)
    price, lines = traded.trades[0].price, []
    for bar in bars:
        if not bar.count:
            bar.open = bar.high = bar.low = bar.close = price
        price = bar.close
        opened, closes = (bar.open_ms * 1_000, bar.close_ms * 1_000 + 999) if micros else (bar.open_ms, bar.close_ms)
        prices = ",".join(printer.price(each) for each in (bar.open, bar.high, bar.low, bar.close))
        taken = f"{printer.size(bar.taker_lots)},{printer.quote(bar.taker_quote)}"
        lines.append(f"{opened},{prices},{printer.size(bar.lots)},{closes},{printer.quote(bar.quote)},{bar.count},{taken},0")
    return lines


def _spoilt(lines: list[str], defects: Defects) -> list[str]:
    """The rows of a file as they are published when something went wrong. Each defect leaves the other rows as they were."""
    third = len(lines) // 3
    if FileDefect.FEW_ROWS in defects:
        lines = lines[:24]
    if FileDefect.SHORT_DAY in defects:
        lines = lines[: len(lines) * 7 // 8]
    if FileDefect.ROW_HOLE in defects:
        lines = lines[:third] + lines[third + 5 :]
    if FileDefect.DOUBLED in defects:
        lines = lines[: third + 7] + lines[third:]
    if FileDefect.CONFLICT in defects:
        cells = lines[third].split(",")
        lines = [*lines[: third + 1], ",".join([cells[0], cells[1], "7.77000000", *cells[3:]]), *lines[third + 1 :]]
    if FileDefect.REPUBLISHED in defects:
        cells = lines[0].split(",")
        lines = [",".join([cells[0], cells[1], "9.99000000", *cells[3:]]), *lines[1:]]
    if FileDefect.UNSORTED in defects:
        lines = lines[third : 2 * third] + lines[:third] + lines[2 * third :]
    if FileDefect.BROKEN_ROW in defects:
        lines = [*lines[:third], "not,a,row", *lines[third:]]
    return lines


def _date_of(ns: int) -> date:
    return _EPOCH + timedelta(days=ns // DAY_NS)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
