"""The simulated archive: a past that leads into the live market, and every way in which its files can be wrong."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest

from hoga.simulator import Fault, FaultKind, FileDefect, HistoryConfig, Simulator
from hoga.simulator.engine import Market, Past, instrument_of
from hoga.simulator.faults import TRANSFER_DEFECTS

DAY_NS = 86_400_000_000_000
START_NS = int(datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
FOLDER = "/data/spot/daily/aggTrades/BTCUSDT"
YESTERDAY = f"{FOLDER}/BTCUSDT-aggTrades-2026-03-04.zip"
SMALL = HistoryConfig(days=35, rows_a_day=40, page=20)

Get = Callable[..., Awaitable[tuple[int, bytes, Any]]]


@pytest.fixture
async def sim(simulate) -> Simulator:
    made: Simulator = await simulate(symbols=("BTCUSDT",), start_ns=START_NS, history=SMALL)
    return made


@pytest.fixture
def get(http: aiohttp.ClientSession, sim: Simulator) -> Get:
    async def fetch(path: str, **headers: str) -> tuple[int, bytes, Any]:
        async with http.get(sim.venues["binance"].urls["history"] + path, headers=headers) as response:
            return response.status, await response.read(), response.headers

    return fetch


def rows_of(body: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return [line.split(",") for line in archive.read(archive.namelist()[-1]).decode().splitlines()]


def past_of(rows_a_day: int = 40, now_ns: int = START_NS) -> tuple[Market, Past]:
    market = Market(instrument_of("BTCUSDT"), seed=1, now_ns=now_ns, past_rows=rows_a_day)
    return market, Past(market, seed=1, rows_a_day=rows_a_day)


def test_ids_lead_through_all_days_into_the_live_market() -> None:
    market, past = past_of()
    market.run_until(START_NS + 5_000_000_000)
    today = START_NS // DAY_NS
    days = [past.trades_of(day) for day in range(today - 5, today + 1)]
    aggregates = [row for day in days if day for row in day.aggregates]
    trades = [row for day in days if day for row in day.trades]
    assert all(later.agg_id == earlier.agg_id + 1 for earlier, later in pairwise(aggregates))
    assert all(later.first_id == earlier.last_id + 1 for earlier, later in pairwise(aggregates))
    assert all(later.trade_id == earlier.trade_id + 1 for earlier, later in pairwise(trades))
    assert all(later.time_ns >= earlier.time_ns for earlier, later in pairwise(aggregates))
    assert aggregates[-1].agg_id > market.first_agg_id > aggregates[0].agg_id


def test_whole_days_do_not_depend_on_when_a_market_began() -> None:
    day = START_NS // DAY_NS - 3
    assert past_of()[1].day(day) == past_of(now_ns=START_NS + DAY_NS + 77)[1].day(day)


def test_a_market_that_has_forgotten_its_beginning_has_no_such_day() -> None:
    market, past = past_of()
    market.run_until(START_NS + 10_000_000_000)
    assert past.trades_of(START_NS // DAY_NS) is not None
    market.trades.popleft()
    assert past.trades_of(START_NS // DAY_NS) is None
    assert past.trades_of(START_NS // DAY_NS - 1) is not None


@pytest.mark.parametrize("back", [0, 1, 39, 40, 41, 100])
def test_the_past_by_id_begins_where_it_is_asked_to(back: int) -> None:
    market, past = past_of()
    rows = past.aggregates_from(market.first_agg_id - 1 - back, 5, since_day=0)
    assert [row.agg_id for row in rows] == [market.first_agg_id - 1 - back + nth for nth in range(min(5, back + 1))]
    trades = past.trades_from(market.first_trade_id - 1 - back, 5, since_day=0)
    assert [row.trade_id for row in trades] == [market.first_trade_id - 1 - back + nth for nth in range(min(5, back + 1))]


async def test_a_file_is_what_its_checksum_says_and_rest_agrees(sim: Simulator, get: Get) -> None:
    status, body, headers = await get(YESTERDAY)
    assert status == 200
    assert headers["ETag"]
    _, told, _ = await get(YESTERDAY + ".CHECKSUM")
    assert told.decode() == f"{hashlib.sha256(body).hexdigest()}  BTCUSDT-aggTrades-2026-03-04.zip\n"
    rows = rows_of(body)
    assert len(rows) == 40
    status, answer, _ = await get(f"/api/v3/aggTrades?symbol=BTCUSDT&fromId={rows[0][0]}&limit=40")
    told_rows = json.loads(answer)
    assert [[str(row["a"]), row["p"], row["q"], str(row["f"]), str(row["l"])] for row in told_rows] == [row[:5] for row in rows]
    assert [row["T"] for row in told_rows] == [int(row[5]) // 1_000 for row in rows]  # the file tells µs, REST ms


async def test_trades_candles_and_months_agree_with_aggregates(get: Get) -> None:
    _, body, _ = await get(YESTERDAY)
    aggregates = rows_of(body)
    _, body, _ = await get(YESTERDAY.replace("aggTrades", "trades"))
    trades = rows_of(body)
    assert [trades[0][0], trades[-1][0]] == [aggregates[0][3], aggregates[-1][4]]
    _, body, _ = await get("/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-03-04.zip")
    candles = rows_of(body)
    assert len(candles) == 24
    assert sum(int(candle[8]) for candle in candles) == len(trades)
    _, body, _ = await get("/data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-02.zip")
    month = rows_of(body)
    assert len(month) == 28 * 40
    _, body, _ = await get(f"{FOLDER}/BTCUSDT-aggTrades-2026-02-17.zip")
    assert rows_of(body) == month[16 * 40 : 17 * 40]


async def test_futures_files_have_a_header_and_ms(simulate, http: aiohttp.ClientSession) -> None:
    sim = await simulate(venues=("binance-usdm",), symbols=("BTCUSDT",), start_ns=START_NS, history=SMALL)
    url = sim.venues["binance-usdm"].urls["history"] + "/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-03-04.zip"
    async with http.get(url) as response:
        rows = rows_of(await response.read())
    assert rows[0][0] == "agg_trade_id"
    assert len(rows[1]) == 7
    assert len(rows[1][5]) == 13
    assert rows[1][6] in ("true", "false")


async def listed(get: Get, query: str) -> tuple[list[str], list[str], str | None, bool]:
    _, body, _ = await get(query)
    root = ElementTree.fromstring(body)
    keys = [each.findtext(f"{S3}Key", "") for each in root.findall(f"{S3}Contents")]
    groups = [each.findtext(f"{S3}Prefix", "") for each in root.findall(f"{S3}CommonPrefixes")]
    return keys, groups, root.findtext(f"{S3}NextMarker"), root.findtext(f"{S3}IsTruncated") == "true"


async def test_the_listing_is_cut_into_pages_and_goes_on_from_a_marker(get: Get) -> None:
    found: list[str] = []
    marker, pages = "", 0
    while True:
        keys, _, following, truncated = await listed(get, f"/data.binance.vision?delimiter=/&prefix={FOLDER[1:]}/&marker={marker}")
        found += keys
        pages += 1
        if not truncated:
            break
        assert following == keys[-1]
        marker = following
    assert pages == 4
    assert len(found) == 70
    assert found == sorted(found)
    keys, _, following, truncated = await listed(get, f"/?prefix={FOLDER[1:]}/")
    assert truncated
    assert following is None
    assert keys == found[:20]


async def test_folders_are_groups_only_with_a_delimiter(get: Get) -> None:
    keys, groups, _, _ = await listed(get, "/?delimiter=/&prefix=data/spot/daily/")
    assert keys == []
    assert groups == [f"data/spot/daily/{kind}/" for kind in ("aggTrades", "klines", "trades")]


async def test_what_is_listed_is_what_is_served(get: Get) -> None:
    _, body, _ = await get(f"/?prefix={YESTERDAY[1:]}")
    entry = ElementTree.fromstring(body).findall(f"{S3}Contents")[0]
    _, served, headers = await get(YESTERDAY)
    assert entry.findtext(f"{S3}ETag") == headers["ETag"]
    assert int(entry.findtext(f"{S3}Size", "")) == len(served)


async def test_today_is_not_published_and_unknown_names_do_not_exist(get: Get) -> None:
    for path in (f"{FOLDER}/BTCUSDT-aggTrades-2026-03-05.zip", f"{FOLDER}/x.zip", "/data/spot/daily/aggTrades/NONE/x.zip", "/data/x"):
        assert (await get(path))[0] == 404


async def test_ranges_are_honoured_for_the_same_file_only(get: Get) -> None:
    _, whole, headers = await get(YESTERDAY)
    status, rest, told = await get(YESTERDAY, **{"Range": "bytes=100-", "If-Range": headers["ETag"]})
    assert (status, rest) == (206, whole[100:])
    assert told["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert (await get(YESTERDAY, **{"Range": "bytes=100-", "If-Range": '"another"'}))[:2] == (200, whole)
    assert (await get(YESTERDAY, Range=f"bytes={len(whole)}-"))[0] == 416


PUBLISHED: dict[FileDefect, Callable[[list[list[str]], list[list[str]]], bool]] = {
    FileDefect.SHORT_DAY: lambda good, bad: bad == good[:35],
    FileDefect.FEW_ROWS: lambda good, bad: bad == good[:24],
    FileDefect.ROW_HOLE: lambda good, bad: len(bad) == 35 and bad[0] == good[0] and bad[-1] == good[-1],
    FileDefect.DOUBLED: lambda good, bad: len(bad) == 47 and sorted({tuple(row) for row in bad}) == sorted(tuple(row) for row in good),
    FileDefect.CONFLICT: lambda good, bad: len(bad) == 41 and len({row[0] for row in bad}) == 40,
    FileDefect.UNSORTED: lambda good, bad: bad != good and sorted(bad) == sorted(good),
    FileDefect.REPUBLISHED: lambda good, bad: bad[1:] == good[1:] and bad[0] != good[0],
    FileDefect.WRONG_DAY: lambda good, bad: int(bad[-1][0]) == int(good[0][0]) - 1,
    FileDefect.BROKEN_ROW: lambda good, bad: ["not", "a", "row"] in bad and len(bad) == 41,
    FileDefect.MILLIS: lambda good, bad: [row[5] for row in bad] == [row[5][:13] for row in good],
    FileDefect.MICROS: lambda good, bad: bad == good,
    FileDefect.HEADER: lambda good, bad: bad[1:] == good and bad[0][0] == "agg_trade_id",
    FileDefect.NO_HEADER: lambda good, bad: bad == good,
    FileDefect.LOWER_TRUTH: lambda good, bad: {row[6] for row in bad} == {"true", "false"},
    FileDefect.SHOUTED_TRUTH: lambda good, bad: {row[6] for row in bad} == {"TRUE", "FALSE"},
    FileDefect.NO_NEWLINE: lambda good, bad: bad == good,
    FileDefect.FOREIGN_MEMBER: lambda good, bad: bad != good,
    FileDefect.PARENT_NAME: lambda good, bad: bad == good,
    FileDefect.ABSOLUTE_NAME: lambda good, bad: bad == good,
}


@pytest.mark.parametrize("defect", PUBLISHED)
async def test_a_published_defect_is_in_the_file_for_everybody_until_it_ends(sim: Simulator, get: Get, defect: FileDefect) -> None:
    _, good, _ = await get(YESTERDAY)
    sim.inject(Fault(fault=FaultKind.FILE, defect=defect, paths="*2026-03-04*"))
    _, bad, _ = await get(YESTERDAY)
    assert PUBLISHED[defect](rows_of(good), rows_of(bad) if defect is not FileDefect.FOREIGN_MEMBER else [[str(bad)]])
    _, told, _ = await get(YESTERDAY + ".CHECKSUM")
    assert told.decode().split()[0] == hashlib.sha256(bad).hexdigest()
    sim.clear_faults()
    assert (await get(YESTERDAY))[1] == good


async def test_files_that_are_missing_or_have_no_sum_or_a_wrong_one(sim: Simulator, get: Get) -> None:
    for defect, statuses in ((FileDefect.MISSING, (404, 404)), (FileDefect.NO_SUM, (200, 404)), (FileDefect.WRONG_SUM, (200, 200))):
        sim.inject(Fault(fault=FaultKind.FILE, defect=defect, paths="*2026-03-04*"))
        (status, body, _), (sum_status, told, _) = await get(YESTERDAY), await get(YESTERDAY + ".CHECKSUM")
        assert (status, sum_status) == statuses
        keys = (await listed(get, f"/?prefix={YESTERDAY[1:]}"))[0]
        assert len(keys) == sum(code == 200 for code in statuses)
        assert defect is not FileDefect.WRONG_SUM or told.decode().split()[0] != hashlib.sha256(body).hexdigest()
        sim.clear_faults()


async def test_a_month_can_lack_days(sim: Simulator, get: Get) -> None:
    sim.inject(Fault(fault=FaultKind.FILE, defect=FileDefect.LACKS_DAYS, paths="*/monthly/*"))
    _, body, _ = await get("/data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-02.zip")
    assert len(rows_of(body)) == 26 * 40


async def test_a_bomb_says_how_large_it_is_only_when_it_is_opened(simulate, http: aiohttp.ClientSession) -> None:
    sim = await simulate(symbols=("BTCUSDT",), start_ns=START_NS, history=HistoryConfig(days=3, rows_a_day=40, bomb_bytes=4_000_000))
    sim.inject(Fault(fault=FaultKind.FILE, defect=FileDefect.BOMB))
    async with http.get(sim.venues["binance"].urls["history"] + YESTERDAY) as response:
        body = await response.read()
    assert len(body) < 20_000
    assert zipfile.ZipFile(io.BytesIO(body)).infolist()[0].file_size > 4_000_000


@pytest.mark.parametrize("defect", sorted(TRANSFER_DEFECTS))
async def test_a_fault_of_a_transfer_takes_one_request(sim: Simulator, get: Get, defect: FileDefect) -> None:
    _, good, _ = await get(YESTERDAY)
    sim.inject(Fault(fault=FaultKind.FILE, defect=defect, paths="*2026-03-04.zip", count=1, ms=1))
    if defect in (FileDefect.CUT, FileDefect.STALL):
        with pytest.raises(aiohttp.ClientPayloadError):
            await get(YESTERDAY)
    else:
        status, body, headers = await get(YESTERDAY, Range="bytes=0-")
        assert status == (200 if defect in (FileDefect.NO_RANGE, FileDefect.HTML) else 206)
        assert (body == good) == (defect in (FileDefect.SLOW, FileDefect.NO_RANGE))
        assert len(body) == int(headers["Content-Length"])
    assert (await get(YESTERDAY))[1] == good


async def test_the_status_tells_what_was_sent(sim: Simulator, get: Get) -> None:
    _, good, _ = await get(YESTERDAY)
    sim.inject(Fault(fault=FaultKind.FILE, defect=FileDefect.CUT, paths="*", count=1))
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(YESTERDAY)
    assert sim.status()["history"]["files"][YESTERDAY[1:]] == {"asked": 2, "whole": 1, "bytes": len(good) + len(good) // 2}


async def test_errors_of_rest_reach_the_archive(sim: Simulator, get: Get) -> None:
    sim.inject(Fault(fault=FaultKind.REST_ERROR, status=429, retry_after_s=7, paths="/data/*", count=1))
    status, _, headers = await get(YESTERDAY)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert (await get(YESTERDAY))[0] == 200


async def test_a_day_is_published_when_it_is_over_and_holds_what_was_traded_live(simulate, http: aiohttp.ClientSession) -> None:
    midnight = START_NS // DAY_NS * DAY_NS + DAY_NS
    sim = await simulate(symbols=("BTCUSDT",), start_ns=midnight - 2_000_000_000, history=SMALL, speed=20.0)
    market = sim.engine.market("BTCUSDT")
    await sim.clock.sleep_until(midnight + 1_000_000_000)
    async with http.get(f"{sim.rest_url}{FOLDER}/BTCUSDT-aggTrades-2026-03-05.zip") as response:
        rows = rows_of(await response.read())
    assert int(rows[-1][0]) > market.first_agg_id
    assert datetime.fromtimestamp(int(rows[-1][5]) / 1e6, UTC) > datetime(2026, 3, 6, tzinfo=UTC) - timedelta(seconds=10)
