"""The bus: nothing of lane X is ever lost or turned round, of data only the newest counts, and nobody who brings events waits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.trading.bus import FAULT_AT, MARKS, EventBus, EventClass


def taken(bus: EventBus) -> list[Any]:
    seen: list[Any] = []
    for kind in EventClass:
        bus.subscribe(kind, seen.append)
    return seen


def test_orders_and_signals_come_in_their_order_and_before_data() -> None:
    bus = EventBus()
    seen = taken(bus)
    bus.publish("data", "d1", key="a")
    bus.publish("order", "o1")
    bus.publish("signal", "s1")
    bus.publish("order", "o2")
    bus.drain()
    assert seen == ["o1", "s1", "o2", "d1"]


def test_of_a_key_only_the_newest_counts() -> None:
    bus = EventBus()
    seen = taken(bus)
    for number in range(5):
        bus.publish("data", number, key="book")
    bus.publish("data", "other", key="ticker")
    bus.drain()
    assert seen == [4, "other"]
    assert bus.stats().replaced == 4


def test_data_that_does_not_fit_goes_oldest_first_and_is_told() -> None:
    lost: list[Any] = []
    bus = EventBus(on_drop=lost.append)
    seen = taken(bus)
    for number in range(MARKS[EventClass.DATA] + 3):
        bus.publish("data", number)
    bus.drain()
    assert lost == [0, 1, 2]
    assert seen[0] == 3
    assert bus.stats().dropped == 3


def test_a_mark_is_an_alarm_and_no_wall() -> None:
    alarms: list[tuple[EventClass, int]] = []
    faults: list[int] = []
    bus = EventBus(on_alarm=lambda kind, waiting: alarms.append((kind, waiting)), on_backlog=faults.append)
    seen = taken(bus)
    for number in range(FAULT_AT + 5):
        bus.publish("order", number)
    assert alarms == [(EventClass.ORDER, MARKS[EventClass.ORDER] + 1)]
    assert faults == [FAULT_AT + 1]
    bus.drain()
    assert seen == list(range(FAULT_AT + 5))


def test_what_a_handler_publishes_waits_for_its_turn() -> None:
    bus = EventBus()
    seen: list[Any] = []

    def handle(event: int) -> None:
        seen.append(("begins", event))
        if event < 3:
            bus.publish("order", event + 1)
            bus.drain()
        seen.append(("ends", event))

    bus.subscribe("order", handle)
    bus.publish("order", 1)
    bus.drain()
    assert seen == [(when, event) for event in (1, 2, 3) for when in ("begins", "ends")]


def test_a_turn_ends_when_its_time_is_over_and_the_rest_stays() -> None:
    bus = EventBus()
    seen = taken(bus)
    for number in range(4):
        bus.publish("data", number)
    assert bus.drain(lambda: True)
    assert seen == [0]
    assert not bus.drain()
    assert seen == [0, 1, 2, 3]


def test_a_fault_of_a_handler_is_told_or_raised_and_the_others_are_called() -> None:
    told: list[Any] = []
    bus = EventBus(on_fault=lambda event, fault: told.append((event, type(fault))))
    seen: list[Any] = []
    leave = bus.subscribe("order", lambda event: 1 // 0)
    bus.subscribe("order", seen.append)
    bus.publish("order", "o")
    bus.drain()
    assert told == [("o", ZeroDivisionError)]
    assert seen == ["o"]
    leave()
    bus.publish("order", "p")
    bus.drain()
    assert len(told) == 1
    with pytest.raises(ValueError, match="news"):
        bus.publish("news", 1)


@given(st.lists(st.sampled_from(["data", "signal", "order", "drain"]), max_size=80))
def test_every_order_and_signal_comes_once_whatever_is_between(words: list[str]) -> None:
    bus = EventBus()
    seen: list[Any] = []
    for kind in ("signal", "order"):
        bus.subscribe(kind, seen.append)
    sent = []
    for number, word in enumerate(words):
        if word == "drain":
            bus.drain(lambda: True)
        else:
            bus.publish(word, number, key="k" if word == "data" else None)
            if word != "data":
                sent.append(number)
    bus.drain()
    assert seen == sent
