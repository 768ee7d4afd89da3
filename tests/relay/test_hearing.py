"""What is heard of live messages: whatever is cut, left out, repeated or moved, records come in order and once, and holes are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.chunks import ChunkEncoder, columns
from hoga.archive.form.journal import CONTROL, EndNote, JournalHeader, JournalName, LegNote, Note, StreamEntry, encode_header, encode_note
from hoga.core.streams import Stream
from hoga.relay.hearing import QUIET_S, Came, Hearing, Item, Life, Lost, Over, Up
from hoga.relay.subjects import LiveHead, live_headers, live_subject
from hoga.venues.registry import VENUES
from tests.relay.cutting import Message, Relay

FOLDER = "binance/orderbook/temporary/journal"
START_NS = 1_795_180_500_000_000_000
MS = 1_000_000
BINANCE = VENUES["binance"]


def streams_of(lane: int, count: int = 3) -> list[Stream]:
    return [BINANCE.parse_stream(f"S{lane}{at}USDT", "aggTrade") for at in range(count)]


@dataclass
class Recorder:
    """Writes the journals of one lane, as a recorder does, and remembers what it wrote: (receipt, frame)."""

    lane: int
    streams: list[Stream]
    now_ns: int = START_NS
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    journals: list[tuple[JournalName, bytes]] = field(default_factory=list)
    legs: dict[int, LegNote] = field(default_factory=dict)
    session: int = 1
    number: int = 0
    seq: int = 0
    batch: list[object] = field(default_factory=list)
    next_leg: int = 1
    epoch: int = 0
    frames: int = 0
    collector: str = "tokyo"

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.number += 1
        if self.number == 1:
            self.encoder = ChunkEncoder(len(self.streams))
        self.encoder.restart()
        header = JournalHeader(
            venue="binance", session=f"{self.session:x}", number=self.number, lane=self.lane, from_ns=self.now_ns, minute_ns=self.now_ns,
            interval_min=1, archive_format="zip", aside_directory="../../aside",
            streams=[StreamEntry(stream=each, directory="../..") for each in self.streams], hoga="0",
        )  # fmt: skip
        name = JournalName(self.lane, "2026-11-20", "13-15", f"{self.session:x}", self.number)
        self.journals.append((name, encode_header(header)))
        for note in self.legs.values():
            self.note(note)

    def note(self, note: Note) -> None:
        self.batch += [self.now_ns, CONTROL, encode_note(note)]

    def flush(self) -> None:
        if self.batch:
            self.seq += 1
            name, data = self.journals[-1]
            self.journals[-1] = (name, data + self.encoder.encode(columns(self.batch), self.seq))
            self.batch = []

    def leg_up(self) -> None:
        self.epoch += 1
        note = LegNote(
            self.next_leg, f"{self.collector}/binance-{1 + self.epoch % 2}", self.epoch, self.now_ns, list(range(len(self.streams)))
        )
        self.legs[self.next_leg] = note
        self.next_leg += 1
        self.note(note)

    def leg_down(self) -> None:
        number = min(self.legs)
        note = self.legs.pop(number)
        self.note(LegNote(note.leg, note.conn, note.epoch, note.from_ns, note.streams, self.now_ns, "1006"))

    def frame(self, stream: int, number: int | None = None) -> None:
        """The venue's next frame, or the one of this number."""
        self.frames = number or self.frames + 1
        name = self.streams[stream % len(self.streams)].name
        frame = b'{"stream":"%b","data":{"a":%d}}' % (name.encode(), self.frames)
        self.sent.append((self.now_ns, frame))
        self.batch += [self.now_ns, stream % len(self.streams) | max(self.legs) << 16, frame]

    def minute(self) -> None:
        self.note(EndNote(self.now_ns))
        self.flush()
        self.begin()

    def restart(self, *, well: bool) -> None:
        if well:
            while self.legs:
                self.leg_down()
            self.note(EndNote(self.now_ns, last=True))
        self.flush()
        self.session, self.number, self.seq, self.legs, self.epoch = self.session + 1, 0, 0, {}, 0
        self.begin()
        self.leg_up()

    def play(self, acts: Iterable[tuple[str, int, int]]) -> None:
        for act, stream, after_ms in acts:
            self.now_ns += after_ms * MS
            if not self.legs:
                self.leg_up()
            if act == "up" and len(self.legs) < 3:
                self.leg_up()
            elif act == "down":
                self.leg_down()
            elif act == "minute":
                self.minute()
            elif act in ("stop", "kill"):
                self.restart(well=act == "stop")
            elif act == "flush":
                self.flush()
            else:
                self.frame(stream)
        self.flush()


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["frame"] * 8 + ["flush"] * 6 + ["up", "down", "minute", "stop", "kill"]), st.integers(0, 2), st.integers(0, 400)
    ),
    min_size=1,
    max_size=60,
)


