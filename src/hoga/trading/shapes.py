"""trading.shapes: whether an event has the shape that its class says: for `--dev`, and never on the way of an order otherwise. Pure."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["misshapen"]


def misshapen(event: msgspec.Struct) -> str:
    """Which field holds what it may not, "" where all is well. Fields of fields are looked at, too."""
    for name, kinds in _kinds(type(event)).items():
        value = getattr(event, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            allowed = ", ".join(each.__name__ for each in kinds)
            return f"{type(event).__name__}.{name} is {value!r}; expected {allowed}"
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, msgspec.Struct) and (found := misshapen(each)):
                return found
    return ""


@cache
def _kinds(shape: type) -> dict[str, tuple[type, ...]]:
    return {name: tuple(_classes(hint)) for name, hint in get_type_hints(shape).items() if name in shape.__struct_fields__}  # type: ignore[attr-defined]


def _classes(hint: object) -> list[type]:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return [each for arg in get_args(hint) for each in _classes(arg)]
    if isinstance(origin, type):
        return [origin]
    return [hint if isinstance(hint, type) else object]
