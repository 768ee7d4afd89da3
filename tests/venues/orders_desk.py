"""What the tests of every venue's orders need: replies as they come, and an asking carried out with them."""

from __future__ import annotations

import json
from typing import Any

from hoga.core.trading import Rules
from hoga.venues.orders import Asking, Told
from hoga.venues.request import Request

__all__ = ["rules", "run", "told"]


def told(body: object, status: int = 200, retry_after_s: float | None = None) -> Told:
    """A reply, asked for at 5 and come at 9."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Told(status=status, body=data, retry_after_s=retry_after_s, asked_ns=5, at_ns=9)


def run(asking: Asking[Any], *replies: Told) -> tuple[list[Request], Any]:
    """The calls that an asking makes when it is given these replies, and what it returns."""
    asked = [next(asking)]
    for reply in replies:
        try:
            asked.append(asking.send(reply))
        except StopIteration as done:
            return asked, done.value
    raise AssertionError(f"wants more: {asked[-1]}")


def rules(symbol: str, price_power: int, size_power: int, **more: Any) -> Rules:
    """The rules of an instrument whose steps are one."""
    known: dict[str, Any] = {"base": "BTC", "quote": "USDT", "settle": "", "ticks": ((0, 1),), "lot": 1, "least": 1}
    known |= {"market_lot": 1, "market_least": 1}
    return Rules(symbol=symbol, price_power=price_power, size_power=size_power, **(known | more))
