"""What somebody sees whose form or account is refused."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_form_that_was_open_too_long_says_what_to_do() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {}, headers={"accept-language": "en"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert '<html lang="en"' in page
    assert "Go back, copy what you wrote" in page
    assert "<style" not in page


def test_who_may_not_is_told_so_in_their_language(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    client.force_login(reader)
    answer = client.get("/admin/incidents/component/add/", headers={"accept-language": "en"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert '<html lang="en"' in page
    assert "does not have permission" in page
    refused = f"Refused: GET '/admin/incidents/component/add/', account {reader.pk}, from 127.0.0.0/24"
    assert refused in caplog.messages
