"""A relay at a real nats-server: what lies on the disk arrives as it is, whatever dies in between."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hoga.archive.form.chunks import ChunkDecoder, read_packed
from hoga.archive.form.journal import CONTROL, decode_header, read_body
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveBusy
from hoga.relay.broker import Broker, BrokerRefused, Received
from hoga.relay.position import HOME, Position
from hoga.relay.relay import Relay
from hoga.relay.subjects import (
    LIVE,
    SEGMENTS,
    AskDay,
    AskDays,
    AskFile,
    AskWho,
    DayAnswer,
    DaysAnswer,
    Fault,
    FileAnswer,
    FileKind,
    Leg,
    LiveHead,
    WhoAnswer,
    answer_of,
    ask_subject,
    encode,
    read_live,
    segments_subject,
)
from tests.archive.workshop import DAY, Workshop, fill_books, fill_trades
from tests.archive_journal.desk import Desk
from tests.nats_server import NatsServer, nats_server
from tests.relay.copying import Copy, connected, files_of, relaying
from tests.waiting import eventually, until

__all__ = ["nats_server"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with an open day of books and trades, three minutes each."""
    root = tmp_path / "data"
    fill_books(Workshop(root / "binance" / "orderbook", "orderbook"))
    fill_trades(Workshop(root / "binance" / "execution", "execution"))
    return root


def trades(root: Path, day: str = DAY) -> Workshop:
    return Workshop(root / "binance" / "execution", "execution", day=day)


def day_of_trades(root: Path, day: str = DAY) -> SeriesDay:
    return SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", day)


def sent_by(relay: Relay) -> tuple[int, int, int]:
    status = relay.status()
    return status.files, status.lines_bytes, status.days


async def ask(broker: Broker, question: AskWho | AskDay | AskDays | AskFile) -> object:
    payload = await broker.ask(ask_subject("tokyo"), encode(question), timeout_s=30)
    assert payload is not None
    return answer_of(payload)


