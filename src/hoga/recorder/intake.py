"""recorder.intake: one stream's account: every frame is judged by its id, counted, and handed to the lane.

`recorder.fastpath` has the subclasses that take the ordinary frame faster. `mode` is zero when nothing is going on.

    received = recorded + duplicates + Σ counted gaps          (core.ledger.COUNTED)

A duplicate has a known id *and* the bytes it came with, told by their CRC-32 (its *mark*). Counted gaps: `recorder.counted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec import structs

from hoga.archive.keep.identity import Identity
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.quality.memory import MARKS_KEPT
from hoga.quality.sequence import Hole, Jump, Sequence, Verdict
from hoga.recorder.accounted import Accounted
from hoga.recorder.counted import DISK_FULL, GATED, CountedGaps
from hoga.venues.spec import VenueSpec

__all__ = [
    "CHUNK_ITEMS",
    "DISK_FULL",
    "FRESH",
    "GATED",
    "OVERLAP",
    "PATIENCE_NS",
    "REORDER_NS",
    "Intake",
    "IntakeLane",
]

FRESH = 4
"""Connected, and no new frame yet: the first one says what the cut cost."""
OVERLAP = 8
"""More than one leg brings this stream: every frame but the first of its kind is a duplicate."""

CHUNK_ITEMS = 3 * 256
"""A lane's batch is flushed at 256 records, 350 KiB of depth20: still in the second cache."""

REORDER_NS = 2_000_000_000
"""A hole in the ids may be filled by a late frame for so long (the other leg's skew) before it is written down."""

PATIENCE_NS = 5_000_000_000
"""A run whose first leg comes within so long did not wait: its gap and that of the run before are one."""

_RECHECK_NS = 20_000_000

_InTime = Callable[[int, bytes], bool]


class IntakeLane(Protocol):
    """What an intake needs of its lane."""

    records: list[Any]
    shed_reason: Reason
    """Why frames are let go when too many wait: BACKPRESSURE, or DISK_FULL while the disk refuses."""

    def arm(self) -> None: ...
    def flush(self) -> None: ...
    def pending_of(self, index: int) -> int: ...
    def gap(self, index: int, gap: Gap) -> None: ...
    def odd(self, now_ns: int, leg: int, why: str, raw: bytes) -> None: ...


