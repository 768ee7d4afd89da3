"""trading.warmup: bars of before a moment, made of what was recorded: the answer to a `ReadBars`. Pure.

made = Warmup(ask, rules, until_ns=start)       # what was recorded from made.since_ns on, in order of receipt
made.whole_from(made.since_ns)                  # where trades were recorded without a gap from then on
made.take(event)                                # trades, candles (of this length or a shorter one), doubts
engine.step(made.answer())                      # and trades from `until_ns` on complete the bar that was open
"""

from __future__ import annotations

from hoga.core.ticks import MarketBar, MarketBars, MarketDoubt, MarketEvent, MarketTrade
from hoga.core.trading import Rules
from hoga.trading.bars import MOST_BARS, Bar, BarSeries
from hoga.trading.intervals import interval_text
from hoga.trading.ports import ReadBars

__all__ = ["Warmup"]


class Warmup:
    """See the module. `until_ns`: the moment before which it is; `since_ns`: from when on something is of use."""

    def __init__(self, ask: ReadBars, rules: Rules, *, until_ns: int) -> None:
        self.until_ns = until_ns
        self.since_ns = max(0, until_ns - (ask.count + 1) * ask.interval_ns)
        self._ask = ask
        self._series = BarSeries(ask.symbol, interval_text(ask.interval_ns), min(ask.count, MOST_BARS), rules)
        self._candles: list[MarketBar] = []
        self._traded = False

    def whole_from(self, at_ns: int) -> None:
        """All trades from this moment on come."""
        self._series.fill(self._event(at_ns, (), exact=True))

    def take(self, event: MarketEvent) -> None:
        """Something that was recorded. Of another symbol, or from `until_ns` on: it does not count."""
        if event.symbol != self._ask.symbol:
            return
        if isinstance(event, MarketTrade):
            if event.at_ns < self.until_ns:
                self._series.trade(event)
                self._traded = True
        elif isinstance(event, MarketBar):
            if self._ask.interval_ns % event.interval_ns == 0 and event.start_ns + event.interval_ns <= self.until_ns:
                self._candles.append(event)
        elif isinstance(event, MarketDoubt):
            self._series.doubt()

    def answer(self) -> MarketBars:
        """All that is known. Only where trades were recorded, and nothing is in doubt at the end, those to come complete the last bar."""
        series = self._series
        if self._candles:
            series.fill(self._event(self.until_ns, tuple(sorted(self._candles, key=lambda each: each.start_ns))))
        if self._traded:
            while series.forming is not None and series.forming.end_ns <= self.until_ns:
                series.pass_time(series.deadline_ns() or 0)
        bars = [self._bar(each) for each in series]
        exact = self._traded and not series.in_doubt
        if exact and series.forming is not None and (series.forming.trades or series.forming.start_ns < self.until_ns):
            bars.append(self._bar(series.forming))
        return self._event(self.until_ns, tuple(bars), exact=exact)

    def _event(self, asked_ns: int, bars: tuple[MarketBar, ...], *, exact: bool = False) -> MarketBars:
        return MarketBars(
            symbol=self._ask.symbol, at_ns=self.until_ns, interval_ns=self._ask.interval_ns, asked_ns=asked_ns, bars=bars, oldest=True,
            exact=exact,
        )  # fmt: skip

    def _bar(self, bar: Bar) -> MarketBar:
        return MarketBar(
            symbol=bar.symbol, at_ns=self.until_ns, interval_ns=self._ask.interval_ns, start_ns=bar.start_ns, open=bar.open_,
            high=bar.high_, low=bar.low_, close=bar.close_, volume=bar.volume_,
        )  # fmt: skip
