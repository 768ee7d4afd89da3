"""app.figures: what a run shows of itself: a `Snapshot`, made again and again, and handed to whoever takes it.

There is no page in here: the publisher, the alerts and the memory guard each look at the same snapshot, and each of them goes on
when another fails. Runs on the event loop, so it must be cheap: each round copies a few counters per stream; what changes seldom
(names, connections, logs) is made anew when it changes, and is the same object until then. A round goes in steps, between which
frames are taken: 1,500 streams at once would hold them up for some milliseconds. It takes no more than a hundredth of a core: the
pause between two rounds grows, up to a second, until it is a hundred times the processor time of a round. A fault of its own is
counted and logged, and reaches nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from time import monotonic, thread_time, time_ns
from typing import NamedTuple

from hoga._version import __version__
from hoga.app.config import ProgramConfig
from hoga.app.gap_log import GapLog
from hoga.app.hub_row import hub_row
from hoga.app.memory_guard import MemoryGuard
from hoga.app.trade_taps import TradeTaps
from hoga.app.venue_run import VenueRun
from hoga.core.instrument import Instrument
from hoga.core.ledger import Reason
from hoga.core.streams import Kind
from hoga.core.times import SECOND_NS
from hoga.dashboard.snapshot import (
    BookFrame,
    ConnectionRow,
    HubRow,
    Logs,
    Meta,
    ProcessRow,
    RelayRow,
    Rows,
    RunState,
    Snapshot,
    StreamFlag,
    StreamRow,
    VenueRow,
)
from hoga.hub.manager import GlobalWebSocketManager
from hoga.recorder.intake import Intake
from hoga.recorder.lane import Lane
from hoga.runtime.logs import get_log
from hoga.runtime.metrics import GcWatch, LagProbe

__all__ = ["BOOKS_MAX", "FRAME_MAX_BYTES", "Figures", "LogTail"]

_log = get_log("dashboard")

LogTail = Callable[[], tuple[list[str], int]]
"""(the last log lines, lines dropped)"""

BOOKS_MAX = 8
FRAME_MAX_BYTES = 65_536
"""A snapshot carries the newest frames of so many books, none larger than this."""
_SHARE = 0.01
_INTERVAL_MAX_S = 1.0
_SLOW_S = 1.0
_P99_PARTS = 10
_PART = 256
"""Streams in one step: some 0.2 ms."""
_LINES_KEPT = 60


class _Slow(NamedTuple):
    """What is looked at once a second."""

    connections: list[ConnectionRow]
    venues: list[VenueRow]
    process: ProcessRow
    hub: HubRow | None
    relay: RelayRow | None


class Figures:
    """The figures of `venues`, of what `gap_log` counted, and of the run's `hub` where there is one. `start`, then `stop`.

    Each of `on_snapshot` is given every snapshot; a fault of one is logged and keeps nothing from the others. `wanted_books` names
    the books and trades (`venue:stream`) whose newest frames are to be there too; `restarts` counts how often the dashboard was started
    again; `relay` says how the relay beside the run does.
    """

    def __init__(
        self,
        program: ProgramConfig,
        venues: list[VenueRun],
        *,
        gap_log: GapLog,
        memory: MemoryGuard,
        log_tail: LogTail | None = None,
        simulated: bool = False,
        hub: GlobalWebSocketManager | None = None,
    ) -> None:
        self._venues = venues
        self._gap_log = gap_log
        self._memory = memory
        self._log_tail = log_tail
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._interval_min_s = self._interval_s = program.dashboard_stream_interval
        self._intakes: list[Intake] = []
        self._lanes: list[tuple[Lane, int]] = []
        self._places: dict[str, int] = {}
        self._symbols: list[tuple[VenueRun, str]] = []
        self._meta = self._describe(program, simulated)
        self._trades = TradeTaps(self._intakes)
        self._listed: list[Mapping[str, Instrument]] = []
        self._steps_of_price: list[str | None] = []
        self._p99: list[float | None] = [None] * len(self._symbols)
        self._p99_part = 0
        self._gap_turn = gap_log.turn
        self._gaps, self._happened = list(gap_log.recent), gap_log.happened()
        self._logs, self._logs_turn = Logs([], 0), 0
        self._lag = LagProbe(self._loop)
        self._gc = GcWatch()
        self._cost_s = self._spent_s = 0.0
        self._next_slow = 0.0
        self._steps: Iterator[None] = iter(())
        self.faults = 0
        self.state = RunState.STARTING
        self.on_snapshot: list[Callable[[Snapshot], object]] = []
        self.wanted_books: Callable[[], list[str]] = list
        self.restarts: Callable[[], int] = lambda: 0
        self.relay: Callable[[], RelayRow | None] = lambda: None
        self._slow = self._look_slowly()

    @property
    def streams(self) -> int:
        """How many streams a snapshot has."""
        return len(self._intakes)

    # -- rounds -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make snapshots from now on."""
        self.state = RunState.RECORDING
        self._gc.start()
        self._lag.start()
        self._timer = self._loop.call_soon(self._round)

    def stop(self) -> None:
        """Make a last snapshot, and no more. Calling it again does nothing."""
        if self._timer is None:
            return
        self.state = RunState.STOPPING
        self._timer.cancel()
        self._timer = None
        steps = self._collecting()
        while self._safely(steps):
            pass
        self._gc.stop()
        self._lag.stop()

    def _round(self) -> None:
        self._steps = self._collecting()
        self._spent_s = 0.0
        self._step()

    def _step(self) -> None:
        began = thread_time()
        goes_on = self._safely(self._steps)
        self._spent_s += thread_time() - began
        if self._timer is None:
            return
        if goes_on:
            self._timer = self._loop.call_soon(self._step)
            return
        self._cost_s += (self._spent_s - self._cost_s) * 0.1
        self._interval_s = max(self._interval_min_s, min(_INTERVAL_MAX_S, self._cost_s / _SHARE))
        self._timer = self._loop.call_later(self._interval_s, self._round)

    def _safely(self, steps: Iterator[None]) -> bool:
        """Do the next of `steps`; tell whether there was one."""
        try:
            return next(steps, self) is not self
        except Exception as fault:  # noqa: BLE001  # what a run shows of itself never reaches the recorder: counted, logged
            self.faults += 1
            _log.failure("cannot publish", fault)
            return False

    def _hand_over(self, snapshot: Snapshot) -> None:
        for take in self.on_snapshot:
            try:
                take(snapshot)
            except Exception as fault:  # noqa: BLE001  # as above; the next one takes it all the same
                self.faults += 1
                _log.failure("cannot publish", fault)

    # -- collecting -----------------------------------------------------------------------------------------------------

    def _collecting(self) -> Iterator[None]:
        """Make one snapshot, step by step, and hand it over. The counts of one stream are of one moment; what waits for the disk,
        and lateness, of a later one."""
        now = monotonic()
        if now >= self._next_slow:
            self._next_slow = now + _SLOW_S
            self._slow = self._look_slowly()
            yield
        self._follow_logs()
        if self._gap_turn != self._gap_log.turn:
            self._gap_turn = self._gap_log.turn
            self._gaps, self._happened = list(self._gap_log.recent), self._gap_log.happened()
        wanted = [self._places[name] for name in dict.fromkeys(self.wanted_books()) if name in self._places]
        trades = [at for at in wanted if Kind.of(self._meta.streams[at].kind) is Kind.EXECUTION][:BOOKS_MAX]
        books = [at for at in wanted if at not in trades][:BOOKS_MAX]
        self._trades.follow(trades)
        yield
        rows = Rows(
            received=[], recorded=[], duplicates=[], gaps=[], queue=[], newest_ns=[], flags=[], median_ms=[], p99_ms=[], chunks=[], held=[]
        )  # fmt: skip
        for start in range(0, len(self._intakes), _PART):
            _copy(self._intakes[start : start + _PART], rows, start)
            yield
        for lane, members in self._lanes:
            counts = lane.waiting()
            rows.queue.extend(counts + [0] * (members - len(counts)))
            rows.chunks.append(lane.chunks)
            yield
        for start in range(0, len(self._symbols), _PART):
            rows.median_ms.extend(_ms(venue.recorder.lateness.median_ns(name)) for venue, name in self._symbols[start : start + _PART])
            yield
        rows.p99_ms.extend(self._next_p99())
        yield
        self._hand_over(
            Snapshot(
                now_ns=time_ns(),
                state=self.state,
                meta_turn=1,
                logs_turn=self._logs_turn,
                meta=self._meta,
                rows=rows,
                gaps=self._gaps,
                logs=self._logs,
                books=[self._newest(at) for at in books],
                trades=self._trades.rows(),
                happened=self._happened,
                price_steps=self._price_steps(),
                **self._slow._asdict(),
            )
        )

    def _price_steps(self) -> list[str | None]:
        """Of each symbol; made anew when a venue has told another list."""
        listed = [venue.listed for venue in self._venues]
        if len(listed) != len(self._listed) or any(new is not known for new, known in zip(listed, self._listed, strict=True)):
            self._listed = listed
            found = [venue.listed.get(symbol) for venue, symbol in self._symbols]
            self._steps_of_price = [None if each is None or each.tick is None else f"{each.tick.normalize():f}" for each in found]
        return self._steps_of_price

    def _next_p99(self) -> list[float | None]:
        """A tenth of the symbols anew in each round: sorting all of them at once would be the dearest thing here."""
        part = self._p99_part = (self._p99_part + 1) % _P99_PARTS
        for at in range(part, len(self._symbols), _P99_PARTS):
            venue, symbol = self._symbols[at]
            self._p99[at] = _ms(venue.recorder.lateness.p99_ns(symbol))
        return self._p99

    def _newest(self, at: int) -> BookFrame:
        recv_ns, frame = self._intakes[at].newest()
        return BookFrame(at, recv_ns, frame if len(frame) <= FRAME_MAX_BYTES else b"")

    def _follow_logs(self) -> None:
        if self._log_tail is None:
            return
        lines, dropped = self._log_tail()
        known = self._logs.lines
        if lines and not (known and lines[-1] is known[-1]):
            self._logs, self._logs_turn = Logs(lines[-_LINES_KEPT:], dropped), self._logs_turn + 1

    def _look_slowly(self) -> _Slow:
        now_ns = time_ns()
        connections = [
            ConnectionRow(
                each.name, venue.config.venue, str(each.state), each.epoch, each.url, each.streams, each.uptime_s, each.reconnects,
                each.failures, each.last_close, round(each.retry_in_s, 1), each.why, each.since_ns,
                now_ns + int(each.retry_in_s * SECOND_NS) if each.retry_in_s else 0, each.closed_ns,
            )
            for venue in self._venues
            for each in venue.feed.stats()
        ]  # fmt: skip
        self._memory.look()
        lag_ms, lag_max_ms = self._lag.roll()
        pause_ms, pause_max_ms = self._gc.roll()
        process = ProcessRow(
            loop_lag_ms=lag_ms,
            loop_lag_max_ms=lag_max_ms,
            gc_pause_ms=pause_ms,
            gc_pause_max_ms=pause_max_ms,
            gc_collections=self._gc.collections,
            publish_us=self._cost_s * 1e6,
            publish_interval_s=self._interval_s,
            memory_percent=self._memory.percent,
            memory_short=self._memory.short,
            dashboard_restarts=self.restarts(),
        )
        venues = [_venue_row(venue, self._gap_log) for venue in self._venues]
        return _Slow(connections, venues, process, None if self._hub is None else hub_row(self._hub), self.relay())

    # -- what it is about -----------------------------------------------------------------------------------------------

    def _describe(self, program: ProgramConfig, simulated: bool) -> Meta:
        streams: list[StreamRow] = []
        symbols: dict[tuple[str, str], int] = {}
        for venue in self._venues:
            name = venue.config.venue
            for lane, intakes in venue.recorder.by_lane():
                for intake in intakes:
                    stream = intake.stream
                    symbol_at = symbols.setdefault((name, stream.symbol), len(symbols))
                    directory = str(venue.config.directory(stream.kind).resolve())
                    self._places[f"{name}:{stream.name}"] = len(streams)
                    streams.append(
                        StreamRow(stream.name, name, stream.symbol, stream.channel, stream.kind, symbol_at, len(self._lanes), directory)
                    )
                    self._intakes.append(intake)
                self._lanes.append((lane, len(intakes)))
        by_name = {venue.config.venue: venue for venue in self._venues}
        self._symbols = [(by_name[name], symbol) for name, symbol in symbols]
        return Meta(
            hoga=__version__,
            started_ns=time_ns(),
            simulated=simulated,
            data_dir=str(program.data_dir),
            interval_s=program.dashboard_stream_interval,
            disk_reserve_bytes=max((venue.recorder.config.disk_reserve_bytes for venue in self._venues), default=0),
            latency_threshold_ms=min((venue.config.latency_threshold_ms for venue in self._venues), default=0.0),
            latency_gate=self._venues[0].config.latency_gate if self._venues else "",
            memory_limit_percent=program.desired_max_sys_mem_load,
            streams=streams,
            symbols=[symbol for _, symbol in symbols],
            members=dict(self._members()),
        )

    def _members(self) -> Iterator[tuple[str, list[int]]]:
        for venue in self._venues:
            for connection in venue.feed.connections:
                named = (f"{venue.config.venue}:{stream.name}" for stream in connection.streams)
                yield connection.name, [self._places[name] for name in named if name in self._places]


