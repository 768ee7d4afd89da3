"""archive.prove.openday: what of a day is not merged yet: its segments, its parts, and the ledger that tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from hoga.archive.form.audit import line_faults, unbalanced
from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import PARTS_DIR, parse_segment
from hoga.archive.form.ledger import LedgerEntry, SegmentEntry, ledger_lines
from hoga.archive.form.links import open_link
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import DayAccount, Manifest
from hoga.archive.form.notes import open_segment_note, part_marks
from hoga.archive.form.segment import read_located
from hoga.archive.form.spans import Span
from hoga.archive.form.store import is_file, list_names, look, read_name
from hoga.archive.keep.classic import is_twin
from hoga.archive.prove.daytext import DayText, looks_classic, minute_of_file
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import iso_of

__all__ = ["OpenDay"]


class OpenDay:
    """The temporary folder of one series' day. What its ledger says is added to `account`.

    `live`: the journals of a recorder that is at work, by name: the newest files may be ahead of the ledger then. `unsealed`: journals that
    an orderly end left.
    """

    def __init__(self, text: DayText, account: DayAccount, *, live: frozenset[str], unsealed: Mapping[str, Span]) -> None:
        self._text = text
        self._day = text.day
        self._out = text.out
        self._account = account
        self._live = live
        self._unsealed = unsealed

    def check(self, manifest: Manifest | None) -> None:
        """Everything in the folder, as far as `manifest` does not have it."""
        entries = self._ledger_entries()
        data = read_name(self._day.ledger) if manifest is not None and look(self._day.ledger) is not None else b""
        folded = manifest.ledger.fresh_from(data) if manifest is not None else 0
        fresh = [entry for at, entry in entries if at >= folded]
        account = DayAccount()
        account.add(fresh)
        self._account.add(fresh)
        rows = {(row.minute, row.bytes, row.crc32) for row in manifest.segments} if manifest is not None else set()
        told = {entry.file: entry for _, entry in entries if isinstance(entry, SegmentEntry) and entry.file}
        present = self._segment_files()
        self._text.scan.restart()
        for file in sorted({*told, *present}, key=_file_order):
            self._check_told(file, told.get(file), rows, present=file in present)
        self._name_odd({*told, *present})
        self._check_parts(rows)
        if not self._live:
            self._check_fresh(account, fresh, rows)

    def _check_fresh(self, account: DayAccount, fresh: list[LedgerEntry], rows: set[tuple[str, int, int]]) -> None:
        """What the ledger says beyond the manifest: is it in balance, was all of it being recorded."""
        if account.segments and account.received() is not None:
            records = sum(entry.records for entry in account.segments.values())
            self._text.check_balance(self._day.ledger, account.received(), records, account.duplicates(), account.gaps())
        elif account.segments:
            for flaw in unbalanced(fresh, self._day.day):
                self._out.problem(self._day.ledger, flaw.kind, f"{flaw.detail} ({iso_of(flaw.from_ns)} to {iso_of(flaw.to_ns)})")
        named = [entry for entry in account.segments.values() if (entry.minute, entry.bytes, entry.crc32) not in rows]
        lines = [(entry.minute, entry.span_min, entry.records, entry.first_recv_ns, entry.last_recv_ns) for entry in named]
        self._text.check_live(self._day.ledger, lines, self._account.live(), self._account.gaps())

    def _check_told(self, file: str, entry: SegmentEntry | None, rows: set[tuple[str, int, int]], *, present: bool) -> None:
        path = self._day.folder / file
        merged = entry is not None and (entry.minute, entry.bytes, entry.crc32) in rows
        if is_twin(path) and present:
            self._check_twin(path)
            return
        if not present:
            if not merged and look(path) is not None:
                self._out.problem(path, "unreadable", "it is no regular file")
            elif not merged:
                self._out.segments += 1
                self._out.problem(path, "missing", "the ledger names this segment and it is not there")
            return
        if entry is None and self._is_in_rows(path, rows):
            return
        self._out.segments += 1
        if entry is None and not self._is_told_later(path) and not looks_classic(path) and not self._was_told_meanwhile(file):
            self._out.problem(path, "unaccounted", "the ledger does not name this segment")
        self._text.check_segment(path, entry, minute=minute_of_file(file), merged=merged)

    def _check_parts(self, rows: set[tuple[str, int, int]]) -> None:
        """Sealed minutes that wait to be joined to a longer segment: each holds its own figures; the ledger names none of them."""
        folder = self._day.folder / PARTS_DIR
        entries = list_names(folder)
        if not entries:
            return
        joined = {source for file in self._segment_files() for source in _sources_of(self._day.folder / file)}
        names = sorted((entry.path.name for entry in entries if parse_segment(entry.path.name) is not None), key=_file_order)
        if names and not self._live:
            hint = "the next start joins them, or hoga recover"
            self._out.finding(folder, "unsealed", f"minutes that wait to be joined to a longer segment: {hint}", count=len(names))
        for file in names:
            path = folder / file
            try:
                located = locate(path)
            except FileNotFoundError:  # joined meanwhile
                continue
            except SegmentCorrupt as fault:
                self._out.problem(path, "corrupt", fault.why, offset=fault.offset)
                continue
            marks = part_marks(minute_of_file(file), located.note, located.body_crc32)
            if not joined.isdisjoint(marks) or self._is_in_rows(path, rows):
                continue
            said = open_segment_note(located.note)
            if said is None:
                self._out.problem(path, "unaccounted", "it does not say what it was made of")
            entry = None
            if said is not None:
                entry = msgspec.structs.replace(said.entry, bytes=located.text_bytes, crc32=located.crc32, archive_bytes=0)
            self._out.segments += 1
            try:
                self._text.check_segment(path, entry, minute=minute_of_file(file))
            except FileNotFoundError:
                if not self._live:
                    raise

    def _is_told_later(self, path: Path) -> bool:
        """The segment was made of journals that an orderly end left: their next sealing tells the ledger of it."""
        sources = _sources_of(path) if self._unsealed else ()
        waiting = bool(sources) and all(source in self._unsealed for source in sources)
        if waiting:
            self._out.finding(path, "unsealed", "its ledger entries are still to come, with the sealing of the journal it was made of")
        return waiting

    def _check_twin(self, path: Path) -> None:
        """A `.jsonl` beside the `.zip` made of it: the same text, or one of the two is wrong."""
        twin = path.with_suffix(".zip")
        try:
            crc = size = 0
            for block in read_located(locate(path)):
                crc, size = crc32(block, crc), size + len(block)
            other = locate(twin)
        except SegmentCorrupt as fault:
            self._out.problem(fault.path, "corrupt", fault.why, offset=fault.offset)
            return
        if (size, crc) == (other.text_bytes, other.crc32):
            self._out.finding(path, "twin", f"the same minute is in {twin.name}: its recorder was stopped before it removed this one")
        else:
            self._out.problem(path, "mismatch", f"differs from {twin.name}, which holds the same minute")

    def _ledger_entries(self) -> list[tuple[int, LedgerEntry]]:
        """The ledger's entries with their offsets; lines that are broken, altered or missing are problems."""
        path = self._day.ledger
        try:
            data = read_name(path)
        except FileNotFoundError:
            return []
        lines = ledger_lines(data)
        entries: list[tuple[int, LedgerEntry]] = []
        for line in lines:
            if line.entry is None:
                self._out.problem(path, "ledger", "the line is no ledger entry", offset=line.at)
            else:
                entries.append((line.at, line.entry))
        for fault in line_faults(lines, self._day.day, growing=bool(self._live)):
            when = f"between {iso_of(fault.span[0])} and {iso_of(fault.span[1])}"
            self._out.problem(path, "ledger", fault.detail if fault.altered else f"{fault.detail}, {when}", offset=fault.offset)
        if lines and open_link(lines[0].text) is None:
            old = sum(open_link(line.text) is None for line in lines)
            self._out.finding(path, "unlinked", "lines of an older hoga do not hold one another: a missing one would not show", count=old)
        at = sum(len(line.text) + 1 for line in lines)
        if at < len(data):
            self._out.finding(path, "torn", "the last line was cut short by a crash and does not count", offset=at)
        return entries

    def _segment_files(self) -> set[str]:
        names = [entry.path.name for entry in list_names(self._day.folder)]
        return {name for name in names if parse_segment(name) is not None and is_file(self._day.folder / name)}

    def _name_odd(self, known: Iterable[str]) -> None:
        """What bears a segment's name and is no file; of those that the ledger names it is told anyway."""
        names = [entry.path.name for entry in list_names(self._day.folder)]
        odd = {name for name in names if parse_segment(name) is not None} - set(known)
        for name in sorted(odd):
            path = self._day.folder / name
            if path.is_symlink() or (look(path) is not None and not is_file(path)):
                self._out.problem(path, "unreadable", "it is no regular file")

    def _was_told_meanwhile(self, file: str) -> bool:
        """A running recorder seals first and writes the ledger then: the journal goes last, so while it is there the entry is to come."""
        if not self._live:
            return False
        sources = _sources_of(self._day.folder / file)
        if sources and all(source in self._live for source in sources):
            return True
        return any(isinstance(entry, SegmentEntry) and entry.file == file for _, entry in self._ledger_entries())

    def _is_in_rows(self, path: Path, rows: set[tuple[str, int, int]]) -> bool:
        try:
            located = locate(path)
        except SegmentCorrupt:
            return False
        return located.ours and (minute_of_file(path.name), located.text_bytes, located.crc32) in rows

    def check_lone(self, path: Path) -> None:
        """One segment file on its own, with its ledger entry where there is one."""
        entries = self._ledger_entries() if path.parent == self._day.folder else []
        told = {entry.file: entry for _, entry in entries if isinstance(entry, SegmentEntry)}
        self._account.add(entry for _, entry in entries if not isinstance(entry, SegmentEntry))
        if look(path) is None:
            self._out.problem(path, "missing", "the file is not there")
            return
        if not is_file(path):
            self._out.problem(path, "unreadable", "it is no regular file")
            return
        self._out.segments += 1
        if entries and path.name not in told and not looks_classic(path):
            self._out.problem(path, "unaccounted", "the ledger does not name this segment")
        self._text.check_segment(path, told.get(path.name), minute=minute_of_file(path.name))


def _sources_of(path: Path) -> list[str]:
    """What a segment says it was made of."""
    try:
        said = open_segment_note(locate(path).note)
    except (ArchiveError, FileNotFoundError):
        return []
    return said.sources if said is not None else []


def _file_order(file: str) -> tuple[str, int]:
    name = parse_segment(file)
    return (name.minute, name.part) if name is not None else (file, 0)
