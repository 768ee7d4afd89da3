"""dashboard.latency: the latency of a whole run from what is known of each instrument. Pure.

Of an instrument the median and the 99th percentile of its newest frames are known, and how many frames it brings. What is told of
the run is of frames: half of all frames are of instruments whose median is at most `p50`; 99 of a hundred are of instruments whose own
p99 is at most `p99`. `worst` is the largest p99 of one instrument. What has brought nothing for a minute counts in none of them.
"""

from __future__ import annotations

import msgspec
import numpy
from numpy.typing import NDArray

__all__ = ["QUIET_S", "Latency", "run_latency"]

QUIET_S = 60.0

Floats = NDArray[numpy.float64]


class Latency(msgspec.Struct, frozen=True):
    """In ms; None: not known. `worst_of`: the place of the instrument."""

    p50: float | None = None
    p99: float | None = None
    worst: float | None = None
    worst_of: int | None = None


def run_latency(medians: Floats, p99s: Floats, *, frames: Floats, quiet_s: Floats) -> Latency:
    """The latency of a run.

    Args:
        medians, p99s: per instrument, ms, NaN: not known.
        frames: per instrument, how many it usually brings in a second; at least a little where it brings any.
        quiet_s: per instrument, seconds since its newest frame.
    """
    speaks = quiet_s < QUIET_S
    p50, p99 = (_share_at(values, numpy.where(speaks, frames, 0.0), share) for values, share in ((medians, 0.5), (p99s, 0.99)))
    known = speaks & ~numpy.isnan(p99s)
    if not known.any():
        return Latency(p50, p99)
    worst = int(numpy.argmax(numpy.where(known, p99s, -numpy.inf)))
    return Latency(p50, p99, round(float(p99s[worst]), 2), worst)


def _share_at(values: Floats, weights: Floats, share: float) -> float | None:
    """The smallest value at or below which `share` of the weight is."""
    known = ~numpy.isnan(values) & (weights > 0)
    values, weights = values[known], weights[known]
    if not len(values):
        return None
    order = numpy.argsort(values, kind="stable")
    reached = numpy.cumsum(weights[order])
    at = int(numpy.searchsorted(reached, share * reached[-1] * (1 - 1e-9)))
    return round(float(values[order[min(at, len(order) - 1)]]), 2)
