"""simulator.stale: what listings said some time ago, for faults that let a venue answer with it. Pure; time is an argument.

Calling contract: `remember` when such a fault begins and often after that; nothing is kept while there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hoga.simulator.faults import Asked, FaultDesk, FaultKind

__all__ = ["StaleListings"]

_MARGIN_NS, _STEP_NS = 1_000_000_000, 50_000_000
_MARKETS = ("symbol", "market")


class StaleListings:
    """Listings as of before. `render(wanted)` gives the present rows of every account and path for which `wanted(path)` is true."""

    def __init__(self, desk: FaultDesk, render: Callable[[Callable[[str], bool]], Mapping[tuple[str, str], Any]]) -> None:
        self._desk = desk
        self._render = render
        self._kept: deque[tuple[int, Mapping[tuple[str, str], Any]]] = deque()

    def remember(self, now_ns: int) -> None:
        """Keep what the listings say now, as long as somebody may have to be told."""
        faults = self._desk.active(FaultKind.STALE_LISTING)
        if not faults:
            self._kept.clear()
            return
        if self._kept and now_ns - self._kept[-1][0] < _STEP_NS:
            return
        self._kept.append((now_ns, self._render(lambda path: any(active.matches_path(path) for active in faults))))
        oldest_ns = now_ns - max(int(active.fault.ms * 1e6) for active in faults) - _MARGIN_NS
        while len(self._kept) > 1 and self._kept[1][0] <= oldest_ns:
            self._kept.popleft()

    def answer(self, asked: Asked, account: str, now_ns: int) -> Any:
        """What a request for a listing is answered with instead of the truth, None for the truth."""
        fault = self._desk.take_asked(FaultKind.STALE_LISTING, asked) if self._kept else None
        if fault is None:
            return None
        at_ns = now_ns - int(fault.ms * 1e6)
        rows = next((kept for then_ns, kept in reversed(self._kept) if then_ns <= at_ns), self._kept[0][1]).get((account, asked.path))
        if not isinstance(rows, list) or not asked.symbol:
            return rows
        return [row for row in rows if asked.symbol in (row.get(name) for name in _MARKETS)]
