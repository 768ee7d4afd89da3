"""history.batch: records as arrays: one array for each column, all as long as there are records; and arrays that grow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hoga.columns.digits import NONE

__all__ = ["Arrays", "Collector", "joined", "some", "take_out_padding", "taken"]

Array = np.ndarray[Any, np.dtype[Any]]

FLAT = ("prices", "sizes")
"""Columns of deltas that have an entry for each level: `offsets` (n + 1,) says where a record's begin."""


class Arrays(dict[str, Array]):
    """Columns by name: `arrays["prices"]`, `arrays.prices`. `powers`: of exact columns, name → the power of ten that they count; empty for
    floats."""

    def __init__(self, columns: Mapping[str, Array] | Iterable[tuple[str, Array]] = (), powers: Mapping[str, int] | None = None) -> None:
        super().__init__(columns)
        self.powers = dict(powers or {})

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name.endswith("_power") and (power := self._power(name.removesuffix("_power"))) is not None:
            return power
        raise AttributeError(f"no column {name!r}; there are {', '.join(self)}")

    def _power(self, name: str) -> int | None:
        return self.powers.get(name, self.powers.get(f"{name}s"))

    @property
    def records(self) -> int:
        """How many records there are; what `at` gives is one."""
        return int(np.size(self["recv_ns"])) if "recv_ns" in self else 0

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {np.shape(each)} {np.asarray(each).dtype}" for name, each in self.items())
        return f"<Arrays of {self.records} records: {columns}>"


def some(arrays: Arrays, start: int, stop: int) -> Arrays:
    """The records from `start` on and before `stop`."""
    if "offsets" not in arrays:
        return Arrays(((name, each[start:stop]) for name, each in arrays.items()), arrays.powers)
    offsets = arrays["offsets"]
    first, last = int(offsets[start]), int(offsets[stop])
    found = {name: each[first:last] if name in FLAT else each[start:stop] for name, each in arrays.items() if name != "offsets"}
    return Arrays(found | {"offsets": offsets[start : stop + 1] - first}, arrays.powers)


def taken(arrays: Arrays, order: Array) -> Arrays:
    """The records in another order."""
    if "offsets" not in arrays:
        return Arrays(((name, each[order]) for name, each in arrays.items()), arrays.powers)
    offsets = arrays["offsets"]
    lengths = np.diff(offsets)[order]
    ends = np.cumsum(lengths)
    places = np.repeat(offsets[:-1][order] - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)
    found = {name: each[places] if name in FLAT else each[order] for name, each in arrays.items() if name != "offsets"}
    return Arrays(found | {"offsets": np.concatenate(([0], ends))}, arrays.powers)


def joined(parts: list[Arrays]) -> Arrays:
    """Records after records; what a part does not have is missing there. Raises OverflowError where exact numbers fit no power of all."""
    collector = Collector()
    for part in parts:
        collector.add(part)
    return collector.arrays()


def take_out_padding(arrays: Arrays, *, exact: bool) -> None:
    """Levels of price and size 0, with which a venue fills short sides, are none. Of books; a short side has one last of all, or is shorter
    than another in the same arrays."""
    lowest = arrays["sizes"][:, :, -1] if arrays["sizes"].shape[2] else arrays["sizes"]
    sound = ~np.isnan(lowest) if lowest.dtype.kind == "f" else lowest != NONE
    if sound.all() and not (lowest == 0).any():
        return
    padding = (arrays["prices"] == 0) & (arrays["sizes"] == 0)
    for name in FLAT:
        arrays[name] = np.where(padding, NONE if exact else np.nan, arrays[name])


def _rescaled(values: Array, power: int, wanted: int) -> Array:
    """Exact numbers that count another power of ten. Raises OverflowError."""
    if power == wanted:
        return values
    factor = 10 ** (power - wanted)
    there = values != NONE
    if values.size and int(np.abs(values[there]).max(initial=0)) > (2**63 - 1) // factor:
        raise OverflowError
    return np.where(there, values * factor, NONE)


class Collector:
    """Grows columns record by record, without copying what is there more often than when they double.

    `expected`: how many records may come, as far as one knows.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected = expected
        self._columns: dict[str, Array] = {}
        self._powers: dict[str, int] = {}
        self._records = 0
        self._levels = 0

    def add(self, part: Arrays) -> None:
        """Take records. Raises OverflowError where exact numbers fit no power of all."""
        count = part.records
        level_count = len(part["prices"]) if "offsets" in part else 0
        for name, values in part.items():
            if name == "offsets":
                values = values[1:] + self._levels
            flat = name in FLAT and "offsets" in part
            self._put(name, values, self._levels if flat else self._records, part.powers.get(name))
        for name, column in self._columns.items():
            if name not in part and name != "offsets":
                self._columns[name] = _grown(column, self._records + count, column.shape[1:])
                self._columns[name][self._records : self._records + count] = _missing(column.dtype)
        self._records += count
        self._levels += level_count

    def arrays(self) -> Arrays:
        """Everything that came."""
        flat = "offsets" in self._columns
        found = {name: column[: self._levels if flat and name in FLAT else self._records] for name, column in self._columns.items()}
        if flat:
            found["offsets"] = np.concatenate((np.zeros(1, np.int64), found["offsets"]))
        return Arrays(found, self._powers)

    def _put(self, name: str, values: Array, at: int, power: int | None) -> None:
        column = self._columns.get(name)
        if column is None:
            room = max(len(values), self._expected)
            column = np.empty((room, *values.shape[1:]), values.dtype)
            column[:at] = _missing(values.dtype)
            self._columns[name] = column
            if power is not None:
                self._powers[name] = power
        if power is not None and power != self._powers[name]:
            least = min(power, self._powers[name])
            column[:at] = _rescaled(column[:at], self._powers[name], least)
            values = _rescaled(values, power, least)
            self._powers[name] = least
        shape = tuple(map(max, column.shape[1:], values.shape[1:]))
        column = self._columns[name] = _grown(column, at + len(values), shape)
        if values.shape[1:] == shape:
            column[at : at + len(values)] = values
        else:
            column[at : at + len(values)] = _missing(values.dtype)
            column[at : at + len(values), :, : values.shape[2]] = values


def _grown(column: Array, needed: int, shape: tuple[int, ...]) -> Array:
    """The column with room for so many records of that shape."""
    if needed <= len(column) and column.shape[1:] == shape:
        return column
    larger = np.empty((max(needed, len(column) if needed <= len(column) else 2 * len(column)), *shape), column.dtype)
    if column.shape[1:] == shape:
        larger[: len(column)] = column
    else:
        larger[: len(column)] = _missing(column.dtype)
        larger[: len(column), :, : column.shape[2]] = column
    return larger


def _missing(dtype: np.dtype[Any]) -> Any:
    """What stands where there is no value."""
    if dtype.kind == "f":
        return np.nan
    if dtype == np.int64:
        return NONE
    return None if dtype.kind == "O" else 0
