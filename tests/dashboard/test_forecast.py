"""When the disk will be full, without a false alarm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.dashboard.forecast import DiskForecast

GB = 1_000_000_000
HOUR = 3_600


def test_nothing_is_foretold_in_the_first_hour() -> None:
    """A recorder that wrote 19 MB while other programs took 0.4 GB of 78 was said to fill the disk within hours."""
    forecast = DiskForecast()
    for second in range(0, HOUR, 5):
        forecast.add(second, free=78 * GB - second * 100_000, own_bytes=second * 8_000)
        assert (forecast.own_s(78 * GB, GB), forecast.trend_s(78 * GB, GB), forecast.own_bytes_per_day()) == (None, None, None)


def test_the_days_left_are_free_space_by_own_bytes_a_day() -> None:
    forecast = DiskForecast()
    for minute in range(121):
        forecast.add(minute * 60.0, free=50 * GB, own_bytes=minute * 1_000_000)
    assert forecast.own_bytes_per_day() == pytest.approx(1_440e6)
    assert forecast.own_s(15_400_000_000, GB) == pytest.approx(10 * 86_400)
    assert forecast.own_s(GB // 2, GB) == 0.0
    assert forecast.trend_s(15_400_000_000, GB) is None, "it does not shrink"


def test_a_download_that_comes_and_goes_bends_nothing() -> None:
    forecast = DiskForecast()
    for minute in range(181):
        forecast.add(minute * 60.0, free=50 * GB - minute * 60_000_000 - (20 * GB if 60 <= minute < 90 else 0), own_bytes=0)
    left = forecast.trend_s(50 * GB, 0)
    assert left is not None
    assert left == pytest.approx(50_000, rel=0.1)
    assert forecast.own_s(50 * GB, 0) is None, "hoga wrote nothing"


def test_another_run_counts_from_nothing() -> None:
    forecast = DiskForecast()
    for minute in range(121):
        forecast.add(minute * 60.0, free=GB, own_bytes=minute * 1_000_000)
    forecast.add(121 * 60.0, free=GB, own_bytes=5)
    assert forecast.own_bytes_per_day() is None
    forecast.add(122 * 60.0, free=GB, own_bytes=None)
    assert forecast.own_bytes_per_day() is None


@given(some.lists(some.tuples(some.floats(0.1, 7_200), some.integers(0, 10**13), some.none() | some.integers(0, 10**12)), max_size=60))
def test_whatever_is_seen_gives_a_figure_or_none(looks: list[tuple[float, int, int | None]]) -> None:
    forecast, now = DiskForecast(), 0.0
    for pause, free, own in looks:
        now += pause
        forecast.add(now, free=free, own_bytes=own)
        for figure in (forecast.own_s(free, GB), forecast.trend_s(free, GB)):
            assert figure is None or figure >= 0


def test_memory_is_bounded() -> None:
    forecast = DiskForecast()
    for second in range(0, 25 * HOUR, 60):
        forecast.add(float(second), free=GB, own_bytes=second)
    assert len(forecast._own) <= 1_442
    assert len(forecast._free) <= 362
