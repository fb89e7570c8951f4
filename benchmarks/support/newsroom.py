"""Times every page of the newsroom: `python -m benchmarks.support.newsroom INCIDENTS SUBSCRIBERS ROUNDS`.

Replaces all data with that many incidents, subscribers and deliveries of one announcement;
prints as JSON, for each page, its response times in ms and its number of queries.
"""

import json
import sys
import time
from collections.abc import Iterator

import django

django.setup()

# Models can be imported only once Django is set up.
from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.support import delivery_commands, history  # noqa: E402
from incidents import operations  # noqa: E402
from incidents.garbage import spare_loaded_code  # noqa: E402
from incidents.models import Announcement, Component, Delivery, Incident, StaleSubject, Subscriber  # noqa: E402
from incidents.operations import Statement  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.status import ComponentStatus, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402
from statuspage.django_process import load_views  # noqa: E402

LISTS = "incident maintenance subscriber delivery announcement bounce component componentgroup updatetemplate".split()
# Some messages fail or wait, and the others were sent within an hour.
_OUTCOMES = """
UPDATE incidents_delivery
   SET state = CASE WHEN id %% 50 = 0 THEN 'failed' WHEN id %% 30 = 0 THEN 'deferred' ELSE 'sent' END,
       reply_code = CASE WHEN id %% 50 = 0 THEN 550 WHEN id %% 30 = 0 THEN 451 ELSE 250 END,
       sent_at = %s - id %% 3600 * interval '1 second'
 WHERE state = 'queued'
"""


