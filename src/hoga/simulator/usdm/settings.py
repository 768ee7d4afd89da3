"""simulator.usdm.settings: what a futures account has chosen: position mode, and a symbol's leverage and margin type. Pure.

Positions are one-way (`BOTH`, leg 0) or in two legs (`LONG` 1, `SHORT` -1). Source: protocol sheet 4.6, 4.7 and 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query, flat
from hoga.simulator.binance.orders import may
from hoga.simulator.engine import Desk, MarginAccounts
from hoga.simulator.usdm.reports import LEGS, FuturesOrder

__all__ = ["Settings"]

_BY_NAME = {name: leg for leg, name in LEGS.items()}
_MOST_LEVERAGE = 125
_MOST_NOTIONAL = 1_000_000_000


class Settings:
    """The choices, and the endpoints that make and tell them. `tell(account, symbol, leverage)` sends the event of a changed leverage;
    `has_open(account, symbol)` tells of conditional orders (symbol None: any)."""

    def __init__(
        self,
        desk: Desk[FuturesOrder],
        accounts: MarginAccounts,
        *,
        tell: Callable[[str, str, int], None],
        has_open: Callable[[str, str | None], bool],
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._tell = tell
        self._has_open = has_open
        self._hedged: set[str] = set()
        self._isolated: set[tuple[str, str]] = set()
        signed = Access.SIGNED
        self.endpoints: dict[str, Endpoint] = {
            "GET /fapi/v1/positionSide/dual": Endpoint(flat(30), self._dual, signed),
            "POST /fapi/v1/positionSide/dual": Endpoint(flat(1), self._choose_dual, signed),
            "POST /fapi/v1/leverage": Endpoint(flat(1), self._choose_leverage, signed),
            "POST /fapi/v1/marginType": Endpoint(flat(1), self._choose_margin, signed),
            "GET /fapi/v1/symbolConfig": Endpoint(flat(5), self._symbol_config, signed),
            "GET /fapi/v1/leverageBracket": Endpoint(flat(1), self._brackets, signed),
            "GET /fapi/v1/accountConfig": Endpoint(flat(5), self._account_config, signed),
        }

    def is_hedged(self, account: str) -> bool:
        """Whether an account's positions have two legs."""
        return account in self._hedged

    def legs(self, account: str) -> tuple[int, ...]:
        """The legs that an account's positions have."""
        return (1, -1) if self.is_hedged(account) else (0,)

    def margin_type(self, account: str, symbol: str) -> str:
        """`cross` or `isolated`."""
        return "isolated" if (account, symbol) in self._isolated else "cross"

    def leg_of(self, query: Query) -> int:
        """The leg that a request's order moves. Raises ApiError for one that the account does not have."""
        leg = _BY_NAME.get(query.text("positionSide") or "BOTH")
        if leg is None:
            raise ApiError(-1130, "Data sent for parameter 'positionSide' is not valid.")
        if (leg != 0) != self.is_hedged(query.account):
            raise ApiError(-4061, "Order's position side does not match user's setting.")
        if leg and query.text("reduceOnly") is not None:
            raise ApiError(-1106, "Parameter 'reduceonly' sent when not required.")
        return leg

    # -- endpoints ---------------------------------------------------------

    def _dual(self, api: Api, query: Query) -> Answer:
        return {"dualSidePosition": self.is_hedged(query.account)}

    def _choose_dual(self, api: Api, query: Query) -> Answer:
        query.required("dualSidePosition")
        account, wanted = query.account, query.flag("dualSidePosition")
        if wanted == self.is_hedged(account):
            raise ApiError(-4059, "No need to change position side.")
        if self._desk.open_of(account) or self._has_open(account, None):
            raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
        if self._accounts.held(account):
            raise ApiError(-4068, "Position side cannot be changed if there exists position.")
        (self._hedged.add if wanted else self._hedged.discard)(account)
        return {"code": 200, "msg": "success"}

    def _choose_leverage(self, api: Api, query: Query) -> Answer:
        account, symbol = query.account, api.instrument(query.required("symbol")).symbol
        query.required("leverage")
        leverage = query.integer("leverage") or 0
        if not 1 <= leverage <= _MOST_LEVERAGE:
            raise ApiError(-4028, f"Leverage {leverage} is not valid")
        self._accounts.choose_leverage(account, symbol, leverage)
        self._tell(account, symbol, leverage)
        return {"leverage": leverage, "maxNotionalValue": str(_MOST_NOTIONAL), "symbol": symbol}

    def _choose_margin(self, api: Api, query: Query) -> Answer:
        account, symbol = query.account, api.instrument(query.required("symbol")).symbol
        kind = query.required("marginType")
        if kind not in ("ISOLATED", "CROSSED"):
            raise ApiError(-1130, "Data sent for parameter 'marginType' is not valid.")
        if (kind == "ISOLATED") == ((account, symbol) in self._isolated):
            raise ApiError(-4046, "No need to change margin type.")
        if self._desk.open_of(account, symbol) or self._has_open(account, symbol):
            raise ApiError(-4047, "Margin type cannot be changed if there exists open orders.")
        if any(position.instrument.symbol == symbol for position in self._accounts.held(account)):
            raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
        (self._isolated.add if kind == "ISOLATED" else self._isolated.discard)((account, symbol))
        return {"code": 200, "msg": "success"}

    def _symbol_config(self, api: Api, query: Query) -> Answer:
        return [self._config_row(query.account, name) for name in _names(api, query)]

    def _config_row(self, account: str, symbol: str) -> dict[str, Any]:
        return {
            "symbol": symbol,
            "marginType": "ISOLATED" if (account, symbol) in self._isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": self._accounts.leverage(account, symbol),
            "maxNotionalValue": str(_MOST_NOTIONAL),
        }

    def _brackets(self, api: Api, query: Query) -> Answer:
        bracket = {
            "bracket": 1,
            "initialLeverage": _MOST_LEVERAGE,
            "notionalCap": _MOST_NOTIONAL,
            "notionalFloor": 0,
            "maintMarginRatio": 0.025,
            "cum": 0.0,
        }
        return [{"symbol": name, "notionalCoef": 1.0, "brackets": [bracket]} for name in _names(api, query)]

    def _account_config(self, api: Api, query: Query) -> Answer:
        trades, withdraws = may(api, query)
        return {
            "feeTier": 0,
            "canTrade": trades,
            "canDeposit": True,
            "canWithdraw": withdraws,
            "dualSidePosition": self.is_hedged(query.account),
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }


def _names(api: Api, query: Query) -> list[str]:
    symbol = query.text("symbol")
    return [api.instrument(symbol).symbol] if symbol else list(api.engine.instruments)
