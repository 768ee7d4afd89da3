"""app.books: whole order books, kept in step from deltas: the shell around `book.sync`.

Deltas come through the hub like any other stream. Snapshots come by REST, one at a time, in the order asked for, within
the weight that everybody in the process shares; never in the path of a frame. One symbol's gap touches no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from time import time_ns
from weakref import WeakSet

from hoga.app.config import Config
from hoga.app.config.rooms import rest_of
from hoga.app.hub import config_of, process_manager
from hoga.app.snapshots import SnapshotDesk, snapshots_of
from hoga.book.rebuild import digest_of
from hoga.book.sync import TOP_LEVELS, BookEvent, BookState, BookSync
from hoga.core.errors import ProtocolMisuse, VenueError
from hoga.core.market import Book, DataType
from hoga.hub import checks
from hoga.hub.alerts import AlertKind
from hoga.hub.errors import ArgumentError
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.resolve import spelt
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import ComponentSubscription, SubscriptionSpec, unknown_venue
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every, supervise
from hoga.venues.registry import VENUES

__all__ = ["BookKeeper", "running"]

_log = get_log("hub")

running: WeakSet[BookKeeper] = WeakSet()
"""The keepers of this process, from `start` to `stop`."""

_TICK_S = 0.25
_CAPACITY = 20_000


class BookKeeper:
    """Keeps the books of `symbols` of one venue. `start`, then `book` whenever you like; `stop` ends it.

    `manager` None: the process's own, made from `config` when there is none. Snapshots are asked where the manager's own
    configuration says; `config` beside a `manager` says otherwise. `on_event` is told, on the loop, of every change of a
    book's state. `alerts`: set it to False where somebody else tells of holes in the deltas. Raises ProtocolMisuse for a venue whose
    streams bring whole books anyway, ArgumentError, SubscriptionError.
    """

    def __init__(
        self,
        venue: str,
        symbols: Iterable[str],
        *,
        manager: GlobalWebSocketManager | None = None,
        config: object = None,
        on_event: Callable[[BookEvent], object] = lambda event: None,
    ) -> None:
        if checks.identity(venue, "BookKeeper", "venue") not in VENUES:
            raise unknown_venue("BookKeeper", venue, VENUES)
        if manager is not None and not isinstance(manager, GlobalWebSocketManager):
            raise ArgumentError("BookKeeper", "manager", checks.shown(manager), "a GlobalWebSocketManager, or None")
        checks.callback_of(on_event, "BookKeeper", "on_event")
        self.spec = VENUES[venue]
        if self.spec.book_rules is None or self.spec.rest.book is None:
            raise ProtocolMisuse(f"{venue} has no deltas", hint="subscribe to orderbook: its frames are whole books")
        self.symbols = tuple(dict.fromkeys(spelt(self.spec, each) for each in checks.texts(symbols, "BookKeeper", "symbols")))
        if not self.symbols:
            raise ArgumentError("BookKeeper", "symbols", checks.shown(symbols), "one symbol at least")
        self.snapshots = self.refused = self.faults = 0
        self.alerts = True
        self._syncs = {symbol: BookSync(symbol, self.spec.book_rules, most=self.spec.rest.book_levels) for symbol in self.symbols}
        self._brought_by: dict[str, str] = {}
        self._manager = manager
        self._config = config
        self._found: Config | None = None
        self._on_event = on_event
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> ComponentSubscription:
        """Begin. Raises SubscriptionError, ConfigError."""
        manager = self._manager = self._manager or await process_manager(self._config)
        running.add(self)
        self._found = config_of(self._config if self._config is not None else manager.config)
        wish = SubscriptionSpec(DataType.DELTA, self.symbols, self.spec.name)
        subscription = await manager.register_component(
            self._name, self, [wish], self._take, delivery=Delivery.LOOP, capacity=_CAPACITY, on_status=self._status
        )
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(
                supervise(self._fetch, log=_log, what="cannot ask for snapshots", venue=self.spec.name), name="book snapshots"
            ),
            loop.create_task(every(_TICK_S, self._tick, log=_log), name="book timers"),
        ]
        return subscription

    async def stop(self) -> None:
        """No more."""
        running.discard(self)
        if self._manager is not None:
            await self._manager.unregister_component(self._name)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def book(self, symbol: str, *, depth: int | None = 20) -> Book | None:
        """A copy of the best `depth` levels a side (None: all), None while the book is not in step.

        Raises ArgumentError for a symbol that is not kept here.
        """
        sync = self._sync(symbol)
        return sync.ladder.book(depth=depth, update_id=sync.last_id, event_ns=sync.event_ns) if sync.is_synced else None

    def state(self, symbol: str) -> BookState:
        """How far the book can be trusted. Raises ArgumentError for a symbol that is not kept here."""
        return self._sync(symbol).state

    def _sync(self, symbol: str) -> BookSync:
        sync = self._syncs.get(symbol) or self._syncs.get(str(symbol).upper())
        if sync is None:
            near = checks.nearest(symbol, self.symbols)
            raise ArgumentError("BookKeeper", "symbol", checks.shown(symbol), f"one of {', '.join(self.symbols)}", near=near)
        return sync

    def digests(self) -> Iterator[tuple[str, int, str]]:
        """(symbol, id, digest of the best 20 levels a side) of every book that is in step and known so far."""
        for symbol, sync in self._syncs.items():
            found = sync.certain(TOP_LEVELS)
            if found is not None:
                yield symbol, found[0], digest_of(*found[1:])

    @property
    def gaps(self) -> int:
        """Holes found in the deltas' ids so far."""
        return sum(sync.gaps for sync in self._syncs.values())

    @property
    def manager(self) -> GlobalWebSocketManager | None:
        """Whose streams it keeps its books from."""
        return self._manager

    @property
    def _name(self) -> str:
        return f"books {self.spec.name} {id(self):x}"

    # -- deltas -------------------------------------------------------------------------------------------------

    def _take(self, event: BaseWebSocketEvent) -> None:
        sync = self._syncs.get(event.symbol)
        if sync is not None:
            self._brought_by[event.symbol] = event.conn
            sync.receive(event.body, time_ns())
            self._after(sync)

    def _status(self, event: StatusEvent) -> None:
        """A connection that is lost takes the books with it that it brought last; a handover loses none."""
        if isinstance(event, EpochEvent) and not event.up:
            for symbol, conn in list(self._brought_by.items()):
                if conn == event.conn:
                    del self._brought_by[symbol]
                    self._syncs[symbol].lost(time_ns())
                    self._after(self._syncs[symbol])

    def _after(self, sync: BookSync) -> None:
        for event in sync.events():
            self._hand_on(event)
            if self.alerts and event.state in (BookState.GAP, BookState.SYNCED) and self._manager is not None:
                subject = f"{self.spec.name}:{event.symbol} book"
                self._manager.observe(AlertKind.GAP, subject, bad=event.state is BookState.GAP, text=event.why)
        for action in sync.actions():
            if action.symbol not in self._waiting:
                self._waiting.add(action.symbol)
                self._wanted.put_nowait(action.symbol)

    def _hand_on(self, event: BookEvent) -> None:
        """A callback that raises is told, at its 1st, 2nd, 4th, 8th … fault, and keeps nobody's book from going on."""
        try:
            self._on_event(event)
        except Exception as fault:  # noqa: BLE001  # the supervised place: a user's fault is the user's own
            self.faults += 1
            if not self.faults & (self.faults - 1):
                _log.error(
                    "on_event raised",
                    venue=self.spec.name,
                    symbol=event.symbol,
                    fault=f"{type(fault).__name__}: {fault}",
                    count=self.faults,
                )

    def _tick(self) -> None:
        now = time_ns()
        for sync in self._syncs.values():
            due = sync.deadline_ns()
            if due is not None and due <= now and sync.symbol not in self._waiting:
                sync.tick(now)
                self._after(sync)

    # -- snapshots ----------------------------------------------------------------------------------------------

    async def _fetch(self) -> None:
        assert self._found is not None, "started"
        config = self._found.venue(self.spec.name)
        async with rest_of(config):
            desk = snapshots_of(config)
            while True:
                await self._snapshot(desk, await self._wanted.get())

    async def _snapshot(self, desk: SnapshotDesk, symbol: str) -> None:
        sync, read = self._syncs[symbol], self.spec.book
        assert read is not None, "asked of venues that have it"
        try:
            book = await desk.fetch(symbol, read)
        except VenueError as fault:
            self.refused += 1
            _log.warning("no snapshot of a book", venue=self.spec.name, symbol=symbol, why=str(fault))
            sync.failed(time_ns())
        else:
            assert isinstance(book, Book), "the venue's reader of books gives books"
            self.snapshots += 1
            sync.snapshot(book, time_ns())
        self._waiting.discard(symbol)
        self._after(sync)

    def __repr__(self) -> str:
        synced = sum(1 for sync in self._syncs.values() if sync.is_synced)
        return f"<BookKeeper {self.spec.name} {synced}/{len(self._syncs)} in step>"
