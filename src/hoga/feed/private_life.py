"""feed.private_life: one life of a private connection: log in, take what comes, look after it, until it is over.

What is said to the venue is decided by its session (`venues.private`), which knows no socket; this is the shell that carries the steps
out. Two of them may live side by side (`feed.private`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hoga.core.errors import HandshakeRefused, LinkError, RateLimited, VenueError
from hoga.core.secret import Credentials
from hoga.core.times import MS_NS
from hoga.feed.config import CONNECT_TIMEOUT_S
from hoga.feed.dialler import Dialler
from hoga.hub.port import Take, WireInlet
from hoga.net.backoff import BackoffRules
from hoga.net.rest import RestClient
from hoga.net.ws import Link, open_link
from hoga.runtime.clock import Clock
from hoga.venues.private import (
    CHANNELS,
    EVERYTHING,
    Connect,
    Emit,
    Live,
    Odd,
    PrivateSession,
    Refusal,
    Refuse,
    Renew,
    Replace,
    Reply,
    Send,
    Step,
)
from hoga.venues.request import Request

__all__ = ["REJECTS", "Beside", "End", "PrivateConfig", "PrivateLife", "Stage"]

REJECTS = BackoffRules(base_s=2.0, max_s=300.0, reset_cycle_after=9, reset_level=9)
"""How a refusal that needs a person is tried again: ever more rarely, up to five minutes."""


class PrivateConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a private connection is kept. `variable`: how the venue's environment variables begin, for hints.

    `backoff` is for losses, `rejects` for refusals that need a person. `tick_s`: how often it is looked after; pings and
    patience are counted in such looks, so that a process that was frozen does not take its own absence for the venue's.
    `replace_after_s`: a life gets a successor when it is so old; `overlap_s`, `patience_s`, `rest_s`: see `feed.succession`.
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
    replace_after_s: float = 43_200.0
    overlap_s: float = 2.0
    patience_s: float = 10.0
    rest_s: float = 30.0


class Stage(StrEnum):
    """How far a life is."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    LIVE = "live"
    OVER = "over"


class End(msgspec.Struct, frozen=True):
    """Why a life is over: refused, or lost for `why`. `deaf`: it may have brought nothing for a while. `told`: by the venue, in order, so
    that all it had sent before had come."""

    why: str
    refusal: Refusal | None = None
    deaf: bool = False
    told: bool = False


class Beside(NamedTuple):
    """What all lives of a connection share. `moved(life)`: it is at another stage; `doubted(life, why, urgent)`: another one should be
    made beside it, `urgent` where the venue says so. Both are called at once, in the middle of what comes."""

    name: str
    config: PrivateConfig
    credentials: Credentials
    dialler: Dialler
    rest: RestClient
    tls: ssl.SSLContext | None
    clock: Clock
    inlet: WireInlet
    moved: Callable[[PrivateLife], object]
    doubted: Callable[[PrivateLife, str, bool], object]


