"""The composer: new incidents and updates."""

import re
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from incidents import operations
from incidents.admin import form_identity
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, AuditEntry, Component, Incident, Update
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled, send
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_statement,
    make_subscriber,
    make_update,
)

pytestmark = pytest.mark.django_db
NEW = "/admin/incidents/incident/add/"
NOW = datetime(2023, 10, 10, 8, 0, tzinfo=UTC)


def update_address(incident: Incident) -> str:
    return reverse(f"admin:incidents_{incident.kind}_update", args=[incident.pk])


def test_new_incident_is_published_with_its_update_in_both_languages(publisher: Client) -> None:
    component = make_component("mail")
    response = send(
        publisher,
        NEW,
        title_da="Mail er forsinket",
        title_en="Mail is delayed",
        text_da="Vi undersøger.",
        text_en="We are investigating.",
        impact="major",
        **{f"component-{component.pk}": "degraded_performance"},
    )
    incident = Incident.objects.get()
    assert response.status_code == 302
    assert response["Location"] == reverse("admin:incidents_incident_change", args=[incident.pk])
    assert incident.is_public
    assert (incident.impact, incident.phase) == (Impact.MAJOR, Phase.INVESTIGATING)
    update = incident.updates.get()
    assert update.text == {"da": "Vi undersøger.", "en": "We are investigating."}
    assert update.author == User.objects.get()
    component.refresh_from_db()
    assert component.status == ComponentStatus.DEGRADED_PERFORMANCE
    assert Announcement.objects.get().update == update


def test_incident_without_text_is_refused_beside_the_field_and_keeps_what_was_typed(publisher: Client) -> None:
    response = send(publisher, NEW, title_da="Mail er forsinket", scope_da="Alle kunder")
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"text"}
    assert b"Mail er forsinket" in response.content
    assert b"Alle kunder" in response.content
    assert not Incident.objects.exists()


def test_everything_that_is_missing_is_said_at_once(publisher: Client) -> None:
    response = send(publisher, NEW)
    assert set(response.context["form"].errors) == {"title", "text"}


def test_title_with_line_breaks_becomes_one_line(publisher: Client) -> None:
    send(publisher, NEW, title_da="Mail\r\nBcc: alle@example.dk\n er forsinket", text_da="Tekst")
    assert Incident.objects.get().title == {"da": "Mail Bcc: alle@example.dk er forsinket"}


def test_hundred_kilobyte_text_is_refused_and_kept(publisher: Client) -> None:
    long = "æ" * 100_000
    response = send(publisher, NEW, title_da="Titel", text_da=long)
    assert response.status_code == 422
    assert "100000" in str(response.context["form"].errors["text"])
    assert long in response.content.decode()
    assert not Incident.objects.exists()


def test_unknown_language_of_a_quote_is_refused(publisher: Client) -> None:
    response = send(publisher, NEW, title_da="Titel", text_da="Tekst", quote="Qapla'", quote_language="tlh")
    assert set(response.context["form"].errors) == {"quote_language"}
    assert "Qapla" in response.content.decode()


def test_quote_without_its_language_is_refused(publisher: Client) -> None:
    response = send(publisher, NEW, title_da="Titel", text_da="Tekst", quote="We know.")
    assert set(response.context["form"].errors) == {"quote_language"}


@pytest.mark.parametrize("wrong", ["yesterday", "2023-13-45T99:00", "12"])
def test_time_that_is_none_is_refused_beside_its_field(publisher: Client, wrong: str) -> None:
    response = send(publisher, NEW, title_da="Titel", text_da="Tekst", started_at=wrong)
    assert set(response.context["form"].errors) == {"started_at"}


