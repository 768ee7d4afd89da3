"""The day and the last 24 hours, by the ledgers: over midnight, over a merge, from yesterday on."""

from __future__ import annotations

from pathlib import Path

from hoga.archive.form.ledger import GapEntry, LiveEntry, SegmentEntry, append_entries
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.ledger import Gap, Reason
from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS, day_of, day_start_ns
from hoga.dashboard.snapshot import StreamRow
from hoga.dashboard.today import Day, DayTotals, Today
from hoga.quality.incidents import Incident
from tests.dashboard.stage import STARTED_NS, make_meta

START_NS = day_start_ns(day_of(STARTED_NS))
MIDNIGHT_NS = START_NS + DAY_NS


def tell(row: StreamRow, at_ns: int, *gaps: Gap, live: tuple[int, int] | None = None) -> SeriesDay:
    """Append to the ledger of the day that holds `at_ns`."""
    day = SeriesDay(Path(row.directory), row.symbol, row.kind, day_of(at_ns))
    day.ledger.parent.mkdir(parents=True, exist_ok=True)
    spans = [] if live is None else [LiveEntry(from_ns=live[0], to_ns=live[1])]
    append_entries(day.ledger, [*spans, *(GapEntry(gap=gap, at=number) for number, gap in enumerate(gaps, start=1))])
    return day


def cut(from_ns: int, to_ns: int, *, since_ns: int | None = None) -> Gap:
    return Gap(from_ns, to_ns, Reason.DISCONNECT, None, conn="binance-1", since_ns=since_ns)


def looked(today: Today, streams: list[StreamRow], now_ns: int) -> list[Incident]:
    today.look(streams, now_ns)
    return today.incidents(now_ns)


def spans(found: list[Incident]) -> list[tuple[int, int]]:
    return [(each.from_ns, each.to_ns) for each in found]


def test_before_a_look_nothing_is_known_and_at_midnight_nothing_of_the_new_day(tmp_path: Path) -> None:
    meta = make_meta(2, directory=str(tmp_path))
    today = Today()
    assert today.totals is None
    tell(meta.streams[0], START_NS, Gap(START_NS, START_NS + MINUTE_NS, Reason.DISCONNECT, 7), live=(START_NS, MIDNIGHT_NS))
    today.look(meta.streams, MIDNIGHT_NS - MINUTE_NS)
    assert today.totals is not None and today.totals.missed == 7
    assert today.fresh_days()[0].strip == "m1r1439"
    today.look(meta.streams, MIDNIGHT_NS + SECOND_NS)
    assert today.totals == DayTotals(), "yesterday's figures are not today's"
    assert today.fresh_days() == {0: Day("", None, 0, 0), 1: Day("", None, 0, 0)}
    tell(meta.streams[2], MIDNIGHT_NS, live=(MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS))
    today.look(meta.streams, MIDNIGHT_NS + 2 * MINUTE_NS)
    assert today.fresh_days() == {1: Day("r1", 1.0, 0, 0)}
    today.begin()
    assert today.totals is None


def test_a_run_that_began_after_midnight_knows_the_night_before(tmp_path: Path) -> None:
    meta = make_meta(1, directory=str(tmp_path))
    row = meta.streams[0]
    evening = MIDNIGHT_NS - 90 * MINUTE_NS
    tell(row, START_NS, cut(START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS), cut(evening, evening + MINUTE_NS))
    over = (MIDNIGHT_NS - 3 * MINUTE_NS, MIDNIGHT_NS + 3 * MINUTE_NS)
    tell(row, START_NS, cut(over[0], MIDNIGHT_NS))
    tell(row, MIDNIGHT_NS, cut(MIDNIGHT_NS, over[1], since_ns=over[0]))
    found = looked(Today(), meta.streams, MIDNIGHT_NS + 10 * MINUTE_NS)
    assert spans(found) == [(evening, evening + MINUTE_NS), over], "what ended 24 hours ago is not told, what crossed midnight is one"


def test_nothing_vanishes_at_midnight_nor_when_the_day_is_merged(tmp_path: Path) -> None:
    meta = make_meta(1, directory=str(tmp_path))
    row = meta.streams[1]
    first, late = MIDNIGHT_NS - 60 * MINUTE_NS, MIDNIGHT_NS - 2 * MINUTE_NS
    today = Today()
    tell(row, START_NS, cut(first, first + MINUTE_NS))
    assert spans(looked(today, meta.streams, MIDNIGHT_NS - MINUTE_NS)) == [(first, first + MINUTE_NS)]
    assert spans(looked(today, meta.streams, MIDNIGHT_NS + SECOND_NS)) == [(first, first + MINUTE_NS)]
    day = tell(row, START_NS, cut(late, late + MINUTE_NS))  # the day's last minutes are sealed after its end
    both = [(first, first + MINUTE_NS), (late, late + MINUTE_NS)]
    assert spans(looked(today, meta.streams, MIDNIGHT_NS + 3 * MINUTE_NS)) == both
    empty = SegmentEntry(
        file="", minute="00-00", part=0, records=0, bytes=0, crc32=0, archive_bytes=0, first_recv_ns=None, last_recv_ns=None, received=0
    )  # fmt: skip
    append_entries(day.ledger, [empty])
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    assert not day.ledger.exists() and day.manifest_path.exists()
    assert spans(looked(today, meta.streams, MIDNIGHT_NS + 4 * MINUTE_NS)) == both
    assert spans(looked(Today(), meta.streams, MIDNIGHT_NS + 4 * MINUTE_NS)) == both, "another run reads the manifest"
    day.manifest_path.write_bytes(b"{")
    assert looked(Today(), meta.streams, MIDNIGHT_NS + 4 * MINUTE_NS) == [], "a damaged one is no fault"


def test_a_clock_that_is_set_back_over_midnight_and_forth_again(tmp_path: Path) -> None:
    meta = make_meta(1, directory=str(tmp_path))
    row = meta.streams[0]
    told = (MIDNIGHT_NS - 5 * MINUTE_NS, MIDNIGHT_NS - 4 * MINUTE_NS)
    tell(row, START_NS, cut(*told), live=(START_NS, MIDNIGHT_NS))
    today = Today()
    for now_ns, missed in ((MIDNIGHT_NS + MINUTE_NS, 0), (MIDNIGHT_NS - MINUTE_NS, 1), (MIDNIGHT_NS + MINUTE_NS, 0)) * 2:
        assert spans(looked(today, meta.streams, now_ns)) == [told]
        assert today.totals is not None and today.totals.uncounted == missed
