"""simulator.fills: what an account has traded, told alike at every venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

__all__ = ["AccountFill", "fills_of"]


class AccountFill(NamedTuple):
    """One trade of an account. `quantity` is below 0 for a sale; `taken`: the fee where it was taken off what was bought, else 0.

    `leg`: in hedge mode `long` or `short`, else "".
    """

    symbol: str
    trade_id: str
    quantity: Decimal
    taken: Decimal
    leg: str = ""


def fills_of(state: Mapping[str, Any]) -> list[AccountFill]:
    """The trades in what `Venue.account` gives, order by order."""
    return [_fill(row) for row in state["trades"]]


def _fill(row: Mapping[str, Any]) -> AccountFill:
    if "market" in row:
        amount, buys = Decimal(row["volume"]), row["side"] == "bid"
        return AccountFill(row["market"], row["uuid"], amount if buys else -amount, Decimal(0))
    buys = row["isBuyer"] if "isBuyer" in row else row["buyer"]
    taken = Decimal(row["commission"]) if buys and row["symbol"].startswith(row["commissionAsset"]) else Decimal(0)
    leg = str(row.get("positionSide", "BOTH")).lower()
    return AccountFill(row["symbol"], str(row["id"]), Decimal(row["qty"]) * (1 if buys else -1), taken, "" if leg == "both" else leg)
