"""app.demo: everything at once on one machine, without keys or internet: simulator, recorder, a cut, a verdict.

The simulator runs as a child process and speaks the venue's own protocol; the recorder does not know the difference.
All data goes into a folder of its own that carries a marker, and every record's `conn` begins with `simulated`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

import aiohttp
import msgspec

from hoga.app.config import Config, load_config
from hoga.app.publisher import LogTail
from hoga.app.run import Run, run_until_stopped
from hoga.app.showing import Showing
from hoga.archive.report import VerifyReport
from hoga.archive.verify import verify
from hoga.core.errors import ConfigError, ConfigMistake, HogaError
from hoga.quality.incidents import describe
from hoga.runtime.log_inlet import LogAddress
from hoga.runtime.shutdown import ShutdownManager
from hoga.venues.endpoints import CLASSIC_VENUE

__all__ = ["MARKER", "Demo", "DemoOptions", "DemoResult", "prepare_folder"]

MARKER = "SIMULATED.txt"
_MARKER_TEXT = "Everything in this folder was recorded from hoga's exchange simulator by `hoga demo`. It is not market data.\n"
_MAX_BYTES = 180 << 20
_STREAMS = "depth20@100ms,depth@100ms,aggTrade"
_CUT_AFTER_S = 12.0
_START_S = 20.0
_PORT_TRIES = 50
_DASHBOARD_PORT = 8000
_PR_SET_PDEATHSIG = 1


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `seconds` None: until Ctrl-C."""

    seconds: float | None
    symbols: tuple[str, ...]
    data: Path
    port: int
    speed: float


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict. `verify` is the whole report; `healed` tells whether the self-inflicted cut healed and is accounted."""

    ok: bool
    records: int
    gaps: int
    verify: VerifyReport
    data: str
    healed: bool | None
    status: int


def prepare_folder(folder: Path) -> None:
    """An empty, marked folder. Data of an earlier demo is removed; anything else is left alone: raises ConfigError."""
    marker = folder / MARKER
    if folder.exists() and not marker.exists() and any(folder.iterdir()):
        raise ConfigError([ConfigMistake("command line", None, "--data", str(folder), "a folder that is empty or made by an earlier demo")])
    if marker.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(_MARKER_TEXT)


class Demo:
    """One demonstration. `say(text)` prints a line; `live(text)` refreshes the live line."""

    def __init__(
        self, options: DemoOptions, *, say: Callable[[str], None], live: Callable[[str], None], log_tail: LogTail | None = None
    ) -> None:
        self._options = options
        self._say = say
        self._live = live
        self._log_tail = log_tail
        self._healed: bool | None = None
        self._rest = ""

    async def run(self, logs: LogAddress | None, environ: Mapping[str, str]) -> DemoResult:
        """Start everything, watch, stop, verify."""
        simulator = await self._start_simulator()
        try:
            urls = await self._urls(simulator)
            config = self._config(urls, environ)
            end = await run_until_stopped(
                config, logs, seconds=self._options.seconds, label="simulated-", log_tail=self._log_tail, on_ready=self._watch_from
            )
        finally:
            await _end(simulator)
        self._say("verifying every byte of what was recorded …")
        report = await asyncio.to_thread(verify, [self._options.data], jobs=1)
        ok = report.ok and report.records > 0 and self._healed is not False
        return DemoResult(
            ok=ok,
            records=report.records,
            gaps=report.gaps,
            verify=report,
            data=str(self._options.data),
            healed=self._healed,
            status=end.status,
        )

    # -- the simulator ------------------------------------------------------------------------------------------

    async def _start_simulator(self) -> asyncio.subprocess.Process:
        port = _free_port(self._options.port)
        if port != self._options.port:
            self._say(f"port {self._options.port} is taken, using {port}")
        command = [sys.executable, "-m", "hoga", "sim", "--json", "--port", str(port), "--symbols", ",".join(self._options.symbols)]
        command += ["--speed", f"{self._options.speed:g}"]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    async def _urls(self, simulator: asyncio.subprocess.Process) -> dict[str, str]:
        assert simulator.stdout is not None and simulator.stderr is not None, "both are pipes"
        try:
            line = await asyncio.wait_for(simulator.stdout.readline(), _START_S)
            urls: dict[str, str] = msgspec.json.decode(line)["venues"][CLASSIC_VENUE]
        except (TimeoutError, msgspec.DecodeError, KeyError) as fault:
            with contextlib.suppress(ProcessLookupError):
                simulator.terminate()
            said = (await simulator.stderr.read()).decode("utf-8", "replace").strip()
            raise HogaError(f"the simulator did not start: {said or 'no answer'}") from fault
        self._rest = urls["rest"]
        self._say(f"simulator up: {urls['ws']} (streams), {urls['rest']} (REST); seeded market, not real prices")
        return urls

    def _config(self, urls: dict[str, str], environ: Mapping[str, str]) -> Config:
        plain = {key: value for key, value in environ.items() if not key.startswith("HOGA_")}
        port = _free_port(_DASHBOARD_PORT)
        if port != _DASHBOARD_PORT:
            self._say(f"port {_DASHBOARD_PORT} is taken, the dashboard uses {port}")
        settings = {
            "DASHBOARD_PORT_NUMBER": str(port),
            "SYMBOLS": ",".join(self._options.symbols),
            "STREAMS": _STREAMS,
            "WS_URL": urls["ws"],
            "REST_URL": urls["rest"],
            "LOG_DIR": str(self._options.data / "logs"),
        }
        overrides = [f"{key}={value}" for key, value in settings.items()]
        return load_config(None, overrides=overrides, environ=plain, data_dir=self._options.data)

    # -- watching -----------------------------------------------------------------------------------------------

    def _watch_from(self, run: Run, shutdown: ShutdownManager, showing: Showing, dashboard: str | None) -> None:
        self._say(
            f"dashboard: {dashboard}" if dashboard is not None else "the dashboard is not up; logs/hoga.log in the data folder says why"
        )
        shutdown.own_task(asyncio.create_task(self._watch(run, shutdown), name="demo"))

    async def _watch(self, run: Run, shutdown: ShutdownManager) -> None:
        began = monotonic()
        seconds = self._options.seconds
        cut_at = _CUT_AFTER_S if seconds is None else min(_CUT_AFTER_S, seconds * 0.4)
        cut_done: float | None = None
        synced = False
        before = 0
        while True:
            await asyncio.sleep(1.0)
            (status,) = run.status()
            rate, before = status.records - before, status.records
            if not synced and status.live == status.streams and status.records:
                synced = True
                self._say(f"all {status.streams} streams in sync; recording into {self._options.data}")
            if synced and cut_done is None and monotonic() - began >= cut_at:
                cut_done = monotonic()
                self._say("cutting the connection on purpose (TCP reset) …")
                await self._inject({"fault": "close", "code": 1006})
            elif cut_done is not None and self._healed is None and monotonic() - cut_done > 1.5 and status.live == status.streams and rate:
                self._healed = status.gaps > 0
                cut = max(run.happenings.incidents.newest(), key=lambda each: each.to_ns, default=None)
                told = f"1 incident: {describe(cut)}" if cut is not None else "and nothing of it is in the ledger"
                self._say(f"healed in {monotonic() - cut_done:.0f} s; {told}")
            median = "…" if status.median_ms is None else f"{status.median_ms:.1f} ms"
            self._live(
                f"{status.records:,} records  {rate:,}/s  {run.happenings.summary()}  latency {median}  "
                f"{status.live}/{status.streams} streams live"
            )
            if run.venues[0].sealing.stats.archive_bytes > _MAX_BYTES:
                self._say("the demo has filled its 180 MB; stopping")
                shutdown.request("demo data limit")

    async def _inject(self, fault: dict[str, object]) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self._rest}/sim/fault", json=fault) as answer:
            if answer.status != 200:
                self._say(f"the simulator refused the fault: {await answer.text()}")


def _free_port(first: int) -> int:
    """The first port from `first` on that is free together with the one after it."""
    for port in range(first, first + 2 * _PORT_TRIES, 2):
        if all(_can_bind(each) for each in (port, port + 1)):
            return port
    raise ConfigError([ConfigMistake("command line", None, "--port", str(first), f"a free port among the next {2 * _PORT_TRIES}")])


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _die_with_parent() -> None:
    """The simulator ends with the demo, however the demo ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), 3.0)
        except TimeoutError:
            process.kill()
            await process.communicate()