def _venue_row(venue: VenueRun, gap_log: GapLog) -> VenueRow:
    recorder, sealing, writer, spread = venue.recorder, venue.sealing.stats, venue.writer_stats, venue.tick_spread
    name = venue.config.venue
    return VenueRow(
        venue=name,
        home=str(recorder.config.home),
        pending=recorder.writer.pending_records,
        written=recorder.writer.written_records,
        written_bytes=writer.written_bytes,
        fsync_ms=writer.fsync_ms,
        fsyncs=writer.fsyncs,
        tick_ms=[spread.p50, spread.p99, spread.worst] if spread else [],
        odd=recorder.odd_frames,
        sealed=sealing.segments,
        days=sealing.days,
        waiting=sealing.waiting,
        seal_failures=sealing.failures,
        seal_s=sealing.seal_s,
        clock_offset_ms=venue.clock.offset_ms,
        clock_error_ms=venue.clock.error_ms,
        clock_source=venue.clock.source,
        skewed=recorder.lateness.skewed(),
        disk_full=recorder.disk_full,
        fault=writer.fault,
        lost=dict(gap_log.lost[name]),
        gaps=dict(gap_log.gaps[name]),
        archive_bytes=sealing.archive_bytes,
        skew_ms=recorder.lateness.skew_ms(),
        repeated=recorder.repeated,
        jumps=sum(intake.jumps for intake in recorder.intakes.values()),
    )


