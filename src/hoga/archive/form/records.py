"""archive.form.records: what a record's line says of itself: its receive time, and the venue's ids. Pure.

Sealing, merging and verifying ask here, so that all of them take the same ids from the same line. Which payload keys
hold ids depends on the series' kind:

    kind       payload              record id        follows when
    orderbook  lastUpdateId | u     that             (no chain: frames are snapshots)
    delta      U, u                 u                U == previous u + 1
    delta      U, u, pu             u                pu == previous u
    execution  e = aggTrade         a                a == previous a + 1
    execution  e = trade            t                t == previous t + 1
    quote      u                    u                (no chain)
    block      t                    t                (no chain)
    others     none

What is no integer is no id. Source: Binance spot and USD-M stream documentation, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from hoga.archive.form.text import line_ends, split_lines
from hoga.core.jsontext import NO_JSON

__all__ = ["CHAINS", "Book", "Delta", "Numbered", "Quote", "Record", "RecordReader", "Trade"]

CHAINS = (("aggTrade", "a"), ("trade", "t"))
"""What `e` says of a trade, and the key of its id then."""

_SLOWER_TWIN = re.compile(r"-\d+m?s$")


class Record(msgspec.Struct, gc=False):
    """Any record."""

    recvNs: int | None = None


class Book(Record, gc=False):
    """A whole order book, in the spelling of spot or of futures."""

    lastUpdateId: int | None = None
    u: int | None = None
    bids: msgspec.Raw = msgspec.Raw(b"")
    asks: msgspec.Raw = msgspec.Raw(b"")
    b: msgspec.Raw = msgspec.Raw(b"")
    a: msgspec.Raw = msgspec.Raw(b"")


class Delta(Record, gc=False):
    """Changes of an order book."""

    U: int | None = None
    u: int | None = None
    pu: int | None = None


class Trade(Record, gc=False):
    """A trade, single or aggregate."""

    e: str | None = None
    a: int | None = None
    t: int | None = None


class Quote(Record, gc=False):
    """Best bid and ask."""

    u: int | None = None


class Numbered(Record, gc=False):
    """Anything with one number."""

    t: int | None = None


_SHAPES: dict[str, type[Record]] = {
    "orderbook": Book,
    "orderbook5": Book,
    "orderbook10": Book,
    "delta": Delta,
    "execution": Trade,
    "quote": Quote,
    "block": Numbered,
}
_FIELDS: dict[type[Record], tuple[str, ...]] = {
    Record: (),
    Book: ("lastUpdateId", "u"),
    Delta: ("U", "u", "pu"),
    Trade: ("e", "a", "t"),
    Quote: ("u",),
    Numbered: ("t",),
}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OWN_BEGINNING = b'{"recvNs":'
_OWN_BYTES = np.frombuffer(_OWN_BEGINNING, np.uint8)
_DIGITS = 19
_HEAD_BYTES = len(_OWN_BEGINNING) + _DIGITS + 1
_HEAD = np.arange(_HEAD_BYTES)
_POWERS = 10 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.uint64)
_ZERO = np.zeros(1, np.intp)


class RecordReader:
    """Reads the lines of series of one kind."""

    def __init__(self, kind: str) -> None:
        self.shape = _SHAPES.get(_SLOWER_TWIN.sub("", kind), Record)  # the slower twin of a series looks like it
        self._decoder = msgspec.json.Decoder(self.shape)

    def read(self, lines: bytes) -> list[Record] | None:
        """One record for every line, None when some line is not one JSON object with fields of the usual types."""
        try:
            records: list[Record] = self._decoder.decode_lines(lines)
        except NO_JSON:
            return None
        ends = line_ends(lines)
        regular = len(records) == len(ends) and lines.startswith(b"{") and (len(ends) < 2 or int(np.diff(ends).min()) > 1)
        if not regular:
            return None
        if not _speak_for_themselves(records, lines, ends):
            for record, line in zip(records, split_lines(lines), strict=True):
                _mind_envelope(record, line)
        return records

    def read_own(self, lines: bytes, receipts: list[int]) -> list[Record] | None:
        """One record for every line of a text made of so many lines by `archive.form.lines`, each without a break inside; None when
        some line is not one JSON object with fields of the usual types, or begins with another receipt than `receipts`."""
        try:
            records: list[Record] = self._decoder.decode_lines(lines)
            sound = lines.isascii() or bool(lines.decode())
        except NO_JSON:
            return None
        return records if sound and [record.recvNs for record in records] == receipts else None

    def read_singly(self, lines: bytes) -> Iterator[tuple[Record, str | None]]:
        """The same, line by line: (record, None), or (an empty record, why the line is no JSON object)."""
        for line in split_lines(lines):
            try:
                yield _mind_envelope(self._decoder.decode(line), line), None
            except msgspec.ValidationError:
                record, fault = self._read_odd(line)
                yield _mind_envelope(record, line), fault
            except NO_JSON as broken:
                yield Record(), str(broken)

    def _read_odd(self, line: bytes) -> tuple[Record, str | None]:
        """A line whose fields have other types than usual: its integers are taken, the rest is left."""
        try:
            fields = _fields.decode(line)
        except NO_JSON as fault:
            return Record(), str(fault)
        wanted = ("recvNs", *_FIELDS[self.shape])
        return self.shape(**{name: _plain(fields.get(name), str if name == "e" else int) for name in wanted}), None

    @property
    def is_chained(self) -> bool:
        """Whether ids follow one another, so that runs of them say more than each."""
        return self.shape in (Delta, Trade, Numbered)

    def ids(self, records: list[Record]) -> list[int]:
        """Every id that the records name, in their order."""
        if self.shape is Book:
            found = [each.u if each.lastUpdateId is None else each.lastUpdateId for each in records if isinstance(each, Book)]
        elif self.shape is Delta:
            found = [value for each in records if isinstance(each, Delta) for value in (each.U, each.u)]
        elif self.shape is Trade:
            (one, _), (other, _) = CHAINS  # spelt out: 0.9 → 0.4 µs a record
            trades = [each for each in records if isinstance(each, Trade)]
            found = [each.a if each.e == one else each.t if each.e == other else None for each in trades]
        elif self.shape is Quote:
            found = [each.u for each in records if isinstance(each, Quote)]
        elif self.shape is Numbered:
            found = [each.t for each in records if isinstance(each, Numbered)]
        else:
            return []
        return [value for value in found if value is not None]

    def spans(self, records: list[Record]) -> list[tuple[str, int, int]]:
        """(key of the first id, what should come right after the record before, last id) of every record in a chain."""
        if self.shape is Delta:
            deltas = [each for each in records if isinstance(each, Delta)]
            return [
                ("U", each.U if each.pu is None else each.pu + 1, each.u) for each in deltas if each.U is not None and each.u is not None
            ]
        if self.shape is Trade:
            trades = [each for each in records if isinstance(each, Trade)]
            named = [(key, getattr(each, key)) for each in trades for name, key in CHAINS if each.e == name]
            return [(key, value, value) for key, value in named if value is not None]
        return [("t", each.t, each.t) for each in records if isinstance(each, Numbered) and each.t is not None]


def _speak_for_themselves(records: list[Record], lines: bytes, ends: np.ndarray[tuple[int], np.dtype[np.intp]]) -> bool:
    """Whether every record has the `recvNs` that its line begins with: a payload's key of that name would be the later one.

    A glance at the first 30 bytes of all lines at once costs 0.1 µs a record; looking for the key in all the text cost five times that.
    """
    starts = np.concatenate((_ZERO, ends[:-1] + 1))
    if not len(starts) or int((ends - starts).min()) < _HEAD_BYTES:
        return False
    heads = np.frombuffer(lines, np.uint8)[starts[:, None] + _HEAD]
    digits = heads[:, len(_OWN_BEGINNING) : -1] - 48
    if not ((heads[:, : len(_OWN_BEGINNING)] == _OWN_BYTES).all() and (heads[:, -1] == 44).all() and (digits <= 9).all()):
        return False
    return bool((digits.astype(np.uint64) @ _POWERS).tolist() == [record.recvNs for record in records])


def _mind_envelope(record: Record, line: bytes) -> Record:
    """The line's first `recvNs` is hoga's own: a payload with a key of that name does not speak for it."""
    if line.startswith(_OWN_BEGINNING):
        digits = line[len(_OWN_BEGINNING) : line.find(b",", len(_OWN_BEGINNING))]
        if digits.isdigit():
            record.recvNs = int(digits)
    return record


def _plain(value: msgspec.Raw | None, wanted: type) -> Any:
    """The value when it is of the wanted type, None for anything else."""
    found = None if value is None else msgspec.json.decode(value)
    return found if type(found) is wanted else None
