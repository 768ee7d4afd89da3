"""columns.levels: lists of price and size with any number of levels on either side: deltas, and books that are thin. Pure.

All lines of a template have the same text before the first list, between the two and behind the second, and levels are spelt alike. So
where one list ends and the other begins shows in the length of the text between two numbers; from there every number's
place is known, and all the text in between is compared.
"""

from __future__ import annotations

import numpy as np

from hoga.columns.digits import Bools, Ints, Numbers, Text, fixed, varying
from hoga.columns.groups import Group, LevelRows
from hoga.columns.plans import Plan, equal, spelt_badly
from hoga.columns.templates import Lists, Template

__all__ = ["LevelPlan", "level_plan"]

_U = np.uint64


def level_plan(template: Template, integers: frozenset[str], *, whole: bool = False) -> LevelPlan | None:
    """The plan for lines like the template's with any number of levels; None where its levels are not two plain lists, bids first, or
    (`whole`: only lines that come out again as they were) not all spelt with as many decimals."""
    if template.levels is None:
        return None
    bids, asks = template.levels.sides
    places = [place for pair in (*bids, *asks) for place in pair]
    begin, end, middle = places[0], places[-1] + 1, places[0] + 2 * len(bids)
    runs = [token.run for token in template.tokens]
    if places != list(range(begin, end)) or runs[begin:end] != list(range(runs[begin], runs[begin] + end - begin)):
        return None
    texts, bare = template.texts, template.tokens[begin].bare
    opening, closing = (b"[", b"]") if bare else (b'["', b'"]')
    inside, following = closing[:-1] + b"," + opening[1:], closing + b"," + opening
    plain = all(texts[at] == (inside if (at - begin) % 2 else following) for at in range(begin + 1, end) if at != middle)
    framed = texts[begin].endswith(opening) and texts[middle].endswith(opening)
    if not (plain and framed and texts[middle].startswith(closing) and texts[end].startswith(closing)):
        return None
    pieces = _Pieces(texts[begin][: -len(opening)], texts[middle][len(closing) : -len(opening)], texts[end][len(closing) :], bare)
    if not whole:
        return LevelPlan(_without_levels(template, begin, end), integers, pieces, begin, runs[begin])
    decimals = [{token.decimals for token in template.tokens[at:end:2]} for at in (begin, begin + 1)]
    if any(len(each) != 1 for each in decimals):
        return None
    before, between, behind = (each.decode() for each in (pieces.before, pieces.between, pieces.behind))
    lists = Lists(begin, before, between, behind, pieces.bare, decimals[0].pop(), decimals[1].pop())
    return LevelPlan(_without_levels(template, begin, end)._replace(lists=lists), integers, pieces, begin, runs[begin])


def _without_levels(template: Template, begin: int, end: int) -> Template:
    """The template without its levels' numbers; the text where they were has the number `begin`."""
    gone = end - begin
    kept = [*template.tokens[:begin], *(token._replace(run=token.run - gone) for token in template.tokens[end:])]
    columns = {column: at if at < begin else at - gone for column, at in template.columns.items()}
    texts = [*template.texts[:begin], b"", *template.texts[end + 1 :]]
    return template._replace(runs=template.runs - gone, tokens=kept, texts=texts, columns=columns, levels=None)


class _Pieces:
    """The text around levels: `before` the first list, `between` the lists, `behind` the second, and that of a level."""

    def __init__(self, before: bytes, between: bytes, behind: bytes, bare: bool) -> None:
        self.before = before
        self.between = between
        self.behind = behind
        self.bare = bare
        self.opening, self.closing = (b"[", b"]") if bare else (b'["', b'"]')
        self.inside = self.closing[:-1] + b"," + self.opening[1:]
        self.next = self.closing + b"," + self.opening
        self.switch = self.closing + between + self.opening

    @property
    def key(self) -> tuple[bytes, bytes, bytes, bool]:
        return self.before, self.between, self.behind, self.bare


