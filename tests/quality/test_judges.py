"""Latency, gate and cadence."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import MS_NS, SECOND_NS
from hoga.quality.cadence import FACTOR, LEARN_FRAMES, Cadence
from hoga.quality.gate import RESUME_SHARE, Gate, GateMode
from hoga.quality.latency import LatencyWindow

MS = MS_NS


@given(st.lists(st.integers(-(10**9), 10**12), max_size=50), st.integers(1, 20), st.integers(1, 12))
def test_the_median_is_of_the_newest_samples(samples: list[int], size: int, minimum: int) -> None:
    window = LatencyWindow(size=size, minimum=minimum)
    for sample in samples:
        window.add(sample)
    kept = samples[-size:]
    assert len(window) == len(kept)
    if len(kept) < minimum:
        assert window.median_ns() is None
        assert window.quantile_ns(0.99) is None
    else:
        assert window.median_ns() == int(median(kept)) if len(kept) % 2 else abs((window.median_ns() or 0) - median(kept)) <= 1
        assert window.quantile_ns(0.0) == min(kept)
        assert window.quantile_ns(1.0) == max(kept)


def test_a_cleared_window_knows_nothing() -> None:
    window = LatencyWindow(size=3, minimum=1)
    window.add(5)
    window.clear()
    assert window.median_ns() is None


def test_the_gate_closes_above_and_opens_well_below() -> None:
    gate = Gate(threshold_ns=1000 * MS, mode=GateMode.PAUSE)
    assert not gate.judge(None)
    assert not gate.latency_valid
    assert not gate.judge(1000 * MS)
    assert gate.judge(1000 * MS + 1)
    assert not gate.stream_enabled
    assert not gate.judge(int(1000 * MS * RESUME_SHARE)), "not yet: it would flap"
    assert gate.judge(int(1000 * MS * RESUME_SHARE) - 1)
    assert gate.stream_enabled


def test_the_gate_keeps_its_state_while_nothing_is_known() -> None:
    gate = Gate(threshold_ns=10, mode=GateMode.PAUSE)
    gate.judge(11)
    assert not gate.judge(None)
    assert gate.closed


def test_marking_never_stops_a_stream_and_off_never_judges() -> None:
    mark, off = Gate(threshold_ns=10, mode=GateMode.MARK), Gate(threshold_ns=10, mode=GateMode.OFF)
    assert mark.judge(11)
    assert mark.closed
    assert mark.stream_enabled
    assert not off.judge(10**12)
    assert off.stream_enabled


@pytest.mark.parametrize("skew_ms", [-1, -5000, -3_600_000, 60_001, 10**9])
def test_a_clock_that_differs_never_closes_the_gate(skew_ms: int) -> None:
    gate = Gate(threshold_ns=1000 * MS, mode=GateMode.PAUSE)
    assert not gate.judge(skew_ms * MS)
    assert gate.stream_enabled


def paced(interval_s: float, frames: int, *, floor_s: float = 3.0) -> tuple[Cadence, int]:
    """A cadence that saw `frames` frames, one every `interval_s`, ticked once a second; and the time now."""
    cadence, now, count = Cadence(floor_s=floor_s), SECOND_NS, 0
    cadence.pause(now)
    for second in range(int(frames * interval_s) + 1):
        now = SECOND_NS * (2 + second)
        count = min(frames, int((second + 1) / interval_s))
        cadence.tick(count, now)
    return cadence, now


def test_a_fast_stream_is_silent_after_the_floor() -> None:
    cadence, now = paced(0.1, 600)
    assert cadence.interval_s == pytest.approx(0.1, rel=0.05)
    cadence.tick(600, now + 2 * SECOND_NS)
    assert not cadence.is_silent(now + 2 * SECOND_NS)
    assert cadence.is_silent(now + 5 * SECOND_NS)


@pytest.mark.parametrize("interval_s", [2.0, 20.0])
def test_a_slow_stream_is_quiet_not_silent(interval_s: float) -> None:
    """And its silence, ticked like any other time, does not slow down the pace it is judged by."""
    cadence, now = paced(interval_s, 30)
    assert cadence.interval_s == pytest.approx(interval_s, rel=0.2)
    silent_after = None
    for second in range(1, int(interval_s * FACTOR * 2)):
        cadence.tick(30, now + second * SECOND_NS)
        if silent_after is None and cadence.is_silent(now + second * SECOND_NS):
            silent_after = second
    assert silent_after == pytest.approx(interval_s * FACTOR, rel=0.2)


def test_a_stream_that_brought_little_is_not_judged() -> None:
    cadence, now = paced(1.0, LEARN_FRAMES - 1)
    assert cadence.interval_s is None
    assert not cadence.is_silent(now + 10**6 * SECOND_NS)


def test_time_without_a_subscription_is_nobodys_silence() -> None:
    cadence, now = paced(0.1, 600)
    later = now + 100 * SECOND_NS
    cadence.pause(later)
    cadence.tick(600, later + SECOND_NS)
    assert not cadence.is_silent(later + SECOND_NS)
    assert cadence.silent_for_s(later + SECOND_NS) == 1.0
    assert cadence.interval_s == pytest.approx(0.1, rel=0.1), "the pause taught nothing"
