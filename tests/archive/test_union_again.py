"""A union that is made again and again of archives that grow, as `hoga gather` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.archive.form.discover import discover
from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.archive.union.archives import Archive, Done, unite_archives
from hoga.core.errors import DiskFull
from hoga.core.times import SECOND_NS
from tests.archive.workshop import DAY, MINUTES, Workshop, agg_trade, fill_trades, read_records


def _archive(root: Path, *minutes: str, first: int) -> Archive:
    shop = fill_trades(Workshop(root / "binance" / "execution", "execution"), minutes=minutes, first=first)
    merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, DAY), venue="binance", archive_format="zip", purge=True)
    return Archive(root.name, root)


def _unite(root: Path, *archives: Archive, absent: tuple[str, ...] = ()) -> Done:
    (done,) = unite_archives(archives, root, day=DAY, absent=absent, own=True)
    return done


def _manifest(root: Path) -> Manifest:
    manifest = read_manifest(SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", DAY).manifest_path)
    assert manifest is not None
    return manifest


def test_a_day_that_was_united_of_a_part_is_as_if_all_had_been_there_at_once(tmp_path: Path) -> None:
    tokyo, seoul = _archive(tmp_path / "tokyo", *MINUTES[:2], first=1000), _archive(tmp_path / "seoul", MINUTES[0], first=1000)
    assert _unite(tmp_path / "grown", tokyo, seoul, absent=("seoul",)).united is not None
    assert _manifest(tmp_path / "grown").absent == ["seoul"]
    _archive(tmp_path / "seoul", MINUTES[2], first=1080)
    for out in ("grown", "at-once"):
        assert _unite(tmp_path / out, tokyo, seoul).united is not None
    assert _manifest(tmp_path / "grown") == _manifest(tmp_path / "at-once")
    assert _manifest(tmp_path / "grown").records == 120
    assert verify([tmp_path / "grown"]).ok
    again = _unite(tmp_path / "grown", tokyo, seoul).united
    assert again is not None
    assert again.state == "unchanged"


def test_what_a_collector_had_that_is_not_among_them_any_more_stays(tmp_path: Path) -> None:
    tokyo, seoul = _archive(tmp_path / "tokyo", MINUTES[0], first=1000), _archive(tmp_path / "seoul", MINUTES[1], first=1040)
    _unite(tmp_path / "all", tokyo, seoul)
    united = _unite(tmp_path / "all", tokyo).united
    assert united is not None
    assert united.records == 80


def test_an_archive_that_is_damaged_is_left_out_and_named(tmp_path: Path) -> None:
    tokyo, seoul = _archive(tmp_path / "tokyo", MINUTES[0], first=1000), _archive(tmp_path / "seoul", MINUTES[1], first=1040)
    path = next(seoul.root.rglob("*.zip"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = _unite(tmp_path / "all", tokyo, seoul)
    assert done.united is not None
    assert done.united.records == 40
    ((name, why),) = done.left_out
    assert name == "seoul"
    assert path.name in why
    assert _manifest(tmp_path / "all").absent == ["seoul"]


NEXT = "2026-11-21"


def _around_midnight(root: Path, day: str, minute: str, trades: dict[int, int], *, merged: bool = True) -> Archive:
    """Trades by their numbers: received so many ns after midnight."""
    shop = Workshop(root / "binance" / "execution", "execution", day=day)
    midnight = Workshop(root, "execution", day=NEXT).start_ns
    lines = [
        agg_trade(midnight + at, number).replace(b'"binance-1"', b'"%b/binance-1"' % root.name.encode()) for number, at in trades.items()
    ]
    shop.seal(minute, lines, ids=list(trades))
    if merged:
        merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, day), venue="binance", archive_format="zip", purge=True)
    return Archive(root.name, root)


def _both_days(out: Path, *archives: Archive, order: tuple[str, ...], own: bool = True) -> dict[str, str]:
    """Day → state."""
    done = [each for day in (DAY, NEXT) for each in unite_archives(archives, out, day=day, order=order, own=own)]
    assert not any(each.edges or each.left_out for each in done)
    return {each.what[-10:]: each.united.state if each.united is not None else each.why for each in done}


def _numbers(root: Path) -> dict[str, list[int]]:
    found = {}
    for day in (DAY, NEXT):
        lines = read_records([SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", day)])
        found[day] = [int(line.partition(b'"a":')[2].partition(b",")[0]) for line in lines]
    return found


def test_a_day_is_made_anew_when_what_a_collector_has_of_the_day_beside_comes_later(tmp_path: Path) -> None:
    """A trade that one received before midnight, and the preferred one after it."""
    tokyo, order = _around_midnight(tmp_path / "tokyo", DAY, "23-59", {1: -20, 2: -10}), ("seoul", "tokyo")
    seoul = _around_midnight(tmp_path / "seoul", DAY, "23-59", {1: -15})
    _around_midnight(tmp_path / "tokyo", NEXT, "00-00", {3: 40})
    assert _both_days(tmp_path / "all", tokyo, seoul, order=order) == {DAY: "united", NEXT: "united"}
    assert _numbers(tmp_path / "all") == {DAY: [1, 2], NEXT: [3]}
    assert _both_days(tmp_path / "all", tokyo, seoul, order=order) == {DAY: "unchanged", NEXT: "unchanged"}
    _around_midnight(tmp_path / "seoul", NEXT, "00-00", {2: 5})
    assert _both_days(tmp_path / "all", tokyo, seoul, order=order) == {DAY: "united", NEXT: "united"}
    assert _numbers(tmp_path / "all") == {DAY: [1], NEXT: [2, 3]}
    _both_days(tmp_path / "merged", tokyo, seoul, order=order, own=False)
    assert _numbers(tmp_path / "merged") == _numbers(tmp_path / "all")
    assert _both_days(tmp_path / "all", tokyo, seoul, order=order) == {DAY: "unchanged", NEXT: "unchanged"}
    assert verify([tmp_path / "all"]).ok


def test_minutes_of_the_day_beside_that_become_its_day_file_change_nothing(tmp_path: Path) -> None:
    """A day is united while the next one is still recorded."""
    tokyo = _around_midnight(tmp_path / "tokyo", DAY, "23-59", {1: -20})
    following = _around_midnight(tmp_path / "tokyo", NEXT, "00-00", {2: 5}, merged=False)
    (done,) = unite_archives([tokyo], tmp_path / "all", day=DAY, own=True)
    assert done.united is not None
    _around_midnight(tmp_path / "tokyo", NEXT, "00-30", {3: 1800 * SECOND_NS})
    assert _both_days(tmp_path / "all", tokyo, order=()) == {DAY: "unchanged", NEXT: "united"}
    assert following == tokyo


def test_a_day_is_made_anew_when_another_collector_is_preferred(tmp_path: Path) -> None:
    tokyo = _around_midnight(tmp_path / "tokyo", DAY, "23-59", {1: -20})
    seoul = _around_midnight(tmp_path / "seoul", DAY, "23-59", {1: -15})
    found = {}
    for order in (("tokyo", "seoul"), ("seoul", "tokyo")):
        _unite_in(tmp_path / "all", order, tokyo, seoul)
        _unite_in(tmp_path / order[0] / "first", order, tokyo, seoul)
        assert _manifest(tmp_path / "all").sha256 == _manifest(tmp_path / order[0] / "first").sha256
        found[order] = _manifest(tmp_path / "all").sha256
    assert len(set(found.values())) == 2


def _unite_in(out: Path, order: tuple[str, ...], *archives: Archive) -> None:
    (done,) = unite_archives(archives, out, day=DAY, order=order, own=True)
    assert done.united is not None


@pytest.mark.parametrize(("gone", "told"), [("12-00", False), ("00-00", True)])
def test_a_segment_that_is_missing_of_the_day_beside_matters_where_it_touches_this_one(tmp_path: Path, gone: str, told: bool) -> None:
    tokyo = _around_midnight(tmp_path / "tokyo", DAY, "23-59", {1: -20, 2: -10})
    seoul = _around_midnight(tmp_path / "seoul", DAY, "23-59", {1: -15})
    _around_midnight(tmp_path / "seoul", NEXT, "00-00", {2: 5}, merged=False)
    _around_midnight(tmp_path / "seoul", NEXT, "12-00", {3: 12 * 3600 * SECOND_NS}, merged=False)
    next(tmp_path.rglob(f"*{NEXT}_{gone}.zip")).unlink()
    (done,) = unite_archives([tokyo, seoul], tmp_path / "all", day=DAY, order=("seoul", "tokyo"), own=True)
    assert done.united is not None
    assert done.united.records == (2 if told else 1)
    assert [(name, "the ledger names this segment" in why, str(tmp_path / "seoul") in why) for name, why in done.edges] == (
        [("seoul", True, True)] if told else []
    )
    (itself,) = unite_archives([seoul], tmp_path / "all", day=NEXT, own=True)
    assert itself.united is None


def test_a_disk_that_is_full_is_no_fault_of_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokyo = _around_midnight(tmp_path / "tokyo", DAY, "23-59", {1: -20})
    seoul = _around_midnight(tmp_path / "seoul", DAY, "23-59", {2: -15}, merged=False)

    def full(day: SeriesDay, **named: object) -> None:
        raise DiskFull(day.folder, "cannot be written")

    monkeypatch.setattr("hoga.archive.union.archives.merge_day", full)
    done = _unite(tmp_path / "all", tokyo, seoul)
    assert (done.united, done.left_out) == (None, [])
    assert "cannot be written" in done.why


def test_what_an_archive_was_made_of_is_found_only_by_whoever_names_it(tmp_path: Path) -> None:
    _archive(tmp_path / COLLECTORS_DIR / "tokyo", MINUTES[0], first=1000)
    assert not discover([tmp_path]).days
    assert len(discover([tmp_path / COLLECTORS_DIR / "tokyo"]).days) == 1
