"""simulator.usdm.reports: the events that tell futures accounts what became of their orders, positions and wallet. Pure.

Commission: 0.02 % for a maker, 0.05 % for a taker. Everybody starts with the same wallet and twenty times leverage.
Source: protocol sheet 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hoga.simulator.binance.api import ApiError
from hoga.simulator.binance.orders import E8, MS_NS, BinanceOrder, UserEvent
from hoga.simulator.binance.printer import bool_text, decimal_text
from hoga.simulator.engine import NOT_WHOLE, WOULD_MATCH, Engine, FeeModel, MarginAccounts, OwnFill, Position, Status
from hoga.simulator.usdm.mark import mark_of
from hoga.simulator.usdm.payloads import ContractPrinter

__all__ = ["ASSET", "FUTURES_REFUSES", "LEGS", "FuturesOrder", "FuturesReports", "amount_text", "futures_accounts"]

ASSET = "USDT"
LEGS = {0: "BOTH", 1: "LONG", -1: "SHORT"}
"""What the legs of positions are called."""
_LEVERAGE = 20
_FEES = FeeModel(maker_ppm=200, taker_ppm=500)
_REFUSALS = {
    WOULD_MATCH: ApiError(-5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."),
    NOT_WHOLE: ApiError(-5021, "Due to the order could not be filled immediately, the FOK order has been rejected."),
}
FUTURES_REFUSES = frozenset(_REFUSALS)
"""The engine's reasons for which an order is refused."""


