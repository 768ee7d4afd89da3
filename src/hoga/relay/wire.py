"""relay.wire: wires that bring frames from collectors anywhere, over NATS: one connection, a wire for each venue.

So a consumer has a manager of its own, with everything it has elsewhere: components, policies, the pool, epochs and errors. The lives of
the collectors' connections are lives here too (`tokyo/binance-1`); where several collectors bring one stream, each frame is taken from
whichever brings it first (`hub.doors`). What is heard says `relay.hearing`; this is what is done about it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from time import monotonic, time_ns

from hoga.core.streams import Stream
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.hub.private import MissedEvent
from hoga.hub.states import CONNECTION_MOVES, ConnectionState, Standing, WebSocketType
from hoga.relay.broker import Address, Broker, Received
from hoga.relay.hearing import Came, Hearing, HearingStats, Item, Life, Lost, Over, Up
from hoga.runtime.logs import get_log
from hoga.runtime.repeats import Repeats
from hoga.runtime.tasks import supervise
from hoga.venues.spec import VenueSpec

__all__ = ["LiveHub", "LiveWire", "refusal"]

_log = get_log("live")

_SUBJECT = "hoga.live.*"
_KNOWN_S = 2.5
"""Each lane says once a second what it records; after so long every collector there is was heard."""
_PENDING_BYTES = 64 << 20
_NAMED = 12
"""Symbols or channels that a refusal names."""


class _Open:
    """A life of a collector's connection that is alive here. `takes`: who takes its frames, by wire name, and how these begin."""

    def __init__(self) -> None:
        self.takes: dict[str, tuple[bytes, Take]] = {}


class _Connection(Standing[ConnectionState]):
    """One of a collector's connections; known once it brought something that is wanted."""

    def __init__(self) -> None:
        super().__init__(CONNECTION_MOVES, ConnectionState.CONNECTING)
        self.epoch = 0
        self.reconnects = 0
        self.why = ""


