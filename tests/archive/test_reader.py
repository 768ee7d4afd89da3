"""Records come back in order, each once, from wherever they are."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hoga.archive.form import checked
from hoga.archive.form.discover import discover
from hoga.archive.form.layout import segment_stem
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.catalog import CatalogRow, catalog
from hoga.archive.read.reader import read_blocks
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, fill_books, fill_trades, read_records


def merge(shop: Workshop, *, purge: bool = True) -> None:
    merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day), venue="binance", archive_format=shop.archive_format, purge=purge)


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize("stage", ["open", "merged", "kept", "late"])
def test_all_records_each_once(workshop: Callable[..., Workshop], stage: str, archive_format: str) -> None:
    shop = fill_trades(workshop("execution", archive_format=archive_format))
    if stage != "open":
        merge(shop, purge=stage != "kept")
    if stage == "late":
        shop.seal("13-14", [agg_trade(shop.minute_ns("13-14"), 999)], ids=[999])
    lines = list(read_records(shop.directory))
    assert b"".join(lines) == shop.all_text()
    assert all(line.endswith(b"\n") for line in lines)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0, 0), (5, 70), (60, 120), (-100, 30), (100, 1000), (61, 61)])
def test_a_stretch_of_time_begins_in_it_and_ends_before_its_end(trades: Workshop, low: int, high: int, *, merged: bool) -> None:
    if merged:
        merge(trades)
    start = trades.minute_ns("13-15")
    low_ns, high_ns = start + low * SECOND_NS, start + high * SECOND_NS
    wanted = [line for line in trades.all_text().splitlines(keepends=True) if low_ns <= int(line[10:29]) < high_ns]
    assert list(read_records(trades.directory, start_ns=low_ns, end_ns=high_ns)) == wanted


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize("merged", [False, True])
def test_a_segment_comes_in_one_block_with_what_is_known_of_it(
    workshop: Callable[..., Workshop], archive_format: str, *, merged: bool
) -> None:
    shop = fill_trades(workshop("execution", archive_format=archive_format))
    if merged:
        merge(shop)
    blocks = list(read_blocks(shop.directory))
    assert [block.text for block in blocks] == [shop.text[minute, 1] for minute in ("13-15", "13-16", "13-17")]
    assert [block.stretch.minute for block in blocks] == ["13-15", "13-16", "13-17"]
    assert all(block.day == SeriesDay(shop.directory, SYMBOL, "execution", DAY) for block in blocks)
    for block in blocks:
        times = [int(line[10:29]) for line in block.text.splitlines()]
        assert (block.stretch.from_ns, block.stretch.to_ns, block.stretch.exact) == (times[0], times[-1], True)


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize("stage", ["open", "merged"])
def test_a_large_segment_comes_in_blocks_that_end_where_lines_do(
    workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch, stage: str, archive_format: str
) -> None:
    shop = fill_trades(workshop("execution", archive_format=archive_format), minutes=["13-15"], per_minute=20_000)
    if stage == "merged":
        merge(shop)
    at_once = [block.text for block in read_blocks(shop.directory)]
    monkeypatch.setattr(checked, "AT_ONCE_BYTES", 1024 * 1024)
    texts = [block.text for block in read_blocks(shop.directory)]
    assert len(texts) > len(at_once) == 1
    assert all(text.endswith(b"\n") and text.startswith(b'{"recvNs":') for text in texts)
    assert b"".join(texts) == at_once[0] == shop.all_text()


def test_only_the_wanted_segments_are_opened(trades: Workshop) -> None:
    for path in trades.folder.glob("*13-1[57]*"):
        path.write_bytes(b"damaged")
    start = trades.minute_ns("13-16")
    assert len(list(read_records(trades.folder, start_ns=start, end_ns=start + MINUTE_NS))) == 40


def test_kinds_and_single_files(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop, books = fill_trades(workshop("execution")), fill_books(workshop("orderbook"))
    assert b"".join(read_records(tmp_path, kind="orderbook")) == books.all_text()
    assert len(list(read_records(tmp_path))) == 240
    segment = shop.folder / f"{segment_stem(SYMBOL, 'execution', DAY, '13-16')}.zip"
    assert b"".join(read_records(segment)) == shop.text["13-16", 1]


def test_the_classic_layout_is_read_by_its_minutes(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("orderbook")
    shop.folder.mkdir(parents=True)
    for minute in ("13-15", "13-16"):
        stem = segment_stem(SYMBOL, "orderbook", DAY, minute)
        with zipfile.ZipFile(shop.folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.jsonl", f'{{"minute":"{minute}"}}\n')
    stem = segment_stem(SYMBOL, "orderbook", DAY, "13-16")
    (shop.folder / f"{stem}.jsonl").write_bytes(b'{"minute":"13-16"}\n')
    assert len(list(read_records(shop.directory))) == 2
    start = shop.minute_ns("13-16")
    assert list(read_records(shop.directory, start_ns=start, end_ns=start + MINUTE_NS)) == [b'{"minute":"13-16"}\n']


def test_a_classic_day_file_is_read_too(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("orderbook")
    shop.directory.mkdir(parents=True)
    path = shop.directory / f"{SYMBOL}_orderbook_{DAY}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".jsonl", '{"a":1}\n{"a":2}')
    assert list(read_records(path)) == [b'{"a":1}\n', b'{"a":2}\n']


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes(b"")
    with pytest.raises(ArchiveError, match="none of the archive's"):
        list(read_records(tmp_path / "letter.txt"))
    with pytest.raises(ArchiveError, match="no such"):
        discover([tmp_path / "nowhere"])


def row_of(shop: Workshop) -> CatalogRow:
    (row,) = catalog([shop.directory])
    return row


def test_the_catalog_tells_each_state(trades: Workshop) -> None:
    text, coverage = len(trades.all_text()), round(3 / 1440, 6)
    facts = {
        "venue": "binance",
        "symbol": SYMBOL,
        "kind": "execution",
        "day": DAY,
        "records": 120,
        "bytes": text,
        "coverage": coverage,
        "coverage_since": 1.0,
        "why": None,
        "gaps": 0,
        "incidents": 0,
        "gaps_per_million": 0.0,
        "proven": 0.002083,
        "unprovable": 0.0,
        "missing": 0.997917,
        "reasons": {"not-recorded": 0.997917},
        "collectors": None,
        "absent": None,
    }
    assert msgspec.to_builtins(row_of(trades)) == facts | {"state": "open"}
    merge(trades)
    assert msgspec.to_builtins(row_of(trades)) == facts | {"state": "merged"}
    trades.tell_gap(Gap(trades.minute_ns("14-00"), trades.minute_ns("14-01"), Reason.CRASH, None))
    assert row_of(trades).state == "late"
    merge(trades)
    assert (row_of(trades).state, row_of(trades).gaps, row_of(trades).incidents) == ("merged", 1, 1)
    archive = next(trades.directory.glob("*.zip"))
    data = archive.read_bytes()
    archive.unlink()
    assert row_of(trades).state == "missing"
    archive.write_bytes(data)
    next(trades.directory.glob("*.manifest.json")).unlink()
    assert (row_of(trades).state, row_of(trades).records) == ("unknown", None)


def test_a_recovered_minute_shows_in_the_catalog(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    shop.seal("13-15", [agg_trade(shop.minute_ns("13-15"), 5)], ids=[5], state="recovered")
    merge(shop)
    assert row_of(shop).state == "recovered"


def test_pandas_and_duckdb_read_minutes_and_days(workshop: Callable[..., Workshop]) -> None:
    pandas, duckdb = pytest.importorskip("pandas"), pytest.importorskip("duckdb")
    for archive_format in ("zip", "zst"):
        shop = fill_trades(workshop("execution", symbol=archive_format.upper(), archive_format=archive_format))
        minute = next(path for path in shop.folder.iterdir() if "13-16" in path.name)
        merge(shop, purge=False)
        (day,) = [path for path in shop.directory.glob(f"{shop.symbol}_*") if not path.name.endswith(".json")]
        for path, count in ((minute, 40), (day, 120)):
            if archive_format == "zip":
                frame = pandas.read_json(path, lines=True, precise_float=True)
                assert (len(frame), int(frame.a.max() - frame.a.min())) == (count, count - 1)
            else:
                query = f"select count(*), max(a) - min(a) from read_json('{path}', format = 'newline_delimited')"
                assert duckdb.sql(query).fetchall() == [(count, count - 1)]
