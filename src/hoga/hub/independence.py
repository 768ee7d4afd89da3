"""hub.independence: does one connection's trouble touch another? Pure: it is fed, and says what it sees.

Trouble is a lost connection or one that cannot be made. Another connection is touched when, within `window_s` of it,
it is lost as well, or brings less than half of its usual rate. A venue that ends all its connections at once is not
interference: trouble of two connections with the venue's own close code is reported as the venue's.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from hoga.hub.errors import RecoveryError

__all__ = ["ConnectionIndependenceMonitor", "Interference"]

_KEEP = 256
_USUAL = 0.9
_LEAST_RATE = 1.0


class Interference(NamedTuple):
    """`touched` suffered at `at_s`, shortly after `troubled` was in trouble."""

    at_s: float
    troubled: str
    touched: str
    how: str


class _Seen:
    __slots__ = ("count", "rate", "usual")

    def __init__(self) -> None:
        self.count = 0
        self.rate = 0.0
        self.usual: float | None = None


class ConnectionIndependenceMonitor:
    """Feed it `trouble` when it happens and `count` regularly (once a second or so). Seconds of any steady clock."""

    def __init__(self, *, window_s: float = 3.0) -> None:
        self._window_s = window_s
        self._troubles: deque[tuple[float, str, str]] = deque(maxlen=_KEEP)
        self._seen: dict[str, _Seen] = {}
        self._at: dict[str, float] = {}
        self._found: deque[Interference] = deque(maxlen=_KEEP)

    def trouble(self, connection: str, now_s: float, why: str) -> None:
        """`connection` was lost, or could not be made, for `why`."""
        for at_s, other, other_why in self._recent(now_s, but=connection):
            how = "the venue ended both" if other_why == why and why else f"lost as well ({why})"
            self._note(Interference(now_s, other, connection, how), at_s)
        self._troubles.append((now_s, connection, why))
        self._seen.pop(connection, None)

    def count(self, connection: str, frames: int, now_s: float) -> None:
        """`connection` has brought `frames` in all."""
        seen = self._seen.setdefault(connection, _Seen())
        before = self._at.get(connection)
        self._at[connection] = now_s
        if before is None or now_s <= before or frames < seen.count or not seen.count:
            seen.count = frames
            return
        rate = (frames - seen.count) / (now_s - before)
        seen.count = frames
        troubled = self._recent(now_s, but=connection)
        if troubled and seen.usual is not None and seen.usual > _LEAST_RATE and rate < seen.usual / 2:
            at_s, other, _why = troubled[-1]
            self._note(Interference(now_s, other, connection, f"{rate:.1f} instead of {seen.usual:.1f} frames a second"), at_s)
            return
        seen.usual = rate if seen.usual is None else seen.usual * _USUAL + rate * (1 - _USUAL)

    def forget(self, connection: str) -> None:
        """The connection is no more."""
        self._seen.pop(connection, None)
        self._at.pop(connection, None)

    def monitor_cross_connection_impact(self) -> dict[str, object]:
        """Figures: troubles seen, interferences found, and the last of them."""
        ours = [each for each in self._found if each.how != "the venue ended both"]
        return {
            "troubles": len(self._troubles),
            "interferences": len(ours),
            "venue_wide": len(self._found) - len(ours),
            "last": ours[-1]._asdict() if ours else None,
        }

    def detect_connection_interference(self) -> list[str]:
        """What was found, in words, newest last; the venue's own doings left out."""
        return [f"{each.touched}: {each.how} after {each.troubled} was in trouble" for each in self._found if "the venue" not in each.how]

    def ensure_connection_isolation(self) -> None:
        """Raises RecoveryError when connections were seen to disturb one another."""
        found = self.detect_connection_interference()
        if found:
            raise RecoveryError(self._found[-1].touched, found[-1])

    def _recent(self, now_s: float, *, but: str) -> list[tuple[float, str, str]]:
        return [each for each in self._troubles if each[1] != but and now_s - each[0] <= self._window_s]

    def _note(self, found: Interference, _since_s: float) -> None:
        if not any(each[1:3] == found[1:3] and found.at_s - each.at_s <= self._window_s for each in self._found):
            self._found.append(found)
