"""simulator.binance.publisher: which frames the engine's events become. Synchronous; time is an argument.

As the pace lets the markets run, events go out at once, depth at every 100 ms boundary of
simulated time, statistics at every second. Only what somebody is subscribed to is printed.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.simulator.binance import payloads
from hoga.simulator.binance.bars import BarStreams, DueBar
from hoga.simulator.binance.dialect import printing
from hoga.simulator.binance.names import ROLLING_WINDOWS, channel_of, symbol_part
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import AggTrade, Cut, Engine, Market, Pace, RollingStats, Trade
from hoga.simulator.engine.tape import UTC8_MS
from hoga.simulator.switchboard import Switchboard

__all__ = ["Publisher"]

_CUT_NS = 100_000_000
_CUTS_A_SECOND = 10
_DAY_MS = 86_400_000
_ALL_MINI = "!miniTicker@arr"


class Publisher:
    """Prints an engine's markets for a switchboard, as `pace` lets them run."""

    def __init__(self, engine: Engine, board: Switchboard, clock: SimClock) -> None:
        self._engine = engine
        self._board = board
        self._clock = clock
        self.pace = Pace(engine, now_ns=clock.now_ns(), speed=clock.speed, rest=self._publish_events)
        self.pace.add("depth", step_ns=_CUT_NS, run=engine.run_until, cut=self._publish_boundary)
        self._names: dict[str, str] = {}
        self._bars = BarStreams()
        self._last_mini: dict[str, int] = {}

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed: open the markets these streams need."""
        for name in names:
            symbol, channel = symbol_part(name).upper(), channel_of(name)
            if symbol in self._engine.instruments and channel is not None:
                self._names.setdefault(symbol, symbol_part(name))
                self._engine.market(symbol)
                if channel.kind == "kline":
                    self._bars.wake(symbol_part(name), name, channel.argument, UTC8_MS if channel.utc8 else 0)
            elif name == _ALL_MINI:
                for known in self._engine.instruments:
                    self._names.setdefault(known, known.lower())
                    self._engine.market(known)

    def _live(self) -> list[tuple[str, Market]]:
        markets, delisted = self._engine.markets, self._engine.delisted
        return [(name, markets[symbol]) for symbol, name in self._names.items() if symbol not in delisted]

    def _publish_events(self, now_ns: int) -> None:
        subscribers = self._board.subscribers
        for name, market in self._live():
            events = market.drain()
            if not events:
                continue
            trades = f"{name}@trade" in subscribers
            aggregates = f"{name}@aggTrade" in subscribers
            tops = f"{name}@bookTicker" in subscribers
            for event in events:
                if isinstance(event, Trade):
                    if trades:
                        self._publish_trade(f"{name}@trade", market, event, now_ns)
                elif isinstance(event, AggTrade):
                    if aggregates:
                        self._publish_agg_trade(f"{name}@aggTrade", market, event, now_ns)
                elif tops:
                    text = payloads.book_ticker(event, market.instrument)
                    self._publish(f"{name}@bookTicker", lambda unit, text=text: text, event.update_id)  # type: ignore[misc]

    def _publish_trade(self, stream: str, market: Market, event: Trade, now_ns: int) -> None:
        sent, time = self._clock.stamp_ns(now_ns), self._clock.stamp_ns(event.time_ns)
        self._publish(stream, lambda unit: payloads.trade(event, sent // unit, time // unit, market.instrument), event.trade_id)

    def _publish_agg_trade(self, stream: str, market: Market, event: AggTrade, now_ns: int) -> None:
        sent, time = self._clock.stamp_ns(now_ns), self._clock.stamp_ns(event.time_ns)
        self._publish(stream, lambda unit: payloads.agg_trade(event, sent // unit, time // unit, market.instrument), event.agg_id)

    def _publish_boundary(self, now_ns: int) -> None:
        self._publish_events(now_ns)
        slow = now_ns // _CUT_NS % _CUTS_A_SECOND == 0
        for name, market in self._live():
            fast_cut = market.cut(100)
            if fast_cut is not None:
                self._publish_depth(name, "@100ms", market, fast_cut, now_ns)
            if slow and (slow_cut := market.cut(1000)) is not None:
                self._publish_depth(name, "", market, slow_cut, now_ns)
                self._publish_depth(name, "@1000ms", market, slow_cut, now_ns)
            self._publish_bars(name, market, now_ns, every_second=slow)
            if slow:
                self._publish_statistics(name, market, now_ns)
        if slow and _ALL_MINI in self._board.subscribers:
            self._publish_all_mini(now_ns)

    def _publish_depth(self, name: str, speed: str, market: Market, cut: Cut, now_ns: int) -> None:
        subscribers, book = self._board.subscribers, market.book
        if (stream := f"{name}@depth{speed}") in subscribers:
            event = self._clock.stamp_ns(now_ns)
            self._publish(stream, lambda unit: payloads.diff_depth(cut, event // unit, market.instrument), cut.final_id)
        for levels in (5, 10, 20):
            if (stream := f"{name}@depth{levels}{speed}") in subscribers:
                text = payloads.partial_depth(cut.final_id, book.bids.top(levels), book.asks.top(levels), market.instrument)
                self._publish(stream, lambda unit, text=text: text, cut.final_id)  # type: ignore[misc]

    def _publish_bars(self, name: str, market: Market, now_ns: int, *, every_second: bool) -> None:
        even = now_ns // (_CUTS_A_SECOND * _CUT_NS) % 2 == 0
        event = self._clock.stamp_ns(now_ns)
        for due in self._bars.due(
            name,
            market,
            now_ns // 1_000_000,
            subscribed=self._board.subscribers,
            tells=lambda interval: every_second and (even or interval == "1s"),
        ):
            self._publish(due.stream, _kline(market, due, event), due.bar.last_id)

    def _publish_statistics(self, name: str, market: Market, now_ns: int) -> None:
        subscribers, instrument = self._board.subscribers, market.instrument
        event, now_ms = self._clock.stamp_ns(now_ns), now_ns // 1_000_000
        if (stream := f"{name}@miniTicker") in subscribers:
            stats = market.tape.rolling(_DAY_MS, now_ms)
            self._publish(stream, lambda unit: payloads.mini_ticker(stats, event // unit, instrument))
        if (stream := f"{name}@ticker") in subscribers:
            self._publish(stream, _ticker(market, market.tape.rolling(_DAY_MS, now_ms), event))
        for window, length_ms in ROLLING_WINDOWS.items():
            if (stream := f"{name}@ticker_{window}") in subscribers:
                self._publish(stream, _rolling(market, market.tape.rolling(length_ms, now_ms), window, event))
        if (stream := f"{name}@avgPrice") in subscribers:
            quote, lots = market.tape.average(5, now_ms)
            last_ns = market.tape.last_trade_ms * 1_000_000
            self._publish(stream, lambda unit: payloads.average_price(quote, lots, event // unit, last_ns // unit, instrument))
        if (stream := f"{name}@referencePrice") in subscribers:
            average = market.tape.average(5, now_ms)
            self._publish(stream, lambda unit: payloads.reference_price(*average, event // unit, instrument))

    def _publish_all_mini(self, now_ns: int) -> None:
        event, now_ms = self._clock.stamp_ns(now_ns), now_ns // 1_000_000
        changed: list[tuple[RollingStats, Market]] = []
        for _, market in self._live():
            stats = market.tape.rolling(_DAY_MS, now_ms)
            symbol = market.instrument.symbol
            if stats.last_id != self._last_mini.get(symbol):
                self._last_mini[symbol] = stats.last_id
                changed.append((stats, market))
        if changed:
            self._publish(
                _ALL_MINI,
                lambda unit: f"[{','.join([payloads.mini_ticker(stats, event // unit, market.instrument) for stats, market in changed])}]",
            )

    def _publish(self, stream: str, encode: Callable[[int], str], last_id: int | None = None) -> None:
        """`encode` prints the payload with times in units of so many nanoseconds."""
        encoded = printing(stream, lambda micros: encode(1_000 if micros else 1_000_000).encode())
        self._board.publish(stream, encoded, last_id=last_id)


def _kline(market: Market, due: DueBar, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened = due.bar.open_ms * 1_000_000 // unit
        closes = (due.bar.close_ms * 1_000_000 + (999_999 if unit == 1_000 else 0)) // unit
        sent, instrument = event // unit, market.instrument
        return payloads.kline(due.bar, due.interval, sent=sent, opened=opened, closes=closes, final=due.final, instrument=instrument)

    return encode


def _ticker(market: Market, stats: RollingStats, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened, closed = stats.open_ms * 1_000_000 // unit, stats.close_ms * 1_000_000 // unit
        return payloads.ticker(stats, market.top, event // unit, opened=opened, closed=closed, instrument=market.instrument)

    return encode


def _rolling(market: Market, stats: RollingStats, window: str, event: int) -> Callable[[int], str]:
    def encode(unit: int) -> str:
        opened, closed = stats.open_ms * 1_000_000 // unit, stats.close_ms * 1_000_000 // unit
        return payloads.rolling_ticker(stats, window, event // unit, opened=opened, closed=closed, instrument=market.instrument)

    return encode
