"""Staff accounts: nobody gives rights that they lack, and the last administrator stays."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from incidents.staff import roles
from tests.admin.conftest import staff
from tests.admin.filling import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("karen", password="a password of Karen's")


@pytest.fixture
def manager(administrator: User) -> Client:
    """May change staff accounts and groups, and incidents; nothing else."""
    client = staff("mia", "view_incident", "change_incident")
    rights = Permission.objects.filter(content_type__app_label="auth", content_type__model__in=["user", "group"])
    User.objects.get(username="mia").user_permissions.add(*rights)
    return client


def right(codename: str) -> Permission:
    return Permission.objects.get(codename=codename, content_type__app_label="incidents")


def account(client: Client, user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def save(client: Client, user: User, **typed: Any) -> Any:
    """Change what the form offers, and whatever a hostile user adds."""
    page = client.get(account(client, user))
    form = page.context["adminform"].form
    given = {name: value for name, value in filled(form).items() if name not in {"groups", "user_permissions"}}
    for name in ("last_login", "date_joined"):
        given.pop(name, None)
    return client.post(account(client, user), {**given, **typed})


def test_manager_of_accounts_does_not_make_herself_superuser(manager: Client) -> None:
    mia = User.objects.get(username="mia")
    save(manager, mia, is_superuser="on")
    mia.refresh_from_db()
    assert not mia.is_superuser


def test_manager_gives_her_own_rights_and_no_others(manager: Client) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    assert save(manager, ole, user_permissions=[right("change_incident").pk]).status_code == 302
    assert {one.codename for one in ole.user_permissions.all()} == {"change_incident"}
    refused = save(manager, ole, user_permissions=[right("view_subscriber").pk])
    assert refused.status_code == 200
    assert {one.codename for one in ole.user_permissions.all()} == {"change_incident"}


def test_manager_adds_nobody_to_a_group_with_more_rights(manager: Client) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    more, fewer = Group.objects.create(name="More"), Group.objects.create(name="Fewer")
    more.permissions.add(right("view_subscriber"))
    fewer.permissions.add(right("change_incident"))
    page = manager.get(account(manager, ole)).content.decode()
    assert "Fewer" in page
    assert "More" not in page.split('id="id_groups"')[1].split("</div>\n</div>")[0]
    assert save(manager, ole, groups=[more.pk]).status_code == 200
    assert save(manager, ole, groups=[fewer.pk]).status_code == 302
    assert list(ole.groups.all()) == [fewer]


@pytest.mark.parametrize("is_active", [True, False])
def test_account_with_more_rights_is_out_of_reach(manager: Client, administrator: User, is_active: bool) -> None:
    eva = User.objects.create_user("eva", is_staff=True, is_active=is_active)
    eva.user_permissions.add(right("view_subscriber"))
    for user in (administrator, eva):
        password = user.password
        assert manager.post(account(manager, user), {"username": user.username}).status_code == 403
        assert manager.get(reverse("admin:auth_user_password_change", args=[user.pk])).status_code == 403
        assert manager.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403
        user.refresh_from_db()
        assert user.password == password


def test_group_with_more_rights_is_out_of_reach(manager: Client) -> None:
    group = Group.objects.create(name="More")
    group.permissions.add(right("view_subscriber"))
    address = reverse("admin:auth_group_change", args=[group.pk])
    assert manager.post(address, {"name": "Fewer"}).status_code == 403
    assert manager.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    added = manager.post(reverse("admin:auth_group_add"), {"name": "New", "permissions": [right("view_subscriber").pk]})
    assert added.status_code == 200
    assert list(Group.objects.exclude(name__startswith="role:")) == [group]


@pytest.mark.parametrize("lost", ["is_superuser", "is_active", "is_staff"])
def test_last_administrator_stays_one(administrator: User, lost: str) -> None:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(administrator)
    form = filled(client.get(account(client, administrator), follow=True).context["adminform"].form)
    given = {
        name: value for name, value in form.items() if name in {"username", "is_active", "is_staff", "is_superuser"}
    }
    del given[lost]
    refused = client.post(account(client, administrator), given)
    assert "This is the last account that may do everything." in refused.content.decode()
    assert client.post(reverse("admin:auth_user_delete", args=[administrator.pk]), {"post": "yes"}).status_code == 403
    User.objects.create_superuser("eva")
    assert client.post(account(client, administrator), given).status_code == 302


def test_administrators_are_not_deleted_together(administrator: User) -> None:
    client = Client()
    client.force_login(administrator)
    eva = User.objects.create_superuser("eva")
    chosen = {"action": "delete_selected", "_selected_action": [administrator.pk, eva.pk], "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), chosen)
    assert User.objects.filter(is_superuser=True).count() == 2


def offered(client: Client, address: str, name: str) -> set[str]:
    return {one.codename for one in client.get(address).context["adminform"].form.fields[name].queryset}


def test_only_rights_that_the_newsroom_uses_are_offered(administrator: User, client: Client) -> None:
    client.force_login(administrator)
    used = {right.partition(".")[2] for right in roles.rights_of(roles.Role.ADMINISTRATOR)}
    assert offered(client, reverse("admin:auth_group_add"), "permissions") == used
    assert offered(client, account(client, administrator), "user_permissions") == used


def test_other_rights_that_are_stored_stay(administrator: User, client: Client) -> None:
    client.force_login(administrator)
    group, ole = Group.objects.create(name="Vagten"), User.objects.create_user("ole", is_staff=True)
    other = Permission.objects.get(codename="view_session")
    group.permissions.add(other)
    ole.user_permissions.add(other)
    save(client, ole, first_name="Ole", user_permissions=[other.pk])
    address = reverse("admin:auth_group_change", args=[group.pk])
    assert client.post(address, {"name": "Nu", "permissions": [other.pk]}).status_code == 302
    assert list(ole.user_permissions.all()) == list(group.permissions.all()) == [other]
    refused = client.post(reverse("admin:auth_group_add"), {"name": "Driften", "permissions": [other.pk]})
    assert set(refused.context["adminform"].form.errors) == {"permissions"}
