"""quality.eventtime: what a payload says of when its event happened, if it says anything that can be true. Pure."""

from __future__ import annotations

import re

from hoga.core.jsontext import TopInteger
from hoga.core.times import DAY_NS, instant_ns

__all__ = ["EventTime"]

_DIGITS = 20
_ABSURD_NS = 3_660 * DAY_NS


class EventTime:
    """Reads the venue's time at `key` of payloads; `replay_pattern` is in those that tell of something past.

    `odd`: payloads whose value there is no time (text, a fraction, negative, ten years or more from the receipt);
    `last_odd`: how the last of these was spelt.
    """

    __slots__ = ("_key", "_replay_pattern", "last_odd", "odd")

    def __init__(self, key: str, replay_pattern: re.Pattern[bytes] | None = None) -> None:
        self._key = TopInteger(key)
        self._replay_pattern = replay_pattern
        self.odd = 0
        self.last_odd = b""

    def live_ns(self, recv_ns: int, payload: bytes) -> int | None:
        """When the live event of a payload received at `recv_ns` happened. None: it is no live event, or does not say."""
        if self._replay_pattern is not None and self._replay_pattern.search(payload):
            return None
        digits = self._key.find(payload)
        event_ns = instant_ns(int(digits)) if digits is not None and len(digits) <= _DIGITS else None
        if event_ns is not None and abs(recv_ns - event_ns) < _ABSURD_NS:
            return event_ns
        spelt = digits or self._key.value(payload)
        if spelt is not None:
            self.odd += 1
            self.last_odd = spelt[:64]
        return None