@pytest.mark.parametrize(
    "wrong", ["0001-01-01T00:00", "9999-12-31T23:59", "1999-12-31T23:59", "3000-01-01T00:00", "0001-01-01T00:00+14:00"]
)
def test_time_in_an_absurd_year_is_refused_beside_its_field(publisher: Client, wrong: str) -> None:
    times = dict.fromkeys(["started_at", "at", "publish_at", "next_update_by"], wrong)
    response = send(publisher, NEW, "draft", title_da="Titel", text_da="Tekst", **times)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == set(times)
    assert response.content.decode().count(f'value="{wrong}"') == len(times)


def test_start_in_the_future_is_refused(publisher: Client) -> None:
    response = send(publisher, NEW, title_da="Titel", text_da="Tekst", started_at="2999-01-01T00:00")
    assert set(response.context["form"].errors) == {"started_at"}


def test_resolved_before_it_started_is_refused_beside_its_field(publisher: Client) -> None:
    incident = make_incident()
    ended = incident.started_at - timedelta(hours=5)
    response = send(
        publisher, update_address(incident), phase="resolved", text_da="Løst", ended_at=f"{ended:%Y-%m-%dT%H:%M}"
    )
    assert set(response.context["form"].errors) == {"ended_at"}


def test_time_is_read_in_the_zone_of_the_page(publisher: Client) -> None:
    send(publisher, NEW, title_da="Titel", text_da="Tekst", started_at="2023-10-09T23:00")
    assert Incident.objects.get().started_at == datetime(2023, 10, 9, 21, 0, tzinfo=UTC)


def test_same_form_sent_twice_makes_one_incident(publisher: Client) -> None:
    data = {**filled(publisher.get(NEW).context["form"]), "title_da": "Titel", "text_da": "Tekst", "action": "publish"}
    first, second = publisher.post(NEW, data), publisher.post(NEW, data, follow=True)
    assert Incident.objects.count() == Update.objects.count() == Announcement.objects.count() == 1
    assert first["Location"] == second.redirect_chain[0][0]
    assert "Nothing was done twice" in second.content.decode()


def test_draft_corrected_with_the_back_button_is_published_as_corrected(publisher: Client) -> None:
    data = {**filled(publisher.get(NEW).context["form"]), "title_da": "Titel", "text_da": "Tekst med fjel"}
    publisher.post(NEW, {**data, "action": "draft"})
    publisher.post(NEW, {**data, "title_da": "Rigtig titel", "text_da": "Tekst uden fejl", "action": "publish"})
    incident = Incident.objects.get()
    update = incident.updates.get()
    assert (incident.title["da"], incident.is_public) == ("Rigtig titel", True)
    assert (update.text["da"], update.is_public) == ("Tekst uden fejl", True)


def test_update_saved_as_a_draft_and_corrected_with_the_back_button_is_published(publisher: Client) -> None:
    address = update_address(make_incident())
    data = {**filled(publisher.get(address).context["form"]), "phase": "mitigated", "text_da": "Tekst med fjel"}
    publisher.post(address, {**data, "action": "draft"})
    response = publisher.post(address, {**data, "text_da": "Tekst uden fejl", "action": "publish"}, follow=True)
    update = Update.objects.get(pk=data["id"])
    assert (update.text["da"], update.is_public) == ("Tekst uden fejl", True)
    assert "Nothing was done twice" not in response.content.decode()


@pytest.mark.parametrize("draft", [True, False])
def test_form_with_the_id_of_another_incidents_update_changes_neither(publisher: Client, draft: bool) -> None:
    incident, other = make_incident(), make_incident(draft=draft)
    foreign = other.updates.get()
    for address in (update_address(incident), NEW):
        response = send(publisher, address, id=foreign.pk, title_da="Titel", text_da="Andet")
        assert response.status_code == 422, address
        assert "Andet" in response.content.decode()
    foreign.refresh_from_db()
    assert (foreign.text["da"], foreign.is_public) == ("Vi har fundet fejlen.", not draft)
    assert Update.objects.count() == 2


