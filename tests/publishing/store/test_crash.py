"""The scheduler repairs the store after a publisher is killed at any point."""

from pathlib import Path

import pytest

from incidents import scheduler
from incidents.models import Incident, StaleSubject
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences
from tests.publishing.blank import publish_blank_page
from tests.publishing.processes import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


def test_scheduler_repairs_the_store_after_a_killed_publisher(public_store: Path, blank_store: Path) -> None:
    publish_blank_page(public_store, blank_store)
    with start("crash") as publishers:

        def open_incident_and_die(at_step: int) -> tuple[int, int]:
            """Return the exit code of the publisher and its number of steps."""
            assert publishers.stdin
            assert publishers.stdout
            print(at_step, file=publishers.stdin, flush=True)
            code, steps = publishers.stdout.readline().split()
            return int(code), int(steps)

        open_incident_and_die(at_step=1_000_000)  # the first changes more: the badge, the banner
        code, steps = open_incident_and_die(at_step=1_000_000)
        assert code == 0
        assert steps > 20
        # One step of each kind, and the last ones; all of them would take minutes.
        for step in [0, 1, steps // 3, steps // 2, steps - 2, steps - 1]:
            assert open_incident_and_die(at_step=step) == (-9, step)
            scheduler.repair_store()
            assert list(differences()) == [], f"killed at step {step} of {steps}"
            assert not StaleSubject.objects.exists()
        publishers.communicate()
    assert Incident.objects.public().count() == 8
    assert not list(PublicStore().root.rglob("*.tmp"))
