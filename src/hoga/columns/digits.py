"""columns.digits: numbers out of text, eight digits at a time. Pure.

`Text` holds a block with room on both sides, and gives the eight bytes at any place as one number. Eight digits become their value by three
multiplications inside that number (first pairs, then fours, then all), for all places at once. What is no digit is
noticed, never added up.

Measured, one core, arrays in the cache: 0.25 ns a number for each step, 4 ns for reading eight bytes from a place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["NONE", "POWERS", "Floats", "Ints", "Numbers", "Text", "fixed", "fractions", "run_ends", "run_signs", "runs", "tail", "varying"]

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_Words = np.ndarray[Any, np.dtype[np.uint64]]

NONE = -(2**63)
"""What stands in an integer column where there is no value: numpy's `NaT`, should it be a time."""
POWERS = 10 ** np.arange(19, dtype=np.int64)
MOST_DIGITS = 18
"""Any number of so many digits is an int64."""

_ROOM = 32
_EXACT_DIGITS = 15
"""Integers of so many digits are float64s."""
_ZEROS = np.uint64(0x3030303030303030)
_ZEROS_AND_POINT = np.uint64(0x2E30303030303030)
_NO_DIGIT = 0x1010101010101010
"""Of the signs in a run (`-./0123456789`), only those that are no digits have this bit after `_ZEROS` is taken off."""
_ALL = 0xFFFFFFFFFFFFFFFF
_U = np.uint64


class Text:
    """A block of text that can be read eight bytes at a time, from up to 32 bytes before its beginning to 16 behind its end.

    Places count from `start`, where the block begins.
    """

    __slots__ = ("_aligned", "_edge", "_inside", "_room", "bytes", "end", "start")

    def __init__(self) -> None:
        self._room = self._inside = np.zeros(0, np.uint8)
        self._aligned: _Words = self._room.view("<u8")
        self._edge = np.zeros(0, np.bool_)
        self.start = _ROOM
        self.load(b"")

    def load(self, block: bytes | memoryview) -> None:
        """Take another block. What was made of the one before stays as it is."""
        size = len(block)
        if len(self._room) < size + 2 * _ROOM:
            self._room = np.zeros((size + size // 4 + 2 * _ROOM) // 8 * 8 + 8, np.uint8)
            self._aligned = self._room.view("<u8")
            self._inside = np.zeros(len(self._room), np.uint8)
            self._edge = np.zeros(len(self._room), np.bool_)
        self.end = self.start + size
        self._room[self.start : self.end] = np.frombuffer(block, np.uint8)
        self._room[self.end : self.end + _ROOM] = 0
        self.bytes = self._room[: self.end + _ROOM]

    def words(self, places: Ints, count: int = 1) -> list[_Words]:
        """The eight bytes at each place, first byte lowest, then those behind them, `count` times.

        Two aligned words and the shifts that make one of them: 2.5 ns each, and 1.3 for every further one. Reading a word where
        it stands costs 4 ns, because numpy has no fast way to places that are not aligned.
        """
        at = places >> 3
        low: _Words = self._aligned.take(at)
        right = places & 7
        right <<= 3
        left = (64 - right).view(np.uint64)
        right = right.view(np.uint64)
        found = []
        for number in range(1, count + 1):
            high: _Words = self._aligned[number:].take(at)
            low >>= right
            low |= high << left
            found.append(low)
            low = high
        return found

    def room_for_runs(self) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], Bools]:
        """Two arrays as long as `bytes`, the second to be used up: new ones each time cost eight times what is done with them."""
        return self._inside[: len(self.bytes)], self._edge[: len(self.bytes)]


