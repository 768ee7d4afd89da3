"""app.trader.sentinel: the third process: it hears a trader's heartbeats, and when they stop it ends the trader and leaves its positions.

    trader ── pipe: who it is, then a line a second ──▶ `python -m hoga.app.trader.sentinel`

The trader begins it and owns nothing of it: it has a session of its own and outlives the trader. It acts only once the trader is dead:
nobody holds the lock of its folder any more. When is decided by `flatten.watching`; what it does then is the same exit as `hoga flatten`.
Keys reach it by the pipe, so no list of processes shows them. Until it has to act it has next to nothing of the program in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.holding import LOCK_FILE, is_held
from hoga.core.errors import HogaError
from hoga.core.secret import Secret
from hoga.flatten.watching import Duty, Heartbeat, Patience, Watch
from hoga.runtime.locks import owner_of_lock
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within

if TYPE_CHECKING:
    from hoga.app.config import VenueConfig

__all__ = ["Charge", "Heart", "main"]

_log = get_log("trading")

_EVERY_S = 1.0
_END_S = 2.0
_LINE_BYTES = 65_536
_SIMULATED_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Whom a sentinel watches over: the trader's process, its folder, and what it trades."""

    pid: int
    data: Path
    configs: tuple[VenueConfig, ...]
    symbols: Mapping[str, tuple[str, ...]]
    notify_urls: Secret = field(default_factory=lambda: Secret(""))
    patience: Patience = field(default_factory=Patience)


class _Who(msgspec.Struct, frozen=True):
    """As much of a charge as the sentinel needs while all is well; `rest`: the charge itself."""

    pid: int
    data: str
    patience: Patience
    rest: bytes

    def charge(self) -> Charge:
        """All of it."""
        charge: Charge = pickle.loads(self.rest)
        return charge


class Pulse(Protocol):
    """What a trader says of itself, once a second."""

    def __call__(self, seq: int, lag_s: float) -> Heartbeat: ...


class Heart:
    """A trader's end of the pipe. Nothing here waits: a sentinel that does not read is no reason to stop."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge
        self._beating: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        charge = self._charge
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hoga.app.trader.sentinel"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        assert self._process.stdin is not None, "it was asked for"
        self._pipe = self._process.stdin
        who = _Who(charge.pid, str(charge.data), charge.patience, pickle.dumps(charge))
        self._pipe.write(msgspec.json.encode(who) + b"\n")
        self._pipe.flush()
        os.set_blocking(self._pipe.fileno(), False)

    @property
    def pid(self) -> int:
        """The sentinel's process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the sentinel is there."""
        return self._process.poll() is None

    def start(self, pulse: Pulse) -> None:
        """Beat once a second from now on, on the running loop."""
        self._beating = asyncio.get_running_loop().create_task(self._beat(pulse), name="heartbeat")

    async def _beat(self, pulse: Pulse) -> None:
        seq, due = 0, time.monotonic()
        while True:
            seq += 1
            if not self.is_alive:
                _log.warning("the sentinel is gone, another one begins", status=self._process.returncode)
                self._close()
                self._begin()
            self.say(pulse(seq, max(0.0, time.monotonic() - due)))
            due = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)

    def say(self, heartbeat: Heartbeat) -> None:
        """One heartbeat."""
        with contextlib.suppress(OSError, ValueError):  # it is gone, or does not read
            os.write(self._pipe.fileno(), msgspec.json.encode(heartbeat) + b"\n")

    def stop(self, *, ends: bool) -> None:
        """Beat no more. `ends`: in good order, and the sentinel may go; else it does what it is there for."""
        if self._beating is not None:
            self._beating.cancel()
        if ends:
            self.say(Heartbeat(seq=0, ends=True))
        self._close()
        if ends:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
        if self._process.returncode is None:
            self._process.returncode = 0  # nobody waits for it: it outlives us

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()


# -- the sentinel's own process -------------------------------------------------------------------------------------


