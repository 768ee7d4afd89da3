"""What one life leaves to the next, and the one after that: no gap missing, none twice, each for its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hoga.archive.keep.recover import recover_folder
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveBusy
from hoga.core.ledger import Reason
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from tests.recorder.lives import Lives
from tests.recorder.workbench import NOON_NS, Bench, agg_trade, book, stream

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")
ETH = stream("ETHUSDT", "aggTrade")
ALL = [BOOK, TRADE, ETH]


def frames(*numbers: int, of: list[Stream] = ALL) -> dict[Stream, list[bytes]]:
    return {each: [(book if each is BOOK else agg_trade)(number) for number in numbers] for each in of}


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path)


def check_good(lives: Lives) -> None:
    report = verify([lives.root])
    assert report.ok, report.problems


@pytest.mark.parametrize("between", [0, 1, 3])
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_lives_that_never_connect_carry_on_where_the_last_one_ended(lives: Lives, between: int, end: str) -> None:
    await lives.live(ALL, frames(1, 2))
    for _ in range(between):
        lives.wait(10)
        await lives.live(ALL, seconds=3, end=end)
    lives.wait(10)
    await lives.live(ALL, frames(9, 10))
    gaps = lives.gaps(TRADE)
    assert gaps[0][0] == 1
    assert sum(missed or 0 for *_, missed in gaps) == 6, "ids 3 to 8, proven over any number of lives"
    assert [a[1] for a in gaps[:-1]] == [b[0] for b in gaps[1:]], "no time is in none, and none in two"
    assert gaps[-1][1] == 11 + 13 * between
    reasons = {reason for _, _, reason, _ in gaps}
    assert reasons - {"crash"} == ({"shutdown", "disconnect"} if between else {"shutdown"})
    waited = [(from_s, to_s) for from_s, to_s, reason, _ in gaps if reason == "disconnect"]
    assert [from_s for from_s, _ in waited] == [11 + 13 * number for number in range(between)], "each of them waited from its start"
    check_good(lives)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_damaged_last_word_is_named_and_the_time_between_is_in_the_ledger_all_the_same(lives: Lives, end: str) -> None:
    await lives.live(ALL, frames(1, 2))
    lives.wait(10)
    await lives.live(ALL, frames(5, 6), end=end)
    ended_s, path = (lives.now - NOON_NS) / SECOND_NS, lives.folder / "last.json"
    data = bytearray(path.read_bytes())
    data[data.index(b"reason") + 1] ^= 4
    path.write_bytes(data)
    assert [problem.kind for problem in verify([lives.root]).problems if problem.file == str(path)] == ["corrupt"]
    lives.wait(10)
    assert [what for what, _ in recover_folder(lives.folder, now_ns=lives.now).failed] == [str(path)]
    began_s = (lives.now - NOON_NS) / SECOND_NS
    await lives.live(ALL, frames(9, 10))
    for of in ALL:
        gaps = [gap for gap in lives.gaps(of) if gap[1] > ended_s]
        assert gaps[0][0] <= ended_s, of.name
        assert gaps[-1][1] == began_s, of.name
        assert all(a[1] == b[0] for a, b in zip(gaps, gaps[1:], strict=False)), of.name
    check_good(lives)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_stream_left_out_of_some_lives_is_a_gap_as_long_as_it_was(lives: Lives, end: str) -> None:
    await lives.live(ALL, frames(1, 2))
    for _ in range(2):
        lives.wait(5)
        await lives.live([BOOK, TRADE], frames(5, 6, of=[BOOK, TRADE]), end=end)
    lives.wait(5)
    await lives.live(ALL, frames(7, 8))
    assert [(reason, missed) for _, _, reason, missed in lives.gaps(ETH)] == [("shutdown", 4)]
    assert lives.gaps(ETH)[0][:2] == (1, 18)
    assert sum(missed or 0 for *_, missed in lives.gaps(TRADE)) == 2
    check_good(lives)


async def test_a_life_that_connects_late_says_that_it_waited(lives: Lives) -> None:
    await lives.live(ALL, frames(1, 2), wait_s=7)
    assert lives.gaps(TRADE) == [(0, 7, "disconnect", None)]
    lives.wait(10)
    await lives.live(ALL, frames(5, 6), wait_s=80)
    assert lives.gaps(TRADE)[1:] == [(8, 18, "shutdown", None), (18, 60, "disconnect", None), (60, 98, "disconnect", 2)]
    check_good(lives)


async def test_a_life_that_connects_at_once_has_waited_for_nothing(lives: Lives) -> None:
    await lives.live(ALL, frames(1, 2), wait_s=2)
    assert lives.gaps(TRADE) == []
    await lives.live(ALL, frames(3), wait_s=2)
    assert [gap[2:] for gap in lives.gaps(TRADE)] == [("shutdown", 0)]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_first_life_that_never_connects_has_its_entry(lives: Lives, end: str) -> None:
    await lives.live(ALL, seconds=3, end=end)
    lives.wait(4)
    await lives.live(ALL, frames(1, 2))
    gaps = lives.gaps(TRADE)
    assert (gaps[0][0], gaps[-1][1]) == (0, 7)
    assert gaps[0][2] == "disconnect"
    assert [a[1] for a in gaps[:-1]] == [b[0] for b in gaps[1:]]
    check_good(lives)


async def test_killed_between_connecting_and_the_first_frame_the_time_before_is_told_all_the_same(lives: Lives) -> None:
    """A quiet stream: its gap would be told with its first frame, or at the minute's end."""
    await lives.live(ALL, frames(1, 2))
    lives.wait(10)
    await lives.live(ALL, frames(3, of=[BOOK]), connect=ALL, end="kill")
    lives.wait(10)
    await lives.live(ALL, frames(9))
    assert lives.spans(TRADE) == [(0, 23)]
    assert lives.gaps(TRADE)[0] == (1, 11, "shutdown", None)
    assert sum(missed or 0 for *_, missed in lives.gaps(TRADE)) == 6
    check_good(lives)


