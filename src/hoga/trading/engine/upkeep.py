"""trading.engine.upkeep: what is looked after each second: silent orders, unproven ones, old data, old listings, wishes not met. Pure."""

from __future__ import annotations

from hoga.core.times import SECOND_NS
from hoga.core.trading import Action, Unanswered
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.candles import Candles
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.counting import Counting
from hoga.trading.engine.guarding import Guarding
from hoga.trading.engine.hearing import Hearing
from hoga.trading.engine.market import Market
from hoga.trading.engine.placing import Placing
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Canceling, Order, Status
from hoga.trading.reconcile import Reckoning
from hoga.trading.rungs import Cause
from hoga.trading.sampling import Sampler
from hoga.trading.state import venue_of

__all__ = ["Upkeep"]

_ANSWER_NS = 5 * SECOND_NS
_CANCEL_NS = 2 * SECOND_NS
_QUERY_NS = SECOND_NS
_SLOW_QUERY_NS = 5 * SECOND_NS
_SLOW_AFTER_NS = 15 * SECOND_NS
_PROOF_NS = 2 * SECOND_NS
_UNSEEN_NS = 3 * SECOND_NS
_ORDERS_NS = 10 * SECOND_NS
_POSITIONS_NS = 30 * SECOND_NS
_FORGET_NS = 3600 * SECOND_NS
_CHECKS_NS = 600 * SECOND_NS


