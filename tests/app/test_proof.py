"""What a trader decided is decided again: cuts, refusals, a kill and a restart make no difference; a parameter does."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import pytest

from hoga.app.backtest.archived import frames_of
from hoga.app.backtest.proof import Proof, prove, strategies_again
from hoga.app.config import Config, load_config
from hoga.app.trader.paper import PaperWorld
from hoga.app.trader.strategies import instances_of
from hoga.app.trader.tapes import remove_old_tapes
from hoga.app.trader.trader import Trader
from hoga.audit.folder import JOURNAL_FOLDER, list_files
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger, Durability
from hoga.audit.reading import Walk
from hoga.audit.taping import TAPE_FOLDER, read_part, tape_parts
from hoga.cli.main import main
from hoga.core.errors import ArchiveError, ConfigError
from hoga.core.market import DataType, Side
from hoga.core.times import day_of, iso_of, minute_of
from hoga.core.trading import FillUpdate
from hoga.runtime.clock import ManualClock
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import FaultKind
from hoga.trading.backtest import Backtest
from hoga.trading.engine import Restored
from hoga.trading.inputs import event_of
from hoga.trading.making import Making, make_engine, making_of
from hoga.trading.paper import Latency, PaperExchange, PaperSettings
from hoga.trading.ports import Renewal
from hoga.trading.shadowing import Shadow
from hoga.trading.strategy import Setup, Strategy, WorkView
from hoga.venues.registry import VENUES
from tests.archive.workshop import Workshop, envelope
from tests.trading.live import Wants, live
from tests.waiting import eventually

FILE = """
from hoga import Strategy


class Flips(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"every": 6, "size": "0.010"}
    books = 0

    def setup(self, m):
        m.every(0.7)

    def on_book(self, book):
        self.books += 1
        if self.books % self.p.every == 0:
            held = self.books // self.p.every % 2
            self.target(self.symbol, self.p.size if held else 0, why=f"book {self.books}, bid {book.bid}")

    def on_timer(self, now_ns):
        self.log(f"{now_ns} {self.books}")
"""


def squared(number: int) -> dict[str, object]:
    if number < 0:
        raise ValueError("below 0")
    return {"raw": (number * number,), "of": Decimal(number)}


class Flips(Wants):
    """In and out again, by the count of books; a timer says where it is, and has something done elsewhere."""

    params: ClassVar[dict[str, Any]] = {"every": 6, "period": 0.7}
    timers = 0

    def setup(self, m: Setup) -> None:
        m.every(self.p.period)

    def on_book(self, book: Any) -> None:
        self.books += 1
        if self.books % self.p.every == 0:
            self.target(self.symbol, "0.010" if self.books // self.p.every % 2 else 0, why=f"book {self.books}, bid {book.bid}")

    def on_timer(self, now_ns: int) -> None:
        self.log(f"{now_ns} {self.books}")
        self.timers += 1
        self.work(squared, self.timers if self.timers % 2 else -1)

    def on_work(self, done: WorkView) -> None:
        self.log(f"{done.function} {done.value} {done.error}")


SECTION = "[binance-usdm:BTCUSDT]\n"


def again(**params: str) -> Any:
    def make(making: Making) -> list[tuple[str, Strategy]]:
        return instances_of(Flips, tuple(making.limits), {"": params})

    return make


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a run with everything in it that may happen to a connection and an order."""
    data = tmp_path_factory.mktemp("traded")
    asyncio.run(_trade(data))
    return data / JOURNAL_FOLDER


