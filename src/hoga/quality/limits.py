"""quality.limits: every threshold of health, each once. Data only.

The page, `/healthz`, the alerts, `hoga doctor` and `hoga top` read them here, through the rules of `quality.health` and the judge of
`dashboard.judge`. A limit that a user sets (`LATENCY_THRESHOLD_MS`, `DISK_RESERVE_MB`, `DESIRED_MAX_SYS_MEM_LOAD`) is in the
configuration, not here.
"""

from __future__ import annotations

import msgspec

__all__ = ["Patience"]

# -- the clock of this machine: how far it may be off, beyond the error of its own measurement ---------------------------

CLOCK_OFF_MS = 50.0
"""From here on it is off: the page warns, an alert is raised, the doctor warns."""
CLOCK_WRONG_MS = 500.0
"""From here on a recording is of little use: the doctor fails."""

# -- the disk ------------------------------------------------------------------------------------------------------------

DISK_LOW_SHARE = 0.25
"""It is nearly full when less than this share of the reserve is left above the reserve."""
DISK_ROOM_BYTES = 5_000_000_000
"""So much above the reserve should be free before a recording begins."""
DISK_SOON_S = 24 * 3600.0
"""The reserve will be reached within this time at hoga's own pace: soon enough to be told."""
DISK_TREND_S = 6 * 3600.0
"""The same at the pace of everything on the file system."""

# -- memory, queues, sealing ---------------------------------------------------------------------------------------------

MEMORY_HYSTERESIS_PERCENT = 2.0
"""Memory that was short is enough again so far below the desired load."""
QUEUE_STREAM_RECORDS = 500
QUEUE_RECORDS = 5_000
"""The disk is slower than the market: more than so many records wait in all, and more than so many of one stream."""
SEAL_WAITING = 10
SEAL_WAITING_A_LANE = 3
"""Sealing falls behind: more closed minutes wait than the larger of these, the second for every lane."""

# -- connections ---------------------------------------------------------------------------------------------------------

LINK_FRESH_S, LINK_DEAD_S = 10.0, 60.0
"""A connection whose last frame is at most so old is well; from the second age on, nothing of its liveness is left."""
LINK_ERRORS_FULL = 0.1
"""From one unusable frame in ten on, nothing is left of a connection's cleanliness."""
LINK_ERRORS_MANY = 0.05
"""An alert is raised from this share of unusable frames on."""
LINK_START_S = 15.0
"""A connection that has not failed yet may take so long to be made at a run's start."""
SERVED_WITHIN_S = 8.0
"""A stream of the hub that should bring something at once is reported when it has not after this time."""
REPEATED_FRAMES, REPEATED_WITHIN_S = 10, 60.0
"""So many repeated frames within this time may be chance: a venue that sends a snapshot again."""

# -- the relay -----------------------------------------------------------------------------------------------------------

RELAY_AWAY_S = 10.0
"""NATS may be without what is recorded for so long before anybody is told."""

# -- silence -------------------------------------------------------------------------------------------------------------


class Patience(msgspec.Struct, frozen=True):
    """How long a stream may bring nothing: `floor_s` seconds, `intervals` of its mean intervals, and `pauses` times the longest pause
    that it is known to have made, whichever is longest."""

    floor_s: float
    intervals: float
    pauses: float = 0.0


SUBSCRIPTION_INTERVALS = 30.0
"""A subscription is renewed after so many mean intervals: with exponential gaps the chance of one this long by accident is e^-30."""
BOOK_PATIENCE = Patience(1.5, 15.0)
"""The page's, for streams that come at a pace of their own."""
TRADE_PATIENCE = Patience(5.0, 30.0, 3.0)
"""The page's, for streams that come in bursts."""
NEW_TRADE_PATIENCE = Patience(30.0, 100.0)
"""The same while their pauses are not known yet, in a run's first minute."""

# -- the page ------------------------------------------------------------------------------------------------------------

STALE_MIN_S, STALE_INTERVALS = 1.5, 2.5
"""A snapshot is stale, and the recorder gone, when it is older than the larger of these, the second in intervals of publishing."""
