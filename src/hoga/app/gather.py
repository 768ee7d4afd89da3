"""app.gather: `hoga gather`: many relays into one archive, until told to stop, or once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from hoga.app.config import Config
from hoga.core.errors import ArchiveBusy, ConfigError, ConfigMistake, HogaError
from hoga.core.times import iso_of
from hoga.relay.broker import Broker, address_of
from hoga.relay.due import DayState
from hoga.relay.gathering import Gather, GatherSettings
from hoga.runtime.log_pipe import LogAddress
from hoga.runtime.logs import get_log
from hoga.runtime.pool import WorkerPool, default_workers
from hoga.runtime.shutdown import Phase, ShutdownManager
from hoga.runtime.tasks import every
from hoga.runtime.watchdog import Watchdog

__all__ = ["gather_once", "gather_until_stopped"]

_log = get_log("gather")

_STOP_S = 20.0
"""A disk that is slow to make durable what has just come is waited for a while; what is left then is as after a kill."""
_POOL_S = 0.5
_ALIVE_S = 5.0
_TELL_EVERY_S = 60.0


async def gather_until_stopped(
    config: Config,
    environ: Mapping[str, str],
    logs: LogAddress | None,
    *,
    on_ready: Callable[[Gather], None] = lambda gather: None,
) -> int:
    """Gather until a signal. Returns the exit status: 1, too, when a fault of ours ended it. Raises ConfigError for what is wrong at the
    start."""
    pool = WorkerPool(workers=default_workers(config.program.max_workers), logs=logs)
    async with ShutdownManager(deadline_s=_STOP_S, on_force=pool.kill) as shutdown:
        shutdown.add(Phase.RESOURCES, "workers", partial(pool.close, patience_s=_POOL_S), may_be_left=True)
        gather = await _opened(config, environ, pool)
        shutdown.add(Phase.DRAIN, "gather", gather.close, may_be_left=True)
        running = asyncio.create_task(gather.run(), name="gather")
        shutdown.add(Phase.INTAKE, "intake", partial(_stop, running), may_be_left=True)
        watchdog = Watchdog()
        signs = asyncio.create_task(every(_ALIVE_S, partial(_alive, gather, watchdog, running), log=_log), name="signs of life")
        shutdown.own_task(signs)
        shutdown.own_task(asyncio.create_task(every(_TELL_EVERY_S, partial(_tell, gather), log=_log), name="status line"))
        watchdog.ready()
        on_ready(gather)
        running.add_done_callback(lambda task: shutdown.request("gather ended"))
        await shutdown.requested()
        watchdog.stopping()
        fault = running.exception() if running.done() and not running.cancelled() else None
    if fault is not None:
        _log.failure("gathering broke off", fault)
    return shutdown.exit_status if fault is None else 1


async def gather_once(
    config: Config, environ: Mapping[str, str], logs: LogAddress | None, *, day: str | None
) -> tuple[list[DayState], list[str], str | None]:
    """Take in what is there, and unite `day`, or (None) every day that is due. Returns how these days stand, who sent, and what keeps
    more from being taken in (None: nothing). Raises ConfigError for what is wrong at the start."""
    pool = WorkerPool(workers=default_workers(config.program.max_workers), logs=logs)
    try:
        gather = await _opened(config, environ, pool)
        running = asyncio.create_task(gather.run(days=False), name="gather")
        try:
            await _first_of(running, gather.until_idle())
            await gather.ask_for_days()
            days = [day] if day is not None else gather.pending_days()
            return [await gather.end(each) for each in days], gather.shelf.names(), gather.fault or gather.deaf
        finally:
            await _stop(running)
            await gather.close()
    finally:
        await pool.close(patience_s=_POOL_S)


async def _opened(config: Config, environ: Mapping[str, str], pool: WorkerPool) -> Gather:
    program = config.program
    if program.nats_url is None:
        raise _mistake("NATS_URL", "nothing", "where NATS is: NATS_URL = nats://HOST:4222")
    settings = GatherSettings(root=program.data_dir, collectors=tuple(program.collectors or ()), grace_min=program.gather_grace_min)
    gather = Gather(settings, Broker(address_of(program.nats_url, environ), "hoga gather"), pool)
    try:
        await gather.open()
    except ArchiveBusy:
        raise
    except (HogaError, OSError) as fault:  # at the start everything is told and ends; later it is tried again
        raise _mistake("NATS_URL", str(fault), "a NATS server with JetStream", plain=str(fault)) from fault
    return gather


async def _first_of(running: asyncio.Task[None], waited: Coroutine[Any, Any, None]) -> None:
    """Wait, unless gathering breaks off: its fault is raised."""
    waiting = asyncio.create_task(waited)
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        running.result()


async def _stop(running: asyncio.Task[None]) -> None:
    """What was taken and not acknowledged comes again."""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _alive(gather: Gather, watchdog: Watchdog, running: asyncio.Task[None]) -> None:
    if not running.done() and gather.at_work:
        watchdog.alive()


def _tell(gather: Gather) -> None:
    _log.info("gathering", **_describe(gather))


def _mistake(key: str, found: str, expected: str, *, plain: str | None = None) -> ConfigError:
    return ConfigError([ConfigMistake("gather", None, key, found, expected, plain=plain)])


def _describe(gather: Gather) -> dict[str, object]:
    """The fields of a status line."""
    state = gather.state()
    return {
        "collectors": len(state.collectors),
        "messages": sum(each.messages for each in state.collectors),
        "files": sum(each.files for each in state.collectors),
        "refused": state.refused,
        "connected": state.connected,
        "next": None if state.next_ns is None else iso_of(state.next_ns),
    }
