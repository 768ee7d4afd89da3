"""archive.form.spans: sets of time as sorted, disjoint spans `(from_ns, to_ns)`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hoga.core.times import DAY_NS, MINUTE_NS, day_start_ns, minute_start_ns

__all__ = ["Span", "clipped", "covered_ns", "covers", "day_span", "joined", "minute_span", "without"]

Span = tuple[int, int]


def day_span(day: str) -> Span:
    """From the first nanosecond of the UTC day to the first behind it."""
    start = day_start_ns(day)
    return start, start + DAY_NS


def minute_span(day: str, minute: str, span_min: int = 1) -> Span:
    """From the first nanosecond of a segment's span to the first behind it."""
    start = minute_start_ns(day, minute)
    return start, start + span_min * MINUTE_NS


def joined(spans: Iterable[Span]) -> list[Span]:
    """The union of `spans`, sorted; spans that touch become one, reversed ones are turned round."""
    result: list[Span] = []
    for start, end in sorted((min(span), max(span)) for span in spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def without(spans: Iterable[Span], removed: Iterable[Span]) -> list[Span]:
    """What is left of `spans` when `removed` is taken away."""
    result: list[Span] = []
    holes, at = joined(removed), 0
    for start, end in joined(spans):
        while at < len(holes) and holes[at][1] <= start:
            at += 1
        here = at
        while here < len(holes) and holes[here][0] < end:
            if holes[here][0] > start:
                result.append((start, holes[here][0]))
            start = holes[here][1]
            here += 1
        if start < end:
            result.append((start, end))
    return result


def clipped(spans: Iterable[Span], window: Span) -> list[Span]:
    """`spans` inside `window`."""
    low, high = window
    return [(max(start, low), min(end, high)) for start, end in joined(spans) if end > low and start < high]


def covered_ns(spans: Iterable[Span]) -> int:
    """How long the union of `spans` is."""
    return sum(end - start for start, end in joined(spans))


def covers(spans: Iterable[Span], moment_ns: int) -> bool:
    """Whether one of `spans` holds `moment_ns`; both ends belong to a span."""
    return any(start <= moment_ns <= end for start, end in spans)
