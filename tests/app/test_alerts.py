"""Incidents, a full disk and a wrong clock become alerts, once each, and end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hoga.app.alerts import AlertWatch
from hoga.app.gap_log import GapLog
from hoga.core.ledger import Gap, Reason
from hoga.dashboard.snapshot import Snapshot, VenueRow
from hoga.hub.alerts import Alert, AlertKind
from hoga.hub.manager import GlobalWebSocketManager
from tests.dashboard.stage import make_meta, make_snapshot, make_venue

S = 1_000_000_000
T0 = 1_795_180_000 * S


class Run:
    """A venue's run, as far as it is looked at: its lane tells of gaps, `row` is what a snapshot says of it."""

    def __init__(self, venue: str = "somewhere", streams: int = 60) -> None:
        self.intakes = [SimpleNamespace(stream=SimpleNamespace(name=f"s{at}"), repeated=0, jumps=0) for at in range(streams)]
        self.lane: Any = SimpleNamespace(on_gap=None)
        self.config = SimpleNamespace(venue=venue)
        self.skew: float | None = None
        self.recorder = SimpleNamespace(by_lane=lambda: [(self.lane, self.intakes)], disk_full=False)
        self.writer_stats = SimpleNamespace(fault=None)
        self.clock = SimpleNamespace(offset_ms=2.0, source="chrony")

    def cut(self, *, at: int = T0, streams: range = range(60), conn: str | None = "binance-1", reason: Reason = Reason.DISCONNECT) -> None:
        for index in streams:
            self.lane.on_gap(index, Gap(at, at + S // 10, reason, None, conn=conn))

    @property
    def row(self) -> VenueRow:
        return make_venue(
            venue=self.config.venue, home="books", disk_full=self.recorder.disk_full, fault=self.writer_stats.fault, skew_ms=self.skew,
            clock_offset_ms=self.clock.offset_ms, clock_source=self.clock.source,
            repeated=sum(each.repeated for each in self.intakes), jumps=sum(each.jumps for each in self.intakes),
        )  # fmt: skip


class House:
    """A manager, its alerts, and what they told."""

    def __init__(self, *runs: Run) -> None:
        self.told: list[Alert] = []
        self.manager = GlobalWebSocketManager([], {})
        self.manager.on_alert.append(self.told.append)
        self.runs = runs
        known: Any = list(runs)
        self.gap_log = GapLog(known)
        self.alerts = AlertWatch(self.manager)

    @property
    def snapshot(self) -> Snapshot:
        meta = make_meta(1, disk_reserve_bytes=1 << 30)
        return make_snapshot(meta, venues=[run.row for run in self.runs], happened=self.gap_log.happened())

    def look(self, *moments: float) -> list[tuple[str, str, bool]]:
        """What was told at these looks."""
        before = len(self.told)
        for now in moments:
            self.alerts.look(self.snapshot, float(now))
        return [(each.kind, each.subject, each.raised) for each in self.told[before:]]


async def test_a_cut_of_sixty_streams_is_one_alert_with_one_sentence() -> None:
    run = Run()
    house = House(run)
    assert house.look(0) == []
    run.cut(streams=range(37))
    assert house.look(1) == []
    run.cut(streams=range(37, 60))
    assert house.look(2, 3, 4, 5) == [("gap", "somewhere", True)]
    assert house.told[0].text == "1 incident: connection binance-1 was cut for 0.1 s, 60 streams, nothing countable lost"
    assert house.told[0].code == "incident"
    assert {"streams": 60, "conn": "binance-1", "reason": "disconnect", "count": 1}.items() <= house.told[0].args.items()
    assert house.look(*range(6, 90)) == []
    assert house.look(*range(90, 100)) == [("gap", "somewhere", False)]
    assert house.gap_log.summary() == "1 incident (60 gaps)"


async def test_what_is_over_is_not_told_again_when_something_else_happens() -> None:
    run = Run()
    house = House(run)
    run.cut()
    assert house.look(*range(200)) == [("gap", "somewhere", True), ("gap", "somewhere", False)]
    run.cut(at=T0 + 300 * S, streams=range(1))
    assert house.look(*range(300, 310)) == [("gap", "somewhere", True)]
    assert house.told[-1].text.startswith("1 incident: connection binance-1 was cut for 0.1 s, 1 stream,")


async def test_an_incident_that_grows_and_grows_is_told_before_it_ends() -> None:
    run = Run()
    house = House(run)
    for second in range(20):
        run.cut(at=T0 + second * S, streams=range(1), conn=None, reason=Reason.MALFORMED)
        told = house.look(second)
        if told:
            break
    assert (told, second) == ([("gap", "somewhere", True)], 10)


async def test_several_incidents_are_counted_and_the_newest_is_told() -> None:
    run = Run()
    house = House(run)
    run.cut(streams=range(2))
    run.cut(streams=range(2, 5), conn="binance-2", at=T0 + S)
    house.look(1, 2, 3)
    (alert,) = house.told
    assert alert.text == "2 incidents, the newest: connection binance-2 was cut for 0.1 s, 3 streams, nothing countable lost"


async def test_what_struck_the_machine_is_told_once_for_all_venues() -> None:
    runs = [Run("binance"), Run("upbit")]
    house = House(*runs)
    for run in runs:
        run.cut(conn=None, reason=Reason.CRASH)
    assert house.look(1, 2, 3, 4) == [("gap", "all venues", True)]
    assert "120 streams" in house.told[0].text


async def test_a_recorder_that_was_stopped_by_somebody_alarms_nobody() -> None:
    run = Run()
    house = House(run)
    run.cut(conn=None, reason=Reason.SHUTDOWN)
    assert house.look(*range(20)) == []
    assert house.gap_log.incidents.begun[Reason.SHUTDOWN] == 1


async def test_every_reason_is_counted_from_nothing_on() -> None:
    gap_log = House(Run()).gap_log
    assert gap_log.gaps == {"somewhere": {str(reason): 0 for reason in Reason}}
    assert set(gap_log.lost["somewhere"]) == {"latency-gate", "backpressure", "disk-full", "malformed"}
    assert gap_log.incidents.begun == dict.fromkeys(Reason, 0)
    assert gap_log.summary() == "no incidents"


async def test_disk_and_clock_are_told_when_they_begin_and_when_they_are_over() -> None:
    run = Run()
    house = House(run)
    assert house.look(0) == []
    run.recorder.disk_full, run.clock.offset_ms = True, -900.0
    assert house.look(1, 2, 3) == [("disk", "books", True), ("clock", "somewhere", True)]
    assert [each.text for each in house.told] == [
        "the reserve of 1024 MB is reached, nothing is recorded", "this machine's clock is off by -900.0 ms (by chrony)",
    ]  # fmt: skip
    run.recorder.disk_full, run.clock.offset_ms = False, 3.0
    assert house.look(4, 5) == [("disk", "books", False), ("clock", "somewhere", False)]


@pytest.mark.parametrize("offset, text", [
    (0.4, "latencies of somewhere come out as -1998 ms, though this machine's clock is off by 0.4 ms only (by chrony)"),
    (None, "latencies of somewhere come out as -1998 ms, the clocks differ: nobody could tell how far this machine's is off"),
    (-1_998.2, "this machine's clock is off by -1998.2 ms (by chrony)"),
])  # fmt: skip
async def test_a_clock_alert_names_the_figure_that_made_it(offset: float | None, text: str) -> None:
    run = Run()
    house = House(run)
    run.skew, run.clock.offset_ms = -1_998.0, offset
    assert house.look(1, 2) == [("clock", "somewhere", True)]
    assert house.told[0].text == text


async def test_a_disk_that_refuses_says_why() -> None:
    run = Run()
    house = House(run)
    run.writer_stats.fault = "Input/output error"
    house.look(1)
    assert house.told[0].text == "the disk refuses to be written: Input/output error"
    assert house.told[0].kind is AlertKind.DISK


async def test_frames_that_one_connection_brings_twice_are_told_when_they_are_no_chance() -> None:
    run = Run()
    house = House(run)
    run.intakes[3].repeated = 10
    assert house.look(0, 1) == []
    run.intakes[3].repeated = 25
    assert house.look(2, 3) == [("duplicates", "somewhere", True)]
    assert house.told[0].text == "15 frames came twice within a minute on one connection, byte for byte; they are kept aside"
    assert house.look(*range(4, 70)) == [("duplicates", "somewhere", False)]


async def test_ids_that_begin_anew_are_told() -> None:
    run = Run()
    house = House(run)
    house.look(0)
    for intake in run.intakes[:7]:
        intake.jumps = 1
    assert house.look(1, 2) == [("duplicates", "somewhere", True)]
    assert house.told[0].text.startswith("ids began anew in 7 streams within a minute")


async def test_a_gap_in_pieces_is_one_gap() -> None:
    run = Run()
    house = House(run)
    run.lane.on_gap(0, Gap(T0, T0 + S, Reason.SILENCE, None))
    run.lane.on_gap(0, Gap(T0 + S, T0 + 2 * S, Reason.SILENCE, None, since_ns=T0))
    assert house.gap_log.summary() == "1 incident (1 gap)"
