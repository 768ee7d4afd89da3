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
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hoga.core.secret import Credentials, Secret

__all__ = ["RECV_WINDOW_MS", "signed_params", "signed_query", "signer_of"]

RECV_WINDOW_MS = 5000
"""How long after `timestamp` the venue may still accept a request: its own default."""

Signer = Callable[[bytes], str]


def signer_of(credentials: Credentials) -> Signer:
    """What signs a payload: the Ed25519 key where there is one, else HMAC. Raises ValueError for a file that holds no such key."""
    if not credentials.signing_key:
        secret = credentials.secret
        return lambda payload: hmac.new(secret.reveal().encode(), payload, hashlib.sha256).hexdigest()
    try:
        key = load_pem_private_key(credentials.signing_key.reveal().encode(), password=None)
    except (ValueError, TypeError) as fault:
        raise ValueError("no unencrypted PEM private key") from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return lambda payload: b64encode(key.sign(payload)).decode()


def signed_params(credentials: Credentials, params: Mapping[str, str | int], now_ms: int) -> dict[str, str | int]:
    """The parameters of a WebSocket API request, with key, time and signature."""
    signer = signer_of(credentials)
    full: dict[str, str | int] = {**params, "apiKey": credentials.key.reveal(), "recvWindow": RECV_WINDOW_MS, "timestamp": now_ms}
    payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
    return {**full, "signature": signer(payload.encode())}


def signed_query(credentials: Credentials, params: Mapping[str, str | int], now_ms: int) -> Secret:
    """The query of a REST request, with time and signature; the key goes into the header `X-MBX-APIKEY`."""
    query = urlencode({**params, "recvWindow": RECV_WINDOW_MS, "timestamp": now_ms}, quote_via=quote)
    return Secret(f"{query}&signature={quote(signer_of(credentials)(query.encode()), safe='')}")
