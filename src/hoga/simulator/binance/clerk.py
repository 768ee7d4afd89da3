"""simulator.binance.clerk: carries out requests, whatever brings them, and notes who asked for what. Pure but for the clock.

A listing is answered as of before where a fault wants that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hoga.simulator.binance.api import Access, Answer, Api, ApiError, Endpoint, Query
from hoga.simulator.binance.keys import ApiKey, KeyRing
from hoga.simulator.faults import Asked
from hoga.simulator.seen import Does, Seen
from hoga.simulator.stale import StaleListings

__all__ = ["Clerk"]


class Clerk:
    """See the module. `endpoints` are named `METHOD /path`; `venue` is the venue's name."""

    def __init__(self, api: Api, keys: KeyRing, endpoints: Mapping[str, Endpoint], *, venue: str) -> None:
        self.seen = Seen(venue)
        self._api = api
        self._keys = keys
        self._endpoints = endpoints
        self._stale = StaleListings(api.faults, self._listings)

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name, which must be there."""
        return self._endpoints[name]

    def remember(self) -> None:
        """Time has passed, or a fault has begun: keep what listings say now, where that may be asked for later."""
        self._stale.remember(self._api.clock.now_ns())

    def answer(self, endpoint: Endpoint, query: Query) -> Answer:
        """What an endpoint answers. Raises ApiError."""
        changes = endpoint.access is Access.SIGNED and query.asked.method != "GET"
        if changes and query.key is not None and not self._keys.may_trade(query.key.key):
            raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        stale = self._stale.answer(query.asked, query.account, self._api.clock.now_ns()) if endpoint.lists else None
        return endpoint.answer(self._api, query) if stale is None else stale

    def act(self, account: str, name: str, params: Mapping[str, str]) -> Answer:
        """Let an account do something at `METHOD /path` by hand: no key, no signature, no budget, no faults.

        Raises ApiError, and ValueError where there is no such endpoint or account.
        """
        endpoint, key = self._endpoints.get(name), next((key for key in self._keys.all() if key.account == account), None)
        if endpoint is None or key is None:
            raise ValueError(f"there is no {name!r}" if endpoint is None else f"nobody is called {account!r}")
        return endpoint.answer(self._api, Query(params, key=key))

    def note(self, endpoint: Endpoint, asked: Asked, api_key: str, *, done: bool, answered: int, code: int | None = None) -> None:
        """Keep a request that was meant to change an account."""
        if endpoint.access is not Access.SIGNED or asked.method == "GET":
            return
        key = self._keys.find(api_key)
        does = Does.PLACE if endpoint.orders else Does.CANCEL if asked.method == "DELETE" else Does.SET
        account, text = key.account if key else "", "" if code is None else str(code)
        self.seen.note(asked, does, time_ns=self._api.clock.now_ns(), account=account, done=done, answered=answered, code=text)

    def _listings(self, wanted: Callable[[str], bool]) -> dict[tuple[str, str], Any]:
        accounts: dict[str, ApiKey] = {}
        for key in self._keys.all():
            accounts.setdefault(key.account, key)
        listings = [(name.partition(" ")[2], endpoint) for name, endpoint in self._endpoints.items() if endpoint.lists]
        return {
            (account, path): endpoint.answer(self._api, Query({}, key=key))
            for path, endpoint in listings
            if wanted(path)
            for account, key in accounts.items()
        }
