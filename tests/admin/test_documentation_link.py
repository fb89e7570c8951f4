"""The newsroom links to the documentation where the operator has put it."""

import re

import pytest
from pytest_django import Settings

from tests.admin.conftest import staff
from tests.factories import make_page

pytestmark = pytest.mark.django_db

ADDRESS = "https://docs.example.com/"


@pytest.mark.parametrize(("language", "text"), [("da", "Dokumentation"), ("en", "Documentation")])
def test_menu_of_staff_links_to_the_documentation(settings: Settings, language: str, text: str) -> None:
    make_page()
    settings.DOCUMENTATION_URL = ADDRESS
    page = staff("reader", "view_incident").get("/admin/", headers={"accept-language": language}).content.decode()
    assert re.findall(rf'<a href="{ADDRESS}">(.*)</a>', page) == [text]


def test_without_an_address_there_is_no_link() -> None:
    make_page()
    assert "Documentation" not in staff("reader", "view_incident").get("/admin/").content.decode()
