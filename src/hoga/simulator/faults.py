"""simulator.faults: what can go wrong on command, and the desk that decides it per frame. Pure: chance is seeded, time an argument.

A `Fault` is a wish: what, when, to whom, for how long. `FaultDesk` keeps the active ones and is asked for every market
frame (`route`); it answers with what to put on the wire instead, and counts every frame it touched. Faults of
connections, of the handshake, of REST and of the clock are carried out by the shell, which asks `started` for them.
"""

from __future__ import annotations

import re
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum
from fnmatch import translate
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, TypeVar

import msgspec

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.runtime.frames import BINARY, TEXT

__all__ = [
    "FRAME_FAULTS",
    "REST",
    "TRANSFER_DEFECTS",
    "ActiveFault",
    "Asked",
    "Dialect",
    "Fault",
    "FaultDesk",
    "FaultKind",
    "FileDefect",
    "Out",
    "Printed",
    "read_script",
]

S_NS = 1_000_000_000
REST = "rest"
"""The connection of a request over HTTP, as faults' `connections` know it."""

T = TypeVar("T")


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


class ActiveFault:
    """A fault that has begun. `affected` counts per stream (per path for REST faults, "" where neither applies)."""

    def __init__(self, number: int, fault: Fault, now_ns: int) -> None:
        self.number = number
        self.fault = fault
        self.began_ns = now_ns
        self.ends_ns = None if fault.duration_s is None else now_ns + int(fault.duration_s * S_NS)
        self.affected: Counter[str] = Counter()
        self.done = False
        self.held: dict[tuple[str, str], Out] = {}
        self.hit_connections: set[str] = set()
        self._seen = 0
        self._left = fault.count
        self._streams = re.compile(translate(fault.streams))
        self._connections = re.compile(translate(fault.connections))
        self._paths = re.compile(translate(fault.paths))
        self._methods = re.compile(translate(fault.methods))
        self._orders = re.compile(translate(fault.orders))
        self._events = re.compile(translate(fault.events))
        self._matches: dict[tuple[str, str], bool] = {}

    def matches(self, connection: str, stream: str) -> bool:
        """Tell whether the fault is meant for this stream on this connection."""
        found = self._matches.get((connection, stream))
        if found is None:
            found = self.matches_connection(connection) and self._streams.match(stream) is not None
            self._matches[connection, stream] = found
        return found

    def matches_connection(self, connection: str) -> bool:
        """Tell whether the fault is meant for this connection."""
        return self._connections.match(connection) is not None

    def matches_path(self, path: str) -> bool:
        """Tell whether the fault is meant for this REST path."""
        return self._paths.match(path) is not None

    def matches_request(self, asked: Asked) -> bool:
        """Tell whether the fault is meant for this request."""
        return (
            self.matches_path(asked.path)
            and self._methods.match(asked.method) is not None
            and self.fault.symbol in ("", asked.symbol)
            and self._orders.match(asked.client_id) is not None
            and self.matches_connection(asked.connection)
        )

    def takes_order(self, symbol: str, client_id: str) -> bool:
        """Tell whether the fault is meant for an order, and count it if so."""
        if self._left == 0 or self.fault.symbol not in ("", symbol) or self._orders.match(client_id) is None:
            return False
        self.note(symbol)
        return True

    def matches_event(self, name: str) -> bool:
        """Tell whether the fault is meant for this event of an account."""
        return self._events.match(name) is not None

    def takes(self, random: Random) -> bool:
        """Tell whether the fault takes the next matching frame: `every`, `probability` and `count`."""
        if self._left == 0:
            return False
        self._seen += 1
        if (self._seen - 1) % self.fault.every:
            return False
        return self.fault.probability >= 1.0 or random.random() < self.fault.probability

    def note(self, what: str) -> None:
        """Count one affected frame."""
        self.affected[what] += 1
        if self._left is not None:
            self._left -= 1

    def is_over(self, now_ns: int) -> bool:
        """Tell whether the fault has run out, by time, or by count and nothing is held back any more."""
        return (self._left == 0 and not self.held) or (self.ends_ns is not None and now_ns >= self.ends_ns)


class _Frame(NamedTuple):
    connection: str
    stream: str
    payload: bytes
    text: bytes
    opcode: int
    dialect: Dialect


_Handler = Callable[[ActiveFault, _Frame, list[Out], Random], list[Out]]


