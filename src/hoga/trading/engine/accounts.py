"""trading.engine.accounts: the account's own words: positions, balances, settings, rules, margin, its stream. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hoga.core.trading import (
    BalanceUpdate,
    ConfigUpdate,
    Cut,
    MarginCall,
    PositionUpdate,
    RulesUpdate,
    StreamUpdate,
    Unread,
    counted_in,
    steps_text,
)
from hoga.trading import records
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.hearing import Hearing
from hoga.trading.engine.modes import mode_doubt
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.ports import Write
from hoga.trading.rungs import Cause
from hoga.trading.state import venue_of

__all__ = ["Accounts"]


class Accounts:
    """`ready`: an account may be what a start waited for."""

    def __init__(self, turn: Turn, causes: Causes, asking: Asking, hearing: Hearing, ready: Callable[[], None]) -> None:
        self._turn = turn
        self._state = turn.state
        self._causes = causes
        self._asking = asking
        self._hearing = hearing
        self._ready = ready

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {
            PositionUpdate: self._on_position,
            BalanceUpdate: self._on_balances,
            ConfigUpdate: self._on_config,
            RulesUpdate: self._on_rules,
            MarginCall: self._on_margin_call,
            Unread: self._on_unread,
            StreamUpdate: self._on_stream,
            Cut: self._on_cut,
        }

    def _on_position(self, event: PositionUpdate) -> None:
        held = event.held
        self._hearing.proof(held.symbol)
        self._state.accounts[venue_of(held.symbol)].held[held.symbol, held.position_side] = held
        self._state.renew()
        if held.symbol in self._state.rules_of:
            self._state.reckon(held.symbol)

    def _on_balances(self, event: BalanceUpdate) -> None:
        accounts = self._state.accounts
        whose = event.venue or (next(iter(accounts)) if len(accounts) == 1 else "")
        if whose in accounts:
            accounts[whose].balances.update({each.currency: each for each in event.balances})
        self._state.renew()
        self._turn.write(records.balances(event.balances, venue=whose, changed=True))

    def _on_config(self, event: ConfigUpdate) -> None:
        limits = self._turn.settings.limits.get(event.symbol)
        off = []
        if limits is not None:
            if event.leverage is not None and limits.leverage is not None and event.leverage != limits.leverage:
                off.append(f"leverage is {event.leverage}, LEVERAGE says {limits.leverage}")
            if event.margin_type is not None and limits.margin_type and event.margin_type.lower() != limits.margin_type.lower():
                off.append(f"margin type is {event.margin_type}, MARGIN_TYPE says {limits.margin_type}")
        if event.hedge is not None and (venues := {venue_of(event.symbol)} if event.symbol else set(self._state.accounts)):
            off += filter(None, (mode_doubt(venue, event.hedge, self._turn.settings.limits) for venue in sorted(venues)))
        fields = {"sym": event.symbol, "leverage": event.leverage, "margin": event.margin_type, "off": off}
        self._turn.write(Write("leverage", fields))
        for account in self._state.accounts.values():
            account.doubts[event.symbol] = "; ".join(off)
        self._state.renew()
        if off:
            self._causes.begin(Cause.SETTINGS, subject=event.symbol, detail="; ".join(off))
        else:
            self._causes.end(Cause.SETTINGS, subject=event.symbol)

    def _on_rules(self, event: RulesUpdate) -> None:
        symbol = event.rules.symbol
        known = self._state.rules_of.get(symbol)
        if known is None:
            return
        rules = counted_in(event.rules, known.price_power, known.size_power)
        if rules is None:
            self._turn.tell("error", f"{symbol} has finer steps now than can be counted; nothing is opened there until the next start")
            self._causes.begin(Cause.SETTINGS, subject=symbol, detail="the steps of prices or quantities changed")
            return
        if rules == known:
            return
        self._state.rules_of[symbol] = rules
        self._turn.write(Write("config", {**records.config(rules).fields, "rules": msgspec.to_builtins(rules)}))
        steps = steps_text(known, rules)
        self._turn.tell("warning", f"{symbol}: the venue changed its rules{': ' if steps else ''}{steps}; orders keep to them from now on")

    def _on_margin_call(self, event: MarginCall) -> None:
        self._causes.begin(Cause.MARGIN_CALL, subject=event.venue, detail=", ".join(each.symbol for each in event.positions))

    def _on_unread(self, event: Unread) -> None:
        fields = {"venue": event.venue, "why": event.why, "id": event.client_id, "raw": event.raw}
        self._turn.write(Write("recon.unread", fields))
        order = self._hearing.own(event.symbol, event.client_id)
        if order is not None and not order.status.is_over:
            self._hearing.strange(order, event)
            self._asking.order(order)
        self._asking.reconcile(event.venue, f"an event could not be read: {event.why}")

    def _on_stream(self, event: StreamUpdate) -> None:
        account = self._state.accounts[event.venue]
        was, account.live = account.live, event.live
        if event.live:
            account.proof_ns = self._state.now_ns
            self._causes.end(Cause.STREAM_DOWN, subject=event.venue)
            self._causes.end(Cause.STREAM_DEAD, subject=event.venue)
            self._ready()
            if event.missed or not was:
                self._asking.reconcile(event.venue, event.why or "the account's stream is live")
        else:
            self._causes.begin(Cause.STREAM_DOWN, subject=event.venue, detail=event.why)
        if was is not event.live or event.missed:
            fields = {"venue": event.venue, "live": event.live, "missed": event.missed, "why": event.why}
            self._turn.write(Write("recon.stream", fields))

    def _on_cut(self, event: Cut) -> None:
        self._turn.write(Write("recon.line", {"venue": event.venue, "open": event.open, "why": event.why}))
