"""TESTNET: its endpoints and keys, and never an order at the venue itself."""

from __future__ import annotations

import pytest

from hoga.app.config import load_config
from hoga.app.trader.testnet import on_testnet, require_testnet
from hoga.core.errors import ConfigError
from hoga.core.secret import Secret
from hoga.venues.endpoints import VENUE_DEFAULTS

KEYS = {"HOGA_BINANCE__API_KEY": "real", "HOGA_BINANCE__API_SECRET": "real-secret", "HOGA_BINANCE__TESTNET_API_KEY": "test"}


def test_without_it_nothing_changes() -> None:
    config = load_config(None, overrides=[], environ=KEYS)
    assert on_testnet(config) == config


@pytest.mark.parametrize("venue", [name for name, each in VENUE_DEFAULTS.items() if each.testnet is not None])
def test_every_endpoint_is_the_test_network_s(venue: str) -> None:
    config = on_testnet(load_config(None, overrides=[f"{venue}.TESTNET=1"], environ={})).venue(venue)
    usual = VENUE_DEFAULTS[venue]
    assert usual.testnet is not None
    found = (config.ws_url, config.rest_url, config.ws_api_url, config.ws_private_url)
    assert found == (usual.testnet.ws_url, usual.testnet.rest_url, usual.testnet.ws_api_url, usual.testnet.ws_private_url)
    assert not {"api.binance.com", "fapi.binance.com", "fstream.binance.com", "ws-api.binance.com"} & {
        url.partition("//")[2].partition(":")[0] for url in found if url
    }
    require_testnet(config)


def test_an_endpoint_that_was_set_stays_and_keys_of_its_own_go_before() -> None:
    settings = ["binance.TESTNET=1", "binance.REST_URL=http://127.0.0.1:8080"]
    config = on_testnet(load_config(None, overrides=settings, environ=KEYS)).venue("binance")
    assert config.rest_url == "http://127.0.0.1:8080"
    assert config.ws_url == "wss://stream.testnet.binance.vision"
    assert (config.api_key, config.api_secret) == (Secret("test"), Secret("")), "a secret of the real account is not mixed with it"
    shared = {name: value for name, value in KEYS.items() if "TESTNET" not in name}
    config = on_testnet(load_config(None, overrides=settings, environ=shared)).venue("binance")
    assert (config.api_key, config.api_secret) == (Secret("real"), Secret("real-secret"))


def test_a_venue_without_a_test_network_is_refused_with_it() -> None:
    config = on_testnet(load_config(None, overrides=["upbit.TESTNET=1"], environ={})).venue("upbit")
    with pytest.raises(ConfigError, match="upbit has no test network"):
        require_testnet(config)
    simulated = ["upbit.TESTNET=1", "upbit.REST_URL=http://127.0.0.1:8080"]
    require_testnet(on_testnet(load_config(None, overrides=simulated, environ={})).venue("upbit"))
