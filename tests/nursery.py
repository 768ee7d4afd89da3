"""Processes of ours that are born quickly: forked from one that has read their modules once, a hundredth of a second each instead of half
a second. They are what `python -m MODULE` would be: standard input and output, environment and working folder are those that are
given. What is to be seen of a real start (arguments, limits, imports) has a process of its own.

Where the system has no descriptors of processes, every one is started as usual.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import IO, Any

__all__ = ["Born", "born"]

ROOT = Path(__file__).resolve().parent.parent
HAS_NURSERY = hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


class Born:
    """As much of `subprocess.Popen` as tests need. `stdin`: what it reads; closing it is the end of what it reads."""

    def __init__(self, pid: int, stdin: IO[bytes], status: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            self.returncode = int(os.read(self._status, 20) or b"-9")  # nothing: the nursery was killed, and all with it
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def born(module: str, function: str) -> Born | subprocess.Popen[bytes]:
    """A process that calls `function` of `module`, without arguments, and exits with what that gives. What it says on standard error is
    the test's own; its output goes nowhere."""
    if not HAS_NURSERY:
        code = f"import sys, {module}; sys.exit({module}.{function}())"
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    stdin, said = os.pipe()
    ended, ends = os.pipe()
    wish = json.dumps({"function": function, "environ": dict(os.environ), "folder": os.getcwd()}).encode()
    door = _nursery(module)
    door.sendall(len(wish).to_bytes(4, "big"))
    door.sendall(wish)
    socket.send_fds(door, [b"x"], [stdin, ends, 2])
    os.close(stdin)
    os.close(ends)
    return Born(int.from_bytes(_exactly(door, 4), "big"), os.fdopen(said, "wb"), ended)


@cache
def _nursery(module: str) -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", "from tests.nursery import tend; tend()", str(theirs.fileno()), module]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(30)

    atexit.register(end)
    return ours


def _exactly(door: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = door.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


# -- the other side ------------------------------------------------------------------------------------------------------


def tend() -> None:
    """Read the module, then fork for whoever asks, and tell how each one ends; until nobody can ask any more."""
    door = socket.socket(fileno=int(sys.argv[1]))
    module = importlib.import_module(sys.argv[2])
    gc.collect()
    gc.freeze()
    there: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([door, *there], [], [])[0]:
            if ready is not door:
                pid, status = there.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(status, str(code).encode())
                os.close(status)
                continue
            try:
                wish = json.loads(_exactly(door, int.from_bytes(_exactly(door, 4), "big")))
            except EOFError:
                for pid, _ in there.values():
                    os.kill(pid, signal.SIGKILL)
                return
            stdin, status, stderr = socket.recv_fds(door, 1, 3)[1]
            pid = os.fork()
            if not pid:
                door.close()
                for pidfd, (_, other) in there.items():
                    os.close(pidfd)
                    os.close(other)
                os.close(status)
                os.dup2(stderr, 2)
                os.close(stderr)
                _live(module, wish, stdin)
            os.close(stdin)
            os.close(stderr)
            there[os.pidfd_open(pid)] = (pid, status)
            door.sendall(pid.to_bytes(4, "big"))


def _live(module: Any, wish: dict[str, Any], stdin: int) -> None:
    code = 1
    try:
        os.dup2(stdin, 0)
        os.close(stdin)
        os.environ.clear()
        os.environ.update(wish["environ"])
        os.chdir(wish["folder"])
        code = getattr(module, wish["function"])() or 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001  as the interpreter itself ends
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is one
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
