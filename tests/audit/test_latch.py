"""The latch: seen at once by every process of a folder, only downward, and released by its incident alone."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from hoga.audit.latch import LATCH_FILE, Latch
from hoga.core.errors import HogaError
from hoga.core.trading import Rung
from tests.waiting import until


def freeze(folder: Path) -> None:
    with Latch(folder) as latch:
        latch.set_rung(Rung.FLATTEN, incident="i-1", cause="operator-flatten", by="flatten 1", at_ns=5, news=True)


def test_another_process_freezes_this_one_at_once(tmp_path: Path) -> None:
    with Latch(tmp_path) as latch:
        assert not latch.shut()
        other = get_context("spawn").Process(target=freeze, args=(tmp_path,))
        other.start()
        other.join(30)
        until(latch.shut)
        assert latch.is_news
        latch.seen()
        assert not latch.is_news
        state = latch.state()
        assert (state.rung, state.incident, state.by, state.at_ns) == (Rung.FLATTEN, "i-1", "flatten 1", 5)


def test_it_goes_only_down_and_outlives_its_processes(tmp_path: Path) -> None:
    with Latch(tmp_path) as latch:
        assert latch.set_rung(Rung.HALTED, incident="i-1", cause="clock", detail="offset +0.8 s", by="trader", at_ns=1)
        assert not latch.set_rung(Rung.REDUCING, incident="i-2", cause="x", by="trader", at_ns=2)
        assert latch.set_rung(Rung.FLATTEN, incident="i-1", cause="daily-loss", by="trader", at_ns=3)
    with Latch(tmp_path) as latch:
        assert latch.rung is Rung.FLATTEN
        assert latch.state().cause == "daily-loss"
        assert not latch.release("i-2", by="me", at_ns=4)
        assert latch.release("i-1", by="me", at_ns=4, news=True)
        assert latch.rung is Rung.ACTIVE
        assert latch.is_news
        assert not latch.release("i-1", by="me", at_ns=5)


def test_what_cannot_be_read_is_shut(tmp_path: Path) -> None:
    Latch(tmp_path).close()
    path = tmp_path / LATCH_FILE
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    with Latch(tmp_path) as latch:
        assert latch.rung is Rung.FLATTEN
        assert latch.shut()
        assert latch.state().incident == ""
    path.write_bytes(b"00")
    with pytest.raises(HogaError, match="has 2 bytes"):
        Latch(tmp_path)


def test_a_long_reason_is_cut_and_the_rung_stands(tmp_path: Path) -> None:
    with Latch(tmp_path) as latch:
        latch.set_rung(Rung.HALTED, incident="i-1", cause="clock", detail="é" * 10_000, by="trader", at_ns=1)
        assert latch.state().rung is Rung.HALTED
        assert latch.state().incident == "i-1"
        assert 500 < len(latch.state().detail) < 4000


def test_up_to_a_rung_orders_may_leave(tmp_path: Path) -> None:
    with Latch(tmp_path) as latch:
        for rung, shut in ((Rung.NO_OPEN, False), (Rung.REDUCING, False), (Rung.HALTED, True), (Rung.FLATTEN, True)):
            latch.set_rung(rung, incident="i", cause="x", by="t", at_ns=1)
            assert latch.shut() is shut
            assert latch.shut(Rung.HALTED) is (rung is Rung.FLATTEN)
