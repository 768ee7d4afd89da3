"""tree.steps: a walk through a folder as values: entered, found, left. Pure."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Enter", "Leaf", "Leave", "Step"]


class Enter(NamedTuple):
    """A folder begins. `why`: what hides its content, None when it could be listed."""

    name: bytes
    why: str | None


class Leaf(NamedTuple):
    """A file (`size` in bytes), a link (`target`), or something else (`kind` says what)."""

    name: bytes
    size: int | None
    target: bytes | None = None
    kind: str | None = None


class Leave(NamedTuple):
    """The folder entered last of those still open ends."""


Step = Enter | Leaf | Leave
