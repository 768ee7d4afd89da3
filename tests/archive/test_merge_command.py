"""`hoga merge`: what it prints, what it refuses, and that the archives stay as they were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.merge import merge_day
from hoga.cli.main import main
from tests.archive.workshop import DAY, Workshop, agg_trade, fill_trades, read_records

Printed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hoga(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Printed:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(each) for each in arguments])
        said = capfd.readouterr()
        return status, said.out, said.err

    return call


def _sums(root: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()}


def _archive(root: Path, minutes: tuple[str, ...], *, first: int, merged: bool) -> None:
    shop = fill_trades(Workshop(root / "binance" / "execution", "execution"), minutes=minutes, first=first)
    if merged:
        merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, DAY), venue="binance", archive_format="zip", purge=True)


def test_merged_and_unmerged_days_become_one_and_stay_as_they_were(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15", "13-16"), first=1000, merged=True)
    _archive(tmp_path / "b", ("13-16", "13-17"), first=1040, merged=False)
    before = _sums(tmp_path)
    status, out, err = hoga("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "all")
    assert (status, err) == (0, "")
    assert "binance BTCUSDT execution 2026-11-20: united, 120 records (+120), no gap left" in out
    assert {name: found for name, found in _sums(tmp_path).items() if "/all/" not in name} == before
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["binance"]
    assert len(list(read_records(tmp_path / "all"))) == 120
    status, out, _ = hoga("merge", tmp_path / "b", tmp_path / "a", "-o", tmp_path / "all", "--json")
    told = json.loads(out)
    (done,) = told["done"]
    assert (status, done["state"], done["records"]) == (0, "unchanged", 120)
    assert {name: told[name] for name in ("ok", "records", "filled", "gaps", "conflicts")} == {
        "ok": True, "records": 120, "filled": 0, "gaps": 0, "conflicts": []
    }  # fmt: skip
    assert hoga("verify", tmp_path / "all")[0] == 0


def test_the_configuration_says_whose_record_stays(tmp_path: Path, hoga: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, late in (("tokyo", 0), ("seoul", 900)):
        shop = Workshop(tmp_path / name / "binance" / "execution", "execution")
        line = agg_trade(shop.minute_ns("13-15") + late, 1).replace(b'"binance-1"', b'"%b/binance-1"' % name.encode())
        shop.seal("13-15", [line], ids=[1])
    monkeypatch.setenv("HOGA_COLLECTORS", "seoul,tokyo")
    assert hoga("merge", tmp_path / "tokyo", tmp_path / "seoul", "-o", tmp_path / "all")[0] == 0
    (line,) = read_records(tmp_path / "all")
    assert b'"conn":"seoul/' in line


def test_a_day_that_cannot_be_united_is_named_and_the_others_are(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15",), first=1000, merged=True)
    file = next((tmp_path / "a").rglob("*.zip"))
    file.write_bytes(file.read_bytes()[:-40])
    shop = fill_trades(Workshop(tmp_path / "a" / "binance" / "execution", "execution", symbol="ETHUSDT"))
    merge_day(SeriesDay(shop.directory, "ETHUSDT", "execution", DAY), venue="binance", archive_format="zip", purge=True)
    status, out, err = hoga("merge", tmp_path / "a", "-o", tmp_path / "all")
    assert status == 1
    assert "binance ETHUSDT execution 2026-11-20: united" in out
    assert "1 days done, 1 failed" in out
    assert "binance BTCUSDT execution 2026-11-20" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "-o", "all"], "nowhere"),
        (["a", "-o", "a"], "a folder that is not in"),
        (["a", "-o", "a/inside"], "a folder that is not in"),
        (["a", "-o", "all", "--format", "rar"], "zip or zst"),
        (["a", "-o", "all", "--day", "2026-13-45"], "a day as YYYY-MM-DD"),
        (["a", "-o", "all", "--day", "0001-01-01"], "a day as YYYY-MM-DD"),
        (["a", "-o", "file"], "a folder on this machine"),
        (["a", "-o", "s3://bucket/all"], "a folder on this machine"),
        (["Two Words=a", "-o", "all"], "small letters, digits and dashes"),
        (["two\nlines=a", "-o", "all"], "found two\\nlines=a"),
        (["n" * 300 + "=a", "-o", "all"], "small letters, digits and dashes"),
    ],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path, hoga: Printed, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "file").write_text("")
    status, _, err = hoga("merge", *arguments)
    assert (status, len(err.splitlines())) == (2, 1)
    assert says in err
    assert "Traceback" not in err


def test_ids_on_which_collectors_differ_are_in_the_document_with_whose_they_are(tmp_path: Path, hoga: Printed) -> None:
    for name, size in (("tokyo", b"0.5"), ("seoul", b"0.7")):
        shop = Workshop(tmp_path / name / "binance" / "execution", "execution")
        lines = [
            agg_trade(shop.minute_ns("13-15") + at, at + 1).replace(b'"binance-1"', b'"%b/binance-1"' % name.encode()) for at in range(3)
        ]
        lines[1] = lines[1].replace(b'"q":"0.5"', b'"q":"%b"' % size)
        shop.seal("13-15", lines, ids=[1, 2, 3])
    status, out, _ = hoga("merge", tmp_path / "tokyo", tmp_path / "seoul", "-o", tmp_path / "all", "--json")
    told = json.loads(out)
    what = "binance BTCUSDT execution 2026-11-20"
    assert (status, told["ok"], told["records"]) == (0, True, 4)
    assert told["conflicts"] == [{"what": what, "id": 2, "records": 2, "collectors": ["seoul", "tokyo"]}]
    status, out, _ = hoga("verify", tmp_path / "all", "--json")
    assert (status, [each["kind"] for each in json.loads(out)["findings"]]) == (0, ["conflict"])


def test_a_link_in_the_place_of_the_working_folder_leads_nowhere(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15",), first=1000, merged=True)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("here")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / ".uniting").symlink_to(victim)
    status, _, err = hoga("merge", tmp_path / "a", "-o", tmp_path / "all")
    assert (status, len(err.splitlines())) == (1, 1)
    assert "is a link" in err
    assert (victim / "precious").read_text() == "here"
    (tmp_path / "all" / ".uniting").unlink()
    left = tmp_path / "all" / ".uniting" / "0"
    left.mkdir(parents=True)
    (left / "link").symlink_to(victim)  # what a union that was killed left
    assert hoga("merge", tmp_path / "a", "-o", tmp_path / "all")[0] == 0
    assert (victim / "precious").read_text() == "here"
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["binance"]


def test_a_day_that_nothing_describes_is_never_left_out_in_silence(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15",), first=1000, merged=True)
    _archive(tmp_path / "b", ("13-16",), first=1040, merged=True)
    manifest = next((tmp_path / "a").rglob("*.manifest.json"))
    kept = manifest.read_bytes()
    manifest.unlink()
    status, _, err = hoga("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "all")
    assert status == 1
    assert f"{tmp_path}/a/binance/execution/BTCUSDT_execution_2026-11-20.zip: there is no manifest beside the day file" in err
    manifest.write_bytes(kept)
    next((tmp_path / "a").rglob("*.zip")).unlink()
    status, _, err = hoga("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "all")
    assert status == 1
    assert f"{tmp_path}/a/binance/execution/BTCUSDT_execution_2026-11-20.zip: the day file that the manifest names is not there" in err


def test_what_is_wrong_with_minutes_is_told_of_the_archive_s_own_files(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15", "13-16"), first=1000, merged=False)
    minute = next((tmp_path / "a").rglob("*_13-16.zip"))
    data = bytearray(minute.read_bytes())
    data[len(data) // 3] ^= 1
    minute.write_bytes(data)
    status, _, err = hoga("merge", tmp_path / "a", "-o", tmp_path / "all")
    assert status == 1
    assert str(minute) in err
    assert ".uniting" not in err


def test_two_unions_are_not_made_in_one_place_at_a_time(tmp_path: Path, hoga: Printed) -> None:
    _archive(tmp_path / "a", ("13-15",), first=1000, merged=True)
    work = tmp_path / "all" / ".uniting"
    work.mkdir(parents=True)
    lock = FolderLock(work)
    assert lock.acquire()
    (work / "0").mkdir()
    status, _, err = hoga("merge", tmp_path / "a", "-o", tmp_path / "all")
    assert status == 2
    assert "another union is being made here" in err
    assert (work / "0").is_dir(), "what the other one works with stays"
    lock.release()
    assert hoga("merge", tmp_path / "a", "-o", tmp_path / "all")[0] == 0


def test_a_damaged_day_takes_no_other_day_of_its_series_along_in_silence(tmp_path: Path, hoga: Printed) -> None:
    for day in (DAY, "2026-11-21"):
        fill_trades(Workshop(tmp_path / "a" / "binance" / "execution", "execution", day=day), minutes=("13-15",))
    _archive(tmp_path / "b", ("13-16",), first=1040, merged=True)
    minute = next((tmp_path / "a").rglob(f"*{DAY}_13-15.zip"))
    minute.write_bytes(minute.read_bytes()[:-60])
    status, out, err = hoga("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "all", "--json")
    told = json.loads(out)
    assert status == 1
    done = {each["what"]: each["records"] for each in told["done"]}
    named = {each["what"] for each in told["failed"]}
    for day in (DAY, "2026-11-21"):
        what = f"binance BTCUSDT execution {day}"
        assert what in named or done.get(what) == 40, "named, or all of it is there"
    assert "Traceback" not in err