def _copy(intakes: list[Intake], rows: Rows, first: int) -> None:
    """What each stream's own intake knows. `first`: the place of the first of them."""
    rows.received.extend([each.n for each in intakes])
    rows.recorded.extend([each.recorded for each in intakes])
    rows.duplicates.extend([each.duplicates for each in intakes])
    rows.gaps.extend([each.gap_count for each in intakes])
    rows.newest_ns.extend([each.last_recv_ns if each.last_recv_ns >= each.seen_ns else each.seen_ns for each in intakes])
    flags = [0 if each.down_since is None and each.live_from_ns and not each.mode & _KEPT_OUT else _flags(each) for each in intakes]
    rows.flags.extend(flags)
    if any(flags):
        rows.held.extend([(first + at, intakes[at].held_since_ns or 0) for at, flag in enumerate(flags) if flag])


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6


def _flags(intake: Intake) -> int:
    """Its `StreamFlag`s, made of integers: what is down may be thousands of streams, and flags take ten times as long to put together."""
    flags = intake.mode & _KEPT_OUT
    reason = intake.down_reason
    if reason is not None:
        flags |= _DOWN.get(reason, _OTHER_DOWN)
    if intake.live_from_ns is None:
        flags |= _NEVER
    return flags


_KEPT_OUT = int(StreamFlag.GATED | StreamFlag.DISK_FULL)
_NEVER, _OTHER_DOWN = int(StreamFlag.NEVER), int(StreamFlag.OTHER_DOWN)
_DOWN = {Reason.DISCONNECT: int(StreamFlag.DISCONNECTED), Reason.SILENCE: int(StreamFlag.SILENT)}
