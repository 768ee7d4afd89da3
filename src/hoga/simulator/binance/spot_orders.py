"""simulator.binance.spot_orders: spot's signed endpoints: orders, open orders, account, trades. Pure.

Market, limit and post-only orders reach the matching engine by the same path as the crowd's; those with a stop price do when a trade has
triggered them.

Source: protocol sheet 4.2, 4.5 and 4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.order_count import OrderCount
from hoga.simulator.binance.orders import OrderAnswers, client_id_of, may
from hoga.simulator.binance.printer import e8_text
from hoga.simulator.binance.spot_lists import SpotLists, cancelled_row
from hoga.simulator.binance.spot_reports import SpotOrder, SpotReports
from hoga.simulator.binance.spot_rows import list_row, order_row, reply_row, trade_row
from hoga.simulator.binance.spot_rules import PLAIN, SpotRules, wanted_order
from hoga.simulator.engine import CashAccounts, Desk

__all__ = ["SpotOrders"]

_REPLIES = ("ACK", "RESULT", "FULL")
_MADE_MS = 1_790_000_000_000
_UNKNOWN = (-2011, "Unknown order sent.")


class SpotOrders:
    """The endpoints, over an order desk and its accounts. `settle` takes over what the market did; `begin_waiting(symbol)`: an order
    begins to wait for its trigger."""

    def __init__(
        self,
        desk: Desk[SpotOrder],
        accounts: CashAccounts,
        reports: SpotReports,
        counts: OrderCount,
        *,
        settle: Callable[[], None],
        begin_waiting: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._reports = reports
        self._counts = counts
        self._settle = settle
        self._begin_waiting = begin_waiting
        self._answers = answers = OrderAnswers(desk, row=order_row, trade_row=trade_row)
        self._rules = SpotRules(desk, accounts, answers)
        self.lists = SpotLists(desk, accounts, reports, self._rules, settle=settle, begin_waiting=begin_waiting)
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            **self.lists.endpoints,
            "POST /api/v3/order": Endpoint(flat(1), self._place, signed, free=True, orders=1),
            "POST /api/v3/order/test": Endpoint(flat(1), self._test, signed),
            "DELETE /api/v3/order": Endpoint(flat(1), self._cancel, signed, free=True),
            "GET /api/v3/order": Endpoint(flat(4), answers.status, signed),
            "GET /api/v3/openOrders": Endpoint(one_or_all(6, 80), answers.open, signed, lists=True),
            "DELETE /api/v3/openOrders": Endpoint(flat(1), self._cancel_all, signed, free=True),
            "GET /api/v3/allOrders": Endpoint(flat(20), answers.all, signed),
            "GET /api/v3/account": Endpoint(flat(20), self._account, signed, lists=True),
            "GET /sapi/v1/account/apiRestrictions": Endpoint(flat(1), _restrictions, signed),
            "GET /api/v3/myTrades": Endpoint(flat(20), answers.trades, signed),
            "GET /api/v3/rateLimit/order": Endpoint(flat(40), self._rates, signed),
        }

    # -- orders ------------------------------------------------------------

    def _place(self, api: Api, query: Query) -> Answer:
        order, reply = self._wanted(api, query)
        if order.price is None:
            order.share = api.share_of(query.asked)
        if order.waits:
            self._begin_waiting(order.symbol)
        self._desk.place(order, api.clock.now_ns())
        self._settle()
        return reply_row(order, reply)

    def _test(self, api: Api, query: Query) -> Answer:
        self._wanted(api, query)
        return {}

    def _wanted(self, api: Api, query: Query) -> tuple[SpotOrder, str]:
        """(the order, the kind of reply) that a request asks for, judged by every rule before the engine's."""
        order = wanted_order(api, query, PLAIN)
        default = "FULL" if not order.trigger and order.kind != "LIMIT_MAKER" else "ACK"
        reply = query.text("newOrderRespType") or default
        if reply not in _REPLIES:
            raise ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        self._settle()
        self._rules.judge(order, api.traded(order.symbol))
        return order, reply

    def _cancel(self, api: Api, query: Query) -> Answer:
        request_id = client_id_of(query)
        api.traded(query.required("symbol"))
        self._settle()
        order = self._answers.find(api, query, missing=ApiError(*_UNKNOWN))
        restriction = query.text("cancelRestrictions")
        if restriction not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
            raise ApiError(-1145, "Invalid cancelRestrictions")
        if not order.is_open or (restriction is not None and restriction != f"ONLY_{order.status}"):
            raise ApiError(*_UNKNOWN)
        return self._end(order, api.clock.now_ns(), request_id)

    def _cancel_all(self, api: Api, query: Query) -> Answer:
        symbol = query.required("symbol")
        api.traded(symbol)
        self._settle()
        orders = self._desk.open_of(query.account, symbol)
        if not orders:
            raise ApiError(*_UNKNOWN)
        return [self._end(order, api.clock.now_ns(), "") for order in orders if order.is_open]

    def _end(self, order: SpotOrder, now_ns: int, request_id: str) -> dict[str, Any]:
        """Cancel an order; one of a list takes the whole list with it."""
        orders = self.lists.of(order)
        if orders is not None:
            self.lists.cancel(orders, request_id, now_ns)
            return list_row(orders, reports=[cancelled_row(each) for each in orders.orders])
        order.cancel_id = request_id or f"cancel{order.order_id}"
        self._desk.cancel(order, now_ns)
        return cancelled_row(order)

    def state(self, account: str) -> dict[str, Any]:
        """What an account really has: its balances, its open orders, and every order's fills."""
        return {
            "balances": self._balances(account, all_of_them=False),
            "open_orders": [order_row(order) for order in self._desk.open_of(account)],
            "open_order_lists": [list_row(orders) for orders in self.lists.open_of(account)],
            "trades": [trade_row(order, fill) for order in self._desk.of(account) for fill in order.fills],
        }

    # -- account -----------------------------------------------------------

    def _account(self, api: Api, query: Query) -> Answer:
        rows = self._balances(query.account, all_of_them=not query.flag("omitZeroBalances"))
        trades, withdraws = may(api, query)
        rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": trades,
            "canWithdraw": withdraws,
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


def _restrictions(api: Api, query: Query) -> Answer:
    """What the key may do."""
    trades, withdraws = may(api, query)
    refused = ("ipRestrict", "enableInternalTransfer", "permitsUniversalTransfer", "enableVanillaOptions", "enableMargin")
    told = {"createTime": _MADE_MS, "enableReading": True, "enableWithdrawals": withdraws} | dict.fromkeys(refused, False)
    return told | {"enableFutures": trades, "enableSpotAndMarginTrading": trades}
