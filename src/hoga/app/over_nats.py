"""app.over_nats: one series, its past from an archive, then live from collectors anywhere, as one stream without hole or double.

What is live waits until the archive has reached it: each record is told from the archive, up to the first live one that it holds, and from
there on as it comes. Archives are behind: the folder of a run by milliseconds, what `hoga gather` keeps of each collector by a minute or
so, a bucket by a day. One that will not reach what is live soon is not waited for, and the span between them is a `GapEvent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from time import monotonic, time_ns

from hoga.app.config import VenueConfig
from hoga.app.heard import Heard
from hoga.app.series_events import event_maker, wishes_for
from hoga.archive.form.journal import JOURNAL_DIR
from hoga.archive.form.store import list_names
from hoga.archive.read.tail import Past, PastRecord, Seam
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, GapEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.private import MissedEvent
from hoga.hub.routing import Delivery
from hoga.hub.turns import Breath
from hoga.venues.registry import VENUES

__all__ = ["OverNats"]

COLLECTORS_DIR = ".collectors"
"""Below a root that `hoga gather` fills: what each collector brought, also of the days that are not united yet."""

_BATCH = 2_000
_LOOK_S = 0.5
_AHEAD_MAX = 100_000
_PATIENCE_S = 180.0
"""A minute is sealed, sent and kept within so long."""
_SOON_NS = 900 * SECOND_NS
"""An archive that is further behind is none that is being written now."""
_SKEW_NS = 2 * SECOND_NS
"""Collectors receive one record at moments so far apart, or less."""
_BEFORE_NS = 30 * SECOND_NS

Told = BaseWebSocketEvent | GapEvent


class _Root:
    """One archive of the series. `newest_ns`: of its last record so far; `recent`: payloads that may come live as well."""

    def __init__(self, past: Past, *, from_ns: int, tells_gaps: bool) -> None:
        self.past = past
        self.seam = Seam(from_ns)
        self.last_ns = from_ns - 1
        self.tells_gaps = tells_gaps
        self.newest_ns = 0
        self.recent: set[int] = set()
        self.gaps: set[Gap] = set()

    def read(self, recent_ns: int) -> Iterator[tuple[int, PastRecord | Gap]]:
        """What was not read yet, with its time."""
        for each in self.past.read(self.last_ns - 1, time_ns()):
            if isinstance(each, Gap):
                if self.tells_gaps and each not in self.gaps:
                    self.gaps.add(each)
                    yield each.to_ns, each
            elif self.seam.is_new(each.recv_ns, each.payload):
                self.last_ns = self.newest_ns = each.recv_ns
                if each.recv_ns >= recent_ns:
                    self.recent.add(hash(each.payload))
                yield each.recv_ns, each

    def reaches(self, event: BaseWebSocketEvent) -> bool | None:
        """Whether all that was received before `event` is read; None: it is not being written now."""
        if hash(event.payload) in self.recent or self.newest_ns >= event.recv_ns + _SKEW_NS:
            return True
        return None if event.recv_ns - self.newest_ns > _SOON_NS else False


class _Live:
    """What comes, waiting to be told: a component of the manager. `first`: the oldest that waits.

    Until `joined`, the archive has what is let go here.
    """

    def __init__(self, stream: Stream) -> None:
        self.joined = False
        self._stream = stream
        self._waiting: deque[Told] = deque()
        self._come = asyncio.Event()
        self._heard = Heard()

    def take(self, event: BaseWebSocketEvent) -> None:
        """An event that came; where all collectors were cut before it, behind a hole."""
        if len(self._waiting) >= _AHEAD_MAX:
            self._let_go()
        if (hole := self._heard.came(event.conn, event.epoch, event.recv_ns)) is not None:
            self._hole(*hole)
        self._waiting.append(event)
        self._come.set()

    def status(self, event: StatusEvent) -> None:
        """A life that began or ended, or left something out."""
        if isinstance(event, EpochEvent):
            if event.up:
                self._heard.up(event.conn, event.epoch, time_ns())
            else:
                self._heard.down(event.conn, event.epoch, time_ns(), unheard=event.unheard)
        elif isinstance(event, MissedEvent) and event.from_ns is not None:
            for from_ns, to_ns in self._heard.missed(event.conn, event.from_ns, event.to_ns):
                self._hole(from_ns, to_ns)

    def _hole(self, from_ns: int, to_ns: int) -> None:
        """Told in its place. Before the seam nothing is missing: the archive has what comes before it, and the seam is after it."""
        behind: list[Told] = []
        while self._waiting and _ns_of(self._waiting[-1]) >= to_ns:
            behind.append(self._waiting.pop())
        if self.joined:
            gap = GapEvent(stream=self._stream, from_ns=from_ns, to_ns=to_ns, reason=Reason.DISCONNECT, missed=None)
            self._waiting.append(gap)
        else:
            self._waiting.clear()
        self._waiting.extend(reversed(behind))

    def _let_go(self) -> None:
        """The reader is too slow: half of what waits goes."""
        gone = [self._waiting.popleft() for _ in range(_AHEAD_MAX // 2)]
        if self.joined:
            missed = sum(1 for each in gone if not isinstance(each, GapEvent))
            span = _ns_of(gone[0]), _ns_of(gone[-1])
            self._waiting.appendleft(
                GapEvent(stream=self._stream, from_ns=span[0], to_ns=span[1], reason=Reason.BACKPRESSURE, missed=missed)
            )

    def first(self) -> BaseWebSocketEvent | None:
        """The oldest that waits, None when nothing does."""
        return next((each for each in self._waiting if isinstance(each, BaseWebSocketEvent)), None)

    async def next(self) -> Told:
        """The oldest that waits, as soon as one does."""
        while not self._waiting:
            await self.come(None)
        return self._waiting.popleft()

    async def come(self, seconds: float | None) -> None:
        """Until something comes, at most so long."""
        self._come.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._come.wait()


class OverNats:
    """One series, past and live; `manager` is over a `relay.wire.LiveHub`. `from_ns` None: only what comes. `events` once."""

    def __init__(self, config: VenueConfig, streams: list[Stream], *, from_ns: int | None) -> None:
        self._spec = VENUES[config.venue]
        self._streams = streams
        self._event = event_maker(self._spec, streams)
        self._from_ns = from_ns
        self._roots = [] if from_ns is None else _roots(config, streams, from_ns)
        self._told: dict[int, None] = {}
        self._held: list[tuple[int, PastRecord | Gap]] = []
        self._told_ns = from_ns or 0
        self._breath = Breath()

    async def events(self, manager: GlobalWebSocketManager) -> AsyncIterator[Told]:
        """See the module."""
        live = _Live(self._streams[0])
        wishes = wishes_for(self._spec, self._streams)
        await manager.register_component("since", live, wishes, live.take, delivery=Delivery.INLINE, on_status=live.status)
        if self._roots:
            async for event in self._past(live):
                yield event
        live.joined = True
        recent = frozenset().union(*(root.recent for root in self._roots))
        until_ns = max((root.newest_ns for root in self._roots), default=0) + _BEFORE_NS
        while True:
            event = await live.next()
            again = isinstance(event, BaseWebSocketEvent) and event.recv_ns <= until_ns and hash(event.payload) in recent
            if not again:
                yield event
            await self._breath.take()

    def close(self) -> None:
        """Let go of the files."""
        for root in self._roots:
            root.past.close()

    async def _past(self, live: _Live) -> AsyncIterator[Told]:
        """The archive, as it grows, until it holds what is live; or else the hole between them."""
        recent_ns, waits_since = time_ns() - _BEFORE_NS, None
        while True:
            found = self._more(recent_ns)
            while batch := await asyncio.to_thread(_some_of, found):
                for event in batch:
                    self._told_ns = max(self._told_ns, _ns_of(event))
                    yield event
                    await self._breath.take()
            first = live.first()
            if first is None:
                await live.come(_LOOK_S)
                continue
            waits_since = waits_since or monotonic()
            reached = [root.reaches(first) for root in self._roots]
            if True in reached and False not in reached:
                for event in self._release(None):
                    yield event
                return
            if False not in reached or monotonic() - waits_since > _PATIENCE_S:
                for event in self._release(None):
                    self._told_ns = max(self._told_ns, _ns_of(event))
                    yield event
                first = live.first() or first
                to_ns = max(first.recv_ns, self._told_ns)
                yield GapEvent(stream=self._streams[0], from_ns=self._told_ns, to_ns=to_ns, reason=Reason.SHUTDOWN, missed=None)
                return
            await asyncio.sleep(_LOOK_S)

    def _more(self, recent_ns: int) -> Iterator[Told]:
        """What the archives hold that was not told yet, by receipt. What several collectors have is told once, and when the slowest of
        them is as far."""
        merged = heapq.merge(*(root.read(recent_ns) for root in self._roots), key=itemgetter(0))
        if len(self._roots) == 1:
            yield from (self._made(each) for _, each in merged)
            return
        hold_ns = time_ns() - _SOON_NS
        for ns, each in merged:
            if ns < hold_ns:
                yield from self._once(each)
            else:
                self._held.append((ns, each))
        yield from self._release(min((root.newest_ns for root in self._roots if root.newest_ns >= hold_ns), default=0))

    def _release(self, until_ns: int | None) -> Iterator[Told]:
        """What was held back, up to then (None: all of it)."""
        held, self._held = sorted(self._held, key=itemgetter(0)), []
        for ns, each in held:
            if until_ns is None or ns <= until_ns:
                yield from self._once(each)
            else:
                self._held.append((ns, each))

    def _once(self, each: PastRecord | Gap) -> Iterator[Told]:
        mark = hash(each if isinstance(each, Gap) else each.payload)
        if mark not in self._told:
            self._told[mark] = None
            if len(self._told) > _AHEAD_MAX:
                del self._told[next(iter(self._told))]
            yield self._made(each)

    def _made(self, each: PastRecord | Gap) -> Told:
        if isinstance(each, PastRecord):
            return self._event(each)
        return GapEvent(stream=self._streams[0], from_ns=each.from_ns, to_ns=each.to_ns, reason=each.reason, missed=each.missed)


def _some_of(found: Iterator[Told]) -> list[Told]:
    return list(islice(found, _BATCH))


def _ns_of(event: Told) -> int:
    return event.to_ns if isinstance(event, GapEvent) else event.recv_ns


def _roots(config: VenueConfig, streams: list[Stream], from_ns: int) -> list[_Root]:
    """The archive, and where `hoga gather` keeps them, those of each collector: of days that are not united yet only they know."""
    series, names = streams[0].series, [stream.name for stream in streams]
    spec = VENUES[config.venue]

    def past(directory: Path, journals: Path) -> Past:
        return Past(series, directory, journals, names, spec)

    found = [_Root(past(config.directory(series.kind), config.lob_dir / "temporary" / JOURNAL_DIR), from_ns=from_ns, tells_gaps=True)]
    for name in sorted(entry.path for entry in list_names(config.data_dir / COLLECTORS_DIR) if entry.is_folder):
        home = name / config.venue
        found.append(_Root(past(home / series.kind, home / JOURNAL_DIR), from_ns=from_ns, tells_gaps=False))
    return found
