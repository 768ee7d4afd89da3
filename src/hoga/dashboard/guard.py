"""dashboard.guard: who may see the dashboard. Pure: the time and fresh randomness are arguments.

Without a token only this machine can reach it, and only by a loopback name: a web page elsewhere that has its own
name resolve to 127.0.0.1 is turned away by its `Host`. With a token every request needs it, or the cookie that was given
for it. A WebSocket's `Origin` must be the page's own host in every case.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from enum import StrEnum
from urllib.parse import urlsplit

from hoga.dashboard.connection_limit import is_loopback

__all__ = ["DEFAULT_SESSION_S", "Guard", "Tried", "address_of", "host_name"]

DEFAULT_SESSION_S = 30 * 86_400.0
"""How long a cookie holds where `MAX_DASHBOARD_SESSION_SEC` sets no limit."""

_TRIES = 20
_TRIES_WINDOW_S = 60.0
_ADDRESSES_KEPT = 1_000


class Tried(StrEnum):
    """What came of a token."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_OFTEN = "too often"


class Guard:
    """The rules, for one dashboard. `once` is a token that works a single time, for the URL that is printed."""

    def __init__(self, *, token: str, names: tuple[str, ...], max_session_s: float, once: str = "") -> None:
        self._token = token
        self._names = {name.lower() for name in names}
        self._session_s = max_session_s or DEFAULT_SESSION_S
        self._once = once
        self._key = hashlib.sha256(b"hoga dashboard session\0" + token.encode()).digest()
        self._failures: dict[str, list[float]] = {}

    @property
    def asks(self) -> bool:
        """Whether a token is asked for."""
        return bool(self._token)

    def host_allowed(self, host: str | None) -> bool:
        """Whether a request for `host` (the header) is meant for us."""
        name = host_name(host or "")
        if name in self._names or name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.asks or address.is_loopback

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Whether a page from `origin` may open a WebSocket to `host`. Programs other than browsers send no origin."""
        if origin is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc.lower() == (host or "").lower()

    def token_allowed(self, token: str) -> bool:
        """Whether `token` is the one; the single-use one is used up by this."""
        given = token.encode()
        if self._token and hmac.compare_digest(given, self._token.encode()):
            return True
        if self._once and hmac.compare_digest(given, self._once.encode()):
            self._once = ""
            return True
        return False

    def cookie(self, now_s: float, nonce: str) -> tuple[str, int]:
        """(a fresh session's cookie, the seconds it holds)."""
        ends = int(now_s + self._session_s)
        return f"{ends}.{nonce}.{self._sign(f'{ends}.{nonce}')}", int(self._session_s)

    def session_ends(self, cookie: str, now_s: float) -> float | None:
        """When the session of `cookie` ends; None when it is over, or no cookie of ours."""
        body, _, signature = cookie.rpartition(".")
        ends, _, nonce = body.partition(".")
        if not nonce or not ends.isascii() or not ends.isdigit() or len(ends) > 15:
            return None
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode("utf-8", "replace")) or int(ends) <= now_s:
            return None
        return float(ends)

    def try_token(self, token: str, address: str, now_s: float) -> Tried:
        """Compare first: whoever has the token is let in, however many wrong ones came from its address. Of the wrong ones twenty a
        minute from one address are told apart; more are TOO_OFTEN."""
        if self.token_allowed(token):
            return Tried.RIGHT
        recent = [at for at in self._failures.get(address, ()) if now_s - at < _TRIES_WINDOW_S]
        if len(recent) >= _TRIES:
            self._failures[address] = recent
            return Tried.TOO_OFTEN
        if len(self._failures) >= _ADDRESSES_KEPT and address not in self._failures:
            self._failures.pop(next(iter(self._failures)))
        self._failures[address] = [*recent, now_s]
        return Tried.WRONG

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def address_of(peer: str, forwarded: str | None) -> str:
    """Who asks: the peer, or, where a proxy on this machine stands between, whom that one says it asks for (the last of
    `X-Forwarded-For`, which it wrote itself). Anybody else's word for it counts for nothing."""
    if forwarded is None or not is_loopback(peer):
        return peer
    last = forwarded.rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last.strip("[]")))
    except ValueError:
        return peer


def host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets, lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
