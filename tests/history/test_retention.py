"""Old days go only when a second root provably holds them, whatever befalls either side."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config.load import load_config
from hoga.app.retention import RunRetention
from hoga.archive.form.layout import day_stem
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import mount
from hoga.archive.keep.merge import merge_day, series_lock
from hoga.archive.prove import verify
from hoga.cli.main import main
from hoga.core.times import day_start_ns
from hoga.history.retention import Retained, SecondRoot, due_before, holder_at, place_of, retain
from hoga.runtime import durable
from hoga.runtime.clock import ManualClock
from hoga.runtime.pool import WorkerPool
from tests.archive.test_store import ROOT, Memory
from tests.archive.workshop import SYMBOL, Workshop, agg_trade

DAYS = ("2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21")
BEFORE = "2026-11-21"
FOLDER = Path("binance") / "execution"


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """Four merged days of trades, and a copy of them."""
    here, there = tmp_path / "data", tmp_path / "copy"
    for number, day in enumerate(DAYS):
        shop = Workshop(here / FOLDER, "execution", day=day)
        shop.seal("13-15", [agg_trade(shop.minute_ns("13-15"), number)], ids=[number])
        merge_day(SeriesDay(here / FOLDER, SYMBOL, "execution", day), venue="binance", archive_format="zip", purge=True)
    shutil.copytree(here, there)
    return here, there


def series_days(here: Path) -> list[SeriesDay]:
    return [SeriesDay(here / FOLDER, SYMBOL, "execution", day) for day in DAYS]


def run(roots: tuple[Path, Path], **more: Any) -> Retained:
    return retain(series_days(roots[0]), SecondRoot(roots[1]), data=roots[0], before=BEFORE, **more)


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def of_day(root: Path, day: str) -> dict[str, bytes]:
    return {name: data for name, data in files(root).items() if day in name}


def path_of(root: Path, day: str, suffix: str) -> Path:
    return root / FOLDER / (day_stem(SYMBOL, "execution", day) + suffix)


def test_days_that_a_second_root_holds_go_and_younger_ones_stay(roots: tuple[Path, Path]) -> None:
    before = files(roots[1])
    result = run(roots)
    assert [each.what[-10:] for each in result.removed] == list(DAYS[:3])
    assert result.kept == []
    assert not any(of_day(roots[0], day) for day in DAYS[:3])
    assert of_day(roots[0], DAYS[3])
    assert files(roots[1]) == before
    assert verify.verify([roots[0]], jobs=1).ok
    assert verify.verify([roots[1]], jobs=1).ok


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def linked(mine: Path, theirs: Path) -> None:
    theirs.unlink()
    theirs.symlink_to(mine)


FAULTS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "no day file there": (lambda here, there: path_of(there, DAYS[1], ".zip").unlink(), "does not hold"),
    "no manifest there": (lambda here, there: path_of(there, DAYS[1], ".manifest.json").unlink(), "does not hold"),
    "a bit flipped there": (lambda here, there: flip(path_of(there, DAYS[1], ".zip")), "not what the manifest names"),
    "cut short there": (lambda here, there: os.truncate(path_of(there, DAYS[1], ".zip"), 50), "not what the manifest names"),
    "empty there": (lambda here, there: os.truncate(path_of(there, DAYS[1], ".zip"), 0), "not what the manifest names"),
    "another manifest there": (lambda here, there: flip(path_of(there, DAYS[1], ".manifest.json")), "is another here"),
    "a bit flipped here": (lambda here, there: flip(path_of(here, DAYS[1], ".zip")), "is another here"),
    "a damaged manifest here": (lambda here, there: flip(path_of(here, DAYS[1], ".manifest.json")), "not as it was signed"),
    "no manifest here": (lambda here, there: path_of(here, DAYS[1], ".manifest.json").unlink(), "no manifest"),
    "healed rows that are not there": (lambda here, there: path_of(here, DAYS[1], ".healed.jsonl.zst").write_bytes(b"x"), "does not hold"),
    "a merge that was killed": (lambda here, there: path_of(here, DAYS[1], ".zip.merging").write_bytes(b"x"), "never finished"),
    "a link to the only copy": (
        lambda here, there: linked(path_of(here, DAYS[1], ".zip"), path_of(there, DAYS[1], ".zip")), "very file",
    ),
    "a folder of that name": (
        lambda here, there: (path_of(there, DAYS[1], ".zip").unlink(), path_of(there, DAYS[1], ".zip").mkdir()), "",
    ),
    "a pipe of that name": (
        lambda here, there: (path_of(there, DAYS[1], ".zip").unlink(), os.mkfifo(path_of(there, DAYS[1], ".zip"))), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_proven_stays_and_says_why(roots: tuple[Path, Path], fault: str) -> None:
    break_it, why = FAULTS[fault]
    break_it(*roots)
    mine = of_day(roots[0], DAYS[1])
    result = run(roots)
    assert [each.what[-10:] for each in result.removed] == [DAYS[0], DAYS[2]], "the others are none the worse"
    assert [each.what[-10:] for each in result.kept] == [DAYS[1]]
    assert why in result.kept[0].why
    assert of_day(roots[0], DAYS[1]) == mine


def test_a_store_holds_days_as_well_as_a_folder_does(roots: tuple[Path, Path]) -> None:
    memory = Memory(roots[1])
    unmount = mount("mem:", memory)
    try:
        memory.files[ROOT / FOLDER / path_of(roots[0], DAYS[0], ".zip").name] += b"x"
        del memory.files[ROOT / FOLDER / path_of(roots[0], DAYS[1], ".manifest.json").name]
        result = retain(series_days(roots[0]), holder_at(ROOT), data=roots[0], before=BEFORE)
    finally:
        unmount()
    assert [each.what[-10:] for each in result.removed] == [DAYS[2]]
    assert [(each.what[-10:], each.why.partition(" ")[0]) for each in result.kept] == [(DAYS[0], "what"), (DAYS[1], "the")]
    assert holder_at(roots[1]) == SecondRoot(roots[1])


def test_minutes_that_wait_keep_their_day(roots: tuple[Path, Path]) -> None:
    shop = Workshop(roots[0] / FOLDER, "execution", day=DAYS[1])
    shop.seal("14-00", [agg_trade(shop.minute_ns("14-00"), 9)], ids=[9])
    result = run(roots)
    assert [(each.what[-10:], "minutes of it wait" in each.why) for each in result.kept] == [(DAYS[1], True)]


def test_a_day_that_is_being_merged_is_left_alone(roots: tuple[Path, Path]) -> None:
    day = series_days(roots[0])[1]
    with series_lock(day):
        (day.folder / ".lock").rename(day.folder / ".hidden")  # what another process sees of it: an empty folder, and a lock
        (day.folder / ".hidden").rename(day.folder / ".lock")
        assert [each.what[-10:] for each in run(roots).kept] == [DAYS[1]]


def test_a_second_root_that_cannot_be_read_proves_nothing(roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from hoga.history import retention

    def refuse(*_: object) -> str:
        raise OSError(errno.EIO, "Input/output error", "somewhere")

    monkeypatch.setattr(retention.hashlib, "file_digest", refuse)
    before = files(roots[0])
    result = run(roots)
    assert (result.removed, {each.why for each in result.kept}) == ([], {"somewhere: Input/output error"})
    assert files(roots[0]) == before


def test_nobody_else_holds_it(roots: tuple[Path, Path]) -> None:
    result = retain(series_days(roots[0]), None, data=roots[0], before=BEFORE)
    assert len(result.kept) == 3
    assert "RETENTION_ROOT" in result.kept[0].why


def test_a_dry_run_removes_nothing(roots: tuple[Path, Path]) -> None:
    before = files(roots[0])
    assert len(run(roots, dry_run=True).removed) == 3
    assert files(roots[0]) == before


@pytest.mark.parametrize("mode", ["killed", "refused"])
def test_at_every_step_of_it_nothing_is_lost_and_the_next_time_goes_on(roots: tuple[Path, Path], mode: str) -> None:
    class Killed(BaseException):
        pass

    whole = files(roots[1])
    steps: list[str] = []
    aside = roots[0].with_name("aside")
    shutil.copytree(roots[0], aside)
    durable.watch(lambda act, where, data: steps.append(act))
    try:
        run(roots)
    finally:
        durable.watch(None)
    assert steps.count("unlink") >= 6
    for number in range(1, len(steps) + 1):
        shutil.rmtree(roots[0])
        shutil.copytree(aside, roots[0])
        count = 0

        def disturb(act: str, where: object, data: bytes, at: int = number) -> None:
            nonlocal count
            count += 1
            if count == at:
                raise Killed if mode == "killed" else OSError(errno.EIO, "Input/output error")

        durable.watch(disturb)
        try:
            run(roots)
        except Killed:
            pass
        finally:
            durable.watch(None)
        assert files(roots[1]) == whole
        result = run(roots)
        assert result.kept == []
        assert not any(of_day(roots[0], day) for day in DAYS[:3]), steps[:number]


def test_a_day_begun_to_go_stays_when_the_second_root_lost_it_meanwhile(roots: tuple[Path, Path]) -> None:
    path_of(roots[0], DAYS[0], ".zip").unlink()
    path_of(roots[1], DAYS[0], ".zip").unlink()
    result = run(roots)
    assert [each.what[-10:] for each in result.kept] == [DAYS[0]]
    assert path_of(roots[0], DAYS[0], ".manifest.json").exists()


def test_where_the_other_has_it(tmp_path: Path) -> None:
    assert place_of(tmp_path / "data" / "binance" / "orderbook" / "x.zip", tmp_path / "data") == "binance/orderbook/x.zip"
    assert place_of(tmp_path / "fast" / "binance" / "orderbook" / "x.zip", tmp_path / "data") == "binance/orderbook/x.zip"
    assert due_before("2026-11-20", 1) == "2026-11-19"
    assert due_before("2026-03-01", 30) == "2026-01-30"


def test_the_command(roots: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path_of(roots[1], DAYS[1], ".zip").unlink()
    assert main(["retain", str(roots[0]), "--root", str(roots[1]), "--days", "1", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], [each["what"][-10:] for each in said["done"]]) == (False, [DAYS[0], DAYS[2], DAYS[3]])
    assert said["failed"][0]["what"].endswith(DAYS[1])
    assert "does not hold" in said["failed"][0]["why"]
    assert main(["retain", str(roots[0]), "--root", str(roots[1]), "--days", "30000"]) == 0
    for bad in ([], ["--root", str(roots[0])], ["--root", str(roots[0].parent)], ["--root", str(roots[0] / "x")]):
        assert main(["retain", str(roots[0]), *bad]) == 2


async def test_a_run_lets_days_go_and_tells_once_why_others_stay(
    roots: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flip(path_of(roots[1], DAYS[0], ".zip"))
    conf = tmp_path / "hoga.conf"
    conf.write_text(f"RETENTION_DAYS = 1\nRETENTION_ROOT = {roots[1]}\n")
    config = load_config(conf, overrides=[], environ={}, data_dir=roots[0]).venue("binance")
    clock = ManualClock(wall_ns=day_start_ns("2026-11-22"))
    pool = WorkerPool(workers=1)
    caplog.set_level(logging.INFO, logger="hoga")
    try:
        look = RunRetention(config, [roots[0] / FOLDER, roots[0] / "binance" / "delta"], pool, clock=clock).look
        await look()
        first = [record.getMessage() for record in caplog.records if "retention" in record.name]
        await look()
    finally:
        await pool.close()
    told = [record.getMessage() for record in caplog.records if "retention" in record.name]
    assert sum("day removed" in line for line in first) == 2
    assert sum("not what the manifest names" in line for line in first) == 1
    assert told == first
    assert of_day(roots[0], DAYS[0])
    assert of_day(roots[0], DAYS[3])
    assert not of_day(roots[0], DAYS[1])


def test_a_second_root_around_the_archive_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = tmp_path / "hoga.conf"
    conf.write_text(f"RETENTION_DAYS = 1\nRETENTION_ROOT = {tmp_path}\nLOB_DIR = {tmp_path}/data/binance/orderbook/\n")
    assert main(["config", "check", "-c", str(conf)]) == 2
    assert "RETENTION_ROOT" in capsys.readouterr().err
