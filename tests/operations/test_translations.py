"""A translation that follows: it notifies those who got the update in another language than theirs, and nobody else."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from pytest_django import Settings

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Delivery, Subscriber, Update
from incidents.notifications.messages import email, payloads, rendered_posts
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

DANISH = "Vi har fundet fejlen."
BOTH = Text(da=DANISH, en="We have found the fault.")


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


def sent(**fields: Any) -> Update:
    """An update in Danish whose messages were sent."""
    update = announced(text=Text(da=DANISH), **fields).update
    Delivery.objects.filter(state="queued").update(state="sent", sent_at=timezone.now())
    return update


def translated(update: Update, text: Text = BOTH, *, notify: bool = True) -> list[Delivery]:
    """The deliveries of the translation."""
    operations.add_translation(by=ANYBODY, update=update, text=text, notify=notify)
    release_held()
    of_it = Delivery.objects.filter(announcement__reason=Announcement.Reason.TRANSLATION)
    return list(of_it.select_related("subscriber", "announcement").order_by("pk"))


def test_only_those_who_got_the_other_language_are_notified() -> None:
    make_subscriber(language="da")
    english = make_subscriber(language="en")
    update = sent()
    make_subscriber(language="en")  # signed up after the update
    [delivery] = translated(update)
    assert (delivery.subscriber, delivery.language, delivery.state) == (english, "en", "queued")
    update.refresh_from_db()
    assert update.text == BOTH
    assert update.revisions.get().text == {"da": DANISH}


def test_translation_is_no_edit_for_readers() -> None:
    update = sent()
    translated(update)
    update.refresh_from_db()
    assert update.corrected_at is None
    corrected = operations.correct_update(by=ANYBODY, update=update, text=Text(da="En anden fejl.", en=BOTH["en"]))
    assert corrected.corrected_at is not None
    assert [earlier.text for earlier in corrected.corrected_texts] == [BOTH]


def test_body_that_waits_is_rendered_with_the_translation() -> None:
    announcement = announced(text=Text(da=DANISH))
    former = rendered_posts._edition(announcement)
    operations.add_translation(by=ANYBODY, update=announcement.update, text=BOTH)
    assert rendered_posts._edition(announcement) != former


def test_those_who_no_longer_want_it_are_not_notified() -> None:
    english = [make_subscriber(language="en") for _each in range(4)]
    failed, moved, left, paused = english
    update = sent()
    Delivery.objects.filter(subscriber=failed).update(state="failed")
    Subscriber.objects.filter(pk=moved.pk).update(language="da")
    Subscriber.objects.filter(pk=left.pk).update(state="unsubscribed")
    Subscriber.objects.filter(pk=paused.pk).update(paused_until=timezone.now() + timedelta(days=1))
    assert operations.readers_without_translation(update) == {}
    assert translated(update) == []
    assert Announcement.objects.count() == 1


def test_followers_of_other_components_are_not_notified() -> None:
    mail, web = make_component("mail"), make_component("web")
    follower = make_subscriber(language="en")
    follower.components.add(web)
    everything = make_subscriber(language="en")
    update = sent(components={mail.pk: ComponentStatus.DEGRADED_PERFORMANCE})
    assert [delivery.subscriber for delivery in translated(update)] == [everything]


def test_message_that_still_waits_is_replaced_by_the_translation() -> None:
    waiting, _sent = make_subscriber(language="en"), make_subscriber(language="en")
    update = sent()
    Delivery.objects.filter(subscriber=waiting).update(state="deferred", sent_at=None)
    assert operations.readers_without_translation(update) == {("email", "en"): 1}
    assert len(translated(update)) == 2
    former = Delivery.objects.get(subscriber=waiting, announcement__reason="update")
    assert (former.state, former.skip_reason) == ("skipped", "superseded")


def test_translation_during_the_hold_is_part_of_the_announcement(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_subscriber(language="en")
    update = announced(text=Text(da=DANISH)).update
    assert translated(update) == []
    assert Announcement.objects.get().is_held


def test_translation_has_a_hold_and_can_be_cancelled(settings: Settings) -> None:
    make_subscriber(language="en")
    update = sent()
    settings.ANNOUNCEMENT_HOLD = 20
    assert translated(update) == []
    announcement = Announcement.objects.latest("id")
    assert (announcement.is_held, announcement.languages) == (True, ["en"])
    assert operations.cancel_announcement(by=ANYBODY, announcement=announcement)
    assert release_held(timezone.now() + timedelta(minutes=1)) == 0


def test_silent_translation_notifies_nobody() -> None:
    make_subscriber(language="en")
    assert translated(sent(), notify=False) == []
    assert Announcement.objects.count() == 1


def test_translation_in_a_withdrawn_incident_notifies_nobody() -> None:
    make_subscriber(language="en")
    update = sent()
    operations.withdraw(by=ANYBODY, incident=update.incident)
    update.incident.refresh_from_db()
    assert operations.readers_without_translation(update) == {}
    assert translated(update) == []


@pytest.mark.parametrize(
    "text", [Text(da=DANISH), Text(da="Andet.", en="Other."), Text(en="We have found the fault."), Text()]
)
def test_other_changes_are_no_translation(text: Text) -> None:
    update = sent()
    with pytest.raises(ValidationError):
        operations.add_translation(by=ANYBODY, update=update, text=text)
    update.refresh_from_db()
    assert update.text == {"da": DANISH}


def test_language_that_an_earlier_version_had_is_no_translation() -> None:
    make_subscriber(language="en")
    update = announced(text=BOTH).update
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    operations.correct_update(by=ANYBODY, update=update, text=Text(da=DANISH))
    update.refresh_from_db()
    assert operations.addable_languages(update) == []
    with pytest.raises(ValidationError):
        operations.add_translation(by=ANYBODY, update=update, text=BOTH)


@pytest.mark.parametrize(("language", "first", "note"), [("en", "da", "Now in English"), ("da", "en", "Nu på dansk")])
def test_messages_say_the_language_and_are_no_correction(language: str, first: str, note: str) -> None:
    make_subscriber(language=language)
    update = announced(text=Text({first: BOTH[first]})).update
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    [delivery] = translated(update)
    announcement = delivery.announcement
    assert announcement is not None
    with translation.override(language):
        _subject, html = email.preview(announcement, language)
    posts = [payloads.render(channel, "update", language, announcement).body for channel in ("slack", "teams")]
    for body in (html, *(json.dumps(json.loads(post), ensure_ascii=False) for post in posts)):
        assert note in body
        assert BOTH[language] in body
        assert "Correction" not in body
        assert "Rettelse" not in body


def test_webhooks_of_the_language_get_the_update_and_others_nothing() -> None:
    hook = {"channel": Subscriber.Channel.WEBHOOK, "owner": "karen@example.dk"}
    english = make_subscriber("https://en.example/hook", language="en", **hook)
    make_subscriber("https://da.example/hook", language="da", **hook)
    update = sent()
    before = payloads.render("webhook", "update", "en", Announcement.objects.get()).body
    [delivery] = translated(update)
    assert delivery.subscriber == english
    body = json.loads(payloads.render("webhook", "update", "en", delivery.announcement).body)
    [posted] = body["incident"]["incident_updates"]
    assert posted["id"] == update.pk == json.loads(before)["incident"]["incident_updates"][0]["id"]
    assert posted["body"] == BOTH["en"]


def test_count_is_what_is_sent() -> None:
    for _each in range(3):
        make_subscriber(language="en")
    update = sent()
    assert sum(operations.readers_without_translation(update).values()) == len(translated(update)) == 3
