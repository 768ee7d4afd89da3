"""net.download: one large file over HTTP into `NAME.part`, in pieces, hashed on the way, and gone on with where it was left.

What is here already is asked for no more (`Range`), provided that it is still the same file (`If-Range` with the ETag, which is
written down beside the piece before its first byte): an answer with the whole file starts over. The file gets its name from whoever
has proven what it holds.
A timeout is silence, not length. Whoever is asked to wait (429, 418, 503) waits, and so does everybody who shares the `Patience`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import ssl
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from hoga.core.errors import RateLimited, Refused, VenueError, WireFault
from hoga.core.foreign import describe_answer, excerpt
from hoga.core.times import SECOND_NS
from hoga.net.proxy import ProxyMistake, proxy_for
from hoga.net.retry import retry_after_s
from hoga.runtime import durable
from hoga.runtime.clock import SYSTEM, Clock

__all__ = ["PART", "Downloader", "Fetched", "Patience"]

PART = ".part"
_ETAG = ".etag"
_PIECE = 1 << 20
_DEFAULT_RETRY_S = 60.0
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_SHOWN = 512


class Fetched(NamedTuple):
    """A whole file, in its `.part`. `sha256` is of its bytes; `etag` without quotes and `modified` as the server spells it, "" where it
    tells none; `resumed_at`: how much was here before."""

    sha256: str
    bytes: int
    etag: str
    modified: str
    resumed_at: int


class Patience:
    """Until when a server wants to be left alone, for all who ask it."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._until = 0.0

    def asked(self, seconds: float) -> None:
        """The server asked for so much."""
        self._until = max(self._until, self._clock.monotonic() + seconds)

    async def wait(self) -> None:
        """Return when it may be asked again."""
        while (left := self._until - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)


class Downloader:
    """Files of `venue` under `base_url`, through the proxy that the environment names. `async with` closes its connections.

    Args:
        silence_s: so long nothing may come, before a transfer is given up.
        connections: at most so many at a time.
    """

    def __init__(
        self,
        venue: str,
        base_url: str,
        *,
        tls: ssl.SSLContext | None,
        silence_s: float,
        connections: int,
        patience: Patience,
        clock: Clock = SYSTEM,
    ) -> None:
        self.venue = venue
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self._tls = tls
        self._silence_s = silence_s
        self._connections = connections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True, limit=self._connections)
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=self._silence_s, sock_read=self._silence_s)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, path: str, target: Path, *, from_start: bool = False) -> Fetched:
        """Bring the file at `path` into `target` + `.part`. `from_start`: whatever is there of it is not gone on with.

        Raises RateLimited (429, 418, 503: the patience is told), Refused (another status), VenueError (no answer, or one that broke
        off; what came is kept for the next attempt), WireFault (a page instead of a file), DiskFull, ArchiveError (it cannot be written).
        """
        part = part_of(target)
        known = "" if from_start else await asyncio.to_thread(_known_etag, part)
        hashed, at = await asyncio.to_thread(_begin, part, known)
        await self.patience.wait()
        headers = {"Accept-Encoding": "identity"}
        if at:
            headers |= {"Range": f"bytes={at}-", "If-Range": f'"{known}"'}
        try:
            via = proxy_for(self.base_url, os.environ)
            async with self._opened().get(
                URL(self.base_url + path),
                headers=headers,
                proxy=None if via is None else via.url,
                proxy_headers={} if via is None or not via.authorization else {"Proxy-Authorization": via.authorization.reveal()},
            ) as answer:
                return await self._take(path, answer, part, hashed, at)
        except ProxyMistake as fault:
            raise VenueError(self.venue, f"no answer from {self.base_url}{path}: {fault}") from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as fault:
            raise VenueError(self.venue, f"{self.base_url}{path}: the transfer broke off: {_why(fault, self._silence_s)}") from fault

    async def _take(self, path: str, answer: aiohttp.ClientResponse, part: Path, hashed: hashlib._Hash, at: int) -> Fetched:
        if answer.status == 416:  # what is here is no piece of what is there
            await asyncio.to_thread(_forget, part)
            raise VenueError(self.venue, f"{self.base_url}{path}: what was here of it is longer than the file; it is fetched anew")
        if answer.status not in (200, 206):
            await self._refuse(path, answer)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            said = describe_answer(answer.status, content_type="text/html", body=await answer.content.read(_SHOWN))
            raise WireFault(self.venue, f"{self.base_url}{path} answered {said}")
        began = _RANGE.match(answer.headers.get("Content-Range", "")) if answer.status == 206 else None
        etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"')
        if at and (began is None or int(began[1]) != at):
            hashed, at = await asyncio.to_thread(_begin, part, "")
        resumed_at = at
        try:
            file = await asyncio.to_thread(_open, part, etag, at)
        except OSError as fault:
            raise durable.write_fault(part, fault) from fault
        pieces: list[bytes] = []
        try:
            try:
                async for piece in answer.content.iter_any():
                    pieces.append(piece)
                    at += len(piece)
                    if sum(map(len, pieces)) >= _PIECE:
                        await asyncio.to_thread(_keep, file, pieces, hashed)
            finally:  # what came before it broke off is kept too
                await asyncio.to_thread(_keep, file, pieces, hashed)
            await asyncio.to_thread(durable.fsync, file)
        except OSError as fault:
            if isinstance(fault, (aiohttp.ClientError, TimeoutError, ConnectionError)):
                raise
            raise durable.write_fault(part, fault) from fault
        finally:
            os.close(file)
        return Fetched(hashed.hexdigest(), at, etag, answer.headers.get("Last-Modified", ""), resumed_at)

    async def _refuse(self, path: str, answer: aiohttp.ClientResponse) -> None:
        now_s = self._clock.time_ns() / SECOND_NS
        wish = retry_after_s(answer.headers.get("Retry-After"), date=answer.headers.get("Date"), now_s=now_s)
        if answer.status in (429, 418) or (answer.status == 503 and wish is not None):
            seconds = _DEFAULT_RETRY_S if wish is None else wish
            self.patience.asked(seconds)
            raise RateLimited(self.venue, status=answer.status, retry_after_s=seconds)
        body = await answer.content.read(_SHOWN)
        said = describe_answer(answer.status, content_type=answer.headers.get("Content-Type", ""), body=body)
        raise Refused(self.venue, code=answer.status, reason=f"{self.base_url}{path} answered {said}", status=answer.status)

    def _opened(self) -> aiohttp.ClientSession:
        assert self._session is not None, "a downloader is used inside its `async with`"
        return self._session


