"""Three collectors that are killed again and again, a fourth that is left alone, and what `hoga merge` makes of the three.

    python -m tests.campaign.union --minutes 5 --seed 1

Held against plain loops over the lines, written here: every record that any of the three wrote is there once, in order of receipt;
nothing else is; the result does not depend on the order; ids that are missing are those that all three miss, and the ledger names them;
`hoga verify` finds nothing wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NAMES = ("osaka", "seoul", "tokyo")
HOGA = [sys.executable, "-m", "hoga"]
SETTINGS = {"SYMBOLS": "BTCUSDT,ETHUSDT", "STREAMS": "depth20@100ms,depth@100ms,aggTrade", "DASHBOARD_PORT_NUMBER": "0"}


def main() -> int:
    """Run it, print what came of it; exit status 1 when something is wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=5.0)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        kills = _record(root, options.minutes * 60, random.Random(options.seed))
        print(f"{kills} kills in {options.minutes:g} minutes", flush=True)
        faults = _judge(root)
    for fault in faults:
        print(f"WRONG: {fault}")
    print("good" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


def _record(root: Path, seconds: float, chance: random.Random) -> int:
    sim = subprocess.Popen(
        [*HOGA, "sim", "--symbols", SETTINGS["SYMBOLS"], "--seconds", str(seconds + 60), "--json"], stdout=subprocess.PIPE, text=True
    )
    assert sim.stdout is not None
    environment = os.environ | json.loads(sim.stdout.readline())["environment"]
    running = {name: _collector(root, name, environment) for name in (*NAMES, "truth")}
    end, kills = time.monotonic() + seconds, 0
    try:
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, chance.uniform(2, 9)))
            name = chance.choice(NAMES)
            process = running[name]
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            process.wait(60)
            kills += 1
            time.sleep(min(max(0.0, end - time.monotonic()), chance.uniform(0, 4)))
            running[name] = _collector(root, name, environment)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(60)
        sim.terminate()
        sim.wait(30)
    for name in NAMES:
        _hoga("recover", root / name)
    return kills


def _collector(root: Path, name: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    settings = [f"--set={key}={value}" for key, value in (SETTINGS | {"COLLECTOR": name}).items()]
    log = (root / f"{name}.log").open("ab")
    return subprocess.Popen([*HOGA, "run", *settings, "--data", str(root / name)], env=environment, stdout=log, stderr=log)


def _hoga(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HOGA, *map(str, arguments)], capture_output=True, text=True, check=False)


def _judge(root: Path) -> list[str]:
    faults: list[str] = []
    for out, order in (("one", NAMES), ("other", NAMES[::-1])):
        done = _hoga("merge", *(root / name for name in order), "-o", root / out, "--collectors", "tokyo,seoul", "--json")
        if done.returncode:
            faults.append(f"merge: {done.stdout[-500:]} {done.stderr[-500:]}")
        _hoga("merge", root / order[0], "-o", root / out, "--collectors", "tokyo,seoul")
    for checked in ("one", *NAMES):
        found = _hoga("verify", root / checked)
        if found.returncode:
            faults.append(f"verify {checked}: {found.stdout[-600:]}")
        print(f"{checked}: {found.stdout.strip().splitlines()[-1]}")
    for series in sorted({(path.parent.name, path.name.split("_")[0]) for path in (root / "one").rglob("*.manifest.json")}):
        faults += _judge_series(root, *series)
    return faults


def _judge_series(root: Path, kind: str, symbol: str) -> Iterator[str]:
    texts = {name: _lines(root / name, kind, symbol) for name in (*NAMES, "truth", "one", "other")}
    wanted: dict[bytes, bytes] = {}
    rank = {"tokyo": 0, "seoul": 1, "osaka": 2}
    for name in sorted(NAMES, key=lambda each: rank[each]):
        for line in texts[name]:
            payload = _payload(line)
            known = wanted.get(payload)
            if known is None:
                wanted[payload] = line
    if sorted(wanted.values()) != sorted(texts["one"]):
        yield f"{symbol} {kind}: {len(texts['one'])} records where a plain loop finds {len(wanted)}"
    if texts["one"] != texts["other"]:
        yield f"{symbol} {kind}: another order gives another text"
    receipts = [json.loads(line)["recvNs"] for line in texts["one"]]
    if receipts != sorted(receipts):
        yield f"{symbol} {kind}: not in order of receipt"
    had = {name: len(texts[name]) for name in NAMES}
    print(f"{symbol} {kind}: {had} -> {len(texts['one'])}, left alone: {len(texts['truth'])}")
    if kind == "execution":
        whole = {json.loads(line)["a"] for line in texts["truth"]}
        ids = {json.loads(line)["a"] for line in texts["one"]}
        missing = {number for number in whole if min(ids) < number < max(ids)} - ids
        named: set[int] = set()
        for path in (root / "one").rglob(f"{symbol}_{kind}_*.manifest.json"):
            for gap in json.loads(path.read_text())["gaps"]:
                if gap.get("from_id") is not None:
                    named |= set(range(gap["from_id"], gap["to_id"] + 1))
        if missing - named:
            yield f"{symbol} {kind}: {len(missing - named)} of {len(missing)} missing ids are in no gap"
        if named & ids:
            yield f"{symbol} {kind}: {len(named & ids)} ids are there and said to be missing"
        print(f"{symbol} {kind}: {len(missing)} ids that all three missed, all named")


def _lines(root: Path, kind: str, symbol: str) -> list[bytes]:
    found = subprocess.run(
        [*HOGA, "cat", f"binance:{symbol}", "--kind", kind, "--data", str(root)], capture_output=True, check=False
    ).stdout.splitlines()
    return [line for line in found if line]


def _payload(line: bytes) -> bytes:
    """What follows the name of the connection."""
    at = line.index(b'"conn":"') + 8
    return line[line.index(b'",', at) + 2 :]


if __name__ == "__main__":
    sys.exit(main())
