"""A life that breaks off at any moment: what it recorded is in balance and in the time that it says it recorded."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.journal import encode_header, read_header
from hoga.archive.keep.life import read_last_life
from hoga.archive.keep.recover import recover_folder
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Reason
from hoga.core.times import SECOND_NS
from hoga.recorder.intake import GATED
from tests.recorder.lives import Lives
from tests.recorder.workbench import MS, Bench, agg_trade, book, stream
from tests.waiting import LONG_S

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")
QUIET = stream("ETHUSDT", "depth20@100ms")


async def test_killed_while_disconnected_what_was_recorded_before_is_not_unaccounted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    bench.wait(60)
    leg = bench.connect()
    for n in range(1, 40):
        bench.send(leg, BOOK, book(n))
        bench.wait(0.5)
    bench.cut(leg)
    bench.wait(3)
    bench.flush()
    await bench.killed()
    report = verify([tmp_path])
    assert report.ok, report.problems


async def test_killed_before_the_journal_was_told_that_a_stream_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [BOOK]).start()
    bench.wait(60)
    bench.tables["binance-1", 1] = bench.recorder.legs.opening("binance-1", 1, [BOOK])
    bench.recorder.legs.opened("binance-1", 1, bench.now)
    for n in range(1, 4):
        bench.send(("binance-1", 1), BOOK, book(n))
        bench.wait(0.1, tick=False)
    bench.flush()
    bench.wait(60, tick=False)
    await bench.killed()
    report = verify([tmp_path])
    assert report.ok, report.problems


@pytest.mark.parametrize("healed_by", ["the dead leg", "a new one"])
async def test_killed_when_what_was_missing_is_over_and_a_quiet_stream_has_not_said_so_yet(tmp_path: Path, healed_by: str) -> None:
    bench = Bench(tmp_path, [BOOK, QUIET]).start()
    legs = [bench.connect(), bench.connect(conn="binance-2")]
    for number in range(1, 9):  # the second brings nothing after the third second
        for each in (BOOK, QUIET):
            for leg in legs[: 2 if number < 4 else 1]:
                bench.send(leg, each, book(number))
        bench.wait(1)
    bench.cut(legs[0])
    cut_ns = bench.now
    bench.wait(10)
    again = legs[1] if healed_by == "the dead leg" else bench.connect(conn="binance-3")
    healed_ns = bench.now
    bench.send(again, BOOK, book(9))
    bench.wait(5)
    bench.flush()
    await bench.killed()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        gaps = bench.archive.gaps(symbol, "orderbook", Reason.DISCONNECT)
        assert [(gap.from_ns, gap.to_ns) for gap in gaps] == [(cut_ns, healed_ns)], symbol


class Broken(Lives):
    """Lives of which each breaks off, as the steps say."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.folder.mkdir(parents=True)
        self.legs: dict[int, tuple[str, int]] = {}
        self.epochs = 0
        self.number = 0
        self.is_set_back = False
        self.bench = self._begin()

    def _begin(self) -> Bench:
        assert recover_folder(self.folder, now_ns=self.now).failed == []
        return Bench(self.root, [BOOK, TRADE], start_ns=self.now).start(read_last_life(self.folder))

    def connect(self, which: int, agreed: bool) -> None:
        """`agreed`: the venue says so. Else the first frame says it."""
        if which in self.legs:
            return
        self.epochs += 1
        conn = f"binance-{which}"
        if agreed:
            self.legs[which] = self.bench.connect(conn=conn, epoch=self.epochs)
            return
        self.bench.tables[conn, self.epochs] = self.bench.recorder.legs.opening(conn, self.epochs, [BOOK, TRADE])
        self.bench.recorder.legs.opened(conn, self.epochs, self.bench.now)
        self.legs[which] = conn, self.epochs

    def send(self, which: int, skipped: int, again: bool) -> None:
        """The same frame once more, or one after some that never came."""
        if which not in self.legs:
            return
        self.number += 0 if again else 1 + skipped
        self.bench.send(self.legs[which], BOOK, book(self.number))
        self.bench.send(self.legs[which], TRADE, agg_trade(self.number))

    def cut(self, which: int, silent_s: float) -> None:
        """Seen only after a while of nothing."""
        if (leg := self.legs.pop(which, None)) is not None:
            self.bench.cut(leg, alive_ns=self.bench.now - int(silent_s * SECOND_NS))

    def visit(self, which: int, frames: int, seconds: float, silent_s: float) -> None:
        """A connection that does not live long."""
        self.connect(which, agreed=silent_s > 0)
        for _ in range(frames):
            self.send(which, 0, again=False)
            self.passes(seconds, tick=True)
        self.cut(which, silent_s)

    def silent(self, since_s: float) -> None:
        """One stream brings nothing, and its connection lives."""
        self.bench.recorder.legs.silent(BOOK.name, self.bench.now - int(since_s * SECOND_NS))

    def gate(self, closed: bool) -> None:
        """Late, or in time again."""
        intake = self.bench.recorder.intakes[TRADE.name]
        if closed:
            intake.hold(GATED)
        else:
            intake.release(GATED, self.bench.now)

    def full(self, full: bool) -> None:
        """The disk."""
        self.bench.recorder.set_disk_full(full)

    def set_back(self, ms: int) -> None:
        """The clock, by less than the recorder calls a step."""
        self.bench.now -= ms * MS
        self.is_set_back = True

    def passes(self, seconds: float, tick: bool) -> None:
        """A tick a second, or one after all of it: the process stood still, but not for a whole minute."""
        while seconds > 0:
            step = min(1.0 if tick else 31.0, seconds)
            self.bench.wait(step)
            seconds -= step

    async def killed(self, flush: bool, kept: float, later_s: float) -> None:
        """What was on its way is lost, and of the newest journal what is behind the share `kept`."""
        if flush:
            self.bench.flush()
        assert await asyncio.to_thread(self.bench.recorder.stop, timeout_s=LONG_S)
        self.bench.recorder.release()
        newest = max(self.folder.glob("*.journal"), key=lambda path: int(path.stem.split("_")[-1]))
        data = newest.read_bytes()
        header = read_header(newest)
        assert header is not None
        head = len(encode_header(header))
        newest.write_bytes(data[: head + int((len(data) - head) * kept)])
        self.is_set_back |= later_s < 0
        self.now = self.bench.now + int(later_s * SECOND_NS)
        self.legs.clear()
        self.bench = self._begin()

    async def end(self) -> None:
        """The last life ends in good order."""
        await self.bench.stop()
        assert recover_folder(self.folder, now_ns=self.bench.now).failed == []


