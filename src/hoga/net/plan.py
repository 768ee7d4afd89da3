"""net.plan: which streams go on which connection, and how they get there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["Opening", "plan_opening", "shards"]

T = TypeVar("T")


class Opening(NamedTuple):
    """How one connection gets its streams: in the URL as far as they fit, the rest in control frames of these batches."""

    path: str
    batches: list[list[str]]


def shards(items: Sequence[T], limit: int) -> list[list[T]]:
    """`items` in as few runs of at most `limit` as can be, evenly filled, order kept."""
    if not items:
        return []
    count = -(-len(items) // limit)
    size, extra = divmod(len(items), count)
    cuts, at = [], 0
    for number in range(count):
        end = at + size + (number < extra)
        cuts.append(list(items[at:end]))
        at = end
    return cuts


def plan_opening(names: Sequence[str], *, path_of: Callable[[list[str]], str], url_max_chars: int, batch: int) -> Opening:
    """Put as many names in the URL as it may carry; subscribe the rest in batches of `batch`."""
    room = url_max_chars - len(path_of([]))
    used, fit = 0, 0
    for name in names:
        used += len(path_of([name])) - len(path_of([])) + 1
        if used > room:
            break
        fit += 1
    rest = list(names[fit:])
    return Opening(path_of(list(names[:fit])), [rest[at : at + batch] for at in range(0, len(rest), batch)])
