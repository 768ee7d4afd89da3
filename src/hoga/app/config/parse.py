"""app.config.parse: from the texts of the four sources to assignments. Pure.

    file          KEY = VALUE, `#` comments, optional [venue] and [venue:SYMBOL] sections; keys above the first section are global
    environment   HOGA_KEY, HOGA_VENUE__KEY, HOGA_VENUE__SYMBOL__KEY (dashes of the names as underscores)
    command line  --set KEY=VALUE, --set VENUE.KEY=VALUE, --set VENUE:SYMBOL.KEY=VALUE

What is about one instrument may besides have keys in small letters, which are a strategy's own parameters and are kept as texts. A file
without sections is the classic recorder's and configures the classic venue; what it says of trading holds for every venue. A key's old
names are read wherever keys are (`classic`). A parser never stops at a mistake: it returns what it understood, every mistake and every
note.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

import msgspec

from hoga.app.config.classic import ALIASES, RETIRED, is_classic
from hoga.app.config.keys import BY_NAME, Scope
from hoga.app.config.model import ConfigNote, folded
from hoga.core.errors import ConfigMistake

__all__ = ["RESERVED_ENVIRONMENT", "Assignment", "Origin", "Parsed", "nearest_name", "parse_environment", "parse_file", "parse_overrides"]

RESERVED_ENVIRONMENT = frozenset({"HOGA_PYTHON", "HOGA_CONFIG", "HOGA_TRACE"})
"""Names that begin like configuration and are not: the interpreter of the bootstrap, the default of `-c`, and traces of errors."""

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
    """One `KEY = VALUE`. `venue` is None for a global one. `label` is the key as the user wrote it, `old` its old name where it is one.

    `symbol`: of what is about one instrument, folded; `written`: the same as the user wrote it.
    """

    venue: str | None
    key: str
    text: str
    origin: Origin
    label: str
    old: str | None = None
    symbol: str | None = None
    written: str = ""


def nearest_name(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that looks most like `name`, None when none does."""
    by_folded = {candidate.upper().replace("-", "_"): candidate for candidate in names}
    hits = difflib.get_close_matches(name.upper().replace("-", "_"), list(by_folded), n=1, cutoff=0.6)
    return by_folded[hits[0]] if hits else None


class Parsed(msgspec.Struct):
    """What one source says. `sections`: venues that have one, or the classic one. `classic`: the classic recorder's own file.

    `parameters`: a strategy's own, of one instrument each.
    """

    assignments: list[Assignment] = msgspec.field(default_factory=list)
    mistakes: list[ConfigMistake] = msgspec.field(default_factory=list)
    notes: list[ConfigNote] = msgspec.field(default_factory=list)
    sections: set[str] = msgspec.field(default_factory=set)
    parameters: list[Assignment] = msgspec.field(default_factory=list)
    classic: bool = False


class _Place(msgspec.Struct, frozen=True):
    """What a line is about: everything, a venue, an instrument."""

    venue: str | None = None
    written: str = ""

    def names(self, key: str, text: str, origin: Origin, label: str) -> Assignment:
        return Assignment(self.venue, key, text, origin, label, symbol=folded(self.written) or None, written=self.written)


def parse_file(text: str, *, where: str, venues: Collection[str], classic_venue: str) -> Parsed:
    """Read a configuration file.

    Args:
        text: the whole file; a byte-order mark and CRLF are tolerated.
        where: the file's name, for origins and mistakes.
        venues: known venues, which are the known sections.
        classic_venue: what a file without sections is about.
    """
    parsed = Parsed()
    place = _Place()
    known_section, has_section = True, False
    labels: list[str] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            has_section = True
            name, colon, symbol = _without_comment(line).strip("[] \t").partition(":")
            name, symbol = name.strip().lower(), symbol.strip()
            known_section = name in venues and _without_comment(line).endswith("]") and _is_symbol(symbol) == bool(colon)
            if known_section:
                place = _Place(name, symbol)
                if not symbol:
                    parsed.sections.add(name)
            else:
                parsed.mistakes.append(_unknown_section(f"{name}{colon}{symbol}", venues, where, number))
        elif known_section:
            labels.append(line.partition("=")[0].strip())
            _assign(line, place, Origin(1, where, number), parsed)
    if not has_section:
        parsed.classic = is_classic(labels)
        parsed.assignments = [
            entry if _trades(entry) else msgspec.structs.replace(entry, venue=classic_venue) for entry in parsed.assignments
        ]
        parsed.sections = {classic_venue} if any(entry.venue for entry in parsed.assignments) else set()
    parsed.assignments = _without_old_names(parsed.assignments, parsed.notes)
    if parsed.classic:
        parsed.notes += [_unread(mistake) for mistake in parsed.mistakes]
        parsed.mistakes = []
        parsed.assignments = _last_ones(parsed.assignments, parsed.notes)
    else:
        parsed.mistakes += _doubles([*parsed.assignments, *parsed.parameters])
    return parsed


