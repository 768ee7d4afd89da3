"""tree.page: walks a folder and writes its page, in memory that does not grow with the number of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from hoga.tree.render import SLOT, folder, folder_end, foot, head, leaf, total, visible
from hoga.tree.steps import Enter, Leaf, Step

__all__ = ["Told", "write_page"]


class Told(NamedTuple):
    """What is on the page. `bytes` of all files; `unread`: folders that could not be listed, by name and reason."""

    files: int
    folders: int
    bytes: int
    unread: list[tuple[str, str]]


class _Sum:
    """A folder that is open: where its slot is, and what was told of it so far."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.files = 0
        self.bytes = 0


def write_page(steps: Iterable[Step], file: BinaryIO, *, progress: Callable[[int], None]) -> Told:
    """Write the page of `steps` into `file`, which can be sought in. `progress` is told of every thousand files. Raises OSError."""
    whole = _Sum(0)
    stack: list[_Sum] = [whole]
    names: list[str] = []
    folders, unread = 0, []
    for step in steps:
        if isinstance(step, Leaf):
            file.write(leaf(step))
            stack[-1].files += 1
            stack[-1].bytes += step.size or 0
            whole.files += 1
            if whole.files % 1000 == 0:
                progress(1000)
        elif isinstance(step, Enter):
            before, behind = (folder if names else head)(step.name, step.why)
            stack.append(_Sum(file.tell() + len(before)))
            file.write(before + b" " * SLOT + behind)
            names.append(visible(step.name))
            folders += 1
            if step.why is not None:
                unread.append(("/".join(names), step.why))
        else:
            ended = stack.pop()
            names.pop()
            file.write(folder_end() if names else foot())
            end = file.tell()
            file.seek(ended.slot)
            file.write(total(ended.files, ended.bytes))
            file.seek(end)
            if len(stack) > 1:
                stack[-1].files += ended.files
            stack[-1].bytes += ended.bytes
    return Told(whole.files, folders, whole.bytes, unread)
