"""A backfill from the simulated archive: what users of the exchange's real one have met, each as a test of its own.

The numbers are those of the cases in the design: case N is what somebody reported.
"""

from __future__ import annotations

import errno
import hashlib
import json
from datetime import date
from pathlib import Path

import polars
import pytest

from hoga.core.errors import ArchiveBusy, HogaError, VenueError, WireFault
from hoga.history.backfill import BackfillReport
from hoga.history.index import Index
from hoga.history.listing import Page
from hoga.net.rest import RestClient
from hoga.runtime import durable
from hoga.simulator import Fault, FaultKind, FileDefect
from hoga.simulator.faults import TRANSFER_DEFECTS
from tests.history.backfill.conftest import Past, Simulate, zip_of, zip_rows
from tests.waiting import LONG_S

DAY = "BTCUSDT-aggTrades-2026-03-02"


def findings(report: BackfillReport) -> dict[str, list[str]]:
    return {done.what: done.findings for done in report.done if done.findings}


def whys(report: BackfillReport) -> dict[str, str]:
    return {failed.what: failed.why for failed in report.failed}


def ids(folder: Path, stem: str) -> list[int]:
    return polars.read_parquet(folder / f"{stem}.parquet")["id"].to_list()


async def test_days_come_proven_with_parquet_beside_them(past: Past) -> None:
    report = await past.backfill("2026-03-01", "2026-03-04")
    assert report.ok
    assert [done.what for done in report.done] == [f"BTCUSDT-aggTrades-2026-03-0{day}.zip" for day in (1, 2, 3, 4)]
    assert findings(report) == {}
    assert [done.rows for done in report.done] == [40] * 4
    rows = zip_rows(past.folder / f"{DAY}.zip")
    table = polars.read_parquet(past.folder / f"{DAY}.parquet")
    assert table.columns == ["id", "price", "size", "first_id", "last_id", "event_ns", "buyer_is_maker", "best_match"]
    texts = [f"{row[0]},{row[1]:.8f},{row[2]:.8f},{row[3]},{row[4]},{row[5] // 1_000},{row[6]},{row[7]}" for row in table.iter_rows()]
    assert texts == rows


async def test_a_whole_past_month_is_one_file_and_the_rest_are_days(past: Past) -> None:
    report = await past.backfill("2026-01-31", "2026-03-02")
    assert [done.what for done in report.done] == [
        f"BTCUSDT-aggTrades-{text}.zip" for text in ("2026-01-31", "2026-02", "2026-03-01", "2026-03-02")
    ]
    assert report.ok


