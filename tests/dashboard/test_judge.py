"""The verdict: one word, and why."""

from __future__ import annotations

import string
from typing import Any

import msgspec
import pytest

from hoga.core.times import SECOND_NS
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import CODES, Finding, RunHealth, Verdict, judge, sentence
from hoga.dashboard.snapshot import Hardware, PageState, RunState, Snapshot, StreamFlag
from tests.dashboard.stage import (
    SCENES,
    STARTED_NS,
    clock_skewed,
    disconnected,
    gate_closed,
    make_meta,
    make_process,
    make_snapshot,
    make_venue,
    one_silent,
    with_rows,
)  # fmt: skip

META = make_meta(3)


def verdict(snapshot: Snapshot | None, **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "page": PageState.GOOD, "age_s": 0.1, "stale_after_s": 2.0, "hardware": None, "folder": "data",
        "quiet_s": [0.0] * (len(snapshot.rows.flags) if snapshot else 0),
    }  # fmt: skip
    return judge(snapshot, **{**values, **changes})


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


def test_all_is_well() -> None:
    found = verdict(make_snapshot(META))
    assert (found.state, found.reasons, found.healthy) == (RunHealth.RECORDING, [], True)


@pytest.mark.parametrize("page, code", [
    (PageState.MISSING, "not-running"), (PageState.EMPTY, "page-empty"), (PageState.FOREIGN, "page-foreign"),
    (PageState.VERSION, "page-version"), (PageState.TORN, "page-torn"),
])  # fmt: skip
def test_no_page_is_no_recording(page: PageState, code: str) -> None:
    found = verdict(None, page=page)
    assert (found.state, codes(found), found.healthy) == (RunHealth.STOPPED, [code], False)


def test_a_page_that_is_torn_now_and_then_still_has_its_last_word() -> None:
    assert verdict(make_snapshot(META), page=PageState.TORN).state is RunHealth.RECORDING


def test_stale() -> None:
    found = verdict(make_snapshot(META), age_s=7.4)
    assert (found.state, codes(found)) == (RunHealth.STOPPED, ["stale"])
    assert sentence(found.reasons[0]) == "The recorder has given no sign of life for 7 s"


@pytest.mark.parametrize("scene, state, expected", [
    (disconnected, RunHealth.STOPPED, ["disconnected"]),
    (gate_closed, RunHealth.DEGRADED, ["gate"]),
    (one_silent, RunHealth.DEGRADED, ["silent"]),
    (clock_skewed, RunHealth.DEGRADED, ["skewed"]),
])  # fmt: skip
def test_scenes(scene: Any, state: RunHealth, expected: list[str]) -> None:
    found = verdict(scene(make_snapshot(META)))
    assert (found.state, codes(found)) == (state, expected)
    assert found.healthy is (expected == ["skewed"])


def test_one_of_two_connections_down_degrades() -> None:
    snapshot = make_snapshot(make_meta(2, members={"binance-1": [0, 1], "binance-2": [2, 3]}))
    first, *_ = snapshot.connections
    down = msgspec.structs.replace(first, name="binance-2", state="connecting")
    flags = [0, 0, int(StreamFlag.DISCONNECTED), int(StreamFlag.DISCONNECTED)]
    snapshot = msgspec.structs.replace(with_rows(snapshot, flags=flags), connections=[first, down])
    found = verdict(snapshot)
    assert (found.state, codes(found), found.healthy) == (RunHealth.DEGRADED, ["disconnected"], False)


