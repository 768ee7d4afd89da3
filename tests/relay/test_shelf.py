"""What came from collectors lies there as it lay on their disks: in whatever order, cuts, repeats and lives it came."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.errors import DiskFull
from hoga.relay.shelf import Shelf, State, sound_bytes
from hoga.runtime import durable
from tests.archive.workshop import DAY, Workshop, agg_trade
from tests.relay.collected import as_parts, ledger_parts, parts_of, tree
from tests.tries import tries


class _Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test here waits for the disk: steps are watched, and a kill is simulated."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    yield
    durable.watch(None)


def _collector(root: Path, minutes: int = 3) -> Path:
    """A collector's data folder: two series of one day, not merged."""
    for kind in ("execution", "orderbook"):
        shop = Workshop(root / "binance" / kind, kind)
        for minute in range(minutes):
            start = shop.minute_ns(f"13-{minute:02}")
            shop.seal(
                f"13-{minute:02}",
                [agg_trade(start + at, 100 * minute + at) for at in range(20)],
                ids=range(100 * minute, 100 * minute + 20),
            )
    return root


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _collector(tmp_path_factory.mktemp("sent"))


def _here(root: Path) -> dict[str, bytes]:
    return tree(root / COLLECTORS_DIR / "tokyo")


@settings(max_examples=tries(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.sampled_from([150, 333, 1000, 10_000]), cuts=st.integers(1, 7))
def test_any_order_any_cuts_any_repeats_and_any_lives_give_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, sent: Path, seed: int, size: int, cuts: int
) -> None:
    rng = random.Random(seed)
    root = tmp_path_factory.mktemp("here")
    parts = parts_of("tokyo", sent, size=size) + ledger_parts("tokyo", sent, cuts)
    parts += rng.choices(parts, k=len(parts) // 3)
    rng.shuffle(parts)
    shelf = Shelf(root)
    while parts:
        batch, parts = parts[: (count := rng.randint(1, 30))], parts[count:]
        assert all(each.state is not State.REFUSED for each in shelf.take(batch))
        if rng.random() < 0.2:
            shelf = Shelf(root)
    assert _here(root) == tree(sent)


def test_what_was_there_changes_nothing(tmp_path: Path, sent: Path) -> None:
    parts = parts_of("tokyo", sent, size=200) + ledger_parts("tokyo", sent, 2)
    shelf = Shelf(tmp_path)
    shelf.take(parts)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    for again in (shelf, Shelf(tmp_path)):
        assert {each.state for each in again.take(parts)} == {State.SEEN}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_it_may_end_at_every_durable_step(tmp_path: Path, sent: Path) -> None:
    """Killed at step after step, with everything sent again each time (nothing was acknowledged): the same files."""
    parts = parts_of("tokyo", sent, size=400) + ledger_parts("tokyo", sent, 3)
    random.Random(7).shuffle(parts)
    steps = 0

    def count(what: str, where: Path | int, data: bytes | bytearray) -> None:
        nonlocal steps
        steps += 1

    durable.watch(count)
    Shelf(tmp_path / "whole").take(parts)
    assert steps > 40
    for end in range(1, steps, 11):
        root, left = tmp_path / str(end), end

        def die(what: str, where: Path | int, data: bytes | bytearray) -> None:
            nonlocal left
            left -= 1
            if not left:
                if what == "write" and isinstance(where, int) and data:
                    os.write(where, bytes(data)[: len(data) // 2])
                raise _Killed

        durable.watch(die)
        with pytest.raises(_Killed):
            Shelf(root).take(parts)
        durable.watch(None)
        Shelf(root).take(parts)
        assert _here(root) == tree(sent)


def test_bytes_that_are_not_what_was_sent_are_refused(tmp_path: Path) -> None:
    file = f"binance/execution/temporary/BTCUSDT_execution_{DAY}/BTCUSDT_execution_{DAY}_13-15.zip"
    shelf = Shelf(tmp_path)
    (one,) = as_parts("tokyo", file, b"x" * 100)
    taken = shelf.take([one._replace(payload=b"x" * 99 + b"y")])
    assert taken[0].state is State.REFUSED
    assert "not what was sent" in taken[0].why
    parts = as_parts("tokyo", file, b"x" * 100, size=40)
    taken = shelf.take([*parts[:2], parts[2]._replace(payload=b"y" * 20)])
    assert [each.state for each in taken] == [State.WAITS, State.WAITS, State.REFUSED]
    assert _here(tmp_path) == {}
    assert [each.state for each in shelf.take(parts)] == [State.WAITS, State.WAITS, State.STORED]
    assert _here(tmp_path) == {file: b"x" * 100}


@pytest.mark.parametrize("file", ["binance/orderbook/x.zip", "a/b/c/d/e", "binance/orderbook/temporary/../../../x"])
def test_a_place_that_the_layout_does_not_know_is_refused(tmp_path: Path, file: str) -> None:
    (part,) = as_parts("tokyo", "binance/orderbook/plain", b"x")
    part = part._replace(head=msgspec.structs.replace(part.head, file=file))
    assert Shelf(tmp_path).take([part])[0].state is State.REFUSED
    assert tree(tmp_path) == {}


def test_lines_behind_a_hole_wait_for_those_before_them(tmp_path: Path, sent: Path) -> None:
    first, *rest = [part for part in ledger_parts("tokyo", sent, 2) if "execution" in part.head.file]
    shelf = Shelf(tmp_path)
    assert {each.state for each in shelf.take(rest)} == {State.WAITS}
    assert not any(name.endswith(".ledger.jsonl") for name in _here(tmp_path))
    assert Shelf(tmp_path).take([first])[0].state is State.STORED
    ledger = {name: data for name, data in _here(tmp_path).items() if name.endswith(".ledger.jsonl")}
    assert ledger == {name: data for name, data in tree(sent).items() if name in ledger}
    assert len(ledger) == 1


def test_lines_of_another_ledger_are_not_taken_and_said_so(tmp_path: Path, sent: Path) -> None:
    first, second, *_ = [part for part in ledger_parts("tokyo", sent, 2) if "execution" in part.head.file]
    shelf = Shelf(tmp_path)
    shelf.take([first, second])
    other = as_parts("tokyo", first.head.file, b'{"type":"end"}\n', offset=0)
    before = _here(tmp_path)
    taken = shelf.take(other)
    assert taken[0].state is State.WAITS
    assert "others" in taken[0].why
    assert _here(tmp_path) == before


def test_a_full_disk_refuses_and_nothing_counts(tmp_path: Path, sent: Path) -> None:
    parts = parts_of("tokyo", sent) + ledger_parts("tokyo", sent, 3)
    shelf = Shelf(tmp_path)

    def refuse(what: str, where: Path | int, data: bytes | bytearray) -> None:
        if what == "rename":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    durable.watch(refuse)
    with pytest.raises(DiskFull):
        shelf.take(parts)
    durable.watch(None)
    shelf.take(parts)
    assert _here(tmp_path) == tree(sent)


def test_segments_of_a_settled_day_are_known(tmp_path: Path, sent: Path) -> None:
    parts = [part for part in parts_of("tokyo", sent) if "execution" in part.head.file]
    shelf = Shelf(tmp_path)
    shelf.take(parts)
    home = shelf.folder("tokyo") / "binance" / "execution"
    merge_day(SeriesDay(home, "BTCUSDT", "execution", DAY), venue="binance", archive_format="zip", purge=True)
    shelf.forget("tokyo")
    before = _here(tmp_path)
    assert {each.state for each in shelf.take(parts)} == {State.SEEN}
    assert _here(tmp_path) == before


def test_what_is_sound_of_a_ledger(sent: Path) -> None:
    data = next(path for path in sent.rglob("*.ledger.jsonl")).read_bytes()
    ends = [at + 1 for at, sign in enumerate(data) if sign == 10]
    assert sound_bytes(data) == len(data)
    for cut in range(0, len(data), 37):
        assert sound_bytes(data[:cut]) == max([0, *(end for end in ends if end <= cut)])
    assert sound_bytes(data[: ends[1]] + b"\0" * 40) == ends[1]


@pytest.mark.parametrize("size", [1_000_000, 100])
def test_another_segment_under_a_name_that_is_taken_is_kept_beside_it(tmp_path: Path, size: int) -> None:
    """Of two collectors of one name, or of one that began anew within the minute."""
    sent = {}
    for number in range(3):
        shop = Workshop(tmp_path / str(number) / "binance" / "execution", "execution")
        path = shop.seal(
            "13-00", [agg_trade(shop.minute_ns("13-00"), 7 + at) for at in range(number + 1)], ids=[7 + at for at in range(number + 1)]
        )
        file = path.relative_to(tmp_path / str(number)).as_posix()
        sent[file.replace(".zip", f"_{number + 1}.zip" if number else ".zip")] = path.read_bytes()
        parts = as_parts("tokyo", file, path.read_bytes(), size=size)
        shelf = Shelf(tmp_path / "here")
        (told,) = [each.why for each in shelf.take(parts) if each.state is State.STORED]
        assert ("two collectors of one name" in told) is bool(number)
        for again in (shelf, Shelf(tmp_path / "here")):
            assert {each.state for each in again.take(parts)} == {State.SEEN}
    assert _here(tmp_path / "here") == sent


def test_two_segments_of_one_name_that_come_at_once_are_kept(tmp_path: Path) -> None:
    parts = []
    for number in range(2):
        shop = Workshop(tmp_path / str(number) / "binance" / "execution", "execution")
        shop.seal("13-00", [agg_trade(shop.minute_ns("13-00"), 7 + number)], ids=[7 + number])
        parts += parts_of("tokyo", tmp_path / str(number))
    assert [each.state for each in Shelf(tmp_path / "here").take(parts)] == [State.STORED, State.STORED]
    assert len(_here(tmp_path / "here")) == 2


def test_a_segment_that_is_damaged_here_is_replaced(tmp_path: Path, sent: Path) -> None:
    Shelf(tmp_path).take(parts_of("tokyo", sent))
    path = next((tmp_path / COLLECTORS_DIR / "tokyo").rglob("*13-01.zip"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    taken = Shelf(tmp_path).take(parts_of("tokyo", sent))
    assert [each.why for each in taken if each.state is State.STORED] == [""]
    assert _here(tmp_path) == {name: data for name, data in tree(sent).items() if not name.endswith(".ledger.jsonl")}
