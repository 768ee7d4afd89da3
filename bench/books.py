"""bench.books: the order books that the load server sends: captured ones where there are some, else a random walk.

A book is prices and sizes as whole numbers of 1e-8. A symbol of the load gets the same series of books scaled by a
factor of its own and begun at a place of its own, so that no two symbols have digits in common, while every symbol's
books change from frame to frame as the real ones did.
"""

from __future__ import annotations

import gzip
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.core.errors import ConfigError, ConfigMistake

__all__ = ["PROBE", "RECORDED", "Book", "depth20_payloads", "load_books", "symbol_names", "walk_books"]

RECORDED = "depth20@100ms"
"""The channel that the load is made of."""
PROBE = "depth"
"""The channel that hoga measures latency on."""

_UNIT = 100_000_000
_LEVELS = 20
_FACTOR = 9_999
_SPREAD = 6_000

Levels = tuple[tuple[int, int], ...]


class Book(NamedTuple):
    """Bids and asks, best first, as (price, size) in units of 1e-8."""

    bids: Levels
    asks: Levels


class _Payload(msgspec.Struct):
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Frame(msgspec.Struct):
    data: _Payload


_frames = msgspec.json.Decoder(_Frame)


def load_books(path: Path) -> list[Book]:
    """The books of a capture: lines of `<receipt ns> <combined depth20 frame>` (or the frame alone), gzipped or not.

    Raises ConfigError when it holds none.
    """
    books = [book for line in _lines(path) if (book := _book(line)) is not None]
    if not books:
        raise ConfigError([ConfigMistake("command line", None, "--frames", str(path), "a capture of combined depth20 frames, one a line")])
    return books


def walk_books(count: int, *, seed: int = 1) -> list[Book]:
    """`count` books of a random walk: a few levels change from one to the next, now and then the price moves."""
    chance = random.Random(seed)
    middle = 6_183_763
    sizes: dict[int, int] = {}
    books = []
    for _ in range(count):
        if chance.random() < 0.2:
            middle += chance.randint(-40, 40)
        for _ in range(6):
            sizes[middle + chance.randint(-60, 60)] = chance.randint(1, 400_000) * 1_000
        bids = _side(sizes, middle, -1, chance)
        asks = _side(sizes, middle, 1, chance)
        books.append(Book(bids, asks))
    return books


def symbol_names(count: int) -> list[str]:
    """`count` symbols, of the usual length."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [f"{letters[n // 676 % 26]}{letters[n // 26 % 26]}{letters[n % 26]}USDT" for n in range(count)]


def depth20_payloads(books: list[Book], place: int, count: int) -> list[bytes]:
    """What stands behind `"lastUpdateId":…` in `count` frames of symbol number `place`: `,"bids":[…],"asks":[…]}`."""
    tick = math.gcd(*(price for book in books[:50] for price, _ in (*book.bids, *book.asks)))
    grain = math.gcd(*(size for book in books[:50] for _, size in (*book.bids, *book.asks)))
    factor = _FACTOR + place * 37 % _SPREAD
    start = place * 61
    return [_payload(books[(start + number) % len(books)], factor, tick, grain) for number in range(count)]


def _payload(book: Book, factor: int, tick: int, grain: int) -> bytes:
    sides = []
    for levels in book:
        pairs = [f'["{_text(price, factor, tick)}","{_text(size, factor, grain)}"]' for price, size in levels]
        sides.append(",".join(pairs))
    return f',"bids":[{sides[0]}],"asks":[{sides[1]}]}}'.encode()


def _text(value: int, factor: int, step: int) -> str:
    """`value` times factor / 9999, a multiple of `step` again. The factor is at least 1, so different prices stay different."""
    scaled = value * factor // (_FACTOR * step) * step
    return f"{scaled // _UNIT}.{scaled % _UNIT:08d}"


def _side(sizes: dict[int, int], middle: int, direction: int, chance: random.Random) -> Levels:
    levels: list[tuple[int, int]] = []
    price = middle + (direction > 0)
    while len(levels) < _LEVELS:
        size = sizes.get(price)
        if size is None:
            size = sizes[price] = chance.randint(1, 400_000) * 1_000 if chance.random() < 0.3 else 0
        if size:
            levels.append((price * 1_000_000, size))
        price += direction
    return tuple(levels)


def _lines(path: Path) -> Iterator[bytes]:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            yield from packed
        return
    with path.open("rb") as file:
        yield from file


def _book(line: bytes) -> Book | None:
    try:
        frame = _frames.decode(line[line.find(b"{") :])
    except msgspec.DecodeError:
        return None
    return Book(_units(frame.data.bids), _units(frame.data.asks))


def _units(levels: list[tuple[str, str]]) -> Levels:
    return tuple((_number(price), _number(size)) for price, size in levels)


def _number(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * _UNIT + int(rest.ljust(8, "0")[:8])
