"""trading.paper.latency: how long orders of a live trader were under way, as its journal has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hoga.trading.paper.settings import Latency
from hoga.trading.standing import Recorded

__all__ = ["measured"]

_ANSWERS = ("order.ack", "order.reject", "order.fill", "order.end")
_MOST = 10_000
"""So many of the newest are enough."""


def measured(records: Iterable[Recorded], venue: str) -> Latency | None:
    """From sending to the venue's first word, of the newest ten thousand orders at `venue`; None: there is none.

    What was never answered is no sample.
    """
    sent: dict[object, tuple[int, int]] = {}
    samples: list[int] = []
    for each in records:
        if each.m is None:
            continue
        name = each.fields.get("id")
        if each.kind == "order.sent" and str(each.fields.get("sym", "")).partition(":")[0] == venue:
            sent[name] = (each.b, each.m)
        elif each.kind in _ANSWERS and name in sent:
            life, at = sent.pop(name)
            if life == each.b and each.m >= at:  # the clock begins anew with each life
                samples.append(each.m - at)
    return Latency(tuple(samples[-_MOST:])) if samples else None
