"""`hoga coverage`: the facts, the command, and the page in words and in a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.archive.form.audit import Flaw
from hoga.archive.form.calendar import NOT_RECORDED
from hoga.archive.form.ledger import LiveEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.cli.main import main
from hoga.core.ledger import Gap, Reason
from hoga.core.times import DAY_NS, MINUTE_NS
from hoga.history.coverage import coverage_facts
from hoga.history.coverage_page import render
from hoga.history.coverage_words import LANGUAGES, REASONS, WORDS
from tests.archive.workshop import DAY, Workshop, agg_trade, book

STATIC = Path(__file__).resolve().parent.parent.parent / "src" / "hoga" / "history" / "static"
AXE = Path(__file__).resolve().parent.parent / "dashboard" / "vendor" / "axe.min.js"
DETAIL = '</script><script>alert("no")</script>&'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Trades of a whole day with a cut and a hole; books of an hour, merged; both of one venue."""
    trades = Workshop(tmp_path / "data" / "binance" / "execution", "execution")
    trades.seal("13-15", [agg_trade(trades.minute_ns("13-15"), 5)], ids=[5], streams=["btcusdt@aggTrade"])
    trades.tell(LiveEntry(journal="all", at=1, from_ns=trades.start_ns, to_ns=trades.start_ns + DAY_NS))
    noon = trades.minute_ns("12-00")
    trades.tell_gap(Gap(noon, noon + 90 * 10**9, Reason.DISCONNECT, None, conn="binance-1"))
    trades.tell_gap(Gap(noon + 10 * MINUTE_NS, noon + 10 * MINUTE_NS, Reason.SEQUENCE_GAP, 7, from_id=6, to_id=12, detail=DETAIL))
    books = Workshop(tmp_path / "data" / "binance" / "orderbook", "orderbook", symbol="BTCUSDT")
    books.seal("13-15", [book(books.minute_ns("13-15"), 5)], ids=[5], streams=["btcusdt@depth20@100ms"])
    books.tell(LiveEntry(journal="all", at=1, from_ns=books.minute_ns("13-00"), to_ns=books.minute_ns("14-00")))
    merge_day(SeriesDay(books.directory, "BTCUSDT", "orderbook", DAY), venue="binance", archive_format="zip", purge=True)
    return tmp_path / "data"


