"""From closed journals to segments and days: in order, once, and one series' trouble is nobody else's."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hoga.archive.form.ledger import LiveEntry
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.join import waiting_parts
from hoga.archive.keep.recover import recover_folder
from hoga.archive.keep.seal import SealJob, SealResult, discard_journals, seal_and_keep
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Reason
from hoga.core.times import MINUTE_NS, SECOND_NS, day_start_ns
from hoga.recorder import sealing as module
from hoga.recorder.config import SealingConfig
from hoga.recorder.sealing import Sealing, level_for
from hoga.runtime import durable
from hoga.runtime.pool import WorkerPool
from tests.archive.workshop import read_records
from tests.archive_journal import faults
from tests.archive_journal.desk import BOOK, ETH, Desk
from tests.recorder.workbench import NOON_NS
from tests.waiting import LONG_S
from tests.waiting import eventually as until

MIDNIGHT_NS = day_start_ns("2026-11-21")


class InlinePool:
    """Runs jobs at once, one after the other; `trouble` raises for some."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.trouble: Callable[[str], None] = lambda name: None

    async def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        name = getattr(function, "__name__", "?")
        self.jobs.append(name)
        await asyncio.sleep(0)
        self.trouble(name)
        return function(*arguments)


@contextmanager
def killed_before_it_could_join(pool: InlinePool) -> Iterator[None]:
    def trouble(name: str) -> None:
        if name == "_join_job":
            raise OSError("killed")

    pool.trouble = trouble
    yield
    pool.trouble = lambda name: None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def pool() -> InlinePool:
    return InlinePool()


def sealing(desk: Desk, pool: Any, **fields: Any) -> Sealing:
    known: dict[str, Any] = {"interval_min": 1, "archive_format": "zip", "purge": True}
    known |= {"seal_again": (0.02, 0.04, 0.08), "merge_again": (0.02,)}
    directories = sorted(desk.root / kind for kind in ("orderbook", "execution"))
    return Sealing(SealingConfig(venue="binance", directories=directories, **{**known, **fields}), pool)


async def test_journals_become_segments(desk: Desk, pool: InlinePool) -> None:
    work = sealing(desk, pool)
    for minute in range(3):
        work.journal_closed(desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS))
    assert work.stats.waiting == 3
    assert await work.finish(timeout_s=LONG_S)
    assert work.stats.records == 45
    assert work.stats.segments == 9
    assert work.stats.waiting == 0
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(15))


@pytest.mark.parametrize("error", [OSError(5, "io"), RuntimeError("a worker was ended three times"), ValueError("a mistake of ours")])
async def test_whatever_goes_wrong_is_tried_again(desk: Desk, pool: InlinePool, error: Exception) -> None:
    work, left = sealing(desk, pool), [error, error]

    def trouble(name: str) -> None:
        if left:
            raise left.pop()

    pool.trouble = trouble
    work.journal_closed(desk.journal(range(5)))
    await until(lambda: work.stats.waiting == 0)
    assert work.stats.failures == 2
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (5, 5, 0)
    await work.finish(timeout_s=LONG_S)


async def test_a_series_that_cannot_be_written_holds_up_neither_the_others_nor_the_next_minutes(desk: Desk, pool: InlinePool) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, pool)
    paths = [desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS) for minute in range(3)]
    for path in paths:
        work.journal_closed(path)
    await until(lambda: work.stats.failures >= 4)
    assert len(desk.archive.lines("BTCUSDT", "orderbook")) == 15
    assert len(desk.archive.lines("BTCUSDT", "execution")) == 15
    assert all(path.exists() for path in paths), "kept until all of it is sealed"
    blocked.unlink()
    await until(lambda: work.stats.waiting == 0)
    assert await work.finish(timeout_s=LONG_S)
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook")):
        assert desk.archive.check_balance(symbol, kind) == (15, 15, 0), "nothing doubled"
    assert not any(path.exists() for path in paths)


