"""archive.keep.leftover: journals that nobody writes any more, and what they explain.

A recorder that ends in good order may leave minutes unsealed: its journals are whole and say themselves that recording ended.
They are an unfinished state, not a fault. A journal that breaks off, is damaged, or is of a session that broke off, is one.

Of a journal that is sealed for some of its series and not yet for others `left.json` beside it says for which it is still to be sealed:
the days of the others may be joined and merged meanwhile, and must not get its records twice, whatever happens.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.chunks import read_chunks
from hoga.archive.form.journal import CONTROL, JOURNAL_DIR, EndNote, JournalName, decode_note, journal_name, parse_journal_name, read_header
from hoga.archive.form.notes import open_segment_note
from hoga.archive.form.regular import read_regular
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span
from hoga.archive.keep.life import last_word_of
from hoga.archive.keep.minute import ASIDE_SYMBOL
from hoga.core.errors import ArchiveError
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, day_of, minute_of
from hoga.runtime.durable import unlink, write_file

__all__ = ["earlier_of_minute", "journals_of_note", "neighbours", "note_left", "read_left", "unsealed"]

_LEFT_FILE = "left.json"
_left_lock = threading.Lock()


class _Ended(NamedTuple):
    """A whole journal that says it is complete: of that time; `last`: recording ended with it."""

    span: Span
    last: bool


def unsealed(journals: Iterable[Path]) -> dict[Path, Span]:
    """Those of `journals` that an orderly end left, and the time that each of them covers. Reads them all."""
    sessions: dict[tuple[Path, int, str], list[tuple[JournalName, Path]]] = {}
    for path in journals:
        name = parse_journal_name(path.name)
        if name is not None:
            sessions.setdefault((path.parent, name.lane, name.session), []).append((name, path))
    found: dict[Path, Span] = {}
    for (folder, _, session), members in sessions.items():
        ended = {path: _ended(path) for _, path in sorted(members, key=lambda item: item[0].number)}
        whole = {path: end for path, end in ended.items() if end is not None}
        final = [end.last for end in whole.values()]
        if len(whole) == len(ended) and (final[-1] or last_word_of(folder, int(session, 16))):
            found.update({path: end.span for path, end in whole.items()})
    return found


def read_left(folder: Path) -> dict[str, frozenset[str]]:
    """Of the journals in `folder`, by name, that are sealed in part: the series that they are still to be sealed for, as
    `SealResult.failed` names them. Journals that are gone are left out."""
    try:
        said = msgspec.json.decode(read_regular(folder / _LEFT_FILE), type=dict[str, frozenset[str]])
    except (OSError, ArchiveError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {name: names for name, names in said.items() if (folder / name).exists()}


def note_left(folder: Path, journal: str = "", names: Iterable[str] = ()) -> None:
    """Write down what `journal` is still to be sealed for (none: nothing new is known, but some may be gone); for good when this returns.
    From any thread. Raises ArchiveError, OSError."""
    with _left_lock:
        known = read_left(folder)
        told = {**known, journal: frozenset(names)} if journal else known
        if not told:
            if (folder / _LEFT_FILE).exists():
                unlink(folder / _LEFT_FILE, missing_ok=True)
        elif told != known or not journal:
            write_file(folder / _LEFT_FILE, [msgspec.json.encode({name: sorted(told[name]) for name in sorted(told)})])


def earlier_of_minute(journal: Path) -> list[tuple[Path, frozenset[str] | None]]:
    """Journals of the same minute that were begun before `journal`, of an earlier session or of its own lane; and the series that each is
    still to be sealed for, as `SealResult.failed` names them; None: nobody knows."""
    own = parse_journal_name(journal.name)
    if own is None:
        return []
    names = [name for path in journal.parent.iterdir() if (name := parse_journal_name(path.name)) is not None]
    same = [name for name in names if (name.day, name.minute) == (own.day, own.minute)]
    before = [name for name in same if int(name.session, 16) < int(own.session, 16)]
    before += [name for name in same if (name.lane, name.session) == (own.lane, own.session) and name.number < own.number]
    paths = [journal.with_name(journal_name(name)) for name in before]
    left = read_left(journal.parent) if paths else {}
    return [(path, left[path.name] if path.name in left else _series_of(path)) for path in paths]


def _series_of(journal: Path) -> frozenset[str] | None:
    """What a journal is to be sealed for."""
    try:
        header = read_header(journal)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ArchiveError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if header is None:  # it is put aside, or holds nothing
        return frozenset()
    day, minute = day_of(header.minute_ns), minute_of(header.minute_ns)
    named = {(entry.stream.symbol, entry.stream.kind) for entry in header.streams} | {(ASIDE_SYMBOL, Kind.ASIDE)}
    return frozenset(f"{SeriesDay(journal.parent, symbol, kind, day)} {minute}" for symbol, kind in named)


def neighbours(directory: Path) -> list[Path]:
    """The journal folders that may hold open minutes of the series in `directory`: its own, and those beside it."""
    try:
        beside = [directory, *sorted(path for path in directory.parent.iterdir() if path != directory)]
    except OSError:
        beside = [directory]
    return [folder for each in beside if (folder := each / "temporary" / JOURNAL_DIR).is_dir()]


def journals_of_note(note: bytes | None, folders: Iterable[Path]) -> list[Path]:
    """The journals that a segment was made of, as its note says, as far as they are still in one of `folders`."""
    said = open_segment_note(note)
    names = [source for source in said.sources if parse_journal_name(source) is not None] if said is not None else []
    return [path for folder in folders for name in names if (path := folder / name).exists()]


def _ended(path: Path) -> _Ended | None:
    """None when the journal is torn, damaged, or does not say that it is complete."""
    end: EndNote | None = None
    try:
        header = read_header(path)
        expected: int | None = None
        for chunk in read_chunks(path):
            if isinstance(chunk, int) or (expected is not None and chunk.seq != expected):
                return None
            expected = chunk.seq + 1
            at = len(chunk.tags) - 1
            last = chunk.data[chunk.starts[at] : chunk.starts[at] + chunk.lengths[at]]
            note = decode_note(last) if chunk.tags[at] & CONTROL == CONTROL else None
            end = note if isinstance(note, EndNote) else None
    except (OSError, ArchiveError, msgspec.MsgspecError):
        return None
    if header is None or end is None:
        return None
    return _Ended((min(header.from_ns, header.minute_ns), max(end.ns, header.minute_ns + MINUTE_NS)), end.last)
