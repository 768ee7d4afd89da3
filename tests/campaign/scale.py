"""One simulator, three collectors with a bad line each, their relays, a NATS server and a gather: all killed at random, again and again.

    python -m tests.campaign.scale --minutes 5 --kills 50 --seed 1

Every collector has its own line to the simulator, which is cut, held back, and loses single frames at random, and its own clock: two of
them are off by more than a minute (where faketime is installed). The server loses its newest block of messages when it is killed. Held
against `hoga merge` of the three archives, and against plain loops over their lines: the day that was gathered has every record that any
of them wrote, once; its bytes have the same SHA-256, also where everything is gathered a second time, in another order, a tenth of it
twice; a gap is left only where all three had one; `hoga verify` finds nothing wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from tests.campaign.faults import FAKETIME
from tests.campaign.union import HOGA, NAMES, SETTINGS, _hoga, _lines, _payload
from tests.nats_server import NatsServer
from tests.relay.relays import FakeRelay

ORDER = "COLLECTORS=tokyo,seoul,osaka"
SKEWS_S = {"seoul": 75, "osaka": -90}
"""So far a collector's clock is ahead."""
LOST = 0.001
"""Of the venue's frames, by each line."""


class BadLine:
    """A TCP proxy to one port of the simulator: connections are cut, bytes held back, and frames of the venue's lost, at random."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._to, self._chance = port, chance
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = self.lost = 0
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True).start()
        ready.wait(10)

    def _serve(self, ready: threading.Event) -> None:
        async def main() -> None:
            server = await asyncio.start_server(self._take, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()

        self._loop.run_until_complete(main())

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        life = self._chance.uniform(4, 25)
        pumps = asyncio.gather(self._pump(reader, back), self._pump_frames(there, writer))
        try:
            await asyncio.wait_for(pumps, life)
        except (TimeoutError, OSError):
            self.cuts += 1
        finally:
            for each in (writer, back):
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self._hand_on(data, writer)

    async def _pump_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The venue's side, WebSocket frame by frame: one without fragments and with data may be lost."""
        try:
            await self._hand_on(await reader.readuntil(b"\r\n\r\n"), writer)
            while True:
                head = await reader.readexactly(2)
                wide = {126: 2, 127: 8}.get(head[1] & 127, 0)
                head += await reader.readexactly(wide)
                size = int.from_bytes(head[2:], "big") if wide else head[1] & 127
                body = await reader.readexactly(size)
                if head[0] in (0x81, 0x82) and b'"result"' not in body and self._chance.random() < LOST:
                    self.lost += 1
                    continue
                await self._hand_on(head + body, writer)
        except asyncio.IncompleteReadError as end:
            writer.write(end.partial)

    async def _hand_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._chance.random() < 0.02:
            await asyncio.sleep(self._chance.uniform(0, 0.5))
        writer.write(data)
        await writer.drain()


