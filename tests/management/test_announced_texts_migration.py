"""The migration that keeps the title that the subjects of an incident's emails have."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from incidents.models import Announcement
from incidents.text import Text
from tests.factories import make_incident, make_statement, make_update
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

BEFORE = [("incidents", "0019_unknown_consent_times")]
MIGRATION = [("incidents", "0020_announced_texts")]


def test_incidents_that_were_announced_keep_their_present_title(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    title = Text(da="Mail er forsinket", en="Mail is delayed")
    released = announced(make_incident(title=title))
    held = make_update(released.update.incident, notify=True).announcements.get()
    make_incident(statement=make_statement(notify=True))
    connection.check_constraints()  # nothing is pending for the table that is altered
    MigrationExecutor(connection).migrate(BEFORE)
    MigrationExecutor(connection).migrate(MIGRATION)
    connection.check_constraints()  # a later migration alters the table again, and here all are one transaction
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    titles = dict(Announcement.objects.values_list("pk", "thread_title"))
    assert titles.pop(released.pk) == title
    assert titles.pop(held.pk) == Text()
    assert list(titles.values()) == [Text()]
