"""hub.subscriptions: who wants what, merged into what must be subscribed. Pure.

    register(component) ──▶ wants by stream ──▶ what each wire must bring (`wanted`)
    unregister(component) ─▶ exactly what nobody else wants disappears

Counted per stream and component, never per type: of three components that overlap, one that leaves takes only what it
alone wanted. A SNAPSHOT want is served by the first frame (or the latest value) and ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import force_setattr

from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.states import WebSocketType
from hoga.venues.registry import VENUES

__all__ = [
    "Change", "ComponentSubscription", "Mode", "Resolved", "SubscriptionSpec", "SubscriptionStateManager", "WantedSet",
    "checked_specs", "unknown_venue",
]  # fmt: skip


class Mode(StrEnum):
    """What of a stream is wanted.

    BOTH: what is now (the latest that is known, or the venue's snapshot), then everything that comes. SNAPSHOT: what is now,
    once. REALTIME: what comes, and nothing that the venue marks as telling what was before.
    """

    BOTH = "both"
    SNAPSHOT = "snapshot"
    REALTIME = "realtime"


class SubscriptionSpec(msgspec.Struct, frozen=True):
    """One wish: a type of data for symbols. Of private data, no symbols means the whole account.

    `venue` None: the one whose symbols look like these. `interval` is of candles, in the venue's words, None for its
    default. `channel` names the venue's own channel instead of the usual one of the type (`depth5@100ms`, `orderbook.5`).
    Types and modes may be given by their value or name ("orderbook", "SNAPSHOT"). Raises ArgumentError for what makes no
    sense, SubscriptionError for a venue that hoga does not know. One list of symbols is of one venue.
    """

    data_type: DataType
    symbols: Sequence[str]
    venue: str | None = None
    mode: Mode = Mode.BOTH
    interval: str | None = None
    channel: str | None = None

    def __post_init__(self) -> None:
        who = "SubscriptionSpec"
        data_type = checks.choice(DataType, self.data_type, who, "data_type")
        named: object = self.symbols
        symbols = checks.texts(() if named is None and data_type.private else named, who, "symbols")
        force_setattr(self, "data_type", data_type)
        force_setattr(self, "symbols", symbols)
        force_setattr(self, "mode", checks.choice(Mode, self.mode, who, "mode"))
        checks.maybe_text(self.interval, who, "interval", "1m")
        checks.maybe_text(self.channel, who, "channel", "depth20@100ms")
        if self.interval is not None and data_type is not DataType.CANDLE:
            raise ArgumentError(who, "interval", checks.shown(self.interval), f"nothing: of {data_type} there are no intervals")
        for symbol in symbols if not data_type.private else ():
            if symbol == "*" or symbol.upper().partition(":")[0] == "ALL":
                expected = "symbols by their names: `await manager.symbols(venue)` gives all that a venue trades"
                raise ArgumentError(who, "symbols", checks.shown(symbol), expected)
        if checks.maybe_text(self.venue, who, "venue", next(iter(VENUES))) not in (None, *VENUES):
            raise unknown_venue(who, str(self.venue), VENUES, symbols)


def unknown_venue(who: str, venue: str, venues: Iterable[str], symbols: tuple[str, ...] = ()) -> SubscriptionError:
    """What to say of a venue there is not."""
    names = list(venues)
    near = checks.nearest(venue, names)
    hint = f"did you mean {near}?" if near else None
    return SubscriptionError(who, venue, symbols, f"unknown venue, expected one of {', '.join(names)}", hint=hint)


def checked_specs(specs: object, who: str) -> list[SubscriptionSpec]:
    """The wishes of a component. Raises ArgumentError when they are none."""
    if isinstance(specs, SubscriptionSpec):
        raise ArgumentError(who, "subscriptions", checks.shown(specs), "a list of SubscriptionSpec", near="[SubscriptionSpec(…)]")
    if isinstance(specs, str | bytes) or not isinstance(specs, Iterable):
        raise ArgumentError(who, "subscriptions", checks.shown(specs), "a list of SubscriptionSpec")
    found = list(specs)
    for each in found:
        if not isinstance(each, SubscriptionSpec):
            raise ArgumentError(who, "subscriptions", checks.shown(each), "a list of SubscriptionSpec")
    return found


class Resolved(NamedTuple):
    """What a wish means: its streams, and the symbols that cannot be one."""

    streams: list[Stream]
    errors: list[SubscriptionError]


Resolve = Callable[[str, SubscriptionSpec], Resolved]
"""From (component id, wish) to streams. Raises SubscriptionError when nothing of the wish makes sense."""


class ComponentSubscription(msgspec.Struct, kw_only=True):
    """What one component has asked for. `errors`: what could not be served, as it becomes known. `active` is False after it left."""

    component_id: str
    specs: tuple[SubscriptionSpec, ...]
    streams: dict[Stream, Mode]
    errors: list[SubscriptionError]
    active: bool = True


class Change(NamedTuple):
    """Streams that begin or end to be wanted by anybody."""

    added: list[Stream]
    removed: list[Stream]


class WantedSet(NamedTuple):
    """All that one wire must bring, in the order it was asked for."""

    venue: str
    kind: WebSocketType
    streams: list[Stream]


class SubscriptionStateManager:
    """The wants of all components. `resolve` gives the streams of a wish; `type_of` the type of data of a stream."""

    def __init__(self, resolve: Resolve, *, private: Callable[[Stream], bool] = lambda stream: False) -> None:
        self._resolve = resolve
        self._private = private
        self._components: dict[str, ComponentSubscription] = {}
        self._wants: dict[Stream, dict[str, Mode]] = {}

    def register(self, component_id: str, specs: Iterable[SubscriptionSpec]) -> tuple[ComponentSubscription, Change]:
        """Add a component's wishes. Registering an id again replaces what it wanted before.

        Raises SubscriptionError when a wish makes no sense at all; then nothing has changed.
        """
        wishes = tuple(specs)
        streams: dict[Stream, Mode] = {}
        errors: list[SubscriptionError] = []
        for wish in wishes:
            found = self._resolve(component_id, wish)
            errors += found.errors
            for stream in found.streams:
                streams[stream] = wish.mode if streams.get(stream, wish.mode) is wish.mode else Mode.BOTH
        before = self._components.get(component_id)
        subscription = ComponentSubscription(component_id=component_id, specs=wishes, streams=streams, errors=errors)
        self._components[component_id] = subscription
        gone = [stream for stream in before.streams if stream not in streams] if before is not None else []
        if before is not None:
            before.active = False
        removed = [stream for stream in gone if self._drop(stream, component_id)]
        added = [stream for stream, mode in streams.items() if self._add(stream, component_id, mode)]
        return subscription, Change(added, removed)

    def modes_of(self, component_id: str) -> dict[Stream, Mode]:
        """What the component wants now, and what of it."""
        subscription = self._components.get(component_id)
        return dict(subscription.streams) if subscription is not None else {}

    def unregister(self, component_id: str) -> Change:
        """The component leaves. Unknown ids change nothing."""
        subscription = self._components.pop(component_id, None)
        if subscription is None:
            return Change([], [])
        subscription.active = False
        return Change([], [stream for stream in subscription.streams if self._drop(stream, component_id)])

    def snapshot_served(self, component_id: str, stream: Stream) -> Change:
        """A component that wanted only what is now has it."""
        subscription = self._components.get(component_id)
        if subscription is None or subscription.streams.get(stream) is not Mode.SNAPSHOT:
            return Change([], [])
        del subscription.streams[stream]
        return Change([], [stream] if self._drop(stream, component_id) else [])

    def reject(self, stream: Stream, why: str, *, data_type: str = "") -> list[ComponentSubscription]:
        """The venue does not serve `stream`: nobody wants it any more; returns whom to tell (their `errors` hold it)."""
        told = []
        for component_id in self._wants.pop(stream, {}):
            subscription = self._components[component_id]
            subscription.streams.pop(stream, None)
            subscription.errors.append(SubscriptionError(component_id, stream.venue, (stream.symbol,), why, data_type=data_type))
            told.append(subscription)
        return told

    def wanted(self) -> list[WantedSet]:
        """What every wire must bring, one set per venue and kind."""
        sets: dict[tuple[str, WebSocketType], list[Stream]] = {}
        for stream in self._wants:
            kind = WebSocketType.PRIVATE if self._private(stream) else WebSocketType.PUBLIC
            sets.setdefault((stream.venue, kind), []).append(stream)
        return [WantedSet(venue, kind, streams) for (venue, kind), streams in sets.items()]

    def components_of(self, stream: Stream) -> dict[str, Mode]:
        """Who wants the stream, and what of it."""
        return dict(self._wants.get(stream, {}))

    def is_wanted(self, stream: Stream) -> bool:
        """Whether anybody wants it."""
        return stream in self._wants

    @property
    def streams(self) -> int:
        """How many streams are wanted."""
        return len(self._wants)

    # -- the names that users of such managers know --------------------------------------------------------------

    async def register_component_subscriptions(self, component_id: str, subscriptions: list[SubscriptionSpec]) -> ComponentSubscription:
        """`register`, without what changed."""
        return self.register(component_id, subscriptions)[0]

    async def unregister_component(self, component_id: str) -> None:
        """`unregister`."""
        self.unregister(component_id)

    def get_active_subscriptions(self) -> dict[str, ComponentSubscription]:
        """By component id."""
        return dict(self._components)

    async def optimize_subscription_requests(self) -> list[WantedSet]:
        """`wanted`: the fewest sets that serve everybody."""
        return self.wanted()

    def _add(self, stream: Stream, component_id: str, mode: Mode) -> bool:
        wants = self._wants.get(stream)
        if wants is None:
            self._wants[stream] = {component_id: mode}
            return True
        wants[component_id] = mode
        return False

    def _drop(self, stream: Stream, component_id: str) -> bool:
        wants = self._wants.get(stream)
        if wants is None:
            return False
        wants.pop(component_id, None)
        if wants:
            return False
        del self._wants[stream]
        return True
