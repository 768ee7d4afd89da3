"""runtime.logs: log lines that never hold anybody up.

    get_log("feed").warning("link lost", conn="binance-1", epoch=3)
    2026-11-20T03:00:00.123Z WARNING feed link lost conn=binance-1 epoch=3

Callers put a line into a bounded queue (policy when full: drop the new line and count it; a line says how many) and a
thread writes it to a rotating file and to stderr. Lines that repeat too fast are held back and counted. The stdlib's
`logging` is underneath, so that other libraries' lines take the same way. Times are UTC.

Levels: ERROR a human must act, WARNING data quality was touched, INFO life cycle, DEBUG everything else.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import math
import queue
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from hoga.core.times import iso_of
from hoga.runtime.repeats import Repeats

__all__ = ["FIELDS", "Log", "LogRules", "LogSystem", "Scalar", "format_json", "format_text", "get_log", "printable", "setup_logging"]

Scalar = str | int | float | bool | None
"""What a field of a line can hold; anything else is shown with `str`."""

FIELDS = "hoga_fields"
"""The attribute of a `LogRecord` that holds a line's fields."""

QUEUE_LINES = 10_000
RECENT_LINES = 200

_ROOT = "hoga"
_TICK_S = 0.5


class Log:
    """The log of one room. `event` is a fixed text; what varies goes into fields, named as the vocabulary names them."""

    __slots__ = ("_logger",)

    def __init__(self, room: str) -> None:
        self._logger = logging.getLogger(f"{_ROOT}.{room}")

    def debug(self, event: str, **fields: object) -> None:
        """Everything else. Costs a comparison when it is off."""
        self._put(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Life cycle."""
        self._put(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Data quality was touched."""
        self._put(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """A human must act."""
        self._put(logging.ERROR, event, fields)

    def failure(self, event: str, error: BaseException, **fields: object) -> None:
        """An ERROR line with `error` and where it came from, for the supervised places that catch everything."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._logger.error(_whole(event, fields), exc_info=error, extra={FIELDS: fields})

    def _put(self, level: int, event: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, _whole(event, fields), extra={FIELDS: fields})


def get_log(room: str) -> Log:
    """The log of a room: `get_log("feed")`. Works without `setup_logging`; lines then go where `logging` sends them, with
    their fields in the text."""
    return Log(room)


_running: set[LogSystem] = set()
"""The systems that take the fields of a line apart from its text."""


def _whole(event: str, fields: dict[str, object]) -> str:
    """What a handler that knows nothing of fields shows: all of it. A system of ours takes the fields by themselves."""
    if _running or not fields:
        return event
    return " ".join([event, *(f"{name}={_value(value)}" for name, value in fields.items())])


def format_text(record: logging.LogRecord) -> str:
    """A record as one line, `TIME LEVEL ROOM EVENT key=value …`; control characters cannot break out of it."""
    parts = [iso_of(_created_ns(record)), record.levelname, _room(record), printable(record.getMessage())]
    parts += [f"{name}={_value(value)}" for name, value in _fields(record).items()]
    return " ".join(parts)


def format_json(record: logging.LogRecord) -> str:
    """A record as one JSON object: time, level, room, event, then its fields."""
    head = {"time": iso_of(_created_ns(record)), "level": record.levelname, "room": _room(record), "event": record.getMessage()}
    return json.dumps({**head, **_fields(record)}, ensure_ascii=False, default=repr)


class LogSystem:
    """The running log: queue, thread, file, stderr. Made by `setup_logging`, ended by `close`.

    `recent` holds the last lines as text, newest last. `dropped` counts lines that found the queue full, `lost`
    those that could not be written to the file. Both only rise.
    """

    def __init__(self, handlers: list[logging.Handler], *, level: str, capacity: int, render: Callable[[logging.LogRecord], str]) -> None:
        self._queue: queue.Queue[object] = queue.Queue(capacity)
        self._entrance = _Entrance(self._queue)
        self._ring = _Ring(render)
        self._files = [handler for handler in handlers if isinstance(handler, _LogFile)]
        self._listener = _Listener(self._queue, *handlers, self._ring, tick=self._tick)
        self._level = level
        self._before: tuple[list[logging.Handler], int] = ([], logging.WARNING)
        self._told_dropped = 0
        self._closed = False

    @property
    def recent(self) -> list[str]:
        """The last 200 lines, oldest first."""
        return list(self._ring.lines)

    @property
    def dropped(self) -> int:
        """Lines that found the queue full."""
        return self._entrance.dropped

    @property
    def lost(self) -> int:
        """Lines that could not be written to the file."""
        return sum(handler.lost for handler in self._files)

    def put(self, record: logging.LogRecord) -> None:
        """Take a record that was made elsewhere (another process); the same bounds hold."""
        self._entrance.handle(record)

    def start(self) -> None:
        """Begin: every logger of the process leads here now."""
        root = logging.getLogger()
        self._before = (root.handlers, root.level)
        root.handlers = [self._entrance]
        root.setLevel(logging.WARNING)
        logging.getLogger(_ROOT).setLevel(self._level)
        logging.captureWarnings(True)
        self._listener.start()
        _running.add(self)

    def close(self) -> None:
        """Write what is queued, close the file; later lines go where they went before `start`. May be called twice."""
        if self._closed:
            return
        self._closed = True
        _running.discard(self)
        root = logging.getLogger()
        if self._entrance in root.handlers:
            root.handlers, level = self._before
            root.setLevel(level)
        logging.captureWarnings(False)
        self._listener.stop()
        self._tick(final=True)
        for handler in self._listener.handlers:
            handler.close()

    def __repr__(self) -> str:
        return f"<LogSystem {'closed' if self._closed else 'open'} queued {self._queue.qsize()} dropped {self.dropped} lost {self.lost}>"

    def _tick(self, *, final: bool = False) -> None:
        """Called by the writing thread when it has a moment: tell what was dropped and held back."""
        dropped = self.dropped
        if dropped > self._told_dropped:
            self._tell(logging.WARNING, "log lines dropped", {"dropped": dropped - self._told_dropped})
            self._told_dropped = dropped
        for (name, level, event), count in self._entrance.held_back(math.inf if final else time.monotonic()):
            self._tell(level, event, {"repeated": count}, name=name)

    def _tell(self, level: int, event: str, fields: dict[str, object], *, name: str = f"{_ROOT}.logs") -> None:
        record = logging.LogRecord(name, level, "", 0, event, None, None)
        record.__dict__[FIELDS] = fields
        self._listener.handle(record)


class LogRules(msgspec.Struct, frozen=True, kw_only=True):
    """Least level, size of one file, how many full ones are kept, and `text` or `json`."""

    level: str = "INFO"
    max_mb: int = 16
    backups: int = 5
    form: str = "text"


_USUAL = LogRules()


def setup_logging(
    *,
    directory: Path | None,
    level: str = _USUAL.level,
    max_mb: int = _USUAL.max_mb,
    backups: int = _USUAL.backups,
    form: str = _USUAL.form,
    console: bool = True,
    stream: TextIO | None = None,
    capacity: int = QUEUE_LINES,
) -> LogSystem:
    """Start the log of this process.

    Args:
        directory: folder of `hoga.log`, made where missing; None for no file.
        level: least level of hoga's own lines; other libraries speak from WARNING on.
        max_mb, backups: size of one file, and how many full ones are kept.
        form: `text` or `json`.
        console: also write to `stream` (default: stderr).
        capacity: lines the queue holds.

    Raises:
        OSError: the folder or file cannot be made.
    """
    render = format_json if form == "json" else format_text
    formatter = _Formatter(render)
    handlers: list[logging.Handler] = []
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        handlers.append(_LogFile(directory / "hoga.log", max_bytes=max_mb * 1_000_000, backups=backups))
    if console:
        handlers.append(_Console(stream or sys.stderr))
    for handler in handlers:
        handler.setFormatter(formatter)
    system = LogSystem(handlers, level=level, capacity=capacity, render=formatter.format)
    system.start()
    return system


class _Entrance(logging.handlers.QueueHandler):
    """Where callers put their lines. Never blocks."""

    def __init__(self, lines: queue.Queue[object]) -> None:
        super().__init__(lines)
        self.dropped = 0
        self._repeats: Repeats[tuple[str, int, str]] = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        if self._repeats.admit((record.name, record.levelno, str(record.msg)), time.monotonic()):
            super().emit(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Make the text now, while its arguments are what they were; nothing is formatted further."""
        record.msg, record.args = record.getMessage(), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def held_back(self, now_s: float) -> list[tuple[tuple[str, int, str], int]]:
        with self.lock:  # type: ignore[union-attr]  # a handler always has its lock
            return self._repeats.expired(now_s)


class _Listener(logging.handlers.QueueListener):
    """The writing thread."""

    def __init__(self, lines: queue.Queue[object], *handlers: logging.Handler, tick: Callable[[], None]) -> None:
        super().__init__(lines, *handlers)
        self._lines = lines
        self._tick = tick

    def dequeue(self, block: bool) -> object:  # type: ignore[override]  # the sentinel of the stdlib is no record either
        while True:
            try:
                return self._lines.get(block, timeout=_TICK_S)
            except queue.Empty:
                if not block:
                    raise
                self._tick()

    def enqueue_sentinel(self) -> None:
        """Waits for a place: the sentinel must not be dropped."""
        self._lines.put(self._sentinel)  # type: ignore[attr-defined]  # typeshed leaves it out


class _Formatter(logging.Formatter):
    def __init__(self, render: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        return self._render(record)


class _LogFile(logging.handlers.RotatingFileHandler):
    """The rotating file. A write that fails (disk full) loses the line, counts it, and disturbs nobody."""

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", errors="backslashreplace")
        self.lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost += 1

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what was buffered is lost, and was counted when it was written
            super().close()


class _Console(logging.StreamHandler[TextIO]):
    """stderr. When it is gone there is nobody to tell."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class _Ring(logging.Handler):
    """The last lines, for a viewer."""

    def __init__(self, render: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._render = render
        self.lines: deque[str] = deque(maxlen=RECENT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self._render(record))


def _created_ns(record: logging.LogRecord) -> int:
    return round(record.created * 1e6) * 1_000  # a float of seconds holds microseconds, no more


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{_ROOT}.")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = dict(record.__dict__.get(FIELDS, {}))
    if record.exc_text:
        fields["trace"] = record.exc_text
    return fields


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    if text and not any(char in ' ="\\' or not char.isprintable() for char in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def printable(text: str) -> str:
    """The text on one line that harms no terminal: what cannot be printed, line breaks too, as its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
