"""The subject of a thread stays what its first email said."""

import pytest
from pytest_django import Settings

from incidents import operations
from incidents.models import Announcement
from incidents.notifications.messages import email
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_page, make_statement, make_update
from tests.notifications.helpers import announced
from tests.notifications.messages.test_email import parsed, part, sent

pytestmark = pytest.mark.django_db

FIRST, LATER = Text(da="Mail er forsinket", en="Mail is delayed"), Text(da="Mail og webmail", en="Mail and webmail")


def subject(announcement: Announcement, language: str = "da") -> str:
    return str(parsed(sent("update", language, announcement))["Subject"])


@pytest.mark.parametrize("language", ["da", "en"])
def test_subject_stays_and_the_body_has_the_present_title(language: str) -> None:
    make_page(name=Text(da="Status", en="Status"))
    first = announced()
    operations.edit_incident(by=ANYBODY, incident=first.update.incident, details={"title": LATER})
    later = announced(first.update.incident)
    for announcement in (Announcement.objects.get(pk=first.pk), later):
        assert subject(announcement, language) == f"[Status] {FIRST[language]}"
        assert LATER[language] in part(parsed(sent("update", language, announcement)))


def test_title_may_change_until_the_first_announcement_is_released() -> None:
    make_page(name=Text(da="Status"))
    incident = make_incident()
    make_update(incident, notify=False)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"title": LATER})
    assert subject(announced(incident)) == "[Status] Mail og webmail"


def test_translation_that_is_added_later_is_in_the_body_only() -> None:
    make_page(name=Text(da="Status"))
    incident = make_incident(title=Text(da="Mail er forsinket"))
    announced(incident)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"title": FIRST})
    message = parsed(sent("update", "en", announced(incident)))
    assert message["Subject"] == "[Status] Mail er forsinket"
    assert "Mail is delayed" in part(message)


def test_language_that_the_page_did_not_have_begins_with_the_present_title(settings: Settings) -> None:
    make_page(name=Text(da="Status"))
    languages = settings.LANGUAGES
    settings.LANGUAGES = [("da", "dansk")]
    incident = make_incident(title=Text(da="Mail er forsinket"), statement=make_statement(text=Text(da="Fejl.")))
    announced(incident, text=Text(da="Fejlen er fundet."))
    settings.LANGUAGES = languages
    operations.edit_incident(by=ANYBODY, incident=incident, details={"title": LATER})
    announcements = [announced(incident)]
    operations.edit_incident(by=ANYBODY, incident=incident, details={"title": Text(da="Tredje", en="Third")})
    announcements.append(announced(incident))
    assert {subject(one, "da") for one in announcements} == {"[Status] Mail er forsinket"}
    assert {subject(one, "en") for one in announcements} == {"[Status] Mail and webmail"}


def test_preview_has_the_subject_of_the_thread() -> None:
    make_page(name=Text(da="Status"))
    incident = announced().update.incident
    operations.edit_incident(by=ANYBODY, incident=incident, details={"title": LATER})
    incident.refresh_from_db()
    update = make_update(incident)
    assert email.preview(Announcement(update=update), "da")[0] == "[Status] Mail er forsinket"
