"""simulator.binance.bars: which candle streams are wanted, and what each of them is owed. Synchronous; time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from hoga.simulator.engine import Bar, Market

__all__ = ["BarStreams", "DueBar"]


class DueBar(NamedTuple):
    """A candle to send on a stream now; `final` when its time is over."""

    stream: str
    interval: str
    bar: Bar
    final: bool


class BarStreams:
    """Remembers for every candle stream what it was last told: final states are never left out, the bar in
    progress is told again only when it has changed."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, tuple[str, int]]] = {}
        self._told: dict[str, tuple[int, int]] = {}

    def wake(self, symbol: str, stream: str, interval: str, offset_ms: int = 0) -> None:
        """A stream of a symbol exists from now on; `offset_ms` shifts its days east."""
        self._streams.setdefault(symbol, {})[stream] = (interval, offset_ms)

    def due(
        self, symbol: str, market: Market, now_ms: int, *, subscribed: Container[str], tells: Callable[[str], bool]
    ) -> Iterator[DueBar]:
        """What the symbol's subscribed streams are owed now. `tells(interval)`: the bar in progress may be told now."""
        for stream, (interval, offset_ms) in self._streams.get(symbol, {}).items():
            if stream not in subscribed:
                self._told.pop(stream, None)
                continue
            series = market.tape.series[interval, offset_ms]
            series.advance(now_ms)
            current = series.current
            opened, count = self._told.get(stream, (current.open_ms, -1))
            for bar in series.since(opened):
                if bar is not current:
                    yield DueBar(stream, interval, bar, True)
                    count = -1
                elif bar.count != count and tells(interval):
                    yield DueBar(stream, interval, bar, False)
                    count = bar.count
            self._told[stream] = (current.open_ms, count)
