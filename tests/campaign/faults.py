"""The fault campaign: one recording per fault, one line per recording, one question: received = written + accounted?

    python -m tests.campaign.faults --save docs/results/faults.md

The simulator and the recorder run as processes of their own. Faults of the venue are injected through the simulator's
admin door; those of the machine (kills, stops, full disks, short writes, failing fsync, clock steps) hit the recorder.
What needs root or a Debian package that is not there is left out by name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hoga.archive.prove.verify import verify
from tests.campaign.ledgers import Account, account_of

SYMBOLS = "BTCUSDT,ETHUSDT"
WIDE = ",".join(["BTCUSDT", "ETHUSDT", *(f"S{number:02}USDT" for number in range(38))])
"""So many that a URL does not hold their streams: the rest is subscribed by requests."""
STREAMS = "depth20@100ms,depth@100ms,aggTrade,trade,bookTicker"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

VENUE_FAULTS: list[dict[str, Any]] = [
    {"fault": "delay", "ms": 400, "duration_s": 2},
    {"fault": "drop", "count": 30},
    {"fault": "duplicate", "count": 30},
    {"fault": "reorder", "count": 20},
    {"fault": "silent", "streams": "btcusdt@aggTrade", "duration_s": 3},
    {"fault": "freeze", "duration_s": 3},
    {"fault": "garbage", "count": 10},
    {"fault": "binary-garbage", "count": 10},
    {"fault": "truncated-json", "count": 10},
    {"fault": "truncated-frame", "count": 1},
    {"fault": "oversized", "count": 1},
    {"fault": "no-stream", "count": 10},
    {"fault": "unknown-stream", "count": 10},
    {"fault": "empty-side", "count": 10, "streams": "*@depth20@100ms"},
    {"fault": "refuse-subscribe", "count": 1},
    {"fault": "refuse-subscribe", "streams": "s36usdt@aggTrade"},
    {"fault": "ignore-subscribe", "count": 1},
    {"fault": "deaf-subscribe", "count": 1},
    *({"fault": "close", "code": code} for code in (1000, 1001, 1006, 1008, 1011, 1012)),
    {"fault": "half-open"},
    {"fault": "lifetime"},
    {"fault": "server-shutdown", "after_s": 3},
    {"fault": "clock-step", "ms": 5000},
    {"fault": "clock-skew", "ppm": 500},
    {"fault": "delist", "symbol": "ETHUSDT"},
    {"fault": "rest-error", "status": 503, "duration_s": 5},
]


def free_port() -> int:
    """A port that is free, and the next one, too."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Recording:
    """`hoga run` against a simulator of its own."""

    def __init__(
        self, folder: Path, *, symbols: str = SYMBOLS, settings: dict[str, str] | None = None, environ: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._environ = {**os.environ, **(environ or {})}
        self._sent_before = 0
        self._port = free_port()
        self._symbols = symbols
        urls = self._simulate()
        self.rest = urls["rest"]
        values = {
            "SYMBOLS": symbols,
            "STREAMS": STREAMS,
            "WS_URL": urls["ws"],
            "REST_URL": urls["rest"],
            "BASE_BACKOFF": "1.1",
            "MAX_BACKOFF": "2",
        }
        values |= {"WS_PING_TIMEOUT": "2", "DISK_RESERVE_MB": "1", "FSYNC_INTERVAL_MS": "200"} | (settings or {})
        self._command = [sys.executable, "-m", "hoga", "run", "--json", "--data", str(self.data)]
        for key, value in values.items():
            self._command += ["--set", f"{key}={value}"]
        self.errors = (folder / "errors").open("w")
        self.run: subprocess.Popen[str] | None = None

    def _simulate(self) -> dict[str, str]:
        command = [
            sys.executable,
            "-m",
            "hoga",
            "sim",
            "--json",
            "--symbols",
            self._symbols,
            "--speed",
            "2" if self._symbols is SYMBOLS else "1",
        ]
        command += ["--port", str(self._port)]
        self.simulator = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.simulator.stdout is not None
        urls: dict[str, str] = json.loads(self.simulator.stdout.readline())["venues"]["binance"]
        return urls

    def restart_exchange(self) -> None:
        """The exchange ends and begins anew on the same ports: every numbering starts over."""
        self._sent_before = self.sent()
        self.simulator.terminate()
        self.simulator.wait()
        self._simulate()

    def start(self, *, wrap: Callable[[list[str]], list[str]] = lambda command: command) -> None:
        self.run = subprocess.Popen(wrap(self._command), stdout=subprocess.PIPE, stderr=self.errors, text=True, env=self._environ)
        assert self.run.stdout is not None
        self.run.stdout.readline()

    def inject(self, fault: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.rest}/sim/fault", data=json.dumps(fault).encode(), headers={"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()

    def signal(self, number: int) -> None:
        assert self.run is not None
        self.run.send_signal(number)

    def wait(self) -> int:
        assert self.run is not None
        return self.run.wait(timeout=30)

    def sent(self) -> int:
        with urllib.request.urlopen(f"{self.rest}/sim/status") as answer:
            status = json.load(answer)
        return self._sent_before + int(status["sent"]) + int(status["copies"]) + int(status["odd"])

    def close(self) -> None:
        for process in (self.run, self.simulator):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.errors.close()


def venue_fault(fault: dict[str, Any]) -> Callable[[Recording], None]:
    def act(recording: Recording) -> None:
        recording.start()
        time.sleep(2.5)
        recording.inject(fault)
        if fault["fault"].endswith("-subscribe"):
            recording.inject({"fault": "close", "code": 1001})  # the next connection asks for all its streams
            time.sleep(5.0)
        time.sleep(9.0 if fault["fault"] in ("half-open", "freeze") else 5.0)

    return act


def killed(recording: Recording) -> None:
    recording.start()
    for pause in (2.3, 1.1, 0.4):
        time.sleep(pause)
        recording.signal(signal.SIGKILL)
        recording.wait()
        recording.start()
    time.sleep(2.0)


def killed_across_a_minute(recording: Recording) -> None:
    """Killed a few times right where the minute is closed and sealed."""
    recording.start()
    for after in (0.05, 0.4):
        time.sleep(60 - time.time() % 60 + after)
        recording.signal(signal.SIGKILL)
        recording.wait()
        recording.start()
        time.sleep(2.0)


def exchange_restarted(recording: Recording) -> None:
    recording.start()
    time.sleep(3.0)
    recording.restart_exchange()
    time.sleep(6.0)


def recovery_interrupted(recording: Recording) -> None:
    """Killed, and then killed again and again while the next start recovers."""
    recording.start()
    time.sleep(3.0)
    recording.signal(signal.SIGKILL)
    recording.wait()
    command = [sys.executable, "-m", "hoga", "recover", str(recording.data)]
    for after in (0.6, 0.9, 1.2, 1.5):
        recovery = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(after)
        recovery.kill()
        recovery.wait()
    recording.start()
    time.sleep(3.0)


def never_connected(recording: Recording) -> None:
    """A life between two others finds no exchange."""
    recording.start()
    time.sleep(3.0)
    recording.signal(signal.SIGTERM)
    recording.wait()
    recording.inject({"fault": "refuse", "status": 503})
    recording.start()
    time.sleep(2.0)
    recording.signal(signal.SIGTERM)
    recording.wait()
    urllib.request.urlopen(urllib.request.Request(f"{recording.rest}/sim/faults", method="DELETE")).close()
    recording.start()
    time.sleep(3.0)


def stopped(recording: Recording) -> None:
    recording.start()
    time.sleep(2.0)
    recording.signal(signal.SIGSTOP)
    time.sleep(30.0)
    recording.signal(signal.SIGCONT)
    time.sleep(4.0)


def disk_filled(recording: Recording) -> None:
    """The data folder is a small tmpfs that somebody else fills, and empties again."""
    recording.start()
    time.sleep(2.5)
    filler = recording.data / "filler"
    free = os.statvfs(recording.data)
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, free.f_bavail * free.f_frsize - 600_000))
    time.sleep(4.0)
    filler.unlink()
    time.sleep(4.0)