def fill(incidents: int, subscribers: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incidents_announcement CASCADE")
    history.fill(incidents)
    delivery_commands.fill(str(subscribers))
    _spread_sign_ups()
    _choose_components()
    delivery_commands.announce()
    delivery_commands.expand()
    _add_updates()
    add_outcomes()
    StaleSubject.objects.all().delete()


def add_outcomes() -> None:
    """Let all queued deliveries be sent, fail or wait."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [timezone.now()])
        cursor.execute("VACUUM ANALYZE")  # as autovacuum does after so many new rows


def _spread_sign_ups() -> None:
    # One a minute. Lists are sorted by it, and the comparison of ids takes several times as long.
    with connection.cursor() as cursor:
        cursor.execute("""
            UPDATE incidents_subscriber SET created_at = now() - numbered.place * interval '1 minute'
              FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM incidents_subscriber) AS numbered
             WHERE numbered.id = incidents_subscriber.id
        """)


def _choose_components() -> None:
    # Every fifth subscriber follows one of the components.
    chosen = Subscriber.components.through
    components = list(Component.objects.values_list("pk", flat=True))
    pks = Subscriber.objects.order_by("pk").values_list("pk", flat=True)
    rows = enumerate(pk for place, pk in enumerate(pks) if place % 5 == 0)
    chosen.objects.bulk_create(
        [chosen(subscriber_id=pk, component_id=components[place % len(components)]) for place, pk in rows],
        batch_size=10_000,
    )


@transaction.atomic
def _add_updates() -> None:
    # An incident with a long timeline, that affects components, and a draft.
    incident = Announcement.objects.latest("id").update.incident
    affected = dict.fromkeys(
        Component.objects.order_by("position").values_list("pk", flat=True)[:2], ComponentStatus.PARTIAL_OUTAGE
    )
    for number in range(20):
        text = Text(
            da=history.DANISH.format(name="Mail", number=number), en=history.ENGLISH.format(name="Mail", number=number)
        )
        statement = Statement(phase=Phase.IDENTIFIED, text=text, components=affected, notify=False)
        operations.post_update(by=command("benchmark"), incident=incident, statement=statement, draft=number == 19)


def pages() -> Iterator[tuple[str, str]]:
    """Name and URL of every page."""
    yield "front", reverse("admin:index")
    for model in LISTS:
        yield f"list_{model}", reverse(f"admin:incidents_{model}_changelist")
    yield from _lists()
    yield from _incident_pages()
    yield from _other_pages()


def _lists() -> Iterator[tuple[str, str]]:
    incidents, subscribers, deliveries = (
        reverse(f"admin:incidents_{model}_changelist") for model in ("incident", "subscriber", "delivery")
    )
    last = max(1, Incident.objects.incidents().count() // 50)
    yield "incidents_last", f"{incidents}?p={last}"
    yield "incidents_by_title", f"{incidents}?o=1"
    yield "incidents_search_all", f"{incidents}?q=refused"
    yield "incidents_search_two_words", f"{incidents}?q=afviste+foresporgsler"
    yield "incidents_search_one", f"{incidents}?q=7"
    yield "subscribers_last", f"{subscribers}?p={max(1, Subscriber.objects.count() // 50)}"
    yield "subscribers_by_address", f"{subscribers}?o=1"
    yield "subscribers_search_all", f"{subscribers}?q=reader"
    yield "subscribers_search_one", f"{subscribers}?q=reader7"
    yield "deliveries_failed", f"{deliveries}?state__exact=failed"
    yield "deliveries_last", f"{deliveries}?p={max(1, Delivery.objects.count() // 50)}"
    yield "deliveries_search", f"{deliveries}?q=reader7"


def _incident_pages() -> Iterator[tuple[str, str]]:
    announcement = Announcement.objects.latest("id")
    incident = announcement.update.incident
    old = Incident.objects.incidents().oldest_first()[0]
    draft = incident.updates.filter(published_at=None).get()
    yield "new_incident", reverse("admin:incidents_incident_add")
    yield "new_maintenance", reverse("admin:incidents_maintenance_add")
    for name, one in (("", incident), ("old_", old)):
        for page in ("change", "update", "details", "withdraw", "history"):
            yield f"{name}incident_{page}", reverse(f"admin:incidents_incident_{page}", args=[one.pk])
    yield "incident_held", reverse("admin:incidents_incident_held", args=[incident.pk])
    yield "draft", reverse("admin:incidents_incident_draft", args=[incident.pk, draft.pk])
    yield "publish_draft", reverse("admin:incidents_incident_publish", args=[incident.pk, draft.pk])
    yield "correct", reverse("admin:incidents_incident_correct", args=[incident.pk, announcement.update_id])
    yield "details_versions", reverse("admin:incidents_incident_details_versions", args=[incident.pk])
    yield "draft_versions", reverse("admin:incidents_incident_draft_versions", args=[incident.pk, draft.pk])
    for page in ("panel", "stop", "resend"):
        yield f"announcement_{page}", reverse(f"admin:incidents_incident_{page}", args=[incident.pk, announcement.pk])
    query = "&".join(f"component={pk}" for pk in draft.affected.values_list("component", flat=True))
    yield "audience", f"{reverse('admin:incidents_incident_audience')}?incident={incident.pk}&{query}"


def _other_pages() -> Iterator[tuple[str, str]]:
    for model in (Subscriber, Delivery, Announcement, Component):
        name = model._meta.model_name
        yield f"{name}_change", reverse(f"admin:incidents_{name}_change", args=[model._default_manager.latest("pk").pk])
    yield "export", reverse("admin:incidents_subscriber_export")
    yield "delivery_overview", reverse("admin:incidents_delivery_overview")
    yield "users", reverse("admin:auth_user_changelist")
    yield "groups", reverse("admin:auth_group_changelist")
    yield "alarms", reverse("admin:alarms")
    yield "publishing", reverse("admin:publishing")
    yield "writers", reverse("admin:writers")


def timed(client: Client, address: str) -> float:
    start = time.perf_counter()
    answer = client.get(address, follow=True)
    milliseconds = 1_000 * (time.perf_counter() - start)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code}")
    return milliseconds


def measured(rounds: int) -> dict[str, dict[str, list[float] | int]]:
    load_views()
    spare_loaded_code()  # as the process that runs Django does
    client = Client(headers={"Accept-Language": "en"}, SERVER_NAME="localhost")
    user = get_user_model().objects.filter(is_superuser=True).first()
    client.force_login(user or get_user_model().objects.create_superuser("karen"))
    found: dict[str, dict[str, list[float] | int]] = {}
    for name, address in pages():
        timed(client, address)  # compiles its templates
        with CaptureQueriesContext(connection) as queries:
            timed(client, address)
        found[name] = {"queries": len(queries), "times": [timed(client, address) for _round in range(rounds)]}
    return found


def main(incidents: int, subscribers: int, rounds: int) -> None:
    fill(incidents, subscribers)
    print(json.dumps(measured(rounds)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
