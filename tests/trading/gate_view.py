"""A view of a trader's world that a test sets as it likes, and orders for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from hoga.core.market import Side
from hoga.core.trading import Capabilities, Conditional, Force, OrderKind, OrderRequest, PositionSide, Rules
from hoga.trading.limits import Limits
from hoga.trading.ports import Day, Look, Margin, Working
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Rung

S = 1_000_000_000
NOON = 1_795_953_600 * S
BTC = "binance-usdm:BTCUSDT"
ETH = "binance-usdm:ETHUSDT"

FUTURES = Capabilities(client_id_chars=32, client_id_for_ever=False, absence_after_s=10, conditional=Conditional.ALGO, reduce_only=True,
                       short=True, hedge=True, leverage=True, fills_in_reply=False, market_buy_by_funds=False,
                       cancels_by_symbol=True, close_all_stops=1, dead_man_s=60)  # fmt: skip
SPOT = msgspec.structs.replace(
    FUTURES, reduce_only=False, short=False, hedge=False, leverage=False, conditional=Conditional.BOOK, order_lists=True
)


def rules(symbol: str = BTC, **changes: Any) -> Rules:
    """Price steps of 0.1, lots of 0.001: the integers of a price are tenths, those of a quantity thousandths, money is in 0.0001."""
    given: dict[str, Any] = {
        "symbol": symbol, "base": "BTC", "quote": "USDT", "settle": "USDT", "price_power": -1, "size_power": -3, "ticks": ((0, 1),),
        "lot": 1, "least": 1, "most": 1_000_000, "market_lot": 1, "market_least": 1, "market_most": 120_000, "min_notional": 50_0000,
    }  # fmt: skip
    return Rules(**(given | changes))


class FakeView:
    """Everything as it should be: a fresh book of 100,000.0 / 100,000.1, nothing held, nothing open, 10,000 USDT. A test changes it."""

    def __init__(self) -> None:
        self.now_ns = NOON
        self.rung = Rung.ACTIVE
        self.known: dict[str, Rules] = {BTC: rules()}
        self.can = FUTURES
        self.looks = {BTC: self.book(BTC, 1_000_000, 1_000_001)}
        self.held: dict[tuple[str, PositionSide], int] = {}
        self.orders: dict[str, list[Working]] = {}
        self.today = Day()
        self.margins = Margin(read_age_ns=0)
        self.worth: int | None = 10_000_0000
        self.cash: int | None = 10_000_0000
        self.reconciled = True
        self.proof_ns = self.unseen_ns = 0

    def book(self, symbol: str, bid: int, ask: int, **changes: Any) -> Look:
        return Look(bid=bid, ask=ask, at_ns=self.now_ns, in_doubt=False, **changes)

    def work(self, side: Side, rest: int, *, unknown: bool = False, **changes: Any) -> None:
        request = order(side, rest, **changes)
        self.orders.setdefault(request.symbol, []).append(Working(request=request, rest=rest, unknown=unknown, strategy="s"))

    def rules(self, symbol: str) -> Rules | None:
        return self.known.get(symbol)

    def capabilities(self, symbol: str) -> Capabilities:
        return self.can

    def look(self, symbol: str) -> Look:
        return self.looks.get(symbol, Look())

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> int:
        return self.held.get((symbol, side), 0)

    def legs(self, symbol: str) -> tuple[PositionSide, ...]:
        return (PositionSide.BOTH,)

    def working(self, symbol: str) -> Collection[Working]:
        return self.orders.get(symbol, [])

    def open_count(self, symbol: str = "") -> int:
        return sum(len(orders) for name, orders in self.orders.items() if symbol in ("", name))

    def symbols(self, symbol: str) -> Iterable[str]:
        return list(self.known)

    def day(self, symbol: str) -> Day:
        return self.today

    def margin(self, symbol: str) -> Margin:
        return self.margins

    def equity(self, symbol: str) -> int | None:
        return self.worth

    def free(self, symbol: str) -> int | None:
        return self.cash

    def is_reconciled(self, symbol: str) -> bool:
        return self.reconciled

    def proof_age_ns(self, symbol: str) -> int:
        return self.proof_ns

    def unseen_age_ns(self, symbol: str) -> int:
        return self.unseen_ns


def order(side: Side, quantity: int | None, price: int | None = None, **changes: Any) -> OrderRequest:
    """A limit order where there is a price, else a market order."""
    given: dict[str, Any] = {"client_id": "hg1", "symbol": BTC, "side": side, "quantity": quantity, "price": price,
                             "kind": OrderKind.MARKET if price is None else OrderKind.LIMIT, "force": Force.GTC}  # fmt: skip
    return OrderRequest(**(given | changes))


def gate(**changes: Any) -> RiskGate:
    """A gate with the default limits, changed."""
    limits = msgspec.structs.replace(Limits(currencies=("USDT",)), **changes)
    return RiskGate(lambda symbol: limits)
