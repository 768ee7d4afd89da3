"""Whole books beside recorded deltas: where these begin, after their holes, and no more of them than the venue's weight allows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.config.rooms import rest_of
from hoga.app.snapshots import DeltaSnapshots, SnapshotDesk, asked_streams
from hoga.app.stream_plan import plan_streams
from hoga.app.venue_run import VenueRun
from hoga.archive.prove.verify import verify
from hoga.core.errors import ConfigError, VenueError
from hoga.runtime.clock import ManualClock
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.recorder.test_sealing import InlinePool
from tests.recorder.workbench import SPOT, Archive, Bench, delta, stream
from tests.waiting import LONG_S, eventually

SETTINGS = ("SYMBOLS=BTCUSDT,ETHUSDT", "STREAMS=depth20@100ms,depth@100ms", "DISK_RESERVE_MB=1", "BASE_BACKOFF=1")


def snapshots_in(root: Path, symbol: str) -> list[dict[str, Any]]:
    return Archive(root).lines(symbol, "snapshot")


def deltas_in(root: Path, symbol: str) -> list[dict[str, Any]]:
    return Archive(root).lines(symbol, "delta")


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
async def test_every_stretch_of_deltas_has_its_snapshot_verbatim_verified_and_counted(tmp_path: Path, venue: str) -> None:
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=("BTCUSDT", "ETHUSDT"), seed=9)) as exchange:
        urls = [f"WS_URL={exchange.ws_url}", f"REST_URL={exchange.rest_url}"]
        config = load_config(None, overrides=[*SETTINGS, *urls], environ={}, data_dir=tmp_path).venue(venue)
        run = VenueRun(config, InlinePool())  # type: ignore[arg-type]
        bodies: list[tuple[str, bytes]] = []
        run.snapshots._desk.on_snapshot.append(lambda symbol, asked, received, body: bodies.append((symbol, body)))
        await run.start()
        await eventually(lambda: len(bodies) >= 2)
        exchange.inject(Fault(fault=FaultKind.DROP, count=1, streams="btcusdt@depth@100ms"))
        await eventually(lambda: sorted(symbol for symbol, _ in bodies) == ["BTCUSDT", "BTCUSDT", "ETHUSDT"])
        exchange.inject(Fault(fault=FaultKind.CLOSE, code=1006))
        await eventually(lambda: len(bodies) >= 5)
        await frames(run, 14)
        exchange.inject(Fault(fault=FaultKind.DROP, count=5, streams="ethusdt@depth20@100ms"))
        await frames(run, 14)
        assert run.snapshots.failed == 0
        await run.stop_intake()
        await run.drain()
        await run.seal(timeout_s=LONG_S)
        run.release()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        found = snapshots_in(tmp_path, symbol)
        sent = [json.loads(body) for each, body in bodies if each == symbol]
        own = ("recvNs", "eventTime", "timeSource", "latencyMs", "epoch", "conn")
        assert [{key: value for key, value in record.items() if key not in own} for record in found] == sent
        assert {record["conn"] for record in found} == {f"{venue}-rest"}
        ids = [record["lastUpdateId"] for record in found]
        starts = [_first(one, before) for before, one in _pairs(deltas_in(tmp_path, symbol)) if before is None or not _chained(before, one)]
        assert len(starts) >= {"BTCUSDT": 2, "ETHUSDT": 1}[symbol], "the cut may have cost nothing"
        for start, end in zip(starts, [*starts[1:], 1 << 62], strict=True):
            assert any(start <= value + 1 <= end for value in ids), "this stretch of deltas can be built on"
    report = verify([tmp_path], books=True)
    (lost,) = report.problems
    assert (lost.kind, "ETHUSDT_orderbook" in lost.file, 1 <= lost.count <= 5) == ("gap", True, True), "as many as changed the best levels"
    assert [finding for finding in report.findings if finding.kind == "frame-missing"] == []
    unaided = verify([tmp_path])
    assert unaided.ok, unaided.problems
    assert [finding.kind for finding in unaided.findings if "missing" in finding.kind] == ["frame-missing"]
    counted = sum(1 for _ in bodies) + sum(
        len(Archive(tmp_path).lines(s, k)) for s in ("BTCUSDT", "ETHUSDT") for k in ("delta", "orderbook")
    )
    assert report.records == counted
    assert [row.symbol for row in report.books] == ["BTCUSDT", "ETHUSDT"]
    for row in report.books:
        assert (row.differs, row.skipped, row.unread) == (0, 0, None)
        assert row.proven + sum(row.unprovable.values()) == row.records
        assert row.proven >= 5, row
        assert row.snapshots == len(snapshots_in(tmp_path, row.symbol))


async def frames(run: VenueRun, count: int) -> None:
    """So many more of every stream."""
    intakes = [intake for name, intake in run.recorder.intakes.items() if "@snapshot" not in name]
    wanted = [intake.n + count for intake in intakes]
    await eventually(lambda: all(intake.n >= least for intake, least in zip(intakes, wanted, strict=True)))


def _pairs(records: list[dict[str, Any]]) -> list[tuple[dict[str, Any] | None, dict[str, Any]]]:
    return list(zip([None, *records], records, strict=False))


def _chained(before: dict[str, Any], one: dict[str, Any]) -> bool:
    return bool(one["pu"] == before["u"] if "pu" in one else one["U"] == before["u"] + 1)


def _first(one: dict[str, Any], before: object) -> int:
    return int(one["pu"] + 1 if "pu" in one else one["U"])


class Rest:
    """Answers with what `answer` gives, and the weight is somebody else's concern."""

    venue = "binance"

    def __init__(self, clock: ManualClock, answer: Callable[[str], bytes]) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self._answer = answer

    async def __aenter__(self) -> Rest:
        return self

    async def __aexit__(self, *why: object) -> None:
        pass

    def wait_s(self, request: object) -> float:
        return 0.0

    async def read(self, path: str, decode: Callable[[bytes], Any], *, weight: int) -> Any:
        symbol = path.partition("symbol=")[2].partition("&")[0]
        self.asked.append(symbol)
        self.clock.advance(0.05)
        return decode(self._answer(symbol))


