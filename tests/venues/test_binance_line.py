"""What is said on Binance's WebSocket API, and what is made of every answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.secret import Credentials, Secret
from hoga.venues.binance.line import BinanceLine
from hoga.venues.line import LineAnswer
from hoga.venues.registry import VENUES
from hoga.venues.request import Request
from tests.venues.test_private_signing import pem

SEED = bytes(range(32))
HMAC = Credentials(key=Secret("the-key-1234"), secret=Secret("the-secret-5678"))
ED25519 = Credentials(key=Secret("the-key-1234"), signing_key=pem(SEED))
NOW_MS = 1_790_134_512_340
ORDER = Request(method="POST", path="/api/v3/order", params=(("symbol", "BTCUSDT"), ("quantity", "0.010"), ("newClientOrderId", "hg1-1")))
CANCEL = Request(method="DELETE", path="/api/v3/order", params=(("symbol", "BTCUSDT"), ("origClientOrderId", "hg1-1")))


def line(credentials: Credentials = HMAC, venue: str = "binance") -> BinanceLine:
    talk = VENUES[venue].talk
    assert talk is not None
    made = talk(credentials)
    assert isinstance(made, BinanceLine)
    return made


def signed_over(params: dict[str, object]) -> bytes:
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()


def test_with_hmac_each_call_is_signed_by_itself() -> None:
    assert line().opening(NOW_MS) is None
    said = json.loads(line().encode(ORDER, "n-hg1-1", NOW_MS))
    params = said["params"]
    assert (said["id"], said["method"]) == ("n-hg1-1", "order.place")
    assert {"apiKey": "the-key-1234", "timestamp": NOW_MS, "quantity": "0.010"}.items() <= params.items()
    assert params["signature"] == hmac.new(b"the-secret-5678", signed_over(params), hashlib.sha256).hexdigest()


def test_with_ed25519_only_the_login_is_signed() -> None:
    first = line(ED25519).opening(NOW_MS)
    assert first is not None
    login = json.loads(first)
    assert login["method"] == "session.logon"
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    public.verify(b64decode(login["params"]["signature"]), signed_over(login["params"]))
    said = json.loads(line(ED25519).encode(CANCEL, "c-hg1-1", NOW_MS))
    assert said["method"] == "order.cancel"
    assert said["params"] == {"symbol": "BTCUSDT", "origClientOrderId": "hg1-1", "recvWindow": 5000, "timestamp": NOW_MS}


@pytest.mark.parametrize(
    "venue, path, calls",
    [
        ("binance", "/ws-api/v3", {"POST /api/v3/order": "order.place", "GET /api/v3/order": "order.status"}),
        ("binance-usdm", "/ws-fapi/v1", {"POST /fapi/v1/order": "order.place", "DELETE /fapi/v1/algoOrder": "algoOrder.cancel"}),
    ],
)
def test_each_venue_has_its_path_and_its_words(venue: str, path: str, calls: dict[str, str]) -> None:
    assert line(venue=venue).path == path
    for call, method in calls.items():
        name, _, where = call.partition(" ")
        assert json.loads(line(venue=venue).encode(Request(method=name, path=where), "t", NOW_MS))["method"] == method
    with pytest.raises(LookupError):
        line(venue=venue).encode(Request(path="/nowhere"), "t", NOW_MS)


def test_a_good_answer_says_how_much_of_the_limits_is_used() -> None:
    frame = (
        b'{"id":"n-1","status":200,"result":{"orderId":28001},"rateLimits":['
        b'{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100,"count":7},'
        b'{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":200000,"count":9},'
        b'{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":20},'
        b'{"rateLimitType":"SOMETHING_NEW","interval":"ERA","intervalNum":1,"limit":1,"count":1}]}'
    )
    assert line().read(frame) == LineAnswer(
        token="n-1", status=200, body=b'{"orderId":28001}',
        usage=(("order-count-10s", 7), ("order-count-1d", 9), ("used-weight-1m", 20)),
    )  # fmt: skip


def test_a_refusal_is_what_rest_would_have_said() -> None:
    frame = b'{"id":"n-1","status":400,"error":{"code":-1013,"msg":"Filter failure: PRICE_FILTER"}}'
    assert line().read(frame) == LineAnswer(token="n-1", status=400, body=b'{"code":-1013,"msg":"Filter failure: PRICE_FILTER"}')
    limited = b'{"id":"n-2","status":429,"error":{"code":-1003,"msg":"slow","data":{"serverTime":1000,"retryAfter":61000}}}'
    found = line().read(limited)
    assert found is not None
    assert (found.token, found.status, found.retry_after_s) == ("n-2", 429, 60.0)


def test_logins_and_goodbyes_are_of_no_call() -> None:
    entered = line().read(b'{"id":"logon","status":200,"result":{"apiKey":"x"}}')
    assert entered == LineAnswer(entered=True)
    refused = line().read(b'{"id":"logon","status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}')
    assert refused is not None
    assert (refused.token, refused.entered, refused.leaving) == ("", False, "-2015 Invalid API-key")
    revoked = line().read(b'{"id":null,"status":401,"error":{"code":-2015,"msg":"m"}}')
    assert revoked is not None
    assert (revoked.token, revoked.leaving) == ("", "-2015 m")
    goodbye = line().read(b'{"event":{"e":"serverShutdown","E":1}}')
    assert goodbye is not None
    assert goodbye.leaving


@pytest.mark.parametrize("frame", [b"", b"[]", b"null", b'{"x":1}', b'{"id":"a"}', b'{"event":{"e":"executionReport"}}', b"\xff"])
def test_what_says_nothing_we_know_is_nothing(frame: bytes) -> None:
    assert line().read(frame) is None


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "status", "result", "error", "code", "msg", "data", "rateLimits", "count", "event", "e"]), inner
            )
        ),
        max_leaves=10,
    )
)
def test_garbage_never_raises(value: object) -> None:
    found = line().read(json.dumps(value).encode())
    assert found is None or isinstance(found, LineAnswer)


def test_a_line_shows_no_key() -> None:
    assert "the-key" not in repr(vars(line()))
    assert "the-secret" not in repr(vars(line()))
