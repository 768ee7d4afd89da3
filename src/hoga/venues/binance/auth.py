"""venues.binance.auth: how requests to Binance are signed: HMAC-SHA256 in hex, or Ed25519 in base64. Pure.

Rules: what is signed differs by transport. REST: the query as sent, after percent-encoding, `signature` last. WebSocket
API: all parameters but `signature`, `apiKey` too, sorted by name, not percent-encoded. `timestamp` is in ms and must be
at most 1 s ahead of the venue's clock and `recvWindow` behind. A session logon takes Ed25519 only.

Source: Binance spot-docs "request-security" and "websocket-api/request-security"; RFC 8032. Read 2026-11-20.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import quote

from hoga.core.secret import Credentials, Secret
from hoga.venues.private import Nonce
from hoga.venues.request import Request, Signed, query_of

__all__ = ["RECV_WINDOW_MS", "BinanceSigner", "account_signer", "signer_of"]

RECV_WINDOW_MS = 5000
"""How long after `timestamp` the venue may still accept a request: its own default."""


def signer_of(credentials: Credentials) -> Callable[[bytes], str]:
    """What signs a payload: the Ed25519 key where there is one, else HMAC. Raises ValueError for a file that holds no such key."""
    if not credentials.signing_key:
        secret = credentials.secret
        return lambda payload: hmac.new(secret.reveal().encode(), payload, hashlib.sha256).hexdigest()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 3 MB that whoever signs nothing goes without
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(credentials.signing_key.reveal().encode(), password=None)
    except (ValueError, TypeError) as fault:
        raise ValueError("no unencrypted PEM private key") from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return lambda payload: b64encode(key.sign(payload)).decode()


class BinanceSigner:
    """Signs for one account; see `venues.request.Signer`. Raises ValueError for a file that holds no such key."""

    def __init__(self, credentials: Credentials) -> None:
        self._key = credentials.key
        self._sign = signer_of(credentials)

    def __call__(self, request: Request, now_ms: int) -> Signed:
        """A REST call: all parameters in the query, then the time and the signature; the key is a header."""
        query = query_of((*request.params, ("recvWindow", request.window_ms or RECV_WINDOW_MS), ("timestamp", now_ms)))
        signature = quote(self._sign(query.encode()), safe="")
        headers = {**request.headers, "X-MBX-APIKEY": self._key}
        return Signed(target=Secret(f"{request.path}?{query}&signature={signature}"), headers=headers, body=request.body)

    def params(self, params: Mapping[str, str | int], now_ms: int) -> dict[str, str | int]:
        """The parameters of a WebSocket API request, with key, time and signature."""
        full: dict[str, str | int] = {**params, "apiKey": self._key.reveal(), "recvWindow": RECV_WINDOW_MS, "timestamp": now_ms}
        payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
        return {**full, "signature": self._sign(payload.encode())}


def account_signer(credentials: Credentials, nonce: Nonce) -> BinanceSigner:
    """What signs REST calls of one account (`PrivateSpec.signer`); Binance needs no nonce. Raises ValueError as `BinanceSigner`."""
    return BinanceSigner(credentials)