def test_same_form_sent_twice_is_noted_once(publisher: Client) -> None:
    address = update_address(make_incident())
    data = {**filled(publisher.get(address).context["form"]), "text_da": "Tekst", "action": "publish"}
    for _ in range(2):
        publisher.post(address, data)
    assert AuditEntry.objects.filter(operation="post_update").count() == 1


@pytest.mark.parametrize("action", ["draft", "publish"])
def test_form_stored_by_another_press_between_question_and_answer_is_found(
    publisher: Client, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    data = {**filled(publisher.get(NEW).context["form"]), "title_da": "Titel", "text_da": "Tekst", "action": action}
    publisher.post(NEW, data)
    find, not_yet = form_identity.twin_of, iter([None])
    monkeypatch.setattr(form_identity, "twin_of", lambda own, key: next(not_yet, find(own, key)))
    assert publisher.post(NEW, data)["Location"] == incident_page(Incident.objects.get())
    assert Update.objects.count() == 1


@pytest.mark.parametrize("nonsense", ["\x00", "", "æ" * 12, "x" * 5000])
def test_form_with_an_id_that_is_none_is_refused(publisher: Client, nonsense: str) -> None:
    for address in (NEW, update_address(make_incident())):
        assert send(publisher, address, id=nonsense, title_da="Titel", text_da="Tekst").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_same_form_sent_at_the_same_moment_makes_one_incident(publisher: Client, public_store: None) -> None:
    data = {**filled(publisher.get(NEW).context["form"]), "title_da": "Titel", "text_da": "Tekst", "action": "publish"}
    start, statuses = threading.Barrier(4), []

    def press() -> None:
        client = Client()
        client.cookies = publisher.cookies
        start.wait()
        statuses.append(client.post(NEW, data).status_code)
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302] * 4
    assert Incident.objects.count() == Update.objects.count() == Announcement.objects.count() == 1


def test_further_update_moves_the_incident_on(publisher: Client) -> None:
    incident = make_incident()
    send(publisher, update_address(incident), phase="mitigated", text_da="Afhjulpet", notify="no")
    incident.refresh_from_db()
    assert incident.phase == Phase.MITIGATED
    assert not Announcement.objects.exists()


def test_resolve_offers_the_components_of_the_incident_as_operational(publisher: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    incident = make_incident(components={mail: ComponentStatus.PARTIAL_OUTAGE})
    address = f"{update_address(incident)}?phase=resolved"
    form = publisher.get(address).context["form"]
    assert form["phase"].value() == "resolved"
    assert [(row.component, row.chosen) for row in form.rows] == [(mail, "operational"), (web, "")]
    send(publisher, address, text_da="Løst")
    mail.refresh_from_db()
    incident.refresh_from_db()
    assert mail.status == ComponentStatus.OPERATIONAL
    assert incident.ended_at is not None


def test_reopening_offers_the_statuses_from_before_the_end(publisher: Client) -> None:
    mail = make_component("mail")
    earlier = timezone.now() - timedelta(hours=1)
    statement = make_statement(at=earlier, components={mail.pk: ComponentStatus.PARTIAL_OUTAGE})
    incident = make_incident(statement=statement, started_at=earlier)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), notify=False)
    form = publisher.get(f"{update_address(incident)}?reopen=1").context["form"]
    assert filled(form)[f"component-{mail.pk}"] == "partial_outage"


def test_final_update_cannot_leave_a_component_broken(publisher: Client) -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.PARTIAL_OUTAGE})
    page = send(publisher, update_address(incident), phase="resolved", text_da="Løst", text_en="Solved")
    assert "What is over affects no component" in page.content.decode()
    incident.refresh_from_db()
    assert not incident.is_over


def test_affected_components_stand_on_top_worst_first(publisher: Client) -> None:
    fine, slow, broken, other = (make_component(name) for name in ("fine", "slow", "broken", "other"))
    make_incident(components={other: ComponentStatus.DEGRADED_PERFORMANCE})
    incident = make_incident(
        components={slow: ComponentStatus.DEGRADED_PERFORMANCE, broken: ComponentStatus.MAJOR_OUTAGE}
    )
    form = publisher.get(update_address(incident)).context["form"]
    assert [row.component for row in form.rows] == [broken, slow, other, fine]


