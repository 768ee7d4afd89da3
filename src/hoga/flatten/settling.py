"""flatten.settling: how much is the trader's, and what became of single orders that count in it.

The journals prove a part. Orders of which they do not know how much was filled, or know less than was, and closing orders without an
answer, are asked for at the venue until it says; an order that it denies twice, a second apart and late enough, never was. A trader that
still writes proves more while the exit goes on (`renew`): what was asked for and then is written counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeVar

import msgspec

from hoga.audit.recovery import KnownOrder
from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import AlgoUpdate, NotFound, OrderKind, OrderState, OrderUpdate, PositionSide, ReadFailed, Rules, signed
from hoga.flatten.plan import Key, Leg
from hoga.flatten.port import Account
from hoga.flatten.report import Wanted
from hoga.venues.orders import Target

__all__ = ["Asked", "Settling", "all_of"]

T = TypeVar("T")

_TRADES_NS = 600 * SECOND_NS
_AT_ONCE = 10
_NAMED = 5
_MOST_UNTOLD = 100
"""Of orders whose end says nothing of what was filled, so many are asked for, the newest: the fills of older ones have long been listed."""
_WAITING = frozenset((OrderKind.STOP, OrderKind.TAKE, OrderKind.TRAIL))


async def all_of(doing: list[Awaitable[T]]) -> list[T]:
    """All of them, some at a time, in their order."""
    done: list[T] = []
    for at in range(0, len(doing), _AT_ONCE):
        done += await asyncio.gather(*doing[at : at + _AT_ONCE])
    return done


class Asked(msgspec.Struct, kw_only=True):
    """An order whose fills count, and of which it is not known yet how many there are. `counted`: filled, as far as anybody has said;
    `proven`: of that in the journals. `fees`: trade id → what it cost in the coin itself.

    `waits`: it was just read that it waits for its trigger; `harmless`: it can only make a position smaller; `guards`: it closes all of it.
    """

    target: Target
    key: Key
    side: Side
    counted: int
    proven: int
    since_ns: int
    denials: int = 0
    denied_ns: int = 0
    fees: dict[str, Decimal] = msgspec.field(default_factory=dict)
    over: bool = False
    waits: bool = False
    harmless: bool = False
    guards: bool = False


class Settling:
    """See the module. `own`: how much of each position is the trader's, as far as it is known; `asked`: the orders that are asked for."""

    def __init__(self, account: Account, wanted: Wanted) -> None:
        self.own: dict[Key, int] = {}
        self.asked: dict[str, Asked] = {}
        self._account = account
        self._wanted = wanted

    def begin(self) -> None:
        """The rules of the instruments are known: what do the journals prove?"""
        self._ask_for_known_orders()
        self._reckon()

    def renew(self, wanted: Wanted) -> None:
        """The journals prove this now."""
        self._wanted = wanted
        self.begin()

    def _rules(self, symbol: str) -> Rules:
        return self._account.book.of(symbol.partition(":")[2])

    def _reckon(self) -> None:
        """What is the trader's: what the journals prove, and what the venue has said beyond them."""
        own = {key: self._proven(key[0], held) for key, held in (self._wanted.own or {}).items()}
        for each in self.asked.values():
            fresh = signed(each.side, each.counted - each.proven) - self._fee_of(each)
            if fresh or each.key in own:
                own[each.key] = own.get(each.key, 0) + fresh
        self.own = own if self._account.has_positions else {key: max(0, held) for key, held in own.items()}

    def _proven(self, symbol: str, held: Decimal) -> int:
        """What is the trader's by the journals; a fee that was taken off the coins themselves is not there any more."""
        rules = self._rules(symbol)
        if not self._account.has_positions:
            held -= self._wanted.fees.get((symbol, rules.base), Decimal(0))
        return int(held.scaleb(-rules.size_power).to_integral_value(ROUND_FLOOR))

    def _fee_of(self, each: Asked) -> int:
        """What trades that no journal has yet have cost in the coin itself, in whole units, upwards."""
        symbol = each.target.symbol
        paid = sum((fee for trade, fee in each.fees.items() if (symbol, trade) not in self._wanted.trades), Decimal(0))
        return int(paid.scaleb(-self._rules(symbol).size_power).to_integral_value(ROUND_CEILING)) if paid else 0

    def _owed(self) -> list[KnownOrder]:
        """Orders that the journals leave open, or of which they know less than the venue has told or may have had to tell."""
        untold = [order for order in self._wanted.orders if order.is_untold and not order.is_owed]
        untold.sort(key=lambda order: order.t)
        return [order for order in self._wanted.orders if order.is_owed] + untold[-_MOST_UNTOLD:]

    def _ask_for_known_orders(self) -> None:
        """What became of the orders that are owed counts, and so does what is written now of those that were asked for."""
        for order in self._wanted.orders:
            known = self.asked.get(order.id)
            if known is not None:
                known.proven = self._in_todays(order.symbol, order.filled)
                known.over = known.over and self._in_todays(order.symbol, order.told) <= max(known.counted, known.proven)
                known.counted = max(known.counted, known.proven)
        for order in self._owed():
            if order.id in self.asked or self._is_of_this_exit(order.id):
                continue
            filled, waits = self._in_todays(order.symbol, order.filled), order.kind in _WAITING
            target = Target(symbol=order.symbol, client_id=order.id, venue_id=order.venue_id, waits=waits)
            if order.child_id:
                target = Target(symbol=order.symbol, client_id="", venue_id=order.child_id)
            self.asked[order.id] = Asked(
                target=target,
                key=(order.symbol, PositionSide(order.position_side)),
                side=Side.SELL if order.side == "S" else Side.BUY,
                counted=filled,
                proven=filled,
                since_ns=order.t,
                harmless=order.reduce_only,
                guards=order.closes,
            )

    def _is_of_this_exit(self, id: str) -> bool:
        """A trader that runs writes of the exit's orders, too. Those that count are asked for since they were sent."""
        return id.startswith(f"{self._wanted.trader}-x{self._wanted.run:x}-")

    def _in_todays(self, symbol: str, quantity: int) -> int:
        """A quantity of the journals, in the powers of today."""
        power = self._rules(symbol).size_power
        return int(Decimal(quantity).scaleb(self._wanted.size_powers.get(symbol, power) - power))

    async def settle(self) -> None:
        """Ask the venue for each order that is not known yet."""
        await all_of([self._settle_one(each) for each in self.asked.values() if not each.over])

    async def _settle_one(self, each: Asked) -> None:
        for event in await self._account.query(each.target):
            if isinstance(event, OrderUpdate) and event.filled is not None:
                each.denials = 0
                if await self._pay(each, event):
                    self.count(each, event.filled)
                    each.over = not event.state.is_open
            elif isinstance(event, AlgoUpdate):
                each.denials = 0
                each.over = not event.state.is_open
                each.waits = event.state is OrderState.WAITING
                if event.child_id:
                    child = Target(symbol=event.symbol, client_id="", venue_id=event.child_id)
                    each.target, each.over, each.waits = child, False, False
            elif isinstance(event, NotFound):
                self._deny(each, event.asked_ns)

    def _deny(self, each: Asked, asked_ns: int) -> None:
        """The venue denies it: twice, a second apart, and late enough after it was sent, that is proof."""
        after_s = self._account.capabilities.absence_after_s
        proves_ns = self._account.proves_ns(each.target.client_id)
        if each.denials == 0:
            each.denied_ns = asked_ns
        each.denials += 1
        waited = asked_ns >= (proves_ns if proves_ns is not None else each.since_ns + int((after_s or 0.0) * SECOND_NS))
        apart = asked_ns - each.denied_ns >= SECOND_NS
        each.over = after_s is None or (each.denials >= 2 and apart and waited)

    async def _pay(self, each: Asked, order: OrderUpdate) -> bool:
        """On spot a fee may be taken off what is bought; where the journals do not know of it, the trades tell. False: not yet."""
        if self._account.has_positions or each.side is Side.SELL or order.filled in (None, each.counted):
            return True
        read = await self._account.trades(order.symbol, each.since_ns - _TRADES_NS)
        if isinstance(read, ReadFailed):
            return False
        rules, fills = self._rules(order.symbol), [fill for fill in read.fills if fill.venue_id == order.venue_id]
        fresh = [fill for fill in fills if (order.symbol, fill.trade_id) not in self._wanted.trades]
        if each.proven + sum(fill.quantity for fill in fresh) < (order.filled or 0):
            return False
        each.fees |= {fill.trade_id: Decimal(fill.fee) for fill in fresh if fill.fee and fill.fee_currency == rules.base}
        return True

    def count(self, each: Asked, filled: int) -> None:
        """The venue says so much of it is filled."""
        each.counted = max(each.counted, filled)
        self._reckon()

    def unsettled(self, symbol: str = "") -> list[str]:
        return [id for id, each in self.asked.items() if not each.over and not each.harmless and symbol in ("", each.target.symbol)]

    def may_be_less(self, leg: Leg) -> bool:
        """Whether an order that is not known yet may have made smaller what is the trader's: more than the rest would be a stranger's."""
        open_ones = [each for each in self.asked.values() if not each.over and not each.waits]
        return any(each.key == leg.key and each.side is leg.closing_side for each in open_ones)

    def unsettled_text(self) -> str:
        ids = self.unsettled()
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        return f"the venue has not said yet what became of {', '.join(ids[:_NAMED])}{more}" if ids else ""
