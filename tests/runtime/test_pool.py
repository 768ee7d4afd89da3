"""The pool: jobs survive their workers, and workers do not survive their parent."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import pytest

from hoga.runtime import pool as runtime_pool
from hoga.runtime.log_pipe import LogPipe
from hoga.runtime.logs import get_log, setup_logging
from hoga.runtime.pool import ATTEMPTS, WorkerPool, default_workers
from tests.waiting import LONG_S, eventually, until


def double(number: int) -> int:
    return 2 * number


def refuse(text: str) -> None:
    raise ValueError(text)


def note_run(path: str) -> int:
    with open(path, "a") as file:
        file.write("x")
    return os.path.getsize(path)


def die_first(path: str) -> int:
    if note_run(path) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.path.getsize(path)


def die_always(path: str) -> None:
    note_run(path)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for(path: str) -> str:
    while not os.path.exists(path):
        time.sleep(0.01)
    return "done"


def held_back() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def is_imported(module: str) -> bool:
    return module in sys.modules


def speak(text: str) -> int:
    get_log("seal").warning(text, child=True)
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=2)
    yield pool
    await asyncio.wait_for(pool.close(), 60)


async def test_a_warm_worker_has_imported_what_its_first_job_needs() -> None:
    pool = WorkerPool(workers=1)
    assert not await pool.submit(is_imported, "colorsys")
    pool.warm("colorsys")
    assert await pool.submit(is_imported, "colorsys")
    pool.warm("hoga.not_there")
    assert await pool.submit(double, 2) == 4, "what cannot be imported is its first job's affair"
    await asyncio.wait_for(pool.close(), 60)


def test_a_worker_that_recovers_and_seals_imports_no_event_loop_and_no_sockets() -> None:
    heavy = {"asyncio", "aiohttp", "picows", "uvloop", "ssl"}
    probe = f"import sys, hoga.runtime.worker, hoga.archive.keep.recover; print(*{heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=240).stdout == "\n"


async def test_results_and_exceptions_come_back(pool: WorkerPool) -> None:
    results = await asyncio.gather(*(pool.submit(double, n) for n in range(20)))
    assert results == [2 * n for n in range(20)]
    with pytest.raises(ValueError, match="no"):
        await pool.submit(refuse, "no")
    stats = pool.stats()
    assert (stats.done, stats.failed, stats.running, stats.waiting, stats.rebuilt) == (20, 1, 0, 0, 0)


async def test_an_interrupt_of_the_first_moments_is_not_the_workers(pool: WorkerPool) -> None:
    assert await pool.submit(held_back), "a worker is born with SIGINT held back"
    assert not held_back(), "and its parent is not"


async def test_without_room_for_queues_between_processes_a_thread_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_all(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runtime_pool, "ProcessPoolExecutor", refuse_all)
    pool = WorkerPool(workers=2)
    assert await asyncio.gather(*(pool.submit(double, n) for n in range(5))) == [0, 2, 4, 6, 8]
    with pytest.raises(ValueError, match="no"):
        await pool.submit(refuse, "no")
    await asyncio.wait_for(pool.close(), 60)
    assert pool.stats().done == 5


async def test_a_patient_pool_starts_a_further_worker_only_for_who_waited_long(tmp_path: Path) -> None:
    go, first_go = tmp_path / "go", tmp_path / "first"
    async with asyncio.timeout(60):
        for patient_s, hurried in ((0.2, False), (600.0, True)):
            pool = WorkerPool(workers=2, patient_s=patient_s)
            held = pool.submit(wait_for, str(go))
            late = pool.submit(double, 1)
            assert (pool.stats().running, pool.stats().waiting) == (1, 1)
            if hurried:
                pool.hurry()
            assert await late == 2, "the other one still runs"
            assert not held.done()
            go.touch()
            await pool.close()
            go.unlink()
        pool = WorkerPool(workers=2, patient_s=600.0)
        held, late = pool.submit(wait_for, str(first_go)), pool.submit(os.getpid)
        first_go.touch()
        assert await held == "done"
        assert await late == await pool.submit(os.getpid), "one worker did it all"
        await pool.close()


async def test_workers_that_were_long_not_needed_are_let_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    time_s, go = 1_000.0, tmp_path / "go"
    monkeypatch.setattr(runtime_pool, "monotonic", lambda: time_s)
    async with asyncio.timeout(60):
        pool = WorkerPool(workers=2, patient_s=0.2)
        both = [pool.submit(wait_for, str(go)) for _ in range(2)]
        await eventually(lambda: pool.stats().running == 2)
        go.touch()
        assert await asyncio.gather(*both) == ["done", "done"]
        go.unlink()
        both = [pool.submit(wait_for, str(go)) for _ in range(2)]
        assert pool.stats().running == 2, "what was needed last minute is not waited for"
        go.touch()
        await asyncio.gather(*both)
        assert len(active_children()) == 2
        time_s += 1_000.0
        assert await pool.submit(double, 1) == 2
        await eventually(lambda: not active_children())
        assert await pool.submit(double, 4) == 8
        assert (pool.stats().rebuilt, len(active_children())) == (0, 1)
        await pool.close()


async def test_a_job_whose_worker_was_killed_runs_again(pool: WorkerPool, tmp_path: Path) -> None:
    assert await pool.submit(die_first, str(tmp_path / "runs")) == 2
    assert pool.stats().rebuilt == 1
    assert await pool.submit(double, 4) == 8


class SlowEnd:
    """A process that a busy disk has in a call: it ends some time after it was killed."""

    def __init__(self, seconds: float) -> None:
        self.sentinel, self._end = os.pipe()
        self._timer = threading.Timer(seconds, self._ended)
        self.gone = False

    def kill(self) -> None:
        self._timer.start()

    def _ended(self) -> None:
        self.gone = True
        os.close(self._end)


def test_the_workers_beside_a_dead_one_are_all_gone_before_a_job_is_begun_anew() -> None:
    slow = [SlowEnd(seconds) for seconds in (0.0, 0.15, 0.05)]
    executor = SimpleNamespace(_processes=dict(enumerate(slow)))
    runtime_pool._kill_workers(executor, wait_s=LONG_S)  # type: ignore[arg-type]
    assert [process.gone for process in slow] == [True] * 3
    for process in slow:
        os.close(process.sentinel)


async def test_a_deadly_job_is_given_up_and_its_neighbours_are_not(pool: WorkerPool, tmp_path: Path) -> None:
    deadly = pool.submit(die_always, str(tmp_path / "runs"))
    neighbours = [pool.submit(double, n) for n in range(10)]
    with pytest.raises(BrokenProcessPool, match="die_always"):
        await deadly
    assert await asyncio.gather(*neighbours) == [2 * n for n in range(10)]
    assert (tmp_path / "runs").stat().st_size == ATTEMPTS


async def test_a_waiting_job_can_be_cancelled_and_the_line_is_bounded(tmp_path: Path) -> None:
    pool = WorkerPool(workers=1, max_waiting=1)
    first = pool.submit(wait_for, str(tmp_path / "go"))
    second = pool.submit(note_run, str(tmp_path / "second"))
    with pytest.raises(asyncio.QueueFull):
        pool.submit(double, 1)
    second.cancel()
    (tmp_path / "go").touch()
    assert await first == "done"
    await asyncio.wait_for(pool.close(), 60)
    assert not (tmp_path / "second").exists()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(double, 1)


async def test_kill_ends_what_would_never_end(tmp_path: Path) -> None:
    pool = WorkerPool(workers=1)
    endless = pool.submit(wait_for, str(tmp_path / "never"))
    waiting = pool.submit(double, 1)
    assert pool.stats().running == 1
    pool.kill()
    for future in (endless, waiting):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(future, 60)


async def test_closing_waits_only_so_long_for_a_job_that_goes_on() -> None:
    pool = WorkerPool(workers=1)
    assert await pool.submit(os.getpid)
    job = pool.submit(time.sleep, 600)
    assert pool.stats().running == 1
    await asyncio.wait_for(pool.close(patience_s=0.05), 30)
    assert job.cancelled()


async def test_workers_are_nice_and_their_log_lines_arrive() -> None:
    system = setup_logging(directory=None, console=False)
    inlet = LogPipe(system)
    inlet.start()
    pool = WorkerPool(workers=1, logs=inlet.address)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert await pool.submit(speak, "sealed") >= min(own + 10, 19)
    await pool.close()
    await eventually(lambda: system.recent)
    inlet.close()
    system.close()
    assert [line.split(" ", 1)[1] for line in system.recent] == ["WARNING seal sealed child=True"]


PARENT = """
import asyncio, os, sys
from hoga.runtime.pool import WorkerPool

