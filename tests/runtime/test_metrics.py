"""How the process itself is doing."""

from __future__ import annotations

import gc
import random

import pytest

from hoga.dashboard.hardware import HardwareMonitor
from hoga.runtime.metrics import GcWatch, LagWindow, spread_ms


def test_spread_of_nothing_and_of_something() -> None:
    assert spread_ms([]) is None
    values = [number * 1_000_000 for number in range(1, 101)]
    random.Random(1).shuffle(values)
    spread = spread_ms(values)
    assert spread is not None
    assert (spread.p50, spread.p99, spread.worst) == (51.0, 100.0, 100.0)


def test_the_worst_of_very_many_is_exact() -> None:
    values = [1_000_000] * 100_000
    values[77_777] = 9_000_000
    spread = spread_ms(values)
    assert spread is not None
    assert (spread.p50, spread.worst) == (1.0, 9.0)


def test_a_window_is_rolled_once() -> None:
    window = LagWindow()
    for lag in (0.001, 0.003):
        window.add(lag)
    assert window.roll() == pytest.approx((2.0, 3.0))
    assert window.roll() == (0.0, 0.0)


def test_collections_are_timed_while_watched() -> None:
    watch = GcWatch()
    watch.start()
    gc.collect()
    watch.stop()
    watch.stop()
    seen = watch.collections
    assert seen >= 1
    total, worst = watch.roll()
    assert 0 < worst <= total
    gc.collect()
    assert watch.collections == seen


def test_the_machine_can_be_looked_at(tmp_path: object) -> None:
    monitor = HardwareMonitor(cpu_span_s=0.01)
    hardware = monitor.look(collector=None, folder=str(tmp_path), reserve_bytes=0)
    assert 0 <= hardware.cpu_percent <= 100
    assert hardware.disk_free
    assert hardware.dashboard_rss > 1_000_000
    gone = monitor.look(collector=2**22 + 1, folder="/no/such/folder", reserve_bytes=0)
    assert (gone.collector_cpu, gone.disk_free) == (None, None)
