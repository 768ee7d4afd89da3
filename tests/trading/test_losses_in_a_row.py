"""MAX_LOSSES_IN_A_ROW: nothing is opened until a person has looked, over restarts too; and then it is."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from hoga.audit.chain import Record
from hoga.audit.recovery import Recovery
from hoga.core.trading import MarginCall
from hoga.trading.engine import Restored
from hoga.trading.limits import Limits
from hoga.trading.ports import Command, CommandKind, RunGate, Write
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Cause, Rung, is_told
from tests.trading.exchange import SYMBOL, VENUE, Exchange, Holds, holds

LIMITS = Limits(currencies=("USDT",), max_losses_in_a_row=2, max_daily_loss=Decimal(100_000), fat_finger_size=0)


def trader() -> Exchange:
    return Exchange(holds(), gate=RiskGate({SYMBOL: LIMITS}.get), start=False)


def want(there: Exchange, quantity: str) -> None:
    strategy = there.engine.instances[0].strategy
    assert isinstance(strategy, Holds)
    strategy.wanted = quantity
    there.book()


def lose(there: Exchange, rounds: int) -> None:
    for _ in range(rounds):
        want(there, "0.010")
        there.fill(there.last, price=600_010)
        want(there, "0")
        there.fill(there.last, price=599_900)
        there.pass_time(2)


def resume(there: Exchange, incident: str) -> None:
    there.give(Command(at_ns=there.now, kind=CommandKind.RESUME, who="hoga resume", text=incident))
    there.pass_time(2)


def told(there: Exchange) -> int:
    """The losses in a row that the journal hands to the next life."""
    recovery = Recovery()
    for number, each in enumerate(there.of(Write), 1):
        recovery.feed(Record(number, there.now, None, 7, each.kind, dict(each.fields), b""))
    return recovery.result().losses.get(SYMBOL, 0)


def test_a_person_lets_it_open_again() -> None:
    there = trader()
    there.begin()
    lose(there, 2)
    want(there, "0.010")
    assert there.engine.state.rung is Rung.REDUCING
    incident = there.ladder.incident
    assert incident
    assert told(there) == 2
    assert there.position() == 0
    sent = len(there.sent)
    there.pass_time(65)
    assert len(there.sent) == sent
    resume(there, "20000101-000000")
    assert there.engine.state.rung is Rung.REDUCING
    assert told(there) == 2
    resume(there, incident)
    assert there.engine.state.rung is Rung.ACTIVE
    assert told(there) == 0
    assert [(each.fields["was"], each.fields["losses"]) for each in there.records("risk")] == [(2, 0)]
    there.pass_time(60)
    assert there.last.quantity == 10
    assert len(there.sent) > sent


def test_a_resume_of_something_else_leaves_the_losses_an_incident_of_their_own() -> None:
    there = trader()
    there.begin()
    lose(there, 1)
    want(there, "0.010")
    there.fill(there.last, price=600_010)
    there.give(MarginCall(at_ns=there.now, raw="", venue=VENUE, positions=()))
    there.pass_time(1)
    called = there.ladder.incident
    want(there, "0")
    there.fill(there.last, price=599_900)
    there.pass_time(3)
    assert (there.ladder.incident, told(there)) == (called, 2)
    sent = len(there.sent)
    want(there, "0.010")
    resume(there, called)
    assert told(there) == 2
    assert there.engine.state.rung is Rung.REDUCING
    assert there.ladder.incident not in ("", called)
    assert len(there.sent) == sent
    assert there.records("state")[-1].fields["incident"] == there.ladder.incident, "a person is told of it"
    resume(there, there.ladder.incident)
    assert there.engine.state.rung is Rung.ACTIVE
    assert told(there) == 0


@pytest.mark.parametrize(
    "cause", ["losses-in-a-row", "ACTIVE -> REDUCING: MAX_LOSSES_IN_A_ROW is reached at one (2, allowed 2); `hoga resume`"]
)
def test_a_latch_of_an_earlier_life_tells_its_cause_as_a_word_or_as_the_line_for_people(cause: str) -> None:
    assert is_told(Cause.LOSSES_IN_A_ROW, cause)
    assert not is_told(Cause.MARGIN_CALL, cause)


def test_it_outlives_a_restart_and_so_does_the_way_out() -> None:
    first = trader()
    first.begin()
    lose(first, 2)
    latch = first.ladder.latch()
    assert latch is not None
    second = trader()
    line = next(each.why for each in first.of(RunGate) if each.incident == latch.incident)
    second.ladder.restore(msgspec.structs.replace(latch, cause=line))  # so the trader's folder keeps it
    second.engine.state.rung = second.ladder.rung
    second.engine.restore(Restored(orders=[], shares=[], trades={}, days={}, powers={}, since_ns=0, losses={SYMBOL: 2}), second.now)
    second.begin()
    second.pass_time(2)
    assert second.engine.state.rung is Rung.REDUCING
    assert second.ladder.incident == latch.incident
    resume(second, latch.incident)
    assert second.engine.state.rung is Rung.ACTIVE
    second.pass_time(30)
    assert second.engine.state.rung is Rung.ACTIVE
    lose(second, 2)
    assert second.engine.state.rung is Rung.REDUCING, "they are counted anew"
