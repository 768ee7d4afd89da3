"""trading.risk.checks: the fourteen checks, in the order in which an order meets them: one function each, and the table of them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hoga.core.trading import OrderKind, PositionSide
from hoga.trading.ports import Denial, View
from hoga.trading.risk.asked import Asked, as_sent, beyond_band, own_price
from hoga.trading.risk.bounds import Bounds
from hoga.trading.risk.codes import Code, deny
from hoga.trading.risk.exposure import ONE, exposure, in_money_of, value_of
from hoga.trading.rungs import Rung

__all__ = ["CHECKS", "LOOKS", "LOOKS_REDUCING", "Check", "losses", "whole"]

_S = 1_000_000_000
_MS = 1_000_000
_MARK_STALE_NS = 10 * _S
_LIMIT, _MARKET = OrderKind.LIMIT, OrderKind.MARKET
_BOTH = PositionSide.BOTH
_LEGS = tuple(PositionSide)
_ACTIVE, _REDUCING, _HALTED = Rung.ACTIVE, Rung.REDUCING, Rung.HALTED
_ALLOWED = {Rung.NO_OPEN: Code.NO_OPEN, Rung.REDUCING: Code.REDUCING, Rung.HALTED: Code.HALTED, Rung.FLATTEN: Code.FLATTEN}


def _state(asked: Asked) -> Denial | None:
    rung, request = asked.view.rung, asked.request
    if (request.reduce_only or request.close_position) and not asked.reduces:
        reach = max(-asked.exposure.low if asked.buy else asked.exposure.high, 0)
        return deny(Code.MUST_REDUCE, asked.rules.quantity_text(reach), asked.rules.quantity_text(asked.quantity))
    if rung is _ACTIVE or (rung <= _REDUCING and asked.reduces):
        return None
    if rung is _HALTED and asked.reduces and asked.waits:
        return None  # a stop that protects
    return deny(_ALLOWED[rung], found=request.side.value)


def _truth(asked: Asked) -> Denial | None:
    view, symbol, bounds = asked.view, asked.request.symbol, asked.bounds
    if not view.is_reconciled(symbol):
        return deny(Code.UNRECONCILED)
    if (age := view.proof_age_ns(symbol)) > bounds.exec_stale_ns:
        return deny(Code.STREAM_STALE, f"{bounds.limits.exec_stale_after_ms} ms", f"{age // _MS} ms")
    if (age := view.unseen_age_ns(symbol)) > bounds.event_overdue_ns:
        return deny(Code.EVENT_OVERDUE, f"{bounds.limits.event_overdue_ms} ms", f"{age // _MS} ms")
    return None


def _book(asked: Asked) -> Denial | None:
    return asked.book


def _rules(asked: Asked) -> Denial | None:
    request, rules = asked.request, asked.rules
    if not rules.is_trading:
        return deny(Code.NOT_TRADING)
    given = (
        ()
        if request.kind is _MARKET and request.trigger is request.activation is None
        else (request.price if request.kind is _LIMIT else None, request.trigger, request.activation)
    )
    for price in given:
        if price is None:
            continue
        if rules.price_down(price) != price:
            around = f"{rules.price_text(rules.price_down(price))} or {rules.price_text(rules.price_up(price))}"
            return deny(Code.OFF_TICK, around, rules.price_text(price))
        if price < (rules.min_price or 1) or (rules.max_price is not None and price > rules.max_price):
            bounds = f"{rules.price_text(rules.min_price or 1)} to {rules.price_text(rules.max_price or 0)}"
            return deny(Code.PRICE_BAND, bounds, rules.price_text(price))
    if request.close_position:
        return None
    market = asked.turns_market or asked.waits
    least = rules.market_least if market else rules.least
    most = rules.market_most if market else rules.most
    if asked.quantity < least or asked.quantity < 1:
        return deny(Code.TOO_SMALL, rules.quantity_text(least), rules.quantity_text(request.quantity or asked.quantity))
    if most is not None and asked.quantity > most:
        if not asked.reduces:
            return deny(Code.TOO_LARGE, rules.quantity_text(most), rules.quantity_text(asked.quantity))
        asked.quantity = rules.quantity_down(most, market=market)
    exempt = asked.reduces and asked.can.reduce_only
    if rules.min_notional is not None and asked.price and asked.notional < rules.min_notional and not exempt:
        return deny(Code.MIN_NOTIONAL, rules.money_text(rules.min_notional), rules.money_text(asked.notional))
    if rules.max_notional is not None and asked.notional > rules.max_notional:
        return deny(Code.TOO_LARGE, rules.money_text(rules.max_notional), rules.money_text(asked.notional))
    return None


def _collar(asked: Asked) -> Denial | None:
    request, rules, look = asked.request, asked.rules, asked.look
    if asked.waits or asked.turns_market or asked.book is not None:
        return None
    if look.has_mark and not asked.reduces and (not look.mark or asked.now - look.mark_at_ns > _MARK_STALE_NS):
        return deny(Code.NO_MARK)
    bound = asked.bound
    if request.kind is _MARKET:
        reached = asked.price >= look.ask if asked.buy else 0 < asked.price <= look.bid
        own = own_price(asked)
        if not reached and own and (own <= look.ask if asked.buy else own >= look.bid):
            return deny(Code.SELF_CROSS, found=rules.price_text(own))
        if not reached:
            best = look.ask if asked.buy else look.bid
            return deny(Code.PRICE_COLLAR, rules.price_text(bound), rules.price_text(best))
    elif asked.price > bound if asked.buy else asked.price < bound:
        return deny(Code.PRICE_COLLAR, rules.price_text(bound), rules.price_text(asked.price))
    band = beyond_band(asked)
    if band is not None:
        return deny(Code.PRICE_BAND, f"{rules.price_text(band[0])} to {rules.price_text(band[1])}", rules.price_text(asked.price))
    return None


def _order_notional(asked: Asked) -> Denial | None:
    if asked.quantity * asked.price > asked.bounds.order:
        return deny(Code.MAX_ORDER_NOTIONAL, asked.rules.money_text(asked.bounds.order), asked.rules.money_text(asked.notional))
    return None


def _position(asked: Asked) -> Denial | None:
    now, quantity = asked.exposure, 0 if asked.only_reduces else asked.quantity
    if asked.buy:
        reached = now.high + quantity
    else:
        reached = quantity - now.low
        if reached > 0 and not asked.can.short:
            left = asked.rules.quantity_text(max(now.low, 0))
            return deny(Code.NO_SHORT, left, asked.rules.quantity_text(asked.quantity))
    money = reached * asked.value
    if money > asked.bounds.position:
        return deny(Code.MAX_POSITION_NOTIONAL, asked.rules.money_text(asked.bounds.position), asked.rules.money_text(money))
    return None


def _account(asked: Asked) -> Denial | None:
    view, symbol, bounds, rules = asked.view, asked.request.symbol, asked.bounds, asked.rules
    margin, equity = view.margin(symbol), view.equity(symbol)
    if margin.read_age_ns is None or equity is None:
        return deny(Code.NO_ACCOUNT)
    if margin.read_age_ns > bounds.account_stale_ns:
        return deny(Code.ACCOUNT_STALE, f"{bounds.limits.account_stale_after_s:g} s", f"{margin.read_age_ns // _S} s")
    if margin.doubt:
        return deny(Code.SETTINGS, found=margin.doubt)
    if not asked.can.short and asked.buy:
        free = view.free(symbol)
        if free is None:
            return deny(Code.NO_ACCOUNT)
        if asked.notional > free:
            return deny(Code.BALANCE, rules.money_text(free), rules.money_text(asked.notional))
    gross, low, high = whole(asked)
    this = 0 if asked.only_reduces else asked.quantity * asked.price
    if gross + this > bounds.gross:
        return deny(Code.MAX_GROSS_NOTIONAL, rules.money_text(bounds.gross), rules.money_text(gross + this))
    net = high + this if asked.buy else this - low
    if net > bounds.net:
        return deny(Code.MAX_NET_NOTIONAL, rules.money_text(bounds.net), rules.money_text(net))
    if bounds.leverage and (gross + this) * 1000 > max(equity, 0) * bounds.leverage:
        found = f"{(gross + this) / equity:.2f}" if equity > 0 else f"an equity of {rules.money_text(equity)}"
        return deny(Code.MAX_LEVERAGE, f"{bounds.limits.max_leverage:g}", found)
    return None


def whole(asked: Asked) -> tuple[int, int, int]:
    """Gross, and net at its lowest and highest, of the account's instruments that are paid in the same currency."""
    view, mine = asked.view, asked.rules
    gross = low = high = 0
    for symbol in view.symbols(asked.request.symbol):
        if symbol == mine.symbol and asked.request.position_side is _BOTH:
            leg, value = asked.exposure, asked.value
            gross, low, high = gross + leg.worst * value, low + leg.low * value, high + leg.high * value
            continue
        rules = view.rules(symbol)
        if rules is None or (rules.settle or rules.quote) != (mine.settle or mine.quote):
            continue
        working = asked.working if symbol == mine.symbol else view.working(symbol)
        bounds = asked.can.reduce_only
        legs = [exposure(view.position(symbol, side), working, venue_bounds=bounds, side=side) for side in _LEGS]
        value = value_of(view.look(symbol))
        for leg in legs:
            gross += in_money_of(leg.worst * value, rules, mine)
            low += in_money_of(leg.low * value, rules, mine)
            high += in_money_of(leg.high * value, rules, mine)
    return gross, low, high


