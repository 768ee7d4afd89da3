"""history.mirror: a copy of the archive in a bucket, day by day, which says when it is not complete; and the way back.

    up       a day's files, each with its SHA-256 beside it, then its manifest: that is the commit
    verify   every object read back to the last byte and held against the manifest that names it
    restore  the other way round, the manifest last; what is here already is left as it is

What lies under a name is never replaced: another content there is named and left. Two mirrors to one place may run at once: objects are
made where there are none, and before a manifest is, what it names is looked at again. Keys are the names below the data folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hoga.archive.form.discover import discover
from hoga.archive.form.manifest import Manifest, decode_manifest
from hoga.archive.form.objects import SILENT, TRIAL, Bucket
from hoga.archive.form.packed import pack, packed_name, unpack
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import list_names, look, sha256_of
from hoga.core.errors import ArchiveBusy, ArchiveError, HogaError, ManifestMismatch
from hoga.history.retention import place_of
from hoga.runtime.durable import fsync, install, make_folder, temporary_for, unlink, write_all

__all__ = ["Mirrored", "mirror_archive", "mirroring", "restore_archive", "verify_mirror"]


class Mirrored(msgspec.Struct, frozen=True):
    """What came of one file. `state`: sent, there (the same was), proven, restored, or failed: `why`. `bytes`: that went over the line."""

    file: str
    state: str
    bytes: int = 0
    why: str = ""


@contextmanager
def mirroring(data: Path, bucket: Path) -> Iterator[None]:
    """The only mirror of `data` to (or from) that place. Raises ArchiveBusy when another one is at it. Where no file can be made in `data`
    nobody is kept out: two do the same work twice, and no harm. The file goes again with its mirror."""
    from filelock import FileLock, Timeout

    mark = hashlib.sha256(str(bucket).encode()).hexdigest()[:12]
    file = data / f".mirror-{mark}.lock"
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout as held:
        raise ArchiveBusy(data, f"another mirror of it to {_name(bucket)} is running") from held
    except OSError:
        yield
        return
    try:
        yield
    finally:
        unlink(file, missing_ok=True)
        lock.release()


def mirror_archive(data: Path, to: Path, bucket: Bucket, *, on_file: Callable[[], None] = lambda: None) -> Iterator[Mirrored]:
    """Send every merged day below `data` that is not under the prefix `to` yet. A day whose file could not be sent keeps its manifest
    here only."""
    yield from _while_it_answers(_mirrored(data, to, bucket, on_file), to, bucket, "the next run goes on")


def _while_it_answers(told: Iterator[Mirrored], at: Path, bucket: Bucket, then: str) -> Iterator[Mirrored]:
    """What is told, until the store is silent, or proves to be one that takes a second object under a name. A folder that cannot be listed
    ends it in one line more; raises ArchiveError where it is the first."""
    is_begun = False
    while True:
        try:
            one = next(told, None)
        except (HogaError, OSError) as fault:
            if not is_begun:
                raise
            yield Mirrored(_name(at), "failed", why=f"{_why(fault)}: the rest was not tried, {then}")
            return
        if one is None:
            return
        is_begun = True
        yield one
        if bucket.silent >= SILENT:
            yield Mirrored(_name(at), "failed", why=f"the store does not answer any more: the rest was not tried, {then}")
            return
        if bucket.is_blind:
            return


def _mirrored(data: Path, to: Path, bucket: Bucket, on_file: Callable[[], None]) -> Iterator[Mirrored]:
    found = discover([data])
    bucket.entries(to)  # a store that is not there, or not ours, is one line and not one for each file
    for folder, why in found.unread:
        yield Mirrored(str(folder), "failed", why=f"cannot be listed: {why}; what is there is not sent")
    for path in found.lists:
        yield _sent(path, to / place_of(path, data), bucket, None)
        on_file()
    for day in found.days:
        if day.only or not _is_merged(day):
            continue
        yield from _day_sent(day, data, to, bucket)
        on_file()


def _is_merged(day: SeriesDay) -> bool:
    """Whether it has a manifest, or may have one that cannot be looked at."""
    try:
        return look(day.manifest_path) is not None
    except OSError:
        return True


def _day_sent(day: SeriesDay, data: Path, to: Path, bucket: Bucket) -> Iterator[Mirrored]:
    try:
        told = day.manifest_path.read_bytes()
        files = _files_of(day.manifest_path.parent, decode_manifest(told))
    except (HogaError, OSError, ValueError) as fault:
        yield Mirrored(place_of(day.manifest_path, data), "failed", why=f"{day.manifest_path}: {_why(fault)}")
        return
    whole = True
    names: dict[Path, str] = {}
    for path, sha256 in files:
        names[to / place_of(path, data)] = sha256
        one = _sent(path, to / place_of(path, data), bucket, sha256)
        whole = whole and one.state != "failed"
        yield one
    there = to / place_of(day.manifest_path, data)
    if whole:
        for one in _packed_sent(told, there, bucket):
            whole = whole and one.state != "failed"
            yield one
    if whole:
        yield _committed(told, there, names, bucket)


def _packed_sent(manifest: bytes, to: Path, bucket: Bucket) -> Iterator[Mirrored]:
    """The packed form of a large manifest, before it: one that lies there is of this manifest, or the day is not committed."""
    name = packed_name(to, len(manifest))
    if name is None:
        return
    packed = pack(manifest)
    try:
        bucket.require_sight()
        if bucket.create(name, packed, sha256=hashlib.sha256(packed).hexdigest()):
            yield Mirrored(_name(name), "sent", len(packed))
        else:  # another version of the library packs the same in another way
            yield _packed_proven(name, manifest, bucket, "there")
    except (HogaError, OSError) as fault:
        yield Mirrored(_name(name), "failed", why=_why(fault))


def _packed_proven(name: Path, manifest: bytes, bucket: Bucket, state: str) -> Mirrored:
    try:
        packed = bucket.read(name)
    except (HogaError, OSError) as fault:
        return Mirrored(_name(name), "failed", why=_why(fault))
    if unpack(packed, len(manifest)) == manifest:
        return Mirrored(_name(name), state, len(packed) if state == "proven" else 0)
    return Mirrored(_name(name), "failed", why="it is not the packed form of its manifest: remove it and send the day again")


def _files_of(folder: Path, manifest: Manifest) -> list[tuple[Path, str]]:
    """A day's files beside its manifest, each with the SHA-256 that the manifest says. Raises ValueError for a name that is none."""
    files = [(folder.joinpath("x").with_name(manifest.archive.file), manifest.archive.sha256)]
    if manifest.healed is not None:
        files.append((folder.joinpath("x").with_name(manifest.healed.file), manifest.healed.file_sha256))
    return files


