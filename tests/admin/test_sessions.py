"""Staff see where they are logged in and end sessions; idle time and changes of the account end them as well."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from incidents.models import AuditEntry, StaffSession
from incidents.scheduler import forget_sessions
from tests.admin.conftest import Browser
from tests.admin.filling import filled
from tests.support.log_ins import FIREFOX, NOON, SAFARI

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

OWN = "/admin/sessions/"


@pytest.fixture
def karen(db: None) -> User:
    return User.objects.create_superuser("karen", password="a password of Karen's")


def browser(user: User, agent: str = FIREFOX, address: str = "192.0.2.17") -> Client:
    """Somebody's browser that has just logged in."""
    client = Browser(REMOTE_ADDR=address, headers={"Accept-Language": "en", "User-Agent": agent})
    client.force_login(user)
    client.get("/admin/")
    return client


def is_logged_in(client: Client) -> bool:
    return "/admin/login/" not in str(client.get("/admin/").redirect_chain)


def the_page(client: Client, address: str = OWN) -> str:
    return " ".join(client.get(address).content.decode().split())


def number_of(agent_name: str) -> int:
    return StaffSession.objects.get(browser=agent_name).pk


def test_page_lists_each_device_and_marks_this_one(karen: User) -> None:
    first = browser(karen)
    browser(karen, SAFARI, "2001:db8:1:2::5")
    page = the_page(first)
    assert "<b>Firefox on Windows</b> · this session" in page
    assert "<b>Safari on macOS</b></p>" in page
    assert f'href="{OWN}"' in the_page(first, "/admin/")


def test_page_shows_networks_and_no_address(karen: User) -> None:
    page = the_page(browser(karen))
    assert "from the network 192.0.2.0/24" in page
    assert "192.0.2.17" not in page
    browser(karen, SAFARI, "2001:db8:1:2::5")
    assert not StaffSession.objects.filter(network__contains="::5").exists()


def test_table_does_not_contain_the_key_of_a_session(karen: User) -> None:
    client = browser(karen)
    values = str(StaffSession.objects.values().get())
    assert client.session.session_key
    assert client.session.session_key not in values


def test_one_session_is_ended(karen: User) -> None:
    first, second, third = browser(karen), browser(karen, SAFARI), browser(karen, "curl/8.5.0")
    answer = first.post(OWN, {"end": number_of("Safari")}, follow=True)
    assert "The session is ended." in answer.content.decode()
    assert [is_logged_in(one) for one in (first, second, third)] == [True, False, True]
    assert "Safari" not in the_page(first)


def test_all_others_are_ended(karen: User) -> None:
    first, second, third = browser(karen), browser(karen, SAFARI), browser(karen, "curl/8.5.0")
    answer = first.post(OWN, {"end": "others"}, follow=True)
    assert "2 sessions are ended." in answer.content.decode()
    assert [is_logged_in(one) for one in (first, second, third)] == [True, False, False]


@pytest.mark.parametrize("end", ["0", "", "٣", "9" * 40, "-1", "others others", "\0"])
def test_nonsense_ends_nothing(karen: User, end: str) -> None:
    first, second = browser(karen), browser(karen, SAFARI)
    assert "was over already" in first.post(OWN, {"end": end}, follow=True).content.decode()
    assert is_logged_in(second)


def test_nobody_ends_sessions_of_others_by_guessing_numbers(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen, SAFARI), browser(ole)
    for session in StaffSession.objects.filter(user=karen):
        oles.post(OWN, {"end": session.pk})
    assert is_logged_in(karens)
    persons = reverse("admin:auth_user_sessions", args=[karen.pk])
    assert oles.get(persons).status_code == 403
    assert oles.post(persons, {"end": "others"}).status_code == 403
    assert is_logged_in(karens)


def test_administrator_ends_all_sessions_of_a_person(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen), browser(ole, SAFARI)
    persons = reverse("admin:auth_user_sessions", args=[ole.pk])
    assert f'href="{persons}"' in the_page(karens, reverse("admin:auth_user_change", args=[ole.pk]))
    assert "Safari on macOS" in the_page(karens, persons)
    assert "Firefox" not in the_page(karens, persons)
    karens.post(persons, {"end": "others"})
    assert (is_logged_in(oles), is_logged_in(karens)) == (False, True)
    assert "ole is not logged in anywhere." in the_page(karens, persons)
    assert karens.get(reverse("admin:auth_user_sessions", args=[0])).status_code == 404


