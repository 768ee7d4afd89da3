"""`hoga verify`, `consolidate`, `ls` and `cat` as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hoga.archive.keep.lock import FolderLock
from hoga.cli.main import main
from tests.archive.recorded_market import TODAY, Market
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, fill_books, fill_trades
from tests.archive_journal.desk import Desk


@pytest.fixture
def trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Three minutes of trades in `data/binance/execution` of the working folder."""
    monkeypatch.chdir(tmp_path)
    return fill_trades(Workshop(Path("data/binance/execution").absolute(), "execution"))


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command with `--json` and give (status, document)."""

    def run(*arguments: str) -> tuple[int, Any]:
        status = main([*arguments, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


def test_verify_says_good_and_then_what_is_wrong(trades: Workshop, told: Callable[..., Any]) -> None:
    status, report = told("verify", "data", "-j", "1")
    assert (status, report["ok"], report["segments"], report["records"], report["problems"]) == (0, True, 3, 120, [])
    assert {"ok", "archives", "segments", "records", "gaps", "missed", "incidents", "problems"} <= set(report)
    path = next(trades.folder.glob("*13-16*"))
    path.write_bytes(path.read_bytes()[:100])
    status, report = told("verify", "data", "-j", "1")
    assert (status, report["ok"]) == (1, False)
    assert {"file": str(path), "kind": "truncated", "offset": 100}.items() <= report["problems"][0].items()


def test_verify_prints_one_line_for_each_problem(trades: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    next(trades.folder.glob("*13-16*")).unlink()
    assert main(["verify", "data", "-j", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("problem: ") and "13-16.zip: missing" in line for line in lines)
    assert any(line.startswith("problem: ") and "ids 1040..1079 are missing" in line for line in lines)
    assert lines[-1].startswith("2 problems: 0 archives, 3 segments, 80 records")


def test_consolidate_merges_finished_days(trades: Workshop, told: Callable[..., Any]) -> None:
    status, result = told("consolidate", "data", "--day", DAY)
    assert (status, result["ok"], result["failed"]) == (0, True, [])
    assert result["done"] == [{"what": f"{SYMBOL}_execution_{DAY}", "state": "merged", "segments": 3, "records": 120}]
    assert not trades.folder.exists()
    assert told("consolidate", "data", "--day", DAY) == (0, {"ok": True, "done": [], "failed": []})


def test_consolidate_makes_merged_days_parquet_when_asked(trades: Workshop, told: Callable[..., Any]) -> None:
    pytest.importorskip("pyarrow")
    assert told("consolidate", "data", "--day", DAY)[0] == 0
    status, result = told("consolidate", "data", "--parquet")
    assert (status, [each["state"] for each in result["done"]]) == (0, ["parquet"])
    assert told("consolidate", "data", "--parquet") == (0, {"ok": True, "done": [], "failed": []})
    assert told("verify", "data")[0] == 0


def test_consolidate_keeps_minutes_when_told_to_and_says_what_failed(trades: Workshop, told: Callable[..., Any]) -> None:
    assert told("consolidate", "data", "--day", DAY, "--keep")[0] == 0
    assert len(list(trades.folder.glob("*.zip"))) == 3
    next(trades.directory.glob("*.zip")).write_bytes(b"")
    status, result = told("consolidate", "data", "--day", DAY)
    assert (status, result["ok"]) == (1, False)
    assert result["failed"][0]["what"] == f"{SYMBOL}_execution_{DAY}"
    assert len(list(trades.folder.glob("*.zip"))) == 3


def test_ls_lists_days(trades: Workshop, told: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = told("ls")
    assert status == 0
    assert set(rows[0]) >= {"venue", "symbol", "kind", "day", "records", "bytes", "coverage", "gaps", "incidents", "state"}
    assert (rows[0]["venue"], rows[0]["records"], rows[0]["state"]) == ("binance", 120, "open")
    assert main(["ls", "data"]) == 0
    figures = ["120", "0.0", "0.20%", "0.00%", "99.80%", "100.00%", "0", "0"]
    assert capsys.readouterr().out.splitlines()[1].split() == ["binance", SYMBOL, "execution", DAY, *figures, "open"]


def test_ls_says_since_when_something_is_recorded_of_which_nothing_is_sealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path / "data" / "binance")
    desk.journal(range(10, 20), ended=False)
    assert main(["ls", "data"]) == 0
    assert capsys.readouterr().err == "", "nobody is at work"
    lock = FolderLock(desk.folder)
    assert lock.acquire()
    try:
        assert main(["ls", "data"]) == 0
    finally:
        lock.release()
    assert capsys.readouterr().err == "binance: recording since 12:00; the first minute seals at 12:01 (UTC)\n"


def test_ls_lists_the_other_series_when_one_is_damaged(trades: Workshop, told: Callable[..., Any], tmp_path: Path) -> None:
    other = fill_books(Workshop(tmp_path / "data/binance/orderbook", "orderbook"))
    other.ledger.write_bytes(b"x" + other.ledger.read_bytes()[1:])
    status, rows = told("ls", "data")
    assert (status, {row["kind"]: row["state"] for row in rows}) == (1, {"execution": "open", "orderbook": "damaged"})
    assert other.ledger.name in next(row["why"] for row in rows if row["kind"] == "orderbook")


def test_verify_of_nothing_is_not_good(told: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = told("verify", str(tmp_path))
    assert (status, report["ok"], [problem["kind"] for problem in report["problems"]]) == (1, False, ["empty"])
    assert main(["verify", str(tmp_path)]) == 1
    assert "nothing to verify" in capsys.readouterr().out


def test_verify_has_one_line_for_each_kind_and_file(trades: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [agg_trade(trades.minute_ns("13-18") + at, 1120 + at)[:-20] + b"\n" for at in range(50)]
    trades.seal("13-18", lines, ids=[])
    assert main(["verify", "data", "-j", "1"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert sum(": malformed at 0: " in line and line.endswith("and 49 more") for line in out) == 1
    assert len([line for line in out if ": malformed" in line]) == 1


def test_consolidate_adopts_days_of_the_classic_recorder(
    told: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data" / "binance" / "orderbook" / f"{SYMBOL}_orderbook_{DAY}.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".jsonl", '{"recv_ms":1,"bids":[],"asks":[]}\n' * 3)
    assert main(["consolidate", str(tmp_path)]) == 0
    assert "--adopt" in capsys.readouterr().err
    status, result = told("consolidate", str(tmp_path), "--adopt")
    assert (status, result["ok"]) == (0, True)
    assert result["done"] == [{"what": path.stem, "state": "adopted", "segments": 1, "records": 3}]
    assert told("verify", str(tmp_path))[0] == 0


def test_consolidate_says_that_a_ledger_was_lost(trades: Workshop, told: Callable[..., Any]) -> None:
    trades.ledger.unlink()
    status, result = told("consolidate", "data", "--day", DAY)
    assert (status, result["ok"], result["done"][0]["state"]) == (1, False, "merged")
    assert "ledger" in result["failed"][0]["why"]
    assert told("verify", "data")[0] == 1


def test_cat_prints_the_very_lines(trades: Workshop, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["cat", "data"]) == 0
    assert capfdbinary.readouterr().out == trades.all_text()
    assert main(["cat", f"binance:{SYMBOL}", "--kind", "execution", "--start", f"{DAY}T13:16", "--end", f"{DAY}T13:17"]) == 0
    assert capfdbinary.readouterr().out == trades.text["13-16", 1]
    assert main(["cat", f"binance:{SYMBOL}", "--kind", "orderbook"]) == 0
    out, error = capfdbinary.readouterr()
    assert (out, error) == (b"", b"no orderbook is recorded here; recorded: execution\n")


def test_cat_says_why_it_prints_nothing(trades: Workshop, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["cat", "data", "--start", "2030-01-01", "--end", "2030-01-02"]) == 0
    out, error = capfdbinary.readouterr()
    assert (out, error) == (b"", b"nothing between 2030-01-01 and 2030-01-02; recorded: 2026-11-20 13:15-13:17\n")


def test_cat_prints_no_damaged_text(trades: Workshop, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    main(["consolidate", "data", "--day", DAY])
    capfdbinary.readouterr()
    path = next(trades.directory.glob("*.zip"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 2
    path.write_bytes(data)
    assert main(["cat", "data"]) == 1
    out, error = capfdbinary.readouterr()
    assert trades.all_text().startswith(out)
    assert out.count(b"\n") == 40
    assert len(error.splitlines()) == 1
    assert path.name.encode() in error


def test_a_reader_that_leaves_early_is_no_error(trades: Workshop, tmp_path: Path) -> None:
    fill_trades(trades, minutes=["14-00", "14-01"], per_minute=4000, first=2000)
    command = f'"{sys.executable}" -m hoga.cli.main cat data; echo "status $?" >&2'
    done = subprocess.run(["sh", "-c", f"({command}) | head -1"], cwd=tmp_path, capture_output=True, timeout=240, check=True)
    assert done.stdout == trades.all_text().splitlines(keepends=True)[0]
    assert done.stderr.decode() == "status 0\n"


def test_a_reader_of_ls_that_leaves_at_once_is_no_error(trades: Workshop, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m hoga.cli.main ls data; echo "status $?" >&2'
    done = subprocess.run(["sh", "-c", f"({command}) | true"], cwd=tmp_path, capture_output=True, timeout=240, check=True)
    assert done.stderr.decode() == "status 0\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "nowhere"], ["nowhere", "exists"]),
        (["cat", "binanse:BTCUSDT"], ["binanse", "did you mean binance"]),
        (["cat", "binance:BTCUSD"], ["BTCUSD", "did you mean BTCUSDT"]),
        (["cat", "nowhere"], ["nowhere", "VENUE:SYMBOL"]),
        (["cat", "BTCUSDT"], ["BTCUSDT", "did you mean binance:BTCUSDT"]),
        (["cat", "btcusd"], ["btcusd", "did you mean binance:BTCUSDT"]),
        (["cat", "binance:btcusdt"], ["btcusdt", "did you mean BTCUSDT"]),
        (["cat", "data", "--kind", "executoin"], ["executoin", "did you mean execution"]),
        (["cat", "data", "--kind", "orderbok"], ["orderbok", "did you mean orderbook"]),
        (["cat", "data", "--start", f"{DAY}T14:00", "--end", f"{DAY}T13:00"], ["--start", "before --end"]),
        (["consolidate", "nowhere"], ["nowhere", "a file or folder that exists"]),
        (["recover", "nowhere"], ["nowhere", "a file or folder that exists"]),
        (["cat", "data", "--start", "yesterday"], ["--start", "yesterday", "2026"]),
        (["consolidate", "data", "--day", "20"], ["--day", "YYYY-MM-DD"]),
        (["ls", "nowhere"], ["nowhere"]),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    trades: Workshop, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert all(word in error for word in words)


def test_verify_books_tells_shares_and_why_the_rest_cannot_be_rebuilt(
    told: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market = Market(1, TODAY)
    market.snapshot_at(20)
    market.seal(tmp_path / "books")
    status, report = told("verify", str(tmp_path / "books"), "--books", "-j", "1")
    assert status == 0
    (row,) = report["books"]
    assert (row["venue"], row["symbol"], row["records"], row["proven"]) == ("binance", "BTCUSDT", 200, 180)
    assert row["unprovable"] == {"no-book": 20}
    assert main(["verify", str(tmp_path / "books"), "--books", "-j", "2"]) == 0
    out = capsys.readouterr().out
    assert "books: binance BTCUSDT 2026-11-20: 90.00% of 200 proven" in out
    assert "10.00% cannot be rebuilt (20 before a snapshot or after a hole in the deltas)" in out
    assert "records/s" in out
    assert main(["verify", str(tmp_path / "books")]) == 0
    assert "books:" not in capsys.readouterr().out
