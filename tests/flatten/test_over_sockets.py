"""The exit against the simulated venues, over real sockets: a few runs of the campaign, and the command as a person meets it."""

from __future__ import annotations

import asyncio

import pytest

from tests.campaign.flatten import CASES, Case, campaign


@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
def test_an_exchange_that_fails_is_left_flat(case: Case) -> None:
    runs = asyncio.run(campaign(case, 3, at_once=3, first=1))
    assert [run.wrong for run in runs] == [""] * 3


@pytest.mark.faults
@pytest.mark.parametrize("case", CASES, ids=[case.venue for case in CASES])
def test_an_exchange_that_fails_is_left_flat_often(case: Case) -> None:
    runs = asyncio.run(campaign(case, 40, at_once=8, first=1000))
    assert [run.wrong for run in runs] == [""] * 40
