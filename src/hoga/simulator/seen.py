"""simulator.seen: what clients asked a venue to do, and what became of it: who sends an order twice is found here. Pure."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from hoga.simulator.faults import Asked

__all__ = ["Does", "OrderSeen", "Seen"]

_KEPT = 100_000


class Does(StrEnum):
    """What a request is for: a new order, the end of some, or something else that changes an account."""

    PLACE = "place"
    CANCEL = "cancel"
    SET = "set"


class OrderSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One request that changes an account, as it arrived.

    `method` and `path` are REST's, over WebSocket too; `via` is "rest" or the connection's name. `client_id` is the client's own name for
    the order, "" where it gave none. `done`: the venue carried it out, whatever was answered. `answered`: the HTTP status that went out, 0
    when the connection was cut instead; `code` is the error's own, as text.
    """

    time_ns: int
    venue: str
    account: str
    does: Does
    method: str
    path: str
    symbol: str
    client_id: str
    via: str
    done: bool
    answered: int
    code: str = ""


class Seen:
    """The last hundred thousand requests to a venue, oldest first."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._requests: deque[OrderSeen] = deque(maxlen=_KEPT)

    def note(self, asked: Asked, does: Does, *, time_ns: int, account: str, done: bool, answered: int, code: str) -> None:
        """Keep one."""
        self._requests.append(
            OrderSeen(
                time_ns=time_ns,
                venue=self._venue,
                account=account,
                does=does,
                method=asked.method,
                path=asked.path,
                symbol=asked.symbol,
                client_id=asked.client_id,
                via=asked.connection,
                done=done,
                answered=answered,
                code=code,
            )
        )

    def requests(self) -> list[OrderSeen]:
        """All of them."""
        return list(self._requests)
