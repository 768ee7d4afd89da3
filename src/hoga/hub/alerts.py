"""hub.alerts: what a person should know now, told once when it begins and once when it is over. Pure.

A condition must last `patience_s` before it is an alert, and be gone as long before it is over: no flapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

__all__ = ["SENTENCES", "Alert", "AlertKind", "AlertRules", "Alerts", "Arg", "worded"]

Arg = str | int | float | None
"""What fills a sentence."""


class AlertKind(StrEnum):
    """What can be wrong."""

    CONNECTION_LOST = "connection-lost"
    ERROR_RATE = "error-rate"
    GAP = "gap"
    DISK = "disk"
    CLOCK = "clock"
    DUPLICATES = "duplicates"
    LADDER = "ladder"
    EXIT = "exit"
    RELAY = "relay"


SENTENCES: dict[str, str] = {
    "lost": "the connection is {state}",
    "bad-frames": "{percent} % of its frames cannot be used",
    "incident": "1 incident: {what}",
    "incidents": "{count} incidents, the newest: {what}",
    "disk-full": "the reserve of {reserve} MB is reached, nothing is recorded",
    "writer": "the disk refuses to be written: {why}",
    "clock": "this machine's clock is off by {offset} ms (by {source})",
    "skewed": "latencies of {venue} come out as {median} ms, though this machine's clock is off by {offset} ms only (by {source})",
    "skewed-alone": "latencies of {venue} come out as {median} ms, the clocks differ: nobody could tell how far this machine's is off",
    "duplicates": "{count} frames came twice within a minute on one connection, byte for byte; they are kept aside",
    "jumps": "ids began anew in {count} streams within a minute: the venue was restarted or reset; everything is recorded",
    "relay-away": "what is recorded does not reach NATS ({why}); nothing is lost, it is sent when NATS is back",
}
"""What an alert's code says; `what` is an incident (`quality.incidents.describe`), which a page words from its own figures."""


def worded(code: str, args: Mapping[str, Arg]) -> str:
    """The sentence of `code`, in English."""
    return SENTENCES[code].format(**args)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """`raised` at `at_s`, or over. `subject` is a connection, stream or folder.

    `text` is English; `code` with its `args` says the same to whoever words it in another language, "" where nobody does.
    """

    kind: AlertKind
    subject: str
    text: str
    at_s: float
    raised: bool
    code: str = ""
    args: Mapping[str, Arg] = {}


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds a condition must last, by kind; those without one are told at once."""

    patience_s: Mapping[AlertKind, float] = msgspec.field(
        default_factory=lambda: {AlertKind.CONNECTION_LOST: 10.0, AlertKind.ERROR_RATE: 30.0}
    )


class _Condition:
    __slots__ = ("args", "bad", "code", "raised", "since_s", "text")

    def __init__(self, now_s: float) -> None:
        self.bad = False
        self.raised = False
        self.since_s = now_s
        self.text = self.code = ""
        self.args: Mapping[str, Arg] = {}


class Alerts:
    """`observe` every condition at every look; it answers with the alert that begins or ends by it, if any."""

    def __init__(self, rules: AlertRules = AlertRules()) -> None:
        self._rules = rules
        self._conditions: dict[tuple[AlertKind, str], _Condition] = {}

    def observe(
        self, kind: AlertKind, subject: str, *, bad: bool, text: str, now_s: float, code: str = "", args: Mapping[str, Arg] = {}
    ) -> Alert | None:
        """`subject` is bad now, or not; `text`, and `code` with `args`, say how."""
        key = (kind, subject)
        condition = self._conditions.get(key)
        if condition is None:
            if not bad:
                return None
            condition = self._conditions[key] = _Condition(now_s)
        if bad is not condition.bad:
            condition.bad, condition.since_s = bad, now_s
        if bad:
            condition.text, condition.code, condition.args = text, code, args
        lasted = now_s - condition.since_s >= self._rules.patience_s.get(kind, 0.0)
        if not lasted or bad is condition.raised:
            return None
        condition.raised = bad
        if not bad:
            del self._conditions[key]
        return _alert(key, condition, now_s)

    def forget(self, subject: str) -> None:
        """`subject` is no more; what was raised for it is over without a word."""
        for key in [key for key in self._conditions if key[1] == subject]:
            del self._conditions[key]

    def active(self) -> list[Alert]:
        """What is raised, as it is now; `at_s` is since when it has been bad."""
        return [_alert(key, each, each.since_s) for key, each in self._conditions.items() if each.raised]


def _alert(key: tuple[AlertKind, str], condition: _Condition, at_s: float) -> Alert:
    return Alert(
        kind=key[0], subject=key[1], text=condition.text, at_s=at_s, raised=condition.raised, code=condition.code, args=condition.args
    )
