from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.simulator.protocol import Action, Binary, Close, Pong, Snapshots, Subscribed, Unsubscribed
from hoga.simulator.upbit.limits import UpbitLimits
from hoga.simulator.upbit.payloads import Format
from hoga.simulator.upbit.session import Session

S = 1_000_000_000
START = 1_795_180_503 * S


def session(*, account: str | None = None, **limits: Any) -> Session:
    return Session(account=account, limits=UpbitLimits(**limits), now_ns=START)


def ask(made: Session, *wishes: dict, at: int = START, form: str | None = None) -> list[Action]:
    request = [{"ticket": "t"}, *wishes, *([{"format": form}] if form else [])]
    return made.text(json.dumps(request).encode(), at)


def trades(*codes: str, **more: Any) -> dict:
    return {"type": "trade", "codes": list(codes), **more}


def error_of(actions: list[Action]) -> str:
    assert isinstance(actions[0], Binary)
    return json.loads(actions[0].data)["error"]["name"]


def test_a_request_subscribes_and_owes_a_snapshot_of_each_code() -> None:
    made = session()
    actions = ask(made, trades("KRW-BTC", "KRW-ETH"), {"type": "orderbook", "codes": ["KRW-BTC.15"], "level": 10_000})
    names = ["KRW-BTC@trade", "KRW-ETH@trade", "KRW-BTC@orderbook.15:10000"]
    assert actions == [Subscribed(names), Snapshots(names)]


def test_a_later_request_replaces_everything_and_the_old_streams_trail_a_moment() -> None:
    made = session()
    ask(made, trades("KRW-BTC", "KRW-ETH"))
    assert ask(made, trades("KRW-ETH", is_only_realtime=True), {"type": "ticker", "codes": ["KRW-XRP"]}, at=START + S) == [
        Subscribed(["KRW-XRP@ticker"]),
        Snapshots(["KRW-XRP@ticker"]),
    ]
    assert made.deadline_ns() == START + S + 150_000_000
    assert made.tick(made.deadline_ns()) == [Unsubscribed(["KRW-BTC@trade"])]
    assert list(made.subscriptions) == ["KRW-ETH@trade", "KRW-XRP@ticker"]


def test_a_stream_that_comes_back_while_it_trails_simply_stays() -> None:
    made = session()
    ask(made, trades("KRW-BTC"))
    ask(made, trades("KRW-ETH"), at=START + 1)
    assert ask(made, trades("KRW-BTC", is_only_realtime=True), at=START + 2) == []
    assert made.tick(START + S) == [Unsubscribed(["KRW-ETH@trade"])]


@pytest.mark.parametrize("flag", ["is_only_snapshot", "isOnlySnapshot"])
def test_only_a_snapshot(flag: str) -> None:
    assert ask(session(), trades("KRW-BTC", **{flag: True})) == [Snapshots(["KRW-BTC@trade"])]


def test_the_old_spelling_of_flags_can_be_ignored() -> None:
    actions = ask(session(camel_case_flags=False), trades("KRW-BTC", isOnlyRealtime=True))
    assert Snapshots(["KRW-BTC@trade"]) in actions


@pytest.mark.parametrize("suffix, name", [("", ""), (".30", ""), (".20", ""), (".2", ""), (".15", ".15"), (".5", ".5"), (".1", ".1")])
def test_a_depth_that_does_not_exist_is_the_full_one(suffix: str, name: str) -> None:
    assert ask(session(), {"type": "orderbook", "codes": [f"KRW-BTC{suffix}"]})[0] == Subscribed([f"KRW-BTC@orderbook{name}"])


def test_any_request_changes_the_format_of_the_whole_connection() -> None:
    made = session()
    ask(made, trades("KRW-BTC"), form="SIMPLE")
    assert made.form is Format.SIMPLE
    listing = ask(made, {"method": "LIST_SUBSCRIPTIONS"}, form="JSON_LIST")
    assert made.form is Format.JSON_LIST
    assert json.loads(listing[0].data) == [
        {"method": "LIST_SUBSCRIPTIONS", "result": [{"type": "trade", "codes": ["KRW-BTC"]}], "ticket": "t"}
    ]
    ask(made, trades("KRW-BTC"), form="NOSUCH")
    assert made.form is Format.JSON_LIST


def test_the_format_may_stand_anywhere() -> None:
    made = session()
    made.text(b'[{"ticket":"t"},{"format":"SIMPLE"},{"type":"trade","codes":["KRW-BTC"]}]', START)
    assert made.form is Format.SIMPLE
    assert list(made.subscriptions) == ["KRW-BTC@trade"]


def test_listing_names_levels_and_leaves_the_subscription_alone() -> None:
    made = session()
    ask(made, {"type": "orderbook", "codes": ["KRW-BTC"], "level": "10000"})
    answer = json.loads(ask(made, {"method": "LIST_SUBSCRIPTIONS"}, form="SIMPLE")[0].data)
    assert answer["rslt"] == [{"ty": "orderbook", "cds": ["KRW-BTC"], "lv": 10_000}]
    assert list(made.subscriptions) == ["KRW-BTC@orderbook:10000"]


