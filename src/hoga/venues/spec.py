"""venues.spec: the shape of a venue's description. Pure data; the venue's folder fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hoga.core.streams import Stream

__all__ = ["ChannelSpec", "Limits", "RestPaths", "VenueSpec"]


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One kind of feed.

    `kind`: the archive's word. `first_key`/`last_key`: the payload keys of its ids (equal for single ids), None when
    it has none. `contiguous`: ids prove holes. `event_key`: payload key of the venue's event time in ms, None when
    the payload has none. `first_frame_s`: a subscribed stream that brought nothing after so long is suspect, None
    when silence proves nothing (a symbol without trades). `silence_floor_s`: never call it silent sooner.
    `alternate_kind`: the kind to use beside another channel of the same kind, None when the payloads tell the two apart
    (they share the series) or when this is the one that keeps the name.
    """

    kind: str
    first_key: str | None
    last_key: str | None
    contiguous: bool
    event_key: str | None
    first_frame_s: float | None
    silence_floor_s: float
    alternate_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Documented limits of the venue's market streams, each with its source in the venue's README."""

    streams_per_connection: int
    control_frames_per_s: int
    connects_per_window: int
    connect_window_s: float
    lifetime_s: float
    url_max_chars: int
    subscribe_batch: int


@dataclass(frozen=True, slots=True)
class RestPaths:
    """Paths of the public REST calls hoga makes itself; None where the venue has none."""

    time: str
    instruments: str


@dataclass(frozen=True, slots=True)
class VenueSpec:
    """Everything hoga needs to know of a venue to record it.

    `parse_stream(symbol, channel)` gives the Stream, or raises ValueError naming what is wrong with it.
    `channel_of(channel)` gives its ChannelSpec. `probe_channel`: what is subscribed, unrecorded, for latency when
    no recorded stream of a symbol carries an event time. `connect_path(streams)` is the request target that opens
    a connection with these streams (possibly none). `subscribe(names, request_id)` / `unsubscribe(...)` are the
    control frames. `frame_key(stream)` is how a data frame of the stream begins, up to its payload's `{`.
    `split(frame)` gives (wire name, payload bytes) of any data frame, None when it is none.
    `reply(frame)`: None when the frame is no answer to a control request, else what the venue complains of ("" for none).
    `server_time_ms(body)` and `symbols(body)` read the REST replies.
    """

    name: str
    title: str
    limits: Limits
    rest: RestPaths
    probe_channel: str | None
    parse_stream: Callable[[str, str], Stream]
    channel_of: Callable[[str], ChannelSpec]
    connect_path: Callable[[list[str]], str]
    subscribe: Callable[[list[str], int], bytes]
    unsubscribe: Callable[[list[str], int], bytes]
    frame_key: Callable[[Stream], bytes]
    split: Callable[[bytes], tuple[str, bytes] | None]
    is_shutdown_notice: Callable[[bytes], bool]
    reply: Callable[[bytes], str | None]
    server_time_ms: Callable[[bytes], int]
    symbols: Callable[[bytes], dict[str, str]]
