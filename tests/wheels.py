"""Wheel and sdist of this checkout, made as an installer makes them, but in this process: nothing is fetched for it."""

from __future__ import annotations

import tarfile
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

__all__ = ["PROJECT", "ROOT", "SHIPPED", "make_sdist", "make_wheel"]

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SHIPPED = sorted(
    path.relative_to(ROOT / "src").as_posix()
    for path in (ROOT / "src" / "hoga").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
"""Every file of the package, as it is named in a wheel."""


def make_wheel(folder: Path, source: Path = ROOT) -> Path:
    """The wheel, put into `folder`."""
    return Path(next(WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])))


def make_sdist(folder: Path) -> Path:
    """The sdist, put into `folder`, and unpacked beside itself: the unpacked folder."""
    packed = Path(next(SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    return packed.with_name(packed.name.removesuffix(".tar.gz"))
