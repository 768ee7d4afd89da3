"""trading.seen: names that were counted once, and must not be counted again: the newest of very many, in eight bytes each. Pure.

The newest few hundred are kept as they are; older ones as sorted integers: a name of digits is its number, any other one is the first
eight bytes of its BLAKE2b. Two different names of the second kind look the same once in 10^14 with a full table.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

__all__ = ["Seen"]

_FRESH = 512
_CHUNK = 5_000
_DIGITS = 18


class _Chunk(NamedTuple):
    first: str
    keys: array[int]


class Seen:
    """The newest `most` names, or a few more. `last`: the newest one, "": none yet; `first`: the oldest one that is known still, "": none
    was let go. `<Seen 812>`."""

    __slots__ = ("_chunks", "_count", "_fresh", "_most", "first", "last")

    def __init__(self, most: int = 100_000) -> None:
        self.first = ""
        self.last = ""
        self._most = most
        self._count = 0
        self._fresh: dict[str, None] = {}
        self._chunks: deque[_Chunk] = deque()

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Seen {self._count}>"

    def __contains__(self, name: str) -> bool:
        if name in self._fresh:
            return True
        if not self._chunks:
            return False
        key = _key(name)
        for _, keys in self._chunks:
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                return True
        return False

    def add(self, name: str) -> bool:
        """Count a name; False where it was counted before."""
        if name in self:
            return False
        self.last = name
        self._fresh[name] = None
        self._count += 1
        if len(self._fresh) >= _FRESH:
            self._pack(_FRESH // 2)
        return True

    def _pack(self, much: int) -> None:
        """The oldest of those that are kept as they are become integers; beyond the bound the oldest of these go."""
        names = list(islice(self._fresh, much))
        for name in names:
            del self._fresh[name]
        keys = [_key(name) for name in names]
        if self._chunks and len(self._chunks[-1].keys) + much <= _CHUNK:
            first, known = self._chunks.pop()
            self._chunks.append(_Chunk(first, array("q", sorted([*known, *keys]))))
        else:
            self._chunks.append(_Chunk(names[0], array("q", sorted(keys))))
        while self._count - len(self._chunks[0].keys) >= self._most and len(self._chunks) > 1:
            self._count -= len(self._chunks.popleft().keys)
            self.first = self._chunks[0].first


def _key(name: str) -> int:
    """Numbers are at least 0, digests below it."""
    if len(name) <= _DIGITS and name.isascii() and name.isdigit() and (name[0] != "0" or name == "0"):
        return int(name)
    return -1 - (int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 1)