async def test_what_is_sealed_arrives_as_it_lies_there(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
        assert {kind.value for kind in copy.kinds.values()} == {"segment", "ledger"}
        fill_trades(trades(root), minutes=["13-18"], first=2000)
        await copy.until(broker, files_of(root))
        await eventually(lambda: relay.status().waiting == 0)
        assert relay.status().files == 7
        assert set(copy.came.values()) <= {1, 2}, "a ledger twice, everything else once"
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:  # its next life knows what was sent
        await eventually(lambda: relay.status().waiting == 0 and relay.status().behind_s == 0)
        assert sent_by(relay) == (0, 0, 0)


async def test_a_day_that_went_as_minutes_is_not_sent_again_and_one_that_did_not_is(nats_server: NatsServer, root: Path) -> None:
    fill_trades(trades(root, "2026-11-19"))
    merge_day(day_of_trades(root, "2026-11-19"), venue="binance", archive_format="zip", purge=True)
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
        await eventually(lambda: relay.status().waiting == 0)
        assert relay.status().days == 1
        assert {FileKind.DAY, FileKind.MANIFEST} <= set(copy.kinds.values())
        merge_day(day_of_trades(root), venue="binance", archive_format="zip", purge=True)
        await asyncio.sleep(1.5)
        await eventually(lambda: relay.status().waiting == 0)
        await copy.catch_up(broker)
        assert relay.status().days == 1
    shop = trades(root)  # minutes that are sealed while no relay looks, and merged: the day is sent as a whole
    fill_trades(shop, minutes=["14-00"], first=7000)
    merge_day(day_of_trades(root), venue="binance", archive_format="zip", purge=True)
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
        assert relay.status().days == 1


async def test_a_file_larger_than_a_message_comes_in_parts(nats_server: NatsServer, root: Path) -> None:
    nats_server.max_payload = 12_000
    nats_server.start()
    shop = Workshop(root / "binance" / "delta", "delta")
    noise = [b'{"recvNs":%d,"x":"%b"}\n' % (shop.minute_ns("13-15") + at, os.urandom(400).hex().encode()) for at in range(100)]
    path = shop.seal("13-15", noise)
    assert path.stat().st_size > 30_000
    copy = Copy()
    async with relaying(nats_server, root), connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
        assert copy.came[path.relative_to(root).as_posix()] > 8


async def test_a_damaged_segment_is_told_by_name_and_not_sent(
    nats_server: NatsServer, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = trades(root)
    path = shop.folder / f"{day_of_trades(root).stem}_13-16.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    gone = shop.folder / f"{day_of_trades(root).stem}_13-17.zip"
    gone.unlink()
    nats_server.start()
    copy = Copy()
    name = path.relative_to(root).as_posix()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, {file: text for file, text in files_of(root).items() if file != name})
        assert name not in copy.files
        await eventually(lambda: relay.status().damaged == 2)
        answer = await ask(broker, AskFile(name))
        assert isinstance(answer, FileAnswer)
        assert not answer.sent
        assert "not what was sealed" in (answer.why or "")
    told = [record.getMessage() for record in caplog.records if "not as it was sealed" in record.getMessage()]
    assert len(told) == 2
    assert any(path.name in line for line in told)


async def test_a_closed_day_that_is_damaged_is_told_and_not_sent(nats_server: NatsServer, root: Path) -> None:
    merge_day(day_of_trades(root), venue="binance", archive_format="zip", purge=True)
    (path,) = day_of_trades(root).archive_paths
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await eventually(lambda: relay.status().damaged == 1)
        await copy.catch_up(broker)
        assert FileKind.MANIFEST not in copy.kinds.values(), "a manifest says that the day before it is whole"
        assert relay.status().newest_damaged == day_of_trades(root).manifest_path.relative_to(root).as_posix()


async def test_what_arrived_is_an_archive_that_proves_itself(nats_server: NatsServer, root: Path, tmp_path: Path) -> None:
    fill_trades(trades(root, "2026-11-19"))
    merge_day(day_of_trades(root, "2026-11-19"), venue="binance", archive_format="zip", purge=True)
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root), connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
    for name, content in copy.files.items():
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    report = verify([tmp_path / "copy"])
    assert not report.problems
    assert report.records == verify([root]).records > 0


