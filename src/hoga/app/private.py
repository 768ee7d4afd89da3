"""app.private: private streams on real connections: keys from the configuration, one connection per account and venue.

Rule: a key is read here and handed on as a Secret; nothing that is shown, logged or written is made of it.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from uuid import uuid4

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import private_config, rest_of, tls_of
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Credentials, Secret
from hoga.core.streams import Stream
from hoga.feed.private import PrivateClock, PrivateConfig, PrivateConnection
from hoga.hub.private import SEEN_AS, MissedEvent, PrivateState, PrivateStateEvent, missing_keys
from hoga.hub.states import WebSocketType
from hoga.hub.wire import Inlet, WireStats
from hoga.net.budgets import connect_budget
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.runtime.logs import get_log
from hoga.venues.private import CHANNELS, EVERYTHING, Emit
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec

__all__ = ["PrivateWire", "credentials_of", "private_wire"]

_log = get_log("hub")

_PEM = "a PEM file of an Ed25519 private key"


class PrivateWire:
    """The private streams of one venue: the connection brings the whole account, what is wanted only decides who gets what.

    It is the sink of its connection; see `feed.private.PrivateSink`.
    """

    kind = WebSocketType.PRIVATE

    def __init__(
        self,
        spec: VenueSpec,
        config: PrivateConfig,
        credentials: Credentials,
        *,
        connect_budget: Budget,
        rest: RestClient,
        tls: ssl.SSLContext | None,
        label: str = "",
        jitter: Callable[[], float] = random.random,
        clock: PrivateClock = PrivateClock(),
    ) -> None:
        assert spec.private is not None, "only venues with private streams have such a wire"
        self.venue = spec.name
        self._private = spec.private
        self._config = config
        self._rest = rest
        self._usable = spec.private.can_use(credentials)
        self._inlet: Inlet | None = None
        self._streams: list[Stream] = []
        self._table: dict[bytes, Callable[[int, bytes], object]] = {}
        self._life: tuple[str, int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.connection = PrivateConnection(
            f"{label}{spec.name}-private",
            spec.name,
            spec.private,
            config,
            credentials,
            sink=self,
            connect_budget=connect_budget,
            rest=rest,
            tls=tls,
            nonce=_nonce,
            jitter=jitter,
            clock=clock,
        )

    # -- what the hub calls ---------------------------------------------------------------------------------------

    def start(self, inlet: Inlet) -> None:
        """Begin."""
        if self._inlet is None:
            self._rest.hold()
        self._inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        """Bring exactly these."""
        self._streams = streams
        types = frozenset(data_type for each in streams if (data_type := self._private.type_of(each.channel)) is not None)
        if not self._usable:
            self._without_key()
            return
        if self._life is not None and self._inlet is not None:
            self._table = self._inlet.joining(*self._life, streams)
        if not streams:
            self._end()
        elif self._task is None:
            self.connection.types = types
            self._task = asyncio.create_task(self._keep(self._task_before()), name=f"hub {self.connection.name}")
        else:
            self.connection.want(types)

    def _task_before(self) -> list[asyncio.Task[None]]:
        return list(self._ending)

    async def _keep(self, before: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*before, return_exceptions=True)
        while True:
            try:
                await self.connection.run()
                return
            except Exception as fault:  # noqa: BLE001  # the supervised place: told, begun anew
                _log.failure("private connection task failed", fault, conn=self.connection.name)
                self.connection.abandon()
                await asyncio.sleep(5.0)

    def _end(self) -> None:
        if self._task is not None:
            ending = asyncio.create_task(self._finish(self._task), name=f"hub end {self.connection.name}")
            self._task = None
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _finish(self, task: asyncio.Task[None]) -> None:
        await self.connection.stop()
        done, _ = await asyncio.wait([task], timeout=1.0)
        if not done:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.connection.abandon()

    def _without_key(self) -> None:
        state = PrivateState.NO_KEY if self._streams else PrivateState.IDLE
        if state is self.connection.state:
            return
        self.connection.state = state
        hint = self._hint()
        name = self.connection.name
        if state is PrivateState.NO_KEY:
            _log.warning("private connection without key", conn=name, hint=hint)
        self.tell(PrivateStateEvent(venue=self.venue, conn=name, state=state, epoch=0, at_ns=time_ns(), hint=hint))

    def missing_keys(self) -> str:
        """What to set before anything can come, "" when the keys are there."""
        return "" if self._usable else self._hint()

    def _hint(self) -> str:
        return missing_keys(variable=self._config.variable, needs=self._private.needs)

    def tick(self) -> None:
        """The connection looks after itself."""

    def stats(self) -> list[WireStats]:
        """The connection, once something is wanted."""
        connection = self.connection
        if connection.state is PrivateState.IDLE and not connection.epoch:
            return []
        return [
            WireStats(
                connection=connection.name,
                state=SEEN_AS[connection.state],
                epoch=connection.epoch,
                streams=len(self._streams),
                reconnects=connection.reconnects,
                requests=connection.requests,
                last_close=connection.last_close,
            )
        ]

    async def known_symbols(self) -> dict[str, str] | None:
        """The public wire asks."""
        return None

    async def stop(self) -> None:
        """Close the connection."""
        self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._inlet is not None:
            self._inlet = None
            await self._rest.release()

    # -- what the connection calls (feed.private.PrivateSink) -------------------------------------------------------

    def opening(self, conn: str, epoch: int) -> None:
        """It is being made."""
        assert self._inlet is not None, "started before anything is wanted"
        self._life = (conn, epoch)
        self._table = self._inlet.opening(conn, epoch, self._streams)

    def opened(self, conn: str, epoch: int) -> None:
        """It is live."""
        if self._inlet is not None:
            self._inlet.opened(conn, epoch)

    def closed(self, conn: str, epoch: int, why: str) -> None:
        """It is over, or never began."""
        self._life, self._table = None, {}
        if self._inlet is not None:
            self._inlet.closed(conn, epoch, why)

    def emit(self, conn: str, epoch: int, now_ns: int, step: Emit) -> None:
        """An event, for everybody who wants its symbol or the whole account."""
        for data_type in step.types:
            for symbol in (*step.symbols, EVERYTHING):
                take = self._table.get(f"{symbol}@{CHANNELS[data_type]}".encode())
                if take is not None and take(now_ns, step.payload):
                    self.odd(conn, epoch, now_ns, step.payload)

    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None:
        """A frame that says nothing we know."""
        if self._inlet is not None:
            self._inlet.odd(conn, epoch, now_ns, frame)

    def tell(self, event: PrivateStateEvent | MissedEvent) -> None:
        """A state, or what may be missing."""
        if self._inlet is not None:
            self._inlet.tell(event)


def _nonce() -> str:
    return str(uuid4())


def private_wire(config: VenueConfig, label: str = "") -> PrivateWire | None:
    """The wire of a venue's private streams as configured, None where it has none.

    Raises ConfigError for a key file that cannot be used.
    """
    spec = VENUES[config.venue]
    if spec.private is None or config.ws_private_url is None:
        return None
    settings = private_config(config, config.ws_private_url)
    credentials, budget = credentials_of(config), connect_budget(spec, config.ws_url)
    try:
        spec.private.signer(credentials, _nonce)
    except ValueError as fault:
        raise _mistake(config.venue, config.private_key_file, str(fault), _PEM) from None
    rest, tls = rest_of(config), tls_of(config)
    return PrivateWire(spec, settings, credentials, connect_budget=budget, rest=rest, tls=tls, label=label)


def credentials_of(config: VenueConfig) -> Credentials:
    """The keys of a venue. Raises ConfigError for a key file that others can read, and for keys that cannot go into a header."""
    for name, value in (("API_KEY", config.api_key), ("API_SECRET", config.api_secret)):
        if not value.reveal().isascii():
            raise ConfigError([ConfigMistake(f"[{config.venue}]", None, name, "(hidden), not ASCII", "the venue's own text")])
    path = config.private_key_file
    signing_key = Secret("") if path is None else _read_key(config.venue, path)
    return Credentials(key=config.api_key, secret=config.api_secret, signing_key=signing_key)


def _read_key(venue: str, path: Path) -> Secret:
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise _mistake(venue, path, "a key that others can read", f"mode 0600 (chmod 600 {path})")
        return Secret(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as fault:
        raise _mistake(venue, path, type(fault).__name__, _PEM) from None


def _mistake(venue: str, path: Path | None, found: str, expected: str) -> ConfigError:
    where = f"[{venue}]" if path is None else str(path)
    return ConfigError([ConfigMistake(where, None, "PRIVATE_KEY_FILE", found, expected)])
