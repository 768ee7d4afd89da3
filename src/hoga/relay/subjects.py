"""relay.subjects: what is said over NATS: streams, subjects, headers, ids, the parts of a file, questions and answers. Pure.

    hoga.segments.COLLECTOR   stream HOGA_SEGMENTS: one message is one part of one file, as its bytes lie on disk
    hoga.live.COLLECTOR       stream HOGA_LIVE: chunks of one journal, as they lie on disk
    hoga.ask.COLLECTOR        request and reply: who are you, which days have you, what have you of one, send that file again

A file comes as `FileHead` and numbered parts (`cut`), each of which tells all of it: any of them may come first, twice, or late
(`read_part` opens one, `Gathered` counts them, `put_together` proves what they make). What grows (a ledger) comes as the lines that are
new: `offset` says where in the file they begin, and everything else in the head is of these lines.

The payload of a live message is the beginning of a journal file without its middle: where one of its chunks is a KEY the journal's
own head (magic, length, CRC, the table of streams) comes first, then whole chunks. `LiveHead.legs` says which leg is which connection.

What others may send on these subjects is their affair: whatever is not understood raises `ForeignMessage`, in one line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.core.errors import HogaError

__all__ = [
    "FORMAT",
    "LIVE",
    "MESSAGE_ID",
    "PART_BYTES",
    "SEGMENTS",
    "Answer",
    "AskDay",
    "AskDays",
    "AskFile",
    "AskWho",
    "DayAnswer",
    "DaysAnswer",
    "Fault",
    "FileAnswer",
    "FileHead",
    "FileKind",
    "ForeignMessage",
    "Gathered",
    "Leg",
    "Listed",
    "LiveHead",
    "Part",
    "Question",
    "StreamShape",
    "WhoAnswer",
    "answer_of",
    "ask_subject",
    "collector_fault",
    "collector_of",
    "cut",
    "encode",
    "file_fault",
    "head_of",
    "live_headers",
    "live_subject",
    "part_bytes",
    "put_together",
    "question_of",
    "read_live",
    "read_part",
    "segments_subject",
    "url_fault",
]

FORMAT = 1
"""Of all that is said here. A message of another is not read."""
MESSAGE_ID = "Nats-Msg-Id"
"""By which the server knows a message that it has had in the last two minutes."""
PART_BYTES = 1_000_000
"""A part of a file has no more bytes."""

_HEADER_ROOM = 8192
"""What the headers of a message may need of the server's `max_payload`."""
_LEAST_PART = 1024
_MOST_PARTS = 10_000_000
_LONGEST_FILE = 2000

