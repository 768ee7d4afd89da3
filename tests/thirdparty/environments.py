"""Clients that need an environment of their own: `bench/peers/install.sh NAME` makes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.peers import peers_folder

__all__ = ["python_of"]

_FOLDER = peers_folder(os.environ)
"""Looked up when the tests are collected: each of them runs without hoga's own variables."""


def python_of(name: str) -> str:
    """The interpreter that has the client; the test is skipped, by name, where there is none."""
    found = Path(_FOLDER) / name / "bin" / "python"
    if not found.exists() or not (Path(_FOLDER) / name / ".ready").exists():  # half of one is none
        pytest.skip(f"{name} is not installed (bench/peers/install.sh {name})")
    return str(found)
