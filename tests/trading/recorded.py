"""A recorded day to trade on, made by a seed: books, quotes, trades and mark prices of a contract, as the recorder leaves them."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from hoga.archive.form.lists import pack_list
from hoga.core.ledger import Gap
from hoga.core.times import MINUTE_NS, SECOND_NS, day_start_ns, minute_of
from tests.archive.workshop import DAY, Workshop, envelope

VENUE = "binance-usdm"
START_NS = day_start_ns(DAY) + 13 * 3600 * SECOND_NS
LISTED = b"""{"timezone":"UTC","serverTime":1,"symbols":[%b]}"""
_ONE = (
    b'{"symbol":"%b","pair":"%b","contractType":"PERPETUAL","status":"TRADING","baseAsset":"%b","quoteAsset":"USDT","marginAsset":"USDT",'
    b'"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.10","maxPrice":"4529764","tickSize":"%b"},'
    b'{"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"1000","stepSize":"0.001"},'
    b'{"filterType":"MARKET_LOT_SIZE","minQty":"0.001","maxQty":"120","stepSize":"0.001"},'
    b'{"filterType":"MIN_NOTIONAL","notional":"5"}]}'
)
KINDS = ("orderbook", "quote", "execution", "mark")


def listing(*names: str, tick: str = "0.10") -> bytes:
    """What the venue's list says of some symbols."""
    return LISTED % b",".join(_ONE % (each.encode(), each.encode(), each[:3].encode(), tick.encode()) for each in names)


class Market:
    """A walk of a price, and what a venue sends of it. `lines`: (kind, receipt, line) in order."""

    venue = VENUE

    def __init__(self, name: str = "BTCUSDT", *, seed: int = 1, price: int = 600_000, day: str = DAY) -> None:
        self.name = name
        self.day = day
        self.random = random.Random(seed)
        self.price = price
        self.number = 1_000
        self.lines: list[tuple[str, int, bytes]] = []

    def walk(self, start_ns: int, seconds: float, *, step_ms: int = 100, kinds: tuple[str, ...] = KINDS) -> Market:
        """So many seconds more."""
        for index in range(int(seconds * 1000 / step_ms)):
            at_ns = start_ns + index * step_ms * 1_000_000 + self.random.randrange(40_000_000)
            self.price = max(1_000, self.price + round(self.random.gauss(0, 12)))
            self.step(at_ns, kinds)
        return self

    def step(self, at_ns: int, kinds: tuple[str, ...]) -> None:
        """One moment: some of everything."""
        self.number += 1
        bid, ask, ms = self.price, self.price + 1, at_ns // 1_000_000 - 3
        sizes = [f"{self.random.randrange(1, 90_000) / 1000:.3f}" for _ in range(40)]
        if "orderbook" in kinds:
            bids = ",".join(f'["{(bid - level) / 10:.2f}","{sizes[level]}"]' for level in range(20))
            asks = ",".join(f'["{(ask + level) / 10:.2f}","{sizes[20 + level]}"]' for level in range(20))
            head = f'{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"{self.name}","U":{self.number},"u":{self.number},"pu":{self.number - 1}'
            self.add("orderbook", at_ns, f'{head},"b":[{bids}],"a":[{asks}]}}')
        if "quote" in kinds:
            top = f'"b":"{bid / 10:.2f}","B":"{sizes[0]}","a":"{ask / 10:.2f}","A":"{sizes[20]}"'
            self.add("quote", at_ns + 1_000, f'{{"e":"bookTicker","u":{self.number},"s":"{self.name}",{top},"T":{ms},"E":{ms}}}')
        if "execution" in kinds and self.random.random() < 0.6:
            sells = self.random.random() < 0.5
            said = f'"p":"{(bid if sells else ask) / 10:.2f}","q":"{sizes[1]}","f":{self.number},"l":{self.number},"T":{ms}'
            head = f'{{"e":"aggTrade","E":{ms},"s":"{self.name}","a":{self.number}'
            self.add("execution", at_ns + 2_000, f'{head},{said},"m":{"true" if sells else "false"}}}')
        if "mark" in kinds and self.number % 10 == 0:
            mark = f'"p":"{bid / 10:.8f}","P":"{bid / 10:.8f}","i":"{bid / 10:.8f}","r":"0.00010000","T":{ms + 3_600_000}'
            self.add("mark", at_ns + 3_000, f'{{"e":"markPriceUpdate","E":{ms},"s":"{self.name}",{mark}}}')

    def add(self, kind: str, at_ns: int, payload: str) -> None:
        """One record."""
        self.lines.append((kind, at_ns, envelope(at_ns, payload.encode())))

    def keep(self, root: Path, *, tick: str = "0.10", gaps: tuple[tuple[str, Gap], ...] = ()) -> None:
        """Seal everything below `root` (the data folder), minute by minute, with the venue's list beside it."""
        self.seal(root, gaps=gaps)
        folder = root / VENUE / "instruments"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"instruments_{DAY}.json.zst").write_bytes(pack_list(listing(self.name, tick=tick)))

    def seal(self, root: Path, *, gaps: tuple[tuple[str, Gap], ...] = ()) -> None:
        """The same without a list."""
        minutes: dict[tuple[str, str], list[tuple[int, bytes]]] = defaultdict(list)
        for kind, at_ns, line in self.lines:
            minutes[kind, minute_of(at_ns)].append((at_ns, line))
        shops: dict[str, Workshop] = {}
        for (kind, minute), each in sorted(minutes.items()):
            shops.setdefault(kind, Workshop(root / self.venue / kind, kind, symbol=self.name, day=self.day)).seal(
                minute, [line for _, line in each]
            )
        for kind, gap in gaps:
            shops[kind].tell_gap(gap)