class FaultDesk:
    """Keeps waiting and active faults.

    Calling contract: `advance(now)` often; then carry out `started()` and send `released()`. `route` only when `busy`.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.busy = False
        self.history: list[ActiveFault] = []
        self._waiting: list[tuple[int, Fault]] = []
        self._active: list[ActiveFault] = []
        self._started: list[ActiveFault] = []
        self._ended: list[ActiveFault] = []
        self._released: list[tuple[str, str, Out]] = []
        self._random = Random(f"faults/{seed}")

    def schedule(self, fault: Fault, now_ns: int) -> None:
        """Let a fault begin `fault.at_s` after `now_ns`."""
        self._waiting.append((now_ns + int(fault.at_s * S_NS), fault))
        self._waiting.sort(key=lambda entry: entry[0])

    def advance(self, now_ns: int) -> None:
        """Begin what is due and end what is over."""
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, fault = self._waiting.pop(0)
            active = ActiveFault(len(self.history) + 1, fault, now_ns)
            self.history.append(active)
            self._active.append(active)
            self._started.append(active)
        for active in [active for active in self._active if active.is_over(now_ns)]:
            self.finish(active)
        self.busy = any(active.fault.fault in FRAME_FAULTS for active in self._active)

    def finish(self, active: ActiveFault) -> None:
        """End a fault now; frames it holds are released."""
        if active.done:
            return
        active.done = True
        self._active.remove(active)
        self._ended.append(active)
        self._released += [(connection, stream, out) for (connection, stream), out in active.held.items()]
        active.held.clear()
        self.busy = any(other.fault.fault in FRAME_FAULTS for other in self._active)

    def clear(self) -> None:
        """End every active fault and forget the waiting ones."""
        self._waiting.clear()
        for active in list(self._active):
            self.finish(active)

    def started(self) -> list[ActiveFault]:
        """Faults begun since the last call."""
        started, self._started = self._started, []
        return started

    def ended(self) -> list[ActiveFault]:
        """Faults ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def released(self) -> list[tuple[str, str, Out]]:
        """(connection, stream, frame) that ended faults held back, to be sent now."""
        released, self._released = self._released, []
        return released

    def active(self, kind: FaultKind) -> list[ActiveFault]:
        """The active faults of one kind, oldest first."""
        return [active for active in self._active if active.fault.fault is kind]

    def take_one(self, kind: FaultKind, path: str) -> Fault | None:
        """The fault of `kind` that takes a request to `path` (or a handshake), counted; None when none does."""
        return self._take(kind, path, lambda active: active.matches_path(path))

    def take_asked(self, kind: FaultKind, asked: Asked) -> Fault | None:
        """The fault of `kind` that takes a request of which more is known, counted by its path; None when none does."""
        return self._take(kind, asked.path, lambda active: active.matches_request(asked))

    def take_event(self, kind: FaultKind, name: str) -> Fault | None:
        """The fault of `kind` that takes an event of an account, counted by its name; None when none does."""
        return self._take(kind, name, lambda active: active.matches_event(name))

    def take_defect(self, path: str) -> Fault | None:
        """The fault of a transfer that takes a request for the file at `path`, counted; None when none does."""
        return self._take(FaultKind.FILE, path, lambda active: active.fault.defect in TRANSFER_DEFECTS and active.matches_path(path))

    def _take(self, kind: FaultKind, what: str, matches: Callable[[ActiveFault], bool]) -> Fault | None:
        for active in self.active(kind):
            if matches(active) and active.takes(self._random):
                active.note(what)
                return active.fault
        return None

    def defects(self, path: str) -> frozenset[FileDefect]:
        """What is wrong with the published file at `path` now."""
        return frozenset(
            active.fault.defect
            for active in self.active(FaultKind.FILE)
            if active.fault.defect not in TRANSFER_DEFECTS and active.matches_path(path) and _chosen(path, active.fault.probability)
        )

    def take_request(self, kind: FaultKind, connection: str, streams: list[str]) -> Fault | None:
        """The fault of `kind` that takes a request for `streams`, counted once; None when none does."""
        for active in self.active(kind):
            hit = next((stream for stream in streams if active.matches(connection, stream)), None)
            if hit is not None and active.takes(self._random):
                active.hit_connections.add(connection)
                active.note(hit)
                return active.fault
        return None

    def matching(self, fault: Fault, connection: str, streams: list[str]) -> list[str]:
        """Those of `streams` that an active fault is meant for."""
        return [stream for active in self._active if active.fault is fault for stream in streams if active.matches(connection, stream)]

    def forget_connection(self, connection: str) -> None:
        """A connection is gone: frames held for it can never be sent."""
        for active in self._active:
            for key in [key for key in active.held if key[0] == connection]:
                del active.held[key]

    def route(self, connection: str, stream: str, printed: Printed, dialect: Dialect) -> list[Out]:
        """What to send instead of the frame: often just itself."""
        outs = [Out(printed.opcode, printed.text)]
        frame = _Frame(connection, stream, printed.payload, printed.text, printed.opcode, dialect)
        for active in self._active:
            handler = _HANDLERS.get(active.fault.fault)
            if handler is None or not outs or not (active.matches(connection, stream) and active.matches_event(printed.event)):
                continue
            if active.fault.fault is FaultKind.REORDER and (connection, stream) in active.held:
                outs = [*outs, active.held.pop((connection, stream))]
            elif active.takes(self._random):
                outs = handler(active, frame, outs, self._random)
                active.note(stream)
        return outs

    def status(self) -> list[dict[str, object]]:
        """Every fault that ever began, with exact counts, ready for JSON."""
        return [_status(active) for active in self.history]


