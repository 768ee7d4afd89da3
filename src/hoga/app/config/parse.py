"""app.config.parse: from the texts of the four sources to assignments. Pure.

    file          KEY = VALUE, `#` comments, optional [venue] sections; keys above the first section are global
    environment   HOGA_KEY, HOGA_VENUE__KEY (dashes of the venue's name as underscores)
    command line  --set KEY=VALUE, --set VENUE.KEY=VALUE

A file without sections is the classic recorder's and configures the classic venue. A parser never stops at a
mistake: it returns what it understood and every mistake it met.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

import msgspec

from hoga.app.config.keys import BY_NAME
from hoga.core.errors import ConfigMistake

__all__ = ["RESERVED_ENVIRONMENT", "Assignment", "Origin", "nearest_name", "parse_environment", "parse_file", "parse_overrides"]

RESERVED_ENVIRONMENT = frozenset({"HOGA_PYTHON", "HOGA_CONFIG"})
"""Names that begin like configuration and are not: the interpreter of the bootstrap, and the default of `-c`."""

_PREFIX = "HOGA_"
_QUOTES = "\"'"


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from. `rank` orders the sources: 3 command line, 2 environment, 1 file."""

    rank: int
    where: str
    line: int | None = None

    def __str__(self) -> str:
        return self.where if self.line is None else f"{self.where}:{self.line}"


class Assignment(msgspec.Struct, frozen=True):
    """One `KEY = VALUE`. `venue` is None for a global one. `label` is the key as the user wrote it."""

    venue: str | None
    key: str
    text: str
    origin: Origin
    label: str


def nearest_name(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that looks most like `name`, None when none does."""
    by_folded = {candidate.upper().replace("-", "_"): candidate for candidate in names}
    hits = difflib.get_close_matches(name.upper().replace("-", "_"), list(by_folded), n=1, cutoff=0.6)
    return by_folded[hits[0]] if hits else None


def parse_file(
    text: str, *, where: str, venues: Collection[str], classic_venue: str
) -> tuple[list[Assignment], set[str], list[ConfigMistake]]:
    """Read a configuration file.

    Args:
        text: the whole file; a byte-order mark and CRLF are tolerated.
        where: the file's name, for origins and mistakes.
        venues: known venues, which are the known sections.
        classic_venue: what a file without sections is about.

    Returns:
        (assignments, venues that have a section or are the classic one, mistakes).
    """
    found: list[Assignment] = []
    mistakes: list[ConfigMistake] = []
    sections: set[str] = set()
    venue: str | None = None
    known_section = True
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name = _without_comment(line).strip("[] \t").lower()
            known_section = name in venues and _without_comment(line).endswith("]")
            if known_section:
                venue = name
                sections.add(name)
            else:
                mistakes.append(_unknown_section(name, venues, where, number))
        elif known_section:
            _assign(line, venue, Origin(1, where, number), found, mistakes)
    if not sections and known_section:
        found = [msgspec.structs.replace(entry, venue=classic_venue) for entry in found]
        sections = {classic_venue} if found else set()
    return found, sections, mistakes + _doubles(found)


def parse_environment(environ: Mapping[str, str], *, venues: Collection[str]) -> tuple[list[Assignment], list[ConfigMistake]]:
    """The assignments in the environment. A variable that begins with `HOGA_` and names no key is a mistake."""
    found: list[Assignment] = []
    mistakes: list[ConfigMistake] = []
    by_variable = {venue.upper().replace("-", "_"): venue for venue in venues}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable in RESERVED_ENVIRONMENT:
            continue
        scope, separator, key = variable.removeprefix(_PREFIX).rpartition("__")
        venue = by_variable.get(scope) if separator else None
        if (separator and venue is None) or key not in BY_NAME:
            mistakes.append(_unknown_variable(variable, by_variable))
        else:
            found.append(Assignment(venue, key, text.strip(), Origin(2, "environment"), variable))
    return found, mistakes


def parse_overrides(overrides: list[str], *, venues: Collection[str]) -> tuple[list[Assignment], list[ConfigMistake]]:
    """The assignments of `--set`, each `KEY=VALUE` or `VENUE.KEY=VALUE`; of two for one key the later holds."""
    found: dict[tuple[str | None, str], Assignment] = {}
    mistakes: list[ConfigMistake] = []
    for override in overrides:
        label, equals, text = override.partition("=")
        scope, dot, key = label.strip().rpartition(".")
        venue, key = (scope.lower() if dot else None), key.upper()
        if not equals or not key:
            mistakes.append(ConfigMistake("--set", None, override, "no KEY=VALUE", "KEY=VALUE or VENUE.KEY=VALUE"))
        elif venue is not None and venue not in venues:
            mistakes.append(ConfigMistake("--set", None, label, f"venue {venue}", _one_of(venues), nearest_name(venue, venues)))
        elif key not in BY_NAME:
            mistakes.append(ConfigMistake("--set", None, label, "an unknown key", "a known key", nearest_name(key, BY_NAME)))
        else:
            found[venue, key] = Assignment(venue, key, _unquoted(text.strip()), Origin(3, "--set"), label.strip())
    return list(found.values()), mistakes


def _assign(line: str, venue: str | None, origin: Origin, found: list[Assignment], mistakes: list[ConfigMistake]) -> None:
    label, equals, rest = line.partition("=")
    label = label.strip()
    if not equals:
        mistakes.append(ConfigMistake(origin.where, origin.line, _shown(line), "no `=`", "KEY = VALUE"))
    elif label.upper() not in BY_NAME:
        mistakes.append(ConfigMistake(origin.where, origin.line, label, "an unknown key", "a known key", nearest_name(label, BY_NAME)))
    else:
        found.append(Assignment(venue, label.upper(), _value_of(rest.strip()), origin, label))


def _value_of(rest: str) -> str:
    if rest[:1] in _QUOTES and rest[:1]:
        closing = rest.find(rest[0], 1)
        if closing > 0:
            return rest[1:closing]
    return _without_comment(rest)


def _without_comment(text: str) -> str:
    for at, char in enumerate(text):
        if char == "#" and (at == 0 or text[at - 1].isspace()):
            return text[:at].rstrip()
    return text.rstrip()


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES else text


def _shown(line: str) -> str:
    return line if len(line) <= 40 else f"{line[:37]}..."


def _one_of(names: Collection[str]) -> str:
    return f"one of {', '.join(sorted(names))}"


def _unknown_section(name: str, venues: Collection[str], where: str, line: int) -> ConfigMistake:
    return ConfigMistake(where, line, f"[{name}]", "an unknown section", _one_of(venues), nearest_name(name, venues))


def _unknown_variable(variable: str, by_variable: Mapping[str, str]) -> ConfigMistake:
    names = [f"{_PREFIX}{key}" for key in BY_NAME] + [f"{_PREFIX}{venue}__{key}" for venue in by_variable for key in BY_NAME]
    return ConfigMistake("environment", None, variable, "an unknown key", "HOGA_KEY or HOGA_VENUE__KEY", nearest_name(variable, names))


def _doubles(found: list[Assignment]) -> list[ConfigMistake]:
    first: dict[tuple[str | None, str], Assignment] = {}
    mistakes = []
    for entry in found:
        earlier = first.setdefault((entry.venue, entry.key), entry)
        if earlier is not entry and earlier.text != entry.text:
            found_text = f"a second value (the first is in line {earlier.origin.line})"
            mistakes.append(ConfigMistake(entry.origin.where, entry.origin.line, entry.label, found_text, "one value"))
    return mistakes