def test_manager_of_accounts_ends_no_session_of_an_account_with_more_rights(karen: User) -> None:
    mia = User.objects.create_user("mia", is_staff=True)
    mia.user_permissions.add(Permission.objects.get(codename="change_user"))
    karens, mias = browser(karen), browser(mia)
    assert mias.post(reverse("admin:auth_user_sessions", args=[karen.pk]), {"end": "others"}).status_code == 403
    assert is_logged_in(karens)


def test_idle_session_ends(karen: User, clock: time_machine.Traveller) -> None:
    client = browser(karen)
    clock.shift(timedelta(minutes=119))
    assert is_logged_in(client)
    clock.shift(timedelta(minutes=120))
    assert not is_logged_in(client)


@pytest.mark.parametrize(
    "address", ["/admin/alarms/", "/admin/publishing/", "/admin/writers/", "/admin/incidents/delivery/overview/?part"]
)
def test_idle_session_ends_although_scripts_poll(karen: User, clock: time_machine.Traveller, address: str) -> None:
    client = browser(karen)
    for _half_hour in range(3):
        clock.shift(timedelta(minutes=30))
        assert client.get(address).redirect_chain == []
    clock.shift(timedelta(minutes=30))
    assert not is_logged_in(client)


@pytest.mark.parametrize(("typed", "stays"), [("yes", True), ("no", False), (None, False)])
def test_typing_counts_as_activity_and_an_open_form_does_not(
    karen: User, clock: time_machine.Traveller, typed: str | None, stays: bool
) -> None:
    client = browser(karen)
    report = {"unsaved": "a" * 32, "path": "/admin/incidents/incident/add/", **({"typed": typed} if typed else {})}
    clock.shift(timedelta(minutes=100))
    assert client.post("/admin/unsaved/keep/", report).status_code == 200
    clock.shift(timedelta(minutes=100))
    assert is_logged_in(client) == stays


