"""app.preflight: is what a start needs there? Asked before anything is begun, and told like mistakes of the configuration.

Folders that can be made and written, enough open files, and a locale that can write the symbols' names. A full disk is none of
these: recording begins paused then, and resumes by itself.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path

from hoga.app.config import Config
from hoga.archive.form.layout import unwritable
from hoga.core.errors import ConfigError, ConfigMistake

__all__ = ["FILES_NEEDED", "check_machine"]

FILES_NEEDED = 128
"""Open files that a run may need: sockets, journals, pipes to its helpers, and what the libraries hold."""
_FILES_WANTED = 65_536
_FULL = {errno.ENOSPC, errno.EDQUOT}


def check_machine(config: Config, *, data_option: bool) -> None:
    """Raise ConfigError with everything that is in the way. `data_option`: the data folder was given by `--data`.

    Makes the folders, and raises the limit of open files as far as this process may.
    """
    mistakes = _files_mistake() + _folder_mistakes(config, data_option=data_option) + _name_mistakes(config)
    if mistakes:
        raise ConfigError(mistakes)


def _files_mistake() -> list[ConfigMistake]:
    try:
        import resource
    except ImportError:
        return []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _FILES_WANTED:
        return []
    most = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FILES_WANTED)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    except (ValueError, OSError):  # not allowed: what there is must do
        pass
    if soft >= FILES_NEEDED:
        return []
    expected = f"{FILES_NEEDED} or more: `ulimit -n {_FILES_WANTED}`, or LimitNOFILE= in the systemd unit"
    return [ConfigMistake("this machine", None, "open files", f"a limit of {soft}", expected)]


def _folder_mistakes(config: Config, *, data_option: bool) -> list[ConfigMistake]:
    origins = {(setting.venue, setting.key): setting.origin for setting in config.settings}
    data = config.program.data_dir
    wanted: dict[Path, tuple[str, str]] = {data: ("--data" if data_option else "default", "data folder")}
    for name in config.active_venues:
        venue = config.venue(name)
        wanted.setdefault(venue.lob_dir, (origins[name, "LOB_DIR"], "LOB_DIR"))
        wanted.setdefault(venue.chart_dir, (origins[name, "CHART_DIR"], "CHART_DIR"))
    wanted.setdefault(config.program.log_dir, (origins[None, "LOG_DIR"], "LOG_DIR"))
    mistakes: list[ConfigMistake] = []
    for folder, (origin, key) in wanted.items():
        if mistakes and folder.is_relative_to(data):  # the same cause again
            continue
        why = _why_not(folder)
        if why is not None:
            where = "--data" if data_option and origin == "default" else origin
            expected = "a folder that can be made and written"
            mistakes.append(ConfigMistake(where, None, key, str(folder), expected, plain=f"{key}: {folder}: {why}; expected {expected}"))
    return mistakes


def _why_not(folder: Path) -> str | None:
    """Why nothing can be written into `folder`, which is made where it is missing. None when it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except FileExistsError:
        return "is a file"
    except NotADirectoryError:
        file = next((each for each in folder.parents if each.is_file()), folder)
        return f"{file} is a file"
    except OSError as error:
        if error.errno in _FULL:
            return None
        return f"{error.strerror or error}" + (f" (as user {os.geteuid()})" if error.errno in (errno.EACCES, errno.EPERM) else "")


def _name_mistakes(config: Config) -> list[ConfigMistake]:
    mistakes = []
    for name in config.active_venues:
        for symbol in unwritable(config.venue(name).symbols, sys.getfilesystemencoding()):
            found = f"{symbol!a}, which a file cannot be named in this locale ({sys.getfilesystemencoding()})"
            mistakes.append(ConfigMistake(f"[{name}]", None, "SYMBOLS", found, "a UTF-8 locale, or PYTHONUTF8=1 in the environment"))
    return mistakes
