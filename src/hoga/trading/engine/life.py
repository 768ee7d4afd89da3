"""trading.engine.life: a trader's life: the commands, the start when everything agrees, the stop, a strategy that fell. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hoga.core.times import SECOND_NS
from hoga.core.trading import FillUpdate
from hoga.trading import records
from hoga.trading.engine.asking import Asking
from hoga.trading.engine.candles import Candles
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.counting import Counting
from hoga.trading.engine.guarding import Guarding
from hoga.trading.engine.instance import Instance
from hoga.trading.engine.placing import Placing
from hoga.trading.engine.pursuing import Pursuing
from hoga.trading.engine.roster import Roster
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.orders import Role
from hoga.trading.ports import Command, CommandKind, Done, Write
from hoga.trading.rungs import Cause, is_told
from hoga.trading.sampling import Sampler

__all__ = ["Life"]

_STOP_NS = 3 * SECOND_NS
_STREAM_NS = 2 * SECOND_NS
"""So long the account's stream is waited for before the account is read without it."""


class Life:
    """`found_fills`: what exits traded between two lives; counted at the start. `stopping_ns`: since when it stops, 0: it does not."""

    def __init__(
        self,
        turn: Turn,
        timers: Timers,
        roster: Roster,
        causes: Causes,
        asking: Asking,
        placing: Placing,
        candles: Candles,
        guarding: Guarding,
        pursuing: Pursuing,
        counting: Counting,
        sampler: Sampler,
    ) -> None:
        self.found_fills: list[FillUpdate] = []
        self.stopping_ns = 0
        self._turn = turn
        self._state = turn.state
        self._timers = timers
        self._roster = roster
        self._causes = causes
        self._asking = asking
        self._placing = placing
        self._candles = candles
        self._guarding = guarding
        self._pursuing = pursuing
        self._counting = counting
        self._sampler = sampler
        self._opening = [records.config(rules) for rules in turn.state.rules_of.values()]

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {Command: self._on_command}

    def _on_command(self, event: Command) -> None:
        self._turn.out += self._opening
        self._opening = []
        self._turn.write(Write("cmd", {"what": event.kind.value, "who": event.who, "text": event.text}))
        if event.kind is CommandKind.START:
            self._start(event.at_ns)
        elif event.kind is CommandKind.STOP:
            self._stop(event)
        elif event.kind is CommandKind.FREEZE:
            self._causes.begin(Cause.OPERATOR_FLATTEN, detail=event.text, incident=event.incident)
        elif event.kind is CommandKind.RESUME:
            latch = self._causes.ladder.latch()
            why = self._causes.ladder.resume(event.text, self._state.now_ns)
            if why:
                self._turn.tell("warning", f"not resumed: {why}")
            elif latch is not None and is_told(Cause.LOSSES_IN_A_ROW, latch.cause):
                self._counting.losses_seen(event.text)

    # -- start --------------------------------------------------------------------------------------------------------------

    def _start(self, at_ns: int) -> None:
        asking = self._asking
        asking.started = True
        self._turn.write(self._sampler.mark(self._state))
        for fill in self.found_fills:
            if fill.symbol in self._state.rules_of:
                self._counting.orphan(fill)
        self.found_fills = []
        for reckoning in asking.reckonings.values():
            reckoning.since_ns = reckoning.since_ns or at_ns
        self._candles.ask()
        for venue in asking.reckonings:
            self._causes.begin(Cause.UNRECONCILED, subject=venue)
            if self._state.accounts[venue].live:
                asking.reconcile(venue, "start")
            else:  # when its stream lives, a round is due anyway
                asking.reckonings[venue].later(at_ns + _STREAM_NS)
        every_ns = self._turn.settings.upkeep_ns
        self._timers.arm("second", 0, at_ns - at_ns % every_ns + every_ns)

    def start_if_ready(self) -> None:
        """Once every account lives and agrees, the strategies begin."""
        roster = self._roster
        accounts = self._state.accounts.values()
        if roster.running or self.stopping_ns or not all(account.reconciled and account.live for account in accounts):
            return
        roster.running = True
        self._tell_unattended()
        self._turn.write(Write("state", {"what": "running", "strategies": [each.key for each in roster.instances]}))
        for number, (_, period) in enumerate(roster.periods):
            self._timers.arm("every", number, self._state.now_ns + period)
        for number, (_, session) in enumerate(roster.sessions):
            self._timers.arm("session", number, session.changes_ns(self._state.now_ns))
        self._guarding.tell()
        roster.call("on_start")

    def _tell_unattended(self) -> None:
        """Positions of strategies that are not here any more: nobody looks after them."""
        for (strategy, symbol, _), share in sorted(self._state.portfolio.shares.items()):
            if strategy and strategy not in self._roster.by_key and share.quantity:
                much = self._state.rules_of[symbol].quantity_text(share.quantity)
                self._turn.write(Write("recon.unattended", {"st": strategy, "sym": symbol, "q": share.quantity}))
                text = f"{symbol}: {much} was left by {strategy}, which does not run now: nobody looks after it; `hoga flatten` sells it"
                self._turn.tell("warning", text)

    # -- stop -----------------------------------------------------------------------------------------------------------------

    def _stop(self, event: Command) -> None:
        if self.stopping_ns:
            return
        self._roster.call("on_stop")
        self._roster.running = False
        self._turn.out += self._roster.checks()
        self.stopping_ns = self._state.now_ns
        self._pursuing.forget_all()
        if self._turn.settings.flatten_on_stop:
            self._causes.begin(Cause.STOPPED_FLATTEN, detail=event.text)
        self._placing.cancel_entries("stop")

    def end_if_quiet(self) -> None:
        """Nothing of ours is open any more, or it took too long."""
        state = self._state
        left = [order for order in state.orders.working() if order.role is not Role.PROTECT]
        if (left or self._guarding.is_naked) and state.now_ns - self.stopping_ns < _STOP_NS:
            return
        self._roster.ended = True
        self._turn.write(self._sampler.mark(state))
        self._turn.write(records.end(state, left))
        done = Done(clean=not left, left=tuple(order.client_id for order in left), held=len(state.portfolio.held()))
        self._turn.out.append(done)

    # -- strategies that fall ---------------------------------------------------------------------------------------------------

    def quarantine(self, instance: Instance, hook: str, text: str) -> None:
        """A strategy raised: it is not called any more, and its entries are cancelled. The others trade on."""
        self._turn.write(Write("state", {"what": "quarantined", "st": instance.key, "hook": hook, "why": text}))
        self._turn.tell("error", f"{instance.key} raised in {hook}: {text}; it is not called any more, its position and its stops stay")
        self._pursuing.forget(instance.key, instance.symbols)
        self._placing.cancel_entries("quarantined", only=instance.key)
        if _all_fell(self._roster.instances):
            self._causes.begin(Cause.STRATEGY_FAULT, subject=instance.key, detail=text)


def _all_fell(instances: Iterable[Instance]) -> bool:
    return all(each.quarantined for each in instances)
