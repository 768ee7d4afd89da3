"""A paper exchange without an engine: what is sent, what the market does, what is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketBar, MarketDepth, MarketEvent, MarketMark, MarketTrade
from hoga.core.trading import Capabilities, ExecutionEvent, FillUpdate, OrderKind, OrderRequest, OrderUpdate, Rules, rules_of, text_of
from hoga.trading.paper import Latency, PaperExchange, PaperSettings
from hoga.trading.ports import Cancel, Query, Read, ReadKind
from tests.trading.exchange import FUTURES, T0, S, instrument

T = TypeVar("T", bound=ExecutionEvent)
Levels = Iterable[tuple[int, int]]
MS = 1_000_000
LATENCY = 20 * MS


class Room:
    """Prices are in ticks of 0.1, sizes in lots of 0.001."""

    def __init__(self, able: Capabilities = FUTURES, *, rules: Rules | None = None, **settings: Any) -> None:
        self.now = T0
        self.rules = rules or rules_of(instrument())
        self.symbol = self.rules.symbol
        self.told: list[ExecutionEvent] = []
        known: dict[str, Any] = {"balance": "100000", "leverage": 10, "latency": Latency((LATENCY,))}
        self.paper = PaperExchange(self.rules.venue, {self.symbol: self.rules}, able, PaperSettings(**(known | settings)), self.told.append)
        self._number = 0
        self.paper.advance(self.now)

    # -- time and the market ------------------------------------------------------------------------------------------

    def wait(self, ms: float = 20) -> list[ExecutionEvent]:
        """Pass time; what was said meanwhile."""
        before = len(self.told)
        self.now += int(ms * MS)
        self.paper.advance(self.now)
        return self.told[before:]

    def see(self, event: MarketEvent) -> list[ExecutionEvent]:
        """An event of the market, and what it led to at once."""
        before = len(self.told)
        self.paper.advance(event.at_ns - 1)
        self.paper.on_market(event)
        self.now = event.at_ns
        self.paper.advance(self.now)
        return self.told[before:]

    def book(self, bids: Levels = ((600_000, 5_000),), asks: Levels = ((600_010, 5_000),), *, after_ms: float = 1) -> list[ExecutionEvent]:
        bids, asks, rules = list(bids), list(asks), self.rules

        def texts(levels: list[tuple[int, int]]) -> list[tuple[str, str]]:
            return [(text_of(price, rules.price_power), text_of(size, rules.size_power)) for price, size in levels]

        best, other = bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)
        at = self.now + int(after_ms * MS)
        return self.see(
            MarketDepth(
                symbol=self.symbol,
                at_ns=at,
                bid=best[0],
                bid_size=best[1],
                ask=other[0],
                ask_size=other[1],
                bids=texts(bids),
                asks=texts(asks),
            )
        )

    def trade(self, price: int, size: int, taker: Side = Side.SELL, *, after_ms: float = 1) -> list[ExecutionEvent]:
        at = self.now + int(after_ms * MS)
        return self.see(MarketTrade(symbol=self.symbol, at_ns=at, price=price, size=size, taker=taker, trade_id=at))

    def mark(self, price: int, *, after_ms: float = 1, **more: int) -> list[ExecutionEvent]:
        return self.see(MarketMark(symbol=self.symbol, at_ns=self.now + int(after_ms * MS), mark=price, **more))

    def bar(self, prices: tuple[int, int, int, int], *, minutes: int = 1) -> list[ExecutionEvent]:
        """Opening, highest, lowest, last, of a bar that begins now."""
        start, length = self.now, minutes * 60 * S
        first, high, low, last = prices
        event = MarketBar(
            symbol=self.symbol, at_ns=start + length, interval_ns=length, start_ns=start, open=first, high=high, low=low, close=last,
            volume=1,
        )  # fmt: skip
        return self.see(event)

    # -- orders -------------------------------------------------------------------------------------------------------

    def order(self, side: Side = Side.BUY, quantity: int | None = 100, price: int | None = None, **more: Any) -> OrderRequest:
        self._number += 1
        kind = OrderKind.LIMIT if price is not None else OrderKind.MARKET
        known: dict[str, Any] = {"client_id": f"hg-1-1-{self._number}", "kind": kind, "quantity": quantity, "price": price}
        return OrderRequest(symbol=self.symbol, side=side, **(known | more))

    def place(self, *args: Any, **more: Any) -> OrderRequest:
        """Send an order and wait for its answer."""
        request = self.order(*args, **more)
        self.paper.send(request)
        self.wait()
        return request

    def cancel(self, request: OrderRequest) -> list[ExecutionEvent]:
        self.paper.cancel(Cancel(symbol=request.symbol, client_id=request.client_id, waits=request.waits))
        return self.wait()

    def query(self, request: OrderRequest) -> ExecutionEvent:
        self.paper.query(Query(symbol=request.symbol, client_id=request.client_id, waits=request.waits))
        return self.wait()[-1]

    def read(self, what: ReadKind, **more: Any) -> Any:
        self.paper.read(Read(what=what, venue=self.paper.venue, **more))
        return self.wait()[-1]

    # -- seeing -------------------------------------------------------------------------------------------------------

    def of(self, kind: type[T], request: OrderRequest | None = None) -> list[T]:
        return [
            each
            for each in self.told
            if isinstance(each, kind) and (request is None or getattr(each, "client_id", None) == request.client_id)
        ]

    def fills(self, request: OrderRequest | None = None) -> list[tuple[int, int]]:
        """(price, quantity)."""
        return [(each.price, each.quantity) for each in self.of(FillUpdate, request)]

    def last(self, request: OrderRequest) -> OrderUpdate:
        """The order as it was told last."""
        return self.of(OrderUpdate, request)[-1]

    def position(self) -> int:
        held = self.read(ReadKind.POSITIONS).positions
        return int(held[0].quantity) if held else 0


def fine(rules: Rules, **changes: Any) -> Rules:
    return msgspec.structs.replace(rules, **changes)
