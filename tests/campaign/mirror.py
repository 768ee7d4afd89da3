"""A copy of an archive in a bucket: its mirror is killed again and again, its objects are damaged; its speed, its memory and what a minute
costs.

    python -m tests.campaign.mirror --kills 50 --save docs/results/mirror.md

The bucket is a server of the tests' own, on loopback, in this process; what lies in it is looked at directly. After every `kill -9` each
manifest in the bucket has all of its files, whole (that is the commit); the next run goes on, and in the end the copy is complete and
proven, and brings back the same bytes. Then objects are flipped, cut, taken away, exchanged: `hoga verify s3://…` and
`hoga mirror --verify` name exactly those.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.books import symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from hoga.archive.form.manifest import decode_manifest
from hoga.archive.form.objects import TRIAL
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from tests.archive.workshop import Workshop, envelope, fill_trades
from tests.s3_server import Bucket, s3_server

HOGA = [sys.executable, "-m", "hoga"]
AT = "s3://bkt/hoga"
DAYS = [f"2026-11-{day}" for day in range(10, 16)]
LARGE_BYTES = 40_000_000
"""A day file that is sent in parts."""
SPEED_BYTES = 300_000_000


def main() -> int:
    """Run it, print what came of it; exit status 1 when something is wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--save", type=Path, help="write the figures here, too")
    options = asked.parse_args()
    faults: list[str] = []
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        chance = random.Random(options.seed)
        data = _archive(root / "data")
        with _Place() as place:
            rows.append(("kills", _killed(place, data, options.kills, chance, faults)))
            rows.append(("damaged objects", _damaged(place, data, chance, faults)))
        with _Place() as place:
            rows.append(("one minute of a day", _minute(place, root / "day", faults)))
        with _Place() as place:
            rows += _speed(place, root / "large", faults)
    text = "".join(f"| {what} | {told} |\n" for what, told in rows)
    print(text, end="")
    for fault in faults:
        print(f"WRONG: {fault}")
    print("good" if not faults else f"{len(faults)} faults")
    if options.save is not None and not faults:
        command = f"`python -m tests.campaign.mirror --kills {options.kills}`, on a machine of {os.cpu_count()} processors"
        head = f"# A copy in a bucket\n\n{command}.\n"
        options.save.write_text(f"{head}\n| | |\n|---|---|\n{text}")
    return 1 if faults else 0


