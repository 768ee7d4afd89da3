"""recorder.intake: the hot path of one stream: judge a frame by its id, count it, hand it to the lane.

The fast path knows only the ordinary case: the next id in its usual place, nothing else going on. Whatever differs
takes the slow path, which decodes ids properly and asks `quality.sequence`. `mode` is zero when nothing is going on.

    received = recorded + duplicates + Σ counted gaps          (core.ledger.COUNTED)

Cost of the fast path on the machine of docs/results/hot-path.md: see there, `intake` line.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Protocol

from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.net.ws import Take
from hoga.quality.sequence import Hole, Sequence, Verdict
from hoga.venues.spec import VenueSpec

__all__ = [
    "CHUNK_ITEMS",
    "DISK_FULL",
    "FRESH",
    "GATED",
    "OVERLAP",
    "PATIENCE_NS",
    "REORDER_NS",
    "ContiguousIntake",
    "IncreasingIntake",
    "Intake",
    "IntakeLane",
    "PlainIntake",
    "UniqueIntake",
    "make_intake",
]

GATED = 1
"""The latency gate is closed: frames are counted, not recorded."""
DISK_FULL = 2
"""The disk reserve is reached: frames are counted, not recorded."""
FRESH = 4
"""Connected, and no new frame yet: the first one says what the cut cost."""
OVERLAP = 8
"""More than one leg brings this stream: every frame but the first of its kind is a duplicate."""

CHUNK_ITEMS = 3 * 256
"""A lane's batch is flushed at 256 records, 350 KiB of depth20: still in the second cache."""

REORDER_NS = 2_000_000_000
"""A hole in the ids may be filled by a late frame for so long (the other leg's skew) before it is written down."""

PATIENCE_NS = 5_000_000_000
"""A life that connects within so long was not waiting: the time before it is one gap."""

_RECHECK_NS = 20_000_000
_BRACE, _COMMA = b"},"
_ID_DIGITS = 19


class IntakeLane(Protocol):
    """What an intake needs of its lane."""

    records: list[Any]

    def arm(self) -> None: ...
    def flush(self) -> None: ...
    def pending_of(self, index: int) -> int: ...
    def gap(self, index: int, gap: Gap) -> None: ...
    def odd(self, now_ns: int, leg: int, why: str, raw: bytes) -> None: ...


class _Counting:
    """A counted gap that is still growing."""

    __slots__ = ("detail", "from_ns", "missed", "to_ns")

    def __init__(self, now: int, detail: str | None) -> None:
        self.from_ns = self.to_ns = now
        self.missed = 0
        self.detail = detail


