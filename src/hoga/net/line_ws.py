"""net.line_ws: the order line over a venue's WebSocket API: one frame a call, answers by their number, whatever their order.

OPENING ─▶ LOGGING ON ─▶ READY ─▶ (cut) what is outstanding is told as lost ─▶ OPENING, after a pause that grows
                           │
                           └─ old, or the venue says that it will end ─▶ another one is opened first; calls go there; this one
                              ends when its last answer has come
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import msgspec

from hoga.core.errors import HandshakeRefused, LinkError, Sent
from hoga.core.secret import Credentials, Secret
from hoga.net.backoff import Backoff, BackoffRules
from hoga.net.budgets import refused_for_s
from hoga.net.lanes import Lanes
from hoga.net.line import Answered, Ledger, Lost
from hoga.net.ratelimit import Budget
from hoga.net.venue_clock import VenueClock
from hoga.net.ws import Link, open_link
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.venues.line import LineTalk
from hoga.venues.request import Request

__all__ = ["WsLine", "WsLineConfig"]

_log = get_log("net")

_AGAIN_S = 30.0
"""A successor that could not be opened is tried again after so long."""


class WsLineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the line is kept. `url`: without a path; `{port}` is replaced from `ports` in turn. `answer_s`: see `net.line.Ledger`."""

    url: str
    ports: tuple[int, ...] = (443,)
    backoff: BackoffRules = BackoffRules()
    answer_s: float = 2.0
    connect_timeout_s: float = 10.0
    ping_interval_s: float = 10.0
    ping_timeout_s: float = 5.0
    tick_s: float = 0.5
    replace_after_s: float = 43_200.0


class _Leg:
    """One connection: `entered` once calls may be given, `leaving` when another one should be opened, and why."""

    __slots__ = ("asked_at", "born", "entered", "leaving", "link", "pinged_at")

    def __init__(self, born: float) -> None:
        self.link: Link | None = None
        self.entered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.leaving = ""
        self.born = self.asked_at = born
        self.pinged_at: float | None = None


