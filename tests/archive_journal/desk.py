"""Journals made by hand, and the archive that comes of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hoga.archive.form.chunks import ChunkEncoder, columns
from hoga.archive.form.journal import (
    CONTROL,
    JOURNAL_DIR,
    CountsNote,
    EndNote,
    JournalHeader,
    JournalName,
    LegNote,
    LiveNote,
    Note,
    StreamEntry,
    encode_header,
    encode_note,
    journal_name,
)
from hoga.core.times import MINUTE_NS, SECOND_NS, day_of, minute_floor_ns, minute_of
from tests.recorder.workbench import NOON_NS, Archive, agg_trade, book, frame, stream

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")
ETH = stream("ETHUSDT", "depth20@100ms")
SESSION = f"{NOON_NS:x}"


class Desk:
    """Makes journals in `root/orderbook/temporary/journal`; series live in `root/<kind>`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "orderbook" / "temporary" / JOURNAL_DIR
        self.folder.mkdir(parents=True)
        self.archive = Archive(root)
        self.number = 0
        self.seq = 0
        self.encoder = ChunkEncoder(3)

    def chunk(self, *records: tuple[int, int, bytes]) -> bytes:
        self.seq += 1
        return self.encoder.encode(columns([item for record in records for item in record]), self.seq)

    def note(self, at_ns: int, note: Note) -> tuple[int, int, bytes]:
        return at_ns, CONTROL, encode_note(note)

    def header(self, start_ns: int, **fields: Any) -> JournalHeader:
        """A journal begins."""
        self.encoder.restart()
        streams = fields.pop("streams", (BOOK, TRADE, ETH))
        entries = [StreamEntry(stream=of, directory=f"../../../{of.kind}") for of in streams]
        known: dict[str, Any] = {
            "venue": "binance",
            "session": SESSION,
            "number": self.number,
            "lane": 0,
            "from_ns": start_ns,
            "minute_ns": minute_floor_ns(start_ns),
            "interval_min": 1,
            "archive_format": "zip",
            "aside_directory": "../../../aside",
            "streams": entries,
            "hoga": "0",
        }
        return JournalHeader(**{**known, **fields})

    def pieces(
        self, ids: Iterable[int], *, start_ns: int = NOON_NS, ended: bool = True, last: bool | None = None, **fields: Any
    ) -> tuple[JournalHeader, list[bytes]]:
        """The header, then the chunks: the opening notes, one for each id (a book of BTC, a trade, a book of ETH), the closing.

        `last`: it says at its end that it is complete, and whether recording ended with it.
        """
        ids = list(ids)
        self.number += 1
        header = self.header(start_ns, **fields)
        indices = list(range(len(header.streams)))
        chunks = [self.chunk(self.note(start_ns, LegNote(1, "binance-1", 1, start_ns, indices)))]
        for place, number in enumerate(ids):
            now = start_ns + place * SECOND_NS
            payloads = [frame(BOOK, book(number)), frame(TRADE, agg_trade(number)), frame(ETH, book(number))]
            chunks.append(self.chunk(*((now + index, index | 1 << 16, payloads[index]) for index in indices)))
        if ended:
            end_ns = header.minute_ns + MINUTE_NS
            notes: list[Note] = [CountsNote(index, len(ids), 0, 0) for index in indices]
            notes.append(LiveNote(indices, start_ns, end_ns))
            if last is not None:
                notes.append(EndNote(end_ns, last=last))
            chunks.append(self.chunk(*(self.note(end_ns, note) for note in notes)))
        return header, chunks

    def path(self, header: JournalHeader) -> Path:
        name = JournalName(header.lane, day_of(header.minute_ns), minute_of(header.minute_ns), header.session, header.number)
        return self.folder / journal_name(name)

    def journal(self, ids: Iterable[int], **fields: Any) -> Path:
        header, chunks = self.pieces(ids, **fields)
        path = self.path(header)
        path.write_bytes(encode_header(header) + b"".join(chunks))
        return path

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the archive, and what is in it."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and JOURNAL_DIR not in path.parts and not path.name.endswith(".lock")
        }
