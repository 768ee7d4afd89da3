"""Journals cut into live messages as a relay sends them, by code of their own: what a consumer hears can be held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import NamedTuple

from hoga.archive.form.chunks import read_packed
from hoga.archive.form.journal import JournalName, LegNote, journal_name, read_body
from hoga.archive.form.lanereader import LaneReader, said
from hoga.relay.subjects import Leg, LiveHead, live_headers, live_subject


class Message(NamedTuple):
    """As NATS hands it over."""

    subject: str
    headers: dict[str, str]
    payload: bytes


class Relay:
    """What one life of a relay sends of the journals that it is shown."""

    def __init__(self, collector: str = "tokyo", *, session: str = "a1", seq: int = 0) -> None:
        self.collector = collector
        self.session = session
        self.seq = seq
        self._readers: dict[tuple[str, int, str], tuple[LaneReader, dict[int, Leg]]] = {}

    def message(self, journal: str, payload: bytes, legs: list[Leg] | None = None, *, sent_ns: int = 0) -> Message:
        """The next one."""
        self.seq += 1
        head = LiveHead(collector=self.collector, session=self.session, seq=self.seq, journal=journal, sent_ns=sent_ns, legs=legs)
        return Message(live_subject(self.collector), live_headers(head), payload)

    def cut(self, folder: str, name: JournalName, data: bytes, *, size: Callable[[], int] = lambda: 1) -> Iterator[Message]:
        """A journal's messages, of `size()` chunks each."""
        file = BytesIO(data)
        assert read_body(file) is not None
        start = data[: file.tell()]
        reader, legs = self._readers.setdefault((folder, name.lane, name.session), (LaneReader(), {}))
        parts: list[bytes] = []
        told: list[Leg] | None = None
        left = size()
        while file.tell() < len(data):
            at = file.tell()
            packed = read_packed(file)
            if packed is None:
                break
            if packed.is_key and told is None:
                told = list(legs.values())
            chunk = reader.decode(packed)
            for _, _, _, note in said(chunk, ()) if chunk is not None else ():
                if isinstance(note, LegNote) and note.to_ns is None:
                    legs[note.leg] = Leg(note.leg, note.conn, note.epoch)
                elif isinstance(note, LegNote):
                    legs.pop(note.leg, None)
            parts.append(data[at : file.tell()])
            left -= 1
            if left <= 0:
                yield self._made(f"{folder}/{journal_name(name)}", parts, start, told)
                parts, told, left = [], None, size()
        if parts:
            yield self._made(f"{folder}/{journal_name(name)}", parts, start, told)

    def _made(self, journal: str, parts: list[bytes], start: bytes, legs: list[Leg] | None) -> Message:
        return self.message(journal, b"".join(parts) if legs is None else start + b"".join(parts), legs)
