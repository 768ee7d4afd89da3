"""trading.engine.guarding: the ends that protect a strategy's position: asked for what is missing, and done. Pure."""

from __future__ import annotations

import msgspec

from hoga.core.market import Side
from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide, signed
from hoga.trading import records
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.placing import TOO_LITTLE, Placing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Order, Role
from hoga.trading.ports import Look, Rung
from hoga.trading.protect import Close, Doubt, Drop, Guard, Keeping, Place, Seen, Settled, keeping_of
from hoga.trading.state import venue_of

__all__ = ["Guarding", "Key"]

Key = tuple[str, str, PositionSide]
"""A strategy, a symbol, and which of its positions."""
_PARTLY = {PositionSide.LONG: "the long ", PositionSide.SHORT: "the short ", PositionSide.BOTH: ""}


class Guarding:
    """`guards`: one for each position that a strategy wants protected."""

    def __init__(self, turn: Turn, timers: Timers, roster: Roster, causes: Causes, placing: Placing, guards: dict[Key, Guard]) -> None:
        self.guards = guards
        self._turn = turn
        self._timers = timers
        self._roster = roster
        self._causes = causes
        self._placing = placing
        self._keys: list[Key] = []
        self._keys_of: dict[str, list[Key]] = {symbol: [] for symbol in turn.state.rules_of}

    def begin(self) -> None:
        """Make the guards that the strategies asked for."""
        for each in self._roster.instances:
            wanted = each.setup.protections
            for symbol in dict.fromkeys(symbol for symbol, _ in wanted):
                lists = self._turn.state.capabilities(symbol).order_lists
                for leg in self._turn.state.legs(symbol):
                    protection = wanted.get((symbol, leg)) or wanted.get((symbol, PositionSide.BOTH))
                    if protection is not None:
                        key = (each.key, symbol, leg)
                        self.guards[key] = Guard(symbol, protection, self._keeping(symbol), lists=lists)
                        self._keys.append(key)
                        self._keys_of[symbol].append(key)

    def _keeping(self, symbol: str) -> Keeping:
        alone = sum(1 for _ in self._roster.of(symbol)) == 1
        return keeping_of(self._turn.state.capabilities(symbol), alone=alone)

    def tell(self) -> None:
        """Say where the ends of each position will rest."""
        for (strategy, symbol, leg), guard in self.guards.items():
            if guard.keeping is Keeping.WATCHED:
                text = f"{symbol}: this venue keeps no stops; while the trader lives it watches for {strategy}, and sells itself"
                self._turn.tell("warning", text)
            else:
                self._turn.tell("info", f"{symbol}: {_PARTLY[leg]}positions of {strategy} are guarded at the venue ({guard.keeping})")

    def has_guards(self, symbol: str) -> bool:
        """Whether a strategy wants its positions of a symbol protected."""
        return bool(self._keys_of[symbol])

    def is_watching(self, symbol: str) -> bool:
        """Whether a price could matter to one of them."""
        return any(self.guards[key].is_holding for key in self._keys_of[symbol])

    @property
    def is_calm(self) -> bool:
        """Whether none of them has anything to guard, or something left of what it guarded."""
        return all(guard.is_calm for guard in self.guards.values())

    def saw(self, symbol: str, look: Look) -> None:
        """The market of a symbol moved."""
        for key in self._keys_of[symbol]:
            if self.guards[key].saw(look):
                self.look_after(key)

    def is_due(self, number: int) -> None:
        """The moment of a guard has come."""
        self.look_after(self._keys[number])

    def look_after_all(self) -> None:
        """All of them."""
        for key in self._keys:
            self.look_after(key)

    @property
    def is_naked(self) -> bool:
        """Whether a position has no stop that it should have."""
        return any(guard.naked_ns for guard in self.guards.values())

    def look_after(self, key: Key) -> None:
        """Ask a guard what is missing, and do it."""
        state, guard, symbol = self._turn.state, self.guards[key], key[1]
        if not state.accounts[venue_of(symbol)].reconciled or state.rung is Rung.FLATTEN or self._roster.ended:
            return
        for ask in guard.decide(self._seen(key)):
            match ask:
                case Place():
                    self._place_ends(key, ask)
                case Drop():
                    self._placing.cancel(ask.order, why=ask.why)
                case Close():
                    self._close_position(key, ask)
                case Doubt():
                    self._causes.begin(ask.cause, subject=symbol, detail=ask.detail)
                case Settled():
                    self._causes.end(ask.cause, subject=symbol)
        deadline = guard.deadline_ns(state.now_ns)
        if deadline is not None:
            self._timers.arm("guard", self._keys.index(key), deadline)

    def _seen(self, key: Key) -> Seen:
        state, (strategy, symbol, leg) = self._turn.state, key
        share = state.portfolio.shares.get((strategy, symbol, leg))
        whole = state.position(symbol, leg)
        held = share.quantity if share is not None else 0
        held = max(0, min(held, whole)) if held > 0 else min(0, max(held, whole))  # what others hold against it needs no guard
        working = [each for each in state.orders.working(symbol) if each.request.position_side is leg]
        return Seen(
            now_ns=state.now_ns,
            rules=state.rules_of[symbol],
            position=held,
            entry=abs(share.cost // share.quantity) if share is not None and held else 0,
            look=state.looks[symbol],
            orders=self._ends_of(key),
            exiting=any(each.role is Role.EXIT and each.strategy == strategy for each in working),
            entering=any(each.role in (Role.TARGET, Role.ENTRY) and signed(each.request.side, 1) * held > 0 for each in working),
        )

    def _ends_of(self, key: Key) -> list[Order]:
        """The protective orders of a strategy's position that are or may be at the venue."""
        strategy, symbol, leg = key
        working = self._turn.state.orders.working(symbol)
        return [each for each in working if each.role is Role.PROTECT and each.strategy == strategy and each.request.position_side is leg]

    def _place_ends(self, key: Key, ask: Place) -> None:
        strategy, number = key[0], self._roster.number_of(key[0])
        ids = [self._placing.new_id(number) for _ in ask.requests]
        requests = tuple(
            msgspec.structs.replace(request, client_id=name, position_side=key[2], list_id=f"{ids[0]}-l" if request.list_id else "")
            for request, name in zip(ask.requests, ids, strict=True)
        )
        if len(requests) > 1:
            orders = self._placing.place_list(requests, strategy, Role.PROTECT, "protect")
        else:
            order = self._placing.place(requests[0], strategy, Role.PROTECT, f"protect: {requests[0].kind}")
            orders = [] if order is None else [order]
        for order in orders:
            self._turn.write(records.protect(order, ask.what, moved_from=ask.moved_from))
        if not orders:
            self.guards[key].not_placed(self._turn.state.now_ns)

    def _close_position(self, key: Key, ask: Close) -> None:
        strategy, symbol, leg = key
        able = self._turn.state.capabilities(symbol)
        request = OrderRequest(
            client_id=self._placing.new_id(self._roster.number_of(strategy)),
            symbol=symbol,
            side=ask.side,
            kind=OrderKind.MARKET,
            quantity=ask.quantity,
            force=Force.IOC,
            reduce_only=able.reduce_only,
            position_side=leg,
        )
        if self._placing.place(request, strategy, Role.EXIT, f"protect: {ask.why}") is None and self._placing.denied in TOO_LITTLE:
            self.guards[key].too_little(ask.quantity, self._turn.state.now_ns)

    def end_refused(self, order: Order, *, by_venue: bool) -> None:
        """One of a position's ends was not taken."""
        key = (order.strategy, order.symbol, order.request.position_side)
        guard = self.guards.get(key) if order.role is Role.PROTECT else None
        if guard is None:
            return
        if by_venue and order.request.kind is OrderKind.STOP:
            guard.refused(self._turn.state.now_ns)
        else:
            guard.not_placed(self._turn.state.now_ns)

    def makes_room(self, key: Key, side: Side, reduce_only: bool) -> bool:
        """Whether ends that hold what is to be sold have to go first, where the venue locks it in them."""
        if reduce_only or side is Side.BUY or key not in self.guards:
            return False
        if not self._ends_of(key):
            return False
        self.guards[key].make_room(self._turn.state.now_ns)
        self.look_after(key)
        return True
