"""app.stream_plan: from configured symbols and stream names to streams, every mistake named. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.instrument import Instrument
from hoga.core.streams import Stream
from hoga.venues.endpoints import VENUE_DEFAULTS
from hoga.venues.spec import VenueSpec

__all__ = ["EVERY_SYMBOL", "every_symbol", "is_every_symbol", "named", "plan_streams"]

EVERY_SYMBOL = "ALL"
"""The word for all symbols; `ALL:USDT` for all that are paid in one asset."""

_LONGEST_BYTES = 100
"""The names of an archive's files hold the symbol, and a file system takes 255 bytes."""


def is_every_symbol(word: str) -> bool:
    """Whether a word of SYMBOLS stands for many: `ALL`, or `ALL:` and an asset."""
    head, colon, asset = word.upper().partition(":")
    return head == EVERY_SYMBOL and (not colon or asset.isalnum())


def named(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of SYMBOLS that name one symbol each."""
    return tuple(word for word in words if not is_every_symbol(word))


def every_symbol(spec: VenueSpec, words: tuple[str, ...], listed: Mapping[str, Instrument]) -> tuple[str, ...]:
    """What the words of SYMBOLS name, given what the venue lists: those that trade, and those named one by one."""
    trading = sorted(symbol for symbol, each in listed.items() if each.is_trading and spec.is_symbol(symbol))
    found: dict[str, None] = {}
    for word in words:
        if not is_every_symbol(word):
            found[word] = None
            continue
        asset = word.upper().partition(":")[2]
        found |= dict.fromkeys(symbol for symbol in trading if not asset or listed[symbol].quote == asset)
    return tuple(found)


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
            if channel == spec.snapshot_channel:
                raise ValueError(
                    "expected a stream of the venue's: snapshots of books are asked for beside their deltas (BOOK_SNAPSHOT_MIN)"
                )
            spec.channel_of(channel)
            good.append(channel)
        except ValueError as fault:
            near = get_close_matches(channel, spec.examples, n=1)
            expected = str(fault).partition("expected ")[2] or str(fault)
            mistakes.append(ConfigMistake(where, None, "STREAMS", repr(channel), expected, near[0] if near else None))
    kinds = _kinds(spec, good)
    streams: list[Stream] = []
    for symbol in dict.fromkeys(symbols):
        wrong = _wrong_symbol(spec, symbol, where)
        if wrong is not None:
            mistakes.append(wrong)
            continue
        streams += [msgspec.structs.replace(spec.parse_stream(symbol.upper(), channel), kind=kinds[channel]) for channel in good]
    if mistakes:
        raise ConfigError(mistakes)
    return list({stream.name: stream for stream in streams}.values())


def _wrong_symbol(spec: VenueSpec, symbol: str, where: str) -> ConfigMistake | None:
    """What is wrong with the spelling of a symbol, None when nothing is."""
    if is_every_symbol(symbol):
        return ConfigMistake(where, None, "SYMBOLS", repr(symbol), "symbols that were looked up at the venue")
    if not spec.is_symbol(symbol.upper()):
        found = repr(symbol if len(symbol) <= 40 else f"{symbol[:37]}...")
        defaults = VENUE_DEFAULTS.get(spec.name)
        likely = defaults.symbols if defaults is not None else ()
        like = f", like {likely[0]}" if likely else ""
        expected = f"a symbol as {spec.title} spells it{like}, or {EVERY_SYMBOL}"
        return ConfigMistake(where, None, "SYMBOLS", found, expected, _nearest_symbol(spec, symbol, likely))
    if len(symbol.encode()) > _LONGEST_BYTES:
        found = f"a symbol of {len(symbol.encode())} bytes ({symbol[:12]!r}...)"
        return ConfigMistake(where, None, "SYMBOLS", found, f"at most {_LONGEST_BYTES}: files are named after it")
    return None


def _nearest_symbol(spec: VenueSpec, text: str, likely: tuple[str, ...]) -> str | None:
    """The symbol that was meant: one of the usual ones, or the same letters without what no symbol has."""
    if text.strip("*") == "":
        return EVERY_SYMBOL
    upper = text.upper()
    near = get_close_matches(upper, likely, n=1, cutoff=0.85)
    if near:
        return near[0]
    bare = upper.partition(".")[0]
    tries = (bare, bare.replace("/", "-").replace("_", "-"), "".join(sign for sign in bare if sign.isalnum()))
    separators = sum(not sign.isalnum() for sign in bare)
    return next((each for each in tries if separators <= 1 and 3 < len(each) <= _LONGEST_BYTES and spec.is_symbol(each)), None)


def _kinds(spec: VenueSpec, channels: list[str]) -> dict[str, str]:
    """The archive kind of each channel, given the others."""
    usual = [spec.channel_of(channel).kind for channel in channels]
    kinds = {}
    for channel in channels:
        described = spec.channel_of(channel)
        crowded = usual.count(described.kind) > 1
        kinds[channel] = described.alternate_kind if crowded and described.alternate_kind is not None else described.kind
    return kinds