def _sent(path: Path, to: Path, bucket: Bucket, sha256: str | None) -> Mirrored:
    """One file that nothing else depends on yet, unless it is there. `sha256`: what a manifest says of it, None where none does."""
    try:
        sha256 = sha256 or sha256_of(path)
        found = bucket.head(to)
        if found is not None:
            return _held(to, path.stat().st_size, found.size, found.sha256, sha256)
        if sha256_of(path) != sha256:
            raise ManifestMismatch(path, "is not the file that its manifest names", hint="hoga verify")
        bucket.require_sight()
        if bucket.upload(to, path, sha256=sha256):
            return Mirrored(_name(to), "sent", path.stat().st_size)
        found = bucket.head(to)
        if found is None:
            return Mirrored(_name(to), "failed", why=_GONE)
        return _held(to, path.stat().st_size, found.size, found.sha256, sha256)
    except (HogaError, OSError) as fault:
        return Mirrored(_name(to), "failed", why=_why(fault))


def _committed(data: bytes, to: Path, names: dict[Path, str], bucket: Bucket) -> Mirrored:
    """The manifest that names what was sent, whatever it is here by now: it is made only where there is none, and while there is what it
    names."""
    try:
        sha256 = hashlib.sha256(data).hexdigest()
        if bucket.head(to) is None:
            bucket.require_sight()
            for name, wanted in names.items():
                if (found := bucket.head(name)) is None or found.sha256 != wanted:
                    return Mirrored(_name(name), "failed", why=_GONE if found is None else _ANOTHER)
            if bucket.create(to, data, sha256=sha256):
                return Mirrored(_name(to), "sent", len(data))
        there = bucket.read(to)
        return _held(to, len(data), len(there), hashlib.sha256(there).hexdigest(), sha256)
    except (HogaError, OSError) as fault:
        return Mirrored(_name(to), "failed", why=_why(fault))


def _held(to: Path, size: int, found_size: int, found_sha256: str | None, sha256: str) -> Mirrored:
    if (found_size, found_sha256) == (size, sha256):
        return Mirrored(_name(to), "there")
    return Mirrored(_name(to), "failed", why=_ANOTHER)


_ANOTHER = "another content is under this name: it was left as it is"
_GONE = "it went away meanwhile"


def verify_mirror(at: Path, bucket: Bucket, *, on_file: Callable[[], None] = lambda: None) -> Iterator[Mirrored]:
    """Read back everything below the prefix `at`, to the last byte, and hold it against the manifests there."""
    yield from _while_it_answers(_verified(at, bucket, on_file), at, bucket, "and is not proven")


def _verified(at: Path, bucket: Bucket, on_file: Callable[[], None]) -> Iterator[Mirrored]:
    for folder in _folders(at):
        names = {entry.path.name: entry.path for entry in bucket.entries(folder) if not entry.is_folder}
        told: set[str] = set()
        for name, path in sorted(names.items()):
            if not name.endswith(".manifest.json"):
                continue
            told.add(name)
            try:
                data = bucket.read(path)
                files = _named_in(path, data)
            except (HogaError, OSError) as fault:
                yield Mirrored(_name(path), "failed", why=_why(fault))
                continue
            yield Mirrored(_name(path), "proven")
            packed = packed_name(path, len(data))
            if packed is not None and packed.name in names:
                told.add(packed.name)
                yield _packed_proven(packed, data, bucket, "proven")
            for file, sha256 in files:
                told.add(file.name)
                yield _proven(file, sha256, bucket)
                on_file()
        for name in sorted(each for each in set(names) - told if not each.startswith(TRIAL)):
            yield from _alone(names[name], bucket)


