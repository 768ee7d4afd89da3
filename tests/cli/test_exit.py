"""`hoga flatten` and `hoga resume` as a person meets them: refusals in one line, a verdict, a release."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from hoga.audit.folder import JOURNAL_FOLDER, Account, Owner, list_files
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger
from hoga.audit.reading import Walk
from hoga.audit.verify import verify
from hoga.cli.main import main
from hoga.core.trading import Rung
from hoga.simulator import Simulator, SimulatorConfig

VENUE = "binance-usdm"


def journal_of(data: Path) -> Path:
    return data / JOURNAL_FOLDER


@pytest.mark.parametrize(
    "words, said",
    [
        (["--venue", "binanse"], "--venue: found binanse, expected one of binance, binance-usdm, upbit; did you mean binance?"),
        (["--venue", VENUE, "--scope", "mine"], "--scope: found mine, expected own or account"),
        (["--venue", VENUE, "--scope", "account"], "no keys: set HOGA_BINANCE_USDM__API_KEY"),
    ],
)
def test_what_cannot_begin_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["flatten", *words, "--data", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_knows_nothing_of_a_trader_is_not_said_to_be_flat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOGA_BINANCE_USDM__API_KEY", "k" * 20)
    monkeypatch.setenv("HOGA_BINANCE_USDM__API_SECRET", "s" * 20)
    monkeypatch.setenv("HOGA_BINANCE_USDM__REST_URL", "http://127.0.0.1:9")
    nowhere = tmp_path / "nowhere"
    assert main(["flatten", "--venue", VENUE, "--data", str(nowhere)]) == 2
    assert f"--data: {nowhere} has no trader's journal" in capsys.readouterr().err
    assert main(["flatten", "--venue", VENUE, "--data", str(nowhere), "--dry-run"]) == 2
    assert not nowhere.exists()


def test_a_disk_that_is_full_keeps_no_verdict_back(tmp_path: Path) -> None:
    async def run() -> tuple[int, str, str]:
        with AuditLogger(journal_of(tmp_path)):
            pass
        async with Simulator(SimulatorConfig(venues=(VENUE,), symbols=("BTCUSDT",), seed=3)) as simulator:
            code = (
                "import sys, errno, os\n"
                "import hoga.audit.log as log, hoga.audit.latch as latch\n"
                "def full(*a, **k):\n    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
                "os.pwrite = full\n"
                "from hoga.cli.main import main\n"
                "sys.exit(main(sys.argv[1:]))\n"
            )
            words = ["-c", code, "flatten", "--venue", VENUE, "--data", str(tmp_path), "--json"]
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, stdout=pipe, stderr=pipe, env=os.environ | simulator.environment()
            )
            out, err = await process.communicate()
            return process.returncode or 0, out.decode(), err.decode()

    status, out, err = asyncio.run(run())
    assert status == 0, err
    assert json.loads(out)["verdict"] == "FLAT"
    assert "the journal of the exit could not be written" in err


def test_a_folder_of_another_account_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with AuditLogger(journal_of(tmp_path), owner=Owner(accounts=(Account(VENUE, "elsewhere:1", "abc"),), trader="hg")):
        pass
    monkeypatch.setenv("HOGA_BINANCE_USDM__API_KEY", "k" * 20)
    monkeypatch.setenv("HOGA_BINANCE_USDM__API_SECRET", "s" * 20)
    monkeypatch.setenv("HOGA_BINANCE_USDM__REST_URL", "http://127.0.0.1:9")
    assert main(["flatten", "--venue", VENUE, "--data", str(tmp_path)]) == 2
    assert f"the orders here are of {VENUE} at elsewhere:1, account abc, not of {VENUE} at 127.0.0.1:9" in capsys.readouterr().err
    assert not list_files(journal_of(tmp_path) / "exit")


def test_the_verdict_is_told_and_written_and_its_incident_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> tuple[int, str]:
        with AuditLogger(journal_of(tmp_path)):
            pass
        async with Simulator(SimulatorConfig(venues=(VENUE,), symbols=("BTCUSDT",), seed=3)) as simulator:
            words = ["-m", "hoga", "flatten", "--venue", VENUE, "--data", str(tmp_path), "--json"]
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=pipe, env=os.environ | simulator.environment())
            out, _ = await process.communicate()
            return process.returncode or 0, out.decode()

    status, out = asyncio.run(run())
    assert status == 0
    verdict = json.loads(out)
    assert verdict["verdict"] == "FLAT"
    assert verdict["legs"] == []
    assert verify(tmp_path).ok
    kinds = [record.kind for record in Walk(journal_of(tmp_path) / "exit").records()]
    assert kinds[:2] == ["boot", "emergency.begin"]
    assert kinds[-2:] == ["emergency.end", "seal"]
    assert main(["resume", "20000101-000000", "--data", str(tmp_path)]) == 1
    assert f"the incident is {verdict['incident']} (FLATTEN, operator-flatten)" in capsys.readouterr().err
    assert main(["resume", verdict["incident"], "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "incident": verdict["incident"], "rung": "FLATTEN", "cause": "operator-flatten", "running": False, "next": "",
    }  # fmt: skip
    with Latch(journal_of(tmp_path)) as latch:
        assert latch.rung is Rung.ACTIVE
    assert main(["resume", verdict["incident"], "--data", str(tmp_path)]) == 1
    assert "nothing is to be resumed" in capsys.readouterr().err


def test_a_halt_that_only_the_journal_knows_is_resumed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with AuditLogger(journal_of(tmp_path)) as log:
        log.append("state", {"rung": "HALTED", "incident": "20261129-133156", "why": "clock"})
    assert main(["resume", "20261129-133156", "--data", str(tmp_path)]) == 0
    assert "it was HALTED (clock); the next start of the trader goes on" in capsys.readouterr().out
    with AuditLogger(journal_of(tmp_path)) as log:
        assert log.opened.recovered.rung is Rung.ACTIVE
        assert log.opened.recovered.incident == ""
    told = [record.kind for record in Walk(journal_of(tmp_path)).records()]
    assert "cmd" in told


@pytest.mark.parametrize(
    ("why", "left"),
    [
        ("losses-in-a-row", 0),
        ("ACTIVE -> REDUCING: MAX_LOSSES_IN_A_ROW is reached at binance (3, allowed 3); `hoga resume 20261129-133156` lets it go on", 0),
        ("ACTIVE -> REDUCING: the venue calls for margin at binance; `hoga resume 20261129-133156` lets it go on", 3),
    ],
)
def test_losses_in_a_row_are_counted_anew_from_their_resume_on(tmp_path: Path, why: str, left: int) -> None:
    lost = {
        "id": "hg1",
        "sym": "binance:BTCUSDT",
        "side": "S",
        "q": 1,
        "p": 1,
        "tid": "1",
        "st": "s",
        "share": [0, 0, -5, 0, 0],
        "losses": 3,
    }
    with AuditLogger(journal_of(tmp_path)) as log:
        log.append("order.fill", lost)
        log.append("state", {"rung": "REDUCING", "incident": "20261129-133156", "why": why})
    with AuditLogger(journal_of(tmp_path)) as log:
        assert log.opened.recovered.losses == {"binance:BTCUSDT": 3}
    assert main(["resume", "20261129-133156", "--data", str(tmp_path)]) == 0
    with AuditLogger(journal_of(tmp_path)) as log:
        assert log.opened.recovered.losses == {"binance:BTCUSDT": left}
        assert log.opened.recovered.rung is Rung.ACTIVE


@pytest.mark.parametrize("rung", ["HALTED", "REDUCING"])
@pytest.mark.parametrize("seen_by_a_start", [False, True])
def test_a_damage_that_was_found_after_a_halt_is_an_incident_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seen_by_a_start: bool, rung: str
) -> None:
    journal = journal_of(tmp_path)
    with AuditLogger(journal) as log:
        log.append("signal", {"id": "a"})
        log.append("state", {"rung": rung, "incident": "20261129-133156", "why": "clock"})
    path = list_files(journal)[-1].path
    path.write_bytes(path.read_bytes().replace(b'"id":"a"', b'"id":"x"'))
    if seen_by_a_start:  # halted it was already, so its ladder did not move
        with AuditLogger(journal) as log:
            assert log.opened.quarantined
    assert main(["resume", "20261129-133156", "--data", str(tmp_path), "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert "not as it was written" in err
    assert path.name in err
    assert told["next"] != "20261129-133156"
    with Latch(journal) as latch:
        assert (latch.rung, latch.state().incident) == (Rung.REDUCING, told["next"])
    with AuditLogger(journal) as log:
        assert (log.opened.recovered.rung, log.opened.recovered.incident) == (Rung.REDUCING, told["next"])
    assert main(["resume", told["next"], "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["next"] == ""
    with Latch(journal) as latch:
        assert latch.rung is Rung.ACTIVE


def test_a_folder_without_a_trader_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "x", "--data", str(tmp_path)]) == 1
    assert "there is no trader's journal here" in capsys.readouterr().err