def coverage_json(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    status = main(["coverage", str(data), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_each_day_has_its_shares_and_its_holes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = coverage_json(data, capsys)
    assert status == 0
    trades, books = sorted(rows, key=lambda row: str(row["kind"]))
    assert set(trades) >= {"venue", "symbol", "kind", "day", "records", "bytes", "coverage", "gaps", "state"}
    assert (trades["proven"], trades["unprovable"], trades["reasons"]) == (0.998958, 0.0, {"disconnect": 0.001042})
    assert [(hole["reason"], hole["to_ns"] - hole["from_ns"]) for hole in trades["holes"]] == [
        ("disconnect", 90 * 10**9),
        ("sequence-gap", 0),
    ]
    assert trades["holes"][1] | {"missed": 7, "detail": DETAIL} == trades["holes"][1]
    assert (books["proven"], books["unprovable"]) == (0.0, 0.041666)
    assert [hole["reason"] for hole in books["holes"]] == [NOT_RECORDED, NOT_RECORDED]


def test_people_are_told_in_lines(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(data)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == [
        "binance BTCUSDT execution  (2,000,000.0 gaps per million records)",
        f"  {DAY}  proven 99.89%  unprovable 0.00%  missing 0.11%  (disconnect 0.11%)",
    ]
    assert "incident: 2026-11-20T12:00:00.000Z: connection binance-1 was cut" in said.err


class Page(HTMLParser):
    """What stands on a page: the elements in balance, their attributes, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        else:
            self.text += data


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_needs_nothing_and_carries_its_facts(data: Path, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "coverage.html"
    assert main(["coverage", str(data), "--html", str(out), "--lang", lang]) == 0
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    assert not [attrs for _, attrs in page.found if {"src", "href", "onclick", "style"} & set(attrs)]
    assert not re.search(r"https?://|@import|url\(", text)
    assert f'lang="{lang}"' in text
    facts = json.loads(page.scripts[0])
    by_kind = {series["kind"]: series for series in facts["series"]}
    assert [(hole["from_ns"], hole["to_ns"], hole["reason"]) for hole in by_kind["execution"]["holes"]] == [
        (hole.from_ns, hole.to_ns, hole.reason) for hole in coverage_facts([data], now_ns=2 * 10**18).series[0].days[0].holes
    ]
    assert by_kind["execution"]["days"][0]["minutes"] == "720p1m1h718p"
    assert by_kind["orderbook"]["days"][0]["minutes"] == "780.60u600."
    assert len(page.scripts) == 2, "no detail of a gap has become a script"
    assert DETAIL in page.text
    assert REASONS[lang]["disconnect"] in page.text


def test_every_word_and_every_reason_is_there_in_each_language() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}
    assert set(WORDS) == set(REASONS) == set(LANGUAGES)
    flaws = {"torn", "unbalanced", "unaccounted", "ledger"}
    for reasons in REASONS.values():
        assert set(reasons) == {*map(str, Reason), *flaws, NOT_RECORDED}
    used = set(re.findall(r"words\[\"([^\"]+)\"\]|words\['([^']+)'\]|words\.(\w+)", (STATIC / "coverage.js").read_text(encoding="utf-8")))
    assert {name for names in used for name in names if name} <= set(WORDS["en"])


def test_a_flaw_is_suspect_and_not_recorded(tmp_path: Path) -> None:
    from hoga.archive.form.manifest import encode_manifest, read_manifest

    shop = Workshop(tmp_path / "binance" / "execution", "execution")
    shop.seal("13-15", [agg_trade(shop.minute_ns("13-15"), 5)], ids=[5], streams=["btcusdt@aggTrade"])
    day = SeriesDay(shop.directory, "BTCUSDT", "execution", DAY)
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    manifest = read_manifest(day.manifest_path)
    assert manifest is not None
    flaw = Flaw(from_ns=shop.minute_ns("13-15"), to_ns=shop.minute_ns("13-16"), kind="unbalanced", detail="")
    day.manifest_path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, flaws=[flaw], reasons=None)))
    (found,) = coverage_facts([tmp_path], now_ns=2 * 10**18).series[0].days
    assert (found.row.proven, found.row.unprovable) == (0.0, 0.0)
    assert "unbalanced" in {hole.reason for hole in found.holes}


def test_what_is_damaged_is_named_and_hides_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = next(data.rglob("*.manifest.json"))
    manifest.write_bytes(manifest.read_bytes()[:-9])
    out = tmp_path / "c.html"
    assert main(["coverage", str(data), "--html", str(out)]) == 1
    said = capsys.readouterr()
    assert manifest.name in said.err
    assert "execution" in Page(out.read_text(encoding="utf-8")).text


def test_an_empty_folder_is_a_page_too(tmp_path: Path) -> None:
    page = Page(render(coverage_facts([tmp_path], now_ns=10**18), lang="en", style="", script=""))
    assert WORDS["en"]["nothing"] in page.text


@pytest.mark.parametrize(
    "arguments,word",
    [(["nowhere"], "nowhere"), (["data", "--lang", "kr"], "en, ko"), (["data", "--html", "no/such.html"], "a folder that exists")],
)
def test_bad_usage_is_one_line(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(data.parent)
    assert main(["coverage", *arguments]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_a_browser_opens_a_day_and_tells_its_minutes(chromium: Any, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "coverage.html"
    main(["coverage", str(data), "--html", str(out)])
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=False)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(out.as_uri())
    page.focus("#calendar tbody tr:first-child button")
    page.keyboard.press("Enter")
    page.focus("#minutes")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#minute") == "12:01 UTC: a part is missing (disconnected)"
    assert page.locator("#drill tbody tr").count() == 2
    assert complaints == []
    context.close()
    axe = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = axe.new_page()
    page.goto(out.as_uri())
    page.click("#calendar tbody tr:first-child button")
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    axe.close()
