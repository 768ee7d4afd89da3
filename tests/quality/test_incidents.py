"""Many gaps, one cause: one incident. None is left out, none is told twice, whatever the order."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.quality.incidents import NEAR_NS, Incident, IncidentLog, Series, count_gaps, describe, incidents_of, loss_text, span_text

S = 1_000_000_000
MS = 1_000_000
T0 = 1_795_180_000 * S
MINUTE = 60 * S

Told = tuple[Series, Gap]


def stream(number: int, venue: str = "binance") -> Series:
    return venue, f"s{number}usdt@depth20@100ms"


def a_cut(streams: int, *, conn: str | None = "binance-1", at: int = T0, venue: str = "binance", missed: int | None = None) -> list[Told]:
    """Each stream ends its gap with its own first frame."""
    return [(stream(n, venue), Gap(at, at + 100 * MS + n * MS, Reason.DISCONNECT, missed, conn=conn)) for n in range(streams)]


def live(gaps: list[Told], **changes: int) -> IncidentLog:
    log = IncidentLog(**changes)
    for series, gap in gaps:
        log.add(series, gap)
    return log


# -- what people would say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conn", ["binance-1", None])
def test_a_cut_of_sixty_streams_is_one_incident(conn: str | None) -> None:
    found = incidents_of(a_cut(60, conn=conn))
    assert found == [
        Incident(
            from_ns=T0,
            to_ns=T0 + 159 * MS,
            reason=Reason.DISCONNECT,
            streams=60,
            gaps=60,
            missed=0,
            uncounted=60,
            venue="binance",
            conn=conn,
        )
    ]


def test_a_gate_closed_for_45_seconds_is_one_incident_even_where_it_was_written_once_a_second() -> None:
    pieces = [Gap(T0 + n * S, T0 + n * S + 900 * MS, Reason.LATENCY_GATE, 9) for n in range(45)]
    (one,) = incidents_of([(stream(0), piece) for piece in pieces])
    assert (one.streams, one.gaps, one.missed, one.uncounted) == (1, 45, 405, 0)
    assert one.to_ns - one.from_ns == 44 * S + 900 * MS


def test_ten_seconds_of_a_full_disk_are_one_incident_on_all_venues() -> None:
    told = [
        (stream(n, venue), Gap(T0 + n * 7 * MS + at * S, T0 + n * 7 * MS + at * S + 800 * MS, Reason.DISK_FULL, 8))
        for venue in ("binance", "upbit")
        for n in range(4)
        for at in range(10)
    ]
    (one,) = incidents_of(told)
    assert (one.streams, one.gaps, one.missed, one.venue) == (8, 80, 640, "")


def test_two_connections_cut_at_once_are_two() -> None:
    two = [*a_cut(3), *[(stream(9), gap) for _, gap in a_cut(1, conn="binance-2")]]
    assert sorted((each.conn, each.streams) for each in incidents_of(two)) == [("binance-1", 3), ("binance-2", 1)]


def test_two_venues_cut_at_once_are_two_though_no_connection_is_named() -> None:
    found = incidents_of([*a_cut(2, conn=None), *a_cut(3, conn=None, venue="upbit")])
    assert [(each.venue, each.streams) for each in found] == [("binance", 2), ("upbit", 3)]


def test_a_kill_is_one_incident_on_all_venues() -> None:
    told = [(stream(n, venue), Gap(T0 + n, T0 + 9 * S, Reason.CRASH, None)) for n in range(3) for venue in ("binance", "upbit")]
    assert [(each.streams, each.venue) for each in incidents_of(told)] == [(6, "")]


def test_pieces_cut_at_the_ends_of_minutes_are_one_and_what_the_last_one_counts_holds_for_all() -> None:
    ends = [T0, T0 + 20 * S, T0 + 20 * S + MINUTE, T0 + 30 * S + MINUTE]
    pieces = [
        Gap(start, to, Reason.DISCONNECT, missed, conn="binance-1", since_ns=None if at == 0 else T0)
        for at, (start, to, missed) in enumerate(zip(ends, ends[1:], [None, None, 17], strict=False))
    ]
    (one,) = incidents_of([(stream(0), piece) for piece in pieces])
    assert (one.from_ns, one.to_ns, one.gaps, one.missed, one.uncounted) == (T0, ends[-1], 3, 17, 0)
    (half,) = incidents_of([(stream(0), piece) for piece in pieces[:2]])
    assert (half.missed, half.uncounted) == (0, 1)


def test_a_piece_alone_knows_when_its_cause_began() -> None:
    midnight = T0 + MINUTE
    (one,) = incidents_of([(stream(0), Gap(midnight, midnight + S, Reason.SILENCE, None, since_ns=T0))])
    assert (one.from_ns, one.to_ns) == (T0, midnight + S)


def test_what_happened_later_or_for_another_reason_is_another() -> None:
    told = [
        (stream(0), Gap(T0, T0 + S, Reason.DISCONNECT, None, conn="a")),
        (stream(0), Gap(T0 + S + 1, T0 + 2 * S, Reason.DISCONNECT, None, conn="a")),
        (stream(0), Gap(T0, T0 + S, Reason.SILENCE, None)),
    ]
    assert len(incidents_of(told)) == 3


def test_single_lost_frames_are_near_each_other_within_a_second() -> None:
    def at(ns: int) -> Told:
        return stream(0), Gap(T0 + ns, T0 + ns, Reason.MALFORMED, 1)

    assert len(incidents_of([at(0), at(NEAR_NS)])) == 1
    assert len(incidents_of([at(0), at(NEAR_NS + 1)])) == 2


def test_nothing_happened() -> None:
    assert incidents_of([]) == []
    assert IncidentLog().newest() == []


# -- properties ---------------------------------------------------------------------------------------------------------

moments = some.integers(0, 40).map(lambda tenths: T0 + tenths * S // 4)
reasons = some.sampled_from([Reason.DISCONNECT, Reason.SILENCE, Reason.LATENCY_GATE, Reason.DISK_FULL, Reason.CRASH, Reason.MALFORMED])


@some.composite
def any_gaps(draw: some.DrawFn) -> list[Told]:
    told = []
    for _ in range(draw(some.integers(0, 14))):
        start, end, reason = draw(moments), draw(moments), draw(reasons)
        missed = draw(some.integers(0, 9)) if reason in COUNTED else draw(some.none() | some.integers(0, 9))
        since = draw(some.none() | moments)
        conn = draw(some.sampled_from([None, "a", "b"]))
        series = stream(draw(some.integers(0, 3)), draw(some.sampled_from(["binance", "upbit"])))
        told.append((series, Gap(start, end, reason, missed, conn=conn, since_ns=since)))
    return told


@some.composite
def a_life(draw: some.DrawFn) -> list[Told]:
    """Gaps as a recorder writes them: those of one stream one after the other, each when it ends."""
    told: list[Told] = []
    for number in range(draw(some.integers(1, 4))):
        at = T0
        for _ in range(draw(some.integers(0, 6))):
            start = at + draw(some.sampled_from([0, 1, 2, 9])) * S // 4
            at = start + draw(some.integers(0, 8)) * S // 4
            reason = draw(reasons)
            missed = draw(some.integers(0, 9)) if reason in COUNTED else draw(some.none() | some.integers(0, 9))
            told.append((stream(number), Gap(start, at, reason, missed, conn=draw(some.sampled_from([None, "a", "b"])))))
    return sorted(told, key=lambda each: each[1].to_ns)


def related(one: Told, other: Told) -> bool:
    """The rule itself, for two: the slow way."""
    (series, gap), (series2, gap2) = one, other
    if (gap.reason, gap.conn) != (gap2.reason, gap2.conn):
        return False
    if series[0] != series2[0] and (gap.conn or gap.reason not in (Reason.DISK_FULL, Reason.CRASH)):
        return False
    spans = [(min(g.from_ns, g.to_ns, *([] if g.since_ns is None else [g.since_ns])), max(g.from_ns, g.to_ns)) for g in (gap, gap2)]
    near = S if gap.reason in COUNTED else 0
    return spans[0][0] <= spans[1][1] + near and spans[1][0] <= spans[0][1] + near


def groups(told: list[Told]) -> list[list[int]]:
    left, found = set(range(len(told))), []
    while left:
        group, fresh = [], [left.pop()]
        while fresh:
            at = fresh.pop()
            group.append(at)
            near = {each for each in left if related(told[at], told[each])}
            left -= near
            fresh += near
        found.append(group)
    return found


@given(any_gaps(), some.integers())
def test_every_gap_is_in_exactly_one_incident_whatever_the_order(told: list[Told], seed: int) -> None:
    found = incidents_of(told)
    shuffled = told[:]
    random.Random(seed).shuffle(shuffled)
    assert incidents_of(shuffled) == found
    assert sum(each.gaps for each in found) == len(told)
    assert sum(each.missed for each in found) == sum(gap.missed or 0 for _, gap in told)
    assert all(each.from_ns <= each.to_ns and 1 <= each.streams <= each.gaps and 0 <= each.uncounted <= each.gaps for each in found)


@given(any_gaps())
def test_incidents_are_the_groups_of_related_gaps(told: list[Told]) -> None:
    expected = sorted((len(group), len({told[at][0] for at in group})) for group in groups(told))
    assert sorted((each.gaps, each.streams) for each in incidents_of(told)) == expected


@given(a_life())
def test_one_by_one_gives_what_all_at_once_gives(told: list[Told]) -> None:
    log = live(told)
    assert log.newest() == incidents_of(told)
    begun = sum(log.begun.values())
    assert len(log.newest()) <= begun <= len(told)
    assert set(log.begun) == set(Reason)


@given(a_life())
def test_the_count_never_goes_down_and_memory_is_bounded(told: list[Told]) -> None:
    log, before = IncidentLog(kept=2), 0
    for series, gap in told:
        log.add(series, gap)
        assert before <= sum(log.begun.values()) <= before + 1
        assert len(log.newest()) <= 2
        before = sum(log.begun.values())


def test_a_cut_seen_live_is_one_incident_from_its_first_gap_on() -> None:
    log = IncidentLog()
    for number, (series, gap) in enumerate(a_cut(60), 1):
        log.add(series, gap)
        assert log.begun[Reason.DISCONNECT] == 1
        assert [each.streams for each in log.newest()] == [number]


def test_a_day_of_silence_stays_small() -> None:
    log = IncidentLog()
    for minute in range(1_440):
        log.add(stream(0), Gap(T0 + minute * MINUTE, T0 + (minute + 1) * MINUTE, Reason.SILENCE, None, since_ns=T0))
    (one,) = log.newest()
    assert (one.gaps, one.uncounted, one.streams) == (1_440, 1, 1)
    assert sum(log.begun.values()) == 1


# -- for people ---------------------------------------------------------------------------------------------------------


def test_sentences() -> None:
    (cut,) = incidents_of(a_cut(60))
    assert describe(cut) == "connection binance-1 was cut for 0.16 s, 60 streams, nothing countable lost"
    refused = msgspec.structs.replace(cut, conn=None, venue="binance")
    assert describe(refused).startswith("a connection to binance, or a subscription there, was cut for 0.16 s")
    (gate,) = incidents_of([(stream(0), Gap(T0, T0 + 45 * S, Reason.LATENCY_GATE, 4_200))])
    assert describe(gate) == "the latency gate was closed for 45 s (binance), 1 stream, 4,200 frames lost"
    for reason in Reason:
        for conn in ("c", None):
            (one,) = incidents_of([(stream(0), Gap(T0, T0 + S, reason, None, conn=conn))])
            assert "{" not in describe(one)


@pytest.mark.parametrize("missed, uncounted, text", [
    (0, 0, "nothing lost"), (1, 0, "1 frame lost"), (12, 0, "12 frames lost"), (12, 3, "at least 12 frames lost"),
    (0, 3, "nothing countable lost"),
])  # fmt: skip
def test_losses(missed: int, uncounted: int, text: str) -> None:
    assert loss_text(missed, uncounted) == text


@pytest.mark.parametrize("ns, text", [
    (0, "0 ms"), (5 * MS, "5 ms"), (100 * MS, "0.1 s"), (136 * MS, "0.14 s"), (S, "1 s"), (45_250 * MS, "45.2 s"), (150 * S, "2.5 min"),
    (3 * 3_600 * S, "3 h"), (72 * 3_600 * S, "3 days"),
])  # fmt: skip
def test_spans(ns: int, text: str) -> None:
    assert span_text(ns) == text


def test_a_gap_in_pieces_is_counted_once_whoever_counts() -> None:
    first, second, third, another = (
        Gap(T0, T0 + 10 * S, Reason.LATENCY_GATE, 3),
        Gap(T0 + 10 * S, T0 + 70 * S, Reason.LATENCY_GATE, 4, since_ns=T0),
        Gap(T0 + 70 * S, T0 + 90 * S, Reason.LATENCY_GATE, 5, since_ns=T0),
        Gap(T0 + 95 * S, T0 + 99 * S, Reason.LATENCY_GATE, 6),
    )
    cases = [([first, second, third], 1), ([second, third], 1), ([third], 1), ([first, second, third, another], 2), ([], 0)]
    for gaps, expected in cases:
        assert count_gaps((stream(1), each) for each in gaps) == expected, gaps
    assert count_gaps((stream(n), each) for n in range(2) for each in (first, second, third)) == 2
