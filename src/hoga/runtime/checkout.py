"""runtime.checkout: how a user calls hoga from here, and what brings it what it lacks: in a checkout not as elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["called", "install_line"]


def called() -> str:
    """How the command is called from this folder: `./hoga` in a checkout, else `hoga`."""
    return "./hoga" if Path("hoga").is_file() else "hoga"


def install_line(extra: str) -> str:
    """The command that brings an extra: in a checkout its own, with the versions that it is tested with."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "constraints.txt").is_file() or not (root / "pyproject.toml").is_file():
        return f"pip install 'hoga[{extra}]'"
    return f"{sys.executable} -m pip install -c {root / 'constraints.txt'} -e '{root}[{extra}]'"
