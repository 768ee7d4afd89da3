"""A collector's day becomes what it is at the collector, by its own manifest; what is missing is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hoga.archive.form import manifest as manifest_form
from hoga.archive.form.discover import discover
from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.core.errors import DiskFull
from hoga.relay.settle import Settled, settle_day
from hoga.relay.shelf import ARRIVING_DIR, FOLDED_DIR, Shelf, State
from hoga.relay.subjects import FileKind, Listed
from tests.archive.workshop import DAY, Workshop, agg_trade
from tests.relay.collected import as_parts, ledger_parts, list_day, parts_of, tree

EXECUTION = f"BTCUSDT_execution_{DAY}"


def _seal(root: Path, *minutes: int) -> Workshop:
    shop = Workshop(root / "binance" / "execution", "execution")
    for minute in minutes:
        start = shop.minute_ns(f"13-{minute:02}")
        ids = range(20 * minute, 20 * minute + 20)
        shop.seal(f"13-{minute:02}", [agg_trade(start + at, number) for at, number in enumerate(ids)], ids=ids)
    return shop


def _merge(root: Path) -> None:
    for day in discover([root]).days:
        merge_day(day, venue="binance", archive_format="zip", purge=True)


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The collector's data folder."""
    _seal(tmp_path / "there", 0, 1, 2)
    return tmp_path / "there"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "here")


def _settled_tree(home: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(home).items() if not name.startswith(FOLDED_DIR)}


def _ask(shelf: Shelf, there: Path, need: list[str]) -> None:
    for file in need:
        shelf.take(as_parts("tokyo", file, (there / file).read_bytes()))
    shelf.forget("tokyo")


def _complete(shelf: Shelf, there: Path) -> list[list[str]]:
    """Settle, and bring what it needs, until it needs nothing. Returns what it needed."""
    asked = []
    for _ in range(5):
        settled = settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY))
        if not settled.need:
            return asked
        asked.append(settled.need)
        _ask(shelf, there, settled.need)
    raise AssertionError(f"it still needs {settled.need}, {settled.troubles}")


def test_minutes_that_all_came_become_the_collectors_own_day(shelf: Shelf, there: Path) -> None:
    """Only the manifest is asked for."""
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    assert _complete(shelf, there) == [[f"binance/execution/{EXECUTION}.manifest.json"]]
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)
    assert (shelf.home.parent / COLLECTORS_DIR / "tokyo").is_dir()


def test_nothing_came_and_all_of_it_is_asked_for(shelf: Shelf, there: Path) -> None:
    _merge(there)
    assert _complete(shelf, there) == [[f"binance/execution/{EXECUTION}.manifest.json"], [f"binance/execution/{EXECUTION}.zip"]]
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_a_minute_that_is_missing_is_found_by_the_text(shelf: Shelf, there: Path) -> None:
    """The whole day is asked for then: at the collector its minutes are no files any more."""
    shelf.take([part for part in parts_of("tokyo", there) if "13-01" not in part.head.file] + ledger_parts("tokyo", there, 2))
    _merge(there)
    assert _complete(shelf, there)[-1] == [f"binance/execution/{EXECUTION}.zip"]
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_lines_of_the_ledger_that_are_missing_do_not_matter_once_there_is_a_manifest(shelf: Shelf, there: Path) -> None:
    """Its account is the collector's own, not what was left of the lines."""
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2)[1:])
    _merge(there)
    _complete(shelf, there)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there) | {
        name: data for name, data in _settled_tree(shelf.folder("tokyo")).items() if name.startswith(".arriving")
    }


def test_a_day_that_the_collector_has_not_merged_is_completed_as_minutes(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there)[:1])
    settled = settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY))
    assert settled.open == [EXECUTION]
    assert len(settled.need) == 3  # two minutes and the ledger
    _complete(shelf, there)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_late_minutes_of_a_settled_day_are_taken_when_the_collector_has_merged_them(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    _complete(shelf, there)
    _seal(there, 3)
    shelf.take([part for part in parts_of("tokyo", there) if "13-03" in part.head.file] + ledger_parts("tokyo", there, 2))
    _complete(shelf, there)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)  # the minute waits beside the day, as it does there
    _merge(there)
    _complete(shelf, there)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)
    manifest = read_manifest(SeriesDay(there / "binance" / "execution", "BTCUSDT", "execution", DAY).manifest_path)
    assert manifest is not None
    assert manifest.records == 80


def test_what_comes_again_after_the_day_is_settled_changes_nothing(shelf: Shelf, there: Path) -> None:
    sent = parts_of("tokyo", there) + ledger_parts("tokyo", there, 2)
    shelf.take(sent)
    _merge(there)
    _complete(shelf, there)
    before = tree(shelf.folder("tokyo"))
    assert {each.state for each in Shelf(shelf.home.parent).take(sent)} == {State.SEEN}
    assert _complete(shelf, there) == []
    assert tree(shelf.folder("tokyo")) == before


