"""The end: in order, in time, once, whatever hangs or raises."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hoga.runtime.shutdown import LATEST, Phase, ShutdownManager


def manager(*, deadline_s: float = 5.0) -> ShutdownManager:
    def must_not(status: int) -> None:
        raise AssertionError(f"forced with {status}")

    return ShutdownManager(deadline_s=deadline_s, exit_process=must_not)


async def test_phases_run_in_order_whatever_the_order_of_registration() -> None:
    said: list[str] = []
    async with manager() as shutdown:
        for phase in reversed(Phase):
            shutdown.add(phase, phase.name, lambda name=phase.name: said.append(name))
        shutdown.request("done here")
        assert await shutdown.requested() == "done here"
        assert said == []
    assert said == [phase.name for phase in Phase]
    assert shutdown.report is not None
    assert shutdown.report.clean
    assert shutdown.exit_status == 0


async def test_steps_of_one_phase_run_side_by_side() -> None:
    meeting = asyncio.Barrier(2)
    async with manager() as shutdown:
        shutdown.add(Phase.DRAIN, "one", meeting.wait)
        shutdown.add(Phase.DRAIN, "two", meeting.wait)
    assert shutdown.exit_status == 0


async def test_a_step_that_raises_is_reported_and_the_rest_is_done() -> None:
    said: list[str] = []

    async def fail() -> None:
        raise OSError("no")

    forced: list[int] = []
    async with ShutdownManager(exit_process=forced.append) as shutdown:
        shutdown.add(Phase.INTAKE, "bad", fail)
        shutdown.add(Phase.INTAKE, "good", lambda: said.append("good"))
        shutdown.add(Phase.LOGS, "last", lambda: said.append("last"))
    assert said == ["good", "last"]
    assert shutdown.report is not None
    failed = [step for step in shutdown.report.steps if step.outcome == "failed"]
    assert [(step.name, step.why) for step in failed] == [("bad", "OSError: no")]
    assert shutdown.exit_status == 1
    assert forced == []


@pytest.mark.parametrize("stubborn", [False, True], ids=["cancellable", "ignores cancellation"])
async def test_a_step_that_hangs_is_cut_off_and_the_rest_is_done_in_time(stubborn: bool) -> None:
    said: list[str] = []
    release = asyncio.Event()

    async def hang() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                if not stubborn:
                    raise

    forced: list[int] = []
    began = time.monotonic()
    async with ShutdownManager(deadline_s=0.4, exit_process=forced.append) as shutdown:
        shutdown.add(Phase.DRAIN, "hangs", hang)
        shutdown.add(Phase.LOGS, "last", lambda: said.append("last"))
    assert time.monotonic() - began < 60  # it would hang for ever
    assert said == ["last"]
    assert shutdown.report is not None
    assert [step.outcome for step in shutdown.report.steps] == ["overran", "done"]
    assert shutdown.exit_status == 1
    assert forced == []
    release.set()


async def test_what_may_be_left_is_no_failure_of_the_end() -> None:
    release, forced = asyncio.Event(), list[int]()
    async with ShutdownManager(deadline_s=0.2, exit_process=forced.append) as shutdown:
        shutdown.add(Phase.SEAL, "left", release.wait, may_be_left=True)
    assert shutdown.report is not None
    assert [step.outcome for step in shutdown.report.steps] == ["left"]
    assert shutdown.report.clean
    assert not shutdown.report.complete
    assert shutdown.exit_status == 0


async def test_it_runs_once_for_everybody() -> None:
    said: list[int] = []
    async with manager() as shutdown:
        shutdown.add(Phase.SEAL, "count", lambda: said.append(1))
        first, second = await asyncio.gather(shutdown.run(), shutdown.run())
        assert first is second
    assert said == [1]


async def test_any_thread_may_ask_and_the_first_reason_holds() -> None:
    async with manager() as shutdown:
        thread = threading.Thread(target=shutdown.request, args=("from a thread",))
        thread.start()
        assert await asyncio.wait_for(shutdown.requested(), 60) == "from a thread"
        thread.join()
        shutdown.request("too late")
        assert await shutdown.requested() == "from a thread"
        assert shutdown.stopping


async def test_a_request_before_the_start_is_not_lost() -> None:
    shutdown = manager()
    shutdown.request("early")
    async with shutdown:
        assert await asyncio.wait_for(shutdown.requested(), 60) == "early"


async def test_what_is_owned_is_ended() -> None:
    executor = ThreadPoolExecutor(1)
    read_end, write_end = os.pipe()
    handle = os.fdopen(write_end, "wb")
    task: asyncio.Task[object] = asyncio.create_task(asyncio.sleep(3600), name="sleeper")
    async with manager() as shutdown:
        shutdown.own_executor("threads", executor)
        shutdown.own_file("pipe", handle)
        shutdown.own_task(task)
        assert await asyncio.get_running_loop().run_in_executor(executor, lambda: 7) == 7
    os.close(read_end)
    assert handle.closed
    assert task.cancelled()
    with pytest.raises(RuntimeError):
        executor.submit(int)
    assert shutdown.report is not None
    assert shutdown.report.clean


async def test_a_step_can_be_taken_back() -> None:
    said: list[str] = []
    async with manager() as shutdown:
        take_back = shutdown.add(Phase.RESOURCES, "file", lambda: said.append("closed"))
        take_back()
        take_back()
    assert said == []


async def test_an_error_in_the_block_is_the_reason_and_passes_through() -> None:
    shutdown = manager()
    with pytest.raises(LookupError):
        async with shutdown:
            raise LookupError("lost")
    assert shutdown.report is not None
    assert shutdown.report.reason == "LookupError: lost"


def test_every_phase_has_its_share_and_the_last_has_all() -> None:
    shares = [LATEST[phase] for phase in Phase]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


CHILD = """
import asyncio, os, signal, sys, threading, time
from hoga.runtime.loop import run
from hoga.runtime.shutdown import Phase, ShutdownManager

