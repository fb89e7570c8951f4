"""The page's own form: its colour, its logo and its links."""

import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, TestCase
from django.urls import reverse

from incidents.models import Logo, Page
from incidents.publishing.store.public_store import PublicStore
from incidents.text import Text
from tests.admin.filling import filled
from tests.factories import make_page
from tests.test_images import JPEG, PNG

pytestmark = pytest.mark.django_db

TYPED = {
    "name_da": "Nordhost drift",
    "name_en": "Nordhost status",
    "time_zone": "Europe/Copenhagen",
    "brand_colour": "#1f4e79",
}


@pytest.fixture
def page(public_store: Path) -> Page:
    return make_page()


def save(client: Client, page: Page, **typed: object) -> str:
    """The form as it comes back, empty where it was accepted."""
    address = reverse("admin:incidents_page_change", args=[page.pk])
    opened = client.get(address).context["adminform"].form["opened"].value()
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = client.post(address, {**TYPED, "opened": opened, **typed})
    return answer.content.decode()


def home(language: str = "da") -> str:
    return (PublicStore().read(f"/{language}/") or b"").decode()


def file(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("logo.png", content)


def test_logo_is_published_and_stands_before_the_name(publisher: Client, page: Page) -> None:
    assert save(publisher, page, logo_file=file(PNG), logo_text_da="Nordhost", logo_text_en="Nordhost") == ""
    (src,) = re.findall(
        r'<img class="masthead-logo" src="(/assets/logo-[0-9a-f]{12}\.png)" width="120"\s+height="40"', home()
    )
    assert PublicStore().read(src) == PNG
    assert 'alt="Nordhost"' in home()
    save(publisher, page, logo_file=file(JPEG))
    assert "/assets/logo-" in home()
    assert src not in home()
    assert Logo.objects.count() == 1
    save(publisher, page, remove_logo="on")
    assert "<img" not in home()
    assert Logo.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Choose a PNG, WebP or JPEG"),
        (PNG + bytes(100 * 1024), "at most 100 kB"),
        (PNG.replace(b"\0\0\0\x78", b"\0\0\x78\x78"), "at most 2000 pixels"),
    ],
)
def test_file_that_will_not_do_is_refused_and_the_rest_is_kept(
    publisher: Client, page: Page, content: bytes, why: str
) -> None:
    html = save(publisher, page, logo_file=file(content), company="Typed ApS")
    assert why in html
    assert "Typed ApS" in html
    assert not Logo.objects.exists()


def test_logo_that_somebody_else_changed_is_not_replaced_unseen(publisher: Client, page: Page) -> None:
    save(publisher, page, logo_file=file(PNG))
    address = reverse("admin:incidents_page_change", args=[page.pk])
    opened = filled(publisher.get(address).context["adminform"].form)
    save(publisher, page, logo_file=file(JPEG))
    theirs = Logo.objects.get().key
    del opened["logo_file"]
    answer = publisher.post(address, {**opened, "logo_file": file(PNG)})
    assert answer.status_code == 200
    assert Logo.objects.get().key == theirs
    html = answer.content.decode()
    assert "To replace theirs, choose your file again." in html
    assert theirs in html
    form = filled(answer.context["adminform"].form)
    del form["logo_file"]
    assert publisher.post(address, {**form, "logo_file": file(PNG)}).status_code == 302
    assert Logo.objects.get().key != theirs


def test_form_that_is_shown_again_says_that_its_file_is_gone(publisher: Client, page: Page) -> None:
    html = save(publisher, page, logo_file=file(PNG), name_da="", name_en="")
    assert "Choose the file again: a browser does not keep it." in html
    assert not Logo.objects.exists()


def test_links_are_shown_in_the_readers_language(publisher: Client, page: Page) -> None:
    typed = {"link_1_label_da": "Hjælp", "link_1_label_en": "Help", "link_1_address": "https://help.example.com/"}
    save(publisher, page, **typed, link_3_label_da="Handelsbetingelser", link_3_address="terms.example.com")
    assert '<a href="https://help.example.com/" rel="noopener">Hjælp</a>' in home("da")
    assert '<a href="https://help.example.com/" rel="noopener">Help</a>' in home("en")
    assert '<a href="https://terms.example.com" rel="noopener" lang="da">Handelsbetingelser</a>' in home("en")
    page.refresh_from_db()
    assert [link["label"] for link in page.web_links] == [Text(da="Hjælp", en="Help"), Text(da="Handelsbetingelser")]


@pytest.mark.parametrize(
    "typed",
    [
        {"link_1_label_da": "Hjælp"},
        {"link_1_address": "https://help.example.com/"},
        {"link_1_label_da": "Hjælp", "link_1_address": "javascript:alert(1)"},
    ],
)
def test_half_a_link_or_a_dangerous_one_is_refused(publisher: Client, page: Page, typed: dict[str, str]) -> None:
    html = save(publisher, page, **typed)
    assert 'class="errorlist"' in html
    page.refresh_from_db()
    assert page.links == []


def test_who_may_only_look_sees_the_page_without_the_boxes(viewer: Client, page: Page) -> None:
    answer = viewer.get(reverse("admin:incidents_page_change", args=[page.pk]))
    assert answer.status_code == 200
    assert "Nordhost driftsstatus" in answer.content.decode()