@pytest.mark.parametrize(
    "text, name",
    [
        ("not json", "WRONG_FORMAT"),
        ('{"ticket":"t"}', "WRONG_FORMAT"),
        ("[]", "WRONG_FORMAT"),
        ("[1]", "WRONG_FORMAT"),
        ('[{"type":"trade","codes":["KRW-BTC"]}]', "NO_TICKET"),
        ('[{"ticket":""},{"type":"trade","codes":["KRW-BTC"]}]', "NO_TICKET"),
        ('[{"ticket":"t"},{"format":"DEFAULT"}]', "NO_TYPE"),
        ('[{"ticket":"t"},{"codes":["KRW-BTC"]}]', "NO_TYPE"),
        ('[{"ticket":"t"},{"type":"trade"}]', "NO_CODES"),
        ('[{"ticket":"t"},{"type":"trade","codes":[]}]', "NO_CODES"),
        ('[{"ticket":"t"},{"type":"trade","codes":"KRW-BTC"}]', "WRONG_FORMAT"),
        ('[{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
        ('[{"ticket":"t"},{"type":"candle.7m","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
        ('[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":"much"}]', "WRONG_FORMAT"),
        ('[{"ticket":"t"},{"type":"myOrder"}]', "INVALID_AUTH"),
    ],
)
def test_a_mistake_is_told_and_a_moment_later_the_connection_is_closed(text: str, name: str) -> None:
    made = session()
    assert error_of(made.text(text.encode(), START)) == name
    assert made.text(b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]', START) == []
    assert made.deadline_ns() == START + 150_000_000
    assert made.tick(made.deadline_ns()) == [Close(1000, "")]


def test_the_captured_error_texts() -> None:
    unknown = session().text(b'[{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}]', START)[0].data.decode()
    assert unknown == '{"error":{"message":"nope 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}}'
    no_ticket = session().text(b'[{"type":"trade"}]', START)[0].data.decode()
    assert no_ticket == '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않거나, 유효하지 않습니다."}}'
    wrong = session().text(b"{}", START)[0].data.decode()
    assert wrong == '{"error":{"message":"Format 이 맞지 않습니다.","name":"WRONG_FORMAT"}}'


def test_a_sixth_message_within_a_second_is_too_many() -> None:
    made = session(too_many_name="Too Many Requests")
    for _ in range(5):
        ask(made, trades("KRW-BTC"))
    assert error_of(ask(made, trades("KRW-BTC"))) == "Too Many Requests"


@pytest.mark.parametrize("counts", [False, True])
def test_whether_text_pings_are_messages_is_chosen(counts: bool) -> None:
    made = session(text_ping_counts=counts)
    answers = [made.text(b"PING", START) for _ in range(6)]
    assert bool(answers[-1]) is counts


def test_ping_as_text_begins_signs_of_life_on_a_ten_second_clock() -> None:
    made = session()
    assert made.text(b"PING", START) == []
    assert made.deadline_ns() == START + 7 * S
    assert made.tick(START + 7 * S) == [Binary(b'{"status":"UP"}')]
    assert made.deadline_ns() == START + 17 * S
    assert made.text(b"PING", START + 8 * S) == []
    assert made.deadline_ns() == START + 17 * S


def test_without_traffic_it_is_cut_without_a_close_frame() -> None:
    made = session()
    assert made.ping(b"x", START + 30 * S) == [Pong(b"x")]
    assert made.tick(START + 61 * S) == []
    made.wrote_ns = START + 60 * S
    assert made.deadline_ns() == START + 60 * S + 60_500_000_000
    assert made.tick(made.deadline_ns()) == [Close(1006, "idle")]


def test_a_private_session_has_private_types_alone() -> None:
    made = session(account="main")
    assert ask(made, {"type": "myOrder", "codes": ["KRW-BTC"]}, {"type": "myAsset"}) == [
        Subscribed(["KRW-BTC@myOrder#main", "@myAsset#main"])
    ]
    assert ask(session(account="main"), {"type": "myOrder"})[0] == Subscribed(["*@myOrder#main"])
    assert error_of(ask(session(account="main"), {"type": "myAsset", "codes": ["KRW"]})) == "WRONG_FORMAT"
    assert error_of(ask(session(account="main"), trades("KRW-BTC"))) == "INVALID_PARAM"
    assert error_of(ask(session(account=""), {"type": "myAsset"})) == "INVALID_AUTH"


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_anything_at_all_is_answered_or_refused_never_raised(payload: bytes) -> None:
    made = session()
    made.text(payload, START)
    made.binary(START)
    made.tick(START + 200 * S)
    assert made.closed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["trade", "orderbook", "KRW-BTC"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "codes", "level", "format", "method", "ticket"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["type", "codes", "level", "format", "method", "ticket"]), JSON), max_size=4))
def test_any_request_at_all_is_answered_or_refused(request_: list) -> None:
    made = session()
    made.text(json.dumps([{"ticket": "t"}, *request_]).encode(), START)
    assert made.form in Format
