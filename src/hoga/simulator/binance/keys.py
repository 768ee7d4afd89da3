"""simulator.binance.keys: API keys, their signatures, and the clock of who signs. Pure but for cryptography's arithmetic.

A request is signed over its text as sent; `timestamp` must be less than a second ahead of the venue's clock and at most
`recvWindow` behind it. The keys here are the venue's own documentation examples and test vectors: public, and good
for a simulator only.

Source: protocol sheet 4.4 and 4.7 (spot-docs, with vectors recomputed).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hoga.simulator.faults import FaultDesk, FaultKind

__all__ = ["EXAMPLE_KEYS", "ApiKey", "KeyRing"]


class ApiKey(NamedTuple):
    """One key of an account: `secret` for HMAC, or the raw `public` key (32 bytes, hex) for Ed25519."""

    key: str
    account: str
    secret: str = ""
    public: str = ""

    def signed(self, text: str, signature: str) -> bool:
        """Tell whether `signature` (hex for HMAC, base64 for Ed25519) is this key's over `text`."""
        if self.secret:
            made = hmac.new(self.secret.encode(), text.encode(), sha256).hexdigest()
            return hmac.compare_digest(made.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)).verify(raw, text.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


EXAMPLE_KEYS = (
    ApiKey(
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "main",
        secret="NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    ),
    ApiKey(
        "hogaSimulatorEd25519KeyWhosePrivateSeedIsTheBytes00To1f000000000",
        "main",
        public="03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    ),
    ApiKey(
        "hogaSimulatorSecondAccountHmacKey0000000000000000000000000000002",
        "second",
        secret="hogaSimulatorSecondAccountHmacSecret0000000000000000000000000002",
    ),
)
"""Two keys of one account, one HMAC and one Ed25519, and one of another account."""


class KeyRing:
    """Which keys are good now: known, and neither revoked nor expired by a fault."""

    def __init__(self, keys: Iterable[ApiKey], desk: FaultDesk) -> None:
        self._keys = {key.key: key for key in keys}
        self._desk = desk

    def find(self, name: str) -> ApiKey | None:
        """The key of a name, None when there is none that is good."""
        key = self._keys.get(name)
        return None if key is None or self.is_bad(name) else key

    def all(self) -> Iterable[ApiKey]:
        """Every key there is, good or not."""
        return self._keys.values()

    def may_trade(self, name: str) -> bool:
        """Tell whether a key may do more than ask."""
        return not self._touched(FaultKind.KEY_READS, name)

    def may_withdraw(self, name: str) -> bool:
        """Tell whether a key may withdraw."""
        return self._touched(FaultKind.KEY_WITHDRAWS, name)

    def is_bad(self, name: str) -> bool:
        """Tell whether a fault has revoked or expired the key."""
        return self.is_revoked(name) or self._touched(FaultKind.KEY_EXPIRED, name)

    def is_revoked(self, name: str) -> bool:
        """Tell whether a fault has revoked the key."""
        return self._touched(FaultKind.KEY_REVOKED, name)

    def _touched(self, kind: FaultKind, name: str) -> bool:
        return any(fnmatchcase(name, active.fault.key) for active in self._desk.active(kind))
