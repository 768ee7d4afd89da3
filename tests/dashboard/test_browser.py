"""The page in a real browser: what people see, what assistive technology finds, what it costs."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.core.ledger import Reason
from hoga.dashboard.snapshot import AlertRow, GapRow, Happened, Snapshot
from hoga.quality.incidents import Incident
from tests.dashboard.stage import SCENES, STARTED_NS, Served, Stage, make_hub, make_trader, serving, with_hub
from tests.dashboard.trader_stage import door_at
from tests.waiting import LONG_S, until

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def tab(chromium: Any) -> Iterator[tuple[Any, list[str]]]:
    """One tab and what the browser complained of in it. A tab of its own costs three times what loading the page anew does."""
    complaints: list[str] = []
    context = chromium.new_context(bypass_csp=False)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    yield page, complaints
    context.close()


@pytest.fixture
def open_page(tab: tuple[Any, list[str]], served: Served) -> Iterator[Open]:
    """`open_page("#lang=ko", size="phone", scheme="dark")`: the dashboard, as to one who was never there; complaints of the browser fail the test."""
    page, complaints = tab

    def opened(view: str = "", *, size: str = "desk", scheme: str = "light", at: Served = served) -> Any:
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.context.clear_cookies()
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=scheme)
        page.goto("about:blank")  # the page that is there writes its view into the address until it is gone
        page.goto(f"{at.url}/dashboard{view}")
        page.wait_for_selector('html:not([data-state="waiting"]) #stream-table tbody th button')
        return page

    complaints.clear()
    yield opened
    assert not [text for text in complaints if "ERR_CONNECTION" not in text and "WebSocket connection" not in text]


def is_state(state: str) -> str:
    return f"document.documentElement.dataset.state == '{state}'"


def is_link(state: str) -> str:
    return f"document.querySelector('#link').dataset.link == '{state}'"


def wait(page: Any, expression: str, *, seconds: float = LONG_S) -> None:
    """Until `expression` holds. (The driver's own wait evaluates text in the page, which the page's policy forbids.)"""
    until(lambda: page.evaluate(expression), seconds=seconds, pause=0.03, why=expression)


def verdict(page: Any) -> tuple[str, list[str]]:
    return page.get_attribute("html", "data-state"), page.locator("#reasons li").all_inner_texts()


@pytest.mark.parametrize("language, shown", [
    ("en", ["connection binance-1 was cut for 100 ms", "binance", "60", "not countable"]),
    ("ko", ["binance-1 연결이 100 ms 동안 끊김", "binance", "60", "셀 수 없음"]),
])  # fmt: skip
def test_people_are_told_of_incidents_before_gaps(stage: Stage, open_page: Open, language: str, shown: list[str]) -> None:
    cut = Incident(
        from_ns=STARTED_NS, to_ns=STARTED_NS + 100_000_000, reason=Reason.DISCONNECT, streams=60, gaps=60, missed=0, uncounted=60,
        venue="binance", conn="binance-1",
    )  # fmt: skip
    args = {"count": 1, "what": "in English", **msgspec.to_builtins(msgspec.structs.asdict(cut))}
    alerts = [AlertRow("gap", "binance", "in English", "incident", args)]

    def scene(snapshot: Snapshot) -> Snapshot:
        gaps = [GapRow(0, STARTED_NS, STARTED_NS + 1, "latency-gate", 0)]
        return msgspec.structs.replace(snapshot, happened=Happened({"disconnect": 1}, [cut]), hub=make_hub(alerts=alerts), gaps=gaps)

    stage.scene = scene
    page = open_page(f"#lang={language}")
    wait(page, "document.querySelectorAll('#incidents tr').length === 1")
    assert page.locator("#incidents td").all_inner_texts() == shown
    wait(page, "document.querySelectorAll('#alert-rows tr').length === 1")
    assert shown[0] in page.locator("#alert-rows").inner_text()
    assert not page.locator("#recent-gaps").is_visible(), "the gaps of single streams are a click away"
    page.locator("details:has(#recent-gaps) summary").click()
    assert page.locator("#recent-gaps td").all_inner_texts()[-2:] == (
        ["too late", "none lost"] if language == "en" else ["지연 초과", "손실 없음"]
    )


def test_the_figures_are_those_of_the_run(stage: Stage, open_page: Open) -> None:
    page = open_page()
    for _ in range(5):
        before = stage.ticks
        shown = int(page.evaluate("hoga.model.columns.rec[0]"))
        assert before - 4 <= shown <= stage.ticks
        time.sleep(0.15)
    wait(page, "document.querySelector('#stream-table tbody .c-rec').textContent.replace(/,/g, '') == hoga.model.columns.rec[0]")
    wait(page, "Math.abs(hoga.model.columns.rate[0] - 10) < 1")
    assert page.locator("#stream-table tbody th button").first.inner_text() == "sym000usdt@depth20@100ms"


@pytest.mark.parametrize("language, words", [("en", {
    "disconnected": "binance-1 has been disconnected for", "gate": "Latency gate closed: SYM001USDT too late", "disk-low": "The disk is nearly full",
    "silent": "1 silent for 45 s: sym001usdt@depth20@100ms", "skewed": "The clocks of this machine and of binance differ",
}), ("ko", {
    "disconnected": "째 끊겨 있습니다", "gate": "지연 게이트 닫힘",
    "disk-low": "디스크가 거의 찼습니다", "silent": "무응답 스트림 1개", "skewed": "시계가 다릅니다",
})])  # fmt: skip
def test_what_is_wrong_stands_at_the_top(stage: Stage, open_page: Open, language: str, words: dict[str, str]) -> None:
    page = open_page(f"#lang={language}")
    assert verdict(page) == ("recording", [])
    for name, scene in SCENES.items():
        stage.scene = scene
        wait(page, f"document.querySelector('#reasons').textContent.includes({json.dumps(words[name])})", seconds=3.0)
        assert verdict(page)[0] == ("stopped" if name == "disconnected" else "degraded")
        box = page.locator("#reasons li").first.bounding_box()
        assert box
        assert box["y"] < 300
    stage.scene = lambda snapshot: snapshot
    wait(page, is_state("recording"), seconds=3.0)


def test_a_hanging_recorder_and_a_dead_dashboard_turn_red_within_three_seconds_and_heal(
    own_stage: Stage, open_page: Open, own_served: Served
) -> None:
    page = open_page(at=own_served)
    own_stage.hold()
    wait(page, is_state("stopped"), seconds=3.0)
    own_stage.go_on()
    wait(page, is_state("recording"), seconds=3.0)
    points = page.evaluate("hoga.model.history.t.length")
    port = int(own_served.url.rpartition(":")[2])
    own_served.process.kill()
    own_served.process.wait()
    wait(page, is_link("lost"), seconds=3.0)
    wait(page, is_state("stopped"), seconds=3.0)
    with serving(own_stage, port=port):
        wait(page, is_state("recording"))
        assert page.evaluate("hoga.model.history.t.length") >= points, "the curves survive"


def test_a_stopped_dashboard_is_stale(open_page: Open, served: Served) -> None:
    page = open_page()
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        wait(page, is_link("stale"), seconds=3.0)
    finally:
        os.kill(served.process.pid, signal.SIGCONT)
    wait(page, is_link("live"))


LOOKS = [
    (size, scheme, language, scene)
    for scene in ("silent", "hub", None)
    for size, scheme, language in (("desk", "light", "en"), ("desk", "dark", "ko"), ("phone", "light", "ko"), ("phone", "dark", "en"))
]
QUICK = {("desk", "light", "silent"), ("desk", "dark", "hub"), ("phone", "light", "hub"), ("phone", "dark", None)}


@pytest.mark.parametrize("size, scheme, language, scene", [
    pytest.param(*look, marks=() if (look[0], look[1], look[3]) in QUICK else pytest.mark.slow) for look in LOOKS
])  # fmt: skip
def test_axe_finds_nothing(stage: Stage, open_page: Open, size: str, scheme: str, language: str, scene: str | None) -> None:
    stage.scene = {**SCENES, "hub": with_hub}[scene] if scene else lambda snapshot: snapshot
    page = open_page(f"#lang={language}", size=size, scheme=scheme)
    wait(page, is_state("degraded" if scene == "silent" else "recording"))
    page.wait_for_selector("#alert-rows tr" if scene == "hub" else "#machine dd")
    page.wait_for_timeout(400)
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]


@pytest.mark.parametrize("size, scheme, language", [("desk", "light", "en"), ("phone", "dark", "ko"), ("desk", "dark", "ko")])
def test_axe_finds_nothing_about_a_trader_either(stage: Stage, open_page: Open, size: str, scheme: str, language: str) -> None:
    stage.trader = make_trader(stage.folder, incident="20261129-133156", rung="HALTED", armed_by="dashboard from 127.0.0.1")
    page = open_page(f"#lang={language}", size=size, scheme=scheme)
    wait(page, "!document.querySelector('#trader').hidden && document.querySelector('#order-rows tr') != null")
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]


def test_there_is_a_panel_while_there_is_a_trader(stage: Stage, open_page: Open) -> None:
    page = open_page("#lang=en")
    wait(page, "document.querySelector('#trader').hidden")
    stage.trader = make_trader(stage.folder)
    wait(page, "!document.querySelector('#trader').hidden")
    assert page.inner_text("#trader-rung") == "▲ NO_OPEN: nothing that raises a position"
    assert page.locator("#order-rows tr").nth(0).inner_text().split("\t")[-2:] == ["UNKNOWN", "7.5 s"]
    assert "1 · 7.5 s" in page.inner_text("#trader-tiles")
    stage.trader = None
    wait(page, "document.querySelector('#trader').hidden")


def test_the_exit_takes_two_steps_and_can_be_taken_back(own_stage: Stage, chromium: Any) -> None:
    journal = own_stage.folder / "journal"
    journal.mkdir()
    notes: list[str] = []
    flattened: list[tuple[str, str]] = []
    own_stage.trader = make_trader(own_stage.folder)
    own_stage.play()
    with door_at(journal, notes, flattened), serving(own_stage) as served:
        page = chromium.new_page()
        page.goto(f"{served.url}/dashboard")
        wait(page, "!document.querySelector('#trader').hidden && !document.querySelector('#flatten-arm').disabled")
        page.locator("#flatten-arm").focus()
        page.keyboard.press("Enter")
        wait(page, "!document.querySelector('#flatten-sure').hidden")
        assert page.evaluate("document.activeElement.id") == "flatten-cancel", "the safe choice has the focus"
        page.keyboard.press("Escape")
        wait(page, "document.querySelector('#flatten-said').textContent.startsWith('Taken back')")
        page.locator("#flatten-arm").click()
        wait(page, "!document.querySelector('#flatten-sure').hidden")
        assert flattened == []
        page.locator("#flatten-confirm").click()
        wait(page, "document.querySelector('#flatten-said').textContent.startsWith('The exit has begun')")
        page.close()
    assert notes == ["flatten-armed", "flatten-disarmed", "flatten-armed", "flatten-confirmed"]
    assert [who for who, _ in flattened] == ["dashboard"]


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_nothing_sticks_out(open_page: Open, size: str) -> None:
    page = open_page(size=size)
    page.wait_for_selector("#machine dd")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]


def test_all_of_it_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("001")
    wait(page, "document.querySelectorAll('#stream-table tbody th').length == 2")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    wait(page, "document.querySelector('#h-chosen').textContent.startsWith('sym001usdt')")
    page.keyboard.press("l")
    page.wait_for_selector('html[lang="ko"]')
    page.keyboard.press("t")
    page.wait_for_selector("html[data-dark]")
    assert {"filter=001", "lang=ko", "theme=dark"} <= set(page.url.partition("#")[2].split("&"))
    page.reload()
    page.wait_for_selector('html[lang="ko"][data-dark]')
    wait(page, "document.querySelectorAll('#stream-table tbody th').length == 2")


def test_ladder_and_heatmap_show_the_chosen_book(open_page: Open) -> None:
    page = open_page("#colours=korea")
    wait(page, "document.querySelector('#ladder .mid').textContent.includes('0.02')")
    best = page.locator("#ladder .bid").first.inner_text().split()
    assert 99.9 < float(best[0]) < 100.5
    assert best[1] == "1.50"
    wait(page, "hoga.model.ladders.length > 5")
    painted = page.evaluate("(() => { const c = document.querySelector('#heat'); const d = c.getContext('2d').getImageData(c.width - 2, 0, 1, c.height).data;"
                            " let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] > 60 || d[i + 1] > 60) n += 1; return n; })()")  # fmt: skip
    assert painted > 10
    page.locator("#stream-table tbody th button", has_text="aggTrade").first.click()
    page.wait_for_selector("#no-book:not([hidden])")


def test_the_hub_is_shown_when_one_runs(stage: Stage, open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("#machine dd")
    assert page.locator("#hub").is_hidden()
    stage.scene = with_hub
    page.wait_for_selector("#hub-rows tr")
    first, second = page.locator("#hub-rows tr").all_inner_texts()
    assert first.split("\t")[:6] == ["binance-1", "public", "✓ connected", "40.0", "4", "1"]
    assert "✕ refused" in second
    assert "1,234" in page.inner_text("#hub-pairs")
    assert page.locator("#alert-rows tr").all_inner_texts() == ["Connection lost\tupbit-private\trefused"]


def test_simulated_data_is_unmistakable(open_page: Open, tmp_path: Path) -> None:
    stage = Stage(tmp_path, simulated=True)
    stage.play()
    with serving(stage) as served:
        page = open_page(at=served)
        page.wait_for_selector("#ribbon:not([hidden])")
        assert "SIMULATED" in page.inner_text("#ribbon")
    stage.close()


def test_the_token_is_asked_for_and_opens_it(tab: tuple[Any, list[str]], own_stage: Stage) -> None:
    own_stage.play()
    page = tab[0]
    page.context.clear_cookies()
    with serving(own_stage, token="a-token") as served:
        page.goto(served.url + "/dashboard")
        page.fill("input[name=token]", "a-token")
        page.press("input[name=token]", "Enter")
        page.wait_for_selector('html[data-state="recording"]')


@pytest.mark.slow
def test_two_hundred_streams_at_ten_hertz_are_cheap(chromium: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, symbols=100)
    stage.play()
    with serving(stage) as served:
        page = chromium.new_page(viewport=SIZES["desk"])
        page.goto(served.url + "/dashboard")
        page.wait_for_selector("#machine dd")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert paint < 1_000
        page.wait_for_timeout(2_000)
        before = page.evaluate("({...hoga.stats})")
        page.wait_for_timeout(5_000)
        after = page.evaluate("({...hoga.stats})")
        updates = after["updates"] - before["updates"]
        assert updates > 25
        assert (after["script_ms"] - before["script_ms"]) / updates < 3.0
        loaded = page.evaluate("performance.getEntriesByType('resource').reduce((sum, each) => sum + each.decodedBodySize, 0)")
        assert loaded < 200_000
        page.close()
    stage.close()


@pytest.mark.slow
def test_fifteen_hundred_streams_are_a_handful_of_rows(chromium: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, symbols=750)
    stage.play()
    with serving(stage) as served:
        page = chromium.new_page(viewport=SIZES["desk"])
        page.goto(served.url + "/dashboard")
        page.wait_for_selector("#stream-table tbody th button")
        wait(page, "document.querySelector('#stream-count').textContent == '1500'")
        assert page.locator("#stream-table tbody tr").count() < 60
        page.evaluate("document.querySelector('#stream-scroll').scrollTop = 1e9")
        wait(page, "[...document.querySelectorAll('#stream-table tbody th button')].some((each) => each.textContent.startsWith('sym749'))")
        wait(page, "hoga.model.columns.rec.every((value) => value > 0)")
        page.close()
    stage.close()
