"""captures.frames: lines of capture files to frames, payload bytes untouched. Pure.

A frame keeps the payload as the venue sent it, and the combined message as a whole where the capture has it. Lines
that are neither a frame nor a REST reply (acks, comments, settings) give nothing.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Frame", "Item", "LineParser", "Reply", "parser_for", "read_csv", "read_whole"]

_COMBINED = re.compile(rb'\s*\{\s*"stream"\s*:\s*"((?:[^"\\]|\\.)*)"\s*,\s*"data"\s*:\s*(.*\S)\s*\}\s*\Z', re.DOTALL)
_HEAD, _MIDDLE, _SPACES = b'{"stream":"', b'","data":', (b" ", b"\t", b"\r", b"\n")
_HFT = re.compile(rb"(\d{16,20}) (\{.*)", re.DOTALL)
_RAW_RECEIVED = re.compile(rb"(\d{9,11})(?:\.(\d+))?: (.*)", re.DOTALL)
_RAW_REPLY = re.compile(rb"(https?://\S+) -> (\d+)(?:\.(\d+))?: (.*)", re.DOTALL)
_RAW_OTHER = re.compile(rb"configuration: |wss?://\S+ <")
_UPBIT = re.compile(rb'\s*\{\s*"(?:ty|type)"\s*:\s*"([\w.]+)"\s*,\s*"(?:cd|code)"\s*:\s*"([A-Z0-9-]+)"')
_UPBIT_MS = re.compile(rb'"(?:tms|timestamp)"\s*:\s*(\d{13})\b')
_EVENT_MS = re.compile(rb'"E"\s*:\s*(\d{13})\b')
_SYMBOL_ARGUMENT = re.compile(r"[?&]symbol=([^&\s]+)")
_KIND = re.compile(r"depth(\d+)$")


class Frame(NamedTuple):
    """One market frame. `time_ns` is None where the capture has no time. `whole` is the combined message as captured."""

    time_ns: int | None
    stream: str
    payload: bytes
    whole: bytes | None


class Reply(NamedTuple):
    """One REST reply. `symbol` is None where the capture does not say; `path` is `depth` or `exchangeInfo`."""

    time_ns: int | None
    path: str
    symbol: str | None
    body: bytes


Item = Frame | Reply
LineParser = Callable[[bytes], Item | None]


def parser_for(first_line: bytes) -> LineParser | None:
    """The parser for a file of lines that begins with `first_line`, None when no format fits."""
    if _HFT.match(first_line):
        return parse_hft
    if _RAW_OTHER.match(first_line) or _RAW_REPLY.match(first_line) or _RAW_RECEIVED.match(first_line):
        return parse_cryptofeed
    if first_line.lstrip().startswith(b'{"id"') and b'"raw"' in first_line:
        return parse_noted
    return parse_plain if first_line.lstrip().startswith(b"{") and first_line.rstrip().endswith(b"}") else None


def parse_hft(line: bytes) -> Item | None:
    """`<receipt time in ns> <combined message>`; a message without `stream` is the REST depth snapshot."""
    stamp, _, text = line.rstrip(b"\r\n").partition(b" ")
    if not (stamp.isdigit() and 16 <= len(stamp) <= 20 and text.startswith(b"{")):
        return None
    time_ns = int(stamp)
    return _frame(time_ns, text) or (Reply(time_ns, "depth", None, text) if text.startswith(b'{"lastUpdateId"') else None)


def parse_cryptofeed(line: bytes) -> Item | None:
    """`<time>: <message>` received, or `<url> -> <time>: <body>` a REST reply; times are float seconds, a binary message is
    written as Python bytes."""
    if hit := _RAW_RECEIVED.match(line):
        return _frame(_time_ns(hit[1], hit[2]), _unquoted(hit[3].rstrip(b"\r\n")))
    hit = _RAW_REPLY.match(line)
    if hit is None:
        return None
    url = hit[1].decode("utf-8", "replace")
    path = url.partition("?")[0].rpartition("/")[2]
    if path not in ("depth", "exchangeInfo"):
        return None
    symbol = _SYMBOL_ARGUMENT.search(url)
    return Reply(_time_ns(hit[2], hit[3]), path, symbol[1] if symbol else None, hit[4].rstrip(b"\r\n"))


def parse_plain(line: bytes) -> Item | None:
    """A combined message alone; its time is its `E`, where it has one."""
    text = line.strip(b"\r\n")
    return _frame(_event_ns(text), text)


def parse_noted(line: bytes) -> Item | None:
    """A frame with notes: `{"direction":"server","raw":"<text>"}`; only combined market frames count."""
    try:
        note = json.loads(line)
    except ValueError:
        return None
    if not isinstance(note, dict) or note.get("direction") != "server" or not isinstance(note.get("raw"), str):
        return None
    text = note["raw"].encode()
    return _frame(_event_ns(text), text)


def read_whole(text: bytes) -> Item | None:
    """A file that is one single combined message, perhaps spread over lines."""
    frame = _frame(_event_ns(text), text.strip())
    if frame is None:
        return None
    try:
        json.loads(text)
    except ValueError:
        return None
    return frame


def read_csv(lines: Iterable[str]) -> Iterator[Item]:
    """A table with `recv_tsec,recv_tnsec,stream_kind,symbol,payload_json`: raw payloads without their stream's name."""
    for row in csv.DictReader(lines):
        try:
            time_ns = int(row["recv_tsec"]) * 1_000_000_000 + int(row["recv_tnsec"])
            stream = f"{row['symbol'].lower()}@{_channel(row['stream_kind'])}"
            payload = row["payload_json"].encode()
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        yield Frame(time_ns, stream, payload, None)


