"""hub.alerts: what a person should know now, told once when it begins and once when it is over. Pure.

A condition must last `patience_s` before it is an alert, and be gone as long before it is over: no flapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

__all__ = ["Alert", "AlertKind", "AlertRules", "Alerts"]


class AlertKind(StrEnum):
    """What can be wrong."""

    CONNECTION_LOST = "connection-lost"
    ERROR_RATE = "error-rate"
    GAP = "gap"
    DISK = "disk"
    CLOCK = "clock"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """`raised` at `at_s`, or over. `subject` is a connection, stream or folder."""

    kind: AlertKind
    subject: str
    text: str
    at_s: float
    raised: bool


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds a condition must last, by kind; those without one are told at once."""

    patience_s: Mapping[AlertKind, float] = msgspec.field(
        default_factory=lambda: {AlertKind.CONNECTION_LOST: 10.0, AlertKind.ERROR_RATE: 30.0}
    )


class _Condition:
    __slots__ = ("bad", "raised", "since_s", "text")

    def __init__(self, now_s: float) -> None:
        self.bad = False
        self.raised = False
        self.since_s = now_s
        self.text = ""


class Alerts:
    """`observe` every condition at every look; it answers with the alert that begins or ends by it, if any."""

    def __init__(self, rules: AlertRules = AlertRules()) -> None:
        self._rules = rules
        self._conditions: dict[tuple[AlertKind, str], _Condition] = {}

    def observe(self, kind: AlertKind, subject: str, *, bad: bool, text: str, now_s: float) -> Alert | None:
        """`subject` is bad now, or not."""
        key = (kind, subject)
        condition = self._conditions.get(key)
        if condition is None:
            if not bad:
                return None
            condition = self._conditions[key] = _Condition(now_s)
        if bad is not condition.bad:
            condition.bad, condition.since_s = bad, now_s
        if bad:
            condition.text = text
        lasted = now_s - condition.since_s >= self._rules.patience_s.get(kind, 0.0)
        if not lasted or bad is condition.raised:
            return None
        condition.raised = bad
        if not bad:
            del self._conditions[key]
        return Alert(kind=kind, subject=subject, text=condition.text, at_s=now_s, raised=bad)

    def forget(self, subject: str) -> None:
        """`subject` is no more; what was raised for it is over without a word."""
        for key in [key for key in self._conditions if key[1] == subject]:
            del self._conditions[key]

    def active(self) -> list[tuple[AlertKind, str, str]]:
        """(kind, subject, text) of what is raised."""
        return [(kind, subject, each.text) for (kind, subject), each in self._conditions.items() if each.raised]
