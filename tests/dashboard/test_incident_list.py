"""One row for each cause, with a number that stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.ledger import Reason
from hoga.core.times import DAY_NS, MS_NS, SECOND_NS, day_of, day_start_ns
from hoga.dashboard.incident_list import DayCount, IncidentList, untold
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
    return listed.rows(whole, quiet_s=quiet_s or QUIET, before=before or [], now_ns=NOW_NS)


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


def test_what_went_on_when_its_recorder_was_heard_of_last_ends_there_and_a_day_later_is_no_row() -> None:
    listed = IncidentList()
    part = written(cut(), incident(CUT_NS, NOW_NS - 5 * SECOND_NS))
    (during,) = rows(listed, part)
    later_ns = NOW_NS + 3_600 * SECOND_NS
    (after,) = listed.rows(part, quiet_s=QUIET, before=[], now_ns=later_ns, gone=True)
    assert (after["open"], after["went_on"], after["from"], after["to"]) == (False, True, CUT_NS / MS_NS, NOW_NS / MS_NS)
    assert (after["number"], after["missed"], listed.today.open) == (during["number"], 12, 0)
    assert listed.rows(part, quiet_s=QUIET, before=[], now_ns=NOW_NS + DAY_NS + 1, gone=True) == []
    (again,) = rows(listed, part)
    assert (again["open"], again["went_on"], again["number"]) == (True, False, during["number"]), "it only hung"


def test_what_the_judge_calls_silent_is_one_too() -> None:
    (row,) = rows(IncidentList(), snapshot(), quiet_s=[0, 0, 0, 4.5, 0, 0])
    assert (row["reason"], row["from"]) == ("silence", (NOW_NS - 4.5 * SECOND_NS) / MS_NS)


def test_a_run_that_is_just_beginning_has_lost_nothing_yet() -> None:
    begun = msgspec.structs.replace(with_rows(snapshot(), flags=[int(StreamFlag.NEVER)] * 6), now_ns=STARTED_NS + 3 * SECOND_NS)
    assert rows(IncidentList(), begun) == []
    set_back = msgspec.structs.replace(begun, now_ns=STARTED_NS - 3_600 * SECOND_NS)
    assert len(rows(IncidentList(), set_back)) == 1, "it is not beginning: the clock was set back"


def test_former_runs_of_today_are_there_and_the_newest_two_hundred_in_all() -> None:
    former = [incident(STARTED_NS - number * SECOND_NS, STARTED_NS - number * SECOND_NS + 1, conn=None) for number in range(1, 400)]
    told = rows(IncidentList(), written(cut(), incident(CUT_NS - SECOND_NS * 50, CUT_NS - SECOND_NS * 40)), before=former)
    assert len(told) == 200
    assert [row["open"] for row in told[-2:]] == [False, True]
    assert [row["from"] for row in told] == sorted(row["from"] for row in told)
    assert len({row["number"] for row in told}) == 200


def test_what_ended_a_day_ago_is_no_row() -> None:
    old, fresh = (incident(NOW_NS - DAY_NS + at - 100, NOW_NS - DAY_NS + at, conn=f"c-{at}") for at in (0, 1))
    for whole, before in ((written(snapshot(), old, fresh), []), (snapshot(), [old, fresh])):
        assert [row["conn"] for row in rows(IncidentList(), whole, before=before)] == ["c-1"]
    assert [row["open"] for row in rows(IncidentList(), written(cut(NOW_NS - 2 * DAY_NS), old))] == [True], "what goes on has not ended"


def test_a_quiet_week_after_a_bad_hour_says_nothing() -> None:
    """The recorder tells its newest incidents, however old they are."""
    listed = IncidentList()
    whole = written(snapshot(), *(incident(STARTED_NS + at, STARTED_NS + at + 1, conn=f"c-{at}") for at in range(64)))
    assert listed.rows(whole, quiet_s=QUIET, before=[], now_ns=NOW_NS + 7 * DAY_NS) == []
    assert listed.today == DayCount()


def test_a_day_is_counted_before_the_list_is_cut() -> None:
    listed = IncidentList()
    midnight = day_start_ns(day_of(NOW_NS))
    before = [incident(midnight + at, midnight + at + 1, missed=1, uncounted=1, conn=f"c-{at}") for at in range(500)]
    crossing = incident(midnight - SECOND_NS, midnight + SECOND_NS, missed=1_000, uncounted=1_000)
    yesterday = incident(midnight - 9, midnight - 8, missed=1_000, uncounted=1_000)
    own = incident(NOW_NS - 9, NOW_NS - 8, missed=5, uncounted=0, conn="c-own")
    shown = rows(listed, written(cut(), own, crossing), before=[yesterday, *before])
    assert (len(shown), shown[-1]["open"]) == (200, True)
    assert listed.today == DayCount(open=1, incidents=503, missed=505, uncounted=500), "of what crossed midnight the ledgers tell the share"


def test_what_the_recorder_still_tells_is_not_told_again_by_the_ledgers() -> None:
    own = incident(CUT_NS, NOW_NS)
    kin = {"venue": "upbit"}, {"conn": "binance-2"}, {"reason": Reason.SILENCE}
    others = [incident(CUT_NS, NOW_NS, **changes) for changes in kin] + [incident(CUT_NS - 9 * SECOND_NS, CUT_NS - 2 * SECOND_NS)]
    found = [incident(CUT_NS, NOW_NS - 5 * SECOND_NS), incident(CUT_NS - SECOND_NS, CUT_NS + 1), *others]
    told = untold(found, written(snapshot(), own))
    assert told == sorted(others, key=lambda each: each.to_ns)
    assert untold(found, snapshot()) == sorted(found, key=lambda each: each.to_ns)
    numbers = [row["number"] for row in rows(IncidentList(), written(snapshot(), own), before=told)]
    assert len(set(numbers)) == 5, "two cuts of one moment are two rows"
