"""What an orderly end leaves unsealed is an unfinished state, and becomes whole; what a crash leaves is a problem until it is recovered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hoga.archive.form.journal import encode_header
from hoga.archive.form.layout import FORMATS
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import minute_span
from hoga.archive.keep.join import join_parts
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.merge import merge_day
from hoga.archive.keep.recover import recover, recover_folder
from hoga.archive.keep.seal import SealJob, seal_and_keep
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveError
from hoga.core.times import MINUTE_NS
from tests.archive.workshop import read_records
from tests.archive_journal.desk import Desk
from tests.recorder.workbench import NOON_NS

DAY = "2026-11-20"
SERIES = (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def check(root: Path) -> VerifyReport:
    return verify([root], jobs=1)


def problems(root: Path) -> set[str]:
    return {problem.kind for problem in check(root).problems}


def findings(root: Path) -> set[str]:
    report = check(root)
    assert report.ok, report.problems
    return {finding.kind for finding in report.findings}


def two_minutes(desk: Desk, *, last: bool = True) -> list[Path]:
    return [desk.journal(range(5), last=False), desk.journal(range(5, 10), start_ns=NOON_NS + MINUTE_NS, last=last)]


def recovered(desk: Desk) -> None:
    assert not recover_folder(desk.folder, now_ns=NOON_NS + 9 * MINUTE_NS).failed


def merge(desk: Desk, symbol: str, kind: str) -> list[str]:
    return merge_day(SeriesDay(desk.root / kind, symbol, kind, DAY), venue="binance", archive_format="zip", purge=True).flaws


# an orderly end


def test_journals_of_an_orderly_end_are_a_finding(desk: Desk) -> None:
    journals = two_minutes(desk)
    report = check(desk.root)
    assert report.ok
    assert [(finding.kind, finding.file) for finding in report.findings] == [("unsealed", str(path)) for path in journals]
    recovered(desk)
    assert findings(desk.root) == set()


def test_a_later_minute_that_was_sealed_before_an_earlier_one_shows_no_hole(desk: Desk) -> None:
    journals = [
        desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, last=minute == 2) for minute in range(3)
    ]
    for path in (journals[0], journals[2]):
        assert not seal_and_keep(SealJob(journals=[str(path)])).failed
    journals[0].unlink()
    assert findings(desk.root) == {"unsealed"}
    recovered(desk)
    assert findings(desk.root) == set()
    assert desk.archive.check_balance("BTCUSDT", "execution") == (15, 15, 0)


def test_segments_whose_entries_are_still_to_come_are_a_finding(desk: Desk) -> None:
    two_minutes(desk)
    for path in list(desk.folder.glob("*.journal")):
        assert not seal_and_keep(SealJob(journals=[str(path)])).failed
    for symbol, kind in SERIES:
        SeriesDay(desk.root / kind, symbol, kind, DAY).ledger.unlink()
    assert findings(desk.root) == {"unsealed"}
    recovered(desk)
    assert findings(desk.root) == set()


def broken_off(desk: Desk) -> None:
    two_minutes(desk, last=False)


def without_its_end(desk: Desk) -> None:
    path = two_minutes(desk)[1]
    path.write_bytes(path.read_bytes()[:-3])


def flipped(desk: Desk) -> None:
    path = two_minutes(desk)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def without_a_chunk(desk: Desk) -> None:
    desk.encoder.restart()
    header, chunks = desk.pieces(range(5), last=True)
    desk.path(header).write_bytes(encode_header(header) + b"".join([*chunks[:2], *chunks[3:]]))


def nameless(desk: Desk) -> None:
    path = two_minutes(desk)[1]
    path.write_bytes(b"\0" + path.read_bytes()[1:])


@pytest.mark.parametrize("harm", [broken_off, without_its_end, flipped, without_a_chunk, nameless])
def test_a_journal_that_is_not_whole_or_not_the_end_is_a_problem(desk: Desk, harm: object) -> None:
    assert callable(harm)
    harm(desk)
    assert "unrecovered" in problems(desk.root)


def test_a_segment_of_a_journal_that_is_gone_is_unaccounted(desk: Desk) -> None:
    journals = two_minutes(desk)
    assert not seal_and_keep(SealJob(journals=[str(journals[0])])).failed
    SeriesDay(desk.root / "orderbook", "BTCUSDT", "orderbook", DAY).ledger.unlink()
    journals[0].unlink()
    assert "unaccounted" in problems(desk.root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_with_a_journals_name_holds_nobody_up(desk: Desk) -> None:
    path = desk.journal(range(5), last=True)
    path.unlink()
    os.mkfifo(path)
    assert problems(desk.root) == {"unreadable"}
    with pytest.raises(ArchiveError, match="pipe"):
        list(read_records(desk.root))
    assert "pipe" in str(recover(desk.root, now_ns=NOON_NS + 9 * MINUTE_NS).failed)


# parts of longer segments


def parts_of(desk: Desk, archive_format: str = "zip") -> list[Path]:
    desk.journal(range(5), interval_min=5, last=False, archive_format=archive_format)
    desk.journal(range(5, 10), start_ns=NOON_NS + MINUTE_NS, interval_min=5, last=True, archive_format=archive_format)
    for path in sorted(desk.folder.glob("*.journal")):
        assert not seal_and_keep(SealJob(journals=[str(path)])).failed
        path.unlink()
    return sorted(desk.root.rglob("parts/*" + FORMATS[archive_format]))


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
def test_parts_that_wait_to_be_joined_are_checked(desk: Desk, archive_format: str) -> None:
    parts = parts_of(desk, archive_format)
    assert len(parts) == 6
    assert findings(desk.root) == {"unsealed"}
    assert check(desk.root).ok
    assert check(desk.root).records == 30
    for path in parts:
        whole = path.read_bytes()
        for at in range(30, len(whole), 23):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert not check(desk.root).ok, at
        path.write_bytes(whole[: len(whole) // 2])
        assert not check(desk.root).ok
        path.write_bytes(whole)
    assert check(desk.root).ok


def test_parts_are_joined_once_also_when_the_interval_is_another_one_now(desk: Desk) -> None:
    parts = parts_of(desk)
    kept = {path: path.read_bytes() for path in parts}
    for symbol, kind in SERIES:
        join_parts(SeriesDay(desk.root / kind, symbol, kind, DAY), interval_min=5, archive_format="zip")
    for path, data in kept.items():  # as if it had been killed before it removed them
        path.write_bytes(data)
    assert check(desk.root).ok
    for symbol, kind in SERIES:
        join_parts(SeriesDay(desk.root / kind, symbol, kind, DAY), interval_min=1, archive_format="zip")
        assert len(desk.archive.lines(symbol, kind)) == 10, "each once"
    assert not list(desk.root.rglob("parts/*.zip"))
    assert findings(desk.root) == set()


def test_recovery_joins_parts_that_no_journal_speaks_of_any_more(desk: Desk) -> None:
    parts_of(desk)
    report = recover(desk.root, now_ns=NOON_NS + 9 * MINUTE_NS)
    assert not report.failed
    assert not list(desk.root.rglob("parts/*.zip"))
    assert len(list(desk.root.rglob("*_12-0?.zip"))) == 6, "nothing says how long the segments were to be"
    assert findings(desk.root) == set()


# the merge before the recovery


def test_a_day_merged_before_its_last_journal_was_recovered_is_good_afterwards(desk: Desk) -> None:
    desk.journal(range(5))
    journals = [desk.journal(range(5, 10), start_ns=NOON_NS + MINUTE_NS, ended=False)]
    kept = journals[0].read_bytes()
    recovered(desk)
    for symbol, kind in SERIES:
        SeriesDay(desk.root / kind, symbol, kind, DAY).ledger.unlink()
        assert len(merge(desk, symbol, kind)) == 2, "both minutes are without their entries"
    journals[0].write_bytes(kept)
    recovered(desk)
    for symbol, kind in SERIES:
        (flaw,) = merge(desk, symbol, kind)
        assert "12:00" in flaw, "the entries of the other minute have come"
        manifest = read_manifest(desk.root / kind / f"{symbol}_{kind}_{DAY}.manifest.json")
        assert manifest is not None
        assert manifest.records == 10
        lost = [gap for gap in manifest.gaps if gap.detail is not None and "ledger" in gap.detail]
        assert [(gap.from_ns, gap.to_ns) for gap in lost] == [minute_span(DAY, "12-00")]
    assert {problem.kind for problem in check(desk.root).problems} == {"unaccounted"}


def test_nothing_is_merged_whose_entries_a_journal_still_holds(desk: Desk) -> None:
    path = desk.journal(range(5), ended=False)
    assert not seal_and_keep(SealJob(journals=[str(path)], crash_to_ns=NOON_NS + MINUTE_NS)).failed
    for symbol, kind in SERIES:
        ledger = SeriesDay(desk.root / kind, symbol, kind, DAY).ledger
        ledger.unlink()
        with pytest.raises(ArchiveError, match="recover"):
            merge(desk, symbol, kind)
    recovered(desk)
    for symbol, kind in SERIES:
        assert merge(desk, symbol, kind) == []
    assert findings(desk.root) == set()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_in_the_place_of_what_recovery_and_merge_read_hold_nobody_up(desk: Desk) -> None:
    two_minutes(desk)
    os.mkfifo(desk.folder / "ends.json")
    recovered(desk)
    (desk.folder / "last.json").unlink()
    os.mkfifo(desk.folder / "last.json")
    assert "pipe" in str(recover(desk.root, now_ns=NOON_NS + 9 * MINUTE_NS).failed)
    ledger = SeriesDay(desk.root / "orderbook", "BTCUSDT", "orderbook", DAY).ledger
    ledger.unlink()
    os.mkfifo(ledger)
    with pytest.raises(ArchiveError, match="pipe"):
        merge(desk, "BTCUSDT", "orderbook")


def test_what_bears_the_name_of_a_file_and_is_none_is_named(desk: Desk) -> None:
    two_minutes(desk)
    recovered(desk)
    folder = SeriesDay(desk.root / "orderbook", "BTCUSDT", "orderbook", DAY).ledger.parent
    odd = [folder / f"BTCUSDT_orderbook_{DAY}_13-0{at}.zip" for at in range(2)] + [desk.root / "orderbook" / f"BTCUSDT_orderbook_{DAY}.zip"]
    odd[0].mkdir()
    odd[1].symlink_to(odd[1].name)
    odd[2].mkdir()
    assert {(problem.kind, problem.file) for problem in check(desk.root).problems} >= {("unreadable", str(path)) for path in odd}


def test_what_a_running_recorder_could_not_recover_is_a_problem_and_what_it_writes_is_none(desk: Desk) -> None:
    desk.journal(range(5), ended=False)
    lock = FolderLock(desk.folder)
    assert lock.acquire()
    try:
        assert findings(desk.root) == {"open"}, "it recovers at this moment, or has just begun to write"
        left = desk.journal(range(5), start_ns=NOON_NS + MINUTE_NS, lane=3, ended=False)
        now = desk.journal(range(3), start_ns=NOON_NS + 3 * MINUTE_NS, session=f"{NOON_NS + 2 * MINUTE_NS:x}", ended=False)
        report = check(desk.root)
        assert [(finding.kind, finding.file) for finding in report.findings] == [("open", str(now))]
        unrecovered = [problem for problem in report.problems if problem.kind == "unrecovered"]
        assert len(unrecovered) == 2
        assert str(left) in {problem.file for problem in unrecovered}, "whatever lanes there are today"
        assert "tries again" in unrecovered[0].detail
    finally:
        lock.release()
