"""venues.binance.history: the files of data.binance.vision, spot and USDⓈ-M. Pure data.

Source: binance-public-data's README and issues (read 2026-11), files of 2020 to 2026: columns, the header that some files have, µs on
spot since 2025-01-01. What differs from file to file (header, unit, spelling of truth values) is told from the file itself.
"""

from __future__ import annotations

from hoga.core.streams import Kind
from hoga.venues.history import Column, FileKind, HistorySpec, Holds

__all__ = ["SPOT_HISTORY", "USDM_HISTORY"]

_LISTING = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"
_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_INTERVALS = {
    **{f"{count}m": count * _MINUTE for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": count * _HOUR for count in (1, 2, 4, 6, 8, 12)},
    "1d": 24 * _HOUR,
}
_TAKER = Column("buyer_is_maker", Holds.TRUTH)
_BEST = Column("best_match", Holds.TRUTH)
_AGGREGATES = (
    Column("id", Holds.WHOLE),
    Column("price", Holds.DECIMAL),
    Column("size", Holds.DECIMAL),
    Column("first_id", Holds.WHOLE),
    Column("last_id", Holds.WHOLE),
    Column("event_ns", Holds.TIME),
    _TAKER,
)
_TRADES = (
    Column("id", Holds.WHOLE),
    Column("price", Holds.DECIMAL),
    Column("size", Holds.DECIMAL),
    Column("quote_size", Holds.DECIMAL),
    Column("event_ns", Holds.TIME),
    _TAKER,
)
_CANDLES = (
    Column("open_ns", Holds.TIME),
    *(Column(name, Holds.DECIMAL) for name in ("open", "high", "low", "close", "volume")),
    Column("close_ns", Holds.TIME),
    Column("quote_volume", Holds.DECIMAL),
    Column("trades", Holds.WHOLE),
    Column("taker_volume", Holds.DECIMAL),
    Column("taker_quote_volume", Holds.DECIMAL),
    Column("ignored", Holds.NOTHING),
)
_KLINES = FileKind(name="klines", kind=Kind.CANDLE, columns=_CANDLES, identity="open_ns", time="open_ns", by_interval=True)


def _trades(name: str, columns: tuple[Column, ...], *, best: bool, chained: bool = True) -> FileKind:
    columns = (*columns, _BEST) if best else columns
    return FileKind(
        name=name, kind=Kind.EXECUTION, columns=columns, identity="id", time="event_ns", chained=chained, optional=1 if best else 0
    )


SPOT_HISTORY = HistorySpec(
    folder="data/spot",
    listing_url=_LISTING,
    kinds={
        "aggTrades": _trades("aggTrades", _AGGREGATES, best=True),
        "trades": _trades("trades", _TRADES, best=True),
        "klines": _KLINES,
    },
    intervals={"1s": 1_000, **_INTERVALS},
)
USDM_HISTORY = HistorySpec(
    folder="data/futures/um",
    listing_url=_LISTING,
    kinds={
        "aggTrades": _trades("aggTrades", _AGGREGATES, best=False),
        # Trades that are no market fills (insurance fund, deleveraging) have ids too, and are in no file.
        "trades": _trades("trades", _TRADES, best=False, chained=False),
        "klines": _KLINES,
    },
    intervals=_INTERVALS,
)
