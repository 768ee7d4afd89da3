"""simulator.binance.spot_reports: the events that tell spot's accounts what became of their orders and balances. Pure.

Source: protocol sheet 5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hoga.simulator.binance.api import ApiError
from hoga.simulator.binance.order_count import OrderCount
from hoga.simulator.binance.orders import E8, MS_NS, BinanceOrder, UserEvent
from hoga.simulator.binance.printer import e8_text
from hoga.simulator.engine import WOULD_MATCH, CashAccounts, Engine, FeeModel, FeeOf, OwnFill, Status, worth_e8

__all__ = ["SPOT_REFUSES", "OrderList", "SpotOrder", "SpotReports", "spot_accounts"]

SPOT_REFUSES = frozenset({WOULD_MATCH})
"""The engine's reasons for which an order is refused."""

_FEES = FeeModel(maker_ppm=1_000, taker_ppm=1_000, of=FeeOf.RECEIVED)
_START_ORDERS = 10_000
_START_QUOTE_E8 = 10_000_000 * E8
_KINDS = {Status.CANCELED: "CANCELED", Status.EXPIRED_IN_MATCH: "TRADE_PREVENTION"}


def spot_accounts(engine: Engine) -> CashAccounts:
    """Accounts that all begin with the same funds. An open order locks what it could cost at its own price."""

    def start(account: str) -> dict[str, int]:
        instruments = engine.instruments.values()
        assets = {each.base: each.typical_lots * each.lot_e8 * _START_ORDERS for each in instruments}
        return assets | {each.quote: _START_QUOTE_E8 for each in instruments if each.quote not in assets}

    return CashAccounts(start, fees=_FEES)


@dataclass(eq=False, slots=True, kw_only=True)
class SpotOrder(BinanceOrder):
    """An order of the spot venue. `list_id` is its order list's, -1 for none; `working_ns` when it came to the market after a wait."""

    list_id: int = -1
    working_ns: int = 0


@dataclass(eq=False, slots=True, kw_only=True)
class OrderList:
    """Several orders that depend on each other: `first`, if there is one, is filled before `rest` goes to the market (`is_sent`)."""

    account: str
    symbol: str
    list_id: int
    client_id: str
    contingency: str
    first: SpotOrder | None
    rest: list[SpotOrder]
    updated_ns: int
    is_sent: bool = False
    is_done: bool = False

    @property
    def orders(self) -> list[SpotOrder]:
        """All of them."""
        return ([] if self.first is None else [self.first]) + self.rest

    @property
    def status_type(self) -> str:
        """What the venue is about with it."""
        return "ALL_DONE" if self.is_done else "EXEC_STARTED"

    @property
    def order_status(self) -> str:
        """How far it is."""
        return "ALL_DONE" if self.is_done else "EXECUTING"


