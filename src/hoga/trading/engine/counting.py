"""trading.engine.counting: trades into positions, money and rounds, each once; and what losses lead to. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from hoga.core.trading import FillUpdate, FundingUpdate, signed, text_of, whole_of
from hoga.trading import records
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.orders import News
from hoga.trading.ports import Gate, Write
from hoga.trading.rungs import Cause
from hoga.trading.state import venue_of

__all__ = ["Counting", "is_by_venue"]

_LOSSES = (Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.LOSSES_IN_A_ROW)

_BY_THE_VENUE = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
"""So begin the ids of orders by which a venue closes positions itself."""
_VENUE = "venue"

_FEE_DECIMALS = 8
_VALUE_POWER = -8
"""Positions are held against one another in such units of their currency."""


class Counting:
    """`fills`: trades so far."""

    def __init__(self, turn: Turn, causes: Causes, asking: Asking, gate: Gate) -> None:
        self.fills = 0
        self._turn = turn
        self._causes = causes
        self._asking = asking
        self._gate = gate

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {FundingUpdate: self._on_funding}

    def filled(self, news: News, fill: FillUpdate) -> None:
        """An order that we know was filled."""
        order = news.order
        if order.strategy:
            self._count(fill, order.strategy, order.why or order.role.value, client_id=order.client_id, late=news.late)
        else:
            self._unowned(fill)

    def orphan(self, fill: FillUpdate) -> None:
        """A trade of an order of ours that the journal does not know: an exit's, mostly."""
        if self._turn.state.orders.know_trade(fill.symbol, fill.trade_id):
            self._unowned(fill)

    def foreign(self, event: FillUpdate) -> None:
        """A trade of the account that no order of ours made: in a contract it changes the position that we are in.

        Where the venue itself closed it (a liquidation, deleveraging, a contract's last day), what strategies held is gone.
        """
        state = self._turn.state
        if not state.capabilities(event.symbol).short:
            return
        left = self._close(event, _VENUE) if is_by_venue(event) else event.quantity
        if left:
            event = _part_of(event, event.quantity - left, left)
            state.portfolio.adopt(event.symbol, event.position_side, signed(event.side, left))
            self._turn.write(records.foreign(event, state.position(event.symbol, event.position_side)))
        self._asking.of(event.symbol).touched(event.symbol, event.at_ns)

    def _unowned(self, fill: FillUpdate) -> None:
        """A trade that no strategy made closes what strategies hold, one after the other; what is left is nobody's."""
        left = self._close(fill, "exit")
        if left:
            self._count(_part_of(fill, fill.quantity - left, left), "", "exit", part=left < fill.quantity)

    def _close(self, fill: FillUpdate, why: str) -> int:
        """A trade that no strategy made closes what strategies hold, one after the other; returns what it did not close."""
        left = fill.quantity
        for share in self._turn.state.portfolio.shares_of(fill.symbol, fill.position_side):
            part = min(left, abs(share.quantity))
            if part and share.quantity * signed(fill.side, 1) < 0:
                self._count(_part_of(fill, fill.quantity - left, part), share.strategy, why, part=left < fill.quantity)
                left -= part
        return left

    def _count(self, fill: FillUpdate, strategy: str, why: str, *, client_id: str = "", late: bool = False, part: bool = False) -> None:
        """A trade of ours is in the journal and in the books. `part`: parts of it are so already."""
        turn, state, symbol = self._turn, self._turn.state, fill.symbol
        state.renew()
        self.fills += 1
        share, rounds = state.portfolio.fill(strategy, fill, mid=state.mid(symbol), why=why)
        position = state.position(symbol, fill.position_side)
        today, sums = state.portfolio.today(symbol), state.portfolio.sums(symbol)
        losses, peak = state.portfolio.losses.get(symbol, 0), state.peaks.get(venue_of(symbol), 0)
        named = client_id or fill.client_id
        kept = records.fill(named, fill, share, today, sums, position, late=late, losses=losses, peak=peak)
        if part:
            kept = Write(kept.kind, {**kept.fields, "part": True})
        turn.write(kept if why != _VENUE else Write(kept.kind, {**kept.fields, "state": "FILLED"}))  # no order of ours: nobody asks for it
        self._asking.of(symbol).touched(symbol, min(fill.event_ns or state.now_ns, state.now_ns))
        for each in rounds:
            turn.write(records.round_(each, state.rules_of[symbol], state.equity(symbol)))
        self.losses(symbol)
        state.reckon(symbol)
        if not position:
            self._causes.end(Cause.UNEXPLAINED, subject=symbol)

    def losses(self, symbol: str) -> None:
        """What was lost, and what it leads to."""
        found = self.breaches(symbol)
        for cause in sorted(found, key=lambda each: _LOSSES.index(each) if each in _LOSSES else len(_LOSSES)):
            self._causes.begin(cause, subject=venue_of(symbol), detail=found[cause])

    def breaches(self, symbol: str) -> dict[Cause, str]:
        """What the losses of the symbol's account lead to, with their figures."""
        state = self._turn.state
        return dict(self._gate.breaches(symbol, state)) if state.looks[symbol].at_ns else {}

    def losses_seen(self, incident: str) -> None:
        """A person has looked: losses in a row are counted anew."""
        state = self._turn.state
        for symbol, losses in state.portfolio.losses.items():
            if losses:
                self._turn.write(records.losses_seen(symbol, losses, incident))
                state.portfolio.losses[symbol] = 0
        state.renew()

    def _on_funding(self, event: FundingUpdate) -> None:
        """In the journal always; in the books where it is of a symbol that is traded here."""
        found = [event] if event.symbol in self._turn.state.rules_of else self._split(event)
        for each in found or [event]:
            if each.symbol in self._turn.state.rules_of:
                self._fund(each)
            else:
                self._turn.write(records.funding(each))

    def _fund(self, event: FundingUpdate) -> None:
        state, rules = self._turn.state, self._turn.state.rules_of[event.symbol]
        state.portfolio.fund(event.symbol, whole_of(event.amount, rules.money_power - 8) // 10**8)  # cut against the account
        state.renew()
        shares = [share for share in state.portfolio.shares.values() if share.symbol == event.symbol and share.quantity]
        self._turn.write(records.funding(event, shares, state.portfolio.today(event.symbol)))

    def _split(self, event: FundingUpdate) -> list[FundingUpdate]:
        """Funding that no symbol is told of, by symbol: each position of the account that settles in its currency has as much of it as it
        is worth of them all; what is held in symbols that are not traded here has the rest, without a symbol. Together they are the whole
        of it. Nothing where it is not known what such a position is worth."""
        strangers = self._strangers(event)
        if event.symbol or strangers is None:
            return []
        state = self._turn.state
        values: dict[str, Decimal] = {}
        for (symbol, side), quantity in state.portfolio.held().items():
            rules = state.rules_of.get(symbol)
            if rules is not None and (rules.venue, rules.settle) == (event.venue, event.currency):
                value = Decimal(quantity * state.price(symbol)).scaleb(rules.money_power - _VALUE_POWER)
                told = state.accounts[event.venue].held.get((symbol, side)) if not value else None
                if told is not None and told.worth is not None:
                    value = told.worth.scaleb(-_VALUE_POWER)
                values[symbol] = values.get(symbol, Decimal(0)) + value
        if not values:
            return []
        parts = {symbol: max(1, abs(int(value))) for symbol, value in values.items()}
        if strangers:
            parts[""] = strangers
        found, before, whole = [], 0, sum(parts.values())
        for symbol, part in parts.items():
            found.append(msgspec.structs.replace(event, symbol=symbol, amount=_shared(event.amount, before, part, whole)))
            before += part
        return found

    def _strangers(self, event: FundingUpdate) -> int | None:
        """What positions of the account are worth that are in symbols which are not traded here, as far as they settle in the currency of
        this funding and it may be theirs; None: nobody knows."""
        state, values = self._turn.state, dict[str, Decimal]()
        account = state.accounts.get(event.venue)
        for (symbol, _), held in account.held.items() if account is not None else ():
            if not held.quantity or symbol in state.rules_of or held.margin_type == "isolated":  # an isolated one's is told with its symbol
                continue
            if held.worth is None or not held.settle:
                return None
            if held.settle == event.currency:
                values[symbol] = values.get(symbol, Decimal(0)) + held.worth.scaleb(-_VALUE_POWER)
        return sum(max(1, abs(int(value))) for value in values.values())


def is_by_venue(fill: FillUpdate) -> bool:
    """Whether the venue itself closed a position by that trade. No listing says so: it names the venue's ids only."""
    return fill.client_id.startswith(_BY_THE_VENUE)


def _part_of(fill: FillUpdate, before: int, much: int) -> FillUpdate:
    """So much of a trade, after what came before of it. It bears as much of the fee: the fees of all parts together are the trade's."""
    if much == fill.quantity:
        return fill
    return msgspec.structs.replace(fill, quantity=much, fee=fill.fee and _shared(fill.fee, before, much, fill.quantity))


def _shared(fee: str, before: int, much: int, whole: int) -> str:
    """A part of a fee or of funding, as exact text; cut to its own decimals, and to eight at least."""
    power = -max(_FEE_DECIMALS, len(fee.partition(".")[2]))
    units = whole_of(fee, power)
    return text_of(units * (before + much) // whole - units * before // whole, power)
