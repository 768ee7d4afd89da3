"""venues.records: what a channel's payloads say of themselves, as facts: where the ids are, the time, a book's levels. Pure data.

The venue's folder fills them in; whoever meets a payload (recorder, hub, archive, page) reads these facts and knows no key itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hoga.core.market import Body

__all__ = ["RecordFacts", "SideLists", "UnitList"]


class SideLists(NamedTuple):
    """A whole book as two lists of [price, size, …], best first, each at a key of its own."""

    bids: str
    asks: str


class UnitList(NamedTuple):
    """A whole book as one list of objects, the n-th best of both sides in each. A size of 0 is padding."""

    units: str
    bid_price: str
    bid_size: str
    ask_price: str
    ask_size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """What a payload of one channel says, and at which of its own keys.

    `first_key`/`last_key`: of its ids (equal for single ids), None when it has none. `contiguous`: ids count on, so they prove
    holes. `previous_key`: of the id that a record follows, where ids are chained by it and not by counting on. `ordered`: ids only
    grow; where they do not, they only tell duplicates. `event_key`: of the venue's event time in ms, None when there is none.
    `mark`: (key, text) that tells these payloads from those of other channels of the same series; None where nothing need.
    `levels`: where a whole book's levels are, None when it is none.
    `decode(payload)`: what a consumer gets; None where only the recorder takes it. It raises ValueError for what it cannot read.
    `replay_mark`: found in a payload that is no live event but tells what was before (a snapshot at the subscription, a
    replay): its time is no latency. None where there are none.
    `manner_keys`: keys that say how and when it was sent, and not what: of two frames with one id that differ in
    nothing else, one is a duplicate.
    """

    first_key: str | None = None
    last_key: str | None = None
    previous_key: str | None = None
    contiguous: bool = False
    ordered: bool = True
    event_key: str | None = None
    mark: tuple[str, str] | None = None
    levels: SideLists | UnitList | None = None
    decode: Callable[[bytes], Body] | None = None
    replay_mark: re.Pattern[bytes] | None = None
    manner_keys: tuple[str, ...] = ()
