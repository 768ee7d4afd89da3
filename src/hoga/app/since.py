"""app.since: `hoga.subscribe(…, since=…)`: the past from the archive, then live, as one stream without gap or duplicate.

Live comes from the hub of the run that records it, whose events carry the receipt that is in the archive, too: so the two
are joined exactly. Whenever live may have lost something (a reader that fell behind, a run that ended and came back) the
archive is read again up to where live goes on. What the recorder itself missed is told as `GapEvent`s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from time import monotonic, time_ns

from hoga.app.config import VenueConfig
from hoga.app.hub import config_of, hub_path, local_manager, wires_of
from hoga.app.streams import plan_streams
from hoga.archive.journal import JOURNAL_DIR
from hoga.archive.tail import Past, PastRecord, Seam
from hoga.core.ledger import Gap, Reason
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.core.times import parse_time_ns
from hoga.hub.errors import NoHub, SubscriptionError
from hoga.hub.events import EVENTS, BaseWebSocketEvent, EpochEvent, GapEvent, StatusEvent
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec

__all__ = ["Since", "subscribe"]

_BATCH = 2_000
_AHEAD_MAX = 100_000
_LOOK_S = 0.25
_PATIENCE_S = 10.0
"""A live frame that is not on disk after so long was shed by the recorder; its ledger says so."""


async def subscribe(
    what: str, kind: str, *, since: int | str | datetime | None = None, config: object = None, data: str | Path | None = None
) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
    """Events of one series since a moment: `async for event in hoga.subscribe("binance:BTCUSDT", "orderbook", since="2026-11-20")`.

    Args:
        what: venue and symbol, in the venue's words.
        kind: the archive's word: `orderbook`, `execution`, `delta`, `quote`, ….
        since: ns, ISO-8601 text (UTC), a datetime, or None for now.
        config, data: as for `hoga.connect`; they say which archive and which run.

    Yields:
        Events in order of receipt, each once, and a `GapEvent` where the recorder missed something. Past and live look alike.
        Where no run is up, live comes over a connection of this process's own, after a `GapEvent`.

    Raises:
        SubscriptionError: no such series is recorded here. ConfigError, ValueError (`since`).
    """
    found = config_of(config, data)
    venue, _, symbol = what.partition(":")
    if venue not in VENUES or not symbol:
        raise SubscriptionError("subscribe", venue, (symbol,), "expected venue:symbol", hint=f"venues are {', '.join(VENUES)}")
    streams = _streams_of(VENUES[venue], found.venue(venue), symbol, kind)
    joined = Since(found.venue(venue), streams, from_ns=_ns_of(since))
    try:
        hub: LocalHub | None = LocalHub(hub_path(found.program.data_dir), VENUES, every=True)
        assert hub is not None
        manager = await local_manager(hub)
    except NoHub:
        hub, manager = None, GlobalWebSocketManager(wires_of(found), VENUES)
        manager.start()
    try:
        async for event in joined.events(manager, hub):
            yield event
    finally:
        joined.close()
        await manager.stop()


class Since:
    """One series, past and live. `events` once."""

    def __init__(self, config: VenueConfig, streams: list[Stream], *, from_ns: int) -> None:
        self._spec = VENUES[config.venue]
        self._streams = streams
        journals = config.lob_dir / "temporary" / JOURNAL_DIR
        names = [stream.name for stream in streams]
        series = streams[0].series
        self._past = Past(series, config.directory(series.kind), journals, names, self._spec)
        self._seam = Seam(from_ns)
        self._told: set[Gap] = set()
        self._live: deque[BaseWebSocketEvent] = deque()
        self._come = asyncio.Event()
        self._holed = True
        self._dropped = 0
        self._hub: LocalHub | None = None

    async def events(self, manager: GlobalWebSocketManager, hub: LocalHub | None) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """See the module. Without `hub` the receipts of `manager`'s events are not those of the archive."""
        self._hub = hub
        async for event in self._catch_up():
            yield event
        wishes = [self._wish(stream) for stream in self._streams]
        await manager.register_component("since", self, wishes, self._take, delivery=Delivery.INLINE, on_status=self._status)
        if hub is None:
            yield self._unrecorded(await self._first())
        while True:
            if hub is not None and self._holed:
                async for event in self._mend():
                    yield event
            await self._wait()
            while self._live and not self._holed:
                event = self._live.popleft()
                if hub is None or self._seam.is_new(event.recv_ns, event.payload):
                    yield event

    def close(self) -> None:
        """Let go of the files."""
        self._past.close()

    # -- live ---------------------------------------------------------------------------------------------------

    def _wish(self, stream: Stream) -> SubscriptionSpec:
        data_type = self._spec.channel_of(stream.channel).data_type
        if data_type is None:
            raise SubscriptionError("subscribe", stream.venue, (stream.symbol,), f"{stream.channel} can be recorded, but not served")
        return SubscriptionSpec(data_type, (stream.symbol,), stream.venue, Mode.REALTIME, channel=stream.channel)

    def _take(self, event: BaseWebSocketEvent) -> None:
        if self._hub is not None and self._hub.dropped != self._dropped:
            self._dropped = self._hub.dropped
            self._tear()
        if len(self._live) >= _AHEAD_MAX:
            self._tear()
        self._live.append(event)
        self._come.set()

    def _status(self, event: StatusEvent) -> None:
        if isinstance(event, EpochEvent):
            self._tear()

    def _tear(self) -> None:
        """What is live from here on does not follow what was: the archive has what lies between."""
        self._live.clear()
        self._dropped = self._hub.dropped if self._hub is not None else 0
        self._holed = True
        self._come.set()

    async def _wait(self) -> None:
        while not self._live and not self._holed:
            self._come.clear()
            await self._come.wait()

    async def _first(self) -> BaseWebSocketEvent:
        while not self._live:
            self._come.clear()
            await self._come.wait()
        return self._live[0]

    def _unrecorded(self, first: BaseWebSocketEvent) -> GapEvent:
        self._holed = False
        return GapEvent(stream=first.stream, from_ns=self._seam.last_ns, to_ns=first.recv_ns, reason=Reason.SHUTDOWN, missed=None)

    # -- the past -----------------------------------------------------------------------------------------------

    async def _mend(self) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        """The archive up to the first live event; as long as there is none, whatever is recorded."""
        self._holed = False
        until = 0.0
        while not self._holed:
            async for event in self._catch_up():
                yield event
            if not self._live:
                await asyncio.sleep(_LOOK_S)
                continue
            until = until or monotonic() + _PATIENCE_S
            if self._seam.last_ns >= self._live[0].recv_ns or monotonic() > until:
                return
            await asyncio.sleep(0.01)

    async def _catch_up(self) -> AsyncIterator[BaseWebSocketEvent | GapEvent]:
        found = self._past.read(self._seam.last_ns, time_ns())
        while batch := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
            for each in self._fresh(batch):
                yield each

    def _fresh(self, batch: Iterable[PastRecord | Gap]) -> Iterable[BaseWebSocketEvent | GapEvent]:
        for each in batch:
            if isinstance(each, PastRecord):
                if self._seam.is_new(each.recv_ns, each.payload):
                    yield self._event(each)
            elif each not in self._told:
                self._told.add(each)
                stream = self._streams[0]
                yield GapEvent(stream=stream, from_ns=each.from_ns, to_ns=each.to_ns, reason=each.reason, missed=each.missed)

    def _event(self, record: PastRecord) -> BaseWebSocketEvent:
        stream = self._stream_of(record)
        channel = self._spec.channel_of(stream.channel)
        data_type, decode = channel.data_type or DataType.TICKER, channel.decode
        assert decode is not None, "a wish was made of it"
        return EVENTS[data_type](stream, data_type, record.payload, record.recv_ns, record.conn, record.epoch, decode)

    def _stream_of(self, record: PastRecord) -> Stream:
        """Where two streams feed one series, the payload says its own channel."""
        if len(self._streams) == 1:
            return self._streams[0]
        for stream in self._streams:
            if stream.name == record.stream or (not record.stream and b'"e":"%b"' % stream.channel.encode() in record.payload):
                return stream
        return self._streams[0]


def _streams_of(spec: VenueSpec, config: VenueConfig, symbol: str, kind: str) -> list[Stream]:
    """The configured streams that feed the series; else the venue's usual one of that kind."""
    planned = plan_streams(spec, (symbol,), config.streams, where=f"[{spec.name}]")
    found = [stream for stream in planned if stream.kind == kind]
    if not found:
        found = [stream for channel in spec.examples if (stream := spec.parse_stream(symbol, channel)).kind == kind][:1]
    if not found:
        kinds = sorted({spec.channel_of(channel).kind for channel in (*config.streams, *spec.examples)})
        raise SubscriptionError("subscribe", spec.name, (symbol,), f"no stream of kind {kind!r}", hint=f"kinds are {', '.join(kinds)}")
    return found


def _ns_of(since: int | str | datetime | None) -> int:
    if since is None:
        return time_ns()
    if isinstance(since, int):
        return since
    return parse_time_ns(since if isinstance(since, str) else since.isoformat())