async def test_one_journal_at_a_time_is_tried_again_and_each_series_told_once(
    desk: Desk, pool: InlinePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "_log", SimpleNamespace(error=lambda event, **fields: told.append(fields)))
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, pool)
    for minute in range(20):
        work.journal_closed(desk.journal(range(minute, minute + 1), start_ns=NOON_NS + minute * MINUTE_NS))
    await until(lambda: work.stats.failures >= 22)
    assert pool.jobs.count("seal_and_keep") - 20 <= 4, "twenty that fail cost no more than one"
    assert [fields["what"] for fields in told] == ["ETHUSDT orderbook 2026-11-20 12-00"]
    blocked.unlink()
    await until(lambda: work.stats.waiting == 0)
    assert await work.finish(timeout_s=LONG_S)
    assert desk.archive.check_balance("ETHUSDT", "orderbook") == (20, 20, 0)


async def test_a_journal_goes_only_after_what_it_tells_is_kept(desk: Desk, pool: InlinePool) -> None:
    path = desk.journal(range(5))
    there: list[bool] = []

    def keep(result: SealResult) -> None:
        there.append(path.exists())
        if len(there) == 1:
            raise OSError(28, "full")

    config = SealingConfig(venue="binance", directories=[desk.root / "orderbook"], interval_min=1, archive_format="zip", purge=True)
    work = Sealing(config, pool, keep=keep)  # type: ignore[arg-type]
    work.journal_closed(path)
    await until(lambda: work.stats.waiting == 0)
    assert there == [True, True]
    assert not path.exists()
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (5, 5, 0), "nothing doubled"
    await work.finish(timeout_s=LONG_S)


async def test_parts_of_a_longer_interval_are_joined_though_the_interval_is_a_minute_now(desk: Desk, pool: InlinePool) -> None:
    earlier = sealing(desk, pool, interval_min=60)
    earlier.journal_closed(desk.journal(range(5), start_ns=MIDNIGHT_NS - MINUTE_NS, interval_min=60))
    with killed_before_it_could_join(pool):
        await earlier.finish(timeout_s=LONG_S)
    assert list(desk.root.rglob("parts/*.zip"))
    work = sealing(desk, pool)
    work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.days == 3)
    assert not list(desk.root.rglob("parts/*.zip"))
    await work.finish(timeout_s=LONG_S)


async def test_a_day_is_made_parquet_once_it_is_merged(desk: Desk, pool: InlinePool) -> None:
    pytest.importorskip("pyarrow")
    desk.journal(range(5), start_ns=MIDNIGHT_NS - MINUTE_NS, archive_format="zst")
    earlier = sealing(desk, pool, archive_format="parquet")
    for path in sorted(desk.folder.glob("*.journal")):
        earlier.journal_closed(path)
    await earlier.finish(timeout_s=LONG_S)
    work = sealing(desk, pool, archive_format="parquet")
    assert list(desk.root.rglob("temporary/BTCUSDT_orderbook*/*.jsonl.zst")), "a minute is zst"
    before = b"".join(read_records(desk.root, kind="orderbook"))
    work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.days == 3)
    await work.finish(timeout_s=LONG_S)
    assert sorted(path.name for path in (desk.root / "orderbook").glob("*.parquet")) == [
        "BTCUSDT_orderbook_2026-11-20.parquet",
        "ETHUSDT_orderbook_2026-11-20.parquet",
    ]
    assert b"".join(read_records(desk.root, kind="orderbook")) == before


async def test_a_day_that_cannot_be_parquet_stays_whole_and_says_so(
    desk: Desk, pool: InlinePool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    desk.journal(range(5), start_ns=MIDNIGHT_NS - MINUTE_NS, archive_format="zst")
    earlier = sealing(desk, pool, archive_format="parquet")
    for path in sorted(desk.folder.glob("*.journal")):
        earlier.journal_closed(path)
    await earlier.finish(timeout_s=LONG_S)
    work = sealing(desk, pool, archive_format="parquet")
    work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.days == 3)
    await work.finish(timeout_s=LONG_S)
    assert len(list((desk.root / "orderbook").glob("*.jsonl.zst"))) == 2
    assert "pyarrow is not installed" in caplog.text


