"""One row for each cause, with a number that stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.ledger import Reason
from hoga.core.times import MS_NS, SECOND_NS
from hoga.dashboard.incident_list import IncidentList
from hoga.dashboard.snapshot import ConnectionRow, GapRow, Happened, Snapshot, StreamFlag
from hoga.quality.incidents import Incident
from tests.dashboard.stage import STARTED_NS, make_meta, make_snapshot, with_rows

META = make_meta(3)
QUIET = [0.0] * 6
NOW_NS = STARTED_NS + 600 * SECOND_NS
CUT_NS = NOW_NS - 30 * SECOND_NS


def snapshot(**changes: Any) -> Snapshot:
    return make_snapshot(META, ticks=10, now_ns=NOW_NS, **changes)


def cut(since_ns: int = CUT_NS) -> Snapshot:
    row = ConnectionRow("binance-1", "binance", "reconnecting", 1, "", 6, 0.0, 1, 2, "1006")
    return msgspec.structs.replace(
        with_rows(snapshot(), flags=[int(StreamFlag.DISCONNECTED)] * 6, held=[(at, since_ns) for at in range(6)]), connections=[row]
    )


def written(whole: Snapshot, *incidents: Incident) -> Snapshot:
    gaps = [GapRow(at, each.from_ns, each.to_ns, each.reason, 1) for each in incidents for at in range(each.streams)]
    happened = Happened({}, list(incidents), list(range(1, len(incidents) + 1)))
    return msgspec.structs.replace(whole, happened=happened, gaps=gaps)


def incident(from_ns: int, to_ns: int, **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "reason": Reason.DISCONNECT,
        "venue": "binance",
        "conn": "binance-1",
        "streams": 6,
        "gaps": 6,
        "missed": 12,
        "uncounted": 2,
    }
    return Incident(from_ns=from_ns, to_ns=to_ns, **(values | changes))


def rows(
    listed: IncidentList, whole: Snapshot, quiet_s: list[float] | None = None, before: list[Incident] | None = None
) -> list[dict[str, Any]]:
    return listed.rows(whole, quiet_s=quiet_s or QUIET, before=before or [])


def test_nothing_is_nothing() -> None:
    assert rows(IncidentList(), snapshot()) == []


def test_a_cut_is_told_while_it_lasts_and_keeps_its_number_when_it_is_over() -> None:
    listed = IncidentList()
    (during,) = rows(listed, cut())
    assert (during["open"], during["from"], during["to"], during["missed"]) == (True, CUT_NS / MS_NS, None, None)
    assert (during["reason"], during["conn"], during["streams"], during["of"]) == ("disconnect", "binance-1", 6, [0, 1, 2])
    (piece,) = rows(listed, written(cut(), incident(CUT_NS, NOW_NS - 5 * SECOND_NS)))
    assert (piece["number"], piece["open"], piece["missed"], piece["uncounted"]) == (during["number"], True, 12, 2)
    (after,) = rows(listed, written(snapshot(), incident(CUT_NS, NOW_NS)))
    assert (after["number"], after["open"], after["to"]) == (during["number"], False, NOW_NS / MS_NS)
    assert len(after["names"]) == 3


def test_two_cuts_one_after_the_other_are_two() -> None:
    listed = IncidentList()
    first = incident(CUT_NS - 100 * SECOND_NS, CUT_NS - 90 * SECOND_NS)
    over, going = rows(listed, written(cut(), first))
    assert (over["open"], going["open"]) == (False, True)
    assert over["number"] != going["number"]
    told = rows(listed, written(snapshot(), first, incident(CUT_NS, NOW_NS)))
    assert [row["number"] for row in told] == [over["number"], going["number"]]


@pytest.mark.parametrize(
    "flag, reason, venue, conn",
    [
        (StreamFlag.DISK_FULL, "disk-full", "", None),
        (StreamFlag.GATED, "latency-gate", "binance", None),
        (StreamFlag.SILENT, "silence", "binance", None),
        (StreamFlag.NEVER, "disconnect", "binance", "binance-1"),
    ],
)  # fmt: skip
def test_every_trouble_that_goes_on_is_an_open_incident(flag: StreamFlag, reason: str, venue: str, conn: str | None) -> None:
    (row,) = rows(IncidentList(), with_rows(snapshot(), flags=[0, 0, int(flag), 0, 0, 0], held=[(2, CUT_NS)]))
    assert (row["reason"], row["venue"], row["conn"], row["of"], row["streams"]) == (reason, venue, conn, [1], 1)
    assert row["names"] == ["sym001usdt@depth20@100ms"]
    assert row["from"] == CUT_NS / MS_NS


def test_what_the_judge_calls_silent_is_one_too() -> None:
    (row,) = rows(IncidentList(), snapshot(), quiet_s=[0, 0, 0, 4.5, 0, 0])
    assert (row["reason"], row["from"]) == ("silence", (NOW_NS - 4.5 * SECOND_NS) / MS_NS)


def test_a_run_that_is_just_beginning_has_lost_nothing_yet() -> None:
    begun = msgspec.structs.replace(with_rows(snapshot(), flags=[int(StreamFlag.NEVER)] * 6), now_ns=STARTED_NS + 3 * SECOND_NS)
    assert rows(IncidentList(), begun) == []


def test_former_runs_of_today_are_there_and_the_newest_two_hundred_in_all() -> None:
    former = [incident(STARTED_NS - number * SECOND_NS, STARTED_NS - number * SECOND_NS + 1, conn=None) for number in range(1, 400)]
    told = rows(IncidentList(), written(cut(), incident(CUT_NS - SECOND_NS * 50, CUT_NS - SECOND_NS * 40)), before=former)
    assert len(told) == 200
    assert [row["open"] for row in told[-2:]] == [False, True]
    assert [row["from"] for row in told] == sorted(row["from"] for row in told)
    assert len({row["number"] for row in told}) == 200
