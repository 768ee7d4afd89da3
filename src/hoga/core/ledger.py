"""core.ledger: what is written down when something that should have been recorded was not.

A gap says: between `from_ns` and `to_ns` records of this series are missing, for `reason`; `missed` is how many,
None when nobody can know. Reasons in `COUNTED` are frames that did arrive and were not written, so their `missed`
is always exact and

    received = recorded + duplicates + Σ missed over gaps whose reason is in COUNTED

holds for every segment, day and archive. `hoga verify` recomputes it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["COUNTED", "Gap", "Reason"]


class Reason(StrEnum):
    """Why records are missing; docs/architecture.md says what each costs."""

    DISCONNECT = "disconnect"
    LATENCY_GATE = "latency-gate"
    BACKPRESSURE = "backpressure"
    DISK_FULL = "disk-full"
    CRASH = "crash"
    SHUTDOWN = "shutdown"
    SILENCE = "silence"
    SEQUENCE_GAP = "sequence-gap"
    CLOCK_STEP = "clock-step"
    MALFORMED = "malformed"


COUNTED = frozenset({Reason.LATENCY_GATE, Reason.BACKPRESSURE, Reason.DISK_FULL, Reason.MALFORMED})
"""Reasons of frames that arrived and were not written."""


class Gap(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of the ledger. Times are wall-clock ns, `from_ns <= to_ns` (a clock step back is written as [new, old]).

    `from_id`..`to_id` are the first and last missing venue ids, where ids prove the gap. `detail` is for people.
    `conn`: the connection whose trouble it was, None where it was no connection's.
    `missed`: how many records, None when nobody can know.
    `since_ns`: a gap is cut into pieces where a minute or the run ends. Pieces of one gap touch and have one reason; every piece
    but the first says here when the cause began. None: it begins with this piece.
    """

    from_ns: int
    to_ns: int
    reason: Reason
    missed: int | None
    from_id: int | None = None
    to_id: int | None = None
    detail: str | None = None
    conn: str | None = None
    since_ns: int | None = None
