"""simulator.upbit.orders: the REST answers that need a key: balances and orders. Synchronous.

Source: protocol sheet 7.2, 7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hoga.simulator.seen import Does
from hoga.simulator.upbit.exchange import Exchange, Order, OrderRefused, state_of
from hoga.simulator.upbit.private import account_rows, chance, created_text, order_row, trade_rows
from hoga.simulator.upbit.quotation import Query, RestError
from hoga.simulator.upbit.token import Account

__all__ = ["ORDERS", "Call", "OrderEndpoint"]

_MOST_IDS, _MOST_CANCELS = 100, 20
_YEAR_NS = 365 * 86_400 * 1_000_000_000
_WINDOW_MS = 7 * 86_400_000


class Call(NamedTuple):
    """One authorised call. `query` has the parameters of URL or form, `body` the JSON object of a POST (or the same parameters).
    `denies(order)`: a fault lets the call not find it; `share` of a market order is filled; `by_hand`: as in the app, where orders
    may be reserved (`watch`)."""

    exchange: Exchange
    account: Account
    query: Query
    body: Mapping[str, Any]
    now_ns: int
    denies: Callable[[Order], bool] = lambda order: False
    share: float = 1.0
    by_hand: bool = False

    def order(self, id_name: str = "uuid", identifier_name: str = "identifier") -> Order:
        """The order that the call names. Raises RestError."""
        order_id, identifier = self.query.text(id_name), self.query.text(identifier_name)
        if order_id is None and identifier is None:
            raise RestError(400, "validation_error", f"{id_name} 또는 {identifier_name} 가 필요합니다.")
        order = self.exchange.find(self.account.name, order_id=order_id, identifier=identifier)
        if order is None or self.denies(order):
            raise RestError(404, "order_not_found", "주문을 찾지 못했습니다.")
        return order


class OrderEndpoint(NamedTuple):
    """Budget group, answer, and the HTTP status of success; `does` what a call is for, None when it changes nothing; `lists`: it answers
    with an account's rows, which may be stale."""

    group: str
    answer: Callable[[Call], Any]
    status: int = 200
    does: Does | None = None
    lists: bool = False


def _accounts(call: Call) -> Any:
    return account_rows(call.exchange.funds_of(call.account.name))


def _chance(call: Call) -> Any:
    code = call.query.text("market")
    if code is None or code not in call.exchange.codes:
        raise RestError(404, "market_does_not_exist", "마켓을 찾을 수 없습니다.")
    return chance(code, call.exchange.funds_of(call.account.name))


def _place(call: Call) -> Any:
    watches = call.by_hand and call.body.get("state") == "watch"
    return order_row(call.exchange.place(call.account.name, call.body, call.now_ns, share=call.share, watches=watches))


def _test(call: Call) -> Any:
    order = call.exchange.check(call.account.name, call.body, call.now_ns)
    return order_row(state_of(order, "wait", call.now_ns))


def _get(call: Call) -> Any:
    order = call.order()
    return order_row(state_of(order, order.state, call.now_ns)) | {"trades": trade_rows(order)}


def _by_ids(call: Call) -> Any:
    return [_row(order, call) for order in _named(call, _MOST_IDS)]


def _named(call: Call, most: int) -> list[Order]:
    return [order for order in _sought(call, most).values() if order is not None]


def _sought(call: Call, most: int) -> dict[str, Order | None]:
    """What a call names by lists of ids or of identifiers, and the order of each. Raises RestError for none and for too many."""
    ids, identifiers = call.query.several("uuids"), call.query.several("identifiers")
    if bool(ids) == bool(identifiers):
        raise RestError(400, "validation_error", "uuids 또는 identifiers 가 필요합니다.")
    if len(ids) + len(identifiers) > most:
        raise RestError(400, "validation_error", f"최대 {most}개까지 가능합니다.")
    name = call.account.name
    found = {each: call.exchange.find(name, order_id=each) for each in ids}
    found |= {each: call.exchange.find(name, identifier=each) for each in identifiers}
    return {each: None if order is None or call.denies(order) else order for each, order in found.items()}


def _open(call: Call) -> Any:
    limit, page = min(call.query.whole("limit") or 100, 100), call.query.whole("page") or 1
    return [_row(order, call) for order in _chosen(call, ("wait", "watch"))[(page - 1) * limit : page * limit]]


