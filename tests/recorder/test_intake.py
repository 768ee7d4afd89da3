"""One stream's way in. The fast path must never say anything else than the slow one."""

from __future__ import annotations

import tracemalloc
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.streams import Stream
from hoga.recorder.fastpath import make_intake
from hoga.recorder.intake import FRESH, GATED, OVERLAP, Intake
from hoga.recorder.trail import Trail
from tests.recorder.workbench import SPOT, FakeLane, agg_trade, book, delta, frame, kline, stream
from tests.tries import tries

BOOK, TRADE, DELTA, KLINE = (stream("BTCUSDT", channel) for channel in ("depth20@100ms", "aggTrade", "depth@100ms", "kline_1m"))


def made(of: Stream, *, queue_max: int = 10**9, memory: int = 8) -> tuple[Intake, FakeLane]:
    lane = FakeLane()
    return make_intake(SPOT, of, index=0, lane=lane, queue_max=queue_max, memory=memory), lane


def connected(of: Stream, **fields: int) -> tuple[Intake, FakeLane]:
    intake, lane = made(of, **fields)
    intake.connected(1, 1000)
    return intake, lane


def balanced(intake: Intake, lane: FakeLane) -> None:
    intake.cut_counting(1 << 62)
    counted = sum(gap.missed or 0 for gap in lane.gaps if gap.reason in COUNTED)
    assert intake.n == intake.recorded + intake.duplicates + counted
    assert intake.recorded == len(lane.frames())


# fast and slow


def spelled(payload: bytes, of: Stream, way: int) -> bytes:
    """The same frame in other spellings a server may choose, and some it must not."""
    usual = frame(of, payload)
    if way == 1:
        return b'{"stream": "' + of.name.encode() + b'", "data": ' + payload + b"}"
    if way == 2:
        return b'{"data":' + payload + b',"stream":"' + of.name.encode() + b'"}'
    if way == 3:
        return usual[:-1] + b" }"
    if way == 4:
        return usual.replace(b":", b": ")
    if way == 5:
        return usual[: len(usual) * 2 // 3]
    if way == 6:
        return (
            usual.replace(b'"lastUpdateId":', b'"zzz":1,"lastUpdateId":')
            .replace(b'"a":', b'"zzz":1,"a":')
            .replace(b'"U":', b'"zzz":1,"U":')
        )
    if way == 7:
        return usual[:-1] + b',"extra":{"a":1}}'
    return usual


events = st.one_of(
    st.tuples(st.just("frame"), st.integers(-12, 30), st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7])),
    st.tuples(st.just("id"), st.sampled_from([1, 9, 10, 999, 1000, 99_999, 2**53 + 3, 10**18, 10**25]), st.just(0)),
    st.tuples(st.sampled_from(["gate", "open", "cut", "tick", "second", "minute", "leg", "unleg"]), st.just(0), st.just(0)),
)


@pytest.mark.parametrize("of", [BOOK, TRADE, DELTA, KLINE], ids=lambda of: of.channel)
@settings(deadline=None, max_examples=tries(60))
@given(st.sampled_from([3, 96, 995, 9_990, 100_530_416_202]), st.lists(events, max_size=80))
def test_fast_and_slow_path_agree(of: Stream, start: int, script: list[tuple[str, int, int]]) -> None:
    """Any sequence of frames and events leaves the same records, gaps, asides and counts whichever path takes the frames."""
    fast, fast_lane = connected(of)
    slow, slow_lane = connected(of)
    now, number, legs = 1000, start, 1
    for what, value, way in script:
        now += 7
        if what in ("frame", "id"):
            number = max(1, number + max(value, 1)) if what == "frame" else number
            last = max(1, number + min(value, 0)) if what == "frame" else value
            payload = {
                BOOK: lambda n=last: book(n),
                TRADE: lambda n=last: agg_trade(n),
                DELTA: lambda n=last: delta(max(1, n - 2), n),
                KLINE: lambda n=last: kline(n),
            }[of]()
            data = spelled(payload, of, way)
            taken = fast.take(now, data), slow.take_slow(now, data)
            assert bool(taken[0]) == bool(taken[1])
            continue
        for intake in (fast, slow):
            if what == "gate":
                intake.mode |= GATED
            elif what == "open":
                intake.mode &= ~GATED
            elif what == "cut":
                for leg in range(1, legs + 1):
                    intake.disconnected(leg, alive_ns=now, reason=Reason.DISCONNECT)
                intake.connected(1, now + 3)
            elif what == "tick":
                intake.cut_counting(now)
                intake.drain_holes(older_than_ns=now - 20)
            elif what == "second":
                intake.settle(now)
            elif what == "minute":
                intake.close_minute(now, settle=False)
            elif what == "leg":
                intake.connected(2, now)
            else:
                intake.disconnected(2, alive_ns=now, reason=Reason.DISCONNECT)
        legs = {"cut": 1, "leg": 2, "unleg": 1}.get(what, legs)
    for intake in (fast, slow):
        intake.close_minute(now + 1, settle=True)
    assert fast_lane.all() == slow_lane.all()
    assert fast_lane.gaps == slow_lane.gaps
    assert fast_lane.odds == slow_lane.odds
    assert (fast.n, fast.recorded, fast.duplicates, fast.reordered) == (slow.n, slow.recorded, slow.duplicates, slow.reordered)
    balanced(fast, fast_lane)


