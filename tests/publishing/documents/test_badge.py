"""The badge, and the page that offers badge and banner for other sites."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
import time_machine
from django.utils import timezone, translation

from incidents.appearance import APPEARANCES
from incidents.models import Page
from incidents.publishing.documents.badge import BACKGROUND, Badge, badge_svg
from incidents.publishing.documents.base import Document, Edition, Subjects
from incidents.publishing.documents.brand_colour import READABLE, contrast
from incidents.publishing.documents.follow import FollowPage
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.factories import make_component, make_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        make_page()
        yield


def rendered(document: Document, language: str = "en") -> str:
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        content = document.render("", Edition(Page.objects.current(), language))
    assert isinstance(content, str)
    return content


def badge(language: str) -> ElementTree.Element:
    return ElementTree.fromstring(rendered(Badge(per_language=True), language))


def touched(document: Document, *names: str) -> list[str]:
    return list(document.touched(Subjects(frozenset(names))))


class TestBadge:
    @pytest.mark.parametrize(
        ("language", "title", "sentence"),
        [
            ("da", "Driftsstatus: Delvist nedbrud", "Nordhost driftsstatus: Nogle systemer har nedbrud"),
            ("en", "Status: Partial outage", "Nordhost status: Some systems have an outage"),
        ],
    )
    def test_shows_the_worst_state_also_to_screen_readers(self, language: str, title: str, sentence: str) -> None:
        for status in (ComponentStatus.DEGRADED_PERFORMANCE, ComponentStatus.PARTIAL_OUTAGE):
            make_component(status=status)
        make_component(status=ComponentStatus.MAJOR_OUTAGE, hidden=True)
        svg = badge(language)
        assert (svg.get("role"), svg.get("aria-labelledby"), svg.get(LANG)) == ("img", "title desc", language)
        assert [(part.tag, part.get("id"), part.text) for part in list(svg)[:2]] == [
            (f"{SVG}title", "title", title),
            (f"{SVG}desc", "desc", sentence),
        ]
        assert [part.text for part in svg.iter(f"{SVG}text")] == title.split(": ")

    def test_every_state_has_its_word_shape_and_a_legible_colour(self) -> None:
        drawings = {state: badge_svg(state, "Nordhost", "en") for state in ComponentStatus}
        for state, drawing in drawings.items():
            assert APPEARANCES[state].path in drawing
            assert APPEARANCES[state].light in drawing
            assert contrast("#ffffff", APPEARANCES[state].light) >= READABLE
        assert len({APPEARANCES[state].light for state in drawings}) == len(drawings)
        assert contrast("#ffffff", BACKGROUND) >= READABLE

    def test_loads_nothing_and_has_no_style(self) -> None:
        drawing = rendered(Badge(per_language=True))
        assert not re.search(r"href|url\(|@import|<style|style=|<script|font-face", drawing)

    def test_texts_fit_with_any_font(self) -> None:
        for state in ComponentStatus:
            with translation.override("da"):
                svg = ElementTree.fromstring(badge_svg(state, "Nordhost", "da"))
            label, word = svg.iter(f"{SVG}text")
            ends = [float(text.get("x", "")) + float(text.get("textLength", "")) for text in (label, word)]
            assert ends[1] + 8 == float(svg.get("width", ""))
            assert ends[0] < float(word.get("x", "")) - 12

    def test_name_of_the_page_is_escaped(self) -> None:
        Page.objects.update(name=Text(en="A & <b>\x0b"))
        assert badge("en").findtext(f"{SVG}desc") == "A & <b>: No systems are listed yet"

    @pytest.mark.parametrize(("language", "word"), [("da", "Ukendt"), ("en", "Unknown")])
    def test_without_systems_claims_nothing(self, language: str, word: str) -> None:
        assert [part.text for part in badge(language).iter(f"{SVG}text")][1] == word
        make_component()
        assert [part.text for part in badge(language).iter(f"{SVG}text")][1] in ("I drift", "Operational")

    def test_address_without_a_language_has_the_default_language(self) -> None:
        assert Badge(per_language=False).path("", "da") == "/badge.svg"
        assert not Badge(per_language=False).per_language

    def test_is_touched_by_incidents_and_components_but_not_by_a_new_day(self) -> None:
        assert touched(Badge(per_language=True), "component:abcdefabcdef") == [""]
        assert touched(Badge(per_language=True), "incident:abcdefabcdef") == [""]
        assert touched(Badge(per_language=True), "day") == []


class TestFollowPage:
    @pytest.mark.parametrize("language", ["da", "en"])
    def test_lists_every_way_to_follow_in_the_readers_language(self, language: str) -> None:
        make_component("mail")
        make_component("secret", hidden=True)
        page = rendered(FollowPage(), language)
        base = f"https://status.example.dk/{language}"
        for address in (f"{base}/feed.atom", f"{base}/feed.rss", f"{base}/feed.json", f"{base}/maintenance.ics"):
            assert f">{address}</a>" in page
        for kind in ("atom", "rss", "json"):
            assert f'href="/{language}/components/mail/feed.{kind}"' in page
        assert f'href="webcal://status.example.dk/{language}/maintenance.ics"' in page
        assert f'href="/{language}/subscribe/"' in page
        assert f'href="/{language}/api/v2/summary.json">{base}/api/v2/summary.json</a>' in page
        assert "secret" not in page

    def test_snippets_can_be_copied_unchanged(self) -> None:
        Page.objects.update(name=Text(en='“Nord” & "host"'))
        badge, banner = re.findall(r"<pre><code>(.*?)</code></pre>", rendered(FollowPage()), re.DOTALL)
        assert html.unescape(badge) == (
            '<a href="https://status.example.dk/en/"><img src="https://status.example.dk/en/badge.svg"'
            ' alt="“Nord” &amp; &quot;host&quot;" height="24"></a>'
        )
        assert 'src="https://status.example.dk/en/banner/"' in html.unescape(banner)
        assert "<script" not in html.unescape(badge + banner)

    def test_is_touched_only_by_the_page(self) -> None:
        assert touched(FollowPage(), "incident:abcdefabcdef", "component:abcdefabcdef", "day") == []
