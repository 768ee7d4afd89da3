"""venues.upbit.steps: the price steps of a market, made of what all markets of its currency tell of themselves. Pure.

Rules: the venue tells of each market the step at its present price, and no table. All markets that are paid in one currency share a
ladder, so each is a point of it: at this price, this step. Between two points with different steps the coarser one holds here: where
coarser steps are multiples of finer ones its prices are on both grids, wherever the boundary really is. Where the points contradict one
another (a market with steps of its own), each market has the step that it told, at every price.

Source: docs.upbit.com/kr/reference/list-orderbook-instruments (2025-07-31), krw-market-info (2026-05-04). Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

__all__ = ["Ladder", "ladder_of"]

Ladder = tuple[tuple[Decimal, Decimal], ...]
"""(from this price on, the price step), ascending."""


def ladder_of(points: Iterable[tuple[Decimal, Decimal]]) -> Ladder | None:
    """The ladder on which all these points (price, step) lie, None where there is none."""
    steps: list[tuple[Decimal, Decimal]] = []
    highest = Decimal(0)
    for price, step in sorted(points):
        if step <= 0:
            return None
        if not steps:
            steps.append((Decimal(0), step))
        elif step != steps[-1][1]:
            finer = steps[-1][1]
            if step < finer or step % finer or price == highest:
                return None
            steps.append((highest + finer, step))
        highest = price
    return tuple(steps) or None
