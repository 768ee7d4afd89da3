"""trading.engine.candles: the bars that strategies asked for: closed by trades, by time or by candles; asked for while too few. Pure.

Bars of one symbol that close at one instant are all closed before a strategy hears of the first of them, the shortest first.
"""

from __future__ import annotations

from hoga.core.ticks import MarketBar, MarketBars, MarketTrade
from hoga.core.times import SECOND_NS, iso_of
from hoga.trading import records
from hoga.trading.bars import Bar, BarSeries
from hoga.trading.blocks import Counted
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.intervals import has_intervals, interval_of, require_interval
from hoga.trading.ports import ReadBars

__all__ = ["Candles"]

_FOREVER_NS = 1 << 62
_AGAIN_NS = 2 * SECOND_NS
_LATEST_AGAIN_NS = 64 * SECOND_NS
_OWED_NS = 600 * SECOND_NS
_TELL_NS = 30 * SECOND_NS
_TELL_DIFFERENCE_NS = 3600 * SECOND_NS


class Candles:
    """`series`: by symbol, interval and day; one for all strategies that want it."""

    def __init__(self, turn: Turn, timers: Timers, roster: Roster) -> None:
        self.series: dict[tuple[str, str, str], BarSeries] = {}
        self._turn = turn
        self._timers = timers
        self._roster = roster
        self._symbols = list(turn.state.rules_of)
        self._of: dict[str, list[BarSeries]] = {symbol: [] for symbol in turn.state.rules_of}
        self._armed: set[str] = set()
        self._pauses: dict[BarSeries, int] = {}
        self._waits: dict[BarSeries, bool] = {}
        self._told_ns = 0
        self._told_of: dict[BarSeries, int] = {}
        self._owed: dict[tuple[int, BarSeries], int] = {}

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {MarketBars: self._on_bars, MarketBar: self._on_candle}

    def series_of(self, symbol: str, interval: str, history: int, day: str) -> BarSeries:
        """The one series of a symbol, interval and day, with that history at least. Raises ValueError."""
        rules = self._turn.state.rules_of.get(symbol)
        if rules is None:
            raise ValueError(f"{symbol!r} is not traded here; there are {', '.join(self._turn.state.rules_of)}")
        known = self._turn.state.capabilities(symbol).intervals
        try:
            span = interval_of(interval, day)
        except ValueError as fault:
            raise ValueError(f"{fault}{has_intervals(symbol, known)}") from None
        require_interval(symbol, span, known)
        found = self.series.get((symbol, interval, day))
        if found is None:
            found = self.series[symbol, interval, day] = BarSeries(symbol, interval, history, rules, day=day)
        found.want(history)
        return found

    def begin(self) -> None:
        """All strategies have said what they want."""
        for _, series in sorted(self.series.items()):
            self._of[series.symbol].append(series)
        for each in self._of.values():
            each.sort(key=lambda series: (series.interval_ns, series.interval))

    @property
    def waits_for(self) -> list[str]:
        """What is missing before strategies are called, as people read it: `binance:BTCUSDT 4h 57/200 bars`."""
        return [f"{series.symbol} {series.missing}" for each in self._of.values() for series in each if not series.ready]

    # -- closed -------------------------------------------------------------------------------------------------------

    def trade(self, event: MarketTrade) -> None:
        """Somebody traded."""
        symbol = event.symbol
        closed: list[tuple[BarSeries, Bar]] | None = None
        for series in self._of[symbol]:
            done = series.trade(event)
            if done:
                closed = closed or []
                closed += [(series, bar) for bar in done]
        if closed:
            self._hand_out(closed)
            self._arm(symbol)
        elif symbol not in self._armed:
            self._arm(symbol)

    def count_all(self, symbol: str, run: Counted) -> None:
        """Somebody traded several times, and all of it is only counted."""
        for series in self._of[symbol]:
            series.count_all(run)

    def counts_from_to(self, symbol: str) -> tuple[int, int]:
        """Trades stamped in this span (from, and before) are only counted by all bars of a symbol."""
        low, high = 0, _FOREVER_NS
        for series in self._of[symbol]:
            since, until = series.counts_from_to
            low, high = max(low, since), min(high, until)
        return (low, high) if symbol in self._armed or not self._of[symbol] else (0, 0)

    def is_due(self, number: int) -> None:
        """The end of a bar has passed."""
        symbol, now = self._symbols[number], self._turn.state.now_ns
        self._hand_out([(series, bar) for series in self._of[symbol] for bar in series.pass_time(now)])
        self._arm(symbol)

    def doubt(self, symbol: str) -> None:
        """Something may be missing."""
        for series in self._of[symbol]:
            series.doubt()

    def _on_candle(self, event: MarketBar) -> None:
        self._hand_out([(series, bar) for series in self._of.get(event.symbol, ()) for bar in series.candle(event)])

    def _arm(self, symbol: str) -> None:
        deadlines = [each for each in (series.deadline_ns() for series in self._of[symbol]) if each is not None]
        if deadlines:
            self._armed.add(symbol)
            self._timers.arm("bars", self._symbols.index(symbol), min(deadlines))

    def _hand_out(self, closed: list[tuple[BarSeries, Bar]]) -> None:
        if len(closed) > 1:
            closed.sort(key=lambda each: (each[1].end_ns, each[0].interval_ns, each[0].interval))
        if not self._roster.running:
            return
        for series, bar in closed:
            for instance in self._roster.instances:
                if instance.has(series):
                    if bar.whole and instance.is_ready(bar.symbol):
                        self._owed.pop((instance.number, series), None)
                        instance.call("on_bar", bar)
                    else:
                        self._owed[instance.number, series] = bar.end_ns

    def _hand_out_owed(self) -> None:
        """Bars of which something was missing when they were closed, and that are there now: if they are the newest still, and not old."""
        now, found = self._turn.state.now_ns, []
        for (number, series), end_ns in list(self._owed.items()):
            instance = self._roster.instances[number - 1]
            if now - end_ns > min(_OWED_NS, series.interval_ns) or (len(series) and series[-1].end_ns > end_ns):
                del self._owed[number, series]
            elif len(series) and series[-1].end_ns == end_ns and instance.is_ready(series.symbol):
                del self._owed[number, series]
                found.append((end_ns, series.interval_ns, series.interval, number, series[-1]))
        for *_, number, bar in sorted(found, key=lambda each: each[:4]):
            if self._roster.running:
                self._roster.instances[number - 1].call("on_bar", bar)

    # -- of before, of others -------------------------------------------------------------------------------------------

    def look_after(self) -> None:
        """Each second: late trades are told, what is missing is asked for and told."""
        for each in self._of.values():
            for series in each:
                self._revise(series)
        self.ask()
        self._tell_what_is_missing()

    def ask(self) -> None:
        """For bars of before, in place of some that are not whole, or to hold own ones against; ever more seldom, while it is in vain."""
        now = self._turn.state.now_ns
        wanted: dict[tuple[str, int], int] = {}
        for each in self._of.values():
            for series in each:
                pause = self._pauses.get(series, 0) if not series.ready else 0
                if pause and now - series.asked_ns < pause:
                    continue
                count = series.wants(now)
                if count:
                    series.asked_ns = now
                    key = (series.symbol, series.span.source_ns)
                    wanted[key] = max(count, wanted.get(key, 0))
                self._pauses[series] = min(_LATEST_AGAIN_NS, 2 * pause or _AGAIN_NS) if not series.ready else 0
        self._turn.out += [ReadBars(symbol, interval_ns, count) for (symbol, interval_ns), count in wanted.items()]

    def next_ns(self) -> int | None:
        """When `look_after` has something to do next, if nothing happens until then; None: never; 0: at once."""
        due: list[int] = []
        for each in self._of.values():
            for series in each:
                pause = self._pauses.get(series)
                if series.has_revisions or pause is None or self._waits.get(series) is series.ready:
                    return 0
                if series.ready:
                    wants_ns = series.wants_from_ns()
                    due += [] if wants_ns is None else [wants_ns]
                    due += [0] if pause else []
                else:
                    due += [series.asked_ns + pause, self._told_ns + _TELL_NS]
        return min(due, default=None)

    def asks(self, now_ns: int) -> list[ReadBars]:
        """What all series want of before, whenever they were asked last."""
        wanted = [(series, series.wants(now_ns)) for each in self._of.values() for series in each if not series.ready]
        return [ReadBars(series.symbol, series.span.source_ns, count) for series, count in wanted]

    def _on_bars(self, event: MarketBars) -> None:
        for series in self._of.get(event.symbol, ()):
            if series.span.source_ns == event.interval_ns:
                differences = series.fill(event)
                for each in differences:
                    self._turn.write(records.bar_check(series, each))
                if differences:
                    self._tell_difference(series)
        if event.symbol in self._of:
            self._arm(event.symbol)
            self._tell_what_is_missing()
            if self._owed:
                self._hand_out_owed()

    def _revise(self, series: BarSeries) -> None:
        for bar in series.revisions():
            self._turn.write(records.bar_revise(series, bar))
            if self._roster.running:
                for instance in self._roster.instances:
                    if instance.has(series):
                        instance.call("on_revise", bar)

    # -- told -------------------------------------------------------------------------------------------------------------

    def _tell_what_is_missing(self) -> None:
        """When a series becomes ready or is so no more; and now and then, while one waits."""
        now, moved = self._turn.state.now_ns, False
        for each in self._of.values():
            for series in each:
                waits = not series.ready
                if self._waits.get(series) is not waits:
                    self._waits[series], moved = waits, True
                    self._turn.write(records.bars(series))
                    if not waits:
                        self._turn.tell("info", _ready(series))
        if moved or now - self._told_ns >= _TELL_NS:
            self._told_ns = now
            missing = self.waits_for
            if missing:
                self._turn.tell("info", f"no bars are handed out yet: waiting for {', '.join(missing)}")

    def _tell_difference(self, series: BarSeries) -> None:
        now = self._turn.state.now_ns
        if now - self._told_of.get(series, -_TELL_DIFFERENCE_NS) >= _TELL_DIFFERENCE_NS:
            self._told_of[series] = now
            text = f"{series.different} of {series.checked} bars are not what the venue says of them; own ones stay"
            self._turn.tell("warning", f"{series.symbol} {series.interval}: {text}")


def _ready(series: BarSeries) -> str:
    short = f", the venue has no more of the {series.history} asked for" if len(series) < series.history else ""
    return f"{series.symbol} {series.interval}: {len(series)} bars up to {iso_of(series[-1].end_ns)[:16]}Z{short}"
