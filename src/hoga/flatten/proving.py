"""flatten.proving: what the journals of a trader and of its exits prove together, and what a trader that still writes proves more.

The trader's journal is read on behind what was read. That of the exits is not: what this exit does, it counts itself.
"""

from __future__ import annotations

import heapq
from pathlib import Path

from hoga.audit.folder import list_files
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovered, Recovery

__all__ = ["EXIT_FOLDER", "Journals", "recovered_of"]

EXIT_FOLDER = "exit"


class Journals:
    """One reading of the journals in a trader's `journal` folder, that goes on."""

    def __init__(self, journal: Path) -> None:
        self._trader = Walk(journal)
        self._walks = [self._trader, *(Walk(each) for each in (journal / EXIT_FOLDER,) if list_files(each))]
        self._recovery = Recovery()

    @property
    def is_whole(self) -> bool:
        """Whether all that was read is as it was written."""
        return not any(fault.kind != "torn" for walk in self._walks for fault in walk.faults)

    def read(self) -> Recovered:
        """What all of it proves. Once, first. Raises OSError."""
        for record in heapq.merge(*(walk.records() for walk in self._walks), key=lambda record: record.t):
            self._recovery.feed(record)
        return self._recovery.result()

    def read_on(self) -> Recovered | None:
        """What it proves now; None: the trader has written nothing since. Raises OSError."""
        before = self._trader.last_n
        for record in self._trader.more():
            self._recovery.feed(record)
        return None if self._trader.last_n == before else self._recovery.result()


def recovered_of(journal: Path) -> Recovered | None:
    """What the journals of a trader and of its exits prove together; None: the trader has none. Raises OSError."""
    return None if not list_files(journal) else Journals(journal).read()
