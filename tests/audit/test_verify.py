"""Whatever is done to a journal that lies there whole is found: each byte, each length, each record, each file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hoga.audit.folder import Account, Owner, fingerprint, list_files, read_head, write_head
from hoga.audit.log import AuditLogger
from hoga.audit.verify import verify
from hoga.core.errors import ArchiveError
from hoga.runtime.clock import ManualClock

OWNER = Owner(accounts=(Account("spot", "https://127.0.0.1:1", fingerprint("k" * 64)),), trader="")
NOON_NS = 1_763_640_000_000_000_000


def live(folder: Path, *kinds: str, clock: ManualClock, end: bool = True) -> None:
    log = AuditLogger(folder, owner=OWNER, clock=clock)
    log.open()
    for at, kind in enumerate(kinds):
        clock.advance(0.01)
        log.append(kind, {"id": f"hg{at}", "sym": "spot:BTCUSDT", "q": at})
    if end:
        log.close()
    else:
        log.flush()
        log._stop.set()
        log._let_go()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lives, three files, sealed."""
    folder = tmp_path_factory.mktemp("whole") / "journal"
    clock = ManualClock(NOON_NS)
    live(folder, "order.intent", "order.sent", clock=clock)
    live(folder, "order.ack", clock=clock)
    live(folder, "order.fill", "order.cancel", clock=clock)
    return folder


@pytest.fixture
def journal(whole: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    shutil.copytree(whole, folder)
    return folder


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_whole_journal_is_good(journal: Path) -> None:
    report = verify(journal)
    assert report.ok
    assert report.records == 11
    assert report.findings == []
    (one,) = report.journals
    assert (one.files, one.lives, one.last_n, one.sealed, one.open) == (3, 3, 11, True, False)
    head = read_head(journal)
    assert head is not None
    assert (head.n, head.h) == (11, one.hash)


def test_a_data_folder_is_taken_for_its_journal(journal: Path) -> None:
    report = verify(journal.parent)
    assert report.ok
    with pytest.raises(ArchiveError, match="no journal"):
        verify(journal.parent.parent / "nothing")


EVERY = pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.faults)])
"""A share of all places, and in `make faults` all of them."""


@EVERY
def test_every_byte_that_is_flipped_is_found(journal: Path, step: int) -> None:
    files = [each.path for each in list_files(journal)] + [journal / name for name in ("head", "boot", "owner")]
    for path in files:
        right = path.read_bytes()
        for at in {*range(0, len(right), step), len(right) - 1}:
            wrong = bytearray(right)
            wrong[at] ^= 1 << at % 8
            path.write_bytes(wrong)
            assert not verify(journal).ok, (path.name, at)
        path.write_bytes(right)
    assert verify(journal).ok


@EVERY
def test_a_tail_cut_at_any_length_is_found(journal: Path, step: int) -> None:
    for each in list_files(journal):
        right = each.path.read_bytes()
        ends = {at for at in range(len(right)) if right[at - 1 : at] == b"\n"}
        for length in ends | {*range(0, len(right), step), len(right) - 1}:
            each.path.write_bytes(right[:length])
            assert not verify(journal).ok, (each.path.name, length)
        each.path.write_bytes(right)
    assert verify(journal).ok


def test_records_that_are_removed_doubled_or_swapped_are_found(journal: Path) -> None:
    for each in list_files(journal):
        right = lines_of(each.path)
        for at in range(len(right)):
            changed = [right[:at] + right[at + 1 :], right[: at + 1] + right[at:]]
            if at + 1 < len(right):
                changed.append([*right[:at], right[at + 1], right[at], *right[at + 2 :]])
            for lines in changed:
                each.path.write_bytes(b"".join(lines))
                assert not verify(journal).ok, (each.path.name, at)
        each.path.write_bytes(b"".join(right))


@pytest.mark.parametrize("gone", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_files_that_are_removed_are_found(journal: Path, gone: tuple[int, ...]) -> None:
    files = list_files(journal)
    for at in gone:
        files[at].path.unlink()
    assert not verify(journal).ok


@pytest.mark.parametrize("name", ["head", "boot", "owner"])
def test_a_small_file_that_is_removed_is_found(journal: Path, name: str) -> None:
    (journal / name).unlink()
    report = verify(journal)
    assert {each.file for each in report.problems} == {name}


def test_an_old_head_is_found_where_the_end_is_sealed(journal: Path) -> None:
    head = read_head(journal)
    assert head is not None
    for each in list_files(journal):
        for line in lines_of(each.path):
            old = type(head)(int(line.split(b",")[0].split(b":")[1]), line[-65:-1].decode())
            write_head(journal, old)
            assert verify(journal).ok == (old == head)


def test_a_tail_that_was_cut_with_its_head_put_back_is_found_by_a_seal_kept_elsewhere(whole: Path, journal: Path) -> None:
    sealed = verify(whole).journals[0]
    last = list_files(journal)[-1].path
    lines = lines_of(last)
    last.write_bytes(b"".join(lines[:-2]))
    write_head(journal, type(read_head(journal))(9, lines[-3][-65:-1].decode()))  # type: ignore[misc]
    assert verify(journal).ok
    report = verify(journal, seals={sealed.last_n: sealed.hash})
    assert [each.kind for each in report.problems] == ["cut"]
    assert verify(whole, seals={sealed.last_n: sealed.hash}).ok
    assert not verify(whole, seals={3: sealed.hash}).ok


def test_an_end_without_a_seal_is_told_and_no_problem(tmp_path: Path) -> None:
    live(tmp_path / "journal", "order.intent", clock=ManualClock(NOON_NS), end=False)
    report = verify(tmp_path / "journal")
    assert report.ok
    assert [each.kind for each in report.findings] == ["unsealed"]
