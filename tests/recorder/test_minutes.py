"""The minute's end, by the recorder as a whole: every frame in its minute, under its connection, counted once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.keep.life import LastLife
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS, day_start_ns
from hoga.recorder.fastpath import IncreasingIntake
from tests.recorder.workbench import MS, NOON_NS, SPOT, Bench, agg_trade, book, delta, frame, stream
from tests.tries import tries

BOOK, TRADE, DELTA = (stream("BTCUSDT", channel) for channel in ("depth20@100ms", "aggTrade", "depth@100ms"))
MIDNIGHT_NS = day_start_ns("2026-11-21")


async def test_a_batch_over_the_minutes_end_is_parted_and_keeps_its_connection(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK], start_ns=NOON_NS + 59 * SECOND_NS).start()
    leg = bench.connect(conn="binance-7", epoch=3)
    bench.now = NOON_NS + MINUTE_NS - 3 * MS
    for number in range(1, 7):
        bench.send(leg, BOOK, book(number))
        bench.now += MS
    archive = await bench.finish()
    first, second = archive.files("BTCUSDT", "orderbook")
    assert (first.stem[-5:], second.stem[-5:]) == ("12-00", "12-01")
    lines = archive.lines("BTCUSDT", "orderbook")
    assert [line["lastUpdateId"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {(line["conn"], line["epoch"]) for line in lines} == {("binance-7", 3)}
    assert [segment.records for segment in archive.segments("BTCUSDT", "orderbook")] == [3, 3]
    assert archive.check_balance("BTCUSDT", "orderbook") == (6, 6, 0)


async def test_a_frame_whose_gap_is_told_after_the_minutes_end_is_of_its_own_minute(tmp_path: Path) -> None:
    """The clock goes on between a frame's receipt and the note of the gap that it ends."""
    bench = Bench(tmp_path, [TRADE], start_ns=NOON_NS + 59 * SECOND_NS).start()
    leg = bench.connect()
    bench.send(leg, TRADE, agg_trade(1))
    bench.cut(leg)
    leg = bench.connect(epoch=2)
    take = bench.tables[leg][SPOT.frame_key(TRADE)]
    end = NOON_NS + MINUTE_NS
    bench.now = end + MS
    assert take(end - MS, frame(TRADE, agg_trade(5)))
    assert take(end + 2 * MS, frame(TRADE, agg_trade(6)))
    await bench.finish()
    report = verify([tmp_path])
    assert report.ok, report.problems
    assert [line["a"] for line in bench.archive.lines("BTCUSDT", "execution")] == [1, 5, 6]
    assert [segment.records for segment in bench.archive.segments("BTCUSDT", "execution")] == [2, 1]


async def test_the_median_in_force_holds_over_the_minutes_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    bench.recorder.lateness._of("BTCUSDT").told_ns = 24_700_000
    bench.recorder._tell_latency("BTCUSDT", 24_700_000, 2_000)
    for number in (1, 2):
        bench.send(leg, BOOK, book(number))
        bench.flush()
        bench.wait(60)
    lines = (await bench.finish()).lines("BTCUSDT", "orderbook")
    assert [line["latencyMs"] for line in lines] == [24.7, 24.7]
    assert [line["timeSource"] for line in lines] == ["estimated", "estimated"]
    assert lines[1]["eventTime"] == (lines[1]["recvNs"] - 24_702_000) // MS


async def test_frames_after_a_quiet_minutes_end_are_not_held_back(tmp_path: Path) -> None:
    """The opening notes of a minute stand in the batch; they must not keep the first frames waiting for a full one."""
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    bench.wait(60)
    lane = bench.recorder.lanes[0]
    assert lane.records == []
    bench.send(leg, BOOK, book(1))
    assert lane._pulse.armed
    await bench.finish()


async def test_what_was_not_recorded_is_counted_in_the_same_minute_as_received(tmp_path: Path) -> None:
    """A counted gap that is told just after the minute's end, before the batch is parted, is of the ended minute."""
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    intake = bench.recorder.intakes[BOOK.name]
    bench.send(leg, BOOK, book(1))
    intake.mode |= 1
    for number in (2, 3, 4):
        bench.send(leg, BOOK, book(number))
    bench.now = NOON_NS + MINUTE_NS + MS
    bench.recorder.tick(bench.now)
    bench.send(leg, BOOK, book(5))
    intake.mode &= ~1
    bench.send(leg, BOOK, book(6))
    archive = await bench.finish()
    assert archive.check_balance("BTCUSDT", "orderbook") == (6, 2, 4)


