"""The hub's machines, driven at random against naive models: the door of a stream, the states of a private connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hoga.hub.doors import Door, Tally
from hoga.hub.epochs import EpochManager
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.port import Take
from hoga.hub.private import (
    HINTS,
    PRIVATE_MOVES,
    PrivateState,
    hint_for,
    judged,
    missed_from,
    missing_keys,
    state_after,
)
from hoga.hub.routing import Route
from hoga.hub.states import move
from hoga.venues.private import Refusal, Trouble
from hoga.venues.registry import VENUES
from tests.tries import tries

SPOT = VENUES["binance"]


class Leg:
    """A life of a connection: brings the venue's frames in order, from where it began, some later than others."""

    def __init__(self, conn: str, epoch: int, take: Take, at: int) -> None:
        self.conn = conn
        self.epoch = epoch
        self.take = take
        self.at = at
        self.alive = True


class DoorMachine(RuleBasedStateMachine):
    """One trade or book stream over lives that end, overlap and lag; frames are numbered by the venue."""

    @initialize(states=st.booleans())
    def begin(self, states: bool) -> None:
        self.states = states
        stream = SPOT.parse_stream("BTCUSDT", "depth20@100ms" if states else "aggTrade")
        self.route = Route(stream)
        self.told: list[int] = []
        self.route.add("a", lambda event: self.told.append(self.number(event)))
        self.epochs = EpochManager()
        self.door = Door(SPOT, stream, self.route, self.epochs)
        self.key = SPOT.frame_key(stream)
        self.sent = self.first = 0
        self.fed = self.dead = 0
        self.legs: list[Leg] = []
        self.ghosts: list[Leg] = []
        self.brought: set[int] = set()

    def frame(self, number: int) -> bytes:
        body = b'{"lastUpdateId":%d,"bids":[],"asks":[]}' if self.states else b'{"e":"aggTrade","a":%d,"p":"1"}'
        return self.key + body % number + b"}"

    @staticmethod
    def number(event: BaseWebSocketEvent) -> int:
        found: dict[str, Any] = event.raw()
        return int(found.get("a", found.get("lastUpdateId", 0)))

    @rule(count=st.integers(1, 4))
    def the_venue_speaks(self, count: int) -> None:
        self.sent += count

    @precondition(lambda self: len(self.legs) < 2)
    @rule(behind=st.integers(0, 3))
    def a_life_begins(self, behind: int) -> None:
        """A new subscription may begin with what was sent a moment ago, never before what one life alone has brought on."""
        if self.legs:
            at = max(self.first, self.sent - behind)
        else:
            at = self.first = self.sent - (1 if behind and self.told[-1:] == [self.sent] else 0)
        epoch = self.epochs.begin("c")
        self.door.opening("c", epoch)
        self.legs.append(Leg("c", epoch, self.door.taker("c", epoch, Tally()), at))

    @precondition(lambda self: any(leg.at < self.sent for leg in self.legs))
    @rule(which=st.integers(0, 1), count=st.integers(1, 5))
    def a_life_brings(self, which: int, count: int) -> None:
        leg = self.legs[which % len(self.legs)]
        for _ in range(min(count, self.sent - leg.at)):
            leg.at += 1
            assert leg.take(leg.at, self.frame(leg.at))
            self.fed += 1
            self.brought.add(leg.at)

    @precondition(lambda self: bool(self.legs))
    @rule(which=st.integers(0, 1))
    def a_life_ends(self, which: int) -> None:
        leg = self.legs.pop(which % len(self.legs))
        self.epochs.end("c", leg.epoch)
        self.door.closed("c", leg.epoch)
        self.ghosts.append(leg)

    @precondition(lambda self: bool(self.ghosts))
    @rule()
    def a_dead_life_still_brings(self) -> None:
        leg = self.ghosts[-1]
        leg.take(1, self.frame(leg.at + 1))
        self.dead += 1

    @invariant()
    def nothing_twice_nothing_lost(self) -> None:
        if not hasattr(self, "told"):
            return
        assert len(set(self.told)) == len(self.told)
        assert set(self.told) <= self.brought
        if self.states:
            assert self.told == sorted(self.told)
        else:
            assert set(self.told) == self.brought
        assert self.fed == self.door.count + self.door.duplicates + self.door.stale
        assert self.epochs.stale_frames() == self.dead


TestDoor = DoorMachine.TestCase
TestDoor.settings = settings(max_examples=tries(150), stateful_step_count=40, deadline=None)


class Account:
    """What a session's shell does with the pure rules, in the order it does it."""

    def __init__(self) -> None:
        self.state = PrivateState.IDLE
        self.was_live = False
        self.proof_ns: int | None = None
        self.now_ns = 10**12
        self.lost: list[int] = []
        self.missed: list[tuple[int | None, int]] = []
        self.seen = {PrivateState.IDLE}

    def become(self, state: PrivateState) -> None:
        self.state = move(PRIVATE_MOVES, self.state, state)
        self.seen.add(state)


