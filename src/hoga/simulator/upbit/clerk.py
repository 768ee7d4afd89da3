"""simulator.upbit.clerk: carries out authorised calls and notes who asked for what. Pure but for the clock.

A listing is answered as of before where a fault wants that, and an order that a fault denies is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from hoga.simulator.clock import SimClock
from hoga.simulator.faults import Asked, FaultDesk, FaultKind
from hoga.simulator.seen import Seen
from hoga.simulator.stale import StaleListings
from hoga.simulator.upbit.exchange import Exchange, Order, OrderRefused
from hoga.simulator.upbit.orders import ORDERS, Call, OrderEndpoint
from hoga.simulator.upbit.quotation import Query, RestError
from hoga.simulator.upbit.token import Account

__all__ = ["Clerk"]

_MS_NS = 1_000_000


class Clerk:
    """See the module. `venue` is the venue's name."""

    def __init__(self, exchange: Exchange, accounts: Iterable[Account], clock: SimClock, desk: FaultDesk, *, venue: str) -> None:
        self.seen = Seen(venue)
        self._exchange = exchange
        self._accounts = {account.name: account for account in accounts}
        self._clock = clock
        self._desk = desk
        self._stale = StaleListings(desk, self._listings)

    def remember(self) -> None:
        """Time has passed, or a fault has begun: keep what listings say now, where that may be asked for later."""
        self._stale.remember(self._clock.now_ns())

    def answer(self, endpoint: OrderEndpoint, account: Account, query: Query, body: Mapping[str, Any], asked: Asked) -> Any:
        """What an endpoint answers. Raises OrderRefused and RestError."""
        only_reads = any(fnmatchcase(account.access_key, active.fault.key) for active in self._desk.active(FaultKind.KEY_READS))
        if endpoint.does is not None and only_reads:
            raise RestError(403, "out_of_scope", "허용되지 않은 기능입니다.")
        stale = self._stale.answer(asked, account.name, self._clock.now_ns()) if endpoint.lists else None
        if stale is not None:
            return stale
        partial = self._desk.take_asked(FaultKind.PARTIAL_MARKET, asked) if _is_market(body) else None

        def denies(order: Order) -> bool:
            about = asked._replace(symbol=order.code, client_id=order.identifier or "")
            return self._desk.take_asked(FaultKind.DENY_ORDER, about) is not None

        call = Call(self._exchange, account, query, body, self._clock.now_ns(), denies, partial.share if partial else 1.0)
        return endpoint.answer(call)

    def act(self, account: str, what: str, params: Mapping[str, str]) -> Any:
        """Let an account do something at `METHOD /path` by hand: no key, no budget, no faults. Raises ValueError with the venue's words."""
        method, _, path = what.partition(" ")
        endpoint, owner = ORDERS.get((method, path)), self._accounts.get(account)
        if endpoint is None or owner is None:
            raise ValueError(f"there is no {what!r}" if endpoint is None else f"nobody is called {account!r}")
        try:
            return endpoint.answer(Call(self._exchange, owner, self._query(params), params, self._clock.now_ns(), by_hand=True))
        except OrderRefused as refused:
            raise ValueError(f"{refused.name} {refused.message}") from refused
        except RestError as error:
            raise ValueError(f"{error.name} {error.message}") from error

    def state(self, account: str) -> dict[str, Any]:
        """What an account really has: balances, open orders, every order's fills. Raises ValueError for one that is not there."""
        owner, now_ns = self._accounts.get(account), self._clock.now_ns()
        if owner is None:
            raise ValueError(f"nobody is called {account!r}")
        rows = {path: ORDERS["GET", path].answer(Call(self._exchange, owner, self._query({}), {}, now_ns)) for path in _STATE.values()}
        return {word: rows[path] for word, path in _STATE.items()} | {"trades": self._exchange.trades_of(account)}

    def note(self, endpoint: OrderEndpoint, asked: Asked, account: str, *, done: bool, answered: int, code: str) -> None:
        """Keep a request that was meant to change an account."""
        if endpoint.does is not None:
            now_ns = self._clock.now_ns()
            self.seen.note(asked, endpoint.does, time_ns=now_ns, account=account, done=done, answered=answered, code=code)

    def _query(self, params: Mapping[str, str]) -> Query:
        return Query({name: [value] for name, value in params.items()}, now_ms=self._clock.stamp_ns(self._clock.now_ns()) // _MS_NS)

    def _listings(self, wanted: Callable[[str], bool]) -> dict[tuple[str, str], Any]:
        now_ns = self._clock.now_ns()
        return {
            (name, path): endpoint.answer(Call(self._exchange, account, self._query({}), {}, now_ns))
            for (_, path), endpoint in ORDERS.items()
            if endpoint.lists and wanted(path)
            for name, account in self._accounts.items()
        }


_STATE = {"balances": "/v1/accounts", "open_orders": "/v1/orders/open"}


def _is_market(body: Mapping[str, Any]) -> bool:
    return body.get("ord_type") in ("price", "market", "best")
