from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hoga.simulator.engine import Top
from hoga.simulator.engine.market import Trade
from hoga.simulator.upbit.markets import E8, KNOWN_MARKETS, describe, grouping_levels, tick_e8_of
from hoga.simulator.upbit.tape import UNITS_MS, Tape

TOP = Top(0, 1, 1, 2, 1)
START_MS = 1_795_163_415_120


def traded(moments: list[int], prices: list[int] | None = None) -> Tape:
    tape = Tape(describe("KRW-XRP"))
    for number, at in enumerate(moments):
        price = prices[number] if prices else 3_100 + number % 7
        tape.add(Trade(number, price, 1_000 + number, 0, bool(number % 3)), at, TOP)
    return tape


def test_ids_are_the_millisecond_and_a_running_number() -> None:
    tape = traded([START_MS, START_MS, START_MS + 1, START_MS + 1, START_MS + 1])
    assert [made.sid for made in tape.prints] == [START_MS * 10_000 + n for n in (0, 1, 10_000, 10_001, 10_002)]


@given(st.lists(st.integers(0, 3 * 3_600_000), min_size=1, max_size=60))
def test_candles_of_every_unit_hold_the_same_trades(offsets: list[int]) -> None:
    tape = traded([START_MS + offset for offset in sorted(offsets)])
    for unit, candles in tape.candles.items():
        assert sum(bar.size for bar in candles) == sum(made.size for made in tape.prints)
        assert sum(bar.turnover for bar in candles) == sum(made.size * made.price for made in tape.prints)
        assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in candles)
        length = UNITS_MS.get(unit)
        if length is not None and unit != "week":
            assert all(bar.start_ms % length == 0 and 0 <= bar.last_ms - bar.start_ms < length for bar in candles)
    assert tape.candles["1s"][-1].close == tape.last_price


def test_a_bucket_without_a_trade_does_not_exist() -> None:
    tape = traded([START_MS, START_MS + 10_000])
    assert len(tape.candles["1s"]) == 2
    assert len(tape.candles["1m"]) == 1


def test_weeks_begin_on_monday_months_and_years_on_the_first() -> None:
    tape = traded([START_MS])

    def begun(unit: str) -> datetime:
        return datetime.fromtimestamp(tape.candles[unit][0].start_ms / 1_000, UTC)

    assert (begun("week").weekday(), begun("week").hour) == (0, 0)
    assert (begun("month").day, begun("month").month) == (1, 11)
    assert (begun("year").month, begun("year").day, begun("year").hour) == (1, 1, 0)


def test_midnight_closes_the_day() -> None:
    midnight = START_MS // 86_400_000 * 86_400_000 + 86_400_000
    tape = traded([midnight - 2, midnight - 1, midnight, midnight + 1], [3_100, 3_200, 3_150, 3_180])
    assert tape.previous == 3_200 * E8
    assert (tape.opening, tape.high, tape.low) == (3_150 * E8, 3_180 * E8, 3_150 * E8)
    assert tape.ask_size + tape.bid_size == 1_002 + 1_003
    assert [made.previous for made in tape.prints][-1] == 3_200 * E8
    assert tape.candles["day"][-1].previous == 3_200 * E8
    turnover, size = tape.last_day(midnight + 1)
    assert (turnover, size) == (sum(made.price * made.size for made in tape.prints), 4_006)


def test_what_is_asked_before_a_moment_or_an_id_excludes_it() -> None:
    tape = traded([START_MS + n * 1_000 for n in range(5)])
    seconds = [bar.start_ms for bar in tape.candles["1s"]]
    assert [bar.start_ms for bar in tape.before("1s", seconds[3], 2)] == [seconds[2], seconds[1]]
    assert [made.sid for made in tape.prints_before(tape.prints[2].sid, 9)] == [tape.prints[1].sid, tape.prints[0].sid]


def test_ticks_follow_the_price_and_known_prices_are_on_them() -> None:
    assert tick_e8_of("KRW", 116_540_000 * E8) == 1_000 * E8
    assert tick_e8_of("KRW", 99 * E8) == E8 // 10
    assert tick_e8_of("KRW", 100 * E8) == E8
    assert tick_e8_of("BTC", 3) == 1
    assert tick_e8_of("USDT", 10 * E8) == E8 // 100
    for code in KNOWN_MARKETS:
        instrument = describe(code)
        assert instrument.tick_e8 == tick_e8_of(instrument.quote, instrument.start_ticks * instrument.tick_e8)
    assert grouping_levels(describe("KRW-BTC"))[:3] == (0, 10_000 * E8, 100_000 * E8)
    assert grouping_levels(describe("BTC-ETH")) == (0,)


@given(st.sampled_from(["KRW", "BTC", "USDT"]), st.from_regex(r"[A-Z]{2,6}", fullmatch=True))
def test_any_well_formed_code_has_a_market(quote: str, base: str) -> None:
    instrument = describe(f"{quote}-{base}")
    assert instrument.start_ticks >= 2
    assert instrument.typical_lots >= 2
    assert instrument == describe(f"{quote}-{base}")
