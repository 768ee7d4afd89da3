"""Archives of the classic recorder are counted, read, verified and merged as they are; damage in them is found."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hoga.archive.form.discover import discover
from hoga.archive.form.layout import segment_stem
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.classic import adopt
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.archive.read.catalog import catalog
from hoga.core.errors import SegmentCorrupt
from hoga.core.times import MINUTE_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, book, read_records

GENUINE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "classic"


def check(path: Path) -> VerifyReport:
    return verify([path], jobs=1)


def lines_of(shop: Workshop, minute: str, count: int = 10) -> list[bytes]:
    start_ms = shop.minute_ns(minute) // 1_000_000
    if shop.kind == "orderbook":
        return [
            b'{"recv_ms":%d,"net_delay_ms":3,"intv_lag_ms":0,"bids":[[86720.11,0.19388]],"asks":[[86721.0,0.5]]}\n' % (start_ms + 100 * at)
            for at in range(count)
        ]
    return [
        b'{"recv_ms":%d,"net_delay_ms":3,"E":%d,"p":"86720.12","q":"0.0037","m":"0"}\n' % (start_ms + 100 * at, start_ms)
        for at in range(count)
    ]


def pack(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".jsonl", text)


def fill(shop: Workshop) -> bytes:
    """Two zipped minutes and one that was being written."""
    text = b""
    for minute in ("13-15", "13-16", "13-17"):
        stem = segment_stem(SYMBOL, shop.kind, shop.day, minute)
        lines = b"".join(lines_of(shop, minute))
        text += lines
        if minute == "13-17":
            (shop.folder / f"{stem}.jsonl").write_bytes(lines)
        else:
            pack(shop.folder / f"{stem}.zip", lines)
    return text


def fill_day(shop: Workshop, day: str = DAY) -> Path:
    """A day that the classic recorder merged itself."""
    path = shop.directory / f"{SYMBOL}_{shop.kind}_{day}.zip"
    pack(path, b"".join(line for minute in ("13-15", "13-16") for line in lines_of(shop, minute)))
    return path


def merge(shop: Workshop) -> list[str]:
    return merge_day(SeriesDay(shop.directory, SYMBOL, shop.kind, DAY), venue="binance", archive_format="zip", purge=True).flaws


@pytest.mark.parametrize("kind", ["orderbook", "execution"])
def test_minutes_are_good_before_and_after_the_merge(workshop: Callable[..., Workshop], tmp_path: Path, kind: str) -> None:
    shop = workshop(kind)
    text = fill(shop)
    for merged in (False, True):
        if merged:
            assert merge(shop) == []
        (row,) = catalog([tmp_path])
        assert (row.state, row.records, row.bytes, row.coverage) == ("classic", 30, len(text), round(3 / 1440, 6))
        report = check(tmp_path)
        assert (report.ok, report.records) == (True, 30)
        assert {finding.kind for finding in report.findings} == {"no-envelope"}
        assert sum(finding.count for finding in report.findings) == 30
        assert len(report.findings) == (1 if merged else 3), "one for each file"
        assert b"".join(read_records(tmp_path)) == text


def test_a_stretch_of_time_is_found_by_the_lines_own_time(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = workshop("execution")
    fill_day(shop)
    start = shop.minute_ns("13-16")
    assert list(read_records(tmp_path, start_ns=start, end_ns=start + MINUTE_NS)) == lines_of(shop, "13-16")
    assert list(read_records(tmp_path, start_ns=start + 2 * MINUTE_NS)) == []


@pytest.mark.parametrize("adopted", [False, True])
def test_a_day_is_good_without_a_manifest_and_with_the_one_it_is_given(
    workshop: Callable[..., Workshop], tmp_path: Path, adopted: bool
) -> None:
    shop = workshop("orderbook")
    path = fill_day(shop)
    before = path.read_bytes()
    if adopted:
        (day,) = discover([tmp_path]).days
        adopt(day, venue="binance")
        manifest = read_manifest(day.manifest_path)
        assert manifest is not None
        assert ([row.state for row in manifest.segments], manifest.coverage, manifest.received) == (["classic"], 0.0, None)
    assert path.read_bytes() == before
    (row,) = catalog([tmp_path])
    assert (row.state, row.records, row.coverage) == ("classic", 20, None)
    report = check(tmp_path)
    assert (report.ok, report.records, report.archives) == (True, 20, 1)
    assert {finding.kind for finding in report.findings} == {"no-envelope"} | (set() if adopted else {"classic"})
    assert len(list(read_records(tmp_path))) == 20


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
def test_minutes_that_come_to_a_classic_day_are_merged_into_it(
    workshop: Callable[..., Workshop], tmp_path: Path, archive_format: str
) -> None:
    shop = workshop("orderbook", archive_format=archive_format)
    fill_day(shop)
    whole = b"".join(read_records(tmp_path))
    shop.seal("14-00", [book(shop.minute_ns("14-00"), 7)], ids=[7])
    assert check(tmp_path).ok
    flaws = merge_day(SeriesDay(shop.directory, SYMBOL, "orderbook", DAY), venue="binance", archive_format=archive_format, purge=True).flaws
    assert flaws == []
    report = check(tmp_path)
    assert (report.problems, report.records) == ([], 21)
    assert b"".join(read_records(tmp_path)) == whole + shop.text["14-00", 1]
    (row,) = catalog([tmp_path])
    assert (row.state, row.records) == ("merged", 21)


def test_a_day_that_holds_minutes_of_both_is_good(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = workshop("execution")
    text = fill(shop)
    shop.seal("13-20", [agg_trade(shop.minute_ns("13-20"), 7)], ids=[7])
    for merged in (False, True):
        if merged:
            assert merge(shop) == []
        (row,) = catalog([tmp_path])
        assert (row.state, row.records) == ("merged" if merged else "open", 31)
        report = check(tmp_path)
        assert (report.problems, report.records) == ([], 31)
        assert b"".join(read_records(tmp_path)) == text + shop.text["13-20", 1]


def test_a_minute_that_was_just_compressed_is_counted_once(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = workshop("execution")
    fill(shop)
    stem = segment_stem(SYMBOL, "execution", DAY, "13-16")
    twin = shop.folder / f"{stem}.jsonl"
    twin.write_bytes(b"".join(lines_of(shop, "13-16")))
    report = check(tmp_path)
    assert (report.ok, report.records) == (True, 30)
    assert "twin" in {finding.kind for finding in report.findings}
    twin.write_bytes(b"".join(lines_of(shop, "13-16")[1:]))
    assert {problem.kind for problem in check(tmp_path).problems} == {"mismatch"}


@pytest.mark.parametrize("stage", ["minutes", "day", "adopted", "merged"])
@pytest.mark.parametrize("how", ["bit", "cut", "json"])
def test_damage_is_found(workshop: Callable[..., Workshop], tmp_path: Path, stage: str, how: str) -> None:
    shop = workshop("execution")
    if stage in ("minutes", "merged"):
        fill(shop)
        path = shop.folder / f"{segment_stem(SYMBOL, 'execution', DAY, '13-16')}.zip"
    else:
        path = fill_day(shop)
    if how == "json":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0])
        pack(path, text.replace(b'"p":', b'"p"', 1))
    if stage == "adopted":
        (day,) = discover([tmp_path]).days
        adopt(day, venue="binance")
    if stage == "merged":
        merge(shop)
        path = shop.directory / f"{SYMBOL}_execution_{DAY}.zip"
    data = bytearray(path.read_bytes())
    if how == "bit":
        data[len(data) // 3] ^= 8
    elif how == "cut":
        del data[len(data) // 2 :]
    path.write_bytes(data)
    report = check(tmp_path)
    assert str(path) in {problem.file for problem in report.problems}
    if how == "json":
        assert [(problem.kind, problem.count) for problem in report.problems] == [("malformed", 1)]


def test_a_minute_that_ended_inside_a_record_is_named_before_and_after_the_merge(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = workshop("execution")
    fill(shop)
    path = next(shop.folder.glob("*.jsonl"))
    path.write_bytes(path.read_bytes()[:-20])
    assert [problem.kind for problem in check(tmp_path).problems] == ["torn"]
    assert merge(shop)
    assert [problem.kind for problem in check(tmp_path).problems] == ["torn"]


def test_a_damaged_day_is_not_adopted(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    path = fill_day(workshop("execution"))
    (day,) = discover([tmp_path]).days
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 8
    path.write_bytes(data)
    with pytest.raises(SegmentCorrupt):
        adopt(day, venue="binance")
    assert not day.manifest_path.exists()


@pytest.mark.skipif(not GENUINE.is_dir(), reason="no archive made by the classic recorder itself beside this checkout")
def test_an_archive_that_the_classic_recorder_made(tmp_path: Path) -> None:
    root = tmp_path / "classic"
    shutil.copytree(GENUINE, root)
    whole = sum(1 for _ in read_records(root))
    assert whole == 7847
    for stage in ("as it is", "adopted", "merged"):
        days = discover([root]).days
        if stage == "adopted":
            adopt(next(day for day in days if day.archive_paths), venue="binance")
        if stage == "merged":
            for day in days:
                merge_day(day, venue="binance", archive_format="zip", purge=True)
        rows = catalog([root])
        assert {row.state for row in rows} == {"classic"}
        assert sum(row.records or 0 for row in rows) == whole
        report = check(root)
        assert (report.ok, report.records) == (True, whole)
        assert sum(1 for _ in read_records(root)) == whole
