"""quality.memory: which frames were received lately, by id and by what was in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hoga.core.times import SECOND_NS

__all__ = ["HOT_FRAMES", "KEPT_NS", "MARKS_KEPT", "Memory"]

KEPT_NS = 5 * SECOND_NS
"""A busy stream's frames are remembered for so long at least, whatever `size` says…"""
HOT_FRAMES = 2048
"""…but no more than twice so many of them (or twice `size`)."""

MARKS_KEPT = 16
"""So many frames of a stream are known to the next life by their bytes: a venue sends its latest again, no more."""

_LEG = 0xFFFF

_Marks = int | dict[int, int]
"""`mark << 16 | leg`, or leg by mark where several frames had one id."""


class Memory:
    """The newest `size` frames at least: id, mark (a checksum of the frame, below 2**32) and who brought each.

    Two generations: when the younger is full it becomes the older, and the older is forgotten, so that nothing is ever
    taken out one by one. Some 100 bytes a frame. `turns`: how often; what is remembered now is forgotten two turns later.
    """

    __slots__ = ("_born_ns", "_count", "_old", "_young", "size", "turns")

    def __init__(self, size: int) -> None:
        self.size = size
        self._young: dict[int, _Marks] = {}
        self._old: dict[int, _Marks] = {}
        self._count = 0
        self._born_ns = 0
        self.turns = 0

    def leg_of(self, number: int, mark: int) -> int | None:
        """Who brought the frame with this id and mark, None when no such frame is remembered."""
        for frames in (self._young, self._old):
            found = frames.get(number)
            if found is None:
                continue
            if isinstance(found, dict):
                if mark in found:
                    return found[mark]
            elif found >> 16 == mark:
                return found & _LEG
        return None

    def knows(self, number: int) -> bool:
        """Whether some frame with this id is remembered."""
        return number in self._young or number in self._old

    def note(self, number: int, mark: int, leg: int, now_ns: int) -> None:
        """A frame was received from `leg` (0..65535)."""
        young = self._young
        found = young.get(number)
        if found is None:
            young[number] = mark << 16 | leg
        elif isinstance(found, dict):
            found[mark] = leg
        else:
            young[number] = {found >> 16: found & _LEG, mark: leg}
        self._count += 1
        if self._count == 1:
            self._born_ns = now_ns
        elif self._count >= self.size and (self._count >= HOT_FRAMES or not 0 <= now_ns - self._born_ns < KEPT_NS):
            self._old, self._young, self._count = young, {}, 0
            self.turns += 1

    def newest(self, count: int) -> list[tuple[int, int]]:
        """(id, mark) of the last `count` frames, the newest last."""
        found: list[tuple[int, int]] = []
        for pair in self._backwards():
            if len(found) >= count:
                break
            found.append(pair)
        return found[::-1]

    def _backwards(self) -> Iterator[tuple[int, int]]:
        for frames in (self._young, self._old):
            for number, marks in reversed(frames.items()):
                if isinstance(marks, dict):
                    yield from ((number, mark) for mark in reversed(marks))
                else:
                    yield number, marks >> 16
