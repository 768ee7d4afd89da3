"""app.run: the main job: record every configured venue and serve it until told to stop, and stop in good order."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from hoga.app.config import Config
from hoga.app.config.rooms import relay_config
from hoga.app.dashboard_process import DashboardProcess
from hoga.app.digests import Digests
from hoga.app.figures import Figures, LogTail
from hoga.app.gap_log import GapLog
from hoga.app.hub_service import HubService
from hoga.app.memory_guard import MemoryGuard
from hoga.app.relay_process import RelayProcess
from hoga.app.stream_plan import named
from hoga.app.symbols import look_up_symbols
from hoga.app.venue_run import VenueRun, VenueStatus
from hoga.archive.form.objects import say_where
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.quality.incidents import Incident
from hoga.runtime.allocator import give_back, keep_freed_memory
from hoga.runtime.log_pipe import LogAddress
from hoga.runtime.logs import get_log
from hoga.runtime.pool import WorkerPool, default_workers
from hoga.runtime.shutdown import Phase, ShutdownManager
from hoga.runtime.watchdog import Watchdog
from hoga.venues.registry import VENUES

__all__ = ["Run", "RunEnd", "describe", "run_until_stopped"]

_log = get_log("run")

_STOP_S = 5.0
_SEAL_S = 2.2
_POOL_S = 0.2
"""What is not sealed by now is sealed by the next start: its worker need not end in order."""
_PATIENT_S = 30.0
"""A minute's lanes are sealed one after the other as long as that leaves time: a second worker is 100 MB."""
_TELL_EVERY_S = 60.0


class Run:
    """Every configured venue, the hub over them, and their figures, which there are from `start` on."""

    figures: Figures

    def __init__(self, config: Config, pool: WorkerPool, *, label: str = "", log_tail: LogTail | None = None) -> None:
        unknown = [name for name in config.active_venues if name not in VENUES]
        if unknown:
            known = ", ".join(VENUES)
            raise ConfigError(
                [ConfigMistake(str(config.path or "defaults"), None, f"[{name}]", name, f"one of {known}") for name in unknown]
            )
        say_where(config.program.s3_endpoint, config.program.s3_region)
        of_conn = f"{config.program.collector}/{label}" if config.program.collector else label
        self.venues = [VenueRun(config.venue(name), pool, label=of_conn) for name in config.active_venues]
        self.gap_log = GapLog(self.venues)
        self.hub = HubService(config, self.venues, label=label)
        self.digests = Digests(config, self.venues, self.hub.manager)
        self._program = config.program
        self._simulated = bool(label)
        self._log_tail = log_tail

    async def start(self, shutdown: ShutdownManager | None = None) -> None:
        """Begin to record everywhere, one venue after the other, and to serve. Raises ArchiveBusy, ArchiveError.

        `shutdown` is told how to stop each venue as soon as it runs, so that one that cannot start does not leave those
        before it to crash recovery.
        """
        keep_freed_memory()
        if shutdown is not None:
            shutdown.add(Phase.INTAKE, "hub", self.hub.stop)
        for venue in self.venues:
            await venue.start()
            if shutdown is not None:
                _register(venue, shutdown)
        await self.hub.start()
        await self.digests.start()
        if shutdown is not None:
            shutdown.add(Phase.INTAKE, "books", self.digests.stop)
        self._show_figures(shutdown)

    def _show_figures(self, shutdown: ShutdownManager | None) -> None:
        """Begin to collect figures, for the alerts and whoever else takes them."""
        self.figures = Figures(
            self._program,
            self.venues,
            gap_log=self.gap_log,
            memory=MemoryGuard(self._program.desired_max_sys_mem_load, self.set_memory_short),
            log_tail=self._log_tail,
            simulated=self._simulated,
            hub=self.hub.manager,
        )
        self.figures.on_snapshot.append(self.hub.alerts.take)
        self.figures.start()
        if shutdown is not None:
            shutdown.add(Phase.RESOURCES, "figures", self.stop_figures)

    async def stop_figures(self) -> None:
        """Show a last snapshot, and no more."""
        self.figures.stop()

    def set_memory_short(self, short: bool) -> None:
        """The machine's memory is short: queues are held down everywhere."""
        for venue in self.venues:
            venue.recorder.set_memory_short(short)

    def status(self) -> list[VenueStatus]:
        """One per venue."""
        return [venue.status() for venue in self.venues]


