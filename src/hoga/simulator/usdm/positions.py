"""simulator.usdm.positions: futures accounts: one wallet, cross margin, one position a symbol; and the events about them. Pure.

Amounts are integers of 1e-8. A position keeps its signed lots and what they cost (ticks x lots); reducing it realises its
part of the difference. Commission: 0.02 % for a maker, 0.05 % for a taker. Everybody starts with the same wallet and
twenty times leverage. Positions are one-way (`BOTH`).

Source: protocol sheet 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hoga.simulator.binance.api import ApiError
from hoga.simulator.binance.orders import E8, ClosedBy, OwnFill, OwnOrder, UserEvent
from hoga.simulator.engine import Engine, Instrument
from hoga.simulator.usdm.instruments import digits_of
from hoga.simulator.usdm.mark import mark_of
from hoga.simulator.usdm.payloads import Printer, decimal_text

__all__ = ["ASSET", "LEVERAGE", "Position", "Positions", "Wallet", "commission_e8", "order_trade_update"]

ASSET = "USDT"
LEVERAGE = 20
_START_E8 = 100_000 * E8
_MAKER_E6, _TAKER_E6 = 200, 500


class Position:
    """Signed `lots` and what they cost; `realized_e8` is what it has earned so far."""

    __slots__ = ("cost", "instrument", "lots", "realized_e8", "updated_ms")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lots = 0
        self.cost = 0
        self.realized_e8 = 0
        self.updated_ms = 0

    def change(self, lots: int, price: int) -> int:
        """Take over a fill of signed lots at a price; what it realised, in ticks x lots."""
        realized = 0
        if self.lots * lots < 0:
            closed = min(abs(lots), abs(self.lots))
            share = self.cost * closed // abs(self.lots)
            realized = (price * closed - share) if self.lots > 0 else (share - price * closed)
            self.cost -= share
            direction = 1 if lots > 0 else -1
            self.lots += closed * direction
            lots -= closed * direction
        self.lots += lots
        self.cost += price * abs(lots)
        return realized

    def entry_e8(self) -> int:
        """Average price paid, 0 without a position."""
        return self.cost * self.instrument.tick_e8 // abs(self.lots) if self.lots else 0

    def profit_e8(self, mark_e8: int) -> int:
        """What closing at a price would bring."""
        return (mark_e8 - self.entry_e8()) * self.lots * self.instrument.lot_e8 // E8


class Wallet(NamedTuple):
    """An account's money: balance, profit not taken yet, what positions and open orders bind."""

    balance_e8: int
    profit_e8: int
    bound_e8: int

    @property
    def available_e8(self) -> int:
        """What new orders may bind."""
        return max(0, self.balance_e8 + self.profit_e8 - self.bound_e8)


