"""archive.form.store: where the bytes of an archive come from: whoever reads files of it asks here for them, and for their names.

Files of this machine are one `Store`; another (objects in a bucket) is mounted under the first part of its names, which are paths like all
others: `mount("s3:", …)` serves `s3:/bucket/prefix/…`, as `Path` spells `s3://bucket/prefix/…`. Recorders write to files only, so what
writes, and journals, know nothing of stores.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Hashable
from importlib import import_module
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from hoga.archive.form.regular import is_regular, open_regular
from hoga.core.errors import ArchiveError

__all__ = [
    "Entry", "Source", "SourceFile", "Store", "is_file", "is_mounted", "list_names", "look", "mount", "open_source", "read_name",
    "sha256_of", "size_of",
]  # fmt: skip

_READ_BYTES = 1 << 20
_LAZILY = {"s3:": "hoga.archive.form.objects"}
"""Places that are served as soon as a name of theirs is met, and the module that mounts them."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)


class Entry(NamedTuple):
    """A name of a store. `mark` is another when the content is another (as far as can be told without reading it). Listing may tell
    neither size nor mark: None."""

    path: Path
    is_folder: bool
    bytes: int | None = None
    mark: Hashable = None


class Source(Protocol):
    """One file's bytes, open: they stay what they are, also when its name goes away."""

    size: int

    def read(self, at: int, length: int) -> bytes:
        """`length` bytes from `at` on, fewer only where the file ends. Raises ArchiveError when the system does not give them."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of it."""


class Store(Protocol):
    """Names and bytes. All of its methods may block."""

    def open(self, name: Path) -> Source:
        """Raises FileNotFoundError when there is no such file, SegmentCorrupt when it is no regular one, ArchiveError when the system
        does not give it."""

    def read(self, name: Path, at: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `at` on (None: all that follow), fewer only where the file ends. Raises as `open`."""

    def list(self, prefix: Path) -> list[Entry]:
        """What lies directly in a folder, in no order; nothing where there is none. Raises OSError where it cannot be told."""

    def look(self, name: Path) -> Entry | None:
        """One name; None where there is nothing of it. Raises OSError."""


_mounted: dict[str, Store] = {}


def mount(place: str, store: Store) -> Callable[[], None]:
    """Serve the names whose first part is `place` from `store`, in this process, until what is given back is called."""
    _mounted[place] = store

    def unmount() -> None:
        _mounted.pop(place, None)

    return unmount


def is_mounted(name: Path) -> bool:
    """Whether it is no file of this machine. Names of buckets are served from when the first of them is met."""
    place = name.parts[0] if name.parts else ""
    if place in _LAZILY and place not in _mounted:
        import_module(_LAZILY[place]).mount_objects()
    return place in _mounted


def open_source(name: Path) -> Source:
    """Raises as `Store.open`."""
    return _store_of(name).open(name)


def read_name(name: Path, at: int = 0, length: int | None = None) -> bytes:
    """Raises as `Store.read`."""
    return _store_of(name).read(name, at, length)


def list_names(prefix: Path) -> list[Entry]:
    """Raises as `Store.list`."""
    return _store_of(prefix).list(prefix)


def look(name: Path) -> Entry | None:
    """Raises as `Store.look`."""
    return _store_of(name).look(name)


def is_file(name: Path) -> bool:
    """Whether there is a file that can be read: of this machine a regular one (or a link to one)."""
    if not is_mounted(name):
        return is_regular(name)
    found = look(name)
    return found is not None and not found.is_folder


def size_of(name: Path) -> int:
    """How many bytes a file has. Raises as `Store.open`."""
    with open_source(name) as source:
        return source.size


def sha256_of(name: Path) -> str:
    """The SHA-256 of a file's bytes. Raises as `Store.open`."""
    with open_source(name) as source, BufferedReader(SourceFile(source), _READ_BYTES) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SourceFile(io.RawIOBase):
    """A source as a file, for libraries that want one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do."""
        self._at = offset + (0 if whence == io.SEEK_SET else self._at if whence == io.SEEK_CUR else self._source.size)
        return self._at

    def tell(self) -> int:
        """As files do."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is no type of its own
        """As files do."""
        piece = self._source.read(self._at, len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _store_of(name: Path) -> Store:
    return _mounted[name.parts[0]] if is_mounted(name) else _local


class _LocalSource:
    def __init__(self, path: Path, file: FileIO) -> None:
        self.size = os.fstat(file.fileno()).st_size
        self._path = path
        self._file = file

    def read(self, at: int, length: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), length, at)
        except OSError as fault:
            raise ArchiveError(self._path, f"cannot be read: {fault.strerror or fault}") from fault

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


class _LocalStore:
    def open(self, name: Path) -> Source:
        return _LocalSource(name, open_regular(name))

    def read(self, name: Path, at: int = 0, length: int | None = None) -> bytes:
        with self.open(name) as source:
            return source.read(at, source.size - at if length is None else length) if at < source.size else b""

    def list(self, prefix: Path) -> list[Entry]:
        try:
            with os.scandir(prefix) as scan:
                return [Entry(Path(item.path), _is_folder(item)) for item in scan]
        except OSError as fault:
            if fault.errno in _ABSENT:
                return []
            raise

    def look(self, name: Path) -> Entry | None:
        try:
            found = name.stat()
        except OSError as fault:
            if fault.errno in _ABSENT:
                return None
            raise
        return Entry(name, stat.S_ISDIR(found.st_mode), found.st_size, (found.st_ino, found.st_mtime_ns, found.st_size))


def _is_folder(item: os.DirEntry[str]) -> bool:
    """A link that leads to itself leads to none."""
    try:
        return item.is_dir()
    except OSError:
        return False


_local: Store = _LocalStore()
