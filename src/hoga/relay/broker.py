"""relay.broker: one connection to NATS and JetStream, and the only file that imports nats-py (extra `nats`), when it is used.

A `Broker` is opened once (`open`, which raises where it cannot) and then kept (`keep`): when the connection is lost it is made again, for
ever, with growing pauses, told once when it goes and once when it comes back. Each connection is one life: what waited for an
acknowledgement fails with it, and whoever sent it sends it again (ids make that one message); subscriptions are made anew.

Credentials come from the environment (`NATS_USER` and `NATS_PASSWORD`, `NATS_TOKEN`, `NATS_CREDS`: a file; `NATS_CA`: a PEM file of
certificates to trust) and stand in no text.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hoga.core.errors import HogaError
from hoga.core.pauses import Pauses, Schedule
from hoga.hub.turns import Breath
from hoga.relay.credentials import Credentials
from hoga.relay.subjects import StreamShape, url_fault
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.libraries import MissingLibrary
from hoga.runtime.logs import get_log
from hoga.runtime.patience import end_if_cancelled, within

__all__ = ["ENVIRONMENT", "Address", "Broker", "BrokerFault", "BrokerRefused", "Pull", "Received", "address_of"]

_log = get_log("nats")

_CONNECT_S = 5.0
_ACK_S = 10.0
_STALL_S = 30.0
_PENDING = 32
"""Messages that may wait for their acknowledgement: so many megabytes at most."""
_OUT_BYTES = 4 << 20
"""What may wait for the socket."""
_PING_S = 10
_ANSWERS = 8
"""So many questions are answered at a time."""
_PINGS_MAX = 2
_SECRETS = ("NATS_USER", "NATS_PASSWORD", "NATS_TOKEN")
ENVIRONMENT = (*_SECRETS, "NATS_CREDS", "NATS_CA")
"""The variables that say who we are there."""


class BrokerFault(HogaError):
    """NATS did not do what was asked of it; trying again later may work."""

    transient = True


class BrokerRefused(BrokerFault):
    """What no further try helps against: credentials, a stream of another configuration, no JetStream."""

    transient = False


class Address(NamedTuple):
    """Where NATS is, and who we are there. `secrets` by the names of the environment; never shown."""

    urls: tuple[str, ...]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Address({', '.join(self.urls)})"


class Received(NamedTuple):
    """A message as it came."""

    subject: str
    headers: Mapping[str, str]
    payload: bytes


def address_of(text: str, environment: Mapping[str, str]) -> Address:
    """Raises BrokerRefused for what is no address."""
    if (why := url_fault(text)) is not None:
        raise BrokerRefused(f"NATS_URL: {why}")
    return Address(
        tuple(url.strip() for url in text.split(",")), {name: environment[name] for name in ENVIRONMENT if environment.get(name)}
    )


class Broker:
    """One client of NATS. `name`: by which the server knows it.

    `connected`: whether it is. `trouble`: why it is not, for people; None while it is. `outages`: how often it was lost.
    """

    def __init__(self, address: Address, name: str, *, clock: Clock = SYSTEM, pending: int = _PENDING) -> None:
        self._address = address
        self._name = name
        self._clock = clock
        self._pending = pending
        self._client: Any = None
        self._stream: Any = None
        self._lost = asyncio.Event()
        self._last_fault: Exception | None = None
        self._again: list[Callable[[], Awaitable[None]]] = []
        self._is_ready = True
        self.trouble: str | None = "not connected yet"
        self.outages = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known, and everything was done that is to be done on each."""
        return self._is_ready and self._is_up

    @property
    def _is_up(self) -> bool:
        return self._client is not None and bool(self._client.is_connected) and not self._lost.is_set()

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, headers included."""
        return int(self._client.max_payload) if self._client is not None else 0

    async def open(self) -> None:
        """Connect. Raises BrokerRefused, BrokerFault, MissingLibrary."""
        await self._connect()
        self.trouble = None

    async def close(self) -> None:
        """Say good-bye, once what was given to the socket is sent or a second has passed."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                await within(client.flush(), 1.0)
            with contextlib.suppress(Exception):
                await within(client.close(), 1.0)

    async def on_connected(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it now, and whenever there is another connection, in this order: make streams, subscribe. Raises what it raises, now; later
        a connection on which it raises HogaError is let go, and another one made."""
        self._again.append(act)
        await act()

    async def keep(self) -> None:
        """Connect again whenever the connection is lost (or there never was one), for ever."""
        pauses = Pauses(Schedule.NATS)
        refused = ""
        while True:
            if self.connected:
                await self._lost.wait()
            self._is_ready = False
            if self.trouble is None:
                self.outages += 1
                self.trouble = _said(self._last_fault) or "the connection was lost"
                _log.warning(
                    "NATS is away", url=self.shown, why=self.trouble, hint="tried again until it is there; nothing is lost on disk"
                )
            try:
                await self._connect()
                end_if_cancelled()
                for act in self._again:
                    await act()
            except (HogaError, OSError) as fault:
                self.trouble = str(fault)
                if isinstance(fault, BrokerRefused) and self.trouble != refused:
                    refused = self.trouble
                    _log.warning("NATS is there, and not for us", url=self.shown, why=refused, hint="tried again for ever")
                await self._drop()
                _log.debug("NATS is still away", url=self.shown, why=self.trouble)
                await self._clock.sleep(pauses.next_s())
                continue
            pauses.clear()
            self._is_ready = True
            self.trouble, refused = None, ""
            _log.info("NATS is back", url=self.shown)

    async def let_go_of(self, fault: BrokerFault) -> None:
        """End this connection because of `fault`, which is the trouble from now on; `keep` makes another."""
        lost, self._last_fault = self._lost, fault
        await self._drop()
        lost.set()

    @property
    def shown(self) -> str:
        """The address, for people."""
        return ",".join(self._address.urls)

    # -- streams ------------------------------------------------------------------------------------------------------

    async def ensure(self, shape: StreamShape) -> None:
        """See that there is a stream of this shape. Raises BrokerRefused where one of that name has another, BrokerFault."""
        api, errors = _library().js.api, _library().js.errors
        wanted = api.StreamConfig(
            name=shape.name,
            subjects=list(shape.subjects),
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.MEMORY if shape.in_memory else api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_age=float(shape.max_age_s),
            max_bytes=-1 if shape.max_bytes is None else shape.max_bytes,
            max_msgs=-1,
            duplicate_window=float(shape.duplicate_window_s),
        )
        async with self._asked(f"stream {shape.name}"):
            try:
                found = await self._context.stream_info(shape.name)
            except errors.NotFoundError:
                found = await self._context.add_stream(wanted)
        if differences := _differences(found.config, wanted):
            hint = f"another made it: remove it (`nats stream rm {shape.name}`) if nobody needs it"
            raise BrokerRefused(f"stream {shape.name} is not as hoga needs it: {'; '.join(differences)}", hint=hint)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def post(self, shape: StreamShape, subject: str, headers: dict[str, str], payload: bytes) -> asyncio.Future[Any]:
        """Send to a stream, when fewer than so many wait for their acknowledgement. What comes back is for `settle`. Raises
        BrokerFault."""
        if not self.connected:
            raise BrokerFault(self.trouble or "NATS is away")
        async with self._asked(f"message to {shape.name}"):
            sent = self._context.publish_async(subject, payload, wait_stall=_STALL_S, stream=shape.name, headers=headers)
            found: asyncio.Future[Any] = await within(sent, _STALL_S + 1)
            return found

    async def settle(self, waiting: Sequence[asyncio.Future[Any]]) -> None:
        """Wait until all of them are acknowledged. Raises BrokerFault when one is not, or the connection goes: none counts then."""
        async with self._asked("acknowledgement"):
            lost = asyncio.ensure_future(self._lost.wait())
            left: set[asyncio.Future[Any]] = set(waiting)
            try:
                while left:
                    done, _ = await asyncio.wait({lost, *left}, timeout=_ACK_S, return_when=asyncio.FIRST_COMPLETED)
                    if not done & left:
                        raise BrokerFault(self.trouble or "the connection was lost" if done else "no acknowledgement came")
                    for each in done - {lost}:
                        each.result()
                    left -= done
            finally:
                lost.cancel()
                self.let_go(waiting)

    @staticmethod
    def let_go(waiting: Sequence[asyncio.Future[Any]]) -> None:
        """Nobody waits for these any more: each gives back its place among those that may wait."""
        for each in waiting:
            if not each.cancel() and not each.cancelled():
                each.exception()  # it was told, or concerns nobody

    async def tell(self, subject: str, headers: dict[str, str], payload: bytes) -> bool:
        """Send without an acknowledgement. False, and it is gone, where there is no connection, or the socket does not keep up."""
        client = self._client
        if client is None or not self.connected or client.pending_data_size + len(payload) > _OUT_BYTES:
            return False
        try:
            await within(client.publish(subject, payload, headers=headers), _STALL_S)
        except (TimeoutError, OSError, _library().errors.Error):
            return False
        return True

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes | None:
        """The answer to a question, None when nobody gives one in time. Raises BrokerFault."""
        errors = _library().errors
        async with self._asked("question"):
            try:
                answer = await self._connection.request(subject, payload, timeout=timeout_s)
            except (errors.NoRespondersError, errors.TimeoutError, TimeoutError):
                return None
            return bytes(answer.data)

    async def ask_all(self, subject: str, payload: bytes, *, wait_s: float) -> list[bytes]:
        """What everybody answers within that time. Raises BrokerFault."""
        async with self._asked("question"):
            client = self._connection
            inbox = client.new_inbox()
            found: list[bytes] = []

            async def take(message: Any) -> None:
                if not (message.headers or {}).get("Status"):
                    found.append(bytes(message.data))

            subscription = await client.subscribe(inbox, cb=take)
            try:
                await client.publish(subject, payload, reply=inbox)
                await client.flush()
                await self._clock.sleep(wait_s)
            finally:
                with contextlib.suppress(Exception):
                    await subscription.unsubscribe()
            return found

    # -- receiving ----------------------------------------------------------------------------------------------------

    async def answer(self, subject: str, respond: Callable[[Received], Awaitable[bytes]]) -> None:
        """Answer every question on `subject` by `respond`, several at a time, on this connection and each after it. Raises BrokerFault."""
        places, answering = asyncio.Semaphore(_ANSWERS), set[asyncio.Task[None]]()

        async def reply(message: Any) -> None:
            try:
                answer = await respond(_received(message))
                if message.reply:
                    with contextlib.suppress(Exception):  # the connection went meanwhile: whoever asked asks again
                        await message.respond(answer)
            finally:
                places.release()

        async def take(message: Any) -> None:
            await places.acquire()
            task = asyncio.create_task(reply(message), name="answer")
            answering.add(task)
            task.add_done_callback(answering.discard)

        await self._subscribe(subject, take)

    async def follow(self, subject: str, take: Callable[[Received], None], *, pending_bytes: int = 64 << 20) -> None:
        """Call `take` with every message on `subject` (`*` in it allowed), on this connection and each after it; what is not taken in time
        is dropped by the client. Raises BrokerFault."""

        breath = Breath()

        async def hand_on(message: Any) -> None:
            take(_received(message))
            await breath.take()  # while messages wait the library does not suspend

        await self._subscribe(subject, hand_on, pending_bytes=pending_bytes)

    async def pull(self, shape: StreamShape, durable: str, subject: str) -> Pull:
        """A durable consumer of a stream, which remembers what was acknowledged. One connection's: make another after it. Raises
        BrokerFault."""
        api = _library().js.api
        async with self._asked(f"consumer {durable} of {shape.name}"):
            config = api.ConsumerConfig(
                ack_policy=api.AckPolicy.EXPLICIT, deliver_policy=api.DeliverPolicy.ALL, ack_wait=60.0, max_ack_pending=1000
            )
            return Pull(self, shape, await self._context.pull_subscribe(subject, durable=durable, stream=shape.name, config=config))

    async def drop_consumer(self, shape: StreamShape, durable: str) -> None:
        """Let a durable consumer go, with all that it remembers; nothing happens where there is none. Raises BrokerFault."""
        errors = _library().js.errors
        async with self._asked(f"consumer {durable} of {shape.name}"):
            with contextlib.suppress(errors.NotFoundError):
                await self._context.delete_consumer(shape.name, durable)

    async def last_of(self, shape: StreamShape) -> int:
        """The number of the last message of a stream. Raises BrokerFault."""
        async with self._asked(f"stream {shape.name}"):
            info = await self._context.stream_info(shape.name)
            return int(info.state.last_seq or 0)

    async def _subscribe(self, subject: str, take: Callable[[Any], Awaitable[None]], *, pending_bytes: int = 16 << 20) -> None:
        async def act() -> None:
            async with self._asked(f"subscription to {subject}"):
                client = self._connection
                await client.subscribe(subject, cb=take, pending_bytes_limit=pending_bytes)
                await client.flush()  # it holds from now on

        await self.on_connected(act)

    # -- the connection -----------------------------------------------------------------------------------------------

    @property
    def _connection(self) -> Any:
        if not self._is_up:
            raise BrokerFault(self.trouble or "NATS is away")
        return self._client

    @property
    def _context(self) -> Any:
        self._connection  # noqa: B018  # raises when there is none
        return self._stream

    async def _connect(self) -> None:
        nats = _library()
        client, lost = nats.NATS(), asyncio.Event()
        faults: list[Exception] = []

        async def on_fault(fault: Exception) -> None:
            faults.append(fault)
            self._last_fault = fault
            del faults[:-4]

        async def on_closed() -> None:
            lost.set()

        options: dict[str, Any] = {
            "servers": list(self._address.urls),
            "name": self._name,
            "error_cb": on_fault,
            "closed_cb": on_closed,
            "disconnected_cb": on_closed,
            "allow_reconnect": False,
            "connect_timeout": _CONNECT_S,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.1,
            "ping_interval": _PING_S,
            "max_outstanding_pings": _PINGS_MAX,
            "pending_size": _OUT_BYTES,
            **self._who(),
        }
        is_plain = self._require_encryption(client)
        try:
            await within(_alone(client.connect(**options)), 3 * _CONNECT_S)
        except asyncio.CancelledError:  # whoever is ended while it connects leaves no socket behind
            await _close(client)
            raise
        except (TimeoutError, OSError, nats.errors.Error, ValueError) as fault:
            await _close(client)
            if is_plain():
                hint = "give it a certificate, or write nats:// where the way to it is safe"
                raise BrokerRefused(f"NATS at {self.shown} does not encrypt, and tls:// asks for it", hint=hint) from fault
            cause = faults[-1] if faults else fault
            if (untrusted := next((each for each in (fault, *faults) if isinstance(each, ssl.SSLError)), None)) is not None:
                hint = "NATS_CA names the file of certificates that it is to be trusted by"
                raise BrokerRefused(f"NATS at {self.shown} is not trusted: {_said(untrusted)}", hint=hint) from fault
            said = _said(cause) or "no answer"
            asked = bool((getattr(client, "_server_info", None) or {}).get("auth_required")) and not isinstance(fault, TimeoutError)
            if asked or "authorization" in said.lower():  # a server may cut the connection before what it says of it was read
                hint = "set NATS_USER and NATS_PASSWORD, NATS_TOKEN or NATS_CREDS in the environment"
                raise BrokerRefused(f"NATS at {self.shown} refused the credentials", hint=hint) from fault
            raise BrokerFault(f"NATS at {self.shown} is not there: {said}", hint="NATS_URL says where it is") from fault
        self._lost, self._client, self._last_fault = lost, client, None
        self._stream = client.jetstream(publish_async_max_pending=self._pending, timeout=_CONNECT_S)

    def _require_encryption(self, client: Any) -> Callable[[], bool]:
        """See that a server that does not encrypt is told nothing where the address says `tls://`: the library leaves that to the server.
        Returns what says whether it was one."""
        refused: list[bool] = []
        introduce = client._connect_command

        def introduce_encrypted() -> Any:
            if not client._server_info.get("tls_required"):
                refused.append(True)
                raise _library().errors.Error("nats: not encrypted")
            return introduce()

        if any(url.startswith("tls:") for url in self._address.urls):
            client._connect_command = introduce_encrypted
        return lambda: bool(refused)

    def _who(self) -> dict[str, Any]:
        secrets = self._address.secrets
        names = {"NATS_USER": "user", "NATS_PASSWORD": "password", "NATS_TOKEN": "token"}
        found: dict[str, Any] = {names[name]: value for name, value in secrets.items() if name in names}
        if "NATS_CREDS" in secrets:
            try:
                credentials = Credentials(Path(secrets["NATS_CREDS"]))
            except (OSError, ValueError) as fault:
                why = fault.strerror if isinstance(fault, OSError) else fault
                raise BrokerRefused(f"NATS_CREDS: {why}", hint="expected a credentials file as nsc writes it") from fault
            found |= {"user_jwt_cb": credentials.jwt, "signature_cb": credentials.sign}
        if "NATS_CA" in secrets:
            try:
                found["tls"] = ssl.create_default_context(cafile=secrets["NATS_CA"])
            except (OSError, ssl.SSLError) as fault:
                raise BrokerRefused(f"NATS_CA: {_said(fault)}", hint="expected a PEM file of certificates") from fault
        return found

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _close(client)

    @contextlib.asynccontextmanager
    async def _asked(self, what: str) -> Any:
        """What the library and the server say when it does not work, as ours."""
        errors, of_stream = _library().errors, _library().js.errors
        try:
            yield
        except HogaError:
            raise
        except (of_stream.ServiceUnavailableError, of_stream.NoStreamResponseError) as fault:
            hint = "start nats-server with -js, or give this account JetStream"
            raise BrokerRefused(f"{what}: the server at {self.shown} answers with no JetStream", hint=hint) from fault
        except of_stream.APIError as fault:
            raise BrokerFault(f"{what}: NATS refused: {fault.description or _said(fault)}") from fault
        except (errors.Error, TimeoutError, OSError) as fault:
            raise BrokerFault(f"{what}: {_said(fault) or 'no answer from NATS'}") from fault
        finally:
            end_if_cancelled()


class Pull:
    """A durable consumer, on one connection."""

    def __init__(self, broker: Broker, shape: StreamShape, subscription: Any) -> None:
        self._broker = broker
        self._shape = shape
        self._subscription = subscription

    async def fetch(self, most: int, *, timeout_s: float) -> list[tuple[Received, Any]]:
        """Messages and what `ack` takes for each; none when there are none in that time. Raises BrokerFault."""
        errors = _library().errors
        async with self._broker._asked("messages"):
            try:
                messages = await self._subscription.fetch(most, timeout=timeout_s)
            except (errors.TimeoutError, TimeoutError):
                return []
            return [(_received(message), message) for message in messages]

    async def ack(self, ticket: Any) -> None:
        """It is kept here: the server need not send it again. Raises BrokerFault."""
        async with self._broker._asked("acknowledgement"):
            await ticket.ack()

    async def ack_all(self, tickets: Sequence[Any]) -> None:
        """The same for many. Raises BrokerFault."""
        async with self._broker._asked("acknowledgement"):
            for ticket in tickets:
                await ticket.ack()

    async def refuse(self, ticket: Any) -> None:
        """It is of no use, and is not to come again. Raises BrokerFault."""
        async with self._broker._asked("acknowledgement"):
            await ticket.term()

    async def is_astray(self) -> bool:
        """Whether the server has sent messages that it does not have (any more): it has lost the newest ones, and would take others with
        their numbers for sent. Raises BrokerFault."""
        async with self._broker._asked("consumer"):
            info = await self._subscription.consumer_info()
        sent = int(info.delivered.stream_seq or 0) if info.delivered is not None else 0
        return sent > await self._broker.last_of(self._shape)

    async def waiting(self) -> int:
        """How many messages the server has for this consumer: not sent yet, or sent to a life of it that ended before it acknowledged
        them, which come again after a minute. Raises BrokerFault."""
        async with self._broker._asked("consumer"):
            info = await self._subscription.consumer_info()
            return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


async def _alone(connecting: Any) -> None:
    """Await what the library does in a task of its own: it may swallow that it is cancelled, and whoever waits for it may not."""
    doing = asyncio.ensure_future(connecting)
    try:
        await asyncio.wait({doing})
    finally:
        doing.cancel()
        await asyncio.wait({doing}, timeout=1.0)
    doing.result()


async def _close(client: Any) -> None:
    """Leave no socket behind; a peer that does not end the encryption is not waited for."""
    with contextlib.suppress(Exception):
        await within(client.close(), 1.0)


def _library() -> Any:
    """nats-py, with those of its parts that are used here. Raises MissingLibrary."""
    try:
        import nats
        import nats.js.api
        import nats.js.errors
    except ModuleNotFoundError as fault:
        if fault.name != "nats":
            raise
        raise MissingLibrary("nats-py", "nats") from None
    return nats


def _received(message: Any) -> Received:
    return Received(str(message.subject), message.headers or {}, bytes(message.data))


def _said(fault: BaseException | None) -> str:
    """What an exception says, in one line without the library's name."""
    if fault is None:
        return ""
    number = fault.errno if isinstance(fault, OSError) else None
    plain = str(fault) if number not in errno.errorcode else os.strerror(number or 0)
    text = " ".join((plain or ("no answer" if isinstance(fault, TimeoutError) else type(fault).__name__)).split())
    return text.removeprefix("nats: ").strip("'")[:300]


def _differences(found: Any, wanted: Any) -> list[str]:
    """What of a stream is not as it must be."""
    pairs = [
        ("subjects", sorted(found.subjects or ()), sorted(wanted.subjects)),
        ("retention", _name(found.retention), _name(wanted.retention)),
        ("storage", _name(found.storage), _name(wanted.storage)),
        ("discard", _name(found.discard), _name(wanted.discard)),
        ("max_age", found.max_age or 0, wanted.max_age),
        ("max_bytes", found.max_bytes, wanted.max_bytes),
        ("max_msgs", found.max_msgs, wanted.max_msgs),
        ("duplicate_window", found.duplicate_window or 0, wanted.duplicate_window),
    ]
    return [f"{name} is {_shown(have)}, expected {_shown(want)}" for name, have, want in pairs if have != want]


def _name(value: Any) -> str:
    return str(getattr(value, "value", value))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "none"
    return f"{value:g} s" if isinstance(value, float) else str(value)
