"""simulator.usdm.account: the futures venue's answers about an account: positions, balances, income. Pure.

`positionRisk` v2 has every symbol and tells leverage and margin type, v3 only symbols with a position or orders.
Source: protocol sheet 4.6.
"""

from __future__ import annotations

from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, Endpoint, Query, flat
from hoga.simulator.binance.orders import E8, MS_NS, may
from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Desk, MarginAccounts, Position
from hoga.simulator.usdm.reports import ASSET, LEGS, FuturesOrder, amount_text
from hoga.simulator.usdm.settings import Settings

__all__ = ["FuturesAccount"]


class FuturesAccount:
    """The endpoints."""

    def __init__(self, desk: Desk[FuturesOrder], accounts: MarginAccounts, settings: Settings) -> None:
        self._desk = desk
        self._accounts = accounts
        self._settings = settings
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "GET /fapi/v3/positionRisk": Endpoint(flat(5), self._risk, signed, lists=True),
            "GET /fapi/v2/positionRisk": Endpoint(flat(5), self._all_risk, signed, lists=True),
            "GET /fapi/v3/balance": Endpoint(flat(5), self._balance, signed, lists=True),
            "GET /fapi/v2/balance": Endpoint(flat(5), self._balance, signed, lists=True),
            "GET /fapi/v3/account": Endpoint(flat(5), self._account, signed, lists=True),
            "GET /fapi/v2/account": Endpoint(flat(5), self._account_v2, signed, lists=True),
        }

    def risk_rows(self, account: str, symbol: str | None = None) -> list[dict[str, Any]]:
        """Positions, and the flat ones of symbols with open orders."""
        ordered = {(order.symbol, order.leg) for order in self._desk.open_of(account, symbol)}
        rows = [each for key, each in self._accounts.of(account).items() if symbol in (None, each.instrument.symbol)]
        return [self._risk_row(account, each) for each in rows if each.lots or (each.instrument.symbol, each.leg) in ordered]

    def _risk(self, api: Api, query: Query) -> Answer:
        symbol = query.text("symbol")
        self._desk.settle(api.clock.now_ns())
        for order in self._desk.open_of(query.account, symbol):
            self._accounts.position_of(order)
        return self.risk_rows(query.account, symbol)

    def _all_risk(self, api: Api, query: Query) -> Answer:
        symbol, account = query.text("symbol"), query.account
        names = [api.instrument(symbol).symbol] if symbol else list(api.engine.instruments)
        self._desk.settle(api.clock.now_ns())
        rows: list[dict[str, Any]] = []
        for name in names:
            for leg in self._settings.legs(account):
                position = self._accounts.of(account).get((name, leg)) or Position(api.engine.instruments[name], leg)
                more = {"leverage": str(self._accounts.leverage(account, name)), "marginType": self._settings.margin_type(account, name)}
                rows.append(self._risk_row(account, position) | more | {"isAutoAddMargin": "false", "maxNotionalValue": "1000000000"})
        return rows

    def _risk_row(self, account: str, position: Position) -> dict[str, Any]:
        instrument = position.instrument
        mark_e8 = self._accounts.mark_e8(instrument.symbol)
        value_e8 = mark_e8 * position.lots * instrument.lot_e8 // E8
        margin = decimal_text(abs(value_e8) // self._accounts.leverage(account, instrument.symbol), 8)
        is_isolated = self._settings.margin_type(account, instrument.symbol) == "isolated"
        return {
            "symbol": instrument.symbol,
            "positionSide": LEGS[position.leg],
            "positionAmt": amount_text(position),
            "entryPrice": decimal_text(position.entry_e8(), 8),
            "breakEvenPrice": decimal_text(position.entry_e8(), 8),
            "markPrice": decimal_text(mark_e8, 8),
            "unRealizedProfit": decimal_text(position.profit_e8(mark_e8), 8),
            "liquidationPrice": "0",
            "isolatedMargin": margin if is_isolated else "0",
            "notional": decimal_text(value_e8, 8),
            "marginAsset": ASSET,
            "isolatedWallet": margin if is_isolated else "0",
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

    def _account_v2(self, api: Api, query: Query) -> Answer:
        trades, withdraws = may(api, query)
        return {"feeTier": 0, "canTrade": trades, "canDeposit": True, "canWithdraw": withdraws, **self._account(api, query)}

    def _account(self, api: Api, query: Query) -> dict[str, Any]:
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
        rows = [self._account_row(query.account, position) for position in self._accounts.held(query.account)]
        return {**totals, "availableBalance": available, "maxWithdrawAmount": available, "assets": [asset], "positions": rows}

    def _account_row(self, account: str, position: Position) -> dict[str, Any]:
        risk = self._risk_row(account, position)
        taken = ("symbol", "positionSide", "positionAmt", "updateTime", "notional", "isolatedMargin", "initialMargin", "maintMargin")
        return {key: risk[key] for key in taken} | {"unrealizedProfit": risk["unRealizedProfit"]}
