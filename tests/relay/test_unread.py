"""What a relay may not read holds up nothing else, is told by name, and is no part of a list that would pass for whole."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.errors import DiskFull
from hoga.relay.answers import Answers
from hoga.relay.broker import Received
from hoga.relay.folders import Folders
from hoga.relay.position import Position
from hoga.relay.relay import Relay
from hoga.relay.segments import SegmentLane
from hoga.relay.status import RelayCounts
from hoga.relay.subjects import AskDay, DayAnswer, Fault, answer_of, ask_subject, encode
from tests.archive.workshop import DAY, Workshop, fill_books, fill_trades
from tests.nats_server import NatsServer, nats_server
from tests.relay.copying import Copy, connected, files_of, relaying
from tests.waiting import eventually

__all__ = ["nats_server"]

OLDER = "2026-11-19"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with two open days of trades, and one of books."""
    root = tmp_path / "data"
    for day in (OLDER, DAY):
        fill_trades(Workshop(root / "binance" / "execution", "execution", day=day))
    fill_books(Workshop(root / "upbit" / "orderbook", "orderbook"))
    return root


def day_of(root: Path, day: str) -> SeriesDay:
    return SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", day)


async def day_answer(broker: Any, day: str) -> object:
    payload = await broker.ask(ask_subject("tokyo"), encode(AskDay(day)), timeout_s=30)
    return answer_of(payload)


@pytest.mark.parametrize("what", ["folder", "pipe"])
async def test_a_ledger_that_is_none_holds_up_no_other(nats_server: NatsServer, root: Path, what: str) -> None:
    ledger = day_of(root, DAY).ledger
    ledger.unlink()
    (os.mkdir if what == "folder" else os.mkfifo)(ledger)
    merge_day(day_of(root, OLDER), venue="binance", archive_format="zip", purge=True)
    (root / "upbit" / "orderbook" / f"instruments_{DAY}.json.zst").write_bytes(b"a list")
    nats_server.start()
    copy = Copy()
    wanted = {name: text for name, text in files_of(root).items() if ledger.parent.name not in name}
    assert len(wanted) > 6
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, wanted)
        await eventually(lambda: relay.status().waiting == 0)
        assert relay.status().newest_damaged == ledger.relative_to(root).as_posix()
        assert isinstance(await day_answer(broker, DAY), Fault)
        assert isinstance(await day_answer(broker, OLDER), DayAnswer)