def heard(messages: Iterable[Message], *recorders: Recorder) -> tuple[Hearing, list[Item]]:
    hearing = Hearing()
    hearing.want("binance", [stream for each in recorders for stream in each.streams])
    items: list[Item] = []
    for at, message in enumerate(messages):
        items += hearing.take(message.subject, message.headers, message.payload, at * 0.001)
    return hearing, items


def of(item: Came, recorder: Recorder) -> bool:
    return item.stream.name in {stream.name for stream in recorder.streams}


def holds(items: list[Item], recorder: Recorder) -> None:
    """What came of one lane is in order and once; what did not is in a hole that was told, before the first, or after the last."""
    came = [(item.recv_ns, item.frame) for item in items if isinstance(item, Came) and of(item, recorder)]
    places = {frame: at for at, (_, frame) in enumerate(recorder.sent)}
    found = [places[frame] for _, frame in came]
    assert [recorder.sent[at] for at in found] == came
    assert found == sorted(set(found)), "in order, each once"
    spans = [(item.from_ns, item.to_ns) for item in items if isinstance(item, Lost)]
    for at in sorted(set(range(found[0], found[-1])) - set(found)) if found else ():
        recv_ns = recorder.sent[at][0]
        assert any(from_ns <= recv_ns <= to_ns for from_ns, to_ns in spans), "told"
    alive(items)


def alive(items: list[Item]) -> set[Life]:
    """The lives that were told and are not over; what came is of such ones."""
    lives: set[Life] = set()
    for item in items:
        if isinstance(item, Up):
            lives.add(item.life)
        elif isinstance(item, Over):
            lives.remove(item.life)
        elif isinstance(item, Came):
            assert item.life in lives, "of a life that was told"
    return lives


def lives_of(*recorders: Recorder) -> set[Life]:
    return {Life("binance", note.conn, note.epoch) for each in recorders for note in each.legs.values()}


AFTERWARDS = [("minute", 0, 100), ("frame", 0, 100), ("frame", 1, 100), ("flush", 0, 0), ("frame", 2, 1), ("flush", 0, 0)]
"""A minute begins: whatever happened before, from here on all of it is heard."""


