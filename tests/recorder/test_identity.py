"""A frame is a duplicate only when its bytes say so: nothing else that arrives is ever dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hoga.archive.prove.verify import verify
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.recorder.fastpath import make_intake
from hoga.recorder.intake import DISK_FULL, GATED, Intake
from hoga.venues.registry import VENUES
from tests.recorder.workbench import SPOT, Bench, FakeLane, agg_trade, book, delta, frame, kline, stream
from tests.tries import tries

BOOK, TRADE, DELTA, KLINE = (stream("BTCUSDT", channel) for channel in ("depth20@100ms", "aggTrade", "depth@100ms", "kline_1m"))
UPBIT = VENUES["upbit"]
UPBIT_TRADE = UPBIT.parse_stream("KRW-BTC", "trade")


def taker(of: Stream, *, memory: int = 64) -> tuple[Intake, FakeLane]:
    lane = FakeLane()
    intake = make_intake(UPBIT if of.venue == "upbit" else SPOT, of, index=0, lane=lane, queue_max=10**9, memory=memory)
    intake.connected(1, 1000)
    return intake, lane


def trade_of(number: int, life: int) -> bytes:
    return agg_trade(number).replace(b"86704.78", b"%d.78" % (86_000 + life))


def told(kind: Stream, number: int, life: int) -> bytes:
    payloads = {BOOK: book(number, f"{97_000 + life}.29"), TRADE: trade_of(number, life), DELTA: delta(3 * number - 2, 3 * number)}
    payloads[DELTA] = payloads[DELTA].replace(b'"1","2"', b'"1","%d"' % life)
    return frame(kind, payloads[kind])


@pytest.mark.parametrize("of", [BOOK, TRADE, DELTA], ids=lambda of: of.channel)
def test_an_exchange_that_begins_to_number_anew_is_recorded_whole_and_the_jump_is_written_down(of: Stream) -> None:
    intake, lane = taker(of)
    for life in (1, 2):
        for number in range(1, 151):
            intake.take(life * SECOND_NS + number, told(of, number, life))
    assert lane.frames() == [told(of, number, life) for life in (1, 2) for number in range(1, 151)]
    assert (intake.duplicates, intake.jumps) == (0, 1)
    jump = next(gap for gap in lane.gaps if gap.detail)
    assert (jump.reason, jump.missed) == (Reason.SEQUENCE_GAP, None)
    assert "numbers anew" in (jump.detail or "")


def test_what_is_lost_in_the_new_numbering_is_a_hole_though_the_old_one_had_those_ids() -> None:
    intake, lane = taker(TRADE)
    for number in range(1, 151):
        intake.take(number, told(TRADE, number, 1))
    for number in (*range(1, 11), *range(21, 31)):
        intake.take(SECOND_NS + number, told(TRADE, number, 2))
    intake.drain_holes(older_than_ns=9 * SECOND_NS)
    assert [(gap.from_id, gap.to_id, gap.missed) for gap in lane.gaps if gap.from_id] == [(11, 20, 10)]


def test_a_cut_with_a_new_numbering_behind_it_does_not_claim_that_nothing_was_missed() -> None:
    intake, lane = taker(TRADE)
    for number in range(1, 20):
        intake.take(1000 + number, told(TRADE, number, 1))
    intake.disconnected(1, alive_ns=2000, reason=Reason.DISCONNECT, conn="binance-1")
    intake.connected(2, 3000)
    for number in range(1, 9):
        intake.take(3000 + number, told(TRADE, number, 2))
    assert len(lane.frames()) == 27
    assert [(gap.from_ns, gap.to_ns, gap.reason, gap.missed, gap.conn) for gap in lane.gaps] == [
        (2000, 3000, Reason.DISCONNECT, None, "binance-1")
    ]
    assert "numbers anew" in (lane.gaps[0].detail or "")


@pytest.mark.parametrize("of", [BOOK, TRADE, DELTA], ids=lambda of: of.channel)
def test_ids_of_an_earlier_life_do_not_throw_away_what_has_other_bytes(of: Stream) -> None:
    former, _ = taker(of)
    for number in range(1, 151):
        former.take(number, told(of, number, 1))
    lane = FakeLane()
    intake = make_intake(SPOT, of, index=0, lane=lane, queue_max=10**9, memory=64)
    intake.resume(ended_ns=500, reason=Reason.SHUTDOWN, runs=former.runs(), marks=former.marks())
    intake.connected(1, 1000)
    intake.take(1001, told(of, 150, 1))
    assert (intake.duplicates, intake.repeated) == (1, 0), "byte for byte what the former life had"
    for number in range(1, 151):
        intake.take(1001 + number, told(of, number, 2))
    assert lane.frames() == [told(of, number, 2) for number in range(1, 151)]


ODD_IDS = [
    b'{"e":"aggTrade","meta":{"a":7},"s":"BTCUSDT","a":%d,"p":"1"}',
    b'{"e":"aggTrade","meta":[{"a":7}],"s":"BTCUSDT","a":%d,"p":"1"}',
    b'{"e":"aggTrade","a":1.5e3,"p":"%d"}',
    b'{"e":"aggTrade","a":"7","p":"%d"}',
    b'{"e":"aggTrade","a":-7,"p":"%d"}',
    b'{"e":"aggTrade","a":null,"p":"%d"}',
    b'{"e":"aggTrade","note":"\\"a\\":7","a":%d}',
]


@pytest.mark.parametrize("payload", ODD_IDS, ids=range(len(ODD_IDS)))
def test_only_a_plain_integer_at_the_top_is_an_id(payload: bytes) -> None:
    intake, lane = taker(TRADE)
    frames = [frame(TRADE, payload % number) for number in range(1, 30)]
    for at, data in enumerate(frames):
        intake.take(at, data)
    assert lane.frames() == frames
    assert lane.gaps == []


def test_what_one_leg_brings_twice_is_repeated_and_what_two_bring_is_not() -> None:
    intake, lane = taker(BOOK)
    for number in (1, 2, 2, 1):
        intake.take(number, told(BOOK, number, 1))
    assert (intake.duplicates, intake.repeated, len(lane.odds)) == (2, 2, 2)
    intake.disconnected(1, alive_ns=9, reason=Reason.DISCONNECT)
    intake.connected(2, 10)
    for number in (1, 2, 3):
        intake.take(10 + number, told(BOOK, number, 1))
    assert (intake.duplicates, intake.repeated, intake.recorded) == (4, 2, 3), "the new leg lags behind the one that was cut"


def test_a_leg_that_lags_by_hundreds_of_frames_repeats_nothing_where_there_are_no_ids() -> None:
    intake, lane = taker(KLINE, memory=512)
    intake.connected(2, 1000)
    for number in range(400):
        intake.tag = 1 << 16
        intake.take(number, frame(KLINE, kline(number)))
        if number >= 140:
            intake.tag = 2 << 16
            intake.take(number, frame(KLINE, kline(number - 140)))
    assert lane.frames() == [frame(KLINE, kline(number)) for number in range(400)]
    assert intake.duplicates == 260


def test_a_snapshot_of_a_trade_that_came_already_is_a_duplicate_and_another_trade_is_not() -> None:
    def trade(number: int, price: int, at_ms: int, way: str) -> bytes:
        return (
            f'{{"type":"trade","code":"KRW-BTC","timestamp":{at_ms},"trade_timestamp":5,"trade_price":{price}.0,"ask_bid":"BID",'
            f'"sequential_id":{number},"stream_type":"{way}"}}'
        ).encode()

    intake, lane = taker(UPBIT_TRADE)
    live = [trade(7, 100, 10, "REALTIME"), trade(5, 101, 11, "REALTIME"), trade(6, 102, 12, "REALTIME")]
    for data in (*live, trade(6, 102, 99, "SNAPSHOT"), trade(6, 103, 99, "SNAPSHOT")):
        intake.take(1, data)
    assert lane.frames() == [*live, trade(6, 103, 99, "SNAPSHOT")]


@pytest.mark.parametrize("far", [1000, 10_000_000])
@pytest.mark.parametrize("slowly", [False, True])
def test_one_id_far_ahead_makes_no_gaps_that_overlap_and_each_id_is_missed_once(far: int, slowly: bool) -> None:
    intake, lane = taker(TRADE)
    ids = [*range(1, 20), far, *range(20, 101)]
    for at, number in enumerate(ids):
        now = at * SECOND_NS if slowly else at
        intake.take(now, told(TRADE, number, 1))
        intake.settle(now)
    intake.close_minute(200 * SECOND_NS, settle=True)
    spans = sorted((gap.from_id, gap.to_id, gap.missed) for gap in lane.gaps if gap.from_id is not None and gap.to_id is not None)
    assert len(lane.frames()) == 101
    assert spans == [(101, far - 1, far - 101)]


# two legs, restarts, jumps and repeats, against what a list of bytes can tell

_IDS = st.integers(1, 40)


class Interleavings(RuleBasedStateMachine):
    """Whatever two legs bring, in whatever order: every distinct frame is recorded once, and nothing else is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = FakeLane()
        self.now = 1000
        self.life = 1
        self.sent: list[bytes] = []
        self.received = 0
        self.next = {1: 1, 2: 1}

    @initialize(of=st.sampled_from([BOOK, TRADE, DELTA]), start=st.sampled_from([1, 95, 9_990, 100_530_416_202]))
    def begin(self, of: Stream, start: int) -> None:
        self.of = of
        self.start = start
        self.intake = make_intake(SPOT, of, index=0, lane=self.lane, queue_max=10**9, memory=4096)
        self.next = {1: start, 2: start}
        self.legs = [1]
        self.intake.connected(1, self.now)

    def bring(self, leg: int, number: int) -> None:
        self.now += 7
        self.received += 1
        data = told(self.of, number, self.life)
        self.sent.append(data)
        if len(self.legs) > 1:
            self.intake.tag = leg << 16
        assert self.intake.take(self.now, data)

    @rule(leg=st.integers(1, 2), count=st.integers(1, 12))
    def goes_on(self, leg: int, count: int) -> None:
        leg = leg if leg in self.legs else self.legs[0]
        for _ in range(count):
            self.bring(leg, self.next[leg])
            self.next[leg] += 1

    @rule(leg=st.integers(1, 2), ahead=st.sampled_from([2, 5, 900]))
    def jumps_ahead(self, leg: int, ahead: int) -> None:
        leg = leg if leg in self.legs else self.legs[0]
        self.next[leg] += ahead

    @rule(number=_IDS)
    def some_id(self, number: int) -> None:
        self.bring(self.legs[0], self.start + number)

    @rule(back=st.integers(1, 30))
    def repeats_itself(self, back: int) -> None:
        if self.sent:
            self.now += 7
            self.received += 1
            assert self.intake.take(self.now, self.sent[-min(back, len(self.sent))])

    @rule()
    def numbers_anew(self) -> None:
        self.life += 1
        self.next = {1: self.start, 2: self.start}

    @rule()
    def other_leg_comes_or_goes(self) -> None:
        self.now += 7
        if len(self.legs) == 1:
            other = 3 - self.legs[0]
            self.legs.append(other)
            self.next[other] = max(self.start, self.next[self.legs[0]] - 5)
            self.intake.connected(other, self.now)
        else:
            gone = self.legs.pop(0)
            self.intake.disconnected(gone, alive_ns=self.now, reason=Reason.DISCONNECT)

    @rule()
    def is_cut(self) -> None:
        self.now += 7
        for leg in self.legs:
            self.intake.disconnected(leg, alive_ns=self.now, reason=Reason.DISCONNECT)
        self.legs = [self.legs[0]]
        self.intake.connected(self.legs[0], self.now + 3)

    @rule(passes_s=st.sampled_from([0, 1, 3]))
    def a_second_passes(self, passes_s: int) -> None:
        self.now += passes_s * SECOND_NS
        self.intake.settle(self.now)

    @rule()
    def a_minute_ends(self) -> None:
        self.intake.close_minute(self.now + 1, settle=False)

    @invariant()
    def every_distinct_frame_is_recorded_once(self) -> None:
        recorded = self.lane.frames()
        assert len(recorded) == len(set(recorded)), "nothing twice"
        assert set(recorded) == set(self.sent), "nothing dropped"
        if self.sent:
            assert self.intake.n == self.received == self.intake.recorded + self.intake.duplicates

    @invariant()
    def no_id_is_missed_twice(self) -> None:
        if self.life == 1 and self.sent and self.of is TRADE:
            spans = sorted((gap.from_id, gap.to_id) for gap in self.lane.gaps if gap.from_id is not None and gap.to_id is not None)
            assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False)), spans


