"""app.doctor: is this machine, with this configuration, fit to record, and to trade where there are keys?

Each check gives one `Check`: what was found, and what to do where it is not good. Checks never raise; a machine
without a network is reported, not crashed on. The judges (`judge_…`) are pure, the probes around them are thin.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from hoga.app.bucket_check import examine_buckets
from hoga.app.checks import Check, CheckState
from hoga.app.config import Config, VenueConfig, load_config
from hoga.app.config.rooms import limits_of
from hoga.app.stream_plan import named
from hoga.app.trader.check import examine_trading, has_keys
from hoga.app.trader.testnet import on_testnet
from hoga.app.venue_check import examine_venue, read_venue_time
from hoga.archive.form.journal import JOURNAL_DIR
from hoga.archive.keep.life import LOCK_FILE
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.core.errors import ConfigError
from hoga.quality.health import DiskRoom, disk_room, is_clock_off
from hoga.quality.limits import CLOCK_WRONG_MS
from hoga.runtime.clock_check import ClockReading, measure_clock
from hoga.runtime.loop import loop_name
from hoga.venues.registry import VENUES

__all__ = ["Check", "CheckState", "examine", "judge_clock", "judge_disk_speed", "judge_open_files", "judge_python", "judge_space"]

_FILES_WANTED = 1024
_PROBE_BYTES = 64 * 1024
_PROBE_WRITES = 32
_TRADED = 3
"""Of so many symbols what a trader would do is tried."""


async def examine(
    path: Path | None, *, overrides: list[str], environ: Mapping[str, str], data_dir: Path | None, bucket: Path | None = None
) -> list[Check]:
    """Make every check, in the order of the report. Takes as long as the slowest endpoint, ten seconds at most. `bucket`: one that is tried
    beside those that the configuration names."""
    config, checks = _examine_config(path, overrides, environ, data_dir)
    checks.insert(0, judge_python(sys.version_info[:3], loop_name()))
    checks.append(_examine_open_files())
    venues = [config.venue(name) for name in config.active_venues]
    for folder in dict.fromkeys(folder for venue in venues for folder in (venue.lob_dir, venue.chart_dir, venue.log_dir)):
        checks.append(_examine_folder(folder))
    for venue in venues:
        checks += [_examine_lock(venue), _examine_space(venue), _examine_speed(venue)]
    *endpoints, buckets = await asyncio.gather(*(examine_venue(venue) for venue in venues), examine_buckets(config, bucket))
    checks.append(judge_clock(await _measure(venues)))
    trading = await _examine_trading(config)
    return checks + [check for venue_checks in endpoints for check in venue_checks] + buckets + trading


async def _examine_trading(config: Config) -> list[Check]:
    """Of each venue that there are keys for: may and can they trade? No line where there are none."""
    checks: list[Check] = []
    tested = on_testnet(config)
    for name in config.active_venues:
        venue = tested.venue(name)
        try:
            if has_keys(venue):
                limits = {symbol: limits_of(config, f"{name}:{symbol}") for symbol in named(venue.symbols)[:_TRADED]}
                checks += await examine_trading(venue, {symbol: each for symbol, each in limits.items() if each is not None})
        except ConfigError as fault:
            checks.append(Check(name=f"{name} trading", state=CheckState.FAILED, found=str(fault), advice="mend the keys"))
    return [*([_examine_folder(config.program.data_dir / JOURNAL_FOLDER)] if checks else []), *checks]


def judge_python(version: tuple[int, ...], loop: str) -> Check:
    """Is the interpreter new enough, and the event loop the fast one?"""
    found = f"Python {'.'.join(map(str, version))}, {loop}"
    if version < (3, 11):
        return Check(name="python", state=CheckState.FAILED, found=found, advice="use Python 3.11 or newer")
    if loop != "uvloop" and sys.platform != "win32":
        return Check(name="python", state=CheckState.WARNING, found=found, advice="install uvloop: it halves the cost of a frame")
    return Check(name="python", state=CheckState.OK, found=found)


def judge_clock(reading: ClockReading) -> Check:
    """Is the clock right, and does somebody keep it right?"""
    if reading.offset_ms is None:
        advice = "install chrony (Debian, Ubuntu: apt-get install chrony) so that receive times mean something"
        return Check(name="clock", state=CheckState.FAILED, found="nobody can tell how far the clock is off", advice=advice)
    error = "" if reading.error_ms is None else f", known to {reading.error_ms:.3g} ms"
    found = f"{reading.offset_ms:+.3f} ms against {reading.source}{error}"
    if is_clock_off(reading.offset_ms, reading.error_ms, limit_ms=CLOCK_WRONG_MS):
        return Check(
            name="clock", state=CheckState.FAILED, found=found, advice="set the clock: `chronyc makestep`, and see `chronyc tracking`"
        )
    if reading.source.startswith("venue"):
        advice = "nothing keeps the clock right: install chrony (Debian, Ubuntu: apt-get install chrony)"
        return Check(name="clock", state=CheckState.WARNING, found=found, advice=advice)
    if is_clock_off(reading.offset_ms, reading.error_ms):
        return Check(name="clock", state=CheckState.WARNING, found=found, advice="wait for chrony to settle: `chronyc tracking`")
    return Check(name="clock", state=CheckState.OK, found=found)


def judge_space(folder: Path, free_mb: float, reserve_mb: int) -> Check:
    """Is there room above the reserve?"""
    found = f"{free_mb:,.0f} MB free at {folder}, reserve {reserve_mb:,} MB"
    room = disk_room(free_mb * 1e6, reserve_mb << 20)
    if room is DiskRoom.FULL:
        advice = "free some space, or lower DISK_RESERVE_MB; recording would pause"
        return Check(name="disk space", state=CheckState.FAILED, found=found, advice=advice)
    if room is not DiskRoom.ENOUGH:
        return Check(name="disk space", state=CheckState.WARNING, found=found, advice="free some space before long")
    return Check(name="disk space", state=CheckState.OK, found=found)


def judge_disk_speed(folder: Path, fsync_ms: list[float], interval_ms: int) -> Check:
    """Does an fsync of 64 KiB come back well within `FSYNC_INTERVAL_MS`? `fsync_ms`: samples, at least one."""
    median, worst = statistics.median(fsync_ms), max(fsync_ms)
    rate = _PROBE_BYTES / max(median, 0.001) / 1000
    found = f"write and fsync of 64 KiB at {folder}: median {median:.1f} ms, worst {worst:.1f} ms ({rate:,.0f} MB/s)"
    if median > interval_ms:
        advice = "the disk is slower than FSYNC_INTERVAL_MS: record to another disk, or raise the interval"
        return Check(name="disk speed", state=CheckState.FAILED, found=found, advice=advice)
    if worst > interval_ms:
        advice = "a busy disk: the loss after a crash can exceed FSYNC_INTERVAL_MS"
        return Check(name="disk speed", state=CheckState.WARNING, found=found, advice=advice)
    return Check(name="disk speed", state=CheckState.OK, found=found)


def judge_open_files(limit: int) -> Check:
    """May the process open enough files and sockets? `limit` -1 is unlimited."""
    if 0 <= limit < _FILES_WANTED:
        return Check(
            name="open files",
            state=CheckState.WARNING,
            found=f"limit {limit}",
            advice=f"raise it to {_FILES_WANTED} or more: `ulimit -n 65536`, or LimitNOFILE= in the systemd unit",
        )
    return Check(name="open files", state=CheckState.OK, found="no limit" if limit < 0 else f"limit {limit}")


def _examine_config(
    path: Path | None, overrides: list[str], environ: Mapping[str, str], data_dir: Path | None
) -> tuple[Config, list[Check]]:
    try:
        config = load_config(path, overrides=overrides, environ=environ, data_dir=data_dir)
    except ConfigError as error:
        checks = [
            Check(name="config", state=CheckState.FAILED, found=str(mistake), advice="mend it; `hoga config check` looks again")
            for mistake in error.mistakes
        ]
        return load_config(None, overrides=[], environ={}, data_dir=data_dir), checks
    found = f"{config.path or 'defaults'}: good; records {', '.join(config.active_venues)}"
    notes = [
        Check(name="config", state=CheckState.WARNING, found=str(note), advice="write it as it is read, and be sure")
        for note in config.notes
    ]
    return config, [Check(name="config", state=CheckState.OK, found=found), *notes]


def _examine_open_files() -> Check:
    try:
        import resource
    except ImportError:
        return judge_open_files(-1)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return judge_open_files(-1 if soft == resource.RLIM_INFINITY else soft)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def _examine_folder(folder: Path) -> Check:
    existing = _existing(folder)
    if not existing.is_dir():
        found, advice = f"{existing} is a file", f"{folder} must be a folder: move the file away"
        return Check(name="folder", state=CheckState.FAILED, found=found, advice=advice)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        found, user = f"{existing}: {error.strerror or error}", os.environ.get("USER", "the user hoga runs as")
        return Check(name="folder", state=CheckState.FAILED, found=found, advice=f"give {user} the right to write there, or use --data")
    return Check(name="folder", state=CheckState.OK, found=f"{folder} can be {'written' if existing == folder.absolute() else 'made'}")


def _examine_lock(venue: VenueConfig) -> Check:
    lock = venue.lob_dir / "temporary" / JOURNAL_DIR / LOCK_FILE
    try:
        if lock.exists():
            with FileLock(lock, timeout=0):
                pass
    except Timeout:
        advice = "a second one on this folder will be refused: stop the first, or give the second its own --data"
        return Check(name="recorder", state=CheckState.WARNING, found=f"one is recording to {venue.lob_dir} now", advice=advice)
    except OSError as error:
        return Check(name="recorder", state=CheckState.FAILED, found=f"{lock}: {error.strerror or error}", advice="look at the permissions")
    return Check(name="recorder", state=CheckState.OK, found=f"none other is recording to {venue.lob_dir}")


def _examine_space(venue: VenueConfig) -> Check:
    folder = _existing(venue.lob_dir)
    return judge_space(folder, shutil.disk_usage(folder).free / 1e6, venue.disk_reserve_mb)


def _examine_speed(venue: VenueConfig) -> Check:
    folder, block, samples = _existing(venue.lob_dir), os.urandom(_PROBE_BYTES), []
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            for _ in range(_PROBE_WRITES):
                began = time.perf_counter()
                file.write(block)
                os.fsync(file.fileno())
                samples.append((time.perf_counter() - began) * 1e3)
    except OSError as error:
        advice = "the disk does not take what is written: look at its health and its space"
        return Check(name="disk speed", state=CheckState.FAILED, found=f"{folder}: {error.strerror or error}", advice=advice)
    return judge_disk_speed(folder, samples, venue.fsync_interval_ms)


async def _measure(venues: list[VenueConfig]) -> ClockReading:
    for venue in venues:
        spec = VENUES[venue.venue]
        if spec.rest.time is not None and spec.server_time_ms is not None:
            return await measure_clock(venue=venue.venue, venue_time=lambda venue=venue: read_venue_time(venue))  # type: ignore[misc]
    return await measure_clock()
