"""simulator.upbit.dialect: how a frame of Upbit's looks when it is wrong. Pure."""

from __future__ import annotations

import re

from hoga.simulator.faults import Dialect

__all__ = ["DIALECT"]

_CODE = re.compile(rb'"(code|cd)":"[^"]*"')
_IDENTITY = re.compile(rb'^\{"(?:type|ty)":"[^"]*","(?:code|cd)":"[^"]*",')
_BID_PRICE = re.compile(rb'"(bid_price|bp)":[^,}]+')
_BID_SIZE = re.compile(rb'"(bid_size|bs)":[^,}]+')


def _oversized(stream: str, size_bytes: int) -> bytes:
    code, _, kind = stream.partition("@")
    head, tail = f'{{"type":"{re.split("[.:#]", kind)[0]}","code":"{code}","filler":"'.encode(), b'"}'
    return head + b"x" * max(0, size_bytes - len(head) - len(tail)) + tail


def _empty_side(text: bytes) -> bytes:
    """All bids are padding: price 0, size 0, as the venue fills up a short side."""
    return _BID_SIZE.sub(rb'"\1":0', _BID_PRICE.sub(rb'"\1":0', text)) if b'"orderbook"' in text[:40] else text


DIALECT = Dialect(
    oversized=_oversized,
    no_stream=lambda payload: _IDENTITY.sub(b"{", payload),
    unknown_stream=lambda payload: _CODE.sub(rb'"\1":"KRW-NOSUCH"', payload, count=1),
    empty_side=_empty_side,
)
