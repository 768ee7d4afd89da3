"""The clock set back, by less than anybody calls a step, or over midnight: the archive is right, and the ledger tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoga.archive.form.ledger import LiveEntry
from hoga.archive.keep.merge import merge_day, pending_days
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Reason
from hoga.core.times import SECOND_NS, day_start_ns
from hoga.recorder.fastpath import make_intake
from hoga.recorder.intake import GATED
from tests.recorder.workbench import MS, NOON_NS, SPOT, Archive, Bench, FakeLane, agg_trade, book, frame, stream

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")


@pytest.mark.parametrize("back_ms", [1, 300, 900])
@pytest.mark.parametrize("at_s", [20.0, 60.1])
@pytest.mark.parametrize("killed", [False, True])
async def test_a_clock_set_back_a_little_is_told_and_nothing_is_wrong(tmp_path: Path, back_ms: int, at_s: float, killed: bool) -> None:
    bench = Bench(tmp_path, [BOOK, TRADE]).start()
    leg = bench.connect()

    def send(first: int) -> None:
        for number in range(first, first + 8):
            bench.send(leg, BOOK, book(number))
            bench.send(leg, TRADE, agg_trade(number))
            bench.now += 10 * MS

    bench.wait(at_s - 0.08)
    send(1)
    was = bench.now - 10 * MS
    bench.now -= back_ms * MS + 10 * MS
    bench.send_raw(leg, b"nobody knows it")
    send(9)
    bench.wait(2)
    send(17)
    if killed:
        bench.flush()
        await bench.killed()
        archive = bench.archive
    else:
        bench.cut(leg)
        archive = await bench.finish()
    report = verify([tmp_path])
    assert report.ok, report.problems
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ODD", "aside")):
        steps = archive.gaps(symbol, kind, Reason.CLOCK_STEP)
        assert [(gap.from_ns, gap.to_ns, gap.missed) for gap in steps] == [(was - back_ms * MS, was, 0)], kind


MIDNIGHT_NS = day_start_ns("2026-11-21")


class Sender:
    """A bench that was started by a clock that shows ten minutes past midnight; a book a second."""

    def __init__(self, root: Path, start_ns: int = MIDNIGHT_NS + 600 * SECOND_NS, **fields: Any) -> None:
        self.bench = Bench(root, [BOOK], start_ns=start_ns, **fields).start()
        self.leg = self.bench.connect()
        self.sent = 0

    def send(self, seconds: int, *, tick: bool = True) -> None:
        for _ in range(seconds):
            self.sent += 1
            self.bench.send(self.leg, BOOK, book(self.sent))
            self.bench.wait(1.0, tick=tick)

    def set_back(self, seconds: float, *, told: bool = True) -> None:
        self.bench.now -= int(seconds * SECOND_NS)
        if told:
            self.bench.recorder.clock_stepped(self.bench.now, -int(seconds * SECOND_NS))

    async def finish(self) -> Archive:
        self.bench.cut(self.leg)
        return await self.bench.finish()


def live_of(archive: Archive) -> list[tuple[float, float]]:
    """What the ledgers claim as live, in seconds of the new day."""
    found = [entry for entry in archive.ledger("BTCUSDT", "orderbook") if isinstance(entry, LiveEntry)]
    return sorted(((entry.from_ns - MIDNIGHT_NS) / SECOND_NS, (entry.to_ns - MIDNIGHT_NS) / SECOND_NS) for entry in found)


@pytest.mark.parametrize("went_on_s", [600, 1300])
async def test_a_clock_set_back_over_midnight_leaves_both_days_whole(tmp_path: Path, went_on_s: int) -> None:
    sender = Sender(tmp_path)
    sender.send(65)
    sender.set_back(1200)
    since_s = (sender.bench.now - MIDNIGHT_NS) / SECOND_NS
    sender.send(went_on_s)
    archive = await sender.finish()
    assert len(archive.lines("BTCUSDT", "orderbook")) == sender.sent
    live = live_of(archive)
    assert live[0][0] == since_s
    gone_by = [(from_s, to_s) for from_s, to_s in live if to_s <= since_s + went_on_s]
    assert sum(to_s - from_s for from_s, to_s in gone_by) >= went_on_s - 60, "what was recorded after the step is claimed"
    steps = archive.gaps("BTCUSDT", "orderbook", Reason.CLOCK_STEP)
    assert sorted((gap.from_ns - MIDNIGHT_NS) / SECOND_NS for gap in steps) == [since_s, 0.0], "each day's ledger has it"
    report = verify([tmp_path])
    assert report.ok, report.problems
    for day in pending_days(tmp_path / "orderbook"):
        merge_day(day, venue="binance", archive_format="zip", purge=True)
    report = verify([tmp_path])
    assert report.ok, report.problems


async def test_a_minute_that_ends_before_the_step_is_told_is_claimed_too(tmp_path: Path) -> None:
    sender = Sender(tmp_path, NOON_NS)
    sender.send(65)
    sender.set_back(65 + 3600.5, told=False)
    sender.send(1, tick=False)
    sender.bench.recorder.clock_stepped(sender.bench.now, -int(3665.5 * SECOND_NS))
    sender.send(5)
    archive = await sender.finish()
    assert len(archive.lines("BTCUSDT", "orderbook")) == sender.sent
    report = verify([tmp_path])
    assert report.ok, report.problems


async def test_what_is_open_when_the_clock_is_set_back_goes_on_by_the_new_time(tmp_path: Path) -> None:
    sender = Sender(tmp_path, NOON_NS)
    sender.send(10)
    sender.bench.cut(sender.leg)
    cut_ns = sender.bench.now
    sender.bench.wait(5.0)
    old_ns = sender.bench.now
    sender.set_back(3600)
    new_ns = sender.bench.now
    sender.bench.wait(20.0)
    sender.leg, back_ns = sender.bench.connect(epoch=2), sender.bench.now
    sender.send(10)
    archive = await sender.finish()
    gaps = archive.gaps("BTCUSDT", "orderbook", Reason.DISCONNECT)
    assert sorted((gap.from_ns, gap.to_ns) for gap in gaps) == [(new_ns, back_ns), (cut_ns, old_ns)]


def test_a_queue_that_was_full_when_the_clock_was_set_back_is_looked_at_again() -> None:
    lane: Any = FakeLane()
    intake = make_intake(SPOT, BOOK, index=0, lane=lane, queue_max=10, memory=1024)
    intake.connected(1, NOON_NS)
    for number in range(20):
        lane.waiting = 50 if number >= 10 else 0
        intake.take(NOON_NS + number * 100 * MS, frame(BOOK, book(number + 1)))
    shed = intake.unrecorded
    assert shed
    lane.waiting = 0
    for number in range(20, 620):
        intake.take(NOON_NS - 3600 * SECOND_NS + number * 100 * MS, frame(BOOK, book(number + 1)))
    assert intake.unrecorded == shed


def test_a_hole_that_the_first_frame_after_the_step_tells_of_ends_no_earlier_than_it_begins() -> None:
    lane: Any = FakeLane()
    intake = make_intake(SPOT, TRADE, index=0, lane=lane, queue_max=10**9, memory=1024)
    intake.connected(1, NOON_NS)
    intake.take(NOON_NS, frame(TRADE, agg_trade(1)))
    intake.take(NOON_NS - 3600 * SECOND_NS, frame(TRADE, agg_trade(5)))
    intake.settle(NOON_NS)
    gaps = [(gap.from_ns, gap.to_ns, gap.from_id, gap.to_id) for gap in lane.gaps]
    assert gaps == [(NOON_NS - 3600 * SECOND_NS, NOON_NS - 3600 * SECOND_NS, 2, 4)]


def test_frames_that_the_closed_gate_keeps_out_are_counted_by_the_new_time() -> None:
    lane: Any = FakeLane()
    intake = make_intake(SPOT, BOOK, index=0, lane=lane, queue_max=10**9, memory=1024)
    intake.connected(1, NOON_NS)
    intake.hold(GATED)
    intake.take(NOON_NS, frame(BOOK, book(1)))
    by_ns = 3600 * SECOND_NS
    intake.clock_set_back(NOON_NS + SECOND_NS - by_ns, by_ns)
    intake.take(NOON_NS + 2 * SECOND_NS - by_ns, frame(BOOK, book(2)))
    intake.release(GATED, NOON_NS + 3 * SECOND_NS - by_ns)
    spans = [(gap.from_ns - NOON_NS, gap.to_ns - NOON_NS, gap.missed) for gap in lane.gaps]
    assert spans == [(0, SECOND_NS, 1), (2 * SECOND_NS - by_ns, 3 * SECOND_NS - by_ns, 1)]


@pytest.mark.parametrize("back_s", [30, 600])
async def test_a_hole_in_the_ids_that_is_open_when_the_clock_is_set_back_is_told(tmp_path: Path, back_s: int) -> None:
    """It waits for the other leg, and by the new time nobody would find it due before the end."""
    bench = Bench(tmp_path, [BOOK, TRADE]).start()
    legs = [bench.connect(), bench.connect(conn="binance-2")]
    for number in (*range(1, 9), *range(12, 16)):
        bench.send(legs[0], TRADE, agg_trade(number))
        bench.now += 10 * MS
    bench.now -= back_s * SECOND_NS
    bench.recorder.clock_stepped(bench.now, -back_s * SECOND_NS)
    for number in range(16, 30):
        bench.send(legs[0], TRADE, agg_trade(number))
        bench.wait(1)
    for leg in legs:
        bench.cut(leg)
    archive = await bench.finish()
    assert [(gap.from_id, gap.to_id) for gap in archive.gaps("BTCUSDT", "execution", Reason.SEQUENCE_GAP)] == [(9, 11)]
    assert verify([tmp_path]).ok
