"""app.config.classic: what the classic recorder's files say and hoga says otherwise. Pure.

A key that had another name is read under its new one, and a key that means nothing any more is left alone; each is told in one
note. A file without sections that names one of these was written for the classic recorder (`is_classic`): nothing that it says
about *how* may stop a start, so what else hoga does not know or cannot take there becomes a note as well. What it says about
*what* is recorded, and where, is either understood or refused: nobody shall record something else than they wrote.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hoga.venues.endpoints import CLASSIC_PLACEHOLDER_KEY, CLASSIC_PORTS_KEY

__all__ = ["ALIASES", "RETIRED", "Alias", "is_classic"]


class Alias(msgspec.Struct, frozen=True):
    """The key an old name stands for; its value is multiplied by `factor`."""

    key: str
    factor: float | None = None

    def convert(self, text: str) -> str:
        """The value as `key` takes it. What is no number stays as it is, and is refused later."""
        if self.factor is None:
            return text
        try:
            return f"{float(text) * self.factor:.12g}"
        except ValueError:
            return text


ALIASES: dict[str, Alias] = {
    "LATENCY_GATE_SLEEP": Alias("LATENCY_ROUTINE_SLEEP_SEC"),
    "LATENCY_SIGNAL_SLEEP": Alias("LATENCY_ROUTINE_SLEEP_SEC"),
    "LATENCY_THRESHOLD_SEC": Alias("LATENCY_THRESHOLD_MS", 1000.0),
    CLASSIC_PORTS_KEY: Alias("PORTS"),
    "DASHBOARD_STREAM_FREQ": Alias("DASHBOARD_STREAM_INTERVAL"),
}
"""Old name → what it is now. Of two old names for one key the earlier one here holds."""

RETIRED: dict[str, str] = {
    CLASSIC_PLACEHOLDER_KEY: "a URL holds {port} itself, and PORTS says which",
    "PROFILE_DURATION": "hoga does not profile itself",
    "GC_INTERVAL_SEC": "nothing has to be collected by the clock",
}
"""Old name → why it means nothing any more."""


def is_classic(labels: Iterable[str]) -> bool:
    """Whether one of the keys of a file without sections, as written, is one that only the classic recorder had."""
    return any(label.upper() in ALIASES or label.upper() in RETIRED for label in labels)
