"""app.venue_run: one venue being recorded: feed, recorder and sealing wired together, with the timers that drive them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from time import monotonic, monotonic_ns, time_ns

import msgspec

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import feed_config, recorder_config, rest_of, sealing_config, tls_of
from hoga.app.instruments import instruments_of, keep, kept_path
from hoga.app.retention import RETAIN_EVERY_S, RunRetention
from hoga.app.snapshots import DeltaSnapshots, asked_streams, snapshots_of
from hoga.app.stream_plan import plan_streams
from hoga.archive.keep.life import LifeFile, read_last_life
from hoga.archive.keep.recover import Recovered, is_left, recover_folder
from hoga.core.errors import ArchiveBusy, ArchiveError, VenueError
from hoga.core.instrument import Instrument, InstrumentChange
from hoga.core.times import SECOND_NS, day_of, minute_of
from hoga.feed.feed import Feed
from hoga.recorder.ending import Ending
from hoga.recorder.recorder import Recorder, directories_for
from hoga.recorder.sealing import Sealing
from hoga.runtime.clock_check import ClockReading, ClockWatch, measure_clock
from hoga.runtime.logs import get_log
from hoga.runtime.metrics import Spread, spread_ms
from hoga.runtime.pool import WorkerPool
from hoga.runtime.tasks import every
from hoga.venues.registry import VENUES

__all__ = ["VenueRun", "VenueStatus"]

_log = get_log("run")

_CLOCK_EVERY_S = 600.0
_STALL_S = 3.0
_SYMBOLS_EVERY_S = 3600.0
_SNAPSHOTS_EVERY_S = 0.5
_DRAIN_S, _LAST_WORD_S = 1.5, 0.3


class VenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue's recording looks like now. `records` were recorded, of `received` frames; `lag_ms` is the 99th
    percentile of receipt → handed to the operating system in the last second."""

    venue: str
    streams: int
    live: int
    connections: int
    connected: int
    received: int
    records: int
    duplicates: int
    repeated: int
    gaps: int
    odd: int
    sealed: int
    days: int
    waiting: int
    median_ms: float | None
    lag_ms: float | None
    clock_offset_ms: float | None
    clock_source: str
    skewed: bool
    gated: list[str]
    disk_full: bool
    fault: str | None


