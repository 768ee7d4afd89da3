"""What is told of collectors, side by side."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.manifest import Clock, CollectorRow
from hoga.archive.read.catalog import CatalogRow
from hoga.core.times import SECOND_NS
from hoga.relay.due import DayState
from hoga.relay.gathered import CollectorState, GatherState, read_days, read_state, side_by_side, write_days, write_state

_NOW = 1_795_180_500 * SECOND_NS


def _row(*names: str, absent: list[str] | None = None) -> CatalogRow:
    clock = Clock(offset_ms=None, source=None)
    collectors = [
        CollectorRow(name=name, received=100, records=90, duplicates=10, unwritten=0, won=40, gaps=2, recorded_ns=1, clock=clock)
        for name in names
    ]
    return CatalogRow(
        venue="binance",
        symbol="BTCUSDT",
        kind="execution",
        day="2026-11-29",
        records=100,
        bytes=1,
        coverage=1.0,
        gaps=0,
        incidents=0,
        state="merged",
        collectors=collectors,
        absent=absent or [],
    )


def _state(*collectors: CollectorState) -> GatherState:
    return GatherState(
        now_ns=_NOW, pid=1, connected=True, trouble=None, outages=0, collectors=list(collectors), refused=0, days=[], next_ns=None
    )


def test_collectors_are_told_side_by_side() -> None:
    state = _state(CollectorState(name="tokyo", last_ns=_NOW - SECOND_NS), CollectorState(name="osaka"))
    found = {each.name: each for each in side_by_side([_row("tokyo", "seoul"), _row("tokyo", absent=["seoul"])], state)}
    assert list(found) == ["osaka", "seoul", "tokyo"]
    assert (found["tokyo"].days, found["tokyo"].received, found["tokyo"].won, found["tokyo"].gaps) == (2, 200, 80, 4)
    assert (found["seoul"].days, found["seoul"].absent, found["seoul"].state) == (1, 1, "unknown")
    assert [found[name].state for name in ("osaka", "tokyo")] == ["silent", "at-work"]


def test_an_archive_of_one_has_no_collectors() -> None:
    assert side_by_side([], None) == []


def test_a_status_is_read_as_it_was_written_and_an_old_one_is_none(tmp_path: Path) -> None:
    home = tmp_path / COLLECTORS_DIR
    home.mkdir()
    assert read_state(tmp_path, now_ns=_NOW) is None
    write_state(home, _state(CollectorState(name="tokyo", last_ns=5)))
    assert read_state(tmp_path, now_ns=_NOW + SECOND_NS) == _state(CollectorState(name="tokyo", last_ns=5))
    assert read_state(tmp_path, now_ns=_NOW + 60 * SECOND_NS) is None
    write_state(home, msgspec.structs.replace(_state(CollectorState(name="tokyo", last_ns=5)), ended=True))
    assert read_state(tmp_path, now_ns=_NOW + SECOND_NS) is None, "it has ended"
    (home / "status.json").write_bytes(b"{")
    assert read_state(tmp_path, now_ns=_NOW) is None


def test_what_is_done_is_remembered_and_may_be_lost(tmp_path: Path) -> None:
    days = [DayState(day="2026-11-29", united_ns=1, absent=("seoul",), failed=(("a", "b"),)), DayState(day="2026-11-28")]
    write_days(tmp_path, days)
    assert read_days(tmp_path) == sorted(days, key=lambda each: each.day)
    (tmp_path / "days.json").write_bytes(b"[{]")
    assert read_days(tmp_path) == []
