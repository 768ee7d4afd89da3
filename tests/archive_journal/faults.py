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
from hoga.archive.keep.leftover import note_left
from hoga.archive.keep.life import LastLife, LifeFile, read_last_life
from hoga.archive.keep.merge import merge_day, pending_days
from hoga.archive.keep.recover import recover_folder
from hoga.archive.keep.seal import SealJob, discard_journals, seal_and_keep
from hoga.core.errors import ArchiveError
from hoga.runtime import durable

KILLED = 9
MODES = ("kill", "torn", "again", "ENOSPC", "EIO", "late", "full")
"""Killed before the step; after half of what it writes; killed, and the very same is begun anew by the same life, as the pool does.
Refused there once; refused once although it was done; refused from there on to the act's end, then there is room, and the same life does
what is left."""
FITS = {"torn": ("write",), "late": ("write", "unlink", "mkdir")}
"""Modes that are for some steps only."""
LAST_WORDS = "last-words.json"
"""Beside the archive: what a life that stopped has still to write down."""

_forks = get_context("forkserver")
_forks.set_forkserver_preload(["tests.archive_journal.faults"])


def journals_of(root: Path) -> list[Path]:
    return sorted((root / "orderbook" / "temporary" / "journal").glob("*.journal"))


def recover_all(root: Path, now_ns: int) -> list[SealJob]:
    """What a start does first; what it leaves to the life that begins."""
    return recover_folder(root / "orderbook" / "temporary" / "journal", now_ns=now_ns).left


def seal_closed(root: Path, now_ns: int) -> list[SealJob]:
    """What a running life does with the journals it has closed: all but the last of each lane."""
    memory = LifeFile(root / "orderbook" / "temporary" / "journal")
    memory.begin(read_last_life(root / "orderbook" / "temporary" / "journal"))
    last = {name.lane: path for path in journals_of(root) if (name := parse_journal_name(path.name)) is not None}
    return _seal([path for path in journals_of(root) if path not in last.values()], memory)


def stop(root: Path, now_ns: int) -> list[SealJob]:
    """What a life does when it ends in good order: its last word, then its last minutes."""
    memory = LifeFile(root / "orderbook" / "temporary" / "journal")
    memory.begin(read_last_life(root / "orderbook" / "temporary" / "journal"))
    with contextlib.suppress(ArchiveError):  # told in the log; what the journals say stands
        memory.end(msgspec.json.decode((root / LAST_WORDS).read_bytes(), type=LastLife))
    return _seal(journals_of(root), memory)


def _seal(paths: list[Path], memory: LifeFile) -> list[SealJob]:
    return [left for path in paths if (left := _seal_one(SealJob(journals=[str(path)]), memory)) is not None]


def _seal_one(job: SealJob, memory: LifeFile) -> SealJob | None:
    """As `recorder.sealing` does it; how to go on where it could not."""
    path = Path(job.journals[0])
    again = msgspec.structs.replace(job, again=True)
    try:
        result = seal_and_keep(job)
        if result.failed:
            left = frozenset(what for what, _ in result.failed)
            note_left(path.parent, path.name, left)
            return msgspec.structs.replace(again, only=left)
        memory.keep(result.ends, result.runs)
        discard_journals([path])
        note_left(path.parent)
    except (ArchiveError, OSError):
        return again
    return None


def seal_left(root: Path, left: list[SealJob]) -> None:
    """There is room again."""
    memory = LifeFile(root / "orderbook" / "temporary" / "journal")
    memory.begin(read_last_life(root / "orderbook" / "temporary" / "journal"))
    still = [job for job in left if _seal_one(job, memory) is not None]
    assert still == []


def merge_all(root: Path, now_ns: int) -> list[SealJob]:
    """What happens when the day is over."""
    for directory in sorted(path for path in root.iterdir() if path.is_dir()):
        for day in waiting_parts(directory):
            join_parts(day, interval_min=5, archive_format="zip")
        for day in pending_days(directory):
            merge_day(day, venue="binance", archive_format="zip", purge=True)
    return []


ACTS: dict[str, Callable[[Path, int], list[SealJob]]] = {
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
    """Do the act, and disturb it at its step number `at` (from 1), as `MODES` says."""
    if mode in ("kill", "torn", "again"):
        child = _forks.Process(target=_act_in_child, args=(act, root, now_ns, at, mode))
        child.start()
        child.join(60)
        assert child.exitcode == KILLED, child.exitcode
        if mode == "again":
            ACTS[act](root, now_ns)
        return
    left: list[SealJob] = []
    durable.watch(refusing(at=at, mode=mode))
    try:
        with contextlib.suppress(ArchiveError, OSError):  # the act is given up, and said so; what it left is for the next
            left = ACTS[act](root, now_ns)
    finally:
        durable.watch(None)
    if mode in ("late", "full"):
        seal_left(root, left)


def refusing(*, at: int, mode: str) -> durable.Watcher:
    """A watcher that refuses the step number `at` (from 1) in that mode."""
    count = [0]
    code = errno.ENOSPC if mode in ("ENOSPC", "full") else errno.EIO

    def refuse(what: str, where: Path | int, data: bytes | bytearray) -> None:
        count[0] += 1
        if count[0] == at or (mode == "full" and count[0] > at):
            if mode == "late":
                _do(what, where, data)
            raise OSError(code, os.strerror(code))

    return refuse


def _do(what: str, where: Path | int, data: bytes | bytearray) -> None:
    if isinstance(where, int):
        os.write(where, data)
    elif what == "mkdir":
        where.mkdir()
    elif what == "unlink":
        where.unlink()


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
