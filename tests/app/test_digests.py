"""What the recorder held in memory is what the archive gives back: digests of kept books, through cuts and holes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.app.books import BookKeeper, running
from hoga.app.config import load_config
from hoga.app.run import Run
from hoga.archive.prove.verify import verify
from hoga.hub.manager import GlobalWebSocketManager
from hoga.runtime.shutdown import ShutdownManager
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from tests.recorder.test_sealing import InlinePool
from tests.waiting import eventually


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
async def test_every_digest_of_a_kept_book_is_proven_by_the_archive(tmp_path: Path, venue: str) -> None:
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=("BTCUSDT", "ETHUSDT"), seed=21)) as exchange:
        path = tmp_path / "hoga.conf"
        path.write_text(
            f"[{venue}]\nSYMBOLS = BTCUSDT,ETHUSDT\nSTREAMS = depth20@100ms,depth@100ms\nBOOK_DIGESTS = 1\nBASE_BACKOFF = 1\n"
            f"DISK_RESERVE_MB = 1\nWS_URL = {exchange.ws_url}\nREST_URL = {exchange.rest_url}\n"
        )
        config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
        run = Run(config, InlinePool())  # type: ignore[arg-type]
        noted = 0
        async with ShutdownManager() as shutdown:
            await run.start(shutdown)
            other = BookKeeper(venue, ["ETHUSDT"], manager=run.hub.manager, config=config)
            await other.start()
            (own,) = running - {other}
            stranger = BookKeeper(venue, ["ETHUSDT"], manager=GlobalWebSocketManager([], {}, config=config), config=config)
            running.add(stranger)  # keeps books of another market, for all the run knows
            for trouble in (None, FaultKind.DROP, FaultKind.CLOSE):
                if trouble is FaultKind.DROP:
                    exchange.inject(Fault(fault=trouble, count=1, streams="btcusdt@depth@100ms"))
                    await eventually(lambda: own.gaps == 1)
                elif trouble is FaultKind.CLOSE:
                    exchange.inject(Fault(fault=trouble, code=1006))
                    await eventually(lambda: any(each.epoch > 1 for each in run.venues[0].feed.stats()))
                for _ in range(3):
                    before = {digest for _, _, digest in (*own.digests(), *other.digests())}
                    await eventually(lambda before=before: len({d for _, _, d in (*own.digests(), *other.digests())} - before) == 2)  # type: ignore[misc]
                    await run.digests.note()
                    noted += 2
            running.discard(stranger)
            await other.stop()
        assert shutdown.report is not None
        assert shutdown.report.clean, shutdown.report
        assert not running
    report = verify([tmp_path / "data"], books=True)
    assert report.ok, report.problems
    assert sum(row.digests for row in report.books) == noted + 1, "and a last one of its own book at the end"
    for row in report.books:
        assert row.digests_proven == row.digests, row
        assert row.differs == 0


async def test_a_run_without_deltas_keeps_no_books(tmp_path: Path) -> None:
    path = tmp_path / "hoga.conf"
    path.write_text(
        "SYMBOLS = BTCUSDT\nSTREAMS = depth20@100ms\nWS_URL = ws://127.0.0.1:9\nREST_URL = http://127.0.0.1:9\nDISK_RESERVE_MB = 1\n"
    )
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    run = Run(config, InlinePool())  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await run.start(shutdown)
        assert not running
