"""simulator.binance.spot: Binance spot, described. Source: protocol sheet 1.1, 1.2 and 4.2."""

from __future__ import annotations

from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.history import HistoryProduct
from hoga.simulator.binance.order_count import OrderWindow
from hoga.simulator.binance.payloads import SpotPrinter
from hoga.simulator.binance.publisher import Publisher
from hoga.simulator.binance.rest import SPOT_ENDPOINTS
from hoga.simulator.binance.session import SPOT_NAME_RULES
from hoga.simulator.binance.spot_private import SpotPrivate
from hoga.simulator.binance.venue import BinanceVenue, Product, Wanted, split_streams
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.engine import instrument_of
from hoga.simulator.faults import FaultDesk
from hoga.simulator.replay.timeline import Timeline

__all__ = ["SPOT", "binance_spot"]


def _wanted(path: str, query: str) -> Wanted | None:
    found = split_streams(path, query)
    return None if found is None else Wanted(*found, SPOT_NAME_RULES)


SPOT = Product(
    name="binance",
    limits=Limits(),
    weight_per_minute=6_000,
    order_windows=(OrderWindow("10S", 10, 100), OrderWindow("1D", 86_400, 200_000)),
    describe=instrument_of,
    speeds=(100, 1_000),
    publisher=Publisher,
    endpoints=SPOT_ENDPOINTS,
    prefix="/api",
    paths=("/api", "/sapi", "/stream", "/ws", "/ws-api"),
    private=SpotPrivate,
    wanted=_wanted,
    announces_shutdown=True,
    history=HistoryProduct(market="data/spot", printer=SpotPrinter, micros=True, headers=False, best_match=True),
)


def binance_spot(config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Timeline | None) -> BinanceVenue:
    """Binance spot. `capture` None lets the seeded engine make the market."""
    return BinanceVenue(SPOT, config, clock=clock, desk=desk, capture=capture)
