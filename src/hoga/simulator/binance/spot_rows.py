"""simulator.binance.spot_rows: spot's orders, lists and fills as REST and the WebSocket API print them. Pure.

Source: protocol sheet 4.5; spot documentation on order lists.
"""

from __future__ import annotations

from typing import Any

from hoga.simulator.binance.orders import MS_NS
from hoga.simulator.binance.printer import e8_text
from hoga.simulator.binance.spot_reports import OrderList, SpotOrder
from hoga.simulator.engine import OwnFill, Side, worth_e8

__all__ = ["fill_row", "list_row", "order_row", "placed_row", "reply_row", "trade_row"]

_ACK = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")


def reply_row(order: SpotOrder, reply: str) -> dict[str, Any]:
    """The answer to an order: ACK, RESULT or FULL."""
    row = placed_row(order)
    if reply == "ACK":
        return {key: value for key, value in row.items() if key in _ACK}
    return row | ({"fills": [fill_row(order, fill) for fill in order.fills]} if reply == "FULL" else {})


def placed_row(order: SpotOrder) -> dict[str, Any]:
    """An order as its placing and its cancel tell it."""
    stop = {"stopPrice": e8_text(order.trigger * order.instrument.tick_e8)} if order.trigger else {}
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.created_ms,
        **_figures(order),
        **stop,
        "workingTime": _working_ms(order),
        "selfTradePreventionMode": order.prevention,
    }


def order_row(order: SpotOrder) -> dict[str, Any]:
    """An order as queries tell it."""
    figures = _figures(order)
    quote = figures.pop("origQuoteOrderQty")
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        **figures,
        "stopPrice": e8_text(order.trigger * order.instrument.tick_e8),
        "icebergQty": "0.00000000",
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.waits,
        "workingTime": _working_ms(order),
        "origQuoteOrderQty": quote,
        "selfTradePreventionMode": order.prevention,
    }


def list_row(orders: OrderList, *, reports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """An order list; `reports` are the rows of its orders, where they are told."""
    row: dict[str, Any] = {
        "orderListId": orders.list_id,
        "contingencyType": orders.contingency,
        "listStatusType": orders.status_type,
        "listOrderStatus": orders.order_status,
        "listClientOrderId": orders.client_id,
        "transactionTime": orders.updated_ns // MS_NS,
        "symbol": orders.symbol,
        "orders": [{"symbol": each.symbol, "orderId": each.order_id, "clientOrderId": each.client_id} for each in orders.orders],
    }
    return row if reports is None else row | {"orderReports": reports}


def fill_row(order: SpotOrder, fill: OwnFill) -> dict[str, Any]:
    """A fill as the answer to the order tells it."""
    return {
        "price": e8_text(fill.price * order.instrument.tick_e8),
        "qty": e8_text(fill.lots * order.instrument.lot_e8),
        "commission": e8_text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def trade_row(order: SpotOrder, fill: OwnFill) -> dict[str, Any]:
    """A fill as `myTrades` tells it."""
    row = fill_row(order, fill)
    return {
        "symbol": order.symbol,
        "id": row.pop("tradeId"),
        "orderId": order.order_id,
        "orderListId": order.list_id,
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


def _working_ms(order: SpotOrder) -> int:
    return -1 if order.waits else order.working_ns // MS_NS or order.created_ms


def _figures(order: SpotOrder) -> dict[str, Any]:
    instrument = order.instrument
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