class WsLine:
    """Calls of one account. `moved(open, why)`: the line is there, or not any more; what was on it has been told before.

    `lanes`: the limits, which REST calls count in as well. `late(body)`: whether a refusal is about the time that the call was signed
    with; `venue_clock` is doubted then. `jitter()` gives 0..1.
    """

    def __init__(
        self,
        name: str,
        config: WsLineConfig,
        talk: LineTalk,
        answered: Answered,
        *,
        credentials: Credentials,
        lanes: Lanes,
        venue_clock: VenueClock,
        is_late: Callable[[bytes], bool],
        connect_budget: Budget,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        moved: Callable[[bool, str], object] = lambda open_, why: None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.reconnects = 0
        self.odd_frames = 0
        self._config = config
        self._talk = talk
        self._credentials = credentials
        self._venue_clock = venue_clock
        self._is_late = is_late
        self._budget = connect_budget
        self._tls = tls
        self._jitter = jitter
        self._moved = moved
        self._clock = clock
        self._ledger: Ledger[_Leg] = Ledger(answered, lanes, answer_s=config.answer_s, clock=clock)
        self._leg: _Leg | None = None
        self._legs: set[_Leg] = set()
        self._draining: set[asyncio.Task[None]] = set()
        self._epoch = 0

    # -- calls ----------------------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether it is open and we are let in."""
        return self._leg is not None

    def send(self, request: Request, token: str) -> None:
        """Write one frame now."""
        leg, ledger = self._leg, self._ledger
        if leg is None or leg.link is None:
            ledger.soon(token, Lost("the line is not open", Sent.NO))
            return
        refusal = ledger.refusal(request, token)
        if refusal is not None:
            ledger.soon(token, refusal)
            return
        try:
            frame = self._talk.encode(request, token, self._venue_clock.now_ms())
        except LookupError:
            ledger.soon(token, Lost(f"{request.method} {request.path} is not served here", Sent.NO))
            return
        if leg.link.send(frame):
            ledger.written(request, token, leg)
        else:
            ledger.soon(token, Lost("the line has just ended", Sent.NO))

    def _frame(self, leg: _Leg, frame: bytes) -> None:
        said = self._talk.read(frame)
        if said is None:
            self.odd_frames += 1
        elif said.token:
            told = self._ledger.answered(
                said.token, status=said.status, body=said.body, retry_after_s=said.retry_after_s, usage=list(said.usage)
            )
            if told is not None and said.status == 400 and self._is_late(said.body):
                self._venue_clock.doubt()
        elif not leg.entered.done():
            leg.entered.set_result("" if said.entered else said.leaving or f"status {said.status}")
            if not said.entered and self._is_late(said.body):
                self._venue_clock.doubt()
        elif said.leaving:
            leg.leaving = leg.leaving or self._credentials.hide(said.leaving)

    # -- its life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep it open, until it is cancelled."""
        backoff = Backoff(self._config.backoff)
        try:
            while True:
                leg, why = await self._open()
                if leg is None:
                    await self._pause(backoff, why)
                    continue
                born = self._clock.monotonic()
                await self._keep(leg)
                self.reconnects += 1
                backoff.ended(lived_s=self._clock.monotonic() - born, brought_data=True)
                await self._clock.sleep(backoff.delay_s(self._jitter()))
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Close everything."""
        self._leg = None
        legs, self._legs = self._legs, set()
        self._ledger.lost("given up at the end")
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*(leg.link.close(timeout_s=0.5) for leg in legs if leg.link is not None))

    async def _pause(self, backoff: Backoff, why: str) -> None:
        backoff.failed()
        delay = max(backoff.delay_s(self._jitter()), self._budget.wait_s(self._clock.monotonic()))
        _log.warning("order line not open", conn=self.name, why=why, again_in_s=round(delay, 1))
        await self._clock.sleep(delay)

    async def _open(self) -> tuple[_Leg | None, str]:
        """One attempt: a leg that calls may be given to, or None and why not."""
        while (wait := self._budget.wait_s(self._clock.monotonic())) > 0:
            await self._clock.sleep(wait)
        self._budget.take(self._clock.monotonic())
        config, leg = self._config, _Leg(self._clock.monotonic())
        url = config.url.replace("{port}", str(config.ports[self._epoch % len(config.ports)])).rstrip("/")
        self._epoch += 1
        try:
            leg.link = await open_link(
                url,
                name=self.name,
                epoch=self._epoch,
                table={},
                on_odd=lambda now_ns, frame: self._frame(leg, frame),
                on_open=lambda now_ns: None,
                tls=self._tls,
                timeout_s=config.connect_timeout_s,
                target=Secret(self._talk.path),
            )
        except HandshakeRefused as fault:
            refused_for_s(fault, self._budget, self._clock.monotonic())
            return None, fault.why
        except LinkError as fault:
            return None, fault.why
        why = await self._enter(leg, leg.link)
        if why:
            leg.link.mute()
            leg.link.cut()
            return None, self._credentials.hide(why)
        self._legs.add(leg)
        leg.link.closed.add_done_callback(lambda closed: self._over(leg, f"{closed.result().code} {closed.result().reason}".strip()))
        return leg, ""

    async def _enter(self, leg: _Leg, link: Link) -> str:
        """Log on where that is needed; "" when calls may follow."""
        first = self._talk.opening(self._venue_clock.now_ms())
        if first is None:
            return ""
        link.send(first)
        closed: asyncio.Future[object] = link.closed  # type: ignore[assignment]  # only waited for
        answer: asyncio.Future[object] = leg.entered  # type: ignore[assignment]  # only waited for
        await asyncio.wait({answer, closed}, timeout=self._config.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return leg.entered.result() if leg.entered.done() else "no answer to the login"

    async def _keep(self, leg: _Leg) -> None:
        """Until the last leg is over."""
        not_before = 0.0
        self._use(leg)
        while await self._watch(leg, not_before):
            fresh, trouble = await self._open()
            if fresh is None:
                not_before = self._clock.monotonic() + _AGAIN_S
                _log.warning("order line gets no successor", conn=self.name, why=trouble)
                continue
            _log.info("order line replaced", conn=self.name, why=leg.leaving or "its age")
            old, leg = leg, fresh
            self._use(leg)
            task = asyncio.create_task(self._drain(old), name=f"end of {self.name}")
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)

    def _use(self, leg: _Leg) -> None:
        before, self._leg = self._leg, leg
        if before is None:
            _log.info("order line open", conn=self.name)
            self._moved(True, "")

    async def _watch(self, leg: _Leg, not_before: float) -> bool:
        """Until it is over, or another one should be opened (True)."""
        link = leg.link
        assert link is not None, "only an open one is watched"
        while not link.closed.done():
            config = self._config
            await asyncio.wait({link.closed}, timeout=config.tick_s)
            now = self._clock.monotonic()
            if leg.pinged_at is None and now - leg.asked_at >= config.ping_interval_s:
                leg.pinged_at, link.last_pong_ns = now, 0
                link.ping()
            elif leg.pinged_at is not None and link.last_pong_ns:
                leg.pinged_at, leg.asked_at = None, now
            elif leg.pinged_at is not None and now - leg.pinged_at >= config.ping_timeout_s:
                self._over(leg, f"no answer to a ping for {config.ping_timeout_s:g} s")
                link.mute()
                link.cut()
                return False
            if (leg.leaving or now - leg.born >= config.replace_after_s) and now >= not_before and not link.closed.done():
                return True
        return False

    def _over(self, leg: _Leg, why: str) -> None:
        """Nothing more comes of it: what was on it is told at once."""
        self._legs.discard(leg)
        was_in_use = self._leg is leg
        if was_in_use:
            self._leg = None
        self._ledger.lost(f"the line was cut: {why}", on=leg)
        if was_in_use:
            _log.warning("order line lost", conn=self.name, why=why)
            self._moved(False, why)

    async def _drain(self, leg: _Leg) -> None:
        """Let its last answers come, then close it."""
        link = leg.link
        assert link is not None, "only an open one is drained"
        end = self._clock.monotonic() + self._config.answer_s + 1.0
        while self._ledger.waits_on(leg) and not link.closed.done() and self._clock.monotonic() < end:
            await asyncio.wait({link.closed}, timeout=0.02)
        await link.close(timeout_s=0.5)
