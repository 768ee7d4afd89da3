"""Page, alert and doctor are of one mind, whatever a snapshot says; and alerts come when there is no page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.app.alerts import ALERT_CODES, AlertWatch
from hoga.app.checks import CheckState
from hoga.app.config import ProgramConfig, load_config
from hoga.app.config.rooms import dashboard_config
from hoga.app.dashboard_process import DashboardProcess
from hoga.app.doctor import judge_clock, judge_space
from hoga.app.figures import Figures
from hoga.app.gap_log import GapLog
from hoga.app.memory_guard import MemoryGuard
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import judge
from hoga.dashboard.snapshot import PageState, Snapshot, VenueRow
from hoga.hub.alerts import AlertKind
from hoga.quality import limits
from hoga.quality.health import is_silent
from hoga.runtime.clock_check import ClockReading
from tests.dashboard.stage import make_meta, make_snapshot, make_venue

META = make_meta(1, disk_reserve_bytes=1 << 30)
SOURCE = Path(limits.__file__).parent.parent

milliseconds = st.floats(-6_000, 6_000) | st.sampled_from([0.0, 49.0, 50.0, 51.0, -51.0, 500.0, 501.0])
rows = st.builds(
    make_venue,
    venue=st.sampled_from(["a", "b"]),
    home=st.sampled_from(["here", "there"]),
    clock_offset_ms=st.none() | milliseconds,
    clock_error_ms=st.none() | st.floats(0, 1_000),
    clock_source=st.just("chrony"),
    skew_ms=st.none() | milliseconds,
    disk_full=st.booleans(),
    fault=st.none() | st.just("Input/output error"),
)


class Manager:
    """Remembers what is bad."""

    def __init__(self) -> None:
        self.bad: dict[tuple[AlertKind, str], str] = {}

    def observe(self, kind: AlertKind, subject: str, *, bad: bool, text: str, code: str = "", args: Any = None) -> None:
        if bad:
            self.bad[kind, subject] = code


def alerts_of(snapshot: Snapshot) -> dict[tuple[AlertKind, str], str]:
    manager: Any = Manager()
    AlertWatch(manager).look(snapshot, 0.0)
    return dict(manager.bad)


def page_codes(snapshot: Snapshot) -> set[str]:
    verdict = judge(
        snapshot, page=PageState.GOOD, age_s=0.0, stale_after_s=2.0, quiet_s=[0.0] * len(META.streams), hardware=None, folder="data"
    )
    return {finding.code for finding in verdict.reasons}


def codes_of(alerts: dict[tuple[AlertKind, str], str], kind: AlertKind) -> set[str]:
    return {code for (each, _), code in alerts.items() if each is kind}


@given(venues=st.lists(rows, min_size=1, max_size=2, unique_by=lambda row: row.venue))
def test_what_the_page_says_of_disk_and_clock_is_an_alert_and_the_other_way_round(venues: list[VenueRow]) -> None:
    venues = [msgspec.structs.replace(row, home=row.venue) for row in venues]
    snapshot = make_snapshot(META, venues=venues)
    alerts, page = alerts_of(snapshot), page_codes(snapshot)
    assert codes_of(alerts, AlertKind.DISK) == {ALERT_CODES[code] for code in page & {"disk-full", "writer"}}
    clocks = {ALERT_CODES[code] for code in page & {"clock", "skewed", "skewed-venue"}}
    told = codes_of(alerts, AlertKind.CLOCK)
    assert clocks == ({"clock"} if "clock" in told else told), "a clock of ours explains the others"


@given(row=rows)
def test_the_doctor_finds_a_clock_good_exactly_where_the_page_does(row: VenueRow) -> None:
    row = msgspec.structs.replace(row, skew_ms=None)
    said = judge_clock(ClockReading(row.clock_offset_ms, row.clock_source, row.clock_error_ms)).state
    if row.clock_offset_ms is not None:
        page = "clock" in page_codes(make_snapshot(META, venues=[row]))
        assert (said is CheckState.OK) is not page
        assert said is not CheckState.FAILED or page


@given(spare=st.integers(-(2 << 30), 20 << 30))
def test_a_disk_that_is_low_on_the_page_is_never_good_for_the_doctor(spare: int) -> None:
    free = max(0, META.disk_reserve_bytes + spare)
    machine = HARDWARE.look(collector=None, folder=None, reserve_bytes=0)
    seen = msgspec.structs.replace(machine, disk_free=free, reserve_in_s=None, trend_in_s=None)
    snapshot = make_snapshot(META)
    verdict = judge(
        snapshot, page=PageState.GOOD, age_s=0.0, stale_after_s=2.0, quiet_s=[0.0] * len(META.streams), hardware=seen, folder="data"
    )
    said = judge_space(Path("here"), free / 1e6, META.disk_reserve_bytes >> 20).state
    if any(finding.code == "disk-low" for finding in verdict.reasons):
        assert said is not CheckState.OK
    assert (said is CheckState.FAILED) is (free <= META.disk_reserve_bytes)


HARDWARE = HardwareMonitor(cpu_span_s=0.0)


@pytest.fixture
def program(tmp_path: Path) -> ProgramConfig:
    return load_config(None, overrides=["SYMBOLS=BTCUSDT"], environ={}, data_dir=tmp_path).program


@pytest.fixture
def no_page(program: ProgramConfig) -> Iterator[None]:
    """Something else is where the page should be, and stays there."""
    place = Path(dashboard_config(program, None).page)
    place.mkdir()
    yield
    place.rmdir()


@pytest.mark.usefixtures("no_page")
async def test_alerts_come_when_the_page_cannot_be_made(program: ProgramConfig) -> None:
    manager: Any = Manager()
    alerts, shorts = AlertWatch(manager), list[bool]()
    figures = Figures(program, [], gap_log=GapLog([]), memory=MemoryGuard(-1.0, shorts.append))
    full = make_venue(venue="a", home="here", disk_full=True)
    figures.on_snapshot.append(lambda snapshot: alerts.take(msgspec.structs.replace(snapshot, venues=[full])))
    dashboard = DashboardProcess(program, None)
    dashboard.publish(figures)
    figures.start()
    figures.stop()
    await dashboard.stop()
    assert manager.bad == {(AlertKind.DISK, "here"): "disk-full"}
    assert shorts == [True], "the machine's memory is watched without a page too"


async def test_one_that_cannot_take_a_snapshot_keeps_it_from_nobody(program: ProgramConfig) -> None:
    def refuse(snapshot: Snapshot) -> None:
        raise RuntimeError("not mine")

    taken: list[Snapshot] = []
    figures = Figures(program, [], gap_log=GapLog([]), memory=MemoryGuard(101.0, lambda short: None))
    figures.on_snapshot += [refuse, taken.append]
    figures.start()
    figures.stop()
    assert (len(taken), figures.faults) == (1, 1)


def test_silence_is_one_rule_for_one_stream_and_for_many() -> None:
    patience = limits.Patience(2.0, 10.0, 3.0)
    cases = [(1.9, 0.1, 0.1, False), (2.1, 0.1, 0.1, True), (9.0, 1.0, 1.0, False), (11.0, 1.0, 4.0, False), (12.1, 1.0, 4.0, True)]
    for age_s, interval_s, longest_s, silent in cases:
        assert is_silent(age_s, patience, interval_s=interval_s, longest_s=longest_s) is silent
    ages, intervals, pauses, expected = (numpy.array(column) for column in zip(*cases, strict=True))
    assert (is_silent(ages, patience, interval_s=intervals, longest_s=pauses) == expected).all()
    assert not is_silent(1e9, patience, interval_s=float("inf"))


def test_prometheus_is_told_of_the_clock_where_everybody_else_is() -> None:
    rules = (SOURCE.parent.parent / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    found = {name: float(number) for name, number in re.findall(r"(hoga_[a-z_]+)\)? [<>] ([0-9.]+)$", rules, re.MULTILINE)}
    assert found["hoga_clock_offset_seconds"] * 1e3 == limits.CLOCK_OFF_MS
    assert found["hoga_disk_reserve_reached_seconds"] == limits.DISK_SOON_S
    assert found["hoga_disk_trend_reserve_reached_seconds"] == limits.DISK_TREND_S


def test_who_judges_has_no_number_of_its_own() -> None:
    """A comparison with a number other than 0 or 1 is a threshold, and belongs into `quality.limits`."""
    for module in ("dashboard/judge.py", "app/alerts.py", "quality/health.py", "quality/cadence.py"):
        tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                numbers = [each.value for each in (node.left, *node.comparators) if isinstance(each, ast.Constant)]
                assert not [n for n in numbers if isinstance(n, int | float) and n not in (0, 1, 2)], ast.unparse(node)