class Intake:
    """One stream's way in; this base takes every frame the slow way. Times are wall-clock ns.

    `n`: frames received. `tag`: index of the stream and leg of the frames now coming. `last`: the latest recorded
    frame, as received (`newest()`: recorded or not). `queue_max`: how many records of this stream may wait for the
    disk. `unrecorded`: frames in counted gaps. `repeated`: duplicates that the leg had brought itself. `jumps`: how often the
    venue numbered anew, `last_jump` the latest. `in_time(recv_ns, payload)`: whether a frame is provably not late, whatever
    the gate says; None where frames do not tell. `route(recv_ns, frame)`: who gets each recorded frame at once, in
    process; it must not block or raise. `again` likewise gets each frame that was refused as a duplicate.
    """

    __slots__ = (
        "_accounted",
        "_buffer",
        "_conn",
        "_counted",
        "_down_detail",
        "_down_from_ns",
        "_down_reason",
        "_first_key",
        "_healed",
        "_identity",
        "_is_beside",
        "_lane",
        "_last_key",
        "_legs",
        "_recheck_ns",
        "_spec",
        "again",
        "began_ns",
        "down_since",
        "duplicates",
        "frame_key",
        "gap_count",
        "in_time",
        "index",
        "jumps",
        "last",
        "last_jump",
        "last_recv_ns",
        "limit",
        "live_from_ns",
        "mode",
        "n",
        "queue_max",
        "reordered",
        "repeated",
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
        self.sequence = Sequence(contiguous=channel.record.contiguous, memory=memory)
        self.mode = 0
        self.n = self.unrecorded = self.duplicates = self.repeated = self.reordered = self.gap_count = self.jumps = 0
        self.last_jump: Jump | None = None
        self.limit = self.queue_max = queue_max
        self.last = self.seen = b""
        self.last_recv_ns = self.seen_ns = 0
        self.live_from_ns: int | None = None
        self.down_since: int | None = None
        self.route: Callable[[int, bytes], None] | None = None
        self.again: Callable[[int, bytes], None] | None = None
        self.in_time: _InTime | None = None
        self._spec = spec
        self._lane = lane
        self._buffer = lane.records
        self._identity = Identity(spec, stream)
        self._first_key, self._last_key = self._identity.first_key, self._identity.last_key
        self._legs: dict[int, int] = {}
        self._accounted = Accounted()
        self._down_reason = Reason.DISCONNECT
        self._down_detail: str | None = None
        self._down_from_ns = 0
        self._conn: str | None = None
        self._healed: Gap | None = None
        self._is_beside = False
        self.began_ns: int | None = None
        self._counted = CountedGaps(lane, self._emit)
        self._recheck_ns = 0

    # -- frames -------------------------------------------------------------------------------------------------

    def take(self, now: int, data: bytes) -> bool:
        """Take one frame that begins like this stream's. Returns False when the frame is not whole and was not taken."""
        return self.take_slow(now, data)

    def take_slow(self, now: int, data: bytes) -> bool:
        """The same for any frame, ordinary or not."""
        parts = self._spec.split(data)
        if parts is None:
            return False
        self._before_slow()
        self.n += 1
        self.seen_ns, self.seen = now, data
        payload = parts[1]
        verdict, gap = self._judge(now, data, payload)
        if gap is not None:
            self._emit(gap)
        if verdict is not Verdict.DUPLICATE:
            self.reordered += verdict is Verdict.LATE
            if not (self.mode & GATED and self._is_gated(now, payload)) and self._may_record(now):
                self._record(now, data)
        else:
            self.duplicates += 1
            if self.sequence.by == self.tag >> 16:
                self.repeated += 1
                self._lane.odd(now, self.tag >> 16, "duplicate", data)
            if self.again is not None:
                self.again(now, data)
        if self.sequence.crowded:
            self._tell_holes(self.sequence.drain_holes(older_than_ns=1 << 62))
        self._after_slow(data)
        return True

    def malformed(self, now: int, leg: int, data: bytes) -> None:
        """A frame that begins like this stream's and is broken."""
        self.n += 1
        self._count(Reason.MALFORMED, now, "no JSON; the frames are in the aside series")
        self._lane.odd(now, leg, "malformed frame", data)

    def _judge(self, now: int, data: bytes, payload: bytes) -> tuple[Verdict, Gap | None]:
        """What the ids say, and the gap to write down before the frame, if any."""
        ids = self._identity.ids(payload)
        known = self.sequence.last is not None
        verdict = self._verdict(now, data, payload, ids)
        if verdict is not Verdict.NEW:
            return verdict, None
        if not self.mode & FRESH:
            jump = self._jumped()
            return verdict, None if jump is None else self._gap_of_jump(jump, None)
        self.mode &= ~FRESH
        gap, self._healed = self._healed, None
        if gap is None and self.down_since is not None and self._legs:
            gap, self.down_since = self._down_gap(now), None
        hole, jump = self.sequence.take_hole(now), self._jumped()
        if jump is not None:
            gap = self._gap_of_jump(jump, gap)
        elif gap is not None and hole is not None:
            gap = structs.replace(gap, missed=self._missed(hole), from_id=hole.first, to_id=hole.last)
        elif hole is not None:
            gap = Gap(hole.from_ns, now, Reason.SEQUENCE_GAP, self._missed(hole), hole.first, hole.last)
        elif gap is not None and self.sequence.contiguous and ids is not None and known:
            gap = structs.replace(gap, missed=0)
        return verdict, gap

    def _jumped(self) -> Jump | None:
        jump = self.sequence.take_jump()
        if jump is not None:
            self.jumps += 1
            self.last_jump = jump
        return jump

    @staticmethod
    def _gap_of_jump(jump: Jump, gap: Gap | None) -> Gap:
        """The gap that the venue's new numbering leaves (in the course of `gap`, if any): nobody can say what was sent between."""
        detail = f"the venue numbers anew: {jump.first} came after {jump.before}"
        if gap is not None:
            return structs.replace(gap, detail=detail)
        return Gap(jump.from_ns, max(jump.from_ns, jump.to_ns), Reason.SEQUENCE_GAP, None, detail=detail)

    def _missed(self, hole: Hole) -> int | None:
        """How many records a hole stands for: its ids where each record has one, unknown where a record spans several."""
        return hole.missed if hole.proven and self._last_key is self._first_key else None

    def _verdict(self, now: int, data: bytes, payload: bytes, ids: tuple[int, int] | None) -> Verdict:
        if ids is not None:
            return self.sequence.receive(*ids, now, self._identity.mark(data, payload), self.tag >> 16)
        return self._judge_plain(now, payload) if self._last_key is None else Verdict.NEW

    def _judge_plain(self, now: int, payload: bytes) -> Verdict:
        return Verdict.NEW

    def _before_slow(self) -> None:
        """The fast path's knowledge goes to `sequence`."""

    def _after_slow(self, data: bytes) -> None:
        """And back; learn where the ids stand in this stream's frames."""

    def _rest(self) -> None:
        """What the fast path remembers may be kept in less room from here on."""

    def _is_gated(self, now: int, payload: bytes) -> bool:
        """The gate is closed: whether it keeps this frame out, which then is counted. One that came in time it does not."""
        if self.in_time is not None and self.in_time(now, payload):
            self._counted.note_kept()
            return False
        self._count(Reason.LATENCY_GATE, now, None)
        return True

    def _may_record(self, now: int) -> bool:
        if self.mode & DISK_FULL:
            return self._count(Reason.DISK_FULL, now, None)
        if self.n > self.limit and not self._has_room(now):
            return self._count(self._lane.shed_reason, now, None)
        return True

    def _has_room(self, now: int) -> bool:
        """Whether fewer than `queue_max` records of this stream wait for the disk; looked up at most every 20 ms."""
        if 0 < self._recheck_ns - now <= _RECHECK_NS:
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
        self._counted.count(reason, now, detail)
        self.unrecorded += 1
        return False

    def count_lost(self, reason: Reason, from_ns: int, to_ns: int, frames: int) -> None:
        """`frames` that were taken had to be let go afterwards."""
        self._counted.count(reason, from_ns, None, frames=frames, to_ns=to_ns)
        self.unrecorded += frames

    def hold(self, flag: int) -> None:
        """From now on `flag` (GATED or DISK_FULL) keeps frames out."""
        self.mode |= flag

    def release(self, flag: int, now: int) -> None:
        """From `now` on `flag` keeps no frames out: the gap that it made, if any, ends here."""
        self.mode &= ~flag
        self._counted.release(flag, now)

    def settle(self, now: int) -> None:
        """Once a second: write down what is over."""
        self._counted.settle(now, self.mode)
        self.drain_holes(older_than_ns=now - REORDER_NS)
        self._rest()

    def cut_counting(self, at_ns: int) -> None:
        """Write down the counted gaps as they stand; those whose cause lasts go on in another piece."""
        self._counted.cut(at_ns, self.mode)

    def open_gaps(self, now: int) -> list[Gap]:
        """Every gap that is open now, as it stands, for a journal that may break off here. Without what the legs' notes say already."""
        gaps = self._counted.as_they_stand(now)
        if self.down_since is not None and self._legs:
            gaps.append(self._down_gap(now))
        if self._healed is not None and self._is_beside:
            gaps.append(self._healed)
        if self.sequence.has_holes:
            self._before_slow()
            gaps += [self._gap_of_hole(hole) for hole in self.sequence.holes()]
        return gaps

    @property
    def has_open(self) -> bool:
        """Whether `open_gaps` has something to say."""
        is_down = self.down_since is not None and bool(self._legs)
        return is_down or (self._healed is not None and self._is_beside) or self._counted.has_open or self.sequence.has_holes

    def drain_holes(self, *, older_than_ns: int, settle: bool = False) -> None:
        """Write down the holes that no late frame can fill any more, as sequence gaps."""
        if not self.sequence.has_holes:
            return
        self._before_slow()
        self._tell_holes(self.sequence.drain_holes(older_than_ns=older_than_ns, settle=settle))

    def _tell_holes(self, holes: list[Hole]) -> None:
        for hole in holes:
            self._emit(self._gap_of_hole(hole))

    def _gap_of_hole(self, hole: Hole) -> Gap:
        return Gap(hole.from_ns, hole.to_ns, Reason.SEQUENCE_GAP, self._missed(hole), hole.first, hole.last)

    def close_minute(self, boundary_ns: int, *, settle: bool) -> None:
        """Cut every open gap at the minute's end, so that each minute's account is whole.

        Holes that a late frame may still fill are left open, unless the ledger ends here too (`settle`).
        """
        self.cut_counting(boundary_ns)
        self.drain_holes(older_than_ns=boundary_ns + 1 if settle else boundary_ns - REORDER_NS, settle=settle)
        if self._healed is not None:
            self._emit(self._healed)
            self._healed = None
        self._say_waited(boundary_ns, at_once=settle)
        if self.down_since is not None and self.down_since < boundary_ns and self._down_reason is not Reason.SHUTDOWN:
            self._emit(self._down_gap(boundary_ns))
            self.down_since = boundary_ns

    def _down(self, since_ns: int, reason: Reason, conn: str | None, detail: str | None = None) -> None:
        """Nothing comes since then."""
        self.down_since = self._down_from_ns = since_ns
        self._down_reason, self._conn, self._down_detail = reason, conn, detail

    def _down_gap(self, to_ns: int) -> Gap:
        """The gap that is open because nothing comes, or the last piece of it."""
        assert self.down_since is not None, "asked only while there is one"
        goes_on = None if self._down_from_ns == self.down_since else self._down_from_ns
        to_ns = max(to_ns, self.down_since)
        return Gap(self.down_since, to_ns, self._down_reason, None, detail=self._down_detail, conn=self._conn, since_ns=goes_on)

    def _emit(self, gap: Gap) -> None:
        self.gap_count += gap.since_ns is None
        self._lane.gap(self.index, gap)

    # -- legs ---------------------------------------------------------------------------------------------------

    def resume(self, *, ended_ns: int, reason: Reason, runs: list[tuple[int, int]], marks: Iterable[tuple[int, int]] = ()) -> None:
        """An earlier life recorded this stream until `ended_ns`, as it told itself by `runs` and `marks`."""
        self._down(ended_ns, reason, None)
        self.sequence.resume(runs, ended_ns, marks)

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
            self._emit(self._down_gap(began_ns))
        self._down(max(began_ns, self.down_since or 0), Reason.DISCONNECT, None)

    def connected(self, leg: int, now: int) -> None:
        """Leg `leg` brings this stream from `now` on: the venue has agreed, or a frame has come."""
        self._say_waited(now, at_once=False)
        self.began_ns = None
        self._before_slow()
        beside = bool(self._legs)
        self._legs[leg] = now
        self.tag = self.index | leg << 16
        if self.live_from_ns is None:
            self.live_from_ns = now
        if self.down_since is not None:
            self._heal(now, beside=beside)
        self._down_detail = None
        if len(self._legs) == 1:
            self.mode |= FRESH
        self._overlap()

    def disconnected(
        self, leg: int, *, alive_ns: int, reason: Reason, conn: str | None = None, was_dead: bool = False, rest_dead: bool = False
    ) -> None:
        """Leg `leg`, of connection `conn`, brings nothing more; its last sign of life was at `alive_ns`.

        `was_dead`: what came on others alone proves that it was dead: a gap since then, as long as there was no other that was alive.
        `rest_dead`: those that are left are.
        """
        if (began_ns := self._legs.pop(leg, None)) is None:
            return
        self._before_slow()
        sign_ns, began = max(alive_ns, began_ns), self._legs.values()
        if was_dead and not self.sequence.contiguous:
            for span in self._accounted.lacking(sign_ns, began):
                self._emit(Gap(*span, Reason.SILENCE, None, conn=conn))
                self._accounted.add(span, began)
        self._accounted.add((began_ns, sign_ns if was_dead else max(sign_ns, self.last_recv_ns)), began)
        self._overlap()
        if self._legs:
            self.tag = self.index | next(iter(self._legs)) << 16
            if self.down_since is not None or not rest_dead:
                return
            self.mode |= FRESH
        if self._healed is not None:
            healed, self._healed = self._healed, None
            self._down(healed.from_ns, healed.reason, healed.conn, healed.detail)
            self._down_from_ns = healed.from_ns if healed.since_ns is None else healed.since_ns
            return
        if self.down_since is not None and self.down_since < alive_ns:
            self._emit(self._down_gap(alive_ns))
        self._down(max(self.last_recv_ns, alive_ns), reason, conn)

    def comes_again(self, now: int, since_ns: int) -> None:
        """A leg that was taken for dead lives: from `now` on nothing is missing any more, also where this stream has nothing to say; but
        for what is down since another moment than `since_ns`, for another reason then."""
        if self.down_since is not None and self._legs and self._down_from_ns == since_ns:
            self._heal(now, beside=True)

    def _heal(self, now: int, *, beside: bool) -> None:
        """From `now` on nothing is missing any more. `beside`: legs were there all the time, and their notes do not tell of it."""
        self._accounted.add((self._down_from_ns, now), self._legs.values())
        self._healed, self._is_beside, self.down_since = self._down_gap(now), beside, None

    def silent(self, since_ns: int) -> None:
        """The stream is judged silent since `since_ns`, though its connection lives: a gap until its next frame."""
        if self.down_since is not None or not self._legs:
            return
        if self._healed is not None:
            since_ns = max(since_ns, self._healed.to_ns)
            self._emit(self._healed)
            self._healed = None
        self._down(max(since_ns, min(self._legs.values())), Reason.SILENCE, None)
        self.mode |= FRESH

    def clock_set_back(self, now: int, by_ns: int) -> None:
        """The wall clock was set back by `by_ns`, and shows `now`: what began by the old time ends by it, and goes on by the new one."""
        self.drain_holes(older_than_ns=1 << 62, settle=True)  # by the old time nobody would find them due
        self._counted.clock_set_back(now, by_ns)
        if self._healed is not None:
            self._emit(self._healed)
            self._healed = None
        if self.down_since is not None and self.down_since > now:
            self._emit(self._down_gap(now + by_ns))
            self._down(now, self._down_reason, self._conn, self._down_detail)

        def moved(stamp_ns: int) -> int:
            return stamp_ns - by_ns if stamp_ns > now else stamp_ns

        self.last_recv_ns, self.seen_ns = moved(self.last_recv_ns), moved(self.seen_ns)
        self._legs = {leg: moved(began_ns) for leg, began_ns in self._legs.items()}
        self._accounted.move(moved)
        self.live_from_ns = None if self.live_from_ns is None else min(self.live_from_ns, now)
        self.began_ns = None if self.began_ns is None else min(self.began_ns, now)

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
                self._emit(self._down_gap(since_ns))
            self.down_since = None
        if self.down_since is None:
            self._down(since_ns, Reason.DISCONNECT, None)
        self._down_detail = why

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

    def marks(self) -> list[tuple[int, int]]:
        """(id, mark) of the newest frames, for a later life."""
        self._before_slow()
        return [] if self._last_key is None else self.sequence.memory.newest(MARKS_KEPT)

    def newest(self) -> tuple[int, bytes]:
        """Receipt and bytes of the newest whole frame, recorded or not."""
        return (self.last_recv_ns, self.last) if self.last_recv_ns >= self.seen_ns else (self.seen_ns, self.seen)

    @property
    def recorded(self) -> int:
        """Frames that went to the lane, and were not let go there."""
        return self.n - self.duplicates - self.unrecorded

    @property
    def held_since_ns(self) -> int | None:
        """Since when something keeps frames of this stream from being recorded, or from coming; None: nothing does."""
        began = self._counted.since_ns()
        if self.down_since is not None:
            began.append(self._down_from_ns)
        return min(began, default=None)

    @property
    def down_reason(self) -> Reason | None:
        """Why no leg brings this stream now, None when one does or none ever did."""
        return self._down_reason if self.down_since is not None else None

    @property
    def down_from_ns(self) -> int:
        """Since when nothing comes, however many minutes have ended meanwhile; of the last time where something does."""
        return self._down_from_ns

    @property
    def legs(self) -> int:
        """How many legs bring this stream now."""
        return len(self._legs)

    def _overlap(self) -> None:
        self.sequence.shared = len(self._legs) > 1
        self.mode = self.mode | OVERLAP if self.sequence.shared else self.mode & ~OVERLAP
