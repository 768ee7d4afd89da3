"""relay.segments: the lane of what is sealed: each segment file as it is, then the ledger lines that tell of it; closed days that were
never sent as minutes; healed trades and lists of instruments.

It goes by the ledgers: a line that names a segment is sent after that segment, so whoever has the lines has what they name. What was
acknowledged is in the position; what is behind it is still on the disk, or in a closed day. When NATS is away nothing waits but this
lane, and afterwards it goes on where it was. A file that is not as it was sealed is told by name and not sent.

A day that closes is sent again as a whole (day file, healed file, manifest, in this order) unless its manifest says that the ledger ended
where it was sent to, and every segment went.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hoga.archive.form.checked import Proof, checked_blocks
from hoga.archive.form.deflate import crc32
from hoga.archive.form.healed import healed_path
from hoga.archive.form.ledger import HealedEntry, SegmentEntry, ledger_lines
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import Manifest, decode_manifest
from hoga.archive.form.regular import open_regular, read_regular
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.pauses import Pauses, Schedule
from hoga.relay.broker import Broker, BrokerFault
from hoga.relay.folders import Folders, Seen, beside, is_there, kind_of
from hoga.relay.position import Position, Sent
from hoga.relay.status import RelayCounts
from hoga.relay.subjects import SEGMENTS, FileHead, FileKind, cut, head_of, part_bytes, segments_subject
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log

__all__ = ["SegmentLane"]

_log = get_log("relay")

_LOOK_S = 1.0
_SAVE_S = 1.0
_DAYS_S = 60.0
"""So often the manifests that are there are looked at though no name among them is new: one may have been made anew."""
_TOGETHER_FILES = 64
_TOGETHER_BYTES = 16 << 20
"""After so much the lines that tell of it are sent, and the position is written."""
_PIECE_BYTES = 1 << 20
_DAY_TRIES = 3
"""A day whose file is not what its manifest says may be on its way into place: so often it is looked at before it is told."""


class _Stretch(NamedTuple):
    """Lines `begin` to `end` of a ledger, and the files that they name."""

    begin: int
    end: int
    segments: list[SegmentEntry]
    healed: list[HealedEntry]


class SegmentLane:
    """Sends what is sealed below `folders`. `run` does so for ever; `send_again` one file, when somebody asks for it."""

    def __init__(
        self, folders: Folders, position: Position, broker: Broker, collector: str, counts: RelayCounts, *, clock: Clock = SYSTEM
    ) -> None:
        self._folders = folders
        self._position = position
        self._broker = broker
        self._collector = collector
        self._subject = segments_subject(collector)
        self._counts = counts
        self._clock = clock
        self._ledgers: dict[Path, tuple[int, int, int]] = {}
        self._manifests: dict[Path, tuple[int, int]] = {}
        self._lists: dict[Path, tuple[int, int]] = {}
        self._tries: dict[str, int] = {}
        self._refused: dict[Path, Exception | None] = {}
        self._unread: set[Path] = set()
        self._left: dict[Path, float] = {}
        self._days: list[SeriesDay] = []
        self._closed: list[SeriesDay] = []
        self._days_looked = float("-inf")
        self._saved = float("-inf")
        self._is_unsaved = False

    async def run(self) -> None:
        """Send whatever is there and whatever comes, for ever; what NATS or the disk refuses is tried again."""
        pauses = Pauses(Schedule.NATS)
        while True:
            try:
                is_current = await self._round()
            except BrokerFault as fault:
                if self._broker.connected:
                    _log.warning("segments are not taken", why=str(fault), hint="tried again until they are")
                    with contextlib.suppress(BrokerFault):  # somebody may have removed the stream
                        await self._broker.ensure(SEGMENTS)
                await self._clock.sleep(pauses.next_s())
                continue
            except (ArchiveError, OSError) as fault:
                _log.warning("the segments lane cannot go on", why=str(fault), hint="tried again")
                await self._clock.sleep(pauses.next_s())
                continue
            pauses.clear()
            if is_current:
                self._counts.current_ns = self._clock.time_ns()
                await self._clock.sleep(_LOOK_S)

    async def send_again(self, name: str) -> None:
        """Send one file anew, whatever was sent before. Raises BrokerFault, ArchiveError, OSError."""
        path = self._folders.path_of(name)
        if path is None:
            raise ArchiveError(name, "is no name below the data root")
        kind = kind_of(name)
        if kind is FileKind.SEGMENT:
            await asyncio.to_thread(_check_segment, path, None)
        await self._send_file(path, name, kind, again=f" {self._clock.time_ns()}")
        self._counts.again += 1

    # -- a round ------------------------------------------------------------------------------------------------------

    async def _round(self) -> bool:
        """Send the ledgers that grew, and closed days for a second. True when nothing is left."""
        seen = await asyncio.to_thread(self._folders.look)
        grown = await asyncio.to_thread(self._grown, seen)
        closed = await asyncio.to_thread(self._unsent_days, seen)
        self._tell_unread(seen)
        self._counts.waiting = len(grown) + len(closed)
        if not self._broker.connected:
            raise BrokerFault(self._broker.trouble or "NATS is away")
        for day in sorted(grown, key=lambda day: day.day, reverse=True):
            await self._send_ledger(day)
            self._counts.waiting -= 1
            await self._save()
        await self._save(now=True)
        for path in seen.lists:
            await self._send_list(path)
        end = self._clock.monotonic() + _LOOK_S
        while closed and self._clock.monotonic() < end:
            await self._send_day(closed[-1])
            closed.pop()
            self._counts.waiting -= 1
            await self._save()
        await asyncio.to_thread(self._forget, seen)
        await self._save(now=True)
        return not closed

    async def _save(self, *, now: bool = False) -> None:
        """Write the position down, at most once a second but for when it has to be `now`. Where it cannot be written, sending goes on:
        what is not noted is sent again by the next life."""
        if not now and self._clock.monotonic() - self._saved < _SAVE_S:
            return
        self._saved = self._clock.monotonic()
        try:
            await asyncio.to_thread(self._position.save)
        except ArchiveError as fault:
            if not self._is_unsaved:
                _log.warning("what was sent cannot be noted", why=str(fault), hint="tried again; a restart would send it again")
            self._is_unsaved = True
        else:
            self._is_unsaved = False

    def _grown(self, seen: Seen) -> list[SeriesDay]:
        """The days whose ledger is not what it was when all of it had been sent."""
        found = []
        there = set()
        now = self._clock.monotonic()
        self._left = {path: until for path, until in self._left.items() if until > now}
        for day in seen.ledgers:
            there.add(day.ledger)
            if day.ledger in self._left:
                continue
            try:
                status = day.ledger.stat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as fault:
                self._refused[day.ledger] = fault
                self._ledgers.pop(day.ledger, None)
                continue
            if self._ledgers.get(day.ledger) != (status.st_ino, status.st_size, status.st_mtime_ns):
                found.append(day)
        self._ledgers = {path: known for path, known in self._ledgers.items() if path in there}
        return found

    def _unsent_days(self, seen: Seen) -> list[SeriesDay]:
        """The closed days that were not sent as they are now, the newest last."""
        now, found = self._clock.monotonic(), []
        if seen.manifests == self._days and (self._closed or (now - self._days_looked < _DAYS_S and not self._tries)):
            return self._closed
        for day in seen.manifests:
            try:
                status = day.manifest_path.stat()
            except FileNotFoundError:
                continue
            except OSError as fault:
                self._refused[day.manifest_path] = fault
                self._manifests.pop(day.manifest_path, None)
                continue
            mark = (status.st_ino, status.st_mtime_ns)
            if self._manifests.get(day.manifest_path) == mark:
                continue
            name = self._name(day.manifest_path)
            try:
                is_known = self._position.files.get(name) == _content(read_regular(day.manifest_path))
            except FileNotFoundError:
                continue
            except (ArchiveError, OSError) as fault:
                self._refused[day.manifest_path] = fault
                continue
            if is_known:
                self._manifests[day.manifest_path] = mark
                self._refused[day.manifest_path] = None
            else:
                found.append(day)
        self._days, self._days_looked = seen.manifests, now
        self._closed = sorted(found, key=lambda day: day.day)
        return self._closed

    def _forget(self, seen: Seen) -> None:
        """What nobody needs to know any more: ledgers that are in a manifest that was sent, and files that are gone; while a folder
        cannot be read, nobody knows which."""
        if seen.unread:
            return
        ledgers = {self._name(day.ledger) for day in seen.ledgers}
        manifests = {self._name(day.manifest_path) for day in seen.manifests}
        closed = {self._name(day.ledger) for day in seen.manifests if self._name(day.manifest_path) in self._position.files}
        pending = {self._name(day.ledger) for day in seen.manifests} - closed
        gone = [name for name in self._position.ledgers if name not in pending and (name not in ledgers or name in closed)]
        gone = [name for name in gone if not self._exists(name)]
        gone += [name for name in self._position.files if kind_of(name) is FileKind.MANIFEST and name not in manifests]
        self._position.forget(gone)

    def _exists(self, name: str) -> bool:
        path = self._folders.path_of(name)
        return path is not None and is_there(path)

    # -- open days ----------------------------------------------------------------------------------------------------

    async def _send_ledger(self, day: SeriesDay) -> None:
        name = self._name(day.ledger)
        sent = self._position.ledgers.get(name)
        try:
            status = day.ledger.stat()
            data = await asyncio.to_thread(read_regular, day.ledger)
        except FileNotFoundError:  # it was folded this moment: the closed day is looked at next
            return
        except (ArchiveError, OSError) as fault:
            self._tell_damaged(day.ledger, fault)
            self._left[day.ledger] = self._clock.monotonic() + _DAYS_S
            return
        self._tell_well(day.ledger)
        is_known = sent is not None and len(data) >= sent.bytes and crc32(data[: sent.bytes]) == sent.crc32
        begin, whole = (sent.bytes, sent.whole) if sent is not None and is_known else (0, True)
        for stretch in _stretches(data, begin):
            whole = await self._send_stretch(day, name, data, stretch) and whole
            self._position.sent(name, Sent(stretch.end, crc32(data[: stretch.end]), whole))
        self._ledgers[day.ledger] = (status.st_ino, status.st_size, status.st_mtime_ns)

    async def _send_stretch(self, day: SeriesDay, name: str, data: bytes, stretch: _Stretch) -> bool:
        """The files first, then the lines. Returns whether every file went."""
        whole = True
        for healed in stretch.healed:
            if (path := self._beside(day.directory, healed.healed.file)) is not None and await self._try_file(path, FileKind.OTHER):
                self._position.sent_file(self._name(path), healed.healed.file_sha256)
            else:
                whole = False
        waiting: list[asyncio.Future[Any]] = []
        try:
            for entry in stretch.segments:
                if (path := self._beside(day.folder, entry.file)) is None:
                    whole = False
                    continue
                try:
                    content = await asyncio.to_thread(_check_segment, path, entry)
                except (ArchiveError, OSError) as fault:
                    whole = False
                    if not (isinstance(fault, FileNotFoundError) and is_there(day.manifest_path)):  # else it is in the closed day
                        self._tell_damaged(path, fault)
                    continue
                waiting += await self._post(head_of(self._collector, self._name(path), FileKind.SEGMENT, content), content)
                self._counts.files += 1
                self._counts.file_bytes += len(content)
            await self._broker.settle(waiting)
            lines = data[stretch.begin : stretch.end]
            waiting = await self._post(head_of(self._collector, name, FileKind.LEDGER, lines, offset=stretch.begin), lines)
            await self._broker.settle(waiting)
            self._counts.lines_bytes += len(lines)
        finally:
            self._broker.let_go(waiting)
        return whole

    async def _send_list(self, path: Path) -> None:
        try:
            status = path.stat()
            mark = (status.st_ino, status.st_mtime_ns)
            if self._lists.get(path) == mark:
                return
            name, content = self._name(path), await asyncio.to_thread(read_regular, path)
        except FileNotFoundError:
            return
        except (ArchiveError, OSError) as fault:
            self._tell_damaged(path, fault)
            return
        self._tell_well(path)
        if self._position.files.get(name) != _content(content):
            await self._broker.settle(await self._post(head_of(self._collector, name, FileKind.OTHER, content), content))
            self._position.sent_file(name, _content(content))
            self._counts.files += 1
        self._lists[path] = mark

    # -- closed days --------------------------------------------------------------------------------------------------

    async def _send_day(self, day: SeriesDay) -> None:
        """A closed day: nothing when all of it went as minutes, else its files as they are."""
        path, name = day.manifest_path, self._name(day.manifest_path)
        try:
            status = path.stat()
        except FileNotFoundError:
            return
        except OSError as fault:
            self._tell_damaged(path, fault)
            return
        try:
            text = await asyncio.to_thread(read_regular, path)
            manifest = decode_manifest(text)
        except FileNotFoundError:
            return
        except (ArchiveError, OSError, ValueError) as fault:
            self._settle_day(path, name, status, b"", fault)
            return
        if not self._went_as_minutes(day, name, manifest):
            try:
                await self._send_file(beside(day.directory, manifest.archive.file), None, FileKind.DAY, sha256=manifest.archive.sha256)
                if manifest.healed is not None:
                    await self._send_file(healed_path(day), None, FileKind.OTHER, sha256=manifest.healed.file_sha256)
            except (ArchiveError, OSError) as fault:
                self._settle_day(path, name, status, text, fault)
                return
            await self._broker.settle(await self._post(head_of(self._collector, name, FileKind.MANIFEST, text), text))
            self._counts.days += 1
        self._settle_day(path, name, status, text, None)

    def _went_as_minutes(self, day: SeriesDay, name: str, manifest: Manifest) -> bool:
        sent = self._position.ledgers.get(self._name(day.ledger))
        folded = manifest.ledger
        healed = manifest.healed
        has_healed = healed is None or self._position.files.get(self._name(healed_path(day))) == healed.file_sha256
        is_first = name not in self._position.files and manifest.collectors is None
        return sent is not None and sent == Sent(folded.bytes, folded.crc32, True) and bool(folded.bytes) and has_healed and is_first

    def _settle_day(self, path: Path, name: str, status: os.stat_result, text: bytes, fault: Exception | None) -> None:
        """The day is done with, or it is told and left until its manifest changes."""
        if fault is None:
            self._position.sent_file(name, _content(text))
            self._tell_well(path)
        else:
            self._tries[name] = self._tries.get(name, 0) + 1
            if self._tries[name] < _DAY_TRIES:
                return
            self._tell_damaged(path, fault)
        self._tries.pop(name, None)
        self._manifests[path] = (status.st_ino, status.st_mtime_ns)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _beside(self, folder: Path, file: str) -> Path | None:
        """What a ledger names; None, and it is told, where that is no name of a file."""
        try:
            return beside(folder, file)
        except SegmentCorrupt as fault:
            self._tell_damaged(folder, fault)
            return None

    async def _try_file(self, path: Path, kind: FileKind) -> bool:
        try:
            await self._send_file(path, None, kind)
        except (ArchiveError, OSError) as fault:
            self._tell_damaged(path, fault)
            return False
        return True

    async def _send_file(self, path: Path, name: str | None, kind: FileKind, *, sha256: str | None = None, again: str = "") -> None:
        """One file in parts, acknowledged. Raises BrokerFault, ArchiveError, OSError (not there)."""
        name = self._name(path) if name is None else name
        with open_regular(path) as file:
            head = await asyncio.to_thread(_head_of_file, file.fileno(), self._collector, name, kind)
            if sha256 is not None and head.sha256 != sha256:
                raise SegmentCorrupt(path, "the file is not what the manifest says")
            waiting: list[asyncio.Future[Any]] = []
            try:
                for headers, at, length in cut(head, self._part_bytes, again=again):
                    payload = await asyncio.to_thread(os.pread, file.fileno(), length, at)
                    if len(payload) != length:
                        raise SegmentCorrupt(path, "the file became shorter while it was read", offset=at + len(payload))
                    waiting.append(await self._broker.post(SEGMENTS, self._subject, headers, payload))
                    if len(waiting) >= _TOGETHER_FILES:
                        await self._broker.settle(waiting)
                        waiting = []
                await self._broker.settle(waiting)
            finally:
                self._broker.let_go(waiting)
        self._counts.files += 1
        self._counts.file_bytes += head.bytes

    async def _post(self, head: FileHead, content: bytes) -> list[asyncio.Future[Any]]:
        waiting: list[asyncio.Future[Any]] = []
        try:
            for headers, at, length in cut(head, self._part_bytes):
                waiting.append(await self._broker.post(SEGMENTS, self._subject, headers, content[at : at + length]))
        except BaseException:
            self._broker.let_go(waiting)
            raise
        return waiting

    @property
    def _part_bytes(self) -> int:
        try:
            return part_bytes(self._broker.max_payload)
        except ValueError as fault:
            raise BrokerFault(str(fault)) from fault

    def _name(self, path: Path) -> str:
        name = self._folders.name_of(path)
        assert name is not None, "it was found below the data root"
        return name

    def _tell_damaged(self, path: Path, fault: Exception) -> None:
        name = self._name(path)
        if name not in self._counts.damaged:
            self._counts.damaged[name] = str(fault)
            _log.warning("not sent: the file is not as it was sealed", file=name, why=str(fault), hint=f"hoga verify {path}")

    def _tell_well(self, path: Path) -> None:
        """It can be read (again)."""
        if self._counts.damaged.pop(self._name(path), None) is not None:
            _log.info("it can be read again", file=self._name(path))

    def _tell_unread(self, seen: Seen) -> None:
        """Whatever was looked for and could not be read, once; and what can be read again."""
        refused, self._refused = self._refused, {}
        for path, fault in refused.items():
            if fault is None:
                self._tell_well(path)
            else:
                self._tell_damaged(path, fault)
        for folder in self._unread - seen.unread.keys():
            self._tell_well(folder)
        for folder, why in seen.unread.items():
            if folder not in self._unread:
                self._counts.damaged[self._name(folder)] = why
                _log.warning("not sent: a folder cannot be read", folder=str(folder), why=why, hint="let the relay's user read all of it")
        self._unread = set(seen.unread)


def _stretches(data: bytes, begin: int) -> Iterator[_Stretch]:
    """The whole lines from `begin` on, so many at a time as go well together."""
    stretch = _Stretch(begin, begin, [], [])
    files = size = 0
    for line in ledger_lines(data[begin:]):
        end = begin + line.at + len(line.text) + 1
        stretch = stretch._replace(end=end)
        if isinstance(line.entry, SegmentEntry) and line.entry.file:
            stretch.segments.append(line.entry)
            files, size = files + 1, size + line.entry.archive_bytes
        elif isinstance(line.entry, HealedEntry):
            stretch.healed.append(line.entry)
        if files >= _TOGETHER_FILES or size >= _TOGETHER_BYTES:
            yield stretch
            stretch = _Stretch(end, end, [], [])
            files = size = 0
    if stretch.end > stretch.begin:
        yield stretch


def _check_segment(path: Path, entry: SegmentEntry | None) -> bytes:
    """The bytes of a segment file, proven. Raises SegmentCorrupt, ArchiveError, FileNotFoundError."""
    located = locate(path)
    content = read_regular(path)
    if len(content) != located.file_bytes:
        raise SegmentCorrupt(path, "the file changes while it is read")
    body = memoryview(content)[located.body_at : located.body_at + located.body_bytes]
    if located.body_crc32 is not None:
        if crc32(body) != located.body_crc32:
            raise SegmentCorrupt(path, "the compressed bytes are not what was sealed", offset=located.body_at)
        for here, there in ((located.text_bytes, entry and entry.bytes), (located.crc32, entry and entry.crc32)):
            if here is not None and there is not None and here != there:
                raise SegmentCorrupt(path, "the segment is not what the ledger says was sealed", offset=0)
    else:
        proof = Proof() if entry is None else Proof(text_bytes=entry.bytes, crc32=entry.crc32)
        for _ in checked_blocks(path, proof=proof):
            pass
    return content


def _head_of_file(fd: int, collector: str, name: str, kind: FileKind) -> FileHead:
    size = os.fstat(fd).st_size
    digest, crc, at = hashlib.sha256(), 0, 0
    while piece := os.pread(fd, _PIECE_BYTES, at):
        digest.update(piece)
        crc, at = crc32(piece, crc), at + len(piece)
    return (
        FileHead(collector=collector, file=name, kind=kind, bytes=at, crc32=crc, sha256=digest.hexdigest())
        if at == size
        else _changed(name)
    )


def _changed(name: str) -> FileHead:
    raise SegmentCorrupt(name, "the file changes while it is read")


def _content(text: bytes) -> str:
    return f"{crc32(text):08x} {len(text)}"
