"""simulator.faultwords: what can go wrong on command, in the words of scripts and of the admin door. Pure.

A `Fault` is a wish: what, when, to whom, for how long. Who keeps those that have begun: `simulator.faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from hoga.runtime.frames import TEXT

__all__ = ["REST", "TRANSFER_DEFECTS", "Asked", "Dialect", "Fault", "FaultKind", "FileDefect", "Out", "Printed"]

REST = "rest"
"""The connection of a request over HTTP, as faults' `connections` know it."""


class FaultKind(StrEnum):
    """Every fault by name, as scripts and the admin API spell it."""

    DELAY = "delay"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    SILENT = "silent"
    FREEZE = "freeze"
    GARBAGE = "garbage"
    BINARY_GARBAGE = "binary-garbage"
    TRUNCATED_JSON = "truncated-json"
    TRUNCATED_FRAME = "truncated-frame"
    OVERSIZED = "oversized"
    NO_STREAM = "no-stream"
    UNKNOWN_STREAM = "unknown-stream"
    EMPTY_SIDE = "empty-side"
    REFUSE_SUBSCRIBE = "refuse-subscribe"
    IGNORE_SUBSCRIBE = "ignore-subscribe"
    DEAF_SUBSCRIBE = "deaf-subscribe"
    HALF_OPEN = "half-open"
    CLOSE = "close"
    LIFETIME = "lifetime"
    SERVER_SHUTDOWN = "server-shutdown"
    REFUSE = "refuse"
    REFUSE_TCP = "refuse-tcp"
    REST_ERROR = "rest-error"
    REST_SLOW = "rest-slow"
    REPLY_LOST = "reply-lost"
    REPLY_SLOW = "reply-slow"
    FILE = "file"
    DENY_ORDER = "deny-order"
    STALE_LISTING = "stale-listing"
    PARTIAL_MARKET = "partial-market"
    LOST_EVENT = "lost-event"
    CHILD_FIRST = "child-first"
    REJECT_TRIGGER = "reject-trigger"
    EXPIRE_ORDER = "expire-order"
    LISTEN_KEY_GONE = "listen-key-gone"
    KEY_READS = "key-reads"
    KEY_WITHDRAWS = "key-withdraws"
    KEY_REVOKED = "key-revoked"
    KEY_EXPIRED = "key-expired"
    CLOCK_STEP = "clock-step"
    CLOCK_SKEW = "clock-skew"
    DELIST = "delist"


class FileDefect(StrEnum):
    """What can be wrong with a file of the historical archive, as scripts spell it: on its way, or as it is published."""

    CUT = "cut"
    SHORT = "short"
    STALL = "stall"
    SLOW = "slow"
    FLIP = "flip"
    HTML = "html"
    NO_RANGE = "no-range"

    MISSING = "missing"
    NO_SUM = "no-sum"
    WRONG_SUM = "wrong-sum"
    NO_NEWLINE = "no-newline"
    NO_ZIP = "no-zip"
    FOREIGN_MEMBER = "foreign-member"
    PARENT_NAME = "parent-name"
    ABSOLUTE_NAME = "absolute-name"
    BOMB = "bomb"
    REPUBLISHED = "republished"
    WRONG_DAY = "wrong-day"
    SHORT_DAY = "short-day"
    FEW_ROWS = "few-rows"
    LACKS_DAYS = "lacks-days"
    ROW_HOLE = "row-hole"
    UNSORTED = "unsorted"
    DOUBLED = "doubled"
    CONFLICT = "conflict"
    BROKEN_ROW = "broken-row"
    MILLIS = "millis"
    MICROS = "micros"
    HEADER = "header"
    NO_HEADER = "no-header"
    LOWER_TRUTH = "lower-truth"
    SHOUTED_TRUTH = "shouted-truth"


