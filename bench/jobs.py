"""bench.jobs: what a measuring process does. `python -m bench.jobs JOB PLAN CORE` does one job of the table and ends.

PLAN is the job's plan in JSON, CORE the number of the processor it is kept on, or nothing. What the job returns is printed
as one JSON line. A job's modules are imported in its process alone, so that no measurement pays for another's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, get_type_hints

import msgspec

__all__ = ["JOBS", "find_job"]

JOBS = {
    "backfill": "bench.fetched:measure_backfill",
    "load": "bench.load:serve",
    "collect": "bench.collector:collect",
    "client": "bench.clients:run_client",
    "live": "bench.live:measure_live",
    "merge": "bench.days:measure_merge",
    "seal": "bench.days:measure_seal",
    "hub": "bench.hub:measure_load",
    "hub-costs": "bench.hub:measure_costs",
    "hub-readers": "bench.hub:measure_readers",
    "past": "bench.reading:measure_load",
    "past-batches": "bench.reading:measure_batches",
    "past-day": "bench.reading:prepare_day",
    "reader": "bench.hub:read_hub",
    "replay": "bench.replay:measure_replay",
    "gather": "bench.gathered:measure_gather",
    "relay": "bench.relaying:measure_relay",
    "report": "bench.reports:measure_report",
    "tree": "bench.looking:measure_tree",
    "backtest": "bench.backtest:measure_past",
    "decide": "bench.trading:measure_decisions",
    "switches": "bench.switches:measure_switches",
    "union": "bench.unions:measure_union",
    "usual": "bench.usual:measure_usual",
    "paper": "bench.papers:measure_paper",
    "sweep": "bench.backtest:measure_sweep",
    "view": "bench.looking:measure_view",
    "watch": "bench.audience:watch",
}
"""Name of the job → module and function; the function takes one argument, `plan`, whose annotation says what a plan is."""


def find_job(name: str) -> tuple[Callable[[Any], object], Any]:
    """The function of a job, and the type of its plan. Imports its module. Raises KeyError for a name that is none."""
    module, _, function = JOBS[name].partition(":")
    job = getattr(import_module(module), function)
    return job, get_type_hints(job)["plan"]


def _main(name: str, plan: str, core: str) -> None:
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    job, kind = find_job(name)
    result = job(msgspec.json.decode(plan, type=kind))
    if result is not None:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
