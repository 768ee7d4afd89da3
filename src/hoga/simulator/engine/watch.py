"""simulator.engine.watch: what markets have traded since somebody last looked: what triggers are met by. Pure."""

from __future__ import annotations

from hoga.simulator.engine.market import Engine

__all__ = ["Watch"]


class Watch:
    """Looks at an engine's markets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, int] = {}

    def begin(self, symbol: str) -> None:
        """What was traded until now is not asked for."""
        trades = self._engine.market(symbol).trades
        self._seen[symbol] = trades[-1].trade_id if trades else 0

    def prices(self, symbol: str) -> list[int]:
        """The prices traded since the last look, in ticks, oldest first."""
        seen, prices = self._seen.get(symbol, 0), []
        for trade in reversed(self._engine.market(symbol).trades):
            if trade.trade_id <= seen:
                break
            prices.append(trade.price)
        self.begin(symbol)
        return prices[::-1]
