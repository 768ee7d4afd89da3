"""The package's types reach its users: `py.typed` is there, right programs pass a strict checker, wrong ones do not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hoga

pytest.importorskip("mypy", reason="a development tool")
HERE = Path(__file__).parent


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(hoga.__file__).with_name("py.typed").exists()


def test_a_users_program_is_understood_and_mistakes_are_found(tmp_path: Path) -> None:
    """As a user's project would: from outside, with nothing of our own settings."""
    programs = [HERE / "api.py", HERE / "mistakes.py"]
    for program in programs:
        (tmp_path / program.name).write_text(program.read_text())
    checked = subprocess.run(  # a process of its own: mypy changes the interpreter it runs in
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--hide-error-context", "--no-error-summary", "--no-color-output",
         "--disable-error-code=no-any-return", f"--cache-dir={HERE.parent.parent / '.mypy_cache' / 'users'}",
         *(str(tmp_path / program.name) for program in programs)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    said = checked.stdout
    assert not checked.stderr
    found = {(Path(hit[1]).name, int(hit[2]), hit[3]) for hit in re.finditer(r"^(.+):(\d+): error: .*\[([a-z-]+)\]$", said, re.MULTILINE)}
    wanted = {
        ("mistakes.py", number, line.rpartition("# EXPECT ")[2])
        for number, line in enumerate((HERE / "mistakes.py").read_text().splitlines(), 1)
        if "# EXPECT" in line
    }
    assert found == wanted, said
