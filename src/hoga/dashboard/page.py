"""dashboard.page: one memory-mapped page that one process writes and any number read, without a lock and without waiting.

    0   magic "HOGAPAGE" · u32 version · u32 slot bytes · u64 writer's process id · u64 turn
    64  slot 0:  u64 turn · u64 monotonic ns of the write · u32 length · u32 crc32 · payload
    …   slot 1:  the same

All numbers are little-endian. The writer fills the slot that is not the newest, then makes it the newest by storing its
turn; slot = turn & 1. A reader copies the newest slot and checks turn and checksum, so a half-written slot is never
taken for a whole one. The file's space is written out before it is mapped: a full disk cannot strike later.

A page belongs to one run. A new writer puts a new file in its place; a reader that follows the name finds it. A writer holds
a lock on its file as long as it lives; whoever starts removes the pages of those that were killed (`remove_orphans`).
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import re
import socket
import stat
import struct
import sys
import tempfile
from pathlib import Path
from time import monotonic_ns

import msgspec
from isal import isal_zlib

from hoga.dashboard.snapshot import PageState

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = ["VERSION", "PageRead", "PageReader", "PageWriter", "page_path", "remove_orphans"]

VERSION = 1
MAGIC = b"HOGAPAGE"

_HEAD = struct.Struct("<8sIIQQ")
_TURN = struct.Struct("<Q")
_TURN_AT = 24
_SLOT = struct.Struct("<QQII")
_FIRST = 64
_TRIES = 4
_KEPT_NS = 86_400 * 1_000_000_000
_NAME = re.compile(r"hoga-[0-9a-f]{16}\.(?:run|dashboard|trader)(?:\..+)?")


class PageRead(msgspec.Struct, frozen=True):
    """One look at a page. `mono_ns` is when its writer wrote it, by the machine's monotonic clock."""

    state: PageState
    turn: int = 0
    mono_ns: int = 0
    pid: int = 0
    payload: bytes = b""


def page_path(data_dir: Path, *, part: str = "run", environ_dir: str | None = None) -> Path:
    """Where the page of the run that records into `data_dir` is: in memory where the system has such a place.

    `part`: `run` is written by the collector, `dashboard` by its dashboard, `trader` by a trader. `environ_dir` replaces the folder.
    """
    digest = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    shared = Path("/dev/shm")
    folder = Path(environ_dir) if environ_dir else shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return folder / f"hoga-{digest}.{part}"


def remove_orphans(folder: Path) -> list[Path]:
    """Remove the pages in `folder` whose writers are gone, and the deaf sockets that lie beside them; gives what was removed.

    That of a trader that was killed stays for a day. A writer that lives holds its page's lock, in whatever container it is; one of an
    earlier version held none, and is told by its process id. Never raises.
    """
    removed: list[Path] = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            if _NAME.fullmatch(path.name) and _is_orphan(path) and not _is_still_read(path):
                for gone in (path, path.with_suffix(".hub")) if path.suffix == ".run" else (path,):
                    with contextlib.suppress(OSError):
                        if gone == path or _is_deaf(gone):
                            gone.unlink()
                            removed.append(gone)
    return removed


def _is_deaf(path: Path) -> bool:
    """Whether it is a socket at which nobody listens: the next run of the folder may have made its own there already."""
    if not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def _is_still_read(path: Path) -> bool:
    """Whether it is the last word of a trader that was killed, not longer than a day ago: people want to see what it held."""
    if path.suffix != ".trader":
        return False
    reader = PageReader(path)
    page = reader.read()
    reader.close()
    return page.state is PageState.GOOD and monotonic_ns() - page.mono_ns < _KEPT_NS


