"""venues.request: one REST call as a value: what is asked, how urgent it is, and what it looks like once it is signed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from urllib.parse import quote, urlencode

import msgspec

from hoga.core.secret import Secret

__all__ = ["Params", "Priority", "Request", "Signed", "Signer", "query_of"]

Params = tuple[tuple[str, str | int], ...]


class Priority(IntEnum):
    """Which calls go first where a limit is short. EMERGENCY is for cancels, closes and what proves them; a 429 does not stop it."""

    MARKET = 0
    ACCOUNT = 1
    ORDERS = 2
    EMERGENCY = 3


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call: a method, a path (which may hold a query), parameters in the order sent, a JSON body.

    `weight` counts in each of `groups` (the venue's names of its limits, `RestLimit.group`; empty: in its first limit). `headers`
    hold secrets: no text shows the query of a call that has headers or is signed. `timeout_s`: the longest it may take, None: as
    configured. `window_ms`: a venue that refuses what arrives later than so long after it was signed is told so; None: its usual time.
    """

    path: str
    method: str = "GET"
    params: Params = ()
    body: bytes = b""
    headers: Mapping[str, Secret] = {}
    weight: int = 1
    groups: tuple[str, ...] = ()
    priority: Priority = Priority.MARKET
    timeout_s: float | None = None
    window_ms: int | None = None

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.method == "GET"

    @property
    def target(self) -> str:
        """Path and query as they are sent unsigned."""
        if not self.params:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{query_of(self.params)}"


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it goes out: its target (path and query), its headers, its body."""

    target: Secret
    headers: Mapping[str, Secret]
    body: bytes = b""


Signer = Callable[[Request, int], Signed]
"""`sign(request, now_ms)`: signs a call for one account at `now_ms` of the wall clock. Built once from the account's keys."""


def query_of(params: Params) -> str:
    """`a=1&b=x%20y`, in the order given."""
    return urlencode(params, quote_via=quote)
