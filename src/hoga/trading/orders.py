"""trading.orders: own orders from intent to end: one table of moves, fills counted once, and the proof that an order never was. Pure.

    INTENT ─▶ SENT ─▶ LIVE ─▶ PARTIAL ─▶ FILLED | CANCELED | EXPIRED | REJECTED
       └▶ DENIED  └▶ UNKNOWN ─▶ whatever the venue says, or ABSENT by proof

What is heard of an order is put into one word (`Heard`), and `MOVES` says where that leads from each status. An order that has ended never
lives again; what the venue then still says of it is a late fill, old news, or a breach. That a cancel is under way is not a status but
a field beside it (`Canceling`), so that no order gets stuck in it. Quantities are integers of the instrument (`core.trading.Rules`).

What has ended is kept for a day, as what is late finds it: for a minute as it is, then packed (`trading.shelf`), and taken out again when
somebody asks for it. Trades are known by their ids: of each symbol the newest hundred thousand (`trading.seen`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice

import msgspec

from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    TRADES_KEPT,
    AlgoUpdate,
    CancelRefused,
    CancelSent,
    Capabilities,
    Conditional,
    FillUpdate,
    NotFound,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderUpdate,
    TradesRead,
    Unanswered,
)
from hoga.core.trading import Action as Asked
from hoga.trading.ports import Working
from hoga.trading.seen import Seen
from hoga.trading.shelf import Shelf

__all__ = ["MOVES", "Canceling", "Heard", "News", "Order", "Orders", "Role", "Status", "adopted"]

_KEPT_NS = 24 * 3600 * SECOND_NS
"""So long an order that has ended is remembered: late fills find it."""
_WHOLE_NS = 60 * SECOND_NS
"""So long it is kept as it is."""
_AT_ONCE = 256
"""So many are packed at once, at most: some 2 ms."""
_APART_NS = SECOND_NS
"""Two denials prove more than one only where they lie so far apart."""
_SETTLING_NS = 2 * SECOND_NS
"""Where the venue's word is final at once, it is asked no sooner than so long after sending."""
FOREIGN = ""
"""The strategy of orders that no strategy of ours made."""


class Status(StrEnum):
    """Where an order stands."""

    INTENT = "INTENT"
    SENT = "SENT"
    LIVE = "LIVE"
    PARTIAL = "PARTIAL"
    UNKNOWN = "UNKNOWN"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    ABSENT = "ABSENT"

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self in _OVER


_OVER = frozenset({Status.DENIED, Status.REJECTED, Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.ABSENT})


