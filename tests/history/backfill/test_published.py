"""`hoga.load` of what `hoga backfill` brought: every row once, by its id, and a damaged file is an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hoga
from hoga.cli.main import main
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.simulator import FileDefect
from tests.history.backfill.conftest import Past, zip_rows

NAT = -(2**63)


def loaded(past: Past, kind: str = "aggtrades", **more: object):  # type: ignore[no-untyped-def]
    return hoga.load("binance:BTCUSDT", kind, root=past.folder.parent.parent, **more)  # type: ignore[arg-type]


def texts(past: Past, *days: str) -> list[list[str]]:
    return [line.split(",") for day in days for line in zip_rows(past.folder / f"BTCUSDT-aggTrades-{day}.zip")]


async def test_rows_are_those_of_the_files_exactly(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-04")
    rows = texts(past, *(f"2026-03-0{day}" for day in (1, 2, 3, 4)))
    arrays = loaded(past, exact=True).numpy()
    assert arrays.trade_id.tolist() == [int(row[0]) for row in rows]
    assert arrays.price_power == arrays.size_power == -8
    assert arrays.price.tolist() == [int(row[1].replace(".", "")) for row in rows]
    assert arrays["size"].tolist() == [int(row[2].replace(".", "")) for row in rows]
    assert arrays.event_ns.tolist() == [int(row[5]) * 1_000 for row in rows]
    assert arrays.side.tolist() == [-1 if row[6] == "True" else 1 for row in rows]
    assert (arrays.recv_ns == NAT).all()
    assert not arrays.gap_before.any()
    assert loaded(past).numpy().price.tolist() == [float(row[1]) for row in rows]


async def test_a_month_and_its_days_are_one_chain(past: Past) -> None:
    past.spoil(FileDefect.LACKS_DAYS, "*/monthly/*")
    assert (await past.backfill("2026-01-31", "2026-03-02")).ok
    for rows in (7, 1_000, 65_536):
        ids = [each for batch in loaded(past).batches(rows) for each in batch.trade_id.tolist()]
        assert ids == list(range(ids[0], ids[0] + 31 * 40))


async def test_a_hole_is_marked_and_nothing_is_filled(past: Past) -> None:
    past.spoil(FileDefect.ROW_HOLE, "*2026-03-02*")
    await past.backfill("2026-03-01", "2026-03-03")
    arrays = loaded(past).numpy()
    assert len(arrays.trade_id) == 115
    assert np.flatnonzero(arrays.gap_before).tolist() == [40 + 13]


async def test_two_rows_of_one_id_are_both_there(past: Past) -> None:
    past.spoil(FileDefect.CONFLICT, "*2026-03-02*")
    await past.backfill("2026-03-01", "2026-03-03")
    assert len(loaded(past).numpy().trade_id) == 121


async def test_a_day_and_a_span(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-04")
    assert len(loaded(past, day="2026-03-02").numpy().trade_id) == 40
    rows = texts(past, "2026-03-02")
    found = loaded(past, start=int(rows[3][5]) * 1_000, end=int(rows[9][5]) * 1_000).numpy()
    assert found.trade_id.tolist() == [int(row[0]) for row in rows[3:9]]


async def test_candles_and_single_trades(past: Past) -> None:
    past.folder = past.folder.parent / "candle"
    await past.backfill("2026-03-01", "2026-03-02", name="klines", interval="1h")
    past.folder = past.folder.parent / "execution"
    await past.backfill("2026-03-01", "2026-03-02", name="trades")
    candles = loaded(past, "klines").numpy()
    assert len(candles.start_ns) == 48
    assert np.unique(np.diff(candles.start_ns)).tolist() == [3_600_000_000_000]
    assert {"open", "high", "low", "close", "volume", "turnover", "trades"} <= set(candles)
    assert loaded(past, "klines-1h").polars().height == 48
    assert len(loaded(past, "trades").numpy().trade_id) == 160
    with pytest.raises(ArchiveError, match="hoga backfill --symbols BTCUSDT --kind klines --interval 5m"):
        loaded(past, "klines-5m")


async def test_frames_and_single_files(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-02")
    assert loaded(past).polars()["recv_ns"].null_count() == 80
    assert loaded(past).pandas().shape[0] == 80
    assert hoga.load(past.folder / "BTCUSDT-aggTrades-2026-03-02.parquet").numpy().trade_id.shape == (40,)


async def test_a_folder_anywhere_is_loaded_by_its_path(past: Past, tmp_path: Path) -> None:
    past.folder = tmp_path / "elsewhere"
    await past.backfill("2026-03-01", "2026-03-02")
    await past.backfill("2026-03-01", "2026-03-02", name="klines", interval="1h")
    assert len(hoga.load(past.folder, "aggtrades").numpy().trade_id) == 80
    assert len(hoga.load(past.folder, "klines").numpy().start_ns) == 48
    with pytest.raises(ArchiveError):
        hoga.load(past.folder, "trades")


async def test_several_symbols_come_by_time(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-02")
    await past.backfill("2026-03-01", "2026-03-02", symbol="ETHUSDT")
    both = hoga.load(["binance:BTCUSDT", "binance:ETHUSDT"], "aggtrades", root=past.folder.parent.parent).numpy()
    assert (np.diff(both.event_ns) >= 0).all()
    assert both.series.tolist().count(0) == both.series.tolist().count(1) == 80


async def test_a_list_of_files_is_all_of_them_and_each_once(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-02")
    await past.backfill("2026-03-01", "2026-03-02", name="klines", interval="1h")
    await past.backfill("2026-03-01", "2026-03-02", name="klines", interval="1d")
    trades = sorted(past.folder.glob("BTCUSDT-aggTrades-*.parquet"))
    assert len(trades) == 2
    for what in (trades, trades[::-1], [*trades, past.folder, trades[0]]):
        assert hoga.load(what, "aggtrades").numpy().trade_id.tolist() == loaded(past).numpy().trade_id.tolist()
    candles = sorted(past.folder.parent.rglob("BTCUSDT-1h-*.parquet"))
    for what in (candles, [*candles, past.folder.parent]):
        assert len(hoga.load(what, "klines-1h").numpy().start_ns) == 48
    with pytest.raises(ValueError, match=r"several kinds; name one: klines-1d, klines-1h"):
        hoga.load([*candles, *past.folder.parent.rglob("BTCUSDT-1d-*.parquet")])


async def test_export_says_that_the_files_are_tables_already(past: Past, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await past.backfill("2026-03-01", "2026-03-01")
    path = past.folder / "BTCUSDT-aggTrades-2026-03-01.parquet"
    for form in ("csv", "parquet", "hftbacktest"):
        assert main(["export", str(path), str(tmp_path / "x"), "--to", form]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{path}: is a table that hoga backfill made" in line


async def test_what_was_not_fetched_says_how_to(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-01")
    with pytest.raises(ArchiveError, match="hoga backfill --symbols ETHUSDT"):
        hoga.load("binance:ETHUSDT", "aggtrades", root=past.folder.parent.parent)


async def test_a_flipped_bit_is_never_another_number(past: Past) -> None:
    await past.backfill("2026-03-02", "2026-03-02")
    path = past.folder / "BTCUSDT-aggTrades-2026-03-02.parquet"
    good, right = path.read_bytes(), loaded(past, exact=True).numpy()
    wrong = 0
    for at in range(0, len(good), 11):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        try:
            found = loaded(past, exact=True).numpy()
        except (ArchiveError, SegmentCorrupt, OverflowError):
            continue
        wrong += found.keys() != right.keys() or any(not np.array_equal(found[name], right[name]) for name in right)
    assert wrong == 0


def test_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "binance").mkdir()
    with pytest.raises(ArchiveError, match="no aggtrades files of 'BTCUSDT'"):
        hoga.load("binance:BTCUSDT", "aggtrades", root=tmp_path)
