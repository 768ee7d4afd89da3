"""archive.keep.lock: who may record or recover in a journal folder: one at a time.

Two locks are held: a file's in the folder (it works on every system, and other programs can ask for it), and the folder's own. Whoever
removes the file by hand does not let a second recorder in that way; who removes the folder is noticed by `check`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from filelock import FileLock, Timeout

from hoga.archive.keep.life import LOCK_FILE
from hoga.runtime.durable import make_folder

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = ["FolderLock"]

_BUSY = (errno.EWOULDBLOCK, errno.EACCES)


class FolderLock:
    """The right to record or recover in `folder`, which must exist. Not for several threads at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = FileLock(folder / LOCK_FILE)
        self._stat: os.stat_result | None = None
        self._fd = -1

    def acquire(self) -> bool:
        """Take it; False, and nothing is held, when somebody else has it. Raises OSError."""
        try:
            self._file.acquire(timeout=0)
        except Timeout:
            return False
        try:
            taken = self._take_folder()
        except BaseException:
            self._file.release()
            raise
        if not taken:
            self._file.release()
        else:
            self._stat = (self._folder / LOCK_FILE).stat()
        return taken

    def release(self) -> None:
        """Give it back; nothing happens when it is not held."""
        self._let_folder_go()
        self._file.release()

    def check(self) -> bool:
        """Whether what is held is still what the names stand for. What is not is taken anew: so False means that somebody removed
        it, and all is well again.

        Raises Timeout when somebody else has taken it meanwhile, OSError.
        """
        folder_is_ours = self._fd < 0 or _is_same(self._folder, os.fstat(self._fd))
        file_is_ours = self._stat is None or _is_same(self._folder / LOCK_FILE, self._stat)
        if folder_is_ours and file_is_ours:
            return True
        make_folder(self._folder)
        if not folder_is_ours:
            self._let_folder_go()
            if not self._take_folder():
                raise Timeout(str(self._folder))
        if not file_is_ours:
            with contextlib.suppress(OSError):  # the file it stood for is gone
                self._file.release(force=True)
            self._file = FileLock(self._folder / LOCK_FILE)
            self._file.acquire(timeout=0)
            self._stat = (self._folder / LOCK_FILE).stat()
        return False

    def _take_folder(self) -> bool:
        """False when somebody else holds it. On file systems that cannot lock folders the file's lock must do."""
        if fcntl is None or self._fd >= 0:
            return True
        fd = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            os.close(fd)
            return fault.errno not in _BUSY
        self._fd = fd
        return True

    def _let_folder_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _is_same(path: Path, stat: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), stat)
    except FileNotFoundError:
        return False
