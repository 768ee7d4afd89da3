"""relay.live: the lane of what arrives this moment: the journals' chunks as they are written, for whoever shows or uses live frames.

Each 25 ms what every journal grew by goes out as one message, so there is never one for each frame. Nothing waits here: what NATS does not
take at once is gone, counted, and shows in the message numbers. Who wants all of it takes the segments.

A chunk is decoded here only to know which leg is which connection; what is sent are the bytes on the disk. Messages of a journal begin
where the lane found it: at the first KEY after that, a second later at most, a reader can begin. Where nothing is written for a second
an empty message says that all is well; not where the recorder is gone: its lock was seen, and nobody holds it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.chunks import KEY_MAGIC, ChunkDecoder, Packed, read_packed
from hoga.archive.form.journal import CONTROL, LegNote, Note, decode_note, parse_journal_name, read_body
from hoga.archive.form.regular import open_regular
from hoga.archive.keep.life import LOCK_FILE
from hoga.core.errors import ArchiveError
from hoga.relay.broker import Broker
from hoga.relay.folders import Folders, is_there
from hoga.relay.status import RelayCounts
from hoga.relay.subjects import Leg, LiveHead, live_headers, live_subject, part_bytes
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.locks import is_locked
from hoga.runtime.logs import get_log

__all__ = ["LiveLane"]

_log = get_log("relay")

_GATHER_S = 0.025
_FOLDERS_S, _FIRST_S = 5.0, 0.25
"""So often a new folder of journals is looked for, and where there is none yet."""
_BEAT_S = 1.0
_READ_BYTES = 4 << 20
"""A journal that has more than this to tell is ahead of us: the rest is read at the next look."""
_STUCK_BYTES = 256 << 10
"""What begins with no whole chunk while so much lies there is damaged: a chunk being written is a fraction of that."""
_CONTROL = CONTROL.to_bytes(2, "little")


class _Piece(NamedTuple):
    """Whole chunks as they lie in the file. `legs`: where a KEY is among them, the legs as they were before it."""

    data: bytes
    chunks: int
    legs: list[Leg] | None


class _Journal:
    """One journal being followed. `is_past`: what is in it now is only read, not sent."""

    def __init__(self, path: Path, *, is_past: bool) -> None:
        self.path = path
        self.fd = _descriptor(path)
        self.is_past = is_past
        self.is_damaged = False
        self.head = b""
        self._at = 0
        self._decoder = ChunkDecoder()
        self._legs: dict[int, Leg] = {}

    def close(self) -> None:
        os.close(self.fd)

    def skip(self, data: bytes) -> bool:
        """Whether what begins `data` is no chunk and never will be, so much lies behind it: go on at the next KEY, or near the end."""
        if len(data) < _STUCK_BYTES or not self.head:
            return False
        at = data.find(KEY_MAGIC, 1)
        self._at += at if at > 0 else len(data) - len(KEY_MAGIC)
        return True

    def grown(self) -> bytes:
        """What lies behind what was taken."""
        return os.pread(self.fd, _READ_BYTES, self._at)

    def take(self, data: bytes, most: int) -> Iterator[_Piece]:
        """The whole chunks in `data`, in pieces of at most `most` bytes (but for a chunk that is longer)."""
        if not self.head:
            data = self._take_head(data)
            if not self.head:
                return
        file = BytesIO(data)
        begin = end = chunks = 0
        legs: list[Leg] | None = None
        while (packed := read_packed(file)) is not None:
            if chunks and file.tell() - begin > most:
                yield _Piece(data[begin:end], chunks, legs)
                begin, chunks, legs = end, 0, None
            if packed.is_key and legs is None:
                legs = list(self._legs.values())
            end, chunks = file.tell(), chunks + 1
            self._follow(packed)
        if chunks:
            yield _Piece(data[begin:end], chunks, legs)
        self._at += end

    def _take_head(self, data: bytes) -> bytes:
        file = BytesIO(data)
        if read_body(file) is None:
            return b""
        self.head = data[: file.tell()]
        self._at = len(self.head)
        return data[self._at :]

    def _follow(self, packed: Packed) -> None:
        """Learn from the chunk's notes which leg is which connection."""
        chunk = self._decoder.decode(packed)
        if chunk is None:
            return
        tags = chunk.tags.tobytes()
        at = tags.find(_CONTROL)
        while at >= 0:
            if at % 4 == 0:
                record = at // 4
                begin = chunk.starts[record]
                note = _note(chunk.data[begin : begin + chunk.lengths[record]])
                if isinstance(note, LegNote):
                    if note.to_ns is None:
                        self._legs[note.leg] = Leg(note.leg, note.conn, note.epoch)
                    else:
                        self._legs.pop(note.leg, None)
            at = tags.find(_CONTROL, at + 1)


