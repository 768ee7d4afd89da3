"""app.streams: from configured symbols and stream names to streams, every mistake named. Pure."""

from __future__ import annotations

from difflib import get_close_matches

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.streams import Stream
from hoga.venues.spec import VenueSpec

__all__ = ["plan_streams"]

_TELLABLE = frozenset({"execution", "candle", "ticker-window"})
"""Kinds whose payloads say which stream they are of: several streams may feed one series."""


def plan_streams(spec: VenueSpec, symbols: tuple[str, ...], channels: tuple[str, ...], *, where: str) -> list[Stream]:
    """Every symbol × channel, in that order.

    Raises ConfigError for channels that do not exist, symbols that cannot be one, and channels that would write one
    series without being tellable apart (`depth20` and `depth20@100ms`).
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
    owners: dict[str, str] = {}
    for channel in good:
        kind = spec.channel_of(channel).kind
        if kind in owners and kind not in _TELLABLE:
            mistakes.append(
                ConfigMistake(
                    where, None, "STREAMS", repr(channel), f"only one of {owners[kind]} and {channel}: both are the {kind} series"
                )
            )
        owners.setdefault(kind, channel)
    streams: list[Stream] = []
    for symbol in dict.fromkeys(symbols):
        for channel in good:
            try:
                streams.append(spec.parse_stream(symbol, channel))
            except ValueError as fault:
                mistakes.append(ConfigMistake(where, None, "SYMBOLS", str(fault), "the venue's own words, like BTCUSDT"))
                break
    if mistakes:
        raise ConfigError(mistakes)
    return list({stream.name: stream for stream in streams}.values())
