"""venues.records: what a channel's payloads say of themselves, as facts: where the ids are, the time, a book's levels. Pure data.

The venue's folder fills them in; whoever meets a payload (recorder, hub, archive, page) reads these facts and knows no key itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hoga.columns.shapes import Field
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

    `first_key`, `last_key`: where its first and last id stand (the same key for a single id), None when it has none. `contiguous`: each id
    is the one before it plus 1, so ids prove holes. `previous_key`: where the id stands that a record follows, for venues that chain
    records by it. `ordered`: ids only grow; where they do not, they only tell duplicates. `event_key`: where the venue's event time
    stands, in ms; None when there is none.
    `discriminator`: (key, text) that tells these payloads from those of the other channels of the same series; None where there are
    no others.
    `mark_of(channel)`: a text that stands in the payloads of the channel of this name and in no others of the same series, for
    channels that share these facts (candles of several intervals); None where `discriminator` says it, or nothing has to.
    `levels`: where a whole book's levels stand; None when the payload is no whole book.
    `delta_levels`: where a delta's levels stand, None when it is none.
    `fields`: what is a column when records are read as arrays, beside the levels. Columns have one name on every venue: `price`, `size`,
    `side` and `trade_id` of trades, `update_id`, `first_id`, `last_id`, `previous_id`, and the names of `core.market` for the rest;
    `transaction_ns` is when the venue says it happened, where that is another time than the event's.
    `decode(payload)`: gives what a consumer gets; raises ValueError for what it cannot read. None where only the recorder takes it.
    `replay_pattern`: matches in payloads that are no live events but tell what was before (a snapshot at the subscription, a
    replay), whose time therefore says nothing of latency. None where the venue sends none.
    `manner_keys`: keys that say how and when it was sent, not what: two frames with one id that differ in nothing else are
    duplicates.
    """

    first_key: str | None = None
    last_key: str | None = None
    previous_key: str | None = None
    contiguous: bool = False
    ordered: bool = True
    event_key: str | None = None
    discriminator: tuple[str, str] | None = None
    mark_of: Callable[[str], bytes] | None = None
    levels: SideLists | UnitList | None = None
    delta_levels: SideLists | None = None
    fields: tuple[Field, ...] = ()
    decode: Callable[[bytes], Body] | None = None
    replay_pattern: re.Pattern[bytes] | None = None
    manner_keys: tuple[str, ...] = ()