async def main():
    async with ShutdownManager(deadline_s=1.0, on_force=lambda: print("forced", flush=True)) as shutdown:
        async def hang():
            print("hanging", flush=True)
            await asyncio.sleep(3600)
        def block():
            print("hanging", flush=True)
            while True:
                pass
        def stuck_thread():
            threading.Thread(target=time.sleep, args=(3600,)).start()
            raise OSError("not clean")
        if sys.argv[1] in ("hang", "block", "stuck_thread"):
            shutdown.add(Phase.DRAIN, "it", {"hang": hang, "block": block, "stuck_thread": stuck_thread}[sys.argv[1]])
        shutdown.add(Phase.LOGS, "last", lambda: print("last", flush=True))
        print("ready", flush=True)
        if sys.argv[1] == "echo":
            sys.stdin.readline()  # the first line was read by then
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        if sys.argv[1] == "patient":
            sys.stdin.readline()  # the signal has come by then
            print("here" if shutdown.stopping else "still here", flush=True)
            shutdown.request("enough")
        await shutdown.requested()
    sys.exit(shutdown.exit_status)

run(main())
"""


def child(tmp_path: Path, behaviour: str, *numbers: int) -> tuple[int, list[str], float]:
    """Run the child, send it `numbers` (the second after it hangs); its status, its lines, how long it took to end."""
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    with subprocess.Popen(
        [sys.executable, str(script), behaviour], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        lines = []
        for at, number in enumerate(numbers):
            if at == 1:
                lines.append(process.stdout.readline().strip())
                time.sleep(0.5)  # sooner it would be the first one's echo
            process.send_signal(number)
        rest, _ = process.communicate(timeout=240)
        return process.returncode, lines + rest.split(), time.monotonic() - began


def test_sigterm_is_a_clean_end(tmp_path: Path) -> None:
    status, lines, _ = child(tmp_path, "good", signal.SIGTERM)
    assert (status, lines) == (0, ["last"])


def test_a_closed_terminal_is_a_clean_end(tmp_path: Path) -> None:
    status, lines, _ = child(tmp_path, "good", signal.SIGHUP)
    assert (status, lines) == (0, ["last"])


def test_a_terminal_that_closes_twice_does_not_cut_the_end_short(tmp_path: Path) -> None:
    status, lines, _ = child(tmp_path, "hang", signal.SIGHUP, signal.SIGHUP)
    assert (status, lines) == (1, ["hanging", "last"])


def test_who_was_started_with_nohup_stays(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        status, lines, _ = child(tmp_path, "hang", signal.SIGTERM, signal.SIGHUP)
        assert (status, lines) == (1, ["hanging", "last"])
        status, lines, _ = child(tmp_path, "patient", signal.SIGHUP)
        assert (status, lines) == (0, ["still", "here", "last"])
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_is_a_clean_end_and_says_so(tmp_path: Path) -> None:
    status, lines, _ = child(tmp_path, "good", signal.SIGINT)
    assert (status, lines) == (130, ["last"])


@pytest.mark.parametrize("behaviour", ["hang", "block"])
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_it_at_once(tmp_path: Path, behaviour: str, number: int, expected: int) -> None:
    status, lines, seconds = child(tmp_path, behaviour, signal.SIGTERM, number)
    assert (status, lines) == (expected, ["hanging", "forced"])
    assert seconds < 60  # it would hang for an hour


def test_a_signal_that_comes_twice_at_once_is_one(tmp_path: Path) -> None:
    status, lines, _ = child(tmp_path, "echo")
    assert (status, lines) == (0, ["last"])


def test_a_step_that_hangs_does_not_stop_the_end(tmp_path: Path) -> None:
    status, lines, seconds = child(tmp_path, "hang", signal.SIGTERM)
    assert (status, lines) == (1, ["hanging", "last"])
    assert seconds < 60


def test_a_blocked_event_loop_is_cut_off(tmp_path: Path) -> None:
    status, lines, seconds = child(tmp_path, "block", signal.SIGTERM)
    assert (status, lines) == (1, ["hanging", "forced"])
    assert 1.0 <= seconds < 60


def test_a_thread_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    status, lines, seconds = child(tmp_path, "stuck_thread", signal.SIGTERM)
    assert (status, lines) == (1, ["last", "forced"])
    assert seconds < 60
