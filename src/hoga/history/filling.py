"""history.filling: trades that were fetched afterwards, put among those that were received, by their ids.

`archive.form.places` says where each comes. It has no receipt (`recv_ns` is numpy's NaT).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hoga.archive.form.healed import healed_path
from hoga.archive.form.places import Places
from hoga.archive.form.wanted import shapes_of
from hoga.archive.read.told import healed_lines
from hoga.columns.reading import Reader
from hoga.columns.shapes import Field
from hoga.core.errors import SegmentCorrupt
from hoga.history.asking import AskedSeries
from hoga.history.batch import Array, Arrays, joined, taken

__all__ = ["filled"]

_ID = "trade_id"
_CHAIN = "channel"
_ENVELOPE = (Field("recv_ns", ("recvNs",), "ns"), Field("event_ns", ("eventTime",), "ms"))


def filled(batches: Iterator[Arrays], series: AskedSeries, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """The batches of a series, with what was healed of it between `start_ns` and `end_ns` (by the venue's time) in its places."""
    lines = [line for day in series.days for line in healed_lines(day)]
    if not lines:
        yield from batches
        return
    healed = _Healed(_decoded(series, lines, start_ns, end_ns, exact=exact))
    for batch in batches:
        yield healed.into(batch)
    if (rest := healed.rest()) is not None:
        yield rest


def _decoded(series: AskedSeries, lines: list[bytes], start_ns: int, end_ns: int, *, exact: bool) -> Arrays:
    from hoga.history.decoding import arrays_of

    shapes = shapes_of(series.venue, series.kind)
    try:
        rows = Reader(shapes, _ENVELOPE, exact=exact).read(b"\n".join(lines) + b"\n")
    except ValueError as fault:
        raise SegmentCorrupt(healed_path(series.days[0]), f"a healed trade cannot be read: {fault}") from fault
    arrays = arrays_of(rows, series.kind, exact=exact)
    if any(shape.mark is not None for shape in shapes):
        arrays[_CHAIN] = np.array([shape.mark[1] if shape.mark else None for shape in shapes], object)[rows.shape]
    arrays["gap_before"] = np.zeros(arrays.records, bool)
    inside = np.flatnonzero((arrays["event_ns"] >= start_ns) & (arrays["event_ns"] < end_ns))
    return taken(arrays, inside)


class _Healed:
    """What was healed and has no place yet."""

    def __init__(self, rows: Arrays) -> None:
        self._rows = rows
        self._places = Places()
        for chain in _chains_of(rows):
            mine = _of_chain(rows, chain)
            self._places.add(chain, rows[_ID][mine], mine)

    def into(self, batch: Arrays) -> Arrays:
        """The batch with all that comes before its records."""
        coming, places = [], [2 * np.arange(batch.records) + 1]
        for chain in self._places.chains:
            mine = _of_chain(batch, chain)
            numbers, at = self._places.take(chain, batch[_ID][mine])
            coming.append(numbers)
            places.append(2 * mine[at])
        if not any(map(len, coming)):
            return batch
        whole = joined([batch, taken(self._rows, np.concatenate(coming))])
        return taken(whole, np.argsort(np.concatenate(places), kind="stable"))

    def rest(self) -> Arrays | None:
        """What lies behind everything that was received."""
        left = np.array(self._places.rest(), np.int64)
        return taken(self._rows, left) if len(left) else None


def _chains_of(rows: Arrays) -> list[object]:
    return list(dict.fromkeys(rows[_CHAIN].tolist())) if _CHAIN in rows else [None]


def _of_chain(rows: Arrays, chain: object) -> Array:
    """The places of a chain's records."""
    return np.flatnonzero(rows[_CHAIN] == chain) if _CHAIN in rows else np.arange(rows.records)
