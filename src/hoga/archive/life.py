"""archive.life: how recording in a folder ended, so that the next life can say what it missed.

A life that ends in good order says so itself. One that does not leaves its open journals, which say more; should there
be none (it died between two minutes), what was written down after the last sealed one still stands.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from hoga.archive.durable import write_file
from hoga.core.ledger import Reason
from hoga.quality.sequence import RUNS_KEPT

__all__ = ["LAST_FILE", "LOCK_FILE", "LastLife", "LifeFile", "read_last_life"]

LOCK_FILE = ".lock"
"""In the journal folder: held by whoever records or recovers there."""
LAST_FILE = "last.json"


class LastLife(msgspec.Struct, frozen=True, kw_only=True):
    """Recording ended at `ns` for `reason`; these streams were recorded, and received the ids of these runs (first..last,
    the latest last; none where the stream has no ids)."""

    ns: int
    reason: Reason
    streams: dict[str, list[tuple[int, int]]]


class LifeFile:
    """What the next life would need to know of the one that is running. `note` from anywhere, at once; `write` and `end` block."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LAST_FILE
        self._lock = threading.Lock()
        self._ns = 0
        self._streams: dict[str, list[tuple[int, int]]] = {}
        self._fresh = self._over = False

    def note(self, ended_ns: int, live: Iterable[str], runs: Mapping[str, Iterable[Sequence[int]]]) -> None:
        """A minute is sealed: it was recorded until `ended_ns`; `live` streams by wire name, with the runs of their ids."""
        with self._lock:
            self._ns = max(self._ns, ended_ns)
            for name in live:
                self._streams[name] = [*self._streams.get(name, []), *((run[0], run[1]) for run in runs.get(name, ()))][-RUNS_KEPT:]
                self._fresh = True

    def write(self) -> None:
        """Write down what was noted: should nothing else be found, recording broke off there. Raises ArchiveError."""
        with self._lock:
            if self._fresh and not self._over:
                self._fresh = False
                life = LastLife(ns=self._ns, reason=Reason.CRASH, streams=self._streams)
                write_file(self._path, [msgspec.json.encode(life)])

    def end(self, life: LastLife) -> None:
        """Recording ended in good order; nothing is written after this. Raises ArchiveError."""
        with self._lock:
            self._over = True
            write_file(self._path, [msgspec.json.encode(life)])


_decoder = msgspec.json.Decoder(LastLife)


def read_last_life(folder: Path) -> LastLife | None:
    """What the journal folder says of its last life, None when it has none (or an unreadable one)."""
    try:
        return _decoder.decode((folder / LAST_FILE).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None
