"""simulator.binance.guard: who may ask what, judged as the venue judges it. Pure; the clock is read through an argument.

Source: protocol sheet 4.4 and 4.7: the payload signed is query and body as sent without a separator over REST, and all
parameters but the signature sorted by name over the WebSocket API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from hoga.simulator.binance.api import Access, ApiError, Query
from hoga.simulator.binance.keys import ApiKey, KeyRing

__all__ = ["Credentials", "Guard"]

_KEY = re.compile(r"^[\w-]{1,100}$")
_WINDOW = re.compile(r"^\d{1,20}(\.\d{1,3})?$")
_AHEAD_MS = 1_000
_WINDOW_MS, _WIDEST_WINDOW_MS = 5_000, 60_000


class Credentials(NamedTuple):
    """What a request shows: its key, the text that was signed, and the signature (None when there is none)."""

    key: str
    text: str
    signature: str | None

    @classmethod
    def of_rest(cls, key: str, query: str, body: str) -> Credentials:
        """From a header and the request as sent."""
        parts = [[part for part in text.split("&") if part] for text in (query, body)]
        signatures = [part for text in parts for part in text if part.startswith("signature=")]
        signed = "".join("&".join([part for part in text if not part.startswith("signature=")]) for text in parts)
        return cls(key, signed, unquote(signatures[-1].partition("=")[2]) if signatures else None)

    @classmethod
    def of_params(cls, params: Mapping[str, str]) -> Credentials:
        """From the parameters of a WebSocket API request."""
        signed = "&".join([f"{name}={params[name]}" for name in sorted(params) if name != "signature"])
        return cls(params.get("apiKey", ""), signed, params.get("signature"))


class Guard:
    """Admits requests. `server_ms` is the venue's clock, as it tells it."""

    def __init__(self, keys: KeyRing, server_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._server_ms = server_ms

    def admit(self, access: Access, credentials: Credentials, query: Query) -> ApiKey:
        """The key of a request that may pass. Raises ApiError as the venue would."""
        if not _KEY.match(credentials.key):
            raise ApiError(-2014, "API-key format invalid.", status=401)
        if access is Access.KEY:
            return self.known(credentials.key)
        if credentials.signature is None:
            raise ApiError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        self.check_time(query)
        key = self.known(credentials.key)
        if not key.signed(credentials.text, credentials.signature):
            raise ApiError(-1022, "Signature for this request is not valid.")
        return key

    def known(self, name: str) -> ApiKey:
        """The good key of a name."""
        key = self._keys.find(name)
        if key is None:
            raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return key

    def check_time(self, query: Query) -> None:
        """Refuse a request of a clock that is off."""
        query.required("timestamp")
        sent = query.integer("timestamp") or 0
        text = query.text("recvWindow") or str(_WINDOW_MS)
        if not _WINDOW.match(text):
            raise ApiError(-1100, "Illegal characters found in parameter 'recvWindow'; legal range is '^[0-9]{1,20}$'.")
        window = float(text)
        if not 0 < window <= _WIDEST_WINDOW_MS:
            raise ApiError(-1131, "recvWindow must be less than 60000")
        sent_ms, server_ms = sent // 1_000 if sent > 10**14 else sent, self._server_ms()
        if sent_ms >= server_ms + _AHEAD_MS:
            raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if server_ms - sent_ms > window:
            raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
