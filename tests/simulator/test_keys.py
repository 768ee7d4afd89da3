"""Signatures against the documentation's vectors, and what a wrong request hears."""

from __future__ import annotations

import pytest

from hoga.simulator.binance.api import Access, ApiError, Query
from hoga.simulator.binance.guard import Credentials, Guard
from hoga.simulator.binance.keys import EXAMPLE_KEYS, ApiKey, KeyRing
from hoga.simulator.faults import Fault, FaultDesk, FaultKind

HMAC, ED25519, _ = EXAMPLE_KEYS
FUTURES = ApiKey("f" * 64, "main", secret="2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9")
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SPOT_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
MIXED = ("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC", "quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943")


@pytest.mark.parametrize(
    "key, text, signature",
    [
        (HMAC, ORDER, SPOT_SIGNATURE),
        (HMAC, ORDER, SPOT_SIGNATURE.upper()),
        (ED25519, ORDER, "jjt1qwCY9csZlKsIpxgnSZSMn4zp40EFhbaN3JXjejGf6Zmc2MF5T+Kj6+CwPqvjBhT7RLWOVFrnRe0DYkbuBA=="),
        (
            ED25519,
            "apiKey=TESTKEY&timestamp=1649729878532",
            "3BBZpxaXdu86VNZwA7CZdVtOdv6ve02vtGmSnc+0qoCNiV3prEiQnebhAdUfF6aTCoMQc78K0RvQtgKGY7wgDw==",
        ),
        (FUTURES, MIXED[0] + MIXED[1], "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"),
    ],
)
def test_documented_signatures_pass_and_a_changed_text_does_not(key: ApiKey, text: str, signature: str) -> None:
    assert key.signed(text, signature)
    assert not key.signed(text + " ", signature)
    assert not key.signed(text, "not a signature")
    assert not key.signed(text, signature[:-4])


def test_rest_signs_query_and_body_as_sent_without_a_separator() -> None:
    credentials = Credentials.of_rest("k", MIXED[0], MIXED[1] + "&signature=ab%2B%3D")
    assert credentials == ("k", MIXED[0] + MIXED[1], "ab+=")
    escaped = "symbol=%EF%BC%91%EF%BC%92&timestamp=1"
    assert Credentials.of_rest("k", f"{escaped}&signature=00", "").text == escaped


def test_the_websocket_api_signs_sorted_parameters_with_the_key_among_them() -> None:
    text = (
        f"apiKey={HMAC.key}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC"
        "&timestamp=1645423376532&type=LIMIT"
    )
    params = dict(part.split("=") for part in reversed(text.split("&"))) | {
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    }
    credentials = Credentials.of_params(params)
    assert credentials.text == text
    assert HMAC.signed(credentials.text, credentials.signature or "")


NOW_MS = 1_795_180_500_000


def admitted(params: str, *, key: str = HMAC.key, desk: FaultDesk | None = None, signature: str | None = None) -> int:
    """0 for a request that passes, else the code it hears."""
    import hashlib
    import hmac

    made = hmac.new(HMAC.secret.encode(), params.encode(), hashlib.sha256).hexdigest() if signature is None else signature
    guard = Guard(KeyRing(EXAMPLE_KEYS, desk or FaultDesk()), lambda: NOW_MS)
    query = Query(dict(part.split("=") for part in params.split("&") if part))
    try:
        guard.admit(Access.SIGNED, Credentials(key, params, made or None), query)
    except ApiError as refused:
        return refused.code
    return 0


@pytest.mark.parametrize(
    "params, code",
    [
        (f"timestamp={NOW_MS}", 0),
        (f"timestamp={NOW_MS + 999}", 0),
        (f"timestamp={NOW_MS + 1_000}", -1021),
        (f"timestamp={NOW_MS - 5_000}", 0),
        (f"timestamp={NOW_MS - 5_001}", -1021),
        (f"timestamp={NOW_MS - 59_000}&recvWindow=60000", 0),
        (f"timestamp={NOW_MS - 60_000}", -1021),
        (f"timestamp={NOW_MS}&recvWindow=60001", -1131),
        (f"timestamp={NOW_MS}&recvWindow=often", -1100),
        (f"timestamp={NOW_MS}&recvWindow=4000.125", 0),
        (f"timestamp={NOW_MS * 1_000}", 0),
        ("symbol=BTCUSDT", -1102),
        ("timestamp=", -1105),
    ],
)
def test_clocks_are_judged(params: str, code: int) -> None:
    assert admitted(params) == code


def test_keys_are_judged() -> None:
    good = f"timestamp={NOW_MS}"
    assert admitted(good, key="") == -2014
    assert admitted(good, key="what is this") == -2014
    assert admitted(good, key="x" * 64) == -2015
    assert admitted(good, signature="") == -1102
    assert admitted(good, signature="00") == -1022


@pytest.mark.parametrize("kind", [FaultKind.KEY_REVOKED, FaultKind.KEY_EXPIRED])
def test_a_fault_takes_keys_away_for_its_time(kind: FaultKind) -> None:
    desk = FaultDesk()
    desk.schedule(Fault(fault=kind, key=HMAC.key[:8] + "*", duration_s=10), 0)
    desk.advance(0)
    assert admitted(f"timestamp={NOW_MS}", desk=desk) == -2015
    desk.advance(11_000_000_000)
    assert admitted(f"timestamp={NOW_MS}", desk=desk) == 0
