"""A start reads only what is behind the checkpoint, and finds everything that it would have found without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.audit import log as log_module
from hoga.audit.chain import Record
from hoga.audit.checkpoint import CHECKPOINT_FILE, read_checkpoint
from hoga.audit.folder import list_files
from hoga.audit.log import AuditLogger, Opened
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovered, Recovery, RecoveryState
from tests.waiting import eventually

SYMBOL = "one:BTCUSDT"
DAY = 86_400 * 10**9


def record(number: int, kind: str, fields: dict[str, Any], *, t: int = 0) -> Record:
    return Record(n=number, t=t or number, m=None, b=1, kind=kind, fields=fields, hash=b"")


some_fields = some.fixed_dictionaries(
    {"sym": some.sampled_from([SYMBOL, "one:ETHUSDT"])},
    optional={
        "id": some.sampled_from(["a", "b", "c"]),
        "tid": some.sampled_from(["1", "2", "3", "4"]),
        "side": some.sampled_from("BS"),
        "q": some.integers(1, 9),
        "p": some.integers(1, 9),
        "st": some.sampled_from(["s", ""]),
        "share": some.lists(some.integers(0, 9), min_size=5, max_size=5),
        "crumbs": some.integers(0, 9),
        "round": some.lists(some.integers(1, 9), min_size=12, max_size=12),
        "losses": some.integers(0, 3),
        "peak": some.integers(0, 10**15),
        "day": some.lists(some.integers(0, 9), min_size=3, max_size=3),
        "fee": some.sampled_from(["0.1", "1e-9", "x"]),
        "pp": some.integers(-3, 0),
        "sp": some.integers(-3, 0),
        "rung": some.sampled_from(["HALTED", "ACTIVE"]),
        "incident": some.just("20261129-1"),
        "peaks": some.just({"one": 5}),
        "shares": some.just([["s", "both", [1, 2, 3, 4, 5]]]),
        "change": some.integers(-9, 9),
        "why": some.just("end"),
        "faults": some.just([{"file": "x"}]),
        "state": some.sampled_from(["FILLED", "CANCELED"]),
    },
)
KINDS = ("order.intent", "order.fill", "order.cancel", "order.unknown", "config", "state", "mark", "funding", "recon.adopt", "seal", "boot")


def kept(recovery: Recovery) -> Recovery:
    """As it is after it was written and read."""
    return Recovery(msgspec.msgpack.decode(msgspec.msgpack.encode(recovery.state()), type=RecoveryState))


@given(some.lists(some.tuples(some.sampled_from(KINDS), some_fields), max_size=40), some.integers(0, 40))
def test_what_is_kept_goes_on_as_if_it_had_read_everything(told: list[tuple[str, dict[str, Any]]], at: int) -> None:
    whole, begun = Recovery(), Recovery()
    for number, (kind, fields) in enumerate(told, 1):
        if number == at:
            begun = kept(begun)
        for each in (whole, begun):
            each.feed(record(number, kind, dict(fields)))
    assert kept(begun).result() == whole.result()


def live(folder: Path, number: int, *, orders: int = 20) -> Opened:
    with AuditLogger(folder) as log:
        log.append("config", {"sym": SYMBOL, "pp": -1, "sp": -3})
        for each in range(orders):
            fields = {"id": f"{number}-{each}", "sym": SYMBOL, "side": "B", "q": 5, "p": 7}
            log.append("order.intent", fields)
            log.append("order.fill", fields | {"tid": f"{number}-{each}", "share": [5, 35, 0, 0, 0], "st": "s", "day": [0, 0, 0]})
        return log.opened


def read_whole(folder: Path) -> Recovered:
    recovery = Recovery()
    for each in Walk(folder).records():
        recovery.feed(each)
    return recovery.result()


class Counts:
    """How many records a start read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = 0
        real = Recovery.feed

        def feed(recovery: Recovery, record: Record) -> None:
            self.read += 1
            real(recovery, record)

        monkeypatch.setattr(Recovery, "feed", feed)


def test_a_start_reads_the_last_life_and_knows_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        live(tmp_path, number)
    expected = read_whole(tmp_path)
    counts = Counts(monkeypatch)
    with AuditLogger(tmp_path) as log:
        assert log.opened.recovered == expected
        assert not log.opened.faults
        assert counts.read == 43, "boot, config, 40 records of orders, seal"


def test_a_byte_that_was_flipped_before_the_checkpoint_is_found_as_without_one(tmp_path: Path) -> None:
    for number in range(3):
        live(tmp_path, number)
    assert read_checkpoint(tmp_path) is not None
    path = list_files(tmp_path)[0].path
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)
    assert read_checkpoint(tmp_path) is None
    with AuditLogger(tmp_path) as log:
        assert log.opened.quarantined
        assert log.opened.faults[0].file == path.relative_to(tmp_path).as_posix()
    with AuditLogger(tmp_path) as log:
        assert not log.opened.quarantined, "it was told"
        assert read_checkpoint(tmp_path) is None, "of a damaged journal there is none"


@pytest.mark.parametrize("how", ["gone", "older"])
def test_files_that_are_not_those_it_was_made_of_are_read(tmp_path: Path, how: str) -> None:
    live(tmp_path, 0)
    old = (tmp_path / CHECKPOINT_FILE).read_bytes()
    for number in (1, 2):
        live(tmp_path, number)
    if how == "gone":
        list_files(tmp_path)[1].path.unlink()
        assert read_checkpoint(tmp_path) is None
        with AuditLogger(tmp_path) as log:
            assert next(each.kind for each in log.opened.faults) == "file-missing"
    else:  # a checkpoint of before still holds: there is more behind it
        expected = read_whole(tmp_path)
        (tmp_path / CHECKPOINT_FILE).write_bytes(old)
        with AuditLogger(tmp_path) as log:
            assert log.opened.recovered == expected


def test_a_checkpoint_that_was_cut_or_changed_anywhere_is_passed_over(tmp_path: Path) -> None:
    for number in range(2):
        live(tmp_path, number, orders=2)
    path = tmp_path / CHECKPOINT_FILE
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at])
        assert read_checkpoint(tmp_path) is None
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert read_checkpoint(tmp_path) is None
    path.write_bytes(good)
    assert read_checkpoint(tmp_path) is not None


async def test_a_long_life_leaves_a_checkpoint_behind_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_FILE_BYTES", 4_000)
    with AuditLogger(tmp_path) as log:
        for number in range(200):
            log.append("order.intent", {"id": str(number), "sym": SYMBOL, "side": "B", "q": 1, "p": 1})
            if number % 20 == 0:
                log.flush()
                await eventually(lambda: log._old == [], why="files are closed")

        def is_behind() -> bool:
            log.append("note", {"text": "x"})
            return (mark := read_checkpoint(tmp_path)) is not None and mark.next_file > 2

        await eventually(is_behind, why="the checkpoint follows")
    expected = read_whole(tmp_path)
    with AuditLogger(tmp_path) as log:
        assert log.opened.recovered == expected
