"""cli._simulating: what the commands that serve a simulated exchange share: the pace, the files of TLS, the life of the process."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hoga.cli._recorded import mistake
from hoga.core.errors import ConfigError

if TYPE_CHECKING:
    from hoga.simulator import Simulator

__all__ = ["pace_of", "require_files", "serve"]

_FASTEST = 100_000.0


def pace_of(speed: str, *, replaying: bool) -> float | None:
    """The clock's factor; None for `max`, which only a replay has. Raises ConfigError."""
    if speed == "max" and replaying:
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= _FASTEST:
        raise mistake("--speed", speed, f"a number above 0, at most {_FASTEST:g}" + (", or max" if replaying else ""))
    return factor


def require_files(files: dict[str, Path | None]) -> None:
    """Raises ConfigError for an option whose file is not there."""
    for option, path in files.items():
        if path is not None and not path.is_file():
            raise mistake(option, str(path), "a PEM file")


async def serve(simulator: Simulator, announce: Callable[[], None], *, seconds: float | None = None) -> int:
    """Serve until a signal, or for so long; the exit status. Raises what a replay ended with, ConfigError when it cannot listen."""
    import asyncio

    from hoga.runtime.patience import within
    from hoga.runtime.shutdown import Phase, ShutdownManager

    fault: BaseException | None = None
    async with ShutdownManager() as shutdown:
        try:
            await simulator.start()
        except (OSError, UnicodeError) as error:  # UnicodeError: of a name that can be nobody's
            raise _unusable(simulator, error) from error
        shutdown.add(Phase.INTAKE, "simulator", simulator.stop)
        announce()
        asked = asyncio.ensure_future(shutdown.requested())
        if simulator.playing is not None:
            simulator.playing.add_done_callback(lambda task: task.cancelled() or task.exception() is None or asked.cancel())
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await within(asked, seconds)
        if simulator.playing is not None and simulator.playing.done() and not simulator.playing.cancelled():
            fault = simulator.playing.exception()
    if fault is not None:
        raise fault
    return shutdown.exit_status


def _unusable(simulator: Simulator, error: OSError | UnicodeError) -> ConfigError:
    port = simulator.config.port
    if not isinstance(error, OSError) or error.errno != errno.EADDRINUSE:
        return mistake(simulator.config.host, str(error), "readable files and an address of this machine")
    if simulator.config.one_port:
        return mistake("--port", f"{port} (it is in use)", "a free port, or 0")
    return mistake("--port", f"{port} (it or {port + 1} is in use)", "two free ports in a row, or 0")
