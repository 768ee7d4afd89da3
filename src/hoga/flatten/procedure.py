"""flatten.procedure: the steps of the exit in their order, with their deadlines, until the verdict.

    0 freeze (before: `flatten.exiting`)   1 cancel   2 read   3 close   4 verify   5 verdict   6 again, while it is not flat

- 1, for 3 s, then on: own orders one by one, or all of a symbol; waiting ones one by one; orders of which nobody knows by their client
  id. Stops that close a position stay. Proven by the listing, read again.
- 2, three times a second each: what the trader has written since, then positions, or free coins, from the venue.
- 3, 2 s a round, six rounds: reduce-only market orders, each within the venue's bound. A refusal cancels what is left of the symbol; after
  two, limits stand in, farther away each time, and then market orders again. Proven by step 2.
- 4: two readings a second apart; then the stops that stayed are cancelled, and the listing is empty.
- 6: all of it again, every 5 s once half a minute is over; people are told each half minute; until it is flat, or somebody says stop.

An order without an answer counts as nothing: the next reading tells. Where that is not enough (what was bought on a spot market, a part of
a position), its own record at the venue is asked for, and nothing more is closed of it before that is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    ExecutionEvent,
    NotSent,
    OpenOrders,
    OrderAccepted,
    OrderRefused,
    OrderRequest,
    OrderUpdate,
    PositionsRead,
    ReadFailed,
    Rules,
    Unanswered,
)
from hoga.flatten.plan import (
    COLLARS_BP,
    Key,
    Leg,
    Proof,
    Scope,
    Verdict,
    cancels,
    closes,
    collar,
    is_dust,
    legs_of_balances,
    legs_of_positions,
    sliced,
    traded,
)
from hoga.flatten.port import Account
from hoga.flatten.report import ExitReport, LegReport, Wanted
from hoga.flatten.settling import Asked, Settling, all_of
from hoga.venues.orders import Target

__all__ = ["Exit"]


async def _nothing_new() -> Wanted | None:
    """Nobody writes beside the exit."""
    return None


_CANCEL_NS = 3 * SECOND_NS
_ROUNDS = 6
_TAKES = 5
_IMPATIENT_NS = 30 * SECOND_NS
_PAUSE_S = 0.2
_LATE_PAUSE_S = 5.0
_TELL_NS = 30 * SECOND_NS
_SHUT_OUT_NS = 10 * SECOND_NS
_AT_ONCE = 10
_NAMED = 5
_SETTLE_NS = 15 * SECOND_NS
"""A dry run waits so long for what became of single orders."""


class Exit:
    """One exit. `write(kind, fields)` puts a record into the journal; `tell(text)` a line before people; `stop()`: give up now.

    `again()`: what is to be left by what the trader has written since, None: it has written nothing.
    """

    def __init__(
        self,
        account: Account,
        wanted: Wanted,
        *,
        write: Callable[[str, dict[str, Any]], object] = lambda kind, fields: None,
        tell: Callable[[str], object] = lambda text: None,
        stop: Callable[[], bool] = lambda: False,
        again: Callable[[], Awaitable[Wanted | None]] = _nothing_new,
    ) -> None:
        self._account = account
        self._again = again
        self._wanted = wanted
        self._write = write
        self._tell = tell
        self._stop = stop
        self._clock = account.clock
        self._began_ns = 0
        self._orders = Settling(account, wanted)
        self._legs: dict[Key, LegReport] = {}
        self._quotes: dict[str, tuple[int, int] | None] = {}
        self._sent: dict[str, OrderRequest] = {}
        self._venue_ids: dict[str, str] = {}
        self._refusals: dict[Key, int] = {}
        self._parts: dict[Key, int] = {}
        self._held: list[Leg] = []
        self._dust: list[Leg] = []
        self._paid: dict[Key, tuple[int, int]] = {}
        self._ids = {each.id for each in wanted.orders}
        self._ordered: set[str] = set()
        self._looked: set[Key] = set()
        self._wholly: set[Key] = set()
        self._listed = False
        self._number = 0
        self._shut_out_ns: int | None = None
        self.report = ExitReport(
            verdict=Verdict.UNKNOWN, venue=account.venue, scope=wanted.scope, incident=wanted.incident, dry_run=wanted.dry_run
        )

    # -- the whole ------------------------------------------------------------------------------------------------

    async def run(self) -> ExitReport:
        """Carry it out, until it is flat or `stop()` says so."""
        self._began_ns = told_ns = self._clock.monotonic_ns()
        await asyncio.gather(self._account.measure(), self._learn())
        self._orders.begin()
        if self._wanted.dry_run:
            return await self._plan_only()
        proven = False
        while not proven and not self._stop():
            await self._cancel()
            if await self._close() and await self._verify():
                proven = True
                break
            now = self._clock.monotonic_ns()
            if self._is_shut_out(now):
                break
            if now - told_ns >= _TELL_NS:
                told_ns = now
                self._tell(f"NOT FLAT after {(now - self._began_ns) / SECOND_NS:.0f} s: {self._left_text()}")
            await self._clock.sleep(_PAUSE_S if now - self._began_ns < _IMPATIENT_NS else _LATE_PAUSE_S)
            if now - self._began_ns >= SECOND_NS:
                await self._account.measure()
        return await self._end(proven=proven)

    async def _learn(self) -> None:
        for _ in range(2):
            if await self._account.learn_rules():
                return
        self._tell("what orders may be at this venue cannot be read: positions are closed as they are told")

    def _is_shut_out(self, now: int) -> bool:
        """Whether the venue has said for ten seconds that these keys may do nothing: nobody is helped by going on."""
        if not self._account.shut_out:
            self._shut_out_ns = None
        elif self._shut_out_ns is None:
            self._shut_out_ns = now
        return self._shut_out_ns is not None and now - self._shut_out_ns >= _SHUT_OUT_NS

    async def _plan_only(self) -> ExitReport:
        """What would be done. Nothing is."""
        listing = await self._account.open_orders()
        read = await self._read()
        until_ns = self._began_ns + _SETTLE_NS
        while read is not None and self._orders.unsettled() and not self._stop() and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(_PAUSE_S)
            read = await self._read()
        if isinstance(listing, ReadFailed) or read is None:
            self.report.why = listing.why if isinstance(listing, ReadFailed) else "positions cannot be read"
            return self._finish(Verdict.UNKNOWN)
        found = self._cancels(listing, keep_stops=False)
        self.report.left = [each.client_id or each.venue_id for each in found.targets] + [f"all of {name}" for name in found.symbols]
        for leg in self._held:
            self._leg(leg).state = "planned"
        if self._held or not found.is_empty:
            return self._finish(Verdict.NOT_FLAT)
        if self._orders.unsettled():
            self.report.why = self._orders.unsettled_text()
            return self._finish(Verdict.UNKNOWN)
        return self._finish(Verdict.FLAT_WITH_DUST if self._dust else Verdict.FLAT)

    # -- 1 cancel -------------------------------------------------------------------------------------------------

    async def _cancel(self, *, keep_stops: bool = True) -> bool:
        """Cancel what is to be cancelled, and read it back; whether nothing is left that should not be."""
        until_ns, pause_s = self._clock.monotonic_ns() + _CANCEL_NS, _PAUSE_S / 2
        await self._cancel_unknown()
        whole = not self._listed or not keep_stops
        while True:
            listing = await self._listing(whole=whole)
            if not isinstance(listing, ReadFailed):
                whole, self._listed = False, True
                found = self._cancels(listing, keep_stops=keep_stops)
                self.report.left = [each.client_id or each.venue_id for each in found.targets] + [f"of {name}" for name in found.symbols]
                if found.is_empty:
                    return True
                self._step("cancel", orders=self.report.left)
                await all_of([self._cancel_one(each) for each in found.targets])
                await all_of([self._cancel_symbol(name) for name in found.symbols])
            if self._clock.monotonic_ns() >= until_ns or self._stop():
                return False
            await self._clock.sleep(pause_s)
            pause_s *= 2

    async def _listing(self, *, whole: bool) -> OpenOrders | ReadFailed:
        """All open orders; or those of the symbols that are known to matter, at a fraction of what it costs."""
        known = {symbol.partition(":")[2] for symbol, _ in (*self._orders.own, *self._legs)} | self._ordered | set(self._wanted.symbols)
        if whole or not known or len(known) > _AT_ONCE:
            listing = await self._account.open_orders()
            if isinstance(listing, OpenOrders):
                self._ordered |= {each.order.symbol.partition(":")[2] for each in listing.orders}
            return listing
        parts = await all_of([self._account.open_orders(name) for name in sorted(known)])
        failed = next((each for each in parts if isinstance(each, ReadFailed)), None)
        if failed is not None:
            return failed
        orders = tuple(order for each in parts if isinstance(each, OpenOrders) for order in each.orders)
        return OpenOrders(at_ns=parts[-1].at_ns, venue=self._account.venue, symbol="", asked_ns=self._clock.time_ns(), orders=orders)

    def _cancels(self, listing: OpenOrders, *, keep_stops: bool) -> Any:
        def keep(key: Key) -> bool:
            return keep_stops and self._refusals.get(key, 0) < 2

        by_symbol = self._account.capabilities.cancels_by_symbol
        return cancels(listing, scope=self._wanted.scope, is_ours=self._is_ours, by_symbol=by_symbol, keep=keep)

    def _is_ours(self, client_id: str) -> bool:
        return client_id.startswith(f"{self._wanted.trader}-") or client_id in self._ids

    async def _cancel_one(self, target: Target) -> None:
        event = await self._account.cancel(target)
        if not isinstance(event, (Unanswered, OrderRefused)):
            self.report.cancelled += 1
        self._write(
            "order.cancel", {"id": target.client_id, "sym": target.symbol, "asked": True, "came": type(event).__name__, "raw": event.raw}
        )

    async def _cancel_symbol(self, name: str) -> None:
        why = await self._account.cancel_all(name)
        self.report.cancelled += not why
        self._write("order.cancel", {"sym": f"{self._account.venue}:{name}", "all": True, "why": why})

    async def _cancel_unknown(self) -> None:
        """Orders of which nobody knows, and which a listing may not show yet: by their client ids."""
        asked = [each for each in self._orders.asked.values() if not each.over and not each.guards and each.denials < 2]
        await all_of([self._account.cancel(each.target) for each in asked])

    # -- 2 read ---------------------------------------------------------------------------------------------------

    async def _read(self) -> int | None:
        """What there is, from the venue, into `_held` and `_dust`; when it was asked for, None when it could not be read."""
        await self._renew()
        await self._orders.settle()
        read = await (self._account.positions() if self._account.has_positions else self._account.balances())
        if isinstance(read, ReadFailed):
            self.report.why = f"{read.what} cannot be read: {read.why}"
            return None
        self.report.why = ""
        if isinstance(read, PositionsRead):
            self._look_whose(read)
            legs = legs_of_positions(read, whole=self._is_whole, own=self._orders.own)
            self._name_strangers(read, legs)
        else:
            own = None if self._wanted.scope is Scope.ACCOUNT else self._orders.own
            legs = legs_of_balances(read.balances, self._account.book, self._sold_at(), own=own)
        self._held, self._dust = [], []
        for leg in legs:
            (self._dust if await self._is_dust(leg) else self._held).append(leg)
            self._leg(leg)
        self._take_down(legs)
        return read.asked_ns

    async def _renew(self) -> None:
        """A trader that was frozen in the middle of its work writes on: the last fills, an order that was on its way."""
        wanted = await self._again()
        if wanted is not None:
            self._wanted = wanted
            self._ids |= {each.id for each in wanted.orders}
            self._orders.renew(wanted)

    def _look_whose(self, read: PositionsRead) -> None:
        """A position that was not larger than the trader's own when it was read first is the trader's: its orders need no counting."""
        for held in read.positions:
            key = (held.symbol, held.position_side)
            if key in self._looked:
                continue
            self._looked.add(key)
            leg = Leg(symbol=held.symbol, side=held.position_side, held=held.quantity, ours=held.quantity)
            own = self._orders.own.get(key, 0)
            if own * held.quantity > 0 and abs(own) >= abs(held.quantity) and not self._orders.may_be_less(leg):
                self._wholly.add(key)

    def _name_strangers(self, read: PositionsRead, legs: Iterable[Leg]) -> None:
        """What is not the trader's stays, and is told; but not while an order of its own may have made it."""
        ours = {leg.key: leg.ours for leg in legs}
        asked = {each.key for each in self._orders.asked.values() if not each.over and not each.waits}
        self.report.strangers = [
            f"{self._text(held.symbol, held.quantity - ours.get((held.symbol, held.position_side), 0))} {held.symbol}"
            for held in read.positions
            if held.quantity != ours.get((held.symbol, held.position_side), 0) and (held.symbol, held.position_side) not in asked
        ]

    def _is_whole(self, key: Key) -> bool:
        if self._wanted.scope is Scope.ACCOUNT or key in self._wholly:
            return True
        all_of_it = self._wanted.own is None or not self._wanted.is_proven
        return all_of_it and key[0].partition(":")[2] in self._wanted.symbols

    def _sold_at(self) -> Iterable[str]:
        """Where coins may be sold, the likeliest first."""
        named = [*(symbol.partition(":")[2] for symbol, _ in self._orders.own), *self._wanted.symbols]
        if self._wanted.scope is Scope.OWN:
            return dict.fromkeys(named)
        book = self._account.book
        quotes = {book.of(name).quote for name in named}
        return dict.fromkeys([*named, *(name for name in book.names() if book.of(name).quote in quotes)])

    async def _is_dust(self, leg: Leg) -> bool:
        rules = self._rules(leg.symbol)
        price = None
        if not self._account.has_positions:
            quote = await self._quote(leg.symbol)
            last = self._wanted.prices.get(leg.symbol)
            price = quote[0] if quote is not None else None if last is None else int(last.scaleb(-rules.price_power))
        return is_dust(leg, rules, price=price, exempt=self._account.has_positions)

    async def _quote(self, symbol: str) -> tuple[int, int] | None:
        """The best bid and ask as they were when it began."""
        if self._quotes.get(symbol) is None:
            self._quotes[symbol] = await self._account.quote(symbol)
        return self._quotes[symbol]

    def _leg(self, leg: Leg) -> LegReport:
        report = self._legs.get(leg.key)
        if report is None:
            text = self._text(leg.symbol, leg.ours)
            report = self._legs[leg.key] = LegReport(symbol=leg.symbol, side=leg.side.value, before=text, after=text)
            self.report.legs.append(report)
            rules = self._rules(leg.symbol)
            self._write("config", {"sym": leg.symbol, "pp": rules.price_power, "sp": rules.size_power})
        return report

    def _take_down(self, legs: Iterable[Leg]) -> None:
        now = {leg.key: leg.ours for leg in legs}
        dust = {leg.key for leg in self._dust}
        for key, report in self._legs.items():
            report.after = self._text(key[0], now.get(key, 0))
            report.state = "dust" if key in dust else "open" if key in now else "flat"

    def _rules(self, symbol: str) -> Rules:
        return self._account.book.of(symbol.partition(":")[2])

    def _text(self, symbol: str, quantity: int) -> str:
        return self._rules(symbol).quantity_text(quantity)

    # -- 3 close --------------------------------------------------------------------------------------------------

    async def _close(self) -> bool:
        """Close what there is, round after round; whether a reading found nothing left."""
        for _ in range(_ROUNDS):
            if self._stop() or await self._read() is None:
                return False
            if not self._held:
                return True
            if not self.report.rounds:
                await all_of([self._quote(symbol) for symbol in {leg.symbol for leg in self._held}])
            self.report.rounds += 1
            self._step("close", legs=[[leg.symbol, leg.side.value, leg.ours] for leg in self._held])
            refusals = await all_of([self._close_leg(leg) for leg in self._held])
            refused = [leg for leg, said in zip(self._held, refusals, strict=True) if said]
            if refused:
                await self._cancel()
        return False

    async def _close_leg(self, leg: Leg) -> bool:
        """Send what closes a leg; whether the venue refused."""
        counts = not self._account.has_positions or not self._is_whole(leg.key)
        if counts and self._orders.may_be_less(leg):
            self._leg(leg).why = "it is not known yet what became of an order that makes it smaller"
            await self._clock.sleep(_PAUSE_S)
            return False
        rules = self._rules(leg.symbol)
        reduce_only = self._account.capabilities.reduce_only
        most, limit = self._parts.get(leg.key), await self._stand_in(leg)
        orders = closes(leg, rules, next_id=self._next_id, reduce_only=reduce_only, most=most, limit=limit)
        events = await all_of([self._send(each, counts=counts) for each in orders])
        report = self._leg(leg)
        report.orders += len(orders)
        refusals = [event for event in events if isinstance(event, (OrderRefused, NotSent))]
        if not refusals:
            return False
        report.why = f"{refusals[0].code}: {refusals[0].text}"
        if isinstance(refusals[0], OrderRefused):
            self._refusals[leg.key] = self._refusals.get(leg.key, 0) + 1
            if not self._account.has_positions:
                part = sliced(max(order.quantity or 0 for order in orders), rules)
                self._parts[leg.key] = part
                if not part:
                    del self._parts[leg.key]
        return True

    async def _stand_in(self, leg: Leg) -> int | None:
        """After refusals of market orders, the price of a limit that stands in for one; None: a market order."""
        turn = self._refusals.get(leg.key, 0) - 2
        if not self._account.has_positions or not 0 <= turn < len(COLLARS_BP):
            return None
        quote = await self._account.quote(leg.symbol)
        if quote is None:
            return None
        return collar(leg.closing_side, (quote[0] + quote[1]) // 2, self._rules(leg.symbol), turn)

    async def _send(self, order: OrderRequest, *, counts: bool) -> ExecutionEvent:
        side = "S" if order.side is Side.SELL else "B"
        fields = {"id": order.client_id, "sym": order.symbol, "side": side, "q": order.quantity, "p": order.price, "type": order.kind.value}
        fields |= {"ro": order.reduce_only, "ps": order.position_side.value, "st": "flatten", "why": f"flatten {self._wanted.incident}"}
        self._write("order.intent", fields)
        self._sent[order.client_id] = order
        self.report.orders += 1
        if counts:
            self._orders.asked[order.client_id] = asked = Asked(
                target=Target(symbol=order.symbol, client_id=order.client_id),
                key=(order.symbol, order.position_side),
                side=order.side,
                counted=0,
                proven=0,
                since_ns=self._clock.time_ns(),
            )
        event = await self._account.send(order)
        self._hear(order, event)
        if counts and isinstance(event, (OrderRefused, NotSent)):
            asked.over = True
        if counts and isinstance(event, OrderAccepted) and event.order is not None and event.order.filled is not None:
            self._orders.count(asked, event.order.filled)
            asked.over = not event.order.state.is_open
        return event

    def _hear(self, order: OrderRequest, event: ExecutionEvent) -> None:
        fields: dict[str, Any] = {"id": order.client_id, "sym": order.symbol, "raw": event.raw}
        if isinstance(event, OrderAccepted):
            venue_id = event.order.venue_id if event.order is not None else ""
            self._venue_ids[venue_id] = order.client_id
            filled = event.order.filled if event.order is not None else None
            self._write("order.ack", {**fields, "oid": venue_id, "filled": filled})
        elif isinstance(event, (OrderRefused, NotSent)):
            self._write("order.reject", {**fields, "code": event.code, "why": event.text})
        elif isinstance(event, Unanswered):
            self._write("order.unknown", {**fields, "why": event.why})

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._wanted.trader}-x{self._wanted.run:x}-{self._number}"

    # -- 4 verify -------------------------------------------------------------------------------------------------

    async def _verify(self) -> bool:
        """Whether two readings in a row find nothing, no own order rests, and none may still come."""
        proof = Proof()
        while not self._stop():
            asked_ns = await self._read()
            if asked_ns is None:
                return False
            proof.read(asked_ns, flat=not self._held and not self._orders.unsettled())
            if self._held:
                return False
            if proof.is_flat:
                break
            if self._orders.unsettled() and self._clock.monotonic_ns() - self._began_ns > 4 * _IMPATIENT_NS:
                return False
            await self._clock.sleep(max(proof.wait_ns(self._clock.time_ns()) / SECOND_NS, _PAUSE_S) + 0.001)
        self._step("verify", flat=proof.is_flat)
        return proof.is_flat and await self._cancel(keep_stops=False) and await self._read() is not None and not self._held

    # -- 5 verdict ------------------------------------------------------------------------------------------------

    async def _end(self, *, proven: bool) -> ExitReport:
        if self._sent:
            await self._take_trades()
        if proven:
            return self._finish(Verdict.FLAT_WITH_DUST if self._dust else Verdict.FLAT)
        if self._account.shut_out:
            self.report.why = f"the venue does not let these keys in: {self._account.shut_out}"
        self.report.why = self.report.why or self._orders.unsettled_text()
        nobody_knows = bool(self.report.why) or (not self._held and not self.report.left)
        return self._finish(Verdict.UNKNOWN if nobody_knows else Verdict.NOT_FLAT)

    async def _take_trades(self) -> None:
        """The trades of the closing orders: into the journal, and into what is told of each leg."""
        since_ns = self._clock.time_ns() - (self._clock.monotonic_ns() - self._began_ns) - 60 * SECOND_NS
        named = {client_id for venue_id, client_id in self._venue_ids.items() if venue_id}
        nameless = [order for order in self._sent.values() if order.client_id not in named]
        for turn in range(_TAKES):
            if not nameless:
                break
            if turn:
                await self._clock.sleep(_PAUSE_S)
            learnt = await all_of([self._learn_id(order) for order in nameless])
            nameless = [order for order, known in zip(nameless, learnt, strict=True) if not known]
        for symbol in {order.symbol for order in self._sent.values()}:
            read = await self._account.trades(symbol, since_ns)
            for _ in range(_TAKES):
                if not isinstance(read, ReadFailed):
                    break
                await self._clock.sleep(_PAUSE_S)
                read = await self._account.trades(symbol, since_ns)
            if isinstance(read, ReadFailed):
                self._step("trades", sym=symbol, unread=read.why)
                continue
            for fill in read.fills:
                client_id = fill.client_id if fill.client_id in self._sent else self._venue_ids.get(fill.venue_id, "")
                order = self._sent.get(client_id)
                if order is None:
                    continue
                side = "S" if fill.side is Side.SELL else "B"
                fields = {"id": client_id, "sym": symbol, "tid": fill.trade_id, "side": side, "q": fill.quantity, "p": fill.price}
                more = {"ps": fill.position_side.value, "oid": fill.venue_id, "fee": fill.fee, "fee_in": fill.fee_currency}
                self._write("emergency.trade", {**fields, **more})
                self._reckon(order, fill.quantity, fill.price)
        for key, (quantity, paid) in self._paid.items():
            self._price_leg(key, quantity, paid)

    async def _learn_id(self, order: OrderRequest) -> bool:
        """An order whose answer was lost: listings of trades name it by the venue's id only. False: the venue did not say."""
        events = await self._account.query(Target(symbol=order.symbol, client_id=order.client_id))
        for event in events:
            if isinstance(event, OrderUpdate) and event.venue_id:
                self._venue_ids[event.venue_id] = order.client_id
        return not any(isinstance(event, ReadFailed) for event in events)

    def _reckon(self, order: OrderRequest, quantity: int, price: int) -> None:
        key = (order.symbol, order.position_side)
        before = self._paid.get(key, (0, 0))
        self._paid[key] = (before[0] + traded(order, quantity), before[1] + traded(order, quantity) * price)

    def _price_leg(self, key: Key, quantity: int, paid: int) -> None:
        report, rules = self._legs.get(key), self._rules(key[0])
        if report is None or not quantity:
            return
        average = paid // quantity
        report.closed, report.average = rules.quantity_text(quantity), rules.price_text(average)
        quote = self._quotes.get(key[0])
        if quote is not None:
            middle = (quote[0] + quote[1]) // 2
            worse = middle - average if quantity < 0 else average - middle
            report.slippage_bp = worse * 10_000 // middle if middle else None

    def _finish(self, verdict: Verdict) -> ExitReport:
        report = self.report
        report.verdict = verdict
        report.unknown = self._orders.unsettled()
        report.retries = self._account.retries
        report.seconds = round((self._clock.monotonic_ns() - self._began_ns) / SECOND_NS, 3)
        return report

    def _left_text(self) -> str:
        legs = ", ".join(f"{self._text(leg.symbol, leg.ours)} {leg.symbol}" for leg in self._held) or "no position"
        orders = f"orders {', '.join(self.report.left[:_NAMED])}" if self.report.left else ""
        parts = [legs, orders, self._orders.unsettled_text(), self.report.why]
        return "; ".join(filter(None, parts))

    def _step(self, step: str, **fields: object) -> None:
        self._write("emergency.step", {"incident": self._wanted.incident, "step": step, **fields})
