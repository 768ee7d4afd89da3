"""What is left out is what git leaves out: trap repositories, and whatever hypothesis thinks of, beside `git check-ignore` itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.tree.steps import Enter, Leaf, Leave
from hoga.tree.walk import rules_above, walk
from tests.tries import tries

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here to compare with")

FILES = [
    "a", "b", "ab", "aa.log", "keep.log", "a b", "a ", "[", "!a", "#a", "a-", "-", "A", "5", "\\", "*", "a\t", "é", "a]",
    "d/a", "d/b.log", "d/keep.log", "d/e/a", "d/e/f/keep.log", "d/e/f/x", "build/out.o", "build/keep/x", "src/build/y", "foobar",
    "foo/x/bar",
]  # fmt: skip
FOLDERS = ["", "d", "d/e", "d/e/f", "build", "src", "foo"]
ATOMS = [
    "a", "b", "ab", "foo", "d", "build", "x", "*", "**", "?", "/", ".log", "[ab]", "[!a]", "[^a]", "[a-c]", "[c-a]", "[", "]", "\\",
    "\\*", " ", "!", "#", "[[:alpha:]]", "[[:punct:]]", "[[:x:]]", "[[:a]", "[\\]]", "[]a]", "[]-a]", "[a\\-c]", "[--a]", "[/]",
    "**/", "/**", "/**/", "é", "\t", "\r", "\xa0", "-", "5", "A",
]  # fmt: skip


def git(folder: Path, *arguments: str, told: bytes = b"") -> bytes:
    """What git prints, without anybody's own configuration."""
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(["git", "-C", folder, *arguments], input=told, capture_output=True, env=clean, check=False)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    return done.stdout


