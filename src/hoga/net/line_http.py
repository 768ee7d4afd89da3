"""net.line_http: the order line over kept HTTP/1.1 connections: one call at a time on each, written at once.

An answer is the next one on its connection; so nothing is ever given to one whose answer is still to come. One that has been idle for a
while is opened anew before the server ends it: a call that is written just as the server closes is one of which nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import msgspec

from hoga.core.errors import Sent
from hoga.core.foreign import excerpt
from hoga.core.times import SECOND_NS
from hoga.net.backoff import Backoff, BackoffRules
from hoga.net.dial import dial
from hoga.net.http_answers import AnswerReader, HttpAnswer
from hoga.net.lanes import Lanes
from hoga.net.line import Answered, Ledger, Lost
from hoga.net.proxy import proxy_for
from hoga.net.retry import retry_after_s
from hoga.net.venue_clock import VenueClock
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.venues.request import Request, Signed, Signer

__all__ = ["HttpLine", "HttpLineConfig"]

_log = get_log("net")


class HttpLineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the line is kept. `url`: scheme and host, no path. `connections`: how many calls can be under way at one time.

    `fresh_s`: a connection that was idle for so long is opened anew. `answer_s`: see `net.line.Ledger`.
    """

    url: str
    connections: int = 4
    backoff: BackoffRules = BackoffRules()
    answer_s: float = 2.0
    connect_timeout_s: float = 10.0
    fresh_s: float = 20.0


class _Wire(asyncio.Protocol):
    """One connection. `token`: of the call that its next answer is for, "" while it is idle."""

    def __init__(self, line: HttpLine) -> None:
        self._line = line
        self._reader = AnswerReader()
        self.transport: asyncio.Transport | None = None
        self.token = ""
        self.idle_since = 0.0
        self.asked_mono_ns = 0
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        try:
            answers = self._reader.feed(data)
        except ValueError as fault:
            self.end(f"an answer that cannot be read: {fault}")
            return
        for answer in answers:
            if not self.token:
                self.end("an answer to nothing")
                return
            self._line.answered(self, answer)
            if not answer.keeps:
                self.end("the server closes after each answer")
                return

    def eof_received(self) -> bool | None:
        self.end("the server ended it")
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(excerpt(str(exc)) if exc is not None else "closed")

    def end(self, why: str) -> None:
        """It is of no use any more."""
        if not self.gone.is_set():
            self.gone.set()
            self._line.ended(self, why)
        if self.transport is not None:
            self.transport.abort()


