"""simulator.usdm.liquidations: which of the crowd's orders count as positions closed by force. Pure.

An order that sweeps several levels is taken for a liquidation: its fills are public trades, so the report agrees with
the tape. A symbol tells at most one a second, the largest. Source: protocol sheet 2.4 (change log 2026-04-14).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from hoga.simulator.engine import Market, Trade
from hoga.simulator.usdm.payloads import Liquidation

__all__ = ["Liquidations"]

_LEVELS = 3


class Liquidations:
    """Keeps the largest of every symbol until it is told."""

    def __init__(self) -> None:
        self._largest: dict[str, Liquidation] = {}

    def watch(self, market: Market, trades: list[Trade], to_ms: Callable[[int], int]) -> None:
        """Look at trades in the order they were printed."""
        for (time_ns, buyer_is_maker), group in groupby(trades, key=lambda trade: (trade.time_ns, trade.buyer_is_maker)):
            fills = list(group)
            if len({trade.price for trade in fills}) >= _LEVELS:
                self._keep(market.instrument.symbol, fills, side="SELL" if buyer_is_maker else "BUY", time_ms=to_ms(time_ns))

    def take(self, symbol: str) -> Liquidation | None:
        """The largest since the last call, None when there was none."""
        return self._largest.pop(symbol, None)

    def _keep(self, symbol: str, fills: list[Trade], *, side: str, time_ms: int) -> None:
        lots, quote = sum(trade.lots for trade in fills), sum(trade.price * trade.lots for trade in fills)
        known = self._largest.get(symbol)
        if known is None or lots > known.lots:
            self._largest[symbol] = Liquidation(side, fills[-1].price, lots, quote, fills[-1].lots, time_ms)
