"""audit.retaining: how long tapes are kept: those of lives that ended before are removed, a life at a time.

A tape proves what its life decided from the first entry on, or nothing. So a life keeps all of its parts or none, that of a life that
runs is never touched, nor one of which a part is not packed (and so, not in the journal) yet, nor any while somebody reads them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hoga.audit.taping import TapePart, tape_parts
from hoga.runtime.durable import fsync_folder, unlink

try:
    import fcntl
except ImportError:  # where there is none, nobody is kept from anything
    fcntl = None  # type: ignore[assignment]

__all__ = ["OldTape", "old_tapes", "reading_tapes", "remove_tape"]

_LOCK_FILE = "lock"


class OldTape(msgspec.Struct, frozen=True, kw_only=True):
    """The tape of one life that is to go: its parts, how many bytes they have, and when the life ended (UTC, ns)."""

    boot: int
    parts: tuple[str, ...]
    bytes: int
    ended_ns: int


def old_tapes(folder: Path, *, before_ns: int, running: int) -> list[OldTape]:
    """The tapes of lives that ended before a moment, oldest first; `running`: the life that goes on. Raises OSError."""
    lives: dict[int, list[TapePart]] = {}
    for each in tape_parts(folder):
        lives.setdefault(each.boot, []).append(each)
    found = []
    for boot, parts in sorted(lives.items()):
        if boot >= running or any(each.path.suffix != ".zst" for each in parts):
            continue
        told = [each.path.stat() for each in parts]
        ended_ns = max(each.st_mtime_ns for each in told)
        if ended_ns < before_ns:
            names = tuple(each.path.name for each in parts)
            found.append(OldTape(boot=boot, parts=names, bytes=sum(each.st_size for each in told), ended_ns=ended_ns))
    return found


def remove_tape(folder: Path, tape: OldTape) -> bool:
    """Remove it; False: somebody reads tapes, and it stays. Raises OSError."""
    with _lock(folder, alone=True) as free:
        if not free:
            return False
        for name in tape.parts:
            with contextlib.suppress(FileNotFoundError):
                unlink(folder / name)
        fsync_folder(folder)
    return True


@contextlib.contextmanager
def reading_tapes(folder: Path) -> Iterator[None]:
    """Nothing is removed meanwhile; where no lock can be had (no such folder, one that cannot be written), nobody is kept from it."""
    with _lock(folder, alone=False):
        yield


@contextlib.contextmanager
def _lock(folder: Path, *, alone: bool) -> Iterator[bool]:
    try:
        fd = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        yield True
        return
    try:
        yield _taken(fd, alone=alone)
    finally:
        os.close(fd)


def _taken(fd: int, *, alone: bool) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return not alone  # a reader that meets a remover reads on: what goes is of no life that it can prove as a whole
    return True
