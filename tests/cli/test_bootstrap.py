"""`./hoga`, the way in: run against a make-believe Python, so that no network and no minute is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.waiting import LONG_S

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("sh", "cat", "cksum", "cp", "dirname", "grep", "kill", "mkdir", "readlink", "rm", "sleep", "ln", "chmod", "tail")
ELSEWHERE = '"${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3 /usr/bin/python3 /usr/local/bin/python3'

FAKE_PYTHON = """#!/bin/sh
case "$*" in
    "-c import sys; sys.exit(sys.version_info < (3, 11))") exit ${FAKE_OLD:-0} ;;
    "-c import ensurepip, venv") exit ${FAKE_WITHOUT_VENV:-0} ;;
    "-V") echo "Python 3.99.0" ;;
    "-m venv "*)
        echo venv >>"$CALLS"
        [ -z "${FAKE_VENV_FAILS:-}" ] || { echo "venv says why"; exit 1; }
        mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "#!$3/bin/python" >"$3/bin/pip" ;;
    "-m pip --version") exit 0 ;;
    "-m pip install "*)
        echo "install $*" >>"$CALLS"
        [ -z "${FAKE_PIP_FAILS:-}" ] || { echo "pip says why"; exit 1; }
        bin=$(dirname "$0"); printf '#!/bin/sh\\necho "ran $*"\\n' >"$bin/hoga"; chmod +x "$bin/hoga" ;;
    "-m pytest "*) echo "tests in $PWD: $*" ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the bootstrap is a POSIX shell script")


