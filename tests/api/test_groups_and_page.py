"""Programs add, change and delete groups of components, and change the settings of the page."""

from collections.abc import Callable

import pytest

from incidents.models import AuditEntry, Component, ComponentGroup, Page
from tests.factories import make_component, make_group
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]


def test_group_is_added_with_its_components(api: Api) -> None:
    client, mail, web = api("admin"), make_component("mail", group=make_group()), make_component("web")
    given = {
        "description": "Alt med post",
        "component_group": {
            "name": "Post",
            "components": [web.pk, mail.pk],
            "translations": {"en": {"name": "Mail", "description": "All about mail"}},
        },
    }
    answer = client.post("/component-groups", given)
    assert answer.status_code == 201, answer.content
    found = answer.json()
    assert (found["name"], found["description"]) == ("Post", "Alt med post")
    assert set(found["components"]) == {mail.pk, web.pk}
    group = ComponentGroup.objects.get(pk=found["id"])
    assert (group.name["en"], group.description["en"]) == ("Mail", "All about mail")
    assert AuditEntry.objects.filter(operation="add_group", actor_kind="token").count() == 1


def test_components_that_a_change_does_not_name_leave_the_group(api: Api) -> None:
    client, group = api("admin"), make_group()
    mail, web = make_component("mail", group=group), make_component("web")
    hidden = make_component("old", group=group, hidden=True)
    changed = client.patch(f"/component-groups/{group.pk}", {"component_group": {"components": [web.pk]}})
    assert changed.status_code == 200, changed.content
    assert changed.json()["components"] == [web.pk]
    assert set(group.components.values_list("pk", flat=True)) == {web.pk, hidden.pk}
    renamed = client.send("PUT", f"/component-groups/{group.pk}", {"component_group": {"name": "Andet"}}).json()
    assert (renamed["name"], renamed["components"]) == ("Andet", [web.pk])
    mail.refresh_from_db()
    assert mail.group is None


def test_unknown_component_leaves_the_group_as_it_is(api: Api) -> None:
    client, group = api("admin"), make_group()
    mail = make_component("mail", group=group)
    given = {"component_group": {"name": "Andet", "components": ["nothing"]}}
    answer = client.patch(f"/component-groups/{group.pk}", given)
    assert (answer.status_code, answer.json()["error"][0].partition(":")[0]) == (422, "components")
    mail.refresh_from_db()
    assert mail.group == group
    group.refresh_from_db()
    assert group.name["da"] != "Andet"


def test_components_of_a_deleted_group_stay(api: Api) -> None:
    client, group = api("admin"), make_group()
    mail = make_component("mail", group=group)
    answer = client.send("DELETE", f"/component-groups/{group.pk}")
    assert (answer.status_code, answer.json()["components"]) == (200, [mail.pk])
    assert client.get(f"/component-groups/{group.pk}").status_code == 404
    assert Component.objects.get().group is None


def test_settings_of_the_page_are_changed(api: Api) -> None:
    client = api("admin")
    given = {"name": "Ny drift", "time_zone": "UTC", "company": "Os", "translations": {"en": {"name": "New status"}}}
    answer = client.patch("", {"page": given})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["time_zone"]) == ("Ny drift", "UTC")
    page = Page.objects.get()
    assert (page.name["en"], page.company) == ("New status", "Os")
    assert AuditEntry.objects.filter(operation="edit_page").count() == 1


def test_wrong_settings_of_the_page_are_refused(api: Api) -> None:
    answer = api("admin").patch("", {"page": {"time_zone": "Mars/Olympus"}})
    assert answer.status_code == 422
    assert answer.json()["error"][0].startswith("time_zone: ")
