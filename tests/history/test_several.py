"""Several paths of the same series: everything that they name, in order, each record once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import hoga
from hoga.app.replay import Wanted, timelines_of
from hoga.archive.form.discover import discover
from hoga.cli.main import main
from hoga.simulator.replay.timeline import Due
from tests.archive.workshop import Workshop, fill_trades
from tests.archive_journal.desk import Desk
from tests.history.test_load import fill_books, merge

DAYS = ("2026-11-20", "2026-11-21")


@pytest.fixture
def books(tmp_path: Path) -> list[Path]:
    """The files of two merged days of 90 books."""
    for day in DAYS:
        merge(fill_books(Workshop(tmp_path / "binance/orderbook", "orderbook", day=day)))
    return sorted((tmp_path / "binance/orderbook").glob("*.zip"))


@pytest.fixture
def trades(tmp_path: Path) -> Workshop:
    """Two days of three minutes of 40 trades each, the first of them in minutes."""
    merge(fill_trades(Workshop(tmp_path / "binance/execution", "execution", day=DAYS[1]), first=5000))
    return fill_trades(Workshop(tmp_path / "binance/execution", "execution", day=DAYS[0]))


def receipts(what: list[str | Path]) -> list[int]:
    """Those that `hoga.load` gives, which are those that `hoga.read` gives."""
    found: list[int] = hoga.load([str(each) for each in what]).numpy().recv_ns.tolist()
    assert found == [event.recv_ns for event in hoga.read([str(each) for each in what]) if not isinstance(event, hoga.GapEvent)]
    assert len(found) == len(set(found))
    assert found == sorted(found)
    return found


@pytest.mark.parametrize("order", [1, -1])
def test_a_list_of_days_is_all_of_them(books: list[Path], order: int) -> None:
    assert len(receipts([*books][::order])) == 180
    assert repr(hoga.load([str(each) for each in books][::order])) == "<Dataset binance:BTCUSDT orderbook, 2026-11-20 to 2026-11-21>"


WHOLES: dict[str, tuple[Callable[[Path, list[Path]], list[str | Path]], int]] = {
    "two minutes": (lambda root, minutes: [*minutes[:2]], 80),
    "a minute twice": (lambda root, minutes: [minutes[0], minutes[0]], 40),
    "a minute and its folder": (lambda root, minutes: [minutes[0], root], 240),
    "a folder and its minute": (lambda root, minutes: [root, minutes[0]], 240),
    "a minute and its day": (lambda root, minutes: [minutes[1], minutes[0].parent], 120),
    "a minute and another day": (lambda root, minutes: [minutes[0], *(root / "binance/execution").glob("*.zip")], 160),
    "a folder and one around it": (lambda root, minutes: [root / "binance", root], 240),
}


@pytest.mark.parametrize("case", WHOLES)
def test_each_record_comes_once_whatever_the_paths_are(case: str, trades: Workshop, tmp_path: Path) -> None:
    named, records = WHOLES[case]
    assert len(receipts(named(tmp_path, sorted(trades.folder.glob("*.zip"))))) == records


def test_a_link_to_a_folder_is_that_folder(trades: Workshop, tmp_path: Path) -> None:
    (tmp_path / "binance/link").symlink_to(trades.directory)
    assert len(receipts([trades.directory, tmp_path / "binance/link"])) == 240
    minute = sorted(trades.folder.glob("*.zip"))[0]
    assert len(receipts([minute, tmp_path / "binance/link/temporary" / trades.folder.name / minute.name])) == 40


def test_a_replay_of_a_minute_and_its_folder_plays_each_record_once(trades: Workshop, tmp_path: Path) -> None:
    found = discover([tmp_path])
    (minute, *_) = discover([sorted(trades.folder.glob("*.zip"))[0]]).days
    (timeline,) = timelines_of(Wanted(days=[minute, *found.days])).values()
    assert sum(isinstance(item, Due) for item in timeline.timeline()) == 240


def test_verify_of_a_minute_and_its_day_counts_its_records_once(
    trades: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minute = sorted(trades.folder.glob("*.zip"))[0]
    assert main(["verify", "-j", "1", str(minute), str(trades.folder)]) == 0
    assert "120 records" in capsys.readouterr().out


def test_journals_of_all_paths_are_read(tmp_path: Path) -> None:
    """Two recorders of one venue, each with an open minute of its own."""
    for name, ids in (("a", range(10, 40)), ("b", range(40, 60))):
        (tmp_path / name).mkdir()
        Desk(tmp_path / name / "binance").journal(ids, ended=False)
    found = hoga.load([tmp_path / "a", tmp_path / "b"], "execution").numpy()
    assert sorted(found.trade_id.tolist()) == list(range(10, 60))
