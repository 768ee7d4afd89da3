"""Two symbols that move together: sells the one that ran ahead and buys the other, and waits for them to meet again.

The ratio of their closes is measured in its own deviations. The legs are two orders and not one: between them one of them stands alone.
"""

import numpy as np

from hoga import Strategy


class Pair(Strategy):
    symbols = ("binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT")
    params = {"interval": "1m", "length": 120, "enter": 2.0, "leave": 0.5, "notional": 600.0}

    def setup(self, m):
        self.one, self.two = (m.bars(each, self.p.interval, history=self.p.length) for each in self.symbols)

    def on_bar(self, bar):
        if not (self.one.ready and self.two.ready) or self.one[-1].end_ns != self.two[-1].end_ns:
            return  # the other one of this minute is yet to close
        ratio = np.log(self.one.arrays().close / self.two.arrays().close)
        score = float((ratio[-1] - ratio.mean()) / (ratio.std() or 1))
        held = self.position(self.symbols[0])
        if held and abs(score) < self.p.leave:
            self.hold(0, f"met again, {score:.2f}")
        elif not held and self.check("far apart", abs(score) > self.p.enter):
            self.hold(-1 if score > 0 else 1, f"{score:.2f} deviations apart")

    def hold(self, side, why):
        for symbol, series, sign in zip(self.symbols, (self.one, self.two), (side, -side), strict=True):
            self.target(symbol, round(sign * self.p.notional / float(series[-1].close), 3), why=why)