Step = Callable[[Broken], Any]
WHICH = st.integers(1, 2)
SECONDS = st.sampled_from([0.0, 0.2, 1.0, 7.0, 31.0, 60.0])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda which, agreed: lambda lives: lives.connect(which, agreed), WHICH, st.booleans()),
    st.builds(
        lambda which, skipped, again: lambda lives: lives.send(which, skipped, again), WHICH, st.sampled_from([0, 0, 3]), st.booleans()
    ),
    st.builds(lambda which, skipped, again: lambda lives: lives.send(which, skipped, again), WHICH, st.just(0), st.just(False)),
    st.builds(lambda which, silent_s: lambda lives: lives.cut(which, silent_s), WHICH, SECONDS),
    st.builds(
        lambda which, frames, seconds, silent_s: lambda lives: lives.visit(which, frames, seconds, silent_s),
        WHICH,
        st.integers(1, 3),
        st.sampled_from([0.0, 0.2, 1.0, 7.0]),
        st.sampled_from([0.0, 0.2, 7.0]),
    ),
    st.builds(lambda since_s: lambda lives: lives.silent(since_s), SECONDS),
    st.builds(lambda closed: lambda lives: lives.gate(closed), st.booleans()),
    st.builds(lambda full: lambda lives: lives.full(full), st.booleans()),
    st.builds(lambda seconds, tick: lambda lives: lives.passes(seconds, tick), SECONDS, st.booleans()),
    st.builds(lambda: lambda lives: lives.bench.flush()),
    st.builds(lambda ms: lambda lives: lives.set_back(ms), st.sampled_from([1, 130, 450])),
)
DEATHS = st.tuples(st.booleans(), st.sampled_from([1.0, 1.0, 0.8, 0.5, 0.2]), st.sampled_from([-0.4, 0.1, 3.0, 61.0, 200.0]))


@settings(max_examples=60, deadline=None)
@given(lives=st.lists(st.tuples(st.lists(STEPS, max_size=14), DEATHS), min_size=1, max_size=3))
def test_whatever_happens_and_whenever_it_is_killed_all_that_is_recorded_is_accounted(lives: list[tuple[list[Step], Any]]) -> None:
    async def live(root: Path) -> None:
        broken = Broken(root)
        for steps, death in lives:
            for step in steps:
                step(broken)
            await broken.killed(*death)
        await broken.end()
        report = verify([root])
        assert report.ok, report.problems
        for of in (BOOK, TRADE):
            assert broken.is_set_back or len(broken.spans(of)) <= 1, "no time is in none"

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder)))


async def test_what_only_a_gap_counts_is_received_though_nobody_counted(tmp_path: Path) -> None:
    broken = Broken(tmp_path)
    broken.connect(1, agreed=True)
    broken.send(1, 0, again=False)
    await broken.killed(False, 1.0, 70.0)
    broken.connect(1, agreed=True)
    broken.gate(closed=True)
    broken.send(1, 0, again=False)
    broken.passes(1.0, tick=True)
    await broken.killed(True, 1.0, 0.1)
    await broken.end()
    report = verify([tmp_path])
    assert report.ok, report.problems
    assert broken.archive.segments("BTCUSDT", "execution")[-1].received == 1
