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
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SHOTS = (
    ("dashboard-light.png", WIDE, "light", "en"),
    ("dashboard-dark.png", WIDE, "dark", "en"),
    ("dashboard-phone.png", PHONE, "light", "en"),
    ("dashboard-ko.png", WIDE, "light", "ko"),
    ("dashboard-ko-phone.png", PHONE, "dark", "ko"),
)
"""File, window, theme, language."""
_WARM_S = 100.0
_CHOICE = {"en": "binance:BTCUSDT", "ko": "upbit:KRW-BTC"}


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
    """Start the demo, with all its venues in one archive, let it run for a while, take the pictures, stop it."""
    folder = Path(tempfile.mkdtemp()) / "demo-data"
    command = [sys.executable, "-m", "hoga", "demo", "--seconds", f"{_WARM_S + 60:g}", "--data", str(folder)]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert demo.stderr is not None
        url = next(found[1] for line in demo.stderr if (found := re.match(r"dashboard: (http\S+)", line)))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            pages = []
            for name, viewport, scheme, lang in SHOTS:
                page = browser.new_context(
                    viewport=viewport, color_scheme=scheme, device_scale_factor=2 if viewport is PHONE else 1
                ).new_page()
                page.goto(f"{url}#lang={lang}&stream={_CHOICE[lang]}")
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
