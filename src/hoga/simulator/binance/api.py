"""simulator.binance.api: what every Binance API has in common, whatever carries it: parameters, errors, access, weights. Pure.

An endpoint is a weight, an answer and who may ask. REST (`binance.door`) and the WebSocket API (`binance.ws_api`) ask the
same endpoints. Source: protocol sheet 4.1 to 4.4 and 4.7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from hoga.simulator.binance.keys import ApiKey, KeyRing
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import Engine, Instrument, Market, Pace, Past
from hoga.simulator.faults import Asked, FaultDesk, FaultKind
from hoga.simulator.replay.player import Player

__all__ = [
    "MS_NS",
    "US_NS",
    "Access",
    "Answer",
    "Api",
    "ApiError",
    "Endpoint",
    "PastAsked",
    "Query",
    "flat",
    "one_or_all",
    "text_of",
]

MS_NS, US_NS = 1_000_000, 1_000
_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
_SYMBOLS_RANGE = r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'
_SYMBOL = re.compile(r"^[\w\-.]{1,40}$")

Answer = bytes | str | dict[str, Any] | list[Any]


class ApiError(Exception):
    """An answer that is an error: `{"code":…,"msg":…}` with an HTTP status."""

    def __init__(self, code: int, text: str, *, status: int = 400) -> None:
        self.code, self.text, self.status = code, text, status


class Access(Enum):
    """Who may ask: anyone, anyone with a key, or only who signs."""

    PUBLIC = "public"
    KEY = "key"
    SIGNED = "signed"


class Query:
    """The parameters of one request, checked as the venue checks them. `key` is whose request it is, None for anyone's; `asked` is how
    faults know it."""

    def __init__(self, values: Mapping[str, str], *, micros: bool = False, key: ApiKey | None = None, asked: Asked = Asked("", "")) -> None:
        self.asked = asked
        self.micros = micros
        self.unit = US_NS if micros else MS_NS
        self.key = key
        self._values = values

    @property
    def account(self) -> str:
        """The account of who asks; only for endpoints that need a key."""
        assert self.key is not None, "the endpoint's access is checked before it is asked"
        return self.key.account

    def text(self, name: str) -> str | None:
        """A parameter as sent, None when it was not."""
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.text(name)
        if value is None:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,19}", value):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def flag(self, name: str) -> bool:
        """A truth value; False when it was not sent."""
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"

    def limit(self, default: int, most: int) -> int:
        """How many rows to answer with."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, most)

    def time_ns(self, name: str) -> int | None:
        """A moment given in ms or µs."""
        value = self.integer(name)
        return None if value is None else value * (US_NS if value > 10**14 else MS_NS)

    def symbols(self) -> list[str] | None:
        """The list `symbols`."""
        raw = self.text("symbols")
        if raw is None:
            return None
        try:
            names = json.loads(raw)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ApiError(
                -1100,
                f"Illegal characters found in parameter 'symbols'; legal range is '{_SYMBOLS_RANGE}'.",
            )
        return names


class Endpoint(NamedTuple):
    """What a request costs and what it gets; both may raise ApiError. `free`: it costs nothing when it succeeds.
    `orders`: how many orders it counts as; `lists`: it answers with an account's rows, which may be stale."""

    weight: Callable[[Api, Query], int]
    answer: Callable[[Api, Query], Answer]
    access: Access = Access.PUBLIC
    free: bool = False
    orders: int = 0
    lists: bool = False


class PastAsked(NamedTuple):
    """What was traded before the markets began: `of(symbol)`; REST has it from `oldest_day` (since 1970) on."""

    of: Callable[[str], Past]
    oldest_day: int


class Api:
    """What the answers are made from. `past` is None where there is none: in a replay; `faults` are what goes wrong,
    `keys` what keys may do."""

    def __init__(
        self,
        *,
        engine: Engine,
        pace: Pace,
        clock: SimClock,
        weight_limit: int,
        player: Player | None,
        faults: FaultDesk,
        keys: KeyRing,
        past: PastAsked | None = None,
    ) -> None:
        self.faults = faults
        self.keys = keys
        self.engine = engine
        self.pace = pace
        self.clock = clock
        self.weight_limit = weight_limit
        self.player = player
        self.past = past

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol a client named. Raises ApiError as the venue would."""
        if not _SYMBOL.match(symbol) or symbol != symbol.upper():
            raise ApiError(-1100, f"Illegal characters found in parameter 'symbol'; legal range is '{_SYMBOL_RANGE}'.")
        instrument = self.engine.instruments.get(symbol)
        if instrument is None:
            raise ApiError(-1121, "Invalid symbol.")
        return instrument

    def market(self, symbol: str) -> Market:
        """The market of a symbol a client named, run up to now."""
        self.instrument(symbol)
        if self.player is not None:
            raise ApiError(-1000, "The capture that is being replayed has no such data.")
        self.pace.advance(self.clock.now_ns())
        return self.engine.market(symbol)

    def traded(self, symbol: str) -> Market:
        """The market that orders of a symbol meet: the engine's, run up to now, or the one that is played."""
        self.instrument(symbol)
        if self.player is None:
            self.pace.advance(self.clock.now_ns())
        elif not self.engine.market(symbol).top.bid:
            raise ApiError(-1000, "Nothing of its book was played yet.")
        return self.engine.market(symbol)

    def denies(self, query: Query, *, symbol: str, client_id: str) -> bool:
        """Whether a fault lets a request not find an order that is there."""
        asked = query.asked._replace(symbol=symbol, client_id=client_id)
        return self.faults.take_asked(FaultKind.DENY_ORDER, asked) is not None

    def share_of(self, order: Asked) -> float:
        """How much of a market order is filled."""
        fault = self.faults.take_asked(FaultKind.PARTIAL_MARKET, order)
        return 1.0 if fault is None else fault.share

    def now(self, query: Query) -> int:
        """The venue's clock, in the request's unit."""
        return self.clock.stamp_ns(self.clock.now_ns()) // query.unit


def text_of(answer: Answer) -> str:
    """An answer as JSON text."""
    if isinstance(answer, (dict, list)):
        return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
    return answer if isinstance(answer, str) else answer.decode()


def flat(weight: int) -> Callable[[Api, Query], int]:
    """The same weight whatever is asked."""
    return lambda api, query: weight


def one_or_all(one: int, several: int) -> Callable[[Api, Query], int]:
    """One weight for a symbol, another for all."""
    return lambda api, query: one if query.text("symbol") else several