@pytest.mark.parametrize("flag", [StreamFlag.NEVER, StreamFlag.DISCONNECTED, StreamFlag.OTHER_DOWN])
def test_a_subscription_that_the_venue_does_not_accept_has_a_sentence_of_its_own(flag: StreamFlag) -> None:
    now_ns = STARTED_NS + 100 * SECOND_NS
    snapshot = make_snapshot(make_meta(2), ticks=10, now_ns=now_ns)
    refused = with_rows(snapshot, flags=[0, 0, 0, int(flag)], held=[(3, now_ns - 40 * SECOND_NS)])
    found = verdict(refused)
    assert (found.state, codes(found), found.healthy) == (RunHealth.DEGRADED, ["unsubscribed"], False)
    assert sentence(found.reasons[0]) == "binance has not accepted for 40 s: sym001usdt@aggTrade. Asked again until it does"
    up_for_5_s = [msgspec.structs.replace(snapshot.connections[0], since_ns=now_ns - 5 * SECOND_NS)]
    found = verdict(msgspec.structs.replace(refused, connections=up_for_5_s))
    assert "unsubscribed" not in codes(found), "it may just be asking"
    up_since_ahead = [msgspec.structs.replace(snapshot.connections[0], since_ns=now_ns + 3_600 * SECOND_NS)]
    found = verdict(msgspec.structs.replace(refused, connections=up_since_ahead))
    assert "unsubscribed" in codes(found), "the clock was set back since"


def test_silence_on_a_whole_connection_is_told_once() -> None:
    snapshot = make_snapshot(META)
    books = [2.5 if row.steady else 0.0 for row in snapshot.meta.streams]
    for quiet_s in ([2.5] * len(books), books):
        found = verdict(snapshot, quiet_s=quiet_s)
        assert (found.state, codes(found)) == (RunHealth.STOPPED, ["quiet"])


@pytest.mark.parametrize("changes, code, healthy", [
    ({"disk_full": True}, "disk-full", False), ({"fault": "Input/output error"}, "writer", False), ({"waiting": 99}, "sealing", True),
    ({"clock_offset_ms": 300.0}, "clock", True), ({"clock_offset_ms": -1998.0, "skewed": True, "skew_ms": -1990.0}, "clock", True),
    ({"clock_offset_ms": 0.8, "skewed": True, "skew_ms": -1990.0}, "skewed-venue", True),
    ({"clock_offset_ms": None, "skewed": True, "skew_ms": -1990.0}, "skewed", True),
])  # fmt: skip
def test_troubles_of_a_venue(changes: dict[str, Any], code: str, healthy: bool) -> None:
    snapshot = msgspec.structs.replace(make_snapshot(META), venues=[make_venue(**changes)])
    found = verdict(snapshot)
    assert (codes(found), found.healthy) == ([code], healthy)


def test_a_clock_is_not_blamed_for_a_poor_measurement() -> None:
    snapshot = msgspec.structs.replace(make_snapshot(META), venues=[make_venue(clock_offset_ms=-184.0, clock_error_ms=190.0)])
    assert verdict(snapshot).state is RunHealth.RECORDING


def test_memory_backpressure_and_late() -> None:
    snapshot = msgspec.structs.replace(
        with_rows(make_snapshot(make_meta(1, latency_gate="mark")), queue=[6_000, 0], median_ms=[1_500.0]),
        process=make_process(memory_short=True),
        venues=[make_venue(pending=6_000)],
    )
    assert sorted(codes(verdict(snapshot))) == ["backpressure", "late", "memory"]


def test_begin_and_end() -> None:
    starting = with_rows(msgspec.structs.replace(make_snapshot(META), state=RunState.STARTING), recorded=[0] * 6)
    assert codes(verdict(starting)) == ["starting"]
    stopping = msgspec.structs.replace(make_snapshot(META), state=RunState.STOPPING)
    assert "stopping" in codes(verdict(stopping))


def test_bad_reasons_come_first() -> None:
    snapshot = clock_skewed(one_silent(make_snapshot(META)))
    assert [reason.level for reason in verdict(snapshot).reasons] == ["bad", "warn"]


def test_every_scene_has_a_sentence_without_holes() -> None:
    for scene in SCENES.values():
        for reason in verdict(scene(make_snapshot(META))).reasons:
            assert "{" not in sentence(reason)


def test_sentences_can_be_filled() -> None:
    for code, text in CODES.items():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert sentence(Finding(code, "bad", dict.fromkeys(names, 1)))