class Deltas:
    """Symbols whose deltas are recorded, and who asks for their books."""

    def __init__(self, root: Path, count: int, answer: Callable[[str], bytes], *, share: float = 0.1) -> None:
        self.deltas = [stream(f"A{number}USDT", "depth@100ms") for number in range(count)]
        self.bench = Bench(root, [*self.deltas, *asked_streams(SPOT, self.deltas)]).start()
        self.rest = Rest(self.bench.clock, answer)
        desk = SnapshotDesk(self.rest)  # type: ignore[arg-type]
        self.snapshots = DeltaSnapshots(desk, self.bench.recorder, every_s=3600.0, share=share, conn="binance-rest")
        self.snapshots.open()
        self.life = self.bench.connect(*self.deltas)
        self._last = 0

    async def go_on(self, seconds: int) -> None:
        if not self._last:  # one look before anything has come
            self._last = 100
            await self.snapshots.tick()
        for _ in range(seconds):
            self._last += 1
            self.bench.clock.advance(0.5)
            for each in self.deltas:
                self.bench.send(self.life, each, delta(self._last, self._last))
            self.bench.clock.advance(0.5)
            self.bench.recorder.tick(self.bench.now)
            await self.snapshots.tick()


def book_of(number: int) -> bytes:
    return b'{"lastUpdateId":%d,"bids":[["1","2"]],"asks":[]}' % number


async def test_thousands_of_symbols_take_a_small_share_of_the_weight_and_those_that_wait_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = iter(range(10_000, 20_000))
    desk = Deltas(tmp_path, 120, lambda symbol: book_of(next(ids)), share=0.05)
    with caplog.at_level(logging.WARNING):
        await desk.go_on(12 * 60)
    per_minute = SPOT.rest.limits[0].limit * 0.05 / SPOT.rest.book_weight
    assert per_minute * 11 <= len(desk.rest.asked) <= per_minute * 13
    assert len(set(desk.rest.asked)) == len(desk.rest.asked), "none twice while others have none"
    told = [record.getMessage() for record in caplog.records if "deltas have no snapshot" in record.getMessage()]
    assert told
    assert "of=120" in told[0]
    await desk.bench.stop()


async def test_a_book_from_before_its_deltas_is_kept_and_asked_for_again(tmp_path: Path) -> None:
    answers = iter([50, 50, 99, 5_000, 6_000])
    desk = Deltas(tmp_path, 1, lambda symbol: book_of(next(answers)))
    await desk.go_on(1)
    assert len(desk.rest.asked) == 1
    await desk.go_on(40)
    assert len(desk.rest.asked) == 4, "50 and 99 are older than the first delta"
    archive = await desk.bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("A0USDT", "snapshot")] == [50, 99, 5_000]