_COLLECTOR = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_SUBJECT = re.compile(r"hoga\.(segments|live|ask)\.([A-Za-z0-9_-]{1,32})\Z")
_DIGITS = re.compile(r"[0-9]{1,18}\Z")
_CRC = re.compile(r"[0-9a-f]{8}\Z")
_SHA = re.compile(r"[0-9a-f]{64}\Z")
_SESSION = re.compile(r"[0-9a-f]{1,32}\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


class ForeignMessage(HogaError):
    """A message on our subjects that is none of ours, is of another format, or does not hold what it says."""


class StreamShape(NamedTuple):
    """A stream of JetStream as it has to be. `max_bytes` None: as much as the server has."""

    name: str
    subjects: tuple[str, ...]
    in_memory: bool
    max_age_s: int
    max_bytes: int | None
    duplicate_window_s: int


SEGMENTS = StreamShape("HOGA_SEGMENTS", ("hoga.segments.*",), False, 2 * 86_400, None, 120)
"""Sealed files and ledger lines, on disk, for two days: whoever was away longer asks the collectors."""
LIVE = StreamShape("HOGA_LIVE", ("hoga.live.*",), True, 120, 256 << 20, 120)
"""Journal chunks, in memory, for two minutes and no more than so many bytes: the oldest go first."""


class FileKind(StrEnum):
    """What a file is to the archive."""

    SEGMENT = "segment"
    LEDGER = "ledger"
    DAY = "day"
    MANIFEST = "manifest"
    OTHER = "other"


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a part says of its file. `file`: relative to the data root, with `/`. `bytes`, `crc32` and `sha256` are of all that is sent:
    of a ledger the lines from `offset` on, of anything else the whole file (`offset` 0)."""

    collector: str
    file: str
    kind: FileKind
    bytes: int
    crc32: int
    sha256: str
    offset: int = 0


class Part(NamedTuple):
    """Part `number` (from 1) of so many: `payload` is what `head` tells of from byte `at` on."""

    head: FileHead
    number: int
    of: int
    at: int
    payload: bytes


class Leg(msgspec.Struct, frozen=True, array_like=True):
    """Leg `leg` of a journal is epoch `epoch` of connection `conn`."""

    leg: int
    conn: str
    epoch: int


class LiveHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a live message says of itself.

    `session` and `seq`: messages of one session are numbered without a break, over all its journals: a number that is missing was lost.
    `journal`: which file the chunks are of; each is one stream of chunks of its own. `sent_ns`: by the collector's clock. `legs`: where the
    message has a KEY, the legs as they were before it, else None.
    """

    collector: str
    session: str
    seq: int
    journal: str
    sent_ns: int
    legs: list[Leg] | None = None


class AskWho(msgspec.Struct, frozen=True, tag_field="ask", tag="who"):
    """Who is there?"""


class AskDay(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="ask", tag="day"):
    """What is there of a day (`2026-11-29`)? Answers are as long as a message may be; `after`: the `next` of the answer before."""

    day: str
    after: str = ""


class AskFile(msgspec.Struct, frozen=True, tag_field="ask", tag="file"):
    """Send that file again, on the segments lane."""

    file: str


class AskDays(msgspec.Struct, frozen=True, tag_field="ask", tag="days"):
    """Which days have you anything of? A relay of before this question answers that it does not understand it."""


Question = AskWho | AskDay | AskFile | AskDays


class WhoAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="who"):
    """`version`: hoga's. `session`: of this life of the relay, which began at `since_ns`. `settled`: it found no other of its name
    when it began."""

    collector: str
    version: str
    session: str
    since_ns: int
    settled: bool = True
    format: int = FORMAT


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a day. `crc32`, `sha256`: of its bytes, None where nobody read them for this answer (a sealed file never changes: name
    and size tell it). `folded`: a ledger that is no file any more, all of it is in the manifest: who has lines of this size and CRC,
    and every segment that they name, has all of the day."""

    file: str
    kind: FileKind
    bytes: int
    crc32: int | None = None
    sha256: str | None = None
    folded: bool = False


class DayAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="answer", tag="day"):
    """Files of a day, by name. `next`: there are more behind that one; None when these are the last."""

    collector: str
    day: str
    files: list[Listed]
    next: str | None = None


class DaysAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="days"):
    """`days`: of which a collector has anything, by date. `whole`: that is all of them, as far as can be read."""

    collector: str
    days: list[str]
    whole: bool = True


class FileAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="file"):
    """`sent`: the file is on the segments lane again, acknowledged. `why` not, else None."""

    collector: str
    file: str
    sent: bool
    why: str | None = None


class Fault(msgspec.Struct, frozen=True, tag_field="answer", tag="fault"):
    """The question was not understood."""

    why: str


Answer = WhoAnswer | DayAnswer | DaysAnswer | FileAnswer | Fault

_encoder = msgspec.json.Encoder()
_question_decoder = msgspec.json.Decoder(Question)
_answer_decoder = msgspec.json.Decoder(Answer)
_legs_decoder = msgspec.json.Decoder(list[Leg])


# -- names ------------------------------------------------------------------------------------------------------------


def collector_fault(name: str) -> str | None:
    """Why this cannot be a collector's name on a subject, None when it can."""
    if not name:
        return "no name: a collector that sends needs one (COLLECTOR)"
    return None if _COLLECTOR.match(name) else f"{name!r}: expected letters, digits, - and _, at most 32 of them"


def segments_subject(collector: str) -> str:
    """Where the files of a collector are sent."""
    return f"hoga.segments.{collector}"


def live_subject(collector: str) -> str:
    """Where the chunks of a collector are sent."""
    return f"hoga.live.{collector}"