class VenueRun:
    """Records one venue. `label` goes before the connections' names (`simulated-` in the demo).

    `writer_stats` and `tick_spread` are of the last second; `on_lags` is given the second's lags, which nobody else sees.
    `on_lost(why)` is told when the folder is another recorder's: this one must stop; `lost` says why from then on.
    """

    def __init__(self, config: VenueConfig, pool: WorkerPool, *, label: str = "") -> None:
        self.config = config
        self.spec = VENUES[config.venue]
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self.streams = plan_streams(self.spec, config.symbols, config.streams, where=f"[{config.venue}]")
        if config.book_snapshot_min:
            self.streams += asked_streams(self.spec, self.streams)
        self._rest = rest_of(config)
        self._instruments = instruments_of(config)
        directories = directories_for(self.streams, config.directory)
        self.recorder = Recorder(
            self.spec,
            recorder_config(config, directories),
            self.streams,
            on_closed=lambda path: self._from_thread(self.sealing.journal_closed, path),
            on_fault=lambda fault: self._from_thread(self._writer_fault, fault),
        )
        self.sealing = Sealing(
            sealing_config(config, directories),
            pool,
            keep=lambda result: self._life.keep(result.ends, result.runs),
        )
        self._life = LifeFile(self.recorder.config.journal_folder)
        self._ending: Ending | None = None
        self.feed = Feed(
            self.spec, feed_config(config, label), self.recorder.wanted, inlet=self.recorder.legs, tls=tls_of(config), jitter=random.random
        )
        self.snapshots = DeltaSnapshots(
            snapshots_of(config),
            self.recorder,
            every_s=config.book_snapshot_min * 60.0,
            share=config.book_snapshot_weight / 100.0,
            conn=f"{label}{config.venue}-rest",
        )
        self.clock = ClockReading(None, "none")
        self._watch = ClockWatch()
        self._tasks: list[asyncio.Task[None]] = []
        self._last_tick = monotonic()
        self._symbols = {stream.symbol for stream in self.streams}
        self._symbols_day = self._symbols_told = ""
        self._list_changed = False
        self._repeated = 0
        self.writer_stats = self.recorder.writer.stats()
        self.tick_spread: Spread | None = None
        self.on_lags: Callable[[tuple[int, ...]], None] = lambda lags: None
        self.on_lost: Callable[[str], None] = lambda why: None
        self.lost: str | None = None

    def _from_thread(self, call: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            _log.warning("event loop is closed already", note="the next start goes on with what is left")

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> Recovered:
        """Take the folder, recover what an earlier life left, begin to record. Raises ArchiveBusy, ArchiveError."""
        self.recorder.acquire()
        self._rest.hold()
        self._instruments.on_list.append(self._keep_list)
        self._instruments.on_change.append(self._instrument_changed)
        try:
            return await self._begin()
        except BaseException:
            await self._let_go()
            self.recorder.release()
            raise

    async def _begin(self) -> Recovered:
        folder = self.recorder.config.journal_folder
        recovery = partial(recover_folder, folder, now_ns=time_ns())
        recovered = await (self._pool.submit(recovery) if await asyncio.to_thread(is_left, folder) else asyncio.to_thread(recovery))
        if recovered.journals:
            _log.warning(
                "recovered", venue=self.config.venue, journals=recovered.journals, records=recovered.records, crashed=recovered.crashed
            )
        for what, why in recovered.failed:
            _log.error("cannot recover", what=what, why=why, note="what its journals hold is safe, and is tried again")
        self.sealing.take_over(recovered.left)
        self.sealing.catch_up(today=day_of(time_ns()))
        self.recorder.note_spare(await asyncio.to_thread(self.recorder.spare_bytes))
        life = await asyncio.to_thread(read_last_life, folder)
        self._life.begin(life)
        self.recorder.start(life)
        self.snapshots.open()
        self.feed.start()
        self._last_tick = monotonic()  # what recovery took is no standstill
        for name, work in self._timers():
            self._tasks.append(asyncio.create_task(work, name=f"{self.config.venue} {name}"))
        return recovered

    def _timers(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        return [
            ("tick", every(1.0, self._tick, log=_log, at_once=True)),
            ("latency", every(self.recorder.config.latency.every_s, self._latency_tick, log=_log, at_once=True)),
            ("lock", every(1.0, self._check_lock, log=_log, at_once=True)),
            ("disk", every(1.0, self._check_disk, log=_log, at_once=True)),
            ("clock", every(_CLOCK_EVERY_S, self._measure_clock, log=_log, at_once=True)),
            ("snapshots", every(_SNAPSHOTS_EVERY_S, self.snapshots.tick, log=_log)),
            ("symbols", every(_SYMBOLS_EVERY_S, self._check_symbols, log=_log, at_once=True)),
            *self._retention(),
        ]

    def _retention(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        if not self.config.retention_days:
            return []
        folders = RunRetention(self.config, self.sealing.directories, self._pool)
        return [("retention", every(RETAIN_EVERY_S, folders.look, log=_log, at_once=True))]

    async def stop_intake(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.feed.stop()
        await self._let_go()

    async def _let_go(self) -> None:
        self.snapshots.close()
        self._instruments.on_list.remove(self._keep_list)
        self._instruments.on_change.remove(self._instrument_changed)
        await self._rest.release()

    async def drain(self) -> None:
        """Everything received reaches the disk; the journals are closed. Raises ArchiveError when the disk refuses to the end:
        the journals then stay open, and the next start accounts for what is missing from them."""
        began, life, writer = monotonic(), self.recorder.end_lanes(), self.recorder.writer
        if await asyncio.to_thread(self.recorder.stop, timeout_s=_DRAIN_S) or writer.confirms_late:
            self._ending = Ending(writer, lambda: self._life.end(life))
            await self._ending.over(timeout_s=max(_LAST_WORD_S, began + _DRAIN_S - monotonic()))
            return
        records = writer.lost_records
        what = f"{records} records could not be written" if records else "the disk refused to confirm what was written"
        _log.error("not everything could be written", records=records, why=what)
        raise ArchiveError(self.recorder.config.journal_folder, what, hint="the next start recovers; see the log, and the disk")

    async def seal(self, *, timeout_s: float) -> None:
        """The last minutes become segments; what the disk has not even confirmed by then is left to the next start."""
        began = monotonic()
        if self._ending is not None and not await self._ending.over(timeout_s=timeout_s / 2):
            note = "the operating system has every record; the next start reads the journals and seals them"
            _log.warning("the disk is slow to confirm what was written", venue=self.config.venue, note=note)
        await self.sealing.finish(timeout_s=timeout_s - (monotonic() - began))

    def release(self) -> None:
        """Give the folder back; behind the last word, when a slow disk is at it at this very moment."""
        if self._ending is None:
            self.recorder.release()
        else:
            self._ending.call_off(self.recorder.release)

    # -- timers -------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        now = time_ns()
        late = monotonic() - self._last_tick
        self._last_tick = monotonic()
        if late > _STALL_S:
            _log.warning("the process stood still", seconds=round(late, 1), hint="suspended, swapped out or starved of CPU")
        step = self._watch.feed(now, monotonic_ns())
        if step is not None:
            _log.warning("clock stepped", delta_s=round(step.delta_ns / SECOND_NS, 3))
            self.recorder.clock_stepped(step.at_ns, step.delta_ns)
            self._tasks.append(asyncio.create_task(self._measure_clock(), name="clock again"))
        await _between_frames(self.recorder.ticking(now))
        await _between_frames(self.feed.ticking())
        self.writer_stats = self.recorder.writer.stats()
        self.tick_spread = spread_ms(self.writer_stats.lag_ns)
        self.on_lags(self.writer_stats.lag_ns)
        self._tell_news()

    def _tell_news(self) -> None:
        """Oddities of the venue that the frames' own path only counts: one line a second of each kind."""
        jumps, odd_times = self.recorder.take_news()
        if jumps:
            name, jump = jumps[0]
            _log.warning("the venue numbers anew", stream=name, was=jump.before, now=jump.first, more=len(jumps) - 1)
        if odd_times:
            name, value = odd_times[0]
            told = value.decode("utf-8", "replace")
            _log.warning("an event time is none", stream=name, value=told, more=len(odd_times) - 1, note="not used; null in the archive")
        repeated = self.recorder.repeated
        if repeated > self._repeated:
            _log.warning(
                "frames came twice on one connection", frames=repeated - self._repeated, note="kept aside; the archive has them once"
            )
            self._repeated = repeated

    async def _latency_tick(self) -> None:
        for move in self.recorder.latency_ticking():
            if move is None:
                await asyncio.sleep(0)
                continue
            event = "latency gate closed" if move.closed else "latency gate open again"
            _log.warning(event, symbol=move.symbol, median_ms=round(move.median_ns / 1e6, 1), mode=self.config.latency_gate)

    async def _check_disk(self) -> None:
        """Measured in a thread, decided here: streams are the event loop's alone."""
        was = self.recorder.disk_full
        spare = await asyncio.to_thread(self.recorder.spare_bytes)
        try:
            self.recorder.note_spare(spare)
        finally:
            self._tell_disk(was, spare)

    def _tell_disk(self, was: bool, spare: int) -> None:
        if self.recorder.disk_full is not was:
            if was:
                _log.warning("disk has room again", spare_mb=spare >> 20)
            else:
                _log.error(
                    "disk reserve reached, recording stopped",
                    reserve_mb=self.config.disk_reserve_mb,
                    hint="free space; it resumes by itself",
                )

    async def _check_lock(self) -> None:
        """Somebody may tidy up by hand: without its lock a second recorder would seal what this one is writing."""
        try:
            if not await asyncio.to_thread(self.recorder.check_lock):
                folder = self.recorder.config.journal_folder
                _log.error(
                    "the lock of the folder was removed", folder=str(folder), note="it is held again", hint="do not remove it by hand"
                )
        except ArchiveBusy as fault:
            _log.error("the folder is another recorder's now", why=str(fault), hint="two must not record into one folder: this one stops")
            self.lost = str(fault)
            self.on_lost(self.lost)

    async def _measure_clock(self) -> None:
        self.clock = await self._read_clock()
        self.recorder.clock_measured(offset_ms=self.clock.offset_ms, source=self.clock.source)

    async def _read_clock(self) -> ClockReading:
        path, read = self.spec.rest.time, self.spec.server_time_ms
        if path is None or read is None:
            return await measure_clock(venue=self.spec.name)

        async def venue_time() -> int:
            return await self._rest.read(path, read) * 1_000_000

        return await measure_clock(venue=self.spec.name, venue_time=venue_time)

    @property
    def listed(self) -> Mapping[str, Instrument]:
        """What the venue lists, by symbol, as far as it has been asked; another mapping with each list."""
        return self._instruments.known

    async def _check_symbols(self) -> None:
        """Look what the venue lists; once a day tell of symbols that it does not know (their streams are acked and stay silent
        for ever) or does not trade."""
        day = day_of(time_ns())
        is_kept = self._symbols_day == day and kept_path(self.config, day).exists()
        try:
            listed = await (self._instruments.look() if is_kept else self._instruments.look(fresh_s=0.0))
        except VenueError as fault:
            _log.warning("symbols not checked", venue=self.spec.name, why=str(fault))
            return
        if self._symbols_told == day:
            return
        self._symbols_told = day
        for symbol in sorted(self._symbols):
            each = listed.get(symbol)
            if each is None:
                _log.error("the venue knows no such symbol", symbol=symbol, hint="its streams will stay silent; check SYMBOLS")
            elif not each.is_trading:
                _log.warning("symbol is not trading", symbol=symbol, status=each.said)

    async def _keep_list(self, body: bytes) -> None:
        """Keep the day's first list of instruments, and each in which a recorded one changed."""
        now_ns = time_ns()
        day = day_of(now_ns)
        path = kept_path(self.config, day)
        if self._symbols_day == day and path.exists():
            if not self._list_changed:
                return
            path = kept_path(self.config, day, minute_of(now_ns))
        self._list_changed = False
        try:
            await asyncio.to_thread(keep, path, body)
            self._symbols_day = day
        except OSError as fault:
            _log.warning("the list of instruments is not kept", venue=self.spec.name, why=str(fault))

    def _instrument_changed(self, change: InstrumentChange) -> None:
        if change.symbol in self._symbols:
            self._list_changed = True
            _log.warning("an instrument changed", symbol=change.symbol, what=change.kind, **change.told())

    def _writer_fault(self, fault: str | None) -> None:
        self.recorder.set_writer_fault(fault)
        if fault is None:
            _log.warning("writing goes on")
        else:
            _log.error("cannot write the journal", why=fault, hint="records wait in memory, then are shed and counted; it is tried again")

    # -- state --------------------------------------------------------------------------------------------------

    def status(self) -> VenueStatus:
        """What it looks like now."""
        recorder, sealing = self.recorder, self.sealing.stats
        intakes = recorder.intakes.values()
        connections = self.feed.stats()
        medians = sorted(median for symbol, median in recorder.lateness.medians() if median is not None)
        return VenueStatus(
            venue=self.config.venue,
            streams=len(recorder.intakes),
            live=sum(1 for intake in intakes if intake.legs),
            connections=len(connections),
            connected=sum(1 for each in connections if each.state.is_up),
            received=sum(intake.n for intake in intakes),
            records=sum(intake.recorded for intake in intakes),
            duplicates=sum(intake.duplicates for intake in intakes),
            repeated=recorder.repeated,
            gaps=sum(intake.gap_count for intake in intakes),
            odd=recorder.odd_frames,
            sealed=sealing.segments,
            days=sealing.days,
            waiting=sealing.waiting,
            median_ms=medians[len(medians) // 2] / 1e6 if medians else None,
            lag_ms=self.tick_spread.p99 if self.tick_spread else None,
            clock_offset_ms=self.clock.offset_ms,
            clock_source=self.clock.source,
            skewed=recorder.lateness.skewed(),
            gated=sorted({intake.stream.symbol for intake in intakes if recorder.lateness.is_closed(intake.stream.symbol)}),
            disk_full=recorder.disk_full,
            fault=self.writer_stats.fault,
        )


async def _between_frames(steps: Iterator[None]) -> None:
    """Take one step after the other, and let the sockets in between."""
    for _ in steps:
        await asyncio.sleep(0)
