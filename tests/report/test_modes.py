"""A run of each mode leaves its report, and the report's figures are the run's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from hoga.app.report import Report, read_report
from hoga.app.trader.trading import TradeEnd
from hoga.cli.main import main
from hoga.cli.report import end_run
from hoga.trading.told import figures
from tests.trading.live import live
from tests.trading.recorded import START_NS, Market, strategy
from tests.waiting import eventually


def agrees(found: Report, end: TradeEnd) -> None:
    """What the journal says is what the engine has."""
    flat = figures(found.outcome)
    assert found.proof.ok, found.proof.problems
    assert (flat["orders_sent"], flat["fills"]) == (end.orders, end.fills)
    assert flat["currency"] == end.pnl_currency
    assert Decimal(str(flat["net"])) == Decimal(end.pnl)
    assert found.outcome.verdict == end.verdict
    assert found.outcome.about["mode"] == end.mode
    assert found.outcome.held == end.held


def test_a_backtest_leaves_its_report_and_a_table_of_eighty_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Market().walk(START_NS, 120).keep(tmp_path)
    wanted = ["trade", str(strategy(tmp_path)), "--mode", "backtest", "--data", str(tmp_path)]
    assert main([*wanted, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = Path(told["report"])
    assert page == Path(told["journal"]) / "report.html"
    assert "backtest · grade books" in page.read_text(encoding="utf-8")
    found = read_report(Path(told["journal"]))
    agrees(
        found,
        TradeEnd(
            **{
                name: told[name]
                for name in ("ok", "mode", "orders", "fills", "pnl", "pnl_currency", "verdict", "journal", "incident", "held")
            }
        ),
    )
    assert json.loads(json.dumps(figures(found.outcome))) == told["figures"]
    assert found.outcome.latency == {}, "a backtest measures no time"
    assert main(wanted) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"report: {page}"
    assert "FEES" in lines[0]
    assert max(map(len, lines[:-2])) <= 80


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_what_a_trader_came_to_is_what_its_journal_says(tmp_path: Path, mode: str) -> None:
    async with live(tmp_path, wanted="0.01", mode=mode) as it:
        await it.holds("0.01")
        it.strategy.wanted = 0
        await it.holds("0")
        it.strategy.wanted = "0.02"
        await it.holds("0.02")
        await eventually(lambda: it.engine.state.portfolio.sums(it.symbol)[3] > 0, why=lambda: "no fee")
        end = await it.stop()
    found = read_report(tmp_path, last=True)
    agrees(found, end)
    whole = found.outcome
    assert whole.money[0].start is not None
    assert whole.trips_in_all == 1
    assert {"decide", "write", "ack"} <= set(whole.latency)
    (one,) = whole.symbols
    assert one.taken.fills == end.fills
    assert one.taken.bp is not None
    assert whole.execution["at-market"].whole == 3
    assert [each.side for each in one.fill_marks][:1] == ["B"]


async def test_a_second_start_is_reported_on_its_own_and_together_with_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with live(tmp_path, wanted="0.01") as it:
        await it.holds("0.01")
        first = await it.stop()
        assert end_run(first, as_json=False, verdict=lambda end: None) == 0
        assert "since the journal began" not in capsys.readouterr().out
        await it.begin("0")
        await it.holds("0")
        second = await it.stop()
    last, both = read_report(tmp_path, last=True).outcome, read_report(tmp_path).outcome
    assert (last.fills, both.fills) == (second.fills, first.fills + second.fills)
    assert (last.lives, both.lives) == (1, 2)
    assert end_run(second, as_json=False, verdict=lambda end: None) == 0
    assert "since the journal began" in capsys.readouterr().out
    late, whole = (Decimal(each.money[0].net) for each in (last, both))
    assert whole == Decimal(second.pnl), "what the trader tells is since its journal began"
    moved = whole - late - Decimal(first.pnl)
    assert abs(moved) < Decimal("5"), "what the price did between the two is in neither, and little"
