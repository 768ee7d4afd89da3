"""simulator.binance.spot_orders: spot's signed endpoints: orders, open orders, account, trades. Pure.

Market, limit and post-only orders reach the matching engine by the same path as the crowd's. Orders that wait for a trigger
are refused with -1020: the venue has them, this one does not.

Source: protocol sheet 4.2, 4.5 and 4.7.
"""

from __future__ import annotations

from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.order_count import OrderCount
from hoga.simulator.binance.orders import E8, MS_NS, BinanceOrder, OrderAnswers, client_id_of, decimal_e8, side_of
from hoga.simulator.binance.printer import e8_text
from hoga.simulator.binance.spot_reports import SpotReports
from hoga.simulator.engine import CashAccounts, Desk, Instrument, Market, OwnFill, Side, lots_for, worth_e8

__all__ = ["SpotOrders"]

_KINDS = ("LIMIT", "MARKET", "LIMIT_MAKER")
_TRIGGERED = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
_REPLIES = ("ACK", "RESULT", "FULL")
_LEAST_NOTIONAL_E8 = 5 * E8
_MOST_OPEN = 200
_UNKNOWN = (-2011, "Unknown order sent.")


class SpotOrders:
    """The endpoints, over an order desk and its accounts."""

    def __init__(self, desk: Desk[BinanceOrder], accounts: CashAccounts, reports: SpotReports, counts: OrderCount) -> None:
        self._desk = desk
        self._accounts = accounts
        self._reports = reports
        self._counts = counts
        self._answers = answers = OrderAnswers(desk, row=_row, trade_row=_trade_row)
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "POST /api/v3/order": Endpoint(flat(1), self._place, signed, free=True, orders=1),
            "POST /api/v3/order/test": Endpoint(flat(1), self._test, signed),
            "DELETE /api/v3/order": Endpoint(flat(1), self._cancel, signed, free=True),
            "GET /api/v3/order": Endpoint(flat(4), answers.status, signed),
            "GET /api/v3/openOrders": Endpoint(one_or_all(6, 80), answers.open, signed, lists=True),
            "DELETE /api/v3/openOrders": Endpoint(flat(1), self._cancel_all, signed, free=True),
            "GET /api/v3/allOrders": Endpoint(flat(20), answers.all, signed),
            "GET /api/v3/account": Endpoint(flat(20), self._account, signed, lists=True),
            "GET /api/v3/myTrades": Endpoint(flat(20), answers.trades, signed),
            "GET /api/v3/rateLimit/order": Endpoint(flat(40), self._rates, signed),
        }

    # -- orders ------------------------------------------------------------

    def _place(self, api: Api, query: Query) -> Answer:
        order, reply = self._wanted(api, query)
        if order.price is None:
            order.share = api.share_of(query.asked)
        self._desk.place(order, api.clock.now_ns())
        if reply == "ACK":
            return {key: value for key, value in _placed(order).items() if key in _ACK}
        return _placed(order) | ({"fills": [_fill_row(order, fill) for fill in order.fills]} if reply == "FULL" else {})

    def _test(self, api: Api, query: Query) -> Answer:
        self._wanted(api, query)
        return {}

    def _wanted(self, api: Api, query: Query) -> tuple[BinanceOrder, str]:
        """(the order, the kind of reply) that a request asks for, judged by every rule before the engine's."""
        symbol, side, kind = query.required("symbol"), side_of(query), query.required("type")
        if kind in _TRIGGERED:
            raise ApiError(-1020, "This operation is not supported.")
        if kind not in _KINDS:
            raise ApiError(-1116, "Invalid orderType.")
        market = api.market(symbol)
        if symbol in api.engine.delisted:
            raise ApiError(-2010, "Market is closed.")
        reply = query.text("newOrderRespType") or "FULL"
        if reply not in _REPLIES:
            raise ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        instrument, quote_wanted_e8 = market.instrument, decimal_e8(query, "quoteOrderQty") or 0
        price = None if kind == "MARKET" else _price(query, market)
        lots = _lots(query, market, side, kind, quote_wanted_e8)
        order = BinanceOrder(
            account=query.account,
            instrument=instrument,
            client_id=client_id_of(query),
            side=side,
            kind=kind,
            time_in_force=_time_in_force(query, kind),
            lots=lots,
            price=price,
            quote_wanted_e8=quote_wanted_e8,
        )
        self._judge(order, market)
        return order, reply

    def _judge(self, order: BinanceOrder, market: Market) -> None:
        at = order.price or market.tape.last_price
        if worth_e8(order.instrument, order.lots * at) < _LEAST_NOTIONAL_E8:
            raise _failed("NOTIONAL")
        if len(self._desk.open_of(order.account, order.symbol)) >= _MOST_OPEN:
            raise _failed("MAX_NUM_ORDERS")
        if self._answers.has_open(order):
            raise ApiError(-2010, "Duplicate order sent.")
        if not self._accounts.covers(order, at=at):
            raise ApiError(-2010, "Account has insufficient balance for requested action.")

    def _cancel(self, api: Api, query: Query) -> Answer:
        request_id = client_id_of(query)
        api.market(query.required("symbol"))
        self._desk.settle(api.clock.now_ns())
        order = self._answers.find(api, query, missing=ApiError(*_UNKNOWN))
        restriction = query.text("cancelRestrictions")
        if restriction not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
            raise ApiError(-1145, "Invalid cancelRestrictions")
        if not order.is_open or (restriction is not None and restriction != f"ONLY_{order.status}"):
            raise ApiError(*_UNKNOWN)
        return self._end(order, api.clock.now_ns(), request_id)

    def _cancel_all(self, api: Api, query: Query) -> Answer:
        symbol = query.required("symbol")
        api.market(symbol)
        self._desk.settle(api.clock.now_ns())
        orders = self._desk.open_of(query.account, symbol)
        if not orders:
            raise ApiError(*_UNKNOWN)
        return [self._end(order, api.clock.now_ns(), "") for order in orders]

    def _end(self, order: BinanceOrder, now_ns: int, request_id: str) -> dict[str, Any]:
        order.cancel_id = request_id or f"cancel{order.order_id}"
        self._desk.cancel(order, now_ns)
        placed = _placed(order)
        placed["clientOrderId"], placed["transactTime"] = order.cancel_id, order.updated_ms
        return {"symbol": placed.pop("symbol"), "origClientOrderId": order.client_id, **placed}

    def state(self, account: str) -> dict[str, Any]:
        """What an account really has: its balances, its open orders, and every order's fills."""
        return {
            "balances": self._balances(account, all_of_them=False),
            "open_orders": [_row(order) for order in self._desk.open_of(account)],
            "trades": [_trade_row(order, fill) for order in self._desk.of(account) for fill in order.fills],
        }

    # -- account -----------------------------------------------------------

    def _account(self, api: Api, query: Query) -> Answer:
        rows = self._balances(query.account, all_of_them=not query.flag("omitZeroBalances"))
        rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._reports.updated_ms.get(query.account, 0),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": 1 + sum(query.account.encode()),
        }

    def _balances(self, account: str, *, all_of_them: bool) -> list[dict[str, str]]:
        return [
            {"asset": asset, "free": e8_text(wallet.free), "locked": e8_text(wallet.locked)}
            for asset, wallet in self._accounts.of(account).items()
            if wallet.free or wallet.locked or all_of_them
        ]

    def _rates(self, api: Api, query: Query) -> Answer:
        used = self._counts.used(query.account, api.clock.now_ns())
        return [
            {"rateLimitType": "ORDERS", **window.words(), "limit": window.limit, "count": used[window.name]}
            for window in self._counts.windows
        ]


