"""recorder.config: how a venue is recorded and sealed. Pure. The defaults are those of the configuration's keys."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.journal import JOURNAL_DIR
from hoga.core.pauses import Schedule

__all__ = ["LatencyRules", "RecorderConfig", "SealingConfig"]


class LatencyRules(msgspec.Struct, frozen=True, kw_only=True):
    """How latency is judged: every `every_s` seconds, by the median of the last `deque_size` samples, once there are `sample_min`.

    `gate`: what happens while the median is above `threshold_ms`: `pause` (frames are counted, not recorded), `mark` (recorded, and the
    ledger says when they were late), or `off` (nothing).
    """

    deque_size: int = 100
    sample_min: int = 10
    threshold_ms: float = 1000.0
    gate: str = "pause"
    every_s: float = 0.2


class RecorderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder needs to know.

    `home`: the venue's folder. `directories`: archive folder by kind. `interval_min`: minutes that a segment spans. `executions_queue_max`,
    `snapshots_queue_max`: how many records of one stream may wait for the disk, for executions and for every other kind;
    `records_max`: how many of all streams together.
    """

    home: Path
    directories: dict[str, Path]
    aside_directory: Path
    interval_min: int = 1
    archive_format: str = "zip"
    fsync_interval_s: float = 1.0
    disk_reserve_bytes: int = 1 << 30
    snapshots_queue_max: int = 6_000
    executions_queue_max: int = 20_000
    records_max: int = 200_000
    latency: LatencyRules = LatencyRules()

    @property
    def journal_folder(self) -> Path:
        """Where open minutes are."""
        return self.home / "temporary" / JOURNAL_DIR


class SealingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is made of journals. `directories`: every archive folder of the venue. `purge`: remove minutes that are in their day file.

    `seal_again`, `merge_again`: seconds to wait before what failed is tried again, for the first time, the second, …; the last for ever.
    """

    venue: str
    directories: list[Path]
    interval_min: int
    archive_format: str
    purge: bool = True
    seal_again: tuple[float, ...] = Schedule.SEAL.value
    merge_again: tuple[float, ...] = Schedule.MERGE.value
