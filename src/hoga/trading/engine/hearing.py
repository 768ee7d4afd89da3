"""trading.engine.hearing: what the venue says of orders: accepted, refused, unanswered, filled, ended; and what follows of it. Pure."""

from __future__ import annotations

from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    Action,
    AlgoUpdate,
    CancelRefused,
    CancelSent,
    FillUpdate,
    NotFound,
    NotSent,
    OrderAccepted,
    OrderRefused,
    OrderUpdate,
    Unanswered,
    is_client_id_of,
    strategy_of,
)
from hoga.trading import records
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.counting import Counting, is_by_venue
from hoga.trading.engine.guarding import Guarding
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.orders import Canceling, Heard, News, Order, Role, Status, adopted
from hoga.trading.ports import Event, Gate
from hoga.trading.rungs import Cause
from hoga.trading.state import venue_of

__all__ = ["PROOF_NS", "Hearing"]

PROOF_NS = 2 * SECOND_NS
"""What was heard of an order so shortly before a question is not disproved by its answer."""


class Hearing:
    """See the module: each word moves an order by its table (`trading.orders`), and the news is counted before it has consequences."""

    def __init__(
        self,
        turn: Turn,
        roster: Roster,
        causes: Causes,
        asking: Asking,
        counting: Counting,
        guarding: Guarding,
        pursuing: Pursuing,
        gate: Gate,
    ) -> None:
        self._turn = turn
        self._orders = turn.state.orders
        self._roster = roster
        self._causes = causes
        self._asking = asking
        self._counting = counting
        self._guarding = guarding
        self._pursuing = pursuing
        self._gate = gate

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {
            OrderAccepted: self._on_accepted,
            OrderRefused: self._on_refused,
            NotSent: self._on_not_sent,
            Unanswered: self.on_unanswered,
            CancelSent: self._on_cancel_sent,
            CancelRefused: self._on_cancel_refused,
            NotFound: self._on_not_found,
            OrderUpdate: self._on_order_update,
            AlgoUpdate: self._on_algo_update,
            FillUpdate: self._on_fill,
        }

    def own(self, symbol: str, client_id: str, venue_id: str = "", parent_id: str = "") -> Order | None:
        """The order of ours that is meant; None: there is none."""
        return self._orders.find(symbol, client_id=client_id, venue_id=venue_id, parent_id=parent_id)

    def proof(self, symbol: str) -> None:
        """The account's stream gave a sign of life."""
        state = self._turn.state
        account = state.accounts.get(venue_of(symbol))
        if account is not None:
            account.proof_ns = state.now_ns

    # -- answers ----------------------------------------------------------------------------------------------------------

    def _on_accepted(self, event: OrderAccepted) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is not None:
            self.news(self._orders.accepted(order, event), event)

    def _on_refused(self, event: OrderRefused) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is None:
            return
        self._gate.refused(order.request, event.code, self._turn.state)
        self._guarding.end_refused(order, by_venue=event.retry_after_s is None)
        self.news(self._orders.refused(order, event), event)

    def _on_not_sent(self, event: NotSent) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is None:
            return
        if order.status is Status.SENT:
            self._guarding.end_refused(order, by_venue=False)
            self.news(self._orders.refused(order, event), event)
        elif order.cancel is Canceling.SENT:
            order.cancel = Canceling.NONE
            order.cancel_ns = self._turn.state.now_ns

    def on_unanswered(self, event: Unanswered) -> None:
        """Whether the venue did it, nobody knows."""
        order = self.own(event.symbol, event.client_id)
        if order is not None:
            self.news(self._orders.unanswered(order, event), event)
            if event.action is not Action.QUERY:
                self._asking.order(order)

    def _on_cancel_sent(self, event: CancelSent) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is not None:
            self.news(self._orders.cancel_sent(order, event), event)

    def _on_cancel_refused(self, event: CancelRefused) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is not None:
            self.news(self._orders.cancel_refused(order, event), event)
            self._turn.write(records.cancel_refused(order, event))
            if not order.status.is_over:
                self._asking.order(order)

    def _on_not_found(self, event: NotFound) -> None:
        order = self.own(event.symbol, event.client_id)
        if order is None:
            return
        if order.status in (Status.LIVE, Status.PARTIAL) and event.asked_ns > order.heard_ns + PROOF_NS:
            self.strange(order, event)
        self.news(self._orders.denied(order, event, self._turn.state.capabilities(event.symbol)), event)

    # -- the account's stream ---------------------------------------------------------------------------------------------

    def _on_order_update(self, event: OrderUpdate) -> None:
        self.proof(event.symbol)
        order = self.own(event.symbol, event.client_id, event.venue_id, event.parent_id)
        if order is None:
            self.stranger(event)
        else:
            self.updated(order, event, by_stream=bool(event.execution))

    def _on_algo_update(self, event: AlgoUpdate) -> None:
        self.proof(event.symbol)
        order = self.own(event.symbol, event.client_id, event.algo_id)
        if order is None:
            self.stranger(event)
        else:
            self.updated(order, event, by_stream=True)

    def _on_fill(self, event: FillUpdate) -> None:
        self.proof(event.symbol)
        if event.symbol not in self._turn.state.rules_of:
            return
        order = self.own(event.symbol, event.client_id, event.venue_id)
        if order is not None:
            if not order.seen_ns:
                order.seen_ns = event.at_ns
            self.news(self._orders.filled(order, event), event)
        elif is_client_id_of(self._turn.settings.trader, event.client_id):
            self._counting.orphan(event)
        elif not self._orders.knows_trade(event.symbol, event.trade_id):
            self._unnamed(event)

    def _unnamed(self, event: FillUpdate) -> None:
        """A trade of an order that we do not know: a stop's, where the stream tells it before what the stop became, or a stranger's."""
        owners = [] if is_by_venue(event) else self._asking.may_be_of(event, event.at_ns)
        if owners:
            self._asking.leave(event.symbol, self._orders.last_trade(event.symbol), owners)
        elif self._orders.know_trade(event.symbol, event.trade_id):
            self._counting.foreign(event)

    # -- also for who reads listings ----------------------------------------------------------------------------------------

    def updated(self, order: Order, update: OrderUpdate | AlgoUpdate, *, by_stream: bool, event: Event | None = None) -> None:
        """An order stands so. `event`: where that was told, None: by the update itself."""
        if isinstance(update, OrderUpdate):
            self.news(self._orders.updated(order, update, by_stream=by_stream), event or update)
        else:
            self.news(self._orders.algo_updated(order, update, by_stream=by_stream), event or update)

    def strange(self, order: Order, event: Event) -> None:
        """What was said of an order does not fit what we know: nobody knows how it stands."""
        self.news([self._orders.hear(order, Heard.STRANGE, event.at_ns)], event)

    def stranger(self, event: OrderUpdate | AlgoUpdate) -> None:
        """An order that we do not know. One with a client id of ours was made by an earlier life of this trader."""
        state = self._turn.state
        if event.symbol not in state.rules_of or not is_client_id_of(self._turn.settings.trader, event.client_id):
            return
        if not event.state.is_open:
            return
        number = strategy_of(event.client_id)
        instance = next((each for each in self._roster.instances if each.number == number), None)
        order = adopted(event, state.now_ns, strategy="" if instance is None else instance.key)
        self._orders.add(order)
        self._turn.write(records.adopted_order(order, event))
        self.updated(order, event, by_stream=False)

    # -- what follows -------------------------------------------------------------------------------------------------------

    def news(self, news: list[News], event: Event) -> None:
        """First everything that one event says is counted, then it has consequences: an answer tells an order's end before its fills."""
        for each in news:
            self._count_in(each, event)
        for each in news:
            self._follow_up(each)

    def _count_in(self, news: News, event: Event) -> None:
        order = news.order
        if news.fill is not None:
            self._counting.filled(news, news.fill)
        if news.after is not news.before or news.became:
            self._turn.write(records.moved(news, event))
        if news.after is not news.before:
            if news.after is Status.UNKNOWN:
                self._causes.begin(Cause.UNKNOWN_ORDER, subject=order.client_id)
            elif news.before is Status.UNKNOWN:
                self._causes.end(Cause.UNKNOWN_ORDER, subject=order.client_id)
        if news.breach:
            self._turn.write(records.breach(order, news.breach))
            cause = Cause.OVERFILL if order.overfilled else Cause.LATE_FILL
            self._causes.begin(cause, subject=order.client_id, detail=news.breach)

    def _follow_up(self, news: News) -> None:
        order = news.order
        if news.told or (news.became and order.symbol in self._asking.behind):
            self._asking.trades(order.symbol)
        instance = self._roster.by_key.get(order.strategy)
        if instance is not None and (news.after is not news.before or news.fill is not None):
            if news.fill is not None and self._roster.running:
                instance.filled(news.fill)
            if news.after is not news.before:
                instance.told_of(order)
        if order.role is Role.TARGET and news.after.is_over and (news.fill is not None or news.before is not news.after):
            self._pursuing.ended(order, news.after)
        if order.role is Role.PROTECT and news.after is Status.FILLED and news.before is not news.after:
            self._turn.write(records.protect(order, "taken"))
        key = (order.strategy, order.symbol, order.request.position_side)
        if key in self._guarding.guards and (news.fill is not None or news.after is not news.before):
            self._guarding.look_after(key)
            if order.role is Role.PROTECT and news.after.is_over and self._pursuing.unmet[order.symbol]:
                self._pursuing.pursue(order.symbol)
