"""Which passwords of staff are accepted: long ones of any characters, but no easy ones."""

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.password_validation import get_default_password_validators, validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from incidents.models import Page
from incidents.text import Text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _page(db: None) -> None:
    Page.objects.all().delete()
    Page.objects.create(name=Text(da="Nordbanens driftsstatus", en="Nordbanen status"), company="Nordbanen A/S")


@pytest.mark.parametrize(
    "password",
    ["Nordbanen2026!", "driftsstatus-1", "Status Nordbanens", "ADMIN-status-99", "Sommer2026", "nordbanenabc"],
)
def test_password_of_words_that_are_easy_to_guess_here_is_refused(password: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password(password)
    assert [error.code for error in refused.value.error_list] == ["context_words"]


@pytest.mark.parametrize(
    "password",
    ["korrekt hest batteri", "Nordbanen kører forbi søen", "æøåÆØÅ漢字 🚲", "4711-0815-2342", "xyz" * 100],
)
def test_long_password_of_any_characters_is_accepted(password: str) -> None:
    validate_password(password)


@pytest.mark.parametrize("password", ["short1!", "password123", "iloveyou"])
def test_short_and_common_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_password_is_checked_as_it_was_typed() -> None:
    long = " Nordlys over fjorden " * 5
    get_user_model().objects.create_superuser("karen", password=long)
    for typed in (long.strip(), long.upper(), long[:72]):
        assert authenticate(username="karen", password=typed) is None
    answer = Client().post("/admin/login/?next=/admin/", {"username": "karen", "password": long})
    assert answer.status_code == 302


def test_new_installation_has_no_account() -> None:
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize("language", ["da", "en"])
def test_rules_are_explained_in_the_language_of_the_reader(language: str) -> None:
    with translation.override(language):
        rule = get_default_password_validators()[-1].get_help_text()
        with pytest.raises(ValidationError) as refused:
            validate_password("nordbanen1")
    assert ("navn" in rule, "navn" in refused.value.messages[-1]) == ((language == "da"),) * 2
