"""net.rest: the few REST calls hoga makes by itself. Limits are the venue's answer to obey, never to test.

Whatever comes instead of what was asked for (another status, a page instead of JSON, a proxy's no) is the other side's
fault, and the error about it says where it came from, its status, its type and how it begins.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import zlib
from collections.abc import Callable, Mapping
from time import monotonic, time
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import aiohttp

from hoga.core.errors import RateLimited, Refused, VenueError, WireFault
from hoga.core.foreign import excerpt, told
from hoga.core.secret import Secret
from hoga.net.proxy import ProxyMistake, proxy_for
from hoga.net.ratelimit import Budget
from hoga.net.retry import retry_after_s

__all__ = ["MAX_BODY_BYTES", "RestClient", "RestReply"]

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Ten times the longest list that a venue sends; what is longer is given up."""
_DEFAULT_RETRY_S = 60.0
_ASKED = {"Accept-Encoding": "gzip"}
"""Answers are inflated here, not by aiohttp: its inflater can be changed for the whole process by any other library (ccxt
does), and the one of isal takes a body that is no gzip at all for an empty one."""

T = TypeVar("T")


class RestReply(NamedTuple):
    """An answer of whatever status. `retry_after_s`: the venue's wish, None without one. `kind`: its Content-Type."""

    status: int
    body: bytes
    retry_after_s: float | None
    kind: str = ""


class RestClient:
    """GETs from `base_url` (scheme and host, no path) of `venue`, through the proxy that the environment names for it. Use
    as `async with`.

    `budget`: what all who ask there share (`net.budgets.rest_budget`); a call waits for its turn, `timeout_s` at most.
    """

    def __init__(self, venue: str, base_url: str, *, tls: ssl.SSLContext | None, timeout_s: float, budget: Budget | None = None) -> None:
        self.venue = venue
        self._base = base_url.rstrip("/")
        self._tls = tls
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._budget = budget
        self._patience_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, headers=_ASKED, auto_decompress=False)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, path: str, decode: Callable[[bytes], T], *, weight: int = 1) -> T:
        """What `decode` makes of the body of a 200. Raises as `get`, and WireFault where it can make nothing of it."""
        reply = await self._get(path, weight)
        try:
            return decode(reply.body)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
            said = told(reply.status, kind=reply.kind, body=reply.body)
            why = excerpt(str(fault)) or type(fault).__name__
            raise WireFault(self.venue, f"{self._where(path)} answered {said} ({why})") from fault

    async def get(self, path: str, *, weight: int = 1) -> bytes:
        """The body of a 200. Raises RateLimited (429, 418, or no turn in time), Refused (other statuses), VenueError (no answer)."""
        return (await self._get(path, weight)).body

    async def _get(self, path: str, weight: int) -> RestReply:
        await self._wait_turn(weight)
        reply = await self._ask("GET", path, {}, shown=path, follow=True)
        if reply.status in (429, 418):
            raise self._refused(reply)
        if reply.status != 200:
            said = told(reply.status, kind=reply.kind, body=reply.body)
            raise Refused(self.venue, code=reply.status, reason=f"{self._where(path)} answered {said}", status=reply.status)
        return reply

    async def call(self, method: str, path: str, *, headers: Mapping[str, Secret]) -> RestReply:
        """Any call, any answer. Raises VenueError when there is none; its text holds no header, and nothing that came."""
        return await self._ask(method, path, headers, shown=path.partition("?")[0], follow=False)

    async def _ask(self, method: str, path: str, headers: Mapping[str, Secret], *, shown: str, follow: bool) -> RestReply:
        """`shown`: the path as it may be told. Raises VenueError; of a call with secrets only the kind of the trouble is told."""
        assert self._session is not None, "used inside `async with`"
        login: dict[str, Secret] = {}
        try:
            via = proxy_for(self._base, os.environ)
            login = {} if via is None or not via.authorization else {"Proxy-Authorization": via.authorization}
            tunnelled = self._base.lower().startswith("https:")
            async with self._session.request(
                method,
                self._base + path,
                headers=_plain(headers if tunnelled else {**headers, **login}),
                allow_redirects=follow,
                proxy=None if via is None else via.url,
                proxy_headers=_plain(login) if tunnelled else None,
            ) as answer:
                wish = retry_after_s(answer.headers.get("Retry-After"), date=answer.headers.get("Date"), now_s=time())
                return RestReply(answer.status, await _whole(answer), wish, answer.headers.get("Content-Type", ""))
        except ProxyMistake as fault:
            raise VenueError(self.venue, f"no answer from {self._base}{shown}: {fault}") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            why = _why(fault, quiet=bool(headers))
            raise VenueError(self.venue, f"no answer from {self._where(shown)}: {why}") from (None if headers or login else fault)

    def _where(self, shown: str) -> str:
        via = proxy_for(self._base, os.environ)
        return f"{self._base}{shown}" if via is None else f"{self._base}{shown} through the proxy {via}"

    async def _wait_turn(self, weight: int) -> None:
        budget = self._budget
        if budget is None:
            return
        end = monotonic() + self._patience_s
        while (wait := budget.wait_s(monotonic(), weight)) > 0:
            if monotonic() + wait > end:
                raise RateLimited(self.venue, status=429, retry_after_s=wait)
            await asyncio.sleep(wait)
        budget.take(monotonic(), weight)

    def _refused(self, reply: RestReply) -> RateLimited:
        wait_s = _DEFAULT_RETRY_S if reply.retry_after_s is None else reply.retry_after_s
        if self._budget is not None:
            now = monotonic()
            self._budget.refused(now, retry_after_s=reply.retry_after_s, banned=reply.status == 418)
            wait_s = self._budget.wait_s(now)
        return RateLimited(self.venue, status=reply.status, retry_after_s=wait_s)


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


def _why(fault: BaseException, *, quiet: bool) -> str:
    if isinstance(fault, aiohttp.ClientHttpProxyError):
        return excerpt(f"the proxy answered HTTP {fault.status} {fault.message}")
    return type(fault).__name__ if quiet else excerpt(str(fault)) or type(fault).__name__
