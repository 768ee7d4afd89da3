"""Two averages that cross, a strategy of fifteen lines. Beside `hoga sim`: `hoga trade examples/strategies/cross.py --mode live`."""

from hoga import Strategy


class Cross(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"fast": 10, "slow": 30, "size": "0.010", "interval": "1m"}

    def setup(self, m):  # declared, so that what is needed is known before anything starts
        bars = m.bars(self.symbol, self.p.interval, history=200)
        self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)
        m.protect(self.symbol, stop="1.5%", within="3s")  # no naked position

    def on_bar(self, bar):  # called only on closed, contiguous bars
        want = self.p.size if self.fast > self.slow else 0
        self.target(self.symbol, want, why=f"{self.fast:.1f}/{self.slow:.1f}")
