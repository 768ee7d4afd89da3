"""cli._values: what options may be, beyond what their types and ranges say."""

from __future__ import annotations

import math

import typer

__all__ = ["finite"]


def finite(value: float | None) -> float | None:
    """A number that is one: `nan` and `inf` pass for floats, and every range lets the first one through."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"found {value}, expected a number")
    return value
