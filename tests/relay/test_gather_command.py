"""`hoga gather` as a process: what it refuses at its start, and that a kill at any moment costs nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hoga.archive.form.discover import discover
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.union.archives import Archive, unite_archives
from hoga.cli.main import main
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS
from hoga.relay.due import DayState
from tests.archive.workshop import DAY, Workshop, agg_trade
from tests.nats_server import NatsServer, nats_server
from tests.relay.relays import FakeRelay
from tests.waiting import LONG_S

__all__ = ["nats_server"]

NAMES = ("osaka", "seoul", "tokyo")


async def _hoga(*arguments: object, wait: bool = True) -> tuple[asyncio.subprocess.Process, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hoga", *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if not wait:
        return process, "", ""
    out, err = await asyncio.wait_for(process.communicate(), LONG_S)
    return process, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "NATS_URL=nats://me:secret@127.0.0.1:1"], "NATS_URL: found an address with credentials in it"),
        (["--once", "--day", "yesterday"], "--day: found yesterday, expected a day as"),
        (["--once", "--day", "0001-01-01"], "--day: found 0001-01-01, expected a day as"),
        (["--once", "--day", "9999-12-31"], "--day: found 9999-12-31, expected a day as"),
        (["--once", "--set=COLLECTORS=tokyo,../seoul"], "COLLECTORS: found"),
        (["--day", DAY], "--once beside it"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_status_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["gather", "--data", str(tmp_path / "all"), *arguments]) == 2
    said = capfd.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert told in said.err
    assert "secret" not in said.err


def test_a_day_of_which_nobody_has_anything_is_not_told_as_united(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def once(*arguments: object, **named: object) -> tuple[list[DayState], list[str], None]:
        return [DayState(day=DAY, united_ns=5), DayState(day="2026-11-21", united_ns=5, series=1, records=7)], ["tokyo"], None

    monkeypatch.setattr("hoga.app.gather.gather_once", once)
    assert main(["gather", "--data", str(tmp_path / "all"), "--once"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        f"{DAY}: no collector has anything of it",
        "2026-11-21: united: 1 series, 7 records of tokyo",
    ]


def test_a_disk_that_is_full_is_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    async def once(*arguments: object, **named: object) -> tuple[list[DayState], list[str], str]:
        return [], ["tokyo"], "/data: no space left"

    monkeypatch.setattr("hoga.app.gather.gather_once", once)
    assert main(["gather", "--data", str(tmp_path / "all"), "--once"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "what collectors sent is not all here: /data: no space left" in said.err


async def test_a_server_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    pytest.importorskip("nats", reason="nats-py is not installed: pip install 'hoga[nats]'")
    process, out, err = await _hoga("gather", "--data", tmp_path / "all", "--set", "NATS_URL=nats://127.0.0.1:1")
    (line,) = [line for line in err.splitlines() if line.startswith("hoga: ")]
    assert (process.returncode, out) == (2, "")
    assert "NATS at nats://127.0.0.1:1 is not there" in line


@pytest.fixture
async def relays(tmp_path: Path, nats_server: NatsServer) -> AsyncIterator[list[FakeRelay]]:
    """Three collectors of one market, each of which lacks minutes and some trades; nobody has the eighth minute."""
    nats_server.start()
    made = []
    for lacks, name in enumerate(NAMES):
        shop = Workshop(tmp_path / name / "binance" / "execution", "execution")
        for minute in range(9):
            start = shop.minute_ns(f"13-{minute:02}")
            if minute == 7 or minute % 4 == lacks:
                missed = range(20 * minute, 20 * minute + 20)
                shop.tell_gap(Gap(start, start + MINUTE_NS, Reason.DISCONNECT, None, missed[0], missed[-1]))
                continue
            ids = list(range(20 * minute, 20 * minute + 20))
            conn = b'"%b/binance-1"' % name.encode()
            lines = [agg_trade(start + 1_000_000 * number + lacks, number).replace(b'"binance-1"', conn) for number in ids]
            shop.seal(f"13-{minute:02}", lines, ids=ids)
        made.append(FakeRelay(name, tmp_path / name, nats_server.url))
        await made[-1].start()
    yield made
    for relay in made:
        await relay.stop()


async def test_kills_redelivery_and_disorder_give_the_bytes_that_a_merge_gives(
    tmp_path: Path, nats_server: NatsServer, relays: list[FakeRelay]
) -> None:
    chance = random.Random(11)
    root = tmp_path / "all"
    here = ["gather", f"--set=NATS_URL={nats_server.url}", "--set=COLLECTORS=tokyo,seoul,osaka", "--data", root, "--json"]
    running, _, _ = await _hoga(*here, wait=False)
    assert running.stdout is not None
    assert json.loads(await asyncio.wait_for(running.stdout.readline(), LONG_S))["ready"]
    await _unanswered_comes_again_soon(nats_server)
    for again, relay in enumerate(relays):
        await relay.send(size=700, rng=chance)
        running.send_signal(signal.SIGKILL)
        await asyncio.wait_for(running.communicate(), LONG_S)
        if again == 1:
            nats_server.kill()
            nats_server.newest_blocks("HOGA_SEGMENTS")[-1].unlink()
            nats_server.start()
            for each in relays:
                await each.stop()
                await each.start()
        running, _, _ = await _hoga(*here, wait=False)
        await relay.send(size=900, rng=chance, again=f" {again}")
    assert running.stdout is not None
    await asyncio.wait_for(running.stdout.readline(), LONG_S)
    running.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(running.communicate(), LONG_S)
    assert running.returncode == 0, said.decode()
    for relay in relays[:2]:
        _merge(relay.root)
    process, out, err = await _hoga(*here, "--once", "--day", DAY)
    told = json.loads(out)
    assert (process.returncode, told["ok"], told["failed"]) == (0, True, []), err
    wanted, found = _merged(tmp_path), _united(root)
    assert (found.sha256, found.records, found.gaps, found.collectors) == (wanted.sha256, wanted.records, wanted.gaps, wanted.collectors)
    assert found.records == 160
    assert [(gap.from_id, gap.to_id) for gap in found.gaps] == [(140, 159)]
    process, out, _ = await _hoga("verify", root)
    assert process.returncode == 0, out
    _, out, _ = await _hoga("ls", root)
    assert [line.split()[0] for line in out.splitlines()[-3:]] == list(NAMES)
    _, out, _ = await _hoga("coverage", root)
    assert "tokyo: received" in out


async def _unanswered_comes_again_soon(server: NatsServer) -> None:
    """What a killed consumer had not acknowledged is sent again after seconds, instead of a minute."""
    nats = pytest.importorskip("nats")
    async with await nats.connect(server.url) as client:
        asked, found = client.jetstream(), []
        while not found:  # it says that it is ready before it has asked for one
            await asyncio.sleep(0.02)
            found = await asked.consumers_info("HOGA_SEGMENTS")
        known = found[0]
        await asked.add_consumer("HOGA_SEGMENTS", config=known.config.evolve(ack_wait=2.0))
        assert (await asked.consumer_info("HOGA_SEGMENTS", known.name)).config.ack_wait == 2.0


def _merge(root: Path) -> None:
    for day in discover([root]).days:
        merge_day(day, venue="binance", archive_format="zip", purge=True)


def _merged(tmp_path: Path) -> Manifest:
    archives = [Archive(name, tmp_path / name) for name in NAMES]
    assert all(
        each.united is not None for each in unite_archives(archives, tmp_path / "merged", order=["tokyo", "seoul", "osaka"], day=DAY)
    )
    return _united(tmp_path / "merged")


def _united(root: Path) -> Manifest:
    manifest = read_manifest(SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", DAY).manifest_path)
    assert manifest is not None, os.listdir(root)
    return manifest
