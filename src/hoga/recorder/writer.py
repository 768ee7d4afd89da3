"""recorder.writer: journal files and the two threads that serve them: one writes, one fsyncs.

The event loop never touches a file. `put` and `rotate` only queue; a slow or full disk makes the queue grow, and the
lanes shed by their own rule (`pending_records`). What the operating system refuses is tried again, for ever, from the
last whole chunk on. After failed fsyncs, what was written since the last good one is appended once more as soon as one
works again; a journal that ends meanwhile gets `_LAST_TRIES` more, then it is sealed as it reads (sealing writes and
fsyncs anew). Whatever else goes wrong with a file is told as a fault, and tried again, too: neither thread ends of it; one that has
ended all the same is a fault that stays.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

import msgspec

from hoga.core.errors import ArchiveError
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.durable import fsync_folder, write_all

__all__ = ["JournalWriter", "WriterStats"]

_COALESCE = 64
_BURST_RECORDS = 256
_BURST_S = 0.003
"""After a full chunk more are on their way, a millisecond apart: waiting for some of them saves a switch of threads for each,
a twentieth of all that a frame costs."""
_LAST_TRIES = 3
_STILL_S = 10.0
"""A call to the operating system that has not come back for so long is told; it is no error that the disk would report."""


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
    """One open journal. `busy` is held by whichever thread writes to it; `size` is that of its whole chunks. `opened`:
    there is something to close and to tell of."""

    __slots__ = ("busy", "dirty", "failures", "fd", "header", "opened", "path", "size", "unsynced")

    def __init__(self, path: Path, header: bytes) -> None:
        self.path = path
        self.header = header
        self.busy = threading.Lock()
        self.fd = -1
        self.opened = False
        self.size = 0
        self.dirty = False
        self.failures = 0
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

    def __init__(
        self,
        *,
        fsync_interval_s: float,
        on_closed: Callable[[Path], None],
        on_fault: Callable[[str | None], None],
        clock: Clock = SYSTEM,
        retry_s: float = 0.25,
    ) -> None:
        self._clock = clock
        self._retry_s = retry_s
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
        self._faults: dict[str, str] = {}
        self._moved = (0, clock.monotonic())
        self._syncs_since: float | None = None
        self._give_up = threading.Event()
        self._ends = threading.Event()
        self._drained = threading.Event()
        self._sync_now = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="hoga-writer", daemon=True)
        self._syncer = threading.Thread(target=self._sync_all, name="hoga-fsync", daemon=True)
        self._lost = 0
        self._left = False
        self._started = False

    def start(self) -> None:
        """Start both threads."""
        self._writer.start()
        self._syncer.start()
        self._started = True

    @property
    def pending_records(self) -> int:
        """Records queued and not yet handed to the operating system."""
        return self._queued - self._written

    @property
    def lost_records(self) -> int:
        """Records that were given up, and behind a stop that the disk did not even answer those it left."""
        return self._lost + (self.pending_records if self._left else 0)

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
        """Figures of now; `lag_ns` is of the chunks since the last call. Tells of a disk that does not even answer, and of a
        thread that has ended."""
        self._look_for_standstill()
        self._look_for_the_dead()
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

    @property
    def _fault(self) -> str | None:
        with self._lock:
            return next(iter(self._faults.values()), None)

    def stop(self, *, timeout_s: float) -> bool:
        """Write what is queued, fsync, close. Blocks; returns whether all of it got through in time. Where the disk only confirms late
        (`confirms_late`), `confirmed` waits for it."""
        end, queued = monotonic() + timeout_s, self._queued
        self._look_for_the_dead()
        self._ends.set()
        self._queue.put(None)
        self._writer.join(max(0.0, end - monotonic()))
        if self._writer.is_alive():
            self._give_up.set()
            self._writer.join(self._retry_s * 2)
        self._left = self._writer.is_alive() or self._written < queued
        self._drained.set()
        self._sync_now.set()
        self._syncer.join(max(0.1, end - monotonic()))
        return not self.lost_records and not self._writer.is_alive() and not self._syncer.is_alive() and not self._unclosed

    @property
    def _unclosed(self) -> list[_File]:
        """Journals that no thread has closed yet."""
        with self._lock:
            return [*self._files.values(), *self._closing]

    @property
    def confirms_late(self) -> bool:
        """Behind a `stop` in vain: the operating system has every record and refused none; only its fsync is not back."""
        comes = self._syncer.is_alive() or not self._unclosed
        return comes and not self.lost_records and not self._writer.is_alive() and self._faults.keys() <= {"fsync stands"}

    def confirmed(self) -> None:
        """Behind a `stop`: wait until every journal is closed, however long the disk takes. Blocks. Raises ArchiveError when nobody is
        left to close one."""
        self._syncer.join()
        if left := self._unclosed:
            raise ArchiveError(left[0].path, "was never confirmed by the disk", hint="the next start recovers; see the log, and the disk")

    def _look_for_standstill(self) -> None:
        now, began = self._clock.monotonic(), self._syncs_since
        if self._written != self._moved[0] or not self.pending_records:
            self._moved = (self._written, now)
        stands = now - self._moved[1] > _STILL_S
        waits = began is not None and now - began > _STILL_S
        self._tell("write stands", f"no record was taken by the operating system for {_STILL_S:g} s" if stands else None)
        self._tell("fsync stands", f"fsync has not come back for {_STILL_S:g} s" if waits else None)

    def _look_for_the_dead(self) -> None:
        for thread, ends in ((self._writer, self._ends), (self._syncer, self._drained)):
            if self._started and not thread.is_alive() and not ends.is_set():
                self._tell(thread.name, f"the thread {thread.name} ended by a fault of its own; the log has it")

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
            if items[-1].records >= _BURST_RECORDS:
                self._give_up.wait(_BURST_S)
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
            file.opened = True
        if not file.size:
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
                now = self._clock.time_ns()
                if len(self._lags) < 100_000:
                    self._lags.extend(now - item.oldest_ns for item in mine)
            else:
                self._lost += records
            self._written += records

    def _append(self, file: _File, chunks: list[bytes]) -> None:
        """All of `chunks`, or back to where the file was."""
        with file.busy:
            _write_behind(file, chunks)
            file.unsynced.extend(chunks)
            file.dirty = True
        self._bytes += sum(map(len, chunks))

    def _patiently(self, act: Callable[[], None]) -> bool:
        """Do it, again and again until it works; False when told to give up."""
        while True:
            try:
                act()
            except Exception as fault:  # noqa: BLE001  # the supervised place of the writing thread: told, and tried again
                self._tell("write", _why(fault))
                if self._give_up.wait(self._retry_s):
                    return False
                continue
            self._tell("write", None)
            return True

    def _tell(self, act: str, fault: str | None) -> None:
        """Say once that writing (or fsync) gets stuck, and once that it goes on."""
        with self._lock:
            if self._faults.get(act) == fault:
                return
            if fault is None:
                del self._faults[act]
            else:
                self._faults[act] = fault
            now = next(iter(self._faults.values()), None)
        with suppress(Exception):  # whose fault it is to hear: `stats` tells it again, and neither thread may end of it
            self._on_fault(now)

    # -- the fsync thread ---------------------------------------------------------------------------------------

    def _sync_all(self) -> None:
        while True:
            self._sync_now.wait(self._fsync_interval_s)
            self._sync_now.clear()
            last = self._drained.is_set()
            with self._lock:
                closing, files = self._closing[:], list(self._files.values())
            for file in files:
                self._sync(file)
            for file in closing:
                if self._end_safely(file):
                    with self._lock:
                        self._closing.remove(file)
            if last and not self._closing:
                return

    def _end_safely(self, file: _File) -> bool:
        """`_end`; False, too, when it went wrong in a way of its own, which is told."""
        try:
            ended = self._end(file)
        except Exception as fault:  # noqa: BLE001  # the supervised place of each journal's end: told, and tried again
            self._tell("close", f"{file.path.name} cannot be handed on: {_why(fault)}")
            return False
        if ended:
            self._tell("close", None)
        return ended

    def _end(self, file: _File) -> bool:
        """Close a journal that is complete; False while its fsync fails."""
        if not file.opened:
            return True
        if file.fd >= 0:
            if not self._sync(file) and file.failures <= _LAST_TRIES:
                return False
            fd, file.fd = file.fd, -1
            with suppress(OSError):  # what it could tell, fsync has told; Linux frees the descriptor all the same
                os.close(fd)
        self._on_closed(file.path)
        return True

    def _sync(self, file: _File) -> bool:
        """Make what was written durable; whether it is."""
        with file.busy:
            if not file.dirty:
                return True
            file.dirty = False
            mark = len(file.unsynced)
        began = monotonic()
        self._syncs_since = self._clock.monotonic()
        try:
            self._relink(file)
            os.fdatasync(file.fd)
            if file.failures:
                mark = self._write_anew(file)
                os.fdatasync(file.fd)
        except Exception as fault:  # noqa: BLE001  # whatever it was (memory to put a removed file back), it is not durable
            with file.busy:
                file.dirty = True
                file.failures += 1
            self._tell("fsync", f"fsync: {_why(fault)}")
            return False
        finally:
            self._syncs_since = None
        with file.busy:
            del file.unsynced[:mark]
            file.failures = 0
        self._tell("fsync", None)
        self._fsyncs += 1
        self._fsync_ms = (monotonic() - began) * 1e3
        return True

    def _relink(self, file: _File) -> None:
        """Somebody removed the open journal: put its bytes back under its name."""
        if os.fstat(file.fd).st_nlink:
            return
        with file.busy:
            data = os.pread(file.fd, file.size, 0)
            file.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                write_all(fd, data)
                os.dup2(fd, file.fd, inheritable=False)
            finally:
                os.close(fd)
        fsync_folder(file.path.parent)

    def _write_anew(self, file: _File) -> int:
        """With a failed fsync the kernel may have dropped the pages and forgotten it: the bytes since the last good one
        are appended once more (chunks carry numbers, readers take each once). Returns how many chunks there are."""
        with file.busy:
            chunks = file.unsynced
            _write_behind(file, chunks[1:] if chunks[:1] == [file.header] else chunks)
            return len(chunks)


def _write_behind(file: _File, chunks: list[bytes]) -> None:
    """Append all of `chunks` to the file's whole chunks, or cut off what was written of them. The caller holds `busy`."""
    try:
        os.lseek(file.fd, file.size, os.SEEK_SET)
        left: list[memoryview] = [memoryview(chunk) for chunk in chunks]
        while left:
            count = os.writev(file.fd, left[:512])
            while left and count >= len(left[0]):
                count -= len(left.pop(0))
            if left and count:
                left[0] = left[0][count:]
    except BaseException:
        if file.fd >= 0:
            os.ftruncate(file.fd, file.size)
        raise
    file.size += sum(map(len, chunks))


def _why(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return os.strerror(fault.errno) if fault.errno else str(fault) or os.strerror(errno.EIO)
    return f"{type(fault).__name__}: {fault}"
