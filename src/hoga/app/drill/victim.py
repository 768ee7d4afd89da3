"""app.drill.victim: a trader in a process of its own. It dies by its own hand where it is told to, or ends when it holds what it shall."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from hoga.app.config import load_config
from hoga.app.drill import strategies
from hoga.app.drill.cases import DeathPoint
from hoga.app.drill.judge import NEAR
from hoga.app.trader.trader import Trader
from hoga.app.trader.trading import plan_trade, trade
from hoga.audit.log import AuditLogger
from hoga.core.errors import HogaError
from hoga.core.trading import PositionSide, Rung
from hoga.runtime.loop import run
from hoga.trading.strategy import Params

__all__ = ["END_FILE", "LOG_FILE", "Orders", "live"]

END_FILE = "end.json"
"""What the trader came to, in its data folder."""
LOG_FILE = "trader.log"
_LOOK_S = 0.1


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a trader in a process of its own is told.

    It trades `size` of `symbol`, which has its venue before it; `hedge`: of its long position, and half of it of its short one.
    `environment`: where its exchange is. `death`: where it dies.
    `until_held`: it wants `size`, and ends when it holds that and nothing is open any more. `seconds`: it ends then at the latest.
    """

    data: str
    environment: Mapping[str, str]
    symbol: str
    size: str
    seconds: float
    death: DeathPoint | None = None
    until_held: bool = False
    hedge: bool = False

    @property
    def wanted(self) -> dict[PositionSide, Decimal]:
        """What it holds in the end, by position."""
        size = Decimal(self.size)
        return {PositionSide.LONG: size, PositionSide.SHORT: -size / 2} if self.hedge else {PositionSide.BOTH: size}


class _Mortal(AuditLogger):
    """A journal at one record of which the process is killed."""

    death: DeathPoint
    count = 0

    def append(self, kind: str, fields: Mapping[str, object] | msgspec.Struct, t: int | None = None) -> bool:
        self.count += kind == self.death.kind
        dies = kind == self.death.kind and self.count == self.death.nth
        if dies and self.death.before:
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().append(kind, fields, t)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def live(orders: Orders) -> None:
    """Be that trader; what it says goes into its folder."""
    data = Path(orders.data)
    data.mkdir(parents=True, exist_ok=True)
    with (data / LOG_FILE).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        _trade(orders, data)
    except HogaError as fault:
        (data / LOG_FILE).write_text(f"{fault}\n", encoding="utf-8")
        raise SystemExit(1) from None


def _trade(orders: Orders, data: Path) -> None:
    config = load_config(None, overrides=["POSITION_MODE=hedge"] if orders.hedge else [], environ=orders.environment, data_dir=data)
    plan = plan_trade(config, f"{strategies.__file__}:{strategies.Drilled.__name__}", (orders.symbol,))
    for _, instance in plan.strategies:
        instance.p = Params({"size": orders.size, "turns": not orders.until_held, "hedge": orders.hedge})
    watch: list[asyncio.Task[None]] = []

    def ready(trader: Trader) -> None:
        if orders.until_held:
            watch.append(asyncio.get_running_loop().create_task(_until_held(trader, orders), name="drill watch"))

    def journal_of(*args: object, **named: object) -> AuditLogger:
        if orders.death is None:
            return AuditLogger(*args, **named)  # type: ignore[arg-type]  # as it is called with
        mortal = _Mortal(*args, **named)  # type: ignore[arg-type]
        mortal.death = orders.death
        return mortal

    end = run(trade(config, plan, mode="live", seconds=orders.seconds, on_ready=ready, journal_of=journal_of))
    (data / END_FILE).write_bytes(msgspec.json.encode(end))


async def _until_held(trader: Trader, orders: Orders) -> None:
    state, size = trader.engine.state, Decimal(orders.size)
    power = state.rules_of[orders.symbol].size_power
    while True:
        await asyncio.sleep(_LOOK_S)
        held = {leg: Decimal(state.portfolio.position(orders.symbol, leg)).scaleb(power) for leg in orders.wanted}
        met = all(abs(held[leg] - wanted) <= size * NEAR for leg, wanted in orders.wanted.items())
        if met and not state.orders.working() and state.rung is Rung.ACTIVE:
            os.kill(os.getpid(), signal.SIGTERM)
            return