def _open_orders(asked: Asked) -> Denial | None:
    most = asked.bounds.open_orders
    if most and (count := asked.view.open_count(asked.request.symbol)) >= most:
        return deny(Code.MAX_OPEN_ORDERS, most, count + 1)
    return None


def _rates(asked: Asked) -> Denial | None:
    limits = asked.bounds.limits
    for window in asked.bounds.windows:
        if limits.max_orders_per_sec and (count := window.in_second(asked.now)) >= limits.max_orders_per_sec:
            return deny(Code.MAX_ORDERS_PER_SEC, limits.max_orders_per_sec, count + 1)
        if limits.max_orders_per_day and (count := window.of_day(asked.now)) >= limits.max_orders_per_day:
            return deny(Code.MAX_ORDERS_PER_DAY, limits.max_orders_per_day, count + 1)
    turns, most = asked.bounds.turns, limits.max_reversals_per_min
    if most and asked.takes and turns.would_turn(asked.buy, asked.request.position_side) and (count := turns.in_minute(asked.now)) >= most:
        return deny(Code.MAX_REVERSALS_PER_MIN, most, count + 1)
    refusals = asked.bounds.refusals
    if refusals and (paused := refusals.paused(as_sent(asked), asked.now)) is not None:
        count, code, until = paused
        return deny(Code.SAME_REJECTS, limits.max_same_rejects, f"{count} times {code}, paused for {(until - asked.now) // _S} s")
    return None


