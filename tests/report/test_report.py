"""The report of a journal: what stands on it, what it says of a journal that is not as it was written, and how it is in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hoga.app import report as reports
from hoga.app.report import read_report
from hoga.audit.log import AuditLogger
from hoga.cli.main import main
from hoga.core.errors import DiskFull
from hoga.core.market import Side
from hoga.report.words import LANGUAGES, WORDS
from hoga.runtime.clock import ManualClock
from hoga.trading.ports import Write
from tests.history.test_coverage import Page
from tests.trading.exchange import SYMBOL, S
from tests.trading.test_outcome import Books

AXE = Path(__file__).resolve().parent.parent / "dashboard" / "vendor" / "axe.min.js"
STATIC = Path(reports.hoga.report.__file__).parent / "static"
ACTIVE = """(() => {
  const it = document.activeElement;
  return it.dataset.chart ? `chart ${it.dataset.chart}` : `${it.tagName} ${it.closest("table")?.id ?? ""}`.trim();
})()"""
EVIL = '</script><script>alert("no")</script>&<b>'


class Trader(Books):
    """A trader that leaves a journal on disk, by a clock of its own."""

    def __init__(self, folder: Path, **about: Any) -> None:
        self.clock = ManualClock(1_800_000_000 * S)
        self.log = AuditLogger(folder, clock=self.clock, about={"mode": "live", "strategies": ["cross"]} | about)
        self.log.open()
        super().__init__()

    def write(self, what: Write | tuple[str, Any]) -> None:
        super().write(what)
        self.clock.set_wall(self.at)
        self.log.append(self.journal[-1].kind, self.journal[-1].fields)

    def round(self, number: int, *, role: str = "target", kind: str = "market", why: str = "fast > slow") -> None:
        for side in (Side.BUY, Side.SELL):
            id = f"hg-1-1-{number}{side.value[0]}"
            asked = {"id": id, "sym": SYMBOL, "side": "B" if side is Side.BUY else "S", "q": 10, "type": kind, "tif": "ioc", "role": role,
                     "st": "cross", "bid": 59_999, "ask": 60_001, "trigger": 60_000, "cause": {"at": self.at - 50_000}}  # fmt: skip
            self.write(("order.intent", asked))
            self.write(("order.sent", {"id": id}))
            self.fill(side, 10, 60_000 + number % 7 - 3, fee=2, id=id, strategy="cross")
            self.write(("order.end", {"id": id, "state": "FILLED"}))
            self.mark(60_000 + number % 5)
        self.journal[-1]

    def end(self) -> None:
        self.write(("state", {"what": "end", "left": [], "held": {}}))
        self.log.close()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen round trips of a live trader, with everything that can happen beside them."""
    folder = tmp_path_factory.mktemp("trader") / "journal"
    trader = Trader(folder, parameters={"cross": {"fast": "10"}}, evil=EVIL)
    trader.mark(60_000, "10000")
    for number in range(12):
        trader.round(number, role="protect" if number % 3 == 0 else "target", kind="stop" if number % 3 == 0 else "market")
    trader.fund(-7)
    trader.write(("data.doubt", {"sym": SYMBOL, "why": EVIL, "held": 0}))
    trader.write(("data.fresh", {"sym": SYMBOL, "seconds": "3.0"}))
    trader.write(("state", {"rung": "NO_OPEN", "was": "ACTIVE", "incident": "", "why": EVIL, "cause": {"of": "stale-market"}}))
    trader.write(("order.deny", {"id": "d", "code": "max-order-notional"}))
    trader.write(("order.reject", {"id": "e", "why": "-2019 Margin is insufficient."}))
    trader.write(("check", {"st": "cross", "checks": {"trend up": [12, 3, 9, 1]}}))
    trader.write(("renew", {"sym": SYMBOL, "old": {"max_open_orders": "100"}, "new": {"max_open_orders": "7"}, "who": "SIGHUP"}))
    trader.write(("renew", {"refused": "MAX_DAILY_LOSS: minus", "who": "SIGHUP"}))
    trader.end()
    return folder


