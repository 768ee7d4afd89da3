"""Ids of a united day that stand there with more than one payload, against a reckoning by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.conflicts import Conflict, IdPayloads
from hoga.archive.form.records import RecordReader
from hoga.venues.registry import channels_for
from tests.archive.workshop import envelope
from tests.tries import tries

Told = tuple[str, str, int, int]
"""(collector, event, id, payload's number)"""

KEYS = {"aggTrade": "a", "trade": "t"}


def _line(told: Told, at: int) -> bytes:
    collector, event, number, payload = told
    line = envelope(
        1_795_180_500_000_000_000 + at, b'{"e":"%b","%b":%d,"q":"%d"}' % (event.encode(), KEYS[event].encode(), number, payload)
    )
    return line.replace(b'"conn":"binance-1"', b'"conn":"%b/binance-1"' % collector.encode()) if collector else line


def _taken(lines: list[bytes], cuts: list[int]) -> IdPayloads:
    reader = RecordReader(channels_for("binance", "execution"))
    payloads = IdPayloads(reader)
    offset = 0
    for low, high in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        if text := b"".join(lines[low:high]):
            records = reader.read(text)
            assert records is not None
            payloads.take(records, text, offset)
            offset += len(text)
    return payloads


def _by_hand(told: list[Told], lines: list[bytes]) -> list[Conflict]:
    groups: dict[tuple[str, int], list[int]] = {}
    for at, (_, event, number, _) in enumerate(told):
        groups.setdefault((event, number), []).append(at)
    found = []
    for (event, number), places in groups.items():
        whose, payloads = {told[at][0] for at in places}, {told[at][3] for at in places}
        if len(payloads) > 1 and (len(whose) > 1 or "" in whose):
            offset = sum(map(len, lines[: places[0]]))
            found.append(Conflict(event, number, offset, len(places), tuple(sorted(whose))))
    return sorted(found, key=lambda each: each.offset)


_told = st.tuples(st.sampled_from(["", "seoul", "tokyo"]), st.sampled_from(sorted(KEYS)), st.integers(1, 6), st.integers(1, 2))


@settings(max_examples=tries(60))
@given(st.lists(_told, max_size=30), st.lists(st.integers(0, 30), max_size=3))
def test_they_are_what_a_reckoning_by_hand_finds_however_the_text_is_cut(told: list[Told], cuts: list[int]) -> None:
    lines = [_line(each, at) for at, each in enumerate(told)]
    payloads = _taken(lines, sorted(min(cut, len(lines)) for cut in cuts))
    assert payloads.conflicts() == _by_hand(told, lines)
    whose = [each[0] for each in told]
    assert payloads.records_of() == {name: whose.count(name) for name in set(whose)}


def test_a_record_without_an_id_or_with_one_beyond_all_range_is_counted_and_no_conflict() -> None:
    lines = [_line(("tokyo", "trade", 10**30, 1), 0), _line(("seoul", "trade", 10**30, 2), 1)]
    lines += [envelope(1_795_180_500_000_000_009, b'{"e":"trade","q":"1"}'), envelope(1_795_180_500_000_000_010, b'{"e":"trade","q":"2"}')]
    reader = RecordReader(channels_for("binance", "execution"))
    payloads = IdPayloads(reader)
    text = b"".join(lines)
    payloads.take([record for record, _ in reader.read_singly(text)], text, 0)
    assert payloads.conflicts() == []
    assert payloads.records_of() == {"": 2, "seoul": 1, "tokyo": 1}


def test_of_a_series_without_ids_only_the_records_are_counted() -> None:
    reader = RecordReader(channels_for("upbit", "orderbook"))
    assert not reader.has_ids
    payloads = IdPayloads(reader)
    lines = [envelope(1_795_180_500_000_000_000 + at, b'{"type":"orderbook","n":%d}' % at) for at in range(3)]
    text = b"".join(lines)
    payloads.take([record for record, _ in reader.read_singly(text)], text, 0)
    assert payloads.conflicts() == []
    assert payloads.records_of() == {"": 3}
