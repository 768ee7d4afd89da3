"""app.snapshots: whole books asked for over REST: one at a time for all who want some of a venue, and told to all who keep them.

`BookKeeper` asks when its book is out of step. `DeltaSnapshots` asks for what a run records deltas of, so that the archive's deltas have
a beginning, within its own small share of the venue's weight. Whatever is fetched is recorded, whoever asked. Never in the path of a frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.archive.keep.identity import Identity
from hoga.book.turns import SnapshotTurns
from hoga.core.errors import VenueError
from hoga.core.market import Body, Book, DataType, Level
from hoga.core.streams import Kind, Stream
from hoga.hub.port import Take
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.recorder.recorder import Recorder
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES
from hoga.venues.request import Request
from hoga.venues.spec import VenueSpec

__all__ = ["DeltaSnapshots", "SnapshotDesk", "asked_streams", "snapshots_of"]

_log = get_log("run")

_LONG_S = 600.0
"""Deltas that have no beginning for so long are told of."""
_WINDOW_S = 60.0
_REACH_EVERY = 20
"""In so many looks each symbol's newest book is read once."""
_STEP = 32
"""Symbols that are looked at between two frames: some 0.15 ms."""

T = TypeVar("T")

_made: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[RestClient, SnapshotDesk]] = WeakKeyDictionary()


def snapshots_of(config: VenueConfig) -> SnapshotDesk:
    """The one desk of a venue on this event loop. Raises ConfigError."""
    rest = rest_of(config)
    desks = _made.setdefault(asyncio.get_running_loop(), {})
    return desks.setdefault(rest, SnapshotDesk(rest))


