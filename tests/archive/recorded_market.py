"""A seeded market as it was recorded: deltas, books and snapshots that agree, in an archive with right checksums."""

from __future__ import annotations

import json
import random
from pathlib import Path

from hoga.core.times import MINUTE_NS, day_start_ns
from tests.archive.workshop import DAY, Workshop, envelope

PER_MINUTE = 100
STEP_NS = 500_000_000


class Recording:
    """A seeded market as it was recorded: a delta and a book of twenty levels each half second, snapshots on demand. `deltas`, `books` and
    `snapshots` are (day, minute, receipt, id, payload) and may be changed before `seal`."""

    def __init__(self, seed: int, minutes: list[tuple[str, str]], *, levels: int = 30) -> None:
        self.random = random.Random(seed)
        self.bids = {9_000 - at: self._size() for at in range(levels)}
        self.asks = {9_001 + at: self._size() for at in range(levels)}
        self.deltas: list[tuple[str, str, int, int, bytes]] = []
        self.books: list[tuple[str, str, int, int, bytes]] = []
        self.snapshots: list[tuple[str, str, int, int, bytes]] = []
        self.number = 1_000
        for day, minute in minutes:
            start = day_start_ns(day) + (int(minute[:2]) * 60 + int(minute[3:])) * MINUTE_NS
            for at in range(PER_MINUTE):
                self._event(day, minute, start + at * STEP_NS)

    def _size(self) -> int:
        return self.random.randint(1, 999)

    def _event(self, day: str, minute: str, recv_ns: int) -> None:
        first, changes = self.number + 1, ({}, {})  # type: tuple[dict[int, int], dict[int, int]]
        for _ in range(self.random.randint(1, 4)):
            self.number += 1
            side = self.random.randint(0, 1)
            levels = (self.bids, self.asks)[side]
            price = (
                self.random.choice(list(levels))
                if self.random.random() < 0.8
                else (9_000 - 40, 9_001 + 40)[side] + self.random.randint(0, 9)
            )
            size = 0 if self.random.random() < 0.15 and len(levels) > 22 else self._size()
            changes[side][price] = size
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
        text = b'{"e":"depthUpdate","E":1790134512214,"s":"BTCUSDT","U":%d,"u":%d,"b":%b,"a":%b}'
        self.deltas.append((day, minute, recv_ns, self.number, text % (first, self.number, *(spelt(each.items()) for each in changes))))
        self.books.append((day, minute, recv_ns + 1_000, self.number, self.whole(20)))

    def whole(self, depth: int) -> bytes:
        bids, asks = sorted(self.bids.items(), reverse=True)[:depth], sorted(self.asks.items())[:depth]
        return b'{"lastUpdateId":%d,"bids":%b,"asks":%b}' % (self.number, spelt(bids), spelt(asks))

    def snapshot_at(self, index: int) -> None:
        """A snapshot as the venue had it after its delta number `index`, received a little later."""
        day, minute, recv_ns, number, _ = self.deltas[index]
        bids, asks = self.state(index)
        body = b'{"lastUpdateId":%d,"bids":%b,"asks":%b}' % (number, spelt(sorted(bids.items(), reverse=True)), spelt(sorted(asks.items())))
        self.snapshots.append((day, minute, recv_ns + 50_000_000, number, body))

    def state(self, index: int) -> tuple[dict[int, int], dict[int, int]]:
        raise NotImplementedError

    def seal(self, root: Path) -> Path:
        for kind, records in (("delta", self.deltas), ("orderbook", self.books), ("snapshot", self.snapshots)):
            for day, minute in dict.fromkeys((day, minute) for day, minute, *_ in records):
                mine = [each for each in records if each[:2] == (day, minute)]
                channel = {"delta": "depth@100ms", "orderbook": "depth20@100ms", "snapshot": "snapshot"}[kind]
                shop = Workshop(root / "binance" / kind, kind, day=day)
                ids = [each[3] for each in mine] + [json.loads(each[4]).get("U", each[3]) for each in mine]
                shop.seal(minute, [envelope(each[2], each[4]) for each in mine], ids=ids, streams=[f"btcusdt@{channel}"])
        return root


def spelt(levels: object) -> bytes:
    pairs = ",".join(f'["{price / 100:.2f}","{size / 1000:.3f}"]' for price, size in levels)  # type: ignore[attr-defined]
    return f"[{pairs}]".encode()


class Market(Recording):
    """Remembers the whole book after each event."""

    def __init__(self, seed: int, minutes: list[tuple[str, str]], *, levels: int = 30) -> None:
        self.states: list[tuple[dict[int, int], dict[int, int]]] = []
        super().__init__(seed, minutes, levels=levels)

    def _event(self, day: str, minute: str, recv_ns: int) -> None:
        super()._event(day, minute, recv_ns)
        self.states.append((dict(self.bids), dict(self.asks)))

    def state(self, index: int) -> tuple[dict[int, int], dict[int, int]]:
        return self.states[index]


TODAY = [(DAY, "13-15"), (DAY, "13-16")]
