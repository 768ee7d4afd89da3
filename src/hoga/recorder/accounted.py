"""recorder.accounted: of one stream, the time that is accounted for: a leg was there that was alive, or a gap is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from hoga.archive.form.spans import Span, joined, without

__all__ = ["Accounted"]

_KEPT = 16


class Accounted:
    """Spans that legs which are over and gaps have accounted for, as long as a leg lives that began before their end; `_known_ns`: what
    was before is not remembered, and nothing is said of it. Each `began` has the moments at which the legs that are there began."""

    __slots__ = ("_known_ns", "_spans")

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._known_ns = 0

    def add(self, span: Span, began: Collection[int]) -> None:
        """This is accounted for."""
        if not began:
            self._spans = []
            return
        oldest_ns = min(began)
        spans = [each for each in joined([*self._spans, span]) if each[1] > oldest_ns]
        if len(spans) > _KEPT:
            self._known_ns = spans[-_KEPT - 1][1]
        self._spans = spans[-_KEPT:]

    def lacking(self, from_ns: int, began: Collection[int]) -> list[Span]:
        """Since `from_ns`: the spans in which none of the legs that are there was, and that are not accounted for."""
        from_ns, newest_ns = max(from_ns, self._known_ns), max(began, default=0)
        if from_ns >= newest_ns:
            return []
        return without([(from_ns, newest_ns)], [*self._spans, *((at_ns, newest_ns) for at_ns in began)])

    def move(self, moved: Callable[[int], int]) -> None:
        """The clock was set back: `moved` says where a moment lies now."""
        self._spans = joined((moved(from_ns), moved(to_ns)) for from_ns, to_ns in self._spans)
        self._known_ns = moved(self._known_ns)
