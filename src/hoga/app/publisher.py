"""app.publisher: what a run shows of itself, put on the snapshot page again and again.

Runs on the event loop, so it must be cheap: each round copies a few counters per stream and encodes them; what changes
seldom (names, connections, logs) is encoded when it changes. A round goes in steps, between which frames are taken: 1,500 streams at
once would hold them up for some milliseconds. It takes no more than a hundredth of a core: the pause
between two rounds grows, up to a second, until it is a hundred times the processor time of a round. A fault of its own
is counted and logged, and reaches nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, monotonic_ns, thread_time, time_ns

import msgspec
import psutil

from hoga._version import __version__
from hoga.app.config import ProgramConfig
from hoga.app.gap_log import GapLog
from hoga.app.hub_row import hub_row
from hoga.app.venue_run import VenueRun
from hoga.core.ledger import Reason
from hoga.dashboard.page import PageReader, PageWriter
from hoga.dashboard.snapshot import (
    BookFrame,
    ConnectionRow,
    Happened,
    Logs,
    Meta,
    PageState,
    ProcessRow,
    Rows,
    RunState,
    StreamFlag,
    StreamRow,
    VenueRow,
    decode_status,
    encode_part,
    encode_snapshot,
)
from hoga.hub.manager import GlobalWebSocketManager
from hoga.recorder.intake import Intake
from hoga.recorder.lane import Lane
from hoga.runtime.logs import get_log
from hoga.runtime.metrics import GcWatch, LagWindow

__all__ = ["LogTail", "Publisher", "slot_bytes"]

_log = get_log("dashboard")

LogTail = Callable[[], tuple[list[str], int]]
"""(the last log lines, lines dropped)"""

_SHARE = 0.01
_INTERVAL_MAX_S = 1.0
_SLOW_S = 1.0
_LAG_PROBE_S = 0.1
_P99_PARTS = 10
_PART = 256
"""Streams in one step: some 0.2 ms."""
_LINES_KEPT = 60
_BOOKS_MAX = 8
_FRAME_MAX = 65_536
_MEMORY_HYSTERESIS = 2.0
_DASHBOARDS_MAX = 4
_WISH_NS = 5_000_000_000


def slot_bytes(streams: int) -> int:
    """How large the page's slots must be for so many streams."""
    return (256 << 10) + 512 * streams + _BOOKS_MAX * _FRAME_MAX