@pytest.mark.parametrize("of", [BOOK, TRADE, DELTA], ids=lambda of: of.channel)
def test_what_was_put_away_once_a_second_is_known_as_well(of: Stream) -> None:
    """The newest frames are duplicates when they come again, older ones are not known any more, however often a second ended."""
    (fast, fast_lane), (slow, slow_lane) = connected(of, memory=64), connected(of, memory=64)
    first = 100_530_416_202
    frames = [
        frame(of, {BOOK: book(number), TRADE: agg_trade(number), DELTA: delta(number, number)}[of])
        for number in range(first, first + 5_000)
    ]
    for at, data in enumerate(frames):
        for intake in (fast, slow):
            (intake.take if intake is fast else intake.take_slow)(at, data)
            if at % 37 == 0:
                intake.settle(at)
    assert fast.marks() == slow.marks()
    for data in frames[-60:]:
        for intake in (fast, slow):
            intake.take_slow(6_000, data)
    assert fast.duplicates == slow.duplicates == 60
    balanced(fast, fast_lane)
    assert fast_lane.all() == slow_lane.all()


@given(
    st.integers(1, 80),
    st.integers(1, 12),
    st.booleans(),
    st.lists(st.one_of(st.integers(1, 90), st.sampled_from(["rest", "take"])), max_size=30),
)
def test_a_trail_keeps_what_plain_queues_keep(size: int, width: int, with_ids: bool, script: list[int | str]) -> None:
    trail, ids, marks = Trail(size, index=width, with_ids=with_ids), deque[int](maxlen=size), deque[int](maxlen=size)
    number = 0
    for step in [*script, "take"]:
        if step == "rest":
            trail.rest()
        elif step == "take":
            assert trail.take() == (list(ids), list(marks))
            assert not trail.rested
            ids.clear()
            marks.clear()
            assert trail.take() == ([], [])
        else:
            for _ in range(int(step)):
                number += 1
                mark = number * 2_654_435_761 & 0xFFFFFFFF
                if with_ids:
                    trail.newest.append((b"%d" % (number % 10**width)).zfill(width))
                    ids.append(number % 10**width)
                trail.newest.append(mark)
                marks.append(mark)


@pytest.mark.parametrize("of", [BOOK, TRADE, DELTA])
def test_ids_that_gain_a_digit_go_on(of: Stream) -> None:
    intake, lane = connected(of)
    for number in range(9_995, 10_006):
        intake.take(number, frame(of, {BOOK: book(number), TRADE: agg_trade(number), DELTA: delta(number, number)}[of]))
    assert len(lane.frames()) == 11
    assert intake.duplicates == 0
    assert lane.gaps == []


def test_an_older_id_with_fewer_digits_is_no_new_frame() -> None:
    intake, lane = connected(BOOK)
    for number in (10_000, 10_001, 9_999, 9_999):
        intake.take(number, frame(BOOK, book(number)))
    assert (intake.recorded, intake.reordered, intake.duplicates) == (3, 1, 1)
    balanced(intake, lane)


# every frame is accounted for


