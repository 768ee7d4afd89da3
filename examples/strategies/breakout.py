"""Breakout: in above the highest price of the last bars, out below the lowest of the last few; the size is what the stop may lose.

Works where prices run, and pays for it with many small losses where they do not. Shorts only where the venue can (`side=both`).
"""

from hoga import Strategy


class Breakout(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"interval": "5m", "entry": 48, "exit": 24, "stop_atr": 2.0, "risk": "0.5%", "side": ("long", "both")}

    def setup(self, m):
        bars = m.bars(self.symbol, self.p.interval, history=2 * self.p.entry)
        self.top, self.bottom = bars.highest(self.p.entry), bars.lowest(self.p.entry)
        self.out_top, self.out_bottom = bars.highest(self.p.exit), bars.lowest(self.p.exit)
        self.atr = bars.atr(14)
        m.protect(self.symbol, stop="3%", within="3s")  # the exit below is a signal; this one rests at the venue

    def on_bar(self, bar):
        close, held = float(bar.close), self.position()
        if (held > 0 and close < self.out_bottom[-2]) or (held < 0 and close > self.out_top[-2]):  # [-1] has this bar in it already
            self.target(self.symbol, 0, why="back through the channel")
        elif not held and self.check("above the channel", close > self.top[-2]):
            self.enter("buy", close - self.p.stop_atr * self.atr)
        elif not held and self.p.side == "both" and self.check("below the channel", close < self.bottom[-2]):
            self.enter("sell", close + self.p.stop_atr * self.atr)

    def enter(self, side, stop):
        size = self.size(self.symbol, risk=self.p.risk, stop=stop, side=side)
        if self.check("worth an order", size > 0):
            self.target(self.symbol, size if side == "buy" else -size, why=f"out of the channel, stop {stop:.1f}")
