"""The documentation builds as a site without a warning, its links work, and it requests nothing from other hosts."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from harness import documentation

# What a browser loads by itself; an `a` is followed only by a person.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """The addresses in a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if address := found.get(LOADED.get(tag, "")):
            self.loaded.append(address)


@cache
def page(file: Path) -> Page:
    return Page(file)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("documentation") / "site"
    result = documentation.build(folder)
    assert not result.stderr, result.stderr
    assert result.returncode == 0
    yield folder
    page.cache_clear()


def broken(file: Path, address: str) -> bool:
    url = urlsplit(address)
    target = (file.parent / unquote(url.path)) if url.path else file
    if url.scheme or url.netloc:
        return url.scheme not in {"http", "https", "mailto"}
    return not target.is_file() or bool(url.fragment and unquote(url.fragment) not in page(target).ids)


def test_every_page_is_in_the_site_and_in_its_list(site: Path) -> None:
    index = (documentation.DOCS / "index.md").read_text(encoding="utf-8")
    pages = documentation.DOCS.rglob("*.md")
    names = {path.relative_to(documentation.DOCS).with_suffix("").as_posix() for path in pages} - {"index"}
    assert names == set(re.findall(r"^- \[[^\]]+\]\(([a-z/-]+)\.md\)", index, flags=re.MULTILINE))
    assert [name for name in names if not (site / f"{name}.html").is_file()] == []


def test_links_inside_the_site_work(site: Path) -> None:
    found = [(file.name, link) for file in site.glob("**/*.html") for link in page(file).links if broken(file, link)]
    assert found == []


def test_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loaded = [(file, address) for file in site.glob("**/*.html") for address in page(file).loaded]
    styles = [path.read_text(encoding="utf-8") for path in site.glob("_static/**/*.css")]
    assert loaded
    assert [item for item in loaded if urlsplit(item[1]).netloc or broken(*item)] == []
    assert [style for style in styles if re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style)] == []


def test_site_has_the_files_that_pages_link_to(site: Path) -> None:
    names = {path.name for path in site.glob("_downloads/*/*")}
    assert {"nginx.conf", "Caddyfile", "statuspage.rules.yml", "kubernetes.yaml"} <= names


def test_each_page_names_its_language(site: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("??.html")}
    found = {name: re.findall(r'<html[^>]* lang="(\w+)"', text) for name, text in pages.items()}
    assert found == {"da.html": ["da"], "en.html": ["en"]}
