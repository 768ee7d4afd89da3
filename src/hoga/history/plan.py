"""history.plan: which files of an exchange's archive hold the days that somebody wants. Pure.

Whole past months come as one file, the rest as one file a day. A month of which something is here already as days is completed by days:
so a longer range never fetches again what a shorter one has brought.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from hoga.history.listing import Listed
from hoga.venues.history import HistorySpec

__all__ = ["CHECKSUM", "Missing", "Plan", "Planned", "Published", "Series", "days_between", "file_name", "plan", "published", "span_of"]

CHECKSUM = ".CHECKSUM"
_NOT_OVER = "the day is not over"
_NOT_YET = "not published yet: files come the day after, at times later"
_NOT_LISTED = "the archive lists no such file"
_DAY_BY_DAY = (_NOT_YET, _NOT_LISTED)
"""Why a file is missing that may come, or should be there: each is told by its own name."""


class Series(NamedTuple):
    """What somebody wants: the files of one type (the venue's word) of one symbol. `interval` is "" where there is none."""

    symbol: str
    name: str
    interval: str = ""

    @property
    def label(self) -> str:
        """What a file's name says between symbol and date."""
        return self.interval or self.name


class Planned(NamedTuple):
    """A file to have. Its days are `first` to `last`, as dates; `listed` is what the listing says of it."""

    series: Series
    name: str
    first: date
    last: date
    listed: Listed

    @property
    def monthly(self) -> bool:
        """Whether it holds a month."""
        return self.first != self.last


class Missing(NamedTuple):
    """A file that should be there and is not, or the days of which there can be none: `BTCUSDT-aggTrades-2026-03-05…2026-12-31`."""

    name: str
    why: str


class _Absent(NamedTuple):
    why: str
    first: date
    last: date


class Published(NamedTuple):
    """What the archive lists of one series."""

    daily: dict[date, Planned]
    monthly: dict[date, Planned]


class Plan(NamedTuple):
    """Files in the order of their days, and what no file holds."""

    files: list[Planned]
    missing: list[Missing]


def folders(spec: HistorySpec, series: Series) -> dict[str, str]:
    """The prefixes (ending in `/`) of the series' files, by how long each file is: `daily`, `monthly`."""
    inner = f"{series.symbol}/{series.interval}/" if series.interval else f"{series.symbol}/"
    return {span: f"{spec.folder}/{span}/{series.name}/{inner}" for span in ("daily", "monthly")}


def file_name(series: Series, date_text: str) -> str:
    """`BTCUSDT-aggTrades-2025-06-01.zip`."""
    return f"{series.symbol}-{series.label}-{date_text}.zip"


def span_of(series: Series, name: str) -> tuple[date, date] | None:
    """The first and last day of the file of that name; None when it is none of the series'."""
    stem = f"{series.symbol}-{series.label}-"
    if not name.startswith(stem) or not name.endswith(".zip"):
        return None
    text = name[len(stem) : -len(".zip")]
    try:
        if len(text) == len("2025-06"):
            first = date.fromisoformat(f"{text}-01")
            return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])
        return (day := date.fromisoformat(text)), day
    except ValueError:
        return None


def published(series: Series, listed: Iterable[Listed]) -> Published:
    """What a listing's files are to a series; what bears another name is no file of it."""
    by_name = {each.key.rpartition("/")[2]: each for each in listed}
    found = Published({}, {})
    for name, each in by_name.items():
        span = span_of(series, name)
        if span is not None:
            planned = Planned(series, name, *span, each)
            (found.monthly if planned.monthly else found.daily)[span[0]] = planned
    return found


def plan(series: Series, listed: Published, start: date, end: date, *, today: date, held: Collection[str] = ()) -> Plan:
    """The files that hold the days from `start` to `end`, both included. `held`: names of files that are here and proven."""
    made = Plan([], [])
    absent: list[_Absent] = []
    for first, last in _months(start, min(end, today)):
        whole = listed.monthly.get(first) if last.day == calendar.monthrange(last.year, last.month)[1] and first.day == 1 else None
        days = days_between(first, last)
        by_day = [day for day in days if file_name(series, day.isoformat()) in held]
        completed_by_days = bool(by_day) and all(day in listed.daily for day in days)
        if whole is not None and (whole.name in held or not completed_by_days):
            made.files.append(whole)
            continue
        for day in days:
            if day in listed.daily:
                made.files.append(listed.daily[day])
            else:
                _add(absent, _Absent(_why_missing(day, listed, today), day, day))
    if end > today:
        _add(absent, _Absent(_NOT_OVER, max(start, today + timedelta(days=1)), end))
    made.missing.extend(Missing(_days_name(series, each.first, each.last), each.why) for each in absent)
    return made


def _add(absent: list[_Absent], more: _Absent) -> None:
    """Days that are in no file, in order: those that nobody publishes as one span."""
    if absent and absent[-1].why == more.why and more.why not in _DAY_BY_DAY:
        more = absent.pop()._replace(last=more.last)
    absent.append(more)


def _days_name(series: Series, first: date, last: date) -> str:
    if first == last:
        return file_name(series, first.isoformat())
    return file_name(series, f"{first.isoformat()}…{last.isoformat()}").removesuffix(".zip")


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=nth) for nth in range((last - first).days + 1)]


def _months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The range cut at the ends of months."""
    first = start
    while first <= end:
        last = min(end, first.replace(day=calendar.monthrange(first.year, first.month)[1]))
        yield first, last
        first = last + timedelta(days=1)


def _why_missing(day: date, listed: Published, today: date) -> str:
    if day >= today:
        return _NOT_OVER
    if day == today - timedelta(days=1):
        return _NOT_YET
    if not listed.daily and not listed.monthly:
        return "the archive lists no file of this symbol and type"
    first = min([*listed.daily, *listed.monthly])
    if day < first:
        return f"the archive begins on {first.isoformat()}"
    return _NOT_LISTED
