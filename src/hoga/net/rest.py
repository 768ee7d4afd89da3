"""net.rest: one long-lived client of a venue's REST, for everything the process asks there. Limits are obeyed, never tested.

Connections are kept and used again; a call waits for its turn by its priority (`venues.request.Priority`), is signed when that has come,
and every failure says whether the venue can have had it (`core.errors.Sent`). A kept connection that the server has closed
meanwhile costs no call that may be repeated, and nothing else is ever repeated.

Whatever comes instead of what was asked for (another status, a page instead of JSON, a proxy's no) is the other side's
fault, and the error about it says where it came from, its status, its type and how it begins.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace, TracebackType
from typing import NamedTuple, Self, TypeVar

import aiohttp
from yarl import URL

from hoga.core.errors import RateLimited, Refused, Sent, Unavailable, VenueError, WireFault
from hoga.core.foreign import describe_answer, excerpt
from hoga.core.secret import Secret
from hoga.core.times import MS_NS, SECOND_NS
from hoga.net.lanes import Lanes
from hoga.net.proxy import Proxy, ProxyMistake, proxy_for
from hoga.net.ratelimit import Budget
from hoga.net.retry import retry_after_s
from hoga.net.venue_clock import VenueClock
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.venues.request import Request, Signed, Signer

__all__ = ["MAX_BODY_BYTES", "RestClient", "RestReply"]

_log = get_log("net")

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Ten times the longest list that a venue sends; what is longer is given up."""
_DEFAULT_RETRY_S = 60.0
_STALL_S = 10.0
"""A server that lets so long pass without a connection, or without a byte, is given up, however long the whole may take."""
_ASKED = {"Accept-Encoding": "gzip"}
"""Answers are inflated here, not by aiohttp: its inflater can be changed for the whole process by any other library (ccxt
does), and the one of isal takes a body that is no gzip at all for an empty one."""
_JSON = {"Content-Type": "application/json"}

T = TypeVar("T")


class RestReply(NamedTuple):
    """An answer of whatever status. `retry_after_s`: the venue's wish, None without one. `kind`: its Content-Type. `asked_ns`: when the
    call was made, wall clock (one that was repeated: the last time); `asked_mono_ns`, `came_mono_ns`: when it was made and when the
    answer began, steady clock."""

    status: int
    body: bytes
    retry_after_s: float | None
    kind: str = ""
    asked_ns: int = 0
    asked_mono_ns: int = 0
    came_mono_ns: int = 0


class _Attempt:
    """How far a call came: this time over a `kept` connection or a new one, and whether it was ever `written`. `left_s`: how long it may
    still take; `now_ms`: what it is signed with."""

    __slots__ = ("kept", "left_s", "now_ms", "written")

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.kept = self.written = False
        self.left_s = 0.0
        self.now_ms = now_ms

    @property
    def sent(self) -> Sent:
        return Sent.MAYBE if self.written else Sent.NO


class _Lost(aiohttp.ClientConnectionError):
    """The connection ended before an answer began."""


