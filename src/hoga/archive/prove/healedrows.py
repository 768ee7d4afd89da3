"""archive.prove.healedrows: the trades of a day that were fetched afterwards: the file against what ledger or manifest say of it."""

from __future__ import annotations

from collections.abc import Mapping

from hoga.archive.form.healed import Healed, healed_path, read_rows
from hoga.archive.form.idruns import IdRuns
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look
from hoga.archive.prove.report import Outcome
from hoga.core.errors import ArchiveError

__all__ = ["check_healed"]


def check_healed(day: SeriesDay, told: Healed | None, runs: Mapping[str, IdRuns], out: Outcome) -> None:
    """Say what is wrong with a day's healed file. `runs`: the ids that were received, which none of its rows may have."""
    path = healed_path(day)
    if told is None:
        if look(path) is not None:
            out.problem(path, "healed", "neither ledger nor manifest tell of it; hoga heal takes it up")
        return
    try:
        lines = read_rows(path, told)
    except FileNotFoundError:
        out.problem(path, "healed", f"the file is not there; {told.records} rows were in it")
        return
    except ArchiveError as fault:
        out.problem(path, "healed", fault.why)
        return
    if len(lines) != told.records:
        out.problem(path, "healed", f"{len(lines)} rows where {told.records} were written")
    for each in told.ranges:
        if each.chain in runs and (double := each.last - each.first + 1 - runs[each.chain].missing_within(each.first, each.last)):
            out.problem(path, "healed", f"{double} of the ids {each.first}..{each.last} were received too")
