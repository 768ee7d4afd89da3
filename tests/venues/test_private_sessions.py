"""One life of a private connection, venue by venue, without a socket: what it asks, what it makes of every answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hoga.core.market import Assets, BalanceChange, DataType, Fill, Order, Positions, Side
from hoga.core.secret import Credentials, Secret
from hoga.venues.private import (
    CHANNELS,
    PATIENCE_S,
    Connect,
    Emit,
    Live,
    Odd,
    PrivateSession,
    Refusal,
    Refuse,
    Renew,
    Replace,
    Reply,
    Send,
    Step,
    Trouble,
)
from hoga.venues.registry import VENUES
from hoga.venues.request import Request
from tests.tries import tries
from tests.venues.test_private_signing import pem

ALL = frozenset(CHANNELS)
NOW_MS = 1_790_134_512_340
KEYS = Credentials(key=Secret("the-key-1234"), secret=Secret("the-secret-5678"))
SIGNING = Credentials(key=Secret("the-key-1234"), signing_key=pem(bytes(range(32))))

UPBIT_TRADE = (
    b'{"type":"myOrder","code":"KRW-BTC","uuid":"9f1c","ask_bid":"BID","order_type":"limit","state":"trade","trade_uuid":"5b5e",'
    b'"price":116540000.0,"avg_price":116540000.0,"volume":0.0002,"remaining_volume":0.0003,"executed_volume":0.0002,"trades_count":1,'
    b'"reserved_fee":29.135,"remaining_fee":17.481,"paid_fee":11.654,"locked":34979.481,"executed_funds":23308.0,"time_in_force":null,'
    b'"trade_fee":11.654,"is_maker":true,"identifier":"hoga-000017","smp_type":"cancel_maker","prevented_volume":0,"prevented_locked":0,'
    b'"trade_timestamp":1795163415120,"order_timestamp":1795163400000,"timestamp":1795163415131,"stream_type":"REALTIME"}'
)
UPBIT_ASSETS = (
    b'{"type":"myAsset","asset_uuid":"e2a7","assets":[{"currency":"KRW","balance":1386929.3723106677,"locked":34979.481},'
    b'{"currency":"BTC","balance":0.0002,"locked":0}],"asset_timestamp":1795163415125,"timestamp":1795163415133,"stream_type":"REALTIME"}'
)
SPOT_REPORT = (
    b'{"e":"executionReport","E":1790134512402,"s":"BTCUSDT","c":"hoga-7f3a-1","S":"BUY","o":"LIMIT","f":"GTC","q":"0.00200000",'
    b'"p":"86000.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":28001,'
    b'"l":"0.00100000","z":"0.00100000","L":"86000.00000000","n":"0.00000100","N":"BTC","T":1790134512401,"t":5310011300,"I":60001,'
    b'"w":true,"m":true,"M":true,"O":1790134512345,"Z":"86.00000000","Y":"86.00000000","Q":"0.00000000","V":"EXPIRE_MAKER"}'
)
SPOT_POSITION = (
    b'{"e":"outboundAccountPosition","E":1790134512402,"u":1790134512401,"B":[{"a":"BTC","f":"0.10100000","l":"0.00000000"},'
    b'{"a":"USDT","f":"914.00000000","l":"1.5"}]}'
)
FUTURES_ORDER = (
    b'{"e":"ORDER_TRADE_UPDATE","E":1790771372500,"T":1790771372498,"o":{"s":"BTCUSDT","c":"hoga-f-9","S":"SELL","o":"MARKET","f":"GTC",'
    b'"q":"0.001","p":"0","ap":"76916.00","sp":"0","x":"TRADE","X":"FILLED","i":8886774,"l":"0.001","z":"0.001","L":"76916.00","N":"USDT",'
    b'"n":"0.03845800","T":1790771372498,"t":537895190,"b":"0","a":"0","m":false,"R":true,"ps":"BOTH","rp":"1.25000000","er":"0"}}'
)
FUTURES_ACCOUNT = (
    b'{"e":"ACCOUNT_UPDATE","E":1790771372500,"T":1790771372498,"a":{"m":"ORDER","B":[{"a":"USDT","wb":"1001.21","cw":"1001.21","bc":"0"}],'
    b'"P":[{"s":"BTCUSDT","pa":"-0.5","ep":"76000.00","bep":"0","cr":"12.5","up":"-3.25","mt":"cross","iw":"0","ps":"SHORT"}]}}'
)


def session(venue: str, credentials: Credentials = KEYS, types: frozenset[DataType] = ALL) -> PrivateSession:
    spec = VENUES[venue].private
    assert spec is not None
    numbers = count(1)
    return spec.session(credentials, types, lambda: f"nonce-{next(numbers)}")


def sent(step: Step) -> Any:
    assert isinstance(step, Send)
    return json.loads(step.text.reveal())


def refusal(steps: list[Step]) -> Refusal:
    assert [type(step) for step in steps] == [Refuse]
    assert isinstance(steps[0], Refuse)
    return steps[0].refusal


def body(venue: str, data_type: DataType, payload: bytes) -> Any:
    spec = VENUES[venue].private
    assert spec is not None
    return spec.decode[data_type](payload)


class TestUpbit:
    def test_every_connect_has_a_nonce_of_its_own(self) -> None:
        life = session("upbit")
        [one], [two] = life.begin(NOW_MS), life.begin(NOW_MS)
        assert isinstance(one, Connect)
        assert isinstance(two, Connect)
        assert one.target.reveal() == "/websocket/v1/private"
        assert one.headers["Authorization"] != two.headers["Authorization"]

    def test_it_asks_for_what_is_wanted_and_for_proof(self) -> None:
        life = session("upbit", types=frozenset({DataType.MY_FILL}))
        subscribe, proof = map(sent, life.opened(NOW_MS))
        assert subscribe[1:] == [{"type": "myOrder"}, {"format": "DEFAULT"}]
        assert proof[1:] == [{"method": "LIST_SUBSCRIPTIONS"}, {"format": "DEFAULT"}]
        assert life.want(frozenset({DataType.MY_ORDER})) == []
        again, proof = map(sent, life.want(frozenset({DataType.MY_ORDER, DataType.MY_ASSET})))
        assert again[1:] == [{"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"}]
        assert proof[1:] == [{"method": "LIST_SUBSCRIPTIONS"}, {"format": "DEFAULT"}]

    @pytest.mark.parametrize(
        "proof", [b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myOrder"}],"ticket":"x"}', UPBIT_TRADE, UPBIT_ASSETS]
    )
    def test_an_answer_or_an_event_proves_that_it_is_live(self, proof: bytes) -> None:
        life = session("upbit")
        life.opened(NOW_MS)
        assert next(type(step) for step in life.receive(proof, NOW_MS)) is Live
        assert Live() not in life.receive(proof, NOW_MS)

    def test_a_list_without_what_is_wanted_is_no_yes_and_it_is_asked_for_again(self) -> None:
        life, empty = session("upbit"), b'{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"x"}'
        life.opened(NOW_MS)
        for _ in range(2):
            assert [type(step) for step in life.receive(empty, NOW_MS)] == [Send, Send]
        [step] = life.receive(empty, NOW_MS)
        assert isinstance(step, Renew)

    def test_a_changed_wish_that_is_not_answered_is_asked_again_and_then_the_life_ends(self) -> None:
        life = session("upbit", types=frozenset({DataType.MY_ORDER}))
        life.opened(NOW_MS)
        life.receive(b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myOrder"}],"ticket":"x"}', NOW_MS)
        life.tick(10.0)
        life.want(frozenset({DataType.MY_ORDER, DataType.MY_ASSET}))
        said = [[type(step) for step in life.tick(at)] for at in (11.0, 13.5, 14.0, 17.0, 20.5)]
        assert said == [[], [Send, Send], [], [Send, Send], [Renew]]

    def test_so_does_a_silence_without_error(self) -> None:
        life = session("upbit")
        life.opened(NOW_MS)
        assert [life.tick(at) for at in (10.0, 12.0, 13.1, 14.0)] == [[], [], [Live()], []]

    def test_a_fill_is_an_order_event_too(self) -> None:
        step = session("upbit").receive(UPBIT_TRADE, NOW_MS)[-1]
        assert step == Emit((DataType.MY_ORDER, DataType.MY_FILL), ("KRW-BTC",), UPBIT_TRADE)
        order, fill = body("upbit", DataType.MY_ORDER, UPBIT_TRADE), body("upbit", DataType.MY_FILL, UPBIT_TRADE)
        assert isinstance(order, Order)
        assert (order.symbol, order.state, order.quantity, order.filled, order.remaining, order.price) == (
            "KRW-BTC", "trade", Decimal("0.0005"), Decimal("0.0002"), Decimal("0.0003"), None,
        )  # fmt: skip
        assert isinstance(fill, Fill)
        assert (fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.maker, fill.client_id, fill.fill_id, fill.side) == (
            Decimal("116540000.0"), Decimal("0.0002"), Decimal("11.654"), "KRW", True, "hoga-000017", "5b5e", Side.BUY,
        )  # fmt: skip
        done = UPBIT_TRADE.replace(b'"state":"trade"', b'"state":"done"')
        assert session("upbit").receive(done, NOW_MS)[-1] == Emit((DataType.MY_ORDER,), ("KRW-BTC",), done)

    def test_assets_are_of_the_account(self) -> None:
        assert session("upbit").receive(UPBIT_ASSETS, NOW_MS)[-1] == Emit((DataType.MY_ASSET,), (), UPBIT_ASSETS)
        assets = body("upbit", DataType.MY_ASSET, UPBIT_ASSETS)
        assert isinstance(assets, Assets)
        assert [(each.currency, str(each.free), str(each.locked)) for each in assets.assets] == [
            ("KRW", "1386929.3723106677", "34979.481"), ("BTC", "0.0002", "0"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "status, name, trouble",
        [
            (401, "invalid_access_key", Trouble.KEY),
            (401, "jwt_verification", Trouble.KEY),
            (401, "expired_access_key", Trouble.EXPIRED),
            (401, "nonce_used", Trouble.NONCE),
            (401, "no_authorization_ip", Trouble.ADDRESS),
            (401, "no_authorization_i_p", Trouble.ADDRESS),
            (403, "out_of_scope", Trouble.PERMISSION),
            (401, "out_of_scope", Trouble.PERMISSION),
        ],
    )
    def test_a_refused_handshake_says_why(self, status: int, name: str, trouble: Trouble) -> None:
        reply = Reply(status=status, body=json.dumps({"error": {"name": name, "message": "m"}}).encode())
        assert refusal(session("upbit").refused(reply, NOW_MS)) == Refusal(trouble=trouble, text=f"{name} m")

    @pytest.mark.parametrize("answer, trouble", [("expired_access_key", Trouble.EXPIRED), ("no_such_word", Trouble.KEY)])
    @pytest.mark.parametrize("cut", [b"", b'{"error":{"na'])
    def test_a_refusal_without_its_reason_is_asked_about(self, cut: bytes, answer: str, trouble: Trouble) -> None:
        life = session("upbit")
        [call] = life.refused(Reply(status=401, body=cut), NOW_MS)
        assert isinstance(call, Request)
        assert (call.method, call.path) == ("GET", "/v1/api_keys")
        reply = Reply(status=401, body=json.dumps({"error": {"name": answer, "message": ""}}).encode())
        assert refusal(life.answer(reply, NOW_MS)).trouble is trouble

    @pytest.mark.parametrize(
        "status, trouble", [(429, Trouble.LIMIT), (418, Trouble.LIMIT), (500, Trouble.VENUE), (403, Trouble.PERMISSION)]
    )
    def test_other_statuses(self, status: int, trouble: Trouble) -> None:
        found = refusal(session("upbit").refused(Reply(status=status, body=b"Too many API requests.", retry_after_s=7.0), NOW_MS))
        assert found.trouble is trouble

    @pytest.mark.parametrize(
        "name, step",
        [
            ("INVALID_AUTH", Refuse(Refusal(trouble=Trouble.KEY, text="INVALID_AUTH x"))),
            ("TOO_MANY_REQUEST", Refuse(Refusal(trouble=Trouble.LIMIT, text="TOO_MANY_REQUEST x"))),
            ("Too Many Requests", Refuse(Refusal(trouble=Trouble.LIMIT, text="Too Many Requests x"))),
            ("I'm a teapot", Refuse(Refusal(trouble=Trouble.LIMIT, text="I'm a teapot x"))),
            ("WRONG_FORMAT", Renew("WRONG_FORMAT x")),
        ],
    )
    def test_error_frames(self, name: str, step: Step) -> None:
        frame = json.dumps({"error": {"message": "x", "name": name}}).encode()
        assert session("upbit").receive(frame, NOW_MS) == [step]

    def test_a_sign_of_life_is_nothing(self) -> None:
        assert session("upbit").receive(b'{"status":"UP"}', NOW_MS) == []


class TestSpot:
    def test_hmac_subscribes_with_a_signature(self) -> None:
        life = session("binance")
        [connect] = life.begin(NOW_MS)
        assert isinstance(connect, Connect)
        assert connect.headers == {}
        [request] = map(sent, life.opened(NOW_MS))
        assert request["method"] == "userDataStream.subscribe.signature"
        assert request["params"]["timestamp"] == NOW_MS
        assert re.fullmatch("[A-Za-z0-9-]{1,36}", request["id"]), "others are refused as no JSON"
        frame = json.dumps({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}).encode()
        assert life.receive(frame, NOW_MS) == [Live()]

    def test_ed25519_logs_on_first(self) -> None:
        life = session("binance", SIGNING)
        [request] = map(sent, life.opened(NOW_MS))
        assert request["method"] == "session.logon"
        [step] = life.receive(b'{"id":"logon","status":200,"result":{"apiKey":"x"}}', NOW_MS)
        assert sent(step) == {"id": "subscribe", "method": "userDataStream.subscribe"}
        assert life.receive(b'{"id":"subscribe","status":200,"result":{"subscriptionId":0}}', NOW_MS) == [Live()]

    @pytest.mark.parametrize(
        "code, trouble",
        [(-2015, Trouble.KEY), (-2014, Trouble.KEY), (-1022, Trouble.KEY), (-1002, Trouble.PERMISSION), (-1003, Trouble.LIMIT)],
    )
    def test_a_refused_login_says_why(self, code: int, trouble: Trouble) -> None:
        frame = json.dumps({"id": "logon", "status": 400, "error": {"code": code, "msg": "m"}}).encode()
        assert refusal(session("binance").receive(frame, NOW_MS)) == Refusal(trouble=trouble, text=f"{code} m")

    @pytest.mark.parametrize("off_ms", [60_000, -61_250])
    def test_where_the_clock_is_wrong_it_is_told_by_how_much(self, off_ms: int) -> None:
        life = session("binance")
        frame = b'{"id":"subscribe","status":400,"error":{"code":-1021,"msg":"Timestamp for this request"}}'
        [ask] = life.receive(frame, NOW_MS)
        assert sent(ask) == {"id": "time", "method": "time"}
        answer = json.dumps({"id": "time", "status": 200, "result": {"serverTime": NOW_MS - off_ms}}).encode()
        found = refusal(life.receive(answer, NOW_MS))
        assert (found.trouble, found.clock_off_ms) == (Trouble.CLOCK, off_ms)

    def test_a_time_that_is_not_told_is_not_invented(self) -> None:
        life = session("binance")
        life.receive(b'{"id":"x","status":400,"error":{"code":-1021,"msg":"m"}}', NOW_MS)
        found = refusal(life.receive(b'{"id":"time","status":500,"error":{"code":-1000,"msg":"m"}}', NOW_MS))
        assert (found.trouble, found.clock_off_ms) == (Trouble.CLOCK, None)

    def test_a_ban_says_until_when(self) -> None:
        frame = f'{{"id":"x","status":418,"error":{{"code":-1003,"msg":"IP banned until {NOW_MS + 90_000}."}}}}'.encode()
        assert refusal(session("binance").receive(frame, NOW_MS)).retry_after_s == 90.0

    def test_a_key_revoked_later_is_told_without_an_id(self) -> None:
        frame = b'{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}'
        assert refusal(session("binance").receive(frame, NOW_MS)).trouble is Trouble.KEY

    @pytest.mark.parametrize(
        "payload, types, symbols",
        [
            (SPOT_REPORT, (DataType.MY_ORDER, DataType.MY_FILL), ("BTCUSDT",)),
            (SPOT_REPORT.replace(b'"x":"TRADE"', b'"x":"CANCELED"'), (DataType.MY_ORDER,), ("BTCUSDT",)),
            (SPOT_POSITION, (DataType.MY_ASSET,), ()),
            (b'{"e":"balanceUpdate","E":1,"a":"USDT","d":"-12.5","T":1}', (DataType.MY_BALANCE,), ()),
        ],
    )
    def test_events(self, payload: bytes, types: tuple[DataType, ...], symbols: tuple[str, ...]) -> None:
        frame = b'{"subscriptionId":0,"event":' + payload + b"}"
        assert session("binance").receive(frame, NOW_MS) == [Emit(types, symbols, payload)]
        assert session("binance").receive(payload, NOW_MS) == [Emit(types, symbols, payload)]
        for data_type in types:
            assert body("binance", data_type, payload).event_ns

    def test_what_they_say(self) -> None:
        order = body("binance", DataType.MY_ORDER, SPOT_REPORT.replace(b'"C":""', b'"C":"the-order"'))
        assert isinstance(order, Order)
        assert (order.client_id, order.quantity, order.filled, order.remaining, order.average, order.fill_id) == (
            "the-order", Decimal("0.002"), Decimal("0.001"), Decimal("0.001"), Decimal(86000), "5310011300",
        )  # fmt: skip
        fill = body("binance", DataType.MY_FILL, SPOT_REPORT)
        assert (fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.maker) == (
            Decimal(86000), Decimal("0.001"), Decimal("0.000001"), "BTC", True,
        )  # fmt: skip
        assets = body("binance", DataType.MY_ASSET, SPOT_POSITION)
        assert [(each.currency, each.free, each.locked) for each in assets.assets][1] == ("USDT", Decimal(914), Decimal("1.5"))

    def test_a_shutdown_that_is_announced_wants_another_life_beside(self) -> None:
        for event in (b'{"e":"serverShutdown","E":1}', b'{"event":{"e":"serverShutdown","E":1}}'):
            assert [type(step) for step in session("binance").receive(event, NOW_MS)] == [Replace]

    def test_a_stream_that_is_over_begins_anew(self) -> None:
        event = b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}'
        assert [type(step) for step in session("binance").receive(event, NOW_MS)] == [Renew]


class TestFutures:
    def live(self) -> PrivateSession:
        life = session("binance-usdm")
        [call] = life.begin(NOW_MS)
        assert isinstance(call, Request)
        assert (call.method, call.path, call.headers["X-MBX-APIKEY"].reveal()) == ("POST", "/fapi/v1/listenKey", "the-key-1234")
        [connect] = life.answer(Reply(status=200, body=b'{"listenKey":"abc123"}'), NOW_MS)
        assert isinstance(connect, Connect)
        assert connect.target.reveal() == "/private/ws/abc123"
        assert "abc123" not in repr(connect)
        assert life.opened(NOW_MS) == [Live()]
        return life

    def test_the_listen_key_is_kept_every_minute(self) -> None:
        life = self.live()
        calls = []
        for second in range(0, 250, 10):
            steps = life.tick(float(second))
            if steps:
                calls.append((second, [(step.method, step.path) for step in steps if isinstance(step, Request)]))
                assert life.answer(Reply(status=200, body=b"{}"), NOW_MS) == []
                assert life.heard_s == second
        assert calls == [(at, [("PUT", "/fapi/v1/listenKey")]) for at in (60, 120, 180, 240)]

    def test_when_it_cannot_be_kept_it_is_tried_again_until_it_must_have_expired(self) -> None:
        life, ended = self.live(), 0
        calls = 0
        for second in range(0, 3700, 10):
            for _ in life.tick(float(second)):
                calls += 1
                if any(isinstance(step, Renew) for step in life.answer(Reply(status=503, body=b""), NOW_MS)):
                    ended = second
            if ended:
                break
        assert (calls, ended) == (59, 3540)
        assert life.heard_s == 0.0

    def test_one_that_is_unknown_or_another_by_now_is_made_anew_and_was_deaf_since_it_was_kept(self) -> None:
        unknown = Reply(status=400, body=b'{"code":-1125,"msg":"This listenKey does not exist."}')
        for reply in (unknown, Reply(status=200, body=b'{"listenKey":"another"}')):
            life = self.live()
            for second, said in ((60.0, Reply(status=200, body=b'{"listenKey":"abc123"}')), (120.0, reply)):
                life.tick(second)
                steps = life.answer(said, NOW_MS)
            [step] = steps
            assert isinstance(step, Renew)
            assert step.deaf
            assert life.heard_s == 60.0
            assert life.stream == Secret("abc123")

    def test_a_key_revoked_later_is_found_when_it_is_kept(self) -> None:
        life = self.live()
        life.tick(60.0)
        assert refusal(life.answer(Reply(status=401, body=b'{"code":-2015,"msg":"m"}'), NOW_MS)).trouble is Trouble.KEY

    def test_an_expired_listen_key_begins_anew(self) -> None:
        assert self.live().receive(b'{"e":"listenKeyExpired","E":1,"listenKey":"abc123"}', NOW_MS) == [Renew("the listen key expired")]

    @pytest.mark.parametrize(
        "status, answer, trouble",
        [
            (400, b'{"code":-2014,"msg":"API-key format invalid."}', Trouble.KEY),
            (429, b'{"code":-1003,"msg":"m"}', Trouble.LIMIT),
            (503, b"Service Unavailable.", Trouble.VENUE),
            (451, b"", Trouble.ADDRESS),
            (200, b"{}", Trouble.VENUE),
            (200, b"<html>", Trouble.VENUE),
        ],
    )
    def test_no_listen_key(self, status: int, answer: bytes, trouble: Trouble) -> None:
        life = session("binance-usdm")
        life.begin(NOW_MS)
        assert refusal(life.answer(Reply(status=status, body=answer), NOW_MS)).trouble is trouble

    def test_events(self) -> None:
        life = self.live()
        assert life.receive(FUTURES_ORDER, NOW_MS) == [Emit((DataType.MY_ORDER, DataType.MY_FILL), ("BTCUSDT",), FUTURES_ORDER)]
        assert life.receive(FUTURES_ACCOUNT, NOW_MS) == [
            Emit((DataType.MY_ASSET,), (), FUTURES_ACCOUNT), Emit((DataType.MY_POSITION,), ("BTCUSDT",), FUTURES_ACCOUNT),
        ]  # fmt: skip
        funding = b'{"e":"ACCOUNT_UPDATE","E":1,"T":1,"a":{"m":"FUNDING_FEE","B":[{"a":"USDT","wb":"5","cw":"5","bc":"-0.25"}]}}'
        assert life.receive(funding, NOW_MS) == [Emit((DataType.MY_ASSET, DataType.MY_BALANCE), (), funding)]
        change = body("binance-usdm", DataType.MY_BALANCE, funding)
        assert change == BalanceChange(changes=(("USDT", Decimal("-0.25")),), reason="FUNDING_FEE", funding=True, event_ns=1_000_000)
        isolated = funding.replace(b"}}", b"").replace(
            b'"bc":"-0.25"}]', b'"bc":"-0.25"}],"P":[{"s":"BTCUSDT","pa":"1","ep":"2","up":"3"}]}}'
        )
        assert body("binance-usdm", DataType.MY_BALANCE, isolated).symbols == ("BTCUSDT",)
        moved = body("binance-usdm", DataType.MY_BALANCE, funding.replace(b"FUNDING_FEE", b"SOMETHING_NEW"))
        assert (moved.funding, moved.reason) == (False, "SOMETHING_NEW")

    def test_what_they_say(self) -> None:
        order, fill = (body("binance-usdm", each, FUTURES_ORDER) for each in (DataType.MY_ORDER, DataType.MY_FILL))
        assert (order.state, order.price, order.average, order.remaining) == ("FILLED", None, Decimal("76916.00"), Decimal(0))
        assert (fill.side, fill.price, fill.fee, fill.fee_currency) == (Side.SELL, Decimal(76916), Decimal("0.038458"), "USDT")
        positions = body("binance-usdm", DataType.MY_POSITION, FUTURES_ACCOUNT)
        assert isinstance(positions, Positions)
        [one] = positions.positions
        assert (one.symbol, one.quantity, one.entry, one.unrealized, one.side) == (
            "BTCUSDT", Decimal("-0.5"), Decimal(76000), Decimal("-3.25"), "SHORT",
        )  # fmt: skip
        assert body("binance-usdm", DataType.MY_ASSET, FUTURES_ACCOUNT).assets[0].free == Decimal("1001.21")


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_nothing_is_made_of_what_is_not_known(venue: str) -> None:
    for frame in (b"", b"\xff\xfe", b"[]", b"null", b'"x"', b'{"e":"somethingNew"}', b'{"type":"announcement"}', b'{"e":5}'):
        assert session(venue).receive(frame, NOW_MS) == [Odd(frame)]


@pytest.mark.parametrize("venue", sorted(VENUES))
@given(
    frame=st.one_of(
        st.binary(max_size=64),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "e",
                            "E",
                            "s",
                            "x",
                            "o",
                            "a",
                            "B",
                            "P",
                            "id",
                            "status",
                            "error",
                            "code",
                            "msg",
                            "event",
                            "type",
                            "state",
                            "method",
                            "name",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_garbage_never_raises(venue: str, frame: bytes) -> None:
    for call in _calls(venue):
        for step in call(frame):
            assert isinstance(step, Step)


def _calls(venue: str) -> list[Callable[[bytes], list[Step]]]:
    made: list[Callable[[bytes], list[Step]]] = [
        lambda frame: session(venue).receive(frame, NOW_MS),
        lambda frame: session(venue).refused(Reply(status=401, body=frame), NOW_MS),
    ]
    if venue != "binance":
        made += [lambda frame, status=status: session(venue).answer(Reply(status=status, body=frame), NOW_MS) for status in (200, 401)]
    return made


@pytest.mark.parametrize("venue", sorted(VENUES))
@pytest.mark.parametrize("credentials", [KEYS, SIGNING], ids=["hmac", "ed25519"])
def test_no_step_shows_a_key(venue: str, credentials: Credentials) -> None:
    life = session(venue, credentials)
    shown = repr([life, *life.begin(NOW_MS), *life.opened(NOW_MS), *life.refused(Reply(status=401, body=b""), NOW_MS)])
    for text in ("the-key", "the-secret", "Bearer", "signature"):
        assert text not in shown


class Life(RuleBasedStateMachine):
    """Any order of answers, events, silences and wishes: a private session says once that it is live, and never without a proof."""

    venue = "upbit"

    def __init__(self) -> None:
        super().__init__()
        self.life = session(self.venue)
        self.steps: list[Step] = []
        self.age_s = 0.0
        self.proven = self.over = False
        self.ask(self.life.begin(NOW_MS))
        self.ask(self.life.opened(NOW_MS))

    def ask(self, steps: list[Step]) -> None:
        """As the shell does it: after the end of a life nothing of it counts."""
        for step in steps:
            if not self.over:
                self.steps.append(step)
                self.over = isinstance(step, Refuse | Renew)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.5]))
    def time_passes(self, seconds: float) -> None:
        self.age_s += seconds
        self.proven |= self.venue == "upbit" and self.age_s >= PATIENCE_S
        self.ask(self.life.tick(self.age_s))

    @rule(frame=st.sampled_from([b"", b"{", b"[]", b'{"id":"else","status":200,"result":{}}', b'{"status":"UP"}', b'{"x":1}']))
    def something_odd_comes(self, frame: bytes) -> None:
        self.ask(self.life.receive(frame, NOW_MS))

    @rule(number=st.sampled_from(["logon", "subscribe", "time"]), good=st.booleans())
    def a_request_is_answered(self, number: str, good: bool) -> None:
        if self.venue == "upbit":
            rows = b'[{"type":"myOrder"}]' if good else b"[]"
            self.proven |= good
            self.ask(self.life.receive(b'{"method":"LIST_SUBSCRIPTIONS","result":%b,"ticket":"x"}' % rows, NOW_MS))
            return
        self.proven |= good and number == "subscribe"
        end = b'"status":200,"result":{"subscriptionId":0,"serverTime":1}' if good else b'"status":400,"error":{"code":-1021,"msg":"late"}'
        self.ask(self.life.receive(b'{"id":"%b",%b}' % (number.encode(), end), NOW_MS))

    @precondition(lambda self: self.venue == "upbit")
    @rule(types=st.sampled_from([frozenset({DataType.MY_ORDER}), frozenset({DataType.MY_ORDER, DataType.MY_ASSET})]))
    def others_are_wanted(self, types: frozenset[DataType]) -> None:
        self.ask(self.life.want(types))

    @invariant()
    def it_says_once_that_it_is_live_and_not_without_a_proof(self) -> None:
        assert self.steps.count(Live()) <= 1
        assert self.proven or Live() not in self.steps

    def teardown(self) -> None:
        """A venue that says nothing more leaves no request of ours without an end."""
        for _ in range(20):
            self.age_s += 1.0
            self.ask(self.life.tick(self.age_s))
        asked = [at for at, step in enumerate(self.steps) if isinstance(step, Send)]
        if self.venue == "upbit" and asked:
            assert Live() in self.steps or self.over


class SpotLife(Life):
    """The same over Binance's WebSocket API, whose shell has a deadline for the login."""

    venue = "binance"


TestLife = Life.TestCase
TestSpotLife = SpotLife.TestCase
for each in (TestLife, TestSpotLife):
    each.settings = settings(max_examples=tries(40), stateful_step_count=20, deadline=None)


def test_a_clock_refusal_is_told_though_the_venue_does_not_tell_its_time() -> None:
    life = session("binance")
    life.opened(NOW_MS)
    life.receive(b'{"id":"subscribe","status":400,"error":{"code":-1021,"msg":"late"}}', NOW_MS)
    assert life.tick(1.0) == []
    found = refusal(life.tick(1.0 + PATIENCE_S))
    assert (found.trouble, found.clock_off_ms) == (Trouble.CLOCK, None)