@pytest.mark.parametrize(
    "payload", [b'{"foo":1}', book(2**63), b'{"lastUpdateId":"7","bids":[]}', b'{"lastUpdateId":' + b"9" * 5000 + b"}"], ids=range(4)
)
def test_a_book_without_a_usable_id_is_recorded_and_misleads_nobody(payload: bytes) -> None:
    intake, lane = connected(BOOK)
    intake.take(1, frame(BOOK, book(5)))
    intake.take(2, frame(BOOK, payload))
    intake.take(3, frame(BOOK, book(6)))
    assert lane.frames() == [frame(BOOK, book(5)), frame(BOOK, payload), frame(BOOK, book(6))]
    balanced(intake, lane)
    assert not lane.gaps
    assert not lane.odds


def test_a_book_with_an_empty_side_is_a_book() -> None:
    intake, lane = connected(BOOK)
    data = frame(BOOK, b'{"lastUpdateId":5,"bids":[],"asks":[["1","2"]]}')
    intake.take(1, data)
    assert lane.frames() == [data]


def test_duplicates_on_one_leg_are_kept_aside_and_between_two_legs_not() -> None:
    intake, lane = connected(TRADE)
    intake.take(1, frame(TRADE, agg_trade(1)))
    intake.take(2, frame(TRADE, agg_trade(1)))
    assert [why for why, _ in lane.odds] == ["duplicate"]
    intake.connected(2, 3)
    assert intake.mode & OVERLAP
    intake.take(4, frame(TRADE, agg_trade(1)))
    assert len(lane.odds) == 1
    assert intake.duplicates == 2
    balanced(intake, lane)


def test_a_stream_without_ids_drops_only_equal_frames() -> None:
    intake, lane = connected(KLINE)
    for number in (1, 1, 2, 1):
        intake.take(number, frame(KLINE, kline(number)))
    assert (intake.recorded, intake.duplicates) == (2, 2)
    balanced(intake, lane)


def test_a_full_queue_sheds_and_says_so_then_goes_on() -> None:
    intake, lane = connected(BOOK, queue_max=5)
    lane.waiting = 5
    for number in range(1, 9):
        intake.take(number, frame(BOOK, book(number)))
    assert intake.recorded == 5
    lane.waiting = 2
    for number in range(10, 20):
        intake.take(30_000_000 + number, frame(BOOK, book(number)))
    assert intake.recorded == 15
    balanced(intake, lane)
    assert {gap.reason for gap in lane.gaps} == {Reason.BACKPRESSURE}


def test_records_let_go_afterwards_are_counted() -> None:
    intake, lane = connected(BOOK)
    for number in (1, 2, 3):
        intake.take(number, frame(BOOK, book(number)))
    intake.count_lost(Reason.DISK_FULL, 2, 3, 2)
    intake.settle(4)
    assert intake.recorded == 1
    assert lane.gaps == [Gap(2, 3, Reason.DISK_FULL, 2)]


# what cuts cost


def test_a_cut_is_a_gap_from_the_last_sign_of_life_to_the_next_connection() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=1150, reason=Reason.DISCONNECT)
    intake.connected(2, 1900)
    assert lane.gaps == []
    intake.take(2000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1150, 1900, Reason.DISCONNECT, None)]


@pytest.mark.parametrize(("next_id", "missed", "ids"), [(2, 0, (None, None)), (6, 4, (2, 5))])
def test_ids_tell_what_a_cut_cost(next_id: int, missed: int, ids: tuple[int | None, int | None]) -> None:
    intake, lane = connected(TRADE)
    intake.take(1100, frame(TRADE, agg_trade(1)))
    intake.disconnected(1, alive_ns=1150, reason=Reason.DISCONNECT)
    intake.connected(2, 1900)
    intake.take(2000, frame(TRADE, agg_trade(next_id)))
    assert lane.gaps == [Gap(1150, 1900, Reason.DISCONNECT, missed, *ids)]


def test_a_gap_is_written_down_even_when_the_first_frame_after_it_may_not_be_recorded() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=1150, reason=Reason.DISCONNECT)
    intake.mode |= GATED
    intake.connected(2, 1900)
    intake.take(2000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1150, 1900, Reason.DISCONNECT, None)]
    balanced(intake, lane)


def test_a_connection_that_brings_nothing_prolongs_the_gap() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=1100, reason=Reason.DISCONNECT)
    intake.connected(2, 1500)
    intake.disconnected(2, alive_ns=1600, reason=Reason.DISCONNECT)
    intake.connected(3, 1900)
    intake.take(2000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1100, 1900, Reason.DISCONNECT, None)]


