"""dashboard.minutes: an instrument's UTC day, minute by minute, as a short text. Pure.

    n   before the first record of the day        a … i   recorded but for one to nine tenths of the minute, rounded up
    r   recorded whole                            m       missed

`n720r600c1m3r12`: a sign, and how often it comes, up to the last minute that was judged. A minute is as good as the worst of the
instrument's series in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy
from numpy.typing import NDArray

from hoga.archive.form.spans import Span, clipped
from hoga.core.times import DAY_NS, MINUTE_NS

__all__ = ["day_text", "recorded_share"]

_MINUTES = DAY_NS // MINUTE_NS
_SIGNS = "rabcdefghim"
_BEFORE = -1


def recorded_share(covered: Iterable[Span], start_ns: int) -> NDArray[numpy.float64]:
    """How much of each minute of the day from `start_ns` on is in `covered`, 0 to 1."""
    found = numpy.zeros(_MINUTES)
    for low, high in clipped(covered, (start_ns, start_ns + DAY_NS)):
        first, last = (low - start_ns) // MINUTE_NS, (high - start_ns - 1) // MINUTE_NS
        if first == last:
            found[first] += (high - low) / MINUTE_NS
            continue
        found[first] += 1 - (low - start_ns) % MINUTE_NS / MINUTE_NS
        found[first + 1 : last] = 1.0
        found[last] += ((high - start_ns - 1) % MINUTE_NS + 1) / MINUTE_NS
    return found


def day_text(series: Iterable[tuple[list[Span], list[Span]]], start_ns: int) -> str:
    """The day of an instrument, from (when it was being recorded, what of that it was) of each of its series; "" while nothing is known."""
    worst = numpy.full(_MINUTES, _BEFORE, dtype=numpy.int64)
    end = 0
    for live, covered in series:
        inside = clipped(live, (start_ns, start_ns + DAY_NS))
        if not inside:
            continue
        first, last = (inside[0][0] - start_ns) // MINUTE_NS, -((start_ns - inside[-1][1]) // MINUTE_NS)
        missed = numpy.ceil(numpy.round((1 - recorded_share(covered, start_ns)) * 10, 6)).astype(numpy.int64)
        for minute in {first, last - 1}:  # of the first and the last only a part is told
            low, high = start_ns + minute * MINUTE_NS, start_ns + (minute + 1) * MINUTE_NS
            missed[minute] = _tenths_missed(covered, (max(low, inside[0][0]), min(high, inside[-1][1])))
        worst[first:last] = numpy.maximum(worst[first:last], missed[first:last])
        end = max(end, last)
    return _runs(worst[:end])


def _tenths_missed(covered: list[Span], part: Span) -> int:
    whole = part[1] - part[0]
    held = sum(high - low for low, high in clipped(covered, part))
    return -(-(whole - held) * 10 // whole) if whole > 0 else 0


def _runs(signs: NDArray[numpy.int64]) -> str:
    if not len(signs):
        return ""
    starts = numpy.concatenate([[0], numpy.flatnonzero(numpy.diff(signs)) + 1, [len(signs)]])
    return "".join(
        f"{'n' if signs[low] == _BEFORE else _SIGNS[signs[low]]}{high - low}" for low, high in itertools.pairwise(starts.tolist())
    )
