"""Ladders, completeness, fan-out, metrics, texts, deployment files."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import string
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hoga.archive.form.ledger import GapEntry, LiveEntry, append_entries
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.market import Book, DataType
from hoga.core.times import DAY_NS, MINUTE_NS, day_of, day_start_ns
from hoga.core.trading import Rung
from hoga.dashboard.collectors import Gathered, GatheredFrom
from hoga.dashboard.fanout import Fanout, Frames, Viewer
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import CODES, RunHealth, Verdict
from hoga.dashboard.ladder import read_payload
from hoga.dashboard.prometheus import METRICS, Facts, render
from hoga.dashboard.snapshot import Happened, StreamRow
from hoga.dashboard.today import Day, Today
from hoga.dashboard.trader import MoneyRow
from hoga.dashboard.watch import ConnectionHealth
from hoga.hub.alerts import SENTENCES, AlertKind
from hoga.quality.incidents import WHAT
from hoga.trading.meter import Step
from hoga.trading.rungs import Cause
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec
from hoga.venues.upbit import UPBIT
from tests.dashboard.stage import STARTED_NS, book_frame, make_hub, make_meta, make_relay, make_snapshot, make_trader, make_venue

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "src" / "hoga" / "dashboard" / "static"


# -- books --------------------------------------------------------------------------------------------------------


def test_books_of_every_shape() -> None:
    def read(spec: VenueSpec, channel: str, frame: bytes) -> Book:
        book = read_payload(spec, channel, frame)
        assert isinstance(book, Book)
        return book

    combined = read(VENUES["binance"], "depth20@100ms", book_frame(0, 1).frame)
    assert (len(combined.bids), combined.bids[0], combined.asks[0]) == (
        20, (Decimal("99.99"), Decimal("1.5")), (Decimal("100.01"), Decimal("1.25")),
    )  # fmt: skip
    short = read(
        VENUES["binance-usdm"],
        "depth20@100ms",
        b'{"stream":"btcusdt@depth20@100ms","data":{"E":1,"U":1,"u":2,"pu":0,"b":[["1","2"]],"a":[]}}',
    )
    assert (short.bids, short.asks) == (((Decimal(1), Decimal(2)),), ())
    unit = b'{"ask_price":3,"bid_price":2,"ask_size":0.5,"bid_size":1.5}'
    units = read(UPBIT, "orderbook", b'{"type":"orderbook","code":"KRW-BTC","timestamp":1,"orderbook_units":[%b]}' % unit)
    assert (units.bids, units.asks) == (((Decimal(2), Decimal("1.5")),), ((Decimal(3), Decimal("0.5")),))
    assert UPBIT.compact is not None
    brief = read(UPBIT.compact, "orderbook", b'{"ty":"orderbook","cd":"KRW-BTC","tms":1,"obu":[{"ap":3,"bp":2,"as":0.5,"bs":1.5}]}')
    assert (brief.bids, brief.asks) == (units.bids, units.asks)


@given(some.one_of(some.binary(max_size=60), some.recursive(
    some.none() | some.text(max_size=4) | some.floats(allow_nan=False), lambda inner: some.lists(inner, max_size=3)
    | some.dictionaries(some.sampled_from(["data", "bids", "asks", "b", "a", "orderbook_units", "obu", "bp", "x"]), inner, max_size=4), max_leaves=12,
).map(msgspec.json.encode)))  # fmt: skip
def test_garbage_is_no_fault(frame: bytes) -> None:
    for spec in (*VENUES.values(), UPBIT.compact):
        assert spec is not None
        for whole in (frame, b'{"stream":"a@depth20","data":%b}' % frame):
            read_payload(spec, spec.channels[DataType.ORDERBOOK], whole)


# -- today -----------------------------------------------------------------------------------------------------------


def test_completeness_follows_the_ledger(tmp_path: Path) -> None:
    meta = make_meta(1, directory=str(tmp_path))
    start = day_start_ns(day_of(STARTED_NS))
    path = SeriesDay(tmp_path / "orderbook", "SYM000USDT", "orderbook", day_of(STARTED_NS)).ledger
    path.parent.mkdir(parents=True)
    today = Today()
    assert today.look(meta.streams, start + MINUTE_NS)[0].coverage is None
    append_entries(path, [LiveEntry(from_ns=start, to_ns=start + MINUTE_NS)])
    assert today.look(meta.streams, start + 2 * MINUTE_NS)[0].coverage == 1.0
    assert today.look(meta.streams, start + 2 * MINUTE_NS) == {}
    gap = Gap(start + MINUTE_NS, start + 2 * MINUTE_NS, Reason.DISCONNECT, None)
    append_entries(path, [LiveEntry(from_ns=start + MINUTE_NS, to_ns=start + 4 * MINUTE_NS, at=1), GapEntry(gap=gap, at=2)])
    with path.open("ab") as file:
        file.write(b'{"type":"gap","ga')
    changed = today.look(meta.streams, start + 5 * MINUTE_NS)
    assert list(changed) == [0]
    assert (changed[0].coverage, changed[0].gaps) == (0.75, [(gap.from_ns, gap.to_ns, "disconnect", None)])
    day = today.fresh_days()[0]
    assert (day.strip, day.coverage, day.missed, day.uncounted) == ("r1m1r2", 0.75, 0, 1)
    assert today.fresh_days() == {}
    assert today.totals is not None
    assert (today.totals.today, today.totals.day, today.totals.uncounted) == (0.75, 0.75, 1)
    (cut,) = today.incidents(start + 5 * MINUTE_NS)
    assert (cut.from_ns, cut.to_ns, cut.reason, cut.venue) == (gap.from_ns, gap.to_ns, "disconnect", "binance")
    assert today.look(meta.streams, start + DAY_NS + MINUTE_NS)[0].coverage is None, "another day"


@given(some.lists(some.tuples(some.integers(0, 3), some.integers(1, 6), some.booleans()), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_looking_again_tells_what_a_first_look_would(steps: list[tuple[int, int, bool]]) -> None:
    """What has not grown is not judged again, though one series proves another, and a ledger may be ahead of the clock."""
    with tempfile.TemporaryDirectory() as folder:
        names = (("depth20@100ms", "orderbook"), ("depth@100ms", "delta"))
        streams = [
            StreamRow(f"{symbol.lower()}@{channel}", "binance", symbol, channel, kind, at, 0, f"{folder}/{kind}")
            for at, symbol in enumerate(("AUSDT", "BUSDT"))
            for channel, kind in names
        ]
        start = day_start_ns(day_of(STARTED_NS))
        ends = [start] * len(streams)
        today, days = Today(), dict[int, Day]()
        for number, (at, minutes, lossy) in enumerate(steps, start=1):
            row, began = streams[at], ends[at]
            ends[at] += minutes * MINUTE_NS
            path = SeriesDay(Path(row.directory), row.symbol, row.kind, day_of(STARTED_NS)).ledger
            path.parent.mkdir(parents=True, exist_ok=True)
            loss = [GapEntry(gap=Gap(began, began + MINUTE_NS, Reason.DISCONNECT, 3), at=number)] if lossy else []
            append_entries(path, [LiveEntry(from_ns=began, to_ns=ends[at], at=number), *loss])
            now_ns = start + number * 3 * MINUTE_NS
            today.look(streams, now_ns)
            days |= today.fresh_days()
            fresh = Today()
            fresh.look(list(streams), now_ns)
            assert (today.known, today.totals, days) == (fresh.known, fresh.totals, fresh.fresh_days())
            assert today.incidents(now_ns) == fresh.incidents(now_ns)


# -- fan-out ---------------------------------------------------------------------------------------------------------


class Outlet:
    """A viewer's connection: `clear` while it reads."""

    def __init__(self) -> None:
        self.clear = True
        self.viewing = False
        self.sent: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.sent.append(frame[2:])

    def set_viewing(self, viewing: bool) -> None:
        self.viewing = viewing


