"""trading.engine.candles: the bars that strategies asked for: closed by trades or by time, handed out, asked for while too few. Pure."""

from __future__ import annotations

from hoga.core.ticks import MarketBars, MarketTrade
from hoga.core.times import SECOND_NS
from hoga.trading.bars import Bar, BarSeries
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.ports import ReadBars

__all__ = ["Candles"]

_AGAIN_NS = 2 * SECOND_NS


class Candles:
    """`series`: by symbol and interval; one for all strategies that want it."""

    def __init__(self, turn: Turn, timers: Timers, roster: Roster) -> None:
        self.series: dict[tuple[str, str], BarSeries] = {}
        self._turn = turn
        self._timers = timers
        self._roster = roster
        self._all: list[BarSeries] = []
        self._of: dict[str, list[BarSeries]] = {symbol: [] for symbol in turn.state.rules_of}

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {MarketBars: self._on_bars}

    def series_of(self, symbol: str, interval: str, history: int) -> BarSeries:
        """The one series of a symbol and interval. Raises ValueError."""
        rules = self._turn.state.rules_of.get(symbol)
        if rules is None:
            raise ValueError(f"{symbol!r} is not traded here; there are {', '.join(self._turn.state.rules_of)}")
        found = self.series.get((symbol, interval))
        if found is None:
            found = self.series[symbol, interval] = BarSeries(symbol, interval, history, rules)
        return found

    def begin(self) -> None:
        """All strategies have said what they want."""
        self._all = [series for _, series in sorted(self.series.items())]
        for number, series in enumerate(self._all):
            series.number = number
            self._of[series.symbol].append(series)

    def trade(self, event: MarketTrade) -> None:
        """Somebody traded."""
        for series in self._of[event.symbol]:
            closed = series.trade(event)
            if closed:
                self._hand_out(series, closed)
            else:
                self._arm(series)

    def is_due(self, number: int) -> None:
        """The end of a bar has passed."""
        series = self._all[number]
        self._hand_out(series, series.pass_time(self._turn.state.now_ns))

    def doubt(self, symbol: str) -> None:
        """Something may be missing."""
        for series in self._of[symbol]:
            series.doubt()

    def ask(self) -> None:
        """Bars of before, or in place of some that are not whole; asked again each few seconds while there are too few."""
        now = self._turn.state.now_ns
        for series in self._all:
            if not series.ready and now - series.asked_ns >= _AGAIN_NS:
                series.asked_ns = now
                much = max(series.needed, series.bars.maxlen or 0) + 1
                self._turn.out.append(ReadBars(series.symbol, series.interval_ns, much))

    def _on_bars(self, event: MarketBars) -> None:
        for series in self._of.get(event.symbol, ()):
            if series.interval_ns == event.interval_ns:
                series.fill(event.bars, event.asked_ns)

    def _arm(self, series: BarSeries) -> None:
        deadline = series.deadline_ns()
        if deadline is not None:
            self._timers.arm("bars", series.number, deadline)

    def _hand_out(self, series: BarSeries, closed: list[Bar]) -> None:
        for bar in closed:
            for instance in self._roster.instances:
                if self._roster.running and bar.whole and instance.has(series) and instance.is_ready(bar.symbol):
                    instance.call("on_bar", bar)
        self._arm(series)
