"""core.times: wall-clock nanoseconds, UTC days and minutes, as plain integers and text.

`ns` is always nanoseconds since the Unix epoch, UTC. A *minute* is the text `HH-MM` of the archive's
file names; a *day* is `YYYY-MM-DD`. Nothing here reads a clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

__all__ = [
    "DAY_NS",
    "MINUTE_NS",
    "MS_NS",
    "SECOND_NS",
    "day_of",
    "day_start_ns",
    "instant_ns",
    "is_day",
    "iso_of",
    "minute_floor_ns",
    "minute_of",
    "minute_start_ns",
    "next_day",
    "parse_time_ns",
]

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS


def day_of(ns: int) -> str:
    """The UTC day that holds `ns`, as `YYYY-MM-DD`."""
    return (date(1970, 1, 1) + timedelta(days=ns // DAY_NS)).isoformat()


def day_start_ns(day: str) -> int:
    """The first nanosecond of the UTC day `YYYY-MM-DD`. Raises ValueError when it is no date."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY_NS


_FIRST_DAY, _LAST_DAY = "1970-01-02", "2261-12-31"


def is_day(text: str) -> bool:
    """Whether the text is a UTC day as `YYYY-MM-DD`, and one with a day on either side that 64 bits can count in nanoseconds."""
    try:
        return date.fromisoformat(text).isoformat() == text and _FIRST_DAY <= text <= _LAST_DAY
    except ValueError:
        return False


def next_day(day: str) -> str:
    """The day after `day`."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def minute_of(ns: int) -> str:
    """The UTC minute that holds `ns`, as `HH-MM`."""
    minutes = ns % DAY_NS // MINUTE_NS
    return f"{minutes // 60:02d}-{minutes % 60:02d}"


def minute_start_ns(day: str, minute: str) -> int:
    """The first nanosecond of the minute `HH-MM` of a UTC day. Raises ValueError when the day is no date."""
    return day_start_ns(day) + (int(minute[:2]) * 60 + int(minute[3:])) * MINUTE_NS


def minute_floor_ns(ns: int, *, interval_min: int = 1) -> int:
    """The start of the `interval_min`-minute interval of the UTC day that holds `ns` (`interval_min` divides 1440)."""
    return ns - ns % DAY_NS % (interval_min * MINUTE_NS)


_YEAR_2000_S, _YEAR_2100_S = 946_684_800, 4_102_444_800


def instant_ns(number: int) -> int | None:
    """Nanoseconds of a time that somebody else gives as a number of s, ms, µs or ns since 1970: the size tells the unit.

    None when it is no time between the years 2000 and 2100 in any of them (the four ranges do not touch).
    """
    for unit in (MS_NS, 1, 1_000, SECOND_NS):
        if _YEAR_2000_S * SECOND_NS <= number * unit < _YEAR_2100_S * SECOND_NS:
            return number * unit
    return None


_YEAR_10000_S = 253_402_300_800


def iso_of(ns: int) -> str:
    """`ns` as ISO-8601 UTC text with milliseconds, `2026-11-20T03:00:00.000Z`; beyond the year 9999, where no calendar goes, `… ns`."""
    seconds, rest = divmod(ns, SECOND_NS)
    if not 0 <= seconds < _YEAR_10000_S:
        return f"{ns} ns"
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // MS_NS:03d}Z"


def parse_time_ns(text: str) -> int:
    """Nanoseconds of a time a person typed: ISO-8601 (UTC when no zone is given), a day, or integer s, ms, µs or ns.

    Raises ValueError for anything else.
    """
    stripped = text.strip()
    if stripped.isdigit() and len(stripped) >= 9:
        value, digits = int(stripped), len(stripped)
        unit = SECOND_NS if digits <= 11 else MS_NS if digits <= 14 else 1_000 if digits <= 17 else 1
        return value * unit
    moment = datetime.fromisoformat(stripped)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
