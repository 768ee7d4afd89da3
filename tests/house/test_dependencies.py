"""Every dependency is imported, and everything that is imported is a dependency."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.sources import tree_of

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

SPELT = {
    "nats-py": {"nats"},
    "binance-sdk-derivatives-trading-usds-futures": {"binance_sdk_derivatives_trading_usds_futures", "binance_common"},
    "pyjwt": {"jwt"},
    "pyside6-essentials": {"PySide6"},
    "python-binance": {"binance"},
    "pyyaml": {"yaml"},
    "pyupbit": {"pyupbit", "requests"},
}
"""What a distribution is imported as, where that is not its name. (`requests` is what pyupbit fails with.)"""
TOOLS = {"pytest", "pytest-xdist", "pytest-timeout"}
"""What runs the tests, and need not be imported to do so."""
FOR_USERS = {"analysis"}
"""Extras that nothing in hoga imports: libraries that read what it writes."""
IF_THERE = {"cryptofeed", "hftbacktest"}
"""What tests use where it is installed, and do without elsewhere."""


KNOWN = set(sys.stdlib_module_names) | {"hoga", "tests", "bench"}
FROM = re.compile(r"""^[ \t]*from[ \t]+(\w+)[\w.]*[ \t]+import\b|importorskip\(\s*['"](\w+)""", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*import[ \t]+([^\n#]+)", re.MULTILINE)


def name_of(requirement: str) -> str:
    return re.split(r"[ ;<>=!~\[]", requirement, maxsplit=1)[0].lower()


def modules_of(requirements: Iterable[str]) -> dict[str, set[str]]:
    """By distribution, the top-level modules that it brings."""
    names = [name_of(each) for each in requirements]
    return {name: SPELT.get(name, {name.replace("-", "_")}) for name in names}


def imports(folder: str) -> set[str]:
    """The top-level modules that the files of a folder import, but for the standard library's and our own."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        if maybe_named_in(path.read_text(encoding="utf-8")) <= KNOWN | found:
            continue
        for node in ast.walk(tree_of(path)):
            found.update(name.partition(".")[0] for name in named_in(node))
    return found - KNOWN


def maybe_named_in(text: str) -> set[str]:
    """At least what a file imports, found without parsing it: statements begin their lines."""
    found = {name for names in FROM.findall(text) for name in names}
    for names in IMPORT.findall(text):
        found.update(name.strip().partition(" ")[0].partition(".")[0] for name in names.split(","))
    return found - {""}


def named_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip":
        yield str(ast.literal_eval(node.args[0]))


def test_what_the_program_imports_is_what_it_depends_on() -> None:
    needed = modules_of(PROJECT["dependencies"])
    optional = modules_of(each for name, extra in EXTRAS.items() if name not in {"test", "dev"} | FOR_USERS for each in extra)
    used = imports("src")
    assert not {name for name, modules in (needed | optional).items() if not modules & used}, "nothing imports these"
    assert not used - set().union(*needed.values(), *optional.values()), "these come only because something else needs them"


def test_what_the_tests_import_is_installed_with_them() -> None:
    needed, tests = modules_of(PROJECT["dependencies"]), modules_of(EXTRAS["test"])
    used = imports("tests")
    assert not {name for name, modules in tests.items() if not modules & used} - TOOLS
    assert not used - set().union(*needed.values(), *tests.values(), *modules_of(EXTRAS["dev"]).values()) - IF_THERE


def test_every_extra_is_known_here() -> None:
    assert set(EXTRAS) >= FOR_USERS | {"test", "dev", "notify"}


def test_every_dependency_is_pinned_and_where_it_comes_from_is_not_said() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line) for line in pins)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in pins}
    assert not {name_of(each).replace("_", "-") for each in PROJECT["dependencies"]} - pinned
