"""trading.inputs: what an engine was given, as the journal keeps it, and back: every event that is no frame. Pure.

A frame of a market is on the tape as it came, and so is a timer's moment and a plain sign of life; they are many. Everything else (answers,
fills, listings, commands, alarms, doubts, bars that were asked for) stands in the journal as a record `event`, before what came of it.
The venue's own words (`raw`) are not in it: they stand in the records that came of it, and nothing is decided by them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hoga.core.trading import StreamUpdate
from hoga.trading.ports import Event

__all__ = ["EVENT", "fields_of", "is_sign_of_life"]

EVENT = "event"
"""The kind of the record."""


def is_sign_of_life(event: StreamUpdate) -> bool:
    """Whether it says only that the account's stream lives."""
    return event.live and not event.missed and not event.why


def fields_of(event: Event) -> dict[str, Any]:
    """The fields of its record. Not of frames and ticks."""
    told = msgspec.to_builtins(event)
    _strip(told)
    return {"of": event.__class__.__name__, "e": told}


def _strip(told: Any) -> None:
    if isinstance(told, dict):
        told.pop("raw", None)
        for each in told.values():
            if each.__class__ is dict or each.__class__ is list or each.__class__ is tuple:
                _strip(each)
    else:
        for each in told:
            if each.__class__ is dict:
                _strip(each)
