"""Ended at any durable step, by a kill or a refusal, what comes after finds everything again: every record once, every gap once
with its reason, its span and its count, an archive that verifies, and nothing left lying about."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from hoga.archive.form.layout import parse_segment
from hoga.archive.form.ledger import read_ledger
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.segment import read_blocks
from hoga.archive.keep.life import LastLife, LifeFile, read_last_life
from hoga.archive.prove.verify import verify
from hoga.core.streams import Stream
from tests.archive_journal import faults
from tests.recorder.lives import Lives
from tests.recorder.workbench import NOON_NS, agg_trade, book, stream

BOOK, TRADE = stream("BTCUSDT", "depth20@100ms"), stream("BTCUSDT", "aggTrade")
ETH_BOOK, ETH = stream("ETHUSDT", "depth20@100ms"), stream("ETHUSDT", "aggTrade")
ALL = [BOOK, TRADE, ETH_BOOK, ETH]
GONE = stream("SOLUSDT", "aggTrade")
"""A stream that only the first life recorded."""


def frames(*numbers: int) -> dict[Stream, list[bytes]]:
    return {of: [(book if of.kind == "orderbook" else agg_trade)(number) for number in numbers] for of in ALL}


class Scene(NamedTuple):
    """What lies there before the act, how long the clock says it is, and how the act's life had ended."""

    root: Path
    now: int
    ended: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Scene]:
    """`scene(end, interval_min)`, made once: a life that stopped at 1 s; from 11 s one in two lanes over a minute's end, until 72 s.
    Neither is sealed but the first."""
    made: dict[tuple[str, int], Scene] = {}

    def make(end: str, interval_min: int) -> Scene:
        if (end, interval_min) not in made:
            root = tmp_path_factory.mktemp(f"{end}-{interval_min}") / "data"
            made[end, interval_min] = asyncio.run(_prepare(root, end, interval_min))
        return made[end, interval_min]

    return make


async def _prepare(root: Path, end: str, interval_min: int) -> Scene:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoga.recorder.recorder._LANE_STREAMS", 2)
        lives = Lives(root)
        await lives.live([*ALL, GONE], {**frames(1, 2), GONE: [agg_trade(7)]}, interval_min=interval_min)
        lives.wait(10)
        if end == "stop":
            patch.setattr(LifeFile, "end", _keep_words(root))
        await lives.live(ALL, frames(5, 6), seconds=61, then=frames(7, 8), interval_min=interval_min, end=end, seal=False)
        return Scene(root, lives.now, end)


def _keep_words(root: Path) -> Callable[[LifeFile, LastLife], None]:
    def end(self: LifeFile, life: LastLife) -> None:
        (root / faults.LAST_WORDS).write_bytes(msgspec.json.encode(life))

    return end


def _copy(scene: Scene, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scene.root, folder)
    return folder


def _check(act: str, interval_min: int, scene: Scene, folder: Path, monkeypatch: pytest.MonkeyPatch, *, every: int, first: int) -> int:
    """Disturb the act at each `every`th step; gives how many times."""
    now = scene.now + 5 * 10**9
    steps = faults.steps_of(act, _copy(scene, folder), now)
    tried = 0
    for at in range(1, len(steps) + 1):
        for number, mode in enumerate(faults.MODES):
            if steps[at - 1] not in faults.FITS.get(mode, steps):
                continue
            if (at * len(faults.MODES) + number) % every != first:
                continue
            root = _copy(scene, folder)
            faults.disturb(act, root, now, at=at, mode=mode)
            asyncio.run(_look(root, scene, interval_min, monkeypatch, f"{act}, step {at} ({steps[at - 1]}), {mode}"))
            tried += 1
    return tried


async def _look(root: Path, scene: Scene, interval_min: int, patch: pytest.MonkeyPatch, what: str) -> None:
    """The next start, then the account of all lives."""
    patch.setattr("hoga.recorder.recorder._LANE_STREAMS", 2)
    lives = Lives(root)
    lives.now = scene.now + 20 * 10**9
    began_s = (lives.now - NOON_NS) / 1e9
    await lives.live([*ALL, GONE], frames(12, 13), interval_min=interval_min)
    faults.merge_all(root, 0) if interval_min > 1 else None
    for of in ALL:
        key = "lastUpdateId" if of.kind == "orderbook" else "a"
        assert [line[key] for line in _lines(root, of)] == [1, 2, 5, 6, 7, 8, 12, 13], what
        gaps = _gaps(root, lives, of)
        assert gaps[0][:3] == (1, 11, "shutdown"), (what, of.name, gaps)
        assert gaps[1][0] in (72, 73), (what, of.name, gaps)
        assert gaps[-1][1] == began_s, (what, of.name, gaps)
        assert all(a[1] == b[0] for a, b in zip(gaps[1:-1], gaps[2:], strict=True)), (what, of.name, gaps)
        assert {reason for _, _, reason, _ in gaps[1:]} <= ({"shutdown"} if scene.ended == "stop" else {"crash"}), (what, of.name, gaps)
        if of.kind == "execution":
            assert gaps[0][3] == 2, (what, of.name, gaps)
            assert sum(missed or 0 for *_, missed in gaps[1:]) == 3, (what, of.name, gaps)
    report = verify([root])
    assert report.ok, (what, report.problems)
    assert (report.records, report.gaps) == (33, report.gaps), what
    unwanted = (".merging", ".tmp", ".journal", ".damaged", "ends.json", "left.json")
    left = [path.name for path in root.rglob("*") if path.name.endswith(unwanted)]
    assert left == [], what
    life = read_last_life(lives.folder)
    assert life is not None
    assert {name for name, end in life.streams.items() if end.session} >= {of.name for of in [*ALL, GONE]}, what
    assert life.streams[GONE.name].runs == [(7, 7)], (what, "what the act's life knew nothing of is carried on")


