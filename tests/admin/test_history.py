"""The audit log is the only log: history pages read it, and Django's own log is neither written nor read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.admin.history import LoggedAdmin
from incidents.models import AuditEntry, Incident
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_page, make_subscriber

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-that-nobody-guesses"


@contextmanager
def without_djangos_log() -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    assert [query["sql"] for query in queries if f'INSERT INTO "{LogEntry._meta.db_table}"' in query["sql"]] == []


def log_methods(admin: ModelAdmin[Any]) -> set[Any]:
    return {getattr(type(admin), name) for name in ("log_addition", "log_change", "log_deletions", "history_view")}


def test_no_admin_writes_or_reads_djangos_log() -> None:
    ours = log_methods(LoggedAdmin(Incident, site))
    assert [admin for admin in site._registry.values() if log_methods(admin) != ours] == []


def test_deeds_are_in_the_audit_log_and_in_no_other(publisher: Client) -> None:
    make_page()
    mail, incident, subscriber = make_component("mail"), make_incident(), make_subscriber()
    set_status = {"action": "set_major_outage", "_selected_action": [mail.pk], "confirmed": "yes"}
    account = {"username": "ole", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    with without_djangos_log():
        publisher.post(reverse("admin:incidents_component_changelist"), set_status)
        ending = {"action": "end_subscription", "_selected_action": subscriber.pk}
        publisher.post(reverse("admin:incidents_subscriber_changelist"), ending)
        save(publisher, reverse("admin:incidents_component_change", args=[mail.pk]), name_en="Post")
        save(publisher, reverse("admin:incidents_incident_details", args=[incident.pk]), title_en="Mail is down")
        publisher.post(reverse("admin:incidents_incident_withdraw", args=[incident.pk]))
        publisher.post(reverse("admin:auth_user_add"), account)
        ole = User.objects.get(username="ole")
        publisher.post(reverse("admin:auth_user_password_change", args=[ole.pk]), account)
        publisher.post(reverse("admin:auth_user_delete", args=[ole.pk]), {"post": "yes"})
        for name in ("Vagten", "Driften"):
            publisher.post(reverse("admin:auth_group_add"), {"name": name})
        first, second = Group.objects.filter(name__in=["Vagten", "Driften"]).order_by("pk")
        publisher.post(reverse("admin:auth_group_delete", args=[first.pk]), {"post": "yes"})
        chosen = {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"}
        publisher.post(reverse("admin:auth_group_changelist"), chosen)
    assert set(AuditEntry.objects.filter(actor_name="karen").values_list("operation", flat=True)) >= {
        "set_component_status", "end_subscription", "edit_component", "edit_incident", "withdraw", "add_account",
        "set_password", "remove_account", "add_account_group", "remove_account_group",
    }  # fmt: skip


def save(client: Client, address: str, **changes: str) -> None:
    context = client.get(address).context
    form = context["adminform"].form if "adminform" in context else context["form"]
    assert client.post(address, {**filled(form), **changes}).status_code == 302


def test_history_of_an_account_and_a_component_have_their_entries(publisher: Client) -> None:
    mail = make_component("mail")
    set_status = {"action": "set_major_outage", "_selected_action": [mail.pk], "confirmed": "yes"}
    publisher.post(reverse("admin:incidents_component_changelist"), set_status)
    page = publisher.get(reverse("admin:incidents_component_history", args=[mail.pk])).content.decode()
    assert "Set the status of the component: Major outage." in page
    assert f"/admin/incidents/auditentry/?q={mail.pk}&amp;object=component" in page
    karen = User.objects.get(username="karen")
    page = publisher.get(reverse("admin:auth_user_history", args=[karen.pk])).content.decode()
    assert "Logged in." in page
    assert "Set the status" not in page


@pytest.mark.parametrize("name", ["auth_user", "incidents_component"])
def test_history_of_an_object_that_does_not_exist_is_not_found(publisher: Client, name: str) -> None:
    assert publisher.get(reverse(f"admin:{name}_history", args=["0"])).status_code == 404
