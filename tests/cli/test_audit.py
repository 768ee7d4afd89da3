"""`hoga audit`: exit status, JSON, and text that a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoga.audit.folder import list_files
from hoga.audit.log import AuditLogger
from hoga.cli.main import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with AuditLogger(tmp_path / "data" / "journal") as log:
        log.append("config", {"sym": "spot:BTCUSDT", "pp": -2, "sp": -3})
        log.append("signal", {"id": "s1", "sym": "spot:BTCUSDT", "why": "fast > slow", "cause": {"src": "spot:BTCUSDT", "at": 5}})
        log.append("order.intent", {"id": "hg1", "sym": "spot:BTCUSDT", "side": "B", "q": 10, "p": 6732110, "sig": "s1"})
        log.append("order.reject", {"id": "hg1", "sym": "spot:BTCUSDT", "code": "-2010", "raw": "no money"})
    return tmp_path / "data"


def test_verify_says_good_and_names_the_last_hash(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(data)]) == 0
    told = capsys.readouterr().out
    assert "6 records of 1 lives in 1 files, sealed" in told
    assert told.rstrip().endswith("good")


def test_verify_names_the_place_of_a_flipped_byte(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = list_files(data / "journal")[0].path
    path.write_bytes(path.read_bytes().replace(b"fast > slow", b"fast < slow"))
    assert main(["audit", "verify", str(data)]) == 1
    assert (
        f"problem: journal/{path.parent.name}/000001.jsonl, line 3: wrong-hash: record 3 is not what was written" in capsys.readouterr().out
    )
    assert main(["audit", "verify", str(data), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [each["kind"] for each in report["problems"]] == ["wrong-hash"]


def test_verify_compares_a_seal_from_elsewhere(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(data), "--json"]) == 0
    journal = json.loads(capsys.readouterr().out)["journals"][0]
    assert main(["audit", "verify", str(data), "--seal", f"{journal['last_n']}:{journal['hash']}"]) == 0
    assert main(["audit", "verify", str(data), "--seal", f"{journal['last_n'] + 1}:{journal['hash']}"]) == 1
    capsys.readouterr()
    assert main(["audit", "verify", str(data), "--seal", "nonsense"]) == 2
    assert "--seal: found nonsense, expected a record's number" in capsys.readouterr().err


def test_why_tells_the_story_with_its_cause(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "why", "hg1", str(data)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in told if line.startswith("20")] == ["signal", "order.intent", "order.reject"]
    assert any("because of" in line and "at=5" in line for line in told)
    assert any("no money" in line for line in told)
    assert main(["audit", "why", "hg1", str(data), "--json"]) == 0
    assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == ["signal", "order.intent", "order.reject"]
    assert main(["audit", "why", "hg9", str(data)]) == 1
    assert "nothing in" in capsys.readouterr().err


def test_timeline_is_chosen_and_says_where_it_could_not_read(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "timeline", str(data), "--kind", "order"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["TIME", "KIND", "WHAT", "WHY"]
    assert len(told) == 3
    with AuditLogger(data / "journal") as log:
        log.append("config", {"sym": "spot:BTCUSDT", "many": "x" * 150})
    assert main(["audit", "timeline", str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[0]) < 100, "a long record moves the columns of no other one"
    assert next(line for line in lines if "fast > slow" in line).index("fast > slow") < 100
    path = list_files(data / "journal")[0].path
    path.write_bytes(path.read_bytes().replace(b"fast > slow", b"fast < slow"))
    assert main(["audit", "timeline", str(data), "--json"]) == 1
    caught = capsys.readouterr()
    assert len(json.loads(caught.out)) == 8
    assert "not as it was written" in caught.err


@pytest.mark.parametrize("words", [["verify"], ["why", "x"], ["timeline"]])
def test_no_journal_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["audit", *words, str(tmp_path)]) == 1
    assert "there is no journal of orders here" in capsys.readouterr().err
    assert main(["audit", *words, str(tmp_path / "none")]) == 2
    (tmp_path / "strategy.py").write_text("")
    assert main(["audit", *words, str(tmp_path / "strategy.py")]) == 2
    assert "expected a trader's data folder, or its journal" in capsys.readouterr().err
