"""simulator: a wire-compatible exchange that misbehaves on command.

`async with Simulator(SimulatorConfig(...)) as sim:` gives `sim.ws_url`, `sim.rest_url`, `sim.status()` and
`sim.inject(Fault(...))`. The market comes from a seeded matching engine or from replayed captures. Nothing here is
shared with the client side: a mistake made on both ends could hide.
"""

from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.config import HistoryConfig, RestLimits, SimulatorConfig
from hoga.simulator.engine.instruments import KNOWN_SYMBOLS
from hoga.simulator.faults import Fault, FaultKind, FileDefect
from hoga.simulator.seen import Does, OrderSeen
from hoga.simulator.simulator import VENUES, Simulator

__all__ = [
    "KNOWN_SYMBOLS",
    "VENUES",
    "Does",
    "Fault",
    "FaultKind",
    "FileDefect",
    "HistoryConfig",
    "Limits",
    "OrderSeen",
    "RestLimits",
    "Simulator",
    "SimulatorConfig",
]