def _is_orphan(path: Path) -> bool:
    if sys.platform == "win32":
        return False  # there it is nobody's memory
    try:
        with path.open("r+b") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size or not head.startswith(MAGIC):
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.kill(_HEAD.unpack(head)[3], 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # it is held, or not ours to look at
    return False


class PageWriter:
    """The writing end. `publish` returns at once and never raises; what did not fit is counted in `refused`.

    Raises OSError from the constructor when the file cannot be made.
    """

    def __init__(self, path: Path, *, slot_bytes: int) -> None:
        self.path = path
        self.turn = 0
        self.refused = 0
        self._slot_bytes = slot_bytes
        remove_orphans(path.parent)
        size = _FIRST + 2 * (_SLOT.size + slot_bytes)
        fd, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        self._held = os.dup(fd)
        try:
            if fcntl is not None:
                fcntl.flock(self._held, fcntl.LOCK_SH)
            with os.fdopen(fd, "r+b") as file:
                file.write(_HEAD.pack(MAGIC, VERSION, slot_bytes, os.getpid(), 0).ljust(_FIRST, b"\0"))
                file.write(bytes(size - _FIRST))
                file.flush()
                self._map = mmap.mmap(file.fileno(), size)
            Path(name).replace(path)
        except BaseException:
            os.close(self._held)
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._inode = path.stat().st_ino

    def publish(self, payload: bytes) -> bool:
        """Make `payload` the newest. False when it does not fit; the page then keeps what it had."""
        if len(payload) > self._slot_bytes:
            self.refused += 1
            return False
        turn = self.turn + 1
        at = _FIRST + (turn & 1) * (_SLOT.size + self._slot_bytes)
        _TURN.pack_into(self._map, at, 0)
        start = at + _SLOT.size
        self._map[start : start + len(payload)] = payload
        _SLOT.pack_into(self._map, at, turn, monotonic_ns(), len(payload), isal_zlib.crc32(payload))
        _TURN.pack_into(self._map, _TURN_AT, turn)
        self.turn = turn
        return True

    def close(self) -> None:
        """Remove the name, if it is still this page's; readers that have it mapped keep the last payload."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        self._map.close()
        if self._held >= 0:
            os.close(self._held)
            self._held = -1


class PageReader:
    """The reading end: follows the name `path`, whoever writes there. Reads only; never raises for what it finds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = os.fspath(path)
        self._map: mmap.mmap | None = None
        self._identity: tuple[int, int] | None = None

    def read(self) -> PageRead:
        """The newest whole payload, or why there is none."""
        if not self._follow():
            return PageRead(PageState.MISSING)
        assert self._map is not None, "following found it"
        if len(self._map) < _FIRST:
            return PageRead(PageState.FOREIGN)
        magic, version, slot_bytes, pid, _ = _HEAD.unpack_from(self._map)
        if magic != MAGIC or (version == VERSION and len(self._map) < _FIRST + 2 * (_SLOT.size + slot_bytes)):
            return PageRead(PageState.FOREIGN)
        if version != VERSION:
            return PageRead(PageState.VERSION, pid=pid)
        return self._newest(slot_bytes, pid)

    def turn(self) -> int:
        """The newest turn, 0 when there is none: tells cheaply whether there is anything new."""
        found: int = _TURN.unpack_from(self._map, _TURN_AT)[0] if self._follow() and self._map and len(self._map) >= _FIRST else 0
        return found

    def close(self) -> None:
        """Let go of the page."""
        if self._map is not None:
            self._map.close()
        self._map = self._identity = None

    def _newest(self, slot_bytes: int, pid: int) -> PageRead:
        assert self._map is not None, "called with a page"
        for _ in range(_TRIES):
            (turn,) = _TURN.unpack_from(self._map, _TURN_AT)
            if not turn:
                return PageRead(PageState.EMPTY, pid=pid)
            at = _FIRST + (turn & 1) * (_SLOT.size + slot_bytes)
            slot_turn, mono_ns, length, crc = _SLOT.unpack_from(self._map, at)
            start = at + _SLOT.size
            payload = self._map[start : start + min(length, slot_bytes)]
            if slot_turn == turn and len(payload) == length and isal_zlib.crc32(payload) == crc:
                return PageRead(PageState.GOOD, turn, mono_ns, pid, payload)
        return PageRead(PageState.TORN, pid=pid)

    def _follow(self) -> bool:
        """Map what the name stands for now; a page whose name is gone is gone."""
        try:
            found = os.stat(self._name)  # noqa: PTH116  # some forty times a second
            if not stat.S_ISREG(found.st_mode):  # the folder may be everybody's: to open a pipe would wait for ever
                self.close()
                return False
            identity = (found.st_ino, found.st_size)
            if identity != self._identity:
                self.close()
                with self.path.open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._identity = identity
        except (OSError, ValueError):
            self.close()
            return False
        return True
