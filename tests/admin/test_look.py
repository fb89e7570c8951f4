"""The frame of the admin's pages: style sheet, navigation, language, and the rights of staff."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from tests.factories import make_component, make_page

USERS = "/admin/auth/user/"
GROUPS = "/admin/auth/group/"


@pytest.mark.django_db
def test_log_in_has_the_pages_colour(client: Client) -> None:
    make_page(brand_colour="#7a1f4e")
    (address,) = re.findall(r'href="(/admin/appearance\.css\?\w+)"', client.get("/admin/login/").content.decode())
    response = client.get(address.replace("&amp;", "&"))
    assert "--brand-light:#7a1f4e" in response.content.decode()
    assert ":root:where([data-theme=dark]) {color-scheme:dark;--paper:#14171a" in response.content.decode()
    assert "immutable" in response.headers["Cache-Control"]


def test_chosen_language_wins_over_the_browsers(publisher: Client) -> None:
    assert 'lang="en"' in publisher.get("/admin/").content.decode()
    response = publisher.post("/i18n/setlang/", {"language": "da", "next": "/admin/"})
    assert response.headers["Location"] == "/admin/"
    assert publisher.cookies["django_language"]["path"] == "/admin/"
    assert '<html lang="da"' in publisher.get("/admin/").content.decode()


def test_names_follow_the_readers_language(publisher: Client) -> None:
    component = make_component(name={"da": "Indgående mail", "en": "Incoming mail"})
    page = publisher.get(f"/admin/incidents/component/{component.pk}/change/").content.decode()
    assert "› Incoming mail" in " ".join(page.split())
    danish = publisher.get(
        f"/admin/incidents/component/{component.pk}/change/", headers={"Accept-Language": "da"}
    ).content.decode()
    assert "› Indgående mail" in " ".join(danish.split())


def test_navigation_marks_the_list_that_is_open(publisher: Client) -> None:
    page = publisher.get("/admin/incidents/component/").content.decode()
    assert re.findall(r'href="([^"]+)" aria-current="page"', page) == ["/admin/incidents/component/"]


def test_viewer_gets_links_only_to_what_they_may_see(viewer: Client) -> None:
    page = viewer.get("/admin/").content.decode()
    assert 'href="/admin/incidents/incident/"' in page
    assert f'href="{USERS}"' not in page


def test_rights_are_boxes_in_the_readers_language(publisher: Client) -> None:
    page = publisher.get(f"{GROUPS}add/", headers={"Accept-Language": "da"}).content.decode()
    assert "Can add" not in page
    kinds = re.findall(r'<span id="id_permissions-\d+">([^<]+)</span>', page)
    assert kinds == sorted(kinds)
    assert {"Hændelser", "Grupper", "Poster i revisionsloggen"} <= set(kinds)


def test_each_right_is_named_once(publisher: Client) -> None:
    page = publisher.get(f"{GROUPS}add/").content.decode()
    labels = re.findall(r'<label for="id_permissions_[^>]*>(.*?)</label>', page, re.DOTALL)
    assert len(labels) == page.count('name="permissions"')
    assert {" ".join(re.sub("<[^>]*>", "", label).split()) for label in labels} >= {"see", "add", "change", "delete"}


def test_rights_of_a_group_are_stored(publisher: Client) -> None:
    rights = Permission.objects.filter(codename__in=["view_incident", "view_component"])
    publisher.post(f"{GROUPS}add/", {"name": "Vagten", "permissions": [right.pk for right in rights]})
    assert set(Group.objects.get(name="Vagten").permissions.all()) == set(rights)


def test_cell_of_a_list_names_its_column(publisher: Client) -> None:
    make_component(name={"da": "Mail", "en": "Mail"})
    page = publisher.get("/admin/incidents/component/").content.decode()
    assert '<td data-label="Status" class="field-badge">' in page


def test_composer_of_a_new_incident_shows_no_snapshot(publisher: Client) -> None:
    page = publisher.get("/admin/incidents/incident/add/").content.decode()
    assert not re.search(r"^\s*\{\}", page, re.MULTILINE)