def _closed(call: Call) -> Any:
    """Of at most seven days, by when an order was placed: from `start_time` on, before `end_time`, or the last ones where none is given."""
    query = call.query
    start_ms, end_ms = query.moment_ms("start_time"), query.moment_ms("end_time")
    if end_ms is None:
        end_ms = call.now_ns // 1_000_000 + 1 if start_ms is None else start_ms + _WINDOW_MS
    if start_ms is None:
        start_ms = end_ms - _WINDOW_MS
    if end_ms - start_ms > _WINDOW_MS:
        raise RestError(400, "validation_error", "조회 기간은 최대 7일입니다.")
    chosen = [each for each in _chosen(call, ("done", "cancel")) if start_ms <= each.created_ns // 1_000_000 < end_ms]
    return [_row(order, call) for order in chosen[: min(query.whole("limit") or 100, 1_000)]]


def _chosen(call: Call, default_states: tuple[str, ...]) -> list[Order]:
    query = call.query
    states, market = query.several("states") or query.several("state") or list(default_states), query.text("market")
    chosen = [each for each in call.exchange.orders_of(call.account.name, states) if market is None or each.code == market]
    return chosen if query.text("order_by") == "asc" else chosen[::-1]


def _row(order: Order, call: Call) -> dict[str, Any]:
    return order_row(state_of(order, order.state, call.now_ns))


def _cancel(call: Call) -> Any:
    return order_row(call.exchange.cancel(call.order(), call.now_ns))


def _cancel_named(call: Call) -> Any:
    found = _sought(call, _MOST_CANCELS)
    word = "uuid" if call.query.several("uuids") else "identifier"
    unknown = [{word: each} for each, order in found.items() if order is None]
    return _cancelled(call, [order for order in found.values() if order is not None], unknown)


def _cancel_open(call: Call) -> Any:
    query = call.query
    side, pairs, quotes, excluded = query.text("cancel_side") or "all", *map(query.several, ("pairs", "quote_currencies", "excluded_pairs"))
    if side not in ("all", "bid", "ask") or max(map(len, (pairs, excluded))) > _MOST_CANCELS or (pairs and quotes):
        raise RestError(400, "validation_error", "잘못된 파라미터입니다.")
    orders = [
        order
        for order in call.exchange.orders_of(call.account.name, ["wait"])
        if side in ("all", order.side)
        and (not pairs or order.code in pairs)
        and (not quotes or order.code.partition("-")[0] in quotes)
        and order.code not in excluded
    ]
    if query.text("order_by") != "asc":
        orders.reverse()
    return _cancelled(call, orders[: query.count(20, 300)])


def _cancelled(call: Call, orders: list[Order], unknown: list[dict[str, str]] | None = None) -> Any:
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = list(unknown or ())
    for order in orders:
        row = {"uuid": order.uuid, "market": order.code} | ({"identifier": order.identifier} if order.identifier else {})
        try:
            call.exchange.cancel(order, call.now_ns)
            done.append(row)
        except OrderRefused:
            failed.append(row)
    return {"success": {"count": len(done), "orders": done}, "failed": {"count": len(failed), "orders": failed}}


def _cancel_and_new(call: Call) -> Any:
    previous = call.order("prev_order_uuid", "prev_order_identifier")
    body = call.body
    volume = body.get("new_volume")
    wish = {"market": previous.code, "side": previous.side, "ord_type": body.get("new_ord_type"), "price": body.get("new_price")}
    wish |= {"volume": f"{previous.remaining or 0:f}" if volume == "remain_only" else volume, "identifier": body.get("new_identifier")}
    wish |= {"time_in_force": body.get("new_time_in_force"), "smp_type": body.get("new_smp_type")}
    before = call.exchange.cancel(previous, call.now_ns)
    placed = call.exchange.place(call.account.name, wish, call.now_ns)
    row = order_row(before) | {"new_order_uuid": placed.order.uuid}
    return row | ({"new_order_identifier": placed.order.identifier} if placed.order.identifier else {})


def _keys(call: Call) -> Any:
    return [{"access_key": call.account.access_key, "expire_at": created_text(call.now_ns + _YEAR_NS)}]


ORDERS: dict[tuple[str, str], OrderEndpoint] = {
    ("GET", "/v1/accounts"): OrderEndpoint("default", _accounts, lists=True),
    ("GET", "/v1/orders/chance"): OrderEndpoint("default", _chance),
    ("POST", "/v1/orders"): OrderEndpoint("order", _place, 201, does=Does.PLACE),
    ("POST", "/v1/orders/test"): OrderEndpoint("order-test", _test, 201),
    ("POST", "/v1/orders/cancel_and_new"): OrderEndpoint("order", _cancel_and_new, does=Does.PLACE),
    ("GET", "/v1/order"): OrderEndpoint("default", _get),
    ("GET", "/v1/orders/uuids"): OrderEndpoint("default", _by_ids),
    ("GET", "/v1/orders/open"): OrderEndpoint("default", _open, lists=True),
    ("GET", "/v1/orders/closed"): OrderEndpoint("default", _closed),
    ("DELETE", "/v1/order"): OrderEndpoint("default", _cancel, does=Does.CANCEL),
    ("DELETE", "/v1/orders/uuids"): OrderEndpoint("default", _cancel_named, does=Does.CANCEL),
    ("DELETE", "/v1/orders/open"): OrderEndpoint("order-cancel-all", _cancel_open, does=Does.CANCEL),
    ("GET", "/v1/api_keys"): OrderEndpoint("default", _keys),
}
"""(method, path) → endpoint."""
