"""The feeds as feed readers parse them: valid, one item per update, each text marked with its language."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
import time_machine
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries, Settings

from incidents import operations
from incidents.models import AffectedComponent, Component, Incident, Page, StatusChange, Update
from incidents.publishing.documents import feed_entries
from incidents.publishing.documents.base import Edition, Subjects
from incidents.publishing.documents.feeds import ComponentFeed, Feed, FeedDocument, HistoryFeed
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DEGRADED = ComponentStatus.DEGRADED_PERFORMANCE
NOW = datetime(2023, 10, 11, 20, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def rendered(kind: str = "atom", language: str = "da") -> str:
    return _in(language, Feed(kind))


def history(kind: str = "atom") -> str:
    return _in("da", HistoryFeed(kind))


def _in(language: str, feed: FeedDocument, key: str = "") -> str:
    page = Page.objects.current()
    with translation.override(language), timezone.override(page.time_zone):
        content = feed.render(key, Edition(page, language))
    assert isinstance(content, str)
    return content


def parsed(text: str) -> Any:
    feed = feedparser.parse(text.encode())
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


def forget() -> None:
    """Forget what entries said, as a new process does."""
    feed_entries._html_of.cache_clear()
    feed_entries._html_of_updates.cache_clear()
    feed_entries._plain.cache_clear()
    feed_entries._summary.cache_clear()


def children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return element.findall(f"{ATOM}{name}")


@pytest.fixture
def story() -> Incident:
    """Identified, then resolved with a statement quoted in English; one component throughout."""
    make_page()
    mail = make_component("mail", name=Text(da="Udgående mail", en="Outgoing mail"))
    incident = make_incident(
        started_at=NOW - timedelta(days=2),
        upstream_name="Microsoft 365",
        statement=make_statement(
            Phase.IDENTIFIED, at=NOW - timedelta(days=1), components={mail.pk: ComponentStatus.PARTIAL_OUTAGE}
        ),
    )
    operations.resolve(
        by=ANYBODY,
        incident=incident,
        text=Text(da="Problemet er **løst**.", en="The problem is **solved**."),
        quote="**Impact:** Some users.",
        quote_language="en",
        quote_url="https://status.example.net/1",
        at=NOW - timedelta(hours=1),
        notify=False,
    )
    return incident


@pytest.mark.parametrize("kind", ["atom", "rss"])
@pytest.mark.parametrize("language", ["da", "en"])
def test_feed_has_one_item_per_update_newest_first(story: Incident, kind: str, language: str) -> None:
    titles = {
        "da": ["Løst: Mail er forsinket", "Problem identificeret: Mail er forsinket"],
        "en": ["Resolved: Mail is delayed", "Problem identified: Mail is delayed"],
    }
    assert [entry.title for entry in parsed(rendered(kind, language)).entries] == titles[language]


def test_json_feed_has_one_item_per_update_newest_first(story: Incident) -> None:
    feed = json.loads(rendered("json", "en"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["language"] == "en"
    assert [item["title"] for item in feed["items"]] == [
        "Resolved: Mail is delayed",
        "Problem identified: Mail is delayed",
    ]
    assert "<strong>solved</strong>" in feed["items"][0]["content_html"]
    assert "The problem is solved." in feed["items"][0]["content_text"]
    assert feed["items"][0]["date_published"] == "2023-10-11T21:00:00+02:00"


def test_ids_are_the_same_in_every_format_and_language(story: Incident) -> None:
    newest = story.updates.newest_first()[0]
    expected = f"tag:status.example.dk,2005:incident/{story.pk}/update/{newest.pk}"
    for language in ("da", "en"):
        assert parsed(rendered("atom", language)).entries[0].id == expected
        assert parsed(rendered("rss", language)).entries[0].id == expected
        assert json.loads(rendered("json", language))["items"][0]["id"] == expected


def test_ids_do_not_change_with_the_address_of_the_site(story: Incident, settings: Settings) -> None:
    before = [entry.id for entry in parsed(rendered()).entries]
    settings.SITE_URL = "https://status.example.net"
    feed = parsed(rendered())
    assert [entry.id for entry in feed.entries] == before
    assert feed.entries[0].link.startswith("https://status.example.net/da/incidents/")


def test_correction_changes_updated_but_not_the_id(story: Incident) -> None:
    newest = story.updates.newest_first()[0]
    before = parsed(rendered()).entries[0]
    operations.correct_update(by=ANYBODY, update=newest, text=Text(da="Rettet.", en="Corrected."))
    after = parsed(rendered()).entries[0]
    assert (after.id, after.published) == (before.id, before.published)
    assert after.updated == "2023-10-11T22:00:00+02:00"
    assert "Rettet." in after.content[0].value


def test_new_title_changes_updated_of_every_entry_of_the_incident(story: Incident) -> None:
    make_incident(title=Text(da="Noget andet"), statement=make_statement(at=NOW - timedelta(minutes=5)))
    before = [(entry.id, entry.published) for entry in parsed(rendered()).entries]
    operations.edit_incident(by=ANYBODY, incident=story, details={"title": Text(da="Al mail er forsinket")})
    entries = parsed(rendered()).entries
    assert [(entry.id, entry.published) for entry in entries] == before
    assert [entry.updated[11:16] for entry in entries] == ["21:55", "22:00", "22:00"]
    assert parsed(history()).entries[1].updated == "2023-10-11T22:00:00+02:00"
    assert [item["date_modified"][11:16] for item in json.loads(rendered("json"))["items"]] == [
        "21:55",
        "22:00",
        "22:00",
    ]


def test_field_that_no_entry_shows_leaves_updated_as_it_is(story: Incident) -> None:
    before = rendered()
    operations.edit_incident(by=ANYBODY, incident=story, details={"scope": Text(da="Alle"), "title": story.title})
    assert rendered() == before


def test_moved_window_changes_updated() -> None:
    make_page()
    start = NOW + timedelta(days=1)
    with time_machine.travel(NOW - timedelta(days=1), tick=False):
        maintenance = make_maintenance(start=start, end=start + timedelta(hours=2))
    assert parsed(rendered()).entries[0].updated == "2023-10-10T22:00:00+02:00"
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"scheduled_until": start + timedelta(hours=3)})
    for text in (rendered(), history(), rendered("rss"), history("rss")):
        assert parsed(text).entries[0].updated == "2023-10-11T22:00:00+02:00"


def test_announced_move_is_an_entry_with_the_former_and_the_new_time() -> None:
    make_page()
    start = NOW + timedelta(days=1)
    with time_machine.travel(NOW - timedelta(days=1), tick=False):
        maintenance = make_maintenance(start=start, end=start + timedelta(hours=1))
    later = start + timedelta(days=1)
    operations.move_maintenance(
        by=ANYBODY,
        incident=maintenance,
        details={"scheduled_for": later, "scheduled_until": later + timedelta(hours=1)},
    )
    for text in (rendered(), rendered("rss")):
        newest, opening = parsed(text).entries
        assert newest.id != opening.id
        for day in ("Nyt tidspunkt: den 13. oktober", "Tidligere tidspunkt: den 12. oktober"):
            assert day in newest.content[0].value
    assert "Nyt tidspunkt: den 13. oktober" in json.loads(rendered("json"))["items"][0]["content_text"]


def test_change_of_a_draft_is_no_change_for_readers() -> None:
    make_page()
    draft = make_incident(draft=True)
    operations.edit_incident(by=ANYBODY, incident=draft, details={"title": Text(da="Ny titel")})
    draft.refresh_from_db()
    assert draft.revised_at is None


def test_added_update_gives_the_entry_of_an_incident_a_new_date(story: Incident) -> None:
    before = {kind: parsed(history(kind)).entries[0] for kind in ("atom", "rss")}
    assert before["rss"].published == "Wed, 11 Oct 2023 21:00:00 +0200"
    make_update(story, Phase.POSTMORTEM, at=NOW)
    atom, rss = (parsed(history(kind)).entries[0] for kind in ("atom", "rss"))
    assert (atom.id, rss.id) == (before["atom"].id, before["rss"].id)
    assert atom.published == before["atom"].published
    assert atom.updated == "2023-10-11T22:00:00+02:00"
    assert rss.published == "Wed, 11 Oct 2023 22:00:00 +0200"


def test_correction_changes_updated_in_rss_but_not_the_date(story: Incident) -> None:
    newest = story.updates.newest_first()[0]
    operations.correct_update(by=ANYBODY, update=newest, text=Text(da="Rettet.", en="Corrected."))
    for text in (rendered("rss"), history("rss")):
        entry = parsed(text).entries[0]
        assert entry.updated == "2023-10-11T22:00:00+02:00"
        assert entry.published == "Wed, 11 Oct 2023 21:00:00 +0200"


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("en", "ltr"), ("da", "ltr")])
def test_quote_has_its_direction(story: Incident, language: str, direction: str) -> None:
    story.updates.filter(quote_language="en").update(quote_language=language)
    for text in (rendered("atom"), rendered("rss"), history("atom"), history("rss")):
        assert f'<blockquote lang="{language}" dir="{direction}">' in html.unescape(text)
    assert f'lang="{language}" dir="{direction}"' in json.loads(rendered("json"))["items"][0]["content_html"]


def test_description_in_rss_is_running_text_without_marks(story: Incident) -> None:
    words = "Sådan er det:\n\n- Mail kan **sendes**\n- [Webmail](https://example.dk/) er nede"
    quote = "> Some\n\n1. users\n2. servers"
    make_update(story, Phase.POSTMORTEM, text=Text(da=words), at=NOW, quote=quote, quote_language="en")
    description = ElementTree.fromstring(rendered("rss")).findtext("channel/item/description", "")
    assert description.startswith("Sådan er det: Mail kan sendes; Webmail er nede Meddelelse fra Microsoft 365")
    assert description.endswith("Some users; servers")
    assert "\n" not in description


def test_links_to_the_update_are_absolute(story: Incident) -> None:
    newest = story.updates.newest_first()[0]
    for kind in ("atom", "rss"):
        entry = parsed(rendered(kind, "en")).entries[0]
        assert entry.link == f"https://status.example.dk/en/incidents/{story.pk}/#{newest.pk}"
    for kind in ("atom", "rss", "json"):
        assert not re.search(r"""(href|src)=\\?["']/""", rendered(kind))


