"""Making good what earlier lives left: every lane, session and minute once, crashes accounted, nothing contradicted later."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from hoga.archive.form.journal import EndNote, encode_header
from hoga.archive.form.ledger import GapEntry, LiveEntry
from hoga.archive.keep.leftover import note_left
from hoga.archive.keep.life import LAST_FILE, LOCK_FILE, LastLife, LifeFile, StreamEnd, read_last_life, whole_session
from hoga.archive.keep.merge import merge_day, pending_days
from hoga.archive.keep.recover import find_journals, recover, recover_folder
from hoga.archive.keep.seal import SealJob, _Sealer, seal_and_keep
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveBusy, DiskFull
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.runtime import durable
from tests.archive_journal.desk import BOOK, ETH, TRADE, Desk
from tests.recorder.workbench import NOON_NS

NOW_NS = NOON_NS + 3600 * SECOND_NS
LATER = f"{NOON_NS + 10 * MINUTE_NS:x}"


def stopped(ns: int, runs: list[tuple[int, int]], *streams: Stream, session: int = NOON_NS) -> LastLife:
    """A session's own last word."""
    end = StreamEnd(ns=ns, reason=Reason.SHUTDOWN, runs=runs, **whole_session(session))
    return LastLife(streams={of.name: end for of in streams})


def told(ns: int, number: int) -> StreamEnd:
    """What journal `number` of the session says of a stream."""
    return StreamEnd(ns=ns, reason=Reason.CRASH, session=NOON_NS, number=number)


def ends(life: LastLife | None) -> set[tuple[int, Reason]]:
    assert life is not None
    return {(end.ns, end.reason) for end in life.streams.values()}


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
    assert ends(life) == {(NOW_NS, Reason.CRASH)}
    assert life.streams[TRADE.name].runs == [(0, 4)]
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


def two_lives_in_a_minute(desk: Desk) -> tuple[Path, Path]:
    """The journals of a life that died, and of the next one in the same minute."""
    first = desk.journal([1, 2], ended=False)
    start_ns = NOON_NS + 30 * SECOND_NS
    return first, desk.journal([7, 8], start_ns=start_ns, session=f"{start_ns:x}", last=True)


def check_both_lives(desk: Desk) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert [line["lastUpdateId"] for line in desk.archive.lines(symbol, "orderbook")] == [1, 2, 7, 8]
    for merged in (False, True):
        if merged:
            for kind in ("orderbook", "execution"):
                for day in pending_days(desk.root / kind):
                    merge_day(day, venue="binance", archive_format="zip", purge=True)
        report = verify([desk.root])
        assert report.ok, report.problems


def test_a_minute_waits_for_an_earlier_life_of_it_that_could_not_be_sealed(desk: Desk) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    _, second = two_lives_in_a_minute(desk)
    aside = second.rename(desk.root / second.name)
    assert len(recover_folder(desk.folder, now_ns=NOON_NS + 30 * SECOND_NS).left) == 1
    aside.rename(second)
    blocked.unlink()
    result = seal_and_keep(SealJob(journals=[str(second)]))
    assert [what for what, _ in result.failed] == ["ETHUSDT orderbook 2026-11-20 12-00"], "the others are nobody's to wait for"
    note_left(second.parent, second.name, [what for what, _ in result.failed])
    assert recover_folder(desk.folder, now_ns=NOW_NS).failed == []
    check_both_lives(desk)


def test_a_recovery_that_cannot_seal_a_minute_leaves_what_came_later_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    two_lives_in_a_minute(desk)
    write, refused = _Sealer._write, []

    def refuse_once(sealer: _Sealer, temporary: Path, pieces: list[bytes]) -> None:
        if "ETHUSDT" in temporary.name and not refused:
            refused.append(temporary)
            raise OSError(errno.ENOSPC, "no space left on device")
        write(sealer, temporary, pieces)

    monkeypatch.setattr(_Sealer, "_write", refuse_once)
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert [job.only for job in report.left] == [frozenset({"ETHUSDT orderbook 2026-11-20 12-00"})] * 2
    assert recover_folder(desk.folder, now_ns=NOW_NS).failed == []
    check_both_lives(desk)


def test_of_a_journal_that_cannot_be_read_nobody_knows_what_it_holds_of_a_minute(desk: Desk) -> None:
    first, second = two_lives_in_a_minute(desk)
    aside = first.rename(desk.root / first.name)
    first.mkdir()
    assert len(seal_and_keep(SealJob(journals=[str(second)])).failed) == 3
    first.rmdir()
    aside.rename(first)
    assert recover_folder(desk.folder, now_ns=NOW_NS).failed == []
    check_both_lives(desk)


def test_a_life_that_ended_in_good_order_but_was_not_sealed_is_no_crash(desk: Desk) -> None:
    life = stopped(NOON_NS + MINUTE_NS, [(1, 3)], BOOK, TRADE, ETH)
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
    assert ends(life) == {(NOON_NS + MINUTE_NS, Reason.CRASH)}
    assert life.streams[TRADE.name].runs == [(0, 4)]


def test_the_last_journal_of_a_life_that_ended_in_good_order_says_so_too(desk: Desk) -> None:
    """It was killed, or the disk was full, before its last word was written."""
    header, chunks = desk.pieces(range(5))
    last = desk.chunk(desk.note(NOON_NS + MINUTE_NS, EndNote(NOON_NS + MINUTE_NS, last=True)))
    desk.path(header).write_bytes(encode_header(header) + b"".join(chunks) + last)
    recover_folder(desk.folder, now_ns=NOW_NS)
    assert ends(read_last_life(desk.folder)) == {(NOON_NS + MINUTE_NS, Reason.SHUTDOWN)}


