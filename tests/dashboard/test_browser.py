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

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.core.ledger import Reason
from hoga.dashboard.collectors import Gathered, GatheredFrom
from hoga.dashboard.snapshot import GapRow, Happened, Snapshot
from hoga.quality.incidents import Incident
from tests.dashboard.stage import SCENES, STARTED_NS, Served, Stage, disconnected, make_meta, make_trader, serving, with_hub
from tests.dashboard.trader_stage import door_at
from tests.waiting import LONG_S, until

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}

# A picture has a name from the moment in which it is there, not from its first drawing.
WATCHED = """new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes)
        for (const picture of [node, ...(node.querySelectorAll?.("[role=img], [role=application]") ?? [])])
            if (/^(img|application)$/.test(picture.role) && !picture.ariaLabel) console.error(`a picture without a name: ${picture.outerHTML}`);
}).observe(document, { childList: true, subtree: true })"""

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def tab(chromium: Any) -> Iterator[tuple[Any, list[str]]]:
    """One tab and what the browser complained of in it. A tab of its own costs three times what loading the page anew does."""
    complaints: list[str] = []
    context = chromium.new_context(bypass_csp=False)
    page = context.new_page()
    page.add_init_script(WATCHED)
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
        wait(page, "globalThis.hoga?.store.instruments.length > 0 && document.querySelector('#verdict-sub').textContent !== ''")
        return page

    complaints.clear()
    yield opened
    assert not [text for text in complaints if "ERR_CONNECTION" not in text and "WebSocket connection" not in text]


CURVE = "(document.querySelector('.tile[data-x=rate] .spark path').getAttribute('d') ?? '').split('L').length - 1"


def is_state(state: str) -> str:
    return f"document.documentElement.dataset.state == '{state}'"


def is_link(state: str) -> str:
    return f"document.querySelector('#link').dataset.link == '{state}'"


def wait(page: Any, expression: str, *, seconds: float = LONG_S) -> None:
    """Until `expression` holds. (The driver's own wait evaluates text in the page, which the page's policy forbids.)"""
    until(lambda: page.evaluate(expression), seconds=seconds, pause=0.03, why=expression)


def verdict(page: Any) -> tuple[str, list[str]]:
    return page.get_attribute("html", "data-state"), page.locator("#reasons li > span:nth-child(2)").all_inner_texts()


@pytest.mark.parametrize("language, shown", [
    ("en", ["binance-1 cut", "100 ms", "60 streams · lost: not countable"]), ("ko", ["binance-1 연결 끊김", "100 ms", "스트림 60개 · 손실: 셀 수 없음"]),
])  # fmt: skip
def test_people_are_told_of_incidents_not_of_gaps(stage: Stage, open_page: Open, language: str, shown: list[str]) -> None:
    cut = Incident(
        from_ns=STARTED_NS, to_ns=STARTED_NS + 100_000_000, reason=Reason.DISCONNECT, streams=60, gaps=60, missed=0, uncounted=60,
        venue="binance", conn="binance-1",
    )  # fmt: skip

    def scene(snapshot: Snapshot) -> Snapshot:
        now = snapshot.now_ns - 90_000_000_000
        happened = msgspec.structs.replace(cut, from_ns=now, to_ns=now + 100_000_000)
        gaps = [GapRow(0, now, now + 1, "latency-gate", 0)]
        return msgspec.structs.replace(snapshot, happened=Happened({"disconnect": 1}, [happened], [1]), gaps=gaps)

    stage.scene = scene
    page = open_page(f"#lang={language}")
    wait(page, "document.querySelectorAll('#incident-list li').length === 1")
    parts = page.locator("#incident-list li")
    assert [parts.locator(each).inner_text() for each in ("b", ".lasted", ".effect")] == shown
    assert shown[0] in page.inner_text("#verdict-sub"), "for ten minutes the bar speaks of it"
    assert "too late" not in page.inner_text("body"), "a gap of a stream is no line of its own"


def test_the_figures_are_those_of_the_run(stage: Stage, open_page: Open) -> None:
    page = open_page()
    for _ in range(5):
        wait(page, f"hoga.store.rows.rec[0] >= {stage.ticks}")
        assert int(page.evaluate("hoga.store.rows.rec[0]")) <= stage.ticks
    told = "document.querySelector('#chosen-facts').textContent.match(/([\\d,]+) records/)[1].replace(/,/g, '')"
    wait(page, f"Math.abs({told} - hoga.store.rows.rec[0] - hoga.store.rows.rec[1]) <= 4")
    wait(page, "Math.abs(hoga.store.rows.rate[0] - 10) < 1")
    first = page.locator("#list .row").first
    assert first.locator(".sym").inner_text() in ("SYM000USDT", "SYM001USDT")
    assert first.locator(".chip").all_inner_texts() == ["depth20", "aggTrade"]
    wait(page, "Math.abs(parseFloat(document.querySelector('#list .row .rate').textContent) - 20) < 2")


