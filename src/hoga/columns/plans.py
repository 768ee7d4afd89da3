"""columns.plans: a template at work: which lines of a block it fits, and their numbers. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from hoga.columns.digits import POWERS, Bools, Ints, Numbers, Text, fixed, fractions, run_signs, tail, varying
from hoga.columns.groups import Group, LevelRows
from hoga.columns.templates import SIGNS, Template

__all__ = ["Plan", "equal", "spelt_badly"]

_U = np.uint64
_ZEROS, _POINTS, _SIXES = _U(0x3030303030303030), _U(0x1E1E1E1E1E1E1E1E), _U(0x0606060606060606)
_LOW_BITS, _HIGH_NIBBLES = _U(0x7F7F7F7F7F7F7F7F), _U(0xF0F0F0F0F0F0F0F0)


class Plan:
    """Reads lines that are spelt like one template. `integers`: the columns that have no fraction. `hole`: the number of a text that
    somebody else compares. `whole`: only lines that come out of template and columns as they were: every number spelt as short as can be,
    with the template's decimals."""

    def __init__(self, template: Template, integers: frozenset[str], *, hole: int | None = None, whole: bool = False) -> None:
        self.template = template
        self._whole = whole
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
        self._bare = [at for at, token in enumerate(tokens) if token.bare or whole]
        self._prices: list[int] = []
        self._sizes: list[int] = []
        if template.levels is not None:
            pairs = [pair for side in template.levels.sides for pair in side]
            self._prices, self._sizes = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        wanted = {*template.columns.values(), *self._prices, *self._sizes}
        names = {at: column for column, at in template.columns.items()}
        singles: dict[int, list[tuple[int, str]]] = {}
        for at, column in sorted(names.items()):
            singles.setdefault(tokens[at].decimals, []).append((at, column))
        self._singles = singles
        self._unwanted = [at for at in self._bare if at not in wanted]
        """What nobody wants must be a number all the same."""
        self._level_places: list[_Columns] = []
        decimals = [{tokens[at].decimals for at in part} for part in (self._prices, self._sizes)]
        if self._prices and decimals[0] == decimals[1] and len(decimals[0]) == 1:
            both = [place for pair in zip(self._prices, self._sizes, strict=True) for place in pair]
            self._level_places.append(_Columns(both, decimals[0].pop()))
        self._fast = self._level_places[0] if self._level_places and self._level_places[0].is_stride else None
        fast = set(self._fast.at if self._fast is not None else ())
        if self._fast is not None and not 1 <= self._fast.decimals <= 8:
            fast, self._fast = set(), None
        following = [template.texts[at + 1][:8] for at in (self._fast.at if self._fast is not None else ())]
        self._fast_words = np.array([int.from_bytes(text, "little") for text in following], np.uint64)
        self._fast_masks = np.array([(1 << 8 * len(text)) - 1 for text in following], np.uint64)
        rest = np.array([number for number, (at, offset, _) in enumerate(words) if at not in fast or offset], np.int64)
        self._all = (self._word_tokens, self._word_offsets, self._words, self._word_masks)
        self._rest = (self._word_tokens[rest], self._word_offsets[rest], self._words[rest], self._word_masks[rest])
        self._text_others = sum(len(text) - sum(map(len, SIGNS.findall(text))) for text in template.texts)
        """How many signs of a line's text are none of runs."""
        self._each_place = [_Columns(part, tokens[part[0]].decimals) for part in (self._prices, self._sizes) if part]

    def all_lines(self, text: Text, run_ends: Ints) -> Group | None:
        """The block as one group when every line of it is spelt like this and is sound, else None.

        Only the ends of runs are asked for. Each number is taken to begin where the template's text before it would end. Then the block is
        nothing but such texts and numbers, and when all text is the template's, and the numbers' signs are as many as there are signs
        of runs outside it, numbers have no other signs: so each begins there.
        """
        texts, runs = self.template.texts, self.template.runs
        if not len(run_ends) or len(run_ends) % runs or not self.template.tokens:
            return None
        ends = run_ends.reshape(-1, runs)
        if not self._every:
            ends = ends[:, self._places]
        starts = np.empty_like(ends)
        np.add(ends[:, :-1], self._lengths, out=starts[:, 1:])
        behind = ends[:, -1] + len(texts[-1])
        starts[0, 0] = text.start
        starts[1:, 0] = behind[:-1]
        starts[:, 0] += len(texts[0])
        if behind[-1] != text.end or not (starts < ends).all():
            return None
        if run_signs(text) != text.end - text.start - len(ends) * self._text_others:
            return None
        levels = self._fast_levels(text, starts, ends)
        if not self._texts_fit(text, starts, ends, but_fast=levels is not None):
            return None
        group = self.decode(text, starts, ends, np.arange(len(starts)), levels)
        return group if len(group.rows) == len(starts) else None

    def _texts_fit(self, text: Text, starts: Ints, ends: Ints, *, but_fast: bool) -> bool:
        """Whether the template's text stands behind every number and before the first. `but_fast`: as far as `_fast_levels` has not
        compared it."""
        tokens, offsets, words, masks = self._rest if but_fast else self._all
        places = ends.take(tokens, axis=1)
        places += offsets
        (word,) = text.words(places)
        word &= masks
        word ^= words
        if int(np.bitwise_or.reduce(word, axis=None)):
            return False
        return bool(equal(text, starts[:, 0] - len(self.template.texts[0]), self.template.texts[0]).all())

    def _fast_levels(self, text: Text, starts: Ints, ends: Ints) -> Numbers | None:
        """The levels of lines that are spelt like the template if everything else is: digits, and the first eight signs behind each number,
        are looked at in one go. None: some line is spelt otherwise."""
        place = self._fast
        if place is None:
            return None
        decimals = place.decimals
        values = np.empty((len(starts), len(place.at)), np.int64)
        rows = max(_CHUNK // len(place.at), 1)
        digits = 0
        for begin in range(0, len(starts), rows):
            some = slice(begin, begin + rows)
            first, last = place.of(starts[some], ends[some])
            whole = last - first
            whole -= decimals + 1
            least, most = int(whole.min()), int(whole.max())
            if least < 1 or most > 7 or most + decimals > 15:
                return None
            if decimals == 8:
                front, back, behind = text.words(last - 16, 3)
            else:
                back, behind = text.words(last - 8, 2)
                (front,) = text.words(last - (8 + decimals))
            behind &= self._fast_masks
            behind ^= self._fast_words
            if int(np.bitwise_or.reduce(behind, axis=None)):
                return None
            found, bad = tail([front], whole, point=True)
            rest, worse = tail([back], decimals)
            if bad is not None or worse is not None:
                return None
            found *= POWERS[decimals]
            np.add(found, rest, out=values[some])
            digits = max(digits, most + decimals)
        return Numbers(values, decimals, digits=digits)

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

    def decode(self, text: Text, starts: Ints, ends: Ints, rows: Ints, known: Numbers | None = None) -> Group:
        """The numbers of lines that fit. `known`: those of their levels, where they are."""
        good = np.ones(len(rows), bool)
        if self._bare and (odd := spelt_badly(text, starts[:, self._bare])) is not None:
            good &= ~odd.any(axis=1)
        if self._unwanted and not are_short_numbers(text, starts[:, self._unwanted], ends[:, self._unwanted]):
            _sound(varying(text, starts[:, self._unwanted], ends[:, self._unwanted]), good)
        numbers: dict[str, Numbers] = {}
        for decimals, singles in self._singles.items():
            at = [place for place, _ in singles]
            found = fixed(text, starts[:, at], ends[:, at], decimals)
            for number, (place, column) in enumerate(singles):
                one = found[:, number]
                if found.bad is not None and found.bad[:, number].any():
                    one = self._varying(text, starts[:, place], ends[:, place], column, good)
                numbers[column] = one
        levels = self._levels(text, starts, ends, good, known) if self._prices else None
        if not good.all():
            rows = rows[good]
            numbers = {column: each[good] for column, each in numbers.items()}
            levels = None if levels is None else levels.some(good, good)
        return Group(rows, self.template.shape, dict(numbers), dict(self.template.constants), levels, self.template)

    def _varying(self, text: Text, starts: Ints, ends: Ints, column: str, good: Bools) -> Numbers:
        if self._whole:
            found = fixed(text, starts, ends, self.template.tokens[self.template.columns[column]].decimals)
            _sound(found, good)
            return found
        found = varying(text, starts, ends)
        _sound(found, good)
        if column in self._integers and found.decimals:
            good &= ~fractions(text, starts, ends)[1]
            return Numbers(found.values // 10**found.decimals, 0)
        return found

    def _levels(self, text: Text, starts: Ints, ends: Ints, good: Bools, known: Numbers | None) -> LevelRows:
        levels = self.template.levels
        assert levels is not None, "asked where there are some"
        counts = np.full((len(starts), 2), [len(side) for side in levels.sides], np.int64)
        shape = (len(starts), 2, -1) if len(levels.sides[0]) == len(levels.sides[1]) else (len(starts), -1)
        for place in self._level_places:
            both = _in_chunks(text, starts, ends, place) if known is None else known
            if both is not None:
                return LevelRows(counts, both[:, 0::2].reshaped(shape), both[:, 1::2].reshaped(shape))
        parts = []
        for place in self._each_place:
            found = _in_chunks(text, starts, ends, place)
            if found is None:
                found = fixed(text, *place.of(starts, ends), place.decimals) if self._whole else varying(text, *place.of(starts, ends))
                _sound(found, good)
            parts.append(found.reshaped(shape))
        return LevelRows(counts, *parts)


_CHUNK = 65_536
"""Numbers that are decoded at a time: a minute of twenty levels, ten a second, in one go. The arrays of each step, half a megabyte, stay
in a cache of the second level; a quarter of that at a time took 6 % longer."""


def _in_chunks(text: Text, starts: Ints, ends: Ints, place: _Columns) -> Numbers | None:
    """Numbers of equal decimals; None when some are spelt otherwise."""
    rows = max(_CHUNK // len(place.at), 1)
    values = np.empty((len(starts), len(place.at)), np.int64)
    digits = 0
    for begin in range(0, len(starts), rows):
        found = fixed(text, *place.of(starts[begin : begin + rows], ends[begin : begin + rows]), place.decimals)
        if found.bad is not None:
            return None
        values[begin : begin + rows] = found.values
        digits = max(digits, found.digits)
    return Numbers(values, place.decimals, digits=digits)


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


def spelt_badly(text: Text, starts: Ints) -> Bools | None:
    """Which numbers outside quotes begin with a zero although more digits follow, which JSON does not allow; None when none does."""
    first = text.bytes.take(starts)
    odd = first == 48
    if odd.any():
        odd &= text.bytes.take(starts + 1) - np.uint8(48) < 10
    minus = first == 45
    if minus.any():
        second = text.bytes.take(starts + 1) == 48
        odd |= minus & second & (text.bytes.take(starts + 2) - np.uint8(48) < 10)
    return odd if odd.any() else None


def are_short_numbers(text: Text, starts: Ints, ends: Ints) -> bool:
    """Whether all these are numbers of up to eight signs without a minus: digits, with one point at most between them."""
    lengths = ends - starts
    if int(lengths.max(initial=0)) > 8:
        return False
    (word,) = text.words(ends - 8)
    cut = (64 - (lengths << 3)).view(np.uint64)
    word ^= _ZEROS
    word >>= cut
    word <<= cut
    other = word ^ _POINTS
    points = ~(((other & _LOW_BITS) + _LOW_BITS) | other | _LOW_BITS)  # the highest bit of each byte that is a point
    word &= ~((points >> _U(7)) * _U(255))
    odd = ((word + _SIXES) | word) & _HIGH_NIBBLES
    odd |= (points >> cut) & _U(0x80)
    odd |= points & _U(0x80 << 56)
    return not int(np.bitwise_or.reduce(odd, axis=None)) and int(np.bitwise_count(points).max(initial=0)) <= 1


def _sound(numbers: Numbers, good: Bools) -> None:
    """Take out of `good` the lines that have a number that is none."""
    if numbers.bad is not None:
        good &= ~numbers.bad.reshape(len(good), -1).any(axis=1)


class _Columns:
    """Some of the numbers of a line, which have so many decimals each: without copying where they follow one another."""

    def __init__(self, at: list[int], decimals: int) -> None:
        self.at = at
        self.decimals = decimals
        strides = _strides(at)
        self.is_stride = len(strides) == 1 and strides[0].step == 1
        self._pick: Any = strides[0] if len(strides) == 1 else at

    def of(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
        """Where they are."""
        return starts[:, self._pick], ends[:, self._pick]


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
