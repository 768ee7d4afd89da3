"""The journal's two threads against a disk that misbehaves: nothing written twice on reading, nothing forgotten, never a dead thread."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import pytest

from hoga.archive.form.chunks import read_chunks
from hoga.archive.form.journal import JournalHeader, encode_header, read_header
from hoga.core.errors import ArchiveError
from hoga.recorder import writer as module
from hoga.recorder.writer import JournalWriter
from hoga.runtime.clock import ManualClock
from tests.recorder.workbench import chunk_of
from tests.waiting import LONG_S, until

HEADER = encode_header(
    JournalHeader(
        venue="binance",
        session="1",
        number=1,
        lane=0,
        from_ns=0,
        minute_ns=0,
        interval_min=1,
        archive_format="zip",
        aside_directory=".",
        streams=[],
        hoga="0",
    )
)


class Disk:
    """A writer, and what it told."""

    def __init__(self, **fields: Any) -> None:
        self.closed: list[Path] = []
        self.faults: list[str | None] = []
        self.writer = JournalWriter(
            retry_s=0.01, fsync_interval_s=fields.pop("fsync_interval_s", 0.01), on_closed=self.closed.append, on_fault=self.faults.append
        )
        self.seq = 0

    def put(self, lane: int, *numbers: int) -> None:
        for number in numbers:
            self.seq += 1
            self.writer.put(lane, chunk_of(self.seq, [(number, 0, b"frame %d" % number)]), records=1, oldest_ns=0)


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    if made.writer._writer.is_alive():
        made.writer.stop(timeout_s=0.2)


def records(path: Path) -> list[int]:
    """What a reader takes: each chunk once, damage not at all."""
    assert read_header(path) is not None
    seen: dict[int, list[int]] = {}
    for chunk in read_chunks(path):
        if not isinstance(chunk, int):
            seen.setdefault(chunk.seq, list(chunk.recv_ns))
    return [number for numbers in seen.values() for number in numbers]


def damage(path: Path) -> int:
    return sum(chunk for chunk in read_chunks(path) if isinstance(chunk, int))


def test_lanes_are_written_closed_and_told_in_order(tmp_path: Path, disk: Disk) -> None:
    disk.writer.start()
    paths = [tmp_path / "deep" / name for name in ("0a", "1a", "0b")]
    disk.writer.rotate(0, paths[0], HEADER)
    disk.writer.rotate(1, paths[1], HEADER)
    disk.put(0, 1, 2)
    disk.put(1, 10)
    disk.writer.rotate(0, paths[2], HEADER)
    disk.put(0, 3)
    until(lambda: disk.closed == [paths[0]])
    assert disk.writer.stop(timeout_s=LONG_S)
    assert [records(path) for path in paths] == [[1, 2], [10], [3]]
    assert sorted(disk.closed) == sorted(paths)
    assert disk.writer.pending_records == 0
    assert disk.faults == []


def test_a_lane_may_end_without_a_next_journal(tmp_path: Path, disk: Disk) -> None:
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    disk.writer.rotate(0, None, b"")
    until(lambda: disk.closed == [tmp_path / "a"])
    assert disk.writer.stop(timeout_s=LONG_S)


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_short_writes_are_gone_on_with(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    real = os.writev
    monkeypatch.setattr(module.os, "writev", lambda fd, left: real(fd, [left[0][:most]]))
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, *range(20))
    assert disk.writer.stop(timeout_s=LONG_S)
    assert records(tmp_path / "a") == list(range(20))
    assert damage(tmp_path / "a") == 0


def test_a_full_disk_is_waited_for_and_leaves_no_torn_chunk(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = os.writev, threading.Event()

    def writev(fd: int, left: list[memoryview]) -> int:
        if full.is_set():
            os.write(fd, left[0][:11])
            raise OSError(errno.ENOSPC, "no space")
        return real(fd, left)

    monkeypatch.setattr(module.os, "writev", writev)
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    until(lambda: disk.writer.pending_records == 0)
    full.set()
    disk.put(0, 2, 3)
    until(lambda: disk.faults)
    assert disk.faults == [os.strerror(errno.ENOSPC)]
    assert disk.writer.stats().fault == os.strerror(errno.ENOSPC)
    assert disk.writer.pending_records == 2
    full.clear()
    until(lambda: disk.writer.pending_records == 0)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert disk.faults == [os.strerror(errno.ENOSPC), None]
    assert records(tmp_path / "a") == [1, 2, 3]
    assert damage(tmp_path / "a") == 0


def test_a_folder_that_cannot_be_synced_does_not_double_the_header(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = module.fsync_folder, [OSError(errno.EIO, "io"), OSError(errno.EIO, "io")]

    def fsync_folder(folder: Path) -> None:
        if failures:
            raise failures.pop()
        real(folder)

    monkeypatch.setattr(module, "fsync_folder", fsync_folder)
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert (tmp_path / "a").read_bytes().count(HEADER) == 1
    assert records(tmp_path / "a") == [1]
    assert damage(tmp_path / "a") == 0


def test_after_failed_fsyncs_the_bytes_are_written_once_more_and_read_once(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failing, tries = os.fdatasync, threading.Event(), []

    def fdatasync(fd: int) -> None:
        if failing.is_set():
            tries.append(fd)
            raise OSError(errno.EIO, "io")
        real(fd)

    monkeypatch.setattr(module.os, "fdatasync", fdatasync)
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    until(lambda: disk.writer.stats().fsyncs)
    failing.set()
    disk.put(0, 2, 3)
    until(lambda: len(tries) > 5)
    size = (tmp_path / "a").stat().st_size
    until(lambda: len(tries) > 9)
    assert (tmp_path / "a").stat().st_size == size, "a disk that refuses to sync is not filled up"
    failing.clear()
    until(lambda: disk.writer.stats().fault is None)
    assert (tmp_path / "a").stat().st_size > size
    assert disk.faults == [f"fsync: {os.strerror(errno.EIO)}", None]
    disk.put(0, 4)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert records(tmp_path / "a") == [1, 2, 3, 4]
    assert damage(tmp_path / "a") == 0


def test_a_journal_that_cannot_be_synced_is_given_up_after_some_tries_and_sealed_as_it_reads(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def fdatasync(fd: int) -> None:
        tries.append(fd)
        raise OSError(errno.EIO, "io")

    monkeypatch.setattr(module.os, "fdatasync", fdatasync)
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    disk.writer.rotate(0, tmp_path / "b", HEADER)
    until(lambda: disk.closed == [tmp_path / "a"])
    assert len(tries) > module._LAST_TRIES
    assert records(tmp_path / "a") == [1]


def test_a_journal_removed_under_us_is_put_back(tmp_path: Path, disk: Disk) -> None:
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "sub" / "a", HEADER)
    disk.put(0, 1)
    until(lambda: disk.writer.stats().fsyncs)
    (tmp_path / "sub" / "a").unlink()
    (tmp_path / "sub").rmdir()
    disk.put(0, 2)
    until((tmp_path / "sub" / "a").exists)
    disk.put(0, 3)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert records(tmp_path / "sub" / "a") == [1, 2, 3]
    assert damage(tmp_path / "sub" / "a") == 0


def test_putting_back_never_loses_what_is_being_written(tmp_path: Path) -> None:
    """The file is removed again and again while chunks are written: all of them are there in the end."""
    disk = Disk(fsync_interval_s=0.001)
    disk.writer.start()
    path = tmp_path / "a"
    disk.writer.rotate(0, path, HEADER)
    for number in range(600):
        disk.put(0, number)
        if number % 20 == 0:
            path.unlink(missing_ok=True)
            sleep(0.002)
    disk.put(0, 600)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert records(path) == list(range(601))
    assert damage(path) == 0


def test_stop_with_a_disk_that_does_not_even_answer_says_how_much_is_left(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()

    def writev(fd: int, left: list[memoryview]) -> int:
        hung.wait(LONG_S)
        raise OSError(errno.EIO, "at last")

    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    until((tmp_path / "a").exists)
    until(lambda: (tmp_path / "a").stat().st_size)
    monkeypatch.setattr(module.os, "writev", writev)
    disk.put(0, 1, 2, 3)
    try:
        assert not disk.writer.stop(timeout_s=0.01)
        assert disk.writer.lost_records == 3
    finally:
        hung.set()
    until(lambda: disk.closed)
    assert disk.writer.lost_records == 3


def test_stop_with_a_stuck_disk_gives_up_in_time_and_says_so(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def writev(fd: int, left: list[memoryview]) -> int:
        raise OSError(errno.ENOSPC, "no space")

    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    until((tmp_path / "a").exists)
    until(lambda: (tmp_path / "a").stat().st_size)
    monkeypatch.setattr(module.os, "writev", writev)
    disk.put(0, 1, 2, 3)
    began = monotonic()
    assert not disk.writer.stop(timeout_s=0.3)
    assert monotonic() - began < 60.0
    assert disk.writer.lost_records == 3
    assert damage(tmp_path / "a") == 0
    assert disk.closed == [tmp_path / "a"]


def test_stop_before_the_journal_could_even_be_made(tmp_path: Path, disk: Disk) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in the place of the folder")
    disk.writer.start()
    disk.writer.rotate(0, blocked / "a", HEADER)
    disk.put(0, 1)
    until(lambda: disk.faults)
    assert not disk.writer.stop(timeout_s=0.3)
    assert disk.writer.lost_records == 1
    until(lambda: not disk.writer._syncer.is_alive())
    assert disk.closed == []


def test_a_write_that_never_returns_is_no_clean_stop(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    hang, real = threading.Event(), os.writev

    def writev(fd: int, left: list[memoryview]) -> int:
        hang.wait(600)
        return real(fd, left)

    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    until((tmp_path / "a").exists)
    until(lambda: (tmp_path / "a").stat().st_size)
    monkeypatch.setattr(module.os, "writev", writev)
    disk.put(0, 1)
    try:
        assert not disk.writer.stop(timeout_s=0.1)
    finally:
        hang.set()
        disk.writer._writer.join()
        disk.writer._syncer.join(2)


def test_figures(tmp_path: Path, disk: Disk) -> None:
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1, 2)
    until(lambda: disk.writer.stats().fsyncs and not disk.writer.pending_records)
    disk.put(0, 3)
    until(lambda: not disk.writer.pending_records)
    stats = disk.writer.stats()
    assert stats.written_records == disk.writer.queued_records == 3
    assert stats.written_bytes == (tmp_path / "a").stat().st_size
    assert len(stats.lag_ns) >= 1
    assert disk.writer.stats().lag_ns == (), "each lag is told once"
    assert disk.writer.stop(timeout_s=LONG_S)


@pytest.mark.parametrize(
    ("call", "said"), [("writev", "no record was taken by the operating system"), ("fdatasync", "fsync has not come back")]
)
def test_a_disk_that_does_not_even_answer_is_told_and_so_is_its_coming_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, said: str
) -> None:
    told: list[str | None] = []
    clock, back, asked = ManualClock(1_700_000_000_000_000_000), threading.Event(), threading.Event()
    original = getattr(os, call)

    def stands(*arguments: Any) -> Any:
        asked.set()
        back.wait(LONG_S)
        return original(*arguments)

    writer = JournalWriter(fsync_interval_s=0.01, on_closed=lambda path: None, on_fault=told.append, clock=clock)
    writer.start()
    writer.rotate(0, tmp_path / "a", HEADER)
    until(lambda: writer.stats().fsyncs)
    monkeypatch.setattr(module.os, call, stands)
    writer.put(0, chunk_of(1, [(1, 0, b"frame")]), records=1, oldest_ns=0)
    until(asked.is_set)
    assert writer.stats().fault is None, "it may take a while"
    clock.advance(11.0)
    assert said in str(writer.stats().fault)
    assert writer.stats().fault
    assert len(told) == 1
    back.set()
    until(lambda: writer.stats().fault is None)
    assert told[1:] == [None]
    assert writer.stop(timeout_s=LONG_S)


def refusing(name: str, fault: BaseException, times: int = 1) -> SimpleNamespace:
    """The operating system, whose `name` fails so many times in the fsync thread."""
    real, left = getattr(os, name), [fault] * times

    def call(*arguments: Any) -> Any:
        if left and threading.current_thread().name == "hoga-fsync":
            raise left.pop()
        return real(*arguments)

    return SimpleNamespace(**{**vars(os), name: call})


@pytest.mark.parametrize(
    "fault",
    [("close", OSError(errno.EIO, "io")), ("fdatasync", MemoryError("no room")), ("fstat", ValueError("odd"))],
    ids=["close", "memory", "odd"],
)
def test_whatever_goes_wrong_with_one_journal_the_next_ones_are_confirmed_and_closed(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, fault: tuple[str, BaseException]
) -> None:
    monkeypatch.setattr(module, "os", refusing(*fault))
    paths = [tmp_path / name for name in "abc"]
    disk.writer.start()
    for path in paths:
        disk.writer.rotate(0, path, HEADER)
        disk.put(0, 1)
        until(path.exists)
    until(lambda: disk.closed == paths[:2])
    fsyncs = disk.writer.stats().fsyncs
    disk.put(0, 2)
    until(lambda: disk.writer.stats().fsyncs > fsyncs)
    assert disk.writer.stats().fault is None
    assert disk.writer.stop(timeout_s=LONG_S)
    assert disk.closed == paths
    assert records(paths[2]) == [1, 2]


@pytest.mark.parametrize("name", ["on_closed", "on_fault"])
def test_a_listener_that_fails_ends_no_thread_and_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    told: list[Any] = []

    def fails_once(what: Any) -> None:
        told.append(what)
        if len(told) == 1:
            raise RuntimeError("its own trouble")

    heard: dict[str, Any] = {"on_closed": lambda path: None, "on_fault": lambda fault: None, name: fails_once}
    monkeypatch.setattr(module, "os", refusing("fdatasync", OSError(errno.EIO, "io")))
    writer = JournalWriter(fsync_interval_s=0.01, retry_s=0.01, **heard)
    writer.start()
    writer.rotate(0, tmp_path / "a", HEADER)
    writer.put(0, chunk_of(1, [(1, 0, b"frame")]), records=1, oldest_ns=0)
    writer.rotate(0, tmp_path / "b", HEADER)
    until(lambda: len(told) >= 2)
    until(lambda: writer.stats().fault is None)
    assert writer.stop(timeout_s=LONG_S)
    if name == "on_closed":
        assert told == [tmp_path / "a", tmp_path / "a", tmp_path / "b"]


def test_memory_that_is_short_for_a_moment_loses_no_record(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.writev, [MemoryError("short"), MemoryError("short")]

    def writev(fd: int, chunks: list[memoryview]) -> int:
        if left and disk.seq:
            os.write(fd, chunks[0][:11])
            raise left.pop()
        return real(fd, chunks)

    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    until((tmp_path / "a").exists)
    monkeypatch.setattr(module.os, "writev", writev)
    disk.put(0, 1, 2, 3)
    assert disk.writer.stop(timeout_s=LONG_S)
    assert disk.faults == ["MemoryError: short", None]
    assert records(tmp_path / "a") == [1, 2, 3]
    assert damage(tmp_path / "a") == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("name", "method"), [("hoga-fsync", "_sync"), ("hoga-writer", "_write")])
def test_a_thread_that_ended_all_the_same_is_told_and_no_clean_stop(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, name: str, method: str
) -> None:
    def ends(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(disk.writer, method, ends)
    disk.writer.start()
    disk.writer.rotate(0, tmp_path / "a", HEADER)
    disk.put(0, 1)
    until(lambda: not all(thread.is_alive() for thread in (disk.writer._writer, disk.writer._syncer)))
    assert name in str(disk.writer.stats().fault)
    assert name in str(disk.faults)
    assert not disk.writer.stop(timeout_s=LONG_S if name == "hoga-writer" else 0.5)
    assert not disk.writer.confirms_late
    if name == "hoga-fsync":
        with pytest.raises(ArchiveError, match="never confirmed"):
            disk.writer.confirmed()
    else:
        assert disk.writer.lost_records == 1
