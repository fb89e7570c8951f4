"""`manage.py incident`: opens, updates and resolves in the terminal, in every language of the page."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from incidents.management.posting import lookup, output
from incidents.models import (
    Announcement,
    AuditEntry,
    Incident,
    StaleSubject,
    Update,
)
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.factories import make_component, make_incident, make_page, make_subscriber, make_update
from tests.management.posting_commands import Terminal

pytestmark = pytest.mark.django_db
TITLE = ("--title-da", "Mail er forsinket", "--title-en", "Mail is delayed")
TEXT = ("--da", "Vi undersøger.", "--en", "We are looking into it.")


@pytest.fixture
def incident(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Terminal:
    settings.ANNOUNCEMENT_HOLD = 30
    make_page()
    return Terminal("incident", monkeypatch)


def rows() -> list[int]:
    return [model.objects.count() for model in (Incident, Update, Announcement, AuditEntry, StaleSubject)]


def test_open_stores_both_languages_the_component_and_the_impact_that_follows(incident: Terminal) -> None:
    mail_component = make_component("mail")
    incident.run("open", *TITLE, *TEXT, "--component", "mail=major_outage", "--phase", "identified")
    opened = Incident.objects.get()
    assert opened.title == Text(da="Mail er forsinket", en="Mail is delayed")
    assert opened.updates.get().text == Text(da="Vi undersøger.", en="We are looking into it.")
    assert (opened.phase, opened.impact, opened.is_public) == (Phase.IDENTIFIED, Impact.CRITICAL, True)
    mail_component.refresh_from_db()
    assert mail_component.status == ComponentStatus.MAJOR_OUTAGE
    assert Announcement.objects.get().update.incident == opened


def test_open_says_where_readers_see_it_who_is_notified_and_how_to_cancel(incident: Terminal) -> None:
    make_subscriber()
    said = incident.run("open", *TITLE, *TEXT).splitlines()
    key = Incident.objects.get().pk
    assert said[0] == f"Opened: {key} “Mail is delayed”, Investigating"
    assert said[1].endswith(f"/da/incidents/{key}/")
    assert re.fullmatch(r"Subscribers are notified at .+, in (29|30) s\. Reaches 1 person \(.+: 1\)\.", said[2])
    assert said[3] == f"To cancel until then: manage.py incident undo {key}"


def test_missing_translation_is_pointed_out(incident: Terminal) -> None:
    incident.run("open", "--title-da", "Nede", "--da", "Vi undersøger.")
    assert "Not everything is translated into English." in incident.warned
    assert Incident.objects.get().title == Text(da="Nede")


def test_without_notify_nobody_is_notified(incident: Terminal) -> None:
    assert "Subscribers are not notified." in incident.run("open", *TITLE, *TEXT, "--no-notify")
    assert not Announcement.objects.exists()


def test_draft_is_published_later(incident: Terminal) -> None:
    assert "It is a draft." in incident.run("open", *TITLE, *TEXT, "--draft")
    opened = Incident.objects.get()
    assert not opened.is_public
    incident.run("publish", opened.pk)
    assert Incident.objects.public().get() == opened
    assert incident.refusal("publish", opened.pk) == (1, "It has no draft.")


def test_update_changes_phase_and_component(incident: Terminal) -> None:
    component = make_component("mail")
    opened = make_incident(components={component: ComponentStatus.MAJOR_OUTAGE})
    key = opened.pk[:6]
    incident.run("update", key, *TEXT, "--phase", "mitigated", "--component", f"{component.pk}=degraded_performance")
    opened.refresh_from_db()
    component.refresh_from_db()
    assert (opened.phase, component.status) == (Phase.MITIGATED, ComponentStatus.DEGRADED_PERFORMANCE)


def test_every_phase_and_a_promise_can_be_given(incident: Terminal) -> None:
    incident.run("open", *TITLE, *TEXT, "--phase", "mitigated", "--next-update", "+30m")
    opened = Incident.objects.get()
    assert opened.phase == Phase.MITIGATED
    assert opened.next_update_by is not None
    assert 29 < (opened.next_update_by - opened.started_at).total_seconds() / 60 < 31
    assert incident.refusal("update", opened.pk, *TEXT, "--next-update", "2020-01-01 12:00") == (
        2,
        "--next-update 2020-01-01 12:00: this time has passed.",
    )


def test_list_of_many_needs_no_more_queries(incident: Terminal) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            incident.json("list", "--all")
        return len(found)

    make_incident()
    few = queries()
    for _number in range(3):
        make_incident()
    assert queries() == few


def test_update_without_a_phase_keeps_it(incident: Terminal) -> None:
    opened = make_incident()
    incident.run("update", opened.pk, *TEXT)
    assert set(opened.updates.values_list("phase", flat=True)) == {Phase.IDENTIFIED}


def test_resolve_ends_the_incident_and_its_outage(incident: Terminal) -> None:
    component = make_component("mail")
    opened = make_incident(components={component: ComponentStatus.MAJOR_OUTAGE})
    assert incident.run("resolve", opened.pk, *TEXT).startswith("Resolved: ")
    opened.refresh_from_db()
    component.refresh_from_db()
    assert (opened.phase, component.status) == (Phase.RESOLVED, ComponentStatus.OPERATIONAL)
    final = opened.updates.get(phase=Phase.RESOLVED)
    assert [row.status for row in final.affected.all()] == [ComponentStatus.OPERATIONAL]


def test_update_with_an_open_phase_reopens_but_not_as_a_draft(incident: Terminal) -> None:
    opened = make_incident()
    make_update(opened, Phase.RESOLVED)
    assert incident.refusal("update", opened.pk, *TEXT, "--phase", "identified", "--draft")[0] == 1
    incident.run("update", opened.pk, *TEXT, "--phase", "identified")
    opened.refresh_from_db()
    assert opened.phase == Phase.IDENTIFIED


def test_undo_takes_the_update_back_while_it_is_held(incident: Terminal) -> None:
    opened = make_incident()
    incident.run("update", opened.pk, *TEXT)
    assert incident.run("undo", opened.pk) == f"Undone: {opened.pk}. Nobody gets the update; it is a draft.\n"
    assert Announcement.objects.get().cancelled_at is not None
    assert opened.updates.filter(published_at=None).count() == 1
    incident.run("update", opened.pk, *TEXT)
    incident.run("undo", opened.pk, "--discard")
    assert opened.updates.count() == 2


def test_undo_is_refused_once_nobody_is_waiting(incident: Terminal) -> None:
    code, said = incident.refusal("undo", make_incident().pk)
    assert code == 1
    assert said.startswith("Too late")


def test_list_shows_what_is_open_and_with_all_everything(incident: Terminal) -> None:
    is_open, over = make_incident(), make_incident()
    make_update(over, Phase.RESOLVED)
    assert incident.run("list").split()[0] == is_open.pk
    assert over.pk not in incident.said
    assert over.pk in incident.run("list", "--all")
    assert [row["id"] for row in incident.json("list", "--all", "--limit", "1")] == [over.pk]
    assert incident.refusal("list", "--limit", "0")[0] == 2


def test_list_says_that_there_is_none(incident: Terminal) -> None:
    assert incident.run("list") == "None.\n"


def test_show_prints_every_update_in_every_language(incident: Terminal) -> None:
    opened = make_incident(components={make_component("mail"): ComponentStatus.MAJOR_OUTAGE})
    make_update(opened, Phase.MITIGATED, text=Text(da="To\n\nlinjer", en="Two"))
    said = incident.run("show", opened.pk[:8])
    assert "da: Mail er forsinket" in said
    assert "  mail: Major outage" in said
    assert "  da: To\n\n      linjer\n  en: Two" in said
    assert said.index("Mitigated") < said.index("Problem identified")


def test_json_has_the_shape_of_the_api(incident: Terminal) -> None:
    shape = incident.json("open", *TITLE, *TEXT, "--draft")
    assert (shape["name"], shape["status"], shape["draft"]) == ("Mail er forsinket", "investigating", True)
    assert shape["incident_updates"][0]["body"] == "Vi undersøger."
    assert incident.json("show", shape["id"])["id"] == shape["id"]


def test_ids_that_are_unknown_or_ambiguous_are_refused(incident: Terminal) -> None:
    Incident.objects.bulk_create([Incident(id=f"aaaaaa{number:06}", title=Text(en="One")) for number in range(2)])
    assert incident.refusal("show", "zz") == (2, "There is no incident with the id zz.")
    code, said = incident.refusal("show", "aaaa")
    assert code == 2
    assert "aaaaaa000001  One" in said


def test_unknown_component_names_similar_ones(incident: Terminal) -> None:
    make_component("webmail")
    code, said = incident.refusal("open", *TITLE, *TEXT, "--component", "webmial=major_outage")
    assert (code, said) == (2, "--component webmial: there is no such component. Similar: webmail.")
    assert "with one of operational" in incident.refusal("open", *TITLE, *TEXT, "--component", "webmail=down")[1]
    assert not Incident.objects.exists()


def test_refusal_has_a_line_for_each_field(incident: Terminal) -> None:
    assert incident.refusal("open", "--en", "Text") == (1, "title: Write the text in at least one language.")


def test_database_that_does_not_answer_is_no_traceback(incident: Terminal) -> None:
    def fail(*_given: Any) -> Incident:
        raise OperationalError("connection refused\nIs the server running?")

    incident.patch.setattr(lookup, "incident", fail)
    assert incident.refusal("show", "x") == (
        1,
        "The database refuses: connection refused (`manage.py doctor` says more)",
    )


def test_nothing_is_stored_if_the_answer_cannot_be_written(incident: Terminal) -> None:
    def fail(*_given: Any) -> None:
        raise OperationalError("gone")

    incident.patch.setattr(output, "as_json", fail)
    assert incident.refusal("open", *TITLE, *TEXT, "--json")[0] == 1
    assert not Incident.objects.exists()


def test_account_acts_with_its_rights(incident: Terminal) -> None:
    User.objects.create_user("anna", is_staff=True)
    User.objects.create_superuser("root", is_staff=True)
    code, said = incident.refusal("open", *TITLE, *TEXT, "--by", "anna")
    assert (code, said) == (1, "--by anna: this account has no right to do this.")
    incident.run("open", *TITLE, *TEXT, "--by", "root")
    assert Update.objects.get().author == User.objects.get(username="root")
    assert AuditEntry.objects.latest("pk").actor == "root"


def test_without_an_account_the_audit_log_names_the_command(incident: Terminal) -> None:
    incident.run("open", *TITLE, *TEXT)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.operation, entry.actor) == ("open_incident", "incident")


def test_dry_run_prints_what_everybody_would_get_and_changes_nothing(
    incident: Terminal, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    component, before = make_component("mail"), rows()
    make_subscriber()
    with django_capture_on_commit_callbacks() as callbacks:
        said = incident.run("open", *TITLE, *TEXT, "--component", "mail=major_outage", "--dry-run")
    component.refresh_from_db()
    assert (rows(), callbacks, mail.outbox, component.status) == (before, [], [], ComponentStatus.OPERATIONAL)
    assert said.startswith("DRY RUN: nothing was stored, published or sent.\n")
    assert "Readers, Danish\n  Mail er forsinket\n  Undersøger\n\n  Vi undersøger." in said
    assert "  mail (en): Operational → Major outage" in said
    assert "  Reaches 1 person" in said
    assert "Email, English\n  Subject: " in said
    assert "We are looking into it." in said


def test_dry_run_of_a_draft_says_that_nobody_gets_it(incident: Terminal) -> None:
    assert "It would be a draft" in incident.run("open", *TITLE, *TEXT, "--draft", "--dry-run")
    assert not Incident.objects.exists()


def test_dry_run_reports_what_would_be_refused(incident: Terminal) -> None:
    assert incident.refusal("open", "--en", "Text", "--dry-run")[0] == 1
