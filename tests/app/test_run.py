"""Several venues in one run: what one of them cannot do is no loss to another."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hoga.app.config import load_config
from hoga.app.config.rooms import sealing_config
from hoga.app.run import Run, run_until_stopped
from hoga.app.venue_run import VenueRun
from hoga.archive.form.manifest import read_manifest
from hoga.archive.keep.life import read_last_life
from hoga.archive.keep.seal import seal_and_keep
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveBusy, ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.recorder.intake import DISK_FULL, GATED
from hoga.recorder.recorder import Recorder
from hoga.runtime.durable import write_file
from hoga.runtime.shutdown import Phase, ShutdownManager
from tests.archive_journal.desk import Desk
from tests.recorder.test_sealing import InlinePool
from tests.waiting import LONG_S, eventually

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
    slow = SlowPool()
    run = Run(config, slow)  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await run.start(shutdown)
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    assert shutdown.exit_status == 0
    folder = run.venues[0].recorder.config.journal_folder
    assert len(list(folder.glob("*.journal"))) == 1
    assert not slow.jobs, "a first start has nothing to recover, and waits for no worker"
    workers = InlinePool()
    be_patient(monkeypatch)
    again = Run(config, workers)  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await again.start(shutdown)
        assert len(workers.jobs) == 1, "the journal is recovered by one"
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    assert not list(folder.glob("*.journal"))


class SlowDisk:
    """Confirms journals (or the last word) only once it is `back`, and then refuses to if it is `broken`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, last_word: bool = False) -> None:
        self.back, self.broken = threading.Event(), False
        self._fdatasync = os.fdatasync
        if last_word:
            monkeypatch.setattr("hoga.archive.keep.life.write_file", self.write_file)
        else:
            monkeypatch.setattr("hoga.recorder.writer.os.fdatasync", self.fdatasync)

    def fdatasync(self, fd: int) -> None:
        self.back.wait()
        if self.broken:
            raise OSError(errno.EIO, "broken")
        self._fdatasync(fd)

    def write_file(self, path: Path, chunks: list[bytes]) -> None:
        self.back.wait()
        write_file(path, chunks)


async def run_once(tmp_path: Path, *, at_seal: Callable[[], object] = lambda: None) -> tuple[ShutdownManager, Path]:
    """A run that was begun and stopped, and its folder of journals."""
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG.partition("[binance-usdm]")[0])
    run = Run(load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data"), InlinePool())  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        shutdown.add(Phase.SEAL, "the disk", at_seal)
        await run.start(shutdown)
    return shutdown, run.venues[0].recorder.config.journal_folder


def wait_for_disks(patch: pytest.MonkeyPatch, *, drain_s: float, last_word_s: float, seal_s: float) -> None:
    for name, seconds in {"venue_run._DRAIN_S": drain_s, "venue_run._LAST_WORD_S": last_word_s, "run._SEAL_S": seal_s}.items():
        patch.setattr(f"hoga.app.{name}", seconds)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the disk in vain does not do so for seconds."""
    wait_for_disks(monkeypatch, drain_s=0.05, last_word_s=0.02, seal_s=0.2)


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine has to do: what the disk will confirm is waited for."""
    wait_for_disks(monkeypatch, drain_s=LONG_S, last_word_s=LONG_S, seal_s=LONG_S)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("last_word", [False, True], ids=["journals", "last word"])
async def test_a_stop_whose_disk_confirms_nothing_is_no_failure_and_the_next_start_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_word: bool
) -> None:
    with monkeypatch.context() as patch:
        disk = SlowDisk(patch, last_word=last_word)
        shutdown, folder = await run_once(tmp_path)
        assert shutdown.report is not None
        assert shutdown.report.clean, shutdown.report
        assert shutdown.exit_status == 0
        assert read_last_life(folder) is None, "what is not durable is not said to have ended well"
        disk.back.set()
        for thread in threading.enumerate():
            if thread.name == "hoga-ending":
                await asyncio.to_thread(thread.join)
    be_patient(monkeypatch)
    shutdown, folder = await run_once(tmp_path)
    assert shutdown.exit_status == 0
    assert not list(folder.glob("*.journal"))
    life = read_last_life(folder)
    assert life is not None
    assert {end.reason for end in life.streams.values()} == {Reason.SHUTDOWN}


@pytest.mark.usefixtures("hasty")
async def test_a_stop_whose_disk_confirms_late_seals_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.app.run._SEAL_S", 2 * LONG_S)
    disk = SlowDisk(monkeypatch)
    shutdown, folder = await run_once(tmp_path, at_seal=disk.back.set)
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    life = read_last_life(folder)
    assert life is not None
    assert {end.reason for end in life.streams.values()} == {Reason.SHUTDOWN}


@pytest.mark.usefixtures("hasty")
async def test_a_stop_whose_disk_refuses_to_confirm_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SlowDisk(monkeypatch)
    disk.broken = True
    disk.back.set()
    monkeypatch.setattr("hoga.recorder.writer._LAST_TRIES", 1_000_000)
    shutdown, _ = await run_once(tmp_path)
    assert shutdown.exit_status == 1
    assert shutdown.report is not None
    assert [step.name for step in shutdown.report.steps if step.outcome != "done"] == ["binance journals"]


@pytest.mark.parametrize("lost, said", [(3, "3 records could not be written"), (0, "refused to confirm")])
async def test_a_stop_that_the_disk_refuses_says_what_is_the_matter(tmp_path: Path, lost: int, said: str) -> None:
    recorder = SimpleNamespace(
        end_lanes=lambda: None,
        stop=lambda timeout_s: False,
        writer=SimpleNamespace(lost_records=lost, confirms_late=False),
        config=SimpleNamespace(journal_folder=tmp_path),
    )
    with pytest.raises(ArchiveError, match=said):
        await VenueRun.drain(SimpleNamespace(recorder=recorder))  # type: ignore[arg-type]  # what of a run it looks at


