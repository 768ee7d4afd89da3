"""history.retention: old days go, but only those that somebody else provably holds.

A day may go when it is merged and older than so many days, and when for each of its files (day file, manifest, what was healed) the other
holder has one of that name whose bytes, read back now to the last one, have the same SHA-256 as here, and the day file's is the one its
manifest names. Whatever else is the case, it stays, and why is said.

The manifest goes last: a kill in between leaves a manifest whose day file the other holder has, and the next time goes on there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from hoga.archive.form.discover import venue_of
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.regular import open_regular
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import is_mounted, open_source, sha256_of
from hoga.archive.keep.merge import series_lock
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.runtime.durable import TEMPORARY_SUFFIX, fsync, fsync_folder, unlink

__all__ = ["HeldInStore", "Holder", "Kept", "Removed", "Retained", "SecondRoot", "due_before", "holder_at", "place_of", "retain"]

_PIECE_BYTES = 4 << 20


class Holder(Protocol):
    """Who else has the archive."""

    def sha256(self, place: str, *, not_this: Path) -> str | None:
        """Of the bytes it holds at `place`, read to the last one and safe there; None when it holds nothing. Raises OSError, ArchiveError,
        also when what it holds is `not_this` itself."""


class Kept(msgspec.Struct, frozen=True):
    """A day that was due and stays."""

    what: str
    why: str


class Removed(msgspec.Struct, frozen=True):
    """A day that went; `bytes` of its files."""

    what: str
    bytes: int
    files: list[str]


class Retained(msgspec.Struct, frozen=True):
    """What came of it."""

    removed: list[Removed]
    kept: list[Kept]


class _Refused(Exception):
    """Why a day stays."""


class SecondRoot(NamedTuple):
    """A folder with the same layout: a copy on another disk, a mounted store."""

    root: Path

    def sha256(self, place: str, *, not_this: Path) -> str | None:
        """See `Holder`. The bytes are made durable first, and read from the disk rather than from memory, where the system lets us."""
        path = self.root / place
        try:
            if path.samefile(not_this):
                raise ArchiveError(path, "is the very file that would be removed", hint="a second root is another folder")
            with open_regular(path) as file:
                fsync(file.fileno())
                fsync_folder(path.parent)
                with contextlib.suppress(OSError, AttributeError):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None


class HeldInStore(NamedTuple):
    """The names below a prefix of a store that is mounted (`archive.form.store`)."""

    prefix: Path

    def sha256(self, place: str, *, not_this: Path) -> str | None:
        """See `Holder`. What a store has taken is as safe there as it gets."""
        digest, at = hashlib.sha256(), 0
        try:
            with open_source(self.prefix / place) as source:
                while at < source.size:
                    piece = source.read(at, _PIECE_BYTES)
                    if not piece:
                        raise ArchiveError(self.prefix / place, f"ends after {at} of {source.size} bytes")
                    digest.update(piece)
                    at += len(piece)
        except FileNotFoundError:
            return None
        return digest.hexdigest()


def holder_at(root: Path) -> Holder:
    """Who holds what lies below `root`: a folder, or names of a store."""
    return HeldInStore(root) if is_mounted(root) else SecondRoot(root.absolute())


def due_before(today: str, keep_days: int) -> str:
    """The first day that stays when `keep_days` whole days before `today` are kept."""
    return (date.fromisoformat(today) - timedelta(days=keep_days)).isoformat()


def place_of(path: Path, data: Path) -> str:
    """Where another holder has a file: as it lies under the data folder, else by venue and kind (a LOB_DIR elsewhere)."""
    if path.is_relative_to(data):
        return path.relative_to(data).as_posix()
    return f"{venue_of(path.parent)}/{path.parent.name}/{path.name}"


def retain(
    days: Iterable[SeriesDay],
    holder: Holder | None,
    *,
    data: Path,
    before: str,
    dry_run: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Retained:
    """Remove those of `days` before the day `before` that `holder` provably has.

    Args:
        holder: None when there is none: then every day stays.
        data: the data folder, whose layout the holder has, too.
        dry_run: prove, and remove nothing.
        progress: called after each day that is due.
    """
    removed: list[Removed] = []
    kept: list[Kept] = []
    for day in sorted({msgspec.structs.replace(day, only="") for day in days if day.day < before}):
        try:
            gone = _leave(day, holder, data, dry_run=dry_run)
            removed += [] if gone is None else [gone]
        except _Refused as refusal:
            kept.append(Kept(day.stem, str(refusal)))
        except ArchiveBusy:
            kept.append(Kept(day.stem, "it is being merged"))
        except ArchiveError as fault:
            kept.append(Kept(day.stem, str(fault)))
        except OSError as fault:
            kept.append(Kept(day.stem, f"{fault.filename or day.directory}: {fault.strerror or fault}"))
        progress()
    return Retained(removed, kept)


def _leave(day: SeriesDay, holder: Holder | None, data: Path, *, dry_run: bool) -> Removed | None:
    """None: it went before, and only the lock's folder was left of it."""
    if holder is None:
        raise _Refused("nobody else is known to hold it: RETENTION_ROOT names no second root")
    if day.folder.is_dir() and {path.name for path in day.folder.iterdir()} - {".lock"}:
        raise _Refused(f"minutes of it wait in {day.folder}: hoga consolidate merges them")
    with series_lock(day):
        manifest = read_manifest(day.manifest_path)
        if manifest is None and not _files_there(day):
            return None
        if manifest is None:
            raise _Refused("there is no manifest, so nothing says what the day holds (hoga consolidate --adopt writes a classic day's)")
        files = _files(day)
        size = sum(path.stat().st_size for path in files)
        _prove(files, manifest, holder, data)
        if not dry_run:
            for path in files:
                unlink(path)
            fsync_folder(day.directory)
    return Removed(day.stem, size, [path.name for path in files])


def _files_there(day: SeriesDay) -> list[Path]:
    return sorted(path for path in day.directory.iterdir() if path.name.startswith(f"{day.stem}.") and not path.is_dir())


def _files(day: SeriesDay) -> list[Path]:
    """All that the day is, the manifest last."""
    files = _files_there(day)
    unfinished = [path for path in files if path.name.endswith(TEMPORARY_SUFFIX)]
    if unfinished:
        raise _Refused(f"{unfinished[0].name} was never finished: hoga consolidate goes on with it")
    return [*(path for path in files if path != day.manifest_path), day.manifest_path]


def _prove(files: list[Path], manifest: Manifest, holder: Holder, data: Path) -> None:
    """Each file is there and here the same, and the day file is the manifest's. Raises _Refused, ArchiveError, OSError."""
    archive = files[-1].with_name(manifest.archive.file)
    for path in dict.fromkeys((archive, *files)):
        place = place_of(path, data)
        theirs = holder.sha256(place, not_this=path) if path.exists() else _of_missing(holder, place, path)
        if theirs is None:
            raise _Refused(f"the second root does not hold {place}")
        if path == archive and theirs != manifest.archive.sha256:
            raise _Refused(f"what the second root holds as {place} is not what the manifest names")
        if path.exists() and sha256_of(path) != theirs:
            raise _Refused(f"{place} is another here than in the second root")


def _of_missing(holder: Holder, place: str, path: Path) -> str | None:
    """The day file went before a kill; the other one must still be there."""
    return holder.sha256(place, not_this=path.parent)
