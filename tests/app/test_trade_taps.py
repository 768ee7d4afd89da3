"""The newest trades of what somebody looks at, taken where the hub takes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hoga.app.trade_taps import KEPT, KEPT_BYTES, TradeTaps


def intakes(count: int = 3) -> list[Any]:
    return [SimpleNamespace(route=None) for _ in range(count)]


def bring(intake: Any, *frames: bytes) -> None:
    """As an intake does with every recorded frame."""
    for now, frame in enumerate(frames):
        if intake.route is not None:
            intake.route(now, frame)


def test_a_stream_that_nobody_looks_at_is_left_alone() -> None:
    streams = intakes()
    taps = TradeTaps(streams)
    taps.follow([1])
    assert [stream.route is None for stream in streams] == [True, False, True]
    taps.follow([])
    assert all(stream.route is None for stream in streams)
    assert taps.rows() == []


def test_the_newest_are_kept_and_all_are_counted() -> None:
    streams = intakes()
    taps = TradeTaps(streams)
    taps.follow([1])
    assert [(row.stream, row.count, row.frames) for row in taps.rows()] == [(1, 0, [])]
    bring(streams[1], *(b"%d" % number for number in range(KEPT + 5)))
    (row,) = taps.rows()
    assert (row.count, len(row.frames), row.frames[-1][1]) == (KEPT + 5, KEPT, b"%d" % (KEPT + 4))
    assert taps.rows()[0] is row, "nothing has come: nothing is made anew"
    bring(streams[1], b"x" * 10_000)
    assert taps.rows()[0] is row, "a frame that long is no trade"
    bring(streams[1], *(b"%1000d" % number for number in range(KEPT)))
    (row,) = taps.rows()
    assert sum(len(frame) for _, frame in row.frames) <= KEPT_BYTES < sum(len(frame) for _, frame in row.frames) + 1_000
    assert int(row.frames[-1][1]) == KEPT - 1, "the newest are kept"


def test_whoever_had_the_frames_before_goes_on_having_them() -> None:
    streams, had = intakes(), list[bytes]()
    streams[0].route = first = lambda now, frame: had.append(frame)
    taps = TradeTaps(streams)
    taps.follow([0])
    bring(streams[0], b"a")
    streams[0].route = second = lambda now, frame: had.append(frame + b"!")
    bring(streams[0], b"b")
    taps.follow([0])  # the hub has set another route meanwhile: it is handed on to from now on
    bring(streams[0], b"c")
    assert had == [b"a", b"b!", b"c!"]
    assert [frame for _, frame in taps.rows()[0].frames] == [b"a", b"c"]
    taps.follow([])
    assert streams[0].route is second is not first
    taps.follow([0])
    streams[0].route = None  # the hub has let go
    taps.follow([])
    assert streams[0].route is None
