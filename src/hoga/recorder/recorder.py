"""recorder.recorder: one venue's recorder: its streams, lanes, legs and latency.

    feed ──opening/opened/live/closed──▶ Legs ──frames──▶ Intake ──▶ Lane ──▶ JournalWriter ──on_closed──▶ sealing

Everything here runs on the event loop and never waits: files belong to the writer's threads. `acquire` takes the
folder's lock and `start` begins; `ticking` once a second and `latency_ticking` every `latency.every_s` keep the accounts; `end_lanes` ends
the journals, and `stop` waits for the disk.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import Timeout

from hoga._version import __version__
from hoga.archive.form.journal import ClockNote, CountsNote, DigestNote, JournalHeader, LatencyNote, LiveNote, Note, StreamEntry
from hoga.archive.form.layout import segment_format
from hoga.archive.keep.life import LOCK_FILE, LastLife, StreamEnd, whole_session
from hoga.archive.keep.lock import FolderLock
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Kind, Stream
from hoga.core.times import DAY_NS, minute_floor_ns
from hoga.quality.eventtime import EventTime
from hoga.quality.sequence import Jump
from hoga.recorder.config import RecorderConfig
from hoga.recorder.fastpath import make_intake
from hoga.recorder.intake import DISK_FULL, GATED, Intake
from hoga.recorder.lane import Lane, Pulse, step_gap
from hoga.recorder.lateness import GateMove, Lateness
from hoga.recorder.legs import Legs
from hoga.recorder.probe import Probe
from hoga.recorder.writer import JournalWriter
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.locks import owner_of_lock
from hoga.venues.spec import VenueSpec

__all__ = ["Recorder", "directories_for"]

_LANE_STREAMS = 1024
_STEP_STREAMS = 128
_OVERHEAD_RECORDS = 256
_DRAINED_SHARE = 20
_MEMORY = ((64, 4096), (256, 1024), (1 << 32, 256))
"""Frames of each stream that are remembered (id and checksum), by the number of streams: 15 bytes each once they rest
(`recorder.trail`), some 100 before."""


class Recorder:
    """Records `streams` of one venue, those of its `snapshot_channel` among them (which are given to `legs` like others, and not to be
    subscribed). Times are wall-clock ns.

    `on_closed(path)`: a journal is complete (called from a thread). `on_fault(text)`: writing is stuck, or goes on
    (None); from a thread too.
    """

    def __init__(
        self,
        spec: VenueSpec,
        config: RecorderConfig,
        streams: list[Stream],
        *,
        on_closed: Callable[[Path], None],
        on_fault: Callable[[str | None], None],
        clock: Clock = SYSTEM,
    ) -> None:
        self._clock = clock
        self.spec = spec
        self.config = config
        self.session = f"{self._clock.time_ns():x}"
        self._lock = FolderLock(config.journal_folder)
        self.writer = JournalWriter(fsync_interval_s=config.fsync_interval_s, on_closed=on_closed, on_fault=on_fault, clock=clock)
        self.lateness = Lateness(config.latency, told=self._tell_latency)
        self.lanes: list[Lane] = []
        self.intakes: dict[str, Intake] = {}
        self.probes: dict[str, Probe] = {}
        self.event_times: dict[str, EventTime] = {}
        self._lane_of: dict[str, Lane] = {}
        self._lane_of_symbol: dict[str, tuple[Lane, list[int]]] = {}
        self._members: dict[int, list[Intake]] = {}
        self._bases: dict[str, tuple[int, int, int]] = {}
        self._reading: ClockNote | None = None
        self._marked: dict[str, int] = {}
        self._disk_full = False
        self._pulse = Pulse(clock=clock)
        self._folders = {kind: _relative(directory, config.journal_folder) for kind, directory in config.directories.items()}
        self._aside_folder = _relative(config.aside_directory, config.journal_folder)
        self._writer_fault = False
        self._build(streams)
        self.legs = Legs(spec, self.intakes, self.probes, self._lane_of, self.lanes)

    def _build(self, streams: list[Stream]) -> None:
        memory = next(ids for limit, ids in _MEMORY if len(streams) <= limit)
        config = self.config
        pulse = self._pulse
        for number, members in enumerate(_lanes(streams)):
            lane = Lane(
                number,
                folder=config.journal_folder,
                session=self.session,
                writer=self.writer,
                keeper=self,
                streams=len(members),
                records_max=config.records_max,
                pulse=pulse,
                clock=self._clock,
            )
            self.lanes.append(lane)
            self._members[number] = []
            for index, stream in enumerate(members):
                queue_max = config.executions_queue_max if stream.kind == Kind.EXECUTION else config.snapshots_queue_max
                intake = make_intake(self.spec, stream, index=index, lane=lane, queue_max=queue_max, memory=memory)
                self.intakes[stream.name] = intake
                self._lane_of[stream.name] = lane
                if not self._is_asked(stream):
                    self._lane_of_symbol.setdefault(stream.symbol, (lane, []))[1].append(index)
                self._members[number].append(intake)
                self._bases[stream.name] = (0, 0, 0)
        self._watch_latency(streams)

    def _watch_latency(self, streams: list[Stream]) -> None:
        timed = set()
        for stream in streams:
            key = self.spec.channel_of(stream.channel).record.event_key
            if key is not None and not self._is_asked(stream):
                timed.add(stream.symbol)
                intake = self.intakes[stream.name]
                event_time = self._event_time(stream)
                self.lateness.watch(stream.symbol, intake, event_time, self._payload_of(stream))
                intake.in_time = self.lateness.in_time(event_time)
        if self.spec.probe_channel is None:
            return
        key = self.spec.channel_of(self.spec.probe_channel).record.event_key
        for symbol in sorted(self._lane_of_symbol.keys() - timed):
            probe = Probe(self.spec, self.spec.parse_stream(symbol, self.spec.probe_channel))
            self.probes[probe.stream.name] = probe
            if key is not None:
                self.lateness.watch(symbol, probe, self._event_time(probe.stream), self._payload_of(probe.stream))

    def _event_time(self, stream: Stream) -> EventTime:
        channel = self.spec.channel_of(stream.channel)
        assert channel.record.event_key is not None, "asked only where there is one"
        event_time = self.event_times[stream.name] = EventTime(channel.record.event_key, channel.record.replay_pattern)
        return event_time

    def _payload_of(self, stream: Stream) -> Callable[[bytes], bytes]:
        """Gives the payload of one of the stream's frames; nothing when it is none."""
        key, split = self.spec.frame_key(stream), self.spec.split
        if not self.spec.wrapped:
            return lambda frame: frame

        def payload(frame: bytes) -> bytes:
            if frame.startswith(key):
                return frame[len(key) : -1]
            parts = split(frame)
            return b"" if parts is None else parts[1]

        return payload

    # -- life ---------------------------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Take the folder. Raises ArchiveBusy when another recorder has it, ArchiveError when it cannot be written."""
        folder = self.config.journal_folder
        try:
            for directory in {folder, *self.config.directories.values()}:
                directory.mkdir(parents=True, exist_ok=True)
            taken = self._lock.acquire()
        except OSError as fault:
            raise ArchiveError(folder, f"cannot be written: {fault.strerror}", hint="check the folder's owner and permissions") from fault
        if not taken:
            raise self._busy("another hoga is recording here")

    def check_lock(self) -> bool:
        """Whether the folder is still ours, as it was; False when somebody had removed its lock, and it was taken anew. May block.

        Raises ArchiveBusy when somebody else has taken it meanwhile, ArchiveError when it cannot be taken.
        """
        folder = self.config.journal_folder
        try:
            return self._lock.check()
        except Timeout as fault:
            raise self._busy("the folder was removed, and another hoga records there now") from fault
        except OSError as fault:
            raise ArchiveError(folder, f"its lock cannot be looked at: {fault.strerror}") from fault

    def _busy(self, what: str) -> ArchiveBusy:
        folder = self.config.journal_folder
        owner = owner_of_lock(folder) or owner_of_lock(folder / LOCK_FILE)
        who = what + (f" (process {owner})" if owner is not None else "")
        return ArchiveBusy(folder, who, hint="stop it first, or give this one its own --data")

    def start(self, last_life: LastLife | None) -> None:
        """Begin to record. `last_life`: how each stream ended before; the time since is a gap."""
        now = self._clock.time_ns()
        known = last_life.streams if last_life is not None else {}
        self._follow(max((end.session for end in known.values()), default=0))
        for name, intake in self.intakes.items():
            if (end := known.get(name)) is not None:
                intake.resume(ended_ns=end.ns, reason=end.reason, runs=end.runs, marks=end.marks)
            intake.begin(now)
        self.writer.start()
        self.legs.started = True
        for lane in self.lanes:
            lane.begin(now)
        for name, end in known.items():
            if name in self.intakes and end.ns > now:
                self._lane_of[name].gap(self.intakes[name].index, step_gap(now, now - end.ns))

    def _follow(self, session: int) -> None:
        """This session is newer than `session`, even where the clock was ahead in that one: what is said later must count for more."""
        self.session = f"{max(int(self.session, 16), session + 1):x}"
        for lane in self.lanes:
            lane.session = self.session

    def stop(self, *, timeout_s: float) -> bool:
        """End the journals and wait for the disk. Blocks (call it in a thread after `end_lanes`)."""
        return self.writer.stop(timeout_s=timeout_s)

    def end_lanes(self) -> LastLife:
        """The last words of every lane: how each stream of this session ended. After this nothing is recorded any more."""
        now = self._clock.time_ns()
        self.legs.end_all(now)
        for lane in self.lanes:
            lane.end(now)
        self._pulse.close()
        ends = {name: now if intake.down_since is None else intake.down_since for name, intake in self.intakes.items()}
        return LastLife(streams={name: self._end_of(self.intakes[name], ns) for name, ns in ends.items()})

    def _end_of(self, intake: Intake, ns: int) -> StreamEnd:
        where = whole_session(int(self.session, 16))
        return StreamEnd(ns=ns, reason=Reason.SHUTDOWN, runs=intake.runs(), marks=intake.marks(), **where)

    def release(self) -> None:
        """Give the folder back."""
        self._lock.release()

    @property
    def wanted(self) -> list[Stream]:
        """Every stream to subscribe, probes included."""
        recorded = [intake.stream for intake in self.intakes.values() if not self._is_asked(intake.stream)]
        return [*recorded, *(probe.stream for probe in self.probes.values())]

    def _is_asked(self, stream: Stream) -> bool:
        """Whether it is asked for over REST: when it was received says nothing of a stream's latency."""
        return stream.channel == self.spec.snapshot_channel

    # -- time ---------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Once a second."""
        for _ in self.ticking(now):
            pass

    def ticking(self, now: int) -> Iterator[None]:
        """`tick` in steps of a third of a millisecond: between two of them frames may be taken."""
        self.legs.note_fresh(now)
        if self._may_forget_fault():
            self._set_shed_reason(Reason.BACKPRESSURE)
        for lane in self.lanes:
            lane.tick(now)
        for lane in self.lanes:
            gaps: list[tuple[int, Gap]] = []
            for at, intake in enumerate(self._members[lane.number]):
                if at % _STEP_STREAMS == 0:
                    yield
                intake.settle(now)
                if intake.has_open:
                    gaps.extend((intake.index, gap) for gap in intake.open_gaps(now))
            if not self._writer_fault:
                lane.tell_open(now, [*gaps, *self._open_marks(lane, now)])

    def latency_ticking(self) -> Iterator[GateMove | None]:
        """Sample latencies, move gates: each gate that moved, and None where frames may be taken in between."""
        for lane in self.lanes:
            self.lateness.sample_overhead(lane.newest[: 3 * _OVERHEAD_RECORDS : 3])
        for move in self.lateness.ticking():
            if move is not None:
                self._move_gate(move.symbol)
                self._mark(move)
            yield move

    def _move_gate(self, symbol: str) -> None:
        closed, now = self.lateness.is_closed(symbol), self._clock.time_ns()
        _hold([intake for intake in self.intakes.values() if intake.stream.symbol == symbol], GATED, now, held=closed)

    def _mark(self, move: GateMove) -> None:
        """`LATENCY_GATE = mark`: everything is recorded, and the ledger says when it was late."""
        if self.config.latency.gate != "mark":
            return
        now = self._clock.time_ns()
        if move.closed:
            self._marked[move.symbol] = now
            return
        since_ns = self._marked.pop(move.symbol, None)
        if since_ns is not None:
            for lane in self.lanes:
                self._tell_late(lane, move.symbol, since_ns, now)

    def _tell_late(self, lane: Lane, symbol: str, since_ns: int, to_ns: int) -> None:
        for intake in self._members[lane.number]:
            if intake.stream.symbol == symbol:
                lane.gap(intake.index, _late_gap(since_ns, lane.from_ns, to_ns))

    def _open_marks(self, lane: Lane, now: int) -> list[tuple[int, Gap]]:
        return [
            (intake.index, _late_gap(self._marked[intake.stream.symbol], lane.from_ns, now))
            for intake in (self._members[lane.number] if self._marked else ())
            if intake.stream.symbol in self._marked
        ]

    def spare_bytes(self) -> int:
        """Free bytes above the reserve. May block; for `note_spare`, which is of the event loop."""
        return shutil.disk_usage(self.config.journal_folder).free - self.config.disk_reserve_bytes

    def note_spare(self, spare: int) -> None:
        """So many bytes are free above the reserve: below it recording stops cleanly, and resumes 5 % above."""
        self.set_disk_full(spare < (self.config.disk_reserve_bytes // 20 if self._disk_full else 0))

    @property
    def disk_full(self) -> bool:
        """Whether recording is stopped for want of space."""
        return self._disk_full

    def set_disk_full(self, full: bool) -> None:
        """Stop or resume all streams for want of space."""
        if full is self._disk_full:
            return
        self._disk_full = full
        _hold(list(self.intakes.values()), DISK_FULL, self._clock.time_ns(), held=full)

    def set_writer_fault(self, fault: str | None) -> None:
        """Why writing is stuck (None: it goes on): what is shed from now on, until what piled up is written, is shed for that."""
        self._writer_fault = fault is not None
        if fault is not None:
            self._set_shed_reason(Reason.DISK_FULL)

    def _may_forget_fault(self) -> bool:
        """Whether writing goes on, and what piled up meanwhile is on its way: what is shed from now on has another cause."""
        if self._writer_fault or self.lanes[0].shed_reason is Reason.BACKPRESSURE:
            return False
        return self.writer.pending_records <= self.config.records_max // _DRAINED_SHARE

    def _set_shed_reason(self, reason: Reason) -> None:
        for lane in self.lanes:
            lane.shed_reason = reason

    def clock_stepped(self, at_ns: int, delta_ns: int) -> None:
        """The wall clock jumped by `delta_ns` and shows `at_ns` now."""
        self.lateness.forget()
        gap = step_gap(at_ns, delta_ns)
        for lane in self.lanes:
            for intake in self._members[lane.number]:
                lane.gap(intake.index, gap)
        if delta_ns < 0:
            self._set_back(at_ns, -delta_ns)

    def _set_back(self, now: int, by_ns: int) -> None:
        """What is remembered by the old time would lie ahead until the clock has caught up. The journals of that time end by it first."""
        for lane in self.lanes:
            lane.flush()
        for symbol, since_ns in self._marked.items():
            if since_ns > now:
                self._marked[symbol] = now
                for lane in self.lanes:
                    self._tell_late(lane, symbol, since_ns, now + by_ns)
        self.legs.clock_set_back(now, by_ns)

    def clock_measured(self, *, offset_ms: float | None, source: str) -> None:
        """The clock's offset was measured: it goes into the manifests."""
        self._reading = ClockNote(self._clock.time_ns(), offset_ms, source)
        self.lateness.offset_ns = int((offset_ms or 0.0) * 1e6)
        for lane in self.lanes:
            lane.note(self._reading.ns, self._reading)

    def note_digest(self, name: str, *, update_id: int, digest: str) -> None:
        """A book that is kept of the stream's deltas is this at `update_id`: it goes into their ledger."""
        now = self._clock.time_ns()
        self._lane_of[name].note(now, DigestNote(self.intakes[name].index, now, update_id, digest))

    def set_memory_short(self, short: bool) -> None:
        """The machine's memory is short, or is not any more: hold the queues down meanwhile."""
        for lane in self.lanes:
            lane.hold_short(short)

    @property
    def odd_frames(self) -> int:
        """Frames that were put aside: no market data, broken, of a stream nobody asked for, or brought twice by one leg."""
        return sum(lane.odds for lane in self.lanes)

    @property
    def repeated(self) -> int:
        """Duplicates that no second leg explains: the leg that brought them had brought them before."""
        return sum(intake.repeated for intake in self.intakes.values())

    def take_news(self) -> tuple[list[tuple[str, Jump]], list[tuple[str, bytes]]]:
        """(stream, jump) of the streams whose venue numbered anew since the last call, and (stream, value) of those that told a
        time that is none."""
        jumps = [(name, intake.last_jump) for name, intake in self.intakes.items() if intake.last_jump is not None]
        for name, _ in jumps:
            self.intakes[name].last_jump = None
        odd = [(name, each.last_odd) for name, each in self.event_times.items() if each.last_odd]
        for name, _ in odd:
            self.event_times[name].last_odd = b""
        return jumps, odd

    def by_lane(self) -> list[tuple[Lane, list[Intake]]]:
        """Every lane with its intakes, in the order of their indices."""
        return [(lane, self._members[lane.number]) for lane in self.lanes]

    # -- what the lanes ask (lane.Bookkeeping) --------------------------------------------------------------------

    def end_minute(self, lane: Lane, boundary_ns: int, later: Counter[int]) -> list[Note]:
        """The ending journal's last notes: what each stream was, and how many frames it had."""
        notes: list[Note] = []
        spans: dict[int, list[int]] = {}
        for symbol, since_ns in self._marked.items():
            self._tell_late(lane, symbol, since_ns, boundary_ns)
        for intake in self._members[lane.number]:
            intake.close_minute(boundary_ns, settle=lane.ending or boundary_ns % DAY_NS == 0)
            name = intake.stream.name
            base = self._bases[name]
            now = (intake.n - later[intake.index], intake.duplicates, intake.reordered)
            self._bases[name] = now
            if now != base:
                notes.append(CountsNote(intake.index, now[0] - base[0], now[1] - base[1], now[2] - base[2]))
            if (live_ns := intake.live_from_ns) is None:
                continue
            if now != base and live_ns >= boundary_ns:  # it came before it was live: the clock was set back, and nobody has told us yet
                live_ns = lane.from_ns
            if live_ns < boundary_ns:
                spans.setdefault(max(live_ns, lane.from_ns), []).append(intake.index)
        notes.extend(LiveNote(streams, from_ns, boundary_ns) for from_ns, streams in spans.items())
        return notes

    def begin_minute(self, lane: Lane, from_ns: int) -> tuple[JournalHeader, list[Note]]:
        """The next journal: its streams, the legs that are open, the latencies in force."""
        config = self.config
        members = self._members[lane.number]
        header = JournalHeader(
            venue=self.spec.name,
            session=self.session,
            number=lane.journals,
            lane=lane.number,
            from_ns=from_ns,
            minute_ns=minute_floor_ns(from_ns),
            interval_min=config.interval_min,
            archive_format=segment_format(config.archive_format),
            aside_directory=self._aside_folder,
            streams=[
                StreamEntry(
                    stream=intake.stream,
                    directory=self._folders[intake.stream.kind],
                    down=intake.down_reason,
                    since_ns=intake.down_since,
                )
                for intake in members
            ],
            hoga=__version__,
        )
        notes: list[Note] = [*self.legs.notes_of(lane)]
        by_symbol: dict[str, list[int]] = {}
        for intake in members:
            if not self._is_asked(intake.stream):
                by_symbol.setdefault(intake.stream.symbol, []).append(intake.index)
        for symbol, median_ns in self.lateness.medians():
            if median_ns is not None and symbol in by_symbol:
                notes.append(LatencyNote(by_symbol[symbol], median_ns, self.lateness.overhead_ns))
        return header, notes

    def shed(self, lane: Lane, index: int, reason: Reason, from_ns: int, to_ns: int, frames: int) -> None:
        """The lane had to let records of a stream go."""
        self._members[lane.number][index].count_lost(reason, from_ns, to_ns, frames)

    def _tell_latency(self, symbol: str, median_ns: int | None, overhead_ns: int) -> None:
        lane, indices = self._lane_of_symbol[symbol]
        lane.note(self._clock.time_ns(), LatencyNote(indices, median_ns, overhead_ns))


def _lanes(streams: list[Stream]) -> list[list[Stream]]:
    """Streams by lane: as few lanes as can be, evenly filled, and all streams of a symbol in one, so that a series'
    minute comes from one journal."""
    symbols: dict[str, list[Stream]] = {}
    for stream in streams:
        symbols.setdefault(stream.symbol, []).append(stream)
    fill = -(-len(streams) // max(1, -(-len(streams) // _LANE_STREAMS)))
    lanes: list[list[Stream]] = [[]]
    for members in symbols.values():
        if lanes[-1] and len(lanes[-1]) + len(members) > max(fill, len(members)):
            lanes.append([])
        lanes[-1] += members
    return lanes


def _hold(intakes: list[Intake], flag: int, now: int, *, held: bool) -> None:
    """Keep frames out for `flag`, or let them in again: all of these, whatever goes wrong with one, which is raised afterwards."""
    faults = []
    for intake in intakes:
        try:
            if held:
                intake.hold(flag)
            else:
                intake.release(flag, now)
        except Exception as fault:  # noqa: BLE001  # one stream's trouble is its own: the others are released
            faults.append(fault)
    if faults:
        raise faults[0]


def _late_gap(since_ns: int, journal_ns: int, to_ns: int) -> Gap:
    """Late since then, as far as the journal that began at `journal_ns` goes."""
    from_ns, goes_on = (since_ns, None) if since_ns >= journal_ns else (journal_ns, since_ns)
    return Gap(from_ns, max(from_ns, to_ns), Reason.LATENCY_GATE, 0, detail="late, and recorded all the same", since_ns=goes_on)


def _relative(path: Path, base: Path) -> str:
    """`path` as seen from `base`, so that a moved archive still finds itself; absolute when they share nothing."""
    try:
        return os.path.relpath(path.resolve(), base.resolve())
    except ValueError:
        return str(path.resolve())


def directories_for(streams: list[Stream], directory_of: Callable[[str], Path]) -> dict[str, Path]:
    """Archive folder by kind, for the kinds these streams feed."""
    return {kind: directory_of(kind) for kind in {stream.kind for stream in streams} | {Kind.ASIDE}}
