"""An engine trades at the paper exchange as it would at a venue."""

from __future__ import annotations

from hoga.core.trading import FillUpdate, MarginCall, OrderAccepted
from hoga.trading.paper import Latency
from tests.trading.exchange import SPOT, SYMBOL, holds
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


def test_a_liquidation_is_known_to_the_engine() -> None:
    strategy = holds("1.5")
    shell = Shell(strategy, leverage=10)
    for _ in range(30):
        shell.book()
    assert shell.position() == 1_500
    strategy.wanted = None
    for step in range(70):
        shell.book(bid=600_000 - 1_000 * step, ask=600_010 - 1_000 * step)
    assert any(isinstance(each, MarginCall) for each in shell.told)
    closing = [each for each in shell.told if isinstance(each, FillUpdate)][-1]
    assert (closing.client_id.startswith("autoclose-"), closing.quantity) == (True, 1_500)
    assert shell.position() == 0
    assert shell.engine.state.rung.name != "ACTIVE"
    state = shell.engine.state
    assert [share.quantity for share in state.portfolio.shares.values()] == [0], "its strategy holds nothing any more"
    _, _, realized, fees, _ = state.portfolio.sums(SYMBOL)
    net = (realized - fees) * 10.0 ** state.rules_of[SYMBOL].money_power
    assert -1.001 * 10_000 < net < -9_900, "what the account had is gone, and no more"
    for _ in range(35):
        shell.book(bid=530_000, ask=530_010, after=1.0)
    assert float(shell.engine.state.accounts["one"].equity) < 1_000  # the account was read again


def test_two_runs_say_the_same_to_the_last_word() -> None:
    def told() -> list[object]:
        shell = Shell(holds("0.5"), leverage=5, seed=3, latency=Latency((5_000_000, 40_000_000, 90_000_000)))
        for step in range(60):
            shell.book(bid=600_000 + 7 * (step % 5), ask=600_010 + 7 * (step % 5))
        return list(shell.told)

    assert told() == told()