async def test_nats_away_nothing_waits_and_it_catches_up_from_disk(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
        nats_server.kill()
        await eventually(lambda: not relay.status().connected)
        fill_trades(trades(root), minutes=["13-18", "13-19", "13-20"], first=2000)
        fill_books(Workshop(root / "binance" / "orderbook", "orderbook", symbol="ETHUSDT"))
        await eventually(lambda: relay.status().waiting > 0)
        assert relay.status().trouble
        nats_server.start()
        await copy.until(broker, files_of(root))
        assert relay.status().outages == 1
        await eventually(lambda: relay.status().behind_s == 0)


async def test_what_the_server_lost_is_there_for_whoever_asks(nats_server: NatsServer, root: Path) -> None:
    """An acknowledgement is no durability: the newest block of the stream goes with the server."""
    nats_server.start()
    async with relaying(nats_server, root) as relay:
        await eventually(lambda: relay.status().files == 6 and relay.status().waiting == 0)
    nats_server.kill()
    for block in nats_server.newest_blocks(SEGMENTS.name):
        block.unlink()
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.catch_up(broker)
        answer = await ask(broker, AskDay(DAY))
        assert isinstance(answer, DayAnswer)
        assert {listed.file: listed.bytes for listed in answer.files} == {name: len(text) for name, text in files_of(root).items()}
        for listed in answer.files:
            if copy.files.get(listed.file) is None:
                sent = await ask(broker, AskFile(listed.file))
                assert sent == FileAnswer(collector="tokyo", file=listed.file, sent=True)
        await copy.until(broker, files_of(root))


async def test_questions_are_answered_and_nonsense_too(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    fill_trades(trades(root, "2026-11-19"))
    merge_day(day_of_trades(root, "2026-11-19"), venue="binance", archive_format="zip", purge=True)
    async with relaying(nats_server, root), connected(nats_server) as broker:
        who = await ask(broker, AskWho())
        assert isinstance(who, WhoAnswer)
        assert who.collector == "tokyo"
        closed = await ask(broker, AskDay("2026-11-19"))
        assert isinstance(closed, DayAnswer)
        assert [(listed.kind.value, listed.folded) for listed in closed.files] == [("manifest", False), ("day", False), ("ledger", True)]
        assert await ask(broker, AskDays()) == DaysAnswer(collector="tokyo", days=["2026-11-19", DAY])
        assert await ask(broker, AskDay("2020-01-01")) == DayAnswer(collector="tokyo", day="2020-01-01", files=[])
        everything = await ask(broker, AskDay(DAY))
        assert isinstance(everything, DayAnswer)
        rest = await ask(broker, AskDay(DAY, after=everything.files[2].file))
        assert isinstance(rest, DayAnswer)
        assert rest.files == everything.files[3:]
        missing = await ask(broker, AskFile("binance/nothing.zip"))
        assert missing == FileAnswer(collector="tokyo", file="binance/nothing.zip", sent=False, why="there is no such file")
        hidden = await ask(broker, AskFile(f"{HOME}/position.jsonl"))
        assert isinstance(hidden, FileAnswer)
        assert not hidden.sent
        for payload in (b"", b"hello", b'{"ask":"file","file":"../../etc/passwd"}'):
            answered = await broker.ask(ask_subject("tokyo"), payload, timeout_s=30)
            assert answered is not None
            assert isinstance(answer_of(answered), Fault)


async def test_two_of_one_name_and_two_of_one_folder_are_refused(nats_server: NatsServer, root: Path, tmp_path: Path) -> None:
    nats_server.start()
    async with relaying(nats_server, root):
        with pytest.raises(BrokerRefused, match="another relay is 'tokyo' already"):
            async with relaying(nats_server, tmp_path / "other"):
                pass
        with pytest.raises(ArchiveBusy):
            async with relaying(nats_server, root, "seoul"):
                pass
        async with relaying(nats_server, tmp_path / "other", "seoul"):
            pass


async def test_a_stream_of_another_configuration_is_refused(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    async with connected(nats_server) as broker:
        await broker.ensure(LIVE._replace(max_bytes=1000))
        with pytest.raises(BrokerRefused, match="stream HOGA_LIVE is not as hoga needs it: max_bytes is 1000"):
            async with relaying(nats_server, root):
                pass


async def test_a_position_that_is_damaged_costs_time_only(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root), connected(nats_server) as broker:
        await copy.until(broker, files_of(root))
    position = root / HOME / "position.jsonl"
    position.write_bytes(position.read_bytes().replace(b"ledger", b"lEdger", 1))
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await eventually(lambda: relay.status().files == 6 and relay.status().waiting == 0)
        await copy.catch_up(broker)
        await copy.until(broker, files_of(root))


def test_the_position_is_what_was_saved(tmp_path: Path) -> None:
    from hoga.relay.position import Sent

    def read() -> tuple[dict[str, Sent], dict[str, str], str | None]:
        again = Position(tmp_path, "tokyo")
        why = again.load()
        return again.ledgers, again.files, why

    position = Position(tmp_path, "tokyo")
    assert position.load() is None
    position.sent("a", Sent(10, 7))
    position.sent_file("m", "x")
    position.save()
    position.sent("a", Sent(20, 8, False))
    position.sent("b", Sent(1, 1))
    position.forget(["m"])
    position.save()
    assert read() == ({"a": Sent(20, 8, False), "b": Sent(1, 1)}, {}, None)
    path = tmp_path / HOME / "position.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole)):  # whatever a crash leaves of the last line, what came before it counts
        path.write_bytes(whole[:cut])
        ledgers, _, _ = read()
        assert set(ledgers) <= {"a", "b"}
        assert ledgers.get("a") in (None, Sent(10, 7), Sent(20, 8, False))
    path.write_bytes(whole)
    assert Position(tmp_path, "seoul").load() is not None
    position.forget(["a", "b"])
    position.save()
    assert read() == ({}, {}, None)


class Viewer:
    """Decodes live messages as a reader does that has nothing else."""

    def __init__(self) -> None:
        self.heads: list[LiveHead] = []
        self.frames: list[tuple[str, int, bytes]] = []
        self.legs: dict[str, list[Leg]] = {}
        self._decoders: dict[str, ChunkDecoder] = {}
        self._names: dict[str, list[str]] = {}

    def take(self, message: Received) -> None:
        from io import BytesIO

        head = read_live(message.subject, message.headers)
        self.heads.append(head)
        file = BytesIO(message.payload)
        if head.legs is not None:
            body = read_body(file)
            assert body is not None
            self._names[head.journal] = [entry.stream.name for entry in decode_header(body).streams]
            self.legs.setdefault(head.journal, head.legs)
            self._decoders.setdefault(head.journal, ChunkDecoder())
        decoder = self._decoders.get(head.journal)
        while (packed := read_packed(file)) is not None:
            chunk = decoder.decode(packed) if decoder is not None else None
            if chunk is None:
                continue
            for at, tag in enumerate(chunk.tags):
                if tag & 0xFFFF != CONTROL:
                    frame = chunk.data[chunk.starts[at] : chunk.starts[at] + chunk.lengths[at]]
                    self.frames.append((self._names[head.journal][tag & 0xFFFF], chunk.recv_ns[at], frame))
        assert not file.read(), "there is nothing in a message but whole chunks"


async def test_live_chunks_arrive_as_they_are_written(nats_server: NatsServer, tmp_path: Path) -> None:
    nats_server.start()
    root = tmp_path / "data" / "binance"
    desk = Desk(root)
    header, chunks = desk.pieces(range(1, 40))
    from hoga.archive.form.journal import encode_header

    path = desk.path(header)
    begun = encode_header(header) + b"".join(chunks[:5])
    path.write_bytes(begun)
    viewer = Viewer()
    async with relaying(nats_server, tmp_path / "data") as relay, connected(nats_server) as broker:
        await broker.follow("hoga.live.*", viewer.take)
        await asyncio.sleep(0.5)
        assert not viewer.frames, "what was written before is not live"
        with path.open("ab") as file:
            for chunk in chunks[5:]:
                file.write(chunk[:11])
                file.flush()
                await asyncio.sleep(0.005)
                file.write(chunk[11:])
                file.flush()
        await eventually(lambda: len(viewer.frames) == 3 * (len(chunks) - 6))
        assert viewer.legs == {path.relative_to(tmp_path / "data").as_posix(): [Leg(1, "binance-1", 1)]}
        second = desk.journal([100, 101], start_ns=header.minute_ns + 60 * 10**9)
        path.unlink()
        await eventually(lambda: len(viewer.frames) == 3 * (len(chunks) - 6) + 6)
        assert [head.seq for head in viewer.heads] == list(range(1, len(viewer.heads) + 1))
        assert len({head.session for head in viewer.heads}) == 1
        assert viewer.heads[-1].journal.endswith(second.name)
        assert len(viewer.heads) < 40, "one message is many chunks where they come together"

        nats_server.kill()
        await eventually(lambda: not relay.status().connected)
        desk.journal([200], start_ns=header.minute_ns + 120 * 10**9)
        await eventually(lambda: relay.status().live_lost > 0)
        nats_server.start()
        await eventually(lambda: relay.status().connected and broker.connected)
        desk.journal([300], start_ns=header.minute_ns + 180 * 10**9)
        await eventually(lambda: viewer.frames[-1][2].find(b"300") > 0)
        seqs = [head.seq for head in viewer.heads]
        assert seqs[-1] - len(seqs) == relay.status().live_lost, "what was lost shows in the numbers"


async def test_a_damaged_journal_costs_what_is_up_to_the_next_key(nats_server: NatsServer, tmp_path: Path) -> None:
    from hoga.archive.form.journal import encode_header

    nats_server.start()
    root = tmp_path / "data"
    desk = Desk(root / "binance")
    header, chunks = desk.pieces(range(1, 50))
    bulky = [desk.chunk((header.minute_ns + 10**9 * (60 + at), 0 | 1 << 16, os.urandom(16_000))) for at in range(24)]
    chunks[20] = chunks[20][:-3] + b"xyz"
    path = desk.path(header)
    path.write_bytes(encode_header(header))
    viewer = Viewer()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await broker.follow("hoga.live.*", viewer.take)
        await asyncio.sleep(0.4)
        with path.open("ab") as file:
            file.write(b"".join(chunks))
            file.flush()
            await eventually(lambda: len(viewer.frames) == 3 * 19)
            file.write(b"".join(bulky))
        await eventually(lambda: len(viewer.frames) == 3 * (len(chunks) - 3) + len(bulky))
        assert relay.status().live_lost == 1
        path.unlink()
        folder = Path(f"/proc/{os.getpid()}/fd")
        await eventually(lambda: not any(path.name in os.readlink(each) for each in folder.iterdir() if each.is_symlink()))


def command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "HOGA_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "hoga", "relay", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=known | (environment or {}),
    )


def test_whoever_is_told_to_end_while_it_connects_ends(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"nats://127.0.0.1:{mute.getsockname()[1]}"
        with command("--data", str(root), "--set", f"NATS_URL={url}", "--set", "COLLECTOR=tokyo") as process:
            mute.settimeout(60)
            with mute.accept()[0]:
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_command_runs_until_it_is_told_to_end(nats_server: NatsServer, root: Path, number: signal.Signals) -> None:
    nats_server.start()
    with command("--data", str(root), "--set", f"NATS_URL={nats_server.url}", "--set", "COLLECTOR=tokyo", "--json") as process:
        assert process.stdout is not None
        assert '"ready":true' in process.stdout.readline().replace(" ", "")
        until((root / HOME / "position.jsonl").exists)
        process.send_signal(number)
        assert process.wait(60) == 0


def test_what_is_wrong_at_the_start_is_one_line_and_exit_2(nats_server: NatsServer, root: Path) -> None:
    cases: list[tuple[list[str], str]] = [
        ([f"NATS_URL={nats_server.url}", "COLLECTOR=tokyo"], "is not there"),
        ([f"NATS_URL={nats_server.url}"], "COLLECTOR"),
        (["COLLECTOR=tokyo"], "NATS_URL"),
        (["NATS_URL=nats://me:hush@127.0.0.1", "COLLECTOR=tokyo"], "credentials"),
    ]
    running = [command("--data", str(root), *(word for each in settings for word in ("--set", each))) for settings, _ in cases]
    for process, (settings, said) in zip(running, cases, strict=True):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 2, (settings, err)
        assert said in err
        assert len(err.strip().splitlines()) == 1, err
        assert "hush" not in err
        assert not out


async def test_it_answers_to_what_is_foreign_by_reading_on(nats_server: NatsServer, root: Path) -> None:
    nats_server.start()
    async with relaying(nats_server, root), connected(nats_server) as broker:
        await broker.settle([await broker.post(SEGMENTS, segments_subject("tokyo"), {}, b"somebody else's")])
        await broker.tell(ask_subject("tokyo"), {}, b"no question")
        assert isinstance(await ask(broker, AskWho()), WhoAnswer)