async def test_what_the_disk_lets_in_again_is_decided_on_the_event_loop_and_no_stream_waits_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG)
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    venue = VenueRun(config.venue("binance"), InlinePool())  # type: ignore[arg-type]
    recorder, free, threads = venue.recorder, [0], []
    measured: list[threading.Thread] = []

    def usage(folder: Path) -> SimpleNamespace:
        measured.append(threading.current_thread())
        return SimpleNamespace(free=free[0])

    monkeypatch.setattr("hoga.recorder.recorder.shutil.disk_usage", usage)
    recorder.acquire()
    try:
        await venue._check_disk()
        first, second = recorder.intakes.values()
        assert recorder.disk_full
        assert first.mode & second.mode & DISK_FULL
        for intake in (first, second):
            intake.count_lost(Reason.DISK_FULL, 1, 2, 1)

        def heard(index: int, gap: Gap) -> None:
            threads.append(threading.current_thread())
            if len(threads) == 1:
                raise ValueError("its own trouble")

        for lane in recorder.lanes:
            lane.on_gap = heard
        free[0] = 1 << 50
        await venue._check_disk()
        assert not (first.mode | second.mode) & DISK_FULL
        assert not recorder.disk_full
        assert threads == [threading.main_thread()] * 2
        assert threading.main_thread() not in measured
    finally:
        recorder.release()


async def test_a_gate_that_opens_lets_every_stream_in_whatever_goes_wrong_with_one(tmp_path: Path) -> None:
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG)
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    recorder = VenueRun(config.venue("binance"), InlinePool()).recorder  # type: ignore[arg-type]
    closed = [True]
    recorder.lateness.is_closed = lambda symbol: closed[0]  # type: ignore[method-assign]
    recorder._move_gate("BTCUSDT")
    first, second = recorder.intakes.values()
    first.count_lost(Reason.LATENCY_GATE, 1, 2, 1)

    def refuses(index: int, gap: Gap) -> None:
        raise ValueError("its own trouble")

    recorder.lanes[0].gap = refuses  # type: ignore[method-assign]
    closed[0] = False
    with pytest.raises(ValueError, match="its own trouble"):
        recorder._move_gate("BTCUSDT")
    assert not (first.mode | second.mode) & GATED


async def test_a_run_that_ends_because_another_took_its_folder_is_no_good_one_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(recorder: Recorder) -> bool:
        raise ArchiveBusy(
            recorder.config.journal_folder, "the folder was removed, and another hoga records there now", hint="stop it first"
        )

    monkeypatch.setattr(Recorder, "check_lock", taken)
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG)
    config = load_config(path, overrides=["DASHBOARD_PORT_NUMBER=0"], environ={}, data_dir=tmp_path / "data")
    monkeypatch.setattr("hoga.app.run.WorkerPool", EndingPool)
    monkeypatch.setattr("hoga.app.run.DashboardProcess", NoDashboard)
    end = await run_until_stopped(config, None, seconds=None)
    assert end.status == 1
    assert end.why is not None
    assert "another hoga records there now" in end.why
    assert "\n" not in end.why


class EndingPool(InlinePool):
    """A pool without processes, as a run asks for it."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        self.warm = self.hurry = self.kill = lambda *_: None

    async def close(self, *, patience_s: float) -> None:
        """Nothing is left to end."""


class NoDashboard:
    """A run without a page."""

    def __init__(self, *_: Any) -> None:
        self.leave = self.publish = self.stopping = lambda *_: None

    async def start(self) -> None:
        """There is none to start."""

    async def stop(self) -> None:
        """Nor to stop."""

    async def url(self) -> None:
        """Nor to be found."""


async def test_what_a_start_could_not_recover_is_sealed_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    monkeypatch.setattr(
        "hoga.app.venue_run.sealing_config", lambda *about: msgspec.structs.replace(sealing_config(*about), seal_again=(0.02,))
    )
    desk = Desk(tmp_path / "data" / "binance")
    journal = desk.journal(range(5), ended=False)
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    path = tmp_path / "hoga.conf"
    path.write_text(CONFIG.partition("[binance-usdm]")[0])
    run = Run(load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data"), InlinePool())  # type: ignore[arg-type]
    async with ShutdownManager() as shutdown:
        await run.start(shutdown)
        (venue,) = run.venues
        assert venue.sealing.stats.waiting == 1
        await eventually(lambda: len(list(desk.folder.glob("*.journal"))) == 2)
        found = await asyncio.to_thread(verify, [desk.root])
        assert str(journal) in {problem.file for problem in found.problems if problem.kind == "unrecovered"}
        assert not list(desk.root.rglob("ETHUSDT*.manifest.json"))
        blocked.unlink()
        await eventually(lambda: venue.sealing.stats.waiting == 0 and len(list(desk.root.rglob("*2026-11-20.manifest.json"))) == 3)
        assert not journal.exists()
        found = await asyncio.to_thread(verify, [desk.root])
        assert found.ok, found.problems
    assert shutdown.report is not None
    assert shutdown.report.clean, shutdown.report
    found = verify([desk.root])
    assert found.ok, found.problems
    manifest = read_manifest(desk.root / "orderbook" / "ETHUSDT_orderbook_2026-11-20.manifest.json")
    assert manifest is not None
    assert manifest.records == 5
