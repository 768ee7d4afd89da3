"""trading.engine.pursuing: from what strategies want to hold to the orders that bring it about, tried again until it is so. Pure."""

from __future__ import annotations

from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide
from hoga.trading import records
from hoga.trading.engine.guarding import Guarding
from hoga.trading.engine.placing import TOO_LITTLE, Placing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Order, Role, Status
from hoga.trading.ports import Rung
from hoga.trading.risk import Code
from hoga.trading.target import Want, plan

__all__ = ["Pursuing"]

_FAR_NS = 1 << 62
_ACTIVE, _HALTED = Rung.ACTIVE, Rung.HALTED
_MARKET, _IOC, _IS_TARGET = OrderKind.MARKET, Force.IOC, Role.TARGET
_BOTH = PositionSide.BOTH
_TURNS = Code.MAX_REVERSALS_PER_MIN.value


class Pursuing:
    """`unmet`: by symbol what is wanted and not so yet. `tries`: how often something was tried so far."""

    def __init__(self, turn: Turn, roster: Roster, placing: Placing, guarding: Guarding) -> None:
        self.tries = 0
        self.unmet: dict[str, list[Want]] = {symbol: [] for symbol in turn.state.rules_of}
        self._turn = turn
        self._state = turn.state
        self._roster = roster
        self._placing = placing
        self._guarding = guarding
        self._wants: dict[tuple[str, str, PositionSide], Want] = {}

    def want(self, strategy: str, symbol: str, quantity: int, why: str, leg: PositionSide = _BOTH) -> None:
        """A strategy wants to hold so much, with the position's sign."""
        key = (strategy, symbol, leg)
        unmet = self.unmet
        known = self._wants.get(key)
        if known is None or known.quantity != quantity:
            turn = self._turn
            turn.after.append(records.signal(self._state, strategy, symbol, quantity, why, turn.cause, leg))
            known = self._wants[key] = Want(strategy=strategy, symbol=symbol, quantity=quantity, leg=leg)
            if unmet[symbol]:
                unmet[symbol] = [each for each in unmet[symbol] if each.strategy != strategy or each.leg is not leg]
        known.why, known.asked_ns = why, self._state.now_ns
        if known.met or known not in unmet[symbol]:
            known.met, known.failures, known.pause_ns = False, 0, 0
            unmet[symbol].append(known)
        self._pursue_one(known)

    def waits_to(self, symbol: str) -> int:
        """When what is wanted of a symbol, and not so, is tried again; before that no price matters to it."""
        return min((want.pause_ns for want in self.unmet.get(symbol, ())), default=_FAR_NS)

    def pursue(self, symbol: str) -> None:
        """Try what is wanted of a symbol."""
        for want in list(self.unmet[symbol]):
            self._pursue_one(want)

    def pursue_all(self) -> None:
        """Try what is wanted of any symbol."""
        for symbol, unmet in self.unmet.items():
            if unmet:
                self.pursue(symbol)

    def forget(self, strategy: str, symbols: tuple[str, ...]) -> None:
        """What a strategy wants is not pursued any more."""
        for symbol in symbols:
            self._drop(symbol, strategy)

    def forget_all(self) -> None:
        """Nothing is pursued any more."""
        for symbol in self.unmet:
            self.unmet[symbol] = []

    def _drop(self, symbol: str, strategy: str) -> None:
        self.unmet[symbol] = [each for each in self.unmet[symbol] if each.strategy != strategy]

    def _pursue_one(self, want: Want) -> None:
        self.tries += 1
        state, symbol, leg = self._state, want.symbol, want.leg
        if want.met or state.now_ns < want.pause_ns or not self._roster.running or state.rung >= _HALTED:
            return
        able, rules = state.capabilities(symbol), state.rules_of[symbol]
        step = plan(
            want,
            share=state.portfolio.share(want.strategy, symbol, leg),
            position=state.position(symbol, leg),
            working=state.orders.open_of(symbol),
            rules=rules,
            reduce_only=able.reduce_only,
            split=want.splits or state.rung is not _ACTIVE or not able.short,
        )
        if step.met:
            want.met = True
            self.unmet[symbol] = [each for each in self.unmet[symbol] if each is not want]
        for order in step.cancel:
            self._placing.cancel(order)
        if step.side is None or self._guarding.makes_room((want.strategy, symbol, leg), step.side, able.reduce_only):
            return
        request = OrderRequest(
            client_id=self._placing.new_id(self._roster.by_key[want.strategy].number),
            symbol=symbol,
            side=step.side,
            kind=_MARKET,
            quantity=step.quantity,
            force=_IOC,
            reduce_only=step.reduces and able.reduce_only,
            position_side=leg,
        )
        if self._placing.place(request, want.strategy, _IS_TARGET, want.why) is None:
            if self._placing.denied == _TURNS and not want.splits:
                want.splits = True  # what is held is let go all the same
                self._pursue_one(want)
                return
            if self._placing.denied in TOO_LITTLE and state.portfolio.share(want.strategy, symbol, leg) * want.quantity > 0:
                want.failures = 6  # too little is missing to be an order, as a fee was taken off the coins: a minute's pause at once
            want.failed(state.now_ns)

    def ended(self, order: Order, after: Status) -> None:
        """An order of a target is over."""
        want = self._wants.get((order.strategy, order.symbol, order.request.position_side))
        if want is None or want.met:
            return
        if after in (Status.REJECTED, Status.ABSENT) or not (order.filled or order.told):
            want.failed(self._state.now_ns)  # a whole second looks after it again
        else:
            want.failures = 0
            self._pursue_one(want)
