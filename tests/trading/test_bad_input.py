"""What a run over the past is given and cannot go by: each is one clear line, nothing raises, and what can go on goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.archive.form.lists import pack_list
from hoga.audit.reading import Walk
from hoga.cli.main import main
from hoga.core.errors import ConfigError
from hoga.core.times import SECOND_NS
from tests.trading.recorded import CROSS, START_NS, VENUE, Market, listing, strategy

BARS = CROSS.replace('"5s"', '"7q"')
TEN = tuple(f"COIN{number}USDT" for number in range(10))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a half of one symbol."""
    root = tmp_path_factory.mktemp("recorded")
    Market().walk(START_NS, 90).keep(root)
    return root


def hurt(data: Path) -> None:
    """A byte of a piece in the middle is another one."""
    path = next((data / VENUE / "orderbook").rglob("*_13-00.zip"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


class Case(NamedTuple):
    """`arguments` of `hoga trade`, on data that `spoil` changed before; its exit status, and what its one line of fault says."""

    name: str
    arguments: tuple[str, ...]
    status: int
    says: tuple[str, ...]
    text: str = CROSS
    spoil: Callable[[Path], object] | None = None


_MILLION = tuple(each for name in ("fast", "slow", "size") for each in ("--grid", f"{name}={','.join(map(str, range(1, 101)))}"))
CASES = (
    Case("a grid of a million", _MILLION, 2, ("--grid", "1,000,000 sets", "GRID_MAX")),
    Case("a grid of what is no parameter", ("--grid", "fats=1,2"), 2, ("--grid", "did you mean fast")),
    Case("an end before the start", ("--start", "2026-11-20T13:01", "--end", "2026-11-20T13:00"), 2, ("--end", "a time after --start")),
    Case("an end at the start", ("--start", "2026-11-20T13:01", "--end", "2026-11-20T13:01"), 2, ("--end", "a time after --start")),
    Case("a start that is no time", ("--start", "yesterday"), 2, ("--start", "a time such as")),
    Case("a day without anything", ("--start", "2026-11-25"), 1, ("BTCUSDT", "nothing was recorded in that time", "2026-11-20")),
    Case("an unknown symbol", ("--symbols", f"{VENUE}:BTCUSD"), 2, ("--symbols", f"did you mean {VENUE}:BTCUSDT")),
    Case("a symbol of a venue that is none", ("--symbols", "binanse:BTCUSDT"), 2, ("binanse",)),
    Case("an interval that is none", (), 2, ("7q", "no interval"), BARS),
    Case("a corrupt piece, and it shall stop", ("--stop-at-damage",), 1, ("13-00",), CROSS, hurt),
    Case("a file of candles that is not there", ("--bars", "none.csv"), 2, ("none.csv", "--bars")),
    Case("a strategy that is not there", (), 2, ("gone.py",)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_makes_no_sense_is_one_line(case: Case, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = recorded
    if case.spoil is not None:
        data = tmp_path / "data"
        shutil.copytree(recorded, data)
        case.spoil(data)
    path = tmp_path / "gone.py" if "gone.py" in case.says else strategy(tmp_path, case.text)
    assert main(["trade", str(path), "--mode", "backtest", "--data", str(data), *case.arguments]) == case.status
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("hoga: ")]
    assert len(lines) == 1, said.err
    assert all(each in lines[0] for each in case.says), lines[0]
    assert "Traceback" not in said.err
    assert not said.out
    assert not list((data / "backtests").glob("*.part*"))


def run(data: Path, path: Path, symbols: tuple[str, ...] = (), *settings: str, **how: Any) -> Any:
    config = load_config(None, overrides=[*settings], environ={}, data_dir=data)
    return backtest(plan_backtest(config, str(path), symbols, ask=False, **how))


def test_a_corrupt_piece_is_told_accounted_and_gone_on_behind(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    shutil.copytree(recorded, data)
    hurt(data)
    assert main(["trade", str(strategy(tmp_path)), "--mode", "backtest", "--data", str(data), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert len(told["damage"]) == 1
    assert "orderbook" in told["damage"][0]
    doubts = [each for each in Walk(Path(told["journal"])).records() if each.kind == "data.doubt"]
    assert any("damaged" in str(each.fields) for each in doubts)
    assert told["events"] > 500
    assert told["end"] > "2026-11-20T13:01:20"


def test_where_there_is_no_room_for_the_report_the_run_is_told_all_the_same(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **how: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hoga.app.report.write_report", full)
    assert main(["trade", str(strategy(tmp_path)), "--mode", "backtest", "--data", str(recorded), "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["ok"]
    assert told["report"] == ""
    lines = [line for line in said.err.splitlines() if "no report was written" in line]
    assert len(lines) == 1
    assert "No space left" in lines[0]
    assert "hoga report" in lines[0]


def candles(root: Path, minutes: list[int]) -> None:
    """Candles as the recorder leaves them: of these minutes, each sent once more when it is closed already."""
    market = Market()
    for at, minute in enumerate(minutes):
        start_ms = START_NS // 1_000_000 + minute * 60_000
        price = 60_000 + (minute * 37) % 90
        told = f'"t":{start_ms},"T":{start_ms + 59_999},"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"{price}.0","c":"{price + 9}.0"'
        more = f'"h":"{price + 20}.0","l":"{price - 20}.0","v":"10.000","n":2,"x":true,"q":"1","V":"1","Q":"1","B":"0"'
        market.add("candle", START_NS + at * 1_000_000_000, f'{{"e":"kline","E":{start_ms + 60_000},"s":"BTCUSDT","k":{{{told},{more}}}}}')
    market.keep(root)


def test_recorded_candles_with_holes_doubles_and_disorder_make_the_trades_of_those_without(tmp_path: Path) -> None:
    minutes = [each for each in range(50) if each not in (20, 21, 22)]
    mixed = [*minutes[:10], minutes[9], *minutes[10:30], minutes[33], *minutes[31:33], minutes[30], *minutes[34:]]
    path = strategy(tmp_path, CROSS.replace('"5s"', '"1m"'))
    ends = []
    for name, each in (("plain", minutes), ("mixed", mixed)):
        candles(tmp_path / name, each)
        ends.append(run(tmp_path / name, path))
    assert [end.grade for end in ends] == ["bars", "bars"]
    told = [
        [(each.t, each.fields["q"], each.fields["p"]) for each in Walk(Path(end.journal)).records() if each.kind == "order.fill"]
        for end in ends
    ]
    assert told[0]
    assert told[0] == told[1]


def test_a_symbol_of_which_nothing_was_recorded_is_named(tmp_path: Path) -> None:
    for name in TEN[:9]:
        Market(name).walk(START_NS, 5, kinds=("orderbook",)).seal(tmp_path)
    with pytest.raises(ConfigError, match=f"{TEN[9]}.*did you mean"):
        run(tmp_path, strategy(tmp_path), tuple(f"{VENUE}:{name}" for name in TEN))


def test_one_symbol_of_ten_that_is_delisted_stops_and_the_others_go_on(tmp_path: Path) -> None:
    """From the list on that names it no more; until then old data of it hold all openings, as live."""
    for number, name in enumerate(TEN):
        seconds = 30 if name == TEN[3] else 90
        Market(name, seed=number + 1).walk(START_NS, seconds, kinds=("orderbook", "execution")).seal(tmp_path)
    folder = tmp_path / VENUE / "instruments"
    folder.mkdir()
    (folder / "instruments_2026-11-20.json.zst").write_bytes(pack_list(listing(*TEN)))
    (folder / "instruments_2026-11-20T13-01.json.zst").write_bytes(pack_list(listing(*(name for name in TEN if name != TEN[3]))))
    path = strategy(tmp_path, CROSS.replace("binance-usdm:BTCUSDT", f"{VENUE}:{TEN[0]}"))
    symbols = tuple(f"{VENUE}:{name}" for name in TEN)
    end = run(tmp_path, path, symbols, "MAX_GROSS_NOTIONAL=1000000", "MAX_NET_NOTIONAL=1000000")
    assert end.ok
    assert len(end.changes) == 1
    assert TEN[3] in end.changes[0]
    assert "it does not trade any more" in end.changes[0]
    journal = list(Walk(Path(end.journal)).records())
    late = [each for each in journal if each.t > START_NS + 62 * SECOND_NS]
    wanted = {each.fields["sym"] for each in late if each.kind == "order.intent"}
    assert len(wanted) >= 3
    assert f"{VENUE}:{TEN[3]}" not in wanted
    denied = {each.fields["code"] for each in late if each.kind == "order.deny" and each.fields["sym"] != f"{VENUE}:{TEN[3]}"}
    assert "no-open" not in denied
    between = [each.fields["why"] for each in journal if each.kind == "state" and "why" in each.fields]
    assert any(f"stale at {VENUE}:{TEN[3]}" in each for each in between)