class Positions:
    """The bookkeeper of futures."""

    def __init__(self, engine: Engine, now_ns: Callable[[], int], to_ms: Callable[[int], int]) -> None:
        self.events: list[UserEvent] = []
        self._engine = engine
        self._now_ns = now_ns
        self._to_ms = to_ms
        self._balances: dict[str, int] = {}
        self._positions: dict[str, dict[str, Position]] = {}
        self.realized_e8: dict[tuple[int, int], int] = {}
        """What a fill realised, by order and trade; a missing one realised nothing."""

    def of(self, account: str) -> dict[str, Position]:
        """An account's positions by symbol, also those that are flat again."""
        return self._positions.setdefault(account, {})

    def position(self, account: str, symbol: str) -> Position:
        """One position."""
        held = self.of(account)
        if symbol not in held:
            held[symbol] = Position(self._engine.instruments[symbol])
        return held[symbol]

    def mark_e8(self, symbol: str) -> int:
        """A contract's mark price."""
        return mark_of(self._engine.market(symbol), self._now_ns() // 1_000_000).price

    def wallet(self, account: str, open_orders: list[OwnOrder]) -> Wallet:
        """The account's money now."""
        positions = [position for position in self.of(account).values() if position.lots]
        marks = {position.instrument.symbol: self.mark_e8(position.instrument.symbol) for position in positions}
        profit = sum(position.profit_e8(marks[position.instrument.symbol]) for position in positions)
        bound = sum(marks[p.instrument.symbol] * abs(p.lots) * p.instrument.lot_e8 // E8 for p in positions)
        bound += sum(_value_e8(order, order.left, order.price or 0) for order in open_orders if not order.reduce_only)
        return Wallet(self._balance(account), profit, bound // LEVERAGE)

    def demand(self, order: OwnOrder, open_orders: list[OwnOrder], *, at: int) -> None:
        """Raise ApiError when an order is more than the account can carry, or reduces nothing."""
        held = self.position(order.account, order.symbol).lots
        reduces = held * order.side < 0
        if order.reduce_only and not reduces:
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        opening = order.lots - abs(held) if reduces else order.lots
        need = _value_e8(order, max(0, opening), at) // LEVERAGE
        if not order.reduce_only and need > self.wallet(order.account, open_orders).available_e8:
            raise ApiError(-2019, "Margin is insufficient.")

    # -- what the order desk tells ----------------------------------------

    def placed(self, order: OwnOrder) -> None:
        """An order was accepted."""
        self._tell(order, "NEW", None)

    def filled(self, order: OwnOrder, fill: OwnFill) -> None:
        """Move the position and the wallet."""
        position = self.position(order.account, order.symbol)
        realized_e8 = _quote_e8(order, position.change(fill.lots * order.side, fill.price))
        cost_e8 = commission_e8(order, fill)
        position.realized_e8 += realized_e8
        self.realized_e8[order.order_id, fill.trade_id] = realized_e8
        position.updated_ms = fill.time_ms
        self._balances[order.account] = self._balance(order.account) + realized_e8 - cost_e8
        self._tell_lite(order, fill)
        self._tell_account(order, fill)
        self._tell(order, "TRADE", fill, realized_e8=realized_e8)

    def ended(self, order: OwnOrder, by: ClosedBy) -> None:
        """An order ended."""
        kind = "CANCELED" if by.status == "CANCELED" else "EXPIRED"
        self._tell(order, kind, None)

    # -- inside ------------------------------------------------------------

    def _balance(self, account: str) -> int:
        return self._balances.setdefault(account, _START_E8)

    def _tell(self, order: OwnOrder, kind: str, fill: OwnFill | None, *, realized_e8: int = 0) -> None:
        text = order_trade_update(order, kind, fill, sent_ms=self._to_ms(self._now_ns()), realized_e8=realized_e8)
        self.events.append(UserEvent(order.account, "ORDER_TRADE_UPDATE", text))

    def _tell_lite(self, order: OwnOrder, fill: OwnFill) -> None:
        printer, sent_ms = _printer(order.instrument), self._to_ms(self._now_ns())
        text = (
            f'{{"e":"TRADE_LITE","E":{sent_ms},"T":{fill.time_ms},"s":"{order.symbol}","q":"{printer.size(order.lots)}",'
            f'"p":"{printer.price(order.price or 0)}","m":{_bool(fill.maker)},"c":"{order.client_id}","S":"{order.side.name}",'
            f'"L":"{printer.price(fill.price)}","l":"{printer.size(fill.lots)}","t":{fill.trade_id},"i":{order.order_id}}}'
        )
        self.events.append(UserEvent(order.account, "TRADE_LITE", text))

    def _tell_account(self, order: OwnOrder, fill: OwnFill) -> None:
        position = self.position(order.account, order.symbol)
        balance, entry = decimal_text(self._balance(order.account), 8), decimal_text(position.entry_e8(), 8)
        printer = _printer(order.instrument)
        profit = decimal_text(position.profit_e8(self.mark_e8(order.symbol)), 8)
        amount = f"{'-' if position.lots < 0 else ''}{printer.size(abs(position.lots))}"
        text = (
            f'{{"e":"ACCOUNT_UPDATE","E":{self._to_ms(self._now_ns())},"T":{fill.time_ms},"a":{{"m":"ORDER",'
            f'"B":[{{"a":"{ASSET}","wb":"{balance}","cw":"{balance}","bc":"0"}}],'
            f'"P":[{{"s":"{order.symbol}","pa":"{amount}","ep":"{entry}","bep":"{entry}",'
            f'"cr":"{decimal_text(position.realized_e8, 8)}","up":"{profit}","mt":"cross","iw":"0","ps":"BOTH"}}]}}}}'
        )
        self.events.append(UserEvent(order.account, "ACCOUNT_UPDATE", text))


def order_trade_update(order: OwnOrder, kind: str, fill: OwnFill | None, *, sent_ms: int, realized_e8: int) -> str:
    """What became of an order. Commission is told with a fill only."""
    printer = _printer(order.instrument)
    time_ms = fill.time_ms if fill else order.updated_ms
    average = printer.price(order.quote // order.filled) if order.filled else "0"
    charged = f'"N":"{ASSET}","n":"{decimal_text(commission_e8(order, fill), 8)}",' if fill else ""
    reason = {"EXPIRED_IN_MATCH": "1", "EXPIRED": "2" if order.price is not None else "9"}.get(order.status, "0")
    return (
        f'{{"e":"ORDER_TRADE_UPDATE","E":{sent_ms},"T":{time_ms},"o":{{"s":"{order.symbol}","c":"{order.client_id}",'
        f'"S":"{order.side.name}","o":"{order.kind}","f":"{order.time_in_force}","q":"{printer.size(order.lots)}",'
        f'"p":"{printer.price(order.price) if order.price is not None else 0}","ap":"{average}","sp":"0","x":"{kind}",'
        f'"X":"{order.status}","i":{order.order_id},"l":"{printer.size(fill.lots if fill else 0)}",'
        f'"z":"{printer.size(order.filled)}","L":"{printer.price(fill.price) if fill else 0}",{charged}"T":{time_ms},'
        f'"t":{fill.trade_id if fill else 0},"b":"0","a":"0","m":{_bool(bool(fill and fill.maker))},"R":{_bool(order.reduce_only)},'
        f'"wt":"CONTRACT_PRICE","ot":"{order.kind}","ps":"BOTH","cp":false,"pP":false,"si":0,"ss":0,'
        f'"rp":"{decimal_text(realized_e8, 8)}","V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"{reason}"}}}}'
    )


def _printer(instrument: Instrument) -> Printer:
    return Printer(instrument, digits_of(instrument))


def _quote_e8(order: OwnOrder, quote: int) -> int:
    value = abs(quote) * order.instrument.tick_e8 * order.instrument.lot_e8 // E8
    return value if quote >= 0 else -value


def _value_e8(order: OwnOrder, lots: int, price: int) -> int:
    return _quote_e8(order, lots * price)


def commission_e8(order: OwnOrder, fill: OwnFill) -> int:
    """What a fill costs."""
    return _quote_e8(order, fill.quote) * (_MAKER_E6 if fill.maker else _TAKER_E6) // 1_000_000


def _bool(value: bool) -> str:
    return "true" if value else "false"
