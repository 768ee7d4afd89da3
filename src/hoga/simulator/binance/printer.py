"""simulator.binance.printer: what Binance's venues print alike: figures, levels, candles, and the rows of REST. Pure.

Prices are ticks, sizes lots, turnovers ticks x lots; each is printed with its own number of decimal places, cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hoga.simulator.engine import Bar, Instrument, Level, RollingStats, Top

__all__ = ["E8", "Digits", "Printer", "bool_text", "decimal_text", "e8_text"]

E8 = 100_000_000


class Digits(NamedTuple):
    """Printed decimal places of a price, a size, and their product."""

    price: int = 8
    size: int = 8
    quote: int = 8


def e8_text(value_e8: int) -> str:
    """A decimal with eight places from units of 1e-8."""
    sign, value = ("-", -value_e8) if value_e8 < 0 else ("", value_e8)
    return f"{sign}{value // E8}.{value % E8:08d}"


def decimal_text(value_e8: int, digits: int) -> str:
    """A decimal with so many places from units of 1e-8, cut off."""
    sign, value = ("-", -value_e8) if value_e8 < 0 else ("", value_e8)
    if not digits:
        return f"{sign}{value // E8}"
    scale = 10**digits
    scaled = value * scale // E8
    return f"{sign}{scaled // scale}.{scaled % scale:0{digits}d}"


def bool_text(value: bool) -> str:
    """A truth value as JSON has it."""
    return "true" if value else "false"


class Printer:
    """Prints the figures of one instrument, called `name` in streams. `price(ticks)` and `size(lots)` give texts."""

    def __init__(self, instrument: Instrument, digits: Digits = Digits()) -> None:
        self.instrument = instrument
        self.name = instrument.symbol.lower()
        self.digits = digits
        self.price = _text_of(instrument.tick_e8, digits.price)
        self.size = _text_of(instrument.lot_e8, digits.size)

    def quote(self, quote: int) -> str:
        """A turnover (ticks x lots)."""
        return decimal_text(quote * self.instrument.tick_e8 * self.instrument.lot_e8 // E8, self.digits.quote)

    def levels(self, levels: Iterable[Level]) -> str:
        """`[["price","size"],...]` in the given order. A level's text is kept until it changes."""
        price, size, texts = self.price, self.size, []
        for level in levels:
            text = level.printed
            if text is None:
                text = level.printed = f'["{price(level.price)}","{size(level.lots)}"]'
            texts.append(text)
        return f"[{','.join(texts)}]"

    def changes(self, changes: Iterable[tuple[int, int]]) -> str:
        """The same of prices and sizes."""
        rows = [f'["{self.price(price)}","{self.size(lots)}"]' for price, lots in changes]
        return f"[{','.join(rows)}]"

    def weighted(self, stats: RollingStats) -> str:
        """Volume-weighted average price of a window."""
        return self.price(stats.quote // stats.lots if stats.lots else stats.close)

    def candle(self, bar: Bar, interval: str, ids: tuple[int, int], *, final: bool) -> str:
        """The figures of a candle in progress, or of its final state."""
        return (
            f'"i":"{interval}","f":{ids[0]},"L":{ids[1]},"o":"{self.price(bar.open)}","c":"{self.price(bar.close)}",'
            f'"h":"{self.price(bar.high)}","l":"{self.price(bar.low)}","v":"{self.size(bar.lots)}","n":{bar.count},'
            f'"x":{bool_text(final)},"q":"{self.quote(bar.quote)}","V":"{self.size(bar.taker_lots)}",'
            f'"Q":"{self.quote(bar.taker_quote)}","B":"0"'
        )

    # -- rows of REST --------------------------------------------------------------------------------------------

    def kline_row(self, bar: Bar, opened: int, closes: int) -> str:
        """A candle."""
        prices = ",".join(f'"{self.price(price)}"' for price in (bar.open, bar.high, bar.low, bar.close))
        return (
            f'[{opened},{prices},"{self.size(bar.lots)}",{closes},"{self.quote(bar.quote)}",{bar.count},'
            f'"{self.size(bar.taker_lots)}","{self.quote(bar.taker_quote)}","0"]'
        )

    def best_row(self, top: Top) -> dict[str, Any]:
        """The best of both sides."""
        return {
            "bidPrice": self.price(top.bid),
            "bidQty": self.size(top.bid_lots),
            "askPrice": self.price(top.ask),
            "askQty": self.size(top.ask_lots),
        }

    def change_row(self, stats: RollingStats, percent: str) -> dict[str, Any]:
        """How far a window's price has gone."""
        return {
            "symbol": self.instrument.symbol,
            "priceChange": self.price(stats.close - stats.open),
            "priceChangePercent": percent,
            "weightedAvgPrice": self.weighted(stats),
        }

    def window_row(self, stats: RollingStats, *, factor: int = 1) -> dict[str, Any]:
        """What a window holds; its times are ms times `factor`."""
        return {
            "openPrice": self.price(stats.open),
            "highPrice": self.price(stats.high),
            "lowPrice": self.price(stats.low),
            "volume": self.size(stats.lots),
            "quoteVolume": self.quote(stats.quote),
            "openTime": stats.open_ms * factor,
            "closeTime": stats.close_ms * factor,
            "firstId": stats.first_id,
            "lastId": stats.last_id,
            "count": stats.trades,
        }


def _text_of(step_e8: int, digits: int) -> Callable[[int], str]:
    """Prints so many steps. Eight places are the usual case, and printed without a further call."""

    def eight(steps: int) -> str:
        value = steps * step_e8
        return f"{value // E8}.{value % E8:08d}" if value >= 0 else e8_text(value)

    return eight if digits == 8 else lambda steps: decimal_text(steps * step_e8, digits)
