"""columns.slowly: lines one by one, by the rules of JSON, exactly: for those that are spelt like no other. Pure.

Shares nothing with the fast way but the words of `shapes`, so that each can be held against the other.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from hoga.columns.digits import MOST_DIGITS, NONE, Bools, Floats, Ints
from hoga.columns.shapes import Field, LevelLists, LevelUnits, Shape

__all__ = ["SlowReader", "SlowRow", "Spelt", "iso_ns"]

_LARGEST = 2**63 - 1
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Spelt:
    """Decimals as they were spelt, None where there is none: what `digits.Numbers` is of the fast way."""

    __slots__ = ("decimals", "values")

    def __init__(self, values: list[Decimal | None]) -> None:
        self.values = values
        self.decimals = max((max(0, -_exponent(value)) for value in values if value is not None), default=0)

    def __getitem__(self, which: Ints | Bools) -> Spelt:
        """Some of them."""
        return Spelt([self.values[at] for at in np.arange(len(self.values))[which]])

    def floats(self) -> Floats:
        """The float64 nearest to each, NaN where there is none."""
        return np.array([np.nan if value is None else float(value) for value in self.values], np.float64)

    def scaled(self, decimals: int) -> Ints:
        """The values as integers of so many decimals. Raises OverflowError when one is no int64."""
        if decimals > MOST_DIGITS:
            raise OverflowError
        return np.array([NONE if value is None else _integer(value, decimals) for value in self.values], np.int64)


class SlowRow(NamedTuple):
    """What was wanted of one line: column → value (Decimal, int of a flag, text), and its levels, bids and asks."""

    shape: int
    values: dict[str, Any]
    levels: tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]] | None


class SlowReader:
    """Reads single lines that have one of `shapes`."""

    def __init__(self, shapes: tuple[Shape, ...], envelope: tuple[Field, ...] = ()) -> None:
        self._shapes = shapes
        self._envelope = envelope
        own = {field.keys[0] for field in envelope}
        self._decode = json.JSONDecoder(
            parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=lambda pairs: _object(pairs, own)
        ).decode

    def read(self, line: bytes) -> SlowRow:
        """One line. Raises ValueError saying what is wrong with it."""
        try:
            record = self._decode(line.decode())
        except RecursionError:
            raise ValueError("nested deeper than anybody can read") from None
        if not isinstance(record, dict):
            raise ValueError("no JSON object")
        fitting = (at for at, each in enumerate(self._shapes) if each.mark is None or record.get(each.mark[0]) == each.mark[1])
        number = next(fitting, None)
        if number is None:
            raise ValueError("a record of another kind")
        shape = self._shapes[number]
        values = {field.column: _value(record, field) for field in (*self._envelope, *shape.fields)}
        return SlowRow(number, values, None if shape.levels is None else _levels(record, shape.levels))


def iso_ns(text: str) -> int:
    """Nanoseconds of a UTC time as ISO-8601 text. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000


def _object(pairs: list[tuple[str, Any]], own: set[str]) -> dict[str, Any]:
    """Of a key that comes twice the last value counts; of hoga's own keys the first, which is hoga's."""
    found = dict(pairs)
    if len(found) != len(pairs):
        for key, value in reversed(pairs):
            if key in own:
                found[key] = value
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _value(record: dict[str, Any], field: Field) -> Any:
    found: Any = record
    for key in field.keys:
        found = found.get(key) if isinstance(found, dict) else None
    name = ".".join(field.keys)
    if found is None or (found == "" and field.how == "decimal"):
        if field.needed:
            raise ValueError(f"there is no {name}")
        return None
    if field.how in ("flag", "side"):
        if isinstance(found, str) and field.texts is not None and found in field.texts:
            found = found == field.texts[0]
        elif isinstance(found, int) and found in (0, 1):  # as some recorders write it
            found = bool(found)
        if not isinstance(found, bool):
            raise ValueError(f"{name} is neither true nor false")
        return int(found is not field.flip)
    if field.how in ("text", "iso"):
        if not isinstance(found, str):
            raise ValueError(f"{name} is no text")
        return iso_ns(found) if field.how == "iso" else found.removeprefix(field.cut)
    number = _number(found, name)
    if field.how != "decimal" and (_exponent(number) < 0 or abs(number) > _LARGEST):
        raise ValueError(f"{name} is no integer of 64 bits")
    return number


def _number(found: Any, name: str) -> Decimal:
    if isinstance(found, bool) or not isinstance(found, int | Decimal | str):
        raise ValueError(f"{name} is no number")
    try:
        number = Decimal(found)
    except ArithmeticError:
        raise ValueError(f"{name} is no number") from None
    if not number.is_finite() or (isinstance(found, str) and not _PLAIN.fullmatch(found)):
        raise ValueError(f"{name} is no number")
    return number


def _levels(record: dict[str, Any], said: LevelLists | LevelUnits) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    if isinstance(said, LevelLists):
        return _side(record, said.bids), _side(record, said.asks)
    units = record.get(said.units)
    if not isinstance(units, list) or not all(isinstance(unit, dict) for unit in units):
        raise ValueError(f"{said.units} is no list of levels")
    bids = [(_number(unit.get(said.bid_price), said.bid_price), _number(unit.get(said.bid_size), said.bid_size)) for unit in units]
    asks = [(_number(unit.get(said.ask_price), said.ask_price), _number(unit.get(said.ask_size), said.ask_size)) for unit in units]
    return bids, asks


def _side(record: dict[str, Any], key: str) -> list[tuple[Decimal, Decimal]]:
    side = record.get(key)
    if not isinstance(side, list) or not all(isinstance(level, list) and (len(level) == 2 or level[2:] == [[]]) for level in side):
        raise ValueError(f"{key} is no list of levels")
    return [(_number(level[0], key), _number(level[1], key)) for level in side]


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _integer(value: Decimal, decimals: int) -> int:
    sign, digits, _ = value.as_tuple()
    power = _exponent(value) + decimals
    number = int("".join(map(str, digits)))
    if number and power > MOST_DIGITS:
        raise OverflowError
    number = number * 10**power if power >= 0 else number // 10**-power
    if number > _LARGEST:
        raise OverflowError
    return int(-number if sign else number)
