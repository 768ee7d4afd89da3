"""trading.bars: bars from trades by event time, and lines over them: bounded, contiguous, deterministic. Pure.

A bar is closed by the first trade of a later one, or 300 ms after its end by the engine's time: bars without trades are closed too, flat at
the last price. A trade that comes later than that revises its bar: the bar in the series is replaced by one with a higher `revision`, and
lines are reckoned anew. A bar over a moment of doubt is marked and does not enter the series; what the venue says of it takes its place,
and until then nobody who waits for contiguous bars is called. Prices and sizes are integers of the instrument.

    trades ─▶ trade ─▶ closed bars           pass_time ─▶ those that are due
    the venue's candles ─▶ fill ─▶ bars of before, bars over a doubt, and whether own ones agree with it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hoga.core.ticks import MarketBar, MarketBars, MarketTrade
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.core.trading import Rules
from hoga.trading.blocks import Counted
from hoga.trading.indicators import Atr, Ema, Extreme, Line, Mean, Reckoner, Rsi, Swings, value_of
from hoga.trading.intervals import Interval, interval_of, interval_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GRACE_NS", "MOST_BARS", "Bar", "BarArrays", "BarSeries", "Difference", "joined"]

GRACE_NS = 300_000_000
"""So long after its end a bar is closed though no later trade came."""
MOST_BARS = 20_000
"""So many a series keeps at most."""
_EDGES = 8
"""Of so many closed bars it is known when their first and their last trade was, so that a late one may turn out to be one of them."""
_CHECK_NS = 5 * MINUTE_NS
_SETTLED_NS = 2 * SECOND_NS
"""So old a candle has to be before it is compared: the venue may be counting still."""
_MOST_CHECKED = 100
_MOST_FLAT = 10_000
"""So many bars without a trade are made at one time at most."""
_AHEAD_NS = 10 * SECOND_NS
"""A trade that is stamped further ahead of its receipt than that is taken as of now."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One bar. The integers have an underscore; the prices as people write them are properties. `whole`: closed, and nothing is missing.

    `trades`: how many made it; None: it is the venue's own candle, which does not say. `revision`: how often late trades have changed it.
    `rules`: as they were when it was closed, one object for all bars of a series: 16 bytes a bar less than its symbol and powers.
    """

    rules: Rules
    start_ns: int
    end_ns: int
    open_: int
    high_: int
    low_: int
    close_: int
    volume_: int
    trades: int | None
    whole: bool
    revision: int = 0

    @property
    def symbol(self) -> str:
        """Venue and symbol."""
        return self.rules.symbol

    @property
    def interval(self) -> str:
        """How long it is: `1m`, `4h`, `1w`."""
        return interval_text(self.end_ns - self.start_ns)

    @property
    def open(self) -> Decimal:
        """The first price."""
        return Decimal(self.open_).scaleb(self.rules.price_power)

    @property
    def high(self) -> Decimal:
        """The highest price."""
        return Decimal(self.high_).scaleb(self.rules.price_power)

    @property
    def low(self) -> Decimal:
        """The lowest price."""
        return Decimal(self.low_).scaleb(self.rules.price_power)

    @property
    def close(self) -> Decimal:
        """The last price."""
        return Decimal(self.close_).scaleb(self.rules.price_power)

    @property
    def volume(self) -> Decimal:
        """What was traded."""
        return Decimal(self.volume_).scaleb(self.rules.size_power)


class BarArrays(NamedTuple):
    """Closed bars as arrays, the oldest first; copies. `start_ns` and `trades`: int64 of shape (n,); the others: float64 of shape (n,).

    `trades` is -1 where the venue does not say.
    """

    start_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    trades: NDArray[np.int64]


class Difference(NamedTuple):
    """An own bar that is not what the venue says of it; both as (open, high, low, close, volume) in the instrument's integers."""

    start_ns: int
    own: tuple[int, int, int, int, int]
    venue: tuple[int, int, int, int, int]


class _Edges(NamedTuple):
    """When a closed bar's first and last trade was, and their ids."""

    first: tuple[int, int]
    last: tuple[int, int]


_Values = tuple[int, int, int, int, int]
"""Open, high, low, close, volume."""


def _with(first: _Values, then: _Values) -> _Values:
    return first[0], max(first[1], then[1]), min(first[2], then[2]), then[3], first[4] + then[4]


