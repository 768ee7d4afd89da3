"""What the page costs a browser that leaves it open: script per update, and memory after forced garbage collection.

    python -m tests.campaign.page [--minutes 20] [--symbols 100]

Plays a run of two streams a symbol at 10 Hz. Prints one JSON object: script ms per update, the worst one, MB of heap at the
beginning and the end, and the growth, MB an hour, by a line through the samples after the history of fifteen minutes is full.
Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy
from playwright.sync_api import Page, sync_playwright

from tests.dashboard.stage import Stage, serving

HISTORY_S = 900.0
EVERY_S = 15.0


def heap_mb(session: Any) -> float:
    """The heap that is left after a collection."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def follow(page: Page, session: Any, seconds: float) -> dict[str, object]:
    """The figures after so many seconds."""
    page.wait_for_timeout(3_000)
    first, samples = page.evaluate("({...hoga.stats})"), []
    began = time.monotonic()
    while True:
        samples.append((time.monotonic() - began, heap_mb(session)))
        if samples[-1][0] >= seconds:
            break
        page.wait_for_timeout(min(EVERY_S, seconds) * 1_000)
    last = page.evaluate("({...hoga.stats})")
    settled = [each for each in samples if each[0] > HISTORY_S] or samples
    slope = numpy.polyfit(*zip(*settled, strict=True), 1)[0] if len(settled) > 1 else 0.0
    updates = last["updates"] - first["updates"]
    return {
        "updates": updates,
        "script_ms_per_update": round((last["script_ms"] - first["script_ms"]) / max(1, updates), 2),
        "worst_ms": round(last["worst_ms"], 1),
        "heap_mb": [round(samples[0][1], 2), round(samples[-1][1], 2)],
        "growth_mb_per_hour": round(float(slope) * 3600, 2),
        "settled": len(settled) < len(samples),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--symbols", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        stage = Stage(Path(folder), symbols=options.symbols)
        stage.play()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            with serving(stage) as served:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(served.url + "/dashboard")
                page.wait_for_selector("#machine dd")
                print(json.dumps(follow(page, page.context.new_cdp_session(page), options.minutes * 60)))
        finally:
            browser.close()
            stage.close()


if __name__ == "__main__":
    main()