class LiveWire:
    """The public streams of one venue. See `hub.port.Wire`."""

    kind = WebSocketType.PUBLIC

    def __init__(self, hub: LiveHub, spec: VenueSpec) -> None:
        self.venue = spec.name
        self.spec = spec
        self.inlet: WireInlet | None = None
        self.wanted: dict[Stream, float] = {}
        self.lives: dict[Life, _Open] = {}
        self.connections: dict[str, _Connection] = {}
        self.refused: set[Stream] = set()
        self._hub = hub

    def start(self, inlet: WireInlet) -> None:
        """Begin."""
        self.inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these."""
        gone = self.wanted.keys() - set(streams)
        self.wanted = {stream: self.wanted.get(stream, monotonic()) for stream in streams}
        self.refused -= gone
        for life, known in self.lives.items():
            for stream in gone:
                if known.takes.pop(stream.name, None) is not None and self.inlet is not None:
                    self.inlet.leave(life.conn, life.epoch, stream)
        self._hub.want(self)

    def tick(self) -> None:
        """Once a second."""
        self._hub.tick()
        self._refuse()

    def stats(self) -> list[WireStats]:
        """The collectors' connections, as far as they serve us."""
        return [
            WireStats(
                connection=conn,
                state=known.state,
                epoch=known.epoch,
                streams=len({name for life, each in self.lives.items() if life.conn == conn for name in each.takes}),
                reconnects=known.reconnects,
                requests=0,
                last_close=known.why,
            )
            for conn, known in self.connections.items()
        ]

    async def known_symbols(self) -> dict[str, str] | None:
        """Nobody asks the venue."""
        return None

    async def stop(self) -> None:
        """The last one ends the connection."""
        self.wanted = {}
        await self._hub.close()

    # -- what is heard ------------------------------------------------------------------------------------------

    def up(self, life: Life, streams: Iterable[Stream]) -> None:
        """The life brings these; with none of them it is no news to anybody yet."""
        fresh = [stream for stream in streams if stream in self.wanted]
        if self.inlet is None or not fresh:
            return
        known = self.lives.get(life)
        if known is None:
            self._begin(self.inlet, life, fresh)
        for stream in fresh:
            self._take_of(self.inlet, life, stream)

    def _begin(self, inlet: WireInlet, life: Life, streams: list[Stream]) -> None:
        connection = self.connections.setdefault(life.conn, _Connection())
        if not any(each.conn == life.conn for each in self.lives):
            if life.epoch < connection.epoch:  # another process than before: its connections only have the names of those that we knew
                inlet.gone(life.conn)
                connection.epoch = 0
            connection.reconnects += connection.state is not ConnectionState.CONNECTING
        connection.epoch, connection.why = max(life.epoch, connection.epoch), ""  # lanes are heard one by one: some the older life first
        connection.become(ConnectionState.CONNECTED)
        self.lives[life] = _Open()
        inlet.opening(life.conn, life.epoch, streams)
        inlet.opened(life.conn, life.epoch, time_ns())

    def _take_of(self, inlet: WireInlet, life: Life, stream: Stream) -> tuple[bytes, Take]:
        takes = self.lives[life].takes
        found = takes.get(stream.name)
        if found is None:
            found = takes[stream.name] = self.spec.frame_key(stream), inlet.join(life.conn, life.epoch, stream)
            self.refused.discard(stream)
        return found

    def came(self, item: Came) -> None:
        """A frame."""
        known = self.lives.get(item.life)
        found = known.takes.get(item.stream.name) if known is not None else None
        if found is None:
            if self.inlet is None or item.stream not in self.wanted:
                return
            self.up(item.life, [item.stream])
            found = self.lives[item.life].takes[item.stream.name]
        key, take = found
        if not (item.frame.startswith(key) and take(item.recv_ns, item.frame)) and self.inlet is not None:
            self.inlet.odd(item.life.conn, item.life.epoch, item.recv_ns, item.frame)

    def over(self, item: Over) -> None:
        """It is over, or cannot be heard any more."""
        life, why = item.life, item.why
        if self.lives.pop(life, None) is None or self.inlet is None:
            return
        if not any(each.conn == life.conn for each in self.lives):
            connection = self.connections[life.conn]
            connection.why = why
            connection.become(ConnectionState.RECONNECTING)
        self.inlet.closed(life.conn, life.epoch, LifeEnd(why, at_ns=time_ns(), unheard=item.unheard))

    def lost(self, item: Lost) -> None:
        """Something may be missing: told to whoever wants anything of the venue."""
        if self.inlet is not None and self.wanted:
            life = item.life
            self.inlet.tell(MissedEvent(venue=self.venue, conn=life.conn, epoch=life.epoch, from_ns=item.from_ns, to_ns=item.to_ns))

    def _refuse(self) -> None:
        """Wishes that no collector fulfils, once each, until one does."""
        if self.inlet is None or monotonic() - self._hub.since_s < _KNOWN_S:
            return
        late = [stream for stream, since in self.wanted.items() if stream not in self.refused and monotonic() - since >= _KNOWN_S]
        recorded = self._hub.hearing.recorded(self.venue) if late else {}
        names = {stream.name for streams in recorded.values() for stream in streams}
        for stream in late:
            if stream.name not in names:
                self.refused.add(stream)
                self.inlet.refused(stream, refusal(stream, recorded, self._hub.hearing.collectors, self._hub.trouble))


def refusal(stream: Stream, recorded: Mapping[str, list[Stream]], collectors: list[str], trouble: str | None) -> str:
    """Why nobody brings the stream, and what there is instead, in one line."""
    if trouble is not None:
        return f"NATS is away: {trouble}"
    if not collectors:
        return f"no collector is heard on {_SUBJECT}: hoga relay sends beside each hoga run"
    if not recorded:
        return f"no collector records anything of {stream.venue}: heard are {_few(collectors)}"
    of_symbol: dict[str, list[str]] = {}
    for name, streams in recorded.items():
        for each in streams:
            if each.symbol == stream.symbol:
                of_symbol.setdefault(each.channel, []).append(name)
    if of_symbol:
        there = _few(f"{channel} ({', '.join(names)})" for channel, names in sorted(of_symbol.items()))
        return f"no collector records its {stream.channel}: there is {there}"
    symbols = sorted({each.symbol for streams in recorded.values() for each in streams})
    return f"no collector records it: {', '.join(sorted(recorded))} has {_few(symbols)}"


