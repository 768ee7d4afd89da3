"""columns.groups: lines that were read in different ways, put together in their order. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hoga.columns.digits import NONE, Floats, Ints, Numbers
from hoga.columns.shapes import Field
from hoga.columns.slowly import Spelt
from hoga.columns.templates import Template

__all__ = ["Group", "LevelRows", "Rows", "gather", "time_powers"]

_MS_NS = 1_000_000
_YEAR_2000_S = 946_684_800


class LevelRows(NamedTuple):
    """Levels of n books or deltas. `counts`: shape (n, 2), of bids and asks. `prices`, `sizes`: shape (n, 2, levels) where all have as
    many, else flat: record after record, its bids, then its asks."""

    counts: Ints
    prices: Numbers | Spelt
    sizes: Numbers | Spelt

    def some(self, records: Any, levels: Any) -> LevelRows:
        """Those of some of the records: which records, and which of the arrays' first places."""
        return LevelRows(self.counts[records], self.prices[levels], self.sizes[levels])


class Group(NamedTuple):
    """Lines that were read together: `rows`, ascending, are their places in the block.

    `numbers`: column → a value for each; `constants`: column → the one value of all of them, or a list of one for each. `template`: how all
    of them are spelt, None where they are spelt in several ways.
    """

    rows: Ints
    shape: Ints | int
    numbers: dict[str, Numbers | Spelt]
    constants: dict[str, Any]
    levels: LevelRows | None = None
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a block: arrays of `count` values. `decimals`: of the exact ones, column → how many; empty for floats.

    `shape`: which of the wanted shapes each line has. `counts`, `prices`, `sizes`: as in `LevelRows`, None where there are no levels.
    """

    count: int
    columns: dict[str, np.ndarray[Any, np.dtype[Any]]]
    decimals: dict[str, int]
    shape: Ints
    counts: Ints | None = None
    prices: Ints | Floats | None = None
    sizes: Ints | Floats | None = None


def gather(count: int, groups: list[Group], fields: Iterable[Field], *, exact: bool) -> Rows:
    """The rows of all groups, which hold each of `count` lines once. Raises ValueError where `exact` values do not fit."""
    columns: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
    decimals: dict[str, int] = {}
    for field in fields:
        if field.column in columns:
            continue
        if field.how == "decimal":
            parts = [(group.rows, group.numbers[field.column]) for group in groups if field.column in group.numbers]
            columns[field.column], decimals[field.column] = _decimals(count, parts, field.column, exact=exact)
        elif field.how in ("text", "flag", "side", "iso"):
            columns[field.column] = _constants(count, groups, field)
        else:
            columns[field.column] = _integers(count, groups, field)
    shape = np.zeros(count, np.int64)
    for group in groups:
        shape[group.rows] = group.shape
    rows = Rows(count, columns, decimals if exact else {}, shape)
    return _with_levels(rows, groups, exact=exact) if any(group.levels is not None for group in groups) else rows


def _decimals(
    count: int, parts: list[tuple[Ints, Numbers | Spelt]], column: str, *, exact: bool
) -> tuple[np.ndarray[Any, np.dtype[Any]], int]:
    if not exact:
        if len(parts) == 1 and len(parts[0][0]) == count:
            return parts[0][1].floats(), 0
        floats = np.full(count, np.nan)
        for rows, numbers in parts:
            floats[rows] = numbers.floats()
        return floats, 0
    most = max((numbers.decimals for _, numbers in parts), default=0)
    found = np.full(count, NONE, np.int64)
    for rows, numbers in parts:
        found[rows] = _scaled(numbers, most, column)
    return found, most


def _scaled(numbers: Numbers | Spelt, decimals: int, column: str) -> Ints:
    try:
        return numbers.scaled(decimals)
    except OverflowError:
        raise ValueError(f"{column}: a number does not fit 64 bits with {decimals} decimals; floats hold it (exact=False)") from None


def _integers(count: int, groups: list[Group], field: Field) -> Ints:
    only = groups[0].numbers.get(field.column) if len(groups) == 1 else None
    if only is not None and len(groups[0].rows) == count:
        found = _scaled(only, 0, field.column)
    else:
        found = np.full(count, NONE, np.int64)
        for group in groups:
            numbers = group.numbers.get(field.column)
            if numbers is not None:
                found[group.rows] = _scaled(numbers, 0, field.column)
    if field.how == "ms":
        return _times(found, _MS_NS, field.column)
    if field.how == "time":
        return _times(found, 10 ** time_powers(found), field.column)
    return found


def time_powers(found: Ints) -> Ints:
    """The power of ten that makes ns of a time in s, ms, µs or ns: 9, 6, 3 or 0: of the smallest unit in which it is after 2000."""
    powers = np.full(found.shape, 9, np.int64)
    for power in (6, 3, 0):
        powers[found >= _YEAR_2000_S * 10 ** (9 - power)] = power
    return powers


def _times(found: Ints, unit: Ints | int, column: str) -> Ints:
    if isinstance(unit, int) and _all_fit(found, unit):
        return found * unit
    there = found != NONE
    if (np.abs(found[there]) > (2**63 - 1) // (unit if isinstance(unit, int) else unit[there])).any():
        raise ValueError(f"{column}: no time")
    return np.where(there, found * unit, NONE)


def _all_fit(found: Ints, unit: int) -> bool:
    """Whether all are there, and small enough."""
    return not found.size or (int(found.min()) >= 0 and int(found.max()) <= (2**63 - 1) // unit)


def _constants(count: int, groups: list[Group], field: Field) -> np.ndarray[Any, np.dtype[Any]]:
    found: np.ndarray[Any, np.dtype[Any]]
    if field.how == "text":
        found, nothing = np.full(count, None, object), None
    elif field.how == "iso":
        found, nothing = np.full(count, NONE, np.int64), NONE
    else:
        found, nothing = np.full(count, -1 if field.how == "flag" else 0, np.int8), -1 if field.how == "flag" else 0
    for group in groups:
        values = group.constants.get(field.column)
        if isinstance(values, list):
            found[group.rows] = [nothing if value is None else _said(field, value) for value in values]
        elif values is not None:
            found[group.rows] = _said(field, values)
    return found


def _said(field: Field, value: Any) -> Any:
    return 2 * value - 1 if field.how == "side" else value


def _with_levels(rows: Rows, groups: list[Group], *, exact: bool) -> Rows:
    there = [(group.rows, group.levels) for group in groups if group.levels is not None]
    counts = np.zeros((rows.count, 2), np.int64)
    for at, levels in there:
        counts[at] = levels.counts
    even = bool(counts.size) and bool((counts == counts[0, 0]).all()) and counts[0, 0] > 0
    found: list[np.ndarray[Any, np.dtype[Any]]] = []
    decimals = dict(rows.decimals)
    for name in ("prices", "sizes"):
        parts: list[Numbers | Spelt] = [getattr(levels, name) for _, levels in there]
        most = max(part.decimals for part in parts)
        values = [_scaled(part, most, name) if exact else part.floats() for part in parts]
        if exact:
            decimals[name] = most
        if len(values) == 1 and len(there[0][0]) == rows.count:
            found.append(values[0].reshape(rows.count, 2, -1) if even else values[0].reshape(-1))
            continue
        flat = np.empty(int(counts.sum()), np.int64 if exact else np.float64)
        begins = np.concatenate(([0], np.cumsum(counts.sum(axis=1))))
        for (at, levels), part in zip(there, values, strict=True):
            sums = levels.counts.sum(axis=1)
            inside = np.arange(int(sums.sum())) - np.repeat(np.cumsum(sums) - sums, sums)
            flat[np.repeat(begins[at], sums) + inside] = part.reshape(-1)
        found.append(flat.reshape(rows.count, 2, -1) if even else flat)
    return replace(rows, counts=counts, prices=found[0], sizes=found[1], decimals=decimals)
