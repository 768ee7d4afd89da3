"""The journal's bytes: cut anywhere, bent anywhere, written twice. Never a wrong record; damage is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.chunks import ChunkEncoder, columns, has_chunks, read_chunks
from hoga.archive.form.journal import (
    ClockNote,
    CountsNote,
    EndNote,
    GapNote,
    JournalName,
    LatencyNote,
    LegNote,
    LiveNote,
    Note,
    OddNote,
    decode_note,
    encode_header,
    encode_note,
    journal_name,
    parse_journal_name,
    read_header,
)
from hoga.core.ledger import Gap, Reason
from tests.archive_journal.desk import Desk
from tests.recorder.workbench import NOON_NS
from tests.tries import tries

Record = tuple[int, int, bytes]


def read(path: Path) -> tuple[list[Record], int]:
    """All records as a reader takes them, and the damaged bytes."""
    records: list[Record] = []
    damaged = 0
    for chunk in read_chunks(path):
        if isinstance(chunk, int):
            assert chunk > 0
            damaged += chunk
        else:
            for recv_ns, tag, start, length in zip(chunk.recv_ns, chunk.tags, chunk.starts, chunk.lengths, strict=True):
                records.append((recv_ns, tag, chunk.data[start : start + length]))
    return records, damaged


records_st = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=200)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=tries(50), deadline=None)
@given(st.lists(records_st, max_size=5), st.sampled_from([1, 100, 5000]))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, chunks: list[list[Record]], streams: int) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    desk = Desk(path.parent)
    encoder = ChunkEncoder(streams)
    flat = [[item for record in records for item in record] for records in chunks]
    path.write_bytes(
        encode_header(desk.header(NOON_NS)) + b"".join(encoder.encode(columns(records), seq) for seq, records in enumerate(flat))
    )
    assert read_header(path) == desk.header(NOON_NS)
    assert read(path) == ([record for records in chunks for record in records], 0)


def small(desk: Desk) -> tuple[bytes, list[bytes]]:
    header, chunks = desk.pieces([1, 2])
    return encode_header(header), chunks


def test_truncated_at_every_byte(desk: Desk, tmp_path: Path) -> None:
    head, chunks = small(desk)
    whole = head + b"".join(chunks)
    path = tmp_path / "cut.journal"
    path.write_bytes(whole)
    records, _ = read(path)
    counts = [len(read_part(tmp_path, head, chunks[:number])) for number in range(len(chunks) + 1)]
    ends = [len(head) + sum(map(len, chunks[:number])) for number in range(len(chunks) + 1)]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < len(head):
            assert read_header(path) is None
            assert read(path) == ([], size)
            assert not has_chunks(path)
            continue
        kept = sum(1 for end in ends if end <= size) - 1
        assert read_header(path) is not None
        assert read(path) == (records[: counts[kept]], size - ends[kept])


def read_part(folder: Path, head: bytes, chunks: list[bytes]) -> list[Record]:
    path = folder / "part.journal"
    path.write_bytes(head + b"".join(chunks))
    return read(path)[0]


def lengths_between_keys(chunks: list[bytes]) -> list[int]:
    """How many bytes each KEY chunk and those that build on it have."""
    lengths: list[int] = []
    for chunk in chunks:
        if chunk.startswith(b"HGCK"):
            lengths.append(0)
        lengths[-1] += len(chunk)
    return lengths


def test_a_bent_bit_anywhere_gives_damage_never_a_wrong_record(desk: Desk, tmp_path: Path) -> None:
    head, chunks = small(desk)
    whole = head + b"".join(chunks)
    path = tmp_path / "bent.journal"
    path.write_bytes(whole)
    records, _ = read(path)
    for at in range(len(whole)):
        bent = bytearray(whole)
        bent[at] ^= 1 << at % 8
        path.write_bytes(bent)
        found, damaged = read(path)
        assert damaged > 0
        if at < len(head):
            assert read_header(path) is None
            assert found == []
        else:
            assert len(found) < len(records)
            assert [record for record in records if record in found] == found, "in order, and each as it was"
            assert damaged <= max(lengths_between_keys(chunks)), "what follows the next KEY is read again"


def test_a_chunk_written_twice_is_read_once(desk: Desk, tmp_path: Path) -> None:
    head, chunks = small(desk)
    path = tmp_path / "twice.journal"
    path.write_bytes(head + b"".join(chunks))
    once = read(path)
    path.write_bytes(head + b"".join(chunks[:2]) + b"".join(chunks[1:3]) + b"".join(chunks))
    assert read(path) == once


def test_chunks_written_again_at_the_end_fill_the_hole_and_come_in_their_order(desk: Desk, tmp_path: Path) -> None:
    """As after a failed fsync: a page in the middle was dropped, and the chunks since the last good one follow once more."""
    head, chunks = small(desk)
    path = tmp_path / "holed.journal"
    path.write_bytes(head + b"".join(chunks))
    whole = read(path)
    for lost in range(len(chunks)):
        for again in range(lost + 1):
            path.write_bytes(head + b"".join([*chunks[:lost], bytes(len(chunks[lost])), *chunks[lost + 1 :], *chunks[again:]]))
            assert read(path) == (whole[0], len(chunks[lost]))


def test_garbage_between_chunks_is_stepped_over(desk: Desk, tmp_path: Path) -> None:
    head, chunks = small(desk)
    path = tmp_path / "garbage.journal"
    path.write_bytes(head + chunks[0] + b"HGCK" + b"\0" * 5_000_000 + chunks[1] + b"HGCKHGCK" + chunks[2])
    records, damaged = read(path)
    assert damaged == 5_000_004 + 8
    assert records == read_part(tmp_path, head, chunks[:3])


@pytest.mark.parametrize(
    "note",
    [
        LegNote(7, "binance-1", 3, 5, [0, 2], 9, "1006 gone"),
        LatencyNote([1], None, 2000),
        GapNote(1, Gap(1, 2, Reason.SEQUENCE_GAP, 3, 4, 6)),
        LiveNote([0], 1, 2),
        CountsNote(1, 5, 2, 1),
        OddNote(1, "not a data frame", 3, b"\xff\x00}"),
        ClockNote(1, -2.5, "chrony"),
        EndNote(5),
    ],
    ids=lambda note: type(note).__name__,
)
def test_notes_come_back(note: Note) -> None:
    assert decode_note(encode_note(note)) == note


def test_names_sort_by_time_within_a_lane() -> None:
    name = JournalName(3, "2026-11-20", "13-15", "18f3a", 12)
    assert journal_name(name) == "3_2026-11-20_13-15_18f3a_12.journal"
    assert parse_journal_name(journal_name(name)) == name
    assert parse_journal_name(journal_name(name) + ".damaged") is None
    assert parse_journal_name("last.json") is None
    assert sorted([name._replace(minute="13-16"), name]) == [name, name._replace(minute="13-16")]
