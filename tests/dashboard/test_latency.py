"""The latency of a run: of frames, not of instruments."""

from __future__ import annotations

import numpy
from hypothesis import given
from hypothesis import strategies as st

from hoga.dashboard.latency import Latency, run_latency

NAN = float("nan")


def told(medians: list[float], p99s: list[float], frames: list[float], quiet_s: list[float] | None = None) -> Latency:
    quiet = quiet_s or [0.0] * len(frames)
    return run_latency(numpy.array(medians), numpy.array(p99s), frames=numpy.array(frames), quiet_s=numpy.array(quiet))


def test_a_slow_instrument_with_few_frames_is_the_worst_and_not_all() -> None:
    latency = told([1.0, 2.0, 900.0], [5.0, 6.0, 2_600.0], [102.0, 100.0, 0.5])
    assert latency == Latency(p50=1.0, p99=6.0, worst=2_600.0, worst_of=2)


def test_what_is_quiet_for_a_minute_is_forgotten() -> None:
    assert told([1.0, 900.0], [5.0, 2_600.0], [10.0, 10.0], [0.1, 60.0]) == Latency(1.0, 5.0, 5.0, 0)
    assert told([1.0], [5.0], [10.0], [61.0]) == Latency()
    assert told([NAN], [NAN], [10.0]) == Latency()
    assert told([], [], []) == Latency()


@given(st.lists(st.tuples(st.floats(-100, 1e4), st.integers(1, 50)), min_size=1, max_size=20))
def test_half_of_all_frames_are_at_or_below_the_p50(rows: list[tuple[float, int]]) -> None:
    """Against every frame written out."""
    medians = [round(value, 2) for value, _ in rows]
    p50 = told(medians, medians, [float(count) for _, count in rows]).p50
    frames = sorted(value for value, (_, count) in zip(medians, rows, strict=True) for _ in range(count))
    assert p50 == frames[-(-len(frames) // 2) - 1]
