"""runtime.log_pipe: one log for several processes.

The parent opens a `LogPipe` beside its `LogSystem`; a child calls `join_logs` with the inlet's address and logs as
ever. Each child has a connection of its own, so one that is killed in the middle of a line disturbs nobody, and a
child whose parent is gone loses its lines and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

import msgspec

from hoga.runtime.logs import FIELDS, LogSystem, Scalar

__all__ = ["LogAddress", "LogPipe", "join_logs"]


class LogAddress(msgspec.Struct, frozen=True):
    """Where a child reports to; can be pickled into it. `level` is the least level that is sent."""

    address: str
    key: bytes
    level: str


class _Line(msgspec.Struct, frozen=True):
    name: str
    level: int
    created: float
    event: str
    fields: dict[str, Scalar]
    trace: str | None


class LogPipe:
    """Takes the lines of child processes into `system`. Threads: one that accepts, one for each child."""

    def __init__(self, system: LogSystem, *, level: str = "INFO") -> None:
        self._system = system
        self._key = secrets.token_bytes(32)
        self._listener = Listener(backlog=64, authkey=self._key)
        self._closed = False
        self.address = LogAddress(str(self._listener.address), self._key, level)

    def start(self) -> None:
        """Begin to accept children."""
        threading.Thread(target=self._accept, name="log-inlet", daemon=True).start()

    def close(self) -> None:
        """Accept no more; lines that children still send are lost. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError, AuthenticationError, EOFError):
            Client(self.address.address, authkey=self._key).close()  # wakes the accepting thread
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
            except (OSError, AuthenticationError, EOFError):
                continue
            threading.Thread(target=self._read, args=(connection,), name="log-inlet-child", daemon=True).start()

    def _read(self, connection: Connection) -> None:
        decoder = msgspec.msgpack.Decoder(_Line)
        with connection, contextlib.suppress(EOFError, OSError):
            while not self._closed:
                self._system.put(_record(decoder.decode(connection.recv_bytes())))


def join_logs(address: LogAddress) -> LogSystem:
    """Send this process's lines to the parent from now on. Raises OSError when the parent does not answer."""
    outlet = _Outlet(Client(address.address, authkey=address.key))
    system = LogSystem([outlet], level=address.level, capacity=1_000, render=logging.LogRecord.getMessage)
    system.start()
    return system


class _Outlet(logging.Handler):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._encode = msgspec.msgpack.Encoder().encode

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            self._connection.send_bytes(self._encode(_line(record)))

    def close(self) -> None:
        self._connection.close()
        super().close()


def _line(record: logging.LogRecord) -> _Line:
    fields: dict[str, object] = record.__dict__.get(FIELDS, {})
    plain: dict[str, Scalar] = {
        name: value if value is None or isinstance(value, str | int | float | bool) else str(value) for name, value in fields.items()
    }
    return _Line(record.name, record.levelno, record.created, record.getMessage(), plain, record.exc_text)


def _record(line: _Line) -> logging.LogRecord:
    record = logging.LogRecord(line.name, line.level, "", 0, line.event, None, None)
    record.created = line.created
    record.exc_text = line.trace
    record.__dict__[FIELDS] = line.fields
    return record
