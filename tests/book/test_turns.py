"""Whose book is asked for next: those without a beginning first, each again after a break, and never one that nothing came for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.book.turns import SnapshotTurns
from hoga.core.times import SECOND_NS

HOUR_S = 3600.0


def turns(*symbols: str) -> SnapshotTurns:
    made = SnapshotTurns(symbols, every_s=HOUR_S)
    for symbol in symbols:
        look(made, symbol, 0, newest_s=0)
    return made


def look(found: SnapshotTurns, symbol: str, now_s: float, *, newest_s: float, breaks: int = 0, is_up: bool = True) -> bool:
    return found.look(symbol, breaks=breaks, newest_ns=int(newest_s * SECOND_NS), is_up=is_up, now_ns=int(now_s * SECOND_NS))


def due(found: SnapshotTurns, now_s: float) -> str | None:
    return found.next(int(now_s * SECOND_NS))


def test_nothing_is_asked_before_the_first_delta() -> None:
    found = SnapshotTurns(["A"], every_s=HOUR_S)
    look(found, "A", 1, newest_s=1)
    assert due(found, 1) is None, "it came before anybody looked"
    look(found, "A", 2, newest_s=2)
    assert due(found, 2) == "A"
    found.got("A", 3 * SECOND_NS)
    assert due(found, 3) is None


def test_a_hole_asks_again_once_deltas_have_come_after_it() -> None:
    found = turns("A")
    look(found, "A", 2, newest_s=2)
    found.got("A", 3 * SECOND_NS)
    assert look(found, "A", 10, newest_s=9, breaks=1)
    assert due(found, 10) is None, "the newest delta is from before it was known"
    assert not found.has_begun("A")
    look(found, "A", 11, newest_s=10.5, breaks=1)
    assert found.has_begun("A")
    assert due(found, 11) == "A"


def test_a_connection_that_is_lost_is_a_break() -> None:
    found = turns("A")
    look(found, "A", 2, newest_s=2)
    found.got("A", 3 * SECOND_NS)
    for now in (10, 11, 12):
        assert look(found, "A", now, newest_s=9, is_up=False)
        assert due(found, now) is None
    assert not look(found, "A", 13, newest_s=12.5)
    assert due(found, 13) == "A"


def test_those_without_a_beginning_come_first_and_the_oldest_of_the_others() -> None:
    found = turns("A", "B", "C")
    for symbol, at in (("A", 5), ("B", 4)):
        look(found, symbol, 2, newest_s=2)
        found.got(symbol, at * SECOND_NS)
    later = HOUR_S + 100
    for symbol in "ABC":
        look(found, symbol, later, newest_s=later)
    told = []
    while (symbol := due(found, later)) is not None:
        told.append(symbol)
        found.got(symbol, int(later * SECOND_NS))
    assert told == ["C", "B", "A"]
    assert found.waiting(int(later * SECOND_NS)) == (0, 3)


def test_what_failed_waits_and_the_others_do_not() -> None:
    found = turns("A", "B")
    for symbol in "AB":
        look(found, symbol, 2, newest_s=2)
    found.failed("A", 2 * SECOND_NS)
    assert due(found, 2) == "B"
    found.got("B", 2 * SECOND_NS)
    assert due(found, 2.5) is None
    assert due(found, 3) == "A"
    found.failed("A", 3 * SECOND_NS)
    assert due(found, 4) is None
    assert due(found, 5) == "A"
    assert found.waiting(5 * SECOND_NS) == (1, 2)
    assert found.waiting(5 * SECOND_NS, longer_s=10.0) == (0, 2)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["delta", "hole", "cut", "ask"])), max_size=40))
def test_a_symbol_is_due_exactly_when_a_delta_came_after_its_last_break_and_no_snapshot_since(acts: list[tuple[str, str]]) -> None:
    found = turns("A", "B", "C")
    breaks, newest = dict.fromkeys("ABC", 0), dict.fromkeys("ABC", 0.0)
    needs: dict[str, bool] = {}
    for now, (symbol, act) in enumerate(acts, 1):
        if act == "delta":
            newest[symbol] = now
            needs.setdefault(symbol, True)
        elif act == "hole":
            breaks[symbol] += 1
        if act in ("hole", "cut"):
            needs.pop(symbol, None)
        look(found, symbol, now, newest_s=newest[symbol], breaks=breaks[symbol], is_up=act != "cut")
        if act == "ask" and (asked := due(found, now)) is not None:
            assert needs[asked]
            found.got(asked, now * SECOND_NS)
            needs[asked] = False
        waiting = {each for each, needed in needs.items() if needed}
        assert found.waiting(now * SECOND_NS)[0] == len(waiting)


def test_a_market_that_leaves_its_snapshot_is_asked_for_before_the_old_ones_and_after_those_without_any() -> None:
    found = turns("A", "B", "C")
    for symbol in "AB":
        look(found, symbol, 2, newest_s=2)
        found.got(symbol, 3 * SECOND_NS)
    found.leaving("B", 20 * SECOND_NS)
    assert due(found, 20) is None, "not so soon after the last one"
    found.leaving("C", 20 * SECOND_NS)
    later = HOUR_S + 10
    for symbol in "ABC":
        look(found, symbol, later, newest_s=later)
    found.leaving("B", int(later * SECOND_NS))
    told = []
    while (symbol := due(found, later)) is not None:
        told.append(symbol)
        found.got(symbol, int(later * SECOND_NS))
    assert told == ["C", "B", "A"]


def test_a_break_after_the_clock_was_set_back_asks_at_once() -> None:
    found = turns("A")
    look(found, "A", 100_000, newest_s=100_000)
    found.got("A", 100_001 * SECOND_NS)
    look(found, "A", 70_000, newest_s=69_999.5)
    assert due(found, 70_000) is None, "it is no break"
    look(found, "A", 70_010, newest_s=70_009, breaks=1)
    look(found, "A", 70_020, newest_s=70_019, breaks=1)
    assert due(found, 70_020) == "A"
    assert found.waiting(70_020 * SECOND_NS) == (1, 1)
    found.got("A", 70_021 * SECOND_NS)
    assert due(found, 70_022) is None
    look(found, "A", 70_000 + 2 * HOUR_S, newest_s=70_000 + 2 * HOUR_S, breaks=1)
    assert due(found, 70_000 + 2 * HOUR_S) == "A", "its snapshot is old"


def test_what_waited_when_the_clock_was_set_back_still_does() -> None:
    found = turns("A", "B")
    for symbol in "AB":
        look(found, symbol, 100_000, newest_s=100_000)
    found.got("A", 100_001 * SECOND_NS)
    found.failed("B", 100_001 * SECOND_NS)
    look(found, "A", 100_002, newest_s=100_001.5, breaks=1)
    look(found, "A", 70_000, newest_s=69_999.5, breaks=1)
    look(found, "B", 70_000, newest_s=69_999.5)
    assert due(found, 70_000) == "B", "no pause of the old time holds it up; nothing has come of A since its break"
    found.got("B", 70_000 * SECOND_NS)
    look(found, "A", 70_001, newest_s=70_000.5, breaks=1)
    assert due(found, 70_001) == "A"
