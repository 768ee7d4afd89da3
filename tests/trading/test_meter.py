"""What a trader measures of itself: percentiles in buckets, spans that roll, and bars that are broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.trading.meter import BARS, SPANS, Figure, Meter, Second, Step, Tally
from tests.every import every

MS = 1_000_000


def second(gc: float = 0.0, lag: float = 0.0, memory: int = 100_000_000, waiting: int = 0) -> Second:
    return Second(gc_worst_ms=gc, lag_worst_ms=lag, memory_bytes=memory, waiting={"order": waiting})


def figure(meter: Meter, step: Step, span: int) -> Figure:
    (found,) = [each for each in meter.figures().figures if each.step is step and each.over_s == span]
    return found


@given(some.lists(some.integers(0, 10**10), min_size=1, max_size=200))
def test_a_percentile_is_right_within_a_bucket(values: list[int]) -> None:
    tally = Tally()
    for each in values:
        tally.add(each)
    ordered = sorted(values)
    for share, found in zip((0.5, 0.99, 0.999), tally.quantiles_ms((0.5, 0.99, 0.999)), strict=True):
        exact = ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
        assert abs(found * 1e6 - exact) <= 1 + exact * 0.032
    assert tally.most == max(values)


@given(some.lists(some.lists(some.integers(0, 10**8), max_size=5), min_size=1, max_size=80))
def test_a_span_is_what_its_seconds_are(seconds: list[list[int]]) -> None:
    meter = Meter()
    for values in seconds:
        for each in values:
            meter.decision(each)
        meter.second(second())
    for span in SPANS:
        kept = Tally()
        for each in [value for values in seconds[-span:] for value in values]:
            kept.add(each)
        found = figure(meter, Step.DECISION, span)
        assert found.count == sum(kept.counts.values())
        assert [found.p50, found.p99, found.p999] == kept.quantiles_ms((0.5, 0.99, 0.999))
        assert found.most * MS == pytest.approx(kept.most)


def test_an_order_is_followed_from_its_frame_to_its_first_trade() -> None:
    meter = Meter()
    meter.sent("a", 0, 2 * MS)
    meter.accepted("a", 5 * MS)
    meter.accepted("a", 50 * MS)
    meter.filled("a", 9 * MS)
    meter.filled("a", 90 * MS)
    meter.accepted("stranger", 1)
    meter.second(second())
    found = {step: figure(meter, step, 10) for step in (Step.BYTES, Step.ACK, Step.FILL)}
    assert {step: each.count for step, each in found.items()} == {Step.BYTES: 1, Step.ACK: 1, Step.FILL: 1}
    assert [round(found[step].most) for step in (Step.BYTES, Step.ACK, Step.FILL)] == [2, 3, 7]


def test_orders_that_nobody_answers_are_forgotten_in_the_end() -> None:
    meter = Meter()
    for number in range(5_000):
        meter.sent(str(number), 0, 1)
        meter.accepted(str(number), 2)
    assert len(meter._sent) == len(meter._acked) == 1_000


def test_a_bar_is_broken_in_the_spans_that_end_then() -> None:
    meter = Meter()
    for number in range(1, 61):
        for _ in range(200):
            meter.decision(MS // 2)
        if number == 9:
            for _ in range(30):
                meter.decision(5 * MS)
        broken = [(each.step, each.over_s) for each in meter.second(second(gc=20.0 if number == 30 else 0.0))]
        expected = {9: [(Step.DECISION, 1)], 10: [(Step.DECISION, 10)], 30: [(Step.GC, 1), (Step.GC, 10)], 60: [(Step.GC, 60)]}
        assert broken == expected.get(number, []), number


def test_few_values_are_not_held_against_a_percentile() -> None:
    meter = Meter()
    for _ in range(99):
        meter.decision(10 * MS)
    assert not meter.second(second())


def test_memory_is_judged_once_it_was_watched_for_ten_minutes_and_not_by_its_warm_up() -> None:
    meter, broken = Meter(), []
    for number in range(1, 1_000):
        grown = 50_000_000 if number < 55 else 50_000_000 + number * 4_000  # 14.4 MB an hour
        broken += [each for each in meter.second(second(memory=grown)) if each.step is Step.MEMORY]
    assert broken
    assert broken[0].most == pytest.approx(14.4)
    assert broken[0].unit == "MB/h"
    flat = Meter()
    for _ in range(1_000):
        assert not flat.second(second())


@every(BARS)
def test_every_bar_is_of_a_figure_that_is_told(step: Step) -> None:
    meter = Meter()
    for _ in range(700):
        meter.second(second())
    assert [each for each in meter.figures().figures if each.step is step and each.bar == BARS[step].value]


def test_what_waited_is_told() -> None:
    meter = Meter()
    meter.second(second(waiting=7))
    assert figure(meter, Step.BACKLOG, 1).most == 7
    assert meter.figures().waiting == {"order": 7}
    assert figure(meter, Step.LOCK, 1).most == 0
