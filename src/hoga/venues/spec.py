"""venues.spec: the shape of a venue's description. Pure data; the venue's folder fills it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hoga.book.sync import BookRules
from hoga.columns.shapes import Shape
from hoga.core.instrument import Instrument
from hoga.core.market import Body, DataType
from hoga.core.secret import Credentials
from hoga.core.streams import Kind, Stream
from hoga.venues.history import HistorySpec
from hoga.venues.line import LineTalk
from hoga.venues.orders import OrdersSpec
from hoga.venues.private import CHANNELS, EVERYTHING, PrivateSpec
from hoga.venues.records import RecordFacts
from hoga.venues.refill import Refill
from hoga.venues.ticks import BookLineReader, BookLinesReader, CandleReads, LinesReader, TickReader

__all__ = ["Answer", "ChannelSpec", "FrameKey", "Limits", "RequestRules", "RestLimit", "RestPaths", "VenueSpec"]

_NEVER_S = 1e12
"""An account may be quiet for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """One kind of feed.

    `kind`: the archive's word (`core.streams.Kind`, perhaps with a tail). `record`: what its payloads say. `data_type`: what a
    consumer gets; None where only the recorder takes it.
    `silence_floor_s`: no stream that has come is called silent sooner. `first_frame_s`: a subscribed stream that has brought nothing after
    so long is called silent and asked for again; None where that proves nothing (a symbol without trades). It is then asked for again
    after `silence_floor_s`, and called silent after `never_s` (None: never).
    `alternate_kind`: the kind that it feeds where another recorded channel has the same `kind`. None when the payloads tell the two
    apart (they share the series), or when this channel keeps the name.
    """

    kind: str
    record: RecordFacts
    silence_floor_s: float
    first_frame_s: float | None = None
    never_s: float | None = None
    data_type: DataType | None = None
    alternate_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Documented limits of the venue's market streams, each with its source in the README of the venue's folder.

    `connects_per_window`: connects within `connect_window_s`. `lifetime_s`: the venue cuts a connection after so long. `url_max_chars`,
    `subscribe_batch`: the longest URL, and the most names in one request, that we send. `control_frames_per_min`: None where there
    is no such limit. `ping_every_s`: we ping at least so often; None where the venue pings. `longest_ban_s`: no refusal is obeyed for
    longer, whatever it asks for (the longest ban that any venue documents is 3 days).
    """

    streams_per_connection: int
    control_frames_per_s: int
    connects_per_window: int
    connect_window_s: float
    lifetime_s: float
    url_max_chars: int
    subscribe_batch: int
    control_frames_per_min: int | None = None
    ping_every_s: float | None = None
    longest_ban_s: float = 259_200.0


@dataclass(frozen=True, slots=True)
class RestLimit:
    """At most `limit` in `window_s`, of what the venue's headers call `group`. `orders`: it counts an account's orders, not an address."""

    group: str
    limit: int
    window_s: float
    orders: bool = False


def _never(body: bytes) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RestPaths:
    """Paths and weights of the public REST calls that hoga makes itself.

    `time`: of the venue's clock, None where no call tells it. `book`: of a depth snapshot of up to `book_levels` levels a side, with
    `{symbol}` and `{levels}` to be filled in; None where the stream brings whole books. `limits`: the first one counts every call that
    names no group, by its weight (1, `instruments_weight`, `book_weight`); the others count the calls that name them (`Request.groups`).
    `usage(headers)` gives (group, how much of its limit is used up) for each group that an answer's headers tell of. `apart`: a group
    that is used up leaves the others open; else the venue wants to be left alone as a whole. `is_late(body)`: whether a refusal is about
    the time that the request was signed with.
    """

    time: str | None
    instruments: str
    limits: tuple[RestLimit, ...]
    usage: Callable[[Mapping[str, str]], list[tuple[str, int]]]
    book: str | None = None
    instruments_weight: int = 1
    book_weight: int = 1
    apart: bool = False
    is_late: Callable[[bytes], bool] = _never
    book_levels: int = 1000


@dataclass(frozen=True, slots=True)
class FrameKey:
    """How a data frame says whose it is: its bytes up to, and without, the first `until` at or after byte `start`."""

    until: bytes = b"{"
    start: int = 12


class Answer(NamedTuple):
    """What the venue says to a control request. `number`: the request's number, None when the answer has none. `complaint`: the
    refusal in the venue's words, "" when it agrees. `names`: the wire names that it lists as subscribed, None when this is no list.
    An answer that has none of the three is a sign of life."""

    number: int | None = None
    complaint: str = ""
    names: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RequestRules:
    """What proves that a request was carried out.

    `acknowledged`: each is answered by its number. Elsewhere only a stream's first frame proves it, or its place in the
    answer to `listing(request_id)` (None where there is no such request). `answer_s`: how long that may take.
    """

    acknowledged: bool = True
    answer_s: float = 5.0
    listing: Callable[[int], bytes] | None = None


def _as_it_is(payload: bytes) -> bytes:
    return payload


@dataclass(frozen=True, slots=True)
class VenueSpec:
    """Everything hoga needs to know of a venue to record it and to serve it.

    `name`: of configuration sections and archive folders; `title`: for people; `examples`: channels to show in messages.
    `parse_stream(symbol, channel)` gives the Stream, or raises ValueError naming what is wrong with it.
    `channel_of(channel)` gives its ChannelSpec, `channels_for(kind)` those that feed series of that kind.
    `snapshot_channel`: hoga's own name for the books that are asked for over REST (`RestPaths.book`); what came of them is recorded like
    a channel's frames, and no stream brings it. None where the stream brings whole books.
    `probe_channel`: what is subscribed, unrecorded, for latency when no recorded stream of a symbol carries an event time.
    `route_of(stream)`: streams of different routes cannot share a connection. `connect_path(route, names)` is the request
    target that opens a connection with these streams (possibly none). `subscribe(names, request_id)` / `unsubscribe(...)` are the
    control frames. `replace(fresh, known, request_id)`: where a request replaces everything subscribed on the connection, the request
    for both, with snapshots for `fresh` only; None where subscribing adds. There, `unsubscribe` is None instead.
    `frame_key(stream)` is how a data frame of the stream begins, up to the mark of `key`; where `wrapped`, the payload
    follows and `}` ends it, else the whole frame is the payload.
    `listing(request_id)` asks for the names of what is subscribed on the connection; None where nothing tells.
    `compact`: the same venue in a shorter spelling on the wire, None where it has one only; `usual(payload)` gives a payload in the
    usual spelling, whichever it came in (raises ValueError).
    `is_shutdown_notice(frame)`: whether it says that the venue is about to end the connection.
    `split(frame)` gives (wire name, payload bytes) of any data frame, None when it is none.
    `answer(frame)`: what the frame says to a control request, None when it is no answer. `requests`: what proves one.
    `server_time_ms(body)`, `instruments(body)` and `book(body)` (a depth snapshot) read the REST replies. A list is read at once
    as far as it takes to know that it is one, and each instrument when its turn comes.
    `same_cut`: (channel of a book, channel of deltas) that the venue cuts at the same moments: the one's id is the other's.
    `book_rules`: how deltas chain to a REST snapshot and to one another; None where the stream brings whole books.
    `channels`: the channel that serves a type of data, `{interval}` to be filled in (`default_interval` where none is asked for).
    `is_symbol(text)`: could be one of the venue's.
    `classic`: kind → how the classic recorder spelt its records of this venue, without hoga's envelope.
    `history`: its archive of files, None where it has none. `refills`: the channels of trades that can be asked for afterwards.
    `ticks`: payloads of a type of data as events in integers, for whoever trades; `tick_lines`:
    the same of many recorded lines at once, `book_line`, `book_lines`: of one that holds a book, and of many, where there are
    faster ways; `candles`: how closed bars are asked for, None: not.
    `private`: what it tells of an account, None where hoga cannot ask. `orders`: how orders are given, None where hoga cannot;
    `talk(keys)`: what is said on its WebSocket API, None where it has none. All other functions are about public streams.
    """

    name: str
    title: str
    limits: Limits
    rest: RestPaths
    probe_channel: str | None
    parse_stream: Callable[[str, str], Stream]
    channel_of: Callable[[str], ChannelSpec]
    channels_for: Callable[[str], tuple[ChannelSpec, ...]]
    route_of: Callable[[Stream], str]
    connect_path: Callable[[str, list[str]], str]
    subscribe: Callable[[list[str], int], bytes]
    unsubscribe: Callable[[list[str], int], bytes] | None
    frame_key: Callable[[Stream], bytes]
    split: Callable[[bytes], tuple[str, bytes] | None]
    is_shutdown_notice: Callable[[bytes], bool]
    answer: Callable[[bytes], Answer | None]
    server_time_ms: Callable[[bytes], int] | None
    instruments: Callable[[bytes], Iterator[Instrument]]
    is_symbol: Callable[[str], bool]
    channels: Mapping[DataType, str]
    requests: RequestRules = RequestRules()
    examples: tuple[str, ...] = ()
    key: FrameKey = field(default_factory=FrameKey)
    wrapped: bool = True
    replace: Callable[[list[str], list[str], int], bytes] | None = None
    listing: Callable[[int], bytes] | None = None
    compact: VenueSpec | None = None
    usual: Callable[[bytes], bytes] = _as_it_is
    book: Callable[[bytes], Body] | None = None
    default_interval: str = "1m"
    private: PrivateSpec | None = None
    orders: OrdersSpec | None = None
    talk: Callable[[Credentials], LineTalk] | None = None
    ticks: Mapping[DataType, TickReader] = field(default_factory=dict)
    tick_lines: Mapping[DataType, LinesReader] = field(default_factory=dict)
    book_line: BookLineReader | None = None
    book_lines: BookLinesReader | None = None
    candles: CandleReads | None = None
    classic: Mapping[Kind, Shape] = field(default_factory=dict)
    same_cut: tuple[tuple[str, str], ...] = ()
    book_rules: BookRules | None = None
    history: HistorySpec | None = None
    refills: tuple[Refill, ...] = ()
    snapshot_channel: str | None = None

    def describe(self, channel: str) -> ChannelSpec:
        """The description of a channel, public or private. Raises ValueError for one that does not exist."""
        data_type = self.private.type_of(channel) if self.private is not None else None
        if data_type is None or self.private is None:
            return self.channel_of(channel)
        sent_key = self.private.sent_key if data_type not in self.private.moves else None
        record = RecordFacts(decode=self.private.decode[data_type], manner_keys=() if sent_key is None else (sent_key,))
        return ChannelSpec(kind=data_type, record=record, silence_floor_s=_NEVER_S, data_type=data_type)

    def is_private(self, channel: str) -> bool:
        """Whether a channel is about an account."""
        return self.private is not None and self.private.type_of(channel) is not None

    def private_stream(self, symbol: str, data_type: DataType) -> Stream:
        """The stream of one symbol's private data, or of the account's (`EVERYTHING`). Raises ValueError for what there is not."""
        if self.private is None or data_type not in self.private.decode:
            raise ValueError(f"{self.name} has no {data_type} stream")
        if symbol != EVERYTHING and not self.is_symbol(symbol):
            raise ValueError(f"{symbol!r} cannot be a symbol")
        channel = CHANNELS[data_type]
        return Stream(venue=self.name, symbol=symbol, channel=channel, name=f"{symbol}@{channel}", kind=data_type)