def parse_environment(environ: Mapping[str, str], *, venues: Collection[str]) -> Parsed:
    """The assignments in the environment. A variable that begins with `HOGA_` and names no key is a mistake."""
    parsed = Parsed()
    by_variable = {venue.upper().replace("-", "_"): venue for venue in venues}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable in RESERVED_ENVIRONMENT:
            continue
        scope, separator, key = variable.removeprefix(_PREFIX).rpartition("__")
        name, _, symbol = scope.partition("__")
        place = _Place(by_variable.get(name), symbol)
        if (separator and place.venue is None) or not (_is_known(key) or (symbol and _is_parameter(key))):
            parsed.mistakes.append(_unknown_variable(variable, by_variable))
        else:
            _take(place.names(key, text.strip(), Origin(2, "environment"), variable), parsed)
    parsed.assignments = _without_old_names(parsed.assignments, parsed.notes)
    return parsed


def parse_overrides(overrides: list[str], *, venues: Collection[str]) -> Parsed:
    """The assignments of `--set`, each `KEY=VALUE` or `VENUE.KEY=VALUE`; of two for one key the later holds."""
    parsed = Parsed()
    for override in overrides:
        label, equals, text = override.partition("=")
        scope, dot, key = label.strip().rpartition(".")
        name, colon, symbol = scope.partition(":")
        venue = name.lower() if dot else None
        if not equals or not key or (colon and not symbol):
            parsed.mistakes.append(
                ConfigMistake("--set", None, override, "no KEY=VALUE", "KEY=VALUE, VENUE.KEY=VALUE or VENUE:SYMBOL.KEY=VALUE")
            )
        elif venue is not None and venue not in venues:
            parsed.mistakes.append(ConfigMistake("--set", None, label, f"venue {venue}", _one_of(venues), nearest_name(venue, venues)))
        else:
            _known(key, _Place(venue, symbol), _unquoted(text.strip()), Origin(3, "--set"), label.strip(), parsed)
    latest = {(entry.venue, entry.symbol, entry.key, entry.old): entry for entry in parsed.assignments}
    parsed.assignments = _without_old_names(list(latest.values()), parsed.notes)
    return parsed


def _assign(line: str, place: _Place, origin: Origin, parsed: Parsed) -> None:
    label, equals, rest = line.partition("=")
    label = label.strip()
    if not equals:
        parsed.mistakes.append(ConfigMistake(origin.where, origin.line, _shown(_first_word(line)), "no `=`", "KEY = VALUE"))
    else:
        _known(label, place, _value_of(rest.strip()), origin, label, parsed)


def _first_word(line: str) -> str:
    """Of a line that is no assignment; what follows may be a secret."""
    words = line.split(maxsplit=1)
    return f"{words[0]} …" if len(words) > 1 else line


def _known(key: str, place: _Place, text: str, origin: Origin, label: str, parsed: Parsed) -> None:
    """Keep what has a known key, or is a parameter of a strategy where those may stand; the rest is a mistake."""
    if _is_known(key.upper()):
        _take(place.names(key.upper(), text, origin, label), parsed)
    elif place.written and _is_parameter(key):
        _take(place.names(key, text, origin, label), parsed)
    else:
        expected = "a known key, or a parameter of a strategy in small letters" if place.written else "a known key"
        parsed.mistakes.append(ConfigMistake(origin.where, origin.line, label, "an unknown key", expected, nearest_name(key, BY_NAME)))


def _is_symbol(text: str) -> bool:
    return bool(text) and all(char.isalnum() or char in "-_" for char in text)


def _is_parameter(key: str) -> bool:
    """Small letters, and not a key with a slip of the pen."""
    return key.isidentifier() and key == key.lower() and not difflib.get_close_matches(key.upper(), BY_NAME, n=1, cutoff=0.9)


def _trades(entry: Assignment) -> bool:
    return entry.key in BY_NAME and BY_NAME[entry.key].group == "trading"


