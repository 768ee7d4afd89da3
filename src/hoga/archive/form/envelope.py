"""archive.form.envelope: what hoga adds before a payload, written and read. Pure.

    {"recvNs":…,"eventTime":…,"timeSource":"venue","latencyMs":24.7,"epoch":3,"conn":"binance-1", <the payload's own keys> }

The classic recorder's lines have none; theirs begin with `recv_ms`. Trades that nobody received and that were fetched afterwards say so:

    {"recvNs":null,"healedFrom":"rest","healedNs":…,"eventTime":…,"timeSource":"venue", <the payload's own keys> }
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hoga.core.times import MS_NS

if TYPE_CHECKING:
    import numpy as np

    Ends = np.ndarray[tuple[int], np.dtype[np.intp]]

__all__ = [
    "Brought",
    "Opened",
    "brought",
    "collector_of",
    "foreign_line",
    "healed_event_ms",
    "healed_from",
    "healed_line",
    "is_healed",
    "is_own",
    "line_format",
    "opened",
    "payload_of",
    "receipt_column",
    "receipts_at",
    "recv_ns_of",
    "told_receipt",
]

_BEGINNING, _CLASSIC_BEGINNING = b'{"recvNs":', b'{"recv_ms":'
_HEALED_BEGINNING, _HEALED_END = b'{"recvNs":null,"healedFrom":"', b'"timeSource":"venue",'
_EPOCH, _CONN = b'"epoch":', b',"conn":"'
_EVENT = b',"eventTime":'
_DIGITS = 19
_HEAD_BYTES = len(_BEGINNING) + _DIGITS + 1
_SPELLINGS = 32
_COMMA = ord(",")
_encode = msgspec.json.Encoder().encode
_text = msgspec.json.Decoder(str)


class Opened(NamedTuple):
    """A line without its envelope: receipt, which life of which connection brought it, and the venue's payload."""

    recv_ns: int
    conn: str
    epoch: int
    payload: bytes


def line_format(event: str, source: str | None, *, median_ns: int | None, epoch: int, conn: str) -> bytes:
    """What whole lines are made with (`format % values`): it takes the receipt, the event time in ms where `event` is a place for it
    (`%d`, `%b`; else `null`), and the payload behind its first brace.

    `source`: where the event time is from. `median_ns`: of the stream's latency, None when it is not known.
    """
    said = "null" if source is None else f'"{source}"'
    return f'{{"recvNs":%d,"eventTime":{event},"timeSource":{said},{_who(median_ns, epoch, conn)}%b\n'.encode()


def foreign_line(recv_ns: int | None, payload: bytes) -> bytes:
    """A line of a frame that another recorder received: nothing but its receipt, where that is known, stands before its payload."""
    receipt = b"null" if recv_ns is None else b"%d" % recv_ns
    return _BEGINNING + receipt + b"," + payload.strip()[1:].replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def healed_line(payload: bytes, *, source: str, healed_ns: int, event_ms: int) -> bytes:
    """The line, without its end, of a trade that was fetched afterwards: `payload` is a JSON object."""
    head = f'{source}","healedNs":{healed_ns},"eventTime":{event_ms},'
    return _HEALED_BEGINNING + head.encode() + _HEALED_END + payload[1:]


class _Healed(msgspec.Struct):
    healed_ns: int = msgspec.field(name="healedNs")
    event_ms: int = msgspec.field(name="eventTime")


_decode_healed = msgspec.json.Decoder(_Healed).decode


def healed_event_ms(line: bytes) -> int:
    """The venue's time of a line of a trade that was fetched afterwards. Raises ValueError for any other."""
    if not is_healed(line):
        raise ValueError("it does not begin like a healed record")
    return _decode_healed(line).event_ms


@lru_cache(maxsize=64)
def _who(median_ns: int | None, epoch: int, conn: str) -> str:
    """What follows the event time's source, fit to stand in a format."""
    latency = "null" if median_ns is None else f"{median_ns / 1e6:.3f}".rstrip("0").rstrip(".")
    return f'"latencyMs":{latency},"epoch":{epoch},"conn":{_encode(conn).decode()},'.replace("%", "%%")


def is_own(line: bytes) -> bool:
    """Whether the line begins with an envelope of hoga's."""
    return line.startswith(_BEGINNING)


def is_healed(line: bytes) -> bool:
    """Whether it is of a trade that nobody received and that was fetched afterwards."""
    return line.startswith(_HEALED_BEGINNING)


def healed_from(line: bytes) -> str:
    """Where a trade that was fetched afterwards is from: `rest`, or the name of the exchange's file."""
    return line[len(_HEALED_BEGINNING) : line.index(b'"', len(_HEALED_BEGINNING))].decode()


def told_receipt(line: bytes) -> int | None:
    """The receipt that hoga wrote at the line's beginning, None where there is none."""
    if not line.startswith(_BEGINNING):
        return None
    digits = line[len(_BEGINNING) : line.find(b",", len(_BEGINNING))]
    return int(digits) if digits.isdigit() else None


def recv_ns_of(line: bytes, otherwise: int) -> int:
    """The line's receipt, in the classic recorder's spelling too; `otherwise` for lines that tell none."""
    for beginning, unit in ((_BEGINNING, 1), (_CLASSIC_BEGINNING, MS_NS)):
        if line.startswith(beginning):
            digits = line[len(beginning) : line.find(b",", len(beginning))]
            return int(digits) * unit if digits.isdigit() and len(digits) <= _DIGITS else otherwise
    return otherwise