def _self_cross(asked: Asked) -> Denial | None:
    request = asked.request
    if asked.bounds.limits.self_cross != "deny" or asked.waits or asked.turns_market or request.kind is _MARKET:
        return None  # a market order stops short of our own prices
    own = own_price(asked)
    if own and (asked.price >= own if asked.buy else asked.price <= own):
        return deny(Code.SELF_CROSS, asked.rules.price_text(own), asked.rules.price_text(asked.price))
    return None


def _lost(asked: Asked) -> Denial | None:
    found = losses(asked.request.symbol, asked.bounds, asked.view)
    return found[0] if found else None


def _margin(asked: Asked) -> Denial | None:
    bounds, margin = asked.bounds, asked.view.margin(asked.request.symbol)
    if bounds.margin_ratio_bp and margin.ratio_bp is not None and margin.ratio_bp > bounds.margin_ratio_bp:
        return deny(Code.MAX_MARGIN_RATIO, f"{bounds.limits.max_margin_ratio_pct:g} %", f"{margin.ratio_bp / 100:g} %")
    value = asked.value
    if bounds.liquidation and margin.liquidation > 0 and value:
        distance = abs(value - margin.liquidation) * ONE // value
        if distance < bounds.liquidation:
            return deny(Code.LIQUIDATION_DISTANCE, f"{bounds.limits.min_liquidation_distance_pct:g} %", f"{distance / 1000:g} %")
    return None


