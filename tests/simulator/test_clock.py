from __future__ import annotations

import pytest

from hoga.simulator.clock import SimClock

S = 1_000_000_000


class Hand:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.ns = 5 * S

    def __call__(self) -> int:
        return self.ns


@pytest.mark.parametrize("speed", [1.0, 60.0, 0.5])
def test_the_clock_runs_at_its_speed(speed: float) -> None:
    hand = Hand()
    clock = SimClock(speed=speed, start_ns=1_000 * S, monotonic_ns=hand)
    assert clock.now_ns() == 1_000 * S
    hand.ns += 2 * S
    assert clock.now_ns() == 1_000 * S + int(2 * S * speed)
    assert clock.wall_s(int(3 * S * speed)) == pytest.approx(3.0)
    assert clock.wall_s(-5) == 0.0


def test_a_step_moves_what_is_printed_and_not_the_timers() -> None:
    clock = SimClock(start_ns=0, monotonic_ns=Hand())
    clock.step_ns = -5 * S
    assert clock.now_ns() == 0
    assert clock.stamp_ns(10 * S) == 5 * S


def test_skew_builds_up_and_stays_when_it_ends() -> None:
    hand = Hand()
    clock = SimClock(start_ns=0, monotonic_ns=hand)
    clock.skew(1_000.0)
    hand.ns += 100 * S
    assert clock.stamp_ns(clock.now_ns()) == 100 * S + S // 10
    clock.skew(0.0)
    hand.ns += 100 * S
    assert clock.stamp_ns(clock.now_ns()) == 200 * S + S // 10
