"""app.checks: one line of `hoga doctor`'s report. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Check", "CheckState", "shown"]

_SHOWN_BYTES = 80


class CheckState(StrEnum):
    """`warning` is worth reading; only `failed` makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `advice` is None where nothing is to be done."""

    name: str
    state: CheckState
    found: str
    advice: str | None = None


def shown(answer: bytes) -> str:
    """The beginning of a foreign answer as it can be put into a line."""
    text = " ".join(answer[: 2 * _SHOWN_BYTES].decode("utf-8", "replace").split())
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable if len(printable) <= _SHOWN_BYTES else f"{printable[: _SHOWN_BYTES - 3]}..."