def _fat_finger(asked: Asked) -> Denial | None:
    look, bounds, rules = asked.look, asked.bounds, asked.rules
    if look.median_price and bounds.fat_price and not asked.waits and not asked.turns_market and asked.price:
        bound = look.median_price * (ONE + bounds.fat_price if asked.buy else ONE - bounds.fat_price) // ONE
        if asked.price > bound if asked.buy else asked.price < bound:
            return deny(Code.FAT_FINGER_PRICE, rules.price_text(bound), rules.price_text(asked.price))
    most = look.median_size * bounds.limits.fat_finger_size
    if most and not asked.reduces and asked.quantity > most:
        return deny(Code.FAT_FINGER_SIZE, rules.quantity_text(most), rules.quantity_text(asked.quantity))
    return None


def losses(symbol: str, bounds: Bounds, view: View) -> list[Denial]:
    """What of the losses is more than allowed."""
    day, rules, limits = view.day(symbol), bounds.rules, bounds.limits
    found = []
    loss = day.fees - day.realized - day.unrealized - day.funding
    if bounds.daily_loss and loss >= bounds.daily_loss:
        found.append(deny(Code.MAX_DAILY_LOSS, rules.money_text(bounds.daily_loss), rules.money_text(loss)))
    lost, equity = day.peak - day.total, view.equity(symbol)
    if bounds.drawdown and lost > 0 and equity is not None:
        highest = equity + lost
        part = lost * ONE // highest if highest > 0 else ONE
        if part >= bounds.drawdown:
            found.append(deny(Code.MAX_DRAWDOWN, f"{limits.max_drawdown_pct:g} %", f"{part / 1000:.2f} %"))
    if limits.max_losses_in_a_row and day.losses >= limits.max_losses_in_a_row:
        found.append(deny(Code.MAX_LOSSES_IN_A_ROW, limits.max_losses_in_a_row, day.losses))
    return found


# -- the table ----------------------------------------------------------------------------------------------------


class Check(NamedTuple):
    """One check: what is looked at, the codes of its denials, the keys that set it; `reducing_passes`: one that reduces is not asked."""

    number: int
    says: str
    look: Callable[[Asked], Denial | None]
    codes: tuple[Code, ...]
    keys: tuple[str, ...] = ()
    reducing_passes: bool = False


