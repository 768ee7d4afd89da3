"""The ladder: what leads where, what stays, and what a person lets go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hoga.trading.rungs import CAUSES, Cause, Ladder, Latch, Rung
from tests.every import every
from tests.trading.gate_view import NOON, S
from tests.tries import tries

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "trading-limits.md").read_text(encoding="utf-8")


def after(seconds: float, cause: Cause, ladder: Ladder | None = None) -> Rung:
    """The rung so long after a cause began."""
    ladder = ladder or Ladder()
    ladder.begin(cause, NOON)
    ladder.advance(NOON + round(seconds * S))
    return ladder.rung


EXPECTED: list[tuple[Cause, float, Rung]] = [
    (Cause.OPERATOR_FLATTEN, 0, Rung.FLATTEN), (Cause.OPERATOR_HALT, 0, Rung.HALTED), (Cause.STOPPED_FLATTEN, 0, Rung.FLATTEN),
    (Cause.DAILY_LOSS, 0, Rung.FLATTEN), (Cause.DRAWDOWN, 0, Rung.FLATTEN), (Cause.ENGINE_FAULT, 0, Rung.FLATTEN),
    (Cause.RISK_FAULT, 0, Rung.FLATTEN), (Cause.INVARIANT, 0, Rung.FLATTEN), (Cause.LOG_FAULT, 1.9, Rung.NO_OPEN),
    (Cause.LOG_FAULT, 2, Rung.FLATTEN), (Cause.LATE_FILL, 0, Rung.HALTED), (Cause.OVERFILL, 0, Rung.HALTED),
    (Cause.STREAM_DOWN, 3600, Rung.NO_OPEN), (Cause.STREAM_DEAD, 9.9, Rung.NO_OPEN), (Cause.STREAM_DEAD, 10, Rung.HALTED),
    (Cause.UNKNOWN_ORDER, 29.9, Rung.ACTIVE), (Cause.UNKNOWN_ORDER, 30, Rung.REDUCING), (Cause.UNKNOWN_ORDER, 120, Rung.HALTED),
    (Cause.MISMATCH, 59.9, Rung.NO_OPEN), (Cause.MISMATCH, 60, Rung.HALTED), (Cause.UNEXPLAINED, 3600, Rung.NO_OPEN),
    (Cause.UNRECONCILED, 3600, Rung.NO_OPEN), (Cause.STALE_MARKET, 3600, Rung.NO_OPEN), (Cause.STALE_WITH_POSITION, 4.9, Rung.NO_OPEN),
    (Cause.STALE_WITH_POSITION, 5, Rung.REDUCING), (Cause.STALE_WITH_POSITION, 60, Rung.FLATTEN), (Cause.CLOCK, 0, Rung.HALTED),
    (Cause.BACKLOG, 0, Rung.HALTED), (Cause.SETTINGS, 3600, Rung.NO_OPEN), (Cause.UNPROTECTED, 0, Rung.REDUCING),
    (Cause.UNPROTECTED, 5, Rung.FLATTEN), (Cause.UNPROTECTABLE, 0, Rung.FLATTEN), (Cause.STRATEGY_FAULT, 0, Rung.REDUCING),
    (Cause.LOG_QUARANTINED, 0, Rung.REDUCING), (Cause.LOSSES_IN_A_ROW, 0, Rung.REDUCING), (Cause.MARGIN_CALL, 0, Rung.REDUCING),
]  # fmt: skip


@every(EXPECTED)
def test_each_cause_leads_to_its_rung_in_its_time(case: tuple[Cause, float, Rung]) -> None:
    cause, seconds, rung = case
    assert after(seconds, cause) is rung


def test_every_cause_is_tried_and_told_to_people() -> None:
    assert {cause for cause, _, _ in EXPECTED} == set(Cause) == set(CAUSES)
    assert [cause for cause in Cause if f"`{cause.value}`" not in PAGE] == []


@every([Cause.ENGINE_FAULT, Cause.RISK_FAULT, Cause.LOG_FAULT, Cause.INVARIANT])
def test_a_failure_keeps_the_position_where_the_user_wants_that(cause: Cause) -> None:
    assert after(10, cause, Ladder(on_fault="keep")) is Rung.HALTED
    assert after(10, Cause.DAILY_LOSS, Ladder(on_fault="keep")) is Rung.FLATTEN


def test_no_open_recovers_by_itself_when_its_last_cause_is_gone() -> None:
    ladder = Ladder()
    ladder.begin(Cause.STALE_MARKET, NOON, subject="a")
    ladder.begin(Cause.STALE_MARKET, NOON, subject="b")
    assert [change.new for change in ladder.advance(NOON)] == [Rung.NO_OPEN]
    ladder.end(Cause.STALE_MARKET, subject="a")
    assert ladder.advance(NOON + S) == []
    ladder.end(Cause.STALE_MARKET, subject="b")
    (change,) = ladder.advance(NOON + 2 * S)
    assert (change.old, change.new, change.cause, change.incident) == (Rung.NO_OPEN, Rung.ACTIVE, None, "")
    assert ladder.latch() is None


def test_what_is_below_stays_until_a_person_resumes_its_incident() -> None:
    ladder = Ladder()
    ladder.begin(Cause.CLOCK, NOON, detail="offset +0.812 s")
    (change,) = ladder.advance(NOON)
    assert change.text == ("ACTIVE -> HALTED: the clock is wrong (offset +0.812 s); `hoga resume 20261129-120000` lets it go on")
    ladder.end(Cause.CLOCK)
    assert ladder.advance(NOON + 3600 * S) == []
    assert ladder.rung is Rung.HALTED
    assert ladder.resume("20261129-120001", NOON) == "the incident is 20261129-120000, not 20261129-120001"
    assert ladder.resume("20261129-120000", NOON + 3601 * S) is None
    (change,) = ladder.advance(NOON + 3601 * S)
    assert (change.old, change.new) == (Rung.HALTED, Rung.ACTIVE)
    assert ladder.resume("20261129-120000", NOON) == "nothing has to be resumed: ACTIVE"


def test_a_worse_cause_is_the_same_incident_and_the_next_one_has_a_name_of_its_own() -> None:
    ladder = Ladder()
    ladder.begin(Cause.STRATEGY_FAULT, NOON)
    ladder.begin(Cause.DAILY_LOSS, NOON + S // 2, detail="500.2, allowed 500")
    changes = ladder.advance(NOON + S // 2)
    assert [(change.new, change.incident) for change in changes] == [
        (Rung.REDUCING, "20261129-120000"), (Rung.FLATTEN, "20261129-120000")
    ]  # fmt: skip
    assert ladder.latch() == Latch(
        rung="FLATTEN", incident="20261129-120000", cause="daily-loss", detail="500.2, allowed 500", at_ns=NOON + S // 2
    )
    assert ladder.resume("20261129-120000", NOON + S // 2) is None
    ladder.advance(NOON + S // 2)
    ladder.begin(Cause.OPERATOR_HALT, NOON + S // 2)
    ladder.advance(NOON + S // 2)
    assert ladder.incident == "20261129-120000-2"


def test_a_cause_that_still_stands_leads_down_again_after_a_resume() -> None:
    ladder = Ladder()
    after(60, Cause.MISMATCH, ladder)
    assert ladder.resume(ladder.incident, NOON + 61 * S) is None
    ladder.advance(NOON + 61 * S)
    assert ladder.rung is Rung.NO_OPEN
    assert ladder.deadline_ns() == NOON + 121 * S
    ladder.advance(NOON + 121 * S)
    assert ladder.rung is Rung.HALTED


def test_a_damaged_journal_that_is_found_in_a_halt_is_an_incident_after_it() -> None:
    ladder = Ladder()
    ladder.restore(Latch(rung="HALTED", incident="20261129-115900", cause="clock", detail="", at_ns=NOON))
    ladder.begin(Cause.LOG_QUARANTINED, NOON, detail="000001.jsonl: wrong-hash")
    assert ladder.advance(NOON) == []
    assert ladder.resume("20261129-115900", NOON + S) is None
    change = ladder.advance(NOON + S)[0]
    assert change.text.startswith("HALTED -> REDUCING: the order journal is not as it was written (000001.jsonl: wrong-hash); `hoga ")
    assert ladder.incident not in ("", "20261129-115900")
    assert ladder.resume(ladder.incident, NOON + 2 * S) is None
    ladder.advance(NOON + 2 * S)
    assert ladder.rung is Rung.ACTIVE


def test_a_restart_finds_the_rung_and_the_incident_again() -> None:
    first = Ladder()
    after(0, Cause.OVERFILL, first)
    latch = first.latch()
    assert latch is not None
    second = Ladder()
    second.restore(latch)
    assert (second.rung, second.incident) == (Rung.HALTED, first.incident)
    assert second.advance(NOON + 60 * S) == []
    assert second.resume(first.incident, NOON + 60 * S) is None
    with pytest.raises(ValueError, match="no such rung: HALF"):
        Ladder().restore(Latch(rung="HALF", incident="x", cause="", detail="", at_ns=0))


def test_the_beginning_of_a_cause_is_what_counts_and_the_newest_figures_are_told() -> None:
    ladder = Ladder()
    ladder.begin(Cause.MISMATCH, NOON, since_ns=NOON - 59 * S, detail="1 order")
    ladder.begin(Cause.MISMATCH, NOON + S // 2, detail="2 orders")
    assert ladder.causes() == [(Cause.MISMATCH, "", NOON - 59 * S, "2 orders")]
    changes = ladder.advance(NOON + 2 * S)
    assert [(change.new, change.at_ns) for change in changes] == [(Rung.NO_OPEN, NOON - 59 * S), (Rung.HALTED, NOON + S)]
    assert changes[1].text.startswith("NO_OPEN -> HALTED: the venue and the trader disagree on orders or positions (2 orders)")


class LadderMachine(RuleBasedStateMachine):
    """Against a plain model: the lowest that anything has led to since the last resume, or NO_OPEN while something stands."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder, self.now_ns = Ladder(), NOON
        self.stands: dict[Cause, int] = {}
        self.latched = Rung.ACTIVE
        self.told: set[Cause | None] = set()

    @rule(cause=some.sampled_from(list(Cause)))
    def begin(self, cause: Cause) -> None:
        self.ladder.begin(cause, self.now_ns)
        self.stands.setdefault(cause, self.now_ns)

    @rule(cause=some.sampled_from(list(Cause)))
    def end(self, cause: Cause) -> None:
        self.ladder.end(cause)
        self.stands.pop(cause, None)
        self.told.discard(cause)

    @rule(seconds=some.sampled_from([0, 1, 3, 12, 70]))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * S

    @rule()
    def resume(self) -> None:
        if self.ladder.resume(self.ladder.incident, self.now_ns) is None:
            self.latched = Rung.ACTIVE
            for cause in list(self.stands):
                first = CAUSES[cause].rungs[0][1]
                if len(CAUSES[cause].rungs) == 1 and first > Rung.NO_OPEN and (cause in self.told or not CAUSES[cause].asks):
                    self.told.discard(cause)
                    del self.stands[cause]
                else:
                    self.stands[cause] = self.now_ns

    @invariant()
    def is_where_the_model_is(self) -> None:
        changes = self.ladder.advance(self.now_ns)
        self.told |= {change.cause for change in changes}
        reached = [rung for cause, since in self.stands.items() for wait, rung in CAUSES[cause].rungs if since + wait * S <= self.now_ns]
        self.latched = max([self.latched, *(rung for rung in reached if rung > Rung.NO_OPEN)])
        standing = Rung.NO_OPEN if Rung.NO_OPEN in reached else Rung.ACTIVE
        assert self.ladder.rung is max(self.latched, standing)
        assert (self.ladder.latch() is None) == (self.latched is Rung.ACTIVE)
        assert [change.old for change in changes[1:]] == [change.new for change in changes[:-1]]
        deadline = self.ladder.deadline_ns()
        assert deadline is None or deadline > self.now_ns


TestLadder = LadderMachine.TestCase
TestLadder.settings = settings(max_examples=tries(60), stateful_step_count=25, deadline=None)


def test_what_leads_to_the_same_rung_after_a_resume_is_told_with_its_incident() -> None:
    ladder = Ladder()
    ladder.begin(Cause.MARGIN_CALL, NOON)
    (first,) = ladder.advance(NOON)
    assert ladder.resume(first.incident, NOON + S) is None
    ladder.begin(Cause.LOSSES_IN_A_ROW, NOON + 2 * S)
    (second,) = ladder.advance(NOON + 2 * S)
    assert (second.old, second.new, second.cause) == (Rung.REDUCING, Rung.REDUCING, Cause.LOSSES_IN_A_ROW)
    assert second.incident == ladder.incident != first.incident
    assert ladder.advance(NOON + 3 * S) == []
