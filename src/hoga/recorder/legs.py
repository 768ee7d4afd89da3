"""recorder.legs: what a venue's connections bring to its recorder: which stream comes on which leg, since when, and who takes its frames.

A leg is one life of one connection, by the number that its frames carry in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from hoga.archive.form.journal import LegNote
from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.hub.port import LegStats, LifeEnd, Take
from hoga.recorder.intake import REORDER_NS, Intake
from hoga.recorder.lane import Lane
from hoga.recorder.probe import Probe
from hoga.venues.spec import VenueSpec

__all__ = ["Legs"]


_BEHIND_NS = 1_000_000_000
"""What came on another leg so long ago and not on this one does not merely come a moment later."""


class _Tally:
    """What a leg has brought of a stream since `began_ns`. `alone_from`: since it is the only leg that brings it, the stream's own count
    is enough; it stood there when that began. -1 while there are others. `unanswered`: when the stream was asked for on the leg once
    more and nobody answered, it had brought so many; -1 when that was answered."""

    __slots__ = ("alone_from", "began_ns", "n", "newest_ns", "unanswered")

    def __init__(self, began_ns: int) -> None:
        self.began_ns = began_ns
        self.n = self.newest_ns = 0
        self.alone_from = self.unanswered = -1


class _Leg(NamedTuple):
    number: int
    conn: str
    epoch: int
    names: frozenset[str]
    lanes: dict[Lane, list[Intake]]
    table: dict[bytes, Take]
    opened_ns: list[int]
    stats: LegStats
    tallies: dict[str, _Tally]
    waiting: set[str]
    fresh: list[Intake]


class Legs:
    """The recorder's inlet (`hub.port.Inlet`) over its intakes and probes, both by wire name. `lanes[0]` takes what belongs to no stream.

    `started`: frames may be kept. `unrecorded_odd`: odd frames that came before or after. `on_change` is told when a leg is open, or over;
    it must not block or raise.
    """

    def __init__(
        self, spec: VenueSpec, intakes: Mapping[str, Intake], probes: Mapping[str, Probe], lane_of: Mapping[str, Lane], lanes: list[Lane]
    ) -> None:
        self.spec = spec
        self.intakes = intakes
        self.probes = probes
        self.lanes = lanes
        self.started = False
        self.unrecorded_odd = 0
        self.on_change: Callable[[], object] = lambda: None
        self._lane_of = lane_of
        self._legs: dict[tuple[str, int], _Leg] = {}
        self._by_number: dict[int, _Leg] = {}
        self._taken_for_dead: dict[int, tuple[int, list[tuple[Intake, int]]]] = {}
        self._next_leg = 1

    def end_all(self, now: int) -> None:
        """Every leg ends, because the recorder does."""
        for leg in list(self._legs.values()):
            self._end_leg(leg, now, "stopped")

    def note_fresh(self, now: int) -> None:
        """Tell the journals which streams have begun to come since the last call, and which come again."""
        for leg in self._legs.values():
            self._note_fresh(leg, now)
        for number, (heard_ns, missed) in list(self._taken_for_dead.items()):
            leg = self._by_number[number]
            if (again_ns := self._heard_ns(leg)) > heard_ns:
                del self._taken_for_dead[number]
                for intake, since_ns in missed:
                    if self._brings(leg, intake.stream.name):
                        intake.comes_again(again_ns, since_ns)

    def notes_of(self, lane: Lane) -> list[LegNote]:
        """The legs that bring streams of the lane now, as a journal that begins says them."""
        notes = []
        for leg in self._legs.values():
            if leg.opened_ns and (mine := leg.lanes.get(lane)):
                indices = [intake.index for intake in mine if intake.stream.name not in leg.waiting]
                notes.append(LegNote(leg.number, leg.conn, leg.epoch, leg.opened_ns[0], indices))
        return notes

    @property
    def lives(self) -> list[tuple[str, int]]:
        """(connection, epoch) of every leg."""
        return list(self._legs)

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        """A connection is about to be made: who takes its frames. Its leg has a number, which its frames carry in the journal."""
        number = self._next_leg
        self._next_leg = number % 0xFFFE + 1
        names = frozenset(stream.name for stream in streams if stream.name in self.intakes)
        waiting = set(names) | {stream.name for stream in streams if stream.name in self.probes}
        leg = _Leg(number, conn, epoch, names, self._lanes_of(streams), {}, [], LegStats(), {}, waiting, [])
        self._legs[conn, epoch] = self._by_number[number] = leg
        return leg.table

    def opened(self, conn: str, epoch: int, now: int) -> None:
        """The socket is open. A stream counts from the venue's answer on (`live`), or from its first frame."""
        leg = self._legs[conn, epoch]
        leg.opened_ns.append(now)
        for lane in leg.lanes:
            lane.note(now, LegNote(leg.number, conn, epoch, now))
        for name in leg.waiting:
            source = self.intakes.get(name) or self.probes[name]
            leg.table[source.frame_key] = self._first_take(leg, name)
        self.on_change()

    def live(self, conn: str, epoch: int, now: int, names: Collection[str]) -> None:
        """The venue has agreed to bring these on the leg."""
        leg = self._legs[conn, epoch]
        for name in names:
            self._become_live(leg, name, now)
        self._note_fresh(leg, now)

    def waits(self, conn: str, epoch: int, now: int, names: Collection[str], why: str) -> None:
        """The venue has not agreed to bring these: the ledger says since when, and why."""
        leg = self._legs.get((conn, epoch))
        if leg is None or not leg.opened_ns:
            return
        for name in names:
            intake = self.intakes.get(name)
            if intake is None:
                continue
            if name in leg.waiting:
                intake.waits(leg.opened_ns[0], f"not subscribed yet: {why}")
                continue
            if (tally := leg.tallies.get(name)) is not None:
                tally.unanswered = self._brought(leg, name)[0]
            if not any(self._brings(each, name) for each in self._legs.values()):
                intake.silent(max(leg.opened_ns[0], intake.last_recv_ns, intake.seen_ns))

    def lacking(self, conn: str, epoch: int) -> Collection[str]:
        """Streams of the leg that were neither told live nor have come."""
        leg = self._legs.get((conn, epoch))
        return leg.waiting if leg is not None else ()

    def _become_live(self, leg: _Leg, name: str, now: int) -> None:
        if name not in leg.waiting:
            if (tally := leg.tallies.get(name)) is not None:
                tally.unanswered = -1
            return
        leg.waiting.discard(name)
        leg.tallies[name] = _Tally(now)
        intake = self.intakes.get(name)
        if intake is not None:
            intake.connected(leg.number, now)
            leg.fresh.append(intake)
        self._set_takes(name)

    def _first_take(self, leg: _Leg, name: str) -> Take:
        """Takes a stream's first frame on a leg where nothing had proven that it comes: the frame does."""
        key, split = (self.intakes.get(name) or self.probes[name]).frame_key, self.spec.split

        def take(now: int, data: bytes) -> bool:
            if split(data) is None:
                return False
            self._become_live(leg, name, now)
            return leg.table[key](now, data)

        return take

    def _note_fresh(self, leg: _Leg, now: int) -> None:
        """Tell the journals which streams have begun to come on the leg."""
        fresh = leg.fresh[:]
        leg.fresh.clear()
        for lane, indices in self._indices_by_lane(fresh).items():
            lane.note(now, LegNote(leg.number, leg.conn, leg.epoch, now, indices))

    def _indices_by_lane(self, intakes: Iterable[Intake]) -> dict[Lane, list[int]]:
        lanes: dict[Lane, list[int]] = {}
        for intake in intakes:
            lanes.setdefault(self._lane_of[intake.stream.name], []).append(intake.index)
        return lanes

    def closed(self, conn: str, epoch: int, end: LifeEnd) -> None:
        """The leg is gone, or could not be made: the streams of a connection that was never up wait since the start."""
        leg = self._legs.get((conn, epoch))
        if leg is None:
            return
        self._end_leg(leg, end.at_ns, end.why, alive_ns=end.alive_ns)
        was_dead = self._was_dead(leg, end.alive_ns, end.at_ns)
        dead = [each for each in self._legs.values() if self._was_dead(each, self._heard_ns(each), end.at_ns)]
        missed: list[tuple[Intake, int]] = []
        for members in leg.lanes.values():
            for intake in members:
                name = intake.stream.name
                if leg.opened_ns:
                    rest_dead = not any(each not in dead and self._brings(each, name) for each in self._legs.values())
                    was_up = intake.down_since is None
                    intake.disconnected(
                        leg.number, alive_ns=end.alive_ns, reason=end.reason, conn=conn, was_dead=was_dead, rest_dead=rest_dead
                    )
                    if rest_dead and was_up:
                        missed.append((intake, intake.down_from_ns))
                elif epoch == 1 and end.reason is Reason.DISCONNECT and intake.began_ns is not None:
                    intake.waits(end.at_ns, f"not connected yet: {end.why}")
        for each in dead:
            _, earlier = self._taken_for_dead.get(each.number, (0, []))
            self._taken_for_dead[each.number] = self._heard_ns(each), [*earlier, *missed]
        for name in leg.tallies:
            self._set_takes(name)

    def _was_dead(self, leg: _Leg, alive_ns: int, at_ns: int) -> bool:
        """Whether a leg whose last sign of life was at `alive_ns` had, at `at_ns`, long since missed what others brought of its streams:
        any of them proves it for all, also for one that others brought nothing of yet."""
        for name, tally in leg.tallies.items():
            sign_ns, newest_ns = max(alive_ns, tally.began_ns), self._first_received_ns(name)
            if newest_ns > sign_ns and max(newest_ns - sign_ns, at_ns - newest_ns) > _BEHIND_NS:
                return True
        return False

    def _first_received_ns(self, name: str) -> int:
        """Receipt of the newest frame on the leg that brought it first: that another one brought it, too, says nothing of that one."""
        intake = self.intakes.get(name)
        return intake.last_recv_ns if intake is not None else self.received(name)[1]

    def _heard_ns(self, leg: _Leg) -> int:
        """Receipt of the newest frame that the leg brought; 0: none."""
        return max((self._brought(leg, name)[1] for name in leg.tallies), default=0)

    def _brings(self, leg: _Leg, name: str) -> bool:
        """Whether the stream comes on the leg, as far as anybody can say."""
        return name in leg.tallies and leg.tallies[name].unanswered != self._brought(leg, name)[0]

    def received(self, name: str) -> tuple[int, int]:
        """(frames received in all, receipt of the newest) of a stream, by wire name."""
        if name in self.probes:
            return self.probes[name].n, self.probes[name].newest_frame[0]
        intake = self.intakes[name]
        return intake.n, max(intake.last_recv_ns, intake.seen_ns)

    def brought(self, conn: str, epoch: int, name: str) -> tuple[int, int]:
        """The same of one leg alone; nothing of a leg that is over."""
        leg = self._legs.get((conn, epoch))
        return self._brought(leg, name) if leg is not None else (0, 0)

    def _brought(self, leg: _Leg, name: str) -> tuple[int, int]:
        if (tally := leg.tallies.get(name)) is None:
            return 0, 0
        n, newest_ns = self.received(name)
        if 0 <= tally.alone_from < n:
            return tally.n + n - tally.alone_from, newest_ns
        return tally.n, tally.newest_ns

    def silent(self, name: str, since_ns: int) -> None:
        """The stream is judged silent on a leg that lives. Where another one has brought it since then, it comes."""
        newest_ns = max((self._brought(leg, name)[1] for leg in self._legs.values()), default=0)
        if name in self.intakes and newest_ns <= since_ns + REORDER_NS:
            self.intakes[name].silent(max(since_ns, self.received(name)[1]))

    def race(self, conn: str, epoch: int) -> LegStats:
        """How the leg does against its twin."""
        leg = self._legs.get((conn, epoch))
        return leg.stats if leg else LegStats()

    @property
    def open(self) -> list[int]:
        """The numbers of the legs that are open, the oldest first."""
        return [leg.number for leg in self._legs.values() if leg.opened_ns]

    def identity(self, number: int) -> tuple[str, int] | None:
        """(connection, epoch) of an open leg, None when there is none of that number."""
        leg = self._by_number.get(number)
        return (leg.conn, leg.epoch) if leg is not None else None

    def streams(self, number: int) -> frozenset[str]:
        """The streams of an open leg, by wire name; empty when there is none of that number."""
        leg = self._by_number.get(number)
        return leg.names if leg is not None else frozenset()

    def behind(self, conn: str, epoch: int, since_ns: int) -> list[str]:
        """Streams that have brought frames since `since_ns`, but none on this leg."""
        leg = self._legs.get((conn, epoch))
        if leg is None:
            return []
        return [name for name in leg.names if self.received(name)[1] >= since_ns and not self._brought(leg, name)[0]]

    def clock_set_back(self, now: int, by_ns: int) -> None:
        """The wall clock was set back by `by_ns`, and shows `now`."""

        def moved(stamp_ns: int) -> int:
            return stamp_ns - by_ns if stamp_ns > now else stamp_ns

        for leg in self._legs.values():
            leg.opened_ns[:] = [min(opened_ns, now) for opened_ns in leg.opened_ns]
            for tally in leg.tallies.values():
                tally.began_ns, tally.newest_ns = moved(tally.began_ns), moved(tally.newest_ns)
        down = {id(intake): intake.down_from_ns for intake in self.intakes.values()}
        for intake in self.intakes.values():
            intake.clock_set_back(now, by_ns)
        for number, (heard_ns, missed) in self._taken_for_dead.items():
            those = [(intake, intake.down_from_ns) for intake, since_ns in missed if down[id(intake)] == since_ns]
            self._taken_for_dead[number] = moved(heard_ns), those

    def _end_leg(self, leg: _Leg, now: int, close: str, *, alive_ns: int | None = None) -> None:
        """Frames of the leg may still be in the batch: they go first, while a journal that begins now would name it."""
        lanes = leg.lanes if leg.opened_ns else {}
        self._note_fresh(leg, now)
        for lane in lanes:
            lane.flush()
        self._legs.pop((leg.conn, leg.epoch), None)
        self._by_number.pop(leg.number, None)
        self._taken_for_dead.pop(leg.number, None)
        leg.table.clear()
        for lane, members in lanes.items():
            indices = [intake.index for intake in members if intake.stream.name not in leg.waiting]
            alive = None if alive_ns is None else max([alive_ns, *(intake.last_recv_ns for intake in members)])
            lane.note(now, LegNote(leg.number, leg.conn, leg.epoch, leg.opened_ns[0], indices, now, close, alive))
        self.on_change()

    def _lanes_of(self, streams: list[Stream]) -> dict[Lane, list[Intake]]:
        lanes: dict[Lane, list[Intake]] = {}
        for stream in streams:
            if stream.name in self.intakes:
                lanes.setdefault(self._lane_of[stream.name], []).append(self.intakes[stream.name])
        return lanes

    def _set_takes(self, name: str) -> None:
        """One leg: the intake itself takes the frames. More: each leg says first whose frame it is."""
        bringing = [leg for leg in self._legs.values() if name in leg.tallies]
        source = self.intakes.get(name) or self.probes[name]
        n, newest_ns = self.received(name)
        for leg in bringing:
            tally = leg.tallies[name]
            if len(bringing) == 1:
                tally.alone_from = n if tally.alone_from < 0 else tally.alone_from
                leg.table[source.frame_key] = source.take
                return
            if 0 <= tally.alone_from < n:
                tally.n, tally.newest_ns = tally.n + n - tally.alone_from, newest_ns
            tally.alone_from = -1
            leg.table[source.frame_key] = _leg_take(source, leg, tally) if isinstance(source, Intake) else _probe_take(source, tally)

    def odd(self, conn: str, epoch: int, now: int, data: bytes) -> None:
        """A frame that nobody takes as it stands: unusual spelling, unknown stream, broken, or no market data at all."""
        leg = self._legs.get((conn, epoch))
        if leg is None or not self.started:
            self.unrecorded_odd += 1
            return
        parts = self.spec.split(data)
        if parts is not None and parts[0] in self.intakes:
            take = leg.table.get(self.intakes[parts[0]].frame_key, self.intakes[parts[0]].take)
            take(now, data)
            return
        if parts is not None and parts[0] in self.probes:
            self.probes[parts[0]].take(now, data)
            return
        if parts is None:
            for intake in self.intakes.values():
                if data.startswith(intake.frame_key):
                    intake.malformed(now, leg.number, data)
                    return
        why = "not a data frame" if parts is None else f"unknown stream {parts[0]}"
        self.lanes[0].odd(now, leg.number, why, data)


def _leg_take(intake: Intake, leg: _Leg, tally: _Tally) -> Take:
    tag = intake.index | leg.number << 16
    stats = leg.stats

    def take(now: int, data: bytes) -> bool:
        intake.tag = tag
        passed = intake.duplicates + intake.unrecorded
        if not intake.take(now, data):
            return False
        tally.n += 1
        tally.newest_ns = now
        if intake.duplicates + intake.unrecorded == passed:
            stats.won += 1
        else:
            stats.late += 1
        return True

    return take


def _probe_take(probe: Probe, tally: _Tally) -> Take:
    def take(now: int, data: bytes) -> bool:
        tally.n += 1
        tally.newest_ns = now
        return probe.take(now, data)

    return take
