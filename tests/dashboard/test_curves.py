"""Curves of a run and of its instruments: true to what was received, and kept over a restart."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.core.times import SECOND_NS
from hoga.dashboard.curves import RunCurves, curves_path, read_kept, write_kept
from hoga.dashboard.snapshot import Meta, StreamRow
from hoga.dashboard.watch import Watch
from tests.dashboard.stage import STARTED_NS, make_meta, make_snapshot, make_venue, with_rows

SECOND = STARTED_NS // SECOND_NS


def two_venues() -> Meta:
    """The same symbol on two venues, which are two instruments."""
    meta = make_meta(1)
    rows = [msgspec.structs.replace(row, venue="upbit", name=f"u-{row.name}", symbol_at=1) for row in meta.streams]
    return msgspec.structs.replace(meta, streams=[*meta.streams, *rows], symbols=["SYM000USDT", "SYM000USDT"])


class Run:
    """A run that is fed second by second."""

    def __init__(self, meta: Meta, curves: RunCurves | None = None) -> None:
        self.meta = meta
        self.curves = curves or RunCurves()
        self.curves.begin(meta)
        self.watch = Watch()

    def feed(self, at_s: float, received: list[int], **changes: Any) -> None:
        now_ns = STARTED_NS + int(at_s * SECOND_NS)
        whole = with_rows(
            make_snapshot(self.meta, ticks=1, now_ns=now_ns, **changes), received=received, newest_ns=[now_ns] * len(received)
        )
        self.watch.feed(whole, pid=1, mono_s=at_s)
        self.curves.feed(whole, self.watch, None)

    def series(self, name: str, of: str = "", span: str = "1m", now_s: float = 0.0) -> tuple[list[float | None], int]:
        told = self.curves.history(span, of, STARTED_NS + int(now_s * SECOND_NS))
        assert all(len(values) == told["n"] for values in told["series"].values())
        return told["series"].get(name, []), told["t0"] // 1_000 - SECOND


@given(st.lists(st.tuples(st.floats(0.05, 0.9), st.integers(0, 500)), min_size=2, max_size=60))
def test_what_the_curve_holds_is_what_was_received(steps: list[tuple[float, int]]) -> None:
    """However the snapshots come, the rates of the seconds add up to what came from the first look at a second to the last."""
    run = Run(make_meta(1))
    at_s, received = 0.0, 0
    first_of: dict[int, tuple[float, int]] = {}
    for pause, count in steps:
        at_s, received = at_s + pause, received + count
        run.feed(at_s, [received, 0])
        first_of.setdefault(int(at_s), (at_s, received))
    seconds = sorted(first_of)
    if len(seconds) < 2:
        return
    rates, t0 = run.series("rate:binance", now_s=at_s)
    for before, after in zip(seconds, seconds[1:], strict=False):
        (since_s, known), (until_s, grown) = first_of[before], first_of[after]
        rate = rates[after - t0]
        assert rate is not None
        assert abs(rate * (until_s - since_s) - (grown - known)) < 1.0 + 0.001 * (grown - known)


def test_a_recorder_that_says_nothing_for_a_while_leaves_a_hole() -> None:
    run = Run(make_meta(1))
    for second in range(5):
        run.feed(second + 0.5, [second * 10, second * 10])
    for second in range(20, 24):
        run.feed(second + 0.5, [second * 10, second * 10])
    rates, t0 = run.series("rate:binance", now_s=30.0)
    assert t0 == 0
    assert rates[:5] == [None, 20.0, 20.0, 20.0, 20.0]
    assert rates[5:21] == [None] * 16, "nobody looked, and what came meanwhile is not told as of one second"
    assert rates[21:24] == [20.0] * 3
    assert rates[24:] == [None] * 7


def test_an_instrument_has_curves_of_its_own_and_a_symbol_of_two_venues_is_two() -> None:
    run = Run(two_venues())
    for second in range(4):
        run.feed(second + 0.1, [second * 10, second * 5, second, 0], venues=[make_venue(), make_venue(venue="upbit")])
    assert run.series("rate", "binance:SYM000USDT", now_s=3.0)[0][1:] == [15.0] * 3
    assert run.series("rate", "upbit:SYM000USDT", now_s=3.0)[0][1:] == [1.0] * 3
    assert run.series("rate:binance", now_s=3.0)[0][1:] == [15.0] * 3
    assert run.series("rate:upbit", now_s=3.0)[0][1:] == [1.0] * 3
    own = run.curves.own("upbit:SYM000USDT", [1, 2, 3, 4])
    assert own is not None and (own["rate"], own["queue"], own["t"]) == (1.0, 7, (SECOND + 3) * 1_000)
    assert run.curves.own("upbit:NOBODY", []) is None
    nobody = run.curves.history("1h", "upbit:NOBODY", STARTED_NS)
    assert (nobody["n"], nobody["series"]) == (0, {})


def test_names_are_data(tmp_path: Path) -> None:
    name = '<img src=x onerror="alert(1)">' + "긴" * 200
    meta = make_meta(1)
    rows = [StreamRow(f"{name}@{at}", row.venue, name, row.channel, row.kind, 0, 0, str(tmp_path)) for at, row in enumerate(meta.streams)]
    run = Run(msgspec.structs.replace(meta, streams=rows, symbols=[name]))
    for second in range(3):
        run.feed(second + 0.5, [second, second])
    assert run.series("rate", f"binance:{name}", now_s=3.0)[0][1:3] == [2.0, 2.0]


def test_curves_outlive_the_process_and_the_run(tmp_path: Path) -> None:
    old = Run(two_venues())
    for second in range(200):
        old.feed(second + 0.5, [second * 10] * 4, venues=[make_venue(), make_venue(venue="upbit")])
    path = curves_path(tmp_path / "hoga-0123456789abcdef.run")
    assert path.name == "hoga-0123456789abcdef.curves"
    write_kept(path, old.curves.keep())
    assert path.stat().st_size < 300_000
    kept = read_kept(path)
    assert kept is not None
    curves = RunCurves()
    curves.take(kept)
    new = Run(make_meta(2), curves)
    for second in range(260, 263):
        new.feed(second + 0.5, [second] * 4)
    rates, t0 = new.series("rate:binance", span="15m", now_s=262.0)
    assert t0 == 0
    assert rates[1:200] == [20.0] * 199
    assert rates[200:261] == [None] * 61
    assert rates[261:] == [4.0] * 2
    assert new.series("rate", "binance:SYM000USDT", span="1h", now_s=262.0)[0][1:40] == [20.0] * 39
    assert new.series("rate", "binance:SYM001USDT", span="1h", now_s=262.0)[0] == [2.0]
    again = Run(two_venues(), curves)  # a run of this process: what was of the first one is still there
    again.feed(300.5, [1] * 4, venues=[make_venue(), make_venue(venue="upbit")])
    assert again.series("rate:binance", span="15m", now_s=300.0)[0][1:200] == [20.0] * 199


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x28\xb5\x2f\xfd" + b"\0" * 20, None])
def test_a_file_of_no_use_is_no_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hoga-0123456789abcdef.curves"
    if content is not None:
        path.write_bytes(content)
    assert read_kept(path) is None


def test_one_of_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "hoga-0123456789abcdef.curves"
    write_kept(path, msgspec.structs.replace(RunCurves().keep(), version=2))
    assert read_kept(path) is None


def test_what_other_folders_left_behind_goes_after_a_day(tmp_path: Path) -> None:
    old, young, foreign = (tmp_path / name for name in ("hoga-00000000000000aa.curves", "hoga-00000000000000bb.curves", "other.curves"))
    for path in (old, young, foreign):
        path.write_bytes(b"x")
    for path in (old, foreign):
        os.utime(path, (time.time() - 26 * 3600,) * 2)
    read_kept(tmp_path / "hoga-0123456789abcdef.curves")
    assert [path.exists() for path in (old, young, foreign)] == [False, True, True]
