"""core.foreign: what somebody else said, made fit to be shown: one line, bounded, nothing that moves a cursor. Pure."""

from __future__ import annotations

import unicodedata

__all__ = ["EXCERPT_CHARS", "describe_answer", "excerpt"]

EXCERPT_CHARS = 160
_LOOK_AT = 8
"""So many times as much is looked at: what is left out (runs of spaces, controls) takes no room."""


def excerpt(said: bytes | str, *, most: int = EXCERPT_CHARS) -> str:
    """The beginning of what was said, at most `most` characters and a mark that more came; "" for nothing.

    Bytes that are no text, control and format characters become spaces; runs of spaces become one.
    """
    head = said[: most * _LOOK_AT]
    text = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    line = " ".join("".join(" " if unicodedata.category(each)[0] == "C" else each for each in text).split())
    if len(line) > most or len(head) < len(said):
        return line[:most].rstrip() + "…"
    return line


def describe_answer(status: int, *, content_type: str, body: bytes) -> str:
    """An HTTP answer in a few words: its status, its content type (the header's text, "" for none) and how its body begins."""
    type_of = excerpt(content_type.partition(";")[0], most=40)
    begins = excerpt(body)
    return f"HTTP {status}" + (f", {type_of}" if type_of else "") + (f": {begins}" if begins else ", without a body")
