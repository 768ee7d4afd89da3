"""Every figure that the page is held to, measured one after another, as a table like those of docs/results.

    python -m tests.campaign.page --figures [--minutes 12] [--parts weight,paint,script,viewers,recorder,heap]

`measured(minutes, parts)` yields (what, measured, wanted); a figure that could not be had says why. All but the heap take some four minutes
together on a quiet machine; the heap is followed for what is left of `minutes`, two at the least.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy

import hoga.dashboard
from tests.campaign.looks import stage_of
from tests.campaign.viewers import cost
from tests.dashboard.stage import Served, Stage, serving

__all__ = ["PARTS", "chromium", "heap_mb", "loaded", "main_figures", "measured", "table"]

PARTS = ("weight", "paint", "script", "viewers", "recorder", "heap")
VIEWERS = 100
EVERY_S = 10.0
SETTLE_S = 60.0
RECORDER_S = 420
SCRIPT_S = 20.0

Row = tuple[str, str, str]


def heap_mb(session: Any) -> float:
    """The heap that is left after a collection."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def loaded(page: Any) -> tuple[int, int]:
    """What the page has loaded until now, in bytes: unpacked, and as sent."""
    entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
    sizes = page.evaluate(f"{entries}.map((each) => [each.decodedBodySize, each.encodedBodySize])")
    return sum(each[0] for each in sizes), sum(each[1] for each in sizes)


def measured(browser: Any, minutes: float, parts: tuple[str, ...]) -> Iterator[Row]:
    """Each figure as soon as it is known."""
    ends = time.monotonic() + minutes * 60
    if "weight" in parts:
        yield from _weight(browser)
    for streams, wanted in ((200, 3.0), (1_500, 5.0)):
        if "paint" in parts or "script" in parts:
            yield from _looked_at(browser, streams, wanted, parts)
    if "viewers" in parts:
        yield from _viewers()
    if "recorder" in parts:
        yield from _recorder()
    if "heap" in parts:
        yield from _heap(browser, max(120.0, ends - time.monotonic()))


def table(rows: Iterator[Row]) -> Iterator[str]:
    """The lines of a page of results, each as soon as it is known."""
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    yield f"Load of the machine when it began: {load}; {os.cpu_count()} processors."
    yield ""
    yield "| of the page | measured | wanted |"
    yield "|---|---:|---:|"
    for what, value, wanted in rows:
        yield f"| {what} | {value} | {wanted} |"


