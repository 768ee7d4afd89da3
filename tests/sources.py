"""Source files as trees, each parsed once a file of tests: the house rules ask many things of the same hundreds of files. They are let go
when such a file is over (`tests/conftest.py`): some two million nodes, and every look for garbage would walk over them."""

from __future__ import annotations

import ast
import gc
import inspect
import re
from functools import cache
from pathlib import Path

__all__ = ["docstring_of", "tree_of"]

_PLAIN_DOCSTRING = re.compile(r'"""([^"\\]*)"""\n')


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


def docstring_of(path: Path) -> str:
    """What a module says of itself; the file is parsed only where that is not plainly its first text."""
    plain = _PLAIN_DOCSTRING.match(path.read_text(encoding="utf-8"))
    return inspect.cleandoc(plain[1]) if plain else ast.get_docstring(tree_of(path)) or ""
