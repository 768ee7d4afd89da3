"""A program that backfills as it is told in JSON, quickly, and is meant to be killed: `python -m tests.history.backfill.killed '{…}'`."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from hoga.history.backfill import BackfillReport, Job, backfill
from hoga.history.plan import Series
from hoga.venues.registry import VENUES


def main(told: dict[str, Any]) -> BackfillReport:
    spec = VENUES["binance"].history
    assert spec is not None
    job = Job(
        venue="binance",
        spec=spec,
        kind=spec.kinds["aggTrades"],
        series=tuple(Series(symbol, "aggTrades") for symbol in told["symbols"]),
        folder=Path(told["folder"]),
        start=date.fromisoformat(told["start"]),
        end=date.fromisoformat(told["end"]),
        today=date.fromisoformat(told["today"]),
        history_url=told["url"],
        listing_url=told["url"] + "/",
        silence_s=1.0,
        at_once=4,
        schedule=(0.01, 0.02, 0.05),
    )
    return asyncio.run(backfill(job))


if __name__ == "__main__":
    report = main(json.loads(sys.argv[1]))
    print(json.dumps({"ok": report.ok, "failed": [[each.what, each.why] for each in report.failed]}))  # noqa: T201 - a program
    sys.exit(0 if report.ok else 1)
