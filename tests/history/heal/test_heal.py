"""Trades that were not received, fetched afterwards: the day keeps its bytes, and what nobody has stays missing by its ids."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

import pytest

from hoga.archive.form.healed import healed_path, read_rows
from hoga.archive.form.manifest import read_manifest
from hoga.archive.prove.verify import verify
from hoga.archive.read.told import healed_of
from hoga.core.errors import Refused
from hoga.history.backfill import Job, backfill
from hoga.history.heal import HealReport, heal_series
from hoga.history.plan import Series
from hoga.net.rest import RestClient
from hoga.runtime import durable
from hoga.runtime.clock import ManualClock
from hoga.simulator import Fault, FaultKind, FileDefect
from hoga.venues.refill import Refilled
from hoga.venues.request import Request
from tests.history.heal.conftest import DAY, SPOT, START_NS, MakeMissed, Missed
from tests.waiting import LONG_S


def healed(missed: Missed) -> list[dict[str, object]]:
    return [json.loads(line) for line in read_rows(healed_path(missed.day), healed_of(missed.day))]


def files_of(missed: Missed, folder: Path):  # type: ignore[no-untyped-def]
    """The exchange's files of these days, as `hoga heal` fetches them."""
    url = missed.simulator.venues["binance"].urls["history"]
    assert SPOT.history is not None

    async def fetch(symbol: str, name: str, first: date, last: date) -> tuple[list[Path], list[str]]:
        assert SPOT.history is not None
        job = Job(
            venue="binance", spec=SPOT.history, kind=SPOT.history.kinds[name], series=(Series(symbol, name),), folder=folder, start=first,
            end=last, today=date(2026, 3, 5), history_url=url, listing_url=f"{url}/", silence_s=LONG_S, schedule=(0.001,),
        )  # fmt: skip
        report = await backfill(job)
        return [folder / each.what for each in report.done], [f"{each.what}: {each.why}" for each in report.failed]

    return fetch


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("singles", [False, True])
async def test_ids_that_are_missing_come_over_rest_and_the_day_keeps_its_bytes(missed: Missed, singles: bool, merged: bool) -> None:
    await missed.record({7, 8, 9, 20}, singles=singles, merged=merged)
    before = {path: path.read_bytes() for path in missed.root.rglob("*.zip")}
    report = await missed.heal()
    assert report.ok, report.failed
    assert [(each.rows, each.sources) for each in report.done] == [(4, ["rest"])]
    assert {path: path.read_bytes() for path in missed.root.rglob("*.zip")} == before
    rows = healed(missed)
    key = "t" if singles else "a"
    wanted = [missed.trades[at].trade_id if singles else missed.rows[at].agg_id for at in (7, 8, 9, 20)]
    assert [row[key] for row in rows] == wanted
    assert all(row["recvNs"] is None and row["healedFrom"] == "rest" and row["healedNs"] == START_NS for row in rows)
    assert [row["e"] for row in rows] == ["trade" if singles else "aggTrade"] * 4
    assert [row["T"] for row in rows] == [row["eventTime"] for row in rows]


