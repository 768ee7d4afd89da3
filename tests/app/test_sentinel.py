"""The sentinel in its own process: a trader that is stopped or killed is ended, known to be dead, and its positions are left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from hoga.app.config import VenueConfig, load_config
from hoga.app.private import credentials_of
from hoga.app.trader.sentinel import Charge, Heart
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.holding import is_held
from hoga.audit.latch import Latch
from hoga.core.market import Side
from hoga.core.trading import OrderAccepted, OrderKind, OrderRequest, PositionsRead, Rung
from hoga.feed.private_wire import nonce
from hoga.flatten.account import ExitAccount
from hoga.flatten.watching import Heartbeat, Patience
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.waiting import eventually

VENUE = "binance-usdm"
SYMBOL = f"{VENUE}:BTCUSDT"
PATIENCE = Patience(tell_s=1.0, term_s=1.5, kill_s=2.5, leave_s=3.0)

TRADER = """
import sys, time
from pathlib import Path
from hoga.audit.log import AuditLogger
with AuditLogger(Path(sys.argv[1])) as log:
    log.append("config", {"sym": sys.argv[2], "pp": -1, "sp": -3})
    log.append("order.intent", {"id": "hg-1-1-1", "sym": sys.argv[2], "side": "B", "q": 10})
    log.append("order.fill", {"id": "hg-1-1-1", "sym": sys.argv[2], "side": "B", "q": 10, "p": 1, "tid": "1"})
    print("ready", flush=True)
    time.sleep(600)
"""
"""Holds the folder as a trader does, and its journal proves a position."""


class Scene(NamedTuple):
    data: Path
    account: ExitAccount
    config: VenueConfig
    trader: subprocess.Popen[str]

    @property
    def journal(self) -> Path:
        return self.data / JOURNAL_FOLDER

    def heart(self) -> Heart:
        charge = Charge(pid=self.trader.pid, data=self.data, configs=(self.config,), symbols={VENUE: (SYMBOL,)}, patience=PATIENCE)
        return Heart(charge)

    async def held(self) -> int:
        read = await self.account.positions()
        assert isinstance(read, PositionsRead)
        return sum(each.quantity for each in read.positions)


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with Simulator(SimulatorConfig(venues=(VENUE,), symbols=("BTCUSDT",), seed=3)) as simulator:
        config = load_config(None, overrides=[], environ=simulator.environment(), data_dir=tmp_path).venue(VENUE)
        spec = VENUES[VENUE]
        assert spec.private is not None
        account = ExitAccount(spec, config.rest_url, spec.private.signer(credentials_of(config), nonce), tls=None, jitter=lambda: 0.0)
        await account.open()
        await account.learn_rules()
        quantity = account.book.of("BTCUSDT").quantity(Decimal("0.010"))
        order = OrderRequest(client_id="hg-1-1-1", symbol=SYMBOL, side=Side.BUY, kind=OrderKind.MARKET, quantity=quantity)
        assert isinstance(await account.send(order), OrderAccepted)
        words = [sys.executable, "-c", TRADER, str(tmp_path / JOURNAL_FOLDER), SYMBOL]
        trader = await asyncio.to_thread(subprocess.Popen, words, stdout=subprocess.PIPE, text=True)
        try:
            assert trader.stdout is not None
            assert await asyncio.to_thread(trader.stdout.readline) == "ready\n"
            yield Scene(tmp_path, account, config, trader)
        finally:
            trader.kill()
            await asyncio.to_thread(trader.wait)
            if trader.stdout is not None:
                trader.stdout.close()
            await account.close()


async def test_a_sentinel_that_takes_its_time_to_end_is_left_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.app.trader.sentinel._END_S", 0.0)
    async with scene(tmp_path) as it:
        heart = it.heart()
        heart.stop(ends=True)
        assert heart._process.returncode is not None, "Python warns of a process that nobody has waited for"


async def over(heart: Heart) -> None:
    await eventually(lambda: not heart.is_alive, why="the sentinel has not ended")
    with contextlib.suppress(OSError):
        heart._pipe.close()


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "killed"])
async def test_a_trader_that_gives_no_sign_of_life_is_ended_and_left_flat(tmp_path: Path, stopped: bool) -> None:
    async with scene(tmp_path) as made:
        heart = made.heart()
        heart.say(Heartbeat(seq=1, reconciled=True, exposed=True))
        made.trader.send_signal(signal.SIGSTOP if stopped else signal.SIGKILL)
        if not stopped:
            heart._pipe.close()  # its end of the pipe went with it
        await over(heart)
        assert await asyncio.to_thread(made.trader.wait) == -signal.SIGKILL
        assert not is_held(made.journal)
        assert await made.held() == 0
        with Latch(made.journal) as latch:
            assert latch.rung is Rung.FLATTEN
            assert latch.state().incident


async def test_a_trader_that_ends_in_good_order_is_let_go_with_its_positions(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        heart = made.heart()
        heart.say(Heartbeat(seq=1, reconciled=True, exposed=True))
        began = time.monotonic()
        await asyncio.to_thread(heart.stop, ends=True)
        await over(heart)
        assert time.monotonic() - began < 30
        assert await made.held() == 10


async def test_a_sentinel_that_is_killed_is_followed_by_another(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        heart = made.heart()
        first = heart.pid
        heart.start(lambda seq, lag_s: Heartbeat(seq=seq, reconciled=True, lag_s=lag_s))
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: heart.pid != first and heart.is_alive)
        heart.stop(ends=True)
        await over(heart)
        assert await made.held() == 10


async def test_another_trader_in_the_folder_has_a_sentinel_of_its_own(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        heart = made.heart()
        heart.say(Heartbeat(seq=1, reconciled=True, exposed=True))
        heart._pipe.close()
        made.trader.send_signal(signal.SIGKILL)
        await asyncio.to_thread(made.trader.wait)
        words = [sys.executable, "-c", TRADER, str(made.journal), SYMBOL]
        other = await asyncio.to_thread(subprocess.Popen, words, stdout=subprocess.DEVNULL)
        try:
            await over(heart)
            assert await made.held() == 10
            os.kill(other.pid, 0)
        finally:
            other.kill()
            await asyncio.to_thread(other.wait)
