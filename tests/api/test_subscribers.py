"""Programs list, add and end subscriptions, by the rules of the newsroom."""

from collections.abc import Callable
from typing import Any

import pytest

from incidents.api import answers
from incidents.models import AuditEntry, ConsentRecord, Delivery, IncidentChoice, Subscriber
from tests.factories import make_component, make_incident, make_subscriber
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
State = Subscriber.State


def post(client: ApiClient, **given: Any) -> Any:
    return client.post("/subscribers", {"subscriber": given})


def test_addresses_are_shown_only_with_the_scope_for_them(api: Api) -> None:
    row = make_subscriber("karen@example.dk")
    reader, keeper = api("read"), api("subscribers")
    for address in ("/subscribers", f"/subscribers/{row.pk}"):
        assert b"karen" not in reader.get(address).content
        assert b"karen@example.dk" in keeper.get(address).content
    (found,) = keeper.get("/subscribers?q=kar").json()
    answers.ApiSubscriber.model_validate(found)
    assert (found["mode"], found["state"]) == ("email", "active")
    assert reader.get("/subscribers?q=kar").json() == []
    assert len(reader.get("/subscribers?q=karen@example.dk").json()) == 1


def test_subscribers_are_listed_and_counted_by_state_and_type(api: Api) -> None:
    client, mail = api("subscribers"), make_component("mail")
    make_subscriber("a@example.dk").components.add(mail)
    make_subscriber("b@example.dk", state=State.PENDING, confirmed_at=None)
    make_subscriber("c@example.dk", state=State.SUSPENDED)
    make_subscriber("d@example.dk", state=State.UNSUBSCRIBED)
    make_subscriber("https://example.com/hook", channel="webhook", owner="e@example.dk")
    assert {one["email"] for one in client.get("/subscribers?state=all").json()} == {
        f"{name}@example.dk" for name in "abce"
    }
    (found,) = client.get("/subscribers?type=webhook").json()
    assert (found["endpoint"], found["email"]) == ("https://example.com/hook", "e@example.dk")
    (quarantined,) = client.get("/subscribers?state=quarantined").json()
    assert quarantined["quarantined_at"]
    assert [one["components"] for one in client.get("/subscribers?type=email").json()] == [[mail.pk]]
    number = client.get("/subscribers/count?state=all").json()
    answers.SubscriberCount.model_validate(number)
    assert (number["email"], number["webhook"], number["sms"]) == (3, 1, 0)
    assert len(client.get("/subscribers?state=all&limit=3&page=2").json()) == 1


def test_new_subscriber_is_asked_to_confirm(api: Api) -> None:
    client, mail = api("subscribers"), make_component("mail")
    answer = post(client, email="Ny@Example.dk", component_ids=[mail.pk], language="en")
    assert answer.status_code == 201, answer.content
    answers.ApiSubscriber.model_validate(answer.json())
    row = Subscriber.objects.get()
    assert (row.state, row.language, answer.json()["state"]) == (State.PENDING, "en", "unconfirmed")
    assert list(row.components.all()) == [mail]
    assert Delivery.objects.get().letter == Delivery.Letter.CONFIRMATION
    entry = AuditEntry.objects.get(operation="add_subscriber")
    assert "example" not in str((entry.before, entry.after)).lower()
    again = post(client, email="ny@example.dk")
    assert (again.status_code, Delivery.objects.count()) == (201, 1)  # the message that was sent covers it
    assert client.post("/subscribers/resend_confirmation", {"subscribers": row.pk}).json() == {"count": 0}


def test_webhook_is_confirmed_by_its_owner(api: Api) -> None:
    client = api("subscribers")
    given = {"email": "ejer@example.dk", "endpoint": "https://example.com/hook"}
    answer = post(client, **given)
    assert (answer.status_code, answer.json()["mode"]) == (201, "webhook")
    assert Delivery.objects.get().letter == Delivery.Letter.WEBHOOK
    assert post(client, **given, skip_confirmation_notification=True).status_code == 422


def test_consent_that_was_given_elsewhere_is_recorded(api: Api) -> None:
    client = api("subscribers")
    given = {"email": "ny@example.dk", "skip_confirmation_notification": True}
    refused = post(client, **given)
    assert (refused.status_code, refused.json()["error"][0].partition(":")[0]) == (422, "consent")
    answer = post(client, **given, consent="Contract of 2026")
    assert (answer.status_code, answer.json()["state"]) == (201, "active")
    record = ConsentRecord.objects.get()
    assert (record.method, record.source) == ("import", "Contract of 2026")
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.filter(operation="add_confirmed_subscriber", actor_kind="token").count() == 1


def test_those_who_left_are_not_brought_back(api: Api) -> None:
    make_subscriber("karen@example.dk", state=State.UNSUBSCRIBED)
    given = {"email": "karen@example.dk", "skip_confirmation_notification": True, "consent": "Contract"}
    assert post(api("subscribers"), **given).status_code == 422
    assert Subscriber.objects.get().state == State.UNSUBSCRIBED


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"email": "nobody"},
        {"email": "a@example.dk", "endpoint": "http://localhost/"},
        {"email": "a@example.dk", "component_ids": ["nothing"]},
        {"email": "a@example.dk", "language": "xx"},
    ],
)
def test_wrong_subscribers_are_refused(api: Api, given: Any) -> None:
    answer = post(api("subscribers"), **given)
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)
    assert not Subscriber.objects.exists()


def test_subscriptions_are_ended_one_by_one_or_together(api: Api) -> None:
    client = api("subscribers")
    first, second, third = (make_subscriber(f"{name}@example.dk") for name in "abc")
    assert client.send("DELETE", f"/subscribers/{first.pk}").json()["id"] == first.pk
    assert client.get(f"/subscribers/{first.pk}").status_code == 404
    answer = client.post("/subscribers/unsubscribe", {"subscribers": f"{second.pk}, {third.pk}"})
    assert (answer.status_code, answer.json()) == (202, {"count": 2})
    assert client.post("/subscribers/unsubscribe", {"subscribers": ["nothing"]}).status_code == 422
    assert set(Subscriber.objects.values_list("state", flat=True)) == {State.UNSUBSCRIBED}
    assert AuditEntry.objects.filter(operation="end_subscription").count() == 3


def test_choices_of_subscribers_are_theirs(api: Api) -> None:
    row, client = make_subscriber(), api("subscribers")
    assert client.patch(f"/subscribers/{row.pk}", {"component_ids": []}).status_code == 422


def test_followers_of_an_incident_are_listed(api: Api) -> None:
    incident, row = make_incident(), make_subscriber("karen@example.dk")
    make_subscriber("other@example.dk")
    choice = IncidentChoice.objects.create(subscriber=row, incident=incident, confirmed_at=row.confirmed_at)
    client = api("subscribers", "read")
    assert [one["email"] for one in client.get(f"/incidents/{incident.pk}/subscribers").json()] == ["karen@example.dk"]
    IncidentChoice.objects.filter(pk=choice.pk).update(confirmed_at=None)
    assert client.get(f"/incidents/{incident.pk}/subscribers").json() == []
