"""app.config.load: read the four sources, resolve, check.

Precedence: `--set` > environment > file > default; within one source an instrument's own value beats the venue's, and that the global one.
A key of the whole program holds for the whole program wherever it stands. All mistakes are gathered and raised as
one ConfigError.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from hoga.app.config.keys import BY_NAME, KEYS, Key, Kind, Scope, expectation
from hoga.app.config.model import Config, ConfigNote, Instrument, ProgramConfig, Setting, VenueConfig
from hoga.app.config.parse import Assignment, Origin, nearest_name, parse_environment, parse_file, parse_overrides
from hoga.app.config.values import Value, is_loopback, nearest_number, read_value, sensible
from hoga.app.stream_plan import named, plan_streams
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Secret
from hoga.venues.endpoints import CLASSIC_VENUE, VENUE_DEFAULTS, VenueDefaults
from hoga.venues.registry import VENUES

__all__ = ["DEFAULT_FILE", "find_config", "load_config"]

DEFAULT_FILE = Path("hoga.conf")
"""What is read when no `-c` is given and it exists."""

SHORTEST_TOKEN = 16
"""Letters of a DASHBOARD_TOKEN, where others can reach the dashboard."""

_DATA_ROOT = Path("data")
_DEFAULT = Origin(0, "default")

_Resolved = dict[str, tuple[Value, Origin]]
"""Key name → its value and where that came from, for one venue."""


class _InstrumentKeys(NamedTuple):
    """What is said of one instrument: its venue and folded symbol, the symbol as it was written, its keys, a strategy's parameters."""

    subject: tuple[str, str]
    written: str
    keys: _Resolved
    parameters: dict[str, tuple[str, Origin]]


