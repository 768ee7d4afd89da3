"""app.trader.gateway: a gateway to one account as configured: its REST calls, its keys, and the wire of its stream."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.private import private_wire, require_order_keys
from hoga.app.trader.line import make_line
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.feed.private_wire import nonce
from hoga.gateway import Gateway, GatewayConfig
from hoga.net.budgets import TRADER
from hoga.net.line import Answered, OrderLine
from hoga.trading.ports import Deliver
from hoga.venues.orders import RuleBook
from hoga.venues.registry import VENUES

__all__ = ["make_gateway"]


def make_gateway(
    config: VenueConfig,
    settings: GatewayConfig,
    deliver: Deliver,
    *,
    gate: Callable[[], bool] = lambda: True,
    healthy: Callable[[], bool] = lambda: False,
    book: RuleBook | None = None,
) -> Gateway:
    """The account of the configured keys. `book`: rules that were read a moment ago.

    Raises ConfigError for keys that cannot be used, and for a venue that takes no orders.
    """
    spec, wire = VENUES[config.venue], private_wire(config, "trading-")
    if spec.orders is None or spec.private is None or wire is None:
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "MODE", "live", "a venue that takes orders")])
    credentials = require_order_keys(config)
    sign = spec.private.signer(credentials, nonce)
    if spec.orders.capabilities.dead_man_s and not settings.dead_man_s:
        settings = msgspec.structs.replace(settings, dead_man_s=spec.orders.capabilities.dead_man_s)
    rest = rest_of(config, TRADER)

    def line(answered: Answered, moved: Callable[[bool, str], object]) -> OrderLine:
        return make_line(config, credentials, rest=rest, sign=sign, answered=answered, moved=moved, answer_s=settings.answer_s)

    return Gateway(spec, settings, rest=rest, sign=sign, deliver=deliver, stream=wire, gate=gate, healthy=healthy, line=line, book=book)
