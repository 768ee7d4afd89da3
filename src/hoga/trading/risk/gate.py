"""trading.risk.gate: the gate: an order is prepared, looked at by the checks, and counted; and sizes by the same limits. Pure."""

from __future__ import annotations

from collections.abc import Callable

from hoga.core.market import Side
from hoga.core.trading import Force, OrderKind, OrderRequest, Rules
from hoga.trading.limits import Limits
from hoga.trading.ports import Denial, View
from hoga.trading.risk.asked import Asked, as_sent, book_fault, prepare
from hoga.trading.risk.bounds import DAY_NS, Bounds, Refusals, Turns, Window
from hoga.trading.risk.checks import LOOKS, LOOKS_REDUCING, losses, whole
from hoga.trading.risk.codes import Code, deny
from hoga.trading.rungs import Cause
from hoga.trading.sizing import Sized, share_of, size
from hoga.trading.state import venue_of

__all__ = ["RiskGate"]

_S = 1_000_000_000
_BUY, _SELL = Side.BUY, Side.SELL
_MARKET, _IOC = OrderKind.MARKET, Force.IOC
_CAUSES = {
    Code.MAX_DAILY_LOSS: Cause.DAILY_LOSS,
    Code.MAX_DRAWDOWN: Cause.DRAWDOWN,
    Code.MAX_LOSSES_IN_A_ROW: Cause.LOSSES_IN_A_ROW,
}


