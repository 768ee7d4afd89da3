"""archive.form.calendar: a stretch of time of one series, told apart: proven, recorded but unprovable, missing. Pure.

The three never overlap and leave nothing out. What is not proven is never counted as such: shares of what is there are rounded
down, those of what is missing up.

    pieces_of    the time as pieces, each with its state and, where something is missing or in doubt, the reason
    shares_of    how large the three are
    minutes_of   a day in 1,440 signs, for pictures
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

import msgspec

from hoga.archive.form.audit import Flaw
from hoga.archive.form.spans import Span, clipped, without
from hoga.core.ledger import Gap
from hoga.core.times import DAY_NS, MINUTE_NS

__all__ = [
    "NOT_RECORDED",
    "TO_COME",
    "Piece",
    "Shares",
    "State",
    "minutes_of",
    "percent_of",
    "pieces_of",
    "runs_of",
    "shares_of",
]

NOT_RECORDED = "not-recorded"
"""Nobody was recording the series, and no gap says why."""
TO_COME = "to-come"
"""The time has not come yet: it is no part of what is missing."""
_MICRO = 1_000_000


class State(StrEnum):
    """What is known of a piece of time."""

    PROVEN = "proven"
    UNPROVABLE = "unprovable"
    MISSING = "missing"
    TO_COME = TO_COME


class Piece(NamedTuple):
    """From `from_ns` to before `to_ns`. `reason`: of a gap (`core.ledger.Reason`), of a flaw in the account, or `NOT_RECORDED`; empty
    where the series was recorded."""

    from_ns: int
    to_ns: int
    state: State
    reason: str = ""


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Of a stretch of time: `proven` and `unprovable` are rounded down, `missing` is the rest, to six digits. `reasons`: of what
    is missing, by reason, rounded up."""

    proven: float
    unprovable: float
    missing: float
    reasons: dict[str, float]


def pieces_of(
    window: Span,
    *,
    live: Iterable[Span],
    gaps: Iterable[Gap],
    proving: Iterable[Span],
    flaws: Iterable[Flaw] = (),
    now_ns: int | None = None,
) -> list[Piece]:
    """The pieces of `window`, by time.

    Args:
        live: when the series was being recorded.
        gaps: where it was not, although it should have been.
        proving: when its own ids, or those of a series beside it, prove what is recorded; the whole window where they always do.
        flaws: when the account of it is in doubt: such time is missing, with the flaw's kind as its reason.
        now_ns: what comes after is to come. None: the window is past.
    """
    end = window[1] if now_ns is None else max(window[0], min(now_ns, window[1]))
    past = (window[0], end)
    recorded = clipped(live, past)
    found = [Piece(end, window[1], State.TO_COME)] if end < window[1] else []
    taken: list[Span] = []
    spans = [(_forward(gap.from_ns, gap.to_ns), str(gap.reason)) for gap in gaps]
    spans += [(_forward(flaw.from_ns, flaw.to_ns), flaw.kind) for flaw in flaws]
    for span, reason in _disjoint(spans, past):
        found.append(Piece(*span, State.MISSING, reason))
        taken.append(span)
    found += [Piece(*span, State.MISSING, NOT_RECORDED) for span in without([past], [*recorded, *taken])]
    kept = without(recorded, taken)
    unproven = without(kept, proving)
    found += [Piece(*span, State.UNPROVABLE) for span in unproven]
    found += [Piece(*span, State.PROVEN) for span in without(kept, unproven)]
    return sorted(found)


def shares_of(pieces: Iterable[Piece], whole_ns: int = DAY_NS) -> Shares:
    """How large a part of `whole_ns` each state has. What is still to come is in none of them, nor in what is missing."""
    length = dict.fromkeys(State, 0)
    reasons: dict[str, int] = {}
    for piece in pieces:
        span = piece.to_ns - piece.from_ns
        length[piece.state] += span
        if piece.state is State.MISSING:
            reasons[piece.reason] = reasons.get(piece.reason, 0) + span
    proven, unprovable = (length[state] * _MICRO // whole_ns for state in (State.PROVEN, State.UNPROVABLE))
    whole = _up(whole_ns - length[State.TO_COME], whole_ns)
    return Shares(
        proven=proven / _MICRO,
        unprovable=unprovable / _MICRO,
        missing=(whole - proven - unprovable) / _MICRO,
        reasons={reason: _up(span, whole_ns) / _MICRO for reason, span in sorted(reasons.items())},
    )


def minutes_of(pieces: Iterable[Piece], window: Span) -> str:
    """One sign for each minute of `window`, for a picture: `p` proven, `u` recorded and not all of it proven, `h` a part of it is missing,
    `m` all of it is, `.` nobody recorded it, `t` it is to come. `pieces` are those of `pieces_of`."""
    signs = []
    pieces = [piece for piece in pieces if piece.from_ns < piece.to_ns]
    at = 0
    for start in range(*window, MINUTE_NS):
        end = min(start + MINUTE_NS, window[1])
        inside = []
        while at < len(pieces) and pieces[at].from_ns < end:
            inside.append(pieces[at])
            if pieces[at].to_ns > end:
                break
            at += 1
        signs.append(_sign_of(inside))
    return "".join(signs)


def runs_of(signs: str) -> str:
    """Signs, each with how often it comes: `795.3p642t`."""
    return "".join(f"{len(list(same))}{sign}" for sign, same in groupby(signs))


def percent_of(share: float, *, up: bool = False) -> str:
    """`99.99`, never rounded to the better side, hence `up` for what is missing."""
    millionths = round(share * _MICRO)
    hundredths = -(-millionths // 100) if up else millionths // 100
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _sign_of(inside: list[Piece]) -> str:
    states = {piece.state for piece in inside if piece.state is not State.TO_COME}
    if not states:
        return "t"
    if State.MISSING not in states:
        return "u" if State.UNPROVABLE in states else "p"
    if states != {State.MISSING}:
        return "h"
    return "." if {piece.reason for piece in inside if piece.reason} == {NOT_RECORDED} else "m"


def _forward(from_ns: int, to_ns: int) -> Span:
    return (from_ns, to_ns) if from_ns <= to_ns else (to_ns, from_ns)


def _disjoint(spans: Iterable[tuple[Span, str]], window: Span) -> list[tuple[Span, str]]:
    """The spans inside the window, each moment with the reason of the one that began first."""
    found: list[tuple[Span, str]] = []
    low, high = window
    for (start, end), reason in sorted(spans):
        start, end = max(start, low), min(end, high)
        if start >= end:
            continue
        low = end
        if found and found[-1][1] == reason and found[-1][0][1] == start:
            found[-1] = ((found[-1][0][0], end), reason)
        else:
            found.append(((start, end), reason))
    return found


def _up(span: int, whole_ns: int) -> int:
    return -(-span * _MICRO // whole_ns)