def test_idle_end_can_be_switched_off_but_not_the_end_after_twelve_hours(
    karen: User, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.SESSION_IDLE_MINUTES = 0
    client = browser(karen)
    clock.shift(timedelta(hours=11, minutes=59))
    assert is_logged_in(client)
    session = client.session  # whatever writes to the session must not prolong it
    session["something"] = True
    session.save()
    clock.shift(timedelta(minutes=1))
    assert not is_logged_in(client)


def test_new_password_ends_all_other_sessions(karen: User) -> None:
    first, second = browser(karen), browser(karen, SAFARI)
    new = {"new_password1": "another of Karen's", "new_password2": "another of Karen's"}
    first.post("/admin/password_change/", {"old_password": "a password of Karen's", **new})
    assert (is_logged_in(first), is_logged_in(second)) == (True, False)
    page = the_page(first)
    assert "Safari" not in page
    assert page.count("<b>Firefox on Windows</b>") == 1


def test_password_set_by_an_administrator_ends_all_sessions(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen), browser(ole)
    new = {"password1": "a password for Ole", "password2": "a password for Ole", "usable_password": "true"}
    assert karens.post(reverse("admin:auth_user_password_change", args=[ole.pk]), new).status_code == 302
    assert (is_logged_in(oles), is_logged_in(karens)) == (False, True)
    assert "ole is not logged in anywhere." in the_page(karens, reverse("admin:auth_user_sessions", args=[ole.pk]))


def save(client: Client, user: User, **typed: Any) -> None:
    address = reverse("admin:auth_user_change", args=[user.pk])
    form = client.get(address).context["adminform"].form
    left_out = {"groups", "user_permissions", "last_login", "date_joined"}
    given = {name: value for name, value in filled(form).items() if name not in left_out}
    assert client.post(address, {**given, **typed}).status_code == 302


def test_change_of_rights_ends_the_sessions_of_the_person(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen), browser(ole)
    save(karens, ole, first_name="Ole")
    assert is_logged_in(oles)
    save(karens, ole, user_permissions=[Permission.objects.get(codename="view_incident").pk])
    assert (is_logged_in(oles), is_logged_in(karens)) == (False, True)


def test_deactivated_account_is_logged_out_everywhere(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen), browser(ole)
    address = reverse("admin:auth_user_change", args=[ole.pk])
    form = filled(karens.get(address).context["adminform"].form)
    wanted = {name: form[name] for name in ("username", "is_staff") if name in form}
    assert karens.post(address, wanted).status_code == 302
    assert (is_logged_in(oles), is_logged_in(karens)) == (False, True)
    assert "ole is not logged in anywhere." in the_page(karens, reverse("admin:auth_user_sessions", args=[ole.pk]))


def test_each_log_in_has_a_key_of_its_own_and_log_out_ends_it(karen: User, settings: Settings) -> None:
    client = browser(karen)
    first = client.session.session_key or ""
    client.post("/admin/logout/")
    client.force_login(karen)
    assert client.session.session_key != first
    assert len(first) >= 32  # of 36 characters: more than 128 bits
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = first
    assert thief.get("/admin/").status_code == 302


def test_change_of_own_rights_ends_the_other_sessions(karen: User) -> None:
    first, second = browser(karen), browser(karen, SAFARI)
    save(first, karen, user_permissions=[Permission.objects.get(codename="view_incident").pk])
    assert (is_logged_in(first), is_logged_in(second)) == (True, False)


@pytest.fixture
def editors(db: None) -> Group:
    return Group.objects.create(name="Editors")


def save_group(client: Client, group: Group, **typed: Any) -> str:
    address = reverse("admin:auth_group_change", args=[group.pk])
    rights = list(group.permissions.values_list("pk", flat=True))
    return client.post(address, {"name": group.name, "permissions": rights, **typed}, follow=True).content.decode()


def test_change_of_a_groups_rights_ends_the_sessions_of_its_members(karen: User, editors: Group) -> None:
    ole, mia = (User.objects.create_user(name, is_staff=True) for name in ("ole", "mia"))
    editors.user_set.set([karen, ole])
    first, second, oles, mias = browser(karen), browser(karen, SAFARI), browser(ole), browser(mia)
    page = save_group(first, editors, name="Vagten")
    assert "ended" not in page
    editors.refresh_from_db()
    page = save_group(first, editors, permissions=[Permission.objects.get(codename="view_incident").pk])
    assert "2 sessions are ended." in page
    assert [is_logged_in(one) for one in (first, second, oles, mias)] == [True, False, False, True]
    entry = AuditEntry.objects.filter(operation="edit_account_group").latest("pk")
    assert entry.after == {"permissions": ["view_incident"], "sessions_ended": 2}


@pytest.mark.parametrize("from_the_list", [True, False])
def test_deleted_group_ends_the_sessions_of_its_members(karen: User, editors: Group, from_the_list: bool) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    editors.user_set.set([karen, ole])
    karens, oles = browser(karen), browser(ole)
    address = reverse("admin:auth_group_changelist" if from_the_list else "admin:auth_group_delete",
                      args=[] if from_the_list else [editors.pk])  # fmt: skip
    chosen = {"action": "delete_selected", "_selected_action": [editors.pk], "post": "yes"}
    assert "1 session is ended." in karens.post(address, chosen, follow=True).content.decode()
    assert (is_logged_in(karens), is_logged_in(oles)) == (True, False)
    assert AuditEntry.objects.get(operation="remove_account_group").after == {"sessions_ended": 1}


def test_new_member_of_a_group_logs_in_again(karen: User, editors: Group) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    karens, oles = browser(karen), browser(ole)
    save(karens, ole, groups=[editors.pk])
    assert (is_logged_in(karens), is_logged_in(oles)) == (True, False)
    assert AuditEntry.objects.get(operation="edit_account").after == {"groups": ["Editors"], "sessions_ended": 1}


def test_page_costs_one_query_for_the_session(karen: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = browser(karen)
    with django_assert_num_queries(14) as first:
        client.get(OWN)
    assert len([one for one in first.captured_queries if "staffsession" in one["sql"]]) == 2  # this one, and the list
    for number in range(5):
        browser(karen, SAFARI, f"198.51.{number}.1")
    with django_assert_num_queries(14):
        client.get(OWN)


def test_use_is_written_at_most_once_a_minute(karen: User, clock: time_machine.Traveller) -> None:
    client = browser(karen)
    for _second in range(60):
        clock.shift(timedelta(seconds=1))
        client.get("/admin/alarms/")
        client.get(OWN)
    assert StaffSession.objects.get().last_seen_at == NOON + timedelta(seconds=60)
    clock.shift(timedelta(seconds=59))
    client.get(OWN)
    assert StaffSession.objects.get().last_seen_at == NOON + timedelta(seconds=60)


def test_public_pages_touch_no_session(karen: User) -> None:
    client = browser(karen)
    StaffSession.objects.all().delete()
    answer = client.get("/en/subscription/")
    assert not answer.cookies
    assert not StaffSession.objects.exists()


def test_scheduler_deletes_expired_sessions_and_later_what_is_remembered(
    karen: User, clock: time_machine.Traveller
) -> None:
    browser(karen)
    clock.shift(timedelta(hours=13))
    forget_sessions()
    assert (Session.objects.count(), StaffSession.objects.count()) == (0, 1)
    clock.shift(timedelta(days=90))
    forget_sessions()
    assert not StaffSession.objects.exists()
