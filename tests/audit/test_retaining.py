"""Which tapes go: of lives that ended long enough ago, whole, and none that is needed."""

from __future__ import annotations

import os
from pathlib import Path

from hoga.audit.retaining import old_tapes, reading_tapes, remove_tape
from hoga.audit.tape import part_name

DAY_S = 86_400


def part(folder: Path, boot: int, number: int, day: int, *, packed: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (part_name(boot, number) + (".zst" if packed else ""))
    path.write_bytes(b"x" * 10)
    os.utime(path, (day * DAY_S, day * DAY_S))
    return path


def test_a_life_goes_as_a_whole_once_its_last_part_is_old_enough(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    first = [part(folder, 1, 1, 1), part(folder, 1, 2, 3)]
    part(folder, 2, 1, 2)
    part(folder, 2, 2, 9)  # it went on for longer
    part(folder, 3, 1, 1, packed=False)  # a crash left it: the start seals it first
    part(folder, 4, 1, 1)  # it runs
    (tape,) = old_tapes(folder, before_ns=5 * DAY_S * 10**9, running=4)
    assert (tape.boot, tape.bytes) == (1, 20)
    assert tape.ended_ns == 3 * DAY_S * 10**9
    assert remove_tape(folder, tape)
    assert not any(path.exists() for path in first)
    assert sorted(path.name for path in folder.glob("*.tape*")) == [
        "000002-0001.tape.zst",
        "000002-0002.tape.zst",
        "000003-0001.tape",
        "000004-0001.tape.zst",
    ]
    assert remove_tape(folder, tape), "what a kill left undone is done again"


def test_nothing_is_removed_while_somebody_reads(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    kept = part(folder, 1, 1, 1)
    (tape,) = old_tapes(folder, before_ns=5 * DAY_S * 10**9, running=2)
    with reading_tapes(folder), reading_tapes(folder):
        assert not remove_tape(folder, tape)
    assert kept.exists()
    assert remove_tape(folder, tape)
    assert not kept.exists()


def test_who_reads_where_nothing_can_be_written_is_not_kept_from_it(tmp_path: Path) -> None:
    with reading_tapes(tmp_path / "none"):
        assert not (tmp_path / "none").exists()
    assert old_tapes(tmp_path / "none", before_ns=1, running=1) == []
