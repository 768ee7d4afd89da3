"""The clock: what each source says, and what is a step."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.errors import WireFault
from hoga.runtime.clock_check import (
    STEP_NS,
    ClockReading,
    ClockStep,
    ClockWatch,
    Timex,
    measure_clock,
    parse_chrony,
    read_timex,
    reading_of_timex,
    reading_of_venue,
)

# The form of `chronyc -c tracking` (chrony 4.3): system time 12.5 µs slow, root delay 4 ms, root dispersion 1 ms.
CHRONY = "A29FC87B,162.159.200.123,4,1795143600.123456789,0.000012500,-0.000003,0.00002,-5.1,0.001,0.02,0.004,0.001,64.4,Normal\n"


def test_chrony_that_is_slow_gives_a_negative_offset() -> None:
    reading = parse_chrony(CHRONY)
    assert reading is not None
    assert reading.source == "chrony"
    assert reading.offset_ms == pytest.approx(-0.0125)
    assert reading.error_ms == pytest.approx(3.0)


@pytest.mark.parametrize(
    "text", ["", "506 Cannot talk to daemon\n", CHRONY.replace("Normal", "Not synchronised"), CHRONY.replace("0.004", "x")]
)
def test_chrony_that_does_not_know_gives_nothing(text: str) -> None:
    assert parse_chrony(text) is None


def test_the_kernel_speaks_in_nano_or_microseconds() -> None:
    assert reading_of_timex(Timex(0, 0x2001, 250_000, 10, 4000)) == ClockReading(-0.25, "adjtimex", 4.0)
    assert reading_of_timex(Timex(0, 0x0001, 250, 10, 4000)) == ClockReading(-0.25, "adjtimex", 4.0)


@pytest.mark.parametrize("timex", [None, Timex(5, 0, 0, 0, 0), Timex(0, 0x0040, 0, 0, 0)])
def test_the_kernel_without_a_discipline_gives_nothing(timex: Timex | None) -> None:
    assert reading_of_timex(timex) is None


def test_the_kernel_can_be_asked() -> None:
    timex = read_timex()
    assert timex is None or 0 <= timex.state <= 5


def test_a_venue_is_read_in_the_middle_of_the_round_trip() -> None:
    assert reading_of_venue("x", 1_000_000_000, 1_000_000_000, 1_040_000_000) == ClockReading(20.0, "venue x", 20.0)


@pytest.fixture
def no_other_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No chronyc on the path, no answer from the kernel."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hoga.runtime.clock_check.read_timex", lambda: None)


@pytest.mark.usefixtures("no_other_source")
async def test_the_venue_is_the_last_resort() -> None:
    times = iter([100_000_000, 120_000_000] * 10)

    async def venue_time() -> int:
        return 100_000_000

    reading = await measure_clock(venue="x", venue_time=venue_time, now_ns=lambda: next(times))
    assert reading == ClockReading(10.0, "venue x", 10.0)


@pytest.mark.usefixtures("no_other_source")
@pytest.mark.parametrize(("answers", "offset", "error"), [(5, 1.0, 2.0), (2, 150.0, 150.0)])
async def test_of_several_answers_of_the_venue_the_quickest_counts(answers: int, offset: float, error: float) -> None:
    trips = iter([300, 340, 4, 90, 60])
    now = 1_000_000_000
    asked = 0

    async def venue_time() -> int:
        nonlocal now, asked
        asked += 1
        if asked > answers:
            raise WireFault("x", "garbage")
        trip = next(trips) * 1_000_000
        now += trip
        return now - trip // 2 - (1_000_000 if trip == 4_000_000 else trip // 2)

    reading = await measure_clock(venue="x", venue_time=venue_time, now_ns=lambda: now)
    assert reading == ClockReading(offset, "venue x", error)


@pytest.mark.usefixtures("no_other_source")
async def test_nobody_can_tell() -> None:
    async def venue_time() -> int:
        raise WireFault("x", "garbage")

    assert await measure_clock() == ClockReading(None, "none")
    assert await measure_clock(venue="x", venue_time=venue_time) == ClockReading(None, "none")


@pytest.mark.usefixtures("no_other_source")
@pytest.mark.parametrize(("script", "offset"), [(f"cat <<E\n{CHRONY}E\n", -0.0125), ("exit 1", None)])
async def test_chronyc_is_asked_first(tmp_path: Path, script: str, offset: float | None) -> None:
    program = tmp_path / "chronyc"
    program.write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{script}")
    program.chmod(0o755)
    reading = await asyncio.wait_for(measure_clock(), 60)
    assert reading.offset_ms == pytest.approx(offset)


def test_a_jump_is_a_step_with_its_size_and_direction() -> None:
    watch = ClockWatch()
    assert watch.feed(1_000, 0) is None
    assert watch.feed(1_000 + 10**9, 10**9) is None
    assert watch.feed(1_000 + 7 * 10**9, 2 * 10**9) == ClockStep(1_000 + 7 * 10**9, 5 * 10**9)
    assert watch.feed(1_000 + 8 * 10**9, 3 * 10**9) is None
    assert watch.feed(1_000 + 4 * 10**9, 4 * 10**9) == ClockStep(1_000 + 4 * 10**9, -5 * 10**9)


@given(st.lists(st.tuples(st.integers(1, 10**10), st.integers(-STEP_NS, STEP_NS)), max_size=50))
def test_drift_within_the_bound_is_never_a_step(moves: list[tuple[int, int]]) -> None:
    watch, wall, mono = ClockWatch(), 10**18, 0
    watch.feed(wall, mono)
    for passed, drift in moves:
        mono += passed
        wall += passed + drift
        assert watch.feed(wall, mono) is None


@given(st.integers(1, 10**10), st.integers(STEP_NS + 1, 10**15), st.booleans())
def test_every_jump_beyond_the_bound_is_a_step_of_exactly_that_size(passed: int, jump: int, back: bool) -> None:
    delta = -jump if back else jump
    watch = ClockWatch()
    watch.feed(10**18, 0)
    assert watch.feed(10**18 + passed + delta, passed) == ClockStep(10**18 + passed + delta, delta)
