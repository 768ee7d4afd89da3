"""trading.inputs: what an engine was given, as the journal keeps it, and back: every event that is no frame. Pure.

A frame of a market is on the tape as it came, and so is a timer's moment and a plain sign of life; they are many. Everything else (answers,
fills, listings, commands, alarms, doubts, bars that were asked for) stands in the journal as a record `event`, before what came of it.
The venue's own words (`raw`) are not in it: they stand in the records that came of it, and nothing is decided by them.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from hoga.core import trading
from hoga.core.ticks import MarketBars, MarketDoubt
from hoga.core.trading import ExecutionEvent, StreamUpdate
from hoga.trading.ports import Event, Tick

__all__ = ["EVENT", "event_of", "fields_of", "is_sign_of_life"]

EVENT = "event"
"""The kind of the record."""


def _kinds() -> dict[str, type[Any]]:
    own = [each for each in get_args(Event) if each.__name__ not in ("MarketEvent", "ExecutionEvent", "Tick")]
    told = [each for name in trading.__all__ if isinstance(each := getattr(trading, name), type) and issubclass(each, ExecutionEvent)]
    return {each.__name__: each for each in (*own, *told, MarketBars, MarketDoubt) if each is not ExecutionEvent}


_KINDS = _kinds()


def is_sign_of_life(event: StreamUpdate) -> bool:
    """Whether it says only that the account's stream lives."""
    return event.live and not event.missed and not event.why


def fields_of(event: Event) -> dict[str, Any]:
    """The fields of its record. Not of frames and ticks."""
    told = msgspec.to_builtins(event)
    if isinstance(event, ExecutionEvent):
        _strip(told)
    return {"of": event.__class__.__name__, "e": told}


def event_of(fields: dict[str, Any]) -> Event:
    """The event of a record. Raises ValueError for one that is none."""
    kind = _KINDS.get(str(fields.get("of")))
    if kind is None:
        raise ValueError(f"an event of no known kind: {fields.get('of')!r}")
    try:
        event: Event = msgspec.convert(fields.get("e"), kind)
    except msgspec.ValidationError as fault:
        raise ValueError(f"{kind.__name__}: {fault}") from None
    return event


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


assert Tick.__name__ not in _KINDS, "a timer's moment is on the tape"
