"""The clock set back by less than anybody calls a step: nothing is wrong with the archive, and the ledger tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.archive.prove.verify import verify
from hoga.core.ledger import Reason
from tests.recorder.workbench import MS, Bench, agg_trade, book, stream

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")


@pytest.mark.parametrize("back_ms", [1, 300, 900])
@pytest.mark.parametrize("at_s", [20.0, 60.1])
@pytest.mark.parametrize("killed", [False, True])
async def test_a_clock_set_back_a_little_is_told_and_nothing_is_wrong(tmp_path: Path, back_ms: int, at_s: float, killed: bool) -> None:
    bench = Bench(tmp_path, [BOOK, TRADE]).start()
    leg = bench.connect()

    def send(first: int) -> None:
        for number in range(first, first + 8):
            bench.send(leg, BOOK, book(number))
            bench.send(leg, TRADE, agg_trade(number))
            bench.now += 10 * MS

    bench.wait(at_s - 0.08)
    send(1)
    was = bench.now - 10 * MS
    bench.now -= back_ms * MS + 10 * MS
    bench.send_raw(leg, b"nobody knows it")
    send(9)
    bench.wait(2)
    send(17)
    if killed:
        bench.flush()
        await bench.killed()
        archive = bench.archive
    else:
        bench.cut(leg)
        archive = await bench.finish()
    report = verify([tmp_path])
    assert report.ok, report.problems
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ODD", "aside")):
        steps = archive.gaps(symbol, kind, Reason.CLOCK_STEP)
        assert [(gap.from_ns, gap.to_ns, gap.missed) for gap in steps] == [(was - back_ms * MS, was, 0)], kind