class SpotMarket(Market):
    """The same of a pair on spot, where a position is coins: there are no marks."""

    venue = "binance"

    def step(self, at_ns: int, kinds: tuple[str, ...]) -> None:
        """One moment: some of everything."""
        self.number += 1
        bid, ask, ms = self.price, self.price + 1, at_ns // 1_000_000 - 3
        sizes = [f"{self.random.randrange(1, 90_000) / 1000:.5f}" for _ in range(12)]
        if "orderbook" in kinds:
            bids = ",".join(f'["{(bid - level) / 10:.2f}","{sizes[level]}"]' for level in range(6))
            asks = ",".join(f'["{(ask + level) / 10:.2f}","{sizes[6 + level]}"]' for level in range(6))
            self.add("orderbook", at_ns, f'{{"lastUpdateId":{self.number},"bids":[{bids}],"asks":[{asks}]}}')
        if "quote" in kinds:
            top = f'"b":"{bid / 10:.2f}","B":"{sizes[0]}","a":"{ask / 10:.2f}","A":"{sizes[6]}"'
            self.add("quote", at_ns + 1_000, f'{{"u":{self.number},"s":"{self.name}",{top}}}')
        if "execution" in kinds and self.random.random() < 0.6:
            sells = self.random.random() < 0.5
            said = f'"p":"{(bid if sells else ask) / 10:.2f}","q":"{sizes[1]}","f":{self.number},"l":{self.number},"T":{ms}'
            head = f'{{"e":"aggTrade","E":{ms},"s":"{self.name}","a":{self.number}'
            self.add("execution", at_ns + 2_000, f'{head},{said},"m":{"true" if sells else "false"},"M":true}}')


def strategy(folder: Path, text: str = "", **params: Any) -> Path:
    """The strategy that crosses, on bars of five seconds; or what `text` says."""
    path = folder / "mine.py"
    path.write_text(text or CROSS)
    return path


CROSS = """
from hoga import Strategy


class Cross(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    params = {"fast": 2, "slow": 5, "size": "0.010"}

    def setup(self, m):
        bars = m.bars(self.symbol, "5s", history=50)
        self.fast, self.slow = bars.sma(self.p.fast), bars.sma(self.p.slow)

    def on_bar(self, bar):
        want = self.p.size if self.fast > self.slow else 0
        self.target(self.symbol, want, why=f"{self.fast:.1f}/{self.slow:.1f}")
"""
MINUTE = MINUTE_NS
