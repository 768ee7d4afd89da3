"""history.asking: what a user named (`binance:BTCUSDT`, a list, a path), as series with their days and a span of time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from hoga.archive.form.discover import discover, venue_of
from hoga.archive.form.layout import FORMATS, parse_day, parse_segment
from hoga.archive.form.seriesday import SeriesDay, distinct
from hoga.archive.form.store import list_names, look
from hoga.archive.read.openminute import days_with_open
from hoga.core.errors import ArchiveError, HogaError
from hoga.core.times import DAY_NS, day_start_ns, parse_time_ns
from hoga.venues.registry import VENUES

__all__ = ["Asked", "AskedSeries", "Misasked", "Moment", "What", "ask", "ask_all", "kinds_of", "merged", "moment_ns", "series_of"]

What = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Moment = int | str | date | datetime
"""ns, a UTC time as text (`2026-11-20T03:00:00Z`, a day), a date, or a datetime (UTC when it has no zone)."""


_FILE_KINDS = frozenset(name for spec in VENUES.values() if spec.history is not None for name in spec.history.names)
"""What the exchanges' own files are called."""


class Misasked(HogaError, ValueError):
    """An argument that makes no sense."""


class AskedSeries(NamedTuple):
    """One series: its days in order, and the journals of its open minutes. `capture`: another recorder's file that it is read from,
    `files`: what was made of the exchange's own files; then there are no days."""

    venue: str
    symbol: str
    kind: str
    days: list[SeriesDay]
    journals: list[Path]
    capture: Path | None = None
    files: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """`binance:BTCUSDT`."""
        return f"{self.venue}:{self.symbol}"


class Asked(NamedTuple):
    """Series, and the span that was asked for: received from `start_ns` on and before `end_ns`."""

    series: list[AskedSeries]
    start_ns: int
    end_ns: int


def ask_all(what: What, kind: str | None, day: str | date | None, start: Moment | None, end: Moment | None, root: str | Path) -> Asked:
    """The series that were asked for, in the order of `what`, then by venue, symbol and kind; of any kind where `kind` is None.

    Raises:
        Misasked: an argument that makes no sense. ArchiveError: no such file, folder, venue, symbol or kind, or it cannot be read.
    """
    start_ns, end_ns = _span(day, start, end)
    words = _words_of(what)
    if not words:
        raise Misasked("load: nothing is named; expected venue:SYMBOL, a path, or a list of these")
    found = merged(series for word in words for series in _series_of(word, kind, Path(root)))
    inside = [series._replace(days=[each for each in series.days if _touches(each.day, start_ns, end_ns)]) for series in found]
    return Asked(inside, start_ns, end_ns)


def merged(series: Iterable[AskedSeries]) -> list[AskedSeries]:
    """Each series once, with the days, journals and files of all the paths that named it, each of these once, too."""
    found: dict[tuple[object, ...], list[AskedSeries]] = {}
    for each in series:
        found.setdefault((each.venue, each.symbol, each.kind, each.capture), []).append(each)
    return [_merged(same) for same in found.values()]


def _merged(same: list[AskedSeries]) -> AskedSeries:
    days = distinct(sorted((day for each in same for day in each.days), key=lambda day: (day.day, day.directory, day.only)))
    journals = {path.resolve(): path for each in same for path in each.journals}
    files = {path.resolve(): path for each in same for path in each.files}
    return same[0]._replace(days=days, journals=sorted(journals.values()), files=tuple(files.values()))


def ask(what: What, kind: str | None, day: str | date | None, start: Moment | None, end: Moment | None, root: str | Path) -> Asked:
    """The same, of one kind only. Raises as `ask_all`, and Misasked where there are several kinds."""
    asked = ask_all(what, kind, day, start, end, root)
    kinds = sorted({series.kind for series in asked.series})
    if len(kinds) > 1:
        raise Misasked(f"load: {_shown(_words_of(what))} holds several kinds; name one: {', '.join(kinds)}")
    return asked


def _words_of(what: What) -> list[str | os.PathLike[str]]:
    words = [what] if isinstance(what, str | os.PathLike) else list(what) if isinstance(what, Iterable) else None
    if words is None or not all(isinstance(word, str | os.PathLike) for word in words):
        raise Misasked(f"load: found {what!r:.60}, expected venue:SYMBOL, a path, or a list of these")
    return words


def kinds_of(word: str | os.PathLike[str], root: str | Path) -> list[str]:
    """The kinds of series that a name stands for. Raises as `ask`."""
    return sorted({series.kind for series in series_of(word, root)})


def series_of(word: str | os.PathLike[str], root: str | Path) -> list[AskedSeries]:
    """All series that a name stands for, of every kind and day. Raises as `ask`."""
    return _series_of(word, None, Path(root))


def moment_ns(moment: Moment, name: str) -> int:
    """Nanoseconds. Raises Misasked."""
    try:
        if isinstance(moment, int) and not isinstance(moment, bool):
            return parse_time_ns(str(moment)) if moment >= 10**8 else moment
        if isinstance(moment, date):
            return parse_time_ns(moment.isoformat())
        if isinstance(moment, str):
            return parse_time_ns(moment)
    except (ValueError, OverflowError):
        pass
    raise Misasked(f"load: {name}: found {moment!r}, expected a UTC time like 2026-11-20T03:00:00Z, a day, nanoseconds, or a datetime")


