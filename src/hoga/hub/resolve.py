"""hub.resolve: from a component's wish to streams, in the venue's own words. Pure.

What cannot be served is told symbol by symbol; the rest of the wish is served.
"""

from __future__ import annotations

from collections.abc import Mapping

from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.subscriptions import Mode, Resolved, SubscriptionSpec, unknown_venue
from hoga.venues.private import CHANNELS, EVERYTHING
from hoga.venues.spec import VenueSpec

__all__ = ["UNLISTED", "Resolver", "spelt"]

UNLISTED = "the venue lists no such symbol"
_MISSPELT = "not spelt like a symbol of this venue"


class Resolver:
    """Over the venues at hand. `known[venue]`: symbol → status as the venue lists them, once that is known.

    Streams are made once: a thousand components that want one stream share one object.
    """

    def __init__(self, venues: Mapping[str, VenueSpec]) -> None:
        self.venues = dict(venues)
        self.known: dict[str, Mapping[str, str]] = {}
        self._made: dict[tuple[str, str, str], Stream] = {}

    def __call__(self, component_id: str, wish: SubscriptionSpec) -> Resolved:
        """The streams of `wish` and what is wrong with the rest. Raises SubscriptionError when nothing of it makes sense."""
        symbols = tuple(wish.symbols)
        if wish.data_type.private:
            return self._private(component_id, wish, symbols or (EVERYTHING,))
        if not symbols:
            raise SubscriptionError(component_id, wish.venue or "", (), "no symbols")
        spec = self._venue_of(component_id, wish, symbols)
        channel = self._channel_of(component_id, wish, spec)
        names = [spelt(spec, symbol) for symbol in symbols]
        if not any(spec.is_symbol(name) for name in names):
            raise self._error(component_id, spec, wish, symbols, _MISSPELT)
        streams: list[Stream] = []
        errors: list[SubscriptionError] = []
        for symbol in dict.fromkeys(names):
            found = self._stream(spec, symbol, channel)
            if isinstance(found, Stream):
                streams.append(found)
            else:
                errors.append(self._error(component_id, spec, wish, (symbol,), found))
        return Resolved(streams, errors)

    def _error(self, component_id: str, spec: VenueSpec, wish: SubscriptionSpec, symbols: tuple[str, ...], why: str) -> SubscriptionError:
        near = checks.nearest(symbols[0], self.known.get(spec.name, ()))
        like = (
            [venue.name for venue in self.venues.values() if venue is not spec and venue.is_symbol(symbols[0])] if why == _MISSPELT else []
        )
        hint = f"did you mean {near}?" if near else f"{symbols[0]} is spelt like one of {', '.join(like)}" if like else None
        return SubscriptionError(component_id, spec.name, symbols, why, data_type=str(wish.data_type), hint=hint)

    def _private(self, component_id: str, wish: SubscriptionSpec, symbols: tuple[str, ...]) -> Resolved:
        """Of an account: of some symbols, or of all (`*`). What is about currencies is of the account, whatever the symbols."""
        spec = self._venue_of(component_id, wish, symbols)
        if spec.private is None or wish.data_type not in spec.private.decode:
            raise SubscriptionError(component_id, spec.name, symbols, f"has no {wish.data_type} stream here")
        if wish.mode is Mode.SNAPSHOT:
            raise SubscriptionError(component_id, spec.name, symbols, "private streams have no snapshot", hint="ask REST for it")
        whole = wish.data_type.of_the_account
        streams: list[Stream] = []
        errors: list[SubscriptionError] = []
        for symbol in dict.fromkeys((EVERYTHING,) if whole else (spelt(spec, symbol) for symbol in symbols)):
            if symbol != EVERYTHING and not self._is_known(spec, symbol):
                errors.append(self._error(component_id, spec, wish, (symbol,), UNLISTED))
                continue
            stream = self._made.get((spec.name, symbol, CHANNELS[wish.data_type])) or spec.private_stream(symbol, wish.data_type)
            self._made[spec.name, symbol, stream.channel] = stream
            streams.append(stream)
        return Resolved(streams, errors)

    def _is_known(self, spec: VenueSpec, symbol: str) -> bool:
        return spec.is_symbol(symbol) and symbol in self.known.get(spec.name, (symbol,))

    def forget(self, stream: Stream) -> None:
        """Nobody wants it any more."""
        self._made.pop((stream.venue, stream.symbol, stream.channel), None)

    def _venue_of(self, component_id: str, wish: SubscriptionSpec, symbols: tuple[str, ...]) -> VenueSpec:
        if wish.venue is not None:
            if wish.venue in self.venues:
                return self.venues[wish.venue]
            raise unknown_venue(component_id, wish.venue, self.venues, symbols)
        for like in (str, str.upper):
            for spec in self.venues.values():
                if any(spec.is_symbol(like(symbol)) for symbol in symbols):
                    self._check_alike(component_id, spec, symbols)
                    return spec
        raise SubscriptionError(component_id, "", symbols, "no venue has symbols like these", hint=f"name one of {', '.join(self.venues)}")

    def _check_alike(self, component_id: str, spec: VenueSpec, symbols: tuple[str, ...]) -> None:
        """One list is of one venue. Raises ArgumentError."""
        mine = next(symbol for symbol in symbols if spec.is_symbol(spelt(spec, symbol)))
        for symbol in symbols:
            other = next((each.name for each in self.venues.values() if each.is_symbol(spelt(each, symbol))), None)
            if other is not None and not spec.is_symbol(spelt(spec, symbol)):
                found = f"{mine!r} of {spec.name} and {symbol!r} of {other}"
                raise ArgumentError(component_id, "symbols", found, "symbols of one venue: one list is of one venue")

    def _channel_of(self, component_id: str, wish: SubscriptionSpec, spec: VenueSpec) -> str:
        channel = wish.channel or spec.channels.get(wish.data_type)
        if channel is None:
            raise SubscriptionError(component_id, spec.name, tuple(wish.symbols), f"has no {wish.data_type} stream here")
        channel = channel.replace("{interval}", wish.interval or spec.default_interval)
        try:
            if spec.channel_of(channel).record.decode is None:
                raise ValueError(f"{channel} can be recorded, but not served")
        except ValueError as fault:
            raise SubscriptionError(component_id, spec.name, tuple(wish.symbols), str(fault), data_type=str(wish.data_type)) from fault
        if (said := spec.describe(channel).data_type) is not wish.data_type:
            raise ArgumentError(component_id, "channel", f"{channel!r}, which is of {said}", f"a channel of {wish.data_type}")
        return channel

    def _stream(self, spec: VenueSpec, symbol: str, channel: str) -> Stream | str:
        made = self._made.get((spec.name, symbol, channel))
        if made is not None:
            return made
        if not spec.is_symbol(symbol):
            return _MISSPELT
        if spec.name in self.known and symbol not in self.known[spec.name]:
            return UNLISTED
        stream = spec.parse_stream(symbol, channel)
        self._made[spec.name, symbol, channel] = stream
        return stream


def spelt(spec: VenueSpec, symbol: str) -> str:
    """A symbol as the venue spells it, where only capitals are missing (`btcusdt`); any other text as it is."""
    upper = symbol.upper()
    return upper if symbol != upper and not spec.is_symbol(symbol) and spec.is_symbol(upper) else symbol