class SnapshotDesk:
    """Asks one venue for books. `on_snapshot`: each is told (symbol, when it was asked for, receipt, the answer's bytes) of every
    book that came, on the event loop; none may raise."""

    def __init__(self, rest: RestClient) -> None:
        self.on_snapshot: list[Callable[[str, int, int, bytes], object]] = []
        self.clock = rest.clock
        self._rest = rest
        self._spec = VENUES[rest.venue]
        self._turn = asyncio.Lock()

    async def fetch(self, symbol: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the book of `symbol`, when its turn has come and the weight allows. Raises VenueError."""
        paths = self._spec.rest
        assert paths.book is not None, "asked of venues that have it"
        path, weight = paths.book.format(symbol=symbol, levels=paths.book_levels), paths.book_weight
        async with self._turn, self._rest:
            while (wait := self._rest.wait_s(Request(path=path, weight=weight))) > 0:
                await self.clock.sleep(wait)
            asked_ns = self.clock.time_ns()
            body, found = await self._rest.read(path, lambda body: (body, read(body)), weight=weight)
        recv_ns = self.clock.time_ns()
        for hear in list(self.on_snapshot):
            hear(symbol, asked_ns, recv_ns, body)
        return found


def asked_streams(spec: VenueSpec, streams: list[Stream]) -> list[Stream]:
    """What is recorded beside `streams` because it is asked for over REST: the books of the symbols with deltas, a stream each."""
    if spec.snapshot_channel is None:
        return []
    return [spec.parse_stream(symbol, spec.snapshot_channel) for symbol in _with_deltas(spec, streams)]


def _with_deltas(spec: VenueSpec, streams: list[Stream]) -> dict[str, list[Stream]]:
    found: dict[str, list[Stream]] = {}
    for stream in streams:
        if spec.channel_of(stream.channel).data_type is DataType.DELTA:
            found.setdefault(stream.symbol, []).append(stream)
    return found


class _Asked(NamedTuple):
    """One symbol: its stream of snapshots and those of its deltas, with what finds the ids in their frames. `books`: where its best levels
    are recorded, and how they are read; None where they are not."""

    stream: Stream
    identity: Identity
    deltas: list[tuple[Stream, Identity]]
    take: Take
    books: tuple[Stream, Callable[[bytes], Body]] | None


class _Reach(NamedTuple):
    """How far the newest snapshot goes: prices beyond which somebody should ask for another, None on a side that is whole."""

    bid: Decimal | None
    ask: Decimal | None

    def holds(self, book: Book) -> bool:
        """Whether the levels of `book` are well within."""
        below = self.bid is not None and book.bids and book.bids[-1][0] < self.bid
        above = self.ask is not None and book.asks and book.asks[-1][0] > self.ask
        return not below and not above


def _reach_of(book: Book, most: int) -> _Reach:
    """A quarter of what a snapshot spans is left for the time until the next one is there."""

    def limit(side: tuple[Level, ...]) -> Decimal | None:
        return side[-1][0] + (side[0][0] - side[-1][0]) / 4 if len(side) >= most else None

    return _Reach(limit(book.bids), limit(book.asks))


class DeltaSnapshots:
    """Snapshots for the deltas that `recorder` records. `open` when the recorder has started; then `run` in a task, until `close`.

    `every_s`: how old a symbol's newest snapshot may get. `share`: of the weight that the venue allows a minute. `conn`: under which
    connection's name they are recorded. `fetched`, `failed`: how many.
    """

    def __init__(self, desk: SnapshotDesk, recorder: Recorder, *, every_s: float, share: float, conn: str) -> None:
        self._desk = desk
        self._recorder = recorder
        self._conn = conn
        spec = self._spec = recorder.spec
        streams = [intake.stream for intake in recorder.intakes.values()]
        deltas = _with_deltas(spec, streams)
        self._books = {stream.symbol: stream for stream in streams if stream.kind == Kind.ORDERBOOK}
        self._reach: dict[str, _Reach] = {}
        self._looks = 0
        self._streams = [stream for stream in streams if stream.channel == spec.snapshot_channel]
        self._deltas = {stream.symbol: deltas[stream.symbol] for stream in self._streams}
        self._asked: dict[str, _Asked] = {}
        self._turns = SnapshotTurns(self._deltas, every_s=every_s)
        limit = spec.rest.limits[0]
        weight = int(limit.limit * share * _WINDOW_S / limit.window_s)
        self._budget = Budget(limit=max(1, weight), window_s=_WINDOW_S)
        self._newest_ids: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._told_at = float("-inf")
        self.fetched = self.failed = 0

    def open(self) -> None:
        """From now on books that come are recorded."""
        legs, now = self._recorder.legs, self._desk.clock.time_ns()
        table = legs.opening(self._conn, 1, self._streams)
        legs.opened(self._conn, 1, now)
        legs.live(self._conn, 1, now, [stream.name for stream in self._streams])
        for stream in self._streams:
            deltas = [(each, Identity(self._spec, each)) for each in self._deltas[stream.symbol]]
            take, books = table[self._spec.frame_key(stream)], self._books.get(stream.symbol)
            read = self._spec.channel_of(books.channel).record.decode if books is not None else None
            known = None if books is None or read is None else (books, read)
            self._asked[stream.symbol] = _Asked(stream, Identity(self._spec, stream), deltas, take, known)
        self._desk.on_snapshot.append(self._keep)

    def close(self) -> None:
        """Nothing more is recorded."""
        if self._keep in self._desk.on_snapshot:
            self._desk.on_snapshot.remove(self._keep)

    async def tick(self) -> None:
        """Once a second: look at all deltas, ask for what is due and allowed, one after the other. May take long."""
        now = self._desk.clock.time_ns()
        self._looks += 1
        for at, symbol in enumerate(self._asked):
            if at % _STEP == _STEP - 1:
                await asyncio.sleep(0)  # frames are let in
            self._look(symbol, now)
            if (at + self._looks) % _REACH_EVERY == 0:
                self._look_at_reach(symbol, now)
        self._tell(now)
        weight, clock = self._spec.rest.book_weight, self._desk.clock
        while self._budget.wait_s(clock.monotonic(), weight) <= 0:
            due = self._turns.next(clock.time_ns())
            if due is None:
                return
            self._budget.take(clock.monotonic(), weight)
            await self._ask(due)

    def _look(self, symbol: str, now: int) -> None:
        intakes = [self._recorder.intakes[stream.name] for stream, _ in self._asked[symbol].deltas]
        broke = self._turns.look(
            symbol,
            breaks=sum(each.gap_count + each.sequence.has_holes for each in intakes),
            newest_ns=max(each.last_recv_ns for each in intakes),
            is_up=all(each.legs for each in intakes),
            now_ns=now,
        )
        if broke:
            self._began.pop(symbol, None)
        if symbol not in self._began and self._turns.has_begun(symbol):
            found = [self._first_id(stream, identity) for stream, identity in self._asked[symbol].deltas]
            self._began[symbol] = max(each or 0 for each in found)

    def _look_at_reach(self, symbol: str, now: int) -> None:
        """Whether the newest recorded book is still within the snapshot's levels."""
        each, reach = self._asked[symbol], self._reach.get(symbol)
        if reach is None or each.books is None:
            return
        stream, read = each.books
        parts = self._spec.split(self._recorder.intakes[stream.name].last)
        try:
            book = read(parts[1]) if parts is not None else None
        except ValueError:  # whatever it is, it is recorded
            return
        if isinstance(book, Book) and not reach.holds(book):
            self._turns.leaving(symbol, now)

    def _tell(self, now: int) -> None:
        at = self._desk.clock.monotonic()
        if at - self._told_at < _LONG_S:
            return
        waiting, symbols = self._turns.waiting(now, longer_s=_LONG_S)
        self._told_at = at
        if waiting:
            _log.warning(
                "deltas have no snapshot", venue=self._spec.name, symbols=waiting, of=symbols, minutes=int(_LONG_S / 60),
                hint="their books cannot be rebuilt until there is one; BOOK_SNAPSHOT_WEIGHT allows more",
            )  # fmt: skip

    async def _ask(self, symbol: str) -> None:
        each = self._asked[symbol]

        def check(body: bytes) -> None:
            if self._spec.split(self._framed(each.stream, body)) is None or each.identity.ids(body) is None:
                raise ValueError("no book with an id")

        try:
            await self._desk.fetch(symbol, check)
        except VenueError as fault:
            self.failed += 1
            self._turns.failed(symbol, self._desk.clock.time_ns())
            _log.warning("no snapshot of a book", venue=self._spec.name, symbol=symbol, why=str(fault))

    def _framed(self, stream: Stream, body: bytes) -> bytes:
        return self._spec.frame_key(stream) + body.strip() + b"}"

    def _keep(self, symbol: str, asked_ns: int, recv_ns: int, body: bytes) -> None:
        """Record a book that came, whoever asked; one that is no news is not recorded twice."""
        each = self._asked.get(symbol)
        ids = each.identity.ids(body) if each is not None else None
        if each is None or ids is None:
            return
        self.fetched += 1
        if self._newest_ids.get(symbol) != ids[1]:
            self._newest_ids[symbol] = ids[1]
            each.take(recv_ns, self._framed(each.stream, body))
            self._note_reach(symbol, body)
        if self._began.get(symbol, 0) <= ids[1] + 1:
            self._turns.got(symbol, min(asked_ns, recv_ns))  # the clock may have been set back in between
        else:  # from before the deltas: none of them joins it
            self._turns.failed(symbol, recv_ns)

    def _note_reach(self, symbol: str, body: bytes) -> None:
        assert self._spec.book is not None, "asked of venues that have it"
        try:
            book = self._spec.book(body)
        except ValueError:
            return
        if isinstance(book, Book):
            self._reach[symbol] = _reach_of(book, self._spec.rest.book_levels)

    def _first_id(self, stream: Stream, identity: Identity) -> int | None:
        """The first id of the newest delta."""
        parts = self._spec.split(self._recorder.intakes[stream.name].newest()[1])
        ids = identity.ids(parts[1]) if parts is not None else None
        return None if ids is None else ids[0]

    def __repr__(self) -> str:
        return f"<DeltaSnapshots {self._spec.name} {len(self._deltas)} symbols, {self.fetched} fetched, {self.failed} failed>"
