"""Builds the documentation as a site: `python -m harness.documentation FOLDER`, or `make docs`.

The Markdown is written for a code host. For Sphinx it is copied to a folder in which links out of docs/ work, too, and
the order of the pages, which docs/index.md lists for readers, becomes the navigation.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from statuspage.local.paths import ROOT

DOCS = Path(ROOT, "docs")
# Pages outside docs/ that belong to the site.
OUTSIDE = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")


def build(target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site in a folder that is replaced. The result has Sphinx's warnings, each of which is an error."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "docs")
        collect(source)
        shutil.rmtree(target, ignore_errors=True)
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", f"{name}/doctrees"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, str(source), str(target)], env=environment, capture_output=True, text=True, check=False
        )


def collect(source: Path) -> None:
    """Copy the pages into a folder, with links that work there."""
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("__pycache__"))
    for name in OUTSIDE:
        shutil.copy2(Path(ROOT, name), source / name)
    for page in source.rglob("*.md"):
        origin = Path(ROOT, page.name) if page.name in OUTSIDE else DOCS / page.relative_to(source)
        text = with_links(page.read_text(encoding="utf-8"), origin, page, source)
        page.write_text(with_navigation(text) if page == source / "index.md" else text, encoding="utf-8")


def with_links(text: str, origin: Path, page: Path, source: Path) -> str:
    """Return the text with links for the copy: to pages, to files as downloads, and plain words for folders."""

    def replaced(match: re.Match[str]) -> str:
        linked = (origin.parent / match["target"]).resolve()
        if linked.is_dir() or linked == Path(ROOT, "README.md"):
            return match["text"]
        copy = _copy_of(linked, source)
        if not copy.exists() and linked.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(linked, copy)
        target = os.path.relpath(copy, page.parent)
        return f"{match['image']}[{match['text']}]({target}{match['anchor'] or ''})"

    return _LINK.sub(replaced, text)


def _copy_of(linked: Path, source: Path) -> Path:
    if linked.is_relative_to(DOCS):
        return source / linked.relative_to(DOCS)
    name = linked.relative_to(ROOT)
    return source / name if str(name) in OUTSIDE else source / "files" / name


def with_navigation(index: str) -> str:
    """Return the start page with Sphinx's list of pages after each of its sections, made from the links there."""
    head, *sections = re.split(r"^## ", index, flags=re.MULTILINE)
    return head + "".join(f"## {section}\n{_toctree(section)}\n" for section in sections)


def _toctree(section: str) -> str:
    pages = dict.fromkeys(re.findall(r"^- \[[^\]]*\]\(([^)#:]+)\.md\)", section, flags=re.MULTILINE))
    caption = section.partition("\n")[0]
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", *pages, "```"]) if pages else ""


if __name__ == "__main__":
    result = build(Path(sys.argv[1]))
    sys.stderr.write(result.stderr)
    sys.exit(result.returncode)
