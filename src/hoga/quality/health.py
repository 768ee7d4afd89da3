"""quality.health: the rules by which health is judged, each once: connections, silence, clock, disk. Pure.

connection_health = 0                                                     while it is not connected
                  = 0.4 · liveness + 0.3 · cleanliness + 0.3 · stability   otherwise

liveness     1 while all comes that should, 0 when nothing does
cleanliness  1 without errors, 0 from one error in ten frames on
stability    1 / (1 + reconnects within the last hour)
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, overload

from hoga.quality.limits import (
    CLOCK_OFF_MS,
    DISK_LOW_SHARE,
    DISK_ROOM_BYTES,
    LINK_DEAD_S,
    LINK_ERRORS_FULL,
    LINK_FRESH_S,
    Patience,
)

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

__all__ = ["DiskRoom", "connection_health", "disk_room", "is_clock_off", "is_silent", "liveness"]


def connection_health(*, connected: bool, live: float, reconnects: int, error_rate: float = 0.0) -> float:
    """Tell how a connection does, 0 to 1.

    Args:
        connected: whether frames can come.
        live: the share of what should come that does, 0 to 1.
        reconnects: within the last hour.
        error_rate: unusable frames per frame, 0 to 1.
    """
    if not connected:
        return 0.0
    clean = 1.0 - min(1.0, error_rate / LINK_ERRORS_FULL)
    return 0.4 * live + 0.3 * clean + 0.3 / (1 + reconnects)


def liveness(quiet_s: float) -> float:
    """Tell how live a connection is whose last frame came `quiet_s` seconds ago, 0 to 1: for those who know nothing of its pace."""
    return min(1.0, max(0.0, (LINK_DEAD_S - quiet_s) / (LINK_DEAD_S - LINK_FRESH_S)))


@overload
def is_silent(age_s: float, patience: Patience, *, interval_s: float, longest_s: float = 0.0) -> bool: ...
@overload
def is_silent(age_s: Floats, patience: Patience, *, interval_s: Floats, longest_s: Floats) -> NDArray[numpy.bool_]: ...
def is_silent(age_s: Any, patience: Patience, *, interval_s: Any, longest_s: Any = 0.0) -> Any:
    """Tell whether nothing has come for longer than the pace explains, of one stream, or of all at once (arrays of one shape).

    Args:
        age_s: seconds since the last frame.
        patience: how long it may last.
        interval_s: the mean interval between two frames, infinite while no pace is known.
        longest_s: the longest pause so far.
    """
    return (age_s > patience.floor_s) & (age_s > patience.intervals * interval_s) & (age_s > patience.pauses * longest_s)


def is_clock_off(offset_ms: float | None, error_ms: float | None, *, limit_ms: float = CLOCK_OFF_MS) -> bool:
    """Tell whether a clock is off by more than `limit_ms`, and not only by the error of its measurement (None: not known)."""
    return offset_ms is not None and abs(offset_ms) - (error_ms or 0.0) > limit_ms


class DiskRoom(StrEnum):
    """FULL: the reserve is reached. LOW: it soon is. SCANT: enough to go on, little to begin with. ENOUGH."""

    FULL = "full"
    LOW = "low"
    SCANT = "scant"
    ENOUGH = "enough"


def disk_room(free_bytes: float, reserve_bytes: int) -> DiskRoom:
    """Tell how much room a disk with `free_bytes` has above the reserve."""
    spare = free_bytes - reserve_bytes
    if spare <= 0:
        return DiskRoom.FULL
    if spare < reserve_bytes * DISK_LOW_SHARE:
        return DiskRoom.LOW
    return DiskRoom.SCANT if spare < DISK_ROOM_BYTES else DiskRoom.ENOUGH