class Checkout:
    """A checkout with the real script, on a machine with a make-believe Python."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.root = folder / "a check out"
        self.tools = folder / "bin"
        self.calls_file = folder / "calls"
        for made in (self.home, self.root, self.tools):
            made.mkdir()
        script = (ROOT / "hoga").read_text()
        assert ELSEWHERE in script, "the test must hide this machine's own Pythons"
        (self.root / "hoga").write_text(script.replace(ELSEWHERE, ""))
        (self.root / "hoga").chmod(0o755)
        (self.root / "pyproject.toml").write_text("[project]\n")
        (self.root / "constraints.txt").write_text("a==1\n")
        for name in TOOLS:
            found = shutil.which(name)
            if found is not None:
                (self.tools / name).symlink_to(found)
        self.program("python3", FAKE_PYTHON)

    def program(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def run(self, *arguments: str, script: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.tools), "HOME": str(self.home), "CALLS": str(self.calls_file), **environ}
        command = [str(script or self.root / "hoga"), *arguments]
        return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=LONG_S, check=False)

    @property
    def calls(self) -> list[str]:
        return [line.split()[0] for line in self.calls_file.read_text().splitlines()] if self.calls_file.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_sets_up_and_the_second_only_runs(checkout: Checkout) -> None:
    first = checkout.run("demo", "--seconds", "5 s")
    assert (first.returncode, first.stdout) == (0, "ran demo --seconds 5 s\n")
    assert "first start" in first.stderr
    assert "ready" in first.stderr
    second = checkout.run("ls")
    assert (second.stdout, second.stderr) == ("ran ls\n", "")
    assert checkout.calls == ["venv", "install"]
    assert "-c constraints.txt -e .\n" in checkout.calls_file.read_text()


def test_through_a_link_from_anywhere(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(checkout.root / "hoga")
    (tmp_path / "two").symlink_to("one")
    assert checkout.run("--version", script=tmp_path / "two").stdout == "ran --version\n"
    assert (checkout.root / ".venv").is_dir()


def test_the_tests_get_their_own_extras_and_arguments(checkout: Checkout) -> None:
    checkout.run("ls")
    result = checkout.run("test", "-k", "one thing")
    marks = "not slow and not faults and not soak"
    workers = 3 * (os.cpu_count() or 2)
    spread = f"-n {workers} --dist loadfile --no-loadscope-reorder"
    assert result.stdout == f"tests in {checkout.root}: -m pytest {spread} -m {marks} -k one thing\n"
    assert "-e .[test,dev]" in checkout.calls_file.read_text()
    assert checkout.run("ls").stderr == ""
    assert checkout.calls == ["venv", "install", "install"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(checkout: Checkout, name: str) -> None:
    checkout.run("ls")
    (checkout.root / name).write_text("b==2\n")
    assert checkout.run("ls").stdout == "ran ls\n"
    assert checkout.calls == ["venv", "install", "install"]


def test_a_failed_installation_shows_why_and_is_taken_up_again(checkout: Checkout) -> None:
    failed = checkout.run("ls", FAKE_PIP_FAILS="1")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "pip says why" in failed.stderr
    assert not (checkout.root / ".venv.lock").exists()
    assert checkout.run("ls").stdout == "ran ls\n"
    assert checkout.calls == ["venv", "install", "install"]


def test_a_failed_environment_shows_why(checkout: Checkout) -> None:
    failed = checkout.run("ls", FAKE_VENV_FAILS="1")
    assert failed.returncode == 2
    assert "venv says why" in failed.stderr
    assert checkout.run("ls").stdout == "ran ls\n"


@pytest.mark.parametrize("broken", ["python", "pip"])
def test_a_half_made_environment_is_made_anew(checkout: Checkout, broken: str) -> None:
    checkout.run("ls")
    (checkout.root / ".venv" / "bin" / broken).unlink()
    (checkout.root / ".venv" / ".ready-base").unlink()
    assert checkout.run("ls").stdout == "ran ls\n"
    assert checkout.calls == ["venv", "install", "venv", "install"]


def test_a_moved_checkout_is_set_up_anew(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("ls")
    checkout.root.rename(tmp_path / "moved")
    assert checkout.run("ls", script=tmp_path / "moved" / "hoga").stdout == "ran ls\n"
    assert checkout.calls == ["venv", "install", "venv", "install"]


def test_no_python_is_said_in_one_line(checkout: Checkout) -> None:
    result = checkout.run("ls", FAKE_OLD="1")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "no Python 3.11 or newer" in result.stderr


def test_a_python_without_venv_is_said_in_one_line(checkout: Checkout) -> None:
    result = checkout.run("ls", FAKE_WITHOUT_VENV="1")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "apt-get install python3-venv" in result.stderr


def test_a_named_python_comes_first(checkout: Checkout, tmp_path: Path) -> None:
    mine = tmp_path / "my python"
    shutil.copy(checkout.tools / "python3", mine)
    (checkout.tools / "python3").unlink()
    assert checkout.run("ls", HOGA_PYTHON=str(mine)).stdout == "ran ls\n"


def test_a_uv_that_fails_is_no_obstacle(checkout: Checkout) -> None:
    checkout.program("uv", "#!/bin/sh\nexit 1\n")
    assert checkout.run("ls").stdout == "ran ls\n"
    assert checkout.calls == ["venv", "install"]


def test_a_lock_left_by_the_dead_is_taken_over(checkout: Checkout) -> None:
    (checkout.root / ".venv.lock").mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    (checkout.root / ".venv.lock" / "pid").write_text(f"{dead.pid}\n")
    assert checkout.run("ls").stdout == "ran ls\n"
    assert not (checkout.root / ".venv.lock").exists()


@pytest.mark.parametrize("why", ["Read-only file system", "Permission denied"])
def test_a_checkout_that_may_not_be_written_is_said_and_not_waited_for(checkout: Checkout, why: str) -> None:
    (checkout.tools / "mkdir").unlink()
    checkout.program("mkdir", f"#!/bin/sh\necho \"mkdir: cannot create directory '$1': {why}\" >&2\nexit 1\n")
    done = checkout.run("demo")
    assert done.returncode == 2
    assert done.stderr == f"hoga: no environment can be made in {checkout.root}: {why}; run ./hoga once as the user who owns it\n"
    assert checkout.calls == []


def test_a_lock_that_is_held_is_waited_for(checkout: Checkout) -> None:
    lock = checkout.root / ".venv.lock"
    lock.mkdir()
    (lock / "pid").write_text(f"{os.getpid()}\n")
    (checkout.tools / "sleep").unlink()
    checkout.program("sleep", f"#!/bin/sh\nrm -rf '{lock}'\n")
    done = checkout.run("ls")
    assert (done.returncode, done.stdout) == (0, "ran ls\n")
    assert f"waiting for another set-up of this checkout (process {os.getpid()})" in done.stderr


def test_names_of_files_are_utf8_in_any_locale(checkout: Checkout) -> None:
    checkout.run("ls")
    (checkout.root / ".venv" / "bin" / "hoga").write_text('#!/bin/sh\necho "utf8=$PYTHONUTF8"\n')
    assert checkout.run("ls", LC_ALL="C").stdout == "utf8=1\n"
