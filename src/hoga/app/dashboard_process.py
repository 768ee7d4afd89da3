"""app.dashboard_process: a run's page and the dashboard's process beside it, kept alive and out of the recorder's way.

The dashboard is a child process of its own. It is told what to do on its standard input, and ends when that closes,
however its parent ended; what it has to say comes back on a page of its own. Nothing here waits for it: a child that died is
started anew with growing pauses, one that gives no sign of life for `DASHBOARD_RESTART_TIMEOUT` is killed first. A port
that is taken is the child's own affair: it says so, and tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path
from time import monotonic, monotonic_ns

import msgspec

from hoga.app.child import ask_to_end, end, spawn
from hoga.app.config import ProgramConfig
from hoga.app.config.rooms import dashboard_config
from hoga.app.figures import Figures
from hoga.app.publisher import BookRequests, Publisher
from hoga.core.pauses import Pauses, Schedule
from hoga.dashboard.page import PageReader
from hoga.dashboard.snapshot import DashboardStatus, PageState, RunState, decode_status
from hoga.runtime.log_pipe import LogAddress
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every

__all__ = ["DashboardProcess"]

_log = get_log("dashboard")

_STEADY_S = 60.0
_READY_S = 15.0


class DashboardProcess:
    """The page, its publisher, and the dashboard's process. No method raises for their troubles; they are logged."""

    def __init__(self, program: ProgramConfig, logs: LogAddress | None) -> None:
        self._program = program
        self._config = dashboard_config(program, logs)
        self._process: subprocess.Popen[bytes] | None = None
        self._status_page = PageReader(Path(self._config.status_page))
        self._figures: Figures | None = None
        self._publisher: Publisher | None = None
        self._requests = BookRequests(Path(self._config.status_page))
        self._task: asyncio.Task[None] | None = None
        self._spawned_at = 0.0
        self._pauses = Pauses(Schedule.DASHBOARD)
        self._trouble: str | None = None
        self.restarts = 0

    async def start(self) -> None:
        """Start the dashboard's process, and look after it from now on."""
        await self._spawn()
        self._task = asyncio.create_task(self._look_after(), name="dashboard")

    def publish(self, figures: Figures) -> None:
        """Publish what `figures` has from now on, with the books that dashboards ask for."""
        try:
            self._publisher = Publisher(Path(self._config.page), streams=figures.streams)
        except OSError as fault:
            _log.error("no page for the dashboard", path=self._config.page, why=str(fault), hint="recording goes on without it")
            return
        self._figures = figures
        figures.on_snapshot.append(self._publisher.publish)
        figures.wanted_books = self._requests.wanted
        figures.restarts = lambda: self.restarts

    async def url(self) -> str | None:
        """Where the dashboard serves; waits a few seconds for it to come up. None when it does not."""
        end = monotonic() + _READY_S
        while monotonic() < end:
            status = self.status()
            if status is not None and status.url:  # it has none while it starts
                return status.url if status.trouble is None else None
            if self._process is not None and self._process.poll() is not None:
                return None
            await asyncio.sleep(0.05)
        return None

    def why_not(self) -> str:
        """Why there is no dashboard, for people."""
        status = self.status()
        if status is not None and status.trouble is not None:
            return f"{status.trouble}; it tries again, and DASHBOARD_PORT_NUMBER sets another port"
        return "not up yet; the log says why"

    def status(self) -> DashboardStatus | None:
        """What the dashboard of this run last said, None when it says nothing."""
        page = self._status_page.read()
        if page.state is not PageState.GOOD or self._process is None:
            return None
        with contextlib.suppress(msgspec.DecodeError):
            status = decode_status(page.payload)
            return status if status.pid == self._process.pid else None
        return None

    def stopping(self) -> None:
        """The run is about to end: show that."""
        if self._figures is not None:
            self._figures.state = RunState.STOPPING

    async def leave(self) -> None:
        """Ask its process to end, without waiting for it: it has until `stop` to do so."""
        if self._task is not None:
            self._task.cancel()
        if self._process is not None:
            ask_to_end(self._process)

    async def stop(self) -> None:
        """End the dashboard's process and the page."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._figures is not None and self._publisher is not None:
            self._figures.stop()
            self._publisher.close()
        self._requests.close()
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(end, process)
        self._status_page.close()
        with contextlib.suppress(OSError):  # one that had to be killed leaves it behind
            self._status_page.path.unlink()

    # -- the process ----------------------------------------------------------------------------------------------

    async def _spawn(self) -> None:
        try:
            self._process = await asyncio.to_thread(spawn, "hoga.dashboard", msgspec.json.encode(self._config))
        except OSError as fault:
            _log.error("cannot start the dashboard", why=str(fault))
        self._spawned_at = monotonic()

    async def _look_after(self) -> None:
        """The dashboard's affairs never reach the recorder."""
        await every(self._program.dashboard_check_interval, self._check, log=_log, what="cannot look after the dashboard")

    async def _check(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            self._tell_trouble()
            quiet_s = self._quiet_s()
            patience = self._program.dashboard_restart_timeout
            if self.status() is None:  # it is starting: on a busy machine that may take a while, and killing it makes it no faster
                patience = max(patience, _READY_S)
            if quiet_s <= patience:
                if monotonic() - self._spawned_at > _STEADY_S:
                    self._pauses.clear()
                return
            _log.warning("dashboard gives no sign of life, ending it", quiet_s=round(quiet_s, 1))
            await asyncio.to_thread(end, process)
        pause = self._pauses.next_s()
        status = process.returncode if process is not None else None
        _log.warning("dashboard ended, starting it again", status=status, in_s=pause)
        self.restarts += 1
        await asyncio.sleep(pause)
        await self._spawn()

    def _quiet_s(self) -> float:
        """Seconds since the child's last sign of life, or since it was started."""
        page = self._status_page.read()
        quiet = monotonic() - self._spawned_at
        if page.state is PageState.GOOD and self.status() is not None:
            quiet = min(quiet, (monotonic_ns() - page.mono_ns) / 1e9)
        return quiet

    def _tell_trouble(self) -> None:
        status = self.status()
        trouble = status.trouble if status is not None else None
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is not None:
            _log.warning("dashboard does not serve", why=trouble, hint="it tries again; DASHBOARD_PORT_NUMBER sets another port")
        elif status is not None:
            _log.info("dashboard serves", url=status.url.partition("?")[0])