def test_a_life_cut_off_between_two_minutes_is_known_from_its_last_sealed_one(desk: Desk) -> None:
    """Killed after one journal was closed and before the next was begun: no open journal says so."""
    running = LifeFile(desk.folder)
    running.keep({BOOK.name: told(NOON_NS, 1)}, {BOOK.name: [[1, 1], [2, 2]]})
    desk.number = 1
    desk.journal(range(3, 6), streams=[BOOK])
    recover_folder(desk.folder, now_ns=NOW_NS)
    life = read_last_life(desk.folder)
    assert life is not None
    assert ends(life) == {(NOON_NS + MINUTE_NS, Reason.CRASH)}
    assert life.streams[BOOK.name].runs == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_what_a_journal_tells_is_added_once_and_never_replaces_what_is_newer(desk: Desk) -> None:
    running = LifeFile(desk.folder)
    running.begin(stopped(3, [(1, 7)], ETH))
    running.keep({BOOK.name: told(5, 1), TRADE.name: told(5, 1)}, {TRADE.name: [[1, 2]]})
    for _ in range(2):
        running.keep({TRADE.name: told(9, 2)}, {TRADE.name: [[3, 9]]})
    running.keep({TRADE.name: told(5, 1)}, {TRADE.name: [[1, 2]]})
    life = read_last_life(desk.folder)
    assert life is not None
    assert {name: (end.ns, end.runs) for name, end in life.streams.items()} == {
        BOOK.name: (5, []),
        TRADE.name: (9, [(1, 2), (3, 9)]),
        ETH.name: (3, [(1, 7)]),
    }
    running.end(stopped(11, [(1, 12)], TRADE))
    running.keep({TRADE.name: told(20, 3)}, {})
    life = read_last_life(desk.folder)
    assert life is not None
    assert {name: (end.ns, end.reason) for name, end in life.streams.items()} == {
        BOOK.name: (5, Reason.CRASH),
        TRADE.name: (11, Reason.SHUTDOWN),
        ETH.name: (3, Reason.SHUTDOWN),
    }, "streams that this life knows nothing newer of are carried on"


def test_a_last_word_that_could_not_be_written_is_not_taken_for_said(desk: Desk) -> None:
    running = LifeFile(desk.folder)

    def refuse(act: str, what: Path | int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    durable.watch(refuse)
    try:
        with pytest.raises(DiskFull):
            running.end(stopped(9, [], BOOK))
        with pytest.raises(DiskFull):
            running.keep({BOOK.name: told(8, 1)}, {})
    finally:
        durable.watch(None)
    running.keep({BOOK.name: told(8, 1)}, {})
    assert ends(read_last_life(desk.folder)) == {(8, Reason.CRASH)}


def test_the_last_word_of_an_earlier_version_is_understood(desk: Desk) -> None:
    for reason, newer_wins in ((Reason.SHUTDOWN, False), (Reason.CRASH, True)):
        said = {"ns": NOON_NS + 5, "reason": reason, "streams": {BOOK.name: [[1, 3]], TRADE.name: []}}
        (desk.folder / LAST_FILE).write_bytes(msgspec.json.encode(said))
        life = read_last_life(desk.folder)
        assert ends(life) == {(NOON_NS + 5, reason)}
        assert life is not None
        assert life.streams[BOOK.name].runs == [(1, 3)]
        running = LifeFile(desk.folder)
        running.begin(life)
        running.keep({BOOK.name: told(NOON_NS + 90, 1)}, {})
        life = read_last_life(desk.folder)
        assert life is not None
        assert (life.streams[BOOK.name].ns == NOON_NS + 90) is newer_wins


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"\xff":1}', b'{"ns":1,"reason":"whim","streams":{}}'])
def test_an_unreadable_last_word_is_none(desk: Desk, text: bytes) -> None:
    (desk.folder / LAST_FILE).write_bytes(text)
    assert read_last_life(desk.folder) is None
    assert (desk.folder / "last.json.damaged").read_bytes() == text, "put aside, for people"


def test_what_cannot_be_read_of_an_interrupted_recovery_is_nothing(desk: Desk) -> None:
    desk.journal(range(5), ended=False)
    (desk.folder / "ends.json").write_bytes(b'{"\xff":1}')
    report = recover_folder(desk.folder, now_ns=NOW_NS)
    assert (report.failed, report.records) == ([], 15)
    assert not (desk.folder / "ends.json").exists()


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
    between = LifeFile(desk.folder)  # a whole life, sealed
    between.begin(read_last_life(desk.folder))
    between.end(stopped(NOW_NS + 50 * SECOND_NS, [], BOOK, TRADE, ETH, session=NOW_NS))
    blocked.unlink()
    report = recover_folder(desk.folder, now_ns=NOW_NS + 100 * SECOND_NS)
    assert (report.failed, report.crashed) == ([], True)
    assert [gap.to_ns for gap in desk.archive.gaps("ETHUSDT", "orderbook", Reason.CRASH)] == [NOW_NS]
    life = read_last_life(desk.folder)
    assert life is not None
    assert ends(life) == {(NOW_NS + 50 * SECOND_NS, Reason.SHUTDOWN)}
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
