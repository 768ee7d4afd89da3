"""A life that breaks off at any moment: what it recorded is in balance and in the time that it says it recorded."""

from __future__ import annotations

from pathlib import Path

from hoga.archive.prove.verify import verify
from tests.recorder.workbench import Bench, book, stream

BOOK = stream("BTCUSDT", "depth20@100ms")


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
