"""relay.answers: what a relay answers on `hoga.ask.COLLECTOR`: who it is, of which days the disk has anything, what
it has of one, a file once more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from hoga._version import __version__
from hoga.archive.form.deflate import crc32
from hoga.archive.form.healed import healed_path
from hoga.archive.form.layout import parse_segment
from hoga.archive.form.manifest import decode_manifest
from hoga.archive.form.regular import read_regular
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.errors import ArchiveError
from hoga.relay.broker import BrokerFault, Received
from hoga.relay.folders import Folders, beside
from hoga.relay.segments import SegmentLane
from hoga.relay.standing import Standing, standing_of
from hoga.relay.status import RelayCounts
from hoga.relay.subjects import (
    Answer,
    AskDay,
    AskDays,
    AskFile,
    AskWho,
    DayAnswer,
    DaysAnswer,
    Fault,
    FileAnswer,
    FileKind,
    ForeignMessage,
    Listed,
    WhoAnswer,
    encode,
    question_of,
)
from hoga.runtime.logs import get_log

__all__ = ["Answers"]

_log = get_log("relay")

_ANSWER_BYTES = 500_000
"""A list of files goes on in another answer beyond this."""


class Answers:
    """Answers questions. `respond` is for `Broker.answer`."""

    def __init__(self, collector: str, session: str, since_ns: int, folders: Folders, lane: SegmentLane, counts: RelayCounts) -> None:
        self._who = WhoAnswer(collector=collector, version=__version__, session=session, since_ns=since_ns, settled=False)
        self._folders = folders
        self._lane = lane
        self._counts = counts

    @property
    def standing(self) -> Standing:
        """How this relay stands among those of its name."""
        return standing_of(self._who)

    def settle(self, *, settled: bool) -> None:
        """Whether the name is this relay's from now on."""
        self._who = msgspec.structs.replace(self._who, settled=settled)

    async def respond(self, asked: Received) -> bytes:
        """The answer to a message, whatever it is."""
        try:
            return encode(await self._answer(asked))
        except ForeignMessage as fault:
            self._counts.foreign += 1
            _log.warning("a question that is none of ours", subject=asked.subject, why=str(fault))
            return encode(Fault(str(fault)))

    async def _answer(self, asked: Received) -> Answer:
        question = question_of(asked.payload)
        if isinstance(question, AskWho):  # often by this relay itself: it is not counted
            return self._who
        self._counts.asked += 1
        if isinstance(question, AskFile):
            return await self._send(question)
        if isinstance(question, AskDays):
            days, whole = await asyncio.to_thread(self._folders.days)
            return DaysAnswer(collector=self._who.collector, days=days, whole=whole)
        try:
            files = await asyncio.to_thread(self._files, question)
        except (ArchiveError, OSError) as fault:  # half a list would pass for the whole of it
            return Fault(f"not everything of {question.day} can be read: {fault}")
        return _page(self._who.collector, question, files)

    async def _send(self, question: AskFile) -> FileAnswer:
        why = None
        try:
            await self._lane.send_again(question.file)
        except FileNotFoundError:
            why = "there is no such file"
        except (BrokerFault, ArchiveError, OSError) as fault:
            why = str(fault)
        return FileAnswer(collector=self._who.collector, file=question.file, sent=why is None, why=why)

    def _files(self, question: AskDay) -> list[Listed]:
        """Every file of the day, by name. Raises ArchiveError, OSError when there may be more than can be read."""
        series, lists = self._folders.day(question.day)
        found = [listed for day in series for listed in self._of_day(day)]
        for path in lists:
            name = self._folders.name_of(path)
            if name is not None and (size := _size(path)) is not None:
                found.append(Listed(file=name, kind=FileKind.OTHER, bytes=size))
        return sorted(found, key=lambda listed: listed.file)

    def _of_day(self, day: SeriesDay) -> list[Listed]:
        ledger = self._folders.name_of(day.ledger)
        assert ledger is not None, "it was found below the data root"
        try:
            text = read_regular(day.manifest_path)
        except FileNotFoundError:
            return self._of_open_day(day, ledger)
        try:
            manifest = decode_manifest(text)
        except ValueError as fault:
            raise ArchiveError(day.manifest_path, f"the manifest cannot be trusted: {fault}") from fault
        home = ledger.removesuffix(f"temporary/{day.stem}/{day.ledger.name}")
        archive, folded, healed = manifest.archive, manifest.ledger, manifest.healed
        beside(day.directory, archive.file)
        found = [
            Listed(file=f"{home}{day.manifest_path.name}", kind=FileKind.MANIFEST, bytes=len(text), crc32=crc32(text)),
            Listed(file=f"{home}{archive.file}", kind=FileKind.DAY, bytes=archive.bytes, sha256=archive.sha256),
        ]
        if healed is not None:
            name = f"{home}{healed_path(day).name}"
            found.append(Listed(file=name, kind=FileKind.OTHER, bytes=healed.file_bytes, sha256=healed.file_sha256))
        if day.ledger.exists():
            return found + self._of_open_day(day, ledger)
        return [*found, Listed(file=ledger, kind=FileKind.LEDGER, bytes=folded.bytes, crc32=folded.crc32, folded=True)]

    def _of_open_day(self, day: SeriesDay, ledger: str) -> list[Listed]:
        found = []
        try:
            text = read_regular(day.ledger)
            text = text[: text.rfind(b"\n") + 1]
            found.append(Listed(file=ledger, kind=FileKind.LEDGER, bytes=len(text), crc32=crc32(text)))
        except FileNotFoundError:
            pass  # nothing is sealed of it yet
        home = ledger.removesuffix(day.ledger.name)
        try:
            names = sorted(path.name for path in day.folder.iterdir())
        except FileNotFoundError:  # it is being closed this moment
            return found
        for name in names:
            if parse_segment(name) is not None and (size := _size(day.folder / name)) is not None:
                found.append(Listed(file=home + name, kind=FileKind.SEGMENT, bytes=size))
        return found


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _page(collector: str, question: AskDay, files: list[Listed]) -> DayAnswer:
    """As many as fit, from behind `after` on."""
    left = [listed for listed in files if listed.file > question.after]
    size = count = 0
    for listed in left:
        size += len(listed.file.encode(errors="surrogatepass")) + 200
        if size > _ANSWER_BYTES and count:
            break
        count += 1
    rest = left[count - 1].file if count < len(left) else None
    return DayAnswer(collector=collector, day=question.day, files=left[:count], next=rest)