async def _trade(data: Path) -> None:
    conf = data / "hoga.conf"

    def again() -> Config:
        return load_config(conf, overrides=[], environ=it.simulator.environment(), data_dir=data)

    async with live(data, kind=Flips, again=again) as it:
        await eventually(lambda: it.engine.fills >= 2, why=it.orders)
        it.fault(FaultKind.REST_ERROR, paths="/fapi/v1/order", methods="POST", count=1, status=400, code=-2019, reason="no margin")
        it.fault(FaultKind.REPLY_LOST, paths="/fapi/v1/order", methods="POST", count=1, status=503, code=-1007, reason="Timeout")
        fills = it.engine.fills
        await eventually(lambda: it.engine.fills > fills, why=it.orders)
        books = it.strategy.books
        it.fault(FaultKind.CLOSE)
        await eventually(lambda: it.strategy.books > books + 15 and it.records("order.reject"), why=it.orders)
        for text in ("MAX_ORDER_NOTIONAL = what", f"{SECTION}every = no", f"{SECTION}period = 0.5", "[binance-usdm]\nLEVERAGE = 7"):
            conf.write_text(text)
            os.kill(os.getpid(), signal.SIGHUP)
            count = len(it.records("renew"))
            await eventually(lambda: len(it.records("renew")) > count)  # noqa: B023
        conf.write_text(f"MAX_ORDER_NOTIONAL = 1234\n{SECTION}every = 5")
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: it.strategy.p.every == 5)
        books = it.strategy.books
        await eventually(lambda: it.strategy.books > books + 12 and it.strategy.timers > 3, why=it.orders)
        end = await it.stop()
    assert end.orders >= 3


def test_what_was_decided_is_decided_again(traded: Path) -> None:
    found = prove(traded, again())
    assert (found.ok, found.differences, found.first, found.unproven) == (True, 0, None, ())
    assert found.decisions >= 6
    assert found.entries > 20
    assert found.fills is not None
    assert found.fills.paired >= 2
    assert found.fills.price_bp_mean is not None
    assert abs(found.fills.price_bp_mean) < 20
    met = {each.fields["of"] for each in Walk(traded).records() if each.kind == "event"}
    assert met >= {
        "MarketDoubt",
        "OrderRefused",
        "Unanswered",
        "FillUpdate",
        "OrderAccepted",
        "Command",
        "OpenOrders",
        "WorkDone",
        "Renewal",
    }


def test_what_is_read_again_is_taken_as_a_whole_or_not_at_all(traded: Path) -> None:
    renewed = [each.fields for each in Walk(traded).records() if each.kind == "renew"]
    refused = [each["refused"] for each in renewed if "refused" in each]
    said = ("MAX_ORDER_NOTIONAL", "Flips.every: 'no'", "looked at in setup()", "LEVERAGE is set")
    assert all(text in why for text, why in zip(said, refused, strict=True)), refused
    assert [(each["old"], each["new"]) for each in renewed if "new" in each] == [
        ({"max_order_notional": "2000"}, {"max_order_notional": "1234"}),
        ({"every": "6"}, {"every": "5"}),
    ]


def test_work_is_done_elsewhere_and_its_answer_stands_in_the_journal(traded: Path) -> None:
    notes = [each.fields["text"] for each in Walk(traded).records() if each.kind == "note" and "squared" in each.fields["text"]]
    assert [each for each in notes if "'raw': [" in each]
    assert [each for each in notes if each == "squared None ValueError: below 0"]


def test_another_parameter_is_found_and_its_frame_is_named(traded: Path) -> None:
    found = prove(traded, again(every="7"))
    assert not found.ok
    assert found.differences > 0
    assert found.first is not None
    place = found.first.place
    assert place.stream in ("binance-usdm:BTCUSDT orderbook", "binance-usdm:BTCUSDT quote")
    assert place.frame.startswith('{"e":"')
    assert found.first.journal is not None
    assert found.first.journal.fields["why"].startswith("book 6,")
    assert found.first.now is None


def test_a_journal_and_a_tape_that_are_not_as_they_were_written_are_refused(traded: Path, tmp_path: Path) -> None:
    for number, path in enumerate((list_files(traded)[0].path, tape_parts(traded / TAPE_FOLDER)[0].path)):
        good = path.read_bytes()
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 1
        path.write_bytes(bad)
        try:
            with pytest.raises(ArchiveError, match=("wrong-hash|not-a-record", "not what the journal says|zstd|Data corruption")[number]):
                prove(traded, again())
        finally:
            path.write_bytes(good)


def test_a_tape_that_is_gone_proves_nothing(traded: Path) -> None:
    path = tape_parts(traded / TAPE_FOLDER)[0].path
    path.rename(path.with_suffix(".away"))
    try:
        found = prove(traded, again())
    finally:
        path.with_suffix(".away").rename(path)
    assert not found.ok
    assert [each.why for each in found.unproven] == ["there is no tape of this life"]


