"""The commands of docs/languages.md, run with German in a copy of the tree; and the refusal of half a language."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from incidents.checks import check_languages, refuse_incomplete_languages
from incidents.management import catalogues
from statuspage.local.paths import ROOT

COMMANDS = re.findall(r"^    (LANGUAGES=.+)$", Path(ROOT, "docs", "languages.md").read_text("utf-8"), re.MULTILINE)
TREE = ("incidents", "statuspage", "templates", "Makefile", "manage.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in TREE:
        source = Path(ROOT, name)
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    return tmp_path


def run(copy: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the document with the installed packages; `make run` is as far as its checks."""
    variable, *program = shlex.split(command)
    name, _, value = variable.partition("=")
    if program == ["make", "run"]:
        program = [sys.executable, "manage.py", "check"]
    else:
        program[1:1] = ["-o", "install-dev", f"VENV={Path(sys.executable).parent}"]
    secret = "a-key-for-checks-that-signs-nothing"
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": secret, name: value}
    return subprocess.run(program, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def translate(path: Path) -> None:
    """Fill every translation in with the source, as a person would with words."""
    written = catalogues.read(path, "de")
    for message in written:
        if message.id:
            message.string = message.id
    catalogues.write(written, path)
    path.with_suffix(".mo").unlink()


def test_document_leads_to_a_third_language(copy: Path) -> None:
    create, compile_it, start = COMMANDS
    refused = run(copy, start)
    assert refused.returncode != 0
    assert "incidents.E001" in refused.stderr
    assert "docs/languages.md" in refused.stderr
    assert "untranslated" in run(copy, create).stdout
    assert "incidents.E001" in run(copy, start).stderr
    translate(catalogues.catalogue_path(copy / "incidents" / "locale", "de"))
    compiled = run(copy, compile_it)
    assert re.search(r"^de: \d+ strings, 0 problems", compiled.stdout, re.MULTILINE), compiled.stdout + compiled.stderr
    started = run(copy, start)
    assert started.returncode == 0, started.stderr


def test_shipped_languages_are_complete(settings: Settings) -> None:
    assert check_languages() == []
    settings.LANGUAGES = [("en", "English")]
    assert check_languages() == []


def test_language_without_a_catalogue_is_an_error_with_a_hint(settings: Settings) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("pt-br", "Português Brasileiro")]
    (error,) = check_languages()
    assert error.id == "incidents.E001"
    assert error.is_serious()
    assert "“pt-br”" in error.msg
    assert "make messages" in str(error.hint)
    with pytest.raises(ImproperlyConfigured, match="pt-br"):
        refuse_incomplete_languages()


def test_one_missing_translation_is_counted(settings: Settings, tmp_path: Path) -> None:
    danish = catalogues.read(catalogues.catalogue_path(Path(settings.LOCALE_PATHS[0]), "da"), "da")
    catalogues.write(danish, catalogues.catalogue_path(tmp_path, "da"))
    danish.delete("Subscribe")
    catalogues.write(danish, catalogues.catalogue_path(tmp_path, "pt_BR"))
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [("da", "Dansk"), ("pt-br", "Português Brasileiro")]
    (error,) = check_languages()
    assert "lacks 1 of" in error.msg
