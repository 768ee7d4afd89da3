"""venues.binance.instruments: what Binance lists, of spot and of futures, from exchangeInfo. Pure.

Rules: a bound or step of 0 is switched off; precisions are neither tick nor lot; unknown filters are passed over, and one that
cannot be read costs that symbol its rules, not the list.

Source: spot-docs "filters" and "enums", USD-M docs "exchange-information", live lists of 2026-10-04. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial

import msgspec

from hoga.core.instrument import Band, Instrument, InstrumentStatus, QuantityRules
from hoga.core.jsontext import NO_JSON
from hoga.core.times import MS_NS

__all__ = ["instruments_of"]

_STATUS = {
    "TRADING": InstrumentStatus.TRADING,
    "PRE_TRADING": InstrumentStatus.COMING,
    "PENDING_TRADING": InstrumentStatus.COMING,
    "HALT": InstrumentStatus.HALTED,
    "BREAK": InstrumentStatus.HALTED,
    "CANCEL_ONLY": InstrumentStatus.HALTED,
    "AUCTION_MATCH": InstrumentStatus.HALTED,
    "POST_TRADING": InstrumentStatus.HALTED,
    "END_OF_DAY": InstrumentStatus.HALTED,
    "PRE_DELIVERING": InstrumentStatus.CLOSING,
    "DELIVERING": InstrumentStatus.CLOSING,
    "PRE_SETTLE": InstrumentStatus.CLOSING,
    "SETTLING": InstrumentStatus.CLOSING,
    "DELIVERED": InstrumentStatus.CLOSED,
    "CLOSE": InstrumentStatus.CLOSED,
}
_PERPETUAL = "PERPETUAL"


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str = ""
    tick_size: str = ""
    min_price: str = ""
    max_price: str = ""
    step_size: str = ""
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""
    max_notional: str = ""
    notional: str = ""
    multiplier_up: str = ""
    multiplier_down: str = ""
    bid_multiplier_up: str = ""
    bid_multiplier_down: str = ""
    ask_multiplier_up: str = ""
    ask_multiplier_down: str = ""
    limit: int = 0
    max_num_orders: int = 0


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    status: str = "TRADING"
    base_asset: str = ""
    quote_asset: str = ""
    margin_asset: str = ""
    contract_type: str = ""
    delivery_date: int = 0
    filters: msgspec.Raw = msgspec.Raw(b"[]")


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


_info = msgspec.json.Decoder(_Info)
_filters = msgspec.json.Decoder(list[_Filter])


def instruments_of(venue: str) -> Callable[[bytes], Iterator[Instrument]]:
    """The reader of the exchangeInfo of `venue`; see `VenueSpec.instruments`."""
    return partial(_read, venue)


def _read(venue: str, body: bytes) -> Iterator[Instrument]:
    listed = _info.decode(body).symbols
    return (_instrument(venue, each) for each in listed)


def _instrument(venue: str, listed: _Symbol) -> Instrument:
    try:
        filters = {each.filter_type: each for each in _filters.decode(listed.filters)}
    except NO_JSON:
        filters = {}
    price, none = filters.get("PRICE_FILTER", _Filter()), _Filter()
    least = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or none
    by_side, both = filters.get("PERCENT_PRICE_BY_SIDE", none), filters.get("PERCENT_PRICE", none)
    orders = filters.get("MAX_NUM_ORDERS", none)
    return Instrument(
        venue=venue,
        symbol=listed.symbol,
        base=listed.base_asset,
        quote=listed.quote_asset,
        settle=listed.margin_asset,
        status=_STATUS.get(listed.status, InstrumentStatus.OTHER),
        said=listed.status,
        tick=_number(price.tick_size),
        min_price=_number(price.min_price),
        max_price=_number(price.max_price),
        quantity=_quantity(filters.get("LOT_SIZE", none)),
        market_quantity=_quantity(filters.get("MARKET_LOT_SIZE", none)),
        min_notional=_number(least.min_notional or least.notional),
        max_notional=_number(least.max_notional),
        bid_band=_band(by_side.bid_multiplier_down or both.multiplier_down, by_side.bid_multiplier_up or both.multiplier_up),
        ask_band=_band(by_side.ask_multiplier_down or both.multiplier_down, by_side.ask_multiplier_up or both.multiplier_up),
        max_orders=orders.max_num_orders or orders.limit or None,
        ends_ns=listed.delivery_date * MS_NS if listed.delivery_date and not listed.contract_type.endswith(_PERPETUAL) else None,
    )


def _quantity(each: _Filter) -> QuantityRules:
    return QuantityRules(lot=_number(each.step_size), least=_number(each.min_qty), most=_number(each.max_qty))


def _band(low: str, high: str) -> Band | None:
    least, most = _number(low), _number(high)
    return None if least is None or most is None else Band(least, most)


@lru_cache(maxsize=8_192)
def _number(text: str) -> Decimal | None:
    """What a filter says; None for 0, and for no number. Thousands of symbols share a few hundred numbers."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number else None
