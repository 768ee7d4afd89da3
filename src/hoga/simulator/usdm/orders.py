"""simulator.usdm.orders: the futures venue's signed endpoints about orders, and the dead-man's switch. Pure.

Conditional orders are refused with -4120, as on the venue since 2025-12: `usdm.algo_orders` takes them. An order that may only close is
refused with -2022 where there is nothing for it to close, and with -4118 where others rest that close all of it.

Source: protocol sheet 4.2, 4.6 and 4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.orders import (
    E8,
    MS_NS,
    OrderAnswers,
    client_id_of,
    decimal_e8,
    prevention_of,
    side_of,
)
from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Desk, Instrument, MarginAccounts, Market, OwnFill, Side, worth_e8
from hoga.simulator.faults import Asked
from hoga.simulator.usdm.algo import AlgoOrder
from hoga.simulator.usdm.instruments import digits_of, least_notional, most_lots
from hoga.simulator.usdm.mark import mark_of
from hoga.simulator.usdm.payloads import ContractPrinter
from hoga.simulator.usdm.reports import ASSET, LEGS, FuturesOrder, FuturesReports
from hoga.simulator.usdm.rules import FuturesRules
from hoga.simulator.usdm.settings import Settings

__all__ = ["CONDITIONAL", "FuturesOrders", "lots_of", "price_of"]

CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
"""Types of orders that wait for a trigger."""
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
_MARKET_BOUND = 0.05
_KNOCKED_OUT = "4"
_UNKNOWN = (-2011, "Unknown order sent.")


class FuturesOrders:
    """The endpoints, over an order desk and its accounts. `waiting(account, symbol)` are conditional orders, `cancel_waiting` ends one."""

    def __init__(
        self,
        desk: Desk[FuturesOrder],
        accounts: MarginAccounts,
        settings: Settings,
        reports: FuturesReports,
        rules: FuturesRules,
        *,
        waiting: Callable[[str, str], list[AlgoOrder]],
        cancel_waiting: Callable[[AlgoOrder, int], None],
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._settings = settings
        self._reports = reports
        self._rules = rules
        self._waiting = waiting
        self._cancel_waiting = cancel_waiting
        self._answers = answers = OrderAnswers(desk, row=_row, trade_row=_trade_row)
        self._countdowns: dict[tuple[str, str], int] = {}
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "POST /fapi/v1/order": Endpoint(flat(0), self._place, signed, orders=1),
            "POST /fapi/v1/order/test": Endpoint(flat(0), self._test, signed),
            "PUT /fapi/v1/order": Endpoint(flat(0), self._modify, signed, orders=1),
            "DELETE /fapi/v1/order": Endpoint(flat(1), self._cancel, signed),
            "GET /fapi/v1/order": Endpoint(flat(1), answers.status, signed),
            "GET /fapi/v1/openOrder": Endpoint(flat(1), self._status_open, signed),
            "GET /fapi/v1/openOrders": Endpoint(one_or_all(1, 40), answers.open, signed, lists=True),
            "DELETE /fapi/v1/allOpenOrders": Endpoint(flat(1), self._cancel_all, signed),
            "GET /fapi/v1/allOrders": Endpoint(flat(5), answers.all, signed),
            "GET /fapi/v1/userTrades": Endpoint(flat(5), answers.trades, signed),
            "POST /fapi/v1/countdownCancelAll": Endpoint(flat(10), self._countdown, signed),
        }

    def state(self, account: str) -> dict[str, Any]:
        """An account's open orders, and every order's fills."""
        return {
            "open_orders": [_row(order) for order in self._desk.open_of(account)],
            "trades": [_trade_row(order, fill) for order in self._desk.of(account) for fill in order.fills],
        }

    def run_down(self, now_ns: int) -> None:
        """Cancel where a dead-man's countdown has ended."""
        for (account, symbol), due_ns in list(self._countdowns.items()):
            if now_ns >= due_ns:
                del self._countdowns[account, symbol]
                for order in self._desk.open_of(account, symbol):
                    self._desk.cancel(order, now_ns)
                for waiting in self._waiting(account, symbol) if self._rules.countdown_takes_algo else []:
                    self._cancel_waiting(waiting, now_ns)

    def submit(self, order: FuturesOrder, api: Api) -> None:
        """Judge an order by every rule before the engine's, and place it. Raises ApiError."""
        now_ns, market = api.clock.now_ns(), api.engine.market(order.symbol)
        self._desk.settle(now_ns)
        self._judge(order, market)
        if order.price is None:
            order.share = api.share_of(Asked("POST", "/fapi/v1/order", order.symbol, order.client_id))
            order.bound = self._bound(order, market)
        self._desk.place(order, now_ns)
        self.knock_out(now_ns)

    def knock_out(self, now_ns: int) -> None:
        """End the orders that could only close a position and find none any more, and cut those that are too large for it."""
        closable: dict[tuple[str, str, int, int], int] = {}
        for order in self._desk.everyones_open():
            if not order.only_closes:
                continue
            key = (order.account, order.symbol, order.leg, int(order.side))
            if key not in closable:
                closable[key] = abs(self._accounts.position_of(order).lots) if self._accounts.reduces(order) else 0
            left = min(order.left, closable[key])
            closable[key] -= left
            if not left:
                order.why = _KNOCKED_OUT
                self._desk.expire(order, now_ns)
            elif left < order.left:
                self._desk.shrink(order, left, now_ns)

    def _bound(self, order: FuturesOrder, market: Market) -> int:
        """The worst price that an order at market takes. Raises ApiError when nobody is within it."""
        mark = self._accounts.mark_e8(order.symbol) // market.instrument.tick_e8
        bound = int(mark * (1 + order.side * _MARKET_BOUND))
        best = market.top.ask if order.side is Side.BUY else market.top.bid
        if not best or (bound - best) * order.side < 0:
            raise ApiError(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
        return bound

    # -- orders ------------------------------------------------------------

    def _place(self, api: Api, query: Query) -> Answer:
        order, _ = self._wanted(api, query)
        self.submit(order, api)
        return _reply(order)

    def _test(self, api: Api, query: Query) -> Answer:
        order, market = self._wanted(api, query)
        self._desk.settle(api.clock.now_ns())
        self._judge(order, market)
        return {}

    def _wanted(self, api: Api, query: Query) -> tuple[FuturesOrder, Market]:
        """The order that a request asks for, and its market."""
        symbol, side, kind = query.required("symbol"), side_of(query), query.required("type")
        if kind in CONDITIONAL:
            raise ApiError(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
        if kind not in ("LIMIT", "MARKET"):
            raise ApiError(-1116, "Invalid orderType.")
        leg = self._settings.leg_of(query)
        market = api.traded(symbol)
        if symbol in api.engine.delisted:
            raise ApiError(-4108, "This contract is in delivery or delivered or closed or pre-trading.")
        order = FuturesOrder(
            account=query.account,
            instrument=market.instrument,
            client_id=client_id_of(query),
            side=side,
            kind=kind,
            time_in_force=_time_in_force(query, kind),
            lots=lots_of(query, market.instrument, at_market=kind == "MARKET"),
            price=None if kind == "MARKET" else _limit_of(api, query, market),
            reduce_only=query.flag("reduceOnly"),
            leg=leg,
            prevention=prevention_of(query),
        )
        return order, market

    def _judge(self, order: FuturesOrder, market: Market) -> None:
        at, account = order.price or market.tape.last_price, order.account
        value_e8 = worth_e8(order.instrument, order.lots * at)
        least = least_notional(order.symbol)
        if value_e8 < least * E8 and not order.only_closes:
            raise ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
        if self._answers.has_open(order):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        if order.only_closes:
            order.lots = min(order.lots, self._closable(order))
        if not self._accounts.covers(order, self._desk.open_of(account), at=at):
            raise ApiError(-2019, "Margin is insufficient.")

    def _closable(self, order: FuturesOrder) -> int:
        """How many lots an order that may only close can close, beside those that rest already. Raises ApiError when there are none."""
        held = abs(self._accounts.position_of(order).lots)
        if not self._accounts.reduces(order) or (order.leg and order.lots > held):
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        if order.first_kind:  # a conditional order's child takes precedence; what rests is knocked out by it
            return held
        resting = sum(
            each.left
            for each in self._desk.open_of(order.account, order.symbol)
            if each.only_closes and (each.leg, each.side) == (order.leg, order.side)
        )
        if resting >= held or self._is_blocked(order):
            raise ApiError(-4118, "ReduceOnly Order Failed. Please check your existing position and open orders.")
        return held - resting

    def _modify(self, api: Api, query: Query) -> Answer:
        market, side = api.traded(query.required("symbol")), side_of(query)
        lots, price = lots_of(query, market.instrument), _limit_of(api, query, market)
        self._desk.settle(api.clock.now_ns())
        order = self._answers.find(api, query, missing=ApiError(-2013, "Order does not exist."))
        if not order.is_open or order.price is None or order.side is not side:
            raise ApiError(-2013, "Order does not exist.")
        if (lots, price) == (order.lots, order.price):
            raise ApiError(-5027, "No need to modify the order.")
        self._desk.amend(order, lots, price, lambda: self._reports.amended(order), api.clock.now_ns())
        return _reply(order)

    def _cancel(self, api: Api, query: Query) -> Answer:
        api.traded(query.required("symbol"))
        self._desk.settle(api.clock.now_ns())
        order = self._answers.find(api, query, missing=ApiError(*_UNKNOWN))
        if not order.is_open:
            raise ApiError(*_UNKNOWN)
        self._desk.cancel(order, api.clock.now_ns())
        return _reply(order)

    def _is_blocked(self, order: FuturesOrder) -> bool:
        """Whether a conditional order that closes the whole position stands in the way, where the venue's rules say so."""
        waiting = self._waiting(order.account, order.symbol) if self._rules.close_position_blocks else []
        return any(each.closes_all and (each.leg, each.side) == (order.leg, order.side) for each in waiting)

    def _cancel_all(self, api: Api, query: Query) -> Answer:
        symbol = query.required("symbol")
        api.traded(symbol)
        self._desk.settle(api.clock.now_ns())
        for order in self._desk.open_of(query.account, symbol):
            self._desk.cancel(order, api.clock.now_ns())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _status_open(self, api: Api, query: Query) -> Answer:
        api.instrument(query.required("symbol"))
        order = self._answers.find(api, query, missing=ApiError(-2013, "Order does not exist."))
        if not order.is_open:
            raise ApiError(-2013, "Order does not exist.")
        return _row(order)

    def _countdown(self, api: Api, query: Query) -> Answer:
        symbol, wait_ms = api.instrument(query.required("symbol")).symbol, int(query.required("countdownTime"))
        self._countdowns.pop((query.account, symbol), None)
        if wait_ms > 0:
            self._countdowns[query.account, symbol] = api.clock.now_ns() + wait_ms * MS_NS
        return {"symbol": symbol, "countdownTime": str(wait_ms)}


# -- rules ---------------------------------------------------------------------


def price_of(query: Query, instrument: Instrument, name: str = "price") -> int:
    """A price parameter that must be there, in ticks."""
    value_e8 = decimal_e8(query, name, places=digits_of(instrument).price)
    if value_e8 is None:
        raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    ticks, rest = divmod(value_e8, instrument.tick_e8)
    if rest or not ticks:
        raise ApiError(-4014, "Price not increased by tick size.")
    return ticks


def _limit_of(api: Api, query: Query, market: Market) -> int:
    ticks = price_of(query, market.instrument)
    value_e8 = ticks * market.instrument.tick_e8
    mark_e8 = mark_of(market, api.clock.now_ns() // MS_NS).price
    if query.required("side") == "BUY" and value_e8 * 20 > mark_e8 * 21:
        raise ApiError(-4016, "Limit price can't be higher than the price cap.")
    if query.required("side") == "SELL" and value_e8 * 20 < mark_e8 * 19:
        raise ApiError(-4024, "Limit price can't be lower than the price floor.")
    return ticks


def lots_of(query: Query, instrument: Instrument, *, at_market: bool = False) -> int:
    """The quantity, in lots."""
    size_e8 = decimal_e8(query, "quantity", places=digits_of(instrument).size)
    if size_e8 is None:
        raise ApiError(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
    lots, rest = divmod(size_e8, instrument.lot_e8)
    if rest:
        raise ApiError(-4023, "Qty not increased by step size.")
    if not lots:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    if lots > most_lots(instrument, at_market=at_market):
        raise ApiError(-4005, "Quantity greater than max quantity.")
    return lots


def _time_in_force(query: Query, kind: str) -> str:
    text = query.text("timeInForce")
    if kind == "MARKET":
        return "GTC"
    if text is None:
        raise ApiError(-1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.")
    if text not in _TIMES_IN_FORCE:
        raise ApiError(-1115, "Invalid timeInForce.")
    return text


# -- rows ----------------------------------------------------------------------


def _reply(order: FuturesOrder) -> dict[str, Any]:
    """Place and cancel replies: without `avgPrice` and `cumQuote` since June 2026."""
    printer = ContractPrinter(order.instrument)
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "pair": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": printer.price(order.price or 0),
        "origQty": printer.size(order.lots),
        "executedQty": printer.size(order.filled),
        "cumQty": printer.size(order.filled),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.closes_all,
        "side": order.side.name,
        "positionSide": LEGS[order.leg],
        "stopPrice": printer.price(order.trigger),
        "workingType": order.working,
        "priceProtect": False,
        "origType": order.first_kind or order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.prevention,
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    }


def _row(order: FuturesOrder) -> dict[str, Any]:
    printer, row = ContractPrinter(order.instrument), _reply(order)
    del row["cumQty"]
    average = printer.price(order.quote // order.filled) if order.filled else printer.price(0)
    return row | {"avgPrice": average, "cumQuote": printer.quote(order.quote), "time": order.created_ms}


def _trade_row(order: FuturesOrder, fill: OwnFill) -> dict[str, Any]:
    printer = ContractPrinter(order.instrument)
    return {
        "symbol": order.symbol,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "side": order.side.name,
        "price": printer.price(fill.price),
        "qty": printer.size(fill.lots),
        "quoteQty": printer.quote(fill.quote),
        "marginAsset": ASSET,
        "commissionAsset": ASSET,
        "commission": decimal_text(fill.fee, 8),
        "realizedPnl": decimal_text(fill.realized, 8),
        "time": fill.time_ns // MS_NS,
        "positionSide": LEGS[order.leg],
        "buyer": order.side.name == "BUY",
        "maker": fill.maker,
    }
