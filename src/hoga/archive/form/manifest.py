"""archive.form.manifest: what one day of one series holds and lacks, under a checksum of its own (`hoga-manifest/1`). Pure but for
`read_manifest`.

A manifest is JSON for people: one key a line, one segment, gap or connection a line. Its last key, `checksum`, is the
SHA-256 of all lines above it, so that a manifest changed by hand or by a bad disk is noticed.
"""

from __future__ import annotations

import builtins
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

from hoga._version import __version__
from hoga.archive.form.audit import Flaw
from hoga.archive.form.calendar import Shares, pieces_of, shares_of
from hoga.archive.form.deflate import crc32
from hoga.archive.form.healed import Healed
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, DigestEntry, GapEntry, HealedEntry, LedgerEntry, LiveEntry, SegmentEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, clipped, covered_ns, day_span, joined, without
from hoga.archive.form.store import read_name
from hoga.core.errors import ManifestMismatch
from hoga.core.ledger import COUNTED, Gap
from hoga.core.times import DAY_NS
from hoga.quality.incidents import Incident, incidents_of

__all__ = [
    "FORMAT",
    "ArchiveFile",
    "Clock",
    "CollectorRow",
    "Connection",
    "DayAccount",
    "Digest",
    "Filled",
    "FoldedLedger",
    "Manifest",
    "SegmentRow",
    "build_manifest",
    "counted_missed",
    "coverage_of",
    "coverage_since",
    "decode_manifest",
    "encode_manifest",
    "gaps_per_million",
    "happened",
    "read_manifest",
]

FORMAT = "hoga-manifest/1"


class ArchiveFile(msgspec.Struct, frozen=True, kw_only=True):
    """The day file: its name, size and SHA-256."""

    file: str
    bytes: int
    sha256: str


class SegmentRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One segment within the day.

    `records`, `bytes`, `crc32` and `offset` are of the day's JSONL; `archive_offset`, `archive_bytes` and
    `archive_crc32` are of the compressed bytes in the day file, which can be inflated on their own.
    """

    minute: str
    part: int
    records: int
    bytes: int
    crc32: int
    offset: int
    state: str
    archive_offset: int
    archive_bytes: int
    archive_crc32: int
    first_recv_ns: int | None
    last_recv_ns: int | None
    span_min: int = 1


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The last measured offset of the machine's clock; None when it was never measured."""

    offset_ms: float | None
    source: str | None