def test_a_viewer_that_does_not_read_gets_nothing_and_catches_up_whole() -> None:
    outlet = Outlet()
    viewer = Viewer(outlet)
    frames = [
        Frames(b'"news %d"' % number, whole=lambda number=number: b'"whole %d"' % number, extra=lambda choice, whole: b"")
        for number in range(6)
    ]
    viewer.offer(frames[0])
    viewer.offer(frames[1])
    outlet.clear = False
    for each in frames[2:4]:
        viewer.offer(each)
    for number in range(9):
        viewer.answer(b'["answer %d"]' % number)
    assert viewer.since is not None
    outlet.clear = True
    for each in frames[4:]:
        viewer.offer(each)
    assert viewer.since is None
    answers = [b'["answer %d"]' % number for number in range(4)]
    assert outlet.sent == [b'["whole 0"]', b'["news 1"]', *answers, b'["whole 4"]', b'["news 5"]']


def test_a_frame_is_encoded_once_for_all_who_see_the_same() -> None:
    made: list[str] = []

    def extra(choice: str, whole: bool) -> bytes:
        made.append(choice)
        return b'"%b"' % choice.encode() if choice else b""

    frames = Frames(b"1", whole=lambda: b"2", extra=extra)
    texts = [frames.frame(whole=whole, choice=choice)[2:] for choice in ("", "a", "a", "b") for whole in (False, True)]
    assert texts == [b"[1]", b"[2]", b'[1,"a"]', b'[2,"a"]', b'[1,"a"]', b'[2,"a"]', b'[1,"b"]', b'[2,"b"]']
    assert len(made) == 6