TRANSFER_DEFECTS = frozenset(list(FileDefect)[: list(FileDefect).index(FileDefect.MISSING)])
"""Defects of one transfer; the others are in the published file for as long as the fault lasts."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault to inject.

    `at_s` is seconds of simulated time after the start (scripts) or from now (live). `duration_s` None means for ever
    for faults that last. `count` ends the fault after that many affected frames (or refusals, or REST replies); a
    `count` of frames is the exact way to do something once. `probability` and `every` thin out per matching frame.
    `streams` and `connections` are globs. So are `paths`, `methods` (HTTP's, also of what a WebSocket API's methods stand for) and `orders`
    (the client's id of an order, "" where none is named), by which a fault of requests chooses; `symbol` chooses by the request's market.
    A request over HTTP has the connection "rest". `events` is a glob, too: `ORDER_TRADE_UPDATE/TRADE/BTCUSDT` is the name of an account's
    event. What a parameter means depends on the fault:

    - delay: `ms` plus up to `jitter_ms`, order within a stream kept.
    - garbage, binary-garbage, oversized (`size_bytes`), no-stream, unknown-stream: `mode` "inject" (default) sends the odd
      frame before the real one, "replace" instead of it. truncated-json, empty-side: "replace" is the default.
    - refuse-subscribe: requests that name one of `streams` (the venue's own names) get an error, with `reason` as its words, and
      nothing of them is carried out. ignore-subscribe: no answer, nothing carried out. deaf-subscribe: agreed to, where the
      venue says so, and the matching streams never come. `count` is of requests; streams in a URL are left alone.
    - close: `code`, `reason`; code 1006 resets the TCP connection. lifetime: the 24 h cut, now.
    - half-open: nothing is read, sent or closed any more; TCP is reset when the fault ends.
    - server-shutdown: announces, and closes with `code` (1001) after `after_s`.
    - refuse: handshakes get HTTP `status` with `retry_after_s`. refuse-tcp: the port does not answer.
    - rest-error: the request is not carried out, and answered with HTTP `status` (with `retry_after_s` where it has one; 0: the connection
      is cut); `code` (or `name`, where errors have names) and `reason` are the error's own. rest-slow: it is carried out `ms` later, and
      then answered.
    - reply-lost: the request is carried out, and its answer replaced by `status`, `code`, `name` and `reason` as above (`status` 0: the
      connection is cut). reply-slow: it is carried out at once, and answered `ms` later.
    - deny-order: requests that ask for a matching order, or cancel it, are told that there is none, though it lives; listings have it.
    - stale-listing: listings (open orders, positions, balances) are as of `ms` before, but not as of before the fault began.
    - partial-market: a market order is filled up to `share` of it, and the rest expires.
    - lost-event: an event of an account is never told, to nobody. `drop`, `delay`, … with `events` work on each connection by itself.
    - child-first: TRIGGERED of a conditional order is told only after what its child did.
    - reject-trigger: the order that a triggered conditional one becomes is refused, with `reason` as the venue's words.
    - expire-order: the venue ends the matching open orders (`orders`, `symbol`), conditional ones too, once.
    - listen-key-gone: listen keys of accounts whose API key matches the glob `key` are deleted, as another client may do it.
    - file: `defect` of the historical archive's files whose `paths` match. Those of a transfer (`TRANSFER_DEFECTS`) take `count`,
      `every` and `probability` a request; `ms` is the pause between pieces of `slow`, and before a `stall` ends. The others are in
      the published file while the fault lasts, whoever asks; `probability` then chooses files, always the same ones.
    - key-revoked, key-expired: API keys that match the glob `key` are no longer good while the fault lasts. key-reads: they may ask and not
      trade. key-withdraws: they may withdraw, too, and say so where the venue tells what a key may do.
    - clock-step: printed times move by `ms`. clock-skew: they run `ppm` fast.
    - delist: `symbol` leaves trading; its streams fall silent.
    """

    fault: FaultKind
    at_s: float = 0.0
    duration_s: float | None = None
    count: int | None = None
    probability: float = 1.0
    every: int = 1
    streams: str = "*"
    connections: str = "*"
    paths: str = "*"
    methods: str = "*"
    orders: str = "*"
    events: str = "*"
    mode: Literal["inject", "replace"] | None = None
    ms: float = 0.0
    jitter_ms: float = 0.0
    code: int | None = None
    name: str = ""
    reason: str = ""
    status: int = 503
    retry_after_s: int | None = None
    after_s: float = 5.0
    size_bytes: int = 10 * 1024 * 1024
    symbol: str = ""
    key: str = "*"
    ppm: float = 0.0
    share: float = 0.5
    defect: FileDefect = FileDefect.CUT


class Asked(NamedTuple):
    """One request, as faults choose by it. `client_id` is the client's name for the order that it is about, "" where it names none."""

    method: str
    path: str
    symbol: str = ""
    client_id: str = ""
    connection: str = REST


class Printed(NamedTuple):
    """One frame as a connection's form prints it. `payload` is the venue's object without what wraps it in `text`; `event` is the name of
    an account's event, "" for market frames."""

    text: bytes
    payload: bytes
    opcode: int = TEXT
    event: str = ""


class Dialect(NamedTuple):
    """How a venue's frames look when they are wrong: the frame's text for a fault that must stay in the venue's style.

    `oversized(stream, size_bytes)`; `no_stream(payload)` names no stream; `unknown_stream(payload)` one that nobody
    asked for; `empty_side(text)` has one side of its book emptied, or is unchanged where there is no book.
    """

    oversized: Callable[[str, int], bytes]
    no_stream: Callable[[bytes], bytes]
    unknown_stream: Callable[[bytes], bytes]
    empty_side: Callable[[bytes], bytes]


class Out(NamedTuple):
    """One frame for the wire. `role`: "real", "copy" (a duplicate) or "odd" (made by a fault).
    `torn`: send only half of the frame, then cut the connection."""

    opcode: int
    data: bytes
    delay_ns: int = 0
    role: str = "real"
    torn: bool = False
