"""cli.config: `hoga config init|check|show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import keys
from hoga.cli._output import note, print_json, print_table, print_text
from hoga.cli._written import require_replaceable
from hoga.core.errors import ConfigError, ConfigMistake

if TYPE_CHECKING:
    from hoga.app.config import Config

__all__ = ["ConfigOption", "DataOption", "JsonOption", "SetOption", "register", "tell_notes"]

ConfigOption = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file [default: hoga.conf where there is one].")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one key (VENUE.KEY=VALUE for one venue); repeatable.", autocompletion=keys),
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder for everything recorded [default: ./data].")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add `hoga config` and its sub-commands to `app`."""
    group = typer.Typer(help="Write, check and show the configuration.", no_args_is_help=True, rich_markup_mode=None)
    group.command("init")(init)
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(group, name="config")


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")] = Path("hoga.conf"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a commented default configuration.

    Every key, its default and what it means.

    Example: hoga config init
    """
    from hoga.app.config.render import default_file
    from hoga.runtime.checkout import called

    if file.exists() and not force:
        plain = "exists already and was left as it is; --force replaces it, another name writes another one"
        raise ConfigError([ConfigMistake(str(file), None, "FILE", "a file that exists", "a new file, or --force", plain=plain)])
    require_replaceable("FILE", file)
    try:
        file.write_text(default_file(), encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        plain = f"cannot be written: {why}"
        raise ConfigError([ConfigMistake(str(file), None, "FILE", why, "a file that can be written", plain=plain)]) from error
    if as_json:
        print_json({"ok": True, "file": str(file)})
    else:
        note(f"wrote {file}; next: edit it, `{called()} config check -c {file}`, `{called()} run -c {file}`")


def check(config: ConfigOption = None, settings: SetOption = None, as_json: JsonOption = False) -> int:
    """Name every mistake of a configuration.

    Each with file, line, key, what was found, what was expected. What is read otherwise than it stands there is a warning.

    Example: hoga config check -c hoga.conf
    """
    from hoga.app.config import find_config, load_config

    try:
        loaded = load_config(find_config(config, os.environ), overrides=settings or [], environ=os.environ)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "mistakes": error.mistakes, "notes": []})
        return 2
    if as_json:
        print_json({"ok": True, "mistakes": [], "venues": loaded.active_venues, "notes": loaded.notes})
    else:
        tell_notes(loaded)
        print_text(f"{loaded.path or 'defaults'}: good; records {', '.join(loaded.active_venues)}")
    return 0


def show(config: ConfigOption = None, settings: SetOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print what holds, and where it came from.

    Secrets are masked. What is read otherwise than it stands there is told on stderr.

    Example: hoga config show --set SYMBOLS=BTCUSDT
    """
    from hoga.app.config import find_config, load_config

    loaded = load_config(find_config(config, os.environ), overrides=settings or [], environ=os.environ, data_dir=data)
    tell_notes(loaded)
    if as_json:
        print_json(list(loaded.settings))
        return
    rows = [[setting.venue or "", setting.key, setting.value, setting.origin] for setting in loaded.settings]
    print_table(["venue", "key", "value", "origin"], rows)


def tell_notes(config: Config) -> None:
    """One warning line on stderr for each thing that was read otherwise than it stands there."""
    for each in config.notes:
        note(f"hoga: warning: {each}")