def _channel(kind: str) -> str:
    if kind == "depth_diff":
        return "depth@100ms"
    return f"{kind}@100ms" if _KIND.match(kind) else kind


def _frame(time_ns: int | None, text: bytes) -> Frame | None:
    # What the venue sends looks like this to the byte; finding the quotes is 3 µs a frame cheaper than the pattern.
    if text.startswith(_HEAD) and text.endswith(b"}"):
        end = text.find(b'"', len(_HEAD))
        if text.startswith(_MIDDLE, end) and text[-2:-1] not in _SPACES and text.find(b"\\", 0, end) < 0:
            return Frame(time_ns, _name(text[len(_HEAD) : end]), text[end + len(_MIDDLE) : -1], text)
    hit = _COMBINED.match(text)
    if hit is None:
        return _frame_of_upbit(time_ns, text) or _frame_data_first(time_ns, text)
    name = hit[1].decode("utf-8", "replace")
    return Frame(time_ns, json.loads(f'"{name}"') if "\\" in name else name, hit[2], text)


@lru_cache(maxsize=4_096)
def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _frame_of_upbit(time_ns: int | None, text: bytes) -> Frame | None:
    """Upbit's frames are objects of type and code; the stream is named after them."""
    hit = _UPBIT.match(text)
    if hit is None or not text.rstrip().endswith(b"}"):
        return None
    if time_ns is None and (stamp := _UPBIT_MS.search(text)):
        time_ns = int(stamp[1]) * 1_000_000
    return Frame(time_ns, f"{hit[2].decode()}@{hit[1].decode()}", text.strip(), None)


def _unquoted(text: bytes) -> bytes:
    if not text.startswith((b"b'", b'b"')):
        return text
    try:
        value = ast.literal_eval(text.decode())
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, bytes) else text


def _frame_data_first(time_ns: int | None, text: bytes) -> Frame | None:
    if b'"stream"' not in text or b'"data"' not in text:
        return None
    try:
        decoded = text.decode()
        message = json.loads(decoded)
        start = decoded.index('"data"')
        start = re.compile(r'"data"\s*:\s*').match(decoded, start).end()  # type: ignore[union-attr]
        _, end = json.JSONDecoder().raw_decode(decoded, start)
    except (ValueError, AttributeError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("stream"), str):
        return None
    return Frame(time_ns, message["stream"], decoded[start:end].encode(), text)


def _event_ns(text: bytes) -> int | None:
    hit = _EVENT_MS.search(text)
    return int(hit[1]) * 1_000_000 if hit else None


def _time_ns(whole: bytes, fraction: bytes | None) -> int:
    return int(whole) * 1_000_000_000 + int((fraction or b"").ljust(9, b"0")[:9])
