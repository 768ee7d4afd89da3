"""The hub's wire over live messages: the client's side of it is that of any hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from itertools import zip_longest
from random import Random
from types import SimpleNamespace

import pytest
import pytest_asyncio

import hoga
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent, SubscriptionErrorEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.private import MissedEvent
from hoga.hub.routing import Delivery
from hoga.relay import wire as wire_module
from hoga.relay.broker import Address, Received
from hoga.relay.hearing import Came
from hoga.relay.wire import LiveHub, refusal
from hoga.venues.registry import VENUES
from tests.relay.cutting import Message, Relay
from tests.relay.test_hearing import FOLDER, MS, Recorder, heard, streams_of
from tests.waiting import eventually


class Desk:
    """A component that keeps all it is told."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.told: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)

    def status(self, event: StatusEvent) -> None:
        self.told.append(event)


class Stage:
    """A manager over live messages that the test hands over itself."""

    def __init__(self) -> None:
        self.hub = LiveHub(Address(("nats://127.0.0.1:1",), {}), VENUES)
        self.hub._broker.trouble = None
        pace = Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000)
        self.manager = GlobalWebSocketManager(self.hub.wires, VENUES, pace=pace, linger_s=0.0)
        self.manager.start()
        self.desk = Desk()

    async def want(self, *symbols: str, venue: str = "binance") -> None:
        wishes = [hoga.SubscriptionSpec(hoga.DataType.TRADE, symbols, venue=venue)]
        await self.manager.register_component(
            "desk", self.desk, wishes, self.desk.take, delivery=Delivery.INLINE, on_status=self.desk.status
        )
        await asyncio.sleep(0.01)

    def hand(self, *messages: Message) -> None:
        for each in messages:
            self.hub.take(Received(*each))

    def of(self, kind: type) -> list[StatusEvent]:
        return [each for each in self.desk.told if isinstance(each, kind)]


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    found = Stage()
    yield found
    await found.manager.stop()


def sent_by(recorder: Recorder, collector: str = "tokyo") -> list[Message]:
    relay = Relay(collector, session=f"{len(collector)}")
    return [message for name, data in recorder.journals for message in relay.cut(FOLDER, name, data)]


def played(count: int = 12, *, lane: int = 0) -> Recorder:
    recorder = Recorder(lane, streams_of(lane, 1))
    recorder.play([act for at in range(count) for act in (("frame", 0, 300), ("flush", 0, 0))])
    return recorder


async def test_frames_come_as_events_with_their_connection_and_epoch(stage: Stage) -> None:
    recorder = played()
    await stage.want("S00USDT")
    stage.hand(*sent_by(recorder))
    assert [(event.recv_ns, b'{"stream":"s00usdt@aggTrade","data":' + event.payload + b"}") for event in stage.desk.events] == recorder.sent
    assert {(event.conn, event.epoch) for event in stage.desk.events} == {("tokyo/binance-2", 1)}
    await asyncio.sleep(0)
    assert [(each.conn, each.epoch, each.up) for each in stage.of(EpochEvent)] == [("tokyo/binance-2", 1, True)]
    assert stage.manager.is_live(stage.desk.events[-1])


async def test_of_two_collectors_the_first_to_bring_a_frame_wins_and_what_one_lacks_the_other_brings(stage: Stage) -> None:
    await stage.want("S00USDT")
    tokyo, seoul = recorded_by("tokyo", range(1, 30)), recorded_by("seoul", range(1, 30))
    first, second = sent_by(tokyo), sent_by(seoul, "seoul")
    del first[4:9]  # up to the next KEY nothing of tokyo can be read
    for pair in zip_longest(first, second):
        stage.hand(*[each for each in pair if each is not None])
    assert sorted(numbers(stage)) == list(range(1, 30))
    assert {event.conn for event in stage.desk.events} == {"tokyo/binance-2", "seoul/binance-2"}
    door = next(iter(stage.manager._inlets.values())).doors[tokyo.streams[0]]
    assert door.duplicates == readable(first, tokyo) + readable(second, seoul) - 29
    await asyncio.sleep(0)
    assert {each.conn for each in stage.of(MissedEvent)} == {"tokyo/binance-2"}


def recorded_by(collector: str, frames: Iterable[int], *, after_ms: int = 300) -> Recorder:
    recorder = Recorder(0, streams_of(0, 1), collector=collector)
    recorder.leg_up()
    recorder.flush()
    for number in frames:
        recorder.now_ns += after_ms * MS
        recorder.frame(0, number)
        recorder.flush()
    return recorder


def numbers(stage: Stage) -> list[int]:
    return [event.raw()["a"] for event in stage.desk.events]


def readable(messages: list[Message], recorder: Recorder) -> int:
    """Frames that one alone would bring."""
    _, items = heard(messages, recorder)
    return sum(1 for item in items if isinstance(item, Came))


