"""What strategies have done elsewhere: answers as JSON has them, faults as answers, and a bound."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from hoga.app.trader.workers import Workers, done_now
from hoga.core.ticks import MarketTop
from hoga.trading.backtest import WORK_NS, Backtest
from hoga.trading.ports import Work, WorkDone
from hoga.trading.strategy import Strategy, WorkView
from tests.trading.exchange import SYMBOL, T0, Exchange
from tests.waiting import eventually


def work(function: Any, *args: Any, number: int = 1) -> Work:
    return Work(number=number, function=function, args=args)


def fails() -> None:
    raise KeyError("no model")


def ends() -> None:
    raise SystemExit(3)


CASES = [
    (lambda: (1, {"a": Decimal("0.1")}), [1, {"a": "0.1"}], ""),
    (lambda: np.arange(3), [0, 1, 2], ""),
    (lambda: np.float64(0.5), 0.5, ""),
    (fails, None, "KeyError: 'no model'"),
    (ends, None, "SystemExit: 3"),
    (object, None, "TypeError: object cannot be kept as JSON"),
    (lambda: "x" * 300_000, None, "it returned 300002 bytes of JSON; at most 262144 are kept"),
]


@pytest.mark.parametrize(("function", "value", "error"), CASES)
def test_an_answer_is_what_json_can_hold_and_a_fault_is_one(function: Any, value: Any, error: str) -> None:
    assert done_now(work(function), 7) == WorkDone(at_ns=7, number=1, value=value, error=error)


async def test_a_function_that_waits_holds_up_neither_the_loop_nor_the_others() -> None:
    said: list[WorkDone] = []
    workers = Workers(said.append)
    gate = threading.Event()
    for number in range(3):
        workers.do(work(gate.wait, number=number))
    for number in range(3, 40):
        workers.do(work(threading.get_ident, number=number))
    await eventually(lambda: len(said) == 37)
    assert threading.get_ident() not in {each.value for each in said}
    gate.set()
    await eventually(lambda: len(said) == 40)
    workers.stop()
    assert sorted(each.number for each in said) == list(range(40))


class Thinks(Strategy):
    symbol = SYMBOL

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.done: list[tuple[int, str]] = []

    def setup(self, m: Any) -> None:
        self.m = m
        with pytest.raises(ValueError, match="on_start is the first"):
            m.work(len, "abc")

    def on_book(self, book: Any) -> None:
        self.asked.append(self.m.work(len, "abc"))

    def on_work(self, done: WorkView) -> None:
        self.done.append((self.now_ns, repr(done)))


def test_too_much_work_is_not_begun_and_the_journal_says_so() -> None:
    strategy = Thinks()
    it = Exchange(strategy)
    for _ in range(70):
        it.book()
    assert len(it.of(Work)) == 64
    assert strategy.asked[-1] == 0
    assert it.records("work")[-1].fields["code"] == "too-many"
    it.give(WorkDone(at_ns=it.now, number=1, value=3))
    it.give(WorkDone(at_ns=it.now, number=1, value=3))
    assert strategy.done == [(it.now, "<Work 1 len 3>")]
    it.book()
    assert strategy.asked[-1] == 65


def top(at_ns: int) -> MarketTop:
    return MarketTop(symbol=SYMBOL, at_ns=at_ns, bid=600_000, bid_size=1, ask=600_010, ask_size=1)


def test_over_the_past_work_takes_a_stated_time() -> None:
    strategy = Thinks()
    it = Exchange(strategy)
    run = Backtest(it.engine, {}, write=lambda kind, fields, at_ns: True, work=done_now)
    asked = len(strategy.asked)
    run.take(top(T0 + 1))
    assert len(strategy.asked) == asked + 1
    run.take(top(T0 + WORK_NS))
    assert strategy.done == []
    run.take(top(T0 + WORK_NS + 2))
    assert [at_ns for at_ns, _ in strategy.done] == [T0 + 1 + WORK_NS]
