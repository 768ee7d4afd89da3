"""archive.prove.books: books that prove themselves: rebuilt from archived snapshots and deltas, and held against what else was recorded.

What is read of one symbol's day goes in the order of the venue's ids through `book.rebuild`: its deltas, from the newest snapshot at or
before the day's beginning on; its snapshots; every recorded book; and the digests that the recorder made of books it kept itself
(`DigestEntry`). A difference is a problem. What cannot be rebuilt is counted by its reason, and never taken for good.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import process_time
from typing import NamedTuple

import msgspec

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look
from hoga.archive.prove.report import BookRow, Outcome
from hoga.archive.read.bookstart import book_start, spec_of
from hoga.archive.read.levels import BookRecords, changes_of, wholes_of
from hoga.archive.read.reader import read_blocks
from hoga.book.rebuild import Change, Rebuild, Verdict, Whole
from hoga.columns.groups import Rows
from hoga.core.errors import ArchiveError
from hoga.core.streams import Kind
from hoga.core.times import DAY_NS, SECOND_NS, day_of, day_start_ns, iso_of, minute_of, next_day
from hoga.venues.spec import VenueSpec

__all__ = ["BooksFound", "check_books"]

_ASKED_NS = 120 * SECOND_NS
_OVER_NS = 5 * SECOND_NS
"""A book may be received so long before the delta of the same moment; over midnight, too."""
_WINDOW, _FEW = 512, 16
"""So many records of a series are looked at for one that came late, of another leg; of snapshots, which are large, fewer."""
_DELTA, _SNAPSHOT, _BOOK, _DIGEST = range(4)


class _Item(NamedTuple):
    """Something at an id. Sorts by its place in the order of ids."""

    last_id: int
    rank: int
    source: int
    number: int
    body: Change | Whole | str
    recv_ns: int
    file: Path


class BooksFound(NamedTuple):
    """What came of one symbol's day: its row, None where there was nothing to rebuild; and of the deltas asked for, whether they
    changed the best levels (those of which nobody can say are left out)."""

    row: BookRow | None
    changed: dict[int, bool]


def check_books(
    days: Mapping[str, SeriesDay], digests: Iterable[tuple[int, int, str]], wanted: Iterable[int], outcome: Outcome
) -> BooksFound:
    """Rebuild the books of one symbol and day.

    Args:
        days: by kind; that of its deltas is among them.
        digests: (ns, id, digest) that the recorder noted in the ledger of the deltas.
        wanted: last ids of deltas that are to be looked at.
        outcome: takes the problems.
    """
    delta = days[Kind.DELTA]
    spec = spec_of(delta)
    if spec is None or spec.book_rules is None or delta.only:
        return BooksFound(None, {})
    check = _Check(days, spec, outcome)
    began = process_time()
    try:
        check.run(digests, frozenset(wanted))
    except (ArchiveError, FileNotFoundError, ValueError) as fault:  # what is damaged is named by the day's own check
        check.unread = str(fault)
    check.tell()
    return BooksFound(check.row(process_time() - began), check.changed)


class _Check:
    def __init__(self, days: Mapping[str, SeriesDay], spec: VenueSpec, outcome: Outcome) -> None:
        assert spec.book_rules is not None, "asked of venues that have deltas"
        self.changed: dict[int, bool] = {}
        self.unread: str | None = None
        self._days = days
        self._day = days[Kind.DELTA]
        self._spec = spec
        self._outcome = outcome
        self._rebuild = Rebuild(spec.book_rules, most=spec.rest.book_levels)
        self._numbers = count()
        self._seen: dict[int, Counter[Verdict]] = {source: Counter() for source in (_SNAPSHOT, _BOOK, _DIGEST)}
        self._differences: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._deltas = self._skipped = 0

    def run(self, digests: Iterable[tuple[int, int, str]], wanted: frozenset[int]) -> None:
        ledger = self._day.manifest_path if look(self._day.manifest_path) is not None else self._day.ledger
        noted = [_Item(last_id, 3, _DIGEST, next(self._numbers), digest, ns, ledger) for ns, last_id, digest in digests]
        sources = [*self._sources(), sorted(noted)]
        for item in heapq.merge(*sources):
            self._take(item, wanted)

    def tell(self) -> None:
        """Name what differed."""
        for (kind, file, minute), (detail, times) in self._differences.items():
            more = f"; {times} of this minute differ" if times > 1 else ""
            self._outcome.problem(file, kind, f"{minute}: {detail}{more}", count=times)

    def row(self, seconds: float) -> BookRow:
        books, digests, snapshots = (self._seen[source] for source in (_BOOK, _DIGEST, _SNAPSHOT))
        return BookRow(
            venue=self._spec.name,
            symbol=self._day.symbol,
            day=self._day.day,
            records=books.total(),
            proven=books[Verdict.PROVEN],
            differs=books[Verdict.DIFFERS],
            unprovable={str(each): books[each] for each in (Verdict.NO_BOOK, Verdict.BETWEEN, Verdict.BEYOND) if books[each]},
            deltas=self._deltas,
            applied=self._rebuild.applied,
            holes=self._rebuild.holes,
            snapshots=self._rebuild.snapshots,
            snapshots_proven=snapshots[Verdict.PROVEN],
            digests=digests.total(),
            digests_proven=digests[Verdict.PROVEN],
            skipped=self._skipped,
            unread=self.unread,
            seconds=round(seconds, 3),
        )

    # -- judging ----------------------------------------------------------------------------------------------------

    def _take(self, item: _Item, wanted: frozenset[int]) -> None:
        rebuild, body = self._rebuild, item.body
        if item.source == _DELTA:
            assert isinstance(body, Change), "made so"
            self._deltas += 1
            before = rebuild.top() if body.last_id in wanted else None
            verdict = rebuild.delta(body)
            if before is not None and (after := rebuild.top()) is not None:
                self.changed[body.last_id] = before != after
            if verdict is not None:
                self._note(_SNAPSHOT, verdict, item, "snapshot-differs", "a snapshot and the deltas before it give other books")
            return
        if item.source == _SNAPSHOT:
            assert isinstance(body, Whole), "made so"
            if (verdict := rebuild.snapshot(body)) is Verdict.DIFFERS:
                self._note(_SNAPSHOT, verdict, item, "snapshot-differs", "a snapshot is not the book that the deltas give")
            return
        if isinstance(body, str):
            verdict = rebuild.check_digest(item.last_id, body)
            self._note(_DIGEST, verdict, item, "digest-differs", "the recorder's own book was another one")
            return
        assert isinstance(body, Whole), "made so"
        self._note(_BOOK, rebuild.check(body), item, "book-differs", "the recorded book is not what snapshot and deltas give")

    def _note(self, source: int, verdict: Verdict, item: _Item, kind: str, what: str) -> None:
        self._seen[source][verdict] += 1
        if verdict is not Verdict.DIFFERS:
            return
        minute = f"{iso_of(item.recv_ns)[:10]} {minute_of(item.recv_ns).replace('-', ':')}"
        key = (kind, str(item.file), minute)
        where = f": {self._rebuild.difference}" if self._rebuild.difference is not None else ""
        detail, times = self._differences.get(key, (f"id {item.last_id}: {what}{where}", 0))
        self._differences[key] = (detail, times + 1)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _sources(self) -> list[Iterator[_Item]]:
        """Deltas, snapshots and books, each in the order of ids."""
        start_ns = day_start_ns(self._day.day)
        end_ns = start_ns + DAY_NS
        whole_days = [day for kind in (Kind.DELTA, Kind.SNAPSHOT) for day in self._around(kind)]
        begin = book_start(whole_days, start_ns - 1)
        from_ns = start_ns if begin is None else begin.recv_ns
        rules = self._spec.book_rules
        assert rules is not None, "asked of venues that have deltas"
        deltas = self._read(Kind.DELTA, _DELTA, changes_of, 1, from_ns - _ASKED_NS, end_ns + _OVER_NS)
        snapshots = self._read(Kind.SNAPSHOT, _SNAPSHOT, wholes_of, 2 if rules.joins_after else 0, from_ns, end_ns)
        books = self._read(Kind.ORDERBOOK, _BOOK, wholes_of, 3, start_ns, end_ns)
        return [_in_order(deltas, _WINDOW), _in_order(snapshots, _FEW), _in_order(books, _WINDOW)]

    def _around(self, kind: str) -> list[SeriesDay]:
        """The day before, the day, the day after; what is not there is empty."""
        day = self._days.get(kind) or msgspec.structs.replace(
            self._day, directory=self._day.directory.with_name(str(kind)), kind=str(kind)
        )  # a snapshot of the day before will do
        return [msgspec.structs.replace(day, day=each) for each in (day_of(day_start_ns(day.day) - 1), day.day, next_day(day.day))]

    def _read(
        self, kind: str, source: int, make: Callable[[Rows], Sequence[Change | Whole]], rank: int, from_ns: int, to_ns: int
    ) -> Iterator[_Item]:
        records = BookRecords(self._spec, kind)
        if not records.is_known:
            return
        for block in read_blocks(self._around(kind), start_ns=from_ns, end_ns=to_ns):
            for rows in records.rows(block):
                for body, recv_ns in zip(make(rows), rows.columns["recv_ns"].tolist(), strict=True):
                    last_id = body.last_id if isinstance(body, Change) else body.update_id
                    yield _Item(last_id, rank, source, next(self._numbers), body, recv_ns, block.stretch.path)
            self._skipped += records.skipped
            records.skipped = 0


def _in_order(items: Iterable[_Item], window: int) -> Iterator[_Item]:
    """By id, as far as nothing comes more than `window` records late."""
    heap: list[_Item] = []
    for item in items:
        if len(heap) < window:
            heapq.heappush(heap, item)
        else:
            yield heapq.heappushpop(heap, item)
    while heap:
        yield heapq.heappop(heap)
