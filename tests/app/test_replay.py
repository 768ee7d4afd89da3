"""An archive, served: its texts, its rhythm, its gaps; any stretch of it; and never another number."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from hoga.app.replay import Gaps, Wanted, timelines_of
from hoga.archive.form.discover import discover
from hoga.archive.form.envelope import payload_of
from hoga.archive.form.ledger import decode_entry
from hoga.archive.form.lists import pack_list
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.openminute import days_with_open
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.replay.timeline import Cut, Due
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, book, envelope, fill_books, fill_trades, read_records
from tests.archive_journal.desk import Desk

BOOKS, TRADES = "btcusdt@depth20@100ms", "btcusdt@aggTrade"
NAMES = {"orderbook": [BOOKS], "execution": [TRADES]}


def shop(root: Path, kind: str, *, venue: str = "binance", symbol: str = SYMBOL) -> Workshop:
    return Workshop(root / "data" / venue / kind, kind, symbol=symbol)


def both(root: Path) -> tuple[Workshop, Workshop]:
    """Books and trades of three minutes, each told with the stream that fed it."""
    made = []
    for kind, fill in (("orderbook", fill_books), ("execution", fill_trades)):
        each = shop(root, kind)
        fill(each)
        name_streams(each, NAMES[kind])
        made.append(each)
    return made[0], made[1]


def name_streams(each: Workshop, names: list[str]) -> None:
    text = each.ledger.read_bytes().replace(b'"btcusdt@x"', msgspec.json.encode(names)[1:-1])
    lines = [line.partition(b"\t")[0] for line in text.splitlines()]
    assert lines
    each.ledger.unlink()
    each.tell(*(decode_entry(line) for line in lines))


def wanted(root: Path, **which: Any) -> Wanted:
    found = discover([root / "data"])
    return Wanted(days=found.days, journals=found.journals, **which)


def played(root: Path, venue: str = "binance", **which: Any) -> list[Due | Cut]:
    return list(timelines_of(wanted(root, **which))[venue].timeline())


def texts(items: list[Due | Cut]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for item in items:
        if isinstance(item, Due):
            found[item.frame.stream].append(item.frame.payload)
    return found


@pytest.mark.parametrize("merged", [False, True])
def test_every_record_is_played_once_in_order_with_its_own_distance(tmp_path: Path, *, merged: bool) -> None:
    books, trades = both(tmp_path)
    if merged:
        for each in (books, trades):
            merge_day(SeriesDay(each.directory, SYMBOL, each.kind, DAY), venue="binance", archive_format="zip", purge=True)
    items = played(tmp_path)
    assert [item.offset_ns for item in items] == sorted(item.offset_ns for item in items)
    assert items[0].offset_ns == 0
    assert texts(items) == {
        BOOKS: [payload_of(line) for line in books.all_text().splitlines()],
        TRADES: [payload_of(line) for line in trades.all_text().splitlines()],
    }
    start = books.minute_ns("13-15")
    assert all(isinstance(item, Due) and item.frame.time_ns == start + item.offset_ns for item in items)
    assert played(tmp_path) == items, "two replays are equal"


@pytest.mark.parametrize(("low_ms", "high_ms"), [(0, 1500), (2000, 3500), (59_000, 60_500), (1, 1), (500, 2_000)])
def test_a_second_and_a_half_is_exactly_its_frames(tmp_path: Path, low_ms: int, high_ms: int) -> None:
    books, trades = both(tmp_path)
    start = books.minute_ns("13-15")
    low, high = start + low_ms * 10**6, start + high_ms * 10**6
    lines = [line for each in (books, trades) for line in each.all_text().splitlines() if low <= int(line[10:29]) < high]
    found = timelines_of(wanted(tmp_path, start_ns=low, end_ns=high))
    if not lines:
        assert found == {}
        return
    items = list(found["binance"].timeline())
    assert sorted(item.frame.payload for item in items if isinstance(item, Due)) == sorted(map(payload_of, lines))
    assert items[0].offset_ns == 0


def test_venues_stay_in_step(tmp_path: Path) -> None:
    early, late = shop(tmp_path, "execution"), shop(tmp_path, "execution", venue="upbit", symbol="KRW-BTC")
    start = early.minute_ns("13-15")
    early.seal("13-15", [agg_trade(start, 1), agg_trade(start + 3 * SECOND_NS, 2)])
    late.seal("13-15", [envelope(start + 2 * SECOND_NS, b'{"type":"trade","code":"KRW-BTC"}')])
    found = timelines_of(wanted(tmp_path))
    assert {venue: [item.offset_ns // SECOND_NS for item in line.timeline()] for venue, line in found.items()} == {
        "binance": [0, 3],
        "upbit": [2],
    }


def test_a_gap_is_a_cut_of_its_series_streams_for_its_length(tmp_path: Path) -> None:
    books, _ = both(tmp_path)
    at = books.minute_ns("13-16") + 5 * SECOND_NS
    books.tell_gap(Gap(at, at + SECOND_NS, Reason.DISCONNECT, None))
    books.tell_gap(Gap(at, at, Reason.CLOCK_STEP, 0))
    cuts = [item for item in played(tmp_path) if isinstance(item, Cut)]
    assert cuts == [Cut(MINUTE_NS + 5 * SECOND_NS, frozenset({BOOKS}), SECOND_NS)]
    inside = at + SECOND_NS // 4  # the first record of that time is a trade, three quarters of a second before the gap's end
    first = played(tmp_path, start_ns=inside, end_ns=at + 10 * SECOND_NS)[:2]
    assert [item for item in first if isinstance(item, Cut)] == []
    books.tell_gap(Gap(at, at + 3 * SECOND_NS, Reason.SILENCE, None))
    first = played(tmp_path, start_ns=inside, end_ns=at + 10 * SECOND_NS)[:2]
    assert first[0] == Cut(0, frozenset({BOOKS}), 2 * SECOND_NS)
    for other in (Gaps.WAIT, Gaps.SKIP):
        assert not [item for item in played(tmp_path, gaps=other) if isinstance(item, Cut)]


def test_time_in_which_every_series_has_a_gap_can_be_left_out(tmp_path: Path) -> None:
    books, trades = both(tmp_path)
    at = books.minute_ns("13-15") + 40 * SECOND_NS
    books.tell_gap(Gap(at, at + 15 * SECOND_NS, Reason.DISCONNECT, None))
    trades.tell_gap(Gap(at - 100 * SECOND_NS, at - 90 * SECOND_NS, Reason.DISCONNECT, None))
    assert played(tmp_path, gaps=Gaps.SKIP) == played(tmp_path, gaps=Gaps.WAIT)
    trades.tell_gap(Gap(at + 5 * SECOND_NS, at + 20 * SECOND_NS, Reason.DISCONNECT, None))
    waiting, skipping = played(tmp_path, gaps=Gaps.WAIT), played(tmp_path, gaps=Gaps.SKIP)
    assert texts(waiting) == texts(skipping)
    for slow, quick in zip(waiting, skipping, strict=True):
        left_out = 10 * SECOND_NS if slow.offset_ns > 50 * SECOND_NS else 0
        assert quick.offset_ns == slow.offset_ns - left_out


def test_a_flipped_bit_is_an_error_after_what_comes_before_it(tmp_path: Path) -> None:
    books, _ = both(tmp_path)
    line = timelines_of(wanted(tmp_path))["binance"]
    whole = list(line.timeline())
    path = sorted(books.folder.glob("*13-17*"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = []
    with pytest.raises(SegmentCorrupt):
        for item in line.timeline():
            found.append(item)
    assert found == whole[: len(found)]
    assert len(found) >= 159


def test_the_book_and_the_instruments_are_those_of_then(tmp_path: Path) -> None:
    books, _ = both(tmp_path)
    folder = books.directory.parent / "instruments"
    folder.mkdir()
    for day in ("2026-11-18", "2026-11-20", "2026-11-22"):
        (folder / f"instruments_{day}.json.zst").write_bytes(pack_list(json.dumps({"day": day}).encode()))
    start = books.minute_ns("13-16")
    line = timelines_of(wanted(tmp_path, start_ns=start))["binance"]
    before = line.depth(SYMBOL, None, {})
    assert before is not None
    assert before.body == payload_of(books.text["13-16", 1].splitlines()[0])
    due = [item for item in line.timeline() if isinstance(item, Due)]
    newest = {item.frame.stream: item.frame for item in due[:30]}
    now = line.depth(SYMBOL, due[29].frame.time_ns, newest)
    assert now is not None
    assert now.body == newest[BOOKS].payload
    assert line.depth("NOSUCH", None, {}) is None
    listed = line.instruments(None)
    assert listed is not None
    assert json.loads(listed.body) == {"day": "2026-11-20"}


def test_a_book_that_was_asked_for_is_no_frame_of_a_stream(tmp_path: Path) -> None:
    books, _ = both(tmp_path)
    asked = shop(tmp_path, "snapshot")
    asked.seal("13-15", [book(books.minute_ns("13-15") + 1_500_000_000, 77)], streams=["btcusdt@snapshot"])
    line = timelines_of(wanted(tmp_path))["binance"]
    assert set(line.streams) == {BOOKS, TRADES}
    assert len(list(line.timeline())) == 240


def test_the_classic_recorders_records_are_not_the_venues_and_are_named(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "binance" / "execution"
    directory.mkdir(parents=True)
    with zipfile.ZipFile(directory / f"{SYMBOL}_execution_{DAY}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{SYMBOL}_execution_{DAY}.jsonl", b'{"recv_ms":1795180500000,"net_delay_ms":3,"p":"1.5","q":"2"}\n' * 3)
    with pytest.raises(ArchiveError, match="classic recorder's"):
        timelines_of(wanted(tmp_path))
    fill_books(shop(tmp_path, "orderbook"))
    line = timelines_of(wanted(tmp_path))["binance"]
    assert len(list(line.timeline())) == 120
    assert "classic recorder's" in line.skipped[0]


def test_the_open_minute_is_played_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.journal(range(10, 20))
    found = discover([desk.root])
    days = days_with_open(found, lambda day: True)
    (line,) = timelines_of(Wanted(days=days, journals=found.journals)).values()
    lines = [line for kind in ("execution", "orderbook") for line in read_records(desk.root, kind=kind)]
    got = [item.frame.payload for item in line.timeline() if isinstance(item, Due)]
    assert sorted(got) == sorted(payload_of(line) for line in lines) != []


# -- over the wire ------------------------------------------------------------------------------------------------------


Serve = Callable[..., Awaitable[Simulator]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    running: list[Simulator] = []

    async def start(root: Path, *, flat_out: bool = True, speed: float = 1.0, delay_s: float = 0.2, **which: Any) -> Simulator:
        lines = timelines_of(wanted(root, **which))
        config = SimulatorConfig(venues=tuple(lines), one_port=True, replay_max=flat_out, speed=speed, replay_start_delay_s=delay_s)
        running.append(Simulator(config, timelines=lines))
        await running[-1].start()
        return running[-1]

    yield start
    for each in running:
        await each.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_wire_carries_the_recordings_texts(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    books, trades = both(tmp_path)
    rounds = []
    for _ in range(2):
        sim = await serve(tmp_path)
        async with http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}/{TRADES}") as socket:
            rounds.append([(await socket.receive(30)).data for _ in range(240)])
    assert rounds[0] == rounds[1], "two replays are equal to the byte, and in order"
    frames = [(f'{{"stream":"{BOOKS}","data":', books), (f'{{"stream":"{TRADES}","data":', trades)]
    for head, each in frames:
        got = [text.removeprefix(head)[:-1].encode() for text in rounds[0] if text.startswith(head)]
        assert got == [payload_of(line) for line in each.all_text().splitlines()]


async def test_venues_come_in_one_order_of_receipt_also_flat_out(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    one, other = shop(tmp_path, "execution"), shop(tmp_path, "execution", venue="binance-usdm")
    start = one.minute_ns("13-15")
    for shift, each in enumerate((one, other)):
        each.seal("13-15", [agg_trade(start + (2 * at + shift) * 10**6, 2 * at + shift) for at in range(500)])
    sim = await serve(tmp_path)
    sent: list[int] = []
    for venue in sim.venues.values():
        venue.board.tap = lambda connection, stream, text: sent.append(json.loads(text)["data"]["a"])
    spot = await http.ws_connect(f"{sim.ws_url}/stream?streams={TRADES}")
    futures = await http.ws_connect(f"{sim.ws_url}/market/stream?streams={TRADES}")
    for _ in range(500):
        await spot.receive(30)
        await futures.receive(30)
    assert sent == list(range(1000))
    await spot.close()
    await futures.close()


async def test_rest_tells_of_the_replays_moment(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    books, _ = both(tmp_path)
    folder = books.directory.parent / "instruments"
    folder.mkdir()
    entries = [{"symbol": name, "status": "TRADING", "recorded": True} for name in (SYMBOL, "ETHUSDT")]
    (folder / f"instruments_{DAY}.json.zst").write_bytes(pack_list(json.dumps({"symbols": entries}).encode()))
    sim = await serve(tmp_path)
    async with http.get(f"{sim.rest_url}/api/v3/exchangeInfo") as response:
        assert (await response.json())["symbols"] == entries
    async with http.get(f"{sim.rest_url}/api/v3/exchangeInfo?symbol={SYMBOL}") as response:
        assert (await response.json())["symbols"] == entries[:1]
    async with http.get(f"{sim.rest_url}/api/v3/depth?symbol={SYMBOL}") as response:
        assert (await response.json())["lastUpdateId"] == 5000
    async with http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}") as socket:
        for _ in range(120):
            await socket.receive(30)
        async with http.get(f"{sim.rest_url}/api/v3/depth?symbol={SYMBOL}&limit=1") as response:
            found = await response.json()
    assert found == {"lastUpdateId": 5000 + 1190, "bids": [["97962.29", "1.5"]], "asks": [["97962.30", "3"]]}


async def test_futures_and_won_markets_have_their_own_rest(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    futures = shop(tmp_path, "orderbook", venue="binance-usdm")
    won = shop(tmp_path, "orderbook", venue="upbit", symbol="KRW-BTC")
    start = futures.minute_ns("13-15")
    event = b'{"e":"depthUpdate","E":5,"T":4,"s":"BTCUSDT","U":1,"u":9,"pu":0,"b":[["1.0","2"],["0.9","1"]],"a":[["1.1","3"]]}'
    futures.seal("13-15", [envelope(start, event)])
    units = b'[{"ask_price":2.50,"bid_price":2,"ask_size":1.0,"bid_size":0.10},{"ask_price":3,"bid_price":1,"ask_size":1,"bid_size":1}]'
    text = b'{"type":"orderbook","code":"KRW-BTC","timestamp":7,"total_ask_size":2.0,"total_bid_size":1.10,"orderbook_units":' + units
    won.seal("13-15", [envelope(start, text + b',"stream_type":"REALTIME","level":0}')])
    sim = await serve(tmp_path)
    async with http.get(f"{sim.rest_url}/fapi/v1/depth?symbol=BTCUSDT&limit=5") as response:
        assert await response.json() == {"lastUpdateId": 9, "E": 5, "T": 4, "bids": [["1.0", "2"], ["0.9", "1"]], "asks": [["1.1", "3"]]}
    async with http.get(f"{sim.rest_url}/v1/orderbook?markets=KRW-BTC&count=1") as response:
        assert await response.text() == (
            '[{"market":"KRW-BTC","timestamp":7,"total_ask_size":2.0,"total_bid_size":1.10,'
            '"orderbook_units":[{"ask_price":2.50,"bid_price":2,"ask_size":1.0,"bid_size":0.10}],"level":0}]'
        )
    async with http.get(f"{sim.rest_url}/v1/market/all") as response:
        assert [row["market"] for row in await response.json()] == ["KRW-BTC"]
    async with http.get(f"{sim.rest_url}/v1/trades/ticks?market=KRW-BTC") as response:
        assert response.status == 500
    async with http.ws_connect(f"{sim.ws_url}/public/stream?streams={BOOKS}") as socket:
        assert (await socket.receive(30)).data == f'{{"stream":"{BOOKS}","data":{event.decode()}}}'


async def test_the_rhythm_is_the_recordings(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    each = shop(tmp_path, "orderbook")
    start = each.minute_ns("13-15")
    seconds = (0, 1, 15, 16)
    lines = [book(start + at * SECOND_NS, at) for at in seconds]
    each.seal("13-15", lines)
    sim = await serve(tmp_path, flat_out=False, speed=10.0)
    times: list[int] = []
    sim.board.tap = lambda connection, stream, text: times.append(sim.clock.now_ns())
    async with http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}") as socket:
        for _ in lines:
            await socket.receive(30)
    late = [at / SECOND_NS - second for at, second in zip(times, seconds, strict=True)]
    assert max(late) - min(late) < 10, "all at once would be 16 seconds apart; a second of the machine's is ten"


async def test_a_gap_closes_and_refuses_and_ends(tmp_path: Path, serve: Serve, http: aiohttp.ClientSession) -> None:
    books, _ = both(tmp_path)
    at = books.minute_ns("13-15") + 10 * SECOND_NS
    books.tell_gap(Gap(at, at + 20 * SECOND_NS, Reason.DISCONNECT, None))
    sim = await serve(tmp_path, flat_out=False, speed=8.0)
    other = await http.ws_connect(f"{sim.ws_url}/stream?streams={TRADES}")
    async with http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}") as socket:
        got = [message async for message in socket]
        assert len(got) == 11
        assert socket.close_code == 1001
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}")
    assert refused.value.status == 503
    while sim.board.cut:
        await asyncio.sleep(0.005)
    async with http.ws_connect(f"{sim.ws_url}/stream?streams={BOOKS}") as socket:
        number = json.loads((await socket.receive(30)).data)["data"]["lastUpdateId"]
        assert number >= 5000 + 10 * 30
    seen = [json.loads((await other.receive(30)).data)["data"]["a"] for _ in range(40)]
    assert seen == list(range(1000, 1040))
    await other.close()