class Connection(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One epoch of one connection that fed the series."""

    from_ns: int
    conn: str
    epoch: int
    to_ns: int | None = None
    close: str | None = None


class Digest(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """What the book was that the recorder kept of these deltas, as `ledger.DigestEntry`."""

    ns: int
    id: int
    digest: str


class CollectorRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one collector had of a united day. `received`, `records`, `duplicates`, `unwritten` (frames that arrived and were not written)
    are its own count, `received` None where it is not known; `won`: how many of its records stayed, None where
    nobody can tell any more. `gaps`: how many it had; `recorded_ns`: how long it
    recorded without one."""

    name: str
    received: int | None
    records: int
    duplicates: int
    unwritten: int
    won: int | None
    gaps: int
    recorded_ns: int
    clock: Clock


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a gap of `collector`, for its `reason`, that is there all the same: those named in `by` were recording then."""

    from_ns: int
    to_ns: int
    collector: str
    reason: str
    by: tuple[str, ...]


class FoldedLedger(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the ledger file is in the manifest already: its first `bytes` bytes, which have this CRC-32."""

    bytes: int
    crc32: int

    def fresh_from(self, ledger: builtins.bytes) -> int:
        """Where in `ledger` the entries begin that are not in the manifest; 0 when it is another ledger file altogether."""
        view = memoryview(ledger)
        return self.bytes if len(view) >= self.bytes and crc32(view[: self.bytes]) == self.crc32 else 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """See docs/archive-format.md. `received` is None when a crash took the count of one segment (or nobody counted: classic ones).
    `converted`: the day file that a Parquet day was made of; of such a day `archive_offset` and `archive_bytes` of a segment count records,
    and `archive_crc32` is that of its text. `incidents`: what happened behind the gaps, None in manifests of before they were told.
    `flaws`: what was wrong with the account when the day was merged. `proven, unprovable, missing, reasons`: `calendar.Shares` of the day;
    None in manifests of before that was told, and where nobody kept an account. `healed`: the file of trades that were fetched
    afterwards, None without one. `digests`: of books that the recorder kept of these deltas, by time. `collectors`, `filled`: of a day
    that is the union of what several collectors had (`archive.union`); there `received` is what they received together. `absent`:
    collectors that may have had more of it and could not be asked when it was united. `beside`: of a day that is united again and again, by
    what else it was made: whose records are preferred, and the ends of the days beside it (`union.recording.beside_of`); else empty."""

    format: str
    venue: str
    stream: str
    symbol: str
    kind: str
    day: str
    records: int
    bytes: int
    sha256: str
    archive: ArchiveFile
    first_recv_ns: int | None
    last_recv_ns: int | None
    first_id: int | None
    last_id: int | None
    received: int | None
    duplicates: int
    reordered: int
    coverage: float
    proven: float | None = None
    unprovable: float | None = None
    missing: float | None = None
    reasons: dict[str, float] | None = None
    gaps_per_million: float
    clock: Clock
    hoga: str
    ledger: FoldedLedger
    segments: list[SegmentRow]
    gaps: list[Gap]
    live: list[Span]
    connections: list[Connection]
    incidents: list[Incident] | None = None
    flaws: list[Flaw] = []
    converted: ArchiveFile | None = None
    digests: list[Digest] = []
    healed: Healed | None = None
    collectors: list[CollectorRow] | None = None
    filled: list[Filled] = []
    absent: list[str] = []
    beside: str = ""

    @property
    def shares(self) -> Shares | None:
        """How much of the day is proven, recorded but unprovable, and missing; None where that was not told."""
        if self.proven is None or self.unprovable is None or self.missing is None or self.reasons is None:
            return None
        return Shares(proven=self.proven, unprovable=self.unprovable, missing=self.missing, reasons=self.reasons)


class DayAccount:
    """Adds up what ledgers (and an earlier manifest of the same day) say about one day. Feed it, then read it.

    The same gap, live span or connection told twice counts once. Segments are told by `file`: the last entry wins.
    """

    def __init__(self) -> None:
        self.segments: dict[str, SegmentEntry] = {}
        self.earlier: Manifest | None = None
        self.clock: ClockEntry | None = None
        self.healed: Healed | None = None
        self._gaps: set[Gap] = set()
        self._digests: set[Digest] = set()
        self._live: list[Span] = []
        self._earlier_ids: list[int | None] = []
        self._connections: dict[tuple[str, int, int], Connection] = {}
        self._unwritten: dict[tuple[str, int, str], SegmentEntry] = {}

    def add(self, entries: Iterable[LedgerEntry]) -> None:
        """Take the entries of a ledger."""
        for entry in entries:
            match entry:
                case SegmentEntry(file=""):
                    self._unwritten[entry.journal, entry.at, entry.minute] = entry
                case SegmentEntry():
                    self.segments[entry.file] = entry
                case GapEntry():
                    self._gaps.add(entry.gap)
                case LiveEntry():
                    self._live.append((entry.from_ns, entry.to_ns))
                case ConnectionEntry():
                    self._connect(
                        Connection(conn=entry.conn, epoch=entry.epoch, from_ns=entry.from_ns, to_ns=entry.to_ns, close=entry.close)
                    )
                case HealedEntry():
                    self.healed = entry.healed
                case DigestEntry():
                    self._digests.add(Digest(ns=entry.ns, id=entry.id, digest=entry.digest))
                case ClockEntry():
                    self.clock = entry if self.clock is None or entry.ns >= self.clock.ns else self.clock

    def add_earlier(self, manifest: Manifest) -> None:
        """Take over what an earlier manifest of the day says; its segments come before the ledgers'."""
        self.earlier = manifest
        self.healed = manifest.healed if self.healed is None else self.healed
        self._gaps.update(manifest.gaps)
        self._digests.update(manifest.digests)
        self._live.extend(manifest.live)
        for connection in manifest.connections:
            self._connect(connection)

    def note_earlier_ids(self, *ids: int | None) -> None:
        """Ids of what the earlier manifest holds, which it does not tell."""
        self._earlier_ids += ids

    def gaps(self) -> list[Gap]:
        """Every gap once, by time."""
        return sorted(self._gaps, key=lambda gap: (gap.from_ns, gap.to_ns, gap.reason, gap.from_id or 0, gap.missed or 0, gap.detail or ""))

    def digests(self) -> list[Digest]:
        """Of books that the recorder kept, each once, by time."""
        return sorted(self._digests)

    def live(self) -> list[Span]:
        """The spans in which the series was being recorded."""
        return joined(self._live)

    def connections(self) -> list[Connection]:
        """Every epoch of every connection, by start."""
        return [self._connections[key] for key in sorted(self._connections, key=lambda key: (key[2], key))]

    def received(self) -> int | None:
        """Frames that arrived; None when one count is unknown."""
        counts = [entry.received for entry in self._entries()] + ([self.earlier.received] if self.earlier else [])
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def duplicates(self) -> int:
        """Frames that were received and were there already."""
        return sum(entry.duplicates for entry in self._entries()) + (self.earlier.duplicates if self.earlier else 0)

    def reordered(self) -> int:
        """Frames that came out of the order of their ids."""
        return sum(entry.reordered for entry in self._entries()) + (self.earlier.reordered if self.earlier else 0)

    def streams(self) -> str:
        """The wire names that fed the series, joined by `,`."""
        names = {name for entry in self._entries() for name in entry.streams}
        if self.earlier is not None:
            names.update(filter(None, self.earlier.stream.split(",")))
        return ",".join(sorted(names))

    def ids(self) -> tuple[int | None, int | None]:
        """Smallest and largest venue id."""
        first = [entry.first_id for entry in self._entries()] + self._earlier_ids + ([self.earlier.first_id] if self.earlier else [])
        last = [entry.last_id for entry in self._entries()] + self._earlier_ids + ([self.earlier.last_id] if self.earlier else [])
        return (
            min((value for value in first if value is not None), default=None),
            max((value for value in last if value is not None), default=None),
        )

    def clock_reading(self) -> Clock:
        """The last measurement of the clock."""
        if self.clock is not None:
            return Clock(offset_ms=self.clock.offset_ms, source=self.clock.source)
        return self.earlier.clock if self.earlier is not None else Clock(offset_ms=None, source=None)

    def _entries(self) -> list[SegmentEntry]:
        return [*self.segments.values(), *self._unwritten.values()]

    def _connect(self, found: Connection) -> None:
        key = (found.conn, found.epoch, found.from_ns)
        known = self._connections.get(key)
        if known is None or known.to_ns is None:
            self._connections[key] = found


def coverage_of(live: Iterable[Span], gaps: Iterable[Gap], day: str) -> float:
    """How much of the UTC day was recorded: live time less gaps, 0..1, six digits."""
    spans = clipped(without(live, [(gap.from_ns, gap.to_ns) for gap in gaps]), day_span(day))
    return round(covered_ns(spans) / DAY_NS, 6)


def coverage_since(live: Iterable[Span], gaps: Iterable[Gap], day: str) -> float | None:
    """How much was recorded of the time from the first to the last live moment of the UTC day; None when there is none."""
    spans = clipped(live, day_span(day))
    if not spans or spans[-1][1] == spans[0][0]:
        return None
    kept = without(spans, [(gap.from_ns, gap.to_ns) for gap in gaps])
    return round(covered_ns(kept) / (spans[-1][1] - spans[0][0]), 6)


def gaps_per_million(gaps: int, records: int) -> float:
    """Gaps per million records, 0 when there are no records."""
    return round(gaps * 1_000_000 / records, 3) if records else 0.0


def happened(venue: str, gaps: Iterable[Gap]) -> list[Incident]:
    """The incidents behind the gaps of one series, by time."""
    return incidents_of(((venue, ""), gap) for gap in gaps)


def counted_missed(gaps: Iterable[Gap]) -> int:
    """Frames that arrived and were not written (reasons in `COUNTED`)."""
    return sum(gap.missed or 0 for gap in gaps if gap.reason in COUNTED)


def build_manifest(
    account: DayAccount,
    *,
    venue: str,
    day: SeriesDay,
    rows: list[SegmentRow],
    sha256: str,
    archive: ArchiveFile,
    ledger: FoldedLedger,
    flaws: Iterable[Flaw] = (),
    proving: Iterable[Span] | None = None,
) -> Manifest:
    """The manifest of a day from its account, its rows in file order, and what reading the day file back gave.

    `proving`: when ids prove what is recorded (`archive.form.recorded.proving_spans`); None: nobody kept an account that could be proven.
    """
    gaps, live = account.gaps(), account.live()
    flaws = sorted(set(flaws), key=lambda flaw: (flaw.from_ns, flaw.to_ns, flaw.kind, flaw.detail))
    pieces = None if proving is None else pieces_of(day_span(day.day), live=live, gaps=gaps, proving=proving, flaws=flaws)
    records = sum(row.records for row in rows)
    first_id, last_id = account.ids()
    stamped = [row for row in rows if row.first_recv_ns is not None]
    return Manifest(
        format=FORMAT,
        venue=venue,
        stream=account.streams(),
        symbol=day.symbol,
        kind=day.kind,
        day=day.day,
        records=records,
        bytes=sum(row.bytes for row in rows),
        sha256=sha256,
        archive=archive,
        first_recv_ns=stamped[0].first_recv_ns if stamped else None,
        last_recv_ns=stamped[-1].last_recv_ns if stamped else None,
        first_id=first_id,
        last_id=last_id,
        received=account.received(),
        duplicates=account.duplicates(),
        reordered=account.reordered(),
        coverage=coverage_of(live, gaps, day.day),
        **({} if pieces is None else msgspec.structs.asdict(shares_of(pieces))),
        gaps_per_million=gaps_per_million(len(gaps), records),
        clock=account.clock_reading(),
        hoga=__version__,
        ledger=ledger,
        segments=rows,
        gaps=gaps,
        live=live,
        connections=account.connections(),
        incidents=happened(venue, gaps),
        flaws=flaws,
        digests=account.digests(),
        healed=account.healed,
    )


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as it stands in its file."""
    lines = []
    for key, value in msgspec.structs.asdict(manifest).items():
        if (manifest.collectors is None and key in ("collectors", "filled")) or (key in ("absent", "beside") and not value):
            continue
        if isinstance(value, list) and value:
            items = ",\n    ".join(msgspec.json.encode(item).decode() for item in value)
            lines.append(f'  "{key}": [\n    {items}\n  ],\n')
        else:
            lines.append(f'  "{key}": {msgspec.json.encode(value).decode()},\n')
    text = ("{\n" + "".join(lines)).encode()
    return text + _checksum_line(text)


def decode_manifest(data: bytes) -> Manifest:
    """The manifest in `data`. Raises ValueError (msgspec's errors are such) when it is none, or its checksum is wrong."""
    at = data.rfind(b'  "checksum": "')
    if at < 0 or data[at:] != _checksum_line(data[:at]):
        raise ValueError("the manifest is not as it was signed")
    manifest = _decoder.decode(data)
    if manifest.format != FORMAT or Path(manifest.archive.file).name != manifest.archive.file:
        raise ValueError(f"no manifest of format {FORMAT}")
    for row in manifest.segments:
        if not _MINUTE.match(row.minute) or not 1 <= row.span_min <= 1440 or min(row.records, row.bytes, row.offset) < 0:
            raise ValueError(f"segment {row.minute!r} has figures that no segment has")
    return manifest


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in the file, None when there is no file.

    Raises ManifestMismatch when it is damaged, ArchiveError when it cannot be read.
    """
    try:
        return _decoded(read_name(path))
    except FileNotFoundError:
        return None
    except ValueError as fault:
        raise ManifestMismatch(path, str(fault)) from fault


@lru_cache(maxsize=2)
def _decoded(data: bytes) -> Manifest:
    """One day is asked for several times while it is read: its segments, its gaps. The same bytes say the same."""
    return decode_manifest(data)


_decoder = msgspec.json.Decoder(Manifest)
_MINUTE = re.compile(r"^([01]\d|2[0-3])-[0-5]\d$")


def _checksum_line(text: bytes) -> bytes:
    return f'  "checksum": "{hashlib.sha256(text).hexdigest()}"\n}}\n'.encode()