class Intake:
    """One stream's way in; this base takes every frame the slow way. Times are wall-clock ns.

    `n`: frames received. `tag`: index of the stream and leg of the frames now coming. `last`: the latest recorded
    frame, as received (`newest()`: recorded or not). `queue_max`: how many records of this stream may wait for the
    disk. `unrecorded`: frames in counted gaps. `route(recv_ns, frame)`: who gets each recorded frame at once, in
    process; it must not block or raise.
    """

    __slots__ = (
        "_buffer",
        "_counting",
        "_down_detail",
        "_down_reason",
        "_first_key",
        "_first_offset",
        "_healed",
        "_lane",
        "_last_key",
        "_legs",
        "_recheck_ns",
        "_spec",
        "began_ns",
        "down_since",
        "duplicates",
        "frame_key",
        "gap_count",
        "index",
        "last",
        "last_recv_ns",
        "limit",
        "live_from_ns",
        "mode",
        "n",
        "queue_max",
        "reordered",
        "route",
        "seen",
        "seen_ns",
        "sequence",
        "stream",
        "tag",
        "unrecorded",
    )

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        channel = spec.channel_of(stream.channel)
        self.stream = stream
        self.index = self.tag = index
        self.frame_key = spec.frame_key(stream)
        self.sequence = Sequence(contiguous=channel.contiguous, memory=memory)
        self.mode = 0
        self.n = self.unrecorded = self.duplicates = self.reordered = self.gap_count = 0
        self.limit = self.queue_max = queue_max
        self.last = self.seen = b""
        self.last_recv_ns = self.seen_ns = 0
        self.live_from_ns: int | None = None
        self.down_since: int | None = None
        self.route: Take | None = None
        self._spec = spec
        self._lane = lane
        self._buffer = lane.records
        self._first_key = _id_pattern(channel.previous_key or channel.first_key)
        self._first_offset = 0 if channel.previous_key is None else 1
        self._last_key = self._first_key if channel.last_key == channel.first_key else _id_pattern(channel.last_key)
        self._legs: dict[int, int] = {}
        self._down_reason = Reason.DISCONNECT
        self._down_detail: str | None = None
        self._healed: Gap | None = None
        self.began_ns: int | None = None
        self._counting: dict[Reason, _Counting] = {}
        self._recheck_ns = 0

    # -- frames -------------------------------------------------------------------------------------------------

    def take(self, now: int, data: bytes) -> object:
        """Take one frame that begins like this stream's. Answers something true when it is not whole."""
        return self.take_slow(now, data)

    def take_slow(self, now: int, data: bytes) -> object:
        """The same, minding everything."""
        parts = self._spec.split(data)
        if parts is None:
            return True
        self._before_slow()
        self.n += 1
        self.seen_ns, self.seen = now, data
        payload = parts[1]
        verdict, gap = self._judge(now, payload)
        if gap is not None:
            self._emit(gap)
        if verdict is Verdict.NEW or verdict is Verdict.LATE:
            self.reordered += verdict is Verdict.LATE
            if self._may_record(now):
                self._record(now, data)
        else:
            self.duplicates += 1
            if not self.mode & OVERLAP:
                self._lane.odd(now, self.tag >> 16, "duplicate", data)
        self._after_slow(data)
        return None

    def malformed(self, now: int, leg: int, data: bytes) -> None:
        """A frame that begins like this stream's and is broken."""
        self.n += 1
        self._count(Reason.MALFORMED, now, "no JSON; the frames are in the aside series")
        self._lane.odd(now, leg, "malformed frame", data)

    def _judge(self, now: int, payload: bytes) -> tuple[Verdict, Gap | None]:
        """What the ids say, and the gap to write down before the frame, if any."""
        ids = self._ids(payload)
        known = self.sequence.last is not None
        verdict = self._verdict(now, payload, ids)
        if verdict is not Verdict.NEW or not self.mode & FRESH:
            return verdict, None
        self.mode &= ~FRESH
        gap, self._healed = self._healed, None
        if gap is None and self.down_since is not None and self._legs:
            gap, self.down_since = self._down_until(now), None
        hole = self.sequence.take_hole(now)
        if gap is not None and hole is not None:
            gap = Gap(gap.from_ns, gap.to_ns, gap.reason, self._missed(hole), hole.first, hole.last, gap.detail)
        elif hole is not None:
            gap = Gap(hole.from_ns, now, Reason.SEQUENCE_GAP, self._missed(hole), hole.first, hole.last)
        elif gap is not None and self.sequence.contiguous and ids is not None and known:
            gap = Gap(gap.from_ns, gap.to_ns, gap.reason, 0, None, None, gap.detail)
        return verdict, gap

    def _missed(self, hole: Hole) -> int | None:
        """How many records a hole stands for: its ids where each record has one, unknown where a record spans several."""
        return hole.missed if hole.proven and self._last_key is self._first_key else None

    def _verdict(self, now: int, payload: bytes, ids: tuple[int, int] | None) -> Verdict:
        if ids is not None:
            return self.sequence.receive(*ids, now)
        return self._judge_plain(payload) if self._last_key is None else Verdict.NEW

    def _ids(self, payload: bytes) -> tuple[int, int] | None:
        """The payload's first and last id, None when it has none that can be one."""
        if self._first_key is None or self._last_key is None:
            return None
        first = self._first_key.search(payload)
        last = first if self._last_key is self._first_key else self._last_key.search(payload)
        if not first or not last or max(len(first[1]), len(last[1])) > _ID_DIGITS:
            return None
        return int(first[1]) + self._first_offset, int(last[1])

    def _judge_plain(self, payload: bytes) -> Verdict:
        return Verdict.NEW

    def _before_slow(self) -> None:
        """The fast path's knowledge goes to `sequence`."""

    def _after_slow(self, data: bytes) -> None:
        """And back; learn where the ids stand in this stream's frames."""

    def _may_record(self, now: int) -> bool:
        if self.mode & GATED:
            return self._count(Reason.LATENCY_GATE, now, None)
        if self.mode & DISK_FULL:
            return self._count(Reason.DISK_FULL, now, None)
        if self.n > self.limit and not self._has_room(now):
            return self._count(Reason.BACKPRESSURE, now, None)
        return True

    def _has_room(self, now: int) -> bool:
        """Whether fewer than `queue_max` records of this stream wait for the disk; looked up at most every 20 ms."""
        if now < self._recheck_ns:
            return False
        waiting = self._lane.pending_of(self.index)
        if waiting >= self.queue_max:
            self._recheck_ns = now + _RECHECK_NS
            return False
        self.limit = self.n + self.queue_max - waiting
        return True

    def _record(self, now: int, data: bytes) -> None:
        buffer = self._buffer
        if not buffer:
            self._lane.arm()
        buffer.extend((now, self.tag, data))
        self.last = data
        self.last_recv_ns = now
        if len(buffer) >= CHUNK_ITEMS:
            self._lane.flush()
        if self.route is not None:
            self.route(now, data)

    # -- gaps ---------------------------------------------------------------------------------------------------

    def _count(self, reason: Reason, now: int, detail: str | None) -> bool:
        counting = self._counting.get(reason)
        if counting is None:
            counting = self._counting[reason] = _Counting(now, detail)
        counting.to_ns = now
        counting.missed += 1
        self.unrecorded += 1
        return False

    def end_counting(self) -> None:
        """Write down the counted gaps as they stand; they begin anew with the next frame that is not recorded."""
        if not self._counting:
            return
        ended, self._counting = self._counting, {}
        for reason, counting in ended.items():
            self._emit(Gap(counting.from_ns, counting.to_ns, reason, counting.missed, detail=counting.detail))

    def count_lost(self, reason: Reason, from_ns: int, to_ns: int, frames: int) -> None:
        """`frames` that were taken had to be let go afterwards."""
        self._count(reason, from_ns, None)
        self.unrecorded += frames - 1
        counting = self._counting[reason]
        counting.missed += frames - 1
        counting.to_ns = max(counting.to_ns, to_ns)

    def drain_holes(self, *, older_than_ns: int) -> None:
        """Write down sequence gaps that nothing late can fill any more."""
        if not self.sequence.has_holes:
            return
        self._before_slow()
        for hole in self.sequence.drain_holes(older_than_ns=older_than_ns):
            self._emit(Gap(hole.from_ns, hole.to_ns, Reason.SEQUENCE_GAP, self._missed(hole), hole.first, hole.last))

    def close_minute(self, boundary_ns: int, *, settle: bool) -> None:
        """Cut every open gap at the minute's end, so that each minute's account is whole.

        Holes that a late frame may still fill are left open, unless the ledger ends here too (`settle`).
        """
        self.end_counting()
        self.drain_holes(older_than_ns=boundary_ns + 1 if settle else boundary_ns - REORDER_NS)
        if self._healed is not None:
            self._emit(self._healed)
            self._healed = None
        self._say_waited(boundary_ns, at_once=settle)
        if self.down_since is not None and self.down_since < boundary_ns and self._down_reason is not Reason.SHUTDOWN:
            self._emit(self._down_until(boundary_ns))
            self.down_since = boundary_ns

    def _emit(self, gap: Gap) -> None:
        self.gap_count += 1
        self._lane.gap(self.index, gap)

    # -- legs ---------------------------------------------------------------------------------------------------

    def resume(self, *, ended_ns: int, reason: Reason, runs: list[tuple[int, int]]) -> None:
        """An earlier life recorded this stream until `ended_ns`."""
        self.down_since, self._down_reason = ended_ns, reason
        self.sequence.resume(runs, ended_ns)

    def begin(self, now: int) -> None:
        """This life begins to wait for the stream."""
        self.began_ns = now

    def _say_waited(self, now: int, *, at_once: bool) -> None:
        """When the wait for the first leg was long, or is all that can be said (`at_once`): what the former life missed ends where
        this one began, and from there on it is this one's own."""
        began_ns = self.began_ns
        if began_ns is None or not (at_once or now - began_ns >= PATIENCE_NS):
            return
        self.began_ns = None
        if self.down_since is not None and self.down_since < began_ns:
            self._emit(Gap(self.down_since, began_ns, self._down_reason, None))
        self.down_since, self._down_reason = max(began_ns, self.down_since or 0), Reason.DISCONNECT

    def connected(self, leg: int, now: int) -> None:
        """Leg `leg` brings this stream from `now` on: the venue has agreed, or a frame has come."""
        self._say_waited(now, at_once=False)
        self.began_ns = None
        self._legs[leg] = now
        self.tag = self.index | leg << 16
        if self.live_from_ns is None:
            self.live_from_ns = now
        if self.down_since is not None:
            self._healed = self._down_until(now)
            self.down_since = None
        self._down_detail = None
        if len(self._legs) == 1:
            self.mode |= FRESH
        self._overlap()

    def disconnected(self, leg: int, *, alive_ns: int, reason: Reason) -> None:
        """Leg `leg` brings nothing more; its last sign of life was at `alive_ns`."""
        if self._legs.pop(leg, None) is None:
            return
        self._overlap()
        if self._legs:
            self.tag = self.index | next(iter(self._legs)) << 16
            return
        if self._healed is not None:
            self.down_since, self._down_reason, self._down_detail = self._healed.from_ns, self._healed.reason, self._healed.detail
            self._healed = None
            return
        if self.down_since is not None and self.down_since < alive_ns:
            self._emit(self._down_until(alive_ns))
        self._down_detail = None
        self.down_since = max(self.last_recv_ns, alive_ns)
        self._down_reason = reason

    def silent(self, since_ns: int) -> None:
        """The stream is judged silent since `since_ns`, though its connection lives: a gap until its next frame."""
        if self.down_since is not None or not self._legs:
            return
        if self._healed is not None:
            self._emit(self._healed)
            self._healed = None
        self.down_since, self._down_reason, self._down_detail = max(since_ns, min(self._legs.values())), Reason.SILENCE, None
        self.mode |= FRESH

    def waits(self, since_ns: int, why: str) -> None:
        """No leg brings this stream, though since `since_ns` (or the life's beginning) one should: a gap until one does.

        `why` is for people. What was missing before that for another reason (an earlier life's end) keeps it.
        """
        if self._legs:
            return
        if self.began_ns is not None:
            since_ns, self.began_ns = self.began_ns, None
        if self.live_from_ns is None:
            self.live_from_ns = since_ns
        if self.down_since is not None and self._down_reason is not Reason.DISCONNECT:
            if self.down_since < since_ns:
                self._emit(self._down_until(since_ns))
            self.down_since = None
        if self.down_since is None:
            self.down_since, self._down_reason = since_ns, Reason.DISCONNECT
        self._down_detail = why

    def _down_until(self, to_ns: int) -> Gap:
        assert self.down_since is not None, "called while it is down"
        return Gap(self.down_since, max(to_ns, self.down_since), self._down_reason, None, detail=self._down_detail)

    def last_id(self) -> int | None:
        """The largest id so far."""
        self._before_slow()
        return self.sequence.last

    def runs(self) -> list[tuple[int, int]]:
        """What is known of the ids received so far, for a later life: runs first..last, the latest last."""
        last = self.last_id()
        if self.sequence.contiguous:
            return [(first, last) for first, last in self.sequence.runs]
        return [] if last is None else [(last, last)]

    def newest(self) -> tuple[int, bytes]:
        """Receipt and bytes of the newest whole frame, recorded or not."""
        return (self.last_recv_ns, self.last) if self.last_recv_ns >= self.seen_ns else (self.seen_ns, self.seen)

    @property
    def recorded(self) -> int:
        """Frames that went to the lane, and were not let go there."""
        return self.n - self.duplicates - self.unrecorded

    @property
    def down_reason(self) -> Reason | None:
        """Why no leg brings this stream now, None when one does or none ever did."""
        return self._down_reason if self.down_since is not None else None

    @property
    def legs(self) -> int:
        """How many legs bring this stream now."""
        return len(self._legs)

    def _overlap(self) -> None:
        if len(self._legs) > 1:
            self._before_slow()
            self.mode |= OVERLAP
        else:
            self.mode &= ~OVERLAP


