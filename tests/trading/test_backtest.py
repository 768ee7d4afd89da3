"""A strategy on what was recorded: the same input gives the same bytes, and what is missing is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.archive.form.lists import pack_list
from hoga.audit.reading import Walk
from hoga.cli.main import main
from hoga.core.errors import ArchiveError, ConfigError
from hoga.core.ledger import Gap, Reason
from hoga.core.times import SECOND_NS, iso_of
from tests.trading.recorded import MINUTE, START_NS, VENUE, Market, listing, strategy

SYMBOL = f"{VENUE}:BTCUSDT"


def run(data: Path, path: Path | str, *, settings: tuple[str, ...] = (), **how: Any) -> Any:
    config = load_config(None, overrides=[*settings], environ={}, data_dir=data)
    return backtest(plan_backtest(config, str(path), (), ask=False, **how))


def records(journal: str) -> list[Any]:
    return list(Walk(Path(journal)).records())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a contract."""
    root = tmp_path_factory.mktemp("recorded")
    Market().walk(START_NS, 120).keep(root)
    return root


def test_the_strategy_trades_on_what_was_recorded(recorded: Path, tmp_path: Path) -> None:
    end = run(recorded, strategy(tmp_path))
    assert (end.ok, end.mode, end.grade) == (True, "backtest", "books")
    assert end.orders == end.fills >= 2
    fills = [each for each in records(end.journal) if each.kind == "order.fill"]
    assert len(fills) == end.fills
    assert {each.b for each in records(end.journal)} == {0}
    assert all(each.m is None and START_NS <= each.t < START_NS + 3 * MINUTE for each in records(end.journal))


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(recorded: Path, tmp_path: Path) -> None:
    told, journals = [], []
    for seed in ("1", "2"):
        home = tmp_path / seed
        home.mkdir()
        os.symlink(recorded / VENUE, home / "seen", target_is_directory=True)
        (home / "data").mkdir()
        os.symlink(recorded / VENUE, home / "data" / VENUE, target_is_directory=True)
        command = [sys.executable, "-m", "hoga", "trade", str(strategy(home)), "--mode", "backtest", "--data", str(home / "data"), "--json"]
        done = subprocess.run(
            command, cwd=home, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True, timeout=60
        )
        said = json.loads(done.stdout)
        told.append({name: value for name, value in said.items() if name not in ("journal", "report")})
        place = home / said["journal"]
        journals.append({str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()})
        assert place.parent.parent == home / "data" / "backtests"
        names = [path.name for path in place.parent.parent.iterdir()]
        assert len(names) == 1
        told[-1]["folder"] = names[0]
    assert told[0] == told[1]
    assert journals[0] == journals[1]
    assert any(name.endswith(".jsonl") and content for name, content in journals[0].items())


def test_other_input_has_another_folder_and_the_same_has_the_same(recorded: Path, tmp_path: Path) -> None:
    def folder(**how: Any) -> str:
        settings = how.pop("settings", ())
        config = load_config(None, overrides=[*settings], environ={}, data_dir=recorded)
        return plan_backtest(config, str(path), (), ask=False, **how).folder.name

    path = strategy(tmp_path)
    first = folder()
    others = {
        folder(start_ns=START_NS + SECOND_NS),
        folder(params={"fast": "3"}),
        folder(settings=("PAPER_BALANCE=20000",)),
        folder(settings=("TAKER_FEE_BP=7",)),
        folder(settings=("MAX_ORDER_NOTIONAL=1000",)),
    }
    assert len(others | {first}) == 6
    assert folder() == first
    path.write_text(path.read_text() + "# another thought\n")
    assert folder() != first


BOTH = f"""from hoga import Strategy


class Both(Strategy):
    symbol = "{SYMBOL}"
    books = 0

    def setup(self, m):
        m.protect(self.symbol, stop="5%")

    def on_book(self, book):
        self.books += 1
        self.target(self.symbol, "0.010" if self.books % 200 < 100 else 0, leg="long")
        self.target(self.symbol, "0.005", leg="short")
"""


