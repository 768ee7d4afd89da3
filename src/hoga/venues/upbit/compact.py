"""venues.upbit.compact: Upbit's public streams in SIMPLE spelling on the wire: short keys, two fifths fewer bytes. Pure.

Frames stay as they come; whoever looks into one finds the usual names (`simple.usual`). Only connections that are not
recorded ask for it: an archive has one spelling.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import msgspec

from hoga.core.jsontext import NO_JSON, is_object
from hoga.core.streams import Stream
from hoga.venues.spec import Answer, ChannelSpec, FrameKey, VenueSpec
from hoga.venues.upbit import public
from hoga.venues.upbit.simple import SimpleFormatConverter

__all__ = ["COMPACT"]

_KEYS = {"sequential_id": "sid", "timestamp": "tms", "stream_type": "st"}
_FORMAT, _SHORT = b'{"format":"DEFAULT"}', b'{"format":"SIMPLE"}'


class _Head(msgspec.Struct):
    ty: str
    cd: str


_head = msgspec.json.Decoder(_Head)


@lru_cache(maxsize=64)
def channel_of(channel: str) -> ChannelSpec:
    """The description of a channel, with the keys as they are spelt here. Raises ValueError for one that does not exist."""
    usual = public.channel_of(channel)
    facts = usual.record
    first, last, event = (None if key is None else _KEYS[key] for key in (facts.first_key, facts.last_key, facts.event_key))
    manner = tuple(_KEYS[key] for key in facts.manner_keys)
    return replace(usual, record=replace(facts, first_key=first, last_key=last, event_key=event, manner_keys=manner))


def frame_key(stream: Stream) -> bytes:
    """How a data frame of the stream begins, up to the comma after its code."""
    kind = "orderbook" if stream.channel.startswith("orderbook") else stream.channel
    return f'{{"ty":"{kind}","cd":"{stream.symbol}"'.encode()


def split(frame: bytes) -> tuple[str, bytes] | None:
    """(wire name, the whole frame) of a data frame, None when it is none."""
    try:
        head = _head.decode(frame)
    except NO_JSON:
        return None
    payload = frame.strip()
    return (f"{head.cd}@{head.ty}", payload) if is_object(payload) else None


def answer(frame: bytes) -> Answer | None:
    """As in the usual spelling."""
    if frame.startswith(b'{"ty"'):
        return None
    if b'"mthd"' in frame[:4096]:
        try:
            frame = SimpleFormatConverter.to_default(frame)
        except (*NO_JSON, ValueError):
            return None
    return public.answer(frame)


def _shortly(request: bytes) -> bytes:
    return request.replace(_FORMAT, _SHORT)


def _replace(fresh: list[str], known: list[str], request_id: int) -> bytes:
    return _shortly(public.replace(fresh, known, request_id))


COMPACT: VenueSpec = replace(
    public.UPBIT,
    channel_of=channel_of,
    subscribe=lambda names, request_id: _replace(names, [], request_id),
    replace=_replace,
    listing=lambda request_id: _shortly(public.listing(request_id)),
    requests=replace(public.UPBIT.requests, listing=lambda request_id: _shortly(public.listing(request_id))),
    answer=answer,
    frame_key=frame_key,
    split=split,
    key=FrameKey(until=b",", start=20),
)