def part_of(target: Path) -> Path:
    """Where a file is while it comes."""
    return target.with_name(target.name + PART)


def discard(target: Path) -> None:
    """Remove what came of a file. Raises OSError."""
    _forget(part_of(target))


def _known_etag(part: Path) -> str:
    try:
        return part.with_name(part.name + _ETAG).read_text()
    except (OSError, ValueError):
        return ""


def _begin(part: Path, etag: str) -> tuple[hashlib._Hash, int]:
    """The hash of what is here already, and how much that is; nothing is gone on with that nobody knows the ETag of."""
    hashed = hashlib.sha256()
    if not etag:
        return hashed, 0
    try:
        with part.open("rb") as file:
            while piece := file.read(_PIECE):
                hashed.update(piece)
            return hashed, file.tell()
    except OSError:
        return hashlib.sha256(), 0


def _open(part: Path, etag: str, at: int) -> int:
    """The piece's file, cut to `at`, with its ETag written down before anything else is."""
    if at == 0:
        _forget(part)
        if etag:
            note = os.open(part.with_name(part.name + _ETAG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                durable.write_all(note, etag.encode())
            finally:
                os.close(note)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    durable.truncate(file, at)
    os.lseek(file, at, os.SEEK_SET)
    return file


def _keep(file: int, pieces: list[bytes], hashed: hashlib._Hash) -> None:
    """Write and hash the pieces, and take them out of the list."""
    data = b"".join(pieces)
    pieces.clear()
    if data:
        durable.write_all(file, data)
        hashed.update(data)


def _forget(part: Path) -> None:
    durable.unlink(part, missing_ok=True)
    durable.unlink(part.with_name(part.name + _ETAG), missing_ok=True)


def _why(fault: BaseException, silence_s: float) -> str:
    if isinstance(fault, TimeoutError):
        return f"nothing came for {silence_s:g} s"
    return excerpt(str(fault)) or type(fault).__name__
