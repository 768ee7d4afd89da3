"""simulator.binance.payloads: the engine's state printed as Binance spot prints it. Pure.

Every method returns the JSON payload object as text, keys in wire order. Times are given in the unit to print, prices and
sizes have eight decimals.

Source: protocol sheet section 1.5 (spot-docs, captures of 2024 to 2026).
"""

from __future__ import annotations

from collections.abc import Iterable

from hoga.simulator.binance.printer import Printer, bool_text, e8_text
from hoga.simulator.engine import AggTrade, Bar, Cut, Level, RollingStats, Top, Trade

__all__ = ["SpotPrinter", "percent_text"]


def percent_text(stats: RollingStats) -> str:
    """Change of the window in percent, three places."""
    return f"{(stats.close - stats.open) / stats.open * 100:.3f}"


class SpotPrinter(Printer):
    """Prints one symbol."""

    def partial_depth(self, last_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> str:
        """Top levels: no event time, no symbol. The REST snapshot has the same shape."""
        return f'{{"lastUpdateId":{last_id},"bids":{self.levels(bids)},"asks":{self.levels(asks)}}}'

    def diff_depth(self, cut: Cut, event: int) -> str:
        """Changed levels with their new absolute sizes."""
        symbol, bids, asks = self.instrument.symbol, self.changes(cut.bids), self.changes(cut.asks)
        return f'{{"e":"depthUpdate","E":{event},"s":"{symbol}","U":{cut.first_id},"u":{cut.final_id},"b":{bids},"a":{asks}}}'

    def trade(self, event: Trade, sent: int, time: int) -> str:
        """One match."""
        return (
            f'{{"e":"trade","E":{sent},"s":"{self.instrument.symbol}","t":{event.trade_id},"p":"{self.price(event.price)}",'
            f'"q":"{self.size(event.lots)}","T":{time},"m":{bool_text(event.buyer_is_maker)},"M":true}}'
        )

    def agg_trade(self, event: AggTrade, sent: int, time: int) -> str:
        """All matches of one taker at one price."""
        return (
            f'{{"e":"aggTrade","E":{sent},"s":"{self.instrument.symbol}","a":{event.agg_id},"p":"{self.price(event.price)}",'
            f'"q":"{self.size(event.lots)}","f":{event.first_id},"l":{event.last_id},"T":{time},'
            f'"m":{bool_text(event.buyer_is_maker)},"M":true}}'
        )

    def book_ticker(self, top: Top) -> str:
        """Best of both sides: no event type, no time."""
        return (
            f'{{"u":{top.update_id},"s":"{self.instrument.symbol}","b":"{self.price(top.bid)}","B":"{self.size(top.bid_lots)}",'
            f'"a":"{self.price(top.ask)}","A":"{self.size(top.ask_lots)}"}}'
        )

    def kline(self, bar: Bar, interval: str, *, sent: int, opened: int, closes: int, final: bool) -> str:
        """A candle in progress, or its final state."""
        symbol = self.instrument.symbol
        candle = self.candle(bar, interval, (bar.first_id, bar.last_id), final=final)
        return f'{{"e":"kline","E":{sent},"s":"{symbol}","k":{{"t":{opened},"T":{closes},"s":"{symbol}",{candle}}}}}'

    def mini_ticker(self, stats: RollingStats, sent: int) -> str:
        """24 h statistics, short."""
        return (
            f'{{"e":"24hrMiniTicker","E":{sent},"s":"{self.instrument.symbol}",'
            f'"c":"{self.price(stats.close)}","o":"{self.price(stats.open)}",'
            f'"h":"{self.price(stats.high)}","l":"{self.price(stats.low)}","v":"{self.size(stats.lots)}",'
            f'"q":"{self.quote(stats.quote)}"}}'
        )

    def ticker(self, stats: RollingStats, top: Top, sent: int, *, opened: int, closed: int) -> str:
        """24 h statistics, long."""
        return (
            f'{{"e":"24hrTicker","E":{sent},"s":"{self.instrument.symbol}",{self._change(stats)},"x":"{self.price(stats.previous)}",'
            f'"c":"{self.price(stats.close)}","Q":"{self.size(stats.last_lots)}",'
            f'"b":"{self.price(top.bid)}","B":"{self.size(top.bid_lots)}",'
            f'"a":"{self.price(top.ask)}","A":"{self.size(top.ask_lots)}",'
            f'"o":"{self.price(stats.open)}","h":"{self.price(stats.high)}","l":"{self.price(stats.low)}",'
            f'"v":"{self.size(stats.lots)}","q":"{self.quote(stats.quote)}","O":{opened},"C":{closed},'
            f'"F":{stats.first_id},"L":{stats.last_id},"n":{stats.trades}}}'
        )

    def rolling_ticker(self, stats: RollingStats, window: str, sent: int, *, opened: int, closed: int) -> str:
        """Statistics of a shorter window."""
        return (
            f'{{"e":"{window}Ticker","E":{sent},"s":"{self.instrument.symbol}",'
            f'"p":"{self.price(stats.close - stats.open)}","P":"{percent_text(stats)}",'
            f'"o":"{self.price(stats.open)}","h":"{self.price(stats.high)}",'
            f'"l":"{self.price(stats.low)}","c":"{self.price(stats.close)}",'
            f'"w":"{self.weighted(stats)}","v":"{self.size(stats.lots)}","q":"{self.quote(stats.quote)}",'
            f'"O":{opened},"C":{closed},"F":{stats.first_id},"L":{stats.last_id},"n":{stats.trades}}}'
        )

    def average(self, quote: int, lots: int) -> str:
        """What a lot cost, between ticks too."""
        return e8_text(quote * self.instrument.tick_e8 // lots)

    def average_price(self, quote: int, lots: int, sent: int, last_trade: int) -> str:
        """Average price of the last five minutes."""
        price = self.average(quote, lots)
        return f'{{"e":"avgPrice","E":{sent},"s":"{self.instrument.symbol}","i":"5m","w":"{price}","T":{last_trade}}}'

    def reference_price(self, quote: int, lots: int, time: int) -> str:
        """Reference price: no event time."""
        return f'{{"e":"referencePrice","s":"{self.instrument.symbol}","r":"{self.average(quote, lots)}","t":{time}}}'

    def _change(self, stats: RollingStats) -> str:
        change = self.price(stats.close - stats.open)
        return f'"p":"{change}","P":"{percent_text(stats)}","w":"{self.weighted(stats)}"'
