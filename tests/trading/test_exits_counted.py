"""What an emergency exit traded is counted at the start after it, once, however many trades and starts come later."""

from __future__ import annotations

from pathlib import Path

from hoga.app.trader.restore import exit_fills, restored
from hoga.audit.log import AuditLogger
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovery
from hoga.core.trading import TRADES_KEPT, PositionSide
from hoga.trading.engine import Restored
from hoga.trading.portfolio import Share
from tests.trading.exchange import SYMBOL, T0, Exchange, holds

CONFIG = {"sym": SYMBOL, "pp": -1, "sp": -3}
HELD, FLAT = [10, 6_000_000, 0, 0, 0], [0, 0, 0, 0, 0]


def trade(number: int, side: str, share: list[int], client_id: str) -> dict[str, object]:
    return {"id": client_id, "sym": SYMBOL, "tid": str(number), "side": side, "q": 10, "p": 600_000, "st": "Holds/one:BTCUSDT",
            "share": share, "day": [0, 0, 0], "ps": "both"}  # fmt: skip


def test_an_old_exits_trades_are_no_news_after_ten_thousand_others(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with AuditLogger(journal) as log:
        log.append("config", CONFIG)
        log.append("order.fill", trade(1, "B", HELD, "hg-1-1-1"))
        log.append("order.fill", trade(2, "S", FLAT, "hg-x1-1"))
        for number in range(3, TRADES_KEPT + 4):
            log.append("order.fill", trade(number, "B" if number % 2 else "S", HELD if number % 2 else FLAT, f"hg-2-1-{number}"))
    with AuditLogger(journal / "exit", what="exit") as log:
        log.append("config", CONFIG)
        log.append("emergency.trade", trade(2, "S", [], "hg-x1-1"))
        log.append("emergency.trade", trade(90_000, "S", [], "hg-x2-1"))
    recovery = Recovery()
    for record in Walk(journal).records():
        recovery.feed(record)
    found = recovery.result()
    there = Exchange(holds(), start=False)
    fills = exit_fills(journal, there.now, there.rules, found.exits)
    assert [fill.trade_id for fill in fills] == ["90000"], "only the trade of the newest exit is not counted yet"
    there.engine.restore(restored(found), there.now, fills=fills)
    there.begin()
    assert [each.fields["tid"] for each in there.records("order.fill")] == ["90000"]
    assert there.position() == 0


def test_a_trade_that_closed_what_two_strategies_held_is_in_the_journal_in_parts(tmp_path: Path) -> None:
    there = Exchange(holds(), start=False)
    shares = [Share(symbol=SYMBOL, strategy=name, side=PositionSide.BOTH, quantity=5, cost=2_000_000) for name in ("one", "other")]
    with AuditLogger(tmp_path / "exit", what="exit") as log:
        log.append("emergency.trade", trade(2, "S", [], "hg-x1-1"))
    fills = exit_fills(tmp_path, T0, there.rules, {})
    there.engine.restore(Restored(orders=[], shares=shares, trades={}, days={}, powers={}, since_ns=T0), T0, fills=fills)
    there.begin()
    with AuditLogger(tmp_path) as log:
        log.append("config", CONFIG)
        for each in there.records("order.fill"):
            log.append(each.kind, each.fields)
    recovery = Recovery()
    for record in Walk(tmp_path).records():
        recovery.feed(record)
    found = recovery.result()
    assert [share[0] for share in found.shares.values()] == [0] * len(found.shares)
    assert {key[2] for key in found.shares} == {"one", "other"}
