"""venues.history: the shape of a venue's historical archive: where its files are, and what their columns hold. Pure data.

The venue's folder fills it in; `history` (planning, fetching, reading) reads these facts and knows no venue itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

__all__ = ["Column", "FileKind", "HistorySpec", "Holds"]


class Holds(Enum):
    """What a column of an exchange's CSV holds."""

    WHOLE = "a whole number"
    DECIMAL = "a decimal with at most eight places"
    TIME = "a time in ms or µs"
    TRUTH = "true or false, in any case"
    NOTHING = "nothing that is kept"


class Column(NamedTuple):
    """One column, by the name it has in what is made of it. Times end in `_ns` there: they are nanoseconds since 1970."""

    name: str
    holds: Holds


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """One type of files, in the venue's words.

    `name`: as it stands in paths. `kind`: the archive's word for what they hold (`core.streams.Kind`). `columns`: in their order; the last
    `optional` of them may be missing. `identity`: the column that a row is known by; `chained`: each is the one before it plus 1 (plus the
    interval, for rows that have one), so it proves holes. `time`: the column of a row's moment. `by_interval`: there are
    files of several intervals, each in a folder of its own.
    """

    name: str
    kind: str
    columns: tuple[Column, ...]
    identity: str
    time: str
    chained: bool = True
    optional: int = 0
    by_interval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySpec:
    """The archive of one venue. `folder`: what all its keys begin with, without a slash at the end. `listing_url`: where keys are listed
    when the archive is at its usual address; elsewhere it is listed at `HISTORY_URL/?prefix=`. `kinds`: by the venue's name of the type,
    the usual one first. `intervals`: name → length in ms; `interval`: the usual one.
    """

    folder: str
    listing_url: str
    kinds: Mapping[str, FileKind]
    intervals: Mapping[str, int]
    interval: str = "1m"

    @property
    def names(self) -> dict[str, str]:
        """What users call the types: `aggtrades` → `aggTrades`, and `klines-1h` for one interval."""
        found = {name.lower(): name for name in self.kinds}
        timed = [name for name, kind in self.kinds.items() if kind.by_interval]
        return found | {f"{name.lower()}-{interval}": name for name in timed for interval in self.intervals}
