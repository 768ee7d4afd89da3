"""A result takes the place of an earlier result, and of nothing that was recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.cli.main import main
from hoga.history.index import Entry, Index
from tests.archive.workshop import Workshop, fill_trades


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of two merged days of trades, as a pattern names them, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for day in ("2026-11-20", "2026-11-21"):
        shop = fill_trades(Workshop(tmp_path / "data/binance/execution", "execution", day=day))
        merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, day), venue="binance", archive_format="zip", purge=True)
    return sorted(str(path) for path in Path("data/binance/execution").glob("*.zip"))


def refused(capsys: pytest.CaptureFixture[str], file: str, *command: str) -> None:
    before = Path(file).read_bytes()
    assert main(list(command)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert file in line
    assert Path(file).read_bytes() == before


def test_the_second_day_of_a_pattern_is_no_name_for_a_result(days: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert len(days) == 2
    refused(capsys, days[1], "export", *days, "--to", "csv")
    assert "would be lost" in _told(capsys, "export", *days, "--to", "csv")


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "export": lambda out: ["export", "data", out, "--to", "csv"],
    "coverage": lambda out: ["coverage", "data", "--html", out],
    "tree": lambda out: ["tree", "data", "-o", out],
    "report": lambda out: ["report", "data", "-o", out],
    "config": lambda out: ["config", "init", out, "--force"],
}
RECORDED = [
    "BTCUSDT_execution_2026-11-20.zip",
    "BTCUSDT_execution_2026-11-20.manifest.json",
    "BTCUSDT_execution_2026-11-20.healed.jsonl.zst",
    "BTCUSDT_execution_2026-11-20_13-15.jsonl.zst",
    "BTCUSDT_execution_2026-11-20.ledger.jsonl",
    "0_2026-11-20_13-15_18f3a_7.journal",
    "instruments_2026-11-20.json.zst",
    "000017-0001.tape.zst",
    "2026-11-20/000001.jsonl",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_replaces_what_was_recorded(command: str, days: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, days[1], *COMMANDS[command](days[1]))


@pytest.mark.parametrize("name", RECORDED)
def test_nothing_that_is_kept_is_replaced(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kept" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"recorded")
    refused(capsys, str(file), *COMMANDS["config"](str(file)))


def test_files_that_were_fetched_are_kept_and_captures_too(days: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetched = tmp_path / "BTCUSDT-aggTrades-2026-11-20.parquet"
    fetched.write_bytes(b"rows")
    with Index(tmp_path) as index:
        index.put(Entry(name=fetched.name, key=fetched.name, sha256="", bytes=4))
    refused(capsys, str(fetched), "export", "data", str(fetched), "--to", "parquet")
    result = tmp_path / "result.parquet"
    result.write_bytes(b"an earlier one, in the same folder")
    assert main(["export", "data", str(result), "--to", "parquet"]) == 0
    captures = [tmp_path / "caps" / name for name in ("1.gz", "2.gz")]
    captures[0].parent.mkdir()
    for each in captures:
        each.write_bytes(b"frames")
    refused(capsys, str(captures[1]), "export", *map(str, captures), "--to", "hftbacktest")


def test_what_is_read_is_not_replaced_by_what_comes_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules"
    rules.write_text("*.pyc\n")
    os.link(rules, tmp_path / "same")
    refused(capsys, str(tmp_path / "same"), "tree", str(tmp_path), "--ignore", str(rules), "-o", str(tmp_path / "same"))


@pytest.mark.parametrize("command", ["export", "coverage", "tree"])
def test_an_earlier_result_is_replaced(command: str, days: list[str], tmp_path: Path) -> None:
    out = tmp_path / "BTCUSDT_execution_2026-11-20.csv"
    out.write_text("an earlier result")
    assert main(COMMANDS[command](str(out))) == 0
    assert out.read_text() != "an earlier result"


def _told(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    main(list(command))
    return capsys.readouterr().err
