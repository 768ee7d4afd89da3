"""hub.client: the pull model: say what interests you, then just ask for the latest; or take events with `async for`.

async with SimpleWebSocketClient("gui") as client:
    await client.register_interests(["KRW-BTC"], [DataType.TICKER])
    client.get_ticker("KRW-BTC")                 # None until the first came
    async for event in client.events(): ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, cast

from hoga.core.market import DataType
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import (
    BaseWebSocketEvent,
    CandleEvent,
    OrderbookEvent,
    QuoteEvent,
    StatusEvent,
    SubscriptionErrorEvent,
    TickerEvent,
    TradeEvent,
)
from hoga.hub.mailbox import Overflow
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec

__all__ = ["SimpleWebSocketClient"]


class SimpleWebSocketClient:
    """One reader. `manager` None: the process's own. Interests add up; `close` ends them, and so does losing the client."""

    def __init__(self, client_id: str, *, manager: GlobalWebSocketManager | None = None, capacity: int = 1000) -> None:
        self.client_id = client_id
        self._manager = manager
        self._specs: list[SubscriptionSpec] = []
        self._history = 0
        self._capacity = capacity
        self._queue: asyncio.Queue[BaseWebSocketEvent] | None = None
        self._dropped = 0
        self.errors: list[SubscriptionError] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def register_interests(
        self,
        symbols: Sequence[str],
        data_types: Sequence[DataType],
        *,
        venue: str | None = None,
        interval: str | None = None,
        history: int = 0,
    ) -> bool:
        """Keep the latest of each symbol and type (and the last `history` events). True when all of it can be served so far.

        Raises SubscriptionError when nothing of it makes sense.
        """
        manager = self._manager = self._manager or await GlobalWebSocketManager.get_instance()
        self._specs += [SubscriptionSpec(data_type, tuple(symbols), venue=venue, interval=interval) for data_type in data_types]
        self._history = max(self._history, history)
        subscription = await manager.register_component(
            f"client {self.client_id}", self, self._specs, self._take, delivery=Delivery.INLINE, overflow=Overflow.DROP_OLDEST,
            on_status=self._status,
        )  # fmt: skip
        self.errors = subscription.errors
        venues = manager.resolver.venues
        types = {stream: venues[stream.venue].describe(stream.channel).data_type or DataType.TICKER for stream in subscription.streams}
        manager.pool.register_client_interest(self.client_id, subscription.streams, types, history=self._history)
        return not subscription.errors

    async def close(self) -> None:
        """Nothing interests this client any more."""
        if self._manager is not None:
            await self._manager.unregister_component(f"client {self.client_id}")
            self._manager.pool.unregister_client(self.client_id)

    # -- pull ---------------------------------------------------------------------------------------------------

    def get(self, symbol: str, data_type: DataType) -> BaseWebSocketEvent | None:
        """The newest event, None before the first. `symbol` may be `venue:symbol`."""
        return self._manager.pool.get_latest_data(symbol, data_type) if self._manager is not None else None

    def get_ticker(self, symbol: str) -> TickerEvent | None:
        """The newest ticker."""
        return cast("TickerEvent | None", self.get(symbol, DataType.TICKER))

    def get_orderbook(self, symbol: str) -> OrderbookEvent | None:
        """The newest order book."""
        return cast("OrderbookEvent | None", self.get(symbol, DataType.ORDERBOOK))

    def get_trade(self, symbol: str) -> TradeEvent | None:
        """The newest trade."""
        return cast("TradeEvent | None", self.get(symbol, DataType.TRADE))

    def get_candle(self, symbol: str) -> CandleEvent | None:
        """The newest candle."""
        return cast("CandleEvent | None", self.get(symbol, DataType.CANDLE))

    def get_quote(self, symbol: str) -> QuoteEvent | None:
        """The newest best bid and ask."""
        return cast("QuoteEvent | None", self.get(symbol, DataType.QUOTE))

    def get_multiple_tickers(self, symbols: Sequence[str]) -> dict[str, TickerEvent]:
        """The newest tickers, those that have not come yet left out."""
        if self._manager is None:
            return {}
        found = self._manager.pool.get_multiple_data([(symbol, DataType.TICKER) for symbol in symbols])
        return {symbol: cast("TickerEvent", event) for (symbol, _), event in found.items()}

    def get_history(self, symbol: str, data_type: DataType) -> list[BaseWebSocketEvent]:
        """Oldest first, as many as were asked to be kept."""
        return self._manager.pool.get_history(symbol, data_type) if self._manager is not None else []

    # -- push without callbacks ---------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[BaseWebSocketEvent]:
        """Every event from now on, for one reader. One that falls `capacity` behind loses the oldest (`dropped` counts)."""
        queue = self._queue = asyncio.Queue(self._capacity)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queue = None

    @property
    def dropped(self) -> int:
        """Events that the reader of `events` did not keep up with."""
        return self._dropped

    def _take(self, event: BaseWebSocketEvent) -> None:
        queue = self._queue
        if queue is None:
            return
        if queue.full():
            queue.get_nowait()
            self._dropped += 1
        queue.put_nowait(event)

    def _status(self, event: StatusEvent) -> None:
        if isinstance(event, SubscriptionErrorEvent) and event.error not in self.errors:
            self.errors.append(event.error)
