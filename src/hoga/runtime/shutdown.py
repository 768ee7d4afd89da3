"""runtime.shutdown: one place that ends the process in order, in time, whatever hangs.

    async with ShutdownManager() as shutdown:
        shutdown.add(Phase.INTAKE, "connections", pool.close)
        shutdown.own_executor("seal", executor)
        await shutdown.requested()              # SIGINT, SIGTERM, SIGHUP or request()
    sys.exit(shutdown.exit_status)

Rules:

- Phases run in order: stop intake, drain, seal, resources, logs. Steps of one phase run side by side.
- A step that raises or overruns is reported and the next phase begins; the whole takes at most `deadline_s`, and each
  phase must be over by its share of it (`LATEST`), so that the last ones always have time left.
- `request`, and everything registered here, may come from any thread and any number of times; the first request counts.
- The second signal ends the process at once (130 for SIGINT, 143 for SIGTERM), after `on_force`; the same one within 0.3 s is the first
  one's echo.
- SIGHUP (the terminal is gone) is taken like SIGTERM, and left ignored where whoever started the process wanted it so (nohup).
- A phase that blocks the event loop itself, or a thread that will not end, is cut off by a watchdog thread.

Exit status: 0 after SIGTERM, SIGHUP or `request()`, 130 after SIGINT, 1 when a step failed or overran.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from enum import IntEnum
from types import FrameType, TracebackType
from typing import Protocol, Self

import msgspec

from hoga.runtime.logs import get_log

__all__ = ["Phase", "ShutdownManager", "ShutdownReport", "Step", "StepResult"]

Step = Callable[[], Awaitable[object] | object]
"""What is done: an async function, or a plain one that returns at once (it runs on the event loop)."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)
_WATCHDOG_GRACE_S = 0.5
_LINGER_S = 0.5
_CANCEL_GRACE_S = 0.1
_ECHO_S = 0.3
"""Within so long the same signal once more is no second one: timeout(1) and others send it to the process and to its group."""

_Handler = Callable[[int, FrameType | None], object] | int | None

_log = get_log("shutdown")


class Phase(IntEnum):
    """The order of the end."""

    INTAKE = 1
    DRAIN = 2
    SEAL = 3
    RESOURCES = 4
    LOGS = 5


LATEST: dict[Phase, float] = {Phase.INTAKE: 0.5, Phase.DRAIN: 0.7, Phase.SEAL: 0.85, Phase.RESOURCES: 0.95, Phase.LOGS: 1.0}
"""The share of the whole time at which a phase is over at the latest."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one step went: `outcome` is done, failed, overran or left; `why` is the error's text."""

    phase: Phase
    name: str
    outcome: str
    seconds: float
    why: str | None = None


class ShutdownReport(msgspec.Struct, frozen=True, kw_only=True):
    """How the whole end went. `reason` is the first request's."""

    reason: str
    seconds: float
    steps: list[StepResult]

    @property
    def clean(self) -> bool:
        """True when every step was done, or left where that is no failure."""
        return all(step.outcome in ("done", "left") for step in self.steps)

    @property
    def complete(self) -> bool:
        """True when every step came back: nothing is left that could keep the process from ending."""
        return all(step.outcome == "done" for step in self.steps)


