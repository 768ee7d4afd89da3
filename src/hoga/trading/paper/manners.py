"""trading.paper.manners: what differs from venue to venue: words, fees, and in which order an order is judged, with which codes. Pure.

The codes and texts are the venues' own, as their documents and the wire simulator have them; what is judged first there is judged first
here, so that the same order is refused for the same reason.

Source: Binance spot docs "errors" and "filters", USD-M docs "error-code" and "new-algo-order"; Upbit docs "orders" (KR). Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import msgspec

from hoga.core.trading import Capabilities, Force, OrderKind, OrderState, PositionSide, Rules, TriggerBy
from hoga.trading.paper.account import Account, FeeOf, MarginAccount
from hoga.trading.paper.fills import Level
from hoga.trading.paper.market import PaperMarket
from hoga.trading.paper.orders import PaperOrder

__all__ = ["Case", "Manner", "Refusal", "manner_of", "watched"]


class Refusal(msgspec.Struct, frozen=True):
    """Why an order is not taken, in the venue's words. `in_matching`: it came as far as that, and own orders in its way are gone."""

    code: str
    text: str
    in_matching: bool = False


class Case(msgspec.Struct, frozen=True):
    """An order before the venue. `others`: its owner's open ones; `price`: what it watches, of one that waits; `shared`: another order of
    its list has the money for it; `hedge`: there are two positions a symbol."""

    order: PaperOrder
    market: PaperMarket
    account: Account
    others: Collection[PaperOrder]
    price: int
    shared: bool = False
    hedge: bool = False

    @property
    def rules(self) -> Rules:
        """Of its instrument."""
        return self.market.rules

    def takes(self) -> list[Level]:
        """What it would take at once of what is known."""
        order = self.order
        return self.market.takeable(order.sign, order.left, order.price, beyond=False)

    def crosses(self) -> bool:
        """Whether a limit order would meet anybody."""
        order, touch = self.order, self.market.touch(self.order.sign)
        price = order.price or 0
        return bool(touch and (price - touch) * order.sign >= 0) or any(
            other.sign != order.sign and other.symbol == order.symbol and other.price and (price - other.price) * order.sign >= 0
            for other in self.others
            if not other.request.waits or other.state is not OrderState.WAITING
        )

    def closable(self) -> int:
        """How much of its position an order could close."""
        assert isinstance(self.account, MarginAccount), "positions are a margin account's"
        held = self.account.position(self.order).quantity
        return abs(held) if held * self.order.sign < 0 else 0


Judge = Callable[[Case], Iterator[Refusal]]
"""Gives the reasons one by one, in the venue's order; the first one counts."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's manner. `maker_bp`, `taker_bp`: its usual fees. `words`: what it calls the states of an order. `unknown`: what it says of
    a cancel of an order that it does not know (any more). `is_duplicate`: the code of a client id that is there already. `collar`: how far
    from the mark an order at the market takes, in hundredths; 0: as far as there is somebody.
    `triggers_by_last`: orders that wait look at trades, whatever they ask for."""

    judge: Judge
    fee_of: FeeOf
    maker_bp: float
    taker_bp: float
    words: dict[OrderState, str]
    unknown: Refusal
    duplicate: str
    collar: int = 0
    triggers_by_last: bool = False


# -- Binance, spot ------------------------------------------------------------------------------------------------


def _failed(name: str) -> Refusal:
    return Refusal("-1013", f"Filter failure: {name}")


_MOST_WAITING_SPOT = 5


