"""A real browser for the pages that Staticfire writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "STATICFIRE_CHROMIUM"


def chromium() -> str:
    named = os.environ.get(VARIABLE)
    paths = [shutil.which(name) for name in ([named] if named else NAMES)]
    path = next(filter(None, paths), None)
    if path is None:
        pytest.fail(
            f"No Chromium was found. Checked: {named or ', '.join(NAMES)}, on PATH. "
            f"Install one (Debian: apt-get install chromium), or name its binary in {VARIABLE}.",
            pytrace=False,
        )
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Without the sandbox, which needs more than a container's user may do; the pages are our own.
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield started
        started.close()
