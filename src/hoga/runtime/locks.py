"""runtime.locks: who holds a lock. The lock itself is the system's (flock), so that it ends with its process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["owner_of_lock"]

_LOCKS = Path("/proc/locks")


def owner_of_lock(path: Path) -> int | None:
    """The process that holds the lock on a file; None where the system does not tell."""
    try:
        wanted = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    place = f"{os.major(wanted.st_dev):02x}:{os.minor(wanted.st_dev):02x}:{wanted.st_ino}"
    for line in lines:
        fields = line.split()
        if place in fields and "->" not in fields:
            pid = int(fields[fields.index(place) - 1])
            return pid if pid > 0 else None
    return None
