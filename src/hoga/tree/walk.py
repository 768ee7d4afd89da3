"""tree.walk: what is in a folder, one entry after the other, folders before files, by name. Opens folders and ignore files only.

A link is told with what it says and never followed; neither is a `.gitignore` that is a link, as in git. Memory is that of the folders on
the way to the present one, whatever is behind.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Set
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

    Those are `extra`, before them `info/exclude`, before that the ignore files from the repository's top down to above `folder`. A folder
    that these leave out altogether is its own top: who asks for it wants to see it.
    """
    own = parse_rules(extra, base=b"", above=None)
    folder = folder.resolve()
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    rules = parse_rules(_text_of(os.fsencode(top / ".git" / "info" / "exclude")), base=b"", above=own)
    base = b""
    for name in folder.relative_to(top).parts:
        rules = _within(os.fsencode(top) + b"/" + base, base, rules)
        if rules is not None and rules.leave_out(base + os.fsencode(name), is_folder=True):
            return own, b""
        base += os.fsencode(name) + b"/"
    return rules, base


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
    return parse_rules(_text_of(folder + b"/" + _IGNORE_FILE), base=base, above=rules)


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
