"""hub.pool: the latest value of every stream somebody is interested in, and as much history as they asked for.

Reading is a dictionary look-up and decodes when the value is looked at. A value knows its age and epoch (`recv_ns`,
`epoch`): a book that stands still because its connection is down does not look live.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.routing import DataRoutingEngine

__all__ = ["DataPoolManager"]

Key = tuple[str, DataType]


class _Cell:
    """The newest event of one stream, and the last few; how many clients it interests."""

    __slots__ = ("clients", "event", "history")

    def __init__(self) -> None:
        self.event: BaseWebSocketEvent | None = None
        self.history: deque[BaseWebSocketEvent] | None = None
        self.clients = 0

    def put(self, event: BaseWebSocketEvent) -> None:
        self.event = event
        if self.history is not None:
            self.history.append(event)

    def hold(self, event: BaseWebSocketEvent) -> None:
        """It says what was put last, and comes of a life that is alive."""
        self.event = event


class DataPoolManager:
    """Latest values by (symbol, type), fed by the routes of `engine`. The symbol may be `venue:symbol` as well.

    `latest(stream)`: what a stream said last, for those who come later.
    """

    def __init__(self, engine: DataRoutingEngine, *, latest: Callable[[Stream], BaseWebSocketEvent | None] = lambda stream: None) -> None:
        self._engine = engine
        self._newest = latest
        self._cells: dict[Stream, _Cell] = {}
        self._by_key: dict[Key, dict[Stream, _Cell]] = {}
        self._interests: dict[str, dict[Stream, DataType]] = {}

    # -- interests ----------------------------------------------------------------------------------------------

    def set_client_interest(self, client_id: str, types: Mapping[Stream, DataType], *, history: int = 0) -> None:
        """`client_id` may read exactly these streams, and their last `history` events (the longest wish counts)."""
        mine = self._interests.setdefault(client_id, {})
        for stream in [stream for stream in mine if stream not in types]:
            self._let_go(stream, mine.pop(stream))
        for stream, data_type in types.items():
            cell = self._cells.get(stream) or self._make(stream, data_type)
            if stream not in mine:
                mine[stream] = data_type
                cell.clients += 1
            if history and (cell.history is None or (cell.history.maxlen or 0) < history):
                cell.history = deque(cell.history or (), maxlen=history)

    def unregister_client(self, client_id: str) -> None:
        """What nobody else is interested in is forgotten."""
        for stream, data_type in self._interests.pop(client_id, {}).items():
            self._let_go(stream, data_type)

    def _let_go(self, stream: Stream, data_type: DataType) -> None:
        cell = self._cells[stream]
        cell.clients -= 1
        if not cell.clients:
            self._forget(stream, data_type)

    def _make(self, stream: Stream, data_type: DataType) -> _Cell:
        cell = self._cells[stream] = _Cell()
        cell.event = self._newest(stream)
        for key in _keys(stream, data_type):
            self._by_key.setdefault(key, {})[stream] = cell
        route = self._engine.route(stream)
        route.add("the pool", cell.put)
        route.watch("the pool", cell.hold)
        return cell

    def _forget(self, stream: Stream, data_type: DataType) -> None:
        del self._cells[stream]
        for key in _keys(stream, data_type):
            self._by_key[key].pop(stream, None)
            if not self._by_key[key]:
                del self._by_key[key]
        self._engine.leave_route(stream, "the pool")

    # -- values -------------------------------------------------------------------------------------------------

    def get_latest_data(
        self, symbol: str, data_type: DataType, *, wanted: Callable[[Stream], bool] | None = None
    ) -> BaseWebSocketEvent | None:
        """The newest event of `symbol` (`KRW-BTC` or `upbit:KRW-BTC`), of `wanted` streams only; None before the first.

        Raises ArgumentError for what cannot be a symbol or a type.
        """
        newest: BaseWebSocketEvent | None = None
        for cell in self._found(symbol, data_type):
            event = cell.event
            if event is None or (wanted is not None and not wanted(event.stream)):
                continue
            if newest is None or event.recv_ns > newest.recv_ns:
                newest = event
        return newest

    def streams_of(self, symbol: str, data_type: DataType) -> list[Stream]:
        """Of that symbol and type, that interest anybody. Raises ArgumentError as `get_latest_data` does."""
        return list(self._named(symbol, data_type))

    def interests_of(self, client_id: str) -> Mapping[Stream, DataType]:
        """What that client may read. Not to be changed; it changes with the client's interests."""
        return self._interests.get(client_id, {})

    def _found(self, symbol: str, data_type: DataType) -> tuple[_Cell, ...]:
        """A copy, made in one step: readers may be in other threads."""
        return tuple(self._named(symbol, data_type).values())

    def _named(self, symbol: str, data_type: DataType) -> dict[Stream, _Cell]:
        cells = self._by_key.get((symbol, data_type)) if isinstance(symbol, str) and isinstance(data_type, str) else None
        if cells is not None:
            return cells
        venue, colon, name = checks.identity(symbol, "the latest value", "symbol").rpartition(":")
        kind = checks.choice(DataType, data_type, "the latest value", "data_type")
        return self._by_key.get((f"{venue}{colon}{name.upper()}", kind), {})

    def get_multiple_data(self, requests: Sequence[Key]) -> dict[Key, BaseWebSocketEvent]:
        """The newest of each, those without a value left out."""
        found = ((key, self.get_latest_data(*key)) for key in requests)
        return {key: event for key, event in found if event is not None}

    def get_history(self, symbol: str, data_type: DataType, *, wanted: Callable[[Stream], bool] | None = None) -> list[BaseWebSocketEvent]:
        """Oldest first, as many as were asked to be kept; of `wanted` streams only."""
        events = [event for cell in self._found(symbol, data_type) for event in tuple(cell.history or ())]
        if wanted is not None:
            events = [event for event in events if wanted(event.stream)]
        return sorted(events, key=lambda event: event.recv_ns)

    @property
    def size(self) -> int:
        """How many streams interest somebody."""
        return len(self._cells)


def _keys(stream: Stream, data_type: DataType) -> tuple[Key, Key]:
    return (stream.symbol, data_type), (f"{stream.venue}:{stream.symbol}", data_type)
