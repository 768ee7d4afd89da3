"""trading.outcome_told: the sums of an outcome in the words of `trading.told`: money, instruments, doubts, latencies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hoga.core.times import SECOND_NS
from hoga.core.trading import text_of
from hoga.trading.standing import CurrencySums, SymbolSums
from hoga.trading.tallies import POWER, Histogram, money
from hoga.trading.told import Doubt, Latency, MoneyOutcome, SymbolOutcome

__all__ = ["doubt_told", "latency_told", "money_told", "symbol_told"]


def money_told(currency: str, whole: CurrencySums, symbols: Iterable[SymbolSums]) -> MoneyOutcome:
    """One currency; `symbols`: all there are."""
    own = [each for each in symbols if each.quote == currency]
    realized = sum(each.realized * each.scale for each in own)
    unrealized = sum(each.unrealized * each.scale for each in own)
    power = min((each.pp + each.sp for each in own), default=0)
    unit = 10 ** (power - POWER)
    venues = {each.symbol.partition(":")[0] for each in own}
    start = whole.start if venues == whole.equities else None
    peak = None if start is None else start + whole.drawdown_peak

    def curve(name: str) -> list[tuple[int, int]]:
        return [(t, value // unit) for t, value in whole.curves[name].points()]

    return MoneyOutcome(
        currency=currency,
        start=None if start is None else money(start),
        end=None if start is None else money(start + whole.net),
        realized=money(realized),
        unrealized=money(unrealized),
        fees=money(whole.fees),
        funding=money(whole.funding),
        net=money(whole.net),
        volume=money(sum(each.volume * each.scale for each in own)),
        drawdown=money(-whole.drawdown),
        drawdown_share=round(-whole.drawdown / peak, 6) if peak is not None and peak > 0 else None,
        drawdown_ns=whole.drawdown_ns,
        peak_ns=whole.drawdown_peak_ns,
        rounds=whole.rounds.told(),
        power=power,
        net_curve=curve("net"),
        drawdown_curve=curve("drawdown"),
        fees_curve=curve("fees"),
        funding_curve=curve("funding"),
    )


def symbol_told(each: SymbolSums, from_ns: int, to_ns: int) -> SymbolOutcome:
    """One instrument, over a span of time."""
    power = each.pp + each.sp
    held_ns = each.held_ns + (to_ns - each.held_since if each.held_since is not None else 0)
    span = to_ns - from_ns
    net = each.realized + each.unrealized - each.fees + each.funding
    open_s = (to_ns - each.doubt[0]) / SECOND_NS if each.doubt is not None else 0.0
    return SymbolOutcome(
        symbol=each.symbol,
        quote=each.quote,
        price_power=each.pp,
        size_power=each.sp,
        realized=text_of(each.realized, power),
        unrealized=text_of(each.unrealized, power),
        fees=text_of(each.fees, power),
        funding=text_of(each.funding, power),
        net=text_of(net, power),
        volume=text_of(each.volume, power),
        fills=each.fills,
        maker_fills=each.maker_fills,
        held=text_of(each.quantity, each.sp),
        in_market_s=round(held_ns / SECOND_NS, 3),
        in_market_share=round(held_ns / span, 6) if span else None,
        rounds=each.rounds.told(),
        taken=each.slips["taken"].told(),
        made=each.slips["made"].told(),
        doubts=each.doubts,
        doubt_s=round(each.doubt_s + open_s, 3),
        price_curve=each.curve.points(),
        fill_marks=each.marks.kept(),
    )


def doubt_told(doubt: list[Any]) -> Doubt:
    """One span in which market data were in doubt."""
    t, symbol, why, held, seconds = doubt
    return Doubt(t=t, symbol=symbol.symbol, why=why, held=text_of(held, symbol.sp), seconds=seconds)


def latency_told(found: Histogram) -> Latency:
    """One step's times."""
    p50, p90, p99, p999 = (found.quantile(share) for share in (0.5, 0.9, 0.99, 0.999))
    return Latency(n=found.n, p50=p50, p90=p90, p99=p99, p999=p999, greatest=found.greatest, bars=found.bars())
