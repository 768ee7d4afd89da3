"""A trader's socket: its state, a flatten in two steps, and callers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hoga.app.trader.door import TraderDoor
from hoga.dashboard.trader_door import ask_trader
from hoga.flatten.arming import ARMED_S, Arming
from hoga.runtime.clock import ManualClock

S = 1_000_000_000


class House:
    """A door, and what was asked through it."""

    def __init__(self, folder: Path) -> None:
        self.notes: list[dict[str, object]] = []
        self.flattened: list[tuple[str, str]] = []
        self.clock = ManualClock(S)
        self.page = b'{"rung":"ACTIVE"}'
        self.door = TraderDoor(
            folder / "trader.sock",
            state=lambda: self.page,
            note=self.notes.append,
            flatten=lambda who, text: self.flattened.append((who, text)),
            now_ns=self.clock.monotonic_ns,
        )

    async def ask(self, **asked: str) -> dict[str, Any]:
        return await ask_trader(self.door.path, asked)


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_it_tells_its_state_to_its_own_user_only(house: House) -> None:
    await house.door.start()
    assert stat.S_IMODE(house.door.path.stat().st_mode) == 0o600
    assert await house.ask(ask="state") == {"rung": "ACTIVE"}
    house.page = b""
    assert (await house.ask(ask="state"))["ok"] is False
    await house.door.stop()
    assert not house.door.path.exists()
    assert (await house.ask(ask="state"))["why"].startswith("the trader cannot be asked")


async def test_a_folder_with_a_long_name_has_one_too(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 20)
    folder.mkdir(parents=True)
    house = House(folder)
    await house.door.start()
    assert await house.ask(ask="state") == {"rung": "ACTIVE"}
    await house.door.stop()


async def test_two_steps_leave_all_positions_and_both_are_written_down(house: House) -> None:
    await house.door.start()
    who = {"who": "dashboard", "from": "10.0.0.7"}
    armed = await house.ask(do="arm", **who)
    assert (armed["ok"], armed["seconds"]) == (True, ARMED_S)
    assert house.flattened == []
    assert house.door.armed_by() == "dashboard from 10.0.0.7"
    assert (await house.ask(do="confirm", token="guessed", **who))["ok"] is False
    assert await house.ask(do="confirm", token=armed["token"], **who) == {"ok": True}
    assert house.flattened[0][0] == "dashboard"
    assert "from 10.0.0.7" in house.flattened[0][1]
    assert [(note["what"], note["from"]) for note in house.notes] == [
        ("flatten-armed", "10.0.0.7"), ("flatten-refused", "10.0.0.7"), ("flatten-confirmed", "10.0.0.7"),
    ]  # fmt: skip
    assert all(str(note["peer"]).startswith("process ") for note in house.notes)
    assert (await house.ask(do="confirm", token=armed["token"], **who))["ok"] is False, "once"
    await house.door.stop()


async def test_whoever_armed_and_died_leaves_nothing_that_could_go_off(house: House) -> None:
    await house.door.start()
    armed = await house.ask(do="arm", who="dashboard")
    house.clock.advance(ARMED_S + 0.001)
    assert house.door.armed_by() == ""
    late = await house.ask(do="confirm", who="dashboard", token=armed["token"])
    assert late == {"ok": False, "why": f"it was armed more than {ARMED_S} s ago"}
    armed = await house.ask(do="arm", who="dashboard")
    other = await house.ask(do="confirm", who="somebody else", token=armed["token"])
    assert other == {"ok": False, "why": "it was armed by dashboard from here"}
    armed = await house.ask(do="arm", who="dashboard")
    assert (await house.ask(do="disarm", who="dashboard", token=armed["token"]))["ok"] is True
    assert (await house.ask(do="confirm", who="dashboard", token=armed["token"]))["ok"] is False
    assert house.flattened == []
    await house.door.stop()


@given(some.lists(some.tuples(some.sampled_from(["arm", "confirm", "disarm", "wait"]), some.sampled_from("ab"), some.floats(0, 12))))
def test_what_is_confirmed_was_armed_by_the_same_one_a_short_time_ago(steps: list[tuple[str, str, float]]) -> None:
    arming, now, token, number = Arming(), 0, "", 0
    armed: tuple[str, int] | None = None
    for step, who, seconds in steps:
        if step == "wait":
            now += int(seconds * S)
        elif step == "arm":
            number += 1
            token = arming.arm(who, f"t{number}", now).token
            armed = who, now
        elif step == "disarm":
            assert arming.disarm(token) is (armed is not None)
            armed = None
        else:
            right = armed is not None and armed[0] == who and now - armed[1] <= ARMED_S * S
            assert (arming.confirm(who, token, now) == "") is right
            armed = None


@pytest.mark.parametrize("said", [b"\n", b"nonsense\n", b'{"do":"go"}\n', b'{"do":"arm","more":1}\n', b"[" * 3_000 + b"\n", b"\xff\xfe\n"])
async def test_nonsense_is_answered_and_harms_nobody(house: House, said: bytes) -> None:
    await house.door.start()
    reader, writer = await asyncio.open_unix_connection(str(house.door.path))
    writer.write(said + b'{"ask":"state"}\n')
    answers = [json.loads(await reader.readline())]
    while "rung" not in answers[-1]:
        answers.append(json.loads(await reader.readline()))
    assert all(each["ok"] is False for each in answers[:-1])
    assert house.notes == []
    await end(writer)
    await house.door.stop()


async def test_who_asks_too_much_or_reads_nothing_is_let_go(house: House) -> None:
    await house.door.start()
    house.page = b"x" * 400_000
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(house.door.path))
    deaf.setblocking(False)
    deaf.sendall(b'{"ask":"state"}\n' * 8)
    reader, writer = await asyncio.open_unix_connection(str(house.door.path), limit=1 << 20)
    writer.write(b"y" * 5_000)
    assert await reader.read() == b"", "a line without an end"
    await end(writer)
    reader, writer = await asyncio.open_unix_connection(str(house.door.path), limit=1 << 20)
    house.page = b"{}"
    writer.write(b'{"ask":"state"}\n' * 30)
    assert len((await reader.read()).splitlines()) <= 20
    await end(writer)
    while house.door.callers:
        await asyncio.sleep(0)
    deaf.close()
    assert await house.ask(ask="state") == {}
    await house.door.stop()
