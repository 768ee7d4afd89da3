"""app.trader.door: the trader's local socket: its state for whoever asks, and a flatten in two steps. Open to its own user only.

One JSON object a line, and one line as its answer:

    {"ask":"state"}                                       → the newest page, as `dashboard.trader` has it
    {"do":"arm","who":"dashboard","from":"127.0.0.1"}     → {"ok":true,"token":"…","seconds":10}
    {"do":"confirm","token":"…", who, from}               → {"ok":true}: all positions are being left
    {"do":"disarm","token":"…", who, from}                → {"ok":true}
    anything else                                         → {"ok":false,"why":"…"}

Each step stands in the journal (`cmd`): who asked, from where, and which process of which user of this machine said so. What is
armed goes stale by itself (`flatten.arming`). No line is longer than 4 KB, nobody may ask more than twenty times a second, and who
does not read what was answered is let go: nothing of it waits here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Literal

import msgspec

from hoga.flatten.arming import ARMED_S, Arming
from hoga.runtime.local_socket import listen_on
from hoga.runtime.logs import get_log

__all__ = ["Answer", "TraderDoor"]

_log = get_log("trading")

_LINE_MAX = 4_096
_CALLERS_MAX = 16
_ASKED_MAX = 20
_UNREAD_MAX = 1 << 20
_NAME_MAX = 200
_CREDENTIALS = struct.Struct("3i")


class _Asked(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One line of a caller."""

    ask: Literal["state", ""] = ""
    do: Literal["arm", "confirm", "disarm", ""] = ""
    token: str = ""
    who: str = ""
    from_: str = ""


class Answer(msgspec.Struct, omit_defaults=True):
    """What a caller is told. `why`: where it is not `ok`."""

    ok: bool
    why: str = ""
    token: str = ""
    seconds: int = 0


_asked = msgspec.json.Decoder(_Asked)
_encode = msgspec.json.Encoder().encode


class TraderDoor:
    """Listens at `path`. `state()`: the newest page. `note(fields)`: a `cmd` record. `flatten(who, text)`: leave all positions."""

    def __init__(
        self,
        path: Path,
        *,
        state: Callable[[], bytes],
        note: Callable[[dict[str, object]], object],
        flatten: Callable[[str, str], object],
        now_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        self.path = path
        self.callers: set[_Caller] = set()
        self._state = state
        self._note = note
        self._flatten = flatten
        self._now_ns = now_ns
        self._arming = Arming()
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self) -> None:
        """Open it. Where it cannot be, the trader goes on without."""
        try:
            listener = listen_on(self.path, backlog=_CALLERS_MAX)
            self._inode = self.path.stat().st_ino
        except OSError as fault:
            _log.warning("no socket of the trader", path=str(self.path), why=str(fault), effect="no flatten from the dashboard")
            return
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Caller(self), sock=listener)

    async def stop(self) -> None:
        """Close it, and let everybody go."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                if self.path.stat().st_ino == self._inode:
                    self.path.unlink()
        for caller in list(self.callers):
            caller.let_go()

    def armed_by(self) -> str:
        """Who has armed a flatten that may be confirmed now; "" for nobody."""
        return self._arming.armed_by(self._now_ns())

    def answer(self, line: bytes, peer: str) -> bytes:
        """What one line is answered with. `peer`: the process that said it."""
        try:
            asked = _asked.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _encode(Answer(ok=False, why='expected {"ask":"state"} or {"do":"arm"|"confirm"|"disarm",…}'))
        if asked.ask:
            return self._state() or _encode(Answer(ok=False, why="there is no state yet"))
        return _encode(self._do(asked, peer))

    def _do(self, asked: _Asked, peer: str) -> Answer:
        who, where = asked.who[:_NAME_MAX] or "somebody", asked.from_[:_NAME_MAX] or "here"
        by = f"{who} from {where}"
        said: dict[str, object] = {"who": who, "from": where, "peer": peer}
        if asked.do == "arm":
            armed = self._arming.arm(by, secrets.token_urlsafe(12), self._now_ns())
            self._note({"what": "flatten-armed", **said, "text": f"may be confirmed within {ARMED_S} s"})
            return Answer(ok=True, token=armed.token, seconds=ARMED_S)
        if asked.do == "disarm":
            was = self._arming.disarm(asked.token)
            if was:
                self._note({"what": "flatten-disarmed", **said})
            return Answer(ok=was, why="" if was else "nothing is armed with this word")
        if asked.do != "confirm":
            return Answer(ok=False, why="nothing was asked")
        why = self._arming.confirm(by, asked.token, self._now_ns())
        self._note({"what": "flatten-refused" if why else "flatten-confirmed", **said, "text": why})
        if not why:
            _log.warning("all positions are to be left", who=who, source=where, peer=peer)
            self._flatten(who, f"asked for by {by} ({peer})")
        return Answer(ok=not why, why=why)


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, door: TraderDoor) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._peer = ""
        self._asked = 0
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write"), "a stream has a transport that writes"
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        if len(self._door.callers) >= _CALLERS_MAX:
            transport.abort()  # type: ignore[attr-defined]  # every stream's transport has it
            return
        self._door.callers.add(self)
        self._peer = _peer_of(transport.get_extra_info("socket"))

    def connection_lost(self, fault: Exception | None) -> None:
        self._door.callers.discard(self)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            if not self._may_ask() or len(line) > _LINE_MAX:
                self.let_go()
                return
            if line.strip() and self._transport is not None:
                self._transport.write(self._door.answer(line, self._peer) + b"\n")
                if self._transport.get_write_buffer_size() > _UNREAD_MAX:
                    self.let_go()
                    return
        if len(self._rest) > _LINE_MAX:
            self.let_go()

    def let_go(self) -> None:
        """Close it now; what was not read is lost."""
        self._rest = b""
        if self._transport is not None:
            self._transport.abort()

    def _may_ask(self) -> bool:
        now = monotonic()
        if now - self._since >= 1.0:
            self._since, self._asked = now, 0
        self._asked += 1
        return self._asked <= _ASKED_MAX


def _peer_of(connected: socket.socket | None) -> str:
    """`process 4711 of user 1000`, as the system says; "" where it says nothing."""
    with contextlib.suppress(OSError, AttributeError, struct.error):
        assert connected is not None, "every transport of a stream has its socket"
        pid, user, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        return f"process {pid} of user {user}"
    return f"a process of user {os.getuid()}" if hasattr(os, "getuid") else ""
