"""simulator.usdm.orders: the futures venue's signed endpoints: orders, positions, account, the dead-man's switch. Pure.

Conditional orders are refused with -4120, as on the venue since 2025-12; there is no `algoOrder` here to take them.

Source: protocol sheet 4.2, 4.6 and 4.7.
"""

from __future__ import annotations

from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.orders import E8, MS_NS, BinanceOrder, OrderAnswers, client_id_of, decimal_e8, side_of
from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Desk, Instrument, MarginAccounts, Market, OwnFill, Position, worth_e8
from hoga.simulator.usdm.instruments import digits_of, least_notional
from hoga.simulator.usdm.mark import mark_of
from hoga.simulator.usdm.payloads import ContractPrinter
from hoga.simulator.usdm.reports import ASSET, LEVERAGE

__all__ = ["FuturesOrders"]

_CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
_UNKNOWN = (-2011, "Unknown order sent.")


class FuturesOrders:
    """The endpoints, over an order desk and its accounts."""

    def __init__(self, desk: Desk[BinanceOrder], accounts: MarginAccounts) -> None:
        self._desk = desk
        self._accounts = accounts
        self._answers = answers = OrderAnswers(desk, row=_row, trade_row=_trade_row)
        self._countdowns: dict[tuple[str, str], int] = {}
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "POST /fapi/v1/order": Endpoint(flat(0), self._place, signed, orders=1),
            "POST /fapi/v1/order/test": Endpoint(flat(0), self._test, signed),
            "DELETE /fapi/v1/order": Endpoint(flat(1), self._cancel, signed),
            "GET /fapi/v1/order": Endpoint(flat(1), answers.status, signed),
            "GET /fapi/v1/openOrder": Endpoint(flat(1), self._status_open, signed),
            "GET /fapi/v1/openOrders": Endpoint(one_or_all(1, 40), answers.open, signed),
            "DELETE /fapi/v1/allOpenOrders": Endpoint(flat(1), self._cancel_all, signed),
            "GET /fapi/v1/allOrders": Endpoint(flat(5), answers.all, signed),
            "GET /fapi/v1/userTrades": Endpoint(flat(5), answers.trades, signed),
            "POST /fapi/v1/countdownCancelAll": Endpoint(flat(10), self._countdown, signed),
            "GET /fapi/v1/positionSide/dual": Endpoint(flat(30), self._dual, signed),
            "GET /fapi/v1/leverageBracket": Endpoint(flat(1), self._brackets, signed),
            "GET /fapi/v1/symbolConfig": Endpoint(flat(5), self._symbol_config, signed),
            "GET /fapi/v3/positionRisk": Endpoint(flat(5), self._risk, signed),
            "GET /fapi/v2/positionRisk": Endpoint(flat(5), self._risk, signed),
            "GET /fapi/v3/balance": Endpoint(flat(5), self._balance, signed),
            "GET /fapi/v2/balance": Endpoint(flat(5), self._balance, signed),
            "GET /fapi/v3/account": Endpoint(flat(5), self._account, signed),
            "GET /fapi/v2/account": Endpoint(flat(5), self._account, signed),
        }

    def run_down(self, now_ns: int) -> None:
        """Cancel where a dead-man's countdown has ended."""
        for (account, symbol), due_ns in list(self._countdowns.items()):
            if now_ns >= due_ns:
                del self._countdowns[account, symbol]
                for order in self._desk.open_of(account, symbol):
                    self._desk.cancel(order, now_ns)

    # -- orders ------------------------------------------------------------

    def _place(self, api: Api, query: Query) -> Answer:
        order = self._wanted(api, query)
        self._desk.place(order, api.clock.now_ns())
        return _reply(order)

    def _test(self, api: Api, query: Query) -> Answer:
        self._wanted(api, query)
        return {}

    def _wanted(self, api: Api, query: Query) -> BinanceOrder:
        """The order that a request asks for, judged by every rule before the engine's."""
        symbol, side, kind = query.required("symbol"), side_of(query), query.required("type")
        if kind in _CONDITIONAL:
            raise ApiError(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
        if kind not in ("LIMIT", "MARKET"):
            raise ApiError(-1116, "Invalid orderType.")
        if (query.text("positionSide") or "BOTH") != "BOTH":
            raise ApiError(-4061, "Order's position side does not match user's setting.")
        market = api.market(symbol)
        if symbol in api.engine.delisted:
            raise ApiError(-4108, "This contract is in delivery or delivered or closed or pre-trading.")
        reduce_only = query.flag("reduceOnly")
        order = BinanceOrder(
            account=query.account,
            instrument=market.instrument,
            client_id=client_id_of(query),
            side=side,
            kind=kind,
            time_in_force=_time_in_force(query, kind),
            lots=_lots(query, market.instrument),
            price=None if kind == "MARKET" else _price(api, query, market),
            reduce_only=reduce_only,
        )
        self._desk.settle(api.clock.now_ns())
        self._judge(order, market)
        return order

    def _judge(self, order: BinanceOrder, market: Market) -> None:
        at, account = order.price or market.tape.last_price, order.account
        value_e8 = worth_e8(order.instrument, order.lots * at)
        least = least_notional(order.symbol)
        if value_e8 < least * E8 and not order.reduce_only:
            raise ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
        if self._answers.has_open(order):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        if order.reduce_only and not self._accounts.reduces(order):
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        if not self._accounts.covers(order, self._desk.open_of(account), at=at):
            raise ApiError(-2019, "Margin is insufficient.")
        if order.reduce_only:
            order.lots = min(order.lots, abs(self._accounts.position(account, order.instrument).lots))

    def _cancel(self, api: Api, query: Query) -> Answer:
        api.market(query.required("symbol"))
        self._desk.settle(api.clock.now_ns())
        order = self._answers.find(query, missing=ApiError(*_UNKNOWN))
        if not order.is_open:
            raise ApiError(*_UNKNOWN)
        self._desk.cancel(order, api.clock.now_ns())
        return _reply(order)

    def _cancel_all(self, api: Api, query: Query) -> Answer:
        symbol = query.required("symbol")
        api.market(symbol)
        self._desk.settle(api.clock.now_ns())
        for order in self._desk.open_of(query.account, symbol):
            self._desk.cancel(order, api.clock.now_ns())
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _status_open(self, api: Api, query: Query) -> Answer:
        api.instrument(query.required("symbol"))
        order = self._answers.find(query, missing=ApiError(-2013, "Order does not exist."))
        if not order.is_open:
            raise ApiError(-2013, "Order does not exist.")
        return _row(order)

    def _countdown(self, api: Api, query: Query) -> Answer:
        symbol, wait_ms = api.instrument(query.required("symbol")).symbol, int(query.required("countdownTime"))
        self._countdowns.pop((query.account, symbol), None)
        if wait_ms > 0:
            self._countdowns[query.account, symbol] = api.clock.now_ns() + wait_ms * MS_NS
        return {"symbol": symbol, "countdownTime": str(wait_ms)}

    # -- account -----------------------------------------------------------

    def _dual(self, api: Api, query: Query) -> Answer:
        return {"dualSidePosition": False}

    def _brackets(self, api: Api, query: Query) -> Answer:
        bracket = {
            "bracket": 1,
            "initialLeverage": LEVERAGE,
            "notionalCap": 1_000_000_000,
            "notionalFloor": 0,
            "maintMarginRatio": 0.025,
            "cum": 0.0,
        }
        symbol = query.text("symbol")
        names = [api.instrument(symbol).symbol] if symbol else list(api.engine.instruments)
        return [{"symbol": name, "notionalCoef": 1.0, "brackets": [bracket]} for name in names]

    def _symbol_config(self, api: Api, query: Query) -> Answer:
        symbol = query.text("symbol")
        names = [api.instrument(symbol).symbol] if symbol else list(api.engine.instruments)
        fixed = {"marginType": "CROSSED", "isAutoAddMargin": False, "leverage": LEVERAGE, "maxNotionalValue": "1000000000"}
        return [{"symbol": name, **fixed} for name in names]

    def _risk(self, api: Api, query: Query) -> Answer:
        symbol = query.text("symbol")
        self._desk.settle(api.clock.now_ns())
        held = self._accounts.of(query.account).values()
        return [self._risk_row(position) for position in held if position.lots and symbol in (None, position.instrument.symbol)]

    def _risk_row(self, position: Position) -> dict[str, Any]:
        instrument = position.instrument
        mark_e8, amount = self._accounts.mark_e8(instrument.symbol), _amount(position)
        notional = decimal_text(mark_e8 * position.lots * instrument.lot_e8 // E8, 8)
        margin = decimal_text(abs(mark_e8 * position.lots * instrument.lot_e8 // E8) // LEVERAGE, 8)
        return {
            "symbol": instrument.symbol,
            "positionSide": "BOTH",
            "positionAmt": amount,
            "entryPrice": decimal_text(position.entry_e8(), 8),
            "breakEvenPrice": decimal_text(position.entry_e8(), 8),
            "markPrice": decimal_text(mark_e8, 8),
            "unRealizedProfit": decimal_text(position.profit_e8(mark_e8), 8),
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "notional": notional,
            "marginAsset": ASSET,
            "isolatedWallet": "0",
            "initialMargin": margin,
            "maintMargin": margin,
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": position.updated_ns // MS_NS,
        }

    def _balance(self, api: Api, query: Query) -> Answer:
        wallet = self._accounts.wallet(query.account, self._desk.open_of(query.account))
        balance, available = decimal_text(wallet.balance_e8, 8), decimal_text(wallet.available_e8, 8)
        return [
            {
                "accountAlias": "sim",
                "asset": ASSET,
                "balance": balance,
                "crossWalletBalance": balance,
                "crossUnPnl": decimal_text(wallet.profit_e8, 8),
                "availableBalance": available,
                "maxWithdrawAmount": available,
                "marginAvailable": True,
                "updateTime": api.now(query),
            }
        ]

    def _account(self, api: Api, query: Query) -> Answer:
        self._desk.settle(api.clock.now_ns())
        wallet = self._accounts.wallet(query.account, self._desk.open_of(query.account))
        balance, profit = decimal_text(wallet.balance_e8, 8), decimal_text(wallet.profit_e8, 8)
        bound, available = decimal_text(wallet.bound_e8, 8), decimal_text(wallet.available_e8, 8)
        money = {
            "initialMargin": bound,
            "maintMargin": bound,
            "walletBalance": balance,
            "unrealizedProfit": profit,
            "marginBalance": decimal_text(wallet.balance_e8 + wallet.profit_e8, 8),
        }
        totals = {f"total{key[0].upper()}{key[1:]}": value for key, value in money.items()}
        asset = {"asset": ASSET, **money, "availableBalance": available, "maxWithdrawAmount": available, "updateTime": api.now(query)}
        held = [position for position in self._accounts.of(query.account).values() if position.lots]
        rows = [
            {"symbol": p.instrument.symbol, "positionSide": "BOTH", "positionAmt": _amount(p), "updateTime": p.updated_ns // MS_NS}
            | {key: value for key, value in self._risk_row(p).items() if key in ("notional", "isolatedMargin", "initialMargin")}
            | {"unrealizedProfit": self._risk_row(p)["unRealizedProfit"], "maintMargin": self._risk_row(p)["maintMargin"]}
            for p in held
        ]
        return {**totals, "availableBalance": available, "maxWithdrawAmount": available, "assets": [asset], "positions": rows}


# -- rules ---------------------------------------------------------------------


def _price(api: Api, query: Query, market: Market) -> int:
    value_e8 = decimal_e8(query, "price", places=digits_of(market.instrument).price)
    if value_e8 is None:
        raise ApiError(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.")
    ticks, rest = divmod(value_e8, market.instrument.tick_e8)
    if rest or not ticks:
        raise ApiError(-4014, "Price not increased by tick size.")
    mark_e8 = mark_of(market, api.clock.now_ns() // MS_NS).price
    if query.required("side") == "BUY" and value_e8 * 20 > mark_e8 * 21:
        raise ApiError(-4016, "Limit price can't be higher than the price cap.")
    if query.required("side") == "SELL" and value_e8 * 20 < mark_e8 * 19:
        raise ApiError(-4024, "Limit price can't be lower than the price floor.")
    return ticks


def _lots(query: Query, instrument: Instrument) -> int:
    size_e8 = decimal_e8(query, "quantity", places=digits_of(instrument).size)
    if size_e8 is None:
        raise ApiError(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
    lots, rest = divmod(size_e8, instrument.lot_e8)
    if rest:
        raise ApiError(-4023, "Qty not increased by step size.")
    if not lots:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    if lots > instrument.typical_lots * 10_000:
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


def _amount(position: Position) -> str:
    text = ContractPrinter(position.instrument).size(abs(position.lots))
    return f"-{text}" if position.lots < 0 else text


def _reply(order: BinanceOrder) -> dict[str, Any]:
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
        "closePosition": False,
        "side": order.side.name,
        "positionSide": "BOTH",
        "stopPrice": printer.price(0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    }


def _row(order: BinanceOrder) -> dict[str, Any]:
    printer, row = ContractPrinter(order.instrument), _reply(order)
    del row["cumQty"]
    average = printer.price(order.quote // order.filled) if order.filled else printer.price(0)
    return row | {"avgPrice": average, "cumQuote": printer.quote(order.quote), "time": order.created_ms}


def _trade_row(order: BinanceOrder, fill: OwnFill) -> dict[str, Any]:
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
        "positionSide": "BOTH",
        "buyer": order.side.name == "BUY",
        "maker": fill.maker,
    }
