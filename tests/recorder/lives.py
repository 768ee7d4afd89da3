"""Lives of a recorder in one folder, one after the other: what `hoga run` does to it, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hoga.archive.form.ledger import LiveEntry
from hoga.archive.keep.life import LifeFile, read_last_life
from hoga.archive.keep.recover import recover_folder
from hoga.archive.keep.seal import SealJob, discard_journals, seal_and_keep
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from tests.recorder.workbench import NOON_NS, Archive, Bench
from tests.waiting import LONG_S

Payload = Callable[[int], bytes]


class Lives:
    """The folder `root` through any number of lives. `now` is the wall clock; each life advances it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = NOON_NS
        self.archive = Archive(root)
        self.folder = root / "orderbook" / "temporary" / "journal"

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND_NS)

    async def live(
        self,
        wanted: list[Stream],
        frames: dict[Stream, Iterable[bytes]] | None = None,
        *,
        wait_s: float = 0.0,
        connect: list[Stream] | None = None,
        seconds: float = 1.0,
        then: dict[Stream, Iterable[bytes]] | None = None,
        end: str = "stop",
        seal: bool = True,
        **fields: Any,
    ) -> None:
        """Recover, wait `wait_s`, connect (`connect`, or the streams of `frames`), take the frames, go on for `seconds`, take those of
        `then`, and end: `stop` in good order, or `kill`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        assert recover_folder(self.folder, now_ns=self.now).failed == []
        memory = LifeFile(self.folder)
        life = read_last_life(self.folder)
        memory.begin(life)
        bench = Bench(self.root, wanted, start_ns=self.now, **fields).start(life)
        self._pass(bench, wait_s)
        frames = frames or {}
        coming = list(frames) if connect is None else connect
        leg = bench.connect(*coming) if coming else None
        for of, payloads in frames.items():
            assert leg is not None
            for payload in payloads:
                bench.send(leg, of, payload)
                bench.flush()
        self._pass(bench, seconds)
        for of, payloads in (then or {}).items():
            assert leg is not None
            for payload in payloads:
                bench.send(leg, of, payload)
        self.now = bench.now
        if end == "kill":
            bench.flush()
            assert await asyncio.to_thread(bench.recorder.stop, timeout_s=LONG_S)
            bench.recorder.release()
            return
        if leg is not None:
            bench.cut(leg, reason=Reason.SHUTDOWN)
        memory.end(await bench.stop())
        for path in bench.closed if seal else ():
            result = seal_and_keep(SealJob(journals=[str(path)]))
            assert result.failed == []
            memory.keep(result.ends, result.runs)
            discard_journals([path])

    def _pass(self, bench: Bench, seconds: float) -> None:
        """Time goes by, a tick a second."""
        end = bench.now + int(seconds * SECOND_NS)
        while bench.now < end:
            bench.wait(min(1.0, (end - bench.now) / SECOND_NS))

    def spans(self, of: Stream) -> list[tuple[float, float]]:
        """When the stream's series was recorded, or a gap says why not: joined spans, in seconds from noon."""
        entries = self.archive.ledger(of.symbol, of.kind)
        spans = [(entry.from_ns, entry.to_ns) for entry in entries if isinstance(entry, LiveEntry)]
        spans += [(gap.from_ns, gap.to_ns) for gap in self.archive.gaps(of.symbol, of.kind)]
        joined: list[list[int]] = []
        for from_ns, to_ns in sorted(spans):
            if joined and from_ns <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], to_ns)
            else:
                joined.append([from_ns, to_ns])
        return [((from_ns - NOON_NS) / SECOND_NS, (to_ns - NOON_NS) / SECOND_NS) for from_ns, to_ns in joined]

    def gaps(self, of: Stream) -> list[tuple[float, float, str, int | None]]:
        """The gaps by time: from and to in seconds from noon, why, how many."""
        found: list[Gap] = sorted(self.archive.gaps(of.symbol, of.kind), key=lambda gap: (gap.from_ns, gap.to_ns))
        return [((gap.from_ns - NOON_NS) / SECOND_NS, (gap.to_ns - NOON_NS) / SECOND_NS, str(gap.reason), gap.missed) for gap in found]
