"""The first password of `make run` is never lost, and is deleted after the first login."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User, UserManager
from django.utils import timezone
from pytest_django import Settings

from statuspage.local import admin_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "first_password"


def shown() -> str:
    return admin_account.prepare("").removeprefix("password ").partition(" ")[0]


def test_random_password_is_shown_until_somebody_has_logged_in() -> None:
    password = shown()
    assert User.objects.get().check_password(password)
    assert shown() == password
    User.objects.update(last_login=timezone.now())
    assert admin_account.prepare("") == admin_account.UNCHANGED


def test_file_is_readable_by_its_owner_only_and_goes_with_the_first_log_in(file: Path) -> None:
    admin_account.prepare("")
    assert file.stat().st_mode & 0o777 == 0o600
    User.objects.update(last_login=timezone.now())
    admin_account.prepare("")
    assert not file.exists()


def test_interruption_before_the_account_is_made_loses_no_password(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    def interrupt(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(UserManager, "create_superuser", interrupt)
        with pytest.raises(KeyboardInterrupt):
            admin_account.prepare("")
    written = file.read_text(encoding="utf-8")
    assert shown() == written
    assert User.objects.get().check_password(written)


def test_changed_password_is_not_shown_and_the_first_one_is_forgotten(file: Path) -> None:
    admin_account.prepare("")
    user = User.objects.get()
    user.set_password("another password")
    user.save()
    assert admin_account.prepare("") == admin_account.UNCHANGED
    assert not file.exists()


def test_chosen_password_is_neither_shown_nor_kept(file: Path) -> None:
    assert admin_account.prepare("chosen by the operator") == "password as in ADMIN_PASSWORD"
    assert not file.exists()
    assert admin_account.prepare("") == admin_account.UNCHANGED
