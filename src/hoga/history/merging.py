"""history.merging: batches of several series as one, by receipt, in constant memory. Pure.

Of each series one batch is held. All records up to the earliest of the batches' last ones can go out: they are sorted together, those
of the series named first in front where receipts are equal. Within a series the order stays, also where the clock went back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hoga.columns.digits import NONE, Ints
from hoga.history.batch import Arrays, joined, some, taken

__all__ = ["merge"]


def merge(series: list[Iterator[Arrays]]) -> Iterator[Arrays]:
    """The batches of all `series` as one stream. Each record has `series`, the number of its own."""
    held = [_Held(number, batches) for number, batches in enumerate(series)]
    while waiting := [each for each in held if each.fill()]:
        bound = min(int(each.keys[-1]) for each in waiting)
        ready = [part for each in waiting if (part := each.take(bound)) is not None]
        keys = np.concatenate([keys for keys, _ in ready])
        arrays = joined([arrays for _, arrays in ready])
        yield arrays if len(ready) == 1 else taken(arrays, np.argsort(keys, kind="stable"))


class _Held:
    """One series: what is left of its batch, and the receipts by which that is sorted."""

    def __init__(self, number: int, batches: Iterator[Arrays]) -> None:
        self._number = number
        self._batches = batches
        self._rest: Arrays | None = None
        self._last = -(2**63)
        self.keys: Ints = np.zeros(0, np.int64)

    def fill(self) -> bool:
        """Whether there is anything."""
        while not len(self.keys):
            batch = next(self._batches, None)
            if batch is None:
                return False
            batch["series"] = np.full(batch.records, self._number, np.int16)
            self._rest = batch
            times = np.where(batch["recv_ns"] == NONE, batch["event_ns"], batch["recv_ns"])  # what was fetched afterwards has no receipt
            self.keys = np.maximum.accumulate(np.concatenate(([self._last], times)))[1:]
        return True

    def take(self, bound: int) -> tuple[Ints, Arrays] | None:
        """The records received up to then."""
        assert self._rest is not None, "filled before"
        count = int(np.searchsorted(self.keys, bound, side="right"))
        if not count:
            return None
        keys, found = self.keys[:count], some(self._rest, 0, count)
        self._rest, self.keys, self._last = some(self._rest, count, self._rest.records), self.keys[count:], int(keys[-1])
        return keys, found
