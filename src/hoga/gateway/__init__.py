"""gateway: one account at one venue, as whoever trades there sees it: orders out, what came of them in, listings, settings, the clock."""

from hoga.gateway.config import GatewayConfig
from hoga.gateway.gateway import Gateway

__all__ = ["Gateway", "GatewayConfig"]