async def test_a_minute_in_which_everything_was_shed_is_accounted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    bench.recorder.set_disk_full(True)
    for number in range(1, 6):
        bench.send(leg, BOOK, book(number))
    bench.wait(60)
    bench.recorder.set_disk_full(False)
    bench.send(leg, BOOK, book(6))
    archive = await bench.finish()
    assert archive.check_balance("BTCUSDT", "orderbook") == (6, 1, 5)
    assert [gap.missed for gap in archive.gaps("BTCUSDT", "orderbook", Reason.DISK_FULL)] == [5]


async def test_a_gap_over_midnight_is_in_both_days(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK], start_ns=MIDNIGHT_NS - 10 * SECOND_NS).start()
    leg = bench.connect()
    bench.send(leg, BOOK, book(1))
    bench.now += SECOND_NS
    bench.cut(leg, alive_ns=bench.now)
    bench.flush()
    bench.now = MIDNIGHT_NS + MS
    leg = bench.connect(epoch=2)
    bench.send(leg, BOOK, book(9))
    archive = await bench.finish()
    assert [(path.stem[-16:]) for path in archive.files("BTCUSDT", "orderbook")] == ["2026-11-20_23-59", "2026-11-21_00-00"]
    gaps = archive.gaps("BTCUSDT", "orderbook", Reason.DISCONNECT)
    assert gaps == [
        Gap(MIDNIGHT_NS - 9 * SECOND_NS, MIDNIGHT_NS, Reason.DISCONNECT, None, conn="binance-1"),
        Gap(MIDNIGHT_NS, MIDNIGHT_NS + MS, Reason.DISCONNECT, None, conn="binance-1", since_ns=MIDNIGHT_NS - 9 * SECOND_NS),
    ]
    assert archive.check_balance("BTCUSDT", "orderbook") == (2, 2, 0)


async def test_a_hole_at_midnight_is_told_in_the_day_it_belongs_to(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [TRADE], start_ns=MIDNIGHT_NS - SECOND_NS).start()
    leg = bench.connect()
    bench.send(leg, TRADE, agg_trade(1))
    bench.send(leg, TRADE, agg_trade(4))
    bench.wait(2)
    archive = await bench.finish()
    old = [entry for entry in archive.ledger("BTCUSDT", "execution") if "2026-11-20" in entry.journal]
    assert [entry.gap for entry in old if hasattr(entry, "gap")] == [
        Gap(MIDNIGHT_NS - SECOND_NS, MIDNIGHT_NS - SECOND_NS, Reason.SEQUENCE_GAP, 2, 2, 3)
    ]


async def test_a_frame_that_fills_yesterdays_hole_is_in_the_day_it_came_and_both_days_verify(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [TRADE], start_ns=MIDNIGHT_NS - SECOND_NS).start()
    leg = bench.connect()
    for number in (1, 2, 6, 7):
        bench.send(leg, TRADE, agg_trade(number))
    bench.wait(1.1)
    for number in (8, 4, 9, 10):
        bench.send(leg, TRADE, agg_trade(number))
        bench.now += MS
    bench.wait(5)
    archive = await bench.finish()
    assert [line["a"] for line in archive.lines("BTCUSDT", "execution")] == [1, 2, 6, 7, 8, 4, 9, 10]
    gaps = archive.gaps("BTCUSDT", "execution", Reason.SEQUENCE_GAP)
    assert [(gap.missed, gap.from_id, gap.to_id) for gap in gaps if gap.missed] == [(3, 3, 5)]
    assert [gap.to_ns < MIDNIGHT_NS for gap in gaps if gap.missed] == [True], "the day that lacks them says so; the late one is in the next"
    report = verify([tmp_path])
    assert report.ok, report.problems


async def test_a_new_minute_asks_no_stream_for_its_ids(tmp_path: Path, monkeypatch: Any) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    for number in range(1, 5):
        bench.send(leg, BOOK, book(number))
    asked: list[str] = []
    settle = IncreasingIntake._before_slow
    monkeypatch.setattr(IncreasingIntake, "_before_slow", lambda intake: (asked.append(intake.stream.name), settle(intake)))
    bench.wait(60)
    assert len(bench.recorder.lanes) == 1
    assert bench.recorder.lanes[0].journals == 2
    assert asked == []
    await bench.finish()