def test_a_crowd_is_refused() -> None:
    fanout = Fanout(2)
    outlets = [Outlet() for _ in range(3)]
    viewers = [Viewer(outlet) for outlet in outlets]
    assert [fanout.admit(viewer) for viewer in viewers] == [True, True, False]
    fanout.leave(viewers[0])
    assert [outlet.viewing for outlet in outlets] == [False, True, False]
    assert fanout.admit(viewers[2])
    viewers[1].choice, viewers[2].choice = "x", "x"
    assert (fanout.choices(), fanout.refused) == (["x"], 1)


# -- metrics ---------------------------------------------------------------------------------------------------------


def facts() -> Facts:
    venue = make_venue(lost={"backpressure": 3}, gaps={"disconnect": 1})
    snapshot = msgspec.structs.replace(make_snapshot(make_meta(2)), venues=[venue], hub=make_hub(), relay=make_relay())
    hardware = HardwareMonitor(cpu_span_s=0.01).look(collector=None, folder="/", reserve_bytes=0)
    health = {"binance-1": ConnectionHealth(10.0, 0, 90)}
    gathered = Gathered(now_ns=STARTED_NS, collectors=[GatheredFrom(name="tokyo", last_ns=STARTED_NS, received=5, won=4, gaps=1)])
    verdict = Verdict(RunHealth.RECORDING, [])
    trader = make_trader(Path("/nowhere"))
    return Facts(snapshot, verdict, 0.1, hardware, [0, 0, 8, 0], health, 1, trader, 0.2, gathered=gathered, now_ns=STARTED_NS)


def test_metrics_are_what_they_say_they_are() -> None:
    text = render(facts()).decode()
    for line in text.splitlines():
        if not line.startswith("#"):
            name = re.match(r"[a-z0-9_]+", line)
            assert name is not None and name[0] in METRICS, line
    for name, about in METRICS.items():
        shown = name
        kind = "counter" if name.endswith("_total") else "summary" if "quantile" in about else "gauge"
        assert f"# HELP {shown} {about}\n# TYPE {shown} {kind}\n" in text, name
    assert 'hoga_stream_silent{kind="orderbook",stream="sym001usdt@depth20@100ms",symbol="SYM001USDT",venue="binance"} 1.0' in text
    assert 'hoga_lost_frames_total{reason="backpressure",venue="binance"} 3.0' in text