Interleavings.TestCase.settings = settings(max_examples=tries(60), stateful_step_count=30, deadline=None)
TestInterleavings = Interleavings.TestCase


# a gap lasts as long as its cause


async def closed_for(bench: Bench, seconds: int) -> None:
    """The gate is closed for so long; frames come all the while, ten a second."""
    leg = bench.recorder.legs.lives[0]
    bench.send(leg, BOOK, book(1))
    for intake in bench.recorder.intakes.values():
        intake.hold(GATED)
    for at in range(10 * seconds):
        bench.send(leg, BOOK, book(2 + at))
        bench.wait(0.1, tick=at % 10 == 9)


async def test_a_gate_that_is_closed_for_45_s_is_one_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    bench.connect()
    began = bench.now
    await closed_for(bench, 45)
    bench.recorder.intakes[BOOK.name].release(GATED, bench.now)
    bench.send(("binance-1", 1), BOOK, book(1000))
    ended = bench.now
    archive = await bench.finish()
    assert archive.gaps("BTCUSDT", "orderbook") == [Gap(began, ended, Reason.LATENCY_GATE, 450)]
    assert archive.check_balance("BTCUSDT", "orderbook") == (452, 2, 450)
    assert verify([tmp_path]).ok


async def test_a_gap_over_the_minutes_end_is_cut_and_its_pieces_touch(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK], start_ns=1_795_176_050 * SECOND_NS).start()
    bench.connect()
    began = bench.now
    await closed_for(bench, 80)
    bench.recorder.intakes[BOOK.name].release(GATED, bench.now)
    bench.send(("binance-1", 1), BOOK, book(1000))
    ended = bench.now
    archive = await bench.finish()
    gaps = archive.gaps("BTCUSDT", "orderbook")
    assert [gap.since_ns for gap in gaps] == [None, began, began][: len(gaps)]
    assert (gaps[0].from_ns, gaps[-1].to_ns) == (began, ended)
    assert all(before.to_ns == after.from_ns for before, after in zip(gaps, gaps[1:], strict=False))
    assert all(gap.to_ns % MINUTE_NS == 0 for gap in gaps[:-1])
    assert sum(gap.missed or 0 for gap in gaps) == 800
    assert bench.recorder.intakes[BOOK.name].gap_count == 1
    archive.check_balance("BTCUSDT", "orderbook")


