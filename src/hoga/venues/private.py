"""venues.private: the shape of a venue's private streams: one life of a connection as a machine without sockets. Pure.

    begin ─▶ steps ─▶ (shell acts) ─▶ answer | refused | opened | receive | tick ─▶ steps ─▶ …

The shell carries out each step in order and feeds back what came of it. A session lives as long as its connection:
after `Refuse`, `Renew`, or a lost socket the shell makes a new one, after `Replace` one beside it. No session raises for what a venue
sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from hoga.core.market import Body, DataType
from hoga.core.secret import Credentials, Secret
from hoga.venues.request import Request, Signer

__all__ = [
    "CHANNELS", "EVERYTHING", "PATIENCE_S", "Connect", "Emit", "Live", "Nonce", "Odd", "PrivateSession", "PrivateSpec", "Refusal",
    "Refuse", "Renew", "Replace", "Reply", "Send", "Step", "Trouble",
]  # fmt: skip

CHANNELS: dict[DataType, str] = {
    DataType.MY_ORDER: "myOrder",
    DataType.MY_FILL: "myFill",
    DataType.MY_ASSET: "myAsset",
    DataType.MY_BALANCE: "myBalance",
    DataType.MY_POSITION: "myPosition",
    DataType.MY_ORDER_LIST: "myOrderList",
    DataType.MY_ALGO_ORDER: "myAlgoOrder",
    DataType.MY_ACCOUNT_CONFIG: "myAccountConfig",
    DataType.MY_MARGIN_CALL: "myMarginCall",
    DataType.MY_TRIGGER_REJECT: "myTriggerReject",
}
"""The channel of each private type of data, at every venue."""

EVERYTHING = "*"
"""The symbol of what is about the whole account."""

PATIENCE_S = 3.0
"""Where nothing says that a subscription stands, so long a silence without an error does."""

Nonce = Callable[[], str]
"""Gives a text that was never given before."""


class Trouble(StrEnum):
    """Why a venue does not let us in. The first six need a person, the others time."""

    KEY = "key"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PERMISSION = "permission"
    ADDRESS = "address"
    CLOCK = "clock"
    NONCE = "nonce"
    LIMIT = "limit"
    VENUE = "venue"

    @property
    def needs_a_person(self) -> bool:
        """Whether trying again without a change is almost surely in vain."""
        return self not in (Trouble.NONCE, Trouble.LIMIT, Trouble.VENUE)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's no. `text` is in its own words. `clock_off_ms`: our clock minus the venue's, where that is the trouble."""

    trouble: Trouble
    text: str
    clock_off_ms: int | None = None
    retry_after_s: float | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's answer to a REST call, whatever its status."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """Open the connection at this request target; then call `opened`, or `refused`."""

    target: Secret
    headers: Mapping[str, Secret]


class Send(msgspec.Struct, frozen=True):
    """Send this text frame."""

    text: Secret


class Live(msgspec.Struct, frozen=True):
    """The venue has let us in: events come from now on."""


class Refuse(msgspec.Struct, frozen=True):
    """The venue has said no: end this life."""

    refusal: Refusal


class Renew(msgspec.Struct, frozen=True):
    """This life brings nothing more, for `why`: end it and begin a new one at once.

    `deaf`: it may have brought nothing for a while, though its socket lived; `PrivateSession.heard_s` says since when.
    """

    why: str
    deaf: bool = False


class Replace(msgspec.Struct, frozen=True):
    """This life goes on, and the venue will end it soon, for `why`: make another one beside it."""

    why: str


class Emit(msgspec.Struct, frozen=True):
    """Data: `payload`, the venue's object verbatim, is about `symbols` and is of each of `types`. No symbols: about the account."""

    types: tuple[DataType, ...]
    symbols: tuple[str, ...]
    payload: bytes


class Odd(msgspec.Struct, frozen=True):
    """A frame that says nothing we know."""

    frame: bytes


Step = Request | Connect | Send | Live | Refuse | Renew | Replace | Emit | Odd
"""A `Request` is a REST call to make; its reply is fed to `answer`."""


class PrivateSession(Protocol):
    """One life of a venue's private connection. `now_ms` is the wall clock, `age_s` the steady time since `begin`.

    `stream`: what the venue calls that which is listened to, where a new login may show that it is another one by now, and the old one
    deaf. `heard_s`: the age at which it was certain, last, that events come (None: as long as the socket lived).
    """

    @property
    def stream(self) -> Secret: ...

    @property
    def heard_s(self) -> float | None: ...

    def begin(self, now_ms: int) -> list[Step]:
        """The first steps."""

    def answer(self, reply: Reply, now_ms: int) -> list[Step]:
        """A REST call was answered."""

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """The handshake was answered with a status instead. The body may be cut short or missing."""

    def opened(self, now_ms: int) -> list[Step]:
        """The connection is open."""

    def receive(self, frame: bytes, now_ms: int) -> list[Step]:
        """A frame came."""

    def want(self, types: frozenset[DataType]) -> list[Step]:
        """Other types of data are wanted from now on."""

    def tick(self, age_s: float) -> list[Step]:
        """Time has passed; called every second or so once the connection is open."""


@dataclass(frozen=True, slots=True)
class PrivateSpec:
    """A venue's private streams.

    `decode`: the types of data it tells, and their readers (which raise ValueError for what they cannot read).
    `needs`: which configuration keys make it work, as alternatives. `session(credentials, types, nonce)` begins a life.
    `signer(credentials, nonce)` builds what signs REST calls; it raises ValueError for keys that cannot be signed with, and
    its text holds nothing of them. `sent_key`: where a payload says when it was sent. One event that comes on two connections may differ in
    that, and in nothing else. `moves`: types that tell a change instead of what is; two of them may be alike but for that time.
    """

    decode: Mapping[DataType, Callable[[bytes], Body]]
    needs: tuple[tuple[str, ...], ...]
    session: Callable[[Credentials, frozenset[DataType], Nonce], PrivateSession]
    signer: Callable[[Credentials, Nonce], Signer]
    sent_key: str | None = None
    moves: frozenset[DataType] = frozenset()

    def can_use(self, credentials: Credentials) -> bool:
        """Whether these keys are all that is needed."""
        given = {"API_KEY": credentials.key, "API_SECRET": credentials.secret, "PRIVATE_KEY_FILE": credentials.signing_key}
        return any(all(given[name] for name in names) for names in self.needs)

    def type_of(self, channel: str) -> DataType | None:
        """The type of data of one of the private channels, None for any other."""
        return next((data_type for data_type in self.decode if CHANNELS[data_type] == channel), None)
