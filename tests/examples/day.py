"""Makes the market of which `docs/strategies.md` tells: `python -m tests.examples.day FOLDER`; and what each example made of it.

A walk by chance of two contracts, whose steps are as large as those of the real ones on a quiet day and go together in part; busy hours and
quiet ones. There is nothing in it that anybody could foresee: what a strategy shows there is what it costs.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.core.times import DAY_NS, SECOND_NS, day_of, day_start_ns, iso_of
from tests.archive.workshop import DAY, Workshop
from tests.trading.recorded import KINDS, VENUE, Market

_VOLATILITY = 0.025
"""Of a day."""
_DAYS_BEFORE = 7
STRATEGIES = Path(__file__).resolve().parents[2] / "examples" / "strategies"


class Day(Market):
    """One contract's day, told its prices."""

    def follow(self, day: str, prices: list[int], step_s: int, kinds: tuple[str, ...], root: Path) -> None:
        """One step each `step_s` seconds, sealed below `root`."""
        start_ns = day_start_ns(day)
        shops = {kind: Workshop(root / VENUE / kind, kind, symbol=self.name, day=day) for kind in kinds}
        for minute in range(24 * 60):
            self.lines = []
            for second in range(0, 60, step_s):
                at = minute * 60 + second
                self.price = prices[at // step_s]
                self.step(start_ns + at * SECOND_NS + self.random.randrange(40_000_000), kinds)
            for kind, shop in shops.items():
                lines = [line for each, _, line in self.lines if each == kind]
                if lines:
                    shop.seal(f"{minute // 60:02d}-{minute % 60:02d}", lines)


def walk(seed: int, price: int, steps: int, step_s: int, common: list[float]) -> Iterator[int]:
    """Prices: two thirds of what moves them is `common` to all contracts."""
    chance, at = random.Random(seed), math.log(price)
    for number in range(steps):
        busy = 0.6 + 0.8 * math.sin(math.pi * (number * step_s % 86_400) / 86_400) ** 2
        own = chance.gauss(0, 1)
        at += _VOLATILITY / math.sqrt(86_400 / step_s) * busy * (0.8 * common[number] + 0.6 * own)
        yield max(1, round(math.exp(at)))


def make(root: Path) -> None:
    """A week of trades, and a day of everything."""
    last_ns = day_start_ns(DAY)
    markets = [Day("BTCUSDT", seed=1, price=600_000), Day("ETHUSDT", seed=2, price=30_000)]
    for back in range(_DAYS_BEFORE, -1, -1):
        day, step_s, kinds = day_of(last_ns - back * DAY_NS), 1 if not back else 5, KINDS if not back else ("execution",)
        steps, shared = 86_400 // step_s, random.Random(back)
        common = [shared.gauss(0, 1) for _ in range(steps)]
        for number, market in enumerate(markets):
            market.follow(day, list(walk(100 * back + number, market.price, steps, step_s, common)), step_s, kinds, root)


def main() -> None:
    """Make it, unless it is there; run the examples; a line each."""
    root = Path(sys.argv[1])
    if not root.exists():
        make(root)
    for path in sorted(STRATEGIES.glob("*.py")):
        config = load_config(None, overrides=["MAX_ORDER_NOTIONAL=20000", "MAX_POSITION_NOTIONAL=20000"], environ={}, data_dir=root)
        plan = plan_backtest(config, str(path), (), start_ns=day_start_ns(DAY), ask=False)
        end: Any = backtest(plan)
        sys.stdout.write(f"{path.stem} {iso_of(plan.start_ns)[:10]} {end.orders} {end.fills} {end.pnl} {end.verdict} {end.journal}\n")


if __name__ == "__main__":
    main()
