"""How long orders are under way, as a live trader's journal has measured it."""

from __future__ import annotations

from typing import Any, NamedTuple

from hoga.trading.paper import Latency, measured


class Record(NamedTuple):
    m: int | None
    b: int
    kind: str
    fields: dict[str, Any]


def order(
    name: str, sent: int, answered: int, *, venue: str = "upbit", kind: str = "order.ack", lives: tuple[int, int] = (1, 1)
) -> list[Record]:
    return [
        Record(sent, lives[0], "order.sent", {"id": name, "sym": f"{venue}:KRW-BTC"}),
        Record(answered, lives[1], kind, {"id": name, "sym": f"{venue}:KRW-BTC"}),
    ]


def test_from_sending_to_the_first_word_of_the_venue_asked_for() -> None:
    records = [
        *order("a", 100, 130),
        *order("b", 200, 290, kind="order.reject"),
        *order("c", 300, 999, venue="binance"),
        *order("d", 400, 450, lives=(1, 2)),
        *order("e", 500, 540)[:1],
        Record(None, 0, "order.sent", {"id": "f", "sym": "upbit:KRW-BTC"}),
        Record(140, 1, "order.fill", {"id": "a", "sym": "upbit:KRW-BTC"}),
    ]
    assert measured(records, "upbit") == Latency((30, 90))
    assert measured(records, "binance") == Latency((699,))
    assert measured(records, "binance-usdm") is None