def test_minutes_are_compressed_finely_where_there_is_time() -> None:
    for archive_format, fast, fine in (("zip", 1, 6), ("zst", 1, 9), ("parquet", 1, 9)):
        assert level_for(archive_format, journal_bytes=1 << 20, behind=False, ending=False) == fine
        assert level_for(archive_format, journal_bytes=1 << 20, behind=True, ending=False) == fast
        assert level_for(archive_format, journal_bytes=1 << 20, behind=False, ending=True) == fast
        assert level_for(archive_format, journal_bytes=1 << 28, behind=False, ending=False) == fast


async def test_a_backlog_is_sealed_fast_until_sealing_has_caught_up(desk: Desk, pool: InlinePool) -> None:
    levels: list[int] = []
    submit = pool.submit

    async def watched(function: Callable[..., Any], job: Any) -> Any:
        levels.append(job.level)
        return await submit(function, job)

    pool.submit = watched  # type: ignore[method-assign]
    work = sealing(desk, pool)
    for minute in range(4):
        work.journal_closed(desk.journal(range(5), start_ns=NOON_NS + minute * MINUTE_NS))
    await until(lambda: work.stats.waiting == 0)
    assert levels == [1, 1, 1, 6]
    await work.finish(timeout_s=LONG_S)


async def test_a_stop_says_what_it_leaves_to_the_next_start(desk: Desk, pool: InlinePool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(module, "_log", SimpleNamespace(warning=lambda event, **fields: told.append((event, fields))))
    never = asyncio.Event()

    async def stuck(*arguments: Any) -> Any:
        await never.wait()

    pool.submit = stuck  # type: ignore[method-assign]
    work = sealing(desk, pool)
    paths = [desk.journal(range(5), start_ns=NOON_NS + minute * MINUTE_NS) for minute in range(2)]
    for path in paths:
        work.journal_closed(path)
    assert not await work.finish(timeout_s=0.05)
    ((event, fields),) = told
    assert (event, fields["journals"]) == ("minutes are left to seal", 2)
    assert all(path.exists() for path in paths)


async def test_nothing_is_joined_while_a_journal_may_be_sealed_again(desk: Desk, pool: InlinePool) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, pool, interval_min=5)
    for minute in (3, 4):
        work.journal_closed(desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=5))
    await until(lambda: work.stats.failures >= 3)
    blocked.unlink()
    await until(lambda: work.stats.waiting == 0)
    assert await work.finish(timeout_s=LONG_S)
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook")):
        assert desk.archive.check_balance(symbol, kind) == (10, 10, 0)
        assert [path.stem[-5:] for path in desk.archive.files(symbol, kind)] == ["12-00"]


async def test_one_series_that_fails_holds_up_neither_joins_nor_merges_of_others_and_doubles_nothing(desk: Desk, pool: InlinePool) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, pool, interval_min=5)
    for minute in (-2, -1, 0):
        work.journal_closed(
            desk.journal(range(minute * 5 + 50, minute * 5 + 55), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=5)
        )
    await until(lambda: work.stats.failures >= 2)
    assert not (desk.root / "orderbook" / "BTCUSDT_orderbook_2026-11-20.zip").exists(), "no lane has sealed a minute of the next day"
    work.catch_up(today="2026-11-21")
    await until(lambda: (desk.root / "execution" / "BTCUSDT_execution_2026-11-20.manifest.json").exists() and work.stats.days >= 2)
    blocked.unlink()
    await until(lambda: work.stats.waiting == 0)
    late = desk.root / "orderbook" / "ETHUSDT_orderbook_2026-11-20.manifest.json"
    await until(lambda: late.exists() and (found := read_manifest(late)) is not None and found.records == 10)
    assert await work.finish(timeout_s=LONG_S)
    for name, count in (("BTCUSDT_orderbook", 1), ("ETHUSDT_orderbook", 1)):
        manifest = read_manifest(desk.root / "orderbook" / f"{name}_2026-11-20.manifest.json")
        assert manifest is not None
        assert (manifest.records, len(manifest.segments)) == (10, count), name
        assert not list((desk.root / "orderbook" / "temporary" / f"{name}_2026-11-20").glob("*.zip")), name
    report = verify([desk.root])
    assert report.ok, report.problems


