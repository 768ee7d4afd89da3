"""venues.upbit.refill: trades before a sequential id, over REST. Pure.

Sequential ids only grow, so they prove no hole: what a gap of the ledger lacks is asked for. Source: Upbit's REST documentation,
"recent trades of a pair" (`cursor`, `days_ago` 1 to 7), read 2026-11; protocol sheet 3.4.
"""

from __future__ import annotations

import msgspec

from hoga.venues.refill import Refill, Refilled

__all__ = ["REFILLS"]

_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_SPELT = {
    "timestamp": "trade_timestamp",
    "trade_date_utc": "trade_date",
    "trade_time_utc": "trade_time",
}
"""What REST calls some of the stream's keys."""
_LEFT = frozenset({"market", "change_price"})
_DAYS = 7


def _of(row: dict[str, msgspec.Raw], symbol: str) -> Refilled:
    sid, at_ms = msgspec.json.decode(row["sequential_id"], type=int), msgspec.json.decode(row["timestamp"], type=int)
    fields = [(_SPELT.get(key, key), bytes(value)) for key, value in row.items() if key not in _LEFT]
    inner = b",".join(b'"%s":%s' % (key.encode(), value) for key, value in fields)
    return Refilled(sid, at_ms, b'{"type":"trade","code":"%s",%s}' % (symbol.encode(), inner))


def _trades(body: bytes, symbol: str) -> list[Refilled]:
    try:
        return [_of(row, symbol) for row in _rows.decode(body)]
    except (KeyError, msgspec.MsgspecError) as fault:
        raise ValueError(f"no list of trades: {fault}") from None


def _path(symbol: str, before: int, limit: int) -> str:
    return f"/v1/trades/ticks?market={symbol}&count={limit}&cursor={before}"


REFILLS = (
    Refill(
        chain="execution",
        counted=False,
        path=_path,
        days_path=lambda symbol, before, limit, days_ago: f"{_path(symbol, before, limit)}&days_ago={days_ago}",
        limit=500,
        weight=1,
        rows=_trades,
        days=_DAYS,
        groups=("market",),
    ),
)
