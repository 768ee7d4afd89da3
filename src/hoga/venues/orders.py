"""venues.orders: the shape of a venue's orders: calls as values, answers and events as words of `core.trading`. Pure.

A call with one answer is a `Request` and a reader of what came of it (`Told`). What takes several calls (a listing in pages) is an
`Asking`: a generator that gives the next call, is sent its answer, and returns what was read in the end:

    asking = spec.open_orders(book, "BTCUSDT")
    call = next(asking)                       ─▶ the shell sends it
    call = asking.send(told)                  ◀─ … and so on, until it returns its event

No reader raises for what a venue sends: an answer that proves nothing is `Unanswered`, a listing that cannot be read is `ReadFailed`, an
event that cannot be read is `Unread`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from hoga.core.instrument import Instrument
from hoga.core.jsontext import NO_JSON
from hoga.core.secret import Credentials
from hoga.core.trading import (
    AccountRead,
    Capabilities,
    ConfigUpdate,
    ExecutionEvent,
    FillUpdate,
    OpenOrders,
    OrderRequest,
    PositionsRead,
    ReadFailed,
    Rules,
    TradesRead,
    counted_in,
    rules_of,
    with_room,
)
from hoga.venues.private import Reply
from hoga.venues.request import Request

__all__ = [
    "Asking", "KeyRights", "OrdersRead", "OrdersSpec", "RuleBook", "Target", "Told", "Unproven", "asks", "decoded", "listed_rules",
    "nearest", "whole",
]  # fmt: skip

T = TypeVar("T")
E = TypeVar("E", bound=ExecutionEvent)

_PROVISIONAL_POWER = -12
_NUMBERS = 1_024
"""So many texts are remembered with what they spell: prices and quantities come again."""


class Told(Reply, frozen=True, kw_only=True):
    """A reply, with when it was asked for and when it came (UTC, ns)."""

    asked_ns: int
    at_ns: int

    @property
    def text(self) -> str:
        """The body as text, to be kept beside what was read of it."""
        return self.body.decode("utf-8", "replace")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Which order a cancel or a query is about. `symbol`: venue and symbol. `waits`: it waits for its trigger, in a service of its own."""

    symbol: str
    client_id: str
    venue_id: str = ""
    waits: bool = False