def _register(venue: VenueRun, shutdown: ShutdownManager) -> None:
    """Say how to stop: intake, then disk, then seal, then give the folder back."""
    name = venue.config.venue
    venue.on_lost = shutdown.request
    shutdown.add(Phase.INTAKE, f"{name} connections", venue.stop_intake)
    shutdown.add(Phase.DRAIN, f"{name} journals", venue.drain)
    shutdown.add(Phase.SEAL, f"{name} segments", _bound(venue.seal), may_be_left=True)
    shutdown.add(Phase.RESOURCES, f"{name} lock", venue.release)


def _bound(seal: Callable[..., Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await seal(timeout_s=_SEAL_S)

    return run


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went. `status`: the exit status. `why`: what made it one that is not good, None when it is.

    `records` were recorded, with `gaps` of single streams in the ledger, behind which were `incidents`: how many in all, and the
    `newest` of them, by time. `venues` are the last states.
    """

    status: int
    why: str | None
    records: int
    gaps: int
    venues: list[VenueStatus]
    incidents: int = 0
    newest: list[Incident] = []


async def run_until_stopped(
    config: Config,
    logs: LogAddress | None,
    *,
    seconds: float | None,
    label: str = "",
    log_tail: LogTail | None = None,
    on_ready: Callable[[Run, ShutdownManager, DashboardProcess, str | None], None] = lambda run, shutdown, dashboard, url: None,
) -> RunEnd:
    """Record until a signal, or for `seconds`, with the dashboard beside it, and the relay where NATS_URL is set.

    `label` goes before every connection's name; where there is one, the dashboard says that the data is simulated.
    `on_ready(run, shutdown, dashboard, url)` is called once everything is up; `url` is the dashboard's, None when there is none.
    Raises ConfigError where NATS_URL is set and COLLECTOR is not.
    """
    relay = RelayProcess(relay_config(config, logs)) if config.program.nats_url else None
    pool = WorkerPool(workers=default_workers(config.program.max_workers), logs=logs, patient_s=_PATIENT_S)
    async with ShutdownManager(deadline_s=_STOP_S, on_force=pool.kill) as shutdown:
        shutdown.add(Phase.RESOURCES, "workers", partial(pool.close, patience_s=_POOL_S), may_be_left=True)
        looked_up = await _look_up(config, shutdown, seconds)
        if looked_up is None:
            why = "the venue's list of symbols never came, and ALL cannot be known without it"
            return RunEnd(status=1 if seconds is not None else shutdown.exit_status, why=why, records=0, gaps=0, venues=[])
        run = Run(looked_up, pool, label=label, log_tail=log_tail)
        dashboard = DashboardProcess(config.program, logs)
        shutdown.add(Phase.SEAL, "dashboard asked to end", dashboard.leave)
        shutdown.add(Phase.RESOURCES, "dashboard", dashboard.stop)
        await dashboard.start()
        await run.start(shutdown)
        pool.warm("hoga.archive.keep.seal")  # a minute's end, and a stop in its first second, need not wait for it
        dashboard.publish(run.figures)
        if relay is not None:
            shutdown.add(Phase.SEAL, "relay asked to end", relay.leave)
            shutdown.add(Phase.RESOURCES, "relay", relay.stop)
            run.figures.relay = relay.row
            await relay.start()
        watchdog = Watchdog()
        teller = asyncio.create_task(_tell(run, watchdog), name="status")
        shutdown.own_task(teller)
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, shutdown.request, f"{seconds:g} s are over")
        gc.collect()
        gc.freeze()
        give_back()
        watchdog.ready()
        on_ready(run, shutdown, dashboard, await dashboard.url())
        await shutdown.requested()
        pool.hurry()
        dashboard.stopping()
        watchdog.stopping()
        troubles = [trouble for trouble in map(_trouble, run.venues) if trouble is not None]
    statuses = run.status()
    for status in statuses:
        _log.info("stopped", **describe(status, run.gap_log))
    lost = [f"{venue.config.venue}: {venue.lost}" for venue in run.venues if venue.lost is not None]
    end = _end(shutdown.exit_status, statuses, troubles, lost, timed=seconds is not None)
    log = run.gap_log.incidents
    return msgspec.structs.replace(end, incidents=log.begun.total(), newest=log.newest())


async def _look_up(config: Config, shutdown: ShutdownManager, seconds: float | None) -> Config | None:
    """The configuration with its symbols named one by one; None when the end was asked for before they were known."""
    if all(named(config.venue(name).symbols) == config.venue(name).symbols for name in config.active_venues):
        return config
    patience = None if seconds is None else asyncio.get_running_loop().call_later(seconds, shutdown.request, f"{seconds:g} s are over")
    looking = asyncio.ensure_future(look_up_symbols(config))
    asked = asyncio.ensure_future(shutdown.requested())
    try:
        await asyncio.wait({looking, asked}, return_when=asyncio.FIRST_COMPLETED)
        return await looking if looking.done() else None
    finally:
        for waiting in (looking, asked):
            waiting.cancel()
        await asyncio.gather(looking, asked, return_exceptions=True)
        if patience is not None:
            patience.cancel()


def _trouble(venue: VenueRun) -> str | None:
    """Why a venue recorded nothing, None when it did."""
    status = venue.status()
    if status.records:
        return None
    name = f"{status.venue}: nothing was recorded"
    if status.disk_full:
        return f"{name}: the disk has less than DISK_RESERVE_MB ({venue.config.disk_reserve_mb} MB) free"
    if status.fault is not None:
        return f"{name}: the journal could not be written: {status.fault}"
    if status.received:
        return f"{name} of {status.received} frames that came; the ledger says why each was not"
    failing = [each for each in venue.feed.stats() if not each.epoch]
    if failing:
        return f"{name}: never connected to {failing[0].url or venue.config.ws_url}; the log says what it answered, `hoga doctor` tries it"
    return f"{name}: connected, but not one frame came; `hoga doctor` checks the symbols"


def _end(status: int, statuses: list[VenueStatus], troubles: list[str], lost: list[str], *, timed: bool) -> RunEnd:
    """A run of a given length that recorded nothing of a venue is not good, whatever it was that kept it from it; no more is one that
    another recorder took a folder from."""
    why = "; ".join([*lost, *troubles]) or None
    return RunEnd(
        status=1 if (lost or (timed and troubles)) and status == 0 else status,
        why=why,
        records=sum(each.records for each in statuses),
        gaps=sum(each.gaps for each in statuses),
        venues=statuses,
    )


async def _tell(run: Run, watchdog: Watchdog) -> None:
    """A line a minute, and a sign of life to the service manager as long as there is progress."""
    waited = 0.0
    written: dict[str, int] = {}
    while True:
        await asyncio.sleep(5.0)
        waited += 5.0
        statuses = run.status() if waited >= _TELL_EVERY_S else []
        if _progresses(run, written):
            watchdog.alive()
        if statuses:
            waited = 0.0
            for status in statuses:
                _log.info("recording", **describe(status, run.gap_log))


def _progresses(run: Run, written: dict[str, int]) -> bool:
    """Whether what arrives leaves for the disk. A disk that refuses is known and waited for; a writer that stands still
    with work before it, and says nothing, is stuck. `written` remembers the counts between two calls."""
    progress = True
    for venue in run.venues:
        writer, name = venue.recorder.writer, venue.config.venue
        stuck = writer.pending_records and writer.written_records == written.get(name) and venue.writer_stats.fault is None
        progress = progress and not stuck
        written[name] = writer.written_records
    return progress


def describe(status: VenueStatus, gap_log: GapLog) -> dict[str, object]:
    """The fields of a status line. What struck the whole machine counts as an incident of each venue."""
    begun = gap_log.incidents.begun_at
    return {
        "venue": status.venue,
        "live": f"{status.live}/{status.streams}",
        "records": status.records,
        "incidents": begun[status.venue] + begun[""],
        "gaps": status.gaps,
        "median_ms": None if status.median_ms is None else round(status.median_ms, 1),
        "sealed": status.sealed,
        "repeated": status.repeated,
        "odd": status.odd,
    }
