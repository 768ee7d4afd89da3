"""Source files as trees, each parsed once a file of tests: the house rules ask many things of the same hundreds of files. They are let go
when such a file is over (`tests/conftest.py`): some two million nodes, and every look for garbage would walk over them."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

__all__ = ["tree_of"]


@cache
def tree_of(path: Path) -> ast.Module:
    """What stands in a file. Looking for garbage among the nodes of all of them would take three times as long as making them."""
    looks = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.freeze()
        if looks:
            gc.enable()
