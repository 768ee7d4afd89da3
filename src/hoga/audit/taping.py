"""audit.taping: writes a trader's tape while it decides, and reads it again.

    journal/tape/000017-0001.tape        the part that life 17 writes now
    journal/tape/000016-0003.tape.zst    one that is over: compressed, its SHA-256 (of what it was before) in the journal

On the way of a decision there is one `append` to a list. What waits is written when the turn of the loop is over, after the order's bytes
have left; so it outlives the process, not a power cut. A disk that refuses ends the tape of this life, told once: trading goes on, and
what was decided from there on cannot be proven. Nobody waits for a tape.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from hoga.audit.tape import ENTRY, PART_NAME, Entry, TapeHeader, entries_of, head_of, part_name, split_head
from hoga.core.errors import ArchiveError
from hoga.runtime.durable import fsync, fsync_folder, make_folder, rename, temporary_for, unlink, write_all

__all__ = ["TAPE", "TAPE_FOLDER", "Sealed", "Tape", "TapePart", "read_part", "seal_left", "tape_parts"]

TAPE_FOLDER = "tape"
TAPE = "tape"
"""The kind of the journal's record about a part."""

_LOOK_BYTES = 4 * 1024 * 1024
_PART_BYTES = 64 * 1024 * 1024
_WAITING = 48
"""So many entries may wait for the end of a turn before they are written within it."""
_LEVEL = 3


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is over: `first` and `last` are its entries' numbers, `bytes` and `sha256` of the file before it was packed."""

    file: str
    first: int
    last: int
    bytes: int
    sha256: str


class TapePart(NamedTuple):
    """A part of a tape in its folder."""

    boot: int
    part: int
    path: Path


class Tape:
    """The tape of one life. `count`: entries so far; `lost_from`: the number of the first that is not on it, 0: all are.

    `reserve_bytes`: it ends before so little of the disk is free: the journal comes first.

    `on_sealed` is told of each part that is over, `on_lost` of (the first number that is missing, why); both by the caller's thread.
    """

    def __init__(
        self,
        folder: Path,
        boot: int,
        *,
        streams: tuple[tuple[str, str], ...],
        venues: tuple[str, ...],
        on_sealed: Callable[[Sealed], object],
        on_lost: Callable[[int, str], object],
        part_bytes: int = _PART_BYTES,
        reserve_bytes: int = 0,
    ) -> None:
        self.folder = folder
        self.count = 0
        self.lost_from = 0
        self._boot, self._streams, self._venues = boot, streams, venues
        self._on_sealed, self._on_lost = on_sealed, on_lost
        self._part_bytes = part_bytes
        self._reserve_bytes = reserve_bytes
        self._looked_at = 0
        self._waiting: list[tuple[int, int, bytes]] = []
        self._part = self._written = 0
        self._first = 1
        self._fd = -1
        self._digest = sha256()
        self._packing: list[threading.Thread] = []

    def open(self) -> None:
        """Begin the first part. A disk that refuses is told by `on_lost`."""
        try:
            make_folder(self.folder)
            self._begin()
        except (OSError, ArchiveError) as fault:
            self._lose(fault)

    def add(self, what: int, at_ns: int, frame: bytes = b"") -> None:
        """One entry, in the hot path."""
        self.count += 1
        self._waiting.append((what, at_ns, frame))

    @property
    def is_due(self) -> bool:
        """Whether so much waits that it should be written now."""
        return len(self._waiting) >= _WAITING

    def write(self) -> None:
        """Write what waits. Never raises for a disk."""
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        if self.lost_from:
            return
        pack, parts = ENTRY.pack, []
        for what, at_ns, frame in waiting:
            parts.append(pack(what, len(frame), at_ns))
            parts.append(frame)
        try:
            if self._written >= self._looked_at:
                self._look_at_disk()
            self._put(b"".join(parts))
            if self._written >= self._part_bytes:
                self._end_part(self.count)
                self._begin()
        except (OSError, ArchiveError) as fault:
            self._lose(fault, self.count - len(waiting) + 1)

    def close(self) -> None:
        """The life is over: the last part is sealed, and packed."""
        self.write()
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._end_part(self.count)
        for each in self._packing:
            each.join()

    def _begin(self) -> None:
        self._part += 1
        self._first = self.count + 1
        header = TapeHeader(boot=self._boot, part=self._part, first=self._first, streams=self._streams, venues=self._venues)
        path = self.folder / part_name(self._boot, self._part)
        self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._digest, self._written, self._looked_at = sha256(), 0, 0
        self._put(head_of(header))

    def _look_at_disk(self) -> None:
        """Each few megabytes. Raises OSError for a disk that is nearly full."""
        self._looked_at = self._written + _LOOK_BYTES
        told = os.fstatvfs(self._fd)
        if told.f_bavail * told.f_frsize < self._reserve_bytes:
            raise OSError(errno.ENOSPC, "")

    def _put(self, data: bytes) -> None:
        write_all(self._fd, data)
        self._digest.update(data)
        self._written += len(data)

    def _end_part(self, last: int) -> None:
        name, fd = part_name(self._boot, self._part), self._fd
        self._fd = -1
        sealed = Sealed(file=name, first=self._first, last=last, bytes=self._written, sha256=self._digest.hexdigest())
        os.close(fd)
        self._on_sealed(sealed)
        thread = threading.Thread(target=_pack_quietly, args=(self.folder / name,), name="hoga-tape", daemon=True)
        thread.start()
        self._packing = [each for each in self._packing if each.is_alive()] + [thread]

    def _lose(self, fault: OSError | ArchiveError, first: int = 1) -> None:
        self.lost_from = first
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1
        self._on_lost(first, str(fault) if isinstance(fault, ArchiveError) else os.strerror(fault.errno or 0))


def tape_parts(folder: Path) -> list[TapePart]:
    """The parts of all lives in order; of one that is there twice (a life ended while it was packed) the one that was not packed."""
    found: dict[tuple[int, int], TapePart] = {}
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if hit := PART_NAME.fullmatch(path.name):
            key = int(hit["boot"]), int(hit["part"])
            found[key] = TapePart(*key, path)
    return [found[key] for key in sorted(found)]


def read_part(path: Path) -> tuple[TapeHeader, Iterator[Entry], str, int]:
    """The header of a part, its entries, and SHA-256 and length of what it was before it was packed. Raises ValueError, OSError."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        try:
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        except zstandard.ZstdError as fault:
            raise ValueError(f"{path.name}: {fault}") from None
    header, start = split_head(data)
    return header, entries_of(data, start), sha256(data).hexdigest(), len(data)


def seal_left(folder: Path, boot: int) -> list[Sealed]:
    """Seal what lives before `boot` left open; what cannot be read is left as it is. Raises OSError."""
    sealed = []
    for each in tape_parts(folder):
        if each.boot < boot and each.path.suffix != ".zst":
            try:
                header, entries, digest, length = read_part(each.path)
            except ValueError:
                continue
            count = sum(1 for _ in entries)
            sealed.append(Sealed(file=each.path.name, first=header.first, last=header.first + count - 1, bytes=length, sha256=digest))
            _pack(each.path)
    return sealed


def _pack_quietly(path: Path) -> None:
    with contextlib.suppress(OSError, ArchiveError):  # the next start packs it
        _pack(path)


def _pack(path: Path) -> None:
    packed = path.with_name(f"{path.name}.zst")
    draft = temporary_for(packed)
    with path.open("rb") as source, draft.open("wb") as target:
        zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).copy_stream(source, target)
        target.flush()
        fsync(target.fileno())
    rename(draft, packed)
    fsync_folder(packed.parent)
    unlink(path)
