"""net.http_answers: HTTP/1.1 answers out of a stream of bytes, however it is cut. Pure.

Only what a venue's API sends: a length or chunks; a body that ends with the connection proves nothing, and is no answer here. Interim
answers (1xx) are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hoga.net.answers import Head, read_head

__all__ = ["AnswerReader", "HttpAnswer"]

_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 16 * 1024 * 1024
_NO_BODY = frozenset({204, 304})


class HttpAnswer(NamedTuple):
    """One answer. `keeps`: whether the connection may be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    keeps: bool


class AnswerReader:
    """Feed it what comes on one connection. Raises ValueError for what is no answer; the connection is of no use then."""

    __slots__ = ("_buffer", "_chunks", "_head", "_left")

    def __init__(self) -> None:
        self._buffer = b""
        self._head: Head | None = None
        self._left = 0
        self._chunks: list[bytes] | None = None

    def feed(self, data: bytes) -> list[HttpAnswer]:
        """The answers that are whole with it."""
        self._buffer += data
        found = []
        while (answer := self._next()) is not None:
            found.append(answer)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an answer has come that is not whole."""
        return not self._buffer and self._head is None

    def _next(self) -> HttpAnswer | None:
        while self._head is None:
            if not self._begin():
                return None
        body = self._chunked() if self._chunks is not None else self._counted()
        if body is None:
            return None
        head, self._head, self._chunks = self._head, None, None
        keeps = head.headers.get("connection", "").lower() != "close"
        return HttpAnswer(head.status, head.headers, body, keeps)

    def _begin(self) -> bool:
        """Read a head; whether there was a whole one. Interim ones are dropped."""
        raw, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise ValueError("a head without an end")
            return False
        head = read_head(raw)
        if head is None:
            raise ValueError("no HTTP answer")
        self._buffer = rest
        if 100 <= head.status < 200:
            return True
        self._head = head
        if head.headers.get("content-encoding", "identity").lower() != "identity":
            raise ValueError("a coding that was not asked for")
        if head.headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunks = []
        elif head.status in _NO_BODY:
            self._left = 0
        else:
            self._left = _number(head.headers.get("content-length", ""), 10)
        return True

    def _counted(self) -> bytes | None:
        if len(self._buffer) < self._left:
            return None
        body, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        return body

    def _chunked(self) -> bytes | None:
        assert self._chunks is not None, "asked where there are chunks"
        while True:
            line, end, rest = self._buffer.partition(b"\r\n")
            if not end:
                if len(self._buffer) > _MAX_HEAD_BYTES:
                    raise ValueError("a chunk without a length")
                return None
            size = _number(line.partition(b";")[0].strip().decode("latin-1"), 16)
            if size == 0:
                trailer, blank, after = rest.partition(b"\r\n")
                if not blank:
                    return None
                if trailer:
                    raise ValueError("trailers")
                self._buffer = after
                return b"".join(self._chunks)
            if len(rest) < size + 2:
                return None
            if rest[size : size + 2] != b"\r\n":
                raise ValueError("a chunk that does not end where it should")
            self._chunks.append(rest[:size])
            self._buffer = rest[size + 2 :]
            if sum(map(len, self._chunks)) > _MAX_BODY_BYTES:
                raise ValueError(f"more than {_MAX_BODY_BYTES} bytes")


def _number(text: str, base: int) -> int:
    """A length. Raises ValueError for what is none, or too long."""
    if not text.isascii() or not text.isalnum():
        raise ValueError("a body of no known length")
    number = int(text, base)
    if number > _MAX_BODY_BYTES:
        raise ValueError(f"more than {_MAX_BODY_BYTES} bytes")
    return number
