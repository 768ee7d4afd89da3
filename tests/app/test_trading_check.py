"""What `hoga doctor` finds of keys, accounts and settings before anybody trades, against the simulator and judged by itself."""

from __future__ import annotations

from typing import Any

import pytest

from hoga.app.checks import Check, CheckState
from hoga.app.config import load_config
from hoga.app.private import require_order_keys
from hoga.app.trader.check import examine_trading, has_keys, judge_lag, judge_mode, judge_rights, judge_settings, judge_trial, stops_text
from hoga.core.errors import ConfigError
from hoga.core.times import DAY_NS
from hoga.core.trading import AccountRead, Balance, ConfigUpdate
from hoga.simulator import Simulator
from hoga.simulator.faults import Fault, FaultKind
from hoga.trading.limits import Limits
from hoga.venues.orders import KeyRights
from hoga.venues.registry import VENUES
from tests.gateway.conformance.rig import CASES, Case, simulator_of

OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED


def account(**changes: Any) -> AccountRead:
    known: dict[str, Any] = {"at_ns": 1, "venue": "v", "asked_ns": 1, "balances": (Balance(currency="USDT", free="7", locked="0"),)}
    return AccountRead(**(known | changes))


def settings(**changes: Any) -> ConfigUpdate:
    return ConfigUpdate(at_ns=1, symbol="v:X", **changes)


NOW = 100 * DAY_NS


@pytest.mark.parametrize(
    ("check", "state", "words"),
    [
        (judge_rights("v", KeyRights(can_trade=True, can_withdraw=False), now_ns=NOW), OK, "may trade, cannot withdraw"),
        (judge_rights("v", KeyRights(can_trade=True, can_withdraw=True), now_ns=NOW), FAILED, "may withdraw"),
        (judge_rights("v", KeyRights(can_trade=False), now_ns=NOW), FAILED, "may not trade"),
        (judge_rights("v", KeyRights(), now_ns=NOW), OK, "is not told here"),
        (judge_rights("v", KeyRights(expires_ns=NOW + 3 * DAY_NS), now_ns=NOW), WARNING, "over in 3 days"),
        (judge_mode("v", account(), is_of_contracts=True), OK, "one position a symbol; balances: USDT 7"),
        (judge_mode("v", account(hedge=True), is_of_contracts=True), FAILED, "hedge mode"),
        (judge_mode("v", account(can_trade=False), is_of_contracts=False), FAILED, "may not trade"),
        (judge_settings("v", "X", settings(leverage=5, margin_type="cross"), Limits()), OK, "leverage 5"),
        (judge_settings("v", "X", settings(leverage=5, margin_type="cross"), Limits(leverage=3)), WARNING, "leverage 5"),
        (judge_settings("v", "X", settings(leverage=5, margin_type="cross"), Limits(margin_type="isolated")), WARNING, "cross"),
        (judge_lag("v", 499), OK, "499 ms behind"),
        (judge_lag("v", -501), FAILED, "501 ms ahead"),
        (judge_trial("v", "X", 200, "{}"), OK, "accepted"),
        (judge_trial("v", "X", 400, '{"error":{"name":"insufficient_funds_bid"}}'), WARNING, "insufficient"),
        (judge_trial("v", "X", 503, ""), WARNING, "cannot be tried"),
        (judge_trial("v", "X", 404, "<html>"), WARNING, "cannot be tried"),
        (judge_trial("v", "X", 401, '{"code":-2015,"msg":"Invalid API-key"}'), FAILED, "-2015"),
    ],
)
def test_judges(check: Check, state: CheckState, words: str) -> None:
    assert check.state is state
    assert words in check.found
    assert (check.advice is None) == (state is OK), "what is not good says what to do"


def test_where_stops_rest_is_told() -> None:
    told = {name: stops_text(spec.orders.capabilities) for name, spec in VENUES.items() if spec.orders is not None}
    assert "hears nothing for 60 s" in told["binance-usdm"]
    assert "no dead man" in told["binance"]
    assert "the trader itself watches" in told["upbit"]


async def examined(simulator: Simulator, case: Case, **environ: str) -> list[Check]:
    config = load_config(None, overrides=[], environ=simulator.environment() | environ).venue(case.venue)
    assert has_keys(config)
    return await examine_trading(config, {case.symbol: Limits()})


@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
async def test_good_keys_may_trade_and_nothing_is_placed(case: Case) -> None:
    async with simulator_of(case) as simulator:
        checks = await examined(simulator, case)
        assert not [check for check in checks if check.state is not OK], checks
        assert any("a trial order is accepted" in check.found for check in checks)
        assert any("limits: one order" in check.found for check in checks)
        assert not [each for each in simulator.orders_seen() if each.does == "place"]


@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
async def test_bad_keys_and_a_clock_that_is_off_are_found(case: Case) -> None:
    async with simulator_of(case) as simulator:
        simulator.inject(Fault(fault=FaultKind.KEY_REVOKED))
        if case.venue == "upbit":
            simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=401, name="jwt_verification"))
        simulator.inject(Fault(fault=FaultKind.CLOCK_STEP, ms=900))
        found = {check.found for check in await examined(simulator, case) if check.state is FAILED}
        assert any("-2015" in text or "jwt" in text or "access_key" in text or "401" in text for text in found), found
        if case.venue != "upbit":
            assert any("behind" in text for text in found)


@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
async def test_what_cannot_be_found_out_proves_nothing_against_the_keys(case: Case) -> None:
    unserved = ("/fapi/v2/account", "/fapi/v1/premiumIndex", "/fapi/v1/positionSide/dual", "/sapi/*", "/api/v3/ticker/*", "*/order/test",
                "/v1/orders/test", "/v1/api_keys")  # fmt: skip
    async with simulator_of(case) as simulator:
        for path in unserved:
            simulator.inject(Fault(fault=FaultKind.REST_ERROR, paths=path, status=404))
        checks = await examined(simulator, case)
        assert not [check for check in checks if check.state is FAILED], checks
        assert [check for check in checks if check.state is WARNING]


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_without_its_secret_gives_no_orders(venue: str) -> None:
    variable = f"HOGA_{venue.upper().replace('-', '_')}__API_KEY"
    config = load_config(None, overrides=[], environ={variable: "some-key"}).venue(venue)
    assert not has_keys(config)
    with pytest.raises(ConfigError, match=rf"no keys: set {variable} and .*API_SECRET"):
        require_order_keys(config)


def test_without_keys_there_is_nothing_to_look_at() -> None:
    config = load_config(None, overrides=[], environ={})
    assert not any(has_keys(config.venue(name)) for name in VENUES)
