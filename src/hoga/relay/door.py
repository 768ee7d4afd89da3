"""relay.door: what may come in from other machines: places of files. Pure.

A place is a path below a data folder, spelt with `/`, and one that the archive's layout knows: two folders (`binance/orderbook`), then

    instruments_2026-11-29.json.zst                                                a list of instruments
    temporary/BTCUSDT_orderbook_2026-11-29/BTCUSDT_orderbook_2026-11-29_13-15.zip   a segment
    temporary/BTCUSDT_orderbook_2026-11-29/BTCUSDT_orderbook_2026-11-29.ledger.jsonl
    BTCUSDT_orderbook_2026-11-29.zip                                               a day file, its manifest, its healed trades

Whatever is spelt in another way (`..`, a stroke at the beginning, an encoded name that would be another when written anew, one that no
file could have) is no place.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from hoga.archive.form.layout import FORMATS, HEALED_SUFFIX, day_stem, parse_day, parse_segment, segment_stem
from hoga.archive.form.lists import LIST_PREFIX, LIST_SUFFIX, since_ns
from hoga.core.times import is_day

__all__ = ["LEDGER_SUFFIX", "MANIFEST_SUFFIX", "Place", "What", "place_of"]

LEDGER_SUFFIX = ".ledger.jsonl"
MANIFEST_SUFFIX = ".manifest.json"
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST = 230
"""A file's name is at most 255 bytes, and what is made beside it (`….manifest.json.merging`) needs some of them."""
_TEMPORARY = "temporary"


class What(StrEnum):
    """What a file is."""

    SEGMENT = "segment"
    LEDGER = "ledger"
    DAY = "day"
    MANIFEST = "manifest"
    HEALED = "healed"
    LIST = "list"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file is below a data folder (`file`), and what its name says. `symbol`, `kind` and `stem` are empty for a list of
    instruments."""

    file: str
    what: What
    venue: str
    folder: str
    day: str
    symbol: str = ""
    kind: str = ""
    stem: str = ""


def place_of(file: str) -> Place | None:
    """What the path says; None when the layout knows no such place."""
    parts = file.split("/")
    if len(parts) not in (3, 5) or not all(map(_FOLDER.fullmatch, parts[:2])):
        return None
    name = parts[-1]
    if not _can_be_written(name) or any(sign in name for sign in "\\\0\n\r") or name.startswith("."):
        return None
    if len(parts) == 5:
        return _waiting(file, parts) if parts[2] == _TEMPORARY else None
    return _listed(file, parts) if name.startswith(LIST_PREFIX) and name.endswith(LIST_SUFFIX) else _closed(file, parts)


def _can_be_written(name: str) -> bool:
    try:
        return 0 < len(name.encode()) <= _LONGEST
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _waiting(file: str, parts: list[str]) -> Place | None:
    """A segment or the ledger of a day that is not merged."""
    venue, folder, _, stem, name = parts
    day = parse_day(stem)
    if day is None or day.suffix or not is_day(day.day) or day_stem(day.symbol, day.kind, day.day) != stem:
        return None
    what = None
    if name == stem + LEDGER_SUFFIX:
        what = What.LEDGER
    elif (segment := parse_segment(name)) is not None:
        own = segment_stem(day.symbol, day.kind, day.day, segment.minute, part=segment.part)
        what = What.SEGMENT if segment.part and name == own + segment.suffix else None
    if what is None:
        return None
    return Place(file=file, what=what, venue=venue, folder=folder, day=day.day, symbol=day.symbol, kind=day.kind, stem=stem)


def _closed(file: str, parts: list[str]) -> Place | None:
    """A file of a merged day."""
    venue, folder, name = parts
    suffix = next((each for each in (HEALED_SUFFIX, MANIFEST_SUFFIX, *FORMATS.values()) if name.endswith(each)), None)
    stem = name.removesuffix(suffix or "")
    day = parse_day(stem) if suffix is not None else None
    if day is None or day.suffix or not is_day(day.day) or day_stem(day.symbol, day.kind, day.day) != stem:
        return None
    what = {HEALED_SUFFIX: What.HEALED, MANIFEST_SUFFIX: What.MANIFEST}.get(suffix or "", What.DAY)
    return Place(file=file, what=what, venue=venue, folder=folder, day=day.day, symbol=day.symbol, kind=day.kind, stem=stem)


def _listed(file: str, parts: list[str]) -> Place | None:
    venue, folder, name = parts
    day = name.removeprefix(LIST_PREFIX)[:10]
    if since_ns(name) is None or not is_day(day):
        return None
    return Place(file=file, what=What.LIST, venue=venue, folder=folder, day=day)
