"""A public form only stores a request; a worker looks up the address (STANDARDS P5)."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from rq import Queue, SimpleWorker

from incidents import scheduler
from incidents.models import Component, RequestedMessage, Subscriber, SubscriptionRequest
from incidents.notifications import queues
from incidents.notifications.monitoring import health
from incidents.subscriptions import budget, limits, requests, service
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_component, make_incident, make_subscriber
from tests.subscriptions.visitor import Visitor, messages

pytestmark = pytest.mark.django_db

DANISH = Choices("da")
ADDRESS = "anna@example.dk"
WEBHOOK = "https://hooks.example.com/status"
STATES = ["pending", "active", "suspended", "unsubscribed", "erased", "limited"]
FORMS = ["subscribe", "follow", "request_manage_link", "subscribe_webhook"]


@pytest.fixture
def queue() -> Queue:
    return queues.queue(queues.REQUESTS)


def request_for(address: str = ADDRESS) -> SubscriptionRequest:
    return requests.to_subscribe(address, DANISH)


def prepare_state(state: str) -> None:
    if state == "limited":
        RequestedMessage.objects.create(mailbox=budget.mailbox_key(ADDRESS))
        return
    erased = state == "erased"
    for channel, address in (("email", ADDRESS), ("webhook", WEBHOOK)):
        owner = "" if channel == "email" else ADDRESS
        known = make_subscriber(address, channel=channel, owner=owner, state="active" if erased else state)
        if erased:
            service.erase(subscriber=known)


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Record this thread's SQL statements, without parameters and savepoint names."""
    statements: list[str] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(re.sub(r'(SAVEPOINT) ".*"', r"\1", sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        yield statements


def submit(visitor: Visitor, form: str, incident: str) -> tuple[list[str], bytes]:
    """Send a form and return its SQL statements and its response, before a worker processes it."""
    path = visitor.page(form, incident) if form == "follow" else visitor.page(form)
    fields = {"address": ADDRESS, "wants_incidents": "on", "scope": "all", "stamp": visitor.stamp(), "url": WEBHOOK}
    with recorded_statements() as statements:
        answer = visitor.client.post(path, fields)
    assert answer.status_code == 200
    SubscriptionRequest.objects.all().delete()
    return statements, answer.content


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("state", STATES)
def test_form_runs_the_same_statements_and_responds_the_same_for_every_address(
    anna: Visitor, form: str, state: str
) -> None:
    incident = make_incident().pk
    submit(anna, form, incident)  # fills the caches and creates the row of the network's limit
    unknown = submit(anna, form, incident)
    prepare_state(state)
    assert submit(anna, form, incident) == unknown
    assert any("INSERT INTO" in sql and SubscriptionRequest._meta.db_table in sql for sql in unknown[0])


@pytest.mark.parametrize("form", FORMS)
def test_web_request_never_reads_subscribers(anna: Visitor, form: str) -> None:
    statements, _answer = submit(anna, form, make_incident().pk)
    assert not [sql for sql in statements if "incidents_subscriber" in sql]


def test_several_requests_are_one_job_for_a_worker(
    queue: Queue, page: Any, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        requests.store(request_for("one@example.dk"))
        requests.store(request_for("two@example.dk"))
    assert len(queue) == 1
    SimpleWorker([queue], connection=queue.connection, serializer="json").work(burst=True)
    assert messages("one@example.dk") == messages("two@example.dk") == ["confirmation"]
    assert not SubscriptionRequest.objects.exists()


def test_job_processes_one_batch_and_enqueues_another_job(queue: Queue, page: Any) -> None:
    SubscriptionRequest.objects.bulk_create(request_for(f"{number}@example.dk") for number in range(150))
    requests.process_batch(timezone.now())
    assert (SubscriptionRequest.objects.count(), len(queue)) == (50, 1)
    requests.process_batch(timezone.now())
    assert (SubscriptionRequest.objects.count(), len(queue)) == (0, 1)


def test_job_ends_early_while_an_announcement_waits(queue: Queue, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It processes at least one request: the worker that takes announcements may be another one."""
    monkeypatch.setattr(queues, "is_waiting", lambda name: name == queues.EMAILS)
    SubscriptionRequest.objects.bulk_create(request_for(f"{number}@example.dk") for number in range(3))
    requests.process_batch(timezone.now())
    assert (SubscriptionRequest.objects.count(), len(queue)) == (2, 1)


def test_scheduler_processes_overlooked_requests(anna: Visitor) -> None:
    requests.store(request_for())
    scheduler.process_requests()
    assert messages() == []  # a worker may be about to take it
    anna.clock.shift(6)
    scheduler.process_requests()
    assert messages() == ["confirmation"]


def test_scheduler_gives_a_running_worker_longer(anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.Health, "request_workers", 1)
    requests.store(request_for())
    anna.clock.shift(6)
    scheduler.process_requests()
    assert messages() == []
    anna.clock.shift(25)
    scheduler.process_requests()
    assert messages() == ["confirmation"]


def test_failing_request_is_deferred_and_does_not_block_others(
    anna: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sign_up = service.sign_up

    def fail_for_anna(*, address: str, choices: Choices) -> None:
        sign_up(address=address, choices=choices)
        if address == ADDRESS:
            raise DatabaseError("invalid byte sequence")

    monkeypatch.setattr(service, "sign_up", fail_for_anna)
    requests.store(request_for())
    requests.store(request_for("ben@example.dk"))
    assert requests.process_due(timezone.now()) == 2
    assert (messages(), messages("ben@example.dk")) == ([], ["confirmation"])
    assert "invalid byte sequence" in caplog.text
    assert ADDRESS not in caplog.text
    assert requests.process_due(timezone.now()) == 0
    monkeypatch.undo()
    anna.clock.shift(31)
    assert requests.process_due(timezone.now()) == 1
    assert messages() == ["confirmation"]


def test_request_that_fails_for_a_day_is_deleted_and_logged(anna: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    requests.store(request_for())
    anna.clock.shift(timedelta(days=1, seconds=1))
    scheduler.forget_sign_ups()
    assert not SubscriptionRequest.objects.exists()
    assert "1 subscription requests were given up" in caplog.text


def test_beyond_a_limit_of_the_requester_no_address_is_stored(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NETWORK", limits.Limit("network", timedelta(minutes=2), burst=3))
    for number in range(3):
        requests.store(request_for(f"{number}@example.dk"), network="192.0.2.0/24")
    with pytest.raises(limits.LimitReached) as reached:
        requests.store(request_for(), network="192.0.2.0/24")
    assert timedelta(minutes=1) < reached.value.wait <= timedelta(minutes=2)
    assert SubscriptionRequest.objects.count() == 3
    requests.store(request_for(), network="198.51.100.0/24")


def test_request_waits_while_nobody_can_be_written_to(anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVERYBODY", limits.Limit("everybody", timedelta(minutes=10)))
    requests.store(request_for("ben@example.dk"))
    requests.store(request_for())
    requests.process_due(timezone.now())
    assert (messages("ben@example.dk"), messages()) == (["confirmation"], [])
    assert not Subscriber.objects.filter(address=ADDRESS).exists()
    for _minute in range(20):
        anna.clock.shift(60)
        requests.process_due(timezone.now())
    assert messages() == ["confirmation"]


def test_choices_are_kept_without_components_deleted_since(page: Any) -> None:
    kept, deleted = make_component("Mail"), make_component("Web")
    choices = Choices("en", wants_incidents=True, wants_maintenance=False, components=(kept, deleted))
    requests.store(requests.to_subscribe(ADDRESS, choices))
    Component.objects.filter(pk=deleted.pk).delete()
    requests.process_due(timezone.now())
    subscriber = Subscriber.objects.get()
    assert (subscriber.language, subscriber.wants_incidents, subscriber.wants_maintenance) == ("en", True, False)
    assert list(subscriber.components.all()) == [kept]


def test_incident_withdrawn_since_the_request_is_not_followed(page: Any) -> None:
    incident = make_incident()
    requests.store(requests.to_follow(ADDRESS, incident, "da"))
    type(incident).objects.update(published_at=None)
    assert requests.process_due(timezone.now()) == 1
    assert not Subscriber.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_several_workers_process_each_request_once(page: Any) -> None:
    for number in range(12):
        requests.store(request_for(f"{number}@example.dk"))

    def work() -> int:
        try:
            return requests.process_due(timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(work) for _worker in range(3)]
    assert sum(one.result() for one in done) == 12
    assert [len(messages(f"{number}@example.dk")) for number in range(12)] == [1] * 12