def test_incident_that_is_over_is_reopened(publisher: Client) -> None:
    incident = make_incident()
    make_update(incident, Phase.RESOLVED)
    address = f"{update_address(incident)}?reopen=1"
    phases = [value for value, _label in publisher.get(address).context["form"].fields["phase"].choices]
    assert phases == ["investigating", "identified", "mitigated"]
    send(publisher, address, phase="identified", text_da="Fejlen er her igen.")
    incident.refresh_from_db()
    assert incident.phase == Phase.IDENTIFIED
    assert incident.ended_at is None


def test_reopening_is_never_kept_as_a_draft(publisher: Client) -> None:
    incident = make_incident()
    make_update(incident, Phase.RESOLVED)
    response = send(publisher, f"{update_address(incident)}?reopen=1", "draft", phase="identified", text_da="Igen.")
    assert set(response.context["form"].errors) == {"phase"}
    incident.refresh_from_db()
    assert incident.phase == Phase.RESOLVED


def test_draft_is_seen_by_nobody_outside_and_told_to_nobody(publisher: Client) -> None:
    send(publisher, NEW, "draft", title_da="Titel")
    incident = Incident.objects.get()
    assert not incident.is_public
    assert not incident.updates.get().is_public
    assert not Announcement.objects.exists()


def test_enter_in_a_text_field_presses_the_draft_button(publisher: Client) -> None:
    content = publisher.get(NEW).content.decode()
    assert content.index('value="draft"') < content.index('value="schedule"') < content.index('value="publish"')


def test_form_sent_without_a_button_is_a_draft(publisher: Client) -> None:
    data = filled(publisher.get(NEW).context["form"])
    publisher.post(NEW, {**data, "title_da": "Titel", "text_da": "Tekst"})
    assert not Incident.objects.get().is_public


def test_scheduled_update_waits_for_its_time(publisher: Client) -> None:
    incident = make_incident()
    send(publisher, update_address(incident), "schedule", text_da="Senere", publish_at="2999-01-01T12:00")
    update = incident.updates.get(publish_at__isnull=False)
    assert update.is_scheduled
    assert update.publish_at == datetime(2999, 1, 1, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "publish_at"), [("schedule", ""), ("publish", "2999-01-01T12:00"), ("schedule", "2001-01-01T12:00")]
)
def test_button_and_time_must_agree(publisher: Client, action: str, publish_at: str) -> None:
    incident = make_incident()
    response = send(publisher, update_address(incident), action, text_da="Tekst", publish_at=publish_at)
    assert set(response.context["form"].errors) == {"publish_at"}
    assert incident.updates.count() == 1


def test_backdated_update_tells_nobody_unless_asked_to(publisher: Client) -> None:
    incident = make_incident(started_at=NOW)
    backdated = {"text_da": "Tekst", "text_en": "Text", "at": "2023-10-10T12:00"}
    send(publisher, update_address(incident), **backdated)
    assert not Announcement.objects.exists()
    send(publisher, update_address(incident), **backdated, although_backdated="on")
    assert Announcement.objects.count() == 1


def test_promise_of_the_next_update_is_shown_from_publication_on(publisher: Client) -> None:
    incident = make_incident()
    send(publisher, update_address(incident), text_da="Tekst", next_update_by="2999-01-01T12:00")
    incident.refresh_from_db()
    assert incident.next_update_by == datetime(2999, 1, 1, 11, 0, tzinfo=UTC)


def test_draft_makes_no_promise_on_the_public_page(publisher: Client) -> None:
    incident = make_incident()
    send(publisher, update_address(incident), "draft", text_da="Tekst", next_update_by="2999-01-01T12:00")
    incident.refresh_from_db()
    assert incident.next_update_by is None
    assert incident.updates.get(published_at=None).next_update_by is not None


