"""Which of several relays of one name stays: of any two exactly one yields, and two real ones find each other after a reconnect."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.relay.broker import BrokerFault, Received
from hoga.relay.standing import Standing, standing_of
from hoga.relay.subjects import WhoAnswer, ask_subject
from tests.nats_server import NatsServer, nats_server
from tests.relay.copying import connected, relaying
from tests.waiting import eventually

__all__ = ["nats_server"]

STANDINGS = st.builds(Standing, st.booleans(), st.integers(0, 3), st.sampled_from("abcd"))


@given(st.lists(STANDINGS, min_size=2, max_size=6, unique_by=lambda each: each.session))
def test_of_any_two_exactly_one_yields_and_of_all_one_stays(standings: list[Standing]) -> None:
    for one, other in itertools.combinations(standings, 2):
        assert one.yields_to(other) is not other.yields_to(one)
    stays = [each for each in standings if not any(each.yields_to(other) for other in standings)]
    assert len(stays) == 1


@given(st.lists(STANDINGS, min_size=2, max_size=2, unique_by=lambda each: each.session), st.lists(st.booleans(), max_size=12))
def test_two_that_ask_one_another_in_any_order_never_both_yield(standings: list[Standing], turns: list[bool]) -> None:
    """Who yields has the name no more; who does not has it. A relay asks, the other answers as it stands then."""
    now = list(standings)
    gone = [False, False]
    for mine in [*map(int, turns), 0, 1]:
        if gone[1 - mine] or gone[mine]:
            continue
        gone[mine] = now[mine].yields_to(now[1 - mine])
        now[mine] = now[mine]._replace(is_new=gone[mine])
    assert sum(gone) == 1


def test_the_one_that_has_the_name_goes_before_the_one_that_began_earlier() -> None:
    def who(since_ns: int, settled: bool) -> Standing:
        return standing_of(WhoAnswer(collector="tokyo", version="1", session=f"{since_ns}", since_ns=since_ns, settled=settled))

    assert who(1, False).yields_to(who(2, True))
    assert who(2, True).yields_to(who(1, True))
    assert who(2, False).yields_to(who(1, False))


async def test_two_that_could_not_hear_of_each_other_find_each_other_and_the_later_one_sends_nothing_until_it_is_alone(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoga.relay.relay._ALONE_S", 0.2)
    nats_server.start()
    async with relaying(nats_server, tmp_path / "a") as first:
        with monkeypatch.context() as cut:

            async def no_way() -> None:
                raise BrokerFault("no way there")

            cut.setattr(first._broker, "_connect", no_way)
            nats_server.kill()
            await eventually(lambda: first.status().trouble == "no way there")
            nats_server.start()
            second_life = relaying(nats_server, tmp_path / "b")
            second = await second_life.__aenter__()  # it hears nobody
        assert second.status().connected
        await eventually(lambda: first.status().connected and not second.status().connected)
        await eventually(lambda: "another relay is 'tokyo' already" in (second.status().trouble or ""))
        nats_server.kill()
        await eventually(lambda: not first.status().connected)
        nats_server.start()
        await eventually(lambda: first.status().connected)
        outages = first.status().outages
        await eventually(lambda: "another relay is 'tokyo' already" in (second.status().trouble or ""))
        assert not second.status().connected
        assert first.status().connected
        assert first.status().outages == outages
    try:
        await eventually(lambda: second.status().connected and second.status().trouble is None)
    finally:
        await second_life.__aexit__(None, None, None)


async def test_somebody_else_who_answers_to_the_name_is_told_once(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hoga.relay.relay._ALONE_S", 0.05)
    monkeypatch.setattr("hoga.relay.relay._WHO_S", 0.1)
    nats_server.start()
    asked = 0

    async def nonsense(message: Received) -> bytes:
        nonlocal asked
        asked += 1
        return b"nobody"

    async with connected(nats_server) as broker:
        await broker.answer(ask_subject("tokyo"), nonsense)
        async with relaying(nats_server, tmp_path) as relay:
            await eventually(lambda: asked > 4)
            assert relay.status().connected
            assert relay.status().asked == 0
    assert len([each for each in caplog.records if "answers to the collector's name" in each.getMessage()]) == 1