async def test_the_manifest_names_the_file_and_verify_checks_it(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    assert verify([missed.root]).ok
    await missed.heal()
    manifest = read_manifest(missed.day.manifest_path)
    assert manifest is not None
    assert manifest.healed is not None
    assert (manifest.healed.file, manifest.healed.records) == (healed_path(missed.day).name, 3)
    assert [(each.first, each.last, each.source) for each in manifest.healed.ranges] == [
        (missed.rows[7].agg_id, missed.rows[9].agg_id, "rest")
    ]
    report = verify([missed.root])
    assert report.ok, report.problems


async def test_twice_is_once(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    await missed.heal()
    before = {path: path.read_bytes() for path in missed.root.rglob("*") if path.is_file()}
    asked = missed.simulator.status()["rest"]["requests"]
    report = await missed.heal()
    assert report.ok
    assert report.done == []
    assert {path: path.read_bytes() for path in missed.root.rglob("*") if path.is_file()} == before
    assert missed.simulator.status()["rest"]["requests"] == asked


async def test_what_was_healed_before_the_merge_is_in_its_manifest(missed: Missed) -> None:
    await missed.record({7, 8}, merged=False)
    await missed.heal()
    told = healed_of(missed.day)
    assert told is not None
    assert verify([missed.root]).ok
    missed.merge()
    assert healed_of(missed.day) == told
    assert not missed.day.ledger.exists()
    assert verify([missed.root]).ok
    assert (await missed.heal()).done == []


async def test_a_hole_across_midnight_is_healed_on_both_sides(missed: Missed) -> None:
    day = missed.past.day(START_NS // 86_400_000_000_000 - 2)
    await missed.record(range(10, 30), back=2, begin=len(day.aggregates) - 20, count=20)
    later = Missed(missed.simulator, missed.root)
    await later.record(set(range(5)), begin=0, count=20)
    report = await missed.heal()
    assert report.ok, report.failed
    assert sorted(Path(each.what).name for each in report.done) == [
        "BTCUSDT_execution_2026-03-03.healed.jsonl.zst",
        "BTCUSDT_execution_2026-03-04.healed.jsonl.zst",
    ]
    assert [each.rows for each in sorted(report.done, key=lambda each: each.what)] == [10, 5]


async def test_case_9_what_is_older_than_rest_comes_from_the_file_and_says_so(make_missed: MakeMissed, tmp_path: Path) -> None:
    missed = await make_missed(rest_days=0)
    await missed.record({7, 8, 9})
    report = await missed.heal(files=files_of(missed, tmp_path / "files"))
    assert report.ok, report.failed
    assert [(each.rows, each.sources) for each in report.done] == [(3, [f"BTCUSDT-aggTrades-{DAY}.zip"])]
    assert healed(missed)[0]["a"] == missed.rows[7].agg_id
    assert healed(missed)[0]["T"] == missed.rows[7].time_ns // 1_000_000


async def test_case_9_what_nobody_has_stays_a_gap_by_its_ids(make_missed: MakeMissed, tmp_path: Path) -> None:
    missed = await make_missed(rest_days=0)
    await missed.record({7, 8, 9})
    missed.simulator.inject(Fault(fault=FaultKind.FILE, defect=FileDefect.MISSING, paths="*"))
    report = await missed.heal(files=files_of(missed, tmp_path / "files"))
    assert not report.ok
    [failed] = report.failed
    assert failed.what == f"binance:BTCUSDT aggTrade ids {missed.rows[7].agg_id} to {missed.rows[9].agg_id}"
    assert failed.why.startswith("REST serves ids from ")
    assert f"BTCUSDT-aggTrades-{DAY}.zip: not published yet" in failed.why
    [gap] = report.gaps
    assert (gap.from_id, gap.to_id, gap.missed) == (missed.rows[7].agg_id, missed.rows[9].agg_id, 3)
    assert report.done == []
    assert verify([missed.root]).ok


async def test_file_and_rest_spell_a_trade_alike(make_missed: MakeMissed, tmp_path: Path) -> None:
    texts = []
    for days in (7, 0):
        missed = await make_missed(rest_days=days)
        missed.root = tmp_path / str(days)
        missed.day = type(missed.day)(missed.root / "execution", "BTCUSDT", "execution", DAY)
        await missed.record({7, 8, 9})
        await missed.heal(files=files_of(missed, tmp_path / f"files{days}"))
        texts.append([{key: value for key, value in row.items() if key != "healedFrom"} for row in healed(missed)])
    assert texts[0] == texts[1]


async def test_case_10_yesterday_from_its_file_and_today_over_rest_are_one_chain(missed: Missed, tmp_path: Path) -> None:
    fetch = files_of(missed, tmp_path / "files")
    [path], _ = await fetch("BTCUSDT", "aggTrades", date(2026, 3, 4), date(2026, 3, 4))
    import polars

    yesterday = polars.read_parquet(path.with_suffix(".parquet"))["id"].to_list()
    await missed.record(set(range(1, 39)), back=0, begin=0)
    report = await missed.heal()
    assert report.ok
    missed.day = missed.days()[-1]
    today = sorted([missed.rows[0].agg_id, missed.rows[39].agg_id, *(int(str(row["a"])) for row in healed(missed))])
    assert [*yesterday[-5:], *today] == list(range(yesterday[-5], yesterday[-1] + 41))


async def test_a_refusal_is_told_and_nothing_is_written(missed: Missed) -> None:
    await missed.record({7})
    missed.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=403, paths="*"))
    before = {path: path.read_bytes() for path in missed.root.rglob("*") if path.is_file()}
    report = await missed.heal()
    assert not report.ok
    assert "403" in report.failed[0].why
    assert {path: path.read_bytes() for path in missed.root.rglob("*") if path.is_file()} == before


async def test_a_server_out_of_order_is_asked_again(missed: Missed) -> None:
    await missed.record({7})
    missed.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=503, paths="*", count=2))
    assert (await missed.heal()).ok


async def test_a_kill_between_file_and_manifest_is_made_good_without_asking(missed: Missed) -> None:
    await missed.record({7, 8})
    manifest = missed.day.manifest_path.read_bytes()
    await missed.heal()
    after = missed.day.manifest_path.read_bytes()
    missed.day.manifest_path.write_bytes(manifest)  # as if it had not been written any more
    assert not verify([missed.root]).ok
    asked = missed.simulator.status()["rest"]["requests"]
    report = await missed.heal()
    assert report.ok
    assert missed.simulator.status()["rest"]["requests"] == asked
    assert healed_of(missed.day) is not None
    assert len(healed(missed)) == 2
    assert verify([missed.root]).ok
    assert after != manifest


