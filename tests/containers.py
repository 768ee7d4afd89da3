"""A container file as instructions, for whoever looks at it or walks it without a container engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["instructions"]


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, what it says) in order; comments are left out, continued lines joined."""
    return list(_parse(text))


def _parse(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            if not re.fullmatch(r"[A-Z]+", name):
                raise ValueError(f"no instruction: {line}")
            yield name, rest.strip()