def _few(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


class LiveHub:
    """The collectors that send to one NATS. `open` first; then hand `wires` to a manager. `since_s`: since when collectors are heard.

    `pending_bytes`: of messages that came and were not taken yet; beyond it they are dropped, which is a hole like any other.
    """

    def __init__(
        self, address: Address, venues: Mapping[str, VenueSpec], *, name: str = "hoga", pending_bytes: int = _PENDING_BYTES
    ) -> None:
        self.hearing = Hearing()
        self.since_s = 0.0
        self._wires = {venue: LiveWire(self, spec) for venue, spec in venues.items()}
        self._broker = Broker(address, name)
        self._pending_bytes = pending_bytes
        self._keeper: asyncio.Task[None] | None = None
        self._away = False
        self._ticked = 0.0
        self._repeats: Repeats[str] = Repeats(burst=1, window_s=60.0, keys=100)

    @property
    def wires(self) -> list[LiveWire]:
        """One a venue."""
        return list(self._wires.values())

    @property
    def trouble(self) -> str | None:
        """Why NATS is away, None while it is there."""
        return self._broker.trouble

    def stats(self) -> HearingStats:
        """What was heard."""
        return self.hearing.stats()

    async def open(self) -> None:
        """Connect the first time, and listen. Raises BrokerRefused, BrokerFault, MissingLibrary."""
        try:
            await self._broker.open()
            await self._broker.follow(_SUBJECT, self.take, pending_bytes=self._pending_bytes)
        except BaseException:
            await self._broker.close()
            raise
        self.since_s = monotonic()
        keeping = supervise(self._broker.keep, log=_log, what="the connection to NATS is not kept")
        self._keeper = asyncio.get_running_loop().create_task(keeping, name="live lane")

    async def close(self) -> None:
        """Say goodbye. Calling it again does nothing."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await self._broker.close()
        self._do(self.hearing.lose(""))

    def want(self, wire: LiveWire) -> None:
        """A wire wants something else."""
        self._do(self.hearing.want(wire.venue, wire.wanted))

    def tick(self) -> None:
        """Once a second, whichever wire says so."""
        now = monotonic()
        if self._keeper is None or now - self._ticked < 0.5:
            return
        self._ticked = now
        if not self._broker.connected and not self._away:
            self._away = True
            self._do(self.hearing.lose("NATS is away"))
        self._do(self.hearing.tick(now))
        self._tell_repeats()

    def take(self, message: Received) -> None:
        """A live message came."""
        if self._away:
            self._away, self.since_s = False, monotonic()
        self._do(self.hearing.take(message.subject, message.headers, message.payload, monotonic()))
        if self.hearing.faults:
            self._tell_faults()

    def _do(self, items: list[Item]) -> None:
        wires = self._wires
        for item in items:
            wire = wires.get(item.life.venue)
            if wire is None:
                continue
            if isinstance(item, Came):
                wire.came(item)
            elif isinstance(item, Up):
                wire.up(item.life, item.streams)
            elif isinstance(item, Over):
                wire.over(item)
            else:
                _log.warning("live messages did not come", conn=item.life.conn, from_ns=item.from_ns, to_ns=item.to_ns)
                wire.lost(item)

    def _tell_faults(self) -> None:
        """One line for each thing that is wrong, again after a minute."""
        faults, self.hearing.faults[:] = list(self.hearing.faults), []
        for text in faults:
            if self._repeats.admit(text, monotonic()):
                _log.warning("a live message was not taken", why=text)

    def _tell_repeats(self) -> None:
        for text, count in self._repeats.expired(monotonic()):
            _log.warning("live messages were not taken", why=text, more=count)
