"""kill -9 of relay and nats-server at random, the server's newest block thrown away: whoever gathers ends with what lies on the disk.

`ROUNDS=50 pytest tests/relay/test_kills.py -m faults` does it as often as one likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from hoga.relay.broker import Broker, BrokerFault
from hoga.relay.subjects import SEGMENTS, AskDay, AskFile, AskWho, DayAnswer, FileAnswer, answer_of, ask_subject, encode
from tests.archive.workshop import DAY, Workshop, agg_trade
from tests.nats_server import NatsServer, nats_server
from tests.relay.copying import Copy, connected, files_of
from tests.waiting import eventually

__all__ = ["nats_server"]

ROUNDS = int(os.environ.get("ROUNDS", "8"))


class Victim:
    """`hoga relay` as a process, which may be killed and begun again."""

    def __init__(self, root: Path, url: str) -> None:
        settings = ["--set", f"NATS_URL={url}", "--set", "COLLECTOR=tokyo"]
        self._command = [sys.executable, "-m", "hoga", "relay", "--data", str(root), *settings]
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


async def ask(broker: Broker, question: AskDay | AskFile | AskWho) -> object:
    try:
        payload = await broker.ask(ask_subject("tokyo"), encode(question), timeout_s=10)
    except BrokerFault:
        return None
    return None if payload is None else answer_of(payload)


async def take(broker: Broker, copy: Copy) -> None:
    for _ in range(20):
        with contextlib.suppress(BrokerFault):
            await copy.catch_up(broker)
            return
        await asyncio.sleep(0.5)
    raise AssertionError("the server never gave what it has")


async def settle(broker: Broker, victim: Victim, copy: Copy) -> None:
    """As whoever gathers does at a day's end: ask what there is, and for what is missing."""
    answer: object = None
    for _ in range(60):
        victim.begin()
        answer = await ask(broker, AskDay(DAY))
        if isinstance(answer, DayAnswer):
            break
        await asyncio.sleep(0.5)
    assert isinstance(answer, DayAnswer)
    await take(broker, copy)
    for listed in answer.files:
        known = copy.files.get(listed.file)
        if known is None or len(known) != listed.bytes:
            sent = await ask(broker, AskFile(listed.file))
            assert isinstance(sent, FileAnswer)
            assert sent.sent, sent.why
    await take(broker, copy)


@pytest.mark.faults
@pytest.mark.timeout(1200)
async def test_whatever_is_killed_everything_arrives(nats_server: NatsServer, tmp_path: Path) -> None:
    chance = random.Random(5)
    root, copy = tmp_path / "data", Copy()
    shops = [Workshop(root / "binance" / "execution", "execution", symbol=symbol) for symbol in ("BTCUSDT", "ETHUSDT", "XRPUSDT")]
    victim = Victim(root, nats_server.url)
    nats_server.start()
    minute = 0
    try:
        async with connected(nats_server) as broker:
            for number in range(ROUNDS):
                victim.begin()
                for _ in range(chance.randint(1, 4)):
                    text = f"{minute // 60:02d}-{minute % 60:02d}"
                    for shop in shops:
                        start = shop.minute_ns(text)
                        ids = range(1000 * minute, 1000 * minute + chance.randint(1, 300))
                        shop.seal(text, [agg_trade(start + at, each) for at, each in enumerate(ids)], ids=ids)
                    minute += 1
                    await asyncio.sleep(chance.random() * 1.5)
                if chance.random() < 0.6:
                    victim.kill()
                if chance.random() < 0.6:
                    nats_server.kill()
                    for block in nats_server.newest_blocks(SEGMENTS.name)[-1:]:
                        if number % 2:
                            block.unlink()
                    nats_server.start()
                await eventually(lambda: broker.connected)
                copy.forgive = True
                if chance.random() < 0.5:
                    with contextlib.suppress(BrokerFault):  # a server that begins again takes a while to know its streams
                        await copy.catch_up(broker, f"reader-{number}")
            await settle(broker, victim, copy)
        assert {name: copy.files.get(name) for name in files_of(root)} == files_of(root)
    finally:
        victim.kill()