def _proven(path: Path, sha256: str, bucket: Bucket) -> Mirrored:
    digest, count = hashlib.sha256(), 0
    try:
        for piece in bucket.download(path):
            digest.update(piece)
            count += len(piece)
    except FileNotFoundError:
        return Mirrored(_name(path), "failed", why="it is not there, and its manifest is")
    except HogaError as fault:
        return Mirrored(_name(path), "failed", count, _why(fault))
    if digest.hexdigest() != sha256:
        return Mirrored(_name(path), "failed", count, "the bytes are not those that its manifest names")
    return Mirrored(_name(path), "proven", count)


def _alone(path: Path, bucket: Bucket) -> Iterator[Mirrored]:
    """An object no manifest names: a list of instruments is held against the SHA-256 that was written with it; a day without a manifest
    was not committed."""
    try:
        found = bucket.head(path)
    except (HogaError, OSError) as fault:
        yield Mirrored(_name(path), "failed", why=_why(fault))
        return
    if found is not None and found.sha256 is not None and not _is_of_a_day(path):
        yield _proven(path, found.sha256, bucket)
    else:
        yield Mirrored(_name(path), "failed", why="no manifest names it: it was not committed; send the day again")


def _is_of_a_day(path: Path) -> bool:
    return path.parent.name != "instruments"


def restore_archive(data: Path, at: Path, bucket: Bucket, *, on_file: Callable[[], None] = lambda: None) -> Iterator[Mirrored]:
    """Bring back what is below the prefix `at` and not below `data`; another content here is named and left. What a manifest names is held
    against it; one whose files cannot be had stays there."""
    yield from _while_it_answers(_brought_back(data, at, bucket, on_file), at, bucket, "the next run goes on")


def _brought_back(data: Path, at: Path, bucket: Bucket, on_file: Callable[[], None]) -> Iterator[Mirrored]:
    for folder in _folders(at):
        names = {
            entry.path.name: entry.path for entry in list_names(folder) if not entry.is_folder and not entry.path.name.startswith(TRIAL)
        }
        told: dict[str, str] = {}
        for name, path in sorted(names.items()):
            if not name.endswith(".manifest.json"):
                continue
            del names[name]
            whole, files = True, []
            try:
                files = _named_in(path, bucket.read(path))
            except (HogaError, OSError) as fault:
                whole = False
                yield Mirrored(_name(path), "failed", why=_why(fault))
            for file, sha256 in files:
                told[file.name] = sha256
                one = _restored(file, _here(file, data, at), bucket, sha256)
                whole = whole and one.state != "failed"
                yield one
                on_file()
            if whole:
                yield _restored(path, _here(path, data, at), bucket)
            on_file()
        for name in sorted(names.keys() - told.keys()):
            yield _restored(names[name], _here(names[name], data, at), bucket)
            on_file()


def _here(path: Path, data: Path, at: Path) -> Path:
    return data.joinpath(*path.parts[len(at.parts) :])


def _named_in(path: Path, data: bytes) -> list[tuple[Path, str]]:
    """The files that a manifest in the bucket names, with their SHA-256. Raises ArchiveError."""
    try:
        return _files_of(path.parent, decode_manifest(data))
    except ValueError as fault:
        raise ArchiveError(path, f"the manifest cannot be trusted: {fault}") from fault


def _restored(path: Path, here: Path, bucket: Bucket, sha256: str | None = None) -> Mirrored:
    """One object. `sha256`: what a manifest says of it; else it is held against what was written beside it."""
    try:
        head = bucket.head(path)
        if head is None:
            return Mirrored(_name(path), "failed", why="it is not there, and its manifest is" if sha256 else _GONE)
        wanted = sha256 or head.sha256
        if here.exists() or here.is_symlink():
            same = here.is_file() and here.stat().st_size == head.size and wanted in (None, sha256_of(here))
            return Mirrored(_name(path), "there") if same else Mirrored(_name(path), "failed", why=f"{here} is another file: it was left")
        make_folder(here.parent)
        temporary = temporary_for(here)
        digest, count = hashlib.sha256(), 0
        try:
            with temporary.open("wb", buffering=0) as file:
                for piece in bucket.download(path, head):
                    digest.update(piece)
                    count += len(piece)
                    write_all(file.fileno(), piece)
                fsync(file.fileno())
            if wanted not in (None, digest.hexdigest()):
                raise ArchiveError(path, "the bytes are not those that were sent")
            install(temporary, here)
        finally:
            unlink(temporary, missing_ok=True)
        return Mirrored(_name(path), "restored", count)
    except (HogaError, OSError) as fault:
        return Mirrored(_name(path), "failed", why=_why(fault))


def _folders(root: Path) -> Iterator[Path]:
    """The folder and all below it."""
    waiting: list[Path] = [root]
    while waiting:
        folder = waiting.pop()
        yield folder
        waiting += sorted((entry.path for entry in list_names(folder) if entry.is_folder), reverse=True)


def _name(path: Path) -> str:
    return "s3://" + "/".join(path.parts[1:])


def _why(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
