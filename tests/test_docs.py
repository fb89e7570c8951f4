"""Every setting and make target is documented, and every documented setting exists."""

import re
from pathlib import Path

from harness import environment
from statuspage.local.options import ROOT

SETTINGS = Path(ROOT, "docs", "settings.md").read_text(encoding="utf-8")


def documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", SETTINGS, flags=re.MULTILINE))


def test_every_variable_is_documented() -> None:
    """`test_settings.py` compares this list with what the code reads."""
    assert {*environment.OWN, *environment.SERVERS} - documented() == set()


def test_every_documented_variable_is_read() -> None:
    assert documented() - {*environment.OWN, *environment.SERVERS} == set()


def test_every_make_target_has_a_help_text() -> None:
    makefile = Path(ROOT, "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[0].split())
    assert targets - set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)) == {
        "install-local",
        "install-dev",
    }
