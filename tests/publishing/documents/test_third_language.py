"""A third language needs a setting and a catalogue: with both, public pages contain no English.

The catalogue is generated: every string of the product with each letter replaced by “ö”.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from babel.messages import Catalog
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from incidents import operations
from incidents.management import catalogues
from incidents.publishing.store.renditions import Renderer, all_renditions
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)  # the day on which summer time ends
OWN = Text(de="ööö")
# Placeholders, tags and date formats are kept.
PLACEHOLDERS = re.compile(rf"({catalogues.PLACEHOLDER.pattern}|%%|<[^>]*>|&\w+;)")
PATTERNS = {"date format", "start of a time span", "end of a time span"}
# Names of formats, programs, time zones and other languages, and Django's German months.
NAMES = set(
    """Atom RSS JSON Feed CET CEST UTC API URL HTML SVG Slack Teams Google Outlook Apple Thunderbird Statuspage
    Webhook WordPress iCalendar Dansk English Deutsch""".split()
)
MONTHS = set("Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split())
READ_ALOUD = re.compile(
    r'(?:aria-label|title|alt|content|data-operational|data-unknown|data-changed|data-show)="([^"]*)"'
)


def replace_letters(text: str, context: str | None) -> str:
    if context in PATTERNS:
        return text
    parts = PLACEHOLDERS.split(text)
    return "".join(part if place % 2 else re.sub("[A-Za-z]", "ö", part) for place, part in enumerate(parts))


@pytest.fixture
def german(settings: Settings, tmp_path: Path) -> None:
    strings = Catalog("de")
    for message in catalogues.extract(project.BASE_DIR, ["incidents", "statuspage", "templates"]):
        if not message.id:
            continue
        forms = [message.id] if isinstance(message.id, str) else list(message.id)
        translations = tuple(replace_letters(form, message.context) for form in forms)
        string = translations if message.pluralizable else translations[0]
        strings.add(message.id, string, context=message.context)
    catalogues.write(strings, catalogues.catalogue_path(tmp_path, "de"))
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [*settings.LANGUAGES, ("de", "Deutsch")]


@pytest.fixture
def everything() -> None:
    make_page(
        name=OWN, introduction=OWN, company="", links=[{"label": {"de": "ööö"}, "address": "https://example.com"}]
    )
    with time_machine.travel(NOW - timedelta(days=9), tick=False):
        group = make_group(name=OWN, description=OWN)
        mail, web = (make_component(slug, group=group, name=OWN, description=OWN) for slug in ("mail", "web"))
    begun = NOW - timedelta(days=3)
    statement = make_statement(
        text=OWN, components={mail.pk: ComponentStatus.PARTIAL_OUTAGE}, at=begun, quote="ö", quote_language="de"
    )
    texts: dict[str, Any] = dict.fromkeys(("user_impact", "scope", "workaround", "root_cause", "next_steps"), OWN)
    resolved = make_incident(statement=statement, started_at=begun, title=OWN, root_cause_status="final", **texts)
    operations.correct_update(by=ANYBODY, update=resolved.updates.get(), text=Text(de="öö"))
    operations.resolve(by=ANYBODY, incident=resolved, text=OWN, at=NOW - timedelta(days=2), notify=False)
    ongoing = make_incident(
        statement=make_statement(text=OWN, components={web.pk: ComponentStatus.DEGRADED_PERFORMANCE}),
        title=OWN,
        next_update_by=NOW + timedelta(hours=1),
    )
    make_update(ongoing, Phase.MITIGATED, text=OWN)
    planned = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2), components=(web,), title=OWN)
    operations.correct_update(by=ANYBODY, update=planned.updates.get(), text=OWN)


def english(html: str) -> list[str]:
    """Return words in texts and attributes that are neither names nor made of the letter “ö”."""
    body = re.sub(r"<(script|pre|code)\b.*?</\1>|<!--.*?-->", " ", html, flags=re.DOTALL)
    # Text in other languages is marked.
    body = re.sub(r'<(\w+)\b[^>]* lang="(?:da|en)".*?</\1>', " ", body, flags=re.DOTALL)
    text = " ".join([*READ_ALOUD.findall(body), re.sub(r"<[^>]+>", " ", body)])
    text = re.sub(r"https?://\S+|width=device-width\S*|initial-scale\S*|light dark|noindex", " ", text)
    text = re.sub(r"website|article|summary_large_image|image/png", " ", text)
    return sorted({word for word in re.findall(r"[A-Za-zÄÖÜäöüß]{3,}", text) if word.strip("Öö")} - NAMES - MONTHS)


@pytest.mark.usefixtures("german", "everything")
def test_third_language_needs_only_a_setting_and_a_catalogue() -> None:
    with time_machine.travel(NOW, tick=False):
        renderer, remaining = Renderer(), {}
        for rendition in all_renditions():
            is_german_page = rendition.language == "de" and rendition.path.endswith("/")
            content = renderer.render(rendition) if is_german_page else None
            if isinstance(content, str) and (found := english(renderer.to_bytes(rendition, content, NOW).decode())):
                remaining[rendition.path] = found
        for path in ("/de/subscribe/", "/de/search/?q=ö", "/de/search/?q=xyz", "/de/subscription/"):
            answer = Client().get(path)
            assert answer.status_code == 200
            if found := english(answer.content.decode().replace('value="xyz"', "").replace("xyz", "")):
                remaining[path] = found
    assert remaining == {}
