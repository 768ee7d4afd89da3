"""What viewers are told by a model that reads a page, without a socket: of a recorder that is gone, to those who fall behind."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hoga.archive.form.ledger import GapEntry, LiveEntry, append_entries
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.ledger import Gap, Reason
from hoga.core.times import DAY_NS, MINUTE_NS, MS_NS, SECOND_NS, day_of
from hoga.dashboard import page_model
from hoga.dashboard.fanout import Fanout, Viewer
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.prometheus import render
from hoga.dashboard.summary import summary_of
from tests.dashboard.stage import STARTED_NS, Stage, disconnected, make_meta
from tests.waiting import eventually


class Screen:
    """A viewer's end: what it was sent, and what it knows by that. `clear` while it reads."""

    def __init__(self) -> None:
        self.clear = True
        self.hellos: list[dict[str, Any]] = []
        self.news: dict[str, Any] = {}
        self.rows: dict[str, list[Any]] = {}
        self.kept: dict[str, Any] = {}
        self.days: dict[str, Any] = {}
        self.frames = 0

    def write(self, frame: bytes) -> None:
        self.frames += 1
        for message in json.loads(frame[{126: 4, 127: 10}.get(frame[1], 2) :]):
            if message["k"] == "hello":
                self.hellos.append(message)
                count = len(message["meta"]["streams"]) if message["meta"] else 0
                self.rows = {name: [-1] * count for name in ("rate", "rec", "gaps", "q", "med", "p99", "flush", "st")}
            elif message["k"] == "news":
                self.news = message
                self.kept |= message
                self.days |= message.get("days", {})
                at, told = message["rows"]["at"], message["rows"]
                for name, column in self.rows.items():
                    column[at : at + len(told[name])] = told[name]

    def set_viewing(self, viewing: bool) -> None:
        pass


class Theatre:
    """A run that is played step by step, a model that looks at it, and viewers."""

    def __init__(self, folder: Path, *, viewers: int = 1, **meta: Any) -> None:
        self.stage = Stage(folder, **meta)
        self.stage.open()
        self.model = PageModel(self.stage.config(), Fanout(viewers))
        self.screens = [Screen() for _ in range(viewers)]
        for screen in self.screens:
            viewer = Viewer(screen)
            assert self.model.fanout.admit(viewer)
            viewer.answer(self.model.hello())

    def step(self) -> None:
        self.stage.publish()
        self.model.look()

    def close(self) -> None:
        self.model.close()
        self.stage.close()


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    it = Theatre(tmp_path)
    yield it
    it.close()


# -- a recorder that is gone ---------------------------------------------------------------------------------------------


def killed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page stays as it was."""
    real = page_model.monotonic_ns
    monkeypatch.setattr(page_model, "monotonic_ns", lambda: real() + 60 * SECOND_NS)


def stopped(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes its page with it."""
    theatre.stage.close()


