"""flatten.arming: a flatten in two steps: armed by somebody, and carried out only when the same one confirms it in time. Pure.

What is armed is one secret word that goes stale by itself: whoever armed and died has left nothing that could go off.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NamedTuple

from hoga.core.times import SECOND_NS

__all__ = ["ARMED_S", "Armed", "Arming"]

ARMED_S = 10
"""So long may be confirmed what was armed."""


class Armed(NamedTuple):
    """Who armed, and until when (steady clock, ns) it may be confirmed with `token`."""

    token: str
    by: str
    until_ns: int


class Arming:
    """At most one flatten is armed at a time; arming anew replaces it."""

    def __init__(self) -> None:
        self._armed: Armed | None = None

    def arm(self, by: str, token: str, now_ns: int) -> Armed:
        """Arm. `token`: fresh, and not to be guessed. `by`: who, and from where."""
        self._armed = Armed(token, by, now_ns + ARMED_S * SECOND_NS)
        return self._armed

    def disarm(self, token: str) -> bool:
        """Take it back; whether that was armed."""
        was = self._armed is not None and compare_digest(self._armed.token.encode(), token.encode())
        if was:
            self._armed = None
        return was

    def confirm(self, by: str, token: str, now_ns: int) -> str:
        """Use it up. "" when it is to be carried out, else why not: nothing is armed, it is too late, or somebody else armed it."""
        armed = self._armed
        if armed is None or not compare_digest(armed.token.encode(), token.encode()):
            return "nothing is armed with this word"
        self._armed = None
        if now_ns > armed.until_ns:
            return f"it was armed more than {ARMED_S} s ago"
        if by != armed.by:
            return f"it was armed by {armed.by}"
        return ""

    def armed_by(self, now_ns: int) -> str:
        """Who has armed it now; "" for nobody."""
        return self._armed.by if self._armed is not None and now_ns <= self._armed.until_ns else ""