def test_number_of_people_is_said_by_language(publisher: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    make_subscriber(language="da")
    make_subscriber(language="en")
    make_subscriber(language="en").components.add(web)
    address = reverse("admin:incidents_incident_audience")
    assert publisher.get(address, {"component": web.pk}).json() == {
        "reach": "Reaches 3 people (Email, Danish: 1 · Email, English: 2)."
    }
    assert publisher.get(address, {"component": mail.pk}).json() == {
        "reach": "Reaches 2 people (Email, Danish: 1 · Email, English: 1)."
    }


def test_followers_of_components_named_earlier_are_counted(publisher: Client) -> None:
    web = make_component("web")
    make_subscriber().components.add(web)
    incident = make_incident(components={web: ComponentStatus.DEGRADED_PERFORMANCE})
    address = reverse("admin:incidents_incident_audience")
    counted = publisher.get(address, {"incident": incident.pk}).json()
    assert counted == {"reach": "Reaches 1 person (Email, Danish: 1)."}


def test_composer_opens_without_counting_subscribers(publisher: Client) -> None:
    make_subscriber()
    incident = make_incident()
    with CaptureQueriesContext(connection) as queries:
        pages = [publisher.get(address) for address in ("/admin/incidents/incident/add/", update_address(incident))]
    assert not [query for query in queries if "incidents_subscriber" in query["sql"]]
    for page in pages:
        assert "This reaches the subscribers of the affected components." in page.content.decode()


def test_maintenance_is_scheduled_with_its_window(publisher: Client) -> None:
    disk = make_component("disk")
    response = send(
        publisher,
        "/admin/incidents/maintenance/add/",
        title_da="Diskskift",
        text_da="Vi skifter en disk.",
        scheduled_for="2999-01-01T22:00",
        scheduled_until="2999-01-02T02:00",
        **{f"component-{disk.pk}": "under_maintenance"},
    )
    maintenance = Incident.objects.get()
    assert response["Location"] == reverse("admin:incidents_maintenance_change", args=[maintenance.pk])
    assert maintenance.phase == Phase.SCHEDULED
    disk.refresh_from_db()
    assert disk.status == ComponentStatus.OPERATIONAL


def test_maintenance_that_ends_before_it_begins_is_refused(publisher: Client) -> None:
    response = send(
        publisher,
        "/admin/incidents/maintenance/add/",
        title_da="Diskskift",
        text_da="Vi skifter en disk.",
        scheduled_for="2999-01-02T22:00",
        scheduled_until="2999-01-02T02:00",
    )
    assert set(response.context["form"].errors) == {"scheduled_until"}


@time_machine.travel(NOW)
def test_maintenance_is_started_and_completed_and_takes_its_components_along(publisher: Client) -> None:
    disk = make_component("disk")
    maintenance = make_maintenance(start=NOW, end=NOW + timedelta(hours=2), components=(disk,))
    address = update_address(maintenance)
    send(publisher, f"{address}?phase=in_progress", text_da="Vi går i gang.")
    disk.refresh_from_db()
    assert disk.status == ComponentStatus.UNDER_MAINTENANCE
    send(publisher, f"{address}?phase=completed", text_da="Færdig.")
    disk.refresh_from_db()
    maintenance.refresh_from_db()
    assert (disk.status, maintenance.phase) == (ComponentStatus.OPERATIONAL, Phase.COMPLETED)


@time_machine.travel(NOW)
def test_planned_maintenance_is_called_off(publisher: Client) -> None:
    maintenance = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))
    send(publisher, f"{update_address(maintenance)}?phase=cancelled", text_da="Aflyst.")
    maintenance.refresh_from_db()
    assert maintenance.phase == Phase.CANCELLED


