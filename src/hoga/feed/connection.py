"""feed.connection: one connection kept up for ever: connect, watch, roll over, reconnect.

    CONNECTING ──open──▶ LIVE ──rollover due, serverShutdown──▶ HANDOVER ──all streams on the new leg──▶ LIVE
        ▲                  │lost, stale, silent                    │old one lost first
        └──── backoff ─────┴───────────────────────────────────────┘

A new leg is made before the old one is broken whenever there is warning; both feed the sink meanwhile, which takes
each frame once. `epoch` counts the connects of this connection; frames of a closed leg go nowhere.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from time import monotonic, monotonic_ns, time_ns

import msgspec

from hoga.core.errors import HandshakeRefused, LinkError
from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from hoga.feed.sink import FeedConfig, Sink
from hoga.net.backoff import Backoff
from hoga.net.budgets import refused_for_s
from hoga.net.plan import plan_opening
from hoga.net.ratelimit import Budget
from hoga.net.ws import CloseInfo, Link, open_link
from hoga.quality.cadence import Cadence
from hoga.runtime.logs import get_log
from hoga.venues.spec import VenueSpec

__all__ = ["Connection", "ConnectionStats", "State"]

_log = get_log("feed")

_STEP_STREAMS = 128
_SUSPECT_S = 3.0
"""A connection that brings data and then nothing for so long (or 30 of its mean intervals) is pinged."""
_ANSWER_S = 5.0
_LATELY_NS = 2 * SECOND_NS
_SILENT_MIN_S, _SILENT_MAX_S, _SILENT_INTERVALS = 10.0, 600.0, 300.0
"""Pings are answered but nothing comes: given up after 300 mean intervals, within these bounds."""
_OVERLAP_MIN_S, _OVERLAP_MAX_S = 2.0, 10.0
"""Two legs run side by side so long at least, and so long (or `ready_ahead_s`) at most for streams the new one lacks."""


class State(StrEnum):
    """What a connection is doing."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    HANDOVER = "handover"
    WAITING = "waiting"
    STOPPED = "stopped"


class ConnectionStats(msgspec.Struct, frozen=True, kw_only=True):
    """State of one connection, for people and metrics. `uptime_s` is of the current leg."""

    name: str
    state: State
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


