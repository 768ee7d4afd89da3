"""archive.form.layout: the names of files, and back from names to what they hold. Pure.

    <dir>/temporary/BTCUSDT_orderbook_2026-11-20/BTCUSDT_orderbook_2026-11-20_13-15.zip      sealed minute
    <dir>/temporary/BTCUSDT_orderbook_2026-11-20/BTCUSDT_orderbook_2026-11-20_13-15_2.zip    its second part
    <dir>/temporary/BTCUSDT_orderbook_2026-11-20/BTCUSDT_orderbook_2026-11-20.ledger.jsonl   the day's ledger so far
    <dir>/BTCUSDT_orderbook_2026-11-20.zip                                                   the day
    <dir>/BTCUSDT_orderbook_2026-11-20.manifest.json                                         its manifest

A minute has a second part when the recorder was restarted inside it: a sealed file is never opened again.
Symbols may hold any character; those that a file system or this scheme cannot carry are percent-encoded, and a symbol whose
name would be longer than `_LONGEST` bytes is cut and ends in `%~` and 16 hex digits of its SHA-256. Such a name stands for itself (its
decoded form encodes to it again); the whole symbol is in the manifest's and the ledger's `streams`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

__all__ = [
    "COLLECTORS_DIR",
    "FORMATS",
    "HEALED_SUFFIX",
    "PARTS_DIR",
    "SEGMENT_SUFFIXES",
    "DayName",
    "SegmentName",
    "day_stem",
    "encode_symbol",
    "parse_day",
    "parse_segment",
    "segment_format",
    "segment_stem",
    "suffix_of",
    "unwritable",
]

FORMATS = {"zip": ".zip", "zst": ".jsonl.zst", "parquet": ".parquet"}
"""Archive format → file suffix of a day."""
HEALED_SUFFIX = ".healed.jsonl.zst"
"""Of the file of trades that were fetched afterwards, beside the day."""
COLLECTORS_DIR = ".collectors"
"""Below a data folder that is the union of several: what each collector brought, a data folder for each."""
PARTS_DIR = "parts"
"""Where the minutes of a longer segment wait to be joined, in the day's temporary folder."""

_LONGEST = 160
"""A file's name is at most 255 bytes; kind, day, minute, part and the suffixes of unfinished files need some 70 of them."""
_SHORTENED = re.compile(r"%~[0-9a-f]{16}$")
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?$")

_UNSAFE = re.compile(r'[\x00-\x20/\\:*?"<>|%]')
_DAY = re.compile(
    r"^(?P<symbol>.+)_(?P<kind>[a-z0-9-]+)_(?P<day>\d{4}-\d\d-\d\d)(?P<suffix>\.zip|\.jsonl\.zst|\.parquet|\.manifest\.json|\.jsonl)?$"
)
SEGMENT_SUFFIXES = (".zip", ".jsonl.zst", ".jsonl")
"""How the name of a segment may end."""
_SEGMENT = re.compile(
    r"^(?P<symbol>.+)_(?P<kind>[a-z0-9-]+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<minute>\d\d-\d\d)(?:_(?P<part>\d+))?"
    rf"(?P<suffix>{'|'.join(map(re.escape, SEGMENT_SUFFIXES))})$"
)


class DayName(NamedTuple):
    """What a day file's name says. `symbol` is decoded."""

    symbol: str
    kind: str
    day: str
    suffix: str


class SegmentName(NamedTuple):
    """What a segment's name says. `part` counts from 1."""

    symbol: str
    kind: str
    day: str
    minute: str
    part: int
    suffix: str


@lru_cache(maxsize=4096)
def encode_symbol(symbol: str) -> str:
    """The symbol as it stands in file names: itself, unless a file system could not carry it."""
    tail = _SHORTENED.search(symbol)
    kept = "" if tail is None else tail[0]
    encoded = _UNSAFE.sub(lambda hit: f"%{ord(hit[0]):02X}", symbol.removesuffix(kept))
    encoded = (encoded.replace(".", "%2E", 1) if encoded.startswith(".") else encoded) + kept
    if len(encoded.encode(errors="surrogatepass")) <= _LONGEST:
        return encoded
    digest = hashlib.sha256(symbol.encode(errors="surrogatepass")).hexdigest()[:16]
    text = encoded.encode(errors="surrogatepass")[: _LONGEST - 18].decode(errors="ignore")
    return f"{_CUT_ESCAPE.sub('', text)}%~{digest}"


def segment_format(archive_format: str) -> str:
    """The format of a minute: a Parquet day is made of zst minutes."""
    return "zst" if archive_format == "parquet" else archive_format


def unwritable(symbols: Iterable[str], encoding: str) -> list[str]:
    """The symbols that no file can be named after where names are written in `encoding` (`sys.getfilesystemencoding()`).

    With UTF-8 there are none. Where there are some, Python's UTF-8 mode (`PYTHONUTF8=1`, set by the launcher, the unit and
    the image) carries them.
    """
    return [symbol for symbol in symbols if not _is_writable(encode_symbol(symbol), encoding)]


def _is_writable(name: str, encoding: str) -> bool:
    try:
        name.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def day_stem(symbol: str, kind: str, day: str) -> str:
    """`BTCUSDT_orderbook_2026-11-20`."""
    return f"{encode_symbol(symbol)}_{kind}_{day}"


def segment_stem(symbol: str, kind: str, day: str, minute: str, *, part: int = 1) -> str:
    """`BTCUSDT_orderbook_2026-11-20_13-15`, with `_2` behind it for the second part."""
    stem = f"{day_stem(symbol, kind, day)}_{minute}"
    return stem if part == 1 else f"{stem}_{part}"


def suffix_of(archive_format: str) -> str:
    """The file suffix of an `ARCHIVE_FORMAT`. Raises KeyError for an unknown one."""
    return FORMATS[archive_format]


def parse_day(name: str) -> DayName | None:
    """What the file or folder name of a day says, None when it is no such name."""
    hit = _DAY.match(name)
    return DayName(unquote(hit["symbol"]), hit["kind"], hit["day"], hit["suffix"] or "") if hit else None


def parse_segment(name: str) -> SegmentName | None:
    """What a segment's file name says, None when it is no such name."""
    hit = _SEGMENT.match(name)
    if hit is None:
        return None
    return SegmentName(unquote(hit["symbol"]), hit["kind"], hit["day"], hit["minute"], int(hit["part"] or 1), hit["suffix"])
