"""core.secret: texts that never show, and the keys of one venue made of them. Pure.

Rule: a secret is revealed by the one line that signs with it or sends it, and never travels as plain text before. Its
repr is fixed, it has no encoding, and what a venue says goes through `Credentials.hide` before anybody reads it.
"""

from __future__ import annotations

import msgspec

__all__ = ["Credentials", "Secret"]

_TOO_SHORT_TO_HIDE = 3


class Secret:
    """A text that never shows: not in a repr, a log line, an error or `config show`. `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that signs with it or compares it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***" if self._text else "(not set)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one account at one venue. `signing_key`: an Ed25519 key, PEM text. What is empty was not given."""

    key: Secret = Secret("")
    secret: Secret = Secret("")
    signing_key: Secret = Secret("")

    def hide(self, text: str) -> str:
        """`text` as it may be shown: wherever a venue or a library repeats one of the secrets, stars stand."""
        for each in (self.key, self.secret, self.signing_key):
            for line in (each.reveal(), *each.reveal().splitlines()):
                if len(line) > _TOO_SHORT_TO_HIDE:
                    text = text.replace(line, "***")
        return text
