"""trading.making: everything that an engine is made of, as one value that the journal keeps, and the engine made of it. Pure.

A trader and the proof of what it decided make their engines here, of the same value; what is not in it cannot matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hoga.core.times import SECOND_NS
from hoga.core.trading import Capabilities, FillUpdate, Rules
from hoga.trading.engine import Engine, Restored, Settings
from hoga.trading.limits import Limits
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Cause, Ladder, Latch
from hoga.trading.strategy import Strategy

__all__ = ["BEGIN", "Making", "make_engine", "making_of"]

BEGIN = "begin"
"""The kind of its record."""


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is made of, besides its strategies and what the journal proves of earlier lives.

    `version`: of hoga. `strategy`: the class; `symbols`: those that were asked for in place of its own; `given`: parameters in place of its
    own, by symbol; `keys`: of the instances. `latched`: where the ladder stood; `quarantined`: what is wrong with the journal, "": nothing.
    `upkeep_ns`, `waits_for_data`: see `engine.Settings`.
    """

    version: str
    mode: str
    now_ns: int
    trader: str
    boot: int
    flatten_on_stop: bool
    on_fault: str
    limits: dict[str, Limits]
    rules: dict[str, Rules]
    capabilities: dict[str, Capabilities]
    strategy: str
    symbols: tuple[str, ...]
    given: dict[str, dict[str, str]]
    keys: tuple[str, ...]
    latched: Latch | None = None
    found_fills: tuple[FillUpdate, ...] = ()
    quarantined: str = ""
    upkeep_ns: int = SECOND_NS
    waits_for_data: bool = False


def making_of(fields: Mapping[str, Any]) -> Making:
    """The value that a record `begin` holds. Raises ValueError."""
    try:
        return msgspec.convert(fields, Making)
    except msgspec.ValidationError as fault:
        raise ValueError(f"what the engine was made of cannot be read: {fault}") from None


def make_engine(making: Making, strategies: list[tuple[str, Strategy]], restored: Restored) -> Engine:
    """The engine, as it stands before its first event."""
    ladder, limits = Ladder(on_fault=making.on_fault), dict(making.limits)
    if making.latched is not None:
        ladder.restore(making.latched)
    engine = Engine(
        Settings(
            trader=making.trader,
            boot=making.boot,
            limits=limits,
            flatten_on_stop=making.flatten_on_stop,
            upkeep_ns=making.upkeep_ns,
            waits_for_data=making.waits_for_data,
        ),
        rules={symbol: making.rules[symbol] for symbol in limits},
        capabilities=making.capabilities,
        gate=RiskGate(limits.get),
        ladder=ladder,
        strategies=strategies,
    )
    other = engine.restore(restored, making.now_ns, fills=list(making.found_fills))
    if other:
        detail = f"{', '.join(other)}: the journal counts in other steps than the venue does now"
        ladder.begin(Cause.SETTINGS, making.now_ns, detail=detail)
    if making.quarantined:
        ladder.begin(Cause.LOG_QUARANTINED, making.now_ns, detail=making.quarantined)
    return engine