def wholly_full(recording: Recording) -> None:
    """Not a byte left: writes fail with ENOSPC, for a while."""
    recording.start()
    time.sleep(2.5)
    filler = recording.data / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65_536)
        except OSError:
            pass
    time.sleep(4.0)
    filler.unlink()
    time.sleep(4.0)


def short_writes(recording: Recording) -> None:
    """RLIMIT_FSIZE: no file may grow beyond 300 KB; writes are cut short, then refused. The next minute's file is small again."""
    recording.start(wrap=lambda command: ["prlimit", "--fsize=300000", *command])
    time.sleep(8.0)


def failing_fsync(recording: Recording) -> None:
    recording.start(wrap=lambda command: ["fiu-run", "-x", "-c", "enable_random name=posix/io/sync/fdatasync,probability=0.5", *command])
    time.sleep(6.0)


def failing_writes(recording: Recording) -> None:
    recording.start(wrap=lambda command: ["fiu-run", "-x", "-c", "enable_random name=posix/io/rw/writev,probability=0.3", *command])
    time.sleep(6.0)


def second_recorder(recording: Recording) -> None:
    recording.start()
    time.sleep(2.0)
    first = recording.run
    second = subprocess.run(recording._command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 2, second.stderr
    assert "another hoga" in second.stderr
    recording.run = first
    time.sleep(2.0)


def clock_stepped(delta_s: int) -> Callable[[Recording], None]:
    def act(recording: Recording) -> None:
        stamp = recording.folder / "faketime"
        stamp.write_text("+0\n")
        recording._environ |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(stamp),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        recording.start()
        time.sleep(3.0)
        stamp.write_text(f"{delta_s:+d}\n")
        time.sleep(5.0)

    return act


@contextmanager
def place(*, small: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hoga-faults-"))
    data = folder / "data"
    data.mkdir()
    if small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(data)], check=True)
    try:
        yield folder
    finally:
        if small:
            subprocess.run(["umount", "-l", str(data)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def campaign() -> list[tuple[str, Callable[[Recording], None], bool, str | None]]:
    """(name, what happens, on a small tmpfs, why it cannot be run here)."""
    root = None if os.geteuid() == 0 else "needs root"
    fiu = None if shutil.which("fiu-run") else "needs fiu-utils"
    fake = None if FAKETIME.exists() else "needs faketime"
    found: list[tuple[str, Callable[[Recording], None], bool, str | None]] = [
        (" ".join(str(value) for value in fault.values()), venue_fault(fault), False, None) for fault in VENUE_FAULTS
    ]
    found += [
        ("kill -9, three times", killed, False, None),
        ("kill -9 where the minute is sealed", killed_across_a_minute, False, None),
        ("the exchange restarted, its numbering anew", exchange_restarted, False, None),
        ("kill -9, and its recovery killed four times", recovery_interrupted, False, None),
        ("a life that never connects between two others", never_connected, False, None),
        ("SIGSTOP for 30 s", stopped, False, None),
        ("disk filled to the reserve, then freed", disk_filled, True, root),
        ("disk filled to the last byte, then freed", wholly_full, True, root),
        ("short writes (RLIMIT_FSIZE)", short_writes, False, None if shutil.which("prlimit") else "needs prlimit"),
        ("every second fdatasync fails", failing_fsync, False, fiu),
        ("a third of the writes fail", failing_writes, False, fiu),
        ("a second recorder on the folder", second_recorder, False, None),
        ("clock set forward by 5 s", clock_stepped(5), False, fake),
        ("clock set back by 5 s", clock_stepped(-5), False, fake),
    ]
    return found


def run_one(name: str, act: Callable[[Recording], None], *, small: bool) -> tuple[bool, str]:
    with place(small=small) as folder:
        recording = Recording(folder, symbols=WIDE if "-subscribe" in name else SYMBOLS)
        try:
            act(recording)
            sent = recording.sent()
            recording.signal(signal.SIGTERM)
            status = recording.wait()
            subprocess.run([sys.executable, "-m", "hoga", "recover", str(recording.data)], capture_output=True, check=False)
            report = verify([recording.data], jobs=1)
            account = account_of(recording.data)
        finally:
            recording.close()
    good = report.ok and account.balanced and account.written + account.uncounted > 0
    return good, row(name, sent, account, status, report, good=good)


def row(name: str, sent: int, account: Account, status: int, report: Any, *, good: bool) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(account.reasons.items())) or "none"
    crashed = f" (+{account.uncounted} in minutes cut short)" if account.uncounted else ""
    verdict = "good" if good else "FAILED " + "; ".join(f"{problem.kind} {problem.detail}" for problem in report.problems[:3])
    cells = [
        name,
        f"{sent:,}",
        f"{account.received:,}",
        f"{account.written:,}{crashed}",
        account.duplicates,
        account.counted,
        account.aside,
        reasons,
    ]
    return "| " + " | ".join(map(str, [*cells, status, verdict])) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--only", default="")
    wanted = parser.parse_args()
    lines = [
        "# The fault campaign",
        "",
        "`make faults`: one recording per fault, 10 streams of two symbols. *Received = written + duplicates + counted* must hold in",
        "each, and `hoga verify` must find every byte as the ledger says. `sent` is the simulator's own count, taken just before the end.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}.",
        "",
        "| fault | sent | received | written | duplicates | counted in gaps | kept aside | ledger gaps by reason | exit | verdict |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    print("\n".join(lines), flush=True)
    good = True
    for name, act, small, hindrance in campaign():
        if wanted.only not in name:
            continue
        if hindrance is not None:
            line = f"| {name} | | | | | | | | | left out: {hindrance} |"
        else:
            fine, line = run_one(name, act, small=small)
            good = good and fine
        print(line, flush=True)
        lines.append(line)
    if wanted.save:
        wanted.save.write_text("\n".join(lines) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