def test_a_damaged_minute_is_made_good_by_the_collectors_day(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    path = next(path for path in shelf.folder("tokyo").rglob("*13-01.zip"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    _merge(there)
    _complete(shelf, there)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_who_does_not_answer_keeps_what_came(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    before = tree(shelf.folder("tokyo"))
    settled = settle_day(str(shelf.folder("tokyo")), DAY, None)
    assert (settled.need, settled.open, settled.troubles) == ([], [], [])
    assert tree(shelf.folder("tokyo")) == before


def test_a_settled_day_is_sound(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    _complete(shelf, there)
    report = verify([shelf.folder("tokyo") / "binance"])
    assert report.ok, report.problems


def test_what_somebody_else_left_on_the_shelf_keeps_no_day_from_being_settled(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    temporary = shelf.folder("tokyo") / "binance" / "execution" / "temporary"
    (temporary / f"notes_{DAY}").mkdir(parents=True)
    (temporary / f"ETHUSDT_execution_{DAY}").write_text("no folder")
    assert _complete(shelf, there) == [[f"binance/execution/{EXECUTION}.manifest.json"]]


def test_a_manifest_of_a_newer_form_is_no_manifest_here_and_is_told_as_long_as_it_is(shelf: Shelf, there: Path) -> None:
    """Whoever asks may not take the day for complete; the manifest waits for a hoga that understands it, and is not sent again."""
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    path = next(there.rglob("*.manifest.json"))
    lines = path.read_bytes().replace(b'"hoga-manifest/1"', b'"hoga-manifest/2"').splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + manifest_form._checksum_line(b"".join(lines[:-2])))
    for need in ([f"binance/execution/{EXECUTION}.manifest.json"], [], []):
        settled = settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY))
        assert settled.need == need
        _ask(shelf, there, need)
    ((what, why),) = settled.troubles
    assert (what, "no manifest of format" in why) == (f"{EXECUTION}.manifest.json", True)
    assert len(list(shelf.folder("tokyo").rglob("*13-0?.zip"))) == 3


def test_a_file_whose_place_is_not_known_is_told(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    listed = [*list_day(there, DAY), Listed(file=f"binance/execution/{EXECUTION}.new", kind=FileKind.OTHER, bytes=7)]
    settled = settle_day(str(shelf.folder("tokyo")), DAY, listed)
    assert (settled.need, [what for what, _ in settled.troubles]) == ([], [f"binance/execution/{EXECUTION}.new"])


def test_a_disk_that_is_full_is_no_fault_of_what_lies_there(shelf: Shelf, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise DiskFull(there, "cannot be written")

    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    _merge(there)
    _ask(shelf, there, [f"binance/execution/{EXECUTION}.manifest.json"])
    monkeypatch.setattr("hoga.relay.settle.merge_day", full)
    with pytest.raises(DiskFull):
        settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def test_a_settled_day_that_was_damaged_is_brought_again(shelf: Shelf, there: Path) -> None:
    """Its size does not tell: whoever could not unite it has it proven."""
    _merge(there)
    _complete(shelf, there)
    home = str(shelf.folder("tokyo"))
    _flip(shelf.folder("tokyo") / "binance" / "execution" / f"{EXECUTION}.zip")
    assert settle_day(home, DAY, list_day(there, DAY)).need == []
    need = settle_day(home, DAY, list_day(there, DAY), prove=True).need
    assert need == [f"binance/execution/{EXECUTION}.zip"]
    (day_file,) = (as_parts("tokyo", file, (there / file).read_bytes()) for file in need)
    assert [each.state for each in shelf.take(day_file)] == [State.STORED]
    assert settle_day(home, DAY, list_day(there, DAY), prove=True) == Settled()
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)
    shelf.forget("tokyo")
    assert [each.state for each in shelf.take(day_file)] == [State.SEEN]


def test_a_manifest_that_was_damaged_is_brought_again_and_nothing_else(shelf: Shelf, there: Path) -> None:
    _merge(there)
    _complete(shelf, there)
    _flip(shelf.folder("tokyo") / "binance" / "execution" / f"{EXECUTION}.manifest.json")
    assert _complete(shelf, there) == [[f"binance/execution/{EXECUTION}.manifest.json"]]
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_a_minute_of_an_open_day_that_was_damaged_is_brought_again(shelf: Shelf, there: Path) -> None:
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    path = next(shelf.folder("tokyo").rglob("*13-01.zip"))
    _flip(path)
    shelf.forget("tokyo")
    need = settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY), prove=True).need
    assert need == [path.relative_to(shelf.folder("tokyo")).as_posix()]
    _ask(shelf, there, need)
    assert _settled_tree(shelf.folder("tokyo")) == tree(there)


def test_a_minute_that_is_here_under_the_next_part_is_not_asked_for(shelf: Shelf, there: Path) -> None:
    other = _seal(there.with_name("other"), 0).directory.parent.parent
    shop = Workshop(other / "binance" / "execution", "execution")
    shop.seal("13-00", [agg_trade(shop.minute_ns("13-00"), 7)], ids=[7])
    shelf.take(parts_of("tokyo", other))
    shelf.take(parts_of("tokyo", there) + ledger_parts("tokyo", there, 2))
    assert settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY)).need == []


def test_parts_of_a_day_long_past_stay_while_they_come(shelf: Shelf, there: Path) -> None:
    kept = {name: shelf.folder("tokyo") / ARRIVING_DIR / name / "0a" for name in ("2026-11-01", "2026-11-02", "2026-11-19")}
    for folder in kept.values():
        folder.mkdir(parents=True)
        (folder / "1-0").write_bytes(b"part")
    for folder in (kept["2026-11-02"], kept["2026-11-02"].parent):
        os.utime(folder, (0, 0))
    settle_day(str(shelf.folder("tokyo")), DAY, list_day(there, DAY))
    assert [folder.exists() for folder in kept.values()] == [True, False, True]
