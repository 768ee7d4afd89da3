"""app.drill.cases: what is done to a trader, as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["FAULTS", "FLATTENS", "HEDGED", "KILLS", "Case", "DeathPoint", "cases_of"]


class DeathPoint(msgspec.Struct, frozen=True):
    """Where a process kills itself: at its `nth` record of `kind`, `before` that is written, or after."""

    kind: str
    before: bool
    nth: int = 1

    @property
    def name(self) -> str:
        """For people: `kill before order.ack`."""
        return f"kill {'before' if self.before else 'after'} {self.kind}"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is done. `death`: where the first trader dies, None: it lives on. `faults`: what the exchange does wrong meanwhile, as
    the simulator's fault scripts spell it. `flatten`: it ends with the emergency exit, else with a trader that goes on. `hedge`: the
    account has a long and a short position, and the trader holds both."""

    name: str
    death: DeathPoint | None = None
    faults: tuple[Mapping[str, Any], ...] = ()
    flatten: bool = False
    hedge: bool = False


KILLS = tuple(
    DeathPoint(kind, before)
    for kind, sides in (
        ("boot", (False,)),
        ("recon.begin", (False,)),
        ("recon.end", (True, False)),
        ("signal", (False,)),
        ("order.intent", (True, False)),
        ("order.sent", (True, False)),
        ("order.ack", (True, False)),
        ("order.fill", (True, False)),
        ("order.end", (True, False)),
        ("order.cancel", (True, False)),
    )
    for before in sides
)
"""Every step of an order's life, from the journal's first record on."""

_ORDER = {"paths": "*order*", "methods": "POST"}
_5XX = {"fault": "reply-lost", "status": 502}
FAULTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "an order is done, and answered by 502": ({**_5XX, **_ORDER, "count": 1},),
    "an order is done, and the connection cut": ({**_5XX, **_ORDER, "status": 0, "count": 1},),
    "an order is answered after 4 s": ({"fault": "reply-slow", **_ORDER, "ms": 4000, "count": 1},),
    "an order is refused by 503": ({"fault": "rest-error", **_ORDER, "status": 503, "count": 1},),
    "a listing fails before an entry": ({"fault": "rest-error", "paths": "*", "methods": "GET", "status": 500, "count": 2},),
    "a fill's event never comes": ({"fault": "lost-event", "events": "*[tT][rR][aA][dD][eE]*", "count": 1},),
}
"""What an exchange does to orders, one case each; the trader lives on."""

FLATTENS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "flatten": (),
    "flatten, one of five answers is 503, one of twenty orders is done and its answer lost": (
        {"fault": "rest-error", "status": 503, "probability": 0.2},
        {"fault": "reply-lost", "status": 0, "paths": "*order*", "methods": "POST", "probability": 0.05},
    ),
}
"""The emergency exit beside a trader that runs, and what the exchange does meanwhile."""


HEDGED = (DeathPoint("order.sent", False), DeathPoint("order.ack", False), DeathPoint("order.fill", False))
"""Steps of an order's life, once more with two positions a symbol."""
_HEDGED = "both legs: "


def cases_of(rounds: int, *, hedge: bool = True) -> Iterator[Case]:
    """All cases, so many times; in each round the orders of another number are hit. `hedge`: the venue has two positions a symbol."""
    for turn in range(rounds):
        for point in KILLS:
            nth = 1 + turn % 3 if point.kind.startswith("order.") else 1
            yield Case(name=point.name, death=DeathPoint(point.kind, point.before, nth))
        for name, faults in FAULTS.items():
            yield Case(name=name, faults=faults)
        for name, faults in FLATTENS.items():
            yield Case(name=name, faults=faults, flatten=True)
        for point in HEDGED if hedge else ():
            death = DeathPoint(point.kind, point.before, 1 + turn % 3)
            yield Case(name=f"{_HEDGED}{point.name}", death=death, hedge=True)
        if hedge:
            yield Case(name=f"{_HEDGED}flatten", flatten=True, hedge=True)
