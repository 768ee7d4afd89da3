"""The logger: written before it returns, durable soon, healed after a fault, and one life after the other."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from hoga.audit.folder import Account, Owner, fingerprint, list_files, read_head
from hoga.audit.log import AuditLogger, Durability, JournalFault, Seal
from hoga.audit.reading import Walk
from hoga.audit.verify import verify
from hoga.core.errors import ArchiveBusy, ConfigError
from hoga.core.secret import Credentials, Secret
from hoga.runtime import durable
from hoga.runtime.clock import ManualClock
from tests.waiting import until

NOON_NS = 1_763_640_000_000_000_000


def owner(key: str = "k" * 64, *, endpoint: str = "https://127.0.0.1:1", trader: str = "") -> Owner:
    return Owner(accounts=(Account("spot", endpoint, fingerprint(key)),), trader=trader)


def kinds_of(folder: Path) -> list[str]:
    walk = Walk(folder)
    kinds = [record.kind for record in walk.records()]
    assert not walk.faults
    return kinds


def test_a_record_is_with_the_system_before_append_returns(tmp_path: Path) -> None:
    with AuditLogger(tmp_path / "journal") as log:
        assert log.append("order.intent", {"id": "hg1"})
        assert kinds_of(tmp_path / "journal") == ["boot", "order.intent"]


def test_lives_are_counted_and_number_on(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    for boot in (1, 2, 3):
        with AuditLogger(folder) as log:
            assert log.opened.boot == boot
            assert log.opened.recovered.clean
            log.append("signal", {"id": "x"})
    walk = Walk(folder)
    records = list(walk.records())
    assert [record.n for record in records] == list(range(1, 10))
    assert [record.b for record in records] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [each.number for each in list_files(folder)] == [1, 2, 3]
    assert verify(folder).ok


def test_the_thread_makes_it_durable_and_the_head_follows(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        log.append("signal", {"id": "x"})
        until(lambda: (head := read_head(folder)) is not None and head.n == 2)
        assert log.health().waiting == 0
        assert log.health().lag_s == 0


def test_seals_go_to_the_second_medium_each_hour_and_at_the_end(tmp_path: Path) -> None:
    clock, seals = ManualClock(NOON_NS), list[Seal]()
    folder = tmp_path / "journal"
    with AuditLogger(folder, clock=clock, on_seal=seals.append) as log:
        log.append("signal", {"id": "x"})
        clock.advance(3601)
        until(lambda: log._errand)
        log.append("signal", {"id": "y"})
        until(lambda: len(seals) == 1)
    assert [seal.n for seal in seals] == [2, 4]
    assert kinds_of(folder) == ["boot", "signal", "seal", "signal", "seal"]
    assert verify(folder, seals={seal.n: seal.hash for seal in seals}).ok


def test_a_new_day_is_a_new_file_that_holds_the_hash_before(tmp_path: Path) -> None:
    clock = ManualClock(NOON_NS)
    folder = tmp_path / "journal"
    with AuditLogger(folder, clock=clock) as log:
        log.append("signal", {"id": "x"})
        clock.advance(86_400)
        until(lambda: log._next is not None)
        log.append("signal", {"id": "y"})
        log.append("signal", {"id": "z"})
    first, second = list_files(folder)
    assert (first.path.parent.name, second.path.parent.name) == ("2025-11-20", "2025-11-21")
    assert b'"k":"seal","why":"file","prev":"' in second.path.read_bytes().splitlines()[0]
    assert verify(folder).ok


def test_a_file_that_is_large_enough_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.audit.log._FILE_BYTES", 5_000)
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        for _ in range(3):
            for _ in range(50):
                log.append("signal", {"id": "x"})
            until(lambda: log._next is not None)
    assert len(list_files(folder)) >= 3
    assert verify(folder).ok
    open_files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
    assert not [name for name in open_files if name.startswith(str(folder))]


def test_a_backtest_gives_the_same_bytes_again_and_no_life_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.audit.log._FILE_BYTES", 20_000)
    monkeypatch.setattr("hoga.audit.log._REPLAY_BYTES", 3_000)
    bytes_of = []
    for name in ("a", "b"):
        clock = ManualClock(NOON_NS)
        with AuditLogger(tmp_path / name, durability=Durability.REPLAY, clock=clock) as log:
            assert log.opened.boot == 0
            for at in range(500):
                clock.advance(0.1)
                assert log.append("signal", {"id": f"s{at}", "fast": at / 3})
        bytes_of.append({each.path.relative_to(tmp_path / name): each.path.read_bytes() for each in list_files(tmp_path / name)})
    assert bytes_of[0] == bytes_of[1]
    assert len(bytes_of[0]) > 2
    report = verify(tmp_path / "a")
    assert report.ok
    assert report.records >= 502
    assert b'"m":' not in next(iter(bytes_of[0].values()))


def test_no_key_is_in_the_journal(tmp_path: Path) -> None:
    keys = Credentials(key=Secret("publickey1"), secret=Secret("verysecret"), signing_key=Secret("-----BEGIN\nabcdef\n-----END"))
    with AuditLogger(tmp_path / "journal", hide=(keys,)) as log:
        log.append("order.reject", {"raw": '{"msg":"key publickey1 with verysecret"}', "note": ["abcdef"], "key": keys.secret})
    text = b"".join(each.path.read_bytes() for each in list_files(tmp_path / "journal"))
    assert b"***" in text
    for secret in (b"publickey1", b"verysecret", b"abcdef"):
        assert secret not in text
    assert verify(tmp_path / "journal").ok


class Disk:
    """A disk that refuses writes, or takes half of each, while `fault` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fault: int | str | None = None
        self._pwrite = os.pwrite
        monkeypatch.setattr("hoga.audit.log.os.pwrite", self.pwrite)

    def pwrite(self, fd: int, data: bytes | memoryview, at: int) -> int:
        if isinstance(self.fault, int):
            raise OSError(self.fault, os.strerror(self.fault))
        if self.fault == "short":
            return self._pwrite(fd, bytes(data)[: len(data) // 2], at) if len(data) > 60 else 0
        return self._pwrite(fd, data, at)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_what_the_disk_refuses_waits_is_told_and_is_written_when_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    disk, told = Disk(monkeypatch), list[JournalFault]()
    folder = tmp_path / "journal"
    with AuditLogger(folder, on_fault=told.append) as log:
        assert log.append("signal", {"id": "a"})
        disk.fault = fault
        assert not log.append("signal", {"id": "b"})
        assert not log.append("signal", {"id": "c"})
        until(lambda: len(told) == 1)
        assert told[0].why == os.strerror(fault)
        assert told[0].waiting >= 2
        assert log.health().unwritable_s > 0
        assert log.health().lag_s > 0
        disk.fault = None
        until(lambda: len(told) == 2)
        assert told[1].why == ""
        assert log.health().unwritable_s == 0
        assert log.append("signal", {"id": "d"})
    assert kinds_of(folder) == ["boot", *["signal"] * 4, "seal"]
    assert verify(folder).ok


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        disk.fault = "short"
        assert not log.append("signal", {"id": "a"})
        disk.fault = None
        until(lambda: log.health().unwritable_s == 0)
        assert log.append("signal", {"id": "b"})
    assert kinds_of(folder) == ["boot", "signal", "signal", "seal"]


def test_after_a_refused_fsync_everything_since_the_last_good_one_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, told = tmp_path / "journal", list[JournalFault]()
    refuse = threading.Event()

    def watch(what: str, where: Path | int, data: bytes | bytearray) -> None:
        if what == "fsync" and isinstance(where, int) and refuse.is_set() and os.readlink(f"/proc/self/fd/{where}").endswith(".jsonl"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    log = AuditLogger(folder, on_fault=told.append)
    log.open()
    durable.watch(watch)
    try:
        refuse.set()
        log.append("signal", {"id": "a"})
        until(lambda: len(told) == 1)
        path = list_files(folder)[-1].path
        os.truncate(path, path.read_bytes().index(b"\n") + 1)  # what the system had in its memory is gone
        refuse.clear()
        until(lambda: len(told) == 2)
    finally:
        durable.watch(None)
    log.close()
    assert kinds_of(folder) == ["boot", "signal", "seal"]
    assert verify(folder).ok


def test_a_head_that_cannot_be_replaced_is_told_and_records_go_on(tmp_path: Path) -> None:
    folder, told = tmp_path / "journal", list[JournalFault]()
    refuse = threading.Event()

    def watch(what: str, where: Path | int, data: bytes | bytearray) -> None:
        if what == "rename" and refuse.is_set():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with AuditLogger(folder, on_fault=told.append) as log:
        durable.watch(watch)
        try:
            refuse.set()
            assert log.append("signal", {"id": "a"})
            until(lambda: len(told) == 1)
            assert log.append("signal", {"id": "b"})
            assert log.health().unwritable_s > 0
            refuse.clear()
            until(lambda: len(told) == 2)
            assert log.health().unwritable_s == 0
        finally:
            durable.watch(None)
    assert verify(folder).ok


def test_records_beyond_what_memory_holds_are_counted_and_a_record_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.audit.log._MOST_WAITING", 5)
    disk = Disk(monkeypatch)
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        log.flush()
        disk.fault = errno.ENOSPC
        with log._flushing:  # the thread is busy with the disk
            for _ in range(9):
                log.append("signal", {"id": "a"})
        assert log.health().lost == 4
        disk.fault = None
        until(lambda: log.health().unwritable_s == 0)
        log.append("signal", {"id": "b"})
    walk = Walk(folder)
    assert [record.fields.get("lost") for record in walk.records() if record.kind == "state"] == [4]
    assert verify(folder).ok


def test_a_torn_last_line_is_cut_off_and_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        log.append("signal", {"id": "a"})
    path = list_files(folder)[-1].path
    with path.open("ab") as file:
        file.write(b'{"n":4,"t":17')
    assert not verify(folder).ok
    with AuditLogger(folder) as log:
        assert log.opened.torn_bytes == 13
        assert not log.opened.quarantined
    report = verify(folder)
    assert report.ok
    assert [each.kind for each in report.findings] == ["torn"]
    boot = [record for record in Walk(folder).records() if record.kind == "boot"][-1]
    assert bytes.fromhex(boot.fields["torn"]["hex"]) == b'{"n":4,"t":17'


def test_a_bad_hash_in_the_middle_quarantines_one_start_and_is_told_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        log.append("signal", {"id": "a"})
        log.append("signal", {"id": "b"})
    path = list_files(folder)[-1].path
    path.write_bytes(path.read_bytes().replace(b'"id":"a"', b'"id":"x"'))
    with AuditLogger(folder) as log:
        assert log.opened.quarantined
        assert [fault.kind for fault in log.opened.faults] == ["wrong-hash"]
    with AuditLogger(folder) as log:
        assert not log.opened.quarantined
    report = verify(folder)
    assert [each.kind for each in report.problems] == ["wrong-hash"]
    assert [each.kind for each in report.findings] == ["told"]


def test_a_fault_of_before_the_last_start_that_no_start_has_told_of_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    for _ in range(3):
        with AuditLogger(folder) as log:
            log.append("signal", {"id": "a"})
            log.append("signal", {"id": "b"})
    first, second = (each.path for each in list_files(folder)[:2])
    first.write_bytes(first.read_bytes().replace(b'"id":"a"', b'"id":"x"'))
    with AuditLogger(folder) as log:
        assert [fault.file for fault in log.opened.faults] == [first.relative_to(folder).as_posix()]
    with AuditLogger(folder) as log:
        assert not log.opened.quarantined
        assert [each["file"] for each in log.opened.recovered.damages] == [first.relative_to(folder).as_posix()]
    second.write_bytes(second.read_bytes().replace(b'"id":"a"', b'"id":"x"'))
    with AuditLogger(folder) as log:
        assert [fault.file for fault in log.opened.faults] == [second.relative_to(folder).as_posix()]
        log.append("state", {"rung": "REDUCING", "incident": "i-1", "why": "damaged", "cause": {"of": "log-quarantined"}})
    with AuditLogger(folder) as log:
        assert not log.opened.quarantined
        assert log.opened.recovered.damages == ()


def test_a_cut_tail_quarantines_a_start(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with AuditLogger(folder) as log:
        log.append("signal", {"id": "a"})
    path = list_files(folder)[-1].path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with AuditLogger(folder) as log:
        assert [fault.kind for fault in log.opened.faults] == ["cut"]


def test_a_life_that_ends_with_its_first_record_leaves_a_journal_without_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "journal"

    def die(self: AuditLogger) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(AuditLogger, "flush", die)
        with pytest.raises(KeyboardInterrupt):
            AuditLogger(folder).open()
    assert kinds_of(folder) == ["boot"]
    with AuditLogger(folder) as log:
        assert not log.opened.quarantined


def test_the_boot_counter_survives_the_loss_of_either_side(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    for _ in range(3):
        with AuditLogger(folder):
            pass
    (folder / "boot").unlink()
    with AuditLogger(folder) as log:
        assert log.opened.boot == 4
    (folder / "boot").write_bytes(b"garbage")
    with AuditLogger(folder) as log:
        assert log.opened.boot == 5
        assert [fault.kind for fault in log.opened.faults] == ["boot"]


def test_a_second_trader_of_a_folder_is_refused(tmp_path: Path) -> None:
    with AuditLogger(tmp_path / "journal") as first:
        with pytest.raises(ArchiveBusy, match=f"another trader works in .*journal .process {os.getpid()}"):
            AuditLogger(tmp_path / "journal").open()
        assert first.append("signal", {"id": "a"})
    with AuditLogger(tmp_path / "journal") as log:
        assert log.opened.boot == 2


def test_a_second_trader_of_an_account_is_refused_unless_its_client_ids_differ(tmp_path: Path) -> None:
    mine = owner(str(tmp_path))
    with AuditLogger(tmp_path / "one" / "journal", owner=mine):
        with pytest.raises(ArchiveBusy, match=r"another trader has this account of spot at https://127\.0\.0\.1:1 .*one/journal"):
            AuditLogger(tmp_path / "two" / "journal", owner=mine).open()
        with AuditLogger(tmp_path / "three" / "journal", owner=owner(str(tmp_path), trader="b")) as other:
            assert other.opened.boot == 1
    with AuditLogger(tmp_path / "four" / "journal", owner=mine):
        pass


@pytest.mark.parametrize(
    "other",
    [owner("x" * 64), owner(endpoint="https://127.0.0.1:2"), owner(trader="b"), Owner(accounts=())],
    ids=["key", "endpoint", "trader", "none"],
)
def test_a_folder_refuses_another_endpoint_or_account(tmp_path: Path, other: Owner) -> None:
    with AuditLogger(tmp_path / "journal", owner=owner()):
        pass
    with pytest.raises(ConfigError, match=r"its orders are of spot at https://127\.0\.0\.1:1"):
        AuditLogger(tmp_path / "journal", owner=other).open()
    with AuditLogger(tmp_path / "journal", owner=owner()) as log:
        assert log.opened.boot == 2


def test_fsync_mode_is_durable_before_it_returns(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with AuditLogger(folder, durability=Durability.FSYNC) as log:
        log.append("order.intent", {"id": "a"})
        head = read_head(folder)
        assert head is not None
        assert head.n == 2
