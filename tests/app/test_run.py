"""Several venues in one run: what one of them cannot do is no loss to another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.run import Run
from hoga.app.venue_run import VenueRun
from hoga.archive.keep.life import read_last_life
from hoga.archive.keep.seal import seal_and_keep
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Reason
from hoga.runtime.shutdown import ShutdownManager
from tests.recorder.test_sealing import InlinePool

CONFIG = """
SYMBOLS = BTCUSDT
[binance]
WS_URL = ws://127.0.0.1:9
REST_URL = http://127.0.0.1:9
[binance-usdm]
WS_URL = ws://127.0.0.1:9
REST_URL = http://127.0.0.1:9
"""


async def test_a_venue_that_cannot_start_leaves_the_others_closed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG)
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    run = Run(config, InlinePool())  # type: ignore[arg-type]
    first, second = run.venues
    blocked = second.config.lob_dir
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file in the place of the folder")
    with pytest.raises(ArchiveError, match="cannot be written"):
        async with ShutdownManager() as shutdown:
            await run.start(shutdown)
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    folder = first.recorder.config.journal_folder
    assert not list(folder.glob("*.journal")), "nothing is left to crash recovery"
    life = read_last_life(folder)
    assert life is not None
    assert {end.reason for end in life.streams.values()} == {Reason.SHUTDOWN}
    first.recorder.acquire()
    first.recorder.release()


class SlowPool(InlinePool):
    """Its workers are busy with a minute of hundreds of thousands of frames."""

    async def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is seal_and_keep:
            await asyncio.Event().wait()
        return await super().submit(function, *arguments)


async def test_what_a_stop_cannot_seal_in_time_is_no_failure_and_the_next_start_seals_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoga.app.run._SEAL_S", 0.05)
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG.partition("[binance-usdm]")[0])
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    run = Run(config, SlowPool())  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await run.start(shutdown)
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    assert shutdown.exit_status == 0
    folder = run.venues[0].recorder.config.journal_folder
    assert len(list(folder.glob("*.journal"))) == 1
    again = Run(config, InlinePool())  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await again.start(shutdown)
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    assert not list(folder.glob("*.journal"))


@pytest.mark.parametrize("lost, said", [(3, "3 records could not be written"), (0, "did not confirm in time")])
async def test_a_stop_that_the_disk_holds_up_says_what_is_the_matter(tmp_path: Path, lost: int, said: str) -> None:
    recorder = SimpleNamespace(
        end_lanes=lambda: None,
        stop=lambda timeout_s: False,
        writer=SimpleNamespace(lost_records=lost),
        config=SimpleNamespace(journal_folder=tmp_path),
    )
    with pytest.raises(ArchiveError, match=said):
        await VenueRun.drain(SimpleNamespace(recorder=recorder))  # type: ignore[arg-type]  # what of a run it looks at