def _span(day: str | date | None, start: Moment | None, end: Moment | None) -> tuple[int, int]:
    if day is not None:
        if start is not None or end is not None:
            raise Misasked("load: day, or start and end, not both")
        text = day.isoformat() if isinstance(day, date) else day
        try:
            begin = day_start_ns(text)
        except (ValueError, TypeError):
            raise Misasked(f"load: day: found {day!r}, expected a day like 2026-11-20") from None
        return begin, begin + DAY_NS
    start_ns = 0 if start is None else moment_ns(start, "start")
    end_ns = 2**63 - 1 if end is None else moment_ns(end, "end")
    if start_ns > end_ns:
        raise Misasked(f"load: start {start} is after end {end}")
    return start_ns, end_ns


def _touches(day: str, start_ns: int, end_ns: int) -> bool:
    begin = day_start_ns(day)
    return begin < end_ns and begin + DAY_NS > start_ns


def _series_of(word: str | os.PathLike[str], kind: str | None, root: Path) -> list[AskedSeries]:
    path = Path(word)
    if look(path) is not None or parse_day(path.name) is not None:
        return _of_path(path, kind)
    venue, colon, symbol = str(word).partition(":")
    if not colon:
        raise ArchiveError(path, "no such file or folder", hint="a series is named venue:SYMBOL")
    if not _is_folder(root):
        raise ArchiveError(root, "no such folder", hint="root= names the data folder")
    venues = sorted(each.path.name for each in list_names(root) if each.is_folder)
    if venue not in venues:
        raise ArchiveError(root, f"nothing of {venue!r} is recorded here", hint=_hint(venue, venues))
    history = VENUES[venue].history if venue in VENUES else None
    if kind is not None and history is not None and kind.lower() in history.names:
        from hoga.history.published import series_of_files

        return [series_of_files(root / venue, venue, symbol, kind.lower())]
    found = _grouped(root / venue)
    symbols = sorted({series.symbol for series in found})
    mine = [series for series in found if series.symbol == symbol]
    if not mine:
        raise ArchiveError(root / venue, f"nothing of {symbol!r} is recorded here", hint=_hint(symbol, symbols))
    return _of_kind(mine, kind, f"{venue}:{symbol}")


def _of_path(path: Path, kind: str | None) -> list[AskedSeries]:
    if path.name.endswith(FORMATS["parquet"]) and not _is_folder(path) and not _has_manifest(path):
        from hoga.history.published import series_of_published
        from hoga.history.tables import series_of_table

        if (published := series_of_published(path)) is not None:
            wanted = kind if kind is None else kind.lower()
            return _of_kind([published], published.kind if wanted == published.kind.partition("-")[0] else wanted, str(path))
        return _of_kind(series_of_table(path), kind, str(path))
    is_ours = _is_folder(path) or parse_day(path.name) is not None or parse_segment(path.name) is not None
    if path.is_dir() and kind is not None and kind.lower() in _FILE_KINDS:
        from hoga.history.published import series_in_folder

        if files := series_in_folder(path, kind.lower()):
            return files
    if is_ours:
        found = _grouped(path)
        if found:
            return _of_kind(found, kind, str(path))
        if _is_folder(path):
            raise ArchiveError(path, "nothing is recorded here")
    from hoga.history.foreign import series_of_capture

    return _of_kind(series_of_capture(path), kind, str(path))


def _is_folder(path: Path) -> bool:
    entry = look(path)
    return entry is not None and entry.is_folder


def _has_manifest(path: Path) -> bool:
    name = parse_day(path.name)
    return name is not None and look(SeriesDay(path.parent, name.symbol, name.kind, name.day).manifest_path) is not None


def _grouped(path: Path) -> list[AskedSeries]:
    """The series below a path, each with its days, those with nothing but an open minute too."""
    found = discover([path])
    found.require_whole()
    inside = path.resolve()
    days = days_with_open(found, lambda day: day.directory.resolve().is_relative_to(inside))
    series: dict[tuple[str, str, str], AskedSeries] = {}
    for day in days:
        venue = venue_of(day.directory)
        key = (venue, day.symbol, day.kind)
        series.setdefault(key, AskedSeries(*key, [], found.journals)).days.append(day)
    return [series[key] for key in sorted(series)]


def _of_kind(found: list[AskedSeries], kind: str | None, where: str) -> list[AskedSeries]:
    if kind is None:
        return found
    mine = [series for series in found if series.kind == kind]
    if not mine:
        kinds = sorted({series.kind for series in found})
        raise ArchiveError(where, f"no {kind} is recorded here", hint=_hint(kind, kinds))
    return mine


def _hint(word: str, words: Iterable[str]) -> str:
    known = sorted(words)
    near = get_close_matches(word.casefold(), [each.casefold() for each in known], 1, 0.5)
    meant = next((each for each in known if near and each.casefold() == near[0]), None)
    return f"did you mean {meant}?" if meant else f"recorded: {', '.join(known[:20]) or 'nothing yet'}"


def _shown(words: Sequence[object]) -> str:
    return ", ".join(map(str, words[:3])) + (" …" if len(words) > 3 else "")