@pytest.mark.parametrize("language, words", [("en", {
    "disconnected": "binance-1 has been disconnected for", "gate": "Not recorded: SYM001USDT too late", "disk-low": "The disk is nearly full",
    "silent": "Silent for 45 s: sym001usdt@depth20@100ms", "skewed": "The clocks of this machine and of binance differ",
}), ("ko", {
    "disconnected": "째 끊겨 있습니다", "gate": "지연 게이트가 다시 열립니다",
    "disk-low": "디스크가 거의 찼습니다", "silent": "초째 무응답: sym001usdt@depth20@100ms", "skewed": "시계가 다릅니다",
})])  # fmt: skip
def test_what_is_wrong_stands_at_the_top(stage: Stage, open_page: Open, language: str, words: dict[str, str]) -> None:
    page = open_page(f"#lang={language}")
    assert verdict(page) == ("recording", [])
    for name, scene in SCENES.items():
        stage.scene = scene
        wait(page, f"document.querySelector('#reasons').textContent.includes({json.dumps(words[name])})", seconds=3.0)
        if name == "disconnected":
            wait(page, "getComputedStyle(document.querySelector('#ladder')).filter === 'grayscale(1)'")  # its book stands still
        elif name == "skewed":
            wait(page, "document.querySelector('.tile[data-x=latency]').dataset.level === 'warn'")  # no latency is below zero
        assert verdict(page)[0] == ("stopped" if name == "disconnected" else "degraded")
        box = page.locator("#reasons li").first.bounding_box()
        assert box
        assert box["y"] < 80
    stage.scene = lambda snapshot: snapshot
    wait(page, is_state("recording"), seconds=3.0)


def test_a_hanging_recorder_and_a_dead_dashboard_turn_red_within_three_seconds_and_heal(
    own_stage: Stage, open_page: Open, own_served: Served
) -> None:
    page = open_page("#lang=en", at=own_served)
    assert page.inner_text("#verdict-sub") == "4 of 4 streams", "since when a run records that was there before, its dashboard cannot know"
    own_stage.hold()
    wait(page, is_state("stopped"), seconds=3.0)
    own_stage.go_on()
    wait(page, is_state("recording"), seconds=3.0)
    wait(page, CURVE)
    drawn = page.evaluate(CURVE)
    port = int(own_served.url.rpartition(":")[2])
    own_served.process.kill()
    own_served.process.wait()
    wait(page, is_link("lost"), seconds=3.0)
    wait(page, is_state("stopped"), seconds=3.0)
    with serving(own_stage, port=port):
        wait(page, is_state("recording"))
        assert page.evaluate(CURVE) >= drawn, "the curves survive"


def test_a_stopped_dashboard_is_stale_then_lost_and_heals(open_page: Open, served: Served) -> None:
    page = open_page("#lang=en")
    page.evaluate(
        """() => { globalThis.spoken = []; const said = document.querySelector("#link-said");
          new MutationObserver(() => spoken.push(said.textContent)).observe(said, { subtree: true, childList: true, characterData: true }); }"""
    )
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        wait(page, f"{is_link('stale')} && getComputedStyle(document.querySelector('#list')).opacity === '0.45'", seconds=3.0)
        wait(page, f"{is_link('lost')} && document.title === '✕ hoga: Dashboard lost'")  # its socket is open and says nothing
        wait(page, "document.querySelector('#list .row .st').textContent === '?'")  # and nobody knows how streams are
        assert page.evaluate("spoken.slice(-2)") == ["stale", "no answer"], "what counts the seconds is not spoken"
    finally:
        os.kill(served.process.pid, signal.SIGCONT)
    wait(page, f"{is_link('live')} && {is_state('recording')} && document.querySelector('#list .row .st').textContent === '✓'")


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
    page.wait_for_selector("#alert-rows li" if scene == "hub" and size == "desk" else "#tiles .tile")
    page.wait_for_timeout(400)
    page.emulate_media(reduced_motion="reduce")  # no colour is on its way to another
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]


