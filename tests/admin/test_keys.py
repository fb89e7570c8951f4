"""The keys that each page offers, by the user's rights."""

import re

import pytest
from django.test import Client

from tests.admin.conftest import staff
from tests.factories import make_incident, make_page

pytestmark = pytest.mark.django_db

NEW, SEARCH = ("n", "/admin/incidents/incident/add/"), ("/", "/admin/incidents/incident/#searchbar")
LOOK, WRITE = ("view_incident",), ("view_incident", "change_incident", "add_incident")


def keys(client: Client, address: str) -> list[tuple[str, str]]:
    """The keys of a page with the address of their links, in the order of the page."""
    links = re.findall(r"<a\b[^>]*data-key[^>]*>", client.get(address).content.decode())
    return [(re.findall('data-key="(.)"', link)[0], re.findall('href="([^"]*)"', link)[0]) for link in links]


def test_front_page_offers_the_keys_that_the_rights_allow() -> None:
    make_page()
    update = ("u", f"/admin/incidents/incident/{make_incident().pk}/update/")
    assert keys(staff("writer", *WRITE), "/admin/") == [NEW, update, NEW, SEARCH]
    assert keys(staff("reader", *LOOK), "/admin/") == [SEARCH]
    assert keys(staff("technician", "view_component"), "/admin/") == []


def test_update_key_of_an_incident_opens_its_composer() -> None:
    page = f"/admin/incidents/incident/{make_incident().pk}"
    assert keys(staff("writer", *WRITE), f"{page}/change/") == [("u", f"{page}/update/"), NEW, SEARCH]
    assert keys(staff("reader", *LOOK), f"{page}/change/") == [SEARCH]
