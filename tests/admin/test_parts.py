"""Components, groups, the page, subscribers and the ledger in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from incidents.models import (
    Announcement,
    AuditEntry,
    Component,
    ComponentGroup,
    Delivery,
    Page,
    StaleSubject,
    Subscriber,
)
from incidents.notifications import audience
from incidents.staff import audit
from incidents.status import ComponentStatus
from incidents.subscriptions import service
from tests.admin.filling import filled
from tests.factories import make_component, make_group, make_incident, make_page, make_statement, make_subscriber

pytestmark = pytest.mark.django_db


def save(client: Client, address: str, **typed: str) -> Any:
    form = client.get(address).context["adminform"].form
    return client.post(address, {**filled(form), **typed})


def delivered_to(subscriber: Subscriber) -> Delivery:
    """A delivery to a subscriber, as an announcement makes it."""
    make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.latest("id")
    audience.expand(announcement, announcement.created_at)
    return Delivery.objects.get(announcement=announcement, subscriber=subscriber)


@pytest.mark.parametrize(
    ("name", "slug"), [("Mail til Østjylland & Århus", "mail-til-oestjylland-aarhus"), ("メール", "component")]
)
def test_component_gets_an_address_from_its_name(publisher: Client, name: str, slug: str) -> None:
    save(publisher, reverse("admin:incidents_component_add"), name_da=name)
    assert Component.objects.get().slug == slug


def test_second_component_of_a_name_gets_another_address(publisher: Client) -> None:
    for _ in range(2):
        save(publisher, reverse("admin:incidents_component_add"), name_da="Mail")
    assert set(Component.objects.values_list("slug", flat=True)) == {"mail", "mail-2"}


def test_renaming_a_component_leaves_its_status_and_publishes_every_page(publisher: Client) -> None:
    component = make_component("mail")
    address = reverse("admin:incidents_component_change", args=[component.pk])
    form = filled(publisher.get(address).context["adminform"].form)
    Component.objects.update(status=ComponentStatus.MAJOR_OUTAGE)  # in the meantime
    publisher.post(address, {**form, "name_da": "Post"})
    component.refresh_from_db()
    assert component.name["da"] == "Post"
    assert component.status == ComponentStatus.MAJOR_OUTAGE
    assert StaleSubject.objects.filter(subject="page").exists()


def test_component_without_a_name_is_refused(publisher: Client) -> None:
    response = save(publisher, reverse("admin:incidents_component_add"), description_da="Noget")
    assert set(response.context["adminform"].form.errors) == {"name"}


def test_status_is_set_for_several_components_at_once(publisher: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    chosen = {"action": "set_partial_outage", "confirmed": "yes", "_selected_action": [mail.pk, web.pk]}
    publisher.post(reverse("admin:incidents_component_changelist"), chosen)
    assert set(Component.objects.values_list("status", flat=True)) == {"partial_outage"}
    assert mail.status_changes.count() == 1


def test_removed_group_leaves_its_components(publisher: Client) -> None:
    group = make_group()
    component = make_component("mail", group=group)
    publisher.post(reverse("admin:incidents_componentgroup_delete", args=[group.pk]), {"post": "yes"})
    component.refresh_from_db()
    assert component.group is None
    assert not ComponentGroup.objects.exists()


def test_list_of_pages_leads_to_the_one_page(publisher: Client) -> None:
    changelist = reverse("admin:incidents_page_changelist")
    assert publisher.get(changelist, follow=False)["Location"] == reverse("admin:incidents_page_add")
    page = make_page()
    assert publisher.get(changelist, follow=False)["Location"] == reverse("admin:incidents_page_change", args=[page.pk])
    assert publisher.get(reverse("admin:incidents_page_add")).status_code == 403


def test_page_is_set_up_and_changed(publisher: Client) -> None:
    save(publisher, reverse("admin:incidents_page_add"), name_da="Drift", time_zone="Europe/Copenhagen")
    page = Page.objects.get()
    save(publisher, reverse("admin:incidents_page_change", args=[page.pk]), company="Nordhost ApS")
    page.refresh_from_db()
    assert (page.name, page.company) == ({"da": "Drift"}, "Nordhost ApS")
    assert StaleSubject.objects.filter(subject="page").exists()


def test_unknown_time_zone_is_refused(publisher: Client) -> None:
    page = make_page()
    address = reverse("admin:incidents_page_change", args=[page.pk])
    response = save(publisher, address, time_zone="Europe/Atlantis")
    assert set(response.context["adminform"].form.errors) == {"time_zone"}


def test_admin_is_named_after_the_page_in_the_readers_language(publisher: Client) -> None:
    make_page()
    assert "Nordhost status" in publisher.get("/admin/").content.decode()
    danish = publisher.get("/admin/", headers={"Accept-Language": "da"}).content.decode()
    assert "Nordhost driftsstatus" in danish
    assert '<html lang="da"' in danish


def test_viewer_never_sees_an_address_in_full(viewer: Client) -> None:
    subscriber = make_subscriber("karen@example.dk")
    delivery = delivered_to(subscriber)
    reply = "550 5.1.1 <Karen@Example.dk>: karen is no user here"
    Delivery.objects.update(reply=reply)
    Subscriber.objects.update(suspended_because=reply)
    pages = [
        reverse("admin:incidents_subscriber_changelist"),
        reverse("admin:incidents_subscriber_change", args=[subscriber.pk]),
        reverse("admin:incidents_subscriber_history", args=[subscriber.pk]),
        reverse("admin:incidents_delivery_changelist"),
        reverse("admin:incidents_delivery_change", args=[delivery.pk]),
    ]
    for page in pages:
        response = viewer.get(page)
        assert response.status_code == 200, page
        assert "karen" not in response.content.decode().lower(), page
    assert "550 5.1.1 &lt;K…@Example.dk&gt;: k… is no user here" in viewer.get(pages[-1]).content.decode()


def test_viewer_looks_up_a_known_address_but_does_not_guess_one(viewer: Client) -> None:
    make_subscriber("karen@example.dk")
    changelist = reverse("admin:incidents_subscriber_changelist")
    assert viewer.get(changelist, {"q": "Karen@example.dk"}).context["cl"].result_count == 1
    assert viewer.get(changelist, {"q": "kar"}).context["cl"].result_count == 0


def test_publisher_sees_and_searches_addresses(publisher: Client) -> None:
    subscriber = make_subscriber("karen@example.dk")
    delivery = delivered_to(subscriber)
    found = publisher.get(reverse("admin:incidents_delivery_changelist"), {"q": "karen"})
    assert "karen@example.dk" in found.content.decode()
    detail = publisher.get(reverse("admin:incidents_delivery_change", args=[delivery.pk]))
    assert "karen@example.dk" in detail.content.decode()


def test_subscription_is_ended_by_staff(publisher: Client) -> None:
    subscriber = make_subscriber()
    chosen = {"action": "end_subscription", "_selected_action": subscriber.pk}
    publisher.post(reverse("admin:incidents_subscriber_changelist"), chosen)
    subscriber.refresh_from_db()
    assert subscriber.state == Subscriber.State.UNSUBSCRIBED


def test_log_of_what_staff_did_outlives_an_erasure_without_the_address(publisher: Client) -> None:
    subscriber = make_subscriber("karen@example.dk")
    chosen = {"action": "end_subscription", "_selected_action": subscriber.pk}
    publisher.post(reverse("admin:incidents_subscriber_changelist"), chosen)
    service.erase(subscriber=subscriber)
    [entry] = audit.lines(AuditEntry.objects.filter(operation="end_subscription"))
    assert subscriber.pk in entry
    assert "example.dk" not in entry


def test_announcement_counts_its_deliveries_by_state_and_leads_to_them(publisher: Client) -> None:
    make_subscriber()
    delivery = delivered_to(make_subscriber())
    page = publisher.get(reverse("admin:incidents_announcement_changelist")).content.decode()
    link = f"announcement__id__exact={delivery.announcement_id}&amp;state__exact=queued"
    assert link in page
    assert "Queued 2" in page
    query = {"announcement__id__exact": str(delivery.announcement_id), "state__exact": "queued"}
    assert publisher.get(reverse("admin:incidents_delivery_changelist"), query).context["cl"].result_count == 2


@pytest.mark.parametrize(("reply", "code"), [("4", 451), ("5", 550), ("none", None)])
def test_deliveries_are_filtered_by_the_class_of_the_reply(publisher: Client, reply: str, code: int | None) -> None:
    first, second = make_subscriber(), make_subscriber()
    delivered_to(first)
    Delivery.objects.filter(subscriber=first).update(reply_code=code)
    Delivery.objects.filter(subscriber=second).update(reply_code=250)
    found = publisher.get(reverse("admin:incidents_delivery_changelist"), {"reply_class": reply}).context["cl"]
    assert [row.subscriber for row in found.result_list] == [first]