async def test_what_is_here_is_not_asked_for_again(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-03")
    before = past.asked()
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert report.ok
    assert past.asked() == before


async def test_a_dry_run_fetches_nothing_and_says_what_is_here(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-01")
    report = await past.backfill("2026-03-01", "2026-03-02", dry_run=True)
    assert [(name, here) for name, _, here in report.planned] == [
        ("BTCUSDT-aggTrades-2026-03-01.zip", True),
        (f"{DAY}.zip", False),
    ]
    assert not (past.folder / f"{DAY}.zip").exists()


async def test_a_day_that_is_not_published_is_told(past: Past) -> None:
    report = await past.backfill("2026-03-04", "2026-03-05")
    assert not report.ok
    assert whys(report) == {"BTCUSDT-aggTrades-2026-03-05.zip": "the day is not over"}


@pytest.mark.parametrize("name", ["trades", "klines"])
async def test_trades_and_candles(past: Past, name: str) -> None:
    interval = "1h" if name == "klines" else ""
    report = await past.backfill("2026-03-01", "2026-03-02", name=name, interval=interval)
    assert report.ok
    assert findings(report) == {}
    assert [done.rows for done in report.done] == ([24, 24] if interval else [80, 80])


async def test_futures_have_an_archive_of_their_own(simulate: Simulate, folder: Path) -> None:
    past = Past(await simulate(venues=("binance-usdm",)), folder)
    for name in ("aggTrades", "trades"):
        report = await past.backfill("2026-03-01", "2026-03-02", name=name)
        assert report.ok
        assert findings(report) == {}


# -- what was reported ---------------------------------------------------------------------------------------------


async def test_case_1_a_month_of_which_almost_nothing_is_there_is_completed_by_its_days(past: Past) -> None:
    past.spoil(FileDefect.FEW_ROWS, "*/monthly/*")
    report = await past.backfill("2026-02-01", "2026-02-28")
    assert report.ok
    assert {done.what for done in report.done if "2026-02-" in done.what} == {
        f"BTCUSDT-aggTrades-2026-02-{day:02d}.zip" for day in range(1, 29)
    }
    assert any("no row of" in text for text in findings(report)["BTCUSDT-aggTrades-2026-02.zip"])


async def test_case_1_what_no_day_has_either_is_named_by_its_ids(past: Past) -> None:
    past.spoil(FileDefect.FEW_ROWS, "*/monthly/*")
    past.spoil(FileDefect.MISSING, "*-2026-02-11*")
    report = await past.backfill("2026-02-01", "2026-02-28")
    assert not report.ok
    [hole] = [failed.why for failed in report.failed if "missing" in failed.why]
    day_before = ids(past.folder, "BTCUSDT-aggTrades-2026-02-10")
    assert hole.startswith(f"ids {day_before[-1] + 1} to {day_before[-1] + 40} are missing")
    assert whys(report)["BTCUSDT-aggTrades-2026-02-11.zip"] == "no file has a row of this day"


async def test_case_2_days_that_a_month_lacks_are_taken_from_the_days_and_both_sources_named(past: Past) -> None:
    past.spoil(FileDefect.LACKS_DAYS, "*/monthly/*")
    report = await past.backfill("2026-02-01", "2026-02-28")
    assert report.ok
    told = " ".join(findings(report)["BTCUSDT-aggTrades-2026-02.zip"])
    assert "no row of 2026-02-10, 2026-02-11" in told
    assert "completed by BTCUSDT-aggTrades-2026-02-09.zip, BTCUSDT-aggTrades-2026-02-10.zip" in told
    before = past.asked()
    assert (await past.backfill("2026-02-01", "2026-02-28")).ok
    assert past.asked() == before


async def test_case_3_a_pause_with_unbroken_ids_is_no_hole(simulate: Simulate, folder: Path) -> None:
    past = Past(await simulate(rows_a_day=4), folder)  # hours pass without a trade
    report = await past.backfill("2026-03-01", "2026-03-04")
    assert report.ok
    assert report.failed == []


async def test_case_4_a_day_that_ends_early_leaves_a_hole_before_the_next_one(past: Past) -> None:
    past.spoil(FileDefect.SHORT_DAY, "*-2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert not report.ok
    assert report.failed[0].what == "BTCUSDT-aggTrades-2026-03-01…2026-03-03"
    last = ids(past.folder, DAY)[-1]
    assert report.failed[0].why.startswith(f"ids {last + 1} to {last + 5} are missing, between 2026-03-02T")
    assert len(report.failed) == 1


async def test_case_5_a_file_that_was_replaced_is_found_by_a_recheck_and_the_old_one_kept(past: Past) -> None:
    past.spoil(FileDefect.WRONG_DAY, "*-2026-03-02*")
    wrong = await past.backfill("2026-03-02", "2026-03-02")
    assert not wrong.ok
    assert "rows of 2026-03-01, a day that it should not hold" in findings(wrong)[f"{DAY}.zip"]
    old = (past.folder / f"{DAY}.zip").read_bytes()
    past.simulator.clear_faults()
    assert not (await past.backfill("2026-03-02", "2026-03-02")).ok  # nobody asks again by himself
    report = await past.backfill("2026-03-02", "2026-03-02", recheck=True)
    assert report.ok
    assert findings(report)[f"{DAY}.zip"] == ["it was published anew: 40 rows are gone, 40 are new; the old one is in superseded/"]
    kept = past.folder / "superseded" / f"{DAY}.{hashlib.sha256(old).hexdigest()[:12]}.zip"
    assert kept.read_bytes() == old
    again = await past.backfill("2026-03-02", "2026-03-02", recheck=True)
    assert again.ok
    assert past.asked()[f"{DAY}.zip"] == 2


async def test_case_6_a_sum_that_is_wrong_twice_puts_the_file_into_quarantine(past: Past) -> None:
    past.spoil(FileDefect.WRONG_SUM, "*-2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert not report.ok
    assert whys(report)[f"{DAY}.zip"].endswith("twice; it is in quarantine/")
    assert past.asked()[f"{DAY}.zip"] == 2
    assert not (past.folder / f"{DAY}.zip").exists()
    [kept] = (past.folder / "quarantine").iterdir()
    assert kept.name.startswith(f"{DAY}.")
    assert len(report.done) == 2


async def test_case_6_a_sum_without_an_end_of_line_is_fine(past: Past) -> None:
    past.spoil(FileDefect.NO_NEWLINE, "*")
    report = await past.backfill("2026-03-01", "2026-03-02")
    assert report.ok
    assert findings(report) == {}


async def test_case_7_ms_before_2025_and_us_after_it_are_one_axis(simulate: Simulate, folder: Path) -> None:
    start_ns = 1_735_862_400_000_000_000  # 2025-01-03
    past = Past(await simulate(start_ns=start_ns), folder)
    report = await past.backfill("2024-12-30", "2025-01-02", today=date(2025, 1, 3))
    assert report.ok
    widths = {len(zip_rows(past.folder / f"BTCUSDT-aggTrades-{day}.zip")[0].split(",")[5]) for day in ("2024-12-31", "2025-01-01")}
    assert widths == {13, 16}
    table = polars.concat([polars.read_parquet(path) for path in sorted(past.folder.glob("*.parquet"))])
    assert table["event_ns"].is_sorted()
    assert table["id"].diff().drop_nulls().unique().to_list() == [1]
    daily = table.group_by(table["event_ns"] // 86_400_000_000_000).agg(polars.col("size").cast(float).sum())
    sums = daily["size"].to_list()
    assert max(sums) < 3 * min(sums)


async def test_case_8_a_short_day_is_named_and_healed_when_it_was_published_again(simulate: Simulate, folder: Path) -> None:
    past = Past(await simulate(days=4, rows_a_day=1_000), folder)
    past.spoil(FileDefect.SHORT_DAY, "*-2026-03-02*")
    report = await past.backfill("2026-03-02", "2026-03-02")
    [text] = findings(report)[f"{DAY}.zip"]
    assert text.startswith("ends at 2026-03-02T2")
    past.simulator.clear_faults()
    healed = await past.backfill("2026-03-02", "2026-03-02", recheck=True)
    assert healed.ok
    assert findings(healed)[f"{DAY}.zip"] == ["it was published anew: 0 rows are gone, 125 are new; the old one is in superseded/"]


async def test_case_12_a_longer_range_fetches_only_what_is_new(past: Past) -> None:
    await past.backfill("2026-02-10", "2026-02-28")
    before = past.asked()
    report = await past.backfill("2026-02-01", "2026-02-28")
    assert report.ok
    new = set(past.asked()) - set(before)
    assert new == {f"BTCUSDT-aggTrades-2026-02-{day:02d}.zip" for day in range(1, 10)}
    assert all(past.asked()[name] == count for name, count in before.items())


async def test_case_13_one_command_gives_parquet_that_others_read(past: Past) -> None:
    import duckdb
    import pandas

    await past.backfill("2026-03-01", "2026-03-03")
    pattern = str(past.folder / "BTCUSDT-aggTrades-*.parquet")
    assert duckdb.sql(f"select count(*), max(id) - min(id) + 1 from '{pattern}'").fetchall() == [(120, 120)]
    assert len(pandas.read_parquet(past.folder / f"{DAY}.parquet")) == 40


async def test_case_14_reading_never_holds_up_what_comes(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import hoga.history.backfill as room

    real = room.convert

    def slow(*given, **more):
        time.sleep(0.4)
        return real(*given, **more)

    monkeypatch.setattr(room, "convert", slow)
    past.spoil(FileDefect.SLOW, "*.zip", ms=5)
    report = await past.backfill("2026-03-01", "2026-03-04", silence_s=0.3, at_once=2)
    assert report.ok


# -- faults on the way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", sorted(TRANSFER_DEFECTS))
async def test_what_goes_wrong_on_the_way_is_tried_again(past: Past, defect: FileDefect) -> None:
    stalls = defect is FileDefect.STALL  # only then is silence what the test is about
    past.spoil(defect, "*2026-03-02.zip", count=1, ms=4_000 if stalls else 1)
    report = await past.backfill("2026-03-01", "2026-03-03", silence_s=2.0 if stalls else LONG_S)
    assert report.ok
    assert findings(report) == {}
    assert len(ids(past.folder, DAY)) == 40


@pytest.mark.parametrize("defect", [FileDefect.HTML, FileDefect.CUT, FileDefect.FLIP, FileDefect.SHORT])
async def test_a_sum_that_came_broken_is_asked_for_again(past: Past, defect: FileDefect) -> None:
    past.spoil(defect, "*2026-03-02.zip.CHECKSUM", count=1)
    assert (await past.backfill("2026-03-01", "2026-03-03")).ok


async def test_a_transfer_that_was_cut_goes_on_where_it_was(simulate: Simulate, folder: Path) -> None:
    past = Past(await simulate(days=5, rows_a_day=12_000), folder)
    past.spoil(FileDefect.CUT, "*2026-03-02.zip", count=2)
    assert (await past.backfill("2026-03-02", "2026-03-02")).ok
    told = past.simulator.status()["history"]["files"][f"data/spot/daily/aggTrades/BTCUSDT/{DAY}.zip"]
    assert told["asked"] == 3
    assert told["bytes"] < 2 * (folder / f"{DAY}.zip").stat().st_size


async def test_another_file_under_the_name_is_not_gone_on_with(simulate: Simulate, folder: Path) -> None:
    past = Past(await simulate(days=4, rows_a_day=400), folder)
    past.spoil(FileDefect.CUT, "*2026-03-02.zip")
    assert not (await past.backfill("2026-03-02", "2026-03-02")).ok
    assert (folder / f"{DAY}.zip.part").exists()
    past.simulator.clear_faults()
    past.spoil(FileDefect.REPUBLISHED, "*2026-03-02*")
    assert (await past.backfill("2026-03-02", "2026-03-02")).ok
    assert zip_rows(folder / f"{DAY}.zip")[0].split(",")[2] == "9.99000000"
    assert list(folder.glob("*.part*")) == []


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_refusal_that_passes_costs_nothing(past: Past, status: int) -> None:
    past.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=status, retry_after_s=0, paths="*", count=2))
    assert (await past.backfill("2026-03-01", "2026-03-03")).ok


async def test_what_is_listed_and_not_there_is_told_at_once(past: Past) -> None:
    past.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=404, paths="*2026-03-02.zip"))
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert whys(report)[f"{DAY}.zip"] == "it is listed, and not there (HTTP 404)"
    assert len(report.done) == 2


async def test_a_refusal_that_stays_is_given_up_in_one_line(past: Past) -> None:
    past.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=403, paths="*2026-03-02.zip"))
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert whys(report)[f"{DAY}.zip"].startswith("given up after 6 attempts: binance: refused with 403")


