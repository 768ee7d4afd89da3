"""Nothing in the program is there for its tests only, or for nobody."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hoga
from tests.sources import tree_of

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "hoga"

READS_NATS = "whoever gathers, or reads live frames, does with it"
NEEDED = {
    "archive/form/ledger.py encode_entries": "the benchmarks make days with it",
    "archive/read/catalog.py catalog": "a user's view of an archive, beside `rows_of`",
    "archive/form/store.py mount": "whoever has an archive elsewhere than in files serves it with it; a test does",
    "hub/states.py diagram": "docs/hub.md shows the tables as it draws them, and a test compares",
    "hub/stream.py EventStream.aclose": "what every asynchronous generator has",
    "relay/subjects.py put_together": READS_NATS,
    "runtime/clock.py ManualClock": "a test, a replay and a backtest have it instead of the machine's",
    "runtime/clock.py ManualClock.pass_time": "a test, a replay and a backtest have it instead of the machine's",
    "runtime/clock.py ManualClock.set_wall": "a test, a replay and a backtest have it instead of the machine's",
    "runtime/clock_check.py Timex.estimated_error": "the kernel's structure, field by field",
}
"""What nothing in the program names, and why it is there."""


def used(tree: ast.Module) -> Iterator[str]:
    """The names that code uses: loads, attributes, imports, keywords, and words of texts that look like names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.name.rpartition(".")[2] for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.MatchClass):
            yield from node.kwd_attrs
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Za-z_][\w.]*( [A-Za-z_]\w*)*", node.value)
        ):
            yield from re.split("[ .]", node.value)
            if node.value.isupper():
                yield node.value.lower()  # a key of the configuration fills the field of its name


def exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" and isinstance(node.value, ast.List | ast.Tuple):
            return [str(each.value) for each in node.value.elts if isinstance(each, ast.Constant)]
    return []


def defined(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(class or "", name) of everything that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield "", node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (("", target.id) for target in targets if isinstance(target, ast.Name))
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node.name, member.name
                elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                    yield node.name, member.target.id


PUBLIC = {name: getattr(hoga, name) for name in hoga.__all__}
PUBLIC_CLASSES = {each for one in PUBLIC.values() if isinstance(one, type) for each in one.__mro__}


def is_called_by_others(path: Path, owner: str, name: str) -> bool:
    """Whether somebody outside of hoga calls it: a user of a public class, or a library whose class this one extends."""
    module = "hoga." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    if module.endswith((".compat", "__main__")):
        return True
    if not owner:
        return getattr(importlib.import_module(module), name, None) in PUBLIC.values()
    found = getattr(importlib.import_module(module), owner)
    if found in PUBLIC_CLASSES and not name.startswith("_"):
        return True
    if any(base.__module__.startswith("textual") for base in found.__mro__):
        return name.startswith(("action_", "on_")) or hasattr(found.__mro__[1], name)
    return any(hasattr(base, name) for base in found.__mro__ if not base.__module__.startswith("hoga") and base is not object)


def test_everything_is_used_by_the_program_or_its_users() -> None:
    modules = {path: tree_of(path) for path in sorted(SOURCE.rglob("*.py"))}
    counts: Counter[str] = Counter()
    for tree in modules.values():
        counts.update(used(tree))
        counts.subtract(exported(tree))
    unused = {
        f"{path.relative_to(SOURCE).as_posix()} {owner}{'.' if owner else ''}{name}"
        for path, tree in modules.items()
        for owner, name in defined(tree)
        if not name.startswith("__") and counts[name] <= 0 and not is_called_by_others(path, owner, name)
    }
    assert not unused - set(NEEDED)
