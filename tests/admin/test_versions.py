"""Versions of drafts and details: looked at, compared and brought back into the form."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Incident, Update
from incidents.staff.actors import person
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.conftest import staff
from tests.admin.filling import filled, send
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update

pytestmark = pytest.mark.django_db


def draft_of(incident: Incident, *texts: str, **fields: Any) -> Update:
    """A draft that was saved once with each text."""
    first, *others = [make_statement(text=Text(da="Ens.", en=text), **fields) for text in texts]
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=first, draft=True)
    for statement in others:
        draft = operations.edit_draft(by=ANYBODY, update=draft, statement=statement)
    return draft


def draft_page(draft: Update, step: str = "draft_versions") -> str:
    return incident_page(draft.incident, step, draft.pk)


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def form_of(client: Client, address: str) -> dict[str, str]:
    return filled(client.get(address).context["form"])


def test_versions_are_listed_newest_first_with_the_words_that_changed(publisher: Client) -> None:
    make_page()
    ida = get_user_model().objects.create_superuser("ida")
    with time_machine.travel(datetime(2026, 11, 26, 20, tzinfo=UTC), tick=False):
        draft = draft_of(make_incident(), "Mail to Microsoft is late.")
        statement = make_statement(text=Text(da="Ens.", en="Mail to Google is late."))
        operations.edit_draft(update=draft, statement=statement, by=person(ida))
    page = read(publisher, draft_page(draft))
    newest, oldest = page.split('id="version-1"')
    assert "Version 2" in newest
    assert "26 November 2026, 21:00" in newest
    assert "ida" in newest
    assert re.search(r'lang="en"[^>]*>Mail to <del>.*?removed:.*?Microsoft<.*?</del> <ins>.*?added:.*?Google<', newest)
    assert "Ens." not in newest
    assert "Mail to Microsoft is late." in oldest
    assert "<del>" not in oldest


def test_any_two_versions_are_compared(publisher: Client) -> None:
    draft = draft_of(make_incident(), "One", "Two", "Three")
    page = read(publisher, draft_page(draft) + "?from=1&to=3").split('id="version-3"')[0]
    assert "From version 1 to version 3" in page
    assert "One" in page
    assert "Three" in page
    assert "Two" not in page
    assert "No difference." in read(publisher, draft_page(draft) + "?from=2&to=2")


def test_choices_times_and_components_are_compared_by_their_names(publisher: Client) -> None:
    component = make_component("mail", hidden=True)
    incident = make_incident()
    draft = draft_of(incident, "Same", components={component.pk: ComponentStatus.MAJOR_OUTAGE})
    at = timezone.now() + timedelta(days=1)
    statement = make_statement(Phase.MITIGATED, text=draft.text, next_update_by=at, notify=True)
    operations.edit_draft(by=ANYBODY, update=draft, statement=statement)
    page = re.sub(r"<span class=\"visually-hidden\".*?</span>", "", read(publisher, draft_page(draft)))
    assert "<del>Problem identified</del><ins>Mitigated</ins>" in page
    assert "mail (en)" in page
    assert "<del>Major outage</del><ins>No change</ins>" in page
    assert "<del>–</del><ins>" in page
    assert "<ins>Tell subscribers</ins>" in page


def test_written_markup_is_escaped(publisher: Client) -> None:
    draft = draft_of(make_incident(), "<b>One</b>", "<script>alert(1)</script>")
    page = read(publisher, draft_page(draft) + "?from=1&to=2")
    assert "<script>alert" not in page
    assert "<b>One" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_version_of_a_draft_is_brought_back_once_it_is_saved(publisher: Client) -> None:
    component, other = make_component("mail"), make_component("web")
    incident = make_incident()
    draft = draft_of(incident, "First", components={component.pk: ComponentStatus.MAJOR_OUTAGE})
    statement = make_statement(
        Phase.MITIGATED, text=Text(en="Second"), components={other.pk: ComponentStatus.OPERATIONAL}
    )
    operations.edit_draft(by=ANYBODY, update=draft, statement=statement)
    assert "?version=1" in read(publisher, draft_page(draft))
    address = draft_page(draft, "draft") + "?version=1"
    page = read(publisher, address)
    assert re.search("This form shows the version of <time[^>]*>[^<]*</time>. Nothing has been saved yet.", page)
    form = form_of(publisher, address)
    assert (form["text_en"], form["text_da"], form["phase"]) == ("First", "Ens.", "identified")
    assert form[f"component-{component.pk}"] == "major_outage"
    assert form[f"component-{other.pk}"] == ""
    draft.refresh_from_db()
    assert draft.text["en"] == "Second"
    assert publisher.post(address, {**form, "action": "draft"}).status_code == 302
    draft.refresh_from_db()
    assert (draft.text, draft.phase) == ({"en": "First", "da": "Ens."}, "identified")
    assert [one.snapshot["text_en"] for one in draft.versions.all()] == ["First", "Second", "First"]


def test_change_by_somebody_else_is_shown_before_a_version_replaces_it(publisher: Client) -> None:
    draft = draft_of(make_incident(), "First", "Second")
    address = draft_page(draft, "draft") + "?version=1"
    form = form_of(publisher, address)
    operations.edit_draft(by=ANYBODY, update=draft, statement=make_statement(text=Text(da="Ens.", en="Theirs")))
    assert publisher.post(address, {**form, "action": "draft"}).status_code == 409
    draft.refresh_from_db()
    assert draft.text["en"] == "Theirs"


def test_promise_that_has_passed_is_not_brought_back(publisher: Client) -> None:
    incident = make_incident()
    now = timezone.now()
    draft = draft_of(incident, "First", next_update_by=now + timedelta(minutes=30))
    operations.edit_draft(by=ANYBODY, update=draft, statement=make_statement(text=Text(en="Second")))
    assert form_of(publisher, draft_page(draft, "draft") + "?version=1")["next_update_by"]
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        assert form_of(publisher, draft_page(draft, "draft") + "?version=1")["next_update_by"] == ""


def test_version_of_a_published_draft_is_offered_as_a_correction(publisher: Client) -> None:
    draft = draft_of(make_incident(), "First", "Second")
    operations.publish_draft(by=ANYBODY, update=draft)
    page = read(publisher, draft_page(draft))
    assert "Bring back as a correction" in page
    assert f'href="{draft_page(draft, "correct")}?version=1"' in page
    response = publisher.get(draft_page(draft, "draft") + "?version=1")
    assert response.redirect_chain == [(draft_page(draft, "correct") + "?version=1", 302)]
    form = filled(response.context["form"])
    assert (form["text_en"], form["notify"]) == ("First", "no")
    assert publisher.post(draft_page(draft, "correct"), {**form, "action": ""}).status_code == 302
    draft.refresh_from_db()
    assert draft.text["en"] == "First"
    assert draft.corrected_at


def test_details_are_brought_back(publisher: Client) -> None:
    incident = make_incident(scope=Text(en="Some"), upstream_name="Microsoft")
    changed = {"scope": Text(en="All"), "impact": "critical", "upstream_name": ""}
    operations.edit_incident(by=ANYBODY, incident=incident, details=changed)  # type: ignore[arg-type]
    page = re.sub(
        r"<span class=\"visually-hidden\".*?</span>", "", read(publisher, incident_page(incident, "details_versions"))
    )
    assert "<del>Minor</del><ins>Critical</ins>" in page
    address = incident_page(incident, "details") + "?version=1"
    form = form_of(publisher, address)
    assert (form["scope_en"], form["impact"], form["upstream_name"]) == ("Some", "minor", "Microsoft")
    assert publisher.post(address, {**form, "action": ""}).status_code == 302
    incident.refresh_from_db()
    assert (incident.scope, incident.impact, incident.upstream_name) == ({"en": "Some"}, "minor", "Microsoft")


def test_start_that_is_brought_back_is_checked_like_any_other(publisher: Client) -> None:
    start = datetime(2026, 11, 1, 20, tzinfo=UTC)
    incident = make_incident(started_at=start)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"started_at": start - timedelta(hours=2)})
    address = incident_page(incident, "details") + "?version=1"
    response = publisher.post(address, {**form_of(publisher, address), "action": ""})
    assert response.context["effects"]
    incident.refresh_from_db()
    assert incident.started_at == start - timedelta(hours=2)


def test_end_of_an_incident_is_not_emptied_by_a_version_from_before_it(publisher: Client) -> None:
    incident = make_incident()
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scope": Text(en="All")})
    make_update(incident, Phase.RESOLVED)
    form = form_of(publisher, incident_page(incident, "details") + "?version=1")
    assert form["scope_en"] == ""
    assert form["ended_at"]


def test_maintenance_has_versions_of_its_window(publisher: Client) -> None:
    start = datetime(2030, 1, 1, 20, tzinfo=UTC)
    incident = make_maintenance(start=start, end=start + timedelta(hours=2))
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scheduled_until": start + timedelta(hours=3)})
    assert "Planned end" in read(publisher, incident_page(incident, "details_versions"))
    form = form_of(publisher, incident_page(incident, "details") + "?version=1")
    assert form["scheduled_until"] == "2030-01-01T23:00"


def test_postmortem_is_brought_back_in_its_sections(publisher: Client) -> None:
    incident = make_incident()
    make_update(incident, Phase.RESOLVED)
    send(publisher, incident_page(incident, "postmortem"), "draft", text_happened_en="First.", text_cause_en="Rain.")
    draft = incident.updates.get(phase=Phase.POSTMORTEM)
    send(publisher, draft_page(draft, "draft"), "draft", text_happened_en="Second.", text_cause_en="Snow.")
    form = form_of(publisher, draft_page(draft, "draft") + "?version=1")
    assert (form["text_happened_en"], form["text_cause_en"]) == ("First.", "Rain.")
    operations.publish_draft(by=ANYBODY, update=draft)
    form = form_of(publisher, draft_page(draft, "correct") + "?version=1")
    assert (form["text_happened_en"], form["text_cause_en"]) == ("First.", "Rain.")


def test_number_of_versions_is_linked_where_they_matter(publisher: Client) -> None:
    incident = make_incident()
    draft = draft_of(incident, "One", "Two", "Three")
    page = read(publisher, incident_page(incident))
    assert f'<a href="{draft_page(draft)}"> 3 versions' in page
    assert incident_page(incident, "details_versions") not in page
    assert "3 versions" in read(publisher, draft_page(draft, "draft"))
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scope": Text(en="All")})
    assert f'<a href="{incident_page(incident, "details_versions")}">' in read(publisher, incident_page(incident))
    assert "2 versions" in read(publisher, incident_page(incident, "details"))


def test_page_without_versions_says_so(publisher: Client) -> None:
    assert "There are no versions yet" in read(publisher, incident_page(make_incident(), "details_versions"))


def test_viewer_looks_at_versions_and_brings_none_back(viewer: Client) -> None:
    draft = draft_of(make_incident(), "One", "Two")
    page = read(viewer, draft_page(draft))
    assert "Version 2" in page
    assert "?version=" not in page
    assert viewer.get(draft_page(draft, "draft") + "?version=1").status_code == 403
    assert draft_page(draft) in read(viewer, incident_page(draft.incident))


def test_staff_without_the_right_see_no_versions() -> None:
    draft = draft_of(make_incident(), "One", "Two")
    stranger = staff("olga", "view_maintenance", "change_maintenance", "view_component")
    assert stranger.get(draft_page(draft)).status_code in {403, 404}
    assert stranger.get(incident_page(draft.incident, "details_versions")).status_code in {403, 404}


def test_versions_of_something_else_are_not_found(publisher: Client) -> None:
    one, other = draft_of(make_incident(), "One", "Two"), draft_of(make_incident(), "Only")
    foreign = incident_page(other.incident, "draft_versions", one.pk)
    for address in (
        foreign,
        draft_page(other) + "?from=1&to=2",
        draft_page(other) + "?from=x&to=1",
        draft_page(other, "draft") + "?version=2",
        draft_page(other, "draft") + "?version=²",
        draft_page(other, "draft") + f"?version={'9' * 400}",
        incident_page(other.incident, "details") + "?version=1",
    ):
        assert publisher.get(address).status_code == 404, address


def test_queries_do_not_grow_with_the_versions(
    publisher: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    few = draft_of(make_incident(), "One", "Two")
    many = draft_of(make_incident(), *map(str, range(30)))
    for page in (draft_page, lambda draft: incident_page(draft.incident)):
        publisher.get(page(few))
        with django_assert_max_num_queries(100) as found:
            publisher.get(page(few))
        with django_assert_max_num_queries(len(found.captured_queries)):
            publisher.get(page(many))
