"""dashboard.page_model: reads the page, judges it, and makes what viewers are sent. No sockets: `server` has those.

Messages are JSON objects, told apart by `k`; docs/page-data.md says what stands in each. Every message says how things are, never how they
changed, so any of them may be left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from time import monotonic, monotonic_ns, time_ns
from typing import Any

import msgspec

from hoga.core.errors import HogaError
from hoga.core.times import MS_NS, SECOND_NS
from hoga.dashboard import collectors
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.curves import RunCurves, curves_path, read_kept, write_kept
from hoga.dashboard.fanout import Fanout, Frames
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.incident_list import IncidentList, untold
from hoga.dashboard.judge import RunHealth, Verdict, judge, sentence
from hoga.dashboard.latency import Latency
from hoga.dashboard.looking import Looking
from hoga.dashboard.messages import (
    LogTail,
    connections_part,
    days_part,
    instrument_part,
    meta_part,
    reason_key,
    reasons_part,
    rows_part,
    totals_part,
    usual_part,
)
from hoga.dashboard.page import PageReader, PageWriter
from hoga.dashboard.prometheus import Facts
from hoga.dashboard.snapshot import DashboardStatus, Hardware, PageState, Snapshot, SnapshotDecoder, encode_status
from hoga.dashboard.today import Day, Today
from hoga.dashboard.trader_watch import TraderWatch
from hoga.dashboard.watch import ConnectionHealth, Watch
from hoga.quality.incidents import Incident
from hoga.quality.limits import STALE_INTERVALS, STALE_MIN_S
from hoga.runtime.logs import get_log

__all__ = ["PageModel"]

_log = get_log("dashboard")

_SLICE = 256
_SLOW_S = 1.5
"""Without a snapshot of a new second for so long, the slow part of the news comes all the same."""
_TODAY_S = 10.0
_USUAL_S = 10.0
_KEEP_S = 60.0
_STATUS_S = 0.5
_STATUS_BYTES = 16_384
_RANGE = "15m"
_NEW_RUN_NS = 30 * SECOND_NS

_encode = msgspec.json.Encoder().encode


class PageModel:
    """Everything the dashboard knows. `run` for ever; the rest answers from what was read last."""

    def __init__(self, config: DashboardConfig, fanout: Fanout) -> None:
        self.config = config
        self.fanout = fanout
        self.watch = Watch()
        self.snapshot: Snapshot | None = None
        self.page = PageState.MISSING
        self.states: list[int | None] = []
        self.verdict = self._judged([], None)
        self.hardware: Hardware | None = None
        self.url = ""
        self.trouble: str | None = None
        self.trader = TraderWatch(Path(config.trader_page)) if config.trader_page else None
        self._reader = PageReader(Path(config.page))
        self._decoder = SnapshotDecoder()
        self._pid = 0
        self._turn = 0
        self._written_s = 0.0
        self._monitor: HardwareMonitor | None = None
        self._today = Today()
        self._next_today = 0.0
        self._part = 0
        self._slow_s = 0.0
        self._is_new_second = False
        self._next_usual = 0.0
        self._next_status = 0.0
        self._slow: dict[str, Any] = {}
        self._logs_turn = -1
        self._greeting = True
        self._logs_fresh = False
        self._status: PageWriter | None = None
        self._curves = RunCurves()
        self._curves_path = curves_path(Path(config.page))
        self._looking = Looking()
        self._log_tail = LogTail()
        self._incident_list = IncidentList()
        self._days: dict[int, Day] = {}
        self._days_fresh: dict[int, Day] = {}
        self._before: list[Incident] = []
        self._listed_s = 0.0
        self._incidents: list[dict[str, Any]] = []
        self._incidents_fresh = False
        self._has_seen_run = False
        self._has_looked_back = False
        self._since: tuple[RunHealth | None, int] = (None, 0)
        self._reasons_since: dict[str, int] = {}
        self._next_keep = monotonic() + _KEEP_S
        self.assets = ""

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read, judge, offer, for ever."""
        kept = await asyncio.to_thread(read_kept, self._curves_path)
        if kept is not None:
            self._curves.take(kept)
        due = monotonic()
        while True:
            try:
                self.look()
            except Exception as fault:  # noqa: BLE001  # the supervised place: one odd snapshot must not end the dashboard
                _log.failure("cannot show the page", fault)
                self._give_up()
            self._tell_status()
            due = max(due + self.config.interval_s, monotonic())
            await asyncio.sleep(due - monotonic() or self.config.interval_s)

    async def run_slow(self) -> None:
        """Look at the machine and the ledgers, in a thread, for ever; keep the curves now and then."""
        while True:
            try:
                await self._look_around()
            except Exception as fault:  # noqa: BLE001  # supervised likewise
                _log.failure("cannot look at the machine", fault)
            await asyncio.sleep(max(0.05, self.config.hardware_interval_s - self.config.cpu_span_s))

    async def _look_around(self) -> None:
        snapshot = self.snapshot
        if self.trader is not None:
            await asyncio.to_thread(self.trader.look_around)
        if self._monitor is None:
            self._monitor = await asyncio.to_thread(HardwareMonitor, cpu_span_s=self.config.cpu_span_s)
        self.hardware = await asyncio.to_thread(
            self._monitor.look,
            collector=self._pid or None,
            folder=self.data_folder,
            reserve_bytes=snapshot.meta.disk_reserve_bytes if snapshot else 0,
            own_bytes=sum(venue.archive_bytes for venue in snapshot.venues) if snapshot else None,
        )
        if snapshot is not None and monotonic() >= self._next_today:
            self._next_today = monotonic() + _TODAY_S
            await self._look_at_ledgers(snapshot)
        if snapshot is not None and monotonic() >= self._next_keep:
            self._next_keep = monotonic() + _KEEP_S
            await self._keep()

    async def _look_at_ledgers(self, snapshot: Snapshot) -> None:
        run = self.watch.run
        await asyncio.to_thread(self._today.look, snapshot.meta.streams, time_ns())
        found = await asyncio.to_thread(self._today.incidents, time_ns())
        if self.watch.run != run or self.snapshot is None:
            return  # another run began meanwhile: its streams have other places
        self._before = untold(found, self.snapshot)
        self._list_incidents(self.snapshot, self.watch.quiet)
        if not self._has_looked_back:
            self._has_looked_back = self._incidents_fresh = True
        days = self._today.fresh_days()
        self._days.update(days)
        self._days_fresh.update(days)

    async def _keep(self) -> None:
        """Write the curves down, so that they outlive this process."""
        if self.config.status_page:
            kept = self._curves.keep()
            with contextlib.suppress(OSError):
                await asyncio.to_thread(write_kept, self._curves_path, kept)

    def look(self) -> None:
        """Once: read the page if there is something new, judge, and offer the viewers what follows."""
        page = self._reader.read() if self._reader.turn() != self._turn or not self._turn else None
        if page is not None:
            self.page = page.state
            if page.state is PageState.GOOD:
                self._take(page.payload, page.turn, page.pid, page.mono_ns / 1e9)
            elif page.state is PageState.MISSING:
                self._turn = 0
        if self.trader is not None:
            self.trader.look()
        if page is None:
            self._is_new_second = False
        quiet = self.watch.quiet
        self.verdict = self._judged(quiet, self.hardware)
        self.states = self._states()
        self._note_since()
        if self.snapshot is not None and (self._is_new_second or monotonic() - self._listed_s > _SLOW_S):
            self._list_incidents(self.snapshot, quiet)
        if self.fanout.viewers:
            self._offer()
        else:
            self._greeting = False
            self._looking.tell()

    def _give_up(self) -> None:
        """What is on the page cannot be shown: nobody knows how the recorder is, and the verdict of before does not stand."""
        self.page = PageState.VERSION
        self.verdict = self._judged([], None)
        self.states = self._states()

    def _states(self) -> list[int | None]:
        """What holds each stream up; None of a recorder that nothing is heard of."""
        if self.snapshot is None:
            return []
        return [None] * len(self.snapshot.meta.streams) if self.verdict.gone else self.watch.states(self.snapshot)

    def _note_since(self) -> None:
        """Since when the verdict's state holds, and each of its reasons. Of a run that was there before this process nobody knows it; a
        recorder is gone since its last word."""
        state, snapshot, clock = self.verdict.state, self.snapshot, time_ns() // MS_NS
        if snapshot is not None and self.verdict.gone:
            now = snapshot.now_ns // MS_NS
        else:
            known = self._has_seen_run or (snapshot is not None and 0 <= snapshot.now_ns - snapshot.meta.started_ns < _NEW_RUN_NS)
            now = clock if known else 0
        since = now if state is not self._since[0] else self._since[1]
        self._since = state, since if since <= clock else 0  # the clock was set back: by it nobody knows
        if self.verdict.reasons or self._reasons_since:
            stood = {key: self._reasons_since.get(key, now) for key in map(reason_key, self.verdict.reasons)}
            self._reasons_since = {key: since if since <= clock else 0 for key, since in stood.items()}
        self._has_seen_run = self._has_seen_run or self.snapshot is not None

    def _list_incidents(self, snapshot: Snapshot, quiet: list[float]) -> None:
        self._listed_s = monotonic()
        rows = self._incident_list.rows(snapshot, quiet_s=quiet, before=self._before, now_ns=time_ns(), gone=self.verdict.gone)
        self._incidents_fresh = self._incidents_fresh or rows != self._incidents
        self._incidents = rows

    def _take(self, payload: bytes, turn: int, pid: int, written_s: float) -> None:
        try:
            snapshot = self._decoder.decode(payload)
        except msgspec.DecodeError:
            self.page = PageState.VERSION
            return
        self._greeting = self._greeting or (self.snapshot is not None and self.snapshot.price_steps != snapshot.price_steps)
        self.snapshot, self._turn, self._pid, self._written_s = snapshot, turn, pid, written_s
        if self.watch.feed(snapshot, pid=pid, mono_s=written_s):
            self._begin(snapshot)
        self._is_new_second = self._curves.feed(snapshot, self.watch, self.hardware)
        self._looking.feed(snapshot, shown=self.fanout.shown())
        if snapshot.logs_turn != self._logs_turn:
            self._logs_turn = snapshot.logs_turn
            self._logs_fresh = self._log_tail.take(snapshot.logs.lines) or self._logs_fresh

    def _begin(self, snapshot: Snapshot) -> None:
        """Another run: its streams have other places."""
        self._greeting = True
        for known in (self._days, self._days_fresh):
            known.clear()
        self._today.begin()
        self._next_today = 0.0
        self._before = []
        self._has_looked_back = False
        self._incident_list.begin()
        self._curves.begin(snapshot.meta)
        self._looking.begin(snapshot.meta)
        self._part = 0

    def _judged(self, quiet: list[float], hardware: Hardware | None) -> Verdict:
        interval = self.snapshot.process.publish_interval_s if self.snapshot else 0.0
        return judge(
            self.snapshot,
            page=self.page,
            age_s=self.age_s,
            stale_after_s=max(STALE_MIN_S, STALE_INTERVALS * interval),
            quiet_s=quiet,
            hardware=hardware,
            folder=self.snapshot.meta.data_dir if self.snapshot else self.config.folder or Path(self.config.page).name,
        )

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """What happened, as viewers are told (`dashboard.incident_list`)."""
        return self._incidents

    @property
    def latency(self) -> Latency:
        """Of the run, of late."""
        return self._curves.latency

    @property
    def age_s(self) -> float:
        """How old the newest snapshot is; 0 without any."""
        return max(0.0, monotonic_ns() / 1e9 - self._written_s) if self.snapshot else 0.0

    # -- viewers --------------------------------------------------------------------------------------------------

    def _offer(self) -> None:
        if self._greeting:
            self._greeting = False
            hello = self.hello()
            for viewer in self.fanout.viewers:
                viewer.greet(hello)
        slow = self._is_new_second or monotonic() - self._slow_s > _SLOW_S
        if slow:
            self._slow_s = monotonic()
            self._slow = self._slow_parts()
        if self.snapshot is not None:
            self._part = (self._part + 1) % self._parts(self.snapshot)
        news = self._news(slow=slow)
        self.fanout.offer(
            Frames(
                _encode(news), whole=lambda: _encode(self._whole()), extra=lambda choice, whole: self._extra(choice, whole=whole, slow=slow)
            )
        )
        self._looking.tell()

    def hello(self) -> bytes:
        """The first message, as a frame of its own."""
        snapshot = self.snapshot
        now_ns = time_ns()
        hello = {
            "k": "hello",
            "run": f"{self.watch.run[0]}-{self.watch.run[1]}",
            "assets": self.assets,
            "now": now_ns // MS_NS,
            "interval": self.config.interval_s,
            "meta": None if snapshot is None else meta_part(snapshot),
            "histories": [self._curves.history(_RANGE, "", now_ns)],
        }
        return b"[" + _encode(hello) + b"]"

    def choose(self, choice: str) -> str:
        """What is looked at when a viewer says `choice`: an instrument as it is called, "" when there is no such one."""
        return choice if self.instrument(choice) is not None else ""

    def answer(self, choice: str, span: str, *, run: bool, chosen: bool) -> bytes | None:
        """The frame for a viewer of `choice` that has just `chosen` it, or asked for a range of curves (`span`), also those of the whole
        `run`. None: there is nothing to say."""
        now_ns = time_ns()
        at = self.instrument(choice)
        parts: list[bytes] = []
        if not chosen or self.snapshot is None:
            pass
        elif at is not None:
            parts.append(_encode(instrument_part(self.snapshot, choice, at, self._today.known)))
            parts += [self._looking.depth(choice, now_ns), self._looking.trades(choice, now_ns, whole=True), self._looking.book(choice)]
        if span:
            asked = [*([""] if run or at is None else []), *([choice] if at is not None else [])]
            parts += [_encode(self._curves.history(span, of, now_ns)) for of in asked]
        return b"[" + b",".join(part for part in parts if part) + b"]" if parts else None

    def instrument(self, choice: str) -> int | None:
        """The place of an instrument."""
        return self._curves.places.get(choice)

    def _news(self, *, slow: bool) -> dict[str, Any]:
        snapshot = self.snapshot
        news: dict[str, Any] = {
            "k": "news",
            "t": time_ns() // MS_NS,
            "age": round(self.age_s, 2),
            "state": self.verdict.state,
            "since": self._since[1],
            "reasons": reasons_part(self.verdict.reasons, snapshot.connections if snapshot is not None else [], self._reasons_since),
        }
        if slow:
            news["trader"] = self._trader_part()
        if snapshot is None:
            return news
        news["totals"] = self._totals(snapshot)
        news["rows"] = self._rows(snapshot, self._part * _SLICE, (self._part + 1) * _SLICE)
        if slow:
            news.update(self._slow)
            news.update(self._fresh_parts())
        return news

    @staticmethod
    def _parts(snapshot: Snapshot) -> int:
        return max(1, -(-len(snapshot.meta.streams) // _SLICE))

    def _rows(self, snapshot: Snapshot, start: int, end: int) -> dict[str, Any]:
        return rows_part(snapshot, self.watch, self.states, start, min(end, len(snapshot.meta.streams)), gone=self.verdict.gone)

    def _fresh_parts(self) -> dict[str, Any]:
        """What is told only when it changed."""
        parts: dict[str, Any] = {}
        if self._is_new_second:
            parts["now"] = self._curves.point()
        if self._logs_fresh:
            self._logs_fresh = False
            parts["log"] = self._log_tail.told()
        if self._incidents_fresh:
            self._incidents_fresh = False
            parts["incidents"] = self._incidents
        if self._days_fresh:
            parts |= days_part(self._days_fresh)
            self._days_fresh = {}
        if monotonic() >= self._next_usual:
            self._next_usual = monotonic() + _USUAL_S
            parts["usual"] = usual_part(self.watch)
        return parts

    def _whole(self) -> dict[str, Any]:
        """Everything, for a viewer that has nothing, or has missed something."""
        news = self._news(slow=False)
        news["trader"] = self._trader_part()
        if self.snapshot is not None:
            self._slow = self._slow or self._slow_parts()
            news.update(self._slow)
            news["rows"] = self._rows(self.snapshot, 0, len(self.snapshot.meta.streams))
            news["log"] = self._log_tail.told()
            news["incidents"] = self._incidents
            news["usual"] = usual_part(self.watch)
            news["now"] = self._curves.point()
            news.update(days_part(self._days))
        return news

    def _trader_part(self) -> dict[str, Any] | None:
        return None if self.trader is None else self.trader.message()

    def _totals(self, snapshot: Snapshot) -> dict[str, Any]:
        return totals_part(
            snapshot,
            self.watch,
            self.states,
            latency=self._curves.latency,
            today=self._today.totals if self._has_looked_back else None,
            happened=self._incident_list.today,
            gone=self.verdict.gone,
        )

    def _slow_parts(self) -> dict[str, Any]:
        snapshot = self.snapshot
        if snapshot is None:
            return {}
        gathered = self.gathered()
        return {
            "connections": connections_part(snapshot.connections, self.health(), gone=self.verdict.gone),
            "venues": snapshot.venues,
            "process": snapshot.process,
            "hub": snapshot.hub,
            "hardware": self.hardware,
            "collectors": collectors.rows(gathered),
            "gather_trouble": None if gathered is None else gathered.trouble,
            "viewers": len(self.fanout.viewers),
        }

    @property
    def data_folder(self) -> str | None:
        """Where it is recorded, or gathered, from this process: the recorder's own word may begin in another folder than ours. None: nobody
        said."""
        return self.config.folder or (None if self.snapshot is None else self.snapshot.meta.data_dir)

    def gathered(self) -> collectors.Gathered | None:
        """What `hoga gather` tells that is at work in the data folder, with a recorder or without; None where none is."""
        folder = self.data_folder
        return None if not folder else collectors.look(Path(folder), time_ns())

    def _extra(self, choice: str, *, whole: bool, slow: bool) -> bytes:
        """What only those are told who look at `choice`."""
        if not choice:
            return b""
        parts = [self._looking.book(choice), self._looking.trades(choice, time_ns(), whole=whole)]
        if slow and self.snapshot is not None and not self.verdict.gone:
            own = self._curves.own(choice, self.snapshot.rows.queue)
            parts.append(b"" if own is None else _encode(own))
        return b",".join(part for part in parts if part)

    # -- for monitors -----------------------------------------------------------------------------------------------

    def health(self) -> dict[str, ConnectionHealth]:
        """The health of every connection."""
        if self.snapshot is None:
            return {}
        members = self.snapshot.meta.members
        return {row.name: self.watch.health(row, members.get(row.name, [])) for row in self.snapshot.connections}

    def facts(self) -> Facts:
        """What `/metrics` tells."""
        told = collectors.read(Path(self.data_folder)) if self.data_folder else None
        return Facts(
            snapshot=self.snapshot if self.page is PageState.GOOD else None,
            verdict=self.verdict,
            age_s=self.age_s,
            hardware=self.hardware,
            states=self.states,
            health=self.health(),
            viewers=len(self.fanout.viewers),
            trader=None if self.trader is None else self.trader.state,
            trader_age_s=0.0 if self.trader is None else self.trader.age_s,
            gathered=told,
            now_ns=time_ns(),
        )

    def healthz(self) -> tuple[int, dict[str, Any]]:
        """(HTTP status, body) of `/healthz`."""
        verdict = self.verdict
        body = {"state": verdict.state, "reasons": [{"code": each.code, "text": sentence(each)} for each in verdict.reasons]}
        return (200 if verdict.healthy else 503), body

    # -- our own page -----------------------------------------------------------------------------------------------

    def _tell_status(self) -> None:
        """The collector hears twice a second that we live, and which books are looked at."""
        if monotonic() < self._next_status:
            return
        self._next_status = monotonic() + _STATUS_S
        status = DashboardStatus(pid=os.getpid(), url=self.url, trouble=self.trouble, viewers=len(self.fanout.viewers), books=self._books())
        try:
            if self._status is None:
                self._status = PageWriter(Path(self.config.status_page), slot_bytes=_STATUS_BYTES)
            self._status.publish(encode_status(status))
        except OSError as fault:
            _log.warning("no page of the dashboard's own", why=str(fault), effect="no order books, and no sign of life")

    def _books(self) -> list[str]:
        """Whose books and trades the recorder is asked for."""
        return self._looking.want(self.fanout.choices(), monotonic())

    def tell_status_now(self) -> None:
        """The same, at once: something changed that somebody waits for."""
        self._next_status = 0.0
        self._tell_status()

    def close(self) -> None:
        """Let go of both pages, and keep the curves."""
        if self.config.status_page and self.snapshot is not None:
            with contextlib.suppress(OSError):
                write_kept(self._curves_path, self._curves.keep())
        with contextlib.suppress(OSError, HogaError):
            if self._status is not None:
                self._status.close()
        self._reader.close()
        if self.trader is not None:
            self.trader.close()
