"""dashboard.page_model: reads the page, judges it, and makes what viewers are sent. No sockets: `server` has those.

Messages are JSON objects, told apart by `k`:

    hello    what the run is (streams, symbols) and fifteen minutes of curves; first, and again when another run begins
    news     each interval: verdict, totals, a slice of the rows; once a second also connections, venues, machine, gaps, logs
    book     the ladder of the stream that the viewer looks at
    stream   curves, gaps and completeness of one stream, when it is chosen

Every message says how things are, never how they changed, so any of them may be left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from time import monotonic, monotonic_ns, time_ns
from typing import Any

import msgspec
import numpy

from hoga.core.errors import HogaError
from hoga.core.streams import Kind
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.fanout import Fanout, Frames
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import Verdict, judge, sentence
from hoga.dashboard.ladder import read_ladder
from hoga.dashboard.page import PageReader, PageWriter
from hoga.dashboard.prometheus import Facts
from hoga.dashboard.snapshot import DashboardStatus, Hardware, PageState, Snapshot, decode_snapshot, encode_status
from hoga.dashboard.today import Today
from hoga.dashboard.trader_watch import TraderWatch
from hoga.dashboard.watch import ConnectionHealth, Watch
from hoga.quality.incidents import Incident
from hoga.quality.limits import STALE_INTERVALS, STALE_MIN_S
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES

__all__ = ["PageModel"]

_log = get_log("dashboard")

"""Kinds that begin so carry a whole book in each frame."""
_SLICE = 256
_SLOW_S = 1.0
_TODAY_S = 10.0
_STATUS_S = 0.5
_STATUS_BYTES = 16_384
_LINES = 60

_encode = msgspec.json.Encoder().encode


class PageModel:
    """Everything the dashboard knows. `run` for ever; the rest answers from what was read last."""

    def __init__(self, config: DashboardConfig, fanout: Fanout) -> None:
        self.config = config
        self.fanout = fanout
        self.watch = Watch()
        self.snapshot: Snapshot | None = None
        self.page = PageState.MISSING
        self.states: list[int] = []
        self.verdict = self._judged([], None)
        self.hardware: Hardware | None = None
        self.url = ""
        self.trouble: str | None = None
        self.trader = TraderWatch(Path(config.trader_page)) if config.trader_page else None
        self._reader = PageReader(Path(config.page))
        self._pid = 0
        self._turn = 0
        self._written_s = 0.0
        self._monitor: HardwareMonitor | None = None
        self._today = Today()
        self._strips: dict[int, tuple[float | None, str, float | None]] = {}
        self._strips_fresh = False
        self._next_today = 0.0
        self._part = 0
        self._next_slow = 0.0
        self._next_status = 0.0
        self._slow: dict[str, Any] = {}
        self._logs_turn = -1
        self._greeting = True
        self._status: PageWriter | None = None

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read, judge, offer, for ever."""
        due = monotonic()
        while True:
            try:
                self.look()
            except Exception as fault:  # noqa: BLE001  # the supervised place: one odd snapshot must not end the dashboard
                _log.failure("cannot show the page", fault)
            self._tell_status()
            due = max(due + self.config.interval_s, monotonic())
            await asyncio.sleep(due - monotonic() or self.config.interval_s)

    async def run_slow(self) -> None:
        """Look at the machine and the ledgers, in a thread, for ever."""
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
            folder=snapshot.meta.data_dir if snapshot else None,
            reserve_bytes=snapshot.meta.disk_reserve_bytes if snapshot else 0,
            own_bytes=sum(venue.archive_bytes for venue in snapshot.venues) if snapshot else None,
        )
        if snapshot is not None and monotonic() >= self._next_today:
            self._next_today = monotonic() + _TODAY_S
            changed = await asyncio.to_thread(self._today.look, snapshot.meta.streams, time_ns())
            self._strips.update({at: (each.coverage, each.strip, each.proven) for at, each in changed.items()})
            self._strips_fresh = self._strips_fresh or bool(changed)

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
        quiet = self.watch.quiet_s.tolist()
        self.states = self.watch.states(self.snapshot) if self.snapshot is not None else []
        self.verdict = self._judged(quiet, self.hardware)
        if self.fanout.viewers:
            self._offer()
        else:
            self._greeting = False

    def _take(self, payload: bytes, turn: int, pid: int, written_s: float) -> None:
        try:
            snapshot = decode_snapshot(payload)
        except msgspec.DecodeError:
            self.page = PageState.VERSION
            return
        self.snapshot, self._turn, self._pid, self._written_s = snapshot, turn, pid, written_s
        if self.watch.feed(snapshot, pid=pid, mono_s=written_s, hardware=self.hardware):
            self._greeting = True
            self._strips.clear()
            self._today.begin()
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
    def age_s(self) -> float:
        """How old the newest snapshot is; 0 without any."""
        return max(0.0, monotonic_ns() / 1e9 - self._written_s) if self.snapshot else 0.0

    # -- viewers --------------------------------------------------------------------------------------------------

    def _offer(self) -> None:
        if self._greeting:
            self._greeting = False
            hello = self.hello()
            for viewer in self.fanout.viewers:
                viewer.behind = True
                viewer.answer(hello)
        slow = monotonic() >= self._next_slow
        if slow:
            self._next_slow = monotonic() + _SLOW_S
            self._slow = self._slow_parts()
        news = self._news(slow=slow)
        self.fanout.offer(Frames(_encode(news), whole=lambda: _encode(self._whole()), extra=self._book))

    def hello(self) -> bytes:
        """The first message, as a frame of its own."""
        snapshot = self.snapshot
        meta = None
        if snapshot is not None:
            meta = {
                "hoga": snapshot.meta.hoga,
                "started": snapshot.meta.started_ns // 1_000_000,
                "simulated": snapshot.meta.simulated,
                "data": snapshot.meta.data_dir,
                "threshold": snapshot.meta.latency_threshold_ms,
                "gate": snapshot.meta.latency_gate,
                "reserve": snapshot.meta.disk_reserve_bytes,
                "streams": [[row.name, row.venue, row.symbol, row.channel, row.kind] for row in snapshot.meta.streams],
                "books": [at for at, row in enumerate(snapshot.meta.streams) if Kind.of(row.kind) is Kind.ORDERBOOK],
            }
        hello = {
            "k": "hello",
            "run": f"{self.watch.run[0]}-{self.watch.run[1]}",
            "interval": self.config.interval_s,
            "meta": meta,
            "history": self.watch.history(),
        }
        return b"[" + _encode(hello) + b"]"

    def stream(self, choice: str) -> bytes | None:
        """The `stream` message for a choice (`venue:stream`), None when there is no such stream."""
        at = self.place(choice)
        if at is None or self.snapshot is None:
            return None
        today = self._today.of(at)
        message = {
            "k": "stream",
            "choice": choice,
            "history": self.watch.stream_history(at, self.snapshot.meta.streams[at].symbol_at),
            "gaps": [[start / 1e6, end / 1e6, reason, missed] for start, end, reason, missed in today.gaps] if today else [],
            "coverage": today.coverage if today else None,
            "strip": today.strip if today else "",
            "proven": today.proven if today else None,
        }
        return b"[" + _encode(message) + b"]"

    def place(self, choice: str) -> int | None:
        """The place of a stream."""
        venue, _, name = choice.partition(":")
        rows = self.snapshot.meta.streams if self.snapshot else []
        return next((at for at, row in enumerate(rows) if row.name == name and row.venue == venue), None)

    def _news(self, *, slow: bool) -> dict[str, Any]:
        snapshot = self.snapshot
        news: dict[str, Any] = {
            "k": "news",
            "t": time_ns() // 1_000_000,
            "age": round(self.age_s, 2),
            "state": self.verdict.state,
            "reasons": self.verdict.reasons,
        }
        if slow:
            news["trader"] = self._trader_part()
        if snapshot is None:
            return news
        count = len(snapshot.meta.streams)
        parts = max(1, -(-count // _SLICE))
        self._part = (self._part + 1) % parts
        news["totals"] = self._totals(snapshot)
        news["rows"] = self._rows(snapshot, self._part * _SLICE, min(count, (self._part + 1) * _SLICE))
        if slow:
            news.update(self._slow)
            if snapshot.logs_turn != self._logs_turn:
                self._logs_turn = snapshot.logs_turn
                news["logs"] = snapshot.logs.lines[-_LINES:]
            if self._strips_fresh:
                self._strips_fresh = False
                news["today"] = self._strips
        return news

    def _whole(self) -> dict[str, Any]:
        """Everything, for a viewer that has nothing, or has missed something."""
        news = self._news(slow=False)
        news["trader"] = self._trader_part()
        if self.snapshot is not None:
            self._slow = self._slow or self._slow_parts()
            news.update(self._slow)
            news["rows"] = self._rows(self.snapshot, 0, len(self.snapshot.meta.streams))
            news["logs"] = self.snapshot.logs.lines[-_LINES:]
            news["today"] = self._strips
        return news

    def _trader_part(self) -> dict[str, Any] | None:
        return None if self.trader is None else self.trader.message()

    def _totals(self, snapshot: Snapshot) -> dict[str, Any]:
        rows = snapshot.rows
        latest = self.watch.latest()
        return {
            "received": sum(rows.received),
            "records": sum(rows.recorded),
            "incidents": sum(snapshot.happened.begun.values()),
            "gaps": sum(rows.gaps),
            "queue": sum(rows.queue),
            "rate": round(float(self.watch.rates.sum()), 1),
            "live": self.states.count(0),
            "streams": len(rows.received),
            "median": latest.get("median"),
            "p99": latest.get("p99"),
        }

    def _rows(self, snapshot: Snapshot, start: int, end: int) -> dict[str, Any]:
        rows = snapshot.rows
        symbols = [row.symbol_at for row in snapshot.meta.streams[start:end]]
        medians, worst = (numpy.array(values, dtype=float)[symbols] for values in (rows.median_ms, rows.p99_ms))
        return {
            "at": start,
            "rate": numpy.round(self.watch.rates[start:end], 1).tolist(),
            "rec": rows.recorded[start:end],
            "gaps": rows.gaps[start:end],
            "q": rows.queue[start:end],
            "med": numpy.round(medians, 2).tolist(),  # an unknown one is NaN, which JSON has as null
            "p99": numpy.round(worst, 2).tolist(),
            "flush": numpy.round(self.watch.flush_ms[start:end], 2).tolist(),
            "st": self.states[start:end],
        }

    def _slow_parts(self) -> dict[str, Any]:
        snapshot = self.snapshot
        if snapshot is None:
            return {}
        health = self.health()
        return {
            "point": self.watch.latest(),
            "connections": [
                {**msgspec.structs.asdict(row), **msgspec.structs.asdict(health[row.name]), "uptime_s": round(row.uptime_s)}
                for row in snapshot.connections
            ],
            "venues": snapshot.venues,
            "process": snapshot.process,
            "hub": snapshot.hub,
            "hardware": self.hardware,
            "recent": [[row.stream, row.from_ns / 1e6, row.to_ns / 1e6, row.reason, row.missed] for row in snapshot.gaps[-50:]],
            "happened": [_incident(each) for each in snapshot.happened.recent[-50:]],
            "viewers": len(self.fanout.viewers),
        }

    def _book(self, choice: str) -> bytes:
        """The `book` message for those who look at `choice`; empty when there is nothing to show."""
        at = self.place(choice) if choice else None
        if at is None or self.snapshot is None:
            return b""
        row = self.snapshot.meta.streams[at]
        for book in self.snapshot.books:
            if book.stream == at and book.frame:
                ladder = read_ladder(VENUES[row.venue], row.channel, book.frame)
                if ladder is not None:
                    return _encode({"k": "book", "choice": choice, "t": book.recv_ns / 1e6, "bids": ladder.bids, "asks": ladder.asks})
        return b""

    # -- for monitors -----------------------------------------------------------------------------------------------

    def health(self) -> dict[str, ConnectionHealth]:
        """The health of every connection."""
        if self.snapshot is None:
            return {}
        members = self.snapshot.meta.members
        return {row.name: self.watch.health(row, members.get(row.name, [])) for row in self.snapshot.connections}

    def facts(self) -> Facts:
        """What `/metrics` tells."""
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
        status = DashboardStatus(
            pid=os.getpid(), url=self.url, trouble=self.trouble, viewers=len(self.fanout.viewers), books=self.fanout.choices()[:8]
        )
        try:
            if self._status is None:
                self._status = PageWriter(Path(self.config.status_page), slot_bytes=_STATUS_BYTES)
            self._status.publish(encode_status(status))
        except OSError as fault:
            _log.warning("no page of the dashboard's own", why=str(fault), effect="no order books, and no sign of life")

    def tell_status_now(self) -> None:
        """The same, at once: something changed that somebody waits for."""
        self._next_status = 0.0
        self._tell_status()

    def close(self) -> None:
        """Let go of both pages."""
        with contextlib.suppress(OSError, HogaError):
            if self._status is not None:
                self._status.close()
        self._reader.close()
        if self.trader is not None:
            self.trader.close()


def _incident(incident: Incident) -> dict[str, Any]:
    """As it is, with what is left out by default: a page has no defaults."""
    return msgspec.structs.asdict(incident)
