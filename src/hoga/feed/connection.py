"""feed.connection: one connection kept up for ever: connect, watch, roll over, reconnect.

    CONNECTING ──open──▶ CONNECTED ──rollover due, serverShutdown──▶ HANDOVER ──all streams on the new leg──▶ CONNECTED
        ▲                    │lost, stale, silent                        │old one lost first
        └── RECONNECTING ◀───┴───────────────────────────────────────────┘

A new leg is made before the old one is broken whenever there is warning; both feed the inlet meanwhile, which takes
each frame once (`feed.handover` tells when the old one may end). `epoch` counts the connects of this connection; frames
of a closed leg go nowhere. What is asked of the venue: `feed.requests`; whether what is connected lives: `feed.lookout`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from hoga.core.errors import HandshakeRefused, LinkError
from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from hoga.feed.config import FeedConfig
from hoga.feed.dialler import Dialler
from hoga.feed.handover import Overlap
from hoga.feed.leg import Leg
from hoga.feed.lookout import Lookout
from hoga.feed.requests import AGAIN_MAX_S, Requests
from hoga.hub.port import Inlet, LifeEnd, WireStats
from hoga.hub.states import CONNECTION_MOVES, ConnectionState, Standing
from hoga.net.backoff import Backoff
from hoga.net.plan import plan_opening
from hoga.net.ratelimit import Budget
from hoga.net.spoken import Spoken
from hoga.net.ws import CloseInfo, open_link
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.venues.spec import VenueSpec

__all__ = ["Connection", "ConnectionStats"]

_log = get_log("feed")

_LATELY_NS = 2 * SECOND_NS
_WHY_MAX = 200


class ConnectionStats(msgspec.Struct, frozen=True, kw_only=True):
    """State of one connection, for people and metrics. `uptime_s` is of the current leg."""

    name: str
    state: ConnectionState
    epoch: int
    url: str
    streams: int
    uptime_s: float
    reconnects: int
    failures: int
    last_close: str
    won: int
    late: int
    requests: int = 0
    lacking: int = 0
    """Streams that are wanted and not proven to come."""
    retry_in_s: float = 0.0
    """Until the next attempt, while there is no connection."""
    why: str = ""
    """Why the last attempt failed, while there is no connection."""
    since_ns: int = 0
    """Since when there is one, or none."""
    closed_ns: int = 0
    """When the last one ended; 0: none has."""


class Connection:
    """Keeps `streams` coming. `run` never returns by itself; cancel it, or `stop` it first to end in good order.

    `connect_budget` is shared by all connections of the venue. `jitter()` gives 0..1.
    """

    def __init__(
        self,
        name: str,
        spec: VenueSpec,
        config: FeedConfig,
        streams: list[Stream],
        *,
        inlet: Inlet,
        connect_budget: Budget,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
        first_rollover_s: float,
        first_port: int,
    ) -> None:
        self.name = name
        self.streams = streams
        self._standing = Standing(CONNECTION_MOVES, ConnectionState.DISCONNECTED)
        self.epoch = 0
        self.reconnects = 0
        self.last_close = ""
        self._spec = spec
        self._config = config
        self._inlet = inlet
        self._tls = tls
        self._clock = clock
        self._backoff = Backoff(config.backoff)
        self._dialler = Dialler(config.ws_url, config.ports, connect_budget, jitter=jitter, clock=clock, first_port=first_port)
        self._rollover_at = self._clock.monotonic() + first_rollover_s
        self._leg: Leg | None = None
        self._open: list[Leg] = []
        self._wake = asyncio.Event()
        self._requests = Requests(name, spec, inlet, self._open, clock=clock, again_s=config.again_s, on_anew=self._wake.set)
        self._handover_pause_s = config.again_s
        self._notice = False
        self._silence: CloseInfo | None = None
        self._not_before = 0.0
        self._route = spec.route_of(streams[0])
        self._lookout = Lookout(
            name, spec, config, inlet, self._requests, clock=clock, say_control=self._say_control, give_up=self._give_up
        )
        self._lookout.over(streams)
        self._stopping = False
        self._why = ""
        self._since_ns, self._closed_ns = clock.time_ns(), 0

    @property
    def state(self) -> ConnectionState:
        """What it is doing; moves by `hub.states.CONNECTION_MOVES` only."""
        return self._standing.state

    @property
    def requests(self) -> int:
        """How many were sent, on all its legs."""
        return self._requests.sent

    # -- the life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection up until `stop`."""
        leg: Leg | None = None
        while not self._stopping:
            if leg is None:
                await self._clock.sleep(max(0.0, self._not_before - self._clock.monotonic()))
                leg = await self._connect_for_ever()
                continue
            if self._leg is None:
                self._since_ns = self._clock.time_ns()
            self._leg = leg
            self._standing.become(ConnectionState.CONNECTED)
            if await self._watch(leg):
                leg = await self._roll_over(leg)
            else:
                self._lost(leg)
                leg = None
        self._standing.become(ConnectionState.STOPPED)

    async def stop(self) -> None:
        """Say goodbye and be done: frames that are on their way are still taken."""
        self._stopping = True
        self._wake.set()
        legs = list(self._open)
        await asyncio.gather(*(leg.link.close(timeout_s=0.5) for leg in legs))
        for leg in legs:
            self._account(leg, CloseInfo(1000, "stopped", self._clock.time_ns()), Reason.SHUTDOWN)

    async def _connect_for_ever(self) -> Leg:
        while True:
            try:
                return await self._connect()
            except LinkError as fault:
                await self._pause_after(fault)

    async def _pause_after(self, fault: LinkError) -> None:
        """Until the next attempt. Where another leg lives meanwhile, the handover goes on."""
        if self._leg is None:
            self._standing.become(ConnectionState.RECONNECTING)
        self._backoff.failed()
        pause_s, now = self._dialler.pause_s(self._backoff), self._clock.monotonic()
        asked_s = self._dialler.refused(fault) if isinstance(fault, HandshakeRefused) else 0.0
        delay = max(pause_s, asked_s, self._dialler.blocked_s())
        self._not_before, self._why = now + delay, fault.why
        _log.warning("connect failed", conn=self.name, why=fault.why, attempt=self._backoff.failures, retry_in_s=round(delay, 1))
        await self._clock.sleep(delay)

    async def _connect(self) -> Leg:
        """One attempt, within the venue's limit of attempts. Raises LinkError."""
        if self._leg is None:
            self._standing.become(ConnectionState.CONNECTING)
        await self._dialler.turn()
        base = self._dialler.next_url()
        streams = self.streams
        names = [stream.name for stream in streams]
        limits = self._spec.limits
        path_of = partial(self._spec.connect_path, self._route)
        doubted = self._requests.doubts.about()
        trusted = [name for name in names if name not in doubted] if self._requests.doubts.trust_url else []
        opening = plan_opening(trusted, path_of=path_of, url_max_chars=limits.url_max_chars, batch=limits.subscribe_batch)
        granted = trusted[: len(trusted) - sum(map(len, opening.batches))]
        epoch = self.epoch + 1
        table = self._inlet.opening(self.name, epoch, streams)
        counts = {name: self._inlet.brought(self.name, epoch, name)[0] for name in names}
        spoken = Spoken(per_s=limits.control_frames_per_s, per_min=limits.control_frames_per_min)

        def opened(now: int) -> None:
            self._requests.begin(epoch, names, granted)
            self._inlet.opened(self.name, epoch, now)
            if granted:
                self._inlet.live(self.name, epoch, now, granted)

        try:
            link = await open_link(
                base + opening.path,
                name=self.name,
                epoch=epoch,
                table=table,
                on_odd=lambda now, data: self._odd(epoch, now, data),
                on_open=opened,
                tls=self._tls,
                timeout_s=self._config.connect_timeout_s,
                until=self._spec.key.until,
                start=self._spec.key.start,
                pong_wait_s=lambda: self._say_control(spoken),
            )
        except BaseException as fault:
            self._requests.asking.pop(epoch, None)
            why, reason = (fault.why, Reason.DISCONNECT) if isinstance(fault, LinkError) else ("not opened", Reason.SHUTDOWN)
            self._inlet.closed(self.name, epoch, LifeEnd(why, at_ns=self._clock.time_ns(), reason=reason))
            raise
        self.epoch = epoch
        leg = Leg(epoch, link, base, self._requests.asking[epoch], spoken, counts, self._lookout.new_vigil(), self._clock.monotonic())
        self._open.append(leg)
        link.closed.add_done_callback(lambda closed: self._ended(leg, closed.result(), self._end_reason()))
        if self.streams is not streams:
            leg.asking.want([stream.name for stream in self.streams], self._clock.monotonic())
        self._requests.drive(leg)
        _log.info("connected", conn=self.name, epoch=epoch, url=base, streams=len(names))
        return leg

    def _say_control(self, spoken: Spoken) -> float:
        """0 when a ping or pong may be sent now, which then counts as sent; else seconds to wait."""
        now = self._clock.monotonic()
        wait = spoken.control_wait_s(now)
        if wait <= 0:
            spoken.said(now)
        return wait

    # -- changes ----------------------------------------------------------------------------------------------------

    def change(self, streams: list[Stream]) -> None:
        """Bring these streams (one at least, all of one route) from now on: only what differs is asked of the venue."""
        self.streams = streams
        self._lookout.over(streams)
        for leg in list(self._open):
            self._requests.want(leg, streams)

    # -- watching ---------------------------------------------------------------------------------------------------

    async def _watch(self, leg: Leg) -> bool:
        """Until something must be done. True: a new leg is wanted while this one lives; False: this one is over."""
        while True:
            due = self._rollover_at - self._clock.monotonic()
            if self._stopping:
                await asyncio.wait([leg.link.closed], timeout=1.0)
            if leg.link.closed.done() or self._silence is not None or self._stopping:
                return False
            if self._notice or self._requests.anew or due <= 0:
                return True
            waker: asyncio.Future[object] = asyncio.ensure_future(self._wake.wait())
            gone: asyncio.Future[object] = leg.link.closed  # type: ignore[assignment]  # only waited for
            await asyncio.wait({gone, waker}, timeout=min(due, 3600.0), return_when=asyncio.FIRST_COMPLETED)
            waker.cancel()
            self._wake.clear()

    def tick(self) -> None:
        """Once a second: is it alive, and is every stream?"""
        for _ in self.ticking():
            pass

    def ticking(self) -> Iterator[None]:
        """`tick` in steps of a third of a millisecond: between two of them frames may be taken."""
        for each in list(self._open):
            self._requests.attend(each)
        leg = self._leg
        if leg is None or leg.link.closed.done() or not self.state.is_up:
            return
        yield from self._lookout.looking(leg, lambda: leg is self._leg and not leg.link.closed.done())

    def _give_up(self, why: str) -> None:
        """The leg is of no use. In a handover nobody waits for that: what it brings no more is told here."""
        self._silence = CloseInfo(1006, why, self._clock.time_ns())
        self._wake.set()
        if self.state is ConnectionState.HANDOVER and (leg := self._leg) is not None:
            self._ended(leg, self._silence, Reason.SILENCE)
            leg.link.cut()

    def _ended(self, leg: Leg, info: CloseInfo, reason: Reason) -> None:
        """A leg is over. Where it was the old one of a handover and there is no new one yet, nothing is connected any more."""
        self._account(leg, info, reason)
        if leg is self._leg and not self._open and self.state is ConnectionState.HANDOVER and not self._stopping:
            self._lost(leg)

    def _odd(self, epoch: int, now: int, data: bytes) -> None:
        if self._spec.is_shutdown_notice(data):
            _log.warning("the venue announces a shutdown", conn=self.name, epoch=self.epoch)
            self._notice = True
            self._wake.set()
            return
        if not self._requests.take(epoch, data):
            self._inlet.odd(self.name, epoch, now, data)

    # -- asked by people ----------------------------------------------------------------------------------------------

    async def list_subscriptions(self, *, timeout_s: float = 10.0) -> frozenset[str] | None:
        """The wire names of what the venue has subscribed on this connection; None: not connected, or it does not tell in time."""
        return await self._requests.listed(self._leg, timeout_s) if self._leg is not None else None

    def budgets(self) -> list[tuple[float, Budget]]:
        """What requests may take of the open connection's limits, by the venue's window in seconds, shortest first."""
        return list(self._leg.spoken.windows) if self._leg is not None else []

    def delayed(self) -> tuple[list[Stream], float]:
        """Streams that wait to be asked for until the venue's limits allow it, and for how many seconds they will."""
        leg, now = self._leg, self._clock.monotonic()
        if leg is None:
            wait = self._dialler.blocked_s() if not self._open else 0.0
            return (list(self.streams), wait) if wait > 0 else ([], 0.0)
        if (wait := leg.spoken.request_wait_s(now)) <= 0:
            return [], 0.0
        names = leg.asking.due_names(now)
        return [stream for stream in self.streams if stream.name in names], wait

    # -- the ends -----------------------------------------------------------------------------------------------------

    def _lost(self, leg: Leg) -> None:
        """The leg is over: account for it, and set the pace of what follows."""
        silence, self._silence = self._silence, None
        info = silence or (leg.link.closed.result() if leg.link.closed.done() else CloseInfo(1000, "stopped", self._clock.time_ns()))
        self._account(leg, info, self._end_reason() if silence is None else Reason.SILENCE)
        leg.link.cut()
        brought = leg.newest_ns > leg.opened_ns(self._clock)
        self.last_close = f"{info.code} {info.reason}".strip()
        self._since_ns = self._closed_ns = info.at_ns
        self._leg = None
        self._notice = False
        if self._stopping:
            return
        if brought and silence is None:
            self._lookout.fruitless = 0
        under_way = self.state is ConnectionState.HANDOVER
        self._standing.become(ConnectionState.RECONNECTING)
        self.reconnects += 1
        lived = self._clock.monotonic() - leg.opened_at
        self._backoff.ended(lived_s=lived, brought_data=brought)
        if under_way:
            delay = max(0.0, self._not_before - self._clock.monotonic())
        else:
            delay = self._dialler.pause_s(self._backoff)
            self._not_before, self._why = self._clock.monotonic() + delay, ""
        _log.warning(
            "connection lost", conn=self.name, epoch=leg.epoch, close=self.last_close, lived_s=round(lived, 1), retry_in_s=round(delay, 1)
        )

    async def _roll_over(self, old: Leg) -> Leg | None:
        """Make a new leg, let both run until the new one has brought every stream, then end the old one."""
        self._rollover_at = self._clock.monotonic() + self._config.rollover_s
        ending, self._notice = self._notice, False
        if self._requests.anew:
            _log.warning("the connection is made anew beside the old one", conn=self.name, why=self._requests.anew)
            self._requests.anew = ""
        self._standing.become(ConnectionState.HANDOVER)
        deadline = self._clock.monotonic() + self._config.ready_ahead_s
        new: Leg | None = None
        while new is None and not self._stopping:
            try:
                new = await self._connect()
            except LinkError as fault:
                await self._pause_after(fault)
                deadline = max(deadline, self._clock.monotonic() + 1.0)
            if self._leg is not old:
                return new
        if new is None:
            return old
        self._backoff.level = 0
        began = self._clock.monotonic()
        brings_all = await self._overlap(old, new, until=max(deadline, began + self._config.overlap_max_s), ending=ending)
        if self._leg is not old:
            return None
        if not brings_all and not old.link.closed.done():
            return self._keep(old, new)
        self._handover_pause_s = self._config.again_s
        self._silence = None
        self.last_close = old.farewell = "rolled over"
        await old.link.close()
        self._account(old, CloseInfo(1000, "", self._clock.time_ns()), Reason.DISCONNECT)
        _log.info("rolled over", conn=self.name, epoch=new.epoch, overlap_s=round(self._clock.monotonic() - began, 1))
        return new

    def _keep(self, old: Leg, new: Leg) -> Leg:
        """The new leg does not bring all that the old one does: the old one lives on, and another is tried later."""
        pause = self._handover_pause_s
        self._handover_pause_s = min(AGAIN_MAX_S, pause * 2)
        self._rollover_at = self._clock.monotonic() + pause
        if not self._stopping:
            _log.warning(
                "handover given up, the old connection goes on",
                conn=self.name,
                epoch=old.epoch,
                lacking=len(new.asking.lacking),
                retry_in_s=round(pause),
            )
            new.farewell = "did not bring all"
            self._account(new, CloseInfo(1000, "did not bring all", self._clock.time_ns()), Reason.DISCONNECT)
            new.link.cut()
        return old

    async def _overlap(self, old: Leg, new: Leg, *, until: float, ending: bool) -> bool:
        """Let both run until the new one has brought every stream that comes at all; tells whether it has, or the old one is gone."""
        began, least_s = self._clock.monotonic(), self._config.overlap_min_s
        overlap = Overlap(old.asking, new.asking, self._requests.doubts, began=began, least_s=least_s, until=until, ending=ending)
        while not old.link.closed.done() and not new.link.closed.done() and not self._stopping and self._silence is None:
            if overlap.is_due(now := self._clock.monotonic()):
                lacks = self._inlet.behind(self.name, new.epoch, self._clock.time_ns() - _LATELY_NS)
                if (brings_all := overlap.look(now, lacks)) is not None:
                    return brings_all
                self._requests.again(new, overlap.again(now, lacks), harder=True)
            await self._clock.sleep(0.1)
        return old.link.closed.done() or (self._silence is not None and not new.link.closed.done())

    def _account(self, leg: Leg, info: CloseInfo, reason: Reason) -> None:
        """A leg is over: tell the inlet, once, as soon as it is known. What the leg still brings goes nowhere."""
        if leg not in self._open:
            return
        self._open.remove(leg)
        self._requests.asking.pop(leg.epoch, None)
        leg.asking.leg_over(self._clock.monotonic())
        if leg.timer is not None:
            leg.timer.cancel()
        leg.link.mute()
        leg.newest_ns = newest = max((self._inlet.brought(self.name, leg.epoch, each.name)[1] for each in self.streams), default=0)
        proves_nothing = reason is Reason.SILENCE or self._lookout.is_silent(leg)
        opened_ns = leg.opened_ns(self._clock)
        sign = opened_ns if proves_nothing else leg.control_ns(self._clock)
        alive = max(newest if newest > opened_ns else 0, sign)
        close = leg.farewell or f"{info.code} {info.reason}".strip()
        self._inlet.closed(self.name, leg.epoch, LifeEnd(close, at_ns=info.at_ns, alive_ns=min(alive, info.at_ns), reason=reason))

    def _end_reason(self) -> Reason:
        return Reason.SHUTDOWN if self._stopping else Reason.DISCONNECT

    def abandon(self) -> None:
        """After a fault of our own: drop what there is, begin anew."""
        for leg in list(self._open):
            self._account(leg, CloseInfo(1006, "given up", self._clock.time_ns()), Reason.DISCONNECT)
            leg.link.cut()
        if self._leg is not None:
            self._lost(self._leg)
        if self.state.is_up:
            self._standing.become(ConnectionState.RECONNECTING)

    def stats(self) -> ConnectionStats:
        """Figures of now."""
        leg = self._leg
        side = self._inlet.race(self.name, leg.epoch) if leg else None
        return ConnectionStats(
            name=self.name,
            state=self.state,
            epoch=self.epoch,
            url=leg.url if leg else "",
            streams=len(self.streams),
            uptime_s=self._clock.monotonic() - leg.opened_at if leg else 0.0,
            reconnects=self.reconnects,
            failures=self._backoff.failures,
            last_close=self.last_close,
            won=side.won if side else 0,
            late=side.late if side else 0,
            requests=self.requests,
            lacking=len(leg.asking.lacking) if leg else 0,
            retry_in_s=0.0 if leg else max(0.0, self._not_before - self._clock.monotonic()),
            why="" if leg else self._why[:_WHY_MAX],
            since_ns=self._since_ns,
            closed_ns=self._closed_ns,
        )

    def wire_stats(self, streams: int | None = None) -> WireStats:
        """The same, as a wire tells it; `streams`: how many of its streams count, None for all."""
        return WireStats(
            connection=self.name,
            state=self.state,
            epoch=self.epoch,
            streams=len(self.streams) if streams is None else streams,
            reconnects=self.reconnects,
            requests=self.requests,
            last_close=self.last_close,
        )

    def __repr__(self) -> str:
        return f"<Connection {self.name} #{self.epoch} {self.state} {len(self.streams)} streams>"
