"""archive.form.seriesday: one day of one series, as one value: where its files are. Pure, but for asking what exists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.layout import FORMATS, day_stem, segment_stem
from hoga.archive.form.store import look

__all__ = ["SeriesDay", "distinct"]


class SeriesDay(msgspec.Struct, frozen=True, order=True):
    """One day of one series. `directory`: the series' LOB_DIR, CHART_DIR or kind folder.

    `only` restricts it to one segment file of the temporary folder (a path that named just that).
    """

    directory: Path
    symbol: str
    kind: str
    day: str
    only: str = ""

    def __str__(self) -> str:
        return f"{self.symbol} {self.kind} {self.day}"

    @property
    def stem(self) -> str:
        """How the names of the day's files begin: `BTCUSDT_orderbook_2026-11-20`."""
        return day_stem(self.symbol, self.kind, self.day)

    def segment_stem(self, minute: str, *, part: int = 1) -> str:
        """How the name of a segment begins, up to its suffix."""
        return segment_stem(self.symbol, self.kind, self.day, minute, part=part)

    @property
    def manifest_path(self) -> Path:
        """Where its manifest is, once the day is merged."""
        return self.directory / f"{self.stem}.manifest.json"

    @property
    def archive_paths(self) -> list[Path]:
        """The day files that exist (one, or none)."""
        return [path for suffix in FORMATS.values() if look(path := self.directory / (self.stem + suffix)) is not None]

    @property
    def folder(self) -> Path:
        """Where its segments and its ledger live until the day is merged."""
        return self.directory / "temporary" / self.stem

    @property
    def ledger(self) -> Path:
        """Where its ledger is, until the day is merged."""
        return self.folder / f"{self.stem}.ledger.jsonl"


def distinct(days: Iterable[SeriesDay]) -> list[SeriesDay]:
    """Each day once, in the order given, however its path was spelled; a single segment not where the whole of its day is there, too."""
    folders: dict[Path, Path] = {}
    found: dict[tuple[Path, str, str, str, str], SeriesDay] = {}
    for day in days:
        folder = folders[day.directory] if day.directory in folders else folders.setdefault(day.directory, day.directory.resolve())
        only = str(Path(day.only).resolve()) if day.only else ""
        found.setdefault((folder, day.symbol, day.kind, day.day, only), day)
    return [day for (*series_day, only), day in found.items() if not only or (*series_day, "") not in found]
