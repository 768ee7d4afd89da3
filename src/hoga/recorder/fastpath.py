"""recorder.fastpath: the hot path of one stream, by how its ids go.

It knows only the ordinary case: the next id stands in its usual place, and nothing else is going on. Every other frame goes to
`Intake.take_slow`, which decodes the ids and asks `quality.sequence`.

A frame costs here, in ns: depth20 470, aggTrade 555, delta 810. Of these its mark (the CRC-32 that its id came with) takes 57 for 1.4 KB,
35 for 200 bytes, and 30 to keep it (`recorder.trail`). The lines that take a good frame stand in each class, word for word: a call for
them costs 60 ns.
"""

from __future__ import annotations

from hoga.archive.form.deflate import crc32
from hoga.core.streams import Stream
from hoga.quality.sequence import Verdict
from hoga.recorder.intake import CHUNK_ITEMS, Intake, IntakeLane
from hoga.recorder.trail import Trail
from hoga.venues.spec import VenueSpec

__all__ = ["ContiguousIntake", "IncreasingIntake", "PlainIntake", "UniqueIntake", "make_intake"]

_BRACE, _COMMA = b"},"


class IncreasingIntake(Intake):
    """Ids only grow (`lastUpdateId`, `bookTicker.u`): compared as text in their usual place, which for equally many
    digits is the order of the numbers, at half the cost of making integers."""

    __slots__ = ("_from", "_last_text", "_recent", "_to", "_trail")

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        super().__init__(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
        self._from = self._to = 0
        self._last_text = b"~"
        self._trail = Trail(memory + 1, index=index, with_ids=True)
        self._recent = self._trail.newest

    def take(self, now: int, data: bytes) -> bool:
        end = self._to
        text = data[self._from : end]
        n = self.n
        if (
            text <= self._last_text
            or self.mode
            or n >= self.limit
            or data[-1] != _BRACE  # single bytes: a slice to compare costs three times as much
            or data[-2] != _BRACE
            or not text.isdigit()
            or data[end] != _COMMA  # is there: digits up to here, and two braces at the end
        ):
            return self.take_slow(now, data)
        self.n = n + 1
        self._last_text = text
        recent = self._recent
        recent.append(text)
        recent.append(crc32(data))
        buffer = self._buffer
        if not buffer:
            self._lane.arm()
        buffer.append(now)
        buffer.append(self.tag)
        buffer.append(data)
        self.last = data
        self.last_recv_ns = now
        if len(buffer) >= CHUNK_ITEMS:
            self._lane.flush()
        if self.route is not None:
            self.route(now, data)
        return True

    def _before_slow(self) -> None:
        if self._recent or self._trail.rested:
            ids, marks = self._trail.take()
            self.sequence.follow(ids[-1], self.last_recv_ns, zip(ids, marks, strict=True), self.tag >> 16)

    def _rest(self) -> None:
        self._trail.rest()

    def _after_slow(self, data: bytes) -> None:
        last = self.sequence.last
        place = self._identity.place(data, self._last_key)
        if last is None or place is None or self.sequence.wary:
            self._last_text = b"~"
            return
        self._from, self._to = place
        text = b"%d" % last
        self._last_text = text if len(text) == self._to - self._from else b"~"


class ContiguousIntake(Intake):
    """Every id comes once (`aggTrade.a`, `trade.t`, diff `U..u`): the fast path wants exactly the next one."""

    __slots__ = ("_from", "_glue", "_glue_size", "_next", "_recent", "_to", "_trail", "_until")

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        super().__init__(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
        channel = spec.channel_of(stream.channel)
        self._glue = b"" if channel.record.first_key == channel.record.last_key else f',"{channel.record.last_key}":'.encode()
        self._glue_size = len(self._glue)
        self._from = self._to = self._until = 0
        self._next = -1
        self._trail = Trail(memory + 1, index=index, with_ids=bool(self._glue))
        self._recent = self._trail.newest

    def take(self, now: int, data: bytes) -> bool:
        end = self._to
        first = data[self._from : end]
        n = self.n
        if self.mode or n >= self.limit or not first.isdigit() or int(first) != self._next or data[-1] != _BRACE or data[-2] != _BRACE:
            return self.take_slow(now, data)
        if self._glue_size:
            start, end = end + self._glue_size, self._until
            text = data[start:end]
            if data[self._to : start] != self._glue or not text.isdigit() or (number := int(text)) < self._next:
                return self.take_slow(now, data)
        else:
            number = self._next
        if data[end] != _COMMA:
            return self.take_slow(now, data)
        self.n = n + 1
        self._next = number + 1
        recent = self._recent
        if self._glue_size:
            recent.append(text)
        recent.append(crc32(data))
        buffer = self._buffer
        if not buffer:
            self._lane.arm()
        buffer.append(now)
        buffer.append(self.tag)
        buffer.append(data)
        self.last = data
        self.last_recv_ns = now
        if len(buffer) >= CHUNK_ITEMS:
            self._lane.flush()
        if self.route is not None:
            self.route(now, data)
        return True

    def _before_slow(self) -> None:
        if self._recent or self._trail.rested:
            last = self._next - 1
            ids, marks = self._trail.take()
            numbers = ids if self._glue_size else range(last + 1 - len(marks), last + 1)
            self.sequence.follow(last, self.last_recv_ns, zip(numbers, marks, strict=True), self.tag >> 16)
        self._next = -1

    def _rest(self) -> None:
        self._trail.rest()

    def _after_slow(self, data: bytes) -> None:
        place = self._identity.place(data, self._first_key)
        if place is None or self.sequence.last is None or self.sequence.wary:
            return
        self._from, self._to = place
        self._next = self.sequence.last + 1
        if self._glue:
            until = self._identity.place(data, self._last_key)
            if until is None or until[0] != self._to + len(self._glue):
                self._from = self._to = 0
            else:
                self._until = until[1]


class PlainIntake(Intake):
    """No ids (`kline`, `ticker`): only a frame equal to a recent one is known to be a duplicate."""

    __slots__ = ()

    def _judge_plain(self, now: int, payload: bytes) -> Verdict:
        return self._judge_bytes(now, hash(payload), 0)

    def _judge_bytes(self, now: int, number: int, mark: int) -> Verdict:
        memory, leg = self.sequence.memory, self.tag >> 16
        by = memory.leg_of(number, mark)
        if by is not None:
            self.sequence.by = by
            return Verdict.DUPLICATE
        memory.note(number, mark, leg, now)
        return Verdict.NEW


class UniqueIntake(PlainIntake):
    """Ids in no order: with the bytes they tell a duplicate, and nothing else."""

    __slots__ = ()

    def _verdict(self, now: int, data: bytes, payload: bytes, ids: tuple[int, int] | None) -> Verdict:
        return self._judge_plain(now, payload) if ids is None else self._judge_bytes(now, ids[1], self._identity.mark(data, payload))


def make_intake(spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> Intake:
    """The intake that fits the stream's ids."""
    channel = spec.channel_of(stream.channel)
    if channel.record.last_key is None:
        kind: type[Intake] = PlainIntake
    elif not channel.record.ordered:
        kind = UniqueIntake
    else:
        kind = ContiguousIntake if channel.record.contiguous else IncreasingIntake
    return kind(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
