"""Failing destinations can be read on a phone, however long their names and replies are."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from incidents.models import Announcement, Destination
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import announced

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOMAIN = f"{'mailserver' * 5}.{'afdeling-' * 6}nord.example.dk"
REPLY = f"4.7.1 Greylisted, see https://{DOMAIN}/{'help' * 20} and try again in five minutes"
# Cells of which a part is outside the window.
CUT = """[...document.querySelectorAll('.destinations tbody :is(th, td)')].filter((cell) => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    const box = text.getBoundingClientRect();
    return box.width === 0 || box.left < 0 || box.right > innerWidth;
}).map((cell) => cell.textContent)"""
SHOWN_LABELS = """[...document.querySelectorAll('.destinations td[data-label]')]
    .map((cell) => getComputedStyle(cell, '::before').content)"""
LAST_LABEL = {"da": "Næste forsøg", "en": "Next attempt"}


def with_styles(html: str) -> str:
    """Put the style sheets into a page, which then needs no server."""

    def style(link: re.Match[str]) -> str:
        path = finders.find(link[1])
        assert isinstance(path, str)
        return f"<style>{Path(path).read_text(encoding='utf-8')}</style>"

    html = re.sub(r'<link rel="stylesheet" href="/static/([^"]+)">', style, html)
    return re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)


def pages_for(language: str) -> list[str]:
    """Return the delivery status and the page of an incident whose announcement is deferred."""
    incident = Announcement.objects.get().update.incident_id
    client = Client(headers={"Accept-Language": language})
    client.force_login(get_user_model().objects.get())
    addresses = [
        reverse("admin:incidents_delivery_overview"),
        reverse("admin:incidents_incident_change", args=[incident]),
    ]
    return [with_styles(client.get(address).content.decode()) for address in addresses]


@pytest.fixture(scope="module")
def pages(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, list[str]]:
    """Pages in each language, rendered before the browser starts: while it runs, Django refuses to use the database."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    changed = override_settings(ANNOUNCEMENT_HOLD=0, STORAGES={**settings.STORAGES, "staticfiles": plain})
    with django_db_blocker.unblock(), transaction.atomic(), changed:
        make_page()
        make_subscriber("reader@example.dk")
        deliveries, now = announced().deliveries, timezone.now()
        soon = now + timedelta(minutes=5)
        reply = {"reply_code": 451, "reply": REPLY}
        deliveries.update(destination=DOMAIN, state="deferred", next_attempt_at=soon, **reply)
        Destination.objects.create(name=DOMAIN, failing_since=now, retry_at=soon, **reply)
        get_user_model().objects.create_superuser("karen")
        found = {language: pages_for(language) for language in LAST_LABEL}
        transaction.set_rollback(True)
    return found


# Runs first, so that pytest-django sets up the database even if this file runs alone.
@pytest.mark.django_db
def test_name_and_reply_are_on_both_pages(pages: dict[str, list[str]]) -> None:
    assert all(DOMAIN in html and "Greylisted" in html for both in pages.values() for html in both)


@pytest.mark.parametrize("language", LAST_LABEL)
def test_nothing_about_a_failing_destination_is_cut_on_a_phone(
    pages: dict[str, list[str]], browser: "Browser", language: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    for html in pages[language]:
        page.set_content(html)
        assert page.locator(".destinations tbody tr").count() == 1
        assert page.evaluate(CUT) == []
        assert LAST_LABEL[language] in page.evaluate(SHOWN_LABELS)[-1]
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()
