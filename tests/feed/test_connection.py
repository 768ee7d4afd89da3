"""Connections over real sockets, against a venue that misbehaves: what is lost is accounted, nothing is doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from hoga.core.ledger import Reason
from hoga.feed import connection as module
from hoga.feed.dialler import Dialler
from hoga.feed.vigil import VigilRules
from hoga.hub.states import ConnectionState
from hoga.net.ratelimit import Budget
from hoga.recorder.intake import FRESH
from hoga.runtime.clock import ManualClock
from hoga.simulator import FaultKind, Limits
from tests.feed.rig import SPEED, Rig, impatient, reasons, whole
from tests.recorder.workbench import SPOT
from tests.waiting import LONG_S


async def test_everything_sent_is_recorded_once_and_verbatim(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.live()
        await rig.more(12)
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        assert rig.received() == sum(len(frames) for frames in rig.sent.values())
        for of in rig.streams:
            assert archive.gaps(of.symbol, of.kind) == []
            lines = archive.lines(of.symbol, of.kind)
            assert {(line["conn"], line["epoch"]) for line in lines} == {("binance-1", 1)}
        assert rig.connection.state is ConnectionState.STOPPED


@pytest.mark.parametrize("code", [1001, 1006, 1008, *(pytest.param(code, marks=pytest.mark.slow) for code in (1000, 1011, 4001))])
async def test_every_close_is_survived_and_is_one_gap(tmp_path: Path, code: int) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",)) as rig:
        await rig.live()
        rig.inject(FaultKind.CLOSE, code=code, reason="so it is")
        await rig.live(epoch=2)
        archive = await rig.finish()
        assert rig.connection.reconnects == 1
        books = whole(archive.gaps("BTCUSDT", "orderbook"))
        assert [gap.reason for gap in books] == [Reason.DISCONNECT]
        assert 0 < books[0].to_ns - books[0].from_ns < 30_000_000_000
        closes = {entry.close for entry in archive.ledger("BTCUSDT", "orderbook") if getattr(entry, "epoch", 0) == 1}
        assert any(close is not None and close.startswith(str(code)) for close in closes), closes
        lines = archive.lines("BTCUSDT", "orderbook")
        assert [line["epoch"] for line in lines] == sorted(line["epoch"] for line in lines)
        trades = whole(archive.gaps("BTCUSDT", "delta"))
        assert [(gap.reason, gap.missed) for gap in trades][:1] in ([(Reason.DISCONNECT, None)], [(Reason.DISCONNECT, 0)])


async def test_a_refused_handshake_waits_as_long_as_the_venue_says(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",)) as rig:
        await rig.live()
        rig.inject(FaultKind.REFUSE, status=429, retry_after_s=2, count=1)
        rig.inject(FaultKind.CLOSE, code=1001)
        await rig.until(lambda: rig.connection.state is ConnectionState.RECONNECTING)
        began = monotonic()
        await rig.live(epoch=2)
        assert monotonic() - began >= 1.9
        assert rig.sim.status()["refused"] == {"429": 1}
        archive = await rig.finish()
        assert reasons(archive.gaps("BTCUSDT", "orderbook")) == [Reason.DISCONNECT]


async def test_a_port_that_does_not_answer_is_tried_until_it_does(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",)) as rig:
        await rig.live()
        rig.inject(FaultKind.REFUSE_TCP, duration_s=1.0 * SPEED)
        rig.inject(FaultKind.CLOSE, code=1006)
        await rig.until(lambda: rig.connection.stats().failures >= 2)
        await rig.live(epoch=2)
        archive = await rig.finish()
        assert reasons(archive.gaps("BTCUSDT", "orderbook")) == [Reason.DISCONNECT]


QUICK = VigilRules(suspect_s=0.3, answer_s=0.4, fruitless_min_s=1.0, fruitless_intervals=5.0)
"""Suspicion on a shorter scale."""


async def test_a_half_open_connection_is_noticed_and_replaced(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), vigil=QUICK) as rig:
        await rig.live()
        await rig.more(20)
        rig.inject(FaultKind.HALF_OPEN)
        await rig.until(lambda: rig.connection.reconnects)
        rig.sim.clear_faults()
        await rig.live(epoch=2)
        archive = await rig.finish()
        gaps = [gap for gap in whole(archive.gaps("BTCUSDT", "orderbook")) if gap.reason is Reason.SILENCE]
        assert gaps
        assert gaps[0].to_ns - gaps[0].from_ns > 500_000_000


async def test_a_venue_that_only_answers_pings_is_left(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), vigil=QUICK) as rig:
        await rig.live()
        await rig.more(20)
        frozen = rig.inject(FaultKind.FREEZE, connections="*")
        await rig.until(lambda: rig.connection.reconnects)
        rig.sim.clear_faults()
        await rig.live(epoch=2)
        archive = await rig.finish()
        assert Reason.SILENCE in reasons(archive.gaps("BTCUSDT", "orderbook"))
        assert frozen.affected.total() > 0


async def test_a_single_silent_stream_is_subscribed_again_and_its_neighbours_notice_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path, spec=impatient(SPOT), channels=("depth20@100ms",)) as rig:
        await rig.live()
        await rig.more(12)
        rig.inject(FaultKind.SILENT, streams="btcusdt@depth20@100ms", duration_s=6.0 * SPEED)
        silent = rig.recorder.intakes["btcusdt@depth20@100ms"]
        await rig.until(lambda: silent.down_since is not None)
        rig.sim.clear_faults()
        before = silent.n
        await rig.until(lambda: silent.n > before + 3)
        archive = await rig.finish()
        assert reasons(archive.gaps("BTCUSDT", "orderbook")) == [Reason.SILENCE]
        assert archive.gaps("ETHUSDT", "orderbook") == []
        assert rig.connection.reconnects == 0
        assert rig.connection.epoch == 1


async def test_rolling_over_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path, rollover_s=1.5, ready_ahead_s=0.5, overlap_min_s=0.5) as rig:
        await rig.live()
        await rig.live(epoch=3)
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        for of in rig.streams:
            assert archive.gaps(of.symbol, of.kind) == []
        epochs = {line["epoch"] for line in archive.lines("BTCUSDT", "orderbook")}
        assert epochs >= {1, 2, 3}
        assert rig.connection.reconnects == 0
        assert len(rig.sim.status()["open"]) == 0 or await _gone(rig)


async def _gone(rig: Rig) -> bool:
    await rig.until(lambda: not rig.sim.status()["open"])
    return True


async def test_an_announced_shutdown_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.live()
        rig.inject(FaultKind.SERVER_SHUTDOWN, after_s=40.0 * SPEED)
        await rig.live(epoch=2)
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        for of in rig.streams:
            assert archive.gaps(of.symbol, of.kind) == []


async def test_the_old_leg_lost_while_the_new_one_is_being_made_is_a_gap(tmp_path: Path) -> None:
    """The venue announces its end, refuses the next connection, and cuts: the time without a connection is accounted."""
    async with Rig(tmp_path, symbols=("BTCUSDT",)) as rig:
        await rig.live()
        rig.inject(FaultKind.REFUSE, status=503, count=2)
        rig.inject(FaultKind.SERVER_SHUTDOWN, after_s=0.05 * SPEED)
        await rig.live(epoch=2)
        archive = await rig.finish()
        gaps = whole(archive.gaps("BTCUSDT", "orderbook"))
        assert reasons(gaps) == [Reason.DISCONNECT]
        assert gaps[0].to_ns - gaps[0].from_ns > 500_000_000


@pytest.mark.parametrize("kind", [FaultKind.FREEZE, FaultKind.HALF_OPEN])
async def test_an_old_leg_that_dies_while_no_new_one_can_be_made_is_a_gap(tmp_path: Path, kind: FaultKind) -> None:
    """Nothing is connected then, and nobody says that anything is."""
    async with Rig(tmp_path, symbols=("BTCUSDT",), channels=("depth20@100ms",), vigil=QUICK) as rig:
        await rig.live()
        await rig.more(20)
        rig.inject(FaultKind.REFUSE, status=503, count=1000)
        rig.connection._notice = True
        rig.connection._wake.set()
        await rig.until(lambda: rig.connection.state is ConnectionState.HANDOVER)
        rig.inject(kind, connections="*")
        await rig.until(lambda: rig.recorder.intakes["btcusdt@depth20@100ms"].down_since)
        assert rig.connection.state is ConnectionState.RECONNECTING
        assert rig.connection.stats().url == ""
        rig.sim.clear_faults()
        await rig.live(epoch=2)
        assert rig.connection.reconnects == 1
        assert reasons((await rig.finish()).gaps("BTCUSDT", "orderbook")) == [Reason.SILENCE]


async def test_an_old_leg_cut_within_a_handovers_pause_is_told_at_once_and_the_pause_is_kept(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), channels=("depth20@100ms",)) as rig:
        await rig.live()
        rig.inject(FaultKind.REFUSE, status=429, retry_after_s=3, count=1)
        rig.connection._notice = True
        rig.connection._wake.set()
        await rig.until(lambda: rig.sim.status()["refused"])
        began = monotonic()
        rig.inject(FaultKind.CLOSE, code=1006)
        await rig.until(lambda: rig.connection.state is ConnectionState.RECONNECTING)
        assert rig.connection.stats().retry_in_s > 0.5
        await rig.live(epoch=2)
        assert monotonic() - began >= 2.5
        assert rig.connection.reconnects == 1
        assert reasons((await rig.finish()).gaps("BTCUSDT", "orderbook")) == [Reason.DISCONNECT]


async def test_two_legs_lose_nothing_while_either_lives(tmp_path: Path) -> None:
    async with Rig(tmp_path, redundancy=2) as rig:
        await rig.until(lambda: all(each.epoch == 1 for each in rig.feed.connections))
        await rig.live()
        for times in (1, 2):
            cut = rig.sim.status()["open"][0]
            rig.inject(FaultKind.CLOSE, code=1006, connections=cut)
            await rig.until(lambda times=times: sum(each.reconnects for each in rig.feed.connections) == times)
            await rig.until(lambda: all(intake.legs == 2 for intake in rig.recorder.intakes.values()))
            await rig.more(5)
        stats = [rig.recorder.legs.race(*life) for life in rig.recorder.legs.lives]
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        for of in rig.streams:
            assert archive.gaps(of.symbol, of.kind) == []
        assert all(each.won + each.late > 0 for each in stats)
        assert {line["conn"] for line in archive.lines("BTCUSDT", "orderbook")} <= {"binance-1", "binance-1b"}


@pytest.mark.parametrize("kind", [FaultKind.FREEZE, FaultKind.HALF_OPEN])
async def test_a_leg_that_brings_nothing_is_found_though_its_twin_brings_everything(tmp_path: Path, kind: FaultKind) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), channels=("depth20@100ms",), redundancy=2, vigil=QUICK) as rig:
        await rig.until(lambda: all(each.epoch == 1 for each in rig.feed.connections))
        await rig.live()
        await rig.more(20)
        rig.inject(kind, connections=rig.sim.status()["open"][0])
        await rig.until(lambda: sum(each.reconnects for each in rig.feed.connections))
        rig.sim.clear_faults()
        await rig.until(lambda: all(intake.legs == 2 for intake in rig.recorder.intakes.values()))
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        assert archive.gaps("BTCUSDT", "orderbook") == []


async def test_a_leg_that_brings_nothing_does_not_hide_that_its_twin_is_cut(tmp_path: Path) -> None:
    slow = VigilRules(nothing_s=LONG_S, answer_s=LONG_S, fruitless_min_s=LONG_S, fruitless_intervals=1e6)
    async with Rig(tmp_path, symbols=("BTCUSDT",), channels=("depth20@100ms",), redundancy=2, vigil=slow) as rig:
        await rig.until(lambda: all(each.epoch == 1 for each in rig.feed.connections))
        await rig.live()
        frozen, works = rig.sim.status()["open"]
        rig.inject(FaultKind.FREEZE, connections=frozen)
        await rig.more(80)
        rig.inject(FaultKind.CLOSE, code=1006, connections=works)
        book = rig.recorder.intakes["btcusdt@depth20@100ms"]
        await rig.until(lambda: book.down_since)
        await rig.until(lambda: not book.down_since and not book.mode & FRESH)
        assert reasons((await rig.finish()).gaps("BTCUSDT", "orderbook")) == [Reason.DISCONNECT]


ODD = (
    FaultKind.GARBAGE,
    FaultKind.BINARY_GARBAGE,
    FaultKind.TRUNCATED_JSON,
    FaultKind.NO_STREAM,
    FaultKind.UNKNOWN_STREAM,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
)


@pytest.mark.parametrize("kind", ODD)
async def test_odd_frames_are_accounted_and_neighbours_arrive(tmp_path: Path, kind: FaultKind) -> None:
    async with Rig(tmp_path, channels=("depth20@100ms", "aggTrade")) as rig:
        await rig.live()
        active = rig.inject(kind, count=3, streams="btcusdt@depth20@100ms")
        await rig.until(lambda: active.done)
        await rig.more()
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        odd = archive.lines("ODD", "aside") if kind is not FaultKind.REORDER else []
        assert len(odd) == (0 if kind is FaultKind.REORDER else 3)
        assert rig.connection.reconnects == 0
        assert archive.gaps("ETHUSDT", "orderbook") == []
        counted = archive.check_balance("BTCUSDT", "orderbook")[2]
        assert counted == (3 if kind is FaultKind.TRUNCATED_JSON else 0)
        if kind is FaultKind.REORDER:
            assert sum(segment.reordered for segment in archive.segments("BTCUSDT", "orderbook")) >= 1


async def test_a_frame_of_ten_megabytes_is_taken_like_any_other(tmp_path: Path) -> None:
    async with Rig(tmp_path, channels=("depth20@100ms",)) as rig:
        await rig.live()
        active = rig.inject(FaultKind.OVERSIZED, count=3, streams="btcusdt@depth20@100ms")
        await rig.until(lambda: active.done)
        await rig.more()
        rig.check_payloads = lambda archive: None  # type: ignore[method-assign]  # made up by the fault
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        assert rig.connection.reconnects == 0
        assert sum(len(line) > 10_000_000 for line in archive.text("BTCUSDT", "orderbook").splitlines()) == 3


async def test_a_book_with_an_empty_side_is_recorded(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), channels=("depth20@100ms",)) as rig:
        await rig.live()
        active = rig.inject(FaultKind.EMPTY_SIDE, count=3, streams="btcusdt@depth20@100ms")
        await rig.until(lambda: active.done)
        await rig.more()
        rig.check_payloads = lambda archive: None  # type: ignore[method-assign]  # mangled by the fault
        archive = await rig.finish()
        assert sum(line["bids"] == [] for line in archive.lines("BTCUSDT", "orderbook")) == 3
        assert archive.gaps("BTCUSDT", "orderbook") == []


async def test_a_frame_torn_by_the_cut_is_not_half_recorded(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",)) as rig:
        await rig.live()
        rig.inject(FaultKind.TRUNCATED_FRAME, count=1)
        await rig.live(epoch=2)
        archive = await rig.finish()
        assert reasons(archive.gaps("BTCUSDT", "orderbook")) == [Reason.DISCONNECT]


async def test_streams_that_do_not_fit_the_url_are_subscribed_in_batches(tmp_path: Path) -> None:
    from dataclasses import replace

    spec = replace(SPOT, limits=replace(SPOT.limits, url_max_chars=40, subscribe_batch=2))
    async with Rig(tmp_path, spec=spec) as rig:
        await rig.live()
        assert all(intake.legs == 1 for intake in rig.recorder.intakes.values())
        await rig.until(lambda: all(intake.n for intake in rig.recorder.intakes.values() if intake.stream.kind == "orderbook"))
        archive = await rig.finish()
        assert rig.lost(archive) == {}


async def test_the_venues_pings_are_answered(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), limits=Limits(first_ping_s=0.3, ping_every_s=1.0, pong_within_s=3.0)) as rig:
        await rig.live()
        await asyncio.sleep(1.8)
        assert rig.connection.epoch == 1
        assert rig.connection.reconnects == 0


async def test_a_stop_during_a_handover_leaves_no_socket_behind(tmp_path: Path) -> None:
    async with Rig(tmp_path, symbols=("BTCUSDT",), rollover_s=1.0, ready_ahead_s=30.0) as rig:
        await rig.until(lambda: len(rig.sim.status()["open"]) == 2)
        await rig.stop()
        assert await _gone(rig)
        received = rig.received()
        await asyncio.sleep(0.3)
        assert rig.received() == received
        archive = await rig.finish()
        assert rig.lost(archive) == {}


async def test_a_fault_of_our_own_costs_a_pause_not_the_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = module.Connection._watch, [RuntimeError("a mistake")]

    async def watch(self: Any, leg: Any) -> bool:
        if failures:
            raise failures.pop()
        return await real(self, leg)

    monkeypatch.setattr(module.Connection, "_watch", watch)
    async with Rig(tmp_path, symbols=("BTCUSDT",), after_fault_s=0.2) as rig:
        await rig.live(epoch=2)
        await rig.finish()


async def test_many_streams_are_sharded_and_their_rollovers_staggered(tmp_path: Path) -> None:
    async with Rig(tmp_path, streams_per_connection=2, rollover_s=100.0) as rig:
        await rig.until(lambda: all(each.epoch == 1 for each in rig.feed.connections))
        assert [len(each.streams) for each in rig.feed.connections] == [2, 2, 2]
        due = [each._rollover_at for each in rig.feed.connections]
        assert len(set(due)) == 3
        await rig.more()
        archive = await rig.finish()
        assert rig.lost(archive) == {}


def test_ports_are_taken_in_turn() -> None:
    made = Dialler("ws://x:{port}/", (9443, 443), Budget(limit=1, window_s=1.0), jitter=lambda: 0.0, clock=ManualClock())
    assert [made.next_url() for _ in range(3)] == ["ws://x:9443", "ws://x:443", "ws://x:9443"]
