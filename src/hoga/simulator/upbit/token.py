"""simulator.upbit.token: is a request's JWT good. Pure but for what it remembers: nonces are good once.

Source: protocol sheet 6 (docs.upbit.com authentication pages; HS512 recommended, HS256 accepted; secret used raw).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

__all__ = ["Account", "TokenCheck", "TokenRefused", "flattened"]

_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_KEPT_NONCES = 200_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with an API key. `balances`: (currency, amount as text). The keys are made up and open to read."""

    name: str = "main"
    access_key: str = "simulated-access-key"
    secret_key: str = "simulated-secret-key-that-opens-nothing-anywhere-else-than-in-this-simulator-0001"
    balances: tuple[tuple[str, str], ...] = (("KRW", "100000000"), ("BTC", "1.5"), ("ETH", "20"), ("XRP", "30000"), ("USDT", "50000"))
    expired: bool = False


class TokenRefused(Exception):
    """A token is no good: `name` and `message` of the error body."""

    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message


class TokenCheck:
    """Knows the accounts and every nonce that was used."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.access_key: account for account in accounts}
        self._nonces: set[str] = set()
        self._order: deque[str] = deque()

    def admit(self, authorization: str | None, *, query: str = "") -> Account:
        """Whose token this is. `query` is what its `query_hash` must be of, as the client sent it or flattened from a body.

        Raises TokenRefused.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused("no_authorization_token", "인증 토큰이 없습니다.")
        account, claims = self._verified(token.strip())
        if account.expired:
            raise TokenRefused("expired_access_key", "만료된 API 키입니다.")
        self._spend(claims.get("nonce"))
        if query and not _hash_matches(claims, query):
            raise TokenRefused("invalid_query_payload", "JWT 헤더의 페이로드가 올바르지 않습니다.")
        return account

    def _verified(self, token: str) -> tuple[Account, Mapping[str, Any]]:
        head, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        header, claims = _object(head), _object(body)
        account = self._accounts.get(str(claims.get("access_key")))
        digest = _DIGESTS.get(str(header.get("alg")))
        if account is None or digest is None:
            raise _unverified()
        expected = hmac.new(account.secret_key.encode(), f"{head}.{body}".encode(), digest).digest()
        if not hmac.compare_digest(expected, _bytes(signature)):
            raise _unverified()
        return account, claims

    def _spend(self, nonce: Any) -> None:
        if not isinstance(nonce, str) or not nonce:
            raise _unverified()
        if nonce in self._nonces:
            raise TokenRefused("nonce_used", "이미 요청한 nonce값이 다시 사용되었습니다.")
        self._nonces.add(nonce)
        self._order.append(nonce)
        if len(self._order) > _KEPT_NONCES:
            self._nonces.discard(self._order.popleft())


def flattened(body: Mapping[str, Any]) -> str:
    """`k=v&k=v` of a JSON body in its own order, as it is hashed."""
    parts: list[str] = []
    for key, value in body.items():
        if isinstance(value, list):
            parts += [f"{key}[]={each}" for each in value]
        elif value is not None:
            parts.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
    return "&".join(parts)


def _hash_matches(claims: Mapping[str, Any], query: str) -> bool:
    given = claims.get("query_hash")
    if not isinstance(given, str) or claims.get("query_hash_alg", "SHA512") != "SHA512":
        return False
    return any(hashlib.sha512(text.encode()).hexdigest() == given for text in {unquote(query), unquote_plus(query)})


def _object(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except ValueError:
        raise _unverified() from None
    if not isinstance(value, dict):
        raise _unverified()
    return value


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise _unverified() from None


def _unverified() -> TokenRefused:
    return TokenRefused("jwt_verification", "JWT 토큰 검증에 실패했습니다.")
