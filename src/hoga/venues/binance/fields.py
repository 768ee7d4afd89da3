"""venues.binance.fields: which keys of Binance's payloads are columns, spot and futures alike. Pure data.

The same keys as in `payloads`, for arrays instead of single events; a test holds the two against each other.
"""

from __future__ import annotations

from hoga.columns.shapes import Field, LevelLists, Shape, needed
from hoga.core.streams import Kind
from hoga.venues.records import SideLists

__all__ = ["CANDLE", "CLASSIC", "DELTA", "FUTURES_BOOK", "LEVELS", "LIQUIDATION", "MARK", "PARTIAL_BOOK", "QUOTE", "TICKER", "trade"]

LEVELS = SideLists(bids="b", asks="a")
"""Of deltas, and of the futures' books, which are spelt like them."""

_TRANSACTION = Field("transaction_ns", ("T",), "time")

PARTIAL_BOOK = needed(Field("update_id", ("lastUpdateId",), "integer"))
FUTURES_BOOK = (*needed(Field("update_id", ("u",), "integer")), _TRANSACTION)
DELTA = (
    *needed(Field("first_id", ("U",), "integer"), Field("last_id", ("u",), "integer")),
    Field("previous_id", ("pu",), "integer"),
    _TRANSACTION,
)
QUOTE = (
    *needed(
        Field("update_id", ("u",), "integer"),
        Field("bid", ("b",), "decimal"),
        Field("bid_size", ("B",), "decimal"),
        Field("ask", ("a",), "decimal"),
        Field("ask_size", ("A",), "decimal"),
    ),
    _TRANSACTION,
)
TICKER = needed(
    Field("last", ("c",), "decimal"),
    Field("open", ("o",), "decimal"),
    Field("high", ("h",), "decimal"),
    Field("low", ("l",), "decimal"),
    Field("volume", ("v",), "decimal"),
    Field("turnover", ("q",), "decimal"),
)
CANDLE = needed(
    Field("start_ns", ("k", "t"), "time"),
    Field("interval", ("k", "i"), "text"),
    Field("open", ("k", "o"), "decimal"),
    Field("high", ("k", "h"), "decimal"),
    Field("low", ("k", "l"), "decimal"),
    Field("close", ("k", "c"), "decimal"),
    Field("volume", ("k", "v"), "decimal"),
    Field("turnover", ("k", "q"), "decimal"),
    Field("closed", ("k", "x"), "flag"),
)
MARK = (
    *needed(Field("mark", ("p",), "decimal"), Field("index", ("i",), "decimal")),
    Field("funding_rate", ("r",), "decimal"),
    Field("next_funding_ns", ("T",), "ms"),
)
LIQUIDATION = needed(
    Field("side", ("o", "S"), "side", texts=("BUY", "SELL")),
    Field("price", ("o", "p"), "decimal"),
    Field("size", ("o", "q"), "decimal"),
    Field("average", ("o", "ap"), "decimal"),
)
_CLASSIC = (Field("recv_ns", ("recv_ms",), "ms"),)
CLASSIC = {
    Kind.ORDERBOOK: Shape((*_CLASSIC, Field("event_ns", ("eventTime",), "time")), LevelLists("bids", "asks")),
    Kind.EXECUTION: Shape(
        (
            *_CLASSIC,
            Field("event_ns", ("E",), "time"),
            *needed(
                Field("price", ("p",), "decimal"),
                Field("size", ("q",), "decimal"),
                Field("side", ("m",), "side", texts=("1", "0"), flip=True),
            ),
        )
    ),
}
"""What the classic recorder wrote: its own times before Binance's words."""


def trade(key: str) -> tuple[Field, ...]:
    """The columns of trades whose ids stand at `key`. `m`: the buyer made it, so the seller took."""
    return (
        *needed(
            Field("trade_id", (key,), "integer"),
            Field("price", ("p",), "decimal"),
            Field("size", ("q",), "decimal"),
        ),
        Field("side", ("m",), "side", flip=True),
        _TRANSACTION,
    )
