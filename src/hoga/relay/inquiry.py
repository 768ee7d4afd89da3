"""relay.inquiry: what gather asks a collector over NATS: which days it has, what it has of a day, and to send a file again.

Nothing here raises for what a collector says, or does not say: what is not understood is told once, and counts as no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from hoga.relay.broker import Broker, BrokerFault
from hoga.relay.subjects import (
    AskDay,
    AskDays,
    AskFile,
    DayAnswer,
    DaysAnswer,
    Fault,
    FileAnswer,
    ForeignMessage,
    Listed,
    answer_of,
    ask_subject,
    encode,
)
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within

__all__ = ["Inquiry"]

_log = get_log("gather")

_ASK_S = 5.0
_SEND_S = 60.0
_ARRIVE_S = 15.0
_ASKED_AT_ONCE = 16


class TellOnce(Protocol):
    """Tells `what` of a kind, once."""

    def __call__(self, what: str, *, headline: str, effect: str) -> None: ...


class Inquiry:
    """Asks collectors by name. `on_missed`: a file was sent, so its relay says, and did not come in time."""

    def __init__(self, broker: Broker, *, tell_once: TellOnce, on_missed: Callable[[], None]) -> None:
        self._broker = broker
        self._tell_once = tell_once
        self._on_missed = on_missed
        self._asked: dict[tuple[str, str], asyncio.Event] = {}

    def asks(self, name: str, file: str) -> bool:
        """Whether a file is being waited for."""
        return (name, file) in self._asked

    def came(self, name: str, file: str) -> None:
        """A file is here: whoever waits for it goes on."""
        if (waiting := self._asked.get((name, file))) is not None:
            waiting.set()

    async def days(self, name: str) -> DaysAnswer | None:
        """The days of which a collector has anything, None when it does not answer."""
        try:
            said = await self._broker.ask(ask_subject(name), encode(AskDays()), timeout_s=_ASK_S)
            answer = answer_of(said) if said is not None else None
        except (BrokerFault, ForeignMessage) as fault:
            _log.debug("no answer", collector=name, why=str(fault))
            return None
        if isinstance(answer, Fault):  # a relay of an older hoga
            _log.info("a collector cannot say which days it has", collector=name, why=answer.why)
            return DaysAnswer(collector=name, days=[])
        return answer if isinstance(answer, DaysAnswer) else None

    async def listed(self, name: str, day: str) -> list[Listed] | None:
        """What the collector has of the day, None when it does not answer."""
        found: list[Listed] = []
        after = ""
        try:
            while True:
                said = await self._broker.ask(ask_subject(name), encode(AskDay(day, after)), timeout_s=_ASK_S)
                answer = answer_of(said) if said is not None else None
                if isinstance(answer, Fault):
                    self._tell_once(f"{name}: {answer.why}", headline="a collector cannot say what it has", effect="it counts as absent")
                if not isinstance(answer, DayAnswer):
                    return None
                found += answer.files
                if answer.next is None:
                    return found
                after = answer.next
        except ForeignMessage as fault:
            self._tell_once(f"{name}: {fault}", headline="an answer is not understood", effect="it counts as absent")
        except BrokerFault as fault:
            _log.debug("no answer", collector=name, why=str(fault))
        return None

    async def fetch(self, name: str, files: Sequence[str]) -> bool:
        """Ask for files and wait until they are here. False when not one more came."""
        gate = asyncio.Semaphore(_ASKED_AT_ONCE)
        came = await asyncio.gather(*(self._fetch_one(name, file, gate) for file in files))
        return any(came)

    async def _fetch_one(self, name: str, file: str, gate: asyncio.Semaphore) -> bool:
        async with gate:
            event = self._asked.setdefault((name, file), asyncio.Event())
            try:
                said = await self._broker.ask(ask_subject(name), encode(AskFile(file)), timeout_s=_SEND_S)
                answer = answer_of(said) if said is not None else None
                if not isinstance(answer, FileAnswer) or not answer.sent:
                    why = answer.why if isinstance(answer, FileAnswer) else "no answer"
                    _log.info("a file was asked for and not sent", collector=name, file=file, why=why)
                    return False
                await within(event.wait(), _ARRIVE_S)
            except TimeoutError:
                self._on_missed()
                return False
            except (BrokerFault, ForeignMessage) as fault:
                _log.info("a file was asked for and did not come", collector=name, file=file, why=str(fault))
                return False
            finally:
                self._asked.pop((name, file), None)
            return True
