"""tree.walk: what is in a folder, one entry after the other, folders before files, by name. Opens folders and ignore files only.

A link is told with what it says and never followed; neither is a `.gitignore` that is a link, as in git. Memory is that of the folders on
the way to the present one, whatever is behind.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import NamedTuple

from hoga.tree.ignore import Rules, parse_rules
from hoga.tree.steps import Enter, Leaf, Leave, Step

__all__ = ["rules_above", "walk"]

_IGNORE_FILE = b".gitignore"
_REPOSITORY = b".git"
_IGNORE_MAX_BYTES = 100 << 20
"""Git reads no larger ignore file either."""
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


class _Open(NamedTuple):
    """A folder on the way: entries not told yet (the next one last), its path (`` for the top, else with a slash), rules in force."""

    waiting: list[os.DirEntry[bytes]]
    path: bytes
    rules: Rules | None


def rules_above(folder: Path, extra: bytes = b"") -> tuple[Rules | None, bytes]:
    """The rules of the repository that `folder` is in (of none when it is in none), and the folder's path in it.

    Those are `extra`, as of an ignore file in `folder`; before them `info/exclude`, before that the ignore files from the repository's top
    down to above `folder`. A folder that these leave out altogether is its own top: who asks for it wants to see it.
    """
    folder = folder.resolve()
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    files = [(_text_of(os.fsencode(_common(top / ".git") / "info" / "exclude")), b"")]
    rules = _chain(files)
    base = b""
    for name in folder.relative_to(top).parts:
        files.append((_text_of(os.fsencode(top) + b"/" + base + _IGNORE_FILE), base))
        rules = parse_rules(*files[-1], above=rules)
        if rules is not None and rules.leave_out(base + os.fsencode(name), is_folder=True):
            return parse_rules(extra, b"", above=None), b""
        base += os.fsencode(name) + b"/"
    return _chain([(extra, base), *files]), base


def _chain(files: Iterable[tuple[bytes, bytes]]) -> Rules | None:
    """Ignore files, each with its folder, those that count last first."""
    rules: Rules | None = None
    for text, base in files:
        rules = parse_rules(text, base, above=rules)
    return rules


def _common(repository: Path) -> Path:
    """Where a repository keeps what its work trees share; `repository` is a folder, or the file of a work tree or a submodule."""
    if repository.is_dir():
        return repository
    word, _, told = _text_of(os.fsencode(repository)).partition(b": ")
    own = repository.parent / os.fsdecode(told.strip()) if word == b"gitdir" else repository
    shared = _text_of(os.fsencode(own / "commondir")).strip()
    return own / os.fsdecode(shared) if shared else own


def walk(folder: Path, rules: Rules | None, base: bytes = b"", *, unseen: Set[bytes] = frozenset()) -> Iterator[Step]:
    """The steps through `folder`, the folder itself first. `.git` is never told, nor are the paths in `unseen` (whole ones).

    Raises OSError when `folder` itself cannot be listed.
    """
    top = os.fsencode(folder)
    stack = [_open_folder(top, base, rules)]
    yield Enter(os.fsencode(folder.resolve().name) or top, None)
    while stack:
        if not stack[-1].waiting:
            stack.pop()
            yield Leave()
            continue
        entry = stack[-1].waiting.pop()
        path, rules = stack[-1].path + entry.name, stack[-1].rules
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == _REPOSITORY or (unseen and entry.path in unseen):
            continue
        if rules is not None and rules.leave_out(path, is_folder=is_folder):
            continue
        if not is_folder:
            yield _leaf(entry)
            continue
        try:
            stack.append(_open_folder(entry.path, path + b"/", rules))
            yield Enter(entry.name, None)
        except OSError as fault:
            yield Enter(entry.name, fault.strerror or str(fault))
            yield Leave()


def _open_folder(folder: bytes, path: bytes, rules: Rules | None) -> _Open:
    with os.scandir(folder) as entries:
        waiting = sorted(entries, key=lambda entry: (not entry.is_dir(follow_symlinks=False), entry.name), reverse=True)
    if any(entry.name == _IGNORE_FILE for entry in waiting):
        rules = _within(folder, path, rules)
    return _Open(waiting, path, rules)


def _within(folder: bytes, base: bytes, rules: Rules | None) -> Rules | None:
    return parse_rules(_text_of(folder + b"/" + _IGNORE_FILE), base, above=rules)


def _text_of(path: bytes) -> bytes:
    """The text of a regular file; empty for whatever else, or nothing, is there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(fd, "rb") as file:  # noqa: PTH123 — a descriptor, opened so that no link is followed
        facts = os.fstat(fd)
        return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_size < _IGNORE_MAX_BYTES else b""


def _leaf(entry: os.DirEntry[bytes]) -> Leaf:
    try:
        if entry.is_symlink():
            return Leaf(entry.name, None, target=os.readlink(entry.path))  # noqa: PTH115 — bytes
        facts = entry.stat(follow_symlinks=False)
    except OSError as fault:
        return Leaf(entry.name, None, kind=fault.strerror or str(fault))
    if stat.S_ISREG(facts.st_mode):
        return Leaf(entry.name, facts.st_size)
    return Leaf(entry.name, None, kind=_KINDS.get(stat.S_IFMT(facts.st_mode), "no file"))
