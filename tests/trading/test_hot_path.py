"""Between a frame and the bytes of its order nothing logs, imports or waits, and no Decimal or datetime is made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent.parent / "src" / "hoga"

HOT = {
    "app/trader/trader.py": ("_on_frame", "_see", "_pump", "_is_over", "_step", "_perform"),
    "audit/taping.py": ("add",),
    "core/ticks.py": (),
    "trading/bars.py": ("trade", "_count"),
    "trading/engine/candles.py": ("trade",),
    "trading/bus.py": ("publish", "drain", "_count", "_hand_out"),
    "trading/engine/engine.py": ("step", "_close"),
    "trading/engine/market.py": ("_on_top", "_on_depth", "_came"),
    "trading/engine/guarding.py": ("saw", "makes_room"),
    "trading/engine/pursuing.py": ("want", "pursue", "_pursue_one"),
    "trading/engine/placing.py": ("_judge", "_intend", "place", "new_id"),
    "trading/engine/instance.py": ("on_book", "target"),
    "trading/orders.py": ("add", "hear", "working", "_index"),
    "trading/portfolio.py": ("position", "share"),
    "trading/records.py": ("intent", "_cause"),
    "trading/state.py": ("look", "rules", "capabilities", "position", "working", "open_count"),
    "trading/target.py": ("plan",),
    "venues/ticks.py": ("memo", "__missing__"),
    "venues/binance/ticks.py": ("read",),
    "audit/log.py": ("append", "_put"),
    "audit/chain.py": ("body_of", "line_of"),
}
"""The functions on the way, by file."""

FORBIDDEN_CALLS = {"debug", "info", "warning", "error", "exception", "failure", "print", "acquire", "sleep", "open", "import_module"}
FORBIDDEN_NAMES = {"Decimal", "datetime", "Lock", "RLock", "logging", "_log"}


def functions(tree: ast.AST, names: tuple[str, ...]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names:
            yield node


def sins(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield f"line {node.lineno}: an import"
        elif isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.AsyncFunctionDef):
            yield f"line {node.lineno}: waits"
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.With) and "lock" in ast.unparse(node.items[0]).lower():
            yield f"line {node.lineno}: a lock"
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: {called}()"


@pytest.mark.parametrize("module", HOT)
def test_nothing_slow_stands_between_a_frame_and_its_order(module: str) -> None:
    tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
    found = list(functions(tree, HOT[module]))
    assert {each.name for each in found} == set(HOT[module]), "the list names what there is"
    assert not [f"{each.name}: {sin}" for each in found for sin in sins(each)]


def test_the_walk_finds_what_it_looks_for() -> None:
    code = "async def f():\n import x\n await y\n _log.info('z')\n with self._lock: pass\n return Decimal(1), datetime.now()"
    assert len(list(sins(ast.parse(code)))) >= 7
