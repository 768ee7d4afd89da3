"""A strategy that decides by more than what it had seen is found: by what it uses, by a second run, by runs that end earlier."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hoga.app.backtest.lookahead import Check, check_lookahead
from hoga.app.backtest.probing import Probe
from hoga.app.backtest.run import plan_backtest
from hoga.app.config import load_config
from hoga.cli.main import main
from tests.trading.recorded import START_NS, Market, strategy

HEAD = """
import datetime, os, pathlib, random, sys, time
from hoga import Strategy


class Mine(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    books = 0

    def on_book(self, book):
        self.books += 1
        if self.books % 40 == 0:
            self.target(self.symbol, "0.010" if self.wants(book) else 0, why=str(self.books))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    Market().walk(START_NS, 50).keep(root)
    return root


def check(root: Path, folder: Path, text: str = "") -> Check:
    path = strategy(folder, text)
    config = load_config(None, overrides=[], environ={}, data_dir=root)

    def plan(from_ns: int | None, to_ns: int | None) -> Any:
        return plan_backtest(config, str(path), (), start_ns=from_ns, end_ns=to_ns, ask=False)

    return check_lookahead(plan, cuts=2)


def test_an_honest_strategy_decides_the_same_from_every_piece(recorded: Path, tmp_path: Path) -> None:
    found = check(recorded, tmp_path)
    assert (found.ok, found.uses, found.again.differences) == (True, (), 0)
    assert [each.differences for each in found.pieces] == [0, 0]
    assert found.pieces[0].decisions < found.pieces[1].decisions < found.decisions
    assert {each.line for each in found.lines} == {f"Cross binance-usdm:BTCUSDT 5s sma({n})" for n in (2, 5)}
    assert all(each.apart is not None and each.apart < 1e-9 for each in found.lines)


PEEKS = [
    ("return time.time() % 2 < 1", "wall time: time.time at mine.py:15"),
    ("return datetime.datetime.now().microsecond % 2", "wall time: datetime.datetime.now at mine.py:15"),
    ("return random.randint(0, 1)", "randomness: random.Random.getrandbits at mine.py:15"),
    ("return os.urandom(1)[0] % 2", "randomness: os.urandom at mine.py:15"),
    ("return pathlib.Path(__file__).read_text()", "files: io.open at mine.py:15"),
]


@pytest.mark.parametrize(("line", "named"), PEEKS)
def test_what_it_looks_at_beside_its_events_is_named_with_its_line(line: str, named: str, recorded: Path, tmp_path: Path) -> None:
    text = f"{HEAD}\n    def wants(self, book):\n        {line}\n"
    number = next(number for number, each in enumerate(text.splitlines(), 1) if line in each)
    path = strategy(tmp_path, text)
    config = load_config(None, overrides=[], environ={}, data_dir=recorded)
    plan = plan_backtest(config, str(path), (), ask=False)
    told: list[str] = []
    probe = Probe((each for _, each in plan.strategies), lambda use: told.append(str(use)))
    for _, each in plan.strategies:
        for _ in range(40):
            each.books = 39  # type: ignore[attr-defined]
            with pytest.raises(AttributeError):
                each.on_book(None)  # type: ignore[arg-type]  # it has no desk to order at
    assert [each.times >= 40 for each in probe.uses()] == [True], probe.uses()
    assert probe.uses()[0].matters
    assert told == [f"{named.replace(':15', f':{number}')} (in on_book, 1 times)"]


def test_one_that_remembers_what_came_later_is_found_by_running_again(recorded: Path, tmp_path: Path) -> None:
    text = f"""{HEAD}
    def wants(self, book):
        seen = sys.__dict__.setdefault("_what_mine_has_seen", {{}})
        later = seen.get(self.books + 40, book.bid)
        seen[self.books] = book.bid
        return later > book.bid
"""
    found = check(recorded, tmp_path, text)
    assert not found.ok
    assert found.uses == ()
    assert found.again.differences > 0
    assert found.again.first is not None
    assert found.again.first.now is not None


def test_one_that_reads_the_recording_itself_is_named(recorded: Path, tmp_path: Path) -> None:
    text = f"""{HEAD}
    def wants(self, book):
        import hoga

        later = hoga.load("binance-usdm:BTCUSDT", "execution", root={str(recorded)!r}).numpy()
        return later["price"][-1] > float(book.bid)
"""
    found = check(recorded, tmp_path, text)
    assert not found.ok
    assert [each.what for each in found.uses if each.what == "files"]
    assert all(each.where.startswith("mine.py:") for each in found.uses)


@pytest.mark.parametrize("where", ["the file", "setup"])
def test_one_that_has_read_the_recording_before_it_begins_is_named(where: str, recorded: Path, tmp_path: Path) -> None:
    text = f"""import hoga
{HEAD}
    def wants(self, book):
        return self.later["price"][self.books] > float(book.bid)
"""
    read = f'hoga.load("binance-usdm:BTCUSDT", "execution", root={str(recorded)!r}).numpy()'
    text += f"\n    def setup(self, m):\n        self.later = {read}\n" if where == "setup" else f"\n    later = {read}\n"
    found = check(recorded, tmp_path, text)
    assert not found.ok
    number = next(number for number, line in enumerate(text.splitlines(), 1) if read in line)
    named = {(each.what, each.where) for each in found.uses if each.what != "files"}
    assert named == {("the recording itself", f"mine.py:{number}")}


BELOW = f"""import ctypes, glob
{HEAD}
    def wants(self, book):
        return self.books % 80 == 0


def below(path):
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fread.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    file = libc.fopen(path.encode(), b"r")
    data = ctypes.create_string_buffer(4096)
    libc.fread(data, 1, 4096, file)
    libc.fclose(file)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is read below Python")
@pytest.mark.parametrize("hook", ["setup", "on_start", "the file"])
def test_one_that_reads_the_recording_below_python_is_named(hook: str, recorded: Path, tmp_path: Path) -> None:
    path = next(each for each in sorted(recorded.rglob("*")) if each.is_file() and each.suffix in (".zip", ".zst"))
    call = f"below({str(path)!r})"
    text = BELOW + (f"\n\n{call}\n" if hook == "the file" else f"\n\nMine.{hook} = lambda self, *m: {call}\n")
    found = check(recorded, tmp_path, text)
    assert not found.ok
    assert [(each.what, each.hook, each.where) for each in found.uses] == [("the recording itself", hook, "mine.py")]
    assert path.name in found.uses[0].call
    assert not any("inotify" in each for each in found.blind)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is read below Python")
@pytest.mark.parametrize(("hook", "ok"), [("setup", True), ("on_start", False)])
def test_what_is_read_below_python_elsewhere_is_told_and_in_a_hook_it_counts(hook: str, ok: bool, recorded: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(b"x" * 9_000)
    found = check(recorded, tmp_path, BELOW + f"\n\nMine.{hook} = lambda self, *m: below({str(other)!r})\n")
    assert found.ok is ok
    assert [(each.what, each.hook) for each in found.uses] == [("files", hook)]
    assert "below Python" in found.uses[0].call


def test_the_command_tells_what_it_found(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    honest = ["trade", str(strategy(tmp_path)), "--mode", "backtest", "--data", str(recorded), "--check-lookahead"]
    assert main(honest) == 0
    said = capsys.readouterr().out
    assert "run again, the same span: " in said
    assert "not seen: a copy of the recording elsewhere" in said
    assert "each was made by what it had seen" in said
    (tmp_path / "clock.py").write_text(f"{HEAD}\n    def wants(self, book):\n        return time.time_ns() % 2\n")
    assert main(["trade", f"{tmp_path}/clock.py", "--mode", "backtest", "--data", str(recorded), "--check-lookahead", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(each["what"], each["where"]) for each in found["uses"]] == [("wall time", "clock.py:16")]