async def test_what_a_stop_could_not_seal_is_sealed_by_the_next_start(lives: Lives) -> None:
    await lives.live(ALL, frames(1, 2), seal=False)
    assert list(lives.folder.glob("*.journal"))
    lives.wait(10)
    await lives.live(ALL, frames(3, 4))
    assert lives.gaps(TRADE) == [(1, 11, "shutdown", 0)]
    assert [line["a"] for line in lives.archive.lines("BTCUSDT", "execution")] == [1, 2, 3, 4]
    check_good(lives)


async def test_removing_the_lock_by_hand_lets_no_second_recorder_in(tmp_path: Path) -> None:
    first, second = Bench(tmp_path, ALL).start(), Bench(tmp_path, ALL)
    (first.recorder.config.journal_folder / ".lock").unlink()
    with pytest.raises(ArchiveBusy, match="another hoga is recording here"):
        second.recorder.acquire()
    assert not first.recorder.check_lock()
    assert first.recorder.check_lock()
    shutil.rmtree(first.recorder.config.journal_folder)
    second.recorder.acquire()
    with pytest.raises(ArchiveBusy, match="another hoga records there now"):
        first.recorder.check_lock()
    second.recorder.release()
    await first.stop()


@pytest.mark.parametrize("ended", ["stop", "kill"])
async def test_a_life_whose_clock_was_ahead_does_not_outweigh_those_after_it(lives: Lives, ended: str) -> None:
    lives.now += 3_600 * SECOND_NS
    await lives.live(ALL, frames(1, 2), end=ended)
    lives.now = NOON_NS
    await lives.live(ALL, frames(3, 4), end="kill")
    lives.wait(5)
    await lives.live(ALL, frames(7, 8), end="kill")
    lives.wait(5)
    await lives.live(ALL, frames(9, 10))
    holes = [(gap.from_id, gap.to_id) for gap in lives.archive.gaps(TRADE.symbol, TRADE.kind) if gap.from_id is not None]
    assert holes == [(5, 6)], "what the later lives recorded is claimed by nobody"
    check_good(lives)


@pytest.mark.parametrize("ended", ["stop", "kill"])
@pytest.mark.parametrize("back_s", [0.3, 40, 3_600])
async def test_a_clock_set_back_between_two_lives_is_told_by_the_second(lives: Lives, ended: str, back_s: float) -> None:
    await lives.live(ALL, frames(1, 2), seconds=70, then=frames(3, 4), end=ended)
    was = lives.now
    lives.now -= int(back_s * SECOND_NS)
    began = lives.now
    await lives.live(ALL, frames(5, 6), then=frames(7, 8))
    check_good(lives)
    for of in ALL:
        steps = lives.archive.gaps(of.symbol, of.kind, Reason.CLOCK_STEP)
        assert [(gap.from_ns, gap.to_ns) for gap in steps] == [(began, was)], of.name
