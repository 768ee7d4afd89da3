"""app.since: `hoga.subscribe(…, since=…)`: the past from the archive, then live, as one stream without gap or duplicate.

What a run records is told from its journals, when the operating system has it: so what was told is in the archive, also
after the run is killed. The hub of that run only rings (`app.live`). What the recorder itself missed is told as
`GapEvent`s. Where no run records the series, live comes through the hub, or over a connection of this process's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from time import monotonic, time_ns

from hoga.app.config import Config, VenueConfig
from hoga.app.hub import config_of, hub_path, live_manager, local_manager, wires_of
from hoga.app.live import Live
from hoga.app.series_events import event_maker, wishes_for
from hoga.app.stream_plan import plan_streams
from hoga.archive.form.journal import JOURNAL_DIR
from hoga.archive.form.objects import say_where
from hoga.archive.read.tail import Past, PastRecord, Seam
from hoga.core.ledger import Gap
from hoga.core.streams import Stream
from hoga.core.times import parse_time_ns
from hoga.hub import checks
from hoga.hub.errors import ArgumentError, NoHub, SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, GapEvent
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.resolve import spelt
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import unknown_venue
from hoga.hub.turns import Breath
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec

__all__ = ["Since", "subscribe"]

_BATCH = 2_000
_LATEST_NS = (1 << 63) - 1
_LOOK_S = 0.25
_SOON_S = 0.005
"""A frame that the hub has shown is in the journal some milliseconds later."""
_AGAIN_S = 2.0
"""After so long without a look (a reader that was busy, a process that was stopped) minutes may have been sealed unread."""
_PATIENCE_S = 3.0
"""Live frames that no journal is of for so long are not recorded."""


async def subscribe(
    what: str,
    kind: str,
    *,
    since: int | str | datetime | None = None,
    config: object = None,
    data: str | Path | None = None,
    nats: str | None = None,
) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
    """Events of one series since a moment: `async for event in hoga.subscribe("binance:BTCUSDT", "orderbook", since="2026-11-20")`.

    Args:
        what: venue and symbol, in the venue's words.
        kind: the archive's word: `orderbook`, `execution`, `delta`, `quote`, ….
        since: ns, a UTC time (`2026-11-20T03:00:00Z`), a date, a datetime, or None for now.
        config, data: as for `hoga.connect`; they say which archive and which run. `data` may be a bucket's `s3://…` with `nats`.
        nats: as for `hoga.connect`: live comes from all collectors that send to it, the past from the archive all the same.

    Yields:
        Events in order of receipt, each once, and a `GapEvent` where the recorder missed something. Past and live look alike.
        Where no run is up, live comes over a connection of this process's own, after a `GapEvent`. With `nats`, what is live waits until
        the archive has reached it; one that is a quarter of an hour behind is not waited for, and there is a `GapEvent` instead.

    Raises:
        SubscriptionError: no such series is recorded here. ArgumentError: an argument makes no sense. NoHub: NATS is not there.
        ArchiveError: a file of the archive is damaged. ConfigError, MissingLibrary.
    """
    venue, symbol = _series_of(what)
    kind = checks.identity(kind, "subscribe", "kind")
    from_ns = _ns_of(since)
    found = config_of(config, data)
    streams = _streams_of(VENUES[venue], found.venue(venue), symbol, kind)
    if nats is not None:
        async for event in _over_nats(found, streams, None if since is None else from_ns, nats):
            yield event
        return
    joined = Since(found.venue(venue), streams, from_ns=from_ns)
    try:
        hub: LocalHub | None = LocalHub(hub_path(found.program.data_dir), VENUES, every=True)
        assert hub is not None
        manager = await local_manager(hub, found)
    except NoHub:
        hub, manager = None, GlobalWebSocketManager(wires_of(found), VENUES, config=found)
        manager.start()
    _ENDINGS[manager] = ending = _ended_with_the_loop(manager)
    await anext(ending)
    try:
        async for event in joined.events(manager, hub):
            yield event
    finally:
        joined.close()
        await manager.stop()
        await ending.aclose()


async def _over_nats(config: Config, streams: list[Stream], from_ns: int | None, nats: str) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
    """Live from collectors anywhere."""
    from hoga.app.over_nats import OverNats  # only who asks for it needs it

    say_where(config.program.s3_endpoint, config.program.s3_region)
    manager = await live_manager(nats, config)
    joined = await asyncio.to_thread(OverNats, config.venue(streams[0].venue), streams, from_ns=from_ns)
    _ENDINGS[manager] = ending = _ended_with_the_loop(manager)
    await anext(ending)
    try:
        async for event in joined.events(manager):
            yield event
    finally:
        joined.close()
        await manager.stop()
        await ending.aclose()


_ENDINGS: dict[GlobalWebSocketManager, AsyncGenerator[None]] = {}
"""Held here until done: an event loop knows its generators weakly."""


async def _ended_with_the_loop(manager: GlobalWebSocketManager) -> AsyncGenerator[None]:
    """What stops `manager` before the event loop closes, at the latest.

    Whoever breaks out of the loop over `subscribe` and then ends the program leaves its end to a task that `asyncio.run` cancels
    on its way out, often before it began. Generators it knows it closes afterwards, and waits for them.
    """
    try:
        yield
    finally:
        await manager.stop()
        del _ENDINGS[manager]


class Since:
    """One series, past and live. `events` once."""

    def __init__(self, config: VenueConfig, streams: list[Stream], *, from_ns: int) -> None:
        self._spec = VENUES[config.venue]
        self._streams = streams
        self._event = event_maker(self._spec, streams)
        journals = config.lob_dir / "temporary" / JOURNAL_DIR
        names = [stream.name for stream in streams]
        series = streams[0].series
        self._past = Past(series, config.directory(series.kind), journals, names, self._spec)
        self._seam: Seam | None = Seam(from_ns)
        self._last_ns = from_ns - 1
        self._told: set[Gap] = set()
        self._live = Live(streams)
        self._breath = Breath()

    async def events(self, manager: GlobalWebSocketManager, hub: LocalHub | None) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """See the module. Without `hub` the receipts of `manager`'s events are not those of the archive."""
        async for event in self._catch_up():
            yield event
        live, recorded = self._live, hub is not None
        live.hub = hub
        wishes = wishes_for(self._spec, self._streams)
        await manager.register_component("since", live, wishes, live.take, delivery=Delivery.INLINE, on_status=live.status)
        while True:
            async for event in self._kept() if recorded else self._unkept(ends=hub is not None):
                yield event
            recorded = not recorded

    def close(self) -> None:
        """Let go of the files."""
        self._past.close()

    # -- what a run records: from its journals, as soon as the operating system has it ------------------------------

    async def _kept(self) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """What is recorded from now on. Ends when a run is up that does not record it."""
        live, whole, unkept_since = self._live, True, None
        while True:
            looked_at = monotonic()
            if whole or live.lives_changed():
                async for event in self._catch_up():
                    yield event
                whole = False
            else:
                found = await asyncio.to_thread(self._past.more)
                whole = found is None
                for event in self._fresh(found or ()):
                    yield event
                    await self._breath.take()
            whole = whole or monotonic() - looked_at > _AGAIN_S
            waits = live.newest_ns > self._last_ns
            if not waits or self._past.records:
                unkept_since = None
            elif unkept_since is None:
                unkept_since = monotonic()
            elif monotonic() - unkept_since > _PATIENCE_S:
                return
            await live.ring(_SOON_S if waits and not whole else _LOOK_S, after_ns=self._last_ns)

    async def _catch_up(self) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """All that is recorded until now and was not told yet."""
        self._seam = self._seam or Seam(self._last_ns + 1)
        found = self._past.read(self._last_ns - 1, time_ns())
        while batch := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
            for event in self._fresh(batch):
                yield event
                await self._breath.take()

    def _fresh(self, batch: Iterable[PastRecord | Gap]) -> Iterable[BaseWebSocketEvent | GapEvent]:
        """What was not told yet. Beyond the seam of two looks a journal tells each record once, whatever the clock does."""
        for each in batch:
            if isinstance(each, PastRecord):
                if self._seam is None or self._seam.is_new(each.recv_ns, each.payload):
                    self._last_ns = each.recv_ns
                    yield self._event(each)
            elif each not in self._told:
                self._told.add(each)
                stream = self._streams[0]
                yield GapEvent(stream=stream, from_ns=each.from_ns, to_ns=each.to_ns, reason=each.reason, missed=each.missed)

    # -- what nobody records ----------------------------------------------------------------------------------------

    async def _unkept(self, *, ends: bool) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """What comes, after a gap up to the first of it. `ends`: when a run that is up begins to record it."""
        self._live.begin(after_ns=self._last_ns)
        looked_at = monotonic()
        while True:
            event = await self._live.next(_PATIENCE_S)
            if event is not None:
                self._last_ns = max(self._last_ns, event.to_ns if isinstance(event, GapEvent) else event.recv_ns)
                yield event
                await self._breath.take()
            if ends and monotonic() - looked_at > _PATIENCE_S:
                looked_at = monotonic()
                await asyncio.to_thread(self._past.more)
                if self._past.records:
                    self._live.end()
                    return


