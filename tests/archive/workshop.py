"""Archives made for the tests: small days of two or three minutes, with a ledger that is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from hoga.archive.form.layout import segment_stem, suffix_of
from hoga.archive.form.ledger import GapEntry, LedgerEntry, LiveEntry, SegmentEntry, append_entries
from hoga.archive.form.segment import SegmentBuilder
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import split_lines
from hoga.archive.read.reader import read_blocks
from hoga.core.ledger import Gap
from hoga.core.times import MINUTE_NS, day_start_ns

DAY = "2026-11-20"
SYMBOL = "BTCUSDT"


def read_records(target: Path | Iterable[SeriesDay], **which: Any) -> Iterator[bytes]:
    """The lines of `read_blocks`."""
    for block in read_blocks(target, **which):
        yield from split_lines(block.text)


def envelope(recv_ns: int, payload: bytes) -> bytes:
    return b'{"recvNs":%d,"eventTime":null,"timeSource":null,"latencyMs":null,"epoch":1,"conn":"binance-1",' % recv_ns + payload[1:] + b"\n"


def agg_trade(recv_ns: int, number: int) -> bytes:
    return envelope(recv_ns, b'{"e":"aggTrade","s":"BTCUSDT","a":%d,"p":"97962.29","q":"0.5","f":1,"l":2,"m":true}' % number)


def delta(recv_ns: int, first: int, last: int) -> bytes:
    return envelope(recv_ns, b'{"e":"depthUpdate","s":"BTCUSDT","U":%d,"u":%d,"b":[["97962.29","1.0"]],"a":[]}' % (first, last))


def book(recv_ns: int, number: int, *, bids: str = '[["97962.29","1.5"],["97962.20","2"]]', asks: str = '[["97962.30","3"]]') -> bytes:
    return envelope(recv_ns, b'{"lastUpdateId":%d,"bids":%b,"asks":%b}' % (number, bids.encode(), asks.encode()))


class Workshop:
    """Makes one series' day in its temporary folder, segment by segment."""

    def __init__(self, directory: Path, kind: str, *, symbol: str = SYMBOL, day: str = DAY, archive_format: str = "zip") -> None:
        self.directory, self.kind, self.symbol, self.day, self.archive_format = directory, kind, symbol, day, archive_format
        self.folder = SeriesDay(directory, symbol, kind, day).folder
        self.ledger = SeriesDay(directory, symbol, kind, day).ledger
        self.text: dict[tuple[str, int], bytes] = {}
        self.start_ns = day_start_ns(day)
        self.gaps = 0

    def minute_ns(self, minute: str) -> int:
        return self.start_ns + (int(minute[:2]) * 60 + int(minute[3:])) * MINUTE_NS

    def seal(
        self,
        minute: str,
        lines: Iterable[bytes],
        *,
        part: int = 1,
        ids: Iterable[int] = (),
        told: bool = True,
        source: str = "",
        **fields: object,
    ) -> Path:
        lines, ids = list(lines), list(ids)
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = segment_stem(self.symbol, self.kind, self.day, minute, part=part)
        path = self.folder / (stem + suffix_of(self.archive_format))
        builder = SegmentBuilder(self.archive_format)
        for line in lines:
            builder.add(line, 1)
        times = [int(line[10:29]) for line in lines]
        entry = SegmentEntry(
            journal=f"{minute}.{part}",
            at=1,
            file=path.name,
            minute=minute,
            part=part,
            records=len(lines),
            bytes=0,
            crc32=0,
            archive_bytes=0,
            first_recv_ns=times[0],
            last_recv_ns=times[-1],
            received=len(lines),
            first_id=min(ids, default=None),
            last_id=max(ids, default=None),
            streams=[f"{self.symbol.lower()}@x"],
        )
        entry = msgspec.structs.replace(entry, **fields)
        note = msgspec.json.encode({"sources": [source or f"{minute}.{part}"], "entry": entry})
        pieces, facts = builder.build(f"{stem}.jsonl", note, self.minute_ns(minute))
        path.write_bytes(b"".join(pieces))
        self.text[minute, part] = b"".join(lines)
        if told:
            sized = msgspec.structs.replace(entry, bytes=facts.bytes, crc32=facts.crc32, archive_bytes=facts.archive_bytes)
            live = LiveEntry(journal=f"{minute}.{part}", at=2, from_ns=self.minute_ns(minute), to_ns=self.minute_ns(minute) + MINUTE_NS)
            self.tell(sized, live)
        return path

    def tell(self, *entries: LedgerEntry) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        append_entries(self.ledger, entries, durable=False)

    def tell_gap(self, gap: Gap) -> None:
        self.gaps += 1
        self.tell(GapEntry(journal="gaps", at=self.gaps, gap=gap))

    def all_text(self) -> bytes:
        return b"".join(self.text[key] for key in sorted(self.text))


MINUTES = ("13-15", "13-16", "13-17")


def fill_trades(shop: Workshop, *, minutes: Iterable[str] = MINUTES, per_minute: int = 40, first: int = 1000) -> Workshop:
    number = first
    for minute in minutes:
        start = shop.minute_ns(minute)
        ids = range(number, number + per_minute)
        shop.seal(minute, [agg_trade(start + index * 1_000_000_000 + 7, value) for index, value in enumerate(ids)], ids=ids)
        number += per_minute
    return shop


def fill_books(shop: Workshop, *, minutes: Iterable[str] = MINUTES, per_minute: int = 40) -> Workshop:
    number = 5000
    for minute in minutes:
        start = shop.minute_ns(minute)
        ids = [number + 10 * index for index in range(per_minute)]
        shop.seal(minute, [book(start + index * 1_000_000_000, value) for index, value in enumerate(ids)], ids=ids)
        number += 10 * per_minute
    return shop