def _lines(root: Path, of: Stream) -> list[dict[str, int]]:
    merged = sorted((root / of.kind).glob(f"{of.symbol}_{of.kind}_*.zip"))
    paths = [*merged, *Lives(root).archive.files(of.symbol, of.kind)]
    return [msgspec.json.decode(line) for path in paths for line in b"".join(read_blocks(path)).splitlines()]


def _gaps(root: Path, lives: Lives, of: Stream) -> list[tuple[float, float, str, int | None]]:
    gaps = lives.gaps(of)
    for path in (root / of.kind).glob(f"{of.symbol}_{of.kind}_*.manifest.json"):
        manifest = read_manifest(path)
        assert manifest is not None
        gaps += [((gap.from_ns - NOON_NS) / 1e9, (gap.to_ns - NOON_NS) / 1e9, str(gap.reason), gap.missed) for gap in manifest.gaps]
    return sorted(gaps, key=lambda gap: gap[:2])


@pytest.mark.parametrize(("act", "end"), [("recover", "kill"), ("seal", "kill"), ("stop", "stop")])
@pytest.mark.parametrize("interval_min", [1, 5])
def test_disturbed_at_some_steps_nothing_is_lost_or_doubled(
    scene: Callable[[str, int], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, end: str, interval_min: int
) -> None:
    tried = _check(act, interval_min, scene(end, interval_min), tmp_path / "data", monkeypatch, every=97, first=7)
    assert tried > 1


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("act", "end"), [("recover", "kill"), ("recover", "stop"), ("seal", "kill"), ("stop", "stop")])
@pytest.mark.parametrize("interval_min", [1, 5])
def test_disturbed_at_every_step_nothing_is_lost_or_doubled(
    scene: Callable[[str, int], Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, end: str, interval_min: int
) -> None:
    tried = _check(act, interval_min, scene(end, interval_min), tmp_path / "data", monkeypatch, every=1, first=0)
    assert tried > 100


def _merged(root: Path) -> dict[str, bytes]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and "temporary" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


_EVERY = pytest.param(1, id="every", marks=[pytest.mark.faults, pytest.mark.timeout(1800)])


@pytest.mark.parametrize("every", [pytest.param(89, id="some"), _EVERY])
@pytest.mark.parametrize("interval_min", [1, 5])
def test_a_merge_that_is_disturbed_is_finished_by_the_next(
    scene: Callable[[str, int], Scene], tmp_path: Path, every: int, interval_min: int
) -> None:
    ready = scene("kill", interval_min)
    base = _copy(ready, tmp_path / "sealed")
    faults.recover_all(base, ready.now)
    sealed = Scene(base, ready.now, "kill")
    whole = _copy(sealed, tmp_path / "whole")
    steps = faults.steps_of("merge", whole, 0)
    wanted = _merged(whole)
    assert len([name for name in wanted if name.endswith(".manifest.json")]) == 5
    tried = 0
    for at in range(1, len(steps) + 1):
        for number, mode in enumerate(faults.MODES):
            if steps[at - 1] not in faults.FITS.get(mode, steps) or (at * len(faults.MODES) + number) % every != 3 % every:
                continue
            root = _copy(sealed, tmp_path / "data")
            faults.disturb("merge", root, 0, at=at, mode=mode)
            faults.merge_all(root, 0)
            what = f"step {at} ({steps[at - 1]}), {mode}"
            assert _merged(root) == wanted, what
            report = verify([root])
            assert report.ok, (what, report.problems)
            left = [path for path in root.rglob("*") if parse_segment(path.name) and "temporary" in path.parts]
            assert left == [], what
            assert [entry for path in root.rglob("*.ledger.jsonl") for entry in read_ledger(path)] == [], what
            tried += 1
    assert tried > 1
