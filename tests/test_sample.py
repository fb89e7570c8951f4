"""The sample page, and in it the incident this product was born from, fact by fact."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings

from incidents.management import sample
from incidents.models import Announcement, Component, Incident, Page, StatusChange, Update
from incidents.status import ComponentStatus, Phase, RootCauseStatus
from tests.factories import make_component

pytestmark = pytest.mark.django_db


@pytest.fixture
def microsoft() -> Incident:
    sample.load()
    return Incident.objects.get(title__en="Delayed mail to recipients on Microsoft 365")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_microsoft_365_incident_lasts_from_monday_23_00_to_wednesday_19_00(microsoft: Incident) -> None:
    assert microsoft.started_at == utc(2023, 10, 9, 21, 0)
    assert microsoft.ended_at == utc(2023, 10, 11, 17, 0)
    assert microsoft.is_public


def test_microsoft_365_incident_goes_from_identified_over_mitigated_to_resolved(microsoft: Incident) -> None:
    updates = microsoft.updates.order_by("at")
    assert [update.phase for update in updates] == [Phase.IDENTIFIED, Phase.MITIGATED, Phase.RESOLVED]
    assert microsoft.phase == Phase.RESOLVED
    assert all(microsoft.started_at < update.at < utc(2023, 10, 12) for update in updates)


FIRST_UPDATE = {
    "da": [
        r"Microsoft 365 \(Office 365\) kan i øjeblikket ikke leveres",
        "Microsoft har meddelt sine brugere",
        "globalt og gælder ikke kun",
        r"Afhjælpning:.*egne mailsystemer.*prøve i længere tid end normalt",
        "leveret, så snart Microsoft har løst problemet",
    ],
    "en": [
        r"Microsoft 365 \(Office 365\) cannot be delivered at present",
        "Microsoft has told its users",
        "global and not specific to",
        r"Mitigation:.*own mail systems.*retrying for longer than usual",
        "delivered as soon as Microsoft has solved the problem",
    ],
}


def test_first_update_says_what_is_known_in_both_languages(microsoft: Incident) -> None:
    text = microsoft.updates.order_by("at")[0].text
    for language, facts in FIRST_UPDATE.items():
        for fact in facts:
            assert re.search(fact, text[language]), fact


def test_details_tell_the_whole_story_in_both_languages(microsoft: Incident) -> None:
    for name in ("title", "user_impact", "scope", "workaround", "root_cause", "next_steps"):
        assert set(getattr(microsoft, name)) == {"da", "en"}, name
    assert "451 4.7.500 Server busy" in microsoft.user_impact["da"]
    assert re.search("op til en time.*op til 24 timer", microsoft.user_impact["da"])
    assert re.search("up to an hour.*up to 24 hours", microsoft.user_impact["en"])
    assert microsoft.root_cause_status == RootCauseStatus.PRELIMINARY
    assert microsoft.upstream_name == "Microsoft 365"
    assert microsoft.upstream_url.startswith("https://")


def test_final_update_quotes_microsoft_in_english_with_its_source(microsoft: Incident) -> None:
    final = microsoft.updates.get(phase=Phase.RESOLVED)
    assert "om aftenen den 11. oktober" in final.text["da"]
    assert final.quote_language == "en"
    assert final.quote_url.startswith("https://")
    headings = re.findall(r"^\*\*(.+?):\*\*", final.quote, re.MULTILINE)
    assert headings == [
        "Impact",
        "Final status",
        "Scope of impact",
        "Start time",
        "End time",
        "Preliminary root cause",
        "Next steps",
    ]


QUOTED = [
    "targeted reversion",
    "Residual delays .* about an hour",
    "Some users, worldwide",
    "some IP addresses",
    "9 October 2023, 21:00 UTC",
    "11 October 2023, 17:00 UTC",
    "service update to the part .* enforces IP anti-spam rules contained a code error",
    "how the error was introduced, and why it was not caught by our tests",
]


def test_quoted_statement_has_microsofts_facts(microsoft: Incident) -> None:
    quote = microsoft.updates.get(phase=Phase.RESOLVED).quote
    for fact in QUOTED:
        assert re.search(fact, quote), fact


def test_outgoing_mail_is_back_when_microsoft_365_incident_is_over(microsoft: Incident) -> None:
    changes = StatusChange.objects.filter(component__slug="outgoing-mail", update__incident=microsoft).order_by("at")
    assert [change.status for change in changes] == [
        ComponentStatus.PARTIAL_OUTAGE,
        ComponentStatus.DEGRADED_PERFORMANCE,
        ComponentStatus.OPERATIONAL,
    ]


def test_sample_tells_nobody_anything() -> None:
    sample.load()
    assert not Announcement.objects.exists()
    assert not Update.objects.filter(notify=True).exists()


def test_sample_has_a_dozen_components_of_which_one_is_degraded() -> None:
    sample.load()
    assert Component.objects.public().count() == 12
    troubled = Component.objects.exclude(status=ComponentStatus.OPERATIONAL)
    assert [(component.slug, component.status) for component in troubled] == [
        ("webmail", ComponentStatus.DEGRADED_PERFORMANCE)
    ]


def test_sample_shows_every_kind_of_thing_a_page_can_hold() -> None:
    sample.load()
    incidents, now = Incident.objects.public().incidents(), datetime.now(UTC)
    assert incidents.ongoing().count() == 1
    assert incidents.filter(phase=Phase.POSTMORTEM).count() == 1
    assert incidents.filter(started_at__gt=now - timedelta(days=90)).count() >= 5
    assert Incident.objects.maintenances().upcoming().filter(scheduled_for__gt=now).count() == 1
    assert Incident.objects.maintenances().filter(phase=Phase.COMPLETED, ended_at__lt=now).count() == 1


def test_one_incident_waits_for_its_english_text_and_all_else_is_in_both_languages() -> None:
    sample.load()
    untranslated = {incident for incident in Incident.objects.all() if "en" not in incident.title}
    assert len(untranslated) == 1
    for update in Update.objects.exclude(incident__in=untranslated):
        assert set(update.text) == {"da", "en"}
    for component in Component.objects.all():
        assert set(component.name) == set(component.description) == {"da", "en"}


# Just after midnight, the day after the change from summer time, and a leap day.
@pytest.mark.parametrize("now", [utc(2026, 3, 1, 23, 1), utc(2026, 10, 25, 23, 30), utc(2028, 2, 29, 12, 0)])
def test_sample_loads_on_any_day(now: datetime) -> None:
    with time_machine.travel(now, tick=False):
        sample.load()
        assert not Update.objects.filter(at__gt=now).exists()
        assert Incident.objects.ongoing().get().next_update_by is not None


def test_second_load_changes_nothing_and_says_so() -> None:
    first, second = StringIO(), StringIO()
    call_command("load_sample", stdout=first)
    before = list(Update.objects.order_by("id").values())
    call_command("load_sample", stdout=second)
    assert "12 components" in first.getvalue()
    assert "not loaded" in second.getvalue()
    assert list(Update.objects.order_by("id").values()) == before


def test_sample_is_not_mixed_into_a_page_in_use() -> None:
    make_component("mail")
    with pytest.raises(sample.AlreadyInUse):
        sample.load()
    assert not Page.objects.exists()
    assert Component.objects.count() == 1


def test_load_that_breaks_off_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(**_fields: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "schedule_maintenance", break_off)
    with pytest.raises(KeyboardInterrupt):
        sample.load()
    assert not Page.objects.exists()
    assert not Component.objects.exists()
    assert not Incident.objects.exists()


def test_page_in_danish_alone_gets_danish_texts(settings: Settings) -> None:
    settings.LANGUAGES = [("da", "Dansk"), ("de", "Deutsch")]
    sample.load()
    assert set(Page.objects.get().name) == {"da"}
    assert all(set(update.text) == {"da"} for update in Update.objects.all())


def test_page_in_english_alone_leaves_out_what_is_written_in_danish_only(settings: Settings) -> None:
    settings.LANGUAGES, settings.LANGUAGE_CODE = [("en", "English")], "en"
    sample.load()
    assert all(set(incident.title) == {"en"} for incident in Incident.objects.all())


def test_page_in_neither_language_is_told_why_there_is_no_sample(settings: Settings) -> None:
    settings.LANGUAGES, settings.LANGUAGE_CODE = [("de", "Deutsch")], "de"
    with pytest.raises(CommandError, match="LANGUAGES"):
        call_command("load_sample")
    assert not Page.objects.exists()
