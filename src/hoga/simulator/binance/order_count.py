"""simulator.binance.order_count: how many orders an account may send in fixed windows. Pure.

Source: protocol sheet 4.2 and 4.3: spot 100 in ten seconds and 200,000 a day, futures 300 in ten seconds and 1,200 a minute; on
spot an order that gets its first fill is taken off the count again.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.simulator.binance.api import ApiError

__all__ = ["OrderCount", "OrderWindow"]

S_NS = 1_000_000_000


class OrderWindow(NamedTuple):
    """One limit: `name` as the header spells it, its length and how many orders fit."""

    name: str
    seconds: int
    limit: int

    def words(self) -> dict[str, str | int]:
        """The interval as rate limit objects spell it."""
        words = {"S": "SECOND", "M": "MINUTE", "D": "DAY"}
        return {"interval": words[self.name[-1]], "intervalNum": int(self.name[:-1])}


class OrderCount:
    """Counts per account and window."""

    def __init__(self, windows: tuple[OrderWindow, ...]) -> None:
        self.windows = windows
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, account: str, orders: int, now_ns: int) -> dict[str, int]:
        """Count orders in and tell the counts by window. Raises ApiError when a window is full."""
        counts = {window.name: self._used(account, window, now_ns) + orders for window in self.windows}
        for window in self.windows:
            if counts[window.name] > window.limit:
                per = f"{window.limit} per {window.name}"
                raise ApiError(-1015, f"Too many new orders; current limit is {per}.", status=429)
        for window in self.windows:
            self._counts[account, window.name] = (now_ns // (window.seconds * S_NS), counts[window.name])
        return counts

    def uncount(self, account: str, now_ns: int) -> None:
        """Take one order off again: it got its first fill."""
        for window in self.windows:
            used = self._used(account, window, now_ns)
            if used:
                self._counts[account, window.name] = (now_ns // (window.seconds * S_NS), used - 1)

    def used(self, account: str, now_ns: int) -> dict[str, int]:
        """The counts by window."""
        return {window.name: self._used(account, window, now_ns) for window in self.windows}

    def _used(self, account: str, window: OrderWindow, now_ns: int) -> int:
        number, count = self._counts.get((account, window.name), (-1, 0))
        return count if number == now_ns // (window.seconds * S_NS) else 0
