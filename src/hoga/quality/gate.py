"""quality.gate: is a stream late enough to be stopped? Pure.

    OPEN ──median > threshold──▶ CLOSED ──median < threshold × RESUME_SHARE──▶ OPEN

Two events as the classic recorder had them: `latency_valid` (enough samples) and `stream_enabled` (not gated).
A negative median, or one beyond `IMPLAUSIBLE_NS`, is a skewed clock (ours, the venue's, or a replay's): no network
is that late and still in order. It is reported, and never closes the gate.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["IMPLAUSIBLE_NS", "RESUME_SHARE", "SKEWED_NS", "Gate", "GateMode", "is_skewed"]

RESUME_SHARE = 0.8
"""The gate opens again below this share of the threshold, so that it does not flap."""
IMPLAUSIBLE_NS = 60_000_000_000
"""A median above this is no latency."""
SKEWED_NS = -5_000_000
"""A median below this (ns) is no measuring error any more: the clocks differ."""


def is_skewed(median_ns: int) -> bool:
    """Whether a median latency can only come from clocks that differ."""
    return median_ns < SKEWED_NS or median_ns > IMPLAUSIBLE_NS


class GateMode(StrEnum):
    """What a closed gate does: `pause` does not record, `mark` only says so, `off` does not judge."""

    PAUSE = "pause"
    MARK = "mark"
    OFF = "off"


class Gate:
    """The latency gate of one symbol; thresholds in ns."""

    __slots__ = ("closed", "latency_valid", "mode", "threshold_ns")

    def __init__(self, *, threshold_ns: int, mode: GateMode) -> None:
        self.threshold_ns = threshold_ns
        self.mode = mode
        self.latency_valid = False
        self.closed = False

    @property
    def stream_enabled(self) -> bool:
        """Whether frames are to be recorded now."""
        return not (self.closed and self.mode is GateMode.PAUSE)

    def judge(self, median_ns: int | None) -> bool:
        """Feed the current median (None: not enough samples). Returns whether the gate moved."""
        self.latency_valid = median_ns is not None
        if median_ns is None or self.mode is GateMode.OFF:
            return False
        limit = int(self.threshold_ns * RESUME_SHARE) if self.closed else self.threshold_ns
        late = median_ns <= IMPLAUSIBLE_NS and (median_ns >= limit if self.closed else median_ns > limit)
        moved = late is not self.closed
        self.closed = late
        return moved
