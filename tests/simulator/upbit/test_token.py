from __future__ import annotations

import uuid
from typing import Any

import jwt
import pytest

from hoga.simulator.upbit.token import Account, TokenCheck, TokenRefused, flattened
from tests.simulator.upbit.conftest import token

ACCOUNT = Account()


def refusal(authorization: str | None, **options: Any) -> str:
    with pytest.raises(TokenRefused) as refused:
        TokenCheck([ACCOUNT, Account(name="old", access_key="old", expired=True)]).admit(authorization, **options)
    return refused.value.name


@pytest.mark.parametrize("algorithm", ["HS512", "HS256"])
def test_a_token_made_by_pyjwt_is_good(algorithm: str) -> None:
    made = jwt.encode({"access_key": ACCOUNT.access_key, "nonce": str(uuid.uuid4())}, ACCOUNT.secret_key, algorithm=algorithm)
    assert TokenCheck([ACCOUNT]).admit(f"Bearer {made}") == ACCOUNT


def test_a_nonce_is_good_once() -> None:
    tokens, made = TokenCheck([ACCOUNT]), f"Bearer {token()}"
    tokens.admit(made)
    with pytest.raises(TokenRefused) as refused:
        tokens.admit(made)
    assert refused.value.name == "nonce_used"


@pytest.mark.parametrize(
    "authorization, name",
    [
        (None, "no_authorization_token"),
        ("Basic abc", "no_authorization_token"),
        ("Bearer ", "no_authorization_token"),
        ("Bearer x.y.z", "jwt_verification"),
        ("Bearer é", "jwt_verification"),
        (f"Bearer {token()}x", "jwt_verification"),
        (f"Bearer {token(Account(secret_key='another'))}", "jwt_verification"),
        (f"Bearer {token(access_key='nobody')}", "jwt_verification"),
        (f"Bearer {token(nonce=None)}", "jwt_verification"),
        (f"Bearer {token(Account(access_key='old'))}", "expired_access_key"),
    ],
)
def test_a_bad_token_has_its_name(authorization: str | None, name: str) -> None:
    assert refusal(authorization) == name


def test_the_query_hash_is_of_the_query_before_encoding() -> None:
    tokens = TokenCheck([ACCOUNT])
    plain, sent = "market=KRW-BTC&states[]=wait&to=2026-11-20T00:00:00", "market=KRW-BTC&states[]=wait&to=2026-11-20T00%3A00%3A00"
    tokens.admit(f"Bearer {token(query=plain)}", query=sent)
    assert refusal(f"Bearer {token(query='market=KRW-ETH')}", query=sent) == "invalid_query_payload"
    assert refusal(f"Bearer {token()}", query=sent) == "invalid_query_payload"


def test_a_body_is_hashed_in_its_own_order() -> None:
    assert flattened({"market": "KRW-BTC", "volume": "0.1", "flag": True, "ids": ["a", "b"], "none": None}) == (
        "market=KRW-BTC&volume=0.1&flag=true&ids[]=a&ids[]=b"
    )


def test_no_key_is_shown() -> None:
    assert ACCOUNT.secret_key not in repr(TokenRefused("a", "b")) + str(TokenCheck([ACCOUNT]))
