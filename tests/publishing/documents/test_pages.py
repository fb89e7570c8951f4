"""Home and the incident's page: their content, languages and number of queries."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import Component, Incident, Page
from incidents.publishing.documents.banner import Banner
from incidents.publishing.documents.base import PUBLISHED_MARK, Edition
from incidents.publishing.documents.pages import Home, IncidentPage
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)
from tests.publishing.documents.rendering import rendered, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def page() -> Page:
    return make_page()


def home(language: str = "en") -> str:
    return rendered(Home(), "", language)


def page_of(incident: Incident, language: str = "en") -> str:
    return rendered(IncidentPage(), incident.pk, language)


def in_service(slug: str, **fields: object) -> Component:
    return make_component(slug, start_date=datetime(2020, 1, 1).date(), **fields)  # noqa: DTZ001 - a day


class TestHome:
    def test_has_a_sentence_if_all_is_operational(self) -> None:
        in_service("mail")
        html = home()
        assert "<h1>All systems are operational</h1>" in html
        assert "<title>All systems are operational – Nordhost status</title>" in html

    def test_worst_state_is_in_title_and_icon(self) -> None:
        mail, web = in_service("mail"), in_service("web")
        make_incident(components={mail: ComponentStatus.DEGRADED_PERFORMANCE, web: ComponentStatus.MAJOR_OUTAGE})
        html = home()
        assert "<h1>Major outage</h1>" in html
        assert re.search(r'rel="icon" href="/assets/favicon-major_outage-\w+\.svg"', html)

    @pytest.mark.parametrize(
        ("impact", "sentence"),
        [
            (Impact.NONE, "All systems are operational"),
            (Impact.MINOR, "Some systems have degraded performance"),
            (Impact.CRITICAL, "Major outage"),
        ],
    )
    def test_impact_decides_for_an_ongoing_incident_without_components(self, impact: Impact, sentence: str) -> None:
        in_service("mail")
        make_incident(impact=impact)
        make_incident(impact=Impact.CRITICAL, draft=True)
        assert f"<h1>{sentence}</h1>" in home()

    def test_components_decide_for_an_ongoing_incident_that_has_some(self) -> None:
        mail = in_service("mail")
        earlier, broken = NOW - timedelta(hours=1), {mail.pk: ComponentStatus.MAJOR_OUTAGE}
        incident = make_incident(impact=Impact.CRITICAL, statement=make_statement(at=earlier, components=broken))
        make_update(incident, at=NOW, components={mail.pk: ComponentStatus.OPERATIONAL})
        assert "<h1>All systems are operational</h1>" in home()

    def test_ongoing_incident_is_at_the_top_and_links_to_its_page(self) -> None:
        incident = make_incident()
        top = home().split("</h1>")[1].split('<article class="part"')[0]
        assert f'<a href="/en/incidents/{incident.pk}/">Mail is delayed</a>' in top

    @pytest.mark.parametrize(
        ("language", "facts"),
        [
            ("da", "Problem identificeret · begyndte den 12. oktober 2023 kl. 09.00 CEST"),
            ("en", "Problem identified · began 12 October 2023, 09:00 CEST"),
        ],
    )
    def test_phase_and_start_of_an_incident_are_two_facts(self, language: str, facts: str) -> None:
        make_incident(started_at=NOW - timedelta(hours=3), statement=make_statement(at=NOW))
        assert facts in words(home(language))
        assert words(home(language)).count(facts.partition(" · ")[2]) == 1
        assert '· began <time datetime="2023-10-12T07:00:00Z">' in home("en")

    def test_newest_update_is_shown_and_the_others_are_folded(self) -> None:
        incident = make_incident(
            statement=make_statement(at=NOW - timedelta(hours=1)), started_at=NOW - timedelta(hours=1)
        )
        make_update(incident, text=Text(en="Better now."), at=NOW)
        shown, folded = home().split('<details class="earlier">')
        assert "Better now." in shown
        assert "We have found the fault." in folded.split("</details>")[0]
        assert "Better now." not in folded

    def test_affected_systems_are_named_under_the_headline_by_status(self) -> None:
        broken = {in_service(f"mail-{number}", position=number): ComponentStatus.MAJOR_OUTAGE for number in range(10)}
        make_incident(components={**broken, in_service("web"): ComponentStatus.DEGRADED_PERFORMANCE})
        top = words(home().split("<h1>")[1].split("<article")[0])
        named = ", ".join(f"mail-{number} (en)" for number in range(8))
        assert f"Major outage {named} and 2 more Degraded performance web (en)" in top

    def test_work_in_progress_has_its_expected_end(self) -> None:
        maintenance = make_maintenance(start=NOW - timedelta(hours=1), end=NOW + timedelta(hours=2))
        with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
            make_update(maintenance, Phase.IN_PROGRESS)
        assert "Expected end 12 October 2023, 14:00 CEST" in words(home())
        assert "Expected end 12 October 2023, 14:00 CEST" in words(page_of(maintenance))

    def test_planned_work_has_its_end_once(self) -> None:
        maintenance = make_maintenance(start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))
        shown = words(page_of(maintenance))
        assert "12 October 2023, 13:00–14:00 CEST" in shown
        assert shown.count("14:00") == 1

    @pytest.mark.parametrize(("hours", "is_named"), [(1, True), (25, False)])
    def test_incident_that_ended_within_a_day_is_named_at_the_top(self, hours: int, is_named: bool) -> None:
        mail, ended = in_service("mail"), NOW - timedelta(hours=hours)
        broken = make_statement(at=ended - timedelta(hours=1), components={mail.pk: ComponentStatus.MAJOR_OUTAGE})
        incident = make_incident(statement=broken, started_at=ended - timedelta(hours=1))
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=ended, notify=False)
        top = words(home().split("<h1>")[1].split('id="systems"')[0])
        assert ("Mail is delayed Resolved · 12 October 2023, 10:00–11:00 CEST · mail (en) Over." in top) == is_named
        make_incident()
        assert "Mail is delayed Resolved" not in words(home())

    def test_introduction_is_at_the_foot(self, page: Page) -> None:
        Page.objects.update(introduction=Text(en="Welcome to our status page."))
        content = home().split("<main")[1]
        assert content.index('id="recent"') < content.index("Welcome to our status page.")

    def test_drafts_and_hidden_components_are_left_out(self) -> None:
        in_service("secret", name=Text(en="Secret system"), hidden=True)
        make_incident(draft=True, title=Text(en="Secret incident"))
        assert "Secret" not in home()

    def test_planned_maintenance_is_announced(self) -> None:
        in_service("mail")
        maintenance = make_maintenance(start=NOW + timedelta(days=2), end=NOW + timedelta(days=2, hours=3))
        html = home()
        assert f'<a href="/en/incidents/{maintenance.pk}/">Disk replacement</a>' in html
        assert "<h1>All systems are operational</h1>" in html

    def test_outage_today_is_the_last_bar_and_in_the_table(self) -> None:
        mail = in_service("mail")
        make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
        html = home()
        assert '<path class="bar-major_outage" d="M356 0h3v32h-3z"/>' in html
        row = html.split('<tr data-first="2023-10-12"')[1].split("</tr>")[0]
        assert "Major outage" in row
        assert "Mail is delayed" in row
        assert "Operational all day on 89 of 90 days." in html

    def test_uptime_is_counted_in_per_cent_with_two_decimals(self) -> None:
        mail = in_service("mail")
        for hours, status in ((30, ComponentStatus.PARTIAL_OUTAGE), (28, ComponentStatus.OPERATIONAL)):
            operations.set_component_status(by=ANYBODY, component=mail, status=status, at=NOW - timedelta(hours=hours))
        text = words(home())
        assert "Uptime 99.90% in 90 days 99.81% in 45 days" in text  # 2 hours of 89.5 days, and of 44.5 days

    def test_uptime_of_each_width_belongs_to_the_bars_shown(self) -> None:
        mail = in_service("mail")
        for hours, status in ((30, ComponentStatus.PARTIAL_OUTAGE), (28, ComponentStatus.OPERATIONAL)):
            at = NOW - timedelta(days=60, hours=hours)
            operations.set_component_status(by=ANYBODY, component=mail, status=status, at=at)
        assert "Uptime 99.90% in 90 days 100.00% in 45 days" in words(home())

    @pytest.mark.parametrize(("days", "period"), [(1, "in 1 day"), (6, "in 6 days")])
    def test_period_of_uptime_is_that_in_service(self, days: int, period: str) -> None:
        make_component("new", start_date=NOW.date() - timedelta(days=days - 1))
        assert f"Uptime 100.00% {period} 100.00% {period} ." in words(home())

    def test_axis_is_true_to_the_day(self) -> None:
        in_service("mail")
        assert "89 days ago 44 days ago today" in words(home())

    def test_outage_of_many_days_is_one_row(self) -> None:
        mail = in_service("mail")
        incident = make_incident(
            statement=make_statement(components={mail.pk: ComponentStatus.PARTIAL_OUTAGE}, at=NOW - timedelta(days=9)),
            started_at=NOW - timedelta(days=9),
        )
        operations.resolve(
            by=ANYBODY, incident=incident, text=Text(en="Over."), at=NOW - timedelta(days=4), notify=False
        )
        html = home()
        assert html.count("<tr data-first") == 1
        assert '<tr data-first="2023-10-03" data-last="2023-10-08"' in html

    def test_duration_of_an_ongoing_outage_is_a_minimum(self) -> None:
        mail = in_service("mail")
        incident = make_incident(
            statement=make_statement(
                components={mail.pk: ComponentStatus.MAJOR_OUTAGE}, at=NOW - timedelta(hours=3, minutes=9)
            ),
            started_at=NOW - timedelta(hours=3, minutes=9),
        )
        assert '<td class="quiet">at least 3 hours</td>' in home()
        assert "Counted up to the last update of this page" in home()
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=NOW, notify=False)
        assert '<td class="quiet">3 hours and 9 minutes</td>' in home()

    def test_days_before_the_start_of_service_are_not_operational(self) -> None:
        make_component("new", start_date=NOW.date() - timedelta(days=9))
        html = home()
        assert "Operational without interruption for 10 days." in html
        assert html.count("bar-unknown") == 1

    def test_days_without_incidents_are_joined_in_one_line(self) -> None:
        in_service("mail")
        ended = NOW - timedelta(days=2)
        incident = make_incident(
            statement=make_statement(at=ended - timedelta(hours=1)), started_at=ended - timedelta(hours=1)
        )
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=ended, notify=False)
        recent = words(home().split('id="recent"')[1])
        assert re.search(r"11–12 October No incidents 10 October Mail is delayed .* 6–9 October No incidents", recent)

    def test_days_within_an_incident_are_not_listed_as_free_of_incidents(self) -> None:
        in_service("mail")
        make_incident(statement=make_statement(at=NOW - timedelta(days=3)), started_at=NOW - timedelta(days=3))
        recent = words(home().split('id="recent"')[1])
        assert "6–8 October No incidents" in recent
        assert "9 October No" not in recent

    def test_works_without_any_component(self) -> None:
        html = home()
        assert "<h1>No systems are listed yet</h1>" in html
        assert "perational" not in words(html)
        assert "perational" not in words(rendered(Banner()))
        assert "No incidents" not in words(html)
        assert "Nothing has been recorded yet." in words(html)
        assert 'rel="icon" href="/assets/favicon-none-' in html

    def test_days_before_the_first_record_are_not_listed_as_free_of_incidents(self) -> None:
        make_component("mail", start_date=NOW.date() - timedelta(days=2))
        recent = words(home().split('id="recent"')[1])
        assert "10–12 October No incidents" in recent
        assert "9" not in recent.split("No incidents")[0]

    def test_days_that_an_ongoing_incident_fills_are_explained(self) -> None:
        in_service("mail")
        make_incident(statement=make_statement(at=NOW - timedelta(days=9)), started_at=NOW - timedelta(days=9))
        assert "Ongoing incidents are at the top of this page." in words(home().split('id="recent"')[1])

    def test_has_the_time_of_publishing_once(self) -> None:
        assert home().count(PUBLISHED_MARK) == 1

    def test_number_of_queries_is_fixed(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        def more(number: int) -> None:
            for _each in range(number):
                component = in_service("", group=make_group())
                incident = make_incident(components={component: ComponentStatus.DEGRADED_PERFORMANCE})
                make_update(incident)
                make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2), components=(component,))
                operations.resolve(by=ANYBODY, incident=make_incident(), text=Text(en="Over."), notify=False)

        more(1)
        with django_assert_num_queries(16):
            home()
        more(3)
        with django_assert_num_queries(16):
            home()


class TestIncidentPage:
    @pytest.fixture
    def incident(self) -> Incident:
        mail = in_service("mail")
        return make_incident(
            statement=make_statement(
                components={mail.pk: ComponentStatus.DEGRADED_PERFORMANCE},
                at=datetime(2023, 10, 9, 23, 0, tzinfo=COPENHAGEN),
                quote="A *code error* was deployed.",
                quote_language="en",
                quote_url="https://status.example.com/EX680695",
            ),
            impact=Impact.MAJOR,
            started_at=datetime(2023, 10, 9, 23, 0, tzinfo=COPENHAGEN),
            user_impact=Text(da="Mail er forsinket.", en="Mail is late."),
            scope=Text(da="Alle kunder."),
            workaround=Text(en="Do not send again."),
            root_cause=Text(en="A service update."),
            root_cause_status="preliminary",
            next_steps=Text(en="We keep retrying."),
            next_update_by=NOW + timedelta(hours=1),
            upstream_name="Microsoft",
            upstream_url="https://status.example.com/",
        )

    def test_shows_every_field(self, incident: Incident) -> None:
        text = words(page_of(incident))
        for expected in (
            "Mail is late.",
            "Do not send again.",
            "Root cause (preliminary)",
            "A service update.",
            "We keep retrying.",
            "Expected by 12 October 2023, 13:00 CEST",
            "Impact Major",
        ):
            assert expected in text
        assert '<a href="https://status.example.com/" rel="noopener noreferrer nofollow">Microsoft</a>' in page_of(
            incident
        )

    def test_quoted_statement_keeps_its_language_on_the_danish_page(self, incident: Incident) -> None:
        html = page_of(incident, "da")
        assert re.search(r'<blockquote class="prose" lang="en" dir="auto"[^>]*><p>A <em>code error</em>', html)
        assert "engelsk" in html

    def test_untranslated_text_is_marked_with_a_note(self, incident: Incident) -> None:
        html = page_of(incident, "en")
        assert (
            '<p class="untranslated">Not yet translated into English</p><div class="prose" lang="da"><p>Alle kunder.'
            in html
        )

    def test_danish_page_has_only_marked_english(self, incident: Incident) -> None:
        html = page_of(incident, "da")
        own = re.sub(r'<(div|blockquote)\b[^>]* lang="en".*?</\1>', "", html, flags=re.DOTALL)
        for english in ("Impact", "Timeline", "Workaround", "Expected", "Root cause", "Statement from", "Affected"):
            assert english not in words(own)

    def test_newest_update_comes_before_the_facts_and_the_others_after_them(self, incident: Incident) -> None:
        update = make_update(incident, text=Text(en="Better now."), at=NOW - timedelta(hours=1))
        html = page_of(incident)
        places = [html.index(text) for text in ("Better now.</p>", 'class="brief"', "We have found the fault.</p>")]
        assert places == sorted(places)
        assert html.count("Better now.</p>") == 1
        assert f'id="{update.pk}"' in html
        assert f'href="/en/incidents/{incident.pk}/#{update.pk}"' in html

    @pytest.mark.parametrize(
        ("language", "words"), [("da", "den 10. oktober 2023 kl.~10.05 CEST"), ("en", "10 October 2023, 10:05 CEST")]
    )
    def test_time_of_an_update_has_no_line_break_in_the_margin(
        self, incident: Incident, language: str, words: str
    ) -> None:
        make_update(incident, at=datetime(2023, 10, 10, 8, 5, tzinfo=UTC))
        unbroken = words.replace("~", "\N{NO-BREAK SPACE}").replace(" CEST", "\N{NO-BREAK SPACE}CEST")
        assert f">{unbroken}</time></a>" in page_of(incident, language)

    def test_components_are_shown_with_their_states_over_time(self, incident: Incident) -> None:
        operations.resolve(
            by=ANYBODY, incident=incident, text=Text(en="Over."), at=NOW - timedelta(hours=1), notify=False
        )
        text = words(page_of(incident))
        assert re.search(
            r"mail \(en\) Degraded performance from 9 October 2023, 23:00 CEST "
            r"Operational from 12 October 2023, 11:00 CEST",
            text,
        )

    def test_resolved_incident_has_its_duration(self, incident: Incident) -> None:
        ended = datetime(2023, 10, 11, 19, 0, tzinfo=COPENHAGEN)
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=ended, notify=False)
        text = words(page_of(incident))
        assert "9 October 2023, 23:00 to 11 October, 19:00 CEST" in text
        assert "Duration 1 day and 20 hours" in text
        assert "Next update" not in text

    def test_corrected_update_has_its_earlier_text_folded(self, incident: Incident) -> None:
        operations.correct_update(
            by=ANYBODY, update=incident.updates.get(), text=Text(en="We have found another fault.")
        )
        html = page_of(incident)
        folded = html.split('<details class="edited">')[1].split("</details>")[0]
        assert "Edited" in words(folded)
        assert "We have found the fault." in folded

    def test_links_to_itself_in_the_other_language(self, incident: Incident) -> None:
        html = page_of(incident, "en")
        assert f'href="/da/incidents/{incident.pk}/" hreflang="da" lang="da"' in html
        assert f'<link rel="alternate" hreflang="da" href="{settings.SITE_URL}/da/incidents/{incident.pk}/">' in html

    def test_draft_and_withdrawn_incidents_have_no_page(self, incident: Incident) -> None:
        operations.withdraw(by=ANYBODY, incident=incident)
        draft = make_incident(draft=True)
        for gone in (incident, draft):
            assert IncidentPage().render(gone.pk, Edition(Page.objects.current(), "en")) is None
        assert list(IncidentPage().all_keys()) == []

    def test_planned_maintenance_shows_its_window_and_no_component_status(self) -> None:
        maintenance = make_maintenance(
            start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2), components=(in_service("mail"),)
        )
        text = words(page_of(maintenance))
        assert "Planned 13 October 2023, 12:00–14:00 CEST" in text
        assert "Under maintenance" not in text

    def test_untrusted_text_cannot_become_markup(self) -> None:
        attack = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
        incident = make_incident(title=Text(en=attack), scope=Text(en=attack), upstream_name=attack)
        html = page_of(incident)
        assert "<script>alert" not in html
        assert "<img" not in html

    def test_number_of_queries_does_not_depend_on_the_number_of_updates(
        self, incident: Incident, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _each in range(3):
            update = make_update(incident, components={in_service("").pk: ComponentStatus.PARTIAL_OUTAGE})
            operations.correct_update(by=ANYBODY, update=update, text=Text(en="Corrected."))
        with django_assert_num_queries(4), translation.override("en"):
            IncidentPage().render(incident.pk, Edition(Page(), "en"))


@pytest.mark.parametrize("phase", [Phase.INVESTIGATING, Phase.MITIGATED])
def test_every_page_is_free_of_inline_script_and_style(phase: Phase) -> None:
    incident = make_incident(statement=make_statement(phase))
    for html in (home(), page_of(incident)):
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick" not in html
        assert not re.search(r"<script(?![^>]* src=\"/assets/)", html)


def test_cancelled_maintenance_stays_on_home_with_its_planned_time() -> None:
    in_service("mail")
    start = NOW + timedelta(days=2)
    with time_machine.travel(NOW - timedelta(days=2), tick=False):
        maintenance = make_maintenance(start=start, end=start + timedelta(hours=3))
    with time_machine.travel(NOW - timedelta(days=1), tick=False):
        operations.cancel_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Aflyst.", en="Cancelled."))
    assert f"/en/incidents/{maintenance.pk}/" in home().split('class="colophon"')[0]
    maintenance.refresh_from_db()
    facts = page_of(maintenance).split('<dl class="brief">')[1].split("</dl>")[0]
    assert "<dt>Planned</dt>" in facts
    assert "<dt>Time</dt>" not in facts