class IncreasingIntake(Intake):
    """Ids only grow (`lastUpdateId`, `bookTicker.u`): compared as text in their usual place, which for equally many
    digits is the order of the numbers, at half the cost of making integers."""

    __slots__ = ("_from", "_last_text", "_recent", "_to")

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        super().__init__(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
        self._from = self._to = 0
        self._last_text = b"~"
        self._recent: deque[bytes] = deque(maxlen=memory + 1)

    def take(self, now: int, data: bytes) -> object:
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
        self._recent.append(text)
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
        return None

    def _before_slow(self) -> None:
        if self._recent:
            ids = [int(text) for text in self._recent]
            self.sequence.follow(ids[-1], self.last_recv_ns, ids)
            self._recent.clear()

    def _after_slow(self, data: bytes) -> None:
        last = self.sequence.last
        place = _place(data, self._last_key, self.frame_key)
        if last is None or place is None:
            self._last_text = b"~"
            return
        self._from, self._to = place
        text = b"%d" % last
        self._last_text = text if len(text) == self._to - self._from else b"~"


class ContiguousIntake(Intake):
    """Every id comes once (`aggTrade.a`, `trade.t`, diff `U..u`): the fast path wants exactly the next one."""

    __slots__ = ("_from", "_glue", "_next", "_to", "_until")

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        super().__init__(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
        channel = spec.channel_of(stream.channel)
        self._glue = b"" if channel.first_key == channel.last_key else f',"{channel.last_key}":'.encode()
        self._from = self._to = self._until = 0
        self._next = -1

    def take(self, now: int, data: bytes) -> object:
        end = self._to
        first = last = data[self._from : end]
        if self._glue:
            start, until = end + len(self._glue), self._until
            last = data[start:until] if data[end:start] == self._glue else b""
            end = until
        if (
            not (first.isdigit() and last.isdigit())
            or int(first) != self._next
            or data[end : end + 1] != b","
            or self.mode
            or self.n >= self.limit
            or data[-2:] != b"}}"
        ):
            return self.take_slow(now, data)
        number = int(last)
        if number < self._next:
            return self.take_slow(now, data)
        self._next = number + 1
        self.n += 1
        self._record(now, data)
        return None

    def _before_slow(self) -> None:
        if self._next > 0 and self.sequence.last != self._next - 1:
            self.sequence.follow(self._next - 1, self.last_recv_ns)
        self._next = -1

    def _after_slow(self, data: bytes) -> None:
        place = _place(data, self._first_key, self.frame_key)
        if place is None or self.sequence.last is None:
            return
        self._from, self._to = place
        self._next = self.sequence.last + 1
        if self._glue:
            until = _place(data, self._last_key, self.frame_key)
            if until is None or until[0] != self._to + len(self._glue):
                self._from = self._to = 0
            else:
                self._until = until[1]


class PlainIntake(Intake):
    """No ids (`kline`, `ticker`): only a frame equal to a recent one is known to be a duplicate."""

    __slots__ = ("_recent",)

    def __init__(self, spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> None:
        super().__init__(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
        self._recent: deque[int] = deque(maxlen=min(memory, 64))

    def _judge_plain(self, payload: bytes) -> Verdict:
        mark = hash(payload)
        if mark in self._recent:
            return Verdict.DUPLICATE
        self._recent.append(mark)
        return Verdict.NEW


class UniqueIntake(PlainIntake):
    """Ids in no order: they tell a duplicate, and nothing else."""

    __slots__ = ()

    def _verdict(self, now: int, payload: bytes, ids: tuple[int, int] | None) -> Verdict:
        if ids is None:
            return Verdict.NEW
        if ids[1] in self._recent:
            return Verdict.DUPLICATE
        self._recent.append(ids[1])
        return Verdict.NEW


def make_intake(spec: VenueSpec, stream: Stream, *, index: int, lane: IntakeLane, queue_max: int, memory: int) -> Intake:
    """The intake that fits the stream's ids."""
    channel = spec.channel_of(stream.channel)
    if channel.last_key is None:
        kind: type[Intake] = PlainIntake
    elif not channel.ordered:
        kind = UniqueIntake
    else:
        kind = ContiguousIntake if channel.contiguous else IncreasingIntake
    return kind(spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)


def _id_pattern(key: str | None) -> re.Pattern[bytes] | None:
    return None if key is None else re.compile(rb'"%b"\s*:\s*(\d+)' % re.escape(key.encode()))


def _place(data: bytes, pattern: re.Pattern[bytes] | None, key: bytes) -> tuple[int, int] | None:
    """Where the id's digits stand in a frame spelt as usual, None in any other spelling."""
    if pattern is None or not data.startswith(key):
        return None
    hit = pattern.search(data, len(key))
    return hit.span(1) if hit else None
