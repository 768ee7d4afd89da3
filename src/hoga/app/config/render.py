"""app.config.render: the key table as texts for people. Pure.

The commented default file of `hoga config init`, and `docs/configuration.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hoga.app.config.classic import ALIASES, RETIRED, Alias
from hoga.app.config.keys import GROUPS, KEYS, Key, Kind, Scope, expectation
from hoga.venues.endpoints import CLASSIC_VENUE, VENUE_DEFAULTS, VenueDefaults

__all__ = ["default_file", "reference"]

_FILE_HEAD = """\
# hoga.conf: what hoga records, and how. Every key is shown with its default; take the # away to change it.
#
# KEY = VALUE, `#` begins a comment. Keys above the first [section] hold for every venue; a section
# ({sections}) holds for its venue only, [venue:SYMBOL] for one instrument. A file without
# sections is about {classic}, but for what it says of trading.
# `hoga config check` finds mistakes, `hoga config show` prints what holds and where it came from.
"""

_REFERENCE_HEAD = """\
# Configuration

hoga reads `hoga.conf` in the working folder, or the file named with `-c`, or by the environment variable `HOGA_CONFIG`.
This page is made from the table in `src/hoga/app/config/keys.py` by `make docs`.

- A line is `KEY = VALUE`; `#` begins a comment, at the start of a line or after a space. Values may be quoted.
- Keys above the first section are global. A section, {sections}, holds for its venue only.
- A section `[venue:SYMBOL]` holds for one instrument: the keys marked *also of one instrument*, over those of its venue, and a strategy's
  own parameters, which are written in small letters (`fast = 10`) so that a mistyped key is still found.
- A file without sections is the classic recorder's file; it configures `{classic}` and works unchanged. Its old names are read
  under their new ones, with one warning line each (below). What it says of trading holds for every venue.
- Precedence: `--set KEY=VALUE` (or `--set VENUE.KEY=VALUE`, `--set VENUE:SYMBOL.KEY=VALUE`), then the environment (`HOGA_KEY`,
  `HOGA_VENUE__KEY` or `HOGA_VENUE__SYMBOL__KEY`, with the dashes of the names as underscores), then the file, then the default. Within
  one of these, an instrument's own value beats the venue's, and that the global one.
- Keys marked *whole program* hold for the whole program wherever they stand.
- A venue is recorded when anything but a credential or a key of trading configures it; when nothing does, `{classic}` is.
- With `--data DIR`, relative folders lie in `DIR`, and a leading `./data/` is `DIR` itself: `LOB_DIR` becomes `DIR/<venue>/orderbook/`.
- In folders `<venue>` is replaced by the venue's name.
- URLs are scheme and host, perhaps a port, and no path; `{{port}}` takes the ports of `PORTS` in turn.
- `SYMBOLS = ALL` is every symbol that trades at the venue, `ALL:USDT` every one that is paid in USDT; they
  are looked up at each start, and one that is listed later is recorded from the next start on. How many streams that is, and
  over how many connections, is in the log. Upper and lower case are the same.
- Secrets (credentials, `DASHBOARD_TOKEN`, `NOTIFY_URLS`) come from the environment (`HOGA_{variable}__API_KEY`) or a file with
  mode 0600, never from the command line. They are never shown. Where others can reach the dashboard, its token has 16 letters or more.
- Every mistake is named at once, with file, line, key, what was found, what was expected, and the nearest key. The exit status is 2.
"""

_OLD_NAMES = """
## Old names

Read wherever keys are, and told in one warning line each, at the start and by `hoga config check` and `hoga config show`. A key's own
name beats an old one. A file without sections that has one of these names is the classic recorder's own: what else it says about how to
record and hoga does not know or cannot take is told and left alone, or taken as the nearest value that can be; what it says about what
is recorded, and where, is never guessed. In all other files a mistake is one, and nothing starts.

| name | is now |
|---|---|
"""


def default_file(venues: Mapping[str, VenueDefaults] = VENUE_DEFAULTS, classic: str = CLASSIC_VENUE) -> str:
    """The text of a configuration file that changes nothing: every key, commented out, with its default."""
    parts = [_FILE_HEAD.format(sections=", ".join(f"[{name}]" for name in venues), classic=classic)]
    for group, heading in GROUPS.items():
        if group != "credentials":
            parts.append(f"\n# --- {heading} ---\n")
            parts += [_file_entry(key, venues[classic]) for key in KEYS if key.group == group]
    parts.append("\n# --- Venues of their own ---\n")
    for name, defaults in venues.items():
        if name != classic:
            symbols, streams = ",".join(defaults.symbols), ",".join(defaults.streams)
            parts.append(f"\n# [{name}]\n# SYMBOLS = {symbols}\n# STREAMS = {streams}\n")
    return "".join(parts)


def reference(venues: Mapping[str, VenueDefaults] = VENUE_DEFAULTS, classic: str = CLASSIC_VENUE) -> str:
    """The text of `docs/configuration.md`."""
    sections = ", ".join(f"`[{name}]`" for name in venues)
    parts = [_REFERENCE_HEAD.format(sections=sections, classic=classic, variable=classic.upper())]
    for group, heading in GROUPS.items():
        parts.append(f"\n## {heading}\n\n| key | default | must be | meaning |\n|---|---|---|---|\n")
        parts += [_row(key) for key in KEYS if key.group == group]
    parts.append("\n## Defaults of the venues\n\n| key | " + " | ".join(f"`{name}`" for name in venues) + " |\n")
    parts.append("|---|" + "---|" * len(venues) + "\n")
    for key in KEYS:
        if key.default is None or key.kind is Kind.MONEY:
            cells = " | ".join(_cell(_venue_default(key, defaults)) for defaults in venues.values())
            parts.append(f"| `{key.name}` | {cells} |\n")
    parts.append(_OLD_NAMES)
    parts += [f"| `{name}` | `{alias.key}`{_factor(alias)} |\n" for name, alias in ALIASES.items()]
    parts += [f"| `{name}` | nothing: {why} |\n" for name, why in RETIRED.items()]
    return "".join(parts)


def _factor(alias: Alias) -> str:
    return "" if alias.factor is None else f", times {alias.factor:g}"


def _file_entry(key: Key, defaults: VenueDefaults) -> str:
    default = _venue_default(key, defaults)
    return f"# {key.text}\n#   {_capital(expectation(key))}.\n# {key.name} = {default}\n"


def _row(key: Key) -> str:
    default = "the venue's" if key.default is None or key.kind is Kind.MONEY else _cell(key.default)
    scope = " *Whole program.*" if key.scope is Scope.PROGRAM else " *Also of one instrument.*" if key.instrument else ""
    shown = "text" if key.kind is Kind.SECRET else expectation(key).replace("|", "\\|")
    return f"| `{key.name}` | {default} | {shown} | {key.text}{scope} |\n"


def _cell(text: str) -> str:
    return f"`{text}`" if text else "not set"


def _venue_default(key: Key, defaults: VenueDefaults) -> str:
    if key.kind is Kind.MONEY:
        return f"{Decimal(key.default or 0) * defaults.money_unit:f}"
    if key.default is not None:
        return key.default
    value = getattr(defaults, key.field)
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, int | float) else value or ""


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
