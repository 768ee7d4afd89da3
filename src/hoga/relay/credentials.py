"""relay.credentials: a NATS credentials file, as `nsc` writes it: who one is (a JWT), and the Ed25519 seed that proves it.

-----BEGIN NATS USER JWT-----        -----BEGIN USER NKEY SEED-----
eyJ0eXAi…                            SUAM…  base32 of two bytes of prefix, the seed, and its CRC-16
------END NATS USER JWT------        ------END USER NKEY SEED------
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

__all__ = ["Credentials"]

_SECTION = re.compile(r"-----BEGIN (NATS USER JWT|USER NKEY SEED)-----\s+(\S+)\s+-{5,6}END")
_SEED_BYTES = 32
_USER_SEED = (18 << 3, 20 << 3)
"""A seed (`S`), of a user (`U`): five bits each at the beginning."""


class Credentials:
    """What a file says. Raises OSError, ValueError (which repeats nothing of what is in it)."""

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 3 MB that hardly anybody needs

        found = dict(_SECTION.findall(path.read_text(errors="replace")))
        if len(found) < 2:
            raise ValueError("it has no NATS USER JWT and USER NKEY SEED")
        self._jwt = str(found["NATS USER JWT"]).encode()
        self._key = Ed25519PrivateKey.from_private_bytes(_seed(str(found["USER NKEY SEED"])))

    def jwt(self) -> bytes:
        """Who one is."""
        return self._jwt

    def sign(self, nonce: str) -> bytes:
        """The proof of it, for what the server asked."""
        return base64.b64encode(self._key.sign(nonce.encode()))


def _seed(text: str) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raw = b""
    if len(raw) != 2 + _SEED_BYTES + 2 or binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise ValueError("its USER NKEY SEED is damaged")
    if (raw[0] & 0xF8, (raw[0] & 7) << 5 | raw[1] >> 3) != _USER_SEED:
        raise ValueError("its USER NKEY SEED is not a user's")
    return raw[2:-2]
