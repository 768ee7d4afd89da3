"""What docstrings and documents name is there: modules, files, targets, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.every import every
from tests.sources import docstring_of

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "hoga"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".") for path in FILES}
MODULES |= {path.relative_to(SOURCE).as_posix().replace("/", ".") for path in SOURCE.rglob("*") if path.is_dir()}
ROOMS = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md"), *SOURCE.rglob("*.md")])
SUPERSEDED = "docs/decisions/"
"""A decision keeps the names of its day."""


def missing_modules(text: str) -> Iterator[str]:
    """Dotted names in code quotes that begin with a room and lead to no module, and to nothing in one."""
    for hit in re.finditer(r"`(?:hoga\.)?([a-z_]+(?:\.[a-z_]+)+)(?:\.[A-Z]\w*)?(?:\.\w+)?(?:\(\))?`", text):
        name = hit[1]
        room, _, leaf = name.rpartition(".")
        if name.partition(".")[0] in ROOMS and name not in MODULES and not (room in MODULES and is_in(room, leaf)):
            yield name


def is_in(module: str, name: str) -> bool:
    place = SOURCE / module.replace(".", "/")
    texts = [path.read_text(encoding="utf-8") for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()]
    return any(re.search(rf"\b{name}\b", text) for text in texts)


@every([*FILES, *PAGES])
def test_every_module_that_is_named_exists(path: Path) -> None:
    if SUPERSEDED in path.as_posix():
        return
    text = path.read_text(encoding="utf-8")
    ours = {"book.update_id"}  # a field of a book, and not the room
    assert not set(missing_modules(text)) - ours


@every(sorted(path.parent for path in SOURCE.rglob("__init__.py")))
def test_a_room_that_lists_its_files_lists_all_of_them_and_no_other(room: Path) -> None:
    said = docstring_of(room / "__init__.py")
    listed = re.findall(r"^(\w+) {2,}\S", said, re.MULTILINE)
    assert not [name for name in listed if not (room / f"{name}.py").exists() and not (room / name).is_dir()]
    assert not listed or not {path.stem for path in room.glob("[!_]*.py")} - set(listed)


@every([path for path in FILES if path.name not in ("__init__.py", "__main__.py", "_version.py")])
def test_a_module_begins_with_its_own_name(path: Path) -> None:
    said = docstring_of(path)
    assert said.partition(":")[0] == path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")


@every([*PAGES, *FILES, ROOT / "README.md", ROOT / "README.ko.md"])
def test_files_and_decisions_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if SUPERSEDED not in path.as_posix():
        for name in re.findall(r"`((?:tests|docs|deploy|examples)/[\w./-]+\.\w+|src/hoga/[\w./-]+)`", text):
            assert (ROOT / name).exists(), name
    for number in re.findall(r"decisions/(\d{4})\b", text):
        assert list((ROOT / "docs" / "decisions").glob(f"{number}-*.md")), number
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert not set(re.findall(r"`make ([a-z-]+)`", text)) - targets
