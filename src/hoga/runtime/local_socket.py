"""runtime.local_socket: a socket in a folder, for processes of the same user on this machine.

The system takes names of some hundred bytes only; a longer one is reached by its folder's number, where the system has such things.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

__all__ = ["address_of", "listen_on"]

_LONGEST = 100


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """What to bind or connect to for `path`, meanwhile. Raises OSError where its folder is not there."""
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST or not Path("/proc/self/fd").is_dir():
        yield text
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen_on(path: Path, *, backlog: int) -> socket.socket:
    """A socket that listens at `path`, open to its own user only (mode 0600); what lies there is replaced. Raises OSError."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(beside) as address:
            listener.bind(address)
        beside.chmod(0o600)  # nobody can connect before it listens
        listener.listen(backlog)
        listener.setblocking(False)
        beside.replace(path)
    except BaseException:
        listener.close()
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    return listener