def _is_known(key: str) -> bool:
    return key in BY_NAME or key in ALIASES or key in RETIRED


def _take(entry: Assignment, parsed: Parsed) -> None:
    """Keep `entry` under the key's name of today; what means nothing any more becomes a note."""
    if entry.symbol and not _is_known(entry.key):
        parsed.parameters.append(entry)
    elif entry.symbol and not (entry.key in BY_NAME and BY_NAME[entry.key].instrument):
        own = (
            f"a key of [{entry.venue}]" if entry.key in BY_NAME and BY_NAME[entry.key].scope is Scope.VENUE else "a key above all sections"
        )
        found = f"a key that one instrument has none of ({entry.venue}:{entry.written})"
        parsed.mistakes.append(ConfigMistake(entry.origin.where, entry.origin.line, entry.label, found, own))
    elif entry.key in RETIRED:
        parsed.notes.append(_note(entry, f"means nothing to hoga: {RETIRED[entry.key]}"))
    elif entry.key in ALIASES:
        alias = ALIASES[entry.key]
        entry = msgspec.structs.replace(entry, key=alias.key, text=alias.convert(entry.text), old=entry.key)
        parsed.assignments.append(entry)
        parsed.notes.append(_note(entry, f"is {alias.key} now; taken as {alias.key} = {entry.text}"))
    else:
        parsed.assignments.append(entry)


def _without_old_names(found: list[Assignment], notes: list[ConfigNote]) -> list[Assignment]:
    """One name for each key: its own beats an old one, of old ones the first of `ALIASES`."""
    order: dict[str | None, int] = {None: 0, **{name: place for place, name in enumerate(ALIASES, start=1)}}
    best: dict[tuple[str | None, str | None, str], Assignment] = {}
    for entry in found:
        other = best.setdefault(_slot(entry), entry)
        if order[entry.old] < order[other.old]:
            best[_slot(entry)] = entry
    kept = []
    for entry in found:
        winner = best[_slot(entry)]
        if entry.old == winner.old:
            kept.append(entry)
        else:
            notes.append(_note(entry, f"is left alone: {winner.label} says it"))
    return kept


def _last_ones(found: list[Assignment], notes: list[ConfigNote]) -> list[Assignment]:
    """As the classic recorder read its file: of two values for one key the last one holds."""
    last = {_slot(entry): entry for entry in found}
    for entry in found:
        holds = last[_slot(entry)]
        if holds is not entry and holds.text != entry.text:
            notes.append(_note(entry, f"is left alone: line {holds.origin.line} says it again"))
    return list(last.values())


def _slot(entry: Assignment) -> tuple[str | None, str | None, str]:
    return entry.venue, entry.symbol, entry.key


def _note(entry: Assignment, text: str) -> ConfigNote:
    return ConfigNote(entry.origin.where, entry.origin.line, entry.label, text)


def _unread(mistake: ConfigMistake) -> ConfigNote:
    nearest = f"; did you mean {mistake.nearest}?" if mistake.nearest else ""
    return ConfigNote(
        mistake.where, mistake.line, mistake.key, f"is left alone: found {mistake.found}, expected {mistake.expected}{nearest}"
    )


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
    venue, colon, _ = name.partition(":")
    expected = f"{_one_of(venues)}, and behind a colon a symbol" if colon else _one_of(venues)
    return ConfigMistake(where, line, f"[{name}]", "an unknown section", expected, nearest_name(venue, venues))


def _unknown_variable(variable: str, by_variable: Mapping[str, str]) -> ConfigMistake:
    names = [f"{_PREFIX}{key}" for key in BY_NAME] + [f"{_PREFIX}{venue}__{key}" for venue in by_variable for key in BY_NAME]
    return ConfigMistake(
        "environment",
        None,
        variable,
        "an unknown key",
        "HOGA_KEY, HOGA_VENUE__KEY or HOGA_VENUE__SYMBOL__KEY",
        nearest_name(variable, names),
    )


def _doubles(found: list[Assignment]) -> list[ConfigMistake]:
    first: dict[tuple[str | None, str | None, str], Assignment] = {}
    mistakes = []
    for entry in found:
        earlier = first.setdefault(_slot(entry), entry)
        if earlier is not entry and earlier.text != entry.text:
            found_text = f"a second value (the first is in line {earlier.origin.line})"
            mistakes.append(ConfigMistake(entry.origin.where, entry.origin.line, entry.label, found_text, "one value"))
    return mistakes
