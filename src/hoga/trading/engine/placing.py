"""trading.engine.placing: an order judged, recorded and sent, in that order; or denied with its reason; or cancelled. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide, base36, client_id_head
from hoga.trading import records
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Canceling, Heard, Order, Role, Status
from hoga.trading.ports import Cancel, Denial, Gate, Rung, Send, SendList
from hoga.trading.protect import Guard
from hoga.trading.risk import Code
from hoga.trading.rungs import Cause

__all__ = ["TOO_LITTLE", "Placing"]

_SENT = Heard.SENT
_TELL_NS = 60 * SECOND_NS
TOO_LITTLE = (Code.TOO_SMALL.value, Code.MIN_NOTIONAL.value)
"""Codes of what is too little to be an order: dust, mostly."""


class Placing:
    """`sent`: orders so far; `denied`: the code of the last denial, "": none yet. `guards`: of the positions."""

    def __init__(
        self, turn: Turn, roster: Roster, causes: Causes, gate: Gate, guards: Mapping[tuple[str, str, PositionSide], Guard]
    ) -> None:
        self.gate = gate
        self.sent = 0
        self.denied = ""
        self._turn = turn
        self._state = turn.state
        self._roster = roster
        self._causes = causes
        self._guards = guards
        self._number = 0
        self._id_heads: dict[int, str] = {}
        self._told: dict[tuple[str, str], list[int]] = {}

    def new_id(self, strategy: int) -> str:
        """A client id that was never used."""
        self._number += 1
        head = self._id_heads.get(strategy)
        if head is None:
            settings = self._turn.settings
            head = self._id_heads[strategy] = client_id_head(settings.trader, settings.boot, strategy)
        return head + base36(self._number)

    def place(self, request: OrderRequest, strategy: str, role: Role, why: str) -> Order | None:
        """Record, judge and send a new order; None where it was denied."""
        judged = self._judge(request, strategy, role)
        if isinstance(judged, Denial):
            self.deny(request, strategy, role, why, judged)
            return None
        order = self._intend(judged, strategy, role, why)
        out = self._turn.out
        out.append(Send(judged))
        out.append(records.sent(order))
        return order

    def place_list(self, requests: tuple[OrderRequest, ...], strategy: str, role: Role, why: str) -> list[Order]:
        """The same for orders of one list; where one is denied, none is sent."""
        judged = [self._judge(request, strategy, role) for request in requests]
        passed = [each for each in judged if not isinstance(each, Denial)]
        if len(passed) < len(judged):
            for request, each in zip(requests, judged, strict=True):
                self.deny(request, strategy, role, why, each if isinstance(each, Denial) else Denial(code="its-list"))
            return []
        orders = [self._intend(request, strategy, role, f"{why}: {request.kind}") for request in passed]
        self._turn.out.append(SendList(tuple(passed)))
        self._turn.out += [records.sent(order) for order in orders]
        return orders

    def _judge(self, request: OrderRequest, strategy: str, role: Role) -> OrderRequest | Denial:
        guard = self._guards.get((strategy, request.symbol, request.position_side))
        if guard is not None and guard.is_cleaning and role in (Role.TARGET, Role.ENTRY) and not request.reduce_only:
            return Denial(code="leftover-ends", found="ends of the last position are not read back as gone yet")
        state = self._state
        rung = state.rung
        try:
            if role is Role.EXIT and rung is Rung.HALTED:
                state.rung = Rung.REDUCING  # what guards a position may close it, too
            return self.gate.judge(request, state)
        except Exception as fault:  # noqa: BLE001  # a gate that fails lets nothing pass
            self._causes.fault(Cause.RISK_FAULT, f"{type(fault).__name__}: {fault}")
            return Denial(code="risk-fault", found=f"{type(fault).__name__}: {fault}")
        finally:
            state.rung = rung

    def _intend(self, judged: OrderRequest, strategy: str, role: Role, why: str) -> Order:
        """Its record, before its bytes."""
        orders, now = self._state.orders, self._state.now_ns
        order = Order(request=judged, strategy=strategy, role=role, why=why, asked_ns=now, sent_ns=now)
        orders.add(order)
        self._turn.out.append(records.intent(order, self._state.looks[order.symbol], self._turn.cause))
        orders.move(order, _SENT, now)
        self.sent += 1
        return order

    def order(
        self,
        number: int,
        key: str,
        symbol: str,
        side: Side,
        quantity: int,
        kind: OrderKind,
        price: int | None,
        force: Force,
        why: str,
        leg: PositionSide,
    ) -> str:
        """An order that a strategy asks for itself; returns its client id, "" where it was denied."""
        request = OrderRequest(
            client_id=self.new_id(number),
            symbol=symbol,
            side=side,
            kind=kind,
            quantity=quantity,
            price=price,
            force=force,
            position_side=leg,
        )
        order = self.place(request, key, Role.ENTRY, why)
        return "" if order is None else order.client_id

    def deny(self, request: OrderRequest, strategy: str, role: Role, why: str, denial: Denial) -> None:
        """An order that is not sent, with its reason."""
        now = self._state.now_ns
        order = Order(request=request, strategy=strategy, role=role, why=why, asked_ns=now)
        found, limit = denial.found and f"found {denial.found}", denial.limit and f"limit {denial.limit}"
        order.reason = " ".join(filter(None, (denial.code, found, limit)))
        order.status, order.ended_ns = Status.DENIED, now
        self.denied = denial.code
        self._turn.write(records.denied(order, denial, self._turn.cause))
        self._tell(strategy, order.reason, denial.code)
        instance = self._roster.by_key.get(strategy)
        if instance is not None:
            instance.denials += 1
            instance.told_of(order)

    def _tell(self, strategy: str, reason: str, code: str) -> None:
        """A line for people, of each strategy and code once a minute; those after it are counted, and told by `tell_counts`."""
        key, now = (strategy, code), self._state.now_ns
        told = self._told.get(key)
        if told is None:
            self._told[key] = [now, 0]
            self._turn.tell("info" if code in TOO_LITTLE else "warning", f"{strategy}: an order is denied: {reason}")
        else:
            told[1] += 1

    def tell_counts(self) -> None:
        """A minute after a denial was told: how many more of its code there were."""
        now = self._state.now_ns
        for (strategy, code), (at_ns, more) in list(self._told.items()):
            if now - at_ns >= _TELL_NS:
                del self._told[strategy, code]
                if more:
                    self._turn.tell("warning", f"{strategy}: {more} more orders were denied in a minute: {code}")

    def next_ns(self) -> int | None:
        """When that is looked at next; None: nothing was denied."""
        return min((at_ns + _TELL_NS for at_ns, _ in self._told.values()), default=None)

    def cancel(self, order: Order, *, why: str = "", wished: bool = False) -> None:
        """Cancel an order, unless that is under way. `wished`: by a strategy, and then the gate is asked."""
        if order.status.is_over or order.cancel is not Canceling.NONE or order.status is Status.INTENT:
            return
        denial = self.gate.judge_cancel(order.symbol, self._state) if wished else None
        if denial is not None:
            self._turn.write(records.cancel_denied(order, denial))
            return
        self._state.orders.cancel_asked(order, self._state.now_ns)
        self._turn.write(records.cancel(order, why))
        self._turn.out.append(
            Cancel(symbol=order.symbol, client_id=order.client_id, venue_id=order.child_id or order.venue_id, waits=order.waits)
        )

    def cancel_entries(self, why: str, *, only: str = "") -> None:
        """Cancel what is no end of a position; `only`: of one strategy."""
        for order in self._state.orders.working():
            if order.role is not Role.PROTECT and only in ("", order.strategy):
                self.cancel(order, why=why)