def test_draft_is_taken_up_again_and_published(publisher: Client) -> None:
    incident = make_incident(draft=True)
    draft = incident.updates.get()
    address = reverse("admin:incidents_incident_draft", args=[incident.pk, draft.pk])
    send(publisher, address, "draft", text_da="Bedre ord")
    edited = incident.updates.get()
    assert (edited.text["da"], edited.is_public) == ("Bedre ord", False)
    send(publisher, address, text_da="Bedste ord")
    published = incident.updates.select_related("incident").get()
    assert (published.text["da"], published.is_public) == ("Bedste ord", True)
    assert published.incident.is_public


def test_backdated_draft_shows_its_time_again(publisher: Client) -> None:
    incident = make_incident(started_at=NOW - timedelta(days=1))
    statement = make_statement(at=NOW + timedelta(hours=1))
    send(publisher, update_address(incident), "draft", text_da="Kladde", at=f"{statement.at:%Y-%m-%dT%H:%M}")
    draft = incident.updates.get(published_at__isnull=True)
    form = publisher.get(reverse("admin:incidents_incident_draft", args=[incident.pk, draft.pk])).context["form"]
    assert form["at"].value() == timezone.make_naive(draft.at, ZoneInfo("Europe/Copenhagen"))


def test_draft_keeps_when_it_was_over(publisher: Client) -> None:
    incident = make_incident(started_at=NOW, statement=make_statement(at=NOW))
    typed = {"at": "2023-10-10T14:00", "ended_at": "2023-10-10T13:15", "phase": "resolved", "text_da": "Løst"}
    send(publisher, update_address(incident), "draft", **typed)
    draft = incident.updates.get(published_at__isnull=True)
    address = reverse("admin:incidents_incident_draft", args=[incident.pk, draft.pk])
    assert filled(publisher.get(address).context["form"])["ended_at"] == "2023-10-10T13:15"
    send(publisher, address)
    incident.refresh_from_db()
    assert incident.ended_at == datetime(2023, 10, 10, 11, 15, tzinfo=UTC)


def past_incident(component: Component) -> dict[str, str]:
    return {
        "title_da": "Mail var nede",
        "text_da": "Det er løst.",
        "phase": "resolved",
        "started_at": "2023-10-10T08:00",
        "ended_at": "2023-10-10T10:00",
        f"component-{component.pk}": "partial_outage",
    }


def test_past_incident_is_entered_in_one_go_and_counts_from_start_to_end(publisher: Client) -> None:
    mail = make_component("mail")
    assert send(publisher, NEW, **past_incident(mail)).status_code == 302
    incident = Incident.objects.get()
    eight, ten = datetime(2023, 10, 10, 6, 0, tzinfo=UTC), datetime(2023, 10, 10, 8, 0, tzinfo=UTC)
    assert (incident.started_at, incident.ended_at, incident.is_over) == (eight, ten, True)
    mail.refresh_from_db()
    assert mail.status == ComponentStatus.OPERATIONAL
    assert list(mail.status_changes.values_list("at", "status")) == [
        (eight, ComponentStatus.PARTIAL_OUTAGE),
        (ten, ComponentStatus.OPERATIONAL),
    ]


def test_past_incident_notifies_nobody_unless_asked_to(publisher: Client) -> None:
    mail = make_component("mail")
    send(publisher, NEW, **past_incident(mail))
    assert not Announcement.objects.exists()
    send(publisher, NEW, although_backdated="on", **past_incident(mail))
    assert Announcement.objects.count() == 1


def test_past_incident_saved_as_a_draft_and_published_with_the_back_button_notifies_nobody(publisher: Client) -> None:
    data = {**filled(publisher.get(NEW).context["form"]), **past_incident(make_component("mail"))}
    publisher.post(NEW, {**data, "action": "draft"})
    publisher.post(NEW, {**data, "action": "publish"})
    assert Incident.objects.get().is_over
    assert not Announcement.objects.exists()


