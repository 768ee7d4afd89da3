"""The house rules that no linter knows. (Which room may import which is checked by import-linter in `make check`.)"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from hoga.venues.registry import VENUES
from tests import sources
from tests.conftest import LONGEST_FIRST
from tests.every import every

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "hoga"
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

BENCHMARKS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "bench").glob("*.py"))

VENUE_WORDS = ("binance", "upbit")
MAY_NAME_VENUES = ("venues/", "simulator/", "cli/")
MAY_KNOW_KEYS = ("venues/", "simulator/", "captures/")
OUR_WORDS_TOO = {"bids", "asks", "bid_price", "bid_size", "ask_price", "ask_size", "timestamp", "trade"}
"""Keys of some venue's that are words of ours as well, as in `core.market`."""
READ_PAYLOADS = ("archive/form/records", "archive/form/semantics", "archive/form/bookcheck", "archive/form/lines", "archive/keep/",
                 "archive/prove/", "archive/read/", "app/since", "book/", "dashboard/ladder", "quality/", "recorder/")  # fmt: skip
"""Where a single letter would be a key, too."""


def tree_of(module: str) -> ast.Module:
    return sources.tree_of((ROOT if module in BENCHMARKS else SOURCE) / module)


def docstrings(tree: ast.Module) -> set[int]:
    """Ids of the nodes that are documentation: texts that stand as statements."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@every([name for name in (*MODULES, *BENCHMARKS) if not name.endswith("__main__.py")])
def test_a_module_says_what_it_is_and_what_is_public(module: str) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree), "a docstring names the room, the purpose and the rules"
    if module.endswith("__init__.py") and len(tree.body) == 1:
        return
    names = [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)]
    assert "__all__" in names or module == "_version.py"


@every([name for name in MODULES if not name.startswith(MAY_NAME_VENUES)])
def test_no_venue_is_named_outside_its_folder(module: str) -> None:
    tree = tree_of(module)
    documentation = docstrings(tree)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation]
    assert not [text for text in texts if isinstance(text, str) and any(word in text.lower() for word in VENUE_WORDS)]


def keys_of_venues() -> set[str]:
    """Every payload key that a venue's description names."""
    channels = {spec.channel_of(example) for spec in VENUES.values() for example in spec.examples}
    found: set[str] = set()
    for facts in (channel.record for channel in channels):
        found.update(filter(None, (facts.first_key, facts.last_key, facts.previous_key, facts.event_key, *facts.manner_keys)))
        found.update(facts.discriminator or (), facts.levels or ())
    return found


def words_of(tree: ast.Module) -> Iterator[str]:
    """Texts, and the names of attributes and fields: whatever could spell a key."""
    documentation = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


@every([name for name in MODULES if not name.startswith(MAY_KNOW_KEYS)])
def test_no_key_of_a_venues_payload_is_known_outside_its_folder(module: str) -> None:
    """Which keys stand for ids, times and levels, `venues.records` tells."""
    keys = keys_of_venues() - OUR_WORDS_TOO
    words = list(words_of(tree_of(module)))
    assert not [word for word in words if word in keys and (len(word) > 1 or module.startswith(READ_PAYLOADS))]
    assert not [word for word in words for key in keys if f'"{key}"' in word]


@every([name for name in MODULES if not name.startswith(("venues/", "simulator/"))])
def test_a_venues_word_for_what_trades_is_compared_nowhere_else(module: str) -> None:
    assert "TRADING" not in [node.value for node in ast.walk(tree_of(module)) if isinstance(node, ast.Constant)]


def test_a_day_of_a_series_travels_as_one_value() -> None:
    """Its four parts stand side by side only where names are made of them, and where it is made itself."""
    loose = {
        f"{module}:{node.name}"
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if {"symbol", "kind", "day"} <= {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
    }
    assert loose == {"archive/form/layout.py:day_stem", "archive/form/layout.py:segment_stem"}


def test_the_envelope_is_spelt_in_one_place() -> None:
    """Others read it through `archive.form.envelope`; `recvNs` is besides the name of a record's field."""
    spelt = {module for module in MODULES for word in words_of(tree_of(module)) if '"recvNs"' in word or '"timeSource"' in word}
    assert spelt == {"archive/form/envelope.py"}


def pure_modules() -> list[str]:
    """What the contract of purity holds: modules, and rooms with all that is in them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return next(contract["source_modules"] for contract in contracts if contract["name"].startswith("Pure"))


@every([name for name in MODULES if not name.startswith("simulator/")])
def test_what_says_that_it_is_pure_is_held_to_it(module: str) -> None:
    purpose = (ast.get_docstring(tree_of(module)) or "").split("\n\n")[0]
    name = "hoga." + module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if re.search(r"\bPure[.:]", purpose):
        assert any(f"{name}.".startswith(f"{held}.") for held in pure_modules())


def test_picows_stays_behind_one_file() -> None:
    users = {module for module in MODULES if "picows" in imported(tree_of(module))}
    assert {module for module in users if not module.startswith("simulator/")} <= {"net/ws.py"}


def test_nats_stays_behind_one_file() -> None:
    assert {module for module in MODULES if "nats" in imported(tree_of(module))} == {"relay/broker.py"}


def test_the_test_files_that_are_begun_first_exist() -> None:
    missing = [name for name in LONGEST_FIRST if not (ROOT / "tests" / f"{name}.py").is_file()]
    assert missing == []