@pytest.mark.parametrize("size, scheme, language", [("desk", "light", "en"), ("phone", "dark", "ko"), ("desk", "dark", "ko")])
def test_axe_finds_nothing_about_a_trader_either(stage: Stage, open_page: Open, size: str, scheme: str, language: str) -> None:
    stage.trader = make_trader(stage.folder, incident="20261129-133156", rung="HALTED", armed_by="dashboard from 127.0.0.1")
    page = open_page(f"#lang={language}", size=size, scheme=scheme)
    wait(page, "!document.querySelector('#trader').hidden && document.querySelector('#order-rows tr') != null")
    page.emulate_media(reduced_motion="reduce")  # no colour is on its way to another
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
    page.set_viewport_size({"width": 320, "height": 640})
    for tab in ("trader", "incidents"):
        page.evaluate(f"location.hash = 'lang=en&tab={tab}'")
        wait(page, f"document.documentElement.dataset.tab === '{tab}' && document.querySelector('#{tab}').checkVisibility()")
        wait(page, "document.documentElement.scrollWidth === 320")
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


@pytest.mark.parametrize("size, unpacked, sent", [("desk", 250_000, 99_000), ("phone", 215_000, 85_000)])
def test_a_first_visit_loads_little(open_page: Open, size: str, unpacked: int, sent: int) -> None:
    page = open_page("#lang=en", size=size)
    if size == "desk":
        wait(
            page,
            "document.querySelector('#own .uplot') && document.querySelector('#ladder .mid') && document.querySelector('#machine-list .bar')",
        )
    else:
        wait(page, "document.querySelector('#map canvas') && document.querySelector('#incidents h2')")
    entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
    loaded = page.evaluate(f"{entries}.map((each) => [each.decodedBodySize, each.encodedBodySize, each.name])")
    assert sum(each[0] for each in loaded) < unpacked, (sum(each[0] for each in loaded), sorted(loaded))
    assert sum(each[1] for each in loaded) < sent
    names = " ".join(each[2] for each in loaded)
    assert not [
        word for word in ("ko.js", "help", "trader", "settings", "log-lines", "hub", "collectors", "trouble", "sheets") if word in names
    ]


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_nothing_sticks_out(open_page: Open, size: str) -> None:
    page = open_page("#lang=en", size=size)
    page.wait_for_selector("#tiles .tile")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    wait(page, "document.querySelector('#clock').checkVisibility() && document.querySelector('#clock').textContent.endsWith('UTC')")
    if size == "phone":
        wait(page, "document.querySelector('.map-line')?.textContent.includes('A tap chooses one')")
        page.set_viewport_size(SIZES["desk"])
        wait(page, "document.querySelector('#tools #clock') && document.documentElement.dataset.mode === 'desk'")


def test_all_of_it_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("001")
    wait(page, "document.querySelectorAll('#list .row').length == 1")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("ArrowDown")
    wait(page, "document.querySelector('#chosen-name').textContent == 'SYM001USDT'")
    page.keyboard.press("l")
    page.wait_for_selector('html[lang="ko"]')
    page.keyboard.press("t")
    page.wait_for_selector("html[data-dark]")
    page.keyboard.press("3")
    page.keyboard.press("g")
    page.wait_for_selector("#log-list li")
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    assert page.locator("#help dt").count() > 20
    page.keyboard.press("Escape")
    wait(page, "!document.querySelector('#help').open")
    kept = set(page.url.partition("#")[2].split("&"))
    assert {"filter=001", "lang=ko", "theme=dark", "range=1h", "log=1", "stream=binance%3ASYM001USDT"} <= kept
    page.reload()
    page.wait_for_selector('html[lang="ko"][data-dark]')
    wait(page, "document.querySelectorAll('#list .row').length == 1 && document.querySelector('#chosen-name').textContent == 'SYM001USDT'")
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('section, header, nav')?.id ?? ''"))
    assert {"top", "tiles", "streams", "charts", "chosen-head", "machine", "log"} <= reached, reached


def test_the_book_of_the_chosen_one_is_shown(open_page: Open) -> None:
    page = open_page("#colours=korea")
    wait(page, "document.querySelector('#ladder .mid')?.textContent.includes('0.02')")
    best = page.locator("#ladder .bid").first.inner_text().split()
    assert 99.9 < float(best[0]) < 100.5
    assert best[1] == "1.50"