def archived(journal: Path, root: Path, *, late_ns: int = 0, until: float = 1.0) -> Path:
    """The frames of the tape as a recorder leaves them that had the same receipts (or later ones): all, or the first part of them."""
    kinds = {DataType.ORDERBOOK: "orderbook", DataType.QUOTE: "quote", DataType.TRADE: "execution", DataType.MARK_PRICE: "mark"}
    (part,) = tape_parts(journal / TAPE_FOLDER)
    header, entries, _, _ = read_part(part.path)
    frames = [each for each in entries if each.what < 0xFF00]
    minutes: dict[tuple[str, str, str], list[bytes]] = {}
    for entry in frames[: int(len(frames) * until)]:
        at_ns = entry.at_ns + late_ns
        key = (kinds[DataType(header.streams[entry.what][1])], day_of(at_ns), minute_of(at_ns))
        minutes.setdefault(key, []).append(envelope(at_ns, entry.frame))
    for (kind, day, minute), lines in sorted(minutes.items()):
        lines.sort(key=lambda line: int(line[10:29]))
        Workshop(root / VENUE / kind, kind, symbol="BTCUSDT", day=day).seal(minute, lines)
    return root


def without_a_tape(journal: Path, root: Path, **how: Any) -> Proof:
    data = archived(journal, root, **how)
    config = load_config(None, overrides=[], environ={}, data_dir=data)
    path = tape_parts(journal / TAPE_FOLDER)[0].path
    path.rename(path.with_suffix(".away"))
    try:
        return prove(journal, again(), archive=frames_of(config))
    finally:
        path.with_suffix(".away").rename(path)


def test_without_a_tape_what_was_decided_is_decided_again_from_the_archive(traded: Path, tmp_path: Path) -> None:
    found = without_a_tape(traded, tmp_path)
    assert (found.ok, found.differences, found.first, found.unproven, found.archived) == (True, 0, None, (), (1,))
    assert found.decisions == prove(traded, again()).decisions


def test_an_archive_with_other_receipts_proves_nothing_and_says_from_when_on(traded: Path, tmp_path: Path) -> None:
    found = without_a_tape(traded, tmp_path, late_ns=1_000)
    assert not found.ok
    (gap,) = found.unproven
    assert "the archive holds no frame of binance-usdm:BTCUSDT that was received at" in gap.why
    assert "other receipts" in gap.why
    named = [each for each in Walk(traded).records() if isinstance(each.fields.get("cause"), dict) and "src" in each.fields["cause"]]
    assert gap.at == iso_of(named[0].t)


def test_an_archive_that_ends_early_proves_what_it_holds(traded: Path, tmp_path: Path) -> None:
    found = without_a_tape(traded, tmp_path, until=0.6)
    assert not found.ok
    assert found.differences == 0
    assert found.decisions >= 3
    (gap,) = found.unproven
    assert "the archive ends before it" in gap.why


