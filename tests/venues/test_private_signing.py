"""How private requests are signed, against published vectors and an independent library."""

from __future__ import annotations

import base64
import json
import warnings
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hoga.core.secret import Credentials, Secret
from hoga.venues.binance.auth import BinanceSigner, signer_of
from hoga.venues.request import Request
from hoga.venues.upbit.auth import bearer, sign

SPOT_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
FUTURES_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"


def pem(seed: bytes) -> Secret:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_a_token_is_what_rfc_7515_prints() -> None:
    """Appendix A.1."""
    key = base64.urlsafe_b64decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==")
    claims = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    token = sign(b'{"typ":"JWT",\r\n "alg":"HS256"}', claims, key, algorithm="sha256")
    assert token == (
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
        b"Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )


@pytest.mark.parametrize("secret", ["s" * 40, "비밀" * 20, "k" * 200])
@pytest.mark.parametrize("query", ["", "market=KRW-BTC&states[]=wait&states[]=watch"])
def test_another_library_reads_the_bearer_token(secret: str, query: str) -> None:
    text = bearer(Credentials(key=Secret("access-1"), secret=Secret(secret)), "nonce-1", query).reveal()
    assert text.startswith("Bearer ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it thinks 40 bytes too short for HS512; the venue's secrets have 40
        claims = jwt.decode(text.removeprefix("Bearer "), secret, algorithms=["HS512"])
    assert (claims["access_key"], claims["nonce"]) == ("access-1", "nonce-1")
    assert ("query_hash" in claims) is bool(query)
    if query:
        assert (len(claims["query_hash"]), claims["query_hash_alg"]) == (128, "SHA512")


@pytest.mark.parametrize(
    "secret, payload, signature",
    [
        (SPOT_SECRET, ORDER, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            SPOT_SECRET,
            ORDER.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            SPOT_SECRET,
            "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=52000.00&quantity=0.01000000&recvWindow=100"
            "&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            FUTURES_SECRET,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943",
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
        ),
    ],
)
def test_hmac_is_what_the_documentation_prints(secret: str, payload: str, signature: str) -> None:
    assert signer_of(Credentials(secret=Secret(secret)))(payload.encode()) == signature


@pytest.mark.parametrize(
    "seed, payload, signature",
    [
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            bytes.fromhex("af82"),
            base64.b64encode(
                bytes.fromhex(
                    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
                )
            ).decode(),
        ),
        (
            bytes(range(32)).hex(),
            ORDER.encode(),
            "jjt1qwCY9csZlKsIpxgnSZSMn4zp40EFhbaN3JXjejGf6Zmc2MF5T+Kj6+CwPqvjBhT7RLWOVFrnRe0DYkbuBA==",
        ),
        (
            bytes(range(32)).hex(),
            b"apiKey=TESTKEY&timestamp=1649729878532",
            "3BBZpxaXdu86VNZwA7CZdVtOdv6ve02vtGmSnc+0qoCNiV3prEiQnebhAdUfF6aTCoMQc78K0RvQtgKGY7wgDw==",
        ),
    ],
)
def test_ed25519_is_what_rfc_8032_prints(seed: str, payload: bytes, signature: str) -> None:
    """Section 7.1, test 3, and two payloads of our own."""
    credentials = Credentials(secret=Secret("not used"), signing_key=pem(bytes.fromhex(seed)))
    assert signer_of(credentials)(payload) == signature


def test_parameters_are_signed_sorted_with_the_key_among_them() -> None:
    credentials = Credentials(key=Secret("K"), secret=Secret("s"))
    params = BinanceSigner(credentials).params({"symbol": "１２", "price": "0.10"}, 1_700_000_000_123)
    payload = "apiKey=K&price=0.10&recvWindow=5000&symbol=１２&timestamp=1700000000123"
    assert params["signature"] == signer_of(credentials)(payload.encode())
    assert params["timestamp"] == 1_700_000_000_123


def test_a_query_is_signed_as_it_is_sent() -> None:
    credentials = Credentials(key=Secret("K"), signing_key=pem(bytes(range(32))))
    asked = BinanceSigner(credentials)(Request(path="/x", params=(("symbol", "１２ 3"),)), 1_700_000_000_123)
    query = asked.target.reveal().removeprefix("/x?")
    signed, _, signature = query.rpartition("&signature=")
    assert signed == "symbol=%EF%BC%91%EF%BC%92%203&recvWindow=5000&timestamp=1700000000123"
    assert parse_qs(f"signature={signature}")["signature"] == [signer_of(credentials)(signed.encode())]
    assert "K" not in signed.split("&")


@pytest.mark.parametrize("text", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "hello"])
def test_a_file_without_a_key_is_told_without_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="PEM") as caught:
        signer_of(Credentials(signing_key=Secret(text or " ")))
    assert "AAAA" not in str(caught.value)


def test_another_kind_of_key_is_refused() -> None:
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="Ed25519"):
        signer_of(Credentials(signing_key=Secret(other)))


def test_a_secret_never_shows() -> None:
    secret = Secret("topsecret-0123456789")
    credentials = Credentials(key=secret, secret=Secret("another-0123456789"), signing_key=pem(bytes(32)))
    shown = f"{secret} {secret!r} {credentials} {credentials!r} %s %r" % (secret, credentials)
    assert "0123456789" not in shown
    assert "PRIVATE" not in shown
    with pytest.raises(TypeError):
        json.dumps(secret)
    body = credentials.signing_key.reveal().splitlines()[1]
    told = credentials.hide(f"bad key topsecret-0123456789, another-0123456789, {body}")
    assert told == "bad key ***, ***, ***"
