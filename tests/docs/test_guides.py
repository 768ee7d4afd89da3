"""Every guide for who comes from another recorder is done as it is written: files are saved, commands lead on, programs show something.

What they had before runs too, where it is installed: cryptofeed and hftbacktest in environments of their own. The guides themselves are
walked with the slow tests: a recorder each, and minutes that have to end.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import hoga
from hoga.app.config import load_config
from hoga.captures.frames import parser_for
from hoga.cli.main import main
from hoga.core.times import day_start_ns
from tests.thirdparty.environments import python_of
from tests.waiting import LONG_S, until

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guides"
GUIDES = ["from-a-script", "from-classic", "from-cryptofeed", "from-hftbacktest", "from-tardis"]
DAY = "2026-11-20"


class Block(NamedTuple):
    """`part`: the heading that it stands under, by number from 1 on (before, after, what changes, what was recorded before)."""

    part: int
    language: str
    text: str


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    found = []
    for part, section in enumerate(re.split(r"^## ", text, flags=re.MULTILINE)):
        found += [Block(part, *each) for each in re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)]
    return found


def commands(block: Block) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in block.text.splitlines() if line.strip()]


class Exchange(NamedTuple):
    """A simulated exchange in a process of its own, and the variables by which hoga goes there."""

    urls: dict[str, dict[str, str]]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    words = [sys.executable, "-m", "hoga", "sim", "--venues", "binance,binance-usdm", "--symbols", "BTCUSDT,ETHUSDT", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Exchange(told["venues"], told["environment"])
        process.terminate()


class Desk:
    """A folder in which a guide is followed, with what its reader has already."""

    def __init__(self, folder: Path, exchange: Exchange) -> None:
        self.folder = folder
        self.environment = os.environ | exchange.environment | {"HOGA_DASHBOARD_PORT_NUMBER": "0", "HOGA_DISK_RESERVE_MB": "1"}
        self.run: subprocess.Popen[bytes] | None = None

    def follow(self, words: list[str]) -> None:
        assert words[0] == "hoga"
        if words[1] == "run":
            self.begin(words)
        elif words[1] == "sim":
            self.try_out(words)
        elif words[1] == "doctor":  # of this machine: what it finds is not the page's matter
            assert main(words[1:]) in (0, 1)
        else:
            assert main(words[1:]) == 0, words

    def begin(self, words: list[str]) -> None:
        """The recorder, until what it recorded can be read."""
        words = [sys.executable, "-m", *words, "--json"]
        with (self.folder / "run.log").open("wb") as log:
            self.run = subprocess.Popen(words, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        assert self.run.stdout is not None
        assert self.run.stdout.readline(), (self.folder / "run.log").read_text()
        until(lambda: sum(each.records for each in hoga.catalog("data")) > 30 and len(hoga.catalog("data")) > 1, pause=0.3)

    def try_out(self, words: list[str]) -> None:
        """An exchange that plays a capture, until it is ready."""
        with subprocess.Popen([sys.executable, "-m", *words, "--json"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ready"]
            process.terminate()

    def stop(self) -> None:
        if self.run is not None:
            self.run.send_signal(signal.SIGTERM)
            self.run.communicate(timeout=LONG_S)
            assert self.run.returncode == 0


@pytest.fixture
def desk(tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    for name, value in exchange.environment.items():
        monkeypatch.setenv(name, value)
    found = Desk(tmp_path, exchange)
    yield found
    if found.run is not None and found.run.poll() is None:
        found.run.kill()
        found.run.communicate()


# what a reader has from before


def frames(channel: bytes, count: int = 60) -> list[bytes]:
    """Combined messages of deltas and trades."""
    found = []
    for at in range(count):
        event_ms = day_start_ns(DAY) // 1_000_000 + 100 * at
        found += [
            b'{"stream":"btcusdt@%b","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"BTCUSDT","U":%d,"u":%d,"pu":%d,'
            b'"b":[["97962.20","%d.5"]],"a":[["97962.30","3"]]}}' % (channel, event_ms, event_ms, 10 + at, 10 + at, 9 + at, 1 + at % 7),
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":%d,"T":%d,"s":"BTCUSDT","t":%d,"p":"97962.29","q":"0.5","X":"MARKET","m":true}}'
            % (event_ms, event_ms, 500 + at),
        ]
    return found


def had_by_the_script(folder: Path) -> None:
    (folder / "capture.jsonl").write_bytes(b"\n".join(frames(b"depth@100ms")) + b"\n")


def had_by_the_collector(folder: Path) -> None:
    start = day_start_ns("2024-08-08")
    lines = [b"%d %b\n" % (start + 50_000_000 * at, frame) for at, frame in enumerate(frames(b"depth@0ms"))]
    (folder / "binance-usdm").mkdir()
    (folder / "binance-usdm" / "btcusdt_20240808.gz").write_bytes(gzip.compress(b"".join(lines)))


def had_by_cryptofeed(folder: Path) -> None:
    (folder / "raw").mkdir()
    start = day_start_ns(DAY) // 1_000_000_000
    lines = [b"%d.%06d: %b\n" % (start + at // 20, at % 20 * 50_000, frame) for at, frame in enumerate(frames(b"depth@100ms"))]
    (folder / "raw" / "BINANCE.ws.1.0").write_bytes(b"".join(lines))


def had_from_tardis(folder: Path) -> None:
    start = day_start_ns(DAY) // 1000
    sides = ("buy", "sell", "unknown")
    trades = [f"binance,BTCUSDT,{start + at},{start + at + 900},{at},{sides[at % 3]},97962.29,0.5" for at in range(30)]
    table = ["exchange,symbol,timestamp,local_timestamp,id,side,price,amount", *trades]
    (folder / f"binance_trades_{DAY}_BTCUSDT.csv.gz").write_bytes(gzip.compress("\n".join(table).encode()))
    levels = [f"{side}[{level}].{what}" for level in range(25) for side in ("asks", "bids") for what in ("price", "amount")]
    numbers = [f"{97962.3 + level if side == 'asks' else 97962.2 - level},1" for level in range(25) for side in ("asks", "bids")]
    books = [f"binance,BTCUSDT,{start + at},{start + at + 900},{','.join(numbers)}" for at in range(30)]
    table = [f"exchange,symbol,timestamp,local_timestamp,{','.join(levels)}", *books]
    (folder / f"binance_book_snapshot_25_{DAY}_BTCUSDT.csv.gz").write_bytes(gzip.compress("\n".join(table).encode()))


def had_by_the_classic_recorder(folder: Path) -> None:
    """Minutes of one symbol, and a day that the classic recorder merged."""
    kinds = {
        "orderbook": b'{"recv_ms":%d,"net_delay_ms":3,"intv_lag_ms":0,"bids":[[86720.11,0.19388]],"asks":[[86721.0,0.5]]}\n',
        "execution": b'{"recv_ms":%d,"net_delay_ms":3,"E":1795132800000,"p":"86720.12","q":"0.0037","m":"0"}\n',
    }
    for kind, line in kinds.items():
        directory = folder / "old" / "binance" / kind
        day = f"BTCUSDT_{kind}_{'2026-11-29' if kind == 'orderbook' else DAY}"
        start_ms = day_start_ns(day[-10:]) // 1_000_000
        minutes = {minute: b"".join(line % (start_ms + minute * 60_000 + 100 * at) for at in range(50)) for minute in (0, 1)}
        names = {f"temporary/{day}/{day}_00-0{minute}": text for minute, text in minutes.items()}
        if kind == "execution":
            names = {day: b"".join(minutes.values())}
        for name, text in names.items():
            path = directory / f"{name}.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr(f"{path.stem}.jsonl", text)


HAD: dict[str, Callable[[Path], None]] = {
    "from-a-script": had_by_the_script,
    "from-classic": had_by_the_classic_recorder,
    "from-cryptofeed": had_by_cryptofeed,
    "from-hftbacktest": had_by_the_collector,
    "from-tardis": had_from_tardis,
}

FOREIGN = {"from-a-script", "from-cryptofeed", "from-hftbacktest"}
"""Guides whose former program needs what it talks to, or is not hoga's to install: they have tests of their own below."""


