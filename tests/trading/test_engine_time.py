"""A timer due at T is done with the stamp T, before the first event of T or later: whether somebody woke the engine makes no difference."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.ticks import MarketDoubt, MarketTop, MarketTrade
from hoga.core.trading import StreamUpdate
from hoga.trading.engine import Engine, Settings
from hoga.trading.limits import Limits
from hoga.trading.ports import Command, CommandKind, JournalFault, Read, Tick, WakeAt, Write
from hoga.trading.rungs import Ladder
from hoga.trading.strategy import Strategy
from tests.trading.exchange import FUTURES, SYMBOL, T0, VENUE, Exchange, OpenGate, S, instrument, rules_of
from tests.tries import tries

MS = 1_000_000


class Watches(Strategy):
    symbol = SYMBOL

    def setup(self, m: Any) -> None:
        m.bars(SYMBOL, "1m")
        m.every(0.4)

    def on_timer(self, now_ns: int) -> None:
        self.log(f"timer {now_ns} {self.now_ns}")

    def on_ladder(self, rung: Any) -> None:
        self.log(f"ladder {rung} {self.now_ns}")

    def on_stale(self, symbol: str, why: str) -> None:
        self.log(f"stale {why} {self.now_ns}")


def written(events: list[Any], *, woken: bool) -> list[tuple[str, Any]]:
    engine = Engine(
        Settings(trader="hg", boot=1, limits={SYMBOL: Limits()}),
        rules={SYMBOL: rules_of(instrument())},
        capabilities={VENUE: FUTURES},
        gate=OpenGate(),
        ladder=Ladder(),
        strategies=[("w", Watches())],
    )
    done: list[tuple[str, Any]] = []
    wake = 1 << 62
    at_the_start = Exchange(start=False)
    answers: list[Any] = []

    def step(event: Any) -> None:
        nonlocal wake
        for effect in engine.step(event):
            if isinstance(effect, WakeAt):
                wake = effect.at_ns
            elif isinstance(effect, Write):
                done.append((effect.kind, effect.fields))
            elif isinstance(effect, Read) and isinstance(event, Command):  # those of the start are answered at once
                answers.append(at_the_start.read(effect))

    for event in events:
        while woken and wake <= event.at_ns:
            due, wake = wake, 1 << 62
            step(Tick(due))
        step(event)
        while answers:
            step(answers.pop(0))
    return done


def event_at(at_ns: int, what: str) -> Any:
    match what:
        case "book":
            return MarketTop(symbol=SYMBOL, at_ns=at_ns, bid=600_000, bid_size=5, ask=600_010, ask_size=5)
        case "trade":
            return MarketTrade(symbol=SYMBOL, at_ns=at_ns, event_ns=at_ns, price=600_000, size=1, taker=Side.BUY, trade_id=at_ns)
        case "doubt":
            return MarketDoubt(symbol=SYMBOL, at_ns=at_ns, why="test")
        case "fault":
            return JournalFault(at_ns, "test")
        case "life":
            return StreamUpdate(at_ns=at_ns, venue=VENUE, live=True, missed=False)
        case "dead":
            return StreamUpdate(at_ns=at_ns, venue=VENUE, live=False, missed=True, why="test")
        case _:
            return Command(at_ns=at_ns, kind=CommandKind.STOP, who="test")


KINDS = st.sampled_from(["book", "book", "trade", "trade", "doubt", "life", "dead", "fault", "stop"])


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 1, 3, 400, 999, 1000, 7_000, 61_000, 200_000]), KINDS), max_size=25))
def test_being_woken_at_a_timers_moment_makes_no_difference(steps: list[tuple[int, str]]) -> None:
    now = T0
    events: list[Any] = [StreamUpdate(at_ns=now, venue=VENUE, live=True, missed=False), Command(at_ns=now, kind=CommandKind.START, who="t")]
    for milliseconds, what in steps:
        now += milliseconds * MS
        events.append(event_at(now, what))
    events.append(event_at(now + 3 * S, "book"))
    assert written(events, woken=True) == written(events, woken=False)


def test_a_rung_is_reached_at_its_moment_though_the_next_event_is_late() -> None:
    began = [StreamUpdate(at_ns=T0, venue=VENUE, live=True, missed=False), Command(at_ns=T0, kind=CommandKind.START, who="t")]
    notes = [
        fields["text"]
        for kind, fields in written([*began, JournalFault(T0 + S, "test"), event_at(T0 + 60 * S, "book")], woken=False)
        if kind == "note"
    ]
    assert [each for each in notes if each.startswith("ladder")][-1] == f"ladder 4 {T0 + 3 * S}"
