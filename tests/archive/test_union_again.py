"""A union that is made again and again of archives that grow, as `hoga gather` does."""

from __future__ import annotations

from pathlib import Path

from hoga.archive.form.discover import discover
from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.archive.union.archives import Archive, Done, unite_archives
from tests.archive.workshop import DAY, MINUTES, Workshop, fill_trades


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


def test_what_an_archive_was_made_of_is_found_only_by_whoever_names_it(tmp_path: Path) -> None:
    _archive(tmp_path / COLLECTORS_DIR / "tokyo", MINUTES[0], first=1000)
    assert not discover([tmp_path]).days
    assert len(discover([tmp_path / COLLECTORS_DIR / "tokyo"]).days) == 1
