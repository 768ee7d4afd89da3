"""hub.checks: what callers hand over, checked where it comes in, before anything is kept. Pure.

    ArgumentError: chart-1: capacity: found 'x', expected a whole number of 1 or more

Every mistake is one line: who was called (a component, or a call's name), which argument, what was found, what was
expected, and the nearest name where there is one.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from math import isfinite
from typing import Any, TypeVar

from hoga.hub.errors import ArgumentError

__all__ = [
    "callback_of", "choice", "count", "identity", "is_async", "maybe_text", "nearest", "number", "owner_of", "shown", "texts", "types",
    "work_of",
]  # fmt: skip

E = TypeVar("E", bound=StrEnum)

_SHOWN = 80


def choice(kind: type[E], value: object, who: str, argument: str) -> E:
    """The member of `kind` that `value` is, or names: by its value or its name, in any case. Raises ArgumentError."""
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        folded = _fold(value)
        for member in kind:
            if folded in (_fold(member.value), _fold(member.name)):
                return member
    values = [member.value for member in kind]
    raise ArgumentError(who, argument, shown(value), f"one of {', '.join(values)}", near=nearest(value, values))


def count(value: object, who: str, argument: str, *, least: int = 1) -> int:
    """A whole number of `least` or more. Raises ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArgumentError(who, argument, shown(value), f"a whole number of {least} or more")
    return value


def number(value: object, who: str, argument: str, *, unit: str = "seconds") -> float:
    """A finite number above 0. Raises ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise ArgumentError(who, argument, shown(value), f"a number of {unit} above 0")
    return float(value)


def identity(value: object, who: str, argument: str) -> str:
    """A text that is not empty. Raises ArgumentError."""
    if not isinstance(value, str) or not value:
        raise ArgumentError(who, argument, shown(value), "a text that is not empty")
    return value


def maybe_text(value: object, who: str, argument: str, example: str) -> str | None:
    """A text that is not empty, or None. Raises ArgumentError."""
    if value is not None and (not isinstance(value, str) or not value):
        raise ArgumentError(who, argument, shown(value), f"a text like {example!r}, or nothing")
    return value


def texts(value: object, who: str, argument: str) -> tuple[str, ...]:
    """A collection of texts, as a tuple; one text alone is a mistake. Raises ArgumentError."""
    if isinstance(value, str):
        raise ArgumentError(who, argument, shown(value), "a list of symbols", near=f"[{value!r}]")
    if value is None or isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        raise ArgumentError(who, argument, shown(value), "a list of symbols, like ['BTCUSDT']")
    found = tuple(value)
    for each in found:
        if not isinstance(each, str) or not each.strip():
            raise ArgumentError(who, argument, shown(each), "symbols that are texts, like 'BTCUSDT'")
    return found


def callback_of(value: Any, who: str, argument: str) -> Callable[[Any], object]:
    """Something that can be called with one argument. Raises ArgumentError.

    What tells nothing of its arguments (some built-in functions) is taken as it is.
    """
    if not callable(value):
        raise ArgumentError(who, argument, shown(value), "something that can be called with one event")
    found: Callable[[Any], object] = value
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return found
    try:
        signature.bind(None)
    except TypeError:
        name = getattr(found, "__qualname__", type(found).__name__)
        raise ArgumentError(who, argument, f"{name}{signature}", "something that can be called with one event") from None
    return found


def owner_of(value: object, who: str, argument: str) -> object:
    """An object that can be held weakly and that somebody may hold. Raises ArgumentError."""
    if inspect.ismethod(value):
        expected = "the object whose method it is: a bound method is made anew each time, and gone at once"
        raise ArgumentError(who, argument, shown(value), expected)
    try:
        weakref.ref(value)
    except TypeError:
        expected = "an object of a class of yours: it is held weakly, and what asks for data ends with it"
        raise ArgumentError(who, argument, shown(value), expected) from None
    return value


def is_async(callback: object) -> bool:
    """Whether it is an async function, also within partials, or an object that is called like one."""
    while isinstance(callback, partial):
        callback = callback.func
    if not inspect.isroutine(callback) and not inspect.isclass(callback):
        inner = getattr(callback, "__call__", callback)  # noqa: B004  # objects that can be called
        return is_async(inner) if isinstance(inner, partial) else inspect.iscoroutinefunction(inner)
    return inspect.iscoroutinefunction(callback)


def types(kind: type[E], value: object, who: str, argument: str) -> list[E]:
    """A list of members of `kind`, one at least, given as in `choice`. Raises ArgumentError."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        near = f"[{str(value)!r}]" if isinstance(value, str) else None
        raise ArgumentError(who, f"{argument}s", shown(value), "a list of types", near=near)
    found = [choice(kind, each, who, argument) for each in value]
    if not found:
        raise ArgumentError(who, f"{argument}s", shown(value), "one type at least")
    return found


def work_of(value: object, who: str) -> None:
    """It is what an async function gives when it is called. Raises ArgumentError."""
    if not inspect.iscoroutine(value):
        raise ArgumentError(who, "work", shown(value), "what an async function gives when it is called, like register_component(…)")


def nearest(value: object, names: Iterable[str]) -> str | None:
    """The name that `value` was probably meant to be, None when nothing is near."""
    by_folded = {_fold(name): name for name in names}
    hits = get_close_matches(_fold(value), list(by_folded), n=1, cutoff=0.6) if isinstance(value, str) else []
    return by_folded[hits[0]] if hits else None


def shown(value: object) -> str:
    """A value for a message, on one line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001  # a repr of somebody else's that fails; its type says enough
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _fold(text: str) -> str:
    return text.strip().lower().replace("_", "-")