def find_config(option: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: `-c`, else `HOGA_CONFIG`, else `hoga.conf` in the working folder where there is one, else None."""
    if option is not None:
        return option
    if environ.get("HOGA_CONFIG"):
        return Path(environ["HOGA_CONFIG"])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load_config(
    path: Path | None,
    *,
    overrides: list[str],
    environ: Mapping[str, str],
    data_dir: Path | None = None,
    venues: Mapping[str, VenueDefaults] = VENUE_DEFAULTS,
    classic_venue: str = CLASSIC_VENUE,
) -> Config:
    """Read, resolve and check the configuration.

    Args:
        path: the file; None for none.
        overrides: texts of `--set`, `KEY=VALUE` or `VENUE.KEY=VALUE`.
        environ: the environment; only `HOGA_…` is read.
        data_dir: `--data`. Relative folders then lie in it, a leading `./data/` being the folder itself.
        venues: known venues and their defaults.
        classic_venue: what a file without sections, and no configuration at all, is about.

    Raises:
        ConfigError: with every mistake at once.
    """
    text, mistakes = _read(path)
    mistakes += _unspeakable(data_dir)
    file = parse_file(text, where=str(path), venues=venues, classic_venue=classic_venue)
    environment, command = parse_environment(environ, venues=venues), parse_overrides(overrides, venues=venues)
    notes = [*command.notes, *environment.notes, *file.notes]
    assignments = [*command.assignments, *environment.assignments, *file.assignments]
    lenient = _Leniency(notes, classic=file.classic)
    values, more = _read_values(assignments, lenient)
    mistakes += command.mistakes + environment.mistakes + file.mistakes + more + _exposed(assignments, path) + _divided(assignments)
    active = _active(assignments, file.sections, venues, classic_venue)
    if mistakes:
        raise _error(mistakes)
    resolved = {name: _resolve((name, None), values, defaults, data_dir) for name, defaults in venues.items()}
    recorded = {name: resolved[name] for name in active}
    mistakes = _contradictions(recorded, lenient) + _unknown_streams(recorded)
    if mistakes:
        raise _error(mistakes)
    _note_open_key_files(recorded, notes)
    notes.sort(key=lambda note: (note.where, note.line or 0))
    parameters = [*command.parameters, *environment.parameters, *file.parameters]
    instruments = _instruments(assignments, parameters, values, venues, data_dir)
    return _build(path, resolved, active, data_dir, tuple(dict.fromkeys(notes)), instruments)


class _Leniency:
    """What may be made good instead of refused: anything but what is recorded, where, and secrets, in the classic recorder's file."""

    def __init__(self, notes: list[ConfigNote], *, classic: bool) -> None:
        self._notes = notes
        self._classic = classic

    def forgives(self, key: Key, origin: Origin) -> bool:
        return self._classic and origin.rank == 1 and key.group != "what" and not key.secret

    def note(self, origin: Origin, label: str, text: str) -> None:
        """One note for each assignment: what is found later is added, or stands for what was found of its value before."""
        for place, known in enumerate(self._notes):
            if (known.where, known.line, known.key) == (origin.where, origin.line, label) and origin.line is not None:
                told = text if known.text.startswith("taken as") else f"{known.text}; {text}"
                self._notes[place] = ConfigNote(known.where, known.line, label, told)
                return
        self._notes.append(ConfigNote(origin.where, origin.line, label, text))


def _unspeakable(data_dir: Path | None) -> list[ConfigMistake]:
    """A folder whose name is no UTF-8 cannot be told to the processes that work in it, nor to people."""
    try:
        str(data_dir).encode()
    except UnicodeEncodeError:
        text = f"--data: {ascii(str(data_dir))[1:-1]}: is not spelt in UTF-8, expected a folder whose whole path is"
        return [ConfigMistake("command line", None, "--data", "", "", plain=text)]
    return []


def _read(path: Path | None) -> tuple[str, list[ConfigMistake]]:
    if path is None:
        return "", []
    try:
        return path.read_text(encoding="utf-8"), []
    except UnicodeDecodeError as error:
        return "", [ConfigMistake(str(path), None, "file", f"bytes that are not UTF-8 at {error.start}", "UTF-8 text")]
    except FileNotFoundError:
        plain = "there is no such file; `hoga config init` writes one"
        return "", [ConfigMistake(str(path), None, "file", "no such file", "a file that can be read", plain=plain)]
    except OSError as error:
        why = error.strerror or str(error)
        return "", [ConfigMistake(str(path), None, "file", why, "a file that can be read", plain=f"cannot be read: {why}")]


def _read_values(assignments: list[Assignment], lenient: _Leniency) -> tuple[list[tuple[Assignment, Value]], list[ConfigMistake]]:
    values: list[tuple[Assignment, Value]] = []
    mistakes: list[ConfigMistake] = []
    for entry in assignments:
        key = BY_NAME[entry.key]
        try:
            value = read_value(key, entry.text)
        except ValueError:
            if not lenient.forgives(key, entry.origin):
                mistakes.append(_mistake(entry, _shown(key, entry.text), expectation(key), nearest_name(entry.text, key.choices)))
                continue
            try:
                value = nearest_number(key, entry.text)
            except (ValueError, StopIteration):
                lenient.note(entry.origin, entry.label, f"is left alone: found {_shown(key, entry.text)}, expected {expectation(key)}")
                continue
            lenient.note(entry.origin, entry.label, f"taken as {_text(value)}: {entry.text} is out of range")
        taken = sensible(key, value)
        if taken != value:
            why = "0 is hoga's own rule" if key.zero and value == 0 else f"less than {key.least:g} makes no sense"
            lenient.note(entry.origin, entry.label, f"taken as {_text(taken)}: {why}")
        values.append((entry, taken))
    return values, mistakes


def _exposed(assignments: list[Assignment], path: Path | None) -> list[ConfigMistake]:
    readable = path is not None and path.exists() and os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    mistakes = []
    for entry in assignments:
        key = BY_NAME[entry.key]
        if not key.secret or not entry.text:
            continue
        if key.account and entry.venue is None:
            mistakes.append(_mistake(entry, "a credential for every venue", f"one venue's: HOGA_VENUE__{entry.key} or its section"))
        elif entry.origin.rank == 3:
            variable = f"HOGA_{entry.venue.upper().replace('-', '_')}__{key.name}" if entry.venue else f"HOGA_{key.name}"
            mistakes.append(_mistake(entry, "a secret on the command line, which others can see", f"{variable} or a file with mode 0600"))
        elif entry.origin.rank == 1 and readable:
            mistakes.append(_mistake(entry, "a secret in a file others can read", f"mode 0600 (chmod 600 {path})"))
    return mistakes


def _note_open_key_files(recorded: Mapping[str, _Resolved], notes: list[ConfigNote]) -> None:
    """A private key that others on the machine can read."""
    for keys in recorded.values():
        for key in KEYS:
            value, origin = keys[key.name]
            if key.kind is Kind.SECRET_FILE and isinstance(value, Path) and os.name == "posix" and value.stat().st_mode & 0o077:
                notes.append(ConfigNote(origin.where, origin.line, key.name, f"others can read {value}: chmod 600 {value}"))


def _divided(assignments: list[Assignment]) -> list[ConfigMistake]:
    """A key of the whole program with two values from one source."""
    first: dict[tuple[str, int], Assignment] = {}
    mistakes = []
    for entry in assignments:
        if BY_NAME[entry.key].scope is Scope.PROGRAM:
            earlier = first.setdefault((entry.key, entry.origin.rank), entry)
            if earlier.text != entry.text and earlier.venue != entry.venue:
                mistakes.append(_mistake(entry, f"a second value (the first: {earlier.origin})", "one value for the whole program"))
    return mistakes


def _active(assignments: list[Assignment], sections: set[str], venues: Mapping[str, VenueDefaults], classic: str) -> tuple[str, ...]:
    named = {entry.venue for entry in assignments if BY_NAME[entry.key].recording} | sections
    return tuple(name for name in venues if name in named) or (classic,)


def _resolve(
    subject: tuple[str, str | None], values: list[tuple[Assignment, Value]], defaults: VenueDefaults, data_dir: Path | None
) -> _Resolved:
    """Every key as it holds for `subject`: a venue, and a symbol of it, folded, where it is one instrument."""
    resolved: _Resolved = {}
    for key in KEYS:
        value, origin = _winner(subject, key, values) or (_default(key, defaults), _DEFAULT)
        if value is None and key.default is None:  # left empty: what the venue has
            value = _default(key, defaults)
        if key.kind is Kind.FOLDER and key.default:
            value = _folder(Path(str(value)), subject[0], data_dir)
        elif key.name == "SYMBOLS" and defaults.upper_case and isinstance(value, tuple):
            value = tuple(dict.fromkeys(str(symbol).upper() for symbol in value))
        resolved[key.name] = value, origin
    return resolved


def _instruments(
    assignments: list[Assignment],
    parameters: list[Assignment],
    values: list[tuple[Assignment, Value]],
    venues: Mapping[str, VenueDefaults],
    data_dir: Path | None,
) -> list[_InstrumentKeys]:
    """What sections of one instrument say, in the order of their names: the keys that one of them sets, and the parameters."""
    named: dict[tuple[str, str], str] = {}
    for entry in (*assignments, *parameters):
        if entry.venue and entry.symbol and (entry.origin.rank == 1 or (entry.venue, entry.symbol) not in named):
            named[entry.venue, entry.symbol] = entry.written
    found = []
    for subject, written in sorted(named.items()):
        own = {entry.key for entry in assignments if (entry.venue, entry.symbol) == subject}
        texts: dict[str, tuple[str, Origin]] = {}
        for entry in sorted(parameters, key=lambda entry: entry.origin.rank):
            if (entry.venue, entry.symbol) == subject:
                texts[entry.key] = entry.text, entry.origin
        keys = _resolve(subject, values, venues[subject[0]], data_dir)
        found.append(_InstrumentKeys(subject, written, {name: keys[name] for name in keys if name in own}, texts))
    return found


def _winner(subject: tuple[str, str | None], key: Key, values: list[tuple[Assignment, Value]]) -> tuple[Value, Origin] | None:
    venue, symbol = subject
    hits = [
        (entry, value)
        for entry, value in values
        if entry.key == key.name and (key.scope is Scope.PROGRAM or (entry.venue in (venue, None) and entry.symbol in (symbol, None)))
    ]
    if not hits:
        return None
    entry, value = max(hits, key=lambda hit: (hit[0].origin.rank, hit[0].venue is not None, hit[0].symbol is not None))
    return value, entry.origin


def _default(key: Key, defaults: VenueDefaults) -> Value:
    if key.default is not None:
        value = read_value(key, key.default)
        return value * defaults.money_unit if isinstance(value, Decimal) else value
    own: Value = getattr(defaults, key.field)
    return own


def _folder(folder: Path, venue: str, data_dir: Path | None) -> Path:
    folder = Path(str(folder).replace("<venue>", venue))
    if data_dir is None or folder.is_absolute():
        return folder
    inside = folder.relative_to(_DATA_ROOT) if folder.is_relative_to(_DATA_ROOT) else folder
    return data_dir / inside


def _contradictions(resolved: Mapping[str, _Resolved], lenient: _Leniency) -> list[ConfigMistake]:
    """Values that are each right and do not go together. Those that can be made to go together are, with a note."""
    mistakes = []
    folders: dict[tuple[str, Path], str] = {}
    for venue, keys in resolved.items():
        for smaller, larger in (
            ("BASE_BACKOFF", "MAX_BACKOFF"),
            ("LATENCY_SAMPLE_MIN", "LATENCY_DEQUE_SIZE"),
        ):
            low, high, origin = _float(keys, smaller), _float(keys, larger), keys[smaller][1]
            if low <= high:
                continue
            if origin == _DEFAULT or lenient.forgives(BY_NAME[smaller], origin):
                keys[smaller] = keys[larger][0], keys[larger][1] if origin == _DEFAULT else origin
                lenient.note(keys[smaller][1], smaller, f"taken as {high:g}: no more than {larger}")
            else:
                mistakes.append(_conflict(keys, smaller, f"{low:g}", f"at most {larger} ({high:g})"))
        _stretch(keys, lenient)
        for name in ("LOB_DIR", "CHART_DIR"):
            folder = Path(str(keys[name][0]))
            other = folders.setdefault((name, folder), venue)
            if other != venue:
                found = f"{folder} for {other} and {venue}"
                mistakes.append(_conflict(keys, name, found, "a folder of its own for each venue: use <venue>"))
            root = keys["RETENTION_ROOT"][0]
            if isinstance(root, Path) and folder.absolute().is_relative_to(root.absolute()):
                mistakes.append(_conflict(keys, "RETENTION_ROOT", str(root), f"a copy elsewhere: {name} ({folder}) is in it"))
    return mistakes + _open_doors(next(iter(resolved.values())), lenient)


def _stretch(keys: _Resolved, lenient: _Leniency) -> None:
    """A connection cannot be replaced sooner than its successor is made ready."""
    ahead, period = _float(keys, "BACK_UP_READY_AHEAD_SEC"), _float(keys, "PORT_CYCLING_PERIOD_HRS") * 3600.0
    ahead_from, period_from = keys["BACK_UP_READY_AHEAD_SEC"][1], keys["PORT_CYCLING_PERIOD_HRS"][1]
    if ahead <= period:
        return
    if ahead_from == _DEFAULT:
        keys["BACK_UP_READY_AHEAD_SEC"] = period / 2, period_from
        lenient.note(
            period_from, "PORT_CYCLING_PERIOD_HRS", f"taken as {period / 3600:.4g}, and BACK_UP_READY_AHEAD_SEC as {period / 2:.4g}"
        )
    else:
        keys["PORT_CYCLING_PERIOD_HRS"] = 2 * ahead / 3600.0, period_from
        where = period_from if period_from != _DEFAULT else ahead_from
        why = f"a successor made ready {ahead:g} s ahead needs the time"
        lenient.note(where, "PORT_CYCLING_PERIOD_HRS", f"taken as {2 * ahead / 3600.0:.4g} hours ({2 * ahead:g} s): {why}")


def _open_doors(keys: _Resolved, lenient: _Leniency) -> list[ConfigMistake]:
    """A dashboard that others can reach, without a token that keeps them out."""
    host, token = str(keys["DASHBOARD_HOST"][0]), keys["DASHBOARD_TOKEN"][0]
    letters = len(token.reveal()) if isinstance(token, Secret) else 0
    if is_loopback(host) or letters >= SHORTEST_TOKEN:
        return []
    if letters:
        return [
            _conflict(
                keys, "DASHBOARD_TOKEN", f"{letters} letters", f"{SHORTEST_TOKEN} or more for {host}: `openssl rand -hex 16` makes one"
            )
        ]
    origin = keys["DASHBOARD_HOST"][1]
    if lenient.forgives(BY_NAME["DASHBOARD_HOST"], origin):
        keys["DASHBOARD_HOST"] = BY_NAME["DASHBOARD_HOST"].default, origin
        lenient.note(origin, "DASHBOARD_HOST", f"taken as {keys['DASHBOARD_HOST'][0]}: {host} needs a DASHBOARD_TOKEN")
        return []
    return [_conflict(keys, "DASHBOARD_HOST", f"{host} without a DASHBOARD_TOKEN", "a loopback address, or a token as well")]


def _unknown_streams(resolved: Mapping[str, _Resolved]) -> list[ConfigMistake]:
    """Streams and symbols that the venue has no words for. A venue without a specification is not judged."""
    mistakes: list[ConfigMistake] = []
    for venue, keys in resolved.items():
        spec, symbols, streams = VENUES.get(venue), keys["SYMBOLS"][0], keys["STREAMS"][0]
        if spec is None or not isinstance(symbols, tuple) or not isinstance(streams, tuple):
            continue
        try:
            plan_streams(spec, named(tuple(map(str, symbols))), tuple(map(str, streams)), where=venue)
        except ConfigError as error:
            origins = [(keys[mistake.key][1], mistake) for mistake in error.mistakes]
            mistakes += [replace(mistake, where=origin.where, line=origin.line) for origin, mistake in origins]
    return mistakes


def _float(keys: _Resolved, name: str) -> float:
    value = keys[name][0]
    assert isinstance(value, int | float), "the table says it is a number"
    return float(value)


def _conflict(keys: _Resolved, name: str, found: str, expected: str) -> ConfigMistake:
    origin = keys[name][1]
    return ConfigMistake(origin.where, origin.line, name, found, expected)


def _build(
    path: Path | None,
    resolved: Mapping[str, _Resolved],
    active: tuple[str, ...],
    data_dir: Path | None,
    notes: tuple[ConfigNote, ...],
    instruments: list[_InstrumentKeys],
) -> Config:
    root = data_dir or _DATA_ROOT
    configs = {}
    for venue, keys in resolved.items():
        fields: dict[str, Any] = {BY_NAME[name].field: value for name, (value, _origin) in keys.items()}
        for name in ("rest_url", "history_url", "s3_endpoint"):
            if fields[name]:
                fields[name] = fields[name].replace("{port}", str(fields["ports"][0]))  # REST goes round no ports
        configs[venue] = VenueConfig(venue=venue, data_dir=root, **fields)
    program = {field: getattr(configs[active[0]], field) for field in ProgramConfig.__struct_fields__}
    settings = [_setting(key, None, resolved[active[0]]) for key in KEYS if key.scope is Scope.PROGRAM]
    settings += [_setting(key, venue, resolved[venue]) for venue in active for key in KEYS if key.scope is Scope.VENUE]
    overlays = {}
    for each in instruments:
        venue, symbol = each.subject
        own = {BY_NAME[name].field: value for name, (value, _origin) in each.keys.items()}
        overlays[venue, symbol] = Instrument(own, {name: text for name, (text, _origin) in each.parameters.items()})
        label = f"{venue}:{each.written}"
        settings += [_setting(BY_NAME[name], label, each.keys) for name in each.keys]
        settings += [
            Setting(venue=label, key=name, value=text, origin=str(origin)) for name, (text, origin) in sorted(each.parameters.items())
        ]
    return Config(
        path=path, program=ProgramConfig(**program), venues=configs, active=active, settings=tuple(settings), notes=notes, overlays=overlays
    )


def _setting(key: Key, venue: str | None, keys: _Resolved) -> Setting:
    value, origin = keys[key.name]
    return Setting(venue=venue, key=key.name, value=_text(value), origin=str(origin))


def _text(value: Value) -> str:
    match value:
        case None | "":
            return "(not set)"
        case bool():
            return "1" if value else "0"
        case tuple():
            return ",".join(map(str, value))
        case float():
            return f"{value:g}"
        case Decimal():
            return f"{value:f}"
        case Secret():
            return repr(value)
        case _:
            return str(value)


def _shown(key: Key, text: str) -> str:
    if key.kind is Kind.SECRET:
        return "(hidden)"
    if key.kind in (Kind.NATS_URL, Kind.WS_URL, Kind.HTTP_URL) and "@" in text:
        return "an address with credentials in it"
    shown = repr(text) if len(text) <= 60 else repr(f"{text[:57]}...")
    path = text.partition("://")[2].partition("/")[2]
    return f"{shown} with the path /{path}" if path and key.kind in (Kind.WS_URL, Kind.HTTP_URL) else shown


def _mistake(entry: Assignment, found: str, expected: str, nearest: str | None = None) -> ConfigMistake:
    return ConfigMistake(entry.origin.where, entry.origin.line, entry.label, found, expected, nearest)


def _error(mistakes: list[ConfigMistake]) -> ConfigError:
    unique = dict.fromkeys(mistakes)
    return ConfigError(sorted(unique, key=lambda mistake: (mistake.where, mistake.line or 0)))
