"""Books and trades of what is looked at."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.times import SECOND_NS
from hoga.dashboard.looking import LINGER_S, LOOKED_AT_MAX, Looking
from hoga.dashboard.snapshot import BookFrame, Snapshot, TradeFrames
from tests.dashboard.stage import STARTED_NS, book_frame, make_meta, make_snapshot, trade_frames

META = make_meta(12)
FIRST, SECOND = "binance:SYM000USDT", "binance:SYM001USDT"


def brought(
    looking: Looking,
    second: float,
    *,
    books: list[BookFrame] | None = None,
    trades: list[TradeFrames] | None = None,
    shown: set[str] | None = None,
) -> int:
    now_ns = STARTED_NS + int(second * SECOND_NS)
    whole: Snapshot = make_snapshot(META, ticks=1, now_ns=now_ns, books=books or [], trades=trades or [])
    looking.feed(whole, shown={FIRST} if shown is None else shown)
    return now_ns


def at(second: float) -> int:
    return STARTED_NS + int(second * SECOND_NS)


def looked(*choices: str) -> Looking:
    looking = Looking()
    looking.begin(META)
    looking.want(choices, 0.0)
    return looking


def told(message: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(message)
    return found


def test_the_first_book_is_asked_for_until_somebody_chooses() -> None:
    looking = Looking()
    assert looking.want([], 0.0) == []
    looking.begin(META)
    assert looking.want([], 1.0) == ["binance:sym000usdt@depth20@100ms", "binance:sym000usdt@aggTrade"]
    assert looking.want([SECOND], 2.0)[2:] == ["binance:sym001usdt@depth20@100ms", "binance:sym001usdt@aggTrade"]
    assert looking.want([SECOND, "binance:NOBODY"], 2.0 + LINGER_S)[0] == "binance:sym001usdt@depth20@100ms"
    assert len(looking.want([], 1e6)) == 2


def test_no_more_than_eight_instruments_are_asked_for() -> None:
    looking = looked(*(f"binance:SYM{number:03}USDT" for number in range(6)))
    wanted = looking.want([f"binance:SYM{number:03}USDT" for number in range(3, 12)], 5.0)
    assert len(wanted) == 2 * LOOKED_AT_MAX
    assert "binance:sym003usdt@aggTrade" in wanted and "binance:sym010usdt@aggTrade" in wanted


def test_a_column_a_second_and_the_newest_book_at_once() -> None:
    looking = looked(FIRST)
    for tenth in range(35):
        now_ns = brought(looking, tenth / 10, books=[book_frame(0, at(tenth / 10), middle=100.0 + tenth)])
    depth = told(looking.depth(FIRST, now_ns))
    assert depth["unit"] == "0.01"
    assert [column[0] for column in depth["cols"]] == [at(second) // 1_000_000 for second in range(4)]
    first_bids = depth["cols"][0][1]
    assert first_bids[:4] == [9_999, 1.5, 9_998, 2.5]
    book = told(looking.book(FIRST))
    assert book["bids"][0] == ["133.99", "1.5"]
    assert book["asks"][0] == ["134.01", "1.25"]
    assert looking.book(SECOND) == b""
    assert told(looking.depth(SECOND, now_ns))["cols"] == []
    assert told(looking.depth(FIRST, now_ns + 400 * SECOND_NS))["cols"] == []


def test_of_what_nobody_looks_at_only_a_book_a_second_is_read() -> None:
    looking = looked(FIRST)
    for tenth in range(15):
        brought(looking, tenth / 10, books=[book_frame(0, at(tenth / 10), middle=100.0 + tenth)], shown=set())
    assert told(looking.book(FIRST))["bids"][0][0] == "109.99"


def test_prices_that_turn_out_finer_make_the_unit_finer() -> None:
    looking = looked(FIRST)
    for second, price in enumerate(("100", "100.5", "100.125")):
        levels = [[price, "1"]]
        frame = msgspec.json.encode({"stream": "s", "data": {"lastUpdateId": second, "bids": levels, "asks": levels}})
        now_ns = brought(looking, second, books=[BookFrame(0, at(second), frame)])
    depth = told(looking.depth(FIRST, now_ns))
    assert depth["unit"] == "0.001"
    assert [column[1] for column in depth["cols"]] == [[100_000, 1], [100_500, 1], [100_125, 1]]


def test_trades_are_numbered_and_told_once() -> None:
    looking = looked(FIRST)
    now_ns = brought(looking, 1, trades=[trade_frames(1, count=3, first=1)])
    whole = told(looking.trades(FIRST, now_ns, whole=True))
    assert (whole["first"], len(whole["list"]), whole["lost"]) == (0, 3, 0)
    assert whole["list"][0][1:] == ["100.01", "0.5", -1]
    assert whole["list"][1][1:] == ["100.02", "0.5", 1]
    assert told(looking.trades(FIRST, now_ns, whole=False))["first"] == 0
    looking.tell()
    assert looking.trades(FIRST, now_ns, whole=False) == b""
    now_ns = brought(looking, 1.1, trades=[trade_frames(1, count=5, first=1)])
    fresh = told(looking.trades(FIRST, now_ns, whole=False))
    assert (fresh["first"], [row[1] for row in fresh["list"]]) == (3, ["100.04", "100.05"])
    looking.tell()
    now_ns = brought(looking, 1.2, trades=[trade_frames(1, count=100, first=90)])
    lost = told(looking.trades(FIRST, now_ns, whole=False))
    assert (lost["first"], len(lost["list"]), lost["lost"]) == (5, 11, 84)
    now_ns = brought(looking, 2, trades=[trade_frames(1, count=2, first=1)])  # the recorder counts anew
    assert told(looking.trades(FIRST, now_ns, whole=True))["first"] == 0
    assert len(told(looking.trades(FIRST, now_ns, whole=True))["list"]) == 18


def test_an_instrument_without_trades_says_so() -> None:
    looking = Looking()
    looking.begin(msgspec.structs.replace(META, streams=[row for row in META.streams if row.kind == "orderbook"]))
    looking.want([FIRST], 0.0)
    assert told(looking.trades(FIRST, 0, whole=True))["list"] is None
    assert looking.trades(FIRST, 0, whole=False) == b""


@pytest.mark.parametrize("frame", [b"", b"garbage", b'{"stream":"s","data":{}}', b'{"stream":"s","data":{"bids":[["x","y"]],"asks":[]}}'])
def test_a_frame_that_cannot_be_read_changes_nothing(frame: bytes) -> None:
    looking = looked(FIRST)
    brought(looking, 1, books=[book_frame(0, at(1))])
    brought(looking, 2, books=[BookFrame(0, at(2), frame)], trades=[TradeFrames(1, 1, [(at(2), frame)])])
    assert told(looking.book(FIRST))["bids"][0][0] == "99.99"
    assert told(looking.trades(FIRST, at(2), whole=True))["list"] == []


def test_another_run_with_the_same_instruments_goes_on() -> None:
    looking = looked(FIRST, SECOND)
    brought(looking, 1, books=[book_frame(0, at(1))])
    looking.begin(msgspec.structs.replace(META, streams=[row for row in META.streams if row.symbol == "SYM000USDT"][::-1]))
    assert looking.want([FIRST], 2.0) == ["binance:sym000usdt@depth20@100ms", "binance:sym000usdt@aggTrade"]
    assert len(told(looking.depth(FIRST, at(2)))["cols"]) == 1
    assert looking.book(SECOND) == b""


@pytest.mark.parametrize("shown", [{FIRST}, set()])
def test_a_clock_that_was_set_back_leaves_no_book_of_before(shown: set[str]) -> None:
    looking = looked(FIRST)
    for second in range(3600, 3605):
        brought(looking, second, books=[book_frame(0, at(second), middle=500.0)], shown=shown)
    for second in range(5, 8):  # an hour earlier by the clock
        now_ns = brought(looking, second, books=[book_frame(0, at(second), middle=100.0 + second)], shown=shown)
    book = told(looking.book(FIRST))
    assert (book["t"], book["bids"][0][0]) == (at(7) / 1_000_000, "106.99")
    columns = told(looking.depth(FIRST, now_ns))["cols"]
    assert [(column[0], column[1][0]) for column in columns] == [(at(second) // 1_000_000, 9_999 + 100 * second) for second in range(5, 8)]


def test_trades_that_a_clock_set_back_left_ahead_are_told_no_longer() -> None:
    looking = looked(FIRST)
    brought(looking, 3600, trades=[trade_frames(1, count=3, first=1, recv_ns=at(3600))])
    now_ns = brought(looking, 5, trades=[trade_frames(1, count=5, first=1, recv_ns=at(5))])
    fresh = told(looking.trades(FIRST, now_ns, whole=True))
    assert (fresh["first"], [row[1] for row in fresh["list"]]) == (3, ["100.04", "100.05"])
