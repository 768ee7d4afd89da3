"""simulator.binance.publisher: which frames the engine's events become. Synchronous; time is an argument.

As the pace lets the markets run, events go out at once, depth at every 100 ms boundary of
simulated time, statistics at every second. Only what somebody is subscribed to is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hoga.simulator.binance.bars import DueBar
from hoga.simulator.binance.dialect import printing
from hoga.simulator.binance.names import ROLLING_WINDOWS, channel_of, symbol_part
from hoga.simulator.binance.payloads import SpotPrinter
from hoga.simulator.binance.publishing import DAY_MS, MS_NS, Publishing
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import AggTrade, Cut, Engine, Market, RollingStats, Trade
from hoga.simulator.engine.tape import UTC8_MS
from hoga.simulator.switchboard import Switchboard

__all__ = ["Publisher"]

PrintT = TypeVar("PrintT", Trade, AggTrade)

_CUT_NS = 100_000_000
_CUTS_A_SECOND = 10
_ALL_MINI = "!miniTicker@arr"


class Publisher(Publishing[SpotPrinter]):
    """Prints an engine's markets for a switchboard, as `pace` lets them run."""

    def __init__(self, engine: Engine, board: Switchboard, clock: SimClock) -> None:
        super().__init__(engine, board, clock, step_ns=_CUT_NS, printer=SpotPrinter)

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed: open the markets these streams need."""
        for name in names:
            symbol, channel = symbol_part(name).upper(), channel_of(name)
            if symbol in self._engine.instruments and channel is not None:
                self._open(symbol)
                if channel.kind == "kline":
                    self._bars.wake(symbol_part(name), name, channel.argument, UTC8_MS if channel.utc8 else 0)
            elif name == _ALL_MINI:
                for known in self._engine.instruments:
                    self._open(known)

    def _publish_events(self, now_ns: int) -> None:
        subscribers = self._board.subscribers
        for name, market, printer in self._live():
            events = market.drain()
            if not events:
                continue
            trades = f"{name}@trade" in subscribers
            aggregates = f"{name}@aggTrade" in subscribers
            tops = f"{name}@bookTicker" in subscribers
            for event in events:
                if isinstance(event, Trade):
                    if trades:
                        self._publish_print(f"{name}@trade", printer.trade, event, event.trade_id, now_ns)
                elif isinstance(event, AggTrade):
                    if aggregates:
                        self._publish_print(f"{name}@aggTrade", printer.agg_trade, event, event.agg_id, now_ns)
                elif tops:
                    text = printer.book_ticker(event)
                    self._publish(f"{name}@bookTicker", lambda unit, text=text: text, event.update_id)  # type: ignore[misc]

    def _publish_print(self, stream: str, encode: Callable[[PrintT, int, int], str], event: PrintT, event_id: int, now_ns: int) -> None:
        sent, time = self._clock.stamp_ns(now_ns), self._clock.stamp_ns(event.time_ns)
        self._publish(stream, lambda unit: encode(event, sent // unit, time // unit), event_id)

    def _publish_cuts(self, now_ns: int) -> None:
        slow = now_ns // _CUT_NS % _CUTS_A_SECOND == 0
        for name, market, printer in self._live():
            fast_cut = market.cut(100)
            if fast_cut is not None:
                self._publish_depth(name, "@100ms", market, printer, fast_cut, now_ns)
            if slow and (slow_cut := market.cut(1000)) is not None:
                self._publish_depth(name, "", market, printer, slow_cut, now_ns)
                self._publish_depth(name, "@1000ms", market, printer, slow_cut, now_ns)
            self._publish_bars(name, market, printer, now_ns, every_second=slow)
            if slow:
                self._publish_statistics(name, market, printer, now_ns)
        if slow and _ALL_MINI in self._board.subscribers:
            self._publish_all_mini(now_ns)

    def _publish_depth(self, name: str, speed: str, market: Market, printer: SpotPrinter, cut: Cut, now_ns: int) -> None:
        subscribers, book = self._board.subscribers, market.book
        if (stream := f"{name}@depth{speed}") in subscribers:
            event = self._clock.stamp_ns(now_ns)
            self._publish(stream, lambda unit: printer.diff_depth(cut, event // unit), cut.final_id)
        for levels in (5, 10, 20):
            if (stream := f"{name}@depth{levels}{speed}") in subscribers:
                text = printer.partial_depth(cut.final_id, book.bids.top(levels), book.asks.top(levels))
                self._publish(stream, lambda unit, text=text: text, cut.final_id)  # type: ignore[misc]

    def _publish_bars(self, name: str, market: Market, printer: SpotPrinter, now_ns: int, *, every_second: bool) -> None:
        even = now_ns // (_CUTS_A_SECOND * _CUT_NS) % 2 == 0
        event = self._clock.stamp_ns(now_ns)
        for due in self._bars.due(
            name,
            market,
            now_ns // 1_000_000,
            subscribed=self._board.subscribers,
            tells=lambda interval: every_second and (even or interval == "1s"),
        ):
            self._publish(due.stream, _kline(printer, due, event), due.bar.last_id)

    def _publish_statistics(self, name: str, market: Market, printer: SpotPrinter, now_ns: int) -> None:
        subscribers = self._board.subscribers
        event, now_ms = self._clock.stamp_ns(now_ns), now_ns // 1_000_000
        if (stream := f"{name}@miniTicker") in subscribers:
            stats = market.tape.rolling(DAY_MS, now_ms)
            self._publish(stream, lambda unit: printer.mini_ticker(stats, event // unit))
        if (stream := f"{name}@ticker") in subscribers:
            self._publish(stream, _ticker(market, printer, market.tape.rolling(DAY_MS, now_ms), event))
        for window, length_ms in ROLLING_WINDOWS.items():
            if (stream := f"{name}@ticker_{window}") in subscribers:
                self._publish(stream, _rolling(printer, market.tape.rolling(length_ms, now_ms), window, event))
        if (stream := f"{name}@avgPrice") in subscribers:
            quote, lots = market.tape.average(5, now_ms)
            last_ns = market.tape.last_trade_ms * 1_000_000
            self._publish(stream, lambda unit: printer.average_price(quote, lots, event // unit, last_ns // unit))
        if (stream := f"{name}@referencePrice") in subscribers:
            average = market.tape.average(5, now_ms)
            self._publish(stream, lambda unit: printer.reference_price(*average, event // unit))

    def _publish_all_mini(self, now_ns: int) -> None:
        event, now_ms = self._clock.stamp_ns(now_ns), now_ns // MS_NS
        changed = [(printer, market.tape.rolling(DAY_MS, now_ms)) for _, market, printer in self._live() if self._has_traded(market)]
        if changed:
            self._publish(
                _ALL_MINI, lambda unit: f"[{','.join([printer.mini_ticker(stats, event // unit) for printer, stats in changed])}]"
            )

    def _publish(self, stream: str, encode: Callable[[int], str], last_id: int | None = None) -> None:
        """`encode` prints the payload with times in units of so many nanoseconds."""
        encoded = printing(stream, lambda micros: encode(1_000 if micros else 1_000_000).encode())
        self._board.publish(stream, encoded, last_id=last_id)


def _kline(printer: SpotPrinter, due: DueBar, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened = due.bar.open_ms * MS_NS // unit
        closes = (due.bar.close_ms * MS_NS + (999_999 if unit == 1_000 else 0)) // unit
        return printer.kline(due.bar, due.interval, sent=event // unit, opened=opened, closes=closes, final=due.final)

    return encode


def _ticker(market: Market, printer: SpotPrinter, stats: RollingStats, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened, closed = stats.open_ms * MS_NS // unit, stats.close_ms * MS_NS // unit
        return printer.ticker(stats, market.top, event // unit, opened=opened, closed=closed)

    return encode


def _rolling(printer: SpotPrinter, stats: RollingStats, window: str, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened, closed = stats.open_ms * MS_NS // unit, stats.close_ms * MS_NS // unit
        return printer.rolling_ticker(stats, window, event // unit, opened=opened, closed=closed)

    return encode