@pytest.mark.parametrize("seed", range(16))
async def test_whatever_several_collectors_lack_each_frame_comes_once(stage: Stage, seed: int) -> None:
    """Each lacks frames that it never had, and messages; the first one ends in good order somewhere on the way."""
    chance = Random(seed)
    await stage.want("S00USDT")
    sides: list[list[Message]] = []
    expected: set[int] = set()
    for at in range(chance.choice((2, 3))):
        missing = set(chance.sample(range(1, 41), chance.randint(0, 6)))
        leaves = chance.randint(1, 60) if at == 0 else 60
        recorder = recorded_by(f"c{at}", [number for number in range(1, 41) if number not in missing and number < leaves])
        if at == 0:
            recorder.leg_down()
            recorder.flush()
        messages = sent_by(recorder, f"c{at}")
        for _ in range(chance.randint(0, 3)):
            if len(messages) > 1:
                del messages[chance.randrange(1, len(messages))]
        _, items = heard(messages, recorder)
        expected |= {int(item.frame.split(b":")[-1][:-2]) for item in items if isinstance(item, Came)}
        sides.append(messages)
    for side in sides:
        stage.hand(side.pop(0))
    while any(sides):
        stage.hand(chance.choice([side for side in sides if side]).pop(0))
    assert sorted(numbers(stage)) == sorted(expected), "each once"


async def test_one_that_was_ahead_and_left_something_out_does_not_make_the_slower_one_repeat_the_rest(stage: Stage) -> None:
    await stage.want("S00USDT")
    ahead, slower = recorded_by("tokyo", (1, 3, 4, 5)), recorded_by("seoul", range(1, 8))
    ahead.leg_down()
    ahead.flush()
    late = sent_by(slower, "seoul")
    stage.hand(late.pop(0), *sent_by(ahead), *late)
    assert numbers(stage) == [1, 3, 4, 5, 2, 6, 7]


async def test_a_stream_that_nobody_records_is_refused_with_what_there_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "_KNOWN_S", 0.0)
    stage.hand(*sent_by(played()), *sent_by(played(lane=1), "seoul"))
    await stage.want("S00USDT", "S77USDT")
    stage.manager.tick()
    await asyncio.sleep(0.01)
    assert [each.error.why for each in stage.of(SubscriptionErrorEvent) if each.error.symbols == ("S77USDT",)] == [
        "no collector records it: seoul, tokyo has S00USDT, S10USDT"
    ]
    stage.manager.tick()
    assert len([each for each in stage.of(SubscriptionErrorEvent) if each.error.symbols == ("S77USDT",)]) == 1, "told once"


async def test_messages_that_are_none_of_ours_are_one_line_each_and_cost_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await stage.want("S00USDT")
    whole = sent_by(played(30))
    first, rest = whole[:5], whole[5:]
    stage.hand(*first)
    other_version = whole[5]._replace(headers=whole[5].headers | {"Hoga-Format": "2"})
    strange = [
        Message("hoga.live.tokyo", {}, b"hello"),
        Message("hoga.live.to kyo", whole[0].headers, b""),
        other_version,
        whole[5]._replace(headers=whole[5].headers | {"Hoga-Journal": "x/notes.txt"}),
        whole[5]._replace(headers=whole[5].headers | {"Hoga-Collector": "seoul"}),
        whole[5]._replace(payload=b"\x00" * 40),
    ]
    for _ in range(3):
        stage.hand(*strange)
    stage.hand(*rest)
    assert numbers(stage) == list(range(1, 31)), "and nothing is lost for it"
    lines = [record.getMessage() for record in caplog.records if "not taken" in record.getMessage()]
    assert len(lines) == len(strange) == len(set(lines))
    assert not any("\n" in line for line in lines)
    assert stage.of(MissedEvent) == []