def test_a_traders_figures_are_metrics() -> None:
    text = render(facts()).decode()
    for line in (
        'hoga_trader_rung 1.0', 'hoga_trader_up 1.0', 'hoga_trader_unknown_orders 1.0', 'hoga_trader_net{currency="USDT"} -3.67',
        'hoga_trader_position{side="both",symbol="binance-usdm:BTCUSDT"} 0.01', 'hoga_trader_fills_total 9.0',
        'hoga_trader_limit_used_ratio{key="MAX_POSITION_NOTIONAL",subject="binance-usdm:BTCUSDT"} 0.9',
        'hoga_trader_latency_seconds{quantile="0.99",span="10s",step="decision"} 0.00014', 'hoga_trader_backlog_events{span="1s"} 3.0',
        'hoga_trader_memory_growth_bytes_per_hour{span="60s"} 2e+06', 'hoga_trader_bar_broken{span="60s",step="gc"} 1.0',
        'hoga_trader_cause{cause="stale-market",subject="binance-usdm:BTCUSDT"} 1.0', 'hoga_trader_strategies{state="quarantined"} 0.0',
    ):  # fmt: skip
        assert f"{line}\n" in text
    assert "hoga_trader_up 0.0\n" in render(facts()._replace(trader_age_s=6.0)).decode()
    foreign = make_trader(
        Path("/nowhere"),
        rung="SOMETHING_NEW",
        money=(MoneyRow(currency="USDT", realized="", unrealized="?", fees="0", funding="0", net="0"),),
    )
    text = render(facts()._replace(trader=foreign)).decode()
    assert "\nhoga_trader_rung " not in text and 'hoga_trader_net{currency="USDT"} 0.0' in text, "a trader of another version"
    assert "hoga_trader" not in render(facts()._replace(trader=None)).decode(), "no trader: no families"


def test_every_reason_is_counted_from_nothing_on() -> None:
    """`increase` of a series that begins at its first loss is 0: the first loss would alarm nobody."""
    quiet = facts()
    assert quiet.snapshot is not None
    empty = msgspec.structs.replace(quiet.snapshot, venues=[make_venue(lost={}, gaps={})], happened=Happened())
    text = render(quiet._replace(snapshot=empty)).decode()
    for reason in Reason:
        assert f'hoga_incidents_total{{reason="{reason}"}} 0.0' in text
        assert f'hoga_gaps_by_reason_total{{reason="{reason}",venue="binance"}} 0.0' in text
        assert (f'hoga_lost_frames_total{{reason="{reason}",venue="binance"}} 0.0' in text) is (reason in COUNTED)
    full = msgspec.structs.replace(quiet.snapshot, happened=Happened({"disconnect": 2}))
    assert 'hoga_incidents_total{reason="disconnect"} 2.0' in render(quiet._replace(snapshot=full)).decode()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here (Debian: prometheus)")