async def main():
    pool = WorkerPool(workers=1)
    print(await pool.submit(os.getpid), flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until(lambda: not _alive(worker))


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_never_more_workers_than_processors_and_never_none() -> None:
    assert default_workers(1) == 1
    assert default_workers(10_000) == (os.cpu_count() or 1)
    assert default_workers(0) == 1


_LINGERING = """
import asyncio, os, sys, time
from hoga.runtime.pool import WorkerPool, leave

def leave_a_child(path):
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    with open(path + ".part", "w") as file:
        file.write(str(child))
    os.rename(path + ".part", path)
    time.sleep(60)

async def main():
    pool = WorkerPool(workers=1)
    job = pool.submit(leave_a_child, sys.argv[1])
    while not os.path.exists(sys.argv[1]):
        await asyncio.sleep(0.01)
    await pool.close(patience_s=0.0)
    print("closed", flush=True)

if __name__ == "__main__":
    asyncio.run(main())
    print("left")
    sys.exit(leave(3))
"""


def test_a_killed_worker_that_cannot_end_does_not_hold_its_parent_up(tmp_path: Path) -> None:
    """What a busy disk does to a worker in a call, a child of the worker's does here: nobody can see that it ended."""
    script = tmp_path / "lingering.py"
    script.write_text(_LINGERING)
    with subprocess.Popen([sys.executable, str(script), str(tmp_path / "mark")], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"closed\n"
        child = int((tmp_path / "mark").read_text())
        try:
            assert parent.wait(timeout=LONG_S) == 3
            assert _alive(child), "it did not wait for that"
            assert parent.stdout.readline() == b"left\n"
        finally:
            os.kill(child, signal.SIGKILL)