def test_an_open_gap_is_cut_at_the_minute_and_goes_on_behind_it() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=1150, reason=Reason.DISCONNECT)
    intake.close_minute(1500, settle=False)
    intake.connected(2, 1900)
    intake.take(2000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1150, 1500, Reason.DISCONNECT, None), Gap(1500, 1900, Reason.DISCONNECT, None, since_ns=1150)]


def test_a_silence_that_ends_in_a_cut_is_not_forgotten() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.silent(1100)
    intake.disconnected(1, alive_ns=5000, reason=Reason.DISCONNECT)
    intake.connected(2, 5500)
    intake.take(6000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1100, 5000, Reason.SILENCE, None), Gap(5000, 5500, Reason.DISCONNECT, None)]


def test_a_silence_ends_with_the_next_frame() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.silent(1100)
    intake.silent(1100)
    assert intake.mode & FRESH
    intake.take(6000, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(1100, 6000, Reason.SILENCE, None)]


def test_one_of_two_legs_gone_is_no_gap() -> None:
    intake, lane = connected(BOOK)
    intake.connected(2, 1010)
    intake.take(1100, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=1150, reason=Reason.DISCONNECT)
    intake.take(1200, frame(BOOK, book(2)))
    assert lane.gaps == []
    assert not intake.mode & OVERLAP
    assert intake.tag >> 16 == 2


SECOND = 1_000_000_000


@pytest.mark.parametrize(("rest_dead", "gaps"), [(False, 0), (True, 1)])
def test_a_leg_that_is_left_and_dead_is_none(rest_dead: bool, gaps: int) -> None:
    intake, lane = connected(BOOK)
    intake.connected(2, SECOND)
    intake.take(10 * SECOND, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=11 * SECOND, reason=Reason.DISCONNECT, conn="binance-1", rest_dead=rest_dead)
    assert intake.has_open == bool(gaps)
    intake.connected(3, 13 * SECOND)
    intake.take(14 * SECOND, frame(BOOK, book(9)))
    assert lane.gaps == [Gap(11 * SECOND, 13 * SECOND, Reason.DISCONNECT, None, conn="binance-1")][:gaps]


def test_a_leg_that_was_dead_while_it_was_the_only_one_has_a_gap_of_that_time_at_its_end() -> None:
    intake, lane = connected(BOOK)
    intake.take(9 * SECOND, frame(BOOK, book(1)))
    intake.connected(2, SECOND * 10)
    intake.take(13 * SECOND, frame(BOOK, book(9)))
    intake.disconnected(1, alive_ns=9 * SECOND, reason=Reason.DISCONNECT, conn="binance-1", was_dead=True)
    assert lane.gaps == [Gap(9 * SECOND, 10 * SECOND, Reason.SILENCE, None, conn="binance-1")]
    assert not intake.has_open


@pytest.mark.parametrize(("alive_ns", "was_dead"), [(11 * SECOND, True), (9 * SECOND, False)])
def test_a_leg_that_lived_when_another_came_has_no_gap_of_the_time_before(alive_ns: int, was_dead: bool) -> None:
    intake, lane = connected(BOOK)
    intake.take(9 * SECOND, frame(BOOK, book(1)))
    intake.connected(2, SECOND * 10)
    intake.take(13 * SECOND, frame(BOOK, book(9)))
    intake.disconnected(1, alive_ns=alive_ns, reason=Reason.DISCONNECT, was_dead=was_dead)
    assert lane.gaps == []


def test_what_was_missing_since_a_leg_seemed_dead_ends_where_it_brings_again() -> None:
    intake, lane = connected(BOOK)
    intake.connected(2, SECOND)
    intake.take(10 * SECOND, frame(BOOK, book(1)))
    intake.disconnected(1, alive_ns=11 * SECOND, reason=Reason.DISCONNECT, rest_dead=True)
    intake.comes_again(13 * SECOND, intake.down_from_ns)
    assert intake.has_open, "until a frame comes the journal has nothing else that tells of it"
    assert intake.open_gaps(14 * SECOND) == [Gap(11 * SECOND, 13 * SECOND, Reason.DISCONNECT, None)]
    intake.take(60 * SECOND, frame(BOOK, book(9)))
    assert not intake.has_open
    intake.comes_again(61 * SECOND, intake.down_from_ns)
    intake.take(62 * SECOND, frame(BOOK, book(10)))
    assert lane.gaps == [Gap(11 * SECOND, 13 * SECOND, Reason.DISCONNECT, None)]