class HesitantPool(InlinePool):
    """Takes its time, another one for each job, as processes do on a busy machine."""

    def __init__(self, make: random.Random) -> None:
        super().__init__()
        self._make = make

    async def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(self._make.choice((0, 0.005, 0.02)))
        return await super().submit(function, *arguments)


@pytest.mark.parametrize("seed", range(12))
async def test_a_day_is_never_merged_before_its_parts_are_joined(
    desk: Desk, seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whenever it is that a series can be sealed again: also between the joining of the others and the merging."""
    make = random.Random(seed)

    def hesitant(directory: Path) -> list[SeriesDay]:
        time.sleep(make.choice((0.0, 0.01, 0.03)))
        found = waiting_parts(directory)
        time.sleep(make.choice((0.0, 0.01, 0.03)))
        return found

    monkeypatch.setattr("hoga.recorder.sealing.waiting_parts", hesitant)
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, HesitantPool(make), interval_min=5)
    for minute in (-2, -1, 0):
        work.journal_closed(
            desk.journal(range(minute * 5 + 50, minute * 5 + 55), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=5)
        )
    await until(lambda: work.stats.failures >= 2)
    with caplog.at_level("INFO"):
        work.catch_up(today="2026-11-21")
        await asyncio.sleep(make.random() * 0.1)
        blocked.unlink()
        late = desk.root / "orderbook" / "ETHUSDT_orderbook_2026-11-20.manifest.json"
        await until(late.exists)
    manifest = read_manifest(late)
    assert manifest is not None
    assert manifest.records == 10, caplog.text
    assert await work.finish(timeout_s=LONG_S)


async def test_parts_that_cannot_be_joined_are_tried_again_by_one_task_and_their_day_is_not_merged(desk: Desk, pool: InlinePool) -> None:
    work = sealing(desk, pool, interval_min=5)
    broken = True

    def trouble(name: str) -> None:
        if broken and name == "_join_job":
            raise OSError("not now")

    pool.trouble = trouble
    for minute in (-2, -1, 0, 1):
        work.journal_closed(
            desk.journal(range(minute * 5 + 50, minute * 5 + 55), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=5)
        )
    await until(lambda: work.stats.waiting == 0)
    for _ in range(5):
        work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.failures > 40)
    assert sum(task.get_name() == "merge days" for task in asyncio.all_tasks()) <= 2
    assert "_merge_job" not in pool.jobs
    broken = False
    await until(lambda: work.stats.days == 3)
    manifest = read_manifest(desk.root / "orderbook" / "ETHUSDT_orderbook_2026-11-20.manifest.json")
    assert manifest is not None
    assert manifest.records == 10
    assert await work.finish(timeout_s=LONG_S)


async def test_an_interval_is_joined_when_it_is_over(desk: Desk, pool: InlinePool) -> None:
    work = sealing(desk, pool, interval_min=5)
    for minute in range(6):
        work.journal_closed(desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=5))
    await until(lambda: work.stats.waiting == 0 and "_join_job" in pool.jobs)
    assert await work.finish(timeout_s=LONG_S)
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(30))
    assert {path.stem[-5:] for path in desk.archive.files("BTCUSDT", "orderbook")} == {"12-00", "12-05"}


@pytest.mark.parametrize("interval_min", [1, 60])
async def test_a_day_is_merged_once_when_the_next_one_has_begun(desk: Desk, pool: InlinePool, interval_min: int) -> None:
    work = sealing(desk, pool, interval_min=interval_min)
    for minute in (-2, -1, 0, 1):
        work.journal_closed(
            desk.journal(range(minute * 5 + 50, minute * 5 + 55), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=interval_min)
        )
    await until(lambda: work.stats.waiting == 0 and work.stats.days == 3)
    assert await work.finish(timeout_s=LONG_S)
    assert pool.jobs.count("_merge_job") == 3
    assert (desk.root / "orderbook" / "BTCUSDT_orderbook_2026-11-20.zip").exists()
    assert (desk.root / "execution" / "BTCUSDT_execution_2026-11-20.manifest.json").exists()
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(50, 60)), "today's are not merged"


async def test_two_lanes_wait_for_one_another_at_midnight(desk: Desk, pool: InlinePool) -> None:
    work = sealing(desk, pool)
    lanes = {0: [BOOK], 1: [ETH]}

    def journal(lane: int, minute: int) -> Path:
        return desk.journal([], start_ns=MIDNIGHT_NS + minute * MINUTE_NS, lane=lane, streams=lanes[lane])

    work.journal_closed(journal(0, -1))
    work.journal_closed(journal(1, -1))
    work.journal_closed(journal(0, 0))
    await until(lambda: work.stats.waiting == 0)
    assert "_merge_job" not in pool.jobs
    work.journal_closed(journal(1, 0))
    await until(lambda: "_merge_job" in pool.jobs)
    await work.finish(timeout_s=LONG_S)


async def test_a_merge_that_fails_is_tried_again(desk: Desk, pool: InlinePool) -> None:
    left = [RuntimeError("a worker was ended three times")]

    def trouble(name: str) -> None:
        if name == "_merge_job" and left:
            raise left.pop()

    pool.trouble = trouble
    work = sealing(desk, pool)
    for minute in (-1, 0):
        work.journal_closed(desk.journal(range(5), start_ns=MIDNIGHT_NS + minute * MINUTE_NS))
    await until(lambda: work.stats.days == 3)
    assert work.stats.failures == 1
    await work.finish(timeout_s=LONG_S)


async def test_what_an_earlier_life_left_is_joined_and_merged_at_the_start(desk: Desk, pool: InlinePool) -> None:
    earlier = sealing(desk, pool, interval_min=60)
    for minute in (-2, -1):
        earlier.journal_closed(
            desk.journal(range(minute * 5 + 50, minute * 5 + 55), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=60)
        )
    with killed_before_it_could_join(pool):
        await earlier.finish(timeout_s=LONG_S)
    assert list(desk.root.rglob("parts/*.zip"))
    work = sealing(desk, pool, interval_min=60)
    work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.days == 3)
    assert not list(desk.root.rglob("parts/*.zip"))
    await work.finish(timeout_s=LONG_S)


async def test_finish_gives_up_in_time(desk: Desk, pool: InlinePool) -> None:
    async def hang(*arguments: Any) -> None:
        await asyncio.sleep(60)

    pool.submit = hang  # type: ignore[method-assign]
    work = sealing(desk, pool)
    work.journal_closed(desk.journal(range(3)))
    began = asyncio.get_running_loop().time()
    assert not await work.finish(timeout_s=0.2)
    assert asyncio.get_running_loop().time() - began < 30


class Twice(InlinePool):
    """A worker died behind its work, and the pool began the job anew."""

    async def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is seal_and_keep:
            function(*arguments)
        return await super().submit(function, *arguments)


@pytest.mark.parametrize("interval_min", [1, 5])
async def test_a_seal_that_the_pool_begins_anew_doubles_nothing(desk: Desk, interval_min: int) -> None:
    work = sealing(desk, Twice(), interval_min=interval_min)
    for minute in range(2):
        work.journal_closed(
            desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=interval_min)
        )
    await until(lambda: work.stats.waiting == 0)
    assert await work.finish(timeout_s=LONG_S)
    check_once(desk, 10)


def check_once(desk: Desk, count: int) -> None:
    for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook")):
        assert desk.archive.check_balance(symbol, kind) == (count, count, 0), (symbol, kind)
        entries = [msgspec.structs.replace(entry, at=0) for entry in desk.archive.ledger(symbol, kind) if isinstance(entry, LiveEntry)]
        assert len(entries) == len(set(entries)), "each span is told once"
    report = verify([desk.root])
    assert report.ok, report.problems
    assert not [path for path in desk.root.rglob("*") if path.name.endswith((".tmp", ".journal", ".merging", "left.json"))]


def die_behind_two_segments(job: SealJob) -> SealResult:
    """The first time, somebody kills its worker when two segments are in place and one is told to the ledger."""
    mark = Path(job.journals[0]).parent / "died"
    steps: list[str] = []

    def kill(act: str, what: object, data: object) -> None:
        steps.append(act)
        if steps.count("link") == 2 and act == "write" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    durable.watch(kill)
    try:
        return seal_and_keep(job)
    finally:
        durable.watch(None)


async def test_a_worker_that_dies_while_it_seals_doubles_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "seal_and_keep", die_behind_two_segments)
    pool = WorkerPool(workers=1)
    work = sealing(desk, pool)
    work.journal_closed(desk.journal(range(5)))
    await until(lambda: work.stats.waiting == 0)
    assert await work.finish(timeout_s=LONG_S)
    await pool.close()
    assert (desk.folder / "died").exists()
    assert (pool.stats().rebuilt, work.stats.failures) == (1, 0)
    check_once(desk, 5)


async def test_a_journal_that_is_removed_and_not_confirmed_is_done_with(
    desk: Desk, pool: InlinePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OSError(errno.EIO, "io"), OSError(errno.EIO, "io")]

    def discard(paths: Iterable[Path]) -> None:
        discard_journals(paths)
        if left:
            raise left.pop()

    monkeypatch.setattr(module, "discard_journals", discard)
    work = sealing(desk, pool, interval_min=5)
    for minute in range(2):
        work.journal_closed(desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=5))
    await until(lambda: work.stats.waiting == 0)
    assert (work.stats.failures, work.stats.records, pool.jobs.count("seal_and_keep")) == (2, 30, 2)
    assert await work.finish(timeout_s=LONG_S)
    check_once(desk, 10)


@pytest.mark.parametrize("refused", [1, 2])
async def test_a_journal_of_many_series_goes_only_when_the_file_system_has_confirmed_them(
    desk: Desk, pool: InlinePool, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    path, asked = desk.journal(range(5)), list[bool]()

    def sync(fd: int) -> int:
        asked.append(path.exists())
        return -1 if len(asked) == refused else 0

    monkeypatch.setattr("hoga.archive.keep.seal._MANY", 1)
    monkeypatch.setattr(durable, "_syncfs", sync)
    work = sealing(desk, pool)
    work.journal_closed(path)
    await until(lambda: work.stats.waiting == 0)
    assert (work.stats.failures, asked) == (1, [True] * (refused + 2))
    assert await work.finish(timeout_s=LONG_S)
    check_once(desk, 5)


async def test_a_closed_journal_that_somebody_removed_holds_nothing_up(
    desk: Desk, pool: InlinePool, caplog: pytest.LogCaptureFixture
) -> None:
    work = sealing(desk, pool, interval_min=5)
    gone, kept = (desk.journal(range(5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=5) for minute in range(2))
    gone.unlink()
    work.journal_closed(gone)
    work.journal_closed(kept)
    await until(lambda: work.stats.waiting == 0)
    assert work.stats.failures == 0
    assert await work.finish(timeout_s=LONG_S)
    assert f"a journal is gone before it was sealed journal={gone.name}" in caplog.text
    check_once(desk, 5)


async def test_what_a_start_could_not_recover_is_sealed_when_it_can_be_and_its_day_waits_for_it(desk: Desk, pool: InlinePool) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    start_ns = MIDNIGHT_NS - MINUTE_NS
    desk.journal(range(5), start_ns=start_ns, lane=7, ended=False)
    recovered = recover_folder(desk.folder, now_ns=MIDNIGHT_NS - SECOND_NS)
    assert [job.crash_to_ns for job in recovered.left] == [MIDNIGHT_NS - SECOND_NS]
    work = sealing(desk, pool)
    work.take_over(recovered.left)
    assert work.stats.waiting == 1
    work.catch_up(today="2026-11-21")
    await until(lambda: work.stats.days == 2)
    await until(lambda: work.stats.failures >= 2)
    assert not (desk.root / "orderbook" / "ETHUSDT_orderbook_2026-11-20.manifest.json").exists()
    blocked.unlink()
    await until(lambda: work.stats.days == 3)
    assert work.stats.waiting == 0
    for kind, symbol in (("orderbook", "BTCUSDT"), ("execution", "BTCUSDT"), ("orderbook", "ETHUSDT")):
        manifest = read_manifest(desk.root / kind / f"{symbol}_{kind}_2026-11-20.manifest.json")
        assert manifest is not None
        assert (manifest.records, len(manifest.segments)) == (5, 1)
        assert [(gap.reason, gap.to_ns) for gap in manifest.gaps] == [(Reason.CRASH, MIDNIGHT_NS - SECOND_NS)]
    for minute in (0, 1440):  # the lanes of today go on, and end their days, as if that lane had never been
        work.journal_closed(desk.journal(range(5, 7), start_ns=MIDNIGHT_NS + minute * MINUTE_NS, streams=[BOOK]))
    await until(lambda: work.stats.days == 4)
    assert await work.finish(timeout_s=LONG_S)
    report = verify([desk.root])
    assert report.ok, report.problems


@pytest.mark.parametrize("interval_min", [1, 5])
async def test_the_minute_that_a_life_begins_in_is_sealed_behind_what_the_last_one_left_of_it(
    desk: Desk, pool: InlinePool, interval_min: int
) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    desk.journal([1, 2], ended=False, interval_min=interval_min)
    start_ns = NOON_NS + 30 * SECOND_NS
    recovered = recover_folder(desk.folder, now_ns=start_ns)
    blocked.unlink()
    work = sealing(desk, pool, interval_min=interval_min)
    work.take_over(recovered.left)
    work.journal_closed(desk.journal([7, 8], start_ns=start_ns, session=f"{start_ns:x}", interval_min=interval_min, last=True))
    assert await work.finish(timeout_s=LONG_S)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert [line["lastUpdateId"] for line in desk.archive.lines(symbol, "orderbook")] == [1, 2, 7, 8]
    report = verify([desk.root])
    assert report.ok, report.problems


@pytest.mark.parametrize("merged", [False, True])
async def test_a_journal_sealed_in_part_is_not_sealed_twice_for_what_is_joined_or_merged_when_it_is_killed(
    desk: Desk, pool: InlinePool, merged: bool
) -> None:
    def journal(minute: int) -> Path:
        ids = range(minute * 5 + 50, minute * 5 + 55)
        return desk.journal(ids, start_ns=MIDNIGHT_NS + minute * MINUTE_NS, interval_min=5)

    blocked, aside = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20", desk.root / "aside-folder"
    earlier = sealing(desk, pool, interval_min=5)
    earlier.journal_closed(journal(-2))
    with killed_before_it_could_join(pool):
        assert await earlier.finish(timeout_s=LONG_S)
    blocked.rename(aside)
    blocked.write_text("a file in the place of the folder")
    work = sealing(desk, pool, interval_min=5)
    work.journal_closed(journal(-1))
    await until(lambda: work.stats.failures >= 1)
    await until(lambda: work._left and None not in work._left.values(), why="what is left is written down, then it is joined")
    await work._join_all()
    assert not list(desk.root.rglob("temporary/*/parts/*.zip"))
    if merged:
        work.catch_up(today="2026-11-21")
        await until(lambda: work.stats.days == 2)
    assert not await work.finish(timeout_s=0.05)
    assert len(list(desk.folder.glob("*.journal"))) == 1
    blocked.unlink()
    aside.rename(blocked)
    assert recover_folder(desk.folder, now_ns=MIDNIGHT_NS + MINUTE_NS).failed == []
    work = sealing(desk, pool, interval_min=5)
    work.catch_up(today="2026-11-21")
    await until(lambda: len(list(desk.root.rglob("*.manifest.json"))) == 3 and not list(desk.root.rglob("temporary/*/**/*.zip")))
    assert await work.finish(timeout_s=LONG_S)
    for kind, symbol in (("orderbook", "BTCUSDT"), ("execution", "BTCUSDT"), ("orderbook", "ETHUSDT")):
        manifest = read_manifest(desk.root / kind / f"{symbol}_{kind}_2026-11-20.manifest.json")
        assert manifest is not None
        assert manifest.records == 10, symbol
    report = verify([desk.root])
    assert report.ok, report.problems
    assert not (desk.folder / "left.json").exists()


class WorkerDied(BaseException):
    """What nothing in a job catches."""


class MortalPool(InlinePool):
    """Begins a job anew whose worker died, with the same arguments; `at` counts the steps of its jobs from 1, and there `mode` happens."""

    def __init__(self, *, at: int, mode: str) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.at_work = False
        refuse = faults.refusing(at=at, mode=mode)

        def watcher(what: str, where: Path | int, data: bytes | bytearray) -> None:
            self.steps.append(what)
            if mode != "died":
                refuse(what, where, data)
            elif len(self.steps) == at and self.at_work:
                raise WorkerDied

        durable.watch(watcher)

    async def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await super().submit(partial(self._work, function), *arguments)
        except WorkerDied:
            return await super().submit(function, *arguments)

    def _work(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.at_work = True
        try:
            return function(*arguments)
        finally:
            self.at_work = False


@pytest.fixture
def _nobody_watches() -> Iterator[None]:
    yield
    durable.watch(None)


async def _sealed_with_trouble(root: Path, *, at: int, mode: str, interval_min: int) -> list[str]:
    """Two minutes are sealed and joined while the step number `at` goes wrong in that mode; all steps."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    desk = Desk(root)
    paths = [
        desk.journal(range(minute * 5, minute * 5 + 5), start_ns=NOON_NS + minute * MINUTE_NS, interval_min=interval_min)
        for minute in (3, 4)
    ]
    pool = MortalPool(at=at, mode=mode)
    work = sealing(desk, pool, interval_min=interval_min, seal_again=(0.001,))
    try:
        for path in paths:
            work.journal_closed(path)
        await until(lambda: work.stats.waiting == 0, why=lambda: (at, mode, pool.steps[at - 1 : at]), pause=0.001)
    finally:
        durable.watch(None)
    assert await work.finish(timeout_s=LONG_S), (at, mode)
    assert work.stats.records == 30, (at, mode, pool.steps[at - 1])
    check_once(desk, 10)
    return pool.steps


@pytest.mark.usefixtures("_nobody_watches")
@pytest.mark.parametrize("every", [pytest.param(9, id="some"), pytest.param(1, id="every", marks=pytest.mark.faults)])
@pytest.mark.parametrize("interval_min", [1, 5])
@pytest.mark.parametrize("many", [1, 32])
async def test_whatever_step_of_sealing_goes_wrong_once_all_is_sealed_once_by_the_same_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval_min: int, many: int, every: int
) -> None:
    monkeypatch.setattr("hoga.archive.keep.seal._MANY", many)
    steps = await _sealed_with_trouble(tmp_path / "data", at=0, mode="EIO", interval_min=interval_min)
    assert len(steps) > 30
    for number, mode in enumerate(("died", "EIO", "late")):
        for at in range(1 + (number * 3) % every, len(steps) + 1, every):
            if steps[at - 1] in faults.FITS.get(mode, steps):
                await _sealed_with_trouble(tmp_path / "data", at=at, mode=mode, interval_min=interval_min)