def made(journal: Path, tmp_path: Path, *more: str) -> tuple[int, str]:
    out = tmp_path / "r.html"
    status = main(["report", str(journal), "-o", str(out), *more])
    return status, out.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_needs_nothing_and_says_what_came_of_it(journal: Path, tmp_path: Path, lang: str) -> None:
    status, text = made(journal, tmp_path, "--lang", lang)
    assert status == 0
    page = Page(text)
    assert not [attrs for _, attrs in page.found if {"src", "onclick", "style"} & set(attrs)]
    assert {attrs["href"] for _, attrs in page.found if "href" in attrs} == {"#figures"}
    own = text.replace(page.scripts[1], "")
    assert not re.search(r"https?://|@import|url\(", own)
    assert len(page.scripts) == 3, "nothing that a record says has become a script"
    assert EVIL in page.text
    words = WORDS[lang]
    assert words["proof-good"] in page.text
    assert f"{words['live']} · 2027-01-15 08:00:00" in page.text
    assert "FLAT" in page.text
    for shown in (
        "max-order-notional",
        "-2019 Margin is insufficient.",
        "trend up",
        "stale-market",
        "max_open_orders 100 → 7",
        "MAX_DAILY_LOSS: minus",
        words["r-stop"],
        words["r-target"],
    ):
        assert shown in page.text
    found = read_report(journal).outcome
    assert f"{found.money[0].net}" in page.text.replace(",", "")
    assert len(re.findall("<tr>", text.split('id="t-trips"')[1].split("</table>")[0])) == 13


def test_every_word_is_there_in_each_language_and_is_used() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}
    assert all(text for words in WORDS.values() for text in words.values())
    script = (STATIC / "report.js").read_text(encoding="utf-8")
    asked = {name for names in re.findall(r"words\[\"([^\"]+)\"\]|words\.(\w+)", script) for name in names if name}
    assert asked == {"shown", "sort-by"}