async def test_a_clock_set_back_by_more_than_a_minute_begins_a_new_part(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK], start_ns=NOON_NS + 10 * SECOND_NS).start()
    leg = bench.connect()
    for number in (1, 2):
        bench.send(leg, BOOK, book(number))
    bench.wait(60)
    bench.send(leg, BOOK, book(3))
    bench.now -= 3 * MINUTE_NS
    bench.recorder.clock_stepped(bench.now, -3 * MINUTE_NS)
    bench.send(leg, BOOK, book(4))
    bench.flush()
    bench.now = NOON_NS + 20 * SECOND_NS
    bench.send(leg, BOOK, book(5))
    archive = await bench.finish()
    names = [path.stem[len("BTCUSDT_orderbook_2026-11-20_") :] for path in archive.files("BTCUSDT", "orderbook")]
    assert sorted(names) == ["11-58", "12-00", "12-00_2", "12-01"]
    assert sorted(line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")) == [1, 2, 3, 4, 5]
    assert {line["conn"] for line in archive.lines("BTCUSDT", "orderbook")} == {"binance-1"}
    assert archive.check_balance("BTCUSDT", "orderbook") == (5, 5, 0)
    assert archive.gaps("BTCUSDT", "orderbook", Reason.CLOCK_STEP)


@pytest.mark.parametrize("step_s", [-5, 5, 3600])
async def test_a_clock_step_loses_nothing(tmp_path: Path, step_s: int) -> None:
    bench = Bench(tmp_path, [BOOK], start_ns=NOON_NS + 2 * SECOND_NS).start()
    leg = bench.connect()
    for number in range(1, 10):
        bench.send(leg, BOOK, book(number))
        bench.wait(0.5, tick=False)
        if number == 4:
            bench.now += step_s * SECOND_NS
            bench.recorder.clock_stepped(bench.now, step_s * SECOND_NS)
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == list(range(1, 10))
    assert archive.check_balance("BTCUSDT", "orderbook") == (9, 9, 0)


async def test_too_much_waiting_for_the_disk_is_shed_and_counted_and_notes_survive(tmp_path: Path, monkeypatch: Any) -> None:
    bench = Bench(tmp_path, [BOOK], records_max=100)
    monkeypatch.setattr(bench.recorder.writer, "start", lambda: None)
    bench.start()
    leg = bench.connect()
    for number in range(1, 501):
        bench.send(leg, BOOK, book(number))
    bench.wait(60)
    monkeypatch.undo()
    bench.recorder.writer.start()
    archive = await bench.finish()
    received, records, counted = archive.check_balance("BTCUSDT", "orderbook")
    assert received == 500
    assert 0 < records <= 100
    assert counted == 500 - records
    assert {gap.reason for gap in archive.gaps("BTCUSDT", "orderbook")} == {Reason.BACKPRESSURE}


async def test_a_batch_of_huge_frames_is_several_chunks(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("hoga.recorder.lane._CHUNK_BYTES", 10_000)
    monkeypatch.setattr("hoga.archive.form.chunks._MAX_RAW", 12_000)
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    for number in range(1, 8):
        bench.send(leg, BOOK, book(number, text="9" * 3_000))
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == list(range(1, 8))
    assert archive.check_balance("BTCUSDT", "orderbook") == (7, 7, 0)


async def test_odd_frames_are_kept_aside_and_neighbours_arrive(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK, TRADE]).start()
    leg = bench.connect()
    odd = [
        b"}{ not json",
        b"\x00\xff\xfe binary",
        b'{"data":{"lastUpdateId":5}}',
        b'{"stream":"nosuch@depth","data":{"a":1}}',
        b'{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":77,"bids":[["1"',
        b"",
        b"null",
        b"[" * 100_000,
    ]
    for number, data in enumerate(odd, 1):
        bench.send_raw(leg, data)
        bench.send(leg, BOOK, book(number))
        bench.send(leg, TRADE, agg_trade(number))
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == list(range(1, 9))
    assert [line["a"] for line in archive.lines("BTCUSDT", "execution")] == list(range(1, 9))
    assert archive.check_balance("BTCUSDT", "orderbook") == (9, 8, 1)
    aside = archive.lines("ODD", "aside")
    assert len(aside) == len(odd)
    assert aside[0]["raw"] == "}{ not json"
    assert aside[1]["rawBase64"]
    assert aside[3]["why"] == "unknown stream nosuch@depth"
    assert aside[4]["why"] == "malformed frame"
    assert aside[7]["size"] == 100_000


@pytest.mark.parametrize("deep", [b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000], ids=["lists", "objects"])
@pytest.mark.parametrize("lead", [b"", b'"meta":{"b":{}},'], ids=["plain", "not as usual"])
async def test_a_frame_nested_too_deeply_is_kept_aside_alone(tmp_path: Path, deep: bytes, lead: bytes) -> None:
    bench = Bench(tmp_path, [BOOK, TRADE]).start()
    leg = bench.connect()
    for number in range(1, 9):
        bench.send(leg, TRADE, agg_trade(number))
        bench.send(leg, BOOK, book(number))
    bench.send(leg, BOOK, b'{%b"lastUpdateId":9,"bids":%b,"asks":[]}' % (lead, deep))
    for number in range(10, 20):
        bench.send(leg, BOOK, book(number))
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == [*range(1, 9), *range(10, 20)]
    assert [line["a"] for line in archive.lines("BTCUSDT", "execution")] == list(range(1, 9))
    assert archive.check_balance("BTCUSDT", "orderbook") == (19, 18, 1)
    (aside,) = archive.lines("ODD", "aside")
    assert aside["why"].startswith("malformed")


async def test_unusual_spellings_are_recorded_verbatim(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    name = BOOK.name.encode()
    payload = b'{ "lastUpdateId" : 1, "bids" : [ ["1.10", "2"] ],\n "asks" : [] }'
    frames = [
        b'{\n  "stream": "%b",\n  "data": %b\n}' % (name, payload),
        b'{"stream":"%b","data":%b}' % (name.replace(b"@", b"\\u0040"), book(2)),
        b'{"data":%b,"stream":"%b"}' % (book(3), name),
        b'{"stream":"%b","data":%b,"extra":{"x":1}}' % (name, book(4)),
        b'{"stream":"%b","data":%b,"extra":1}' % (name, book(5)),
        b'{"stream":"%b","data":%b}' % (name, book(6)),
    ]
    for data in frames:
        bench.send_raw(leg, data)
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == [1, 2, 3, 4, 5, 6]
    assert archive.check_balance("BTCUSDT", "orderbook") == (6, 6, 0)
    assert b'"lastUpdateId" : 1, "bids" : [ ["1.10", "2"] ],  "asks" : [] }\n' in archive.text("BTCUSDT", "orderbook")


@pytest.mark.parametrize(
    "payload", [b"{ }", b"{}", b'{"lastUpdateId":3,}', b'{"lastUpdateId":3,"x":"\x01"}', b'{"lastUpdateId":3,"x":"\xff"}']
)
async def test_a_payload_that_is_no_json_object_never_becomes_a_line(tmp_path: Path, payload: bytes) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    leg = bench.connect()
    bench.send(leg, BOOK, book(1))
    bench.send(leg, BOOK, book(2))
    bench.send(leg, BOOK, payload)
    bench.send(leg, BOOK, book(4))
    archive = await bench.finish()
    assert [line["lastUpdateId"] for line in archive.lines("BTCUSDT", "orderbook")] == [1, 2, 4]
    assert archive.check_balance("BTCUSDT", "orderbook") == (4, 3, 1)
    assert len(archive.lines("ODD", "aside")) == 1


async def test_streams_of_one_series_share_a_lane(tmp_path: Path) -> None:
    streams = [stream(f"S{number}USDT", channel) for number in range(500) for channel in ("depth20@100ms", "aggTrade", "trade")]
    bench = Bench(tmp_path, streams)
    lanes: dict[tuple[str, str], set[int]] = {}
    for of in streams:
        lanes.setdefault((of.symbol, of.kind), set()).add(bench.recorder._lane_of[of.name].number)
    assert all(len(numbers) == 1 for numbers in lanes.values())
    assert max(Counter(bench.recorder._lane_of[of.name].number for of in streams).values()) <= 1024


async def test_a_restart_continues_ids_and_tells_the_time_between(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [TRADE, DELTA]).start()
    leg = bench.connect()
    for number in (1, 2, 3):
        bench.send(leg, TRADE, agg_trade(number))
        bench.send(leg, DELTA, delta(number, number))
    bench.cut(leg, reason=Reason.SHUTDOWN)
    life = await bench.stop()
    bench.seal()
    assert isinstance(life, LastLife)
    assert {(end.ns, end.reason) for end in life.streams.values()} == {(NOON_NS, Reason.SHUTDOWN)}
    assert {name: end.runs for name, end in life.streams.items()} == {TRADE.name: [(1, 3)], DELTA.name: [(1, 3)]}
    again = Bench(tmp_path, [TRADE, DELTA], start_ns=NOON_NS + 30 * SECOND_NS).start(life)
    leg = again.connect()
    again.send(leg, TRADE, agg_trade(3))
    again.send(leg, TRADE, agg_trade(9))
    again.send(leg, DELTA, delta(4, 4))
    archive = await again.finish()
    assert [line["a"] for line in archive.lines("BTCUSDT", "execution")] == [1, 2, 3, 9]
    (gap,) = archive.gaps("BTCUSDT", "execution")
    assert (gap.reason, gap.missed, gap.from_id, gap.to_id) == (Reason.SHUTDOWN, 5, 4, 8)
    (gap,) = archive.gaps("BTCUSDT", "delta")
    assert (gap.reason, gap.missed, gap.from_ns, gap.to_ns) == (Reason.SHUTDOWN, 0, NOON_NS, NOON_NS + 30 * SECOND_NS)
    assert len(archive.files("BTCUSDT", "execution")) == 2, "a sealed minute is never opened again: its second part"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.sampled_from([1, 20, 999, 7_000, 61_000])),
        st.tuples(
            st.sampled_from(["late", "again", "broken", "garbage", "gate", "open", "full", "room", "cut", "leg", "tick", "flush", "step"]),
            st.just(0),
        ),
    ),
    min_size=5,
    max_size=50,
)


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.sampled_from([NOON_NS + 50 * SECOND_NS, MIDNIGHT_NS - 9 * SECOND_NS]))
async def test_received_is_written_plus_accounted_whatever_happens(
    tmp_path_factory: Any, script: list[tuple[str, int]], start_ns: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("run"), [BOOK, TRADE], start_ns=start_ns).start()
    legs = [bench.connect()]
    number, sent = 100, Counter[str]()
    intakes = bench.recorder.intakes
    for what, value in script:
        if what == "frames":
            for _ in range(value):
                number += 1
                bench.now += MS
                for leg in legs:
                    bench.send(leg, BOOK, book(number))
                    bench.send(leg, TRADE, agg_trade(number))
                    sent["frames"] += 1
        elif what in ("late", "again", "broken"):
            data = {"late": number - 1, "again": number, "broken": 2**60}[what]
            bench.send(legs[0], BOOK, book(data))
            bench.send(legs[0], TRADE, agg_trade(data))
            number += 2
            sent["frames"] += 1
        elif what == "garbage":
            bench.send_raw(legs[0], b'{"stream":"btcusdt@depth20@100ms","data":{')
            sent["garbage"] += 1
        elif what == "wait":
            bench.now += value * MS
        elif what in ("gate", "open"):
            for intake in intakes.values():
                intake.mode = intake.mode | 1 if what == "gate" else intake.mode & ~1
        elif what in ("full", "room"):
            bench.recorder.set_disk_full(what == "full")
        elif what == "cut":
            for leg in legs:
                bench.cut(leg)
            bench.now += 50 * MS
            legs = [bench.connect()]
        elif what == "leg" and len(legs) == 1:
            legs.append(bench.connect(conn="binance-1a"))
        elif what == "tick":
            bench.recorder.tick(bench.now)
        elif what == "flush":
            bench.flush()
        elif what == "step":
            bench.now -= 2 * SECOND_NS
            bench.recorder.clock_stepped(bench.now, -2 * SECOND_NS)
    archive = await bench.finish()
    assert archive.check_balance("BTCUSDT", "orderbook")[0] == sent["frames"] + sent["garbage"]
    assert archive.check_balance("BTCUSDT", "execution")[0] == sent["frames"]
    for symbol, kind, key in (("BTCUSDT", "orderbook", "lastUpdateId"), ("BTCUSDT", "execution", "a")):
        lines = archive.lines(symbol, kind)
        ids = [line[key] for line in lines]
        assert len(ids) == len(set(ids)), "doubled"
        assert all(line["conn"] != "?" for line in lines), "misattributed"
        days = {path.parent.name[-10:] for path in archive.files(symbol, kind)}
        for gap in archive.gaps(symbol, kind, Reason.DISCONNECT):
            assert len(days) < 2 or not gap.from_ns < MIDNIGHT_NS < gap.to_ns, "a cut over midnight is in both days"


async def test_a_listener_of_gaps_that_fails_costs_no_frame(tmp_path: Path, caplog: Any) -> None:
    bench = Bench(tmp_path, [TRADE]).start()

    def fails(index: int, gap: Gap) -> None:
        raise KeyError("its own trouble")

    bench.recorder.lanes[0].on_gap = fails
    leg = bench.connect()
    bench.send(leg, TRADE, agg_trade(1))
    bench.cut(leg)
    leg = bench.connect(epoch=2)
    bench.send(leg, TRADE, agg_trade(5))
    archive = await bench.finish()
    assert archive.check_balance("BTCUSDT", "execution") == (2, 2, 0)
    assert [gap.missed for gap in archive.gaps("BTCUSDT", "execution")] == [3]
    assert "a gap was not heard" in caplog.text
