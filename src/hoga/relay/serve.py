"""relay.serve: a relay as a process: on its own, or beside `hoga run`, which tells it what to do on standard input and hears of it on
standard output, a line each second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from hoga.core.errors import HogaError
from hoga.relay.config import RelayConfig
from hoga.relay.relay import Relay
from hoga.relay.status import CannotBegin, RelayStatus, encode_said
from hoga.runtime import loop
from hoga.runtime.log_pipe import join_logs
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.runtime.tasks import every

__all__ = ["REFUSED", "serve", "serve_as_child"]

_log = get_log("relay")

REFUSED = 2
"""The exit status of a relay that could not begin."""

ENDS_ON = (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else ()))
"""A closed terminal ends it in the same order."""

_TELL_S = 1.0
_END_S = 3.0
_NICE = 5


async def serve(
    config: RelayConfig,
    *,
    on_ready: Callable[[], object] = lambda: None,
    on_status: Callable[[RelayStatus], object] = lambda status: None,
    ends_on: tuple[signal.Signals, ...] = ENDS_ON,
    parent: int | None = None,
) -> signal.Signals | None:
    """Relay until a signal of `ends_on`, or until the file descriptor `parent` closes. Returns the signal, None for the parent.

    `on_ready()` is called when everything is as it must be; `on_status` each second from then on. Raises as `Relay.open`.
    """
    with loop.ends_on(*ends_on) as ending:
        relay = Relay(config, os.environ)
        works: list[asyncio.Task[None]] = []
        if parent is not None:
            works.append(asyncio.create_task(_end_with(parent, ending), name="parent"))
        try:
            if not await _done_before(ending, relay.open()):
                return ending.by
            on_ready()
            works.append(asyncio.create_task(relay.run(), name="relay"))
            telling = every(_TELL_S, lambda: on_status(relay.status()), log=_log, what="cannot tell how the relay does", at_once=True)
            works.append(asyncio.create_task(telling, name="relay status"))
            await ending.wait()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await within(relay.close(), _END_S)
        return ending.by


async def _done_before(ending: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do it, unless the end comes first: then it is given up. Raises what it raises."""
    doing, told = asyncio.ensure_future(work), asyncio.ensure_future(ending.wait())
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        for each in (doing, told):
            each.cancel()
        await asyncio.wait({doing, told})


def serve_as_child() -> int:
    """What `python -m hoga.relay` does: reads a `RelayConfig` as one line of JSON, and ends when standard input does."""
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=RelayConfig)
    system = None
    if config.logs is not None:
        with contextlib.suppress(OSError):
            system = join_logs(config.logs)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        loop.run(serve(config, on_status=_write, ends_on=(signal.SIGTERM,), parent=sys.stdin.fileno()))
    except HogaError as fault:
        _write(CannotBegin(str(fault)))
        return REFUSED
    finally:
        if system is not None:
            system.close()
    return 0


async def _end_with(parent: int, ending: asyncio.Event) -> None:
    """Wait until nobody can write to us any more."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(os.dup(parent), "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while await reader.read(4096):
            pass
        ending.set()
    finally:
        transport.close()


def _write(said: RelayStatus | CannotBegin) -> None:
    with contextlib.suppress(OSError):  # nobody reads: the parent is about to end us
        os.write(sys.stdout.fileno(), encode_said(said))