def _spot(case: Case) -> Iterator[Refusal]:
    order, rules, market = case.order, case.rules, case.market
    request, quantity = order.request, order.quantity
    at_market = request.kind is OrderKind.MARKET
    if not rules.is_trading:
        yield Refusal("-2010", "Market is closed.")
    if quantity is not None:
        if quantity <= 0 or quantity % rules.lot or quantity < rules.least or (rules.most is not None and quantity > rules.most):
            yield _failed("LOT_SIZE")
        if at_market and rules.market_most is not None and quantity > rules.market_most:
            yield _failed("MARKET_LOT_SIZE")
    if request.kind is OrderKind.LIMIT:
        yield from _spot_price(rules, request.price or 0)
        yield from _spot_band(case, request.price or 0)
    elif request.waits and request.trigger is not None:
        yield from _spot_price(rules, request.trigger)
    at = order.price or request.trigger or market.traded_price
    value = request.funds if request.funds is not None else (quantity or 0) * at
    if rules.min_notional is not None and value < rules.min_notional:
        yield _failed("NOTIONAL")
    if rules.max_notional is not None and value > rules.max_notional and not at_market:
        yield _failed("NOTIONAL")
    mine = [each for each in case.others if each.symbol == order.symbol]
    if rules.max_orders is not None and len(mine) >= rules.max_orders:
        yield _failed("MAX_NUM_ORDERS")
    if request.waits and sum(each.state is OrderState.WAITING for each in mine) >= _MOST_WAITING_SPOT:
        yield _failed("MAX_NUM_ALGO_ORDERS")
    if any(each.request.client_id == request.client_id for each in mine):
        yield Refusal(_DUPLICATE, "Duplicate order sent.")
    if request.waits and request.kind is not OrderKind.TRAIL and order.is_met(case.price):
        yield Refusal("-2010", "Stop price would trigger immediately.")
    if not case.shared and not case.account.covers(order, at):
        yield Refusal("-2010", "Account has insufficient balance for requested action.")
    if request.force is Force.POST_ONLY and request.kind is OrderKind.LIMIT and case.crosses():
        yield Refusal("-2010", "Order would immediately match and take.")


def _spot_price(rules: Rules, price: int) -> Iterator[Refusal]:
    low, high = rules.min_price, rules.max_price
    if price <= 0 or price % rules.tick_at(price) or (low is not None and price < low) or (high is not None and price > high):
        yield _failed("PRICE_FILTER")


def _spot_band(case: Case, price: int) -> Iterator[Refusal]:
    last, band = case.market.traded_price, case.rules.bid_band if case.order.sign > 0 else case.rules.ask_band
    if band is not None and last and not band[0] * last <= price * 100_000 <= band[1] * last:
        yield _failed("PERCENT_PRICE_BY_SIDE")


# -- Binance, contracts --------------------------------------------------------------------------------------------

_MOST_WAITING = 200
_LEAST_CALLBACK_BP, _MOST_CALLBACK_BP = 10, 1_000


