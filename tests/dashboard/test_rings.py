"""Curves over a day, against a plain list of seconds."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.dashboard.rings import SPANS, Curves, Ring

T0 = 1_795_000_080


def filled(curves: Curves, samples: dict[int, list[float]]) -> None:
    for second, values in samples.items():
        curves.add(second, numpy.array(values))


def column(curves: Curves, span: str, now_s: int, at: int = 0) -> list[float | None]:
    return [None if math.isnan(value) else value for value in curves.over(span, now_s, [at]).values.ravel().tolist()]


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1e6)), min_size=1, max_size=40), st.integers(0, 900))
def test_every_range_is_what_folding_all_seconds_gives(steps: list[tuple[int, float]], after: int) -> None:
    """Pauses of one to three seconds are bridged, longer ones are holes; the mean is of what is known, the largest is the largest."""
    curves = Curves(["mean", "most"], most=["most"], dtype=numpy.float64)
    known: dict[int, float] = {}
    second = T0
    for pause, value in steps:
        if known and pause <= 3:
            known |= dict.fromkeys(range(second + 1, second + pause), value)
        second += pause
        known[second] = value
        curves.add(second, numpy.array([value, value]))
    now_s = second + after
    for span, span_s in SPANS.items():
        t0_s, step_s, values = curves.over(span, now_s)
        assert len(values) * step_s == span_s
        assert t0_s % step_s == 0
        assert t0_s + len(values) * step_s > now_s >= t0_s + (len(values) - 1) * step_s
        for number, (mean, most) in enumerate(values.tolist()):
            start = t0_s + number * step_s
            inside = [known[each] for each in range(start, start + step_s) if each in known]
            if not inside:
                assert math.isnan(mean) and math.isnan(most)
            else:
                assert mean == pytest.approx(sum(inside) / len(inside))
                assert most == max(inside)


def test_a_hole_is_a_hole_and_never_a_zero() -> None:
    curves = Curves(["rate"])
    filled(curves, {T0: [1.0], T0 + 30: [2.0]})
    assert column(curves, "1m", T0 + 30)[29:] == [1.0, *[None] * 29, 2.0]
    filled(curves, {T0 + 31: [math.nan], T0 + 32: [0.0]})
    assert column(curves, "1m", T0 + 32)[-3:] == [2.0, None, 0.0]


def test_a_clock_that_is_set_back_forgets_what_came_after() -> None:
    curves = Curves(["rate"])
    filled(curves, {T0 + second: [float(second)] for second in range(100)})
    filled(curves, {T0 + 40: [7.0]})
    assert column(curves, "1m", T0 + 40)[-2:] == [39.0, 7.0]
    assert column(curves, "1m", T0 + 60)[-20:] == [None] * 20
    filled(curves, {T0 - 5_000: [1.0]})
    assert column(curves, "1m", T0 - 5_000) == [None] * 59 + [1.0]


def test_a_ring_holds_no_more_than_its_rows() -> None:
    ring = Ring(1, 4, 1, numpy.float64)
    for slot in range(10):
        ring.put(slot, numpy.array([slot]))
    assert ring.last(6, 9, [0]).ravel().tolist()[2:] == [6.0, 7.0, 8.0, 9.0]
    assert (ring.first, ring.newest) == (6, 9)
    ring.put(1_000_000, numpy.array([1.0]))
    assert numpy.isnan(ring.last(3, 1_000_000, [0]).ravel()[:2]).all()


def test_what_was_kept_goes_on_by_name() -> None:
    old = Curves(["a", "b"], most=["b"])
    filled(old, {T0 + second: [float(second), 5.0] for second in range(200)})
    new = Curves(["c", "b"], most=["b"])
    new.take(old.keep())
    assert column(new, "1m", T0 + 199, 1) == [5.0] * 60
    assert column(new, "1m", T0 + 199, 0) == [None] * 60
    filled(new, {T0 + 260: [1.0, 2.0]})
    assert column(new, "15m", T0 + 260, 1)[-62:] == [5.0, *[None] * 60, 2.0]
    assert column(new, "24h", T0 + 260, 1)[-1] == pytest.approx(5.0, abs=3.0)


@pytest.mark.parametrize("spoilt", ["dtype", "short", "rows"])
def test_what_does_not_fit_together_is_left_out(spoilt: str) -> None:
    import msgspec

    old = Curves(["a"])
    filled(old, {T0: [1.0]})
    kept = old.keep()
    ring = kept.rings[0]
    changed = {
        "dtype": msgspec.structs.replace(kept, dtype="<f8"),
        "short": msgspec.structs.replace(kept, rings=[msgspec.structs.replace(ring, data=ring.data[:-1])]),
        "rows": msgspec.structs.replace(kept, rings=[msgspec.structs.replace(ring, first=0)]),
    }[spoilt]
    new = Curves(["a"])
    new.take(changed)
    assert column(new, "1m", T0) == [None] * 60


def test_what_there_is_no_room_for_is_the_largest_that_there_is_and_nobody_is_warned() -> None:
    curves = Curves(["late", "early", "never", "unknown"], dtype=numpy.float16)
    curves.add(100, numpy.array([3.6e6, -1e9, numpy.inf, numpy.nan]))
    newest = curves.over("1m", 100).values[-1]
    assert newest[:3].tolist() == [65504.0, -65504.0, 65504.0]
    assert numpy.isnan(newest[3])
