"""core.errors: every exception hoga raises on purpose.

    HogaError                      typed fields, text built from them, `transient`, `hint`
    ├─ ConfigError                 the user's configuration or command line (exit status 2)
    ├─ LinkError                   one connection
    │  ├─ ConnectFailed · HandshakeRefused
    ├─ VenueError                  their fault
    │  ├─ RateLimited · Refused · Unavailable · WireFault
    ├─ ProtocolMisuse              our fault
    └─ ArchiveError                files
       ├─ SegmentCorrupt · ManifestMismatch · DiskFull · ArchiveBusy

The market's faults (gaps, silences, bad frames) are data and never raise; see `core.ledger`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = [
    "ArchiveBusy",
    "ArchiveError",
    "ConfigError",
    "ConfigMistake",
    "ConnectFailed",
    "DiskFull",
    "HandshakeRefused",
    "HogaError",
    "LinkError",
    "ManifestMismatch",
    "ProtocolMisuse",
    "RateLimited",
    "Refused",
    "SegmentCorrupt",
    "Sent",
    "Unavailable",
    "VenueError",
    "WireFault",
    "spelt",
]


class HogaError(Exception):
    """Root of the tree.

    `transient`: trying again later may work. `hint`: the operator's next step, or None.
    """

    transient: bool = False

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.text} ({self.hint})" if self.hint else self.text

    def __reduce__(self) -> tuple[object, ...]:
        """Errors come back from worker processes with all their fields."""
        return _revive, (type(self), self.args, self.__dict__)


@dataclass(frozen=True, slots=True)
class ConfigMistake:
    """One mistake in the configuration: where it is, what was found, what was expected.

    `line` is None for values that come from the environment or the command line. `plain`: a whole sentence that says it
    better than found and expected do.
    """

    where: str
    line: int | None
    key: str
    found: str
    expected: str
    nearest: str | None = None
    plain: str | None = None

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        if self.plain is not None:
            return f"{place}: {self.plain}"
        nearest = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{place}: {self.key}: found {self.found}, expected {self.expected}{nearest}"


class ConfigError(HogaError):
    """The configuration cannot be used; `mistakes` names every mistake at once."""

    def __init__(self, mistakes: list[ConfigMistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class LinkError(HogaError):
    """A fault of one connection."""

    transient = True

    def __init__(self, connection: str, why: str, *, epoch: int = 0, hint: str | None = None) -> None:
        super().__init__(f"{connection} epoch {epoch}: {why}", hint=hint)
        self.connection = connection
        self.epoch = epoch
        self.why = why


class ConnectFailed(LinkError):
    """No TCP or TLS connection could be made, or it ended before the WebSocket handshake did."""


class HandshakeRefused(LinkError):
    """The server answered the WebSocket handshake with `status` instead of 101.

    `retry_after_s`: how long the server asks to be left alone, None when it does not say. `body`: what came with the answer at
    once, perhaps cut short.
    `said`: what was asked where, and what came back, as it may be shown.
    """

    def __init__(
        self, connection: str, status: int, *, epoch: int = 0, retry_after_s: float | None = None, body: bytes = b"", said: str = ""
    ) -> None:
        super().__init__(connection, f"handshake refused {said or f'with HTTP {status}'}", epoch=epoch)
        self.status = status
        self.retry_after_s = retry_after_s
        self.body = body


class Sent(StrEnum):
    """Whether a call that failed was sent at all."""

    NO = "not sent"
    """The venue cannot have it."""
    MAYBE = "maybe sent"
    """The venue may have it; no whole answer came."""
    ANSWERED = "answered"
    """The venue had it; the error says what it answered."""


class VenueError(HogaError):
    """The venue answered, and the answer is a fault; or no answer came, and `sent` says whether it can have had the call."""

    def __init__(self, venue: str, why: str, *, hint: str | None = None, sent: Sent = Sent.ANSWERED) -> None:
        super().__init__(f"{venue}: {why}", hint=hint)
        self.venue = venue
        self.sent = sent


class RateLimited(VenueError):
    """HTTP 429 or 418, or our own budget's no before anything was sent: wait `retry_after_s` before the next request."""

    transient = True

    def __init__(self, venue: str, *, status: int, retry_after_s: float, sent: Sent = Sent.ANSWERED) -> None:
        super().__init__(venue, f"rate limited (HTTP {status}), retry after {retry_after_s:g} s", sent=sent)
        self.status = status
        self.retry_after_s = retry_after_s


class Refused(VenueError):
    """The venue refused a request with its own `code` and `reason`."""

    def __init__(self, venue: str, *, code: int, reason: str, status: int = 400) -> None:
        super().__init__(venue, f"refused with {code}: {reason}")
        self.code = code
        self.reason = reason
        self.status = status


class Unavailable(VenueError):
    """The venue gives no answer, or one that says nothing of what was asked (5xx): trying again later may work."""

    transient = True


class WireFault(VenueError):
    """Bytes that are not what the venue's protocol promises."""


class ProtocolMisuse(HogaError):
    """A caller inside hoga broke a calling contract."""


def spelt(path: object) -> str:
    """A name as it was written: of `s3://bucket/…` a `Path` leaves one stroke."""
    return re.sub(r"^(s3:)/(?!/)", r"\1//", str(path))


class ArchiveError(HogaError):
    """A fault of a file of the archive."""

    def __init__(self, path: Path | str, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"{spelt(path)}: {why}", hint=hint)
        self.path = Path(path)
        self.why = why


class SegmentCorrupt(ArchiveError):
    """The bytes of a sealed file are not what was sealed; `offset` is where, None when unknown."""

    def __init__(self, path: Path | str, why: str, *, offset: int | None = None) -> None:
        super().__init__(path, why if offset is None else f"{why} at offset {offset}")
        self.offset = offset


class ManifestMismatch(ArchiveError):
    """A recomputed figure differs from the manifest's."""


class DiskFull(ArchiveError):
    """No space above the reserve."""

    transient = True


class ArchiveBusy(ArchiveError):
    """Another hoga is working on the same folder."""


def _revive(kind: type[HogaError], args: tuple[object, ...], fields: dict[str, object]) -> HogaError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error
