"""Somebody who keeps what a relay sends: every file as it arrives, ledgers by their lines, as whoever gathers does."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from hoga.relay.broker import Broker, BrokerFault, address_of
from hoga.relay.config import RelayConfig
from hoga.relay.relay import Relay
from hoga.relay.subjects import SEGMENTS, FileKind, Part, put_together, read_part
from tests.nats_server import NatsServer

__all__ = ["Copy", "connected", "relaying"]


class Copy:
    """Files by name, as far as they are whole. `came`: how many messages told of each. `forgive`: the server may lose what
    it acknowledged, so lines may be missing in between."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.kinds: dict[str, FileKind] = {}
        self.came: Counter[str] = Counter()
        self.forgive = False
        self._parts: dict[tuple[str, int, int], dict[int, Part]] = {}

    def take(self, part: Part) -> None:
        head = part.head
        self.came[head.file] += 1
        parts = self._parts.setdefault((head.file, head.offset, head.crc32), {})
        parts[part.number] = part
        if len(parts) < part.of:
            return
        content = put_together(parts.values())
        self.kinds[head.file] = head.kind
        before = self.files.get(head.file, b"")
        if head.kind is FileKind.LEDGER:
            if head.offset > len(before) and self.forgive:
                return  # the lines before it are lost: whoever gathers asks for the whole ledger
            assert head.offset <= len(before), "lines are missing"
            content = before[: head.offset] + content
            content += before[len(content) :]
        self.files[head.file] = content

    async def catch_up(self, broker: Broker, durable: str = "copy") -> None:
        """Take what the server has for us."""
        pull = await broker.pull(SEGMENTS, durable, "hoga.segments.*")
        while messages := await pull.fetch(200, timeout_s=0.3):
            for received, ticket in messages:
                self.take(read_part(received.subject, received.headers, received.payload))
                await pull.ack(ticket)

    async def until(self, broker: Broker, wanted: dict[str, bytes], *, seconds: float = 60.0) -> None:
        """Take until everything that is wanted is there as it should be."""
        for _ in range(int(seconds / 0.3)):
            with contextlib.suppress(BrokerFault):
                await self.catch_up(broker)
            if all(self.files.get(name) == content for name, content in wanted.items()):
                return
            await asyncio.sleep(0.05)
        missing = [name for name, content in wanted.items() if self.files.get(name) != content]
        raise AssertionError(f"never came: {missing}")


def files_of(root: Path) -> dict[str, bytes]:
    """What of a data root is to arrive elsewhere, by name."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.relative_to(root).parts[0].startswith(".") and "journal" not in path.relative_to(root).parts
    }


@contextlib.asynccontextmanager
async def connected(server: NatsServer, **environment: str) -> AsyncIterator[Broker]:
    """A broker of `server` that comes back, with what it reads of the environment."""
    broker = Broker(address_of(server.url, environment), "test")
    await broker.open()
    keeping = asyncio.create_task(broker.keep())
    try:
        yield broker
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await broker.close()


@contextlib.asynccontextmanager
async def relaying(server: NatsServer, root: Path, collector: str = "tokyo") -> AsyncIterator[Relay]:
    relay = Relay(RelayConfig(collector=collector, nats_url=server.url, root=str(root)), {})
    try:
        await relay.open()
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        await relay.close()
