"""columns.whole: lines that come out of their columns as they were, byte for byte. Pure.

A line's spelling is the text between its numbers, and which column each number stands in with how many decimals. Lines that are spelt
like no others, or hold a number that is not spelt as short as can be, are kept as text beside their columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import getitem
from typing import Any, NamedTuple

import numpy as np

from hoga.columns.digits import POWERS, Ints, Numbers
from hoga.columns.groups import Group, Rows, gather, time_powers
from hoga.columns.reading import Reader
from hoga.columns.shapes import Field, Shape
from hoga.columns.templates import Lists, Template

__all__ = ["SpelledRows", "Spelling", "WholeReader", "lines_of"]


_MOST = 32_000
_LISTS = ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")


class Spelling(NamedTuple):
    """How lines are made. `texts`: what stands before each number, and behind the last. `numbers`: (column, decimals) of each; of a level
    the column is `bid_prices:3`: the fourth best bid's price. Decimals below zero: of a time that a column counts in ns, -6 for ms.
    `lists`: lists of any number of levels, in one of the texts."""

    texts: list[str]
    numbers: list[tuple[str, int]]
    lists: Lists | None = None

    @property
    def columns(self) -> set[str]:
        """Those that it takes to make a line."""
        return {name.partition(":")[0] for name, _ in self.numbers} | set(_LISTS if self.lists is not None else ())


@dataclass(frozen=True, slots=True)
class SpelledRows:
    """Columns of a block (exact; those that no shape names begin with `_`). `spelling`: the number of each line's spelling among those the
    reader has met, -1 for a line that is text; `texts`: line → its text."""

    rows: Rows
    spelling: Ints
    texts: dict[int, bytes]


class WholeReader:
    """Reads blocks for keeping. `spellings`: those met so far, at most so many as a small number counts."""

    def __init__(self, shapes: tuple[Shape, ...], envelope: tuple[Field, ...]) -> None:
        self._reader = Reader(shapes, envelope, exact=True, whole=True)
        self._fields = (*envelope, *(field for shape in shapes for field in shape.fields))
        self._times = {field.column: field.how for field in self._fields if field.how in ("ms", "time")}
        self._numbers: dict[tuple[int, tuple[tuple[str, int], ...]], int] = {}
        self._templates: list[Template] = []
        self.spellings: list[Spelling] = []

    def read(self, block: bytes | memoryview, *, line: int = 1) -> SpelledRows:
        """Raises ValueError, naming the line, for one that is no record, and for numbers that fit no int64."""
        count, groups = self._reader.read_groups(block, line=line)
        extra = dict.fromkeys(column for group in groups for column in group.numbers if column.startswith("_"))
        fields = (*self._fields, *(Field(column, (column,), "decimal") for column in extra))
        rows = gather(count, groups, fields, exact=True)
        spelling = np.full(count, -1, np.int64)
        for group in groups:
            units = self._units(group)
            if group.template is not None and units is not None and len(self.spellings) < _MOST:
                spelling[group.rows] = self._number(group.template, units)
        left = np.flatnonzero(spelling < 0).tolist()
        lines = bytes(block).split(b"\n") if left else []  # `splitlines` would end one at a carriage return, too
        return SpelledRows(rows, spelling, {row: lines[row] + b"\n" for row in left})

    def _units(self, group: Group) -> dict[str, int] | None:
        """The power of ten by which each time of the group was multiplied; None where one column has several."""
        found: dict[str, int] = {}
        for column, how in self._times.items():
            numbers = group.numbers.get(column)
            if not isinstance(numbers, Numbers):
                continue
            powers = {6} if how == "ms" else {int(power) for power in time_powers(np.array(_ends(numbers.values)))}
            if len(powers) > 1:
                return None
            found[column] = powers.pop()
        return found

    def _number(self, template: Template, units: dict[str, int]) -> int:
        key = (id(template), tuple(units.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self.spellings)
            self._templates.append(template)  # kept, so that no other one gets its id
            self.spellings.append(_spelling_of(template, units))
        return self._numbers[key]


def lines_of(spelling: Spelling, columns: Mapping[str, tuple[Any, int]], count: int) -> list[bytes]:
    """`count` lines of one spelling, out of `columns`: name → (values, decimals); of levels values are (counts, all levels' values)."""
    pieces = [text.replace("%", "%%") for text in spelling.texts]
    spelt = {decimals: _Spelt(decimals) for _, decimals in spelling.numbers}
    texts = [spelt[decimals] for _, decimals in spelling.numbers]
    numbers = [_number(columns, name, decimals) for name, decimals in spelling.numbers]
    rows = np.column_stack(numbers).tolist() if numbers else [[]] * count
    if spelling.lists is None:
        made = "%s".join(pieces)
        return [(made % tuple(map(getitem, texts, row))).encode() for row in rows]
    hole = spelling.lists.hole
    pieces[hole] = "%s"
    made = "%s".join(pieces)
    levels = _levels_of(spelling.lists, columns)
    return [
        (made % (*map(getitem, texts, row[:hole]), each, *map(getitem, texts[hole:], row[hole:]))).encode()
        for row, each in zip(rows, levels, strict=True)
    ]


def _levels_of(lists: Lists, columns: Mapping[str, tuple[Any, int]]) -> list[str]:
    """The lists of levels of each line, with the text before, between and behind them."""
    prices, sizes = _Spelt(lists.price_decimals), _Spelt(lists.size_decimals)
    made = "[%s,%s]" if lists.bare else '["%s","%s"]'
    sides = []
    for side in ("bid", "ask"):
        (counts, price), has_price = columns[f"{side}_prices"]
        (_, size), has_size = columns[f"{side}_sizes"]
        price = _with_decimals(price, has_price, lists.price_decimals).tolist()
        size = _with_decimals(size, has_size, lists.size_decimals).tolist()
        levels = [made % pair for pair in zip(map(prices.__getitem__, price), map(sizes.__getitem__, size), strict=True)]
        ends = np.cumsum(counts).tolist()
        sides.append([",".join(levels[start:end]) for start, end in zip([0, *ends], ends, strict=False)])
    return [f"{lists.before}{bids}{lists.between}{asks}{lists.behind}" for bids, asks in zip(*sides, strict=True)]


class _Spelt(dict[int, str]):
    """Numbers with so many decimals and their texts. Prices and sizes come again and again: to look one up is five times as fast as to
    spell it."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._power = 10 ** max(decimals, 0)
        self._made = f"%d.%0{decimals}d" if decimals > 0 else "%d"
        self._whole = decimals <= 0

    def __missing__(self, value: int) -> str:
        text = self[value] = self._made % (value if self._whole else divmod(value, self._power))
        return text


def _number(columns: Mapping[str, tuple[Any, int]], name: str, decimals: int) -> Ints:
    """A column's values with so many decimals."""
    column, _, level = name.partition(":")
    found, has = columns[column]
    if level:
        counts, flat = found
        found = flat.reshape(len(counts), -1)[:, int(level)]
    return _with_decimals(found, has, decimals)


def _with_decimals(number: Ints, has: int, decimals: int) -> Ints:
    if has > decimals:
        return number // POWERS[has - decimals]  # type: ignore[no-any-return]
    return number * POWERS[decimals - has] if has < decimals else number


def _ends(values: Ints) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _spelling_of(template: Template, units: dict[str, int]) -> Spelling:
    names = {number: column for column, number in template.columns.items()}
    if template.levels is not None:
        for side, levels in zip(("bid", "ask"), template.levels.sides, strict=True):
            for place, (price, size) in enumerate(levels):
                names[price], names[size] = f"{side}_prices:{place}", f"{side}_sizes:{place}"
    numbers = [(names[number], token.decimals - units.get(names[number], 0)) for number, token in enumerate(template.tokens)]
    return Spelling([text.decode() for text in template.texts], numbers, template.lists)
