"""A wire made of lists: what the hub wants is written down, frames are pushed by the test."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from hoga.core.streams import Stream
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.port import LifeEnd, Take, WireInlet, WireStats
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.venues.registry import VENUES


class FakeWire:
    """One connection, opened by the first want. `wants` is every call."""

    def __init__(self, venue: str, *, symbols: dict[str, str] | None = None, kind: WebSocketType = WebSocketType.PUBLIC) -> None:
        self.venue = venue
        self.kind = kind
        self.spec = VENUES[venue]
        self.wants: list[list[Stream]] = []
        self.symbols = symbols
        self.epoch = 0
        self.name = f"{venue}-{kind}"
        self.streams: list[Stream] = []
        self.table: dict[bytes, Take] = {}
        self.inlet: WireInlet | None = None
        self.up = False
        self.hold = False
        self.stopped = False

    def start(self, inlet: WireInlet) -> None:
        self.inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        self.wants.append(streams)
        self.streams = streams
        if self.up:
            assert self.inlet is not None
            self.table = self.inlet.joining(self.name, self.epoch, streams)
        elif streams and not self.hold:
            self.connect()

    def connect(self) -> None:
        assert self.inlet is not None
        self.epoch += 1
        self.table = self.inlet.opening(self.name, self.epoch, self.streams)
        self.inlet.opened(self.name, self.epoch, time_ns())
        self.up = True

    def cut(self) -> dict[bytes, Take]:
        """The connection is lost; returns its table, as a socket that will not die would still have it."""
        assert self.inlet is not None
        self.up = False
        self.inlet.closed(self.name, self.epoch, LifeEnd("1006"))
        return self.table

    def push(self, frame: bytes) -> None:
        key = frame[: frame.find(self.spec.key.until, self.spec.key.start)]
        take = self.table.get(key)
        assert self.inlet is not None
        if take is None or not take(time_ns(), frame):
            self.inlet.odd(self.name, self.epoch, time_ns(), frame)

    def tick(self) -> None:
        pass

    def stats(self) -> list[WireStats]:
        state = ConnectionState.CONNECTED if self.up else ConnectionState.DISCONNECTED
        return [
            WireStats(
                connection=self.name, state=state, epoch=self.epoch, streams=len(self.streams), reconnects=self.epoch - 1,
                requests=len(self.wants),
            )
        ]  # fmt: skip

    async def known_symbols(self) -> dict[str, str] | None:
        return self.symbols

    async def stop(self) -> None:
        self.stopped = True


Make = Callable[..., GlobalWebSocketManager]


def ticker(symbol: str, price: float = 1.0, *, stamp: int = 1) -> bytes:
    """An Upbit ticker frame."""
    return (
        f'{{"type":"ticker","code":"{symbol}","opening_price":1.0,"high_price":1.0,"low_price":1.0,"trade_price":{price},'
        f'"signed_change_price":0.0,"acc_trade_volume":1.0,"acc_trade_price":1.0,"timestamp":{stamp},"stream_type":"REALTIME"}}'
    ).encode()


def trade(symbol: str, number: int, *, tag: str = "") -> bytes:
    """A Binance aggTrade frame; `tag` goes into its price."""
    return (
        f'{{"stream":"{symbol.lower()}@aggTrade","data":{{"e":"aggTrade","E":1,"s":"{symbol}","a":{number},"p":"1.0{tag}","q":"1",'
        f'"f":1,"l":1,"T":1,"m":true,"M":true}}}}'
    ).encode()