def _streams_of(spec: VenueSpec, config: VenueConfig, symbol: str, kind: str) -> list[Stream]:
    """The configured streams that feed the series; else the venue's usual one of that kind."""
    if not spec.is_symbol(symbol):
        raise SubscriptionError("subscribe", spec.name, (symbol,), "not spelt like a symbol of this venue")
    planned = plan_streams(spec, (symbol,), config.streams, where=f"[{spec.name}]")
    found = [stream for stream in planned if stream.kind == kind]
    if not found:
        found = [stream for channel in spec.examples if (stream := spec.parse_stream(symbol, channel)).kind == kind][:1]
    if not found:
        kinds = sorted({spec.channel_of(channel).kind for channel in (*config.streams, *spec.examples)})
        near = checks.nearest(kind, kinds)
        hint = f"did you mean {near}?" if near else f"kinds are {', '.join(kinds)}"
        raise SubscriptionError("subscribe", spec.name, (symbol,), f"no stream of kind {kind!r}", hint=hint)
    return found


def _series_of(what: object) -> tuple[str, str]:
    """Venue and symbol of `binance:BTCUSDT`. Raises SubscriptionError, ArgumentError."""
    text = checks.identity(what, "subscribe", "what")
    venue, _, symbol = text.partition(":")
    if not symbol:
        hint = f"venues are {', '.join(VENUES)}"
        raise SubscriptionError("subscribe", "", (text,), "expected venue:symbol", hint=hint)
    if venue not in VENUES:
        raise unknown_venue("subscribe", venue, VENUES, (symbol,))
    return venue, spelt(VENUES[venue], symbol)


def _ns_of(since: object) -> int:
    """Raises ArgumentError."""
    expected = "nanoseconds, a UTC time like 2026-11-20T03:00:00Z, a date, a datetime, or nothing"
    if since is None:
        return time_ns()
    if isinstance(since, int) and not isinstance(since, bool) and 0 <= since <= _LATEST_NS:
        return since
    if isinstance(since, datetime):
        return parse_time_ns(since.isoformat())
    if isinstance(since, date):
        return parse_time_ns(since.isoformat())
    if isinstance(since, str):
        with contextlib.suppress(ValueError):
            return parse_time_ns(since)
    raise ArgumentError("subscribe", "since", checks.shown(since), expected)
