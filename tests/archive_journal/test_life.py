"""What a life leaves to the next one is whole, or said to be damaged: no bit of it may mislead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hoga.archive.keep.life import LAST_FILE, LastLife, LifeFile, StreamEnd, check_last_life, read_last_life, whole_session
from hoga.archive.keep.recover import recover, recover_folder
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Reason
from hoga.core.times import SECOND_NS
from tests.archive_journal.desk import BOOK, ETH, TRADE, Desk
from tests.recorder.workbench import NOON_NS

STREAMS = [BOOK, ETH, TRADE]


def left(folder: Path) -> bytes:
    """What a session of three streams leaves behind, written a second after it ended."""
    life = LifeFile(folder)
    life.begin(None)
    ends = {
        of.name: StreamEnd(
            ns=NOON_NS + at, reason=Reason.SHUTDOWN, runs=[(1, 9), (12, 40 + at)], marks=[(40 + at, 7)], **whole_session(NOON_NS)
        )
        for at, of in enumerate(STREAMS)
    }
    life.end(LastLife(streams=ends))
    os.utime(folder / LAST_FILE, ns=(NOON_NS + SECOND_NS,) * 2)
    return (folder / LAST_FILE).read_bytes()


def test_every_flipped_bit_is_found(desk: Desk) -> None:
    data, path = left(desk.folder), desk.folder / LAST_FILE
    check_last_life(path)
    for at in range(len(data) * 8):
        path.write_bytes(data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :])
        with pytest.raises(ArchiveError, match="damaged"):
            check_last_life(path)


@pytest.mark.parametrize("stride", [59])
def test_of_a_damaged_one_what_holds_is_kept_and_told(desk: Desk, stride: int) -> None:
    data, path = left(desk.folder), desk.folder / LAST_FILE
    aside = path.with_name("last.json.damaged")
    for at in range(0, len(data) * 8, stride):
        bent = data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]
        path.write_bytes(bent)
        os.utime(path, ns=(NOON_NS + SECOND_NS,) * 2)
        said: list[str] = []
        life = read_last_life(desk.folder, on_damage=said.append)
        assert life is not None
        assert len(said) == 1
        assert aside.name in said[0]
        assert aside.read_bytes() == bent
        assert len({of.name for of in STREAMS} - set(life.streams)) <= 1, "the one whose entry was hit"
        for of in STREAMS:
            end = life.streams.get(of.name)
            if end is not None:
                assert (end.reason, end.runs, end.marks) == (Reason.CRASH, [], []), "which ids it had nobody knows"
                assert end.ns <= NOON_NS + SECOND_NS, "nothing is claimed of later than when it was written"
        check_last_life(path)
        assert read_last_life(desk.folder, on_damage=said.append) == life
        assert len(said) == 1, "told once"
        aside.unlink()


def test_a_file_of_before_has_no_checksum_and_is_read(desk: Desk) -> None:
    data, path = left(desk.folder), desk.folder / LAST_FILE
    path.write_bytes(data.partition(b',"link"')[0] + b"}")
    check_last_life(path)
    life = read_last_life(desk.folder)
    assert life is not None
    assert life.streams[BOOK.name].runs == [(1, 9), (12, 40)]


def test_recovering_names_a_damaged_one_once_and_goes_on(desk: Desk) -> None:
    data, path = left(desk.folder), desk.folder / LAST_FILE
    path.write_bytes(data.replace(b"shutdown", b"shutdawn", 1))
    desk.journal(range(5), ended=False)
    report = recover_folder(desk.folder, now_ns=NOON_NS + 600 * SECOND_NS)
    assert [what for what, _ in report.failed] == [str(path)]
    assert "of 3 streams it is known when they ended" in report.failed[0][1]
    assert report.records == 15
    assert recover(desk.root, now_ns=NOON_NS + 700 * SECOND_NS).failed == []