def test_the_terminal_and_json_have_the_same_figures(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(journal.parent), "-o", str(tmp_path / "r.html")]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines()[:-1])) <= 80
    assert said.splitlines()[-1] == f"report: {tmp_path / 'r.html'}"
    assert main(["report", str(journal), "-o", str(tmp_path / "r.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    flat = told["figures"]
    assert told["ok"]
    assert (flat["rounds"], flat["fills"], flat["orders_denied"], flat["currency"]) == (12, 24, 1, "USDT")
    assert flat["net"] in said
    assert flat["net"] == told["outcome"]["money"][0]["net"]
    assert not [value for value in flat.values() if isinstance(value, dict | list)]


def test_by_default_the_page_lies_in_the_journal_and_verify_does_not_mind(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(journal.parent)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"report: {journal / 'report.html'}"
    assert main(["audit", "verify", str(journal)]) == 0


def two_lives(folder: Path) -> None:
    first = Trader(folder)
    first.mark(60_000, "10000")
    first.round(1)
    first.fill(Side.BUY, 10, 60_000, fee=2, strategy="cross")
    first.log.close()
    second = Trader(folder, strategies=["later"])
    second.portfolio, second.held, second.at = first.portfolio, first.held, first.at + S
    second.mark(60_100, "10010")
    second.fill(Side.SELL, 10, 60_300, fee=3, strategy="cross")
    second.end()


def test_the_last_start_alone_stands_on_what_was_before_it(tmp_path: Path) -> None:
    two_lives(tmp_path / "j")
    whole, last = read_report(tmp_path / "j"), read_report(tmp_path / "j", last=True)
    assert (whole.outcome.lives, last.outcome.lives) == (2, 1)
    assert (whole.outcome.fills, last.outcome.fills) == (4, 1)
    assert last.outcome.money[0].net == "0.1997"
    assert last.outcome.money[0].start == "10010"
    assert last.proof.ok
    assert last.proof.first_n > 1
    assert last.proof.hash == whole.proof.hash


def test_a_resume_is_no_start(tmp_path: Path) -> None:
    two_lives(tmp_path / "j")
    with AuditLogger(tmp_path / "j", about={"what": "resume"}) as log:
        log.append("state", {"rung": "ACTIVE", "was": "HALTED", "incident": "", "why": "a person looked"})
    last = read_report(tmp_path / "j", last=True).outcome
    assert (last.about["strategies"], last.fills, last.verdict, last.ladder_moves) == (["later"], 1, "FLAT", 1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("harm", ["flip", "cut", "head"])
def test_a_journal_that_is_not_as_it_was_written_says_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str, last: bool
) -> None:
    two_lives(tmp_path / "j")
    file = sorted((tmp_path / "j").glob("*/*.jsonl"))[-1]
    lines = file.read_bytes().splitlines(keepends=True)
    if harm == "flip":
        at = next(number for number, line in enumerate(lines) if b'"order.fill"' in line)
        lines[at] = lines[at].replace(b'"q":10', b'"q":90')
        file.write_bytes(b"".join(lines))
    elif harm == "cut":
        file.write_bytes(b"".join(lines[:-2]))
    else:
        (tmp_path / "j" / "head").unlink()
    out = tmp_path / "r.html"
    assert main(["report", str(tmp_path / "j"), "-o", str(out), *(["--last"] if last else [])]) == 1
    assert "not as it was written" in capsys.readouterr().err
    page = Page(out.read_text(encoding="utf-8"))
    top = page.text[: page.text.index(WORDS["en"]["figures"])]
    assert WORDS["en"]["proof-bad"] in top
    assert WORDS["en"]["proof-good"] not in top
    assert {"flip": "wrong-hash", "cut": "was written; the last one that can be read is", "head": "is not there"}[harm] in top


def test_a_journal_that_is_being_written_and_an_empty_one_are_pages_too(tmp_path: Path) -> None:
    trader = Trader(tmp_path / "j")
    trader.log.flush()
    found = read_report(tmp_path / "j")
    assert (found.proof.open, found.outcome.verdict) == (True, "UNKNOWN")
    status, text = made(tmp_path / "j", tmp_path)
    trader.log.close()
    assert status == 0
    assert WORDS["en"]["nothing-traded"] in text


def test_no_disk_for_the_page_is_one_line_and_changes_no_status(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hoga.app.trader.trading import TradeEnd
    from hoga.cli.report import end_run

    def full(path: Path, chunks: Iterator[bytes]) -> None:
        raise DiskFull(path, "no space left")

    end = TradeEnd(ok=True, mode="live", orders=1, fills=1, pnl="0", pnl_currency="USDT", verdict="FLAT", journal=str(journal), incident="")
    monkeypatch.setattr(reports, "write_result", full)
    assert end_run(end, as_json=True, verdict=lambda end: None) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["report"], told["figures"]["fills"]) == ("", 24)
    assert said.err.count("\n") == 1
    assert "no space left" in said.err


def test_a_fault_in_the_page_or_a_very_long_journal_changes_no_status(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hoga.app.trader.trading import TradeEnd
    from hoga.cli import report as command

    end = TradeEnd(ok=True, mode="live", orders=1, fills=1, pnl="0", pnl_currency="USDT", verdict="FLAT", journal=str(journal), incident="")
    monkeypatch.setattr(reports, "render", lambda *args, **more: 1 / 0)
    assert command.end_run(end, as_json=False, verdict=lambda end: None) == 0
    assert "division by zero" in capsys.readouterr().err
    monkeypatch.setattr(command, "_MOST_BYTES", 10)
    assert command.end_run(end, as_json=True, verdict=lambda end: None) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["figures"] == {}
    assert f"hoga report {journal} --last" in said.err


@pytest.mark.parametrize(
    "arguments,word",
    [(["nowhere"], "nowhere"), ([".", "--lang", "kr"], "en, ko"), ([".", "-o", "no/such.html"], "a folder that exists")],
)
def test_bad_usage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_a_folder_without_a_journal_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# -- of many runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs over two parameters, each with a dozen round trips."""
    folder = tmp_path_factory.mktemp("backtests")
    for fast in (5, 10, 20):
        for slow in (30, 60):
            given = {"fast": str(fast), "slow": str(slow), "size": "0.01"}
            trader = Trader(folder / f"cross-{fast}-{slow}" / "journal", mode="backtest", grade="books", parameters={"cross": given})
            trader.mark(60_000, "10000")
            for number in range(12):
                trader.fill(Side.BUY, 10, 60_000, fee=1, strategy="cross")
                trader.fill(Side.SELL, 10, 60_000 + fast * (number % 4) - slow // 6, fee=1, strategy="cross")
            trader.end()
    (folder / "no-journal").mkdir()
    return folder


@pytest.mark.parametrize("lang", LANGUAGES)
def test_many_runs_are_compared_and_the_best_is_told_with_what_chance_gives(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    out = tmp_path / "c.html"
    assert main(["report", str(runs), "-o", str(out), "--lang", lang]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 8
    assert max(map(len, said[:-1])) <= 80
    page = Page(out.read_text(encoding="utf-8"))
    words = WORDS[lang]
    assert words["comparison"] in page.text
    assert words["many-tries"].format(tries=6) in page.text
    assert "cross-20-30" in page.text
    assert f"6 {words['runs']} · fast, slow" in page.text
    shades = [str(attrs["class"]) for tag, attrs in page.found if tag == "td" and re.search(r"\b(up|down)[0-4]\b", str(attrs.get("class")))]
    assert len(shades) == 6


def test_in_json_the_runs_have_their_parameters_and_what_choosing_is_worth(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(runs / f"cross-{fast}-30") for fast in (5, 10, 20)]
    assert main(["report", *folders, "-o", str(tmp_path / "c.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["parameters"]["fast"] for each in told["runs"]] == ["5", "10", "20"]
    assert (told["ok"], told["chosen"]["tries"], told["chosen"]["best"]) == (True, 3, "cross-20-30")
    assert 0 <= told["chosen"]["probability"] <= 1


def test_one_run_and_no_runs_of_a_folder(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs / "cross-5-30"), str(runs / "cross-5-60"), "-o", str(tmp_path / "c.html")]) == 0
    assert main(["report", str(runs / "no-journal")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# -- in a browser ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width,scheme,lang", [(390, "light", "en"), (1280, "dark", "ko")])
def test_it_is_whole_in_a_browser_and_all_of_it_is_reached_by_keyboard(
    chromium: Any, journal: Path, tmp_path: Path, width: int, scheme: str, lang: str
) -> None:
    made(journal, tmp_path, "--lang", lang)
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else None)
    page.goto((tmp_path / "r.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".plot canvas").count() == page.locator(".plot").count() >= 4
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(300 if width < 600 else 0):
        seen.add(page.evaluate(ACTIVE))
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert width > 600 or {"SELECT", "SUMMARY", "BUTTON t-trips", "chart 1", "chart 3"} <= seen
    page.focus('.plot[data-chart="0"]')
    for key in ("End", "ArrowLeft", "+", "Escape"):
        page.keyboard.press(key)
    assert "UTC" in page.inner_text("#o0")
    page.focus("#filters select >> nth=2")
    page.select_option("#filters select >> nth=2", WORDS[lang]["r-stop"])
    assert page.inner_text("#count").startswith("4 / 12")
    page.focus("#t-trips thead button >> nth=10")
    page.keyboard.press("Enter")
    nets = page.eval_on_selector_all("#t-trips tbody tr", "rows => rows.map(row => Number(row.cells[10].dataset.v))")
    assert nets == sorted(nets, reverse=True)
    assert axe_finds(page) == []
    assert complaints == []
    context.close()


def axe_finds(page: Any) -> list[Any]:
    page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger's door, which the page's policy does not guard
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


def test_a_comparison_is_whole_in_a_browser(chromium: Any, runs: Path, tmp_path: Path) -> None:
    assert main(["report", str(runs), "-o", str(tmp_path / "c.html")]) == 0
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", bypass_csp=False)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.goto((tmp_path / "c.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#t-runs thead button >> nth=1")
    fasts = page.eval_on_selector_all("#t-runs tbody tr", "rows => rows.map(row => Number(row.cells[1].dataset.v))")
    assert fasts == [20, 20, 10, 10, 5, 5]
    assert axe_finds(page) == []
    assert complaints == []
    context.close()
