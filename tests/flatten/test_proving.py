"""What the journal proves to be the trader's, where orders have ended before their fills are there, and while the trader still writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hoga.audit.folder import Account
from hoga.audit.log import AuditLogger
from hoga.core.market import Side
from hoga.core.trading import AccountRead, OrderState, OrderUpdate, PositionSide, PositionsRead, ReadFailed
from hoga.flatten.exiting import ExitFolder, run_exit
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.report import ExitReport
from tests.flatten.market import SYMBOL, Jumping, Market

NOON_NS = 1_763_640_000_000_000_000
BOTH = PositionSide.BOTH
Records = list[tuple[str, dict[str, Any]]]


class Account_(Market):
    """The market as a person's exit meets it; `meanwhile[n]` happens just before what there is is read for the n-th time."""

    clock_off_ms = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.meanwhile: dict[int, Callable[[], object]] = {}
        self.reads = 0
        self.queries: list[str] = []

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    def _look(self) -> None:
        self.reads += 1
        self.meanwhile.pop(self.reads, lambda: None)()

    async def positions(self) -> PositionsRead | ReadFailed:
        self._look()
        return await super().positions()

    async def balances(self) -> AccountRead | ReadFailed:
        self._look()
        return await super().balances()

    async def query(self, target: Any) -> Any:
        self.queries.append(target.client_id)
        return await super().query(target)


def market(*, futures: bool, held: int, filled: dict[str, int] | None = None, **more: Any) -> Account_:
    made = Account_(Jumping(NOON_NS), futures=futures, positions_of={BOTH: held} if futures else {}, free=0 if futures else held, **more)
    for id, quantity in (filled or {}).items():
        asyncio.run(made.send_filled(id, Side.BUY, quantity))
    return made


def config() -> Records:
    return [("config", {"sym": SYMBOL, "pp": -1, "sp": -3, "base": "COIN", "quote": "CASH"})]


def sent(id: str, quantity: int) -> Records:
    return [
        ("order.intent", {"id": id, "sym": SYMBOL, "side": "B", "q": quantity, "p": 10_000, "type": "limit", "ro": False, "st": "s"}),
        ("order.sent", {"id": id, "sym": SYMBOL}),
    ]


def ended(id: str, state: str, **more: object) -> Records:
    kind = "order.cancel" if state == "CANCELED" else "order.end"
    return [(kind, {"id": id, "sym": SYMBOL, "state": state, "filled": 0, "oid": id, **more})]


def fill(id: str, quantity: int, *, side: str = "B", fee: str = "0") -> Records:
    fields = {"id": id, "sym": SYMBOL, "tid": f"t{id}", "side": side, "q": quantity, "p": 10_000, "fee": fee, "fee_in": "COIN", "oid": id}
    return [("order.fill", fields)]


