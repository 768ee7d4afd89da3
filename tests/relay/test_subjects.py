"""What is said over NATS: parts make the file again however they come, and what is not ours is told in one line."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.relay.subjects import (
    MESSAGE_ID,
    AskDay,
    AskDays,
    AskFile,
    AskWho,
    DayAnswer,
    DaysAnswer,
    Fault,
    FileAnswer,
    FileHead,
    FileKind,
    ForeignMessage,
    Gathered,
    Leg,
    Listed,
    LiveHead,
    Part,
    WhoAnswer,
    answer_of,
    ask_subject,
    collector_fault,
    collector_of,
    cut,
    encode,
    file_fault,
    head_of,
    live_headers,
    live_subject,
    part_bytes,
    put_together,
    question_of,
    read_live,
    read_part,
    segments_subject,
)

FILE = "binance/orderbook/temporary/BTCUSDT_orderbook_2026-11-20/BTCUSDT_orderbook_2026-11-20_13-15.zip"

collectors = st.text("abcXYZ019_-", min_size=1, max_size=32)
files = st.lists(
    st.text(st.characters(blacklist_characters="/\\\0", blacklist_categories=["Cs"]), min_size=1, max_size=20).filter(
        lambda part: part not in (".", "..")
    ),
    min_size=1,
    max_size=5,
).map("/".join)
words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
contents = st.binary(max_size=200)


def messages(head: FileHead, content: bytes, size: int, again: str = "") -> list[tuple[dict[str, str], bytes]]:
    return [(headers, content[at : at + length]) for headers, at, length in cut(head, size, again=again)]


def parts_of(collector: str, file: str, content: bytes, size: int, *, kind: FileKind = FileKind.SEGMENT, offset: int = 0) -> list[Part]:
    head = head_of(collector, file, kind, content, offset=offset)
    return [read_part(segments_subject(collector), headers, payload) for headers, payload in messages(head, content, size)]


@given(collectors, files, contents, st.integers(1, 70), st.randoms())
def test_parts_make_the_file_again_in_any_order_and_twice(
    collector: str, file: str, content: bytes, size: int, chance: random.Random
) -> None:
    parts = parts_of(collector, file, content, size)
    assert all(len(part.payload) <= size for part in parts)
    shuffled = parts + chance.sample(parts, len(parts) // 2)
    chance.shuffle(shuffled)
    gathered = Gathered(parts[0].head, parts[0].of)
    news = [gathered.take(part) for part in shuffled]
    assert sum(news) == len(parts)
    assert gathered.whole
    assert not gathered.missing
    assert put_together(shuffled) == content
    assert parts[0].head.file == file
    assert parts[0].head.collector == collector


@given(contents.filter(lambda content: len(content) > 10), st.integers(1, 5), st.data())
def test_a_missing_part_is_told(content: bytes, size: int, data: st.DataObject) -> None:
    parts = parts_of("tokyo", FILE, content, size)
    gone = data.draw(st.integers(0, len(parts) - 1))
    left = parts[:gone] + parts[gone + 1 :]
    gathered = Gathered(parts[0].head, parts[0].of)
    for part in left:
        gathered.take(part)
    assert gathered.missing == [gone + 1]
    with pytest.raises(ForeignMessage, match="are missing"):
        put_together(left)


@given(contents.filter(bool), st.integers(1, 50), st.data())
def test_an_altered_byte_is_told(content: bytes, size: int, data: st.DataObject) -> None:
    parts = parts_of("tokyo", FILE, content, size)
    at = data.draw(st.integers(0, len(parts) - 1))
    payload = bytearray(parts[at].payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    parts[at] = parts[at]._replace(payload=bytes(payload))
    with pytest.raises(ForeignMessage, match="not what was sent"):
        put_together(parts)


def test_ids_are_of_the_content_and_of_the_part() -> None:
    def ids(content: bytes, **more: str) -> list[str]:
        return [headers[MESSAGE_ID] for headers, _ in messages(head_of("tokyo", FILE, FileKind.SEGMENT, content), content, 4, **more)]

    assert len(set(ids(b"0123456789"))) == 3
    assert ids(b"0123456789") == ids(b"0123456789")
    assert not set(ids(b"0123456789")) & set(ids(b"0123456780"))
    assert not set(ids(b"0123456789")) & set(ids(b"0123456789", again=" 7"))


def test_lines_that_grew_say_where_they_begin() -> None:
    (part,) = parts_of("tokyo", "x.ledger.jsonl", b"{}\n", 100, kind=FileKind.LEDGER, offset=4321)
    assert part.head.offset == 4321
    with pytest.raises(ForeignMessage, match="a segment that begins at"):
        parts_of("tokyo", FILE, b"{}\n", 100, offset=4321)


def test_parts_of_two_contents_are_not_mixed() -> None:
    first, second = parts_of("tokyo", FILE, b"0123456789", 4), parts_of("tokyo", FILE, b"9876543210", 4)
    with pytest.raises(ForeignMessage, match="another content"):
        put_together([first[0], second[1], first[2]])
    gathered = Gathered(first[0].head, 3)
    gathered.take(first[0])
    with pytest.raises(ForeignMessage, match="came twice and differs"):
        gathered.take(first[0]._replace(payload=b"012"))
    with pytest.raises(ForeignMessage, match="do not make one file"):
        put_together([first[0], first[1]._replace(at=5), first[2]])


ALTERED: list[tuple[str, str | None, str]] = [
    ("Hoga-Format", None, "somebody else's"),
    ("Hoga-Format", "2", "another version"),
    ("Hoga-Collector", "seoul", "another's subject"),
    ("Hoga-Collector", "a.b", "Hoga-Collector is"),
    ("Hoga-File", "../etc/passwd", "below the data root"),
    ("Hoga-File", "%2e%2e/x", "below the data root"),
    ("Hoga-File", "/etc/passwd", "below the data root"),
    ("Hoga-File", "a//b", "below the data root"),
    ("Hoga-File", "a%5Cb", "below the data root"),
    ("Hoga-File", "", "no name"),
    ("Hoga-File", "x" * 3000, "longer"),
    ("Hoga-Kind", "program", "Hoga-Kind is program"),
    ("Hoga-Kind", None, "Hoga-Kind is None"),
    ("Hoga-Bytes", "-1", "Hoga-Bytes is -1"),
    ("Hoga-Bytes", "9" * 19, "Hoga-Bytes"),
    ("Hoga-Crc32", "x", "Hoga-Crc32"),
    ("Hoga-Sha256", "00", "Hoga-Sha256"),
    ("Hoga-Part", "4/3", "expected 1/1"),
    ("Hoga-Part", "0/3", "expected 1/1"),
    ("Hoga-Part", "1", "expected 1/1"),
    ("Hoga-Part", "2/3", "part 2 of 3"),
    ("Hoga-At", "4", "part 1 of 3"),
    ("Hoga-Offset", "1", "begins at 1"),
]


@pytest.mark.parametrize(("name", "value", "said"), ALTERED)
def test_what_is_not_understood_is_told_in_one_line(name: str, value: str | None, said: str) -> None:
    content = b"0123456789"
    headers, payload = messages(head_of("tokyo", FILE, FileKind.SEGMENT, content), content, 4)[0]
    headers = {key: text for key, text in headers.items() if key != name} | ({} if value is None else {name: value})
    with pytest.raises(ForeignMessage, match=said) as told:
        read_part("hoga.segments.tokyo", headers, payload)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


def test_a_last_part_ends_where_the_file_does() -> None:
    content = b"0123456789"
    headers, payload = messages(head_of("tokyo", FILE, FileKind.SEGMENT, content), content, 4)[2]
    for wrong in (headers | {"Hoga-Bytes": "11"}, headers | {"Hoga-Part": "3/4"}):
        with pytest.raises(ForeignMessage, match="part 3 of"):
            read_part("hoga.segments.tokyo", wrong, payload)
    with pytest.raises(ForeignMessage, match="is empty"):
        read_part("hoga.segments.tokyo", headers | {"Hoga-Part": "2/3"}, b"")


@given(st.dictionaries(st.sampled_from(["Hoga-Format", "Hoga-File", "Hoga-Part", "Hoga-Legs", "Hoga-Seq"]), st.text(max_size=30)), contents)
def test_garbage_raises_nothing_else(headers: dict[str, str], payload: bytes) -> None:
    for read in (lambda: read_part("hoga.segments.a", headers, payload), lambda: read_live("hoga.live.a", headers)):
        with pytest.raises(ForeignMessage):
            read()
    for parse in (question_of, answer_of):
        try:
            parse(payload)  # type: ignore[operator] # either of them
        except ForeignMessage as fault:
            assert "\n" not in str(fault)


@given(
    st.builds(
        LiveHead,
        collector=collectors,
        session=st.text("0123456789abcdef", min_size=1, max_size=32),
        seq=st.integers(0, 10**17),
        journal=files,
        sent_ns=st.integers(0, 2**63 - 1),
        legs=st.none() | st.lists(st.builds(Leg, st.integers(0, 65535), words, st.integers(0, 9)), max_size=3),
    )
)
def test_a_live_head_comes_back(head: LiveHead) -> None:
    headers = live_headers(head)
    assert all(value.isascii() and "\n" not in value for value in headers.values())
    assert read_live(live_subject(head.collector), headers) == head


def test_questions_and_answers_come_back() -> None:
    for question in (AskWho(), AskDay("2026-11-29"), AskDay("2026-11-29", "a/b"), AskDays(), AskFile(FILE)):
        assert question_of(encode(question)) == question
    listed = Listed(file=FILE, kind=FileKind.LEDGER, bytes=7, crc32=9, folded=True)
    for answer in (
        WhoAnswer(collector="tokyo", version="1.2", session="0a", since_ns=7),
        DayAnswer(collector="tokyo", day="2026-11-29", files=[listed], next=FILE),
        DaysAnswer(collector="tokyo", days=["2026-11-28", "2026-11-29"]),
        FileAnswer(collector="tokyo", file=FILE, sent=False, why="no such file"),
        Fault("nonsense"),
    ):
        assert answer_of(encode(answer)) == answer


def test_the_wire_is_what_others_may_send() -> None:
    assert question_of(b'{"ask":"day","day":"2026-11-29"}') == AskDay("2026-11-29")
    assert question_of(b'{"ask":"file","file":"a/b.zip"}') == AskFile("a/b.zip")
    assert question_of(b'{"ask":"who"}') == AskWho()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "expected one of the questions"),
        (b'{"ask":"everything"}', "expected one of the questions"),
        (b'{"ask":"day"}', "expected one of the questions"),
        (b'{"ask":"day","day":"yesterday"}', "expected a day"),
        (b'{"ask":"file","file":"../../etc/passwd"}', "below the data root"),
        (b'{"ask":"file","file":"/etc/passwd"}', "below the data root"),
    ],
)
def test_a_question_of_another_kind_is_told(payload: bytes, said: str) -> None:
    with pytest.raises(ForeignMessage, match=said):
        question_of(payload)


def test_a_relay_of_another_version_is_told() -> None:
    answer = encode(WhoAnswer(collector="tokyo", version="9.0", session="0a", since_ns=7, format=2))
    with pytest.raises(ForeignMessage, match=r"tokyo \(hoga 9.0\) speaks format 2, and this hoga 1"):
        answer_of(answer)


def test_names() -> None:
    assert collector_of(segments_subject("a-B_9")) == collector_of(live_subject("a-B_9")) == collector_of(ask_subject("a-B_9")) == "a-B_9"
    for subject in ("hoga.segments", "hoga.segments.a.b", "hoga.other.a", "hoga.live.*", "hoga.live." + "x" * 33):
        with pytest.raises(ForeignMessage):
            collector_of(subject)
    assert collector_fault("tokyo-1_B") is None
    for name in ("", "a.b", "a b", "*", "x" * 33, "seoul\n", "도쿄"):
        assert collector_fault(name), name
    assert file_fault(FILE) is None
    assert file_fault("a/../b")


def test_a_part_fits_what_the_server_takes() -> None:
    assert part_bytes(1 << 20) == 1_000_000
    assert part_bytes(8 << 20) == 1_000_000
    assert 10_000 < part_bytes(20_000) < 20_000
    with pytest.raises(ValueError, match="max_payload"):
        part_bytes(4096)


def test_the_headers_of_a_part_fit_beside_it() -> None:
    file = "/".join(["호" * 80] * 8)
    assert file_fault(file) is None
    head = head_of("x" * 32, file, FileKind.SEGMENT, b"")
    ((headers, _),) = messages(head, b"", 100, again=" " + "9" * 19)
    assert sum(len(key) + len(value) + 4 for key, value in headers.items()) < 8192
