"""A path that holds nothing of an archive is a mistake of the command line: exit status 2, and one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.cli.main import main


@pytest.mark.parametrize("command", ["cat", "ls", "coverage", "verify", "consolidate", "heal", "replay"])
def test_a_file_that_is_no_archive_is_a_mistaken_path(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "passwd").write_text("root\n")
    assert main([command, str(tmp_path / "passwd")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"PATH: found {tmp_path / 'passwd'}, expected a folder or a file of an archive" in line


@pytest.mark.parametrize("target", ["", "here"])
def test_cat_says_that_nothing_of_an_archive_is_there(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert main(["cat", target]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"PATH: found {target or chr(39) * 2}, expected" in line