def receipts_at(lines: bytes, ends: Ends) -> list[int] | None:
    """The receipt of every line, of the lines that end at `ends`; None when some line does not begin with one of 19 digits."""
    column = receipt_column(lines, ends)
    if column is None:
        return None
    found: list[int] = column.tolist()
    return found


def receipt_column(lines: bytes, ends: Ends) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """`receipts_at` as an array.

    A glance at the first 30 bytes of all lines at once costs 0.1 µs a record; looking for the key in all the text cost five times that.
    """
    import numpy as np

    starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
    if not len(ends) or int((ends - starts).min()) < _HEAD_BYTES:
        return None
    heads = np.ndarray((len(lines) - _HEAD_BYTES + 1, _HEAD_BYTES), np.uint8, lines, strides=(1, 1))[starts]
    digits = heads[:, len(_BEGINNING) : -1] - 48
    begun = (heads[:, : len(_BEGINNING)] == np.frombuffer(_BEGINNING, np.uint8)).all() and (heads[:, -1] == _COMMA).all()
    if not (begun and (digits <= 9).all()):
        return None
    values = digits.astype(np.uint64) @ 10 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.uint64)
    return values.astype(np.int64)


def opened(line: bytes, otherwise: int) -> Opened:
    """The line's payload as it was, and what its envelope says. A line without one is all payload; `otherwise`: as in `recv_ns_of`."""
    recv_ns = recv_ns_of(line, otherwise)
    if not is_own(line):
        return Opened(recv_ns, "", 0, line.rstrip())
    if is_healed(line):
        return Opened(recv_ns, "", 0, payload_of(line))
    at = line.find(_CONN)
    start = line.find(_EPOCH)
    epoch = int(line[start + len(_EPOCH) : at]) if 0 <= start < at else 0
    end = line.index(b'",', at + len(_CONN))
    conn = _text.decode(line[at + len(_CONN) - 1 : end + 1])
    return Opened(recv_ns, conn, epoch, _behind(line, end))


def payload_of(line: bytes) -> bytes:
    """The line's payload as it was, alone (a third of what `opened` costs)."""
    if not is_own(line):
        return line.rstrip()
    if is_healed(line):
        return b"{" + line[line.index(_HEALED_END) + len(_HEALED_END) :].rstrip()
    return _behind(line, line.index(b'",', line.find(_CONN) + len(_CONN)))


class Brought(NamedTuple):
    """Which connection brought each line, as it is spelt: `conns[which[n]]`, empty for a frame that another recorder received; and where
    its payload begins, behind the first brace: `begins[n]`. Arrays of shape (lines,)."""

    conns: list[bytes]
    which: Ends
    begins: Ends


def brought(text: bytes, ends: Ends) -> Brought:
    """What brought the lines of the text (they end at `ends`, without the newline; each begins with a receipt, see `receipts_at`).

    Envelopes of a stretch are spelt alike but for their digits, so that all of one spelling are told by a look at eight bytes at a time
    (0.1 µs a line; looking for the keys cost 0.6). A spelling that few lines have is looked for, line by line.
    """
    import numpy as np

    starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
    begins, which = np.zeros(len(ends), np.intp), np.zeros(len(ends), np.intp)
    conns: dict[bytes, int] = {}
    waiting = np.arange(len(ends))
    for _ in range(_SPELLINGS):
        if not len(waiting):
            break
        first = int(waiting[0])
        conn, begin, place = _brought_by(text, int(starts[first]), int(ends[first]))
        alike = np.zeros(len(waiting), np.bool_) if place < 0 else _spelt_alike(text, starts[waiting], int(starts[first]), begin, place)
        alike[0] = True
        found = waiting[alike]
        begins[found] = starts[found] + (begin - int(starts[first]))
        which[found] = conns.setdefault(conn, len(conns))
        waiting = waiting[~alike]
    for at in waiting.tolist():
        conn, begins[at], _ = _brought_by(text, int(starts[at]), int(ends[at]))
        which[at] = conns.setdefault(conn, len(conns))
    return Brought(list(conns), which, begins)


def _brought_by(text: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """(the connection of one line, where its payload begins, where the connection does; -1: it has none)."""
    at = text.find(_CONN, start, end)
    stop = text.find(b'",', at + len(_CONN), end)
    if at < 0 or stop < 0 or not text.startswith(_EVENT, start + _HEAD_BYTES - 1):
        return b"", start + _HEAD_BYTES, -1
    return text[at + len(_CONN) : stop], stop + 2, at


def _spelt_alike(text: bytes, starts: Ends, first: int, begin: int, conn: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the lines have the envelope of the one at `first`, up to the digits before its connection: text[conn:begin]."""
    import numpy as np

    width = (begin - first + 7) // 8 * 8
    fit = starts + width <= len(text)
    if not fit[0]:
        return np.zeros(len(starts), np.bool_)
    own = np.frombuffer(text, np.uint8, width, first)
    must = np.full(width, 0xFF, np.uint8)
    must[: conn - first][own[: conn - first] - 48 <= 9] = 0xF0
    must[begin - first :] = 0
    rows = np.ndarray((len(text) - width + 1, width // 8), "<u8", text, strides=(1, 8))[starts[fit]]
    fit[fit] = ~((rows ^ own.view("<u8")) & must.view("<u8")).any(axis=1)
    return fit


def collector_of(conn: bytes) -> str:
    """The collector in the name of a connection (`tokyo/binance-1`), empty where it has none."""
    name, found, _ = conn.partition(b"/")
    return name.decode(errors="replace") if found else ""


def _behind(line: bytes, end: int) -> bytes:
    """The payload behind an envelope whose last text ends at `end`."""
    return b"{" + line[end + 2 :].rstrip()
