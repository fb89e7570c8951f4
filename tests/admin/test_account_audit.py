"""The audit log has what concerns people: log-ins, accounts, groups, passwords and exports."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from incidents.models import AuditEntry
from incidents.staff import audit, roles
from incidents.staff.roles import Role
from tests.admin.filling import filled
from tests.factories import make_page, make_subscriber

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-that-nobody-guesses"
LOG_IN = {"username": "karen", "password": PASSWORD}


@pytest.fixture
def karen(db: None) -> User:
    make_page()
    return get_user_model().objects.create_superuser("karen", password=PASSWORD)


@pytest.fixture
def client(karen: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.post(reverse("admin:login"), LOG_IN)
    client.get(reverse("admin:index"))
    return client


def entry(operation: str) -> AuditEntry:
    return AuditEntry.objects.get(operation=operation)


def save(client: Client, address: str, **changes: object) -> None:
    form = filled(client.get(address).context["adminform"].form)
    names = {"username", "is_active", "is_staff", "is_superuser", "email"}
    assert client.post(address, {**{name: form[name] for name in names & set(form)}, **changes}).status_code == 302


def test_log_in_is_one_entry_with_the_network(client: Client) -> None:
    client.get(reverse("admin:index"))
    found = entry("log_in")
    assert (found.actor_name, found.kind, found.network) == ("karen", "user", "127.0.0.0/24")


def test_wrong_password_is_an_entry_about_the_account(karen: User) -> None:
    Client().post(reverse("admin:login"), {**LOG_IN, "password": "wrong"})
    found = entry("fail_log_in")
    assert (found.actor_name, found.object_id) == ("karen", str(karen.pk))


def test_name_that_nobody_has_is_not_stored_because_it_may_be_a_password(karen: User) -> None:
    Client().post(reverse("admin:login"), {"username": PASSWORD, "password": "karen"})
    found = entry("fail_log_in")
    assert PASSWORD not in "".join(audit.lines(AuditEntry.objects.all()))
    assert (found.actor_name, found.kind) == ("?", "")


def test_change_of_an_account_says_from_which_rights_to_which(client: Client) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    right = Permission.objects.get(codename="publish_incident")
    save(client, reverse("admin:auth_user_change", args=[ole.pk]), user_permissions=[right.pk], email="ole@example.dk")
    found = entry("edit_account")
    assert (found.shown_name, found.after) == ("ole", {"user_permissions": ["publish_incident"]})
    assert "ole@example.dk" not in "".join(audit.lines(AuditEntry.objects.all()))


def test_new_and_removed_account_and_its_password_are_entries(client: Client) -> None:
    given = {"username": "ole", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_add"), given).status_code == 302
    ole = User.objects.get(username="ole")
    assert entry("add_account").object_id == str(ole.pk)
    address = reverse("admin:auth_user_password_change", args=[ole.pk])
    new = {"password1": PASSWORD[::-1], "password2": PASSWORD[::-1], "usable_password": "true"}
    assert client.post(address, new).status_code == 302
    assert entry("set_password").shown_name == "ole"
    client.post(reverse("admin:auth_user_delete", args=[ole.pk]), {"post": "yes"})
    assert entry("remove_account").shown_name == "ole"
    assert PASSWORD[::-1] not in "".join(audit.lines(AuditEntry.objects.all()))


def test_groups_are_entries(client: Client) -> None:
    right = Permission.objects.get(codename="view_incident")
    client.post(reverse("admin:auth_group_add"), {"name": "Vagten", "permissions": [right.pk]})
    group = Group.objects.get(name="Vagten")
    assert entry("add_account_group").after == {"name": "Vagten", "permissions": ["view_incident"]}
    client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Vagten", "permissions": []})
    assert entry("edit_account_group").before == {"permissions": ["view_incident"]}
    client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})
    assert entry("remove_account_group").shown_name == "Vagten"


def test_groups_deleted_from_the_list_are_entries_and_roles_stay(client: Client) -> None:
    roles.update_groups()
    own, role = Group.objects.create(name="Vagten"), Group.objects.get(name=Role.READER.group_name)
    for group in (role, own):
        chosen = {"action": "delete_selected", "_selected_action": [str(group.pk)], "post": "yes"}
        client.post(reverse("admin:auth_group_changelist"), chosen)
    assert list(Group.objects.filter(pk__in=[own.pk, role.pk])) == [role]
    assert entry("remove_account_group").shown_name == "Vagten"


def test_export_is_an_entry_with_the_number_and_no_address(client: Client) -> None:
    make_subscriber("anna@example.dk")
    client.post(reverse("admin:incidents_subscriber_export"))
    found = entry("export_subscribers")
    assert (found.actor_name, found.after["number"], found.network) == ("karen", 1, "127.0.0.0/24")
    assert "anna" not in "".join(audit.lines(AuditEntry.objects.all()))
