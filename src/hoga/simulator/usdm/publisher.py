"""simulator.usdm.publisher: which futures frames the engine's events become. Synchronous; time is an argument.

Trades and best quotes go out at once, depth every 100, 250 and 500 ms and unthrottled, candles every 250 ms, mark prices every
one and three seconds, statistics every one and two. Only what somebody is subscribed to is printed.

Source: protocol sheet 2.3 and 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from hoga.simulator.binance.bars import DueBar
from hoga.simulator.binance.dialect import printing
from hoga.simulator.binance.names import symbol_part
from hoga.simulator.binance.publishing import DAY_MS, MS_NS, Publishing
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import AggTrade, Engine, Market, Trade
from hoga.simulator.switchboard import Switchboard
from hoga.simulator.usdm.ids import spread_id
from hoga.simulator.usdm.instruments import contract_of
from hoga.simulator.usdm.liquidations import Liquidations
from hoga.simulator.usdm.mark import Mark, mark_of, next_funding_ms
from hoga.simulator.usdm.names import ALL_MARKET, SPEEDS_MS, channel_of, speed_suffix
from hoga.simulator.usdm.payloads import COIN_M, ContractPrinter, mark_row

__all__ = ["Publisher"]

_STEP_NS = 50 * MS_NS
_BARS_EVERY_MS = 250
_TRADFI = "XAUUSDT"
"""Tells its mark price in the arrays' second frame, as the contracts of traditional finance do; it has no streams of its own."""