@pytest.mark.slow
@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_done_as_it_is_written(name: str, desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    HAD[name](desk.folder)
    for block in blocks(page(name)):
        if block.part == 1 and name in FOREIGN:
            continue
        if block.language == "ini":
            (desk.folder / "hoga.conf").write_text(block.text)
            load_config(desk.folder / "hoga.conf", overrides=[], environ={})
        elif block.language == "sh":
            for words in commands(block):
                desk.follow(words)
        else:
            assert block.language == "python"
            capfd.readouterr()
            exec(compile(block.text, f"{name}.md", "exec"), {"__name__": "__main__"})
            assert capfd.readouterr().out.strip(), "it shows something"
    desk.stop()
    assert main(["verify", "data"]) == 0


def shown_by(python: str, program: str, *, lines: int, folder: Path) -> list[str]:
    """What a program that does not end by itself prints first."""
    words = [python, "-u", "-c", program]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        found = []
        for line in process.stdout:
            found.append(line)
            if len(found) == lines:
                break
        process.kill()
        assert len(found) == lines, process.stderr.read()
    return found


def before(name: str) -> str:
    return next(block.text for block in blocks(page(name)) if block.part == 1 and block.language == "python")


def test_the_script_that_was_there_before_runs_and_its_file_is_read(exchange: Exchange, tmp_path: Path) -> None:
    program = before("from-a-script").replace("wss://stream.binance.com:9443", exchange.urls["binance"]["ws"])
    assert program != before("from-a-script")
    found = shown_by(sys.executable, program, lines=120, folder=tmp_path)  # it flushes what it writes now and then
    assert any("btcusdt@depth20@100ms" in line for line in found)
    text = (tmp_path / "capture.jsonl").read_bytes()
    (tmp_path / "capture.jsonl").write_bytes(text[: text.rfind(b"\n") + 1])
    assert parser_for(text.split(b"\n")[0]) is not None
    assert hoga.load(tmp_path / "capture.jsonl", "orderbook").numpy().records > 0


ADDRESSES = """
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint, WSAsyncConn
from cryptofeed.exchanges import Binance
real_init = WSAsyncConn.__init__
def init(self, address, *args, **more):
    real_init(self, address.replace("ws://", "wss://", 1), *args, **more)
    self.address = address
WSAsyncConn.__init__ = init
Binance.websocket_endpoints = [WebsocketEndpoint("WS")]
Binance.rest_endpoints = [RestEndpoint("REST", routes=Routes("/api/v3/exchangeInfo", l2book="/api/v3/depth?symbol={}&limit={}"))]
"""


def test_what_cryptofeed_s_user_had_before_runs(exchange: Exchange, tmp_path: Path) -> None:
    urls = exchange.urls["binance"]
    program = ADDRESSES.replace('WS"', f'{urls["ws"]}"').replace('REST"', f'{urls["rest"]}"') + before("from-cryptofeed")
    found = shown_by(python_of("cryptofeed"), program, lines=8, folder=tmp_path)
    assert all("BTC-USDT" in line for line in found)


@pytest.mark.slow
def test_what_hftbacktest_s_user_had_before_runs(tmp_path: Path) -> None:
    had_by_the_collector(tmp_path)
    words = [python_of("hftbacktest"), "-c", before("from-hftbacktest")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1].split()[0]) > 100