def _weight(browser: Any) -> Iterator[Row]:
    folder = Path(hoga.dashboard.__file__).parent / "static"
    files = [path.read_bytes() for path in folder.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    with tempfile.TemporaryDirectory() as data:
        stage = stage_of(Path(data), 6)
        stage.play()
        try:
            with serving(stage) as served:
                for width, height in ((1440, 900), (390, 844)):
                    page = browser.new_page(viewport={"width": width, "height": height})
                    page.goto(f"{served.url}/dashboard#lang=en")
                    page.wait_for_selector("#tiles .tile")
                    page.wait_for_timeout(5_000)
                    unpacked, sent = loaded(page)
                    yield f"first visit at {width} × {height}: unpacked; as sent", f"{unpacked / 1e3:.0f}; {sent / 1e3:.0f} KB", "250 KB"
                    page.close()
        finally:
            stage.close()
    packed = sum(len(gzip.compress(each, 9)) for each in files)
    yield "the whole folder: unpacked; as sent", f"{sum(map(len, files)) / 1e3:.0f}; {packed / 1e3:.0f} KB", ""


def _looked_at(browser: Any, streams: int, wanted: float, parts: tuple[str, ...]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as data:
        stage = Stage(Path(data), symbols=streams // 2)
        stage.play()
        try:
            with serving(stage) as served:
                if "paint" in parts:
                    paints = [_first_paint(browser, served) for _ in range(5)]
                    shown = f"{median(paints):.0f} ({min(paints):.0f}–{max(paints):.0f}) ms"
                    yield f"first paint, {streams:,} streams, median of 5", shown, "1,000 ms"
                if "script" in parts:
                    yield from _script(browser, served, streams, wanted)
        finally:
            stage.close()


def _first_paint(browser: Any, served: Served) -> float:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.goto(f"{served.url}/dashboard")
        page.wait_for_selector("#tiles .tile")
        page.wait_for_timeout(300)
        return float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    finally:
        page.close()


def _script(browser: Any, served: Served, streams: int, wanted: float) -> Iterator[Row]:
    """By the page's own count, and by the browser's, which has garbage collection and the compiler with it."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.goto(f"{served.url}/dashboard")
        page.wait_for_selector("#list .row")
        page.wait_for_timeout(5_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.evaluate(
            "() => { globalThis.longTasks = 0; "
            "new PerformanceObserver((seen) => { longTasks += seen.getEntries().length; }).observe({ entryTypes: ['longtask'] }); }"
        )
        first, began = page.evaluate("({...hoga.stats})"), _metrics(session)
        page.wait_for_timeout(SCRIPT_S * 1_000)
        last, ended = page.evaluate("({...hoga.stats, long: longTasks})"), _metrics(session)
        pushes = max(1, last["updates"] - first["updates"])
        own = (last["script_ms"] - first["script_ms"]) / pushes
        script, task = ((ended[name] - began[name]) * 1e3 / pushes for name in ("ScriptDuration", "TaskDuration"))
        yield f"script per push, {streams:,} streams, by the page's clock", f"{own:.2f} ms", f"{wanted:.0f} ms"
        yield "the same by the browser's; all of the main thread (style, layout, paint with it)", f"{script:.2f}; {task:.2f} ms", ""
        yield f"pushes; longest; tasks over 50 ms, in {SCRIPT_S:.0f} s", f"{pushes}; {last['worst_ms']:.1f} ms; {last['long']}", ""
    finally:
        page.close()


def _metrics(session: Any) -> dict[str, float]:
    return {each["name"]: float(each["value"]) for each in session.send("Performance.getMetrics")["metrics"]}


def _viewers() -> Iterator[Row]:
    for streams in (200, 1_500):
        with tempfile.TemporaryDirectory() as data:
            stage = Stage(Path(data), symbols=streams // 2)
            stage.play()
            try:
                with serving(stage, max_connections=VIEWERS, hardware_interval_s=1.0, cpu_span_s=0.2) as served:
                    alone, crowd = ([cost(served, count, 8.0) for _ in range(3)] for count in (0, VIEWERS))
            finally:
                stage.close()
        shown = f"{median(crowd):.1f} ({min(crowd):.1f}–{max(crowd):.1f}) %; {median(alone):.1f} %"
        yield f"dashboard's processor time, {streams:,} streams: {VIEWERS} viewers; none, median of 3, of one core", shown, "5 %"


def _recorder() -> Iterator[Row]:
    command = [sys.executable, "-m", "hoga", "bench", "--only", "viewers", "--repeat", "1", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RECORDER_S, check=False)
        figures = {each["name"]: each for each in json.loads(done.stdout)["figures"]}
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as fault:
        yield "the recorder beside it (`hoga bench --only viewers`)", f"not measured: {type(fault).__name__}", ""
        return
    for key, what in (("rate", "burst, frames/s"), ("cost", "10,000/s: CPU, µs/frame"), ("lag_p99", "10,000/s: receipt → system, p99, ms")):
        values = "; ".join(f"{median(figures[f'viewers.{each}.{key}']['values']):,.4g}" for each in ("none", "alone", "viewers"))
        yield f"the recorder, {what}: no dashboard; no viewer; {VIEWERS} viewers", values, "unmoved"


def _heap(browser: Any, seconds: float) -> Iterator[Row]:
    """The line goes through what comes after the first minute; what a page of the first quarter of an hour still gathers is its curves."""
    with tempfile.TemporaryDirectory() as data:
        stage = Stage(Path(data), symbols=100)
        stage.play()
        try:
            with serving(stage) as served:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(f"{served.url}/dashboard")
                page.wait_for_selector("#list .row")
                page.wait_for_timeout(5_000)
                session, samples, began = page.context.new_cdp_session(page), list[tuple[float, float]](), time.monotonic()
                while not samples or samples[-1][0] < seconds:
                    samples.append((time.monotonic() - began, heap_mb(session)))
                    page.wait_for_timeout(EVERY_S * 1_000)
                page.close()
        finally:
            stage.close()
    settled = [each for each in samples if each[0] > SETTLE_S] or samples
    late = [each for each in samples if each[0] > 900] or settled
    slope, late_slope = (float(numpy.polyfit(*zip(*some, strict=True), 1)[0]) * 3600 if len(some) > 1 else 0.0 for some in (settled, late))
    shown = f"{settled[0][1]:.2f} → {settled[-1][1]:.2f} MB; {slope:+.2f}, {late_slope:+.2f} MB/h"
    yield f"heap of 200 streams over {seconds / 60:.0f} min; growth after the first minute, after fifteen", shown, "flat"


def main_figures(browser: Any, minutes: float, parts: str) -> None:
    """Print the table."""
    for line in table(measured(browser, minutes, tuple(parts.split(",")) if parts else PARTS)):
        print(line, flush=True)


def chromium(driver: Any) -> Any:
    """The browser of this machine."""
    return driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
