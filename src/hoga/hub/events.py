"""hub.events: everything that the hub tells: events of streams, by type of data, and events about them for `on_status`."""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any

import msgspec

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.account_events import (
    MyAccountConfigEvent,
    MyAlgoOrderEvent,
    MyAssetEvent,
    MyBalanceEvent,
    MyFillEvent,
    MyMarginCallEvent,
    MyOrderEvent,
    MyOrderListEvent,
    MyPositionEvent,
    MyTriggerRejectEvent,
)
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.event import BaseWebSocketEvent
from hoga.hub.market_events import (
    CandleEvent,
    DeltaEvent,
    LiquidationEvent,
    MarkPriceEvent,
    OrderbookEvent,
    OrderbookUnit,
    QuoteEvent,
    TickerEvent,
    TradeEvent,
)
from hoga.hub.private import MissedEvent, PrivateStateEvent
from hoga.venues.private import EVERYTHING
from hoga.venues.registry import VENUES

__all__ = [
    "EVENTS", "BaseWebSocketEvent", "CandleEvent", "DeltaEvent", "EpochEvent", "GapEvent", "LiquidationEvent", "MarkPriceEvent",
    "MyAccountConfigEvent", "MyAlgoOrderEvent", "MyAssetEvent", "MyBalanceEvent", "MyFillEvent", "MyMarginCallEvent", "MyOrderEvent",
    "MyOrderListEvent", "MyPositionEvent", "MyTriggerRejectEvent", "OrderbookEvent", "OrderbookUnit", "QuoteEvent", "StatusEvent",
    "SubscriptionErrorEvent", "TickerEvent", "TradeEvent", "WaitingEvent", "make_event",
]  # fmt: skip

EVENTS: dict[DataType, type[BaseWebSocketEvent]] = {
    DataType.TICKER: TickerEvent,
    DataType.TRADE: TradeEvent,
    DataType.ORDERBOOK: OrderbookEvent,
    DataType.CANDLE: CandleEvent,
    DataType.DELTA: DeltaEvent,
    DataType.QUOTE: QuoteEvent,
    DataType.MARK_PRICE: MarkPriceEvent,
    DataType.LIQUIDATION: LiquidationEvent,
    DataType.MY_ORDER: MyOrderEvent,
    DataType.MY_FILL: MyFillEvent,
    DataType.MY_ASSET: MyAssetEvent,
    DataType.MY_BALANCE: MyBalanceEvent,
    DataType.MY_POSITION: MyPositionEvent,
    DataType.MY_ORDER_LIST: MyOrderListEvent,
    DataType.MY_ALGO_ORDER: MyAlgoOrderEvent,
    DataType.MY_ACCOUNT_CONFIG: MyAccountConfigEvent,
    DataType.MY_MARGIN_CALL: MyMarginCallEvent,
    DataType.MY_TRIGGER_REJECT: MyTriggerRejectEvent,
}
"""The event of each type of data."""


class EpochEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Connection `conn` of `venue` began a new life (`up`), or lost one, or cannot be made (told once for each reason, `why`).

    Nothing else tells a component of a reconnect. `unheard`: nobody said that it is over, it is only not heard (over NATS): it may go on,
    and nothing be missing but what a `MissedEvent` tells.
    """

    venue: str
    conn: str
    epoch: int
    up: bool
    why: str = ""
    unheard: bool = False


class SubscriptionErrorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of this component cannot be served."""

    error: SubscriptionError


class WaitingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`symbols` of `venue` that this component wants are not asked for yet: the venue's limits allow it in `wait_s` seconds."""

    venue: str
    symbols: tuple[str, ...]
    wait_s: float


class GapEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Records of `stream` are missing between these times, for `reason` (the ledger's word); `missed` None: nobody knows how many."""

    stream: Stream
    from_ns: int
    to_ns: int
    reason: str
    missed: int | None


StatusEvent = EpochEvent | SubscriptionErrorEvent | WaitingEvent | PrivateStateEvent | MissedEvent
"""What `on_status` gets."""


def make_event(
    venue: str,
    symbol: str,
    data_type: DataType | str,
    payload: bytes | str | Mapping[str, Any],
    *,
    channel: str | None = None,
    recv_ns: int = 0,
) -> BaseWebSocketEvent:
    """An event as the hub would make it of this payload: for tests of what takes events.

    Args:
        payload: what the venue sends (`{"type":"ticker",…}`), as text, or as a dict.
        channel: the venue's channel, None for the usual one of the type.
        recv_ns: the receipt, 0: now.

    Raises:
        ArgumentError, ValueError: no such venue, symbol, type or channel.
    """
    who = "make_event"
    if venue not in VENUES:
        raise ArgumentError(who, "venue", checks.shown(venue), f"one of {', '.join(VENUES)}", near=checks.nearest(venue, VENUES))
    spec, kind = VENUES[venue], checks.choice(DataType, data_type, who, "data_type")
    if kind.private:
        stream = spec.private_stream(symbol or EVERYTHING, kind)
    else:
        usual = spec.channels.get(kind, "").replace("{interval}", spec.default_interval)
        stream = spec.parse_stream(symbol, channel or usual)
    decode = spec.describe(stream.channel).record.decode
    if decode is None:
        raise ArgumentError(who, "channel", checks.shown(channel), "a channel that is served")
    if not isinstance(payload, bytes | str | Mapping):
        raise ArgumentError(who, "payload", checks.shown(payload), "the venue's JSON object, as bytes, text or a dict")
    text = payload if isinstance(payload, bytes) else payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
    return EVENTS[kind](stream, kind, text, recv_ns or time_ns(), who, 1, decode)
