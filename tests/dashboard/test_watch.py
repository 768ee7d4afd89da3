"""What a series of snapshots tells."""

from __future__ import annotations

import msgspec
import numpy
import pytest

from hoga.core.times import SECOND_NS
from hoga.dashboard.snapshot import ConnectionRow, Snapshot, StreamFlag
from hoga.dashboard.watch import Watch
from tests.dashboard.stage import STARTED_NS, make_meta, make_snapshot, with_rows

META = make_meta(2)


def at(tick: int, **changes: object) -> Snapshot:
    return with_rows(make_snapshot(META, ticks=tick, now_ns=STARTED_NS + tick * SECOND_NS // 10), **changes)


def fed(watch: Watch, ticks: range) -> None:
    for tick in ticks:
        watch.feed(at(tick), pid=1, mono_s=tick / 10)


def test_rates_are_of_the_last_two_seconds() -> None:
    watch = Watch()
    fed(watch, range(1, 60))
    assert watch.rates.tolist() == pytest.approx([10.0] * 4)
    assert watch.flush_ms.tolist() == pytest.approx([100.0] * 4)


def test_a_stream_is_quiet_after_fifteen_intervals() -> None:
    watch = Watch()
    fed(watch, range(1, 200))
    last = at(199).rows.newest_ns
    for tick in range(200, 230):
        held = [last[0], *at(tick).rows.newest_ns[1:]]
        watch.feed(at(tick, newest_ns=held), pid=1, mono_s=tick / 10)
    assert watch.quiet_s[0] == pytest.approx(3.0, abs=0.15)
    assert not watch.quiet_s[1:].any()
    assert watch.states(at(229))[0] & StreamFlag.SILENT
    watch.feed(at(230), pid=1, mono_s=23.0)
    assert not watch.quiet_s.any()


def test_a_series_that_is_asked_for_is_never_quiet() -> None:
    """Three of them come with a new connection, in a second or two, and the next one within the hour."""
    meta = msgspec.structs.replace(META, streams=[msgspec.structs.replace(META.streams[0], kind="snapshot"), *META.streams[1:]])
    watch = Watch()
    for tick in range(1, 900):
        snapshot = at(
            tick, received=[min(tick // 10, 3), tick, tick, tick], newest_ns=[min(tick, 30) * SECOND_NS, *at(tick).rows.newest_ns[1:]]
        )
        watch.feed(msgspec.structs.replace(snapshot, meta=meta), pid=1, mono_s=tick / 10)
    assert not watch.quiet_s.any()


def test_trades_may_pause_for_longer_than_books() -> None:
    watch = Watch()
    fed(watch, range(1, 200))
    last = at(199).rows.newest_ns
    for tick in range(200, 480):
        newest = [at(tick).rows.newest_ns[0], last[1], *at(tick).rows.newest_ns[2:]]
        watch.feed(at(tick, newest_ns=newest), pid=1, mono_s=tick / 10)
    assert not watch.quiet_s.any()


def test_a_slow_book_is_quiet_after_fifteen_of_its_intervals() -> None:
    watch = Watch()
    for tick in range(1, 600):
        watch.feed(at(tick, received=[tick // 10, tick, tick, tick]), pid=1, mono_s=tick / 10)
    last = at(599).rows.newest_ns[0]
    for tick in range(600, 800):
        newest = [last, *at(tick).rows.newest_ns[1:]]
        watch.feed(at(tick, received=[59, tick, tick, tick], newest_ns=newest), pid=1, mono_s=tick / 10)
        assert bool(watch.quiet_s[0]) is (tick - 599 > 152) or 145 < tick - 599 < 165


def paused(watch: Watch, ticks: range, *, every: int) -> None:
    """Trades (place 1) come once in `every` ticks, books in each."""
    for tick in ticks:
        last = tick - tick % every
        newest = [at(tick).rows.newest_ns[0], at(last).rows.newest_ns[1], *at(tick).rows.newest_ns[2:]]
        received = [tick, tick // every, tick, tick]
        watch.feed(at(tick, newest_ns=newest, received=received), pid=1, mono_s=tick / 10)


@pytest.mark.parametrize("every, seconds", [(1, 5.0), (20, 60.0)])
def test_trades_are_judged_by_their_own_pauses(every: int, seconds: float) -> None:
    watch = Watch()
    paused(watch, range(1, 1_200), every=every)
    assert not watch.quiet_s.any()
    last = at(1_199 - 1_199 % every).rows.newest_ns[1]
    quiet_after = None
    for tick in range(1_200, 2_400):
        newest = [at(tick).rows.newest_ns[0], last, *at(tick).rows.newest_ns[2:]]
        received = [tick, 1_199 // every, tick, tick]
        watch.feed(at(tick, newest_ns=newest, received=received), pid=1, mono_s=tick / 10)
        if watch.quiet_s[1]:
            quiet_after = (tick - 1_199) / 10
            break
    assert quiet_after is not None
    assert seconds * 0.9 <= quiet_after <= seconds * 1.8


def test_a_stream_that_rarely_speaks_is_not_quiet() -> None:
    watch = Watch()
    for tick in range(1, 600):
        rare = tick // 50
        snapshot = at(tick, received=[rare, tick, tick, tick], newest_ns=[STARTED_NS + rare * 5 * SECOND_NS, *at(tick).rows.newest_ns[1:]])
        watch.feed(snapshot, pid=1, mono_s=tick / 10)
        assert not watch.quiet_s[0]


def test_a_usual_rate_is_known_after_a_minute_and_a_silence_is_no_part_of_it() -> None:
    watch = Watch()
    fed(watch, range(1, 300))
    assert numpy.isnan(watch.usual).all()
    fed(watch, range(300, 700))
    assert watch.usual.tolist() == pytest.approx([10.0] * 4, rel=0.05)
    last = at(699)
    for tick in range(700, 1_500):
        held = at(
            tick,
            received=[last.rows.received[0], *at(tick).rows.received[1:]],
            newest_ns=[last.rows.newest_ns[0], *at(tick).rows.newest_ns[1:]],
        )
        watch.feed(held, pid=1, mono_s=tick / 10)
    assert watch.rates[0] == 0.0
    assert watch.usual.tolist() == pytest.approx([10.0] * 4, rel=0.05)


def test_another_run_begins_anew() -> None:
    watch = Watch()
    assert watch.feed(at(1), pid=1, mono_s=0.1)
    assert not watch.feed(at(2), pid=1, mono_s=0.2)
    larger = make_snapshot(make_meta(5), ticks=1)
    assert watch.feed(larger, pid=2, mono_s=0.3)
    assert len(watch.rates) == 10


def test_health_of_a_connection() -> None:
    watch = Watch()
    fed(watch, range(1, 40))
    row = at(1).connections[0]
    assert (watch.health(row, [0, 1]).score, watch.health(row, [0, 1]).rate) == (100, pytest.approx(20.0))
    down: ConnectionRow = msgspec.structs.replace(row, state="reconnecting", failures=1, reconnects=2)
    snapshot = msgspec.structs.replace(at(50), connections=[down])
    watch.feed(snapshot, pid=1, mono_s=5.0)
    found = watch.health(down, [0, 1])
    assert (found.score, found.per_hour) == (0, 2)


def test_a_stream_that_fell_silent_as_the_clock_was_set_back_is_quiet_all_the_same() -> None:
    watch = Watch()
    fed(watch, range(1, 200))
    last, before = at(199).rows.newest_ns[0], at(199).rows.received[0]
    back_ns = 3600 * SECOND_NS
    for tick in range(200, 240):
        whole = at(tick)
        columns = {
            "newest_ns": [last, *(each - back_ns for each in whole.rows.newest_ns[1:])],
            "received": [before, *whole.rows.received[1:]],
        }
        later = with_rows(msgspec.structs.replace(whole, now_ns=whole.now_ns - back_ns), **columns)
        watch.feed(later, pid=1, mono_s=tick / 10)
    assert watch.quiet_s[0] == pytest.approx(4.0, abs=1.2)
    assert watch.quiet_s[1:].tolist() == [0.0, 0.0, 0.0]
