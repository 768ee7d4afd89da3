"""venues.upbit.instruments: what Upbit lists, from `/v1/market/all`. Pure.

Rules: what is listed trades, and what is delisted is not in the list any more; the price step goes with the price, and is not in
the list; least and largest order go by the currency that is paid in.

Source: docs.upbit.com/kr/docs/krw-market-info, -btc-market-info, -usdt-market-info (2026-05-04). Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from hoga.core.instrument import Instrument, InstrumentStatus, QuantityRules

__all__ = ["instruments"]

_QUANTITY = QuantityRules(lot=Decimal("0.00000001"))
_LEAST = {"KRW": Decimal(5_000), "BTC": Decimal("0.00005"), "USDT": Decimal("0.5")}
_MOST = {"KRW": Decimal(1_000_000_000)}


class _Market(msgspec.Struct):
    market: str


_markets = msgspec.json.Decoder(list[_Market])


def instruments(body: bytes) -> Iterator[Instrument]:
    """See `VenueSpec.instruments`."""
    listed = _markets.decode(body)
    return (_instrument(each.market) for each in listed)


def _instrument(market: str) -> Instrument:
    quote, _, base = market.partition("-")
    return Instrument(
        venue="upbit",
        symbol=market,
        base=base,
        quote=quote,
        status=InstrumentStatus.TRADING,
        quantity=_QUANTITY,
        min_notional=_LEAST.get(quote),
        max_notional=_MOST.get(quote),
    )
