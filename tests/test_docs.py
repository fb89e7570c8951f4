"""All settings, metrics and make targets are documented, and the documentation lists no others."""

import re
from pathlib import Path

from harness import environment, metric_docs, reference_docs
from incidents.doctor.registry import CHECKS
from statuspage.local.paths import ROOT
from statuspage.local.web_server import granian

SETTINGS = Path(ROOT, "docs", "settings.md").read_text(encoding="utf-8")


def documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z0-9_]+)` \|", SETTINGS, flags=re.MULTILINE))


def test_every_variable_is_documented() -> None:
    """`test_settings.py` compares this list with what the code reads."""
    assert {*environment.OWN, *environment.SERVERS} - documented() == set()


def test_every_documented_variable_is_read() -> None:
    assert documented() - {*environment.OWN, *environment.SERVERS} == set()


def test_metrics_are_documented_as_they_are_defined() -> None:
    text = Path(ROOT, "docs", "metrics.md").read_text(encoding="utf-8")
    assert metric_docs.with_table(text) == text, "python -m harness.metric_docs writes the table again"


def test_every_make_target_has_a_help_text() -> None:
    makefile = Path(ROOT, "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[0].split())
    assert targets - set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)) == {
        "install-local",
        "install-dev",
    }


def test_production_uses_the_options_of_make_run() -> None:
    text = Path(ROOT, "docs", "production.md").read_text(encoding="utf-8").replace("\\\n", " ")
    written = next(line for line in text.splitlines() if line.startswith("    python -m granian")).split()
    assert written[1:] == [option.replace("4711", "$WEB_THREADS") for option in granian(port="8000", threads=4711)[1:]]


def test_every_test_in_the_threat_table_exists() -> None:
    table = Path(ROOT, "docs", "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", table))
    sources = (path.read_text(encoding="utf-8") for path in Path(ROOT, "tests").rglob("test_*.py"))
    assert named
    assert named - {name for source in sources for name in re.findall(r"def (test_\w+)", source)} == set()


def test_pages_from_the_code_are_current() -> None:
    for page, text in reference_docs.pages().items():
        assert page.read_text(encoding="utf-8") == text, f"`make reference` writes {page.name} again"


def test_every_check_id_is_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in Path(ROOT, "incidents").rglob("*.py"))
    defined = {id_ for source in sources for id_ in re.findall(r'id="(\w+\.[CDEIW]\d+)"', source)}
    page = Path(ROOT, "docs", "checks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.[A-Z]\d+)` \|", page, flags=re.MULTILINE)) == defined


def test_checks_of_the_doctor_are_documented_in_their_order() -> None:
    text = Path(ROOT, "docs", "doctor.md").read_text(encoding="utf-8")
    table = text.partition("## The checks")[2]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == [check.name for check in CHECKS]


def test_readme_is_short_and_its_links_lead_to_files() -> None:
    text = Path(ROOT, "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert len(text.splitlines()) <= 100
    assert [link for link in links if not Path(ROOT, link).exists()] == []
