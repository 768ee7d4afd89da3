"""venues.refill: how trades that were not received are asked for afterwards: over REST, and from the venue's files. Pure data.

The venue's folder fills it in; `history.heal` reads these facts and knows no venue itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Refill", "Refilled"]


class Refilled(NamedTuple):
    """One trade. `payload`: a JSON object with the keys that the stream's payloads have, values as the venue spelt them."""

    id: int
    event_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill:
    """One channel of trades.

    `chain`: what tells its payloads (the discriminator's text, else the archive's kind), as ids are grouped by it. `counted`: ids count on,
    so holes are proven by them; else they only grow, and what a gap of the ledger lacks is asked for.
    `path(symbol, id, limit)`: REST from that id on (`counted`), else before it, newest first; `days_path(…, days_ago)` where the venue
    wants to be told how far back that is, and serves `days` of them. `limit` rows at most, `weight` of the call.
    `rows(body, symbol)` and `line(line, symbol)` read an answer, and a line of a file of the type `file` (None: there are no files). Both
    raise ValueError for what they cannot read.
    """

    chain: str
    counted: bool
    path: Callable[[str, int, int], str]
    limit: int
    weight: int
    rows: Callable[[bytes, str], list[Refilled]]
    file: str | None = None
    line: Callable[[bytes, str], Refilled] | None = None
    days: int | None = None
    groups: tuple[str, ...] = ()
    days_path: Callable[[str, int, int, int], str] | None = None
