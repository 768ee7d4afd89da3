"""relay.gathering: many relays into one archive: what they send is put on the shelf and acknowledged; when a day is over each is asked
what it has, what is missing is fetched, and the day is united.

    intake     messages → `relay.shelf` (durable) → acknowledged. Damaged and foreign ones are refused, counted, told once, and never come
               again
    days       every day since the oldest known one; a new archive asks each collector which days it has, and keeps who was asked
    day's end  `relay.due` says which day; each collector is asked what it has (`relay.inquiry`); `relay.settle` says what is missing, it is
               asked for; then `relay.ending` unites and proves. Both run in a worker; while a collector's day is settled, what comes of it
               waits
    status     `.collectors/status.json`, for `hoga ls`, the dashboard and whoever watches; `days.json` remembers what is done

A broker that forgets costs nothing: what it lost is in the collectors' lists, and a consumer that is ahead of its stream is made anew
from the start, because what was seen before changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import msgspec

from hoga.archive.form.layout import parse_segment
from hoga.archive.form.spans import day_span
from hoga.archive.keep.lock import FolderLock
from hoga.archive.union.recording import is_edge
from hoga.core.errors import ArchiveBusy, ArchiveError, HogaError
from hoga.core.times import MINUTE_NS, day_of, is_day
from hoga.relay.broker import Broker, BrokerFault, BrokerRefused, Pull, Received
from hoga.relay.door import What, place_of
from hoga.relay.due import DayState, due_days, expected_collectors, next_look_ns, past_days, said_days
from hoga.relay.ending import Ended, end_day
from hoga.relay.gathered import CollectorState, GatherState, read_days, write_days, write_state
from hoga.relay.inquiry import Inquiry
from hoga.relay.settle import Settled, settle_day
from hoga.relay.shelf import ARRIVING_DIR, Shelf, State, Taken
from hoga.relay.subjects import (
    SEGMENTS,
    ForeignMessage,
    Listed,
    Part,
    collector_of,
    read_part,
)
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.durable import make_folder, write_file
from hoga.runtime.logs import get_log
from hoga.runtime.pool import WorkerPool
from hoga.runtime.tasks import every, supervise

__all__ = ["Gather", "GatherSettings"]

_log = get_log("gather")

_BATCH = (64, 512)
"""Messages that are fetched at once: large ones, small ones."""
_SMALL_BYTES = 16_384
_FETCH_S = 1.0
_ROUNDS = 6
_AWAY_TURNS = 30
"""Of a second or more: whoever waits for what NATS has goes on without it then."""
_LOOK_S = 2.0
_STATUS_S = 2.0
_LATER_MAX = 512
_STRAY_EVERY_S = 30.0
_STUCK_S = 60.0
_TELL_EVERY_S = 60.0
_ANY = "hoga.segments.*"
_ID_FILE = "gather.json"
_ASKED_FILE = "asked.json"
"""Which collectors have said what days they have, of an archive that began empty; there is none where one did not."""
_ASK_DAYS_EVERY_S = 60.0
_NOT_UNITED = "a day could not be united"
T = TypeVar("T")


class GatherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`root`: the archive. `collectors`: their names, the preferred first; empty: whoever sends. `grace_min`: how long after midnight
    (UTC) a day is united."""

    root: Path
    collectors: tuple[str, ...] = ()
    grace_min: float = 30.0


