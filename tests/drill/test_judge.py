"""The judge of a drill finds what it is there for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from hoga.app.drill.judge import Truth, crossings, judged, known_after_s
from hoga.audit.chain import Record
from hoga.core.times import SECOND_NS

SYMBOL = "one:BTCUSDT"


def record(n: int, kind: str, t: int = 0, **fields: Any) -> Record:
    return Record(n=n, t=t, m=None, b=1, kind=kind, fields=fields, hash=b"")


JOURNAL = [
    record(1, "config", sym=SYMBOL, pp=-1, sp=-3),
    record(2, "order.intent", id="a"),
    record(3, "order.fill", id="a", sym=SYMBOL, side="B", q=10),
    record(4, "order.intent", id="b"),
    record(5, "order.fill", id="b", sym=SYMBOL, side="S", q=4),
]
GOOD = Truth(placed=("a", "b"), trades=(Decimal("0.010"), Decimal("-0.004")), position=Decimal("0.006"))
HELD = Decimal("0.006")


def test_what_agrees_is_good() -> None:
    assert judged(GOOD, JOURNAL, held=HELD, wanted=HELD) == []


@pytest.mark.parametrize(
    "truth, journal, held, says",
    [
        (Truth(placed=("a", "b", "b"), trades=GOOD.trades, position=HELD), JOURNAL, HELD, "b was sent 2 times"),
        (Truth(placed=("a", "b", "c"), trades=GOOD.trades, position=HELD), JOURNAL, HELD, "c is in no record of the journal"),
        (GOOD, JOURNAL[:-1], HELD, "trades that the journal lacks: -0.004"),
        (GOOD, [*JOURNAL, JOURNAL[2]], HELD, "that the exchange does not know: 0.010"),
        (GOOD, JOURNAL, Decimal("0.010"), "the trader says that it holds 0.010"),
        (Truth(placed=("a", "b"), trades=GOOD.trades, position=Decimal("0.016")), JOURNAL, Decimal("0.016"), "the position is 0.016"),
    ],
)
def test_what_does_not_is_named(truth: Truth, journal: list[Record], held: Decimal, says: str) -> None:
    assert any(says in each for each in judged(truth, journal, held=held, wanted=HELD))


def test_how_long_the_newest_life_did_not_know() -> None:
    lives = [record(1, "boot", 0), record(2, "recon.end", SECOND_NS), record(3, "boot", 9 * SECOND_NS)]
    assert known_after_s(lives) is None
    later = [record(4, "recon.begin", 10 * SECOND_NS), record(5, "recon.end", 11 * SECOND_NS), record(6, "recon.end", 90 * SECOND_NS)]
    assert known_after_s([*lives, *later]) == 2.0


def test_a_position_that_changes_sides_is_seen() -> None:
    assert crossings(Decimal(2), [Decimal(-1), Decimal(-1), Decimal(1)]) == 0
    assert crossings(Decimal(2), [Decimal(-3), Decimal(1)]) == 1
