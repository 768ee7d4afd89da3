"""simulator.binance.publishing: what the publishers of Binance's venues share: which symbols are open, who prints them, and their pace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from hoga.simulator.binance.bars import BarStreams
from hoga.simulator.binance.printer import Printer
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import Engine, Instrument, Market, Pace
from hoga.simulator.switchboard import Switchboard

__all__ = ["DAY_MS", "MS_NS", "Publishing"]

MS_NS = 1_000_000
DAY_MS = 86_400_000

PrinterT = TypeVar("PrinterT", bound=Printer)


class Publishing(ABC, Generic[PrinterT]):
    """Prints an engine's markets for a switchboard, as `pace` lets them run: `_publish_events` after every stretch, and at every
    `step_ns` `_publish_cuts` behind it. Only what somebody is subscribed to is printed."""

    def __init__(
        self, engine: Engine, board: Switchboard, clock: SimClock, *, step_ns: int, printer: Callable[[Instrument], PrinterT]
    ) -> None:
        self.pace = Pace(engine, now_ns=clock.now_ns(), speed=clock.speed, rest=self._publish_events)
        self.pace.add("depth", step_ns=step_ns, run=engine.run_until, cut=self._publish_boundary)
        self._engine = engine
        self._board = board
        self._clock = clock
        self._printer = printer
        self._printers: dict[str, PrinterT] = {}
        self._bars = BarStreams()
        self._last_mini: dict[str, int] = {}

    def _open(self, symbol: str) -> None:
        """Somebody wants streams of this symbol."""
        if symbol not in self._printers:
            self._printers[symbol] = self._printer(self._engine.instruments[symbol])
            self._engine.market(symbol)

    def _live(self) -> Iterator[tuple[str, Market, PrinterT]]:
        """(name in streams, market, printer) of every open symbol that is traded."""
        for symbol, printer in self._printers.items():
            if symbol not in self._engine.delisted:
                yield printer.name, self._engine.markets[symbol], printer

    def _has_traded(self, market: Market) -> bool:
        """Whether a market has traded since this was last asked."""
        symbol, last_id = market.instrument.symbol, market.trades[-1].trade_id if market.trades else -1
        if self._last_mini.get(symbol) == last_id:
            return False
        self._last_mini[symbol] = last_id
        return True

    def _publish_boundary(self, now_ns: int) -> None:
        self._publish_events(now_ns)
        self._publish_cuts(now_ns)

    @abstractmethod
    def _publish_events(self, now_ns: int) -> None:
        """Print what has happened until now."""

    @abstractmethod
    def _publish_cuts(self, now_ns: int) -> None:
        """Print what is told at even times."""
