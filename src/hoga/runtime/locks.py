"""runtime.locks: who holds a lock. The lock itself is the system's (flock), so that it ends with its process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_locked", "owner_of_lock"]

_LOCKS = Path("/proc/locks")


def is_locked(path: Path) -> bool | None:
    """Whether some process holds the lock on a file, without touching it; None where the system does not tell."""
    fields = _entry_of(path)
    return None if fields is None else bool(fields)


def owner_of_lock(path: Path) -> int | None:
    """The process that holds the lock on a file; None where the system does not tell."""
    fields = _entry_of(path)
    if not fields:
        return None
    pid = int(fields[-4])
    return pid if pid > 0 else None


def _entry_of(path: Path) -> list[str] | None:
    """The system's line about the lock on a file, in words up to the file's: […, pid, place, start, end]; empty: nobody holds it."""
    try:
        wanted = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except FileNotFoundError:
        return [] if _LOCKS.exists() else None
    except OSError:
        return None
    place = f"{os.major(wanted.st_dev):02x}:{os.minor(wanted.st_dev):02x}:{wanted.st_ino}"
    return next((fields for line in lines if place in (fields := line.split()) and "->" not in fields), [])
