"""What each room is given: the table's defaults are the rooms' own, in the rooms' own units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.app.config import load_config
from hoga.app.config.keys import KEYS, Fill
from hoga.app.config.rooms import dashboard_config, feed_config, filled, private_config, recorder_config, rest_of, sealing_config
from hoga.app.config.values import read_value
from hoga.venues.endpoints import VENUE_DEFAULTS

FILLS = [(key, fill) for key in KEYS for fill in key.fills]


def field_of(fill: Fill) -> Any:
    (found,) = (each for each in msgspec.structs.fields(fill.room) if each.name == fill.field)
    return found


@pytest.mark.parametrize(("key", "fill"), FILLS, ids=lambda each: each.name if hasattr(each, "name") else each.field)
def test_a_default_is_the_rooms_own_and_stands_there_only(key: Any, fill: Fill) -> None:
    """The text of the table, read and turned into the room's unit, is what the struct holds by itself. Or it is the venue's."""
    own = field_of(fill).default
    if key.default is None:
        assert hasattr(VENUE_DEFAULTS["binance"], key.field)
        assert not own
        return
    if fill == key.fills[0]:
        assert own is not msgspec.NODEFAULT
    if own is not msgspec.NODEFAULT:
        assert fill.value(read_value(key, key.default)) == own
        assert type(fill.value(read_value(key, key.default))) is type(own)


def test_no_two_keys_fill_one_field() -> None:
    assert len({(fill.room, fill.field) for _, fill in FILLS}) == len(FILLS)


def test_units_become_the_rooms_own() -> None:
    overrides = ["FSYNC_INTERVAL_MS=250", "DISK_RESERVE_MB=3", "PORT_CYCLING_PERIOD_HRS=1.5", "BASE_BACKOFF=7", "LATENCY_GATE=mark"]
    config = load_config(None, overrides=overrides, environ={})
    venue = config.venue("binance")
    recorder, feed = recorder_config(venue, {"orderbook": Path("x")}), feed_config(venue, "label-")
    assert (recorder.fsync_interval_s, recorder.disk_reserve_bytes, recorder.latency.gate) == (0.25, 3 << 20, "mark")
    assert (feed.rollover_s, feed.backoff.base_s, feed.label) == (5400.0, 7.0, "label-")
    private = private_config(venue, "ws://x")
    assert (private.backoff, private.rejects.base_s, private.ping_interval_s) == (feed.backoff, 7.0, 15.0)
    assert sealing_config(venue, {"a": Path("y"), "b": Path("y")}).directories == [Path("y")]
    assert dashboard_config(config.program, None).folder == "data"


def test_every_field_that_is_filled_exists() -> None:
    config = load_config(None, overrides=[], environ={}).venue("binance")
    for room in {fill.room for _, fill in FILLS}:
        names = {each.name for each in msgspec.structs.fields(room)}
        assert set(filled(room, config)) <= names


def test_the_longest_that_a_request_may_take_is_as_configured() -> None:
    one, other = (load_config(None, overrides=[f"TIMEOUT={each}"], environ={}).venue("binance") for each in (3, 4))
    assert rest_of(one) is rest_of(one)
    assert rest_of(one) is not rest_of(other)
    assert rest_of(one).timeout_s == 3.0