def test_atom_has_author_language_and_links_to_other_languages(story: Incident) -> None:
    root = ElementTree.fromstring(rendered("atom", "da"))
    assert root.get(LANG) == "da"
    for name in ("id", "title", "updated", "author"):
        assert len(children(root, name)) == 1, name
    links = {(link.get("rel"), link.get("hreflang")): link.get("href") for link in children(root, "link")}
    assert links == {
        ("self", None): "https://status.example.dk/da/feed.atom",
        ("alternate", None): "https://status.example.dk/da/",
        ("alternate", "en"): "https://status.example.dk/en/feed.atom",
    }
    for entry in children(root, "entry"):
        for name in ("id", "title", "updated", "published", "content"):
            assert len(children(entry, name)) == 1, name


def test_rss_has_a_plain_description_full_text_and_a_guid_that_is_no_link(story: Incident) -> None:
    text = rendered("rss", "da")
    item = text[text.index("<item>") :]
    assert item.index("<description>") < item.index("<content:encoded>")
    assert 'isPermaLink="false"' in item
    assert "<language>da</language>" in text
    assert 'rel="self"' in text
    entry = parsed(text).entries[0]
    assert "Problemet er løst." in entry.summary
    assert "**" not in entry.summary
    assert entry.published == "Wed, 11 Oct 2023 21:00:00 +0200"


