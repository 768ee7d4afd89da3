"""feed.private: one account's connection at one venue, kept up for ever: log in, watch, begin again.

    CONNECTING ─▶ AUTHENTICATING ─▶ LIVE ─▶ (lost) ─▶ BACKING_OFF ─▶ CONNECTING
                        └─ the venue says no ─▶ REJECTED ─▶ CONNECTING, ever more rarely

What is said to the venue is decided by its session (`venues.private`), which knows no socket; this is the shell that
carries the steps out. `hub.private` has the table of states, which says more than that of all connections (`hub.states`).
Public connections share nothing with it but the budget of connects. What a venue says is hidden of keys before it goes anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable

import msgspec

from hoga.core.errors import HandshakeRefused, LinkError, RateLimited, VenueError
from hoga.core.market import DataType
from hoga.core.secret import Credentials
from hoga.core.streams import Stream
from hoga.core.times import MS_NS
from hoga.feed.config import CONNECT_TIMEOUT_S
from hoga.feed.dialler import Dialler
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.hub.private import (
    PRIVATE_MOVES,
    SEEN_AS,
    MissedEvent,
    PrivateState,
    PrivateStateEvent,
    hint_for,
    judged,
    missed_from,
    missing_keys,
    state_after,
)
from hoga.hub.states import CONNECTION_MOVES, ConnectionState, Standing
from hoga.net.backoff import PROVEN_AFTER_S, Backoff, BackoffRules
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.net.retry import bounded
from hoga.net.ws import Link, open_link
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.venues.private import (
    CHANNELS,
    EVERYTHING,
    Connect,
    Emit,
    Live,
    Nonce,
    Odd,
    PrivateSession,
    PrivateSpec,
    Refusal,
    Refuse,
    Renew,
    Reply,
    Send,
    Step,
    Trouble,
)
from hoga.venues.request import Request

__all__ = ["REJECTS", "PrivateConfig", "PrivateConnection"]

_log = get_log("feed")


REJECTS = BackoffRules(base_s=2.0, max_s=300.0, reset_cycle_after=9, reset_level=9)
"""How a refusal that needs a person is tried again: ever more rarely, up to five minutes."""


class PrivateConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a private connection is kept. `variable`: how the venue's environment variables begin, for hints.

    `backoff` is for losses, `rejects` for refusals that need a person. `tick_s`: how often it is looked after; pings and
    patience are counted in such looks, so that a process that was frozen does not take its own absence for the venue's.
    """

    ws_url: str
    ports: tuple[int, ...]
    variable: str
    backoff: BackoffRules
    ping_interval_s: float
    ping_timeout_s: float
    rejects: BackoffRules = REJECTS
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    login_timeout_s: float = 10.0
    tick_s: float = 1.0


class _End(msgspec.Struct, frozen=True):
    """Why a life is over: refused, or lost for `why`."""

    why: str
    refusal: Refusal | None = None


