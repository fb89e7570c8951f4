"""Debian's Chromium, driven by Playwright."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# Quiet, and without calls to its maker.
FLAGS = """
    --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
    --disable-sync --disable-dev-shm-usage
""".split()


class NoBrowser(Exception):
    """No Chromium is installed; the message says how to install one."""


def find() -> str:
    """The path of a Chromium."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowser("no Chromium found (Debian: apt-get install chromium)")


@contextlib.contextmanager
def launch() -> Iterator[Browser]:
    path = find()
    # Chromium's sandbox does not work for root.
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()
