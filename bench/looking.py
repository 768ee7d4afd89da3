"""bench.looking: what it takes to look: a seek in `hoga view`, at random instants of a day, and the page of a tree of files.

`hoga view` runs in a process of its own, as a user starts it, and is asked over HTTP as the page asks: the book in force at an
instant that nobody looked at before, then the frames beside it. Where there is a Chromium, the page itself is asked, too: from the
question until the frame that shows the book.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

import msgspec
import psutil

from bench.books import RECORDED, load_books, symbol_names, walk_books
from bench.days import MergePlan, make_day
from bench.frames import data_frames
from bench.machine import pin_process
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, day_start_ns, iso_of

__all__ = ["Drawn", "Looked", "TreePlan", "ViewPlan", "measure_tree", "measure_view"]

_DAY = "2026-11-20"
_SYMBOL = symbol_names(1)[0]
_SEEKS = 120


class ViewPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A merged day of one symbol's books, ten a second, `minutes` of them. `core`: where `hoga view` is kept, `client_core` this
    process."""

    data: str
    minutes: int
    capture: str | None = None
    core: int | None = None
    client_core: int | None = None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the question to the answer: `seeks` anywhere, `steps` to the next frame. `drawn`: in the page, empty without a
    Chromium."""

    seeks: list[float]
    steps: list[float]
    drawn: list[float]


class TreePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of `files` files in a hundredth as many folders, with fifty rules."""

    data: str
    files: int
    core: int | None = None


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` of `hoga tree` from its start to its end; `rss_peak` of its process, bytes."""

    files: int
    seconds: float
    rss_peak: int


def measure_view(plan: ViewPlan) -> Looked:
    """Make a day, look at it. Raises OSError, RuntimeError when there is no book where one is recorded."""
    pin_process(plan.client_core)
    books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
    frames = data_frames(books, 1, min(len(books), 600))
    day = SeriesDay(Path(plan.data) / "binance" / "orderbook", _SYMBOL, Kind.ORDERBOOK, _DAY)
    make_day(MergePlan(data=plan.data, minutes=plan.minutes), day, frames[f"{_SYMBOL.lower()}@{RECORDED}"])
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    command = [sys.executable, "-m", "hoga", "view", plan.data, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if plan.core is not None:
                psutil.Process(server.pid).cpu_affinity([plan.core])
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["view"]
            chance = random.Random(plan.minutes)
            minutes = chance.sample(range(plan.minutes), min(plan.minutes, _SEEKS))
            instants = [day_start_ns(_DAY) + minute * MINUTE_NS + chance.randrange(MINUTE_NS // 2, MINUTE_NS) for minute in minutes]
            half = len(instants) // 2
            seeks = [_ask(url, at) for at in instants[:half]]
            steps = [_ask(url, at, "&step=1") for at in instants[:half]]
            return Looked(seeks=seeks, steps=steps, drawn=_drawn(url, instants[half:]))
        finally:
            server.kill()


def _ask(url: str, at_ns: int, more: str = "") -> float:
    began = perf_counter()
    with urlopen(f"{url}api/book?name=binance:{_SYMBOL}&kind={Kind.ORDERBOOK}&t={at_ns}{more}", timeout=60) as answer:
        told = json.loads(answer.read())
    if told["book"] is None:
        raise RuntimeError(f"no book at {at_ns}")
    return (perf_counter() - began) * 1e3


def _drawn(url: str, instants: list[int]) -> list[float]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        return []
    found: list[float] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#ladder tbody tr")
        for at in instants:
            page.wait_for_timeout(200)
            page.evaluate("delete document.documentElement.dataset.seekMs")
            page.fill("#moment", f"{iso_of(at)[:-1]}Z")
            page.press("#moment", "Enter")
            page.wait_for_selector("html[data-seek-ms]")
            found.append(float(page.evaluate("document.documentElement.dataset.seekMs")))
        browser.close()
    return found


def measure_tree(plan: TreePlan) -> Drawn:
    """Make the files, render them. Raises OSError, RuntimeError when some are missing on the page."""
    root, page = Path(plan.data) / "files", Path(plan.data) / "tree.html"
    folders = max(1, plan.files // 100)
    for number in range(folders):
        folder = root / f"package{number % 100}" / f"module{number}"
        folder.mkdir(parents=True)
        for each in range(100):
            os.close(os.open(folder / f"file_{each}.py", os.O_CREAT))
    rules = [f"*.ext{number}" for number in range(40)] + [
        "build/",
        "/dist",
        "__pycache__/",
        "*.py[co]",
        "docs/**/_build",
        "*.log",
        "!keep.log",
    ]
    (root / ".gitignore").write_text("\n".join(rules) + "\n", encoding="utf-8")
    code = "import os, resource, sys; from hoga.cli.main import main; status = main(sys.argv[1:]);"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(status)"
    began = perf_counter()
    command = [sys.executable, "-c", code, "tree", str(root), "-o", str(page), "--json"]
    keep = None if plan.core is None else (lambda core=plan.core: os.sched_setaffinity(0, {core}))
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=keep).stdout.splitlines()
    seconds = perf_counter() - began
    told = json.loads(said[0])
    if told["files"] != folders * 100 + 1:
        raise RuntimeError(f"{told['files']} files are on the page where {folders * 100 + 1} are in the folder")
    return Drawn(files=told["files"], seconds=seconds, rss_peak=int(said[1]) * 1024)
