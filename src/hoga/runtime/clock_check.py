"""runtime.clock_check: how far this machine's clock is off, and whether it was moved.

`measure_clock` asks, in this order, whoever can tell: chrony, the kernel (adjtimex), an NTP server, a venue. The parsers
and `ClockWatch` are pure. A positive offset means our clock is ahead.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ctypes.util
import sys
import time
from collections.abc import Awaitable, Callable

import msgspec

from hoga.runtime.patience import within

__all__ = [
    "STEP_NS",
    "ClockReading",
    "ClockStep",
    "ClockWatch",
    "Timex",
    "VenueTime",
    "measure_clock",
    "parse_chrony",
    "read_timex",
    "reading_of_timex",
    "reading_of_venue",
]

STEP_NS = 500_000_000
"""A jump of the wall clock against the monotonic one by more than this is a step; less is slewing and noise."""

_CHRONYC = ("chronyc", "-n", "-c", "tracking")
_CHRONY_TIMEOUT_S = 2.0
_VENUE_ASKS = 5
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5
_CHRONY_FIELDS = 14
_NOT_SYNCHRONISED = "Not synchronised"


class ClockReading(msgspec.Struct, frozen=True):
    """The clock against `source` (`chrony`, `adjtimex`, `venue NAME`, `none`).

    `offset_ms` is positive when our clock is ahead, None when nobody could tell; `error_ms` bounds the offset's own
    error, None when unknown.
    """

    offset_ms: float | None
    source: str
    error_ms: float | None = None


class ClockStep(msgspec.Struct, frozen=True):
    """The wall clock jumped by `delta_ns` (positive: forward); `at_ns` is the wall clock after the jump."""

    at_ns: int
    delta_ns: int


class Timex(msgspec.Struct, frozen=True):
    """What adjtimex tells: `state` its return value, `status` flags, `offset` in ns or µs (flag), errors in µs."""

    state: int
    status: int
    offset: int
    estimated_error: int
    maximum_error: int


VenueTime = Callable[[], Awaitable[int]]
"""Asks a venue for its time, wall-clock ns."""


class ClockWatch:
    """Tells steps of the wall clock from its drift, by comparing it with the monotonic clock. Pure: fed, never reads.

    Feed it at least every few seconds. Slow drift (slewing) is followed and never reported.
    """

    def __init__(self, *, step_ns: int = STEP_NS) -> None:
        self._step_ns = step_ns
        self._difference_ns: int | None = None

    def feed(self, wall_ns: int, mono_ns: int) -> ClockStep | None:
        """Compare two readings taken at one moment with the ones before; the step between them, None when there was none."""
        difference = wall_ns - mono_ns
        before, self._difference_ns = self._difference_ns, difference
        if before is None or abs(difference - before) <= self._step_ns:
            return None
        return ClockStep(wall_ns, difference - before)


async def measure_clock(*, venue: str = "", venue_time: VenueTime | None = None, now_ns: Callable[[], int] = time.time_ns) -> ClockReading:
    """How far the clock is off, by the first source that can tell.

    Args:
        venue, venue_time: the last resort; its one-way delay is taken as half the round trip, the shortest of some.
        now_ns: the wall clock.

    Returns:
        A reading; its source is `none` when nobody could tell. Never raises for a source that fails. Takes a few seconds
        at most, as long as `venue_time` has a time limit of its own.
    """
    reading = await _ask_chrony() or reading_of_timex(read_timex())
    if reading is None and venue_time is not None:
        reading = await _ask_venue(venue, venue_time, now_ns)
    return reading or ClockReading(None, "none")


def parse_chrony(text: str) -> ClockReading | None:
    """The reading in the output of `chronyc -c tracking`, None when chrony is not synchronised or the text is no such output.

    Source: chrony 4 manual, chronyc(1) "tracking" and report fields of `-c`, read 2026-11-20: comma-separated
    reference id, name, stratum, reference time, system time (s, positive: the clock is **slow** of true time in the
    machine form), last offset, RMS offset, frequency, residual, skew, root delay, root dispersion, interval, leap status.
    The maximum error is dispersion + delay / 2.
    """
    fields = text.strip().split(",")
    if len(fields) != _CHRONY_FIELDS or fields[-1] == _NOT_SYNCHRONISED:
        return None
    try:
        correction, delay, dispersion = float(fields[4]), float(fields[10]), float(fields[11])
    except ValueError:
        return None
    return ClockReading(-correction * 1e3, "chrony", (dispersion + delay / 2) * 1e3)


def reading_of_timex(timex: Timex | None) -> ClockReading | None:
    """The reading in the kernel's answer, None when nobody disciplines the clock.

    Source: Linux adjtimex(2), read 2026-11-20: STA_UNSYNC or TIME_ERROR mean "not synchronised"; `offset` is what is
    still to be corrected, ns with STA_NANO, else µs; errors are µs.
    """
    if timex is None or timex.state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    unit = 1e-6 if timex.status & _STA_NANO else 1e-3
    return ClockReading(-timex.offset * unit, "adjtimex", timex.maximum_error * 1e-3)


def reading_of_venue(venue: str, sent_ns: int, venue_ns: int, received_ns: int) -> ClockReading:
    """The reading from one request to a venue: its clock was read somewhere between `sent_ns` and `received_ns` of ours."""
    middle = (sent_ns + received_ns) / 2
    return ClockReading((middle - venue_ns) / 1e6, f"venue {venue}".rstrip(), (received_ns - sent_ns) / 2e6)


def read_timex() -> Timex | None:
    """Ask the kernel; None where there is no adjtimex."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6", use_errno=True)
    raw = _RawTimex()
    state = library.adjtimex(ctypes.byref(raw))
    if state < 0:
        return None
    return Timex(state, raw.status, raw.offset, raw.esterror, raw.maxerror)


class _RawTimex(ctypes.Structure):
    """`struct timex`; the fields behind `status` are not read, the padding is generous."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


async def _ask_chrony() -> ClockReading | None:
    try:
        process = await asyncio.create_subprocess_exec(*_CHRONYC, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    except OSError:
        return None
    try:
        output, _ = await within(process.communicate(), _CHRONY_TIMEOUT_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return None
    return parse_chrony(output.decode(errors="replace")) if process.returncode == 0 else None


async def _ask_venue(venue: str, venue_time: VenueTime, now_ns: Callable[[], int]) -> ClockReading | None:
    """The best of several: the shortest round trip leaves least to guess about the way there and back. The first one,
    which also makes the connection, is seldom it."""
    from hoga.core.errors import HogaError

    readings: list[ClockReading] = []
    with contextlib.suppress(HogaError, OSError, TimeoutError):  # a venue that answers no more: what it said before counts
        for _ in range(_VENUE_ASKS):
            sent = now_ns()
            theirs = await venue_time()
            readings.append(reading_of_venue(venue, sent, theirs, now_ns()))
    return min(readings, key=lambda reading: reading.error_ms or 0.0, default=None)
