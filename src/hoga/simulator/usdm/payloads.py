"""simulator.usdm.payloads: the engine's state printed as Binance USDⓈ-M prints it. Pure.

Every function returns the JSON payload object as text, keys in wire order. Times are ms. Prices and sizes have the
contract's digits (`digits_of`), mark prices eight. Partial depth and deltas have one shape. `st` 1 is USDⓈ-M, 2 COIN-M.

Source: protocol sheet 2.3 and 2.4 (USD-M docs; CM/UM integration notice of 2026-06; captures of 2021 and 2024).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hoga.simulator.binance.printer import Printer, bool_text, decimal_text
from hoga.simulator.engine import AggTrade, Bar, Cut, Instrument, Level, RollingStats, Top, Trade
from hoga.simulator.usdm.ids import spread_id
from hoga.simulator.usdm.instruments import digits_of
from hoga.simulator.usdm.mark import Mark

__all__ = [
    "COIN_M",
    "USD_M",
    "ContractPrinter",
    "Liquidation",
    "mark_row",
    "percent_text",
]

USD_M, COIN_M = 1, 2


class Liquidation(NamedTuple):
    """A position closed by force: the taker sold or bought `lots` for `quote` (ticks x lots); its limit was `price` ticks."""

    side: str
    price: int
    lots: int
    quote: int
    last_lots: int
    time_ms: int


def percent_text(stats: RollingStats) -> str:
    """Change of the window in percent, three places."""
    thousandths = abs(stats.close - stats.open) * 100_000 // stats.open
    sign = "-" if stats.close < stats.open and thousandths else ""
    return f"{sign}{thousandths // 1_000}.{thousandths % 1_000:03d}"


class ContractPrinter(Printer):
    """Prints one contract."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument, digits_of(instrument))

    def diff_depth(self, cut: Cut, sent: int, time: int) -> str:
        """Changed levels with their new absolute sizes."""
        return self._depth(cut, sent, time, self.changes(cut.bids), self.changes(cut.asks))

    def partial_depth(self, cut: Cut, sent: int, time: int, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        """The top levels of both sides after a cut."""
        return self._depth(cut, sent, time, self.levels(bids), self.levels(asks))

    def snapshot(self, update_id: int, sent: int, time: int, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        """The book as REST tells it."""
        return f'{{"lastUpdateId":{spread_id(update_id)},"E":{sent},"T":{time},"bids":{self.levels(bids)},"asks":{self.levels(asks)}}}'

    def book_ticker(self, top: Top, sent: int, time: int) -> str:
        """Best of both sides."""
        symbol = self.instrument.symbol
        return (
            f'{{"e":"bookTicker","u":{spread_id(top.update_id)},"s":"{symbol}","ps":"{symbol}","b":"{self.price(top.bid)}",'
            f'"B":"{self.size(top.bid_lots)}","a":"{self.price(top.ask)}","A":"{self.size(top.ask_lots)}",'
            f'"T":{time},"E":{sent},"st":{USD_M}}}'
        )

    def trade(self, event: Trade, sent: int, time: int) -> str:
        """One match."""
        return (
            f'{{"e":"trade","E":{sent},"T":{time},"s":"{self.instrument.symbol}","t":{event.trade_id},"p":"{self.price(event.price)}",'
            f'"q":"{self.size(event.lots)}","X":"MARKET","m":{bool_text(event.buyer_is_maker)}}}'
        )

    def agg_trade(self, event: AggTrade, sent: int, time: int) -> str:
        """All matches of one taker at one price; nobody here trades outside the book, so `nq` equals `q`."""
        size = self.size(event.lots)
        return (
            f'{{"e":"aggTrade","E":{sent},"a":{event.agg_id},"s":"{self.instrument.symbol}","p":"{self.price(event.price)}",'
            f'"q":"{size}","nq":"{size}","f":{event.first_id},"l":{event.last_id},"T":{time},'
            f'"m":{bool_text(event.buyer_is_maker)},"st":{USD_M}}}'
        )

    def kline(self, bar: Bar, interval: str, sent: int, *, final: bool) -> str:
        """A candle in progress, or its final state."""
        symbol = self.instrument.symbol
        inside = f'"s":"{symbol}",{self.candle(bar, interval, (bar.first_id, bar.last_id), final=final)}'
        return f'{{"e":"kline","E":{sent},"s":"{symbol}","k":{{"t":{bar.open_ms},"T":{bar.close_ms},{inside}}}}}'

    def continuous_kline(self, bar: Bar, interval: str, sent: int, *, ids: tuple[int, int], final: bool) -> str:
        """The same by contract type; its ids are update ids."""
        inside = self.candle(bar, interval, ids, final=final)
        return (
            f'{{"e":"continuous_kline","E":{sent},"ps":"{self.instrument.symbol}","ct":"PERPETUAL",'
            f'"k":{{"t":{bar.open_ms},"T":{bar.close_ms},{inside}}}}}'
        )

    def mini_ticker(self, stats: RollingStats, sent: int) -> str:
        """24 h statistics, short."""
        symbol = self.instrument.symbol
        return (
            f'{{"e":"24hrMiniTicker","E":{sent},"s":"{symbol}","ps":"{symbol}","c":"{self.price(stats.close)}",'
            f'"o":"{self.price(stats.open)}","h":"{self.price(stats.high)}","l":"{self.price(stats.low)}",'
            f'"v":"{self.size(stats.lots)}","q":"{self.quote(stats.quote)}","st":{USD_M}}}'
        )

    def ticker(self, stats: RollingStats, sent: int, *, opened: int, closed: int, pair: bool) -> str:
        """24 h statistics, long. `pair`: with `ps`, as the all-market array has it."""
        symbol = self.instrument.symbol
        named = f'"ps":"{symbol}",' if pair else ""
        return (
            f'{{"e":"24hrTicker","E":{sent},"s":"{symbol}",{named}'
            f'"p":"{self.price(stats.close - stats.open)}","P":"{percent_text(stats)}","w":"{self.weighted(stats)}",'
            f'"c":"{self.price(stats.close)}","Q":"{self.size(stats.last_lots)}","o":"{self.price(stats.open)}",'
            f'"h":"{self.price(stats.high)}","l":"{self.price(stats.low)}","v":"{self.size(stats.lots)}",'
            f'"q":"{self.quote(stats.quote)}","O":{opened},"C":{closed},"F":{stats.first_id},"L":{stats.last_id},'
            f'"n":{stats.trades},"st":{USD_M}}}'
        )

    def force_order(self, event: Liquidation, sent: int) -> str:
        """A liquidation."""
        symbol, lots = self.instrument.symbol, self.size(event.lots)
        return (
            f'{{"e":"forceOrder","E":{sent},"o":{{"s":"{symbol}","ps":"{symbol}","S":"{event.side}","o":"LIMIT","f":"IOC",'
            f'"q":"{lots}","p":"{self.price(event.price)}","ap":"{self.price(event.quote // event.lots)}","X":"FILLED",'
            f'"l":"{self.size(event.last_lots)}","z":"{lots}","T":{event.time_ms}}},"st":{USD_M}}}'
        )

    def _depth(self, cut: Cut, sent: int, time: int, bids: str, asks: str) -> str:
        symbol, first, last = self.instrument.symbol, spread_id(cut.first_id), spread_id(cut.final_id)
        return (
            f'{{"e":"depthUpdate","E":{sent},"T":{time},"s":"{symbol}","ps":"{symbol}","U":{first},"u":{last},'
            f'"pu":{spread_id(cut.first_id - 1)},"b":{bids},"a":{asks},"st":{USD_M}}}'
        )


def mark_row(symbol: str, mark: Mark, sent: int, funding: int, kind: int = USD_M) -> str:
    """Mark price, index and funding of one contract."""
    prices = [decimal_text(value, 8) for value in (mark.price, mark.average, mark.settle, mark.index_price, mark.rate)]
    return (
        f'{{"e":"markPriceUpdate","E":{sent},"s":"{symbol}","p":"{prices[0]}","ap":"{prices[1]}","P":"{prices[2]}",'
        f'"i":"{prices[3]}","r":"{prices[4]}","T":{funding},"st":{kind}}}'
    )
