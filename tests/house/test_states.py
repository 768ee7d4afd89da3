"""A state moves by its table, and nowhere else: whoever has one holds a `hub.states.Standing`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.sources import tree_of

SOURCE = Path(__file__).resolve().parent.parent.parent / "src" / "hoga"
FILES = [path for room in ("feed", "hub") for path in sorted((SOURCE / room).glob("*.py")) if path.name != "states.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nobody_sets_a_state(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []
        for target in (part for each in targets for part in ast.walk(each)):
            if isinstance(target, ast.Attribute):
                assert target.attr not in ("state", "phase"), f"line {node.lineno} sets it"