class SpotReports:
    """Writes the events. `to_ms` is what the venue's clock says at a moment; `moved` are orders that something has become of, for whoever
    follows them."""

    def __init__(self, accounts: CashAccounts, counts: OrderCount, now_ns: Callable[[], int], to_ms: Callable[[int], int]) -> None:
        self.events: list[UserEvent] = []
        self.moved: list[SpotOrder] = []
        self.updated_ms: dict[str, int] = {}
        self._reports = 0
        self._accounts = accounts
        self._counts = counts
        self._now_ns = now_ns
        self._to_ms = to_ms

    def refused(self, order: SpotOrder, reason: str) -> None:
        """Raise what the request is answered with."""
        raise ApiError(-2010, "Order would immediately match and take.")

    def placed(self, order: SpotOrder) -> None:
        """An order was accepted."""
        order.name_it()
        self._tell(order, "NEW", None)

    def filled(self, order: SpotOrder, fill: OwnFill) -> None:
        """An order was met. One that was filled does not count against the limits."""
        if len(order.fills) == 1:
            self._counts.uncount(order.account, self._now_ns())
        self.moved.append(order)
        self._tell(order, "TRADE", fill)

    def ended(self, order: SpotOrder) -> None:
        """An order ended; the last fill has told that of one that was filled."""
        self.moved.append(order)
        if order.status is not Status.FILLED:
            self._tell(order, _KINDS.get(order.status, "EXPIRED"), None)

    def list_changed(self, orders: OrderList) -> None:
        """A list was accepted, or is done."""
        rows = [f'{{"s":"{each.symbol}","i":{each.order_id},"c":"{each.client_id}"}}' for each in orders.orders]
        text = (
            f'{{"e":"listStatus","E":{self._to_ms(self._now_ns())},"s":"{orders.symbol}","g":{orders.list_id},"c":"{orders.contingency}",'
            f'"l":"{orders.status_type}","L":"{orders.order_status}","r":"NONE","C":"{orders.client_id}",'
            f'"T":{orders.updated_ns // MS_NS},"O":[{",".join(rows)}]}}'
        )
        self.events.append(UserEvent(orders.account, "listStatus", text, f"listStatus/{orders.status_type}/{orders.symbol}"))

    def _tell(self, order: SpotOrder, kind: str, fill: OwnFill | None) -> None:
        """What became of an order, then what its owner has now."""
        self._reports += 1
        sent_ms, wallets = self._to_ms(self._now_ns()), self._accounts.of(order.account)
        report = _execution_report(order, kind, fill, number=self._reports, sent_ms=sent_ms)
        self.events.append(UserEvent(order.account, "executionReport", report, f"executionReport/{kind}/{order.symbol}"))
        self.updated_ms[order.account] = order.updated_ms
        rows = [
            f'{{"a":"{asset}","f":"{e8_text(wallets[asset].free)}","l":"{e8_text(wallets[asset].locked)}"}}'
            for asset in sorted((order.instrument.base, order.instrument.quote))
        ]
        text = f'{{"e":"outboundAccountPosition","E":{sent_ms},"u":{order.updated_ms},"B":[{",".join(rows)}]}}'
        self.events.append(UserEvent(order.account, "outboundAccountPosition", text, "outboundAccountPosition"))


def _execution_report(order: SpotOrder, kind: str, fill: OwnFill | None, *, number: int, sent_ms: int) -> str:
    """What became of an order, report `number` of the venue. A cancel is told with the cancel's id in `c` and the order's in `C`."""
    instrument = order.instrument
    lot, tick = instrument.lot_e8, instrument.tick_e8
    charged = f'"{fill.fee_asset}"' if fill else "null"
    client_id, original = (order.cancel_id, order.client_id) if order.cancel_id else (order.client_id, "")
    price = e8_text((order.price or 0) * tick)
    last = (fill.lots * lot, fill.price * tick, worth_e8(instrument, fill.quote)) if fill else (0, 0, 0)
    return (
        f'{{"e":"executionReport","E":{sent_ms},"s":"{order.symbol}","c":"{client_id}","S":"{order.side.name}","o":"{order.kind}",'
        f'"f":"{order.time_in_force}","q":"{e8_text(order.lots * lot)}","p":"{price}",'
        f'"P":"{e8_text(order.trigger * tick)}","F":"0.00000000","g":{order.list_id},'
        f'"C":"{original}","x":"{kind}","X":"{order.status}","r":"NONE","i":{order.order_id},"l":"{e8_text(last[0])}",'
        f'"z":"{e8_text(order.filled * lot)}","L":"{e8_text(last[1])}","n":"{e8_text(fill.fee if fill else 0)}",'
        f'"N":{charged},"T":{fill.time_ns // MS_NS if fill else order.updated_ms},'
        f'"t":{fill.trade_id if fill else -1},"I":{number},'
        f'"w":{_bool(order.is_open and order.price is not None and not order.waits)},"m":{_bool(bool(fill and fill.maker))},'
        f'"M":{_bool(fill is not None)},'
        f'"O":{order.created_ms},"Z":"{e8_text(worth_e8(instrument, order.quote))}","Y":"{e8_text(last[2])}",'
        f'"Q":"{e8_text(order.quote_wanted_e8)}","W":{order.created_ms},"V":"{order.prevention}"}}'
    )


def _bool(value: bool) -> str:
    return "true" if value else "false"