def test_a_long_and_a_short_position_of_the_past(recorded: Path, tmp_path: Path) -> None:
    path = strategy(tmp_path, BOTH)
    end = run(recorded, path, settings=("POSITION_MODE=hedge",))
    assert end.ok, end
    fills = [each.fields for each in records(end.journal) if each.kind == "order.fill"]
    assert {each["ps"] for each in fills} == {"long", "short"}
    assert max(each["pos"] for each in fills) == 10
    assert min(each["pos"] for each in fills) == -5
    assert {each["pos"] for each in fills if each["ps"] == "long"} == {0, 10}
    assert end.held[f"{SYMBOL}/short"] == "-0.005"
    assert not [each for each in records(end.journal) if each.kind == "recon.adopt"]
    denied = {each.fields["code"] for each in records(end.journal) if each.kind == "order.deny"}
    assert denied <= {"no-mark", "self-cross"}, "a buy and a sale that are on their way together could meet"


def test_a_run_that_is_done_again_replaces_the_first(recorded: Path, tmp_path: Path) -> None:
    one = run(recorded, strategy(tmp_path))
    before = sorted(path.read_bytes() for path in Path(one.journal).rglob("*.jsonl"))
    two = run(recorded, strategy(tmp_path))
    assert one == two
    assert sorted(path.read_bytes() for path in Path(two.journal).rglob("*.jsonl")) == before
    assert not list(Path(one.journal).parent.parent.glob("*.part*"))


def test_the_account_begins_with_the_balance_and_pays_the_fees_of_the_configuration(recorded: Path, tmp_path: Path) -> None:
    cheap = run(recorded, strategy(tmp_path), settings=("TAKER_FEE_BP=0", "PAPER_BALANCE=5000"))
    dear = run(recorded, strategy(tmp_path), settings=("TAKER_FEE_BP=10", "PAPER_BALANCE=5000"))
    assert cheap.fills == dear.fills
    assert float(dear.pnl) < float(cheap.pnl)


def test_a_gap_puts_the_market_in_doubt_where_it_begins_and_where_it_ends(tmp_path: Path) -> None:
    gap = Gap(from_ns=START_NS + 30 * SECOND_NS, to_ns=START_NS + 42 * SECOND_NS, reason=Reason.DISCONNECT, missed=None)
    market = Market().walk(START_NS, 30)
    market.walk(START_NS + 42 * SECOND_NS, 30).keep(tmp_path, gaps=tuple((kind, gap) for kind in ("orderbook", "execution", "quote")))
    text = """
from hoga import Strategy

class Hears(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def on_stale(self, symbol, why):
        self.log(f"{self.now_ns} {why}")
"""
    end = run(tmp_path, strategy(tmp_path, text))
    said = [each.fields["text"] for each in records(end.journal) if each.kind == "note"]
    assert any(each == f"{gap.from_ns} a gap in the recording: disconnect" for each in said)
    assert any(each == f"{gap.to_ns} the recording goes on behind a gap: disconnect" for each in said)


def test_a_timer_fires_with_its_own_stamp_before_the_event_behind_it(recorded: Path, tmp_path: Path) -> None:
    text = """
from hoga import Strategy

class Clock(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def setup(self, m):
        m.every(0.25)

    def on_start(self):
        self.began = self.now_ns
        self.log(f"start {self.now_ns}")

    def on_timer(self, at_ns):
        assert at_ns == self.now_ns
        self.log(f"timer {at_ns - self.began}")
"""
    end = run(recorded, strategy(tmp_path, text))
    said = [each.fields["text"].split() for each in records(end.journal) if each.kind == "note"]
    fired = [int(number) for word, number in said if word == "timer"]
    assert fired == [250_000_000 * (index + 1) for index in range(len(fired))]
    assert len(fired) > 400