async def test_a_second_relay_of_one_name_is_told_and_the_newer_one_is_heard(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await stage.want("S00USDT")
    recorder = played(30)
    older, newer = Relay(session="aa"), Relay(session="bb")
    one = [m for name, data in recorder.journals for m in older.cut(FOLDER, name, data)]
    two = [m for name, data in recorder.journals for m in newer.cut(FOLDER, name, data)]
    stage.hand(*one[:6])
    for at in range(6, 30):
        stage.hand(two[at], one[at])
    assert numbers(stage) == list(range(1, 31))
    lines = [record.getMessage() for record in caplog.records if "not taken" in record.getMessage()]
    assert len(lines) == 1
    assert "two relays send as collector tokyo" in lines[0]


async def test_a_collector_without_a_sign_of_life_and_one_whose_recorder_was_started_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(wire_module, "monotonic", lambda: clock[0])
    monkeypatch.setattr(stage.hub._broker, "_client", SimpleNamespace(is_connected=True))
    monkeypatch.setattr(stage.hub, "_keeper", asyncio.create_task(asyncio.sleep(3600)))
    await stage.want("S00USDT")
    recorder = Recorder(0, streams_of(0, 1))
    recorder.play(
        [("frame", 0, 300), ("flush", 0, 0), ("frame", 0, 300), ("flush", 0, 0), ("kill", 0, 5000), ("frame", 0, 300), ("flush", 0, 0)]
    )
    relay = Relay()
    before = [m for name, data in recorder.journals[:1] for m in relay.cut(FOLDER, name, data)]
    beat = relay.message(before[-1].headers["Hoga-Journal"], b"")
    after = [m for name, data in recorder.journals[1:] for m in relay.cut(FOLDER, name, data)]
    stage.hand(*before)
    assert stage.manager.is_live(stage.desk.events[-1])
    clock[0] += 5
    stage.manager.tick()
    await asyncio.sleep(0.01)
    assert not stage.manager.is_live(stage.desk.events[-1])
    stage.hand(beat)
    assert stage.manager.is_live(stage.desk.events[-1]), "it lives, and nothing was left out"
    stage.hand(*after)
    await asyncio.sleep(0.01)
    assert numbers(stage) == [1, 2, 3]
    (missed,) = stage.of(MissedEvent)
    assert isinstance(missed, MissedEvent)
    assert (missed.from_ns, missed.to_ns) == (recorder.sent[1][0], recorder.sent[2][0])
    told = [(each.up, each.why) for each in stage.of(EpochEvent) if isinstance(each, EpochEvent)]
    assert told == [
        (True, ""),
        (False, "collector tokyo gives no sign of life"),
        (True, ""),
        (False, "the recorder was started again"),
        (True, ""),
    ]


async def test_epochs_that_begin_anew_with_another_run_are_lives_of_their_own(stage: Stage) -> None:
    """`tokyo/binance-2` was in epoch 3, and is in epoch 1 of the next run."""
    await stage.want("S00USDT")
    recorder = Recorder(0, streams_of(0, 1))
    recorder.play([("up", 0, 0), ("up", 0, 1), ("frame", 0, 300), ("flush", 0, 0), ("kill", 0, 900), ("frame", 0, 300)])
    stage.hand(*sent_by(recorder))
    assert [(event.conn, event.epoch) for event in stage.desk.events] == [("tokyo/binance-2", 3), ("tokyo/binance-2", 1)]
    assert not stage.manager.is_live(stage.desk.events[0])
    assert stage.manager.is_live(stage.desk.events[1])
    assert [each.connection for each in stage.hub.wires[0].stats() if each.state.is_up] == ["tokyo/binance-2"]


async def test_a_lane_that_is_heard_late_may_begin_with_an_older_life(stage: Stage) -> None:
    """`binance-2` hands over from epoch 1 to 3: one lane says so at once, the other still has what came on 1."""
    quick, late = (Recorder(lane, streams_of(lane, 1)) for lane in (0, 1))
    await stage.want(*(each.streams[0].symbol for each in (quick, late)))
    quick.epoch = 2
    quick.play([("frame", 0, 300)])
    late.play([("frame", 0, 310), ("flush", 0, 0), ("frame", 0, 10), ("flush", 0, 0)])
    stage.hand(*sent_by(quick), *sent_by(late))
    assert [event.epoch for event in stage.desk.events] == [3, 1, 1]
    assert all(stage.manager.is_live(event) for event in stage.desk.events), "both are alive while one hands over"
    await asyncio.sleep(0)
    told = [(each.conn, each.epoch, each.up) for each in stage.of(EpochEvent) if isinstance(each, EpochEvent)]
    assert all(up for _, _, up in told), "nothing was cut"
    (stats,) = [each for each in stage.hub.wires[0].stats() if each.connection == "tokyo/binance-2"]
    assert (stats.epoch, stats.reconnects, stats.streams) == (3, 0, 2)


async def test_a_connection_that_fails_by_a_fault_of_ours_is_kept_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[int] = []

    async def nothing(*args: object, **keywords: object) -> None: ...

    async def keep() -> None:
        kept.append(1)
        if len(kept) == 1:
            raise RuntimeError("nobody thought of this")
        await asyncio.Event().wait()

    monkeypatch.setattr(wire_module, "supervise", partial(wire_module.supervise, pause_s=0.0))
    for name, act in (("open", nothing), ("follow", nothing), ("keep", keep)):
        monkeypatch.setattr(stage.hub._broker, name, act)
    await stage.hub.open()
    await eventually(lambda: len(kept) == 2)
    await stage.hub.close()
    assert any("is not kept" in record.getMessage() for record in caplog.records)


def test_a_refusal_says_what_there_is() -> None:
    books, trades = VENUES["binance"].parse_stream("BTCUSDT", "depth20@100ms"), VENUES["binance"].parse_stream("BTCUSDT", "aggTrade")
    others = [VENUES["binance"].parse_stream(f"S{at:02d}USDT", "aggTrade") for at in range(20)]
    assert refusal(books, {}, [], "the connection was lost") == "NATS is away: the connection was lost"
    assert refusal(books, {}, [], None) == "no collector is heard on hoga.live.*: hoga relay sends beside each hoga run"
    assert refusal(books, {}, ["tokyo"], None) == "no collector records anything of binance: heard are tokyo"
    there = {"tokyo": [trades], "seoul": [trades, *others]}
    assert refusal(books, there, ["tokyo", "seoul"], None) == "no collector records its depth20@100ms: there is aggTrade (tokyo, seoul)"
    assert refusal(books, {"seoul": others}, ["seoul"], None).endswith("S11USDT and 8 more")