_C = Code
CHECKS: tuple[Check, ...] = (
    Check(1, "The rung of the trader, and of its strategy; what is to reduce does.", _state,
          (_C.NO_OPEN, _C.REDUCING, _C.HALTED, _C.FLATTEN, _C.MUST_REDUCE)),
    Check(2, "Orders and positions are read, and the account's stream lives.", _truth,
          (_C.UNRECONCILED, _C.STREAM_STALE, _C.EVENT_OVERDUE), ("EXEC_STALE_AFTER_MS", "EVENT_OVERDUE_MS"), reducing_passes=True),
    Check(3, "There is a book; it is fresh, whole and not crossed.", _book,
          (_C.NO_PRICE, _C.BOOK_IN_DOUBT, _C.BOOK_STALE, _C.BOOK_CROSSED), ("STALE_AFTER_MS",), reducing_passes=True),
    Check(4, "The instrument's rules: price step, lot, bounds, least and most money.", _rules,
          (_C.NO_RULES, _C.NO_LIMITS, _C.NOT_TRADING, _C.BAD_QUANTITY, _C.BAD_PRICE, _C.OFF_TICK, _C.TOO_SMALL, _C.TOO_LARGE,
           _C.MIN_NOTIONAL), ("LIMIT_CURRENCIES",)),
    Check(5, "How far beyond the middle and the mark price an order may reach, and the venue's own band.", _collar,
          (_C.NO_MARK, _C.PRICE_COLLAR, _C.PRICE_BAND), ("PRICE_COLLAR_BP",)),
    Check(6, "The money of one order.", _order_notional, (_C.MAX_ORDER_NOTIONAL,), ("MAX_ORDER_NOTIONAL",), reducing_passes=True),
    Check(7, "The position with everything that may still be filled; no short where there is none.", _position,
          (_C.MAX_POSITION_NOTIONAL, _C.NO_SHORT), ("MAX_POSITION_NOTIONAL",), reducing_passes=True),
    Check(8, "The account: read, set as wanted, its balance, all positions together, leverage.", _account,
          (_C.NO_ACCOUNT, _C.ACCOUNT_STALE, _C.SETTINGS, _C.BALANCE, _C.MAX_GROSS_NOTIONAL, _C.MAX_NET_NOTIONAL, _C.MAX_LEVERAGE),
          ("ACCOUNT_STALE_AFTER_SEC", "MAX_GROSS_NOTIONAL", "MAX_NET_NOTIONAL", "MAX_LEVERAGE", "LEVERAGE", "MARGIN_TYPE", "POSITION_MODE"),
          reducing_passes=True),
    Check(9, "How many orders rest.", _open_orders, (_C.MAX_OPEN_ORDERS,), ("MAX_OPEN_ORDERS",), reducing_passes=True),
    Check(10, "How many orders a second and a day, how many turns a minute; the same order refused again and again.", _rates,
          (_C.MAX_ORDERS_PER_SEC, _C.MAX_ORDERS_PER_DAY, _C.MAX_REVERSALS_PER_MIN, _C.SAME_REJECTS),
          ("MAX_ORDERS_PER_SEC", "MAX_ORDERS_PER_DAY", "MAX_REVERSALS_PER_MIN", "MAX_SAME_REJECTS", "REJECT_PAUSE_SEC"),
          reducing_passes=True),
    Check(11, "Our own resting order on the other side.", _self_cross, (_C.SELF_CROSS,), ("SELF_CROSS",)),
    Check(12, "The day's loss, the loss since the highest, losses in a row.", _lost,
          (_C.MAX_DAILY_LOSS, _C.MAX_DRAWDOWN, _C.MAX_LOSSES_IN_A_ROW), ("MAX_DAILY_LOSS", "MAX_DRAWDOWN", "MAX_LOSSES_IN_A_ROW"),
          reducing_passes=True),
    Check(13, "Margin, and how far the price of liquidation is.", _margin, (_C.MAX_MARGIN_RATIO, _C.LIQUIDATION_DISTANCE),
          ("MAX_MARGIN_RATIO", "MIN_LIQUIDATION_DISTANCE"), reducing_passes=True),
    Check(14, "Price and size against the last minute's trades; the size of one that reduces is not asked.", _fat_finger,
          (_C.FAT_FINGER_PRICE, _C.FAT_FINGER_SIZE), ("FAT_FINGER_PRICE_BP", "FAT_FINGER_SIZE")),
)  # fmt: skip
"""The checks, in the order in which an order meets them."""
LOOKS = tuple(each.look for each in CHECKS)
LOOKS_REDUCING = tuple(each.look for each in CHECKS if not each.reducing_passes)