def test_end_is_offered_once_beside_the_start_of_a_new_incident(publisher: Client) -> None:
    page = publisher.get(NEW).content.decode()
    assert page.count('name="ended_at"') == 1
    assert page.index('name="started_at"') < page.index('name="ended_at"') < page.index('name="text_da"')
    assert publisher.get(update_address(make_incident())).content.decode().count('name="ended_at"') == 1


def test_end_of_a_new_incident_in_an_open_phase_is_refused_beside_the_field(publisher: Client) -> None:
    typed = {**past_incident(make_component("mail")), "phase": "identified"}
    assert set(send(publisher, NEW, **typed).context["form"].errors) == {"ended_at"}


def test_postmortem_of_a_past_incident_leaves_its_components_operational(publisher: Client) -> None:
    mail = make_component("mail")
    send(publisher, NEW, **past_incident(mail))
    address = f"{update_address(Incident.objects.get())}?phase=postmortem"
    assert send(publisher, address, text_da="Fordi disken var fuld.").status_code == 302
    assert [change.status for change in mail.status_changes.all()] == [
        ComponentStatus.PARTIAL_OUTAGE,
        ComponentStatus.OPERATIONAL,
    ]


@pytest.mark.parametrize("kind", ["incident", "maintenance", "update"])
def test_address_of_a_form_keeps_its_identity(publisher: Client, kind: str) -> None:
    address = update_address(make_incident()) if kind == "update" else reverse(f"admin:incidents_{kind}_add")
    opened = publisher.get(f"{address}?phase=mitigated", follow=False)["Location"]
    assert opened.startswith(f"{address}?phase=mitigated&form=")
    first, again = (publisher.get(opened, follow=False).context["form"]["id"].value() for _ in range(2))
    assert first == again == opened[-12:]
    assert publisher.get(f"{address}?phase=mitigated", follow=False)["Location"] != opened


@pytest.mark.parametrize("action", ["draft", "publish"])
@pytest.mark.parametrize("which", ["new", "update"])
def test_form_opened_again_after_it_was_stored_leads_to_what_it_stored(
    publisher: Client, which: str, action: str
) -> None:
    address = NEW if which == "new" else update_address(make_incident())
    opened = publisher.get(address, follow=False)["Location"]
    data = {**filled(publisher.get(opened).context["form"]), "title_da": "Titel", "text_da": "Tekst", "action": action}
    stored = publisher.post(opened, data)["Location"]
    response = publisher.get(opened)
    assert response.redirect_chain == [(stored, 302)]
    assert "This was saved already. Nothing was done twice." in response.content.decode()
    assert Update.objects.filter(pk=data["id"]).count() == 1


def test_published_form_with_another_text_is_kept_and_posted_as_a_new_update_by_the_next_press(
    publisher: Client,
) -> None:
    address = update_address(make_incident())
    data = {**filled(publisher.get(address).context["form"]), "text_da": "Tekst", "action": "publish"}
    publisher.post(address, data)
    response = publisher.post(address, {**data, "text_da": "Noget nyt"})
    assert response.status_code == 422
    assert ">\nNoget nyt</textarea>" in response.content.decode()
    renewed = response.context["form"]["id"].value()
    assert renewed != data["id"]
    assert publisher.post(address, {**filled(response.context["form"]), "action": "publish"}).status_code == 302
    texts = Update.objects.order_by("created_at").values_list("text", flat=True)
    assert [text["da"] for text in texts][-2:] == ["Tekst", "Noget nyt"]


@pytest.mark.parametrize("nonsense", ["", "x", "%00", "x" * 5000, "%C3%A6"])
def test_address_with_a_malformed_identity_gets_a_new_one(publisher: Client, nonsense: str) -> None:
    opened = publisher.get(f"{NEW}?form={nonsense}", follow=False)
    if "%00" in nonsense:  # refused for every page of the newsroom
        assert opened.status_code in {400, 404}
    else:
        assert re.fullmatch(rf"{NEW}\?form=[a-z0-9]{{12}}", opened["Location"])
