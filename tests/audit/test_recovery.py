"""What a start must know: from the records, the same each time, wherever the life before was ended."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from hoga.audit.chain import Record
from hoga.audit.folder import list_files
from hoga.audit.log import AuditLogger
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovered, Recovery, RecoveryState
from hoga.audit.verify import verify
from hoga.core.times import DAY_NS
from hoga.core.trading import TRADES_KEPT, Rung, client_id_head
from tests.audit import kills

SYM = "binance:BTCUSDT"
T = 1_763_640_000_000_000_000


def recovered(*records: tuple[str, dict[str, object]], at: int = T) -> Recovered:
    recovery = Recovery()
    for n, (kind, fields) in enumerate(records, 1):
        recovery.feed(Record(n, at + n, None, 3, kind, fields, b""))
    return recovery.result()


def fill(id: str, side: str, q: int, tid: str, **more: object) -> tuple[str, dict[str, object]]:
    return "order.fill", {"id": id, "sym": SYM, "side": side, "q": q, "p": 1, "tid": tid, **more}


def intent(id: str, side: str = "B", q: int = 10) -> tuple[str, dict[str, object]]:
    return "order.intent", {"id": id, "sym": SYM, "side": side, "q": q, "p": 1, "st": "sma"}


CONFIG = ("config", {"sym": SYM, "pp": -2, "sp": -3})


@pytest.mark.parametrize(
    "kinds, state",
    [
        ((), "INTENT"),
        (("order.deny",), "DENIED"),
        (("order.sent",), "SENT"),
        (("order.sent", "order.ack"), "LIVE"),
        (("order.sent", "order.reject"), "REJECTED"),
        (("order.sent", "order.unknown"), "UNKNOWN"),
        (("order.sent", "order.unknown", "order.absent"), "ABSENT"),
        (("order.sent", "order.ack", "order.cancel"), "LIVE"),
    ],
)
def test_an_order_is_in_the_state_that_its_last_record_says(kinds: tuple[str, ...], state: str) -> None:
    found = recovered(intent("hg1"), *((kind, {"id": "hg1", "sym": SYM}) for kind in kinds))
    assert found.orders["hg1"].state == state
    assert (found.orders["hg1"].side, found.orders["hg1"].quantity, found.orders["hg1"].strategy) == ("B", 10, "sma")


def test_a_state_that_is_told_is_taken() -> None:
    found = recovered(intent("hg1"), ("order.cancel", {"id": "hg1", "sym": SYM, "state": "CANCELED", "oid": 77}))
    assert (found.orders["hg1"].state, found.orders["hg1"].venue_id) == ("CANCELED", "77")


def test_what_was_bought_is_the_fills_each_once() -> None:
    found = recovered(
        CONFIG, intent("hg1"), fill("hg1", "B", 4, "1"), fill("hg1", "B", 4, "1"), fill("hg1", "B", 6, "2"), intent("hg2", "S", 3),
        fill("hg2", "S", 3, "3"),
    )  # fmt: skip
    assert found.positions == {(SYM, "both"): Decimal("0.007")}
    assert found.orders["hg1"].state == "FILLED"
    assert found.orders["hg1"].filled == 10
    assert found.trades == {SYM: ["1", "2", "3"]}
    assert found.last_trade(SYM) == "3"
    assert found.last_trade("other") is None


def test_hedge_legs_are_apart_and_a_flat_one_is_not_told() -> None:
    found = recovered(CONFIG, fill("a", "B", 5, "1", ps="long"), fill("b", "S", 2, "2", ps="short"), fill("c", "B", 2, "3", ps="short"))
    assert found.positions == {(SYM, "long"): Decimal("0.005")}


def test_powers_that_change_do_not_change_what_is_held() -> None:
    finer = ("config", {"sym": SYM, "rules": {"price_power": -2, "size_power": -5}})
    found = recovered(CONFIG, fill("a", "B", 5, "1"), finer, fill("b", "B", 5, "2"))
    assert found.positions == {(SYM, "both"): Decimal("0.00505")}
    assert found.powers == {SYM: (-2, -5)}


def test_what_no_trade_explains_is_apart_from_what_was_bought() -> None:
    found = recovered(CONFIG, fill("a", "B", 5, "1"), ("recon.adopt", {"sym": SYM, "q": -20, "change": -25}), fill("b", "B", 5, "2"))
    assert found.positions == {(SYM, "both"): Decimal("0.01")}
    assert found.adopted == {(SYM, "both"): Decimal("-0.025")}


def test_the_rung_and_its_incident_outlive_the_life() -> None:
    found = recovered(("state", {"rung": "HALTED", "incident": "i-1", "why": "clock"}))
    assert (found.rung, found.incident, found.why, found.clean) == (Rung.HALTED, "i-1", "clock", False)
    assert recovered(("seal", {"why": "end"})).clean
    assert Recovery().result() == Recovered()


def test_orders_that_are_over_are_forgotten_after_a_day_and_others_never() -> None:
    recovery = Recovery()
    records = [intent("old"), ("order.reject", {"id": "old"}), intent("open"), ("order.sent", {"id": "open"})]
    for n, (kind, fields) in enumerate(records, 1):
        recovery.feed(Record(n, T, None, 1, kind, fields, b""))
    recovery.feed(Record(9, T + DAY_NS + 1, None, 2, "signal", {}, b""))
    assert set(recovery.result().orders) == {"open"}


@pytest.mark.parametrize("mode, first", [("kill", 1), ("torn", 2), ("ENOSPC", 4), ("EIO", 6)])
def test_a_life_that_is_ended_at_a_step_leaves_all_that_it_had_promised(tmp_path: Path, mode: str, first: int) -> None:
    _end_at(tmp_path, mode, first, 11)


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["kill", "torn", "ENOSPC", "EIO"])
def test_a_life_that_is_ended_at_any_step_leaves_all_that_it_had_promised(tmp_path: Path, mode: str) -> None:
    _end_at(tmp_path, mode, 1, 1)


def _end_at(tmp_path: Path, mode: str, first: int, every: int) -> None:
    before = tmp_path / "before" / "journal"
    with AuditLogger(before) as log:
        log.append("signal", {"id": "s"})
    path = next(before.glob("*/*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"n":4')  # the life before was torn: cutting it off is a step as well
    shutil.copytree(before.parent, tmp_path / "count")
    steps = kills.steps_of(tmp_path / "count" / "journal")
    assert steps > 30
    for at in range(first, steps + 1, every):
        folder = tmp_path / f"{mode}-{at}" / "journal"
        shutil.copytree(before, folder)
        kills.disturb(folder, at=at, mode=mode)
        _look(folder, f"{mode} at {at}")
        shutil.rmtree(folder.parent)


def _look(folder: Path, where: str) -> None:
    with AuditLogger(folder) as log:
        opened = log.opened
    assert not opened.quarantined, (where, opened.faults)
    report = verify(folder)
    assert report.ok, (where, report.problems)
    records = list(Walk(folder).records())
    there = {f"{record.kind} {record.fields.get('id')}" for record in records} | {f"life {record.b}" for record in records}
    promised = folder.parent / kills.PROMISED
    lives = promised.read_text().splitlines() if promised.exists() else []
    assert set(lives) <= there | {"life 2"}, where
    boots = [record.b for record in records if record.kind == "boot"]
    assert boots == sorted(set(boots)), where
    if any(line.startswith("life") for line in lives):
        assert opened.boot > 2, where
    bought = sum(record.fields["q"] for record in records if record.kind == "order.fill")
    assert opened.recovered.positions.get(("spot:X", "both"), Decimal(0)) == bought, where


@pytest.mark.parametrize(
    "last, owed, untold",
    [
        ([("order.sent", {})], True, False),
        ([("order.ack", {"state": "LIVE", "filled": 0})], True, False),
        ([("order.end", {"state": "FILLED", "filled": 0})], True, True),
        ([("order.end", {"state": "FILLED", "filled": 0, "executed": 10})], True, False),
        ([("order.end", {"state": "FILLED", "executed": 10}), fill("hg1", "B", 4, "1")], True, False),
        ([("order.end", {"state": "FILLED", "executed": 10}), fill("hg1", "B", 4, "1"), fill("hg1", "B", 6, "2")], False, False),
        ([fill("hg1", "B", 10, "1")], False, False),
        ([("order.cancel", {"state": "CANCELED", "filled": 0})], False, True),
        ([("order.cancel", {"state": "CANCELED", "executed": None})], False, True),
        ([("order.cancel", {"state": "CANCELED", "executed": 0})], False, False),
        ([("order.cancel", {"state": "CANCELED", "executed": 4})], True, False),
        ([("order.end", {"state": "EXPIRED", "executed": 4}), fill("hg1", "B", 4, "1")], False, False),
        ([("order.reject", {})], False, False),
    ],
)
def test_an_order_is_owed_while_its_fills_do_not_prove_what_is_filled(
    last: list[tuple[str, dict[str, object]]], owed: bool, untold: bool
) -> None:
    order = recovered(intent("hg1"), *((kind, {"id": "hg1", "sym": SYM, **fields}) for kind, fields in last)).orders["hg1"]
    assert (order.is_owed, order.is_untold) == (owed, untold)


def test_a_journal_is_read_on_behind_what_was_read(tmp_path: Path) -> None:
    def write(*kinds: str) -> None:
        with AuditLogger(tmp_path) as log:
            for kind in kinds:
                log.append(kind, {})

    write("a")
    walk = Walk(tmp_path)
    assert [record.kind for record in walk.records()] == ["boot", "a", "seal"]
    assert list(walk.more()) == []
    write("b", "c")
    path = list_files(tmp_path)[-1].path
    whole = path.read_bytes()
    cut = whole.rindex(b"\n", 0, -1) + 20  # a line is being written
    path.write_bytes(whole[:cut])
    assert [record.kind for record in walk.more()] == ["boot", "b", "c"]
    path.write_bytes(whole)
    assert [record.kind for record in walk.more()] == ["seal"]
    assert {fault.kind for fault in walk.faults} == {"torn"}
    write("d")
    assert [record.kind for record in walk.more()] == ["boot", "d", "seal"]
    assert walk.last_n == 10


def test_a_trade_of_a_waiting_order_names_what_that_became_and_not_the_order() -> None:
    ack = ("order.ack", {"id": "hg1", "sym": SYM, "oid": "700"})
    found = recovered(CONFIG, intent("hg1", "S"), ack, fill("hg1", "S", 4, "1", oid="900")).orders["hg1"]
    assert (found.venue_id, found.child_id, found.triggered) == ("700", "900", True)
    found = recovered(CONFIG, intent("hg1", "S"), ack, fill("hg1", "S", 4, "1", oid="700")).orders["hg1"]
    assert (found.venue_id, found.child_id, found.triggered) == ("700", "", False)
    found = recovered(intent("hg1", "S"), ack, ("order.ack", {"id": "hg1", "sym": SYM, "oid": "700", "child": ""})).orders["hg1"]
    assert (found.child_id, found.triggered) == ("", True)
    found = recovered(intent("hg1", "S"), ack, ("order.ack", {"id": "hg1", "sym": SYM, "oid": "700", "child": "900"})).orders["hg1"]
    assert (found.venue_id, found.child_id) == ("700", "900")


def test_trades_of_exits_are_known_however_many_others_come_after_them() -> None:
    others = [fill("hg-2-1-1", "B", 1, str(number)) for number in range(10, 10 + TRADES_KEPT)]
    recovery = Recovery()
    for n, (kind, fields) in enumerate([CONFIG, fill("hg-x1a-1", "S", 5, "2"), *others], 1):
        recovery.feed(Record(n, T + n, None, 3, kind, fields, b""))
    assert "2" not in recovery.result().trades[SYM]
    assert recovery.result().exits == {SYM: {"2"}}
    again = Recovery(msgspec.msgpack.decode(msgspec.msgpack.encode(recovery.state()), type=RecoveryState))
    again.feed(Record(99_999, T, None, 4, "emergency.trade", fill("hg-x1a-1", "S", 5, "2")[1], b""))
    assert again.result().positions == recovery.result().positions


def test_orders_of_any_start_are_no_exits() -> None:
    """A start's number is written with the digits 0 to z, and from the 1,189th on it looks as an exit's."""
    order = f"{client_id_head('hg', 33 * 36 + 1, 1)}3f2"
    assert order == "hg-x1-1-3f2"
    assert recovered(CONFIG, fill(order, "S", 5, "2")).exits == {}


def test_parts_of_one_trade_close_what_each_strategy_held() -> None:
    parts = [
        fill("hg-x1-1", "S", 4, "1", st="a", share=[0, 0, 1, 0, 0]),
        fill("hg-x1-1", "S", 6, "1", st="b", share=[0, 0, 2, 0, 0], part=True),
    ]
    told = ("emergency.trade", {"id": "hg-x1-1", "sym": SYM, "side": "S", "q": 10, "p": 1, "tid": "1"})
    found = recovered(CONFIG, *parts, told)
    assert found.shares == {(SYM, "both", "a"): [0, 0, 1, 0, 0], (SYM, "both", "b"): [0, 0, 2, 0, 0]}
    assert found.positions == {(SYM, "both"): Decimal("-0.010")}
    assert recovered(CONFIG, told, *parts).positions == found.positions, "the exit's own journal told all of it before"