class LiveLane:
    """Sends what the journals below `folders` grow by. `session`: of this life; messages are numbered within it."""

    def __init__(
        self, folders: Folders, broker: Broker, collector: str, session: str, counts: RelayCounts, *, clock: Clock = SYSTEM
    ) -> None:
        self._folders = folders
        self._broker = broker
        self._collector = collector
        self._session = session
        self._counts = counts
        self._clock = clock
        self._seq = 0
        self._said = clock.monotonic()
        self._open: dict[Path, _Journal] = {}
        self._homes: dict[Path, int] = {}
        self._locked: set[Path] = set()
        self._skip: set[Path] = set()

    async def run(self) -> None:
        """Follow the journals for ever."""
        looked, is_past = float("-inf"), True
        try:
            while True:
                began = self._clock.monotonic()
                if began - looked >= (_FOLDERS_S if self._homes else _FIRST_S):
                    looked = began
                    await self._find_homes()
                self._find_journals(is_past=is_past)
                is_past = False
                for journal in list(self._open.values()):
                    try:
                        await self._follow(journal)
                    except OSError as fault:  # a bad sector costs this journal, and no other
                        self._leave(journal, fault)
                if self._open and self._clock.monotonic() - self._said >= _BEAT_S:
                    await self._say_all_is_well()
                await self._clock.sleep(max(0.0, _GATHER_S - (self._clock.monotonic() - began)))
        finally:
            for journal in self._open.values():
                journal.close()
            self._open.clear()

    async def _say_all_is_well(self) -> None:
        self._said = self._clock.monotonic()
        for journal in self._open.values():
            if self._is_recorded(journal.path.parent):
                await self._send(journal, _Piece(b"", 0, None))
                return

    def _is_recorded(self, home: Path) -> bool:
        """Whether a recorder holds the folder. A lock that never was seen may be one that cannot be seen from here: then it is believed."""
        if is_locked(home / LOCK_FILE):
            self._locked.add(home)
            return True
        return home not in self._locked

    async def _find_homes(self) -> None:
        """The folders that may hold journals."""
        seen = await asyncio.to_thread(self._folders.look)
        self._homes = {home: self._homes.get(home, 0) for home in seen.homes}

    def _find_journals(self, *, is_past: bool) -> None:
        """Open what is new in these folders. A folder is listed when its time of change is another than when it was listed."""
        for home in self._homes:
            try:
                changed = home.stat().st_mtime_ns
            except OSError:
                continue
            if changed == self._homes[home]:
                continue
            try:
                named = [(name, path) for path in home.iterdir() if (name := parse_journal_name(path.name)) is not None]
            except OSError:  # gone this moment, or not for us: listed at the next look
                continue
            self._homes[home] = 0 if abs(self._clock.time_ns() - changed) < 1_000_000_000 else changed
            for _, path in sorted(named):  # as they follow one another, which texts do not where numbers grow longer
                if path in self._open or path in self._skip:
                    continue
                try:
                    self._open[path] = _Journal(path, is_past=is_past)
                except (ArchiveError, OSError):  # sealed this moment, or no file at all
                    self._skip.add(path)
            self._skip = {path for path in self._skip if path.parent != home or is_there(path)}

    async def _follow(self, journal: _Journal) -> None:
        while True:
            data, taken = journal.grown(), False
            for piece in journal.take(data, self._most(journal)):
                taken = True
                if not journal.is_past:
                    await self._send(journal, piece)
            if not taken and journal.skip(data):
                self._tell_damage(journal)
            elif not taken or len(data) < _READ_BYTES:
                journal.is_past = False
                break
            await asyncio.sleep(0)
        if not taken and not is_there(journal.path):
            journal.close()
            del self._open[journal.path]

    def _leave(self, journal: _Journal, fault: OSError) -> None:
        journal.close()
        del self._open[journal.path]
        self._skip.add(journal.path)
        self._seq += 1
        self._counts.live_lost += 1
        _log.warning(
            "an open journal cannot be read",
            path=str(journal.path),
            why=fault.strerror or str(fault),
            hint="live frames go on with the next minute's; sealing tells the rest",
        )

    def _tell_damage(self, journal: _Journal) -> None:
        """What cannot be read here is lost to whoever listens: a number is left out."""
        if not journal.is_past:
            self._seq += 1
            self._counts.live_lost += 1
        if not journal.is_damaged:
            journal.is_damaged = True
            _log.warning(
                "an open journal is damaged", path=str(journal.path), hint="live frames go on at the next KEY; sealing tells the rest"
            )

    def _most(self, journal: _Journal) -> int:
        try:
            return max(1, part_bytes(self._broker.max_payload) - len(journal.head))
        except ValueError:
            return 1 << 20

    async def _send(self, journal: _Journal, piece: _Piece) -> None:
        self._seq += 1
        self._said = self._clock.monotonic()
        name = self._folders.name_of(journal.path)
        assert name is not None, "it was found below the data root"
        head = LiveHead(
            collector=self._collector,
            session=self._session,
            seq=self._seq,
            journal=name,
            sent_ns=self._clock.time_ns(),
            legs=piece.legs,
        )
        payload = piece.data if piece.legs is None else journal.head + piece.data
        if await self._broker.tell(live_subject(self._collector), live_headers(head), payload):
            self._counts.live_messages += 1
            self._counts.live_bytes += len(payload)
            self._counts.live_chunks += piece.chunks
        else:
            self._counts.live_lost += 1


def _note(data: bytes) -> Note | None:
    with contextlib.suppress(msgspec.DecodeError):  # a newer recorder may say what this relay does not know
        return decode_note(data)
    return None


def _descriptor(path: Path) -> int:
    with open_regular(path) as file:
        return os.dup(file.fileno())
