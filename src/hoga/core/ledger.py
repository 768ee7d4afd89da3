"""core.ledger: what is written down when something that should have been recorded was not.

A gap says: between `from_ns` and `to_ns` records of this series are missing, for `reason`; `missed` is how many,
None when nobody can know. Reasons in `COUNTED` are frames that did arrive and were not written, so their `missed`
is always exact and

    received = records + duplicates + Σ missed over gaps whose reason is in COUNTED

holds for every segment, day and archive. `hoga verify` recomputes it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["COUNTED", "Gap", "Reason"]


class Reason(StrEnum):
    """Why records are missing (contract section 4)."""

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


class Gap(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of the ledger. Times are wall-clock ns, `from_ns <= to_ns` (a clock step back is written as [new, old]).

    `from_id`..`to_id` are the first and last missing venue ids, where ids prove the gap. `detail` is for people.
    `conn`: the connection whose trouble it was, None where it was no connection's.
    `since_ns`: when the cause began, in every piece but the first of a gap that is written in pieces (cut at a minute's or a
    session's end); None: it begins here. Pieces of one gap touch, and have one reason.
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
