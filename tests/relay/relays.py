"""A relay as gather meets one, over a real server: answers what it is asked of a data folder, and sends its files."""

from __future__ import annotations

import random
from pathlib import Path

from hoga.relay.broker import Broker, Received, address_of
from hoga.relay.subjects import (
    PART_BYTES,
    SEGMENTS,
    AskDay,
    AskDays,
    AskFile,
    DayAnswer,
    DaysAnswer,
    Fault,
    FileAnswer,
    ask_subject,
    cut,
    encode,
    head_of,
    question_of,
    segments_subject,
)
from tests.relay.collected import days_in, kind_of, list_day


class FakeRelay:
    """Of the collector `name`, whose data folder is `root`. `asked`: files that were asked for."""

    def __init__(self, name: str, root: Path, url: str) -> None:
        self.name, self.root = name, root
        self.broker = Broker(address_of(url, {}), f"relay-{name}")
        self.asked: list[str] = []
        self.is_old = False
        """Whether it is one of before there was the question for its days."""
        self._again = 0

    async def start(self) -> None:
        await self.broker.open()
        await self.broker.ensure(SEGMENTS)
        await self.broker.answer(ask_subject(self.name), self._answer)

    async def stop(self) -> None:
        await self.broker.close()

    async def send(
        self, files: list[Path] | None = None, *, size: int = PART_BYTES, rng: random.Random | None = None, again: str = ""
    ) -> int:
        """Everything that is there, in this order or a random one. Returns how many messages."""
        found = files or sorted(path for path in self.root.rglob("*") if path.is_file() and path.name != ".lock")
        messages = [message for path in found for message in self._messages(path, size, again)]
        if rng is not None:
            rng.shuffle(messages)
        for headers, payload in messages:
            await self.broker.settle([await self.broker.post(SEGMENTS, segments_subject(self.name), headers, payload)])
        return len(messages)

    def _messages(self, path: Path, size: int, again: str) -> list[tuple[dict[str, str], bytes]]:
        file, data = path.relative_to(self.root).as_posix(), path.read_bytes()
        head = head_of(self.name, file, kind_of(file), data)
        return [(headers, data[at : at + length]) for headers, at, length in cut(head, size, again=again)]

    async def _answer(self, message: Received) -> bytes:
        question = question_of(message.payload)
        if isinstance(question, AskDay):
            return encode(DayAnswer(collector=self.name, day=question.day, files=list_day(self.root, question.day)))
        if isinstance(question, AskDays) and not self.is_old:
            return encode(DaysAnswer(collector=self.name, days=days_in(self.root)))
        if isinstance(question, AskFile):
            self.asked.append(question.file)
            path = self.root / question.file
            if not path.exists():
                return encode(FileAnswer(collector=self.name, file=question.file, sent=False, why="it is not there"))
            self._again += 1
            await self.send([path], again=f" again {self._again}")
            return encode(FileAnswer(collector=self.name, file=question.file, sent=True))
        return encode(Fault("not asked here"))
