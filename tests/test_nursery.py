"""What is forked is what would have been started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nursery import Born, born

HERE = "tests.test_nursery"


def answer() -> int:
    """Write down what there is, as the first line wants it; then end with the second line's number."""
    wish = json.loads(sys.stdin.readline())
    Path(wish["into"]).write_text(json.dumps([os.getcwd(), os.environ.get("MARK"), sys.stdin.read()]))
    sys.stderr.write("said\n")
    if wish["raises"]:
        raise LookupError("lost")
    return int(wish["code"])


@pytest.mark.parametrize(("code", "raises"), [(0, False), (3, False), (0, True)])
def test_it_has_the_test_s_folder_environment_and_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], code: int, raises: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARK", str(code))
    process = born(HERE, "answer")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.stdin is not None
    process.stdin.write(json.dumps({"into": str(tmp_path / "found"), "code": code, "raises": raises}).encode() + b"\nmore")
    process.stdin.close()
    assert process.wait(60) == (1 if raises else code)
    assert process.poll() == process.returncode
    assert json.loads((tmp_path / "found").read_text()) == [str(tmp_path), str(code), "more"]
    said = capfd.readouterr().err
    assert said.startswith("said\n")
    assert ("LookupError: lost" in said) is raises


def test_one_that_is_killed_says_so_and_hurts_no_other() -> None:
    one, other = born(HERE, "answer"), born(HERE, "answer")
    one.kill()
    assert one.wait(60) == -signal.SIGKILL
    assert other.poll() is None
    assert one.stdin is not None
    assert other.stdin is not None
    one.stdin.close()
    other.stdin.close()
    assert other.wait(60) == 1, "it was told nothing"
    assert isinstance(one, Born) == isinstance(other, Born)
