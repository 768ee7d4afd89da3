"""Requests that a venue refuses, does not answer, or agrees to in vain, over real sockets: coverage begins with the proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hoga.core.ledger import Gap, Reason
from hoga.simulator import Fault, FaultKind
from hoga.venues.spec import VenueSpec
from tests.feed.rig import Rig, impatient, reasons, whole
from tests.recorder.workbench import SPOT, Archive
from tests.waiting import LONG_S

BOOK = "depth20@100ms"
REFUSE, IGNORE, DEAF = FaultKind.REFUSE_SUBSCRIBE, FaultKind.IGNORE_SUBSCRIBE, FaultKind.DEAF_SUBSCRIBE


SOON_S = 1.0
"""Patience with requests that are not answered at all, where the test is about those. A machine that stands still so long is
taken for a venue that does, and rightly so; every other request has `LONG_S`."""


def by_request(spec: VenueSpec = SPOT, *, answer_s: float = LONG_S, batch: int = 200) -> VenueSpec:
    """The venue, with room in the URL for the first stream only."""
    limits = replace(spec.limits, url_max_chars=40, subscribe_batch=batch)
    return replace(spec, limits=limits, requests=replace(spec.requests, answer_s=answer_s))


def gaps_of(archive: Archive, rig: Rig) -> dict[str, list[Gap]]:
    return {of.name: whole(archive.gaps(of.symbol, of.kind)) for of in rig.streams}


async def all_live(rig: Rig, *, lacking: int = 0) -> None:
    await rig.until(lambda: rig.connection.epoch and rig.connection.stats().lacking == lacking, why="for the venue's agreement")


@pytest.mark.parametrize("kind", [REFUSE, IGNORE])
async def test_a_request_in_vain_is_made_again_and_until_then_there_is_a_gap(tmp_path: Path, kind: FaultKind) -> None:
    async with Rig(tmp_path, spec=by_request(answer_s=SOON_S), first=[Fault(fault=kind, count=1)]) as rig:
        await rig.until(lambda: rig.connection.requests >= 1)
        assert rig.connection.stats().lacking >= 5
        await all_live(rig)
        await rig.more(4)
        archive = await rig.finish()
        gaps = gaps_of(archive, rig)
        assert gaps.pop(f"btcusdt@{BOOK}") == [], "it was in the URL"
        for name, found in gaps.items():
            assert reasons(found) == [Reason.DISCONNECT], name
            assert "not subscribed yet" in (found[0].detail or "")
            first_ns = min(line["recvNs"] for of in rig.streams if of.name == name for line in archive.lines(of.symbol, of.kind))
            assert found[0].to_ns <= first_ns
            assert found[0].to_ns - found[0].from_ns > 500_000_000
        assert rig.connection.epoch == 1


async def test_one_name_that_is_refused_for_ever_has_a_gap_to_the_end_and_hurts_nobody(tmp_path: Path) -> None:
    bad = "ethusdt@aggTrade"
    async with Rig(tmp_path, spec=by_request(), first=[Fault(fault=REFUSE, streams=bad, reason="no such thing")]) as rig:
        await all_live(rig, lacking=1)
        await rig.more(6)
        archive = await rig.finish()
        (gap,) = whole(archive.gaps("ETHUSDT", "execution"))
        assert gap.reason is Reason.DISCONNECT
        assert "no such thing" in (gap.detail or "")
        assert archive.lines("ETHUSDT", "execution") == []
        for of in rig.streams:
            if of.name != bad:
                assert archive.lines(of.symbol, of.kind), of.name
        assert rig.connection.epoch == 1


async def test_what_is_agreed_to_and_never_comes_is_silent_and_asked_for_again(tmp_path: Path) -> None:
    spec = by_request(impatient(SPOT))
    async with Rig(tmp_path, spec=spec, channels=(BOOK,), first=[Fault(fault=DEAF, streams="ethusdt*", count=1)]) as rig:
        await rig.until(lambda: rig.recorder.intakes[f"ethusdt@{BOOK}"].n > 3)
        archive = await rig.finish()
        assert Reason.SILENCE in reasons(archive.gaps("ETHUSDT", "orderbook"))
        assert f"btcusdt@{BOOK}" not in rig.lost(archive)
        assert rig.connection.epoch == 1


async def test_trades_that_never_come_are_asked_for_again_all_together(tmp_path: Path) -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")

    def channel_of(channel: str) -> Any:
        found = SPOT.channel_of(channel)
        return replace(found, silence_floor_s=0.6, never_s=0.8) if channel == "aggTrade" else found

    spec = by_request(replace(SPOT, channel_of=channel_of))
    deaf = Fault(fault=DEAF, streams="*@aggTrade", count=1)
    async with Rig(tmp_path, symbols=symbols, spec=spec, channels=(BOOK, "aggTrade"), first=[deaf]) as rig:
        trades = [intake for intake in rig.recorder.intakes.values() if intake.stream.kind == "execution"]
        await rig.until(lambda: all(intake.down_reason is Reason.SILENCE for intake in trades))
        before = rig.connection.requests
        archive = await rig.finish()
        late = any(archive.gaps(symbol, "orderbook") for symbol in symbols)  # a busy machine's answer, asked for once more
        assert before <= 2 + late, "one for all, and one again for all"
        for symbol in symbols:
            assert Reason.SILENCE in reasons(archive.gaps(symbol, "execution"))
            assert Reason.SILENCE not in reasons(archive.gaps(symbol, "orderbook"))


@pytest.mark.parametrize("kind", [REFUSE, IGNORE, DEAF])
async def test_a_new_leg_that_does_not_bring_all_never_replaces_the_old_one(tmp_path: Path, kind: FaultKind) -> None:
    hasty = {"rollover_s": 3600.0, "ready_ahead_s": 0.5, "overlap_min_s": 0.5, "overlap_max_s": 2.0, "again_s": 0.5}
    async with Rig(tmp_path, spec=by_request(), **hasty) as rig:
        await all_live(rig)
        await rig.more(4)
        rig.answers_within(SOON_S)
        rig.inject(kind, connections="binance-2", streams="eth*")
        rig.connection._rollover_at = 0.0
        rig.connection._wake.set()
        await rig.until(lambda: rig.connection.epoch == 2)
        await rig.until(lambda: rig.connection.epoch >= 3 and len(rig.sim.status()["open"]) == 1, why="for the second try")
        await rig.more(4)
        archive = await rig.finish()
        assert rig.lost(archive) == {}
        for name, found in gaps_of(archive, rig).items():
            assert found == [], name
        assert rig.connection.reconnects == 0


async def test_a_run_that_never_connects_says_so_from_its_start(tmp_path: Path) -> None:
    async with Rig(tmp_path, first=[Fault(fault=FaultKind.REFUSE, status=503)]) as rig:
        await rig.until(lambda: rig.connection.stats().failures >= 1)
        archive = await rig.finish()
        for of in rig.streams:
            (gap,) = whole(archive.gaps(of.symbol, of.kind))
            assert gap.reason is Reason.DISCONNECT
            assert "503" in (gap.detail or "")


async def test_a_run_that_waits_for_its_first_connection_says_since_when(tmp_path: Path) -> None:
    async with Rig(tmp_path, first=[Fault(fault=FaultKind.REFUSE, status=503, count=1)]) as rig:
        began = rig.recorder.intakes[f"btcusdt@{BOOK}"].began_ns
        await rig.live()
        archive = await rig.finish()
        (gap,) = whole(archive.gaps("BTCUSDT", "orderbook"))
        assert gap.reason is Reason.DISCONNECT
        assert gap.from_ns == began
        assert gap.to_ns <= min(line["recvNs"] for line in archive.lines("BTCUSDT", "orderbook"))