@settings(max_examples=60, deadline=None)
@given(acts=ACTS, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_nothing_is_missing_of_what_is_sent_whole(acts: list[tuple[str, int, int]], sizes: list[int]) -> None:
    recorder = Recorder(0, streams_of(0))
    recorder.play(acts)
    relay, turn = Relay(), Random(len(acts))
    messages = [m for name, data in recorder.journals for m in relay.cut(FOLDER, name, data, size=lambda: turn.choice(sizes))]
    hearing, items = heard(messages, recorder)
    assert [(item.recv_ns, item.frame) for item in items if isinstance(item, Came)] == recorder.sent
    killed = any(act == "kill" for act, _, _ in acts)
    assert killed or not any(isinstance(item, Lost) for item in items)
    assert not hearing.faults
    holds(items, recorder)
    assert alive(items) == lives_of(recorder)
    _, twice = heard([m for message in messages for m in (message, message)], recorder)
    assert twice == items, "what comes twice is told once"


@settings(max_examples=120, deadline=None)
@given(acts=ACTS, others=ACTS, data=st.data())
def test_whatever_happens_to_messages_each_record_comes_once_in_order_and_holes_are_told(
    acts: list[tuple[str, int, int]], others: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    one, other = Recorder(0, streams_of(0)), Recorder(1, streams_of(1))
    one.play([act for act in acts if act[0] not in ("stop", "kill")])
    other.play([act for act in others if act[0] not in ("stop", "kill")])
    relay = Relay()
    messages = [m for each in (one, other) for name, text in each.journals for m in relay.cut(FOLDER, name, text)]
    picks = data.draw(st.lists(st.tuples(st.sampled_from(["drop", "repeat", "move", "damage", "cut"]), st.integers(0, 10**6)), max_size=8))
    for what, number in picks:
        if not messages:
            break
        at = number % len(messages)
        if what == "drop":
            del messages[at]
        elif what == "repeat":
            messages.insert(number % 7 + at, messages[at])
        elif what == "move":
            messages.insert(number % 5 + at, messages.pop(at))
        elif what == "damage" and messages[at].payload:
            text = bytearray(messages[at].payload)
            text[number % len(text)] ^= 1 << number % 8
            messages[at] = messages[at]._replace(payload=bytes(text))
        elif what == "cut":
            messages[at] = messages[at]._replace(payload=messages[at].payload[: number % (len(messages[at].payload) + 1)])
    for each in (one, other):
        each.play(AFTERWARDS)
        messages += relay.cut(FOLDER, *each.journals[-1])
    _, items = heard(messages, one, other)
    for each in (one, other):
        holds(items, each)
        assert [frame for _, frame in each.sent[-3:]] == [item.frame for item in items if isinstance(item, Came) and of(item, each)][-3:]
    assert alive(items) == lives_of(one, other)


@settings(max_examples=60, deadline=None)
@given(acts=ACTS, drops=st.sets(st.integers(0, 60), max_size=6), repeats=st.sets(st.integers(0, 60), max_size=4))
def test_recorders_that_are_started_again(acts: list[tuple[str, int, int]], drops: set[int], repeats: set[int]) -> None:
    recorder = Recorder(0, streams_of(0))
    recorder.play(acts)
    relay = Relay()
    whole = [m for name, text in recorder.journals for m in relay.cut(FOLDER, name, text)]
    messages = [m for at, m in enumerate(whole) if at not in drops for m in ([m, m] if at in repeats else [m])]
    recorder.play(AFTERWARDS)
    messages += relay.cut(FOLDER, *recorder.journals[-1])
    _, items = heard(messages, recorder)
    holds(items, recorder)
    assert alive(items) == lives_of(recorder)
    assert isinstance(items[-1], Came)
    assert items[-1].frame == recorder.sent[-1][1]


def test_one_message_in_another_relays_name_does_not_silence_it_for_good() -> None:
    hearing = Hearing()

    def say(session: str, seq: int, now_s: float) -> list[str]:
        journal = "binance/orderbook/temporary/journal/0_2026-11-30_00-46_18ecabffd12ca145_3.journal"
        head = LiveHead(collector="tokyo", session=session, seq=seq, journal=journal, sent_ns=0)
        hearing.take(live_subject("tokyo"), live_headers(head), b"", now_s)
        told, hearing.faults[:] = list(hearing.faults), []
        return told

    assert say("aa", 1, 0.0) == []
    assert say("ff", 1, 1.0) == []
    (fault,) = say("aa", 2, 2.0)
    assert "two relays send as collector tokyo" in fault
    assert say("aa", 3, 1.5 + QUIET_S) == []
    assert "two relays" in say("ff", 2, 2.0 + QUIET_S)[0]


def test_names_that_only_once_were_heard_keep_no_collector_out() -> None:
    """A crowd of names without a journal fills the table for as long as it speaks."""
    hearing = Hearing()
    journal = "binance/orderbook/temporary/journal/0_2026-11-30_00-46_18ecabffd12ca145_3.journal"
    for at in range(80):
        head = LiveHead(collector=f"nobody{at}", session="ff", seq=1, journal=journal, sent_ns=0)
        hearing.take(live_subject(head.collector), live_headers(head), b"", 0.0)
    assert len(hearing.collectors) == 64
    assert len(hearing.faults) == 16
    hearing.tick(1.0 + QUIET_S)
    recorder = Recorder(0, streams_of(0))
    recorder.leg_up()
    recorder.frame(0)
    recorder.flush()
    hearing.want("binance", recorder.streams)
    relay, (name, data) = Relay(), recorder.journals[0]
    items = [item for message in relay.cut(FOLDER, name, data) for item in hearing.take(*message, now_s=1.0 + QUIET_S)]
    assert [item.frame for item in items if isinstance(item, Came)] == [frame for _, frame in recorder.sent]
    assert hearing.collectors == ["tokyo"]