def futures_accounts(engine: Engine, now_ns: Callable[[], int], balance: int) -> MarginAccounts:
    """Accounts that all begin with so many USDT."""

    def mark_e8(symbol: str) -> int:
        market, instrument = engine.markets.get(symbol), engine.instruments[symbol]
        return instrument.start_ticks * instrument.tick_e8 if market is None else mark_of(market, now_ns() // MS_NS).price

    return MarginAccounts(ASSET, start_e8=balance * E8, leverage=_LEVERAGE, fees=_FEES, mark_e8=mark_e8)


@dataclass(eq=False, slots=True, kw_only=True)
class FuturesOrder(BinanceOrder):
    """An order of the futures venue. One that a conditional order became says what it was: `first_kind` (""), its `trigger` on the price
    `working`, and whether it `closes_all`."""

    first_kind: str = ""
    working: str = "CONTRACT_PRICE"
    closes_all: bool = False


class FuturesReports:
    """Writes the events. `to_ms` is what the venue's clock says at a moment; `ended_orders` are for whoever waits for them."""

    def __init__(self, accounts: MarginAccounts, now_ns: Callable[[], int], to_ms: Callable[[int], int]) -> None:
        self.events: list[UserEvent] = []
        self.ended_orders: list[FuturesOrder] = []
        self.margin_type: Callable[[str, str], str] = lambda account, symbol: "cross"
        self._accounts = accounts
        self._now_ns = now_ns
        self._to_ms = to_ms

    def refused(self, order: FuturesOrder, reason: str) -> None:
        """Raise what the request is answered with."""
        raise _REFUSALS[reason]

    def placed(self, order: FuturesOrder) -> None:
        """An order was accepted."""
        order.name_it()
        self._tell(order, "NEW")

    def amended(self, order: FuturesOrder) -> None:
        """An order has another size or price."""
        self._tell(order, "AMENDMENT")

    def filled(self, order: FuturesOrder, fill: OwnFill) -> None:
        """An order was met: three events, the shortest first."""
        self._tell_lite(order, fill)
        self._tell_account(order, fill)
        self._tell(order, "TRADE", fill)

    def ended(self, order: FuturesOrder) -> None:
        """An order ended; the last fill has told that of one that was filled."""
        self.ended_orders.append(order)
        if order.status is not Status.FILLED:
            self._tell(order, "CANCELED" if order.status is Status.CANCELED else "EXPIRED")

    def funded(self, account: str, symbol: str, amount_e8: int) -> None:
        """A position has paid funding, or got it: in cross margin the balance alone is told."""
        now_ms, balance = self._to_ms(self._now_ns()), decimal_text(self._accounts.balance_e8(account), 8)
        text = (
            f'{{"e":"ACCOUNT_UPDATE","E":{now_ms},"T":{now_ms},"a":{{"m":"FUNDING_FEE","B":[{{"a":"{ASSET}","wb":"{balance}",'
            f'"cw":"{balance}","bc":"{decimal_text(amount_e8, 8)}"}}],"P":[]}}}}'
        )
        self.events.append(UserEvent(account, "ACCOUNT_UPDATE", text, f"ACCOUNT_UPDATE/FUNDING_FEE/{symbol}"))

    def leverage_changed(self, account: str, symbol: str, leverage: int) -> None:
        """An account has chosen a leverage."""
        now_ms = self._to_ms(self._now_ns())
        text = f'{{"e":"ACCOUNT_CONFIG_UPDATE","E":{now_ms},"T":{now_ms},"ac":{{"s":"{symbol}","l":{leverage}}}}}'
        self.events.append(UserEvent(account, "ACCOUNT_CONFIG_UPDATE", text, f"ACCOUNT_CONFIG_UPDATE/LEVERAGE/{symbol}"))

    def _tell(self, order: FuturesOrder, kind: str, fill: OwnFill | None = None) -> None:
        text = _order_trade_update(order, kind, fill, sent_ms=self._to_ms(self._now_ns()))
        self.events.append(UserEvent(order.account, "ORDER_TRADE_UPDATE", text, f"ORDER_TRADE_UPDATE/{kind}/{order.symbol}"))

    def _tell_lite(self, order: FuturesOrder, fill: OwnFill) -> None:
        printer, sent_ms = ContractPrinter(order.instrument), self._to_ms(self._now_ns())
        text = (
            f'{{"e":"TRADE_LITE","E":{sent_ms},"T":{fill.time_ns // MS_NS},"s":"{order.symbol}","q":"{printer.size(order.lots)}",'
            f'"p":"{printer.price(order.price or 0)}","m":{bool_text(fill.maker)},"c":"{order.client_id}","S":"{order.side.name}",'
            f'"L":"{printer.price(fill.price)}","l":"{printer.size(fill.lots)}","t":{fill.trade_id},"i":{order.order_id}}}'
        )
        self.events.append(UserEvent(order.account, "TRADE_LITE", text, f"TRADE_LITE/TRADE/{order.symbol}"))

    def _tell_account(self, order: FuturesOrder, fill: OwnFill) -> None:
        position = self._accounts.position_of(order)
        balance, entry = decimal_text(self._accounts.balance_e8(order.account), 8), decimal_text(position.entry_e8(), 8)
        profit = decimal_text(position.profit_e8(self._accounts.mark_e8(order.symbol)), 8)
        margin = self.margin_type(order.account, order.symbol)
        text = (
            f'{{"e":"ACCOUNT_UPDATE","E":{self._to_ms(self._now_ns())},"T":{fill.time_ns // MS_NS},"a":{{"m":"ORDER",'
            f'"B":[{{"a":"{ASSET}","wb":"{balance}","cw":"{balance}","bc":"0"}}],'
            f'"P":[{{"s":"{order.symbol}","pa":"{amount_text(position)}","ep":"{entry}","bep":"{entry}",'
            f'"cr":"{decimal_text(position.realized, 8)}","up":"{profit}","mt":"{margin}","iw":"0",'
            f'"ps":"{LEGS[order.leg]}"}}]}}}}'
        )
        self.events.append(UserEvent(order.account, "ACCOUNT_UPDATE", text, f"ACCOUNT_UPDATE/ORDER/{order.symbol}"))


def amount_text(position: Position) -> str:
    """A position's signed size."""
    text = ContractPrinter(position.instrument).size(abs(position.lots))
    return f"-{text}" if position.lots < 0 else text


def _order_trade_update(order: FuturesOrder, kind: str, fill: OwnFill | None, *, sent_ms: int) -> str:
    """What became of an order. Commission is told with a fill only."""
    printer = ContractPrinter(order.instrument)
    time_ms = fill.time_ns // MS_NS if fill else order.updated_ms
    average = printer.price(order.quote // order.filled) if order.filled else "0"
    charged = f'"N":"{ASSET}","n":"{decimal_text(fill.fee, 8)}",' if fill else ""
    reason = order.why or {"EXPIRED_IN_MATCH": "1", "EXPIRED": "2" if order.price is not None else "9"}.get(order.status, "0")
    stop = printer.price(order.trigger) if order.trigger else "0"
    return (
        f'{{"e":"ORDER_TRADE_UPDATE","E":{sent_ms},"T":{time_ms},"o":{{"s":"{order.symbol}","c":"{order.client_id}",'
        f'"S":"{order.side.name}","o":"{order.kind}","f":"{order.time_in_force}","q":"{printer.size(order.lots)}",'
        f'"p":"{printer.price(order.price) if order.price is not None else 0}","ap":"{average}","sp":"{stop}","x":"{kind}",'
        f'"X":"{order.status}","i":{order.order_id},"l":"{printer.size(fill.lots if fill else 0)}",'
        f'"z":"{printer.size(order.filled)}","L":"{printer.price(fill.price) if fill else 0}",{charged}"T":{time_ms},'
        f'"t":{fill.trade_id if fill else 0},"b":"0","a":"0","m":{bool_text(bool(fill and fill.maker))},"R":{bool_text(order.reduce_only)},'
        f'"wt":"{order.working}","ot":"{order.first_kind or order.kind}","ps":"{LEGS[order.leg]}","cp":{bool_text(order.closes_all)},'
        f'"pP":false,"si":0,"ss":0,"rp":"{decimal_text(fill.realized if fill else 0, 8)}","V":"{order.prevention}",'
        f'"pm":"NONE","gtd":0,"er":"{reason}"}}}}'
    )