def test_the_hub_is_shown_when_one_runs(stage: Stage, open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("#machine-list .bar")
    assert page.locator("#hub").is_hidden()
    stage.scene = with_hub
    page.wait_for_selector("#hub-rows li")
    first, second = page.locator("#hub-rows li").all_inner_texts()
    assert first.split("\n")[:3] == ["✓", "binance-1", "public, connected"]
    assert "up 60 s · 40.0/s · 4 subscriptions" in first
    assert "refused" in second
    assert "1,234" in page.inner_text("#hub-line")
    assert page.locator("#alert-rows li").all_inner_texts() == ["✕\nConnection lost: upbit-private\nrefused"]
    wait(page, "document.querySelector('#reasons').textContent.includes('upbit-private')")  # no reason of the verdict speaks of it


def test_collectors_stand_side_by_side_while_they_are_gathered(stage: Stage, open_page: Open) -> None:
    page = open_page("#lang=en")
    assert page.locator("#collectors").is_hidden()
    folder = Path(stage.meta.data_dir) / COLLECTORS_DIR
    folder.mkdir(exist_ok=True)

    def told(trouble: str | None = None) -> bool:
        now_ns = time.time_ns()
        rows = [
            GatheredFrom(name="tokyo", last_ns=now_ns - 4_000_000_000, received=1_234, won=1_200, gaps=0),
            GatheredFrom(name="seoul", last_ns=now_ns - 400_000_000_000),
        ]
        rows += [GatheredFrom(name="osaka")]
        (folder / "status.json").write_bytes(msgspec.json.encode(Gathered(now_ns=now_ns, collectors=rows, trouble=trouble)))
        return bool(page.locator("#collectors tbody tr").count() == 3)

    def cut_off() -> bool:
        return told("NATS is not there: nobody") and bool(page.locator("#collectors p").is_visible())

    try:
        until(told, why="the table of collectors")
        first, second, third = (each.split("\t") for each in page.locator("#collectors tbody tr").all_inner_texts())
        assert first[:5] == ["tokyo", "Recording", "1,234", "1,200", "0"] and first[5].endswith(" ago")
        assert second[:5] == ["seoul", "Degraded", "–", "–", "–"]
        assert third == ["osaka", "? unknown", "–", "–", "–", "not yet"]
        assert page.locator("#collectors p").is_hidden()
        until(cut_off, why="what keeps gather from hearing them")
        assert (
            page.locator("#collectors p").inner_text() == "Gather takes nothing in (NATS is not there: nobody): how they are is not known."
        )
        assert {each.split("\t")[1] for each in page.locator("#collectors tbody tr").all_inner_texts()} == {"? unknown"}
        assert not page.locator("#collectors [data-level=bad]").count()
        page.evaluate(AXE)
        assert not page.evaluate("async () => (await axe.run('#collectors')).violations.map((each) => each.id)")
    finally:
        (folder / "status.json").unlink()
    wait(page, "document.querySelector('#collectors').hidden")


def test_what_went_on_when_the_recorder_was_killed_is_not_shown_as_going_on(own_stage: Stage, open_page: Open, own_served: Served) -> None:
    own_stage.scene = disconnected
    page = open_page("#lang=en", at=own_served)
    goes_on = "document.querySelector('#incident-list li[data-open]') && document.querySelector('#tiles [data-x=incidents]').textContent.includes('1 open')"
    wait(page, goes_on)
    wait(page, "globalThis.hoga.store.totals.incidents_today === 1")
    own_stage.hold()
    wait(page, "document.querySelector('#incident-list li:not([data-open])')")
    row = page.locator("#incident-list li").inner_text()
    assert "?" in row and "went on when last heard" in row and "since" not in row
    wait(page, "document.querySelector('#tiles [data-x=incidents]').dataset.level == null")
    tile = page.locator("#tiles [data-x=incidents]").inner_text()
    assert "open" not in tile and "not known yet" in tile and "nothing was lost" not in tile
    assert not page.evaluate("document.querySelector('#incidents small').dataset.level")
    own_stage.go_on()
    wait(page, goes_on)


HOSTILE = '<img src=x onerror="document.title=1">' + "长" * 160


def test_no_width_and_no_name_makes_it_stick_out(own_stage: Stage, tab: tuple[Any, list[str]]) -> None:
    """One page through a chain of sizes, with names of two hundred letters and markup in them."""
    own_stage.meta = make_meta(3, directory=str(own_stage.folder))
    rows = list(own_stage.meta.streams)
    rows[0] = msgspec.structs.replace(rows[0], symbol=HOSTILE, name=HOSTILE)
    own_stage.meta = msgspec.structs.replace(own_stage.meta, streams=rows, symbols=[HOSTILE, *own_stage.meta.symbols[1:]])
    own_stage.scene = disconnected
    own_stage.play()
    page = tab[0]
    page.context.clear_cookies()
    with serving(own_stage) as served:
        page.goto("about:blank")
        page.goto(f"{served.url}/dashboard#lang=en")
        wait(page, is_state("stopped"))
        for width, height in (
            (1280, 900),
            (390, 844),
            (768, 1024),
            (320, 640),
            (2560, 1440),
            (844, 390),
            (1024, 768),
            (320, 225),
            (1920, 1080),
        ):
            page.set_viewport_size({"width": width, "height": height})
            mode = "tabs" if width < 640 or height <= 480 else "tablet" if width < 1100 else "desk" if width < 1600 else "wide"
            wait(page, f"document.documentElement.dataset.mode == '{mode}'")
            for name in ("now", "streams", "book", "curves", "incidents") if width < 900 else ("now",):
                page.evaluate("(name) => { location.hash = `tab=${name}&lang=en`; }", name)
                wait(page, f"document.documentElement.dataset.tab == '{name}'")
                page.wait_for_timeout(60)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, (width, name, wide)
        assert page.title() != "1"
        page.set_viewport_size(SIZES["phone"])
        page.evaluate("location.hash = 'tab=now&lang=en'")
        wait(page, "document.documentElement.scrollHeight <= innerHeight")


def test_clocks_run_by_the_server_and_an_old_page_loads_itself_anew_once(own_stage: Stage, chromium: Any) -> None:
    """The browser's clock is a day behind, it has no storage, and its page is of another version."""
    own_stage.play()
    with serving(own_stage) as served:
        context = chromium.new_context(viewport=SIZES["desk"], timezone_id="Asia/Seoul")
        page = context.new_page()
        loads: list[str] = []

        def loaded(each: Any) -> None:
            loads.append(each.url)

        page.on("domcontentloaded", loaded)
        page.add_init_script(
            "const real = Date.now.bind(Date); Date.now = () => real() - 86400000;"
            "Object.defineProperty(window, 'localStorage', {get() { throw new Error('none'); }});"
            "addEventListener('DOMContentLoaded', () => { document.querySelector('meta[name=hoga-assets]').content = 'older'; });"
        )
        page.goto(f"{served.url}/dashboard#lang=en")
        until(lambda: page.wait_for_timeout(50) or len(loads) > 1, why="it is not loaded anew")
        page.wait_for_timeout(500)
        wait(page, is_state("recording"))
        assert len(loads) == 2, "once, and not in a circle"
        shown = page.inner_text("#clock")
        off = abs(time.time() - page.evaluate("hoga.store.clock()") / 1000)
        assert off < 2, off
        assert shown.endswith("UTC")
        context.set_offline(True)
        wait(page, is_state("stopped"))
        context.set_offline(False)
        wait(page, is_state("recording"))
        context.close()


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
        port = int(served.url.rpartition(":")[2])
    with serving(own_stage, token="another", port=port):
        wait(page, is_link("over"))  # the session ended with that dashboard: the socket is refused without a reason
        assert page.inner_text("#verdict-sub") == "session over: reload"
        page.reload()
        page.wait_for_selector("input[name=token]")


@pytest.mark.slow
def test_two_hundred_streams_at_ten_hertz_are_cheap(chromium: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, symbols=100)
    stage.play()
    with serving(stage) as served:
        page = chromium.new_page(viewport=SIZES["desk"])
        page.goto(served.url + "/dashboard")
        page.wait_for_selector("#list .row")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert paint < 1_000
        page.wait_for_timeout(2_000)
        before = page.evaluate("({...hoga.stats})")
        page.wait_for_timeout(5_000)
        after = page.evaluate("({...hoga.stats})")
        updates = after["updates"] - before["updates"]
        assert updates > 25
        assert (after["script_ms"] - before["script_ms"]) / updates < 3.0
        loaded = page.evaluate("performance.getEntriesByType('resource').reduce((sum, each) => sum + each.encodedBodySize, 0)")
        assert loaded < 150_000
        page.close()
    stage.close()


@pytest.mark.slow
def test_fifteen_hundred_streams_are_a_handful_of_rows(chromium: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, symbols=750)
    stage.play()
    with serving(stage) as served:
        page = chromium.new_page(viewport=SIZES["desk"])
        page.goto(served.url + "/dashboard")
        page.wait_for_selector("#list .row")
        wait(page, "document.querySelector('#stream-count').textContent == '750 · 1,500 streams'")
        assert page.locator("#list .row").count() < 60
        page.evaluate("document.querySelector('#list').scrollTop = 1e9")
        wait(page, "[...document.querySelectorAll('#list .sym')].some((each) => each.textContent.startsWith('SYM749'))")
        wait(page, "hoga.store.rows.rec.every((value) => value > 0)")
        page.close()
    stage.close()