class Field:
    """Everything that runs, below `root`."""

    def __init__(self, root: Path, seconds: float, chance: random.Random) -> None:
        self.root, self._chance = root, chance
        self.nats = NatsServer(root / "nats").start()
        self.sim = subprocess.Popen(
            [*HOGA, "sim", "--symbols", SETTINGS["SYMBOLS"], "--seconds", str(seconds + 300), "--json"], stdout=subprocess.PIPE, text=True
        )
        assert self.sim.stdout is not None
        self._environment = json.loads(self.sim.stdout.readline())["environment"]
        self._lines: dict[str, list[BadLine]] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for name in NAMES:
            self._lines[name] = []
            self.start(name)
            self.start(f"relay {name}")
        self.start("gather")

    def start(self, what: str) -> None:
        """Start (again): a collector by its name, `relay NAME`, or `gather`."""
        kind, _, name = what.rpartition(" ")
        settings = {"NATS_URL": self.nats.url} if what != name or what == "gather" else dict(SETTINGS)
        environment = dict(os.environ)
        if what == "gather":
            command, folder = ["gather", f"--set={ORDER}"], "all"
        elif kind == "relay":
            command, folder = ["relay"], name
            settings |= SETTINGS | {"COLLECTOR": name}
        else:
            command, folder = ["run"], name
            settings |= {"COLLECTOR": name}
            environment |= _clock(SKEWS_S.get(name, 0))
            environment |= self._through_bad_lines(name)
        (self.root / folder).mkdir(exist_ok=True)
        log = (self.root / f"{what.replace(' ', '-')}.log").open("ab")
        sets = [f"--set={key}={value}" for key, value in settings.items()]
        self.running[what] = subprocess.Popen(
            [*HOGA, *command, *sets, "--data", str(self.root / folder)], env=environment, stdout=log, stderr=log
        )
        log.close()

    def _through_bad_lines(self, name: str) -> dict[str, str]:
        """The simulator's addresses, WebSocket ones by this collector's own proxies."""
        ports = {line._to: line for line in self._lines[name]}
        found = {}
        for key, value in self._environment.items():
            parts = urlsplit(value)
            if key.endswith("WS_URL") and parts.port is not None:
                if parts.port not in ports:
                    ports[parts.port] = BadLine(parts.port, random.Random(self._chance.random()))
                    self._lines[name].append(ports[parts.port])
                value = value.replace(f":{parts.port}", f":{ports[parts.port].port}")
            found[key] = value
        return found

    def kill(self) -> str:
        """One of them, by SIGKILL, and start it again a little later."""
        what = self._chance.choice([*self.running, "nats", "gather", "nats"])
        if what == "nats":
            self.nats.kill()
            blocks = self.nats.newest_blocks("HOGA_SEGMENTS")
            if blocks and self._chance.random() < 0.5:
                blocks[-1].unlink()
                what = "nats, newest block lost"
            time.sleep(self._chance.uniform(0, 1))
            self.nats.start()
            return what
        process = self.running[what]
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        time.sleep(self._chance.uniform(0, 1))
        self.start(what)
        return what

    def stop(self, *, only: Callable[[str], bool]) -> None:
        """End those in good order."""
        ending = {what: process for what, process in self.running.items() if only(what)}
        for process in ending.values():
            process.terminate()
        for what, process in ending.items():
            process.wait(120)
            del self.running[what]

    def end(self) -> None:
        """End what is left."""
        self.stop(only=lambda what: True)
        self.sim.terminate()
        self.sim.wait(30)
        self.nats.stop()

    @property
    def lines(self) -> list[BadLine]:
        return [line for lines in self._lines.values() for line in lines]