def test_promtool_finds_nothing_wrong() -> None:
    for command, text in (
        (["check", "metrics"], render(facts())),
        (["check", "rules", str(ROOT / "deploy" / "prometheus" / "alerts.yml")], b""),
    ):
        done = subprocess.run(["promtool", *command], input=text, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_recorder_is_a_metric_too() -> None:
    text = render(Facts(None, Verdict(RunHealth.STOPPED, []), 0.0, None, [], {}, 0)).decode()
    assert "hoga_up 0.0" in text
    assert "hoga_healthy 0.0" in text


# -- texts -----------------------------------------------------------------------------------------------------------


def texts() -> dict[str, dict[str, str]]:
    """All words of the page, of whichever part. In `words/ko.js`, {tile: {rate: "…"}} are the words `tile-rate`."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((STATIC / "page" / "words").glob("*.js")):
        known = found.setdefault(path.stem[:2], {})
        groups, group = set(), ""
        for line in path.read_text(encoding="utf-8").splitlines():
            opened = re.fullmatch(r'  (?:"([\w-]+)"|(\w+)): \{', line)
            if opened or line == "  },":
                group = "" if opened is None else (opened[1] or opened[2])
                assert group not in groups, f"{path.name}: {group} is there twice"
                groups |= {group} if group else set()
                continue
            for quoted, plain, value in re.findall(r'(?:"([\w-]*)"|(\b[a-zA-Z0-9]\w*)): ("(?:[^"\\]|\\.)*")', line):
                key = "-".join(part for part in (group, quoted or plain) if part)
                assert key not in known, f"{path.name}: {key} has words already"
                assert group or key not in groups, f"{path.name}: {key} is a group too"
                known[key] = json.loads(value)
    return found


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_are_complete() -> None:
    languages = texts()
    assert set(languages) == {"en", "ko"}
    assert set(languages["en"]) == set(languages["ko"])
    for key, text in languages["en"].items():
        assert holes(text) == holes(languages["ko"][key]), key
        assert languages["ko"][key] or not text, key


def test_every_rung_and_cause_of_a_trader_has_its_words() -> None:
    english = texts()["en"]
    assert {key for key in english if key.startswith("t-cause-")} == {f"t-cause-{cause}" for cause in Cause}
    assert {key for key in english if key.startswith("t-f-")} == {f"t-f-{step}" for step in Step}
    assert {key for key in english if key.startswith("t-rung-")} == {f"t-rung-{rung.name}" for rung in Rung}


def test_every_text_that_is_asked_for_exists() -> None:
    known = set(texts()["en"])
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'data-(?:t|hint)="([\w-]+)"', page))
    asked |= {f"tip-{key}" for key in re.findall(r'data-tip="([\w-]+)"', page)} | {
        f"n-{key}" for key in re.findall(r'data-name="([\w-]+)"', page)
    }
    for path in (STATIC / "page").glob("*.js"):
        source = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\bt\("([\w-]+)"', source)) | set(re.findall(r'"data-(?:t|hint)": "([\w-]+)"', source))
        asked |= {f"tip-{key}" for key in re.findall(r'"data-tip": "([\w-]+)"', source)}
    assert asked <= known, asked - known


def test_the_page_words_reasons_as_the_judge_does() -> None:
    english = texts()["en"]
    assert {key.removeprefix("r-"): text for key, text in english.items() if key.startswith("r-")} == CODES


def test_the_page_words_alerts_and_incidents_as_the_run_does() -> None:
    english = texts()["en"]
    assert {key.removeprefix("at-"): text for key, text in english.items() if key.startswith("at-")} == SENTENCES
    assert {key.removeprefix("i-"): text for key, text in english.items() if key.startswith("i-")} == {
        str(key): text for key, text in WHAT.items()
    }
    assert {key for key in english if key.startswith("g-")} == {f"g-{reason}" for reason in Reason}
    assert {key for key in english if key.startswith("al-")} == {f"al-{kind}" for kind in AlertKind}


def test_every_reason_and_alarm_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert not [code for code in CODES if f"| {code} |" not in page]
    alarms = re.findall(r"- alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert len(alarms) > 5
    assert not [alarm for alarm in alarms if f"| {alarm} |" not in page]


# -- deployment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/hoga.json", "grafana/hoga-trader.json"])
def test_deployment_asks_for_metrics_that_exist(file: str) -> None:
    named = set(re.findall(r"\bhoga_\w+", (ROOT / "deploy" / file).read_text()))
    assert named and named <= set(METRICS), named - set(METRICS)


@pytest.mark.parametrize("file", ["hoga.json", "hoga-trader.json"])
def test_the_board_is_well_formed(file: str) -> None:
    board = json.loads((ROOT / "deploy" / "grafana" / file).read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"].count("(") == target["expr"].count(")") for panel in panels for target in panel["targets"])


def test_alerts_are_well_formed() -> None:
    text = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    rules = text.split("- alert: ")[1:]
    for rule in rules:
        assert re.fullmatch(
            r"\w+\n +expr: .+\n +for: \d+[smh]\n +labels: \{severity: (critical|warning|info)\}\n +annotations:\n +summary: .+\n +runbook: .+\n\s*",
            rule,
        ), rule


def test_the_page_is_small_and_asks_nobody_else() -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file() and path.suffix in (".html", ".css", ".js", ".svg")]
    assert sum(path.stat().st_size for path in files) < 366_000
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) < 147_000, "as it goes over the wire"
    for path in files:
        if "vendor" not in path.parts:
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text.replace('"http:', "") and "https://" not in text, path
            assert "innerHTML" not in text
            assert "eval(" not in text
