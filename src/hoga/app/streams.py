"""app.streams: from configured symbols and stream names to streams, every mistake named. Pure."""

from __future__ import annotations

from difflib import get_close_matches

import msgspec

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.streams import Stream
from hoga.venues.spec import VenueSpec

__all__ = ["plan_streams"]


def plan_streams(spec: VenueSpec, symbols: tuple[str, ...], channels: tuple[str, ...], *, where: str) -> list[Stream]:
    """Every symbol × channel, in that order.

    Channels whose payloads tell them apart share a series (`aggTrade` and `trade`); of two that look alike
    (`depth20@100ms` and `depth20`) the slower one gets a series of its own. Raises ConfigError for channels that do not
    exist and symbols that cannot be one.
    """
    mistakes: list[ConfigMistake] = []
    good: list[str] = []
    for channel in dict.fromkeys(channels):
        try:
            spec.channel_of(channel)
            good.append(channel)
        except ValueError as fault:
            near = get_close_matches(channel, spec.examples, n=1)
            expected = str(fault).partition("expected ")[2] or str(fault)
            mistakes.append(ConfigMistake(where, None, "STREAMS", repr(channel), expected, near[0] if near else None))
    kinds = _kinds(spec, good)
    streams: list[Stream] = []
    for symbol in dict.fromkeys(symbols):
        for channel in good:
            try:
                streams.append(msgspec.structs.replace(spec.parse_stream(symbol, channel), kind=kinds[channel]))
            except ValueError as fault:
                mistakes.append(ConfigMistake(where, None, "SYMBOLS", str(fault), "the venue's own words, like BTCUSDT"))
                break
    if mistakes:
        raise ConfigError(mistakes)
    return list({stream.name: stream for stream in streams}.values())


def _kinds(spec: VenueSpec, channels: list[str]) -> dict[str, str]:
    """The archive kind of each channel, given the others."""
    usual = [spec.channel_of(channel).kind for channel in channels]
    kinds = {}
    for channel in channels:
        described = spec.channel_of(channel)
        crowded = usual.count(described.kind) > 1
        kinds[channel] = described.alternate_kind if crowded and described.alternate_kind is not None else described.kind
    return kinds
