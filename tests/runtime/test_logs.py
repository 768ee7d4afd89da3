"""The log: one line each, nothing held up, nothing lost in silence."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.runtime.logs import FIELDS, LogSystem, format_json, format_text, get_log, setup_logging


@pytest.fixture
def start() -> Iterator[Callable[..., LogSystem]]:
    systems: list[LogSystem] = []

    def begin(**settings: object) -> LogSystem:
        defaults: dict[str, object] = {"directory": None, "console": False}
        systems.append(setup_logging(**{**defaults, **settings}))  # type: ignore[arg-type]
        return systems[-1]

    yield begin
    for system in systems:
        system.close()


def made(event: str, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("hoga.feed", logging.WARNING, "", 0, event, None, None)
    record.created = 1795143600.123
    record.__dict__[FIELDS] = fields
    return record


def test_a_line_is_time_level_room_event_and_fields() -> None:
    line = "2026-11-20T03:00:00.123Z WARNING feed link lost conn=binance-1 epoch=3"
    assert format_text(made("link lost", conn="binance-1", epoch=3)) == line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ('q"q', '"q\\"q"'),
        (1.23456789, "1.23457"),
        (None, "None"),
        ("호가", "호가"),
        ("k=v", '"k=v"'),
    ],
)
def test_values_are_quoted_when_they_must_be(value: object, shown: str) -> None:
    assert format_text(made("e", k=value)).endswith(f" e k={shown}")


@given(st.text(), st.text())
def test_nothing_breaks_out_of_its_line(event: str, value: str) -> None:
    line = format_text(made(event.replace("%", ""), k=value))
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_the_json_form_is_one_object() -> None:
    line = json.loads(format_json(made("link lost", conn="binance-1", epoch=3, path=Path("x"))))
    assert list(line)[:4] == ["time", "level", "room", "event"]
    assert (line["room"], line["event"], line["conn"], line["epoch"]) == ("feed", "link lost", "binance-1", 3)


def test_file_and_console_get_the_same_lines(tmp_path: Path, start: Callable[..., LogSystem]) -> None:
    stream = io.StringIO()
    system = start(directory=tmp_path / "logs", console=True, stream=stream)
    get_log("feed").info("started", n=1)
    get_log("feed").debug("not shown")
    logging.getLogger("other").warning("foreign %s", "line")
    logging.getLogger("other").info("not shown")
    system.close()
    text = (tmp_path / "logs" / "hoga.log").read_text()
    assert text == stream.getvalue()
    assert [line.split(" ", 1)[1] for line in text.splitlines()] == ["INFO feed started n=1", "WARNING other foreign line"]
    assert system.recent == text.splitlines()


def test_warnings_of_python_are_log_lines(start: Callable[..., LogSystem]) -> None:
    system = start()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    system.close()
    assert "WARNING py.warnings" in system.recent[0]
    assert "old way" in system.recent[0]


def test_the_file_rotates_and_keeps_so_many(tmp_path: Path, start: Callable[..., LogSystem]) -> None:
    system = start(directory=tmp_path, max_mb=1, backups=2)
    for number in range(40):
        get_log(f"room{number}").info("x" * 100_000)
    system.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hoga.log", "hoga.log.1", "hoga.log.2"]
    assert all(path.stat().st_size <= 1_000_000 for path in tmp_path.iterdir())


class Gate(io.StringIO):
    """A console that is stuck until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.open.wait(20)
        return super().write(text)


def test_a_stuck_console_holds_nobody_up_and_what_is_dropped_is_told(start: Callable[..., LogSystem]) -> None:
    gate = Gate()
    system = start(console=True, stream=gate, capacity=5)
    get_log("a").info("first")
    assert gate.reached.wait(10)
    for number in range(30):
        get_log("a").info(f"line {number}")
    assert system.dropped == 25
    gate.open.set()
    system.close()
    lines = gate.getvalue().splitlines()
    assert sum(" a line " in line for line in lines) == 5
    assert lines[-1].endswith("WARNING logs log lines dropped dropped=25")


def test_repeats_are_held_back_and_counted(start: Callable[..., LogSystem]) -> None:
    system = start()
    for number in range(25):
        get_log("feed").warning("again", n=number)
    get_log("feed").warning("once")
    system.close()
    assert sum(" feed again n=" in line for line in system.recent) == 10
    assert system.recent[-1].endswith("WARNING feed again repeated=15")


def test_a_failure_carries_its_trace(start: Callable[..., LogSystem]) -> None:
    system = start()
    try:
        raise LookupError("lost")
    except LookupError as error:
        get_log("feed").failure("task died", error, task="t")
    system.close()
    assert re.search(r"ERROR feed task died task=t trace=.*LookupError: lost", system.recent[0])


def test_a_full_disk_loses_lines_and_counts_them(tmp_path: Path, start: Callable[..., LogSystem]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "hoga.log").symlink_to(full)
    system = start(directory=tmp_path)
    get_log("feed").info("into the void")
    system.close()
    assert system.lost >= 1
    assert len(system.recent) == 1


def test_close_twice_and_logging_afterwards_are_harmless(start: Callable[..., LogSystem]) -> None:
    before = logging.getLogger().handlers
    system = start()
    system.close()
    system.close()
    assert logging.getLogger().handlers is before
    get_log("feed").info("nobody listens")
    assert system.recent == []


CHILDREN = """
import sys
from multiprocessing import get_context
from pathlib import Path
from hoga.runtime.log_pipe import LogPipe, join_logs
from hoga.runtime.logs import get_log, setup_logging

def speak(address, name):
    system = join_logs(address)
    for n in range(50):
        get_log(name).warning(f"line {n}", n=n, path=Path("p"))
    system.close()

if __name__ == "__main__":
    system = setup_logging(directory=Path(sys.argv[1]), console=False)
    inlet = LogPipe(system)
    inlet.start()
    children = [get_context("spawn").Process(target=speak, args=(inlet.address, f"child{n}")) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    import time
    for _ in range(3000):
        if sum(1 for _ in open(sys.argv[1] + "/hoga.log")) == 150:
            break
        time.sleep(0.01)
    inlet.close()
    inlet.close()
    system.close()
"""


def test_lines_of_several_processes_end_in_one_file(tmp_path: Path) -> None:
    script = tmp_path / "children.py"
    script.write_text(CHILDREN)
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=240)
    lines = (tmp_path / "hoga.log").read_text().splitlines()
    for child in range(3):
        mine = [line.split(" ", 1)[1] for line in lines if f" child{child} " in line]
        assert mine == [f"WARNING child{child} line {n} n={n} path=p" for n in range(50)]


def test_without_a_system_of_ours_the_fields_are_in_the_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="hoga"):
        get_log("hub").warning("no snapshot of a book", symbol="KRW-BTC", why="no answer", percent="100%s")
        get_log("hub").info("nothing to add")
    assert [record.getMessage() for record in caplog.records] == [
        'no snapshot of a book symbol=KRW-BTC why="no answer" percent=100%s',
        "nothing to add",
    ]
    try:
        raise LookupError("lost")
    except LookupError as fault:
        get_log("hub").failure("a consumer failed", fault, component="chart-1")
    assert caplog.records[-1].getMessage() == "a consumer failed component=chart-1"


def test_with_one_they_are_told_once(start: Callable[..., LogSystem]) -> None:
    system = start(console=False)
    get_log("hub").warning("no snapshot of a book", symbol="KRW-BTC")
    system.close()
    assert system.recent[-1].endswith("hub no snapshot of a book symbol=KRW-BTC")
