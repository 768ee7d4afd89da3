"""app.demo: everything at once on one machine, without keys or internet: simulator, recorder, a cut, a verdict.

The simulator runs as a child process and speaks the venue's own protocol; the recorder does not know the difference.
All data goes into a folder of its own that carries a marker, and every record's `conn` begins with `simulated`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
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
from hoga.app.config.parse import nearest_name
from hoga.app.dashboard_process import DashboardProcess
from hoga.app.figures import LogTail
from hoga.app.run import Run, run_until_stopped
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.core.errors import ConfigError, ConfigMistake, HogaError
from hoga.core.streams import SIMULATED
from hoga.quality.incidents import describe
from hoga.runtime.checkout import called
from hoga.runtime.log_pipe import LogAddress
from hoga.runtime.patience import within
from hoga.runtime.shutdown import ShutdownManager
from hoga.venues.endpoints import CLASSIC_VENUE, VENUE_DEFAULTS
from hoga.venues.registry import VENUES

__all__ = ["MARKER", "Demo", "DemoOptions", "DemoResult", "prepare_folder", "symbols_of"]

MARKER = "SIMULATED.txt"
_MARKER_TEXT = "Everything in this folder was recorded from hoga's exchange simulator by `hoga demo`. It is not market data.\n"
_MAX_BYTES = 180 << 20
_STREAMS = "depth20@100ms,depth@100ms,aggTrade"
_CUT_AFTER_S = 12.0
_START_S = 20.0
_PORT_TRIES = 50
_DASHBOARD_PORT = 8000
_PR_SET_PDEATHSIG = 1


def symbols_of(venues: tuple[str, ...], symbols: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Venue → what to simulate and record there: its usual symbols, or those of `symbols` that are spelt like its own.

    A venue that has none of them is left out. Raises ConfigError for an unknown venue, and for a symbol of none of them.
    """
    for name in venues:
        if name not in VENUE_DEFAULTS:
            raise _mistake("--venues", name, f"one of {', '.join(VENUE_DEFAULTS)}", nearest_name(name, VENUE_DEFAULTS))
    if not symbols:
        return {name: VENUE_DEFAULTS[name].symbols for name in venues}
    for symbol in symbols:
        if not any(VENUES[name].is_symbol(symbol) for name in venues):
            like = " or ".join(dict.fromkeys(VENUE_DEFAULTS[name].symbols[0] for name in venues))
            raise _mistake("--symbols", symbol, f"a symbol of {', '.join(venues)}, like {like}", None)
    chosen = {name: tuple(symbol for symbol in symbols if VENUES[name].is_symbol(symbol)) for name in venues}
    return {name: names for name, names in chosen.items() if names}