class _Leg:
    """One life of the connection."""

    __slots__ = ("epoch", "farewell", "link", "number", "opened_at", "pinged_at", "url")

    def __init__(self, number: int, epoch: int, link: Link, url: str) -> None:
        self.number = number
        self.epoch = epoch
        self.link = link
        self.url = url
        self.opened_at = monotonic()
        self.pinged_at: float | None = None
        self.farewell = ""


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
        sink: Sink,
        connect_budget: Budget,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        first_rollover_s: float,
        first_port: int,
    ) -> None:
        self.name = name
        self.streams = streams
        self.state = State.IDLE
        self.epoch = 0
        self.reconnects = 0
        self.last_close = ""
        self._spec = spec
        self._config = config
        self._sink = sink
        self._connects = connect_budget
        self._tls = tls
        self._jitter = jitter
        self._backoff = Backoff(config.backoff)
        self._port = first_port
        self._rollover_at = monotonic() + first_rollover_s
        self._leg: _Leg | None = None
        self._open: list[_Leg] = []
        self._wake = asyncio.Event()
        self._subscribed: list[str] = []
        self._changed = False
        self._frames, self._frames_long = self._budgets()
        limits = spec.limits
        self._ping_every_s = min(config.ping_interval_s, limits.ping_every_s or config.ping_interval_s)
        self.requests = 0
        self._notice = False
        self._silence: CloseInfo | None = None
        self._not_before = 0.0
        self._fruitless = 0
        self._request_id = 0
        self._pace = Cadence(floor_s=_SUSPECT_S)
        self._paces: dict[str, Cadence] = {}
        self._first_s: dict[str, float | None] = {}
        self._since: dict[str, float] = {}
        self._route = spec.route_of(streams[0])
        self._watch_these(streams)
        self._suspect: dict[str, tuple[float, float]] = {}
        self._stopping = False

    # -- the life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection up until `stop`."""
        leg: _Leg | None = None
        while not self._stopping:
            if leg is None:
                await asyncio.sleep(max(0.0, self._not_before - monotonic()))
                leg = await self._connect_for_ever()
                continue
            self._leg, self.state = leg, State.LIVE
            if await self._watch(leg):
                leg = await self._roll_over(leg)
            else:
                self._lost(leg)
                leg = None
        self.state = State.STOPPED

    async def stop(self) -> None:
        """Say goodbye and be done: frames that are on their way are still taken."""
        self._stopping = True
        self._wake.set()
        legs = list(self._open)
        await asyncio.gather(*(leg.link.close(timeout_s=0.5) for leg in legs))
        for leg in legs:
            self._account(leg, CloseInfo(1000, "stopped", time_ns()), Reason.SHUTDOWN)

    async def _connect_for_ever(self) -> _Leg:
        while True:
            try:
                return await self._connect()
            except LinkError as fault:
                await self._pause_after(fault)

    async def _pause_after(self, fault: LinkError) -> None:
        self.state = State.WAITING
        self._backoff.failed()
        delay = self._backoff.delay_s(self._jitter())
        now = monotonic()
        if isinstance(fault, HandshakeRefused):
            delay = max(delay, refused_for_s(fault, self._connects, now))
        delay = max(delay, self._connects.wait_s(now))
        _log.warning("connect failed", conn=self.name, why=fault.why, attempt=self._backoff.failures, retry_in_s=round(delay, 1))
        await asyncio.sleep(delay)

    async def _connect(self) -> _Leg:
        """One attempt, within the venue's limit of attempts. Raises LinkError."""
        self.state = State.CONNECTING if self._leg is None else State.HANDOVER
        await self._within(self._connects)
        base = self._next_url()
        streams = self.streams
        names = [stream.name for stream in streams]
        limits = self._spec.limits
        path_of = partial(self._spec.connect_path, self._route)
        opening = plan_opening(names, path_of=path_of, url_max_chars=limits.url_max_chars, batch=limits.subscribe_batch)
        epoch = self.epoch + 1
        number, table = self._sink.open_leg(self.name, epoch, streams)
        try:
            link = await open_link(
                base + opening.path,
                name=self.name,
                epoch=epoch,
                table=table,
                on_odd=lambda now, data: self._odd(number, now, data),
                on_open=lambda now: self._sink.leg_live(number, now),
                tls=self._tls,
                timeout_s=self._config.connect_timeout_s,
                mark=self._spec.key.mark,
                start=self._spec.key.start,
            )
        except BaseException:
            self._sink.close_leg(number, time_ns(), alive_ns=0, reason=Reason.DISCONNECT, close="not opened")
            raise
        self.epoch = epoch
        leg = _Leg(number, epoch, link, base)
        self._frames, self._frames_long = self._budgets()
        self._subscribed = names
        self._open.append(leg)
        link.closed.add_done_callback(lambda closed: self._account(leg, closed.result(), self._end_reason()))
        await self._subscribe(link, opening.batches)
        now = monotonic_ns()
        for pace in (self._pace, *self._paces.values()):
            pace.pause(now)
        _log.info("connected", conn=self.name, epoch=epoch, url=base, streams=len(names))
        return leg

    async def _subscribe(self, link: Link, batches: list[list[str]]) -> None:
        for batch in batches:
            await self._request(link, self._spec.subscribe, batch)

    async def _request(self, link: Link, make: Callable[[list[str], int], bytes], names: list[str]) -> None:
        """Send one request, within the venue's limits of this connection."""
        await self._within(self._frames)
        if self._frames_long is not None:
            await self._within(self._frames_long)
        self._request_id += 1
        self.requests += 1
        link.send(make(names, self._request_id))

    def _budgets(self) -> tuple[Budget, Budget | None]:
        """What one connection may send; one in a second and a tenth of a minute's stay in reserve."""
        limits = self._spec.limits
        long = limits.control_frames_per_min
        return (
            Budget(limit=max(1, limits.control_frames_per_s - 1), window_s=1.0),
            None if long is None else Budget(limit=long - long // 10, window_s=60.0),
        )

    # -- changes ----------------------------------------------------------------------------------------------------

    def change(self, streams: list[Stream]) -> None:
        """Bring these streams (one at least, all of one route) from now on: only what differs is asked of the venue."""
        self.streams = streams
        self._watch_these(streams)
        self._changed = True
        self._wake.set()

    def _watch_these(self, streams: list[Stream]) -> None:
        """Watch the pace of every stream; what was watched before goes on."""
        described = {stream.name: self._spec.channel_of(stream.channel) for stream in streams}
        paces, since, now = self._paces, self._since, monotonic()
        self._paces = {name: paces.get(name) or Cadence(floor_s=channel.silence_floor_s) for name, channel in described.items()}
        self._first_s = {name: channel.first_frame_s for name, channel in described.items()}
        self._since = {name: since.get(name, now) for name in described}

    async def _follow(self, leg: _Leg) -> None:
        """Tell the venue what changed. Changes that come meanwhile are told together, after this."""
        self._changed = False
        names = [stream.name for stream in self.streams]
        had, want = set(self._subscribed), set(names)
        fresh = [name for name in names if name not in had]
        gone = [name for name in self._subscribed if name not in want]
        self._subscribed = names
        if not fresh and not gone:
            return
        replace, unsubscribe = self._spec.replace, self._spec.unsubscribe
        if replace is not None:
            known = [name for name in names if name in had]
            await self._request(leg.link, lambda batch, number: replace(batch, known, number), fresh)
            return
        batch = self._spec.limits.subscribe_batch
        for make, some in ((unsubscribe, gone), (self._spec.subscribe, fresh)):
            for at in range(0, len(some), batch):
                if make is not None:
                    await self._request(leg.link, make, some[at : at + batch])

    @staticmethod
    async def _within(budget: Budget) -> None:
        while (wait := budget.wait_s(monotonic())) > 0:  # noqa: ASYNC110  # the wait is known, nothing to wait for
            await asyncio.sleep(wait)
        budget.take(monotonic())

    def _next_url(self) -> str:
        ports = self._config.ports
        url = self._config.ws_url.replace("{port}", str(ports[self._port % len(ports)])).rstrip("/")
        self._port += 1
        return url

    # -- watching ---------------------------------------------------------------------------------------------------

    async def _watch(self, leg: _Leg) -> bool:
        """Until something must be done. True: a new leg is wanted while this one lives; False: this one is over."""
        while True:
            due = self._rollover_at - monotonic()
            if self._stopping:
                await asyncio.wait([leg.link.closed], timeout=1.0)
            if leg.link.closed.done() or self._silence is not None or self._stopping:
                return False
            if self._notice or due <= 0:
                return True
            if self._changed:
                await self._follow(leg)
                continue
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
        leg = self._leg
        if leg is None or leg.link.closed.done() or self.state not in (State.LIVE, State.HANDOVER):
            return
        now, total = monotonic_ns(), 0
        received = self._sink.received
        for at, (name, pace) in enumerate(list(self._paces.items())):
            if at % _STEP_STREAMS == _STEP_STREAMS - 1:
                yield
                if leg is not self._leg or leg.link.closed.done():
                    return
            count = received(name)[0]
            total += count
            pace.tick(count, now)
        self._pace.tick(total, now)
        self._judge_link(leg, now)
        if not self._pace.is_silent(now):
            self._judge_streams(leg, now)

    def _judge_link(self, leg: _Leg, now: int) -> None:
        quiet_s = self._pace.silent_for_s(now)
        if quiet_s < _SUSPECT_S and _control_quiet_s(leg.link) < self._ping_every_s:
            leg.pinged_at = None
            return
        if not self._pace.is_silent(now) and _control_quiet_s(leg.link) < self._ping_every_s and leg.pinged_at is None:
            return
        at = monotonic()
        if leg.pinged_at is None or (leg.link.last_pong_ns and at - leg.pinged_at > self._ping_every_s and self._answered(leg)):
            leg.pinged_at = at
            leg.link.last_pong_ns = 0
            leg.link.ping()
            return
        waited = at - leg.pinged_at
        patience = min(self._config.ping_timeout_s, _ANSWER_S) if self._pace.is_silent(now) else self._config.ping_timeout_s
        if not self._answered(leg) and waited > patience and quiet_s > patience:
            self._give_up(leg, f"no answer to a ping for {waited:.0f} s")
        elif self._answered(leg) and self._pace.is_silent(now) and quiet_s > self._silence_limit_s():
            self._fruitless += 1
            self._give_up(leg, f"pings are answered, but no data for {quiet_s:.0f} s")

    @staticmethod
    def _answered(leg: _Leg) -> bool:
        return leg.link.last_pong_ns > 0

    def _silence_limit_s(self) -> float:
        """Grows with every reconnect that brought nothing: a venue that is down is not stormed."""
        interval = self._pace.interval_s or 1.0
        limit = min(_SILENT_MAX_S, max(_SILENT_MIN_S, _SILENT_INTERVALS * interval))
        return min(_SILENT_MAX_S, limit * 2.0 ** min(self._fruitless, 6))

    def _give_up(self, leg: _Leg, why: str) -> None:
        self._silence = CloseInfo(1006, why, time_ns())
        self._wake.set()

    def _judge_streams(self, leg: _Leg, now: int) -> None:
        """A single silent stream is subscribed again, ever more rarely; its neighbours notice nothing."""
        for name, pace in self._paces.items():
            silent, first_s = pace.is_silent(now), self._first_s[name]
            late = first_s is not None and not pace.count and monotonic() - max(leg.opened_at, self._since[name]) > first_s
            if not silent and not late:
                self._suspect.pop(name, None)
                continue
            again_at, pause = self._suspect.get(name, (0.0, 30.0))
            if monotonic() < again_at:
                continue
            self._suspect[name] = (monotonic() + pause, min(pause * 2, 3600.0))
            last_ns = self._sink.received(name)[1]
            if silent and last_ns:
                self._sink.stream_silent(name, last_ns)
            quiet_s = round(pace.silent_for_s(now), 1)
            _log.warning("stream silent", conn=self.name, stream=name, quiet_s=quiet_s, ever=pace.count)
            self._ask_again(leg, name)
            return

    def _ask_again(self, leg: _Leg, name: str) -> None:
        at = monotonic()
        if self._frames.wait_s(at) > 0:
            return
        self._request_id += 2
        self._frames.take(at)
        if self._spec.replace is not None:
            known = [other for other in self._subscribed if other != name]
            leg.link.send(self._spec.replace([name], known, self._request_id))
        elif self._spec.unsubscribe is not None:
            leg.link.send(self._spec.unsubscribe([name], self._request_id - 1))
            leg.link.send(self._spec.subscribe([name], self._request_id))

    def _odd(self, number: int, now: int, data: bytes) -> None:
        if self._spec.is_shutdown_notice(data):
            _log.warning("the venue announces a shutdown", conn=self.name, epoch=self.epoch)
            self._notice = True
            self._wake.set()
            return
        answer = self._spec.reply(data)
        if answer is None:
            self._sink.odd(number, now, data)
        elif answer:
            _log.warning("the venue refused a request", conn=self.name, answer=answer)

    # -- the ends -----------------------------------------------------------------------------------------------------

    def _lost(self, leg: _Leg) -> None:
        """The leg is over: account for it, and set the pace of what follows."""
        silence, self._silence = self._silence, None
        info = silence or (leg.link.closed.result() if leg.link.closed.done() else CloseInfo(1000, "stopped", time_ns()))
        self._account(leg, info, self._end_reason() if silence is None else Reason.SILENCE)
        leg.link.cut()
        brought = self._newest_ns() > leg.link.opened_ns
        self.last_close = f"{info.code} {info.reason}".strip()
        self._leg = None
        self._notice = False
        if self._stopping:
            return
        if brought and silence is None:
            self._fruitless = 0
        self.reconnects += 1
        lived = monotonic() - leg.opened_at
        self._backoff.ended(lived_s=lived, brought_data=brought)
        delay = self._backoff.delay_s(self._jitter())
        self._not_before = monotonic() + delay
        _log.warning(
            "connection lost", conn=self.name, epoch=leg.epoch, close=self.last_close, lived_s=round(lived, 1), retry_in_s=round(delay, 1)
        )

    async def _roll_over(self, old: _Leg) -> _Leg | None:
        """Make a new leg, let both run until the new one has brought every stream, then end the old one."""
        self._rollover_at = monotonic() + self._config.rollover_s
        self._notice = False
        self.state = State.HANDOVER
        deadline = monotonic() + self._config.ready_ahead_s
        new: _Leg | None = None
        while new is None and not self._stopping:
            try:
                new = await self._connect()
            except LinkError as fault:
                if old.link.closed.done():
                    self._lost(old)
                    return None
                await self._pause_after(fault)
                deadline = max(deadline, monotonic() + 1.0)
        if new is None:
            return old
        self._backoff.level = 0
        self._silence = None
        began = monotonic()
        await self._overlap(old, new, until=max(deadline, began + _OVERLAP_MAX_S))
        if new.link.closed.done() and not old.link.closed.done():
            self._rollover_at = monotonic() + 60.0
            return old
        self.last_close = old.farewell = "rolled over"
        await old.link.close()
        self._account(old, CloseInfo(1000, "", time_ns()), Reason.DISCONNECT)
        _log.info("rolled over", conn=self.name, epoch=new.epoch, overlap_s=round(monotonic() - began, 1))
        return new

    async def _overlap(self, old: _Leg, new: _Leg, *, until: float) -> None:
        """Let both run until the new one has brought every stream that comes at all."""
        began = monotonic()
        while monotonic() < until and not old.link.closed.done() and not new.link.closed.done():
            if monotonic() - began > _OVERLAP_MIN_S and not self._sink.leg_lacks(new.number, time_ns() - _LATELY_NS):
                return
            await asyncio.sleep(0.1)

    def _account(self, leg: _Leg, info: CloseInfo, reason: Reason) -> None:
        """A leg is over: tell the sink, once, as soon as it is known. What the leg still brings goes nowhere."""
        if leg not in self._open:
            return
        self._open.remove(leg)
        leg.link.mute()
        newest = self._newest_ns()
        sign = leg.link.opened_ns if reason is Reason.SILENCE else leg.link.last_control_ns
        alive = max(newest if newest > leg.link.opened_ns else 0, sign)
        close = leg.farewell or f"{info.code} {info.reason}".strip()
        self._sink.close_leg(leg.number, info.at_ns, alive_ns=min(alive, info.at_ns), reason=reason, close=close)

    def _end_reason(self) -> Reason:
        return Reason.SHUTDOWN if self._stopping else Reason.DISCONNECT

    def _newest_ns(self) -> int:
        return max((self._sink.received(stream.name)[1] for stream in self.streams), default=0)

    def abandon(self) -> None:
        """After a fault of our own: drop what there is, begin anew."""
        for leg in list(self._open):
            self._account(leg, CloseInfo(1006, "given up", time_ns()), Reason.DISCONNECT)
            leg.link.cut()
        if self._leg is not None:
            self._lost(self._leg)

    def stats(self) -> ConnectionStats:
        """Figures of now."""
        leg = self._leg
        side = self._sink.leg_stats(leg.number) if leg else None
        return ConnectionStats(
            name=self.name,
            state=self.state,
            epoch=self.epoch,
            url=leg.url if leg else "",
            streams=len(self.streams),
            uptime_s=monotonic() - leg.opened_at if leg else 0.0,
            reconnects=self.reconnects,
            failures=self._backoff.failures,
            last_close=self.last_close,
            won=side.won if side else 0,
            late=side.late if side else 0,
            requests=self.requests,
        )

    def __repr__(self) -> str:
        return f"<Connection {self.name} #{self.epoch} {self.state} {len(self.streams)} streams>"


def _control_quiet_s(link: Link) -> float:
    """Seconds since the last control frame (server ping, pong, odd frame) of the link."""
    return (time_ns() - link.last_control_ns) / SECOND_NS
