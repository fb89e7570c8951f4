"""Emails fit on a phone, whatever staff write."""

from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from incidents.text import Text
from tests.factories import make_incident, make_page, make_statement
from tests.notifications.messages.test_email import parsed, part, sent

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH = 390
WIDE = f"Se <https://status.example.dk/{'lang/' * 40}>\n\n```\nretry {'--flag ' * 40}{'x' * 90}\n```\n\n{'Æ' * 120}"


@pytest.fixture(scope="module")
def widest(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, str]:
    """An email in each language whose texts have lines that do not fit.

    It is rendered before the browser starts: while Playwright runs, Django refuses to use the database.
    """
    text = Text(da=WIDE, en=WIDE)
    with django_db_blocker.unblock(), transaction.atomic():
        make_page()
        statement = make_statement(text=text, quote=WIDE, quote_language="en", notify=True)
        incident = make_incident(title=Text(da="Ø" * 120, en="O" * 120), statement=statement, workaround=text)
        announcement = incident.updates.get().announcements.get()
        found = {code: part(parsed(sent("update", code, announcement)), "html") for code in ("da", "en")}
        transaction.set_rollback(True)
    return found


# Runs first, so that pytest-django sets up the database even if this file runs alone.
@pytest.mark.django_db
def test_text_quotation_and_report_are_in_the_email(widest: dict[str, str]) -> None:
    assert {html.count("retry --flag") for html in widest.values()} == {3}


def test_long_lines_do_not_make_an_email_wider_than_a_phone(widest: dict[str, str], browser: "Browser") -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 844})
    for language, html in widest.items():
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") == WIDTH, language
