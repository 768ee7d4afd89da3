"""Files below a data folder whose names are another system's bytes: they are named and left out, and everything else goes on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import hoga
from hoga.cli._output import json_text
from hoga.cli.main import main
from hoga.core.errors import ArchiveError
from tests.archive.workshop import Workshop, fill_trades

KOREAN = b"\xba\xf1\xc6\xae"
"""Of CP949."""
LATIN = b"caf\xe9"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A day of 120 trades, and four misnamed things beside what belongs to nobody."""
    shop = fill_trades(Workshop(tmp_path / "data/binance/execution", "execution"))
    here = os.fsencode(tmp_path / "data/binance")
    minute = next(shop.folder.glob("*13-15.zip"))
    try:
        (tmp_path / os.fsdecode(KOREAN)).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    for place, name in ((b"/execution/temporary/", KOREAN), (b"/" + LATIN + b"/temporary/", b"BTCUSDT")):
        folder = here + place + name + b"_execution_2026-11-18"
        os.makedirs(folder)
        shutil.copy(minute, os.fsdecode(folder + b"/" + name + b"_execution_2026-11-18_13-15.zip"))
    for named in (b"/execution/" + LATIN + b"_execution_2026-11-19.zip", b"/execution/" + KOREAN + b".journal", b"/" + KOREAN + b".txt"):
        Path(os.fsdecode(here + named)).write_bytes(b"x")
    return tmp_path / "data"


def run(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, Any, str]:
    status = main([*command, "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


@pytest.mark.parametrize("command", ["ls", "coverage"])
def test_lists_are_of_the_rest_and_say_what_is_left_out(command: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, err = run(capsys, command, str(data))
    assert (status, [row["symbol"] for row in rows], err.count("its name is no UTF-8")) == (1, ["BTCUSDT"], 4)
    assert ".txt" not in err


def test_verify_names_them_among_its_problems(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report, _ = run(capsys, "verify", str(data), "-j", "1")
    assert (status, report["records"], {each["kind"] for each in report["problems"]}) == (1, 120, {"unreadable"})
    assert all(os.path.lexists(each["file"]) for each in report["problems"])


def test_the_page_is_written(data: Path, tmp_path: Path) -> None:
    assert main(["coverage", str(data), "--html", str(tmp_path / "page.html")]) == 1
    assert "its name is no UTF-8" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_consolidate_goes_on_with_the_rest(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report, _ = run(capsys, "consolidate", str(data))
    assert (status, [each["records"] for each in report["done"]], len(report["failed"])) == (1, [120], 4)


def test_merge_goes_on_with_the_rest(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report, _ = run(capsys, "merge", str(data), "-o", str(tmp_path / "one"))
    assert (status, report["records"], len(report["failed"])) == (1, 120, 4)


def test_who_names_one_of_them_is_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(os.fsdecode(os.fsencode(data) + b"/binance/execution/" + LATIN + b"_execution_2026-11-19.zip"))
    with pytest.raises(ArchiveError, match="no UTF-8"):
        hoga.load(path)
    assert main(["ls", str(path)]) == 2
    assert "no UTF-8" in capsys.readouterr().err


def test_a_document_takes_a_name_that_is_no_text() -> None:
    name = os.fsdecode(KOREAN)
    text = json_text({"file": name, "symbol": "비트"})
    assert text.encode() == '{"file":"\\udcba\\udcf1Ʈ","symbol":"비트"}'.encode()
    assert json.loads(text)["file"] == name
