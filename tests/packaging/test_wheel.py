"""What is installed: the whole package, nothing else, and it works where there is no checkout."""

from __future__ import annotations

import email
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import hoga
from tests.waiting import LONG_S
from tests.wheels import PROJECT, ROOT, SHIPPED, make_sdist, make_wheel

INFO = f"hoga-{hoga.__version__}.dist-info"
ABOUT = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
PYTHONS = ("3.11", "3.12", "3.13")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sdist(tmp_path_factory.mktemp("sdist"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"{INFO}/METADATA"))


def test_the_wheel_is_the_package_and_what_is_said_about_it(wheel: Path) -> None:
    assert names(wheel) == {*SHIPPED, *ABOUT}
    assert wheel.name == f"hoga-{hoga.__version__}-py3-none-any.whl"


@pytest.mark.parametrize(
    "name",
    [
        "py.typed", "__init__.pyi", "dashboard/static/index.html", "dashboard/static/vendor/uPlot.iife.min.js",
        "dashboard/static/vendor/uPlot-LICENSE.txt", "history/static/view.html", "report/static/report.js",
    ],
)  # fmt: skip
def test_what_a_user_would_miss_is_in_it(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo(f"hoga/{name}").file_size == (ROOT / "src" / "hoga" / name).stat().st_size


def test_whatever_the_package_reads_beside_its_modules_is_of_a_kind_that_is_known() -> None:
    kinds = {Path(name).suffix for name in SHIPPED if Path(name).name != "py.typed"}
    assert kinds == {".py", ".pyi", ".html", ".css", ".js", ".svg", ".txt", ".md"}


def test_it_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    assert (said["Name"], said["Version"]) == ("hoga", hoga.__version__)
    assert (said["Requires-Python"], said["License-Expression"]) == (">=3.11", "Apache-2.0")
    assert str(said.get_payload(decode=True), "utf-8").strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    told = [each.removeprefix("Programming Language :: Python :: ") for each in said.get_all("Classifier", [])]
    assert [each for each in told if re.fullmatch(r"3\.\d+", each)] == list(PYTHONS)
    assert "Typing :: Typed" in told


def test_every_extra_is_there_and_asks_for_something(wheel: Path) -> None:
    said = metadata(wheel)
    extras = set(said.get_all("Provides-Extra", []))
    assert extras == set(PROJECT["optional-dependencies"])
    asked = [each for each in said.get_all("Requires-Dist", []) if "extra ==" in each]
    assert {match[1] for each in asked if (match := re.search(r"extra == '([a-z0-9]+)'", each))} == extras


def test_the_sdist_makes_the_same_wheel_and_holds_little_else(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    again = make_wheel(tmp_path, sdist)
    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()
    held = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    beside = {"pyproject.toml", "constraints.txt", "README.md", "README.ko.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", ".gitignore"}
    assert held == {f"src/{name}" for name in SHIPPED} | beside


class Installed:
    """The wheel's files in a folder, in front of everything else that this Python has; and an empty folder to be in."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self.site, self.here = folder / "site", folder / "empty"
        self.here.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.site)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.site)}
        return subprocess.run(
            [sys.executable, *words], cwd=self.here, env=environment, capture_output=True, text=True, timeout=LONG_S, check=False
        )


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("installed"))


def test_every_public_name_of_it_is_its_own(installed: Installed) -> None:
    program = """import hoga, sys
for name in hoga.__all__: getattr(hoga, name)
print([name for name, each in sys.modules.items() if name.partition(".")[0] == "hoga" and not each.__file__.startswith(sys.argv[1])])"""
    done = installed.run("-c", program, str(installed.site))
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_the_command_works_without_a_checkout(installed: Installed) -> None:
    said = installed.run("-m", "hoga", "--version")
    assert (said.returncode, said.stdout) == (0, f"hoga {hoga.__version__}\n")
    made = installed.run("-m", "hoga", "config", "init")
    assert (made.returncode, (installed.here / "hoga.conf").is_file()) == (0, True), made.stderr
    checked = installed.run("-m", "hoga", "config", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = installed.run("-m", "hoga", "ls", ".", "--json")
    assert (listed.returncode, listed.stdout.strip()) == (0, "[]"), listed.stderr


def test_what_is_not_installed_with_it_is_said_in_one_line(installed: Installed) -> None:
    done = installed.run("-m", "hoga", "bench", "--quick")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "not installed with hoga" in done.stderr
