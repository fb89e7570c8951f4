"""A verb stores nothing if somebody else changed what its form was opened on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from incidents import operations
from incidents.models import Announcement, Component, Incident, ManualStatus, Page, Update, UpdateTemplate
from incidents.operations import snapshots
from incidents.operations.snapshots import Collision
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)

pytestmark = pytest.mark.django_db


def make_draft(incident: Incident, **fields: Any) -> Update:
    return operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(**fields), draft=True)


def test_draft_that_somebody_else_saved_is_not_overwritten() -> None:
    draft = make_draft(make_incident())
    opened = snapshots.of_draft(draft)
    operations.edit_draft(by=ANYBODY, update=draft, statement=make_statement(text=Text(da="Ida")))
    with pytest.raises(Collision) as collision:
        operations.edit_draft(by=ANYBODY, update=draft, statement=make_statement(text=Text(da="Ole")), opened=opened)
    draft.refresh_from_db()
    assert draft.text == {"da": "Ida"}
    assert collision.value.theirs["text_da"] == "Ida"
    operations.edit_draft(
        by=ANYBODY,
        update=draft,
        statement=make_statement(text=Text(da="Ole")),
        opened=collision.value.theirs,
        draft=False,
    )
    draft.refresh_from_db()
    assert (draft.text, draft.is_public) == ({"da": "Ole"}, True)


def test_draft_is_not_published_after_an_update_that_its_form_does_not_show() -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    draft = make_draft(incident, components={mail.pk: ComponentStatus.MAJOR_OUTAGE})
    opened = snapshots.of_draft(draft)
    make_update(incident, Phase.MITIGATED, components={mail.pk: ComponentStatus.OPERATIONAL})
    statement = make_statement(Phase.INVESTIGATING, components={mail.pk: ComponentStatus.MAJOR_OUTAGE})
    with pytest.raises(Collision):
        operations.edit_draft(by=ANYBODY, update=draft, statement=statement, opened=opened, draft=False)
    with pytest.raises(Collision):
        operations.publish_draft(by=ANYBODY, update=draft, opened=opened)
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert (incident.phase, mail.status) == (Phase.MITIGATED, ComponentStatus.OPERATIONAL)
    operations.edit_draft(
        by=ANYBODY, update=draft, statement=statement, opened=opened
    )  # as a draft it changes nothing public


def test_update_from_an_older_form_puts_no_state_back_and_notifies_nobody() -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    opened = snapshots.of_state(incident)
    operations.post_update(
        by=ANYBODY,
        incident=incident,
        statement=make_statement(Phase.MITIGATED, components={mail.pk: ComponentStatus.OPERATIONAL}),
        opened=opened,
    )
    older = make_statement(Phase.IDENTIFIED, components={mail.pk: ComponentStatus.MAJOR_OUTAGE}, notify=True)
    with pytest.raises(Collision) as collision:
        operations.post_update(by=ANYBODY, incident=incident, statement=older, opened=opened)
    theirs = collision.value.theirs
    assert (theirs["phase"], theirs[f"component-{mail.pk}"]) == ("mitigated", "operational")
    incident.refresh_from_db()
    assert incident.phase == Phase.MITIGATED
    assert not Announcement.objects.exists()


def test_incident_that_somebody_else_reopened_and_resolved_is_not_reopened() -> None:
    incident = make_incident()
    make_update(incident, Phase.RESOLVED)
    incident.refresh_from_db()
    opened = snapshots.of_state(incident)
    operations.reopen(by=ANYBODY, incident=incident, statement=make_statement(Phase.IDENTIFIED))
    make_update(incident, Phase.RESOLVED)
    with pytest.raises(Collision):
        operations.reopen(by=ANYBODY, incident=incident, statement=make_statement(Phase.IDENTIFIED), opened=opened)


def test_details_that_somebody_else_changed_stay() -> None:
    incident = make_incident()
    opened = snapshots.of_details(incident)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scope": Text(da="Ida")}, opened=opened)
    with pytest.raises(Collision):
        operations.edit_incident(by=ANYBODY, incident=incident, details={"workaround": Text(da="Ole")}, opened=opened)
    incident.refresh_from_db()
    assert (incident.scope, incident.workaround) == ({"da": "Ida"}, {})


def test_maintenance_that_somebody_else_moved_stays_there() -> None:
    make_page()
    start = timezone.now() + timedelta(days=1)
    incident = make_maintenance(start=start, end=start + timedelta(hours=1))
    opened = snapshots.of_details(incident)
    end = start + timedelta(hours=2)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scheduled_until": end})
    with pytest.raises(Collision):
        operations.move_maintenance(
            by=ANYBODY, incident=incident, details={"scheduled_until": end + timedelta(hours=1)}, opened=opened
        )
    incident.refresh_from_db()
    assert incident.scheduled_until == end


def test_correction_of_a_text_that_somebody_else_corrected_keeps_that_one() -> None:
    update = make_incident().updates.get()
    opened = snapshots.of_text(update)
    operations.correct_update(by=ANYBODY, update=update, text=Text(da="Ida"), opened=opened)
    with pytest.raises(Collision):
        operations.correct_update(by=ANYBODY, update=update, text=Text(da="Ole"), opened=opened, notify=True)
    update.refresh_from_db()
    assert (update.text, update.revisions.count()) == ({"da": "Ida"}, 1)
    assert not Announcement.objects.exists()


def edit(row: Any, fields: Any, **kwargs: Any) -> None:
    match row:
        case Page():
            operations.edit_page(by=ANYBODY, fields=fields, **kwargs)
        case UpdateTemplate():
            operations.edit_template(by=ANYBODY, template=row, fields=fields, **kwargs)
        case Component():
            operations.edit_component(by=ANYBODY, component=row, fields=fields, **kwargs)
        case _:
            operations.edit_group(by=ANYBODY, group=row, fields=fields, **kwargs)


def make_template() -> UpdateTemplate:
    return operations.add_template(
        by=ANYBODY,
        fields={"kind": "incident", "phase": "investigating", "name": Text(da="Nedbrud"), "text": Text(da="Nede")},
    )


@pytest.mark.parametrize(
    ("make", "snapshot"),
    [
        (make_page, snapshots.of_page),
        (make_template, snapshots.of_template),
        (make_component, snapshots.of_component),
        (make_group, snapshots.of_group),
    ],
)
def test_settings_that_somebody_else_changed_stay(make: Callable[[], Any], snapshot: Callable[[Any], Any]) -> None:
    row = make()
    opened = snapshot(row)
    edit(row, {"name": Text(da="Ida")}, opened=opened)
    with pytest.raises(Collision) as collision:
        edit(row, {"name": Text(da="Ole")}, opened=opened)
    row.refresh_from_db()
    assert row.name == {"da": "Ida"}
    edit(row, {"name": Text(da="Ole")}, opened=collision.value.theirs)


def test_status_is_set_by_hand_only_if_it_is_the_one_in_the_list() -> None:
    mail = make_component("mail")
    opened = snapshots.of_status(mail)
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.MAJOR_OUTAGE, opened=opened)
    with pytest.raises(Collision):
        operations.set_component_status(
            by=ANYBODY, component=mail, status=ComponentStatus.DEGRADED_PERFORMANCE, opened=opened
        )
    assert ManualStatus.objects.count() == 1


def test_snapshot_has_a_value_for_each_box_of_the_form() -> None:
    group = make_group()
    since = datetime(2026, 9, 10, tzinfo=UTC).date()
    found = snapshots.of_component(make_component("mail", group=group, hidden=True, start_date=since))
    assert found == {
        "name_da": "mail (da)",
        "name_en": "mail (en)",
        "description_da": "",
        "description_en": "",
        "group": group.pk,
        "position": "0",
        "hidden": "on",
        "start_date": "2026-09-10",
        "slug": "mail",
    }
    links = [{"label": {"da": "Hjælp"}, "address": "https://a.example"}]
    page = snapshots.of_page(make_page(links=links))
    assert (page["link_1_label_da"], page["link_1_address"], page["link_2_address"]) == (
        "Hjælp",
        "https://a.example",
        "",
    )