def test_updated_of_a_feed_is_that_of_its_newest_entry(story: Incident) -> None:
    with time_machine.travel(NOW + timedelta(days=30), tick=False):
        assert parsed(rendered()).feed.updated == "2023-10-11T21:00:00+02:00"
        assert parsed(rendered("rss")).feed.updated == "Wed, 11 Oct 2023 21:00:00 +0200"


def test_feed_without_entries_is_valid_and_does_not_change() -> None:
    make_page()
    first = [rendered(kind) for kind in ("atom", "rss", "json")]
    for text in first[:2]:
        assert parsed(text).entries == []
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert [rendered(kind) for kind in ("atom", "rss", "json")] == first


@pytest.mark.parametrize("language", ["da", "en"])
def test_quoted_statement_keeps_its_language_and_names_its_source(story: Incident, language: str) -> None:
    headings = {"da": "Meddelelse fra Microsoft 365", "en": "Statement from Microsoft 365, in English"}
    for content in (
        parsed(rendered("atom", language)).entries[0].content[0].value,
        parsed(rendered("rss", language)).entries[0].content[0].value,
        json.loads(rendered("json", language))["items"][0]["content_html"],
    ):
        assert re.search(r'<blockquote (?=[^>]*dir="ltr")[^>]*lang="en"', content)
        assert "<strong>Impact:</strong> Some users." in content
        assert "https://status.example.net/1" in content
        assert headings[language] in content


