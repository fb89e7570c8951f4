"""Every verb with every role: who may do what is checked where it is done."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from incidents import operations
from incidents.models import Announcement, ApiToken, Incident, Page, Update, UpdateTemplate
from incidents.recurrence import RepeatRule
from incidents.staff import roles
from incidents.staff.actors import SCHEDULER, Actor, command, person
from incidents.staff.roles import Role
from incidents.status import ComponentStatus, Impact, Phase
from incidents.subscriptions.lifecycle import Choices
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_alert_rule,
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_subscriber,
    make_template,
    make_token,
)
from tests.test_images import PNG

pytestmark = pytest.mark.django_db

Verb = Callable[[Actor], Any]
NOTIFIED = {"notify": True}
CHOICES = Choices("da")
TEXT = Text(da="Ny tekst.", en="New text.")
START = datetime(2030, 1, 1, 20, tzinfo=UTC)
WINDOW = {"scheduled_for": START, "scheduled_until": START + timedelta(hours=2)}
DETAILS: Any = {"title": Text(da="Titel", en="Title"), "impact": Impact.MINOR}
# Verbs without an actor: what is due, derived, or decided by subscribers and mail servers.
WITHOUT_ACTOR = {
    "apply_retention", "forget_outdated_forms", "import_subscribers", "make_due_maintenance", "mark_overdue",
    "publish_due", "rebuild_statuses", "receive_bounce", "summarise_import",
    # A person's own text, which nobody else sees.
    "keep_form", "leave_form", "close_form",
    # They change nothing.
    "addable_languages", "added_languages", "check_alert_rule", "check_template", "default_reminders",
    "derived_changes", "held_move", "is_due_to_complete", "is_due_to_start", "automatic_text", "keys_of",
    "following_in_series", "can_repeat",
    "readers_without_translation", "stored_changes",
}  # fmt: skip


def public(**fields: Any) -> Incident:
    return make_incident(statement=make_statement(**fields))


def update_of(incident: Incident) -> Update:
    return incident.updates.select_related("incident").get()


def draft() -> Update:
    return update_of(make_incident(draft=True))


def scheduled() -> Update:
    operations.edit_draft(update=(one := draft()), statement=make_statement(publish_at=START), draft=False, by=ANYBODY)
    return Update.objects.select_related("incident").get(pk=one.pk)


def planned() -> Incident:
    return make_maintenance(start=START, end=START + timedelta(hours=2))


def _starts_soon() -> Incident:
    now = timezone.now()
    soon = make_maintenance(start=now + timedelta(minutes=50), end=now + timedelta(hours=2))
    Incident.objects.filter(pk=soon.pk).update(published_at=now - timedelta(days=1))
    return soon


def announced() -> Announcement:
    make_subscriber()
    incident = make_incident(statement=make_statement(notify=True))
    return Announcement.objects.select_related("update__incident").get(update__incident=incident)


def withdrawn() -> Incident:
    return operations.withdraw(incident=make_incident(), by=ANYBODY)


def over() -> Incident:
    operations.resolve(incident=(incident := make_incident()), text=TEXT, by=ANYBODY)
    return incident


def verbs() -> dict[tuple[str, str], tuple[Role, Callable[[], Verb]]]:
    """Each verb, in the cases that differ: the first role that may, and what prepares a call."""
    o, writer, publisher, administrator = operations, Role.WRITER, Role.PUBLISHER, Role.ADMINISTRATOR
    plain, edited = make_statement(), {"scope": Text(en="All")}
    on: Callable[..., Callable[[], Verb]] = lambda verb, make, **given: lambda: _call(verb, make, given)  # noqa: E731
    return {
        ("open_incident", "draft"): (writer, on(o.open_incident, dict, details=DETAILS, statement=plain, draft=True)),
        ("open_incident", "public"): (publisher, on(o.open_incident, dict, details=DETAILS, statement=plain)),
        ("schedule_maintenance", "draft"): (writer, on(o.schedule_maintenance, _window, draft=True)),
        ("schedule_maintenance", "public"): (publisher, on(o.schedule_maintenance, _window)),
        ("edit_incident", "draft"): (writer, on(o.edit_incident, _one(lambda: draft().incident), details=edited)),
        ("edit_incident", "public"): (publisher, on(o.edit_incident, _one(public), details=edited)),
        ("edit_incident", "withdrawn"): (publisher, on(o.edit_incident, _one(withdrawn), details=edited)),
        ("post_update", "draft"): (writer, on(o.post_update, _one(public), statement=plain, draft=True)),
        ("post_update", "public"): (publisher, on(o.post_update, _one(public), statement=plain)),
        ("edit_draft", "draft"): (writer, on(o.edit_draft, _one(draft, "update"), statement=plain)),
        ("edit_draft", "publish"): (publisher, on(o.edit_draft, _one(draft, "update"), statement=plain, draft=False)),
        ("edit_draft", "scheduled"): (publisher, on(o.edit_draft, _one(scheduled, "update"), statement=plain)),
        ("discard_draft", "draft"): (writer, on(o.discard_draft, _one(draft, "update"))),
        ("discard_draft", "scheduled"): (publisher, on(o.discard_draft, _one(scheduled, "update"))),
        ("publish_draft", ""): (publisher, on(o.publish_draft, _one(draft, "update"))),
        ("correct_update", ""): (publisher, on(o.correct_update, _one(_public_update, "update"), text=TEXT)),
        ("add_translation", ""): (publisher, on(o.add_translation, _one(_danish, "update"), text=_TRANSLATED)),
        ("undo_update", ""): (publisher, on(o.undo_update, _one(lambda: announced().update, "update"))),
        ("resolve", ""): (publisher, on(o.resolve, _one(public), text=TEXT)),
        ("reopen", ""): (publisher, on(o.reopen, _one(over), statement=plain)),
        ("withdraw", ""): (publisher, on(o.withdraw, _one(public))),
        ("publish_again", ""): (publisher, on(o.publish_again, _one(withdrawn))),
        ("move_maintenance", ""): (publisher, on(o.move_maintenance, _one(planned), details=_LATER)),
        ("repeat_maintenance", ""): (publisher, on(o.repeat_maintenance, _one(planned), rule=_RULE)),
        ("end_series", ""): (publisher, on(o.end_series, _one(_repeated))),
        ("move_planned_end", ""): (publisher, on(o.move_planned_end, _one(planned), **_LATER_END)),
        ("start_maintenance", ""): (publisher, on(o.start_maintenance, _one(planned), text=TEXT)),
        ("complete_maintenance", ""): (publisher, on(o.complete_maintenance, _one(_started), text=TEXT)),
        ("start_due_maintenance", ""): (publisher, on(o.start_due_maintenance, _one(planned))),
        ("complete_due_maintenance", ""): (publisher, on(o.complete_due_maintenance, _one(_started))),
        ("remind_of_maintenance", ""): (publisher, on(o.remind_of_maintenance, _one(_starts_soon))),
        ("cancel_maintenance", ""): (publisher, on(o.cancel_maintenance, _one(planned), text=TEXT)),
        **{
            (verb.__name__, ""): (publisher, on(verb, _one(announced, "announcement")))
            for verb in (
                o.cancel_announcement, o.pause_announcement, o.resume_announcement, o.stop_announcement,
                o.resend_failed,
            )
        },
        ("set_component_status", ""): (
            publisher, on(o.set_component_status, _one(make_component, "component"), status=_OUTAGE)
        ),
        ("add_template", ""): (publisher, on(o.add_template, dict, fields=_TEMPLATE)),
        ("edit_template", ""): (publisher, on(o.edit_template, _one(_template, "template"), fields={"position": 3})),
        ("remove_template", ""): (publisher, on(o.remove_template, _one(_template, "template"))),
        ("add_alert_rule", ""): (publisher, on(o.add_alert_rule, _rule_fields)),
        ("edit_alert_rule", ""): (publisher, on(o.edit_alert_rule, _one(make_alert_rule, "rule"), fields={"hold": 5})),
        ("remove_alert_rule", ""): (publisher, on(o.remove_alert_rule, _one(make_alert_rule, "rule"))),
        ("add_component", ""): (administrator, on(o.add_component, dict, fields={"name": TEXT})),
        ("edit_component", ""): (
            administrator, on(o.edit_component, _one(make_component, "component"), fields={"name": TEXT})
        ),
        ("add_group", ""): (administrator, on(o.add_group, dict, fields={"name": TEXT})),
        ("edit_group", ""): (administrator, on(o.edit_group, _one(make_group, "group"), fields={"name": TEXT})),
        ("remove_group", ""): (administrator, on(o.remove_group, _one(make_group, "group"))),
        ("edit_page", "new"): (administrator, on(o.edit_page, dict, fields={"name": TEXT})),
        ("edit_page", "existing"): (administrator, on(o.edit_page, _page, fields={"name": TEXT})),
        ("change_logo", ""): (administrator, on(o.change_logo, _page, content=PNG)),
        ("create_token", ""): (administrator, _create_token),
        ("revoke_token", ""): (administrator, on(o.revoke_token, _one(_token, "token"))),
        ("add_subscriber", ""): (administrator, on(o.add_subscriber, dict, address="ny@example.dk", choices=CHOICES)),
        ("add_confirmed_subscriber", ""): (
            administrator,
            on(o.add_confirmed_subscriber, dict, address="ny@example.dk", choices=CHOICES, consent="A form"),
        ),
        ("resend_confirmation", ""): (administrator, on(o.resend_confirmation, _one(make_subscriber, "subscriber"))),
        ("end_subscription", ""): (administrator, on(o.end_subscription, _one(make_subscriber, "subscriber"))),
    }  # fmt: skip


_OUTAGE = ComponentStatus.PARTIAL_OUTAGE
_RULE = RepeatRule(START.date(), START.time(), timedelta(hours=2), "UTC", weekdays=(START.weekday(),))
_LATER_END: Any = {"known": WINDOW["scheduled_until"], "until": WINDOW["scheduled_until"] + timedelta(hours=1)}
_LATER: Any = {name: time + timedelta(days=1) for name, time in WINDOW.items()}
_TRANSLATED = Text(da="Vi har fundet fejlen.", en="We have found the error.")
_TEMPLATE: Any = {"kind": "incident", "phase": "identified", "name": TEXT, "text": TEXT}


def _call(verb: Callable[..., Any], make: Callable[[], dict[str, Any]], given: dict[str, Any]) -> Verb:
    made = make()
    return lambda by: verb(**made, **given, by=by)


def _one(make: Callable[[], Any], name: str = "incident") -> Callable[[], dict[str, Any]]:
    return lambda: {name: make()}


def _window() -> dict[str, Any]:
    statement = make_statement(Phase.SCHEDULED)
    return {"details": {"title": Text(da="Titel", en="Title"), **WINDOW}, "statement": statement}


def _page() -> dict[str, Any]:
    if not Page.objects.exists():
        make_page()
    return {}


def _create_token() -> Verb:
    given: Any = {"name": "Alerts", "scopes": ["read"], "expires_at": timezone.now() + timedelta(days=30)}
    return lambda by: operations.create_token(owner=by.user or _owner(), by=by, **given)


def _owner() -> Any:
    return get_user_model().objects.get_or_create(username="owner", is_staff=True, is_superuser=True)[0]


def _token() -> ApiToken:
    return make_token(_owner())


def _rule_fields() -> dict[str, Any]:
    return {"fields": {"name": "Outage", "template": make_template()}}


def _template() -> UpdateTemplate:
    return operations.add_template(fields=_TEMPLATE, by=ANYBODY)


def _public_update() -> Update:
    return update_of(public())


def _danish() -> Update:
    return update_of(public(text=Text(da="Vi har fundet fejlen.")))


def _repeated() -> Incident:
    return operations.repeat_maintenance(incident=planned(), rule=_RULE, by=ANYBODY)


def _started() -> Incident:
    incident = planned()
    operations.start_maintenance(incident=incident, text=TEXT, by=ANYBODY)
    incident.refresh_from_db()
    return incident


def someone(*held: Role, is_staff: bool = True) -> Actor:
    roles.update_groups()
    user = get_user_model().objects.create_user("-".join(held) or "nobody", is_staff=is_staff)
    user.groups.set(Group.objects.filter(name__in=[role.group_name for role in held]))
    return person(user)


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("case", verbs(), ids="-".join)
def test_verb_is_refused_below_its_role_and_done_from_it_on(case: tuple[str, str]) -> None:
    first, prepare = verbs()[case]
    for role in Role:
        with _rolled_back():
            actor, call = someone(role), prepare()
            if list(Role).index(role) < list(Role).index(first):
                with pytest.raises(PermissionDenied):
                    call(actor)
            else:
                call(actor)


@pytest.mark.parametrize("case", verbs(), ids="-".join)
def test_verb_is_done_for_commands_and_the_scheduler_and_refused_to_others(case: tuple[str, str]) -> None:
    _first, prepare = verbs()[case]
    for actor in (SCHEDULER, command("check")):
        with _rolled_back():
            prepare()(actor)
    for actor in (someone(), someone(Role.ADMINISTRATOR, is_staff=False)):
        call = prepare()
        with pytest.raises(PermissionDenied):
            call(actor)


def test_every_verb_is_among_them_and_asks_who_acts() -> None:
    tested = {name for name, _case in verbs()}
    functions = {name for name in operations.__all__ if inspect.isfunction(getattr(operations, name))}
    assert tested | WITHOUT_ACTOR == functions
    for name in tested:
        by = inspect.signature(getattr(operations, name)).parameters["by"]
        assert by.default is inspect.Parameter.empty, f"{name} can be called without saying who acts"


def test_roles_can_be_combined_with_rights_of_ones_own() -> None:
    actor = someone(Role.READER)
    assert actor.user is not None
    actor.user.user_permissions.set(roles.permissions(["incidents.publish_maintenance"]))  # type: ignore[attr-defined]
    actor = person(get_user_model().objects.get(pk=actor.user.pk))
    operations.cancel_maintenance(incident=planned(), text=TEXT, by=actor)
    with pytest.raises(PermissionDenied):
        operations.withdraw(incident=make_incident(), by=actor)


def test_groups_of_roles_get_the_rights_of_this_version_again() -> None:
    roles.update_groups()
    group = Group.objects.get(name=Role.READER.group_name)
    own = Group.objects.create(name="Reader")
    group.permissions.set(roles.permissions(["incidents.publish_incident"]))
    roles.update_groups()
    held = {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.select_related("content_type")}
    assert held == set(roles.rights_of(Role.READER))
    assert not own.permissions.exists()


@pytest.mark.parametrize("role", Role)
def test_every_right_of_a_role_exists(role: Role) -> None:
    assert roles.permissions(roles.rights_of(role)).count() == len(roles.rights_of(role))


def test_refusal_changes_nothing() -> None:
    incident = make_incident()
    with pytest.raises(PermissionDenied):
        operations.edit_incident(incident=incident, details={"impact": Impact.CRITICAL}, by=someone(Role.WRITER))
    incident.refresh_from_db()
    assert incident.impact == Impact.MINOR


def test_invalid_input_is_no_way_round_the_rights() -> None:
    with pytest.raises((PermissionDenied, ValidationError)) as refused:
        operations.publish_draft(update=update_of(public()), by=someone(Role.WRITER))
    assert refused.type is PermissionDenied