def make(folder: Path) -> Path:
    """A repository with `FILES`, without ignore files."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    git(folder, "init", "-q")
    return folder


def left_out_by_git(repository: Path, *options: str) -> set[str]:
    paths = [path.relative_to(repository).as_posix() for path in repository.rglob("*") if ".git" not in path.relative_to(repository).parts]
    found = git(repository, *options, "check-ignore", "--no-index", "-z", "--stdin", told="\0".join(paths).encode() + b"\0")
    return {name.decode() for name in found.split(b"\0")} - {""}


def told(folder: Path, extra: bytes = b"") -> Iterator[str]:
    """The paths that a walk tells."""
    open_folders: list[bytes] = []
    for step in walk(folder, *rules_above(folder, extra)):
        match step:
            case Enter():
                open_folders.append(step.name)
                yield b"/".join(open_folders[1:]).decode()
            case Leaf():
                yield b"/".join([*open_folders[1:], step.name]).decode()
            case Leave():
                open_folders.pop()


def left_out_by_us(repository: Path, extra: bytes = b"") -> set[str]:
    paths = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if ".git" not in path.relative_to(repository).parts}
    return paths - set(told(repository, extra))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("repository"))


LINES = st.builds(
    lambda sign, atoms: sign + "".join(atoms), st.sampled_from(["", "", "", "!"]), st.lists(st.sampled_from(ATOMS), min_size=1, max_size=5)
)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["", "\n"]))


@settings(max_examples=tries(100))
@given(st.dictionaries(st.sampled_from(FOLDERS), TEXTS, min_size=1, max_size=3))
def test_any_ignore_files_mean_what_they_mean_to_git(repository: Path, texts: dict[str, str]) -> None:
    try:
        for folder, text in texts.items():
            (repository / folder / ".gitignore").write_bytes(text.encode())
        assert left_out_by_us(repository) == left_out_by_git(repository)
    finally:
        for folder in texts:
            (repository / folder / ".gitignore").unlink()


TRAPS = {
    "a child of a folder that is left out does not come back": {"": "build/\n!build/keep/\n!build/keep/x\n"},
    "but of one whose content is left out it does": {"": "build/*\n!build/keep\n"},
    "a deeper file decides": {"": "*.log\n", "d": "!keep.log\n", "d/e/f": "keep.log\n"},
    "a slash anchors": {"": "/build\n", "d": "/a\n"},
    "a file is no folder": {"": "a/\nkeep.log/\n"},
    "stars behind plain text": {"": "foo**/bar\n"},
    "spaces at the end": {"": "a\\ \nb  \n"},
    "a tab at the end is of the name": {"": "a\t\n"},
    "lines of Windows": {"": "*.log\r\n!keep.log\r\n"},
    "a mark at the beginning of the file": {"": "\ufeff*.log\n"},
    "a character of two bytes is two": {"": "?\n"},
    "a negation of what a folder's name is": {"": "*.log\n!d\n"},
    "what means nothing": {"": "\n# a\n/\n//\n!\n\\\n[\n"},
}


@pytest.mark.parametrize("texts", TRAPS.values(), ids=TRAPS)
def test_traps(tmp_path: Path, texts: dict[str, str]) -> None:
    make(tmp_path)
    for folder, text in texts.items():
        (tmp_path / folder / ".gitignore").write_bytes(text.encode())
    assert left_out_by_us(tmp_path) == left_out_by_git(tmp_path)


def test_the_repositorys_own_rules_and_those_given_count_in_gits_order(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / ".git" / "info" / "exclude").write_text("keep.log\n!a\n")
    extra = tmp_path.parent / "extra-rules"
    extra.write_text("a\n*.log\nfoobar\n")
    (tmp_path / "d" / ".gitignore").write_text("!keep.log\n")
    expected = left_out_by_git(tmp_path, "-c", f"core.excludesFile={extra}")
    assert left_out_by_us(tmp_path, extra.read_bytes()) == expected
    assert {"foobar", "aa.log", "keep.log"} <= expected
    assert not {"a", "d/keep.log"} & expected


def test_a_link_is_no_folder_and_a_linked_ignore_file_says_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "link").symlink_to("build")
    (tmp_path / "rules").write_text("*.log\n")
    (tmp_path / "d" / ".gitignore").symlink_to("../rules")
    (tmp_path / ".gitignore").write_text("link/\n")
    assert left_out_by_us(tmp_path) - {"link"} == left_out_by_git(tmp_path) == set()


def test_a_folder_inside_a_repository_keeps_its_rules(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / ".gitignore").write_text("*.log\n/d/e/a\n")
    assert set(told(tmp_path / "d")) == {"", "a", "e", "e/f", "e/f/x"}


def test_rules_that_are_given_are_of_the_folder_that_is_shown(tmp_path: Path) -> None:
    make(tmp_path)
    assert set(told(tmp_path / "d", b"/e\n")) == {"", "a", "b.log", "keep.log"}
    assert set(told(tmp_path / "d", b"/d/e\n")) > {"e", "e/f"}


def test_a_work_tree_has_the_rules_of_its_repository(tmp_path: Path) -> None:
    make(tmp_path / "main")
    identity = ("-c", "user.name=x", "-c", "user.email=x@y.example", "-c", "commit.gpgsign=false")
    git(tmp_path / "main", *identity, "commit", "-q", "--allow-empty", "-m", "x")
    git(tmp_path / "main", "worktree", "add", "-q", str(tmp_path / "other"))
    (tmp_path / "main" / ".git" / "info" / "exclude").write_text("*.log\n")
    (tmp_path / "other" / "x.log").write_text("")
    (tmp_path / "other" / "y").write_text("")
    assert left_out_by_git(tmp_path / "other") == {"x.log"}
    assert set(told(tmp_path / "other")) == {"", "y"}


def test_a_folder_that_is_left_out_is_shown_when_it_is_asked_for(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "build" / ".gitignore").write_text("*.o\n")
    assert set(told(tmp_path / "build")) == {"", ".gitignore", "keep", "keep/x"}
