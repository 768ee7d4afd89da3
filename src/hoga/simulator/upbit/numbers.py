"""simulator.upbit.numbers: the spellings of numbers that Upbit's wire has. Pure; values are integers of 10^-places.

Which field is spelt how is `payloads`' business. Source: protocol sheet 1.4 (captures of 2026-09-23).
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["double", "fixed8", "java", "plain", "ratio", "text_of"]

_RATE_UNITS = 10_000_000_000


@lru_cache(maxsize=65_536)
def fixed8(value: int) -> str:
    """Eight decimals, zeros and all: `0.00077720`."""
    return text_of(value, 8)


def text_of(value: int, places: int) -> str:
    """Exactly as many decimals as `places`."""
    sign, digits = ("-", str(-value)) if value < 0 else ("", str(value))
    digits = digits.rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


@lru_cache(maxsize=65_536)
def plain(value: int, places: int = 8) -> str:
    """As short as it goes, a whole number without a point: `116606000`, `41.4`."""
    return text_of(value, places).rstrip("0").rstrip(".")


@lru_cache(maxsize=65_536)
def double(value: int, places: int = 8) -> str:
    """As short as it goes, with a point always: `116540000.0`, `0.00214`."""
    short = plain(value, places)
    return short if "." in short else f"{short}.0"


@lru_cache(maxsize=65_536)
def java(value: int, places: int = 8) -> str:
    """As Java prints a double: `1.16539E8` from 10^7 on, `7.9276E-4` below 10^-3, `41.4` and `40.0` between."""
    if not value:
        return "0.0"
    digits = str(abs(value))
    exponent = len(digits) - 1 - places
    if -3 <= exponent < 7:
        return double(value, places)
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def ratio(part: int, whole: int) -> int:
    """`part / whole` in units of 10^-10, half away from zero; 0 when `whole` is 0."""
    if not whole:
        return 0
    size = (abs(part) * _RATE_UNITS * 2 + whole) // (2 * whole)
    return -size if part < 0 else size