@pytest.mark.parametrize("ends, code", [(killed, "stale"), (stopped, "not-running")])
def test_of_a_recorder_that_is_gone_nothing_is_told_of_now(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, ends: Callable[[Theatre, pytest.MonkeyPatch], None], code: str
) -> None:
    theatre.step()
    theatre.step()
    (screen,) = theatre.screens
    assert screen.rows["st"] == [0] * 4 and screen.news["totals"]["live"] == 4
    last = theatre.model.snapshot
    assert last is not None
    ends(theatre, monkeypatch)
    monkeypatch.setattr(page_model, "_SLOW_S", -1.0)
    theatre.model.look()
    assert [reason["code"] for reason in screen.news["reasons"]] == [code]
    assert (screen.news["since"], screen.news["reasons"][0]["since"]) == (last.now_ns // MS_NS,) * 2, "since its last word"
    for column in ("st", "rate", "q", "med", "p99", "flush"):
        assert screen.rows[column] == [None] * 4, column
    assert screen.rows["rec"] == [2] * 4, "what was counted stays known"
    totals = screen.news["totals"]
    assert [totals[key] for key in ("rate", "live", "queue", "p50", "p99", "worst")] == [None] * 6
    assert (totals["records"], totals["streams"]) == (8, 4)
    (connection,) = screen.news["connections"]
    assert (connection["name"], connection["state"], connection["rate"], connection["score"]) == ("binance-1", None, None, None)
    summary = summary_of(theatre.model)
    assert {(row.state, row.rate, row.median_ms, row.p99_ms, row.flush_ms) for row in summary.streams} == {
        ("unknown", None, None, None, None)
    }
    assert summary.facts[0].startswith("– frames/s   8 records") and summary.facts[0].endswith("   ?/4 streams")
    assert "connections unknown" in summary.facts
    metrics = render(theatre.model.facts()).decode()
    assert "hoga_up 0.0" in metrics and "hoga_stream_silent{" not in metrics and "hoga_latency_seconds{" not in metrics
    assert "hoga_connection_up{" not in metrics
    assert ("hoga_records_total{" in metrics) is (code == "stale")


@pytest.mark.parametrize("ends", [killed, stopped])
def test_what_went_on_when_it_was_killed_is_not_told_as_going_on(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, ends: Callable[[Theatre, pytest.MonkeyPatch], None]
) -> None:
    theatre.stage.scene = disconnected
    theatre.step()
    (screen,) = theatre.screens
    assert "goes on: disconnect" in summary_of(theatre.model).going_on[0]
    (during,) = screen.kept["incidents"]
    assert (during["open"], during["to"], during["went_on"], screen.news["totals"]["incidents_open"]) == (True, None, False, 1)
    last = theatre.model.snapshot
    assert last is not None
    ends(theatre, monkeypatch)
    monkeypatch.setattr(page_model, "_SLOW_S", -1.0)
    theatre.model.look()
    assert "went on when last heard: disconnect" in summary_of(theatre.model).going_on[0]
    (after,) = screen.kept["incidents"]
    assert (after["open"], after["to"], after["went_on"]) == (False, last.now_ns / MS_NS, True)
    assert (after["number"], after["from"]) == (during["number"], during["from"])
    assert screen.news["totals"]["incidents_open"] is None, "how it is now nobody knows"


def test_since_when_is_not_known_once_the_clock_was_set_back(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    theatre.step()
    theatre.stage.scene = disconnected
    theatre.step()
    (screen,) = theatre.screens
    assert screen.news["since"] > 0 and screen.news["reasons"][0]["since"] > 0
    monkeypatch.setattr(page_model, "time_ns", lambda: STARTED_NS - 3_600 * SECOND_NS)
    theatre.step()
    assert (screen.news["since"], screen.news["reasons"][0]["since"]) == (0, 0)


def test_of_a_recorder_that_was_gone_before_this_dashboard_nobody_knows_since_when(tmp_path: Path) -> None:
    model = PageModel(Stage(tmp_path).config(), Fanout(0))
    try:
        for _ in range(2):
            model.look()
            assert model.verdict.gone and not model.verdict.healthy
            assert (model._since[1], set(model._reasons_since.values())) == (0, {0})
    finally:
        model.close()


# -- viewers that fall behind ----------------------------------------------------------------------------------------------


@given(some.lists(some.lists(some.booleans(), min_size=3, max_size=3), min_size=8, max_size=24))
@settings(max_examples=15, deadline=None)
def test_whoever_falls_behind_one_that_reads_knows_the_truth_after_one_round(clears: list[list[bool]]) -> None:
    """600 streams are three slices."""
    with tempfile.TemporaryDirectory() as folder:
        theatre = Theatre(Path(folder), viewers=4, symbols=300)
        try:
            keen, *others = theatre.screens
            theatre.step()
            for step, clear in enumerate(clears):
                for screen, reads in zip(others, clear, strict=True):
                    screen.clear = reads
                theatre.step()
                oldest = min(keen.rows["rec"])
                assert theatre.stage.ticks - oldest < 3, f"step {step}"
        finally:
            theatre.close()


def test_the_whole_is_made_once_whatever_is_looked_at(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    theatre.step()
    made: list[int] = []
    whole = theatre.model._whole
    monkeypatch.setattr(theatre.model, "_whole", lambda: made.append(1) or whole())
    for viewer in theatre.model.fanout.viewers:
        viewer.behind = True
    for choice in ("binance:SYM000USDT", "binance:SYM001USDT"):
        viewer = Viewer(Screen())
        viewer.choice = choice
        theatre.model.fanout.viewers.add(viewer)
    theatre.step()
    assert made == [1]


def test_one_that_slept_through_twenty_runs_begins_with_the_last(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    (screen,) = theatre.screens
    try:
        theatre.step()
        screen.clear = False
        for run in range(20):
            theatre.stage.meta = make_meta(2 + run, directory=str(tmp_path), started_ns=theatre.stage.meta.started_ns + 1)
            theatre.step()
        screen.clear = True
        screen.hellos.clear()
        theatre.step()
        assert [len(hello["meta"]["streams"]) for hello in screen.hellos] == [42]
        assert screen.rows["rec"] == [theatre.stage.ticks] * 42
    finally:
        theatre.close()


# -- what happened before ------------------------------------------------------------------------------------------------


async def test_until_the_ledgers_were_looked_at_nobody_says_that_nothing_was_lost(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    (screen,) = theatre.screens
    row = theatre.stage.meta.streams[0]
    try:
        theatre.step()
        keys = ("incidents_today", "missed", "uncounted", "today", "day")
        assert [screen.news["totals"][key] for key in keys] == [None] * 5
        snapshot = theatre.model.snapshot
        assert snapshot is not None
        now_ns = snapshot.now_ns
        midnight_ns = now_ns // DAY_NS * DAY_NS
        night_ns = midnight_ns - 10 * MINUTE_NS
        for at_ns, missed in ((night_ns, 1_000), (midnight_ns, 7)):
            ledger = SeriesDay(Path(row.directory), row.symbol, row.kind, day_of(at_ns)).ledger
            ledger.parent.mkdir(parents=True)
            gap = Gap(at_ns, at_ns + 1, Reason.DISCONNECT, missed)
            append_entries(ledger, [LiveEntry(from_ns=at_ns, to_ns=at_ns + 2), GapEntry(gap=gap, at=1)])
        await theatre.model._look_at_ledgers(snapshot)
        theatre.step()
        assert [screen.news["totals"][key] for key in keys[:3]] == [1, 7, 0]
        assert [(each["from"], each["missed"]) for each in theatre.model.incidents] == [
            (night_ns / MS_NS, 1_000), (midnight_ns / MS_NS, 7),
        ]  # fmt: skip
        theatre.stage.meta = make_meta(3, directory=str(tmp_path), started_ns=theatre.stage.meta.started_ns + 1)
        theatre.step()
        assert [screen.news["totals"][key] for key in keys] == [None] * 5, "another run"
    finally:
        theatre.close()


async def test_a_page_that_cannot_be_shown_is_no_good_verdict(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is thought of a recorder does not stay as it was because nobody understands what it says now."""
    theatre.step()
    assert theatre.model.healthz()[0] == 200

    def feed(*_: object, **__: object) -> bool:
        raise IndexError

    monkeypatch.setattr(theatre.model.watch, "feed", feed)
    theatre.stage.publish()
    running = asyncio.create_task(theatre.model.run())
    try:
        await eventually(lambda: theatre.model.healthz()[0] == 503)
        assert [each.code for each in theatre.model.verdict.reasons] == ["page-version"]
        assert theatre.model.states == [None] * 4
        monkeypatch.undo()
        theatre.stage.publish()
        await eventually(lambda: theatre.model.healthz()[0] == 200)
    finally:
        running.cancel()
