"""The pictures of the page: what they reckon, against Python's own numbers, and what they draw, in a browser without a dashboard."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import hoga.dashboard
from tests.waiting import until

STATIC = Path(hoga.dashboard.__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css"}
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'"
MODULES = (
    "decimal",
    "levels",
    "strips",
    "cells",
    "timeline",
    "bookdata",
    "spark",
    "heatmap",
    "store",
    "view",
    "link",
    "axis",
    "rings",
    "own-incidents",
    "format",
    "i18n",
    "ink",
    "states",
    "map",
    "charts",
    "today",
    "book",
)
PAGE = f"""<!doctype html><html lang="en" data-mode="wide"><head>
<link rel="stylesheet" href="/static/page.css"><link rel="stylesheet" href="/static/pictures.css"></head>
<body><div id="range"><button type="button">15m</button></div>{"".join(f'<section id="{name}"></section>' for name in ("map", "charts", "today"))}
<div id="book">{"".join(f'<div id="{name}"></div>' for name in ("ladder", "heat", "tape", "day", "own"))}</div></body></html>"""
NOW = 1_795_982_400_000  # 2026-11-29 20:00 UTC


class Files(BaseHTTPRequestHandler):
    """The page's files under the page's policy; a browser asks for each of them once."""

    def do_GET(self) -> None:
        path = STATIC / self.path.partition("/static/")[2]
        body = path.read_bytes() if path.is_file() else PAGE.encode()
        self.send_response(200)
        for name, value in {
            "content-type": TYPES.get(path.suffix, "text/html"),
            "content-security-policy": POLICY,
            "cache-control": "max-age=600",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Tab:
    """A page with the modules in it. `call` gives one function of one module a list of arguments at a time."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        self.load()

    def load(self, view: str = "") -> None:
        """The page from its beginning."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/page{view}")
        self.page.evaluate(
            "async (names) => { globalThis.m = {}; for (const name of names) m[name] = await import(`/static/page/${name}.js`); }",
            list(MODULES),
        )

    def run(self, script: str, argument: Any = None) -> Any:
        """What `script`, a function of one argument, gives; whole numbers of any size come as texts."""
        told = self.page.evaluate(
            f"(given) => JSON.stringify((({script}))(JSON.parse(given)), (_, value) => (typeof value === 'bigint' ? String(value) : value))",
            json.dumps(argument),
        )
        return None if told is None else json.loads(told)

    def mounted(self, instruments: int = 2, view: str = "") -> None:
        """All pictures with a store of their own, which has been greeted and has chosen the first instrument."""
        self.load(view)
        self.page.evaluate(
            """async ({hello, news}) => {
              const slot = (id) => document.getElementById(id);
              globalThis.said = [];
              globalThis.store = new m.store.Store();
              store.say = (words) => said.push(words);
              m.view.beginView((keys, look) => { store.touch("view"); if (look) store.emit("look"); });
              await m.i18n.setLanguage("en");
              store.on("look", m.ink.restyle);
              m.axis.mountAxis(slot("range"), store);
              m.rings.ringsOf(store);
              await Promise.all(["map", "charts", "today", "book"].map((name) => m[name].mount(slot(name), store)));
              m.i18n.worded(document);
              store.take([hello, news], 0);
              store.choose("binance:SYM0");
            }""",
            {"hello": hello(instruments), "news": news(instruments)},
        )

    def take(self, *messages: dict[str, Any]) -> None:
        """Messages of the server."""
        self.run("(messages) => store.take(messages, 0)", messages)

    def shows(self, expression: str) -> None:
        """Until `expression` holds."""
        until(lambda: self.page.evaluate(expression), pause=0.04, why=expression)


@pytest.fixture(scope="module")
def opened(chromium: Any) -> Iterator[Tab]:
    context = chromium.new_context(viewport={"width": 1000, "height": 1200}, reduced_motion="no-preference", timezone_id="Asia/Seoul")
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="files")
        thread.start()
        yield Tab(context.new_page(), f"http://127.0.0.1:{server.server_port}")
        context.close()
        server.shutdown()
        thread.join()


@pytest.fixture
def tab(opened: Tab) -> Iterator[Tab]:
    opened.complaints.clear()
    yield opened
    assert not opened.complaints


def hello(instruments: int) -> dict[str, Any]:
    names = [["binance" if at % 2 == 0 else "upbit", f"SYM{at}", "0.01"] for at in range(instruments)]
    streams = [
        [f"sym{at}@{channel}", row[0], row[1], channel, kind, at]
        for at, row in enumerate(names)
        for channel, kind in (("depth20", "orderbook"), ("trade", "execution"))
    ]
    venues = [{"id": "binance", "title": "Binance", "short": "B"}, {"id": "upbit", "title": "Upbit", "short": "U"}]
    meta = {
        "streams": streams,
        "instruments": names,
        "books": list(range(0, 2 * instruments, 2)),
        "venues": venues,
        "limits": {"book_old_s": 10},
        "started": NOW,
    }
    series = {
        "rate:binance": [100.0 + at % 7 for at in range(900)],
        "rate:upbit": [50.0] * 900,
        "p50": [2.0] * 900,
        "p99": [20.0] * 899 + [400.0],
    }
    whole = {"k": "history", "range": "15m", "of": "", "t0": NOW - 899_000, "step": 1000, "n": 900, "series": series}
    return {"k": "hello", "run": "1", "now": NOW, "interval": 0.1, "meta": meta, "histories": [whole]}


def news(instruments: int, **more: Any) -> dict[str, Any]:
    count = 2 * instruments
    rows = {
        "at": 0,
        "rate": [10.0] * count,
        "st": [0] * count,
        "rec": [1] * count,
        "gaps": [0] * count,
        "q": [0] * count,
        "med": [2.0] * count,
        "p99": [3.0] * count,
        "flush": [1.0] * count,
    }
    return {"k": "news", "t": NOW, "state": "recording", "reasons": [], "rows": rows, "usual": [10.0] * count, **more}


# A link with a clock, sockets and an answer of `/dashboard` of its own: `world.run(ms)` lets time pass, `world.sleep(ms)` all but the page's clock.
WORLD = """globalThis.world = (store) => {
  const kept = [], jobs = [], at = { now: 1e12, mono: 0 }, out = { sockets: [], sent: [], states: [], probes: 0, refused: false };
  const stub = (on, name, value) => { kept.push([on, name, on[name]]); on[name] = value; };
  class Socket {
    constructor() { this.readyState = 0; out.sockets.push(this); }
    open() { this.readyState = 1; this.onopen(); }
    tell(...messages) { this.onmessage({ data: JSON.stringify(messages) }); }
    send(text) { out.sent.push([at.mono, JSON.parse(text)]); }
    close(code = 1006) { this.readyState = 3; this.onclose?.({ code }); }
  }
  Object.assign(Socket, { CONNECTING: 0, OPEN: 1 });
  stub(globalThis, "WebSocket", Socket);
  stub(globalThis, "setTimeout", (act, wait = 0) => jobs.push({ act, due: at.mono + Math.max(0, wait) }));
  stub(globalThis, "clearTimeout", (job) => { if (jobs[job - 1]) jobs[job - 1].act = null; });
  stub(globalThis, "setInterval", (act, every) => jobs.push({ act, due: at.mono + every, every }));
  stub(globalThis, "fetch", () => { out.probes += 1; return { then: (take) => take(out.refused ? { type: "opaqueredirect", status: 0 } : { type: "basic", status: 200 }) }; });
  stub(Date, "now", () => at.now);
  stub(performance, "now", () => at.mono);
  out.run = (ms) => {
    for (const end = at.mono + ms; at.mono < end;) {
      at.mono += 10; at.now += 10;
      for (const job of [...jobs]) while (job.act && job.due <= at.mono) { const { act } = job; if (job.every) job.due += job.every; else job.act = null; act(); }
    }
  };
  out.sleep = (ms) => { at.now += ms; };
  out.end = () => { for (const [on, name, value] of kept) on[name] = value; };
  return out;
};"""


def with_link(tab: Tab, script: str, argument: Any = None) -> Any:
    """What `script`, which sees `world`, `store` and `given`, returns; nothing of its time is left afterwards."""
    tab.load()
    whole = f"""(given) => {{ {WORLD} const store = new m.store.Store(), w = world(store);
        try {{ Object.assign(store.link, {{ heard: 0, at: 1e12, since: 1e12 }}); store.range = () => "15m"; m.link.openLink(store); {script} }} finally {{ w.end(); }} }}"""
    return tab.run(whole, argument)


def book(t: int, *, bids: list[list[str]] | None = None, asks: list[list[str]] | None = None) -> dict[str, Any]:
    bids = bids or [[f"{86708.28 - 0.01 * at:.2f}", f"0.{at + 1:03d}"] for at in range(20)]
    asks = asks or [[f"{86708.30 + 0.01 * at:.2f}", f"1.{at:03d}"] for at in range(20)]
    return {"k": "book", "of": "binance:SYM0", "t": t, "bids": bids, "asks": asks}


# -- what is reckoned


def decimals(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    plain = [f"{chance.randint(0, 10 ** chance.randint(1, 14))}.{chance.randint(0, 10**8 - 1):08d}" for _ in range(count)]
    return [*plain, "0", "0.0", ".5", "5.", "-1.50", "1E-8", "1e3", "124300000", "0.000000000000000001", "99999999999999999999.99"]


def test_decimal_text_stays_what_it_is(tab: Tab) -> None:
    texts = decimals(1, 200)
    read = tab.run(
        "(texts) => texts.map((text) => { const { units, digits } = m.decimal.parse(text); return [units, digits, m.decimal.write(units, digits)]; })",
        texts,
    )
    for text, (units, digits, written) in zip(texts, read, strict=True):
        assert Decimal(units) / 10**digits == Decimal(text)
        assert Decimal(written.replace(",", "")) == Decimal(text)
        assert written == f"{Decimal(text):,.{digits}f}"
    assert tab.run("(texts) => texts.map(m.decimal.parse)", ["", "x", "1,5", "NaN", "Infinity", "0x1", "1e", "--1"]) == [None] * 8


def test_steps_and_rounding_are_exact(tab: Tab) -> None:
    chance = random.Random(2)
    cases = [(chance.randint(-(10**17), 10**17), chance.choice([1, 2, 5, 10, 100, 1000, 37])) for _ in range(200)]
    told = tab.run(
        "(cases) => cases.map(([units, step]) => [m.decimal.floorTo(BigInt(units), BigInt(step)), m.decimal.ceilTo(BigInt(units), BigInt(step)), m.decimal.rounded(BigInt(units), 8, 3), m.decimal.gcd(BigInt(units), BigInt(step))])",
        [[str(units), str(step)] for units, step in cases],
    )
    for (units, step), (floor, ceiling, rounded, divisor) in zip(cases, told, strict=True):
        assert int(floor) == int((Decimal(units) / step).to_integral_value(ROUND_FLOOR)) * step
        assert int(ceiling) == int((Decimal(units) / step).to_integral_value(ROUND_CEILING)) * step
        assert int(rounded) == int(Decimal(units).scaleb(-5).quantize(Decimal(1), "ROUND_HALF_UP"))
        assert units % int(divisor) == 0
        assert step % int(divisor) == 0


@pytest.mark.parametrize("ticks", [1, 10, 100])
def test_grouped_levels_hold_all_of_the_size_and_none_looks_better(tab: Tab, ticks: int) -> None:
    chance = random.Random(ticks)
    prices = sorted(chance.sample(range(8_670_000, 8_671_000), 20), reverse=True)
    bids = [[f"{Decimal(price) / 100:.4f}", f"{chance.randint(1, 10**6) / 10**5:.5f}"] for price in prices]
    asks = [[f"{Decimal(price + 1001) / 100:.4f}", f"{chance.randint(1, 10**6) / 10**5:.5f}"] for price in reversed(prices)]
    told = tab.run(
        """({ bids, asks, ticks }) => {
          const book = m.levels.measured(bids, asks), step = m.levels.tickOf("0.01", book) * BigInt(ticks);
          const side = (levels, isBid) => { const out = m.levels.grouped(levels, step, isBid); return [out.map((level) => m.decimal.write(level[0], book.digits)), m.levels.summed(out).map((sum) => m.decimal.write(sum, book.sizeDigits))]; };
          return { bids: side(book.bids, true), asks: side(book.asks, false), digits: book.digits };
        }""",
        {"bids": bids, "asks": asks, "ticks": ticks},
    )
    assert told["digits"] == 2, "zeros that only fill are no digits"
    step = Decimal(ticks) / 100
    for side, levels, way in (("bids", bids, ROUND_FLOOR), ("asks", asks, ROUND_CEILING)):
        sums: dict[Decimal, Decimal] = {}
        for price, size in levels:
            at = (Decimal(price) / step).to_integral_value(way) * step
            sums[at] = sums.get(at, Decimal(0)) + Decimal(size)
        running, expected = Decimal(0), []
        for size in sums.values():
            running += size
            expected.append(running)
        assert [Decimal(text.replace(",", "")) for text in told[side][0]] == list(sums)
        assert [Decimal(text.replace(",", "")) for text in told[side][1]] == expected


@pytest.mark.parametrize("bid, ask, tick, says", [
    ("86708.28", "86708.30", "0.01", {"text": "0.02", "ticks": "2", "bps": "0.002", "mid": "86,708.29"}),
    ("86708.28", "86708.29", "0.01", {"text": "0.01", "ticks": "1", "bps": "0.001", "mid": "86,708.285"}),
    ("124300000", "124301000", "1000", {"text": "1,000", "ticks": "1", "bps": "0.080", "mid": "124,300,500"}),
    ("99", "101", None, {"text": "2", "ticks": "2", "bps": "200.00", "mid": "100"}),
])  # fmt: skip
def test_the_spread_in_ticks_and_bps(tab: Tab, bid: str, ask: str, tick: str | None, says: dict[str, str]) -> None:
    script = "({ bid, ask, tick }) => { const book = m.levels.measured([[bid, '1']], [[ask, '1']]); return m.levels.spreadOf(book, m.levels.tickOf(tick, book)); }"
    assert tab.run(script, {"bid": bid, "ask": ask, "tick": tick}) == says


def test_a_missed_minute_is_seen_on_the_narrowest_strip(tab: Tab) -> None:
    chance = random.Random(3)
    for dots in (1, 97, 333, 1440, 3000):
        runs = [(chance.choice("nrrrrcim"), chance.randint(1, 200)) for _ in range(12)]
        signs = "".join(sign * length for sign, length in runs)[:1440]
        text = "".join(f"{sign}{length}" for sign, length in runs)
        told = tab.run(
            "({ text, dots }) => { const strip = m.strips.read(text); return { until: strip.until, dots: [...m.strips.dotsOf(strip, dots)], counts: m.strips.countOf(text), last: m.strips.minuteOf(strip, strip.until), first: m.strips.minuteOf(strip, 0) }; }",
            {"text": text, "dots": dots},
        )
        level = {"n": 0, "r": 1, "c": 4, "i": 10, "m": 11}
        for dot, shown in enumerate(told["dots"]):
            start = dot * 1440 // dots
            end = max(start + 1, (dot + 1) * 1440 // dots)
            minutes = signs[start:end]
            assert shown == (max(level[sign] for sign in minutes) if minutes else 255)
        assert told["until"] == len(signs)
        assert told["counts"] == {"missed": sum(sign in "cim" for sign in signs), "whole": signs.count("r"), "until": len(signs)}
        assert told["first"]["key"] == {"n": "before", "r": "whole", "c": "part", "i": "part", "m": "missed"}[signs[0]]
        assert told["last"]["key"] == "ahead"
    assert tab.run("() => m.strips.read('r5?n3').until") == 8, "what is odd is passed over"


def test_every_sum_of_troubles_has_one_state(tab: Tab) -> None:
    states = tab.run("() => [...Array(64).keys(), null].map((flags) => m.states.codeOf(flags))")
    order = [(2, "disk"), (4, "disconnected"), (1, "gated"), (8, "silent"), (16, "down"), (32, "never")]
    assert states[:64] == [next((name for flag, name in order if flags & flag), "ok") for flags in range(64)]
    assert states[64] == "unknown"
    looks = tab.run(
        "(pairs) => pairs.map(([rate, usual]) => m.cells.brightness(rate, usual))",
        [[0, 5], [1, 5], [2, 5], [5, 5], [11, 5], [3, None], [None, 5]],
    )
    assert looks == [0, 1, 2, 3, 4, 3, 0]


def test_the_map_holds_every_stream_in_cells_that_can_be_hit(tab: Tab) -> None:
    cases = [[count, width, 260] for count in (1, 6, 60, 1500, 5000) for width in (280, 340, 460, 1200)]
    told = tab.run(
        """(cases) => cases.map(([count, width, height]) => {
          const layout = m.cells.grid(count, width, height);
          const wrong = [...Array(count).keys()].filter((at) => m.cells.cellAt(layout, count, (at % layout.columns + 0.5) * layout.size, (Math.floor(at / layout.columns) + 0.5) * layout.size) !== at);
          return { ...layout, wrong, outside: m.cells.cellAt(layout, count, layout.columns * layout.size + 1, 1), down: m.cells.step(layout, count, 0, "ArrowDown"), end: m.cells.step(layout, count, 0, "End"), stay: m.cells.step(layout, count, 0, "ArrowLeft") };
        })""",
        cases,
    )
    for (count, width, height), layout in zip(cases, told, strict=True):
        assert 6 <= layout["size"] <= 22
        assert layout["columns"] * layout["size"] <= width
        assert layout["columns"] * layout["rows"] >= count
        assert layout["height"] <= height or layout["size"] == 6
        assert (layout["wrong"], layout["outside"], layout["end"], layout["stay"]) == ([], -1, count - 1, 0)
        assert layout["down"] == (layout["columns"] if layout["columns"] < count else 0)


def test_points_fold_into_longer_steps(tab: Tab) -> None:
    chance = random.Random(5)
    seconds = [at for at in range(200) if at not in range(70, 90)]
    points = [{"t": NOW + at * 1000, "p50": chance.randint(1, 99), "p99": chance.randint(1, 99) if at % 3 else None} for at in seconds]
    told = tab.run(
        "(points) => { const ring = new m.timeline.Ring('1h'); for (const { t, ...values } of points) ring.add(t, values); return { t: ring.t, p50: ring.get('p50'), p99: ring.get('p99'), none: ring.get('x').length }; }",
        points,
    )
    assert told["t"] == [NOW / 1000 + at for at in range(0, 200, 5)]
    assert told["none"] == len(told["t"])
    for at, start in enumerate(told["t"]):
        mine = [point for point in points if start * 1000 <= point["t"] < (start + 5) * 1000]
        large = [point["p99"] for point in mine if point["p99"] is not None]
        assert told["p50"][at] == (pytest.approx(sum(point["p50"] for point in mine) / len(mine)) if mine else None)
        assert told["p99"][at] == (max(large) if large else None)


def test_a_ring_stays_as_long_as_its_range(tab: Tab) -> None:
    lengths = tab.run(
        "() => { const ring = new m.timeline.Ring('1m'), out = []; for (let at = 0; at < 500; at += 1) { ring.add(at * 1000, { rate: at }); out.push(ring.t.length, ring.get('rate').length); } ring.add(9e9, { rate: 1 }); out.push(ring.t.length); ring.add(5, { rate: 7 }); return [Math.max(...out), out.at(-1), ring.get('rate')]; }"
    )
    assert lengths == [62, 1, [7]]


def test_axes_are_round_and_hold_what_they_show(tab: Tab) -> None:
    chance = random.Random(6)
    tops = [10 ** chance.uniform(-3, 7) for _ in range(100)]
    for top, marks in zip(tops, tab.run("(tops) => tops.map(m.timeline.linearAxis)", tops), strict=True):
        assert marks[0] == 0
        assert 3 <= len(marks) <= 4 or len(marks) == 2
        assert marks[-1] >= top * 0.999
    pairs = [sorted([10 ** chance.uniform(-3, 5), 10 ** chance.uniform(-3, 5)]) for _ in range(100)]
    for (low, high), (bottom, top, marks) in zip(
        pairs, tab.run("(pairs) => pairs.map(([low, high]) => m.timeline.logAxis(low, high))", pairs), strict=True
    ):
        assert bottom <= low <= high <= top
        assert all(bottom <= mark <= top for mark in marks)
        assert len(marks) >= 2
    assert tab.run(
        "() => [m.timeline.axisText(1200), m.timeline.axisText(0.05), m.timeline.axisText(86708), m.timeline.axisText(null)]"
    ) == ["1.2k", "0.05", "86.7k", ""]


def test_the_time_axis_is_labelled_in_utc_or_local_time(tab: Tab) -> None:
    told = tab.run(
        "(now) => [m.timeline.marks(now - 900_000, now, 9, false), m.timeline.marks(now - 60_000, now, 6, false), m.timeline.marks(now - 86_400_000, now, 9, true)[0].map((at) => m.format.clock(at, true, false)), m.format.moment(now - 86_400_000, now, false), m.format.moment(now, now, false)]",
        NOW + 7_000,
    )
    (quarter, fine), (minute, exact), local, yesterday, today = told
    assert (fine, exact) == (False, True)
    assert all(at % 120_000 == 0 for at in quarter)
    assert all(at % 10_000 == 0 for at in minute)
    assert local[0] == "06:00" and {text[3:] for text in local} == {"00"}, "round in Seoul's hours"
    assert (yesterday, today) == ("11-28 20:00:07", "20:00:07")


def test_incidents_become_bands(tab: Tab) -> None:
    incidents = [
        {"from": 5, "to": 20, "open": False, "of": [1]}, {"from": 15, "to": 30, "open": False, "of": None, "venue": ""},
        {"from": 50, "to": None, "open": True, "of": [2]}, {"from": 200, "to": 300, "open": False, "of": None, "venue": "upbit"},
    ]  # fmt: skip
    told = tab.run(
        """(incidents) => { const store = { instruments: [{ venue: "binance" }, { venue: "binance" }, { venue: "upbit" }] };
          const of = (place) => m.timeline.bands(incidents, 10, 100, 90, (each) => m["own-incidents"].isOf(each, place, store));
          return [m.timeline.bands(incidents, 10, 100, 90), of(1), of(2), of(0)]; }""",
        incidents,
    )
    assert told == [[[10, 30, False], [50, 90, True]], [[10, 30, False]], [[15, 30, False], [50, 90, True]], [[15, 30, False]]]


def test_stacks_add_up_and_sparklines_fit(tab: Tab) -> None:
    assert tab.run("() => m.timeline.stacked([[1, 2, null], [3, null, null]])") == [[1, 2, None], [4, 2, None]]
    assert tab.run("() => [m.spark.sparkPath([1, 2, null, 4, 0], 40, 12), m.spark.sparkPath([0, 0], 10, 10), m.spark.sparkPath([1], 10, 10)]") == [
        "M0.0 8.5L10.0 6.0M30.0 1.0L40.0 11.0", "M0.0 9.0L10.0 9.0", ""]  # fmt: skip


def test_depth_is_looked_up_by_time_and_grows_finer(tab: Tab) -> None:
    told = tab.run(
        """({ first, second, depth }) => {
          const data = new m.bookdata.BookData();
          data.takeBook(first, "0.01");
          data.takeDepth(depth);
          const coarse = data.columns.map((column) => [column.t, column.bids[0]]);
          data.takeBook(second, "0.001");
          for (let at = 1; at < 5000; at += 1) data.takeBook({ ...second, t: second.t + at * 100 }, "0.001");
          const held = m.bookdata.columnAt(data.columns, data.columns.at(-1).t + 2000, 3000);
          return { coarse, finer: data.digits, last: data.columns.at(-1).bids[0], kept: data.columns.length, held: held?.t, none: m.bookdata.columnAt(data.columns, data.columns.at(-1).t + 3001, 3000), tick: data.tick };
        }""",
        {"first": book(NOW), "second": book(NOW + 1000, bids=[["86708.281", "1"]], asks=[["86708.283", "2"]]),
         "depth": {"unit": "0.01", "cols": [[NOW - 2000, [8670000, 1.5], [8670002, 2]], [NOW - 1000, [8670001, 1.5], [8670003, 2]], [NOW + 500, [1, 1], [2, 1]]]}},
    )  # fmt: skip
    assert told["coarse"] == [[NOW - 2000, 8670000], [NOW - 1000, 8670001], [NOW, 8670828]], (
        "what is newer than the first book is known better already"
    )
    assert (told["finer"], told["last"], told["tick"], told["none"]) == (3, 86708281, "1", None)
    assert 1200 <= told["kept"] <= 1230, "five minutes, four columns a second"
    assert told["held"] is not None


def test_trades_numbered_anew_and_books_after_a_break_are_taken(tab: Tab) -> None:
    told = tab.run(
        """(now) => {
          const data = new m.bookdata.BookData(), trade = (at) => [now + at * 100, "100.0", "1", 1];
          const trades = (first, ...ats) => { data.takeTrades({ first, list: ats.map(trade), lost: 0 }); return data.trades.map((each) => [each.n, (each.t - now) / 100]); };
          const out = { known: trades(0, 0, 1, 2, 3, 4), again: trades(2, 2, 3, 4, 5), shorter: trades(0, 60, 61), longer: trades(0, 80, 81, 82, 83), later: trades(900, 99) };
          const cols = (from, count) => Array.from({ length: count }, (_, at) => [from + at * 1000, [9999, 1], [10001, 1]]);
          data.takeDepth({ unit: "0.01", cols: cols(now, 10) });
          data.takeDepth({ unit: "0.01", cols: cols(now + 5000, 100) });
          out.overlap = data.columns.length;
          data.takeDepth({ unit: "0.01", cols: cols(now + 3_600_000, 300) });
          data.takeBook({ t: now + 3_900_000, bids: [["99.99", "1"]], asks: [["100.01", "1"]] }, "0.01");
          out.columns = data.columns.map((each) => each.t - now - 3_600_000);
          return out;
        }""",
        NOW,
    )
    assert told["known"] == [[at, at] for at in range(5)]
    assert told["again"] == [[at, at] for at in range(6)]
    assert told["shorter"] == [[0, 60], [1, 61]], "fewer than were known: another dashboard counts"
    assert told["longer"] == [[0, 80], [1, 81], [2, 82], [3, 83]], "as many and more, but others"
    assert told["later"][-1] == [900, 99]
    assert told["overlap"] == 105
    assert told["columns"] == [at * 1000 for at in range(301)], "the five minutes that were told, and none of an hour ago"


def test_a_held_key_does_not_end_the_session(tab: Tab) -> None:
    told = with_link(
        tab,
        """w.sockets[0].open(); w.sockets[0].tell(given.hello);
        const pick = (at) => { store.choice = `binance:SYM${at}`; store.ask(); store.say({ range: "24h", run: false }); };
        for (let at = 0; at < 600; at += 1) { pick(at); w.sockets[0].tell({ k: "book", of: "" }); w.run(30); }
        w.run(5000);
        return w.sent;""",
        {"hello": hello(2)},
    )
    times = [at for at, _ in told]
    assert all(sum(start <= at < start + 10_000 for at in times) <= 20 for start in times), (
        "the server ends a session at the 21st in ten seconds"
    )
    assert told[0][0] <= 30, "a single wish does not wait"
    assert [said for _, said in told if "select" in said][-1] == {"select": "binance:SYM599", "range": "15m"}, "the newest is said"
    assert told[-1][1] == {"range": "24h", "run": False}


def test_a_connection_that_died_in_silence_is_noticed_and_replaced(tab: Tab) -> None:
    told = with_link(
        tab,
        """const out = [], look = () => out.push([store.link.state, w.sockets.length, Math.round(store.age()), store.rows.st.every((flags) => flags == null)]);
        w.sockets[0].open(); w.sockets[0].tell(given.hello, given.news); look();
        w.run(4500); look();
        w.run(3000); look();
        w.run(60_000); look();
        w.sockets.at(-1).open(); w.sockets.at(-1).tell(given.hello, given.news); look();
        w.sockets[0].tell(given.news);
        const before = w.sockets.length;
        w.sleep(86_400_000); look();
        w.run(2000); look();
        return [...out, before];""",
        {"hello": hello(1), "news": news(1)},
    )
    *states, before = told
    assert states[0] == ["live", 1, 0, False]
    assert states[1][:2] == ["live", 1]
    assert states[2][:2] == ["lost", 2], "an open socket says nothing for five seconds"
    assert states[3][1] > 4 and states[3][3], "one that does not open is given up; how streams are is no longer known"
    assert states[4][0] == "live" and not states[4][3]
    assert states[5][2] == 86_400, "a machine that slept: the one clock stood still"
    assert states[6][0] == "lost" and states[6][1] == before + 1


def test_a_session_that_ended_unseen_is_told_from_a_dashboard_that_is_gone(tab: Tab) -> None:
    script = """w.refused = given.refused; w.sockets[0].open(); w.sockets[0].tell(given.hello); w.sockets[0].close();
        const first = w.probes; w.run(300); w.sockets.at(-1).close(); w.run(20_000); return [store.link.state, first, w.probes, w.sockets.length];"""
    assert with_link(tab, script, {"hello": hello(1), "refused": True}) == ["over", 0, 1, 2], "asked for once, and not tried again"
    state, first, probes, sockets = with_link(tab, script, {"hello": hello(1), "refused": False})
    assert (state, first, probes) == ("lost", 0, 1) and sockets > 2


# -- what is drawn


def test_the_ladder_shows_the_texts_that_came_and_says_so_where_none_did(tab: Tab) -> None:
    tab.mounted()
    tab.shows("document.querySelector('#ladder .none').textContent === 'Waiting for the book.'")
    tab.take({"k": "trades", "of": "binance:SYM0", "first": 0, "list": None, "lost": 0})
    tab.shows("document.querySelector('#tape .none').textContent === 'Trades of this instrument are not recorded.'")
    tab.take({"k": "book", "of": "binance:SYM1", "t": NOW, "bids": [["1", "1"]], "asks": [["2", "1"]]})
    assert tab.page.inner_text("#ladder .none") == "Waiting for the book.", "that is another one's"
    tab.take(book(NOW))
    tab.shows("document.querySelector('.ladder .mid b').textContent === '86,708.29'")
    rows = tab.page.locator(".ladder .bid:not([hidden])").all_inner_texts()
    assert rows[0].split() == ["86,708.28", "0.001", "0.001"]
    assert rows[3].split() == ["86,708.25", "0.004", "0.010"], "sums go outwards"
    assert tab.page.inner_text(".ladder .mid span") == "0.02 · 2 ticks · 0.002 bps"
    tab.run(
        """() => { globalThis.flashed = []; const rows = [...document.querySelectorAll('.ladder tbody tr')];
          new MutationObserver((seen) => { for (const each of seen) if (each.target.hasAttribute('data-flash')) flashed.push(each.target.className + rows.filter((row) => row.className === each.target.className).indexOf(each.target)); })
            .observe(document.querySelector('.ladder'), { subtree: true, attributeFilter: ['data-flash'] }); }"""
    )
    changed = book(NOW + 100)
    changed["bids"][2][1] = "0.777"
    tab.take(changed)
    tab.shows("document.querySelectorAll('.ladder .bid')[2].textContent.includes('0.777')")
    tab.shows("flashed.join() === 'bid2'")
    tab.shows("!document.querySelector('.ladder [data-flash]')")
    tab.page.locator(".grouping button", has_text="100").click()
    tab.shows("document.querySelector('.ladder .bid').textContent.startsWith('86,708.00')")
    tab.take({**news(2), "t": NOW + 60_000, "now": {"t": NOW + 60_000}})
    tab.shows("document.querySelector('.ladder-box').hasAttribute('data-old')")


def test_a_clock_that_was_set_back_stops_no_picture(tab: Tab) -> None:
    told = tab.run(
        """(now) => {
          const ring = new m.timeline.Ring("15m"), data = new m.bookdata.BookData();
          const put = (at, rate) => ring.add(now + at * 1000, { rate, ...(rate === 10 ? { old: 1 } : {}) });
          const book = (at) => data.takeBook({ t: now + at * 1000, bids: [["99.99", "1"]], asks: [["100.01", "1"]] }, "0.01");
          for (let at = 0; at < 900; at += 1) put(at, 10);
          for (let at = 600; at < 900; at += 1) book(at);
          put(30, 1); put(30, 3);
          for (let at = 31; at < 870; at += 1) put(at, 99);
          for (let at = 30; at < 40; at += 1) book(at);
          const far = new m.timeline.Ring("1m");
          far.add(now, { rate: 1 }); far.add(now - 3_600_000, { rate: 2 });
          return { first: ring.t[0] * 1000 - now, last: ring.t.at(-1) * 1000 - now, rates: ring.get("rate"), old: ring.get("old"), columns: data.columns.map((each) => (each.t - now) / 1000),
            far: [far.t, far.get("rate")] };
        }""",
        NOW,
    )
    assert (told["first"], told["last"]) == (0, 869_000)
    assert told["rates"] == [10] * 30 + [2] + [99] * 839
    assert told["old"] == [1] * 30 + [None] * 840
    assert told["columns"] == list(range(30, 40))
    assert told["far"] == [[NOW / 1000 - 3600], [2]]


def test_a_book_ahead_of_the_clock_is_no_fresh_one_and_curves_go_on(tab: Tab) -> None:
    tab.mounted()
    tab.take(book(NOW))
    tab.shows("document.querySelector('.ladder .mid b').textContent === '86,708.29'")
    assert not tab.run("() => document.querySelector('.ladder-box').hasAttribute('data-old')")
    tab.shows("document.querySelector('#charts .uplot')")
    back = NOW - 600_000
    tab.take({**news(2), "t": back, "now": {"t": back, "p50": 7.0, "p99": 777.0}})
    tab.shows("document.querySelector('.ladder-box').hasAttribute('data-old')")
    tab.shows("document.querySelector('.ladder').getAttribute('aria-label') === 'stale'")
    tab.shows("document.querySelectorAll('#charts figcaption .values')[1].textContent.includes('777')")
    tab.take({**book(back), "bids": [["1.00", "1"]], "asks": [["3.00", "1"]]})
    tab.shows("document.querySelector('.ladder .mid b').textContent === '2.00'")
    tab.shows("!document.querySelector('.ladder-box').hasAttribute('data-old')")


def test_curves_answer_a_hover_zoom_together_and_stand_still(tab: Tab) -> None:
    tab.mounted()
    plots = tab.page.locator("#charts .plot")
    tab.shows("document.querySelectorAll('#charts .uplot').length === 4")
    boxes = [plots.nth(at).bounding_box() for at in range(2)]
    assert all(boxes)
    middle = boxes[1]["x"] + 46 + (boxes[1]["width"] - 46) / 2
    tab.page.mouse.move(middle, boxes[1]["y"] + 40)
    tab.shows("[...document.querySelectorAll('#charts time')].filter((each) => each.textContent.startsWith('19:52:')).length === 4")
    values = tab.page.locator("#charts figcaption").all_inner_texts()
    assert "Binance 10" in values[0] and "Upbit 50.0" in values[0]
    assert "p50 2.0 ms" in values[1] and "p99 20.0 ms" in values[1]
    tab.page.mouse.down()
    tab.page.mouse.move(middle + 120, boxes[1]["y"] + 40, steps=3)
    tab.page.mouse.up()
    tab.shows("m.axis.axis.zoom != null && location.hash.includes('zoom=')")
    start, end = tab.run("() => m.axis.axis.zoom")
    assert NOW - 470_000 < start < end < NOW
    tab.page.mouse.dblclick(middle, boxes[0]["y"] + 40)
    tab.shows("m.axis.axis.zoom == null && !location.hash.includes('zoom=')")
    tab.page.mouse.move(5, 5)
    label = plots.nth(1).get_attribute("aria-label")
    assert "p99: last 400 ms, lowest 20.0 ms, highest 400 ms" in label, "those who do not see it are told what it shows"
    tab.page.keyboard.press("Space")
    assert tab.run("() => [m.axis.axis.paused, document.documentElement.hasAttribute('data-paused')]") == [NOW, True]
    tab.take({**news(2), "t": NOW + 5000})
    assert tab.run("() => m.axis.axis.span(store.now)") == [NOW - 900_000, NOW]
    tab.page.keyboard.press("Space")
    assert tab.run("() => m.axis.axis.span(store.now)") == [NOW - 895_000, NOW + 5000]
    tab.run("(now) => m.axis.axis.zoomTo(now - 1000, now)", NOW)
    tab.run("() => m.view.setView({ range: '1h' })")
    tab.shows("m.axis.axis.range === '1h' && m.axis.axis.zoom == null")


HOUR_MS = 3_600_000


def test_a_zoom_far_back_shows_what_was_then_or_says_that_nothing_is_known(tab: Tab) -> None:
    tab.mounted()
    tab.shows("document.querySelectorAll('#charts .uplot').length === 4")
    back = NOW - 5 * HOUR_MS
    tab.run("({ from, to }) => m.axis.axis.zoomTo(from, to)", {"from": back, "to": back + 60_000})
    label = "document.querySelectorAll('#charts .plot')[1].ariaLabel"
    tab.shows(f"{label}.includes('14:59:30 to 15:01:30') && {label}.includes('nothing was measured')")
    assert "p99 –" in tab.page.locator("#charts figcaption").all_inner_texts()[1], "no value of now stands under a moment of then"
    tab.shows("said.some((each) => each.range === '24h' && each.run)")
    steps = 720
    series = {"p50": [3.0] * steps, "p99": [30.0] * (steps - 1) + [900.0], "rate:binance": [1.0] * steps, "rate:upbit": [2.0] * steps}
    day = {"k": "history", "range": "24h", "of": "", "t0": NOW - (steps - 1) * 120_000, "step": 120_000, "n": steps, "series": series}
    tab.take(day)
    tab.shows(f"{label}.includes('p99: last 30.0 ms, lowest 30.0 ms, highest 30.0 ms')")
    assert "p99 30.0 ms" in tab.page.locator("#charts figcaption").all_inner_texts()[1]
    tab.run("() => m.axis.axis.back()")
    tab.shows(f"{label}.includes('highest 400 ms')")


def test_a_picture_that_stands_still_does_not_empty_from_the_left(tab: Tab) -> None:
    tab.mounted()
    tab.shows("document.querySelectorAll('#charts .uplot').length === 4")
    tab.run("() => m.axis.axis.pause(store.now)")
    label = "document.querySelectorAll('#charts .plot')[1].ariaLabel"
    tab.shows(f"{label}.includes('highest 400 ms')")
    points = [news(2, t=NOW + at * 1000, now={"t": NOW + at * 1000, "p50": 5.0, "p99": 5.0}) for at in range(1, 1200)]
    tab.take(
        *points,
        news(
            2,
            t=NOW + 1_200_000,
            incidents=[
                {"number": 1, "from": NOW - 60_000, "to": NOW - 50_000, "open": False, "of": None, "venue": "", "reason": "silence"}
            ],
        ),
    )
    tab.run("() => store.emit('look')")
    tab.shows("document.querySelectorAll('#charts .uplot').length === 4")
    tab.shows(f"{label}.includes('19:45:00 to 20:00:00') && {label}.includes('highest 400 ms') && {label}.includes('Incidents marked: 1')")
    tab.run("() => m.axis.axis.pause(store.now)")
    tab.shows(f"{label}.includes('highest 5.0 ms')")


def test_many_changes_of_the_view_change_the_address_a_few_times(tab: Tab) -> None:
    tab.load()
    tab.page.evaluate(
        """() => { globalThis.changes = 0; const real = history.replaceState.bind(history);
          history.replaceState = (...args) => { changes += 1; if (changes > 5 && changes < 20) throw new DOMException("too often", "SecurityError"); real(...args); };
          m.view.beginView(() => {}); for (let at = 0; at < 300; at += 1) m.view.setView({ stream: `binance:SYM${at}` }); }"""
    )
    assert tab.run("() => m.view.view.stream") == "binance:SYM299", "what the address refuses happens all the same"
    tab.shows("location.hash.endsWith('&stream=binance%3ASYM299')")
    assert 41 <= tab.run("() => changes") <= 44, "forty at once, then one in a while"


def test_the_map_names_chooses_and_tells(tab: Tab) -> None:
    tab.mounted()
    trouble = news(2)
    trouble["rows"]["st"] = [0, 4, 8, 0]
    tab.take(trouble)
    canvas = tab.page.locator("#map canvas.paper")
    tab.shows("document.querySelector('#map canvas.paper')?.ariaLabel === 'Map of 4 streams: 2 recording, 1 silent, 1 disconnected'")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        tab.page.keyboard.press(key)
    tab.shows("document.querySelector('.map-line').textContent.startsWith('SYM1 · Upbit · sym1@depth20')")
    tab.page.keyboard.press("Enter")
    tab.shows("store.choice === 'upbit:SYM1' && location.hash.includes('stream=upbit%3ASYM1')")
    looks = tab.run(
        """() => { const canvas = document.querySelector('#map canvas.paper'), draw = canvas.getContext('2d');
          const wide = 4 * 22, data = draw.getImageData(0, 0, wide, 22).data;
          return [1, 3].map((at) => { const seen = new Set(); for (let y = 4; y < 16; y += 1) for (let x = at * 22 + 4; x < at * 22 + 16; x += 1) seen.add(data[4 * (y * wide + x)] >> 5); return seen.size; }); }"""
    )
    assert looks[0] > 1, "a state is a shape as well as a colour"
    assert looks[1] == 1


def test_today_is_told_minute_by_minute(tab: Tab) -> None:
    tab.mounted()
    tab.take({**news(2), "strips": {"0": "n600r500", "1": "n600r300b1m4r195"}, "days": {"0": [1.0, 0, 0], "1": [0.99912, 38, 2]}})
    tab.shows("document.querySelector('#today .day-line').textContent.startsWith('1 of 2 instruments')")
    tab.shows(
        "document.querySelector('#today canvas').ariaLabel.includes('Worst: SYM1, 495 min whole, 5 min with a loss · 99.91 % · lost: ≥ 38 frames')"
    )
    tab.page.locator("#today canvas").focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.shows("document.querySelector('#today .day-line').textContent.startsWith('SYM1 · 18:19 · recorded whole')")
    for _ in range(3):
        tab.page.keyboard.press("PageUp")
    for _ in range(15):
        tab.page.keyboard.press("ArrowLeft")
    tab.shows("document.querySelector('#today .day-line').textContent.startsWith('SYM1 · 15:04 · missed')")


def test_depth_and_trades_are_drawn_where_they_were(tab: Tab) -> None:
    tab.mounted()
    columns = [
        [NOW - back * 1000, [8670828, 1.5, 8670820, 1.0], [8670830, 0.5, 8670840, 2.0]] for back in range(200, 0, -1) if not 90 < back < 120
    ]
    tab.take({"k": "depth", "of": "binance:SYM0", "unit": "0.01", "cols": columns}, book(NOW))
    tab.take(
        {
            "k": "trades",
            "of": "binance:SYM0",
            "first": 7,
            "list": [[NOW - 3000, "86708.30", "0.1", 1], [NOW - 2000, "86708.280", "0.25", -1]],
            "lost": 0,
        }
    )
    tab.shows("document.querySelector('#heat canvas')?.ariaLabel?.includes('Best bid 86,708.28, best ask 86,708.30')")
    tab.take(
        {
            "k": "trades",
            "of": "binance:SYM0",
            "first": 8,
            "list": [[NOW - 2000, "86708.280", "0.25", -1], [NOW - 1000, "86708.31", "3", 1]],
            "lost": 0,
        }
    )
    tab.shows("document.querySelectorAll('.tape tbody td')[1].textContent === '▲ 86,708.31'")
    rows = [text.split() for text in tab.page.locator(".tape tbody tr").all_inner_texts()]
    assert [row for row in rows if row] == [
        ["19:59:59", "▲", "86,708.31", "3.000"],
        ["19:59:58", "▼", "86,708.28", "0.250"],
        ["19:59:57", "▲", "86,708.30", "0.100"],
    ]
    inked = tab.run(
        """(now) => { const canvas = document.querySelector('#heat canvas'), ratio = canvas.width / canvas.clientWidth, draw = canvas.getContext('2d');
          const wide = canvas.clientWidth - 70, all = draw.getImageData(0, 0, canvas.width, Math.round(canvas.height * 0.9)), { data } = all;
          return [50, 105].map((back) => { const x = Math.round((1 - back * 1000 / 300_000) * wide * ratio); let n = 0;
            for (let i = 4 * x; i < data.length; i += 4 * all.width) if (Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 24) n += 1; return n; }); }""",
        NOW,
    )
    assert inked[0] > 4, "there was a book"
    assert inked[1] == 0, "there was none: nothing is made up"
    tab.take({"k": "trades", "of": "binance:SYM0", "first": 0, "list": [[NOW, "86708.29", "0.5", 1]], "lost": 0})
    tab.shows("document.querySelector('.tape tbody').innerText.trim().split('\\n').length === 1")  # numbered anew: another recorder


def test_without_canvases_there_are_sentences(tab: Tab) -> None:
    tab.page.add_init_script("if (location.hash.includes('poor')) HTMLCanvasElement.prototype.getContext = () => null;")
    tab.mounted(view="#poor=1")
    tab.take(book(NOW), {**news(2), "strips": {"0": "r1100", "1": "r1100"}})
    tab.shows("document.querySelectorAll('.no-canvas').length >= 9")
    tab.shows("document.querySelector('#charts').textContent.includes('p99: last 400 ms')")
    tab.shows("document.querySelector('#map').textContent.includes('Map of 4 streams: 4 recording')")
    tab.shows("document.querySelector('.ladder .mid b').textContent === '86,708.29'")
    tab.shows("document.querySelector('#heat').textContent.includes('Best bid 86,708.28')")


@pytest.mark.slow
def test_plots_are_resized_at_once_seen_or_not(tab: Tab) -> None:
    tab.mounted()
    tab.shows("document.querySelectorAll('#charts .uplot').length === 4 && document.querySelectorAll('#own .uplot').length >= 0")
    for width in (390, 1280, 768, 1000):
        tab.page.set_viewport_size({"width": width, "height": 1600})
        tab.shows(
            "[...document.querySelectorAll('.plot')].every((each) => !each.firstChild || Math.abs(each.firstChild.clientWidth - each.clientWidth) <= 1)"
        )
        tab.shows(
            "[...document.querySelectorAll('canvas.paper')].every((each) => Math.abs(each.clientWidth - each.parentNode.clientWidth) <= 1)"
        )
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
