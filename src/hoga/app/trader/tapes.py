"""app.trader.tapes: the tapes of a trader's folder: what earlier lives left is sealed, a new one is begun, old ones go in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from hoga.audit.log import AuditLogger
from hoga.audit.retaining import old_tapes, remove_tape
from hoga.audit.taping import TAPE, TAPE_FOLDER, Tape, seal_left
from hoga.core.errors import ArchiveError
from hoga.core.times import DAY_NS
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log

__all__ = ["begin_tape", "keep_tapes", "remove_old_tapes", "seal_tapes"]

_log = get_log("trading")

_EVERY_S = 3600.0


async def seal_tapes(journal: Path, log: AuditLogger, boot: int) -> None:
    """What lives before `boot` left open of their tapes."""
    try:
        for sealed in await asyncio.to_thread(seal_left, journal / TAPE_FOLDER, boot):
            log.append(TAPE, msgspec.structs.asdict(sealed))
    except (OSError, ArchiveError) as fault:
        _log.warning("the tapes of earlier lives stay as they are", why=str(fault))


async def keep_tapes(journal: Path, log: AuditLogger, boot: int, *, days: int, clock: Clock = SYSTEM) -> None:
    """Each hour the tapes of lives that ended longer ago than so many days are removed (0: none), for as long as it runs. The journal
    says so first: what was decided then cannot be decided again because it was not to be kept, and not because it was lost."""
    while days:
        await remove_old_tapes(journal, log, boot, before_ns=clock.time_ns() - days * DAY_NS)
        await clock.sleep(_EVERY_S)


async def remove_old_tapes(journal: Path, log: AuditLogger, boot: int, *, before_ns: int) -> None:
    """Once. `boot`: the life that runs."""
    folder = journal / TAPE_FOLDER
    try:
        for tape in await asyncio.to_thread(old_tapes, folder, before_ns=before_ns, running=boot):
            log.append(TAPE, {"removed": tape.boot, "parts": len(tape.parts), "bytes": tape.bytes})
            if await asyncio.to_thread(remove_tape, folder, tape):
                _log.info("an old tape is removed", life=tape.boot, megabytes=round(tape.bytes / 1e6, 1))
    except (OSError, ArchiveError) as fault:
        _log.warning("old tapes stay", why=str(fault))


def begin_tape(
    journal: Path, log: AuditLogger, boot: int, streams: tuple[tuple[str, str], ...], venues: tuple[str, ...], *, reserve_bytes: int
) -> Tape:
    """The tape of this life. What is over of it, and that a disk refuses it, is in the journal."""

    def lost(first: int, why: str) -> None:
        _log.error("the tape cannot be written: what is decided from now on cannot be proven", why=why, entry=first)
        log.append(TAPE, {"lost_from": first, "why": why})

    return Tape(
        journal / TAPE_FOLDER,
        boot,
        streams=streams,
        venues=venues,
        on_sealed=lambda sealed: log.append(TAPE, msgspec.structs.asdict(sealed)),
        on_lost=lost,
        reserve_bytes=reserve_bytes,
    )
