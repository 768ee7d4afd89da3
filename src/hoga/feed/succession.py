"""feed.succession: when a private connection's life gets a successor, and which of the two goes on. Pure: time is an argument.

    one life ──due, or somebody doubts it──▶ a second login is made beside it ──live──▶ both are read ──▶ the new one goes on
                                                                                       └─ it lacks what the old one brings ─▶ the old one

Rules: there are two lives at most. A life that is the only live one is never ended here. Two of them run side by side for `overlap_s` at
least; the old one is done when it has proved that all it was sent has arrived (an answer to a ping that was sent when the new one was
live), or when it has not answered for `patience_s`. What comes on the old one and not on the new one by then proves that the new one is no
successor. A mere doubt within `rest_s` of a change is nobody's: a new login has just been made. Times are seconds of any steady clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Act", "Facts", "Succession", "Wish"]


class Act(StrEnum):
    """What the shell should do now."""

    WAIT = "wait"
    BEGIN = "begin"
    ACCEPT = "accept"
    REFUSE = "refuse"


class Facts(NamedTuple):
    """How it stands. `live`: a life that was accepted brings events; `making`: another login is under way; `both`: it is live, too.

    `proven`: the old one has answered since then. `lacks`: it brought something since then that the new one did not.
    """

    live: bool
    making: bool
    both: bool = False
    proven: bool = False
    lacks: bool = False


class Wish(NamedTuple):
    """`act`, or wait for `wait_s` seconds at most (None: until something happens)."""

    act: Act
    wait_s: float | None = None


class Succession:
    """Of one connection. Tell what happens; `look` says what to do.

    `why` is the reason for which a successor is wanted, "" for none.
    """

    __slots__ = ("_due", "_not_before", "_rested", "_since", "_urgent", "overlap_s", "patience_s", "replace_after_s", "rest_s", "why")

    def __init__(self, *, overlap_s: float, patience_s: float, rest_s: float, replace_after_s: float) -> None:
        self.overlap_s = overlap_s
        self.patience_s = max(patience_s, overlap_s)
        self.rest_s = rest_s
        self.replace_after_s = replace_after_s
        self.why = ""
        self._urgent = False
        self._due: float | None = None
        self._rested = 0.0
        self._not_before = 0.0
        self._since: float | None = None

    def doubted(self, why: str, now: float, *, urgent: bool = False) -> None:
        """A successor is wanted, for `why`. `urgent`: the venue has said that the life will end, doubt or no doubt."""
        if urgent or (now >= self._rested and not self.why):
            self.why = why
            self._urgent = self._urgent or urgent

    def paused(self, until: float) -> None:
        """No login before then."""
        self._not_before = until

    def lived(self, now: float) -> None:
        """A life goes on from now, alone: the first one, or a successor that was accepted."""
        self.why, self._urgent, self._since = "", False, None
        self._due, self._rested = now + self.replace_after_s, now + self.rest_s

    def met(self, now: float) -> None:
        """The successor is live as well: both are read from now on."""
        self._since = now

    def parted(self) -> None:
        """One of the two, or the only one, is over."""
        self._since = None

    def look(self, now: float, facts: Facts) -> Wish:
        """What to do now."""
        if facts.both and self._since is not None:
            return self._of_two(now - self._since, facts)
        if facts.making:
            return Wish(Act.WAIT)
        if facts.live and not self.why and self._due is not None and now >= self._due:
            self.why = f"it is {self.replace_after_s / 3600:.3g} h old"
        if facts.live and not self.why:
            return Wish(Act.WAIT, None if self._due is None else self._due - now)
        if now < self._not_before:
            return Wish(Act.WAIT, self._not_before - now)
        return Wish(Act.BEGIN)

    def _of_two(self, ran_s: float, facts: Facts) -> Wish:
        if ran_s < self.overlap_s:
            return Wish(Act.WAIT, self.overlap_s - ran_s)
        if facts.proven and not facts.lacks:
            return Wish(Act.ACCEPT)
        if ran_s < self.patience_s:
            return Wish(Act.WAIT, self.patience_s - ran_s)
        return Wish(Act.REFUSE if facts.proven and not self._urgent else Act.ACCEPT)