class _Sentinel:
    def __init__(self, who: _Who) -> None:
        self._who = who
        self._now = self._looked = time.monotonic()
        self._watch = Watch(self._now, who.patience)
        self._journal = Path(who.data) / JOURNAL_FOLDER
        self._rest = b""
        self._process = _process_of(who.pid)
        self._was_free = False
        self._woken = asyncio.Event()

    async def run(self, pipe: int) -> int:
        """Watch until the trader ends in good order, or its positions are left. Returns the exit status."""
        loop = asyncio.get_running_loop()
        os.set_blocking(pipe, False)
        loop.add_reader(pipe, lambda: self._read(pipe, loop))
        while True:
            with contextlib.suppress(TimeoutError):
                await within(self._woken.wait(), _EVERY_S)
            self._woken.clear()
            self._pass_time()
            self._look()
            for duty in self._watch.duties(self._now):
                if duty is Duty.END:
                    return 0
                if await self._do(duty):
                    return 0

    def _pass_time(self) -> None:
        """Two seconds at most a look: while this process was held up itself (a machine that stood still), the trader was, too."""
        now = time.monotonic()
        self._now += min(now - self._looked, 2 * _EVERY_S)
        self._looked = now

    def _read(self, pipe: int, loop: asyncio.AbstractEventLoop) -> None:
        try:
            data = os.read(pipe, _LINE_BYTES)
        except BlockingIOError:
            return
        if not data:
            loop.remove_reader(pipe)
            self._watch.broke_off()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):  # a line that was cut off in a full pipe
                heartbeat = msgspec.json.decode(line, type=Heartbeat)
                self._watch.beat(heartbeat, self._now)
                if heartbeat.ends:
                    self._woken.set()

    def _look(self) -> None:
        """Whether the trader is dead, and whether another one has come: who holds the folder tells."""
        if not self._was_free and not self._watch.is_waiting:
            return
        held, owner = is_held(self._journal), owner_of_lock(self._journal / LOCK_FILE)
        if held and (self._was_free or owner not in (None, self._who.pid)):
            self._watch.taken_over()
        elif not held and not self._was_free:
            self._was_free = True
            self._watch.dead()

    async def _do(self, duty: Duty) -> bool:
        """Whether all is over."""
        silent = self._watch.silent_s(self._now)
        if duty is Duty.TELL:
            self._tell(f"the trader of {self._who.data} (process {self._who.pid}) has given no sign of life for {silent:.0f} s")
        elif duty in (Duty.TERM, Duty.KILL):
            self._tell(f"the trader of {self._who.data} is ended by {duty.value}: silent for {silent:.0f} s")
            self._signal(signal.SIGTERM if duty is Duty.TERM else signal.SIGKILL)
        elif duty is Duty.LEAVE:
            self._tell(f"the trader of {self._who.data} is dead, and its positions are left now")
            await self._leave()
            return True
        return False

    async def _leave(self) -> None:
        from hoga.app.trader.exits import Exits  # what costs memory and time comes only when it has to act
        from hoga.app.trader.trading import is_loopback

        charge = self._who.charge()
        exits = Exits(list(charge.configs), charge.symbols, charge.data, tell=self._tell)
        exits.begin(asked_for=False)
        if all(is_loopback(config.rest_url) for config in charge.configs):  # a simulator that is gone does not come back
            asyncio.get_running_loop().call_later(_SIMULATED_S, exits.give_up)
        await exits.wait()
        self._tell(f"the positions of {self._who.data}: {exits.verdict()}")

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"hoga sentinel: {text}\n")
            sys.stderr.flush()
        urls = self._who.charge().notify_urls
        if urls:
            asyncio.get_running_loop().run_in_executor(None, _notify, urls, text)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                signal.pidfd_send_signal(self._process, number)
            else:
                os.kill(self._who.pid, number)


def _process_of(pid: int) -> int | None:
    """A handle that stays the trader's when its number is given to another process; None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _notify(urls: Secret, text: str) -> None:
    from hoga.app.notify import channel_of

    with contextlib.suppress(HogaError):
        channel = channel_of(urls)
        if channel is not None:
            channel.notify(title="hoga sentinel", body=text)


def main() -> int:
    """Read on stdin whom to watch over, then its heartbeats."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who ends a trader ends all that it began; this one stays
        signal.signal(each, signal.SIG_IGN)
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    return asyncio.run(_watch(msgspec.json.decode(line, type=_Who)))


async def _watch(who: _Who) -> int:
    return await _Sentinel(who).run(0)


if __name__ == "__main__":
    sys.exit(main())