def _contracts(case: Case) -> Iterator[Refusal]:
    request, rules = case.order.request, case.rules
    if (request.position_side is not PositionSide.BOTH) is not case.hedge:
        yield Refusal("-4061", "Order's position side does not match user's setting.")
    if not rules.is_trading:
        yield Refusal("-4108", "This contract is in delivery or delivered or closed or pre-trading.")
    if request.waits:
        yield from _algo(case)
        return
    yield from _contract_lots(case)
    if case.order.price is not None:
        yield from _contract_price(case, case.order.price)
    yield from _contract_judged(case)
    order, market = case.order, case.market
    if order.price is None and (best := market.touch(order.sign)):
        bound = market.price * (100 + 5 * order.sign) // 100
        if (bound - best) * order.sign < 0:
            yield Refusal("-4131", "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
    if order.price is not None and request.force is Force.POST_ONLY and case.crosses():
        yield Refusal("-5022", "Due to the order could not be executed as maker, the Post Only order will be rejected.")
    if order.price is not None and request.force is Force.FOK and sum(met for _, met in case.takes()) < order.left:
        text = "Due to the order could not be filled immediately, the FOK order has been rejected."
        yield Refusal("-5021", text, in_matching=True)


def _contract_lots(case: Case) -> Iterator[Refusal]:
    rules, quantity = case.rules, case.order.quantity
    if quantity is None:
        if not case.order.request.close_position:
            yield Refusal("-1102", "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
        return
    at_market = case.order.request.kind is OrderKind.MARKET
    if quantity % (rules.market_lot if at_market else rules.lot):
        yield Refusal("-4023", "Qty not increased by step size.")
    if quantity <= 0:
        yield Refusal("-4003", "Quantity less than or equal to zero.")
    most = rules.market_most if at_market else rules.most
    if most is not None and quantity > most:
        yield Refusal("-4005", "Quantity greater than max quantity.")


def _contract_tick(rules: Rules, price: int) -> Iterator[Refusal]:
    if price <= 0 or price % rules.tick_at(price):
        yield Refusal("-4014", "Price not increased by tick size.")


def _contract_price(case: Case, price: int) -> Iterator[Refusal]:
    rules, mark, buys = case.rules, case.market.price, case.order.sign > 0
    yield from _contract_tick(rules, price)
    if rules.max_price is not None and price > rules.max_price:
        yield Refusal("-4002", "Price greater than max price.")
    band = rules.bid_band if buys else rules.ask_band
    if band is not None and mark and buys and price * 100_000 > band[1] * mark:
        yield Refusal("-4016", "Limit price can't be higher than the price cap.")
    if band is not None and mark and not buys and price * 100_000 < band[0] * mark:
        yield Refusal("-4024", "Limit price can't be lower than the price floor.")


def _contract_judged(case: Case) -> Iterator[Refusal]:
    order, rules, market = case.order, case.rules, case.market
    request = order.request
    at = order.price or market.traded_price
    if rules.min_notional is not None and order.left * at < rules.min_notional and not order.only_closes:
        yield _too_small(rules)
    if any(each.request.client_id == request.client_id and each.symbol == order.symbol for each in case.others if not each.request.waits):
        yield Refusal("-4116", "ClientOrderId is duplicated.")
    if order.only_closes:
        held = case.closable()
        if not held or (request.position_side.value != "both" and order.left > held):
            yield Refusal("-2022", "ReduceOnly Order is rejected.")
        resting = sum(
            each.left
            for each in case.others
            if each.only_closes and each.state is not OrderState.WAITING and each.state is not OrderState.TRIGGERED
            if (each.symbol, each.sign, each.request.position_side) == (order.symbol, order.sign, request.position_side)
        )
        if order.parent is None and resting >= held:
            yield Refusal("-4118", "ReduceOnly Order Failed. Please check your existing position and open orders.")
        order.left = min(order.left, held if order.parent is not None else held - resting)
        order.quantity = order.left
    if not case.account.covers(order, at):
        yield Refusal("-2019", "Margin is insufficient.")


def _algo(case: Case) -> Iterator[Refusal]:
    order, rules, request = case.order, case.rules, case.order.request
    yield from _contract_lots(case)
    if request.kind is OrderKind.TRAIL:
        if request.activation is not None:
            yield from _contract_tick(rules, request.activation)
        if not _LEAST_CALLBACK_BP <= (request.distance_bp or 0) <= _MOST_CALLBACK_BP:
            yield Refusal("-2007", "Invalid callback rate.")
    else:
        yield from _contract_tick(rules, request.trigger or 0)
    waiting = [each for each in case.others if each.state is OrderState.WAITING]
    if len(waiting) >= _MOST_WAITING:
        yield Refusal("-4045", "Reach max stop order limit.")
    if any(each.request.client_id == request.client_id for each in waiting):
        yield Refusal("-4116", "ClientOrderId is duplicated.")
    if request.close_position and any(each.request.close_position and _aims_alike(each, order) for each in waiting):
        yield Refusal("-4130", "An open stop or take profit order with GTE and closePosition in the direction is existing.")
    at = request.trigger or case.market.traded_price
    if rules.min_notional is not None and order.quantity is not None and order.left * at < rules.min_notional and not order.only_closes:
        yield _too_small(rules)
    if request.kind is not OrderKind.TRAIL and case.price and order.is_met(case.price):
        yield Refusal("-2021", "Order would immediately trigger.")


def _too_small(rules: Rules) -> Refusal:
    return Refusal(
        "-4164", f"Order's notional must be no smaller than {rules.money_text(rules.min_notional or 0)} (unless you choose reduce only)."
    )


def _aims_alike(one: PaperOrder, other: PaperOrder) -> bool:
    mine, theirs = one.request, other.request
    return (mine.symbol, mine.position_side, one.sign, one.fears) == (theirs.symbol, theirs.position_side, other.sign, other.fears)


# -- Upbit --------------------------------------------------------------------------------------------------------


def _upbit(case: Case) -> Iterator[Refusal]:
    order, rules, market = case.order, case.rules, case.market
    request, side = order.request, "bid" if order.sign > 0 else "ask"
    if not rules.is_trading:
        yield Refusal("market_does_not_exist", "마켓을 찾을 수 없습니다.")
    if (request.quantity is not None and request.quantity <= 0) or (request.price is not None and request.price <= 0):
        yield Refusal("validation_error", "0보다 커야 합니다.")
    if request.kind is OrderKind.MARKET and market.depth is not None and market.depth is market.top:
        known = market.levels(order.sign)
        much, there = (request.funds, sum(p * s for p, s in known)) if request.funds is not None else (order.left, sum(s for _, s in known))
        if much > there:
            yield Refusal(f"create_{side}_error", "주문 가능한 호가 수량을 초과했습니다.")
    if request.price is not None and request.kind is OrderKind.LIMIT and request.price % rules.tick_at(request.price):
        yield Refusal(f"invalid_price_{side}", "주문가격 단위를 잘못 입력하셨습니다.")
    total = request.funds if request.funds is not None else order.left * (order.price or market.touch(-1) or market.price)
    if rules.min_notional is not None and total < rules.min_notional:
        yield Refusal(f"under_min_total_{side}", "최소주문금액 이상으로 주문해주세요.")
    if rules.max_notional is not None and total > rules.max_notional:
        yield Refusal(f"over_max_total_{side}", "최대주문금액을 넘었습니다.")
    if not case.account.covers(order, order.price or market.touch(order.sign) or market.price):
        currency = rules.quote if order.sign > 0 else rules.base
        yield Refusal(f"insufficient_funds_{side}", f"주문가능한 금액({currency})이 부족합니다.")


# -- the table ----------------------------------------------------------------------------------------------------

_DUPLICATE = "duplicate"
_BINANCE_WORDS = {
    OrderState.NEW: "NEW",
    OrderState.PARTIAL: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
    OrderState.REJECTED: "REJECTED",
    OrderState.WAITING: "NEW",
    OrderState.TRIGGERED: "TRIGGERED",
}
_UPBIT_WORDS = {
    OrderState.NEW: "wait",
    OrderState.PARTIAL: "trade",
    OrderState.FILLED: "done",
    OrderState.CANCELED: "cancel",
    OrderState.EXPIRED: "cancel",
    OrderState.REJECTED: "cancel",
    OrderState.WAITING: "watch",
    OrderState.TRIGGERED: "wait",
}
_UNKNOWN = Refusal("-2011", "Unknown order sent.")

_CONTRACTS = Manner(
    judge=_contracts, fee_of=FeeOf.MONEY, maker_bp=2.0, taker_bp=5.0, words=_BINANCE_WORDS, unknown=_UNKNOWN, duplicate="-4116", collar=5
)
_SPOT = Manner(
    judge=_spot, fee_of=FeeOf.RECEIVED, maker_bp=10.0, taker_bp=10.0, words=_BINANCE_WORDS, unknown=_UNKNOWN, duplicate=_DUPLICATE,
    triggers_by_last=True,
)  # fmt: skip
_UPBIT = Manner(
    judge=_upbit, fee_of=FeeOf.MONEY, maker_bp=5.0, taker_bp=5.0, words=_UPBIT_WORDS,
    unknown=Refusal("order_not_found", "주문을 찾지 못했습니다."), duplicate="duplicated_identifier",
    triggers_by_last=True,
)  # fmt: skip


def manner_of(able: Capabilities) -> Manner:
    """The manner of the venues that are able to do this."""
    if able.short:
        return _CONTRACTS
    return _UPBIT if able.market_buy_by_funds else _SPOT


def watched(order: PaperOrder, market: PaperMarket, manner: Manner) -> int:
    """The price that an order that waits looks at."""
    by_mark = order.request.trigger_by is TriggerBy.MARK and not manner.triggers_by_last
    return market.price if by_mark else market.traded_price
