"""app.replay_book: a symbol's whole book as of a moment of a recording, in the venue's own texts: the newest snapshot that was asked for
over REST, and the deltas after it.

It goes forward from one asking to the next; each costs the deltas between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from hoga.archive.form.envelope import payload_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import split_lines
from hoga.archive.read.bookstart import BookStart, book_start
from hoga.archive.read.reader import read_blocks
from hoga.core.errors import ArchiveError
from hoga.core.jsontext import NO_JSON
from hoga.venues.records import RecordFacts, SideLists
from hoga.venues.spec import VenueSpec

__all__ = ["RecordedBook"]

_Texts = list[tuple[str, str]]
_object = msgspec.json.Decoder(dict[str, Any])


class _Step(NamedTuple):
    """A delta: its ids, its event time in ms where it tells one, and its levels as they are spelt."""

    first_id: int
    last_id: int
    previous_id: int | None
    event_ms: int | None
    bids: _Texts
    asks: _Texts


class _Read(Protocol):
    def __call__(self, payload: bytes) -> _Step | None: ...


class RecordedBook:
    """One symbol's book. `days`: those of its snapshots and deltas (`delta_kind`)."""

    def __init__(self, spec: VenueSpec, days: Sequence[SeriesDay], *, delta_kind: str, journals: Iterable[Path]) -> None:
        assert spec.snapshot_channel is not None, "asked where books were asked for"
        facts = next(channel.record for channel in spec.channels_for(delta_kind) if channel.record.delta_levels is not None)
        self._spec = spec
        self._days = list(days)
        self._deltas = [day for day in days if day.kind == delta_kind]
        self._kind = delta_kind
        self._journals = list(journals)
        self._read = _reader(facts)
        self._shape = spec.channel_of(spec.snapshot_channel).record
        self._start: BookStart | None = None
        self._at_ns = 0
        self._last_id: int | None = None
        self._joined = self._whole = False
        self._told: dict[str, Any] = {}
        self._bids: dict[float, tuple[str, str]] = {}
        self._asks: dict[float, tuple[str, str]] = {}

    def at(self, ns: int) -> bytes | None:
        """The book as of `ns`, spelt as the snapshots are; None where none can be told: no snapshot, a hole in the deltas, damage."""
        try:
            if self._whole and ns >= self._at_ns:
                self._go_on(self._between(self._at_ns + 1, ns + 1))
            else:
                self._begin(ns)
        except (ArchiveError, FileNotFoundError):
            self._whole = False
        self._at_ns = ns
        return self._body() if self._whole else None

    def _begin(self, ns: int) -> None:
        start = book_start(self._days, ns, kind=self._kind, journals=self._journals)
        self._whole = start is not None
        if start is None:
            return
        levels = cast(SideLists, self._shape.levels)
        self._told = _object.decode(start.payload)
        self._bids, self._asks = _side(self._told[levels.bids]), _side(self._told[levels.asks])
        self._last_id, self._joined = start.update_id, False
        self._go_on(each.payload for each in start.deltas(end_ns=ns + 1))

    def _between(self, start_ns: int, end_ns: int) -> Iterator[bytes]:
        for block in read_blocks(self._deltas, start_ns=start_ns, end_ns=end_ns, journals=self._journals):
            for line in split_lines(block.text):
                yield payload_of(line)

    def _go_on(self, payloads: Iterable[bytes]) -> None:
        rules = self._spec.book_rules
        assert rules is not None, "its deltas chain"
        for payload in payloads:
            step = self._read(payload)
            last_id = self._last_id
            if step is None or last_id is None:
                continue
            if rules.precedes(step, last_id) if self._joined else rules.is_old(step, last_id):
                continue
            if not (rules.follows(step, last_id) if self._joined else rules.joins(step, last_id)):
                self._whole = False
                return
            self._joined, self._last_id = True, step.last_id
            _apply(self._bids, step.bids)
            _apply(self._asks, step.asks)
            if step.event_ms is not None and self._shape.event_key is not None:
                self._told[self._shape.event_key] = step.event_ms

    def _body(self) -> bytes:
        levels, last_key = cast(SideLists, self._shape.levels), self._shape.last_key
        most = self._spec.rest.book_levels
        bids = [self._bids[price] for price in sorted(self._bids, reverse=True)[:most]]
        asks = [self._asks[price] for price in sorted(self._asks)[:most]]
        assert last_key is not None, "snapshots have ids"
        return msgspec.json.encode(self._told | {last_key: self._last_id, levels.bids: bids, levels.asks: asks})


def _side(levels: Iterable[Sequence[str]]) -> dict[float, tuple[str, str]]:
    return {float(level[0]): (level[0], level[1]) for level in levels}


def _apply(side: dict[float, tuple[str, str]], levels: _Texts) -> None:
    for price, size in levels:
        if float(size):
            side[float(price)] = (price, size)
        else:
            side.pop(float(price), None)


def _reader(facts: RecordFacts) -> _Read:
    """Reads the deltas of a channel: of their keys only those that are needed, texts as they are."""
    levels = facts.delta_levels
    assert levels is not None and facts.first_key is not None and facts.last_key is not None, "deltas have both"
    fields: list[tuple[str, Any, Any]] = [("first_id", int, msgspec.NODEFAULT), ("last_id", int, msgspec.NODEFAULT)]
    fields += [("bids", _Texts, msgspec.NODEFAULT), ("asks", _Texts, msgspec.NODEFAULT)]
    names = {"first_id": facts.first_key, "last_id": facts.last_key, "bids": levels.bids, "asks": levels.asks}
    for name, key in (("previous_id", facts.previous_key), ("event_ms", facts.event_key)):
        if key is not None:
            fields.append((name, int | None, None))
            names[name] = key
    decoder = msgspec.json.Decoder(msgspec.defstruct("Delta", fields, rename=names, gc=False))

    def read(payload: bytes) -> _Step | None:
        try:
            found: Any = decoder.decode(payload)
        except NO_JSON:
            return None
        previous, event_ms = getattr(found, "previous_id", None), getattr(found, "event_ms", None)
        return _Step(found.first_id, found.last_id, previous, event_ms, found.bids, found.asks)

    return read
