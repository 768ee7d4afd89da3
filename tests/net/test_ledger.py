"""Whatever answers, ends or takes too long: each call that was written is told exactly once, and one that was not, never."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.core.errors import Sent
from hoga.net.lanes import Lanes
from hoga.net.line import Ledger, Lost
from hoga.net.ratelimit import Budget
from hoga.runtime.clock import ManualClock
from hoga.venues.orders import Told
from hoga.venues.request import Request
from tests.tries import tries

OPS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("answer"), st.integers(0, 5)),
    st.tuples(st.just("cut"), st.integers(0, 1)),
    st.tuples(st.just("time"), st.sampled_from([0, 1, 3])),
)


@given(ops=st.lists(OPS, max_size=40))
@settings(max_examples=tries(150), deadline=None)
def test_exactly_once(ops: list[tuple[str, int]]) -> None:
    asyncio.run(drive(ops))


async def drive(ops: list[tuple[str, int]]) -> None:
    clock, legs = ManualClock(1), ("a", "b")
    told: list[tuple[str, Told | Lost]] = []

    def take(token: str, what: Told | Lost) -> None:
        told.append((token, what))
        raise RuntimeError("a fault of whoever is told")

    ledger: Ledger[str] = Ledger(take, Lanes(Budget(limit=10_000, window_s=60.0)), answer_s=2.0, clock=clock)
    written: Counter[str] = Counter()
    outstanding: dict[str, tuple[str, float]] = {}
    for op, number in ops:
        token = f"n-{number}"
        if op == "send":
            refusal = ledger.refusal(Request(path="/x"), token)
            assert (refusal is None) == (token not in outstanding)
            if refusal is None:
                ledger.written(Request(path="/x"), token, legs[number % 2])
                written[token] += 1
                outstanding[token] = (legs[number % 2], clock.monotonic() + 2.0)
        elif op == "answer":
            late = ledger.late
            found = ledger.answered(token, status=200, body=b"{}", retry_after_s=None, usage=[])
            assert (found is not None) == (token in outstanding)
            assert ledger.late == late + (token not in outstanding)
            outstanding.pop(token, None)
        elif op == "cut":
            ledger.lost("cut", on=legs[number])
            outstanding = {name: each for name, each in outstanding.items() if each[0] != legs[number]}
        else:
            clock.advance(float(number))
            ledger._sweep()
            outstanding = {name: each for name, each in outstanding.items() if each[1] > clock.monotonic()}
        assert len(ledger) == len(outstanding)
        assert {leg for leg in legs if ledger.waits_on(leg)} == {leg for leg, _ in outstanding.values()}
    ledger.lost("the end")
    assert Counter(token for token, _ in told) == written
    assert all(what.sent is Sent.MAYBE for _, what in told if isinstance(what, Lost))


def test_who_has_no_room_is_told_for_how_long() -> None:
    clock = ManualClock(1)
    lanes = Lanes(Budget(limit=1, window_s=10.0))
    ledger: Ledger[str] = Ledger(lambda token, what: None, lanes, answer_s=2.0, clock=clock)
    lanes.take(Request(path="/x"), clock.monotonic())
    refusal = ledger.refusal(Request(path="/x"), "n-1")
    assert refusal == Lost("rate limit, again in 10 s", Sent.NO, 10.0)
