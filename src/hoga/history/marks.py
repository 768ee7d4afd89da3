"""history.marks: where something is missing, marked on the records that follow. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hoga.columns.digits import NONE, Ints
from hoga.core.ledger import Gap
from hoga.history.batch import Array

__all__ = ["GapMarks"]


class GapMarks:
    """Tells record after record whether a gap reaches into the time since the one before it. `start_ns`: where the time of the first
    begins."""

    def __init__(self, gaps: Sequence[Gap], start_ns: int) -> None:
        missing = sorted((gap.from_ns, gap.to_ns) for gap in gaps if gap.missed != 0)
        self._from = np.array([from_ns for from_ns, _ in missing], np.int64)
        self._until = np.maximum.accumulate(np.array([to_ns for _, to_ns in missing], np.int64)) if missing else self._from
        self._last = start_ns

    def before(self, receipts: Ints) -> Array:
        """For each record, in order: shape (n,) of bool."""
        now = np.maximum.accumulate(np.concatenate(([self._last], receipts)))
        before, now = now[:-1], now[1:]
        self._last = int(now[-1]) if len(now) else self._last
        begun = np.searchsorted(self._from, now, side="left")
        return (begun > 0) & (np.concatenate(([NONE], self._until))[begun] > before) if len(self._from) else np.zeros(len(now), bool)