# what the pages say


@pytest.mark.parametrize("name", GUIDES)
def test_the_korean_guide_has_the_same_code_and_says_as_much(name: str) -> None:
    english, korean = page(name), page(f"{name}.ko")
    assert [block[:2] for block in blocks(english)] == [block[:2] for block in blocks(korean)]

    def code(text: str) -> list[str]:
        every = "\n".join(block.text for block in blocks(text))
        return [line.split("#")[0].rstrip() for line in every.splitlines()]

    assert code(english) == code(korean)

    def shape(text: str) -> list[str]:
        return [line.split(" ")[0] for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines() if re.match(r"#|\|", line)]

    assert shape(english) == shape(korean)
    words = [set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))) for text in (english, korean)]
    assert words[0] == words[1]


def test_every_guide_is_here_and_found_from_the_page_on_moving_over() -> None:
    assert sorted(path.name.removesuffix(".md") for path in FOLDER.glob("*.md") if not path.name.endswith(".ko.md")) == GUIDES
    for language in ("", ".ko"):
        moving = (FOLDER.parent / f"moving-over{language}.md").read_text(encoding="utf-8")
        for name in GUIDES:
            assert f"guides/{name}{language}.md" in moving, name


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_a_page(name: str) -> None:
    assert len(page(name).splitlines()) < 140
