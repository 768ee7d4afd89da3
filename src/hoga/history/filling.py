"""history.filling: trades that were fetched afterwards, put among those that were received, by their ids.

A healed trade comes right before the first record of its chain that has a higher id. It has no receipt (`recv_ns` is numpy's NaT).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hoga.archive.form.healed import healed_path, read_rows
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.wanted import shapes_of
from hoga.archive.read.told import healed_of
from hoga.columns.digits import Ints
from hoga.columns.reading import Reader
from hoga.columns.shapes import Field
from hoga.core.errors import SegmentCorrupt
from hoga.history.asking import AskedSeries
from hoga.history.batch import Array, Arrays, joined, some, taken

__all__ = ["filled", "healed_lines"]

_ID = "trade_id"
_CHAIN = "channel"
_ENVELOPE = (Field("recv_ns", ("recvNs",), "ns"), Field("event_ns", ("eventTime",), "ms"))


def healed_lines(day: SeriesDay) -> list[bytes]:
    """The healed lines of a day, none without such a file. Raises SegmentCorrupt, ManifestMismatch, ArchiveError."""
    told = None if day.only else healed_of(day)
    if told is None:
        return []
    path = healed_path(day)
    try:
        return read_rows(path, told)
    except FileNotFoundError:
        raise SegmentCorrupt(path, "the file of healed trades is not there") from None


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
    """What was healed, in the order of ids, chain by chain; what has found its place is gone."""

    def __init__(self, rows: Arrays) -> None:
        self._chains: dict[object, Arrays] = {}
        self._highest: dict[object, int] = {}
        for chain in _chains_of(rows):
            mine = _of_chain(rows, chain)
            self._chains[chain] = taken(rows, mine[np.argsort(rows[_ID][mine], kind="stable")])

    def into(self, batch: Arrays) -> Arrays:
        """The batch with all that comes before its highest ids."""
        parts, places = [batch], [2 * np.arange(batch.records) + 1]
        for chain, rows in self._chains.items():
            mine = _of_chain(batch, chain)
            if not len(mine) or not rows.records:
                continue
            highest = np.maximum.accumulate(np.concatenate(([self._highest.get(chain, -1)], batch[_ID][mine])))[1:]
            self._highest[chain] = int(highest[-1])
            count = int(np.searchsorted(rows[_ID], highest[-1]))
            if count:
                at: Ints = np.searchsorted(highest, rows[_ID][:count])
                parts.append(some(rows, 0, count))
                places.append(2 * mine[at])
                self._chains[chain] = some(rows, count, rows.records)
        if len(parts) == 1:
            return batch
        return taken(joined(parts), np.argsort(np.concatenate(places), kind="stable"))

    def rest(self) -> Arrays | None:
        """What lies behind everything that was received."""
        left = [rows for rows in self._chains.values() if rows.records]
        return joined(left) if left else None


def _chains_of(rows: Arrays) -> list[object]:
    return list(dict.fromkeys(rows[_CHAIN].tolist())) if _CHAIN in rows else [None]


def _of_chain(rows: Arrays, chain: object) -> Array:
    """The places of a chain's records."""
    return np.flatnonzero(rows[_CHAIN] == chain) if _CHAIN in rows else np.arange(rows.records)
