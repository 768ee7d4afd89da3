"""Longer segments: minutes joined, every record once, whatever was interrupted or begun again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from hoga.archive.form.ledger import SegmentEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep import join as module
from hoga.archive.keep.join import join_parts, waiting_parts
from hoga.archive.keep.seal import SealJob, seal
from hoga.core.errors import SegmentCorrupt
from hoga.core.times import MINUTE_NS, SECOND_NS, minute_floor_ns
from tests.archive_journal.desk import BOOK, Desk
from tests.recorder.workbench import NOON_NS


def sealed(desk: Desk, ids: range, minute: int, *, interval_min: int, **fields: Any) -> None:
    start_ns = fields.pop("start_ns", NOON_NS + minute * MINUTE_NS)
    path = desk.journal(ids, start_ns=start_ns, interval_min=interval_min, **fields)
    assert not seal(SealJob(journals=[str(path)])).failed


def join(desk: Desk, *, interval_min: int, kind: str = "orderbook", archive_format: str = "zip") -> list[str]:
    return join_parts(SeriesDay(desk.root / kind, "BTCUSDT", kind, "2026-11-20"), interval_min=interval_min, archive_format=archive_format)


def ids(desk: Desk) -> list[int]:
    return [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")]


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize(("interval_min", "starts"), [(5, ["12-00", "12-05"]), (60, ["12-00"]), (1440, ["00-00"])])
def test_minutes_become_one_segment_an_interval(desk: Desk, interval_min: int, starts: list[str], archive_format: str) -> None:
    for minute in range(7):
        sealed(desk, range(minute * 10, minute * 10 + 10), minute, interval_min=interval_min, archive_format=archive_format)
    assert waiting_parts(desk.root / "orderbook") == [
        SeriesDay(desk.root / "orderbook", symbol, "orderbook", "2026-11-20") for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    assert desk.archive.segments("BTCUSDT", "orderbook") == []
    made = join(desk, interval_min=interval_min, archive_format=archive_format)
    assert [name.split(".")[0][-5:] for name in made] == starts
    assert ids(desk) == list(range(70))
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (70, 70, 0)
    assert {segment.span_min for segment in desk.archive.segments("BTCUSDT", "orderbook")} == {interval_min}
    assert waiting_parts(desk.root / "orderbook") == [SeriesDay(desk.root / "orderbook", "ETHUSDT", "orderbook", "2026-11-20")]
    assert join(desk, interval_min=interval_min, archive_format=archive_format) == []


@pytest.mark.slow
def test_a_whole_day_of_minutes_fits_one_segment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda fd: None)
    day = minute_floor_ns(NOON_NS, interval_min=1440)
    for minute in range(1440):
        sealed(desk, range(minute, minute + 1), 0, start_ns=day + minute * MINUTE_NS, interval_min=1440, streams=[BOOK])
    (made,) = join(desk, interval_min=1440)
    assert made == "BTCUSDT_orderbook_2026-11-20_00-00.zip"
    assert ids(desk) == list(range(1440))


def test_a_restart_inside_a_minute_keeps_both_halves(desk: Desk) -> None:
    """The second half's part has the name that the first half's had before it was joined."""
    sealed(desk, range(10), 2, interval_min=5)
    assert join(desk, interval_min=5) == ["BTCUSDT_orderbook_2026-11-20_12-00.zip"]
    sealed(desk, range(10, 20), 2, start_ns=NOON_NS + 2 * MINUTE_NS + 30 * SECOND_NS, interval_min=5)
    sealed(desk, range(20, 30), 3, interval_min=5)
    assert join(desk, interval_min=5) == ["BTCUSDT_orderbook_2026-11-20_12-00_2.zip"]
    assert ids(desk) == list(range(30))
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (30, 30, 0)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", ["spliced", "told", "removed one"])
def test_killed_at_any_step_it_is_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    for minute in range(3):
        sealed(desk, range(minute * 10, minute * 10 + 10), minute, interval_min=5)
    removed: list[Path] = []
    real_append, real_unlink = module.append_entries, Path.unlink

    def append(*arguments: Any, **fields: Any) -> None:
        if at == "spliced":
            raise Killed
        real_append(*arguments, **fields)
        if at == "told":
            raise Killed

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if "parts" in self.parts:
            removed.append(self)
            if at == "removed one" and len(removed) == 2:
                raise Killed
        real_unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(module, "append_entries", append)
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(Killed):
            join(desk, interval_min=5)
    sealed(desk, range(30, 40), 3, interval_min=5)
    join(desk, interval_min=5)
    assert sorted(ids(desk)) == list(range(40))
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (40, 40, 0)
    assert len([entry for entry in desk.archive.ledger("BTCUSDT", "orderbook") if isinstance(entry, SegmentEntry)]) == 2


def test_a_damaged_part_is_named_and_nothing_is_removed(desk: Desk) -> None:
    for minute in range(2):
        sealed(desk, range(minute * 10, minute * 10 + 10), minute, interval_min=5)
    (part, other) = sorted((desk.root / "orderbook").glob("temporary/BTCUSDT_*/parts/*"))
    data = bytearray(part.read_bytes())
    data[80] ^= 1
    part.write_bytes(data)
    with pytest.raises(SegmentCorrupt, match=part.name):
        join(desk, interval_min=5)
    assert part.exists()
    assert other.exists()


def test_a_part_that_somebody_made_anew_without_its_note_is_named_and_nothing_is_removed(desk: Desk) -> None:
    for minute in range(2):
        sealed(desk, range(minute * 5, minute * 5 + 5), minute, interval_min=5)
    part = sorted(desk.root.glob("orderbook/temporary/BTCUSDT*/parts/*"))[1]
    with ZipFile(part) as packed:
        name, text = packed.namelist()[0], packed.read(packed.namelist()[0])
    with ZipFile(part, "w", ZIP_DEFLATED) as packed:
        packed.writestr(name, text)
    with pytest.raises(SegmentCorrupt, match=f"{part.name}.*note is missing"):
        join(desk, interval_min=5)
    assert part.exists()


def test_a_changed_interval_joins_what_waits(desk: Desk) -> None:
    for minute in range(3):
        sealed(desk, range(minute * 10, minute * 10 + 10), minute, interval_min=5)
    assert join(desk, interval_min=60) == ["BTCUSDT_orderbook_2026-11-20_12-00.zip"]
    assert ids(desk) == list(range(30))