def _chosen(path: str, probability: float) -> bool:
    return probability >= 1.0 or zlib.crc32(path.encode()) / 2**32 < probability


def _status(active: ActiveFault) -> dict[str, object]:
    return {
        "number": active.number,
        "fault": active.fault.fault.value,
        "parameters": msgspec.to_builtins(active.fault),
        "began_ns": active.began_ns,
        "state": "done" if active.done else "active",
        "affected": dict(active.affected),
        "affected_total": active.affected.total(),
        "connections": sorted(active.hit_connections),
    }


def _swallow(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    return []


def _half_open(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    active.hit_connections.add(frame.connection)
    return []


def _delay(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    delay_ns = int((active.fault.ms + random.random() * active.fault.jitter_ms) * 1e6)
    return [out._replace(delay_ns=out.delay_ns + delay_ns) for out in outs]


def _duplicate(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    return [*outs, outs[-1]._replace(role="copy")]


def _reorder(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    active.held[frame.connection, frame.stream] = outs[-1]
    return outs[:-1]


def _truncated_frame(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
    return [outs[0]._replace(role="odd", torn=True)]


def _odd(make: Callable[[ActiveFault, _Frame, Random], tuple[int, bytes]], default_mode: str) -> _Handler:
    def handle(active: ActiveFault, frame: _Frame, outs: list[Out], random: Random) -> list[Out]:
        opcode, data = make(active, frame, random)
        odd = Out(opcode, data, role="odd")
        return [odd] if (active.fault.mode or default_mode) == "replace" else [odd, *outs]

    return handle


def _garbage(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, b"}{ not json " + bytes(random.choices(b'abcdefghijklmnopqrstuvwxyz{}[]",:0123456789', k=random.randint(1, 200)))


def _binary_garbage(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return BINARY, random.randbytes(random.randint(1, 300))


def _truncated_json(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.text[: max(1, len(frame.text) * 2 // 3)].decode(errors="ignore").encode()


def _oversized(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.oversized(frame.stream, active.fault.size_bytes)


def _no_stream(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.no_stream(frame.payload)


def _unknown_stream(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.unknown_stream(frame.payload)


def _empty_side(active: ActiveFault, frame: _Frame, random: Random) -> tuple[int, bytes]:
    return frame.opcode, frame.dialect.empty_side(frame.text)


_HANDLERS: dict[FaultKind, _Handler] = {
    FaultKind.DELAY: _delay,
    FaultKind.DROP: _swallow,
    FaultKind.SILENT: _swallow,
    FaultKind.FREEZE: _swallow,
    FaultKind.HALF_OPEN: _half_open,
    FaultKind.DUPLICATE: _duplicate,
    FaultKind.REORDER: _reorder,
    FaultKind.GARBAGE: _odd(_garbage, "inject"),
    FaultKind.BINARY_GARBAGE: _odd(_binary_garbage, "inject"),
    FaultKind.OVERSIZED: _odd(_oversized, "inject"),
    FaultKind.NO_STREAM: _odd(_no_stream, "inject"),
    FaultKind.UNKNOWN_STREAM: _odd(_unknown_stream, "inject"),
    FaultKind.TRUNCATED_JSON: _odd(_truncated_json, "replace"),
    FaultKind.EMPTY_SIDE: _odd(_empty_side, "replace"),
    FaultKind.TRUNCATED_FRAME: _truncated_frame,
}

FRAME_FAULTS = frozenset(_HANDLERS)
"""Faults decided frame by frame, in `FaultDesk.route`."""


def read_script(path: Path) -> list[Fault]:
    """The faults of a script: TOML (`[[fault]]` tables) or JSON lines, `#` lines are comments.

    Raises ConfigError naming every mistake by file and line (by table number for TOML).
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError([ConfigMistake(str(path), None, "faults", "no readable file", "a fault script")]) from fault
    return _read_toml(path, text) if path.suffix == ".toml" else _read_lines(path, text)


def _read_lines(path: Path, text: str) -> list[Fault]:
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]
    return _collect(path, numbered, lambda line: msgspec.json.decode(line, type=Fault))


def _read_toml(path: Path, text: str) -> list[Fault]:
    try:
        tables = tomllib.loads(text).get("fault", [])
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError([ConfigMistake(str(path), None, "faults", str(fault), "TOML with [[fault]] tables")]) from fault
    return _collect(path, list(enumerate(tables, 1)), lambda table: msgspec.convert(table, Fault))


def _collect(path: Path, numbered: Iterable[tuple[int, T]], decode: Callable[[T], Fault]) -> list[Fault]:
    faults: list[Fault] = []
    mistakes: list[ConfigMistake] = []
    for number, raw in numbered:
        try:
            faults.append(decode(raw))
        except msgspec.MsgspecError as fault:
            mistakes.append(ConfigMistake(str(path), number, "fault", str(fault), "a known fault with its own parameters"))
    if mistakes:
        raise ConfigError(mistakes)
    return faults