def joined(bars: Iterable[MarketBar], interval: Interval) -> Iterator[tuple[int, _Values]]:
    """(start, values) of the bars of a longer interval that shorter ones make up whole; those of its own length as they are."""
    start, values, until = 0, None, 0
    for each in bars:
        own = each.open, each.high, each.low, each.close, each.volume
        if each.interval_ns == interval.ns:
            yield each.start_ns, own
            continue
        if each.start_ns == interval.start_of(each.start_ns):
            start, values = each.start_ns, own
        elif values is not None and until == each.start_ns:
            values = _with(values, own)
        else:
            values = None
        until = each.start_ns + each.interval_ns
        if values is not None and until == start + interval.ns:
            yield start, values
            values = None


def _count(bar: Bar) -> int:
    return -1 if bar.trades is None else bar.trades


class BarSeries:
    """The closed bars of one symbol and interval, the newest last, at most `history`; and the one that is forming.

    `history`: so many are wanted before the first `on_bar`, if the venue has them; `needed`: so many the lines need in any case.
    `late`: trades that came after their bar was closed; `revised`: those of them that changed a bar; `incomplete`: bars over a doubt;
    `checked`, `different`: own bars that were compared with the venue's, and how many of them were not the same.
    """

    def __init__(self, symbol: str, interval: str, history: int, rules: Rules, *, day: str = "UTC") -> None:
        self.symbol = symbol
        self.span = interval_of(interval, day)
        self.interval = self.span.name
        self.interval_ns = self.span.ns
        self.history = 0
        self.needed = 1
        self.late = self.revised = self.incomplete = self.checked = self.different = 0
        self.exhausted = False
        self.asked_ns = 0
        self._anchored = self.span.anchor_ns is not None
        self._bars: deque[Bar] = deque(maxlen=1)
        self._before: deque[Bar] = deque(maxlen=1)
        self._rules = rules
        self._lines: list[Line] = []
        self._dirty = False
        self._start = self._end = 0
        self._formed = False
        self._open = self._high = self._low = self._close_ = self._volume = self._trades = 0
        self._first_trade = self._last_trade = (0, 0)
        self._edges: deque[tuple[int, _Edges]] = deque(maxlen=_EDGES)
        self._doubt = False
        self._first, self._unseen = True, False
        self._candles_to = 0
        self._own_from = self._checked_to = 0
        self._check_asked_ns = 0
        self._revised_since: dict[int, None] = {}
        self.want(history)

    def want(self, history: int) -> None:
        """So many bars are wanted, if more than so far. Raises ValueError for what is no number of bars."""
        if isinstance(history, bool) or not isinstance(history, int) or not 1 <= history <= MOST_BARS:
            raise ValueError(f"history={history!r}: expected a number of bars from 1 to {MOST_BARS:,}")
        if history > self.history:
            self.history = history
            self._resize()

    def _resize(self) -> None:
        room = max(self.history, self.needed)
        if room > (self._bars.maxlen or 0):
            self._bars, self._before = deque(self._bars, maxlen=room), deque(self._before, maxlen=room)
            for line in self._lines:
                line.resize(room)

    # -- what a strategy sees ---------------------------------------------------------------------------------------

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines over it, in the order in which they were asked for."""
        return tuple(self._lines)

    def __len__(self) -> int:
        return len(self._bars)

    def __getitem__(self, index: int) -> Bar:
        return self._bars[index]

    def __iter__(self) -> Iterator[Bar]:
        return iter(tuple(self._bars))

    @property
    def ready(self) -> bool:
        """Whether there are enough contiguous bars: for all of its lines, and as many as were asked for, where the venue has them."""
        count = len(self._bars)
        return count >= self.needed and (count >= self.history or self.exhausted)

    @property
    def forming(self) -> Bar | None:
        """The bar that is not closed yet, as it stands; None: there was no trade yet. Never `whole`."""
        return self._made(whole=False) if self._formed else None

    @property
    def in_doubt(self) -> bool:
        """Whether trades of the forming bar may be missing."""
        return self._doubt or self._unseen or self._first

    @property
    def missing(self) -> str:
        """What it waits for, as people read it: `4h 57/200 bars`; "": it is ready."""
        if self.ready:
            return ""
        return f"{self.interval} {len(self._bars)}/{self.needed if self.exhausted else max(self.history, self.needed)} bars"

    def sma(self, length: int, of: str = "close") -> Line:
        """The mean of the last closes, or of another value."""
        return self._line("sma", length, length, Mean(length, value_of(of)), of)

    def ema(self, length: int, of: str = "close") -> Line:
        """The exponential mean of the closes, or of another value, begun with the plain mean of the first."""
        return self._line("ema", length, length, Ema(length, value_of(of)), of)

    def rsi(self, length: int = 14, of: str = "close") -> Line:
        """Wilder's strength, 0 to 100."""
        return self._line("rsi", length, length + 1, Rsi(length, value_of(of)), "")

    def atr(self, length: int = 14) -> Line:
        """Wilder's mean true range, in the price's unit."""
        return self._line("atr", length, length + 1, Atr(length), "close")

    def highest(self, length: int, of: str = "high") -> Line:
        """The highest price of the last bars."""
        return self._line("highest", length, length, Extreme(length, value_of(of), 1), of)

    def lowest(self, length: int, of: str = "low") -> Line:
        """The lowest price of the last bars."""
        return self._line("lowest", length, length, Extreme(length, value_of(of), -1), of)

    def swings(self, side: int = 3) -> Swings:
        """The turning points that `side` bars before and after them did not pass."""
        self._require(f"swings({side})", side)
        made = Swings(side, 10.0**self._rules.price_power, keep=self._bars.maxlen or 1, refresh=self._refresh)
        for line in made.lines:
            self._add(line)
        return made

    def _line(self, name: str, length: int, needs: int, reckoner: Reckoner, of: str) -> Line:
        power = 0 if not of else self._rules.size_power if of == "volume" else self._rules.price_power
        self._require(f"{name}({length})", length)
        return self._add(Line(f"{name}({length})", needs, reckoner, 10.0**power, keep=self._bars.maxlen or 1, refresh=self._refresh))

    def _require(self, name: str, length: int) -> None:
        if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= MOST_BARS // 2:
            raise ValueError(f"{name} needs a whole number of bars from 1 to {MOST_BARS // 2:,}")

    def _add(self, line: Line) -> Line:
        self._lines.append(line)
        self.needed = max(self.needed, line.length)
        self._resize()
        self._dirty = True
        return line

    def arrays(self) -> BarArrays:
        """The closed bars as arrays of shape (n,), prices and volumes as float64; copies. numpy is loaded when this is first called."""
        import numpy as np

        bars = self._bars
        price, size = 10.0**self._rules.price_power, 10.0**self._rules.size_power
        whole = np.array(
            [(each.start_ns, each.open_, each.high_, each.low_, each.close_, each.volume_, _count(each)) for each in bars], dtype=np.int64
        ).reshape(len(bars), 7)
        opens, highs, lows, closes = (np.ascontiguousarray(whole[:, at] * price, dtype=np.float64) for at in range(1, 5))
        volumes = np.ascontiguousarray(whole[:, 5] * size, dtype=np.float64)
        return BarArrays(whole[:, 0].copy(), opens, highs, lows, closes, volumes, whole[:, 6].copy())

    # -- what the engine does -----------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When the forming bar is closed though no trade comes; None: there is none."""
        return self._end + GRACE_NS if self._formed and not self._candles_to else None

    @property
    def counts_from_to(self) -> tuple[int, int]:
        """Trades stamped in this span are only counted: they close nothing and change nothing that is closed."""
        return (self._start, self._end) if self._formed else (0, 0)

    def trade(self, trade: MarketTrade) -> Sequence[Bar]:
        """Count a trade; returns the bars that it closed, oldest first."""
        stamp = trade.event_ns
        if stamp is None:
            stamp = trade.at_ns
        if self._formed and self._start <= stamp < self._end:
            self._count(stamp, trade)
            return ()
        return self._at_an_edge(stamp, trade)

    def _count(self, stamp: int, trade: MarketTrade) -> None:
        price, key = trade.price, (stamp, trade.trade_id)
        if not self._trades:
            self._open = self._high = self._low = self._close_ = price
            self._first_trade = self._last_trade = key
        else:
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            if key >= self._last_trade:
                self._close_, self._last_trade = price, key
            elif key < self._first_trade:
                self._open, self._first_trade = price, key
        self._volume += trade.size
        self._trades += 1

    def count_all(self, run: Counted) -> None:
        """Count several trades that are only counted: the same as each after the other."""
        if not self._trades:
            self._open, self._high, self._low, self._close_ = run.open, run.high, run.low, run.close
            self._first_trade, self._last_trade = run.first, run.last
        else:
            self._high, self._low = max(self._high, run.high), min(self._low, run.low)
            if run.first < self._first_trade:
                self._open, self._first_trade = run.open, run.first
            if run.last >= self._last_trade:
                self._close_, self._last_trade = run.close, run.last
        self._volume += run.volume
        self._trades += run.trades

    def _at_an_edge(self, stamp: int, trade: MarketTrade) -> Sequence[Bar]:
        """The first trade of all, the first of a later bar, or a late one."""
        if not self._anchored:
            return ()
        stamp = min(stamp, trade.at_ns + _AHEAD_NS)
        if stamp < self._start:
            self._late(stamp, trade)
            return ()
        closed: list[Bar] = []
        self._leap(stamp)
        while self._formed and stamp >= self._end:
            closed.append(self._close())
        if not self._formed:
            self._begin(self.span.start_of(stamp), trade.price)
        self._count(stamp, trade)
        return closed

    def candle(self, event: MarketBar) -> Sequence[Bar]:
        """Count a closed candle, where there are no trades: of the series' own length or a part of it. Returns the bar that it closed.

        The bar it belongs to is whole when it is made of all its candles; a candle that is missing is a hole, and never flat.
        """
        if not self._anchored or self.interval_ns % event.interval_ns:
            return ()
        start, values = self.span.start_of(event.start_ns), (event.open, event.high, event.low, event.close, event.volume)
        if start < self._start or (start == self._start and event.start_ns < self._candles_to):
            self.late += 1
            return ()
        self._first = False
        if start != self._start or not self._formed:
            self._begin(start, event.open)
            self._open, self._high, self._low, self._close_, self._volume = values
            self._doubt = event.start_ns != start
        else:
            self._doubt |= event.start_ns != self._candles_to
            held = self._open, self._high, self._low, self._close_, self._volume
            self._open, self._high, self._low, self._close_, self._volume = _with(held, values)
        self._candles_to = event.start_ns + event.interval_ns
        if self._candles_to < self._end:
            return ()
        bar = msgspec.structs.replace(self._made(whole=not self._doubt), trades=None)
        self._take(bar)
        self._start, self._formed = self._end, False
        return (bar,)

    def pass_time(self, now_ns: int) -> list[Bar]:
        """Close what is due by now."""
        closed: list[Bar] = []
        if not self._candles_to:
            self._leap(now_ns - GRACE_NS)
        while self._formed and not self._candles_to and now_ns >= self._end + GRACE_NS:
            closed.append(self._close())
        return closed

    def _leap(self, to_ns: int) -> None:
        """Over more time than the series keeps: whether nobody traded, or nobody looked, is not known."""
        if self._formed and to_ns - self._end > self.interval_ns * max(_MOST_FLAT, self._bars.maxlen or 0):
            self.incomplete += 1
            self._set_aside()
            self._begin(self.span.start_of(to_ns), self._close_)
            self._doubt = True

    def doubt(self) -> None:
        """Trades may be missing: the forming bar is not whole."""
        self._doubt = True

    def revisions(self) -> list[Bar]:
        """The bars that late trades have changed since this was asked last, as they are now."""
        if not self._revised_since:
            return []
        starts, self._revised_since = self._revised_since, {}
        return [bar for bar in self._bars if bar.start_ns in starts]

    @property
    def has_revisions(self) -> bool:
        """Whether late trades have changed some since it was asked last."""
        return bool(self._revised_since)

    def wants_from_ns(self) -> int | None:
        """Where it is ready: from when on `wants` says that something is, if nothing happens until then; None: never."""
        if not self._can_compare or self._bars[-1].end_ns <= max(self._own_from, self._checked_to):
            return None
        return max(self._check_asked_ns + _CHECK_NS, self._bars[-1].end_ns + _SETTLED_NS)

    @property
    def _can_compare(self) -> bool:
        """Whether own bars are such as the venue tells, too."""
        return self.interval_ns == self.span.source_ns and self.interval_ns >= MINUTE_NS and bool(self._bars) and bool(self._own_from)

    def wants(self, now_ns: int) -> int:
        """How many candles of `span.source_ns`, up to now, would fill what is missing, or show whether own bars agree; 0: none."""
        per = self.interval_ns // self.span.source_ns
        if not self.ready:
            if self._before:
                return (now_ns - self._before[-1].end_ns) // self.span.source_ns + 2
            return (max(self.history, self.needed) + 2) * per
        if not self._can_compare:
            return 0
        behind = self._bars[-1].end_ns - max(self._own_from, self._checked_to)
        if behind <= 0 or now_ns - self._check_asked_ns < _CHECK_NS or now_ns < self._bars[-1].end_ns + _SETTLED_NS:
            return 0
        self._check_asked_ns = now_ns
        return min(_MOST_CHECKED, behind // self.interval_ns + 2)

    def fill(self, event: MarketBars) -> list[Difference]:
        """What the venue says of bars that were closed by `event.asked_ns`: they take the places of those that are missing, or not whole.

        Own whole bars stay, and those that the venue tells otherwise come back. An `exact` event may end with the bar that was open
        then: trades from that moment on complete it.
        """
        complete = self.ready and not self._before
        if event.oldest:
            self.exhausted = True
        if not self._anchored:
            self._learn_anchor(event.bars)
            if not self._anchored:
                return []
        told = dict(joined(event.bars, self.span))
        last = self._open_one(event) if event.exact else None
        closed = {start: values for start, values in told.items() if start + self.interval_ns <= event.asked_ns}
        differences = self._compare(closed, event.asked_ns)
        if not complete or event.exact:
            self._join(closed)
        if event.exact:
            self._go_on_from(event.asked_ns, last)
        return differences

    def _learn_anchor(self, bars: Sequence[MarketBar]) -> None:
        for each in bars:
            if each.interval_ns == self.interval_ns:
                self.span = msgspec.structs.replace(self.span, anchor_ns=each.start_ns)
                self._anchored = True
                return

    def _open_one(self, event: MarketBars) -> _Values | None:
        """The bar that was open at the moment of an exact event, of all that is told of it."""
        start = until = self.span.start_of(event.asked_ns)
        values: _Values | None = None
        for each in event.bars:
            if each.start_ns == until >= start:
                own = each.open, each.high, each.low, each.close, each.volume
                values = own if values is None else _with(values, own)
                until += each.interval_ns
        return values if until > event.asked_ns else None

    def _go_on_from(self, at_ns: int, found: _Values | None) -> None:
        """From here on no trade is missing; `found`: the bar that was open. Where nobody knows what was in it, it began before us."""
        start = self.span.start_of(at_ns)
        if self._formed:
            self._complete(start, found, whole=found is not None or at_ns == start)
            return
        self._first = found is None and at_ns != start
        if found is not None:
            self._begin(start, found[0])
            self._open, self._high, self._low, self._close_, self._volume = found
            self._trades = int(bool(self._volume))
            self._first_trade, self._last_trade = (start, 0), (at_ns - 1, 1 << 62)
        elif not self._first and self._bars and self._bars[-1].end_ns == start:
            self._begin(start, self._bars[-1].close_)

    def _complete(self, start: int, found: _Values | None, *, whole: bool) -> None:
        """Trades from then on have come already: before them goes what was found."""
        if self._start != start or not self._unseen or not whole:
            return
        self._unseen = False
        if found is not None:
            held = self._open, self._high, self._low, self._close_, self._volume
            self._open, self._high, self._low, self._close_, self._volume = _with(found, held)
            self._trades += int(bool(found[4]))
            self._first_trade = (start, 0)

    def _join(self, told: dict[int, _Values]) -> None:
        found = {bar.start_ns: bar for bar in (*self._before, *self._bars)}
        for start, values in told.items():
            if start not in found:
                found[start] = self._of(start, values)
        kept: deque[Bar] = deque(maxlen=self._bars.maxlen)
        for start in sorted(found):
            if kept and kept[-1].end_ns != start:
                kept.clear()
            kept.append(found[start])
        if not kept or (self._start and kept[-1].end_ns < self._start):
            return  # it does not reach up to what forms now
        if len(kept) >= len(self._bars):
            self._bars = kept
            self._before.clear()
            self._dirty = True

    def _compare(self, told: dict[int, _Values], asked_ns: int) -> list[Difference]:
        found: list[Difference] = []
        if not self._own_from:
            return found
        for bar in self._bars:
            start = bar.start_ns
            due = start >= max(self._own_from, self._checked_to) and bar.end_ns + _SETTLED_NS <= asked_ns
            values = told.get(start) if due and bar.trades is not None else None
            if values is None:
                continue
            own = (bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_)
            self._checked_to = bar.end_ns
            self.checked += 1
            if own != values:
                self.different += 1
                found.append(Difference(start, own, values))
        return found

    def _begin(self, start: int, price: int) -> None:
        self._start, self._end, self._formed = start, start + self.interval_ns, True
        self._open = self._high = self._low = self._close_ = price
        self._volume = self._trades = 0
        self._unseen, self._first = self._first, False  # the first of all began before us

    def _close(self) -> Bar:
        bar = self._made(whole=not (self._doubt or self._unseen))
        if self._trades:
            self._edges.append((self._start, _Edges(self._first_trade, self._last_trade)))
        self._doubt = False
        self._take(bar)
        self._begin(self._end, self._close_)
        return bar

    def _made(self, *, whole: bool) -> Bar:
        return Bar(
            self._rules, self._start, self._end, self._open, self._high, self._low, self._close_, self._volume, self._trades, whole
        )  # fmt: skip

    def _of(self, start: int, values: _Values) -> Bar:
        opened, high, low, close, volume = values
        return Bar(self._rules, start, start + self.interval_ns, opened, high, low, close, volume, None, True)

    def _take(self, bar: Bar) -> None:
        if not bar.whole:
            self.incomplete += 1
            self._set_aside()
            return
        if self._bars and self._bars[-1].end_ns != bar.start_ns:
            self._set_aside()
        self._own_from = self._own_from or bar.start_ns
        self._bars.append(bar)
        if not self._dirty:
            for line in self._lines:
                line.feed(bar)

    def _set_aside(self) -> None:
        """A hole follows the bars so far; whoever fills it joins them again."""
        if self._bars:
            self._before = self._bars.copy()
            self._bars.clear()
        self._dirty = True

    def _refresh(self) -> None:
        if self._dirty:
            self._dirty = False
            for line in self._lines:
                line.reset()
                for bar in self._bars:
                    line.feed(bar)

    def _late(self, stamp: int, trade: MarketTrade) -> None:
        """A trade of a bar that is closed."""
        self.late += 1
        start = self.span.start_of(stamp)
        back = (self._start - start) // self.interval_ns
        was = self._bars[-back] if back <= len(self._bars) else None
        if was is None or was.start_ns != start or was.trades is None:
            return  # it is not kept any more, or the venue's own candle holds it
        edges = next((each for at, each in self._edges if at == start), None)
        key = (stamp, trade.trade_id)
        opens = not was.trades or (edges is not None and key < edges.first)
        closes = not was.trades or (edges is not None and key > edges.last)
        self._bars[-back] = msgspec.structs.replace(
            was,
            open_=trade.price if opens else was.open_,
            close_=trade.price if closes else was.close_,
            high_=trade.price if not was.trades else max(was.high_, trade.price),
            low_=trade.price if not was.trades else min(was.low_, trade.price),
            volume_=was.volume_ + trade.size,
            trades=was.trades + 1,
            revision=was.revision + 1,
        )
        if opens or closes:
            first = key if edges is None or opens else edges.first
            last = key if edges is None or closes else edges.last
            self._edges = deque(((at, each) for at, each in self._edges if at != start), maxlen=_EDGES)
            self._edges.append((start, _Edges(first, last)))
        if closes:
            self._flat_after(back - 1, trade.price)
        self.revised += 1
        self._revised_since[start] = None
        self._dirty = True

    def _flat_after(self, back: int, price: int) -> None:
        """Bars without a trade stand at the close before them, the forming one too."""
        while back and self._bars[-back].trades == 0:
            flat = self._bars[-back]
            values = {"open_": price, "high_": price, "low_": price, "close_": price}
            self._bars[-back] = msgspec.structs.replace(flat, **values, revision=flat.revision + 1)
            self._revised_since[flat.start_ns] = None
            back -= 1
        if not back and not self._trades:
            self._open = self._high = self._low = self._close_ = price

    def __repr__(self) -> str:
        return f"<BarSeries {self.symbol} {self.interval} {len(self._bars)} bars{f', waits for {self.missing}' if self.missing else ''}>"
