"""relay.gathered: what `hoga gather` tells of itself in files below `.collectors/`: `status.json` (how it stands, written every other
second) and `days.json` (what is done). Whoever shows it reads it here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.read.catalog import CatalogRow
from hoga.core.times import SECOND_NS
from hoga.relay.due import DayState
from hoga.runtime.durable import rename, temporary_for, write_file

__all__ = ["BesideOthers", "CollectorState", "GatherState", "read_days", "read_state", "side_by_side", "write_days", "write_state"]

DAYS_FILE = "days.json"
STATUS_FILE = "status.json"
STALE_NS = 15 * SECOND_NS
"""A status that is older is that of a process that is gone."""


class CollectorState(msgspec.Struct, kw_only=True):
    """What came of one collector in this life of gather. `last_ns`: when its last message came, 0: none yet. `messages` and their `bytes`;
    `files` that were new, `seen` messages that changed nothing, `refused` ones. `answered`: whether it answered when it was asked last,
    None: it was not asked yet. `received`, `won`, `gaps`: of `day`, the newest one that was united."""

    name: str
    last_ns: int = 0
    messages: int = 0
    bytes: int = 0
    files: int = 0
    seen: int = 0
    refused: int = 0
    answered: bool | None = None
    day: str = ""
    received: int | None = None
    won: int | None = None
    gaps: int | None = None


class GatherState(msgspec.Struct, frozen=True, kw_only=True):
    """How gather stands at `now_ns`. `trouble`: what keeps it from taking in, None when nothing does. `days`: the newest; `next_ns`: when
    one is looked at next. `ended`: it was told to end, and this is its last word."""

    now_ns: int
    pid: int
    connected: bool
    trouble: str | None
    outages: int
    collectors: list[CollectorState]
    refused: int
    days: list[DayState]
    next_ns: int | None
    unsettled: int = 0
    ended: bool = False


_days_decoder = msgspec.json.Decoder(list[DayState])
_state_decoder = msgspec.json.Decoder(GatherState)


def read_days(home: Path) -> list[DayState]:
    """What is done; nothing where nobody knows: then it is done again, and changes nothing."""
    try:
        return _days_decoder.decode((home / DAYS_FILE).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return []


def write_days(home: Path, days: Iterable[DayState]) -> None:
    """Remember it. Raises ArchiveError."""
    write_file(home / DAYS_FILE, [msgspec.json.encode(sorted(days, key=lambda each: each.day))])


def read_state(root: Path, *, now_ns: int) -> GatherState | None:
    """How gather stands at the data folder `root`; None where none is at work."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        state = _state_decoder.decode((root / COLLECTORS_DIR / STATUS_FILE).read_bytes())
        return state if now_ns - state.now_ns < STALE_NS and not state.ended else None
    return None


def write_state(home: Path, state: GatherState) -> None:
    """Tell it. It need not outlive a power cut. Raises OSError."""
    target = home / STATUS_FILE
    temporary = temporary_for(target)
    temporary.write_bytes(msgspec.json.encode(state))
    rename(temporary, target)


class BesideOthers(msgspec.Struct, frozen=True, kw_only=True):
    """A collector of an archive, beside the others: over `days` of series `received` and `records` (None where a day does not tell it),
    how many `won`, `gaps` before the others filled them, in how many days it is `absent`; `last_ns`: when its last message came, None where
    no gather is at work. `state`: at-work, silent (no message for long), unknown (no gather tells)."""

    name: str
    days: int = 0
    received: int | None = 0
    records: int = 0
    won: int | None = 0
    gaps: int = 0
    absent: int = 0
    last_ns: int | None = None
    state: str = "unknown"


SILENT_NS = 180 * SECOND_NS
"""A collector sends each minute; after so long without a message it is silent."""


def side_by_side(rows: Iterable[CatalogRow], state: GatherState | None) -> list[BesideOthers]:
    """The collectors of an archive, by name: what its manifests tell of each, and how gather finds them now."""
    found: dict[str, BesideOthers] = {}
    for row in rows:
        for one in row.collectors or ():
            known = found.get(one.name, BesideOthers(name=one.name))
            found[one.name] = msgspec.structs.replace(
                known,
                days=known.days + 1,
                received=_sum(known.received, one.received),
                records=known.records + one.records,
                won=_sum(known.won, one.won),
                gaps=known.gaps + one.gaps,
            )
        for name in row.absent or ():
            known = found.get(name, BesideOthers(name=name))
            found[name] = msgspec.structs.replace(known, absent=known.absent + 1)
    if state is not None:
        for each in state.collectors:
            silent = state.now_ns - each.last_ns > SILENT_NS
            known = found.get(each.name, BesideOthers(name=each.name))
            found[each.name] = msgspec.structs.replace(known, last_ns=each.last_ns or None, state="silent" if silent else "at-work")
    return [found[name] for name in sorted(found)]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
