"""runtime.pool: worker processes for heavy jobs, supervised.

A job is a function of a module and arguments that can be pickled, and it is **idempotent**: when a worker dies, the
pool is rebuilt and the jobs that were running are run again. They are suspects then, and run one at a time, so that
the job that kills its worker is told from those that only stood beside it; after `ATTEMPTS` it gives up its secret as
`BrokenProcessPool`.

A pool that is `patient_s` patient starts a further worker only for a job that waited so long beside a running one: where there is time,
one worker's memory is enough. From then on jobs run side by side, until for some minutes they would not have waited long; then the
workers are let go. In a hurry (`hurry`, `close`) nothing waits.

Where the system has no room for the queues between processes (`/dev/shm` full or read-only), jobs run one at a time in a
thread instead, told once: slower, and it works.

Workers are started fresh (spawn, `runtime.worker`) and end with their parent, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.util import _run_finalizers  # type: ignore[attr-defined]  # nothing public does it
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import msgspec

from hoga.runtime.log_pipe import LogAddress
from hoga.runtime.logs import get_log
from hoga.runtime.worker import import_ahead, prepare_worker

__all__ = ["ATTEMPTS", "PoolStats", "WorkerPool", "default_workers", "leave"]

ATTEMPTS = 3
"""How often a job is started at most when its worker dies."""

_BUSY_S = 150.0
"""So long a pool that needed a further worker does not wait for one again."""
_KILL_WAIT_S = 1.0
_LEAVE_WAIT_S = 0.2
_left: list[threading.Thread] = []
"""Threads of pools that were killed: each ends when the system has ended the last of its workers."""

_log = get_log("pool")

P = ParamSpec("P")
T = TypeVar("T")


class PoolStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a pool: jobs `running` and `waiting` now, `done` and `failed` in all, `rebuilt` after dead workers."""

    workers: int
    running: int
    waiting: int
    done: int
    failed: int
    rebuilt: int


class _Job:
    __slots__ = ("args", "attempts", "began_s", "function", "patient", "result")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], result: asyncio.Future[Any]) -> None:
        self.function = function
        self.args = args
        self.result = result
        self.attempts = 0
        self.began_s = 0.0
        self.patient = False


def default_workers(limit: int) -> int:
    """Workers to use: `limit` (`MAX_WORKERS`), but no more than processors."""
    return max(1, min(limit, os.cpu_count() or 1))


