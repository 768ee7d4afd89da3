"""app.trader.line: the order line of an account as configured: the venue's WebSocket API where it has one, else kept HTTP connections."""

from __future__ import annotations

import random
from collections.abc import Callable

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import feed_config, tls_of
from hoga.core.secret import Credentials
from hoga.net.budgets import connect_budget
from hoga.net.line import Answered, OrderLine
from hoga.net.line_http import HttpLine, HttpLineConfig
from hoga.net.line_ws import WsLine, WsLineConfig
from hoga.net.rest import RestClient
from hoga.venues.endpoints import VENUE_DEFAULTS
from hoga.venues.registry import VENUES
from hoga.venues.request import Signer

__all__ = ["make_line"]


def _belong_together(config: VenueConfig) -> bool:
    """Whether orders over the WebSocket API go where REST goes: never to the venue itself because one key was left as it is."""
    usual = VENUE_DEFAULTS[config.venue]
    return (config.ws_api_url == usual.ws_api_url) == (config.rest_url == usual.rest_url)


def make_line(
    config: VenueConfig,
    credentials: Credentials,
    *,
    rest: RestClient,
    sign: Signer,
    answered: Answered,
    moved: Callable[[bool, str], object],
    answer_s: float = 2.0,
) -> OrderLine:
    """`rest`: whose limits and venue's time the line shares. Raises ValueError for keys that cannot be signed with."""
    spec, feed, name = VENUES[config.venue], feed_config(config, ""), f"{config.venue}-orders"
    if spec.talk is not None and config.ws_api_url is not None and _belong_together(config):
        return WsLine(
            name,
            WsLineConfig(url=config.ws_api_url, ports=feed.ports, backoff=feed.backoff, answer_s=answer_s, replace_after_s=feed.rollover_s),
            spec.talk(credentials),
            answered,
            credentials=credentials,
            lanes=rest.lanes,
            venue_clock=rest.venue_clock,
            is_late=spec.rest.is_late,
            connect_budget=connect_budget(spec, config.ws_api_url),
            tls=tls_of(config),
            jitter=random.random,
            moved=moved,
            clock=rest.clock,
        )
    return HttpLine(
        name,
        HttpLineConfig(url=config.rest_url, backoff=feed.backoff, answer_s=answer_s),
        sign,
        answered,
        lanes=rest.lanes,
        venue_clock=rest.venue_clock,
        is_late=spec.rest.is_late,
        usage=spec.rest.usage,
        dates=spec.rest.time is None,
        tls=tls_of(config),
        jitter=random.random,
        moved=moved,
        clock=rest.clock,
    )
