"""The open minute is read as it will be sealed: the same bytes, each once, whatever the sealer does meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hoga.archive.form.journal import encode_header, parse_journal_name
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.join import join_parts
from hoga.archive.keep.seal import SealJob, seal
from hoga.archive.read.tail import JournalTail, _Open
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import MINUTE_NS
from tests.archive.workshop import read_records
from tests.archive_journal.desk import BOOK, Desk
from tests.recorder.workbench import NOON_NS, SPOT, book, frame


def text(desk: Desk, kind: str | None = "orderbook") -> bytes:
    return b"".join(read_records(desk.root, kind=kind))


def seal_all(desk: Desk, **fields: object) -> None:
    paths = sorted(desk.folder.glob("*.journal"))
    assert not seal(SealJob(journals=[str(path) for path in paths], **fields)).failed


@pytest.mark.parametrize("kind", ["orderbook", "execution", None])
@pytest.mark.parametrize("ended", [True, False])
def test_the_open_minute_is_read_as_it_will_be_sealed(desk: Desk, kind: str | None, *, ended: bool) -> None:
    desk.journal(range(10, 40), ended=ended)
    before = text(desk, kind)
    assert before.count(b"\n") == (90 if kind is None else 60 if kind == "orderbook" else 30)
    seal_all(desk)
    assert text(desk, kind) == before


def test_frames_that_are_no_lines_are_read_aside_as_they_will_be_sealed(desk: Desk) -> None:
    desk.number += 1
    header = desk.header(NOON_NS)
    payloads = [book(1), b'{"lastUpdateId":}', book(2), b"[]"]
    chunk = desk.chunk(*((NOON_NS + at, 1 << 16, frame(BOOK, payload)) for at, payload in enumerate(payloads)))
    desk.path(header).write_bytes(encode_header(header) + chunk)
    before = text(desk, "aside")
    assert before.count(b"\n") == 2
    seal_all(desk)
    assert text(desk, "aside") == before


def test_sealed_minutes_and_the_open_one_follow_one_another(desk: Desk) -> None:
    desk.journal(range(10, 20))
    seal_all(desk)
    desk.journal(range(20, 30), start_ns=NOON_NS + MINUTE_NS, ended=False)
    lines = list(read_records(desk.root, kind="execution"))
    assert [int(line.split(b'"a":')[1].split(b",")[0]) for line in lines] == list(range(10, 30))
    late = list(read_records(desk.root, kind="execution", start_ns=NOON_NS + MINUTE_NS, end_ns=NOON_NS + 2 * MINUTE_NS))
    assert late == lines[10:]


def test_a_journal_that_is_sealed_and_still_there_is_told_once(desk: Desk, tmp_path: Path) -> None:
    path = desk.journal(range(10, 20))
    kept = tmp_path / "kept"
    shutil.copy(path, kept)
    before = text(desk)
    seal_all(desk)
    shutil.copy(kept, path)
    assert text(desk) == before


def test_parts_of_a_longer_segment_are_read_before_they_are_joined(desk: Desk) -> None:
    for minute in range(3):
        desk.journal(range(minute * 10, minute * 10 + 10), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=5)
        seal_all(desk)
    before = text(desk, "execution")
    assert before.count(b"\n") == 30
    join_parts(SeriesDay(desk.root / "execution", "BTCUSDT", "execution", "2026-11-20"), interval_min=5, archive_format="zip")
    assert text(desk, "execution") == before


def test_a_torn_end_that_nobody_writes_is_said_after_what_is_whole(desk: Desk) -> None:
    path = desk.journal(range(10, 20), ended=False)
    whole = text(desk, "execution")
    path.write_bytes(path.read_bytes()[:-3])
    told = []
    with pytest.raises(ArchiveError, match="hoga recover"):
        for line in read_records(desk.root, kind="execution"):
            told.append(line)
    assert whole.startswith(b"".join(told))
    assert len(told) == 9


def test_damage_in_the_middle_is_said_before_a_line_is_told(desk: Desk) -> None:
    path = desk.journal(range(10, 20))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)
    told = []
    with pytest.raises(SegmentCorrupt):
        for line in read_records(desk.root, kind="execution"):
            told.append(line)
    assert not told


def test_a_damaged_beginning_is_said(desk: Desk) -> None:
    path = desk.journal(range(10, 20))
    assert parse_journal_name(path.name) is not None
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(SegmentCorrupt, match="beginning"):
        text(desk)


def test_a_minute_that_is_sealed_while_it_is_read_is_told_once(desk: Desk) -> None:
    desk.journal(range(10, 20))
    seal_all(desk)
    desk.journal(range(20, 30), start_ns=NOON_NS + MINUTE_NS)
    whole = text(desk, "execution")
    lines = read_records(desk.root, kind="execution")
    told = [next(lines) for _ in range(3)]
    seal_all(desk)
    assert b"".join(told) + b"".join(lines) == whole


def test_a_follower_that_is_closed_while_it_reads_leaves_no_file_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.journal(range(10, 20), ended=False)
    tail = JournalTail(desk.folder, [BOOK.name], SPOT)
    files = []

    def meanwhile(each: _Open, *_: object) -> None:
        files.append(each.file)
        tail.close()  # as another thread would

    monkeypatch.setattr(tail, "_take", meanwhile)
    tail.poll()
    assert files
    assert all(file.closed for file in files)
    tail.look()
    assert not tail.records
    assert not tail._open
