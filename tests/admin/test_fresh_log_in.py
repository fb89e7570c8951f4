"""What matters most needs a password from the last fifteen minutes; nothing that was sent is lost."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from incidents.models import AuditEntry, Page, StaffSession
from tests.admin.conftest import Browser, staff
from tests.factories import make_page, make_subscriber
from tests.support.log_ins import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PASSWORD = "a password of Karen's"
GROUPS = "/admin/auth/group/"
EXPORT = "/admin/incidents/subscriber/export/"
ASKED = "Confirm that it is you"


@pytest.fixture
def karen(clock: time_machine.Traveller) -> Client:
    """Has logged in fifteen minutes ago."""
    client = Browser(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("karen", password=PASSWORD))
    client.get("/admin/")
    clock.shift(timedelta(minutes=15))
    return client


def is_asked(client: Client, address: str) -> bool:
    return ASKED in client.get(address).content.decode()


def hidden(page: str) -> dict[str, str]:
    form = page.split('class="composer"')[1]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return {name: unescape(value) for name, value in fields.items()}


def confirm(client: Client, address: str, page: str, password: str = PASSWORD) -> str:
    """What is shown after the password is typed into a page that asks for it."""
    answer = client.post(address, {**hidden(page), "confirm-password": password}, follow=True)
    return answer.content.decode()


def guarded() -> list[str]:
    page = make_page()
    person = User.objects.create_user("ole", is_staff=True)
    return [
        reverse("admin:auth_user_add"),
        *(reverse(f"admin:auth_user_{step}", args=[person.pk]) for step in ("change", "delete", "password_change")),
        reverse("admin:auth_group_add"),
        reverse("admin:auth_group_change", args=[Group.objects.create(name="Editors").pk]),
        reverse("admin:incidents_page_change", args=[page.pk]),
        EXPORT,
    ]


def test_what_matters_most_asks_for_the_password(karen: Client) -> None:
    assert [address for address in guarded() if not is_asked(karen, address)] == []


def test_other_pages_do_not_ask(karen: Client) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    others = ["/admin/", "/admin/auth/user/", GROUPS, "/admin/incidents/incident/add/", "/admin/sessions/"]
    others.append(reverse("admin:auth_user_sessions", args=[ole.pk]))
    assert [address for address in others if is_asked(karen, address)] == []


def test_recent_log_in_is_enough(clock: time_machine.Traveller) -> None:
    client = Browser(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("karen", password=PASSWORD))
    client.get("/admin/")
    clock.shift(timedelta(minutes=14, seconds=59))
    assert not is_asked(client, f"{GROUPS}add/")


def test_right_password_opens_the_page_for_fifteen_minutes(karen: Client, clock: time_machine.Traveller) -> None:
    address = f"{GROUPS}add/?_changelist_filters=q%3Da"
    page = karen.get(address).content.decode()
    answer = karen.post(address, {**hidden(page), "confirm-password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, address)
    clock.shift(timedelta(minutes=14))
    assert not is_asked(karen, address)
    clock.shift(timedelta(minutes=1))
    assert is_asked(karen, address)


def test_confirmed_session_gets_a_new_key_and_a_stolen_one_ends(karen: Client) -> None:
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = karen.session.session_key or ""
    assert thief.get("/admin/").status_code == 200
    confirm(karen, f"{GROUPS}add/", karen.get(f"{GROUPS}add/").content.decode())
    assert not is_asked(karen, f"{GROUPS}add/")
    assert StaffSession.objects.count() == 1
    assert thief.get("/admin/").status_code == 302


def test_form_that_is_sent_too_late_is_not_lost(karen: Client) -> None:
    rights = list(Permission.objects.filter(codename__in=["view_incident", "view_component"]))
    typed = {"name": 'Editors "A" & <b>', "permissions": [one.pk for one in rights]}
    page = karen.post(f"{GROUPS}add/", typed).content.decode()
    assert ASKED in page
    assert not Group.objects.exclude(name__startswith="role:").exists()
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.split('class="composer"')[1])
    again: dict[str, list[str]] = {}
    for name, value in fields:
        again.setdefault(name, []).append(unescape(value))
    assert karen.post(f"{GROUPS}add/", {**again, "confirm-password": PASSWORD}).status_code == 302
    group = Group.objects.exclude(name__startswith="role:").get()
    assert group.name == 'Editors "A" & <b>'
    assert set(group.permissions.all()) == set(rights)


def test_wrong_password_saves_nothing_and_keeps_the_form(karen: Client) -> None:
    page = karen.post(f"{GROUPS}add/", {"name": "Editors"}).content.decode()
    page = confirm(karen, f"{GROUPS}add/", page, "wrong")
    assert "This is not your password." in page
    assert not Group.objects.exclude(name__startswith="role:").exists()
    confirm(karen, f"{GROUPS}add/", page)
    assert Group.objects.exclude(name__startswith="role:").get().name == "Editors"


def test_password_is_not_guessed_there(karen: Client) -> None:
    page = karen.get(f"{GROUPS}add/").content.decode()
    for _guess in range(5):
        assert "This is not your password." in confirm(karen, f"{GROUPS}add/", page, "guess")
    assert "Too many wrong passwords." in confirm(karen, f"{GROUPS}add/", page)
    assert is_asked(karen, f"{GROUPS}add/")


def test_posted_passwords_are_not_repeated_in_the_page(karen: Client) -> None:
    page = karen.post("/admin/auth/user/add/", {"username": "ole", "password1": "secret-of-ole", "password2": "x"})
    assert "secret-of-ole" not in page.content.decode()
    assert 'value="ole"' in page.content.decode()


def test_action_of_a_list_asks_too(karen: Client) -> None:
    group = Group.objects.create(name="Editors")
    chosen = {"action": "delete_selected", "_selected_action": [str(group.pk)], "post": "yes"}
    page = karen.post(GROUPS, chosen).content.decode()
    assert Group.objects.exclude(name__startswith="role:").exists()
    confirm(karen, GROUPS, page)
    assert not Group.objects.exclude(name__startswith="role:").exists()


def test_export_that_is_asked_for_too_late_comes_with_the_password(karen: Client) -> None:
    make_subscriber("anna@example.dk")
    page = karen.post(EXPORT).content.decode()
    assert "This is not your password." in confirm(karen, EXPORT, page, "wrong")
    assert not AuditEntry.objects.filter(operation="export_subscribers").exists()
    answer = karen.post(EXPORT, {**hidden(page), "confirm-password": PASSWORD})
    assert "anna@example.dk" in b"".join(answer).decode()


def test_confirmation_counts_for_this_session_only(karen: Client) -> None:
    other = Browser(headers={"Accept-Language": "en"})
    other.force_login(User.objects.get(username="karen"))
    with time_machine.travel(NOON, tick=False):
        other.get("/admin/")
    confirm(karen, f"{GROUPS}add/", karen.get(f"{GROUPS}add/").content.decode())
    assert not is_asked(karen, f"{GROUPS}add/")
    assert is_asked(other, f"{GROUPS}add/")


def test_second_tab_that_asked_goes_on_after_the_first(karen: Client) -> None:
    page = karen.get(f"{GROUPS}add/").content.decode()
    confirm(karen, f"{GROUPS}add/", page)
    answer = karen.post(f"{GROUPS}add/", {**hidden(page), "confirm-password": "anything"})
    assert answer.status_code == 302
    assert not Group.objects.exclude(name__startswith="role:").exists()


def test_who_may_only_look_is_not_asked(clock: time_machine.Traveller) -> None:
    page = make_page()
    viewer = staff("viggo", "view_page")
    viewer.get("/admin/")
    clock.shift(timedelta(minutes=20))
    assert not is_asked(viewer, reverse("admin:incidents_page_change", args=[page.pk]))
    assert Page.objects.count() == 1
