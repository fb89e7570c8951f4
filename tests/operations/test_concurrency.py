"""Two verbs at once, on incidents that share components."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from harness.waiting import wait_for
from incidents import operations, scheduler
from incidents.models import (
    Component,
    ComponentUpdate,
    Delivery,
    Incident,
    ManualStatus,
    StaleSubject,
    StatusChange,
    Update,
)
from incidents.notifications import release
from incidents.operations import derived_changes, stored_changes
from incidents.staff import audit
from incidents.status import ComponentStatus, Phase
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads with database connections of their own."""
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(connections.close_all).result()


def set_status(component: Component, status: ComponentStatus = ComponentStatus.MAJOR_OUTAGE) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
        operations.set_component_status(by=ANYBODY, component=component, status=status)


def rebuild(component: Component) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
        operations.rebuild_statuses(components=[component.pk], announce=False)


def test_draft_that_is_being_saved_holds_up_no_rebuild_of_its_components(pool: ThreadPoolExecutor) -> None:
    make_page()
    mail = make_component("mail")
    ManualStatus.objects.create(component=mail, status=ComponentStatus.MAJOR_OUTAGE)
    with transaction.atomic():
        make_incident(components={mail: ComponentStatus.PARTIAL_OUTAGE}, draft=True)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit does: it locks what the draft refers to
        pool.submit(rebuild, mail).result()
    assert StatusChange.objects.get().status == ComponentStatus.MAJOR_OUTAGE


def post(incident: Incident, components: dict[str, ComponentStatus]) -> None:
    statement = make_statement(Phase.IDENTIFIED, components=components)
    operations.post_update(by=ANYBODY, incident=incident, statement=statement)


def test_updates_of_two_incidents_at_once_lose_no_claim(pool: ThreadPoolExecutor) -> None:
    make_page()
    components = [make_component(name) for name in ("mail", "web", "dns")]
    one, other = make_incident(), make_incident()
    forwards = {component.pk: ComponentStatus.PARTIAL_OUTAGE for component in components}
    backwards = dict.fromkeys([component.pk for component in reversed(components)], ComponentStatus.MAJOR_OUTAGE)
    for _round in range(5):
        posted = pool.submit(post, other, backwards)
        post(one, forwards)
        posted.result()
    keys = [component.pk for component in components]
    assert stored_changes(keys) == derived_changes(keys)
    assert {component.status for component in Component.objects.all()} == {ComponentStatus.MAJOR_OUTAGE}


def test_due_update_waits_for_its_turn_before_it_locks_its_incident(pool: ThreadPoolExecutor) -> None:
    incident = make_incident()
    now = timezone.now()
    update = make_update(incident, publish_at=now + timedelta(minutes=5))
    Update.objects.filter(pk=update.pk).update(publish_at=now)
    with transaction.atomic():
        audit.take_turn()  # as a verb of staff does, which then locks the incident
        published = pool.submit(operations.publish_due, update=update)
        wait_for(is_connection_blocked)
        Incident.objects.select_for_update(nowait=True).get(pk=incident.pk)
    assert published.result()


def test_two_schedulers_start_maintenance_once(pool: ThreadPoolExecutor) -> None:
    now = timezone.now()
    incident = make_maintenance(start=now, end=now + timedelta(hours=2), auto_start=True)
    other = pool.submit(scheduler.change_due_maintenance)
    scheduler.change_due_maintenance()
    other.result()
    assert list(incident.updates.order_by("at", "created_at").values_list("phase", flat=True)) == [
        "scheduled",
        "in_progress",
    ]


def test_change_during_a_release_is_posted_on_its_own_and_nothing_is_released_twice(
    pool: ThreadPoolExecutor, settings: Settings
) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_page()
    mail = make_component("mail")
    make_subscriber("https://example.dk/hook", channel="webhook", owner="drift@example.dk")
    set_status(mail)
    StaleSubject.objects.all().delete()
    with transaction.atomic():
        assert release.release_component_updates(timezone.now()) == 1
        assert pool.submit(release.release_component_updates, timezone.now()).result() == 0
        changed = pool.submit(set_status, mail, ComponentStatus.OPERATIONAL)
        wait_for(is_connection_blocked)
    changed.result()
    rows = ComponentUpdate.objects.order_by("created_at").values_list("old_status", "new_status", "expanded_at")
    found = [(old, new, expanded is not None) for old, new, expanded in rows]
    assert found == [("operational", "major_outage", True), ("major_outage", "operational", False)]
    assert Delivery.objects.count() == 1
