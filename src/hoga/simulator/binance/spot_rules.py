"""simulator.binance.spot_rules: which order a spot request asks for, and whether the venue takes it. Pure.

Orders with a stop price wait for a trade at it: STOP_LOSS for one against their owner, TAKE_PROFIT for one in favour.

Source: protocol sheet 4.2, 4.5 and 4.7; spot documentation on order lists for the names of their parameters.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.simulator.binance.api import Api, ApiError, Query
from hoga.simulator.binance.exchange_info import most_lots
from hoga.simulator.binance.orders import E8, OrderAnswers, client_id_of, decimal_e8, prevention_of, side_of
from hoga.simulator.binance.spot_reports import SpotOrder
from hoga.simulator.engine import CashAccounts, Desk, Market, Side, lots_for, worth_e8

__all__ = ["PLAIN", "TRIGGERED", "Names", "SpotRules", "is_met", "wanted_order"]

_KINDS = ("LIMIT", "MARKET", "LIMIT_MAKER")
TRIGGERED = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
"""Types of orders that wait for a trade at their stop price."""
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
_LEAST_NOTIONAL_E8, _MOST_NOTIONAL_E8 = 5 * E8, 9_000_000 * E8
_MOST_OPEN, _MOST_TRIGGERED = 200, 5


class Names(NamedTuple):
    """What the parameters of one order are called in a request."""

    kind: str
    price: str
    stop: str
    time_in_force: str
    client_id: str
    quantity: str = "quantity"
    side: str = "side"

    @classmethod
    def of_leg(cls, leg: str, *, shared: str = "") -> Names:
        """Those of a list's order: `aboveType`, …; quantity and side are called as `shared` says: `pendingQuantity`, or plainly."""
        return cls(
            f"{leg}Type",
            f"{leg}Price",
            f"{leg}StopPrice",
            f"{leg}TimeInForce",
            f"{leg}ClientOrderId",
            f"{shared}Quantity" if shared else "quantity",
            f"{shared}Side" if shared else "side",
        )


PLAIN = Names("type", "price", "stopPrice", "timeInForce", "newClientOrderId")
"""Those of an order by itself."""


def wanted_order(api: Api, query: Query, names: Names) -> SpotOrder:
    """The order that a request asks for. Raises ApiError as the venue would."""
    symbol, side, kind = query.required("symbol"), side_of(query, names.side), query.required(names.kind)
    if kind not in _KINDS + TRIGGERED:
        raise ApiError(-1116, "Invalid orderType.")
    if query.text("trailingDelta") is not None:
        raise ApiError(-1020, "This operation is not supported.")
    market = api.traded(symbol)
    if symbol in api.engine.delisted:
        raise ApiError(-2010, "Market is closed.")
    quote_wanted_e8 = decimal_e8(query, "quoteOrderQty") or 0
    has_price = kind.endswith("LIMIT") or kind == "LIMIT_MAKER"
    return SpotOrder(
        account=query.account,
        instrument=market.instrument,
        client_id=client_id_of(query, names.client_id),
        side=side,
        kind=kind,
        time_in_force=_time_in_force(query, kind, names.time_in_force),
        lots=_lots(query, market, side, kind, quote_wanted_e8, names.quantity),
        price=_price(query, market, names.price) if has_price else None,
        trigger=_ticks(query, market, names.stop) if kind in TRIGGERED else 0,
        waits=kind in TRIGGERED,
        quote_wanted_e8=quote_wanted_e8,
        prevention=prevention_of(query),
    )


def is_met(order: SpotOrder, price: int) -> bool:
    """Whether a trade at a price triggers a waiting order."""
    upwards = (order.side is Side.BUY) != order.kind.startswith("TAKE_PROFIT")
    return price >= order.trigger if upwards else price <= order.trigger


class SpotRules:
    """Holds an order against the market, its owner's other orders and money."""

    def __init__(self, desk: Desk[SpotOrder], accounts: CashAccounts, answers: OrderAnswers[SpotOrder]) -> None:
        self._desk = desk
        self._accounts = accounts
        self._answers = answers

    def judge(self, order: SpotOrder, market: Market, *, covered: bool = True) -> None:
        """Raise ApiError when the venue does not take an order; `covered`: there must be enough money for it now."""
        at = order.price or order.trigger or market.tape.last_price
        value_e8 = worth_e8(order.instrument, order.lots * at)
        if value_e8 < _LEAST_NOTIONAL_E8 or (value_e8 > _MOST_NOTIONAL_E8 and order.kind != "MARKET"):
            raise _failed("NOTIONAL")
        orders = self._desk.open_of(order.account, order.symbol)
        if len(orders) >= _MOST_OPEN:
            raise _failed("MAX_NUM_ORDERS")
        if order.trigger and sum(1 for each in orders if each.waits) >= _MOST_TRIGGERED:
            raise _failed("MAX_NUM_ALGO_ORDERS")
        if self._answers.has_open(order):
            raise ApiError(-2010, "Duplicate order sent.")
        if order.trigger and is_met(order, market.tape.last_price):
            raise ApiError(-2010, "Stop price would trigger immediately.")
        if covered and not self._accounts.covers(order, at=at):
            raise ApiError(-2010, "Account has insufficient balance for requested action.")


def _failed(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def _missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _price(query: Query, market: Market, name: str) -> int:
    ticks = _ticks(query, market, name)
    if not market.tape.last_price <= ticks * 5 <= market.tape.last_price * 25:
        raise _failed("PERCENT_PRICE_BY_SIDE")
    return ticks


def _ticks(query: Query, market: Market, name: str) -> int:
    value_e8 = decimal_e8(query, name)
    if value_e8 is None:
        raise _missing(name)
    ticks, rest = divmod(value_e8, market.instrument.tick_e8)
    if rest or not ticks:
        raise _failed("PRICE_FILTER")
    return ticks


def _lots(query: Query, market: Market, side: Side, kind: str, quote_e8: int, name: str) -> int:
    size_e8 = decimal_e8(query, name)
    if quote_e8 and (kind != "MARKET" or size_e8 is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if quote_e8:
        lots = lots_for(market, side, quote_e8)
        if not lots:
            raise _failed("NOTIONAL")
        return lots
    if size_e8 is None:
        raise _missing(name)
    lots, rest = divmod(size_e8, market.instrument.lot_e8)
    if rest or not lots or lots > most_lots(market.instrument):
        raise _failed("LOT_SIZE")
    if kind == "MARKET" and lots > market.instrument.typical_lots * 10_000:
        raise _failed("MARKET_LOT_SIZE")
    return lots


def _time_in_force(query: Query, kind: str, name: str) -> str:
    text = query.text(name)
    if not kind.endswith("LIMIT"):
        if text is not None:
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
        return "GTC"
    if text is None:
        raise _missing(name)
    if text not in _TIMES_IN_FORCE:
        raise ApiError(-1115, "Invalid timeInForce.")
    return text