async def test_a_folder_that_may_not_be_read_is_told_once_and_no_day_passes_for_whole_until_it_may(
    nats_server: NatsServer, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hoga.relay.segments._LOOK_S", 0.1)
    (root / "lost+found").mkdir()
    hidden = {root / "upbit", root / "lost+found"}
    monkeypatch.setattr(os, "scandir", _barred(os.scandir, hidden))
    nats_server.start()
    copy = Copy()
    with caplog.at_level(logging.WARNING):
        async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
            await copy.until(broker, {name: text for name, text in files_of(root).items() if not name.startswith("upbit")})
            await eventually(lambda: relay.status().newest_damaged == "upbit")
            fault = await day_answer(broker, DAY)
            assert isinstance(fault, Fault)
            assert "upbit" in fault.why
            await eventually(lambda: relay.status().behind_s == 0)
            hidden.discard(root / "upbit")
            await copy.until(broker, files_of(root))
            await eventually(lambda: relay.status().damaged == 0)
            assert isinstance(await day_answer(broker, DAY), DayAnswer)
    told = [record.getMessage() for record in caplog.records if "a folder cannot be read" in record.getMessage()]
    assert len(told) == 1


async def test_what_was_sent_of_a_folder_is_known_after_it_could_not_be_read(
    nats_server: NatsServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoga.relay.segments._LOOK_S", 0.1)
    merge_day(day_of(root, OLDER), venue="binance", archive_format="zip", purge=True)
    nats_server.start()
    hidden: set[Path] = set()
    monkeypatch.setattr(os, "scandir", _barred(os.scandir, hidden))
    async with relaying(nats_server, root) as relay:
        await eventually(lambda: relay.status().behind_s == 0 and relay.status().days == 1)
        sent = _sent(relay)
        os.utime(root / "binance")  # another time: it is listed anew
        hidden.add(root / "binance")
        await eventually(lambda: relay.status().damaged == 1)
        hidden.clear()
        await eventually(lambda: relay.status().damaged == 0)
    async with relaying(nats_server, root) as relay:
        await eventually(lambda: relay.status().behind_s == 0 and relay.status().waiting == 0)
        assert _sent(relay) == (0, 0)
    assert sent[1] == 1


async def test_a_position_that_cannot_be_written_holds_up_nothing(
    nats_server: NatsServer, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, *rest: object) -> None:
        raise DiskFull(path, "no space left on the device")

    monkeypatch.setattr("hoga.relay.position.write_file", full)
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, root) as relay, connected(nats_server) as broker:
        await copy.until(broker, files_of(root), seconds=20)
        await eventually(lambda: relay.status().behind_s == 0)
    assert len([record for record in caplog.records if "cannot be noted" in record.getMessage()]) == 1


async def test_a_data_folder_that_is_a_link_is_sent_and_a_name_that_is_no_text_holds_up_nothing(
    nats_server: NatsServer, root: Path, tmp_path: Path
) -> None:
    odd = os.fsencode(root / "binance" / "execution") + b"/B\xff_execution_2026-11-20.manifest.json"
    Path(os.fsdecode(odd)).write_bytes(b"{}")
    (tmp_path / "link").symlink_to(root)
    nats_server.start()
    copy = Copy()
    async with relaying(nats_server, tmp_path / "link") as relay, connected(nats_server) as broker:
        await copy.until(broker, {name: text for name, text in files_of(root).items() if not name.encode(errors="replace").count(b"?")})
        await eventually(lambda: relay.status().behind_s == 0)
        assert relay.status().damaged == 0
        assert isinstance(await day_answer(broker, DAY), DayAnswer)
    again = Position(tmp_path / "link", "tokyo")
    assert again.load() is None
    assert len(again.ledgers) == 3


@pytest.mark.parametrize("called", ["/etc/passwd", "../../../passwd", "", "..", "\\u0000"])
async def test_what_a_damaged_line_calls_a_file_leads_nowhere_and_the_rest_is_sent(root: Path, called: str) -> None:
    merge_day(day_of(root, OLDER), venue="binance", archive_format="zip", purge=True)
    for path in (day_of(root, DAY).ledger, day_of(root, OLDER).manifest_path):
        path.write_bytes(re.sub(rb'("file":")[^"]+', rb"\1" + called.encode().replace(b"\\", b"\\\\"), path.read_bytes(), count=1))
    broker, counts, folders = Taker(), RelayCounts(), Folders(root)
    lane = SegmentLane(folders, Position(root, "tokyo"), broker, "tokyo", counts)  # type: ignore[arg-type]  # all of it that is asked
    for _ in range(4):
        await lane._round()
    wanted = {name for name in files_of(root) if name.startswith("upbit")}
    assert wanted <= broker.files
    assert not [name for name in broker.files if ".." in name or name.startswith("/")]
    assert counts.damaged
    answers = Answers("tokyo", "s", 1, folders, lane, counts)
    assert isinstance(answer_of(await answers.respond(Received("", {}, encode(AskDay(OLDER))))), Fault)


class Taker:
    """A broker that takes everything. `files`: of which files."""

    connected, trouble, max_payload = True, None, 1 << 20

    def __init__(self) -> None:
        self.files: set[str] = set()

    async def post(self, shape: object, subject: str, headers: dict[str, str], payload: bytes) -> asyncio.Future[None]:
        self.files.add(headers["Hoga-File"])
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        taken.set_result(None)
        return taken

    async def settle(self, waiting: list[asyncio.Future[None]]) -> None:
        pass

    def let_go(self, waiting: list[asyncio.Future[None]]) -> None:
        pass


def test_a_manifest_that_cannot_be_trusted_is_no_list(root: Path) -> None:
    merge_day(day_of(root, OLDER), venue="binance", archive_format="zip", purge=True)
    day_of(root, OLDER).manifest_path.write_bytes(b"{}")
    answers = Answers("tokyo", "s", 1, Folders(root), None, RelayCounts())  # type: ignore[arg-type]  # no file is asked for
    with pytest.raises(Exception, match="cannot be trusted"):
        answers._files(AskDay(OLDER))
    assert answers._files(AskDay(DAY))


def _sent(relay: Relay) -> tuple[int, int]:
    return relay.status().files, relay.status().days


def _barred(scandir: Callable[[Any], Any], hidden: set[Path]) -> Callable[[Any], Any]:
    """`os.scandir`, as it is for a user who may not read these folders."""

    def look(path: Any = ".") -> Any:
        if isinstance(path, str | Path) and Path(path) in hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    return look
