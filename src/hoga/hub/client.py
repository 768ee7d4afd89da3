"""hub.client: the pull model: say what interests you, then just ask for the latest; or take events with `async for`.

async with SimpleWebSocketClient("gui") as client:
    await client.register_interests(["KRW-BTC"], [DataType.TICKER])
    client.get_ticker("KRW-BTC")                 # None until the first came
    async for event in client.events(): ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self, cast
from weakref import WeakSet

from msgspec.structs import replace

from hoga.core.errors import ProtocolMisuse
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.errors import ArgumentError, SubscriptionError
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
from hoga.hub.private import PrivateState, PrivateStateEvent
from hoga.hub.routing import Delivery
from hoga.hub.stream import EventStream
from hoga.hub.subscriptions import SubscriptionSpec

__all__ = ["SimpleWebSocketClient"]

_NOTHING = frozenset({PrivateState.NO_KEY, PrivateState.REJECTED})


class SimpleWebSocketClient:
    """One reader. `manager` None: the process's own. Interests add up; `drop_interests` takes some back, `close` ends them
    all, and so does losing the client. Values may be read in any thread; everything else belongs to the manager's loop.

    `errors` lists what cannot be served, as it becomes known. `capacity`: events that wait for one reader of `events`.
    `on_close` is awaited by `close`, once: for who made the manager for this client alone.
    """

    def __init__(
        self,
        client_id: str,
        *,
        manager: GlobalWebSocketManager | None = None,
        capacity: int = 1000,
        on_close: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.client_id = checks.identity(client_id, "SimpleWebSocketClient", "client_id")
        if manager is not None and not isinstance(manager, GlobalWebSocketManager):
            raise ArgumentError(self._who, "manager", checks.shown(manager), "a GlobalWebSocketManager, or nothing")
        self.errors: list[SubscriptionError] = []
        self._on_close = on_close
        self._manager = manager
        self._wishes: list[SubscriptionSpec] = []
        self._history = 0
        self._capacity = checks.count(capacity, f"client {client_id}", "capacity")
        self._readers: WeakSet[EventStream] = WeakSet()
        self._dropped = 0

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

        Of private data, no symbols means the whole account. Types may be given by name ("orderbook").

        Raises:
            ArgumentError: an argument makes no sense, or another client of this id is in use. SubscriptionError: nothing of
            a wish makes sense. ProtocolMisuse: the manager was stopped, or runs elsewhere. Nothing has changed then.
        """
        names = checks.texts(symbols, self._who, "symbols")
        types = checks.types(DataType, data_types, self._who, "data_type")
        history = checks.count(history, self._who, "history", least=0)
        if interval is not None and DataType.CANDLE not in types:
            raise ArgumentError(self._who, "interval", checks.shown(interval), "nothing: none of the types has intervals")
        fresh = [
            SubscriptionSpec(data_type, names, venue=venue, interval=interval if data_type is DataType.CANDLE else None)
            for data_type in types
        ]
        self._manager = self._manager or await GlobalWebSocketManager.get_instance()
        wishes = self._wishes + [wish for wish in fresh if wish not in self._wishes]
        await self._register(wishes, max(self._history, history))
        found = [self.manager.resolver(self._who, wish) for wish in fresh]
        hints = [hint for each in found for stream in each.streams if (hint := self._missing_keys(stream))]
        return not hints and not any(each.errors for each in found)

    async def drop_interests(self, symbols: Sequence[str], data_types: Sequence[DataType] | None = None) -> None:
        """These symbols (of these types, None: of all) do not interest this client any more. What never did is ignored.

        Raises ArgumentError, ProtocolMisuse.
        """
        gone = {name.upper() for name in checks.texts(symbols, self._who, "symbols")}
        types = set(DataType) if data_types is None else set(checks.types(DataType, data_types, self._who, "data_type"))
        if self._manager is None:
            return
        left = [
            replace(wish, symbols=tuple(name for name in wish.symbols if name.upper() not in gone)) if wish.data_type in types else wish
            for wish in self._wishes
        ]
        left = [wish for was, wish in zip(self._wishes, left, strict=True) if wish.symbols or not was.symbols]
        if left:
            await self._register(left, self._history)
        else:
            await self._leave()

    async def close(self) -> None:
        """Nothing interests this client any more; readers of `events` come to their end."""
        await self._leave()
        for reader in list(self._readers):
            reader.end()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            await on_close()

    async def _register(self, wishes: list[SubscriptionSpec], history: int) -> None:
        manager = self.manager
        owner = manager.owner_of(self._who)
        if owner is not None and owner is not self:
            raise ArgumentError(self._who, "client_id", repr(self.client_id), "an id that no other client has now")
        subscription = await manager.register_component(
            self._who, self, wishes, self._take, delivery=Delivery.INLINE, overflow=Overflow.DROP_OLDEST, on_status=self._status
        )
        refused = {(error.venue, symbol) for error in subscription.errors for symbol in error.symbols}
        self._wishes = [wish for each in wishes if (wish := _without(each, refused, manager)) is not None]
        self._history = history
        venues = manager.resolver.venues
        types = {stream: venues[stream.venue].describe(stream.channel).data_type or DataType.TICKER for stream in subscription.streams}
        manager.pool.set_client_interest(self._who, types, history=history)

    async def _leave(self) -> None:
        self._wishes, self._history = [], 0
        manager = self._manager
        if manager is not None and manager.owner_of(self._who) is self:
            await manager.unregister_component(self._who)

    def _missing_keys(self, stream: Stream) -> str:
        """The hint, after it was noted once, when a private stream cannot come for want of a key."""
        hint = self.manager.missing_keys(stream)
        if hint and not any(error.hint == hint for error in self.errors):
            self.errors.append(SubscriptionError(self._who, stream.venue, (stream.symbol,), "no key is given", hint=hint))
        return hint

    @property
    def _who(self) -> str:
        return f"client {self.client_id}"

    @property
    def manager(self) -> GlobalWebSocketManager:
        """What serves this client; components may register there. Raises ProtocolMisuse before there is one."""
        if self._manager is None:
            raise ProtocolMisuse("this client has no manager yet", hint="register_interests first")
        return self._manager

    # -- pull ---------------------------------------------------------------------------------------------------

    def get(self, symbol: str, data_type: DataType, *, interval: str | None = None) -> BaseWebSocketEvent | None:
        """The newest event of this client's interests, None before the first. `interval` is of candles, None: of any.

        `symbol` may be `venue:symbol`, and must be where this client is interested in the symbol at two venues.
        Raises ArgumentError for what is no symbol, type or interval, or of two venues.
        """
        checks.identity(symbol, self._who, "symbol")
        if self._manager is None:
            return None
        checks.maybe_text(interval, self._who, "interval", "1m")
        wanted = self._wanted(self._manager, symbol, data_type, interval)
        return self._manager.pool.get_latest_data(symbol, data_type, wanted=wanted)

    def _wanted(self, manager: GlobalWebSocketManager, symbol: str, data_type: DataType, interval: str | None) -> Callable[[Stream], bool]:
        """Whether a stream is of this client's interests. Raises ArgumentError when `symbol` means those of two venues."""
        mine, venues = manager.pool.interests_of(self._who), manager.resolver.venues
        found = [stream for stream in manager.pool.streams_of(symbol, data_type) if stream in mine]
        if len(at := {stream.venue: f"{stream.venue}:{stream.symbol}" for stream in found}) > 1:
            expected = f"the venue as well: {' or '.join(at.values())}"
            raise ArgumentError(self._who, "symbol", f"{symbol!r}, which is of two venues here", expected)
        if interval is not None:
            found = [
                each for each in found if venues[each.venue].channels.get(data_type, "").replace("{interval}", interval) == each.channel
            ]
        return found.__contains__

    def is_stale(self, symbol: str, data_type: DataType) -> bool:
        """Whether the newest value may not hold any more: none came yet, or the connection that brought it is gone."""
        event = self.get(symbol, data_type)
        return event is None or not self.manager.is_live(event)

    def get_ticker(self, symbol: str) -> TickerEvent | None:
        """The newest ticker."""
        return cast("TickerEvent | None", self.get(symbol, DataType.TICKER))

    def get_orderbook(self, symbol: str) -> OrderbookEvent | None:
        """The newest order book."""
        return cast("OrderbookEvent | None", self.get(symbol, DataType.ORDERBOOK))

    def get_trade(self, symbol: str) -> TradeEvent | None:
        """The newest trade."""
        return cast("TradeEvent | None", self.get(symbol, DataType.TRADE))

    def get_candle(self, symbol: str, interval: str | None = None) -> CandleEvent | None:
        """The newest candle of an interval ("1m", the venue's words); None: of whichever came last."""
        return cast("CandleEvent | None", self.get(symbol, DataType.CANDLE, interval=interval))

    def get_quote(self, symbol: str) -> QuoteEvent | None:
        """The newest best bid and ask."""
        return cast("QuoteEvent | None", self.get(symbol, DataType.QUOTE))

    def get_multiple_tickers(self, symbols: Sequence[str]) -> dict[str, TickerEvent]:
        """The newest tickers, those that have not come yet left out. Raises ArgumentError."""
        names = checks.texts(symbols, self._who, "symbols")
        if self._manager is None:
            return {}
        found = ((symbol, self.get_ticker(symbol)) for symbol in names)
        return {symbol: event for symbol, event in found if event is not None}

    def get_history(self, symbol: str, data_type: DataType) -> list[BaseWebSocketEvent]:
        """Oldest first, as many as were asked to be kept. Raises ArgumentError."""
        manager = self._manager
        if manager is None:
            return []
        return manager.pool.get_history(symbol, data_type, wanted=self._wanted(manager, symbol, data_type, None))

    # -- push without callbacks ---------------------------------------------------------------------------------

    def events(self) -> EventStream:
        """Every event from now on, `async for`; each reader has its own. One that falls `capacity` behind loses the oldest
        (`dropped` counts). It ends with `close`."""
        reader = EventStream(self._capacity, on_dropped=self._count)
        self._readers.add(reader)
        return reader

    @property
    def dropped(self) -> int:
        """Events that readers of `events` did not keep up with."""
        return self._dropped

    def _count(self) -> None:
        self._dropped += 1

    def _take(self, event: BaseWebSocketEvent) -> None:
        for reader in list(self._readers) if self._readers else ():
            reader.put(event)

    def _status(self, event: StatusEvent) -> None:
        if isinstance(event, SubscriptionErrorEvent) and event.error not in self.errors:
            self.errors.append(event.error)
        elif isinstance(event, PrivateStateEvent) and event.state in _NOTHING and not any(each.hint == event.hint for each in self.errors):
            why = f"{event.state}: {event.text}" if event.text else str(event.state)
            self.errors.append(SubscriptionError(self._who, event.venue, (), why, hint=event.hint))


def _without(wish: SubscriptionSpec, refused: set[tuple[str, str]], manager: GlobalWebSocketManager) -> SubscriptionSpec | None:
    """What of a wish can be served: it is not asked for again with what cannot."""
    if not wish.symbols:
        return wish
    venues = manager.resolver.venues if wish.venue is None else (wish.venue,)
    good = tuple(name for name in wish.symbols if not any((venue, name) in refused for venue in venues))
    return replace(wish, symbols=good) if good else None
