"""Command lines as documents, units and containers show them: found in a text, and read by the program's own command line."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from enum import EnumType
from functools import cache
from importlib import import_module
from typing import Any

import typer

from hoga.cli.main import build_app

__all__ = ["COMMANDS", "in_blocks", "in_sentences", "mistake_in"]

with contextlib.suppress(ImportError):
    import_module("typer._adapters")  # before a test imports Qt, whose hooks trip over what it imports

_STARTS = re.compile(r"(?:^|(?<=[\s;&|(]))(?:\S*/)?hoga(?=\s)")
_ENDS = re.compile(r"\s\||\s&|;|\s\d?>|$")
_PLACEHOLDER = re.compile(r"…|\.\.\.|<[^>]*>|\[[^\]]*\]")
_METAVARIABLE = re.compile(r"[A-Z]+(?:_[A-Z]+)*")


@cache
def _root() -> Any:
    return typer.main.get_command(build_app())


def _names() -> frozenset[str]:
    return frozenset(_root().commands)


COMMANDS = _names()
"""The first words that `hoga` knows."""


def shell_lines(text: str) -> Iterator[str]:
    """The lines of a page's blocks for a shell, fenced or indented, continued ones joined."""
    fenced = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    bare = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    fenced.append("\n".join(line[4:] for line in bare.splitlines() if line.startswith("    ")))
    for block in fenced:
        yield from block.replace("\\\n", " ").splitlines()


def in_blocks(text: str) -> Iterator[list[str]]:
    """The words behind each `hoga` of the blocks for a shell; a line that begins with it shows a command, whatever follows."""
    for line in shell_lines(text):
        line = line.partition(" #")[0]
        for start in _STARTS.finditer(line):
            rest = line[start.end() :]
            words = _split(rest[: _ENDS.search(rest).start()])  # type: ignore[union-attr]  # it finds the end at least
            if words and (words[0] in COMMANDS or not line[: start.start()].strip()):
                yield words


def in_sentences(text: str) -> Iterator[list[str]]:
    """The same of what stands in backquotes: `hoga ls DATA`."""
    prose = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    for shown in re.findall(r"`(?:\./)?hoga ((?:[a-z]|--)[^`]*)`", prose):
        yield _split(_PLACEHOLDER.sub("", shown.split(" | ")[0].split("#")[0]))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation that goes on in the next line
        return text.split()


def mistake_in(words: list[str], *, complete: bool) -> str:
    """What the command line finds wrong with it, "" if nothing. Nothing is run. `complete`: every argument that is needed is there;
    else words in capitals stand for values, and what is left out is not missed.
    """
    command, name = _root(), "hoga"
    while hasattr(command, "commands"):
        if not words:
            return "" if not complete else f"{name}: which command?"
        if words[0].startswith("-"):  # of `hoga` itself: these act at once, so they are only looked up
            known = {option for each in command.params for option in each.opts} | {"-h", "--help"}
            return "" if words[0] in known else f"{name}: no option {words[0]}"
        if [name, words[0]] == ["hoga", "test"]:
            return ""  # of the checkout's `./hoga` alone: what follows is for pytest
        if words[0] not in command.commands:
            return f"{name}: no command {words[0]!r}"
        command, name, words = command.commands[words[0]], f"{name} {words[0]}", words[1:]
    return _misread(command, name, words if complete else _filled(command, words), complete=complete)


def _filled(command: Any, words: list[str]) -> list[str]:
    """With a value that fits in place of each word in capitals behind an option."""
    filled, kinds = [], {option: each.type_descriptor.annotation for each in command.params for option in each.opts}
    for before, word in zip(["", *words], words, strict=False):
        kind = kinds.get(before)
        if kind is None or not _METAVARIABLE.fullmatch(word.strip("…")):
            filled.append(word)
        else:
            filled.append(str(next(iter(kind))) if isinstance(kind, EnumType) else "10" if kind in (int, float) else word)
    return filled


def _misread(command: Any, name: str, words: list[str], *, complete: bool = True) -> str:
    try:
        command.make_context(name, list(words))
    except typer.Exit:
        return ""  # --version, --help
    except typer.TyperException as fault:
        text = fault.format_message()
        left_out = not complete and ("Missing argument" in text or "Missing option" in text or "requires an argument" in text)
        return "" if left_out else f"{name}: {text}"
    return ""
