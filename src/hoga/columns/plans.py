"""columns.plans: a template at work: which lines of a block it fits, and their numbers. Pure."""

from __future__ import annotations

import numpy as np

from hoga.columns.digits import Bools, Ints, Numbers, Text, fixed, fractions, varying
from hoga.columns.groups import Group, LevelRows
from hoga.columns.templates import Template

__all__ = ["Plan", "equal", "spelt_badly"]

_U = np.uint64


class Plan:
    """Reads lines that are spelt like one template. `integers`: the columns that have no fraction. `hole`: the number of a text that
    somebody else compares."""

    def __init__(self, template: Template, integers: frozenset[str], *, hole: int | None = None) -> None:
        self.template = template
        self._integers = integers
        self._hole = hole
        self._tail_is_mine = hole != len(template.texts) - 1
        tokens = template.tokens
        self._places = np.array([token.run for token in tokens], np.int64)
        self._every = len(tokens) == template.runs
        self._lengths = np.array([len(text) for text in template.texts[1:-1]], np.int64)
        words = [
            (at, offset, text[offset : offset + 8])
            for at, text in enumerate(template.texts[1:])
            if at + 1 != hole
            for offset in range(0, len(text), 8)
        ]
        self._word_tokens = np.array([at for at, _, _ in words], np.int64)
        self._word_offsets = np.array([offset for _, offset, _ in words], np.int64)
        self._words = np.array([int.from_bytes(piece, "little") for _, _, piece in words], np.uint64)
        self._word_masks = np.array([(1 << 8 * len(piece)) - 1 for _, _, piece in words], np.uint64)
        self._bare = [at for at, token in enumerate(tokens) if token.bare]
        self._prices: list[int] = []
        self._sizes: list[int] = []
        if template.levels is not None:
            pairs = [pair for side in template.levels.sides for pair in side]
            self._prices, self._sizes = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        wanted = {*template.columns.values(), *self._prices, *self._sizes}
        names = {at: column for column, at in template.columns.items()}
        singles: dict[int, list[tuple[int, str | None]]] = {}
        for at in sorted({*names, *self._bare} - (wanted - set(names))):  # what nobody wants must be a number all the same
            singles.setdefault(tokens[at].decimals, []).append((at, names.get(at)))
        self._singles = singles

    def all_lines(self, text: Text, found: Ints) -> Group | None:
        """The block as one group when every line of it is spelt like this and is sound, else None."""
        runs = self.template.runs
        if not len(found) or len(found) % runs:
            return None
        starts, ends = self._tokens(found.reshape(-1, runs, 2))
        begins = starts[:, 0] - len(self.template.texts[0])
        behind = ends[:, -1] + len(self.template.texts[-1])
        if begins[0] != text.start or behind[-1] != text.end or not np.array_equal(begins[1:], behind[:-1]):
            return None
        if len(self.fitting(text, starts, ends, begins, behind)) != len(starts):
            return None
        group = self.decode(text, starts, ends, np.arange(len(starts)))
        return group if len(group.rows) == len(starts) else None

    def lines(self, text: Text, found: Ints, firsts: Ints, rows: Ints, begins: Ints, behind: Ints) -> Group | None:
        """Those of some lines (`rows`; `firsts`: the first run of each; all have as many runs as the template) that are spelt like this."""
        starts, ends = self._tokens(found[firsts[:, None] + np.arange(self.template.runs)])
        fits = self.fitting(text, starts, ends, begins, behind)
        return self.decode(text, starts[fits], ends[fits], rows[fits]) if len(fits) else None

    def _tokens(self, table: Ints) -> tuple[Ints, Ints]:
        if self._every:
            return table[:, :, 0], table[:, :, 1]
        return table[:, self._places, 0], table[:, self._places, 1]

    def fitting(self, text: Text, starts: Ints, ends: Ints, begins: Ints, behind: Ints) -> Ints:
        """Which lines have the template's text between their numbers."""
        texts = self.template.texts
        fits = starts[:, 0] - begins == len(texts[0])
        if self._tail_is_mine:
            fits &= behind - ends[:, -1] == len(texts[-1])
        same = starts[:, 1:] - ends[:, :-1] == self._lengths
        if self._hole is not None and self._tail_is_mine:
            same[:, self._hole - 1] = True
        if not same.all():
            fits &= same.all(axis=1)
        kept = np.flatnonzero(fits)
        if len(kept) != len(fits):
            starts, ends, begins = starts[kept], ends[kept], begins[kept]
        good = equal(text, begins, texts[0])
        places = np.ascontiguousarray(ends).take(self._word_tokens, axis=1)
        places += self._word_offsets
        word = text.words(places)[0]
        word &= self._word_masks
        word ^= self._words
        if word.size and int(np.bitwise_or.reduce(word, axis=None)):
            good &= ~word.any(axis=1)
        return kept if good.all() else kept[good]

    def decode(self, text: Text, starts: Ints, ends: Ints, rows: Ints) -> Group:
        good = np.ones(len(rows), bool)
        bare = self._bare
        if bare:
            good &= ~spelt_badly(text, starts[:, bare], ends[:, bare]).any(axis=1)
        numbers: dict[str, Numbers] = {}
        for decimals, singles in self._singles.items():
            at = [place for place, _ in singles]
            found = fixed(text, starts[:, at], ends[:, at], decimals)
            for number, (place, column) in enumerate(singles):
                one = found[:, number]
                if found.bad is not None and found.bad[:, number].any():
                    one = self._varying(text, starts[:, place], ends[:, place], column, good)
                if column is not None:
                    numbers[column] = one
        levels = self._levels(text, starts, ends, good) if self._prices else None
        if not good.all():
            rows = rows[good]
            numbers = {column: each[good] for column, each in numbers.items()}
            levels = None if levels is None else levels.some(good, good)
        return Group(rows, self.template.shape, dict(numbers), dict(self.template.constants), levels)

    def _varying(self, text: Text, starts: Ints, ends: Ints, column: str | None, good: Bools) -> Numbers:
        found = varying(text, starts, ends)
        _sound(found, good)
        if column in self._integers and found.decimals:
            good &= ~fractions(text, starts, ends)[1]
            return Numbers(found.values // 10**found.decimals, 0)
        return found

    def _levels(self, text: Text, starts: Ints, ends: Ints, good: Bools) -> LevelRows:
        levels = self.template.levels
        assert levels is not None, "asked where there are some"
        counts = np.full((len(starts), 2), [len(side) for side in levels.sides], np.int64)
        shape = (len(starts), 2, -1) if len(levels.sides[0]) == len(levels.sides[1]) else (len(starts), -1)
        decimals = [{self.template.tokens[at].decimals for at in part} for part in (self._prices, self._sizes)]
        if decimals[0] == decimals[1] and len(decimals[0]) == 1:
            at = [place for pair in zip(self._prices, self._sizes, strict=True) for place in pair]
            both = fixed(text, *_columns(starts, ends, at), decimals[0].pop())
            if both.bad is None:
                return LevelRows(counts, both[:, 0::2].reshaped(shape), both[:, 1::2].reshaped(shape))
        parts = []
        for places, each in zip((self._prices, self._sizes), decimals, strict=True):
            picked = _columns(starts, ends, places)
            found = fixed(text, *picked, each.pop()) if len(each) == 1 else None
            if found is None or found.bad is not None:
                found = varying(text, *picked)
                _sound(found, good)
            parts.append(found.reshaped(shape))
        return LevelRows(counts, *parts)


def equal(text: Text, places: Ints, part: bytes) -> Bools:
    """Whether `part` stands at each of the places (which have room for it)."""
    good: Bools = np.ones(places.shape, bool)
    for at in range(0, len(part), 8):
        piece = part[at : at + 8]
        word = text.words(places + at)[0]
        if len(piece) < 8:
            word &= _U((1 << 8 * len(piece)) - 1)
        same = word == _U(int.from_bytes(piece, "little"))
        if not same.all():
            good &= same
    return good


def spelt_badly(text: Text, starts: Ints, ends: Ints) -> Bools:
    """Numbers outside quotes that begin with a zero although more digits follow, which JSON does not allow."""
    word = text.words(starts)[0]
    word = np.where((word & _U(0xFF)) == _U(45), word >> _U(8), word)
    second = ((word >> _U(8)) & _U(0xFF)) - _U(48)
    found: Bools = ((word & _U(0xFF)) == _U(48)) & (second < _U(10))
    return found


def _sound(numbers: Numbers, good: Bools) -> None:
    """Take out of `good` the lines that have a number that is none."""
    if numbers.bad is not None:
        good &= ~numbers.bad.reshape(len(good), -1).any(axis=1)


def _columns(starts: Ints, ends: Ints, at: list[int]) -> tuple[Ints, Ints]:
    """Columns of both; without copying where they follow one another."""
    each = _strides(at)
    if len(each) == 1:
        return starts[:, each[0]], ends[:, each[0]]
    return starts[:, at], ends[:, at]


def _strides(at: list[int]) -> list[slice]:
    """The places as slices, as few as it takes."""
    found: list[slice] = []
    begin = 0
    while begin < len(at):
        end = begin + 1
        step = at[end] - at[begin] if end < len(at) else 1
        while step > 0 and end < len(at) and at[end] - at[end - 1] == step:
            end += 1
        found.append(slice(at[begin], at[end - 1] + 1, max(step, 1)))
        begin = end
    return found