class PrivateConnection:
    """Keeps one account's events coming. `run` never returns by itself; `stop` ends it, and it may be run again.

    `start` gives it the hub, before anything else. `connect_budget` is shared by all connections of the venue; `rest` makes
    the REST calls, and is held by whoever runs this. `jitter()` gives 0..1.
    """

    def __init__(
        self,
        name: str,
        venue: str,
        spec: PrivateSpec,
        config: PrivateConfig,
        credentials: Credentials,
        *,
        connect_budget: Budget,
        rest: RestClient,
        tls: ssl.SSLContext | None,
        nonce: Nonce,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.venue = venue
        self._phase = Standing(PRIVATE_MOVES, PrivateState.IDLE)
        self._standing = Standing(CONNECTION_MOVES, ConnectionState.DISCONNECTED)
        self.epoch = 0
        self.reconnects = 0
        self.requests = 0
        self.last_close = ""
        self._streams: list[Stream] = []
        self._inlet: WireInlet | None = None
        self._table: dict[bytes, Take] = {}
        self._spec = spec
        self._config = config
        self._credentials = credentials
        self._rest = rest
        self._tls = tls
        self._nonce = nonce
        self._clock = clock
        self._backoff = Backoff(config.backoff)
        self._rejects = Backoff(config.rejects)
        self._wake = asyncio.Event()
        self._stopping = False
        self._session: PrivateSession | None = None
        self._link: Link | None = None
        self._end: _End | None = None
        self._attempt: int | None = None
        self._began = 0.0
        self._live_since: float | None = None
        self._was_live = False
        self._proof_ns: int | None = None
        self._dialler = Dialler(config.ws_url, config.ports, connect_budget, jitter=jitter, clock=clock)
        self._unasked = 0
        self._unanswered: int | None = None
        self._told: tuple[Trouble | None, str] = (None, "")

    # -- the life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection up until `stop`."""
        self._stopping = False
        while not self._stopping:
            end = await self._life()
            if not self._stopping:
                await self._pause(end)
        self._become(PrivateState.IDLE)

    async def stop(self) -> None:
        """Say goodbye and be done; events on their way are still taken."""
        self._stopping = True
        if self._link is not None:
            await self._link.close(timeout_s=0.5)
        self._wake.set()

    @property
    def state(self) -> ConnectionState:
        """What it is doing, in the words of all connections; moves by `hub.states.CONNECTION_MOVES` only."""
        return self._standing.state

    @property
    def phase(self) -> PrivateState:
        """The same, in those of private ones; moves by `hub.private.PRIVATE_MOVES` only."""
        return self._phase.state

    def start(self, inlet: WireInlet) -> None:
        """Bring to `inlet` what comes."""
        self._inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        """Bring these from now on; a venue that brings everything anyway is told nothing."""
        self._streams = streams
        if self._attempt is not None:
            self._table = self._to.joining(self.name, self._attempt, streams)
        if streams and self._session is not None and self._link is not None and self._end is None and not self._stopping:
            for step in self._session.want(self._types()):
                self._act(step, self._clock.time_ns())

    def abandon(self) -> None:
        """After a fault of our own: drop what there is; `run` begins anew."""
        self._over(_End("given up"))
        if self.phase is not PrivateState.IDLE:
            self._become(PrivateState.IDLE)

    async def _life(self) -> _End:
        """One connection, from the first call to its end."""
        self._session = session = self._spec.session(self._credentials, self._types(), self._nonce)
        self._end, self._live_since, self._unasked, self._unanswered = None, None, 0, None
        self._wake.clear()
        self._began = self._clock.monotonic()
        self._become(PrivateState.CONNECTING)
        await self._dialler.turn()
        await self._perform(session.begin(self._wall_ms()))
        if self._link is not None:
            await self._watch(self._link, session)
        end = self._end or _End("closed")
        self._over(end)
        return end

    def _over(self, end: _End) -> None:
        """This life is over: nothing of it is taken any more."""
        link, self._link, self._session = self._link, None, None
        self.last_close = end.why
        if link is not None:
            if self._live_since is not None:
                self._proof_ns = link.last_control_ns
            link.mute()
            link.cut()
        if self._attempt is not None:
            attempt, self._attempt = self._attempt, None
            self._table = {}
            self._to.closed(self.name, attempt, LifeEnd("" if self._stopping else end.why, at_ns=self._clock.time_ns()))

    async def _pause(self, end: _End) -> None:
        """Tell what happened, and wait before the next life."""
        lived_s = 0.0 if self._live_since is None else self._clock.monotonic() - self._live_since
        refusal = None if end.refusal is None else judged(end.refusal, was_live=self._was_live)
        state = state_after(refusal)
        schedule = self._rejects if state is PrivateState.REJECTED else self._backoff
        if lived_s >= PROVEN_AFTER_S:
            self._rejects.level = 0
        if self._live_since is not None:
            self.reconnects += 1
        schedule.ended(lived_s=lived_s if schedule is self._backoff else 0.0, brought_data=self._live_since is not None)
        delay = self._dialler.pause_s(schedule)
        if refusal is not None and refusal.retry_after_s is not None:
            delay = max(delay, bounded(refusal.retry_after_s, longest_s=self._dialler.budget.longest_s) or 0.0)
        delay = max(delay, self._dialler.blocked_s())
        self._become(state, refusal, text=self.last_close, retry_in_s=delay)
        self._wake.clear()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)

    # -- steps ----------------------------------------------------------------------------------------------------

    async def _perform(self, steps: list[Step]) -> None:
        """Carry out steps, and those that come of them, in order."""
        queue = deque(steps)
        while queue and self._end is None and not self._stopping:
            step = queue.popleft()
            if isinstance(step, Request):
                queue.extend(await self._call(step))
            elif isinstance(step, Connect):
                queue.extend(await self._connect(step))
            else:
                self._act(step, self._clock.time_ns())

    def _act(self, step: Step, now_ns: int) -> None:
        match step:
            case Send(text):
                self.requests += 1
                if self._link is not None:
                    self._link.send(text.reveal().encode())
            case Live():
                self._live(now_ns)
            case Refuse(refusal):
                self._finish(refusal.text, refusal)
            case Renew(why):
                self._finish(why)
            case Emit():
                self._emit(now_ns, step)
            case Odd(frame):
                self._to.odd(self.name, self._attempt or self.epoch, now_ns, frame)

    def _emit(self, now_ns: int, step: Emit) -> None:
        """An event, for everybody who wants its symbol or the whole account."""
        for data_type in step.types:
            for symbol in (*step.symbols, EVERYTHING):
                take = self._table.get(f"{symbol}@{CHANNELS[data_type]}".encode())
                if take is not None and not take(now_ns, step.payload):
                    self._to.odd(self.name, self._attempt or self.epoch, now_ns, step.payload)

    async def _call(self, call: Request) -> list[Step]:
        assert self._session is not None, "a life is under way"
        self.requests += 1
        try:
            answer = await self._rest.send(msgspec.structs.replace(call, timeout_s=self._config.login_timeout_s))
            reply = Reply(status=answer.status, body=answer.body, retry_after_s=answer.retry_after_s)
        except RateLimited as fault:
            reply = Reply(status=fault.status, body=str(fault).encode(), retry_after_s=fault.retry_after_s)
        except VenueError as fault:
            reply = Reply(status=503, body=str(fault).encode(), retry_after_s=None)
        return self._session.answer(reply, self._wall_ms())

    async def _connect(self, step: Connect) -> list[Step]:
        assert self._session is not None, "a life is under way"
        self._attempt = self.epoch + 1
        self._table = self._to.opening(self.name, self._attempt, self._streams)
        try:
            self._link = await open_link(
                self._dialler.next_url(),
                name=self.name,
                epoch=self._attempt,
                table={},
                on_odd=self._frame,
                on_open=lambda now: None,
                tls=self._tls,
                timeout_s=self._config.connect_timeout_s,
                target=step.target,
                headers=step.headers,
            )
        except HandshakeRefused as fault:
            self._dialler.refused(fault)
            reply = Reply(status=fault.status, body=fault.body, retry_after_s=fault.retry_after_s)
            return self._session.refused(reply, self._wall_ms())
        except LinkError as fault:
            self._finish(fault.why)
            return []
        self._become(PrivateState.AUTHENTICATING)
        return self._session.opened(self._wall_ms())

    def _frame(self, now_ns: int, data: bytes) -> None:
        if self._session is None or self._end is not None:
            return
        for step in self._session.receive(data, self._wall_ms()):
            self._act(step, now_ns)

    def _live(self, now_ns: int) -> None:
        assert self._attempt is not None, "a connection is open"
        self.epoch = self._attempt
        self._live_since, self._was_live = self._clock.monotonic(), True
        self._to.opened(self.name, self.epoch, now_ns)
        self._become(PrivateState.LIVE)
        self._to.tell(MissedEvent(venue=self.venue, conn=self.name, epoch=self.epoch, from_ns=missed_from(self._proof_ns), to_ns=now_ns))

    def _finish(self, why: str, refusal: Refusal | None = None) -> None:
        """This life shall end. What the venue said is hidden of keys here, before anybody keeps it."""
        if self._end is None:
            hidden = self._credentials.hide(why)
            self._end = _End(hidden, None if refusal is None else msgspec.structs.replace(refusal, text=hidden))
            self._wake.set()

    # -- watching ---------------------------------------------------------------------------------------------------

    async def _watch(self, link: Link, session: PrivateSession) -> None:
        """Until it is over: look after it at every tick."""
        waker: asyncio.Future[object] = asyncio.ensure_future(self._wake.wait())
        gone: asyncio.Future[object] = link.closed  # type: ignore[assignment]  # only waited for
        looks = 0
        try:
            while self._end is None and not self._stopping:
                await asyncio.wait({gone, waker}, timeout=self._config.tick_s, return_when=asyncio.FIRST_COMPLETED)
                if link.closed.done():
                    self._finish(f"{link.closed.result().code} {link.closed.result().reason}".strip())
                    return
                looks += 1
                self._judge(link, looks)
                await self._perform(session.tick(self._clock.monotonic() - self._began))
        finally:
            waker.cancel()

    def _judge(self, link: Link, looks: int) -> None:
        """Is it alive, and has it let us in?"""
        config = self._config
        if self.phase is PrivateState.AUTHENTICATING and looks * config.tick_s >= config.login_timeout_s:
            self._finish(f"no answer to the login within {config.login_timeout_s:g} s")
        elif self._unanswered is None:
            self._unasked += 1
            if self._unasked * config.tick_s >= config.ping_interval_s:
                self._unanswered, link.last_pong_ns = 0, 0
                link.ping()
        elif link.last_pong_ns:
            self._unanswered, self._unasked = None, 0
        else:
            self._unanswered += 1
            if self._unanswered * config.tick_s >= config.ping_timeout_s:
                self._finish(f"no answer to a ping for {config.ping_timeout_s:g} s")

    # -- telling ------------------------------------------------------------------------------------------------------

    def without_key(self, *, wanted: bool) -> None:
        """There is no key: nothing can come, whether it is `wanted` or not. Told once."""
        state = PrivateState.NO_KEY if wanted else PrivateState.IDLE
        if state is not self.phase:
            self._become(state, hint=self.missing_keys())

    def missing_keys(self) -> str:
        """What to set where there is no key."""
        return missing_keys(variable=self._config.variable, needs=self._spec.needs)

    def _become(
        self, state: PrivateState, refusal: Refusal | None = None, *, text: str = "", hint: str = "", retry_in_s: float | None = None
    ) -> None:
        self._phase.become(state)
        self._standing.become(SEEN_AS[state])
        if refusal is not None:
            hint = hint_for(refusal, variable=self._config.variable, needs=self._spec.needs)
        event = PrivateStateEvent(
            venue=self.venue,
            conn=self.name,
            state=state,
            epoch=self.epoch,
            at_ns=self._clock.time_ns(),
            trouble=None if refusal is None else refusal.trouble,
            text=text,
            hint=hint,
            retry_in_s=retry_in_s,
        )
        self._log(event)
        self._to.tell(event)

    def _log(self, event: PrivateStateEvent) -> None:
        """A refusal is told once until it changes; the pauses between attempts are not."""
        retry_in_s = None if event.retry_in_s is None else round(event.retry_in_s, 1)
        if event.state is PrivateState.LIVE:
            self._told = (None, "")
            _log.info("private connection live", conn=self.name, epoch=self.epoch)
        elif event.state is PrivateState.NO_KEY:
            _log.warning("private connection without key", conn=self.name, hint=event.hint)
        elif event.state is PrivateState.REJECTED and self._told != (event.trouble, event.text):
            self._told = (event.trouble, event.text)
            _log.error("private connection rejected", conn=self.name, trouble=event.trouble, why=event.text, hint=event.hint)
        elif event.state is PrivateState.BACKING_OFF:
            _log.warning("private connection lost", conn=self.name, epoch=self.epoch, why=event.text, retry_in_s=retry_in_s)

    def wire_stats(self) -> WireStats:
        """Figures of now."""
        return WireStats(
            connection=self.name,
            state=self.state,
            epoch=self.epoch,
            streams=len(self._streams),
            reconnects=self.reconnects,
            requests=self.requests,
            last_close=self.last_close,
        )

    @property
    def _to(self) -> WireInlet:
        assert self._inlet is not None, "started before anything is wanted"
        return self._inlet

    def _wall_ms(self) -> int:
        """What requests are signed with."""
        return self._clock.time_ns() // MS_NS

    def _types(self) -> frozenset[DataType]:
        return frozenset(data_type for each in self._streams if (data_type := self._spec.type_of(each.channel)) is not None)

    def __repr__(self) -> str:
        return f"<PrivateConnection {self.name} #{self.epoch} {self.phase}>"
