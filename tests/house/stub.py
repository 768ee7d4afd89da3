"""Writes `hoga/__init__.pyi`, where a type checker finds the public names: `python -m tests.house.stub`."""

from __future__ import annotations

from pathlib import Path

import hoga

__all__ = ["STUB", "stub"]

STUB = Path(hoga.__file__).with_suffix(".pyi")


def stub() -> str:
    """The text of the file, from the table in `hoga/__init__.py`."""
    lines = sorted(f"from hoga.{home} import {name} as {name}\n" for name, home in hoga._HOMES.items())
    return "# Written by `make docs` from the table in __init__.py.\n\n" + "".join(lines) + "\n__version__: str\n"


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
