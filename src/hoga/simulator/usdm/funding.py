"""simulator.usdm.funding: what positions pay each other at funding times, and an account's income. Pure; time is an argument.

Every eight hours, or when the operator wants it, the long ones pay the rate's share of their value to the short ones; the other way round
where it is negative. Source: protocol sheet 2.4 and 5.4; USD-M docs on income.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hoga.simulator.binance.api import Access, Answer, Api, Endpoint, Query, flat
from hoga.simulator.binance.orders import E8, MS_NS
from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Desk, Engine, MarginAccounts
from hoga.simulator.usdm.mark import mark_of, next_funding_ms
from hoga.simulator.usdm.reports import ASSET, FuturesOrder, FuturesReports

__all__ = ["Funding"]


class _Payment(NamedTuple):
    account: str
    symbol: str
    amount_e8: int
    time_ns: int


class Funding:
    """Exchanges funding, and tells accounts of it. `begins_ns` is when the markets opened."""

    def __init__(
        self, engine: Engine, desk: Desk[FuturesOrder], accounts: MarginAccounts, reports: FuturesReports, *, begins_ns: int
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._accounts = accounts
        self._reports = reports
        self._payments: list[_Payment] = []
        self._next_ms = next_funding_ms(begins_ns // MS_NS)
        self.endpoints: dict[str, Endpoint] = {"GET /fapi/v1/income": Endpoint(flat(30), self._income, Access.SIGNED)}

    def advance(self, now_ns: int) -> None:
        """Exchange what is due."""
        if now_ns // MS_NS >= self._next_ms:
            self._next_ms = next_funding_ms(now_ns // MS_NS)
            for symbol in list(self._engine.markets):
                self.exchange(symbol, now_ns)

    def exchange(self, symbol: str, now_ns: int, rate_e8: int | None = None) -> None:
        """Let the positions of a symbol pay, at a rate (None: the one that the market tells), both in units of 1e-8."""
        if rate_e8 is None:
            rate_e8 = mark_of(self._engine.market(symbol), now_ns // MS_NS).rate
        mark_e8 = self._accounts.mark_e8(symbol)
        for account in self._accounts.owners():
            held = [position for position in self._accounts.held(account) if position.instrument.symbol == symbol]
            value_e8 = sum(mark_e8 * position.lots * position.instrument.lot_e8 // E8 for position in held)
            if held:
                amount_e8 = -(value_e8 * rate_e8 // E8)
                self._accounts.pay(account, amount_e8)
                self._payments.append(_Payment(account, symbol, amount_e8, now_ns))
                self._reports.funded(account, symbol, amount_e8)

    def _income(self, api: Api, query: Query) -> Answer:
        account, symbol, kind = query.account, query.text("symbol"), query.text("incomeType")
        start, end = query.time_ns("startTime"), query.time_ns("endTime")
        rows = [_row(each.symbol, "FUNDING_FEE", each.amount_e8, each.time_ns, "") for each in self._payments if each.account == account]
        for order in self._desk.of(account):
            for fill in order.fills:
                rows.append(_row(order.symbol, "COMMISSION", -fill.fee, fill.time_ns, str(fill.trade_id)))
                if fill.realized:
                    rows.append(_row(order.symbol, "REALIZED_PNL", fill.realized, fill.time_ns, str(fill.trade_id)))
        chosen = [
            row
            for row in sorted(rows, key=lambda row: int(row["time"]))
            if symbol in (None, row["symbol"]) and kind in (None, row["incomeType"])
            if (start is None or row["time"] * MS_NS >= start) and (end is None or row["time"] * MS_NS <= end)
        ]
        return chosen[-query.limit(100, 1_000) :]


def _row(symbol: str, kind: str, amount_e8: int, time_ns: int, trade_id: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": decimal_text(amount_e8, 8),
        "asset": ASSET,
        "info": kind,
        "time": time_ns // MS_NS,
        "tranId": time_ns // MS_NS * 10 + len(kind) % 10,
        "tradeId": trade_id,
    }