def _mistake(key: str, found: str, expected: str, nearest: str | None) -> ConfigError:
    return ConfigError([ConfigMistake("command line", None, key, found, expected, nearest)])


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `seconds` None: until Ctrl-C. `symbols` by venue, each with one or more."""

    seconds: float | None
    symbols: Mapping[str, tuple[str, ...]]
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
        self._rest: list[str] = []

    async def run(self, logs: LogAddress | None, environ: Mapping[str, str]) -> DemoResult:
        """Start everything, watch, stop, verify."""
        simulator = await self._start_simulator()
        try:
            urls = await self._urls(simulator)
            config = self._config(urls, environ)
            end = await run_until_stopped(
                config, logs, seconds=self._options.seconds, label=SIMULATED, log_tail=self._log_tail, on_ready=self._watch_from
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
        venues = self._options.symbols
        port = _free_port(self._options.port, ports=2 * len(venues))
        if port != self._options.port:
            self._say(f"port {self._options.port} is taken, using {port}")
        symbols = dict.fromkeys(symbol for names in venues.values() for symbol in names)
        command = [sys.executable, "-m", "hoga", "sim", "--json", "--port", str(port)]
        command += ["--venues", ",".join(venues), "--symbols", ",".join(symbols)]
        command += ["--speed", f"{self._options.speed:g}"]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    async def _urls(self, simulator: asyncio.subprocess.Process) -> dict[str, dict[str, str]]:
        assert simulator.stdout is not None and simulator.stderr is not None, "both are pipes"
        try:
            line = await within(simulator.stdout.readline(), _START_S)
            venues: dict[str, dict[str, str]] = msgspec.json.decode(line)["venues"]
            urls = {name: venues[name] for name in self._options.symbols}
        except (TimeoutError, msgspec.DecodeError, KeyError) as fault:
            with contextlib.suppress(ProcessLookupError):
                simulator.terminate()
            said = (await simulator.stderr.read()).decode("utf-8", "replace").strip()
            raise HogaError(f"the simulator did not start: {said or 'no answer'}") from fault
        self._rest = list(dict.fromkeys(each["rest"] for each in urls.values()))
        for name, each in urls.items():
            self._say(f"simulator up: {name}: {each['ws']} (streams), {each['rest']} (REST)")
        self._say("a seeded market, not real prices")
        return urls

    def _config(self, urls: dict[str, dict[str, str]], environ: Mapping[str, str]) -> Config:
        plain = {key: value for key, value in environ.items() if not key.startswith("HOGA_")}
        port = _free_port(_DASHBOARD_PORT, ports=1)
        if port != _DASHBOARD_PORT:
            self._say(f"port {_DASHBOARD_PORT} is taken, the dashboard uses {port}")
        settings = {"DASHBOARD_PORT_NUMBER": str(port), "LOG_DIR": str(self._options.data / "logs")}
        for name, symbols in self._options.symbols.items():
            settings |= {f"{name}.SYMBOLS": ",".join(symbols), f"{name}.WS_URL": urls[name]["ws"], f"{name}.REST_URL": urls[name]["rest"]}
        if CLASSIC_VENUE in urls:
            settings[f"{CLASSIC_VENUE}.STREAMS"] = _STREAMS
        overrides = [f"{key}={value}" for key, value in settings.items()]
        return load_config(None, overrides=overrides, environ=plain, data_dir=self._options.data)

    # -- watching -----------------------------------------------------------------------------------------------

    def _watch_from(self, run: Run, shutdown: ShutdownManager, dashboard: DashboardProcess, url: str | None) -> None:
        self._say(f"dashboard: {url}" if url is not None else "the dashboard is not up; logs/hoga.log in the data folder says why")
        self._say(f"the same in a terminal: {called()} top --data {os.path.relpath(self._options.data)}")
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
            statuses = run.status()
            records, gaps = sum(each.records for each in statuses), sum(each.gaps for each in statuses)
            live, streams = sum(each.live for each in statuses), sum(each.streams for each in statuses)
            rate, before = records - before, records
            if not synced and live == streams and all(each.records for each in statuses):
                synced = True
                self._say(f"all {streams} streams of {len(statuses)} venues in sync; recording into {self._options.data}")
            if synced and cut_done is None and monotonic() - began >= cut_at:
                cut_done = monotonic()
                self._say("cutting every connection on purpose (TCP reset) …")
                await self._inject({"fault": "close", "code": 1006})
            elif cut_done is not None and self._healed is None and monotonic() - cut_done > 1.5 and live == streams and rate:
                self._healed = gaps > 0
                cut = max(run.gap_log.incidents.newest(), key=lambda each: each.to_ns, default=None)
                told = f"the latest incident: {describe(cut)}" if cut is not None else "and nothing of it is in the ledger"
                self._say(f"healed in {monotonic() - cut_done:.0f} s; {told}")
            medians = [each.median_ms for each in statuses if each.median_ms is not None]
            median = f"{max(medians):.1f} ms" if medians else "…"
            self._live(f"{records:,} records  {rate:,}/s  {run.gap_log.summary()}  latency {median}  {live}/{streams} streams live")
            if sum(venue.sealing.stats.archive_bytes for venue in run.venues) > _MAX_BYTES:
                self._say("the demo has filled its 180 MB; stopping")
                shutdown.request("demo data limit")

    async def _inject(self, fault: dict[str, object]) -> None:
        async with aiohttp.ClientSession() as session:
            for rest in self._rest:
                async with session.post(f"{rest}/sim/fault", json=fault) as answer:
                    if answer.status != 200:
                        self._say(f"the simulator refused the fault: {await answer.text()}")


def _free_port(first: int, *, ports: int) -> int:
    """The first port from `first` on that is free together with those after it, `ports` in all."""
    for port in range(first, first + 2 * _PORT_TRIES, 2):
        if all(_can_bind(each) for each in range(port, port + ports)):
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
            await within(process.communicate(), 3.0)
        except TimeoutError:
            process.kill()
            await process.communicate()
