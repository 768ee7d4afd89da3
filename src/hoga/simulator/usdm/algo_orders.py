"""simulator.usdm.algo_orders: the futures venue's endpoints about conditional orders, and their event. Pure.

`closePosition` orders have no quantity: null in answers. Source: protocol sheet 4.6, 4.7 and 5.4; USD-M docs on algo orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.orders import E8, MS_NS, UserEvent, client_id_of, decimal_e8, prevention_of, side_of
from hoga.simulator.binance.printer import bool_text, decimal_text
from hoga.simulator.engine import MarginAccounts, Market, worth_e8
from hoga.simulator.usdm.algo import AlgoDesk, AlgoOrder, AlgoStatus, is_met
from hoga.simulator.usdm.instruments import least_notional
from hoga.simulator.usdm.mark import mark_of
from hoga.simulator.usdm.orders import CONDITIONAL, lots_of, price_of
from hoga.simulator.usdm.payloads import ContractPrinter
from hoga.simulator.usdm.reports import LEGS
from hoga.simulator.usdm.settings import Settings

__all__ = ["AlgoOrders", "algo_event", "algo_row"]

_CLOSING = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
_LIMITED = ("STOP", "TAKE_PROFIT")
_TRAILING = "TRAILING_STOP_MARKET"
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTE_GTC")
_WORKING = ("CONTRACT_PRICE", "MARK_PRICE")
_MOST_OPEN = 200
_LEAST_CALLBACK_E8, _MOST_CALLBACK_E8 = E8 // 10, 10 * E8
_UNKNOWN = (-2011, "Unknown order sent.")
_NO_SUCH = (-2013, "Order does not exist.")


class AlgoOrders:
    """The endpoints, over a desk of conditional orders."""

    def __init__(self, desk: AlgoDesk, accounts: MarginAccounts, settings: Settings, settle: Callable[[], None]) -> None:
        self._desk = desk
        self._accounts = accounts
        self._settings = settings
        self._settle = settle
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "POST /fapi/v1/algoOrder": Endpoint(flat(0), self._place, signed, orders=1),
            "DELETE /fapi/v1/algoOrder": Endpoint(flat(1), self._cancel, signed),
            "GET /fapi/v1/algoOrder": Endpoint(flat(1), self._status, signed),
            "GET /fapi/v1/openAlgoOrders": Endpoint(one_or_all(1, 40), self._open, signed, lists=True),
            "GET /fapi/v1/allAlgoOrders": Endpoint(flat(5), self._all, signed),
            "DELETE /fapi/v1/algoOpenOrders": Endpoint(flat(1), self._cancel_all, signed),
        }

    # -- placing -----------------------------------------------------------

    def _place(self, api: Api, query: Query) -> Answer:
        self._settle()
        order = self._wanted(api, query)
        self._judge(order, api)
        self._desk.place(order, api.clock.now_ns())
        return algo_row(order)

    def _wanted(self, api: Api, query: Query) -> AlgoOrder:
        """The order that a request asks for, its parameters checked one by one."""
        if query.required("algoType") != "CONDITIONAL":
            raise ApiError(-1130, "Data sent for parameter 'algoType' is not valid.")
        market, side, kind = api.traded(query.required("symbol")), side_of(query), query.required("type")
        instrument = market.instrument
        if kind not in CONDITIONAL:
            raise ApiError(-1116, "Invalid orderType.")
        if instrument.symbol in api.engine.delisted:
            raise ApiError(-4108, "This contract is in delivery or delivered or closed or pre-trading.")
        leg, closes_all = self._settings.leg_of(query), query.flag("closePosition")
        if closes_all:
            _closes_all_only(query, kind)
        return AlgoOrder(
            account=query.account,
            instrument=instrument,
            client_id=client_id_of(query, "clientAlgoId"),
            side=side,
            kind=kind,
            time_in_force=_one_of(query, "timeInForce", _TIMES_IN_FORCE, -1115, "Invalid timeInForce."),
            lots=None if closes_all else lots_of(query, instrument),
            price=price_of(query, instrument) if kind in _LIMITED else None,
            trigger=None if kind == _TRAILING else price_of(query, instrument, "triggerPrice"),
            leg=leg,
            working=_one_of(query, "workingType", _WORKING, -1130, "Data sent for parameter 'workingType' is not valid."),
            closes_all=closes_all,
            reduce_only=query.flag("reduceOnly"),
            price_protect=query.flag("priceProtect"),
            prevention=prevention_of(query),
            activate=price_of(query, instrument, "activatePrice") if kind == _TRAILING and query.text("activatePrice") else None,
            callback_ppm=_callback_ppm(query) if kind == _TRAILING else 0,
        )

    def _judge(self, order: AlgoOrder, api: Api) -> None:
        """Hold an order against the market and its owner's other ones."""
        waiting = self._desk.open_of(order.account)
        if len(waiting) >= _MOST_OPEN:
            raise ApiError(-4045, "Reach max stop order limit.")
        if order.client_id and any(each.client_id == order.client_id for each in waiting):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        if order.closes_all and any(each.closes_all and _aims_alike(each, order) for each in waiting):
            raise ApiError(-4130, "An open stop or take profit order with GTE and closePosition in the direction is existing.")
        market = api.traded(order.symbol)
        only_closes = order.closes_all or order.reduce_only or order.leg * order.side < 0
        least = least_notional(order.symbol)
        at = order.price or order.trigger or market.tape.last_price
        if order.lots is not None and not only_closes and worth_e8(order.instrument, order.lots * at) < least * E8:
            raise ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
        if order.time_in_force == "GTE_GTC" and not self._accounts.position(order.account, order.instrument, order.leg).lots:
            raise ApiError(-4509, "Time in Force (TIF) GTE can only be used with open positions.")
        if is_met(order, _price_now(order, market, api)) and order.kind != _TRAILING:
            raise ApiError(-2021, "Order would immediately trigger.")

    # -- the others --------------------------------------------------------

    def _cancel(self, api: Api, query: Query) -> Answer:
        self._settle()
        order = self._find(api, query, *_UNKNOWN)
        if not order.is_open:
            raise ApiError(*_UNKNOWN)
        self._desk.cancel(order, api.clock.now_ns())
        return {"algoId": order.algo_id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def _cancel_all(self, api: Api, query: Query) -> Answer:
        symbol = api.instrument(query.required("symbol")).symbol
        self._settle()
        for order in self._desk.open_of(query.account, symbol):
            self._desk.cancel(order, api.clock.now_ns())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _status(self, api: Api, query: Query) -> Answer:
        return algo_row(self._find(api, query, *_NO_SUCH), asked_for=True)

    def _open(self, api: Api, query: Query) -> Answer:
        symbol, algo_id = query.text("symbol"), query.integer("algoId")
        if symbol is not None:
            api.instrument(symbol)
        orders = self._desk.open_of(query.account, symbol)
        return [algo_row(order, asked_for=True) for order in orders if algo_id in (None, order.algo_id)]

    def _all(self, api: Api, query: Query) -> Answer:
        symbol, first = api.instrument(query.required("symbol")).symbol, query.integer("algoId") or 0
        start, end = query.time_ns("startTime"), query.time_ns("endTime")
        rows = [
            algo_row(order, asked_for=True)
            for order in self._desk.of(query.account, symbol)
            if order.algo_id >= first and (start is None or order.created_ns >= start) and (end is None or order.created_ns <= end)
        ]
        return rows[-query.limit(500, 1_000) :]

    def _find(self, api: Api, query: Query, code: int, text: str) -> AlgoOrder:
        """The order that a request names. Raises ApiError with `code` and `text` when there is none."""
        algo_id, client_id = query.integer("algoId"), query.text("clientAlgoId")
        if algo_id is None and client_id is None:
            raise ApiError(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
        for order in reversed(list(self._desk.of(query.account))):
            if (algo_id is None or order.algo_id == algo_id) and (client_id is None or order.client_id == client_id):
                if api.denies(query, symbol=order.symbol, client_id=order.client_id):
                    break
                return order
        raise ApiError(code, text)


# -- rules ---------------------------------------------------------------------


def _closes_all_only(query: Query, kind: str) -> None:
    """Refuse what does not go with `closePosition`."""
    if kind not in _CLOSING:
        raise ApiError(-4136, f"Target strategy invalid for orderType '{kind}',closePosition 'true'")
    if query.text("quantity") is not None:
        raise ApiError(-4137, "Quantity must be zero with closePosition equals true.")
    if query.text("reduceOnly") is not None:
        raise ApiError(-1106, "Parameter 'reduceonly' sent when not required.")


def _one_of(query: Query, name: str, known: tuple[str, ...], code: int, text: str) -> str:
    """A word of several; the first one when it was not sent."""
    value = query.text(name) or known[0]
    if value not in known:
        raise ApiError(code, text)
    return value


def _callback_ppm(query: Query) -> int:
    rate_e8 = decimal_e8(query, "callbackRate")
    if rate_e8 is None:
        raise ApiError(-1102, "Mandatory parameter 'callbackRate' was not sent, was empty/null, or malformed.")
    if not _LEAST_CALLBACK_E8 <= rate_e8 <= _MOST_CALLBACK_E8:
        raise ApiError(-2007, "Invalid callback rate.")
    return rate_e8 * 10_000 // E8


def _aims_alike(one: AlgoOrder, other: AlgoOrder) -> bool:
    return (one.symbol, one.leg, one.side, one.takes_profit) == (other.symbol, other.leg, other.side, other.takes_profit)


def _price_now(order: AlgoOrder, market: Market, api: Api) -> int:
    """The price that an order watches, in ticks."""
    if order.working == "MARK_PRICE":
        return mark_of(market, api.clock.now_ns() // MS_NS).price // market.instrument.tick_e8
    return market.tape.last_price


# -- rows ----------------------------------------------------------------------


def algo_row(order: AlgoOrder, *, asked_for: bool = False) -> dict[str, Any]:
    """An order as the answer to placing it tells it; one that was `asked_for` tells what became of it, too."""
    printer, child = ContractPrinter(order.instrument), order.child
    row: dict[str, Any] = {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.kind,
        "symbol": order.symbol,
        "side": order.side.name,
        "positionSide": LEGS[order.leg],
        "timeInForce": order.time_in_force,
        "quantity": None if order.lots is None else printer.size(order.lots),
        "algoStatus": order.status,
    }
    if asked_for:
        average = printer.price(child.quote // child.filled) if child and child.filled else printer.price(0)
        row |= {"actualOrderId": str(child.order_id) if child else "", "actualPrice": average}
        row |= {"actualQty": printer.size(child.filled if child else 0), "actualType": child.kind if child else ""}
    row |= {
        "triggerPrice": printer.price(order.trigger or 0),
        "price": printer.price(order.price or 0),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.prevention,
        "workingType": order.working,
        "priceMatch": "NONE",
        "closePosition": order.closes_all,
        "priceProtect": order.price_protect,
        "reduceOnly": order.reduce_only,
        "activatePrice": "" if order.activate is None else printer.price(order.activate),
        "callbackRate": decimal_text(order.callback_ppm * E8 // 10_000, 1) if order.callback_ppm else "",
        "createTime": order.created_ns // MS_NS,
        "updateTime": order.updated_ns // MS_NS,
        "triggerTime": order.triggered_ns // MS_NS,
        "goodTillDate": 0,
    }
    return row


def algo_event(order: AlgoOrder, *, sent_ms: int) -> UserEvent:
    """What became of an order. `ai` is empty until it is one of the engine's; what that has done is told at its end."""
    printer, child, is_over = ContractPrinter(order.instrument), order.child, order.status is AlgoStatus.FINISHED
    filled = child.filled if child is not None and is_over else 0
    average = printer.price(child.quote // child.filled) if child is not None and filled else "0"
    kind = child.kind if child is not None and is_over else "0"
    text = (
        f'{{"e":"ALGO_UPDATE","T":{order.updated_ns // MS_NS},"E":{sent_ms},"o":{{"caid":"{order.client_id}","aid":{order.algo_id},'
        f'"at":"CONDITIONAL","o":"{order.kind}","s":"{order.symbol}","S":"{order.side.name}","ps":"{LEGS[order.leg]}",'
        f'"f":"{order.time_in_force}","q":"{printer.size(order.lots or 0)}","X":"{order.status}",'
        f'"ai":"{child.order_id if child else ""}","ap":"{average}","aq":"{printer.size(filled)}","act":"{kind}",'
        f'"tp":"{printer.price(order.trigger or 0)}","p":"{printer.price(order.price or 0)}","V":"{order.prevention}",'
        f'"wt":"{order.working}","pm":"NONE","cp":{bool_text(order.closes_all)},"pP":{bool_text(order.price_protect)},'
        f'"R":{bool_text(order.reduce_only)},"tt":{order.triggered_ns // MS_NS},"gtd":0,"rm":"{order.reason}"}}}}'
    )
    return UserEvent(order.account, "ALGO_UPDATE", text, f"ALGO_UPDATE/{order.status}/{order.symbol}")