class PrivateLife:
    """The life `epoch` of a connection, spoken by `session`. `run` ends with it.

    `table`: who takes what comes, by the key of its stream. `end` once it is over; `ending`: why the venue said that it will be, "" when it
    did not. `requests`: how many were sent.
    """

    def __init__(self, beside: Beside, epoch: int, session: PrivateSession, table: dict[bytes, Take]) -> None:
        self.epoch = epoch
        self.session = session
        self.table = table
        self.stage = Stage.CONNECTING
        self.end: End | None = None
        self.ending = ""
        self.live_ns = 0
        self.live_since: float | None = None
        self.requests = 0
        self._beside = beside
        self._config = beside.config
        self._clock = beside.clock
        self._link: Link | None = None
        self._leaving = ""
        self._wake = asyncio.Event()
        self._began = beside.clock.monotonic()
        self._heard_s: float | None = None
        self._heard_ns: int | None = None
        self._unasked = 0
        self._unanswered: int | None = None
        self._token = 0
        self._proof = b""

    # -- its course ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the first call to the end."""
        try:
            await self._beside.dialler.turn()
            self._began = self._clock.monotonic()
            await self._perform(self.session.begin(self._wall_ms()))
            if self._link is not None:
                await self._watch(self._link)
        finally:
            self.finish("closed")

    def finish(self, why: str, refusal: Refusal | None = None, *, deaf: bool = False, told: bool = False) -> None:
        """It is over: nothing of it is taken any more. What the venue said is hidden of keys here, before anybody keeps it."""
        if self.end is not None:
            return
        hidden = self._beside.credentials.hide(why)
        self.end = End(hidden, None if refusal is None else msgspec.structs.replace(refusal, text=hidden), deaf, told)
        self._wake.set()
        if self._link is not None:
            self._link.mute()
            self._link.cut()
        self._become(Stage.OVER)

    async def leave(self, why: str, *, timeout_s: float = 0.5) -> None:
        """Say goodbye; events on their way are still taken."""
        self._leaving = why
        if self._link is not None and self.end is None:
            await self._link.close(timeout_s=timeout_s)
        self.finish(why, told=True)

    def _become(self, stage: Stage) -> None:
        self.stage = stage
        self._beside.moved(self)

    def heard_ns(self, *, deaf: bool = False) -> int | None:
        """Until when it is certain that all came that was to come, None when nothing ever did. `deaf`: its socket's life proves nothing."""
        if self._link is None or self.live_since is None:
            return None
        return self._heard_ns if deaf and self._heard_ns is not None else self._link.last_control_ns

    # -- proof --------------------------------------------------------------------------------------------------------

    def prove(self) -> None:
        """Ask for an answer to this very ping: when it has come, all has that was sent before."""
        if self._link is not None:
            self._token += 1
            self._proof = b"%d" % self._token
            self._unanswered, self._link.last_pong_ns = self._unanswered or 0, 0
            self._link.ping(self._proof)

    @property
    def proven(self) -> bool:
        """Whether that has come."""
        return bool(self._proof) and self._link is not None and self._link.last_pong == self._proof

    # -- steps --------------------------------------------------------------------------------------------------------

    def want(self, steps: list[Step]) -> None:
        """Say what other wishes need."""
        if self._link is not None and self.end is None:
            for step in steps:
                self._act(step, self._clock.time_ns())

    async def _perform(self, steps: list[Step]) -> None:
        """Carry out steps, and those that come of them, in order."""
        queue = deque(steps)
        while queue and self.end is None:
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
                self.live_ns, self.live_since = now_ns, self._clock.monotonic()
                self._become(Stage.LIVE)
            case Refuse(refusal):
                self.finish(refusal.text, refusal, told=True)
            case Renew(why, deaf):
                self.finish(why, deaf=deaf, told=True)
            case Replace(why):
                self.ending = why
                self._beside.doubted(self, why, True)
            case Emit():
                self._emit(now_ns, step)
            case Odd(frame):
                self._beside.inlet.odd(self._beside.name, self.epoch, now_ns, frame)

    def _emit(self, now_ns: int, step: Emit) -> None:
        """An event, for everybody who wants its symbol or the whole account."""
        for data_type in step.types:
            for symbol in (*step.symbols, EVERYTHING):
                take = self.table.get(f"{symbol}@{CHANNELS[data_type]}".encode())
                if take is not None and not take(now_ns, step.payload):
                    self._beside.inlet.odd(self._beside.name, self.epoch, now_ns, step.payload)

    async def _call(self, call: Request) -> list[Step]:
        self.requests += 1
        asked_ns = self._clock.time_ns()
        try:
            answer = await self._beside.rest.send(msgspec.structs.replace(call, timeout_s=self._config.login_timeout_s))
            reply = Reply(status=answer.status, body=answer.body, retry_after_s=answer.retry_after_s)
        except RateLimited as fault:
            reply = Reply(status=fault.status, body=str(fault).encode(), retry_after_s=fault.retry_after_s)
        except VenueError as fault:
            reply = Reply(status=503, body=str(fault).encode(), retry_after_s=None)
        steps = self.session.answer(reply, self._wall_ms())
        if self.session.heard_s != self._heard_s:
            self._heard_s, self._heard_ns = self.session.heard_s, asked_ns
        return steps

    async def _connect(self, step: Connect) -> list[Step]:
        beside = self._beside
        try:
            link = await open_link(
                beside.dialler.next_url(),
                name=beside.name,
                epoch=self.epoch,
                table={},
                on_odd=self._frame,
                on_open=lambda now: None,
                tls=beside.tls,
                timeout_s=self._config.connect_timeout_s,
                target=step.target,
                headers=step.headers,
            )
        except HandshakeRefused as fault:
            beside.dialler.refused(fault)
            reply = Reply(status=fault.status, body=fault.body, retry_after_s=fault.retry_after_s)
            return self.session.refused(reply, self._wall_ms())
        except LinkError as fault:
            self.finish(fault.why)
            return []
        if self.end is not None:
            link.mute()
            link.cut()
            return []
        self._link = link
        self._become(Stage.AUTHENTICATING)
        return self.session.opened(self._wall_ms())

    def _frame(self, now_ns: int, data: bytes) -> None:
        if self.end is None:
            for step in self.session.receive(data, self._wall_ms()):
                if self.end is None:
                    self._act(step, now_ns)

    # -- watching -----------------------------------------------------------------------------------------------------

    async def _watch(self, link: Link) -> None:
        """Until it is over: look after it at every tick."""
        looks = 0
        waker: asyncio.Future[object] = asyncio.ensure_future(self._wake.wait())
        gone: asyncio.Future[object] = link.closed  # type: ignore[assignment]  # only waited for
        try:
            while self.end is None:
                await asyncio.wait({gone, waker}, timeout=self._config.tick_s, return_when=asyncio.FIRST_COMPLETED)
                if link.closed.done():
                    closed = link.closed.result()
                    self.finish(self._leaving or f"{closed.code} {closed.reason}".strip(), told=closed.code != 1006)
                    return
                looks += 1
                self._judge(link, looks)
                await self._perform(self.session.tick(self._clock.monotonic() - self._began))
        finally:
            waker.cancel()

    def _judge(self, link: Link, looks: int) -> None:
        """Is it alive, and has it let us in?"""
        config = self._config
        if self.stage is Stage.AUTHENTICATING and looks * config.tick_s >= config.login_timeout_s:
            self.finish(f"no answer to the login within {config.login_timeout_s:g} s")
        elif self._unanswered is None:
            self._unasked += 1
            if self._unasked * config.tick_s >= config.ping_interval_s:
                self._unanswered, link.last_pong_ns = 0, 0
                link.ping()
        elif link.last_pong_ns:
            self._unanswered, self._unasked = None, 0
        else:
            self._unanswered += 1
            waited_s = self._unanswered * config.tick_s
            if waited_s >= config.ping_timeout_s:
                self.finish(f"no answer to a ping for {config.ping_timeout_s:g} s")
            elif waited_s >= config.ping_timeout_s / 2 and self.stage is Stage.LIVE:
                self._beside.doubted(self, f"no answer to a ping for {waited_s:g} s", False)

    def _wall_ms(self) -> int:
        """What requests are signed with."""
        return self._clock.time_ns() // MS_NS

    def __repr__(self) -> str:
        return f"<PrivateLife {self._beside.name} #{self.epoch} {self.stage}>"
