"""simulator.binance.spot_lists: spot's order lists: one cancels the other, one triggers the other, and both. Pure.

OCO: two orders for the same money; when one begins to be filled or is triggered, the other expires. OTO: an order whose complete fill sends
another; OTOCO: whose complete fill sends an OCO. When the first one ends otherwise, what waits for it expires. Cancelling one cancels all.

Calling contract: `follow` after anything has become of orders.
Source: protocol sheet 4.5 and 5.2; spot documentation on order lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat
from hoga.simulator.binance.orders import client_id_of
from hoga.simulator.binance.spot_reports import OrderList, SpotOrder, SpotReports
from hoga.simulator.binance.spot_rows import list_row, placed_row, reply_row
from hoga.simulator.binance.spot_rules import Names, SpotRules, wanted_order
from hoga.simulator.engine import CashAccounts, Desk, Market, Side, Status

__all__ = ["SpotLists", "cancelled_row"]

_ABOVE, _BELOW = Names.of_leg("above"), Names.of_leg("below")
_WORKING, _PENDING = Names.of_leg("working", shared="working"), Names.of_leg("pending", shared="pending")
_PENDING_LEGS = (Names.of_leg("pendingAbove", shared="pending"), Names.of_leg("pendingBelow", shared="pending"))
_NO_LIST = (-2011, "Unknown order list sent.")
_RESTING = ("LIMIT_MAKER",)


class SpotLists:
    """The lists of every account, and their endpoints. `settle` takes over what the market did;
    `begin_waiting(symbol)`: an order begins to wait for its trigger."""

    def __init__(
        self,
        desk: Desk[SpotOrder],
        accounts: CashAccounts,
        reports: SpotReports,
        rules: SpotRules,
        *,
        settle: Callable[[], None],
        begin_waiting: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._settle = settle
        self._begin_waiting = begin_waiting
        self._accounts = accounts
        self._reports = reports
        self._rules = rules
        self._lists: list[OrderList] = []
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "POST /api/v3/orderList/oco": Endpoint(flat(1), self._place_oco, signed, free=True, orders=2),
            "POST /api/v3/orderList/oto": Endpoint(flat(1), self._place_oto, signed, free=True, orders=2),
            "POST /api/v3/orderList/otoco": Endpoint(flat(1), self._place_otoco, signed, free=True, orders=3),
            "DELETE /api/v3/orderList": Endpoint(flat(1), self._cancel, signed, free=True),
            "GET /api/v3/orderList": Endpoint(flat(4), self._status, signed),
            "GET /api/v3/openOrderList": Endpoint(flat(6), self._open, signed, lists=True),
            "GET /api/v3/allOrderList": Endpoint(flat(20), self._all, signed),
        }

    def of(self, order: SpotOrder) -> OrderList | None:
        """The list that an order belongs to."""
        return self._lists[order.list_id] if order.list_id >= 0 else None

    def open_of(self, account: str) -> list[OrderList]:
        """An account's lists that are not done."""
        return [each for each in self._lists if each.account == account and not each.is_done]

    def follow(self, now_ns: int) -> None:
        """Carry on what has become of lists' orders."""
        while self._reports.moved:
            moved, self._reports.moved = self._reports.moved, []
            for order in moved:
                found = self.of(order)
                if found is not None and not found.is_done:
                    self._carry_on(found, now_ns)

    def cancel(self, orders: OrderList, request_id: str, now_ns: int) -> None:
        """End every open order of a list."""
        for order in orders.orders:
            if order.is_open:
                order.cancel_id = request_id or f"cancel{order.order_id}"
                self._desk.cancel(order, now_ns)
        self.follow(now_ns)

    # -- placing -----------------------------------------------------------

    def _place_oco(self, api: Api, query: Query) -> Answer:
        legs = self._legs(api, query, (_ABOVE, _BELOW))
        return self._begin(api, query, "OCO", [], legs)

    def _place_oto(self, api: Api, query: Query) -> Answer:
        working, pending = wanted_order(api, query, _WORKING), wanted_order(api, query, _PENDING)
        return self._begin(api, query, "OTO", [working], [pending])

    def _place_otoco(self, api: Api, query: Query) -> Answer:
        working = wanted_order(api, query, _WORKING)
        return self._begin(api, query, "OTO", [working], self._legs(api, query, _PENDING_LEGS))

    def _legs(self, api: Api, query: Query, names: tuple[Names, Names]) -> list[SpotOrder]:
        """Two orders of which one cancels the other. Raises ApiError when they do not go together."""
        above, below = (wanted_order(api, query, each) for each in names)
        higher, lower = (_ABOVE_TYPES, _BELOW_TYPES) if above.side is Side.SELL else (_BELOW_TYPES, _ABOVE_TYPES)
        if above.kind not in higher or below.kind not in lower or above.kind == below.kind:
            raise ApiError(-1165, "Invalid combination of order types in an order list.")
        if (above.trigger or above.price or 0) <= (below.trigger or below.price or 0):
            raise ApiError(-2010, "The relationship of the prices for the orders is not correct.")
        return [above, below]

    def _begin(self, api: Api, query: Query, contingency: str, working: list[SpotOrder], rest: list[SpotOrder]) -> Answer:
        """Judge and place a list: `working` goes to the market now, `rest` after it, or now where nothing goes before."""
        reply = query.text("newOrderRespType") or "FULL"
        market, now_ns = api.traded(query.required("symbol")), api.clock.now_ns()
        self._settle()
        client_id = self._judge(query, market, working, rest)
        self._begin_waiting(market.instrument.symbol)
        number = len(self._lists)
        orders = OrderList(
            account=query.account,
            symbol=market.instrument.symbol,
            list_id=number,
            client_id=client_id or f"list{number}",
            contingency=contingency,
            first=working[0] if working else None,
            rest=rest,
            updated_ns=api.clock.stamp_ns(now_ns),
        )
        self._lists.append(orders)
        self._place_all(orders, now_ns)
        self._reports.list_changed(orders)
        self.follow(now_ns)
        return list_row(orders, reports=[reply_row(order, "RESULT" if reply == "FULL" else reply) for order in orders.orders])

    def _judge(self, query: Query, market: Market, working: list[SpotOrder], rest: list[SpotOrder]) -> str:
        """The client's name for a list, "" for none; it is settled which order holds the money. Raises ApiError."""
        client_id = client_id_of(query, "listClientOrderId")
        if client_id and any(each.client_id == client_id for each in self.open_of(query.account)):
            raise ApiError(-2010, "Duplicate order list sent.")
        if working and working[0].kind not in ("LIMIT", *_RESTING):
            raise ApiError(-1116, "Invalid orderType.")
        named = [each.client_id for each in (*working, *rest) if each.client_id]
        if len(set(named)) < len(named):
            raise ApiError(-2010, "Duplicate order sent.")
        holder = working[0] if working else self._holder(rest)
        for order in (*working, *rest):
            order.holds = order is holder
            self._rules.judge(order, market, covered=order.holds)
        return client_id

    def _place_all(self, orders: OrderList, now_ns: int) -> None:
        """Send a list's orders; those that go to the market first, so that nothing is left of a list that it refuses. Raises ApiError."""
        for order in orders.orders:
            order.list_id = orders.list_id
            if order is not orders.first and orders.first is not None:
                order.status, order.waits = Status.PENDING_NEW, True
        try:
            for order in sorted(orders.orders, key=lambda each: each.waits):
                self._desk.place(order, now_ns)
        except ApiError:
            self._lists.pop()
            raise

    # -- what becomes of them ----------------------------------------------

    def _carry_on(self, orders: OrderList, now_ns: int) -> None:
        first = orders.first
        if first is not None and not orders.is_sent:
            if first.status is Status.FILLED:
                orders.is_sent = True
                self._send(orders.rest, now_ns)
            elif not first.is_open:
                self._expire(orders.rest, now_ns)
        elif len(orders.rest) > 1:
            self._one_cancels_the_other(orders.rest, now_ns)
        if not any(order.is_open for order in orders.orders):
            orders.is_done, orders.updated_ns = True, max(order.updated_ns for order in orders.orders)
            self._reports.list_changed(orders)

    def _send(self, rest: list[SpotOrder], now_ns: int) -> None:
        """The first order is filled: what waited for it goes to the market, or waits for its own trigger from now on."""
        holder = self._holder(rest)
        if not self._accounts.covers(holder, at=holder.price or holder.trigger):
            self._expire(rest, now_ns)
            return
        for order in rest:
            order.status = Status.NEW
            if order is holder:
                self._desk.hold_for(order)
            if order.trigger:
                self._begin_waiting(order.symbol)
        for order in rest:
            if order.is_open and not order.trigger:
                self._desk.work(order, now_ns)

    def _holder(self, orders: list[SpotOrder]) -> SpotOrder:
        """Of orders for the same money, the one that needs most of it."""
        return max(orders, key=lambda each: self._accounts.cost(each, at=each.price or each.trigger))

    def _one_cancels_the_other(self, legs: list[SpotOrder], now_ns: int) -> None:
        moved = next((leg for leg in legs if leg.filled or not leg.is_open or (leg.trigger and not leg.waits)), None)
        if moved is None:
            return
        self._expire([leg for leg in legs if leg is not moved], now_ns)
        if moved.is_open and not moved.holds:
            self._desk.hold_for(moved)

    def _expire(self, which: list[SpotOrder], now_ns: int) -> None:
        for order in which:
            if order.is_open:
                self._desk.expire(order, now_ns)

    # -- the other endpoints -----------------------------------------------

    def _cancel(self, api: Api, query: Query) -> Answer:
        symbol = api.traded(query.required("symbol")).instrument.symbol
        self._settle()
        orders = self._find(query, "listClientOrderId", *_NO_LIST)
        if orders.is_done or orders.symbol != symbol:
            raise ApiError(*_NO_LIST)
        self.cancel(orders, client_id_of(query), api.clock.now_ns())
        return list_row(orders, reports=[cancelled_row(order) for order in orders.orders])

    def _status(self, api: Api, query: Query) -> Answer:
        return list_row(self._find(query, "origClientOrderId", -2018, "Order list does not exist."))

    def _open(self, api: Api, query: Query) -> Answer:
        self._settle()
        return [list_row(orders) for orders in self.open_of(query.account)]

    def _all(self, api: Api, query: Query) -> Answer:
        first = query.integer("fromId") or 0
        rows = [list_row(orders) for orders in self._lists if orders.account == query.account and orders.list_id >= first]
        return rows[-query.limit(500, 1_000) :]

    def _find(self, query: Query, name: str, code: int, text: str) -> OrderList:
        list_id, client_id = query.integer("orderListId"), query.text(name)
        if list_id is None and client_id is None:
            raise ApiError(-1102, f"Param 'orderListId' or '{name}' must be sent, but both were empty/null!")
        for orders in reversed(self._lists):
            if orders.account == query.account and list_id in (None, orders.list_id) and client_id in (None, orders.client_id):
                return orders
        raise ApiError(code, text)


_ABOVE_TYPES = (*_RESTING, "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_BELOW_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT")


def cancelled_row(order: SpotOrder) -> dict[str, Any]:
    """An order as the answer to its cancel tells it."""
    row = placed_row(order)
    row["clientOrderId"], row["transactTime"] = order.cancel_id or order.client_id, order.updated_ms
    return {"symbol": row.pop("symbol"), "origClientOrderId": order.client_id, **row}
