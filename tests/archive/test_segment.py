"""Sealed files: what goes in comes out, other tools read them, and no bit changes unseen."""

from __future__ import annotations

import os
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.container import NOTE_LIMIT, open_note, wrap_note, zip_head, zip_tail
from hoga.archive.form.deflate import BLOCK_BYTES, FINAL, DeflateFault, Deflater, Inflater, crc32, crc32_combine
from hoga.archive.form.locate import locate
from hoga.archive.form.segment import SegmentBuilder, SegmentFacts, inflate_range, read_blocks, read_note
from hoga.core.errors import SegmentCorrupt
from tests.tries import tries

MEMBER = "BTCUSDT_orderbook_2026-11-20_13-15.jsonl"
MODIFIED = 1_795_180_500_000_000_000


def build(path: Path, blocks: list[bytes], *, note: bytes = b"{}", level: int = 1) -> SegmentFacts:
    builder = SegmentBuilder("zst" if path.name.endswith(".zst") else "zip", level=level)
    for block in blocks:
        builder.add(block, block.count(b"\n"))
    pieces, facts = builder.build(MEMBER, note, MODIFIED)
    path.write_bytes(b"".join(pieces))
    return facts


@pytest.fixture(params=["segment.zip", "segment.jsonl.zst"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


@pytest.mark.parametrize("level", [1, 2, 6, 9])
@pytest.mark.parametrize("blocks", [[], [b"{}\n"], [b'{"a":1}\n' * 9000] * 5, [b"x" * BLOCK_BYTES + b"\n", b"y\n"]])
def test_what_goes_in_comes_out(path: Path, blocks: list[bytes], level: int) -> None:
    facts = build(path, blocks, note=b'{"why":1}', level=level)
    text = b"".join(blocks)
    assert b"".join(read_blocks(path)) == text
    assert read_note(path) == b'{"why":1}'
    assert facts == SegmentFacts(records=text.count(b"\n"), bytes=len(text), crc32=zlib.crc32(text), archive_bytes=path.stat().st_size)
    assert locate(path).ours


def test_blocks_come_in_bounded_pieces(path: Path) -> None:
    build(path, [bytes(1_000_000) + b"\n"] * 20)
    assert max(map(len, read_blocks(path))) <= 8 * BLOCK_BYTES


def test_ordinary_tools_read_a_segment(tmp_path: Path) -> None:
    path, text = tmp_path / "segment.zip", b'{"symbol":"\xed\x98\xb8\xea\xb0\x80"}\n' * 5000
    build(path, [text])
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(MEMBER)
        assert (info.file_size, info.CRC, info.date_time) == (len(text), zlib.crc32(text), (2026, 11, 20, 13, 15, 0))
        assert not info.flag_bits & 0x08
        assert archive.read(MEMBER) == text
    head = path.read_bytes()[:30]
    assert int.from_bytes(head[14:18], "little") == zlib.crc32(text)


def test_unzip_is_content(tmp_path: Path) -> None:
    build(tmp_path / "segment.zip", [b'{"a":1}\n' * 1000])
    try:
        subprocess.run(["unzip", "-t", tmp_path / "segment.zip"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no unzip here")


def test_the_zstd_tool_chain_reads_a_segment(tmp_path: Path) -> None:
    path, text = tmp_path / "segment.jsonl.zst", b'{"a":1}\n' * 100_000
    build(path, [text[:400_000], text[400_000:]])
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
        assert reader.read() == text


def test_blocks_stand_alone_and_bodies_join() -> None:
    texts = [os.urandom(50_000), b"a" * 300_000, b"", b"{}\n"]
    deflater = Deflater()
    blocks = [deflater.write(text) + deflater.flush() for text in texts]
    for block, text in zip(blocks, texts, strict=True):
        assert b"".join(Inflater().feed(block)) == text
    order = [2, 0, 3, 1, 1]
    assert zlib.decompress(b"".join(blocks[at] for at in order) + FINAL, -15) == b"".join(texts[at] for at in order)


def test_an_inflater_tells_where_the_stream_ends() -> None:
    deflater, inflater = Deflater(), Inflater()
    stream = deflater.write(b"text") + deflater.flush() + FINAL
    assert b"".join(piece for at in range(len(stream)) for piece in inflater.feed(stream[at : at + 1])) == b"text"
    assert inflater.ended
    assert (b"".join(inflater.feed(b"more")), inflater.unused_bytes > 0) == (b"", True)


def test_garbage_is_a_fault() -> None:
    with pytest.raises(DeflateFault):
        list(Inflater().feed(b"\xff" * 100))


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_checksums_of_parts_combine(first: bytes, second: bytes) -> None:
    assert crc32_combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second) == crc32(first + second)


@pytest.mark.parametrize("level", [0, 10])
def test_levels_are_one_to_nine(level: int) -> None:
    with pytest.raises(ValueError, match="level"):
        SegmentBuilder("zip", level=level)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="rar"):
        SegmentBuilder("rar")


def test_notes_have_a_limit(path: Path) -> None:
    build(path, [b"{}\n"], note=b"n" * NOTE_LIMIT)
    assert read_note(path) == b"n" * NOTE_LIMIT
    with pytest.raises(ValueError, match="longer"):
        build(path, [], note=b"n" * (NOTE_LIMIT + 1))


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_a_note_opens_as_it_was_wrapped(text: bytes, crc: int) -> None:
    assert open_note(wrap_note(text, body_crc32=crc)) == (text, crc)


def test_a_zip_beyond_4_gib_is_described_in_64_bits(tmp_path: Path) -> None:
    """The same fields with the limit lowered: `zipfile` must follow them."""
    path, text = tmp_path / "large.zip", b'{"a":1}\n' * 1000
    deflater = Deflater()
    body = deflater.write(text) + deflater.flush()
    figures = {"crc": crc32(text), "text_bytes": len(text), "body_bytes": len(body), "modified_ns": MODIFIED, "zip64_at": 100}
    path.write_bytes(zip_head(MEMBER, **figures) + body + zip_tail(MEMBER, comment=wrap_note(b"", body_crc32=crc32(body)), **figures))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read(MEMBER) == text
    located = locate(path)
    assert (located.ours, located.text_bytes, located.body_bytes) == (True, len(text), len(body))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_of_other_making_are_read(tmp_path: Path, method: int) -> None:
    path, text = tmp_path / "classic.zip", b'{"a":1}\n' * 100_000
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(MEMBER, text)
    assert b"".join(read_blocks(path)) == text
    assert (read_note(path), locate(path).ours) == (None, False)


def test_a_zip_with_several_members_is_none_of_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.jsonl", b"")
        archive.writestr("b.jsonl", b"")
    with pytest.raises(SegmentCorrupt, match="2 members"):
        locate(tmp_path / "two.zip")


def test_plain_text_and_frames_without_a_note_are_read(tmp_path: Path) -> None:
    text = b'{"a":1}\n' * 1000
    (tmp_path / "plain.jsonl").write_bytes(text)
    (tmp_path / "plain.jsonl.zst").write_bytes(zstandard.compress(text) + zstandard.compress(text))
    assert b"".join(read_blocks(tmp_path / "plain.jsonl")) == text
    assert b"".join(read_blocks(tmp_path / "plain.jsonl.zst")) == text * 2


def test_a_part_of_a_file_is_read_alone(path: Path) -> None:
    texts = [b"a" * BLOCK_BYTES, b"b" * BLOCK_BYTES]
    build(path, texts[:1])
    first = locate(path).body_bytes
    build(path, texts)
    located = locate(path)
    assert b"".join(inflate_range(located, located.body_at + first, located.body_bytes - first)) == texts[1]


def read_or_refuse(path: Path) -> bytes | None:
    try:
        return b"".join(read_blocks(path))
    except SegmentCorrupt:
        return None


@settings(max_examples=tries(80), deadline=None)
@given(where=st.integers(0, 10**9), value=st.integers(1, 255), suffix=st.sampled_from([".zip", ".jsonl.zst"]))
def test_a_changed_byte_never_gives_other_text(tmp_path_factory: pytest.TempPathFactory, where: int, value: int, suffix: str) -> None:
    path = tmp_path_factory.mktemp("change") / f"segment{suffix}"
    text = b"".join(b'{"recvNs":%d,"a":%d}\n' % (at * 7919, at) for at in range(500))
    build(path, [text])
    data = bytearray(path.read_bytes())
    data[where % len(data)] ^= value
    path.write_bytes(data)
    assert read_or_refuse(path) in (text, None)