class Upkeep:
    """See the module. `calm_ns`: up to then a second has little to look after, if nothing but books and signs of life comes; whoever takes
    anything else sets it to 0."""

    def __init__(
        self,
        turn: Turn,
        roster: Roster,
        causes: Causes,
        asking: Asking,
        placing: Placing,
        candles: Candles,
        guarding: Guarding,
        pursuing: Pursuing,
        counting: Counting,
        hearing: Hearing,
        market: Market,
        sampler: Sampler,
    ) -> None:
        self._turn = turn
        self._state = turn.state
        self._roster = roster
        self._causes = causes
        self._asking = asking
        self._placing = placing
        self._candles = candles
        self._guarding = guarding
        self._pursuing = pursuing
        self._counting = counting
        self._hearing = hearing
        self._market = market
        self._sampler = sampler
        self._orders_ns: dict[str, int] = {}
        self._proof_ns: dict[str, int] = {}
        self._forgot_ns = 0
        self._fills = 0
        self._is_flat = False
        self._checked_ns = 0
        self.calm_ns = 0

    def each_second(self) -> None:
        """A second has passed."""
        state = self._state
        now = state.now_ns
        if now < self.calm_ns and self._market.is_fresh():
            self._in_calm()
            return
        is_new_day = state.portfolio.pass_midnight(now)
        quiet = self._is_quiet() and not is_new_day
        for symbol in state.rules_of:
            state.reckon_medians(symbol)
            self._market.look_after(symbol)
            if not quiet:
                self._counting.losses(symbol)
                state.reckon(symbol)
                state.portfolio.mark(symbol, state.price(symbol))
        if not quiet:
            self._fills, self._is_flat = self._counting.fills, not state.portfolio.held()
        self._turn.out += self._sampler.second(state)
        self._candles.look_after()
        for order in state.orders.working():
            self._look_after(order)
        self._placing.tell_counts()
        self._guarding.look_after_all()
        for venue, reckoning in self._asking.reckonings.items():
            self._look_after_venue(venue, reckoning)
        if self._roster.running:
            self._pursuing.pursue_all()
        self._checked_ns = self._checked_ns or now
        if now - self._checked_ns >= _CHECKS_NS:
            self._checked_ns = now
            self._turn.out += self._roster.checks()
        state.orders.tidy(now)
        if now - self._forgot_ns > _FORGET_NS:
            self._forgot_ns = now
            state.orders.forget(now)
        if self._turn.settings.waits_for_data:
            self.calm_ns = self.next_ns() if self.calm_ns else 1  # when nothing else came for a second already

    def _in_calm(self) -> None:
        """Of a second what is left of it up to `next_ns`: what is held is worth something else."""
        state = self._state
        state.passed(state.now_ns)
        if not self._is_flat:
            for symbol in state.rules_of:
                self._counting.losses(symbol)
                state.reckon(symbol)
                state.portfolio.mark(symbol, state.price(symbol))

    def next_ns(self) -> int:
        """The moment before which a second changes nothing, if nothing but prices moves until then, and these are never old; 0: it may
        change something at once. While something is held, it changes what `pass_held` does."""
        state = self._state
        if not (self._is_settled() and self._market.is_calm and self._guarding.is_calm and self._checked_ns and self._forgot_ns):
            return 0
        if not self._is_flat and self.held() is None:
            return 0
        waits_to = min(map(self._pursuing.waits_to, state.rules_of))
        if waits_to <= state.now_ns:
            return 0
        due = [
            waits_to,
            state.portfolio.day_ends_ns,
            self._sampler.next_ns(state),
            self._candles.next_ns(),
            self._placing.next_ns(),
            self._checked_ns + _CHECKS_NS,
            self._forgot_ns + _FORGET_NS,
            *(reckoning.next_ns(_POSITIONS_NS) for reckoning in self._asking.reckonings.values()),
        ]
        return min(each for each in due if each is not None)

    def _is_quiet(self) -> bool:
        """In a run over the past: whether nothing was held at the last second and nothing was traded since, so that no price changes what
        was won and lost."""
        return self._is_flat and self._is_settled()

    def _is_settled(self) -> bool:
        """In a run over the past: whether nothing was traded since the last second, and nothing is wanted of the venue."""
        return (
            self._turn.settings.waits_for_data
            and self._fills == self._counting.fills
            and not self._state.orders.count()
            and not self._state.portfolio.adopted
        )

    def held(self) -> str | None:
        """The symbol that is held, where it is one; None also where nothing is."""
        symbols = {share.symbol for share in self._state.portfolio.shares.values() if share.quantity}
        return symbols.pop() if len(symbols) == 1 and not self._is_flat else None

    def pass_held(self, symbol: str, low: int, high: int) -> bool:
        """Seconds at which all was as at the last one, but that the price of the one symbol that is held was between these, and at each of
        them once. What was won and lost goes with the price, so the two tell the highest that it came to, and whether the losses of any
        second could lead to something: then False, and nothing has changed."""
        state = self._state
        quantity, portfolio = state.portfolio.sums(symbol)[0], state.portfolio
        if low <= 0 or (quantity < 0 and not state.capabilities(symbol).short):
            return False
        peaks, own_peaks = dict(state.peaks), dict(portfolio.peaks)
        for price in (high, low) if quantity > 0 else (low, high):  # the highest total first: the lowest is held against it
            with state.supposing(symbol, price):
                if any(self._counting.breaches(each) for each in state.rules_of):
                    state.peaks, portfolio.peaks = peaks, own_peaks
                    return False
        portfolio.mark(symbol, low)
        portfolio.mark(symbol, high)
        return True

    def _look_after(self, order: Order) -> None:
        now, status = self._state.now_ns, order.status
        if status is Status.SENT and now - order.sent_ns > _ANSWER_NS:
            unanswered = Unanswered(at_ns=now, client_id=order.client_id, symbol=order.symbol, action=Action.NEW, why="no answer came")
            self._hearing.on_unanswered(unanswered)
        elif status is Status.UNKNOWN:
            self._prove(order)
        elif status.is_over:
            if now - order.heard_ns > SECOND_NS:
                self._asking.trades(order.symbol)
        else:
            lingers = order.cancel is not Canceling.NONE and now - max(order.cancel_ns, order.queried_ns) > _CANCEL_NS
            silent = order.accepted_ns and not order.seen_ns and now - max(order.accepted_ns, order.queried_ns) > _UNSEEN_NS
            if lingers or silent:
                self._asking.order(order)
            elif order.unwanted and order.cancel is Canceling.NONE and now - order.cancel_ns > _CANCEL_NS:
                self._placing.cancel(order, why="it was not cancelled")

    def _prove(self, order: Order) -> None:
        """Nobody knows how it stands: it is asked for, and where it should have been seen by now, listings are."""
        now, symbol = self._state.now_ns, order.symbol
        slow = now - order.unknown_ns > _SLOW_AFTER_NS
        if now - order.queried_ns >= (_SLOW_QUERY_NS if slow else _QUERY_NS):
            self._asking.order(order)
        wait_s = self._state.capabilities(symbol).absence_after_s or 2.0
        if now - order.sent_ns > wait_s * SECOND_NS and now - self._proof_ns.get(symbol, 0) >= _PROOF_NS:
            self._proof_ns[symbol] = now
            self._asking.orders(venue_of(symbol), symbol)
            self._asking.trades(symbol)

    def _look_after_venue(self, venue: str, reckoning: Reckoning) -> None:
        now = self._state.now_ns
        account = self._state.accounts[venue]
        if not account.live and reckoning.failures and account.reconciled:
            self._causes.begin(Cause.STREAM_DEAD, subject=venue)  # until it lives, or a round is complete
        if reckoning.is_due(now, _POSITIONS_NS):
            self._asking.reconcile(venue, "due" if account.reconciled else "again")
            return
        old = now - max(self._orders_ns.get(venue, 0), reckoning.ended_ns) >= _ORDERS_NS
        if old and account.reconciled and self._state.orders.count():
            self._orders_ns[venue] = now
            self._asking.orders(venue)
