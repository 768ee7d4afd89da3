"""dashboard.collectors: the collectors whose days are united in this data folder, as `hoga gather` tells of them in a file of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.core.times import SECOND_NS

__all__ = ["Gathered", "GatheredFrom", "is_gone", "look", "read", "rows"]

_STATUS_FILE = "status.json"
_GONE_NS = 15 * SECOND_NS
"""A status that is older is that of a process that is gone."""
_LATE_NS, _STOPPED_NS = 180 * SECOND_NS, 900 * SECOND_NS
"""A collector sends each minute."""


class GatheredFrom(msgspec.Struct, frozen=True, kw_only=True):
    """One collector, as far as is shown. `last_ns`: when its last message came, 0: none yet; `received`, `won`, `gaps`: of the newest day
    that was united, None where that is not known; `messages`, `refused`: of this life of gather."""

    name: str
    last_ns: int = 0
    messages: int = 0
    refused: int = 0
    received: int | None = None
    won: int | None = None
    gaps: int | None = None


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What gather tells at `now_ns`. `trouble`: what keeps it from taking in. `ended`: it was told to end, and this is its last word."""

    now_ns: int
    collectors: list[GatheredFrom]
    trouble: str | None = None
    refused: int = 0
    unsettled: int = 0
    ended: bool = False


_decoder = msgspec.json.Decoder(Gathered)


def read(data: Path) -> Gathered | None:
    """What gather told last in the data folder, however long ago; None where there never was one, or where it ended as it was told to."""
    try:
        told = _decoder.decode((data / COLLECTORS_DIR / _STATUS_FILE).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return None if told.ended else told


def is_gone(told: Gathered, now_ns: int) -> bool:
    """Whether gather has said nothing for so long that it is not at work."""
    return abs(now_ns - told.now_ns) >= _GONE_NS  # one from ahead is of before the clock was set back


def look(data: Path, now_ns: int) -> Gathered | None:
    """What gather tells in the data folder; None where none is at work."""
    told = read(data)
    return None if told is None or is_gone(told, now_ns) else told


def rows(told: Gathered | None) -> list[dict[str, object]] | None:
    """The rows of the page, by name; None where there are none. `state`: None where nobody knows, as gather has not heard of that one yet,
    or hears of none."""
    if told is None or not told.collectors:
        return None
    return [
        {
            "name": each.name,
            "state": _state(told, each.last_ns),
            "received": each.received,
            "won": each.won,
            "gaps": each.gaps,
            "seen": each.last_ns // 1_000_000 if each.last_ns else None,
        }
        for each in told.collectors
    ]


def _state(told: Gathered, last_ns: int) -> str | None:
    silent_ns = told.now_ns - last_ns
    if told.trouble is not None or not last_ns or silent_ns < 0:  # one from ahead is of before the clock was set back
        return None
    return "recording" if silent_ns < _LATE_NS else "degraded" if silent_ns < _STOPPED_NS else "stopped"
