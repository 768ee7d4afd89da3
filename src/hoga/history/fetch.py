"""history.fetch: one file of an exchange's archive at a time: fetched, proven by its CHECKSUM, and only then given its name.

What can be wrong on the way is tried again, with pauses, for as long as something comes; what is wrong twice with a whole file is put
into `quarantine` and told. A file that is here and in no index (somebody else's downloader left it) is proven first, and taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TypeVar

import msgspec

from hoga.core.errors import DiskFull, HogaError, RateLimited, Refused, VenueError, WireFault
from hoga.core.foreign import excerpt
from hoga.core.pauses import Pauses, Schedule
from hoga.history.index import Entry, Index
from hoga.history.listing import Listed, Page, page_query, read_page
from hoga.history.plan import CHECKSUM, Planned
from hoga.net.download import Downloader, Fetched, discard, part_of
from hoga.net.rest import RestClient
from hoga.runtime import durable
from hoga.runtime.clock import SYSTEM, Clock

__all__ = ["Fetcher", "Unproven", "parquet_of"]

QUARANTINE = "quarantine"
SUPERSEDED = "superseded"
_SUM = re.compile(rb"([0-9a-fA-F]{64})\s+\*?(\S+)\s*")
_ATTEMPTS = 6
"""Of one transfer that brings nothing; one that brings something begins to count anew."""
_LIST_ATTEMPTS = 3
"""Of a list: without it nothing can be done, and somebody waits for an answer."""
_MOST_ATTEMPTS = 60
_GONE = (404, 410)
_SPACE_FACTOR = 2
"""A file and its Parquet."""


T = TypeVar("T")


class Unproven(HogaError):
    """A file that cannot be had, or is not what it should be; the text says why."""


class Fetcher:
    """Brings files into `index.folder`. `small`: the client of the files' host, for sums; `listings`: of where they are listed."""

    def __init__(
        self,
        files: Downloader,
        small: RestClient,
        listings: RestClient,
        index: Index,
        *,
        reserve_bytes: int = 0,
        schedule: Schedule | tuple[float, ...] = Schedule.VENUE,
        clock: Clock = SYSTEM,
    ) -> None:
        self.index = index
        self._files = files
        self._small = small
        self._listings = listings
        self._reserve = reserve_bytes
        self._schedule = schedule
        self._clock = clock

    async def listed(self, prefix: str) -> list[Listed]:
        """Every file right below `prefix`. Raises VenueError."""
        found: list[Listed] = []
        marker: str | None = None
        seen: set[str] = set()
        while True:
            page = await self._again(partial(self._page, prefix, marker), attempts=_LIST_ATTEMPTS)
            found += page.files
            if page.marker is None:
                return found
            if page.marker in seen:
                raise WireFault(self._listings.venue, f"the list of {prefix} goes on from {excerpt(page.marker)} for ever")
            marker = page.marker
            seen.add(marker)

    async def _page(self, prefix: str, marker: str | None) -> Page:
        return await self._listings.read(page_query(prefix, marker), read_page)

    async def bring(self, planned: Planned, *, recheck: bool = False) -> Entry:
        """The file, proven and in its place. Raises Unproven, VenueError, ArchiveError, DiskFull."""
        try:
            return await self._bring(planned, recheck=recheck)
        except OSError as fault:
            raise durable.write_fault(self.index.folder / planned.name, fault) from fault

    async def _bring(self, planned: Planned, *, recheck: bool) -> Entry:
        target = self.index.folder / planned.name
        known = self.index.entries.get(planned.name)
        here = await asyncio.to_thread(_size_of, target)
        if here is not None:
            await asyncio.to_thread(discard, target)  # a kill may have left the note of what came
        if known is not None and here == known.bytes and (not recheck or await self._is_current(known, planned, target)):
            return known
        expected = await self._sum_of(planned)
        replaced: Entry | None = None
        if here is not None:
            has = await asyncio.to_thread(_sha256, target)
            if has == expected:
                return await self._take_over(planned, known, expected, here)
            if known is not None and known.sha256 == has:
                replaced = known
            else:
                await asyncio.to_thread(self._put_away, target, QUARANTINE)
        self._require_space(planned)
        fetched = await self._fetch(planned, target)
        if fetched.sha256 != expected:
            expected, fetched = await self._once_more(planned, target)
        if replaced is not None:
            await asyncio.to_thread(self._put_away, target, SUPERSEDED, copy=True)
        await asyncio.to_thread(durable.install, part_of(target), target)
        await asyncio.to_thread(discard, target)
        return await self._note(planned, fetched.sha256, fetched.bytes, fetched.etag, fetched.modified, replaced=replaced)

    async def _take_over(self, planned: Planned, known: Entry | None, sha256: str, size: int) -> Entry:
        """A file that is here already, and proven."""
        listed = planned.listed
        if known is None or known.sha256 != sha256:
            return await self._note(planned, sha256, size, listed.etag, listed.modified, adopted=True)
        entry = msgspec.structs.replace(known, etag=listed.etag, modified=listed.modified)
        await asyncio.to_thread(self.index.put, entry)
        return entry

    # -- proof ------------------------------------------------------------------------------------------------------

    async def _is_current(self, known: Entry, planned: Planned, target: Path) -> bool:
        """Whether the archive still lists the file as it was when it came, and it is still here as it came."""
        listed = planned.listed
        if listed.bytes != known.bytes or (known.etag and listed.etag and known.etag != listed.etag):
            return False
        return await asyncio.to_thread(_sha256, target) == known.sha256

    async def _sum_of(self, planned: Planned) -> str:
        """What the file's CHECKSUM says. Raises Unproven where there is none."""

        def read(body: bytes) -> str:
            told = _SUM.fullmatch(body)
            if told is None or told[2].decode(errors="replace") != planned.name:
                raise ValueError("no line of a sum and the file's name")
            return told[1].decode().lower()

        try:
            return await self._again(lambda: self._small.read(f"/{planned.listed.key}{CHECKSUM}", read))
        except Refused as fault:
            if fault.status in _GONE:
                raise Unproven(f"{planned.name}: no CHECKSUM is published for it, so that nothing proves it") from fault
            raise

    async def _once_more(self, planned: Planned, target: Path) -> tuple[str, Fetched]:
        """Both the sum and the file anew; what differs again is put away. Raises Unproven."""
        await asyncio.to_thread(discard, target)
        expected = await self._sum_of(planned)
        fetched = await self._fetch(planned, target)
        if fetched.sha256 == expected:
            return expected, fetched
        await asyncio.to_thread(self._put_away, part_of(target), QUARANTINE, name=planned.name)
        await asyncio.to_thread(discard, target)
        raise Unproven(
            f"{planned.name}: its CHECKSUM says {expected[:12]}…, and it has {fetched.sha256[:12]}…, twice; it is in {QUARANTINE}/"
        )

    async def _note(
        self, planned: Planned, sha256: str, size: int, etag: str, modified: str, *, adopted: bool = False, replaced: Entry | None = None
    ) -> Entry:
        before = [] if replaced is None else [*replaced.superseded, replaced.sha256[:12]]
        entry = Entry(
            name=planned.name,
            key=planned.listed.key,
            sha256=sha256,
            bytes=size,
            etag=etag,
            modified=modified,
            fetched_ns=time_ns(),
            adopted=adopted,
            superseded=before,
        )
        await asyncio.to_thread(self.index.put, entry)
        return entry

    # -- transfers --------------------------------------------------------------------------------------------------

    async def _fetch(self, planned: Planned, target: Path) -> Fetched:
        path = f"/{planned.listed.key}"
        pauses, had = Pauses(self._schedule), 0
        for _ in range(_MOST_ATTEMPTS):
            try:
                return await self._files.fetch(path, target)
            except RateLimited:
                continue  # the patience knows for how long
            except (VenueError, WireFault) as fault:
                if isinstance(fault, Refused) and fault.status in _GONE:
                    raise Unproven(f"{planned.name}: it is listed, and not there (HTTP {fault.status})") from fault
                now = await asyncio.to_thread(_size_of, part_of(target)) or 0
                if now > had:
                    pauses.clear()
                    had = now
                if pauses.failures + 1 >= _ATTEMPTS:
                    raise Unproven(f"{planned.name}: given up after {_ATTEMPTS} attempts: {fault}") from fault
                await self._clock.sleep(pauses.next_s())
        raise Unproven(f"{planned.name}: given up after {_MOST_ATTEMPTS} attempts")

    async def _again(self, ask: Callable[[], Awaitable[T]], *, attempts: int = _ATTEMPTS) -> T:
        """A small answer, asked for until it comes. Raises what the last attempt raised; a refusal that will not change at once."""
        pauses = Pauses(self._schedule)
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            await self._files.patience.wait()
            try:
                return await ask()
            except RateLimited as fault:
                self._files.patience.asked(fault.retry_after_s)
                if attempt == _MOST_ATTEMPTS:
                    raise
            except VenueError as fault:
                if (isinstance(fault, Refused) and fault.status in _GONE) or pauses.failures + 1 >= attempts:
                    raise
                await self._clock.sleep(pauses.next_s())
        raise AssertionError("the last attempt returns or raises")

    # -- places -----------------------------------------------------------------------------------------------------

    def _put_away(self, path: Path, folder: str, *, name: str | None = None, copy: bool = False) -> None:
        """Move a file (or keep it under a second name) into `folder`, with the start of its sha256 in its name."""
        digest = _sha256(path)
        stem = (name or path.name).removesuffix(".zip")
        place = self.index.folder / folder
        durable.make_folder(place)
        kept = place / f"{stem}.{digest[:12]}.zip"
        with contextlib.suppress(FileExistsError):
            durable.link(path, kept)
        if not copy:
            durable.unlink(path)
        durable.fsync_folder(place)

    def _require_space(self, planned: Planned) -> None:
        free = shutil.disk_usage(self.index.folder).free
        needed = planned.listed.bytes * _SPACE_FACTOR + self._reserve
        if free < needed:
            raise DiskFull(
                self.index.folder / planned.name,
                f"{free >> 20:,} MB are free, {needed >> 20:,} MB are needed with the reserve",
                hint="free space and run it again: what is here stays",
            )


def parquet_of(path: Path) -> Path:
    """The Parquet file beside a zip."""
    return path.with_name(path.name.removesuffix(".zip") + ".parquet")


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
