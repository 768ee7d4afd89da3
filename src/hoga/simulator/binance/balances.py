"""simulator.binance.balances: spot accounts, and the events that tell what became of them. Pure.

Balances are integers of 1e-8. An open order locks what it could cost at its own price; a commission of 0.1 % is taken from what is
received. Everybody starts with the same funds. Source: protocol sheet 5.2.
"""

from __future__ import annotations

from collections.abc import Callable

from hoga.simulator.binance.api import ApiError
from hoga.simulator.binance.order_count import OrderCount
from hoga.simulator.binance.orders import E8, ClosedBy, OwnFill, OwnOrder, UserEvent
from hoga.simulator.binance.payloads import e8_text
from hoga.simulator.engine import Engine, Instrument, Side

__all__ = ["Balances", "commission_of", "execution_report", "notional_e8"]

_COMMISSION_PARTS = 1_000
_START_ORDERS = 10_000
_START_QUOTE_E8 = 10_000_000 * E8


def notional_e8(instrument: Instrument, quote: int) -> int:
    """Ticks x lots in units of 1e-8, cut off."""
    return quote * instrument.tick_e8 * instrument.lot_e8 // E8


class Balances:
    """The bookkeeper of spot: free and locked amounts by account and asset, and the events about them."""

    def __init__(self, engine: Engine, orders: OrderCount, now_ns: Callable[[], int], to_ms: Callable[[int], int]) -> None:
        self.events: list[UserEvent] = []
        self.updated_ms: dict[str, int] = {}
        self._reports = 0
        self._engine = engine
        self._orders = orders
        self._now_ns = now_ns
        self._to_ms = to_ms
        self._free: dict[str, dict[str, int]] = {}
        self._locked: dict[str, dict[str, int]] = {}

    def of(self, account: str) -> dict[str, tuple[int, int]]:
        """(free, locked) by asset."""
        free, locked = self._account(account)
        return {asset: (amount, locked[asset]) for asset, amount in free.items()}

    def demand(self, order: OwnOrder, cost_e8: int) -> None:
        """Raise ApiError when an order costs more than there is."""
        free, _ = self._account(order.account)
        if free[_pays(order)] < cost_e8:
            raise ApiError(-2010, "Account has insufficient balance for requested action.")

    def cost_e8(self, order: OwnOrder, *, at: int) -> int:
        """What an order could cost at a price of so many ticks."""
        if order.side is Side.SELL:
            return order.lots * order.instrument.lot_e8
        return notional_e8(order.instrument, order.lots * at)

    # -- what the order desk tells ----------------------------------------

    def placed(self, order: OwnOrder) -> None:
        """Lock what the order needs."""
        if order.price is not None:
            order.locked_e8 = self.cost_e8(order, at=order.price)
            self._move(order.account, _pays(order), free=-order.locked_e8, locked=order.locked_e8)
        self._tell(order, "NEW", None)
        self._tell_balances(order)

    def filled(self, order: OwnOrder, fill: OwnFill) -> None:
        """Exchange one asset for the other."""
        instrument = order.instrument
        base, quote = fill.lots * instrument.lot_e8, notional_e8(instrument, fill.quote)
        pays, gets = (base, quote) if order.side is Side.SELL else (quote, base)
        if order.price is None:
            self._move(order.account, _pays(order), free=-pays)
        else:
            held = order.locked_e8 if not order.left else min(order.locked_e8, self._held(order, fill))
            order.locked_e8 -= held
            self._move(order.account, _pays(order), free=held - pays, locked=-held)
        self._move(order.account, _gets(order), free=gets - gets // _COMMISSION_PARTS)
        if len(order.fills) == 1:
            self._orders.uncount(order.account, self._now_ns())
        self._tell(order, "TRADE", fill)
        self._tell_balances(order)

    def ended(self, order: OwnOrder, by: ClosedBy) -> None:
        """Give back what is still locked."""
        self._move(order.account, _pays(order), free=order.locked_e8, locked=-order.locked_e8)
        order.locked_e8 = 0
        kind = {"CANCELED": "CANCELED", "EXPIRED_IN_MATCH": "TRADE_PREVENTION"}.get(by.status, "EXPIRED")
        self._tell(order, kind, None, request_id=by.request_id)
        self._tell_balances(order)

    # -- inside ------------------------------------------------------------

    def _held(self, order: OwnOrder, fill: OwnFill) -> int:
        """What was locked for the lots of one fill."""
        if order.side is Side.SELL:
            return fill.lots * order.instrument.lot_e8
        return notional_e8(order.instrument, fill.lots * (order.price or 0))

    def _account(self, account: str) -> tuple[dict[str, int], dict[str, int]]:
        if account not in self._free:
            assets: dict[str, int] = {}
            for instrument in self._engine.instruments.values():
                assets[instrument.base] = instrument.typical_lots * instrument.lot_e8 * _START_ORDERS
            for instrument in self._engine.instruments.values():
                assets.setdefault(instrument.quote, _START_QUOTE_E8)
            self._free[account], self._locked[account] = assets, dict.fromkeys(assets, 0)
        return self._free[account], self._locked[account]

    def _move(self, account: str, asset: str, *, free: int = 0, locked: int = 0) -> None:
        frees, lockeds = self._account(account)
        frees[asset] += free
        lockeds[asset] += locked

    def _tell(self, order: OwnOrder, kind: str, fill: OwnFill | None, *, request_id: str = "") -> None:
        self._reports += 1
        sent_ms = self._to_ms(self._now_ns())
        text = execution_report(order, kind, fill, number=self._reports, sent_ms=sent_ms, request_id=request_id)
        self.events.append(UserEvent(order.account, "executionReport", text))

    def _tell_balances(self, order: OwnOrder) -> None:
        now_ms, balances = self._to_ms(self._now_ns()), self.of(order.account)
        self.updated_ms[order.account] = order.updated_ms
        rows = [
            f'{{"a":"{asset}","f":"{e8_text(balances[asset][0])}","l":"{e8_text(balances[asset][1])}"}}'
            for asset in sorted((order.instrument.base, order.instrument.quote))
        ]
        text = f'{{"e":"outboundAccountPosition","E":{now_ms},"u":{order.updated_ms},"B":[{",".join(rows)}]}}'
        self.events.append(UserEvent(order.account, "outboundAccountPosition", text))


def commission_of(order: OwnOrder, fill: OwnFill) -> tuple[int, str]:
    """(amount, asset) of a fill's commission."""
    gets = notional_e8(order.instrument, fill.quote) if order.side is Side.SELL else fill.lots * order.instrument.lot_e8
    return gets // _COMMISSION_PARTS, _gets(order)


def execution_report(order: OwnOrder, kind: str, fill: OwnFill | None, *, number: int, sent_ms: int, request_id: str) -> str:
    """What became of an order, report `number` of the venue. A cancel is told with the cancel's id in `c` and the order's in `C`."""
    instrument = order.instrument
    lot, tick = instrument.lot_e8, instrument.tick_e8
    commission, asset = commission_of(order, fill) if fill else (0, "")
    charged = f'"{asset}"' if fill else "null"
    client_id, original = (request_id, order.client_id) if request_id else (order.client_id, "")
    price = e8_text((order.price or 0) * tick)
    last = (fill.lots * lot, fill.price * tick, notional_e8(instrument, fill.quote)) if fill else (0, 0, 0)
    return (
        f'{{"e":"executionReport","E":{sent_ms},"s":"{order.symbol}","c":"{client_id}","S":"{order.side.name}","o":"{order.kind}",'
        f'"f":"{order.time_in_force}","q":"{e8_text(order.lots * lot)}","p":"{price}","P":"0.00000000","F":"0.00000000","g":-1,'
        f'"C":"{original}","x":"{kind}","X":"{order.status}","r":"NONE","i":{order.order_id},"l":"{e8_text(last[0])}",'
        f'"z":"{e8_text(order.filled * lot)}","L":"{e8_text(last[1])}","n":"{e8_text(commission)}",'
        f'"N":{charged},"T":{fill.time_ms if fill else order.updated_ms},'
        f'"t":{fill.trade_id if fill else -1},"I":{number},'
        f'"w":{_bool(order.is_open and order.price is not None)},"m":{_bool(bool(fill and fill.maker))},"M":{_bool(fill is not None)},'
        f'"O":{order.created_ms},"Z":"{e8_text(notional_e8(instrument, order.quote))}","Y":"{e8_text(last[2])}",'
        f'"Q":"{e8_text(order.quote_wanted_e8)}","W":{order.created_ms},"V":"EXPIRE_MAKER"}}'
    )


def _pays(order: OwnOrder) -> str:
    return order.instrument.base if order.side is Side.SELL else order.instrument.quote


def _gets(order: OwnOrder) -> str:
    return order.instrument.quote if order.side is Side.SELL else order.instrument.base


def _bool(value: bool) -> str:
    return "true" if value else "false"
