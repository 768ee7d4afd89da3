"""Who brought a line, and where its payload begins, told of many lines at once: as a look at each one finds it."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.envelope import brought, opened, receipt_column
from hoga.archive.form.text import line_ends
from hoga.archive.union.recording import Collectors, _marks_of

_payloads = st.one_of(
    st.binary(max_size=20).map(lambda data: b'{"x":"%b"}' % data.hex().encode()),
    st.integers(0, 400).map(lambda count: b'{"a":%d,"conn":"no","b":"%b"}' % (count, b"7" * count)),
)


@st.composite
def _line(draw: st.DrawFn) -> bytes:
    """One of hoga's own, of another recorder's frame, or of a frame that looks like an envelope."""
    payload, receipt = draw(_payloads), draw(st.integers(10**18, 2 * 10**18 - 1))
    kind = draw(st.sampled_from(["own", "own", "own", "foreign", "odd"]))
    if kind == "foreign":
        return b'{"recvNs":%d,%b' % (receipt, payload[1:])
    if kind == "odd":
        return b'{"recvNs":%d,"eventTime":1,"timeSource":"x' % receipt + payload[1:].replace(b"{", b"")
    event, source = draw(st.sampled_from([("null", "null"), ("1795180500098", '"venue"'), ("1795180500098", '"estimated"')]))
    latency, epoch = draw(st.sampled_from(["null", "1", "24.7", "1024.125"])), draw(st.integers(1, 120))
    conn = draw(st.sampled_from(["binance-1", "binance-2", "tokyo/binance-1", "a", "x" * 80]))
    head = f'{{"recvNs":{receipt},"eventTime":{event},"timeSource":{source},"latencyMs":{latency},"epoch":{epoch},"conn":"{conn}",'
    return head.encode() + payload[1:]


@given(st.lists(_line(), min_size=1, max_size=60))
def test_all_at_once_and_one_by_one_are_the_same(lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)
    ends = line_ends(text)
    found = brought(text, ends)
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for at, line in enumerate(lines):
        conn, begin = found.conns[found.which[at]].decode(), int(found.begins[at]) - starts[at]
        if b',"conn":"' in line and line.startswith(b',"eventTime":', 29) and b'",' in line[line.index(b',"conn":"') + 9 :]:
            assert (conn, b"{" + line[begin:]) == (opened(line, 0).conn, opened(line, 0).payload)
        else:
            assert (conn, begin) == ("", 30)
    receipts = receipt_column(text, ends)
    assert receipts is not None
    assert receipts.tolist() == [int(line[10:29]) for line in lines]


@given(st.binary(min_size=1, max_size=300).map(lambda data: b'{"x":"%b"}' % data.hex().encode()), st.data())
def test_a_payload_has_one_mark_wherever_it_stands_and_another_when_any_byte_is_another(payload: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(payload) - 1))
    other = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]

    def line(receipt: int, conn: bytes, body: bytes) -> bytes:
        return b'{"recvNs":%d,"eventTime":null,"timeSource":null,"latencyMs":null,"epoch":1,"conn":"%b",' % (receipt, conn) + body[1:]

    last = 2 * 10**18 - 1
    lines = [line(10**18, b"a", payload), line(10**18 + 7, b"tokyo/b", payload), line(10**18, b"a", other), line(last, b"c", payload)]
    if any(b"\n" in each for each in lines):
        return
    marked = _marks_of(b"".join(each + b"\n" for each in lines), Collectors([]), Path("x"))
    marks = list(zip(marked.keys.tolist(), marked.checks.tolist(), strict=True))
    assert marks[0] == marks[1] == marks[3] != marks[2]
    assert np.array_equal(marked.widths, [len(each) + 1 for each in lines])
    assert lines[1][marked.heads[1] :] == payload[1:]
