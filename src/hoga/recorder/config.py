"""recorder.config: how a venue is recorded and sealed. Pure. The defaults are those of the configuration's keys."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.journal import JOURNAL_DIR
from hoga.core.pauses import Schedule

__all__ = ["LatencyRules", "RecorderConfig", "SealingConfig"]


class LatencyRules(msgspec.Struct, frozen=True, kw_only=True):
    """How lateness is judged: of `deque_size` samples the median, once there are `sample_min`, `every_s`; above `threshold_ms` the
    `gate` acts (`pause`, `mark`, `off`)."""

    deque_size: int = 100
    sample_min: int = 10
    threshold_ms: float = 1000.0
    gate: str = "pause"
    every_s: float = 0.2


class RecorderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder needs to know. `directories`: archive folder by kind; `book_kinds` have `snapshots_queue_max`."""

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
    """What is made of journals. `directories`: every archive folder of the venue. `…_again`: pauses before
    what failed is tried again, s."""

    venue: str
    directories: list[Path]
    interval_min: int
    archive_format: str
    purge: bool = True
    seal_again: tuple[float, ...] = Schedule.SEAL.value
    merge_again: tuple[float, ...] = Schedule.MERGE.value
