"""Every public name is typed, and documented where a user looks: in its own docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import hoga
from tests.house.stub import STUB, stub

NAMES = [name for name in hoga.__all__ if not name.startswith("__")]


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """The public functions and properties that a class, or one of its own bases in hoga, has: (name, function)."""
    for base in owner.__mro__:
        if base.__module__.startswith("hoga"):
            for name, found in vars(base).items():
                function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
                function = function.fget if isinstance(function, property) else function
                if not name.startswith("_") and inspect.isfunction(function):
                    yield name, function


def test_the_stub_is_the_table() -> None:
    assert STUB.read_text(encoding="utf-8") == stub(), "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is(name: str) -> None:
    found = getattr(hoga, name)
    said = found.__dict__.get("__doc__") if isinstance(found, type) else inspect.getdoc(found)
    assert said, name
    assert len(said.split()) > 2, said


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(hoga, name), type)])
def test_its_members_are_documented_and_typed(name: str) -> None:
    for member, function in members(getattr(hoga, name)):
        where = f"{name}.{member}"
        assert inspect.getdoc(function), where
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, where
        named = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
        assert not [each.name for each in named if each.annotation is each.empty], where


@pytest.mark.parametrize("name", [name for name in NAMES if inspect.isfunction(getattr(hoga, name))])
def test_a_public_function_is_typed(name: str) -> None:
    signature = inspect.signature(getattr(hoga, name))
    assert signature.empty not in {signature.return_annotation, *(each.annotation for each in signature.parameters.values())}


UNITS = re.compile(r"(_s|_ms|_ns|_mb|_bytes|_percent|_seconds)$")


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(hoga, name), msgspec.StructMeta)])
def test_a_time_or_a_size_says_its_unit(name: str) -> None:
    """By its name, or in the docstring of its class or module."""
    struct = getattr(hoga, name)
    said = " ".join(filter(None, [*(base.__doc__ for base in struct.__mro__), inspect.getdoc(inspect.getmodule(struct))]))
    for field in struct.__struct_fields__:
        if re.search(r"latency|uptime|memory|delay|age$", field) and not UNITS.search(field):
            assert re.search(r"\b(ms|ns|seconds|s|MB|bytes)\b", said), f"{name}.{field}"
