"""The API reference is made from the docstrings without a network, and says what a caller needs: shapes, units, None, errors."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hoga
from hoga import simulator
from hoga.hub import compat
from tests.every import every

PUBLIC = {f"hoga.{name}": getattr(hoga, name) for name in hoga.__all__ if not name.startswith("__")}


def test_every_public_name_is_in_it(tmp_path: Path) -> None:
    from tests.house.reference import write_reference

    write_reference(tmp_path)
    pages = {room: (tmp_path / f"{room}.html").read_text(encoding="utf-8") for room in ("hoga", "hoga/hub/compat", "hoga/simulator")}
    for room, module in (("hoga", hoga), ("hoga/hub/compat", compat), ("hoga/simulator", simulator)):
        there = set(re.findall(r'\bid="([\w.]+)"', pages[room]))
        assert set(module.__all__) - there <= {"__version__"}
    everything = "\n".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.*"))
    assert not re.findall(r'<(?:script|link|img)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"', everything), "it asks nobody else"


def functions() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """(name, function, what is said of it and of its class) of whatever a user can call."""
    for name, found in PUBLIC.items():
        if inspect.isfunction(found):
            yield name, found, inspect.getdoc(found) or ""
        elif isinstance(found, type):
            for base in found.__mro__:
                if base.__module__.startswith("hoga"):
                    yield from ((f"{name}.{member}", function, said) for member, function, said in members(base))


def members(owner: type) -> Iterator[tuple[str, Callable[..., Any], str]]:
    about = owner.__dict__.get("__doc__") or ""
    for name, found in vars(owner).items():
        function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        function = function.fget if isinstance(function, property) else function
        if isinstance(function, types.FunctionType) and not name.startswith("_"):
            yield name, function, f"{inspect.getdoc(function) or ''}\n{about}"


def raised(function: Callable[..., Any]) -> Iterator[set[str]]:
    """The exceptions that its own lines raise: each with the classes as which it can be caught."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(what).rpartition(".")[2]
            if name[:1].isupper():
                found = function.__globals__.get(name) or getattr(builtins, name, None)
                bases = found.__mro__ if isinstance(found, type) else ()
                yield {name, *(base.__name__ for base in bases)} - TOO_WIDE


TOO_WIDE = {"object", "BaseException", "Exception", "HogaError"}
OURS_TO_MEND = {"AssertionError", "NotImplementedError", "StopIteration", "StopAsyncIteration", "AttributeError"}
UNITS = re.compile(r"(_s|_ms|_us|_ns|_min|_mb|_bytes|_bp|_percent|_seconds)$")
TIMES = re.compile(r"(interval|timeout|delay|age|window|latency|uptime|period|deadline|patience)$")
IN_UNITS = re.compile(r"\b(seconds?|s|ms|ns|minutes?|milliseconds|nanoseconds|hours?|bytes|MB)\b")


@every(list(functions()))
def test_what_it_raises_is_said(case: tuple[str, Callable[..., Any], str]) -> None:
    name, function, said = case
    told = set(re.findall(r"\w+", said)) | OURS_TO_MEND
    assert not [sorted(each) for each in raised(function) if not each & told], name


@every(list(functions()))
def test_what_none_means_is_said(case: tuple[str, Callable[..., Any], str]) -> None:
    name, function, said = case
    given = str(inspect.signature(function).return_annotation)
    assert not re.search(r"\| None\b", given) or re.search(r"\b[Nn]one\b", said), f"{name} -> {given}"


@every(list(functions()))
def test_a_time_that_is_given_has_a_unit(case: tuple[str, Callable[..., Any], str]) -> None:
    name, function, said = case
    for each in inspect.signature(function).parameters.values():
        if TIMES.search(each.name) and not UNITS.search(each.name) and re.search(r"\b(int|float)\b", str(each.annotation)):
            assert IN_UNITS.search(said), f"{name}({each.name})"


@every(list(functions()))
def test_what_comes_as_arrays_has_a_shape(case: tuple[str, Callable[..., Any], str]) -> None:
    name, function, said = case
    if re.search(r"\b(NDArray|ndarray|Arrays)\b", str(inspect.signature(function).return_annotation)):
        assert re.search(r"\(n,|\(n\)|\bshape\b|one .* a ", said), name


def test_the_rules_above_find_what_they_are_for() -> None:
    def careless(interval: float) -> None:
        raise ValueError("x")

    assert list(raised(careless)) == [{"ValueError"}]
    assert TIMES.search("interval")
    assert not UNITS.search("interval")
    assert len(list(functions())) > 150
