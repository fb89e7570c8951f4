"""The log-in against a provider that others wrote, in a process of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from incidents.staff import roles
from statuspage.single_sign_on import Provider

pytestmark = pytest.mark.django_db

CLAIMS = '{"sub": "anna-1", "preferred_username": "anna", "groups": ["ops"]}'


@pytest.fixture
def address() -> Iterator[str]:
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0", "--user-claims", CLAIMS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"http://\S+:(\d+)", line) for line in process.stderr)))
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.terminate()
            process.stderr.read()


def test_person_logs_in(address: str, settings: Settings) -> None:
    roles.update_groups()
    settings.OIDC = Provider(address, "statuspage", "a secret", "groups", "")
    settings.SSO_ROLES = [("ops", "role:publisher")]
    client = Client()
    begun: Any = client.get("/admin/single-sign-on/")
    agreed = requests.post(begun.url, data={"sub": "anna-1"}, allow_redirects=False, timeout=10)
    answer = client.get("/admin/single-sign-on/callback/?" + agreed.headers["Location"].partition("?")[2])
    assert answer.status_code == 302
    assert client.get("/admin/sessions/").status_code == 200
    assert set(User.objects.get(username="anna").groups.values_list("name", flat=True)) == {"role:publisher"}