async def test_a_list_that_is_a_page_is_no_list(past: Past) -> None:
    past.spoil(FileDefect.HTML, "/data.binance.vision")
    with pytest.raises(VenueError, match="text/html"):
        await past.backfill("2026-03-01", "2026-03-03")


@pytest.mark.parametrize("circle", [("a",), ("a", "b"), ("a", "b", "c", "b")])
async def test_a_list_that_goes_in_a_circle_is_refused(past: Past, circle: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter(circle * 20)

    async def read(client: RestClient, path: str, decode: object) -> Page:
        return Page([], next(pages))

    monkeypatch.setattr(RestClient, "read", read)
    with pytest.raises(WireFault, match="for ever"):
        await past.backfill("2026-03-01", "2026-03-03")
    assert len(list(pages)) >= len(circle) * 18


# -- faults of what is published -----------------------------------------------------------------------------------


REPAIRED = {
    FileDefect.UNSORTED: "its rows are not in the order of their ids: they are sorted in the Parquet file",
    FileDefect.DOUBLED: "7 rows are there twice: each is kept once",
}


@pytest.mark.parametrize("defect", REPAIRED)
async def test_rows_out_of_order_or_twice_are_put_right_and_told(past: Past, defect: FileDefect) -> None:
    past.spoil(defect, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert report.ok
    assert findings(report) == {f"{DAY}.zip": [REPAIRED[defect]]}
    made = ids(past.folder, DAY)
    assert made == list(range(made[0], made[0] + 40))
    assert list(past.folder.glob("*.merging")) == []


@pytest.mark.parametrize(
    "defect",
    [FileDefect.HEADER, FileDefect.MILLIS, FileDefect.MICROS, FileDefect.LOWER_TRUTH, FileDefect.SHOUTED_TRUTH],
)
async def test_other_spellings_are_no_fault(past: Past, defect: FileDefect) -> None:
    past.spoil(defect, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert report.ok
    assert findings(report) == {}


async def test_two_different_rows_of_one_id_are_both_kept_and_named(past: Past) -> None:
    past.spoil(FileDefect.CONFLICT, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert not report.ok
    made = ids(past.folder, DAY)
    assert (len(made), len(set(made))) == (41, 40)
    twice = next(each for each in made if made.count(each) == 2)
    assert [text for text in findings(report)[f"{DAY}.zip"] if text.startswith(f"id {twice} has different rows, all kept")]
    assert "7.77000000" in findings(report)[f"{DAY}.zip"][0]


async def test_ids_that_are_missing_within_a_file_are_named(past: Past) -> None:
    past.spoil(FileDefect.ROW_HOLE, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    made = ids(past.folder, DAY)
    text = f"ids {made[12] + 1} to {made[12] + 5} are missing"
    assert not report.ok
    assert findings(report)[f"{DAY}.zip"][0].startswith(text)
    assert report.failed[0].why.startswith(text)


NAMED = {
    FileDefect.NO_ZIP: "it is no zip",
    FileDefect.FOREIGN_MEMBER: "__MACOSX/._BTCUSDT-aggTrades-2026-03-02.csv is in it too, and was left alone",
    FileDefect.PARENT_NAME: "../../BTCUSDT-aggTrades-2026-03-02.csv is in it too, and was left alone",
    FileDefect.ABSOLUTE_NAME: "BTCUSDT-aggTrades-2026-03-02.csv is not in it; it holds /BTCUSDT-aggTrades-2026-03-02.csv",
    FileDefect.BOMB: "no exchange packs so tightly",
    FileDefect.BROKEN_ROW: "line 14: 'not,a,row' is no row of aggTrades",
}


@pytest.mark.parametrize("defect", NAMED)
async def test_a_bad_file_is_named_the_good_ones_are_not_and_nothing_leaves_the_folder(
    past: Past, defect: FileDefect, tmp_path: Path
) -> None:
    past.spoil(defect, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert not report.ok
    assert set(findings(report)) == {f"{DAY}.zip"}
    assert any(NAMED[defect] in text for text in findings(report)[f"{DAY}.zip"])
    assert (past.folder / f"{DAY}.zip").exists()  # it is what the exchange publishes
    assert {path.name for path in tmp_path.rglob("*.csv")} == set()
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {past.folder}


async def test_a_file_without_a_sum_is_not_taken(past: Past) -> None:
    past.spoil(FileDefect.NO_SUM, "*2026-03-02*")
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert whys(report)[f"{DAY}.zip"] == "no CHECKSUM is published for it, so that nothing proves it"


# -- what is here already ------------------------------------------------------------------------------------------


async def test_what_another_downloader_left_is_proven_and_taken_over(past: Past, tmp_path: Path) -> None:
    other = Past(past.simulator, tmp_path / "other")
    await other.backfill("2026-03-01", "2026-03-03")
    past.folder.mkdir(parents=True)
    for path in other.folder.glob("*.zip"):
        (past.folder / path.name).write_bytes(path.read_bytes())
    before = past.asked()
    report = await past.backfill("2026-03-01", "2026-03-03")
    assert report.ok
    assert past.asked() == before
    with Index(past.folder) as index:
        assert all(entry.adopted for entry in index.entries.values())


async def test_half_a_file_that_another_downloader_left_is_put_away_and_fetched(past: Past) -> None:
    past.folder.mkdir(parents=True)
    (past.folder / f"{DAY}.zip").write_bytes(b"PK\x03\x04 half of it")
    report = await past.backfill("2026-03-02", "2026-03-02")
    assert report.ok
    assert [path.read_bytes() for path in (past.folder / "quarantine").iterdir()] == [b"PK\x03\x04 half of it"]


async def test_a_bit_that_flipped_on_the_disk_is_found_by_a_recheck(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-03")
    path = past.folder / f"{DAY}.zip"
    good = path.read_bytes()
    path.write_bytes(good[:200] + bytes([good[200] ^ 4]) + good[201:])
    report = await past.backfill("2026-03-01", "2026-03-03", recheck=True)
    assert report.ok
    assert path.read_bytes() == good
    assert len(list((past.folder / "quarantine").iterdir())) == 1


async def test_a_parquet_that_is_gone_is_made_again_without_fetching(past: Past) -> None:
    await past.backfill("2026-03-02", "2026-03-02")
    before, path = past.asked(), past.folder / f"{DAY}.parquet"
    made = path.read_bytes()
    path.unlink()
    assert (await past.backfill("2026-03-02", "2026-03-02")).ok
    assert past.asked() == before
    assert path.read_bytes() == made


async def test_without_its_index_everything_is_proven_by_its_sums(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-03")
    before = past.asked()
    (past.folder / ".backfill.jsonl").unlink()
    assert (await past.backfill("2026-03-01", "2026-03-03")).ok
    assert past.asked() == before


async def test_two_backfills_of_one_folder_do_not_meet(past: Past) -> None:
    with Index(past.folder), pytest.raises(ArchiveBusy):
        await past.backfill("2026-03-01", "2026-03-01")


async def test_a_disk_without_room_is_told_before_it_is_full(past: Past) -> None:
    report = await past.backfill("2026-03-01", "2026-03-02", reserve_bytes=1 << 60)
    assert not report.ok
    assert len(report.failed) == 2
    assert "MB are needed with the reserve" in report.failed[0].why
    assert list(past.folder.glob("*.zip")) == []


async def test_the_parquet_names_its_source(past: Past) -> None:
    import pyarrow.parquet

    await past.backfill("2026-03-02", "2026-03-02")
    told = json.loads(pyarrow.parquet.ParquetFile(past.folder / f"{DAY}.parquet").metadata.metadata[b"hoga"])
    assert told["sha256"] == hashlib.sha256((past.folder / f"{DAY}.zip").read_bytes()).hexdigest()
    assert (told["format"], told["symbol"], told["kind"], told["rows"]) == ("hoga-history/1", "BTCUSDT", "aggTrades", 40)


async def test_an_empty_file_is_told(past: Past) -> None:
    await past.backfill("2026-03-01", "2026-03-01")
    zip_of(past.folder / f"{DAY}.zip", "")
    from hoga.history.zipped import UnreadableZip, find_member
    from tests.history.backfill.conftest import VENUES

    spec = VENUES["binance"].history
    assert spec is not None
    from hoga.history.csvrows import convert

    path = past.folder / f"{DAY}.zip"
    with pytest.raises(UnreadableZip, match="it has no rows"):
        convert(path, find_member(path), past.folder / "x.parquet", spec.kinds["aggTrades"], step=1, notes={})
    assert not (past.folder / "x.parquet").exists()


async def test_a_disk_that_refuses_any_step_costs_one_line_and_nothing_that_is_here(past: Past, tmp_path: Path) -> None:
    root, told = past.folder, 0
    for step in range(200):
        past.folder = tmp_path / f"step{step}"
        left = step

        why = errno.ENOSPC if step % 2 else errno.EIO

        def refuse(act: str, what: object, data: bytes, why: int = why) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(why, "refused", str(what))

        durable.watch(refuse)
        try:
            report = await past.backfill("2026-03-02", "2026-03-02")
            refused = left < 0
        except HogaError:
            report, refused = None, True
        finally:
            durable.watch(None)
        if not refused:
            assert report is not None
            assert report.ok
            break
        told += report is not None and not report.ok
        again = await past.backfill("2026-03-02", "2026-03-02")
        assert again.ok, (step, again.failed)
        assert findings(again) == {}
        assert len(ids(past.folder, DAY)) == 40
        assert not list(past.folder.glob("*.part*"))
    assert told > 5
    past.folder = root
