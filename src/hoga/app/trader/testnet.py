"""app.trader.testnet: a configuration as it holds at the venues' test networks, for whatever gives orders."""

from __future__ import annotations

import msgspec

from hoga.app.config import Config, VenueConfig
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.venues.endpoints import VENUE_DEFAULTS

__all__ = ["on_testnet", "require_testnet"]

_ENDPOINTS = ("ws_url", "rest_url", "ws_api_url", "ws_private_url")


def on_testnet(config: Config) -> Config:
    """The same with the test network's endpoints and keys for each venue whose TESTNET is on; endpoints that were set otherwise stay."""
    return config.with_venues({name: _at_testnet(config.venue(name)) for name in VENUE_DEFAULTS})


def _at_testnet(config: VenueConfig) -> VenueConfig:
    defaults = VENUE_DEFAULTS[config.venue]
    if not config.testnet or defaults.testnet is None:
        return config
    urls = {name: getattr(defaults.testnet, name) for name in _ENDPOINTS if getattr(config, name) in (None, getattr(defaults, name))}
    if not config.testnet_api_key:
        return msgspec.structs.replace(config, **urls)
    secret = config.testnet_api_secret
    file = None if secret else config.private_key_file
    return msgspec.structs.replace(config, api_key=config.testnet_api_key, api_secret=secret, private_key_file=file, **urls)


def require_testnet(config: VenueConfig) -> None:
    """Raises ConfigError where TESTNET is on and orders would go to the venue itself all the same."""
    if config.testnet and config.rest_url == VENUE_DEFAULTS[config.venue].rest_url:
        plain = f"{config.venue} has no test network: TESTNET needs REST_URL, WS_URL and WS_PRIVATE_URL of a simulator"
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "TESTNET", "1", "0", plain=plain)])
