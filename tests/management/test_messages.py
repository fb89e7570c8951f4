from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from incidents.management import catalogues

SOURCE = """
from django.utils.translation import gettext_lazy as _, ngettext, pgettext
title = _("Incident")
count = ngettext("%(count)d update", "%(count)d updates", 2)
impact = pgettext("impact", "None")
computed = _(title)
"""
TEMPLATE = """
{% if a %}
      {% translate "Subscribe" %} it's {{ b|default:_("Unknown") }}
  {% blocktranslate trimmed with name=c %}
    Dear {{ name }},
    hello
  {% endblocktranslate %}
{% endif %}
"""


@pytest.fixture
def project(tmp_path: Path, settings: Settings) -> Path:
    for folder in ("incidents", "statuspage", "templates"):
        (tmp_path / folder).mkdir()
    (tmp_path / "incidents" / "words.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE, encoding="utf-8")
    settings.BASE_DIR = tmp_path
    settings.LOCALE_PATHS = [tmp_path / "incidents" / "locale"]
    return tmp_path


def catalogue(project: Path) -> Path:
    return project / "incidents/locale/da/LC_MESSAGES/django.po"


def translate(project: Path, text: str, translation: str) -> None:
    """Fill in one translation as a person would, in the file."""
    written = catalogue(project).read_text(encoding="utf-8")
    before, after = written.split(f'msgid "{text}"\nmsgstr ""', 1)
    catalogue(project).write_text(f'{before}msgid "{text}"\nmsgstr "{translation}"{after}', encoding="utf-8")


def complaints() -> str:
    with pytest.raises(CommandError) as caught:
        call_command("messages", "--check")
    return str(caught.value)


def test_strings_of_code_and_templates_are_collected(project: Path) -> None:
    call_command("messages", verbosity=0)
    found = {catalogues.key_text(message) for message in catalogues.read(catalogue(project), "da")} - {""}
    assert found == {"Incident", "%(count)d update", "None", "Subscribe", "Unknown", "Dear %(name)s, hello"}


def test_translations_survive_and_running_again_changes_nothing(project: Path) -> None:
    call_command("messages")
    translate(project, "Incident", "Hændelse")
    call_command("messages")
    files = [catalogue(project), catalogue(project).with_suffix(".mo")]
    first = [file.read_bytes() for file in files]
    assert "Hændelse".encode() in first[0]
    assert "Hændelse".encode() in first[1]
    call_command("messages")
    assert [file.read_bytes() for file in files] == first


def test_complete_catalogue_passes(project: Path) -> None:
    (project / "templates" / "page.html").unlink()
    (project / "incidents" / "words.py").write_text('_("Incident")\n', encoding="utf-8")
    call_command("messages")
    translate(project, "Incident", "Hændelse")
    call_command("messages")
    call_command("messages", "--check")


@pytest.mark.parametrize(
    ("text", "translation", "fault"),
    [
        ("Incident", "", "untranslated: “Incident” (incidents/words.py)"),
        ("Dear %(name)s, hello", "Hej %(navn)s", "other placeholders than the source"),
        ("Subscribe", "Abonnér\\n", "line break"),
    ],
)
def test_faulty_translation_is_named(project: Path, text: str, translation: str, fault: str) -> None:
    call_command("messages")
    translate(project, text, translation)
    assert fault in complaints()


def test_fuzzy_translation_is_named(project: Path) -> None:
    call_command("messages")
    translate(project, "Incident", "Hændelse")
    written = catalogue(project).read_text(encoding="utf-8")
    catalogue(project).write_text(written.replace('msgid "Incident"', '#, fuzzy\nmsgid "Incident"'), encoding="utf-8")
    assert "marked as fuzzy: “Incident”" in complaints()


def test_new_and_dropped_strings_are_named(project: Path) -> None:
    call_command("messages")
    (project / "incidents" / "words.py").write_text('_("Hændelser")\n', encoding="utf-8")
    said = complaints()
    assert "missing, run `make messages`: “Hændelser”" in said
    assert "obsolete, run `make messages`: “Incident”" in said


def test_changed_plural_needs_a_new_translation(project: Path) -> None:
    call_command("messages")
    written = catalogue(project).read_text(encoding="utf-8")
    translated = written.replace('[0] ""', '[0] "%(count)d besked"').replace('[1] ""', '[1] "%(count)d beskeder"')
    catalogue(project).write_text(translated, encoding="utf-8")
    (project / "incidents" / "words.py").write_text(SOURCE.replace("updates", "messages"), encoding="utf-8")
    assert "missing, run `make messages`: “%(count)d update”" in complaints()
    call_command("messages")
    assert "untranslated: “%(count)d update”" in complaints()


def test_half_translated_plural_is_not_compiled(project: Path) -> None:
    call_command("messages")
    written = catalogue(project).read_text(encoding="utf-8")
    catalogue(project).write_text(written.replace('[0] ""', '[0] "%(count)d besked"'), encoding="utf-8")
    call_command("messages")
    assert b"besked" in catalogue(project).read_bytes()
    assert b"besked" not in catalogue(project).with_suffix(".mo").read_bytes()


def test_compiled_catalogue_that_lags_behind_is_named(project: Path) -> None:
    call_command("messages")
    translate(project, "Incident", "Hændelse")
    assert "django.mo does not agree with django.po" in complaints()


def test_string_with_a_context_agrees_with_the_compiled_catalogue(project: Path) -> None:
    call_command("messages")
    translate(project, "None", "Ingen")
    call_command("messages")
    assert "does not agree" not in complaints()
