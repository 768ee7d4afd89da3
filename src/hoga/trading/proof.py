"""trading.proof: what was decided then and what is decided now, held against each other, event by event. Pure.

Both sides are the engine's records, in order. A place is the event that led to them: the number of tape entries before it, and how many
other events came since that entry. Every record is compared, but for the venue's own words; the wishes and orders among them are counted
as decisions. Where one side is the other's beginning in a life that was killed, the rest is no difference: it was not written any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["DECISIONS", "Comparison", "Difference", "Place", "Said", "compared", "said_of"]

DECISIONS = frozenset(("signal", "order.intent", "order.deny", "order.cancel", "protect", "size", "work"))
"""The kinds of records that are counted as decisions."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a life: `entry`: so many entries of the tape were before it, or it is the last of them (`event` 0); `event`: the
    how-manieth of the others since. `of`: its kind, `at_ns`: its stamp, `stream` and `frame`: where it is on the tape."""

    life: int
    entry: int
    event: int = 0
    of: str = ""
    at_ns: int = 0
    stream: str = ""
    frame: str = ""


class Said(msgspec.Struct, frozen=True):
    """One record: its kind and its fields, as JSON has them."""

    kind: str
    fields: dict[str, Any]


def compared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that count: not the place on the tape, and not the venue's own words."""
    return {name: each for name, each in fields.items() if name not in ("f", "raw")}


def said_of(kind: str, fields: Mapping[str, Any]) -> Said:
    """A record of an engine as the journal has it: floats are their text there, what is no JSON its own."""
    plain = {name: repr(each) if each.__class__ is float else each for name, each in compared(fields).items()}
    return Said(kind, msgspec.json.decode(msgspec.json.encode(plain, enc_hook=str)))


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where the two differ: what the journal says (None: nothing), what is decided now, and the names that differ."""

    place: Place
    journal: Said | None
    now: Said | None
    differs: tuple[str, ...]


class Comparison:
    """Is told both sides of one place after the other. `records`, `decisions`: compared so far; `first`: None: there is no difference."""

    def __init__(self) -> None:
        self.records = 0
        self.decisions = 0
        self.differences = 0
        self.first: Difference | None = None

    def compare(self, place: Place, journal: list[Said], now: list[Said], *, cut: bool = False) -> None:
        """Both sides of one place. `cut`: the journal may have ended in the middle of it."""
        for number in range(max(len(journal), len(now))):
            then = journal[number] if number < len(journal) else None
            again = now[number] if number < len(now) else None
            if then is None and cut:
                return
            self.records += 1
            self.decisions += (then or again or Said("", {})).kind in DECISIONS
            differs = _differs(then, again)
            if differs:
                self.differences += 1
                self.first = self.first or Difference(place=place, journal=then, now=again, differs=differs)


def _differs(then: Said | None, again: Said | None) -> tuple[str, ...]:
    if then is None or again is None:
        return ("kind",)
    if then.kind != again.kind:
        return ("kind",)
    if then.fields == again.fields:
        return ()
    return tuple(sorted(name for name in then.fields.keys() | again.fields.keys() if then.fields.get(name) != again.fields.get(name)))
