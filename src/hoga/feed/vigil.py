"""feed.vigil: is a link that says nothing still alive? Judged once a tick by what came, and by pings. Pure.

    alive ──nothing at all for 5 s, or silent by its own pace, or time for the next ping──▶ asked (a ping)
      ▲ ◀──anything that comes───────────────────────────────────────────────────────────────│
      │ ◀──an answer, and no data for longer than the pace explains: given up as fruitless────│
                                                                no answer in time: given up ──▶ over

An end that the operating system knows of is told by the link itself, at once; this is for those that nobody knows of.
Suspicion needs no established pace. Waiting is counted in looks of at most `LOOK_MAX_S`: a process that was frozen does
not take its own absence for the venue's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

__all__ = ["LOOK_MAX_S", "Judgement", "Signs", "Verdict", "Vigil", "VigilRules"]

LOOK_MAX_S = 2.0


class VigilRules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds.

    `suspect_s`: data that comes more often than this leaves no question. `nothing_s`: neither data nor control frames for so
    long: asked, whatever the pace was. `answer_s`: a link that went silent against its own pace has so long to answer; one
    that merely says nothing has twice that. Pings are answered and nothing comes: given up after `fruitless_intervals` mean
    intervals, at least `fruitless_min_s`, at most `fruitless_max_s`.
    """

    suspect_s: float = 3.0
    nothing_s: float = 5.0
    answer_s: float = 5.0
    fruitless_min_s: float = 10.0
    fruitless_max_s: float = 600.0
    fruitless_intervals: float = 300.0

    def fruitless_after_s(self, interval_s: float | None, in_vain: int) -> float:
        """So long a link with this mean interval (None: unknown) may bring nothing; longer with every reconnect `in_vain`: a venue
        that is down is not stormed."""
        limit = min(self.fruitless_max_s, max(self.fruitless_min_s, self.fruitless_intervals * (interval_s or 1.0)))
        return min(self.fruitless_max_s, limit * 2.0 ** min(in_vain, 6))


class Verdict(StrEnum):
    """What shall be done."""

    NOTHING = "nothing"
    PING = "ping"
    UNANSWERED = "unanswered"
    FRUITLESS = "fruitless"


class Judgement(NamedTuple):
    """`seconds`: waited for an answer (UNANSWERED), or without data (FRUITLESS)."""

    verdict: Verdict
    seconds: float = 0.0


class Signs(NamedTuple):
    """What is known at a look.

    `data_quiet_s`, `control_quiet_s`: seconds since the last data, since the last control frame (0 when it has just come).
    `answered`: a pong came since the last ping. `silent`: no data for longer than the established pace explains.
    `silence_limit_s`: so long a link may answer pings and bring nothing, where it is `silent`.
    """

    data_quiet_s: float
    control_quiet_s: float
    answered: bool
    silent: bool
    silence_limit_s: float


class Vigil:
    """The vigil over one link. After PING the caller pings, and tells in `answered` of pongs that come from then on."""

    __slots__ = ("_at", "_ping_every_s", "_ping_timeout_s", "_rules", "_waited_s")

    def __init__(self, rules: VigilRules, *, ping_every_s: float, ping_timeout_s: float) -> None:
        self._rules = rules
        self._ping_every_s = ping_every_s
        self._ping_timeout_s = ping_timeout_s
        self._waited_s: float | None = None
        self._at = 0.0

    def look(self, now: float, signs: Signs) -> Judgement:
        """Judge at `now`, seconds of any steady clock. Answers UNANSWERED or FRUITLESS again while that holds."""
        passed, self._at = min(now - self._at, LOOK_MAX_S), now
        quiet_s = min(signs.data_quiet_s, signs.control_quiet_s)
        due = signs.control_quiet_s >= self._ping_every_s
        if self._waited_s is None:
            if not (signs.silent or due or quiet_s >= self._rules.nothing_s):
                return Judgement(Verdict.NOTHING)
            return self._ask()
        self._waited_s += passed
        if signs.answered:
            return self._judge_answered(signs, self._waited_s)
        if signs.data_quiet_s < self._rules.suspect_s and not due:
            self._waited_s = None
            return Judgement(Verdict.NOTHING)
        patience_s = min(self._ping_timeout_s, self._rules.answer_s * (1 if signs.silent else 2))
        if self._waited_s > patience_s and quiet_s > patience_s:
            return Judgement(Verdict.UNANSWERED, self._waited_s)
        return Judgement(Verdict.NOTHING)

    def _judge_answered(self, signs: Signs, waited_s: float) -> Judgement:
        if signs.silent and signs.data_quiet_s > signs.silence_limit_s:
            return Judgement(Verdict.FRUITLESS, signs.data_quiet_s)
        if not signs.silent:
            self._waited_s = None
        elif waited_s > self._ping_every_s or signs.control_quiet_s >= self._rules.nothing_s:
            return self._ask()
        return Judgement(Verdict.NOTHING)

    def _ask(self) -> Judgement:
        self._waited_s = 0.0
        return Judgement(Verdict.PING)
