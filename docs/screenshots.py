"""The pictures of the documents, made from a running demo and from an example's report: `.venv/bin/python docs/screenshots.py`.

Needs playwright and a Chromium; for the Korean page also a font that has Hangul (Debian: fonts-noto-cjk).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
SHOTS = (
    ("dashboard-light.png", {"width": 1440, "height": 1000}, "light"),
    ("dashboard-dark.png", {"width": 1440, "height": 1000}, "dark"),
    ("dashboard-phone.png", {"width": 390, "height": 844}, "light"),
)
_WARM_S = 65.0


def main() -> None:
    """Take all of them."""
    of_the_page()
    of_a_report()


def of_a_report() -> None:
    """What the example `cross` made of a simulated day."""
    root = Path(tempfile.mkdtemp()) / "day"
    subprocess.run([sys.executable, "-m", "tests.examples.day", str(root)], check=True, cwd=IMAGES.parents[1])
    found = next(root.glob("backtests/cross-*/journal"))
    page_file = root / "report.html"
    subprocess.run([sys.executable, "-m", "hoga", "report", str(found), "-o", str(page_file)], check=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 1120}, color_scheme="light").new_page()
        page.goto(page_file.as_uri())
        page.screenshot(path=IMAGES / "report-light.png")
        browser.close()


def of_the_page() -> None:
    """Start the demo, let it run for a while, take the pictures, stop it."""
    folder = Path(tempfile.mkdtemp()) / "demo-data"
    command = [
        sys.executable,
        "-m",
        "hoga",
        "demo",
        "--seconds",
        "75",
        "--data",
        str(folder),
        "--symbols",
        "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT",
    ]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert demo.stderr is not None
        url = next(found[1] for line in demo.stderr if (found := re.match(r"dashboard: (http\S+)", line)))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            pages = []
            for name, viewport, scheme in SHOTS:
                page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
                page.goto(f"{url}#lang=en")
                pages.append((page, IMAGES / name))
            time.sleep(_WARM_S)
            IMAGES.mkdir(exist_ok=True)
            for page, path in pages:
                page.screenshot(path=path)
            browser.close()
    finally:
        demo.terminate()
        demo.wait(30)
        shutil.rmtree(folder.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
