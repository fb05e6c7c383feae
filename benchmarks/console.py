"""How soon the console is there with 100,000 requests behind it.

    python -m benchmarks.console [--requests N] [--times N]

A silent function takes the requests through an API; then Chromium opens the pages of the console, each time as a
browser that has seen nothing of it. First paint is what the browser says; `rows` is when the first requests are seen,
`chosen` when those with an outcome that none of them has were looked for. The bar is a first paint within 1 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from staticfire.console.process import ConsoleProcess
from staticfire.progress import Progress

from .load import Load, measure
from .ours import bench_settings, started
from .processes import MeasureError
from .traces import deployed

CONNECTIONS = 16
BAR_MS = 1000.0
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def opened(browser: Browser, address: str) -> dict[str, float]:
    """Milliseconds of one visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    try:
        page = context.new_page()
        began = time.perf_counter()
        page.goto(f"{address}#/requests")
        expect(page.locator(".vbody .vrow").first).to_be_visible()
        rows = time.perf_counter() - began
        paint = float(page.evaluate(PAINT))
        began = time.perf_counter()
        page.get_by_label("Outcome").select_option("throttle")
        expect(page.locator(".vbody .vrow")).to_have_count(0)
        return {"first paint": paint, "rows": rows * 1000, "chosen": (time.perf_counter() - began) * 1000}
    finally:
        context.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=9)
    chosen = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        raise MeasureError(f"No Chromium was found. Checked: {', '.join(CHROMIUM)}, on PATH.")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        settings = bench_settings(Path(directory))
        with started(settings, Progress()) as running:
            sent = measure(Load(deployed(running), CONNECTIONS, 900, count=chosen.requests))
            print(f"{sent.requests} requests, {sent.errors} errors")
            process = ConsoleProcess(settings)
            address = process.start()
            arguments = ["--no-sandbox", "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
            try:
                visits = [opened(browser, address) for _ in range(chosen.times)]
            finally:
                browser.close()
                process.stop()
    for what in visits[0]:
        values = sorted(visit[what] for visit in visits)
        print(f"{what:<12} {statistics.median(values):6.0f} ms in the middle, {values[-1]:6.0f} ms at the most")
    return 0 if statistics.median(visit["first paint"] for visit in visits) <= BAR_MS else 1


if __name__ == "__main__":
    sys.exit(main())
