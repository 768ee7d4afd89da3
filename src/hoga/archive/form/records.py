"""archive.form.records: what a record's line says of itself: its receive time, the venue's ids, a book's levels. Pure.

Sealing, merging and verifying ask here, so that all of them take the same from the same line. At which keys of the payload it
stands the venue says (`venues.records`); a series may hold payloads of several channels, and one of a folder that is named like no
venue those of any. What is no integer is no id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, NamedTuple, cast

import msgspec

from hoga.archive.form.bookcheck import Side
from hoga.archive.form.envelope import receipts_at, told_receipt
from hoga.archive.form.text import line_ends, split_lines
from hoga.core.jsontext import NO_JSON
from hoga.core.streams import Kind
from hoga.venues.records import SideLists, UnitList
from hoga.venues.spec import ChannelSpec

__all__ = ["Chain", "Record", "RecordReader"]


class Record(msgspec.Struct, gc=False):
    """Any record. What is read beside this depends on the series: `RecordReader` makes the type."""

    recvNs: int | None = None


class Chain(NamedTuple):
    """Records whose ids prove holes. `key`: where the first id stands. `spans`: (first, last) of each record: `first`
    should come right after the `last` of the record before it."""

    name: str
    key: str
    records: list[Record]
    spans: list[tuple[int, int]]


class _Ids(NamedTuple):
    """Where the ids of one channel's payloads stand. `text`: what stands at the discriminator's key, None without one. `first`, `before`:
    None where a payload has its last id only."""

    name: str
    key: str
    text: str | None
    last: Callable[[Record], int | None]
    first: Callable[[Record], int | None] | None
    before: Callable[[Record], int | None] | None
    contiguous: bool


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_receipt = attrgetter("recvNs")


class RecordReader:
    """Reads the lines of series that `channels` feed."""

    def __init__(self, channels: Iterable[ChannelSpec]) -> None:
        self._fields: dict[str, type] = {"recvNs": int}
        channels = list(channels)
        said = [channel.record for channel in channels]
        keys = [key for facts in said for key in (facts.first_key, facts.last_key, facts.previous_key) if key is not None]
        marks = {facts.discriminator[0]: str for facts in said if facts.discriminator is not None}
        levels = list(dict.fromkeys(facts.levels for facts in said if facts.levels is not None))
        sides = [key for each in levels for key in (each if isinstance(each, SideLists) else (each.units,))]
        self._fields |= dict.fromkeys(keys, int) | marks | dict.fromkeys(sides, msgspec.Raw)
        self._names = {key: f"at_{place}" for place, key in enumerate(self._fields)} | {"recvNs": "recvNs"}
        self._gets: dict[str, Callable[[Record], Any]] = {}
        self._shape = self._make_shape(int, str, msgspec.Raw)
        self._decoder = msgspec.json.Decoder(self._shape)
        self._own_decoder = msgspec.json.Decoder(self._make_shape(int, str))
        self._mark = _first_of([self._at(key) for key in marks])
        self._spelt = _alike(self._ids_of(channel) for channel in channels if channel.record.last_key is not None)
        plain = [each for each in self._spelt if each.text is None]
        self._plain = [each.last for each in plain]
        self._marked = {each.text: each.last for each in self._spelt if each.text is not None}
        only = self._spelt[0] if len(self._spelt) == 1 else None
        self.only_id = only.key if only is not None and only.text is None and only.first is None else None
        """The key of the id, where each record has one and no more is to be known of it; else None."""
        spellings = [self._sides_of(each) for each in levels]
        self.sides = spellings[0] if len(spellings) == 1 else partial(_first_sides, spellings)
        """The bids and asks of a record that is a whole book, empty where it has none. Raises ValueError when its levels cannot be read."""
        self.is_chained = any(each.contiguous for each in self._spelt)
        """Whether ids follow one another, so that runs of them say more than each."""
        self.has_ids = bool(self._spelt)
        self.has_levels = bool(levels)

    def _make_shape(self, *kinds: type) -> type[Record]:
        defaults = {int: (int | None, None), str: (str | None, None), msgspec.Raw: (msgspec.Raw, msgspec.Raw(b""))}
        members = [(self._names[key], *defaults[found]) for key, found in self._fields.items() if found in kinds and key != "recvNs"]
        names = {name: key for key, name in self._names.items()}
        return cast(type[Record], msgspec.defstruct("Payload", members, bases=(Record,), rename=names, gc=False))

    def _at(self, key: str) -> Callable[[Record], Any]:
        """Gets what stands at `key`; one function for one key."""
        return self._gets.setdefault(key, attrgetter(self._names[key]))

    def _ids_of(self, channel: ChannelSpec) -> _Ids:
        facts = channel.record
        assert facts.first_key is not None and facts.last_key is not None, "asked only where there are ids"
        text = facts.discriminator[1] if facts.discriminator is not None else None
        return _Ids(
            name=text or str(Kind.of(channel.kind) or channel.kind),
            key=facts.first_key,
            text=text,
            last=self._at(facts.last_key),
            first=self._at(facts.first_key) if facts.first_key != facts.last_key else None,
            before=self._at(facts.previous_key) if facts.previous_key is not None else None,
            contiguous=facts.contiguous,
        )

    def _sides_of(self, levels: SideLists | UnitList) -> Callable[[Record], tuple[Side, Side]]:
        if isinstance(levels, SideLists):
            of_bids, of_asks = self._at(levels.bids), self._at(levels.asks)
            return lambda record: (bytes(of_bids(record)), bytes(of_asks(record)))
        units, read = self._at(levels.units), _unit_reader(levels)
        return lambda record: read(bytes(units(record)))

    def read(self, lines: bytes) -> list[Record] | None:
        """One record for every line, None when some line is not one JSON object with fields of the usual types."""
        try:
            records: list[Record] = self._decoder.decode_lines(lines)
        except NO_JSON:
            return None
        ends = line_ends(lines)
        regular = len(records) == len(ends) and lines.startswith(b"{") and (len(ends) < 2 or int((ends[1:] - ends[:-1]).min()) > 1)
        if not regular:
            return None
        if receipts_at(lines, ends) != [record.recvNs for record in records]:  # a payload may have the key, too
            for record, line in zip(records, split_lines(lines), strict=True):
                _mind_envelope(record, line)
        return records

    def read_own(self, lines: bytes, receipts: list[int]) -> list[Record] | None:
        """One record, without levels (−0.1 µs), for every line of a text made of so many lines by `archive.form.lines`, each without a
        break inside; None when some line is not one JSON object with fields of the usual types, or begins with another receipt.

        The decoder reads on over a line's end inside an object, and takes a second object on the same line: only the receipts, one behind
        the other, prove that each line is one.
        """
        try:
            records: list[Record] = self._own_decoder.decode_lines(lines)
            sound = lines.isascii() or bool(lines.decode())
        except NO_JSON:
            return None
        return records if sound and list(map(_receipt, records)) == receipts else None

    def read_singly(self, lines: bytes) -> Iterator[tuple[Record, str | None]]:
        """The same, line by line: (record, None), or (an empty record, why the line is no JSON object)."""
        for line in split_lines(lines):
            try:
                yield _mind_envelope(self._decoder.decode(line), line), None
            except msgspec.ValidationError:
                record, fault = self._read_odd(line)
                yield _mind_envelope(record, line), fault
            except NO_JSON as broken:
                yield self._shape(), str(broken)

    def _read_odd(self, line: bytes) -> tuple[Record, str | None]:
        """A line whose fields have other types than usual: its integers are taken, the rest is left."""
        try:
            found = _fields.decode(line)
        except NO_JSON as fault:
            return self._shape(), str(fault)
        return self._shape(
            **{self._names[key]: _plain(found.get(key), kind) for key, kind in self._fields.items() if kind in (int, str)}
        ), None

    def last_ids(self, records: list[Record]) -> list[int | None]:
        """The (last) id of each record."""
        if (mark := self._mark) is not None:  # in one go: 0.9 → 0.3 µs a record
            marked, other = self._marked, self._plain[0] if self._plain else _nothing
            return [marked.get(mark(each), other)(each) for each in records]
        if not self._plain:
            return [None] * len(records)
        found = list(map(self._plain[0], records))
        for get in self._plain[1:]:
            found = [get(each) if value is None else value for value, each in zip(found, records, strict=True)]
        return found

    def named_ids(self, records: list[Record]) -> Iterator[tuple[str | None, int | None]]:
        """(what stands at the discriminator's key, the last id) of each record; ids of different texts are not of one chain."""
        mark = self._mark
        return zip(map(mark, records) if mark is not None else repeat(None), self.last_ids(records), strict=False)

    def ids(self, records: list[Record]) -> list[int]:
        """Every id that the records name: the last one of each, in their order, then the first ones where these are others."""
        if not self.has_ids:
            return []
        firsts = [map(each.first, records) for each in self._spelt if each.first is not None]
        found = [*self.last_ids(records), *chain.from_iterable(firsts)]
        return [value for value in found if value is not None] if None in found else cast(list[int], found)

    def chains(self, records: list[Record]) -> Iterator[Chain]:
        """The records whose ids count on, chain by chain."""
        for spelt in self._spelt:
            if not spelt.contiguous:
                continue
            last, first, before, mark = spelt.last, spelt.first, spelt.before, self._mark
            found = records if spelt.text is None or mark is None else [each for each in records if mark(each) == spelt.text]
            ends = list(map(last, found))
            starts = ends if first is None else list(map(first, found))
            if None in ends or None in starts:
                whole = [at for at, pair in enumerate(zip(starts, ends, strict=True)) if None not in pair]
                found, starts, ends = [found[at] for at in whole], [starts[at] for at in whole], [ends[at] for at in whole]
            if before is not None:
                starts = [start if each is None else each + 1 for start, each in zip(starts, map(before, found), strict=True)]
            yield Chain(spelt.name, spelt.key, found, list(zip(starts, ends, strict=True)))  # type: ignore[arg-type]  # None is out


def _alike(spelt: Iterable[_Ids]) -> list[_Ids]:
    """Each way once; the one that knows the id before goes for both."""
    found: dict[tuple[str | None, object, object], _Ids] = {}
    for each in spelt:
        key = (each.text, each.key, each.last)
        if key not in found or found[key].before is None:
            found[key] = each
    return list(found.values())


def _nothing(record: Record) -> None:
    return None


def _first_of(gets: list[Callable[[Record], Any]]) -> Callable[[Record], Any] | None:
    """Gets what stands at the first key where something does; None where there are no keys."""
    if len(gets) < 2:
        return gets[0] if gets else None
    return lambda record: next((found for get in gets if (found := get(record)) is not None), None)


def _unit_reader(levels: UnitList) -> Callable[[bytes], tuple[Side, Side]]:
    """Both sides of a list of units, without the padding."""
    names = ("bid_price", "bid_size", "ask_price", "ask_size")
    renamed = dict(zip(names, levels[1:], strict=True))
    unit = msgspec.defstruct("Unit", [(name, float) for name in names], rename=renamed, gc=False)
    decode = msgspec.json.Decoder(list[unit]).decode  # type: ignore[valid-type]
    bid, ask = attrgetter(*names[:2]), attrgetter(*names[2:])

    def read(text: bytes) -> tuple[Side, Side]:
        units = decode(text) if text else []
        return _unpadded(list(map(bid, units))), _unpadded(list(map(ask, units)))

    return read


def _unpadded(side: list[tuple[float, float]]) -> Side:
    return side if not side or side[-1][1] else [level for level in side if level[1]]


def _first_sides(spellings: list[Callable[[Record], tuple[Side, Side]]], record: Record) -> tuple[Side, Side]:
    """Those of the first spelling in which there are some."""
    bids: Side = b""
    asks: Side = b""
    for sides in spellings:
        more_bids, more_asks = sides(record)
        bids, asks = bids or more_bids, asks or more_asks
        if bids and asks:
            break
    return bids, asks


def _mind_envelope(record: Record, line: bytes) -> Record:
    """The line's first `recvNs` is hoga's own: a payload with a key of that name does not speak for it."""
    if (recv_ns := told_receipt(line)) is not None:
        record.recvNs = recv_ns
    return record


def _plain(value: msgspec.Raw | None, wanted: type) -> Any:
    """The value when it is of the wanted type, None for anything else: also for a number beyond all range (`1e999`)."""
    try:
        found = None if value is None else msgspec.json.decode(value)
    except NO_JSON:
        return None
    return found if type(found) is wanted else None