def test_a_clock_that_is_off_is_told_once_for_all_venues_with_the_figure_that_made_it() -> None:
    venues = [make_venue(venue=name, skewed=True, skew_ms=skew, clock_offset_ms=-1998.2) for name, skew in (("a", -1990.0), ("b", -3.0))]
    (reason,) = verdict(msgspec.structs.replace(make_snapshot(META), venues=venues)).reasons
    assert sentence(reason) == "The clock of this machine is off by -1998.2 ms (by chrony). Set it: chronyc makestep"
    odd = [make_venue(venue="a", skewed=True, skew_ms=-1990.4, clock_offset_ms=0.82), make_venue(venue="b", clock_offset_ms=0.82)]
    (reason,) = verdict(msgspec.structs.replace(make_snapshot(META), venues=odd)).reasons
    assert "latencies come out as -1990 ms" in sentence(reason)
    assert "off by 0.8 ms only" in sentence(reason)


def waiting_for(snapshot: Snapshot, *, seconds: int, failures: int) -> Snapshot:
    """A run whose one connection was never made."""
    count = len(snapshot.meta.streams)
    row = msgspec.structs.replace(
        snapshot.connections[0], state="reconnecting", epoch=0, failures=failures, last_close="", why="HTTP 451", retry_in_s=5.8
    )
    never = with_rows(snapshot, flags=[int(StreamFlag.NEVER)] * count, newest_ns=[0] * count, recorded=[0] * count)
    return msgspec.structs.replace(never, connections=[row], now_ns=snapshot.meta.started_ns + seconds * 1_000_000_000)


def test_a_run_that_never_connected_is_red() -> None:
    found = verdict(waiting_for(make_snapshot(META), seconds=90, failures=7))
    assert (found.state, codes(found), found.healthy) == (RunHealth.STOPPED, ["never-connected"], False)
    assert sentence(found.reasons[0]) == ("binance-1 has not connected for 90 s (HTTP 451): 6 streams are not recorded. Attempt 8 in 5.8 s")


def test_a_run_that_is_just_connecting_is_starting() -> None:
    found = verdict(waiting_for(make_snapshot(META), seconds=1, failures=0))
    assert (found.state, codes(found), found.healthy) == (RunHealth.STOPPED, ["starting"], False)
    assert codes(verdict(waiting_for(make_snapshot(META), seconds=1, failures=1))) == ["never-connected"]


def test_a_connection_that_is_down_says_since_when() -> None:
    snapshot = disconnected(make_snapshot(META))
    late = msgspec.structs.replace(snapshot, now_ns=snapshot.rows.newest_ns[0] + 42_500_000_000)
    assert sentence(verdict(late).reasons[0]) == (
        "binance-1 has been disconnected for 42 s (1006 reset by peer): 6 streams are not recorded. Attempt 5 in 0.0 s"
    )


def hardware(**changes: Any) -> Hardware:
    looked = HardwareMonitor(cpu_span_s=0.01).look(collector=None, folder=None, reserve_bytes=0)
    return msgspec.structs.replace(looked, **{"disk_free": 78 << 30, "disk_total": 100 << 30, **changes})


@pytest.mark.parametrize("changes, expected", [
    ({}, []), ({"disk_free": (1 << 20) + 1}, ["disk-low"]),
    ({"reserve_in_s": 20 * 3600.0, "own_bytes_per_day": 9e9}, ["disk-soon"]), ({"reserve_in_s": 25 * 3600.0, "own_bytes_per_day": 9e9}, []),
    ({"reserve_in_s": 9e6, "trend_in_s": 5 * 3600.0}, ["disk-trend"]), ({"trend_in_s": 7 * 3600.0}, []),
])  # fmt: skip
def test_the_disk_alarms_when_it_is_known_to_fill(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(verdict(make_snapshot(META), hardware=hardware(**changes))) == expected


def test_with_several_venues_a_name_says_whose_it_is() -> None:
    snapshot = one_silent(gate_closed(make_snapshot(META)))
    alone = [sentence(each) for each in verdict(snapshot).reasons]
    both = msgspec.structs.replace(snapshot, venues=[make_venue(), make_venue(venue="upbit")])
    shared = [sentence(each) for each in verdict(both).reasons]
    assert any(": SYM001USDT too late" in text for text in alone)
    assert any(": binance:SYM001USDT too late (median 2345 ms" in text for text in shared)
    assert any("binance:sym001usdt@depth20@100ms" in text for text in shared)
