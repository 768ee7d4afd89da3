"""app.relay_process: the relay beside a run, where NATS_URL is set: a process of its own, kept alive and out of the recorder's way.

It says each second how it does; what it says is on the page, in the metrics and behind an alert. One that ends is started anew with growing
pauses, one that says nothing for some seconds is ended first; so a relay that cannot begin (NATS away, credentials refused) is tried for
ever. Nothing here waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from functools import partial
from time import monotonic

import msgspec

from hoga.app.child import ask_to_end, end, spawn
from hoga.core.pauses import Pauses, Schedule
from hoga.dashboard.snapshot import RelayRow
from hoga.relay.config import RelayConfig
from hoga.relay.status import CannotBegin, RelayStatus, decode_said
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.runtime.tasks import supervise

__all__ = ["RelayProcess"]

_log = get_log("relay")

_BEGIN_S = 30.0
_QUIET_S = 15.0
"""It may take so long until it says something for the first time, and until it says something again."""
_STEADY_S = 60.0
_END_S = 1.5


class RelayProcess:
    """The relay's process. `row` says how it does. No method raises for its troubles; they are logged."""

    def __init__(self, config: RelayConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._status: RelayStatus | None = None
        self._trouble: str | None = "it is starting"
        self._well = monotonic()
        self._task: asyncio.Task[None] | None = None
        self._restarts = 0

    async def start(self) -> None:
        """Start it, and look after it from now on."""
        self._task = asyncio.create_task(
            supervise(self._keep, log=_log, what="cannot look after the relay", abandon=self._abandon), name="relay"
        )

    def row(self) -> RelayRow:
        """How it does now."""
        status = self._status
        trouble = self._trouble if status is None else status.trouble
        if trouble is None:
            self._well = monotonic()
        row = RelayRow(
            collector=self._config.collector, trouble=trouble, away_s=round(monotonic() - self._well, 1), restarts=self._restarts
        )
        if status is None:
            return row
        return msgspec.structs.replace(
            row,
            behind_s=round(status.behind_s, 1),
            waiting=status.waiting,
            files=status.files,
            sent_bytes=status.file_bytes + status.lines_bytes,
            days=status.days,
            damaged=status.damaged,
            newest_damaged=status.newest_damaged,
            live_messages=status.live_messages,
            live_lost=status.live_lost,
            outages=status.outages,
        )

    async def leave(self) -> None:
        """Ask it to end, without waiting for it: it has until `stop` to do so."""
        if self._task is not None:
            self._task.cancel()
        if self._process is not None:
            ask_to_end(self._process)

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end()

    async def _keep(self) -> None:
        """Start it again and again."""
        pauses = Pauses(Schedule.DASHBOARD)
        while True:
            began = monotonic()
            try:
                self._process = await asyncio.to_thread(partial(spawn, "hoga.relay", msgspec.json.encode(self._config), hears=True))
            except OSError as fault:
                self._tell(f"it cannot be started: {fault}", cannot_begin=True)
            else:
                await self._listen(self._process)
                await self._end()
            if monotonic() - began > _STEADY_S:
                pauses.clear()
            pause = pauses.next_s()
            self._restarts += 1
            await asyncio.sleep(pause)

    async def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take what it says, until it says no more."""
        assert process.stdout is not None, "it is a pipe"
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        patience = _BEGIN_S
        try:
            why = None
            while line := await within(reader.readline(), patience):
                said, patience = decode_said(line), _QUIET_S
                if isinstance(said, CannotBegin):
                    why = said.why
                else:
                    self._status, self._trouble = said, None
            status = await asyncio.to_thread(_status_of, process)
            self._tell(why or f"the relay ended (status {status}); the log says why", cannot_begin=why is not None)
        except TimeoutError:
            self._tell("the relay gives no sign of life")
        finally:
            self._status = None
            transport.close()

    def _tell(self, why: str, *, cannot_begin: bool = False) -> None:
        """Say it once, however often it is tried."""
        if why == self._trouble:
            return
        self._trouble = why
        if cannot_begin:
            _log.error("the relay cannot begin", why=why, hint="tried again until it can; recording goes on")
        else:
            _log.warning("relay ended, starting it again", why=why)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(partial(end, process, patience_s=_END_S))

    def _abandon(self) -> None:
        if self._process is not None:
            ask_to_end(self._process)


def _status_of(process: subprocess.Popen[bytes]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(_END_S)
    return None
