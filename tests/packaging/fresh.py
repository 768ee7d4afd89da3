"""Environments of their own, for the tests of what is installed: a Python of each version that there is, and the wheel in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.wheels import ROOT

__all__ = ["VERSIONS", "Fresh", "find_python", "make_fresh", "needs_registry"]

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
_TELL = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def _candidates() -> Iterator[str]:
    yield sys.executable
    yield from (name for version in VERSIONS if (name := shutil.which(f"python{version}")))
    folders = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions", Path.home() / ".local/share/uv/python"]
    for folder in folders:
        yield from (str(each) for each in sorted(folder.glob("*3.1[1-9]*/bin/python3")))


@cache
def _pythons() -> dict[str, str]:
    found: dict[str, str] = {}
    for each in _candidates():
        told = subprocess.run([each, "-c", _TELL], capture_output=True, text=True, timeout=60, check=False)
        if told.returncode == 0:
            found.setdefault(told.stdout.strip(), each)
    return found


def find_python(version: str) -> str:
    """A Python of that version that can make environments; the test is skipped by name where there is none."""
    if version not in _pythons():
        pytest.skip(f"no Python {version} here")
    return _pythons()[version]


@cache
def _has_registry() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", folder, "idna"]
        done = subprocess.run(asked, capture_output=True, timeout=120, check=False)
    return done.returncode == 0


def needs_registry() -> None:
    """Skips the test by name where no package can be fetched."""
    if not _has_registry():
        pytest.skip("no package registry can be reached")


class Fresh:
    """An environment with nothing but what was installed into it, and an empty folder to be in."""

    def __init__(self, python: str, folder: Path) -> None:
        self.venv, self.here = folder / "venv", folder / "empty"
        self.here.mkdir(parents=True)
        self.must(python, "-m", "venv", str(self.venv))

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOGA_", "PYTHON", "VIRTUAL_ENV"))}
        return kept | {"PATH": f"{self.venv / 'bin'}{os.pathsep}{kept['PATH']}", "HOME": str(self.here.parent)}

    def run(self, *words: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        path = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
        return subprocess.run(
            [path, *words[1:]], cwd=self.here, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def must(self, *words: str, seconds: float = 120.0) -> str:
        """What it prints; it has to end well."""
        done = self.run(*words, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, *what: str) -> None:
        """With the versions that hoga is tested with."""
        self.must("python", "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), *what, seconds=280)


def make_fresh(version: str, folder: Path, *what: str) -> Fresh:
    """A new environment of that Python with all of it installed."""
    python = find_python(version)
    needs_registry()
    fresh = Fresh(python, folder)
    fresh.install(*what)
    return fresh
