"""The sample page loads on any day and in any language, only once and completely."""

from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings

from incidents.management import sample
from incidents.models import Component, Incident, Page, Update
from tests.factories import make_component

pytestmark = pytest.mark.django_db


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# Just after midnight, the day after the change from summer time, and a leap day.
@pytest.mark.parametrize("now", [utc(2026, 3, 1, 23, 1), utc(2026, 10, 25, 23, 30), utc(2028, 2, 29, 12, 0)])
def test_sample_loads_on_any_day(now: datetime) -> None:
    with time_machine.travel(now, tick=False):
        sample.load()
        assert not Update.objects.filter(at__gt=now).exists()
        assert Incident.objects.ongoing().get().next_update_by is not None


def test_second_load_changes_nothing_and_reports_it() -> None:
    first, second = StringIO(), StringIO()
    call_command("load_sample", stdout=first)
    before = list(Update.objects.order_by("id").values())
    call_command("load_sample", stdout=second)
    assert "12 components" in first.getvalue()
    assert "not loaded" in second.getvalue()
    assert list(Update.objects.order_by("id").values()) == before


def test_sample_is_not_loaded_into_a_page_in_use() -> None:
    make_component("mail")
    with pytest.raises(sample.AlreadyInUse):
        sample.load()
    assert not Page.objects.exists()
    assert Component.objects.count() == 1


def test_interrupted_load_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_fields: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "schedule_maintenance", interrupt)
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


def test_page_in_english_alone_omits_danish_incidents(settings: Settings) -> None:
    settings.LANGUAGES, settings.LANGUAGE_CODE = [("en", "English")], "en"
    sample.load()
    assert all(set(incident.title) == {"en"} for incident in Incident.objects.all())


def test_page_in_neither_language_gets_an_error(settings: Settings) -> None:
    settings.LANGUAGES, settings.LANGUAGE_CODE = [("de", "Deutsch")], "de"
    with pytest.raises(CommandError, match="LANGUAGES"):
        call_command("load_sample")
    assert not Page.objects.exists()