@pytest.mark.parametrize("harm", ["flip", "cut", "gone"])
async def test_verify_finds_a_healed_file_that_is_not_what_was_written(missed: Missed, harm: str) -> None:
    await missed.record({7, 8, 9})
    await missed.heal()
    path = healed_path(missed.day)
    good = path.read_bytes()
    if harm == "flip":
        path.write_bytes(good[:30] + bytes([good[30] ^ 1]) + good[31:])
    elif harm == "cut":
        path.write_bytes(good[:-5])
    else:
        path.unlink()
    report = verify([missed.root])
    assert not report.ok
    assert [problem.kind for problem in report.problems] == ["healed"]


class Died(BaseException):
    """The process is gone at this step."""


@pytest.mark.parametrize("merged", [True, False])
async def test_a_kill_at_any_step_is_made_good_by_the_next_heal(missed: Missed, merged: bool, tmp_path: Path) -> None:
    await missed.record({7, 8, 20}, merged=merged)
    recorded, root = missed.root, missed.root
    for step in range(100):
        missed.root = tmp_path / f"step{step}" / "binance"
        shutil.copytree(recorded, missed.root)
        missed.day = missed.days()[0]
        left = step

        def die(act: str, what: object, data: bytes) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Died

        durable.watch(die)
        try:
            report = await missed.heal()
            died = False
        except Died:
            died = True
        finally:
            durable.watch(None)
        if died:
            report = await missed.heal()
        assert report.ok, (step, report.failed)
        assert [row["a"] for row in healed(missed)] == [missed.rows[at].agg_id for at in (7, 8, 20)]
        assert verify([missed.root]).ok, step
        if not died:
            assert step > 5
            break
    missed.root = root


class Answering:
    """REST as it is told to be: aggregates all at one time; it fails from the id `fails` on, or has none from `ends` on."""

    def __init__(
        self, event_ms: int, *, before: Callable[[], object] = lambda: None, fails: int = 2**63, ends: int = 2**63, most: int = 1000
    ) -> None:
        self.event_ms, self.before, self.fails, self.ends, self.most = event_ms, before, fails, ends, most
        self.clock = ManualClock(START_NS)

    async def read(self, request: Request, rows: Callable[[bytes], list[Refilled]]) -> list[Refilled]:
        asked = dict(parse_qsl(request.path.partition("?")[2]))
        first = int(asked["fromId"])
        if first >= self.fails:
            raise Refused("binance", code=-1, reason="not there")
        self.before()
        if first >= self.ends:
            return []
        told = [
            {"a": each, "p": "1.00", "q": "1", "f": each, "l": each, "T": self.event_ms, "m": True, "M": True}
            for each in range(first, first + min(self.most, int(asked["limit"])))
        ]
        return rows(json.dumps(told).encode())


async def _heal_from(missed: Missed, rest: Answering) -> HealReport:
    return await heal_series(missed.days(), SPOT, cast(RestClient, rest), None, now_ns=START_NS, schedule=(0.001,))


@pytest.mark.parametrize("event_ms", [978_307_200_000, -5, 0, START_NS // 1000, START_NS, 10**17, -(10**30), 10**30])
async def test_a_time_that_is_none_of_the_holes_heals_nothing(missed: Missed, event_ms: int) -> None:
    """Another market's ids, a year 2001, times in µs or ns: nothing of it can be in this hole."""
    await missed.record({7, 8})
    report = await _heal_from(missed, Answering(event_ms))
    assert (report.ok, report.done, len(report.failed)) == (False, [], 1)
    assert "at another time" in report.failed[0].why or "REST:" in report.failed[0].why
    assert not healed_path(missed.day).exists()
    assert (await missed.heal()).ok, "whoever knows them is asked again"


async def test_two_heals_of_one_series_erase_nothing_of_each_other(missed: Missed) -> None:
    """One by a timer, one by hand: each has read what is missing before the other wrote."""
    await missed.record({7, 8, 9})
    ids = [missed.rows[at].agg_id for at in (7, 8, 9)]
    event_ms = missed.rows[8].time_ns // 1_000_000
    others: list[HealReport] = []

    def meanwhile() -> None:
        if not others:
            with ThreadPoolExecutor(1) as beside:
                others.append(beside.submit(asyncio.run, _heal_from(missed, Answering(event_ms))).result())

    report = await _heal_from(missed, Answering(event_ms, before=meanwhile, most=1, ends=ids[1]))
    assert [each.rows for each in others[0].done] == [3]
    assert report.done == []
    assert [row["a"] for row in healed(missed)] == ids
    assert verify([missed.root]).ok


async def test_what_came_before_a_fault_is_kept(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    ids = [missed.rows[at].agg_id for at in (7, 8, 9)]
    report = await _heal_from(missed, Answering(missed.rows[8].time_ns // 1_000_000, most=1, fails=ids[2]))
    assert [row["a"] for row in healed(missed)] == ids[:2]
    assert [(each.from_id, each.to_id) for each in report.gaps] == [(ids[2], ids[2])]
