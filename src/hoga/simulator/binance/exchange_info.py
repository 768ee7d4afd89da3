"""simulator.binance.exchange_info: the venue's description of itself, as clients need it to start. Pure.

Source: protocol sheet 4.2 (spot-docs; live figures of 2026-10-04).
"""

from __future__ import annotations

import json
from typing import Any

from hoga.simulator.binance.printer import e8_text
from hoga.simulator.engine import Instrument

__all__ = ["exchange_info", "most_lots", "symbol_info", "with_captured"]


def exchange_info(instruments: list[Instrument], delisted: set[str], *, server_time: int, weight_per_minute: int) -> dict[str, Any]:
    """The whole answer of `GET /api/v3/exchangeInfo`."""
    return {
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", 1, weight_per_minute),
            _rate("ORDERS", "SECOND", 10, 100),
            _rate("ORDERS", "DAY", 1, 200_000),
            _rate("RAW_REQUESTS", "MINUTE", 5, 300_000),
        ],
        "exchangeFilters": [],
        "symbols": [symbol_info(instrument, trading=instrument.symbol not in delisted) for instrument in instruments],
    }


def with_captured(info: dict[str, Any], captured: bytes, *, all_symbols: bool = True) -> bytes | dict[str, Any]:
    """A captured exchangeInfo: as it is when it knows every symbol of `info`, else with the missing symbols added. Where not
    `all_symbols` were asked for, it has those of `info` alone."""
    try:
        body: dict[str, Any] = json.loads(captured)
        known = {entry["symbol"]: entry for entry in body["symbols"]}
    except (ValueError, KeyError, TypeError):
        return info
    if not all_symbols:
        return body | {"symbols": [known.get(entry["symbol"], entry) for entry in info["symbols"]]}
    missing = [entry for entry in info["symbols"] if entry["symbol"] not in known]
    return body | {"symbols": body["symbols"] + missing} if missing else captured


def symbol_info(instrument: Instrument, *, trading: bool = True) -> dict[str, Any]:
    """One entry of `symbols`."""
    return {
        "symbol": instrument.symbol,
        "status": "TRADING" if trading else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }


def most_lots(instrument: Instrument) -> int:
    """The largest order, in lots."""
    return max(9_000_000, instrument.typical_lots * 10_000)


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    tick, lot = e8_text(instrument.tick_e8), e8_text(instrument.lot_e8)
    largest = e8_text(instrument.lot_e8 * most_lots(instrument))
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": e8_text(instrument.start_ticks * instrument.tick_e8 * 100),
            "tickSize": tick,
        },
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": largest, "stepSize": lot},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": largest, "stepSize": "0.00000000"},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000}
        | {"minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2"}
        | {"askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
        | {"maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def _rate(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
