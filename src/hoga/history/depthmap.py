"""history.depthmap: the depth of a book over time as a picture: columns of time, rows of price, the size in each. Pure.

A column shows the last book received before its end, if one was received before and no gap reaches into the time since; else
it is empty. Sizes stand as bytes that grow with the square root, bids below zero, asks above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hoga.core.ledger import Gap
from hoga.history.batch import Arrays

__all__ = ["DepthMap", "depth_map"]

Array = np.ndarray[Any, np.dtype[Any]]

_FULL = 127


class DepthMap(NamedTuple):
    """`cells`: int8 of shape (columns, rows), the lowest price first. Row r is of prices from `low` + r × `step` on. `largest`: the size
    that is told as 127. `best`: float64 (columns, 2), best bid and ask, NaN where a column is empty. `books`: how many were received."""

    cells: Array
    low: float
    step: float
    largest: float
    best: Array
    books: int


def depth_map(
    books: Arrays, gaps: Sequence[Gap], from_ns: int, to_ns: int, *, columns: int, rows: int, known_ns: int | None = None
) -> DepthMap | None:
    """The map of `books` (by receipt, perhaps one before the span) between two instants; None where no column has a book.

    `known_ns`: columns that begin after it stay empty, for what was received last need not be in force any more. None: all are known.
    """
    receipts = books["recv_ns"]
    ends = from_ns + (np.arange(1, columns + 1, dtype=np.int64) * ((to_ns - from_ns) // columns))
    shown = np.searchsorted(receipts, ends, side="left") - 1
    there = (shown >= 0) & (ends - (to_ns - from_ns) // columns <= (to_ns if known_ns is None else known_ns))
    since = receipts[np.maximum(shown, 0)]
    for gap in gaps:
        there &= ~((gap.from_ns < ends) & (gap.to_ns > since))
    picked = np.flatnonzero(there)
    if not len(picked):
        return None
    prices, sizes = books["prices"][shown[picked]], books["sizes"][shown[picked]]
    low, step = _scale(prices, rows)
    cells = np.zeros((columns, 2, rows))
    place = np.floor((prices - low) / step)
    inside = (place >= 0) & (place < rows) & (sizes > 0)
    column = np.broadcast_to(picked[:, None, None], prices.shape)[inside]
    side = np.broadcast_to(np.arange(2)[None, :, None], prices.shape)[inside]
    np.add.at(cells, (column, side, place[inside].astype(np.int64)), sizes[inside])
    filled = cells[cells > 0]
    largest = float(np.quantile(filled, 0.995)) if len(filled) else 1.0
    shade = np.where(cells > 0, np.clip(np.ceil(np.sqrt(cells / largest) * _FULL), 1, _FULL), 0)
    best = np.full((columns, 2), np.nan)
    best[picked] = prices[:, :, 0]
    received = int(np.count_nonzero(receipts >= from_ns))
    return DepthMap((shade[:, 1] - shade[:, 0]).clip(-_FULL, _FULL).astype(np.int8), low, step, largest, best, received)


def _scale(prices: Array, rows: int) -> tuple[float, float]:
    """(lowest price, price of a row) so that nearly every level fits, and a row is no finer than the prices are."""
    known = prices[~np.isnan(prices)]
    if not len(known):
        return 0.0, 1.0
    low, high = (float(each) for each in np.quantile(known, (0.005, 0.995)))
    distinct = np.unique(known)
    finest = float(np.min(np.diff(distinct))) if len(distinct) > 1 else max(abs(low), 1.0) * 1e-4
    step = max((high - low) / max(rows - 4, 1), finest)
    middle = (low + high) / 2
    return middle - step * rows / 2, step
