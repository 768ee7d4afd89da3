"""Quotes both sides of the market with orders that only rest, and leans against what it holds.

It earns the spread where prices stand, and loses where they run over it: whoever fills it often knows more. What it gets in a backtest
hangs on its place in the queue, which is assumed and not known.
"""

from decimal import Decimal

from hoga import Strategy


class Quoter(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"size": "0.005", "width_bp": Decimal(6), "most": Decimal("0.020"), "seconds": 2.0}

    def setup(self, m):
        m.book(self.symbol)
        m.timer(self.p.seconds)

    def on_timer(self, now_ns):
        book, held = self.book(), self.position()
        if not self.check("a market", book.bid and book.bid < book.ask):
            return
        half = book.mid * self.p.width_bp / 20_000
        lean = held / self.p.most * half  # what is held moves both prices: towards selling, when it is long
        wanted = {
            "buy": min(self.price_down(book.mid - half - lean), book.bid) if held < self.p.most else None,
            "sell": max(self.price_up(book.mid + half - lean), book.ask) if held > -self.p.most else None,
        }
        for order in self.orders():
            if order.price != wanted.get(order.side.value) or order.filled:
                self.cancel(order.id)
            else:
                wanted[order.side.value] = None  # it rests where it should
        for side, price in wanted.items():
            if price is not None:
                self.limit(self.symbol, side, self.p.size, price, why="quote", post_only=True)

    def on_stale(self, symbol, why):
        self.cancel_all(symbol)  # no order rests where nobody sees the market
