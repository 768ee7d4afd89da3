"""The index: what was known when the process ended is known again, up to the last whole line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.history.index import Entry, Index
from hoga.history.rows import Facts, Hole


def entry(name: str, sha256: str = "a") -> Entry:
    facts = Facts(rows=2, first_id=1, last_id=9, first_ns=3, last_ns=4, holes=(Hole(1, 9, 3, 4),), missing=7, days=(0,))
    return Entry(name=name, key=f"data/{name}", sha256=sha256, bytes=5, facts=facts, read=True, findings=[("odd", True)])


def test_the_last_line_of_a_name_counts(tmp_path: Path) -> None:
    with Index(tmp_path / "new") as index:
        index.put(entry("x"))
        index.put(entry("y"))
        index.put(entry("x", "b"))
    with Index(tmp_path / "new") as index:
        assert index.entries == {"x": entry("x", "b"), "y": entry("y")}


def test_cut_at_any_byte_whole_lines_are_known_and_writing_goes_on(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.put(entry("x"))
        index.put(entry("y"))
    path = tmp_path / ".backfill.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        with Index(tmp_path) as index:
            assert set(index.entries) == ({"x"} if at >= first else set())
            index.put(entry("z"))
        with Index(tmp_path) as index:
            assert "z" in index.entries


def test_a_damaged_line_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.put(entry("x"))
    path = tmp_path / ".backfill.jsonl"
    path.write_bytes(b"{broken\n" + path.read_bytes())
    with Index(tmp_path) as index:
        assert set(index.entries) == {"x"}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Index(tmp_path), pytest.raises(ArchiveBusy, match="another backfill"):
        Index(tmp_path).__enter__()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArchiveError, match="cannot be written"):
        Index(tmp_path / "file" / "folder").__enter__()