class Canceling(StrEnum):
    """Whether a cancel is under way, beside the status."""

    NONE = "none"
    SENT = "sent"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What an order is for."""

    TARGET = "target"
    """Brings a position to what a strategy wants."""
    ENTRY = "entry"
    """Sent by a strategy itself."""
    PROTECT = "protect"
    """A stop or a take that guards a position: it stays when the trader goes."""
    EXIT = "exit"
    """Closes a position for the engine."""
    ADOPTED = "adopted"
    """Found at the venue with a client id of ours, and not in the journal."""


class Heard(StrEnum):
    """One thing that became known of an order."""

    SENT = "sent"
    DENIED = "denied"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not-sent"
    UNANSWERED = "unanswered"
    OPEN = "open"
    PARTLY = "partly"
    WHOLE = "whole"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    STRANGE = "strange"
    PROVEN_ABSENT = "proven-absent"


_SAID = {
    Heard.ACCEPTED: Status.LIVE,
    Heard.OPEN: Status.LIVE,
    Heard.PARTLY: Status.PARTIAL,
    Heard.WHOLE: Status.FILLED,
    Heard.CANCELED: Status.CANCELED,
    Heard.EXPIRED: Status.EXPIRED,
    Heard.REJECTED: Status.REJECTED,
    Heard.STRANGE: Status.UNKNOWN,
}
"""What the venue says goes, wherever an order stands that has not ended."""

MOVES: Mapping[Status, Mapping[Heard, Status]] = {
    Status.INTENT: {Heard.SENT: Status.SENT, Heard.DENIED: Status.DENIED, Heard.NOT_SENT: Status.REJECTED},
    Status.SENT: _SAID | {Heard.REFUSED: Status.REJECTED, Heard.NOT_SENT: Status.REJECTED, Heard.UNANSWERED: Status.UNKNOWN},
    Status.UNKNOWN: _SAID
    | {
        Heard.REFUSED: Status.REJECTED,
        Heard.NOT_SENT: Status.REJECTED,
        Heard.UNANSWERED: Status.UNKNOWN,
        Heard.PROVEN_ABSENT: Status.ABSENT,
    },
    Status.LIVE: _SAID | {Heard.REFUSED: Status.UNKNOWN, Heard.UNANSWERED: Status.LIVE},
    Status.PARTIAL: _SAID
    | {Heard.ACCEPTED: Status.PARTIAL, Heard.OPEN: Status.PARTIAL, Heard.REFUSED: Status.UNKNOWN, Heard.UNANSWERED: Status.PARTIAL},
    **{over: dict.fromkeys(Heard, over) for over in _OVER},
}
"""(status, what is heard) → status. What is not here cannot be heard there, and changes nothing."""

_REVIVED = frozenset({Status.REJECTED, Status.ABSENT, Status.DENIED})
"""Of these the venue cannot say that they live, or are filled: that is a breach."""
_LIVES = frozenset({Heard.ACCEPTED, Heard.OPEN, Heard.PARTLY, Heard.WHOLE, Heard.STRANGE})
_WORDS = {
    OrderState.NEW: Heard.OPEN,
    OrderState.WAITING: Heard.OPEN,
    OrderState.TRIGGERED: Heard.OPEN,
    OrderState.PARTIAL: Heard.PARTLY,
    OrderState.FILLED: Heard.WHOLE,
    OrderState.CANCELED: Heard.CANCELED,
    OrderState.EXPIRED: Heard.EXPIRED,
    OrderState.REJECTED: Heard.REJECTED,
    OrderState.OTHER: Heard.STRANGE,
}


class Order(msgspec.Struct, kw_only=True):
    """One own order. `strategy`: the instance that made it, "" for none. `filled`: of the fills we know; `told`: what the venue says.

    Stamps are of the engine's time (ns), 0: not yet. `seen_ns`: when the account's stream first told of it. `paid`: Σ price × quantity.
    `unwanted`: it shall be cancelled, whatever became of the cancel that went out. `is_told`: it ended, and how much of it was filled then
    is known: `told`.
    """

    request: OrderRequest
    strategy: str
    role: Role
    why: str = ""
    status: Status = Status.INTENT
    cancel: Canceling = Canceling.NONE
    unwanted: bool = False
    venue_id: str = ""
    child_id: str = ""
    triggered: bool = False
    filled: int = 0
    told: int = 0
    paid: int = 0
    trades: int = 0
    asked_ns: int = 0
    sent_ns: int = 0
    accepted_ns: int = 0
    seen_ns: int = 0
    unknown_ns: int = 0
    ended_ns: int = 0
    heard_ns: int = 0
    queried_ns: int = 0
    cancel_ns: int = 0
    denials: int = 0
    denied_ns: int = 0
    unlisted: int = 0
    unlisted_ns: int = 0
    no_trade_ns: int = 0
    overfilled: bool = False
    is_told: bool = False
    reason: str = ""
    after_trade: str = ""
    """The trade of the symbol that was counted last when it was made, "" where that is not known: its own trades come after it."""

    @property
    def client_id(self) -> str:
        """Ours."""
        return self.request.client_id

    @property
    def symbol(self) -> str:
        """Venue and symbol."""
        return self.request.symbol

    @property
    def rest(self) -> int:
        """What of it may still come as a fill: all that is not filled while it is open, what the venue told more than we have then."""
        if self.status.is_over:
            return max(0, self.told - self.filled)
        quantity = self.request.quantity
        return 0 if quantity is None else max(0, quantity - self.filled)

    @property
    def is_working(self) -> bool:
        """Whether it is or may be at the venue, or has fills that are still to come."""
        return self.told > self.filled if self.status.is_over else self.status is not Status.INTENT

    @property
    def waits(self) -> bool:
        """Whether the venue tells of it where waiting orders rest: once it is known what it became, that is with the others."""
        return self.request.waits and not self.child_id

    def working(self) -> Working:
        """As the gate sees it."""
        return Working(request=self.request, rest=self.rest, unknown=self.status is Status.UNKNOWN, strategy=self.strategy)


class News(msgspec.Struct, kw_only=True):
    """What one event changed of one order: `before` ─▶ `after`. `fill`: a trade that was not known. `breach`: what must not be, "" else."""

    order: Order
    before: Status
    after: Status
    fill: FillUpdate | None = None
    late: bool = False
    breach: str = ""
    told: bool = False
    """Whether the venue says more is filled than we have fills for, since now."""
    became: bool = False
    """Whether it is known since now that it was triggered, or what it became."""


class Orders:
    """All own orders of one trader. `is_own`: whether a client id is one of ours."""

    def __init__(self) -> None:
        self._by_client: dict[str, Order] = {}
        self._by_venue: dict[tuple[str, str], Order] = {}
        self._open: dict[str, dict[str, Order]] = {}
        self._ended: dict[str, Order] = {}
        self._aliases: dict[str, list[str]] = {}
        self._shelf = Shelf()
        self._trades: dict[str, Seen] = {}
        self.duplicates = 0

    # -- what there is --------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Order]:
        """Those that are not packed."""
        return iter(self._by_client.values())

    def __len__(self) -> int:
        """How many of these there are."""
        return len(self._by_client)

    def get(self, client_id: str) -> Order | None:
        """By client id."""
        return self._by_client.get(client_id) or self._taken_out(client_id)

    def find(self, symbol: str, *, client_id: str = "", venue_id: str = "", parent_id: str = "") -> Order | None:
        """Whose it is, by any of the names that the venue gave."""
        return (
            self._by_client.get(client_id)
            or self._by_venue.get((symbol, venue_id))
            or self._by_client.get(parent_id)
            or (self._by_venue.get((symbol, parent_id)) if parent_id else None)
            or self._packed(symbol, client_id, venue_id, parent_id)
        )

    def working(self, symbol: str = "") -> list[Order]:
        """Those that are or may be at the venue, of one symbol or of all, oldest first."""
        if symbol:
            found = self._open.get(symbol)
            return list(found.values()) if found else []
        return [order for orders in self._open.values() for order in orders.values()]

    def open_of(self, symbol: str) -> Collection[Order]:
        """Those of one symbol as they stand: not to be kept, nor walked through while orders begin or end."""
        found = self._open.get(symbol)
        return found.values() if found else ()

    def count(self, symbol: str = "") -> int:
        """How many those are."""
        if symbol:
            found = self._open.get(symbol)
            return len(found) if found else 0
        return sum(map(len, self._open.values()))

    def knows_trade(self, symbol: str, trade_id: str) -> bool:
        """Whether that trade was counted."""
        return trade_id in self._trades.get(symbol, ())

    def last_trade(self, symbol: str) -> str:
        """The trade that was counted last, "" for none."""
        known = self._trades.get(symbol)
        return known.last if known is not None else ""

    def oldest_after(self, symbol: str, trade_id: str) -> str:
        """That trade, or where it is so old that those behind it are not all known any more, the oldest that is: trades are read on from
        there, as what is older would count again."""
        known = self._trades.get(symbol)
        return trade_id if known is None or not known.first or trade_id in known else known.first

    def owed(self, symbol: str) -> Order | None:
        """The oldest order of which the venue has told more fills than are known, None: there is none."""
        return next((order for order in self.working(symbol) if order.told > order.filled), None)

    # -- what changes it ------------------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """A new one: an intent, one that was found, or one of a life before, with the ids that the venue gave it."""
        client_id = order.request.client_id
        assert client_id not in self._by_client, "client ids are never used twice"
        self._by_client[client_id] = order
        if order.status is Status.INTENT:
            order.after_trade = self.last_trade(order.symbol)
        if order.venue_id:
            self._by_venue[order.symbol, order.venue_id] = order
        if order.child_id:
            self._by_venue[order.symbol, order.child_id] = order
        self._index(order)

    def know_trade(self, symbol: str, trade_id: str) -> bool:
        """Count a trade; False where it was counted before."""
        known = self._trades.get(symbol)
        if known is None:
            known = self._trades[symbol] = Seen()
        if not known.add(trade_id):
            self.duplicates += 1
            return False
        return True

    def know_trades(self, symbol: str, trade_ids: Sequence[str]) -> None:
        """Those of a life before, oldest first; of very many not all were kept."""
        for each in trade_ids:
            self.know_trade(symbol, each)
        if len(trade_ids) >= TRADES_KEPT:
            self._trades[symbol].first = trade_ids[0]

    def hear(self, order: Order, heard: Heard, now_ns: int) -> News:
        """Move an order by the table."""
        before = order.status
        after = self.move(order, heard, now_ns)
        breach = ""
        if before in _REVIVED and heard in _LIVES:
            breach = f"{order.client_id} was {before}, and the venue says it is {heard}"
        return News(order=order, before=before, after=after, breach=breach)

    def move(self, order: Order, heard: Heard, now_ns: int) -> Status:
        """The same, without news of it: returns where the order stands now."""
        before = order.status
        after = MOVES[before].get(heard, before)
        if after is not before:
            order.status = after
            if after is Status.UNKNOWN:
                order.unknown_ns = now_ns
                order.denials = order.denied_ns = order.unlisted = order.unlisted_ns = order.no_trade_ns = 0
            if after in _OVER:
                order.ended_ns = now_ns
                order.cancel = Canceling.NONE
        order.heard_ns = now_ns
        if after in _OVER:  # else it is open, as it was
            self._index(order)
        return after

    def accepted(self, order: Order, event: OrderAccepted) -> list[News]:
        """The answer to a new order: it is there."""
        order.accepted_ns = event.at_ns
        news = [self.hear(order, Heard.ACCEPTED, event.at_ns)]
        if event.order is not None:
            news += self.updated(order, event.order, by_stream=False)
        for fill in event.fills:
            news += self.filled(order, fill)
        return news

    def refused(self, order: Order, event: OrderRefused | NotSent) -> list[News]:
        """The answer to a new order: it is not there."""
        order.reason = f"{event.code} {event.text}".strip()
        return [self.hear(order, Heard.REFUSED if isinstance(event, OrderRefused) else Heard.NOT_SENT, event.at_ns)]

    def unanswered(self, order: Order, event: Unanswered) -> list[News]:
        """Nobody knows what became of a new order, or of a cancel."""
        order.reason = event.why
        if event.action is Asked.NEW:
            return [self.hear(order, Heard.UNANSWERED, event.at_ns)]
        if event.action is Asked.CANCEL and not order.status.is_over:
            order.cancel = Canceling.UNKNOWN
        return []

    def cancel_asked(self, order: Order, now_ns: int) -> None:
        """A cancel goes out."""
        order.cancel, order.cancel_ns, order.unwanted = Canceling.SENT, now_ns, True

    def cancel_sent(self, order: Order, event: CancelSent) -> list[News]:
        """The venue has the cancel."""
        news = [] if event.order is None else self.updated(order, event.order, by_stream=False)
        if event.final and not order.status.is_over:
            news.append(self.hear(order, Heard.CANCELED, event.at_ns))
        return news

    def cancel_refused(self, order: Order, event: CancelRefused) -> list[News]:
        """It does not cancel: the order is as it was, or it was filled, cancelled or triggered."""
        if not order.status.is_over:
            order.cancel = Canceling.UNKNOWN if event.unknown else Canceling.NONE
        return []

    def updated(self, order: Order, event: OrderUpdate, *, by_stream: bool = True) -> list[News]:
        """The venue says how it stands."""
        if by_stream and not order.seen_ns:
            order.seen_ns = event.at_ns
        stood = (order.triggered, order.child_id)
        self._name(order, event.venue_id, child=bool(event.parent_id))
        heard = _WORDS[event.state]
        more = event.filled if event.filled is not None else (order.request.quantity or 0 if heard is Heard.WHOLE else 0)
        was = order.told
        order.told = max(order.told, more)
        order.is_told |= not event.state.is_open and (event.filled is not None or more > 0)
        if heard is Heard.OPEN and (order.told or order.filled):
            heard = Heard.PARTLY
        if event.reason:
            order.reason = event.reason
        if by_stream and event.state.is_open and order.request.waits and event.kind not in (None, order.request.kind):
            order.triggered = True
        news = self.hear(order, heard, event.at_ns)
        news.told = order.told > was and order.told > order.filled
        news.became = stood != (order.triggered, order.child_id)
        return [news, *self._over(order, event.at_ns)]

    def algo_updated(self, order: Order, event: AlgoUpdate, *, by_stream: bool = True) -> list[News]:
        """The venue says how a waiting order stands."""
        if by_stream and not order.seen_ns:
            order.seen_ns = event.at_ns
        stood = (order.triggered, order.child_id)
        self._name(order, event.algo_id)
        if event.child_id:
            self._name(order, event.child_id, child=True)
        if event.state is OrderState.TRIGGERED:
            order.triggered = True
        if event.reason:
            order.reason = event.reason
        heard = _WORDS[event.state]
        waited = event.state is not OrderState.FILLED and not (order.triggered or order.child_id)
        order.is_told |= waited and not event.state.is_open  # what waited to its end has filled nothing
        if heard is Heard.OPEN and (order.told or order.filled):
            heard = Heard.PARTLY
        if heard is Heard.WHOLE and not order.filled:
            heard = Heard.OPEN  # it was triggered; what became of it, its order tells
            order.triggered = True
        news = self.hear(order, heard, event.at_ns)
        news.became = stood != (order.triggered, order.child_id)
        return [news]

    def filled(self, order: Order, fill: FillUpdate) -> list[News]:
        """A trade of it: counted once, whatever has become of the order."""
        if not self.know_trade(order.symbol, fill.trade_id):
            return []
        stood = (order.triggered, order.child_id)
        self._name(order, fill.venue_id, child=order.request.waits and fill.venue_id != order.venue_id)
        late = order.status.is_over and order.told <= order.filled
        order.filled += fill.quantity
        order.paid += fill.price * fill.quantity
        order.trades += 1
        order.told = max(order.told, order.filled)
        quantity = order.request.quantity
        if order.request.waits:
            order.triggered = True
        whole = quantity is not None and order.filled >= quantity
        order.is_told |= whole
        news = self.hear(order, Heard.WHOLE if whole else Heard.PARTLY, fill.at_ns)
        news.fill, news.late, news.became = fill, late, stood != (order.triggered, order.child_id)
        return [news, *self._over(order, fill.at_ns)]

    def _over(self, order: Order, now_ns: int) -> list[News]:
        quantity = order.request.quantity
        if quantity is None or max(order.filled, order.told) <= quantity or order.overfilled:
            return []
        order.overfilled = True
        status = order.status
        breach = f"{order.client_id} asked for {quantity} and {max(order.filled, order.told)} were filled"
        return [News(order=order, before=status, after=status, breach=breach)]

    # -- the proof that an order never was ------------------------------------------------------------------------------

    def denied(self, order: Order, event: NotFound, able: Capabilities) -> list[News]:
        """A query's answer: no such order."""
        if order.status is not Status.UNKNOWN:
            return []
        if event.asked_ns >= self._may_prove_ns(order, able) and event.asked_ns - order.denied_ns >= _APART_NS:
            order.denials += 1
            order.denied_ns = event.asked_ns
        return self._prove(order, able, event.at_ns)

    def listed(self, event: OpenOrders, able: Capabilities) -> list[News]:
        """A listing of open orders: unknown ones that are not in it are one proof nearer to never having been."""
        there = {each.order.client_id for each in event.orders}
        there |= {each.order.venue_id for each in event.orders if isinstance(each.order, OrderUpdate)}
        there |= {each.order.algo_id for each in event.orders if isinstance(each.order, AlgoUpdate)}
        news: list[News] = []
        for order in self.working():
            if order.status is not Status.UNKNOWN or not _is_of(order.symbol, event.venue, event.symbol):
                continue
            if not there.isdisjoint({order.client_id, order.venue_id or order.client_id, order.child_id or order.client_id}):
                continue
            if event.asked_ns >= self._may_prove_ns(order, able) and event.asked_ns - order.unlisted_ns >= _APART_NS:
                order.unlisted += 1
                order.unlisted_ns = event.asked_ns
            news += self._prove(order, able, event.at_ns)
        return news

    def traded(self, event: TradesRead, able: Capabilities, doubted: Collection[str] = ()) -> list[News]:
        """A listing of trades, after its fills were applied: unknown orders without a fill there have none. `doubted`: client ids of
        those that may have one there."""
        news: list[News] = []
        for order in self.working(event.symbol):
            if order.client_id in doubted or order.status is not Status.UNKNOWN:
                continue
            if event.whole and not order.filled and event.asked_ns >= self._may_prove_ns(order, able):
                order.no_trade_ns = event.asked_ns
                news += self._prove(order, able, event.at_ns)
        return news

    @staticmethod
    def _may_prove_ns(order: Order, able: Capabilities) -> int:
        wait_ns = _SETTLING_NS if able.absence_after_s is None else int(able.absence_after_s * SECOND_NS)
        return order.sent_ns + wait_ns

    def _prove(self, order: Order, able: Capabilities, now_ns: int) -> list[News]:
        algo = order.waits and able.conditional is Conditional.ALGO  # what one became has to be denied, as every order has
        denied = algo or order.denials >= 2
        unlisted = order.unlisted >= (2 if algo else 1) and (not algo or order.no_trade_ns >= order.unlisted_ns)  # it may fill between them
        if denied and unlisted and order.no_trade_ns and not order.filled and not order.told:
            was_there = bool(order.accepted_ns or order.seen_ns)
            return [self.hear(order, Heard.CANCELED if was_there else Heard.PROVEN_ABSENT, now_ns)]
        return []

    # -- keeping ----------------------------------------------------------------------------------------------------

    def tidy(self, now_ns: int) -> None:
        """Pack what ended a minute ago, and of which nothing was heard since."""
        for client_id, order in list(islice(self._ended.items(), _AT_ONCE)):
            if now_ns - max(order.ended_ns, order.heard_ns) < _WHOLE_NS:
                break
            del self._ended[client_id]
            if order.is_working:
                continue  # the venue has told more fills since: it is among the open ones
            symbol, aliases = order.symbol, self._aliases.pop(client_id, ())
            for name in (order.venue_id, order.child_id, *aliases):
                self._by_venue.pop((symbol, name), None)
            del self._by_client[client_id]
            names = (client_id, *(f"{symbol} {name}" for name in (order.venue_id, order.child_id, *aliases) if name))
            self._shelf.put(names, order.ended_ns, _ENCODER.encode(_Row(names, order)))

    def forget(self, now_ns: int) -> int:
        """Let go of what ended a day ago; returns how many those were."""
        return self._shelf.forget(now_ns - _KEPT_NS)

    def _packed(self, symbol: str, client_id: str, venue_id: str, parent_id: str) -> Order | None:
        names = (client_id, venue_id and f"{symbol} {venue_id}", parent_id, parent_id and f"{symbol} {parent_id}")
        return next(filter(None, (self._taken_out(name) for name in names if name)), None)

    def _taken_out(self, name: str) -> Order | None:
        """An order that was packed is there again as it was."""
        for packed in self._shelf.find(name):
            row = _DECODER.decode(packed)
            if name in row.names:
                order = row.order
                self.add(order)
                for each in row.names[1:]:
                    self._find_by(order, each.partition(" ")[2])
                return order
        return None

    def _name(self, order: Order, venue_id: str, *, child: bool = False) -> None:
        if not venue_id:
            return
        if child:
            order.child_id = order.child_id or venue_id
        elif not order.venue_id:
            order.venue_id = venue_id
        self._find_by(order, venue_id)

    def _find_by(self, order: Order, venue_id: str) -> None:
        if venue_id not in (order.venue_id, order.child_id) and (order.symbol, venue_id) not in self._by_venue:
            self._aliases.setdefault(order.client_id, []).append(venue_id)
        self._by_venue[order.symbol, venue_id] = order

    def _index(self, order: Order) -> None:
        request = order.request
        open_ = self._open.get(request.symbol)
        if open_ is None:
            open_ = self._open[request.symbol] = {}
        if order.status not in _OVER or order.told > order.filled:
            open_[request.client_id] = order
        else:
            open_.pop(request.client_id, None)
            self._ended[request.client_id] = order


class _Row(msgspec.Struct, array_like=True):
    names: tuple[str, ...]
    order: Order


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Row)


def _is_of(symbol: str, venue: str, name: str) -> bool:
    return symbol == name if name else symbol.partition(":")[0] == venue


def adopted(update: OrderUpdate | AlgoUpdate, now_ns: int, *, strategy: str = FOREIGN) -> Order:
    """An order of ours that was found at the venue, and that the journal does not know."""
    request = OrderRequest(
        client_id=update.client_id,
        symbol=update.symbol,
        side=update.side,
        kind=update.kind or OrderKind.LIMIT,
        quantity=update.quantity,
        price=update.price if isinstance(update, OrderUpdate) else None,
        trigger=update.trigger,
        reduce_only=update.reduce_only,
        close_position=update.close_position,
        position_side=update.position_side,
    )
    role = Role.PROTECT if request.waits and (request.reduce_only or request.close_position) else Role.ADOPTED
    return Order(request=request, strategy=strategy, role=role, status=Status.LIVE, sent_ns=now_ns, accepted_ns=now_ns, seen_ns=now_ns)
