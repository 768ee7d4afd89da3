"""net.rest: the few REST calls hoga makes by itself. Limits are the venue's answer to obey, never to test."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

from hoga.core.errors import RateLimited, Refused, VenueError
from hoga.core.secret import Secret

__all__ = ["RestClient", "RestReply"]

_DEFAULT_RETRY_S = 60.0


class RestReply(NamedTuple):
    """An answer of whatever status. `retry_after_s`: the venue's wish, None without one."""

    status: int
    body: bytes
    retry_after_s: float | None


class RestClient:
    """GETs from `base_url` (scheme and host, no path) of `venue`. Use as `async with`."""

    def __init__(self, venue: str, base_url: str, *, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        self.venue = venue
        self._base = base_url.rstrip("/")
        self._tls = tls
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> bytes:
        """The body of a 200. Raises RateLimited (429, 418), Refused (other statuses), VenueError (no answer)."""
        assert self._session is not None, "used inside `async with`"
        try:
            async with self._session.get(self._base + path) as answer:
                body = await answer.read()
                if answer.status in (429, 418):
                    raise RateLimited(self.venue, status=answer.status, retry_after_s=_seconds(answer.headers.get("Retry-After")))
                if answer.status != 200:
                    reason = body[:200].decode("utf-8", "replace")
                    raise Refused(self.venue, code=answer.status, reason=reason, status=answer.status)
                return body
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise VenueError(self.venue, f"no answer from {self._base}{path}: {fault or type(fault).__name__}") from fault

    async def call(self, method: str, path: str, *, headers: Mapping[str, Secret]) -> RestReply:
        """Any call, any answer. Raises VenueError when there is none; its text holds no header."""
        assert self._session is not None, "used inside `async with`"
        request = self._session.request
        try:
            async with request(
                method, self._base + path, headers={name: value.reveal() for name, value in headers.items()}, allow_redirects=False
            ) as answer:
                wish = answer.headers.get("Retry-After")
                return RestReply(answer.status, await answer.read(), None if wish is None else _seconds(wish))
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            why = type(fault).__name__
            raise VenueError(self.venue, f"no answer from {self._base}{path.partition('?')[0]}: {why}") from None


def _seconds(text: str | None) -> float:
    try:
        return float(text) if text else _DEFAULT_RETRY_S
    except ValueError:
        return _DEFAULT_RETRY_S