def test_text_in_another_language_is_marked_with_a_note(story: Incident) -> None:
    make_update(story, Phase.POSTMORTEM, text=Text(da="Kun på dansk."), at=NOW)
    for kind in ("atom", "rss"):
        content = parsed(rendered(kind, "en")).entries[0].content[0].value
        assert re.search(r'Not yet translated into English.*<div[^>]* lang="da"[^>]*>\s*<p>Kun på dansk', content, re.S)
    item = json.loads(rendered("json", "en"))["items"][0]
    assert item["content_text"].startswith("Not yet translated into English\n\nKun på dansk.")
    assert "Ikke" not in parsed(rendered("atom", "da")).entries[0].content[0].value


def test_title_in_another_language_is_marked_with_a_note() -> None:
    make_page()
    make_incident(title=Text(da="Mail & <web> er nede"), statement=make_statement(at=NOW))
    root = ElementTree.fromstring(rendered("atom", "en"))
    title = root.find(f"{ATOM}entry/{ATOM}title")
    assert title is not None
    assert title.get("type") == "html"
    assert title.text == 'Problem identified: <span lang="da">Mail &amp; &lt;web&gt; er nede</span> (in Danish)'
    assert json.loads(rendered("json", "en"))["items"][0]["title"] == (
        "Problem identified: Mail & <web> er nede (in Danish)"
    )


def test_components_that_an_update_changes_are_named_and_hidden_ones_are_not(story: Incident) -> None:
    secret = make_component("secret", name=Text(da="Hemmelig", en="Secret"), hidden=True)
    make_update(
        operations.reopen(by=ANYBODY, incident=story, statement=make_statement(Phase.IDENTIFIED, at=NOW)).incident,
        Phase.MITIGATED,
        at=NOW,
        components={secret.pk: ComponentStatus.MAJOR_OUTAGE},
    )
    for kind in ("atom", "rss", "json"):
        assert "Outgoing mail: Partial outage" in rendered(kind, "en")
        assert "Secret" not in rendered(kind, "en")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("da", "Udgående mail: Større nedbrud (af en anden årsag)"),
        ("en", "Outgoing mail: Major outage (for another reason)"),
    ],
)
def test_resolved_incident_does_not_hide_the_outage_that_another_one_causes(
    story: Incident, language: str, line: str
) -> None:
    mail = Component.objects.get(slug="mail")
    operational = {mail.pk: ComponentStatus.OPERATIONAL}
    make_update(story, Phase.POSTMORTEM, at=NOW - timedelta(minutes=30), components=operational)
    for kind in ("atom", "rss", "json"):
        assert "another reason" not in rendered(kind, "en")
    before = NOW - timedelta(hours=2)
    make_incident(
        statement=make_statement(at=before, components={mail.pk: ComponentStatus.MAJOR_OUTAGE}), started_at=before
    )
    for kind in ("atom", "rss", "json"):
        assert line in rendered(kind, language)
        assert "Outgoing mail: Operational" not in rendered(kind, "en")
    for kind in ("atom", "rss"):
        assert "Udgående mail: Større nedbrud (af en anden årsag)" in history(kind)