async def test_a_tape_that_was_not_to_be_kept_is_passed_over_and_others_are_proven(traded: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    shutil.copytree(traded, journal)
    with AuditLogger(journal) as log:
        await remove_old_tapes(journal, log, log.opened.boot, before_ns=0)
        assert len(tape_parts(journal / TAPE_FOLDER)) == 1, "it is not old enough"
        await remove_old_tapes(journal, log, log.opened.boot, before_ns=1 << 62)
    assert tape_parts(journal / TAPE_FOLDER) == []
    (gone,) = [record.fields for record in Walk(journal).records() if record.kind == "tape" and "removed" in record.fields]
    assert (gone["removed"], gone["parts"]) == (1, 1)
    found = prove(journal, again())
    assert [(each.life, each.removed, each.cut) for each in found.unproven] == [(1, True, False)]
    assert not found.ok, "nothing at all was proven"


def test_another_strategy_is_refused(traded: Path, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(FILE.replace("class Flips", "class Other"))
    with pytest.raises(ConfigError, match="the strategy of the journal"):
        prove(traded, strategies_again(f"{tmp_path}/my.py", None))


def test_the_command_says_how_many_differ_and_which_is_the_first(traded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("from tests.app import test_proof\n\n\nclass Flips(test_proof.Flips):\n    symbol = 'binance-usdm:BTCUSDT'\n")
    assert main(["trade", str(mine), "--verify", str(traded.parent), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["differences"], found["first"]) == (True, 0, None)
    assert main(["trade", str(mine), "--verify", str(traded), "--set", "every=7"]) == 1
    said = capsys.readouterr().out
    assert "frame    {" in said
    assert "then     order.intent" in said
    assert "now      nothing" in said
    assert main(["trade", str(mine), "--verify", str(tmp_path)]) == 2
    assert "a trader's folder, or the journal in it" in capsys.readouterr().err


@pytest.mark.slow
async def test_a_kill_and_a_restart_make_no_difference(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(FILE)
    data = tmp_path / "data"
    async with Simulator(SimulatorConfig(venues=("binance-usdm",), symbols=("BTCUSDT",), seed=11)) as simulator:
        for life in range(3):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hoga", "trade", f"{tmp_path}/my.py", "--mode", "live", "--data", str(data)),
                env=dict(os.environ) | simulator.environment(),
                stderr=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
            before = sum(1 for each in simulator.orders_seen() if each.done)
            await eventually(lambda: sum(1 for each in simulator.orders_seen() if each.done) > before + 8, seconds=30)  # noqa: B023
            process.send_signal(signal.SIGKILL if life < 2 else signal.SIGTERM)
            await process.wait()
    found = prove(data / JOURNAL_FOLDER, strategies_again(f"{tmp_path}/my.py", None))
    assert (found.ok, found.differences, found.lives) == (True, 0, 3), found
    assert all(each.cut for each in found.unproven)
    assert found.decisions > 20
    assert {each.kind for each in Walk(data / JOURNAL_FOLDER).records()} >= {"order.fill", "event", "begin", "tape"}


# -- the same stretch, live, on paper and as the past -----------------------------------------------------------------------


class Frame(NamedTuple):
    """One frame of the tape, as the hub brings it."""

    stream: Any
    data_type: DataType
    recv_ns: int
    payload: bytes


class _Manager:
    """The hub's, which brings what the test says."""

    bring: Any = None

    async def register_component(self, name: str, owner: object, wanted: object, bring: Any, **more: Any) -> None:
        self.bring = bring

    async def unregister_component(self, name: str) -> None: ...


def stretch(journal: Path) -> tuple[Making, list[Frame | Renewal]]:
    """What a life was made of, and the frames that its strategy saw, with what was read again between them. Those that came while it
    was being stopped nobody decided on."""
    (part,) = tape_parts(journal / TAPE_FOLDER)
    header, entries, _, _ = read_part(part.path)
    made = [making_of(each.fields) for each in Walk(journal).records() if each.kind == "begin"]
    again: dict[int, Renewal] = {}
    runs, stopped = 0, 1 << 62
    for record in Walk(journal).records():
        if record.kind == "cmd" and record.fields["what"] == "stop":
            stopped = record.fields["f"]
        runs = record.fields["f"] if record.fields.get("what") == "running" else runs
        if record.kind == "event" and record.fields["of"] == "Renewal":
            event = event_of(record.fields)
            assert isinstance(event, Renewal)
            again[record.fields["f"]] = event
    found: list[Frame | Renewal] = []
    for number, entry in enumerate(entries, 1):
        if entry.what < 0xFF00 and runs < number <= stopped:
            symbol, data_type = header.streams[entry.what]
            venue, _, name = symbol.partition(":")
            found.append(Frame(SimpleNamespace(venue=venue, symbol=name, name=symbol), DataType(data_type), entry.at_ns, entry.frame))
        if number in again:
            found.append(again[number])
    return made[0], found


Told = list[tuple[str, dict[str, Any]]]


async def on_paper(making: Making, frames: list[Frame | Renewal], folder: Path) -> Told:
    """A trader on paper, its loop and its timers, on a clock that the frames move."""
    clock, manager, world = ManualClock(making.now_ns), _Manager(), PaperWorld()
    log = AuditLogger(folder, durability=Durability.REPLAY, clock=clock)
    log.open()
    trader = Trader(
        make=lambda accounts: make_engine(making, again()(making), NO_LIVES),
        manager=manager,  # type: ignore[arg-type]  # as much of it as a trader asks
        log=log,
        latch=Latch(folder),
        rest=lambda venue: pytest.fail("there is nobody to ask"),
        clock=clock,
        world=world,
    )
    exchange = PaperExchange(VENUE, making.rules, making.capabilities[VENUE], AT_ONCE, trader.deliver)
    world.exchanges.append(exchange)
    await trader.start([exchange])
    for frame in frames:
        at_ns = frame.at_ns if isinstance(frame, Renewal) else frame.recv_ns
        clock.advance((at_ns - clock.time_ns()) / 1e9)
        if isinstance(frame, Renewal):
            trader.take(frame)
        else:
            manager.bring(frame)
    await trader.close()
    log.close()
    return [(each.kind, each.fields) for each in Walk(folder).records()]


def as_the_past(making: Making, frames: list[Frame | Renewal]) -> Told:
    """The loop of a backtest."""
    told: Told = []
    engine = make_engine(making, again()(making), NO_LIVES)

    def write(kind: str, fields: Any, at_ns: int) -> bool:
        told.append((kind, dict(fields)))
        return True

    exchange = PaperExchange(VENUE, making.rules, making.capabilities[VENUE], AT_ONCE, lambda event: run.deliver(event))  # noqa: PLW0108  # it is made below
    run = Backtest(engine, {VENUE: exchange}, write=write)
    run.begin(making.now_ns)
    readers = {kind: VENUES[VENUE].ticks[kind](making.rules[SYMBOL]) for kind in VENUES[VENUE].ticks}
    for frame in frames:
        if isinstance(frame, Renewal):
            run._catch_up(frame.at_ns)
            run._step(frame)
        else:
            run.take(readers[frame.data_type](frame.payload, frame.recv_ns))
    return told


VENUE, SYMBOL = "binance-usdm", "binance-usdm:BTCUSDT"
AT_ONCE = PaperSettings(latency=Latency((1,)))
NO_LIVES = Restored(orders=[], shares=[], trades={}, days={}, powers={}, since_ns=0)


async def test_one_stretch_is_decided_alike_live_on_paper_and_as_the_past(traded: Path, tmp_path: Path) -> None:
    """Case: paper, backtest and live on one recorded stretch. Decisions are equal; fills are not, and the difference is a figure."""
    making, frames = stretch(traded)
    live_ = [(each.kind, each.fields) for each in Walk(traded).records()]
    paper, past = await on_paper(making, frames, tmp_path), as_the_past(making, frames)

    def decided(told: Told) -> list[tuple[int, str]]:
        return [(fields["q"], fields["why"]) for kind, fields in told if kind == "signal"]

    def filled(told: Told) -> list[tuple[str, int, int]]:
        return [(fields["side"], fields["q"], fields["p"]) for kind, fields in told if kind == "order.fill"]

    assert len(decided(live_)) >= 6
    assert decided(paper) == decided(past) == decided(live_)
    assert filled(paper) == filled(past)  # one model, whichever loop drives it
    assert filled(paper)
    shadow = Shadow(making.rules)
    for told, is_paper in ((live_, False), (paper, True)):
        for number, (kind, fields) in enumerate(told):
            if kind == "order.fill":
                side = Side.BUY if fields["side"] == "B" else Side.SELL
                fill = FillUpdate(
                    at_ns=number,
                    symbol=SYMBOL,
                    client_id=fields["id"],
                    venue_id="",
                    trade_id=str(fields["tid"]),
                    side=side,
                    price=fields["p"],
                    quantity=fields["q"],
                    fee=None,
                    fee_currency=None,
                    maker=None,
                )
                list(shadow.fill(fill, paper=is_paper))
    table = shadow.table()
    assert table.paired
    assert table.price_bp_mean is not None
    assert abs(table.price_bp_mean) < 5
