"""simulator.binance.payloads: the engine's state printed as Binance spot prints it. Pure.

Every function returns the JSON payload object as text, keys in wire order. Times are given in the unit to print;
prices and sizes are printed with eight decimals from integer ticks and lots.

Source: protocol sheet section 1.5 (spot-docs, captures of 2024 to 2026).
"""

from __future__ import annotations

from collections.abc import Iterable

from hoga.simulator.engine import AggTrade, Bar, Cut, Instrument, Level, RollingStats, Top, Trade

__all__ = [
    "agg_trade",
    "average_price",
    "book_ticker",
    "diff_depth",
    "e8_text",
    "kline",
    "levels_text",
    "mini_ticker",
    "partial_depth",
    "percent_text",
    "quote_text",
    "reference_price",
    "rolling_ticker",
    "ticker",
    "trade",
    "weighted_text",
]

E8 = 100_000_000
_NONE = "[]"


def e8_text(value_e8: int) -> str:
    """A decimal with eight places from units of 1e-8."""
    sign, value = ("-", -value_e8) if value_e8 < 0 else ("", value_e8)
    return f"{sign}{value // E8}.{value % E8:08d}"


def quote_text(quote: int, instrument: Instrument) -> str:
    """Quote volume (ticks x lots) with eight places, cut off."""
    return e8_text(quote * instrument.tick_e8 * instrument.lot_e8 // E8)


def levels_text(levels: Iterable[Level], instrument: Instrument) -> str:
    """`[["price","size"],...]` in the given order. A level's text is kept until it changes."""
    tick, lot = instrument.tick_e8, instrument.lot_e8
    texts = []
    for level in levels:
        text = level.printed
        if text is None:
            price, size = level.price * tick, level.lots * lot
            text = level.printed = f'["{price // E8}.{price % E8:08d}","{size // E8}.{size % E8:08d}"]'
        texts.append(text)
    return f"[{','.join(texts)}]"


def partial_depth(last_id: int, bids: Iterable[Level], asks: Iterable[Level], instrument: Instrument) -> str:
    """Top levels: no event time, no symbol. The REST snapshot has the same shape."""
    return f'{{"lastUpdateId":{last_id},"bids":{levels_text(bids, instrument)},"asks":{levels_text(asks, instrument)}}}'


def diff_depth(cut: Cut, event: int, instrument: Instrument) -> str:
    """Changed levels with their new absolute sizes."""
    bids, asks = _changes(cut.bids, instrument), _changes(cut.asks, instrument)
    return f'{{"e":"depthUpdate","E":{event},"s":"{instrument.symbol}","U":{cut.first_id},"u":{cut.final_id},"b":{bids},"a":{asks}}}'


def _changes(changes: list[tuple[int, int]], instrument: Instrument) -> str:
    if not changes:
        return _NONE
    tick, lot = instrument.tick_e8, instrument.lot_e8
    texts = [f'["{e8_text(price * tick)}","{e8_text(lots * lot)}"]' for price, lots in changes]
    return f"[{','.join(texts)}]"


def trade(event: Trade, sent: int, time: int, instrument: Instrument) -> str:
    """One match."""
    return (
        f'{{"e":"trade","E":{sent},"s":"{instrument.symbol}","t":{event.trade_id},"p":"{e8_text(event.price * instrument.tick_e8)}",'
        f'"q":"{e8_text(event.lots * instrument.lot_e8)}","T":{time},"m":{_bool(event.buyer_is_maker)},"M":true}}'
    )


def agg_trade(event: AggTrade, sent: int, time: int, instrument: Instrument) -> str:
    """All matches of one taker at one price."""
    return (
        f'{{"e":"aggTrade","E":{sent},"s":"{instrument.symbol}","a":{event.agg_id},"p":"{e8_text(event.price * instrument.tick_e8)}",'
        f'"q":"{e8_text(event.lots * instrument.lot_e8)}","f":{event.first_id},"l":{event.last_id},"T":{time},'
        f'"m":{_bool(event.buyer_is_maker)},"M":true}}'
    )


def book_ticker(top: Top, instrument: Instrument) -> str:
    """Best of both sides: no event type, no time."""
    tick, lot = instrument.tick_e8, instrument.lot_e8
    return (
        f'{{"u":{top.update_id},"s":"{instrument.symbol}","b":"{e8_text(top.bid * tick)}","B":"{e8_text(top.bid_lots * lot)}",'
        f'"a":"{e8_text(top.ask * tick)}","A":"{e8_text(top.ask_lots * lot)}"}}'
    )


def kline(bar: Bar, interval: str, *, sent: int, opened: int, closes: int, final: bool, instrument: Instrument) -> str:
    """A candle in progress, or its final state."""
    tick, lot, symbol = instrument.tick_e8, instrument.lot_e8, instrument.symbol
    return (
        f'{{"e":"kline","E":{sent},"s":"{symbol}","k":{{"t":{opened},"T":{closes},"s":"{symbol}","i":"{interval}",'
        f'"f":{bar.first_id},"L":{bar.last_id},"o":"{e8_text(bar.open * tick)}","c":"{e8_text(bar.close * tick)}",'
        f'"h":"{e8_text(bar.high * tick)}","l":"{e8_text(bar.low * tick)}","v":"{e8_text(bar.lots * lot)}","n":{bar.count},'
        f'"x":{_bool(final)},"q":"{quote_text(bar.quote, instrument)}","V":"{e8_text(bar.taker_lots * lot)}",'
        f'"Q":"{quote_text(bar.taker_quote, instrument)}","B":"0"}}}}'
    )


def mini_ticker(stats: RollingStats, sent: int, instrument: Instrument) -> str:
    """24 h statistics, short."""
    tick = instrument.tick_e8
    return (
        f'{{"e":"24hrMiniTicker","E":{sent},"s":"{instrument.symbol}",'
        f'"c":"{e8_text(stats.close * tick)}","o":"{e8_text(stats.open * tick)}",'
        f'"h":"{e8_text(stats.high * tick)}","l":"{e8_text(stats.low * tick)}","v":"{e8_text(stats.lots * instrument.lot_e8)}",'
        f'"q":"{quote_text(stats.quote, instrument)}"}}'
    )


def ticker(stats: RollingStats, top: Top, sent: int, *, opened: int, closed: int, instrument: Instrument) -> str:
    """24 h statistics, long."""
    tick, lot = instrument.tick_e8, instrument.lot_e8
    return (
        f'{{"e":"24hrTicker","E":{sent},"s":"{instrument.symbol}",{_change(stats, instrument)},"x":"{e8_text(stats.previous * tick)}",'
        f'"c":"{e8_text(stats.close * tick)}","Q":"{e8_text(stats.last_lots * lot)}",'
        f'"b":"{e8_text(top.bid * tick)}","B":"{e8_text(top.bid_lots * lot)}",'
        f'"a":"{e8_text(top.ask * tick)}","A":"{e8_text(top.ask_lots * lot)}",'
        f'"o":"{e8_text(stats.open * tick)}","h":"{e8_text(stats.high * tick)}","l":"{e8_text(stats.low * tick)}",'
        f'"v":"{e8_text(stats.lots * lot)}","q":"{quote_text(stats.quote, instrument)}","O":{opened},"C":{closed},'
        f'"F":{stats.first_id},"L":{stats.last_id},"n":{stats.trades}}}'
    )


def rolling_ticker(stats: RollingStats, window: str, sent: int, *, opened: int, closed: int, instrument: Instrument) -> str:
    """Statistics of a shorter window."""
    tick, lot = instrument.tick_e8, instrument.lot_e8
    change = e8_text((stats.close - stats.open) * tick)
    return (
        f'{{"e":"{window}Ticker","E":{sent},"s":"{instrument.symbol}","p":"{change}","P":"{percent_text(stats)}",'
        f'"o":"{e8_text(stats.open * tick)}","h":"{e8_text(stats.high * tick)}",'
        f'"l":"{e8_text(stats.low * tick)}","c":"{e8_text(stats.close * tick)}",'
        f'"w":"{weighted_text(stats, instrument)}","v":"{e8_text(stats.lots * lot)}","q":"{quote_text(stats.quote, instrument)}",'
        f'"O":{opened},"C":{closed},"F":{stats.first_id},"L":{stats.last_id},"n":{stats.trades}}}'
    )


def average_price(quote: int, lots: int, sent: int, last_trade: int, instrument: Instrument) -> str:
    """Average price of the last five minutes."""
    price = e8_text(quote * instrument.tick_e8 // lots)
    return f'{{"e":"avgPrice","E":{sent},"s":"{instrument.symbol}","i":"5m","w":"{price}","T":{last_trade}}}'


def reference_price(quote: int, lots: int, time: int, instrument: Instrument) -> str:
    """Reference price: no event time."""
    return f'{{"e":"referencePrice","s":"{instrument.symbol}","r":"{e8_text(quote * instrument.tick_e8 // lots)}","t":{time}}}'


def percent_text(stats: RollingStats) -> str:
    """Change of the window in percent, three places."""
    return f"{(stats.close - stats.open) / stats.open * 100:.3f}"


def weighted_text(stats: RollingStats, instrument: Instrument) -> str:
    """Volume-weighted average price of the window."""
    return e8_text((stats.quote // stats.lots if stats.lots else stats.close) * instrument.tick_e8)


def _change(stats: RollingStats, instrument: Instrument) -> str:
    change = e8_text((stats.close - stats.open) * instrument.tick_e8)
    return f'"p":"{change}","P":"{percent_text(stats)}","w":"{weighted_text(stats, instrument)}"'


def _bool(value: bool) -> str:
    return "true" if value else "false"