def test_planned_maintenance_has_its_time_and_no_statuses_yet() -> None:
    make_page()
    web = make_component("web", name=Text(da="Websteder", en="Websites"))
    with time_machine.travel(NOW - timedelta(days=1), tick=False):
        make_maintenance(start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=3), components=(web,))
    for kind, content in [
        ("atom", parsed(rendered("atom")).entries[0].content[0].value),
        ("json", json.loads(rendered("json"))["items"][0]["content_text"]),
    ]:
        assert "Tidspunkt for arbejdet: den 11. oktober 2023 kl. 23.00 – den 12." in content, kind
        assert "Websteder" in content
        assert "Under vedligeholdelse" not in content


def test_drafts_scheduled_updates_and_withdrawn_incidents_are_left_out(story: Incident) -> None:
    make_incident(title=Text(da="Kladde", en="Draft"), draft=True)
    withdrawn = make_incident(title=Text(da="Trukket tilbage", en="Withdrawn"))
    operations.withdraw(by=ANYBODY, incident=withdrawn)
    words = Text(da="Hemmeligt", en="Secret")
    make_update(story, Phase.POSTMORTEM, text=words, publish_at=NOW + timedelta(hours=1))
    operations.post_update(
        by=ANYBODY, incident=story, statement=make_statement(Phase.POSTMORTEM, text=words), draft=True
    )
    for text in (*(rendered(kind, "en") for kind in ("atom", "rss", "json")), history("atom"), history("rss")):
        assert not re.search("Draft|Kladde|Withdrawn|Trukket|Secret|Hemmeligt", text)


def test_markup_typed_by_staff_reaches_readers_as_typed(story: Incident) -> None:
    words = "<script>alert(1)</script> ]]> & ![](https://evil.example/x.png) [x](javascript:alert(1))"
    make_update(story, Phase.POSTMORTEM, text=Text(da=words, en=words), at=NOW)
    for kind in ("atom", "rss"):
        entry = parsed(rendered(kind)).entries[0]
        for content in (entry.content[0].value, entry.summary):
            assert "<script" not in content
            assert "<img" not in content
            assert 'href="javascript' not in content
    assert "&lt;script&gt;" in ElementTree.fromstring(rendered("rss")).findtext("channel/item/description", "")


@pytest.mark.parametrize("title", ["<img src=x onerror=alert(1)>", "</title><script>", "<!-- a", "<?php", "A < B & C"])
def test_title_is_shown_as_typed_by_readers_that_take_rss_titles_for_html(story: Incident, title: str) -> None:
    Page.objects.update(name=Text(da=title, en=title))
    make_incident(title=Text(da=title, en=title), statement=make_statement(at=NOW))
    channel = ElementTree.fromstring(rendered("rss"))
    for path in ("channel/title", "channel/item/title"):
        plain = channel.findtext(path, "")
        assert plain.replace("\u2060", "").endswith(title)
        as_html = TagFinder()
        as_html.feed(plain)
        as_html.close()
        assert as_html.tags == []
        assert as_html.text == plain
    atom = children(ElementTree.fromstring(rendered("atom")), "entry")[0]
    (in_html,) = children(atom, "title")
    assert in_html.get("type") == "html"
    assert html.unescape(re.sub("<[^>]*>", "", in_html.text or "")).endswith(title)
    assert json.loads(rendered("json"))["items"][0]["title"].endswith(title)


