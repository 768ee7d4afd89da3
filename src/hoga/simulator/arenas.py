"""simulator.arenas: where a program can be tried at each venue, and how somebody else's order comes to rest beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ARENAS", "Arena"]


class Arena(NamedTuple):
    """A venue, what is traded there and how much of it; `stranger`: the call and its parameters with which a person's order rests at a
    price that the market does not reach soon (`Venue.act`). `hedge`: the call by which the account gets two positions a symbol, and
    what the stranger's parameters have more, then; None: there is no such mode."""

    venue: str
    symbol: str
    size: str
    stranger: tuple[str, Mapping[str, str]]
    hedge: tuple[str, Mapping[str, str], Mapping[str, str]] | None = None

    @property
    def name(self) -> str:
        """The symbol with its venue before it."""
        return f"{self.venue}:{self.symbol}"


_LIMIT = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "89000"}
_HEDGE = ("POST /fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, {"positionSide": "SHORT"})
_ASK = {"market": "KRW-BTC", "side": "ask", "ord_type": "limit", "volume": "0.01", "price": "121000000"}
ARENAS = {
    each.venue: each
    for each in (
        Arena("binance", "BTCUSDT", "0.010", ("POST /api/v3/order", _LIMIT)),
        Arena("binance-usdm", "BTCUSDT", "0.010", ("POST /fapi/v1/order", _LIMIT), _HEDGE),
        Arena("upbit", "KRW-BTC", "0.001", ("POST /v1/orders", _ASK)),
    )
}
"""By the venue's name."""