def ask_subject(collector: str) -> str:
    """Where a collector is asked."""
    return f"hoga.ask.{collector}"


def collector_of(subject: str) -> str:
    """Whose subject it is. Raises ForeignMessage when it is none of ours."""
    hit = _SUBJECT.match(subject)
    if hit is None:
        raise ForeignMessage(f"subject {_shown(subject)}: expected hoga.segments, hoga.live or hoga.ask, and a collector's name")
    return hit[2]


def file_fault(file: str) -> str | None:
    """Why this cannot be the name of a file below a data root, None when it can."""
    if not file or len(file.encode(errors="surrogatepass")) > _LONGEST_FILE:
        return "no name" if not file else "the name is longer than any of the archive's"
    if "\0" in file or "\\" in file or any(part in ("", ".", "..") for part in file.split("/")):
        return "expected a path below the data root, with / between its parts, and no . or .. among them"
    return None


def url_fault(text: str) -> str | None:
    """Why this is no NATS_URL, None when it is one. What is secret in it is not repeated."""
    for url in text.split(","):
        try:
            parts = urlsplit(url.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            return "expected nats://HOST:PORT or tls://HOST:PORT"
        if parts.username is not None or parts.password is not None:
            return "credentials do not belong in an address: set NATS_USER and NATS_PASSWORD, NATS_TOKEN or NATS_CREDS in the environment"
        if parts.scheme not in ("nats", "tls") or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            return "expected nats://HOST:PORT or tls://HOST:PORT, several separated by commas"
    return None


# -- files in parts ---------------------------------------------------------------------------------------------------


def part_bytes(max_payload: int) -> int:
    """How large a part may be where the server takes messages of `max_payload` bytes, headers included. Raises ValueError when that is
    too little for any."""
    room = max_payload - _HEADER_ROOM
    if room < _LEAST_PART:
        raise ValueError(f"the server takes messages of {max_payload} bytes: its max_payload must be {_HEADER_ROOM + _LEAST_PART} or more")
    return min(room, PART_BYTES)


def head_of(collector: str, file: str, kind: FileKind, content: bytes, *, offset: int = 0) -> FileHead:
    """The head of what is in memory."""
    digest = hashlib.sha256(content).hexdigest()
    return FileHead(collector=collector, file=file, kind=kind, bytes=len(content), crc32=crc32(content), sha256=digest, offset=offset)


def cut(head: FileHead, size: int, *, again: str = "") -> Iterator[tuple[dict[str, str], int, int]]:
    """The messages of a file in parts of `size` bytes: (headers, at, length), of which the payload is `length` bytes from `at` on.

    `again`: makes the ids differ from those of the same file before, so that the server takes it once more.
    """
    count = max(1, -(-head.bytes // size))
    shared = {
        "Hoga-Format": str(FORMAT),
        "Hoga-Collector": head.collector,
        "Hoga-File": quote(head.file, safe="/", errors="surrogatepass"),
        "Hoga-Kind": head.kind.value,
        "Hoga-Bytes": str(head.bytes),
        "Hoga-Crc32": f"{head.crc32:08x}",
        "Hoga-Sha256": head.sha256,
        "Hoga-Offset": str(head.offset),
    }
    file = hashlib.sha256(head.file.encode(errors="surrogatepass")).hexdigest()[:24]
    whole = f"{head.collector} {file} {head.offset} {shared['Hoga-Crc32']}"
    for number in range(1, count + 1):
        at = (number - 1) * size
        own = {"Hoga-Part": f"{number}/{count}", "Hoga-At": str(at), MESSAGE_ID: f"{whole} {number}/{count}{again}"}
        yield shared | own, at, min(size, head.bytes - at)


def read_part(subject: str, headers: Mapping[str, str] | None, payload: bytes) -> Part:
    """A message of the segments lane. Raises ForeignMessage when it is none, or does not hold together."""
    collector = collector_of(subject)
    said = _Headers(subject, headers)
    head = FileHead(
        collector=said.collector(collector),
        file=said.file(),
        kind=said.kind(),
        bytes=said.number("Hoga-Bytes"),
        crc32=int(said.text("Hoga-Crc32", _CRC), 16),
        sha256=said.text("Hoga-Sha256", _SHA),
        offset=said.number("Hoga-Offset"),
    )
    number, count = said.part()
    at = said.number("Hoga-At")
    is_last = number == count
    if at + len(payload) > head.bytes or is_last != (at + len(payload) == head.bytes) or (number == 1) != (at == 0):
        raise said.foreign(f"part {number} of {count} has {len(payload)} bytes from {at} on, of {head.bytes}")
    if not payload and head.bytes:
        raise said.foreign(f"part {number} of {count} is empty")
    if head.offset and head.kind is not FileKind.LEDGER:
        raise said.foreign(f"a {head.kind.value} that begins at {head.offset}")
    return Part(head, number, count, at, payload)


class Gathered:
    """Which parts of one file are there. Keeps no bytes: these are the caller's."""

    def __init__(self, head: FileHead, count: int) -> None:
        self.head = head
        self.count = count
        self._spans: dict[int, tuple[int, int]] = {}

    def take(self, part: Part) -> bool:
        """Whether the part is new. Raises ForeignMessage when it is none of this file's, or covers what another one does."""
        if part.head != self.head or part.of != self.count:
            raise ForeignMessage(f"{_shown(part.head.file)}: a part of another content under the same name")
        span = (part.at, part.at + len(part.payload))
        known = self._spans.get(part.number)
        if known is not None and known != span:
            raise ForeignMessage(f"{_shown(part.head.file)}: part {part.number} came twice and differs")
        self._spans[part.number] = span
        if self.whole and not self._fits():
            self._spans.clear()
            raise ForeignMessage(f"{_shown(part.head.file)}: its {self.count} parts do not make one file")
        return known is None

    @property
    def whole(self) -> bool:
        """Whether every part is there."""
        return len(self._spans) == self.count

    @property
    def missing(self) -> list[int]:
        """The numbers of the parts that are not there."""
        return [number for number in range(1, self.count + 1) if number not in self._spans]

    def _fits(self) -> bool:
        at = 0
        for number in range(1, self.count + 1):
            begin, end = self._spans[number]
            if begin != at:
                return False
            at = end
        return at == self.head.bytes


def put_together(parts: Iterable[Part]) -> bytes:
    """The content that parts make, in any order, some perhaps twice. Raises ForeignMessage when one is missing, or it is not what was
    sent."""
    by_number: dict[int, Part] = {}
    gathered: Gathered | None = None
    for part in parts:
        gathered = gathered or Gathered(part.head, part.of)
        gathered.take(part)
        by_number[part.number] = part
    if gathered is None:
        raise ForeignMessage("there are no parts")
    if not gathered.whole:
        raise ForeignMessage(f"{_shown(gathered.head.file)}: parts {gathered.missing[:5]} are missing")
    content = b"".join(by_number[number].payload for number in sorted(by_number))
    head = gathered.head
    if crc32(content) != head.crc32 or hashlib.sha256(content).hexdigest() != head.sha256:
        raise ForeignMessage(f"{_shown(head.file)}: the bytes are not what was sent")
    return content


# -- live -------------------------------------------------------------------------------------------------------------


def live_headers(head: LiveHead) -> dict[str, str]:
    """The headers of a live message."""
    headers = {
        "Hoga-Format": str(FORMAT),
        "Hoga-Collector": head.collector,
        "Hoga-Session": head.session,
        "Hoga-Seq": str(head.seq),
        "Hoga-Journal": quote(head.journal, safe="/", errors="surrogatepass"),
        "Hoga-Sent-Ns": str(head.sent_ns),
    }
    if head.legs is not None:
        headers["Hoga-Legs"] = quote(_encoder.encode(head.legs), safe='[],"/ ')
    return headers


def read_live(subject: str, headers: Mapping[str, str] | None) -> LiveHead:
    """The head of a live message. Raises ForeignMessage when it is none."""
    said = _Headers(subject, headers)
    legs = said.found.get("Hoga-Legs")
    try:
        decoded = None if legs is None else _legs_decoder.decode(unquote(legs))
    except msgspec.MsgspecError as fault:
        raise said.foreign("Hoga-Legs is no list of legs") from fault
    return LiveHead(
        collector=said.collector(collector_of(subject)),
        session=said.text("Hoga-Session", _SESSION),
        seq=said.number("Hoga-Seq"),
        journal=said.file("Hoga-Journal"),
        sent_ns=said.number("Hoga-Sent-Ns", _DIGITS_NS),
        legs=decoded,
    )


# -- questions --------------------------------------------------------------------------------------------------------


def encode(said: Question | Answer) -> bytes:
    """A question or an answer as a payload."""
    return _encoder.encode(said)


def question_of(payload: bytes) -> Question:
    """Raises ForeignMessage when it is no question of ours."""
    try:
        question: Question = _question_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise ForeignMessage(f"{_shown(payload)}: expected one of the questions who, day and file") from fault
    if isinstance(question, AskDay) and not _DAY.match(question.day):
        raise ForeignMessage(f"day {_shown(question.day)}: expected a day as 2026-11-29")
    if isinstance(question, AskFile) and (why := file_fault(question.file)) is not None:
        raise ForeignMessage(f"file {_shown(question.file)}: {why}")
    return question


def answer_of(payload: bytes) -> Answer:
    """Raises ForeignMessage when it is no answer of ours."""
    try:
        answer: Answer = _answer_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise ForeignMessage(f"{_shown(payload)}: expected an answer of a relay") from fault
    if isinstance(answer, WhoAnswer) and answer.format != FORMAT:
        who = f"the relay of {_shown(answer.collector)} (hoga {_shown(answer.version)})"
        raise ForeignMessage(f"{who} speaks format {answer.format}, and this hoga {FORMAT}: one of them is of another version")
    return answer


# -- what arrives -----------------------------------------------------------------------------------------------------

_DIGITS_NS = re.compile(r"[0-9]{1,19}\Z")


class _Headers:
    """Headers of a message, looked at with distrust."""

    def __init__(self, subject: str, headers: Mapping[str, str] | None) -> None:
        self.subject = subject
        self.found: Mapping[str, Any] = headers or {}
        found = self.found.get("Hoga-Format")
        if found is None:
            raise self.foreign("no Hoga-Format: somebody else's message")
        if found != str(FORMAT):
            raise self.foreign(f"format {_shown(found)}, and this hoga reads {FORMAT}: another version sent it")

    def foreign(self, why: str) -> ForeignMessage:
        return ForeignMessage(f"{_shown(self.subject)}: {why}")

    def text(self, name: str, form: re.Pattern[str]) -> str:
        found = self.found.get(name)
        if not isinstance(found, str) or not form.match(found):
            raise self.foreign(f"{name} is {_shown(found)}")
        return found

    def number(self, name: str, form: re.Pattern[str] = _DIGITS) -> int:
        return int(self.text(name, form))

    def collector(self, expected: str) -> str:
        found = self.text("Hoga-Collector", _COLLECTOR)
        if found != expected:
            raise self.foreign(f"collector {found} on another's subject")
        return found

    def file(self, name: str = "Hoga-File") -> str:
        found = self.found.get(name)
        file = unquote(found, errors="surrogatepass") if isinstance(found, str) else ""
        if (why := file_fault(file)) is not None:
            raise self.foreign(f"{name} {_shown(found)}: {why}")
        return file

    def kind(self) -> FileKind:
        found = self.found.get("Hoga-Kind")
        try:
            return FileKind(found)  # type: ignore[arg-type] # None is none of them
        except ValueError:
            raise self.foreign(f"Hoga-Kind is {_shown(found)}") from None

    def part(self) -> tuple[int, int]:
        number, slash, count = str(self.found.get("Hoga-Part")).partition("/")
        if not (slash and _DIGITS.match(number) and _DIGITS.match(count) and 1 <= int(number) <= int(count) <= _MOST_PARTS):
            raise self.foreign(f"Hoga-Part is {_shown(self.found.get('Hoga-Part'))}, expected 1/1")
        return int(number), int(count)


def _shown(found: object) -> str:
    """Whatever came, short and in one line."""
    text = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
    text = ascii(text)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."
