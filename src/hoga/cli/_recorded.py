"""cli._recorded: from what a person typed to what is recorded: paths, VENUE:SYMBOL, kinds, times. Mistakes name the nearest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake
from hoga.core.times import is_day, iso_of, parse_time_ns

if TYPE_CHECKING:
    from hoga.archive.form.discover import Found
    from hoga.archive.form.seriesday import SeriesDay

__all__ = [
    "Fill",
    "Picked",
    "mistake",
    "nearest",
    "pick",
    "recorded_span",
    "require_archive",
    "require_day",
    "require_kind",
    "require_present",
    "say_where_buckets_are",
    "time_of",
]


Fill = Annotated[bool, typer.Option("--fill/--no-fill", help="With the trades that hoga heal has fetched, or only what was received.")]
"""Of every command that reads records."""


class Picked(NamedTuple):
    """Days of series, the journals of their open minutes, and all that was found where they were looked for."""

    days: list[SeriesDay]
    journals: list[Path]
    found: Found


def require_present(paths: Iterable[Path]) -> None:
    """Raises ConfigError for a path that is not there."""
    from hoga.archive.form.store import look

    paths = list(paths)
    say_where_buckets_are(paths)
    for path in paths:
        try:
            if look(path) is None:
                raise mistake("PATH", str(path), "a file or folder that exists")
        except OSError as fault:
            raise mistake("PATH", str(path), f"a file or folder that can be read ({fault.strerror or fault})") from fault


def require_archive(paths: Iterable[Path]) -> None:
    """Raises ConfigError for a path that is not there, or a file that is none of an archive's."""
    from hoga.archive.form.discover import discover
    from hoga.archive.form.store import look

    paths = list(paths)
    require_present(paths)
    for path in paths:
        if (entry := look(path)) is not None and not entry.is_folder:
            try:
                discover([path])
            except ArchiveError as fault:
                told = f"{fault.why}: {fault.hint}" if fault.hint else fault.why
                raise mistake("PATH", str(path), f"a folder or a file of an archive ({told})") from fault


def say_where_buckets_are(paths: Iterable[Path]) -> None:
    """Where one of `paths` is in a bucket: as the configuration in the working folder says."""
    from hoga.archive.form.objects import is_object, say_where

    if not any(map(is_object, paths)):
        return
    from hoga.app.config.load import find_config, load_config

    program = load_config(find_config(None, os.environ), overrides=[], environ=os.environ).program
    say_where(program.s3_endpoint, program.s3_region)


def pick(target: str, data: Path) -> Picked:
    """What `target` (a path, or VENUE:SYMBOL in the folder `data`) names. Raises ConfigError, ArchiveError."""
    from hoga.archive.form.discover import discover
    from hoga.archive.form.store import list_names, look
    from hoga.archive.read.openminute import days_with_open

    say_where_buckets_are([Path(target), data])
    if not target:
        raise mistake("PATH", "''", "a file or folder that exists, or VENUE:SYMBOL")
    if look(Path(target)) is not None:
        require_archive([Path(target)])
        found = discover([Path(target)])
        inside = Path(target).resolve()
        return Picked(days_with_open(found, lambda day: day.directory.resolve().is_relative_to(inside)), found.journals, found)
    venue, colon, symbol = target.partition(":")
    venues = sorted(entry.path.name for entry in list_names(data) if entry.is_folder)
    if not colon:
        raise mistake("PATH", target, "a file or folder that exists, or VENUE:SYMBOL", nearest=_venue_of_symbol(target, data, venues))
    folder = data / venue
    if not venues and look(data) is None:
        raise mistake("--data", str(data), "a data folder that exists")
    if venue not in venues:
        raise mistake("VENUE", venue, f"a venue recorded in {data}", nearest=nearest(venue, venues))
    found = discover([folder])
    days = days_with_open(found, lambda day: True)
    symbols = sorted({day.symbol for day in days})
    if symbol not in symbols:
        found.require_whole()
        raise mistake("SYMBOL", symbol, f"a symbol recorded in {folder}", nearest=nearest(symbol, symbols))
    return Picked([day for day in days if day.symbol == symbol], found.journals, found)


def require_day(day: str | None) -> None:
    """Raises ConfigError for what is no day (None is every day)."""
    if day is not None and not is_day(day):
        raise mistake("--day", day, "a day as YYYY-MM-DD")


def require_kind(kind: str | None, days: Iterable[SeriesDay]) -> None:
    """Raises ConfigError for a word that is no kind: neither recorded here nor known of any venue."""
    from hoga.core.streams import Kind
    from hoga.venues.registry import VENUES

    recorded = {day.kind for day in days}
    known = {spec.channel_of(channel).kind for spec in VENUES.values() for channel in spec.examples} | {Kind.ASIDE}
    if kind is not None and kind not in recorded | known:
        expected = f"a kind; recorded here: {', '.join(sorted(recorded))}" if recorded else "a kind of record"
        raise mistake("--kind", kind, expected, nearest=nearest(kind, sorted(recorded)) or nearest(kind, sorted(known)))


def recorded_span(days: Iterable[SeriesDay]) -> str | None:
    """`2026-11-29 01:16-01:43`: from the first to the last sealed record, as far as the archive says; None when there is none."""
    from hoga.archive.read.stretches import find_stretches

    spans: list[tuple[int, int]] = []
    for day in days:
        try:
            spans += [(stretch.from_ns, stretch.to_ns) for stretch in find_stretches(day).sealed]
        except (ArchiveError, FileNotFoundError):
            continue
    if not spans:
        return None
    first, last = iso_of(min(start for start, _ in spans)), iso_of(max(end for _, end in spans))
    end = last[11:16] if last[:10] == first[:10] else f"{last[:10]} {last[11:16]}"
    return f"{first[:10]} {first[11:16]}-{end}"


def time_of(key: str, text: str | None) -> int | None:
    """Nanoseconds of what was typed. Raises ConfigError."""
    try:
        return None if text is None else parse_time_ns(text)
    except (ValueError, OverflowError):
        raise mistake(key, str(text), "a time such as 2026-11-20T13:15:00 or 1795180500") from None


def nearest(word: str, words: list[str]) -> str | None:
    """The one of `words` that was meant, None when none is like it. Capitals are no difference."""
    folded = {each.casefold(): each for each in reversed(words)}
    hit = next(iter(get_close_matches(word.casefold(), list(folded), 1, 0.5)), None)
    return None if hit is None else folded[hit]


def mistake(key: str, found: str, expected: str, *, nearest: str | None = None) -> ConfigError:
    """One mistake of the command line."""
    return ConfigError([ConfigMistake(where="command line", line=None, key=key, found=found, expected=expected, nearest=nearest)])


def _venue_of_symbol(word: str, data: Path, venues: list[str]) -> str | None:
    """`binance:BTCUSDT` for `BTCUSDT`."""
    from hoga.archive.form.discover import discover

    named: dict[str, str] = {}
    for venue in venues:
        for day in discover([data / venue]).days:
            named.setdefault(day.symbol, f"{venue}:{day.symbol}")
    hit = nearest(word, sorted(named))
    return named[hit] if hit is not None else None