def test_mistakes_are_one_line_each(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(strategy(tmp_path))
    base = ["trade", path, "--mode", "backtest", "--data", str(recorded)]

    def tell(*more: str, status: int) -> str:
        assert main([*base, *more]) == status
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hoga: ")]
        assert len(lines) == 1
        return lines[0]

    assert "--end" in tell("--start", "2026-11-20T14:00", "--end", "2026-11-20T13:00", status=2)
    assert f"{VENUE}:BTCUSDT" in tell("--symbols", f"{VENUE}:BTCUSD", status=2)
    assert "2026-11-20" in tell("--start", "2026-11-21", "--end", "2026-11-22", status=1)
    assert "nothing was recorded" in tell("--start", "2026-11-20T20:00", "--end", "2026-11-20T21:00", status=1)
    assert "a time such as" in tell("--start", "yesterday", status=2)
    assert "backtest" in tell("--mode", "dream", status=2)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        run(tmp_path, strategy(tmp_path))


def test_a_corrupt_segment_is_told_and_the_run_goes_on_behind_it(recorded: Path, tmp_path: Path) -> None:
    Market().walk(START_NS, 180).keep(tmp_path)
    hurt = next((tmp_path / VENUE / "execution").rglob("*_13-01.zip"))
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 0xFF
    hurt.write_bytes(bytes(data))
    end = run(tmp_path, strategy(tmp_path))
    assert not end.ok
    assert any("execution" in each and "13-01" in each for each in end.damage)
    fills = [each.t for each in records(end.journal) if each.kind == "order.fill"]
    assert fills
    assert max(fills) > START_NS + 2 * MINUTE
    with pytest.raises(ArchiveError):
        config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
        backtest(plan_backtest(config, str(strategy(tmp_path)), (), ask=False), stop_at_damage=True)


def test_a_limit_that_is_reached_sells_everything_and_nothing_is_opened_after_it(recorded: Path, tmp_path: Path) -> None:
    end = run(recorded, strategy(tmp_path), settings=("MAX_DAILY_LOSS=0.5",))
    assert (end.ok, end.verdict, end.held) == (False, "FLAT", {})
    kinds = [each.kind for each in records(end.journal)]
    assert kinds.index("emergency.begin") < kinds.index("emergency.end")
    assert "order.sent" not in kinds[kinds.index("emergency.end") :]
    assert end.incident


def test_a_stop_may_sell_everything(recorded: Path, tmp_path: Path) -> None:
    text = """
from hoga import Strategy

class Holds(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def on_book(self, book):
        self.target(self.symbol, "0.01")
"""
    kept, sold = (run(recorded, strategy(tmp_path, text), settings=(f"ON_STOP={how}",)) for how in ("keep", "flatten"))
    assert (kept.ok, kept.verdict) == (True, "KEPT")
    assert (sold.ok, sold.verdict, sold.held) == (True, "FLAT", {})


_RESTS = """
from decimal import Decimal

from hoga import Strategy

class Rests(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    books = 0

    def on_book(self, book):
        self.books += 1
        if self.books % 20 == 1:
            self.cancel_all(self.symbol)
            self.limit(self.symbol, "buy", "0.010", self.price_down(book.bid * Decimal("0.999") + Decimal("0.037")))
"""


def _prices(journal: str) -> list[tuple[int, Decimal]]:
    """When each order was wanted, and its price."""
    power, found = 0, []
    for each in records(journal):
        if each.kind == "config" and "pp" in each.fields:
            power = each.fields["pp"]
        if each.kind == "order.intent":
            found.append((each.t, Decimal(each.fields["p"]).scaleb(power)))
    return found


@pytest.mark.parametrize(("ticks", "name"), [(("0.10", "0.01"), "T13-01"), (("0.01", "0.50"), "T13-01")], ids=("finer", "coarser"))
def test_orders_keep_to_a_price_step_that_changes_in_mid_run(ticks: tuple[str, str], name: str, tmp_path: Path) -> None:
    Market().walk(START_NS, 120, kinds=("orderbook", "execution")).keep(tmp_path, tick=ticks[0])
    later = tmp_path / VENUE / "instruments" / f"instruments_2026-11-20{name}.json.zst"
    later.write_bytes(pack_list(listing("BTCUSDT", tick=ticks[1])))
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    plan = plan_backtest(config, str(strategy(tmp_path, _RESTS)), (), ask=False)
    assert plan.data.rules[SYMBOL].rules.price_power == -2
    end = backtest(plan)
    told = [each.rstrip("0") for each in ticks]
    assert any(f"price step {told[0]} → {told[1]}" in each and "13:01:00" in each for each in end.changes)
    changed_ns = START_NS + MINUTE
    wanted = _prices(end.journal)
    steps = [[price % Decimal(tick) for at_ns, price in wanted if (at_ns >= changed_ns) == now] for now, tick in enumerate(ticks)]
    assert [len(each) for each in steps] == [30, 30]
    assert [set(each) for each in steps] == [{0}, {0}]
    other = [price for at_ns, price in wanted if (at_ns >= changed_ns) is (Decimal(ticks[1]) < Decimal(ticks[0]))]
    assert any(price % max(map(Decimal, ticks)) for price in other)
    assert not [each for each in records(end.journal) if each.kind == "order.rejected"]
    assert backtest(plan_backtest(config, str(strategy(tmp_path, _RESTS)), (), ask=False)) == end


def test_a_list_of_the_next_day_counts_from_its_beginning(tmp_path: Path) -> None:
    Market().walk(START_NS, 20).keep(tmp_path, tick="0.10")
    later = tmp_path / VENUE / "instruments" / "instruments_2026-11-21.json.zst"
    later.write_bytes(pack_list(listing("BTCUSDT", tick="0.01")))
    Market(seed=2, day="2026-11-21").walk(START_NS + 24 * 3600 * SECOND_NS, 20).seal(tmp_path)
    config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
    plan = plan_backtest(config, str(strategy(tmp_path)), (), ask=False)
    assert [(iso_of(at_ns), each.ticks) for at_ns, each in plan.data.changes] == [("2026-11-21T00:00:00.000Z", ((0, 1),))]
    assert plan.data.rules[SYMBOL].rules.ticks == ((0, 10),)


def test_rules_that_nobody_kept_are_those_of_the_records(tmp_path: Path) -> None:
    Market().walk(START_NS, 60, kinds=("quote", "execution")).seal(tmp_path)
    end = run(tmp_path, strategy(tmp_path))
    assert any("derived from what was recorded" in each for each in end.notes)
    assert end.fills


def classic_archive(root: Path, *, back_ms: int = 0) -> Path:
    """A minute of trades of the classic recorder; its clock went back after 40 s. Where its file is."""
    stem = "BTCUSDT_execution_2026-11-20"
    folder = root / "binance" / "execution" / "temporary" / stem
    folder.mkdir(parents=True)
    lines = []
    for place in range(300):
        ms = START_NS // 1_000_000 + place * 190 - (back_ms if place >= 211 else 0)
        lines.append(
            f'{{"recv_ms":{ms},"net_delay_ms":1,"E":{ms},"p":"{86_000 + place % 31}.00000000","q":"0.10300000","m":"{place % 2}"}}'
        )
    path = folder / f"{stem}_13-00.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


SPOT_TRADES = """
from hoga import Strategy

class Trades(Strategy):
    symbol = "binance:BTCUSDT"

    def setup(self, m):
        m.bars(self.symbol, "5s", history=3)

    def on_bar(self, bar):
        self.target(self.symbol, "0.001" if not self.position() else 0)
"""


@pytest.mark.parametrize("packed", [False, True])
def test_records_that_were_edited_make_another_run_though_their_file_is_as_long_and_as_old(packed: bool, tmp_path: Path) -> None:
    path = classic_archive(tmp_path)
    text = path.read_text()

    def kept(text: str) -> str:
        if packed:
            path.unlink(missing_ok=True)
            with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
                archive.writestr(zipfile.ZipInfo(path.name), text)
        else:
            path.write_text(text)
        os.utime(path.with_suffix(".zip") if packed else path, ns=(START_NS, START_NS))
        config = load_config(None, overrides=[], environ={}, data_dir=tmp_path)
        return plan_backtest(config, str(strategy(tmp_path, SPOT_TRADES)), (), ask=False).folder.name

    first = kept(text)
    assert kept(text.replace("86005.", "86905.")) != first
    assert kept(text) == first


@pytest.mark.parametrize("back_ms", [0, 200, 15_000])
def test_a_clock_that_went_back_in_a_classic_archive_is_told(back_ms: int, tmp_path: Path) -> None:
    classic_archive(tmp_path, back_ms=back_ms)
    end = run(tmp_path, strategy(tmp_path, SPOT_TRADES))
    assert end.events
    if back_ms < 1_000:
        assert end.steps == ()
        return
    (told,) = end.steps
    assert told.startswith("binance:BTCUSDT execution 2026-11-20T13:00:39")
    assert "went back by 14.8 s" in told, "from the record before it"


def test_a_clock_that_went_back_in_an_archive_of_ours_is_told_of_each_series(tmp_path: Path) -> None:
    market = Market().walk(START_NS, 50)
    market.walk(START_NS + 30 * SECOND_NS, 20, kinds=("quote", "execution"))
    market.keep(tmp_path)
    end = run(tmp_path, strategy(tmp_path))
    assert [each.split()[1] for each in end.steps] == ["quote", "execution"]
    assert all("went back by 19." in each and "2026-11-20T13:00:49" in each for each in end.steps)


STALE = """
from hoga import Strategy

class Stale(Strategy):
    symbol = "binance-usdm:BTCUSDT"

    def on_stale(self, symbol, why):
        self.log(why)
"""


@pytest.mark.parametrize("by", [6.0, -12.0], ids=("forward", "back"))
def test_a_clock_that_was_set_is_an_event_and_a_line_of_the_report(by: float, tmp_path: Path) -> None:
    """As the recorder leaves it: receipts that leap, and an entry of the ledger."""
    market = Market().walk(START_NS, 30, kinds=("orderbook",))
    set_ns = START_NS + 30 * SECOND_NS
    now_ns = set_ns + int(by * SECOND_NS)
    market.walk(now_ns, 20, kinds=("orderbook",))
    gap = Gap(min(set_ns, now_ns), max(set_ns, now_ns), Reason.CLOCK_STEP, 0, detail=f"the clock was set by {by:+.3f} s")
    market.keep(tmp_path, gaps=(("orderbook", gap),))
    end = run(tmp_path, strategy(tmp_path, STALE))
    assert len(end.steps) == 1
    assert ("set by +6.000 s" in end.steps[0]) is (by > 0)
    assert ("went back by" in end.steps[0]) is (by < 0)
    why = end.steps[0].partition("Z: ")[2]
    assert [each.fields["text"] for each in records(end.journal) if each.kind == "note" and each.fields["text"] == why] == [why]
    assert json.loads(msgspec.json.encode(end))["steps"] == list(end.steps)


def test_the_classic_recorders_archive_is_traded_on(tmp_path: Path) -> None:
    for kind in ("orderbook", "execution"):
        stem = f"BTCUSDT_{kind}_2026-11-20"
        folder = tmp_path / "binance" / kind / "temporary" / stem
        folder.mkdir(parents=True)
        lines = []
        for place in range(300):
            ms = START_NS // 1_000_000 + place * 190
            price = 86_000 + (place * 7) % 31
            if kind == "orderbook":
                bids, asks = (f"[{price + at}.5,0.201],[{price + at * 2}.25,1.5]" for at in (-1, 1))
                lines.append(f'{{"recv_ms":{ms},"net_delay_ms":1,"intv_lag_ms":0,"bids":[{bids}],"asks":[{asks}]}}')
            else:
                lines.append(f'{{"recv_ms":{ms},"net_delay_ms":1,"E":{ms},"p":"{price}.00000000","q":"0.10300000","m":"{place % 2}"}}')
        (folder / f"{stem}_13-00.jsonl").write_text("\n".join(lines) + "\n")
    text = """
from hoga import Strategy

class Classic(Strategy):
    symbol = "binance:BTCUSDT"

    def setup(self, m):
        m.bars(self.symbol, "5s", history=3)

    def on_bar(self, bar):
        book = self.book()
        self.log(f"{len(book.bids)} {book.bids[0][0]} {book.bid}")
        self.target(self.symbol, "0.001" if not self.position() else 0)
"""
    end = run(tmp_path, strategy(tmp_path, text))
    assert (end.ok, end.grade) == (True, "books")
    assert end.fills >= 2
    said = [each.fields["text"].split() for each in records(end.journal) if each.kind == "note"]
    assert said
    assert all(float(first) == float(best) and float(first) % 1 == 0.5 for _, first, best in said)
