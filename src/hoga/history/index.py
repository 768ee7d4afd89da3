"""history.index: what is known of the files that were fetched into a folder.

A line is added each time something became known of one of them; the last one counts. A line is written when what it says is
durable; a torn line at the end is one that was not. Without the index, every file would be proven anew by its CHECKSUM: nothing
else depends on it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from hoga.core.errors import ArchiveBusy
from hoga.history.rows import Facts
from hoga.runtime import durable

__all__ = ["Entry", "Index", "is_indexed"]

_FILE = ".backfill.jsonl"
_LOCK = ".backfill.lock"


def is_indexed(path: Path) -> bool:
    """Whether a file is one of those that were fetched into its folder."""
    return path.name in read_index(path.parent / _FILE)[0]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fetched file. `etag`, `modified`: as the archive told them, "" when it did not. `facts`: of its rows, None while they are not
    read (or cannot be: then `findings` say why). `findings`: (text, whether it is a problem), of the file alone. `superseded`: files of
    the same name that were here before, by the start of their sha256.
    """

    name: str
    key: str
    sha256: str
    bytes: int
    etag: str = ""
    modified: str = ""
    fetched_ns: int = 0
    adopted: bool = False
    facts: Facts | None = None
    read: bool = False
    findings: list[tuple[str, bool]] = []
    superseded: list[str] = []


class Index:
    """The index of `folder`, held by one process at a time: `with Index(folder) as index`. Raises ArchiveBusy, ArchiveError, DiskFull."""

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock

        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._path = folder / _FILE
        self._lock = FileLock(folder / _LOCK)
        self._fd = -1

    def __enter__(self) -> Index:
        from filelock import Timeout

        try:
            durable.make_folder(self.folder)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ArchiveBusy(self.folder, "another backfill is at work here", hint="wait for it, or end it") from None
        except OSError as fault:
            raise durable.write_fault(self.folder, fault) from fault
        try:
            self._open()
        except OSError as fault:
            self._lock.release()
            raise durable.write_fault(self._path, fault) from fault
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()

    def put(self, entry: Entry) -> None:
        """Write down what is known of a file, for good. Raises DiskFull, ArchiveError."""
        try:
            durable.write_all(self._fd, msgspec.json.encode(entry) + b"\n")
            durable.fsync(self._fd)
        except OSError as fault:
            raise durable.write_fault(self._path, fault) from fault
        self.entries[entry.name] = entry

    def _open(self) -> None:
        self.entries, good = read_index(self._path)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if os.fstat(self._fd).st_size > good:
            durable.truncate(self._fd, good)


def read_index(path: Path) -> tuple[dict[str, Entry], int]:
    """The entries of an index file, by name, and how many of its bytes are whole lines; nothing of a file that is not there."""
    entries: dict[str, Entry] = {}
    decoder = msgspec.json.Decoder(Entry)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}, 0
    good = text.rfind(b"\n") + 1
    for line in text[:good].splitlines():
        with contextlib.suppress(msgspec.MsgspecError):  # of another version, or damaged: the file will be proven anew
            entry = decoder.decode(line)
            entries[entry.name] = entry
    return entries, good
