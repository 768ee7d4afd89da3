"""simulator.faultscript: reads a script of faults."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.simulator.faultwords import Fault

__all__ = ["read_script"]

T = TypeVar("T")


def read_script(path: Path) -> list[Fault]:
    """The faults of a script: TOML (`[[fault]]` tables) or JSON lines, `#` lines are comments.

    Raises ConfigError naming every mistake by file and line (by table number for TOML).
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError([ConfigMistake(str(path), None, "faults", "no readable file", "a fault script")]) from fault
    return _read_toml(path, text) if path.suffix == ".toml" else _read_lines(path, text)


def _read_lines(path: Path, text: str) -> list[Fault]:
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]
    return _collect(path, numbered, lambda line: msgspec.json.decode(line, type=Fault))


def _read_toml(path: Path, text: str) -> list[Fault]:
    try:
        tables = tomllib.loads(text).get("fault", [])
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError([ConfigMistake(str(path), None, "faults", str(fault), "TOML with [[fault]] tables")]) from fault
    return _collect(path, list(enumerate(tables, 1)), lambda table: msgspec.convert(table, Fault))


def _collect(path: Path, numbered: Iterable[tuple[int, T]], decode: Callable[[T], Fault]) -> list[Fault]:
    faults: list[Fault] = []
    mistakes: list[ConfigMistake] = []
    for number, raw in numbered:
        try:
            faults.append(decode(raw))
        except msgspec.MsgspecError as fault:
            mistakes.append(ConfigMistake(str(path), number, "fault", str(fault), "a known fault with its own parameters"))
    if mistakes:
        raise ConfigError(mistakes)
    return faults