NEEDS: Sequence[Sequence[str]] = (("API_KEY", "API_SECRET"), ("API_KEY", "PRIVATE_KEY_FILE"))


_UP = (PrivateState.LIVE, PrivateState.HANDOVER)


class PrivateMachine(RuleBasedStateMachine):
    """A private connection as the rules say: whatever happens is a move of the table, and what may be missing is told."""

    def __init__(self) -> None:
        super().__init__()
        self.it = Account()

    @rule(seconds=st.floats(0.001, 10.0))
    def time_passes(self, seconds: float) -> None:
        self.it.now_ns += int(seconds * 1e9)
        if self.it.state not in _UP:
            self.it.lost.append(self.it.now_ns)

    @precondition(lambda self: self.it.state in _UP)
    @rule()
    def a_sign_of_life(self) -> None:
        self.it.proof_ns = self.it.now_ns

    @precondition(lambda self: self.it.state is PrivateState.LIVE)
    @rule()
    def a_second_login_is_made_beside(self) -> None:
        self.it.become(PrivateState.HANDOVER)

    @precondition(lambda self: self.it.state is PrivateState.HANDOVER)
    @rule()
    def one_of_the_two_goes_on_and_nothing_was_missed(self) -> None:
        self.it.become(PrivateState.LIVE)
        self.it.proof_ns = self.it.now_ns

    @precondition(lambda self: self.it.state in (PrivateState.IDLE, PrivateState.REJECTED, PrivateState.BACKING_OFF))
    @rule()
    def it_is_tried(self) -> None:
        self.it.become(PrivateState.CONNECTING)

    @precondition(lambda self: self.it.state is PrivateState.IDLE)
    @rule()
    def there_is_no_key(self) -> None:
        self.it.become(PrivateState.NO_KEY)
        assert "API_KEY" in missing_keys(variable="HOGA_X__", needs=NEEDS)

    @precondition(lambda self: self.it.state is PrivateState.CONNECTING)
    @rule()
    def it_is_let_in(self) -> None:
        self.it.become(PrivateState.AUTHENTICATING)

    @precondition(lambda self: self.it.state is PrivateState.AUTHENTICATING)
    @rule()
    def it_is_live(self) -> None:
        span = (missed_from(self.it.proof_ns), self.it.now_ns)
        self.it.missed.append(span)
        self.it.become(PrivateState.LIVE)
        self.it.was_live, self.it.proof_ns = True, self.it.now_ns
        for at_ns in self.it.lost:
            assert any((low is None or low <= at_ns) and at_ns <= high for low, high in self.it.missed)
        self.it.lost.clear()

    @precondition(lambda self: self.it.state in (PrivateState.CONNECTING, PrivateState.AUTHENTICATING, *_UP))
    @rule(trouble=st.none() | st.sampled_from(list(Trouble)), off_ms=st.none() | st.integers(-10_000, 10_000))
    def it_is_lost_or_refused(self, trouble: Trouble | None, off_ms: int | None) -> None:
        refusal = Refusal(trouble=trouble, text="no", clock_off_ms=off_ms) if trouble is not None else None
        if refusal is not None:
            refusal = judged(refusal, was_live=self.it.was_live)
            assert (refusal.trouble is Trouble.REVOKED) == (trouble is Trouble.REVOKED or (trouble is Trouble.KEY and self.it.was_live))
            hint = hint_for(refusal, variable="HOGA_X__", needs=NEEDS)
            assert hint
            assert "{" not in hint
        after = state_after(refusal)
        self.it.become(after)
        assert (after is PrivateState.REJECTED) == (refusal is not None and refusal.trouble.needs_a_person)

    @precondition(lambda self: self.it.state is not PrivateState.IDLE)
    @rule()
    def nothing_is_wanted(self) -> None:
        self.it.become(PrivateState.IDLE)

    @invariant()
    def every_state_has_a_way_on(self) -> None:
        assert PRIVATE_MOVES[self.it.state]


TestPrivate = PrivateMachine.TestCase
TestPrivate.settings = settings(max_examples=tries(60), stateful_step_count=40, deadline=None)


def test_every_state_can_be_reached_and_left() -> None:
    reached, todo = {PrivateState.IDLE}, [PrivateState.IDLE]
    while todo:
        for state in PRIVATE_MOVES[todo.pop()] - reached:
            reached.add(state)
            todo.append(state)
    assert reached == set(PrivateState)
    assert all(PrivateState.IDLE in moves for state, moves in PRIVATE_MOVES.items() if state is not PrivateState.IDLE)
    assert set(HINTS) == set(Trouble)