class WorkerPool:
    """See the module. All methods belong to the event loop that `submit` is first called in.

    Args:
        workers: processes; each takes one job at a time.
        logs: where the workers' log lines go; None leaves them to stderr.
        max_waiting: jobs that may wait; policy when full: `submit` refuses.
        patient_s: how long a job waits at most before a further worker is started for it.
    """

    def __init__(self, *, workers: int, logs: LogAddress | None = None, max_waiting: int = 100_000, patient_s: float = 0.0) -> None:
        self._workers = workers
        self._logs = logs
        self._max_waiting = max_waiting
        self._patient_s = patient_s
        self._busy_until_s = 0.0
        self._executor: ProcessPoolExecutor | ThreadPoolExecutor | None = None
        self._waiting: deque[_Job] = deque()
        self._suspects: deque[_Job] = deque()
        self._running: set[_Job] = set()
        self._idle: asyncio.Event | None = None
        self._closed = False
        self._done = 0
        self._failed = 0
        self._rebuilt = 0

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run `function(*args)` in a worker; keyword arguments are not passed on.

        Returns:
            A future with its result or exception. Cancelling it takes a waiting job out of the line; a running one runs on.

        Raises:
            asyncio.QueueFull: `max_waiting` jobs wait already.
            RuntimeError: the pool is closed.
        """
        assert not kwargs, "jobs take positional arguments"
        if self._closed:
            raise RuntimeError("the pool is closed")
        if len(self._waiting) >= self._max_waiting:
            raise asyncio.QueueFull
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        job = _Job(function, args, result)
        self._waiting.append(job)
        if self._patient_s and self._running and monotonic() > self._busy_until_s:
            job.patient = True
            loop.call_later(self._patient_s, self._waited, job)
        self._start_jobs()
        return result

    def warm(self, *modules: str) -> None:
        """Start a worker before there is a job for it, and import `modules` there."""
        self.submit(import_ahead, *modules).add_done_callback(lambda done: done.cancelled() or done.exception())

    def hurry(self) -> None:
        """No job waits any more while there may be a worker for it."""
        self._patient_s = 0.0
        for job in self._waiting:
            job.patient = False
        self._start_jobs()

    async def drain(self) -> None:
        """Wait until no job runs or waits."""
        while self._running or self._waiting or self._suspects:
            self._idle = self._idle or asyncio.Event()
            self._idle.clear()
            await self._idle.wait()

    def kill(self) -> None:
        """End the workers at once and cancel every job. May be called twice, and from a signal handler."""
        self._closed = True
        for job in (*self._suspects, *self._waiting, *self._running):
            _call_in(job.result.get_loop(), job.result.cancel)
        executor, self._executor = self._executor, None
        if executor is not None:
            _left.extend(filter(None, [getattr(executor, "_executor_manager_thread", None)]))
            _kill_workers(executor, wait_s=0.0)
            executor.shutdown(wait=False, cancel_futures=True)

    async def close(self, *, patience_s: float | None = None) -> None:
        """Finish every job, then end the workers. No job is taken from now on.

        `patience_s`: after so long the jobs that still run are killed; they can be done again. So they are when this is cancelled.
        """
        self._closed = True
        self.hurry()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self.drain()
        finally:
            executor = self._executor
            if self._running or self._waiting or self._suspects:
                self.kill()
            elif executor is not None:
                self._executor = None
                await asyncio.to_thread(executor.shutdown)

    def stats(self) -> PoolStats:
        """The counts now."""
        return PoolStats(
            workers=self._workers,
            running=len(self._running),
            waiting=len(self._waiting) + len(self._suspects),
            done=self._done,
            failed=self._failed,
            rebuilt=self._rebuilt,
        )

    def __repr__(self) -> str:
        return f"<WorkerPool {'closed' if self._closed else 'open'} {self.stats()}>"

    def _start_jobs(self) -> None:
        while (job := self._next_job()) is not None:
            if job.result.done():
                continue
            job.attempts += 1
            self._running.add(job)
            job.began_s = monotonic()
            executor = self._pool()
            try:
                future = _submit(executor, job, running=len(self._running))
            except BrokenProcessPool as error:
                job.result.get_loop().call_soon(self._settle, job, None, error)
            else:
                future.add_done_callback(partial(self._arrived, job, executor))

    def _next_job(self) -> _Job | None:
        if self._suspects:
            return None if self._running else self._suspects.popleft()
        if not self._waiting or (self._running and self._waiting[0].patient):
            return None
        if len(self._running) < self._workers and not any(job.attempts > 1 for job in self._running):
            return self._waiting.popleft()
        return None

    def _waited(self, job: _Job) -> None:
        """It has waited long enough for one of the workers there are."""
        if job.patient and job in self._waiting:
            job.patient = False
            self._busy_until_s = monotonic() + _BUSY_S
            self._start_jobs()

    def _note_busy(self, job: _Job) -> None:
        """A job has ended: were further workers needed, are they still? When nothing runs, spare ones are let go."""
        now, executor = monotonic(), self._executor
        if self._running:
            if now - job.began_s > self._patient_s / 2:
                self._busy_until_s = now + _BUSY_S
        elif now > self._busy_until_s and executor is not None and len(getattr(executor, "_processes", ())) > 1:
            self._executor = None
            executor.shutdown(wait=False)

    def _pool(self) -> ProcessPoolExecutor | ThreadPoolExecutor:
        if self._executor is None:
            context = get_context("spawn")
            try:
                self._executor = ProcessPoolExecutor(self._workers, context, initializer=prepare_worker, initargs=(self._logs,))
            except OSError as fault:
                _log.warning("no worker processes", why=str(fault), hint="their work is done in a thread; free /dev/shm and restart")
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="worker")
        return self._executor

    def _arrived(self, job: _Job, executor: ProcessPoolExecutor | ThreadPoolExecutor, done: Future[Any]) -> None:
        """Runs in the executor's thread. The workers beside a dead one are gone before their jobs are run again."""
        if not done.cancelled() and isinstance(done.exception(), BrokenProcessPool):
            _kill_workers(executor, wait_s=0.0 if self._closed else _KILL_WAIT_S)
        _call_in(job.result.get_loop(), self._finish, job, done)

    def _finish(self, job: _Job, done: Future[Any]) -> None:
        if done.cancelled():
            self._settle(job, None, asyncio.CancelledError())
        elif (error := done.exception()) is not None:
            self._settle(job, None, error)
        else:
            self._settle(job, done.result(), None)

    def _settle(self, job: _Job, value: object, error: BaseException | None) -> None:
        self._running.discard(job)
        if self._patient_s and error is None:
            self._note_busy(job)
        if isinstance(error, BrokenProcessPool) and not self._closed_by_force():
            self._rebuild(job)
        elif not job.result.done():
            self._count(job, value, error)
        if not self._closed_by_force():
            self._start_jobs()
        if self._idle is not None and not (self._running or self._waiting or self._suspects):
            self._idle.set()

    def _count(self, job: _Job, value: object, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            job.result.cancel()
        elif error is not None:
            self._failed += 1
            job.result.set_exception(error)
        else:
            self._done += 1
            job.result.set_result(value)

    def _closed_by_force(self) -> bool:
        return self._closed and self._executor is None

    def _rebuild(self, job: _Job) -> None:
        """A worker died under `job` or beside it: a fresh pool for what comes, and the job again, alone."""
        function = job.function.func if isinstance(job.function, partial) else job.function
        name = getattr(function, "__qualname__", repr(function))
        if self._executor is not None and not self._running:
            self._executor.shutdown(wait=False)
            self._executor = None
            self._rebuilt += 1
        if job.attempts < ATTEMPTS:
            _log.warning("worker died", job=name, attempt=job.attempts, next="again")
            self._suspects.append(job)
        else:
            _log.error("worker died", job=name, attempt=job.attempts, next="given up")
            self._failed += 1
            if not job.result.done():
                job.result.set_exception(BrokenProcessPool(f"{name} ended its worker {ATTEMPTS} times"))


def _call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the result
        loop.call_soon_threadsafe(function, *args)


def _submit(executor: ProcessPoolExecutor | ThreadPoolExecutor, job: _Job, *, running: int) -> Future[Any]:
    """Give the job away, one of so many that run now. A worker that is started for it begins with SIGINT held back: a Ctrl-C of the
    first moments is the parent's affair, and would end the child in the middle of its imports."""
    if not isinstance(executor, ThreadPoolExecutor):  # it counts a worker as idle only some time after it told its result
        setattr(executor, "_max_workers", running)  # noqa: B010  # nothing public says so
        while executor._idle_worker_semaphore.acquire(blocking=False):
            pass
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        return executor.submit(job.function, *job.args)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(job.function, *job.args)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _kill_workers(executor: ProcessPoolExecutor | ThreadPoolExecutor, *, wait_s: float) -> None:
    if isinstance(executor, ThreadPoolExecutor):
        return
    processes = list((executor._processes or {}).values())
    for process in processes:
        with contextlib.suppress(ValueError):  # its handle is closed: it is gone
            process.kill()
    left, end_s = {process.sentinel for process in processes}, monotonic() + wait_s
    while left and (gone := wait(left, timeout=max(0.0, end_s - monotonic()))):
        left.difference_update(sentinel for sentinel in gone if isinstance(sentinel, int))


def leave(status: int) -> int:
    """The last that a process does which had a pool; returns `status`. Workers that were killed and cannot end yet, because a busy disk has
    them in a call, would hold the interpreter up for seconds: then it ends here, with `status`."""
    for thread in _left:
        thread.join(_LEAVE_WAIT_S)
    if any(thread.is_alive() for thread in _left):
        _run_finalizers(0)  # what is shared with the workers is taken back
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    return status