def leave(data: Path, account: Account_, records: Records, meanwhile: dict[int, Records] | None = None, **more: Any) -> ExitReport:
    folder = ExitFolder(data=data, account=Account(venue="venue", endpoint="here", account="a"), trader="hg")
    with AuditLogger(folder.journal) as log:

        def write(records: Records) -> None:
            for kind, fields in records:
                log.append(kind, fields)

        write(config() + records)
        for number, each in (meanwhile or {}).items():
            account.meanwhile[number] = lambda each=each: write(each)  # type: ignore[misc]
        end = account.clock.monotonic() + 100
        stop = lambda: account.clock.monotonic() > end  # noqa: E731
        return asyncio.run(
            run_exit(folder, account, scope=Scope.OWN, symbols=("COIN",), stop=stop, clock=account.clock, **more)  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("futures", [True, False])
@pytest.mark.parametrize(
    "end",
    [
        ended("hg-1-1-1", "FILLED"),
        ended("hg-1-1-1", "FILLED", executed=300),
        ended("hg-1-1-1", "CANCELED", executed=300),
        ended("hg-1-1-1", "EXPIRED", executed=300),
        ended("hg-1-1-1", "CANCELED"),
        ended("hg-1-1-1", "EXPIRED", executed=None),
    ],
    ids=lambda end: f"{end[0][1]['state']}-{end[0][1].get('executed', 'untold')}",
)
def test_what_an_order_has_filled_is_the_traders_before_its_fills_are_written(tmp_path: Path, futures: bool, end: Records) -> None:
    account = market(futures=futures, held=700, filled={"hg-1-1-1": 300})
    report = leave(tmp_path, account, [*sent("hg-1-1-1", 300), *end])
    assert report.verdict is Verdict.FLAT
    assert (account.positions_of.get(BOTH, account.free), account.sold) == (400, 0 if futures else 300)
    assert report.strangers == ([f"0.4 {SYMBOL}"] if futures else [])


@pytest.mark.parametrize("futures", [True, False])
def test_an_order_whose_fills_are_all_there_is_not_asked_for(tmp_path: Path, futures: bool) -> None:
    account = market(futures=futures, held=700, filled={"hg-1-1-1": 300})
    whole = [*sent("hg-1-1-1", 300), *fill("hg-1-1-1", 300), *ended("hg-1-1-1", "FILLED", filled=300, executed=300)]
    none = [*sent("hg-1-1-2", 300), *ended("hg-1-1-2", "CANCELED", executed=0)]
    report = leave(tmp_path, account, whole + none)
    assert report.verdict is Verdict.FLAT
    assert account.positions_of.get(BOTH, account.free) == 400
    assert [id for id in account.queries if id.startswith("hg-1-")] == []


def test_what_a_stop_became_is_asked_for_by_its_own_id(tmp_path: Path) -> None:
    """It sold what was the trader's while the trader was down: the rest is somebody else's."""
    account = market(futures=True, held=400)
    asked: list[tuple[str, str, bool]] = []
    query = account.query

    async def said(target: Any) -> Any:
        if target.venue_id != "900":
            return await query(target)
        asked.append((target.client_id, target.venue_id, target.waits))
        told: Any = {"venue_id": "900", "state": OrderState.FILLED, "said": "FILLED", "side": Side.SELL, "filled": 300}
        return (OrderUpdate(at_ns=NOON_NS, symbol=SYMBOL, client_id="auto", **told),)

    account.query = said  # type: ignore[method-assign]
    stop = {"id": "hg-1-1-2", "sym": SYMBOL, "side": "S", "q": None, "type": "stop", "trigger": 9_000, "close": True, "st": "s"}
    met = {"id": "hg-1-1-2", "sym": SYMBOL, "state": "LIVE", "oid": "700", "child": "900"}
    records = [*sent("hg-1-1-1", 300), *fill("hg-1-1-1", 300), ("order.intent", stop), ("order.ack", met)]
    report = leave(tmp_path, account, records)
    assert report.verdict is Verdict.FLAT
    assert asked[0] == ("", "900", False)
    assert account.positions_of.get(BOTH) == 400


@pytest.mark.parametrize("futures", [True, False])
@pytest.mark.parametrize("when", [1, 2, 3])
def test_fills_that_the_trader_writes_while_it_is_left_count_once(tmp_path: Path, futures: bool, when: int) -> None:
    account = market(futures=futures, held=700, filled={"hg-1-1-1": 300}, fees={} if futures else {"hg-1-1-1": "0.002"})
    later = {when: [*fill("hg-1-1-1", 300, fee="0.002" if not futures else "0"), *ended("hg-1-1-1", "FILLED", executed=300)]}
    report = leave(tmp_path, account, sent("hg-1-1-1", 300), later)
    assert report.verdict is Verdict.FLAT
    assert account.positions_of.get(BOTH, account.free) == (400 if futures else 402)


@pytest.mark.parametrize("futures", [True, False])
def test_an_order_that_the_trader_writes_after_the_first_reading_is_left_too(tmp_path: Path, futures: bool) -> None:
    account = market(futures=futures, held=700, filled={"hg-1-1-1": 300})
    report = leave(tmp_path, account, [], {1: [*sent("hg-1-1-1", 300), *ended("hg-1-1-1", "FILLED")]})
    assert report.verdict is Verdict.FLAT
    assert account.positions_of.get(BOTH, account.free) == 400


@pytest.mark.parametrize("futures", [True, False])
def test_the_exits_own_trades_that_a_trader_writes_too_count_once(tmp_path: Path, futures: bool) -> None:
    account = market(futures=futures, held=700, filled={"hg-1-1-1": 300})

    def trade() -> None:
        for id, update in list(account.done.items()):
            if id.startswith("hg-x"):
                kept.extend(fill(id, update.filled or 0, side="S"))

    kept: Records = []
    account.meanwhile[2] = trade
    report = leave(tmp_path, account, [*sent("hg-1-1-1", 300), *ended("hg-1-1-1", "FILLED")], {3: kept})
    assert report.verdict is Verdict.FLAT
    assert kept
    assert account.positions_of.get(BOTH, account.free) == 400


def test_coins_that_are_a_persons_are_not_sold_where_the_exits_sale_is_written_before_the_purchase(tmp_path: Path) -> None:
    account = market(futures=False, held=700, filled={"hg-1-1-1": 300})
    kept: Records = []
    account.meanwhile[2] = lambda: kept.extend(
        entry for id, each in list(account.done.items()) if id.startswith("hg-x") for entry in fill(id, each.filled or 0, side="S")
    )
    report = leave(tmp_path, account, [*sent("hg-1-1-1", 300), *ended("hg-1-1-1", "FILLED")], {3: kept, 4: fill("hg-1-1-1", 300)})
    assert report.verdict is Verdict.FLAT
    assert (account.sold, account.free) == (300, 400)