class LevelPlan:
    """Reads lines with two lists of levels; the rest of the line is spelt like `template`, whose text number `hole` they stand in, after
    `runs_before` runs."""

    def __init__(self, template: Template, integers: frozenset[str], pieces: _Pieces, hole: int, runs_before: int) -> None:
        self._plan = Plan(template, integers, hole=hole, whole=template.lists is not None)
        self._template = template
        self._pieces = pieces
        self._hole = hole
        self._runs_before = runs_before
        self.key = (pieces.key, tuple(template.texts), tuple(template.constants.items()), template.lists, self._decimals_of(template))
        """Tells two plans apart."""

    @staticmethod
    def _decimals_of(template: Template) -> tuple[int, ...]:
        """What tells templates apart whose lines are to come out again."""
        return tuple(token.decimals for token in template.tokens) if template.lists is not None else ()

    def lines(self, text: Text, found: Ints, firsts: Ints, counts: Ints, rows: Ints, begins: Ints, behind: Ints) -> Group | None:
        """Those of some lines (`rows`; the first run of each and how many it has) that are spelt like this."""
        extra = counts - self._template.runs
        kept = np.flatnonzero((extra >= 0) & (extra % 2 == 0))
        for narrow in (self._framed, self._listed):
            if not len(kept):
                return None
            kept = narrow(text, found, firsts, extra, kept, begins, behind)
        if not len(kept):
            return None
        return self._read(text, found, firsts[kept], extra[kept], rows[kept])

    def _table(self, found: Ints, firsts: Ints, extra: Ints) -> tuple[Ints, Ints]:
        """First place and the place behind of each number that is no level's: shape (n, numbers)."""
        places = np.array([token.run for token in self._template.tokens], np.int64)
        at = firsts[:, None] + places + np.where(places >= self._runs_before, extra[:, None], 0)
        return found[at, 0], found[at, 1]

    def _framed(self, text: Text, found: Ints, firsts: Ints, extra: Ints, kept: Ints, begins: Ints, behind: Ints) -> Ints:
        """Lines whose other text is the template's."""
        starts, ends = self._table(found, firsts[kept], extra[kept])
        return kept[self._plan.fitting(text, starts, ends, begins[kept], behind[kept])]

    def _listed(self, text: Text, found: Ints, firsts: Ints, extra: Ints, kept: Ints, begins: Ints, behind: Ints) -> Ints:
        """Lines whose lists are spelt as they should be."""
        pieces = self._pieces
        first, extra = firsts[kept] + self._runs_before, extra[kept]
        last = first + extra
        more_behind = self._template.runs > self._runs_before
        until = found[np.minimum(last, len(found) - 1), 0] if more_behind else behind[kept]
        bids, good = self._bids(found, first, extra)
        none = extra == 0
        gap_end = found[last - 1, 1]
        for case, end_text in ((none, pieces.before + pieces.between + pieces.behind),
                               (~none & (bids == extra // 2), pieces.closing + pieces.between + pieces.behind),
                               (~none & (bids < extra // 2), pieces.closing + pieces.behind)):  # fmt: skip
            _must(text, good, case, gap_end, until, end_text)
        some = ~none
        at = np.minimum(first, len(found) - 1)
        for case, start_text in ((some & (bids > 0), pieces.before + pieces.opening),
                                 (some & (bids == 0), pieces.before + pieces.between + pieces.opening)):  # fmt: skip
            _must(text, good, case, found[first - 1, 1], found[at, 0], start_text)
        both = some & (bids > 0) & (bids < extra // 2)
        at = np.where(both, first + 2 * bids, 1)
        _must(text, good, both, found[at - 1, 1], found[at, 0], pieces.switch)
        kept, first, extra, bids = kept[good], first[good], extra[good], bids[good]
        good = self._inner_texts(text, found, first, extra, bids)
        return kept[good]

    def _bids(self, found: Ints, first: Ints, extra: Ints) -> tuple[Ints, Bools]:
        """How many levels the first list of each line has, and whether that can be said."""
        runs, row, inner = _flat(first, extra)
        gaps = found[runs, 0] - found[runs - 1, 1]
        turns = np.flatnonzero((gaps == len(self._pieces.switch)) & (inner > 0) & (inner % 2 == 0))
        times = np.bincount(row[turns], minlength=len(first))
        bids = np.zeros(len(first), np.int64)
        bids[row[turns]] = inner[turns] // 2
        one_side = (times == 0) & (extra > 0)
        gap = found[np.minimum(first, len(found) - 1), 0] - found[first - 1, 1]
        only_bids = one_side & (gap == len(self._pieces.before) + len(self._pieces.opening))
        bids[only_bids] = extra[only_bids] // 2
        return bids, times <= 1

    def _inner_texts(self, text: Text, found: Ints, first: Ints, extra: Ints, bids: Ints) -> Bools:
        """Whether all that stands inside the lists is as it should be."""
        runs, row, inner = _flat(first, extra)
        checked = (inner > 0) & (inner != 2 * bids[row])
        runs, row, inner = runs[checked], row[checked], inner[checked]
        ends = found[runs - 1, 1]
        odd = inner % 2 == 1
        lengths = np.where(odd, len(self._pieces.inside), len(self._pieces.next))
        wrong = found[runs, 0] - ends != lengths
        word = text.words(ends)[0]
        texts = [int.from_bytes(piece, "little") for piece in (self._pieces.inside, self._pieces.next)]
        masks = [(1 << 8 * len(piece)) - 1 for piece in (self._pieces.inside, self._pieces.next)]
        wrong |= (word & np.where(odd, _U(masks[0]), _U(masks[1]))) != np.where(odd, _U(texts[0]), _U(texts[1]))
        good = np.ones(len(first), bool)
        good[row[wrong]] = False
        return good

    def _read(self, text: Text, found: Ints, firsts: Ints, extra: Ints, rows: Ints) -> Group:
        starts, ends = self._table(found, firsts, extra)
        first = firsts + self._runs_before
        bids, _ = self._bids(found, first, extra)
        counts = np.stack([bids, extra // 2 - bids], axis=1)
        head = self._plan.decode(text, starts, ends, np.arange(len(rows)))
        good = np.zeros(len(rows), bool)
        good[head.rows] = True
        runs, row, _ = _flat(first, extra)
        starts, ends = found[runs, 0], found[runs, 1]
        lists = self._template.lists
        if (self._pieces.bare or lists is not None) and (odd := spelt_badly(text, starts)) is not None:
            good[row[odd]] = False
        parts: list[Numbers] = []
        for number, side in enumerate((slice(0, None, 2), slice(1, None, 2))):
            if lists is not None:
                part = fixed(text, starts[side], ends[side], (lists.price_decimals, lists.size_decimals)[number])
            else:
                part = _numbers(text, starts[side], ends[side], int(ends[side][0] - starts[side][0]) if len(starts) else 0)
            if part.bad is not None:
                good[row[side][part.bad]] = False
            parts.append(part)
        levels = good[row[0::2]]
        kept = good[head.rows]
        return Group(
            rows[good],
            head.shape,
            {column: each[kept] for column, each in head.numbers.items()},
            head.constants,
            LevelRows(counts, *parts).some(good, levels),
            self._template if lists is not None else None,
        )


def _numbers(text: Text, starts: Ints, ends: Ints, longest: int) -> Numbers:
    """Numbers of equal decimals (those of the first), or of any."""
    if len(starts):
        said = bytes(text.bytes[starts[0] : starts[0] + longest])
        found = fixed(text, starts, ends, len(said.partition(b".")[2]))
        if found.bad is None:
            return found
    return varying(text, starts, ends)


def _must(text: Text, good: Bools, case: Bools, places: Ints, until: Ints, part: bytes) -> None:
    """Take out of `good` the lines of a case where not exactly `part` stands from `places` to `until`."""
    at = np.flatnonzero(case & good)
    long = until[at] - places[at] == len(part)
    good[at[~long]] = False
    at = at[long]
    good[at[~equal(text, places[at], part)]] = False


def _flat(first: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """The runs from `first` on, so many of each line, one after another; the line of each, and its place in it."""
    row = np.repeat(np.arange(len(first)), counts)
    inner = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first[row] + inner, row, inner
