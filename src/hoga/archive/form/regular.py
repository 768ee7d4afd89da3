"""archive.form.regular: open files of the archive for reading, and nothing else that may bear their names.

A pipe would never end, a device has no size, a folder is no text: each is refused in one line, before a byte is read.
"""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path

from hoga.core.errors import ArchiveError, SegmentCorrupt

__all__ = ["is_regular", "open_regular", "read_regular"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Opening a pipe that nobody writes would wait for ever. For regular files it means nothing."""


def open_regular(path: Path) -> FileIO:
    """The file, unbuffered.

    Raises FileNotFoundError when it is not there, SegmentCorrupt when it is no regular file (or a link that leads
    nowhere), ArchiveError when the system does not give it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | _NO_WAIT | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise
    except OSError as fault:
        if path.is_dir():  # where folders cannot be opened at all
            raise SegmentCorrupt(path, "is a folder, expected a file") from fault
        raise ArchiveError(path, f"cannot be read: {fault.strerror or fault}") from fault
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        kind = next((name for test, name in _KINDS if test(mode)), "no regular file")
        raise SegmentCorrupt(path, f"is {kind}, expected a file")
    return os.fdopen(fd, "rb", buffering=0)


def read_regular(path: Path) -> bytes:
    """All of the file. Raises as `open_regular`."""
    with open_regular(path) as file:
        try:
            return file.read()
        except OSError as fault:
            raise ArchiveError(path, f"cannot be read: {fault.strerror or fault}") from fault


def is_regular(path: Path) -> bool:
    """Whether there is a regular file (a link to one is one)."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