# -- rules ---------------------------------------------------------------------


def _failed(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def _missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _price(query: Query, market: Market) -> int:
    value_e8 = decimal_e8(query, "price")
    if value_e8 is None:
        raise _missing("price")
    ticks, rest = divmod(value_e8, market.instrument.tick_e8)
    if rest or not ticks:
        raise _failed("PRICE_FILTER")
    if not market.tape.last_price <= ticks * 5 <= market.tape.last_price * 25:
        raise _failed("PERCENT_PRICE_BY_SIDE")
    return ticks


def _lots(query: Query, market: Market, side: Side, kind: str, quote_e8: int) -> int:
    size_e8 = decimal_e8(query, "quantity")
    if quote_e8 and (kind != "MARKET" or size_e8 is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if quote_e8:
        lots = lots_for(market, side, quote_e8)
        if not lots:
            raise _failed("NOTIONAL")
        return lots
    if size_e8 is None:
        raise _missing("quantity")
    lots, rest = divmod(size_e8, market.instrument.lot_e8)
    if rest or not lots:
        raise _failed("LOT_SIZE")
    return lots


def _time_in_force(query: Query, kind: str) -> str:
    text = query.text("timeInForce")
    if kind != "LIMIT":
        if text is not None:
            raise ApiError(-1106, "Parameter 'timeInForce' sent when not required.")
        return "GTC"
    if text is None:
        raise _missing("timeInForce")
    if text not in _TIMES_IN_FORCE:
        raise ApiError(-1115, "Invalid timeInForce.")
    return text


# -- rows ----------------------------------------------------------------------

_ACK = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")


def _figures(order: BinanceOrder) -> dict[str, Any]:
    instrument: Instrument = order.instrument
    return {
        "price": e8_text((order.price or 0) * instrument.tick_e8),
        "origQty": e8_text(order.lots * instrument.lot_e8),
        "executedQty": e8_text(order.filled * instrument.lot_e8),
        "origQuoteOrderQty": e8_text(order.quote_wanted_e8),
        "cummulativeQuoteQty": e8_text(worth_e8(instrument, order.quote)),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "side": order.side.name,
    }


def _placed(order: BinanceOrder) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.created_ms,
        **_figures(order),
        "workingTime": order.created_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def _row(order: BinanceOrder) -> dict[str, Any]:
    figures = _figures(order)
    quote = figures.pop("origQuoteOrderQty")
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **figures,
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": quote,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def _fill_row(order: BinanceOrder, fill: OwnFill) -> dict[str, Any]:
    return {
        "price": e8_text(fill.price * order.instrument.tick_e8),
        "qty": e8_text(fill.lots * order.instrument.lot_e8),
        "commission": e8_text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def _trade_row(order: BinanceOrder, fill: OwnFill) -> dict[str, Any]:
    row = _fill_row(order, fill)
    return {
        "symbol": order.symbol,
        "id": row.pop("tradeId"),
        "orderId": order.order_id,
        "orderListId": -1,
        "price": row["price"],
        "qty": row["qty"],
        "quoteQty": e8_text(worth_e8(order.instrument, fill.quote)),
        "commission": row["commission"],
        "commissionAsset": row["commissionAsset"],
        "time": fill.time_ns // MS_NS,
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }
