"""audit.checkpoint: what the files of a journal came to up to one of them, so that a start reads only what is behind it.

    journal/checkpoint        sha256 of the rest; then: the last record that is in it (n, hash, t, b), the file that follows, name, size and
                              sha256 of each file before that, and the state of `audit.recovery`

A checkpoint holds only while every file before it is, byte for byte, what it was made of; the records behind it continue its hash, or they
are faults as everywhere. One that does not hold, or cannot be read, is passed over: then everything is read, and what is wrong is found at
its place. Hashing a file costs a twentieth of reading its records.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec

from hoga.audit.folder import list_files
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovery, RecoveryState
from hoga.core.errors import ArchiveError
from hoga.runtime.durable import write_file

__all__ = ["CHECKPOINT_FILE", "Checkpoint", "Checkpointer", "read_checkpoint"]

CHECKPOINT_FILE = "checkpoint"
_VERSION = 2
_BREATH = 8
"""So many records are read at a time beside the trading: some 60 µs of the interpreter."""


class Covered(msgspec.Struct, frozen=True):
    """A file as it was: its name in the journal's folder."""

    name: str
    size: int
    sha256: bytes


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. `last_…`: of the last record in it; `next_file`: the number of the file that follows."""

    version: int
    last_n: int
    last_hash: bytes
    last_t: int
    last_b: int
    next_file: int
    files: list[Covered]
    state: RecoveryState

    def holds(self, folder: Path) -> bool:
        """Whether every file before it is what it was made of, and no other one is there. Raises OSError."""
        there = [each.path for each in list_files(folder) if each.number < self.next_file]
        names = [path.relative_to(folder).as_posix() for path in there]
        if names != [each.name for each in self.files]:
            return False
        return all(_covered(folder, path) == each for path, each in zip(there, self.files, strict=True))


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The one that is there and holds; None: everything has to be read. Raises OSError."""
    try:
        text = (folder / CHECKPOINT_FILE).read_bytes()
    except FileNotFoundError:
        return None
    digest, body = text[:32], text[32:]
    if sha256(body).digest() != digest:
        return None
    try:
        found = msgspec.msgpack.decode(body, type=Checkpoint)
    except (msgspec.DecodeError, ValueError):  # of another version
        return None
    return found if found.version == _VERSION and found.holds(folder) else None


def _covered(folder: Path, path: Path) -> Covered:
    with path.open("rb") as file:
        return Covered(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(file, sha256).digest())


class Checkpointer:
    """Writes the checkpoints of one life: at its start, and whenever a file is over. It belongs to one thread at a time.

    `recovery` has read all before `next_file`, as `walk` did. Where the journal is not as it was written there is never one.
    """

    def __init__(self, folder: Path, walk: Walk, recovery: Recovery, *, before: Checkpoint | None, next_file: int) -> None:
        self.next_file = next_file
        self._folder = folder
        self._walk = walk
        self._recovery = recovery
        self._files = [] if before is None else list(before.files)
        self._sound = all(each.kind == "torn" for each in walk.faults)

    def write(self) -> None:
        """What was read so far; without room on the disk there is none."""
        if not self._sound:
            return
        known = {each.name for each in self._files}
        try:
            for each in list_files(self._folder):
                if each.number < self.next_file and each.path.relative_to(self._folder).as_posix() not in known:
                    self._files.append(_covered(self._folder, each.path))
            walk = self._walk
            body = msgspec.msgpack.encode(
                Checkpoint(
                    version=_VERSION,
                    last_n=walk.last_n,
                    last_hash=walk.last_hash,
                    last_t=walk.last_t,
                    last_b=walk.last_b,
                    next_file=self.next_file,
                    files=self._files,
                    state=self._recovery.state(),
                )
            )
            write_file(self._folder / CHECKPOINT_FILE, [sha256(body).digest(), body])
        except (OSError, ArchiveError):
            return

    def cover(self, next_file: int, breathe: Callable[[], object]) -> None:
        """Read the files before `next_file`, which are over, and write the checkpoint. `breathe` is called every few records: others
        run meanwhile."""
        before = self._walk
        walk = Walk(self._folder, since=self.next_file, until=next_file, after=before)
        for number, record in enumerate(walk.records(), 1):
            self._recovery.feed(record)
            if number % _BREATH == 0:
                breathe()
        self._walk, self.next_file = walk, next_file
        self._sound = self._sound and not walk.faults
        self.write()
