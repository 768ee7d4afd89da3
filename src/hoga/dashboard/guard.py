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
    """The result of trying a token."""

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
        """Whether `host`, the header, names this dashboard."""
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
        try:
            parts = urlsplit(origin)
        except ValueError:  # `http://[`: no address at all
            return False
        return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.netloc.lower() == (host or "").lower()

    def token_allowed(self, token: str) -> bool:
        """Whether `token` is the right one; a single-use token is used up by asking."""
        given = token.encode()
        if self._token and hmac.compare_digest(given, self._token.encode()):
            return True
        if self._once and hmac.compare_digest(given, self._once.encode()):
            self._once = ""
            return True
        return False

    def cookie(self, now_s: float, nonce: str) -> tuple[str, int]:
        """Return (the cookie of a new session, the seconds for which it is valid)."""
        ends = int(now_s + self._session_s)
        return f"{ends}.{nonce}.{self._sign(f'{ends}.{nonce}')}", int(self._session_s)

    def session_ends(self, cookie: str, now_s: float) -> float | None:
        """Return the time at which the session of `cookie` ends; None when it has ended, or the cookie is not ours."""
        body, _, signature = cookie.rpartition(".")
        ends, _, nonce = body.partition(".")
        if not nonce or not ends.isascii() or not ends.isdigit() or len(ends) > 15:
            return None
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode("utf-8", "replace")) or int(ends) <= now_s:
            return None
        return float(ends)

    def try_token(self, token: str, address: str, now_s: float) -> Tried:
        """Try a token from an address.

        Returns RIGHT for the right token, however many wrong ones came from that address; WRONG for the first twenty wrong ones a
        minute; TOO_OFTEN for more.
        """
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
    """Return the address that a request comes from: the peer's; behind a proxy on this machine, the last one in `X-Forwarded-For`,
    which that proxy wrote. The header of any other peer is ignored."""
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
