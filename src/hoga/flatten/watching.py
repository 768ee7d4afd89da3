"""flatten.watching: what the sentinel makes of a trader's heartbeats: tell, end the process, leave its positions. Pure.

    after           without                                           it
    5 s             a heartbeat                                       tells people
    15 s            a heartbeat                                       sends SIGTERM
    20 s            a heartbeat, SIGTERM or not                       sends SIGKILL
    60 s            a heartbeat that was reconciled with the venue    leaves the positions, once the trader is known to be dead,
                                                                      unless the last one said that there was nothing to leave

A trader that says that it ends (`Heartbeat.ends`) is let go. One whose connection broke off has no more heartbeats, and dies sooner: there
is nothing to end any more. Another trader that takes the folder meanwhile has a sentinel of its own, and this one ends.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Duty", "Heartbeat", "Patience", "Watch"]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """After so many seconds each duty is due."""

    tell_s: float = 5.0
    term_s: float = 15.0
    kill_s: float = 20.0
    leave_s: float = 60.0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One sign of life. `exposed`: there is a position, or an order that may become one, or it is not known. `lag_s`: of its loop;
    `journal_s`: age of the oldest record that is not durable."""

    seq: int
    rung: str = "ACTIVE"
    reconciled: bool = False
    exposed: bool = True
    lag_s: float = 0.0
    journal_s: float = 0.0
    ends: bool = False


class Duty(StrEnum):
    """What is to be done now."""

    TELL = "tell"
    TERM = "term"
    KILL = "kill"
    LEAVE = "leave"
    END = "end"
    """The sentinel is not needed any more."""


class Watch:
    """Judges by steady seconds. Calling contract: `beat`, `broke_off`, `dead`, `taken_over` as they happen; `duties(now)` each second.

    Each duty is named once, but TELL, which is named again after a trader had come back.
    """

    def __init__(self, now: float, patience: Patience = Patience()) -> None:
        self._patience = patience
        self._beat_at = now
        self._good_at = now
        self._exposed = True
        self._broken = False
        self._dead = False
        self._named: set[Duty] = set()
        self._over = False

    def beat(self, heartbeat: Heartbeat, now: float) -> None:
        """A heartbeat came."""
        self._beat_at = now
        self._named -= {Duty.TELL}
        if heartbeat.reconciled:
            self._good_at = now
        self._exposed = heartbeat.exposed
        self._over = self._over or heartbeat.ends

    def broke_off(self) -> None:
        """The connection to the trader is gone."""
        self._broken = True

    def dead(self) -> None:
        """The trader's process is known to be gone: nobody holds its folder."""
        self._dead = True

    def taken_over(self) -> None:
        """Another trader has the folder."""
        self._over = True

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be looked whether the trader is dead."""
        return not self._over and not self._dead and (self._broken or Duty.TERM in self._named)

    def silent_s(self, now: float) -> float:
        """How long ago the last heartbeat came."""
        return now - self._beat_at

    def duties(self, now: float) -> list[Duty]:
        """What is due, in order."""
        if self._over:
            return [Duty.END]
        silent, patience = now - self._beat_at, self._patience
        due: list[Duty] = []
        if silent >= patience.tell_s or self._broken:
            due.append(Duty.TELL)
        if not self._dead and silent >= patience.term_s:
            due.append(Duty.TERM)
        if not self._dead and silent >= patience.kill_s:
            due.append(Duty.KILL)
        if self._dead and now - self._good_at >= patience.leave_s:
            due.append(Duty.LEAVE if self._exposed else Duty.END)
        fresh = [duty for duty in due if duty not in self._named]
        self._named.update(fresh)
        return fresh