class Numbers:
    """Values of so many numbers, each times ten to the power `-decimals`. `bad`: those that are none, None when all are. `digits`: none
    of them has more."""

    __slots__ = ("bad", "decimals", "digits", "values")

    def __init__(self, values: Ints, decimals: int, bad: Bools | None = None, *, digits: int = MOST_DIGITS + 1) -> None:
        self.values = values
        self.decimals = decimals
        self.bad = bad
        self.digits = digits

    def __getitem__(self, which: Any) -> Numbers:
        """Some of them; what is bad is not asked any more."""
        return Numbers(self.values[which], self.decimals, digits=self.digits)

    def reshaped(self, shape: tuple[int, ...]) -> Numbers:
        """The same numbers in another shape."""
        return Numbers(self.values.reshape(shape), self.decimals, digits=self.digits)

    def floats(self) -> Floats:
        """The float64 that is nearest to each, as `float(text)` gives it."""
        found: Floats = self.values / 10.0**self.decimals
        if (
            self.digits > _EXACT_DIGITS and (large := np.abs(self.values) >= 2**53).any()
        ):  # rounded once as an integer, and again when divided
            found[large] = [int(value) / 10**self.decimals for value in self.values[large]]
        return found

    def scaled(self, decimals: int) -> Ints:
        """The values with so many decimals, at least those they have. Raises OverflowError when one is no int64 then."""
        factor = 10 ** (decimals - self.decimals)
        if factor == 1:
            return self.values
        if self.digits + decimals - self.decimals <= MOST_DIGITS:
            return _times(self.values, factor)
        if decimals > MOST_DIGITS or (self.values.size and int(np.abs(self.values).max()) > (2**63 - 1) // factor):
            raise OverflowError
        return _times(self.values, factor)


def _times(values: Ints, factor: int) -> Ints:
    found: Ints = values * factor
    return found


def run_ends(text: Text) -> Ints:
    """Where the runs of digits, points, dashes and slashes end: shape (n,), the first place behind each.

    Finding places costs less than half where no more than a tenth of all signs are such: of both edges of runs more are, of one not.
    """
    inside, edge = text.room_for_runs()
    np.subtract(text.bytes, np.uint8(45), out=inside)
    np.less(inside, np.uint8(13), out=inside.view(np.bool_))
    np.less(inside[1:], inside[:-1], out=edge[1:])
    return np.flatnonzero(edge)


def runs(text: Text, ends: Ints | None = None) -> Ints:
    """Where the runs are: shape (n, 2), the first place of each and the first one behind it. `ends`: what `run_ends` said of this text."""
    ends = run_ends(text) if ends is None else ends
    inside, edge = text.room_for_runs()
    np.greater(inside[1:], inside[:-1], out=edge[1:])
    found = np.empty((len(ends), 2), np.int64)
    found[:, 0], found[:, 1] = np.flatnonzero(edge), ends
    return found


def run_signs(text: Text) -> int:
    """How many signs the runs have together; of a text of which `run_ends` was asked last."""
    inside, _ = text.room_for_runs()
    return int(np.count_nonzero(inside.view(np.bool_)))


def fixed(text: Text, starts: Ints, ends: Ints, decimals: int) -> Numbers:
    """Numbers that have exactly so many decimals each, from `starts` to before `ends` (arrays of one shape). A sign is no digit here."""
    starts, ends = np.ascontiguousarray(starts), np.ascontiguousarray(ends)
    lengths = ends - starts
    if decimals == 0:
        values, bad = tail(_before(text, ends, lengths), lengths)
        if int(values.min(initial=0)) < 0:  # nineteen digits, and beyond 2**63
            bad = _either(bad, values < 0)
    else:
        whole = lengths - (decimals + 1)
        if decimals == 8 and int(whole.max(initial=0)) <= 7:  # Binance's spot prices: both are read at once
            first, last = text.words(ends - 16, 2)
            values, bad = tail([first], whole, point=True)
            rest, worse = tail([last], decimals)
        else:
            values, bad = tail(_before(text, ends - decimals, whole, point=True), whole, point=True)
            rest, worse = tail(_before(text, ends, decimals), decimals)
        values *= POWERS[decimals]
        values += rest
        bad = _either(bad, worse)
        lengths = lengths - 1
    least, most = int(lengths.min(initial=decimals + 1)), int(lengths.max(initial=0))
    limit = MOST_DIGITS + (decimals == 0)
    if least <= decimals or most > limit:
        bad = _either(bad, (lengths <= decimals) | (lengths > limit))
    return Numbers(values, decimals, bad, digits=most)


def varying(text: Text, starts: Ints, ends: Ints) -> Numbers:
    """Numbers with any decimals, and perhaps a minus sign; the values are of the longest fraction among them."""
    starts, ends = np.ascontiguousarray(starts), np.ascontiguousarray(ends)
    minus = text.bytes[starts] == 45
    starts = starts + minus
    lengths = ends - starts
    fraction, found = fractions(text, starts, ends)
    most = int(fraction.max(initial=0))
    whole = lengths - fraction - found
    values, bad = tail(_before(text, ends - fraction - found, whole), whole)
    if most > MOST_DIGITS:
        return Numbers(values, 0, np.ones(values.shape, bool))
    if most:
        rest, worse = tail(_before(text, ends, fraction), fraction)
        values *= POWERS[most]
        values += rest * POWERS[most - fraction]
        bad = _either(bad, worse)
    odd = (whole < 1) | (whole + most > MOST_DIGITS) | (found & (fraction < 1))
    if odd.any():
        bad = _either(bad, odd)
    np.negative(values, out=values, where=minus)
    return Numbers(values, most, bad)


def fractions(text: Text, starts: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """How many digits follow the first point of each number, and whether there is a point in its first 24 bytes."""
    place = np.full(starts.shape, 1 << 30, np.int64)
    words = text.words(starts, 3)
    for piece in (16, 8, 0):
        word = words[piece // 8] ^ _U(0x2E2E2E2E2E2E2E2E)
        lowest = (word - _U(0x0101010101010101)) & ~word & _U(0x8080808080808080)
        behind = np.bitwise_count(lowest ^ (lowest - _U(1))) >> 3
        np.copyto(place, behind.astype(np.int64) - 1 + piece, where=lowest != 0)
    found = place < ends - starts
    return np.where(found, ends - starts - place - 1, 0), found


def _before(text: Text, ends: Ints, counts: Ints | int, *, point: bool = False) -> list[_Words]:
    """As many words before `ends` as hold so many digits, the nearest first."""
    most = (counts if isinstance(counts, int) else int(counts.max(initial=0))) + point
    count = min(max((most + 7) // 8, 1), 3)
    return text.words(ends - 8 * count, count)[::-1]


def tail(words: list[_Words], counts: Ints | int, *, point: bool = False) -> tuple[Ints, Bools | None]:
    """The values of the last `counts` digits in `words`, the nearest first; with `point` one stands behind them. And where
    there was something else. The words are used up."""
    most = counts if isinstance(counts, int) else int(counts.max(initial=0))
    total = np.zeros(0, np.int64)
    bad: Bools | None = None
    done = 0
    for number, word in enumerate(words):
        room = 8
        if point and number == 0:
            word ^= _ZEROS_AND_POINT
            if int(np.bitwise_or.reduce(word, axis=None)) >> 56:
                bad = _either(bad, (word >> _U(56)) != 0)
            word <<= _U(8)
            room = 7
        else:
            word ^= _ZEROS
        if not isinstance(counts, int):
            keep = counts if done == 0 and most <= room else np.minimum(np.maximum(counts - done, 0), room)
            cut = (64 - (keep << 3)).view(np.uint64)
            word >>= cut
            word <<= cut
        elif counts - done < room:
            word &= _U(_ALL << 8 * (8 - max(counts - done, 0)) & _ALL)
        if int(np.bitwise_or.reduce(word, axis=None)) & _NO_DIGIT:
            bad = _either(bad, (word & _U(_NO_DIGIT)) != 0)
        values = _value(word)
        if number == 0:
            total = values
        else:
            values *= POWERS[done]
            total += values
        done += room
    return total, bad


def _value(word: _Words) -> Ints:
    """What eight digits come to, the first one lowest in the word. `word` is used up."""
    pairs = word.view(np.uint16)
    pairs *= np.uint16(10 * 256 + 1)
    pairs >>= np.uint16(8)
    fours = word.view(np.uint32)
    fours *= np.uint32(100 * 65536 + 1)
    fours >>= np.uint32(16)
    word *= _U(10_000 * 2**32 + 1)
    word >>= _U(32)
    return word.view(np.int64)


def _either(one: Bools | None, other: Bools | None) -> Bools | None:
    return other if one is None else one if other is None else one | other
