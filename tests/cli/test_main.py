"""The command line as a user meets it: outputs, exit statuses, one line for every mistake."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from hoga._version import __version__
from hoga.cli import main as cli
from hoga.core.errors import ArchiveBusy, ConfigError, ConfigMistake

HEAVY = ("aiohttp", "numpy", "picows", "psutil", "rich.console", "starlette", "uvloop", "zstandard")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def commands(app: typer.Typer) -> list[tuple[str, str]]:
    """(name, docstring) of every command, with those of groups as `group command`."""
    found = [(str(info.name), info.callback.__doc__ or "") for info in app.registered_commands if info.callback is not None]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += [(f"{group.name} {name}", doc) for name, doc in commands(group.typer_instance)]
    return found


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"hoga {__version__}\n", "")


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    probe = f"import sys; from hoga.cli.main import main; main(['--help']); print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=240)
    assert result.stdout.endswith("[]\n")
    for name, _ in commands(cli.build_app()):
        assert f"  {name.split()[0]}  " in result.stdout


@pytest.mark.parametrize(("name", "documentation"), commands(cli.build_app()))
def test_every_command_has_an_example_and_its_help_works(capsys: pytest.CaptureFixture[str], name: str, documentation: str) -> None:
    assert f"Example: hoga {name}" in documentation
    status, out, _ = run(capsys, *name.split(), "--help")
    assert status == 0
    assert f"Example: hoga {name}" in out


@pytest.mark.parametrize("module", cli.MODULES)
def test_a_module_adds_the_commands_that_the_table_says(module: str) -> None:
    app = typer.Typer()
    import_module(f"hoga.cli.{module}").register(app)
    assert list(dict.fromkeys(name.partition(" ")[0] for name, _ in commands(app))) == cli.MODULES[module].split()


def test_every_command_module_is_there() -> None:
    assert {name for name, _ in commands(cli.build_app())} >= {"config init", "config check", "config show", "doctor"}


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys)
    assert (status, out) == (2, "")
    assert err.startswith("Usage: hoga")
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "No such command 'confg'. Did you mean 'config'?"),
        (["doctor", "--jsn"], "No such option: --jsn (Possible options: --json"),
        (["config", "shw"], "Did you mean 'show'?"),
        (["config", "show", "stray"], "unexpected extra argument"),
        (["config", "show", "--set"], "requires an argument"),
        (["config", "check", "--set", "LOB_DIR=~nobodyhasthisname/x"], "LOB_DIR: found '~nobodyhasthisname/x', expected a folder"),
        (["config", "check", "--set", "S3_ENDPOINT=http://AKIA:s3cr3t@minio:9000"], "S3_ENDPOINT: found an address with credentials in it"),
        (["config", "check", "--set", "WS_URL=wss://me:hunter2@there"], "WS_URL: found an address with credentials in it"),
        (["retain", "d", "--root", "o", "--days", "4000000"], "--days"),
    ],
)
def test_a_usage_mistake_is_one_line_with_the_nearest_name(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("hoga: ")
    assert said in err
    assert "s3cr3t" not in err
    assert "hunter2" not in err


def outcome(monkeypatch: pytest.MonkeyPatch, act: object) -> int:
    app = typer.Typer()
    app.command()(act)  # type: ignore[type-var]
    monkeypatch.setattr(cli, "build_app", lambda *command: app)
    return cli.main([])


def test_errors_become_lines_and_statuses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def config_error() -> None:
        raise ConfigError([ConfigMistake("f", 1, "A", "x", "y"), ConfigMistake("f", 2, "B", "x", "y", "C")])

    def busy() -> None:
        raise ArchiveBusy("/rec", "another hoga is recording here", hint="stop it first")

    def no_room() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/rec/x")

    def too_many() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    def interrupted() -> None:
        raise KeyboardInterrupt

    def found_a_problem() -> int:
        return 1

    def leave() -> None:
        raise typer.Exit(3)

    assert outcome(monkeypatch, config_error) == 2
    assert capsys.readouterr().err == "hoga: f:1: A: found x, expected y\nhoga: f:2: B: found x, expected y; did you mean C?\n"
    assert outcome(monkeypatch, busy) == 2
    assert capsys.readouterr().err == "hoga: /rec: another hoga is recording here (stop it first)\n"
    assert outcome(monkeypatch, no_room) == 2
    assert capsys.readouterr().err == "hoga: /rec/x: No space left on device (free some space; `df` says where)\n"
    assert outcome(monkeypatch, too_many) == 2
    assert "ulimit -n" in capsys.readouterr().err
    assert outcome(monkeypatch, interrupted) == 130
    assert outcome(monkeypatch, found_a_problem) == 1
    assert outcome(monkeypatch, leave) == 3


def test_a_reader_that_leaves_is_no_error(repository: Path) -> None:
    script = f"'{sys.executable}' -m hoga config show | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=240, cwd=repository, check=False)
    assert result.stdout.startswith("venue")
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("hoga conf", ["config"]),
        ("hoga cat --kind o", ["orderbook"]),
        ("hoga cat binance:", ["binance:BTCUSDT", "binance:币USDT"]),
        ("hoga cat upb", ["upbit:KRW-BTC"]),
        ("hoga run --set REDUN", ["REDUNDANCY="]),
        ("hoga run --set upbit.LATENCY_G", ["upbit.LATENCY_GATE="]),
        ("hoga run --set API", []),
        ("hoga sim --venues binance,u", ["binance,upbit"]),
    ],
)
def test_shell_completion_offers_what_there_is(tmp_path: Path, line: str, offered: list[str]) -> None:
    for name in ("binance/orderbook/BTCUSDT_orderbook_2026-11-20.zip", "binance/execution/temporary/币USDT_execution_2026-11-20"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "upbit" / "orderbook" / "KRW-BTC_orderbook_2026-11-20.zip").mkdir(parents=True)
    words = line.split()
    environ = {**os.environ, "_HOGA_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-c", "from hoga.cli.main import main; main([])"]
    result = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert result.stdout.split() == offered, result.stderr


def test_each_command_has_a_short_line_that_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ([], ["config"]):
        status, out, _ = run(capsys, *group, "--help")
        assert (status, "..." in out.partition("Commands:")[2]) == (0, False), out


@pytest.mark.parametrize("command", [["ls"], ["verify"], ["cat"], ["recover"], ["config", "init"], ["sim"], ["consolidate"]])
def test_arguments_are_written_as_people_write_them(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    usage = run(capsys, *command, "--help")[1].splitlines()[0]
    assert not re.search(r"\[\[|<|\]\]", usage), usage


class TestConfig:
    def test_init_writes_a_file_that_check_accepts(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = str(tmp_path / "hoga.conf")
        assert run(capsys, "config", "init", path)[0] == 0
        status, _, err = run(capsys, "config", "init", path)
        assert (status, err) == (
            2,
            f"hoga: {path}: exists already and was left as it is; --force replaces it, another name writes another one\n",
        )
        assert json.loads(run(capsys, "config", "init", path, "--force", "--json")[1]) == {"ok": True, "file": path}
        assert run(capsys, "config", "check", "-c", path)[0] == 0
        assert run(capsys, "config", "init", str(tmp_path / "no" / "folder"))[0] == 2

    def test_check_names_every_mistake(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "hoga.conf"
        path.write_text("TIMEOT = 1\nREDUNDANCY = 3\n")
        status, out, err = run(capsys, "config", "check", "-c", str(path))
        assert (status, out) == (2, "")
        assert [line.split(": ")[1:3] for line in err.splitlines()] == [[f"{path}:1", "TIMEOT"], [f"{path}:2", "REDUNDANCY"]]
        status, out, err = run(capsys, "config", "check", "-c", str(path), "--json")
        document = json.loads(out)
        assert (status, document["ok"], err) == (2, False, "")
        assert [(m["line"], m["nearest"]) for m in document["mistakes"]] == [(1, "TIMEOUT"), (2, None)]

    def test_show_tells_value_and_origin_and_masks(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "hoga.conf").write_text("REDUNDANCY = 2\n")
        monkeypatch.setenv("HOGA_DASHBOARD_TOKEN", "hush")
        status, out, _ = run(capsys, "config", "show", "--set", "TIMEOUT=9", "--data", "elsewhere")
        assert status == 0
        assert re.search(r"^binance +REDUNDANCY +2 +hoga.conf:1$", out, re.MULTILINE)
        assert re.search(r"^ +TIMEOUT +9 +--set$", out, re.MULTILINE)
        assert re.search(r"^ +DASHBOARD_TOKEN +\*\*\* +environment$", out, re.MULTILINE)
        assert re.search(r"^binance +LOB_DIR +elsewhere/binance/orderbook +default$", out, re.MULTILINE)
        assert "hush" not in out
        rows = json.loads(run(capsys, "config", "show", "--json")[1])
        assert {"venue": None, "key": "DASHBOARD_TOKEN", "value": "***", "origin": "environment"} in rows

    def test_what_is_read_otherwise_is_a_warning_line_each(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "hoga.conf"
        path.write_text("SYMBOLS = BTCUSDT\nLATENCY_THRESHOLD_SEC = 0.5\nGC_INTERVAL_SEC = 60.0\nWHAT_IS_THIS = 1\n")
        for command in ("check", "show"):
            status, _, err = run(capsys, "config", command, "-c", str(path))
            lines = err.splitlines()
            assert (status, len(lines)) == (0, 3)
            assert all(line.startswith(f"hoga: warning: {path}:") for line in lines)
        document = json.loads(run(capsys, "config", "check", "-c", str(path), "--json")[1])
        assert [(told["line"], told["key"]) for told in document["notes"]] == [
            (2, "LATENCY_THRESHOLD_SEC"), (3, "GC_INTERVAL_SEC"), (4, "WHAT_IS_THIS"),
        ]  # fmt: skip

    def test_check_says_what_is_recorded(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert run(capsys, "config", "check")[1] == "defaults: good; records binance\n"
        assert json.loads(run(capsys, "config", "check", "--json")[1]) == {"ok": True, "mistakes": [], "venues": ["binance"], "notes": []}


class TestDoctor:
    def test_the_report_and_its_status(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        from hoga.app.doctor import Check, CheckState

        checks = [
            Check(name="clock", state=CheckState.OK, found="good"),
            Check(name="disk", state=CheckState.FAILED, found="full", advice="tidy up"),
        ]

        async def examine(*_arguments: object, **_settings: object) -> list[Check]:
            return checks

        monkeypatch.setattr("hoga.app.doctor.examine", examine)
        status, out, _ = run(capsys, "doctor")
        assert (status, out) == (1, "✓ clock: good\n✗ disk: full\n    → tidy up\n2 checks, 1 failed\n")
        document = json.loads(run(capsys, "doctor", "--json")[1])
        assert (document["ok"], document["checks"][1]["advice"]) == (False, "tidy up")
        del checks[1]
        assert run(capsys, "doctor", "--json")[0] == 0


def test_ctrl_c_while_the_program_is_being_read_is_quiet() -> None:
    probe = """
import sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
import hoga.cli.main
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_recover_wants_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("x")
    status, out, err = run(capsys, "recover", str(tmp_path / "notes.txt"))
    assert (status, out) == (2, "")
    assert "notes.txt, expected a folder" in err


@pytest.mark.parametrize(
    "words",
    ["run --seconds inf", "run --seconds nan", "demo --speed 1e400", "trade x.py --mode paper --seconds inf", "flatten --seconds inf"],
)
def test_a_number_that_is_none_is_a_mistake(capsys: pytest.CaptureFixture[str], words: str) -> None:
    status, out, err = run(capsys, *words.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words.split()[-2] in err