class Publisher(Publishing[ContractPrinter]):
    """Prints an engine's contracts for a switchboard, as `pace` lets them run."""

    def __init__(self, engine: Engine, board: Switchboard, clock: SimClock) -> None:
        super().__init__(engine, board, clock, step_ns=_STEP_NS, printer=ContractPrinter)
        self._candles_of: dict[str, str] = {}
        self._liquidations = Liquidations()

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed: open the markets these streams need."""
        for name in names:
            if name in ALL_MARKET:
                for symbol in self._engine.instruments:
                    self._open(symbol)
            channel = channel_of(name)
            if channel is None:
                continue
            part = symbol_part(name)
            if channel.kind == "continuousKline":
                part = part.removesuffix("_perpetual")
            symbol = part.upper()
            if symbol in self._engine.instruments:
                self._open(symbol)
                if channel.argument:
                    self._bars.wake(symbol, name, channel.argument)
                    self._candles_of[name] = channel.kind

    # -- at once -----------------------------------------------------------

    def _publish_events(self, now_ns: int) -> None:
        subscribers, sent = self._board.subscribers, self._ms(now_ns)
        for name, market, printer in self._live():
            trades: list[Trade] = []
            wanted = {kind for kind in ("trade", "aggTrade", "bookTicker") if f"{name}@{kind}" in subscribers}
            for event in market.drain():
                time = self._ms(event.time_ns)
                if isinstance(event, Trade):
                    trades.append(event)
                    if "trade" in wanted:
                        self._publish(f"{name}@trade", printer.trade(event, sent, time), event.trade_id)
                elif isinstance(event, AggTrade):
                    if "aggTrade" in wanted:
                        self._publish(f"{name}@aggTrade", printer.agg_trade(event, sent, time), event.agg_id)
                elif "bookTicker" in wanted:
                    self._publish(f"{name}@bookTicker", printer.book_ticker(event, sent, time), spread_id(event.update_id))
            self._liquidations.watch(market, trades, self._ms)
            self._publish_depth(name, 0, market, printer, now_ns)

    # -- on time -----------------------------------------------------------

    def _publish_cuts(self, now_ns: int) -> None:
        step_ms = now_ns // MS_NS
        for name, market, printer in self._live():
            for speed_ms in SPEEDS_MS[1:]:
                if step_ms % speed_ms == 0:
                    self._publish_depth(name, speed_ms, market, printer, now_ns)
            self._publish_bars(name, market, printer, now_ns)
            if step_ms % 1_000 == 0:
                self._publish_statistics(name, market, printer, now_ns)
        if step_ms % 1_000 == 0:
            self._publish_arrays(now_ns)

    def _publish_depth(self, name: str, speed_ms: int, market: Market, printer: ContractPrinter, now_ns: int) -> None:
        cut = market.cut(speed_ms)
        if cut is None:
            return
        subscribers, book, suffix = self._board.subscribers, market.book, speed_suffix(speed_ms)
        sent, time, last_id = self._ms(now_ns), self._ms(market.changed_ns), spread_id(cut.final_id)
        if (stream := f"{name}@depth{suffix}") in subscribers:
            self._publish(stream, printer.diff_depth(cut, sent, time), last_id)
        for levels in (5, 10, 20) if speed_ms else ():
            if (stream := f"{name}@depth{levels}{suffix}") in subscribers:
                self._publish(stream, printer.partial_depth(cut, sent, time, book.bids.top(levels), book.asks.top(levels)), last_id)
        if speed_ms == 500 and (stream := f"{name}@rpiDepth@500ms") in subscribers:
            self._publish(stream, printer.diff_depth(cut, sent, time), last_id)

    def _publish_bars(self, name: str, market: Market, printer: ContractPrinter, now_ns: int) -> None:
        due_now = now_ns // MS_NS % _BARS_EVERY_MS == 0
        symbol = market.instrument.symbol
        for due in self._bars.due(symbol, market, now_ns // MS_NS, subscribed=self._board.subscribers, tells=lambda interval: due_now):
            self._publish(due.stream, self._bar_text(due, market, printer, self._ms(now_ns)), due.bar.last_id)

    def _bar_text(self, due: DueBar, market: Market, printer: ContractPrinter, sent: int) -> str:
        if self._candles_of[due.stream] == "kline":
            return printer.kline(due.bar, due.interval, sent, final=due.final)
        last_id = spread_id(market.book.update_id)
        return printer.continuous_kline(due.bar, due.interval, sent, ids=(last_id - due.bar.count, last_id), final=due.final)

    def _publish_statistics(self, name: str, market: Market, printer: ContractPrinter, now_ns: int) -> None:
        subscribers, sent, now_ms = self._board.subscribers, self._ms(now_ns), now_ns // MS_NS
        mark = None
        for stream, every_s in ((f"{name}@markPrice@1s", 1), (f"{name}@markPrice", 3)):
            if stream in subscribers and now_ms // 1_000 % every_s == 0:
                mark = mark or mark_of(market, now_ms)
                self._publish(stream, mark_row(market.instrument.symbol, mark, sent, next_funding_ms(now_ms)))
        largest = self._liquidations.take(market.instrument.symbol)
        if largest is not None:
            for stream in (f"{name}@forceOrder", "!forceOrder@arr"):
                if stream in subscribers:
                    self._publish(stream, printer.force_order(largest, sent))
        if now_ms // 1_000 % 2 == 0:
            stats = market.tape.rolling(DAY_MS, now_ms)
            if (stream := f"{name}@miniTicker") in subscribers:
                self._publish(stream, printer.mini_ticker(stats, sent))
            if (stream := f"{name}@ticker") in subscribers:
                self._publish(stream, printer.ticker(stats, sent, opened=stats.open_ms, closed=stats.close_ms, pair=False))

    # -- every symbol at once ----------------------------------------------

    def _publish_arrays(self, now_ns: int) -> None:
        subscribers, second = self._board.subscribers, now_ns // MS_NS // 1_000
        for stream, every_s in (("!markPrice@arr@1s", 1), ("!markPrice@arr", 3)):
            if stream in subscribers and second % every_s == 0:
                for rows in self._mark_arrays(now_ns):
                    self._publish(stream, f"[{','.join(rows)}]")
        changed = [(market, printer) for _, market, printer in self._live() if self._has_traded(market)]
        if changed and "!miniTicker@arr" in subscribers:
            rows = [printer.mini_ticker(market.tape.rolling(DAY_MS, now_ns // MS_NS), self._ms(now_ns)) for market, printer in changed]
            self._publish("!miniTicker@arr", f"[{','.join(rows)}]")
        if changed and "!ticker@arr" in subscribers:
            self._publish("!ticker@arr", f"[{','.join([self._ticker_row(market, printer, now_ns) for market, printer in changed])}]")
        if "!bookTicker" in subscribers and second % 5 == 0:
            for _, market, printer in self._live():
                self._publish("!bookTicker", printer.book_ticker(market.top, self._ms(now_ns), self._ms(market.top.time_ns)))

    def _mark_arrays(self, now_ns: int) -> Iterator[list[str]]:
        sent, now_ms = self._ms(now_ns), now_ns // MS_NS
        funding = next_funding_ms(now_ms)
        rows = []
        for _, market, _ in self._live():
            mark, instrument = mark_of(market, now_ms), market.instrument
            rows.append(mark_row(instrument.symbol, mark, sent, funding))
            if instrument.symbol == "BTCUSDT":
                rows.append(mark_row("BTCUSD_PERP", mark, sent, funding, COIN_M))
        yield rows
        gold = contract_of(_TRADFI)
        price = gold.start_ticks * gold.tick_e8
        yield [mark_row(_TRADFI, Mark(price, price, price, price, 0), sent, 0)]

    def _ticker_row(self, market: Market, printer: ContractPrinter, now_ns: int) -> str:
        stats = market.tape.rolling(DAY_MS, now_ns // MS_NS)
        return printer.ticker(stats, self._ms(now_ns), opened=stats.open_ms, closed=stats.close_ms, pair=True)

    def _ms(self, ns: int) -> int:
        return self._clock.stamp_ns(ns) // MS_NS

    def _publish(self, stream: str, text: str, last_id: int | None = None) -> None:
        self._board.publish(stream, printing(stream, lambda micros: text.encode()), last_id=last_id)
