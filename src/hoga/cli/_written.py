"""cli._written: the files that a person names for results: none takes the place of what was recorded, or of what it is made of.

A pattern of two days is two words to a shell, and the second of them stands where the result's name belongs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hoga.cli._recorded import mistake

__all__ = ["require_replaceable"]


def require_replaceable(key: str, out: Path, inputs: Iterable[Path] = ()) -> None:
    """Raises ConfigError where `out` is there and is a file of an archive, a journal, or one of `inputs`."""
    if not out.is_file():
        return
    if any(each.exists() and out.samefile(each) for each in inputs):
        raise mistake(key, str(out), "another file than what is read: it would be replaced by the result")
    if any(map(_is_recorded, {out, out.resolve()})):
        raise mistake(key, str(out), "a new file, or an earlier result: this one is recorded data, and would be lost")


def _is_recorded(path: Path) -> bool:
    from hoga.archive.form.journal import LAST_FILE, parse_journal_name
    from hoga.archive.form.layout import HEALED_SUFFIX, parse_day, parse_segment
    from hoga.archive.form.lists import is_list
    from hoga.audit.folder import list_files
    from hoga.audit.tape import PART_NAME
    from hoga.core.times import is_day
    from hoga.history.index import is_indexed

    name = path.name
    return (
        parse_day(name) is not None
        or parse_segment(name) is not None
        or parse_journal_name(name) is not None
        or PART_NAME.fullmatch(name) is not None
        or name.endswith((HEALED_SUFFIX, ".ledger.jsonl"))
        or name == LAST_FILE
        or is_list(name)
        or is_indexed(path)
        or (is_day(path.parent.name) and path in (each.path for each in list_files(path.parent.parent)))
    )
