"""venues.upbit.auth: how a request to Upbit is signed: a JSON web token, HS512, with a nonce of its own. Pure.

Rules: the nonce is fresh in every request and every connect; parameters are hashed as sent, before percent-encoding, which
spares brackets and commas; the secret is used as it is, not decoded. By hand over `hmac`, because libraries warn of every
HS512 secret shorter than 64 bytes, and all of this venue's have 40.

Source: docs.upbit.com/kr/reference/auth, rest-api-guide (2026-10-06); RFC 7515, RFC 7518. Read 2026-11-20.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from hoga.core.secret import Credentials, Secret
from hoga.venues.request import Request, Signed

__all__ = ["UpbitSigner", "bearer", "sign"]

_HEADER = b'{"alg":"HS512","typ":"JWT"}'


def sign(header: bytes, claims: bytes, secret: bytes, *, algorithm: str = "sha512") -> bytes:
    """The compact token of `header` and `claims` (JSON texts), signed with HMAC."""
    signed = _base64(header) + b"." + _base64(claims)
    return signed + b"." + _base64(hmac.new(secret, signed, algorithm).digest())


def bearer(credentials: Credentials, nonce: str, query: str = "") -> Secret:
    """What goes into the `Authorization` header. `query`: the request's parameters before percent-encoding, in the order sent."""
    claims = {"access_key": credentials.key.reveal(), "nonce": nonce}
    if query:
        claims |= {"query_hash": hashlib.sha512(query.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    token = sign(_HEADER, msgspec.json.encode(claims), credentials.secret.reveal().encode())
    return Secret(f"Bearer {token.decode()}")


class UpbitSigner:
    """Signs for one account; see `venues.request.Signer`. `nonce()` gives a text that was never given before."""

    def __init__(self, credentials: Credentials, nonce: Callable[[], str]) -> None:
        self._credentials = credentials
        self._nonce = nonce

    def __call__(self, request: Request, now_ms: int) -> Signed:
        """A REST call: parameters in the query, of a POST in a JSON body; a token over them in a header."""
        query = "&".join(f"{name}={value}" for name, value in request.params)
        headers = {**request.headers, "Authorization": bearer(self._credentials, self._nonce(), query)}
        if request.method == "POST":
            return Signed(target=Secret(request.path), headers=headers, body=msgspec.json.encode(dict(request.params)))
        sent = "&".join(f"{quote(name, safe='[]')}={quote(str(value), safe=',')}" for name, value in request.params)
        return Signed(target=Secret(f"{request.path}?{sent}" if sent else request.path), headers=headers)


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