class Gather:
    """See the module. One for a data folder: raises ArchiveBusy where another one is at work."""

    def __init__(self, settings: GatherSettings, broker: Broker, pool: WorkerPool, *, clock: Clock = SYSTEM) -> None:
        self._settings, self._broker, self._pool, self._clock = settings, broker, pool, clock
        self.shelf = Shelf(settings.root)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="gather-disk")
        self._lock: FolderLock | None = None
        self._durable = ""
        self._days: dict[str, DayState] = {}
        self._seen: dict[str, CollectorState] = {}
        self._busy: set[tuple[str, str]] = set()
        self._later: list[tuple[Part, Any]] = []
        self._inquiry = Inquiry(broker, tell_once=self._tell_once, on_missed=self._look_for_strays)
        self._refused: Counter[str] = Counter()
        self._told: set[str] = set()
        self._last_batch_bytes = 0
        self._astray = False
        self._caught_up = False
        self._ending = asyncio.Lock()
        self._next_stray = 0.0
        self._today = ""
        self._asked_days: set[str] | None = None
        self._next_days = 0.0
        self._last_step = clock.monotonic()
        self.idle = asyncio.Event()
        """Set when the server has nothing more for us, as far as is known, or does not give it."""
        self.taken = 0
        self.fault: str | None = None
        """Why what comes cannot be kept."""
        self.deaf: str | None = None
        """Why nothing comes, although there is a connection."""
        self._pull: Pull | None = None
        self._broke_off = False

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the folder, connect, and see that the stream is there and can be read. Raises ArchiveBusy, OSError, BrokerFault,
        MissingLibrary: then nothing is held."""
        make_folder(self.shelf.home)
        lock = FolderLock(self.shelf.home)
        if not lock.acquire():
            raise ArchiveBusy(self.shelf.home, "another hoga gather is at work here")
        self._lock = lock
        try:
            self._know_what_is_here()
            await self._broker.open()
            await self._broker.on_connected(self._make_stream)
            self._pull = await self._consumer()
        except BaseException:
            lock.release()
            await self._broker.close()
            raise

    def _know_what_is_here(self) -> None:
        if not (self.shelf.home / _ID_FILE).exists():  # a new archive
            write_file(self.shelf.home / _ASKED_FILE, [b"[]"])
        self._durable = _identity(self.shelf.home / _ID_FILE)
        self._asked_days = _names_in(self.shelf.home / _ASKED_FILE)
        self._days = {each.day: each for each in read_days(self.shelf.home) if is_day(each.day)}
        for name in self.shelf.names():
            self._seen[name] = CollectorState(name=name)
            for day in _days_on_shelf(self.shelf.folder(name)):
                self._days.setdefault(day, DayState(day=day))
            for day in _days_waiting(self.shelf.folder(name)):  # it came after the last union, or a kill came before that was remembered
                state = self._days.setdefault(day, DayState(day=day))
                self._days[day] = msgspec.structs.replace(state, changed_ns=state.changed_ns or self._clock.time_ns())
        for name in self._settings.collectors:
            self._seen.setdefault(name, CollectorState(name=name))
        self._know_past()

    async def run(self, *, days: bool = True) -> None:
        """Gather until cancelled. `days`: unite those that are due."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._broker.keep(), name="nats")
                group.create_task(supervise(self._intake, log=_log, what="intake failed", pause_s=1.0, clock=self._clock), name="intake")
                if days:
                    group.create_task(every(_LOOK_S, self._look, log=_log, what="day's end failed", clock=self._clock), name="days")
                telling = every(_STATUS_S, self._tell, log=_log, what="status failed", clock=self._clock, at_once=True)
                group.create_task(telling, name="status")
        except Exception:
            self._broke_off = True
            raise

    @property
    def at_work(self) -> bool:
        """Whether the intake goes round: each of its steps ends within seconds, also while NATS is away."""
        return self._clock.monotonic() - self._last_step < _STUCK_S

    async def close(self) -> None:
        """Let go of the folder, with a last word in the status: that it has ended, unless it broke off."""
        await asyncio.to_thread(self._disk.shutdown)
        with contextlib.suppress(OSError, HogaError):
            self._tell(ended=not self._broke_off)
            await asyncio.to_thread(write_days, self.shelf.home, list(self._days.values()))
        if self._lock is not None:
            self._lock.release()
        await self._broker.close()

    async def _make_stream(self) -> None:
        await self._broker.ensure(SEGMENTS)

    # -- intake -------------------------------------------------------------------------------------------------------

    async def _intake(self) -> None:
        """Take in what the server has, on one connection after the other."""
        in_vain = 0
        while True:
            self._last_step = self._clock.monotonic()
            try:
                pull, self._pull = self._pull or await self._consumer(), None
                while not self._astray:
                    await self._take_some(pull)
                    in_vain = 0
                    self._hear()
                self._astray = False
                await self._broker.drop_consumer(SEGMENTS, self._durable)
                _log.warning("the broker has lost messages", effect="everything that it has is read again; what is missing is asked for")
            except BrokerFault as fault:
                self.idle.clear()
                _log.debug("no messages", why=str(fault))
                why: BrokerFault = fault
                try:
                    await self._make_stream()  # somebody may have removed it
                except BrokerRefused as of_stream:
                    why = of_stream
                    self._tell_once(str(why), headline="the stream is not as it has to be", effect="it is read as far as it can be")
                except BrokerFault:
                    pass  # what was told first is nearer to it
                in_vain += 1
                if in_vain > (1 if self._broker.connected else _AWAY_TURNS):  # that it is away is told already, and passes mostly
                    self._hear_nothing(str(why))
                await self._clock.sleep(1.0)

    def _hear_nothing(self, why: str) -> None:
        if self.deaf is None:
            _log.warning("no messages can be fetched", why=why, effect="collectors keep them; tried again")
        self.deaf = why
        self.idle.set()

    def _hear(self) -> None:
        if self.deaf is not None:
            _log.info("messages are fetched again")
            self.deaf = None

    async def _consumer(self) -> Pull:
        pull = await self._broker.pull(SEGMENTS, self._durable, _ANY)
        self._later.clear()  # the server sends them again
        self._next_stray = 0.0
        return pull

    async def _take_some(self, pull: Pull) -> None:
        self._last_step = self._clock.monotonic()
        if self._clock.monotonic() >= self._next_stray:
            self._next_stray = self._clock.monotonic() + _STRAY_EVERY_S
            self._astray = await pull.is_astray()
        most = _BATCH[self._last_batch_bytes < _BATCH[0] * _SMALL_BYTES]
        messages = await pull.fetch(most, timeout_s=_FETCH_S)
        parts: list[tuple[Part, Any]] = []
        for message, ticket in messages:
            part = self._open(message)
            if part is None:
                await pull.refuse(ticket)
            else:
                parts.append((part, ticket))
        ready, self._later = self._sort(parts)
        if ready:
            await self._keep(pull, ready)
        self._last_batch_bytes = sum(len(message.payload) for message, _ in messages)
        if not messages and not self.idle.is_set() and (self.fault is not None or not await pull.waiting()):
            self.idle.set()
        self._caught_up = self._caught_up or len(messages) < most

    def _look_for_strays(self) -> None:
        """What was sent did not come: is the consumer where the stream is?"""
        self._next_stray = 0.0

    def _open(self, message: Received) -> Part | None:
        try:
            return read_part(message.subject, message.headers, message.payload)
        except ForeignMessage as fault:
            self._refuse(_whose(message.subject), str(fault))
            return None

    def _sort(self, parts: list[tuple[Part, Any]]) -> tuple[list[tuple[Part, Any]], list[tuple[Part, Any]]]:
        """What can be kept now, and what is of a collector's day that is being settled."""
        ready: list[tuple[Part, Any]] = []
        later: list[tuple[Part, Any]] = []
        for each in [*self._later, *parts]:
            place = place_of(each[0].head.file)
            waits = place is not None and (each[0].head.collector, place.day) in self._busy
            if not waits:
                ready.append(each)
            elif len(later) < _LATER_MAX:  # beyond that the server sends it again
                later.append(each)
        return ready, later

    async def _keep(self, pull: Pull, parts: list[tuple[Part, Any]]) -> None:
        """On the disk, then acknowledged."""
        try:
            taken = await self._on_disk(lambda: self.shelf.take([part for part, _ in parts]))
        except ArchiveError as fault:
            if self.fault is None:
                _log.error("what came cannot be kept", why=str(fault), effect="nothing is acknowledged; it comes again")
            self.fault = str(fault)
            for part, _ in parts:  # some of it may be there already, and is not new when it comes again
                if (place := place_of(part.head.file)) is not None:
                    self._has_changed(place.day)
            await self._clock.sleep(5.0)
            return
        if self.fault is not None:
            _log.info("what comes is kept again")
            self.fault = None
        for (part, _), found in zip(parts, taken, strict=True):  # all of it before the broker can go
            self._note(part, found)
        tickets: list[Any] = []
        for (_, ticket), found in zip(parts, taken, strict=True):
            if found.state is State.REFUSED:
                await pull.refuse(ticket)
            else:
                tickets.append(ticket)
        await pull.ack_all(tickets)

    def _note(self, part: Part, found: Taken) -> None:
        """What came of one message: counted, and whoever waits for it is told."""
        name, now = part.head.collector, self._clock.time_ns()
        state = self._collector(name)
        state.last_ns, state.messages, state.bytes = now, state.messages + 1, state.bytes + len(part.payload)
        self.taken += 1
        if found.state is State.REFUSED:
            self._refuse(name, found.why)
            return
        if found.state is State.SEEN:
            state.seen += 1
        elif found.state is State.STORED:
            state.files += 1
        if found.why:
            self._tell_once(f"{name}: {found.why}", effect="the whole is asked for when the day is over")
        if found.state is not State.WAITS:
            self._inquiry.came(name, part.head.file)
        if found.state is not State.SEEN and found.place is not None:
            if not self._inquiry.asks(name, part.head.file):  # whoever asked for it has the union still to make
                self._has_changed(found.place.day)
            segment = parse_segment(found.place.file.rpartition("/")[2]) if found.place.what is What.SEGMENT else None
            if found.place.what is What.DAY or (segment is not None and is_edge(segment.minute)):
                self._look_beside(found.place.day)

    def _has_changed(self, day: str) -> None:
        state = self._days.get(day, DayState(day=day))
        self._days[day] = msgspec.structs.replace(state, changed_ns=max(self._clock.time_ns(), state.changed_ns + 1))

    def _look_beside(self, day: str) -> None:
        """Something of a day is new that may touch those beside it: they are held against it. Where it does not, nothing comes of that."""
        low, high = day_span(day)
        for beside in (day_of(low - 1), day_of(high)):
            state = self._days.get(beside)
            if state is not None and state.united_ns:
                self._has_changed(beside)

    def _collector(self, name: str) -> CollectorState:
        if name not in self._seen:
            _log.info("a collector sends", collector=name)
            self._seen[name] = CollectorState(name=name)
        return self._seen[name]

    def _refuse(self, name: str, why: str) -> None:
        self._refused[name] += 1
        if name in self._seen:
            self._seen[name].refused += 1
        self._tell_once(f"{name}: {why}", effect="refused; it does not come again")

    def _tell_once(self, what: str, *, headline: str = "a message is not taken as it came", **fields: object) -> None:
        if what not in self._told and len(self._told) < 10_000:
            self._told.add(what)
            _log.warning(headline, why=what, **fields)

    # -- day's end ----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Unite the oldest day that is due."""
        self._know_past()
        if self._broker.connected:
            await self.ask_for_days()
        due = due_days(self._days.values(), now_ns=self._clock.time_ns(), grace_ns=self._grace_ns)
        if due and self._broker.connected and self._caught_up:
            await self.end(due[0])

    def _know_past(self) -> None:
        """Days of which nothing came, because nobody was there to take it or the broker lost it, are asked for as the others are."""
        now = self._clock.time_ns()
        if self._today != day_of(now):
            self._today = day_of(now)
            for day in past_days(self._days, now_ns=now):
                self._days.setdefault(day, DayState(day=day))

    async def ask_for_days(self) -> None:
        """Of an archive that began empty: ask each collector once which days it has."""
        left = [] if self._asked_days is None else [name for name in self._seen if name not in self._asked_days]
        if self._asked_days is None or not left or self._clock.monotonic() < self._next_days:
            return
        self._next_days = self._clock.monotonic() + _ASK_DAYS_EVERY_S
        found = await asyncio.gather(*(self._inquiry.days(name) for name in left))
        answered = {name: answer for name, answer in zip(left, found, strict=True) if answer is not None}
        if not answered:
            return
        for name, answer in answered.items():
            for day in said_days(answer.days, now_ns=self._clock.time_ns()):
                self._said(name, day)
        self._asked_days |= {name for name, answer in answered.items() if answer.whole}
        await self._remember()  # first what they said, then that they were asked
        asked = msgspec.json.encode(sorted(self._asked_days))
        await self._on_disk(lambda: write_file(self.shelf.home / _ASKED_FILE, [asked]))

    def _said(self, name: str, day: str) -> None:
        """When asked for its days: it has something of this one. One that was asked for the day itself is no news; one that the union lacks
        is asked again soon."""
        state = self._days.get(day, DayState(day=day))
        if name in state.absent:
            state = msgspec.structs.replace(state, tries=0)
        elif state.united_ns and name not in state.said_by:
            state = msgspec.structs.replace(state, changed_ns=self._clock.time_ns())
        self._days[day] = state
        self._has(name, day)

    def _has(self, name: str, day: str) -> None:
        state = self._days[day]
        self._days[day] = msgspec.structs.replace(state, said_by=tuple(sorted({*state.said_by, name})))

    @property
    def _grace_ns(self) -> int:
        return int(self._settings.grace_min * MINUTE_NS)

    async def end(self, day: str) -> DayState:
        """Ask everybody for `day`, fetch what is missing, unite and prove it; one day at a time. Returns how it stands: what could not be
        done keeps no other day from its turn."""
        async with self._ending:
            began = self._days.setdefault(day, DayState(day=day))
            try:
                return await self._end(day)
            except HogaError as fault:
                self._tell_once(f"{day}: {fault}", headline=_NOT_UNITED, effect="tried again")
                return self._put_off(began, str(fault))
            except Exception as fault:  # put off, then told by who supervises this
                self._put_off(began, f"{type(fault).__name__}: {fault}")
                raise

    def _put_off(self, began: DayState, why: str) -> DayState:
        """Nothing was made of it: it is looked at again, after those that wait."""
        state = self._looked_at(began, failed=((began.day, why),))
        self._days[began.day] = state
        return state

    def _looked_at(self, began: DayState, **fields: Any) -> DayState:
        """The day after a look at it that began when it stood so. What came meanwhile is still to be united; until here, whatever ends the
        look, so is what came before."""
        state = self._days[began.day]
        changed = 0 if state.changed_ns == began.changed_ns else state.changed_ns
        found = msgspec.structs.replace(state, united_ns=self._clock.time_ns(), changed_ns=changed, **fields)
        return msgspec.structs.replace(found, tries=state.tries + 1 if found.absent or found.open or found.failed else 0)

    async def _end(self, day: str) -> DayState:
        began = self._days.setdefault(day, DayState(day=day))
        await self._remember()
        prove = bool(began.failed)
        looks = [self._complete(name, day, prove=prove) for name in await self._expected(day)]
        ended_looks = await asyncio.gather(*looks, return_exceptions=True)  # none of them goes on behind our back
        for fault in ended_looks:
            if isinstance(fault, BaseException):
                raise fault
        asked = [each for each in ended_looks if not isinstance(each, BaseException)]
        absent = sorted(name for name, settled in asked if settled is None or settled.need or settled.troubles)
        open_ = sorted(name for name, settled in asked if settled is not None and settled.open)
        for name, settled in asked:
            for what, why in settled.troubles if settled is not None else ():
                self._tell_once(
                    f"{name}: {what}: {why}", headline="a file is not as it was sent", effect="asked for again where the collector has it"
                )
        ended = await self._pool.submit(end_day, str(self._settings.root), day, self.shelf.names(), list(self._settings.collectors), absent)
        for name, (received, won, gaps) in ended.told.items():
            one = self._collector(name)
            if day >= one.day:
                one.day, one.received, one.won, one.gaps = day, received, won, gaps
        state = self._days[day] = self._after(began, ended, absent, open_)
        if any(made != "unchanged" for _, made in ended.united):
            self._look_beside(day)
        await self._remember()
        return state

    def _after(self, began: DayState, ended: Ended, absent: Sequence[str], open_: Sequence[str]) -> DayState:
        failed = (*ended.failed, *((name, why) for name, why in ended.left_out))
        fields: dict[str, object] = {"day": ended.day, "series": len(ended.united), "records": ended.records, "gaps": ended.gaps}
        if absent:
            fields["absent"] = ",".join(absent)
        if open_:
            fields["not_merged_at"] = ",".join(open_)
        if ended.conflicts:
            fields["conflicts"] = ended.conflicts
        if any(made != "unchanged" for _, made in ended.united) or (not began.united_ns and (ended.united or absent)):
            _log.info("a day is united", **fields)
        for what, why in failed:
            self._tell_once(f"{ended.day}: {what}: {why}", headline=_NOT_UNITED, effect="tried again")
        return self._looked_at(
            began, absent=tuple(absent), open=tuple(open_), failed=failed, records=ended.records, series=len(ended.united)
        )

    async def _expected(self, day: str) -> list[str]:
        of = await asyncio.to_thread(lambda: {name: _days_on_shelf(self.shelf.folder(name)) for name in self.shelf.names()})
        before = max((each for days in of.values() for each in days if each < day), default="")
        have = {*self._days[day].said_by, *(name for name in of if day in of[name])}
        return expected_collectors(self._settings.collectors, have, (name for name in of if before in of[name]))

    async def _complete(self, name: str, day: str, *, prove: bool) -> tuple[str, Settled | None]:
        """Ask a collector for its day, and for what is missing of it (`prove`: or damaged). None: it did not answer (what came is settled
        all the same)."""
        listed = await self._inquiry.listed(name, day)
        settled = await self._settle(name, day, listed, prove=prove)
        in_vain = 0
        for _ in range(_ROUNDS):
            if listed is None or not settled.need:
                break
            in_vain = 0 if await self._inquiry.fetch(name, settled.need) else in_vain + 1
            if in_vain == 2:
                break
            listed = await self._inquiry.listed(name, day) or listed
            settled = await self._settle(name, day, listed, prove=prove)
        if listed:
            self._has(name, day)
        self._collector(name).answered = listed is not None
        return name, None if listed is None else settled

    async def _settle(self, name: str, day: str, listed: list[Listed] | None, *, prove: bool) -> Settled:
        self._busy.add((name, day))
        try:
            await self._on_disk(lambda: None)  # what was on its way there when we said so
            return await self._pool.submit(partial(settle_day, prove=prove), str(self.shelf.folder(name)), day, listed)
        finally:
            self._disk.submit(self.shelf.forget, name)  # before anything that is kept from now on
            self._busy.discard((name, day))

    # -- what is told -------------------------------------------------------------------------------------------------

    async def _remember(self) -> None:
        """Raises ArchiveError."""
        days = list(self._days.values())
        await self._on_disk(lambda: write_days(self.shelf.home, days))

    async def _on_disk(self, act: Callable[[], T]) -> T:
        """In the one thread that writes here."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, act)

    def state(self) -> GatherState:
        """How it stands."""
        now = self._clock.time_ns()
        waiting = [each for each in self._days.values() if not each.settled]
        return GatherState(
            now_ns=now,
            pid=os.getpid(),
            connected=self._broker.connected,
            trouble=self._broker.trouble or self.fault or self.deaf,
            outages=self._broker.outages,
            collectors=[self._seen[name] for name in sorted(self._seen)],
            refused=sum(self._refused.values()),
            days=sorted(self._days.values(), key=lambda each: each.day)[-8:],
            unsettled=len(waiting),
            next_ns=min((next_look_ns(each, grace_ns=self._grace_ns) for each in waiting), default=None),
        )

    def _tell(self, *, ended: bool = False) -> None:
        try:
            write_state(self.shelf.home, msgspec.structs.replace(self.state(), ended=ended))
        except OSError as fault:
            self._tell_once(
                f"{self.shelf.home}: {fault.strerror or fault}", headline="how gather stands cannot be written", effect="tried again"
            )

    async def until_idle(self) -> None:
        """Wait until the server has nothing more for us."""
        self.idle.clear()
        await self.idle.wait()

    def pending_days(self) -> list[str]:
        """The days that are due now."""
        return due_days(self._days.values(), now_ns=self._clock.time_ns(), grace_ns=self._grace_ns)


def _days_on_shelf(home: Path) -> set[str]:
    """The days of which a collector brought something."""
    found: set[str] = set()
    for pattern in ("*/*/*.manifest.json", "*/*/temporary/*"):
        for path in home.glob(pattern):
            relative = path.relative_to(home).as_posix()
            if not relative.startswith("."):
                stem = path.name.removesuffix(".manifest.json")
                found.add(stem[-10:])
    return {day for day in found if is_day(day)}


def _days_waiting(home: Path) -> set[str]:
    """The days of which something lies on a collector's shelf that is in no day file: minutes, lines, and parts of files."""
    found = [path.name[-10:] for path in home.glob("*/*/temporary/*") if not path.relative_to(home).parts[0].startswith(".")]
    found += [path.name for path in (home / ARRIVING_DIR).glob("*")]
    return {day for day in found if is_day(day)}


def _names_in(path: Path) -> set[str] | None:
    """The names in a file, None where there is none."""
    try:
        return set(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:  # all are asked once more
        return set()


def _identity(path: Path) -> str:
    """The name of our consumer, the same over all lives of this archive: another archive's is another."""
    try:
        return str(msgspec.json.decode(path.read_bytes(), type=dict[str, str])["consumer"])
    except (FileNotFoundError, msgspec.MsgspecError, KeyError):
        name = f"gather-{token_hex(6)}"
        write_file(path, [msgspec.json.encode({"consumer": name})])
        return name


def _whose(subject: str) -> str:
    try:
        return collector_of(subject)
    except ForeignMessage:
        return "?"