class KeyRights(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, as far as the venue tells: None where it does not. `expires_ns`: when its life is over (UTC)."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    bound_to_address: bool | None = None
    expires_ns: int | None = None


class OrdersRead(NamedTuple):
    """Every order placed from `from_ns` to `to_ns` had ended when it was read, but those that were `resting` (ids) after it."""

    from_ns: int
    to_ns: int
    resting: frozenset[str]


class RuleBook:
    """The rules of a venue's instruments by the venue's own symbols.

    One that is not known (a stranger's, or listed a moment ago) is read with very fine integers, and does not trade. Rules that are told
    later are counted in the integers of those that were told first, where these are fine enough. `has_room`: integers that finer price
    steps would fit, too.
    `hedge`: whether the account has two positions a symbol, and when that was told; None: it was not.
    `fills`: by symbol, of orders that were asked for theirs, how far each was then, and its fills; for venues that have no list of trades.
    `read`: of which orders all fills were read there, by symbol.
    """

    __slots__ = ("_has_room", "_known", "_provisional", "_told", "fills", "hedge", "read", "venue")

    def __init__(self, venue: str, known: Iterable[Rules] = (), *, has_room: bool = False) -> None:
        self.venue = venue
        self._has_room = has_room
        self._known = {each.name: each for each in known}
        self._told = dict(self._known)
        self._provisional: dict[str, Rules] = {}
        self.hedge: tuple[bool, int] | None = None
        self.fills: dict[str, dict[str, tuple[str, tuple[FillUpdate, ...]]]] = {}
        self.read: dict[str, OrdersRead] = {}

    def of(self, name: str) -> Rules:
        """The rules of one instrument."""
        return self._known.get(name) or self._provisional.get(name) or self._provisionally(name)

    def knows(self, name: str) -> bool:
        """Whether the venue has told the rules of this instrument."""
        return name in self._known

    def learn(self, rules: Rules) -> bool:
        """Take over the rules of one instrument; whether they are other ones than before."""
        before, self._told[rules.name] = self._known.get(rules.name), rules
        if before is not None:
            counted = counted_in(rules, before.price_power, before.size_power) or rules
        else:
            counted = with_room(rules) if self._has_room else rules
        self._known[rules.name] = counted
        return before != counted

    def count_in(self, powers: Mapping[str, tuple[int, int]]) -> None:
        """Count in these powers of ten (by symbol, with the venue) from now on, where an instrument's steps are not finer."""
        for name, told in self._told.items():
            known = powers.get(told.symbol)
            if known is not None:
                self._known[name] = counted_in(told, *known) or self._known[name]

    def names(self) -> tuple[str, ...]:
        """The instruments whose rules are known."""
        return tuple(self._known)

    def _provisionally(self, name: str) -> Rules:
        rules = self._provisional[name] = Rules(
            symbol=f"{self.venue}:{name}",
            base="",
            quote="",
            settle="",
            price_power=_PROVISIONAL_POWER,
            size_power=_PROVISIONAL_POWER,
            ticks=((0, 1),),
            lot=1,
            least=1,
            market_lot=1,
            market_least=1,
            is_trading=False,
        )
        return rules


# -- numbers ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=_NUMBERS)
def whole(text: str, power: int) -> int:
    """The number that `text` spells, as a multiple of `10 ** power`. Raises ValueError for no number, and for one that is finer."""
    number, rest = _split(text, power)
    if rest.strip("0"):
        raise ValueError(f"{text!r} is finer than 1e{power}")
    return number


@lru_cache(maxsize=_NUMBERS)
def nearest(text: str, power: int) -> int:
    """As `whole`, but what is finer is cut off: for prices that a trade was made at, which no rule of today binds."""
    return _split(text, power)[0]


def _split(text: str, power: int) -> tuple[int, str]:
    """The number cut off at `10 ** power`, and the digits that were cut off."""
    mantissa, mark, exponent = text.lower().partition("e")
    negative = mantissa.startswith("-")
    left, _, right = mantissa.lstrip("+-").partition(".")
    digits = left + right
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 60:
        raise ValueError(f"{text[:60]!r} is no number")
    if mark and not (exponent.lstrip("+-").isdecimal() and len(exponent) < 5):
        raise ValueError(f"{text[:60]!r} is no number")
    places = len(right) - (int(exponent) if mark else 0) + power
    if places <= 0:
        kept, cut = digits + "0" * -places, ""
    else:
        padded = digits.rjust(places + 1, "0")
        kept, cut = padded[:-places], padded[-places:]
    return (-int(kept) if negative else int(kept)), cut


# -- asking -----------------------------------------------------------------------------------------------------


class Unproven(Exception):
    """What came is not what was asked for; `why`, for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


Asking = Generator[Request, Told, T]


def decoded(told: Told, decoder: msgspec.json.Decoder[T], *, refused: Callable[[Told], str]) -> T:
    """The body of a good answer. Raises Unproven; `refused` puts into words what another answer says."""
    if told.status not in (200, 201):
        raise Unproven(refused(told))
    try:
        return decoder.decode(told.body)
    except NO_JSON as fault:
        raise Unproven(f"an answer that cannot be read: {fault}") from None


def asks(venue: str, what: str, asking: Asking[E], *, symbol: str = "", client_id: str = "") -> Asking[E | ReadFailed]:
    """The same asking, which returns ReadFailed where it would raise what a reader raises."""
    told: Told | None = None
    try:
        call = next(asking)
        while True:
            told = yield call
            call = asking.send(told)
    except StopIteration as done:
        event: E = done.value
        return event
    except (Unproven, ValueError, LookupError, TypeError, ArithmeticError) as fault:
        why = fault.why if isinstance(fault, Unproven) else f"an answer that cannot be read: {fault}"
        at_ns, raw = (told.at_ns, told.text) if told is not None else (0, "")
        return ReadFailed(at_ns=at_ns, raw=raw, venue=venue, what=what, why=why, symbol=symbol, client_id=client_id)


def listed_rules(path: str, weight: int, instruments: Callable[[bytes], Iterator[Instrument]]) -> Asking[Iterator[Rules]]:
    """The rules in one public list of instruments. What has no price step or no lot is passed over. Raises Unproven."""
    told = yield Request(path=path, weight=weight)
    if told.status != 200:
        raise Unproven(f"HTTP {told.status}")
    try:
        return _rules(instruments(told.body))
    except NO_JSON as fault:
        raise Unproven(f"an answer that cannot be read: {fault}") from None


def _rules(listed: Iterator[Instrument]) -> Iterator[Rules]:
    for each in listed:
        try:
            yield rules_of(each)
        except ValueError:
            continue


# -- the shape --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSpec:
    """How orders are given to a venue, and how what it says of them is read. None: the venue has no such thing.

    `new(order, rules)`, `test(order, rules)`: the call that places an order, that only asks whether it would be taken.
    `answered(order, rules, told)`: what came of a new order. `new_list(orders, rules)`, `answered_list(orders, rules, told)`: the same of
    orders of which the venue cancels the others when one is met. `cancel(target)`, `cancelled(target, rules, told)`: the same of a cancel;
    `query(target)`, `found(target, rules, told)`: of a question for one order.
    `cancel_all(symbol)`: everything of a symbol that rests in the book; `cancelled_all(told)`: "" when that was done, else why not.
    `open_orders(book, symbol)`: all that is open, the waiting ones too ("": of all symbols). `positions(book)`, `account(book)`.
    `trades(book, symbol, after, since_ns)`: the account's trades after the one with this id ("": no id), or since that time where the
    venue's ids have no order.
    `settings(book, symbol)`: leverage and kind of margin of a symbol, "": whether there are two positions a symbol. `set_leverage(symbol,
    times)`, `set_margin_type(symbol, kind)`; `was_set(told)`: "" when that is so now, else why not.
    `dead_man(symbol, seconds)`: cancel everything unless told again within so long, 0: no more.
    `rights(credentials)`: what the key may do. `price(book, symbol)`: a price near the market, of a public call.
    `rules()`: public calls, and the rules of all instruments, each read when its turn comes. `limits(book, symbol)`: those of one, with
    what only the account is told of them.
    `events(book, payload, at_ns)`: what a frame of the account's stream says.
    `listed_apart`: the open orders of up to so many symbols cost less of the venue's limits when they are read symbol by symbol.
    `rule_codes`: codes of refusals that mean that the rules are not as they were read.
    `line`: "METHOD path" of a call → the method of the venue's WebSocket API that does the same.
    """

    capabilities: Capabilities
    new: Callable[[OrderRequest, Rules], Request]
    test: Callable[[OrderRequest, Rules], Request]
    answered: Callable[[OrderRequest, Rules, Told], ExecutionEvent]
    cancel: Callable[[Target], Request]
    cancelled: Callable[[Target, Rules, Told], ExecutionEvent]
    query: Callable[[Target], Request]
    found: Callable[[Target, Rules, Told], tuple[ExecutionEvent, ...]]
    cancel_all: Callable[[str], Request]
    cancelled_all: Callable[[Told], str]
    open_orders: Callable[[RuleBook, str], Asking[OpenOrders | ReadFailed]]
    account: Callable[[RuleBook], Asking[AccountRead | ReadFailed]]
    trades: Callable[[RuleBook, str, str, int], Asking[TradesRead | ReadFailed]]
    rules: Callable[[], Asking[Iterator[Rules]]]
    rights: Callable[[Credentials], Asking[KeyRights]]
    price: Callable[[RuleBook, str], Asking[int]]
    events: Callable[[RuleBook, bytes, int], tuple[ExecutionEvent, ...]]
    new_list: Callable[[Sequence[OrderRequest], Rules], Request] | None = None
    answered_list: Callable[[Sequence[OrderRequest], Rules, Told], tuple[ExecutionEvent, ...]] | None = None
    limits: Callable[[RuleBook, str], Asking[Rules]] | None = None
    positions: Callable[[RuleBook], Asking[PositionsRead | ReadFailed]] | None = None
    settings: Callable[[RuleBook, str], Asking[ConfigUpdate | ReadFailed]] | None = None
    set_leverage: Callable[[str, int], Request] | None = None
    set_margin_type: Callable[[str, str], Request] | None = None
    was_set: Callable[[Told], str] | None = None
    dead_man: Callable[[str, float], Request] | None = None
    rule_codes: frozenset[str] = frozenset()
    listed_apart: int = 0
    line: Mapping[str, str] = field(default_factory=dict)
