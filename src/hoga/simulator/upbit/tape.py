"""simulator.upbit.tape: what a market's trades leave behind, as Upbit counts it: trades by sequential id, the day, candles. Pure.

Prices and sizes are integers of 1e-8, turnovers of 1e-16. Times are the venue's, in ms. A candle exists only when a trade
fell into it. The day begins at 00:00 UTC. Source: protocol sheet 3.1, 3.2, 3.4.
"""

from __future__ import annotations

import zlib
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from hoga.simulator.engine import Instrument, Market, Top, Trade

__all__ = ["UNITS_MS", "Candle", "Print", "Tape", "warmed_up"]

_MINUTE, _DAY = 60_000, 86_400_000
_MONDAY = 4 * _DAY  # 1970-01-05
KEPT_PRINTS = 5_000
KEPT_CANDLES = 1_000

UNITS_MS = {"1s": 1_000, **{f"{count}m": count * _MINUTE for count in (1, 3, 5, 10, 15, 30, 60, 240)}, "day": _DAY, "week": 7 * _DAY}
"""Candle unit → its length in ms; `month` and `year` follow the calendar."""

_ALL_UNITS = (*UNITS_MS, "month", "year")


class Print(NamedTuple):
    """One trade as it is told: `previous` is the day's previous close, `top` the best of the book just before."""

    sid: int
    time_ms: int
    price: int
    size: int
    taker_buys: bool
    previous: int
    top: Top


class Candle:
    """One candle; `last_ms` is its newest trade's time, `previous` the close of the day before (days only)."""

    __slots__ = ("close", "count", "high", "last_ms", "low", "open", "previous", "size", "start_ms", "turnover")

    def __init__(self, start_ms: int, price: int, previous: int) -> None:
        self.start_ms = start_ms
        self.open = self.high = self.low = self.close = price
        self.previous = previous
        self.size = self.turnover = self.count = 0
        self.last_ms = start_ms

    def add(self, price: int, size: int, time_ms: int) -> None:
        """Count one trade in."""
        self.close = price
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.size += size
        self.turnover += price * size
        self.count += 1
        self.last_ms = time_ms


class Tape:
    """The memory of one market. `opening`, `high`, `low`, `ask_size`, `bid_size`, `turnover` are of the UTC day."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.prints: deque[Print] = deque(maxlen=KEPT_PRINTS)
        self.candles: dict[str, deque[Candle]] = {unit: deque(maxlen=KEPT_CANDLES) for unit in _ALL_UNITS}
        start = instrument.start_ticks
        tick = instrument.tick_e8
        drift = zlib.crc32(f"{instrument.symbol}/yesterday".encode()) % 2_001 - 1_000
        self.last_price = start * tick
        self.previous = max(1, start + start * drift // 25_000) * tick  # within 4 % of today's opening
        self.opening = self.high = self.low = self.last_price
        self.year_high = (start + start * 11 // 20) * tick
        self.year_low = max(1, start * 3 // 4) * tick
        self.ask_size = self.bid_size = self.turnover = 0
        self._day = -1
        self._sid = (0, -1)

    @property
    def last(self) -> Print | None:
        """The newest trade."""
        return self.prints[-1] if self.prints else None

    def add(self, trade: Trade, time_ms: int, top: Top) -> Print:
        """Count one trade in, which the venue says happened at `time_ms`."""
        price, size = trade.price * self.instrument.tick_e8, trade.lots * self.instrument.lot_e8
        self._turn_day(time_ms // _DAY, price)
        self._sid = (time_ms, self._sid[1] + 1 if self._sid[0] == time_ms else 0)
        printed = Print(time_ms * 10_000 + self._sid[1], time_ms, price, size, not trade.buyer_is_maker, self.previous, top)
        self.prints.append(printed)
        self._count(printed)
        for unit, candles in self.candles.items():
            start_ms = _start_ms(unit, time_ms)
            if not candles or candles[-1].start_ms != start_ms:
                candles.append(Candle(start_ms, price, self.previous))
            candles[-1].add(price, size, time_ms)
        return printed

    def last_day(self, now_ms: int) -> tuple[int, int]:
        """(turnover, size) of the last 24 hours, by whole minutes."""
        turnover = size = 0
        for candle in reversed(self.candles["1m"]):
            if candle.start_ms <= now_ms - _DAY:
                break
            turnover += candle.turnover
            size += candle.size
        return turnover, size

    def before(self, unit: str, to_ms: int | None, count: int) -> list[Candle]:
        """The newest `count` candles that begin before `to_ms` (None: all), newest first."""
        candles = self.candles[unit]
        chosen = (candle for candle in reversed(candles) if to_ms is None or candle.start_ms < to_ms)
        return list(islice(chosen, count))

    def prints_before(self, sid: int | None, count: int) -> list[Print]:
        """The newest `count` trades with a smaller sequential id, newest first."""
        chosen = (each for each in reversed(self.prints) if sid is None or each.sid < sid)
        return list(islice(chosen, count))

    def _turn_day(self, day: int, price: int) -> None:
        if day == self._day:
            return
        if self._day != -1:
            self.previous = self.last_price
        self._day = day
        self.opening = self.high = self.low = price
        self.ask_size = self.bid_size = self.turnover = 0

    def _count(self, printed: Print) -> None:
        price = printed.price
        self.last_price = price
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.year_high, self.year_low = max(self.year_high, price), min(self.year_low, price)
        self.turnover += price * printed.size
        if printed.taker_buys:
            self.bid_size += printed.size
        else:
            self.ask_size += printed.size


def warmed_up(market: Market, stamp_ms: int) -> Tape:
    """A market's tape with what it traded before anyone watched; times are moved by `stamp_ms`."""
    tape = Tape(market.instrument)
    for trade in market.trades:
        tape.add(trade, trade.time_ns // 1_000_000 + stamp_ms, market.top)
    return tape


def _start_ms(unit: str, time_ms: int) -> int:
    length_ms = UNITS_MS.get(unit)
    if length_ms is not None:
        shift = _MONDAY if unit == "week" else 0
        return (time_ms - shift) // length_ms * length_ms + shift
    at = datetime.fromtimestamp(time_ms / 1_000, UTC)
    month = 1 if unit == "year" else at.month
    return int(datetime(at.year, month, 1, tzinfo=UTC).timestamp()) * 1_000
