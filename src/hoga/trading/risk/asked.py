"""trading.risk.asked: one order while it is judged: what the checks ask of it more than once is looked up once. Pure."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from hoga.core.market import Side
from hoga.core.trading import Capabilities, Force, OrderKind, OrderRequest, PositionSide, Rules
from hoga.trading.ports import Denial, Look, View, Working
from hoga.trading.risk.bounds import Bounds, takes_now
from hoga.trading.risk.codes import Code, deny
from hoga.trading.risk.exposure import ONE, Exposure, collar, exposure, only_reduces, value_of
from hoga.trading.rungs import Rung

__all__ = ["Asked", "as_sent", "beyond_band", "book_fault", "own_price", "prepare"]

_MS = 1_000_000
_BUY = Side.BUY
_LIMIT, _MARKET, _TRAIL = OrderKind.LIMIT, OrderKind.MARKET, OrderKind.TRAIL
_GTC, _IOC = Force.GTC, Force.IOC
_BOTH = PositionSide.BOTH
_ACTIVE = Rung.ACTIVE


class Asked:
    """One order while it is judged. `price`: what is reckoned with, 0 where there is none; `book`: why the book cannot be used;
    `takes`: it takes at once, by its kind or by its price.

    `bound`: the price at the collar, 0 where there is no book. `value`: what a unit of the position is reckoned at. What is asked of it
    more than once is looked up once: nothing moves meanwhile.
    """

    __slots__ = (
        "book", "bound", "bounds", "buy", "can", "exposure", "look", "now", "only_reduces", "price", "quantity", "reduces", "request",
        "rules", "takes", "turns_market", "value", "view", "waits", "working",
    )  # fmt: skip

    request: OrderRequest
    view: View
    now: int
    rules: Rules
    can: Capabilities
    bounds: Bounds
    look: Look
    buy: bool
    quantity: int
    price: int
    exposure: Exposure
    only_reduces: bool
    reduces: bool
    book: Denial | None
    bound: int
    takes: bool
    turns_market: bool
    waits: bool
    value: int
    working: Collection[Working]

    @property
    def notional(self) -> int:
        """Money."""
        return self.quantity * self.price


def prepare(request: OrderRequest, view: View, bounds: Bounds) -> Asked | Denial:
    """Look up what the checks ask, once. A `Denial`: it is no order at all."""
    symbol, kind, rules = request.symbol, request.kind, bounds.rules
    asked = Asked()
    waits = kind is not _LIMIT and kind is not _MARKET and request.waits
    asked.request, asked.view, asked.waits = request, view, waits
    asked.now = now = view.now_ns
    asked.rules, asked.bounds = rules, bounds
    asked.look = look = view.look(symbol)
    asked.can = can = view.capabilities(symbol)
    asked.buy = buy = request.side is _BUY
    asked.book = book = book_fault(look, bounds, now)
    asked.bound = collar(request.side, look, bounds.collar) if book is None else 0
    asked.value = value_of(look)
    asked.only_reduces = can.reduce_only and only_reduces(request)
    working: Collection[Working] = view.working(symbol)
    if working and request.list_id:
        working = [each for each in working if each.request.list_id != request.list_id]
    asked.working = working
    leg = request.position_side
    asked.exposure = exposure(view.position(symbol, leg), working, venue_bounds=can.reduce_only, side=leg)
    price = request.trigger if waits else request.price
    if kind is not _MARKET and kind is not _TRAIL and (price is None or price <= 0):
        return deny(Code.BAD_PRICE, found=price)
    asked.price = price or (look.ask if buy else look.bid)
    denial = _sized(asked)
    if denial is not None:
        return denial
    asked.reduces = _reduces(asked)
    if kind is _MARKET and book is None:
        asked.price = _reach(asked)
        stands_in_badly = asked.reduces and (beyond_band(asked) is not None or bounds.refusals.refuses_stand_in(request, now))
        asked.turns_market = stands_in_badly
    else:
        asked.turns_market = book is not None and asked.reduces and not waits and takes_now(request)
    if asked.turns_market:
        asked.quantity = rules.quantity_down(asked.quantity, market=True)
    asked.takes = takes_now(request) or (kind is _LIMIT and (asked.price >= look.ask if buy else asked.price <= look.bid))
    return asked


def as_sent(asked: Asked) -> OrderRequest:
    """The order as it leaves: see `Gate.judge`."""
    request, quantity = asked.request, asked.quantity
    least = asked.rules.min_notional
    one_way = asked.can.reduce_only and request.position_side is _BOTH and not request.close_position
    small = least is not None and quantity * asked.price < least
    only = request.reduce_only or (asked.reduces and one_way and (asked.turns_market or small or asked.view.rung > _ACTIVE))
    if asked.turns_market:
        much = None if request.quantity is None else quantity
        return replace(request, kind=_MARKET, price=None, force=_GTC, quantity=much, reduce_only=only)
    if request.kind is _MARKET and asked.book is None:
        return replace(request, kind=_LIMIT, price=asked.price, force=_IOC, quantity=quantity, funds=None, reduce_only=only)
    if (request.quantity is None or quantity == request.quantity) and only is request.reduce_only:
        return request
    return replace(request, quantity=None if request.quantity is None else quantity, reduce_only=only)


def book_fault(look: Look, bounds: Bounds, now_ns: int) -> Denial | None:
    """Why a book cannot be used; None: it can."""
    if look.bid <= 0 or look.ask <= 0:
        return deny(Code.NO_PRICE)
    if look.in_doubt:
        return deny(Code.BOOK_IN_DOUBT)
    if (age := now_ns - look.at_ns) > bounds.stale_ns:
        return deny(Code.BOOK_STALE, f"{bounds.limits.stale_after_ms} ms", f"{age // _MS} ms")
    if look.bid >= look.ask and not look.is_price:
        return deny(Code.BOOK_CROSSED, found=f"{bounds.rules.price_text(look.bid)} / {bounds.rules.price_text(look.ask)}")
    return None


def beyond_band(asked: Asked) -> tuple[int, int] | None:
    """The venue's band of prices where the price is outside; None: it is inside, or there is no band."""
    rules, look = asked.rules, asked.look
    band = rules.bid_band if asked.buy else rules.ask_band
    if band is None:
        return None
    mean = look.mark if look.has_mark and look.mark else (look.bid + look.ask) // 2
    return None if mean * band[0] <= asked.price * ONE <= mean * band[1] else (mean * band[0] // ONE, mean * band[1] // ONE)


def _sized(asked: Asked) -> Denial | None:
    """Set the quantity: rounded down to whole lots; what funds buy; the whole position."""
    request, rules = asked.request, asked.rules
    if request.close_position:
        asked.quantity = abs(asked.exposure.position)
        return None
    quantity = request.quantity
    if quantity is None:
        if request.funds is None or request.funds <= 0 or asked.price <= 0:
            return deny(Code.NO_PRICE if request.funds and asked.price <= 0 else Code.BAD_QUANTITY, found=request.funds)
        quantity = request.funds // asked.price
    elif quantity <= 0:
        return deny(Code.BAD_QUANTITY, found=quantity)
    market = request.kind is _MARKET and asked.book is not None
    asked.quantity = rules.quantity_down(quantity, market=market or asked.waits)
    return None


def _reduces(asked: Asked) -> bool:
    """Whether it brings the position nearer to 0 without crossing it, whatever becomes of the others."""
    where, quantity = asked.exposure, asked.quantity
    if asked.only_reduces:
        reach = -where.low if asked.buy else where.high
        return reach > 0 and (asked.request.close_position or quantity <= reach)
    if quantity <= 0:
        return False
    return where.high + quantity <= 0 if asked.buy else where.low - quantity >= 0


def own_price(asked: Asked) -> int:
    """The nearest price of our own resting orders on the other side, 0: there is none."""
    nearest = 0
    for each in asked.working:
        other = each.request
        if other.kind is not _LIMIT or other.side is asked.request.side or not other.price:
            continue
        if not nearest or (other.price < nearest if asked.buy else other.price > nearest):
            nearest = other.price
    return nearest


def _reach(asked: Asked) -> int:
    """The price of the IOC limit that a market order becomes: at the collar, and short of our own orders."""
    rules, bound = asked.rules, asked.bound
    own = own_price(asked) if asked.working and asked.bounds.limits.self_cross == "deny" else 0
    if asked.buy:
        return rules.price_down(min(bound, own - 1) if own else bound)
    return rules.price_up(max(bound, own + 1) if own else bound)
