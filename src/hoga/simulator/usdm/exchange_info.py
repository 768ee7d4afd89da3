"""simulator.usdm.exchange_info: the futures venue's description of itself, as clients need it to start. Pure.

Source: protocol sheet 4.2 (USD-M docs; live figures of 2026-10-04; a capture of 2021 for the order of keys).
"""

from __future__ import annotations

from typing import Any

from hoga.simulator.binance.printer import decimal_text
from hoga.simulator.engine import Instrument
from hoga.simulator.usdm.instruments import digits_of, least_notional, most_lots

__all__ = ["exchange_info"]

_PERPETUAL_MS = 4_133_404_800_000
_ONBOARD_MS = 1_569_398_400_000


def exchange_info(instruments: list[Instrument], delisted: set[str], *, server_time: int, weight_per_minute: int) -> dict[str, Any]:
    """The whole answer of `GET /fapi/v1/exchangeInfo`."""
    return {
        "timezone": "UTC",
        "serverTime": server_time,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", 1, weight_per_minute),
            _rate("ORDERS", "MINUTE", 1, 1_200),
            _rate("ORDERS", "SECOND", 10, 300),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in ("USDT", "USDC")],
        "symbols": [_symbol(instrument, trading=instrument.symbol not in delisted) for instrument in instruments],
    }


def _symbol(instrument: Instrument, *, trading: bool) -> dict[str, Any]:
    digits = digits_of(instrument)
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _PERPETUAL_MS,
        "onboardDate": _ONBOARD_MS,
        "status": "TRADING" if trading else "SETTLING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": digits.price,
        "quantityPrecision": digits.size,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(instrument),
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    digits = digits_of(instrument)
    tick, lot = decimal_text(instrument.tick_e8, digits.price), decimal_text(instrument.lot_e8, digits.size)
    largest = decimal_text(instrument.lot_e8 * most_lots(instrument, at_market=False), digits.size)
    at_market = decimal_text(instrument.lot_e8 * most_lots(instrument, at_market=True), digits.size)
    highest = decimal_text(instrument.start_ticks * instrument.tick_e8 * 50, digits.price)
    return [
        {"minPrice": tick, "maxPrice": highest, "filterType": "PRICE_FILTER", "tickSize": tick},
        {"stepSize": lot, "filterType": "LOT_SIZE", "maxQty": largest, "minQty": lot},
        {"stepSize": lot, "filterType": "MARKET_LOT_SIZE", "maxQty": at_market, "minQty": lot},
        {"limit": 200, "filterType": "MAX_NUM_ORDERS"},
        {"notional": str(least_notional(instrument.symbol)), "filterType": "MIN_NOTIONAL"},
        {"multiplierDown": "0.9500", "multiplierUp": "1.0500", "multiplierDecimal": "4", "filterType": "PERCENT_PRICE"},
        {"positionControlSide": "NONE", "filterType": "POSITION_RISK_CONTROL"},
    ]


def _rate(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
