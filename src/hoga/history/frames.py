"""history.frames: arrays as Arrow tables, polars and pandas frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hoga.columns.digits import NONE
from hoga.history.batch import Array, Arrays
from hoga.runtime import libraries

__all__ = ["arrow", "lazy", "pandas", "polars"]

_SIDES = ("bid", "ask")
_PARTS = (("prices", "price"), ("sizes", "size"))


def arrow(arrays: Arrays, names: list[str]) -> Any:
    """A pyarrow Table. `names`: of the series that `series` counts. Exact columns' powers stand in the schema's metadata."""
    pa = libraries.pyarrow()
    columns: dict[str, Any] = {}
    for name, values in arrays.items():
        if name in ("counts", "offsets"):
            continue
        if name in ("prices", "sizes"):
            columns |= _levels(pa, arrays, name)
        elif name == "series":
            columns[name] = pa.DictionaryArray.from_arrays(pa.array(values), pa.array(names)).cast(pa.string())
        elif name.endswith("_ns"):
            columns[name] = pa.array(values, mask=values == NONE).cast(pa.timestamp("ns", "UTC"))
        else:
            columns[name] = _plain(pa, values)
    table = pa.table(columns)
    powers = {f"{name}_power": str(power) for name, power in arrays.powers.items()}
    return table.replace_schema_metadata(powers) if powers else table


def polars(arrays: Arrays, names: list[str]) -> Any:
    """A polars DataFrame."""
    pl = libraries.polars()
    return pl.from_arrow(arrow(arrays, names))


def lazy(batches: Callable[[], Iterator[Arrays]], names: list[str]) -> Any:
    """A polars LazyFrame: what it selects and filters is taken batch by batch."""
    pl = libraries.polars()
    plugins = libraries.polars_plugins()

    def source(with_columns: list[str] | None, predicate: Any, n_rows: int | None, batch_size: int | None) -> Iterator[Any]:
        left = n_rows
        for batch in batches():
            frame = polars(batch, names)
            if predicate is not None:
                frame = frame.filter(predicate)
            if with_columns is not None:
                frame = frame.select(with_columns)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    first = next(batches(), None)
    if first is None:
        return pl.LazyFrame()
    return plugins.register_io_source(source, schema=polars(first, names).schema)


def pandas(arrays: Arrays, names: list[str]) -> Any:
    """A pandas DataFrame; the levels of books are columns of their own."""
    pd = libraries.pandas()
    cube = "prices" in arrays and arrays["prices"].ndim == 3
    if not cube:
        return arrow(arrays, names).to_pandas()
    columns: dict[str, Array] = {}
    for name, values in arrays.items():
        if name not in ("prices", "sizes"):
            columns[name] = values
    frame = arrow(Arrays(columns, arrays.powers), names).to_pandas()
    levels = {
        f"{side}_{part}_{level + 1}": arrays[name][:, number, level]
        for number, side in enumerate(_SIDES)
        for level in range(arrays["prices"].shape[2])
        for name, part in _PARTS
    }
    return pd.concat([frame, pd.DataFrame(levels)], axis=1)


def _levels(pa: Any, arrays: Arrays, name: str) -> dict[str, Any]:
    part = dict(_PARTS)[name]
    values = arrays[name]
    found: dict[str, Any] = {}
    for number, side in enumerate(_SIDES):
        if values.ndim == 3:
            there = arrays["sizes"][:, number] == arrays["sizes"][:, number] if values.dtype.kind == "f" else values[:, number] != NONE
            counts = there.sum(axis=1)
            flat = values[:, number][there]
        else:
            counts = arrays["counts"][:, number]
            within = np.arange(len(values)) - np.repeat(arrays["offsets"][:-1], np.diff(arrays["offsets"]))
            bids = np.repeat(arrays["counts"][:, 0], np.diff(arrays["offsets"]))
            flat = values[within < bids if number == 0 else within >= bids]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts))).astype(np.int32)
        found[f"{side}_{part}s"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    return found


def _plain(pa: Any, values: Array) -> Any:
    """NaN stays NaN; an integer that is not there is null."""
    if values.dtype == np.int64:
        return pa.array(values, mask=values == NONE)
    return pa.array(values)