def test_a_silence_begins_where_the_gap_before_it_ended() -> None:
    intake, lane = connected(BOOK)
    intake.take(1100, frame(BOOK, book(1)))
    intake.connected(2, 1150)
    intake.silent(1200)
    intake.connected(3, 1900)
    intake.silent(1100)
    intake.take(2500, frame(BOOK, book(2)))
    assert lane.gaps == [Gap(1200, 1900, Reason.SILENCE, None), Gap(1900, 2500, Reason.SILENCE, None)]


def test_a_hole_is_written_down_when_nothing_late_can_fill_it() -> None:
    intake, lane = connected(TRADE)
    for now, number in ((1000, 1), (1010, 5), (1020, 3)):
        intake.take(now, frame(TRADE, agg_trade(number)))
    intake.drain_holes(older_than_ns=1010)
    assert lane.gaps == []
    intake.drain_holes(older_than_ns=1020)
    assert lane.gaps == [], "something late is still filling it"
    intake.drain_holes(older_than_ns=1021)
    assert lane.gaps == [
        Gap(1000, 1010, Reason.SEQUENCE_GAP, 1, 2, 2),
        Gap(1000, 1010, Reason.SEQUENCE_GAP, 1, 4, 4),
    ]
    assert intake.reordered == 1


def test_a_young_hole_survives_the_minute_and_is_settled_at_the_end() -> None:
    intake, lane = connected(TRADE)
    for now, number in ((1000, 1), (1010, 3)):
        intake.take(now, frame(TRADE, agg_trade(number)))
    intake.close_minute(1015, settle=False)
    assert lane.gaps == []
    intake.take(1020, frame(TRADE, agg_trade(2)))
    assert intake.recorded == 3
    intake.take(1030, frame(TRADE, agg_trade(6)))
    intake.close_minute(1031, settle=True)
    assert lane.gaps == [Gap(1010, 1030, Reason.SEQUENCE_GAP, 2, 4, 5)]


def test_a_new_life_says_what_the_time_between_cost() -> None:
    intake, lane = made(TRADE)
    former, _ = connected(TRADE)
    former.take(400, frame(TRADE, agg_trade(7)))
    intake.resume(ended_ns=500, reason=Reason.CRASH, runs=[(1, 7)], marks=former.marks())
    intake.connected(1, 900)
    intake.take(1000, frame(TRADE, agg_trade(7)))
    intake.take(1001, frame(TRADE, agg_trade(10)))
    assert lane.gaps == [Gap(500, 900, Reason.CRASH, 2, 8, 9)]
    assert intake.duplicates == 1


def test_the_newest_frame_is_told_recorded_or_not() -> None:
    intake, _ = connected(BOOK)
    intake.take(1, frame(BOOK, book(1)))
    assert intake.newest() == (1, frame(BOOK, book(1)))
    intake.mode |= GATED
    intake.take(2, frame(BOOK, book(2)))
    assert intake.newest() == (2, frame(BOOK, book(2)))


def test_the_route_gets_recorded_frames_only() -> None:
    intake, _ = connected(BOOK)
    routed: list[bytes] = []
    intake.route = lambda now, data: routed.append(data)
    for number in (1, 2, 2):
        intake.take(number, frame(BOOK, book(number)))
    assert routed == [frame(BOOK, book(1)), frame(BOOK, book(2))]


@pytest.mark.parametrize("symbol", ["币安人生USDT", "1000SATSUSDT"])
def test_any_symbol_is_recorded(symbol: str) -> None:
    of = stream(symbol, "depth20@100ms")
    intake, lane = connected(of)
    for number in (1, 2):
        assert intake.take(number, frame(of, book(number)))
    assert lane.frames() == [frame(of, book(1)), frame(of, book(2))]


def test_a_trail_leaves_nothing_behind_whatever_it_held() -> None:
    trail = Trail(4096, index=0, with_ids=True)
    tracemalloc.start()
    try:
        for count in (*range(64, 700, 2), *range(700, 4_000, 300)):
            for number in range(count):
                trail.newest.extend((b"%011d" % number, number))
            trail.rest()
            assert trail.take() == (list(range(count)), list(range(count)))
        assert tracemalloc.get_traced_memory()[0] < 200_000, "what was made for one length is not kept for the next"
    finally:
        tracemalloc.stop()
