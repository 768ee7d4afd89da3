"""simulator.upbit.publisher: which frames the engine's events become. Synchronous; time is an argument.

As the pace lets the open markets run, trades go out as they happen, books and tickers that changed on the
market's own 100 ms grid (each market has its phase), candles once a second. What was published last is kept: snapshots and
REST tell the same book under the same timestamp. Source: protocol sheet 2.5, 3.3, 3.4 (captures of 2026-09-23).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import partial

from hoga.simulator.clock import SimClock
from hoga.simulator.engine import Engine, Level, Market, Pace, Top, Trade
from hoga.simulator.faults import Printed
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.upbit import payloads
from hoga.simulator.upbit.markets import grouping_levels
from hoga.simulator.upbit.names import CANDLE_UNITS, DEPTHS, Want, parse_name
from hoga.simulator.upbit.payloads import BookImage, Format, printed
from hoga.simulator.upbit.tape import Candle, Print, Tape, warmed_up

__all__ = ["LiveMarket", "Publisher"]

_GRID_NS = 100_000_000
_MS_NS = 1_000_000
_UNITS = 30


class LiveMarket:
    """One open market as Upbit shows it: its tape, and the book as last told, plain and grouped."""

    def __init__(self, market: Market, *, now_ns: int, stamp_ns: int) -> None:
        self.market = market
        self.code = market.instrument.symbol
        self.tape: Tape = warmed_up(market, (stamp_ns - now_ns) // _MS_NS)
        self.traded = False
        self.phase_ns = zlib.crc32(self.code.encode()) % 100 * _MS_NS
        told_ns = (now_ns - self.phase_ns) // _GRID_NS * _GRID_NS + self.phase_ns
        self._top = market.top
        self._update_id = market.book.update_id
        self.books: dict[int, BookImage] = {0: self._image(0, (told_ns + stamp_ns - now_ns) // _MS_NS)}
        market.drain()

    def book(self, level_e8: int) -> BookImage:
        """The book as last told, grouped by `level_e8` (0: not)."""
        book = self.books.get(level_e8)
        return book if book is not None else self._image(level_e8, self.books[0].time_ms)

    def take_events(self, stamp: Callable[[int], int]) -> list[Print]:
        """Trades since the last call, counted in. `stamp(ns)` is what the venue's clock said then."""
        prints: list[Print] = []
        for event in self.market.drain():
            if isinstance(event, Trade):
                prints.append(self.tape.add(event, stamp(event.time_ns) // _MS_NS, self._top))
            elif isinstance(event, Top):
                self._top = event
        self.traded = self.traded or bool(prints)
        return prints

    def cut(self, time_ms: int, levels: Iterable[int]) -> list[int]:
        """Look at the book at a point of the grid: the groupings (0: none) in which it differs from what was told."""
        book = self.market.book
        if book.update_id == self._update_id:
            return []
        self._update_id = book.update_id
        book.asks.changed.clear()  # nobody asks this venue for differences
        book.bids.changed.clear()
        changed: list[int] = []
        for level_e8 in levels:
            image, told = self._image(level_e8, time_ms), self.books.get(level_e8)
            if told is None or (image.asks, image.bids) != (told.asks, told.bids):
                self.books[level_e8] = image
                changed.append(level_e8)
        return changed

    def _image(self, level_e8: int, time_ms: int) -> BookImage:
        book, instrument = self.market.book, self.market.instrument
        tick, lot = instrument.tick_e8, instrument.lot_e8
        if not level_e8:
            asks, bids = (tuple((each.price * tick, each.lots * lot) for each in half.top(_UNITS)) for half in (book.asks, book.bids))
            return BookImage(time_ms, asks, bids)
        asks = _grouped(book.asks.top(len(book.asks.keys)), tick, lot, level_e8, up=True)
        return BookImage(time_ms, asks, _grouped(book.bids.top(len(book.bids.keys)), tick, lot, level_e8, up=False))


def _grouped(levels: Iterable[Level], tick_e8: int, lot_e8: int, level_e8: int, *, up: bool) -> tuple[tuple[int, int], ...]:
    groups: dict[int, int] = {}
    for level in levels:
        price = level.price * tick_e8
        key = -(-price // level_e8) * level_e8 if up else price // level_e8 * level_e8
        if key not in groups and len(groups) == _UNITS:
            break
        groups[key] = groups.get(key, 0) + level.lots * lot_e8
    return tuple(groups.items())


class Publisher:
    """Prints an engine's markets for a switchboard. `on_events(live, now_ns)` is called when a market has traded."""

    def __init__(self, engine: Engine, board: Switchboard, clock: SimClock) -> None:
        self.pace = Pace(engine, now_ns=clock.now_ns(), speed=clock.speed, rest=self._publish_all_trades)
        self.live: dict[str, LiveMarket] = {}
        self.on_events: Callable[[LiveMarket, int], None] = lambda live, now_ns: None
        self._engine = engine
        self._board = board
        self._clock = clock
        self._levels: dict[str, dict[int, None]] = {}
        self._candles_sent: dict[str, tuple[int, int]] = {}

    @property
    def codes(self) -> list[str]:
        """Every market that is traded."""
        return [code for code in self._engine.instruments if code not in self._engine.delisted]

    def market(self, code: str) -> Market | None:
        """The market itself; None for one that is not traded."""
        return self._engine.market(code) if code in self.codes else None

    def open(self, code: str) -> LiveMarket | None:
        """A market, opened now if it was dormant; None for one that is not traded."""
        live = self.live.get(code)
        if live is None and code in self._engine.instruments and code not in self._engine.delisted:
            now_ns, market = self.pace.done_ns, self._engine.market(code)
            live = self.live[code] = LiveMarket(market, now_ns=now_ns, stamp_ns=self._clock.stamp_ns(now_ns))
            self.pace.add(code, step_ns=_GRID_NS, phase_ns=live.phase_ns, run=market.run_until, cut=partial(self._publish_cut, live))
        return live

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed: open the markets these streams need, and group the books they ask for."""
        for name in names:
            want = parse_name(name)
            live = self.open(want.code) if want is not None else None
            if want is None or live is None or want.type != "orderbook" or not want.level_e8:
                continue
            if want.level_e8 in grouping_levels(live.market.instrument):
                self._levels.setdefault(want.code, {})[want.level_e8] = None
                live.books.setdefault(want.level_e8, live.book(want.level_e8))

    def forget(self, code: str) -> None:
        """A market has left trading: its streams fall silent, and REST does not know it any more."""
        self.live.pop(code, None)
        self.pace.drop(code)

    def snapshot(self, name: str, form: Format) -> Printed | None:
        """The present state of a stream; None where there is nothing to tell."""
        want = parse_name(name)
        live = self.open(want.code) if want is not None else None
        if want is None or live is None:
            return None
        text = self._state(live, want, form)
        return printed(text, form) if text is not None else None

    def _state(self, live: LiveMarket, want: Want, form: Format) -> str | None:
        if want.type == "orderbook":
            if want.level_e8 not in grouping_levels(live.market.instrument):
                return None
            return _book(live, want, form, "SNAPSHOT")
        last = live.tape.last
        if last is None:
            return None
        if want.type == "trade":
            tick_e8 = live.market.instrument.tick_e8
            return payloads.trade(want.code, last, form, "SNAPSHOT", tick_e8=tick_e8, sent_ms=self._stamp_ms(self.pace.done_ns))
        if want.type == "ticker":
            return payloads.ticker(want.code, live.tape, last, form, "SNAPSHOT", sent_ms=self._stamp_ms(self.pace.done_ns))
        unit = want.type.removeprefix("candle.")
        return payloads.candle(want.code, unit, live.tape.candles[unit][-1], form, "SNAPSHOT")

    # -- driving -------------------------------------------------------------------------------------------------

    def _publish_all_trades(self, now_ns: int) -> None:
        for live in list(self.live.values()):
            self._publish_trades(live, now_ns)

    def _publish_trades(self, live: LiveMarket, now_ns: int) -> None:
        prints = live.take_events(self._clock.stamp_ns)
        if prints:
            self.on_events(live, now_ns)
        name = f"{live.code}@trade"
        if not prints or name not in self._board.subscribers:
            return
        sent_ms, tick_e8 = self._stamp_ms(now_ns), live.market.instrument.tick_e8
        for made in prints:
            self._publish(
                name,
                lambda form, made=made: payloads.trade(live.code, made, form, "REALTIME", tick_e8=tick_e8, sent_ms=sent_ms),  # type: ignore[misc]
                made.sid,
            )

    def _publish_cut(self, live: LiveMarket, now_ns: int) -> None:
        self._publish_trades(live, now_ns)
        for level_e8 in live.cut(self._stamp_ms(now_ns), (0, *self._levels.get(live.code, ()))):
            for depth in DEPTHS:
                want = Want("orderbook", live.code, depth, level_e8)
                self._publish(want.name, lambda form, want=want: _book(live, want, form, "REALTIME"))  # type: ignore[misc]
        last = live.tape.last
        if live.traded and last is not None:
            live.traded = False
            sent_ms = self._stamp_ms(now_ns)
            self._publish(
                f"{live.code}@ticker", lambda form: payloads.ticker(live.code, live.tape, last, form, "REALTIME", sent_ms=sent_ms)
            )
        if (now_ns - live.phase_ns) // _GRID_NS % 10 == 0:
            for unit in CANDLE_UNITS:
                self._publish_candles(live, unit)

    def _publish_candles(self, live: LiveMarket, unit: str) -> None:
        name = f"{live.code}@candle.{unit}"
        candles = live.tape.candles[unit]
        if name not in self._board.subscribers or not candles:
            self._candles_sent.pop(name, None)
            return
        newest = candles[-1]
        since_ms, count = self._candles_sent.get(name, (newest.start_ms, 0))
        for bar in _since(candles, since_ms):
            if bar.start_ms > since_ms or bar.count > count:
                self._publish(name, lambda form, bar=bar: payloads.candle(live.code, unit, bar, form, "REALTIME"))  # type: ignore[misc]
        self._candles_sent[name] = (newest.start_ms, newest.count)

    def _publish(self, name: str, encode: Callable[[Format], str], last_id: int | None = None) -> None:
        self._board.publish(name, lambda form: printed(encode(form), form), last_id=last_id)

    def _stamp_ms(self, now_ns: int) -> int:
        return self._clock.stamp_ns(now_ns) // _MS_NS


def _book(live: LiveMarket, want: Want, form: Format, stream_type: str) -> str:
    return payloads.orderbook(live.code, live.book(want.level_e8), form, stream_type, depth=want.depth, level_e8=want.level_e8)


def _since(candles: Iterable[Candle], start_ms: int) -> list[Candle]:
    found: list[Candle] = []
    for bar in reversed(list(candles)[-10:]):
        if bar.start_ms < start_ms:
            break
        found.append(bar)
    return found[::-1]
