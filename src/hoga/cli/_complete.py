"""cli._complete: what the shell offers at the Tab key: keys, venues, kinds, and the series that are recorded here.

Nothing here may raise or take long: it runs while somebody types.
"""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["cases", "keys", "kinds", "series", "venues"]

_MOST = 2_000


def keys(incomplete: str) -> list[str]:
    """`KEY=` of every key that `--set` takes, and `VENUE.KEY=` once a venue is written."""
    from hoga.app.config.keys import KEYS, Scope

    venue, dot, _key = incomplete.rpartition(".")
    offered = [f"{key.name}=" for key in KEYS if not key.secret]
    if dot:
        offered = [f"{venue}.{key.name}=" for key in KEYS if not key.secret and key.scope is Scope.VENUE]
    return [each for each in offered if each.lower().startswith(incomplete.lower())]


def cases(incomplete: str) -> list[str]:
    """The cases of `hoga drill`."""
    from hoga.app.drill.cases import cases_of

    return [each.name for each in cases_of(1) if each.name.startswith(incomplete)]


def venues(incomplete: str) -> list[str]:
    """Venues, one after the other between commas."""
    from hoga.venues.endpoints import VENUE_DEFAULTS

    before, comma, last = incomplete.rpartition(",")
    named = before.split(",")
    return [f"{before}{comma}{name}" for name in VENUE_DEFAULTS if name.startswith(last) and name not in named]


def kinds(context: typer.Context, incomplete: str) -> list[str]:
    """Kinds that are recorded, or all that there are where nothing is."""
    found = {path.name for venue in _folders(_data(context)) for path in _folders(venue)} - {"instruments"}
    if not found:
        from hoga.venues.registry import VENUES

        found = {spec.channel_of(channel).kind for spec in VENUES.values() for channel in spec.examples}
    return sorted(kind for kind in found if kind.startswith(incomplete))


def series(context: typer.Context, incomplete: str) -> list[str]:
    """`VENUE:SYMBOL` of what is recorded in the data folder."""
    found: dict[str, None] = {}
    for venue in _folders(_data(context)):
        for kind in _folders(venue):
            for path in [*_listed(kind), *_listed(kind / "temporary")][:_MOST]:
                symbol, mark, _rest = path.name.partition(f"_{kind.name}_")
                if mark and symbol:
                    found[f"{venue.name}:{symbol}"] = None
    return sorted(name for name in found if name.lower().startswith(incomplete.lower()))


def _data(context: typer.Context) -> Path:
    return Path(str(context.params.get("data") or "data"))


def _folders(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.is_dir()]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
