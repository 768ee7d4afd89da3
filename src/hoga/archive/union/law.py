"""archive.union.law: which records of several recordings of one series stay, so that each is there once. Pure.

Two records are the same when the venue's payload is, byte for byte: its ids and its time are in it. The same id with another payload is
another record, and both stay. Of one record that several recordings have, stays

    that of the collector named first, then the one received first, then the one whose line is the smaller

A recording may have a payload more than once (a venue without ids said the same twice): its first one is held against the first one of the
others, its second against their second, and so on. So each payload stays as often as the recording that has it most often. What stays is
therefore the same in whatever order, grouping and however often recordings are united:

    kept(A, B) = kept(B, A)     kept(kept(A, B), C) = kept(A, kept(B, C))     kept(A, A) = A     kept(A, nothing) = A
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marks", "kept"]

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Chosen = NDArray[np.bool_]
Line = Callable[[int, int], bytes]


class Marks(NamedTuple):
    """What the law looks at of the records of one recording, arrays of one length: `keys` and `checks` (both alike: the same payload),
    `ranks` (of the collector that received it: the smallest stays), `receipts` (ns)."""

    keys: Keys
    checks: Keys
    ranks: Numbers
    receipts: Numbers


def kept(recordings: Sequence[Marks], line: Line) -> list[Chosen]:
    """For each recording which of its records stay. `line`: the text of a record, by recording and place in it; asked for only where
    one payload was received at the same nanosecond twice, by collectors of one rank."""
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(each.keys) for each in recordings])]).astype(np.int64)
    chosen = np.zeros(int(bounds[-1]), np.bool_)
    if len(chosen):
        chosen[_Records(recordings, bounds, line).that_stay()] = True
    return [chosen[bounds[at] : bounds[at + 1]] for at in range(len(recordings))]


class _Records:
    """Those of all recordings, one after the other; a place counts through all of them."""

    def __init__(self, recordings: Sequence[Marks], bounds: Numbers, line: Line) -> None:
        self._keys, self._checks, self._ranks, self._receipts = (np.concatenate(found) for found in zip(*recordings, strict=True))
        self._source = np.repeat(np.arange(len(recordings)), np.diff(bounds))
        self._bounds, self._line = bounds, line

    def that_stay(self) -> Numbers:
        """Their places."""
        pairs = self._in_step() or self._in_pairs()
        return self._of_groups() if pairs is None else self._of_pairs(*pairs)

    def _in_step(self) -> tuple[Numbers, Numbers] | None:
        """The places of both of each two that are the same, where there are two recordings of the same payloads in the same order; else
        None. Each is of one rank and in order of receipt, so that payloads that come again are held against each other as they come."""
        if len(self._bounds) != 3 or 2 * self._bounds[1] != self._bounds[2]:
            return None
        one, other = slice(0, int(self._bounds[1])), slice(int(self._bounds[1]), None)
        for each in (one, other):
            if not ((self._ranks[each] == self._ranks[each][0]).all() and (np.diff(self._receipts[each]) > 0).all()):
                return None
        if not all(np.array_equal(column[one], column[other]) for column in (self._keys, self._checks)):
            return None
        places = np.arange(int(self._bounds[1]))
        return places, places + int(self._bounds[1])

    def _in_pairs(self) -> tuple[Numbers, Numbers] | None:
        """The same, where each payload is in two recordings at most, and in each at most once; else None."""
        places = np.argsort(self._keys)
        keys = self._keys[places]
        at = np.flatnonzero(keys[1:] == keys[:-1])
        one, other = places[at], places[at + 1]
        apart = (self._source[one] != self._source[other]).all() and (self._checks[one] == self._checks[other]).all()
        return (one, other) if apart and (np.diff(at) > 1).all() else None

    def _of_pairs(self, one: Numbers, other: Numbers) -> Numbers:
        stays = np.ones(len(self._keys), np.bool_)
        rank, receipt = self._ranks[other] - self._ranks[one], self._receipts[other] - self._receipts[one]
        first = (rank > 0) | ((rank == 0) & (receipt > 0))
        for at in np.flatnonzero((rank == 0) & (receipt == 0)).tolist():
            first[at] = self._text(int(one[at])) <= self._text(int(other[at]))
        stays[np.where(first, other, one)] = False
        return np.flatnonzero(stays)

    def _of_groups(self) -> Numbers:
        places, group = self._grouped()
        ranks = self._ranks[places]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        sizes = np.diff(starts, append=len(group))
        good = ranks == np.repeat(np.minimum.reduceat(ranks, starts), sizes)
        receipts = np.where(good, self._receipts[places], np.iinfo(np.int64).max)
        good &= receipts == np.repeat(np.minimum.reduceat(receipts, starts), sizes)
        several = np.flatnonzero(np.add.reduceat(good, starts, dtype=np.int64) > 1)
        for number in several.tolist():
            inside = np.flatnonzero(good[starts[number] : starts[number] + sizes[number]]) + starts[number]
            first = min(inside.tolist(), key=lambda at: self._text(int(places[at])))
            good[inside] = False
            good[first] = True
        found: Numbers = places[good]
        return found

    def _grouped(self) -> tuple[Numbers, Numbers]:
        """All places, so that those of which one stays stand together, and the number of each one's group."""
        places = np.argsort(self._keys, kind="stable")
        keys, checks = self._keys[places], self._checks[places]
        if bool(((keys[1:] == keys[:-1]) & (checks[1:] != checks[:-1])).any()):
            places = np.lexsort((self._source, self._checks, self._keys))
            keys, checks = self._keys[places], self._checks[places]
        group = _numbered(keys, checks)
        own = _numbered(group, self._source[places])
        if own[-1] == len(own) - 1:
            return places, group
        places = self._in_order(places, own)
        turn = np.arange(len(own)) - np.repeat(np.flatnonzero(np.diff(own, prepend=-1)), np.bincount(own))
        order = np.lexsort((turn, group))
        return places[order], _numbered(group[order], turn[order])

    def _in_order(self, places: Numbers, own: Numbers) -> Numbers:
        """The places with those of one payload and one recording (`own` numbers them) from the best to the least."""
        places = places[np.lexsort((self._receipts[places], self._ranks[places], own))]
        same = _numbered(own, self._ranks[places], self._receipts[places])
        starts = np.flatnonzero(np.diff(same, prepend=-1))
        sizes = np.diff(starts, append=len(same))
        for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            places[start : start + size] = sorted(places[start : start + size].tolist(), key=self._text)
        return places

    def _text(self, place: int) -> bytes:
        source = int(self._source[place])
        return self._line(source, place - int(self._bounds[source]))


def _numbered(*columns: NDArray[np.generic]) -> Numbers:
    """Rows that are alike and stand together get one number, from 0 on."""
    fresh = np.zeros(len(columns[0]), np.bool_)
    for column in columns:
        fresh[1:] |= column[1:] != column[:-1]
    return np.cumsum(fresh, dtype=np.int64)
