"""recorder.writer: journal files and the two threads that serve them: one writes, one fsyncs.

The event loop never touches a file. `put` and `rotate` only queue; a slow or full disk makes the queue grow, and the
lanes shed by their own rule (`pending_records`). What the operating system refuses is tried again, for ever, from the
last whole chunk on; after a failed fsync, everything since the last good one is written again to a new file.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, time_ns

import msgspec

from hoga.archive.durable import fsync_folder

__all__ = ["JournalWriter", "WriterStats"]

_RETRY_S = 0.25
_COALESCE = 64


class WriterStats(msgspec.Struct, frozen=True, kw_only=True):
    """`lag_ns`: receipt → handed to the operating system, of the oldest record of recent chunks. `fault`: why writing
    is stuck now, None when it is not."""

    pending_records: int
    written_records: int
    written_bytes: int
    fsyncs: int
    fsync_ms: float
    lag_ns: tuple[int, ...]
    fault: str | None


class _File:
    """One open journal."""

    __slots__ = ("dirty", "fd", "header", "path", "size", "unsynced")

    def __init__(self, path: Path, header: bytes) -> None:
        self.path = path
        self.header = header
        self.fd = -1
        self.size = 0
        self.dirty = False
        self.unsynced: list[bytes] = []


class _Put(msgspec.Struct, gc=False):
    lane: int
    chunk: bytes
    records: int
    oldest_ns: int


class _Rotate(msgspec.Struct, gc=False):
    lane: int
    path: Path | None
    header: bytes


class JournalWriter:
    """Writes the journals of all lanes of one recorder.

    `on_closed(path)` is called from the fsync thread when a journal is complete and durable; `on_fault(text)` when
    writing gets stuck (text) and when it goes on (None).
    """

    def __init__(self, *, fsync_interval_s: float, on_closed: Callable[[Path], None], on_fault: Callable[[str | None], None]) -> None:
        self._fsync_interval_s = fsync_interval_s
        self._on_closed = on_closed
        self._on_fault = on_fault
        self._queue: SimpleQueue[_Put | _Rotate | None] = SimpleQueue()
        self._files: dict[int, _File] = {}
        self._closing: list[_File] = []
        self._lock = threading.Lock()
        self._queued = self._written = self._bytes = self._fsyncs = 0
        self._fsync_ms = 0.0
        self._lags: list[int] = []
        self._fault: str | None = None
        self._give_up = threading.Event()
        self._drained = threading.Event()
        self._sync_now = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="hoga-writer", daemon=True)
        self._syncer = threading.Thread(target=self._sync_all, name="hoga-fsync", daemon=True)
        self.lost_records = 0

    def start(self) -> None:
        """Start both threads."""
        self._writer.start()
        self._syncer.start()

    @property
    def pending_records(self) -> int:
        """Records queued and not yet handed to the operating system."""
        return self._queued - self._written

    @property
    def queued_records(self) -> int:
        """Records queued since the start."""
        return self._queued

    @property
    def written_records(self) -> int:
        """Records handed to the operating system since the start."""
        return self._written

    def put(self, lane: int, chunk: bytes, *, records: int, oldest_ns: int) -> None:
        """Queue a chunk for the lane's open journal."""
        self._queued += records
        self._queue.put(_Put(lane, chunk, records, oldest_ns))

    def rotate(self, lane: int, path: Path | None, header: bytes) -> None:
        """End the lane's journal and begin `path` (None: begin none)."""
        self._queue.put(_Rotate(lane, path, header))

    def stats(self) -> WriterStats:
        """Figures of now; `lag_ns` is of the chunks since the last call."""
        lags, self._lags = self._lags, []
        return WriterStats(
            pending_records=self.pending_records,
            written_records=self._written,
            written_bytes=self._bytes,
            fsyncs=self._fsyncs,
            fsync_ms=self._fsync_ms,
            lag_ns=tuple(lags),
            fault=self._fault,
        )

    def stop(self, *, timeout_s: float) -> bool:
        """Write what is queued, fsync, close. Blocks; returns whether all of it got through in time."""
        end = monotonic() + timeout_s
        self._queue.put(None)
        self._writer.join(max(0.0, end - monotonic()))
        if self._writer.is_alive():
            self._give_up.set()
            self._writer.join(_RETRY_S * 2)
        self._drained.set()
        self._sync_now.set()
        self._syncer.join(max(0.1, end - monotonic()))
        return not self.lost_records and not self._syncer.is_alive()

    # -- the writing thread -------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                break
            if isinstance(item, _Rotate):
                self._begin(item)
                continue
            items = [item]
            after: _Rotate | None = None
            ended = False
            while len(items) < _COALESCE and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    ended = True
                    break
                if isinstance(more, _Rotate):
                    after = more
                    break
                items.append(more)
            self._write(items)
            if after is not None:
                self._begin(after)
            if ended:
                break
        with self._lock:
            self._closing.extend(self._files.values())
            self._files.clear()

    def _begin(self, item: _Rotate) -> None:
        with self._lock:
            old = self._files.pop(item.lane, None)
            if old is not None:
                self._closing.append(old)
        self._sync_now.set()
        if item.path is not None:
            file = _File(item.path, item.header)
            self._patiently(lambda: self._open(file))
            with self._lock:
                self._files[item.lane] = file

    def _open(self, file: _File) -> None:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        if file.fd < 0:
            file.fd = os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            file.size = 0
        self._append(file, [file.header])
        fsync_folder(file.path.parent)

    def _write(self, items: list[_Put]) -> None:
        by_lane: dict[int, list[_Put]] = {}
        for item in items:
            by_lane.setdefault(item.lane, []).append(item)
        for lane, mine in by_lane.items():
            file = self._files[lane]
            chunks = [item.chunk for item in mine]
            records = sum(item.records for item in mine)
            if self._patiently(lambda: self._append(file, chunks)):  # noqa: B023  # called at once
                now = time_ns()
                if len(self._lags) < 100_000:
                    self._lags.extend(now - item.oldest_ns for item in mine)
            else:
                self.lost_records += records
            self._written += records

    def _append(self, file: _File, chunks: list[bytes]) -> None:
        """All of `chunks`, or back to where the file was."""
        try:
            left: list[memoryview] = [memoryview(chunk) for chunk in chunks]
            while left:
                count = os.writev(file.fd, left[:512])
                while left and count >= len(left[0]):
                    count -= len(left.pop(0))
                if left and count:
                    left[0] = left[0][count:]
        except OSError:
            os.ftruncate(file.fd, file.size)
            os.lseek(file.fd, file.size, os.SEEK_SET)
            raise
        size = sum(map(len, chunks))
        with self._lock:
            file.size += size
            file.unsynced.extend(chunks)
            file.dirty = True
        self._bytes += size

    def _patiently(self, act: Callable[[], None]) -> bool:
        """Do it, again and again until it works; False when told to give up."""
        while True:
            try:
                act()
            except OSError as fault:
                self._tell(os.strerror(fault.errno) if fault.errno else str(fault))
                if self._give_up.wait(_RETRY_S):
                    return False
                continue
            self._tell(None)
            return True

    def _tell(self, fault: str | None) -> None:
        if fault != self._fault:
            self._fault = fault
            self._on_fault(fault)

    # -- the fsync thread ---------------------------------------------------------------------------------------

    def _sync_all(self) -> None:
        while True:
            self._sync_now.wait(self._fsync_interval_s)
            self._sync_now.clear()
            with self._lock:
                closing, self._closing = self._closing, []
                files = list(self._files.values())
            last = self._drained.is_set()
            for file in files:
                self._sync(file)
            for file in closing:
                self._sync(file)
                os.close(file.fd)
                self._on_closed(file.path)
            if last and not self._closing:
                return

    def _sync(self, file: _File) -> None:
        with self._lock:
            if not file.dirty or file.fd < 0:
                return
            file.dirty = False
            mark = len(file.unsynced)
        began = monotonic()
        try:
            self._relink(file)
            os.fdatasync(file.fd)
        except OSError as fault:
            self._tell(f"fsync: {os.strerror(fault.errno or errno.EIO)}")
            self._write_anew(file)
            return
        with self._lock:
            del file.unsynced[:mark]
        self._fsyncs += 1
        self._fsync_ms = (monotonic() - began) * 1e3

    def _relink(self, file: _File) -> None:
        """Somebody removed the open journal: put its bytes back under its name."""
        if os.fstat(file.fd).st_nlink:
            return
        with self._lock:
            data = os.pread(file.fd, file.size, 0)
            fd = os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.dup2(fd, file.fd)
            os.close(fd)
        fsync_folder(file.path.parent)

    def _write_anew(self, file: _File) -> None:
        """After a failed fsync the kernel may have dropped the pages and forgotten it: the bytes since the last good
        one are appended once more (chunks carry numbers, readers take each once)."""
        with self._lock:
            again = list(file.unsynced)
            file.dirty = True
        try:
            with self._lock:
                for chunk in again:
                    view = memoryview(chunk)
                    while view:
                        view = view[os.write(file.fd, view) :]
                file.size = os.lseek(file.fd, 0, os.SEEK_CUR)
        except OSError as fault:
            self._tell(os.strerror(fault.errno or errno.EIO))