class HttpLine:
    """Calls of one account, signed by `sign`. `moved(open, why)`: the line is there, or not any more.

    `lanes`, `venue_clock`, `is_late`, `jitter`: as in `net.line_ws`. `usage(headers)`: how much of each limit is used up; `dates`: the
    answers' dates tell the venue's time.
    """

    def __init__(
        self,
        name: str,
        config: HttpLineConfig,
        sign: Signer,
        answered: Answered,
        *,
        lanes: Lanes,
        venue_clock: VenueClock,
        is_late: Callable[[bytes], bool],
        usage: Callable[[Mapping[str, str]], list[tuple[str, int]]],
        dates: bool,
        tls: ssl.SSLContext | None,
        jitter: Callable[[], float],
        moved: Callable[[bool, str], object] = lambda open_, why: None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.reconnects = 0
        split = urlsplit(config.url)
        self._secure = split.scheme == "https"
        self._host = split.hostname or ""
        self._port = split.port or (443 if self._secure else 80)
        self._netloc = split.netloc
        self._config = config
        self._sign = sign
        self._venue_clock = venue_clock
        self._is_late = is_late
        self._usage = usage
        self._dates = dates
        self._tls = tls
        self._jitter = jitter
        self._moved = moved
        self._clock = clock
        self._ledger: Ledger[_Wire] = Ledger(answered, lanes, answer_s=config.answer_s, clock=clock)
        self._idle: list[_Wire] = []
        self._open: set[_Wire] = set()
        self._stopping = False

    # -- calls ----------------------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether a connection is open and idle."""
        return bool(self._idle)

    def send(self, request: Request, token: str) -> None:
        """Write one call now, on the connection that was used last."""
        ledger = self._ledger
        refusal = ledger.refusal(request, token)
        if refusal is None and not self._idle:
            refusal = Lost("no connection is open and idle", Sent.NO)
        if refusal is not None:
            ledger.soon(token, refusal)
            return
        wire = self._idle.pop()
        assert wire.transport is not None, "only open ones are idle"
        data = self._bytes(request, self._sign(request, self._venue_clock.now_ms()))
        wire.token, wire.asked_mono_ns = token, self._clock.monotonic_ns()
        ledger.written(request, token, wire)
        wire.transport.write(data)

    def _bytes(self, request: Request, signed: Signed) -> bytes:
        lines = [f"{request.method} {signed.target.reveal()} HTTP/1.1", f"Host: {self._netloc}"]
        lines += [f"{name}: {value.reveal()}" for name, value in signed.headers.items()]
        if signed.body:
            lines.append("Content-Type: application/json")
        if signed.body or request.method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(signed.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + signed.body

    def answered(self, wire: _Wire, answer: HttpAnswer) -> None:
        """The answer to the call on it. One whose call was given up already frees the connection all the same."""
        token, wire.token = wire.token, ""
        came_ns, date = self._clock.monotonic_ns(), answer.headers.get("date")
        if self._dates:
            self._venue_clock.dated(date, asked_ns=wire.asked_mono_ns, came_ns=came_ns)
        if answer.keeps:
            wire.idle_since = self._clock.monotonic()
            self._idle.append(wire)
        wish = retry_after_s(answer.headers.get("retry-after"), date=date, now_s=self._clock.time_ns() / SECOND_NS)
        headers = {name.title(): value for name, value in answer.headers.items()}
        self._ledger.answered(token, status=answer.status, body=answer.body, retry_after_s=wish, usage=self._usage(headers))
        if answer.status == 400 and self._is_late(answer.body):
            self._venue_clock.doubt()

    def ended(self, wire: _Wire, why: str) -> None:
        """It is gone: what was on it is told at once."""
        self._open.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)
        self._ledger.lost(f"the line was cut: {why}", on=wire)
        if not self._open and not self._stopping:
            _log.warning("order line lost", conn=self.name, why=why)
            self._moved(False, why)

    # -- its life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connections open, until it is cancelled."""
        self._stopping = False
        keepers = [asyncio.create_task(self._keep(), name=f"{self.name} {number}") for number in range(self._config.connections)]
        try:
            await asyncio.gather(*keepers)
        finally:
            for each in keepers:
                each.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self.stop()

    async def stop(self) -> None:
        """Close everything."""
        self._stopping = True
        self._ledger.lost("given up at the end")
        for wire in list(self._open):
            wire.end("given up at the end")

    async def _keep(self) -> None:
        """One connection after the other. (A cancel that comes in the moment in which one ends is swallowed by `wait_for`.)"""
        backoff = Backoff(self._config.backoff)
        while not self._stopping:
            try:
                wire = await self._connect()
            except (OSError, ValueError, TimeoutError) as fault:
                backoff.failed()
                delay = backoff.delay_s(self._jitter())
                why = excerpt(str(fault)) or type(fault).__name__
                _log.warning("order line not open", conn=self.name, why=why, again_in_s=round(delay, 1))
                await self._clock.sleep(delay)
                continue
            born = self._clock.monotonic()
            await self._until_old(wire)
            self.reconnects += 1
            backoff.ended(lived_s=self._clock.monotonic() - born, brought_data=True)
            if backoff.level:
                await self._clock.sleep(backoff.delay_s(self._jitter()))

    async def _connect(self) -> _Wire:
        """Raises OSError, ValueError, TimeoutError."""
        async with asyncio.timeout(self._config.connect_timeout_s):
            sock = await dial(self._host, self._port, proxy=proxy_for(self._config.url, os.environ))
            try:
                wire = _Wire(self)
                tls = (self._tls or ssl.create_default_context()) if self._secure else None
                name = self._host if self._secure else None
                await asyncio.get_running_loop().create_connection(lambda: wire, sock=sock, ssl=tls, server_hostname=name)
            except BaseException:
                sock.close()
                raise
        first = not self._open
        self._open.add(wire)
        wire.idle_since = self._clock.monotonic()
        self._idle.append(wire)
        if first:
            _log.info("order line open", conn=self.name)
            self._moved(True, "")
        return wire

    async def _until_old(self, wire: _Wire) -> None:
        """Until it is gone; one that has been idle for long is taken out of use and ended, and one that does not answer."""
        fresh_s = self._config.fresh_s * (0.8 + 0.2 * self._jitter())
        while not wire.gone.is_set():
            asked = wire.asked_mono_ns / SECOND_NS + 3 * self._config.answer_s
            left_s = (asked if wire.token else wire.idle_since + fresh_s) - self._clock.monotonic()
            if left_s <= 0 and (wire.token or len(self._idle) > 1):
                if not wire.token:
                    self._idle.remove(wire)
                wire.end("no answer" if wire.token else "idle")
                return
            with contextlib.suppress(TimeoutError):
                await within(wire.gone.wait(), min(1.0, max(0.05, left_s)))
