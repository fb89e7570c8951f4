"""A publisher killed at any point leaves nothing that the clock does not mend."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from incidents import clock
from incidents.models import Incident, StaleSubject
from incidents.publishing.publish import differences, publish_all
from incidents.publishing.store import PublicStore
from tests.factories import make_page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


def open_incident_and_die(at_step: int) -> subprocess.CompletedProcess[str]:
    database = connection.settings_dict
    host = f"?host={database['HOST']}" if database["HOST"].startswith("/") else ""
    where = "" if host else f"{database['HOST']}:{database['PORT']}"
    variables = {
        "DATABASE_URL": f"postgresql://{database['USER']}:{database['PASSWORD']}@{where}/{database['NAME']}{host}",
        "PUBLIC_ROOT": str(settings.PUBLIC_ROOT),
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
    }
    command = [sys.executable, "-m", "tests.publishing.crash", str(at_step)]
    return subprocess.run(
        command, env={**os.environ, **variables}, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )


def test_publisher_killed_at_any_step_is_made_good_by_the_clock() -> None:
    make_page()
    publish_all()
    survived = open_incident_and_die(at_step=1_000_000)
    steps = int(survived.stdout)
    assert steps > 20
    # One of every kind and the last ones; all of them would take minutes and show nothing new.
    for step in [0, 1, steps // 3, steps // 2, steps - 2, steps - 1]:
        died = open_incident_and_die(at_step=step)
        assert died.returncode == -9, died.stderr
        clock.mend_store()
        assert list(differences()) == [], f"killed at step {step} of {steps}"
        assert not StaleSubject.objects.exists()
    assert Incident.objects.public().count() == 7
    assert not list(PublicStore().root.rglob("*.tmp"))
