"""The sample page contains every fact of the incident that led to this product."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from incidents.management import sample
from incidents.models import Announcement, Component, Incident, StatusChange, Update
from incidents.status import ComponentStatus, Phase, RootCauseStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loaded")]


@pytest.fixture(scope="module")
def _loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Load the sample page once for all tests of this file, in a transaction that is rolled back after them."""
    with django_db_blocker.unblock(), transaction.atomic():
        sample.load()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def microsoft() -> Incident:
    return Incident.objects.get(title__en="Delayed mail to recipients on Microsoft 365")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_microsoft_365_incident_lasts_from_monday_23_00_to_wednesday_19_00(microsoft: Incident) -> None:
    assert microsoft.started_at == utc(2023, 10, 9, 21, 0)
    assert microsoft.ended_at == utc(2023, 10, 11, 17, 0)
    assert microsoft.is_public


def test_microsoft_365_incident_goes_from_identified_to_mitigated_to_resolved(microsoft: Incident) -> None:
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


def test_details_are_complete_in_both_languages(microsoft: Incident) -> None:
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


def test_outgoing_mail_is_operational_after_the_microsoft_365_incident(microsoft: Incident) -> None:
    changes = StatusChange.objects.filter(component__slug="outgoing-mail", at__gte=microsoft.started_at)
    assert [(change.at, change.status, change.causes) for change in changes[:3]] == [
        (microsoft.started_at, ComponentStatus.PARTIAL_OUTAGE, [microsoft.pk]),
        (microsoft.updates.get(phase=Phase.MITIGATED).at, ComponentStatus.DEGRADED_PERFORMANCE, [microsoft.pk]),
        (microsoft.ended_at, ComponentStatus.OPERATIONAL, []),
    ]


def test_sample_notifies_nobody() -> None:
    assert not Announcement.objects.exists()
    assert not Update.objects.filter(notify=True).exists()


def test_sample_has_a_dozen_components_of_which_one_is_degraded() -> None:
    assert Component.objects.public().count() == 12
    troubled = Component.objects.exclude(status=ComponentStatus.OPERATIONAL)
    assert [(component.slug, component.status) for component in troubled] == [
        ("webmail", ComponentStatus.DEGRADED_PERFORMANCE)
    ]


def test_sample_has_every_kind_of_content() -> None:
    incidents, now = Incident.objects.public().incidents(), datetime.now(UTC)
    assert incidents.ongoing().count() == 1
    assert incidents.filter(phase=Phase.POSTMORTEM).count() == 1
    assert incidents.filter(started_at__gt=now - timedelta(days=90)).count() >= 5
    assert Incident.objects.maintenances().upcoming().filter(scheduled_for__gt=now).count() == 1
    assert Incident.objects.maintenances().filter(phase=Phase.COMPLETED, ended_at__lt=now).count() == 1


def test_one_incident_lacks_its_english_text_and_all_else_is_in_both_languages() -> None:
    untranslated = {incident for incident in Incident.objects.all() if "en" not in incident.title}
    assert len(untranslated) == 1
    for update in Update.objects.exclude(incident__in=untranslated):
        assert set(update.text) == {"da", "en"}
    for component in Component.objects.all():
        assert set(component.name) == set(component.description) == {"da", "en"}
