"""archive.form.places: where trades that were fetched afterwards stand among those that were received, by their ids. Pure.

A healed trade comes right before the first record that was received of its chain with an id as high as its own, or higher. Every reader
asks here, so that text, arrays and events have one order.

Calling contract: `add` what was healed; then `take` the ids that were received, in the archive's order, as many at a time as one likes
(healed ids that are added later have their places among what comes after); last `rest`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Ints = np.ndarray[tuple[int], np.dtype[np.int64]]

__all__ = ["Places"]


class Places:
    """Healed trades that have not found their places yet. `number`: whatever the caller knows each by, say its place in a list."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[Ints, Ints]] = {}
        self._highest: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._waiting.values())

    @property
    def chains(self) -> list[Hashable]:
        """Those that some wait for."""
        return [chain for chain, (ids, _) in self._waiting.items() if len(ids)]

    def add(self, chain: Hashable, ids: Sequence[int] | Ints, numbers: Sequence[int] | Ints) -> None:
        """Healed trades of a chain, in any order."""
        import numpy as np

        ids, numbers = np.asarray(ids, np.int64), np.asarray(numbers, np.int64)
        if chain in self._waiting:
            ids, numbers = (np.concatenate(pair) for pair in zip(self._waiting[chain], (ids, numbers), strict=True))
        order = np.argsort(ids, kind="stable")
        self._waiting[chain] = (ids[order], numbers[order])

    def take(self, chain: Hashable, ids: Sequence[int] | Ints) -> tuple[Ints, Ints]:
        """The next ids that were received of a chain. Returns (numbers, at): the healed trades that have their places among them, by their
        ids, and before which of these records each comes."""
        import numpy as np

        waiting, numbers = self._waiting.get(chain, (np.zeros(0, np.int64),) * 2)
        if not len(ids):
            return numbers[:0], numbers[:0]
        so_far = np.concatenate(([self._highest.get(chain, -1)], np.asarray(ids, np.int64)))
        highest = np.maximum.accumulate(so_far)[1:]
        self._highest[chain] = int(highest[-1])
        count = int(np.searchsorted(waiting, highest[-1], side="right"))
        if chain in self._waiting:
            self._waiting[chain] = (waiting[count:], numbers[count:])
        return numbers[:count], np.searchsorted(highest, waiting[:count]).astype(np.int64)

    def rest(self) -> list[int]:
        """The numbers of those behind everything that was received, chain by chain, by their ids. None waits then."""
        found = [int(number) for _, numbers in self._waiting.values() for number in numbers]
        self._waiting.clear()
        return found
