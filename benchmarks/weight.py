"""How much a browser downloads to show the home page with 12 components, one open incident and 20 past ones."""

import argparse
import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import brotli

from benchmarks.results import Figure
from benchmarks.support.product import Environment, product_environment
from statuspage.local.paths import ROOT

PAST = 20
PATH = "da/index.html"
_LOADED = {"stylesheet", "icon", "preload", "modulepreload"}
_IN_STYLES = re.compile(r"(?:url\(|@import\s+)[\"']?([^\"')]+)")


def run(options: list[str]) -> list[Figure]:
    argparse.ArgumentParser(prog="python -m benchmarks weight").parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        fill(environment)
        loaded = list(everything(Path(environment["PUBLIC_ROOT"])))
    return [
        Figure("brotli", sum(len(brotli.compress(each, quality=6)) for each in loaded) / 1000, "kB", "<=15"),
        Figure("gzip", sum(len(gzip.compress(each, 6)) for each in loaded) / 1000, "kB", "<=15"),
        Figure("plain", sum(map(len, loaded)) / 1000, "kB"),
        Figure("page_alone", len(brotli.compress(loaded[0], quality=6)) / 1000, "kB"),
        Figure("requests", len(loaded), "", "<=4"),
    ]


def fill(environment: Environment) -> None:
    for command in (["-m", "benchmarks.support.history", str(PAST)], ["-m", "benchmarks.support.writer"]):
        subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, check=True, input=b"", stdout=subprocess.DEVNULL
        )
    publish = [sys.executable, "manage.py", "publish", "--all", "--verbosity=0"]
    subprocess.run(publish, cwd=ROOT, env=environment, check=True)


def everything(root: Path) -> Iterator[bytes]:
    """The page, and then each file that a browser loads for it."""
    page = (root / PATH).read_bytes()
    yield page
    parser = Loaded()
    parser.feed(page.decode())
    for path in dict.fromkeys(parser.paths):
        content = (root / path.lstrip("/")).read_bytes()
        yield content
        assert not _IN_STYLES.search(content.decode()), f"{path} loads further files"


class Loaded(HTMLParser):
    """Collects the paths of styles, scripts, icons and pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "link" and set((named.get("rel") or "").split()) & _LOADED:
            self.paths.append(named["href"] or "")
        elif tag in {"script", "img", "iframe"} and named.get("src"):
            self.paths.append(named["src"] or "")