class RestClient:
    """Calls to `base_url` (scheme and host, no path) of `venue`, through the proxy that the environment names for it.

    Nothing is opened before the first call. Whoever uses it holds it meanwhile (`hold` and `release`, or `async with`); when the
    last one lets go its connections are closed, and the next call opens new ones; a call that nobody holds it for closes its own.
    Each event loop has connections of its own.

    Args:
        timeout_s: the longest that one call may take, and that it waits for its turn. A call that names its own longest time has that for
            both together.
        budget: what all who ask there share (`net.budgets.rest_budgets`), None: no limit.
        groups: the budgets of calls that name them. `apart`: see `net.lanes`.
        usage: reads from an answer's headers how much of each group is used up.
        dates: the dates of answers tell the venue's time (there is no call that does).
        is_late: whether a refusal is about the time that the call was signed with; `venue_clock` is doubted then.
        clock: what turns are waited for by, and calls are signed with.

    `lanes`: the limits, for whoever else asks the same venue. `venue_clock`: the venue's time, as far as somebody keeps it
    (`net.venue_clock.TimeKeeper`).
    """

    def __init__(
        self,
        venue: str,
        base_url: str,
        *,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        budget: Budget | None = None,
        groups: Mapping[str, Budget] | None = None,
        apart: bool = False,
        usage: Callable[[Mapping[str, str]], list[tuple[str, int]]] = lambda headers: [],
        dates: bool = False,
        is_late: Callable[[bytes], bool] = lambda body: False,
        clock: Clock = SYSTEM,
    ) -> None:
        self.venue = venue
        self.base_url = base_url.rstrip("/")
        self._tls = tls
        self.timeout_s = timeout_s
        self.lanes = Lanes(budget, groups, apart=apart)
        self._usage = usage
        self._dates = dates
        self._is_late = is_late
        self.clock = clock
        self.venue_clock = VenueClock(clock)
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._holders: Counter[asyncio.AbstractEventLoop] = Counter()

    # -- its life -------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Somebody on this event loop uses it from now on."""
        self._holders[asyncio.get_running_loop()] += 1

    async def release(self) -> None:
        """Whoever held it needs it no more; the last one closes its connections."""
        loop = asyncio.get_running_loop()
        self._holders[loop] -= 1
        if self._holders[loop] <= 0:
            del self._holders[loop]
            session = self._sessions.pop(loop, None)
            if session is not None:
                await session.close()

    async def __aenter__(self) -> Self:
        self.hold()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.release()

    def _session(self) -> aiohttp.ClientSession:
        """The connections of this event loop."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            if self._sessions:
                _log.info("REST is asked from another event loop", venue=self.venue, note="it has connections of its own")
            self._sessions = {each: known for each, known in self._sessions.items() if not each.is_closed()}
            self._sessions[loop] = session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True, limit=0),
                headers=_ASKED,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_tracing()],
                middlewares=(_once,),
            )
        return session

    # -- asking ---------------------------------------------------------------------------------------------------

    async def read(self, what: str | Request, decode: Callable[[bytes], T], *, weight: int = 1) -> T:
        """What `decode` makes of the body of a 200; `what`: a path of that weight, or a call. Raises as `get`, and WireFault where it
        can make nothing of it."""
        request = Request(path=what, weight=weight) if isinstance(what, str) else what
        path, reply = request.path, await self._get(request)
        try:
            return decode(reply.body)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
            said = describe_answer(reply.status, content_type=reply.kind, body=reply.body)
            why = excerpt(str(fault)) or type(fault).__name__
            raise WireFault(self.venue, f"{self._where(path)} answered {said} ({why})") from fault

    async def get(self, path: str, *, weight: int = 1) -> bytes:
        """The body of a 200. Raises RateLimited (429, 418, or no turn in time), Refused (other statuses), VenueError (no answer)."""
        return (await self._get(Request(path=path, weight=weight))).body

    async def _get(self, request: Request) -> RestReply:
        path, reply = request.path, await self.send(request)
        if reply.status in (429, 418):
            raise RateLimited(self.venue, status=reply.status, retry_after_s=self._patience_after(reply))
        if reply.status != 200:
            said = describe_answer(reply.status, content_type=reply.kind, body=reply.body)
            raise Refused(self.venue, code=reply.status, reason=f"{self._where(path)} answered {said}", status=reply.status)
        return reply

    async def send(self, request: Request, *, sign: Signer | None = None, now_ms: Callable[[], int] | None = None) -> RestReply:
        """Make a call, signed by `sign` with the time that `now_ms` tells (None: this machine's); any answer.

        Raises RateLimited (`sent` NO) when its turn does not come in time, else VenueError when there is no answer, with `sent`; of a
        call that holds secrets the text tells the path and the kind of the trouble, no query, no header and nothing that came.
        """
        longest_s = self._longest_s(request)
        end = self.clock.monotonic() + longest_s
        await self._wait_turn(request, end)
        async with self:
            attempt = _Attempt(now_ms or self._wall_ms)
            while True:
                attempt.kept = False
                attempt.left_s = longest_s if request.timeout_s is None else max(0.001, end - self.clock.monotonic())
                try:
                    return await self._ask(request, sign, attempt)
                except _Lost as fault:
                    if not (attempt.kept and request.repeatable):
                        raise self._unanswered(request, sign, attempt, fault) from None

    def _wall_ms(self) -> int:
        return self.clock.time_ns() // MS_NS

    async def _ask(self, request: Request, sign: Signer | None, attempt: _Attempt) -> RestReply:
        """One attempt. Raises VenueError, _Lost when the connection ended before an answer began."""
        public = sign is None and not request.headers
        login: dict[str, Secret] = {}
        try:
            via = self._via()
            login = {} if via is None or not via.authorization else {"Proxy-Authorization": via.authorization}
            signed = _as_it_is(request) if sign is None else sign(request, attempt.now_ms())
            asked_ns, asked_mono_ns = self.clock.time_ns(), self.clock.monotonic_ns()
            tunnelled = self.base_url.lower().startswith("https:")
            async with self._session().request(
                request.method,
                URL(self.base_url + signed.target.reveal(), encoded=sign is not None),
                data=signed.body or None,
                headers=_plain(signed.headers if tunnelled else {**signed.headers, **login}) | (_JSON if signed.body else {}),
                allow_redirects=public and request.repeatable,
                proxy=None if via is None else via.url,
                proxy_headers=_plain(login) if tunnelled else None,
                timeout=aiohttp.ClientTimeout(total=attempt.left_s, connect=_STALL_S, sock_read=_STALL_S),
                trace_request_ctx=attempt,
            ) as answer:
                now_s, came_ns = self.clock.time_ns() / SECOND_NS, self.clock.monotonic_ns()
                wish = retry_after_s(answer.headers.get("Retry-After"), date=answer.headers.get("Date"), now_s=now_s)
                self._learn(request, answer, wish)
                if self._dates:
                    self.venue_clock.dated(answer.headers.get("Date"), asked_ns=asked_mono_ns, came_ns=came_ns)
                body = await _whole(answer)
                if answer.status == 400 and self._is_late(body):
                    self.venue_clock.doubt()
                return RestReply(answer.status, body, wish, answer.headers.get("Content-Type", ""), asked_ns, asked_mono_ns, came_ns)
        except ProxyMistake as fault:
            raise VenueError(self.venue, f"no answer from {self.base_url}{_shown(request, public)}: {fault}", sent=Sent.NO) from None
        except _Lost:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            raise self._unanswered(request, sign, attempt, fault) from (fault if public and not login else None)

    def _unanswered(self, request: Request, sign: Signer | None, attempt: _Attempt, fault: BaseException) -> Unavailable:
        public = sign is None and not request.headers
        why = _why(fault, quiet=not public)
        return Unavailable(self.venue, f"no answer from {self._where(_shown(request, public))}: {why}", sent=attempt.sent)

    def _longest_s(self, request: Request) -> float:
        return min(self.timeout_s, request.timeout_s or self.timeout_s)

    def _via(self) -> Proxy | None:
        return proxy_for(self.base_url, os.environ)

    def _where(self, shown: str) -> str:
        via = self._via()
        return f"{self.base_url}{shown}" if via is None else f"{self.base_url}{shown} through the proxy {via}"

    # -- limits ---------------------------------------------------------------------------------------------------

    def wait_s(self, request: Request) -> float:
        """Seconds until it is this call's turn; 0 when it is now."""
        return self.lanes.wait_s(request, self.clock.monotonic())

    async def _wait_turn(self, request: Request, end: float) -> None:
        while (wait := self.wait_s(request)) > 0:
            if self.clock.monotonic() + wait > end:
                raise RateLimited(self.venue, status=429, retry_after_s=wait, sent=Sent.NO)
            await self.clock.sleep(wait)
        self.lanes.take(request, self.clock.monotonic())

    def _learn(self, request: Request, answer: aiohttp.ClientResponse, wish: float | None) -> None:
        """What an answer says of the limits. `wish`: for how long the venue wants to be left alone, s."""
        now = self.clock.monotonic()
        self.lanes.learned(self._usage(answer.headers), now)
        self.lanes.answered(request, answer.status, wish, now)

    def _patience_after(self, reply: RestReply) -> float:
        if self.lanes.budget is not None:
            return self.lanes.budget.wait_s(self.clock.monotonic())
        return _DEFAULT_RETRY_S if reply.retry_after_s is None else reply.retry_after_s


def _as_it_is(request: Request) -> Signed:
    return Signed(target=Secret(request.target), headers=request.headers, body=request.body)


def _shown(request: Request, public: bool) -> str:
    """The path as it may be told."""
    return request.target if public else request.path.partition("?")[0]


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body, inflated, however it is cut. Raises ValueError for one that is too long, or not what its header says."""
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise ValueError(f"a body in {excerpt(coding, most=40)}, which was not asked for")
    inflater = zlib.decompressobj(wbits=31) if coding in ("gzip", "x-gzip") else None
    parts, size = [], 0
    async for part in answer.content.iter_any():
        piece = part if inflater is None else _inflated(inflater, part, MAX_BODY_BYTES - size + 1)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise ValueError(f"more than {MAX_BODY_BYTES} bytes")
        parts.append(piece)
    if inflater is not None and parts and not inflater.eof:
        raise ValueError("a gzip body without its end")
    return b"".join(parts)


def _inflated(inflater: zlib._Decompress, part: bytes, most: int) -> bytes:
    try:
        return inflater.decompress(part, most)
    except zlib.error as fault:
        raise ValueError(f"a body that is no gzip ({fault})") from None


def _plain(headers: Mapping[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in headers.items()}


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp asks a second time by itself where a kept connection was lost, a PUT or a DELETE too: what is repeated is said here."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as fault:
        raise _Lost(*fault.args) from fault


def _tracing() -> aiohttp.TraceConfig:
    """Notes in the call's own `_Attempt` how far it came."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_noting("kept"))
    trace.on_request_headers_sent.append(_noting("written"))
    return trace


def _noting(field: str) -> Callable[[aiohttp.ClientSession, SimpleNamespace, object], Awaitable[None]]:
    async def note(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        setattr(context.trace_request_ctx, field, True)

    return note


def _why(fault: BaseException, *, quiet: bool) -> str:
    if isinstance(fault, aiohttp.ClientHttpProxyError):
        return excerpt(f"the proxy answered HTTP {fault.status} {fault.message}")
    return type(fault).__name__ if quiet else excerpt(str(fault)) or type(fault).__name__
