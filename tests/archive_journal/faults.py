"""Ends the process, or refuses, at any one of the durable steps of an act; and what the acts are.

`hoga.runtime.durable` tells of each step before it is made; that everything goes through it, a test of its own makes sure. So the
steps need no list: they are counted by running the act once.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import msgspec

from hoga.archive.form.journal import parse_journal_name
from hoga.archive.keep.join import join_parts, waiting_parts
from hoga.archive.keep.life import LastLife, LifeFile, read_last_life
from hoga.archive.keep.merge import merge_day, pending_days
from hoga.archive.keep.recover import recover_folder
from hoga.archive.keep.seal import SealJob, discard_journals, seal_and_keep
from hoga.core.errors import ArchiveError
from hoga.runtime import durable

KILLED = 9
MODES = ("kill", "torn", "ENOSPC", "EIO")
LAST_WORDS = "last-words.json"
"""Beside the archive: what a life that stopped has still to write down."""

_forks = get_context("forkserver")
_forks.set_forkserver_preload(["tests.archive_journal.faults"])


def journals_of(root: Path) -> list[Path]:
    return sorted((root / "orderbook" / "temporary" / "journal").glob("*.journal"))


def recover_all(root: Path, now_ns: int) -> None:
    """What a start does first."""
    recover_folder(root / "orderbook" / "temporary" / "journal", now_ns=now_ns)


def seal_closed(root: Path, now_ns: int) -> None:
    """What a running life does with the journals it has closed: all but the last of each lane."""
    memory = LifeFile(root / "orderbook" / "temporary" / "journal")
    memory.begin(read_last_life(root / "orderbook" / "temporary" / "journal"))
    last = {name.lane: path for path in journals_of(root) if (name := parse_journal_name(path.name)) is not None}
    _seal([path for path in journals_of(root) if path not in last.values()], memory)


def stop(root: Path, now_ns: int) -> None:
    """What a life does when it ends in good order: its last word, then its last minutes."""
    memory = LifeFile(root / "orderbook" / "temporary" / "journal")
    memory.begin(read_last_life(root / "orderbook" / "temporary" / "journal"))
    with contextlib.suppress(ArchiveError):  # told in the log; what the journals say stands
        memory.end(msgspec.json.decode((root / LAST_WORDS).read_bytes(), type=LastLife))
    _seal(journals_of(root), memory)


def _seal(paths: list[Path], memory: LifeFile) -> None:
    for path in paths:
        result = seal_and_keep(SealJob(journals=[str(path)]))
        if not result.failed:
            memory.keep(result.ends, result.runs)
            discard_journals([path])


def merge_all(root: Path, now_ns: int) -> None:
    """What happens when the day is over."""
    for directory in sorted(path for path in root.iterdir() if path.is_dir()):
        for day in waiting_parts(directory):
            join_parts(day, interval_min=5, archive_format="zip")
        for day in pending_days(directory):
            merge_day(day, venue="binance", archive_format="zip", purge=True)


ACTS: dict[str, Callable[[Path, int], None]] = {
    "recover": recover_all,
    "seal": seal_closed,
    "stop": stop,
    "merge": merge_all,
}


def steps_of(act: str, root: Path, now_ns: int) -> list[str]:
    """The durable steps of an act, as it makes them."""
    made: list[str] = []
    durable.watch(lambda what, where, data: made.append(what))
    try:
        ACTS[act](root, now_ns)
    finally:
        durable.watch(None)
    return made


def disturb(act: str, root: Path, now_ns: int, *, at: int, mode: str) -> None:
    """Do the act, and let it end at its step number `at` (from 1): killed before it (`torn`: after half of what it writes), or
    refused by the operating system there and never again."""
    if mode in ("kill", "torn"):
        child = _forks.Process(target=_act_in_child, args=(act, root, now_ns, at, mode))
        child.start()
        child.join(60)
        assert child.exitcode == KILLED, child.exitcode
        return
    count = [0]

    def refuse(what: str, where: Path | int, data: bytes) -> None:
        count[0] += 1
        if count[0] == at:
            code = errno.ENOSPC if mode == "ENOSPC" else errno.EIO
            raise OSError(code, os.strerror(code))

    durable.watch(refuse)
    try:
        with contextlib.suppress(ArchiveError, OSError):  # the act is given up, and said so; what it left is for the next
            ACTS[act](root, now_ns)
    finally:
        durable.watch(None)


def _act_in_child(act: str, root: Path, now_ns: int, at: int, mode: str) -> None:
    count = 0

    def kill(what: str, where: Path | int, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == at:
            if mode == "torn" and isinstance(where, int):
                os.write(where, data[: len(data) // 2])
            os._exit(KILLED)

    durable.watch(kill)
    ACTS[act](root, now_ns)
