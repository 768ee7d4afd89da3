"""A whole one: the trend of four hours, the pullback of fifteen minutes, the entry of one minute; in the hours of New York alone; sized by
what the stop loses; with a stop, a take and a trailing stop that rest at the venue; and each condition counted.

`hoga trade … --json` and the report tell which of the conditions stopped most entries.
"""

from hoga import Strategy


class Whole(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {
        "trend": "4h",
        "pullback": "15m",
        "entry": "1m",
        "history": 60,
        "risk": "0.5%",
        "stop": "1.2%",
        "take": "2.4%",
        "trail": "0.8%",
        "hours": ("New York", "always"),
    }

    def setup(self, m):
        long = m.bars(self.symbol, self.p.trend, history=self.p.history)
        middle = m.bars(self.symbol, self.p.pullback, history=self.p.history)
        short = m.bars(self.symbol, self.p.entry, history=self.p.history)
        self.slow, self.slower = long.ema(10), long.ema(30)
        self.strength = middle.rsi(14)
        self.mean, self.turns = short.sma(20), short.swings(2)
        self.hours = m.session("America/New_York", "09:30", "16:00", days="Mon-Fri")
        m.protect(self.symbol, stop=self.p.stop, take=self.p.take, trail=(self.p.trail, self.p.trail), time_limit="8h", within="3s")

    def on_bar(self, bar):
        if bar.interval != self.p.entry or self.position() or not self.turns.ready:
            return
        conditions = [  # all of them are asked, so that the report knows which one stood alone in the way
            self.check("in hours", self.p.hours == "always" or self.hours.open),
            self.check("trend up", self.slow > self.slower),
            self.check("pulled back", self.strength < 55),
            self.check("above its mean", self.mean < bar.close),
            self.check("over the last swing", self.turns.high < bar.close),
        ]
        if all(conditions):
            stop = float(bar.close) * (1 - float(self.p.stop.rstrip("%")) / 100)
            size = self.size(self.symbol, risk=self.p.risk, stop=stop, side="buy")
            if self.check("worth an order", size > 0):
                self.target(self.symbol, size, why=f"rsi {self.strength:.0f}, over {self.turns.high:.1f}")

    def on_session(self, session):
        if not session.open and self.p.hours != "always":
            self.flatten(why="the session is over")