class RiskGate:
    """`trading.ports.Gate` over `CHECKS`. `limits`: of a symbol (`binance-usdm:BTCUSDT`), by its name."""

    def __init__(self, limits: Callable[[str], Limits | None]) -> None:
        self._limits = limits
        self._bounds: dict[str, Bounds] = {}
        self._orders: dict[str, Window] = {}
        self._cancels: dict[str, Window] = {}
        self._turns: dict[str, Turns] = {}
        self._refusals = Refusals()

    def judge(self, request: OrderRequest, view: View) -> OrderRequest | Denial:
        """The order as it may be sent, counted as sent, or why not."""
        rules = view.rules(request.symbol)
        if rules is None:
            return deny(Code.NO_RULES, found=request.symbol)
        bounds = self._bounds_of(request.symbol, rules)
        if bounds is None:
            return deny(Code.NO_LIMITS, found=rules.settle or rules.quote)
        asked = prepare(request, view, bounds)
        if isinstance(asked, Denial):
            return asked
        for look in LOOKS_REDUCING if asked.reduces else LOOKS:
            denial = look(asked)
            if denial is not None:
                return denial
        now, day = asked.now, asked.now // DAY_NS
        for window in bounds.windows:
            window.count(now, day)
        if asked.takes:
            bounds.turns.count(asked.buy, asked.reduces, request.position_side, now)
        return as_sent(asked)

    def judge_cancel(self, symbol: str, view: View) -> Denial | None:
        """The same for a cancel."""
        rules = view.rules(symbol)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return None
        limit = bounds.limits.max_cancels_per_sec
        for name in (symbol, rules.venue):
            count = self._window(self._cancels, name).in_second(view.now_ns)
            if limit and count >= limit:
                return deny(Code.MAX_CANCELS_PER_SEC, limit, count + 1)
        for name in (symbol, rules.venue):
            self._window(self._cancels, name).count(view.now_ns, view.now_ns // DAY_NS)
        return None

    def refused(self, request: OrderRequest, code: str, view: View) -> None:
        """The venue refused an order: the same one, refused for the same reason again and again, is paused."""
        rules = view.rules(request.symbol)
        bounds = rules and self._bounds_of(request.symbol, rules)
        self._refusals.note(request, view.now_ns)
        most = bounds.limits.max_same_rejects if bounds else 0
        if bounds and most:
            self._refusals.count(request, code, most=most, pause_ns=bounds.reject_pause_ns, now_ns=view.now_ns)

    def breaches(self, symbol: str, view: View) -> list[tuple[Cause, str]]:
        """What the losses of the symbol's account lead to, with their figures."""
        rules = view.rules(symbol)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return []
        found = losses(symbol, bounds, view)
        return [(_CAUSES[Code(each.code)], f"{each.found}, allowed {each.limit}") for each in found]

    def size(self, symbol: str, risk: str, stop: int, side: Side | None, view: View) -> Sized:
        """The quantity that loses the share `risk` (`"1%"`, "": RISK_PER_TRADE) of the equity at the price `stop`, within the limits.

        `side`: of the entry; None: a stop below the middle of the book is that of a buy.
        """
        rules, look = view.rules(symbol), view.look(symbol)
        side = side or (_BUY if 2 * stop < look.bid + look.ask else _SELL)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return Sized(symbol=symbol, side=side, code=(Code.NO_LIMITS if rules else Code.NO_RULES).value)
        denial = book_fault(look, bounds, view.now_ns)
        try:
            share = share_of(risk) if risk else round(bounds.limits.risk_per_trade_pct * 1_000)
        except ValueError as error:
            denial, share = deny(Code.BAD_RISK, found=error), 0
        margin, equity = view.margin(symbol), view.equity(symbol)
        if margin.read_age_ns is None or equity is None:
            denial = denial or deny(Code.NO_ACCOUNT)
        elif margin.read_age_ns > bounds.account_stale_ns:
            denial = denial or deny(Code.ACCOUNT_STALE, f"{bounds.limits.account_stale_after_s:g} s", f"{margin.read_age_ns // _S} s")
        if denial is not None:
            return Sized(symbol=symbol, side=side, stop=stop, code=denial.code, limit=denial.limit, found=denial.found)
        legs = view.legs(symbol)
        leg = legs[0] if side is _BUY else legs[-1]  # an entry opens the long one by a buy, the short one by a sale
        request = OrderRequest(client_id="", symbol=symbol, side=side, kind=_MARKET, quantity=rules.least, force=_IOC, position_side=leg)
        asked = prepare(request, view, bounds)
        assert isinstance(asked, Asked), "its rules, limits and quantity are known"
        entry, fee = (look.ask if asked.buy else look.bid), round(bounds.limits.taker_fee_bp * 10)
        return size(rules, side, equity=equity or 0, risk=share, entry=entry, stop=stop, fee=fee, room=self._room(asked))

    def _room(self, asked: Asked) -> list[tuple[str, int]]:
        """(code, quantity): what each limit of money leaves for one more order, as checks 4, 6, 7 and 8 look at it."""
        bounds, rules, value = asked.bounds, asked.rules, asked.value
        price = max(asked.price, 1)
        gross, low, high = whole(asked)
        reached = asked.exposure.high if asked.buy else -asked.exposure.low
        room = [
            (Code.MAX_ORDER_NOTIONAL, bounds.order // price),
            (Code.MAX_POSITION_NOTIONAL, bounds.position // max(value, 1) - reached),
            (Code.MAX_GROSS_NOTIONAL, (bounds.gross - gross) // price),
            (Code.MAX_NET_NOTIONAL, (bounds.net - (high if asked.buy else -low)) // price),
        ]
        if bounds.leverage:
            room.append((Code.MAX_LEVERAGE, (max(asked.view.equity(rules.symbol) or 0, 0) * bounds.leverage // 1000 - gross) // price))
        if not asked.can.short:
            free = asked.view.free(rules.symbol) or 0
            room.append((Code.BALANCE, free // price) if asked.buy else (Code.NO_SHORT, asked.exposure.low))
        if rules.most is not None:
            room.append((Code.TOO_LARGE, rules.most))
        if rules.max_notional is not None:
            room.append((Code.TOO_LARGE, rules.max_notional // price))
        return [(code.value, quantity) for code, quantity in room]

    def renewed(self) -> None:
        """The limits are other ones. What was counted so far stays counted."""
        self._bounds.clear()

    def restore(self, symbol: str, orders: int, day: int) -> None:
        """What earlier lives sent on that day counts, of the symbol and of its account."""
        for name in (symbol, venue_of(symbol)):
            self._window(self._orders, name).restore(orders, day)

    def _bounds_of(self, symbol: str, rules: Rules) -> Bounds | None:
        bounds = self._bounds.get(symbol)
        if bounds is None or bounds.rules is not rules:
            limits = self._limits(symbol)
            if limits is None or (rules.settle or rules.quote) not in limits.currencies:
                return None
            windows = (self._window(self._orders, symbol), self._window(self._orders, rules.venue))
            turns = self._turns.setdefault(symbol, Turns())
            bounds = self._bounds[symbol] = Bounds(limits, rules, windows, turns, self._refusals)
        return bounds

    def _window(self, windows: dict[str, Window], name: str) -> Window:
        window = windows.get(name)
        if window is None:
            window = windows[name] = Window()
        return window
