"""trading.engine.comparing: the venue's listings against what we believe; what differs is acted upon. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from hoga.core.trading import AccountRead, OpenOrders, OrderUpdate, PositionSide, PositionsRead, ReadFailed, TradesRead, is_client_id_of
from hoga.trading import records
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.counting import Counting
from hoga.trading.engine.hearing import PROOF_NS, Hearing
from hoga.trading.engine.modes import mode_doubt
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.orders import Order, Status
from hoga.trading.ports import ReadKind, Write
from hoga.trading.rungs import Cause
from hoga.trading.state import venue_of

__all__ = ["Comparing"]


class Comparing:
    """`ready`: a venue agrees for the first time, which is what a start waits for."""

    def __init__(self, turn: Turn, causes: Causes, asking: Asking, counting: Counting, hearing: Hearing, ready: Callable[[], None]) -> None:
        self._turn = turn
        self._state = turn.state
        self._causes = causes
        self._asking = asking
        self._counting = counting
        self._hearing = hearing
        self._ready = ready

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {
            OpenOrders: self._on_open_orders,
            PositionsRead: self._on_positions,
            TradesRead: self._on_trades,
            AccountRead: self._on_account,
            ReadFailed: self._on_read_failed,
        }

    def _on_open_orders(self, event: OpenOrders) -> None:
        state, hearing = self._state, self._hearing
        for each in event.orders:
            order = each.order
            known = hearing.own(order.symbol, order.client_id, order.venue_id if isinstance(order, OrderUpdate) else order.algo_id)
            if known is None:
                hearing.stranger(order)
            elif known.heard_ns <= event.asked_ns:
                hearing.updated(known, order, by_stream=False, event=event)
        hearing.news(state.orders.listed(event, state.capabilities_of[event.venue]), event)
        listed = {each.order.client_id for each in event.orders}
        for own in state.orders.working(event.symbol):
            quiet = own.heard_ns + PROOF_NS <= event.asked_ns and own.queried_ns + PROOF_NS <= state.now_ns
            is_there = own.client_id in listed or own.status not in (Status.LIVE, Status.PARTIAL)
            if quiet and not is_there and venue_of(own.symbol) == event.venue:
                self._asking.order(own)
        self._asking.reckonings[event.venue].got(ReadKind.ORDERS, event.asked_ns)
        self._settle(event.venue)

    def _on_trades(self, event: TradesRead) -> None:
        state, asking, venue = self._state, self._asking, venue_of(event.symbol)
        known = state.orders.last_trade(event.symbol)
        doubted: dict[str, Order] = {}
        for fill in event.fills:
            order = self._hearing.own(fill.symbol, fill.client_id, fill.venue_id)
            if order is not None:
                self._hearing.news(state.orders.filled(order, fill), event)
            elif is_client_id_of(self._turn.settings.trader, fill.client_id):
                self._counting.orphan(fill)
            elif not state.orders.knows_trade(fill.symbol, fill.trade_id):
                owners = asking.may_be_of(fill, event.at_ns)
                doubted |= {order.client_id: order for order in owners}
                if not owners and state.orders.know_trade(fill.symbol, fill.trade_id) and state.accounts[venue].reconciled:
                    self._counting.foreign(fill)
        if doubted:
            asking.leave(event.symbol, known, list(doubted.values()))
        else:
            asking.caught_up(event.symbol, event.asked_ns)
        waiting = {name for name, order in doubted.items() if order.waits}
        self._hearing.news(state.orders.traded(event, state.capabilities_of[venue], waiting), event)
        asking.reckonings[venue].got(ReadKind.TRADES, event.asked_ns, event.symbol)
        self._settle(venue)

    def _on_positions(self, event: PositionsRead) -> None:
        reckoning = self._asking.reckonings[event.venue]
        self._state.accounts[event.venue].held = {(each.symbol, each.position_side): each for each in event.positions}
        reckoning.positions(event)
        reckoning.got(ReadKind.POSITIONS, event.asked_ns)
        self._settle(event.venue)

    def _on_account(self, event: AccountRead) -> None:
        account = self._state.accounts[event.venue]
        before = account.balances
        self._state.read_account(event)
        if account.balances != before:
            self._turn.write(records.balances(event.balances, equity=event.equity, venue=event.venue))
        account.doubts[""] = mode_doubt(event.venue, event.hedge, self._turn.settings.limits)
        if account.doubts[""]:
            self._causes.begin(Cause.SETTINGS, subject=event.venue, detail=account.doubts[""])
        else:
            self._causes.end(Cause.SETTINGS, subject=event.venue)
        reckoning = self._asking.reckonings[event.venue]
        reckoning.balances(self._coins(event), event.asked_ns)
        reckoning.got(ReadKind.ACCOUNT, event.asked_ns)
        self._settle(event.venue)

    def _coins(self, event: AccountRead) -> dict[tuple[str, PositionSide], int]:
        """What is there of the coins that we believe to hold; where several instruments hold the same, those before have them first."""
        state = self._state
        left = {each.currency: (each.free, each.locked) for each in event.balances}
        taken: dict[str, Decimal] = {}
        found = {}
        for (symbol, side), believed in state.portfolio.held().items():
            rules = state.rules_of.get(symbol)
            if rules is None or rules.venue != event.venue or believed <= 0:
                continue
            free, locked = left.get(rules.base, ("0", "0"))
            there = Decimal(free) + Decimal(locked) - taken.get(rules.base, Decimal(0))
            quantity = max(0, min(believed, int(there.scaleb(-rules.size_power).to_integral_value(ROUND_FLOOR))))
            taken[rules.base] = taken.get(rules.base, Decimal(0)) + Decimal(quantity).scaleb(rules.size_power)
            found[symbol, side] = quantity
        return found

    def _on_read_failed(self, event: ReadFailed) -> None:
        if event.client_id:
            return  # the order is asked for again by the second's round
        fields = {"venue": event.venue, "what": event.what, "why": event.why, "sym": event.symbol}
        self._turn.write(Write("recon.failed", fields))
        if event.venue in self._asking.reckonings:
            self._asking.reckonings[event.venue].failed(self._state.now_ns)

    def _settle(self, venue: str) -> None:
        """All listings of a round are here: what do they say?"""
        reckoning, state, turn = self._asking.reckonings[venue], self._state, self._turn
        if not reckoning.is_complete():
            return
        account = state.accounts[venue]
        first = not account.reconciled
        differences = reckoning.differences(state.portfolio.held(), first=first)
        if first and reckoning.skipped:
            reckoning.end(state.now_ns)  # trades of the last moments: what positions say is compared in the next round, and nothing begins
            return
        for symbol, side, difference in differences:
            much = state.rules_of[symbol].quantity_text(difference)
            if first:
                state.portfolio.adopt(symbol, side, difference)
                turn.write(records.adopt(symbol, side, difference, state.position(symbol, side)))
                text = f"{symbol}: a position of {much} that no trade of this trader explains was found"
                turn.tell("warning", f"{text}; nothing is opened until it is closed, or `hoga flatten --scope account`")
                self._causes.begin(Cause.UNEXPLAINED, subject=symbol, detail=much)
            else:
                turn.write(Write("recon.mismatch", {"sym": symbol, "ps": side.value, "q": difference}))
                self._causes.begin(Cause.MISMATCH, subject=symbol, detail=f"the venue's position differs by {much}")
                self._asking.trades(symbol)
        for symbol in reckoning.agreed():
            self._causes.end(Cause.MISMATCH, subject=symbol)
        reckoning.end(state.now_ns)
        account.reconciled = True
        self._causes.end(Cause.UNRECONCILED, subject=venue)
        self._causes.end(Cause.STREAM_DEAD, subject=venue)
        held = {f"{name}/{side.value}": quantity for (name, side), quantity in state.portfolio.held().items()}
        turn.write(Write("recon.end", {"venue": venue, "held": held}))
        if first:
            self._ready()
