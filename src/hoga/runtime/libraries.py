"""runtime.libraries: the optional libraries, each imported here and nowhere else, when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hoga.core.errors import HogaError
from hoga.runtime.checkout import install_line

__all__ = ["MissingLibrary", "pandas", "polars", "polars_plugins", "pyarrow"]


class MissingLibrary(HogaError):
    """A library that hoga does not need to record is not installed."""

    def __init__(self, name: str, extra: str = "analysis") -> None:
        super().__init__(f"{name} is not installed", hint=install_line(extra))


def polars() -> Any:
    """Raises MissingLibrary."""
    return _library("polars")


def polars_plugins() -> Any:
    """Where polars takes other sources of frames. Raises MissingLibrary."""
    return _library("polars.io.plugins")


def pandas() -> Any:
    """Raises MissingLibrary."""
    return _library("pandas")


def pyarrow(part: str = "") -> Any:
    """The library, or one of its parts (`parquet`). Raises MissingLibrary."""
    return _library(f"pyarrow.{part}" if part else "pyarrow")


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as fault:
        if fault.name is None or not name.startswith(fault.name):
            raise
        raise MissingLibrary(name.partition(".")[0]) from None
