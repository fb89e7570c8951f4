"""Every address of the newsroom with every role, by GET and by POST: who gets in, and who is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from incidents import operations
from incidents.models import Announcement, Incident
from incidents.monitoring_alerts.receiving import ReceivedAlert, receive_alerts
from incidents.staff import roles
from incidents.staff.roles import Role
from incidents.status import Phase
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
    make_token,
    make_update,
)

pytestmark = pytest.mark.django_db

READER, WRITER, PUBLISHER, ADMINISTRATOR = Role.READER, Role.WRITER, Role.PUBLISHER, Role.ADMINISTRATOR
NOBODY = None
KINDS = ("incident", "maintenance")
# The first role that gets in by GET and by POST; to all other addresses every member of staff gets.
Access = tuple[Role | None, Role | None]
ACCESS: dict[str, Access] = {
    **{
        f"incidents_{kind}_{name}": access
        for kind in KINDS
        for names, access in (
            ("add update draft discard preview preview_new postmortem postmortem_preview", (WRITER, WRITER)),
            ("audience", (READER, WRITER)),
            (
                "cancel correct details pause publish publish_again resend resume stop undo withdraw",
                (PUBLISHER, PUBLISHER),
            ),
            ("complete end_series extend repeat", (PUBLISHER, PUBLISHER)),
            ("delete", (NOBODY, NOBODY)),
        )
        for name in names.split()
    },
    **dict.fromkeys(["incidents_updatetemplate_add", "incidents_updatetemplate_delete"], (PUBLISHER, PUBLISHER)),
    "incidents_updatetemplate_change": (READER, PUBLISHER),
    **dict.fromkeys(["incidents_alertrule_add", "incidents_alertrule_delete"], (PUBLISHER, PUBLISHER)),
    "incidents_alertrule_change": (READER, PUBLISHER),
    **dict.fromkeys(["incidents_monitoringalert_add", "incidents_monitoringalert_delete"], (NOBODY, NOBODY)),
    "incidents_monitoringalert_change": (READER, NOBODY),
    **dict.fromkeys(["incidents_component_add", "incidents_componentgroup_add"], (ADMINISTRATOR, ADMINISTRATOR)),
    "incidents_componentgroup_delete": (ADMINISTRATOR, ADMINISTRATOR),
    "incidents_component_delete": (NOBODY, NOBODY),
    **{f"incidents_{name}_change": (READER, ADMINISTRATOR) for name in ("component", "componentgroup", "page")},
    **dict.fromkeys(["incidents_page_add", "incidents_page_delete"], (NOBODY, NOBODY)),  # there is one
    **{
        f"incidents_{model}_{name}": access
        for model in ("announcement", "bounce", "delivery", "subscriber")
        for name, access in (("add", (NOBODY, NOBODY)), ("delete", (NOBODY, NOBODY)), ("change", (READER, NOBODY)))
    },
    "incidents_subscriber_export": (ADMINISTRATOR, ADMINISTRATOR),
    **{
        f"incidents_auditentry_{name}": (ADMINISTRATOR, ADMINISTRATOR)
        for name in ("change", "changelist", "download", "history")
    },
    **dict.fromkeys(["incidents_auditentry_add", "incidents_auditentry_delete"], (NOBODY, NOBODY)),
    **{
        f"incidents_apitoken_{name}": (ADMINISTRATOR, ADMINISTRATOR)
        for name in ("add", "change", "changelist", "history", "revoke")
    },
    "incidents_apitoken_delete": (NOBODY, NOBODY),
    **{
        f"auth_{model}_{name}": (ADMINISTRATOR, ADMINISTRATOR)
        for model in ("user", "group")
        for name in ("add", "change", "changelist", "delete", "history")
    },
    **{
        f"auth_user_{name}": (ADMINISTRATOR, ADMINISTRATOR)
        for name in ("password_change", "second_factor", "sessions", "single_sign_on")
    },
    "auth_group_change": (ADMINISTRATOR, NOBODY),  # of a role
    "auth_group_delete": (NOBODY, NOBODY),
}
NOT_TRIED = {"login", "logout", "autocomplete"}  # no list uses the last one


def addresses() -> dict[str, set[str]]:
    """Every address of the newsroom that has a name, with its parameters."""
    return {name: names for name, names in _named(site.get_urls()) if name not in NOT_TRIED}


def _named(patterns: list[Any]) -> Iterator[tuple[str, set[str]]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _named(one.url_patterns)
        elif isinstance(one, URLPattern) and one.name:
            yield one.name, set(one.pattern.converters) | set(one.pattern.regex.groupindex)


@pytest.fixture
def incidents(db: None) -> dict[str, Incident]:
    """One of each kind, public and with a held announcement, and what else the lists show."""
    make_page()
    make_subscriber()
    make_component("mail")
    make_group()
    make_alert_rule()
    receive_alerts([ReceivedAlert(labels={"alertname": "Down"})], by=ANYBODY)
    make_token(olga := User.objects.create_superuser("olga"))
    olga.delete()  # the first account is the one that tries
    start = datetime(2030, 1, 1, 20, tzinfo=UTC)
    incident = make_incident(statement=make_statement(notify=True))
    maintenance = make_maintenance(start=start, end=start + timedelta(hours=2))
    make_update(maintenance, Phase.IN_PROGRESS, notify=True)
    maintenance.refresh_from_db()
    return {"incident": incident, "maintenance": maintenance}


def parameters(name: str, wanted: set[str], incidents: dict[str, Incident]) -> dict[str, Any]:
    app, _line, rest = name.partition("_")
    model, _line, page = rest.partition("_")
    incident = incidents.get(model)
    kind = ContentType.objects.get_for_model(Incident).pk
    values: dict[str, Any] = {"app_label": "incidents", "content_type_id": kind, "object_id": 1, "id": 1}
    if incident is not None:
        values |= {"object_id": incident.pk, "incident_id": incident.pk}
    elif wanted & {"object_id", "id"} and app in {"auth", "incidents"}:
        row = apps.get_model(app, model)._default_manager.order_by("pk").first()
        values |= {"object_id": row.pk, "id": row.pk} if row else {}
    if incident is not None and "update_id" in wanted:
        public = incident.updates.filter(published_at__isnull=False).earliest("at")
        values["update_id"] = public.pk if page == "correct" else _draft(incident).pk
    if incident is not None and "announcement_id" in wanted:
        values["announcement_id"] = Announcement.objects.filter(update__incident=incident).latest("pk").pk
    return {name: value for name, value in values.items() if name in wanted}


def _draft(incident: Incident) -> Any:
    statement = make_statement(Phase(incident.phase))
    return operations.post_update(incident=incident, statement=statement, draft=True, by=ANYBODY)


def is_let_in(client: Client, method: str, address: str) -> bool:
    with transaction.atomic():
        response = getattr(client, method)(address)
        transaction.set_rollback(True)
    assert response.status_code < 500
    return bool(response.status_code != 403)


@pytest.mark.parametrize("role", [None, *Role])
def test_role_gets_in_where_it_should_and_nowhere_else(role: Role | None, incidents: dict[str, Incident]) -> None:
    roles.update_groups()
    user = User.objects.create_user("ida", is_staff=True)
    user.groups.set(Group.objects.filter(name=role.group_name if role else ""))
    client = Client()
    client.force_login(user)
    client.get(reverse("admin:index"))  # records the session, which each of the requests below would do again
    wrong = []
    for name, wanted in addresses().items():
        address = reverse(f"admin:{name}", kwargs=parameters(name, wanted, incidents))
        for method, first in zip(("get", "post"), ACCESS.get(name, (READER, READER)), strict=True):
            should = first is not None and role is not None and list(Role).index(role) >= list(Role).index(first)
            if role is None and name not in ACCESS:
                continue  # a member of staff without rights sees the front page and their own account
            if is_let_in(client, method, address) != should:
                wrong.append(f"{name} {method}: should {'be let in' if should else 'be refused'}")
    assert wrong == []


def test_every_address_with_limits_exists() -> None:
    assert set(ACCESS) <= set(addresses())