class _Place:
    """The bucket, and the environment of those who use it."""

    def __enter__(self) -> _Place:
        self._server = s3_server()
        endpoint, self.bucket = self._server.__enter__()
        self.environment = os.environ | {"HOGA_S3_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "word"}
        return self

    def __exit__(self, *how: Any) -> None:
        self._server.__exit__(*how)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [*HOGA, *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def hoga(self, *arguments: object) -> tuple[int, str]:
        process = self.start(*arguments)
        out, err = process.communicate()
        return process.returncode, out + err


def _archive(data: Path) -> Path:
    """Some small days, and one whose file goes in parts."""
    for day in DAYS:
        shop = fill_trades(Workshop(data / "binance" / "execution", "execution", day=day))
        merge_day(SeriesDay(shop.directory, shop.symbol, "execution", day), venue="binance", archive_format="zip", purge=True)
    _incompressible(data, LARGE_BYTES)
    return data


def _incompressible(data: Path, size: int) -> None:
    shop, number = Workshop(data / "binance" / "orderbook", "orderbook", day=DAYS[0]), 0
    for minute in range(20):
        lines, ids = [], []
        for at in range(100):
            number += 1
            ids.append(number)
            filler = os.urandom(size // 2000).hex().encode()  # half of it stays when it is packed
            payload = b'{"lastUpdateId":%d,"bids":[],"asks":[],"x":"%b"}' % (number, filler)
            lines.append(envelope(shop.minute_ns(f"13-{minute:02}") + at * 500_000_000, payload))
        shop.seal(f"13-{minute:02}", lines, ids=ids)
    merge_day(SeriesDay(shop.directory, shop.symbol, "orderbook", DAYS[0]), venue="binance", archive_format="zip", purge=True)


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def _killed(place: _Place, data: Path, kills: int, chance: random.Random, faults: list[str]) -> str:
    began = time.monotonic()
    place.hoga("mirror", data, AT)
    span = time.monotonic() - began
    done = runs = 0
    while done < kills and runs < 5 * kills:
        runs += 1
        if chance.random() < 0.6:  # anew from nothing, else on from where it was killed
            place.bucket.objects.clear()
        for name in chance.sample(sorted(place.bucket.objects), min(2, len(place.bucket.objects))):
            if name.endswith(".manifest.json"):
                _forget(place.bucket, name)
        process = place.start("mirror", data, AT)
        time.sleep(chance.uniform(0.1, 1.0) * span)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            done += 1
        process.communicate()
        faults += _uncommitted(place.bucket)
    status, told = place.hoga("mirror", data, AT)
    if status:
        faults.append(f"the last run: {told[-300:]}")
    status, told = place.hoga("mirror", data, AT, "--verify")
    if status:
        faults.append(f"--verify after the kills: {told[-300:]}")
    here = {f"hoga/{name}": each for name, each in _files(data).items()}
    there = {name: each for name, (each, _) in place.bucket.objects.items() if TRIAL not in name}
    if here != there:
        faults.append(f"the bucket has {sorted(set(there) ^ set(here))} otherwise than the archive")
    back = data.with_name("back")
    status, told = place.hoga("mirror", back, AT, "--restore")
    if status or _files(back) != _files(data):
        faults.append(f"what comes back is something else: {told[-300:]}")
    if done < kills:
        faults.append(f"{done} kills in {runs} runs, where {kills} were wanted")
    return f"{runs} runs, {done} of them killed with -9: every manifest had its files, whole; complete, proven and brought back in the end"


def _forget(bucket: Bucket, manifest: str) -> None:
    """Take a day away, so that there is something to send: its manifest first."""
    stem = manifest.removesuffix(".manifest.json")
    for name in [manifest, *(each for each in bucket.objects if each.startswith(f"{stem}."))]:
        bucket.objects.pop(name, None)


def _uncommitted(bucket: Bucket) -> list[str]:
    """Manifests whose files are not there, or are not whole."""
    found = []
    for name, (data, _) in list(bucket.objects.items()):
        if name.endswith(".manifest.json"):
            archive = decode_manifest(data).archive
            there = bucket.objects.get(f"{name.rpartition('/')[0]}/{archive.file}", (b"", {}))[0]
            if hashlib.sha256(there).hexdigest() != archive.sha256:
                found.append(f"{name} is there, and {archive.file} is not what it names")
    return found


def _damaged(place: _Place, data: Path, chance: random.Random, faults: list[str]) -> str:
    whole = dict(place.bucket.objects)
    days = sorted(name for name in whole if name.endswith(".zip"))
    count = 0
    for way in ("flipped", "cut", "taken away", "exchanged", "manifest flipped"):
        for _ in range(3):
            place.bucket.objects = dict(whole)
            wanted = set()
            for name in chance.sample(days, 2 if way == "exchanged" else chance.randint(1, 3)):
                text, headers = whole[name]
                if way == "manifest flipped":
                    name = name.replace(".zip", ".manifest.json")
                    text, headers = whole[name]
                at = chance.randrange(len(text))
                if way == "taken away":
                    del place.bucket.objects[name]
                elif way == "cut":
                    place.bucket.objects[name] = (text[:at], headers)
                elif way != "exchanged":
                    place.bucket.objects[name] = (text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1 :], headers)
                wanted.add(name)
            if way == "exchanged":
                one, other = sorted(wanted)
                place.bucket.objects[one], place.bucket.objects[other] = whole[other], whole[one]
            count += 1
            _, told = place.hoga("verify", AT, "--json")
            named = {_key(each["file"]) for each in json.loads(told.splitlines()[0])["problems"]}
            stems = {name.split(".")[0] for name in wanted}
            if {name.split(".")[0] for name in named} != stems:
                faults.append(f"verify names {sorted(named)} where {sorted(wanted)} were {way}")
            _, told = place.hoga("mirror", data, AT, "--verify", "--json")
            named = {_key(each["file"]) for each in json.loads(told.splitlines()[0])["failed"]}
            if way == "manifest flipped":  # its day file is named by no manifest then
                named -= {name.replace(".manifest.json", ".zip") for name in wanted}
            if named != wanted:
                faults.append(f"mirror --verify names {sorted(named)} where {sorted(wanted)} were {way}")
    place.bucket.objects = whole
    return f"{count} times some were flipped, cut, taken away or exchanged: named were those, and none else"


def _key(file: str) -> str:
    return file.removeprefix("s3:").lstrip("/").removeprefix("bkt/")


def _minute(place: _Place, root: Path, faults: list[str]) -> str:
    symbol = symbol_names(1)[0]
    day = SeriesDay(root / "binance" / "orderbook", symbol, "orderbook", DAYS[0])
    (frames,) = data_frames(walk_books(2_000), 1, 2_000).values()
    make_day(MergePlan(data=str(root)), day, frames)
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    place.hoga("mirror", root, AT)
    place.bucket.asked.clear()
    place.bucket.sent = 0
    span = f"start='{DAYS[0]}T13:16:00Z', end='{DAYS[0]}T13:17:00Z'"
    code = f"import hoga; print(len(hoga.load('binance:{symbol}', 'orderbook', {span}, root='{AT}').numpy()['recv_ns']))"
    read = subprocess.run([sys.executable, "-c", code], env=place.environment, capture_output=True, text=True, check=False)
    asked, sent = sum(place.bucket.asked.values()), place.bucket.sent
    if read.stdout.strip() != "600":
        faults.append(f"a minute by range: {read.stdout} {read.stderr[-300:]}")
    if asked > 3 or sent > 200_000:
        faults.append(f"a minute of a day costs {asked} requests and {sent:,} bytes")
    return f"of 1,440 minutes and 864,000 books: {asked} requests, {sent:,} bytes"


def _speed(place: _Place, root: Path, faults: list[str]) -> list[tuple[str, str]]:
    _incompressible(root, SPEED_BYTES)
    size = sum(map(len, _files(root).values()))
    rows = []
    for what, arguments in (("sent", (root, AT)), ("read back", (root, AT, "--verify"))):
        code = (
            "import sys, time; from bench.machine import rss_peak_bytes; from hoga.cli.main import main; began = time.monotonic();"
            f"status = main({['mirror', *map(str, arguments)]!r});"
            "print(time.monotonic() - began, rss_peak_bytes(), file=sys.stderr); sys.exit(status)"
        )
        done = subprocess.run([sys.executable, "-c", code], env=place.environment, capture_output=True, text=True, check=False)
        seconds, peak = map(float, done.stderr.splitlines()[-1].split())
        mb = peak / 2**20
        if done.returncode:
            faults.append(f"{what}: {done.stderr[-300:]}")
        if mb > 200:
            faults.append(f"{what}: {mb:.0f} MB of memory")
        load = os.getloadavg()[0]
        rows.append((f"{size / 1e6:,.0f} MB {what}", f"{size / 1e6 / seconds:,.0f} MB/s, {mb:.0f} MB of memory (load {load:.0f})"))
    return rows


if __name__ == "__main__":
    sys.exit(main())
