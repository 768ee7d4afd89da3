"""An archive around an instant: the same book as `Dataset.at`, each frame once by steps, a picture that fills nothing in; and the page."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hoga
from hoga.archive.form.ledger import LiveEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.cli.main import main
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.history import view as module
from hoga.history.batch import Arrays
from hoga.history.depthmap import depth_map
from hoga.history.view import NoSuchSeries, View
from hoga.runtime.clock import ManualClock
from tests.archive.workshop import DAY, Workshop, agg_trade, book
from tests.tries import tries
from tests.waiting import LONG_S, until

STATIC = Path(module.__file__).parent / "static"
AXE = Path(__file__).resolve().parent.parent / "dashboard" / "vendor" / "axe.min.js"
MINUTES = ("13-15", "13-16", "13-18")


def quoted(price: int, count: int = 3) -> str:
    return json.dumps([[f"{price}.{level}", f"{level + 1}.5"] for level in range(count)])


def fill(root: Path, *, merged: bool) -> tuple[Workshop, Workshop]:
    """Books every half second in three minutes, the third after a cut of a minute; trades every second; both of one venue."""
    books, trades = Workshop(root / "binance" / "orderbook", "orderbook"), Workshop(root / "binance" / "execution", "execution")
    number = 1
    for minute in MINUTES:
        start = books.minute_ns(minute)
        lines = []
        for index in range(120):
            at = start + index * SECOND_NS // 2 + 5
            lines.append(book(at, number, bids=quoted(100 + index % 7, 2 + index % 2), asks=quoted(200 + index % 5)))
            number += 1
        books.seal(minute, lines, ids=range(number - 120, number), streams=["btcusdt@depth20@100ms"])
        ids = range(number, number + 60)
        trades.seal(minute, [agg_trade(start + at * SECOND_NS, each) for at, each in enumerate(ids)], ids=ids, streams=["btcusdt@aggTrade"])
    cut = books.minute_ns("13-17")
    for shop in (books, trades):
        shop.tell(LiveEntry(journal="all", at=9, from_ns=shop.minute_ns("13-15"), to_ns=shop.minute_ns("13-19")))
        shop.tell_gap(Gap(cut - 2 * SECOND_NS, cut + MINUTE_NS, Reason.DISCONNECT, None))
        if merged:
            merge_day(SeriesDay(shop.directory, "BTCUSDT", shop.kind, DAY), venue="binance", archive_format="zip", purge=True)
    return books, trades


@pytest.fixture(scope="module", params=["merged", "minutes"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("view") / "data"
    fill(root, merged=request.param == "merged")
    return root


START = Workshop(Path(), "orderbook").minute_ns("13-15")
NAME = "binance:BTCUSDT"


@settings(max_examples=tries(60))
@given(st.integers(START - MINUTE_NS, START + 5 * MINUTE_NS))
def test_the_book_is_that_of_load(root: Path, at_ns: int) -> None:
    view = VIEWS.setdefault(root, View(root))
    expected = hoga.load(NAME, "orderbook", root=root).at(at_ns)
    found = view.book(NAME, "orderbook", at_ns)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.recv_ns, found.update_id) == (int(expected["recv_ns"]), int(expected["update_id"]))
        for side, levels in enumerate((found.bids, found.asks)):
            there = ~np.isnan(expected["prices"][side])
            assert [price for price, _ in levels] == expected["prices"][side][there].tolist()
            assert [size for _, size in levels] == expected["sizes"][side][there].tolist()


VIEWS: dict[Path, View] = {}


def test_steps_go_through_every_frame_once_there_and_back(root: Path) -> None:
    view = View(root)
    receipts = hoga.load(NAME, "orderbook", root=root).numpy().recv_ns.tolist()
    first, last = view.span(NAME) or (0, 0)
    assert (first, last) == (receipts[0], receipts[-1])
    walked, at = [first], first
    while (following := view.step(NAME, "orderbook", at, 1)) is not None:
        walked.append(at := following)
    assert walked == receipts
    back, at = [last], last
    while (before := view.step(NAME, "orderbook", at, -1)) is not None:
        back.append(at := before)
    assert back == receipts[::-1]


def test_what_was_read_is_kept_and_not_more_than_fits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 150_000)
    reads: list[int] = []
    read = View._read
    monkeypatch.setattr(
        View, "_read", lambda self, key, series, from_ns, to_ns: reads.append(from_ns) or read(self, key, series, from_ns, to_ns)
    )
    view = View(root)
    for _ in range(3):
        view.book(NAME, "orderbook", START + 10 * SECOND_NS)
    assert len(reads) == 1
    for minute in (1, 3, 0, 1, 3):
        view.book(NAME, "orderbook", START + minute * MINUTE_NS + 30 * SECOND_NS)
    assert view._bytes <= 150_000 + 80_000
    assert len(view._minutes) < 4


def test_a_minute_that_grows_is_read_anew_after_a_moment(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "orderbook", "orderbook")
    start = shop.minute_ns("13-15")
    clock = ManualClock(wall_ns=start + 90 * SECOND_NS)
    shop.seal("13-15", [book(start + 1, 1)], ids=[1])
    view = View(tmp_path, clock=clock)

    def newest() -> int | None:
        found = view.book(NAME, "orderbook", start + 59 * SECOND_NS)
        return None if found is None else found.update_id

    assert newest() == 1
    shop.seal("13-15", [book(start + 2 * SECOND_NS, 2)], part=2, ids=[2])
    assert newest() == 1
    clock.advance(3.0)
    assert newest() == 2


def test_a_window_has_depth_trades_and_gaps(root: Path) -> None:
    window = View(root).window(NAME, "orderbook", START, START + 5 * MINUTE_NS, columns=300, rows=80)
    assert window.depth is not None
    assert window.depth.books == 360
    empty = np.isnan(window.depth.best[:, 0])
    assert empty[119:180].all(), "nothing is shown where a gap reaches"
    assert not empty[1:117].any()
    assert empty[242:].all(), "nor after the last of all"
    assert (window.depth.cells[10] < 0).any()
    assert (window.depth.cells[10] > 0).any()
    assert (len(window.trades), window.trade_count) == (180, 180)
    assert window.trades[0] == (START, 97962.29, 0.5, -1)
    assert {(kind, gap.reason) for kind, gap in window.gaps} == {("orderbook", "disconnect"), ("execution", "disconnect")}


def test_the_largest_trades_are_shown_where_there_are_too_many(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRADES_SHOWN", 7)
    window = View(root).window(NAME, "orderbook", START, START + MINUTE_NS, columns=10, rows=10)
    assert (len(window.trades), window.trade_count) == (7, 60)
    assert [trade[0] for trade in window.trades] == sorted(trade[0] for trade in window.trades)


def test_what_is_not_there_is_named(root: Path) -> None:
    view = View(root)
    assert view.names() == {NAME: ["execution", "orderbook"]}
    for ask in (lambda: view.book(NAME, "delta", START), lambda: view.span("binance:X"), lambda: next(view.lines("binance:X", 0, 1))):
        with pytest.raises(NoSuchSeries, match="is recorded here"):
            ask()
    assert view.book(NAME, "orderbook", START - 5) is None
    assert view.step(NAME, "orderbook", START - 2 * 86_400 * SECOND_NS, -1) is None
    assert view.step(NAME, "orderbook", START - 2 * 86_400 * SECOND_NS, 1) == START + 5, "the next frame, on whatever day"


def test_lines_are_exported_as_they_are_recorded(root: Path) -> None:
    lines = b"".join(View(root).lines(NAME, START, START + 2 * SECOND_NS)).splitlines()
    assert len(lines) == 2 + 4
    recorded = list(hoga.read(root, start=START, end=START + 2 * SECOND_NS))
    assert len([event for event in recorded if type(event).__name__ != "GapEvent"]) == 6
    assert all(b'"recvNs":' in line for line in lines)


# -- the map of depth ------------------------------------------------------------------------------------------------


def arrays(receipts: list[int], bids: list[float], asks: list[float]) -> Arrays:
    prices = np.full((len(receipts), 2, 3), np.nan)
    prices[:, 0, 0], prices[:, 1, 0] = bids, asks
    return Arrays({"recv_ns": np.array(receipts, np.int64), "prices": prices, "sizes": np.where(np.isnan(prices), np.nan, 4.0)})


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=30, unique=True).map(sorted),
    st.lists(st.tuples(st.integers(-10, 110), st.integers(0, 30)), max_size=4),
    st.integers(1, 40),
)
def test_a_column_shows_the_last_book_before_its_end_or_nothing(receipts: list[int], spans: list[tuple[int, int]], columns: int) -> None:
    gaps = [Gap(start, start + length, Reason.SILENCE, None) for start, length in spans]
    whole = columns * 3
    found = depth_map(
        arrays(receipts, [float(each) for each in receipts], [500.0] * len(receipts)), gaps, 0, whole, columns=columns, rows=50
    )
    for column in range(columns):
        end = (column + 1) * 3
        before = [each for each in receipts if each < end]
        shown = bool(before) and not any(gap.from_ns < end and gap.to_ns > before[-1] for gap in gaps)
        if found is None:
            assert not shown
        else:
            assert (float(before[-1]) == found.best[column, 0]) if shown else np.isnan(found.best[column, 0])
            assert bool(np.any(found.cells[column])) <= shown


def test_a_size_shows_at_its_price() -> None:
    found = depth_map(arrays([0, 10], [100.0, 101.0], [102.0, 103.0]), [], 0, 20, columns=2, rows=40)
    assert found is not None
    for column, (bid, ask) in enumerate(((100.0, 102.0), (101.0, 103.0))):
        cells = found.cells[column]
        rows = [int(np.floor((price - found.low) / found.step)) for price in (bid, ask)]
        assert [cells[rows[0]] < 0, cells[rows[1]] > 0] == [True, True]
        assert np.count_nonzero(cells) == 2


# -- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("served") / "data"
    fill(root, merged=True)
    command = [sys.executable, "-m", "hoga", "view", str(root), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["view"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG_S) == 0
        if process.stdout is not None:
            process.stdout.close()


def get(url: str, **headers: str) -> tuple[int, Any, bytes]:
    try:
        with urlopen(Request(url, headers=headers), timeout=LONG_S) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def test_the_answers(url: str) -> None:
    assert json.loads(get(f"{url}api/archive")[2])["names"] == {NAME: ["execution", "orderbook"]}
    about = json.loads(get(f"{url}api/instrument?name={NAME}")[2])
    assert about["first"] == str(START + 5)
    assert about["days"] == [DAY]
    assert json.loads(get(f"{url}api/day?name={NAME}&day={DAY}")[2]) == {"minutes": "795.1u1h1m1u641."}
    book_url = f"{url}api/book?name={NAME}&kind=orderbook&t="
    found = json.loads(get(f"{book_url}{START + SECOND_NS}&step=1")[2])
    assert found["t"] == found["book"]["recv_ns"] == str(START + SECOND_NS + 5)
    assert json.loads(get(f"{book_url}{START + 2 * MINUTE_NS}")[2])["book"] is None
    status, headers, body = get(f"{url}api/window?name={NAME}&kind=orderbook&from={START}&to={START + MINUTE_NS}&columns=60&rows=50")
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    size = struct.unpack("<I", body[:4])[0]
    told = msgspec.json.decode(body[4 : 4 + size])
    assert len(body) == 4 + size + told["depth"]["columns"] * (told["depth"]["rows"] + 16)
    status, headers, body = get(f"{url}api/export?name={NAME}&from={START}&to={START + SECOND_NS}")
    assert (status, body.count(b"\n")) == (200, 1 + 2)
    assert headers["content-disposition"].startswith('attachment; filename="binance_BTCUSDT_')


def test_a_day_that_is_merged_anew_meanwhile_is_looked_for_anew(tmp_path: Path) -> None:
    books, _ = fill(tmp_path, merged=True)
    view = View(tmp_path)
    assert view.book(NAME, "orderbook", START + SECOND_NS) is not None
    late = START + 2 * MINUTE_NS + 59 * SECOND_NS
    books.seal("13-14", [book(START - 5 * SECOND_NS, 7)], ids=[7], streams=["btcusdt@depth20@100ms"])
    merge_day(SeriesDay(books.directory, "BTCUSDT", "orderbook", DAY), venue="binance", archive_format="zip", purge=True)
    assert (view.book(NAME, "orderbook", START + MINUTE_NS + SECOND_NS) or BOOK).recv_ns == START + MINUTE_NS + SECOND_NS // 2 + 5
    assert (view.book(NAME, "orderbook", START - SECOND_NS) or BOOK).update_id == 7
    next(books.directory.glob("*.zip")).unlink()
    with pytest.raises(ArchiveError):
        view.book(NAME, "orderbook", late + MINUTE_NS)


BOOK = module.Book(0, None, None, [], [])


@pytest.mark.parametrize(
    "path,status,word",
    [
        ("api/book?name=x:Y&kind=orderbook&t=1", 404, "no orderbook of x:Y"),
        ("api/book?kind=orderbook&t=1", 400, "name is missing"),
        ("api/book?name=a&kind=b&t=soon", 400, "no whole number"),
        ("api/window?name=a&kind=b&from=5&to=5&columns=1&rows=1", 400, "after from"),
        ("api/export?name=a&from=0&to=99999999999999999", 400, "two hours"),
        ("static/../view.html", 404, ""),
        ("static/nothing.js", 404, ""),
    ],
)
def test_what_cannot_be_answered_says_why(url: str, path: str, status: int, word: str) -> None:
    found, _, body = get(url + path)
    assert found == status
    assert word in body.decode()


def test_only_this_machine_by_a_name_of_its_own(url: str) -> None:
    assert get(url, Host="evil.example")[0] == 421
    status, headers, body = get(url)
    assert (status, b"<title>hoga view" in body) == (200, True)
    assert "default-src 'self'" in headers["content-security-policy"]
    assert url.startswith("http://127.0.0.1:")


def test_damage_is_an_error_and_never_another_number(tmp_path: Path) -> None:
    books, _ = fill(tmp_path, merged=True)
    archive = next(books.directory.glob("*.zip"))
    data = bytearray(archive.read_bytes())
    data[300] ^= 0x10
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="zip"):
        View(tmp_path).book(NAME, "orderbook", START + SECOND_NS)


def test_bad_usage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(tmp_path / "nowhere")]) == 2
    assert main(["view", str(tmp_path)]) in (1, 2)
    fill(tmp_path, merged=False)
    capsys.readouterr()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["view", str(tmp_path), "--port", str(taken.getsockname()[1])]) != 0
    said = capsys.readouterr().err
    assert "is taken" in said
    assert said.count("\n") == 1


def test_both_languages_have_every_word() -> None:
    text = (STATIC / "view-words.js").read_text(encoding="utf-8")
    english, korean = (set(re.findall(r'[{,]\s*"?([\w-]+)"?: "', part)) for part in text.replace("ko: {", "§{ ").split("§"))
    assert english == korean
    assert {f"r-{reason}" for reason in Reason} <= english
    used = re.findall(r'\bt\("([\w-]+)"\)', (STATIC / "view.js").read_text(encoding="utf-8"))
    used += re.findall(r'data-t="([\w-]+)"', (STATIC / "view.html").read_text(encoding="utf-8"))
    assert set(used) <= english


def test_a_browser_seeks_steps_links_and_finds_gaps(chromium: Any, url: str) -> None:
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(url) else None)

    def shows(text: str) -> None:
        until(lambda: text in page.inner_text("#book-text"), seconds=LONG_S, pause=0.03, why=text)

    page.goto(f"{url}#name={NAME}&t=2026-11-20T13:15:01Z&span=60&lang=en")
    shows("13:15:00.500000005")
    page.keyboard.press("ArrowRight")
    shows("13:15:01.000000005")
    assert page.input_value("#moment") == "2026-11-20T13:15:01.000000005Z"
    assert "t=2026-11-20T13%3A15%3A01.000000005Z" in page.evaluate("location.hash")
    page.keyboard.press("ArrowLeft")
    shows("13:15:00.500000005")
    until(lambda: page.locator("#trades tr").count() > 5, seconds=LONG_S, pause=0.03, why="trades")
    page.fill("#moment", "2026-11-20 13:17:30")
    page.press("#moment", "Enter")
    shows("No book at this instant")
    until(lambda: "disconnected" in page.inner_text("#gaps"), seconds=LONG_S, pause=0.03, why="the gap")
    box = page.locator("#strip").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (13 * 60 + 16) / 1440, box["y"] + 10, steps=4)
    page.mouse.up()
    shows("received 13:1")
    with page.expect_download() as got:
        page.click("#export")
    assert Path(got.value.path()).read_bytes().count(b"\n") > 10
    page.select_option("#lang", "ko")
    until(
        lambda: "수신" in page.inner_text("#book-text") or page.evaluate("document.documentElement.lang") == "ko", seconds=LONG_S, why="ko"
    )
    assert complaints == []
    context.close()


def test_axe_finds_nothing(chromium: Any, url: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 1000}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{url}#name={NAME}&t=2026-11-20T13:15:10Z&lang=en")
    until(lambda: page.locator("#trades tr").count() > 5, seconds=LONG_S, pause=0.03, why="trades")
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    context.close()