class Publisher:
    """Publishes the state of `venues` on `page`, and follows the wishes of dashboards: the pages whose names begin with `wishes`.

    `gap_log`: the run's. `hub`: likewise, where there is one. `on_memory_short(short)`: the machine's memory passed
    `DESIRED_MAX_SYS_MEM_LOAD`, one way or the other.
    """

    def __init__(
        self,
        program: ProgramConfig,
        venues: list[VenueRun],
        page: PageWriter,
        *,
        gap_log: GapLog,
        wishes: Path,
        log_tail: LogTail | None,
        simulated: bool,
        on_memory_short: Callable[[bool], None],
        hub: GlobalWebSocketManager | None = None,
    ) -> None:
        self._hub = hub
        self._program = program
        self._venues = venues
        self._page = page
        self._wishes = wishes
        self._wish_pages: dict[Path, PageReader] = {}
        self._wish_turns: dict[Path, int] = {}
        self._log_tail = log_tail
        self._on_memory_short = on_memory_short
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.Handle] = []
        self._interval_s = program.dashboard_stream_interval
        self._intakes: list[Intake] = []
        self._lanes: list[tuple[Lane, int]] = []
        self._places: dict[str, int] = {}
        self._symbols: list[tuple[VenueRun, str]] = []
        self._p99: list[float | None] = []
        self._p99_part = 0
        self._gap_log = gap_log
        self._happened_turn = gap_log.turn
        self._books: list[int] = []
        self._meta_turn = 1
        self._logs_turn = 0
        self._last_line: str | None = None
        self._lag = LagWindow()
        self._gc = GcWatch()
        self._steps: Iterator[None] = iter(())
        self._cost_s = self._spent_s = 0.0
        self._next_slow = 0.0
        self._memory_percent = 0.0
        self._memory_short = False
        self._running = False
        self.faults = 0
        self.state = RunState.STARTING
        self.restarts: Callable[[], int] = lambda: 0
        self._meta = encode_part(self._describe(simulated))
        self._logs = encode_part(Logs([], 0))
        self._gap_part, self._happened_part = self._happened()
        self._slow_parts = self._slow()

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Publish from now on."""
        self._running = True
        self._gc.start()
        self._timers = [
            self._loop.call_soon(self._round),
            self._loop.call_later(_LAG_PROBE_S, self._probe, monotonic() + _LAG_PROBE_S),
        ]

    def stop(self) -> None:
        """Publish a last time, and no more."""
        if not self._running:
            return
        self.state = RunState.STOPPING
        last = self._publishing()
        while self._safely(last):
            pass
        self._running = False
        self._gc.stop()
        for timer in self._timers:
            timer.cancel()
        self._page.close()
        for reader in self._wish_pages.values():
            reader.close()

    def _round(self) -> None:
        self._steps = self._publishing()
        self._spent_s = 0.0
        self._step()

    def _step(self) -> None:
        began = thread_time()
        goes_on = self._safely(self._steps)
        self._spent_s += thread_time() - began
        if goes_on:
            self._timers[0] = self._loop.call_soon(self._step)
            return
        self._cost_s += (self._spent_s - self._cost_s) * 0.1
        self._interval_s = max(self._program.dashboard_stream_interval, min(_INTERVAL_MAX_S, self._cost_s / _SHARE))
        if self._running:
            self._timers[0] = self._loop.call_later(self._interval_s, self._round)

    def _probe(self, due: float) -> None:
        now = monotonic()
        self._lag.add(max(0.0, now - due))
        if self._running:
            self._timers[1] = self._loop.call_later(_LAG_PROBE_S, self._probe, now + _LAG_PROBE_S)

    def _safely(self, steps: Iterator[None]) -> bool:
        """The next of `steps`; whether there was one."""
        try:
            return next(steps, self) is not self
        except Exception as fault:  # noqa: BLE001  # the dashboard's own affairs never reach the recorder: counted, logged
            self.faults += 1
            _log.failure("cannot publish", fault)
            return False

    # -- what is published --------------------------------------------------------------------------------------

    def publish(self) -> None:
        """One snapshot, at once."""
        for _ in self._publishing():
            pass

    def _publishing(self) -> Iterator[None]:
        """One snapshot, step by step. The counts of one stream are of one moment; what waits for the disk, and lateness, of a later one."""
        now = monotonic()
        if now >= self._next_slow:
            self._next_slow = now + _SLOW_S
            self._find_wishes()
            self._slow_parts = self._slow()
            yield
        self._follow_wishes()
        self._follow_logs()
        if self._happened_turn != self._gap_log.turn:
            self._happened_turn = self._gap_log.turn
            self._gap_part, self._happened_part = self._happened()
        yield
        rows = Rows(
            received=[], recorded=[], duplicates=[], gaps=[], queue=[], newest_ns=[], flags=[], median_ms=[], p99_ms=[], chunks=[]
        )  # fmt: skip
        for start in range(0, len(self._intakes), _PART):
            _copy(self._intakes[start : start + _PART], rows)
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
        connections, venues, process, hub = self._slow_parts
        self._page.publish(
            encode_snapshot(
                now_ns=time_ns(),
                state=self.state,
                meta_turn=self._meta_turn,
                logs_turn=self._logs_turn,
                meta=self._meta,
                rows=rows,
                connections=connections,
                venues=venues,
                process=process,
                gaps=self._gap_part,
                logs=self._logs,
                books=[BookFrame(at, *self._newest(at)) for at in self._books],
                hub=hub,
                happened=self._happened_part,
            )
        )

    def _next_p99(self) -> list[float | None]:
        """A tenth of the symbols anew in each round: sorting all of them at once would be the dearest thing here."""
        part = self._p99_part = (self._p99_part + 1) % _P99_PARTS
        for at in range(part, len(self._symbols), _P99_PARTS):
            venue, symbol = self._symbols[at]
            self._p99[at] = _ms(venue.recorder.lateness.p99_ns(symbol))
        return self._p99

    def _slow(self) -> tuple[msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw]:
        connections = [
            ConnectionRow(
                each.name, venue.config.venue, str(each.state), each.epoch, each.url, each.streams, each.uptime_s, each.reconnects,
                each.failures, each.last_close, round(each.retry_in_s, 1), each.why,
            )
            for venue in self._venues
            for each in venue.feed.stats()
        ]  # fmt: skip
        venues = [self._venue(venue) for venue in self._venues]
        self._watch_memory()
        mean, worst = self._lag.roll()
        pause, longest = self._gc.roll()
        process = ProcessRow(
            loop_lag_ms=mean,
            loop_lag_max_ms=worst,
            gc_pause_ms=pause,
            gc_pause_max_ms=longest,
            gc_collections=self._gc.collections,
            publish_us=self._cost_s * 1e6,
            publish_interval_s=self._interval_s,
            memory_percent=self._memory_percent,
            memory_short=self._memory_short,
            dashboard_restarts=self.restarts(),
        )
        hub = None if self._hub is None else hub_row(self._hub)
        return encode_part(connections), encode_part(venues), encode_part(process), encode_part(hub)

    def _venue(self, venue: VenueRun) -> VenueRow:
        recorder, sealing = venue.recorder, venue.sealing.stats
        writer = venue.writer_stats
        spread = venue.tick_spread
        name = venue.config.venue
        return VenueRow(
            venue=name,
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
            lost=dict(self._gap_log.lost[name]),
            gaps=dict(self._gap_log.gaps[name]),
            archive_bytes=sealing.archive_bytes,
            skew_ms=recorder.lateness.skew_ms(),
            repeated=recorder.repeated,
            jumps=sum(intake.jumps for intake in recorder.intakes.values()),
        )

    def _watch_memory(self) -> None:
        """Above the desired load the queues are held short; two percent below it they have their room again."""
        self._memory_percent = psutil.virtual_memory().percent
        limit = self._program.desired_max_sys_mem_load
        short = self._memory_percent > (limit - _MEMORY_HYSTERESIS if self._memory_short else limit)
        if short is self._memory_short:
            return
        self._memory_short = short
        self._on_memory_short(short)
        if short:
            _log.warning("memory above the desired load", percent=self._memory_percent, limit=limit, effect="queues are held short")
        else:
            _log.warning("memory below the desired load again", percent=self._memory_percent)

    def _follow_logs(self) -> None:
        if self._log_tail is None:
            return
        lines, dropped = self._log_tail()
        if lines and lines[-1] is not self._last_line:
            self._last_line = lines[-1]
            self._logs_turn += 1
            self._logs = encode_part(Logs(lines[-_LINES_KEPT:], dropped))

    def _find_wishes(self) -> None:
        """Which dashboards there are; those that say nothing any more are forgotten."""
        found = sorted(self._wishes.parent.glob(f"{self._wishes.name}*"))[:_DASHBOARDS_MAX]
        for path in set(self._wish_pages) - set(found):
            self._wish_pages.pop(path).close()
            self._wish_turns.pop(path, None)
        for path in found:
            self._wish_pages.setdefault(path, PageReader(path))
        self._follow_wishes(anyway=True)

    def _follow_wishes(self, *, anyway: bool = False) -> None:
        turns = {path: reader.turn() for path, reader in self._wish_pages.items()}
        if turns == self._wish_turns and not anyway:
            return
        self._wish_turns = turns
        wanted: list[str] = []
        for reader in self._wish_pages.values():
            page = reader.read()
            if page.state is PageState.GOOD and monotonic_ns() - page.mono_ns < _WISH_NS:
                with contextlib.suppress(msgspec.DecodeError):
                    wanted += decode_status(page.payload).books
        self._books = [self._places[name] for name in dict.fromkeys(wanted) if name in self._places][:_BOOKS_MAX]

    def _newest(self, at: int) -> tuple[int, bytes]:
        recv_ns, frame = self._intakes[at].newest()
        return (recv_ns, frame) if len(frame) <= _FRAME_MAX else (recv_ns, b"")

    # -- what it is about ----------------------------------------------------------------------------------------

    def _describe(self, simulated: bool) -> Meta:
        streams: list[StreamRow] = []
        symbols: dict[tuple[str, str], int] = {}
        for venue in self._venues:
            for lane, intakes in venue.recorder.by_lane():
                for intake in intakes:
                    stream = intake.stream
                    symbol_at = symbols.setdefault((venue.config.venue, stream.symbol), len(symbols))
                    directory = str(venue.config.directory(stream.kind).resolve())
                    self._places[f"{venue.config.venue}:{stream.name}"] = len(streams)
                    streams.append(
                        StreamRow(
                            stream.name,
                            venue.config.venue,
                            stream.symbol,
                            stream.channel,
                            stream.kind,
                            symbol_at,
                            len(self._lanes),
                            directory,
                        )
                    )
                    self._intakes.append(intake)
                self._lanes.append((lane, len(intakes)))
        by_name = {venue.config.venue: venue for venue in self._venues}
        self._symbols = [(by_name[name], symbol) for name, symbol in symbols]
        self._p99 = [None] * len(self._symbols)
        program = self._program
        return Meta(
            hoga=__version__,
            started_ns=time_ns(),
            simulated=simulated,
            data_dir=str(program.data_dir),
            interval_s=program.dashboard_stream_interval,
            disk_reserve_bytes=program.disk_reserve_mb << 20,
            latency_threshold_ms=min((venue.config.latency_threshold_ms for venue in self._venues), default=0.0),
            latency_gate=self._venues[0].config.latency_gate if self._venues else "",
            memory_limit_percent=program.desired_max_sys_mem_load,
            streams=streams,
            symbols=[symbol for _, symbol in symbols],
            members=dict(self._members()),
        )

    def _members(self) -> Iterator[tuple[str, list[int]]]:
        places = {(row.stream.venue, row.stream.name): at for at, row in enumerate(self._intakes)}
        for venue in self._venues:
            for connection in venue.feed.connections:
                named = ((venue.config.venue, stream.name) for stream in connection.streams)
                yield connection.name, [places[key] for key in named if key in places]

    def _happened(self) -> tuple[msgspec.Raw, msgspec.Raw]:
        log = self._gap_log.incidents
        begun = {str(reason): count for reason, count in log.begun.items()}
        return encode_part(list(self._gap_log.recent)), encode_part(Happened(begun, log.newest()))


def _copy(intakes: list[Intake], rows: Rows) -> None:
    """What each stream's own intake knows."""
    rows.received.extend([each.n for each in intakes])
    rows.recorded.extend([each.recorded for each in intakes])
    rows.duplicates.extend([each.duplicates for each in intakes])
    rows.gaps.extend([each.gap_count for each in intakes])
    rows.newest_ns.extend([each.last_recv_ns if each.last_recv_ns >= each.seen_ns else each.seen_ns for each in intakes])
    rows.flags.extend([0 if each.down_since is None and each.live_from_ns and not each.mode & 3 else _flags(each) for each in intakes])


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6


def _flags(intake: Intake) -> int:
    flags = intake.mode & int(StreamFlag.GATED | StreamFlag.DISK_FULL)
    reason = intake.down_reason
    if reason is not None:
        flags |= _DOWN.get(reason, StreamFlag.OTHER_DOWN)
    if intake.live_from_ns is None:
        flags |= StreamFlag.NEVER
    return int(flags)


_DOWN = {Reason.DISCONNECT: StreamFlag.DISCONNECTED, Reason.SILENCE: StreamFlag.SILENT}
