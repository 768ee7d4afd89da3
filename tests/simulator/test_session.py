from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.session import Session
from hoga.simulator.protocol import Action, Close, Ping, Pong, Subscribed, Text, Unsubscribed

S = 1_000_000_000
START = 1_795_180_500 * S


def session(*, combined: bool = False, **limits: float) -> Session:
    return Session(combined=combined, micros=False, limits=Limits(**limits), now_ns=START)  # type: ignore[arg-type]


def ask(made: Session, request: object, *, at: int = START) -> list[Action]:
    text = request if isinstance(request, str) else json.dumps(request)
    return made.text(text.encode(), at)


def reply(actions: list[Action]) -> dict:
    return next(json.loads(action.text) for action in actions if isinstance(action, Text))


def test_subscribe_acks_lists_and_unsubscribes() -> None:
    made = session()
    actions = ask(made, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1})
    assert actions == [Subscribed(["btcusdt@trade", "ethusdt@trade"]), Text('{"result":null,"id":1}')]
    assert reply(ask(made, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == ["btcusdt@trade", "ethusdt@trade"]
    actions = ask(made, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
    assert actions == [Unsubscribed(["btcusdt@trade"]), Text('{"result":null,"id":3}')]
    assert list(made.subscriptions) == ["ethusdt@trade"]


@pytest.mark.parametrize(
    "name", ["nosuch@depth", "BTCUSDT@depth@100ms", "btcusdt@depth@50ms", "btcusdt@depth30", "btcusdt@markPrice", "币@trade"]
)
def test_an_ack_proves_syntax_only(name: str) -> None:
    made = session()
    assert reply(ask(made, {"method": "SUBSCRIBE", "params": [name], "id": 11})) == {"result": None, "id": 11}
    assert reply(ask(made, {"method": "LIST_SUBSCRIPTIONS", "id": 12}))["result"] == [name]


@pytest.mark.parametrize("name", ["btcusdt", "", "btc usdt@trade", "@trade", "btcusdt@", "a@b/c@d"])
def test_a_malformed_stream_is_an_error_and_the_end(name: str) -> None:
    actions = ask(session(), {"method": "SUBSCRIBE", "params": [name], "id": 4})
    assert reply(actions) == {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 4}
    assert actions[-1] == Close(1008, "Invalid request")


def test_a_stream_subscribed_twice_is_added_once() -> None:
    made = session()
    ask(made, {"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1})
    assert ask(made, {"method": "SUBSCRIBE", "params": ["a@trade", "a@trade"], "id": 2}) == [Text('{"result":null,"id":2}')]


@pytest.mark.parametrize(
    "request_, code, text",
    [
        ({"method": "FOO", "id": 20}, 2, "unknown variant `FOO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`"),
        ({"id": 20}, 2, "missing field `method`"),
        ({"method": "LIST_SUBSCRIPTIONS", "params": ["x"], "id": 20}, 2, "too many parameters"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 20}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": ["combined", True, 1], "id": 20}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": [1, True], "id": 20}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": [], "id": 20}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["color"], "id": 20}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 20}, 1, "expected Boolean"),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 20}, 2, "sequence"),
        ({"method": "SUBSCRIBE", "params": [1], "id": 20}, 2, "string"),
    ],
)
def test_bad_requests_are_answered_with_nested_errors(request_: dict, code: int, text: str) -> None:
    made = session()
    actions = ask(made, request_)
    answer = reply(actions)
    assert answer["id"] == 20
    assert answer["error"]["code"] == code
    assert text in answer["error"]["msg"]
    assert made.closed is None


@pytest.mark.parametrize(
    "request_id, fine", [(1, True), (-(2**63), True), (2**63, False), ("abc9", True), ("a" * 37, False), ("a-b", True), ("a b", False)]
)
def test_ids_are_signed_64_bit_or_short_text(request_id: object, fine: bool) -> None:
    answer = reply(ask(session(), {"method": "LIST_SUBSCRIPTIONS", "id": request_id}))
    assert ("result" in answer) is fine
    assert answer["id"] == (request_id if fine else None)


@pytest.mark.parametrize("request_id", [1.5, True, [1], {"a": 1}])
def test_other_ids_are_refused(request_id: object) -> None:
    assert reply(ask(session(), {"method": "LIST_SUBSCRIPTIONS", "id": request_id}))["error"]["code"] == 2


def test_near_json_is_code_3_and_plain_text_is_the_end() -> None:
    made = session()
    answer = reply(ask(made, '{"method":'))
    assert answer["error"]["code"] == 3
    assert "line 1 column" in answer["error"]["msg"]
    assert ask(made, "hello") == [Close(1008, "Invalid request")]


def test_combined_is_a_property_that_changes_at_runtime() -> None:
    made = session(combined=False)
    assert reply(ask(made, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}))["result"] is False
    assert reply(ask(made, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})) == {"result": None, "id": 2}
    assert made.combined is True


def test_the_1025th_stream_is_too_many() -> None:
    made = session()
    ask(made, {"method": "SUBSCRIBE", "params": [f"s{n}@trade" for n in range(1024)], "id": 1})
    actions = ask(made, {"method": "SUBSCRIBE", "params": ["one@more"], "id": 2})
    assert reply(actions) == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 2}
    assert actions[-1] == Close(1008, "Invalid request")


def test_streams_of_the_url_are_not_checked_but_counted() -> None:
    assert session().open(["0"]) == [Subscribed(["0"])]
    assert session(streams=2).open(["a@b", "c@d", "e@f"])[-1] == Close(1008, "Invalid request")


def test_five_frames_a_second_pongs_and_pings_counted() -> None:
    made = session()
    list_them = {"method": "LIST_SUBSCRIPTIONS", "id": 1}
    for _ in range(3):
        assert ask(made, list_them)
    assert made.ping(b"x", START) == [Pong(b"x")]
    assert made.pong(b"", START) == []
    assert ask(made, list_them, at=START + S - 1) == [Close(1008, "Too many requests")]


def test_a_paced_client_is_never_cut() -> None:
    made = session()
    for number in range(100):
        assert made.ping(b"", START + number * S // 4) == [Pong(b"")]


def test_pings_come_every_20_s_with_the_time_as_payload() -> None:
    made = session()
    due = made.deadline_ns()
    assert due == START + int(7.4 * S)
    assert made.tick(due - 1) == []
    (ping,) = made.tick(due)
    assert ping == Ping(str(due // 1_000_000).encode())
    assert made.pong(ping.payload, due + S) == []
    assert made.deadline_ns() == due + 20 * S


@pytest.mark.parametrize("answer", [None, b"", b"12345"])
def test_without_the_right_pong_within_60_s_it_ends(answer: bytes | None) -> None:
    made = session()
    first = now = made.deadline_ns()
    while not made.closed:
        made.tick(now)
        if answer is not None and not made.closed:
            made.pong(answer, now)
        now = max(now + 1, made.deadline_ns())
    assert made.closed == Close(1008, "Pong timeout")
    assert now - first >= 60 * S


def test_answering_the_newest_ping_answers_the_older_ones() -> None:
    made = session()
    pings = []
    while len(pings) < 2:
        pings += [action for action in made.tick(made.deadline_ns()) if isinstance(action, Ping)]
    made.pong(pings[1].payload, START + 40 * S)
    assert made.tick(START + 100 * S)[:1] != [Close(1008, "Pong timeout")]


def test_pings_that_a_stall_held_up_are_not_made_up_for() -> None:
    made = session()
    stalled = made.deadline_ns() + 55 * S
    assert [type(action) for action in made.tick(stalled)] == [Ping]
    assert made.tick(stalled + 1) == []
    assert stalled < made.deadline_ns() <= stalled + 20 * S


def test_24_hours_are_the_end() -> None:
    made = session(lifetime_s=100.0, ping_every_s=1_000.0, first_ping_s=1_000.0)
    assert made.deadline_ns() == START + 100 * S
    assert made.tick(START + 100 * S) == [Close(1006, "24 h")]
    assert made.tick(START + 101 * S) == []


@given(st.binary(max_size=200))
def test_garbage_never_raises(payload: bytes) -> None:
    assert session().text(payload, START)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_any_json_gets_an_answer(value: object) -> None:
    actions = ask(session(), json.dumps(value))
    assert isinstance(actions[-1], Text | Close)
