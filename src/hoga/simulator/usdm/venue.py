"""simulator.usdm.venue: Binance USDⓈ-M futures, described.

Every connection belongs to a route. A stream of another route is acked and silent; a path without a route still
connects, acks everything and delivers what `/public` has. Source: protocol sheet 2.1 and 2.2.
"""

from __future__ import annotations

from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.binance.history import HistoryProduct
from hoga.simulator.binance.names import is_well_formed
from hoga.simulator.binance.order_count import OrderWindow
from hoga.simulator.binance.session import NameRules, futures_id_ok
from hoga.simulator.binance.venue import BinanceVenue, Product, Wanted, split_streams
from hoga.simulator.clock import SimClock
from hoga.simulator.config import SimulatorConfig
from hoga.simulator.faults import FaultDesk
from hoga.simulator.replay.timeline import Timeline
from hoga.simulator.usdm.instruments import contract_of
from hoga.simulator.usdm.names import SPEEDS_MS, route_of
from hoga.simulator.usdm.payloads import ContractPrinter
from hoga.simulator.usdm.private import FuturesPrivate, listen_streams
from hoga.simulator.usdm.publisher import Publisher
from hoga.simulator.usdm.rest import USDM_ENDPOINTS

__all__ = ["FUTURES_LIMITS", "USDM", "binance_usdm"]

FUTURES_LIMITS = Limits(frames_per_s=10, ping_every_s=180.0, first_ping_s=140.0, pong_within_s=600.0)


def _name_rules(route: str) -> NameRules:
    return NameRules(
        well_formed=is_well_formed,
        serves=lambda name: route_of(name) == route,
        id_ok=futures_id_ok,
        id_rule="an unsigned integer or a string",
    )


_PRIVATE_RULES = NameRules(
    well_formed=lambda name: bool(name.strip()),
    serves=lambda name: route_of(name) is None,
    id_ok=futures_id_ok,
    id_rule="an unsigned integer or a string",
)
_NAME_RULES = {"public": _name_rules("public"), "market": _name_rules("market"), "private": _PRIVATE_RULES}


def _wanted(path: str, query: str) -> Wanted | None:
    route, _, rest = path.removeprefix("/").partition("/")
    if route in _NAME_RULES:
        path = f"/{rest}"
    else:
        route = "public"
    found = split_streams(path.rstrip("/") if route == "private" else path, query)
    if found is None:
        return None
    combined, names = found
    return Wanted(combined, [*names, *listen_streams(query)] if route == "private" else names, _NAME_RULES[route])


USDM = Product(
    name="binance-usdm",
    limits=FUTURES_LIMITS,
    weight_per_minute=2_400,
    order_windows=(OrderWindow("10S", 10, 300), OrderWindow("1M", 60, 1_200)),
    describe=contract_of,
    speeds=SPEEDS_MS,
    publisher=Publisher,
    endpoints=USDM_ENDPOINTS,
    prefix="/fapi",
    paths=("/fapi", "/public", "/market", "/private", "/ws-fapi"),
    private=FuturesPrivate,
    wanted=_wanted,
    announces_shutdown=False,
    history=HistoryProduct(market="data/futures/um", printer=ContractPrinter, micros=False, headers=True, best_match=False),
)


def binance_usdm(config: SimulatorConfig, *, clock: SimClock, desk: FaultDesk, capture: Timeline | None) -> BinanceVenue:
    """Binance USDⓈ-M futures. `capture` None lets the seeded engine make the market."""
    return BinanceVenue(USDM, config, clock=clock, desk=desk, capture=capture)
