"""Ends a process at any one of the steps of a journal's life that reach the disk; and what it had been promised by then."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from hoga.audit.log import AuditLogger, Durability
from hoga.runtime import durable

KILLED = 9
PROMISED = "promised"
"""Beside the journal: a line for each record of which `append` said that the system has it."""

_forks = get_context("forkserver")
_forks.set_forkserver_preload(["tests.audit.kills"])
_pwrite = os.pwrite


def life(folder: Path) -> None:
    """One life: two orders, a new file between them, a clean end."""
    with (folder.parent / PROMISED).open("ab", buffering=0) as promised, AuditLogger(folder, durability=Durability.FSYNC) as log:
        promised.write(b"life %d\n" % log.opened.boot)
        for at in range(2):
            id = f"hg{log.opened.boot}-{at}"
            if log.append("order.intent", {"id": id, "sym": "spot:X", "side": "B", "q": 10, "p": 7}):
                promised.write(b"order.intent %b\n" % id.encode())
            if log.append("order.fill", {"id": id, "sym": "spot:X", "side": "B", "q": 10, "p": 7, "tid": f"{log.opened.boot}{at}"}):
                promised.write(b"order.fill %b\n" % id.encode())
            log._next = log._new_file(log._file.number + 1) if log._file else None
            log._errand = True


def steps_of(folder: Path) -> int:
    """How many steps a life makes."""
    made = [0]

    def count() -> None:
        made[0] += 1

    _run(folder, lambda at, data: count())
    return made[0]


def disturb(folder: Path, *, at: int, mode: str) -> None:
    """Live a life that ends at step number `at` (from 1): killed before it, killed after half of what it writes, or refused there."""
    child = _forks.Process(target=_in_child, args=(folder, at, mode))
    child.start()
    child.join(60)
    assert child.exitcode in ((KILLED,) if mode in ("kill", "torn") else (0,)), child.exitcode


def _in_child(folder: Path, at: int, mode: str) -> None:
    count = [0]

    def step(fd: int | None, data: bytes) -> None:
        count[0] += 1
        if count[0] != at:
            return
        if mode in ("kill", "torn"):
            if mode == "torn" and fd is not None:
                os.write(fd, data[: len(data) // 2])
            os._exit(KILLED)
        code = errno.ENOSPC if mode == "ENOSPC" else errno.EIO
        raise OSError(code, os.strerror(code))

    try:
        _run(folder, step)
    except Exception:  # noqa: BLE001  # a start that is refused is one way to end; what it left is for the next
        os._exit(0)
    os._exit(0)


def _run(folder: Path, step: Callable[[int | None, bytes], object]) -> None:
    def watch(what: str, where: Path | int, data: bytes | bytearray) -> None:
        step(where if isinstance(where, int) and data else None, bytes(data))

    def pwrite(fd: int, data: bytes, at: int) -> int:
        os.lseek(fd, at, os.SEEK_SET)
        step(fd, bytes(data))
        return _pwrite(fd, data, at)

    os.pwrite = pwrite
    durable.watch(watch)
    AuditLogger._run = lambda self: None  # type: ignore[method-assign]  # what the thread does, `flush` does here, so that steps are counted alike
    try:
        life(folder)
    finally:
        durable.watch(None)
        os.pwrite = _pwrite
