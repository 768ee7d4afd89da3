"""Private connections as their table has them, what their consumers may ask for, and what they are told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hoga.core.market import DataType
from hoga.hub.errors import SubscriptionError
from hoga.hub.private import (
    HINTS,
    PRIVATE_MOVES,
    SEEN_AS,
    MissedEvent,
    PrivateState,
    PrivateStateEvent,
    hint_for,
    judged,
    missed_from,
    missing_keys,
    state_after,
)
from hoga.hub.resolve import Resolver
from hoga.hub.routing import Delivery
from hoga.hub.states import CONNECTION_MOVES, WebSocketType, diagram, move
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.venues.private import EVERYTHING, Refusal, Trouble
from hoga.venues.registry import VENUES
from tests.hub.workbench import FakeWire, Make

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hub.md").read_text(encoding="utf-8")
NEEDS = (("API_KEY", "API_SECRET"), ("API_KEY", "PRIVATE_KEY_FILE"))


def test_every_state_is_reached_and_left() -> None:
    reached, frontier = {PrivateState.IDLE}, [PrivateState.IDLE]
    while frontier:
        fresh = PRIVATE_MOVES[frontier.pop()] - reached
        reached |= fresh
        frontier += fresh
    assert reached == set(PrivateState) == set(PRIVATE_MOVES) == set(SEEN_AS)
    for state in PrivateState:
        assert state is PrivateState.IDLE or PrivateState.IDLE in PRIVATE_MOVES[state]


def test_a_move_that_is_not_in_the_table_is_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="no move"):
        move(PRIVATE_MOVES, PrivateState.IDLE, PrivateState.LIVE)


def test_the_guide_shows_the_table_and_explains_every_trouble() -> None:
    assert diagram(PRIVATE_MOVES) in PAGE
    assert not [trouble for trouble in Trouble if f"`{trouble}`" not in PAGE]


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_one_hint(trouble: Trouble) -> None:
    refusal = Refusal(trouble=trouble, text="x", clock_off_ms=-61_234)
    hint = hint_for(refusal, variable="HOGA_V__", needs=NEEDS)
    assert "{" not in hint
    assert hint.startswith("nothing to do") is not trouble.needs_a_person
    assert state_after(refusal) is (PrivateState.REJECTED if trouble.needs_a_person else PrivateState.BACKING_OFF)
    assert set(HINTS) == set(Trouble)


def test_hints_name_what_to_set_and_the_clock_by_how_much() -> None:
    def clock(off_ms: int | None) -> str:
        return hint_for(Refusal(trouble=Trouble.CLOCK, text="x", clock_off_ms=off_ms), variable="", needs=())

    assert "clock is 61.2 s behind the venue's" in clock(-61_234)
    assert "clock is 60.0 s ahead of the venue's" in clock(60_000)
    assert "clock is not the venue's" in clock(None)
    keys = "HOGA_V__API_KEY and HOGA_V__API_SECRET, or HOGA_V__API_KEY and HOGA_V__PRIVATE_KEY_FILE"
    assert keys in missing_keys(variable="HOGA_V__", needs=NEEDS)
    assert keys in hint_for(Refusal(trouble=Trouble.KEY, text=""), variable="HOGA_V__", needs=NEEDS)


def test_a_loss_is_no_refusal() -> None:
    assert state_after(None) is PrivateState.BACKING_OFF


@pytest.mark.parametrize(
    "found, was_live, then",
    [
        (Trouble.KEY, False, Trouble.KEY),
        (Trouble.KEY, True, Trouble.REVOKED),
        (Trouble.EXPIRED, True, Trouble.EXPIRED),
        (Trouble.CLOCK, True, Trouble.CLOCK),
    ],
)
def test_a_key_that_was_known_before_was_revoked(found: Trouble, was_live: bool, then: Trouble) -> None:
    assert judged(Refusal(trouble=found, text="x"), was_live=was_live) == Refusal(trouble=then, text="x")


def test_what_may_be_missing_begins_before_the_last_proof() -> None:
    assert missed_from(None) is None
    assert missed_from(10_000_000_000) == 8_000_000_000


class TestWishes:
    def resolve(self, *symbols: str, data_type: DataType = DataType.MY_ORDER, venue: str | None = "upbit", **more: Any) -> Any:
        resolver = Resolver(VENUES)
        resolver.known["upbit"] = {"KRW-BTC": "TRADING"}
        return resolver("a", SubscriptionSpec(data_type, symbols, venue=venue, **more))

    def test_no_symbols_means_the_account(self) -> None:
        [stream] = self.resolve().streams
        assert (stream.symbol, stream.channel, stream.name) == (EVERYTHING, "myOrder", "*@myOrder")

    def test_currencies_are_of_the_account_whatever_the_symbols(self) -> None:
        [stream] = self.resolve("KRW-BTC", data_type=DataType.MY_ASSET).streams
        assert stream.symbol == EVERYTHING

    def test_the_venue_may_follow_from_the_symbols(self) -> None:
        [stream] = self.resolve("KRW-BTC", venue=None).streams
        assert (stream.venue, stream.symbol) == ("upbit", "KRW-BTC")

    def test_unknown_symbols_are_told_and_the_rest_is_served(self) -> None:
        found = self.resolve("KRW-BTC", "KRW-NOPE", "krw-btc", "*")
        assert [stream.symbol for stream in found.streams] == ["KRW-BTC", "*"]
        assert [error.symbols for error in found.errors] == [("KRW-NOPE",)]

    @pytest.mark.parametrize(
        "more, why",
        [
            ({"data_type": DataType.MY_POSITION}, "no my-position stream"),
            ({"mode": Mode.SNAPSHOT}, "no snapshot"),
            ({"venue": None}, "no venue has symbols like these"),
            ({"venue": "nowhere"}, "unknown venue"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, more: dict[str, Any], why: str) -> None:
        with pytest.raises(SubscriptionError, match=why):
            self.resolve(**more)


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def take(self, event: Any) -> None:
        self.told.append(event)


async def test_only_those_who_want_the_account_are_told_of_it(make: Make) -> None:
    public, private = FakeWire("upbit"), FakeWire("upbit", kind=WebSocketType.PRIVATE)
    private.hold = True
    manager, mine, other, late = make(public, private), Listener(), Listener(), Listener()
    orders = [SubscriptionSpec(DataType.MY_ORDER, [], venue="upbit")]
    await manager.register_component("mine", mine, orders, mine.take, on_status=mine.take)
    await manager.register_component("other", other, [SubscriptionSpec(DataType.TICKER, ["KRW-BTC"])], other.take, on_status=other.take)
    await turn_until(private)
    state = PrivateStateEvent(venue="upbit", conn="c", state=PrivateState.REJECTED, epoch=0, at_ns=1, trouble=Trouble.KEY)
    missed = MissedEvent(venue="upbit", conn="c", epoch=1, from_ns=None, to_ns=2)
    assert private.inlet is not None
    private.inlet.tell(state)
    private.inlet.tell(missed)
    await manager.register_component("late", late, orders, late.take, on_status=late.take)
    assert mine.told == [state, missed]
    assert late.told == [state]
    assert not [each for each in other.told if isinstance(each, PrivateStateEvent | MissedEvent)]
    assert [stream.name for stream in private.wants[-1]] == ["*@myOrder"]
    assert [stream.name for stream in public.wants[-1]] == ["KRW-BTC@ticker"]


async def turn_until(wire: FakeWire) -> None:
    for _ in range(200):
        if wire.wants:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never wanted")


async def test_who_comes_later_is_not_given_an_old_order_for_a_new_one(make: Make) -> None:
    private = FakeWire("upbit", kind=WebSocketType.PRIVATE)
    manager, first, late = make(private), Listener(), Listener()
    wishes = [SubscriptionSpec(DataType.MY_ORDER, ["KRW-BTC"], venue="upbit")]
    await manager.register_component("first", first, wishes, first.take, delivery=Delivery.INLINE)
    await turn_until(private)
    take = private.table[b"KRW-BTC@myOrder"]
    take(1, b'{"type":"myOrder"}')
    await manager.register_component("late", late, wishes, late.take, delivery=Delivery.INLINE)
    assert (len(first.told), len(late.told)) == (1, 0)


def test_each_move_of_a_private_connection_is_one_of_all_connections() -> None:
    for state, moves in PRIVATE_MOVES.items():
        for after in moves:
            assert move(CONNECTION_MOVES, SEEN_AS[state], SEEN_AS[after]) is SEEN_AS[after], (state, after)
