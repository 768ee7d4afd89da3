"""Making good what earlier lives left: every lane, session and minute once, crashes accounted, nothing contradicted later."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from hoga.archive.journal import encode_header
from hoga.archive.ledger import GapEntry, LiveEntry
from hoga.archive.life import LAST_FILE, LOCK_FILE, LastLife, LifeFile, read_last_life
from hoga.archive.recover import find_journals, recover, recover_folder
from hoga.core.errors import ArchiveBusy
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from tests.archive_journal.desk import BOOK, ETH, TRADE, Desk
from tests.recorder.workbench import NOON_NS

NOW_NS = NOON_NS + 3600 * SECOND_NS
LATER = f"{NOON_NS + 10 * MINUTE_NS:x}"


def test_nothing_to_do_is_nothing_done(desk: Desk) -> None:
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert (report.journals, report.done, report.failed, report.crashed) == (0, [], [], False)
    assert read_last_life(desk.folder) is None


def test_a_crash_is_accounted_up_to_now_and_the_next_life_told(desk: Desk) -> None:
    desk.journal(range(5), ended=False)
    report = recover(desk.root, now_ns=NOW_NS)
    assert report.crashed
    assert report.records == 15
    assert report.failed == []
    assert desk.archive.gaps("BTCUSDT", "orderbook") == [
        Gap(NOON_NS + 4 * SECOND_NS + 2, NOW_NS, Reason.CRASH, None, detail="the recorder ended without closing its journal")
    ]
    (segment,) = desk.archive.segments("BTCUSDT", "orderbook")
    assert (segment.state, segment.received, segment.records) == ("recovered", None, 5)
    life = read_last_life(desk.folder)
    assert life is not None
    assert (life.ns, life.reason) == (NOW_NS, Reason.CRASH)
    assert life.streams[TRADE.name] == [(0, 4)]
    assert set(life.streams) == {BOOK.name, TRADE.name, ETH.name}


def test_minutes_lanes_and_sessions_are_each_sealed_once(desk: Desk) -> None:
    for minute in range(3):
        desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, ended=minute < 2, streams=[BOOK])
    desk.journal(range(3), start_ns=NOON_NS + 2 * MINUTE_NS, ended=False, lane=1, streams=[ETH])
    desk.journal(range(50, 53), start_ns=NOON_NS + 10 * MINUTE_NS, session=LATER, ended=False, streams=[BOOK])
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert report.journals == 5
    assert len(report.done) == 5
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [*range(15), 50, 51, 52]
    crashes = desk.archive.gaps("BTCUSDT", "orderbook", Reason.CRASH)
    assert [gap.to_ns for gap in crashes] == [NOON_NS + 10 * MINUTE_NS, NOW_NS], "the first session's silence ends where the second begins"
    assert recover_folder(desk.folder, now_ns=NOW_NS + 1).journals == 0


def test_two_sessions_that_died_in_one_minute_are_two_parts(desk: Desk) -> None:
    second = f"{NOON_NS + 30 * SECOND_NS:x}"
    desk.journal([1, 2], ended=False, streams=[BOOK])
    desk.journal([7, 8], start_ns=NOON_NS + 30 * SECOND_NS, session=second, ended=False, streams=[BOOK])
    recover_folder(desk.folder, now_ns=NOW_NS)
    assert [path.name[-11:] for path in desk.archive.files("BTCUSDT", "orderbook")] == ["0_12-00.zip", "12-00_2.zip"]
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [1, 2, 7, 8]
    assert [gap.to_ns for gap in desk.archive.gaps("BTCUSDT", "orderbook")] == [NOON_NS + 30 * SECOND_NS, NOW_NS]


def test_a_life_that_ended_in_good_order_but_was_not_sealed_is_no_crash(desk: Desk) -> None:
    life = LastLife(ns=NOON_NS + MINUTE_NS, reason=Reason.SHUTDOWN, streams={BOOK.name: [(1, 3)]})
    LifeFile(desk.folder).end(life)
    desk.journal(range(3))
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert not report.crashed
    assert desk.archive.gaps("BTCUSDT", "orderbook") == []
    assert read_last_life(desk.folder) == life


def test_a_life_ended_by_force_between_its_last_journal_and_its_last_word_is_told(desk: Desk) -> None:
    desk.journal(range(5))
    recover_folder(desk.folder, now_ns=NOW_NS)
    life = read_last_life(desk.folder)
    assert life is not None, "its journals are closed, but nobody wrote down where it ended"
    assert life.reason is Reason.CRASH
    assert life.ns < NOW_NS
    assert life.streams[TRADE.name] == [(0, 4)]


def test_a_life_cut_off_between_two_minutes_is_known_from_its_last_sealed_one(desk: Desk) -> None:
    """Killed after one journal was closed and before the next was begun: no open journal says so."""
    running = LifeFile(desk.folder)
    running.note(NOON_NS, [BOOK.name], {BOOK.name: [[1, 1], [2, 2]]})
    running.write()
    desk.journal(range(3, 6), streams=[BOOK])
    recover_folder(desk.folder, now_ns=NOW_NS)
    life = read_last_life(desk.folder)
    assert life is not None
    assert (life.ns, life.reason) == (NOON_NS + MINUTE_NS, Reason.CRASH)
    assert life.streams[BOOK.name][-1][1] == 5


def test_the_trace_of_a_running_life_is_written_once_and_gives_way_to_its_own_words(desk: Desk) -> None:
    running = LifeFile(desk.folder)
    running.write()
    assert read_last_life(desk.folder) is None
    running.note(5, ["a", "b"], {"a": [[1, 2]]})
    running.note(3, ["a"], {"a": [[4, 9]]})
    running.write()
    assert read_last_life(desk.folder) == LastLife(ns=5, reason=Reason.CRASH, streams={"a": [(1, 2), (4, 9)], "b": []})
    end = LastLife(ns=9, reason=Reason.SHUTDOWN, streams={"a": [(1, 9)]})
    running.end(end)
    running.note(20, ["a"], {})
    running.write()
    assert read_last_life(desk.folder) == end


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"ns":1,"reason":"whim","streams":{}}'])
def test_an_unreadable_last_word_is_none(desk: Desk, text: bytes) -> None:
    (desk.folder / LAST_FILE).write_bytes(text)
    assert read_last_life(desk.folder) is None


def test_parts_of_longer_segments_are_joined(desk: Desk) -> None:
    for minute in range(3):
        desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, ended=minute < 2, interval_min=60)
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert report.failed == []
    assert [path.stem[-5:] for path in desk.archive.files("BTCUSDT", "orderbook")] == ["12-00"]
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(15))
    assert not list(desk.root.rglob("parts/*.zip"))


def test_one_series_that_cannot_be_written_is_named_and_done_the_next_time(desk: Desk) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    desk.journal(range(5), ended=False, interval_min=5)
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert [what for what, _ in report.failed] == ["ETHUSDT orderbook 2026-11-20 12-00"]
    blocked.unlink()
    again = recover_folder(desk.folder, now_ns=NOW_NS)
    assert again.failed == []
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook")):
        assert len(desk.archive.lines(symbol, kind)) == 5, "once"
        entries = desk.archive.ledger(symbol, kind)
        assert len([entry for entry in entries if isinstance(entry, GapEntry)]) == 1
        assert len([entry for entry in entries if isinstance(entry, LiveEntry)]) == 1


def test_the_silence_of_a_journal_that_is_sealed_lives_later_is_no_longer_than_it_was(desk: Desk) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    desk.journal(range(5), ended=False)
    assert recover_folder(desk.folder, now_ns=NOW_NS).failed
    LifeFile(desk.folder).end(LastLife(ns=NOW_NS + 50 * SECOND_NS, reason=Reason.SHUTDOWN, streams={}))  # a whole life, sealed
    blocked.unlink()
    report = recover_folder(desk.folder, now_ns=NOW_NS + 100 * SECOND_NS)
    assert (report.failed, report.crashed) == ([], True)
    assert [gap.to_ns for gap in desk.archive.gaps("ETHUSDT", "orderbook", Reason.CRASH)] == [NOW_NS]
    life = read_last_life(desk.folder)
    assert life is not None
    assert (life.ns, life.reason) == (NOW_NS + 50 * SECOND_NS, Reason.SHUTDOWN)
    assert not [path for path in desk.folder.iterdir() if path.name not in ("last.json", ".lock")]


def test_a_journal_with_a_damaged_header_is_reported_once_and_kept(desk: Desk) -> None:
    path = desk.journal(range(5), ended=False)
    data = bytearray(path.read_bytes())
    data[30] ^= 2
    path.write_bytes(data)
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert report.failed == [(path.name, "its header is damaged; it was put aside")]
    assert report.damaged_bytes == len(data)
    assert recover_folder(desk.folder, now_ns=NOW_NS).failed == []


def test_the_torn_birth_of_a_journal_is_no_fault(desk: Desk) -> None:
    header, _ = desk.pieces([])
    desk.path(header).write_bytes(encode_header(header)[:15])
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert (report.failed, report.journals) == ([], 1)
    assert not list(desk.folder.glob("*.journal*"))


def test_where_a_recorder_is_at_work_nothing_is_touched(desk: Desk) -> None:
    path = desk.journal(range(5), ended=False)
    with FileLock(desk.folder / LOCK_FILE), pytest.raises(ArchiveBusy):
        recover(desk.root, now_ns=NOW_NS)
    assert path.exists()


def test_journal_folders_are_found_from_wherever_one_looks(desk: Desk, tmp_path: Path) -> None:
    for path in (desk.folder, desk.folder.parent.parent, desk.root):
        assert find_journals(path) == [desk.folder]
    assert find_journals(tmp_path / "elsewhere") == []