async def test_an_open_gap_is_accounted_when_the_program_is_killed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    bench.connect()
    began = bench.now
    await closed_for(bench, 20)
    bench.flush()
    await bench.killed()
    gaps = bench.archive.gaps("BTCUSDT", "orderbook", Reason.LATENCY_GATE)
    assert [(gap.from_ns, gap.missed) for gap in gaps] == [(began, 200)]
    assert gaps[0].to_ns >= bench.now - SECOND_NS


def test_what_is_let_go_while_the_disk_refuses_is_disk_full_wherever_it_is_let_go() -> None:
    intake, lane = taker(BOOK)
    intake.queue_max = intake.limit = 3
    lane.waiting, lane.shed_reason = 3, Reason.DISK_FULL
    for number in range(1, 21):
        intake.take(number * SECOND_NS // 2, told(BOOK, number, 1))
        intake.settle(number * SECOND_NS // 2)
    assert lane.gaps == [], "the cause is still at work"
    lane.shed_reason = Reason.BACKPRESSURE
    intake.settle(20 * SECOND_NS)
    assert [(gap.reason, gap.missed) for gap in lane.gaps] == [(Reason.DISK_FULL, 17)]


def test_a_full_disk_is_one_gap_and_ends_with_it() -> None:
    intake, lane = taker(BOOK)
    intake.hold(DISK_FULL)
    for number in range(1, 11):
        intake.take(number * SECOND_NS, told(BOOK, number, 1))
        intake.settle(number * SECOND_NS)
    intake.release(DISK_FULL, 12 * SECOND_NS)
    assert lane.gaps == [Gap(SECOND_NS, 12 * SECOND_NS, Reason.DISK_FULL, 10)]


def test_a_frame_that_came_in_time_is_recorded_while_the_gate_is_closed() -> None:
    intake, lane = taker(TRADE)
    intake.in_time = lambda now, payload: now % 2 == 0
    intake.hold(GATED)
    for number in range(1, 11):
        intake.take(number, told(TRADE, number, 1))
    intake.release(GATED, 20)
    assert lane.frames() == [told(TRADE, number, 1) for number in range(2, 11, 2)]
    assert sum(gap.missed or 0 for gap in lane.gaps if gap.reason in COUNTED) == 5
