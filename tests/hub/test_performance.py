"""A program's own steps, measured."""

from __future__ import annotations

import math
import time

import hoga


def test_steps_are_measured_and_the_slowest_of_a_hundred_is_told() -> None:
    metrics = hoga.PerformanceMetrics()
    assert math.isnan(metrics.get_p99_latency_ms())
    metrics.record_tick_latency(time.perf_counter_ns() - 5_000_000)
    assert 5.0 <= metrics.get_p99_latency_ms() < 1000
    for _ in range(2_000):
        metrics.record_tick_latency(time.perf_counter_ns())
    assert len(metrics.tick_latencies_ns) == 1_000
    assert metrics.get_p99_latency_ms() < 5.0
    assert not hoga.PerformanceMetrics().tick_latencies_ns
