"""What the page looks like, and what it costs a browser that leaves it open: script per update, and memory after forced garbage collection.

    python -m tests.campaign.page [--minutes 20] [--symbols 100]
    python -m tests.campaign.page --figures [--minutes 12] [--parts weight,paint,script,viewers,recorder,heap]
    python -m tests.campaign.page --looks FOLDER [--instruments 3,27,650] [--only gate,disk] [--sizes 1440x900,390x844]
                                  [--lang en,ko] [--theme light,dark]

The second measures all that the page is held to, and prints a table (`tests.campaign.figures`). The third makes pictures of the page,
healthy and in each trouble of `looks`, at every size, into FOLDER, and says of each how wide and how long the page is, how much of the
first screen is filled, and what the browser complained of.

The first plays a run of two streams a symbol at 10 Hz. Prints one JSON object: script ms per update, the worst one, MB of heap at the
beginning and the end, and the growth, MB an hour, by a line through the samples after the history of fifteen minutes is full.
Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy
from playwright.sync_api import Page, sync_playwright

from tests.campaign.figures import chromium, heap_mb, main_figures
from tests.campaign.looks import LOOKS, stage_of
from tests.dashboard.stage import Stage, serving

HISTORY_S = 900.0
EVERY_S = 15.0


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


SIZES = "320x640,390x844,768x1024,844x390,1024x768,1280x900,1440x900,1920x1080,2560x1440"
TABS = ("now", "streams", "book", "curves", "incidents")
FILLED = """() => {
  const step = 8, wide = Math.floor(innerWidth / step), high = Math.floor(innerHeight / step);
  const told = new Uint8Array(wide * high);
  const mark = (box) => {
    const left = Math.max(0, Math.floor(box.left / step)), right = Math.min(wide, Math.ceil(box.right / step));
    for (let y = Math.max(0, Math.floor(box.top / step)); y < Math.min(high, Math.ceil(box.bottom / step)); y += 1)
      for (let x = left; x < right; x += 1) told[y * wide + x] = 1;
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.nodeValue.trim() || !node.parentElement.checkVisibility()) continue;
    const line = node.parentElement.closest('li, tr, .row, .tile, p, dd, dt, .head, header, figure, button');
    mark((line ?? node.parentElement).getBoundingClientRect());
  }
  for (const node of document.querySelectorAll('canvas, svg, input, .meter'))
    if (node.checkVisibility()) mark(node.getBoundingClientRect());
  return Math.round(told.reduce((sum, each) => sum + each, 0) / told.length * 100);
}"""
"""The share of the first screen, in %, in which something stands: lines of text with their row, plots, controls."""


def look(folder: Path, options: argparse.Namespace) -> None:
    """The pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [tuple(map(int, each.split("x"))) for each in options.sizes.split(",")]
    with sync_playwright() as driver:
        browser = chromium(driver)
        for instruments in map(int, options.instruments.split(",")):
            with tempfile.TemporaryDirectory() as data:
                stage = stage_of(Path(data), instruments)
                stage.play()
                with serving(stage) as served:
                    page = browser.new_page()
                    page.on("console", lambda said: print("!", said.text) if said.type in ("error", "warning") else None)
                    page.on("pageerror", lambda fault: print("!", fault))
                    page.goto(f"{served.url}{options.path}")
                    page.wait_for_timeout(options.wait * 1_000)
                    for name in options.only.split(",") if options.only else LOOKS:
                        stage.scene = LOOKS[name]
                        page.wait_for_timeout(2_500)
                        for theme in options.theme.split(","):
                            page.emulate_media(color_scheme=theme)
                            for language in options.lang.split(","):
                                for width, height in sizes:
                                    page.set_viewport_size({"width": width, "height": height})
                                    _shoot(page, folder / f"{instruments}-{name}-{theme}-{language}-{width}x{height}", language)
                    page.close()
                stage.close()
        browser.close()


def _shoot(page: Page, file: Path, language: str) -> None:
    page.wait_for_timeout(100)
    tabbed = page.evaluate("document.documentElement.dataset.mode") == "tabs"
    for tab in TABS if tabbed else TABS[:1]:
        page.evaluate("([lang, tab]) => { location.hash = `lang=${lang}&tab=${tab}`; scrollTo(0, 0); }", [language, tab])
        page.wait_for_timeout(700)
        target = file.with_name(f"{file.name}{'-' + tab if tabbed else ''}.png")
        page.screenshot(path=str(target))
        wide, long = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        print(f"{target.name}: {wide} x {long}, {page.evaluate(FILLED)} % filled", flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--parts", default="", help="of the figures")
    parser.add_argument("--looks", type=Path, metavar="FOLDER")
    parser.add_argument("--instruments", default="3,27,650")
    parser.add_argument("--only", default="")
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--lang", default="en")
    parser.add_argument("--theme", default="light")
    parser.add_argument("--wait", type=float, default=20.0, help="seconds before the first picture, so that there are curves")
    parser.add_argument("--path", default="/dashboard")
    options = parser.parse_args()
    if options.looks:
        look(options.looks, options)
        return
    if options.figures:
        with sync_playwright() as driver:
            browser = chromium(driver)
            main_figures(browser, options.minutes, options.parts)
            browser.close()
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        stage = Stage(Path(folder), symbols=options.symbols)
        stage.play()
        browser = chromium(driver)
        try:
            with serving(stage) as served:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(served.url + "/dashboard")
                page.wait_for_selector("#machine-list .bar")
                print(json.dumps(follow(page, page.context.new_cdp_session(page), options.minutes * 60)))
        finally:
            browser.close()
            stage.close()


if __name__ == "__main__":
    main()