def _clock(ahead_s: int) -> dict[str, str]:
    """What a process lives so far ahead with; its steady clock stays true. Not by the program `faketime`, which would be what is killed."""
    if not ahead_s or not FAKETIME.exists():
        return {}
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{ahead_s:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def campaign(root: Path, *, minutes: float, kills: int, seed: int) -> list[str]:
    """Run it. Returns what is wrong."""
    chance = random.Random(seed)
    field = Field(root, minutes * 60, chance)
    try:
        end = time.monotonic() + minutes * 60
        for left in range(kills, 0, -1):
            time.sleep(max(0.0, (end - time.monotonic()) / left * chance.uniform(0.5, 1.2)))
            print(f"killed: {field.kill()}", flush=True)
        time.sleep(max(0.0, end - time.monotonic()))
        field.stop(only=lambda what: what in NAMES)
        for name in NAMES:
            _hoga("recover", root / name)
        day = datetime.now(UTC).date().isoformat()
        for name in NAMES[:2]:  # the third one's day is gathered as minutes
            _hoga("consolidate", root / name, "--day", day)
        field.stop(only=lambda what: what == "gather")
        faults = _gathered(field, root / "all", day)
        for which in ("merged", "again"):
            (root / which).mkdir(exist_ok=True)
        done = _hoga("merge", *(root / name for name in NAMES), "-o", root / "merged", "--collectors", "tokyo,seoul,osaka", "--json")
        if done.returncode:
            faults.append(f"merge: {done.stdout[-500:]} {done.stderr[-500:]}")
        field.stop(only=lambda what: True)
        faults += asyncio.run(_gather_again(field, root, day, chance))
        faults += _judge(root)
        cuts, lost = sum(line.cuts for line in field.lines), sum(line.lost for line in field.lines)
        print(f"{kills} kills, {cuts} cuts of lines, {lost} frames lost")
        return faults
    finally:
        field.end()


def _gathered(field: Field, into: Path, day: str) -> list[str]:
    """Unite `day` by hand, with the relays there."""
    for _ in range(4):
        done = _hoga("gather", f"--set=NATS_URL={field.nats.url}", f"--set={ORDER}", "--data", into, "--day", day, "--once", "--json")
        if done.returncode == 0:
            return []
        time.sleep(2)
    return [f"gather: {done.returncode}: {done.stdout[-800:]} {done.stderr[-800:]}"]


async def _gather_again(field: Field, root: Path, day: str, chance: random.Random) -> list[str]:
    """Everything once more, into another folder: whole files in another order, cut in other parts, a tenth of it twice."""
    relays = [FakeRelay(name, root / name, field.nats.url) for name in NAMES]
    for relay in relays:
        await relay.start()
        files = [path for path in relay.root.glob("binance*/*/**/*") if path.is_file() and day in path.name]
        chance.shuffle(files)
        await relay.send(files, size=20_000, rng=chance, again=" once more")
        await relay.send(files[: len(files) // 10], size=20_000, rng=chance, again=" twice")
    faults = await asyncio.to_thread(_gathered, field, root / "again", day)
    for relay in relays:
        await relay.stop()
    return faults


def _judge(root: Path) -> list[str]:
    faults: list[str] = []
    for checked in ("all", "again", "merged", *NAMES):
        found = _hoga("verify", root / checked)
        if found.returncode:
            faults.append(f"verify {checked}: {found.stdout[-600:]}")
    manifests = {which: _manifests(root / which) for which in ("all", "again", "merged")}
    if not manifests["merged"]:
        faults.append("nothing was merged")
    for name, wanted in manifests["merged"].items():
        for which in ("all", "again"):
            found_here = manifests[which].get(name)
            if found_here is None:
                faults.append(f"{which}: {name} is not there")
                continue
            for key in ("sha256", "records", "gaps", "collectors"):
                if found_here[key] != wanted[key]:
                    faults.append(f"{which}: {name}: {key} is {str(found_here[key])[:300]}, merge has {str(wanted[key])[:300]}")
    for kind, symbol in sorted({(path.parent.name, path.name.split("_")[0]) for path in (root / "all").glob("binance/*/*.manifest.json")}):
        if kind not in ("orderbook", "execution", "delta"):
            continue
        texts = {name: _lines(root / name, kind, symbol) for name in (*NAMES, "all")}
        every = {_payload(line) for name in NAMES for line in texts[name]}
        here = [_payload(line) for line in texts["all"]]
        print(f"{symbol} {kind}: { {name: len(texts[name]) for name in NAMES} } -> {len(here)}")
        if set(here) != every or len(here) != len(every):
            faults.append(f"{symbol} {kind}: {len(here)} records where a plain loop finds {len(every)}")
    return faults


def _manifests(root: Path) -> dict[str, dict[str, object]]:
    today = datetime.now(UTC).date().isoformat()
    return {path.relative_to(root).as_posix(): json.loads(path.read_text()) for path in root.glob(f"binance*/*/*_{today}.manifest.json")}


def main() -> int:
    """Run it, print what came of it; exit status 1 when something is wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=5.0)
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--keep", type=Path, help="Where everything stays; else in a temporary folder.")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        faults = campaign(root, minutes=options.minutes, kills=options.kills, seed=options.seed)
    for fault in faults:
        print(f"WRONG: {fault}")
    print("good" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