class TagFinder(HTMLParser):
    """What a browser would make of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append(data)

    def handle_pi(self, data: str) -> None:
        self.tags.append(data)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_control_characters_are_removed(story: Incident) -> None:
    Incident.objects.update(upstream_name="Micro\x0bsoft")
    make_incident(title=Text(da="Tegn \x01\ufffe", en="x"), statement=make_statement(text=Text(da="a\x0c\x1fb")))
    for text in (rendered("atom"), rendered("rss"), history("atom"), history("rss")):
        parsed(text)
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe]", text)


def test_feed_has_the_newest_fifty_in_a_fixed_number_of_queries(
    story: Incident, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with CaptureQueriesContext(connection) as few:
        rendered()
    for minute in range(60):
        make_update(story, Phase.POSTMORTEM, at=NOW - timedelta(minutes=60 - minute))
    with django_assert_num_queries(len(few)):
        feed = parsed(rendered())
    assert len(feed.entries) == 50
    assert feed.entries[0].published == timezone.localtime(NOW - timedelta(minutes=1)).isoformat()


@pytest.fixture
def planned(story: Incident) -> Incident:
    """Maintenance of the same component, with a statement quoted in English."""
    work = make_maintenance(
        components=(Component.objects.get(slug="mail"),), start=NOW + timedelta(days=3), end=NOW + timedelta(days=4)
    )
    Update.objects.filter(incident=work).update(
        quote="Planned.", quote_language="en", quote_url="https://status.example.net/2"
    )
    Incident.objects.filter(pk=work.pk).update(upstream_name="Microsoft 365")
    return work


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Update, {"text": Text(da="Noget *andet*.")}),
        (Update, {"text": Text(en="Something else.")}),
        (Update, {"quote": "Other words."}),
        (Update, {"quote_language": "de"}),
        (Update, {"quote_url": "https://status.example.net/3"}),
        (Incident, {"upstream_name": "Google"}),
        (Incident, {"scheduled_for": NOW + timedelta(days=2)}),
        (Incident, {"scheduled_until": NOW + timedelta(days=5)}),
        (Component, {"name": Text(da="Post", en="Mail")}),
        (Component, {"hidden": True}),
        (AffectedComponent, {"status": ComponentStatus.MAJOR_OUTAGE}),
        (StatusChange, {"status": ComponentStatus.MAJOR_OUTAGE}),
        (Page, {"time_zone": "Asia/Tokyo"}),
    ],
)
def test_what_entries_show_is_never_out_of_date(planned: Incident, model: type[Model], change: dict[str, Any]) -> None:
    kinds = ("atom", "rss", "json")
    before = {kind: rendered(kind) for kind in kinds}
    own: dict[type[Model], Any] = {Incident: Incident.objects.filter(pk=planned.pk), Update: planned.updates}
    own.get(model, model._default_manager).update(**change)
    after = {kind: rendered(kind) for kind in kinds}
    forget()
    assert after == {kind: rendered(kind) for kind in kinds}
    assert all(after[kind] != before[kind] for kind in kinds)


@pytest.mark.parametrize(
    "change", [{"at": NOW - timedelta(hours=2)}, {"phase": Phase.MITIGATED}, {"text": Text(da="Noget *andet*.")}]
)
def test_what_entries_of_incidents_show_is_never_out_of_date(story: Incident, change: dict[str, Any]) -> None:
    before = history()
    story.updates.filter(phase=Phase.IDENTIFIED).update(**change)
    after = history()
    forget()
    assert after == history() != before


def test_entries_are_remembered_per_language(story: Incident) -> None:
    for language in ("da", "en", "da"):
        remembered = rendered("json", language)
        forget()
        assert rendered("json", language) == remembered


def test_statuspage_address_has_one_entry_per_incident_with_statuspages_id(story: Incident) -> None:
    feed = parsed(history())
    assert [entry.id for entry in feed.entries] == [f"tag:status.example.dk,2005:Incident/{story.pk}"]
    entry = feed.entries[0]
    assert entry.title == "Mail er forsinket"
    assert entry.link == f"https://status.example.dk/da/incidents/{story.pk}/"
    assert entry.published == "2023-10-10T22:00:00+02:00"
    assert entry.updated == "2023-10-11T21:00:00+02:00"
    content = entry.content[0].value
    assert content.index("Løst") < content.index("Problem identificeret")
    assert "kl.\N{NO-BREAK SPACE}21.00" in content


def test_statuspage_addresses_are_in_the_default_language_at_the_root(story: Incident) -> None:
    assert parsed(history("rss")).feed.language == "da"
    assert HistoryFeed("rss").path("", "da") == "/history.rss"
    links = {link.rel: link.href for link in parsed(history()).feed.links}
    assert links == {"alternate": "https://status.example.dk/da/", "self": "https://status.example.dk/history.atom"}
    assert not HistoryFeed("rss").per_language


def test_statuspage_feed_is_ordered_by_the_newest_update(story: Incident) -> None:
    with time_machine.travel(NOW - timedelta(minutes=5), tick=False):
        make_maintenance(start=NOW + timedelta(days=3), end=NOW + timedelta(days=4))
    assert [entry.title for entry in parsed(history()).entries] == ["Udskiftning af disk", "Mail er forsinket"]
    make_update(story, Phase.POSTMORTEM, at=NOW)
    assert [entry.title for entry in parsed(history()).entries] == ["Mail er forsinket", "Udskiftning af disk"]


def test_statuspage_feed_makes_a_fixed_number_of_queries(
    story: Incident, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with CaptureQueriesContext(connection) as few:
        history()
    for number in range(5):
        make_incident(statement=make_statement(at=NOW - timedelta(minutes=number)))
    with django_assert_num_queries(len(few)):
        assert len(parsed(history()).entries) == 6


def test_component_has_a_feed_of_its_incidents(story: Incident) -> None:
    make_incident(title=Text(da="Noget andet", en="Something else"), components={make_component("web"): DEGRADED})
    for kind in ("atom", "rss"):
        feed = parsed(_in("en", ComponentFeed(kind), "mail"))
        assert feed.feed.title == "Nordhost status: Outgoing mail"
        assert feed.feed.link == "https://status.example.dk/en/components/mail/"
        assert [entry.title for entry in feed.entries] == [
            "Resolved: Mail is delayed",
            "Problem identified: Mail is delayed",
        ]
    item = json.loads(_in("en", ComponentFeed("json"), "mail"))["items"][0]
    assert item["id"] == json.loads(rendered("json", "en"))["items"][1]["id"]


def test_component_without_incidents_has_an_empty_feed_and_a_hidden_one_has_none(story: Incident) -> None:
    make_component("web")
    make_component("secret", hidden=True)
    assert parsed(_in("da", ComponentFeed("atom"), "web")).entries == []
    assert ComponentFeed("atom").render("secret", Edition(Page.objects.current(), "da")) is None
    assert sorted(ComponentFeed("atom").all_keys()) == ["mail", "web"]


def test_component_feed_is_written_again_when_its_incident_changes(story: Incident) -> None:
    mail = Component.objects.get(slug="mail")
    assert list(ComponentFeed("rss").touched(Subjects(frozenset({f"component:{mail.pk}"})))) == ["mail"]
    assert ComponentFeed("rss").path("mail", "da") == "/da/components/mail/feed.rss"
