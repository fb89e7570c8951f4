"""Following a single incident from its page: confirmation, notifications, unfollowing and expiry."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from incidents import links, scheduler
from incidents.models import Announcement, Delivery, Incident, StaleSubject, Subscriber
from incidents.notifications import audience, release
from incidents.status import Kind, Phase
from tests.factories import make_component, make_incident, make_statement, make_subscriber, make_update
from tests.subscriptions.visitor import Visitor, confirmation_token, manage_token, messages, text

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60


@pytest.fixture
def incident(anna: Visitor, settings: Settings) -> Incident:
    settings.ANNOUNCEMENT_HOLD = 0
    return make_incident()


def follow(visitor: Visitor, incident: Incident, address: str = "anna@example.dk") -> Any:
    return visitor.post(visitor.page("follow", incident.pk), {"address": address, "stamp": visitor.stamp()})


def followed(visitor: Visitor, incident: Incident) -> Subscriber:
    follow(visitor, incident)
    subscriber = Subscriber.objects.by_mail("anna@example.dk").get()
    visitor.confirm(subscriber)
    subscriber.refresh_from_db()
    return subscriber


def notified(incident: Incident, phase: Phase = Phase.MITIGATED) -> dict[str, str]:
    """Publish an update and return `{address: skip reason}`; the reason is empty if notified."""
    make_update(incident, phase, notify=True)
    StaleSubject.objects.all().delete()
    release.release_due(timezone.now())
    rows = Delivery.objects.filter(announcement=Announcement.objects.latest("id"))
    return dict(rows.values_list("subscriber__address", "skip_reason"))


def unfollow_token(subscriber: Subscriber, incident: Incident) -> str:
    """The token in an email about the incident."""
    return links.sign(links.Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{incident.pk}")


def test_follower_is_notified_of_this_incident_only(ben: Visitor, incident: Incident) -> None:
    other = make_incident()
    assert "Mail is delayed" in text(ben.get(ben.page("follow", incident.pk)))
    assert follow(ben, incident).content == follow(ben, incident).content
    assert messages() == ["follow"]
    assert notified(incident) == {}
    subscriber = Subscriber.objects.get()
    assert "Mail is delayed" in text(ben.get(ben.page("confirm", confirmation_token(subscriber))))
    ben.confirm(subscriber)
    assert notified(incident) == {"anna@example.dk": ""}
    assert notified(other) == {}
    assert audience.count(Kind.INCIDENT, [], incident.pk) == {("email", "en"): 1}
    assert audience.count(Kind.INCIDENT, []) == {}


def test_subscriber_of_another_system_is_notified_after_confirming(anna: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    subscriber.components.add(make_component())
    assert notified(incident) == {"anna@example.dk": "other_components"}
    follow(anna, incident)
    assert messages() == [*["update"] * 1, "follow"]
    assert notified(incident) == {"anna@example.dk": "other_components"}
    assert anna.confirm(subscriber).status_code == 200
    assert notified(incident) == {"anna@example.dk": ""}
    anna.clock.shift(DAY + 60)
    follow(anna, incident)
    assert messages()[-1] == "already_subscribed"
    assert subscriber.components.count() == 1


@pytest.mark.parametrize("state", ["", "pending", "active", "suspended", "unsubscribed"])
def test_response_is_the_same_for_every_address(anna: Visitor, incident: Incident, state: str) -> None:
    unknown = follow(anna, incident, "nobody@example.dk")
    if state:
        make_subscriber("anna@example.dk", state=state)
    answer = follow(anna, incident)
    assert answer.status_code == unknown.status_code == 200
    assert answer.content == unknown.content.replace(b"nobody@", b"anna@")


def test_suspended_subscriber_who_follows_keeps_their_earlier_choices(anna: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk", state="suspended", wants_maintenance=False)
    anna_again = followed(anna, incident)
    assert (anna_again.pk, anna_again.state, anna_again.wants_incidents) == (subscriber.pk, "active", True)


def test_unsubscribed_reader_who_follows_gets_this_incident_only(anna: Visitor, incident: Incident) -> None:
    make_subscriber("anna@example.dk", state="unsubscribed")
    subscriber = followed(anna, incident)
    assert (subscriber.state, subscriber.wants_incidents, subscriber.wants_maintenance) == ("active", False, False)


def test_incident_that_is_over_or_not_public_cannot_be_followed(ben: Visitor, incident: Incident) -> None:
    path = ben.page("follow", incident.pk)
    ben.clock.shift(60)
    make_update(incident, Phase.RESOLVED)
    assert ben.get(path).status_code == 410
    assert "There is nothing more to follow" in text(ben.post(path, {"address": "anna@example.dk"}))
    draft = make_incident(draft=True)
    for unseen in (draft.pk, "nosuchincident"):
        assert ben.get(ben.page("follow", unseen)).status_code == 404
    assert not Subscriber.objects.exists()


def test_follower_is_erased_two_weeks_after_the_last_update(anna: Visitor, incident: Incident) -> None:
    subscriber = followed(anna, incident)
    assert notified(incident, Phase.RESOLVED) == {"anna@example.dk": ""}
    Delivery.objects.update(state="sent", skip_reason="", sent_at=timezone.now())
    anna.clock.shift(13 * DAY)
    scheduler.forget_sign_ups()
    assert notified(incident, Phase.POSTMORTEM) == {"anna@example.dk": ""}
    anna.clock.shift(13 * DAY)
    scheduler.forget_sign_ups()
    assert Subscriber.objects.active().exists()
    anna.clock.shift(2 * DAY)
    scheduler.forget_sign_ups()
    subscriber.refresh_from_db()
    assert (subscriber.address, subscriber.state) == ("", "unsubscribed")
    assert len(subscriber.erased_key) == 64


def test_subscriber_is_kept_when_a_followed_incident_has_ended(anna: Visitor, incident: Incident) -> None:
    make_subscriber("anna@example.dk")
    subscriber = followed(anna, incident)
    anna.clock.shift(60)
    make_update(incident, Phase.RESOLVED)
    anna.clock.shift(15 * DAY)
    scheduler.forget_sign_ups()
    subscriber.refresh_from_db()
    assert (subscriber.address, subscriber.state) == ("anna@example.dk", "active")
    assert not subscriber.incident_choices.exists()


def test_subscriber_can_unfollow_one_incident(ben: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk", language="en")
    assert notified(incident) == {"anna@example.dk": ""}
    token = unfollow_token(subscriber, incident)
    page = ben.get(ben.page("unsubscribe", token)).content.decode()
    assert ben.page("unfollow", token) in page
    assert ben.get(ben.page("unfollow", token)).status_code == 302
    for _once_and_again in range(2):
        assert "You will get no more emails about this incident" in text(ben.post(ben.page("unfollow", token)))
    assert Delivery.objects.get().skip_reason == "unfollowed"
    assert notified(incident) == {"anna@example.dk": "unfollowed"}
    assert notified(make_incident()) == {"anna@example.dk": ""}


def test_unconfirmed_request_does_not_undo_unfollowing(anna: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    anna.post(anna.page("unfollow", unfollow_token(subscriber, incident)))
    follow(anna, incident)
    assert notified(incident) == {"anna@example.dk": "unfollowed"}
    anna.confirm(subscriber)
    assert notified(incident) == {"anna@example.dk": ""}


def test_unfollowing_the_only_incident_unsubscribes(ben: Visitor, incident: Incident) -> None:
    subscriber = followed(ben, incident)
    token = unfollow_token(subscriber, incident)
    assert ben.page("unfollow", token) not in ben.get(ben.page("unsubscribe", token)).content.decode()
    assert "You are unsubscribed" in text(ben.post(ben.page("unfollow", token)))
    subscriber.refresh_from_db()
    assert subscriber.state == "unsubscribed"
    assert notified(incident) == {}


def test_link_without_an_incident_ends_everything_or_nothing(ben: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    for token in (links.sign(links.Purpose.UNSUBSCRIBE, subscriber.pk), "x", manage_token(subscriber)):
        assert ben.post(ben.page("unfollow", token)).status_code == 404
    subscriber.refresh_from_db()
    assert subscriber.state == "active"


def test_unsubscribing_ends_all_following(ben: Visitor, incident: Incident) -> None:
    subscriber = followed(ben, incident)
    ben.post(ben.page("unsubscribe", unfollow_token(subscriber, incident)))
    assert not subscriber.incident_choices.exists()


def test_single_incidents_are_chosen_on_the_manage_page(ben: Visitor, incident: Incident) -> None:
    subscriber = followed(ben, incident)
    path = ben.page("manage", manage_token(subscriber))
    assert f'value="{incident.pk}" checked' in ben.get(path).content.decode()
    assert ben.post(path, {"incidents": [incident.pk]}).status_code == 200
    assert ben.post(path, {"incidents": []}).status_code == 422
    assert ben.post(path, {"incidents": ["nosuchincident"]}).status_code == 422
    assert notified(incident) == {"anna@example.dk": ""}
    assert ben.post(path, {"wants_incidents": "on"}).status_code == 200
    assert notified(incident) == {"anna@example.dk": "unfollowed"}
    assert ben.post(path, {"wants_incidents": "on", "incidents": [incident.pk]}).status_code == 200
    assert notified(incident) == {"anna@example.dk": ""}


def test_unconfirmed_request_to_follow_is_deleted(anna: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    follow(anna, incident)
    anna.clock.shift(8 * DAY)
    scheduler.forget_sign_ups()
    assert not subscriber.incident_choices.exists()


def test_pause_skips_waiting_deliveries_and_ends_automatically(ben: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    assert notified(incident) == {"anna@example.dk": ""}
    day = (timezone.now() + timedelta(days=3)).date().isoformat()
    ben.post(ben.page("manage", manage_token(subscriber)), {"wants_incidents": "on", "paused_until": day})
    assert Delivery.objects.get().skip_reason == "paused"
    assert notified(incident) == {"anna@example.dk": "paused"}
    ben.clock.shift(3 * DAY)
    assert notified(incident) == {"anna@example.dk": ""}


def test_time_zone_can_be_chosen(ben: Visitor, incident: Incident) -> None:
    subscriber = make_subscriber("anna@example.dk")
    path = ben.page("manage", manage_token(subscriber))
    assert ben.post(path, {"wants_incidents": "on", "time_zone": "Mars/Crater"}).status_code == 422
    assert ben.post(path, {"wants_incidents": "on", "time_zone": "America/New_York"}).status_code == 200
    subscriber.refresh_from_db()
    assert subscriber.time_zone == "America/New_York"
    assert 'value="America/New_York" selected' in ben.get(path).content.decode()


def test_planned_maintenance_can_be_followed(ben: Visitor) -> None:
    from_now = timezone.now()
    work = make_incident(statement=make_statement())
    Incident.objects.filter(pk=work.pk).update(
        kind="maintenance",
        impact="maintenance",
        phase="scheduled",
        scheduled_for=from_now,
        scheduled_until=from_now + timedelta(hours=1),
    )
    assert "Follow this maintenance by email" in text(ben.get(ben.page("follow", work.pk)))
