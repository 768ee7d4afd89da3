"""The journal as a person reads it."""

from __future__ import annotations

from hoga.audit.chain import Record
from hoga.audit.telling import story, timeline

SYM = "binance:BTCUSDT"
T = 1_763_640_000_000_000_000


def records(*told: tuple[str, dict[str, object]]) -> list[Record]:
    return [Record(n, T + n * 1_000_000, None, 3, kind, fields, b"") for n, (kind, fields) in enumerate(told, 1)]


EVERY = records(
    ("boot", {"prev": ""}),
    ("config", {"sym": SYM, "pp": -2, "sp": -3}),
    ("signal", {"id": "s1", "sym": SYM, "why": "fast 67320.4 > slow 67311.9", "cause": {"src": SYM, "at": 5}}),
    ("signal", {"id": "s2", "sym": SYM, "why": "another"}),
    ("order.intent", {"id": "hg1", "sym": SYM, "side": "B", "q": 10, "p": 6732110, "sig": "s1", "round": "r1"}),
    ("order.intent", {"id": "hg2", "sym": SYM, "side": "S", "q": 10, "sig": "s2"}),
    ("order.ack", {"id": "hg1", "sym": SYM, "oid": "777", "raw": '{"orderId":777}'}),
    ("order.fill", {"id": "hg1", "sym": SYM, "side": "B", "q": 4, "p": 6732100, "tid": "99", "oid": "777"}),
    ("protect", {"ids": ["hg1"], "sym": SYM, "to": 1}),
    ("round", {"id": "r1", "sym": SYM, "why": "target 0", "net": "1.25"}),
    ("state", {"rung": "HALTED", "incident": "20261129-133156", "why": "clock"}),
)


def test_a_row_says_what_in_the_numbers_of_the_market() -> None:
    rows = {row.n: row for row in timeline(EVERY)}
    assert rows[5].what == f"hg1 buy 0.01 at 67321.1 {SYM} sig=s1 round=r1"
    assert rows[8].what == f"hg1 buy 0.004 at 67321 {SYM} trade 99 oid=777"
    assert rows[3].why == "fast 67320.4 > slow 67311.9"
    assert rows[11].what == "HALTED 20261129-133156"
    assert rows[5].time == "2025-11-20T12:00:00.005Z"
    assert rows[7].raw == '{"orderId":777}'


def test_a_timeline_is_chosen_by_time_symbol_and_kind() -> None:
    assert [row.n for row in timeline(EVERY, kind="order")] == [5, 6, 7, 8]
    assert [row.n for row in timeline(EVERY, kind="order.fill")] == [8]
    assert [row.n for row in timeline(EVERY, symbol="other")] == []
    assert [row.n for row in timeline(EVERY, since=EVERY[4].t, until=EVERY[6].t)] == [5, 6]


def test_the_story_of_an_order_is_all_of_it_and_of_no_other() -> None:
    assert [row.n for row in story(EVERY, "hg1")] == [3, 5, 7, 8, 9, 10]
    assert [row.n for row in story(EVERY, "hg2")] == [4, 6]


def test_an_order_is_found_by_its_trade_and_by_the_venues_id_and_an_incident_by_its_own() -> None:
    assert [row.n for row in story(EVERY, "99")] == [5, 7, 8, 9]
    assert [row.n for row in story(EVERY, "777")] == [5, 7, 8, 9]
    assert [row.n for row in story(EVERY, "20261129-133156")] == [11]
    assert story(EVERY, "nothing") == []


def test_a_long_field_is_cut() -> None:
    (row,) = timeline(records(("config", {"all": "x" * 1000})))
    assert len(row.what) < 250
    assert row.what.endswith("…")


def test_prices_of_a_record_are_told_as_prices() -> None:
    told = records(
        ("config", {"sym": SYM, "pp": -1, "sp": -3}),
        ("protect", {"id": "a", "sym": SYM, "what": "moved", "from": 893_098, "to": 893_100}),
        ("cmd", {"what": "flatten-armed", "from": "127.0.0.1"}),
    )
    rows = list(timeline(told))
    assert "from=89309.8 to=89310" in rows[1].what
    assert "from=127.0.0.1" in rows[2].what