async def test_an_answer_that_is_no_book_is_recorded_nowhere_and_asked_for_again(tmp_path: Path) -> None:
    answers = iter([b"<html>", b"[]", b'{"lastUpdateId":"x"}', book_of(500)])

    def answer(symbol: str) -> bytes:
        body = next(answers)
        if b"html" in body:
            raise VenueError("binance", "no answer")
        return body

    desk = Deltas(tmp_path, 1, answer)
    rest_read = desk.rest.read

    async def read(path: str, decode: Callable[[bytes], Any], *, weight: int) -> Any:
        try:
            return await rest_read(path, decode, weight=weight)
        except ValueError as fault:  # as RestClient.read does
            raise VenueError("binance", str(fault)) from fault

    desk.rest.read = read  # type: ignore[method-assign]
    await desk.go_on(60)
    assert (desk.snapshots.failed, desk.snapshots.fetched) == (3, 1)
    archive = await desk.bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("A0USDT", "snapshot")] == [500]


async def test_once_an_hour_while_deltas_come_and_never_for_a_stream_that_stands_still(tmp_path: Path) -> None:
    ids = iter(range(10_000, 20_000))
    desk = Deltas(tmp_path, 1, lambda symbol: book_of(next(ids)))
    await desk.go_on(10)
    for _ in range(4 * 60):
        desk.bench.clock.advance(60.0)
        await desk.snapshots.tick()
    assert len(desk.rest.asked) == 1
    await desk.go_on(1)
    assert len(desk.rest.asked) == 2
    await desk.bench.stop()


def test_nothing_is_asked_where_no_deltas_are_recorded_or_it_is_switched_off(tmp_path: Path) -> None:
    async def streams(*settings: str) -> set[str]:
        config = load_config(None, overrides=["SYMBOLS=BTCUSDT", *settings], environ={}, data_dir=tmp_path).venue("binance")
        run = VenueRun(config, InlinePool())  # type: ignore[arg-type]
        assert run.feed is not None
        assert not any("snapshot" in each.channel for each in run.recorder.wanted)
        return {each.kind for each in run.streams}

    assert asyncio.run(streams("STREAMS=depth20@100ms,aggTrade")) == {"orderbook", "execution"}
    assert asyncio.run(streams("STREAMS=depth20@100ms,depth@100ms")) == {"orderbook", "delta", "snapshot"}
    assert asyncio.run(streams("STREAMS=depth@100ms", "BOOK_SNAPSHOT_MIN=0")) == {"delta"}
    assert asked_streams(VENUES["upbit"], []) == []


def test_it_cannot_be_configured_as_a_stream() -> None:
    with pytest.raises(ConfigError, match="BOOK_SNAPSHOT_MIN"):
        plan_streams(SPOT, ("BTCUSDT",), ("snapshot",), where="[binance]")


def test_all_who_ask_a_venue_share_one_desk(tmp_path: Path) -> None:
    from hoga.app.snapshots import snapshots_of

    async def desks() -> bool:
        config = load_config(None, overrides=[], environ={}, data_dir=tmp_path).venue("binance")
        assert rest_of(config) is rest_of(config)
        return snapshots_of(config) is snapshots_of(config)

    assert asyncio.run(desks())


async def test_a_market_that_leaves_the_levels_of_its_snapshot_gets_another_one_before_it_has(tmp_path: Path) -> None:
    """Levels are a unit apart; the recorded books move down from 10,000."""
    price = 10_000
    ids = iter(range(10_000, 20_000))

    def whole(symbol: str) -> bytes:
        bids = ",".join(f'["{price - at}","1"]' for at in range(1000))
        return b'{"lastUpdateId":%d,"bids":[%b],"asks":[["20000","1"]]}' % (next(ids), bids.encode())

    deltas, books = stream("BTCUSDT", "depth@100ms"), stream("BTCUSDT", "depth20@100ms")
    bench = Bench(tmp_path, [deltas, books, *asked_streams(SPOT, [deltas])]).start()
    rest = Rest(bench.clock, whole)
    snapshots = DeltaSnapshots(SnapshotDesk(rest), bench.recorder, every_s=3600.0, share=0.1, conn="binance-rest")  # type: ignore[arg-type]
    snapshots.open()
    life = bench.connect(deltas, books)
    asked_at = []
    for number in range(1, 300):
        bench.clock.advance(0.5)
        bench.send(life, deltas, delta(100 + number, 100 + number))
        best = ",".join(f'["{price - at}","1"]' for at in range(20))
        bench.send(life, books, b'{"lastUpdateId":%d,"bids":[%b],"asks":[["20000","1"]]}' % (100 + number, best.encode()))
        before = len(rest.asked)
        await snapshots.tick()
        if len(rest.asked) > before:
            asked_at.append(price)
        price -= 5
    assert asked_at[0] >= 9_990
    assert len(asked_at) == 2, asked_at
    assert asked_at[0] - 1000 + 20 < asked_at[1] < asked_at[0] - 700, "with some levels to spare"
    await bench.stop()
