"""An engine trades at the paper exchange as it would at a venue."""

from __future__ import annotations

from hoga.core.trading import FillUpdate, OrderAccepted
from tests.trading.exchange import SPOT, holds
from tests.trading.paper.shell import Shell


def test_a_target_is_met_at_the_touch_and_the_account_agrees() -> None:
    strategy = holds("0.5")
    shell = Shell(strategy, leverage=5)
    for _ in range(30):
        shell.book()
    assert shell.engine.running
    assert shell.position() == 500
    fills = [each for each in shell.told if isinstance(each, FillUpdate)]
    assert [(each.price, each.quantity, each.maker) for each in fills] == [(600_010, 500, False)]
    strategy.wanted = "-0.25"
    for _ in range(400):
        shell.book()
    assert shell.position() == -250
    assert shell.engine.state.rung.name == "ACTIVE"
    held = shell.engine.state.accounts["one"].held
    assert [each.quantity for each in held.values()] == [-250]


def test_spot_takes_its_fee_of_what_is_bought() -> None:
    strategy = holds("0.1")
    shell = Shell(strategy, able=SPOT, balance="100000")
    for _ in range(400):
        shell.book()
    accepted = [each for each in shell.told if isinstance(each, OrderAccepted)]
    assert [(each.fee, each.fee_currency) for each in accepted[0].fills] == [("0.0001", "BTC")]
    told = {each.currency: each for each in shell.engine.state.accounts["one"].balances.values()}
    assert told["BTC"].free == "0.100899"  # a second order brought what the first one's fee took, less its own
    assert shell.engine.state.rung.name == "ACTIVE"
