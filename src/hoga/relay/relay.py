"""relay.relay: one collector's relay: both lanes and the answers over one connection, until it is told to stop.

At the start everything must be right (`open` raises): the address, the credentials, the streams, and that no other relay answers to the
name. Later nothing ends it: what goes wrong is told, counted and tried again. Whoever hears later of another relay of the name that goes
before it (`relay.standing`) sends nothing any more, and tries again until that one is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from hoga.archive.keep.lock import FolderLock
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.relay.answers import Answers
from hoga.relay.broker import Broker, BrokerFault, BrokerRefused, address_of
from hoga.relay.config import RelayConfig
from hoga.relay.folders import Folders, Place
from hoga.relay.live import LiveLane
from hoga.relay.position import HOME, Position
from hoga.relay.segments import SegmentLane
from hoga.relay.standing import standing_of
from hoga.relay.status import RelayCounts, RelayStatus
from hoga.relay.subjects import (
    LIVE,
    SEGMENTS,
    AskWho,
    ForeignMessage,
    WhoAnswer,
    answer_of,
    ask_subject,
    collector_fault,
    encode,
    part_bytes,
)
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.durable import make_folder
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import supervise

__all__ = ["Relay"]

_log = get_log("relay")

_WHO_S = 0.4
"""So long another relay of the name has to answer."""
_ALONE_S = 10.0
"""So often it is asked whether there is one."""


class Relay:
    """Call `open`, then `run`, last `close`."""

    def __init__(self, config: RelayConfig, environment: Mapping[str, str], *, clock: Clock = SYSTEM) -> None:
        if (why := collector_fault(config.collector)) is not None:
            raise BrokerRefused(f"COLLECTOR: {why}")
        self._clock = clock
        self._root = Path(config.root).absolute()
        self._collector = config.collector
        self._session = secrets.token_hex(8)
        self._since_ns = clock.time_ns()
        self._broker = Broker(address_of(config.nats_url, environment), f"hoga relay {config.collector}", clock=clock)
        places = [Place(prefix, Path(folder)) for prefix, folder in config.places]
        self._folders = Folders(self._root, places)
        self._counts = RelayCounts()
        self._position = Position(self._root, config.collector)
        self._segments = SegmentLane(Folders(self._root, places), self._position, self._broker, config.collector, self._counts, clock=clock)
        self._live = LiveLane(self._folders, self._broker, config.collector, self._session, self._counts, clock=clock)
        self._answers = Answers(config.collector, self._session, self._since_ns, Folders(self._root, places), self._segments, self._counts)
        self._lock: FolderLock | None = None
        self._is_told = False

    async def open(self) -> None:
        """Connect, see to the streams, and answer from now on. Raises BrokerFault, BrokerRefused, ArchiveBusy, ArchiveError,
        MissingLibrary."""
        self._take_lock()
        await self._broker.open()
        await self._broker.on_connected(self._see_to_streams)
        await self._broker.answer(ask_subject(self._collector), self._answers.respond)
        await self._broker.on_connected(self._require_alone)
        if (why := self._position.load()) is not None:
            _log.warning("what was sent before is not known", why=why, hint="it is sent again, which costs time and nothing else")
        _log.info("relaying", collector=self._collector, data=str(self._root), nats=self._broker.shown)

    async def run(self) -> None:
        """Relay for ever."""
        works = {"connection": self._broker.keep, "segments": self._segments.run, "live": self._live.run, "name": self._stay_alone}
        tasks = [
            asyncio.create_task(supervise(work, log=_log, what="a part of the relay failed", part=name), name=f"relay {name}")
            for name, work in works.items()
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Write down what is known, and go."""
        with contextlib.suppress(ArchiveError):  # what is not written is sent again
            await asyncio.to_thread(self._position.save)
        await self._broker.close()
        if self._lock is not None:
            self._lock.release()

    def status(self) -> RelayStatus:
        """How it does now."""
        counts, broker = self._counts, self._broker
        current_ns = counts.current_ns if counts.current_ns is not None else self._since_ns
        return RelayStatus(
            collector=self._collector,
            since_ns=self._since_ns,
            connected=broker.connected,
            trouble=broker.trouble,
            outages=broker.outages,
            behind_s=max(0.0, (self._clock.time_ns() - current_ns) / 1e9) if counts.waiting or counts.current_ns is None else 0.0,
            waiting=counts.waiting,
            files=counts.files,
            file_bytes=counts.file_bytes,
            lines_bytes=counts.lines_bytes,
            days=counts.days,
            again=counts.again,
            damaged=len(counts.damaged),
            newest_damaged=next(reversed(counts.damaged), None),
            live_messages=counts.live_messages,
            live_bytes=counts.live_bytes,
            live_chunks=counts.live_chunks,
            live_lost=counts.live_lost,
            asked=counts.asked,
            foreign=counts.foreign,
        )

    def _take_lock(self) -> None:
        home = self._root / HOME
        try:
            make_folder(home)
            lock = FolderLock(home)
            taken = lock.acquire()
        except OSError as fault:
            raise ArchiveError(home, f"cannot be made: {fault.strerror or fault}", hint="the relay notes there what it has sent") from fault
        if not taken:
            raise ArchiveBusy(home, "another relay sends what is in this data folder", hint="stop it, or leave it to it")
        self._lock = lock

    async def _see_to_streams(self) -> None:
        try:
            part_bytes(self._broker.max_payload)
        except ValueError as fault:
            raise BrokerRefused(str(fault)) from fault
        await self._broker.ensure(SEGMENTS)
        await self._broker.ensure(LIVE)

    async def _require_alone(self) -> None:
        """Raises BrokerRefused when another relay of this name goes before this one."""
        for payload in await self._broker.ask_all(ask_subject(self._collector), encode(AskWho()), wait_s=_WHO_S):
            try:
                answer = answer_of(payload)
            except ForeignMessage as fault:
                if not self._is_told:
                    _log.warning("somebody else answers to the collector's name", why=str(fault))
                self._is_told = True
                continue
            if not isinstance(answer, WhoAnswer) or answer.session == self._session:
                continue
            if self._answers.standing.yields_to(standing_of(answer)):
                self._answers.settle(settled=False)
                hint = "every collector needs a COLLECTOR of its own"
                raise BrokerRefused(f"another relay is {self._collector!r} already", hint=hint)
        self._answers.settle(settled=True)

    async def _stay_alone(self) -> None:
        """Ask again and again: another one may have begun while this one could not be heard, and one of the two has to yield."""
        while True:
            await self._clock.sleep(_ALONE_S)
            if not self._broker.connected:
                continue
            try:
                await self._require_alone()
            except BrokerRefused as fault:
                await self._broker.let_go_of(fault)
            except BrokerFault as fault:
                _log.debug("nobody could be asked", why=str(fault))