class Closable(Protocol):
    """A file handle, as far as the end is concerned."""

    def close(self) -> object:
        """Release it."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    phase: Phase
    name: str
    run: Step
    deadline_s: float
    may_be_left: bool


class ShutdownManager:
    """See the module. Use it as `async with`; leaving the block runs the phases.

    Args:
        deadline_s: the whole end takes no longer.
        on_force: called by the second signal before the process ends; must not block.
        exit_process: how the process is ended by force; for tests.
    """

    def __init__(
        self, *, deadline_s: float = 5.0, on_force: Callable[[], None] | None = None, exit_process: Callable[[int], None] = os._exit
    ) -> None:
        self._deadline_s = deadline_s
        self._on_force = on_force
        self._exit_process = exit_process
        self._lock = threading.RLock()
        self._entries: list[_Entry] = []
        self._reason: str | None = None
        self._brief: str | None = None
        self._signal: int | None = None
        self._signal_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._previous: dict[int, _Handler] = {}
        self._running: asyncio.Task[ShutdownReport] | None = None
        self.report: ShutdownReport | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        if self._reason is not None:
            self._wake.set()
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._on_signal) for number in self._signals()}
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._brief = type(error).__name__  # whoever catches it says the rest
        self.request("finished" if error is None else f"{type(error).__name__}: {error}")
        try:
            await self.run()
        finally:
            for number, handler in self._previous.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            self._previous = {}

    @property
    def stopping(self) -> bool:
        """True from the first request on."""
        return self._reason is not None

    @property
    def exit_status(self) -> int:
        """What the process should exit with, once the phases have run."""
        if self.report is not None and not self.report.clean:
            return 1
        return 130 if self._signal == signal.SIGINT else 0

    def add(self, phase: Phase, name: str, run: Step, *, deadline_s: float | None = None, may_be_left: bool = False) -> Callable[[], None]:
        """Do `run` in `phase`, within `deadline_s` (default: the phase's time). `may_be_left`: whether not coming back in time is
        no failure of the whole end, because the next start goes on with it.

        Returns:
            A function that takes the step back, for what ends before the process does. It may be called twice.
        """
        entry = _Entry(phase=phase, name=name, run=run, deadline_s=deadline_s or self._deadline_s, may_be_left=may_be_left)
        with self._lock:
            self._entries.append(entry)
        return lambda: self._forget(entry)

    def own_task(self, task: asyncio.Task[object]) -> Callable[[], None]:
        """Cancel `task` when intake stops, and wait for it; one that has ended is left alone. Returns as `add` does."""
        return self.add(Phase.INTAKE, task.get_name(), lambda: _cancel(task))

    def own_file(self, name: str, handle: Closable) -> Callable[[], None]:
        """Close `handle` among the resources. Returns as `add` does."""
        return self.add(Phase.RESOURCES, name, handle.close)

    def own_executor(self, name: str, executor: Executor) -> Callable[[], None]:
        """Shut `executor` down among the resources: waiting jobs are cancelled, running ones awaited. Returns as `add` does."""
        return self.add(Phase.RESOURCES, name, lambda: _shut_executor(executor))

    def request(self, reason: str) -> None:
        """Ask for the end. Thread-safe; only the first call counts."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
        if self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                self._loop.call_soon_threadsafe(self._wake.set)

    async def requested(self) -> str:
        """Wait for the first request; returns its reason. Call it inside the `async with`."""
        assert self._wake is not None, "entered with `async with`"
        await self._wake.wait()
        return self._reason or ""

    async def run(self) -> ShutdownReport:
        """Run the phases, once; who calls again waits for the same end."""
        self.request("asked to run")
        if self._running is None:
            self._running = asyncio.create_task(self._run_phases(), name="shutdown")
        return await asyncio.shield(self._running)

    async def _run_phases(self) -> ShutdownReport:
        began = time.monotonic()
        ended = threading.Event()
        watchdog = threading.Thread(target=self._watch, args=(ended,), name="shutdown-watchdog", daemon=True)
        watchdog.start()
        _log.info("stopping", reason=self._brief or self._reason)
        results: list[StepResult] = []
        for phase in Phase:
            with self._lock:
                entries = [entry for entry in self._entries if entry.phase is phase]
            left = max(0.0, began + self._deadline_s * LATEST[phase] - time.monotonic())
            results += await asyncio.gather(*(_perform(entry, left) for entry in reversed(entries)))
        self.report = ShutdownReport(reason=self._reason or "", seconds=time.monotonic() - began, steps=results)
        ended.set()
        return self.report

    def _forget(self, entry: _Entry) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._entries.remove(entry)

    def _watch(self, ended: threading.Event) -> None:
        if not ended.wait(self._deadline_s + _WATCHDOG_GRACE_S):
            self._force(1)
        elif self.report is not None and not self.report.complete:
            threading.main_thread().join()  # a thread that will not end must not keep the interpreter from ending
            threading.Event().wait(_LINGER_S)
            self._force(self.exit_status)

    @staticmethod
    def _signals() -> list[int]:
        hung_up = _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN
        return [*_SIGNALS, *([_HANGUP] if _HANGUP is not None and hung_up else [])]

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            is_echo = number == self._signal and time.monotonic() - self._signal_s < _ECHO_S
            if number != _HANGUP and not is_echo:  # a closing terminal sends it to whoever is stopping already, perhaps more than once
                self._force(128 + number)
            return
        self._signal, self._signal_s = number, time.monotonic()
        self.request(signal.Signals(number).name)

    def _force(self, status: int) -> None:
        try:
            if self._on_force is not None:
                self._on_force()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
                    stream.flush()
            self._exit_process(status)


async def _perform(entry: _Entry, left_s: float) -> StepResult:
    began = time.monotonic()
    outcome, why = "done", None
    task = asyncio.ensure_future(_call(entry.run))
    await asyncio.wait({task}, timeout=min(entry.deadline_s, left_s))
    if not task.done():
        outcome, why = "left" if entry.may_be_left else "overran", f"more than {min(entry.deadline_s, left_s):.3g} s"
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_GRACE_S)
        task.add_done_callback(_retrieve)
    elif task.cancelled():
        outcome, why = "failed", "cancelled"
    elif (error := task.exception()) is not None:
        outcome, why = "failed", f"{type(error).__name__}: {error}"
        _log.failure("shutdown step failed", error, phase=entry.phase.name.lower(), step=entry.name)
    seconds = time.monotonic() - began
    if outcome == "left":
        _log.warning("shutdown step left", phase=entry.phase.name.lower(), step=entry.name, seconds=seconds)
    if outcome == "overran":
        _log.error("shutdown step overran", phase=entry.phase.name.lower(), step=entry.name, seconds=seconds)
    return StepResult(phase=entry.phase, name=entry.name, outcome=outcome, seconds=seconds, why=why)


async def _call(run: Step) -> None:
    result = run()
    if inspect.isawaitable(result):
        await result


async def _cancel(task: asyncio.Task[object]) -> None:
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


async def _shut_executor(executor: Executor) -> None:
    processes = list((executor._processes or {}).values()) if isinstance(executor, ProcessPoolExecutor) else []
    executor.shutdown(wait=False, cancel_futures=True)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_it() -> None:
        executor.shutdown()
        with contextlib.suppress(RuntimeError):  # the loop did not wait for us
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_it, name="shutdown-executor", daemon=True).start()
    try:
        await ended.wait()
    finally:
        for process in processes:
            if not ended.is_set():
                process.kill()


def _retrieve(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()
