"""The verdict: one word, and why."""

from __future__ import annotations

import string
from typing import Any

import msgspec
import pytest

from hoga.dashboard.judge import CODES, Reason, State, Verdict, judge, sentence
from hoga.runtime.snapshot import PageState, RunState, Snapshot, StreamFlag
from tests.dashboard.stage import (
    SCENES,
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
    assert (found.state, found.reasons, found.healthy) == (State.RECORDING, [], True)


@pytest.mark.parametrize("page, code", [
    (PageState.MISSING, "not-running"), (PageState.EMPTY, "page-empty"), (PageState.FOREIGN, "page-foreign"),
    (PageState.VERSION, "page-version"), (PageState.TORN, "page-torn"),
])  # fmt: skip
def test_no_page_is_no_recording(page: PageState, code: str) -> None:
    found = verdict(None, page=page)
    assert (found.state, codes(found), found.healthy) == (State.STOPPED, [code], False)


def test_a_page_that_is_torn_now_and_then_still_has_its_last_word() -> None:
    assert verdict(make_snapshot(META), page=PageState.TORN).state is State.RECORDING


def test_stale() -> None:
    found = verdict(make_snapshot(META), age_s=7.4)
    assert (found.state, codes(found)) == (State.STOPPED, ["stale"])
    assert sentence(found.reasons[0]) == "The recorder has given no sign of life for 7 s"


@pytest.mark.parametrize("scene, state, expected", [
    (disconnected, State.STOPPED, ["disconnected"]),
    (gate_closed, State.DEGRADED, ["gate"]),
    (one_silent, State.DEGRADED, ["silent"]),
    (clock_skewed, State.DEGRADED, ["skewed"]),
])  # fmt: skip
def test_scenes(scene: Any, state: State, expected: list[str]) -> None:
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
    assert (found.state, codes(found), found.healthy) == (State.DEGRADED, ["disconnected"], False)


def test_silence_on_a_whole_connection_is_told_once() -> None:
    snapshot = make_snapshot(META)
    books = [2.5 if row.steady else 0.0 for row in snapshot.meta.streams]
    for quiet_s in ([2.5] * len(books), books):
        found = verdict(snapshot, quiet_s=quiet_s)
        assert (found.state, codes(found)) == (State.STOPPED, ["quiet"])


@pytest.mark.parametrize("changes, code, healthy", [
    ({"disk_full": True}, "disk-full", False), ({"fault": "Input/output error"}, "writer", False), ({"waiting": 99}, "sealing", True),
    ({"clock_offset_ms": 300.0}, "clock", True),
])  # fmt: skip
def test_troubles_of_a_venue(changes: dict[str, Any], code: str, healthy: bool) -> None:
    snapshot = msgspec.structs.replace(make_snapshot(META), venues=[make_venue(**changes)])
    found = verdict(snapshot)
    assert (codes(found), found.healthy) == ([code], healthy)


def test_a_clock_is_not_blamed_for_a_poor_measurement() -> None:
    snapshot = msgspec.structs.replace(make_snapshot(META), venues=[make_venue(clock_offset_ms=-184.0, clock_error_ms=190.0)])
    assert verdict(snapshot).state is State.RECORDING


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
        assert sentence(Reason(code, "bad", dict.fromkeys(names, 1)))
